"""Rates by the gradient of an energy: Hamiltonian, dissipative, port-Hamiltonian and gradient flows."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._types import Frozen
from symdyn.neural.linear import taken_at
from symdyn.neural.structured.energy import Energy


class EnergyNetwork(eqx.Module):
    r"""dz/dt = K dE/dz - P R(z) P' dE/dz + P G u: a constant matrix K, friction R >= 0, and ports G.

    Hamiltonian flows have the canonical K = [[0, 1], [-1, 0]] and nothing else: dE/dt = 0. Friction acts on the momenta
    P'z, dE/dt = - (P'dE/dz)' R (P'dE/dz) + y'u with y = G'P' dE/dz; gradient flows have K = -1. Made by
    `NeuralLaw.of(kind="hamiltonian" | "dissipative" | "port_hamiltonian" | "gradient")`.

    Attributes
    ----------
    energy: a scalar function of the state (n,).
    structure: Frozen K, (d, n): rows are the targets.
    friction: R as a function of the state, or None.
    port: a linear function from the inputs u to forces on the momenta, or None.
    momenta: Frozen places of the momenta among the state and among the targets, (2, k).
    given: Frozen places of the inputs u in the state.
    pairs: names of coordinates and momenta.
    separable: whether E is a function of coordinates plus one of momenta.

    References: Greydanus, Dzamba, Yosinski 2019, NeurIPS (Hamiltonian networks); van der Schaft, Jeltsema 2014,
    Port-Hamiltonian Systems Theory.
    """

    energy: Energy
    friction: Friction | None
    port: Callable | None
    structure: Frozen = eqx.field(static=True)
    momenta: Frozen = eqx.field(static=True)
    given: Frozen = eqx.field(static=True)
    pairs: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    separable: bool = eqx.field(static=True, default=False)

    def __call__(self, z: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """The rates of the targets at one state (n,)."""
        z = jnp.asarray(z)
        slope = jax.grad(self.energy)(z)
        rates = self.structure.array.astype(z.dtype) @ slope
        if not self.momenta.shape[1]:
            return rates
        state, target = self.momenta.array
        if self.friction is not None:
            rates = rates.at[target].add(-self.friction.force(z, taken_at(slope, state)))
        if self.port is not None:
            rates = rates.at[target].add(self.port(taken_at(z, self.given.array)))
        return rates

    def prepared(self) -> EnergyNetwork:
        """The same with the matrices of its networks written out: for many states at once."""
        out = eqx.tree_at(lambda m: m.energy, self, self.energy.prepared())
        if self.friction is not None:
            out = eqx.tree_at(lambda m: m.friction, out, self.friction.prepared())
        return out


class Friction(eqx.Module):
    r"""R(z) = diag(c(z)) + sum_j w_j(z) w_j(z)' >= 0 on k momenta, with c >= 0 of each block and vectors w_j.

    `network`: gives the numbers that c is made of, then the vectors; `spread` (k, blocks): which momenta share a c.
    """

    network: Callable
    spread: Frozen = eqx.field(static=True)
    places: Frozen = eqx.field(static=True)

    def force(self, z: Array, slope: Array) -> Array:
        """R(z) slope, for the slope (k,) of the energy along the momenta."""
        k, blocks = self.spread.shape
        out = self.network(taken_at(z, self.places.array))
        c = self.spread.array.astype(z.dtype) @ jax.nn.softplus(out[:blocks] - 2.0)  # small at first
        vectors = out[blocks:].reshape(-1, k)
        return c * slope + vectors.T @ (vectors @ slope)

    def prepared(self) -> Friction:
        """The same with the matrices of its network written out."""
        ready = getattr(self.network, "prepared", None)
        return self if ready is None else eqx.tree_at(lambda m: m.network, self, ready())
