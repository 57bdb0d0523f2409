"""Polynomial invariants and equivariants: generating sets up to a degree, usable as libraries.

Degree by degree, the products of the generators found so far are set against all invariants of that degree; what they
do not span are new generators. Equivariants are generated over the invariants in the same way. Each step is linear
algebra with the subspaces that `enforce` gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import AbstractRepresentation, Action, Polynomial, Scalar
from symdyn.library import AbstractLibrary, Monomials
from symdyn.library.monomials import monomial_names
from symdyn.library.polynomials import PolynomialTerms
from symdyn.symmetry._text import combination_text, factored_text
from symdyn.symmetry.enforce import enforce

_DEPENDENT = 1e-8  # relative distance below which a polynomial counts as a member of a span


@dataclass(frozen=True)
class Found:
    """A polynomial of the state and how it came about: `powers` of invariant generators times an optional `head`."""

    polynomial: Polynomial
    degree: int
    powers: tuple[tuple[int, int], ...] = ()
    head: int | None = None


@dataclass(frozen=True)
class Invariants(AbstractLibrary):
    """The polynomial invariants of an action up to a degree, as scalar terms.

    Parameters
    ----------
    action: how the state transforms.
    degree: the highest total degree in the components of the state, at least 1.
    variables: the variables to use; all (but the coordinates of fields) by default.
    products: whether products of the generators, and the constant, are among the terms; False leaves a generating set.

    Raises InputError (when bound) where the action does not fit the state.

    Reference: Sturmfels 2008, Algorithms in Invariant Theory, section 2; here by linear algebra, degree by degree.

    Examples
    --------
    >>> import symdyn as sd
    >>> turn = sd.O(3).acting_on(position=sd.Vector, velocity=sd.Vector)
    >>> sd.Invariants(turn, 2, products=False).on(sd.StateSpace.of(position=3, velocity=3)).names
    ('|position|^2', '(position . velocity)', '|velocity|^2')
    """

    action: Action
    degree: int = 2
    variables: tuple[str, ...] | None = None
    products: bool = True

    def __post_init__(self):
        _check_degree(self.degree)

    def on(self, space: StateSpace) -> PolynomialTerms:
        generators = _invariants(self.action, self.degree, self.variables, space)
        if not generators and not self.products:
            raise InputError(
                f"{self.action!r} has no polynomial invariants up to degree {self.degree}; raise the degree"
            )
        names = [_texts(each.polynomial, space) for each in generators]
        if not self.products:
            return _terms(space, generators, names, ())
        found = _independent(_products(generators, self.degree, space.size), space, self.degree, self.variables)
        return _terms(space, found, [_product_text(each, names, []) for each in found], ())


@dataclass(frozen=True)
class Equivariants(AbstractLibrary):
    """The polynomial functions of the state that transform as `values`, up to a degree, as vector terms.

    With `values=sd.Vector` the terms are vectors and share one coefficient for all components: the law is equivariant
    by construction. For `sd.Scalar` use `Invariants`.

    Parameters
    ----------
    action: how the state transforms.
    values: the representation of the terms (one for the action, or one for each part of it).
    degree, variables: as for `Invariants`.
    products: whether multiples by invariants are among the terms; False leaves the generators over the invariants.

    Raises InputError (when bound) where the action or the representation does not fit.

    Examples
    --------
    >>> import symdyn as sd
    >>> turn = sd.SO(2).acting_on(q=sd.Vector)
    >>> sd.Equivariants(turn, sd.Vector, 3).on(sd.StateSpace.of(q=2)).names
    ('q', '[-q_y, q_x]', '|q|^2 q', '|q|^2 [-q_y, q_x]')
    """

    action: Action
    values: AbstractRepresentation | tuple[AbstractRepresentation, ...]
    degree: int = 2
    variables: tuple[str, ...] | None = None
    products: bool = True

    def __post_init__(self):
        _check_degree(self.degree)
        if self.values == Scalar:
            raise InputError("scalars are invariant: use Invariants(action, degree)")

    def on(self, space: StateSpace) -> PolynomialTerms:
        scalars = _invariants(self.action, self.degree, self.variables, space)
        heads, found = _equivariants(self, scalars, space)
        size = heads[0].polynomial.shape[0]
        above = [_texts(each.polynomial, space) for each in heads]
        if not self.products:
            return _terms(space, heads, above, (size,))
        below = [_texts(each.polynomial, space) for each in scalars]
        return _terms(space, found, [_product_text(each, below, above) for each in found], (size,))


def _check_degree(degree) -> None:
    if isinstance(degree, bool) or not isinstance(degree, int) or degree < 1:
        raise InputError(f"the degree of invariants is an integer >= 1, got {degree!r}")


@lru_cache(maxsize=32)
def _invariants(action: Action, degree: int, variables, space: StateSpace) -> tuple[Found, ...]:
    """A generating set of the invariants up to a degree, lowest first, without the constant; maybe empty."""
    generators: list[Found] = []
    for k in range(1, degree + 1):
        span = _Span(space, k, variables)
        for each in _products(generators, k, space.size):
            span.adds(each.polynomial)
        for polynomial in _members(action, Scalar, k, variables, space):
            if span.adds(polynomial):
                generators.append(Found(polynomial, k))
    return tuple(generators)


def _equivariants(library: Equivariants, scalars, space: StateSpace) -> tuple[list[Found], list[Found]]:
    """Generators over the invariants, and all independent multiples of them up to the degree."""
    heads: list[Found] = []
    for k in range(library.degree + 1):
        span = _Span(space, k, library.variables)
        for each in _multiples(scalars, heads, k, space.size):
            span.adds(each.polynomial)
        for polynomial in _members(library.action, library.values, k, library.variables, space):
            if span.adds(polynomial):
                heads.append(Found(polynomial, k))
    if not heads:
        raise InputError(
            f"no polynomial up to degree {library.degree} transforms as {library.values}; raise the degree"
        )
    every = _multiples(scalars, heads, library.degree, space.size)
    return heads, _independent(every, space, library.degree, library.variables)


def _members(action: Action, values, degree: int, variables, space: StateSpace) -> Iterator[Polynomial]:
    """A basis of what transforms as the values, up to a degree: polynomials of shape () or (d,)."""
    terms = Monomials(degree, variables=variables).on(space)
    try:
        found = enforce(terms, action, values=values, space=space)
    except InputError as error:
        if "is equivariant under" not in str(error):
            raise
        return
    for member in found.basis.array:
        yield Polynomial.of(terms.exponents, member[:, 0] if values == Scalar else member)


class _Span:
    """The span of polynomials up to a degree, as it grows."""

    def __init__(self, space: StateSpace, degree: int, variables):
        exponents = Monomials(degree, variables=variables).on(space).exponents
        self.places = {tuple(e): i for i, e in enumerate(exponents.tolist())}
        self.basis: list[np.ndarray] = []

    def adds(self, polynomial: Polynomial) -> bool:
        """Whether the polynomial is new; then it joins the span."""
        vector = np.zeros((len(self.places), *polynomial.shape))
        for e, c in zip(polynomial.exponents.array.tolist(), polynomial.coefficients.array, strict=True):
            vector[self.places[tuple(e)]] = c
        vector = vector.ravel() / np.linalg.norm(vector)
        for _ in range(2):  # the second pass removes what rounding left of the first
            for b in self.basis:
                vector = vector - (b @ vector) * b
        size = np.linalg.norm(vector)
        if size > _DEPENDENT:
            self.basis.append(vector / size)
        return bool(size > _DEPENDENT)


def _independent(found: Iterable[Found], space: StateSpace, degree: int, variables) -> list[Found]:
    span = _Span(space, degree, variables)
    return [each for each in found if span.adds(each.polynomial)]


def _products(generators, degree: int, n: int) -> list[Found]:
    """All products of powers of the generators up to a degree, lowest first; the constant one first."""
    found = [Found(Polynomial.constant(n, 1.0), 0)]
    for i, each in enumerate(generators):
        longer = []
        for old in found:
            whole = old.polynomial
            for power in range(1, (degree - old.degree) // each.degree + 1):
                whole = whole.product(each.polynomial, ",->")
                longer.append(Found(whole, old.degree + power * each.degree, (*old.powers, (i, power))))
        found += longer
    return sorted(found, key=lambda each: (each.degree, sum(k for _, k in each.powers)))


def _multiples(scalars, heads: list[Found], degree: int, n: int) -> list[Found]:
    """All products of invariants and equivariants up to a degree, lowest first."""
    found = [
        Found(scalar.polynomial.product(head.polynomial, ",a->a"), scalar.degree + head.degree, scalar.powers, j)
        for scalar in _products(scalars, degree, n)
        for j, head in enumerate(heads)
        if scalar.degree + head.degree <= degree
    ]
    return sorted(found, key=lambda each: each.degree)


def _texts(polynomial: Polynomial, space: StateSpace) -> tuple[str, str]:
    """A polynomial as text and as LaTeX: as vectors where it is one, else written out, a vector in brackets."""
    known = _familiar(space)
    for sign in (1, -1):
        written = known.get(polynomial if sign > 0 else -polynomial)
        if written is not None:
            return written if sign > 0 else (f"-{written[0]}", f"-{written[1]}")
    order = sorted(range(len(polynomial.exponents)), key=lambda m: _graded(polynomial.exponents.array[m]))
    exponents, values = polynomial.exponents.array[order], polynomial.coefficients.array[order]
    names, latex = (tuple(texts) for texts in monomial_names(exponents, space.component_names))
    if not polynomial.shape:
        text = factored_text(values, exponents, space.component_names, ("",)) or combination_text(values, names, ())
        return text, combination_text(values, latex, ())
    columns = list(values.T)
    return tuple(f"[{', '.join(combination_text(c, t, ()) for c in columns)}]" for t in (names, latex))  # pyright: ignore[reportReturnType]


@lru_cache(maxsize=32)
def _familiar(space: StateSpace) -> dict[Polynomial, tuple[str, str]]:
    """Vectors, their dot products and cross products as text and as LaTeX, by polynomial."""
    n, known = space.size, {}
    vectors = [v for v in space.variables if len(v.shape) == 1 and v.size > 1]
    place = {v.name: Polynomial.affine(np.eye(n)[space.indices((v.name,))], np.zeros(v.size)) for v in vectors}
    for a, b in combinations_with_replacement(vectors, 2):
        left, right = place[a.name], place[b.name]
        bold = tuple(rf"\mathbf{{{v.name}}}" for v in (a, b))
        if a.name == b.name:
            known[left] = (a.name, bold[0])
        if a.size == b.size:
            dot = (f"({a.name} . {b.name})", rf"({bold[0]} \cdot {bold[1]})")
            known[left.product(right, "a,a->")] = dot if a.name != b.name else (f"|{a.name}|^2", rf"|{bold[0]}|^2")
        if a.size == b.size == 3 and a.name != b.name:
            cross = left.product(right, "a,b->ab").mapped(lambda c: np.einsum("kab,ab->k", _EPSILON, c))
            known[cross] = (f"({a.name} x {b.name})", rf"({bold[0]} \times {bold[1]})")
    return known


_EPSILON = np.stack([np.cross(np.eye(3)[:, None], np.eye(3)[None])[..., k] for k in range(3)])


def _graded(exponent: np.ndarray) -> tuple:
    return int(exponent.sum()), (-exponent).tolist()


def _product_text(each: Found, scalars: list[tuple[str, str]], heads: list[tuple[str, str]]) -> tuple[str, str]:
    parts = []
    for i, power in each.powers:
        alone = len(each.powers) == 1 and power == 1 and each.head is None
        text, latex = scalars[i]
        if text.startswith("|") and text.endswith("|^2"):
            parts.append((f"{text[:-2]}^{2 * power}", rf"{latex[:-2]}^{{{2 * power}}}"))
            continue
        whole = text.startswith("(") and text.index(")") == len(text) - 1
        sums = not whole and (" + " in text or " - " in text or (power > 1 and (" " in text or "^" in text)))
        text = f"({text})" if sums and not alone else text
        latex = rf"\left({latex}\right)" if sums and not alone else latex
        parts.append((text, latex) if power == 1 else (f"{text}^{power}", rf"{latex}^{{{power}}}"))
    if each.head is not None:
        parts.append(heads[each.head])
    if not parts:
        return "1", "1"
    return " ".join(text for text, _ in parts), r"\,".join(latex for _, latex in parts)


def _terms(space: StateSpace, found, texts: list[tuple[str, str]], value_shape: tuple[int, ...]) -> PolynomialTerms:
    rows = np.unique(np.concatenate([each.polynomial.exponents.array for each in found]), axis=0)
    places = {tuple(e): i for i, e in enumerate(rows.tolist())}
    values = np.zeros((len(found), len(rows), *value_shape))
    for k, each in enumerate(found):
        for e, c in zip(each.polynomial.exponents.array.tolist(), each.polynomial.coefficients.array, strict=True):
            values[k, places[tuple(e)]] = c
    return PolynomialTerms(
        space=space,
        names=tuple(text for text, _ in texts),
        latex=tuple(latex for _, latex in texts),
        value_shape=value_shape,
        exponents=Frozen(rows),
        coefficients=Frozen(values),
    )
