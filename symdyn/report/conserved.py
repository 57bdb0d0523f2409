"""Figures of conserved quantities: their values along trajectories that nothing was fitted on, and how they depart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from symdyn import ConservedQuantities, Drift, InputError
from symdyn.report.style import BLUE, ORANGE, VERMILLION, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 12  # trajectories


def save_conserved(found: ConservedQuantities, path: str | Path) -> Path:
    """Draw each quantity that was found or rejected, a row each, into a PNG file. Returns its path.

    Raises InputError where nothing was measured along trajectories: quantities of a law have no drift, see
    `conserved_drift`.
    """
    from matplotlib.figure import Figure

    rows = [(q, q.drift) for q in (*found.quantities, *found.rejected) if q.drift is not None and q.drift.values]
    if not rows:
        raise InputError("no quantity with a drift along trajectories to draw; measure one with conserved_drift")
    figure = Figure(figsize=(10.5, 3.2 * len(rows) + 0.4), layout="constrained")
    for (left, right), (quantity, drift) in zip(figure.subplots(len(rows), 2, squeeze=False), rows, strict=True):
        text = str(quantity)
        conserved_levels(left, drift, text if len(text) < 60 else text[:57] + "...")
        conserved_departures(right, drift)
    path = Path(path)
    figure.savefig(path, dpi=130)
    return path


def conserved_levels(ax: Axes, drift: Drift, title: str = "") -> None:
    """The quantity along trajectories, each with the band that noise alone makes about its mean."""
    for k in _some(drift):
        t, c = drift.times[k], drift.values[k]
        mean, band = c.mean(), drift.floor * drift.spread
        ax.fill_between(t[[0, -1]], mean - band, mean + band, color=ORANGE, alpha=0.35, linewidth=0)
        ax.plot(t, c, color=BLUE, linewidth=0.9)
    ax.plot([], [], color=BLUE, label="along a held-out trajectory")
    ax.fill_between([], [], [], color=ORANGE, alpha=0.35, label="mean ± noise floor (rms)")
    tidy(ax, "time", "quantity C", title)
    ax.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    ax.title.set_fontsize(9)
    ax.set_title(ax.get_title(loc="left"), fontsize=9, loc="left", pad=20)


def conserved_departures(ax: Axes, drift: Drift) -> None:
    """Departures from each trajectory's mean, in units of the spread between trajectories, beside the noise floor."""
    for k in _some(drift):
        c = drift.values[k]
        ax.plot(drift.times[k], (c - c.mean()) / drift.spread, color=BLUE, linewidth=0.7, alpha=0.7)
    ends = [min(t[0] for t in drift.times), max(t[-1] for t in drift.times)]
    ax.fill_between(ends, -drift.floor, drift.floor, color=ORANGE, alpha=0.35, linewidth=0, zorder=3)
    ax.plot([], [], color=BLUE, label="C − mean of its trajectory")
    ax.fill_between([], [], [], color=ORANGE, alpha=0.35, label=f"± noise floor (rms) {drift.floor:.1e}")
    for side in (-1, 1):
        label = f"± limit of the drift {drift.upper:.1e}" if side > 0 else None
        ax.plot(ends, [side * drift.upper] * 2, color=VERMILLION, linestyle="--", linewidth=1.1, label=label, zorder=4)
    title = f"{drift.verdict}: drift {drift.size:.1e} of the spread"
    tidy(ax, "time", "departure / spread", title)
    ax.set_title(title, fontsize=9, loc="left", pad=20)
    ax.legend(fontsize=7, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)


def _some(drift: Drift) -> np.ndarray:
    """Trajectories spread over the levels of the quantity."""
    order = np.argsort([float(np.mean(c)) for c in drift.values])
    return order[np.unique(np.linspace(0, len(order) - 1, _SHOWN).round().astype(int))]
