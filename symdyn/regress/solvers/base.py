"""What all solvers share: the one method, the fit on given terms, the triangle, and the information criteria."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, lgamma, log, sqrt

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import solve_triangular

from symdyn._errors import InputError

ROUNDING = 1e-12  # a residual below this share of the rate is rounding


@dataclass(frozen=True)
class AbstractSolver(abc.ABC):
    """Frozen settings with one method."""

    @abc.abstractmethod
    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        """The sets of terms that come into question, (s, r) booleans; a selection decides among them.

        `triangle` (k, r + 1) has unit columns, the target last, and sums up `rows` rows. A solver that was told how
        many terms to keep answers with one set.
        """

    def on(self, names: tuple[str, ...]) -> AbstractSolver:
        """The solver for terms of these names, (r,)."""
        return self

    @property
    def ridge(self) -> float:
        """The strength of a ridge in the final fit, in columns of unit norm."""
        return 0.0


@dataclass(frozen=True)
class LeastSquares(AbstractSolver):
    """Ordinary (weighted) least squares on all terms: every term stays."""

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return np.ones((1, triangle.shape[1] - 1), bool)


@dataclass(frozen=True)
class Ridge(AbstractSolver):
    r"""Least squares on all terms with a penalty on the squares of the shares.

    $$\min_w |y - T w|^2 + \alpha |w|^2$$

    in columns of unit norm. It steadies the fit of collinear terms at the price of a bias towards zero; the standard
    errors know of the steadying but not of the bias.

    Reference: Hoerl, Kennard 1970, Technometrics 12, 55.

    Parameters
    ----------
    alpha: the penalty, positive, free of units.

    Raises InputError for a penalty that is not positive.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> times = np.linspace(0.0, 5.0, 200)
    >>> law = sd.identify({"time": times, "x": np.exp(-times)}, library=sd.Monomials(1), solver=sd.Ridge(1e-9))
    >>> law.active_terms
    ('1', 'x')
    """

    alpha: float = 1e-6

    def __post_init__(self):
        if not 0 < self.alpha < inf:
            raise InputError(f"the penalty of a ridge must be a positive number, got {self.alpha!r}")

    @property
    def ridge(self) -> float:
        return self.alpha

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return np.ones((1, triangle.shape[1] - 1), bool)


def least_squares(
    triangle: Float[np.ndarray, "k q"], mask: Bool[np.ndarray, " r"], ridge: float = 0.0
) -> Float[np.ndarray, " r"]:
    """Weights (r,) of the least-squares fit on the terms of `mask`, zero elsewhere; minimum norm where singular."""
    weights = np.zeros(triangle.shape[1] - 1)
    if mask.any():
        table, y = triangle[:, :-1][:, mask], triangle[:, -1]
        if ridge:
            k = table.shape[1]
            table, y = np.concatenate([table, sqrt(ridge) * np.eye(k)]), np.concatenate([y, np.zeros(k)])
        weights[mask] = _solved(table, y)
    return weights


def _solved(table: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of the least-squares fit, by QR where the table has full rank, else of minimum norm."""
    k = table.shape[1]
    if len(table) >= k:
        if is_triangular(table):  # the whole triangle: nothing to factorise
            upper, image = table[:k], y[:k]
        else:
            basis, upper = np.linalg.qr(table)
            image = basis.T @ y
        pivots = np.abs(np.diag(upper))
        if pivots.min() > 1e-10 * pivots.max():
            return np.asarray(solve_triangular(upper, image, check_finite=False))
    return np.linalg.lstsq(table, y, rcond=1e-13)[0]


def residual(triangle: np.ndarray, mask: np.ndarray) -> float:
    """Norm of the residual of the least-squares fit on the terms of `mask`, a share of the target's."""
    kept = np.flatnonzero(mask)
    return float(np.linalg.norm(triangle[:, -1] - triangle[:, kept] @ least_squares(triangle, mask)[kept]))


def as_masks(sets: Iterable[Iterable[int]], r: int) -> np.ndarray:
    """Sets of indices as booleans (s, r), without repetition, in the order of their size."""
    unique = sorted({tuple(sorted(int(j) for j in found)) for found in sets}, key=lambda found: (len(found), found))
    masks = np.zeros((len(unique), r), bool)
    for mask, found in zip(masks, unique, strict=True):
        mask[list(found)] = True
    return masks


def live_terms(triangle: np.ndarray) -> np.ndarray:
    """Indices of the terms that are not zero on all rows."""
    return np.flatnonzero(np.einsum("ij,ij->j", triangle[:, :-1], triangle[:, :-1]) > 0)


def is_triangular(table: np.ndarray, step: int = 128) -> bool:
    """Whether all entries below the diagonal are zero; large tables are read a band of columns at a time."""
    if np.diagonal(table, -1).any():
        return False
    bands = ((table[k : k + step, k : k + step], table[k + step :, k : k + step]) for k in range(0, len(table), step))
    return not any(np.tril(top, -1).any() or below.any() for top, below in bands)


def triangular(table: np.ndarray) -> np.ndarray:
    """The square R-factor (q, q) of a table (k, q), with zero rows where k < q."""
    q = table.shape[1]
    if len(table) >= q and is_triangular(table[:, :-1]):  # all but the last column are done
        factor = table[:q].copy()
        factor[-1, -1] = np.linalg.norm(table[q - 1 :, -1])
        return factor
    factor = np.asarray(np.linalg.qr(table, mode="r"))
    return np.concatenate([factor, np.zeros((table.shape[1] - len(factor), table.shape[1]))])


def regular(upper: np.ndarray) -> np.ndarray:
    """An upper triangle with its vanishing pivots lifted to rounding."""
    pivots, out = np.diag(upper), upper.copy()
    floor = 1e-14 * max(np.abs(pivots).max(initial=0.0), 1e-300)
    np.fill_diagonal(out, np.where(np.abs(pivots) < floor, floor, pivots))
    return out


def ebic(residual: float, size: int, rows: int, p: int) -> float:
    """EBIC with gamma = 1: n log RSS + k log n + 2 log(p choose k) (Chen, Chen 2008, Biometrika 95, 759)."""
    return 2 * rows * log(max(residual, ROUNDING)) + ebic_price(size, rows, p)


def ebic_price(size: int, rows: float, p: int) -> float:
    """The part of EBIC that does not depend on the residual."""
    return size * log(rows) + 2 * (lgamma(p + 1) - lgamma(size + 1) - lgamma(p - size + 1))


def check_count(name: str, value: object) -> None:
    """Raise InputError unless `value` is None or a positive whole number."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1):
        raise InputError(f"{name} must be a positive whole number or None, got {value!r}")
