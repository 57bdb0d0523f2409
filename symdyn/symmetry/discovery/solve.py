r"""The null space of the conditions, with the scale-free defects of all candidates.

With the defect L c and the terms B c that it is the sum of, rho(c)^2 = |L c|^2 / |B c|^2 does not depend on units or on
how candidates are normalised. Its stationary values solve L'L c = rho^2 B'B c; they come from two singular value
decompositions, of B and of L in its orthonormal basis, never from squares (whose floor would be 1e-8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr, svd

from symdyn.symmetry._exact import CONSTANT, null_space
from symdyn.symmetry._sampled import echelon_form, readable_rows
from symdyn.symmetry.discovery.subjects import Sample

_EMPTY = 1e-10  # relative size below which a direction has no terms at all, and so no defect
_LARGEST_EXACT = 3000  # unknowns that the elimination in whole numbers takes


@dataclass(frozen=True, eq=False)
class Solved:
    """`basis` (r, g) of what fulfils the conditions; `spectrum` (g,) of defects, rising; whether it is `exact`."""

    basis: np.ndarray
    spectrum: np.ndarray
    exact: bool


def solved(sample: Sample, conditions: tuple[Any, bool] | None, tolerance: float) -> Solved:
    """The candidates without defect: by elimination where the conditions are whole numbers, else by the spectrum."""
    spectrum, directions = scale_free(sample)
    if conditions is not None and conditions[1] and conditions[0].shape[1] <= _LARGEST_EXACT:
        _, basis = null_space(_rows(conditions[0]), conditions[0].shape[1])
        return Solved(basis, spectrum, True)
    kept = directions[spectrum < tolerance]
    if conditions is not None and len(kept):
        kept = _polished(conditions[0], kept)
    basis = readable(kept, np.linalg.norm(sample.fields, axis=0))
    if tolerance > 1e-6 and len(kept):
        basis = snapped(kept, sample, tolerance)
    return Solved(basis, spectrum, False)


def snapped(kept: np.ndarray, sample: Sample, tolerance: float) -> np.ndarray:
    """A readable basis near approximate directions (r, g), where one has no larger defect than is tolerated."""
    _, _, rows = svd(kept, full_matrices=False)
    *_, order = qr(rows, mode="economic", pivoting=True)
    pivots = np.sort(order[: len(rows)])
    exact = np.linalg.solve(rows[:, pivots], rows)
    for reach in (3 * tolerance, tolerance, tolerance / 3):
        near = np.where(np.abs(exact) < reach, 0.0, exact)
        for denominator in (3, 2, 1):
            simple = np.round(near * denominator) / denominator
            near = np.where(np.abs(near - simple) < reach * np.maximum(1.0, np.abs(near)), simple, near)
        if np.all(defects(sample, near) < tolerance) and np.linalg.matrix_rank(near) == len(near):
            return near
    return exact


def readable(basis: np.ndarray, size: np.ndarray | None = None) -> np.ndarray:
    """A reduced echelon basis (r, g) of the same span, with numbers near small fractions set to them.

    `size` (g,): of the candidates, where their units make them differ; what is small beside it is zero.
    """
    if not len(basis):
        return basis
    size = np.ones(basis.shape[1]) if size is None else np.where(size > 0, size, 1.0)
    _, s, rows = svd(basis * size, full_matrices=False)
    _, found = echelon_form(np.zeros(basis.shape[1]), rows[s > 1e-12 * s[0]])
    return readable_rows(found / size)


def scale_free(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The defects rho, rising, and the combinations (g, g) of candidates that they belong to."""
    L, B = sample.defect, sample.parts
    g = L.shape[1]
    size = np.linalg.norm(B, axis=0)
    fields = np.linalg.norm(sample.fields, axis=0)
    # a candidate whose terms all vanish (a shift of a coordinate that nothing depends on) is measured by itself
    share = size / np.maximum(fields, 1e-300)
    usual = share.max(initial=0.0) or 1.0
    size = np.where(share > _EMPTY * usual, size, np.maximum(usual * fields, 1e-300))
    R = qr(B / size, mode="r")[0][:g] if len(B) > g else B / size
    _, s, Z = svd(R, full_matrices=True)
    s = np.pad(s, (0, g - len(s)))
    some = s > _EMPTY * s.max(initial=0.0)
    turned = Z[some].T / s[some]
    T = (L / size) @ turned
    T = qr(T, mode="r")[0][: T.shape[1]] if len(T) > T.shape[1] else T
    _, rho, W = svd(T, full_matrices=True)
    rho = np.pad(rho, (0, len(W) - len(rho)))
    directions = np.concatenate([Z[~some], (turned @ W.T).T]) / size
    rho = np.concatenate([np.zeros(int((~some).sum())), rho])
    order = np.argsort(rho, kind="stable")
    directions = directions[order]
    return rho[order], directions / np.linalg.norm(directions, axis=1, keepdims=True)


def defects(sample: Sample, basis: np.ndarray) -> np.ndarray:
    """The scale-free defect of each combination (r, g): shape (r,)."""
    above = np.linalg.norm(sample.defect @ basis.T, axis=0)
    below = np.linalg.norm(sample.parts @ basis.T, axis=0)
    own = np.linalg.norm(sample.fields @ basis.T, axis=0)
    share = np.linalg.norm(sample.parts, axis=0) / np.maximum(np.linalg.norm(sample.fields, axis=0), 1e-300)
    usual = share.max(initial=0.0) or 1.0
    return np.where(below > _EMPTY * usual * own, above / np.maximum(below, 1e-300), 0.0)


def _rows(matrix) -> list[dict[int, int]]:
    """Sparse whole numbers as rows of the exact elimination."""
    matrix = matrix.tocsr()
    rows = []
    for a, b in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        row = {int(k): int(v) for k, v in zip(matrix.indices[a:b], matrix.data[a:b], strict=True) if v}
        if row:
            rows.append(row)
    assert CONSTANT < 0
    return rows


def _polished(matrix, basis: np.ndarray) -> np.ndarray:
    """The same number of directions (r, g) from the null space of the conditions in coefficient space.

    Those have no sampling behind them, and coefficients of moderate size: the null space is that of the matrix with
    columns of unit norm.
    """
    size = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    size = np.where(size > 0, size, 1.0)
    dense = np.asarray(matrix.todense()) / size
    R = qr(dense, mode="r")[0][: dense.shape[1]] if len(dense) > dense.shape[1] else dense
    _, _, V = svd(R, full_matrices=True)
    found = V[len(V) - len(basis) :] / size
    a, _ = np.linalg.qr(found.T)
    b, _ = np.linalg.qr(basis.T)
    close = np.linalg.norm(b - a @ (a.T @ b)) < 1e-4
    return found if close else basis
