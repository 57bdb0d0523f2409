"""The weight of the penalty by cross-validation: the largest one that predicts held-out values as well as the best."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.symmetry.promotion.coordinates import Coordinates, least_squares
from symdyn.symmetry.promotion.lie_map import LieMap
from symdyn.symmetry.promotion.norms import Block, dual_value
from symdyn.symmetry.promotion.settings import AbstractPenalty, LogDet
from symdyn.symmetry.promotion.solve import minimum, sparsity

FOLDS = 5
LEVELS = 16
LOWEST = 1e-6  # of the largest weight that is tried


def full_weight(broken: LieMap, blocks: tuple[Block, ...], where: Coordinates) -> float:
    """A weight of a convex penalty from which on nothing is broken, as far as the shift allows."""
    silent = where.p <= 1e-9 * where.p.max(initial=1e-300)
    q = np.where(silent & (where.t > 0), where.linear / np.where(where.t > 0, where.t, 1.0), 0.0)
    pull = where.linear - where.t * q
    lifted = where.T @ np.where(silent, 0.0, pull / np.where(silent, 1.0, where.p))
    with double_precision():
        return max(float(dual_value(jnp.asarray(broken(lifted) - broken.shift), blocks)), 1e-300)


def validated(
    broken: LieMap, blocks: tuple[Block, ...], design: np.ndarray, y: np.ndarray, rows: int, penalty: AbstractPenalty
) -> float:
    """The weight for all samples: the largest whose squared error on held-out samples, fold by fold, is within one
    standard error of the smallest.

    `design` (m d, N), `y` (m d,): `rows` = d of them belong to one sample. Raises InputError for fewer samples than
    folds.
    """
    samples = len(y) // rows
    if samples < 2 * FOLDS:
        raise InputError(f"weight='auto' needs {2 * FOLDS} samples to hold some out, got {samples}; give a weight")
    order = np.random.default_rng(0).permutation(samples)
    sizes = sparsity(broken, penalty)
    weights = _tried(broken, blocks, least_squares(design, y, broken, sizes), float(y @ y), penalty)
    errors = np.zeros((FOLDS, LEVELS))
    for k, held in enumerate(np.array_split(order, FOLDS)):
        out = np.zeros(samples, bool)
        out[held] = True
        out = np.repeat(out, rows)
        share = float(1 - out.mean())
        where = least_squares(design[~out], y[~out], broken, sizes)
        for j, found in enumerate(_minima(broken, blocks, where, share * weights, penalty)):
            errors[k, j] = np.mean((design[out] @ found - y[out]) ** 2)
    mean = errors.mean(axis=0)
    best = int(np.argmin(mean))
    enough = mean[best] + errors[:, best].std(ddof=1) / np.sqrt(FOLDS)
    return float(weights[mean <= enough].max())


def _tried(
    broken: LieMap, blocks: tuple[Block, ...], where: Coordinates, square: float, penalty: AbstractPenalty
) -> np.ndarray:
    """Falling weights. For log-det, which has no largest one, they end at the squares of the values."""
    top = square if isinstance(penalty, LogDet) else 1.01 * full_weight(broken, blocks, where)
    return np.geomspace(top, LOWEST * top, LEVELS)


def _minima(
    broken: LieMap, blocks: tuple[Block, ...], where: Coordinates, weights: np.ndarray, penalty: AbstractPenalty
) -> list[np.ndarray]:
    """Coefficients for each weight; the convex ones each from the one before, compiled once."""
    if isinstance(penalty, LogDet) or getattr(penalty, "solver", "admm") != "admm":
        return [minimum(broken, blocks, where, float(w), penalty).coefficients for w in weights]
    from symdyn.symmetry.promotion.admm import Convex
    from symdyn.symmetry.promotion.ensemble import convex_path

    with double_precision():
        convex = Convex.of(broken, where, blocks, sparsity(broken, penalty))
        found = convex_path(convex, jnp.asarray(weights), getattr(penalty, "tolerance", 1e-7))
        return list(np.asarray(found.coefficients))
