"""Least-squares problems from moments: one for each target, or one for all where a symmetry ties the targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.regress.constraints.bounded import Inequalities, bounded_least_squares, solutions
from symdyn.regress.constraints.elements import Tie, elements, linked
from symdyn.regress.rows.moments import Moments
from symdyn.regress.rows.whitening import upper_factor
from symdyn.regress.solvers import ROUNDING, least_squares
from symdyn.symmetry import Subspace

RESOLUTION = 3e-3  # residuals that differ by less than this share of the rate (in quadrature) count as equal


@dataclass(frozen=True, eq=False)
class Problem:
    """min over w of sum over targets c of |y_c - Theta (offset_c + Q_c w)|^2 / sigma_c^2, from moments alone.

    `columns`: indices of the targets of this problem among the moments' targets; `maps` (c, p, r): Q_c for the
    scaled columns; `offsets` (c, p): the fixed part; `sigma` (c,): target scales in units of the scaled targets;
    `physical` (r,): the coefficient of the law that a unit of w stands for; `elements` (r, *shape): the coefficients
    that a unit of the weight stands for, None where each is a coefficient of its own; `ties`: groups of elements that
    depend on each other; `inequalities`: on w, None for none; `noise` (c,): the part of `sigma` that weighs targets of
    different variables by what the whole library leaves of them, None where there is one variable; `named_columns`:
    where whitened rows mix the targets into one column, those targets.
    """

    moments: Moments
    columns: tuple[int, ...]
    maps: np.ndarray
    offsets: np.ndarray
    sigma: np.ndarray
    physical: np.ndarray
    elements: np.ndarray | None = None
    ties: tuple[Tie, ...] = ()
    inequalities: Inequalities | None = None
    noise: np.ndarray | None = None
    named_columns: tuple[int, ...] | None = None

    @property
    def named(self) -> tuple[int, ...]:
        """The targets of the regression that this problem explains, also where its rows mix them into one column."""
        return self.columns if self.named_columns is None else self.named_columns

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
        if self._free:  # the terms themselves: no product with an identity
            return factor[:, [*range(p), p + self.columns[0]]]
        stacked = [
            np.column_stack([factor[:, :p] @ q, factor[:, p + c] - factor[:, :p] @ offset]) / sigma
            for c, q, offset, sigma in zip(self.columns, self.maps, self.offsets, self.sigma, strict=True)
        ]
        return np.concatenate(stacked)

    @cached_property
    def _free(self) -> bool:
        """Whether the weights are the coefficients of the scaled columns of one target."""
        shape = (1, self.moments.n_terms, self.moments.n_terms)
        return self.maps.shape == shape and not self.offsets.any() and bool((self.maps[0] == np.eye(shape[1])).all())

    def residual(self, c: int, weights: np.ndarray) -> np.ndarray:
        """The residual of the c-th target as a combination of the whitened columns, (q,); (q, m) for weights (r, m)."""
        m = self.moments
        combination = np.zeros((len(m.scale), *weights.shape[1:]))
        combination[: m.n_terms] = -((self.maps[c] @ weights).T + self.offsets[c]).T
        combination[m.n_terms + self.columns[c]] = 1.0
        return m.whitener @ combination / self.sigma[c]

    def block_residuals(self, weights: np.ndarray) -> np.ndarray:
        """Residual sum of squares of each block, (b,); (b, m) for weights (r, m)."""
        blocks = self.moments.blocks
        total = np.zeros((len(blocks), *weights.shape[1:]))
        for c in range(len(self.columns)):
            white = self.residual(c, weights)
            for b, block in enumerate(blocks):  # one product of matrices each: all weights at once
                total[b] += np.sum(white * (block @ white), axis=0)
        return total

    def block_scores(self, mask: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
        """Z_b' r_b of each block for the design Z of the terms of `mask`, (b, k), and the residual sum of squares."""
        m = self.moments
        scores, total = np.zeros((len(m.blocks), int(mask.sum()))), 0.0
        for c, (q, sigma) in enumerate(zip(self.maps, self.sigma, strict=True)):
            white = self.residual(c, weights)
            left = m.whitener[:, : m.n_terms] @ q[:, mask] / sigma
            used = np.flatnonzero(left.any(axis=1))  # few where the terms are not whitened
            scores += (m.blocks[:, used] @ white) @ left[used]
            total += float(np.sum((m.root @ white) ** 2))
        return scores, total

    def inverse_root(self, mask: np.ndarray) -> np.ndarray:
        """R^-1 (k, k) for the R-factor of the design of the terms of `mask`; small pivots are lifted."""
        root = upper_factor(self.triangle()[:, :-1][:, mask])
        pivots = np.abs(np.diag(root))
        floor = 1e-14 * np.abs(root).max(initial=0.0)
        return np.linalg.inv(root + np.diag(np.where(pivots < floor, floor, 0.0)))

    @cached_property
    def normalised(self) -> tuple[np.ndarray, np.ndarray]:
        """The triangle with columns of unit norm, (k, r + 1), and the weights of unit shares, (r,).

        A target that the fixed part of the coefficients explains to rounding is zero.
        """
        triangle = self.triangle()
        if self.offsets.any() and self.remainder <= ROUNDING:
            triangle = triangle * np.append(np.ones(self.size), 0.0)
        norms = np.sqrt(np.einsum("ij,ij->j", triangle, triangle))
        norms = np.where(norms > 0, norms, 1.0)
        return triangle / norms, norms[-1] / norms[:-1]

    @cached_property
    def by_rates(self) -> Problem:
        """The problem in which every variable counts by the size of its rate: thresholds and shares refer to it."""
        return self if self.noise is None else replace(self, sigma=self.sigma / self.noise, noise=None)

    @cached_property
    def remainder(self) -> float:
        """What the fixed part of the coefficients leaves of the target, as a share: 1 where nothing is fixed."""
        if not self.offsets.any():
            return 1.0
        whole = replace(self, offsets=np.zeros_like(self.offsets)).triangle()[:, -1]
        return float(np.linalg.norm(self.triangle()[:, -1]) / max(float(np.linalg.norm(whole)), 1e-300))

    def shares(self, mask: np.ndarray, ridge: float = 0.0) -> np.ndarray:
        """The fit on the terms of `mask`, in shares of the target (r,): least squares under the inequalities.

        This is the one place where weights are fitted. Raises InfeasibleError where the terms of `mask` cannot
        fulfil the inequalities.
        """
        triangle, unit = self.normalised
        if self.inequalities is None:
            return least_squares(triangle, mask, ridge)
        kept = np.flatnonzero(mask)
        damping = sqrt(ridge) * np.eye(len(kept))[: len(kept) if ridge else 0]
        table = np.concatenate([triangle[:, kept], damping])
        y = np.append(triangle[:, -1], np.zeros(len(damping)))
        shares = np.zeros(self.size)
        shares[kept] = bounded_least_squares(table, y, self.inequalities.of(np.diag(unit)[:, kept]))
        return shares

    def left(self, mask: np.ndarray) -> float:
        """What the fit on the terms of `mask` leaves of the target, as a share."""
        triangle, _ = self.normalised
        return float(np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ self.shares(mask)))

    def left_by_target(self, mask: np.ndarray) -> np.ndarray:
        """What the fit on the terms of `mask` leaves of each target, as a share of a typical one: (c,)."""
        plain, weights = self.by_rates, self.shares(mask) * self.normalised[1]
        root, p = self.moments.root, self.moments.n_terms
        sizes = np.linalg.norm(self.moments.r_factor()[:, [p + c for c in self.columns]], axis=0) / plain.sigma
        left = [np.linalg.norm(root @ plain.residual(c, weights)) for c in range(len(self.columns))]
        return np.array(left) / max(float(np.sqrt(np.mean(sizes**2))), 1e-300)

    def feasible(self, mask: np.ndarray) -> bool:
        """Whether the terms of `mask` can fulfil the inequalities."""
        if self.inequalities is None:
            return True
        return self.inequalities.of(np.diag(self.normalised[1])[:, np.flatnonzero(mask)]).feasible()

    def part(self, blocks: np.ndarray) -> Problem:
        """The same problem on some of the blocks of rows, by a mask or indices."""
        m = self.moments
        return replace(
            self,
            moments=replace(m, blocks=m.blocks[blocks], rows=m.rows[blocks], trajectory=m.trajectory[blocks]),
        )

    def around(self, mask: np.ndarray, weights: np.ndarray) -> tuple[Problem, np.ndarray]:
        """The changes of the kept weights (k,) that leave the active inequalities active.

        A problem without inequalities in f free directions, solved by zero, and the directions (k, f).
        """
        kept = np.flatnonzero(mask)
        directions = np.eye(len(kept))
        if self.inequalities is not None:
            active = self.inequalities.rows(self.inequalities.active(weights)).of(kept)
            active = active.rows(np.any(active.left, axis=1)).scaled()
            directions = solutions(active.left, np.zeros(len(active.right)))[1]
        return Problem(
            self.moments,
            self.columns,
            self.maps[:, :, kept] @ directions,
            self.offsets + self.maps @ weights,
            self.sigma,
            np.ones(directions.shape[1]),
        ), directions

    def triangle(self, block_weights: np.ndarray | None = None) -> np.ndarray:
        """A few rows [terms | target] with the Gram matrix of all rows, for the free weights: (about r + 1, r + 1)."""
        return self._triangle if block_weights is None else self._reduced(self.moments.r_factor(block_weights))

    @cached_property
    def _triangle(self) -> np.ndarray:
        return self._reduced(self.moments.r_factor())

    def _reduced(self, factor: np.ndarray) -> np.ndarray:
        rows = self.rows(factor)
        return rows if len(rows) <= 2 * rows.shape[1] else upper_factor(rows)


