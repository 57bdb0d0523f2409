"""Which trajectories a training holds out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdyn._errors import InputError
from symdyn.data.recording import Recording, Trajectory
from symdyn.neural.law import NeuralLaw
from symdyn.neural.training.result import recorded


def held_out(recording: Recording, law: NeuralLaw, validation, reading) -> tuple[Recording, Recording | None]:
    """The recording to fit and the one to check: whole trajectories, the last ones, or the end of a single one."""
    if validation is None:
        return recording, None
    if not isinstance(validation, float):
        return recording, recorded(law, validation, reading)
    if not 0 < validation < 1:
        raise InputError(f"the fraction held out for validation lies between 0 and 1, got {validation!r}")
    runs = recording.trajectories
    if len(runs) == 1:
        at = round(len(runs[0].times) * (1 - validation))
        parts = [_cut(runs[0], slice(None, at)), _cut(runs[0], slice(at, None))]
        if min(len(p.times) for p in parts) < 2:
            raise InputError(f"{validation!r} of {len(runs[0].times)} samples leaves nothing to fit or to check")
        return replace(recording, trajectories=(parts[0],)), replace(recording, trajectories=(parts[1],))
    count = min(max(1, round(len(runs) * validation)), len(runs) - 1)
    return replace(recording, trajectories=runs[:-count]), replace(recording, trajectories=runs[-count:])


def _cut(run: Trajectory, part: slice) -> Trajectory:
    def taken(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[part]

    return Trajectory(
        run.label, run.times[part], run.states[part], taken(run.rates), run.weights[part], taken(run.seen)
    )
