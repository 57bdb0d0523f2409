"""What a library is: a recipe that, on a state space, becomes a pure map of one state to its term values."""

import abc
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace


class AbstractTerms(eqx.Module):
    """The candidate terms of a law on a given state space.

    A subclass has the static fields below and implements `__call__` and `to_sympy`.

    `space`: the state; `names`: one text per term; `latex`: the same typeset; `value_shape`: `()` where a term is a
    number (each target then has its own coefficients) and `(d,)` where a term is a vector (one coefficient for all
    `d` components of the target).
    """

    space: eqx.AbstractVar[StateSpace]
    names: eqx.AbstractVar[tuple[str, ...]]
    latex: eqx.AbstractVar[tuple[str, ...]]
    value_shape: eqx.AbstractVar[tuple[int, ...]]

    @abc.abstractmethod
    def __call__(self, x) -> Any:
        """Term values at one state: x of shape (n,) -> (p, *value_shape)."""

    @abc.abstractmethod
    def to_sympy(self, symbols: tuple) -> list:
        """The terms in SymPy: `symbols` holds the n state components; a list of p expressions or (d, 1) matrices."""

    def on_host(self, columns: np.ndarray) -> np.ndarray | None:
        """Term values at many states without JAX, (n, m) -> (p, m), or None where the terms have no such way.

        Small data then need no compilation.
        """
        return None

    def parametric(self) -> "AbstractTerms":
        """The same terms with their real parameters (powers, scales) as arrays, and names that do not show them.

        What is compiled for these terms serves other values of the parameters too. Terms without any return themselves.
        """
        return self

    def monomials(self) -> np.ndarray | None:
        """Exponents (p, n) where every term is a monomial of the state, else None: what the exact calculus asks."""
        return None

    @property
    def size(self) -> int:
        """The number of terms, p."""
        return len(self.names)


def unnamed(terms: AbstractTerms, /, **changes) -> AbstractTerms:
    """Terms with some fields changed and with numbers for names."""
    names = tuple(f"term {k + 1}" for k in range(terms.size))
    return replace(terms, names=names, latex=names, **changes)


@dataclass(frozen=True)
class AbstractLibrary(abc.ABC):
    """A recipe for candidate terms. It knows no data: `library.on(space)` gives the terms for named variables.

    `a + b` joins two libraries, `a * b` makes all products of their terms.
    """

    @abc.abstractmethod
    def on(self, space: StateSpace) -> AbstractTerms:
        """The terms of this library for the variables of `space`."""

    def __add__(self, other: "AbstractLibrary") -> "AbstractLibrary":
        from symdyn.library._algebra import Sum

        if not isinstance(other, AbstractLibrary):
            return NotImplemented
        return Sum((self, other))

    def __mul__(self, other: "AbstractLibrary") -> "AbstractLibrary":
        from symdyn.library._algebra import Product

        if not isinstance(other, AbstractLibrary):
            return NotImplemented
        return Product((self, other))


def chosen_variables(names: tuple[str, ...] | None, space: StateSpace) -> tuple[str, ...]:
    """The variables that a library was asked to use: all of the state but its coordinates where none was named."""
    if names is None:
        return tuple(name for name in space.names if name not in space.coordinates)
    for name in names:
        space.slice(name)
    if len(set(names)) != len(names):
        raise InputError(f"a library names a variable twice: {names}")
    return names
