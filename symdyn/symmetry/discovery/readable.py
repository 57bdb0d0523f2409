"""Readable members of a span: few terms, whole numbers, a sign that reads well; and a basis modulo what is trivial."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

import numpy as np

from symdyn.symmetry._exact import rational


def sparse_basis(basis: np.ndarray, extra: np.ndarray | None = None) -> np.ndarray:
    """A basis (r, g) of the same span with few entries: rows are combined in pairs while that makes one shorter.

    `extra` (k, g) are further members that may be added to shorten a row (the span changes by those only).
    """
    rows = basis.copy()
    more = np.zeros((0, basis.shape[1])) if extra is None else extra
    for _ in range(6):
        changed = False
        for i in range(len(rows)):
            for j in range(len(rows) + len(more)):
                if i == j:
                    continue
                other = rows[j] if j < len(rows) else more[j - len(rows)]
                better = _shorter(rows[i], other)
                if better is not None:
                    rows[i], changed = better, True
        if not changed:
            break
    return rows


def _shorter(row: np.ndarray, other: np.ndarray) -> np.ndarray | None:
    common = np.flatnonzero((row != 0) & (other != 0))
    if len(common) < 2 and (len(common) == 0 or np.count_nonzero(other) > 1):
        return None
    best, least = None, np.count_nonzero(row)
    for ratio in {float(r) for r in np.unique(np.round(row[common] / other[common], 10))}:
        exact = row[common][np.isclose(row[common] / other[common], ratio, rtol=1e-9)]
        factor = exact[0] / other[common][np.isclose(row[common] / other[common], ratio, rtol=1e-9)][0]
        trial = row - factor * other
        trial = np.where(np.abs(trial) > 1e-11 * (np.abs(row) + np.abs(factor * other)), trial, 0.0)
        if 0 < np.count_nonzero(trial) < least:
            best, least = trial, np.count_nonzero(trial)
    return best


def whole(row: np.ndarray, order: np.ndarray, small: float = 1e-12) -> np.ndarray:
    """A row in whole numbers without common divisor where it is rational, else with a largest entry of size 1.

    The first entry in the given order is positive. Entries below a `small` share of the largest are none.
    """
    row = np.where(np.abs(row) > small * np.abs(row).max(initial=0.0), row, 0.0)
    found = rational(row)
    if found is not None:
        integers = [int(v) for v in found[0]]
        divisor = gcd(*integers) or 1
        if max(map(abs, integers)) // divisor < 10**6:
            row = np.array([float(Fraction(v, divisor)) for v in integers])
    else:
        row = row / np.abs(row).max(initial=1e-300)
        near = np.round(12 * row) / 12
        row = np.where(np.abs(row - near) < small, near, row)
    ranked = row[order]
    lead = ranked[np.flatnonzero(ranked)][:1]
    return -row if lead.size and lead[0] < 0 else row


def completed(trivial: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Rows of a basis (r, g), the shortest first, that complete the span of trivial ones (k, g) to that of all."""
    if not len(basis):
        return basis
    span = np.linalg.qr(trivial.T)[0] if len(trivial) else np.zeros((basis.shape[1], 0))
    order = np.argsort([np.count_nonzero(row) for row in basis], kind="stable")
    kept = []
    for k in order:
        row = basis[k] / np.linalg.norm(basis[k])
        rest = row - span @ (span.T @ row)
        rest -= span @ (span.T @ rest)
        if np.linalg.norm(rest) > 1e-7:
            span = np.concatenate([span, rest[:, None] / np.linalg.norm(rest)], axis=1)
            kept.append(int(k))
    return basis[sorted(kept)]


def common_whole(values: np.ndarray) -> np.ndarray | None:
    """Weights as whole numbers without common divisor; None where they are not rational."""
    found = rational(values)
    if found is None:
        return None
    integers = [int(v) for v in found[0]]
    divisor = gcd(*integers) or 1
    return np.array([v // divisor for v in integers])
