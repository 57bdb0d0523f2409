"""Trajectories of known systems, integrated on request: data with a truth, at any resolution and noise.

`SYSTEMS` holds the systems by name, with their variables, parameters and equations. Everything is without units.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn.data._names import unknown_name
from symdyn.data._systems import SYSTEMS, System

if TYPE_CHECKING:
    import jax
    import xarray as xr

__all__ = ["SYSTEMS", "System", "make_dataset"]

_TOLERANCE = 1e-10
_MAX_STEPS = 200_000  # besides those that end on the output times


def make_dataset(
    system: str,
    *,
    times: Any = None,
    start: Any = None,
    trajectories: int | None = None,
    noise: float = 0.0,
    rates: bool = False,
    key: jax.Array | None = None,
    **parameters: float,
) -> xr.Dataset:
    r"""Simulate a system: Dopri8 in float64 with tolerances of 1e-10, every output time being the end of a step.

    Parameters
    ----------
    system: a name out of `symdyn.data.systems.SYSTEMS`.
    times: instants, (time,), increasing; the first is that of the start. Each system has its own default.
    start: initial values: a mapping from variables to arrays, (component,) or (), or one flat array, (state,), in
        the order of the variables; with a leading axis for several trajectories. Each system has a default.
    trajectories: this many random starts instead of `start`, drawn with `key`.
    noise: standard deviation of white noise, added to the variables alone, as a fraction of the root mean square of
        the variable over times, trajectories and components (one level per variable, so that it has no direction).
    rates: whether to add `<name>_rate`, the exact right-hand side on the clean states, with `measured_rate_of` set, for
        each variable whose rate is not itself a variable (the velocity is the rate of the position).
    key: JAX PRNG key; needed for noise and for random starts.
    **parameters: by name; see `SYSTEMS[system].parameters`.

    Returns a Dataset whose variables have dims (time,) or (time, component), after `trajectory` when `trajectories`
    is given or `start` has a leading axis.

    Raises InputError for an unknown system or parameter, times or starts of the wrong form, or a key that is
    missing; SymdynError for the solution cannot be continued to the last time.

    >>> import jax
    >>> from symdyn.data.systems import make_dataset
    >>> ds = make_dataset("kepler", times=[0.0, 0.5, 1.0], trajectories=4, noise=0.01, key=jax.random.key(0))
    >>> dict(ds.sizes), list(ds.data_vars)
    ({'trajectory': 4, 'time': 3, 'component': 3}, ['position', 'velocity'])
    """
    import jax

    entry = SYSTEMS.get(system)
    if entry is None:
        raise InputError(unknown_name("system", system, SYSTEMS))
    values, clock = parameters_of(entry, parameters, make_dataset), times_of(entry, times)
    _check(start, trajectories, noise, key)
    with jax.enable_x64(True):
        # without a key nothing is drawn (checked above), and any key will do
        start_key, noise_key = jax.random.split(jax.random.key(0) if key is None else key)
        if trajectories is None:
            first = _start(entry, start)
        else:
            first = jax.jit(jax.vmap(lambda k: entry.sample(k, values)))(jax.random.split(start_key, trajectories))
        single = first.ndim == 1 + bool(entry.components)
        # the end is repeated up to one of a few lengths, each of which is compiled once
        padded = np.append(clock, np.full(_length(len(clock)) - len(clock), clock[-1]))
        states, slopes, done = _integrator(system)(first[None] if single else first, padded, values)
        states, slopes = (np.array(each)[:, :, : len(clock)] for each in (states, slopes))
        done = np.array(done)
        if not done.all():
            stuck = np.flatnonzero(~done).tolist()
            raise SymdynError(
                f"{system}: trajectories {stuck} cannot be continued to t = {clock[-1]:g} in {_MAX_STEPS} steps"
            )
        levels = noise * np.sqrt(np.mean(states**2, axis=(0, *range(2, states.ndim))))  # one for each variable
        if noise > 0:
            draws = np.asarray(jax.random.normal(noise_key, states.shape, "float64"))
            states += levels.reshape(-1, *[1] * (states.ndim - 2)) * draws
    arrays = dict(zip(entry.variables, np.moveaxis(states, 1, 0), strict=True))
    if rates:
        slopes_by_name = zip(entry.variables, np.moveaxis(slopes, 1, 0), strict=True)
        arrays |= {f"{name}_rate": s for name, s in slopes_by_name if name not in dict(entry.kinematics)}
    ds = _dataset(entry, arrays, clock, single)
    if noise > 0:
        for name, level in zip(entry.variables, levels, strict=True):
            ds[name].attrs["noise_std"] = float(level)
    return ds.assign_attrs(noise=float(noise), parameters=json.dumps(values))


def _length(t: int) -> int:
    """The next power of two, and at least 16."""
    return max(16, 1 << (t - 1).bit_length())


def _check(start: Any, trajectories: int | None, noise: float, key: Any) -> None:
    if not (np.isfinite(noise) and noise >= 0):
        raise InputError(f"`noise` must be a fraction of the signal, zero or more; got {noise!r}")
    if trajectories is not None and (start is not None or trajectories < 1):
        raise InputError(f"give `start` or a positive number of `trajectories`; got {start!r} and {trajectories!r}")
    if key is None and (noise > 0 or trajectories is not None):
        what = "noise" if noise > 0 else "a random start (`trajectories`)"
        raise InputError(f"{what} needs `key`, for example key=jax.random.key(0)")


def _dataset(entry: System, arrays: dict[str, np.ndarray], clock: np.ndarray, single: bool) -> xr.Dataset:
    import xarray as xr

    dims = ("trajectory", "time", "component")[: 2 + bool(entry.components)]
    shape = next(iter(arrays.values())).shape
    coords: dict[str, Any] = {"time": ("time", clock, {"axis": "T", "units": "1", "long_name": "time"})}
    if not single:
        labels = {"cf_role": "trajectory_id", "long_name": "trajectory"}
        coords = {"trajectory": ("trajectory", np.arange(shape[0]), labels)} | coords
    if entry.components:
        names = entry.components if len(entry.components) == shape[-1] else tuple(range(shape[-1]))
        coords["component"] = ("component", list(names), {"long_name": "component"})
    attrs = {"system": entry.name, "title": entry.title, "equations": entry.equations, "references": entry.citation}
    attrs["source"] = f"simulated by symdyn with diffrax: Dopri8, rtol = atol = {_TOLERANCE:g}"
    ds = xr.Dataset(coords=coords, attrs=attrs)
    for name, values in arrays.items():
        ds[name] = (dims[1:], values[0]) if single else (dims, values)
        ds[name].attrs = {"units": "1", "long_name": name.replace("_", " ")}
        if name.endswith("_rate"):
            ds[name].attrs["measured_rate_of"] = name.removesuffix("_rate")
    for variable, rate in entry.kinematics:
        ds[rate].attrs["rate_of"] = variable
    return ds


@functools.cache
def _integrator(system: str) -> Callable[..., tuple[Any, Any, Any]]:
    """`(starts, times, parameters)` to states and rates, (trajectory, variable, time[, component]), and success."""
    import diffrax
    import jax
    import jax.numpy as jnp

    rhs = SYSTEMS[system].rhs

    @jax.jit
    def field(t, y, p):
        return jnp.stack(rhs(t, *y, **p))

    def one(y0, times, p):
        # diffrax interpolates Dopri8 to about 1e-8 only; steps that end on the output times keep the full order.
        control = diffrax.PIDController(rtol=_TOLERANCE, atol=_TOLERANCE)
        control = diffrax.ClipStepSizeController(control, step_ts=times)
        term, save = diffrax.ODETerm(field), diffrax.SaveAt(ts=times)
        settings = {
            "saveat": save,
            "stepsize_controller": control,
            "max_steps": _MAX_STEPS + 4 * times.size,
            "throw": False,
        }
        found = diffrax.diffeqsolve(
            term, diffrax.Dopri8(), times[0], times[-1], None, y0, p, adjoint=diffrax.ForwardMode(), **settings
        )
        states: Any = found.ys
        rates = jax.vmap(field, in_axes=(0, 0, None))(times, states, p)
        done = (found.result == diffrax.RESULTS.successful) & jnp.isfinite(states).all()
        return jnp.moveaxis(states, 0, 1), jnp.moveaxis(rates, 0, 1), done

    return jax.jit(jax.vmap(one, in_axes=(0, None, None)))


def parameters_of(entry: Any, given: Mapping[str, Any], maker: Any) -> dict[str, float]:
    """The parameters of a system with those given; `maker` is the function whose options a message lists."""
    defaults = entry.parameters
    for name, value in given.items():
        if name not in defaults:
            arguments = inspect.signature(maker).parameters.values()
            options = tuple(a.name for a in arguments if a.kind is a.KEYWORD_ONLY)
            raise InputError(unknown_name(f"parameter or option of {entry.name!r}", name, (*defaults, *options)))
        if np.ndim(value) or not np.isfinite(value):
            raise InputError(f"parameter {name!r} of {entry.name!r} must be a finite number, got {value!r}")
    return defaults | {name: float(value) for name, value in given.items()}


def times_of(entry: Any, times: Any) -> np.ndarray:
    """The instants asked for, or those of the system's own span."""
    if times is None:
        end, step = entry.span
        return np.linspace(0.0, end, round(end / step) + 1)
    out = np.asarray(times, np.float64)
    if out.ndim != 1 or out.size < 2 or not (np.isfinite(out).all() and (np.diff(out) > 0).all()):
        raise InputError(f"`times` must be at least two finite, increasing numbers; got shape {out.shape}")
    return out


