"""symdyn: governing equations, symmetries and conserved quantities from trajectories and fields."""

__version__ = "0.1.0"

from symdyn._errors import InputError, MissingDependencyError, SymdynError, SymdynWarning
from symdyn._types import Frozen, StateSpace, Variable
from symdyn.data.differentiate import FiniteDifference, SavitzkyGolay
from symdyn.data.door import dataset
from symdyn.data.registry import list_datasets, open_dataset
from symdyn.data.systems import make_dataset
from symdyn.data.weak import WeakForm
from symdyn.groups import *  # noqa: F403
from symdyn.groups import __all__ as _groups
from symdyn.library import Covariant, CovariantVectors, Function, Monomials, PairForces, Radial
from symdyn.model import Model, simulate
from symdyn.regress import RESULTS, STLSQ, BestSubset, LeastSquares, Projection, Solution, identify, load, variable_projection
from symdyn.symmetry import Subspace, enforce, lie_derivative

__all__ = [
    "RESULTS",
    "STLSQ",
    "BestSubset",
    "Covariant",
    "CovariantVectors",
    "FiniteDifference",
    "Frozen",
    "Function",
    "InputError",
    "LeastSquares",
    "MissingDependencyError",
    "Model",
    "Monomials",
    "PairForces",
    "Projection",
    "Radial",
    "SavitzkyGolay",
    "Solution",
    "StateSpace",
    "Subspace",
    "SymdynError",
    "SymdynWarning",
    "Variable",
    "WeakForm",
    "dataset",
    "enforce",
    "identify",
    "lie_derivative",
    "list_datasets",
    "load",
    "make_dataset",
    "open_dataset",
    "simulate",
    "variable_projection",
    *_groups,
]
