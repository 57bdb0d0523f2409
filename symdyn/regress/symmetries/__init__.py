"""Symmetries of laws and data."""
