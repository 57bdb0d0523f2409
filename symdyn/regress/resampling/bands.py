"""Many models of an ensemble integrated at once, and the quantiles of what they predict."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.model._simulate import integrated, labelled, read_start, read_times, sizes
from symdyn.model.inputs import input_path, with_first_inputs
from symdyn.model.model import Model

if TYPE_CHECKING:
    from symdyn.regress.resampling.ensemble import Ensemble

REACH = 100.0  # a state beyond the data by this factor has diverged


def simulate(
    ensemble: Ensemble, start, times, *, models: int, inputs, interpolation: str, rtol: float, method, max_steps: int
):
    """Integrate some models of an ensemble: see `Ensemble.simulate`."""
    if isinstance(models, bool) or not isinstance(models, int | np.integer) or not 1 <= models <= ensemble.models:
        raise InputError(f"models must be between 1 and the {ensemble.models} of the ensemble, got {models!r}")
    model = ensemble.model
    model.check_closed()
    t, coordinate = read_times(times, model.time_unit)
    path = input_path(model, inputs, t, interpolation)
    x0, dims = read_start(model.space, with_first_inputs(model, start, path, t[0]))
    size = sizes(model.space, x0)
    limit = REACH * np.maximum(ensemble.extent, size)
    with double_precision():
        if model.discrete:
            states = np.stack([integrated(_single(model, w), x0, t, path=path)[0] for w in ensemble.weights[:models]])
        else:
            numbers = {"x0": x0, "t": t, "rtol": np.asarray(rtol), "atol": rtol * size, "limit": limit}
            states = np.array(_integrator()(model, ensemble.weights[:models], numbers, path, method, max_steps))
    away = np.logical_or.accumulate(~(np.abs(states) <= limit).all(axis=-1), axis=2)
    states[away] = np.nan
    diverged = int(away.any(axis=(1, 2)).sum())
    which = {"model": np.arange(models)}
    out = labelled(model.space, states if dims else states[:, 0], coordinate, which | dims)
    return out.assign_attrs(diverged=diverged)


def _single(model: Model, weights) -> Model:
    return replace(model, weights=weights)


@cache
def _integrator():
    """The compiled integration of many models from many starts: states (models, runs, t, n)."""
    import diffrax
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    @eqx.filter_jit
    def integrate(model, weights, numbers, path, method, max_steps):
        t = numbers["t"]
        away = diffrax.Event(lambda t, y, args, **_: jnp.any(jnp.abs(y) > numbers["limit"]))
        control = diffrax.PIDController(rtol=numbers["rtol"], atol=numbers["atol"])

        def one(w, x):
            law = _single(model, w)
            states: Any = diffrax.diffeqsolve(
                diffrax.ODETerm(law), method or diffrax.Tsit5(), t[0], t[-1], None, x, path,
                saveat=diffrax.SaveAt(ts=t), stepsize_controller=control, event=away, max_steps=max_steps, throw=False,
            ).ys  # fmt: skip
            return jax.vmap(law.given, in_axes=(0, 0, None))(t, states, path)

        return jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))(weights, numbers["x0"])

    return integrate


def quantiles(runs, level: float):
    """The lower, middle and upper quantile over the dimension "model" of a Dataset: dimension "band"."""
    levels = [(1 - level) / 2, 0.5, (1 + level) / 2]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        out = runs.quantile(levels, dim="model", skipna=True, keep_attrs=True)
    out = out.rename(quantile="band").assign_coords(band=["lower", "median", "upper"])
    return out.assign_attrs(runs.attrs | {"level": level})
