"""How well a law does on held-out trajectories: the rates, and the states that it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.differentiate import FiniteDifference, derivative
from symdyn.data.door import read
from symdyn.data.recording import Recording, Trajectory
from symdyn.data.weak import WeakForm
from symdyn.model.model import Model
from symdyn.regress.rows import pointwise_samples
from symdyn.regress.solution import Solution


def score(solution: Solution, data, *, rtol: float = 1e-9, method=None):
    """Compare a law with data: see `Solution.score`."""
    import xarray as xr

    recording, model = read(data, solution.settings.reading), solution.model
    if recording.space.component_names != model.space.component_names[: recording.space.size]:
        raise InputError(
            f"the law has the state {', '.join(model.space.component_names)}, and the data have "
            f"{', '.join(recording.space.component_names)}"
        )
    names, runs = recording.space.names, recording.trajectories
    states = []
    for run in runs:
        predicted = model.simulate(_start(solution, recording, run), run.times, rtol=rtol, method=method)
        states.append([_compare(run.states[:, recording.space.slice(n)], predicted[n].values) for n in names])
    table = np.array(states)
    both = ("trajectory", "variable")
    out: dict[str, Any] = {"r2": (both, table[..., 0]), "relative_error": (both, table[..., 1])}
    coords: dict[str, Any] = {"trajectory": [run.label for run in runs], "variable": list(names)}
    if solution.settings.order == 1 and not isinstance(solution.settings.differentiation, WeakForm):
        out["rate_r2"] = (("trajectory", "target"), _rate_scores(solution, recording))
        coords["target"] = list(model.targets)
    return xr.Dataset(out, coords=coords)


def _start(solution: Solution, recording: Recording, run: Trajectory) -> np.ndarray:
    """The first state of a run; a second-order law also needs the first rates, from differences."""
    if solution.settings.order == 1:
        return run.states[0]
    speed = derivative(FiniteDifference(), run, recording.space.indices(recording.targets))
    return np.concatenate([run.states[0], speed[0]])


def _rate_scores(solution: Solution, recording: Recording) -> np.ndarray:
    """R^2 of the rate of each target in each trajectory: (trajectories, targets)."""
    samples, model = pointwise_samples(recording, solution.settings), solution.model
    with double_precision():
        rates = _rates(model, samples.states)
    space = model.space.select(model.targets)
    return np.array(
        [
            [
                _compare(samples.targets[rows][:, space.slice(n)], rates[rows][:, space.slice(n)])[0]
                for n in model.targets
            ]
            for rows in (samples.groups == g for g in range(len(samples.group_names)))
        ]
    )


def _rates(model: Model, states: np.ndarray) -> np.ndarray:
    import equinox as eqx
    import jax.numpy as jnp

    evaluate = eqx.filter_jit(eqx.filter_vmap(lambda m, x: m.rate(x), in_axes=(None, 0)))
    return np.asarray(evaluate(model, jnp.asarray(states)))


def _compare(truth: np.ndarray, guess: np.ndarray) -> tuple[float, float]:
    """R^2 about the mean, and the relative root mean square error."""
    truth, guess = truth.reshape(len(truth), -1), np.asarray(guess).reshape(len(truth), -1)
    error = float(np.sum((truth - guess) ** 2))
    spread = float(np.sum((truth - truth.mean(axis=0)) ** 2))
    r2 = 1 - error / spread if spread > 0 else float(error == 0)
    return r2, float(np.sqrt(error / max(float(np.sum(truth**2)), 1e-300)))
