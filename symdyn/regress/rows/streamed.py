"""Moments of data that do not fit the memory: one function sums a task, a loop or dask runs it, a fixed order adds up.

The samples of all trajectories, one after the other, are cut into blocks, whose moments `Moments` holds, and into
tasks, which are read at once. The cuts depend on the number of samples and on `memory` alone, neither on the chunks of
the files nor on who does the work: the results are the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise
from typing import Any
from uuid import uuid4

import jax
import numpy as np

from symdyn._progress import tell
from symdyn._types import double_precision
from symdyn.data.chunked import ChunkedData, Part, loaded, read_piece
from symdyn.data.differentiate import AbstractDifferentiation, FiniteDifference
from symdyn.data.lattice import halo_of, lattice_run
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording, joined
from symdyn.data.smoothing import Corner
from symdyn.data.weak import AbstractWeakForm, WeakForm
from symdyn.library import AbstractTerms
from symdyn.model.model import known_rates
from symdyn.regress.rows.generalised import unbiased_features
from symdyn.regress.rows.moments import (
    BLOCK_BYTES,
    BLOCKS,
    CALL,
    CHUNK,
    Moments,
    better_whitener,
    compiled_moments,
    given_rows,
    name_infinite_term,
    row_weights,
    sample_whitener,
    segment_ends,
    term_rows,
)
from symdyn.regress.rows.regression import (
    Regression,
    check_terms,
    flat_targets,
    recording_of_law,
    unknown_samples,
    weak_features,
    window_means,
)
from symdyn.regress.rows.whitening import inverse_whitener
from symdyn.regress.solution import Settings

HELD = 2**24  # numbers that a task may hold: 128 MiB
COPIES = 4  # of each value while a task is worked on
FEWEST, MOST = 2**10, 2**22  # samples in a task
WAVE = 256  # tasks that dask gets at once
RETRIES = 3  # of a task that failed or was lost

Sums = tuple[np.ndarray, np.ndarray]  # moments of blocks (b, q, q) and the rows in each (b,)


@dataclass(frozen=True, eq=False)
class BlockMoments:
    """What makes the moments of blocks from a piece of the data: the one function that every engine runs.

    `settings`, `reading`; `terms` and `law`: the terms bound to the state, and an empty recording of the law; `found`:
    the noise of the states, for the weak form; `scale`, `whitener`: see `Moments`; `block`, `task`: samples in each;
    `devices`: JAX's, which share the blocks of a task.
    """

    settings: Settings
    reading: Reading
    terms: AbstractTerms
    law: Recording
    found: Corner | None
    scale: np.ndarray
    whitener: np.ndarray
    block: int
    task: int
    devices: tuple = ()

    @property
    def weak(self) -> bool:
        return isinstance(self.settings.differentiation, AbstractWeakForm)

    @property
    def halo(self) -> int:
        """Samples that rows hang on, on either side."""
        method = self.settings.differentiation
        if isinstance(method, WeakForm):
            return halo_of(method, self.found)
        return max(method.window[0], 3) if isinstance(method, AbstractDifferentiation) else FiniteDifference().window[0]

    def __call__(self, parts: Sequence[Part], pieces: Sequence[Any], before: Sequence[int]) -> Sums:
        """The moments of a task: `pieces` are its parts in memory, `before` the samples that each has in front."""
        made, offset = [], 0
        with double_precision():
            for part, piece, extra in zip(parts, pieces, before, strict=True):
                recording = read_piece(piece, self.reading)
                if recording is not None:
                    made += self._rows(recording, part.start - extra, part.start, part.stop, offset)
                offset += (part.last - part.first) * (part.stop - part.start)
            return self._sums(made, offset, parts[0].start)

    def _rows(self, recording: Recording, first: int, start: int, stop: int, offset: int):
        """States or terms, targets, weights and places of the rows of each trajectory."""
        if self.weak:
            return self._windows(recording, first, start, stop, offset)
        samples = unknown_samples(recording, self.settings, self.law.targets)
        weights = row_weights(self.terms, samples.targets, samples.weights)
        ends = np.cumsum([0, *samples.lengths])
        keep = slice(start - first, stop - first)
        out = []
        for k, (a, b) in enumerate(pairwise(ends)):
            own = tuple(column[a:b][keep] for column in (samples.states, samples.targets, weights))
            out.append((*own, offset + k * (stop - start) + np.arange(len(own[0]))))
        return out

    def _windows(self, recording: Recording, first: int, start: int, stop: int, offset: int):
        form, columns = self.settings.differentiation, recording.space.indices(recording.targets)
        assert isinstance(form, WeakForm)
        features, known = self._features
        out = []
        for k, run in enumerate(recording.trajectories):
            made = lattice_run(form, run, self.found, self.settings.order, first, start, stop)
            if made is None:
                continue
            windows, centres = made
            design, targets = window_means(windows, features, known, columns)
            rows = flat_targets(design, targets, windows.windows.mean(windows.weights))
            each = len(rows[0]) // len(centres)
            out.append((*rows, offset + k * (stop - start) + np.repeat(centres - start, each)))
        return out

    @cached_property
    def _features(self) -> tuple[Callable, Callable | None]:
        """The terms, and the known part of the rates, at states with noise."""
        if self.settings.known is None:
            return weak_features(self.terms), None
        rates = jax.tree_util.Partial(known_rates, self.settings.known, self.terms.space, self.law.targets)
        return weak_features(self.terms), unbiased_features(None, rates)

    def _sums(self, made: list, size: int, first: int) -> Sums:
        """The moments of rows by blocks of their places, of which there are `size`."""
        q, p, largest = len(self.scale), self.terms.size, min(self.block, self.task)
        count = -(-size // largest)
        if not made:
            return np.zeros((count, q, q)), np.zeros(count, int)
        x, y, w, places = (joined(column) for column in zip(*made, strict=True))
        factor, plain = inverse_whitener(self.scale, self.whitener, p)
        rows, terms = (given_rows, None) if self.weak else (term_rows, self.terms)
        counts = np.bincount(places // largest, minlength=count)
        most, held = largest, self.task
        if self.weak or len(x) < size:  # windows, or samples left out: each block filled up by rows without weight
            most = 1 << (int(counts.max()) - 1).bit_length()
            held = count * most
            source = np.zeros(held, int)
            filled = np.arange(most) < counts[:, None]
            source[filled.ravel()] = np.arange(len(x))
            x, y, w = x[source], y[source], w[source]
            w[~filled.ravel()] = 0.0
        c = min(most, CHUNK)
        k = max(min(most // c, 2**18 // CHUNK), 1)
        shape = c, k, max(1, min(CALL, held) // (k * c))
        sums, _ = compiled_moments(rows, terms, factor, plain, (x, y, w), most, shape, self.devices)
        if not np.isfinite(sums).all() and not self.weak:
            name_infinite_term(self.terms, x, w, first)
        return sums, counts

    def sampled(self, sketch: Recording) -> tuple[np.ndarray, np.ndarray]:
        """Scales and whitener from the rows of a sketch."""
        with double_precision():
            if self.weak:
                runs = [replace(sketch, trajectories=(run,)) for run in sketch.trajectories]
                made = [row for r in runs for row in self._rows(r, 0, 0, len(r.trajectories[0].times), 0)]
                columns = tuple(joined(column) for column in list(zip(*made, strict=True))[:3])
                return sample_whitener(given_rows, None, columns, self.terms.size)
            samples = unknown_samples(sketch, self.settings, self.law.targets)
            columns = samples.states, samples.targets, row_weights(self.terms, samples.targets, samples.weights)
            return sample_whitener(term_rows, self.terms, columns, self.terms.size)


def block_moments(
    data: ChunkedData, settings: Settings, found: Corner | None, memory: int = HELD, devices: tuple = ()
) -> BlockMoments:
    """What makes the moments of data in chunks, whitened by their sketch. Raises InputError as `regression`."""
    sketch = data.sketch
    law = recording_of_law(sketch, settings)
    weak = isinstance(settings.differentiation, AbstractWeakForm)
    terms = settings.library.on(sketch.space if weak else law.space)
    rows = int(data.lengths.sum())
    check_terms(terms, law.target_space, None if settings.action is not None else rows)
    targets = 1 if terms.value_shape else law.target_space.size
    q, width = terms.size + targets, sketch.space.size + law.target_space.size + weak * terms.size
    blocks = min(BLOCKS, max(BLOCK_BYTES // (16 * q * q), 1))
    block = 2 ** max(int(np.log2(max(rows / blocks, 1.0))), 2)
    task = int(np.clip(2 ** int(np.log2(max(memory // (COPIES * width), 1))), FEWEST, MOST))
    none, empty = np.zeros(0), replace(law, trajectories=())
    job = BlockMoments(settings, data.reading, terms, empty, found, none, none, block, task, devices)
    scale, whitener = job.sampled(sketch)
    return replace(job, scale=scale, whitener=whitener)


def streamed_regression(
    data: ChunkedData, settings: Settings, found: Corner | None, memory: int = HELD, devices: tuple = ()
) -> Regression:
    """The moments of data in chunks, without more of them in memory than `memory` numbers a task.

    The law's recording is that of the sketch. Raises InputError as `regression`.
    """
    job = block_moments(data, settings, found, memory, devices)
    moments = streamed_moments(data, job)
    better = better_whitener(moments)
    if better is not None:
        tell("once more, for the terms are hard to tell apart")
        moments = streamed_moments(data, replace(job, whitener=better))
    return Regression(recording_of_law(data.sketch, settings), job.terms, moments)


def streamed_moments(data: ChunkedData, job: BlockMoments) -> Moments:
    """The moments of all blocks: tasks by the engine of the data, added in the order of the samples."""
    groups, owners = _groups(data, job)
    sums, counts, owner = [], [], []
    for number, (block, rows) in zip(owners, _results(data, job, groups), strict=True):
        live = rows > 0
        sums.append(block[live])
        counts.append(rows[live])
        owner.append(np.full(int(live.sum()), number))
    return Moments(joined(sums), job.whitener, job.scale, joined(counts), job.terms.size, joined(owner))


def _groups(data: ChunkedData, job: BlockMoments) -> tuple[list[list[tuple[Part, ...]]], list[int]]:
    """The tasks that are added to each other, each as the parts that it reads, and the segment that each belongs to."""
    groups, owners, step = [], [], max(job.block, job.task)
    ends = segment_ends(tuple(data.lengths.tolist()))
    for number, (low, high) in enumerate(pairwise([0, *ends.tolist()])):
        for start in range(low, high, step):
            stop = min(start + step, high)
            groups.append([data.parts(a, min(a + job.task, stop)) for a in range(start, stop, job.task)])
            owners.append(number)
    return groups, owners


def _results(data: ChunkedData, job: BlockMoments, groups: list) -> Iterator[Sums]:
    """The sums of each group in turn, by dask where the data are its arrays, else in a loop."""
    if any(v.chunks is not None for source in data.sources for v in source.variables.values()):
        yield from _by_dask(data, job, groups)
        return
    count, own = jax.process_count(), jax.process_index()
    sums: list[Sums] = []
    for done, group in enumerate(groups[own::count]):
        tell(f"moments: {done * count} of {len(groups)} blocks")
        each = _added([job(parts, *_read(data, job, parts)) for parts in group])
        if count == 1:
            yield each
        else:
            sums.append(each)
    if count > 1:
        yield from _gathered(sums, len(groups), count)


def _gathered(own: list[Sums], groups: int, processes: int) -> Iterator[Sums]:
    """The sums of all groups, of which the processes of `jax.distributed` did one after the other in turn."""
    from jax.experimental.multihost_utils import process_allgather

    places = -(-groups // processes)
    most = max((len(rows) for _, rows in own), default=0)
    most = int(np.max(process_allgather(np.array([most]))))
    q = len(own[0][0][0]) if own else 0
    q = int(np.max(process_allgather(np.array([q]))))
    sums, counts = np.zeros((places, most, q, q)), np.zeros((places, most), np.int32)
    for k, (block, rows) in enumerate(own):
        sums[k, : len(rows)], counts[k, : len(rows)] = block, rows
    bits = np.asarray(process_allgather(sums.view(np.uint32)))  # as bits: whatever precision JAX has
    every, rows = np.ascontiguousarray(bits).view(np.float64), np.asarray(process_allgather(counts))
    for k in range(groups):
        yield every[k % processes, k // processes], rows[k % processes, k // processes].astype(int)


def _read(data: ChunkedData, job: BlockMoments, parts: Sequence[Part]):
    pieces, before = zip(*(data.piece(part, job.halo) for part in parts), strict=True)
    return loaded(pieces), before


def _by_dask(data: ChunkedData, job: BlockMoments, groups: list) -> Iterator[Sums]:
    """Tasks as delayed functions of slices: dask reads, spreads, retries; only sums come back."""
    import dask

    held: Any = dask.delayed(job, name=f"moments-{uuid4().hex}", traverse=False)  # pyright: ignore[reportPrivateImportUsage]
    task = dask.delayed(_task, pure=False)  # pyright: ignore[reportPrivateImportUsage]
    add = dask.delayed(_added, pure=False)  # pyright: ignore[reportPrivateImportUsage]
    size = max(WAVE // max(len(group) for group in groups), 1)
    for done in range(0, len(groups), size):
        tell(f"moments: {done} of {len(groups)} blocks")
        lazy = []
        for group in groups[done : done + size]:
            slices = [[data.piece(part, job.halo) for part in parts] for parts in group]
            sums = [
                task(held, parts, [b for _, b in cut], *[piece for piece, _ in cut])
                for parts, cut in zip(group, slices, strict=True)
            ]
            lazy.append(add(sums))
        with dask.annotate(retries=RETRIES):  # pyright: ignore[reportPrivateImportUsage]
            yield from dask.compute(*lazy)  # pyright: ignore[reportPrivateImportUsage]


def _task(job: BlockMoments, parts: Sequence[Part], before: Sequence[int], *pieces: Any) -> Sums:
    return job(parts, pieces, before)


def _added(sums: Sequence[Sums]) -> Sums:
    """The sums of tasks in their order: each of one block, or one task with many."""
    return reduce(lambda one, other: (one[0] + other[0], one[1] + other[1]), sums)
