"""What comes through the door: named trajectories on the host, in float64, with their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace

SAMPLES = 40_000  # in which the noise is looked for: pieces of the runs, so that long records cost no more
PIECES = 8  # of a long run
GAP = 8.0  # a step this many times longer than its neighbours is a gap


def joined(parts: Sequence[np.ndarray], axis: int = 0) -> np.ndarray:
    """Arrays one after the other; a single one is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One run of the system: `times` (t,), `states` (t, n), `rates` (t, d) or None, `weights` (t,) or (t, d).

    `rates` are measured time derivatives of the targets where the data hold them. A weight multiplies the squared
    residual of its row; rows with missing values have weight 0 (their values are replaced by finite ones). `seen`
    (t, n) then holds the weights of the single components, 0 where a value is missing; None where none is.
    """

    label: str
    times: np.ndarray
    states: np.ndarray
    rates: np.ndarray | None
    weights: np.ndarray
    seen: np.ndarray | None = None


def even_steps(times: np.ndarray) -> bool:
    """Whether times (t,) are evenly spaced, to the rounding that they carry themselves."""
    step = np.diff(times)
    rounding = 4 * np.finfo(float).eps * max(abs(float(times[0])), abs(float(times[-1])))
    return bool(np.allclose(step, step[0], rtol=1e-9, atol=rounding))


def pieces(run: Trajectory) -> list[tuple[int, int]]:
    """Stretches [start, end) without missing samples and without gaps in time."""
    from scipy.ndimage import median_filter

    live = (run.weights if run.weights.ndim == 1 else run.weights.min(axis=1)) > 0
    step = np.diff(run.times)
    gap = step > GAP * median_filter(step, size=11, mode="nearest") if len(step) > 2 else np.zeros(len(step), bool)
    joins = live[1:] & live[:-1] & ~gap  # a sample belongs with the one before it
    starts = np.flatnonzero(live & ~np.r_[False, joins])
    ends = np.flatnonzero(live & ~np.r_[joins, False]) + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def spread_pieces(lengths: Sequence[int] | np.ndarray) -> list[tuple[int, int, int]]:
    """Contiguous pieces (run, start, stop) of runs of some lengths, `SAMPLES` samples in all or fewer."""
    runs = range(0, len(lengths), max(1, len(lengths) * 64 // SAMPLES))  # of very many runs some
    most, out = SAMPLES // len(runs), []
    for run in runs:
        t, size = int(lengths[run]), max(most // PIECES, 16)
        starts = [0] if t <= most else np.linspace(0, t - size, PIECES).astype(int).tolist()
        out += [(run, start, t if t <= most else start + size) for start in starts]
    return out


@dataclass(frozen=True, eq=False)
class Recording:
    """Trajectories with a common state space, and what is known of their variables.

    `targets`: the variables whose time derivative is sought; `kinematics`: pairs (a, b) where the state says that
    the rate of a is b; `inputs`: the variables of the state that are given from outside; `time_unit`: the unit of
    `times`; `origin`: what time zero is, where the data tell.
    """

    space: StateSpace
    targets: tuple[str, ...]
    kinematics: tuple[tuple[str, str], ...]
    trajectories: tuple[Trajectory, ...]
    time_name: str = "time"
    time_unit: str = ""
    origin: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    @property
    def target_space(self) -> StateSpace:
        return self.space.select(self.targets)


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows for a pointwise regression: what the library sees and the rates that it is to explain.

    `states` (m, n), `targets` (m, d), `weights` (m,) or (m, d) (they multiply squared residuals), `lengths` and
    `group_names`: the rows and the label of each trajectory in turn.
    """

    space: StateSpace
    target_space: StateSpace
    states: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    lengths: tuple[int, ...]
    group_names: tuple[str, ...]

    def __post_init__(self):
        m = len(self.states)
        for name, count in (
            ("targets", len(self.targets)),
            ("weights", len(self.weights)),
            ("rows", sum(self.lengths)),
        ):
            if count != m:
                raise InputError(f"{m} states but {count} {name}: rows must match")

    @cached_property
    def groups(self) -> np.ndarray:
        """The number of each row's trajectory, (m,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def size(self) -> int:
        """The number of rows, m."""
        return len(self.states)

    @classmethod
    def of(cls, recording: Recording, targets: list[np.ndarray], weights: list[np.ndarray]) -> Samples:
        """Join trajectories into rows, given the target values and weights of each."""
        runs = recording.trajectories
        return cls(
            space=recording.space,
            target_space=recording.target_space,
            states=joined([run.states for run in runs]),
            targets=joined(targets),
            weights=joined(weights),
            lengths=tuple(len(run.times) for run in runs),
            group_names=tuple(run.label for run in runs),
        )
