"""Promotion: a penalty on broken symmetry keeps every symmetry that the data do not contradict."""

from symdyn.symmetry.promotion.measure import Empirical, UniformBox
from symdyn.symmetry.promotion.penalty import BrokenSymmetry, broken_symmetry
from symdyn.symmetry.promotion.promote import Promoted, promote
from symdyn.symmetry.promotion.settings import GroupNorm, LogDet, NuclearNorm

__all__ = [
    "BrokenSymmetry",
    "Empirical",
    "GroupNorm",
    "LogDet",
    "NuclearNorm",
    "Promoted",
    "UniformBox",
    "broken_symmetry",
    "promote",
]
