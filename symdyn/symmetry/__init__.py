"""Symmetry of functions: the Lie derivative, and the coefficients of a library that a symmetry admits."""

from symdyn.symmetry.conserved.laws import ConservationLaw, ConservationLaws
from symdyn.symmetry.conserved.result import ConservedQuantities, ConservedQuantity, Drift
from symdyn.symmetry.discovery import DiscreteSymmetry, Scalings, Symmetries, Symmetry, VectorFields
from symdyn.symmetry.enforce import enforce
from symdyn.symmetry.invariants import Equivariants, Invariants
from symdyn.symmetry.lie_derivative import kernel_lie_derivative, lie_derivative
from symdyn.symmetry.subspace import Subspace
from symdyn.symmetry.units import Scales, homogeneous, nondimensionalise

__all__ = [
    "ConservationLaw",
    "ConservationLaws",
    "ConservedQuantities",
    "ConservedQuantity",
    "DiscreteSymmetry",
    "Drift",
    "Equivariants",
    "Invariants",
    "Scales",
    "Scalings",
    "Subspace",
    "Symmetries",
    "Symmetry",
    "VectorFields",
    "enforce",
    "homogeneous",
    "kernel_lie_derivative",
    "lie_derivative",
    "nondimensionalise",
]
