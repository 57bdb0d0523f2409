"""Exact coefficients for monomial terms: integer calculus of affine generators and rational elimination.

A derivation xi = A x + a maps a monomial to monomials with integer multiples of the entries of A and a,

    xi x^e = sum_rc A_rc e_r x^(e - 1_r + 1_c) + sum_r a_r e_r x^(e - 1_r),

and an element g maps x^e to the product of the linear forms (g x)_r^e_r. So with M the matrix of this map on
monomials and T the matrix on the fibre, equivariance of F = sum_i Xi_ij x^(e_i) reads, for each monomial m and each
component k, sum_i Xi_ik M_im - sum_j T_kj Xi_mj = c_k [m = 1]. The rows have integer entries, and each touches few
unknowns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from symdyn.groups import BoundAction, Fibre

Row = dict[int, int]  # unknown -> coefficient; the key CONSTANT holds minus the right-hand side
CONSTANT = -1
_LARGEST = 10080  # denominator that a float is read with


class InconsistentError(Exception):
    """The affine conditions contradict each other."""


def rational(array: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Integers and their common denominator that give the array, or None where there are none of moderate size.

    A float counts as the fraction of denominator up to 10080 that it equals to rounding: 1/3 is read as one third, and
    so is 4/3 - 1.
    """
    values = np.asarray(array, float).ravel()
    fractions = {float(v): Fraction(float(v)).limit_denominator(_LARGEST) for v in np.unique(values)}
    if any(abs(float(f) - v) > 4 * np.finfo(float).eps * abs(v) for v, f in fractions.items()):
        return None
    denominator = lcm(*(f.denominator for f in fractions.values())) if fractions else 1
    if max((abs(f * denominator) for f in fractions.values()), default=0) > 2**40:
        return None
    integers = np.array([int(fractions[float(v)] * denominator) for v in values], dtype=object)
    return integers.reshape(np.shape(array)), denominator


def exact_coefficients(
    exponents: np.ndarray, action: BoundAction, fibre: Fibre
) -> tuple[np.ndarray, np.ndarray] | None:
    """Offset (p, d) and integer echelon basis (r, p, d), or None where an entry is not rational.

    Raises InconsistentError where the affine conditions have no solution.
    """
    if action.fields:
        return None
    rows: list[Row] = []
    parts = (action.matrices, action.shifts, fibre.matrices, fibre.shifts)
    for A, a, T, c in zip(*(part.array for part in parts), strict=True):
        whole = rational(np.concatenate([x.ravel() for x in (A, a, T, c)]))
        if whole is None:
            return None
        A, a, T, c = _cut(whole[0], A.shape, a.shape, T.shape, c.shape)
        rows += _rows(_derivation(exponents, A, a), exponents, T, c)
    for g, T in zip(action.elements.array, fibre.elements.array, strict=True):
        point, matrix = rational(g), rational(T)
        if point is None or matrix is None:
            return None
        rows += _element_rows(exponents, point, matrix)
    p, d = len(exponents), fibre.shifts.shape[1]
    offset, basis = null_space(rows, p * d)
    return offset.reshape(p, d), basis.reshape(-1, p, d)


def _cut(flat: np.ndarray, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    return [flat[a:b].reshape(shape) for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)]


Triples = Iterable[tuple[int, tuple[int, ...], int]]  # term, exponent of a monomial in its image, coefficient


def _derivation(exponents: np.ndarray, A: np.ndarray, a: np.ndarray) -> Iterator[tuple[int, tuple[int, ...], int]]:
    """The images of the monomials under xi = A x + a."""
    n = exponents.shape[1]
    moves = [(r, c, A[r, c]) for r, c in zip(*np.nonzero(A), strict=True)]
    moves += [(r, None, a[r]) for r in np.flatnonzero(a)]
    for r, c, factor in moves:
        terms = np.flatnonzero(exponents[:, r])
        images = exponents[terms] - np.eye(n, dtype=int)[r]
        if c is not None:
            images[:, c] += 1
        for i, image, power in zip(terms.tolist(), images.tolist(), exponents[terms, r].tolist(), strict=True):
            yield i, tuple(image), power * factor


