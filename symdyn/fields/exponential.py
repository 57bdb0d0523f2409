r"""Integration of waves in time by diffrax: the stiff linear part exactly, the rest by a Runge-Kutta pair.

For $\dot c = \lambda c + N(t, c)$ with one number $\lambda$ for each wave each step goes over to $v = e^{-\lambda (t -
t_n)} c$, for which $\dot v = e^{-\lambda (t - t_n)} N$, and takes a step of Tsitouras' pair of order 5(4) there (Lawson
1967, SIAM J. Numer. Anal. 4, 372). Written in $c$ only factors $e^{\lambda h (c_i - c_j)}$ of later and earlier stages
occur, so that damping, however strong, never overflows. diffrax controls the step by the error of the pair.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from symdyn._errors import SymdynError
from symdyn._types import double_precision

GROWTH = 1e8  # times the largest coefficient at the start: solutions that grow without bound end there


@cache
def exponential_solver():
    """The class of the solver: made when it is needed, since diffrax is not imported with the package."""
    import diffrax
    import jax
    import jax.numpy as jnp

    tableau: Any = diffrax.Tsit5.tableau
    steps = np.diff(np.r_[0.0, tableau.c])

    class Exponential(diffrax.AbstractAdaptiveSolver):
        """State and `rate` (2, ...): real and imaginary parts, as is the linear part."""

        linear: Any

        term_structure = diffrax.ODETerm
        interpolation_cls = diffrax.LocalLinearInterpolation

        def order(self, terms):
            return 5

        def error_order(self, terms):
            return 5

        def init(self, terms, t0, t1, y0, args):
            return terms.vf(t0, y0, args)

        def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
            h, rate = t1 - t0, jax.lax.complex(*self.linear)
            kept = [jax.lax.complex(*y0), jax.lax.complex(*solver_state)]
            after = y0
            for k, (gap, row) in enumerate(zip(steps, tableau.a_lower, strict=True)):
                if gap:
                    factor = jnp.exp(rate * (h * gap))
                    kept = [each * factor for each in kept]
                stage = kept[0] + h * sum(float(a) * each for a, each in zip(row, kept[1:], strict=True))
                after = jnp.stack([jnp.real(stage), jnp.imag(stage)])
                kept.append(jax.lax.complex(*terms.vf(t0 + h * float(tableau.c[k]), after, args)))
            error = h * sum(float(b) * each for b, each in zip(tableau.b_error, kept[1:], strict=True))
            last = jnp.stack([jnp.real(kept[-1]), jnp.imag(kept[-1])])
            error = jnp.stack([jnp.real(error), jnp.imag(error)])
            return after, error, {"y0": y0, "y1": after}, last, diffrax.RESULTS.successful

        def func(self, terms, t0, y0, args):
            return terms.vf(t0, y0, args)

    return Exponential


@cache
def _integrator():
    import diffrax
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    def largest(y):
        return jnp.max(jnp.where(jnp.isnan(y), jnp.inf, jnp.abs(y)))  # what is not a number is a step too long

    @eqx.filter_jit
    def integrate(rates, linear, y0, times, rtol, atol, max_steps):
        control = diffrax.PIDController(rtol=rtol, atol=atol, norm=largest)
        control = diffrax.ClipStepSizeController(control, step_ts=times)
        solver, most = exponential_solver()(linear), GROWTH * jnp.max(jnp.abs(y0))
        rate = jax.jit(rates.__call__)  # traced once for all stages of a step
        term = diffrax.ODETerm(lambda t, y, args: rate(t, y))
        found = diffrax.diffeqsolve(
            term, solver, times[0], times[-1], None, y0, saveat=diffrax.SaveAt(ts=times), max_steps=max_steps,
            throw=False, stepsize_controller=control, event=diffrax.Event(lambda t, y, args, **_: largest(y) > most),
        )  # fmt: skip
        return found.ys, found.result == diffrax.RESULTS.successful, found.stats["num_steps"]

    return integrate


def integrated_waves(
    rates, linear: np.ndarray, start: np.ndarray, times: np.ndarray, *, rtol: float = 1e-8, max_steps: int = 200_000
) -> np.ndarray:
    """Coefficients (t, ..., *waves) at the times, from complex ones (..., *waves) at the first.

    `rates`: an Equinox module or a function `(t, y) -> dy/dt` of real and imaginary parts, (2, ..., *waves), without
    the linear part; `linear`: complex, (..., *waves). The absolute tolerance is rtol times the largest coefficient of
    each field. Raises SymdynError where the integration stops early.
    """
    import jax.numpy as jnp

    y0 = np.stack([np.real(start), np.imag(start)])
    size = np.abs(start).max(axis=tuple(range(1, start.ndim)), keepdims=True)
    size = np.where(size > 0, size, size.max() or 1.0)
    with double_precision():
        found, done, _ = _integrator()(
            rates, jnp.asarray(np.stack([np.real(linear), np.imag(linear)])), jnp.asarray(y0), jnp.asarray(times), rtol,
            jnp.asarray(np.broadcast_to(rtol * size, start.shape)), max_steps,
        )  # fmt: skip
        found = np.asarray(found)
    whole = np.isfinite(found).reshape(len(times), -1).all(axis=1)
    if not done or not whole.all():
        raise SymdynError(
            f"the integration stopped at time {times[whole].max(initial=times[0]):g} of {times[-1]:g}: the fields grow "
            "without bound or become too steep there; shorten the times, or take more points or a larger rtol"
        )
    return found[:, 0] + 1j * found[:, 1]
