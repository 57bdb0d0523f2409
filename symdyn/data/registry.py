"""Data sets by name: those shipped with the package, those fetched from a public source, those simulated on request.

`datasets/registry.json` holds one row per file: origin, licence, citation, checksum and the law that it should yield.
A shipped file is read where it lies. A remote one is looked for in the cache directory (the environment variable
`SYMDYN_DATA_DIR`, else the cache directory of the user) under its own file name, and fetched by pooch when it is
absent; either way its sha256 is verified.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symdyn._errors import InputError, MissingDependencyError
from symdyn.data._names import unknown_name

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class DatasetInfo:
    """One line of `list_datasets`.

    Attributes
    ----------
    name: what `open_dataset` takes.
    kind: "shipped", "remote" or "simulated".
    title, licence, source, citation: where the data come from and on what terms.
    available: whether `open_dataset` needs no download.
    truth: the law that the data should yield.
    """

    name: str
    kind: str
    title: str
    licence: str
    source: str
    citation: str
    available: bool
    truth: str


def open_dataset(name: str, **options: Any) -> xr.Dataset:
    """Open a data set by name.

    Parameters
    ----------
    name: a name out of `list_datasets()`.
    **options: those of the data set: see `symdyn.data.ephemeris.open_planets` ("planets"),
        `symdyn.data.systems.make_dataset` (every simulated one) and `symdyn.data.remote`.

    Returns an `xarray.Dataset` with units and CF attributes. Its attributes `dataset`, `source`, `license`,
    `references`, `truth` and `sha256` (of the file) say where it comes from.

    Raises InputError for an unknown name or option, a file that cannot be fetched, or a checksum that does not
    match; MissingDependencyError where a remote file is absent and pooch is not installed, or a reader is missing.

    >>> from symdyn.data.registry import open_dataset
    >>> winds = open_dataset("winds_340K")
    >>> dict(winds.sizes), winds.u.attrs["units"]
    ({'time': 10, 'lat': 179, 'lon': 360}, 'm s-1')
    """
    rows = _rows()
    if name not in rows:
        from symdyn.data.systems import SYSTEMS, make_dataset

        if name not in SYSTEMS:
            raise InputError(unknown_name("data set", name, (*rows, *SYSTEMS)))
        return make_dataset(name, **options)
    row = rows[name]
    opener = _openers()[name]
    allowed = tuple(inspect.signature(opener).parameters)[1:]
    for option in options:
        if option not in allowed:
            raise InputError(unknown_name(f"option of {name!r}", option, allowed))
    ds = opener(_locate(row), **options)
    provenance = {"dataset": name, "license": row["licence"], "references": row["citation"], "sha256": row["sha256"]}
    ds.attrs = {"title": row["title"], "source": row["source"]} | ds.attrs | provenance | {"truth": row["truth"]}
    return ds


def list_datasets() -> tuple[DatasetInfo, ...]:
    """Every data set that `open_dataset` knows: shipped, remote, simulated.

    >>> from symdyn.data.registry import list_datasets
    >>> [info.name for info in list_datasets() if info.kind == "shipped"]
    ['planets', 'winds_340K', 'winds_200hPa', 'era5_columns']
    """
    from symdyn.data.systems import SYSTEMS

    fields = ("name", "kind", "title", "licence", "source", "citation", "truth")
    files = [
        DatasetInfo(**{field: row[field] for field in fields}, available=_expected_path(row).is_file())
        for row in _rows().values()
    ]
    solver = importlib.util.find_spec("diffrax") is not None
    simulated = [
        DatasetInfo(
            name=system.name,
            kind="simulated",
            title=system.title,
            licence="MIT",
            source="integrated on request by symdyn with diffrax",
            citation=system.citation,
            available=solver,
            truth=system.equations,
        )
        for system in SYSTEMS.values()
    ]
    return (*files, *simulated)


def cache_directory() -> Path:
    """Where remote files are kept: `SYMDYN_DATA_DIR`, else the cache directory of the user."""
    chosen = os.environ.get("SYMDYN_DATA_DIR")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local")).expanduser() / "symdyn" / "symdyn" / "Cache"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/symdyn").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "symdyn"


def _find_root(package: Path) -> Path:
    """The folder `datasets`: inside the package in a wheel, beside it in a clone or an editable install."""
    for root in (package / "datasets", package.parent / "datasets"):
        if (root / "registry.json").is_file():
            return root
    raise InputError(f"no datasets/registry.json in {package} or {package.parent}: the installation is incomplete")


@functools.cache
def _root() -> Path:
    return _find_root(Path(str(importlib.resources.files("symdyn"))))


@functools.cache
def _rows() -> dict[str, dict[str, Any]]:
    table = json.loads((_root() / "registry.json").read_text(encoding="utf-8"))
    return {row["name"]: row for row in table["datasets"]}


def _openers() -> dict[str, Callable[..., xr.Dataset]]:
    from symdyn.data import ephemeris, remote

    fields = dict.fromkeys(("winds_340K", "winds_200hPa", "era5_columns"), _open_netcdf)
    return {"planets": ephemeris.open_planets, **fields, **remote.OPENERS}


def _open_netcdf(path: Path) -> xr.Dataset:
    from symdyn.data.remote import read_netcdf

    return read_netcdf(path)


def _expected_path(row: dict[str, Any]) -> Path:
    return (_root() if row["kind"] == "shipped" else cache_directory()) / row["file"]


def _locate(row: dict[str, Any]) -> Path:
    """The path of a file whose checksum has been verified, fetched first when need be."""
    path = _expected_path(row)
    if path.is_file() and _sha256(path, path.stat().st_mtime_ns) == row["sha256"]:
        return path
    if row["kind"] == "shipped":
        state = "does not have the checksum of the registry" if path.is_file() else "is missing"
        raise InputError(f"{path} {state}: reinstall symdyn-discovery, or run {path.parent / 'make.py'} in a clone")
    return _fetch(row, path)


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, modified: int) -> str:
    del modified  # part of the key: a file that was written again is read again
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _fetch(row: dict[str, Any], path: Path) -> Path:
    remedy = (
        f"Fetch it by hand from {row['url']} and put it, as {path.name}, into {path.parent}; "
        f"the environment variable SYMDYN_DATA_DIR chooses another directory. Expected sha256: {row['sha256']}."
    )
    try:
        import pooch
    except ImportError as error:
        raise MissingDependencyError(
            f"{row['name']!r} is not in {path.parent} and downloads need pooch: "
            f"pip install 'symdyn-discovery[data]'. {remedy}"
        ) from error
    try:
        found = pooch.retrieve(row["url"], known_hash=f"sha256:{row['sha256']}", fname=path.name, path=path.parent)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong checksum is a ValueError
        raise InputError(f"could not fetch {row['name']!r} ({type(error).__name__}: {error}). {remedy}") from error
    return Path(found)
