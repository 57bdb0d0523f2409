"""Integrate a model through diffrax, with labelled data in and out."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn._types import StateSpace, double_precision
from symdyn.model.inputs import input_path, with_first_inputs
from symdyn.model.model import AbstractModel
from symdyn.model.projection import kept, projecting, quantities_of
from symdyn.model.symplectic import Symplectic


def simulate(
    model: AbstractModel,
    start,
    times,
    *,
    inputs=None,
    interpolation: str = "cubic",
    rtol: float = 1e-9,
    method=None,
    step: float | None = None,
    conserved=None,
    max_steps: int = 1_000_000,
):
    """Integrate a law from a start, in float64; a discrete law is iterated.

    Parameters
    ----------
    model: what `identify` found (`solution.model`).
    start: the initial state: a Dataset with the state variables at one time (further dimensions are trajectories,
        integrated together), a dict of arrays by variable name, or an array of shape (n,) or (runs, n).
    times: where the states are wanted, increasing; shape (t,), numbers in the model's time unit or datetime64. The
        first one is the time of `start`. A discrete law takes one step from each to the next.
    inputs: what is given from outside while the law runs (controls, parameters): a mapping of variable names to
        numbers, arrays over `times` of shape (t,) or (t, k), or functions of the time; or a Dataset with its own
        times, which must cover these. Without it every input keeps the value that `start` has.
    interpolation: of sampled inputs: "cubic" (Hermite, with backward differences) or "linear".
    rtol: relative tolerance; the absolute one is rtol times the size of each variable at the start.
    method: a diffrax solver; `diffrax.Dopri8()` by default (for stiff laws try `diffrax.Kvaerno5()`), or
        `sd.Symplectic()`.
    step: a fixed length of steps instead of an adaptive one, in the model's time unit; steps are shortened so that a
        whole number of them reaches each of the times. Symplectic methods need it.
    conserved: quantities that each step keeps at their value at the start: what `conserved_quantities` found, or
        functions of one state (n,) in JAX, one or a list. The state is moved onto their level set after each step.
    max_steps: most steps before giving up.

    Returns an xarray.Dataset with the state variables and their units. Raises InputError for a start or times that do
    not fit, SymdynError where the integration stops early.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("kepler", times=np.linspace(0, 10, 500))
    >>> law = sd.identify(data, library=sd.Radial("position", powers=(-3, 0)))
    >>> run = sd.simulate(law.model, data.isel(time=0), data.time)
    >>> bool(abs(run.position - data.position).max() < 1e-4)
    True
    """
    model.check_closed()
    t, coordinate = read_times(times, model.time_unit)
    path = input_path(model, inputs, t, interpolation)
    x0, dims = read_start(model.space, with_first_inputs(model, start, path, t[0]))
    states, done = integrated(
        model, x0, t, path=path, rtol=rtol, method=method, step=step, conserved=conserved, max_steps=max_steps
    )
    if not done.all():
        run = int(np.flatnonzero(~done)[0])
        reached = t[np.isfinite(states[run]).all(axis=1)].max(initial=t[0])
        raise SymdynError(
            f"the integration of run {run} stopped at time {reached:g} of {t[-1]:g}: the law diverges or is stiff "
            "there; shorten the times, raise max_steps, or pass method=diffrax.Kvaerno5()"
        )
    return labelled(model.space, states, coordinate, dims, model.clock)


def integrated(
    model: AbstractModel,
    x0: np.ndarray,
    t: np.ndarray,
    *,
    path=None,
    rtol: float = 1e-9,
    method=None,
    step: float | None = None,
    conserved=None,
    max_steps: int = 1_000_000,
) -> tuple[np.ndarray, np.ndarray]:
    """States (runs, t, n) from the starts (runs, n), and which runs were finished (runs,).

    `path` gives the inputs at any time. Where a run stops early the states that follow are not finite.
    """
    import jax.numpy as jnp

    size = np.maximum(sizes(model.space, x0), np.finfo(float).tiny)
    if model.discrete and not (method is step is conserved is None):
        raise InputError("a map is iterated: method, step and conserved are for laws of rates")
    method, ends = _method(model, x0, t, method, step, conserved, size, path), None
    if step is not None:
        ends = _fixed(t, step, max_steps)
        max_steps = len(ends)
    atol = rtol * size
    with double_precision():
        starts, stamps = jnp.asarray(x0), jnp.asarray(t)
        if model.discrete:
            states, done = _iteration()(model, starts, stamps, path)
        else:
            states, done = _integrator()(model, starts, stamps, path, rtol, jnp.asarray(atol), method, max_steps, ends)
        if conserved is not None:
            done = np.asarray(done) & kept(quantities_of(conserved, model.space), states, jnp.asarray(size))
    return np.asarray(states), np.asarray(done)


def _method(model, x0, t, method, step, conserved, size, path):
    """The diffrax solver, with a projection around it where quantities are to be kept; None for the default."""
    if isinstance(method, Symplectic):
        if step is None:
            raise InputError("symplectic steps have a fixed length: simulate(..., step=...), a fraction of a period")
        if conserved is not None:
            raise InputError("a projection spoils symplectic steps: give method=Symplectic() or conserved=, not both")
        method = method.solver(model, x0, path)
    if conserved is None:
        return method
    import diffrax
    import jax.numpy as jnp

    with double_precision():
        return projecting()(method or diffrax.Dopri8(), quantities_of(conserved, model.space), jnp.asarray(size))


def _fixed(t: np.ndarray, step: float, most: int) -> np.ndarray:
    """Times at which steps end, (k,): each interval between wanted times in equal steps of at most `step`."""
    if not (np.isfinite(step) and step > 0):
        raise InputError(f"the length of a step must be a positive number, got {step!r}")
    counts = np.maximum(np.ceil(np.diff(t) / step * (1 - 1e-12)).astype(int), 1)
    if counts.sum() > most:
        raise InputError(f"{counts.sum()} steps of {step:g} are more than max_steps={most}")
    parts = [a + (b - a) * np.arange(k) / k for a, b, k in zip(t[:-1], t[1:], counts, strict=True)]
    return np.append(np.concatenate(parts), t[-1])


@cache
def _integrator():
    """The compiled integration of many starts: made once, so that a second run of the same shape compiles nothing."""
    import diffrax
    import equinox as eqx
    import jax

    @eqx.filter_jit
    def integrate(model, x0, t, path, rtol, atol, method, max_steps, ends):
        # steps end on the wanted times: the dense output of high-order methods is less exact than their steps
        control = diffrax.ClipStepSizeController(diffrax.PIDController(rtol=rtol, atol=atol), step_ts=t)
        if ends is not None:
            control = diffrax.StepTo(ts=ends)

        def one(x):
            return diffrax.diffeqsolve(
                diffrax.ODETerm(model), method or diffrax.Dopri8(), t[0], t[-1], None, x, path,
                saveat=diffrax.SaveAt(ts=t), max_steps=max_steps, throw=False, stepsize_controller=control,
            )  # fmt: skip

        solution = jax.vmap(one)(x0)
        states = jax.vmap(jax.vmap(model.given, in_axes=(0, 0, None)), in_axes=(None, 0, None))(t, solution.ys, path)
        return states, solution.result == diffrax.RESULTS.successful

    return integrate


@cache
def _iteration():
    """The compiled iteration of a discrete law from many starts."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    @eqx.filter_jit
    def iterate(model, x0, t, path):
        def step(x, time):
            return model(time, x, path), model.given(time, x, path)

        states = jax.vmap(lambda x: jax.lax.scan(step, x, t)[1])(x0)
        return states, jnp.isfinite(states).all(axis=(1, 2))

    return iterate


