"""The path of a promotion: the law's coefficients from no penalty to full symmetry, and what each of them keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from symdyn._progress import tell
from symdyn._types import double_precision
from symdyn.groups import Conditions
from symdyn.regress.evidence.estimate import Estimate
from symdyn.symmetry import Subspace
from symdyn.symmetry.promotion.coordinates import Coordinates, least_squares
from symdyn.symmetry.promotion.lie_map import LieMap, lie_map
from symdyn.symmetry.promotion.measure import AbstractMeasure, Empirical, UniformBox
from symdyn.symmetry.promotion.norms import Block
from symdyn.symmetry.promotion.settings import AbstractPenalty, LogDet
from symdyn.symmetry.promotion.solve import arranged, by_name, minimum, sparsity
from symdyn.symmetry.promotion.validation import full_weight

LOWEST = 1e-4  # of the weight at which every symmetry is kept
SILENT = 1e-3  # of the largest singular value: smaller ones count as kept


@dataclass(frozen=True, eq=False)
class PenaltyProblem:
    """The whole library's least-squares problem with the map to Lie derivatives.

    `estimate`: coefficients and covariance; `offset` (N,), `basis` (r, N): all coefficients are offset + basis' w for
    free numbers w, each in units of its own size; `broken`, `blocks`: of w, arranged for the penalty, as is
    `sparsity` (r,), the weights of their sizes (None: no sparse norm); `design` (m, N), `y` (m,): rows of unit noise
    for the coefficients.
    """

    estimate: Estimate
    offset: np.ndarray
    basis: np.ndarray
    broken: LieMap
    blocks: tuple[Block, ...]
    sparsity: np.ndarray | None
    design: np.ndarray
    y: np.ndarray

    @property
    def rows(self) -> int:
        """The number of scalar equations behind the rows of the design."""
        m = self.estimate.moments
        assert m is not None
        return m.n_rows * m.n_targets

    @cached_property
    def where(self) -> Coordinates:
        """The coordinates in which loss and penalty are diagonal."""
        with double_precision():
            y = self.y - self.design @ self.offset
            return least_squares(self.design @ self.basis.T, y, self.broken, self.sparsity)

    @cached_property
    def free(self) -> np.ndarray:
        """The free numbers (r,) without a penalty."""
        return np.linalg.lstsq(self.design @ self.basis.T, self.y - self.design @ self.offset, rcond=1e-10)[0]


def posed(
    estimate: Estimate,
    conditions: Conditions,
    measure: AbstractMeasure,
    penalty: AbstractPenalty,
    within: Subspace | None = None,
    weighed: bool = False,
) -> PenaltyProblem:
    """The problem of an estimate under the conditions of the candidates, within a subspace that is known.

    `weighed`: whether the rows are those of the covariance of the coefficients, and not of the data: where these share
    their noise.
    """
    whole = lie_map(estimate.frame.terms, conditions, measure, norm="measure", named=by_name(penalty))
    design, y, unit = rows_of_covariance(estimate) if weighed else rows(estimate)
    offset, basis = np.zeros(len(unit)), np.diag(unit)
    if within is not None:
        offset, basis = np.asarray(within.offset).ravel(), np.asarray(within.basis).reshape(-1, len(unit))
        basis = basis / np.maximum(np.linalg.norm(basis / unit, axis=1, keepdims=True), 1e-300)
    broken, blocks = arranged(whole.reduced(offset, basis), penalty)
    return PenaltyProblem(estimate, offset, basis, broken, blocks, sparsity(broken, penalty), design / unit, y)


def rows(estimate: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (m, N) and values (m,) of unit noise for all coefficients at once, in units of their size (N,)."""
    m = estimate.moments
    assert m is not None
    p, t, factor = m.n_terms, m.n_targets, m.r_factor()
    free = m.n_rows - p
    left = np.sqrt(np.mean(factor[p:, p:] ** 2, axis=0) * len(factor[p:]) / free) if free > 0 else np.zeros(t)
    size = np.linalg.norm(factor[:, p:], axis=0) / np.sqrt(max(m.n_rows, 1))
    sigma = np.where(left > 1e-9 * size, left, np.maximum(1e-9 * size, 1e-300))
    design = np.zeros((t, p, p, t))
    y = np.zeros((t, p))
    for c in range(t):
        design[c, :, :, c] = factor[:p, :p] / sigma[c]
        y[c] = factor[:p, p + c] / sigma[c]
    unit = (m.scale[p:, None] / m.scale[:p]).T.ravel()
    return design.reshape(t * p, p * t), y.ravel(), unit


