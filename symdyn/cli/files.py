"""Files from the shell become xarray Datasets, one a trajectory."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from symdyn._errors import InputError, MissingDependencyError, SymdynError

TIME_COLUMNS = ("time", "t")
TRAJECTORY_COLUMN = "trajectory"


def open_all(
    sources: Iterable[str],
    *,
    options: Iterable[str] = (),
    time: str | None = None,
    trajectory: str | None = None,
    names: tuple[str, ...] = (),
) -> tuple[list, bool]:
    """Every source as a Dataset, or several where a CSV file holds several trajectories.

    `time` and `trajectory` name columns of CSV files; `names` are the variables wanted (all by default). Also returns
    whether `trajectory` was a column, so that it is no dimension any more. Raises InputError for what cannot be read.
    """
    runs, split = [], False
    for source in sources:
        found, was_column = _open(source, tuple(options), time, trajectory, names)
        runs += found
        split |= was_column
    return runs, split


def _open(source: str, options, time, trajectory, names) -> tuple[list, bool]:
    path = Path(source)
    if source.startswith("dataset:") or (not path.exists() and source in _known()):
        return [_named(source.removeprefix("dataset:"), options)], False
    if options:
        raise InputError(f"--option is for data sets by name, and {source!r} is a file")
    if not path.exists():
        raise InputError(f"no such file: {source}; nor is there a data set of that name (symdyn datasets lists them)")
    suffix = path.suffix.lower()
    kind = (
        "Zarr"
        if path.is_dir()
        else {".npz": "npz", ".csv": "CSV", ".tsv": "CSV", ".parquet": "Parquet"}.get(suffix, "NetCDF")
    )
    try:
        if kind in ("CSV", "Parquet"):
            return _read_table(path, time, trajectory)
        if kind == "npz":
            return [_read_npz(path, time)], False
        return [_read_xarray(path, names)], False
    except SymdynError:
        raise
    except Exception as error:  # a broken file makes its reader raise anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:160]
        raise InputError(f"cannot read {source}: it is no {kind} file, or is damaged ({reason})") from error


def _known() -> set[str]:
    from symdyn.data.registry import list_datasets

    return {info.name for info in list_datasets()}


def _named(name: str, options: Iterable[str]):
    from symdyn.data.registry import open_dataset

    return open_dataset(name, **dict(_key_value(text, "--option") for text in options))


def _key_value(text: str, flag: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise InputError(f"{flag} takes KEY=VALUE, got {text!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _read_xarray(path: Path, names: tuple[str, ...]):
    import xarray as xr

    if path.is_dir():
        _require_zarr(path)
        data = xr.open_zarr(path, consolidated=_consolidated(path))
    else:
        data = xr.open_dataset(path)
    for name in names or data.data_vars:  # now, so that a damaged file is found here
        if name in data:
            data[name].load()
    return data


def _consolidated(path: Path) -> bool:
    """Whether a Zarr store (version 2 or 3) has consolidated metadata; xarray warns where it has to find out."""
    group = path / "zarr.json"
    if group.is_file():
        return bool(json.loads(group.read_text(encoding="utf-8")).get("consolidated_metadata"))
    return (path / ".zmetadata").is_file()


def _require_zarr(path: Path) -> None:
    import importlib.util

    if not any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata", ".zarray")):
        raise InputError(f"cannot read {path}: a folder that is not a Zarr store")
    if importlib.util.find_spec("zarr") is None:
        raise MissingDependencyError("Zarr stores need zarr: pip install 'symdyn-discovery[data]'")


def _read_npz(path: Path, time: str | None):
    from symdyn.data.door import dataset

    if not zipfile.is_zipfile(path):
        raise InputError(f"cannot read {path}: it is no npz file, or is damaged")
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    name = _time_name(arrays, time, path, "array")
    data = dataset(arrays.pop(name), time_unit="", **arrays)
    return data.rename(time=name) if name != "time" else data


def _time_name(names: Iterable[str], asked: str | None, path: Path, what: str) -> str:
    names = [str(name) for name in names]
    if asked is not None:
        if asked not in names:
            raise InputError(f"unknown time dimension {asked!r}: {path} has the {what}s {', '.join(names)}")
        return asked
    for name in TIME_COLUMNS:
        if name in names:
            return name
    raise InputError(f"{path} has no {what} 'time' or 't'; it has {', '.join(names) or 'none'}. Name it with --time")


def _read_table(path: Path, time: str | None, trajectory: str | None) -> tuple[list, bool]:
    """The trajectories of a CSV or Parquet file, and whether a column told them apart."""
    import pandas as pd

    if path.suffix.lower() == ".parquet":
        try:
            table = pd.read_parquet(path)
        except ImportError as error:
            raise MissingDependencyError("Parquet files need pyarrow: pip install pyarrow") from error
    else:
        table = pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",", skipinitialspace=True)
    table = table.rename(columns=lambda column: str(column).strip())
    clock = _time_name(table.columns, time, path, "column")
    column = trajectory if trajectory in table.columns else TRAJECTORY_COLUMN
    for name in table.columns.difference([clock, column]):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(f"cannot read {path}: the column {name!r} holds text, first {_first_text(table[name])!r}")
    if not pd.api.types.is_numeric_dtype(table[clock]):
        table[clock] = pd.to_datetime(table[clock], format="ISO8601")
    if column not in table.columns:
        return [_table_dataset(table, clock)], False
    if bool(table[column].isna().to_numpy().any()):
        raise InputError(f"{path}: the column {column!r} is empty in row {int(table[column].isna().argmax()) + 2}")
    return [_table_dataset(run.drop(columns=column), clock) for _, run in table.groupby(column, sort=False)], True


def _first_text(column) -> str:
    """The first entry that is no number."""
    for value in column:
        try:
            float(value)
        except (TypeError, ValueError):
            return str(value)
    return ""


def _table_dataset(table, clock: str):
    """A trajectory out of a table; columns a_x, a_y (and a_z) become one vector variable a."""
    from symdyn.data.door import dataset

    columns = [str(c) for c in table.columns if c != clock]
    arrays: dict[str, np.ndarray] = {}
    for column in columns:
        stem, members = _vector_of(column, columns)
        arrays.setdefault(
            stem, table[members].to_numpy(np.float64) if stem != column else table[column].to_numpy(np.float64)
        )
    data = dataset(table[clock].to_numpy(), time_unit="", **arrays)
    return data.rename(time=clock) if clock != "time" else data


def _vector_of(column: str, columns: list[str]) -> tuple[str, list[str]]:
    """The vector variable that a column belongs to and the columns of its components; else the column itself."""
    stem, _, axis = column.rpartition("_")
    if not stem or axis not in ("x", "y", "z") or stem in columns:
        return column, [column]
    for axes in ("xyz", "xy"):
        members = [f"{stem}_{a}" for a in axes]
        if all(name in columns for name in members) and axis in axes:
            return stem, members
    return column, [column]
