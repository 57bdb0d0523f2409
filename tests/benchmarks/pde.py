"""Partial differential equations under noise, with the automatic settings of identify_field (the table of WSINDy).

    python tests/benchmarks/pde.py                                   # heat, burgers, kdv, ks; 2 draws of each noise
    python tests/benchmarks/pde.py kdv --noise 0.5 1.0 --draws 10
    python tests/benchmarks/pde.py kdv --arms symdyn symmetry pysindy
    python tests/benchmarks/pde.py all --draws 20 --arms symdyn symmetry --table pde.csv     # adds what is not there
    python tests/benchmarks/pde.py --table pde.csv --figure pde.png                          # nothing is run
    python tests/benchmarks/pde.py ks --large                        # 42 terms: powers and derivatives up to 6
    python tests/benchmarks/pde.py ks --show                         # the laws, widths of windows, runner-ups

Noise is white, in shares of the root mean square of each field. TPR = TP / (TP + FP + FN) of the terms; error: the
largest relative error among the true terms (1 where one is missing). "symmetry" enforces one that people know of before
they know the law: a boost, a scaling, rotations; never one that leaves the truth alone with its coefficients. PySINDy
has its best settings: the width of the windows and the threshold with the best TPR are chosen by the truth, which we do
not see. It has no laws of second order, and the terms of the porous medium are not in its library.

Messenger and Bortz 2021, J. Comput. Phys. 443, 110525: 200 draws; TPR > 0.95 up to noise 100 % for KdV,
Kuramoto-Sivashinsky, inviscid Burgers and sine-Gordon, 50 % for porous medium and NLS, 22 % for lambda-omega, 27 % for
Navier-Stokes, with windows from the corner of the spectrum and MSTLS.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

import symdyn as sd

NOISE = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
ARMS = ("symdyn", "symmetry", "pysindy")
HEAD = ("case", "arm", "noise", "draw", "tpr", "error", "seconds", "size")


@dataclass(frozen=True)
class Case:
    """A system with its grid, the library of a given degree and order, and the truth by (target, term)."""

    system: str
    degree: int
    order: int
    truth: dict[tuple[str, str], float]
    variables: tuple[str, ...] = ("u",)
    options: Callable[[], dict[str, Any]] = dict
    identify: dict[str, Any] = field(default_factory=dict)
    library: Any = None
    symmetry: Callable[[], Any] | None = None
    published: float | None = None  # noise up to which WSINDy has TPR > 0.95


def fields(**generators: dict[str, str]) -> Callable[[], sd.Action]:
    return lambda: sd.Action.polynomial(generators, time="t")


BOOST = {"boost": {"x": "t", "u": "1"}}


def _ks_start(x):
    return np.cos(x / 16) * (1 + np.sin(x / 16))


def _truth(**rates: str) -> dict[tuple[str, str], float]:
    """The coefficients of `u="-0.5 (u^2)_x, 0.05 u_xx"` by target and term."""
    out = {}
    for target, text in rates.items():
        for part in text.split(", "):
            value, term = part.split(" ", 1)
            out[target, term] = float(value)
    return out


CASES = {
    "heat": Case(
        "heat", 3, 4, _truth(u="1 u_xx"), options=lambda: {"times": np.linspace(0, 0.2, 256)},
        symmetry=fields(linear={"u": "u"}),
    ),
    "burgers": Case(
        "burgers", 3, 4, _truth(u="-0.5 (u^2)_x, 0.05 u_xx"), options=lambda: {"times": np.linspace(0, 1.0, 256)},
        symmetry=fields(**BOOST),
    ),
    "inviscid": Case(
        "burgers", 3, 4, _truth(u="-0.5 (u^2)_x"), published=1.0,
        options=lambda: {"times": np.linspace(0, 0.9, 256), "start": {"u": np.sin}, "viscosity": 0.0},
        symmetry=fields(scaling={"x": "x", "u": "u"}),
    ),
    "kdv": Case(
        "kdv", 3, 4, _truth(u="-3 (u^2)_x, -1 u_xxx"), published=1.0,
        options=lambda: {"times": np.linspace(0, 6, 601), "shape": 400},
        symmetry=fields(scaling={"t": "3 t", "x": "x", "u": "-2 u"}),
    ),
    "ks": Case(
        "kuramoto_sivashinsky", 3, 4, _truth(u="-0.5 (u^2)_x, -1 u_xx, -1 u_xxxx"), published=1.0,
        options=lambda: {"times": np.linspace(0, 150, 301), "start": {"u": _ks_start}}, symmetry=fields(**BOOST),
    ),
    "porous_medium": Case(
        "porous_medium", 3, 4, _truth(u="0.2 (u^2)_xx"), published=0.5,
        symmetry=fields(scaling={"t": "2 t", "x": "x"}),
    ),
    "klein_gordon": Case(
        "klein_gordon", 3, 2, _truth(u_rate="1 u_xx, -1 u, -1 u^3"), identify={"time_order": 2},
        symmetry=lambda: sd.Poincare(1).acting_on(u=sd.Scalar),
    ),
    "sine_gordon": Case(
        "sine_gordon", 3, 2, _truth(u_rate="1 u_xx, -1 sin(u)"), identify={"time_order": 2}, published=1.0,
        library=sd.DivergenceForm(3, order=2) + sd.Elementary(("sin", "cos"), variables=("u",)),
        symmetry=lambda: sd.Poincare(1).acting_on(u=sd.Scalar),
    ),
    "advection": Case(
        "advection_diffusion", 2, 2, _truth(u="-1 u_x, 0.5 u_y, 0.05 u_xx, 0.05 u_yy"),
        symmetry=fields(linear={"u": "u"}),
    ),
    "navier_stokes": Case(
        "navier_stokes", 2, 2,
        _truth(vorticity="-1 (vorticity u)_x, -1 (vorticity v)_y, 0.01 vorticity_xx, 0.01 vorticity_yy"),
        ("vorticity", "u", "v"), identify={"rate_of": "vorticity"}, published=0.27,
        symmetry=lambda: sd.Action.polynomial(
            {"turn": {"x": "-y", "y": "x", "u": "-v", "v": "u"}, "boost": {"x": "t", "u": "1"}}, time="t"
        ),
    ),
    "nls": Case(
        "nls", 3, 2,
        _truth(u="0.5 v_xx, 1 u^2 v, 1 v^3", v="-0.5 u_xx, -1 u v^2, -1 u^3"), ("u", "v"), published=0.5,
        symmetry=fields(phase={"u": "-v", "v": "u"}),
    ),
    "lambda_omega": Case(
        "lambda_omega", 3, 2,
        _truth(
            u="1 u, -1 u^3, -1 u v^2, 1 u^2 v, 1 v^3, 0.1 u_xx, 0.1 u_yy",
            v="1 v, -1 u^2 v, -1 v^3, -1 u^3, -1 u v^2, 0.1 v_xx, 0.1 v_yy",
        ), ("u", "v"), published=0.22,
        symmetry=fields(phase={"u": "-v", "v": "u"}, turn={"x": "-y", "y": "x"}),
    ),
}  # fmt: skip


@cache
def clean(name: str):
    """The same clean fields for all draws of the noise."""
    case = CASES[name]
    return sd.make_fields(case.system, **case.options())


def fields_of(name: str, noise: float, draw: int) -> sd.Fields:
    data, rng = clean(name).copy(), np.random.default_rng(draw)
    for each in CASES[name].variables:
        size = float(np.sqrt((data[each] ** 2).mean()))
        data[each] = data[each] + noise * size * rng.normal(size=data[each].shape)
    data = data.rename(time="t")
    return sd.open_fields(data, list(CASES[name].variables), periodic=data.attrs["periodic"].split())


def judged(found: dict[tuple[str, str], float], truth: dict[tuple[str, str], float]) -> tuple[float, float]:
    """TPR and the largest relative error of the true terms."""
    both = set(found) & set(truth)
    tpr = len(both) / len(set(found) | set(truth))
    return tpr, max(abs(found.get(key, 0.0) - value) / abs(value) for key, value in truth.items())


def coefficients(law: sd.Solution) -> dict[tuple[str, str], float]:
    table = law.coefficients
    return {
        (law.target_components[c], law.term_names[k]): float(table[k, c])
        for k, c in zip(*np.nonzero(table), strict=True)
    }


def library_of(case: Case, large: bool):
    return sd.DivergenceForm(6, order=6) if large else case.library or sd.DivergenceForm(case.degree, order=case.order)


def ours(case: Case, fields: sd.Fields, large: bool, symmetric: bool) -> sd.Solution:
    action = case.symmetry() if symmetric and case.symmetry else None
    return sd.identify_field(fields, library=library_of(case, large), action=action, **case.identify)


SHARES = (20, 10, 6)  # of each axis: half widths of PySINDy's windows
TRUTH_BY_JETS = {  # PySINDy's library has products of powers with one derivative
    "heat": {("u", "u_11"): 1.0},
    "burgers": {("u", "uu_1"): -1.0, ("u", "u_11"): 0.05},
    "inviscid": {("u", "uu_1"): -1.0},
    "kdv": {("u", "uu_1"): -6.0, ("u", "u_111"): -1.0},
    "ks": {("u", "uu_1"): -1.0, ("u", "u_11"): -1.0, ("u", "u_1111"): -1.0},
}


@lru_cache(maxsize=1)  # a gigabyte each
def windows(name: str, large: bool) -> list:
    """PySINDy's weak libraries: one for each width, 1000 windows. One field on one axis."""
    import pysindy as ps

    case, grid = CASES[name], fields_of(name, 0.0, 0).grid
    degree, order = (6, 6) if large else (case.degree, case.order)
    x, t = grid.axes[1].points, grid.axes[0].points
    out = []
    for share in SHARES:
        np.random.seed(0)  # noqa: NPY002  (PySINDy draws its windows from the global generator)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out.append(
                ps.WeakPDELibrary(
                    ps.PolynomialLibrary(degree=degree, include_bias=False), derivative_order=order, K=1000,
                    p=order + 2, spatiotemporal_grid=np.stack(np.meshgrid(x, t, indexing="ij"), axis=-1),
                    H_xt=[(x[-1] - x[0]) / share, (t[-1] - t[0]) / share],
                )
            )  # fmt: skip
    return out