def rows_of_covariance(estimate: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from the covariance of the coefficients: |rows c - values|^2 is Wald's statistic of c."""
    m = estimate.moments
    assert m is not None
    unit = (m.scale[m.n_terms :, None] / m.scale[: m.n_terms]).T.ravel()
    return estimate.root * unit, estimate.root @ estimate.weights, unit


def measure_of(states: np.ndarray, polynomial: bool) -> AbstractMeasure:
    """The box of the data for polynomials, whose integrals are exact; the states themselves otherwise."""
    if not polynomial:
        return Empirical(states)
    low, high = states.min(axis=0), states.max(axis=0)
    wide = np.maximum(high - low, 1e-9 * np.maximum(np.abs(low), np.abs(high)) + 1e-300)
    return UniformBox(tuple(low.tolist()), tuple((low + wide).tolist()))


@dataclass(frozen=True, eq=False)
class PenaltyPath:
    """What the penalty does as its weight rises.

    `weights` (l,); `coefficients` (l, N) in physical units; `singular_values` (l, g): of the Lie derivatives along
    generators of unit size; `combinations` (l, g, g): the combinations of the candidates that they belong to; `kept`:
    for each weight those (r, g) that are not broken; `labels` (g,).
    """

    weights: np.ndarray
    coefficients: np.ndarray
    singular_values: np.ndarray
    combinations: np.ndarray
    kept: tuple[np.ndarray, ...]
    labels: tuple[str, ...]

    def proposed(self) -> list[np.ndarray]:
        """Sets of symmetries (r, g) worth a test, the larger ones first: what is kept, and what a gap sets apart.

        The size of a Lie derivative that counts as none is not known beforehand: for each number r the weight is taken
        at which the r smallest singular values lie farthest below the next.
        """
        found: list[np.ndarray] = []
        s = np.maximum(self.singular_values, 1e-300)
        for r in range(s.shape[1], 0, -1):
            found += [basis for basis in self.kept if len(basis) == r][:1]
            if r < s.shape[1]:
                widest = int(np.argmax(s[:, -r - 1] / s[:, -r]))
                found.append(self.combinations[widest, -r:])
        return found


def path(problem: PenaltyProblem, penalty: AbstractPenalty, levels: int) -> PenaltyPath:
    """Minima for rising weights; the convex ones each from the one before, under one compilation."""
    tell(f"promotion: {levels} weights of the penalty")
    if isinstance(penalty, LogDet):
        weights = np.geomspace(0.3, max(30.0 * len(problem.y), 10.0), levels)  # in units of the log-likelihood
        cooled = _cooled(problem, penalty)
        every = [minimum(problem.broken, problem.blocks, problem.where, float(w), cooled) for w in weights]
        found = [(each.coefficients, each.matrix) for each in every]
    else:
        full = full_weight(problem.broken, problem.blocks, problem.where)
        weights = np.geomspace(1.01 * full, LOWEST * full, levels)
        found = _convex(problem, penalty, weights)[::-1]
        weights = weights[::-1]
    g, largest = problem.broken.columns - problem.broken.elements, scale_of(problem)
    sizes, kept, combinations = [], [], []
    for _, matrix in found:
        _, s, vh = np.linalg.svd(matrix[:, :g], full_matrices=True)
        s = np.pad(s, (0, g - len(s)))
        sizes.append(s)
        combinations.append(vh @ problem.broken.mixing[:g, :g].T)
        kept.append(combinations[-1][s <= SILENT * largest])
    coefficients = np.array([c for c, _ in found]) @ problem.basis + problem.offset
    return PenaltyPath(
        weights, coefficients, np.array(sizes), np.array(combinations), tuple(kept), problem.broken.labels[:g]
    )


def _convex(
    problem: PenaltyProblem, penalty: AbstractPenalty, weights: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coefficients and split matrices (exactly of low rank) for falling weights."""
    if getattr(penalty, "solver", "admm") != "admm":
        each = [minimum(problem.broken, problem.blocks, problem.where, float(w), penalty) for w in weights]
        return [(found.coefficients, found.matrix) for found in each]
    from symdyn.symmetry.promotion.admm import Convex
    from symdyn.symmetry.promotion.ensemble import convex_path

    with double_precision():
        convex = Convex.of(problem.broken, problem.where, problem.blocks, problem.sparsity)
        found = convex_path(convex, jnp.asarray(weights), getattr(penalty, "tolerance", 1e-7))
        return list(zip(np.asarray(found.coefficients), np.asarray(found.Z), strict=True))


def scale_of(problem: PenaltyProblem) -> float:
    """The largest singular value without a penalty."""
    return max(float(problem.broken.singular_values(problem.free).max(initial=0.0)), 1e-300)


def _cooled(problem: PenaltyProblem, penalty: AbstractPenalty) -> AbstractPenalty:
    """Log-det with a floor far below the noise where none was given: what is not needed falls to it."""
    if isinstance(penalty, LogDet) and not penalty.floor:
        return replace(penalty, floor=1e-4 * scale_of(problem))
    return penalty
