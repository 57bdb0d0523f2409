"""Figures of the planets job. Each function draws on axes that it is given; `save_figures` makes the files.

No pyplot and no state: a caller's backend, style and open figures stay as they are. Colours are those of Okabe and Ito,
which people with colour blindness tell apart; no fact is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from symdyn.data.registry import open_dataset
from symdyn.demo import DISTRACTORS, INNER, MERCURY_ADVANCE, POWERS, RELATIVISTIC, heliocentric
from symdyn.report.style import BLACK, BLUE, GREEN, ORANGE, VERMILLION, YELLOW, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdyn.demo import NBody, OnePlanet, Planets, Relativity

COLOURS = {"mercury": BLACK, "venus": ORANGE, "earth-moon": BLUE, "mars": VERMILLION, "jupiter": GREEN}
MARKERS = {"mercury": "o", "venus": "s", "earth-moon": "^", "mars": "D", "jupiter": "v"}
ORBIT_DAYS = 690  # one orbit of Mars
OUTER = ("jupiter", "saturn", "uranus", "neptune", "pluto")


def save_figures(found: Planets, folder: str | Path) -> tuple[Path, ...]:
    """Draw every figure of the planets job into `folder` (made where absent) as PNG; returns the paths."""
    from matplotlib.figure import Figure

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (draw, columns, size) in _FIGURES.items():
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots(1, columns, squeeze=False)[0], found)
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=150)
        paths.append(path)
    return tuple(paths)


def orbits(ax: Axes, found: Planets) -> None:
    """Orbits of the inner planets in the plane of the ecliptic, in 10^6 km."""
    tilt = np.deg2rad(23.4393)  # from the equator of the ICRF to the ecliptic
    first = found.data.time.values[0]
    daily = open_dataset("planets", times=first + np.arange(ORBIT_DAYS) * np.timedelta64(1, "D"))
    for name in INNER:
        r = heliocentric(daily, name).position.values[0] / 1e6
        x, y = r[:, 0], np.cos(tilt) * r[:, 1] + np.sin(tilt) * r[:, 2]
        ax.plot(x, y, color=COLOURS[name], linewidth=1.2, label=name)
        ax.plot(x[0], y[0], MARKERS[name], color=COLOURS[name], markersize=5)
    ax.plot(0, 0, "*", color=YELLOW, markeredgecolor=BLACK, markersize=12, label="sun")
    ax.set_aspect("equal")
    tidy(ax, "x [10⁶ km]", "y [10⁶ km]", "The data: orbits of the inner planets (DE421)")
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def accelerations(ax: Axes, found: Planets) -> None:
    """Acceleration against distance of all planets, and the law found from Mercury alone."""
    gm = found.single[0].gm[0]
    shifts = {"mercury": (10, 6), "pluto": (-32, -12)}  # points, so that no label covers another
    for name in (*INNER, *OUTER):
        planet = heliocentric(found.data, name)
        r, a = (np.linalg.norm(planet[v].values[0, ::20], axis=-1) for v in ("position", "acceleration"))
        ax.plot(r, a, ".", color=BLUE, markersize=4)
        at = float(np.median(r))
        where = {"xy": (at, gm / at**2), "xytext": shifts.get(name, (5, 6)), "textcoords": "offset points"}
        ax.annotate(name, **where, fontsize=8, color="0.25")
    r = np.geomspace(4e7, 1e10, 50)
    ax.plot(r, gm / r**2, color=VERMILLION, linewidth=1, label=f"GM / r², GM = {gm:.6g} km³ s⁻² (from Mercury)")
    ax.plot([], [], ".", color=BLUE, label="DE421, 1980 to 2020")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(3.5e7, 2e10)
    tidy(ax, "distance from the Sun r [km]", "acceleration |a| [km s⁻²]", "One law for all planets")
    ax.legend(fontsize=8, frameon=False, loc="lower left")


def powers(ax: Axes, single: tuple[OnePlanet, ...]) -> None:
    """What each power of the distance alone leaves of the acceleration."""
    exponents = np.array(POWERS) + 1
    for one in single:
        ax.plot(
            exponents, one.residuals, color=COLOURS[one.name], marker=MARKERS[one.name], markersize=5, linewidth=1,
            label=one.name,
        )  # fmt: skip
    ax.axvline(-2, color="0.6", linewidth=0.8, linestyle=":")
    ax.set_yscale("log")
    ax.set_xticks(exponents)
    tidy(ax, "exponent n of the force law rⁿ", "residual, share of the acceleration", "Which power wins: n = −2")
    ax.legend(fontsize=8, frameon=False, loc="lower right")


def masses(ax: Axes, found: NBody) -> None:
    """Deviation of each fitted GM from the constant of DE421, with one standard error, on a symmetric log axis."""
    deviation, error = found.gm / found.truth - 1, found.error / found.truth
    place = np.arange(len(found.bodies))
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.errorbar(place, deviation, yerr=error, fmt="o", color=BLUE, markersize=5, capsize=3, linewidth=1.2)
    ax.set_yscale("symlog", linthresh=1e-8, linscale=1.0)
    ticks = [1e-8, 1e-6, 1e-4, 1e-2, 1.0]
    ax.set_yticks([*(-t for t in reversed(ticks)), 0.0, *ticks])
    ax.set_ylim(-3, 6)
    ax.set_xticks(place, found.bodies, rotation=35, ha="right")
    tidy(ax, "", "fitted GM / constant of DE421 − 1", "Eleven masses at once (bars: one standard error)")


def _symbols(law) -> dict[str, str]:
    """Terms by name as short mathematics: r for the position, v for the velocity."""
    short = (r"\mathbf{position}", r"\mathbf{r}"), (r"\mathbf{velocity}", r"\mathbf{v}")
    out = {}
    for name, text in zip(law.term_names, law.model.terms.latex, strict=True):
        for long, symbol in short:
            text = text.replace(long, symbol)
        out[name] = f"${text.replace(chr(92) + 'frac', chr(92) + 'dfrac')}$"
    return out


def relativity_coefficients(ax: Axes, found: Relativity) -> None:
    """The three post-Newtonian coefficients in units of GM and c, and those of general relativity."""
    symbols = _symbols(found.law)
    place = np.arange(len(RELATIVISTIC))
    ax.axhline(0, color="0.6", linewidth=0.8)
    for x, truth in zip(place, RELATIVISTIC.values(), strict=True):
        ax.plot([x - 0.3, x + 0.3], [truth, truth], color=VERMILLION, linewidth=2, zorder=1)
    ax.errorbar(place, found.ratios, yerr=found.errors, fmt="o", color=BLUE, markersize=6, capsize=4, zorder=2)
    for x, value, error in zip(place, found.ratios, found.errors, strict=True):
        ax.annotate(
            f"{value:.4f} ± {error:.4f}".replace("-", "−"),
            (x, value),
            textcoords="offset points",
            xytext=(0, 12),
            ha="center",
            fontsize=8,
        )
    ax.plot([], [], color=VERMILLION, linewidth=2, label="general relativity: 4, −1, 4")
    ax.plot([], [], "o", color=BLUE, label="found")
    ax.set_xticks(place, [symbols[name] for name in RELATIVISTIC], fontsize=10)
    ax.set_xlim(-0.6, len(place) - 0.4)
    ax.set_ylim(-2.5, 6.5)
    tidy(ax, "term", "coefficient [units of GM and c]", "Post-Newtonian coefficients")
    ax.legend(fontsize=8, frameon=False, loc="upper center", ncols=2)


def post_newtonian(ax: Axes, found: Relativity) -> None:
    """The share of the relativistic acceleration that each candidate carries, before and after thresholding."""
    symbols = _symbols(found.law)
    names = found.everything.term_names
    before = np.abs(found.everything.stats.shares[0])
    after = dict(zip(found.law.active_terms, np.abs(found.law.stats.shares[0]), strict=True))
    place = np.arange(len(names))[::-1]
    for k, name in zip(place, names, strict=True):
        if name in DISTRACTORS:
            ax.axhspan(k - 0.5, k + 0.5, color="0.95", zorder=0)
    ax.plot(before, place, "o", markerfacecolor="none", color=ORANGE, label="least squares on all candidates")
    kept = [(after[name], k) for k, name in zip(place, names, strict=True) if name in after]
    ax.plot(*zip(*kept, strict=True), "o", color=BLUE, markersize=5, label="kept")
    fate = f"{len(set(after) & set(DISTRACTORS))} kept" if set(after) & set(DISTRACTORS) else "all dropped"
    threshold = getattr(found.law.settings.solver, "threshold", 0.0)
    ax.axvline(threshold, color=VERMILLION, linewidth=1, linestyle="--", label=f"threshold {threshold:g}")
    ax.set_xscale("log")
    ax.set_yticks(place, [symbols[name] for name in names], fontsize=8)
    ax.set_ylim(-0.7, len(names) - 0.3)
    tidy(ax, "share of the acceleration that Newton leaves", "", f"Candidates (grey: distractors, {fate})")
    ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.11), ncols=3)


def perihelion(ax: Axes, found: Relativity) -> None:
    """Direction of Mercury's perihelion by the law found, with and without its relativistic terms."""
    years = found.days / 365.25
    ax.plot(years, found.drift, color=BLUE, linewidth=1.5, label=f"law found: {found.advance:.2f}″ per century")
    ax.plot(
        years, years / 100 * MERCURY_ADVANCE, color=VERMILLION, linestyle=(0, (5, 5)), linewidth=1.5,
        label=f"general relativity: {MERCURY_ADVANCE}″ per century",
    )  # fmt: skip
    ax.plot(
        years, found.newtonian, color=BLACK, linestyle="-.", linewidth=1.2,
        label=f"its Newtonian term alone: {found.integration_error:.4f}″ per century",
    )  # fmt: skip
    tidy(ax, "time [years]", "direction of the eccentricity vector [arcsec]", "Perihelion of Mercury, simulated")
    ax.legend(fontsize=8, frameon=False, loc="upper left", handlelength=3.5)


