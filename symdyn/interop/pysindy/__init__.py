"""PySINDy both ways: its optimizers and differentiation inside `identify`, its models as laws, laws as its models."""

from symdyn.interop.pysindy.constraints import constrained_sr3, constraints, feature_order, polynomial_library
from symdyn.interop.pysindy.models import from_pysindy, to_pysindy
from symdyn.interop.pysindy.settings import Differentiation, Optimizer

__all__ = [
    "Differentiation",
    "Optimizer",
    "constrained_sr3",
    "constraints",
    "feature_order",
    "from_pysindy",
    "polynomial_library",
    "to_pysindy",
]
