"""Networks that respect symmetry, as layers, as laws, and trained."""

from symdyn.neural.carriers import Rates
from symdyn.neural.linear import EquivariantLinear

__all__ = ["EquivariantLinear", "Rates"]
