"""How well a law does on held-out trajectories: the rates, and the states that it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.differentiate import FiniteDifference, derivative
from symdyn.data.door import read
from symdyn.data.recording import Recording, Trajectory
from symdyn.data.weak import AbstractWeakForm
from symdyn.model._simulate import integrated
from symdyn.model.inputs import input_path
from symdyn.model.model import Model, rates_at
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.rows.regression import pointwise_samples
from symdyn.regress.solution import Solution


def score(solution: Solution, data, *, rtol: float = 1e-9, method=None):
    """Compare a law with data: see `Solution.score`."""
    import xarray as xr

    recording, model = recorded(solution, data), solution.model
    names, runs = recording.space.names, recording.trajectories
    states = []
    for run in runs:
        start, inputs = started(solution, recording, run)
        predicted = model.simulate(start, run.times, inputs=inputs, rtol=rtol, method=method)
        states.append([compared(run.states[:, recording.space.slice(n)], predicted[n].values) for n in names])
    table = np.array(states)
    both = ("trajectory", "variable")
    out: dict[str, Any] = {"r2": (both, table[..., 0]), "relative_error": (both, table[..., 1])}
    coords: dict[str, Any] = {"trajectory": [run.label for run in runs], "variable": list(names)}
    without_rates = isinstance(solution.settings.differentiation, AbstractWeakForm | JointEstimation)
    if solution.settings.order == 1 and not without_rates:
        out["rate_r2"] = (("trajectory", "target"), _rate_scores(solution, recording))
        coords["target"] = list(model.targets)
    return xr.Dataset(out, coords=coords)


def horizon(solution: Solution, data, *, error: float = 0.1, rtol: float = 1e-9, method=None):
    """How long a law forecasts data: see `Solution.horizon`."""
    import xarray as xr

    if not 0 < error < np.inf:
        raise InputError(f"the normalised error of a horizon must be a positive number, got {error!r}")
    recording = recorded(solution, data)
    solution.model.check_closed()
    spread = _spread(recording)
    times, exceeded = [], []
    for run in recording.trajectories:
        model, (start, inputs) = solution.model, started(solution, recording, run)
        path = input_path(model, inputs, run.times)
        predicted = integrated(model, start[None], run.times, path=path, rtol=rtol, method=method)[0][
            0, :, : len(spread)
        ]
        live = (run.weights if run.weights.ndim == 1 else run.weights.max(axis=1)) > 0
        size = np.sqrt(np.mean(((predicted - run.states) / spread) ** 2, axis=1))
        beyond = np.flatnonzero((live | ~np.isfinite(size)) & ~(size <= error))
        exceeded.append(bool(len(beyond)))
        times.append(float(run.times[beyond[0] if len(beyond) else -1] - run.times[0]))
    attrs = {"units": recording.time_unit} if recording.time_unit else {}
    values = {"horizon": ("trajectory", times, attrs), "exceeded": ("trajectory", exceeded)}
    coords = {"trajectory": [run.label for run in recording.trajectories]}
    return xr.Dataset(values, coords=coords, attrs={"error": error})


def _spread(recording: Recording) -> np.ndarray:
    """Standard deviation of each variable over all samples, the same for the components of one: (n,)."""
    states = np.concatenate([run.states for run in recording.trajectories])
    variance = states.var(axis=0)
    for name in recording.space.names:
        variance[recording.space.slice(name)] = variance[recording.space.slice(name)].mean()
    return np.sqrt(np.where(variance > 0, variance, 1.0))


def recorded(solution: Solution, data) -> Recording:
    """The data as the law's settings read them. Raises InputError where they have another state."""
    solution.model.check_closed()
    return of_its_state(solution, data)


def of_its_state(solution: Solution, data) -> Recording:
    """The same for laws that need not say how all of the state changes."""
    recording, names = read(data, solution.settings.reading), solution.model.space.component_names
    if recording.space.component_names != names[: recording.space.size]:
        raise InputError(
            f"the law has the state {', '.join(names)}, and the data have {', '.join(recording.space.component_names)}"
        )
    return recording


def started(solution: Solution, recording: Recording, run: Trajectory) -> tuple[np.ndarray, dict[str, Any] | None]:
    """The first state of a run, and its measured inputs but the time.

    A second-order law also needs the first rates, from differences.
    """
    names = [name for name in recording.inputs if name != recording.time_name]
    inputs = {name: run.states[:, recording.space.slice(name)] for name in names} or None
    if solution.settings.order == 1:
        return run.states[0], inputs
    speed = derivative(FiniteDifference(), run, recording.space.indices(recording.targets))
    return np.concatenate([run.states[0], speed[0]]), inputs


def _rate_scores(solution: Solution, recording: Recording) -> np.ndarray:
    """R^2 of the rate of each target in each trajectory: (trajectories, targets)."""
    samples, model = pointwise_samples(recording, solution.settings), solution.model
    with double_precision():
        rates = _rates(model, samples.states)
    space = model.space.select(model.targets)
    return np.array(
        [
            [
                compared(samples.targets[rows][:, space.slice(n)], rates[rows][:, space.slice(n)])[0]
                for n in model.targets
            ]
            for rows in (samples.groups == g for g in range(len(samples.group_names)))
        ]
    )


def _rates(model: Model, states: np.ndarray) -> np.ndarray:
    return np.asarray(rates_at(model, np.asarray(states)))


def compared(truth: np.ndarray, guess: np.ndarray) -> tuple[float, float]:
    """R^2 about the mean, and the relative root mean square error."""
    truth, guess = truth.reshape(len(truth), -1), np.asarray(guess).reshape(len(truth), -1)
    error = float(np.sum((truth - guess) ** 2))
    spread = float(np.sum((truth - truth.mean(axis=0)) ** 2))
    r2 = 1 - error / spread if spread > 0 else float(error == 0)
    return r2, float(np.sqrt(error / max(float(np.sum(truth**2)), 1e-300)))
