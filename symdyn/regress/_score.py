"""How well a law does on held-out trajectories: the rates, and the states that it predicts."""

from __future__ import annotations

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.door import read
from symdyn.data.weak import WeakForm
from symdyn.regress.solution import Solution


def score(solution: Solution, data, *, rtol: float = 1e-9, method=None):
    """Compare a law with data that it was not fitted to.

    Each trajectory is integrated from its first sample over its own times. Returns an xarray.Dataset over
    (trajectory, variable): `r2` of the predicted states (1 is perfect), `relative_error` (root mean square error over
    root mean square), and, where the data hold or give rates, `rate_r2` of the rates.

    Raises InputError for data that do not fit the law, SymdynError where the integration stops early.
    """
    import xarray as xr

    from symdyn.regress.rows import pointwise_samples

    settings = solution.settings
    recording = read(data, settings.reading)
    model = solution.model
    if recording.space.component_names != model.space.component_names[: recording.space.size]:
        raise InputError(
            f"the law has the state {', '.join(model.space.component_names)}, and the data have "
            f"{', '.join(recording.space.component_names)}"
        )
    if settings.order == 2:
        return _second_order(solution, recording, rtol, method)
    rows = []
    for run in recording.trajectories:
        predicted = model.simulate(run.states[0], run.times, rtol=rtol, method=method)
        rows.append([_compare(run.states[:, model.space.slice(n)], predicted[n].values) for n in model.space.names])
    table = np.array(rows)
    out = {
        "r2": (("trajectory", "variable"), table[..., 0]),
        "relative_error": (("trajectory", "variable"), table[..., 1]),
    }
    if not isinstance(settings.differentiation, WeakForm):
        samples = pointwise_samples(recording, settings)
        with double_precision():
            rates = _rates(model, samples.states)
        explained = [
            [
                _compare(samples.targets[samples.groups == g][:, s], rates[samples.groups == g][:, s])[0]
                for s in _slices(model)
            ]
            for g in range(len(samples.group_names))
        ]
        out["rate_r2"] = (("trajectory", "target"), np.array(explained))
    coords = {
        "trajectory": [run.label for run in recording.trajectories],
        "variable": list(model.space.names),
        "target": list(model.targets),
    }
    return xr.Dataset(out, coords=coords)


def _second_order(solution: Solution, recording, rtol: float, method):
    """States only: the start needs the rates, which the smoothed first samples give."""
    import xarray as xr

    from symdyn.data.differentiate import FiniteDifference

    model, names = solution.model, recording.space.names
    rows = []
    for run in recording.trajectories:
        speed = FiniteDifference()(run.times, run.states[:, recording.space.indices(recording.targets)])
        start = np.concatenate([run.states[0], speed[0]])
        predicted = model.simulate(start, run.times, rtol=rtol, method=method)
        rows.append([_compare(run.states[:, model.space.slice(n)], predicted[n].values) for n in names])
    table = np.array(rows)
    return xr.Dataset(
        {
            "r2": (("trajectory", "variable"), table[..., 0]),
            "relative_error": (("trajectory", "variable"), table[..., 1]),
        },
        coords={"trajectory": [run.label for run in recording.trajectories], "variable": list(names)},
    )


def _rates(model, states: np.ndarray) -> np.ndarray:
    import equinox as eqx
    import jax

    return np.asarray(
        eqx.filter_jit(eqx.filter_vmap(lambda m, x: m.rate(x), in_axes=(None, 0)))(model, jax.numpy.asarray(states))
    )


def _slices(model) -> list[slice]:
    space = model.space.select(model.targets)
    return [space.slice(name) for name in model.targets]


def _compare(truth: np.ndarray, guess: np.ndarray) -> tuple[float, float]:
    """R^2 about the mean, and the relative root mean square error."""
    truth, guess = truth.reshape(len(truth), -1), np.asarray(guess).reshape(len(truth), -1)
    error = np.sum((truth - guess) ** 2)
    spread = np.sum((truth - truth.mean(axis=0)) ** 2)
    return float(1 - error / spread) if spread > 0 else float(error == 0), float(
        np.sqrt(error / max(np.sum(truth**2), 1e-300))
    )
