"""Times of convex promotions: one solve, a path of twenty weights, and compilation.

A vector field in three dimensions (monomials up to degree 5: p = 56 terms a component) or a scalar function of the same
library, candidates aff(3) (g = 12), noisy rows. CPU seconds of the second call, to the duality gap of 1e-4 and 1e-6.

    python tests/benchmarks/promote_speed.py
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np

import symdyn as sd
from symdyn._types import double_precision
from symdyn.symmetry.discovery.fields import monomials_at
from symdyn.symmetry.enforce import bound_conditions
from symdyn.symmetry.promotion.admm import Convex, minimise, start
from symdyn.symmetry.promotion.coordinates import least_squares
from symdyn.symmetry.promotion.ensemble import convex_path
from symdyn.symmetry.promotion.lie_map import lie_map, term_sizes
from symdyn.symmetry.promotion.norms import nuclear
from symdyn.symmetry.promotion.reweighted import log_det


def timed(function) -> tuple[float, float, object]:
    """CPU seconds of the first and the best of three later calls, and the value."""
    spent = []
    for _ in range(4):
        started = time.process_time()
        value = jax.block_until_ready(function())
        spent.append(time.process_time() - started)
    return spent[0], min(spent[1:]), value


def case(vector: bool):
    group, space = sd.Aff(3), sd.StateSpace.of(x=3)
    action = sd.Action(group.acting_on(x=sd.Point).parts)
    asked = {"targets": "x", "values": None} if vector else {"targets": None, "values": sd.Scalar}
    terms, conditions = bound_conditions(sd.Monomials(5), action, space=space, **asked)
    conditions = type(conditions)(conditions.space, conditions.size, conditions.generators, ())
    d, cube = conditions.size, sd.UniformBox()
    sizes = np.repeat(term_sizes(terms, cube), d)
    broken = lie_map(terms, conditions, cube).scaled(1 / sizes)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 3))
    design = np.kron(monomials_at(terms.monomials(), x), np.eye(d)) / sizes
    radial = np.exp(-(x**2).sum(1))[:, None] * (x if vector else 1.0)
    y = (radial + 0.05 * rng.normal(size=radial.shape)).ravel()
    return broken, design / 0.05, y / 0.05


def main() -> None:
    with double_precision():
        for vector in (False, True):
            broken, design, y = case(vector)
            started = time.process_time()
            where, blocks = least_squares(design, y, broken), nuclear(broken.columns)
            ready = time.process_time() - started
            problem = Convex.of(broken, where, blocks)
            k, g = broken.shift.shape
            print(
                f"{'vector' if vector else 'scalar'}: N = {broken.size}, g = {g}, k = {k}; factorisation {ready:.4f} s"
            )
            for tolerance in (1e-4, 1e-6):
                level = jnp.asarray(10.0)
                first, later, found = timed(lambda: minimise(problem, level, start(problem, level), tolerance))  # noqa: B023
                levels = jnp.geomspace(1e3, 1e-1, 20)
                _, path, _ = timed(lambda: convex_path(problem, levels, tolerance))  # noqa: B023
                print(
                    f"  gap {tolerance:g}: {1e3 * later:.1f} ms a solve ({int(found.iterations)} iterations; the first "
                    f"{first:.1f} s with compilation), {path:.3f} s a path of 20"
                )
            _, later, _ = timed(lambda: log_det(broken, where, blocks, 10.0))  # noqa: B023
            print(f"  log-det: {later:.3f} s")


if __name__ == "__main__":
    main()
