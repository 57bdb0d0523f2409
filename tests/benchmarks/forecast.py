"""Equations found in noisy fields, run from a start that they were not found in, beside the true equation.

Each system is simulated twice, from two random starts. `identify_field` finds the law in the first run with 5 % white
noise and its automatic settings. The law found and the true law are then run from the first instant of the second run,
which has the same noise (on periodic axes without the waves that are noise alone): what noise of the start does to a
forecast nobody can avoid. Errors are root mean squares over the time and the fields, against the clean second run, as
shares of its standard deviation, up to one correlation time: until the fields correlate with their start by less than
1/e, or to the end. "ratio": error of the law found over that of the true one. "clean": the error of the law found from
the clean start, where the true one makes none. Medians over draws, and the largest ratio.
Shallow water is not among them: second derivatives by latitude, flux by flux, are singular at the poles, and laws that
have them are not simulated on a sphere.

    python tests/benchmarks/forecast.py                       # all systems, 2 draws
    python tests/benchmarks/forecast.py kdv barotropic --draws 5 --noise 0.1
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

import symdyn as sd
from symdyn._types import double_precision
from symdyn.model.fields import smoothed_start
from symdyn.model.model import entry_basis


@dataclass(frozen=True)
class Case:
    """A system, its library, the true coefficients by (target, term), and how it is identified and simulated."""

    system: str
    library: Callable[[], Any]
    truth: dict[str, dict[str, float]]
    fields: tuple[str, ...] = ("u",)
    identify: dict[str, Any] = field(default_factory=dict)
    given: Any = None
    options: dict[str, Any] = field(default_factory=dict)


def fluxes(text: str) -> dict[str, str]:
    return {"lon": f"{text} u", "lat": f"{text} v"}


SPHERE = {
    "div(zeta u)": fluxes("vorticity"), "div(sine u)": fluxes("sine"), "div u": {"lon": "u", "lat": "v"},
    "zeta": {"": "vorticity"}, "u": {"": "u"}, "v": {"": "v"}, "sine": {"": "sine"},
}  # fmt: skip


def line(degree: int, order: int) -> Callable[[], Any]:
    return lambda: sd.DivergenceForm(degree, order=order)


TWICE = {"time_order": 2}
CASES = {
    "heat": Case("heat", line(3, 4), {"u": {"u_xx": 1.0}}),
    "burgers": Case("burgers", line(3, 4), {"u": {"(u^2)_x": -0.5, "u_xx": 0.05}}),
    "kdv": Case("kdv", line(3, 4), {"u": {"(u^2)_x": -3.0, "u_xxx": -1.0}}),
    "porous_medium": Case("porous_medium", line(3, 4), {"u": {"(u^2)_xx": 0.2}}),
    "kuramoto_sivashinsky": Case(
        "kuramoto_sivashinsky", line(3, 4), {"u": {"(u^2)_x": -0.5, "u_xx": -1.0, "u_xxxx": -1.0}}
    ),
    "wave": Case("wave", line(3, 2), {"u_rate": {"u_xx": 1.0}}, identify=TWICE),
    "klein_gordon": Case("klein_gordon", line(3, 2), {"u_rate": {"u_xx": 1.0, "u": -1.0, "u^3": -1.0}}, identify=TWICE),
    "sine_gordon": Case(
        "sine_gordon", lambda: sd.DivergenceForm(3, order=2) + sd.Elementary(("sin", "cos"), variables=("u",)),
        {"u_rate": {"u_xx": 1.0, "sin(u)": -1.0}}, identify=TWICE,
    ),
    "advection_diffusion": Case(
        "advection_diffusion", line(2, 2), {"u": {"u_x": -1.0, "u_y": 0.5, "u_xx": 0.05, "u_yy": 0.05}}
    ),
    "lambda_omega": Case(
        "lambda_omega", line(3, 2),
        {
            "u": {"u": 1, "u^3": -1, "u v^2": -1, "u^2 v": 1, "v^3": 1, "u_xx": 0.1, "u_yy": 0.1},
            "v": {"v": 1, "u^2 v": -1, "v^3": -1, "u^3": -1, "u v^2": -1, "v_xx": 0.1, "v_yy": 0.1},
        },
        ("u", "v"),
    ),
    "navier_stokes": Case(
        "navier_stokes", line(2, 2),
        {"vorticity": {"(vorticity u)_x": -1, "(vorticity v)_y": -1, "vorticity_xx": 0.01, "vorticity_yy": 0.01}},
        ("vorticity", "u", "v"), {"rate_of": "vorticity"}, sd.RotationalWind(),
    ),
    "barotropic": Case(
        "barotropic_vorticity", lambda: sd.Fluxes(SPHERE, latitude="lat", radius=6.371e6),
        {"vorticity": {"div(zeta u)": -1.0, "div(sine u)": -2 * 7.292e-5}}, ("vorticity", "u", "v"),
        {"rate_of": "vorticity"}, sd.RotationalWind(), {"shape": (40, 80), "viscosity": 0.0},
    ),
}  # fmt: skip


def opened(case: Case, noise: float, key, *, rates: bool = True) -> sd.Fields:
    """The fields of a run; of laws of second order with their measured rate, or without it."""
    data = sd.make_fields(case.system, key=key, noise=noise, **case.options)
    names = list(case.fields)
    if case.identify.get("time_order") == 2 and rates:
        data, names = data.rename(v="u_rate"), ["u", "u_rate"]
    fields = sd.open_fields(data, names, periodic=data.attrs["periodic"].split())
    sphere = fields.grid.sphere
    return fields if sphere is None else fields.with_field("sine", np.sin(sphere.latitude.array)[:, None])


def true_law(case: Case, law: sd.Solution) -> Any:
    """The model of the law with the true coefficients."""
    table = np.zeros(law.coefficients.shape)
    for target, terms in case.truth.items():
        for term, value in terms.items():
            table[law.term_names.index(term), law.target_components.index(target)] = value
    where = np.argwhere(table)
    return replace(law.model, weights=table[tuple(where.T)], subspace=entry_basis(table.shape, where))


def correlation_time(fields: sd.Fields, names: list[str]) -> int:
    """The first instant at which a field correlates with its start by less than 1/e, or the last one."""
    volume, last = np.broadcast_to(fields.grid.volume, fields.grid.shape[1:]), 0
    for name in names:
        u = fields.component(name)
        u = (u - (u * volume).sum(axis=tuple(range(1, u.ndim)), keepdims=True) / volume.sum()) * np.sqrt(volume)
        u = u.reshape(len(u), -1)
        along = (u @ u[0]) / np.linalg.norm(u, axis=1) / np.linalg.norm(u[0])
        low = np.flatnonzero(along < np.exp(-1))
        last = max(last, int(low[0]) if len(low) else len(u) - 1)
    return max(last, 4)


def error(run: sd.Fields, truth: sd.Fields, names: list[str], last: int) -> float:
    volume, out = np.broadcast_to(truth.grid.volume, truth.grid.shape[1:]), []
    for name in names:
        u, w = truth.component(name)[: last + 1], run.component(name)[: last + 1]
        mean = (u * volume).sum() / volume.sum() / len(u)
        out.append((((w - u) ** 2) * volume).sum() / (((u - mean) ** 2) * volume).sum())
    return float(np.sqrt(np.mean(out)))


def row(case: Case, noise: float, draw: int) -> tuple[float, ...]:
    """Correlation time, whether the terms are right, errors of the found and the true law, persistence, clean error."""
    keys = jax.random.split(jax.random.key(100 + draw))
    law = sd.identify_field(opened(case, noise, keys[0], rates=False), library=case.library(), **case.identify)
    truth, noisy = opened(case, 0.0, keys[1]), opened(case, noise, keys[1])
    names = [n for n in case.fields if any(n == t.removesuffix("_rate") for t in case.truth)]
    last = correlation_time(truth, names)
    held = ("sine",) if truth.grid.sphere is not None else None
    options = {"times": truth.grid.time.points[: last + 1], "given": case.given or held}
    runs = []
    for model, start in ((law, noisy), (true_law(case, law), noisy), (law, truth)):
        try:
            found = sd.simulate_field(model, start, smooth=start is noisy, **options)
            runs.append(error(found, truth, names, last))
        except sd.SymdynError:
            runs.append(np.inf)
    first = smoothed_start(noisy).component(names[0])[:1]
    frozen = sd.Fields.of(truth.grid, **{names[0]: np.broadcast_to(first, truth.grid.shape)})
    still = error(frozen, truth, names[:1], last)
    chosen = {(t, n) for n, row in zip(law.term_names, law.coefficients, strict=True)
              for t, c in zip(law.target_components, row, strict=True) if c}  # fmt: skip
    right = chosen == {(t, n) for t, terms in case.truth.items() for n in terms}
    return float(options["times"][-1] - options["times"][0]), right, runs[0], runs[1], still, runs[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--draws", type=int, default=2)
    told = parser.parse_args()
    warnings.simplefilter("ignore", sd.SymdynWarning)
    print("system, correlation time, right terms, error, of the true law, ratio (largest), persistence, clean")
    for name in told.cases or CASES:
        table = np.array([row(CASES[name], told.noise, draw) for draw in range(told.draws)])
        time, _, own, true, still, clean = np.median(table, axis=0)
        ratio = table[:, 2] / table[:, 3]
        print(
            f"{name:21s} {time:8.3g}  {np.mean(table[:, 1]):.2f}  {own:.1e}  {true:.1e}  {np.median(ratio):.2f} "
            f"({ratio.max():.2f})  {still:.2f}  {clean:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    with double_precision():
        main()
