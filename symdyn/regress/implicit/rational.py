r"""The rates that relations imply, fitted to the measured ones: what decides between relations.

Relations that are linear in the rates, M(x) a + g(x) = 0, imply the rates a(x) = -M^{-1} g. A relation fitted as it
stands treats a column such as x dx/dt as exact, though it carries the noise of the rate, and its coefficients shrink
(errors in variables). The sum of squares of a_measured - a(x) has no such bias, and is a measure that all left-hand
sides share. Its Gauss-Newton step is a linear least-squares problem: with a = a(x) at the present weights, the
derivative of a by the weight of the column C_k in the relation e is -M^{-1}[:, e] C_k(x, a). For one rate these are the
relation's own columns over its denominator, the weights of Sanathanan and Koerner (1963, IEEE Trans. Automatic Control
8, 56), with the fitted rate in place of the measured one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn.regress.covariance import FEWEST
from symdyn.regress.implicit.relations import Rows
from symdyn.regress.rows.whitening import upper_factor

CANCELLED = 1e-6  # a denominator this small beside the sizes of its parts is zero
SETTLED = 1e-10  # relative decrease of the residual at which the iteration ends
DAMPINGS = (0.0, 1e-6, 1e-4, 1e-2, 1.0, 1e2)  # tried in turn until a step lowers the residual


@dataclass(frozen=True, eq=False)
class Relation:
    """sum_k w_k C_k = 0 over the columns of `support`; the column `left` has the weight 1.

    `target`: the rate whose factor the column `left` has; `support` (k,): all columns, in order; `weights` (k,).
    """

    target: int
    left: int
    support: tuple[int, ...]
    weights: np.ndarray

    @property
    def free(self) -> np.ndarray:
        """Places of the fitted weights in the support: all but the left one."""
        return np.flatnonzero(np.array(self.support) != self.left)

    def moved(self, change: np.ndarray) -> Relation:
        weights = self.weights.copy()
        weights[self.free] += change
        return replace(self, weights=weights)


@dataclass(frozen=True, eq=False)
class RateFit:
    """Relations fitted to the rates: `share` (rates,) of each that is left, infinite where M is singular somewhere.

    `implied` (m, rates) and `inverse` (m, rates, relations): M^{-1}, at the rows.
    """

    relations: tuple[Relation, ...]
    share: np.ndarray
    implied: np.ndarray
    inverse: np.ndarray

    @property
    def bounded(self) -> bool:
        return bool(np.isfinite(self.share).all())


def relation_of(rows: Rows, target: int, weights: dict[int, float]) -> Relation | None:
    """The relation with these weights by column, solved for the largest part of the rate's coefficient; or None."""
    p, s = rows.theta.shape[1], rows.psi.shape[1]
    own = [k for k in weights if p + target * s <= k < p + (target + 1) * s]
    if not own:
        return None
    sizes = {k: abs(weights[k]) * float(np.linalg.norm(rows.psi[:, k - p - target * s])) for k in own}
    left = max(own, key=lambda k: (sizes[k], -k))
    if not sizes[left] > 0:
        return None
    support = tuple(sorted(weights))
    return Relation(target, left, support, np.array([weights[k] for k in support]) / weights[left])


def rate_fit(rows: Rows, relations: tuple[Relation, ...]) -> RateFit:
    """The rates implied by relations, one relation for each of their targets; other rates are taken as measured."""
    solved = [relation.target for relation in relations]
    d = len(relations)
    mass, sizes, rest = np.zeros((rows.size, d, d)), np.zeros((rows.size, d)), np.zeros((rows.size, d))
    for e, relation in enumerate(relations):
        for k, w in zip(relation.support, relation.weights, strict=True):
            i, place = rows.split(k)
            if i in solved:
                part = w * rows.psi[:, place]
                mass[:, e, solved.index(i)] += part
                sizes[:, e] += np.abs(part)
            else:
                rest[:, e] += w * rows.column(k)
    whole = mass[:, 0, 0] if d == 1 else np.linalg.det(mass)
    floor = CANCELLED * np.prod(sizes, axis=1)
    if not ((whole > floor).all() or (whole < -floor).all()):
        nothing = np.full(d, np.inf)
        return RateFit(relations, nothing, np.zeros((rows.size, d)), np.zeros((rows.size, d, d)))
    inverse = 1.0 / mass if d == 1 else np.linalg.inv(mass)
    implied = -np.einsum("mie,me->mi", inverse, rest)
    left = (rows.rates[:, solved] - implied) * rows.roots[:, None]
    share = np.linalg.norm(left, axis=0) / rows.rate_sizes[solved]
    return RateFit(relations, np.where(np.isfinite(share), share, np.inf), implied, inverse)


