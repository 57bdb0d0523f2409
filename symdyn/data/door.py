"""The door: xarray datasets become recordings. Names, units and trajectories are found here, and faults are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from warnings import warn

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._types import StateSpace, Variable
from symdyn.data.arrays import read_arrays
from symdyn.data.checks import (
    check_rates,
    component_labels,
    require_floating,
    require_memory,
    time_values,
    warn_of_unused_rates,
    with_inputs,
    without_gaps,
)
from symdyn.data.quantities import plain, plain_dataset, plain_times
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording, Trajectory, joined
from symdyn.data.weights import row_weights

COMPONENT_DIMS = ("component", "components", "axis", "xyz", "space", "direction", "coordinate")
# What attributes say of a coordinate that is the time (CF conventions; NetCDF-Java; FMS).
OF_TIME = {"axis": "T", "standard_name": "time", "_CoordinateAxisType": "Time", "cartesian_axis": "T"}
TRAJECTORY_DIMS = ("trajectory", "traj", "run", "realization", "ensemble", "member", "number", "particle", "body")


def dataset(times, /, *, time_unit: str = "", **variables):
    """An xarray Dataset from plain arrays, in the form that `identify` reads.

    Parameters
    ----------
    times: sample times, shape (t,).
    time_unit: the unit of the times. Quantities of astropy, unxt or pint, times and values alike, bring their own.
    variables: arrays by name, shape (t,) for a scalar, (t, k) for a vector, (runs, t, k) for a vector in several
        runs of the same times.

    Raises InputError where an array does not fit the times.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0.0, 1.0, 5)
    >>> dict(sd.dataset(t, position=np.ones((5, 3)), mass=np.ones(5)).sizes)
    {'time': 5, 'component': 3}
    """
    import xarray as xr

    times, own_unit = plain_times(times)
    time_unit = own_unit or time_unit
    given = {name: plain(values) for name, values in variables.items()}
    variables = {name: values for name, (values, _) in given.items()}
    if times.ndim != 1:
        raise InputError(
            f"times must have shape (t,), got {times.shape}; runs with different times are a list of datasets"
        )
    dims_by_rank = {1: ("time",), 2: ("time", "component"), 3: ("trajectory", "time", "component")}
    sizes = {np.shape(values)[-1] for values in variables.values() if np.ndim(values) > 1}
    out = {}
    for name, values in variables.items():
        values = np.asarray(values)
        dims = dims_by_rank.get(values.ndim)
        if dims is None or values.shape[dims.index("time")] != len(times):
            raise InputError(
                f"{name!r} has shape {values.shape}; with {len(times)} times it must be ({len(times)},), "
                f"({len(times)}, k) or (runs, {len(times)}, k)"
            )
        if len(sizes) > 1 and "component" in dims:
            dims = (*dims[:-1], f"{name}_component")
        unit = given[name][1]
        out[name] = (dims, values, {"units": unit} if unit else {})
    made = xr.Dataset(out, coords={"time": times})
    made["time"].attrs.update(axis="T", **({"units": time_unit} if time_unit else {}))
    for dim in made.dims:
        if str(dim).endswith("component") and made.sizes[dim] <= 3:
            made = made.assign_coords({dim: list("xyz"[: made.sizes[dim]])})
    if "trajectory" in made.dims:
        made = made.assign_coords(
            trajectory=("trajectory", np.arange(made.sizes["trajectory"]), {"cf_role": "trajectory_id"})
        )
    return made


def read(data, reading: Reading | None = None) -> Recording:
    """Turn a Dataset, a DataArray, a mapping of arrays or a list of these (one a run) into a `Recording`.

    Raises InputError for whatever cannot be used: an unknown name, NaNs, unsorted or repeated times, integer values.
    """
    runs = list(data) if isinstance(data, Sequence) and not isinstance(data, str) else [data]
    if not runs:
        raise InputError("no data: the list of datasets is empty")
    reading = reading or Reading()
    known: dict = {}
    recordings = [_read_run(run, reading, k if len(runs) > 1 else None, known) for k, run in enumerate(runs)]
    first = recordings[0]
    for other in recordings[1:]:
        if other.space != first.space or other.targets != first.targets:
            raise InputError(
                f"the datasets of a list must have the same variables in the same units; got {_told(first.space)} "
                f"and {_told(other.space)}"
            )
    trajectories = tuple(t for recording in recordings for t in recording.trajectories)
    return Recording(
        first.space, first.targets, first.kinematics, trajectories,
        first.time_name, first.time_unit, first.origin, first.provenance, first.inputs,
    )  # fmt: skip


def _told(space: StateSpace) -> str:
    parts = [f"{n} ({v.unit})" if v.unit else n for v in space.variables for n in v.component_names]
    return ", ".join(parts)


def _read_run(data, reading: Reading, run: int | None, known: dict) -> Recording:
    if hasattr(data, "data_vars"):
        return _read_one(data, reading, run, known)
    if hasattr(data, "to_dataset"):
        return _read_one(data.to_dataset(name=data.name or "x"), reading, run, known)
    if isinstance(data, Mapping):
        return read_arrays(data, reading, run, known)
    raise InputError(
        f"data must be an xarray Dataset or DataArray, a mapping of arrays with the times under 'time', or a list of "
        f"these; got {type(data).__name__}. symdyn.dataset(times, x=array, ...) makes a Dataset from arrays"
    )


def _read_one(ds, reading: Reading, run: int | None, known: dict) -> Recording:
    time = _find_time(ds, reading.time)
    declared = _declared_rates(ds, reading.rates)
    ds = plain_dataset(ds, declared, _time_unit(ds, time), known)
    state = with_inputs(_state_names(ds, reading, time, declared), reading.inputs, [*map(str, ds.data_vars), time])
    check_rates(reading.rates, state)
    kinematics = tuple((a, declared[a]) for a in state if declared.get(a) in state)
    targets = reading.rate_of or tuple(n for n in state if n not in dict(kinematics) and n not in reading.inputs)
    for name in targets:
        if name not in state or name in reading.inputs:
            raise InputError(f"rate_of names {name!r}, which is not a state variable; the state has {', '.join(state)}")
    dims = _trajectory_dims(ds, [*state], time, reading.trajectories)
    space = StateSpace(
        tuple(Variable(time) if name == time else _variable(ds[name], time, dims) for name in state)
    )  # fmt: skip
    measured = {name: declared[name] for name in targets if declared.get(name) in ds and declared[name] not in state}
    warn_of_unused_rates(targets, tuple(measured))
    measured = measured if len(measured) == len(targets) else {}
    remedy = "identify and ensemble read large files piece by piece; other verbs take a part, data.isel(...)"
    require_memory(sum(ds[name].size for name in state), "the values of the state", remedy)
    times, unit, origin = time_values(ds[time].values, time, str(ds[time].attrs.get("units", "")))
    sources = state + tuple(measured[name] for name in targets if measured)
    values = {name: _ordered(ds[name], time, dims, ds.sizes) for name in sources if name != time}
    if time in state:
        values[time] = np.broadcast_to(times, (*(ds.sizes[d] for d in dims), len(times)))
    weights = row_weights(
        ds,
        reading.weights,
        (*dims, time),
        [space[name] for name in targets],
        {n: values[rate] for n, rate in measured.items()},
    )
    trajectories = []
    for index, label in _runs(ds, dims, run):
        columns = {name: v[index].reshape(len(times), -1) for name, v in values.items()}
        states = joined([columns[name] for name in state], axis=1)
        rates = joined([columns[measured[n]] for n in targets], axis=1) if len(sources) > len(state) else None
        weight = weights[index] if weights is not None else np.broadcast_to(1.0, len(times))
        trajectories.append(without_gaps(Trajectory(label, times, states, rates, weight), reading.missing, space))
    provenance = {
        str(k): str(v) for k, v in ds.attrs.items() if k in ("title", "source", "history", "license", "frame")
    }
    return Recording(
        space, targets, kinematics, tuple(trajectories), time, unit, origin, provenance, reading.inputs
    )  # fmt: skip


def resolved(ds, reading: Reading) -> Reading:
    """The reading with the dimensions of time and trajectories by name, found from a few values of the data."""
    few = ds.isel({d: slice(0, 16) for d in ds.dims})
    time = _find_time(few, reading.time)
    declared = _declared_rates(few, reading.rates)
    state = with_inputs(_state_names(few, reading, time, declared), reading.inputs, [*map(str, few.data_vars), time])
    dims = _trajectory_dims(few, [name for name in state if name != time], time, reading.trajectories)
    return replace(reading, time=time, trajectories=dims)


def _find_time(ds, name: str | None) -> str:
    found = [str(d) for d in ds.dims]
    if name is not None:
        if name not in found:
            raise InputError(f"unknown time dimension {name!r}; the data have the dimensions {', '.join(found)}")
        return name
    marked = [d for d in found if d in ds.coords and any(ds[d].attrs.get(k) == v for k, v in OF_TIME.items())]
    dated = [d for d in found if d in ds.coords and _is_dated(ds[d])]
    for candidates in (marked, [d for d in found if d == "time"], dated, [d for d in found if d == "t"]):
        if len(candidates) == 1:
            return candidates[0]
    raise InputError(f"no time dimension found among {', '.join(found) or 'no dimensions'}; name it with time='...'")


def _time_unit(ds, time: str) -> str:
    """The unit of the times as they are read: dates become seconds."""
    if time not in ds.coords:
        return ""
    unit = plain_times(getattr(ds[time].variable, "_data", ds[time]))[1] or str(ds[time].attrs.get("units", ""))
    return "s" if _is_dated(ds[time]) and ds[time].dtype.kind not in "fiu" else unit


def _is_dated(coordinate) -> bool:
    """Whether a coordinate holds dates, of NumPy or cftime, or counts since one."""
    values = coordinate.values
    return (
        values.dtype.kind == "M"
        or (values.dtype == object and values.size > 0 and hasattr(values.flat[0], "calendar"))
        or " since " in str(coordinate.attrs.get("units", ""))
    )


def _declared_rates(ds, rates: Mapping[str, str] | None) -> dict[str, str]:
    """Which variable holds the time derivative of which: from the keyword, else from the attributes."""
    declared = {
        str(v.attrs[mark]): str(name)
        for mark in ("rate_of", "measured_rate_of")
        for name, v in ds.data_vars.items()
        if mark in v.attrs
    }
    for variable, rate in (rates or {}).items():
        for name in (variable, rate):
            _require_variable(ds, name)
        declared[variable] = rate
    return {variable: rate for variable, rate in declared.items() if rate in ds}


def _require_variable(ds, name: str) -> None:
    if name not in ds.data_vars:
        raise InputError(f"unknown variable {name!r}; the data have {', '.join(map(str, ds.data_vars)) or 'none'}")


def _state_names(ds, reading: Reading, time: str, declared: dict[str, str]) -> tuple[str, ...]:
    if reading.variables is not None:
        for name in reading.variables:
            _require_variable(ds, name)
            if time not in ds[name].dims:
                raise InputError(f"variable {name!r} does not depend on {time!r}; its dimensions are {ds[name].dims}")
        return reading.variables
    wanted = set(reading.rate_of or ())
    for name in wanted:
        _require_variable(ds, name)
    left_out = _measured_only(ds, reading, declared) | (
        {reading.weights} if isinstance(reading.weights, str) else set()
    )
    names = tuple(
        str(name)
        for name, v in ds.data_vars.items()
        if time in v.dims and (name in wanted or str(name) not in left_out)
    )
    if not names:
        raise InputError(
            f"no variable depends on {time!r}; the data have {', '.join(map(str, ds.data_vars)) or 'none'}"
        )
    return names


def _measured_only(ds, reading: Reading, declared: dict[str, str]) -> set[str]:
    """Rates that are measurements of a target and no state variables.

    A rate whose own rate is in the data belongs to the state (velocity beside acceleration). Of the others those are
    measurements that the keyword `rates` or the attribute `measured_rate_of` names, that end a chain (acceleration),
    or whose variable is asked for by `rate_of`. What is left (velocity beside position alone) is a state variable.
    """
    wanted, named = set(reading.rate_of or ()), set((reading.rates or {}).values())
    return {
        rate
        for variable, rate in declared.items()
        if rate not in declared
        and (
            rate in named
            or "measured_rate_of" in ds[rate].attrs
            or variable in declared.values()
            or (variable in wanted and rate not in wanted)
        )
    }


def _trajectory_dims(ds, names: list[str], time: str, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    dims = [str(d) for name in names for d in ds[name].dims]
    found = tuple(dict.fromkeys(d for d in dims if d != time))
    if asked is not None:
        for dim in asked:
            if dim not in found:
                raise InputError(
                    f"unknown trajectory dimension {dim!r}; besides {time!r} the state has {found or 'none'}"
                )
        return tuple(asked)
    marked = tuple(d for d in found if d in ds.coords and ds[d].attrs.get("cf_role") == "trajectory_id")
    if marked:
        return marked
    guessed = tuple(d for d in found if d.lower() in TRAJECTORY_DIMS)
    unknown = [d for d in found if d not in guessed and not _is_component(d)]
    if unknown:
        raise InputError(
            f"cannot tell whether {unknown} hold components of a vector or separate trajectories; "
            "say trajectories=('...',), or trajectories=() if all are components"
        )
    if guessed:
        warn(
            f"taking {guessed} for separate trajectories; say trajectories={guessed!r} (or trajectories=())",
            SymdynWarning,
            stacklevel=5,
        )
    return guessed


def _is_component(dim: str) -> bool:
    return dim.lower() in COMPONENT_DIMS or dim.lower().endswith("_component")


def _variable(array, time: str, trajectories: tuple[str, ...]) -> Variable:
    name = str(array.name)
    require_floating(name, array.dtype)
    dims = tuple(str(d) for d in array.dims if d != time and d not in trajectories)
    labels = tuple(
        tuple(str(v) for v in array[d].values) if d in array.coords else component_labels(array.sizes[d]) for d in dims
    )
    return Variable(name, dims, labels, str(array.attrs.get("units", "")))


def _ordered(array, time: str, trajectories: tuple[str, ...], sizes) -> np.ndarray:
    """Values in the order (trajectory dims, time, component dims), float64, without a copy where none is needed."""
    rest = [d for d in array.dims if d != time and d not in trajectories]
    missing = {d: sizes[d] for d in (*trajectories, time) if d not in array.dims}
    array = array.expand_dims(missing).transpose(*trajectories, time, *rest)
    return np.asarray(array.values, np.float64)


def _runs(ds, dims: tuple[str, ...], run: int | None):
    prefix = "" if run is None else f"{run}"
    for index in product(*(range(ds.sizes[d]) for d in dims)):
        names = [str(ds[d].values[i]) if d in ds.coords else str(i) for d, i in zip(dims, index, strict=True)]
        yield index, "/".join(filter(None, [prefix, *names])) or "0"
