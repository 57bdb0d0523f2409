"""One problem solved: the terms chosen, the kept ones fitted, and the covariance of their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.problem import MIN_BLOCKS, Problem
from symdyn.regress.selection import AbstractSelection, Path
from symdyn.regress.solvers import AbstractSolver, least_squares


@dataclass(frozen=True, eq=False)
class Fit:
    """The solution of one `Problem`.

    `weights`, `mask`, `shares` (r,): fitted values, which terms stayed, and the share of the target each carries;
    `covariance` (k, k) of the k kept weights; `unit` (r,): w of a unit share, so that weight = share * unit *
    problem.physical; `triangle`: the normalised R-factor; `residual`: root of the residual sum of squares as a share
    of the target; `path`: the sets of terms that came into question.
    """

    problem: Problem
    triangle: np.ndarray
    unit: np.ndarray
    mask: np.ndarray
    shares: np.ndarray
    weights: np.ndarray
    covariance: np.ndarray
    residual: float
    path: Path


def solve(problem: Problem, solver: AbstractSolver, selection: AbstractSelection) -> Fit:
    """Choose the terms, fit the kept ones by least squares, and find the covariance of their weights."""
    triangle = problem.triangle()
    norms = np.linalg.norm(triangle, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    unit = norms[-1] / norms[:-1]
    normalised = triangle / norms
    path = selection.choose(problem, normalised, solver)
    mask = path.mask
    shares = least_squares(normalised, mask, solver.ridge)
    residual = float(np.linalg.norm(normalised[:, -1] - normalised[:, :-1] @ shares))
    covariance = _covariance(problem, mask, shares * unit)
    return Fit(problem, normalised, unit, mask, shares, shares * unit * problem.physical, covariance, residual, path)


def _covariance(problem: Problem, mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Covariance of the kept weights, from the scatter of the blocks' scores (sandwich form, HC/cluster-robust).

    With the residual r and the design Z of the kept terms, the score of block b is g_b = Z_b' r_b and
    Cov = (Z'Z)^-1 (sum_b g_b g_b') (Z'Z)^-1 (Liang, Zeger 1986): contiguous blocks keep the autocorrelation of the
    residual, which the classical formula ignores. With fewer than `MIN_BLOCKS` blocks the classical formula is used.
    """
    k = int(mask.sum())
    if not k:
        return np.zeros((0, 0))
    inverse = problem.inverse_root(mask)
    scores, total = problem.block_scores(mask, weights)
    blocks = len(scores)
    if blocks < max(MIN_BLOCKS, 2 * k):
        middle = np.eye(k) * total / max(problem.n_rows - k, 1)
    else:
        half = inverse.T @ scores.T
        middle = half @ half.T * blocks / (blocks - 1)
    scale = problem.physical[mask]
    return inverse @ middle @ inverse.T * np.outer(scale, scale)
