"""Which terms stay: backward elimination with a joint fit of every set, and exchanges at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log

import numpy as np
from scipy.special import gammaln

from symdyn._progress import tell
from symdyn.regress.joint.bordered import Reduced, normalised
from symdyn.regress.joint.descent import AbstractProblem, Point, descend, moved, start
from symdyn.regress.solvers.base import as_masks, live_terms
from symdyn.regress.solvers.stepwise import eliminations, forward
from symdyn.regress.solvers.subset import exchanged

MARGIN = 40.0  # a path that scores this much above its best is at its end
ROUNDS, TRIALS = 8, 8  # of exchanges, and joint fits in each
NEAR = 12.0  # an exchange that the quadratic model puts further above the best is not tried


@dataclass(frozen=True, eq=False)
class Judged:
    """A set of terms with its joint fit and score; lower is better."""

    point: Point
    score: float

    @property
    def mask(self) -> np.ndarray:
        return self.point.mask


@dataclass(frozen=True)
class ModelEvidence:
    r"""$n \log Q + \log \det S + k \log s^2 + k + 2 \gamma \log \binom{p}{k}$: see `JointEstimation`."""

    gamma: float

    def __call__(self, value: float, rows: int, weights: np.ndarray, information: np.ndarray, p: int) -> float:
        k = len(weights)
        sets = 2 * self.gamma * float(gammaln(p + 1) - gammaln(k + 1) - gammaln(p - k + 1))
        whole = rows * log(max(value, 1e-300) / rows) + sets
        if not k:
            return whole
        scaled, scale = normalised(information)
        size = float(np.linalg.slogdet(scaled)[1] + 2 * np.log(scale).sum())
        return whole + size - k * log(value / rows) + k * log(max(float(np.mean(weights**2)), 1e-300)) + k


@dataclass(frozen=True)
class Criterion:
    """n log Q + the price of the size: `price(size, rows, p)`."""

    price: Callable[[int, float, int], float]

    def __call__(self, value: float, rows: int, weights: np.ndarray, information: np.ndarray, p: int) -> float:
        return rows * log(max(value, 1e-300) / rows) + self.price(len(weights), rows, p)


@dataclass(frozen=True, eq=False)
class Seen:
    """What is remembered of a set: its terms among all weights of the law, its score and its residual."""

    mask: np.ndarray
    score: float
    data: float


class TermSearch:
    """The search for the best set. What it has found so far can be read at any time, also after an interruption.

    `problem`: the joint problem of some of the weights of a law, `places` (K,); `rule`: the score; `rows`: values that
    were seen; `total`: all weights of the law; `record`: the sets judged so far, also by searches before this one.
    """

    def __init__(
        self, problem: AbstractProblem, places: np.ndarray, rule: ModelEvidence | Criterion, rows: int, total: int,
        record: dict[bytes, Seen] | None = None,
    ):  # fmt: skip
        self.problem, self.places, self.rule, self.rows, self.total = problem, places, rule, rows, total
        self.record = {} if record is None else record
        self.judged: Judged | None = None

    def on(self, problem: AbstractProblem, places: np.ndarray) -> TermSearch:
        """A search among other weights that goes on from this one's best set, which they must hold."""
        other = TermSearch(problem, places, self.rule, self.rows, self.total, self.record)
        other.judged = Judged(self.transferred(problem, places), self.best.score)
        return other

    def transferred(self, problem: AbstractProblem, places: np.ndarray) -> Point:
        """The best point as one of a problem with other weights."""
        point = self.best.point
        weights, mask = np.zeros(len(places)), np.zeros(len(places), bool)
        for value, place in zip(point.weights[point.mask], self.places[point.mask], strict=True):
            k = int(np.flatnonzero(places == place)[0])
            weights[k], mask[k] = value, True
        found = start(problem, point.nodes, weights, mask, point.noise, point.looseness)
        return replace(found, converged=point.converged)

    @property
    def best(self) -> Judged:
        """The best set so far."""
        assert self.judged is not None
        return self.judged

    def key(self, mask: np.ndarray) -> bytes:
        """A set of the problem's weights as one of all weights."""
        return self.whole(mask).tobytes()

    def whole(self, mask: np.ndarray) -> np.ndarray:
        """A set of the problem's weights (K,) among all weights (r,)."""
        out = np.zeros(self.total, bool)
        out[self.places[mask]] = True
        return out

    def judge(self, point: Point, small: Reduced | None = None) -> Judged:
        """Score a joint fit, and remember it. One that does not determine its trajectory scores worst."""
        try:
            small, kept = small or point.reduced(), np.flatnonzero(point.mask)
        except np.linalg.LinAlgError:
            return Judged(point, np.inf)
        score = self.rule(
            point.value, self.rows, point.weights[kept], small.information[np.ix_(kept, kept)], self.total
        )
        found, key = Judged(point, score), self.key(point.mask)
        if key not in self.record or score < self.record[key].score:
            self.record[key] = Seen(self.whole(point.mask), score, float(point.normal.data))
        if self.judged is None or score < self.judged.score:
            self.judged = found
        return found

    def eliminate(self, point: Point, fewest: int = 1) -> None:
        """Drop the term of the smallest Wald statistic, fit jointly, and so on.

        Raises numpy.linalg.LinAlgError where the start or a fit does not determine its trajectory.
        """
        small = point.reduced()
        self.judge(point, small)
        while point.mask.sum() > fewest:
            point = self._without_weakest(point, small)
            small = point.reduced()
            found = self.judge(point, small)
            tell(f"{int(point.mask.sum())} terms: {found.score - self.best.score:.3g} above the best")
            if found.score > self.best.score + MARGIN and point.mask.sum() < self.best.mask.sum():
                return

    def _without_weakest(self, point: Point, small: Reduced) -> Point:
        kept = np.flatnonzero(point.mask)
        covariance = small.covariance(point.mask)
        with np.errstate(over="ignore"):  # a variance that is lost in rounding
            wald = point.weights[kept] ** 2 / np.maximum(np.diag(covariance), 1e-300)
        worst = int(np.argmin(wald))
        # the others move along their correlation with the one that goes to zero
        change = np.zeros(len(point.mask))
        change[kept] = -covariance[:, worst] * point.weights[kept[worst]] / covariance[worst, worst]
        mask = point.mask.copy()
        mask[kept[worst]] = False
        nodes = point.nodes - small.response @ change
        fitted = descend(
            self.problem, moved(self.problem, point, mask=mask, weights=point.weights + change, nodes=nodes),
            steps=15, tolerance=1e-2,
        )  # fmt: skip
        if fitted.value <= point.value + 20 + 5 * wald[worst]:
            return fitted
        again = descend(self.problem, moved(self.problem, point, mask=mask), steps=15, tolerance=1e-2)
        return min(fitted, again, key=lambda each: each.value)

    def exchange(self) -> None:
        """From the best set add, drop or swap one term as long as that helps."""
        for _ in range(ROUNDS):
            best = self.best
            if not self._improved(best, self.neighbours(best)):
                return
            tell(f"exchanged: {int(self.best.mask.sum())} terms, {best.score - self.best.score:.3g} better")

    def leap(self) -> None:
        """From the best set try the best sets of every size by its quadratic model, as long as that helps."""
        for _ in range(ROUNDS):
            best = self.best
            if not self._improved(best, self.other_sets(best), far=True):
                return
            tell(f"other terms: {int(self.best.mask.sum())}, {best.score - self.best.score:.3g} better")

    def other_sets(self, best: Judged) -> list[tuple[float, np.ndarray]]:
        """The best set of each size by the quadratic model at a point, with its score, the best ones first."""
        small = best.point.reduced()
        table = small.triangle(best.point.weights, best.point.value)
        live = live_terms(table)
        most, ahead = int(best.mask.sum()) + 1, forward(table, live, len(live))
        sets = [found for found in eliminations(table, live) if len(found) <= most]
        sets += [ahead[:size] for size in range(1, min(most, len(ahead)) + 1)]
        masks = {as_masks([exchanged(table, found)], len(best.mask))[0].tobytes() for found in sets}
        found = [self._guess(best, small, np.frombuffer(mask, bool)) for mask in masks]
        return sorted(found, key=lambda each: each[0])

    def _guess(self, best: Judged, small: Reduced, mask: np.ndarray) -> tuple[float, np.ndarray]:
        """The score of a set by the quadratic model at a point."""
        change, weights = small.quadratic(best.point.weights, mask)
        kept = np.flatnonzero(mask)
        value = max(best.point.value + change, 0.3 * best.point.value)
        return self.rule(value, self.rows, weights[kept], small.information[np.ix_(kept, kept)], self.total), mask

    def _improved(self, best: Judged, sets: list[tuple[float, np.ndarray]], far: bool = False) -> bool:
        trials = 0
        for guess, mask in sets:
            if guess > best.score + NEAR or trials >= TRIALS:
                return False
            if self.key(mask) in self.record:
                continue
            trials += 1
            point = self._moved_to(best.point, mask) if far else moved(self.problem, best.point, mask=mask)
            point = descend(self.problem, point, steps=12, tolerance=1e-2)
            if self.judge(point).score < best.score - 1e-6:
                return True
        return False

    def _moved_to(self, point: Point, mask: np.ndarray) -> Point:
        """The point at the weights that its quadratic model gives a set, with the nodes that follow."""
        small = point.reduced()
        weights = small.quadratic(point.weights, mask)[1]
        nodes = point.nodes + small.nodes(weights - point.weights)
        return moved(self.problem, point, mask=mask, weights=weights, nodes=nodes)

    def neighbours(self, best: Judged) -> list[tuple[float, np.ndarray]]:
        """Sets that differ by one term or by a swap, with the scores of the quadratic model, the best ones first."""
        small = best.point.reduced()
        inside, outside = np.flatnonzero(best.mask), np.flatnonzero(~best.mask)
        pairs = [(a, b) for a in (None, *outside) for b in (None, *inside) if (a, b) != (None, None)]
        found = []
        for add, drop in pairs:
            mask = best.mask.copy()
            if add is not None:
                mask[add] = True
            if drop is not None:
                mask[drop] = False
            found.append(self._guess(best, small, mask))
        return sorted(found, key=lambda each: each[0])
