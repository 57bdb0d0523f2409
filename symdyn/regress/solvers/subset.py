"""Solvers of one least-squares problem in its triangular form, all behind one method.

A solver sees R = [T | y], the R-factor of the rows with every column and the target scaled to unit norm. A weight in
these units is the *share* of the target's size that its term carries: thresholds mean the same in km and in metres.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb, lgamma, log

import numpy as np
from jaxtyping import Bool, Float

from symdyn._errors import InputError


@dataclass(frozen=True)
class AbstractSolver(abc.ABC):
    """Frozen settings with one method."""

    @abc.abstractmethod
    def support(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        """Which terms stay, (r,): `triangle` (k, r + 1) has unit columns, the target last, and sums up `rows` rows."""


@dataclass(frozen=True)
class LeastSquares(AbstractSolver):
    """Ordinary (weighted) least squares on all terms: every term stays."""

    def support(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return np.ones(triangle.shape[1] - 1, bool)


@dataclass(frozen=True)
class STLSQ(AbstractSolver):
    """Sequentially thresholded least squares (Brunton, Proctor, Kutz 2016, PNAS 113, 3932).

    Parameters
    ----------
    threshold: terms that carry a smaller share of the target's root mean square are dropped, then the rest is
        fitted again, until nothing changes. Between 0 and 1, free of units.
    max_iterations: most rounds of dropping.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.STLSQ(0.1).support(np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.05], [0.0, 0.0, 0.0]]), 100).tolist()
    [True, False]
    """

    threshold: float = 0.05
    max_iterations: int = 50

    def __post_init__(self):
        if not 0 <= self.threshold < 1:
            raise InputError(f"the threshold is a share of the rate, between 0 and 1; got {self.threshold!r}")
        if self.max_iterations < 1:
            raise InputError(f"max_iterations must be positive, got {self.max_iterations!r}")

    def support(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        mask = np.ones(triangle.shape[1] - 1, bool)
        for _ in range(self.max_iterations):
            shares = least_squares(triangle, mask)
            kept = mask & (np.abs(shares) >= self.threshold)
            if (kept == mask).all():
                break
            mask = kept
        return mask


@dataclass(frozen=True)
class BestSubset(AbstractSolver):
    """The best small set of terms, by trying all sets of the most promising ones.

    Up to `screen` terms are promising: all of them in a small library, else the union of the last `screen * 2 // 3`
    of backward elimination and the first ones of forward selection. All their sets of 1, 2, ... terms are fitted.
    Unlike thresholding this does not lose its way among collinear terms.

    Parameters
    ----------
    tolerance: the smallest size wins whose best set leaves a residual at most this much (a share of the rate) above
        that of the whole library: right where the library is not quite complete. None: the extended Bayesian
        information criterion decides (Chen, Chen 2008, Biometrika 95, 759): right where the residual is noise.
    max_terms: largest set tried.
    screen: most terms whose sets are tried, at least 2.

    Raises InputError where there are more than a million sets.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.BestSubset(0.05).support(np.array([[1.0, 0.7, 0.9], [0.0, 0.7, 0.9], [0.0, 0.0, 0.01]]), 100).tolist()
    [False, True]
    """

    tolerance: float | None = 0.01
    max_terms: int = 8
    screen: int = 12

    def __post_init__(self):
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            raise InputError(f"the tolerance is a share of the rate, between 0 and 1, or None; got {self.tolerance!r}")
        if self.max_terms < 1 or self.screen < 2:
            raise InputError(f"max_terms >= 1 and screen >= 2 are needed, got {self.max_terms!r} and {self.screen!r}")
        most = sum(comb(self.screen, k) for k in range(1, min(self.max_terms, self.screen) + 1))
        if most > MOST_SETS:
            raise InputError(
                f"{self.screen} terms have {most} sets of up to {self.max_terms}; lower screen or max_terms"
            )

    def support(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        p = triangle.shape[1] - 1
        live = np.flatnonzero(np.linalg.norm(triangle[:, :-1], axis=0) > 0)
        chosen = live if len(live) <= self.screen else _promising(triangle, live, self.screen)
        small = _triangular(triangle[:, [*chosen, p]])
        everything = np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ least_squares(triangle, np.ones(p, bool)))
        best, lowest = chosen[:0], np.inf
        for size in range(1, min(self.max_terms, len(chosen)) + 1):
            sets = _sets(len(chosen), size)
            residuals = _residuals(small, sets)
            winner = int(np.argmin(residuals))
            cost = residuals[winner] if self.tolerance is not None else _ebic(residuals[winner], size, rows, p)
            if cost < lowest:
                best, lowest = chosen[sets[winner]], cost
            if self.tolerance is not None and residuals[winner] <= everything + self.tolerance:
                break
        return np.isin(np.arange(p), best)


MOST_SETS = 1_000_000
ROUNDING = 1e-12  # a residual below this share of the rate is rounding


@lru_cache(maxsize=256)
def _sets(n: int, size: int) -> np.ndarray:
    """All sets of `size` out of n indices: (sets, size)."""
    return np.array(list(combinations(range(n), size)))


def _ebic(residual: float, size: int, rows: int, p: int) -> float:
    """EBIC with gamma = 1: n log RSS + k log n + 2 log(p choose k)."""
    choices = lgamma(p + 1) - lgamma(size + 1) - lgamma(p - size + 1)
    return 2 * rows * log(max(residual, ROUNDING)) + size * log(rows) + 2 * choices


def _residuals(triangle: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Norm of the residual of the target for each set of terms: sets (s, k) -> (s,)."""
    columns = np.concatenate([sets, np.full((len(sets), 1), triangle.shape[1] - 1)], axis=1)
    factors = np.asarray(
        np.linalg.qr(np.moveaxis(triangle[:, columns], 0, 1), mode="r")
    )  # (s, min(rows, k + 1), k + 1)
    return np.abs(factors[:, -1, -1]) if factors.shape[1] == columns.shape[1] else np.zeros(len(sets))


