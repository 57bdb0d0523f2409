"""The door for plain arrays by name: no labels, hence few rules, and no xarray."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable
from symdyn.data.checks import (
    check_rates,
    component_labels,
    require_floating,
    time_values,
    warn_of_unused_rates,
    with_inputs,
    without_gaps,
)
from symdyn.data.quantities import plain_arrays, plain_times
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording, Trajectory, joined


def read_arrays(
    data: Mapping[str, Any], reading: Reading, run: int | None = None, known: dict[str, Any] | None = None
) -> Recording:
    """A recording from arrays by name: (t,) scalars, (t, k) vectors, (runs, t, k) vectors of several runs.

    The times are under `reading.time`, "time" or "t". Rates are measured where `reading.rates` names them. Quantities
    of astropy, unxt or pint bring their units; `known`: those that the runs before had. Raises InputError for whatever
    cannot be used.
    """
    if reading.trajectories:
        raise InputError("plain arrays have no named dimensions: runs are the first axis of (runs, t, k)")
    name = _time_name(data, reading.time)
    times, unit, origin = time_values(*_clock(data[name], name))
    rates = dict(reading.rates or {})
    known = {} if known is None else known
    given, units = plain_arrays({str(k): v for k, v in data.items() if k != name}, rates, unit, known)
    arrays = {k: np.asarray(v) for k, v in given.items()}
    runs = max([v.shape[0] for v in arrays.values() if v.ndim == 3], default=1)
    held = {k for k in reading.inputs if k in arrays and arrays[k].ndim == 1 and len(arrays[k]) == runs != len(times)}
    arrays |= {k: _given(k, arrays, times, runs) for k in reading.inputs if k in arrays or k == name}
    asked = (*(reading.variables or ()), *(reading.rate_of or ()), *rates, *rates.values())
    for wanted in asked:
        if wanted not in arrays:
            raise InputError(f"unknown variable {wanted!r}; the data have {', '.join(arrays) or 'none'}")
    aside = {rate for rate in rates.values() if rate not in rates}
    if isinstance(reading.weights, str):
        aside.add(reading.weights)
    state = reading.variables or tuple(k for k in arrays if k not in aside)
    state = with_inputs(state, reading.inputs, [*arrays])
    check_rates(rates, state)
    space = StateSpace(
        tuple(
            Variable(k, unit=units.get(k, "")) if k in held
            else _variable(k, arrays[k], len(times), units.get(k, "")) for k in state
        )
    )  # fmt: skip
    kinematics = tuple((a, rates[a]) for a in state if rates.get(a) in state)
    targets = reading.rate_of or tuple(k for k in state if k not in dict(kinematics) and k not in reading.inputs)
    for target in targets:
        if target not in state or target in reading.inputs:
            raise InputError(
                f"rate_of names {target!r}, which is not a state variable; the state has {', '.join(state)}"
            )
    known_rates = {k: rates[k] for k in targets if k in rates and rates[k] not in state}
    warn_of_unused_rates(targets, tuple(known_rates))
    measured = tuple(known_rates.values())

    def rows(names) -> np.ndarray:
        return joined([_by_run(k, arrays[k], runs, len(times)) for k in names], axis=2)

    states = rows(state)
    slopes = rows(measured) if measured and len(measured) == len(targets) else None
    weights = _weights(reading.weights, arrays, slopes, len(times))
    prefix = "" if run is None else f"{run}/" if runs > 1 else f"{run}"
    trajectories = tuple(
        without_gaps(
            Trajectory(
                (prefix + (str(i) if runs > 1 or run is None else "")), times, states[i],
                None if slopes is None else slopes[i], weights if weights.ndim == 1 else weights[i],
            ), reading.missing, space,
        )
        for i in range(runs)
    )  # fmt: skip
    return Recording(space, targets, kinematics, trajectories, name, unit, origin, inputs=reading.inputs)


def _time_name(data: Mapping[str, Any], asked: str | None) -> str:
    for name in (asked,) if asked is not None else ("time", "t"):
        if name in data:
            return name
    raise InputError(
        f"no times among the arrays {', '.join(map(str, data)) or 'none'}; give them as 'time', or name them with "
        "time='...'"
    )


def _given(name: str, arrays: Mapping[str, np.ndarray], times: np.ndarray, runs: int) -> np.ndarray:
    """An input as an array that depends on time: a parameter (a number, or one for each run) is held."""
    if name not in arrays:
        return times
    value = np.asarray(arrays[name], np.float64)
    if value.ndim == 0:
        return np.full(len(times), value)
    if value.shape == (runs,) and runs != len(times):
        return np.repeat(value[:, None, None], len(times), axis=1)
    return value


def _clock(values: Any, name: str) -> tuple[np.ndarray, str, str]:
    times, unit = plain_times(values)
    return times, name, unit


def _variable(name: str, values: np.ndarray, t: int, unit: str) -> Variable:
    require_floating(name, values.dtype)
    if values.ndim not in (1, 2, 3) or values.shape[max(values.ndim - 2, 0)] != t:
        raise InputError(
            f"{name!r} has shape {values.shape}; with {t} times it must be ({t},), ({t}, k) or (runs, {t}, k)"
        )
    if values.ndim == 1:
        return Variable(name, unit=unit)
    return Variable(name, ("component",), (component_labels(values.shape[-1]),), unit)


def _by_run(name: str, values: np.ndarray, runs: int, t: int) -> np.ndarray:
    """Values as (runs, t, k)."""
    if values.shape[max(values.ndim - 2, 0)] != t or (values.ndim == 3 and len(values) != runs):
        raise InputError(f"{name!r} has shape {values.shape}, which does not fit {runs} runs of {t} times")
    if values.ndim < 3:
        values = np.broadcast_to(values.reshape(t, -1), (runs, t, values.size // t))
    return np.asarray(values, np.float64)


def _weights(weights: Any, arrays: Mapping[str, np.ndarray], slopes: np.ndarray | None, t: int) -> np.ndarray:
    if weights is None:
        return np.broadcast_to(1.0, t)
    if isinstance(weights, str) and weights == "relative":
        if slopes is None:
            raise InputError('weights="relative" needs measured rates; name them with rates={...}')
        with np.errstate(divide="ignore"):
            inverse = 1.0 / np.sum(slopes**2, axis=2)
        return np.where(np.isfinite(inverse), inverse, 0.0)
    out = np.asarray(arrays[weights] if isinstance(weights, str) and weights in arrays else weights)
    if out.shape != (t,) or out.dtype.kind not in "fiu" or not np.isfinite(out).all() or (out < 0).any():
        raise InputError(
            f'weights must be "relative", the name of an array, or {t} finite numbers >= 0; got {weights!r}'
        )
    return np.asarray(out, np.float64)