def pysindy(name: str, fields: sd.Fields, large: bool) -> tuple[float, float, int]:
    """TPR, error and number of terms of the best of PySINDy's settings, chosen by the truth."""
    import pysindy as ps
    from pysindy.utils import AxesArray

    best, terms = (-1.0, 1.0), 0
    array = AxesArray(fields.component("u").T[..., None], {"ax_spatial": [0], "ax_time": 1, "ax_coord": 2})
    for library in windows(name, large):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            design, rates = np.asarray(library.fit_transform(array)), library.convert_u_dot_integral(array)
            names = [each.replace("x0", "u") for each in library.get_feature_names()]
            for threshold in 10.0 ** np.arange(-3, 0.6, 0.25):
                solver = ps.STLSQ(threshold=threshold, alpha=1e-12, normalize_columns=True).fit(design, rates)
                found = {("u", n): v for n, v in zip(names, np.ravel(solver.coef_), strict=True) if v}
                best = max(best, judged(found, TRUTH_BY_JETS[name]), key=lambda pair: (pair[0], -pair[1]))
        terms = len(names)
    return *best, terms


def row(name: str, arm: str, noise: float, draw: int, told) -> dict[str, Any]:
    """One line of the table: processor seconds without the reading of the data, compilation included."""
    case, data = CASES[name], fields_of(name, noise, draw)
    start = time.process_time()
    if arm == "pysindy":
        tpr, error, size = pysindy(name, data, told.large)
    else:
        law = ours(case, data, told.large, arm == "symmetry")
        tpr, error = judged(coefficients(law), case.truth)
        size = law.model.terms.size
        if told.show:
            shown(case, data, law, told.large)
    seconds = time.process_time() - start
    return dict(zip(HEAD, (name, arm, noise, draw, tpr, error, round(seconds, 3), size), strict=True))


