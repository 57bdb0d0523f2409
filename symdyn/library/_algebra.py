"""Sums and products of libraries, and a user's own function as a library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library._base import AbstractLibrary, AbstractTerms, unnamed
from symdyn.library.monomials import latex_symbol, monomial_names


class SumTerms(AbstractTerms):
    """The terms of several libraries, one after the other; a text that occurs twice is kept once."""

    space: StateSpace = eqx.field(static=True)
    parts: tuple[AbstractTerms, ...]
    keep: tuple[int, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        return jnp.concatenate([part(x) for part in self.parts])[jnp.asarray(self.keep)]

    def on_host(self, columns: np.ndarray) -> np.ndarray | None:
        found = [part.on_host(columns) for part in self.parts]
        known = [each for each in found if each is not None]
        return np.concatenate(known)[list(self.keep)] if len(known) == len(found) else None

    def monomials(self) -> np.ndarray | None:
        found = [part.monomials() for part in self.parts]
        known = [each for each in found if each is not None]
        return np.concatenate(known)[list(self.keep)] if len(known) == len(found) else None

    def parametric(self) -> AbstractTerms:
        parts = tuple(part.parametric() for part in self.parts)
        same = all(a is b for a, b in zip(parts, self.parts, strict=True))
        return self if same else unnamed(self, parts=parts)

    def to_sympy(self, symbols: tuple) -> list:
        everything = [term for part in self.parts for term in part.to_sympy(symbols)]
        return [everything[k] for k in self.keep]


@dataclass(frozen=True)
class Sum(AbstractLibrary):
    """The terms of several libraries together (what `a + b` makes)."""

    parts: tuple[AbstractLibrary, ...]

    def on(self, space: StateSpace) -> AbstractTerms:
        parts = tuple(part.on(space) for part in self.parts)
        shapes = {part.value_shape for part in parts}
        if len(shapes) > 1:
            raise InputError(f"a sum of libraries needs terms of one shape, got {sorted(shapes)}")
        names = [name for part in parts for name in part.names]
        latex = [text for part in parts for text in part.latex]
        keep = tuple(k for k, name in enumerate(names) if name not in names[:k])
        return SumTerms(
            space=space,
            names=tuple(names[k] for k in keep),
            latex=tuple(latex[k] for k in keep),
            value_shape=shapes.pop(),
            parts=parts,
            keep=keep,
        )


class ProductTerms(AbstractTerms):
    """All products of the terms of two libraries, at most one of them vector-valued."""

    space: StateSpace = eqx.field(static=True)
    parts: tuple[AbstractTerms, AbstractTerms]
    pairs: tuple[tuple[int, int], ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        left, right = (part(x) for part in self.parts)
        first = left[jnp.asarray([i for i, _ in self.pairs])]
        second = right[jnp.asarray([j for _, j in self.pairs])]
        if first.ndim < second.ndim:
            first = first[:, None]
        elif second.ndim < first.ndim:
            second = second[:, None]
        return first * second

    def on_host(self, columns: np.ndarray) -> np.ndarray | None:
        left, right = (part.on_host(columns) for part in self.parts)
        if left is None or right is None or self.value_shape:
            return None
        return left[[i for i, _ in self.pairs]] * right[[j for _, j in self.pairs]]

    def monomials(self) -> np.ndarray | None:
        left, right = (part.monomials() for part in self.parts)
        if left is None or right is None:
            return None
        return np.stack([left[i] + right[j] for i, j in self.pairs])

    def parametric(self) -> AbstractTerms:
        parts = tuple(part.parametric() for part in self.parts)
        same = all(a is b for a, b in zip(parts, self.parts, strict=True))
        return self if same else unnamed(self, parts=parts)

    def to_sympy(self, symbols: tuple) -> list:
        left, right = (part.to_sympy(symbols) for part in self.parts)
        return [left[i] * right[j] for i, j in self.pairs]


def product_text(left: str, right: str, times: str) -> str:
    """The name of a product of two terms."""
    if left == "1" or right == "1":
        return right if left == "1" else left
    return times.join(f"({text})" if _is_open(text) else text for text in (left, right))


def _is_open(text: str) -> bool:
    """Whether a sum or a quotient stands outside all brackets of a text."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if not depth and text[place : place + 3] in (" / ", " + "):
            return True
    return False


