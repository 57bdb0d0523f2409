"""Symmetry of functions: the Lie derivative, and the coefficients of a library that a symmetry admits."""

from symdyn.symmetry.enforce import enforce
from symdyn.symmetry.lie_derivative import lie_derivative
from symdyn.symmetry.subspace import Subspace

__all__ = ["Subspace", "enforce", "lie_derivative"]
