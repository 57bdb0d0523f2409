"""The best small set of terms: all sets of the promising ones, or exactly, by branch and bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.solvers.base import AbstractSolver, ebic, least_squares, live_terms, triangular
from symdyn.regress.solvers.exact import best_set
from symdyn.regress.solvers.stepwise import eliminations, forward

MOST_SETS = 1_000_000


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
    screen: most terms whose sets are tried, at least 2. Not used where `exact`.
    exact: search the sets of all terms by branch and bound, so that no promising term can be missed: the answer is
        that of trying all sets. It bounds the residual of a set by that of a larger one (leaps and bounds: Furnival,
        Wilson 1974, Technometrics 16, 499). Quick up to about 40 terms where the law is among them; slow where no
        small set is good.

    Raises InputError for settings out of range, where there are more than a million sets, or where an exact search
    has not ended after `MOST_NODES` factorisations (some seconds).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.BestSubset(0.05).support(np.array([[1.0, 0.7, 0.9], [0.0, 0.7, 0.9], [0.0, 0.0, 0.01]]), 100).tolist()
    [False, True]
    """

    tolerance: float | None = 0.01
    max_terms: int = 8
    screen: int = 12
    exact: bool = False

    def __post_init__(self):
        if self.tolerance is not None and not 0 <= self.tolerance < 1:
            raise InputError(f"the tolerance is a share of the rate, between 0 and 1, or None; got {self.tolerance!r}")
        if self.max_terms < 1 or self.screen < 2:
            raise InputError(f"max_terms >= 1 and screen >= 2 are needed, got {self.max_terms!r} and {self.screen!r}")
        most = sum(comb(self.screen, k) for k in range(1, min(self.max_terms, self.screen) + 1))
        if most > MOST_SETS and not self.exact:
            raise InputError(
                f"{self.screen} terms have {most} sets of up to {self.max_terms}; lower screen or max_terms"
            )

    def support(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        p = triangle.shape[1] - 1
        if self.exact:
            return np.isin(np.arange(p), best_set(triangle, rows, self.tolerance, self.max_terms))
        live = live_terms(triangle)
        chosen = live if len(live) <= self.screen else _promising(triangle, live, self.screen)
        small = triangular(triangle[:, [*chosen, p]])
        everything = np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ least_squares(triangle, np.ones(p, bool)))
        best, lowest = chosen[:0], np.inf
        for size in range(1, min(self.max_terms, len(chosen)) + 1):
            sets = _sets(len(chosen), size)
            residuals = _residuals(small, sets)
            winner = int(np.argmin(residuals))
            cost = residuals[winner] if self.tolerance is not None else ebic(residuals[winner], size, rows, p)
            if cost < lowest:
                best, lowest = chosen[sets[winner]], cost
            if self.tolerance is not None and residuals[winner] <= everything + self.tolerance:
                break
        return np.isin(np.arange(p), best)


@lru_cache(maxsize=256)
def _sets(n: int, size: int) -> np.ndarray:
    """All sets of `size` out of n indices: (sets, size)."""
    return np.array(list(combinations(range(n), size)))


def _residuals(triangle: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Norm of the residual of the target for each set of terms: sets (s, k) -> (s,)."""
    columns = np.concatenate([sets, np.full((len(sets), 1), triangle.shape[1] - 1)], axis=1)
    factors = np.asarray(
        np.linalg.qr(np.moveaxis(triangle[:, columns], 0, 1), mode="r")
    )  # (s, min(rows, k + 1), k + 1)
    return np.abs(factors[:, -1, -1]) if factors.shape[1] == columns.shape[1] else np.zeros(len(sets))


def _promising(triangle: np.ndarray, live: np.ndarray, count: int) -> np.ndarray:
    """The union of the last terms of backward elimination and the first of forward selection: (count,) indices."""
    ahead = forward(triangle, live, min(len(live), 4 * count))
    start = np.array(ahead) if len(live) > 128 else live
    last = next(step for step in eliminations(triangle, start) if len(step) <= count * 2 // 3)
    rest = [j for j in ahead if j not in last]
    return np.array(sorted([*last, *rest[: count - len(last)]]))
