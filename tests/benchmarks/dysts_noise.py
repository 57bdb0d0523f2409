"""The polynomial chaotic systems of `dysts` under measurement noise: how far the coefficients are off.

    pip install dysts
    python tests/benchmarks/dysts_noise.py --systems Lorenz Rossler Chen      # a few
    python tests/benchmarks/dysts_noise.py --noise 0 0.01 0.1 --jobs 2        # all, with the weak form
    python tests/benchmarks/dysts_noise.py --results rows.jsonl --limit 600   # kept as they come, taken up again
    python tests/benchmarks/dysts_noise.py --results rows.jsonl --table       # what is there so far

Every autonomous system of `dysts` whose equations are polynomials of degree four or less (the 70 of the study, and
those that have come since). Five trajectories of 1000 points, 100 points a period, on the attractor, library of degree
four; white noise in shares of the root mean square of all states. The true coefficients come from the package's own
right-hand sides, evaluated on SymPy symbols, and are checked against them at random states. Trajectories are kept in
the cache folder of the user (SYMDYN_DATA_DIR chooses another).

Systems of few states come first. A fit that takes more than `--limit` CPU seconds is given up and, like one that
raises, counts as a law without terms (E_coef 1).

"E_coef": |Xi - Xi_true| / |Xi_true|, Frobenius norms, median over systems and draws; "< 1 %": the share below 0.01;
"E_rmse": |x_dot - Theta Xi| / |x_dot| on a clean sixth trajectory, median; "exact": the share with exactly the true
terms. The baselines are PySINDy's STLSQ on differences (plain or smoothed, whichever is nearer) and on its weak form
(500 windows a trajectory), with the best threshold of `THRESHOLDS` for each system, noise and draw, by the true
coefficients: better than any rule.

References: Gilpin 2021, NeurIPS Datasets and Benchmarks (the systems); Kaptanoglu, Zhang, Nicolaou, Fasel, Brunton
2023, Nonlinear Dynamics 111, 13143 (the study, `PUBLISHED`).
"""

from __future__ import annotations

import argparse
import inspect
import json
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.data.registry import cache_directory
from symdyn.library.monomials import monomial_exponents

DEGREE, POINTS, RUNS = 4, 1000, 5
THRESHOLDS = (0.0, *np.geomspace(1e-3, 2.0, 16).tolist())
PUBLISHED = {
    "STLSQ": ("1.1e-3 / 2.5e-3 / 1.6e-2", ".96/.93/.26", ".016/.038/.130"),
    "MIOSR": ("4.2e-3 / 4.3e-3 / 1.2e-2", ".90/.89/.36", ".0097/.013/.016"),
    "STLSQ weak": ("3.0e-5 / 1.7e-4 / 1.8e-3", "1/1/.90", ".0069/.0075/.0097"),
}


@dataclass(frozen=True)
class System:
    """`truth` (p, n): coefficients of the monomials up to degree four, in the order of symdyn's library."""

    name: str
    period: float
    start: tuple[float, ...]
    truth: np.ndarray

    def rates(self, states: np.ndarray) -> np.ndarray:
        """Exact rates (t, n) at states (t, n)."""
        used = np.flatnonzero(self.truth.any(axis=1))
        powers = monomial_exponents(len(self.start), DEGREE)[used]
        return np.prod(states[:, None, :] ** powers, axis=2) @ self.truth[used]


def systems(wanted: list[str] | None = None) -> list[System]:
    """The polynomial systems of the package. Raises SystemExit where it is not installed."""
    try:
        import dysts.base
        import dysts.flows
    except ImportError as error:
        raise SystemExit(f"this benchmark needs the package dysts ({error}): pip install dysts") from error
    path = Path(dysts.base.__file__).parent / "data" / "chaotic_attractors.json"
    found = []
    for name, about in json.loads(path.read_text(encoding="utf-8")).items():
        flow = getattr(dysts.flows, name, None)
        if (wanted and name not in wanted) or about["nonautonomous"] or about["delay"] or not hasattr(flow, "_rhs"):
            continue
        right = getattr(flow._rhs, "py_func", flow._rhs)  # beneath a compiler's wrapper, if there is one
        truth = coefficients(right, about)
        if truth is not None:
            found.append(System(name, float(about["period"]), tuple(about["initial_conditions"]), truth))
    return found


