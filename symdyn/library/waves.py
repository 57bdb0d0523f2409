"""Sines and cosines of angles and of their sums and differences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.library._base import AbstractLibrary, AbstractTerms, chosen_variables
from symdyn.library.monomials import latex_symbol


class WaveTerms(AbstractTerms):
    """sin(k . a) and cos(k . a) for the rows k of `numbers` (w, n), after the constant 1 where there is one."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    numbers: Frozen = eqx.field(static=True)
    bias: bool = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())

    def __call__(self, x):
        return self._values(x[:, None], jnp)[:, 0]

    def on_host(self, columns: np.ndarray) -> np.ndarray:
        return self._values(columns, np)

    def _values(self, columns, xp):
        angles = self.numbers.array @ columns
        waves = xp.stack([xp.sin(angles), xp.cos(angles)], axis=1).reshape(-1, columns.shape[1])
        return xp.concatenate([xp.ones_like(columns[:1]), waves]) if self.bias else waves

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        angles = [sum(int(k) * s for k, s in zip(row, symbols, strict=True)) for row in self.numbers.array]
        waves = [wave for angle in angles for wave in (sympy.sin(angle), sympy.cos(angle))]
        return [sympy.Integer(1), *waves] if self.bias else waves


@dataclass(frozen=True)
class Waves(AbstractLibrary):
    """The sines and cosines sin(k . a), cos(k . a) of whole combinations of angles a, in radians.

    Parameters
    ----------
    order: the largest multiple of an angle in a combination, at least 1. All sums and differences are among the
        terms: with two angles and order 1 those of a, b, a + b and a - b.
    variables: names of the angles; all of the state by default.
    bias: whether the constant term 1 is among the terms.

    Raises InputError for an order below 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Waves(variables=("a", "b"), bias=False).on(sd.StateSpace.of(a=1, b=1)).names[::2]
    ('sin(a)', 'sin(b)', 'sin(a + b)', 'sin(a - b)')
    """

    order: int = 1
    variables: tuple[str, ...] | None = None
    bias: bool = True

    def __post_init__(self):
        if isinstance(self.order, bool) or not isinstance(self.order, int) or self.order < 1:
            raise InputError(f"the order of a wave library is an integer >= 1, got {self.order!r}")
        if self.variables is not None:
            given = (self.variables,) if isinstance(self.variables, str) else tuple(self.variables)
            object.__setattr__(self, "variables", given)

    def on(self, space: StateSpace) -> WaveTerms:
        columns = space.indices(chosen_variables(self.variables, space))
        small = _combinations(len(columns), self.order)
        numbers = np.zeros((len(small), space.size), int)
        numbers[:, columns] = small
        texts = [_sum_text(row, space.component_names) for row in numbers]
        typeset = [_sum_text(row, [latex_symbol(name) for name in space.component_names], r"\,") for row in numbers]
        one = ("1",) if self.bias else ()
        return WaveTerms(
            space=space,
            names=(*one, *(f"{wave}({text})" for text in texts for wave in ("sin", "cos"))),
            latex=(*one, *(rf"\{wave}\left({text}\right)" for text in typeset for wave in ("sin", "cos"))),
            numbers=Frozen(numbers),
            bias=self.bias,
        )


def _combinations(n: int, order: int) -> np.ndarray:
    """Whole vectors with entries up to `order` in size whose first entry other than 0 is positive, short ones first."""
    rows = [k for k in product(range(-order, order + 1), repeat=n) if next((i for i in k if i), 0) > 0]
    rows.sort(key=lambda k: (sum(map(abs, k)), [-i for i in k]))
    return np.array(rows)


def _sum_text(row: np.ndarray, names, times: str = " ") -> str:
    text = ""
    for k, name in zip(row.tolist(), names, strict=True):
        if k:
            part = name if abs(k) == 1 else f"{abs(k)}{times}{name}"
            text += (" - " if k < 0 else " + " if text else "") + part
    return text.removeprefix(" ")
