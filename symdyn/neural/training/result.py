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
from symdyn.model.model import AbstractModel, rates_at
from symdyn.neural.law import NeuralLaw
from symdyn.regress._score import compared

Outcome = Literal["finished", "stopped_early", "not_finite", "interrupted"]


@dataclass(frozen=True, eq=False)
class Training:
    """Laws (`NeuralLaw` or `OperatorLaw`) with trained weights, one for each seed, and how they came about.

    `law`: the best one by validation; `laws`: those of all seeds, each at its best validation; `history`: an
    xarray.Dataset of loss, validation loss and skipped steps by seed and step; `result`: "finished", "stopped_early",
    "not_finite" (loss or gradient were infinite for a whole round; the laws are the last good ones) or "interrupted";
    `settings`: what was asked for, as text by name, also among the attributes of `history`, which
    `history.to_netcdf(...)` and `history.to_dataframe().to_csv(...)` write.
    """

    law: Any
    laws: tuple[Any, ...]
    history: Any
    result: Outcome
    settings: dict[str, str]

    def __str__(self) -> str:
        count, steps = len(self.laws), self.history.step.values
        head = f"{count} law{'s' * (count > 1)} of {self.law.parameters} weights: {self.result}"
        if len(steps):
            head += f" at step {steps[-1]}, best validation loss {float(self.history.validation.min()):.3g}"
        return "\n".join([head, *(f"  {name} = {value}" for name, value in self.settings.items())])

    @property
    def model(self) -> Any:
        """The same as `law`, as `identify` names it; so `find_symmetries` takes a training as it takes a solution."""
        return self.law

    def score(self, data, **options):
        """How well the best law does on data: see `NeuralLaw.score` and `OperatorLaw.score`."""
        return self.law.score(data, **options)


def scored(law: NeuralLaw, data, rtol: float, reading: dict[str, Any]):
    """See `NeuralLaw.score`."""
    import xarray as xr

    recording = recorded(law, data, reading)
    names, at, runs = recording.space.names, recording.space.slice, recording.trajectories
    states, rates = [], []
    for run in runs:
        given = {n: run.states[:, at(n)] for n in law.steered} or None
        path = input_path(law, given, run.times)
        found = integrated(law, run.states[:1], run.times, path=path, rtol=rtol)[0][0]
        states.append([compared(run.states[:, at(n)], found[:, at(n)]) for n in names])
        if run.rates is not None and not law.discrete:
            space, slopes = recording.space.select(law.targets), np.asarray(rates_at(law, run.states), float)
            true = run.rates[:, recording.target_space.indices(law.targets)]
            rates.append([compared(true[:, space.slice(n)], slopes[:, space.slice(n)])[0] for n in law.targets])
    table, both = np.array(states), ("trajectory", "variable")
    out: dict[str, Any] = {"r2": (both, table[..., 0]), "relative_error": (both, table[..., 1])}
    coords: dict[str, Any] = {"trajectory": [r.label for r in runs], "variable": list(names)}
    if len(rates) == len(runs):
        out["rate_r2"], coords["target"] = (("trajectory", "target"), np.array(rates)), list(law.targets)
    return xr.Dataset(out, coords=coords)


def recorded(law: AbstractModel, data, reading: dict[str, Any]):
    """Data as a recording of the law's state. Raises InputError where they have another one."""
    reading = {"inputs": law.inputs, **reading}
    if law.targets:
        reading.setdefault("rate_of", law.targets)
    recording = read(data, Reading(**reading))
    if recording.space.component_names != law.space.component_names:
        raise InputError(
            f"the law has the state {', '.join(law.space.component_names)}, and the data have "
            f"{', '.join(recording.space.component_names)}"
        )
    return recording
