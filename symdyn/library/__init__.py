"""Candidate terms: recipes that become a pure map of one state to its term values, with names."""

from symdyn.library._algebra import Function, Product, Sum
from symdyn.library._base import AbstractLibrary, AbstractTerms
from symdyn.library.covariant import Covariant, CovariantVectors, Radial
from symdyn.library.monomials import Monomials
from symdyn.library.pairs import PairForces
from symdyn.library.per_target import PerTarget
from symdyn.library.waves import Waves

__all__ = [
    "AbstractLibrary",
    "AbstractTerms",
    "Covariant",
    "CovariantVectors",
    "Function",
    "Monomials",
    "PairForces",
    "PerTarget",
    "Product",
    "Radial",
    "Sum",
    "Waves",
]
