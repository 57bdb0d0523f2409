"""Promotion on fields: which candidate symmetries of a partial differential equation are kept, and what that is worth.

    python tests/benchmarks/promote_fields.py                            # all cases, 20 draws, noise 5, 10 and 20 %
    python tests/benchmarks/promote_fields.py plane --noise 0.1 --draws 40
    python tests/benchmarks/promote_fields.py plane burgers --show       # what each law says
    python tests/benchmarks/promote_fields.py plane --evidence --noise 0.1 --draws 100   # verdicts on each candidate

Small grids: 32 x 32 x 61 in the plane, 64 x 121 on the line. Noise is white, in shares of the root mean square. The
anisotropic plane is the isotropic one in a stretched y, so that the diffusivity along y is `stretch^2` times the other.
"right": the share of draws in which exactly the true candidates are kept; errors: of the coefficients, the norm of the
difference from the truth over that of the truth, medians; "free" without a symmetry, "enforced" with the true ones.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

import symdyn as sd
from symdyn.symmetry.discovery.candidates import Place, resolved

NOISE = (0.05, 0.1, 0.2)


def fields_of(**generators: dict[str, str]) -> sd.Action:
    return sd.Action.polynomial(generators, time="t")


TURN = {"turn": {"x": "-y", "y": "x"}}
WHIRL = {"turn with the values": {"x": "-y", "y": "x", "u": "-v", "v": "u"}}
SO2 = sd.SO(2).acting_on({("x", "y"): sd.Point}, u=sd.Scalar)
MIRROR = {even: sd.O(1).acting_on({("x",): sd.Point}, u=sd.Scalar if even else sd.Vector) for even in (True, False)}
BOOST = {"boost": {"x": "t", "u": "1"}}


@dataclass(frozen=True)
class Case:
    """A system; `candidates` by name, `kept`: the names of the true ones; `truth` by (field, term)."""

    system: str
    truth: dict[tuple[str, str], float]
    candidates: dict[str, Any]
    kept: tuple[str, ...]
    degree: int = 2
    order: int = 2
    variables: tuple[str, ...] = ("u",)
    stretch: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


def plane(stretch: float, wind: float, kept: tuple[str, ...]) -> Case:
    truth = {("u", "u_xx"): 0.05, ("u", "u_yy"): 0.05 * stretch**2}
    if wind:
        truth[("u", "u_x")] = -wind
    candidates = {"turn": SO2, "linear": fields_of(linear={"u": "u"}), "reflection_x": MIRROR[True]}
    return Case(
        "advection_diffusion", truth, candidates, kept, stretch=stretch,
        options={
            "shape": (32, 32), "times": np.linspace(0, 2, 61), "wind_x": wind, "wind_y": 0.0, "diffusivity": 0.05,
        },
    )  # fmt: skip


LINE = {"shape": 64, "times": np.linspace(0, 1.0, 121)}
CASES = {
    "plane": plane(1.0, 0.0, ("turn", "linear")),
    "stretched 3 %": plane(1.03, 0.0, ("linear", "reflection_x")),
    "stretched 10 %": plane(1.1, 0.0, ("linear", "reflection_x")),
    "stretched 30 %": plane(1.3, 0.0, ("linear", "reflection_x")),
    "wind": plane(1.0, 0.1, ("linear",)),
    "burgers": Case(
        "burgers", {("u", "(u^2)_x"): -0.5, ("u", "u_xx"): 0.05},
        {
            "boost": fields_of(**BOOST), "linear": fields_of(linear={"u": "u"}),
            "boost of 2": fields_of(boost={"x": "t", "u": "2"}), "reflection_x": MIRROR[False],
        },
        ("boost", "reflection_x"), 3, 3, options=LINE,
    ),
    "kdv": Case(
        "kdv", {("u", "(u^2)_x"): -3.0, ("u", "u_xxx"): -1.0},
        {
            "boost of 1/6": fields_of(boost={"x": "6 t", "u": "1"}), "boost of 1": fields_of(**BOOST),
            "scaling": fields_of(scaling={"t": "3 t", "x": "x", "u": "-2 u"}), "reflection_x": MIRROR[False],
        },
        ("boost of 1/6", "scaling"), 3, 3, options={"shape": 128, "times": np.linspace(0, 4, 161)},
    ),
    "lambda-omega": Case(
        "lambda_omega",
        {
            **{("u", k): v for k, v in {"u": 1, "u^3": -1, "u v^2": -1, "u^2 v": 1, "v^3": 1, "u_xx": 0.1,
                                        "u_yy": 0.1}.items()},
            **{("v", k): v for k, v in {"v": 1, "u^2 v": -1, "v^3": -1, "u^3": -1, "u v^2": -1, "v_xx": 0.1,
                                        "v_yy": 0.1}.items()},
        },
        {"phase": fields_of(phase={"u": "-v", "v": "u"}), "turn": fields_of(**TURN), "whirl": fields_of(**WHIRL)},
        ("phase", "turn", "whirl"), 3, 2, ("u", "v"), options={"shape": (32, 32), "times": np.linspace(0, 10, 61)},
    ),
}  # fmt: skip


@cache
def clean(name: str):
    return sd.make_fields(CASES[name].system, **CASES[name].options)


def noisy(name: str, noise: float, draw: int) -> sd.Fields:
    case, rng = CASES[name], np.random.default_rng(1000 + draw)
    data = clean(name).copy()
    for each in case.variables:
        size = float(np.sqrt((data[each] ** 2).mean()))
        data[each] = data[each] + noise * size * rng.normal(size=data[each].shape)
    data = data.rename(time="t")
    if case.stretch != 1:
        data = data.assign_coords(y=("y", case.stretch * data["y"].values, data["y"].attrs))
    return sd.open_fields(data, list(case.variables), periodic=data.attrs["periodic"].split())


def error(case: Case, law: sd.Solution) -> float:
    table, truth = np.array(law.coefficients), np.zeros(law.coefficients.shape)
    for (target, term), value in case.truth.items():
        truth[law.term_names.index(term), law.target_components.index(target)] = value
    return float(np.linalg.norm(table - truth) / np.linalg.norm(truth))


def names_kept(case: Case, found: sd.Promotion) -> tuple[str, ...]:
    """The candidates whose generators and elements are within what was kept."""
    kept = found.kept
    if kept is None:
        return ()
    axes = ("t", "x", "y") if "y" in clean_axes(case) else ("t", "x")
    place = Place(sd.StateSpace.jets(axes, order=1, **dict.fromkeys(case.variables, 1)))
    points = np.random.default_rng(3).uniform(0.5, 1.5, (20, place.narrow.size))
    columns = [each.moved(points)[:, :, 0].ravel() for each in kept.fields]
    span, labels = np.stack([np.zeros(points.size), *columns], 1), [label for label, *_ in kept.elements]
    out = []
    for name, action in case.candidates.items():
        fields = resolved(action, place)
        if not fields.parts:  # discrete: by its label
            continue
        own = fields.moved(points).reshape(-1, fields.count)
        left = own - span @ np.linalg.lstsq(span, own)[0]
        if np.linalg.norm(left) < 1e-3 * np.linalg.norm(own):
            out.append(name)
    return (*out, *labels)


def clean_axes(case: Case) -> tuple[str, ...]:
    """The names of the axes of a system."""
    return next(tuple(map(str, clean(name).sizes)) for name, each in CASES.items() if each is case)


def law_under(case: Case, data: sd.Fields, names: tuple[str, ...]) -> sd.Solution:
    action = None
    for name in names:
        if name in case.candidates:
            action = case.candidates[name] if action is None else action + case.candidates[name]
    return sd.identify_field(data, library=sd.DivergenceForm(case.degree, order=case.order), action=action)


def evidence(name: str, noise: float, draws: int) -> None:
    """How often each candidate is supported, contradicted, left open, and rejected by Wald's test at 5 %."""
    case, seen = CASES[name], {}
    for draw in range(draws):
        library = sd.DivergenceForm(case.degree, order=case.order)
        found = sd.symmetry_evidence(noisy(name, noise, draw), list(case.candidates.values()), library=library)
        for each in found.findings:
            seen.setdefault(each.text, []).append((each.verdict, each.p_exact < 0.05, each.statistic / each.rank))
    for text, rows in seen.items():
        verdicts = {v: np.mean([r[0] == v for r in rows]) for v in ("supported", "contradicted", "undecided")}
        told = ", ".join(f"{v} {share:.2f}" for v, share in verdicts.items())
        rejected, wald = np.mean([r[1] for r in rows]), np.mean([r[2] for r in rows])
        print(f"{name:15s} {noise:.2f} {text}: {told}; rejected {rejected:.2f}, Wald {wald:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES])
    parser.add_argument("--noise", type=float, nargs="+", default=NOISE)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--evidence", action="store_true")
    told = parser.parse_args()
    if told.evidence:
        for name in told.cases or CASES:
            for noise in told.noise:
                evidence(name, noise, told.draws)
        return
    print("case, noise: right, errors free / enforced / promoted, Wald a degree of freedom of the true set, s a draw")
    for name in told.cases or CASES:
        case = CASES[name]
        for noise in told.noise:
            right, errors, wald, started, often = [], [], [], time.process_time(), Counter()
            for draw in range(told.draws):
                data = noisy(name, noise, draw)
                library = sd.DivergenceForm(case.degree, order=case.order)
                found = sd.promotion(data, list(case.candidates.values()), library=library)
                kept = names_kept(case, found)
                often[kept] += 1
                right.append(set(kept) == set(case.kept))
                laws = found.plain, law_under(case, data, case.kept), found.law
                errors.append([error(case, each) for each in laws])
                true = [h for h in found.tried if set(names_kept(case, replace(found, kept=h))) == set(case.kept)]
                wald += [h.misfit / h.saved for h in true[:1]]
                if told.show:
                    print(found.law)
            free, enforced, promoted = np.median(errors, axis=0)
            seconds = (time.process_time() - started) / told.draws
            print(
                f"{name:15s} {noise:.2f}: {np.mean(right):.2f}  {free:.4f} / {enforced:.4f} / {promoted:.4f}  "
                f"{np.mean(wald) if wald else np.nan:.2f}  {seconds:.1f}  {often.most_common(3)}", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
