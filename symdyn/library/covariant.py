"""Covariant terms: vectors and scalars built from the named vectors by dot and cross products and norms.

A covariant vector term transforms as a vector under rotations, so that one coefficient serves all of its components.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library._base import AbstractLibrary, AbstractTerms, unnamed
from symdyn.library.monomials import latex_symbol


def number_text(value: float) -> str:
    """A power as a person writes it: 3, not 3.0."""
    return f"{value:g}"


@dataclass(frozen=True)
class Factor:
    """One scalar factor: `|a|` (kind "norm"), `a . b` (kind "dot") or a scalar variable (kind "scalar")."""

    kind: str
    variables: tuple[str, ...]

    @property
    def text(self) -> str:
        if self.kind == "norm":
            return f"|{self.variables[0]}|"
        return f"({self.variables[0]} . {self.variables[1]})" if self.kind == "dot" else self.variables[0]

    @property
    def latex(self) -> str:
        symbols = [_typeset(name, self.kind != "scalar") for name in self.variables]
        if self.kind == "norm":
            return rf"|{symbols[0]}|"
        return rf"({symbols[0]} \cdot {symbols[1]})" if self.kind == "dot" else symbols[0]

    def power_text(self, k: float) -> str:
        return self.text if k == 1 else f"{self.text}^{number_text(k)}"

    def power_latex(self, k: float) -> str:
        return self.latex if k == 1 else f"{self.latex}^{{{number_text(k)}}}"


def _typeset(name: str, vector: bool) -> str:
    return rf"\mathbf{{{name}}}" if vector else latex_symbol(name)


@dataclass(frozen=True)
class CovariantTerm:
    """A product of powers of scalar factors and at most one vector.

    `factors`: pairs of a `Factor` and its real power; `vector`: `()` for a scalar term, `(a,)` for the vector a,
    `(a, b)` for the cross product of a and b.
    """

    factors: tuple[tuple[Factor, float], ...]
    vector: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        above = [f.power_text(k) for f, k in self.factors if k > 0]
        below = [f.power_text(-k) for f, k in self.factors if k < 0]
        if self.vector:
            above.append(self.vector[0] if len(self.vector) == 1 else f"({self.vector[0]} x {self.vector[1]})")
        bottom = below[0] if len(below) == 1 else f"({' '.join(below)})"
        return (" ".join(above) or "1") + (f" / {bottom}" if below else "")

    @property
    def latex(self) -> str:
        above = [f.power_latex(k) for f, k in self.factors if k > 0]
        below = [f.power_latex(-k) for f, k in self.factors if k < 0]
        if self.vector:
            above.append(r" \times ".join(_typeset(name, True) for name in self.vector))
        top, bottom = r"\,".join(above) or "1", r"\,".join(below)
        return rf"\frac{{{top}}}{{{bottom}}}" if below else top

    @property
    def variables(self) -> tuple[str, ...]:
        return (*self.vector, *(name for factor, _ in self.factors for name in factor.variables))


_TOKEN = re.compile(
    r"\s*(?:(?P<op>[*/])"
    r"|\|\s*(?P<norm>\w+)\s*\|"
    r"|\(\s*(?P<a>\w+)\s*(?P<product>\.|x|×|·)\s*(?P<b>\w+)\s*\)"
    r"|(?P<open>\()|(?P<close>\))"
    r"|(?P<one>1)(?!\w)"
    r"|(?P<name>[^\W\d]\w*))"
    r"(?:\s*(?:\^|\*\*)\s*(?P<power>[+-]?\d+(?:\.\d+)?|\([+-]?\d+(?:\.\d+)?\)))?"
)


def parse_term(text: str, vectors: Iterable[str]) -> CovariantTerm:
    """Read a term such as `"(position . velocity) velocity / |position|^3"`.

    `vectors` are the names of the vector variables; other names are scalars. Factors stand side by side or with `*`;
    what follows `/` divides (one factor, or a parenthesis). Raises InputError that shows where reading stopped.
    """
    vectors = set(vectors)
    powers: dict[Factor, float] = {}
    vector: tuple[str, ...] = ()
    position, sign, depth, once = 0, 1.0, 0, False
    while position < len(text.rstrip()):
        token = _TOKEN.match(text, position)
        if token is None:
            raise InputError(f"cannot read the term {text!r} at {text[position:].strip()!r}; {_GRAMMAR}")
        position = token.end()
        if token["op"] or token["open"] or token["close"]:
            sign, depth, once = _structure(token, sign, depth, once, text)
            continue
        power = sign * float((token["power"] or "1").strip("()"))
        found, factor = _read_factor(token, vectors)
        if found:
            if vector or power != 1:
                raise InputError(f"the term {text!r} needs one plain vector at most; {_GRAMMAR}")
            vector = found
        elif factor is not None:
            powers[factor] = powers.get(factor, 0.0) + power
        if once and depth == 0:
            sign, once = 1.0, False
    if depth:
        raise InputError(f"the term {text!r} has an open parenthesis; {_GRAMMAR}")
    return CovariantTerm(tuple((f, k) for f, k in powers.items() if k), vector)


_GRAMMAR = (
    "a term is a product of |a|^k, (a . b)^k, scalar variables to a power and one vector a or (a x b), "
    "for example 'position / |position|^3'"
)


def _structure(token, sign: float, depth: int, once: bool, text: str) -> tuple[float, int, bool]:
    """The sign of the powers after an operator or a parenthesis: division holds for one factor or one group."""
    if token["op"] == "/" and depth == 0:
        return -1.0, depth, True
    if token["op"] == "*":
        return sign, depth, once
    if token["open"] and depth == 0:
        return sign, 1, once
    if token["close"] and depth == 1 and not token["power"]:
        return 1.0, 0, False
    raise InputError(f"cannot read the term {text!r} at {token.group().strip()!r}; {_GRAMMAR}")


def _read_factor(token, vectors: set[str]) -> tuple[tuple[str, ...], Factor | None]:
    if token["norm"]:
        return (), Factor("norm", (token["norm"],))
    if token["product"] in (".", "·"):
        return (), Factor("dot", (token["a"], token["b"]))
    if token["product"]:
        return (token["a"], token["b"]), None
    if token["name"] in vectors:
        return (token["name"],), None
    return (), Factor("scalar", (token["name"],)) if token["name"] else None


class CovariantTerms(AbstractTerms):
    """Covariant terms on a state space; all scalars or all vectors of one size.

    With `powers` (q,), each factor whose entry in `slots` is not -1 has that one of them as its power.
    """

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)
    terms: tuple[CovariantTerm, ...] = eqx.field(static=True)
    slots: tuple[tuple[int, ...], ...] = eqx.field(static=True, default=())
    powers: Any = None

    def parametric(self) -> AbstractTerms:
        powers, slots, terms = [], [], []
        for term in self.terms:
            real = [not float(k).is_integer() for _, k in term.factors]
            slots.append(tuple(len(powers) + sum(real[:i]) if each else -1 for i, each in enumerate(real)))
            powers += [k for (_, k), each in zip(term.factors, real, strict=True) if each]
            factors = tuple((f, 0.5 if each else k) for (f, k), each in zip(term.factors, real, strict=True))
            terms.append(replace(term, factors=factors))
        return unnamed(self, terms=tuple(terms), slots=tuple(slots), powers=np.array(powers)) if powers else self

    def __call__(self, x):
        state = {name: x[self.space.slice(name)] for name in {n for term in self.terms for n in term.variables}}
        cache: dict = {}

        def power(factor: Factor, k: float):
            if (factor, k) not in cache:
                cache[factor, k] = _power(factor, k, state)
            return cache[factor, k]

        values = []
        for place, term in enumerate(self.terms):
            scale = jnp.ones_like(x[0])
            for slot, (factor, k) in zip(
                self.slots[place] if self.slots else [-1] * len(term.factors), term.factors, strict=True
            ):
                scale = scale * (power(factor, k) if slot < 0 else _real_power(factor, self.powers[slot], state))
            values.append(scale * _vector_value(term.vector, state) if term.vector else scale)
        return jnp.stack(values)

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        state = {v.name: sympy.Matrix(symbols[self.space.slice(v.name)]) for v in self.space.variables}

        def scalar(factor: Factor, k: float):
            if factor.kind == "scalar":
                return state[factor.variables[0]][0] ** sympy.nsimplify(k)
            left, right = state[factor.variables[0]], state[factor.variables[-1]]
            exponent = sympy.nsimplify(k) / (2 if factor.kind == "norm" else 1)
            return left.dot(right) ** exponent

        out = []
        for term in self.terms:
            scale = sympy.Mul(*(scalar(f, k) for f, k in term.factors))
            if not term.vector:
                out.append(scale)
            elif len(term.vector) == 1:
                out.append(scale * state[term.vector[0]])
            else:
                out.append(scale * state[term.vector[0]].cross(state[term.vector[1]]))
        return out


def _base(factor: Factor, state: dict):
    """The number whose power a factor is: of a norm the square."""
    if factor.kind == "scalar":
        return state[factor.variables[0]][0]
    return jnp.dot(state[factor.variables[0]], state[factor.variables[-1]])


def _real_power(factor: Factor, k, state: dict):
    return _base(factor, state) ** (k / 2 if factor.kind == "norm" else k)


def _power(factor: Factor, k: float, state: dict):
    base, exponent = _base(factor, state), k / 2 if factor.kind == "norm" else k
    if float(exponent).is_integer():
        return base ** int(exponent)
    if factor.kind == "norm" and float(2 * exponent).is_integer():
        return jnp.sqrt(base) ** int(2 * exponent)
    return base**exponent


def _vector_value(vector: tuple[str, ...], state: dict):
    return state[vector[0]] if len(vector) == 1 else jnp.cross(state[vector[0]], state[vector[1]])


@dataclass(frozen=True)
class Covariant(AbstractLibrary):
    """Covariant terms written as a physicist writes them.

    Parameters
    ----------
    terms: texts such as `"position / |position|^3"`, `"|velocity|^2 position / |position|^3"`,
        `"(position . velocity) velocity"`, `"(position x velocity)"`, or `CovariantTerm` objects. Either all are
        vectors (then the target is a vector and each term has one coefficient) or all are scalars.

    Raises InputError for a text that cannot be read, an unknown variable, or a mix of vectors and scalars.

    Examples
    --------
    >>> import symdyn as sd
    >>> terms = sd.Covariant(["position / |position|^3", "(position . velocity) velocity"])
    >>> terms.on(sd.StateSpace.of(position=3, velocity=3)).names
    ('position / |position|^3', '(position . velocity) velocity')
    """

    terms: Sequence[str | CovariantTerm]

    def __post_init__(self):
        object.__setattr__(self, "terms", (self.terms,) if isinstance(self.terms, str) else tuple(self.terms))
        if not self.terms:
            raise InputError(f"a covariant library needs at least one term; {_GRAMMAR}")

    def on(self, space: StateSpace) -> CovariantTerms:
        vectors = [v.name for v in space.variables if v.size > 1]
        terms = tuple(parse_term(t, vectors) if isinstance(t, str) else t for t in self.terms)
        sizes = {_check_term(term, space) for term in terms}
        if len(sizes) > 1:
            raise InputError(
                f"a covariant library is all scalars or all vectors of one size: {[t.text for t in terms]}"
            )
        repeated = {t.text for t in terms if terms.count(t) > 1}
        if repeated:
            raise InputError(f"a covariant library names a term twice: {sorted(repeated)}")
        size = sizes.pop()
        return CovariantTerms(
            space=space,
            names=tuple(term.text for term in terms),
            latex=tuple(term.latex for term in terms),
            value_shape=() if size == 0 else (size,),
            terms=terms,
        )


def _check_term(term: CovariantTerm, space: StateSpace) -> int:
    """The size of a term's value (0 for a scalar), after checking that its variables fit together."""
    for factor, _ in term.factors:
        sizes = [space[name].size for name in factor.variables]
        if factor.kind == "scalar" and sizes != [1]:
            raise InputError(f"{factor.variables[0]!r} in {term.text!r} is a vector; write |{factor.variables[0]}|")
        if len(set(sizes)) > 1:
            raise InputError(f"{factor.text} in {term.text!r} joins vectors of sizes {sizes}")
    sizes = [space[name].size for name in term.vector]
    if len(term.vector) == 2 and sizes != [3, 3]:
        raise InputError(f"the cross product in {term.text!r} needs vectors of size 3, got {sizes}")
    return sizes[0] if sizes else 0