def coefficients(right: Callable, about: dict) -> np.ndarray | None:
    """The coefficients of a right-hand side (p, n), or None where it is no polynomial of degree four or less."""
    import sympy

    n = int(about["embedding_dimension"])
    values = [about["parameters"][name] for name in [*inspect.signature(right).parameters][n + 1 :]]
    *symbols, clock = sympy.symbols(f"x:{n} t", real=True)
    try:
        polynomials = [sympy.Poly(sympy.expand(sympy.sympify(e)), *symbols) for e in right(*symbols, clock, *values)]
    except (sympy.PolynomialError, sympy.SympifyError, TypeError, AttributeError, ValueError):
        return None  # a sine, an absolute value, a branch, an index into a list of parameters
    if max(p.total_degree() for p in polynomials) > DEGREE or any(p.has(clock) for p in polynomials):
        return None
    places = {tuple(row): k for k, row in enumerate(monomial_exponents(n, DEGREE).tolist())}
    truth = np.zeros((len(places), n))
    for c, polynomial in enumerate(polynomials):
        for powers, value in polynomial.terms():
            truth[places[powers], c] = float(value)
    states = np.random.default_rng(0).normal(size=(20, n))
    theta = np.prod(states[:, None, :] ** monomial_exponents(n, DEGREE), axis=2)
    expected = np.array([right(*state, 0.0, *values) for state in states], float)
    assert np.allclose(theta @ truth, expected, rtol=1e-9, atol=1e-9), "the expansion is not the right-hand side"
    return truth


def trajectories(system: System) -> np.ndarray:
    """Six clean trajectories (6, t, n) on the attractor, 100 points a period; from the cache where they are there."""
    folder = cache_directory() / "dysts"
    path = folder / f"{system.name}_{RUNS}x{POINTS}.npy"
    if path.is_file():
        return np.load(path, allow_pickle=False)
    step = system.period / 100
    wait, gap = 2000, 200
    times = step * np.arange(wait + (RUNS + 1) * (POINTS + gap))

    def rate(t, x):
        return system.rates(x[None])[0]

    run = solve_ivp(rate, (0, times[-1]), system.start, "LSODA", times, rtol=1e-10, atol=1e-12)
    if not run.success or not np.isfinite(run.y).all():
        raise ArithmeticError(f"{system.name} cannot be integrated: {run.message}")
    states = run.y.T[wait:].reshape(RUNS + 1, POINTS + gap, -1)[:, :POINTS]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(path, states)
    return states


def identified(states: np.ndarray, step: float, differentiation) -> np.ndarray:
    """Coefficients (p, n) of symdyn's law, with everything but the rates at its defaults."""
    data = {"time": step * np.arange(POINTS), "x": states}
    return sd.identify(data, library=sd.Monomials(DEGREE), differentiation=differentiation).coefficients


def symdyn_by_itself(states, step, truth):
    return identified(states, step, None)


def symdyn_differences(states, step, truth):
    return identified(states, step, sd.FiniteDifference())


def symdyn_smoothed(states, step, truth):
    return identified(states, step, sd.SavitzkyGolay(15, 4))


def symdyn_weak(states, step, truth):
    return identified(states, step, sd.WeakForm())


