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
from symdyn.regress.solvers.stepwise import eliminations, forward

MOST_SETS = 1_000_000
EXHAUSTIVE = 8  # the largest sets that are all tried where the size is not limited
MOST_ELIMINATED = 128  # backward elimination of a larger library starts at the first terms of forward selection
FINE = 1e-9  # an exchange must lower the residual by this share


@dataclass(frozen=True)
class BestSubset(AbstractSolver):
    """The best set of each size, by trying all sets of the most promising terms.

    Up to `screen` terms are promising: all of them in a small library, else the union of the last `screen * 2 // 3`
    of backward elimination and the first ones of forward selection. All their sets of 1, 2, ... terms are fitted, and
    in a large library the best of each size is improved by exchanges with all other terms as long as that lowers the
    residual. Unlike thresholding this does not lose its way among collinear terms. The selection decides among the
    sizes.

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
        chosen, larger = (live, []) if len(live) <= self.screen else promising(triangle, live, self.screen)
        best = self._by_size(triangle, chosen, len(live))
        if self.exact:
            best += better_sets(triangle, rows, best, self.max_terms or EXHAUSTIVE)
        if self.max_terms is None:
            best += [found for found in larger if len(found) > EXHAUSTIVE]
        return as_masks(best, triangle.shape[1] - 1)

    def _by_size(self, triangle: np.ndarray, chosen: np.ndarray, live: int) -> list[list[int]]:
        """The best set of each size, as far as this search finds it."""
        small = triangular(triangle[:, [*chosen, -1]])
        most = self.max_terms or (EXHAUSTIVE if live > self.screen else live)
        found: list[list[int]] = []
        for size in range(1, min(most, len(chosen)) + 1):
            sets = _sets(len(chosen), size)
            best = chosen[sets[int(np.argmin(_residuals(small, sets)))]].tolist()
            if len(chosen) < live:
                grown = [*found[-1], _best_addition(triangle, found[-1])] if found else best
                best = min((exchanged(triangle, s) for s in (best, grown)), key=lambda s: set_residual(triangle, s))
            found.append(best)
        return found


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


def promising(triangle: np.ndarray, live: np.ndarray, count: int) -> tuple[np.ndarray, list[list[int]]]:
    """The last terms of backward elimination and the first of forward selection, (count,); and the sets dropped to."""
    ahead = forward(triangle, live, min(len(live), 4 * count))
    start = np.array(ahead) if len(live) > MOST_ELIMINATED else live
    steps = list(eliminations(triangle, start, least=count * 2 // 3))
    last = steps[-1]
    rest = [j for j in ahead if j not in last]
    return np.array(sorted([*last, *rest[: count - len(last)]])), steps