def _rows(images: Triples, exponents: np.ndarray, T: np.ndarray, c: np.ndarray, scale: int = 1) -> list[Row]:
    """The conditions sum_i Xi_ik M_im - scale sum_j T_kj Xi_mj - c_k [m = 1] = 0, one row for each m and k."""
    d = len(T)
    table: dict[tuple[int, ...], dict[int, int]] = {}
    for i, image, value in images:
        entry = table.setdefault(image, {})
        entry[i] = entry.get(i, 0) + value
    places = {tuple(e): i for i, e in enumerate(exponents.tolist())}
    fibre = [[(int(j), scale * int(T[k, j])) for j in np.flatnonzero(T[k])] for k in range(d)]
    one = (0,) * exponents.shape[1]
    rows = []
    for m in {*table, *places, one}:
        here, image = places.get(m), table.get(m, {})
        for k in range(d):
            row = {i * d + k: value for i, value in image.items() if value}
            if here is not None:
                for j, value in fibre[k]:
                    row[here * d + j] = row.get(here * d + j, 0) - value
            if m == one and c[k]:
                row[CONSTANT] = -int(c[k])
            rows.append({key: value for key, value in row.items() if value})
    return rows


def _element_rows(exponents: np.ndarray, point: tuple[np.ndarray, int], matrix: tuple[np.ndarray, int]) -> list[Row]:
    """The conditions F(g x) = T F(x), cleared of the denominators of g and T."""
    (g, below), (T, under) = point, matrix
    top = int(exponents.sum(1).max(initial=0))
    forms = [{int(c): int(g[r, c]) for c in np.flatnonzero(g[r])} for r in range(len(g))]
    powers: dict[tuple[int, ...], dict[tuple[int, ...], int]] = {(0,) * len(g): {(0,) * len(g): 1}}

    def power(e: tuple[int, ...]) -> dict[tuple[int, ...], int]:
        """The numerator of (g x)^e: a product of linear forms, from that of one factor less."""
        if e not in powers:
            r = next(k for k in range(len(e)) if e[k])
            out: dict[tuple[int, ...], int] = {}
            for m, value in power((*e[:r], e[r] - 1, *e[r + 1 :])).items():
                for c, factor in forms[r].items():
                    image = (*m[:c], m[c] + 1, *m[c + 1 :])
                    out[image] = out.get(image, 0) + value * factor
            powers[e] = out
        return powers[e]

    def images() -> Iterator[tuple[int, tuple[int, ...], int]]:
        for i, e in enumerate(map(tuple, exponents.tolist())):
            clear = under * below ** (top - sum(e))
            for image, value in power(e).items():
                yield i, image, clear * value

    return _rows(images(), exponents, T, np.zeros(len(T)), scale=below**top)


def null_space(rows: Iterable[Row], size: int) -> tuple[np.ndarray, np.ndarray]:
    """All solutions of integer equations in `size` unknowns: offset (size,) and echelon basis (r, size).

    Gauss-Jordan elimination on sparse integer rows. The pivot of a row is its *last* unknown, so that the free ones
    come first and each basis vector starts with its own free unknown. Raises InconsistentError.
    """
    pivots: dict[int, Row] = {}
    for row in sorted(_distinct(rows), key=len):
        while row and max(row) in pivots:
            row = _eliminate(row, pivots[max(row)], max(row))
        if row and max(row) == CONSTANT:
            raise InconsistentError
        if row:
            pivots[max(row)] = row
    for q in sorted(pivots):
        row = pivots[q]
        for key in [k for k in row if k != q and k in pivots]:
            row = _eliminate(row, pivots[key], key)
        pivots[q] = row
    free = [j for j in range(size) if j not in pivots]
    vectors = {j: {j: Fraction(1)} for j in free} | {CONSTANT: {}}
    for q, row in pivots.items():
        for key, value in row.items():
            if key != q:
                vectors[key][q] = Fraction(-value, row[q])
    basis = np.zeros((len(free), size))
    for k, j in enumerate(free):
        whole = lcm(*(v.denominator for v in vectors[j].values()))
        for place, v in vectors[j].items():
            basis[k, place] = int(v * whole)
    offset = np.zeros(size)
    for place, v in vectors[CONSTANT].items():
        offset[place] = float(v)
    return offset, basis


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """The rows without repetitions, divided by the greatest common divisor and with a positive last entry."""
    found = {}
    for row in rows:
        if row:
            row = _reduced(row)
            found[frozenset(row.items())] = row
    return list(found.values())


def _reduced(row: Row) -> Row:
    divisor = gcd(*row.values())
    if row and row[max(row)] < 0:
        divisor = -divisor
    return row if divisor in (0, 1) else {key: value // divisor for key, value in row.items()}


def _eliminate(row: Row, pivot: Row, key: int) -> Row:
    """The combination of two rows in which the unknown `key` is gone."""
    above, below = row[key], pivot[key]
    common = gcd(above, below)
    above, below = above // common, below // common
    out = {k: v * below for k, v in row.items()}
    for k, v in pivot.items():
        value = out.get(k, 0) - above * v
        if value:
            out[k] = value
        else:
            del out[k]
    return _reduced(out)