def thresholded(theta: np.ndarray, rates: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """PySINDy's STLSQ at the threshold whose coefficients are nearest to the true ones."""
    import pysindy as ps

    factor = np.linalg.qr(np.column_stack([theta, rates]), mode="r")  # the same normal equations, far fewer rows
    x, y = factor[:, : theta.shape[1]], factor[:, theta.shape[1] :]
    found = []
    for threshold in THRESHOLDS:
        for alpha in (1e-10, 0.05):
            fit = ps.STLSQ(threshold=threshold, alpha=alpha, unbias=False).fit(x, y)
            found.append(np.asarray(fit.coef_).T)
    return min(found, key=lambda c: float(np.linalg.norm(c - truth)))


def pysindy_smoothed(states, step, truth):
    import pysindy as ps

    library = ps.PolynomialLibrary(DEGREE)
    library.fit(states[0])
    theta, goal, found = np.concatenate([library.transform(run) for run in states]), reordered(truth, library), []
    for method in (ps.FiniteDifference(order=4), ps.SmoothedFiniteDifference()):
        rates = np.concatenate([method(run, t=step) for run in states])
        found.append(thresholded(np.asarray(theta), rates, goal))
    return min(found, key=lambda c: float(np.linalg.norm(c - goal)))[order_of(library)]


def pysindy_weak(states, step, truth):
    import pysindy as ps

    theta, rates, inner = [], [], ps.PolynomialLibrary(DEGREE)
    inner.fit(states[0])
    np.random.seed(0)  # noqa: NPY002  PySINDy draws its windows from the global generator
    for run in states:
        grid = step * np.arange(POINTS)
        library = ps.WeakPDELibrary(ps.PolynomialLibrary(DEGREE, include_bias=True), spatiotemporal_grid=grid, K=500)
        library.fit([ps.AxesArray(run, {"ax_time": 0, "ax_coord": 1})])
        theta.append(np.asarray(library.transform([ps.AxesArray(run, {"ax_time": 0, "ax_coord": 1})])[0]))
        rates.append(np.asarray(library.convert_u_dot_integral(run)))
    return thresholded(np.concatenate(theta), np.concatenate(rates), reordered(truth, inner))[order_of(inner)]


def order_of(library) -> np.ndarray:
    """The place in PySINDy's library of each monomial of symdyn's."""
    places = {tuple(row): k for k, row in enumerate(np.asarray(library.powers_).tolist())}
    return np.array([places[tuple(row)] for row in monomial_exponents(library.n_features_in_, DEGREE).tolist()])


def reordered(truth: np.ndarray, library) -> np.ndarray:
    out = np.zeros_like(truth)
    out[order_of(library)] = truth
    return out


METHODS = {
    "symdyn by itself": symdyn_by_itself,
    "symdyn differences": symdyn_differences,
    "symdyn smoothed": symdyn_smoothed,
    "symdyn weak": symdyn_weak,
    "PySINDy STLSQ": pysindy_smoothed,
    "PySINDy STLSQ weak": pysindy_weak,
}


class TakesTooLong(BaseException):
    """Not an Exception, so that no library takes it for a failure of its own."""


@contextmanager
def at_most(seconds: float):
    """Raises TakesTooLong once the body has taken that many CPU seconds (0: never)."""

    def stop(number, frame):
        raise TakesTooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def draw(system: System, noise: float, seed: int, methods: list[str], limit: float) -> list[dict]:
    """A record for each method: the scores of one noise draw of a system, and what it took."""
    clean, step, rows = trajectories(system), system.period / 100, []
    rng = np.random.default_rng([seed, round(1e5 * noise)])
    seen = clean[:RUNS] + noise * np.sqrt(np.mean(clean[:RUNS] ** 2)) * rng.normal(size=clean[:RUNS].shape)
    test = system.rates(clean[RUNS])
    theta = np.prod(clean[RUNS][:, None, :] ** monomial_exponents(len(system.start), DEGREE), axis=2)
    for name in methods:
        started, failed = time.process_time(), ""
        try:
            with warnings.catch_warnings(), at_most(limit):
                warnings.simplefilter("ignore")
                found = METHODS[name](seen, step, system.truth)
        except (sd.SymdynError, TakesTooLong) as error:
            found, failed = np.zeros_like(system.truth), type(error).__name__
        rows.append(
            {
                "system": system.name,
                "noise": noise,
                "seed": seed,
                "method": name,
                "coefficients": float(np.linalg.norm(found - system.truth) / np.linalg.norm(system.truth)),
                "rates": float(np.linalg.norm(theta @ found - test) / np.linalg.norm(test)),
                "exact": bool(((found != 0) == (system.truth != 0)).all()),
                "seconds": time.process_time() - started,
                "failed": failed,
            }
        )
    return rows


def _draw(arguments) -> list[dict]:
    return draw(*arguments)


def key(row: dict) -> tuple:
    return row["system"], row["noise"], row["seed"], row["method"]


def collect(known: list[System], options: argparse.Namespace) -> list[dict]:
    """All records asked for: those of the file, and what is missing in it, which is appended as it comes."""
    path = Path(options.results) if options.results else None
    lines = path.read_text(encoding="utf-8").splitlines() if path and path.is_file() else []
    kept = {key(row): row for row in map(json.loads, lines)}
    work = []
    for noise in options.noise:
        for system in known:
            for seed in range(options.draws if noise else 1):
                missing = [m for m in options.methods if (system.name, noise, seed, m) not in kept]
                if missing and not options.table:
                    work.append((system, noise, seed, missing, options.limit))
    with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=20) as pool:
        for rows in pool.imap(_draw, work):
            for row in rows:
                kept[key(row)] = row
                if path:
                    with path.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
                if options.verbose:
                    cells = f"{row['coefficients']:.1e} {row['rates']:.1e} {row['exact']} {row['seconds']:.1f} s"
                    print(f"{100 * row['noise']:7g}  {row['system']:24s} {row['method']:20s} {cells}", flush=True)
    names = {s.name for s in known}
    return [r for r in kept.values() if r["system"] in names and r["noise"] in options.noise]


