r"""Iteratively reweighted least squares: log-det rank minimisation, and the nuclear norm as a check of the others.

The concave function of the squares, sum_i phi(sigma_i^2), lies below its tangent, so each step solves the least-squares
problem with the weights W = phi'(M'M): (M'M + eps^2)^(-1) for log-det, phi(s) = log(s + eps^2) / 2, and
(M'M + eps^2)^(-1/2) for the nuclear norm (Fazel, Hindi, Boyd 2003; Mohan and Fazel 2012, JMLR 13, 3441). For log-det
eps falls slowly from the size of M to an absolute floor, which keeps the iteration out of poor local minima: a
direction that the data break is let go while it is still cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from symdyn.symmetry.promotion.coordinates import Coordinates
from symdyn.symmetry.promotion.lie_map import LieMap
from symdyn.symmetry.promotion.norms import Block

LATE = 1e-2  # of the size of M: from here on the rank no longer changes, and eps may fall faster
QUICKLY = 0.8
AT_FLOOR = 200  # steps after eps has reached its floor, at most
SLOWLY = 0.96  # factor of eps for the nuclear norm, whose iteration converges less quickly
DENSE = 3e7  # multiplications of a step up to which the weights are applied to plain arrays
SETTLED = 1e-10  # relative change of M below which the iteration at the floor ends


@dataclass(frozen=True, eq=False)
class Weighted:
    """W -> sum_ij W_ij A_i'A_j in the coordinates q, and its product with what is fixed."""

    broken: LieMap
    where: Coordinates

    @cached_property
    def fixed(self) -> np.ndarray:
        """M at the origin: (k, g)."""
        return self.broken(np.asarray(self.where.origin))

    @cached_property
    def columns(self) -> np.ndarray | None:
        """A T as an array (g, k, r), None where that is large."""
        k, g = self.broken.shift.shape
        r = self.where.T.shape[1]
        if k * g * r * (g + r) > DENSE:
            return None
        return np.asarray(self.broken.matrix @ self.where.T).reshape(k, g, r).transpose(1, 0, 2).copy()

    @cached_property
    def pairs(self) -> Any:
        """All products A_i'A_j as a sparse matrix (N N, g g): the step then costs one product with it."""
        (k, g), n = self.broken.shift.shape, self.broken.size
        flat = self.broken.matrix.reshape(k, g * n).tocsr()
        product = (flat.T @ flat).tocoo()
        (i, a), (j, b) = np.divmod(product.row, n), np.divmod(product.col, n)
        return sparse.csr_matrix((product.data, (a.astype(np.int64) * n + b, i * g + j)), shape=(n * n, g * g))

    def hessian(self, W: np.ndarray) -> np.ndarray:
        """T'(sum_ij W_ij A_i'A_j) T: (r, r)."""
        if self.columns is not None:
            g, k, r = self.columns.shape
            values, vectors = np.linalg.eigh(W)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            mixed = np.tensordot(root.T, self.columns, axes=1).reshape(g * k, r)
            return mixed.T @ mixed
        n = self.broken.size
        whole = (self.pairs @ W.ravel()).reshape(n, n)
        return self.where.T.T @ whole @ self.where.T

    def pulled(self, Z: np.ndarray) -> np.ndarray:
        """T'A'Z."""
        return self.where.T.T @ (self.broken.matrix.T @ Z.ravel())

    def matrix(self, q: np.ndarray) -> np.ndarray:
        """M(c) = fixed + A T q."""
        return self.fixed + (self.broken.matrix @ (self.where.T @ q)).reshape(self.fixed.shape)


def log_det(
    broken: LieMap,
    where: Coordinates,
    blocks: tuple[Block, ...],
    level: float,
    *,
    floor: float = 0.0,
    cooling: float = 0.98,
) -> np.ndarray:
    """Coefficients (N,) that make loss + level * sum log(sigma^2 + eps^2) / 2 small (a local minimum).

    `floor`: the last eps, an absolute size of Lie derivatives that counts as none; 0 for data without noise.
    `cooling`: the factor of eps in a step while the rank is decided; nearer to 1 is slower and finds lower ranks.
    """
    q, problem = _begin(where), Weighted(broken, where)
    M = problem.matrix(q)
    size = float(np.linalg.norm(M, 2)) if M.size else 0.0
    if size == 0.0:
        return _coefficients(where, q)
    last = max(floor, 1e-9 * size)
    eps, after = size, 0
    while after < AT_FLOOR:
        eps = max(eps * (cooling if eps > LATE * size else QUICKLY), last)
        q_new = _step(problem, M, eps, 1.0, level, blocks)
        new = problem.matrix(q_new)
        change = np.linalg.norm(new - M) / max(float(np.linalg.norm(new)), 1e-300)
        q, M, after = q_new, new, after + (eps <= last)
        if eps <= last and change < SETTLED:
            break
    return _coefficients(where, q)


def reweighted_nuclear(
    broken: LieMap, where: Coordinates, blocks: tuple[Block, ...], level: float, *, steps: int = 600
) -> np.ndarray:
    """Coefficients (N,) that minimise loss + level * nuclear norm, smoothed by an eps that falls to 1e-9 of M."""
    q, problem = _begin(where), Weighted(broken, where)
    M = problem.matrix(q)
    eps = size = float(np.linalg.norm(M, 2))
    for _ in range(steps):
        eps = max(eps * SLOWLY, 1e-8 * size)
        q = _step(problem, M, eps, 0.5, level, blocks)
        M = problem.matrix(q)
    return _coefficients(where, q)


def _begin(where: Coordinates) -> np.ndarray:
    """The fit without a penalty."""
    return np.where(where.t > 1e-8, where.linear / np.where(where.t > 1e-8, where.t, 1.0), 0.0)


def _coefficients(where: Coordinates, q: np.ndarray) -> np.ndarray:
    return np.asarray(where.origin + where.T @ q)


def _step(problem: Weighted, M: np.ndarray, eps: float, power: float, level: float, blocks: tuple[Block, ...]):
    """The least-squares problem with weights from M; scaled by eps^(2 power) so that its numbers stay of order one."""
    W = weights(M, eps, power, blocks) * eps ** (2 * power)
    t = np.asarray(problem.where.t)
    price = level * eps ** (-2 * power) if t.any() else 1.0
    hessian = np.diag(t) + price * problem.hessian(W)
    right = np.asarray(problem.where.linear) - price * problem.pulled(problem.fixed @ W)
    scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    scaled = hessian * np.outer(scale, scale)
    scaled[np.diag_indices_from(scaled)] += 1e-14
    return scale * cho_solve(cho_factor(scaled), scale * right)


def weights(M: np.ndarray, eps: float, power: float, blocks: tuple[Block, ...]) -> np.ndarray:
    """W (g, g) = (M'M + eps^2)^-power within each block; for a grouped block a multiple of the identity."""
    W = np.zeros((M.shape[1], M.shape[1]))
    for b in blocks:
        part = M[:, b.start : b.stop]
        here = slice(b.start, b.stop)
        if b.grouped:
            W[here, here] = b.weight * np.eye(b.stop - b.start) * (float(np.sum(part**2)) + eps**2) ** -power
            continue
        values, vectors = np.linalg.eigh(part.T @ part)
        W[here, here] = b.weight * (vectors * (np.maximum(values, 0.0) + eps**2) ** -power) @ vectors.T
    return W
