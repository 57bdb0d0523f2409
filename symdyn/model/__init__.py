"""The law found as an object: a vector field, its simulation, its symbols, and its file."""

from symdyn.model._simulate import simulate
from symdyn.model.fields import RotationalWind, simulate_field
from symdyn.model.implicit import ImplicitModel
from symdyn.model.model import Model
from symdyn.model.projection import ConservingLaw, conserving
from symdyn.model.symplectic import Symplectic

__all__ = [
    "ConservingLaw",
    "ImplicitModel",
    "Model",
    "RotationalWind",
    "Symplectic",
    "conserving",
    "simulate",
    "simulate_field",
]
