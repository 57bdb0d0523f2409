"""Symmetry of functions: the Lie derivative, and the coefficients of a library that a symmetry admits."""

from symdyn.symmetry.enforce import enforce
from symdyn.symmetry.invariants import Equivariants, Invariants
from symdyn.symmetry.lie_derivative import kernel_lie_derivative, lie_derivative
from symdyn.symmetry.subspace import Subspace
from symdyn.symmetry.units import Scales, homogeneous, nondimensionalise

__all__ = [
    "Equivariants",
    "Invariants",
    "Scales",
    "Subspace",
    "enforce",
    "homogeneous",
    "kernel_lie_derivative",
    "lie_derivative",
    "nondimensionalise",
]
