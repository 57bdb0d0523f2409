"""Accelerations by the Euler-Lagrange equations of a network."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._types import Frozen
from symdyn.neural.linear import taken_at
from symdyn.neural.structured.energy import Energy


class LagrangianNetwork(eqx.Module):
    r"""a = (d2L/dv2)^{-1} (dL/dq - d2L/dv dq v) with L = |v|^2 / 2 + E(q, v): the energy v dL/dv - L is constant.

    Made by `NeuralLaw.of(kind="lagrangian", kinematics={"position": "velocity"})`. The term |v|^2 / 2 makes the mass
    matrix one at first; training has to keep it away from singular ones.

    Attributes
    ----------
    potential: E, a network of the state (n,).
    positions, velocities: Frozen places of q and of v in the state, (k,); targets are the velocities.

    Reference: Cranmer, Greydanus, Hoyer, Battaglia, Spergel, Ho 2020, Lagrangian neural networks, arXiv:2003.04630.
    """

    potential: Energy
    positions: Frozen = eqx.field(static=True)
    velocities: Frozen = eqx.field(static=True)

    def lagrangian(self, z: Float[Array | np.ndarray, " n"]) -> Float[Array, ""]:
        """L at one state."""
        z = jnp.asarray(z)
        return 0.5 * jnp.sum(taken_at(z, self.velocities.array) ** 2) + self.potential(z)

    def energy(self, z: Float[Array | np.ndarray, " n"]) -> Float[Array, ""]:
        """v dL/dv - L at one state."""
        z = jnp.asarray(z)
        at = self.velocities.array
        return taken_at(z, at) @ taken_at(jax.grad(self.lagrangian)(z), at) - self.lagrangian(z)

    def __call__(self, z: Float[Array | np.ndarray, " n"]) -> Float[Array, " k"]:
        """The accelerations at one state (n,)."""
        z = jnp.asarray(z)
        q, v = self.positions.array, self.velocities.array
        slope, rows = jax.grad(self.lagrangian)(z), taken_at(jax.hessian(self.lagrangian)(z), v)
        right = taken_at(slope, q) - taken_at(rows.T, q).T @ taken_at(z, v)
        return jnp.linalg.solve(taken_at(rows.T, v).T, right)

    def prepared(self) -> LagrangianNetwork:
        """The same with the matrices of its network written out: for many states at once."""
        return eqx.tree_at(lambda m: m.potential, self, self.potential.prepared())
