"""`identify`: governing equations from data, the whole way once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace, Variable, double_precision
from symdyn.data.differentiate import AbstractDifferentiation, FiniteDifference, differentiated
from symdyn.data.door import Reading, read
from symdyn.data.recording import Recording, Samples
from symdyn.data.weak import WeakForm, weak_rows
from symdyn.groups import Action
from symdyn.library import AbstractLibrary, AbstractTerms, Monomials
from symdyn.model.model import Model, entry_basis, restricted
from symdyn.regress.collinear import collinear_groups
from symdyn.regress.moments import Moments, design_moments, sample_moments
from symdyn.regress.problem import Fit, problems, solve
from symdyn.regress.solution import RESULTS, Settings, Solution, Stats
from symdyn.regress.solvers import STLSQ, AbstractSolver
from symdyn.symmetry import Subspace, enforce


def identify(
    data,
    *,
    library: AbstractLibrary | None = None,
    action: Action | None = None,
    solver: AbstractSolver | None = None,
    rate_of: str | tuple[str, ...] | None = None,
    order: int = 1,
    variables: str | tuple[str, ...] | None = None,
    rates: Mapping[str, str] | None = None,
    differentiation: AbstractDifferentiation | WeakForm | None = None,
    weights: Any = None,
    time: str | None = None,
    trajectories: str | tuple[str, ...] | None = None,
    missing: str = "raise",
) -> Solution:
    r"""Governing equations from data: d(target)/dt = sum_k w_k B_k(state), sparse, on the symmetric subspace.

    Parameters
    ----------
    data: an xarray Dataset or DataArray, or a list of them (trajectories of different lengths). Variables may say
        `attrs["rate_of"] = "position"`: then they are measured time derivatives.
    library: candidate terms; `Monomials(2)` by default.
    action: a symmetry to enforce, for example `sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)`.
    solver: chooses the terms; `STLSQ()` by default, `LeastSquares()` keeps all.
    rate_of: the variables whose rate is sought; by default all whose rate the state does not already hold.
    order: 1, or 2 for a law of the second time derivative (needs only positions).
    variables: the state variables; by default all that depend on time and are not rates of others.
    rates: which variable holds the time derivative of which, where the attributes do not say.
    differentiation: how rates come from states: `FiniteDifference`, `SavitzkyGolay` or `WeakForm`; by default the
        measured rates, else fourth-order differences.
    weights: "relative" (every row counts by its relative error), a variable name or a DataArray of weights of squared
        residuals.
    time, trajectories: dimension names, where the attributes do not say; `trajectories=()` puts all other dimensions
        into the state.
    missing: "raise" or "skip" samples that are not finite.

    Returns a `Solution`: it prints as equations and holds the model, the evidence and the settings. Raises InputError
    for data or arguments that cannot be used.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 10, 0.01))
    >>> print(sd.identify(data, library=sd.Monomials(2)).equations[0].split(" = ")[0])
    dx/dt
    """
    if order not in (1, 2):
        raise InputError(f"order must be 1 or 2, got {order!r}")
    reading = Reading(variables, rate_of, rates, time, trajectories, weights, missing)  # pyright: ignore[reportArgumentType]
    settings = Settings(reading, library or Monomials(2), action, solver or STLSQ(), differentiation, order)
    return solve_recording(read(data, reading), settings)


def solve_recording(recording: Recording, settings: Settings) -> Solution:
    """From what came through the door to the law."""
    return _solution(regression(recording, settings, settings.library.on), settings)


def regression(
    recording: Recording, settings: Settings, make_terms: Callable[[StateSpace], AbstractTerms]
) -> Regression:
    """Moments of the rows for the terms that `make_terms` gives on the space that the rows have."""
    if isinstance(settings.differentiation, WeakForm):
        return _weak_regression(recording, settings, settings.differentiation, make_terms)
    return _pointwise_regression(recording, settings, make_terms)


@dataclass(frozen=True, eq=False)
class Regression:
    """A recording with its terms and the moments of its rows, ready to be solved."""

    recording: Recording
    terms: AbstractTerms
    moments: Moments


def _pointwise_regression(recording: Recording, settings: Settings, make_terms) -> Regression:
    samples = pointwise_samples(recording, settings)
    full = replace(
        recording, space=samples.space, targets=samples.target_space.names, kinematics=_kinematics(recording, settings)
    )
    terms = make_terms(samples.space)
    _check_size(terms, samples.target_space, int((samples.weights > 0).sum()))
    return Regression(full, terms, sample_moments(terms, samples.states, samples.targets, samples.weights))


def pointwise_samples(recording: Recording, settings: Settings) -> Samples:
    """The rows of a pointwise regression, with the rates of the targets as further state variables where order is 2."""
    method = settings.differentiation
    assert not isinstance(method, WeakForm)
    if settings.order == 1:
        return differentiated(recording, method)
    chosen = method or FiniteDifference()
    columns = recording.space.indices(recording.targets)
    runs = []
    for run in recording.trajectories:
        speed = chosen(run.times, run.states[:, columns])
        change = chosen(run.times, run.states[:, columns], order=2)
        runs.append(replace(run, states=np.column_stack([run.states, speed]), rates=change))
    wide = replace(
        recording, space=second_order_space(recording), targets=_rate_names(recording), trajectories=tuple(runs)
    )
    return differentiated(wide, None)


def _rate_names(recording: Recording) -> tuple[str, ...]:
    return tuple(f"{name}_rate" for name in recording.targets)


def second_order_space(recording: Recording) -> StateSpace:
    """The state of a second-order law: the variables and the rates of the targets."""
    rates = tuple(
        Variable(
            name,
            v.dims,
            v.labels,
            f"{v.unit} {recording.time_unit}-1".strip() if v.unit and recording.time_unit else "",
        )
        for name, v in zip(_rate_names(recording), recording.target_space.variables, strict=True)
    )
    return StateSpace((*recording.space.variables, *rates))


def _kinematics(recording: Recording, settings: Settings) -> tuple[tuple[str, str], ...]:
    if settings.order == 1:
        return recording.kinematics
    return (*recording.kinematics, *zip(recording.targets, _rate_names(recording), strict=True))


def _weak_regression(recording: Recording, settings: Settings, form: WeakForm, make_terms) -> Regression:
    terms = make_terms(recording.space)
    evaluate = eqx.filter_jit(jax.vmap(lambda x: terms(x)))

    def features(states: np.ndarray) -> np.ndarray:
        return np.asarray(evaluate(states))

    columns = recording.space.indices(recording.targets)
    with double_precision():
        design, targets, weights = weak_rows(form, recording, features, columns, settings.order)
    full = recording
    if settings.order == 2:
        names = _rate_names(recording)
        full = replace(
            recording, space=second_order_space(recording), targets=names, kinematics=_kinematics(recording, settings)
        )
    _check_size(terms, full.target_space, int((weights > 0).sum()))
    if terms.value_shape:
        rows = np.moveaxis(design, 1, 2).reshape(-1, terms.size)
        spread = weights if weights.ndim == 2 else np.repeat(weights[:, None], targets.shape[1], axis=1)
        return Regression(full, terms, design_moments(rows, targets.reshape(-1, 1), spread.reshape(-1)))
    return Regression(full, terms, design_moments(design, targets, weights if weights.ndim == 1 else weights[:, 0]))


def _check_size(terms: AbstractTerms, targets: StateSpace, rows: int) -> None:
    if terms.value_shape and terms.value_shape != (targets.size,):
        raise InputError(
            f"the library's terms are vectors of size {terms.value_shape[0]} but {', '.join(targets.names)} has "
            f"{targets.size} components; choose the target with rate_of, or another library"
        )
    equations = rows * (targets.size if terms.value_shape else 1)
    if equations < terms.size:
        raise InputError(
            f"too few samples: {rows} rows cannot fix {terms.size} terms; use a smaller library or more data"
        )


def _solution(regression: Regression, settings: Settings) -> Solution:
    terms, recording = regression.terms, regression.recording
    target_space = recording.target_space
    shape = (terms.size,) if terms.value_shape else (terms.size, target_space.size)
    subspace = _admissible(terms, recording, settings)
    groups = [list(target_space.indices((name,))) for name in target_space.names]
    fits = [solve(problem, settings.solver) for problem in problems(regression.moments, shape, subspace, groups)]
    model_space, active, covariance, weights = _joined(fits, shape, subspace)
    model = Model(
        weights=weights, terms=terms, subspace=model_space, space=recording.space, targets=recording.targets,
        kinematics=recording.kinematics, time_unit=recording.time_unit,
    )  # fmt: skip
    names = [_weight_names(terms, target_space, subspace, k) for k in range(len(fits))]
    collinear = tuple(g for f, n in zip(fits, names, strict=True) for g in collinear_groups(f, n, _tolerance(settings)))
    result = RESULTS.collinear if collinear else RESULTS.successful
    if not active:
        result = RESULTS.no_terms
    stats = _stats(regression, fits, active, subspace, shape)
    return Solution(model, result, stats, covariance, collinear, settings, recording.provenance)


def _admissible(terms: AbstractTerms, recording: Recording, settings: Settings) -> Subspace | None:
    """The coefficients that the action admits, or None where none is enforced."""
    if settings.action is None:
        return None
    bound, targets = settings.action.on(terms.space), recording.targets
    if settings.order == 2 and targets[0] not in terms.space.names:
        # the weak form knows only the positions: their second derivative scales with time squared, and no constant
        # boost survives the second derivative
        bound = replace(
            bound,
            time_weights=Frozen(2 * bound.time_weights.array),
            rate_shifts=Frozen(np.zeros_like(bound.rate_shifts.array)),
        )
        targets = tuple(name.removesuffix("_rate") for name in targets)
    return enforce(terms, bound, targets=targets)


def _tolerance(settings: Settings) -> float:
    return getattr(settings.solver, "threshold", 0.0) or 0.05


def _joined(fits: list[Fit], shape: tuple[int, ...], subspace: Subspace | None):
    """The active part of the coefficient space, how many weights it has, their covariance and values."""
    weights = np.concatenate([fit.weights[fit.mask] for fit in fits])
    blocks = [fit.covariance for fit in fits]
    covariance = np.zeros((len(weights), len(weights)))
    start = 0
    for block in blocks:
        covariance[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    if subspace is not None:
        return restricted(subspace, np.flatnonzero(fits[0].mask)), len(weights), covariance, weights
    if len(shape) == 1:
        entries = np.flatnonzero(fits[0].mask)[:, None]
    else:
        entries = np.concatenate(
            [np.column_stack([np.flatnonzero(f.mask), np.full(f.mask.sum(), c)]) for c, f in enumerate(fits)]
        )
    return entry_basis(shape, entries), len(weights), covariance, weights


def _weight_names(terms: AbstractTerms, targets: StateSpace, subspace: Subspace | None, k: int) -> tuple[str, ...]:
    if subspace is None:
        return terms.names
    if terms.value_shape:
        return tuple(_combination(np.asarray(b)[:, None], terms.names, ("",)) for b in np.asarray(subspace.basis))
    return tuple(_combination(np.asarray(b), terms.names, targets.component_names) for b in np.asarray(subspace.basis))


def _combination(entries: np.ndarray, names: tuple[str, ...], targets: tuple[str, ...]) -> str:
    """A basis element as text, for its first target: `x^3 + x y^2`."""
    first = int(np.flatnonzero(np.abs(entries).max(axis=0) > 0)[0])
    parts = [(c, names[i]) for i, c in enumerate(entries[:, first]) if c]
    text = " + ".join(name if c == 1 else f"{c:g} {name}" for c, name in parts).replace("+ -", "- ")
    return f"{targets[first]}: {text}" if targets[first] else text


def _stats(regression: Regression, fits: list[Fit], active: int, subspace: Subspace | None, shape) -> Stats:
    moments = regression.moments
    residual = tuple(fit.residual for fit in fits)
    return Stats(
        rows=moments.n_rows,
        blocks=len(moments.blocks),
        candidates=int(np.prod(shape)),
        free=int(np.prod(shape)) if subspace is None else subspace.dimension,
        active=active,
        residual=residual,
        shares=tuple(tuple(float(s) for s in fit.shares[fit.mask]) for fit in fits),
    )