def _start(entry: System, start: Any) -> np.ndarray:
    """Initial values, ([trajectory,] variable[, component])."""
    names, default = entry.variables, np.asarray(entry.start, np.float64)
    if start is None:
        return default
    vectors = bool(entry.components)
    try:
        if isinstance(start, Mapping):
            if set(start) != set(names):
                raise ValueError(f"it names {', '.join(map(str, start))}")
            parts = np.broadcast_arrays(*(np.asarray(start[name], np.float64) for name in names))
            out = np.stack(parts, axis=-1 - vectors)
        else:
            out = np.asarray(start, np.float64)
            out = out.reshape(*out.shape[:-1], len(names), -1) if vectors else out
        core = out.shape[-default.ndim :]
        if core != default.shape and not (entry.resizable and core[-1] >= 4):
            raise ValueError(f"its shape is {np.shape(out)}")
        if out.ndim > default.ndim + 1 or out.size == 0 or not np.isfinite(out).all():
            raise ValueError("it is empty, not finite or of too many dimensions")
    except (ValueError, TypeError, np.exceptions.AxisError) as error:
        raise InputError(
            f"`start` of {entry.name!r} must hold finite numbers: a mapping from {', '.join(names)}, or an array of "
            f"shape ({default.size},) or (trajectory, {default.size}). {error}"
        ) from error
    return out