def table(rows: list[dict], options: argparse.Namespace) -> None:
    """A line for each noise and method, over the systems and draws that all methods of that noise have."""
    print("noise %  method                E_coef     < 1 %   E_rmse    exact   CPU s  systems  draws  given up")
    for noise in options.noise:
        here = [r for r in rows if r["noise"] == noise and r["method"] in options.methods]
        cells = [{(r["system"], r["seed"]) for r in here if r["method"] == m} for m in options.methods]
        shared = set.intersection(*cells)
        for name in options.methods if shared else ():
            mine = [r for r in here if r["method"] == name and (r["system"], r["seed"]) in shared]
            error, rmse, exact, spent = (
                np.array([r[k] for r in mine], float) for k in ("coefficients", "rates", "exact", "seconds")
            )
            counts = len({s for s, _ in shared}), len({d for _, d in shared}), sum(bool(r["failed"]) for r in mine)
            print(
                f"{100 * noise:7g}  {name:20s} {np.median(error):.1e}   {np.mean(error < 0.01):6.2f}   "
                f"{np.median(rmse):.1e}  {np.mean(exact):6.2f}  {np.median(spent):6.1f}  "
                f"{counts[0]:7d}  {counts[1]:5d}  {counts[2]:8d}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.001, 0.01, 0.05, 0.1])
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--methods", nargs="+", choices=[*METHODS], default=[*METHODS])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--limit", type=float, default=0.0, help="CPU seconds after which a fit is given up; 0: never")
    parser.add_argument("--results", help="file of JSON lines: what it holds is not run again")
    parser.add_argument("--table", action="store_true", help="run nothing, print what the file of results holds")
    parser.add_argument("--verbose", action="store_true", help="a line for each law")
    options = parser.parse_args()
    known = sorted(systems(options.systems), key=lambda s: len(s.start))
    print(f"{len(known)} systems; published, 70 systems, noise 0 / 0.1 / 1 %: E_coef, share < 1 %, E_rmse")
    for name, cells in PUBLISHED.items():
        print(f"  {name:12s} " + "   ".join(cells))
    table(collect(known, options), options)


if __name__ == "__main__":
    main()
