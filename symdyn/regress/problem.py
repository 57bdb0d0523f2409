"""Least-squares problems from moments: one for each target, or one for all where a symmetry ties the targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.moments import Moments, upper_factor
from symdyn.regress.solvers import AbstractSolver, least_squares
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

    def triangle(self, block_weights: np.ndarray | None = None) -> np.ndarray:
        """A few rows [terms | target] with the Gram matrix of all rows, for the free weights: (about r + 1, r + 1)."""
        rows = self.rows(self.moments.r_factor(block_weights))
        return rows if len(rows) <= 2 * rows.shape[1] else upper_factor(rows)


@dataclass(frozen=True, eq=False)
class Fit:
    """The solution of one `Problem`.

    `weights`, `mask`, `shares` (r,): fitted values, which terms stayed, and the share of the target each carries;
    `covariance` (k, k) of the k kept weights; `unit` (r,): w of a unit share, so that weight = share * unit *
    problem.physical; `triangle`: the normalised R-factor; `residual`: root of the residual sum of squares as a share
    of the target.
    """

    problem: Problem
    triangle: np.ndarray
    unit: np.ndarray
    mask: np.ndarray
    shares: np.ndarray
    weights: np.ndarray
    covariance: np.ndarray
    residual: float


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


def solve(problem: Problem, solver: AbstractSolver) -> Fit:
    """Choose the terms with `solver`, fit the kept ones by least squares, and find the covariance of their weights."""
    triangle = problem.triangle()
    norms = np.linalg.norm(triangle, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    unit = norms[-1] / norms[:-1]
    normalised = triangle / norms
    mask = solver.support(normalised, problem.n_rows) & (np.linalg.norm(triangle[:, :-1], axis=0) > 0)
    shares = least_squares(normalised, mask)
    residual = float(np.linalg.norm(normalised[:, -1] - normalised[:, :-1] @ shares))
    covariance = _covariance(problem, mask, shares * unit)
    return Fit(problem, normalised, unit, mask, shares, shares * unit * problem.physical, covariance, residual)


def _covariance(problem: Problem, mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Covariance of the kept weights, from the scatter of the blocks' scores (sandwich form, HC/cluster-robust).

    With the residual r and the design Z of the kept terms, the score of block b is g_b = Z_b' r_b and
    Cov = (Z'Z)^-1 (sum_b g_b g_b') (Z'Z)^-1 (Liang, Zeger 1986): contiguous blocks keep the autocorrelation of the
    residual, which the classical formula ignores. With fewer than `MIN_BLOCKS` blocks the classical formula is used.
    """
    k = int(mask.sum())
    if not k:
        return np.zeros((0, 0))
    m = problem.moments
    root = upper_factor(problem.rows(m.r_factor())[:, :-1][:, mask])
    root = root + np.diag(np.where(np.abs(np.diag(root)) < 1e-14 * np.abs(root).max(), 1e-14 * np.abs(root).max(), 0.0))
    inverse = np.linalg.inv(root)
    scores = np.zeros((len(m.blocks), k))
    rss = 0.0
    for c, (q, sigma) in enumerate(zip(problem.maps, problem.sigma, strict=True)):
        white = problem.residual(c, weights)
        images = m.blocks @ white
        scores += images @ (m.whitener[:, : m.n_terms] @ q[:, mask] / sigma)
        rss += float(images.sum(axis=0) @ white)
    n_rows = max(problem.n_rows - k, 1)
    if len(m.blocks) < max(MIN_BLOCKS, 2 * k):
        middle = np.eye(k) * max(rss, 0.0) / n_rows
    else:
        half = inverse.T @ scores.T
        middle = half @ half.T * len(m.blocks) / (len(m.blocks) - 1)
    scale = problem.physical[mask]
    return inverse @ middle @ inverse.T * np.outer(scale, scale)
