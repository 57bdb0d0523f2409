"""Data sets that stay in their files: the samples that are read together, and pieces of them for a first look."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.door import read, resolved
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording, spread_pieces

WEIGHTS = "symdyn_weights"  # the name under which given weights go with the data


def lazy_size(data) -> int:
    """How many numbers of the data are still in files or unevaluated: dask arrays, or files opened without chunks."""
    runs = data if isinstance(data, list | tuple) else [data]
    return sum(v.size for run in runs for v in _variables(run) if _lazy(v))


def _variables(run) -> list:
    if hasattr(run, "data_vars"):
        return list(run.data_vars.values())
    return [run] if hasattr(run, "to_dataset") else []


def _lazy(variable) -> bool:
    held = getattr(variable.variable, "_data", None)
    return variable.chunks is not None or (hasattr(held, "get_duck_array") and not variable.variable._in_memory)


@dataclass(frozen=True)
class Part:
    """The samples [start, stop) of the runs [first, last) of one data set."""

    source: int
    first: int
    last: int
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class ChunkedData:
    """Data sets with what is known of them before their values are read.

    `sources`: xarray Datasets; `reading`: with the names of time and trajectories; `lengths` (runs,): the samples of
    each trajectory; `owners`, `numbers` (runs,): its data set and its place there; `sketch`: some of the samples in
    memory, each contiguous piece as a trajectory.
    """

    sources: tuple[Any, ...]
    reading: Reading
    lengths: np.ndarray
    owners: np.ndarray
    numbers: np.ndarray
    sketch: Recording

    @classmethod
    def of(cls, data, reading: Reading) -> ChunkedData:
        """The data sets, with a sketch that is read at once. Raises InputError for whatever cannot be used."""
        runs = list(data) if isinstance(data, list | tuple) else [data]
        if not runs:
            raise InputError("no data: the list of datasets is empty")
        sources = [_dataset(run) for run in runs]
        if reading.weights is not None and not isinstance(reading.weights, str):
            if len(sources) > 1:
                raise InputError("weights of several data sets are a variable of each: give its name")
            sources = [sources[0].assign({WEIGHTS: reading.weights})]
            reading = replace(reading, weights=WEIGHTS)
        reading = resolved(sources[0], reading)
        assert reading.time is not None
        if len(reading.trajectories or ()) > 1:
            raise InputError(
                f"data in chunks have one dimension of trajectories, not {reading.trajectories}: join them by "
                f"data.stack(run={list(reading.trajectories or ())})"
            )
        counts = [_runs(source, reading) for source in sources]
        lengths = np.concatenate(
            [np.full(n, source.sizes[reading.time]) for n, source in zip(counts, sources, strict=True)]
        )
        owners = np.repeat(np.arange(len(sources)), counts)
        numbers = np.concatenate([np.arange(n) for n in counts])
        made = cls(tuple(sources), reading, lengths, owners, numbers, None)  # pyright: ignore[reportArgumentType]
        return replace(made, sketch=made._sketched())

    def _sketched(self) -> Recording:
        parts = [
            Part(int(self.owners[run]), int(self.numbers[run]), int(self.numbers[run]) + 1, start, stop)
            for run, start, stop in spread_pieces(self.lengths)
        ]
        found = [read_piece(piece, self.reading) for piece in loaded([self.piece(part)[0] for part in parts])]
        whole = [each for each in found if each is not None]
        if not whole:
            raise InputError("no piece of the data that was looked at holds a finite sample of every variable")
        runs = tuple(replace(run, label=f"{k}") for k, each in enumerate(whole) for run in each.trajectories)
        if self.reading.time in self.reading.inputs and whole[0].origin:
            raise InputError(
                f"the time {self.reading.time!r} is an input and holds dates, which count from the start of a chunk; "
                "make it numbers first"
            )
        return replace(whole[0], trajectories=runs)

    def piece(self, part: Part, halo: int = 0) -> tuple[Any, int]:
        """The data of a part, not yet read, with `halo` samples more on either side where there are any, and how many
        there are before it."""
        source, time = self.sources[part.source], self.reading.time
        before = min(halo, part.start)
        where: dict[Any, slice] = {time: slice(part.start - before, min(part.stop + halo, source.sizes[time]))}
        for dim in self.reading.trajectories or ():
            where[dim] = slice(part.first, part.last)
        return source.isel(where), before

    def parts(self, low: int, high: int) -> tuple[Part, ...]:
        """The samples [low, high) of all trajectories one after the other; whole neighbours go together."""
        ends = np.cumsum(self.lengths)
        out: list[Part] = []
        for run in range(int(np.searchsorted(ends, low, "right")), int(np.searchsorted(ends, high, "left")) + 1):
            begin, t = int(ends[run] - self.lengths[run]), int(self.lengths[run])
            start, stop = max(low - begin, 0), min(high - begin, t)
            own = Part(int(self.owners[run]), int(self.numbers[run]), int(self.numbers[run]) + 1, start, stop)
            last = out[-1] if out else None
            if last and (last.source, last.start, last.stop, last.last) == (own.source, 0, t, own.first) and stop == t:
                out[-1] = replace(last, last=own.last)
            else:
                out.append(own)
        return tuple(out)


def _dataset(run):
    if hasattr(run, "data_vars"):
        return run
    if hasattr(run, "to_dataset"):
        return run.to_dataset(name=run.name or "x")
    raise InputError(f"data in chunks are xarray Datasets or DataArrays, got {type(run).__name__}; see sd.dataset")


def _runs(source, reading: Reading) -> int:
    for dim in (reading.time, *(reading.trajectories or ())):
        if dim not in source.sizes:
            raise InputError(f"the data sets of a list need the same dimensions; one has no {dim!r}")
    return int(np.prod([source.sizes[dim] for dim in reading.trajectories or ()], dtype=int))


def loaded(pieces: Sequence[Any]) -> list[Any]:
    """Data sets with their values in memory, read together where they are dask's."""
    if any(v.chunks is not None for piece in pieces for v in piece.variables.values()):
        import dask

        return list(dask.compute(*pieces))  # pyright: ignore[reportPrivateImportUsage]
    return [piece.compute() for piece in pieces]


def on_cluster() -> bool:
    """Whether a client of `distributed` takes what dask computes."""
    if "distributed" not in sys.modules:
        return False
    from distributed import default_client

    try:
        return default_client() is not None
    except ValueError:
        return False


def read_piece(piece, reading: Reading) -> Recording | None:
    """The recording of a piece in memory; None where no sample of some variable is finite and such may be skipped."""
    if reading.missing == "skip":
        values = [v.values for v in piece.data_vars.values() if reading.time in v.dims and v.dtype.kind == "f"]
        if not all(np.isfinite(each).any() for each in values):
            return None
    return read(piece, reading)
