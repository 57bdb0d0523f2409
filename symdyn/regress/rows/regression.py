"""From a recording to the moments of its rows: pointwise or in the weak form, for laws of first and second order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable, double_precision
from symdyn.data.differentiate import AbstractDifferentiation, FiniteDifference, derivative, differentiated, usable
from symdyn.data.recording import Recording, Samples
from symdyn.data.weak import AbstractWeakForm, WeakRun, weak_runs
from symdyn.library import AbstractTerms
from symdyn.model.model import known_rates
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.rows.generalised import WeakRows, unbiased_features, unbiased_monomials
from symdyn.regress.rows.moments import Moments, design_moments, name_infinite_term, sample_moments
from symdyn.regress.solution import Settings


@dataclass(frozen=True, eq=False)
class Regression:
    """A recording with its terms and the moments of its rows, ready to be solved; `weak`: its rows in the weak form."""

    recording: Recording
    terms: AbstractTerms
    moments: Moments
    weak: WeakRows | None = None


def regression(recording: Recording, settings: Settings, *, few: bool = False) -> Regression:
    """Bind the library, make the rows and sum their moments.

    Raises InputError for fewer rows than terms, unless `few`: where a symmetry ties coefficients fewer rows will do,
    and `check_rows` is to be asked once it is known how many are free.
    """
    few = few or settings.action is not None
    _check_rows(settings)
    law = recording_of_law(recording, settings)
    if not isinstance(settings.differentiation, AbstractWeakForm):
        samples = unknown_samples(recording, settings, law.targets)
        terms = settings.library.on(samples.space)
        check_terms(terms, law.target_space, None if few else int((samples.weights > 0).sum(axis=0).max()))
        return Regression(
            law, terms, sample_moments(terms, samples.states, samples.targets, samples.weights, samples.lengths)
        )
    terms = settings.library.on(recording.space)
    check_terms(terms, law.target_space, None if few else sum(len(run.times) for run in recording.trajectories))
    with double_precision():
        rows = _weak_rows(recording, settings, weak_features(terms), law, terms.size)
        return Regression(law, terms, _weak_moments(rows, few), rows)


def weak_features(terms: AbstractTerms) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Term values at states (t, n) whose noise has variances (t, n): (t, p) or (t, p, d), without what the noise adds.

    Raises InputError for a term that is not finite.
    """
    evaluate = unbiased_features(terms)

    powers = None if terms.value_shape else terms.monomials()

    def features(states: np.ndarray, variance: np.ndarray) -> np.ndarray:
        host = None
        if variance.any():
            host = None if powers is None else unbiased_monomials(powers, states, variance).T
        elif not terms.value_shape:
            host = terms.on_host(np.ascontiguousarray(states.T))
        values = evaluate(states, variance) if host is None else host.T
        if not np.isfinite(values).all():
            name_infinite_term(terms, states, np.ones(len(states)))
        return values

    return features


def _weak_rows(recording: Recording, settings: Settings, features: Callable, law: Recording, size: int) -> WeakRows:
    """Rows of the weak form: `features` maps states (t, n) and variances of their noise (t, n) to term values."""
    form, columns = settings.differentiation, recording.space.indices(recording.targets)
    assert isinstance(form, AbstractWeakForm)
    runs, noisy = weak_runs(form, recording, settings.order, 5 * size)
    known = rates = None
    if settings.known is not None:
        _known(settings, recording.space, law.targets, runs[0].states[:1])  # its faults are named
        rates = jax.tree_util.Partial(known_rates, settings.known, recording.space, law.targets)
        known = unbiased_features(None, rates)
    if form.unbiased is False:
        runs = [replace(run, variance=np.zeros_like(run.variance)) for run in runs]
    made = [window_means(run, features, known, columns) for run in runs]
    designs, targets = zip(*made, strict=True)
    generalised = noisy and form.generalised is not False
    return WeakRows(tuple(runs), designs, targets, columns, generalised, rates)


def window_means(run: WeakRun, features: Callable, known: Callable | None, columns: np.ndarray):
    """Design (w, p) or (w, p, d) and targets (w, d) of the windows of a run; `known`: what is taken from the rates."""
    left = run.windows.mean_derivative(run.states[:, columns])
    if known is not None:
        left = left - run.windows.mean(known(run.states, run.variance))
    return run.windows.mean(features(run.states, run.variance)), left


def _weak_moments(rows: WeakRows, few: bool = False) -> Moments:
    """Moments of the rows as they are, trajectory by trajectory."""
    made = [flat_targets(*each) for each in zip(rows.designs, rows.targets, rows.weights, strict=True)]
    design, targets, weights = (np.concatenate(column) for column in zip(*made, strict=True))
    if not few:
        _enough(int((weights > 0).sum()), design.shape[1])
    return design_moments(design, targets, weights, tuple(len(each[2]) for each in made))


def flat_targets(design: np.ndarray, targets: np.ndarray, weights: np.ndarray):
    """Rows of numbers: design (m, p), targets (m, t), weights (m,)."""
    if design.ndim == 3:  # vector terms: a row for each component
        weights = weights if weights.ndim == 2 else np.repeat(weights[:, None], targets.shape[1], axis=1)
        design, targets = np.moveaxis(design, 1, 2).reshape(-1, design.shape[1]), targets.reshape(-1, 1)
    return design, targets, weights.reshape(-1) if weights.size == len(design) else weights[:, 0]


