"""symdyn: governing equations, symmetries and conserved quantities from trajectories and fields."""

__version__ = "0.1.0"

from symdyn._errors import InputError, MissingDependencyError, SymdynError, SymdynWarning
from symdyn._types import Frozen, StateSpace, Variable
from symdyn.data.differentiate import FiniteDifference, SavitzkyGolay
from symdyn.data.door import dataset
from symdyn.data.registry import list_datasets, open_dataset
from symdyn.data.systems import make_dataset
from symdyn.data.weak import WeakForm
from symdyn.groups import SE, SO, Action, DirectSum, E, Group, LieAlgebra, O, Point, Scalar, Scaling, T, Vector, Weight
from symdyn.library import Covariant, CovariantVectors, Function, Monomials, PairForces, Radial
from symdyn.model import Model, simulate
from symdyn.regress import (
    RESULTS,
    STLSQ,
    BestSubset,
    LeastSquares,
    Projection,
    Solution,
    identify,
    load,
    variable_projection,
)
from symdyn.symmetry import Subspace, enforce, lie_derivative

__all__ = [
    "RESULTS",
    "SE",
    "SO",
    "STLSQ",
    "Action",
    "BestSubset",
    "Covariant",
    "CovariantVectors",
    "DirectSum",
    "E",
    "FiniteDifference",
    "Frozen",
    "Function",
    "Group",
    "InputError",
    "LeastSquares",
    "LieAlgebra",
    "MissingDependencyError",
    "Model",
    "Monomials",
    "O",
    "PairForces",
    "Point",
    "Projection",
    "Radial",
    "SavitzkyGolay",
    "Scalar",
    "Scaling",
    "Solution",
    "StateSpace",
    "Subspace",
    "SymdynError",
    "SymdynWarning",
    "T",
    "Variable",
    "Vector",
    "WeakForm",
    "Weight",
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
]
