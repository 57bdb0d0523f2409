"""Exact coefficients for monomial terms: integer calculus of polynomial generators and rational elimination.

A derivation xi = sum_m v_m x^m maps a monomial to monomials with integer multiples of the entries of v,

    xi x^e = sum_(r, m) v_mr e_r x^(e - 1_r + m),

and an element g maps x^e to the product of the linear forms (g x)_r^e_r. So with M the matrix of this map on monomials
and T the matrix on the fibre, equivariance of F = sum_i Xi_ij x^(e_i) reads, for each monomial m and each component k,
sum_i Xi_ik M_im - sum_(j, l) T_lkj Xi_(m - l)j = c_mk. The rows have integer entries, and each touches few unknowns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from symdyn.groups import Conditions, Generator

Row = dict[int, int]  # unknown -> coefficient; the key CONSTANT holds minus the right-hand side
CONSTANT = -1
_LARGEST = 10080  # denominator that a float is read with
_WHOLE = 2**40  # a basis vector that needs a larger common denominator starts with 1 instead of being integer


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


def exact_coefficients(exponents: np.ndarray, conditions: Conditions) -> tuple[np.ndarray, np.ndarray] | None:
    """Offset (p, d) and integer echelon basis (r, p, d), or None where an entry is not rational.

    Raises InconsistentError where the affine conditions have no solution.
    """
    rows: list[Row] = []
    for each in conditions.generators:
        if not each.essential:
            continue
        found = _generator_rows(exponents, each)
        if found is None:
            return None
        rows += found
    for each in conditions.reflections:
        point, matrix = rational(each.matrix.array), rational(each.fibre.array)
        if point is None or matrix is None:
            return None
        rows += _element_rows(exponents, point, matrix)
    p, d = len(exponents), conditions.size
    offset, basis = null_space(rows, p * d)
    return offset.reshape(p, d), basis.reshape(-1, p, d)


def _generator_rows(exponents: np.ndarray, generator: Generator) -> list[Row] | None:
    parts = generator.polynomials()
    if parts is None:
        return None
    arrays = [part.coefficients.array for part in parts]
    whole = rational(np.concatenate([array.ravel() for array in arrays]))
    if whole is None:
        return None
    ends = np.cumsum([0, *(array.size for array in arrays)])
    field, fibre, shift = (
        [(m, v) for m, v in zip(part.exponents.array.tolist(), whole[0][a:b].reshape(array.shape), strict=True)]
        for part, array, a, b in zip(parts, arrays, ends[:-1], ends[1:], strict=True)
    )
    return rational_rows(derivation_images(exponents, field), exponents, fibre, shift, parts[2].shape[0])


Monomials = list[tuple[list[int], np.ndarray]]  # exponents of a monomial, and its array of integer coefficients
Triples = Iterable[tuple[int, tuple[int, ...], int]]  # term, exponent of a monomial in its image, coefficient


def derivation_images(exponents: np.ndarray, field: Monomials) -> Iterator[tuple[int, tuple[int, ...], int]]:
    """The images of the monomials under the derivation along a polynomial field."""
    unit = np.eye(exponents.shape[1], dtype=int)
    for m, values in field:
        for r in np.flatnonzero(values):
            terms = np.flatnonzero(exponents[:, r])
            images = exponents[terms] - unit[r] + m
            factor = values[r]
            for i, image, power in zip(terms.tolist(), images.tolist(), exponents[terms, r].tolist(), strict=True):
                yield i, tuple(image), power * int(factor)


def rational_rows(
    images: Triples, exponents: np.ndarray, fibre: Monomials, shift: Monomials, d: int, scale: int = 1
) -> list[Row]:
    """The conditions sum_i Xi_ik M_im - scale (T Xi)_mk - c_mk = 0, one row for each monomial m and component k."""
    table: dict[tuple[int, ...], list[Row]] = {}

    def place(m: tuple[int, ...]) -> list[Row]:
        if m not in table:
            table[m] = [{} for _ in range(d)]
        return table[m]

    for i, image, value in images:
        for k, row in enumerate(place(image)):
            row[i * d + k] = row.get(i * d + k, 0) + value
    for m, T in fibre:
        entries = [(int(k), int(j), scale * int(T[k, j])) for k, j in zip(*np.nonzero(T), strict=True)]
        for i, image in enumerate((exponents + m).tolist()):
            rows = place(tuple(image))
            for k, j, value in entries:
                rows[k][i * d + j] = rows[k].get(i * d + j, 0) - value
    for m, c in shift:
        for k in np.flatnonzero(c):
            place(tuple(m))[int(k)][CONSTANT] = -int(c[k])
    rows = [{key: int(value) for key, value in row.items() if value} for rows in table.values() for row in rows]
    return [row for row in rows if row]


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

    still = [0] * exponents.shape[1]
    return rational_rows(images(), exponents, [(still, T)], [], len(T), scale=below**top)


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
            basis[k, place] = float(v * whole if whole < _WHOLE else v)
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
