r"""One Gauss-Newton step of a chain of nodes with common weights.

The normal matrix of the unknowns (x_1 ... x_T, w) is block tridiagonal in the nodes with a border for the weights,

$$\begin{pmatrix} H & G \\ G^T & W \end{pmatrix} \begin{pmatrix} \delta x \\ \delta w \end{pmatrix}
  = - \begin{pmatrix} g_x \\ g_w \end{pmatrix}.$$

A banded Cholesky factor of H (LAPACK pbtrf) removes the nodes: S = W - G^T H^{-1} G is the information on the weights
when the trajectory is unknown, and costs grow linearly in the number of nodes. Optimistix and SciPy's least squares
take dense or matrix-free Jacobians; neither knows this structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded

from symdyn.regress.solvers.base import triangular


class Normal(NamedTuple):
    """The normal equations at a point: `data` and `defect`, the two parts of the objective; `diagonal` (T, n, n) and
    `below` (T - 1, n, n), blocks of H; `border` (T, n, K); `corner` (K, K); `node_gradient` (T, n); `weight_gradient`
    (K,)."""

    data: np.ndarray
    defect: np.ndarray
    diagonal: np.ndarray
    below: np.ndarray
    border: np.ndarray
    corner: np.ndarray
    node_gradient: np.ndarray
    weight_gradient: np.ndarray

    @property
    def value(self) -> float:
        """The objective."""
        return float(self.data) + float(self.defect)


@dataclass(frozen=True, eq=False)
class Reduced:
    """The problem of the weights alone: `information` S (K, K), `gradient` (K,), and how the nodes follow.

    The nodes change by -(`drift` + `response` @ dw), shapes (T, n) and (T, n, K).
    """

    information: np.ndarray
    gradient: np.ndarray
    response: np.ndarray
    drift: np.ndarray

    def nodes(self, change: np.ndarray) -> np.ndarray:
        """The change of the nodes (T, n) that belongs to a change of the weights (K,)."""
        return -(self.drift + self.response @ change)

    def solve(self, mask: np.ndarray, damping: float = 0.0) -> np.ndarray:
        """The change of the weights (K,) that minimises the quadratic model, zero outside `mask`."""
        kept = np.flatnonzero(mask)
        out = np.zeros(len(mask))
        scaled, scale = normalised(self.information[np.ix_(kept, kept)])
        scaled = scaled + damping * np.eye(len(kept))
        out[kept] = -np.linalg.lstsq(scaled, self.gradient[kept] / scale, rcond=1e-13)[0] / scale
        return out

    def covariance(self, mask: np.ndarray) -> np.ndarray:
        """The inverse information of the weights of `mask`, (k, k)."""
        kept = np.flatnonzero(mask)
        scaled, scale = normalised(self.information[np.ix_(kept, kept)])
        return np.linalg.pinv(scaled, rcond=1e-13, hermitian=True) / scale[:, None] / scale

    def quadratic(self, weights: np.ndarray, mask: np.ndarray) -> tuple[float, np.ndarray]:
        """How the objective of the quadratic model at `weights` changes when the best weights of `mask` are taken."""
        slope = self.gradient - self.information @ weights  # at zero weights
        best = np.zeros(len(mask))
        kept = np.flatnonzero(mask)
        scaled, scale = normalised(self.information[np.ix_(kept, kept)])
        best[kept] = -np.linalg.lstsq(scaled, slope[kept] / scale, rcond=1e-13)[0] / scale
        here = 2 * slope @ weights + weights @ self.information @ weights
        return float(slope @ best - here), best

    def triangle(self, weights: np.ndarray, value: float) -> np.ndarray:
        """The quadratic model at `weights` and `value` as a regression, a triangle [R | y] with columns of unit norm.

        Its squared residual at any weights w (in the units of the columns) is the objective there, (K + 1, K + 1).
        """
        scaled, scale = normalised(self.information)
        sizes, axes = np.linalg.eigh(scaled)
        kept = sizes > 1e-13 * max(sizes[-1], 1e-300)
        root = np.sqrt(sizes[kept])[:, None] * axes[:, kept].T
        slope = axes[:, kept].T @ ((self.information @ weights - self.gradient) / scale) / np.sqrt(sizes[kept])
        offset = weights * scale
        left = value - float(np.sum((root @ offset - slope) ** 2))
        rows = np.column_stack([root, slope])
        whole = np.vstack([rows, np.append(np.zeros(len(weights)), np.sqrt(max(left, 1e-3 * abs(value))))])
        whole[:, -1] /= np.linalg.norm(whole[:, -1])
        return triangular(whole)


def normalised(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The matrix with a diagonal of ones, and the roots of its diagonal.

    What the data say nothing about has information zero but for rounding, which may be negative; it gets its own size.
    """
    size = np.abs(np.diag(information))
    scale = np.sqrt(np.where(size > 0, size, 1.0))
    return information / scale[:, None] / scale, scale


def reduced(normal: Normal, damping: np.ndarray | None = None) -> Reduced:
    """Remove the nodes; `damping` (T, n) is added to the diagonal of H. Raises LinAlgError where H is not positive."""
    t, n = normal.node_gradient.shape
    bands = _banded(normal.diagonal, normal.below)
    if damping is not None:
        bands[0] += damping.ravel()
    factor = cholesky_banded(bands, overwrite_ab=True, lower=True, check_finite=False)
    right = np.column_stack([normal.border.reshape(t * n, -1), normal.node_gradient.reshape(-1)])
    left = cho_solve_banded((factor, True), right, check_finite=False)
    if not np.isfinite(left).all():
        raise np.linalg.LinAlgError("the nodes are not determined")
    information = normal.corner - right[:, :-1].T @ left[:, :-1]
    gradient = normal.weight_gradient - right[:, :-1].T @ left[:, -1]
    if not (np.isfinite(information).all() and np.isfinite(gradient).all()):
        raise np.linalg.LinAlgError("the terms overflow on the way")
    return Reduced(
        0.5 * (information + information.T), gradient, left[:, :-1].reshape(t, n, -1), left[:, -1].reshape(t, n)
    )


def _banded(diagonal: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The lower bands (2n, T n) of the block tridiagonal matrix."""
    t, n, _ = diagonal.shape
    bands = np.zeros((2 * n, t * n))
    for c in range(n):
        for r in range(n):
            if r >= c:
                bands[r - c, c::n] = diagonal[:, r, c]
            bands[n + r - c, c : (t - 1) * n : n] = below[:, r, c]
    return bands
