"""Conserved quantities of laws: the null space of the rate along the law, over a library."""
