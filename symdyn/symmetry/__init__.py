"""Symmetry of functions: the Lie derivative, and the coefficients of a library that a symmetry admits."""

from symdyn.symmetry.conserved.laws import ConservationLaw, ConservationLaws
from symdyn.symmetry.conserved.result import ConservedQuantities, ConservedQuantity, Drift
from symdyn.symmetry.discovery import DiscreteSymmetry, Scalings, Symmetries, Symmetry, VectorFields
from symdyn.symmetry.enforce import enforce
from symdyn.symmetry.invariants import Equivariants, Invariants
from symdyn.symmetry.lie_derivative import kernel_lie_derivative, lie_derivative
from symdyn.symmetry.promotion import (
    BrokenSymmetry,
    Empirical,
    GroupNorm,
    LogDet,
    NuclearNorm,
    Promoted,
    UniformBox,
    broken_symmetry,
    promote,
)
from symdyn.symmetry.subspace import Subspace
from symdyn.symmetry.units import Scales, homogeneous, nondimensionalise

__all__ = [
    "BrokenSymmetry",
    "ConservationLaw",
    "ConservationLaws",
    "ConservedQuantities",
    "ConservedQuantity",
    "DiscreteSymmetry",
    "Drift",
    "Empirical",
    "Equivariants",
    "GroupNorm",
    "Invariants",
    "LogDet",
    "NuclearNorm",
    "Promoted",
    "Scales",
    "Scalings",
    "Subspace",
    "Symmetries",
    "Symmetry",
    "UniformBox",
    "VectorFields",
    "broken_symmetry",
    "enforce",
    "homogeneous",
    "kernel_lie_derivative",
    "lie_derivative",
    "nondimensionalise",
    "promote",
]
