r"""How terms are brought into the weak form: which derivatives go onto the bump, and which must be taken of the data.

$Q v_\gamma^p v_{\gamma + k} = (D_k (Q v_\gamma^{p + 1}) - v_\gamma^{p + 1} D_k Q) / (p + 1)$: a factor of the highest
order that stands alone gives one derivative to the product, as often as all other factors are lower by two orders. So
$u u_{xxx}$ becomes $D_{xxx} u^2 / 2 - 3 D_x u_x^2 / 2$, and laws in the form of divergences need no derivative of the
data at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from symdyn._types import StateSpace
from symdyn.fields.grid import Grid
from symdyn.fields.terms import FluxTerms, Part
from symdyn.fields.windows import Key, keys
from symdyn.groups.jets import jet_of
from symdyn.library import AbstractTerms

Powers = tuple[tuple[int, int], ...]


def parts_of(terms: AbstractTerms) -> tuple[tuple[Part, ...], ...] | None:
    """The parts of each term, None where the terms are no polynomials in the jet that can be read."""
    if isinstance(terms, FluxTerms):
        return terms.parts
    exponents = terms.monomials()
    if exponents is None:
        return None
    still = (0,) * len(terms.space.differentiated)
    return tuple(
        _gathered(_lowered(terms.space, Part(1.0, still, tuple((int(k), int(row[k])) for k in np.flatnonzero(row)))))
        for row in np.asarray(exponents)
    )


def _gathered(parts: list[Part]) -> tuple[Part, ...]:
    total: Counter = Counter()
    for part in parts:
        total[part.orders, part.powers] += part.coefficient  # pyright: ignore[reportArgumentType]
    return tuple(Part(float(c), orders, powers) for (orders, powers), c in sorted(total.items()) if c)


def _lowered(space: StateSpace, part: Part) -> list[Part]:
    """A monomial with as many derivatives outside as can be had."""
    jet = jet_of(space)
    where = {int(c): (orders, j) for orders, columns in jet.columns.items() for j, c in enumerate(columns)}
    if any(column not in where for column, _ in part.powers):
        return [part]  # coordinates among the factors
    orders = {column: sum(where[column][0]) for column, _ in part.powers}
    top = max(orders.values(), default=0)
    highest = [(column, power) for column, power in part.powers if orders[column] == top]
    if top == 0 or len(highest) != 1 or highest[0][1] != 1:
        return [part]
    (beta, field), column = where[highest[0][0]], highest[0][0]
    k = next(i for i, a in enumerate(beta) if a)
    low = int(jet.columns[(*beta[:k], beta[k] - 1, *beta[k + 1 :])][field])
    powers = dict(part.powers)
    del powers[column]
    p = powers.pop(low, 0)
    if any(orders[c] > top - 2 for c in powers):
        return [part]
    whole = dict(powers) | {low: p + 1}
    share = part.coefficient / (p + 1)
    up = jet.up(part.orders, k)
    inside = Part(share, up, tuple(sorted(whole.items())))
    out = _lowered(space, inside)
    for c, power in powers.items():  # - (D_k Q) v^(p + 1) / (p + 1)
        less = Counter(whole)
        less[c] -= 1
        less[int(jet.successors[k][c])] += 1
        rest = tuple(sorted((a, b) for a, b in less.items() if b))
        out += _lowered(space, Part(-share * power, part.orders, rest))
    return out


@dataclass(frozen=True)
class Plan:
    """What is computed of each block of a grid.

    `columns`: for each column that is needed the component and the orders of its derivative by space (None: the
    coordinate with that number); `monomials`: products of columns; `cells`: for each monomial the kernels of all axes
    that it is met with; `table`: for each term (and target) the sum (coefficient, monomial, cell); `terms`: how many of
    these are terms; `states`: the columns of the whole jet, for terms that are evaluated at the points.
    """

    grid: Grid
    columns: tuple[tuple[int, tuple[int, ...] | None], ...]
    monomials: tuple[Powers, ...]
    cells: tuple[tuple[tuple[Key, ...], ...], ...]
    table: tuple[tuple[tuple[float, int, int], ...], ...]
    terms: int
    states: tuple[int, ...] = ()

    @property
    def mean(self) -> tuple[Key, ...]:
        """The kernels of all axes for the plain mean."""
        return keys(self.grid, 0, (0,) * len(self.grid.space_axes), False)

    def needed(self, number: int) -> list[Key]:
        """All kernels of an axis."""
        found = {each[number] for cells in self.cells for each in cells}
        return sorted(found | ({self.mean[number]} if self.states else set()))

    @property
    def components(self) -> tuple[int, ...]:
        """The components that are read."""
        return tuple(sorted({c for c, orders in self.columns if orders is not None}))

    def highest(self, number: int) -> int:
        """The highest derivative that the bump of an axis takes."""
        return max((each[number].order for cells in self.cells for each in cells), default=0)

    def combination(self) -> np.ndarray:
        """The matrix (cells, terms + targets) that makes terms of cells."""
        first = np.cumsum([0, *(len(cells) for cells in self.cells)])
        out = np.zeros((first[-1], len(self.table)))
        for row, term in enumerate(self.table):
            for c, monomial, cell in term:
                out[first[monomial] + cell, row] += c
        return out


def make_plan(
    grid: Grid, space: StateSpace, groups: list[tuple[tuple[tuple[Part, ...], ...], int, bool]], whole: bool,
    drift: tuple[int, float] | None = None,
) -> Plan:  # fmt: skip
    """The plan of terms and targets: `groups` of (parts, order of the time derivative, by fluxes on a sphere).

    `whole`: whether terms are functions of the whole jet, besides; `drift`: the axis along which the fields move with
    the windows, and its speed.
    """
    jet = jet_of(space)
    source: dict[int, tuple[int, tuple[int, ...] | None]] = {
        int(c): (j, orders) for orders, columns in jet.columns.items() for j, c in enumerate(columns)
    }
    source |= {int(space.indices((name,))[0]): (grid.number(name), None) for name in space.coordinates}
    columns: dict[tuple, int] = {}
    monomials: dict[Powers, dict[tuple[Key, ...], int]] = {}
    table = []
    for parts, time, metric in groups:
        for term in parts:
            row = []
            for part in term:
                powers = tuple((columns.setdefault(source[c], len(columns)), a) for c, a in part.powers)
                cells = monomials.setdefault(powers, {})
                number = list(monomials).index(powers)
                for factor, own in _at_rest(grid, keys(grid, time, part.orders, metric), drift):
                    row.append((factor * part.coefficient, number, cells.setdefault(own, len(cells))))
            table.append(tuple(row))
    states = tuple(columns.setdefault(source[c], len(columns)) for c in range(space.size)) if whole else ()
    cells = tuple(tuple(each) for each in monomials.values())
    return Plan(grid, tuple(columns), tuple(monomials), cells, tuple(table), len(groups[0][0]), states)


def _at_rest(grid: Grid, own: tuple[Key, ...], drift: tuple[int, float] | None) -> list[tuple[float, tuple[Key, ...]]]:
    r"""The kernels of a derivative by time at rest, in coordinates that move: $(\partial_t - c \, \partial_x)^n$."""
    if drift is None or grid.time is None or not own[0].order:
        return [(1.0, own)]
    axis, speed = drift
    radius = grid.sphere.radius if own[axis].metric and grid.sphere is not None else 1.0  # kernels are by distance
    out, n = [], own[0].order
    for j in range(n + 1):
        moved = list(own)
        moved[0], moved[axis] = replace(own[0], order=n - j), replace(own[axis], order=own[axis].order + j)
        out.append((comb(n, j) * (-speed * radius) ** j, tuple(moved)))
    return out
