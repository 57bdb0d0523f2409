"""What all solvers share: the one method, the fit on given terms, the triangle, and the information criterion."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import lgamma, log

import numpy as np
from jaxtyping import Bool, Float

from symdyn._errors import InputError

ROUNDING = 1e-12  # a residual below this share of the rate is rounding


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


def least_squares(triangle: Float[np.ndarray, "k q"], mask: Bool[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    """Weights (r,) of the least-squares fit on the terms of `mask`, zero elsewhere; minimum norm where singular."""
    weights = np.zeros(triangle.shape[1] - 1)
    if mask.any():
        weights[mask] = np.linalg.lstsq(triangle[:, :-1][:, mask], triangle[:, -1], rcond=1e-13)[0]
    return weights


def live_terms(triangle: np.ndarray) -> np.ndarray:
    """Indices of the terms that are not zero on all rows."""
    return np.flatnonzero(np.linalg.norm(triangle[:, :-1], axis=0) > 0)


def triangular(table: np.ndarray) -> np.ndarray:
    """The square R-factor (q, q) of a table (k, q), with zero rows where k < q."""
    factor = np.asarray(np.linalg.qr(table, mode="r"))
    return np.concatenate([factor, np.zeros((table.shape[1] - len(factor), table.shape[1]))])


def regular(upper: np.ndarray) -> np.ndarray:
    """An upper triangle with its vanishing pivots lifted to rounding."""
    pivots = np.diag(upper)
    floor = 1e-14 * max(np.abs(pivots).max(initial=0.0), 1e-300)
    return upper + np.diag(np.where(np.abs(pivots) < floor, floor - pivots, 0.0))


def ebic(residual: float, size: int, rows: int, p: int) -> float:
    """EBIC with gamma = 1: n log RSS + k log n + 2 log(p choose k) (Chen, Chen 2008, Biometrika 95, 759)."""
    return 2 * rows * log(max(residual, ROUNDING)) + ebic_price(size, rows, p)


def ebic_price(size: int, rows: int, p: int) -> float:
    """The part of EBIC that does not depend on the residual."""
    return size * log(rows) + 2 * (lgamma(p + 1) - lgamma(size + 1) - lgamma(p - size + 1))


def cheapest(triangle: np.ndarray, rows: int, sets: Iterable[Sequence[int]]) -> np.ndarray:
    """Which terms (r,) the set with the lowest EBIC keeps, each set refitted by least squares; the empty set counts."""
    p = triangle.shape[1] - 1
    best: Sequence[int] = ()
    lowest = ebic(float(np.linalg.norm(triangle[:, -1])), 0, rows, p)
    for found in sets:
        if 0 < len(found) < rows:
            mask = np.isin(np.arange(p), found)
            weights = least_squares(triangle, mask)
            cost = ebic(float(np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ weights)), len(found), rows, p)
            if cost < lowest:
                best, lowest = found, cost
    return np.isin(np.arange(p), list(best))


def check_count(name: str, value: object) -> None:
    """Raise InputError unless `value` is None or a positive whole number."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
        raise InputError(f"{name} must be a positive whole number or None, got {value!r}")
