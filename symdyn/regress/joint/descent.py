"""Levenberg-Marquardt on nodes and weights together, with the defects tightened in steps."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from symdyn.regress.joint.bordered import Normal, Reduced, reduced

GROWTH, SHRINK, MOST = 10.0, 5.0, 1e8  # of the damping
SCHEDULE = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


class AbstractProblem(abc.ABC):
    """A joint problem: nodes (T, n) along trajectories, with common weights (K,).

    `count` (n,): the values seen of each component; `runs`: the number of trajectories.
    """

    count: np.ndarray
    runs: int

    @abc.abstractmethod
    def __call__(self, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray, looseness: float) -> Normal:
        """The normal equations for the noise (n,) and a looseness."""

    @abc.abstractmethod
    def prices(self, noise: np.ndarray, looseness: float) -> tuple[np.ndarray, np.ndarray]:
        """What the samples hold each node with (T, n), and the weights of the squared defects (T - 1, n)."""

    @abc.abstractmethod
    def residual(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weighted sums of squared residuals of each component, (n,)."""


class Stopped(KeyboardInterrupt):
    """An interruption in the middle of a descent, with the `point` that it had reached."""

    def __init__(self, point: Point):
        super().__init__()
        self.point = point


@dataclass(frozen=True, eq=False)
class Point:
    """An estimate: `nodes` (T, n), `weights` (K,), zero outside `mask` (K,), the `normal` equations there, and whether
    the descent had `converged`."""

    nodes: np.ndarray
    weights: np.ndarray
    mask: np.ndarray
    noise: np.ndarray
    looseness: float
    normal: Normal
    converged: bool = True

    @property
    def value(self) -> float:
        """The objective, in noise variances."""
        return self.normal.value

    def reduced(self) -> Reduced:
        """The problem of the weights alone, all of them."""
        return reduced(self.normal)


def start(problem: AbstractProblem, nodes, weights, mask, noise, looseness: float) -> Point:
    """A point that no step has been taken from."""
    weights = np.where(mask, weights, 0.0)
    return Point(nodes, weights, mask, noise, looseness, problem(nodes, weights, noise, looseness), False)


def descend(problem: AbstractProblem, point: Point, *, steps: int = 20, tolerance: float = 1e-3) -> Point:
    """Steps that lower the objective, until a step gains less than `tolerance` noise variances.

    The damping acts on the nodes in units of the noise and on the weights in units of their information. A point
    whose normal equations cannot be solved, or from which no step leads down, is returned as not converged.
    """
    damping = 1e-4
    seen = problem.prices(point.noise, point.looseness)[0]
    floor = np.broadcast_to(1.0 / point.noise**2, seen.shape)
    for _ in range(steps):
        try:
            trial = _step(problem, point, damping, np.maximum(seen, floor))
        except KeyboardInterrupt as stop:
            raise Stopped(point) from stop
        if trial is None or not np.isfinite(trial.value) or trial.value > point.value * (1 + 1e-12):
            damping = max(GROWTH * damping, 1e-6)
            if damping > MOST:
                # no way down: a minimum to rounding, unless the slope says otherwise
                return replace(point, converged=False)
            continue
        gain, point, damping = point.value - trial.value, trial, damping / SHRINK
        if gain < tolerance:
            return replace(point, converged=True)
    return replace(point, converged=False)


def _step(problem: AbstractProblem, point: Point, damping: float, floor: np.ndarray) -> Point | None:
    try:
        small = reduced(point.normal, damping * floor)
        change = small.solve(point.mask, damping)
    except np.linalg.LinAlgError:
        return None
    nodes, weights = point.nodes + small.nodes(change), point.weights + change
    normal = problem(nodes, weights, point.noise, point.looseness)
    return Point(nodes, weights, point.mask, point.noise, point.looseness, normal)


def moved(
    problem: AbstractProblem, point: Point, *, mask=None, weights=None, nodes=None, noise=None, looseness=None
) -> Point:
    """The point with some of its parts exchanged."""
    return start(
        problem,
        point.nodes if nodes is None else nodes,
        point.weights if weights is None else weights,
        point.mask if mask is None else mask,
        point.noise if noise is None else noise,
        point.looseness if looseness is None else looseness,
    )


def tighten(problem: AbstractProblem, point: Point, levels: Iterable[float], steps: int = 8) -> Point:
    """Descend at each looseness in turn."""
    for level in levels:
        point = descend(problem, moved(problem, point, looseness=level), steps=steps)
    return point


def levels(first: float, last: float) -> list[float]:
    """The looseness in steps of a half decade, from below `first` to `last`."""
    return [s for s in SCHEDULE if last < s < first] + [last]


def settled(
    problem: AbstractProblem, point: Point, looseness: float, *, floor: np.ndarray | None = None, rounds: int = 3
) -> Point:
    """The fit at the last looseness, with the noise of each component from its residual, but not below `floor` (n,).

    Without a floor the noise is taken as known.
    """
    point = tighten(problem, point, levels(point.looseness, looseness), steps=30)
    for _ in range(rounds):
        if floor is None:
            break
        noise = residual_noise(problem, point, floor)
        if np.allclose(noise, point.noise, rtol=1e-3):
            break
        point = descend(problem, moved(problem, point, noise=noise), steps=30)
    return point


def freedom_of(problem: AbstractProblem, point: Point) -> float:
    """Values seen, less what was fitted to them: the weights and the first state of each run."""
    fitted = int(point.mask.sum()) + point.nodes.shape[1] * problem.runs
    return float(max(int(problem.count.sum()) - fitted, 1))


def residual_noise(problem: AbstractProblem, point: Point, floor: np.ndarray) -> np.ndarray:
    """Standard deviations from the residual, (n,), with degrees of freedom shared evenly; unseen ones scale along."""
    count = problem.count
    left = freedom_of(problem, point) / count.sum()
    seen = count > 0
    noise = point.noise.copy()
    noise[seen] = np.sqrt(problem.residual(point.nodes, point.weights)[seen] / (count[seen] * left))
    noise[seen] = np.maximum(noise, floor)[seen]
    noise[~seen] *= float(np.mean(noise[seen] / point.noise[seen]))
    return noise


def covariance_of(problem: AbstractProblem, point: Point, known: bool) -> np.ndarray:
    """Of the kept weights, (k, k): their inverse information with the trajectory unknown, times the noise found."""
    variance = 1.0 if known else point.value / freedom_of(problem, point)
    return variance * point.reduced().covariance(point.mask)