def evaluated_moments(
    recording: Recording, settings: Settings, features: Callable[[np.ndarray], np.ndarray]
) -> Moments:
    """Moments of rows whose terms are evaluated all at once: `features` maps states (t, n) to (t, p) or (t, p, d)."""
    _check_rows(settings)
    with double_precision():
        if isinstance(settings.differentiation, AbstractWeakForm):
            law = recording_of_law(recording, settings)
            form: Any = settings.differentiation
            settings = replace(settings, differentiation=replace(form, generalised=False))  # rows by themselves
            return _weak_moments(_weak_rows(recording, settings, lambda states, _: features(states), law, 0))
        samples = pointwise_samples(recording, settings)
        design, targets, weights = flat_targets(features(samples.states), samples.targets, samples.weights)
    _enough(int((weights > 0).sum()), design.shape[1])
    return design_moments(design, targets, weights)


def _check_rows(settings: Settings) -> None:
    if isinstance(settings.differentiation, JointEstimation):
        raise InputError("JointEstimation has no rows: it is for `identify`; other verbs take WeakForm or differences")


def pointwise_samples(recording: Recording, settings: Settings) -> Samples:
    """The rows of a pointwise regression; the rates of the targets are further state variables where order is 2."""
    method = settings.differentiation
    if method is not None and not isinstance(method, AbstractDifferentiation):
        raise InputError("the weak form, joint estimation and laws of fields have no pointwise rows")
    if settings.discrete:
        return _next_samples(recording)
    if settings.order == 1:
        return differentiated(recording, method)
    method = method or FiniteDifference()
    columns = recording.space.indices(recording.targets)
    runs = []
    for run in recording.trajectories:
        speed, change = (derivative(method, run, columns, order) for order in (1, 2))
        weights = usable(method, run)
        runs.append(replace(run, states=np.column_stack([run.states, speed]), rates=change, weights=weights))
    return differentiated(replace(recording_of_law(recording, settings), trajectories=tuple(runs)), None)


def unknown_samples(recording: Recording, settings: Settings, targets: tuple[str, ...]) -> Samples:
    """The rows of a pointwise regression without the part of the rates that is known."""
    samples = pointwise_samples(recording, settings)
    if settings.known is None:
        return samples
    return replace(samples, targets=samples.targets - _known(settings, samples.space, targets, samples.states))


def _next_samples(recording: Recording) -> Samples:
    """Rows of a map: each sample but the last one of a run, with the targets at the next."""
    columns, runs = recording.space.indices(recording.targets), []
    for run in recording.trajectories:
        weights = np.where(run.weights[1:] > 0, run.weights[:-1], 0.0)
        states, rates = run.states[:-1], run.states[1:, columns]
        runs.append(replace(run, times=run.times[:-1], states=states, rates=rates, weights=weights))
    return differentiated(replace(recording, trajectories=tuple(runs)), None)


def _known(settings: Settings, space: StateSpace, targets: tuple[str, ...], states: np.ndarray) -> np.ndarray:
    """The known part of the rates, (m, d). Raises InputError where the user's function fails or does not fit."""
    assert settings.known is not None
    with double_precision():
        try:
            return np.asarray(jax.vmap(partial(known_rates, settings.known, space, targets))(jnp.asarray(states)))
        except InputError:
            raise
        except Exception as error:
            names = ", ".join(space.names)
            raise InputError(
                f"the known part failed on a state with {names}: {type(error).__name__}: {error}"
            ) from error


def recording_of_law(recording: Recording, settings: Settings) -> Recording:
    """The recording with the state, targets and kinematics of the law: a second-order law has rates in its state."""
    if settings.order == 1:
        return recording
    names = tuple(f"{name}_rate" for name in recording.targets)
    per_time = f" {recording.time_unit}-1" if recording.time_unit else ""
    rates = tuple(
        Variable(name, v.dims, v.labels, v.unit + per_time if v.unit and per_time else "")
        for name, v in zip(names, recording.target_space.variables, strict=True)
    )
    return replace(
        recording,
        space=StateSpace((*recording.space.variables, *rates)),
        targets=names,
        kinematics=(*recording.kinematics, *zip(recording.targets, names, strict=True)),
    )


def check_terms(terms: AbstractTerms, targets: StateSpace, samples: int | None) -> None:
    """Raise InputError for vector terms of another size than the targets, and for fewer samples than terms."""
    if terms.value_shape and terms.value_shape != (targets.size,):
        raise InputError(
            f"the library's terms are vectors of size {terms.value_shape[0]} but {', '.join(targets.names)} has "
            f"{targets.size} components; choose the target with rate_of, or another library"
        )
    if samples is not None:
        _enough(samples * (targets.size if terms.value_shape else 1), terms.size)


def check_rows(rows: int, free: int) -> None:
    """Raise InputError where a symmetry leaves more coefficients free than there are scalar equations."""
    if rows < free:
        raise InputError(
            f"too few samples: {rows} equations cannot fix the {free} coefficients that the symmetry leaves free; use "
            "a smaller library, a larger group or more data"
        )


def _enough(rows: int, terms: int) -> None:
    if rows < terms:
        raise InputError(f"too few samples: {rows} rows cannot fix {terms} terms; use a smaller library or more data")
