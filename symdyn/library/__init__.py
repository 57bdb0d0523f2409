"""Candidate terms: recipes that become a pure map of one state to its term values, with names."""

from symdyn.library._algebra import Function, Product, Sum
from symdyn.library._base import AbstractLibrary, AbstractTerms
from symdyn.library.automatic import AutomaticLibrary
from symdyn.library.covariant import Covariant, CovariantVectors, Radial
from symdyn.library.elementary import Elementary, Reciprocals, Subset
from symdyn.library.monomials import Monomials
from symdyn.library.pairs import PairForces
from symdyn.library.per_target import PerTarget
from symdyn.library.waves import Waves

__all__ = [
    "AbstractLibrary",
    "AbstractTerms",
    "AutomaticLibrary",
    "Covariant",
    "CovariantVectors",
    "Elementary",
    "Function",
    "Monomials",
    "PairForces",
    "PerTarget",
    "Product",
    "Radial",
    "Reciprocals",
    "Subset",
    "Sum",
    "Waves",
]
