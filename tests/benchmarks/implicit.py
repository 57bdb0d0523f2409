"""Implicit laws at growing noise: how often the terms are exactly right, and how far the coefficients are off.

    python tests/benchmarks/implicit.py                                # all systems, some hours on one core
    python tests/benchmarks/implicit.py --system michaelis_menten --draws 5 --levels 0 0.1

Systems: Michaelis-Menten kinetics as in the comparison of SINDy-PI (Kaheman, Kutz, Brunton 2020: random starts, steps
of 0.1 up to t = 5, library of degree 4, noise of an absolute size), with 240 starts where they have 2400; yeast
glycolysis with exact rates, as they have it, and above; a double pendulum of point masses.

Noise: "rates" on exact rates only; "both" the same size on states and exact rates (their first method), "states" on
the states, with rates by Savitzky-Golay polynomials. Sizes are absolute for Michaelis-Menten, else shares of the root
mean square. Each draw has its own starts and noise.

Beside it, on the same columns: "thresholds", the algorithm of SINDy-PI, sequential thresholding of every left-hand
side at 40 thresholds, with and without unit norms; and "cvxpy", `pysindy.SINDyPI` at 8 weights of its penalty, entries
below 1e-3 of the left-hand side dropped. Both count as right where *any* left-hand side at *any* threshold or weight
has exactly the true terms: no rule for choosing among them could do better.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
import warnings

import jax
import numpy as np

import symdyn as sd
from symdyn.regress.implicit.relations import Rows, table_of_rows

LEVELS = {
    ("michaelis_menten", "rates"): (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5),
    ("michaelis_menten", "both"): (1e-4, 1e-3, 3e-3, 0.01, 0.02),
    ("michaelis_menten", "states"): (1e-4, 1e-3, 3e-3, 0.01, 0.02),
    ("double_pendulum", "rates"): (0.0, 0.01, 0.05, 0.1, 0.2, 0.5),
    ("double_pendulum", "states"): (1e-4, 1e-3, 3e-3, 0.01),
    ("glycolysis", "rates"): (0.0, 0.001, 0.01, 0.05),
}
C4 = 0.52**4
V = 100 * C4
GLYCOLYSIS = {
    "s1": {"1": 2.5 * C4, "s6^4": 2.5, "s1 s6": -V},
    "s2": {"s1 s6": 2 * V, "s2": -6 * C4, "s2 s6^4": -6, "s2 s5": -6 * C4, "s2 s5 s6^4": -6},
    "s3": {"s2": 6, "s2 s5": -6, "s3": -64, "s3 s6": 16},
    "s4": {"s3": 64, "s3 s6": -16, "s4 s5": -100, "s4": -13, "s7": 13},
    "s5": {"s2": 6, "s2 s5": -18, "s4 s5": -100},
    "s6": {
        "s1 s6": -2 * V, "s3": 128 * C4, "s3 s6": -32 * C4, "s3 s6^4": 128, "s3 s6^5": -32, "s6": -1.28 * C4,
        "s6^5": -1.28,
    },
    "s7": {"s4": 1.3, "s7": -3.1},
}  # fmt: skip


def truth(system: str) -> list[dict[str, float]]:
    """The relations sum_k w_k C_k = 0 of a system, one for each rate, by column."""
    if system == "michaelis_menten":
        return [{"1": -0.18, "x": 0.9, "dx/dt": 0.3, "x dx/dt": 1.0}]
    if system == "double_pendulum":  # masses 1 and 0.5, lengths 1 and 0.8
        d, g = "(angle1 - angle2)", 9.81
        first = {"d rate1/dt": 1.0, f"cos{d} d rate2/dt": 0.8 / 3, f"rate2^2 sin{d}": 0.8 / 3, "sin(angle1)": g}
        second = {"d rate2/dt": 1.0, f"cos{d} d rate1/dt": 1.25, f"rate1^2 sin{d}": -1.25, "sin(angle2)": g / 0.8}
        return [first, second]
    out = []
    for name, right in GLYCOLYSIS.items():
        rate = f"d {name}/dt"
        left = {rate: C4, f"s6^4 {rate}": 1.0} if name in ("s1", "s2", "s6") else {rate: 1.0}
        out.append(left | {term: -value for term, value in right.items()})
    return out


def noisy_data(system: str, mode: str, level: float, seed: int):
    """A data set with noise on its rates, on both or on its states."""
    rng, key = np.random.default_rng(seed), jax.random.key(seed)
    if system == "michaelis_menten":
        starts = rng.uniform(size=240) * (np.round(np.arange(1, 241) / 20) + 0.5)
        data = sd.make_dataset(system, start=starts[:, None], rates=True)
    elif system == "double_pendulum":
        times, options = np.arange(0, 5, 0.01), {"mass2": 0.5, "length2": 0.8}
        data = sd.make_dataset(system, times=times, trajectories=8, rates=True, key=key, **options)
    else:
        data = sd.make_dataset(system, times=np.arange(0, 5, 0.1), trajectories=80, rates=True, key=key)
    measured = [v for v in data.data_vars if str(v).endswith("_rate")]
    states = [v for v in data.data_vars if v not in measured]
    if mode == "states":
        data = data.drop_vars(measured)
    for name in {"rates": measured, "both": [*measured, *states], "states": states}[mode]:
        values = data[name].values
        size = 1.0 if system == "michaelis_menten" else np.sqrt(np.mean(values**2))
        data[name] = data[name].copy(data=values + level * size * rng.normal(size=values.shape))
    return data


def arguments(system: str, mode: str) -> dict:
    """What `identify_implicit` is told."""
    rates = {"differentiation": sd.SavitzkyGolay(9, 4)} if mode == "states" else {}
    if system == "michaelis_menten":
        return {"library": sd.Monomials(4), **rates}
    if system == "double_pendulum":
        waves = sd.Waves(variables=("angle1", "angle2"))
        library = sd.Monomials(2, variables=("rate1", "rate2")) * waves
        return {"library": library, "factors": waves, "coupled": True, "rate_of": ("rate1", "rate2"), **rates}
    powers = sd.Monomials(4, variables="s6")
    return {"library": sd.Monomials(2) * powers, "factors": powers, **rates}


def judged(law, wanted: list[dict[str, float]]) -> tuple[list[bool], float]:
    """Which equations have exactly the true terms, and the largest relative error of a coefficient of those."""
    right, worst = [], 0.0
    for e, truth_ in enumerate(wanted):
        found = {name: law.coefficients[k, e] for k, name in enumerate(law.term_names) if law.coefficients[k, e]}
        right.append(found.keys() == truth_.keys())
        if right[-1]:
            unit = next(name for name in found if found[name] == 1.0)
            worst = max(worst, *(abs(found[k] * truth_[unit] / truth_[k] - 1) for k in found))
    return right, worst


def table(law, rows: Rows, e: int) -> tuple[np.ndarray, list[str]]:
    """The columns that an equation may have, (m, k), and their names."""
    p, s = law.model.terms.size, law.model.factors.size
    own = range(p, len(law.term_names)) if law.settings.coupled else range(p + e * s, p + (e + 1) * s)
    keep = [*range(p), *own]
    return np.stack([rows.column(k) for k in keep], axis=1), [law.term_names[k] for k in keep]


def thresholds_right(design: np.ndarray, names: list[str], wanted: set[str]) -> bool:
    """Whether sequential thresholding finds the terms from some left-hand side at some threshold.

    Thresholds on the coefficients of columns of unit norm, and of the columns as they are.
    """
    for scale in (np.linalg.norm(design, axis=0), np.sqrt(len(design)) * np.ones(len(names))):
        triangle = np.linalg.qr(design / scale, mode="r")
        for left in (k for k, name in enumerate(names) if name in wanted):
            others = [k for k in range(len(names)) if k != left]
            target = {k for k in others if names[k] in wanted}
            for threshold in np.geomspace(1e-4, 3.0, 40):
                kept = thresholded(triangle[:, others], triangle[:, left], threshold)
                if {others[k] for k in kept} == target:
                    return True
    return False


def thresholded(table: np.ndarray, goal: np.ndarray, threshold: float) -> np.ndarray:
    """The terms that sequentially thresholded least squares keeps."""
    kept = np.arange(table.shape[1])
    for _ in range(20):
        weights = np.linalg.lstsq(table[:, kept], goal, rcond=None)[0]
        large = np.abs(weights) >= threshold
        if large.all():
            break
        kept = kept[large]
    return kept


def cvxpy_right(design: np.ndarray, names: list[str], wanted: set[str]) -> bool:
    """Whether PySINDy's SINDyPI finds the terms from some left-hand side at some weight of its penalty."""
    import cvxpy
    import pysindy as ps

    triangle = np.linalg.qr(design / np.linalg.norm(design, axis=0), mode="r")
    lefts = [k for k, name in enumerate(names) if name in wanted]
    for weight in np.geomspace(1e-6, 1e-1, 8):
        optimizer = ps.SINDyPI(reg_weight_lam=weight, tol=1e-9, model_subset=lefts, max_iter=20000)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                weights = np.asarray(optimizer.fit(triangle, triangle).coef_)
            except cvxpy.error.SolverError:  # no answer counts as wrong
                continue
        for left in lefts:
            if {names[k] for k in np.flatnonzero(np.abs(weights[left]) > 1e-3)} | {names[left]} == wanted:
                return True
    return False


