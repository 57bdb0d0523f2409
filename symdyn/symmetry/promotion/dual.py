r"""The same convex problem by accelerated projected gradients on its dual, where the data determine every direction.

The dual of loss + lambda |M(c)| is to maximise -|linear - T'A'Psi|^2_(1/t) / 2 + <Psi, m> over multipliers of dual norm
at most lambda. Its gradient is M(c) at q = (linear - T'A'Psi) / t; the projection onto the ball is what the proximal
map leaves (Moreau). Steps as in Beck and Teboulle 2009, SIAM Journal on Imaging Sciences 2, 183 (FISTA), begun anew
when the gradient turns against the last step.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from symdyn.symmetry.promotion.admm import Convex, Minimum, State
from symdyn.symmetry.promotion.norms import shrunk

ROUND = 20  # iterations between two looks at the gap


@partial(jax.jit, static_argnames=("steps",))
def dual_minimise(problem: Convex, level, tolerance, steps: int = 20000) -> Minimum:
    """The minimum for the weight `level`; the gap is at most tolerance times the objective, or `steps` were made.

    For problems without an l1 norm, and with t > 0 in all coordinates (more independent rows than unknowns).
    """
    w = problem.where
    used = w.t > 0
    t = jnp.where(used, w.t, 1.0)
    length = 1 / jnp.max(jnp.where(used, w.p / t, 0.0))
    nothing = jnp.zeros(problem.A.size)

    def solution(Psi):
        return jnp.where(used, (w.linear - problem.pulled(Psi, nothing)) / t, 0.0)

    def step(carry):
        Psi, ahead, k = carry
        raised = ahead + length * problem.matrix(solution(ahead))
        new = raised - shrunk(raised, level, problem.blocks)
        turned = jnp.sum((raised - ahead) * (new - Psi)) < 0
        k = jnp.where(turned, 1.0, k)
        k_new = (1 + jnp.sqrt(1 + 4 * k**2)) / 2
        return new, new + (k - 1) / k_new * (new - Psi), k_new

    def round_(carry):
        state, _, _, count = carry
        state = jax.lax.fori_loop(0, ROUND, lambda _, s: step(s), state)
        q = solution(state[0])
        objective = problem.objective(q, level)
        return state, objective, objective - problem.bound(q, state[0], nothing, level), count + ROUND

    def going(carry):
        _, objective, gap, count = carry
        return (count == 0) | ((gap > tolerance * jnp.abs(objective)) & (count < steps))

    zero = jnp.zeros_like(problem.shift)
    first = ((zero, zero, jnp.ones(())), jnp.asarray(jnp.inf), jnp.asarray(jnp.inf), jnp.zeros((), jnp.int32))
    (Psi, _, _), objective, gap, count = jax.lax.while_loop(going, round_, first)
    q = solution(Psi)
    M = problem.matrix(q)
    state = State(q, M, Psi, nothing, nothing, jnp.ones(()))
    return Minimum(problem.coefficients(q), M, objective, gap, count, state)
