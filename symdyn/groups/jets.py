"""Prolongation: how derivatives of fields move when points and values do.

For v = xi^i(x, u) d_i + phi^a(x, u) d_a the derivative u_(J+k) moves by

    phi_(J+k) = D_k phi_J - sum_i u_(J+i) D_k xi^i,

with the total derivative D_k = d_k + sum u_(J+k) d/du_J (Olver 1993, Applications of Lie Groups to Differential
Equations, theorem 2.36). For polynomial fields this is exact arithmetic; for other fields the same follows from the
Taylor polynomial of a jet, D_J (phi - xi^i u_i) + xi^i u_(J+i), by nested forward derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import factorial, prod

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups.polynomial import Polynomial, concatenated


@dataclass(frozen=True)
class Jet:
    """Where the parts of a jet lie in the flat state of a space."""

    space: StateSpace

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Columns of the differentiated coordinates."""
        return self.space.indices(self.space.differentiated)

    @cached_property
    def columns(self) -> dict[tuple[int, ...], np.ndarray]:
        """Columns of the derivatives of all fields, by the orders of the derivative; zero orders are the values."""
        still: tuple[int, ...] = (0,) * len(self.space.differentiated)
        found: dict[tuple[int, ...], list[np.ndarray]] = {still: [self.space.indices(self.space.fields)]}
        for orders in dict.fromkeys(d.orders for d in self.space.derivatives):
            names = {d.field: d.name for d in self.space.derivatives if d.orders == orders}
            if set(names) != set(self.space.fields):
                raise InputError(f"the jet holds derivatives {orders} of {sorted(names)} only, not of all fields")
            found[orders] = [self.space.indices(tuple(names[field] for field in self.space.fields))]
        return {orders: columns[0] for orders, columns in found.items()}

    @cached_property
    def order(self) -> int:
        """The highest derivative."""
        return max(sum(orders) for orders in self.columns)

    def up(self, orders: tuple[int, ...], k: int) -> tuple[int, ...]:
        """The orders with one derivative more by coordinate k."""
        return (*orders[:k], orders[k] + 1, *orders[k + 1 :])

    @cached_property
    def successors(self) -> np.ndarray:
        """Column of the derivative by coordinate k of the variable in each column, or -1: shape (coordinates, n)."""
        table = np.full((len(self.coordinates), self.space.size), -1)
        for orders, columns in self.columns.items():
            for k in range(len(self.coordinates)):
                if self.up(orders, k) in self.columns:
                    table[k, columns] = self.columns[self.up(orders, k)]
        return table

    def total(self, p: Polynomial, k: int) -> Polynomial:
        """The total derivative D_k of polynomials in the jet."""
        e, c = p.exponents.array, p.coefficients.array
        terms, variables = np.nonzero(e)
        after = self.successors[k][variables]
        plain = variables == self.coordinates[k]
        jet = np.isin(variables, np.concatenate(list(self.columns.values())))
        if np.any(jet & (after < 0)):
            raise InputError("the prolongation needs derivatives beyond the order of the jet")
        keep = plain | jet
        terms, variables, after = terms[keep], variables[keep], after[keep]
        exponents = e[terms].copy()
        rows = np.arange(len(terms))
        powers = exponents[rows, variables]
        exponents[rows, variables] -= 1
        moved = after >= 0
        np.add.at(exponents, (rows[moved], after[moved]), 1)
        return Polynomial.of(exponents, powers.reshape(-1, *(1,) * len(p.shape)) * c[terms])


@lru_cache(maxsize=64)
def jet_of(space: StateSpace) -> Jet:
    """The layout of a space of jets."""
    return Jet(space)


