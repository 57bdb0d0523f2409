"""Promotion in a regression: the symmetries that data do not contradict are kept, the others given up."""
