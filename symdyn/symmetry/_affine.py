"""Affine sets of coefficients as solutions of linear equations, and back: exact in rationals, else by an SVD.

A set {offset + sum_k w_k B_k} in N unknowns is also {x : C x = d}. Equations of two sets side by side are those of
their intersection.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

import numpy as np

from symdyn.symmetry._exact import CONSTANT, InconsistentError, Row, null_space, rational
from symdyn.symmetry._sampled import echelon_form, readable_rows

Set = tuple[np.ndarray, np.ndarray]  # offset (N,) and basis (r, N)

_TOLERANCE = 1e-9  # relative, of ranks and residuals in floating point


def meet(sets: Sequence[Set], ones: Sequence[int] = ()) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """What lies in all sets and has the value 1 at the places `ones`: offset, reduced echelon basis, whether exact.

    None where nothing does.
    """
    size = len(sets[0][0])
    pairs = [(each, exact_equations(*each)) for each in sets]
    exact = [rows for _, rows in pairs if rows is not None]
    pins: list[Row] = [{place: 1, CONSTANT: -1} for place in ones]
    if len(exact) == len(pairs):
        try:
            return *null_space([*pins, *(row for rows in exact for row in rows)], size), True
        except InconsistentError:
            return None
    parts = [sampled_equations(*each) if rows is None else dense(rows, size) for each, rows in pairs]
    found = sampled_solutions([dense(pins, size), *parts])
    return None if found is None else (*found, False)


def cut(given: Set, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """What of a set fulfils C x = d as well, C (m, N) and d (m,): offset, reduced echelon basis, whether exact.

    None where nothing does. Every float is a fraction, so that the equations add no rounding to an exact set.
    """
    size = len(given[0])
    known = exact_equations(*given)
    if known is None:
        found = sampled_solutions([sampled_equations(*given), (left, right)])
        return None if found is None else (*found, False)
    try:
        return *null_space([*known, *map(_row, left, right)], size), True
    except InconsistentError:
        return None


def _row(left: np.ndarray, right: float) -> Row:
    """An equation with integer entries, exactly; a float that is near a simple fraction is read as that."""
    values, keys = np.append(left, -right), np.append(np.arange(len(left)), CONSTANT)
    values, keys = values[values != 0], keys[values != 0]
    simple = rational(values)
    fractions = [Fraction(float(v)) for v in values] if simple is None else [Fraction(int(v)) for v in simple[0]]
    clear = lcm(*(f.denominator for f in fractions))
    return {int(key): int(f * clear) for key, f in zip(keys, fractions, strict=True)}


def exact_equations(offset: np.ndarray, basis: np.ndarray) -> list[Row] | None:
    """Integer equations of the set; None where an entry is not rational or the basis (r, N) is not a reduced echelon.

    With q_k the first place of B_k, where all other rows vanish: x_j - sum_k (B_kj / B_kq_k) x_q_k = rest of offset.
    """
    found = [rational(row) for row in (*basis, offset)]
    whole = [row for row in found if row is not None]
    places = leads(basis)
    if places is None or len(whole) < len(found):
        return None
    integers, denominator = whole.pop()
    constant = [Fraction(int(value), denominator) for value in integers]
    columns: dict[int, list[tuple[int, Fraction]]] = {}
    for q, (row, _) in zip(places, whole, strict=True):
        for j in np.flatnonzero(row):
            columns.setdefault(int(j), []).append((q, Fraction(int(row[j]), int(row[q]))))
    rows = []
    for j in sorted(set(range(len(offset))) - set(places)):
        ties = columns.get(j, [])
        right = constant[j] - sum(factor * constant[q] for q, factor in ties)
        clear = lcm(right.denominator, *(factor.denominator for _, factor in ties))
        row = {j: clear, CONSTANT: int(-right * clear)} | {q: int(-factor * clear) for q, factor in ties}
        rows.append({key: value for key, value in row.items() if value})
    return rows


def leads(basis: np.ndarray) -> list[int] | None:
    """The first place of each row (r, N), or None where another row does not vanish there."""
    if not np.all(np.any(basis, axis=1)):
        return None
    places = [int(np.flatnonzero(row)[0]) for row in basis]
    return places if all(np.count_nonzero(basis[:, q]) == 1 for q in places) else None


def dense(rows: list[Row], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Equations as arrays: C (m, N) and d (m,)."""
    left, right = np.zeros((len(rows), size)), np.zeros(len(rows))
    for k, row in enumerate(rows):
        for key, value in row.items():
            if key == CONSTANT:
                right[k] = -value
            else:
                left[k, key] = value
    return left, right


def sampled_equations(offset: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal equations of the set in floating point: C (N - r, N) and d (N - r,)."""
    sizes = np.linalg.norm(basis, axis=1, keepdims=True)
    _, s, V = np.linalg.svd(basis / np.where(sizes > 0, sizes, 1.0), full_matrices=True)
    left = V[int(np.sum(s > _TOLERANCE * s.max(initial=0.0))) :]
    return left, left @ offset


def sampled_solutions(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray] | None:
    """Offset (N,) and reduced echelon basis (r, N) of what fulfils all equations; None where nothing does."""
    left, right = (np.concatenate(side) for side in zip(*parts, strict=True))
    sizes = np.linalg.norm(left, axis=1)
    sizes = np.where(sizes > 0, sizes, 1.0)
    left, right = left / sizes[:, None], right / sizes
    U, s, V = np.linalg.svd(left, full_matrices=True)
    rank = int(np.sum(s > _TOLERANCE * s.max(initial=0.0)))
    offset = ((U[:, :rank].T @ right) / s[:rank]) @ V[:rank]
    if np.linalg.norm(left @ offset - right) > 1e3 * _TOLERANCE * np.linalg.norm(right):
        return None
    offset, basis = echelon_form(offset, V[rank:])
    return readable_rows(offset), readable_rows(basis)
