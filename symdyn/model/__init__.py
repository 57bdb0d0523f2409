"""The law found as an object: a vector field, its simulation, its symbols, and its file."""

from symdyn.model._simulate import simulate
from symdyn.model.implicit import ImplicitModel
from symdyn.model.model import Model

__all__ = ["ImplicitModel", "Model", "simulate"]