def problems(
    moments: Moments,
    shape: tuple[int, ...],
    subspace: Subspace | None,
    groups: list[list[int]],
    inequalities: Inequalities | None = None,
    complete: bool = False,
    together: bool = False,
) -> list[Problem]:
    """The independent problems of a regression: one for all targets that share weights or inequalities.

    `shape`: (p, d) for scalar terms, (p,) for vector terms; `subspace`: the admissible coefficients, or None for
    free ones; `groups`: the targets of each variable, which share one scale where weights are shared;
    `inequalities`: on the coefficients, row by row; `complete`: offer all vectors of smallest support, not a basis;
    `together`: one problem for all targets in any case.
    """
    p, scale = moments.n_terms, moments.scale
    if subspace is None:
        identity, zero = np.eye(p)[None], np.zeros((1, p))
        one = np.ones(1)
        return [Problem(moments, (c,), identity, zero, one, scale[p + c] / scale[:p]) for c in range(moments.n_targets)]
    offered, dependent = elements(subspace, complete)
    offset = np.asarray(subspace.offset).reshape(p, -1)
    table, d = offered.reshape(len(offered), p, -1), offset.shape[1]
    # a coefficient of the scaled columns is (scale of the term / scale of the target) times the physical one
    ratio = scale[:p, None] / scale[None, p:]
    sigma, noise = _target_scales(moments, groups if len(shape) == 2 else [])
    rows = _on_elements(inequalities, offered, offset)
    touches = np.any(table, axis=1)  # (r', d)
    bound = (rows.left != 0) @ touches
    labels = np.zeros(d, int) if together else linked(np.concatenate([touches, bound]).T)  # of the targets

    def joint(targets: np.ndarray) -> Problem:
        own = np.flatnonzero(touches[:, targets].any(axis=1))
        weights = noise[targets] if len(set(noise[targets])) > 1 else None
        some = rows.rows(np.flatnonzero(bound[:, targets].any(axis=1))).of(own)
        return Problem(
            moments, tuple(targets.tolist()),
            np.stack([(table[own, :, c] * ratio[:, c]).T for c in targets]),
            np.stack([offset[:, c] * ratio[:, c] for c in targets]),
            sigma[targets] * (1.0 if weights is None else weights), np.ones(len(own)),
            offered[own].reshape(-1, *shape),
            tuple(Tie(np.searchsorted(own, g), offered[g]) for g in dependent if np.isin(g, own).all()),
            some if len(some.names) else None, weights,
        )  # fmt: skip

    return [joint(np.flatnonzero(labels == label)) for label in np.unique(labels)]


