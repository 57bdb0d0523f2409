"""How often the chosen terms are exactly the true ones: symdyn beside PySINDy, seven systems, noisy rates.

    python tests/benchmarks/selection.py --quick          # 5 draws, minutes
    python tests/benchmarks/selection.py                  # 20 draws

Each system is one trajectory of exact states; the rates carry white noise. The noise of the Lorenz system has an
absolute standard deviation of 0, 0.1, 1, 10 and 50, the same for every component; the other systems get noise of the
same ratio to their root-mean-square rate. Chaotic systems start on the attractor and are sampled at a fixed step, so
that n sets the span. The others settle on a cycle, a closed curve or a point, where polynomials are collinear, so they
are followed over a fixed span, which n divides. `SYSTEMS` lists spans, steps and degrees. The sites of Lorenz-96 (six,
degree 3) are equivalent, so two of them are fitted. A support is the set of terms of one target; it counts where none
is missing and none added. The tables give the fraction over targets and draws; the summary also has the fraction of
draws in which all targets are right.

Symdyn's contenders have one setting for everything. PySINDy's are given the truth: for every system, length, noise and
target the best of a grid of settings counts, thresholds being fractions of the smallest true coefficient of that
target, with and without normalised columns; and FROLS and SSR are told the true number of terms, the path's entry of
that size. "(per cell)" is that choice; "(one)" is the best single member of the grid for all systems, lengths and
noises, still in fractions of the smallest true coefficient and still told the number of terms. MIOSR needs a commercial
solver and is left out.

PySINDy's optimisers get the R-factor of [terms | rates of all draws] for the rows. That changes none of their normal
equations and saves hours. All draws of one target are fitted in one call.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations_with_replacement

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.integrate import solve_ivp

LENGTHS = (200, 1000, 5000)
NOISES = (0.0, 0.1, 1.0, 10.0, 50.0)  # of the Lorenz system; ratios to the rms rate are shared by all
FRACTIONS = (0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)  # of the smallest true coefficient


@dataclass(frozen=True)
class System:
    """Polynomial equations: for each variable a mapping from terms ("" constant, "x z") to coefficients.

    `step`: the sampling step, or None with `span` for a fixed span that the samples divide; `settle`: time before the
    first sample; `fitted`: how many of the targets are fitted, all by default.
    """

    variables: tuple[str, ...]
    equations: tuple[dict[str, float], ...]
    start: tuple[float, ...]
    degree: int = 5
    step: float | None = None
    span: float | None = None
    settle: float = 0.0
    fitted: int | None = None


def _ring(sites: int) -> System:
    names = tuple(f"x{i}" for i in range(sites))

    def term(*sites_of):
        return " ".join(sorted(names[i % sites] for i in sites_of))

    equations = tuple(
        {term(i + 1, i - 1): 1.0, term(i - 2, i - 1): -1.0, names[i]: -1.0, "": 8.0} for i in range(sites)
    )
    return System(names, equations, (8.01, *[8.0] * (sites - 1)), degree=3, step=0.02, settle=20.0, fitted=2)


SYSTEMS = {
    "Lorenz": System(
        ("x", "y", "z"),
        ({"x": -10.0, "y": 10.0}, {"x": 28.0, "y": -1.0, "x z": -1.0}, {"x y": 1.0, "z": -8 / 3}),
        (-8.0, 7.0, 27.0), step=0.01, settle=10.0,
    ),
    "Roessler": System(
        ("x", "y", "z"),
        ({"y": -1.0, "z": -1.0}, {"x": 1.0, "y": 0.2}, {"": 0.2, "x z": 1.0, "z": -5.7}),
        (1.0, 1.0, 1.0), step=0.05, settle=100.0,
    ),
    "Lotka-Volterra": System(
        ("x", "y"), ({"x": 2 / 3, "x y": -4 / 3}, {"x y": 1.0, "y": -1.0}), (1.0, 0.9), span=20.0
    ),
    "Van der Pol": System(("x", "y"), ({"y": 1.0}, {"y": 1.0, "x x y": -1.0, "x": -1.0}), (0.1, 0.0), span=20.0),
    "Hopf": System(
        ("x", "y"),
        (
            {"x": 1.0, "y": -1.0, "x x x": -1.0, "x y y": -1.0},
            {"x": 1.0, "y": 1.0, "x x y": -1.0, "y y y": -1.0},
        ),
        (0.1, 0.0), span=10.0,
    ),
    "SIR": System(("s", "i"), ({"i s": -1.0}, {"i s": 1.0, "i": -0.3}), (0.99, 0.01), span=30.0),
    "Lorenz-96": _ring(6),
}  # fmt: skip


def terms_of(system: System) -> list[tuple[int, ...]]:
    """All monomials up to the degree as tuples of variable indices."""
    d = len(system.variables)
    return [t for k in range(system.degree + 1) for t in combinations_with_replacement(range(d), k)]


def design(system: System, states: np.ndarray) -> np.ndarray:
    """Values of all monomials, (n, p)."""
    return np.column_stack([np.prod(states[:, list(t)], axis=1) for t in terms_of(system)])


def truth(system: System) -> np.ndarray:
    """True coefficients, (p, targets)."""
    index = {t: k for k, t in enumerate(terms_of(system))}
    weights = np.zeros((len(index), len(system.variables)))
    for c, equation in enumerate(system.equations):
        for term, value in equation.items():
            weights[index[tuple(sorted(system.variables.index(v) for v in term.split()))], c] = value
    return weights


def trajectory(system: System, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n exact states and their exact rates."""
    weights, low = truth(system), np.flatnonzero(truth(system).any(axis=1))
    factors = [list(terms_of(system)[k]) for k in low]

    def rate(t, x):
        return np.array([np.prod(x[f]) for f in factors]) @ weights[low]

    step = system.step or system.span / (n - 1)
    times = system.settle + step * np.arange(n)
    states = solve_ivp(rate, (0, times[-1]), system.start, method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12).y.T
    return states, design(system, states) @ weights


