"""Many convex promotions at once: a path of weights from a warm start, and weighted resamples side by side."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn.symmetry.promotion.admm import Convex, Minimum, State, minimise, start
from symdyn.symmetry.promotion.coordinates import least_squares
from symdyn.symmetry.promotion.lie_map import LieMap
from symdyn.symmetry.promotion.norms import Block


@partial(jax.jit, static_argnames=("steps",))
def convex_path(problem: Convex, levels: Float[Array, " l"], tolerance, steps: int = 5000) -> Minimum:
    """The minima for all weights in turn, each from the one before; compiled once for a shape.

    Each field of the result has one more axis in front, that of the weights.
    """

    def step(state: State, level):
        found = minimise(problem, level, state, tolerance, steps)
        return found.state, found

    return jax.lax.scan(step, start(problem, levels[0]), levels)[1]


def resampled(
    designs: list[np.ndarray], values: list[np.ndarray], broken: LieMap, blocks: tuple[Block, ...], level: float,
    tolerance: float = 1e-6,
) -> np.ndarray:  # fmt: skip
    """Coefficients (s, N) of several data sets for the same library and candidates, side by side under `vmap`.

    `designs`, `values`: rows of each, as `least_squares` takes them.
    """
    every = [Convex.of(broken, least_squares(x, y, broken), blocks) for x, y in zip(designs, values, strict=True)]
    first = every[0]
    where = jax.tree.map(lambda *x: jnp.stack([jnp.asarray(v) for v in x]), *(each.where for each in every))

    def one(own):
        problem = Convex(own, first.A, first.shift, None, blocks)
        return minimise(problem, level, start(problem, level), tolerance).coefficients

    return np.asarray(jax.jit(jax.vmap(one))(where))
