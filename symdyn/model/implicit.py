"""A law that is linear in the rates, but not solved for them, as a vector field."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._types import StateSpace
from symdyn.library import AbstractTerms
from symdyn.model.model import AbstractModel
from symdyn.symmetry import Subspace


class ImplicitModel(AbstractModel):
    r"""A vector field dx/dt = M(x)^{-1} f(x) from d equations that are linear in the d rates.

    With the terms $\theta_k$ of the state and the factors $\psi_k$ of the rates, equation e is

    $$\sum_{i,k} A_{ike}\, \psi_k(x)\, \dot x_i + \sum_k B_{ke}\, \theta_k(x) = 0 .$$

    `coefficients` (q, d) holds B above A, the rates in turn. Where no equation has a rate but its own, M is diagonal
    and each rate is a quotient.

    Attributes
    ----------
    weights: the free coefficients, (r,), the only array leaves.
    terms: the terms of the state, p in number.
    factors: the factors of the rates, one set for all rates.
    subspace: where the coefficients (q, d) lie; its offset holds the coefficient 1 of each left-hand side.
    space: the whole state, in the order of the vector x of size n.
    targets: the variables whose rates the equations give.
    kinematics: pairs (a, b): the rate of a is b.
    time_unit: the unit of t.
    inputs, clock, discrete: as in `Model`.
    """

    weights: Any
    terms: AbstractTerms
    factors: AbstractTerms
    subspace: Subspace = eqx.field(static=True)
    space: StateSpace = eqx.field(static=True)
    targets: tuple[str, ...] = eqx.field(static=True)
    kinematics: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    time_unit: str = eqx.field(static=True, default="")
    inputs: tuple[str, ...] = eqx.field(static=True, default=())
    clock: str = eqx.field(static=True, default="")
    discrete: bool = eqx.field(static=True, default=False)

    @property
    def coefficients(self):
        """Coefficients of the terms and of the factors of each rate, (q, d): a column for each equation."""
        return self.subspace.expand(self.weights)

    @property
    def coupled(self) -> bool:
        """Whether some equation has the rate of another one."""
        p, d = self.terms.size, self.subspace.shape[1]
        used = np.asarray(self.subspace.offset) != 0
        used |= (np.asarray(self.subspace.basis) != 0).any(axis=0)
        own = used[p:].reshape(d, -1, d).any(axis=1)
        return bool((own & ~np.eye(d, dtype=bool)).any())

    def mass(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, "d d"]:
        """M(x), (equation, rate): what multiplies the rates."""
        d = self.subspace.shape[1]
        table = self.coefficients[self.terms.size :].reshape(d, -1, d)
        return jnp.einsum("k,ike->ei", self.factors(self._inputs(x)), table)

    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""
        right = -(self.terms(self._inputs(x)) @ self.coefficients[: self.terms.size])
        left = self.mass(x)
        return jnp.linalg.solve(left, right) if self.coupled else right / jnp.diagonal(left)

    def _inputs(self, x):
        return x if self.terms.space == self.space else x[self.space.indices(self.terms.space.names)]