def tangents(rows: Rows, fit: RateFit) -> np.ndarray:
    """Derivatives of the implied rates by the free weights of all relations in turn: (m, rates, weights)."""
    solved = [relation.target for relation in fit.relations]
    out = []
    for e, relation in enumerate(fit.relations):
        for k in np.array(relation.support)[relation.free]:
            i, place = rows.split(int(k))
            column = rows.psi[:, place] * fit.implied[:, solved.index(i)] if i in solved else rows.column(int(k))
            out.append(-fit.inverse[:, :, e] * column[:, None])
    return np.stack(out, axis=2) if out else np.zeros((rows.size, len(solved), 0))


def fitted(rows: Rows, relations: tuple[Relation, ...], iterations: int = 20, scales: np.ndarray | None = None):
    """Relations whose implied rates are nearest to the measured ones, by damped Gauss-Newton: a `RateFit`.

    `scales` (rates,): the size of a residual of each rate that counts as one; by default those of the rates.
    """
    fit = rate_fit(rows, relations)
    counts = np.cumsum([len(relation.free) for relation in relations])
    if not fit.bounded or not counts[-1]:
        return fit
    solved = [relation.target for relation in relations]
    scales = rows.rate_sizes[solved] if scales is None else scales
    parts = scales / rows.rate_sizes[solved]
    for _ in range(iterations):
        factor, norms = _step_rows(rows, fit, scales)
        before = float(np.sum((fit.share / parts) ** 2))
        for damping in DAMPINGS:
            ridge = np.sqrt(damping) * np.eye(len(norms))
            table, goal = np.concatenate([factor[:, :-1], ridge]), np.append(factor[:, -1], np.zeros(len(norms)))
            change = np.linalg.lstsq(table, goal, rcond=1e-13)[0] / norms
            steps = np.split(change, counts[:-1])
            trial = rate_fit(rows, tuple(r.moved(s) for r, s in zip(fit.relations, steps, strict=True)))
            after = float(np.sum((trial.share / parts) ** 2))
            if after < before:
                break
        else:
            break
        fit = trial
        if after > before * (1 - SETTLED):
            break
    return fit


def _step_rows(rows: Rows, fit: RateFit, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangle of [tangents | residual] with tangents of unit norm, and their norms."""
    solved = [relation.target for relation in fit.relations]
    roots = rows.roots[:, None] / scales
    left = ((rows.rates[:, solved] - fit.implied) * roots).reshape(-1, 1)
    slopes = (tangents(rows, fit) * roots[..., None]).reshape(len(left), -1)
    norms = np.linalg.norm(slopes, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    return upper_factor(np.concatenate([slopes / norms, left], axis=1)), norms


def weight_scatter(rows: Rows, fit: RateFit, scales: np.ndarray) -> tuple[np.ndarray, float]:
    """Covariance of the free weights from the scatter between blocks, and how far it exceeds that of white residuals.

    The sandwich of `symdyn.regress.fit` at the last Gauss-Newton step; with too few blocks the classical formula.
    """
    solved = [relation.target for relation in fit.relations]
    roots = rows.roots[:, None] / scales
    left = (rows.rates[:, solved] - fit.implied) * roots
    slopes = tangents(rows, fit) * roots[..., None]
    k = slopes.shape[2]
    if not k:
        return np.zeros((0, 0)), 1.0
    norms = np.linalg.norm(slopes.reshape(-1, k), axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    inverse = np.linalg.pinv(upper_factor(slopes.reshape(-1, k) / norms), rcond=1e-14)
    scores = np.einsum("mi,mik->mk", left, slopes / norms)
    starts = np.flatnonzero(np.diff(rows.block, prepend=-1))
    half = np.add.reduceat(scores, starts) @ inverse
    white = float(np.sum(left**2)) / max(left.size - k, 1)
    if len(starts) < max(FEWEST, 2 * k):
        middle, inflation = np.eye(k) * white, 1.0
    else:
        middle = half.T @ half * len(starts) / (len(starts) - 1)
        inflation = max(1.0, float(np.sum(half**2)) / (k * white)) if white > 0 else 1.0
    root = inverse / norms[:, None]
    return root @ middle @ root.T, inflation


def held_out(rows: Rows, relation: Relation, folds: int = 5) -> float:
    """The share of the rate that a relation fitted on the other folds leaves on each fold of neighbouring blocks."""
    number = rows.block * folds // (int(rows.block.max()) + 1)
    total = 0.0
    for fold in range(folds):
        inside = number == fold
        if not inside.any() or inside.all():
            continue
        fit = fitted(rows.some(~inside), (relation,), 5)
        test = rows.some(inside)
        share = rate_fit(test, fit.relations).share[0] if fit.bounded else np.inf
        total += float(share * test.rate_sizes[relation.target]) ** 2
    return float(np.sqrt(total) / rows.rate_sizes[relation.target])