def read_start(space: StateSpace, start) -> tuple[np.ndarray, dict[str, Any]]:
    """Initial states (runs, n) and the coordinates of the trajectory dimensions by name."""
    if hasattr(start, "data_vars"):
        return _start_from_dataset(space, start)
    if hasattr(start, "items"):
        missing = [name for name in space.names if name not in start]
        if missing:
            raise InputError(f"the start lacks {', '.join(missing)}; the state has {', '.join(space.names)}")
        parts = [np.asarray(start[name], np.float64) for name in space.names]
        for variable, part in zip(space.variables, parts, strict=True):
            if part.shape != variable.shape:
                raise InputError(f"the start of {variable.name!r} must have shape {variable.shape}, got {part.shape}")
        return np.concatenate([part.reshape(-1) for part in parts])[None], {}
    x0 = np.asarray(start, np.float64)
    if x0.ndim not in (1, 2) or x0.shape[-1] != space.size:
        raise InputError(f"the start must have shape ({space.size},) or (runs, {space.size}), got {x0.shape}")
    _require_finite(x0)
    return np.atleast_2d(x0), {"trajectory": np.arange(len(x0))} if x0.ndim == 2 else {}


def _start_from_dataset(space: StateSpace, start) -> tuple[np.ndarray, dict[str, Any]]:
    missing = [name for name in space.names if name not in start]
    if missing:
        raise InputError(f"the start lacks {', '.join(missing)}; the state has {', '.join(space.names)}")
    own = {d for v in space.variables for d in v.dims}
    dims = tuple(dict.fromkeys(str(d) for name in space.names for d in start[name].dims if d not in own))
    if len(dims) > 1:
        raise InputError(f"the start has the dimensions {dims}; select one time and stack the trajectories into one")
    parts = []
    for variable in space.variables:
        array = start[variable.name]
        array = array.expand_dims({d: start.sizes[d] for d in dims if d not in array.dims})
        parts.append(np.asarray(array.transpose(*dims, *variable.dims).values, np.float64).reshape(-1, variable.size))
    x0 = np.concatenate(parts, axis=1)
    _require_finite(x0)
    return x0, {d: start[d].values if d in start.coords else np.arange(start.sizes[d]) for d in dims}


