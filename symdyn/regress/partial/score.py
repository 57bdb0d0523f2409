"""How well a law of fields forecasts held-out fields, beside persistence."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.fields import Fields
from symdyn.model.fields import simulate_field, smoothed_start


def score_fields(solution, fields: Fields, *, smooth: bool = True, boundary: Fields | None = None, **options: Any):
    """Compare the forecast from the first instant with the fields: see `Solution.score`.

    Parameters
    ----------
    fields: held-out fields with a time.
    smooth: leave out of the start, on periodic axes, the waves from which on there is noise alone.
    boundary: what the outermost samples of axes with ends follow; `fields` by default.
    **options: those of `simulate_field`.

    Returns a Dataset: `error` and `persistence` over (time, variable), root mean square errors of the forecast and of
    the fields staying as they are at first, both as a share of the standard deviation of the variable; over variable
    `r2` and `relative_error` of all instants, and `skill`, 1 - (sum of squares of the forecast's error) / (that of
    persistence).

    Raises InputError for data without time, SymdynError where the integration stops early.
    """
    import xarray as xr

    if fields.grid.time is None:
        raise InputError("a score needs fields over a time")
    start = smoothed_start(fields) if smooth else fields
    found = simulate_field(
        solution, start, fields.grid.time.points, boundary=boundary or fields, **options
    )  # fmt: skip
    names = [name for name in found.component_names if name in fields.component_names]
    weights = np.broadcast_to(fields.grid.volume, fields.grid.shape[1:])
    table: dict[str, list] = {"error": [], "persistence": [], "r2": [], "relative_error": [], "skill": []}
    for name in names:
        truth, guess = fields.component(name), found.component(name)
        live = np.isfinite(truth) * weights
        truth = np.nan_to_num(truth)
        wrong, still = _squares(guess - truth, live), _squares(truth - start.component(name)[:1], live)
        mean = (truth * live).sum() / live.sum()
        spread = np.sqrt(_squares(truth - mean, live).sum() / live.sum())
        count = np.maximum(live.reshape(len(live), -1).sum(axis=1), 1e-300)
        table["error"].append(np.sqrt(wrong / count) / spread)
        table["persistence"].append(np.sqrt(still / count) / spread)
        table["r2"].append(1 - wrong.sum() / (spread**2 * live.sum()))
        table["relative_error"].append(np.sqrt(wrong.sum() / _squares(truth, live).sum()))
        table["skill"].append(1 - wrong.sum() / still.sum())
    time = fields.grid.time
    values = {
        name: (("time", "variable"), np.array(each).T) if name in ("error", "persistence") else ("variable", each)
        for name, each in table.items()
    }
    return xr.Dataset(values, coords={"time": ("time", time.points, {"units": time.unit or "1"}), "variable": names})


def _squares(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums of squares of each instant, (t,)."""
    return (weights * values**2).reshape(len(values), -1).sum(axis=1)
