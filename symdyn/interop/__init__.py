"""Doors to other packages: what symdyn knows, in their conventions."""