def noisy_orbit(ax: Axes, found: Planets) -> None:
    """Noisy and true positions of Mercury and the orbit simulated by the law found from the noisy ones."""
    orbit = found.orbit / 1e6
    x, y = ({"component": c} for c in "xy")
    year = orbit.isel(time=slice(89))
    ax.plot(year.noisy.sel(x), year.noisy.sel(y), ".", color=ORANGE, markersize=6, label="noisy (data)")
    ax.plot(year.true.sel(x), year.true.sel(y), color=BLACK, linewidth=2.2, alpha=0.35, label="true")
    ax.plot(year.simulated.sel(x), year.simulated.sel(y), "--", color=BLUE, linewidth=1.2, label="simulated by the law")
    ax.plot(0, 0, "*", color=YELLOW, markeredgecolor=BLACK, markersize=10)
    ax.set_aspect("equal")
    tidy(ax, "x [10⁶ km]", "y [10⁶ km]", "Mercury, one orbit")
    ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def noisy_residuals(ax: Axes, found: Planets) -> None:
    """Distance of the noisy and of the simulated positions of Mercury from the true ones, in km, over time."""
    orbit = found.orbit
    days = (orbit.time - orbit.time[0]).values / np.timedelta64(1, "D")
    for name, marker, linestyle, color in (("noisy", ".", "none", ORANGE), ("simulated", "", "-", BLUE)):
        away = (((orbit[name] - orbit.true) ** 2).sum("component") ** 0.5).values
        ax.plot(days[1:], away[1:], label=f"{name} − true", marker=marker, linestyle=linestyle, color=color)
    noise = max(one.noise for one in found.noisy)
    ax.axhline(noise, color="0.5", linestyle=":", linewidth=1, label=f"noise, {noise:.0f} km per coordinate")
    ax.set_yscale("log")
    title = "Away from the true orbit (the simulation starts on it)"
    tidy(ax, "days since 2000-01-01", "distance from the true position [km]", title)
    ax.legend(fontsize=8, frameon=False, loc="lower right")


def _both(left: Callable, right: Callable) -> Callable:
    def draw(axes, found) -> None:
        left(axes[0], found)
        right(axes[1], found)

    return draw


_FIGURES: dict[str, tuple[Callable, int, tuple[float, float]]] = {
    "1_orbits": (lambda axes, f: orbits(axes[0], f), 1, (6.2, 5.0)),
    "2_accelerations": (lambda axes, f: accelerations(axes[0], f), 1, (6.4, 4.8)),
    "3_powers": (lambda axes, f: powers(axes[0], f.single), 1, (6.4, 4.4)),
    "4_masses": (lambda axes, f: masses(axes[0], f.bodies), 1, (6.4, 4.4)),
    "5_post_newtonian": (
        lambda axes, f: _both(relativity_coefficients, post_newtonian)(axes, f.relativity), 2, (11.0, 6.4),
    ),
    "6_perihelion": (lambda axes, f: perihelion(axes[0], f.relativity), 1, (6.4, 4.4)),
    "7_noisy": (_both(noisy_orbit, noisy_residuals), 2, (10.0, 4.8)),
}  # fmt: skip
