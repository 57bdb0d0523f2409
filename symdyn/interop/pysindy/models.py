"""Whole models: a law of polynomials as a fitted `pysindy.SINDy`, and a fitted `pysindy.SINDy` as a law."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.interop.pysindy.constraints import polynomial_library
from symdyn.library import Monomials
from symdyn.model.model import Model
from symdyn.symmetry import Subspace


def to_pysindy(law: Any):
    """A law as a fitted `pysindy.SINDy`: `print`, `predict`, `simulate`, `score` and `coefficients` of PySINDy work.

    Parameters
    ----------
    law: what `identify` found, or its model: of first order, of all variables of its state, with monomials as terms.

    Raises InputError for laws that PySINDy's polynomials cannot say.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> from symdyn.interop.pysindy import to_pysindy
    >>> law = sd.identify(sd.open_dataset("lorenz", times=np.arange(0, 10, 0.01)))
    >>> to_pysindy(law).equations(1)[2]
    '-2.7 z + 1.0 x y'
    """
    import pysindy as ps

    model = getattr(law, "model", law)
    _check(model)
    library, order = polynomial_library(model.terms)
    names = list(model.space.component_names)
    coefficients = np.asarray(model.coefficients)[order].T
    n = model.space.size
    kind = type("Found", (ps.optimizers.base.BaseOptimizer,), {"_reduce": lambda self, x, y: None})
    optimizer = kind(initial_guess=coefficients, unbias=False)
    made = ps.SINDy(optimizer=optimizer, feature_library=library)
    states = np.random.default_rng(0).normal(size=(max(8, 2 * model.terms.size), n))
    made.fit(states, t=1.0, x_dot=np.zeros_like(states), feature_names=names)
    made.optimizer.coef_ = coefficients
    return made


def _check(model: Any) -> None:
    """Raise InputError for a law that has no counterpart in PySINDy's polynomials."""
    if not isinstance(model, Model) or model.terms.space.differentiated:
        raise InputError(f"a law of trajectories is needed, as identify finds it, got {type(model).__name__}")
    if model.known is not None:
        raise InputError("a law with a known part has no counterpart in PySINDy: its library knows terms only")
    if model.inputs:
        raise InputError(f"a law with inputs ({', '.join(model.inputs)}) is not passed to PySINDy")
    if model.kinematics or tuple(model.targets) != tuple(model.space.names):
        raise InputError(
            "PySINDy needs the rate of every variable as terms: identify with rate_of all of them, order=1"
        )
    if model.discrete:
        raise InputError("a map to the next sample is pysindy.DiscreteSINDy, which is not made here")
    if model.terms.space != model.space or np.ndim(model.coefficients) != 2:
        raise InputError("PySINDy's polynomials need a library of Monomials for every component of the state")


def from_pysindy(model: Any) -> Model:
    """A fitted `pysindy.SINDy` as a law: it simulates, prints, differentiates, and is asked for its symmetries.

    Parameters
    ----------
    model: fitted, with features that are products of powers of its variables (`PolynomialLibrary`, and sums of
        libraries of such features); no control inputs.

    Returns a `Model`, with each of PySINDy's scalar variables as a variable. Raises InputError for a model that is not
    fitted, and for features that are no monomials, by name.

    Examples
    --------
    >>> import numpy as np, pysindy as ps, symdyn as sd
    >>> from symdyn.interop.pysindy import from_pysindy
    >>> times = np.linspace(0, 10, 1000)
    >>> found = ps.SINDy(feature_library=ps.PolynomialLibrary(1)).fit(
    ...     np.stack([np.cos(times), -np.sin(times)], axis=1), t=times, feature_names=["x", "v"])
    >>> print(sd.find_symmetries(from_pysindy(found), discrete=False).generators[0])
    x d/dx + v d/dv
    """
    try:
        coefficients = np.asarray(model.coefficients(), float)
        names, variables = list(model.get_feature_names()), list(model.feature_names)
    except Exception as error:  # whatever an unfitted model raises
        raise InputError(f"a fitted pysindy.SINDy is needed, got {model!r}: {error}") from error
    if getattr(model, "n_control_features_", 0):
        raise InputError("a model with control inputs is not read: the names of its inputs are not kept apart")
    if coefficients.shape[0] != len(variables):
        raise InputError(f"{coefficients.shape[0]} equations for {len(variables)} variables: the law is not closed")
    space = StateSpace.of(**dict.fromkeys(variables, 1))
    powers = np.array([_powers(name, variables) for name in names])
    degree = int(powers.sum(axis=1).max())
    terms = Monomials(degree, bias=bool((powers.sum(axis=1) == 0).any())).on(space)
    places = {tuple(row): k for k, row in enumerate(np.asarray(terms.monomials()).tolist())}
    placed = np.zeros((terms.size, len(variables)))
    for column, row in zip(coefficients.T, powers.tolist(), strict=True):
        placed[places[tuple(row)]] += column
    return Model(
        weights=placed.ravel(), terms=terms, subspace=Subspace.full(placed.shape), space=space,
        targets=tuple(variables),
    )  # fmt: skip


def _powers(name: str, variables: list[str]) -> list[int]:
    """The powers of a feature's name: `x0^2 x1`. Raises InputError for another one."""
    powers = [0] * len(variables)
    if name.strip() == "1":
        return powers
    for factor in name.split():
        base, _, power = factor.partition("^")
        if base not in variables or (power and not power.isdigit()):
            raise InputError(
                f"the feature {name!r} is no product of powers of {', '.join(variables)}: identify the law with "
                "symdyn's own libraries (Waves for Fourier terms, Function for your own)"
            )
        powers[variables.index(base)] += int(power or 1)
    return powers
