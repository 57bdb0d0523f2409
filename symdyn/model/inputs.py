"""What is given from outside while a law runs: controls and parameters as paths in time."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.model.model import AbstractModel


class InputPath(eqx.Module):
    """The values of all inputs at any time, one after the other.

    `parts`: for each input a diffrax path, or a user's function of the time.
    """

    parts: tuple[Any, ...]

    def evaluate(self, t):
        """The inputs at time t: (k,)."""
        values = (part.evaluate(t) if hasattr(part, "evaluate") else part(t) for part in self.parts)
        return jnp.concatenate([jnp.ravel(jnp.asarray(value)) for value in values])


def input_path(model: AbstractModel, inputs, times: np.ndarray, interpolation: str = "cubic") -> InputPath | None:
    """The inputs that a user gave as a path over `times` (t,), None for none.

    Raises InputError for an unknown or absent name, values that do not fit, or samples that do not cover the times.
    """
    if interpolation not in ("cubic", "linear"):
        raise InputError(f'interpolation is "cubic" or "linear", got {interpolation!r}')
    if inputs is None:
        return None
    named = {str(name): inputs[name] for name in getattr(inputs, "data_vars", inputs)}
    for name in named:
        if name not in model.steered:
            raise InputError(f"{name!r} is no input of this law; it has {', '.join(model.steered) or 'none'}")
    absent = [name for name in model.steered if name not in named]
    if absent:
        raise InputError(f"inputs lack {', '.join(absent)}; name all of them, or none to keep the values of the start")
    with double_precision():
        parts = tuple(_part(name, named[name], times, model.space[name].size, interpolation) for name in model.steered)
        for name, part in zip(model.steered, parts, strict=True):
            found = jnp.size(InputPath((part,)).evaluate(jnp.asarray(times[0])))
            if found != model.space[name].size:
                raise InputError(f"the input {name!r} has {found} values at a time, not {model.space[name].size}")
    return InputPath(parts)


def _part(name: str, value: Any, times: np.ndarray, size: int, interpolation: str) -> Any:
    """One input as a diffrax path or a function."""
    labelled = hasattr(value, "dims")
    if not labelled and callable(value):
        return value
    knots = times
    if labelled and len(value.dims):
        from symdyn.data.checks import time_values

        coordinate = value[value.dims[0]]
        knots = time_values(coordinate.values, name, "")[0] if coordinate.dtype.kind != "M" else times
        if knots[0] > times[0] or knots[-1] < times[-1]:
            raise InputError(
                f"the input {name!r} is known from {knots[0]:g} to {knots[-1]:g} and is needed from {times[0]:g} to "
                f"{times[-1]:g}"
            )
    array = np.asarray(getattr(value, "values", value), np.float64)
    if array.ndim == 0 or (array.shape == (size,) and array.shape != (len(knots),)):
        array = np.broadcast_to(array.reshape(-1), (len(knots), array.size))
    if len(array) != len(knots) or not np.isfinite(array).all():
        raise InputError(
            f"the input {name!r} has shape {array.shape} for {len(knots)} times, or values that are not finite"
        )
    return sampled_path(knots, array.reshape(len(knots), -1), interpolation)


def sampled_path(times: np.ndarray, values: np.ndarray, interpolation: str = "cubic") -> Any:
    """A diffrax path through samples (t, k); the last one counts."""
    import diffrax

    if interpolation == "linear":
        return diffrax.LinearInterpolation(jnp.asarray(times), jnp.asarray(values))
    coefficients = diffrax.backward_hermite_coefficients(jnp.asarray(times), jnp.asarray(values))
    return diffrax.CubicInterpolation(jnp.asarray(times), coefficients)


def with_first_inputs(model: AbstractModel, start, path: InputPath | None, time: float):
    """A start of any kind completed by the inputs at its time."""
    values: dict[str, np.ndarray] = {model.clock: np.array([time])} if model.clock else {}
    if path is not None:
        with double_precision():
            flat, place = np.asarray(path.evaluate(jnp.asarray(time))), 0
        for name in model.steered:
            values[name] = flat[place : place + model.space[name].size]
            place += model.space[name].size
    if not values:
        return start
    space = model.space
    if hasattr(start, "data_vars"):
        new = {name: (space[name].dims, value.reshape(space[name].shape)) for name, value in values.items()}
        return start.drop_vars([name for name in values if name in start.coords]).assign(new)
    if hasattr(start, "items"):
        return {**start, **{name: value.reshape(space[name].shape) for name, value in values.items()}}
    x0 = np.asarray(start, np.float64)
    own = tuple(name for name in space.names if name not in values)
    places = space.indices(own)
    if x0.ndim not in (1, 2) or x0.shape[-1] not in (len(places), space.size):
        raise InputError(
            f"the start must have shape ({len(places)},) or (runs, {len(places)}) for {', '.join(own)}, got {x0.shape}"
        )
    whole = np.zeros((*x0.shape[:-1], space.size))
    whole[..., places] = x0 if x0.shape[-1] == len(places) else x0[..., places]
    for name, value in values.items():
        whole[..., space.slice(name)] = value
    return whole
