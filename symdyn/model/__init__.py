"""The law found as an object: a vector field, its simulation, its symbols, and its file."""

from symdyn.model._simulate import simulate
from symdyn.model.fields import RotationalWind, simulate_field
from symdyn.model.implicit import ImplicitModel
from symdyn.model.model import Model

__all__ = ["ImplicitModel", "Model", "RotationalWind", "simulate", "simulate_field"]