def shown(case: Case, fields: sd.Fields, law: sd.Solution, large: bool) -> None:
    order = max(case.order, 2)
    rows = sd.field_rows(
        fields, library_of(case, large), order=order, time_order=case.identify.get("time_order", 1),
        rate_of=case.identify.get("rate_of"),
    )  # fmt: skip
    print("   ", law, rows.half_widths, rows.windows)
    for choice in law.choices:
        print("      ", str(choice).replace("\n", "\n       "))


def read(path: Path | None) -> list[dict[str, Any]]:
    if path is None or not path.exists():
        return []
    with path.open() as file:
        whole = list(csv.DictReader(file))
    return [{k: v if k in ("case", "arm") else float(v) for k, v in each.items()} for each in whole]


def measured(told) -> list[dict[str, Any]]:
    """All rows of the table: what is there and what is asked for besides, written as it comes."""
    rows = read(told.table)
    known = {(r["case"], r["arm"], r["noise"], int(r["draw"])) for r in rows}
    for name in told.cases:
        for arm in told.arms:
            if arm == "pysindy" and name not in TRUTH_BY_JETS:
                continue
            for noise in told.noise:
                for draw in range(told.draws if noise else 1):
                    if (name, arm, noise, draw) in known:
                        continue
                    rows.append(row(name, arm, noise, draw, told))
                    if told.table is not None:
                        fresh = not told.table.exists()
                        with told.table.open("a", newline="") as file:
                            writer = csv.DictWriter(file, HEAD)
                            if fresh:
                                writer.writeheader()
                            writer.writerow(rows[-1])
    return rows


