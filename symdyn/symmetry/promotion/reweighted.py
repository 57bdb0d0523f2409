r"""Iteratively reweighted least squares: log-det rank minimisation, and the nuclear norm as a check of the others.

The concave function of the squares, sum_i phi(sigma_i^2), lies below its tangent, so each step solves the least-squares
problem with the weights W = phi'(M'M): (M'M + eps^2)^(-1) for log-det, phi(s) = log(s + eps^2) / 2, and
(M'M + eps^2)^(-1/2) for the nuclear norm (Fazel, Hindi, Boyd 2003; Mohan and Fazel 2012, JMLR 13, 3441). For log-det
eps falls slowly from the size of M to an absolute floor, which keeps the iteration out of poor local minima: a
direction that the data break is let go while it is still cheap.

While eps is large the weights are an inverse by Cholesky's factors, and a step costs one factorisation: in the
coordinates that the data leave free, or, where these are many, of all coefficients with the data as constraints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri  # pyright: ignore[reportAttributeAccessIssue]

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
    def across(self) -> np.ndarray:
        """What data and directions left out fix: an orthonormal basis (N - r, N) of all that T does not span."""
        r = self.where.T.shape[1]
        return np.linalg.qr(np.asarray(self.where.T), mode="complete")[0][:, r:].T.copy()

    @cached_property
    def projection(self) -> np.ndarray:
        """The projection (N, N) on what is fixed."""
        return self.across.T @ self.across

    @cached_property
    def columns(self) -> np.ndarray | None:
        """A T as an array (g, k, r), None where that is large, or its entries are few."""
        k, g = self.broken.shift.shape
        n, r = self.where.T.shape
        if k * g * r * (g + r) > DENSE or len(self.pairs.data) < g * n * n / 4:
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

    @property
    def by_constraints(self) -> bool:
        """Whether a step is cheaper in all N coefficients with constraints than in the r free coordinates."""
        n, r = self.where.T.shape
        m = n - r
        return not np.any(self.where.t) and n**3 / 3 + n * m * (n + m) < 2 * n * r * (n + r) + r**3 / 3

    def whole(self, W: np.ndarray) -> np.ndarray:
        """sum_ij W_ij A_i'A_j: (N, N)."""
        n = self.broken.size
        return (self.pairs @ W.ravel()).reshape(n, n)

    def hessian(self, W: np.ndarray) -> np.ndarray:
        """T'(sum_ij W_ij A_i'A_j) T: (r, r)."""
        if self.columns is not None:
            g, k, r = self.columns.shape
            values, vectors = np.linalg.eigh(W)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            mixed = np.tensordot(root.T, self.columns, axes=1).reshape(g * k, r)
            return mixed.T @ mixed
        return self.where.T.T @ self.whole(W) @ self.where.T

    def pulled(self, Z: np.ndarray) -> np.ndarray:
        """A'Z."""
        return self.broken.matrix.T @ Z.ravel()


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
    problem = Weighted(broken, where)
    c = _begin(where)
    M = broken(c)
    size = float(np.linalg.norm(M, 2)) if M.size else 0.0
    if size == 0.0:
        return c
    last = max(floor, 1e-9 * size)
    eps, after = size, 0
    while after < AT_FLOOR:
        early = eps > LATE * size
        eps = max(eps * (cooling if early else QUICKLY), last)
        c = _step(problem, M, eps, 1.0, level, blocks, rough=early)
        new = broken(c)
        change = float(np.linalg.norm(new - M)) / max(float(np.linalg.norm(new)), 1e-300)
        M, after = new, after + (eps <= last)
        if eps <= last and change < SETTLED:
            break
    return c


