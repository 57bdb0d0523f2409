"""Networks that respect symmetry, as layers, as laws, and trained."""

from symdyn.neural.carriers import Rates
from symdyn.neural.defects import broken_directions, layer_defects
from symdyn.neural.distil import Distilled, distil
from symdyn.neural.epnn import EPNN
from symdyn.neural.files import load_law
from symdyn.neural.gated import EquivariantLayer
from symdyn.neural.hybrid import hybrid
from symdyn.neural.law import NeuralLaw
from symdyn.neural.linear import EquivariantLinear
from symdyn.neural.mlp import EquivariantMLP, Homogeneous, PlainMLP
from symdyn.neural.operators import (
    FlowMatching,
    GaussHermite,
    NeuralOperator,
    OperatorLaw,
    Shells,
    load_operator,
    neural_operator,
)
from symdyn.neural.penalty import LayerPenalty, SymmetryPenalty
from symdyn.neural.residual import residual_rates
from symdyn.neural.structured import EnergyNetwork, LagrangianNetwork
from symdyn.neural.training import Augmentation, RateMatching, Training, TrajectoryMatching, loss_by_element, train

__all__ = [
    "EPNN",
    "Augmentation",
    "Distilled",
    "EnergyNetwork",
    "EquivariantLayer",
    "EquivariantLinear",
    "EquivariantMLP",
    "FlowMatching",
    "GaussHermite",
    "Homogeneous",
    "LagrangianNetwork",
    "LayerPenalty",
    "NeuralLaw",
    "NeuralOperator",
    "OperatorLaw",
    "PlainMLP",
    "RateMatching",
    "Rates",
    "Shells",
    "SymmetryPenalty",
    "Training",
    "TrajectoryMatching",
    "broken_directions",
    "distil",
    "hybrid",
    "layer_defects",
    "load_law",
    "load_operator",
    "loss_by_element",
    "neural_operator",
    "residual_rates",
    "train",
]
