"""Neural operators on fields: integral kernels that a group steers, on periodic and plane grids and on the sphere."""

from symdyn.neural.operators.build import neural_operator
from symdyn.neural.operators.kernels import GaussHermite, Shells
from symdyn.neural.operators.network import NeuralOperator

__all__ = ["GaussHermite", "NeuralOperator", "Shells", "neural_operator"]
