"""Networks that respect symmetry, as layers, as laws, and trained."""

from symdyn.neural.carriers import Rates
from symdyn.neural.gated import EquivariantLayer
from symdyn.neural.linear import EquivariantLinear
from symdyn.neural.mlp import EquivariantMLP, Homogeneous, PlainMLP

__all__ = ["EquivariantLayer", "EquivariantLinear", "EquivariantMLP", "Homogeneous", "PlainMLP", "Rates"]
