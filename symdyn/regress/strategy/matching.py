"""Laws of a short list matched to noisy data as trajectories: the likelihood of the samples decides among them.

Rates in the weak form know little of a short or noisy record; the trajectory of a law through all samples knows all
that is there. Each law is fitted by joint estimation (nodes and coefficients, `HostCollocation`), without compilation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log

import numpy as np

from symdyn.data.recording import Recording
from symdyn.regress.joint.collocation import Collocation, field_of_model
from symdyn.regress.joint.descent import Point, covariance_of, descend, moved, residual_noise, start, tighten
from symdyn.regress.joint.elimination import Criterion, TermSearch
from symdyn.regress.joint.grid import Observed, TimeGrid, grid, observed
from symdyn.regress.joint.host import Given, HostCollocation
from symdyn.regress.joint.solution import stats_of
from symdyn.regress.refinement.tangents import replace_weights
from symdyn.regress.rows.regression import recording_of_law
from symdyn.regress.solution import RESULTS, Settings, Solution
from symdyn.regress.solvers.base import ebic_price
from symdyn.regress.strategy.trial import Trial, smoothed, symbolic

LOOSENESS = (1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 3e-4)
ROUGH = (0.01, 1e-3)  # for one equation alone
HOPELESS = 4.0  # times the objective of the best law: one that is worse with loose steps is given up
SETS = 3  # of an elimination
RESOLVED = 1e-4  # of a variable's spread: what is less is not told from the error of the steps
MOST = 8  # steps between samples for laws that are tried
SHARES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.001)  # of the variance that does not grow with the state
STEPS, TOLERANCE, ROUNDS = 8, 0.05, 3  # of the last descents
STAGE = "the law whose trajectory the samples make most likely, among those that come first"
SURE = 12.0  # by how much twice the log-likelihood must rise for noise that grows with the state


@dataclass(frozen=True, eq=False)
class Match:
    """A law with the trajectory that it was matched by; the lower the score, the better.

    `early`: the objective with loose steps.
    """

    law: Solution
    problem: HostCollocation
    point: Point
    early: float
    score: float

    def significance(self) -> np.ndarray:
        """Each coefficient in units of its standard error, (p, d); zero for those that the law does not have."""
        covariance, basis = covariance_of(self.problem, self.point, False), self.problem.basis
        spread = np.einsum("ipd,ij,jpd->pd", basis, covariance, basis)
        value = np.tensordot(self.point.weights, basis, axes=1)
        return np.where(spread > 0, np.abs(value) / np.sqrt(np.maximum(spread, 1e-300)), 0.0)


@dataclass(frozen=True, eq=False)
class Matching:
    """The samples with their weights, a smooth trajectory through them (t, n) in all, and the noise (n,)."""

    runs: tuple[Observed, ...]
    smooth: np.ndarray
    noise: np.ndarray
    floor: np.ndarray
    trial: Trial
    compiled: dict[tuple[str, ...], tuple] = field(default_factory=dict)  # terms as functions, by their names

    def _problem(self, law: Solution, given: Given | None = None) -> HostCollocation:
        names = law.model.terms.names
        problem = HostCollocation(law.model, grid(self.runs, 1), functions=self.compiled.get(names), given=given)
        self.compiled[names] = problem.functions
        return problem

    @property
    def count(self) -> int:
        """The number of values that were seen."""
        return int(sum((run.weights > 0).sum() for run in self.runs))

    @classmethod
    def of(cls, recording: Recording, settings: Settings) -> Matching | None:
        """What laws are matched to, or None where they cannot be integrated."""
        trial = Trial.of(recording, settings)
        if trial is None:
            return None
        runs = observed(recording, recording_of_law(recording, settings), settings)
        smooth = np.concatenate([smoothed(run)[0] for run in recording.trajectories])
        residual = np.concatenate([run.values for run in runs]) - smooth
        live = np.concatenate([run.weights for run in runs]) > 0
        shapes = np.column_stack([variance_shape(smooth[:, c], residual[:, c]) for c in range(smooth.shape[1])])
        weights = np.split(live / shapes, np.cumsum([len(run.times) for run in runs])[:-1])
        runs = tuple(replace(run, weights=w) for run, w in zip(runs, weights, strict=True))
        noise = np.sqrt(np.sum(live * residual**2 / shapes, axis=0) / np.maximum(live.sum(axis=0), 1))
        floor = RESOLVED * trial.spread
        return cls(runs, smooth, np.maximum(noise, floor), floor, trial)

    def match(self, law: Solution, price: float, near: Match | None = None) -> Match | None:
        """The law with its most likely trajectory; None where there is none.

        `price`: of its terms, added to twice the negative logarithm of the likelihood; `near`: a law that matched well:
        one that is far worse at first is given up.
        """
        model = law.model
        if not symbolic(model.terms) or np.asarray(model.coefficients).ndim != 2:
            return None
        weights = np.asarray(model.weights, np.float64)
        problem = self._problem(law)
        count = min(problem.substeps(self.smooth, weights, self.noise), MOST)
        if count > 1:
            problem = problem.on(grid(self.runs, count))
        nodes = between(problem.grid, self.smooth)
        point = start(problem, nodes, weights, np.ones(len(weights), bool), self.noise, LOOSENESS[0])
        if not np.isfinite(point.value):
            return None
        point = tighten(problem, point, LOOSENESS[:4], STEPS)
        early = point.value
        if not early < (np.inf if near is None else HOPELESS * (near.early + self.count)):
            return None
        point = self._settled(problem, tighten(problem, point, LOOSENESS[4:], STEPS))
        if not np.isfinite(point.value):
            return None
        law = replace(law, model=replace_weights(model, model.subspace, point.weights))
        return Match(law, problem, point, early, price + misfit(problem, point))

    def alone(self, law: Solution, targets: tuple[str, ...], price: float, lowest: float) -> tuple[float, float]:
        """The score of some of a law's equations, with the other variables on their smooth course.

        It does not depend on the other equations, so that the first choice of each is not led astray by theirs. The
        second part is the objective with loose steps; one far above `lowest` is given up, with an infinite score.
        """
        found = self._begun(law, targets)
        if found is None:
            return np.inf, np.inf
        problem, point, free = found
        early = point.value
        if not early < HOPELESS * (lowest + problem.count.sum()):
            return np.inf, early
        point = tighten(problem, point, ROUGH, STEPS)
        return price + misfit(problem, self._settled(problem, point, free, 1)), early

    def eliminated(self, law: Solution, targets: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The best few sets of terms for some equations of a law: terms dropped and exchanged one by one."""
        found = self._begun(law, targets)
        if found is None:
            return []
        problem, point, _ = found
        terms = [law.model.terms.names[k] for k in np.argmax(np.abs(problem.basis).max(axis=2), axis=1)]
        size, rows = len(terms), int(problem.count.sum())
        search = TermSearch(problem, np.arange(size), Criterion(ebic_price), rows, size)
        search.eliminate(tighten(problem, point, ROUGH, STEPS))
        search.exchange()
        best = sorted(search.record.values(), key=lambda one: one.score)[:SETS]
        return [tuple(term for term, k in zip(terms, one.mask, strict=True) if k) for one in best]

    def _begun(self, law: Solution, targets: tuple[str, ...]) -> tuple[HostCollocation, Point, list[int]] | None:
        """Some equations of a law with loose steps, the other variables on their smooth course."""
        model = law.model
        if not symbolic(model.terms) or np.asarray(model.coefficients).ndim != 2:
            return None
        nodes = grid(self.runs, 1)
        free = [int(k) for k in model.space.indices(targets)]
        slope = np.concatenate([np.gradient(self.smooth[run], nodes.times[run], axis=0) for run in nodes.runs])
        step, mean = nodes.steps[:, None], 0.5 * (self.smooth[1:] + self.smooth[:-1])
        given = Given(free, self.smooth, mean + step / 8 * (slope[:-1] - slope[1:]))
        problem, noise = self._problem(law, given), self.noise[free]
        weights = np.asarray(model.weights, np.float64)[problem.kept]
        point = start(problem, self.smooth[:, free], weights, np.ones(len(weights), bool), noise, LOOSENESS[0])
        return (problem, tighten(problem, point, LOOSENESS[1:3], STEPS), free) if np.isfinite(point.value) else None

    def _settled(self, problem: HostCollocation, point: Point, free: list[int] | None = None, rounds=ROUNDS) -> Point:
        """The point with the noise from its residual."""
        floor = self.floor if free is None else self.floor[free]
        for _ in range(rounds):
            noise = residual_noise(problem, point, floor)
            if np.allclose(noise, point.noise, rtol=0.02):
                break
            point = descend(problem, moved(problem, point, noise=noise), steps=STEPS, tolerance=TOLERANCE)
        return point

    def follows(self, match: Match) -> bool:
        """Whether the law can be integrated over the data from smoothed starts."""
        return bool(np.isfinite(self.trial.score(match.law.model, 0, 1)))


