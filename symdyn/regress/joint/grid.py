"""The nodes of a joint estimation: where the trajectory is unknown, what was seen there, and the steps between."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.recording import Recording, Trajectory
from symdyn.model.inputs import sampled_path
from symdyn.regress.solution import Settings


@dataclass(frozen=True, eq=False)
class Observed:
    """One run as a joint estimation sees it.

    `times` (t,); `values` (t, n) of the moving components, with zeros where nothing was seen; `weights` (t, n) of
    their squared residuals, 0 there; `inputs` (t, m).
    """

    times: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    inputs: np.ndarray


@dataclass(frozen=True, eq=False)
class TimeGrid:
    """All runs, one after the other, with `substeps` steps between samples.

    `times` (T,), `values` and `weights` (T, n) at the nodes; `steps` (T - 1,), 0 from run to run; `inputs` (T, m)
    and `middle` (T - 1, m), those at the middle of each step; `samples` (T,): which nodes are samples; `starts`: the
    first node of each run.
    """

    times: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    steps: np.ndarray
    inputs: np.ndarray
    middle: np.ndarray
    samples: np.ndarray
    starts: np.ndarray

    @property
    def count(self) -> np.ndarray:
        """How many values were seen of each component, (n,)."""
        return (self.weights > 0).sum(axis=0)

    @property
    def runs(self) -> list[slice]:
        """The nodes of each run."""
        ends = [*self.starts[1:], len(self.times)]
        return [slice(int(a), int(b)) for a, b in zip(self.starts, ends, strict=True)]


def observed(recording: Recording, described: Recording, settings: Settings) -> tuple[Observed, ...]:
    """The runs with the moving components of the law's state: those that the data lack carry no weight."""
    space = described.space
    moving = [name for name in space.names if name not in described.inputs]
    known = {*described.targets, *(a for a, _ in described.kinematics)}
    open_ = [name for name in moving if name not in known]
    if open_:
        raise InputError(
            f"a joint estimation needs a closed law, and nothing says how {', '.join(open_)} change: seek their rates "
            "too (rate_of), leave them out (variables), or say that they are given (inputs)"
        )
    seen = [name for name in moving if name in recording.space.names]
    return tuple(_observed(run, recording, described, moving, seen) for run in recording.trajectories)


def _observed(run: Trajectory, recording: Recording, described: Recording, moving, seen) -> Observed:
    own = described.space.select(tuple(moving))
    places, columns = own.indices(tuple(seen)), recording.space.indices(tuple(seen))
    values, weights = np.zeros((2, len(run.times), own.size))
    values[:, places] = run.states[:, columns]
    rows = run.weights if run.weights.ndim == 1 else run.weights.mean(axis=1)
    weights[:, places] = rows[:, None] if run.seen is None else run.seen[:, columns]
    if not weights.any():
        raise InputError(f"no sample of trajectory {run.label!r} has a weight")
    given = run.states[:, recording.space.indices(recording.inputs)] if recording.inputs else np.zeros((len(rows), 0))
    return Observed(run.times, values, weights, given)


def grid(runs: tuple[Observed, ...], substeps: int) -> TimeGrid:
    """The nodes of all runs, with `substeps` equal steps between neighbouring samples."""
    parts, start = [], 0
    starts = []
    for run in runs:
        parts.append(_refined(run, substeps))
        starts.append(start)
        start += len(parts[-1][0])
    times, values, weights, inputs, middle, samples = (np.concatenate(p) for p in zip(*parts, strict=True))
    steps = np.diff(times)
    steps[np.array(starts[1:], int) - 1] = 0.0
    return TimeGrid(times, values, weights, steps, inputs, middle[:-1], samples, np.array(starts))


def _refined(run: Observed, substeps: int) -> tuple[np.ndarray, ...]:
    t = len(run.times)
    share = np.arange(substeps) / substeps
    times = np.append((run.times[:-1, None] + np.diff(run.times)[:, None] * share).ravel(), run.times[-1])
    samples = np.zeros(len(times), bool)
    samples[::substeps] = True
    values, weights = np.zeros((2, len(times), run.values.shape[1]))
    values[samples], weights[samples] = run.values, run.weights
    middle = np.append(0.5 * (times[1:] + times[:-1]), times[-1])  # one more than steps: runs are joined
    if not run.inputs.shape[1]:
        return times, values, weights, np.zeros((len(times), 0)), np.zeros((len(times), 0)), samples
    with double_precision():
        path = sampled_path(run.times, run.inputs) if t > 2 else sampled_path(run.times, run.inputs, "linear")
        at = [np.asarray(jax.vmap(path.evaluate)(jnp.asarray(stamps))) for stamps in (times, middle)]
    return times, values, weights, at[0], at[1], samples
