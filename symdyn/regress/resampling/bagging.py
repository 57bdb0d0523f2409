"""Selection and fit on many resamples at once, from the moments of units of rows alone, along a leading axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from symdyn.regress.covariance import effective_rows
from symdyn.regress.fit import Fit, solve
from symdyn.regress.problem import Problem
from symdyn.regress.rows.whitening import upper_factor
from symdyn.regress.selection import AbstractSelection
from symdyn.regress.solvers import ROUNDING, AbstractSolver
from symdyn.regress.solvers.base import regular

SCREEN = 16  # most terms of a problem that the quick search looks at
JITTER = 1e-13  # of the identity, so that a resample that misses a direction can be factored


@dataclass(frozen=True, eq=False)
class Screen:
    """Some terms of a problem, with the moments of units of rows in directions that the data make equal.

    `terms` (s,): indices; `inverse` (s + 1, s + 1): R^-1 of the R-factor of [T | y] of all rows; `sums`
    (u, s + 1, s + 1): of each unit, adding up to the identity.
    """

    terms: np.ndarray
    inverse: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, problem: Problem, terms: np.ndarray, labels: np.ndarray) -> Screen:
        """`labels` (b,): the unit of each block, ascending."""
        m, size = problem.moments, len(terms) + 1
        factor = np.zeros((size, size))
        root = upper_factor(problem.rows(m.r_factor())[:, [*terms, -1]])
        factor[: len(root)] = root
        inverse = np.linalg.inv(regular(factor))
        sums = np.zeros((len(m.blocks), size, size))
        for c, q, offset, sigma in zip(problem.columns, problem.maps, problem.offsets, problem.sigma, strict=True):
            columns = np.zeros((len(m.scale), size))
            columns[: m.n_terms] = np.column_stack([q[:, terms], -offset])
            columns[m.n_terms + c, -1] = 1.0
            image = m.whitener @ columns @ inverse / sigma
            sums += image.T @ (m.blocks @ image)
        starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])
        return cls(terms, inverse, np.add.reduceat(sums, starts))

    def roots(self, counts: np.ndarray) -> np.ndarray:
        """Upper triangular C (m, s + 1, s + 1) of each resample: C R is the R-factor of its [T | y]."""
        gram = np.tensordot(counts, self.sums, axes=1) + JITTER * np.eye(len(self.inverse))
        return np.swapaxes(np.linalg.cholesky(gram), 1, 2)


def eliminated(roots: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Backward elimination by loss in many resamples: residual sums of squares (m, s + 1) by size, sets (m, s + 1, s).

    The rows b_i of (C R)^-1 give the inverse Gram matrix of [T | y] as b_i . b_j. The residual sum of squares of y on
    all terms is 1 / |b_y|^2, and without term k it is the same with b_y orthogonal to b_k. So to drop a term is one
    step of Gram-Schmidt on the rows; nothing is squared, and nothing is factored again.
    """
    rows = inverse @ np.linalg.inv(roots)
    m, s = len(rows), rows.shape[1] - 1
    alive, each = np.ones((m, s), bool), np.arange(m)
    squares, sets = np.empty((m, s + 1)), np.zeros((m, s + 1, s), bool)
    for size in range(s, -1, -1):
        y = rows[:, -1]
        squares[:, size], sets[:, size] = 1 / np.einsum("mj,mj->m", y, y), alive
        if size:
            norms = np.einsum("mij,mij->mi", rows[:, :-1], rows[:, :-1])
            inner = (rows[:, :-1] @ y[:, :, None])[..., 0]
            drop = np.argmin(np.where(alive, inner**2 / np.maximum(norms, 1e-300), np.inf), axis=1)
            unit = rows[each, drop] / np.sqrt(norms[each, drop])[:, None]
            rows = rows - (rows @ unit[:, :, None]) * unit[:, None, :]
            alive[each, drop] = False
            rows[each, drop] = 0.0
    return squares, sets