def run(system: str, mode: str, level: float, draws: int, baselines: bool) -> None:
    """Print one line: fractions of right equations of each method, coefficient errors, and the time of a fit."""
    wanted, rights, errors, taken = truth(system), [], [], []
    others: dict[str, list[list[bool]]] = {"thresholds": [], "cvxpy": []}
    for seed in range(draws):
        data, options = noisy_data(system, mode, level, seed), arguments(system, mode)
        start = time.perf_counter()
        law = sd.identify_implicit(data, **options)
        taken.append(time.perf_counter() - start)
        right, worst = judged(law, wanted)
        rights.append(right)
        errors += [worst] if any(right) else []
        if baselines:
            rows = rows_of(data, options)
            for name, method in (("thresholds", thresholds_right), ("cvxpy", cvxpy_right)):
                if name == "cvxpy" and (seed >= 5 or len(law.term_names) > 40):
                    continue  # seconds for each left-hand side
                tables = [(*table(law, rows, e), set(w)) for e, w in enumerate(wanted)]
                others[name].append([method(*each) for each in tables])
    each = np.mean(rights, axis=0)
    line = f"{system:16s} {mode:6s} {level:7g}  right {np.mean(each):4.2f} all {np.mean(np.all(rights, axis=1)):4.2f}"
    line += f"  error {np.median(errors) if errors else np.nan:8.1e}"
    for name, found in others.items():
        line += f"  {name} {np.mean(found):4.2f}" if found else f"  {name}    -"
    line += f"  {np.median(taken):5.1f} s"
    if len(each) > 2:
        line += "  by equation " + " ".join(f"{value:.2f}" for value in each)
    print(line, flush=True)


def rows_of(data, options: dict) -> Rows:
    """The rows that the fit saw, with all columns evaluated."""
    from symdyn.regress._identify import settings_of
    from symdyn.regress.implicit import identification as implicit

    own = {k: v for k, v in options.items() if k in ("library", "rate_of", "differentiation")}
    settings = implicit.ImplicitSettings(settings_of(**own), options.get("factors"), options.get("coupled", False))
    recording = implicit.read(data, settings.base.reading)
    samples = implicit._smoothed(recording, settings.base)
    return table_of_rows(implicit._columns(samples, implicit._described(recording, settings.base), settings), samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--system", default=None)
    parser.add_argument("--mode", default=None)
    parser.add_argument("--levels", type=float, nargs="*", default=None)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--no-baselines", action="store_true")
    given = parser.parse_args()
    print(
        "right: fraction of equations with exactly the true terms; all: of draws with all of them; error: median over"
    )
    print("draws of the largest relative coefficient error of the right ones; thresholds, cvxpy: oracles, see above")
    for (system, mode), levels in LEVELS.items():
        if given.system in (None, system) and given.mode in (None, mode):
            for level in given.levels or levels:
                run(system, mode, level, given.draws, not given.no_baselines)


if __name__ == "__main__":
    main()