def symdyn_contenders() -> dict:
    import symdyn as sd

    return {
        "by itself": (sd.BestSubset(), sd.EBIC()),
        "by itself, exact": (sd.BestSubset(exact=True), sd.EBIC()),
        "BestSubset, CrossValidation": (sd.BestSubset(8), sd.CrossValidation()),
        "STLSQ": (sd.STLSQ(), sd.EBIC()),
    }


def symdyn_supports(theta: np.ndarray, rates: np.ndarray, contenders: dict) -> dict[str, np.ndarray]:
    """Supports by contender, (draws, p), of rates (n, draws)."""
    from symdyn._types import double_precision
    from symdyn.regress.fit import solve
    from symdyn.regress.problem import problems
    from symdyn.regress.rows.moments import design_moments

    with double_precision():
        moments = design_moments(theta, rates, np.ones(len(theta)))
        every = problems(moments, (theta.shape[1], rates.shape[1]), None, [])
        return {name: np.array([solve(p, *how).mask for p in every]) for name, how in contenders.items()}


def pysindy_supports(theta: np.ndarray, rates: np.ndarray, weights: np.ndarray):
    """(method, setting, supports (draws, p)) for every setting of the grid, given the true `weights` (p,)."""
    import pysindy as ps

    p, size = theta.shape[1], int((weights != 0).sum())
    factor = np.linalg.qr(np.column_stack([theta, rates]), mode="r")
    x, y = factor[:, :p], factor[:, p:]
    for normalise in (False, True):
        norms = np.linalg.norm(x, axis=0) if normalise else np.ones(p)
        smallest = np.abs(weights * norms)[weights != 0].min()
        for fraction in FRACTIONS:
            threshold = fraction * smallest
            for alpha in (1e-10, 1e-4, 0.05):
                fit = ps.STLSQ(threshold=threshold, alpha=alpha, normalize_columns=normalise, unbias=False).fit(x, y)
                yield "STLSQ", (normalise, fraction, alpha), fit.coef_ != 0
            for nu in (1e-4, 1e-2, 1.0, 100.0):
                penalty = ps.SR3.calculate_l0_weight(threshold, nu)
                options = {"reg_weight_lam": penalty, "relax_coeff_nu": nu, "max_iter": 300, "tol": 1e-8}
                fit = ps.SR3(normalize_columns=normalise, **options).fit(x, y)
                yield "SR3", (normalise, fraction, nu), fit.coef_ != 0
        for alpha in (1e-10, 0.05):
            fit = ps.SSR(alpha=alpha, max_iter=p - size, normalize_columns=normalise, kappa=0.0, unbias=False).fit(x, y)
            yield "SSR", (normalise, alpha), np.asarray(fit.history_[-1]) != 0
    fit = ps.FROLS(alpha=1e-10, max_iter=size + 1, kappa=0.0, unbias=False).fit(x, y)
    yield "FROLS", (), np.asarray(fit.history_[size]) != 0