@dataclass(frozen=True)
class Radial(AbstractLibrary):
    """Central terms `x |x|^k` for a vector variable x, one per power k (real powers allowed).

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Radial("position", powers=(-3, -2, 0)).on(sd.StateSpace.of(position=3)).names
    ('position / |position|^3', 'position / |position|^2', 'position')
    """

    variable: str
    powers: Sequence[float] = tuple(range(-5, 3))

    def __post_init__(self):
        object.__setattr__(self, "powers", tuple(float(k) for k in self.powers))

    def on(self, space: StateSpace) -> CovariantTerms:
        if space[self.variable].size < 2:
            raise InputError(f"Radial needs a vector variable; {self.variable!r} is a scalar (use Monomials)")
        norm = Factor("norm", (self.variable,))
        terms = tuple(CovariantTerm(((norm, k),) if k else (), (self.variable,)) for k in self.powers)
        return Covariant(terms).on(space)


@dataclass(frozen=True)
class CovariantVectors(AbstractLibrary):
    """All vector terms from some vectors: polynomial in the vectors up to a degree, times powers of their norms.

    The vectors a and, for two three-dimensional ones, the cross products a x b, each times products of the dot
    products (a . b)^i up to total `degree` in the vectors, times |n|^k for every k of `powers`, n = `norm_of`.

    Examples
    --------
    >>> import symdyn as sd
    >>> library = sd.CovariantVectors(("position", "velocity"), degree=1, powers=(0, -3))
    >>> library.on(sd.StateSpace.of(position=3, velocity=3)).names
    ('position', 'velocity', 'position / |position|^3', 'velocity / |position|^3')
    """

    vectors: Sequence[str]
    degree: int = 3
    powers: Sequence[float] = (0.0,)
    norm_of: str | None = None
    cross: bool = True

    def __post_init__(self):
        object.__setattr__(self, "vectors", (self.vectors,) if isinstance(self.vectors, str) else tuple(self.vectors))
        object.__setattr__(self, "powers", tuple(float(k) for k in self.powers))
        if not self.vectors or self.degree < 1:
            raise InputError(f"CovariantVectors needs vectors and a degree >= 1, got {self.vectors}, {self.degree}")

    def on(self, space: StateSpace) -> CovariantTerms:
        heads: list[tuple[str, ...]] = [(name,) for name in self.vectors]
        if self.cross and all(space[name].size == 3 for name in self.vectors):
            heads += list(combinations(self.vectors, 2))
        norm = Factor("norm", (self.norm_of or self.vectors[0],))
        terms = []
        for k in self.powers:
            for head in heads:
                for scalars in _dot_products(tuple(self.vectors), self.degree - len(head)):
                    terms.append(_simplified(scalars, norm, k, head))
        return Covariant(tuple(dict.fromkeys(terms))).on(space)


def _dot_products(vectors: tuple[str, ...], degree: int) -> list[tuple[tuple[Factor, float], ...]]:
    """All products of dot products and even norms of total degree at most `degree` in the vectors."""
    basic = [(Factor("norm", (a,)), 2.0) for a in vectors]
    basic += [(Factor("dot", pair), 1.0) for pair in combinations(vectors, 2)]
    products: list[dict[Factor, float]] = [{}]
    for factor, unit in basic:
        products = [
            {**old, factor: unit * k} if k else old for old in products for k in range((degree - _degree(old)) // 2 + 1)
        ]
    return [tuple(product.items()) for product in sorted(products, key=_degree)]


def _degree(product: dict[Factor, float]) -> int:
    return int(sum(k if factor.kind == "norm" else 2 * k for factor, k in product.items()))


def _simplified(scalars, norm: Factor, k: float, head: tuple[str, ...]) -> CovariantTerm:
    powers = dict(scalars)
    powers[norm] = powers.get(norm, 0.0) + k
    return CovariantTerm(tuple((f, a) for f, a in powers.items() if a), head)