def reweighted_nuclear(
    broken: LieMap, where: Coordinates, blocks: tuple[Block, ...], level: float, *, steps: int = 600
) -> np.ndarray:
    """Coefficients (N,) that minimise loss + level * nuclear norm, smoothed by an eps that falls to 1e-9 of M."""
    problem = Weighted(broken, where)
    c = _begin(where)
    M = broken(c)
    eps = size = float(np.linalg.norm(M, 2))
    for _ in range(steps):
        eps = max(eps * SLOWLY, 1e-8 * size)
        c = _step(problem, M, eps, 0.5, level, blocks)
        M = broken(c)
    return c


def _begin(where: Coordinates) -> np.ndarray:
    """The fit without a penalty."""
    q = np.where(where.t > 1e-8, where.linear / np.where(where.t > 1e-8, where.t, 1.0), 0.0)
    return np.asarray(where.origin + where.T @ q)


def _step(
    problem: Weighted, M: np.ndarray, eps: float, power: float, level: float, blocks: tuple[Block, ...],
    rough: bool = False,
) -> np.ndarray:  # fmt: skip
    """The least-squares problem with weights from M; scaled by eps^(2 power) so that its numbers stay of order one.

    `rough`: eps is so large that inverses and constraints lose nothing by rounding.
    """
    where = problem.where
    W = weights(M, eps, power, blocks, rough) * eps ** (2 * power)
    if rough and problem.by_constraints:
        return _constrained(problem, W)
    t = np.asarray(where.t)
    price = level * eps ** (-2 * power) if t.any() else 1.0
    hessian = np.diag(t) + price * problem.hessian(W)
    right = np.asarray(where.linear) - price * (where.T.T @ problem.pulled(problem.fixed @ W))
    scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-300))
    scaled = hessian * np.outer(scale, scale)
    scaled[np.diag_indices_from(scaled)] += 1e-14
    return np.asarray(where.origin + where.T @ (scale * cho_solve(cho_factor(scaled), scale * right)))


def _constrained(problem: Weighted, W: np.ndarray) -> np.ndarray:
    """The minimum over all coefficients that agree with the origin in what is fixed."""
    across, origin, shift = problem.across, np.asarray(problem.where.origin), problem.broken.shift
    hessian = problem.whole(W)
    hessian += np.trace(hessian) / len(hessian) * problem.projection
    factor = cho_factor(hessian, lower=True, overwrite_a=True, check_finite=False)[0]
    rows = solve_triangular(factor, across.T, lower=True, check_finite=False)
    pull = solve_triangular(factor, problem.pulled(shift @ W), lower=True) if shift.any() else np.zeros(len(origin))
    force = np.linalg.solve(rows.T @ rows, across @ origin + rows.T @ pull)
    return solve_triangular(factor, rows @ force - pull, lower=True, trans=1, check_finite=False)


def weights(M: np.ndarray, eps: float, power: float, blocks: tuple[Block, ...], rough: bool = False) -> np.ndarray:
    """W (g, g) = (M'M + eps^2)^-power within each block; for a grouped block a multiple of the identity.

    `rough`: by Cholesky's factors where the power is 1, which is exact enough while eps is not small beside M.
    """
    W = np.zeros((M.shape[1], M.shape[1]))
    for b in blocks:
        part = M[:, b.start : b.stop]
        here = slice(b.start, b.stop)
        if b.grouped:
            W[here, here] = b.weight * np.eye(b.stop - b.start) * (float(np.sum(part**2)) + eps**2) ** -power
        elif rough and power == 1.0:
            W[here, here] = b.weight * _inverse(part, eps)
        else:
            values, vectors = np.linalg.eigh(part.T @ part)
            W[here, here] = b.weight * (vectors * (np.maximum(values, 0.0) + eps**2) ** -power) @ vectors.T
    return W


def _inverse(part: np.ndarray, eps: float) -> np.ndarray:
    """(M'M + eps^2)^-1 by Cholesky's factors."""
    gram = part.T @ part
    gram[np.diag_indices_from(gram)] += eps**2
    upper, failed = dpotri(dpotrf(gram)[0])
    assert not failed
    return np.triu(upper) + np.triu(upper, 1).T
