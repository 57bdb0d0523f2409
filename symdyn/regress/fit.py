"""One problem solved: the terms chosen, the kept ones fitted, and the covariance of their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.constraints.sets import check_feasible
from symdyn.regress.covariance import Scatter, scatter
from symdyn.regress.problem import Problem
from symdyn.regress.selection import AbstractSelection, Path
from symdyn.regress.solvers import AbstractSolver


@dataclass(frozen=True, eq=False)
class Fit:
    """The solution of one `Problem`.

    `weights`, `mask`, `shares` (r,): fitted values, which terms stayed, and the share of the target each carries;
    `covariance` (k, k) of the k kept weights; `unit` (r,): w of a unit share, so that weight = share * unit *
    problem.physical; `triangle`: the normalised R-factor; `residual`: root of the residual sum of squares as a share
    of the target; `path`: the sets of terms that came into question; `scatter`: the covariance with its evidence.
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
    scatter: Scatter


def solve(problem: Problem, solver: AbstractSolver, selection: AbstractSelection) -> Fit:
    """Choose the terms, fit the kept ones by least squares, and find the covariance of their weights."""
    check_feasible(problem)
    triangle, _ = problem.normalised
    return fit_on(problem, selection.choose(problem, triangle, solver), solver.ridge)


def fit_on(problem: Problem, path: Path, ridge: float = 0.0) -> Fit:
    """The fit on the chosen set of a path, under the inequalities of the problem."""
    (triangle, unit), mask = problem.by_rates.normalised, path.mask
    shares = problem.shares(mask, ridge) * problem.normalised[1] / unit
    residual = float(np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ shares))
    found = scatter(problem, mask, shares * unit)
    weights = shares * unit * problem.physical
    return Fit(problem, triangle, unit, mask, shares, weights, found.covariance, residual, path, found)


def condition(fit: Fit) -> float:
    """Condition number of the design of the kept terms, with columns of unit norm; 1 where there are none."""
    kept = fit.triangle[:, :-1][:, fit.mask]
    return float(np.linalg.cond(kept)) if kept.size else 1.0