def _require_finite(x0: np.ndarray) -> None:
    if not np.isfinite(x0).all():
        raise InputError(f"the start holds {x0[~np.isfinite(x0)][0]}; every state variable needs a finite value")


def read_times(times, unit: str) -> tuple[np.ndarray, Any]:
    """Times (t,) in the law's unit, and the coordinate that the result gets. Raises InputError for unusable ones."""
    coordinate = times if hasattr(times, "dims") else np.asarray(times)
    values = np.asarray(getattr(coordinate, "values", coordinate))
    if values.ndim != 1 or len(values) < 2:
        raise InputError(f"times must have shape (t,) with t >= 2, got {values.shape}")
    if values.dtype.kind == "M":
        if unit not in ("", "s"):
            raise InputError(f"the law's time unit is {unit!r}; dates need a law in seconds")
        values = (values - values[0]) / np.timedelta64(1, "ns") * 1e-9
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise InputError("times must be finite and increasing")
    return values, coordinate


def sizes(space: StateSpace, x0: np.ndarray) -> np.ndarray:
    """The size of each component's variable over all runs: (n,)."""
    out = np.empty(space.size)
    for name in space.names:
        out[space.slice(name)] = np.abs(x0[:, space.slice(name)]).max()
    return np.where(out > 0, out, out.max(initial=0.0) or 1.0)


def labelled(space: StateSpace, states: np.ndarray, times, dims: dict[str, Any], clock: str = ""):
    """Flat states (..., t, n) by variable; `dims`: names and labels of the leading axes (none: one, of size 1)."""
    import xarray as xr

    runs = tuple(dims)
    values = {}
    coords: dict[str, Any] = dict(dims)
    for variable in (v for v in space.variables if v.name != clock):
        part = states[..., space.slice(variable.name)].reshape(*states.shape[:-1], *variable.shape)
        attrs = {"units": variable.unit} if variable.unit else {}
        values[variable.name] = ((*runs, "time", *variable.dims), part if runs else part[0], attrs)
        coords |= {d: list(labels) for d, labels in zip(variable.dims, variable.labels, strict=True)}
    if hasattr(times, "dims"):
        name = str(times.dims[0])
        values = {k: (tuple(name if d == "time" else d for d in v[0]), *v[1:]) for k, v in values.items()}
        return xr.Dataset(values, coords=coords | {name: times})
    return xr.Dataset(values, coords=coords | {"time": times})
