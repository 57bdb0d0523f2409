r"""Candidate terms of fields in the form of fluxes: derivatives of products, which the weak form moves onto the bump.

A term is a sum of parts $c \, D^\alpha (u^e)$ with an outer derivative $D^\alpha$ by the coordinates of space and a
monomial in the components of a jet. Like all terms they are a pure function of one jet, by the chain rule, so that
symmetries and regressions at points know them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups.jets import jet_of
from symdyn.groups.polynomial import Polynomial, read_polynomial, stacked
from symdyn.library import AbstractLibrary, AbstractTerms
from symdyn.library.monomials import monomial_exponents, monomial_names


@dataclass(frozen=True)
class Part:
    """`coefficient` D^`orders` of the monomial `powers`: pairs (column of the jet, exponent), by column."""

    coefficient: float
    orders: tuple[int, ...]
    powers: tuple[tuple[int, int], ...]


class FluxTerms(AbstractTerms):
    r"""Terms that are sums of derivatives of monomials: `parts` by term. See `DivergenceForm`.

    `latitude`, `radius`: on a sphere the derivatives are those of fluxes by distance, eastward
    $\partial_\lambda f / (a \cos\phi)$ and northward $\partial_\phi (f \cos\phi) / (a \cos\phi)$, the northward ones
    outside.
    """

    space: StateSpace = eqx.field(static=True)
    parts: tuple[tuple[Part, ...], ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    latitude: str | None = eqx.field(static=True, default=None)
    radius: float = eqx.field(static=True, default=1.0)
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())

    def chosen(self, keep: tuple[int, ...]) -> FluxTerms:
        """Some of the terms, by their places."""
        parts, names = tuple(self.parts[k] for k in keep), tuple(self.names[k] for k in keep)
        latex = tuple(self.latex[k] for k in keep)
        return FluxTerms(
            space=self.space, parts=parts, names=names, latex=latex, latitude=self.latitude, radius=self.radius
        )

    def __call__(self, x):
        x = jnp.asarray(x)
        known: dict[tuple, Any] = {}

        def value(part: Part):
            if part.powers not in known:
                known[part.powers] = _Extended(self.space, part.powers, x)
            return part.coefficient * _differentiated(self, known[part.powers], part.orders)

        return jnp.stack([sum((value(part) for part in term), jnp.zeros((), x.dtype)) for term in self.parts])

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        found = self.polynomial()
        if found is None:
            raise InputError("fluxes on a sphere have no symbolic form by jets; print them by their names")
        products = [
            sympy.Mul(*(s ** int(a) for s, a in zip(symbols, row, strict=True) if a)) for row in found.exponents.array
        ]
        return [
            sympy.Add(*(sympy.nsimplify(float(c)) * p for c, p in zip(column, products, strict=True) if c))
            for column in found.coefficients.array.T
        ]

    def polynomial(self) -> Polynomial | None:
        """The terms (p,) as polynomials in the jet, by the product rule; None on a sphere, where they are none."""
        if self.latitude is not None:
            return None
        return stacked([self._summed(term) for term in self.parts])

    def _summed(self, term: tuple[Part, ...]) -> Polynomial:
        jet = jet_of(self.space)
        total = Polynomial.constant(self.space.size, 0.0)
        for part in term:
            e = np.zeros((1, self.space.size), int)
            for column, power in part.powers:
                e[0, column] = power
            p = Polynomial.of(e, np.full(1, part.coefficient))
            for k, order in enumerate(part.orders):
                for _ in range(order):
                    p = jet.total(p, k)
            total = total + p
        return total


@dataclass(frozen=True)
class _Extended:
    """A monomial of the jet as a function of the offset from the point, by the Taylor polynomials of the fields."""

    space: StateSpace
    powers: tuple[tuple[int, int], ...]
    x: Any

    def __call__(self, z):
        jet = jet_of(self.space)
        place = {int(c): k for k, c in enumerate(jet.coordinates)}
        where = {int(c): (orders, j) for orders, columns in jet.columns.items() for j, c in enumerate(columns)}
        value = jnp.ones_like(self.x[0])
        for column, power in self.powers:
            if column in place:
                factor = self.x[column] + z[place[column]]
            elif column in where:
                factor = self._taylor(jet, where[column], z)
            else:  # the time
                factor = self.x[column]
            value = value * factor**power
        return value

    def _taylor(self, jet, where, z):
        orders, j = where
        total = jnp.zeros_like(self.x[0])
        for higher, columns in jet.columns.items():
            rest = tuple(a - b for a, b in zip(higher, orders, strict=True))
            if min(rest) >= 0:
                power = prod((z[i] ** a for i, a in enumerate(rest) if a), start=jnp.ones_like(self.x[0]))
                total = total + self.x[columns[j]] * power / prod(factorial(a) for a in rest)
        return total


def _differentiated(terms: FluxTerms, function, orders: tuple[int, ...]):
    """The derivative of a function of the offset, at the point itself."""
    jet = jet_of(terms.space)
    names = terms.space.differentiated
    north = names.index(terms.latitude) if terms.latitude is not None else -1
    where = jet.coordinates[north]

    def cosine(z):
        return jnp.cos(function.x[where] + z[north])

    def along(k):
        unit = jnp.zeros(len(names), function.x.dtype).at[k].set(1.0)
        return lambda g: lambda z: jax.jvp(g, (z,), (unit,))[1]

    g = function
    for k in reversed(range(len(orders))):  # eastward inside, northward outside
        for _ in range(orders[k]):
            if terms.latitude is None or k not in (north, north + 1):
                g = along(k)(g)
            elif k == north:
                g = (lambda f, d: lambda z: d(lambda y: f(y) * cosine(y))(z) / (terms.radius * cosine(z)))(g, along(k))
            else:
                g = (lambda f, d: lambda z: d(f)(z) / (terms.radius * cosine(z)))(g, along(k))
    return g(jnp.zeros(len(names), function.x.dtype))


@dataclass(frozen=True)
class DivergenceForm(AbstractLibrary):
    r"""All derivatives up to an order of all monomials of the fields up to a degree: $D^\alpha (u^e)$.

    In the weak form every one of them is moved onto the bump, so that noisy fields are never differentiated.

    Parameters
    ----------
    degree: the highest degree of the monomials, at least 1.
    order: the highest derivative.
    bias: whether the constant is among the terms.
    variables: the fields to use; all by default.
    latitude, radius: the name of the latitude on a sphere, and its radius. Derivatives are then those of fluxes by
        distance, east $\partial_\lambda f / (a \cos\phi)$ and north $\partial_\phi (f \cos\phi) / (a \cos\phi)$.

    Raises InputError for a degree below 1, a negative order, or a state that is no jet.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.DivergenceForm(2, order=2).on(sd.StateSpace.jets(("x",), order=2, u=1)).names
    ('u', 'u^2', 'u_x', '(u^2)_x', 'u_xx', '(u^2)_xx')
    """

    degree: int = 2
    order: int = 2
    bias: bool = False
    variables: tuple[str, ...] | None = None
    latitude: str | None = None
    radius: float = 1.0

    def __post_init__(self):
        if self.degree < 1 or self.order < 0:
            raise InputError(
                f"DivergenceForm needs a degree >= 1 and an order >= 0, got {self.degree!r} and {self.order!r}"
            )
        if isinstance(self.variables, str):
            object.__setattr__(self, "variables", (self.variables,))

    def on(self, space: StateSpace) -> FluxTerms:
        return _divergence_terms(self, space)


@lru_cache(maxsize=32)
def _divergence_terms(library: DivergenceForm, space: StateSpace) -> FluxTerms:
    _check_jets(space, library.latitude)
    columns = space.indices(library.variables or space.fields)
    exponents = monomial_exponents(len(columns), library.degree)[1:]
    symbols = [space.component_names[c] for c in columns]
    texts = list(zip(*monomial_names(exponents, symbols), strict=True))
    one = ((Part(1.0, (0,) * len(space.differentiated), ()),),)
    parts, names, latex = [*(one if library.bias else ())], ["1"] * library.bias, ["1"] * library.bias
    for orders in multi_indices(len(space.differentiated), library.order):
        for row, (text, typeset) in zip(exponents, texts, strict=True):
            powers = sorted((int(columns[k]), int(a)) for k, a in enumerate(row) if a)
            parts.append((Part(1.0, orders, tuple(powers)),))
            names.append(derivative_name(text, orders, space.differentiated, bool(row.sum() == 1)))
            latex.append(_derivative_latex(typeset, orders, space.differentiated))
    return FluxTerms(
        space=space, parts=tuple(parts), names=tuple(names), latex=tuple(latex), latitude=library.latitude,
        radius=library.radius,
    )  # fmt: skip


def multi_indices(n: int, order: int) -> list[tuple[int, ...]]:
    """All orders of derivatives by n coordinates up to a total order, the lowest first."""
    return [
        tuple(chosen.count(i) for i in range(n))
        for total in range(order + 1)
        for chosen in combinations_with_replacement(range(n), total)
    ]


def derivative_name(text: str, orders: tuple[int, ...], coordinates: tuple[str, ...], plain: bool) -> str:
    """The name of a derivative: `u_xx` of a component, `(u^2)_x` of a product."""
    if not any(orders):
        return text
    joint = "" if all(len(name) == 1 for name in coordinates) else "_"
    suffix = joint.join(name for name, a in zip(coordinates, orders, strict=True) for _ in range(a))
    return f"{text}_{suffix}" if plain else f"({text})_{suffix}"


def _derivative_latex(text: str, orders: tuple[int, ...], coordinates: tuple[str, ...]) -> str:
    if not any(orders):
        return text
    below = "".join(
        rf"\mathrm{{{n}}}" if len(n) > 1 else n for n, a in zip(coordinates, orders, strict=True) for _ in range(a)
    )
    return rf"\partial_{{{below}}} \left({text}\right)"


def _check_jets(space: StateSpace, latitude: str | None) -> None:
    if not space.coordinates:
        raise InputError("terms of fields need a space of jets: StateSpace.jets(('x',), order=2, u=1)")
    names = space.differentiated
    if latitude is not None and (latitude not in names[:-1]):
        raise InputError(
            f"the latitude {latitude!r} must be a coordinate with the longitude after it; there are {', '.join(names)}"
        )


@dataclass(frozen=True)
class Fluxes(AbstractLibrary):
    """Named terms of fields, each a sum of derivatives of polynomials written as text.

    Parameters
    ----------
    terms: by the name of the term, polynomials by the coordinates that they are differentiated by: "x", "x y", or ""
        for none. The factors are components of the jet, values first of all.
    latitude, radius: see `DivergenceForm`.

    Raises InputError for unknown names, and for text that is no polynomial.

    Examples
    --------
    >>> import symdyn as sd
    >>> flow = sd.Fluxes({"advection": {"x": "q u", "y": "q v"}, "drag": {"": "q"}})
    >>> flow.on(sd.StateSpace.jets(("x", "y"), order=1, u=1, v=1, q=1)).names
    ('advection', 'drag')
    """

    terms: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    latitude: str | None = None
    radius: float = 1.0

    def __init__(self, terms: Mapping[str, Mapping[str, str]], *, latitude: str | None = None, radius: float = 1.0):
        if isinstance(terms, tuple):  # as they are kept
            terms = {name: dict(fluxes) for name, fluxes in terms}
        if not terms or not all(isinstance(fluxes, Mapping) for fluxes in terms.values()):
            raise InputError(f"Fluxes needs terms such as {{'advection': {{'x': 'q u'}}}}, got {terms!r}")
        object.__setattr__(self, "terms", tuple((name, tuple(fluxes.items())) for name, fluxes in terms.items()))
        object.__setattr__(self, "latitude", latitude)
        object.__setattr__(self, "radius", radius)

    def on(self, space: StateSpace) -> FluxTerms:
        _check_jets(space, self.latitude)
        parts = tuple(
            tuple(part for along, text in fluxes for part in _flux_parts(along, text, space))
            for _, fluxes in self.terms
        )
        names = tuple(name for name, _ in self.terms)
        latex = tuple(rf"\mathrm{{{name}}}" for name in names)
        return FluxTerms(space=space, parts=parts, names=names, latex=latex, latitude=self.latitude, radius=self.radius)


def _flux_parts(along: str, text: str, space: StateSpace) -> list[Part]:
    names = space.differentiated
    for name in along.split():
        if name not in names:
            raise InputError(f"a flux along {name!r}; the coordinates are {', '.join(names)}")
    orders = tuple(along.split().count(name) for name in names)
    p = read_polynomial(text, space.component_names)
    return [
        Part(float(c), orders, tuple((int(k), int(row[k])) for k in np.flatnonzero(row)))
        for row, c in zip(p.exponents.array, p.coefficients.array, strict=True)
    ]
