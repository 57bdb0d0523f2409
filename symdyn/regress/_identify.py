"""`identify`: governing equations from data, the whole way once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.door import read
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording
from symdyn.data.weak import WeakForm
from symdyn.groups import Action, Group
from symdyn.library import AbstractLibrary, AbstractTerms, Monomials
from symdyn.model.model import Model, entry_basis, restricted
from symdyn.regress.collinear import collinear_groups
from symdyn.regress.fit import Fit, solve
from symdyn.regress.problem import problems
from symdyn.regress.rows import Regression, regression
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solution import RESULTS, Candidate, Choice, Settings, Solution, Stats
from symdyn.regress.solvers import AbstractSolver, BestSubset
from symdyn.symmetry import Subspace, enforce
from symdyn.symmetry.subspace import combination_text


def identify(
    data,
    *,
    library: AbstractLibrary | None = None,
    action: Action | None = None,
    solver: AbstractSolver | None = None,
    selection: AbstractSelection | None = None,
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
    data: an xarray Dataset or DataArray, a mapping of arrays by name with the times under "time" ((t,) scalars, (t, k)
        vectors, (runs, t, k) runs), or a list of these (trajectories of different lengths). A variable may say
        `attrs["rate_of"] = "position"`: then it is the time derivative of another one, and itself a state variable
        unless it ends a chain (acceleration after velocity); with `attrs["measured_rate_of"]` it is a measurement only.
    library: candidate terms; `Monomials(2)` by default.
    action: a symmetry to enforce, for example `sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)`.
    solver: proposes sets of terms; `BestSubset()` by default, `LeastSquares()` keeps all.
    selection: decides among them; `EBIC()` by default. A solver that was told a threshold or a number of terms
        leaves nothing to decide.
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
    _check_kinds(library, action, solver, selection, differentiation)
    reading = Reading(variables, rate_of, rates, time, trajectories, weights, missing)  # pyright: ignore[reportArgumentType]
    settings = Settings(
        reading, library or Monomials(2), action, solver or BestSubset(), differentiation, order, selection or EBIC()
    )
    return _solution(regression(read(data, reading), settings), settings)


def _check_kinds(library, action, solver, selection, differentiation) -> None:
    """Raise InputError for an argument of the wrong kind, with what it should be."""
    hint = f"; a group acts by representations: {action.name}.acting_on(...)" if isinstance(action, Group) else ""
    for name, value, kinds, example in (
        ("library", library, AbstractLibrary, "sd.Monomials(3)"),
        ("action", action, Action, "sd.SO(3).acting_on(position=sd.Vector)"),
        ("solver", solver, AbstractSolver, "sd.STLSQ()"),
        ("selection", selection, AbstractSelection, "sd.EBIC()"),
        ("differentiation", differentiation, AbstractDifferentiation | WeakForm, "sd.WeakForm()"),
    ):
        if value is not None and not isinstance(value, kinds):
            raise InputError(
                f"{name} must be an object such as {example}, got {value!r}{hint if name == 'action' else ''}"
            )


def _solution(found: Regression, settings: Settings) -> Solution:
    terms, recording = found.terms, found.recording
    target_space = recording.target_space
    shape = (terms.size,) if terms.value_shape else (terms.size, target_space.size)
    subspace = _admissible(terms, recording, settings)
    groups = [target_space.indices((name,)).tolist() for name in target_space.names]
    every = problems(found.moments, shape, subspace, groups)
    fits = [solve(problem, settings.solver, settings.selection) for problem in every]
    model_space, active, covariance, weights = _joined(fits, shape, subspace)
    model = Model(
        weights=weights, terms=terms, subspace=model_space, space=recording.space, targets=recording.targets,
        kinematics=recording.kinematics, time_unit=recording.time_unit,
    )  # fmt: skip
    names = _weight_names(terms, target_space, subspace)
    collinear = tuple(group for fit in fits for group in collinear_groups(fit, names, _tolerance(settings)))
    result = RESULTS.collinear if collinear else RESULTS.successful
    if not active:
        result = RESULTS.no_terms
    stats = _stats(found, fits, active, subspace, shape)
    choices = tuple(_choice(fit, names, target_space) for fit in fits)
    return Solution(model, result, stats, covariance, collinear, settings, choices, recording.provenance)


def _choice(fit: Fit, names: tuple[str, ...], targets: StateSpace) -> Choice:
    path, columns = fit.path, targets.component_names
    target = columns[fit.problem.columns[0]] if len(fit.problem.columns) < len(columns) else ", ".join(targets.names)
    candidates = tuple(
        Candidate(tuple(names[k] for k in np.flatnonzero(mask)), float(residual), float(score))
        for mask, residual, score in zip(path.masks, path.residuals, path.scores, strict=True)
    )
    often = () if path.frequencies is None else path.frequencies
    frequencies = tuple((names[k], float(f)) for k, f in enumerate(often) if f > 0)
    return Choice(target, candidates, path.chosen, frequencies)


def _admissible(terms: AbstractTerms, recording: Recording, settings: Settings) -> Subspace | None:
    """The coefficients that the action admits, or None where none is enforced."""
    if settings.action is None:
        return None
    targets, order = recording.targets, 1
    if settings.order == 2 and targets[0] not in terms.space.names:
        # the weak form knows only the positions: the law gives their second derivatives
        targets, order = tuple(name.removesuffix("_rate") for name in targets), 2
    return enforce(terms, settings.action, targets=targets, space=terms.space, order=order)


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


def _weight_names(terms: AbstractTerms, targets: StateSpace, subspace: Subspace | None) -> tuple[str, ...]:
    """What each free weight stands for: a term, or a combination of terms and targets that the symmetry ties."""
    if subspace is None:
        return terms.names
    components = ("",) if terms.value_shape else targets.component_names
    return tuple(combination_text(basis, terms.names, components) for basis in subspace.basis.array)


def _stats(found: Regression, fits: list[Fit], active: int, subspace: Subspace | None, shape) -> Stats:
    moments = found.moments
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
