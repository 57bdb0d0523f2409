"""The best small sets of terms: all sets of the promising ones and exchanges, or exactly, by branch and bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.solvers.base import AbstractSolver, as_masks, check_count, live_terms, triangular
from symdyn.regress.solvers.exact import better_sets
from symdyn.regress.solvers.stepwise import eliminations, forward, loss_costs

MOST_SETS = 1_000_000
LARGER = (*range(9, 25), 28, 32, 40, 48, 64, 80, 96, 128)  # sizes of the sets of backward elimination
EXHAUSTIVE = 8  # the largest sets that are all tried where the size is not limited
NOTICED = 40
MOST_SEARCHED = 128  # a larger library is cut to NOTICED terms of each kind
FINE = 1e-9  # an exchange must lower the residual by this share


@dataclass(frozen=True)
class BestSubset(AbstractSolver):
    """The best set of each size, by trying all sets of the most promising terms.

    Up to `screen` terms are promising: all of them in a small library, else the union of the last `screen * 2 // 3`
    of backward elimination and the first ones of forward selection (of more than 128 terms, among the 40 that are
    costliest to lose from the fit on all terms and the 40 that correlate best with the target). All their sets of 1,
    2, ... terms are fitted, and in a large library the best of each size is improved by exchanges with all other terms
    as long as that lowers the residual. Unlike thresholding this does not lose its way among collinear terms. The
    selection decides among the sizes.

    Parameters
    ----------
    max_terms: largest set tried. None: no limit; sets above `EXHAUSTIVE` terms are those of backward elimination.
    screen: most terms whose sets are tried, at least 2.
    exact: search the sets of all terms by branch and bound, so that no set with a lower EBIC can be missed. It bounds
        the residual of a set by that of a larger one (leaps and bounds: Furnival, Wilson 1974, Technometrics 16,
        499). Quick up to about 40 terms where the law is among them; slow where no small set is good.

    Raises InputError for settings out of range, where there are more than a million sets, or where an exact search
    has not ended after `MOST_NODES` factorisations (some seconds).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.BestSubset(1).path(np.array([[1.0, 0.7, 0.9], [0.0, 0.7, 0.9], [0.0, 0.0, 0.01]]), 100).tolist()
    [[False, True]]
    """

    max_terms: int | None = None
    screen: int = 12
    exact: bool = False

    def __post_init__(self):
        check_count("max_terms", self.max_terms)
        if self.screen < 2:
            raise InputError(f"screen >= 2 is needed, got {self.screen!r}")
        largest = min(self.max_terms or EXHAUSTIVE, self.screen)
        most = sum(comb(self.screen, k) for k in range(1, largest + 1))
        if most > MOST_SETS:
            raise InputError(f"{self.screen} terms have {most} sets of up to {largest}; lower screen or max_terms")

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        live = live_terms(triangle)
        noticed = live if len(live) <= MOST_SEARCHED else _noticed(triangle, live)
        best = [noticed[found].tolist() for found in self._sets(triangular(triangle[:, [*noticed, -1]]))]
        if self.exact:
            best += better_sets(triangle, rows, best, self.max_terms or EXHAUSTIVE)
        return as_masks(best, triangle.shape[1] - 1)

    def _sets(self, table: np.ndarray) -> list[list[int]]:
        """The best set of each size, as far as this search finds it, of the terms of a square triangle."""
        live = np.arange(len(table) - 1)
        chosen, larger = (live, []) if len(live) <= self.screen else _promising(table, live, self.screen)
        small = triangular(table[:, [*chosen, -1]])
        most = self.max_terms or (EXHAUSTIVE if len(live) > self.screen else len(live))
        best: list[list[int]] = []
        for size in range(1, min(most, len(chosen)) + 1):
            sets = _combinations(len(chosen), size)
            found = chosen[sets[int(np.argmin(_residuals(small, sets)))]].tolist()
            if len(chosen) < len(live):
                grown = [*best[-1], _best_addition(table, best[-1])] if best else found
                found = min((exchanged(table, s) for s in (found, grown)), key=lambda s: set_residual(table, s))
            best.append(found)
        return best if self.max_terms else [*best, *(found for found in larger if len(found) in LARGER)]


def exchanged(triangle: np.ndarray, start: list[int]) -> list[int]:
    """A set of terms improved by exchanges of one of its terms for any other, until none lowers the residual."""
    terms, lowest = list(start), set_residual(triangle, start)
    for _ in range(20):
        trials = []
        for j in terms:
            rest = [k for k in terms if k != j]
            gains, left = _gains(triangle, rest)
            best = int(np.argmax(gains))
            trials.append((left - gains[best], [*rest, best]))
        trial = min(trials)[1]
        value = set_residual(triangle, trial)
        if value >= lowest * (1 - FINE):
            break
        terms, lowest = trial, value
    return sorted(terms)


def set_residual(triangle: np.ndarray, terms: list[int]) -> float:
    """Norm of the residual of the fit on some terms, from a triangle (k, r + 1)."""
    return float(abs(triangular(triangle[:, [*terms, -1]])[-1, -1]))


def _best_addition(triangle: np.ndarray, terms: list[int]) -> int:
    return int(np.argmax(_gains(triangle, terms)[0]))


def _gains(triangle: np.ndarray, terms: list[int]) -> tuple[np.ndarray, float]:
    """How much each further term lowers the residual sum of squares of the fit on `terms`, (r,), and that sum."""
    basis = np.linalg.qr(triangle[:, terms])[0]
    left = triangle[:, -1] - basis @ (basis.T @ triangle[:, -1])
    inside = basis.T @ triangle[:, :-1]
    sizes = np.einsum("ij,ij->j", triangle[:, :-1], triangle[:, :-1]) - np.einsum("ij,ij->j", inside, inside)
    gains = np.where(sizes > 1e-12, (left @ triangle[:, :-1]) ** 2 / np.maximum(sizes, 1e-300), -1.0)
    gains[terms] = -1.0
    return gains, float(left @ left)


@lru_cache(maxsize=256)
def _combinations(n: int, size: int) -> np.ndarray:
    """All sets of `size` out of n indices: (sets, size)."""
    return np.array(list(combinations(range(n), size)))


def _residuals(triangle: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Norm of the residual of the target for each set of terms: sets (s, k) -> (s,)."""
    columns = np.concatenate([sets, np.full((len(sets), 1), triangle.shape[1] - 1)], axis=1)
    factors = np.asarray(
        np.linalg.qr(np.moveaxis(triangle[:, columns], 0, 1), mode="r")
    )  # (s, min(rows, k + 1), k + 1)
    return np.abs(factors[:, -1, -1]) if factors.shape[1] == columns.shape[1] else np.zeros(len(sets))


def _promising(table: np.ndarray, live: np.ndarray, count: int) -> tuple[np.ndarray, list[list[int]]]:
    """The last terms of backward elimination and the first of forward selection, (count,); and the sets dropped to."""
    steps = list(eliminations(table, live, least=count * 2 // 3))
    ahead = forward(table, live, min(len(live), 2 * count))
    last = steps[-1]
    rest = [j for j in ahead if j not in last]
    return np.array(sorted([*last, *rest[: count - len(last)]])), steps


def _noticed(triangle: np.ndarray, live: np.ndarray) -> np.ndarray:
    """The terms of a large library that are searched: the costliest to lose, and the best correlated."""
    whole = len(live) == triangle.shape[1] - 1
    costs = loss_costs(triangular(triangle if whole else triangle[:, [*live, -1]]))
    pull = np.abs(triangle[:, -1] @ triangle[:, live])
    return live[np.unique([*np.argsort(-costs)[:NOTICED], *np.argsort(-pull)[:NOTICED]])]
