"""One promotion solved: from rows of a regression and a map to Lie derivatives to coefficients and what they keep."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.symmetry.promotion import norms
from symdyn.symmetry.promotion.coordinates import Coordinates, interpolation, least_squares
from symdyn.symmetry.promotion.lie_map import LieMap
from symdyn.symmetry.promotion.norms import Block
from symdyn.symmetry.promotion.reweighted import log_det, reweighted_nuclear
from symdyn.symmetry.promotion.settings import AbstractPenalty, GroupNorm, LogDet, NuclearNorm

KEPT = 1e-6  # of the largest singular value: smaller ones are zero in a minimum that is exact to the duality gap
ROUNDING = 1e-9  # of the sum of sizes in a Lie derivative: smaller ones are what iterations and rounding leave


@dataclass(frozen=True, eq=False)
class Minimiser:
    """Coefficients (N,), the matrix of their Lie derivatives (k, g) (exactly of low rank where the method gives that),
    and the evidence of the optimum: objective, duality gap (None where there is none), iterations."""

    coefficients: np.ndarray
    matrix: np.ndarray
    objective: float | None = None
    gap: float | None = None
    iterations: int = 0


def by_name(penalty: AbstractPenalty) -> bool:
    """Whether a penalty speaks of generators by name, so that they must not be mixed."""
    return isinstance(penalty, GroupNorm) or bool(getattr(penalty, "blocks", ()))


def arranged(broken: LieMap, penalty: AbstractPenalty) -> tuple[LieMap, tuple[Block, ...]]:
    """The map, made with `named=by_name(penalty)`, with its columns in the order of the penalty's blocks; and these."""
    blocks = getattr(penalty, "blocks", ())
    grouped = isinstance(penalty, GroupNorm)
    if grouped and not blocks:
        blocks = tuple((label,) for label in broken.labels[: broken.columns - broken.elements])
    if not blocks:
        return broken, norms.nuclear(broken.columns, broken.elements)
    order, made = norms.named_blocks(broken.labels, blocks, broken.elements, grouped)
    k, g = broken.shift.shape
    rows = (np.arange(k)[:, None] * g + order).ravel()
    labels = tuple(broken.labels[j] for j in order)
    return replace(
        broken, matrix=sparse.csr_matrix(broken.matrix[rows]), shift=broken.shift[:, order], labels=labels,
        mixing=broken.mixing[np.ix_(order, order)],
    ), made  # fmt: skip


def solved(
    broken: LieMap,
    blocks: tuple[Block, ...],
    design: np.ndarray,
    y: np.ndarray,
    weight: float,
    penalty: AbstractPenalty,
) -> Minimiser:
    """The minimum of |y - X c|^2 / 2 + weight * penalty; among all c with X c = y for the weight 0.

    `broken`, `blocks`: as `arranged` gives them; `design` (m, N), `y` (m,).
    """
    sizes = sparsity(broken, penalty)
    where = (least_squares if weight else interpolation)(design, y, broken, sizes)
    return minimum(broken, blocks, where, weight or 1.0, penalty)


def minimum(
    broken: LieMap, blocks: tuple[Block, ...], where: Coordinates, weight: float, penalty: AbstractPenalty
) -> Minimiser:
    """The minimum in given coordinates of the loss."""
    if isinstance(penalty, LogDet):
        found = log_det(broken, where, blocks, weight, floor=penalty.floor, cooling=penalty.cooling)
        return Minimiser(found, broken(found))
    if isinstance(penalty, NuclearNorm) and penalty.solver == "reweighted":
        found = reweighted_nuclear(broken, where, blocks, weight)
        return Minimiser(found, broken(found))
    return convex(broken, blocks, where, weight, penalty)


def convex(broken: LieMap, blocks: tuple[Block, ...], where: Coordinates, weight: float, penalty) -> Minimiser:
    """The convex problem, to the tolerance of the duality gap."""
    from symdyn.symmetry.promotion.admm import Convex, minimise, start
    from symdyn.symmetry.promotion.dual import dual_minimise

    with double_precision():
        problem = Convex.of(broken, where, blocks, sparsity(broken, penalty))
        if getattr(penalty, "solver", "admm") == "dual":
            if np.any(where.t == 0) or where.T.shape[1] < broken.size:
                raise InputError("solver='dual' needs data that determine every coefficient; use solver='admm'")
            found = dual_minimise(problem, weight, penalty.tolerance)
        else:
            found = minimise(problem, weight, start(problem, weight), penalty.tolerance)
        return Minimiser(
            np.asarray(found.coefficients), np.asarray(found.Z), float(found.objective), float(found.gap),
            int(found.iterations),
        )  # fmt: skip


def sparsity(broken: LieMap, penalty: AbstractPenalty) -> np.ndarray | None:
    """The weights (N,) of the sizes of the coefficients in the penalty, None where it has none."""
    size = getattr(penalty, "sparsity", 0.0)
    return np.full(broken.size, float(size)) if size else None


def kept(found: Minimiser, broken: LieMap, tolerance: float = KEPT) -> tuple[np.ndarray, np.ndarray]:
    """Singular values (g,) of the generators' columns, falling, and the combinations (r, g) of the given generators
    whose Lie derivatives vanish.

    They vanish against the largest singular value, against the sum of the sizes of what is added up in a Lie
    derivative, and against that of a function of the same size: where all symmetries are kept, the largest one is a
    rounding error itself.
    """
    g = broken.columns - broken.elements
    _, s, vh = np.linalg.svd(found.matrix[:, :g], full_matrices=True)
    s = np.pad(s, (0, g - len(s)))
    summed = (abs(broken.matrix) @ np.abs(found.coefficients)).reshape(broken.shift.shape) + np.abs(broken.shift)
    typical = float(np.linalg.norm(found.coefficients)) * float(np.sqrt(broken.gram.diagonal().max(initial=0.0)))
    rounding = ROUNDING * max(float(np.linalg.norm(summed[:, :g])), typical)
    silent = s <= max(tolerance * float(s.max(initial=0.0)), rounding)
    return s, vh[silent] @ broken.mixing[:g, :g].T
