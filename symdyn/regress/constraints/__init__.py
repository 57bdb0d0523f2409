"""Constraints on the coefficients of a law: their language, and the least-squares problems that they leave."""