def fitted_set(roots: np.ndarray, factor: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The fit of y on the terms of `mask` in each resample: weights (m, k) and residual sums of squares (m,).

    `factor` (s + 1, s + 1): the R-factor of [T | y] of all rows.
    """
    columns = factor[:, [*np.flatnonzero(mask), -1]]
    triangle = np.asarray(np.linalg.qr(roots @ columns, mode="r"))
    k = triangle.shape[2] - 1
    weights = np.linalg.solve(triangle[:, :k, :k], triangle[:, :k, k:])[..., 0]
    return weights, triangle[:, k, k] ** 2


def quick_weights(
    fit: Fit, counts: np.ndarray, labels: np.ndarray, price: Callable[[int, float, int], float], resolution: float
) -> np.ndarray:
    """Weights (m, r) of a problem in each resample; `counts` (m, u): how often each unit is in it.

    The sets in question are those that the solver proposed for all the data, and those of backward elimination in
    each resample from the terms of the former. The criterion decides; terms that are in none of them stay zero.
    """
    problem, terms = fit.problem, screened(fit)
    out = np.zeros((len(counts), problem.size))
    if not len(terms):
        return out
    screen = Screen.of(problem, terms, labels)
    roots, factor = screen.roots(counts), np.linalg.inv(screen.inverse)
    squares, sets = eliminated(roots, screen.inverse)
    known = fit.path.masks[:, terms][fit.path.masks.sum(axis=1) == fit.path.masks[:, terms].sum(axis=1)]
    known = known[known.any(axis=1)]
    more = [fitted_set(roots, factor, mask)[1] for mask in known]
    squares = np.column_stack([squares, *more])
    sets = np.concatenate([sets, np.broadcast_to(known, (len(counts), *known.shape))], axis=1)
    shares = np.sqrt(squares / squares[:, :1])
    rows = effective_rows(fit.problem, fit.mask, fit.scatter)
    chosen = decided(shares, sets.sum(axis=2), rows, problem.size, price, resolution)
    masks = sets[np.arange(len(counts)), chosen]
    for mask in np.unique(masks, axis=0):
        if mask.any():
            members = np.flatnonzero((masks == mask).all(axis=1))
            out[np.ix_(members, terms[mask])] = fitted_set(roots[members], factor, mask)[0]
    return out * problem.physical


def given_weights(fit: Fit, counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights (m, r) of a problem in each resample, with the terms of the law in all of them."""
    out = np.zeros((len(counts), fit.problem.size))
    if fit.mask.any():
        screen = Screen.of(fit.problem, np.flatnonzero(fit.mask), labels)
        every = np.ones(len(screen.terms), bool)
        out[:, fit.mask] = fitted_set(screen.roots(counts), np.linalg.inv(screen.inverse), every)[0]
    return out * fit.problem.physical


def screened(fit: Fit) -> np.ndarray:
    """The terms of the chosen set and of the smallest other sets of the path, up to `SCREEN` in all."""
    live = np.flatnonzero(np.linalg.norm(fit.triangle[:, :-1], axis=0) > 0)
    if len(live) <= SCREEN:
        return live
    found = fit.mask.copy()
    for mask in fit.path.masks:
        if (found | mask).sum() > SCREEN:
            break
        found |= mask
    return np.flatnonzero(found)


def decided(
    shares: np.ndarray, sizes: np.ndarray, rows: float, p: int, price: Callable, resolution: float
) -> np.ndarray:
    """Which set wins in each resample, (m,): shares of the target left (m, k) and sizes (m, k) of the sets."""
    prices = np.array([price(size, rows, p) for size in range(sizes.max() + 1)])
    scores = 2 * rows * np.log(np.maximum(shares, ROUNDING)) + prices[sizes]
    best = np.argmin(scores, axis=1)[:, None]
    limit = np.take_along_axis(shares, best, 1) ** 2 + resolution**2
    same = (shares**2 <= limit) & (sizes <= np.take_along_axis(sizes, best, 1))
    least = np.where(same, sizes, sizes.max() + 1).min(axis=1)
    return np.argmin(np.where(same & (sizes == least[:, None]), scores, np.inf), axis=1)


def full_weights(fit: Fit, draw: np.ndarray, labels: np.ndarray, settings: tuple[AbstractSolver, AbstractSelection]):
    """Weights (r,) of the whole search on one resample; `draw` (u,): units, with repetitions."""
    moments = fit.problem.moments
    starts = np.r_[np.flatnonzero(np.r_[True, np.diff(labels) > 0]), len(labels)]
    members = [np.arange(starts[u], starts[u + 1]) for u in np.sort(draw)]
    index = np.concatenate(members)
    owner = np.repeat(np.arange(len(members)), [len(part) for part in members])  # what is not adjacent is not joined
    resampled = replace(moments, blocks=moments.blocks[index], rows=moments.rows[index], trajectory=owner)
    return solve(replace(fit.problem, moments=resampled), *settings).weights
