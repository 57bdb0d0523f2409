"""Forces between the members of a system: one term, hence one coefficient, per source."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable
from symdyn.library._base import AbstractLibrary, AbstractTerms
from symdyn.library.covariant import number_text


class PairTerms(AbstractTerms):
    """Values of `PairForces`: term j is the field of source j at every body, zero at itself."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)
    variable: str = eqx.field(static=True)
    power: float = eqx.field(static=True)

    @property
    def _variable(self) -> Variable:
        return self.space[self.variable]

    def __call__(self, x):
        bodies = self._variable.shape[0]
        r = x[self.space.slice(self.variable)].reshape(self._variable.shape)
        apart = r[:, None, :] - r[None, :, :]  # [source, body, component]
        square = jnp.sum(apart**2, axis=-1)
        itself = jnp.eye(bodies, dtype=bool)
        strength = jnp.where(itself, 0.0, jnp.where(itself, 1.0, square) ** (self.power / 2))
        return (strength[..., None] * apart).reshape(bodies, -1)

    def to_sympy(self, symbols: tuple) -> list:
        import sympy

        shape = self._variable.shape
        r = np.array(symbols[self.space.slice(self.variable)], dtype=object).reshape(shape)
        out = []
        for j in range(shape[0]):
            rows = []
            for i in range(shape[0]):
                apart = sympy.Matrix(r[j] - r[i])
                rows.append(apart * 0 if i == j else apart * apart.dot(apart) ** (sympy.nsimplify(self.power) / 2))
            out.append(sympy.Matrix.vstack(*rows))
        return out


@dataclass(frozen=True)
class PairForces(AbstractLibrary):
    """Central forces between bodies: sum over sources j of w_j (r_j - r_i) |r_j - r_i|^power.

    `variable` names positions of shape (body, component); the coefficients w_j are the sources' strengths
    (with power = -3 the gravitational parameters G M_j).

    Examples
    --------
    >>> import symdyn as sd
    >>> bodies = sd.Variable("position", ("body", "component"), (("sun", "earth"), ("x", "y", "z")))
    >>> sd.PairForces("position").on(sd.StateSpace((bodies,))).size
    2
    """

    variable: str
    power: float = -3.0

    def on(self, space: StateSpace) -> PairTerms:
        if len(space[self.variable].shape) != 2:
            raise InputError(
                f"PairForces needs {self.variable!r} with the dimensions (body, component), got "
                f"{space[self.variable].dims or 'a scalar'}; keep the body dimension in the state with trajectories=()"
            )
        bodies, r, k = space[self.variable].labels[0], self.variable, number_text(self.power)
        bold = rf"\mathbf{{{r}}}"
        sources = [rf"{bold}_{{\mathrm{{{body}}}}}" for body in bodies]
        return PairTerms(
            space=space,
            names=tuple(f"({r}_{body} - {r}) |{r}_{body} - {r}|^{k}" for body in bodies),
            latex=tuple(rf"({s} - {bold})\,|{s} - {bold}|^{{{k}}}" for s in sources),
            value_shape=(space[r].size,),
            variable=r,
            power=float(self.power),
        )
