"""Where a joint estimation starts: the noise from differences, a smooth trajectory, and the weak form on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from symdyn._types import StateSpace
from symdyn.data.recording import Recording, Trajectory
from symdyn.data.weak import WeakForm
from symdyn.regress.joint.grid import Observed, TimeGrid
from symdyn.regress.posed import Posed, posed, weight_names
from symdyn.regress.problem import Problem
from symdyn.regress.selection import proposed
from symdyn.regress.solution import Settings
from symdyn.regress.solvers import BestSubset

FLOOR = 1e-7  # of the spread of a component: noise below this is not told from rounding and truncation
DENSE = 240  # samples of a smooth trajectory that the weak form needs at least
ROWS = 5  # and for each term


@dataclass(frozen=True, eq=False)
class Smooth:
    """A smooth trajectory: for each run a function from times (t,) to the moving components (t, n)."""

    runs: tuple[Callable[[np.ndarray], np.ndarray], ...]

    def on(self, grid: TimeGrid) -> np.ndarray:
        """The trajectory at the nodes, (T, n)."""
        parts = zip(self.runs, grid.runs, strict=True)
        return np.concatenate([run(grid.times[nodes]) for run, nodes in parts])


def noise_by_differences(runs: tuple[Observed, ...]) -> np.ndarray:
    """Standard deviation of the noise of each component, (n,), where its weight is one; zero for unseen ones.

    The residual of each sample from the cubic through its two neighbours on each side, in units of the standard
    deviation that white noise would give it (Gasser, Sroka, Jennen-Steinmetz 1986, Biometrika 73, 625). Too large
    where samples are too sparse for a cubic.
    """
    n = runs[0].values.shape[1]
    total, count = np.zeros((2, n))
    for run in runs:
        for c in range(n):
            live = run.weights[:, c] > 0
            left = _left_out(run.times[live], run.values[live, c]) * np.sqrt(run.weights[live, c][2:-2])
            total[c] += np.sum(left**2)
            count[c] += len(left)
    return np.sqrt(total / np.maximum(count, 1))


def _left_out(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    if len(times) < 5:
        return np.zeros(max(len(times) - 4, 0))
    around = np.stack([times[k : len(times) - 4 + k] for k in (0, 1, 3, 4)], axis=1)
    own, lagrange = times[2:-2], np.ones((len(times) - 4, 4))
    for j in range(4):
        for k in range(4):
            if k != j:
                lagrange[:, j] *= (own - around[:, k]) / (around[:, j] - around[:, k])
    near = np.stack([values[k : len(times) - 4 + k] for k in (0, 1, 3, 4)], axis=1)
    return (values[2:-2] - np.sum(lagrange * near, axis=1)) / np.sqrt(1 + np.sum(lagrange**2, axis=1))


def floors(runs: tuple[Observed, ...]) -> np.ndarray:
    """The least noise of each component that makes sense, (n,)."""
    spread = np.zeros(runs[0].values.shape[1])
    for c in range(len(spread)):
        seen = np.concatenate([run.values[run.weights[:, c] > 0, c] for run in runs])
        spread[c] = seen.std() or np.abs(seen).max(initial=0.0) if len(seen) else 0.0
    return FLOOR * np.where(spread > 0, spread, 1.0)


def smoothed(runs: tuple[Observed, ...], noise: np.ndarray, space: StateSpace, kinematics) -> Smooth:
    """Splines whose residual is the noise (Reinsch 1967), and their derivatives for rates that were not seen."""
    moving = {name: space.slice(name) for name in space.names}
    rate_of = {int(b): int(a) for x, y in kinematics for a, b in zip(_range(moving[x]), _range(moving[y]), strict=True)}
    return Smooth(tuple(_smooth(run, noise, rate_of) for run in runs))


def _range(part: slice) -> range:
    return range(part.start, part.stop)


def _smooth(run: Observed, noise: np.ndarray, rate_of: dict[int, int]) -> Callable[[np.ndarray], np.ndarray]:
    from scipy.interpolate import UnivariateSpline

    columns: dict[int, Callable[[np.ndarray], np.ndarray]] = {}
    for c in range(run.values.shape[1]):
        live = run.weights[:, c] > 0
        source = c if live.sum() > 5 or c not in rate_of else rate_of[c]
        live = run.weights[:, source] > 0
        times, values = run.times[live], run.values[live, source]
        degree = min(3 if source == c else 4, len(times) - 1)
        if degree < 1:
            level = float(values[0]) if len(values) else 0.0
            columns[c] = _Bounded(np.zeros_like, level, level)
            continue
        heavy = np.sqrt(run.weights[live, source]) / noise[source]
        spline: Any = UnivariateSpline(times, values, w=heavy, k=degree, s=len(times))
        reach = 0.5 * np.ptp(values)
        if source == c:
            columns[c] = _Bounded(spline, values.min() - reach, values.max() + reach)
        else:
            columns[c] = _Bounded(spline.derivative(), -np.inf, np.inf)
    return lambda stamps: np.stack([columns[c](stamps) for c in range(len(columns))], axis=1)


@dataclass(frozen=True)
class _Bounded:
    """A function of time that is kept within bounds: splines swing in long gaps."""

    function: Callable[[np.ndarray], np.ndarray]
    lower: float
    upper: float

    def __call__(self, stamps: np.ndarray) -> np.ndarray:
        return np.clip(self.function(stamps), self.lower, self.upper)


@dataclass(frozen=True, eq=False)
class Weights:
    """The free weights of a law: `elements` (r, *shape), the coefficients that a unit of each stands for; `offset`,
    the fixed ones; `names`; `problems`: which weights belong to which independent problem; `posed`: where from.
    """

    elements: np.ndarray
    offset: np.ndarray
    names: tuple[str, ...]
    problems: tuple[slice, ...]
    posed: Posed

    @property
    def size(self) -> int:
        return len(self.elements)


def regression_on(smooth: Smooth, runs: tuple[Observed, ...], described: Recording, settings: Settings) -> Posed:
    """The regression in the weak form on the smooth trajectory."""
    places = described.space.indices(tuple(n for n in described.space.names if n not in described.inputs))
    given = described.space.indices(described.inputs) if described.inputs else []
    trajectories, least = [], max(DENSE, ROWS * settings.library.on(described.space).size)
    for label, (run, function) in enumerate(zip(runs, smooth.runs, strict=True)):
        factor = max(1, ceil(least / len(run.times)))
        times = np.interp(np.arange((len(run.times) - 1) * factor + 1) / factor, np.arange(len(run.times)), run.times)
        states = np.zeros((len(times), described.space.size))
        states[:, places] = function(times)
        for k, place in enumerate(given):
            states[:, place] = np.interp(times, run.times, run.inputs[:, k])
        trajectories.append(Trajectory(str(label), times, states, None, np.ones(len(times))))
    recording = replace(described, trajectories=tuple(trajectories))
    plain = WeakForm(windows=least, generalised=False, unbiased=False)  # the trajectory is smooth already
    return posed(recording, replace(settings, differentiation=plain, order=1))


def weights_of(made: Posed) -> Weights:
    """All free weights of a regression, those of its problems one after the other."""
    terms, space, shape = made.found.terms, made.found.recording.target_space, made.shape
    elements, names, problems, start = [], [], [], 0
    several = len(made.problems) > 1 or len(shape) == 2
    for problem in made.problems:
        own = problem.elements
        if own is None:
            own = np.zeros((terms.size, *shape))
            columns = () if len(shape) == 1 else (problem.columns[0],)
            own[(np.arange(terms.size), np.arange(terms.size), *columns)] = 1.0
        labels = weight_names(terms, space, problem)
        if several and len(problem.columns) == 1 and not terms.value_shape:
            labels = tuple(f"{space.component_names[problem.columns[0]]}: {label}" for label in labels)
        elements.append(own)
        names.extend(labels)
        problems.append(slice(start, start + len(own)))
        start += len(own)
    subspace = made.given.subspace
    offset = np.zeros(shape) if subspace is None else np.asarray(subspace.offset)
    return Weights(np.concatenate(elements), offset, tuple(names), tuple(problems), made)


def candidates(weights: Weights, most: int) -> np.ndarray:
    """The weights to begin with, (r,): all, or those of the best small sets of each problem."""
    if weights.size <= most:
        return np.ones(weights.size, bool)
    first = np.concatenate([_first_size(problem) for problem in weights.posed.problems])
    chosen = np.zeros(weights.size, bool)
    chosen[np.argsort(first, kind="stable")[:most]] = True
    return chosen & np.isfinite(first)


def _first_size(problem: Problem) -> np.ndarray:
    """The size of the smallest best set that has each weight, (r,); infinite for those in none."""
    masks = proposed(problem, BestSubset())
    sizes = np.where(masks, masks.sum(axis=1)[:, None], np.inf)
    return np.min(sizes, axis=0, initial=np.inf)


def regressed(weights: Weights, mask: np.ndarray) -> np.ndarray:
    """The least-squares weights in the weak form, (r,), zero outside `mask`."""
    parts = []
    for problem, own in zip(weights.posed.problems, weights.problems, strict=True):
        kept = mask[own]
        found = (
            problem.shares(kept) * problem.normalised[1] * problem.physical if kept.any() else np.zeros(problem.size)
        )
        parts.append(found)
    return np.where(mask, np.concatenate(parts), 0.0)
