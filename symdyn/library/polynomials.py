"""Given polynomials of the state as terms."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._types import Frozen, StateSpace
from symdyn.library._base import AbstractTerms


class PolynomialTerms(AbstractTerms):
    """Polynomials sum_m c_m x^(e_m): `exponents` (k, n) of the monomials, `coefficients` (p, k, *value_shape)."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)
    exponents: Frozen = eqx.field(static=True)
    coefficients: Frozen = eqx.field(static=True)

    def __call__(self, x):
        return jnp.tensordot(self.coefficients.array, self._monomials(x[:, None], jnp)[:, 0], axes=((1,), (0,)))

    def on_host(self, columns: np.ndarray) -> np.ndarray | None:
        if self.value_shape:
            return None
        return self.coefficients.array @ self._monomials(columns, np)

    def _monomials(self, columns, xp):
        """Values of the monomials at states (n, m), from a table of powers: (k, m)."""
        powers = [xp.ones_like(columns)]
        for _ in range(int(self.exponents.array.max(initial=0))):
            powers.append(powers[-1] * columns)
        table, values = xp.stack(powers), xp.ones_like(columns[:1])
        for v in np.flatnonzero(self.exponents.array.any(0)):
            values = values * table[self.exponents.array[:, v], v]
        return xp.broadcast_to(values, (len(self.exponents), columns.shape[1]))

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        monomials = [
            sympy.Mul(*(s ** int(a) for s, a in zip(symbols, row, strict=True) if a)) for row in self.exponents.array
        ]

        def whole(values):
            numbers = (sympy.nsimplify(c, rational=True) for c in values)
            return sympy.Add(*(c * m for c, m in zip(numbers, monomials, strict=True) if c))

        if not self.value_shape:
            return [whole(row) for row in self.coefficients.array]
        return [sympy.Matrix([whole(column) for column in row.T]) for row in self.coefficients.array]