def prolonged(field: Polynomial, space: StateSpace) -> Polynomial:
    """A field on the coordinates and values, (n0,) in n0 variables, prolonged to the whole jet: (n,) in n variables."""
    jet, zeroth = jet_of(space), space.zeroth
    here = space.indices(zeroth.names)
    wide = field.placed(here, space.size)
    place = {int(column): k for k, column in enumerate(here)}
    xi = wide[[place[int(c)] for c in jet.coordinates]]
    still = (0,) * len(jet.coordinates)
    moved: dict[tuple[int, ...], Polynomial] = {still: wide[[place[int(c)] for c in jet.columns[still]]]}
    along = [jet.total(xi, k) for k in range(len(jet.coordinates))] if jet.order else []
    values = {orders: _selected(columns, space.size) for orders, columns in jet.columns.items()}
    for orders in sorted(jet.columns, key=sum):
        if orders == still:
            continue
        k = next(i for i, a in enumerate(orders) if a)
        down = (*orders[:k], orders[k] - 1, *orders[k + 1 :])
        whole = jet.total(moved[down], k)
        for i in range(len(jet.coordinates)):
            whole = whole - values[jet.up(down, i)].product(along[k][i], "a,->a")
        moved[orders] = whole
    out = concatenated([wide, *(moved[orders] for orders in jet.columns if orders != still)])
    columns = np.concatenate([here, *(jet.columns[orders] for orders in jet.columns if orders != still)])
    return out[np.argsort(columns)]


def _selected(columns: np.ndarray, n: int) -> Polynomial:
    return Polynomial.affine(np.eye(n)[columns], np.zeros(len(columns)))


@dataclass(frozen=True)
class ProlongedField:
    """A field given as a function of the coordinates and values, prolonged to the whole jet."""

    field: Callable
    space: StateSpace

    @property
    def label(self) -> str:
        return getattr(self.field, "label", "field")

    def __call__(self, x):
        jet, zeroth = jet_of(self.space), self.space.zeroth
        here = self.space.indices(zeroth.names)
        xi = zeroth.indices(self.space.differentiated)
        phi = zeroth.indices(self.space.fields)
        tables = {orders: (x[columns], prod(factorial(a) for a in orders)) for orders, columns in jet.columns.items()}

        def values(z):
            """The Taylor polynomial of the fields at the offset z."""
            powers = {orders: prod(z[i] ** a for i, a in enumerate(orders) if a) for orders in tables}
            return sum((u * powers[orders] / below for orders, (u, below) in tables.items()), jnp.zeros_like(x[:1]))

        def moved(z):
            return self.field(x[here].at[xi].add(z).at[phi].set(values(z)))

        def characteristic(z):
            speed = moved(z)
            return speed[phi] - jax.jacfwd(values)(z) @ speed[xi]

        origin = jnp.zeros(len(xi), x.dtype)
        speed = moved(origin)
        out = jnp.zeros_like(x).at[here].set(speed)
        derivative = characteristic
        for order in range(1, jet.order + 1):
            derivative = jax.jacfwd(derivative)
            table = derivative(origin)
            for orders in (o for o in jet.columns if sum(o) == order):
                index = tuple(i for i, a in enumerate(orders) for _ in range(a))
                value = table[(slice(None), *index)]
                for i in range(len(xi)):
                    up = jet.columns.get(jet.up(orders, i))
                    value = value if up is None else value + speed[xi[i]] * x[up]
                out = out.at[jet.columns[orders]].set(value)
        return out


def prolonged_element(matrix: np.ndarray, space: StateSpace) -> np.ndarray:
    """A linear map of coordinates and values (n0, n0), prolonged to the whole jet: (n, n)."""
    jet, zeroth = jet_of(space), space.zeroth
    here = space.indices(zeroth.names)
    out = np.zeros((space.size, space.size))
    out[np.ix_(here, here)] = matrix
    xi, phi = zeroth.indices(space.differentiated), zeroth.indices(space.fields)
    T, inverse = matrix[np.ix_(phi, phi)], np.linalg.inv(matrix[np.ix_(xi, xi)])
    operators = [Polynomial.affine(row[None], np.zeros(1))[0] for row in inverse.T]  # d'_k = sum_i inverse[i, k] d_i
    for orders, columns in jet.columns.items():
        if not any(orders):
            continue
        whole = Polynomial.constant(len(xi), 1.0)
        for k, a in enumerate(orders):
            for _ in range(a):
                whole = whole.product(operators[k], ",->")
        for exponent, value in zip(whole.exponents.array, whole.coefficients.array, strict=True):
            out[np.ix_(columns, jet.columns[tuple(exponent.tolist())])] += value * T
    return out