def _target_scales(moments: Moments, groups: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """For each target, (d,): the size of its variable's rate in units of its own, and what all terms leave of that.

    The components of a variable share both. The second is a share, not below the resolution: a weighting by the noise
    of each target makes the fit of tied ones efficient (Zellner 1962, Journal of the American Statistical Association
    57, 348). The terms stand first in the triangle: what is below their rows is left over.
    """
    p, factor, scale = moments.n_terms, moments.r_factor(), moments.scale[moments.n_terms :]
    sigma, noise = np.ones((2, moments.n_targets))
    for group in groups:
        sigma[group] = np.sqrt(np.mean(scale[group] ** 2)) / scale[group]
        columns = factor[:, p + np.array(group)] * scale[group]
        size = float(np.linalg.norm(columns))
        noise[group] = np.hypot(float(np.linalg.norm(columns[p:])) / size if size else 0.0, RESOLUTION)
    return sigma, noise


def spanned(subspace: Subspace, every: Sequence[Problem], kept: Sequence[np.ndarray]) -> Subspace:
    """The part of a subspace that some elements of each problem span, by masks or indices: (k,) of their weights."""
    some = [np.asarray(problem.elements)[own] for problem, own in zip(every, kept, strict=True)]
    return replace(subspace, basis=Frozen(np.concatenate(some)))


def _on_elements(inequalities: Inequalities | None, offered: np.ndarray, offset: np.ndarray) -> Inequalities:
    """Inequalities on the coefficients as those on the weights of the elements."""
    if inequalities is None:
        return Inequalities(np.zeros((0, len(offered))), np.zeros(0), ())
    fixed = inequalities.left @ offset.ravel()
    rows = Inequalities(inequalities.left @ offered.T, inequalities.right - fixed, inequalities.names)
    dead = ~np.any(rows.left, axis=1)
    for k in np.flatnonzero(dead & (rows.excess(np.zeros(len(offered))) > 0)):
        raise InputError(
            f"the coefficients in {rows.names[k]} are fixed by equations or by the symmetry, at values that break it"
        )
    return rows.rows(~dead)
