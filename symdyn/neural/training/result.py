"""What a training gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn.data.door import read
from symdyn.data.reading import Reading
from symdyn.model._simulate import integrated
from symdyn.model.inputs import input_path
from symdyn.neural.law import NeuralLaw
from symdyn.regress._score import _compare

Outcome = Literal["finished", "stopped_early", "not_finite", "interrupted"]


@dataclass(frozen=True, eq=False)
class Training:
    """Laws with trained weights, one for each seed, and how they came about.

    `law`: the best one by validation; `laws`: those of all seeds, each at its best validation; `history`: an
    xarray.Dataset of loss, validation loss and skipped steps by seed and step; `result`: "finished", "stopped_early",
    "not_finite" (loss or gradient were infinite for a whole round; the laws are the last good ones) or "interrupted".
    """

    law: NeuralLaw
    laws: tuple[NeuralLaw, ...]
    history: Any
    result: Outcome

    @property
    def model(self) -> NeuralLaw:
        """The same as `law`, as `identify` names it; so `find_symmetries` takes a training as it takes a solution."""
        return self.law

    def score(self, data, *, rtol: float = 1e-6, **reading):
        """R^2 and relative error of the simulated states of every trajectory: an xarray.Dataset.

        Parameters
        ----------
        data: as `train` takes them; each trajectory is simulated from its first state.
        rtol: of the integration.
        reading: how data are read (variables, time, ...).
        """
        import xarray as xr

        recording = recorded(self.law, data, reading)
        rows = []
        for run in recording.trajectories:
            given = {n: run.states[:, recording.space.slice(n)] for n in self.law.steered} or None
            path = input_path(self.law, given, run.times)
            found = integrated(self.law, run.states[:1], run.times, path=path, rtol=rtol)[0][0]
            at = recording.space.slice
            rows.append([_compare(run.states[:, at(n)], found[:, at(n)]) for n in recording.space.names])
        table = np.array(rows)
        both = ("trajectory", "variable")
        coords = {"trajectory": [r.label for r in recording.trajectories], "variable": list(recording.space.names)}
        return xr.Dataset({"r2": (both, table[..., 0]), "relative_error": (both, table[..., 1])}, coords=coords)


def recorded(law: NeuralLaw, data, reading: dict[str, Any]):
    """Data as a recording of the law's state. Raises InputError where they have another one."""
    reading.setdefault("inputs", law.inputs)
    if law.targets:
        reading.setdefault("rate_of", law.targets)
    recording = read(data, Reading(**reading))
    if recording.space.component_names != law.space.component_names:
        raise InputError(
            f"the law has the state {', '.join(law.space.component_names)}, and the data have "
            f"{', '.join(recording.space.component_names)}"
        )
    return recording
