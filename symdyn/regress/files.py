"""Laws on disk: one zip archive with JSON and plain arrays. Nothing in it is code, and nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from inspect import isabstract
from types import ModuleType
from typing import Any

import numpy as np

from symdyn._archive import read_archive, write_archive
from symdyn._errors import InputError
from symdyn._types import Derivative, Frozen, StateSpace, Variable
from symdyn.data.best import BestDifferentiation
from symdyn.data.differentiate import FiniteDifference, SavitzkyGolay
from symdyn.data.kalman import Kalman
from symdyn.data.reading import Reading
from symdyn.data.smoothers import SmoothingSpline, Spectral, TotalVariation
from symdyn.data.weak import IntegralForm, WeakForm
from symdyn.fields import DivergenceForm, FieldWeakForm, Fluxes, JetDerivatives
from symdyn.groups import Action, Group, LieAlgebra, Polynomial, parts, representations
from symdyn.library import (
    Covariant,
    CovariantVectors,
    Elementary,
    Monomials,
    PairForces,
    PerTarget,
    Product,
    Radial,
    Reciprocals,
    Subset,
    Sum,
    Waves,
)
from symdyn.library.covariant import CovariantTerm, Factor
from symdyn.model.model import Model
from symdyn.regress import selection, solvers
from symdyn.regress.collinear import CollinearGroup
from symdyn.regress.constraints.language import Constraint, EnergyPreserving
from symdyn.regress.constraints.trapping import Trapping
from symdyn.regress.domain import Domain
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.solution import RESULTS, Candidate, Choice, RankedLibrary, Settings, Solution, Stats
from symdyn.symmetry import Equivariants, Invariants, Subspace
from symdyn.symmetry.discovery.result import ElementsPart

FORMAT, VERSION, MEMBER = "symdyn law", 3, "law.json"


def _dataclasses(package) -> tuple[type, ...]:
    """The concrete dataclasses of a module, or of the modules of a package."""
    modules = (package, *(m for m in vars(package).values() if isinstance(m, ModuleType)))
    found = {c for m in modules for c in vars(m).values() if isinstance(c, type) and is_dataclass(c)}
    own = (c for c in found if c.__module__.startswith(package.__name__) and not isabstract(c))
    return tuple(c for c in own if c.__dataclass_params__.frozen)  # pyright: ignore[reportAttributeAccessIssue]


def _key(cls: type) -> str:
    """The name of a class in a file: its part of the package and its own name."""
    return f"{cls.__module__.partition('.')[2].partition('.')[0]}.{cls.__name__}"


# every class that a file may name, by its name there: reading a file constructs these and nothing else
_CLASSES: dict[str, type] = {
    _key(cls): cls
    for cls in (
        StateSpace, Variable, Derivative, Reading, Settings, Stats, CollinearGroup, Subspace, CovariantTerm, Factor,
        Covariant, CovariantVectors, Equivariants, Invariants, Monomials, PairForces, PerTarget, Product, Radial, Sum,
        Elementary, Reciprocals, Subset, Waves, Constraint, EnergyPreserving, Trapping, FiniteDifference,
        SavitzkyGolay, WeakForm, IntegralForm, JointEstimation, Candidate, Choice, RankedLibrary,
        FieldWeakForm, JetDerivatives, DivergenceForm, Fluxes,
        BestDifferentiation, Kalman, SmoothingSpline, Spectral, TotalVariation,
        *_dataclasses(solvers), *_dataclasses(selection),
        Action, Group, LieAlgebra, Polynomial, *_dataclasses(parts), ElementsPart, *_dataclasses(representations),
    )
}  # fmt: skip


def write_law(solution: Solution, path) -> None:
    """Write a law to `path`. The file appears whole or not at all.

    Raises InputError for a law with a user's own Python function (a file holds no code) or a folder that is not there.
    """
    write_archive(path, FORMAT, VERSION, *packed(solution), MEMBER)


def packed(solution: Solution) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a file says of a law, as JSON and as arrays. Raises InputError for a law with Python functions."""
    document = _document(solution)
    basis = np.asarray(solution.model.subspace.basis)
    where = np.nonzero(basis)
    seen: dict[str, Any] = {} if solution.domain is None else {"domain": solution.domain.states.array}
    arrays = {
        "weights": np.asarray(solution.model.weights),
        "offset": np.asarray(solution.model.subspace.offset),
        "basis_index": np.array(where, int),
        "basis_value": basis[where],
        "covariance": solution.covariance,
        **seen,
    }
    return document, arrays


