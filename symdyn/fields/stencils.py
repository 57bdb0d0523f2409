r"""Weights of derivatives on uneven points: interpolation (finite differences) and local least squares (smoothing).

A stencil gives the derivative of order k at each point of an axis as $\sum_j w_{ij} u(x_{s_i + j})$. Finite
differences are the derivative of the polynomial through as many points as its order asks (Fornberg 1988, Mathematics
of Computation 51, 699). Noisy values are not interpolated but fitted (Savitzky and Golay 1964, Analytical Chemistry 36,
1627), on uneven points too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError

DEGREE = 4  # of the polynomials that are fitted to noisy values, or the order of the derivative and two more


@dataclass(frozen=True, eq=False)
class Stencil:
    """Which values make a derivative: `members` (n, k) are indices along the axis, `weights` (n, k)."""

    members: np.ndarray
    weights: np.ndarray

    def dense(self) -> np.ndarray:
        """The matrix (n, n) of the derivative."""
        n = len(self.members)
        out = np.zeros((n, n))
        np.add.at(out, (np.arange(n)[:, None], self.members), self.weights)
        return out


def fornberg(offsets: np.ndarray, order: int) -> np.ndarray:
    """Weights (..., k) of the derivative of `order` at zero from values at `offsets` (..., k), by Fornberg's recursion.

    Examples
    --------
    >>> import numpy as np
    >>> fornberg(np.array([-1.0, 0.0, 1.0]), 2)
    array([ 1., -2.,  1.])
    """
    z = np.asarray(offsets, np.float64)
    k = z.shape[-1]
    c = np.zeros((*z.shape, order + 1))
    c[..., 0, 0] = 1.0
    before = np.ones(z.shape[:-1])
    for i in range(1, k):
        product = np.ones(z.shape[:-1])
        for j in range(i):
            gap = z[..., i] - z[..., j]
            product = product * gap
            if j == i - 1:
                for m in range(min(i, order), -1, -1):
                    lower = m * c[..., i - 1, m - 1] if m else 0.0
                    c[..., i, m] = before * (lower - z[..., i - 1] * c[..., i - 1, m]) / product
            for m in range(min(i, order), -1, -1):
                lower = m * c[..., j, m - 1] if m else 0.0
                c[..., j, m] = (z[..., i] * c[..., j, m] - lower) / gap
        before = product
    return c[..., order]


def fitted(offsets: np.ndarray, order: int, degree: int) -> np.ndarray:
    """Weights (n, k) of the derivative at zero of polynomials of `degree` fitted to values at `offsets` (n, k)."""
    size = np.abs(offsets).max(axis=1, keepdims=True)
    s = offsets / size
    low, high = s.min(axis=1, keepdims=True), s.max(axis=1, keepdims=True)
    middle, half = (low + high) / 2, (high - low) / 2
    basis = np.polynomial.legendre.legvander((s - middle) / half, degree)
    series = np.eye(degree + 1)
    slopes = np.stack(
        [np.polynomial.legendre.legval(-middle / half, np.polynomial.legendre.legder(e, order))[:, 0] for e in series],
        axis=1,
    )
    q, r = np.linalg.qr(basis)
    inner = np.linalg.solve(np.swapaxes(r, 1, 2), slopes[..., None])[..., 0]
    return np.einsum("nkd,nd->nk", q, inner) / (size * half) ** order


def stencil(points: np.ndarray, period: float | None, order: int, accuracy: int, half: int) -> Stencil:
    """The stencil of a derivative on the points of an axis, one-sided at its ends or wrapped around its period.

    `accuracy`: the order of the error of finite differences; `half`: samples on either side of least squares, 0 for
    finite differences. Raises InputError where the axis has too few points.
    """
    n = len(points)
    width = 2 * half + 1 if half else order + accuracy
    degree = max(DEGREE, order + 2)
    if half and width < degree + 2:
        raise InputError(f"smoothing a derivative of order {order} needs a half width of {degree // 2 + 1}, got {half}")
    if n < width:
        raise InputError(
            f"a derivative of order {order} and accuracy {accuracy} needs {width} points along an axis, got {n}"
        )
    width += 1 - width % 2 if n > width else 0  # an odd number is symmetric about the point
    start = np.arange(n) - width // 2
    if period is None:
        start = np.clip(start, 0, n - width)
    members = start[:, None] + np.arange(width)
    laps, members = np.divmod(members, n)
    offsets = points[members] - points[:, None] + laps * (period or 0.0)
    weights = fitted(offsets, order, degree) if half else fornberg(offsets, order)
    return Stencil(members, weights)


def trapezoid(points: np.ndarray) -> np.ndarray:
    """Weights (n,) of the trapezoidal rule on monotone points."""
    step = np.abs(np.diff(points))
    return 0.5 * (np.r_[step, 0.0] + np.r_[0.0, step])
