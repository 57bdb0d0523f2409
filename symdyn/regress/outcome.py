"""From solved problems to a law with its evidence."""

from __future__ import annotations

import numpy as np

from symdyn._types import StateSpace
from symdyn.model.model import Model
from symdyn.regress.collinear import collinear_groups
from symdyn.regress.covariance import noise
from symdyn.regress.fit import Fit, condition
from symdyn.regress.posed import Fitted, coefficients_of, joined, weight_names
from symdyn.regress.rows.regression import Regression
from symdyn.regress.solution import RESULTS, Candidate, Choice, Settings, Solution, Stats
from symdyn.symmetry import Subspace


def solution_of(made: Fitted) -> Solution:
    """The solution with its evidence."""
    found, settings, subspace, shape, fits = made.found, made.settings, made.subspace, made.shape, made.fits
    terms, recording, target_space = found.terms, found.recording, found.recording.target_space
    model_space, active, covariance, weights = joined(fits, shape, subspace)
    model = Model(
        weights=weights, terms=terms, subspace=model_space, space=recording.space, targets=recording.targets,
        kinematics=recording.kinematics, time_unit=recording.time_unit, inputs=recording.inputs,
        clock=recording.time_name if recording.time_name in recording.inputs else "",
        discrete=settings.discrete, known=settings.known,
    )  # fmt: skip
    names = [weight_names(terms, target_space, fit.problem) for fit in fits]
    collinear = tuple(
        group
        for fit, own in zip(fits, names, strict=True)
        for group in collinear_groups(fit, own, _tolerance(settings))
    )
    result = RESULTS.collinear if collinear else RESULTS.successful
    if not active:
        result = RESULTS.no_terms
    stats = _stats(found, fits, active, subspace, shape)
    choices = tuple(_choice(fit, own, target_space) for fit, own in zip(fits, names, strict=True))
    return Solution(model, result, stats, covariance, collinear, settings, choices, recording.provenance)


def _choice(fit: Fit, names: tuple[str, ...], targets: StateSpace) -> Choice:
    path, columns = fit.path, targets.component_names
    own = [columns[c] for c in fit.problem.named]
    target = ", ".join(own if len(own) < len(columns) else targets.names)
    rest = fit.problem.by_rates.remainder
    candidates = tuple(
        Candidate(tuple(names[k] for k in np.flatnonzero(mask)), float(residual * rest), float(score))
        for mask, residual, score in zip(path.masks, path.residuals, path.scores, strict=True)
    )
    often = () if path.frequencies is None else path.frequencies
    frequencies = tuple((names[k], float(f)) for k, f in enumerate(often) if f > 0)
    return Choice(target, candidates, path.chosen, frequencies)


def _tolerance(settings: Settings) -> float:
    return getattr(settings.solver, "threshold", 0.0) or 0.05


def _noise(found: Regression, fit: Fit, fits: tuple[Fit, ...], shape, subspace: Subspace | None) -> tuple[float, ...]:
    """Root mean square residual of each target of a fit, in its own unit also where the fit was of whitened rows."""
    if fit.problem.named_columns is None or found.weak is None:
        return noise(fit.problem, fit.mask, fit.shares * fit.unit)
    left = found.weak.residual(coefficients_of(fits, shape, subspace))
    if len(shape) == 1:
        return (float(np.sqrt(np.mean(left**2))),)
    return tuple(float(left[c]) for c in fit.problem.named)


def _stats(found: Regression, fits: tuple[Fit, ...], active: int, subspace: Subspace | None, shape) -> Stats:
    moments = found.moments
    residual = tuple(fit.residual * fit.problem.by_rates.remainder for fit in fits)
    levels = {c: n for f in fits for c, n in zip(f.problem.named, _noise(found, f, fits, shape, subspace), strict=True)}
    return Stats(
        rows=moments.n_rows,
        blocks=len(moments.blocks),
        candidates=int(np.prod(shape)),
        free=int(np.prod(shape)) if subspace is None else subspace.dimension,
        active=active,
        residual=residual,
        shares=tuple(tuple(float(s) for s in fit.shares[fit.mask]) for fit in fits),
        noise=tuple(levels[c] for c in sorted(levels)),
        condition=tuple(condition(fit) for fit in fits),
        inflation=tuple(fit.scatter.inflation for fit in fits),
        freedom=tuple(tuple(float(f) for f in fit.scatter.freedom) for fit in fits),
    )
