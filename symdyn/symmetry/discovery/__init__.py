"""Symmetries of laws, maps, functions, point sets and partial differential equations, found among candidates."""

from symdyn.symmetry.discovery.discrete import DiscreteSymmetry
from symdyn.symmetry.discovery.library import Scalings, VectorFields
from symdyn.symmetry.discovery.result import Symmetries, Symmetry

__all__ = ["DiscreteSymmetry", "Scalings", "Symmetries", "Symmetry", "VectorFields"]
