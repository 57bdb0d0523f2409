"""A law of fields on a grid with ends: finite differences, and values near the ends that are prescribed."""

from __future__ import annotations

from functools import cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import SymdynError
from symdyn._types import double_precision
from symdyn.fields import Fields, Grid
from symdyn.model.fields.given import Given, completed
from symdyn.model.fields.law import FieldLaw, Rule

ACCURACY = 4  # order of the error of differences
DENSE = 800  # unknowns up to which implicit steps, with a dense matrix, are cheap


def on_box(
    law: FieldLaw, start: Fields, first: dict[str, np.ndarray], held: tuple[str, ...], given: Given, times: np.ndarray,
    rtol: float, max_steps: int, boundary: Fields | None, method,
) -> np.ndarray:  # fmt: skip
    """Values (t, f, *space) of the evolving fields. The outermost samples are held, or follow `boundary`."""
    import diffrax

    y0 = np.stack([first[name] for name in law.evolving])
    edge = _edge(law, start.grid)
    with double_precision():
        path = None
        if boundary is not None and boundary.grid.time is not None:
            seen = np.stack([boundary.component(name) for name in law.evolving], axis=1)
            at = jnp.asarray(boundary.grid.time.points)
            path = diffrax.LinearInterpolation(at, jnp.asarray(np.where(edge, seen, 0.0)))
            times = np.asarray(times)
        rates = BoxRates(
            law.rule,
            jnp.asarray(law.coefficients),
            Grid(start.grid.space),
            given,
            {n: jnp.asarray(first[n]) for n in held},
            edge,
            path,
        )
        size = np.abs(y0).max(axis=tuple(range(1, y0.ndim)), keepdims=True)
        scale = rtol * np.where(size > 0, size, size.max() or 1.0)
        if method is None:
            method = diffrax.Kvaerno5() if y0.size <= DENSE else diffrax.Tsit5()
        found, done = _integrator()(
            rates, jnp.asarray(y0), jnp.asarray(times), rtol, jnp.asarray(np.broadcast_to(scale, y0.shape)), method,
            max_steps,
        )  # fmt: skip
        found = np.asarray(found)
    if not done or not np.isfinite(found).all():
        whole = np.isfinite(found).reshape(len(times), -1).all(axis=1)
        raise SymdynError(
            f"the integration stopped at time {times[whole].max(initial=times[0]):g} of {times[-1]:g}: the fields grow "
            "without bound or are too stiff there; shorten the times, or pass method=diffrax.Kvaerno5()"
        )
    return found


def _edge(law: FieldLaw, grid: Grid) -> np.ndarray:
    """Which points are so near to an end that differences would be one-sided, of the shape of space."""
    out = np.zeros([axis.size for axis in grid.space_axes], bool)
    width = (law.order + ACCURACY) // 2
    for k, axis in enumerate(grid.space_axes):
        if axis.period is None and law.order:
            near = np.minimum(np.arange(axis.size), np.arange(axis.size)[::-1]) < width
            out |= near.reshape([-1 if j == k else 1 for j in range(out.ndim)])
    return out


class BoxRates(eqx.Module):
    """The rates of the evolving fields (f, *space) on the points of a grid."""

    rule: Rule = eqx.field(static=True)
    coefficients: Any
    grid: Grid = eqx.field(static=True)
    given: Any = eqx.field(static=True)
    held: dict[str, Any]
    edge: Any
    path: Any

    def whole(self, t, y):
        """The fields with the prescribed values where there are such."""
        return y if self.path is None else jnp.where(self.edge, self.path.evaluate(t), y)

    def __call__(self, t, y, args=None):
        y = self.whole(t, y)
        values = completed(
            self.rule, self.grid, self.given, self.held, {name: y[k] for k, name in enumerate(self.rule.evolving)}
        )
        out = [jnp.zeros_like(y[0]) for _ in self.rule.evolving]
        known: dict[tuple, Any] = {}
        for k, piece in enumerate(self.rule.pieces or ()):
            key = (piece.product, piece.orders)
            if key not in known:
                product = jnp.ones_like(y[0])
                for (name, orders), power in piece.product:
                    factor = self._coordinate(t, name) if orders is None else self._derived(values[name], orders)
                    product = product * factor**power
                known[key] = self._derived(product, piece.orders)
            out[piece.target] = out[piece.target] + self.coefficients[k] * known[key]
        return jnp.where(self.edge, 0.0, jnp.stack(out))

    def _derived(self, values, orders):
        for k, order in enumerate(orders):
            if order:
                values = self.grid.space_axes[k].derivative(values, order, at=k, accuracy=ACCURACY)
        return values

    def _coordinate(self, t, name: str):
        names = [axis.name for axis in self.grid.space_axes]
        if name not in names:
            return t
        points = jnp.asarray(self.grid.space_axes[names.index(name)].points)
        return points.reshape([-1 if each == name else 1 for each in names])


@cache
def _integrator():
    import diffrax

    @eqx.filter_jit
    def integrate(rates, y0, times, rtol, atol, method, max_steps):
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rates), method, times[0], times[-1], None, y0, saveat=diffrax.SaveAt(ts=times, fn=kept),
            args=None, max_steps=max_steps, throw=False,
            stepsize_controller=diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=rtol, atol=atol), step_ts=times
            ),
        )  # fmt: skip
        return jax_map(rates, times, found.ys), found.result == diffrax.RESULTS.successful

    def kept(t, y, args):
        return y

    def jax_map(rates, times, states):
        import jax

        return jax.vmap(rates.whole)(times, states)

    return integrate
