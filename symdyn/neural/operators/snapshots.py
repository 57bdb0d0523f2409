"""Snapshots of fields as what a flow map is trained on, read window by window and never as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.fields import Box, Fields, Grid, open_fields
from symdyn.neural.operators.law import OperatorLaw, rolled, time_step
from symdyn.neural.training.matching import AbstractMatching

SPREAD = 64  # windows from which sizes are taken
SEGMENT = 8  # windows that are read at once where the data have no chunks along the time


@dataclass(frozen=True)
class FlowMatching(AbstractMatching):
    """Least squares of the next snapshots, for `sd.train` of an `OperatorLaw`.

    The loss is the mean over the area of the squared errors in units of what a step adds.

    Parameters
    ----------
    length: snapshots of a window, at least 2: the first is the start, the law is run to the others.
    block: windows in memory at a time. After each round of training (`every` steps) others are read, chunk by chunk,
        from wherever the data lie (Zarr, NetCDF, dask), so that data may be larger than memory. None: all at once.

    Raises InputError for lengths below 2 and blocks that are not positive.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.FlowMatching(length=3, block=256)
    FlowMatching(length=3, block=256)
    """

    length: int = 2
    block: int | None = None

    def __post_init__(self):
        if self.length < 2:
            raise InputError(f"a window has 2 snapshots or more, got {self.length!r}")
        if self.block is not None and self.block < 1:
            raise InputError(f"block must be positive or None, got {self.block!r}")

    def rows(self, recording: Any, law: Any) -> dict[str, np.ndarray]:
        """All windows of a `Snapshots`."""
        return recording.read(np.arange(len(recording)))

    def loss(self, law: Any, batch: dict[str, Any], free: dict[str, Any], done: Any = 1.0) -> Any:
        states = batch["states"]
        area = jnp.asarray(law.grid.volume / law.grid.volume.mean(), states.dtype)

        def run(first):
            return jax.lax.scan(lambda x, _: (law.advance(x),) * 2, first, length=self.length - 1)[1]

        size = np.ones(law.space.size) if law.rate_scale is None else law.rate_scale.array
        wide = jnp.asarray(size, states.dtype).reshape(-1, *(1,) * area.ndim)
        error = (jax.vmap(run)(states[:, 0]) - states[:, 1:]) / wide
        weights = batch["weights"].reshape(-1, *(1,) * (error.ndim - 1))
        return jnp.mean(weights * area * error**2)


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Windows of `length` snapshots, `lag` apart, of runs on one grid; `starts` (m, 2): run and first sample."""

    runs: tuple[Fields, ...]
    lag: int
    length: int
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, runs: Sequence[Fields], lag: int, length: int) -> Snapshots:
        """All windows. Raises InputError where no run is long enough."""
        reach = lag * (length - 1)
        counts = [max(0, run.grid.shape[0] - reach) for run in runs]
        starts = [(r, t) for r, count in enumerate(counts) for t in range(count)]
        if not starts:
            raise InputError(f"no run has the {reach + 1} snapshots of a window: take a smaller lag or length")
        return cls(tuple(runs), lag, length, np.array(starts))

    def read(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Windows (m, length, c, *grid), missing values as 0, and weights (m,), 0 where any value is missing.

        Neighbouring windows of a run are read in one piece.
        """
        order = np.argsort(chosen, kind="stable")
        parts = [self._piece(piece) for piece in _neighbours(self.starts[chosen[order]])]
        states = np.concatenate(parts)[np.argsort(order)]
        missing = ~np.isfinite(states)
        good = ~missing.reshape(len(states), -1).any(axis=1)
        return {"states": np.where(missing, 0.0, states), "weights": good.astype(float)}

    def _piece(self, starts: np.ndarray) -> np.ndarray:
        run, first = (int(x) for x in starts[0])
        last = int(starts[-1, 1]) + self.lag * (self.length - 1) + 1
        slab = np.moveaxis(self.runs[run].slab(first, last), 0, 1)
        at = (starts[:, 1] - first)[:, None] + self.lag * np.arange(self.length)
        return slab[at]

    def segments(self) -> list[np.ndarray]:
        """Numbers of windows by chunks of the files: what is read at once."""
        out = []
        for r, run in enumerate(self.runs):
            here = np.flatnonzero(self.starts[:, 0] == r)
            chunks = getattr(run.values[0], "chunks", None)
            size = max(chunks[0]) if chunks else SEGMENT
            out += [part for part in np.split(here, np.arange(size, len(here), size)) if len(part)]
        return out

    def block(self, size: int, number: int) -> dict[str, np.ndarray]:
        """Block `number` of `size` windows: segments in an order that is drawn anew after each pass over the data."""
        wanted: list[np.ndarray] = []
        start, segments = number * size, self.segments()
        total = len(self)
        epoch, skip = divmod(start, total)
        while sum(map(len, wanted)) < size:
            order = np.random.default_rng(epoch).permutation(len(segments))
            line = np.concatenate([segments[k] for k in order])[skip:]
            wanted.append(line[: size - sum(map(len, wanted))])
            epoch, skip = epoch + 1, 0
        return self.read(np.concatenate(wanted))


def _neighbours(starts: np.ndarray) -> Iterator[np.ndarray]:
    """Stretches of windows that follow one another in a run."""
    cut = np.flatnonzero((np.diff(starts[:, 0]) != 0) | (np.diff(starts[:, 1]) > 1)) + 1
    yield from np.split(starts, cut)


def opened(law: OperatorLaw, data, reading: dict[str, Any]) -> list[Fields]:
    """Data as runs of the law's fields: Fields, Datasets, a list of these, or a Dataset with a dimension of runs.

    Raises InputError for fields, steps of time or axes that do not fit the law.
    """
    runs = reading.pop("runs", None)
    if reading:
        raise InputError(f"fields are read by sd.open_fields; unknown options {', '.join(map(repr, reading))}")
    given = list(data) if isinstance(data, list | tuple) else [data]
    if runs is not None:
        given = [each.isel({runs: k}) for each in given for k in range(each.sizes[runs])]
    names = list(law.space.names)
    turning = {a.name: a.period for a in law.grid.space_axes if a.period is not None and law.grid.sphere is None}
    options: dict[str, Any] = {"periodic": list(turning), "vectors": law.vectors}
    if law.grid.sphere is not None:
        options["radius"] = law.grid.sphere.radius
    out = [each if isinstance(each, Fields) else open_fields(each, names, **options) for each in given]
    for each in out:
        if each.space.component_names != law.space.component_names:
            raise InputError(
                f"the law has the fields {', '.join(law.space.component_names)}; the data have "
                f"{', '.join(each.space.component_names)}"
            )
        lag_of(law, each)
        law.on(each.grid)
    return out


def lag_of(law: OperatorLaw, fields: Fields) -> int:
    """Snapshots of the data in a step of the law. Raises InputError where these are no whole number."""
    dt = time_step(fields)
    lag = round(law.step / dt)
    if lag < 1 or abs(lag * dt - law.step) > 1e-6 * law.step:
        raise InputError(f"a step of the law is {law.step:g}, and the snapshots are {dt:g} apart: no whole number")
    return lag


@dataclass(frozen=True, eq=False)
class FlowData:
    """What a training of an operator reads: windows to fit, and those to check or None."""

    fit: Snapshots
    held: Snapshots | None
    match: FlowMatching

    @classmethod
    def of(cls, law: OperatorLaw, data, match: FlowMatching, validation, reading: dict[str, Any]) -> FlowData:
        """Raises InputError for data that do not fit the law, and runs on several grids."""
        runs = opened(law, data, dict(reading))
        for each in runs:
            if Grid(each.grid.space) != law.grid:
                raise InputError("the data lie on another grid than the law: train with law.on(fields.grid)")
        lag = lag_of(law, runs[0])
        if isinstance(validation, float):
            runs, checked = _held_out(runs, validation)
        else:
            checked = None if validation is None else opened(law, validation, dict(reading))
        held = None if checked is None else Snapshots.of(checked, lag, match.length)
        return cls(Snapshots.of(runs, lag, match.length), held, match)

    def block(self, number: int) -> dict[str, np.ndarray]:
        """The windows of a round."""
        size = self.match.block
        if size is None or size >= len(self.fit):
            return self.match.rows(self.fit, None)
        return self.fit.block(size, number)

    def sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """The first fields of some complete windows, evenly spread over all data, and what is added to them."""
        rows = self.fit.read(_spread(len(self.fit), min(SPREAD, self.match.block or SPREAD)))
        states = rows["states"][rows["weights"] > 0]
        if not len(states):
            raise InputError("every window has missing values: interpolate them, or choose another part of the data")
        return states[:, 0], states[:, 1] - states[:, 0]

    @property
    def whole(self) -> bool:
        """Whether all windows are in memory."""
        return self.match.block is None or self.match.block >= len(self.fit)

    def checks(self) -> dict[str, np.ndarray] | None:
        """Windows held out, no more than a block, evenly spread."""
        if self.held is None:
            return None
        size = len(self.held) if self.match.block is None else min(self.match.block, len(self.held))
        return self.held.read(_spread(len(self.held), size))


def _spread(total: int, count: int) -> np.ndarray:
    """Up to `count` numbers below `total`, evenly spread."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))


def _held_out(runs: list[Fields], share: float) -> tuple[list[Fields], list[Fields]]:
    """Whole runs, the last ones; of a single one its end."""
    if not 0 < share < 1:
        raise InputError(f"the fraction held out for validation lies between 0 and 1, got {share!r}")
    if len(runs) > 1:
        count = min(max(1, round(len(runs) * share)), len(runs) - 1)
        return runs[:-count], runs[-count:]
    n = runs[0].grid.shape[0]
    at = round(n * (1 - share))
    return [cut(runs[0], 0, at)], [cut(runs[0], at, n)]


def cut(fields: Fields, start: int, stop: int) -> Fields:
    """The instants from start to stop, still not read."""
    clock = fields.grid.time
    if clock is None or stop - start < 3:
        raise InputError(f"a part of {stop - start} snapshots is too short to train or to check on: 3 are needed")
    time = Box(clock.name, Frozen(clock.points[start:stop]), clock.unit)
    values = tuple(each[start:stop] for each in fields.values)
    return replace(fields, grid=Grid(fields.grid.space, time=time), values=values)


def scored(law: OperatorLaw, data, steps: int | None, reading: dict[str, Any]):
    """See `OperatorLaw.score`."""
    import xarray as xr

    runs = opened(law, data, dict(reading))
    lags = [lag_of(law, run) for run in runs]
    most = min((run.grid.shape[0] - 1) // lag for run, lag in zip(runs, lags, strict=True))
    count = most if steps is None else min(steps, most)
    if count < 1:
        raise InputError("the runs are shorter than one step of the law")
    table = []
    for run, lag in zip(runs, lags, strict=True):
        true = np.moveaxis(run.slab(0, count * lag + 1)[:, ::lag], 0, 1)
        found = np.asarray(rolled(law.on(run.grid), jnp.asarray(true[0], law.dtype), count), float)
        area, axes = run.grid.volume / run.grid.volume.sum(), tuple(range(2, true.ndim))
        middle = np.sum(true * area, axis=axes, keepdims=True)
        off, size = (np.sum(area * x**2, axis=axes)[1:] for x in (found - true, true - middle))
        table.append(np.sqrt(off / np.maximum(size, 1e-300)))
    return xr.Dataset(
        {"relative_error": (("run", "lead", "variable"), np.stack(table))},
        coords={"lead": law.step * np.arange(1, count + 1), "variable": list(law.space.component_names)},
    )
