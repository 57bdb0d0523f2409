"""`refine`: the coefficients of a law by matching its trajectories to the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import equinox as eqx
import numpy as np

from symdyn._errors import InputError
from symdyn._progress import tell
from symdyn.data.door import read
from symdyn.data.recording import Recording
from symdyn.model.model import Model
from symdyn.regress.constraints.admissible import equations_on
from symdyn.regress.constraints.language import Constraint, coefficient
from symdyn.regress.joint.accuracy import substeps_for
from symdyn.regress.joint.collocation import Collocation, field_of_model
from symdyn.regress.joint.descent import Point, Stopped, covariance_of, descend, levels, settled, start, tighten
from symdyn.regress.joint.grid import Observed, grid, observed
from symdyn.regress.joint.law import first_noise, moving_space, with_unseen
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.joint.shooting import Segments, Shooting, cuts_by_growth, cuts_by_length, segments
from symdyn.regress.joint.solution import stats_of
from symdyn.regress.joint.start import Smooth, floors, smoothed
from symdyn.regress.refinement.tangents import refined_projection, replace_weights
from symdyn.regress.solution import RESULTS, Solution
from symdyn.regress.varpro import Projection
from symdyn.symmetry import Subspace

GROWTH = 10.0  # of errors within a segment
FIRM = 1e-2  # an interruption at a larger looseness leaves nothing to return
SHARP = 0.01  # tolerance of the integration in units of what the joints may be apart: else the objective is rough


Law = TypeVar("Law", Solution, Projection)


def refine(
    law: Law,
    data,
    *,
    segment: float | None = None,
    fixed: Iterable[tuple[str, str] | str] = (),
    constraints: Iterable[Constraint] = (),
    noise: float | tuple[float, ...] | None = None,
    looseness: float = 3e-4,
) -> Law:
    r"""Refine the coefficients of a law by trajectory matching; the initial states are unknowns too.

    $$\min_{w, s} \sum_i \frac{|y_i - x(t_i; s, w)|^2}{\sigma^2}
      + \sum_j \frac{|s_{j+1} - x(t_{j+1}; s_j, w)|^2}{\rho^2}$$

    The trajectory is integrated by diffrax through segments j from the states s_j at their starts, and the gaps
    between segments close as $\rho / \sigma$ falls to `looseness` (multiple shooting): the most likely trajectory of
    the law, with noise on all states and no derivative of any. Chaotic data are no obstacle, as segments are short
    beside the time in which errors grow. A joint estimation by collocation gives the starts.

    Reference: Bock 1981, in Modelling of Chemical Reaction Systems, Springer, 102; Baake, Baake, Bock, Briggs 1992,
    Physical Review A 45, 5524.

    Parameters
    ----------
    law: what `identify` or another verb found; its terms, symmetry and inputs stay. What `variable_projection` found
        comes back as the same kind, with the nonlinear parameters refined too and their standard errors.
    data: as for `identify`: uneven times, several trajectories, values that are missing (with missing="skip" told to
        `identify`) or components that are seen at some times only. Rates of a second-order law need not be seen.
    segment: how long a segment lasts, in the data's unit of time; by default as long as errors of the noise grow at
        most tenfold, and at most 256 samples.
    fixed: coefficients that keep their values: pairs of a term and a target component, `[("x", "y")]`, or
        the names of vector terms.
    constraints: further equations: `sd.coefficient("x", "y") == 28`.
    noise: standard deviation of each state component, a number for all or a tuple; by default from the residual.
    looseness: the last $\rho / \sigma$.

    Returns a `Solution`. Its covariance is the inverse information of the weights, with the trajectory unknown;
    `stats.noise` is that of the states. If the work is interrupted from the keyboard, the best law so far comes back
    with `RESULTS.interrupted`, unless there is none yet. Raises InputError for a law or data that cannot be used.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> times, rng = np.arange(0, 10, 0.1), np.random.default_rng(0)
    >>> data = {"time": times, "x": np.cos(times) + 0.1 * rng.normal(size=100), "y": -np.sin(times)}
    >>> data["y"] = data["y"] + 0.1 * rng.normal(size=100)
    >>> law = sd.identify(data, library=sd.Monomials(1), differentiation=sd.SavitzkyGolay(11))
    >>> better = sd.refine(law, data)
    >>> bool(abs(better.coefficient("x", "y")[0] + 1) < 0.05)
    True
    """
    if isinstance(law, Projection):
        told = {"segment": segment, "fixed": fixed, "constraints": constraints, "noise": noise}
        fixed, constraints = told["fixed"], told["constraints"] = tuple(fixed), tuple(constraints)
        return refined_projection(law, data, partial(refine, looseness=looseness, **told), bool(fixed or constraints))
    if not isinstance(law, Solution):
        raise InputError(f"law must be a Solution, as identify returns it, got {type(law).__name__}")
    if law.model.discrete:
        raise InputError("refine integrates rates: a discrete law has none")
    if segment is not None and not segment > 0:
        raise InputError(f"a segment lasts a positive time, got {segment!r}")
    if not len(law.covariance):
        raise InputError("the law has no term whose coefficient could be refined")
    options = JointEstimation(looseness=looseness, noise=noise)
    subspace, weights = _restricted(law.model, fixed, constraints)
    task = _prepared(law, read(data, law.settings.reading), options, subspace, weights)
    problem, point, interrupted = _collocated(task, options)
    covariance = covariance_of(problem, point, task.known)
    weights, converged = point.weights, point.converged
    if not interrupted:
        pieces = _segments(task, problem, point, segment)
        tell(f"{len(pieces.times)} segments of at most {pieces.values.shape[1]} samples")
        problem_, point_, interrupted = _shot(task, problem, point, pieces, looseness)
        if np.isfinite(point_.value):
            weights, converged = point_.weights, point_.converged
            covariance = covariance_of(problem_, point_, task.known)
            point = replace(point, weights=weights, noise=point_.noise)
        else:
            converged = False
    result = RESULTS.successful if converged else RESULTS.not_converged
    model = replace_weights(law.model, subspace, weights)
    stats = stats_of(problem, point, law.stats.candidates, law.stats.free)
    return replace(
        law, model=model, result=RESULTS.interrupted if interrupted else result, stats=stats, covariance=covariance,
        collinear=(),
    )  # fmt: skip


def _restricted(model: Model, fixed, constraints) -> tuple[Subspace, np.ndarray]:
    """The law's coefficients under further equations, and the weights nearest to those that it has."""
    terms, targets = model.terms, model.space.select(model.targets)
    table = np.asarray(model.coefficients)
    rules = list(constraints)
    for each in fixed:
        term, target = (each, None) if isinstance(each, str) else tuple(each)
        known = target in targets.component_names if table.ndim == 2 else target is None
        if term not in terms.names or not known:
            raise InputError(
                f"unknown coefficient {each!r}; fixed holds pairs of a term ({', '.join(terms.names)}) and a target "
                f"({', '.join(targets.component_names)}), or terms alone where they are vectors"
            )
        row = terms.names.index(term)
        value = table[row] if table.ndim == 1 else table[row, targets.component_names.index(target)]
        rules.append(coefficient(term, target) == float(value))
    subspace = model.subspace if not rules else equations_on(model.subspace, rules, terms, targets)
    if not subspace.dimension:
        raise InputError("nothing is left to refine: all coefficients are fixed")
    basis = np.asarray(subspace.basis).reshape(subspace.dimension, -1)
    away = (table - np.asarray(subspace.offset)).ravel()
    return subspace, np.linalg.lstsq(basis.T, away, rcond=None)[0]


