"""Solvers of one least-squares problem in its triangular form, all behind one method.

A solver sees R = [T | y], the R-factor of the rows with every column and the target scaled to unit norm. A weight in
these units is the *share* of the target's size that its term carries: thresholds mean the same in km and in metres.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from symdyn._errors import InputError


@dataclass(frozen=True)
class AbstractSolver(abc.ABC):
    """Frozen settings with one method."""

    @abc.abstractmethod
    def support(self, triangle: np.ndarray) -> np.ndarray:
        """Which terms stay: `triangle` (k, r + 1) with unit columns, the target last -> boolean mask (r,)."""


@dataclass(frozen=True)
class LeastSquares(AbstractSolver):
    """Ordinary (weighted) least squares on all terms: every term stays."""

    def support(self, triangle: np.ndarray) -> np.ndarray:
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
    >>> sd.STLSQ(0.1).support(np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.05], [0.0, 0.0, 0.0]])).tolist()
    [True, False]
    """

    threshold: float = 0.05
    max_iterations: int = 50

    def __post_init__(self):
        if not 0 <= self.threshold < 1:
            raise InputError(f"the threshold is a share of the rate, between 0 and 1; got {self.threshold!r}")
        if self.max_iterations < 1:
            raise InputError(f"max_iterations must be positive, got {self.max_iterations!r}")

    def support(self, triangle: np.ndarray) -> np.ndarray:
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
    """The smallest set of terms that explains the rate as well as all terms do, within a tolerance.

    All sets of 1, 2, ... terms are fitted; the first size whose best set leaves a residual at most `tolerance` (a
    share of the rate) above that of the whole library wins, and of that size the best set. Unlike thresholding it
    does not lose its way among collinear terms, but the work grows as the number of sets.

    Parameters
    ----------
    tolerance: share of the target's root mean square that may be given up for a smaller law.
    max_terms: largest set tried; if none is good enough the best set of that size is taken.

    Raises InputError where a size has more than a million sets.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.BestSubset(0.05).support(np.array([[1.0, 0.7, 0.9], [0.0, 0.7, 0.9], [0.0, 0.0, 0.01]])).tolist()
    [False, True]
    """

    tolerance: float = 0.01
    max_terms: int = 4

    def __post_init__(self):
        if not 0 <= self.tolerance < 1:
            raise InputError(f"the tolerance is a share of the rate, between 0 and 1; got {self.tolerance!r}")
        if self.max_terms < 1:
            raise InputError(f"max_terms must be positive, got {self.max_terms!r}")

    def support(self, triangle: np.ndarray) -> np.ndarray:
        p = triangle.shape[1] - 1
        mask = np.ones(p, bool)
        goal = np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ least_squares(triangle, mask)) + self.tolerance
        for size in range(1, min(self.max_terms, p) + 1):
            if comb(p, size) > MOST_SETS:
                raise InputError(
                    f"{p} terms have {comb(p, size)} sets of {size}; use a smaller library, max_terms={size - 1}, "
                    "or STLSQ"
                )
            sets = np.array(list(combinations(range(p), size)))
            residuals = np.concatenate(
                [_residuals(triangle, part) for part in np.array_split(sets, len(sets) // 4096 + 1)]
            )
            best = int(np.argmin(residuals))
            mask = np.isin(np.arange(p), sets[best])
            if residuals[best] <= goal:
                break
        return mask


MOST_SETS = 1_000_000


def _residuals(triangle: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Norm of the residual of the target for each set of terms: sets (s, k) -> (s,)."""
    columns = np.concatenate([sets, np.full((len(sets), 1), triangle.shape[1] - 1)], axis=1)
    factors = np.asarray(np.linalg.qr(np.moveaxis(triangle[:, columns], 0, 1), mode="r"))  # (s, k + 1, k + 1)
    return np.abs(factors[:, -1, -1]) if factors.shape[1] == columns.shape[1] else np.zeros(len(sets))


def least_squares(triangle: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Weights (r,) of the least-squares fit on the terms of `mask`, zero elsewhere; minimum norm where singular."""
    weights = np.zeros(triangle.shape[1] - 1)
    if mask.any():
        weights[mask] = np.linalg.lstsq(triangle[:, :-1][:, mask], triangle[:, -1], rcond=1e-13)[0]
    return weights
