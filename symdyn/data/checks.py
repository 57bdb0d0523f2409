"""Checks that every door makes: times, types, missing values."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from warnings import warn

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._types import StateSpace
from symdyn.data.recording import Trajectory


def memory_size() -> float:
    """Bytes of memory that the machine has, infinite where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")


def require_memory(numbers: float, what: str, remedy: str) -> None:
    """Raise InputError where so many float64 numbers do not fit the memory of the machine."""
    need, have = 8.0 * numbers, memory_size()
    if need > have:
        raise InputError(f"{what} take {need / 2**30:.3g} GiB at once, this machine has {have / 2**30:.3g}; {remedy}")


def require_floating(name: str, dtype: np.dtype) -> None:
    """Raise InputError for values that are no real floating point numbers."""
    if dtype.kind in "iub":
        raise InputError(
            f"variable {name!r} holds integers ({dtype}); if they are packed values decode the file "
            "(xarray.open_dataset does), if they are meant as numbers convert them with .astype(float)"
        )
    if dtype.kind != "f":
        raise InputError(f"variable {name!r} holds {dtype} values; the state must be real floating point numbers")


def component_labels(size: int) -> tuple[str, ...]:
    """Labels of unnamed components: x, y, z for up to three, else numbers."""
    return tuple("xyz"[:size]) if size <= 3 else tuple(str(k) for k in range(size))


def time_values(values: np.ndarray, name: str, unit: str) -> tuple[np.ndarray, str, str]:
    """Times (t,) as float64, their unit, and what time zero is: dates become seconds since the first.

    Raises InputError for too few, missing, repeated or unsorted times.
    """
    given = values
    if values.ndim != 1:
        raise InputError(f"the times {name!r} must have shape (t,), got {values.shape}")
    if len(values) < 3:
        raise InputError(f"only {len(values)} samples along {name!r}; a law needs at least 3, far better hundreds")
    origin = ""
    if values.dtype.kind == "M":
        if np.isnat(values).any():
            raise InputError(f"the times of {name!r} hold NaT at index {int(np.flatnonzero(np.isnat(values))[0])}")
        origin, unit = str(values[0]), "s"
        values = (values - values[0]) / np.timedelta64(1, "ns") * 1e-9
    elif values.dtype == object:
        import cftime

        origin, unit = str(values[0]), "s"
        values = cftime.date2num(values, f"seconds since {values[0]}", calendar=values[0].calendar)
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"the times of {name!r} hold {values[~np.isfinite(values)][0]}; drop these samples")
    if not (values[1:] > values[:-1]).all():
        step = np.diff(values)
        k = int(np.flatnonzero(step <= 0)[0])
        what = "repeated" if step[k] == 0 else "not in increasing order"
        remedy = f".drop_duplicates({name!r})" if step[k] == 0 else f".sortby({name!r})"
        raise InputError(
            f"the times of {name!r} are {what} at index {k + 1} ({given[k]} then {given[k + 1]}); use data{remedy}"
        )
    return values, unit, origin


def without_gaps(run: Trajectory, missing: str, space: StateSpace) -> Trajectory:
    """The run with weight 0 and finite values where a sample is missing, or InputError where `missing` says raise."""
    columns = [run.states] if run.rates is None else [run.states, run.rates]
    if all(np.isfinite(column.min()) and np.isfinite(column.max()) for column in columns):
        return run
    bad: np.ndarray = np.logical_not(np.isfinite(np.concatenate(columns, axis=1)))
    rows = np.asarray(bad.any(axis=1))
    if missing == "raise":
        row, column = np.argwhere(bad)[0]
        name = space.component_names[column] if column < space.size else "a measured rate"
        raise InputError(
            f"{int(rows.sum())} of {len(rows)} samples of trajectory {run.label!r} are not finite, first {name!r} at "
            f"time {run.times[row]:g}; drop them, or keep them out with missing='skip'"
        )
    empty = np.flatnonzero(bad.all(axis=0))
    if len(empty):
        names = [space.component_names[k] if k < space.size else "a measured rate" for k in empty]
        raise InputError(f"no sample of trajectory {run.label!r} is finite in {', '.join(names)}")
    live = np.logical_not(rows)
    weights = run.weights * (live if run.weights.ndim == 1 else live[:, None])
    whole = _filled(np.concatenate(columns, axis=1), bad)
    states, rates = whole[:, : space.size], None if run.rates is None else whole[:, space.size :]
    full = run.weights if run.weights.ndim == 1 else run.weights.mean(axis=1)
    seen = np.where(bad[:, : space.size], 0.0, full[:, None])
    return Trajectory(run.label, run.times, states, rates, weights, seen)


def _filled(values: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Values (t, k) with the last valid one of the column in the place of each bad one."""
    source = np.stack([_nearest_valid(column) for column in bad.T], axis=1)
    return np.take_along_axis(values, source, axis=0)


def _nearest_valid(rows: np.ndarray) -> np.ndarray:
    """For every row the last valid one before it (the first valid one at the start)."""
    valid = np.where(rows, 0, np.arange(len(rows)))
    return np.maximum(np.maximum.accumulate(valid), int(np.argmin(rows)))


def check_rates(rates: Mapping[str, str] | None, state: tuple[str, ...]) -> None:
    """Raise InputError for rates of what is no state variable: the names may be the wrong way round."""
    for name, rate in (rates or {}).items():
        if name not in state:
            turned = f"; the other way round it reads rates={{{rate!r}: {name!r}}}" if rate in state else ""
            raise InputError(
                f"rates says that {rate!r} is the rate of {name!r}, which is not a state variable; the state has "
                f"{', '.join(state)}{turned}"
            )


def warn_of_unused_rates(targets: tuple[str, ...], measured: Collection[str]) -> None:
    """Say that measured rates of some targets only are not used: the rates of all are then taken from the states."""
    without = [name for name in targets if name not in measured]
    if measured and without:
        warn(
            f"rates are measured for {', '.join(measured)} but not for {', '.join(without)}, so all are taken from the "
            f"states; name the other rates too, or ask for rate_of={tuple(measured)!r} alone",
            SymdynWarning,
            stacklevel=6,
        )


def with_inputs(state: tuple[str, ...], inputs: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    """The state variables with the inputs last. Raises InputError for an unknown input, or where nothing is left."""
    for name in inputs:
        if name not in known:
            raise InputError(f"unknown input {name!r}; the data have {', '.join(known)}")
    rest = tuple(name for name in state if name not in inputs)
    if not rest:
        raise InputError(f"all variables are inputs ({', '.join(inputs)}): there is no rate to explain")
    return (*rest, *inputs)
