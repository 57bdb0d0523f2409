"""Monomials up to a degree: the library with an exact calculus."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library._base import AbstractLibrary, AbstractTerms, chosen_variables


@lru_cache(maxsize=64)
def monomial_exponents(n: int, degree: int) -> np.ndarray:
    """Exponents of all monomials of `n` variables up to `degree`, graded lexicographic: shape (C(n+degree, n), n).

    Within a degree the monomials led by variable i stand before those led by i + 1. So the monomials of degree k in
    the variables i, i+1, ... are a suffix of the block of degree k, which is what `MonomialTerms` builds on.
    """
    blocks = [np.zeros((1, n), int)]
    for k in range(1, degree + 1):
        rows = [blocks[-1][-_block_size(n - i, k - 1) :] + np.eye(n, dtype=int)[i] for i in range(n)]
        blocks.append(np.concatenate(rows))
    exponents = np.concatenate(blocks)
    exponents.setflags(write=False)
    return exponents


def _block_size(n: int, k: int) -> int:
    return comb(n + k - 1, k)


def _monomial_text(exponent, names, power: str, times: str, one: str = "1") -> str:
    factors = [name if a == 1 else power.format(name, a) for name, a in zip(names, exponent, strict=True) if a]
    return times.join(factors) or one


def latex_symbol(name: str) -> str:
    """A variable's name for LaTeX: `position_x` becomes a word with a subscript, a letter stays a letter."""
    head, _, tail = name.partition("_")
    head = head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return head if not tail else rf"{head}_{{\mathrm{{{tail.replace('_', ',')}}}}}"


def monomial_names(exponents, symbols) -> tuple[list[str], list[str]]:
    """Monomials, rows of exponents (n,), as text and as LaTeX in the named components."""
    typeset = [latex_symbol(name) for name in symbols]
    names = [_monomial_text(e, symbols, "{}^{}", " ") for e in exponents]
    return names, [_monomial_text(e, typeset, "{}^{{{}}}", r"\,") for e in exponents]


class MonomialTerms(AbstractTerms):
    """Monomials x^a of the chosen components of a state; `exponents` has shape (p, n) over the whole state."""

    space: StateSpace = eqx.field(static=True)
    columns: tuple[int, ...] = eqx.field(static=True)
    degree: int = eqx.field(static=True)
    keep: tuple[int, ...] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())

    @property
    def exponents(self) -> np.ndarray:
        """Exponents over all n state components: shape (p, n)."""
        full = np.zeros((len(self.keep), self.space.size), int)
        full[:, list(self.columns)] = monomial_exponents(len(self.columns), self.degree)[list(self.keep)]
        return full

    def __call__(self, x):
        # Degree by degree: block k is x_i times the suffix of block k - 1 that holds the variables i, i+1, ...
        n = len(self.columns)
        z = x if self.columns == tuple(range(self.space.size)) else x[np.asarray(self.columns)]
        blocks = [jnp.ones_like(z[:1])]
        for k in range(1, self.degree + 1):
            previous = blocks[-1]
            blocks.append(
                jnp.concatenate([z[i] * previous[previous.shape[0] - _block_size(n - i, k - 1) :] for i in range(n)])
            )
        values = jnp.concatenate(blocks)
        return values if len(self.keep) == values.shape[0] else values[np.asarray(self.keep)]

    def on_host(self, columns: np.ndarray) -> np.ndarray:
        # the same recursion, each product written once to its place
        n = len(self.columns)
        z = columns[list(self.columns)]
        values = np.empty((len(monomial_exponents(n, self.degree)), z.shape[1]))
        values[0] = 1.0
        end = 1
        for k in range(1, self.degree + 1):
            last = end
            for i in range(n):
                size = _block_size(n - i, k - 1)
                np.multiply(z[i], values[last - size : last], out=values[end : end + size])
                end += size
        return values if len(self.keep) == len(values) else values[list(self.keep)]

    def monomials(self) -> np.ndarray:
        return self.exponents

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        return [sympy.Mul(*(s ** int(a) for s, a in zip(symbols, row, strict=True) if a)) for row in self.exponents]


@dataclass(frozen=True)
class Monomials(AbstractLibrary):
    """All monomials of the state's components up to a degree.

    Parameters
    ----------
    degree: the highest total degree, at least 0.
    variables: names of the variables to use; all by default.
    bias: whether the constant term 1 is among the terms.
    interaction: whether products of different components are among the terms.

    Raises InputError for a negative degree or a library without terms.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Monomials(2).on(sd.StateSpace.of(x=1, y=1)).names
    ('1', 'x', 'y', 'x^2', 'x y', 'y^2')
    """

    degree: int = 2
    variables: tuple[str, ...] | None = None
    bias: bool = True
    interaction: bool = True

    def __post_init__(self):
        if isinstance(self.degree, bool) or not isinstance(self.degree, int) or self.degree < 0:
            raise InputError(f"the degree of a monomial library is an integer >= 0, got {self.degree!r}")
        if isinstance(self.variables, str):
            object.__setattr__(self, "variables", (self.variables,))
        if self.variables is not None:
            object.__setattr__(self, "variables", tuple(self.variables))
        if self.degree == 0 and not self.bias:
            raise InputError("Monomials(0, bias=False) has no terms; raise the degree or keep the bias")

    def on(self, space: StateSpace) -> MonomialTerms:
        return _monomial_terms(self, space)


@lru_cache(maxsize=32)
def _monomial_terms(library: Monomials, space: StateSpace) -> MonomialTerms:
    columns = space.indices(chosen_variables(library.variables, space))
    exponents = monomial_exponents(len(columns), library.degree)
    wanted = (exponents.sum(1) > 0) | library.bias
    if not library.interaction:
        wanted &= (exponents > 0).sum(1) <= 1
    keep = np.flatnonzero(wanted)
    names, latex = monomial_names(exponents[keep], [space.component_names[c] for c in columns])
    return MonomialTerms(
        space=space,
        columns=tuple(int(c) for c in columns),
        degree=library.degree,
        keep=tuple(int(k) for k in keep),
        names=tuple(names),
        latex=tuple(latex),
    )
