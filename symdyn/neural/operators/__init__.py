"""Neural operators on fields: integral kernels that a group steers, on periodic and plane grids and on the sphere."""

from symdyn.neural.operators.build import neural_operator
from symdyn.neural.operators.files import load_operator
from symdyn.neural.operators.kernels import GaussHermite, Shells
from symdyn.neural.operators.law import OperatorLaw
from symdyn.neural.operators.network import NeuralOperator
from symdyn.neural.operators.snapshots import FlowMatching

__all__ = [
    "FlowMatching",
    "GaussHermite",
    "NeuralOperator",
    "OperatorLaw",
    "Shells",
    "load_operator",
    "neural_operator",
]