def cell(name: str, n: int, level: int, ratios: tuple[float, ...], draws: int, baselines: bool) -> dict:
    """Right or wrong: {contender: {setting: (targets, draws) bool}}."""
    warnings.filterwarnings("ignore")
    system = SYSTEMS[name]
    states, rates = trajectory(system, n)
    theta, weights = design(system, states), truth(system)
    sigma = ratios[level] * np.sqrt(np.mean(rates**2))
    noise = np.array([np.random.default_rng([seed, n, level]).normal(size=rates.shape) for seed in range(draws)])
    solvers, found = symdyn_contenders(), {}
    for c in range(system.fitted or rates.shape[1]):
        noisy = (rates[:, c] + sigma * noise[:, :, c]).T[:, : 1 if sigma == 0 else draws]
        right = weights[:, c] != 0

        def add(contender, setting, supports, right=right):
            ok = np.broadcast_to((supports == right).all(axis=1), draws)
            found.setdefault(contender, {}).setdefault(setting, []).append(ok)

        for contender, supports in symdyn_supports(theta, noisy, solvers).items():
            add(f"symdyn {contender}", (), supports)
        if baselines:
            for method, setting, supports in pysindy_supports(theta, noisy, weights[:, c]):
                add(f"PySINDy {method}", setting, supports)
    return {who: {s: np.array(ok) for s, ok in settings.items()} for who, settings in found.items()}


def best_settings(settings: dict) -> np.ndarray:
    """(targets, draws) right or wrong, each target at the setting that is right most often."""
    stack = np.array(list(settings.values()))  # (settings, targets, draws)
    return stack[stack.mean(axis=2).argmax(axis=0), np.arange(stack.shape[1])]


def lorenz_ratios() -> tuple[float, ...]:
    """The noises as shares of the rms rate of the Lorenz system."""
    rates = trajectory(SYSTEMS["Lorenz"], 5000)[1]
    return tuple(noise / float(np.sqrt(np.mean(rates**2))) for noise in NOISES)


def chosen(cells: dict) -> dict[str, dict]:
    """{label: {(system, n, level): (targets, draws) right}}; PySINDy's per cell and with one setting for all."""
    table: dict[str, dict] = {}
    for who, settings in next(iter(cells.values())).items():
        if who.startswith("symdyn"):
            table[who] = {key: found[who][()] for key, found in cells.items()}
            continue
        table[f"{who} (per cell)"] = {key: best_settings(found[who]) for key, found in cells.items()}
        rows = [{key: found[who][s] for key, found in cells.items()} for s in settings]
        table[f"{who} (one)"] = max(rows, key=lambda row: sum(ok.mean() for ok in row.values()))
    return table


def show(table: dict[str, dict], names: list[str]) -> None:
    for name in names:
        s = SYSTEMS[name]
        span = f"step {s.step}, from t = {s.settle:g}" if s.step else f"t = 0 to {s.span:g}"
        print(f"\n{name}: {len(terms_of(s))} terms (degree {s.degree}), {s.fitted or len(s.variables)} targets, {span}")
        print(f"{'noise':33s}" + "   ".join("".join(f"{v:>5g}" for v in NOISES) for _ in LENGTHS))
        print(f"{'n':33s}" + "   ".join(f"{n:>{5 * len(NOISES)}d}" for n in LENGTHS))
        for who, row in table.items():
            cells = ("".join(f"{row[name, n, k].mean():5.2f}" for k in range(len(NOISES))) for n in LENGTHS)
            print(f"{who:33s}" + "   ".join(cells))
    print(f"\nMean over {len(names)} systems and {len(LENGTHS)} lengths, by noise, over all, of all targets at once")
    print(f"{'':33s}" + "".join(f"{v:>6g}" for v in NOISES) + "     all   at once")
    for who, row in table.items():
        means = [np.mean([row[name, n, k].mean() for name in names for n in LENGTHS]) for k in range(len(NOISES))]
        joint = np.mean([ok.all(axis=0).mean() for ok in row.values()])
        print(f"{who:33s}" + "".join(f"{m:6.2f}" for m in means) + f"   {np.mean(means):.3f}     {joint:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="5 noise draws")
    parser.add_argument("--draws", type=int, default=20, help="noise draws")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--no-baselines", action="store_true", help="symdyn only")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    draws = 5 if options.quick else options.draws
    ratios, start = lorenz_ratios(), time.perf_counter()
    print("noise / rms rate: " + ", ".join(f"{r:.2g}" for r in ratios) + f"; {draws} draws")
    keys = [(name, n, level) for name in options.systems for n in LENGTHS for level in range(len(NOISES))]
    with ProcessPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(cell, *key, ratios, draws, not options.no_baselines) for key in keys]
        cells = {key: run.result() for key, run in zip(keys, runs, strict=True)}
    show(chosen(cells), options.systems)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