@dataclass(frozen=True)
class Product(AbstractLibrary):
    """All products of the terms of two libraries (what `a * b` makes)."""

    parts: tuple[AbstractLibrary, AbstractLibrary]

    def on(self, space: StateSpace) -> AbstractTerms:
        left, right = (part.on(space) for part in self.parts)
        if left.value_shape and right.value_shape:
            raise InputError("a product of two vector libraries is no vector; one of the two must be scalar")
        if left.names == right.names:
            pairs = tuple(combinations_with_replacement(range(left.size), 2))
        else:
            pairs = tuple(product(range(left.size), range(right.size)))
        a, b = left.monomials(), right.monomials()
        if a is None or b is None:
            names = [product_text(left.names[i], right.names[j], " ") for i, j in pairs]
            latex = [product_text(left.latex[i], right.latex[j], r"\,") for i, j in pairs]
        else:  # products of monomials are monomials: x times x is x^2, and the same as x^2 times 1
            names, latex = monomial_names([a[i] + b[j] for i, j in pairs], space.component_names)
        keep = [k for k, name in enumerate(names) if name not in names[:k]]
        return ProductTerms(
            space=space,
            parts=(left, right),
            pairs=tuple(pairs[k] for k in keep),
            names=tuple(names[k] for k in keep),
            latex=tuple(latex[k] for k in keep),
            value_shape=left.value_shape or right.value_shape,
        )


class FunctionTerms(AbstractTerms):
    """The terms of a user's own function."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)
    function: Callable = eqx.field(static=True)

    def __call__(self, x):
        return jnp.asarray(self.function(self.space.split(x)))

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        if self.value_shape:
            raise InputError("a user's vector function has no SymPy form; give it as scalar terms")
        return [sympy.Function(name.replace(" ", "_"))(*symbols) for name in self.names]


@dataclass(frozen=True)
class Function(AbstractLibrary):
    """A user's own JAX function as a library.

    Parameters
    ----------
    function: takes the state of one sample as a dict of arrays by variable name and returns the values of the terms,
        shape (p,) for scalar terms or (p, d) for vector terms. Written in `jax.numpy`.
    names: p texts, one per term.

    Raises InputError where the function fails on a state of ones or its output does not fit the names.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> waves = sd.Function(lambda state: jnp.stack([jnp.sin(state["angle"])]), names=("sin(angle)",))
    >>> (sd.Monomials(1) + waves).on(sd.StateSpace.of(angle=1)).names
    ('1', 'angle', 'sin(angle)')
    """

    function: Callable[[dict[str, Any]], Any]
    names: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "names", (self.names,) if isinstance(self.names, str) else tuple(self.names))

    def on(self, space: StateSpace) -> FunctionTerms:
        state = jax.eval_shape(lambda x: space.split(x), jnp.ones(space.size))
        try:
            value = jax.eval_shape(self.function, state)
        except Exception as error:
            raise InputError(
                f"the library function failed on a state with {', '.join(f'{k}{v.shape}' for k, v in state.items())}: "
                f"{type(error).__name__}: {error}"
            ) from error
        shape = getattr(value, "shape", None)
        if shape is None or len(shape) not in (1, 2) or shape[0] != len(self.names):
            raise InputError(
                f"the library function must return an array of shape ({len(self.names)},) or ({len(self.names)}, d), "
                f"one row for each of the names {self.names}; it returned {value}"
            )
        typeset = (latex_symbol(name) if name.isidentifier() else rf"\mathrm{{{name}}}" for name in self.names)
        return FunctionTerms(
            space=space, names=self.names, latex=tuple(typeset), value_shape=tuple(shape[1:]), function=self.function
        )
