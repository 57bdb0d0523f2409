"""Where a law was seen: some of the states that it was fitted to, in the units of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn._types import Frozen, StateSpace
from symdyn.data.differentiate import AbstractDifferentiation, FiniteDifference, SavitzkyGolay, derivative, usable
from symdyn.data.recording import Recording, Trajectory
from symdyn.data.smoothing import corner

STATES = 400  # of the data that are kept
NUMBERS = 40_000  # in all; of wide states fewer are kept
AROUND = 0.3  # of its size: how far a state is moved to see what lies beside the trajectories


@dataclass(frozen=True, eq=False)
class Domain:
    """The part of the state space that a law was fitted to.

    `space`: the state of the law; `states` (m, n): some of those in the data, evenly from all trajectories. Rates that
    are part of the state of a second-order law, and were not measured, are local quartics' of the positions.
    """

    space: StateSpace
    states: Frozen

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The least and largest value of each component."""
        x = self.states.array
        pairs = zip(x.min(axis=0).tolist(), x.max(axis=0).tolist(), strict=True)
        return dict(zip(self.space.component_names, pairs, strict=True))

    @property
    def mean(self) -> np.ndarray:
        """The mean of each component, (n,)."""
        return self.states.array.mean(axis=0)

    @property
    def scale(self) -> np.ndarray:
        """The standard deviation of each component, (n,)."""
        return self.states.array.std(axis=0)

    def around(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Random states (count, n) near those of the data, but not on their trajectories.

        On few trajectories different functions may agree (an orbit is a level set of what it conserves). Components
        that have one sign keep it, others move by a share of the size of their variable; those that are zero in all of
        the data take values of size 0.5 to 1.5.
        """
        whole = self.states.array
        x = whole[rng.integers(0, len(whole), count)].copy()
        size = np.empty_like(x)
        for name in self.space.names:
            part = self.space.slice(name)
            size[:, part] = np.sqrt(np.mean(x[:, part] ** 2, axis=1, keepdims=True))
        one_sign = np.all(whole >= 0, axis=0) | np.all(whole <= 0, axis=0)
        step = AROUND * rng.standard_normal(x.shape)
        moved = np.where(one_sign, x * np.exp(step), x + size * step)
        blank = rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1.0, 1.0], x.shape)
        return np.where(np.any(whole, axis=0), moved, blank)


def domain_of(recording: Recording, space: StateSpace, kinematics: tuple[tuple[str, str], ...]) -> Domain | None:
    """The domain of a law with this state, from what it was fitted to; None where the data do not hold its state.

    `kinematics` say which variables of the state are rates of others.
    """
    owner = {b: a for a, b in kinematics}
    unseen = [name for name in space.names if name not in recording.space.names]
    if any(owner.get(name) not in recording.space.names for name in unseen):
        return None
    method = _method(recording) if unseen else None
    runs = [run for run in recording.trajectories if method is None or len(run.times) >= method.fewest]
    states = [_states(run, recording.space, space, owner, method) for run in runs]
    found = np.concatenate([*states, np.zeros((0, space.size))])
    if not len(found):
        return None
    kept = min(STATES, max(NUMBERS // max(space.size, 1), 10))
    return Domain(space, Frozen(found[np.unique(np.linspace(0, len(found) - 1, kept).round().astype(int))]))


def with_rates(recording: Recording, described: Recording) -> Recording:
    """A recording of positions as one of the state of its second-order law: both smoothed, by local quartics."""
    method = _method(recording)
    columns = recording.space.indices(recording.targets)
    runs = []
    for run in recording.trajectories:
        if len(run.times) < method.fewest:
            continue
        states = run.states.copy()
        if isinstance(method, SavitzkyGolay):
            states[:, columns] = derivative(method, run, columns, 0)
        states = np.concatenate([states, derivative(method, run, columns)], axis=1)
        runs.append(replace(run, states=states, weights=usable(method, run), rates=None, seen=None))
    return replace(described, trajectories=tuple(runs))


def _states(
    run: Trajectory, seen: StateSpace, space: StateSpace, owner: dict[str, str], method: AbstractDifferentiation | None
) -> np.ndarray:
    """The states of one run that are whole and finite, (m, n), with rates of what `owner` names where not seen."""
    weights = run.weights if method is None else usable(method, run)
    live = (weights if weights.ndim == 1 else weights.min(axis=1)) > 0
    columns = []
    for name in space.names:
        if name in seen.names:
            columns.append(run.states[:, seen.indices((name,))])
        else:
            assert method is not None
            columns.append(derivative(method, run, seen.indices((owner[name],))))
    states = np.concatenate(columns, axis=1)
    return states[live & np.isfinite(states).all(axis=1)]


def _method(recording: Recording) -> AbstractDifferentiation:
    """Differences, or quartics as wide as they follow the motion where the states are noisy."""
    found = corner(recording.trajectories, recording.space.indices(recording.inputs))
    if found is None or found.half < 3:
        return FiniteDifference()
    shortest = min(len(run.times) for run in recording.trajectories)
    half = min(found.half, (shortest - 1) // 2)
    return SavitzkyGolay(2 * half + 1, 4) if half >= 3 else FiniteDifference()