def misfit(problem: HostCollocation, point: Point) -> float:
    """Twice the negative logarithm of the likelihood of the samples, up to a constant.

    The noise comes from the residual, unless that is below the floor: then the noise is the floor.
    """
    n = int(problem.count.sum())
    left = n * log(point.value / n) if point.value > n else point.value - n
    return 2 * float(problem.count @ np.log(point.noise)) + left


def finished(match: Match) -> Solution:
    """The law of a match with the statistics of a joint estimation."""
    law, problem, point = match.law, match.problem, match.point
    compiled = Collocation(field_of_model(law.model), problem.grid, problem.offset, problem.basis)
    stats = stats_of(compiled, point, law.stats.candidates, law.stats.free)
    return replace(
        law, stages=(STAGE,), stats=stats, covariance=covariance_of(problem, point, False), collinear=(), choices=(),
        result=RESULTS.successful if point.converged else RESULTS.not_converged,
    )  # fmt: skip


def between(nodes: TimeGrid, states: np.ndarray) -> np.ndarray:
    """States at the samples, (t, n), continued linearly to all nodes, (T, n)."""
    at = np.flatnonzero(nodes.samples)
    place = np.zeros(len(nodes.times))
    for part in nodes.runs:
        own = at[(at >= part.start) & (at < part.stop)]
        place[part] = np.interp(np.arange(part.start, part.stop), own, np.searchsorted(at, own))
    low = np.minimum(place.astype(int), len(states) - 1)
    high = np.minimum(low + 1, len(states) - 1)
    return states[low] + (place - low)[:, None] * (states[high] - states[low])


def variance_shape(smooth: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """The variance of the noise at each sample (t,), up to a factor: the same for all, or growing with the state.

    Of q + (1 - q) x^2 / mean(x^2) the most likely q, where that is much more likely than q = 1.
    """
    square = smooth**2 / max(float(np.mean(smooth**2)), 1e-300)
    best, lowest = np.ones_like(smooth), np.inf
    for q in SHARES:
        shape = q + (1 - q) * square
        value = len(smooth) * log(max(float(np.mean(residual**2 / shape)), 1e-300)) + float(np.log(shape).sum())
        if value < lowest - (SURE if q < 1 and np.all(best == 1) else 0.0):
            best, lowest = shape, value
    return best
