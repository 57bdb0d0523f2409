"""The solution of a joint estimation: the law, its covariance, and the sets that came into question."""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax
import numpy as np

from symdyn._types import Frozen, double_precision
from symdyn.model.model import Model
from symdyn.regress.joint.bordered import normalised
from symdyn.regress.joint.collocation import Collocation
from symdyn.regress.joint.descent import Point, covariance_of, freedom_of
from symdyn.regress.joint.elimination import Seen, TermSearch
from symdyn.regress.joint.law import Task
from symdyn.regress.solution import RESULTS, Candidate, Choice, Solution, Stats
from symdyn.symmetry import Subspace

NEAR = 30.0  # sets that score this much above the best are listed, and the best one of each size


def solution_of_search(
    task: Task, search: TermSearch, point: Point, problem: Collocation, interrupted: bool
) -> Solution:
    """The best set of a search, as fitted at last, with the others beside it."""
    described, settings = task.described, task.settings
    elements = problem.basis[point.mask]
    made = task.weights.posed
    subspace = made.given.subspace or Subspace.full(made.shape)
    clock = described.time_name if described.time_name in described.inputs else ""
    model = Model(
        weights=point.weights[point.mask], terms=made.found.terms, subspace=replace(subspace, basis=Frozen(elements)),
        space=described.space, targets=described.targets, kinematics=described.kinematics,
        time_unit=described.time_unit, inputs=described.inputs, clock=clock, known=settings.known,
    )  # fmt: skip
    result = RESULTS.successful if point.converged else RESULTS.not_converged
    if interrupted:
        result = RESULTS.interrupted
    if not point.mask.any():
        result = RESULTS.no_terms
    free = int(np.prod(made.shape)) if made.given.subspace is None else made.given.subspace.dimension
    stats = stats_of(problem, point, int(np.prod(made.shape)), free)
    choices = (choice_of(search, task.weights.names, described.target_space.component_names, problem),)
    covariance = covariance_of(problem, point, task.fixed)
    return Solution(model, result, stats, covariance, (), settings, choices, described.provenance)


def stats_of(problem: Collocation, point: Point, offered: int, free: int) -> Stats:
    """Figures of the fit; residual and noise are those of the states."""
    grid, count = problem.grid, problem.grid.count
    seen = count > 0
    mean = np.sum(grid.weights * grid.values, axis=0)[seen] / grid.weights.sum(axis=0)[seen]
    total = np.sum((grid.weights[:, seen] * (grid.values[:, seen] - mean) ** 2) / point.noise[seen] ** 2)
    residual = float(np.sqrt(float(point.normal.data) / max(float(total), 1e-300)))
    freedom = freedom_of(problem, point)
    active = int(point.mask.sum())
    information = point.reduced().information[np.ix_(point.mask, point.mask)]
    condition = float(np.sqrt(np.linalg.cond(normalised(information)[0]))) if active else 1.0
    return Stats(
        rows=int(count.sum()), blocks=1, candidates=offered, free=free, active=active, residual=(residual,),
        shares=(tuple(float(s) for s in shares_of(problem, point)),), noise=tuple(float(s) for s in point.noise[seen]),
        condition=(condition,), inflation=(1.0,), freedom=((freedom,) * active,),
    )  # fmt: skip


def shares_of(problem: Collocation, point: Point) -> np.ndarray:
    """The root mean square of what each kept weight adds to the rates of its targets, as a share of them, (k,)."""
    with double_precision():
        found = _parts(problem.field, problem.basis[point.mask], point.nodes, problem.grid.inputs)
    by_weight, fixed = (np.asarray(each) for each in found)
    parts = by_weight * point.weights[point.mask]
    rates = np.mean((parts.sum(axis=2) + fixed) ** 2, axis=0)  # (n,)
    touched = (parts != 0).any(axis=0)  # (n, k)
    whole = np.sqrt(np.maximum(rates @ touched, 1e-300))
    return np.sqrt(np.mean(np.sum(parts**2, axis=1), axis=0)) / whole


@eqx.filter_jit
def _parts(field, basis, nodes, inputs):
    return jax.vmap(lambda z, u: (field.by_weight(z, u, basis), field.motion(z, u)))(nodes, inputs)


def choice_of(search: TermSearch, names: tuple[str, ...], targets: tuple[str, ...], problem: Collocation) -> Choice:
    """The best sets of the search in the order of their size."""
    ranked = sorted(search.record.values(), key=lambda one: one.score)
    by_size: dict[int, Seen] = {}
    for each in ranked:
        by_size.setdefault(int(each.mask.sum()), each)
    listed = {id(each): each for each in ranked if each.score < ranked[0].score + NEAR}
    listed |= {id(each): each for each in by_size.values()}
    ordered = sorted(listed.values(), key=lambda one: (int(one.mask.sum()), one.score))
    best = search.best.point
    scale = stats_of(problem, best, 0, 0).residual[0] / max(float(np.sqrt(float(best.normal.data))), 1e-300)
    found = tuple(
        Candidate(tuple(names[k] for k in np.flatnonzero(each.mask)), float(np.sqrt(each.data)) * scale, each.score)
        for each in ordered
    )
    own = search.key(best.mask)
    return Choice(", ".join(targets), found, [each.mask.tobytes() for each in ordered].index(own))
