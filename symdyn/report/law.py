"""Figures of a law of trajectories: what its terms carry, what else came into question, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn._errors import SymdynError
from symdyn.regress._score import of_its_state, started
from symdyn.report.style import BLACK, BLUE, GREEN, ORANGE, VERMILLION, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdyn import Choice, Solution

DRAWN = 1500  # samples of a trajectory that a figure shows at most
MARKERS = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (ORANGE, "D"), (BLACK, "v"))


def term_shares(ax: Axes, law: Solution) -> None:
    """How much of the rate each term of a law carries, as a share of its root mean square."""
    labels = _weights(law)
    values = [abs(share) for each in law.stats.shares for share in each][: len(labels)]
    place = np.arange(len(values))[::-1]
    if values and 0 < min(values) < 0.05 * max(values):
        ax.plot(values, place, "o", color=BLUE)
        ax.set_xscale("log")
    else:
        ax.barh(place, values, height=0.6, color=BLUE)
    ax.set_yticks(place, labels[: len(values)], fontsize=8)
    ax.set_ylim(-0.6, len(values) - 0.4)
    tidy(ax, "share of the rate", "", "What each term carries")


def _weights(law: Solution) -> list[str]:
    """A name for each active weight: the entries of the coefficients that it makes."""
    model = law.model
    basis = np.abs(np.asarray(model.subspace.basis)).reshape(-1, *law.coefficients.shape)
    out = []
    for w, part in zip(np.asarray(model.weights), basis, strict=True):
        if w == 0:
            continue
        rows = np.argwhere(part > 0)
        first = law.term_names[rows[0][0]]
        target = law.target_components[rows[0][1]] + ": " if part.ndim == 2 else ""
        out.append(f"{target}{first}" + (f" and {len(rows) - 1} more" if len(rows) > 1 else ""))
    return out


def support_path(ax: Axes, choices: tuple[Choice, ...]) -> None:
    """What the best set of each size leaves of the rate, and which one was chosen (filled)."""
    from matplotlib.ticker import MaxNLocator

    for choice, (color, marker) in zip(choices, MARKERS * (1 + len(choices) // len(MARKERS)), strict=False):
        best: dict[int, float] = {}
        for c in choice.candidates:
            size = len(c.terms)
            best[size] = min(best.get(size, np.inf), max(c.residual, 1e-16))
        sizes = sorted(best)
        ax.plot(
            sizes, [best[s] for s in sizes], color=color, marker=marker, markerfacecolor="white", label=choice.target
        )
        won = choice.candidates[choice.chosen]
        ax.plot(len(won.terms), max(won.residual, 1e-16), color=color, marker=marker, markersize=9, linestyle="none")
    ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(ax, "number of terms", "residual, share of the rate", "Sets of terms (filled: chosen)")
    ax.legend(fontsize=8, frameon=False)


@dataclass(frozen=True)
class Forecast:
    """A trajectory of data and the law's simulation from its first sample; `failed` says why there is none.

    `times` (t,), `measured` and `simulated` (t, n), `names` and `units` (n,), `time_unit`, `label`.
    """

    times: np.ndarray
    measured: np.ndarray
    simulated: np.ndarray | None
    names: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    label: str
    failed: str = ""


def forecast(law: Solution, data: Any, trajectory: int = 0) -> Forecast:
    """One trajectory of the data, and what the law makes of its first sample."""
    recording = of_its_state(law, data)
    run, space = recording.trajectories[trajectory], recording.space
    units = tuple(v.unit for v in space.variables for _ in v.component_names)
    simulated, failed = None, ""
    try:
        start, inputs = started(law, recording, run)
        found = law.model.simulate(start, run.times, inputs=inputs)
        simulated = np.concatenate(
            [np.asarray(found[n].values, float).reshape(len(run.times), -1) for n in space.names], axis=1
        )
    except SymdynError as error:
        failed = str(error)
    return Forecast(
        run.times, run.states, simulated, space.component_names, units, recording.time_unit, str(run.label), failed
    )


def simulated_beside_data(axes: Any, found: Forecast) -> None:
    """Each component of a trajectory on an axis of its own: the data, and the law from the first sample on."""
    thin = slice(None, None, max(1, -(-len(found.times) // DRAWN)))
    for k, ax in enumerate(np.ravel(axes)):
        ax.plot(found.times[thin], found.measured[thin, k], ".", color=ORANGE, markersize=3, label="data")
        if found.simulated is not None:
            ax.plot(found.times[thin], found.simulated[thin, k], color=BLUE, linewidth=1, label="law")
        last = k == len(np.ravel(axes)) - 1
        tidy(ax, _with_unit("time", found.time_unit) if last else "", _with_unit(found.names[k], found.units[k]), "")
        if k == 0:
            ax.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)


def departures(ax: Axes, found: Forecast) -> None:
    """The normalised error of the simulation over time: root mean square over the components, in units of their spread.

    Reference: Vlachas et al. 2018, Proc. R. Soc. A 474, 20170844.
    """
    if found.simulated is None:
        return
    thin = slice(1, None, max(1, -(-len(found.times) // DRAWN)))
    spread = np.nanstd(found.measured, axis=0)
    away = (found.simulated - found.measured) / np.where(spread > 0, spread, 1.0)
    error = np.sqrt(np.mean(away**2, axis=1))
    ax.plot(found.times[thin], np.maximum(error[thin], 1e-16), color=BLUE, linewidth=0.9)
    ax.set_yscale("log")
    tidy(ax, _with_unit("time", found.time_unit), "error, in units of the data's spread", "How the forecast departs")


def _with_unit(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit not in ("", "1") else name