def _document(solution: Solution) -> dict[str, Any]:
    """What the file says in JSON. Weights given as an array are left out: they belong to the data."""
    model, settings = solution.model, solution.settings
    if settings.known is not None:
        raise InputError(
            "a law with a known part cannot be saved: that part is a Python function, and a file holds no code. Keep "
            "the coefficients with to_xarray()"
        )
    if settings.reading.weights is not None and not isinstance(settings.reading.weights, str):
        settings = replace(settings, reading=replace(settings.reading, weights=None))
    subspace = model.subspace
    return {
        "settings": encoded(settings),
        "terms_space": encoded(model.terms.space),
        "space": encoded(model.space),
        "targets": encoded(model.targets),
        "kinematics": encoded(model.kinematics),
        "time_unit": model.time_unit,
        "inputs": encoded(model.inputs),
        "clock": model.clock,
        "subspace": {"shape": list(subspace.shape), "exact": subspace.exact, "gap": encoded(subspace.gap)},
        "result": solution.result.name,
        "stats": encoded(solution.stats),
        "collinear": encoded(solution.collinear),
        "choices": encoded(solution.choices),
        "provenance": encoded(solution.provenance),
        "ranking": encoded(solution.ranking),
        "stages": list(solution.stages),
        "equations": list(solution.equations),
    }


def read_law(path) -> Solution:
    """Read a law that `Solution.save` wrote.

    Raises InputError for a file that is absent, broken, of another kind, or of a newer version.
    """
    document, arrays = read_archive(path, FORMAT, VERSION, MEMBER)
    try:
        return unpacked(document, arrays)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is not a symdyn law, or is damaged: {error}") from error


def unpacked(document: dict[str, Any], arrays: dict[str, np.ndarray]) -> Solution:
    """The law that `packed` wrote out. Raises KeyError, TypeError, ValueError and the like for damaged parts."""
    settings: Settings = decoded(document["settings"])
    shape = tuple(int(n) for n in document["subspace"]["shape"])
    if arrays["offset"].shape != shape or len(arrays["basis_index"]) != len(shape) + 1:
        raise InputError(f"the coefficients of the file do not have the shape {shape} that it states: it is damaged")
    basis = np.zeros((len(arrays["weights"]), *shape))
    basis[tuple(arrays["basis_index"])] = arrays["basis_value"]
    subspace = Subspace(
        shape,
        Frozen(arrays["offset"]),
        Frozen(basis),
        bool(document["subspace"]["exact"]),
        decoded(document["subspace"]["gap"]),
    )
    model = Model(
        weights=arrays["weights"],
        terms=settings.library.on(decoded(document["terms_space"])),
        subspace=subspace,
        space=decoded(document["space"]),
        targets=decoded(document["targets"]),
        kinematics=decoded(document["kinematics"]),
        time_unit=str(document["time_unit"]),
        inputs=decoded(document["inputs"]),
        clock=str(document["clock"]),
        discrete=settings.discrete,
    )
    return Solution(
        model, RESULTS[document["result"]], decoded(document["stats"]), arrays["covariance"],
        decoded(document["collinear"]), settings, decoded(document["choices"]), decoded(document["provenance"]),
        decoded(document.get("ranking", [])), tuple(str(stage) for stage in document.get("stages", ())),
        Domain(model.space, Frozen(arrays["domain"])) if "domain" in arrays else None,
    )  # fmt: skip


def encoded(value: Any) -> Any:
    """A value as JSON holds it. Raises InputError for what would need code."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"type": "float", "value": str(value)}
    if isinstance(value, Frozen):
        return {
            "type": "Frozen",
            "shape": list(value.shape),
            "dtype": value.array.dtype.str,
            "value": [encoded(v) for v in value.array.ravel().tolist()],
        }
    if isinstance(value, tuple | list):
        return [encoded(v) for v in value]
    if isinstance(value, Mapping):
        return {"type": "mapping", "value": {str(k): encoded(v) for k, v in value.items()}}
    if is_dataclass(value) and _CLASSES.get(_key(type(value))) is type(value):
        return {
            "type": _key(type(value)),
            **{f.name: encoded(getattr(value, f.name)) for f in fields(value) if f.init},
        }
    raise InputError(
        f"a law with {type(value).__name__} cannot be saved: a file holds no Python code. Build the library from "
        "Monomials, Covariant, Radial or PairForces, or keep the coefficients with to_xarray()"
    )


def decoded(value: Any) -> Any:
    """The value that `encoded` wrote."""
    if isinstance(value, list):
        return tuple(decoded(v) for v in value)
    if not isinstance(value, dict):
        return value
    kind = value["type"]
    if kind == "float":
        return float(value["value"])
    if kind == "mapping":
        return {k: decoded(v) for k, v in value["value"].items()}
    if kind == "Frozen":
        return Frozen(np.array(value["value"], dtype=value["dtype"]).reshape(value["shape"]))
    if kind not in _CLASSES:
        raise InputError(f"unknown part {kind!r} in the file; it may come from a newer symdyn")
    return _CLASSES[kind](**{k: decoded(v) for k, v in value.items() if k != "type"})