@dataclass(frozen=True, eq=False)
class _Task:
    law: Solution
    described: Recording
    runs: tuple[Observed, ...]
    subspace: Subspace
    weights: np.ndarray
    noise: np.ndarray
    floor: np.ndarray
    known: bool
    smooth: Smooth


def _prepared(law: Solution, recording: Recording, options: JointEstimation, subspace, weights) -> _Task:
    model = law.model
    absent = [
        n for n in model.space.names if n not in recording.space.names and n not in dict(model.kinematics).values()
    ]
    if absent:
        raise InputError(f"the data lack {', '.join(absent)}; they have {', '.join(recording.space.names)}")
    described = replace(
        recording, space=model.space, targets=model.targets, kinematics=model.kinematics, inputs=model.inputs
    )
    runs = observed(recording, described, law.settings)
    noise, floor, space = first_noise(runs, options), floors(runs), moving_space(described)
    smooth = smoothed(runs, np.maximum(noise, floor), space, model.kinematics)
    noise = with_unseen(np.maximum(noise, floor), runs, smooth, space, model.kinematics)
    return _Task(law, described, runs, subspace, weights, noise, floor, options.noise is not None, smooth)


def _collocated(task: _Task, options: JointEstimation) -> tuple[Collocation, Point, bool]:
    """The joint estimate by collocation. An interruption before the defects are small leaves nothing to return."""
    field = field_of_model(task.law.model)
    offset, basis = np.asarray(task.subspace.offset), np.asarray(task.subspace.basis)
    count = 1
    problem = Collocation(field, grid(task.runs, count), offset, basis)
    for _ in range(2):
        count = substeps_for(problem, task.smooth.on(problem.grid), task.weights, task.noise, count)
        problem = Collocation(field, grid(task.runs, count), offset, basis)
        if count == 1:
            break
    nodes = task.smooth.on(problem.grid)
    point = start(problem, nodes, task.weights, np.ones(len(task.weights), bool), task.noise, 1.0)
    tell(f"{len(task.weights)} weights, {len(nodes)} nodes")
    try:
        point = tighten(problem, descend(problem, point, steps=8), levels(1.0, FIRM))
        point = settled(problem, point, options.looseness, floor=None if task.known else task.floor)
    except Stopped as stop:
        if stop.point.looseness > FIRM:
            raise
        return problem, stop.point, True
    tell(f"collocation: residual {point.value:.6g} noise variances")
    return problem, point, False


def _segments(task: _Task, problem: Collocation, point: Point, length: float | None) -> Segments:
    states = point.nodes[problem.grid.samples]
    field = eqx.tree_at(lambda f: f.coefficients, problem.field, np.asarray(task.subspace.expand(point.weights)))
    cuts, place = [], 0
    for run in task.runs:
        own = states[place : place + len(run.times)]
        place += len(own)
        cuts.append(
            cuts_by_growth(field, run, own, point.noise, GROWTH) if length is None else cuts_by_length(run, length)
        )
    return segments(task.runs, cuts)


def _shot(task: _Task, problem: Collocation, point: Point, pieces: Segments, looseness: float):
    """The estimate by shooting, from that by collocation."""
    nodes = point.nodes[problem.grid.samples][pieces.nodes]
    sharp = np.maximum(SHARP * looseness * point.noise, 1e-11 * np.abs(point.nodes).max(axis=0))
    shooting = Shooting(problem.field, pieces, task.runs, problem.offset, problem.basis, sharp)
    try:
        first = start(shooting, nodes, point.weights, point.mask, point.noise, looseness)
        if not np.isfinite(first.value):
            return shooting, first, False
        first = descend(shooting, first, steps=20)
        return shooting, settled(shooting, first, looseness, floor=None if task.known else task.floor), False
    except Stopped as stop:
        return shooting, stop.point, True
