"""A density without what is a divergence in space: total derivatives are taken off until the orders are lowest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from symdyn._types import StateSpace
from symdyn.groups import Polynomial
from symdyn.groups.jets import jet_of
from symdyn.symmetry._exact import _LARGEST
from symdyn.symmetry.conserved.euler import orders_of

_MOST = 400  # monomials that are tried under a derivative

Exponent = tuple[int, ...]
Row = dict[Exponent, Fraction]
Under = dict[tuple[int, Exponent], Fraction]  # (coordinate, monomial) -> coefficient


def without_divergence(
    density: Polynomial,
    space: StateSpace,
    across: Sequence[int],
    late: int,
    on_solutions: Callable[[Polynomial], Polynomial],
) -> tuple[Polynomial, dict[int, Polynomial]]:
    """The density without divergences D_k theta_k over the coordinates `across`, and these theta_k.

    What is left has the lowest derivatives: `u u_xx` becomes `-u_x^2`. Monomials are ordered by the orders of their
    factors, those by the time (coordinate `late`) first; total derivatives of monomials, with the law put in, are
    eliminated by their highest one.
    """
    rank = _rank(space, late)
    pivots = _echelon(density, space, across, rank, on_solutions)
    left: Row = _row(density)
    under: Under = {}
    while found := [m for m in left if m in pivots]:  # rows end below their pivots, so that this ends
        top = max(found, key=rank)
        row, own = pivots[top]
        share = left[top] / row[top]
        left, under = _less(left, row, share), _less(under, own, -share)
    thetas = {k: _polynomial({m: c for (j, m), c in under.items() if j == k}, density.n) for k in across}
    return _polynomial(left, density.n), thetas


def _echelon(
    density: Polynomial, space: StateSpace, across: Sequence[int], rank: Callable, on_solutions: Callable
) -> dict[Exponent, tuple[Row, Under]]:
    """Total derivatives of the monomials that may stand under one, by their highest monomial."""
    jet = jet_of(space)
    waiting, seen = list(_row(density)), set()
    orders = orders_of(space)
    highest = max((int(orders[np.flatnonzero(m)].max(initial=0)) for m in waiting), default=0)
    tried: set[tuple[int, Exponent]] = set()
    pivots: dict[Exponent, tuple[Row, Under]] = {}
    while waiting and len(tried) < _MOST:
        monomial = waiting.pop()
        if monomial in seen:
            continue
        seen.add(monomial)
        for k in across:
            for low in _lowered(monomial, jet.successors[k]):
                if (k, low) in tried or orders[np.flatnonzero(low)].max(initial=0) >= highest:
                    continue
                tried.add((k, low))
                row = _row(on_solutions(jet.total(_polynomial({low: Fraction(1)}, density.n), k)))
                waiting += list(row)
                own: Under = {(k, low): Fraction(1)}
                while row and max(row, key=rank) in pivots:
                    top = max(row, key=rank)
                    other, with_it = pivots[top]
                    share = row[top] / other[top]
                    row, own = _less(row, other, share), _less(own, with_it, share)
                if row:
                    pivots[max(row, key=rank)] = (row, own)
    return pivots


def _lowered(monomial: Exponent, successors: np.ndarray) -> list[Exponent]:
    """The monomials with one factor u_(J+k) made u_J."""
    out = []
    for column, after in enumerate(successors):
        if after >= 0 and monomial[after]:
            lower = list(monomial)
            lower[after] -= 1
            lower[column] += 1
            out.append(tuple(lower))
    return out


def _rank(space: StateSpace, late: int) -> Callable[[Exponent], tuple]:
    """The place of a monomial: by the orders of its factors, in time and in all, then by the powers of coordinates."""
    orders, in_time = orders_of(space), np.zeros(space.size, int)
    for d in space.derivatives:
        in_time[space.slice(d.name)] = d.orders[late]

    def rank(monomial: Exponent) -> tuple:
        factors = [c for c in np.repeat(np.arange(len(monomial)), monomial) if orders[c] >= 0]
        keys = [sorted((int(table[c]) for c in factors), reverse=True) for table in (in_time, orders)]
        first = [order for order in keys[0] if order]
        return first, keys[1], sum(e for e, o in zip(monomial, orders, strict=True) if o < 0), monomial

    return rank


def _row(p: Polynomial) -> Row:
    pairs = zip(p.exponents.array.tolist(), p.coefficients.array.tolist(), strict=True)
    return {tuple(e): _fraction(c) for e, c in pairs}


def _fraction(value: float) -> Fraction:
    near = Fraction(value).limit_denominator(_LARGEST)
    return near if abs(float(near) - value) <= 8 * np.finfo(float).eps * abs(value) else Fraction(value)


def _less(a: dict, b: dict, share: Fraction) -> dict:
    """a - share b."""
    out = dict(a)
    for key, value in b.items():
        left = out.get(key, 0) - share * value
        if left:
            out[key] = left
        else:
            out.pop(key, None)
    return out


def _polynomial(row: dict, n: int) -> Polynomial:
    return Polynomial.of(np.array(list(row), int).reshape(-1, n), np.array([float(c) for c in row.values()]))
