"""How exact the steps between nodes are, and how many of them two neighbouring samples need."""

from __future__ import annotations

from math import ceil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._types import double_precision
from symdyn.regress.joint.collocation import Collocation

SHARE = 0.01  # of the noise: the error that one interval between samples may have
MOST = 32  # steps between samples
FINE = 8  # Runge-Kutta steps that stand for the exact flow


def step_errors(problem: Collocation, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The error of the collocation from each node to the next, (T - 1, n), beside eight classical Runge-Kutta steps."""
    grid = problem.grid
    with double_precision():
        return np.asarray(
            _errors(
                problem.field, problem.offset, problem.basis, nodes, weights, grid.steps, grid.inputs, grid.middle
            )
        )  # fmt: skip


def substeps_for(problem: Collocation, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray, now: int) -> int:
    """How many steps between samples make the error small beside the noise, from that of `now` steps (fourth order)."""
    errors = np.abs(step_errors(problem, nodes, weights)) / noise
    return substeps_of(errors[problem.grid.steps > 0].max(axis=1), now)


def substeps_of(errors: np.ndarray, now: int) -> int:
    """The same from the errors of the steps themselves, (T - 1,), in units of the noise."""
    if not np.isfinite(errors).all():
        return min(2 * now, MOST)
    # the law is rough at first: a few wild nodes shall not decide
    share = now * float(np.quantile(errors, 0.95)) / SHARE
    return int(np.clip(ceil(now * share**0.25), 1, MOST))


@eqx.filter_jit
def _errors(field, offset, basis, nodes, weights, steps, inputs, middle):
    field = eqx.tree_at(lambda f: f.coefficients, field, offset + jnp.tensordot(weights, basis, axes=1))

    def one(a, h, u, um, v):
        def inside(s):  # inputs as the parabola through both ends and the middle
            return u + s * (-3 * u + 4 * um - v) + s**2 * (2 * u - 4 * um + 2 * v)

        def step(x, k):
            s, small = k / FINE, h / FINE
            k1 = field.motion(x, inside(s))
            k2 = field.motion(x + small / 2 * k1, inside(s + 0.5 / FINE))
            k3 = field.motion(x + small / 2 * k2, inside(s + 0.5 / FINE))
            k4 = field.motion(x + small * k3, inside(s + 1 / FINE))
            return x + small / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

        b = jax.lax.scan(step, a, jnp.arange(FINE))[0]
        fa, fb = field.motion(a, u), field.motion(b, v)
        fm = field.motion(0.5 * (a + b) + h / 8 * (fa - fb), um)
        return b - a - h / 6 * (fa + 4 * fm + fb)

    return jax.vmap(one)(nodes[:-1], steps, inputs[:-1], middle, inputs[1:])
