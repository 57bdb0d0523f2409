"""Generators chosen from one part of the data, to be tested on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn.regress.evidence.claims import Claim
from symdyn.regress.evidence.estimate import Estimate
from symdyn.regress.evidence.frame import Frame, motions, raw_rows, size_of, speed_rows
from symdyn.symmetry.discovery.candidates import Place, resolved
from symdyn.symmetry.discovery.fields import Candidates
from symdyn.symmetry.discovery.printing import text_of

NEAR = 3.0  # standard errors by which a coefficient may be moved to a simple number
SIMPLE = np.array([0.0, 1 / 3, 0.5, 2 / 3, 1.0, 1.5, 2.0, 3.0])


@dataclass(frozen=True, eq=False)
class Span:
    """The span of candidate fields at points of a domain, ready for any estimate of the weights.

    `fields`: q candidates; `table` (q, q, r + 1, r + 1): inner products of their conditions; `gram` (q, q): of the
    fields themselves; both for candidates of size one, which they have after division by `sizes` (q,); `speed`: rows
    of the rates.
    """

    fields: Candidates
    table: np.ndarray
    gram: np.ndarray
    sizes: np.ndarray
    speed: np.ndarray

    @classmethod
    def of(cls, frame: Frame, candidates: Any, place: Place, points: np.ndarray) -> Span:
        """The span of candidates at points (m, n)."""
        fields = resolved(candidates, place)
        moved = motions(fields, points)
        sizes = np.array([size_of(column) for column in moved.T])
        claims = [_claim(fields, row) for row in np.eye(fields.count)]
        stacked = np.stack([raw_rows(frame, each, points)[0] for each in claims]) / sizes[:, None, None]
        table = np.einsum("imr,jms->ijrs", stacked, stacked, optimize=True)
        moved = moved / sizes
        return cls(fields, table, moved.T @ moved, sizes, speed_rows(frame, points))

    def chosen(self, found: Estimate, tolerance: float) -> tuple[Claim, ...]:
        """Fields in the span whose defect seems within the tolerance, rounded to simple numbers where that is as good.

        Their number and form need not be right: what is claimed of them is tested on other data.
        """
        w, r = np.append(found.weights, 1.0), len(found.weights)
        noise = np.tensordot(self.table[:, :, :r, :r], found.covariance, axes=2)
        whole = np.tensordot(self.table, np.outer(w, w), axes=2)
        inverse = np.linalg.inv(np.linalg.cholesky(self.gram + 1e-12 * np.eye(len(self.gram))))
        spread = inverse @ (0.5 * (noise + noise.T)) @ inverse.T
        values, vectors = np.linalg.eigh(inverse @ whole @ inverse.T - spread)
        blur = np.einsum("ik,ij,jk->k", vectors, spread, vectors)  # what noise adds in each direction
        speed = float(np.sum((self.speed @ w) ** 2))
        kept = values < tolerance**2 * speed + 2 * blur / np.sqrt(r)
        if not kept.any():
            return ()
        basis = (inverse.T @ vectors[:, kept]).T / self.sizes  # in the candidates as they were given
        other = values[~kept].min() if (~kept).any() else np.inf
        error = float(np.sqrt(blur[kept].max() / max(float(other), 1e-300)))  # of a direction
        return tuple(_claim(self.fields, _simple(row, min(NEAR * error, 0.15))) for row in _echelon(basis))


def _claim(fields: Candidates, row: np.ndarray) -> Claim:
    part = fields.rows(row[None]).parts[0]
    return Claim(text_of(part), part)


def _echelon(basis: np.ndarray) -> np.ndarray:
    """Rows (k, q) of the same span, each one alone in its largest column: as few numbers as may be."""
    rows = basis.copy()
    for k in range(len(rows)):
        column = int(np.argmax(np.abs(rows[k])))  # columns that were taken hold zeros
        rows[k] /= rows[k, column]
        for j in range(len(rows)):
            if j != k:
                rows[j] -= rows[j, column] * rows[k]
    return rows


def _simple(row: np.ndarray, reach: float) -> np.ndarray:
    """The row with numbers near simple ones moved onto them."""
    nearest = SIMPLE[np.argmin(np.abs(np.abs(row)[:, None] - SIMPLE), axis=1)] * np.sign(row)
    return np.where(np.abs(row - nearest) <= reach, nearest, row)
