"""Elementary functions of single variables, and reciprocals with a scale: terms of laws that are no polynomials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library._base import AbstractLibrary, AbstractTerms, chosen_variables, unnamed
from symdyn.library.covariant import number_text
from symdyn.library.monomials import latex_symbol


class _Kind(NamedTuple):
    """A function of one number: on arrays of the module xp (NumPy or JAX), in SymPy, and in LaTeX."""

    value: Callable[[Any, Any], Any]
    sympy: Callable[[Any, Any], Any]
    latex: str


_KINDS = {
    "exp": _Kind(lambda xp, u: xp.exp(u), lambda sp, u: sp.exp(u), r"\exp\left({}\right)"),
    "log": _Kind(lambda xp, u: xp.log(u), lambda sp, u: sp.log(u), r"\log\left({}\right)"),
    "sqrt": _Kind(lambda xp, u: xp.sqrt(u), lambda sp, u: sp.sqrt(u), r"\sqrt{{{}}}"),
    "abs": _Kind(lambda xp, u: xp.abs(u), lambda sp, u: sp.Abs(u), r"\left|{}\right|"),
    "sin": _Kind(lambda xp, u: xp.sin(u), lambda sp, u: sp.sin(u), r"\sin\left({}\right)"),
    "cos": _Kind(lambda xp, u: xp.cos(u), lambda sp, u: sp.cos(u), r"\cos\left({}\right)"),
    "tan": _Kind(lambda xp, u: xp.tan(u), lambda sp, u: sp.tan(u), r"\tan\left({}\right)"),
    "cot": _Kind(lambda xp, u: xp.cos(u) / xp.sin(u), lambda sp, u: sp.cot(u), r"\cot\left({}\right)"),
    "sinh": _Kind(lambda xp, u: xp.sinh(u), lambda sp, u: sp.sinh(u), r"\sinh\left({}\right)"),
    "cosh": _Kind(lambda xp, u: xp.cosh(u), lambda sp, u: sp.cosh(u), r"\cosh\left({}\right)"),
    "tanh": _Kind(lambda xp, u: xp.tanh(u), lambda sp, u: sp.tanh(u), r"\tanh\left({}\right)"),
    # 1 / (1 + e^-u) written so that no large exponential is formed
    "logistic": _Kind(
        lambda xp, u: 0.5 + 0.5 * xp.tanh(0.5 * u), lambda sp, u: 1 / (1 + sp.exp(-u)), r"\sigma\left({}\right)"
    ),
}


class ElementaryTerms(AbstractTerms):
    """f(a x_i + b) for each entry (f, i, a, b) of `parts`; with `numbers` (p, 2), a and b are their rows instead."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    parts: tuple[tuple[str, int, float, float], ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())
    numbers: Any = None

    @property
    def entries(self) -> list:
        """(f, i, a, b) of each term."""
        numbers = [part[2:] for part in self.parts] if self.numbers is None else self.numbers
        return [(f, i, a, b) for (f, i, _, _), (a, b) in zip(self.parts, numbers, strict=True)]

    def __call__(self, x):
        return jnp.stack([_KINDS[f].value(jnp, a * x[i] + b) for f, i, a, b in self.entries])

    def parametric(self) -> AbstractTerms:
        numbers = np.array([part[2:] for part in self.parts])
        return unnamed(self, parts=tuple((f, i, 1.0, 0.0) for f, i, _, _ in self.parts), numbers=numbers)

    def on_host(self, columns: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # a value outside the domain is named by the caller, with its sample
            return np.stack([_KINDS[f].value(np, a * columns[i] + b) for f, i, a, b in self.entries])

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        return [_KINDS[f].sympy(sympy, _number(a) * symbols[i] + _number(b)) for f, i, a, b in self.entries]


@dataclass(frozen=True)
class Elementary(AbstractLibrary):
    r"""Elementary functions $f(a x + b)$ of single components.

    Parameters
    ----------
    functions: among "exp", "log", "sqrt", "abs", "sin", "cos", "tan", "cot", "sinh", "cosh", "tanh" and "logistic",
        which is $1 / (1 + e^{-u})$.
    variables: names of the variables to use; all by default.
    scales: the values of a; each function is offered with each of them.
    shifts: the values of b. Scales and shifts that are not known belong in `variable_projection`, or are scanned by
        `AutomaticLibrary`.

    The arguments are pure numbers: a variable with a unit needs a scale in its inverse. Raises InputError for an
    unknown function or a scale that is no number but 0. Data outside the domain of a function (the logarithm of a
    negative number) are refused when a law is sought, with the term, the sample and the variable's value.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Elementary(("exp", "log"), scales=(1.0, -2.0)).on(sd.StateSpace.of(x=1)).names
    ('exp(x)', 'exp(-2 x)', 'log(x)', 'log(-2 x)')
    >>> (sd.Monomials(1) * sd.Elementary("log")).on(sd.StateSpace.of(x=1)).names
    ('log(x)', 'x log(x)')
    """

    functions: str | tuple[str, ...] = ("exp", "sin", "cos")
    variables: tuple[str, ...] | None = None
    scales: tuple[float, ...] = (1.0,)
    shifts: tuple[float, ...] = (0.0,)

    def __post_init__(self):
        given = (self.functions,) if isinstance(self.functions, str) else tuple(self.functions)
        object.__setattr__(self, "functions", given)
        unknown = [f for f in given if f not in _KINDS]
        if unknown or not given:
            raise InputError(f"unknown function {unknown[0] if unknown else given!r}; there are {', '.join(_KINDS)}")
        _take_variables(self)
        for name in ("scales", "shifts"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        if 0.0 in self.scales:
            raise InputError("a scale of 0 makes every function a constant; give other scales")

    def on(self, space: StateSpace) -> ElementaryTerms:
        columns = [int(c) for c in space.indices(chosen_variables(self.variables, space))]
        parts = tuple(product(self.functions, columns, self.scales, self.shifts))
        texts, symbols = space.component_names, [latex_symbol(name) for name in space.component_names]
        return ElementaryTerms(
            space=space,
            names=tuple(f"{f}({_affine(a, b, texts[i], ' ')})" for f, i, a, b in parts),
            latex=tuple(_KINDS[f].latex.format(_affine(a, b, symbols[i], r"\,")) for f, i, a, b in parts),
            parts=parts,
        )


class ReciprocalTerms(AbstractTerms):
    """1 / (c + x_i^k) for each entry (i, c, k) of `parts`; with `numbers` (p,), c is its entry instead."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    parts: tuple[tuple[int, float, float], ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())
    numbers: Any = None

    @property
    def entries(self) -> list:
        """(i, c, k) of each term."""
        numbers = [c for _, c, _ in self.parts] if self.numbers is None else self.numbers
        return [(i, c, k) for (i, _, k), c in zip(self.parts, numbers, strict=True)]

    def parametric(self) -> AbstractTerms:
        numbers = np.array([c for _, c, _ in self.parts])
        return unnamed(self, parts=tuple((i, 1.0, k) for i, _, k in self.parts), numbers=numbers)

    def __call__(self, x):
        return jnp.stack([1.0 / (c + x[i] ** _whole(k)) for i, c, k in self.entries])

    def on_host(self, columns: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.stack([1.0 / (c + columns[i] ** _whole(k)) for i, c, k in self.entries])

    def to_sympy(self, symbols: tuple) -> list:
        return [1 / (_number(c) + symbols[i] ** _number(k)) for i, c, k in self.entries]


@dataclass(frozen=True)
class Reciprocals(AbstractLibrary):
    r"""Reciprocals $1 / (c + x^k)$ of single components: with products, the terms of saturating (Hill) rates.

    A Hill function $x^k / (c + x^k)$ is $1 - c / (c + x^k)$, so that a library with the constant and the reciprocal
    holds it; `Monomials(1) * Reciprocals(...)` holds the Michaelis-Menten rate.

    Parameters
    ----------
    constants: the values of c; 0 gives $x^{-k}$.
    powers: the values of k, above 0; fractions need variables that are not negative.
    variables: names of the variables to use; all by default.

    Raises InputError for a power that is not above 0. Data at a pole are refused when a law is sought.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Reciprocals((0.0, 0.5), powers=(1, 2)).on(sd.StateSpace.of(x=1)).names
    ('1/x', '1/x^2', '1/(0.5 + x)', '1/(0.5 + x^2)')
    """

    constants: tuple[float, ...] = (0.0,)
    powers: tuple[float, ...] = (1.0,)
    variables: tuple[str, ...] | None = None

    def __post_init__(self):
        for name in ("constants", "powers"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        if min(self.powers) <= 0:
            raise InputError(f"powers of a reciprocal are above 0, got {min(self.powers):g}")
        _take_variables(self)

    def on(self, space: StateSpace) -> ReciprocalTerms:
        columns = [int(c) for c in space.indices(chosen_variables(self.variables, space))]
        parts = tuple(product(columns, self.constants, self.powers))
        texts, symbols = space.component_names, [latex_symbol(name) for name in space.component_names]
        return ReciprocalTerms(
            space=space,
            names=tuple(_reciprocal(texts[i], c, k) for i, c, k in parts),
            latex=tuple(
                rf"\frac{{1}}{{{_denominator(symbols[i], c, f'{{{k:g}}}' if k != 1 else '')}}}" for i, c, k in parts
            ),
            parts=parts,
        )


class SubsetTerms(AbstractTerms):
    """Some of the terms of a library."""

    space: StateSpace = eqx.field(static=True)
    whole: AbstractTerms
    keep: tuple[int, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        return self.whole(x)[np.asarray(self.keep)]

    def on_host(self, columns: np.ndarray) -> np.ndarray | None:
        values = self.whole.on_host(columns)
        return None if values is None else values[list(self.keep)]

    def monomials(self) -> np.ndarray | None:
        exponents = self.whole.monomials()
        return None if exponents is None else exponents[list(self.keep)]

    def parametric(self) -> AbstractTerms:
        whole = self.whole.parametric()
        return self if whole is self.whole else unnamed(self, whole=whole)

    def to_sympy(self, symbols: tuple) -> list:
        everything = self.whole.to_sympy(symbols)
        return [everything[k] for k in self.keep]


@dataclass(frozen=True)
class Subset(AbstractLibrary):
    """Some of the terms of a library, by their names.

    Raises InputError for a name that the library does not have, or none at all.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Subset(sd.Monomials(3), ("x", "x^3")).on(sd.StateSpace.of(x=1)).names
    ('x', 'x^3')
    """

    library: AbstractLibrary
    names: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "names", (self.names,) if isinstance(self.names, str) else tuple(self.names))
        if not self.names:
            raise InputError("a subset without names has no terms")

    def on(self, space: StateSpace) -> AbstractTerms:
        whole: Any = self.library.on(space)
        missing = [name for name in self.names if name not in whole.names]
        if missing:
            raise InputError(f"the library has no term {missing[0]!r}; it has {', '.join(whole.names)}")
        keep = tuple(whole.names.index(name) for name in self.names)
        if hasattr(whole, "chosen"):  # terms whose form must stay known
            return whole.chosen(keep)
        return SubsetTerms(
            space=space,
            whole=whole,
            keep=keep,
            names=self.names,
            latex=tuple(whole.latex[k] for k in keep),
            value_shape=whole.value_shape,
        )


def _take_variables(library) -> None:
    if library.variables is not None:
        given = (library.variables,) if isinstance(library.variables, str) else tuple(library.variables)
        object.__setattr__(library, "variables", given)


def _numbers(name: str, given) -> tuple[float, ...]:
    try:
        values = tuple(float(v) for v in (given if np.ndim(given) else (given,)))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} are numbers, got {given!r}") from error
    if not values or not np.isfinite(values).all():
        raise InputError(f"{name} are one finite number or more, got {given!r}")
    return values


def _whole(power: float):
    """A whole power as an integer: then the base may be negative, and its derivative at 0 exists."""
    return int(power) if power == int(power) else power


def _number(value: float):
    import sympy

    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value, 17)


def _affine(scale: float, shift: float, symbol: str, times: str) -> str:
    text = {1.0: symbol, -1.0: f"-{symbol}"}.get(scale, f"{number_text(scale)}{times}{symbol}")
    return text if not shift else f"{text} {'-' if shift < 0 else '+'} {number_text(abs(shift))}"


def _denominator(symbol: str, constant: float, power: str) -> str:
    base = f"{symbol}^{power}" if power else symbol
    return base if not constant else f"{number_text(constant)} + {base}"


def _reciprocal(symbol: str, constant: float, power: float) -> str:
    below = _denominator(symbol, constant, number_text(power) if power != 1 else "")
    return f"1/({below})" if constant else f"1/{below}"
