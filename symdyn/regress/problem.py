"""Least-squares problems from moments: one for each target, or one for all where a symmetry ties the targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.moments import Moments, upper_factor
from symdyn.symmetry import Subspace

MIN_BLOCKS = 20  # fewer blocks than this cannot carry a covariance between blocks


@dataclass(frozen=True, eq=False)
class Problem:
    """min over w of sum over targets c of |y_c - Theta (offset_c + Q_c w)|^2 / sigma_c^2, from moments alone.

    `columns`: indices of the targets of this problem among the moments' targets; `maps` (c, p, r): Q_c for the
    scaled columns; `offsets` (c, p): the fixed part; `sigma` (c,): target scales in units of the scaled targets;
    `physical` (r,): the coefficient of the law that a unit of w stands for.
    """

    moments: Moments
    columns: tuple[int, ...]
    maps: np.ndarray
    offsets: np.ndarray
    sigma: np.ndarray
    physical: np.ndarray

    @property
    def size(self) -> int:
        """The number of free weights, r."""
        return self.maps.shape[2]

    @property
    def n_rows(self) -> int:
        """The number of scalar equations."""
        return self.moments.n_rows * len(self.columns)

    def rows(self, factor: np.ndarray) -> np.ndarray:
        """The rows [Theta Q | y - Theta offset] / sigma stacked over targets: (targets * q, r + 1)."""
        p = self.moments.n_terms
        stacked = [
            np.column_stack([factor[:, :p] @ q, factor[:, p + c] - factor[:, :p] @ offset]) / sigma
            for c, q, offset, sigma in zip(self.columns, self.maps, self.offsets, self.sigma, strict=True)
        ]
        return np.concatenate(stacked)

    def residual(self, c: int, weights: np.ndarray) -> np.ndarray:
        """The residual of the c-th target as a combination of the whitened columns: (q,)."""
        m = self.moments
        combination = np.zeros(len(m.scale))
        combination[: m.n_terms] = -(self.maps[c] @ weights + self.offsets[c])
        combination[m.n_terms + self.columns[c]] = 1.0
        return m.whitener @ combination / self.sigma[c]

    def block_residuals(self, weights: np.ndarray) -> np.ndarray:
        """Residual sum of squares of each block: (b,)."""
        blocks = self.moments.blocks
        whites = [self.residual(c, weights) for c in range(len(self.columns))]
        return sum(((blocks @ w) @ w for w in whites), np.zeros(len(blocks)))

    def block_scores(self, mask: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
        """Z_b' r_b of each block for the design Z of the terms of `mask`, (b, k), and the residual sum of squares."""
        m = self.moments
        scores, total = np.zeros((len(m.blocks), int(mask.sum()))), 0.0
        for c, (q, sigma) in enumerate(zip(self.maps, self.sigma, strict=True)):
            white = self.residual(c, weights)
            images = m.blocks @ white
            scores += images @ (m.whitener[:, : m.n_terms] @ q[:, mask] / sigma)
            total += float(images.sum(axis=0) @ white)
        return scores, max(total, 0.0)

    def inverse_root(self, mask: np.ndarray) -> np.ndarray:
        """R^-1 (k, k) for the R-factor of the design of the terms of `mask`; small pivots are lifted."""
        root = upper_factor(self.rows(self.moments.r_factor())[:, :-1][:, mask])
        pivots = np.abs(np.diag(root))
        floor = 1e-14 * np.abs(root).max(initial=0.0)
        return np.linalg.inv(root + np.diag(np.where(pivots < floor, floor, 0.0)))

    def inflation(self, mask: np.ndarray, weights: np.ndarray) -> float:
        """How many times larger the variance of the weights is than white residuals would make it; at least 1.

        From the scatter of the blocks' scores in the directions that the design makes equal. 1 where the blocks are
        too few to tell.
        """
        k, blocks = int(mask.sum()), len(self.moments.blocks)
        if not k or blocks < max(MIN_BLOCKS, 2 * k):
            return 1.0
        scores, total = self.block_scores(mask, weights)
        half = scores @ self.inverse_root(mask)
        white = k * total / max(self.n_rows - k, 1)
        return max(1.0, float(np.sum(half**2)) / white) if white > 0 else 1.0

    def triangle(self, block_weights: np.ndarray | None = None) -> np.ndarray:
        """A few rows [terms | target] with the Gram matrix of all rows, for the free weights: (about r + 1, r + 1)."""
        rows = self.rows(self.moments.r_factor(block_weights))
        return rows if len(rows) <= 2 * rows.shape[1] else upper_factor(rows)


def problems(
    moments: Moments, shape: tuple[int, ...], subspace: Subspace | None, groups: list[list[int]]
) -> list[Problem]:
    """The independent problems of a regression.

    `shape`: (p, d) for scalar terms, (p,) for vector terms; `subspace`: the admissible coefficients, or None for
    free ones; `groups`: the targets of each variable, which share one scale where a symmetry ties them.
    """
    p, scale = moments.n_terms, moments.scale
    if subspace is None:
        identity, zero = np.eye(p)[None], np.zeros((1, p))
        one = np.ones(1)
        return [Problem(moments, (c,), identity, zero, one, scale[p + c] / scale[:p]) for c in range(moments.n_targets)]
    basis = np.asarray(subspace.basis).reshape(subspace.dimension, p, -1)
    offset = np.asarray(subspace.offset).reshape(p, -1)
    targets = range(basis.shape[2])
    # a coefficient of the scaled columns is (scale of the term / scale of the target) times the physical one
    ratio = scale[:p, None] / scale[None, p:]
    sigma = np.ones(len(targets))
    for group in groups if len(shape) == 2 else []:
        sigma[group] = np.sqrt(np.mean(scale[p + np.array(group)] ** 2)) / scale[p + np.array(group)]
    maps = np.stack([(basis[:, :, c] * ratio[:, c]).T for c in targets])
    offsets = np.stack([offset[:, c] * ratio[:, c] for c in targets])
    return [Problem(moments, tuple(targets), maps, offsets, sigma, np.ones(subspace.dimension))]