def summary(rows: list[dict[str, Any]], name: str, arm: str) -> np.ndarray:
    """(noise, draws, share of exact supports, mean TPR, median error, quartiles of the error, median s)."""
    own = [r for r in rows if (r["case"], r["arm"]) == (name, arm)]
    out = []
    for noise in sorted({r["noise"] for r in own}):
        here = [r for r in own if r["noise"] == noise]
        tpr, error, seconds = (np.array([r[k] for r in here]) for k in ("tpr", "error", "seconds"))
        out.append(
            (
                noise, len(here), np.mean(tpr > 0.999), tpr.mean(), np.median(error), *np.quantile(error, (0.25, 0.75)),
                np.median(seconds),
            )
        )  # fmt: skip
    return np.array(out).reshape(-1, 8)


def printed(rows: list[dict[str, Any]]) -> None:
    for name in CASES:
        for arm in ARMS:
            table = summary(rows, name, arm)
            if not len(table):
                continue
            size = next(r["size"] for r in rows if (r["case"], r["arm"]) == (name, arm))
            print(f"{name}, {arm}, {size:.0f} terms: noise, draws, exact, mean TPR, median error, processor s a law")
            for noise, draws, exact, tpr, error, _, _, seconds in table:
                print(f"  {noise:4.2f}  {draws:3.0f}  {exact:.2f}  {tpr:.3f}  {error:.1e}  {seconds:.2f}")


def figure(rows: list[dict[str, Any]], path: Path) -> None:
    """TPR and error of all systems over the noise."""
    import matplotlib.pyplot as plt

    names = [name for name in CASES if any(r["case"] == name for r in rows)]
    look = {"symdyn": ("#0072b2", "o", "-"), "symmetry": ("#d55e00", "s", "-"), "pysindy": ("0.5", "^", "--")}
    label = {"symdyn": "symdyn", "symmetry": "with a symmetry", "pysindy": "PySINDy, weak, set by the truth"}
    columns = -(-len(names) // 2)
    picture, axes = plt.subplots(
        4, columns, figsize=(2.1 * columns, 7.8), layout="constrained", sharex=True, squeeze=False
    )
    for axis in axes.ravel():
        axis.set_visible(False)
    for k, name in enumerate(names):
        upper, lower = axes[2 * (k // columns), k % columns], axes[2 * (k // columns) + 1, k % columns]
        for axis in (upper, lower):
            axis.set_visible(True)
            axis.set_xscale("symlog", linthresh=0.01, linscale=0.4)
            axis.set_xticks([0, 0.01, 0.1, 1], ["0", "1 %", "10 %", "100 %"])
            axis.tick_params(labelsize=7, labelbottom=axis is lower)
            axis.minorticks_off()
        for arm in ARMS:
            table = summary(rows, name, arm)
            if len(table):
                color, marker, line = look[arm]
                style = {"color": color, "marker": marker, "ls": line, "ms": 3, "lw": 1}
                upper.plot(table[:, 0], table[:, 3], label=label[arm], **style)
                lower.plot(table[:, 0], table[:, 4], **style)
                lower.fill_between(table[:, 0], table[:, 5], table[:, 6], color=color, alpha=0.15, lw=0)
        limit = CASES[name].published
        if limit is not None:
            upper.axvline(limit, color="k", lw=0.8, ls=":", label="WSINDy's limit (TPR > 0.95)")
        upper.set_ylim(-0.03, 1.05)
        lower.set_yscale("log")
        lower.set_ylim(1e-7, 2)
        upper.set_title(name.replace("_", " "), loc="left", fontsize=8)
        if k % columns == 0:
            upper.set_ylabel("TPR", fontsize=8)
            lower.set_ylabel("largest error", fontsize=8)
    handles = {text: h for axis in axes.ravel() for h, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    picture.legend(
        handles.values(), handles.keys(), loc="outside upper center", ncol=min(columns, 4), frameon=False, fontsize=8
    )
    picture.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=", ".join(CASES), default=None)
    parser.add_argument("--noise", nargs="+", type=float, default=NOISE)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["symdyn"])
    parser.add_argument("--table", type=Path)
    parser.add_argument("--figure", type=Path)
    for flag in ("--large", "--show"):
        parser.add_argument(flag, action="store_true")
    told = parser.parse_args()
    if told.cases == ["all"]:
        told.cases = list(CASES)
    elif not told.cases:
        told.cases = [] if told.figure else ["heat", "burgers", "kdv", "ks"]
    warnings.simplefilter("ignore", sd.SymdynWarning)
    rows = measured(told)
    printed(rows)
    if told.figure:
        figure(rows, told.figure)


if __name__ == "__main__":
    with jax.enable_x64(True):
        main()
