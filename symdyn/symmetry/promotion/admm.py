r"""min over c of loss(c) + lambda (sum over blocks |M(c)|_block + |S c|_1), M(c) = A c + m, with a certificate.

The alternating direction method of multipliers (Boyd et al. 2011, Foundations and Trends 3, sections 3.3 and 3.4) on
Z = M(c), u = S c: the c-step is diagonal in the coordinates of `coordinates`, so the penalty rho may change at no
cost; the Z-step lowers singular values. Its multiplier Psi = rho Y has dual norm at most lambda. Moved into the range
that the loss admits and scaled back, it gives a lower bound of the minimum,

    <Psi, m> + constant - sum_k (linear - T'A'Psi)_k^2 / 2 t_k,

and the difference to the objective, the duality gap, bounds how far the objective is from its minimum.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from symdyn.symmetry.promotion.coordinates import Coordinates, Map
from symdyn.symmetry.promotion.lie_map import LieMap
from symdyn.symmetry.promotion.norms import Block, dual_value, shrunk, value

ROUND = 10  # iterations between two looks at residuals and gap
RELAXED = 1.7  # over-relaxation


class State(NamedTuple):
    """Split variables and scaled multipliers: the start of the next, similar problem."""

    q: Float[Array, " r"]
    Z: Float[Array, "k g"]
    Y: Float[Array, "k g"]
    u: Float[Array, " N"]
    v: Float[Array, " N"]
    rho: Float[Array, ""]


class Minimum(NamedTuple):
    """A minimum: coefficients, the split matrix (exactly of low rank), objective, duality gap, iterations, state."""

    coefficients: Float[Array, " N"]
    Z: Float[Array, "k g"]
    objective: Float[Array, ""]
    gap: Float[Array, ""]
    iterations: Float[Array, ""]
    state: State


class Convex(eqx.Module):
    """The problem: coordinates, the map A with its shift m, the weights of the l1 norm (None: no such norm), blocks."""

    where: Coordinates
    A: Map
    shift: Float[Array, "k g"]
    sparsity: Float[Array, " N"] | None
    blocks: tuple[Block, ...] = eqx.field(static=True)

    def coefficients(self, q):
        """c = origin + T q."""
        return self.where.origin + self.where.T @ q

    def matrix(self, q):
        """M(c)."""
        return self.A(self.coefficients(q)) + self.shift

    def objective(self, q, level):
        """Loss plus penalty."""
        w = self.where
        loss = 0.5 * jnp.sum(w.t * q**2) - w.linear @ q + w.constant
        return loss + level * self.penalty(q)

    def penalty(self, q):
        """The sum of the norms."""
        total = value(self.matrix(q), self.blocks)
        return total if self.sparsity is None else total + jnp.sum(jnp.abs(self.sparsity * self.coefficients(q)))

    def pulled(self, Psi, nu):
        """T'(A'Psi + S nu)."""
        back = self.A.adjoint(Psi)
        return self.where.T.T @ (back if self.sparsity is None else back + self.sparsity * nu)

    def bound(self, q, Psi, nu, level):
        """A lower bound of the minimum from multipliers; q says what they are moved to where the data say little."""
        w = self.where
        miss = w.linear - w.t * q - self.pulled(Psi, nu)
        move = w.T @ jnp.where(w.p > 0, miss / jnp.where(w.p > 0, w.p, 1.0), 0.0)
        Psi = Psi + self.A(move)
        size = dual_value(Psi, self.blocks)
        if self.sparsity is not None:
            nu = nu + self.sparsity * move
            size = jnp.maximum(size, jnp.max(jnp.abs(nu)))
        factor = jnp.minimum(1.0, level / jnp.maximum(size, 1e-300))
        Psi, nu = factor * Psi, factor * nu
        left = w.linear - self.pulled(Psi, nu)
        start = jnp.sum(Psi * (self.A(w.origin) + self.shift))
        if self.sparsity is not None:
            start = start + jnp.sum(nu * self.sparsity * w.origin)
        return w.constant + start - 0.5 * jnp.sum(jnp.where(w.t > 0, left**2 / jnp.where(w.t > 0, w.t, 1.0), 0.0))

    @classmethod
    def of(
        cls, broken: LieMap, where: Coordinates, blocks: tuple[Block, ...], sparsity: np.ndarray | None = None
    ) -> Convex:
        """From arrays of NumPy, with shapes that do not depend on how many samples there are."""
        where = jax.tree.map(jnp.asarray, where.padded())
        sizes = None if sparsity is None else jnp.asarray(sparsity)
        return cls(where, Map.of(broken), jnp.asarray(broken.shift), sizes, blocks)


def start(problem: Convex, level: Float[ArrayLike, ""]) -> State:
    """The fit without a penalty (the shortest interpolation) as a first guess."""
    w = problem.where
    q = jnp.where(w.t > 1e-8, w.linear / jnp.where(w.t > 1e-8, w.t, 1.0), 0.0)
    Z = problem.matrix(q)
    u = jnp.zeros(problem.A.size) if problem.sparsity is None else problem.sparsity * problem.coefficients(q)
    typical = jnp.sqrt(jnp.mean(jnp.sum(Z**2, axis=0)))
    rho = jnp.asarray(level / jnp.maximum(0.3 * typical, 1e-300))
    return State(q, Z, jnp.zeros_like(Z), u, jnp.zeros_like(u), rho)


@partial(jax.jit, static_argnames=("steps",))
def minimise(problem: Convex, level, begin: State, tolerance, steps: int = 5000) -> Minimum:
    """The minimum for the weight `level`, from a state; the gap is at most tolerance times the objective, or `steps`
    iterations were made."""
    w, l1 = problem.where, problem.sparsity is not None

    def step(s: State) -> tuple[State, Array, Array]:
        rho = s.rho
        to_Z, to_u = s.Z - problem.shift - s.Y, s.u - s.v
        fixed = problem.A(w.origin)
        nu = (to_u - problem.sparsity * w.origin) if l1 else to_u  # pyright: ignore[reportOptionalOperand]
        q = (w.linear + rho * problem.pulled(to_Z - fixed, nu)) / (w.t + rho * w.p)
        M = problem.matrix(q)
        relaxed = RELAXED * M + (1 - RELAXED) * s.Z
        Z = shrunk(relaxed + s.Y, level / rho, problem.blocks)
        Y = s.Y + relaxed - Z
        u, v = s.u, s.v
        if l1:
            assert problem.sparsity is not None
            x = RELAXED * problem.sparsity * problem.coefficients(q) + (1 - RELAXED) * s.u
            u = jnp.sign(x + s.v) * jnp.maximum(jnp.abs(x + s.v) - level / rho, 0.0)
            v = s.v + x - u
        return State(q, Z, Y, u, v, rho), jnp.sqrt(jnp.sum((M - Z) ** 2)), rho * jnp.sqrt(jnp.sum((Z - s.Z) ** 2))

    def round_(carry):
        s, _, _, count = carry

        def body(_, inner):
            return step(inner[0])

        s, primal, dual = jax.lax.fori_loop(0, ROUND, body, (s, jnp.zeros(()), jnp.zeros(())))
        objective = problem.objective(s.q, level)
        gap = objective - problem.bound(s.q, s.rho * s.Y, s.rho * s.v, level)
        scale_p = primal / jnp.maximum(jnp.sqrt(jnp.sum(s.Z**2)), 1e-300)
        scale_d = dual / jnp.maximum(s.rho * jnp.sqrt(jnp.sum(s.Y**2)), 1e-300)
        ratio = jnp.sqrt(jnp.maximum(scale_p, 1e-14) / jnp.maximum(scale_d, 1e-14))
        change = jnp.where((ratio > 2) | (ratio < 0.5), jnp.clip(ratio, 0.2, 5.0), 1.0)
        change = jnp.where(count < 0.6 * steps, change, 1.0)  # in the end it stays, so that the iteration converges
        s = s._replace(rho=s.rho * change, Y=s.Y / change, v=s.v / change)
        return s, objective, gap, count + ROUND

    def going(carry):
        _, objective, gap, count = carry
        return (count == 0) | ((gap > tolerance * jnp.abs(objective)) & (count < steps))

    first = (begin, jnp.asarray(jnp.inf), jnp.asarray(jnp.inf), jnp.zeros((), jnp.int32))
    s, objective, gap, count = jax.lax.while_loop(going, round_, first)
    return Minimum(problem.coefficients(s.q), s.Z, objective, gap, count, s)