def _promising(triangle: np.ndarray, live: np.ndarray, count: int) -> np.ndarray:
    """The union of the last terms of backward elimination and the first of forward selection: (count,) indices."""
    forward = _forward(triangle, live, min(len(live), 4 * count))
    backward = _backward(triangle, np.array(forward) if len(live) > 128 else live, count * 2 // 3)
    rest = [j for j in forward if j not in backward]
    return np.array(sorted([*backward, *rest[: count - len(backward)]]))


def _forward(triangle: np.ndarray, live: np.ndarray, count: int) -> list[int]:
    """Terms in the order of forward selection by orthogonal least squares."""
    table, y = triangle[:, live].copy(), triangle[:, -1].copy()
    order: list[int] = []
    for _ in range(count):
        sizes = np.einsum("ij,ij->j", table, table)
        gains = np.where(sizes > 1e-20, (y @ table) ** 2 / np.maximum(sizes, 1e-300), -1.0)
        gains[order] = -1.0
        j = int(np.argmax(gains))
        if gains[j] <= 0:
            break
        order.append(j)
        q = table[:, j] / np.sqrt(sizes[j])
        table -= np.outer(q, q @ table)
        y = y - q * (q @ y)
    return [int(live[j]) for j in order]


def _backward(triangle: np.ndarray, start: np.ndarray, count: int) -> list[int]:
    """The last `count` terms of backward elimination: each step drops the one whose loss costs least.

    Dropping term k raises the residual sum of squares by w_k^2 / (row k of R^-1)^2, R the triangle of what is left.
    """
    left = list(start)
    table = _triangular(triangle[:, [*left, -1]])
    while len(left) > count:
        k = len(left)
        inverse = np.linalg.inv(_regular(table[:k, :k]))
        cost = (inverse @ table[:k, k]) ** 2 / np.einsum("ij,ij->i", inverse, inverse)
        drop = int(np.argmin(cost))
        left.pop(drop)
        table = _triangular(np.delete(table, drop, axis=1))
    return [int(j) for j in left]


def _triangular(table: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(table, mode="r"))


def _regular(upper: np.ndarray) -> np.ndarray:
    """An upper triangle with its vanishing pivots lifted to rounding."""
    pivots = np.diag(upper)
    floor = 1e-14 * max(np.abs(pivots).max(initial=0.0), 1e-300)
    return upper + np.diag(np.where(np.abs(pivots) < floor, floor - pivots, 0.0))


def least_squares(triangle: Float[np.ndarray, "k q"], mask: Bool[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    """Weights (r,) of the least-squares fit on the terms of `mask`, zero elsewhere; minimum norm where singular."""
    weights = np.zeros(triangle.shape[1] - 1)
    if mask.any():
        weights[mask] = np.linalg.lstsq(triangle[:, :-1][:, mask], triangle[:, -1], rcond=1e-13)[0]
    return weights
