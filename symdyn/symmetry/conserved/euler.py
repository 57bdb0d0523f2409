r"""The Euler operator and the homotopy of polynomials in a jet: what is a divergence, and of which current.

$$E_b P = \sum_J (-D)_J \frac{\partial P}{\partial u^b_J}$$

vanishes for all fields b exactly if P is a total divergence (Olver 1993, Applications of Lie Groups to Differential
Equations, theorem 4.7). Both it and the current come from one pass of integrations by parts, from the highest
derivatives down: $u_{J+k} A = D_k(u_J A) - u_J D_k A$ leaves $\sum_J u_J \partial P / \partial u_J = u E P + D_k
(\ldots)$, and the left side is m P for P of degree m in the jet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn._types import StateSpace
from symdyn.groups import Polynomial
from symdyn.groups.jets import Jet, jet_of


def jets_of(space: StateSpace, order: int) -> StateSpace:
    """The jets of spacetime of an order for the fields of a space of jets."""
    sizes: dict[str, Any] = {name: space[name] for name in space.fields}
    return StateSpace.jets(space.coordinates, order=order, **sizes)


def columns_in(space: StateSpace, wide: StateSpace) -> np.ndarray:
    """Where the components of a space of jets, whose own time is not differentiated by, lie in wider ones: (n,)."""
    late = len(wide.differentiated) - len(space.differentiated)
    own = {d.name: (d.field, (*(0,) * late, *d.orders)) for d in space.derivatives}
    names = {(d.field, d.orders): d.name for d in wide.derivatives}
    return wide.indices(tuple(names[own[name]] if name in own else name for name in space.names))


def orders_of(space: StateSpace) -> np.ndarray:
    """The order of the derivative in each column, 0 for values and -1 for coordinates: (n,)."""
    out = np.zeros(space.size, int)
    out[space.indices(space.coordinates)] = -1
    for d in space.derivatives:
        out[space.slice(d.name)] = sum(d.orders)
    return out


def descended(p: Polynomial, jet: Jet, field: int) -> tuple[Polynomial, list[Polynomial]]:
    """E_b P for one field b, and sum_k of what stands under D_k: polynomials of the shape of P."""
    nothing = Polynomial.constant(p.n, np.zeros(p.shape))
    under = [nothing] * len(jet.coordinates)
    held = {orders: p.along(int(columns[field])) for orders, columns in jet.columns.items()}
    for orders in sorted(held, key=lambda each: (sum(each), each), reverse=True):
        whole = held[orders]
        if not any(orders) or not len(whole.exponents):
            continue
        k = max(i for i, a in enumerate(orders) if a)
        down = (*orders[:k], orders[k] - 1, *orders[k + 1 :])
        under[k] = under[k] + whole.times(int(jet.columns[down][field]))
        held[down] = held[down] - jet.total(whole, k)
    return held[(0,) * len(jet.coordinates)], under


def euler(p: Polynomial, space: StateSpace) -> list[Polynomial]:
    """E_b P for each field b. The jets need twice the order of P."""
    jet = jet_of(space)
    fields = len(jet.columns[(0,) * len(jet.coordinates)])
    return [descended(p, jet, b)[0] for b in range(fields)]


def current(p: Polynomial, space: StateSpace) -> list[Polynomial]:
    """Polynomials P_k with D_k P_k = P, one for each coordinate, for a divergence P of shape ()."""
    jet = jet_of(space)
    coordinates = jet.coordinates
    inside = np.setdiff1d(np.arange(space.size), space.indices(space.coordinates))
    degrees = p.exponents.array[:, inside].sum(axis=1)
    out = [Polynomial.constant(p.n, 0.0)] * len(coordinates)
    for m in np.unique(degrees):
        rows = degrees == m
        part = Polynomial.of(p.exponents.array[rows], p.coefficients.array[rows])
        if m == 0:  # no field in it: an integral over the last coordinate
            last = int(coordinates[-1])
            power = part.exponents.array[:, last] + 1
            out[-1] = out[-1] + Polynomial.of(part.exponents.array, part.coefficients.array / power).times(last)
            continue
        for b in range(len(jet.columns[(0,) * len(coordinates)])):
            _, under = descended(part, jet, b)
            out = [whole + each.mapped(lambda c, m=m: c / m) for whole, each in zip(out, under, strict=True)]
    return out


def divergence(parts: list[Polynomial], space: StateSpace) -> Polynomial:
    """The total divergence of a current."""
    jet = jet_of(space)
    whole = Polynomial.constant(space.size, 0.0)
    for k, part in enumerate(parts):
        whole = whole + jet.total(part, k)
    return whole
