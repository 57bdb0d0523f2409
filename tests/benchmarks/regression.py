"""symdyn beside PySINDy on the Lorenz system, degree 5: time, memory, coefficient error, support.

Run it on a quiet machine, from a clone:

    python tests/benchmarks/regression.py                # every size, about ten minutes
    python tests/benchmarks/regression.py --sizes 1e4    # one size

Both get the same states and the exact derivatives, and both are asked for the same thing: STLSQ on 56 terms for three
targets. Each measurement runs in a process of its own. "first" is the first fit of that size in a process that has
imported the package and fitted a small problem; "best" is the best of the fits that follow. Memory is the growth of
the peak resident set over what the process held, with the data, before the first fit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = (1e4, 1e5, 1e6, 1e7)
REPEATS = {1e4: 20, 1e5: 10, 1e6: 4, 1e7: 2}
TRUTH = {("x", 0): -10.0, ("y", 0): 10.0, ("x", 1): 28.0, ("y", 1): -1.0, ("x z", 1): -1.0, ("x y", 2): 1.0}
TRUTH[("z", 2)] = -8 / 3
STEP = 0.001
DATA = os.path.join(tempfile.gettempdir(), "symdyn-benchmark.npy")
LIMIT = 16 * 2**30  # bytes of address space that PySINDy may use


def lorenz_rate(x: np.ndarray) -> np.ndarray:
    """Right-hand side of the Lorenz system, (n, 3) -> (n, 3)."""
    return np.column_stack(
        [10 * (x[:, 1] - x[:, 0]), x[:, 0] * (28 - x[:, 2]) - x[:, 1], x[:, 0] * x[:, 1] - 8 / 3 * x[:, 2]]
    )


def lorenz(n: int) -> tuple[np.ndarray, np.ndarray]:
    """n states on the attractor and their exact rates: fourth-order Runge-Kutta, 1000 trajectories side by side."""
    width = min(n, 1000)
    x = np.random.default_rng(0).normal(size=(width, 3)) * 5 + [0, 0, 25]
    rows = []
    for k in range(2000 + -(-n // width) * 5):
        a = lorenz_rate(x)
        b = lorenz_rate(x + 0.5 * STEP * a)
        c = lorenz_rate(x + 0.5 * STEP * b)
        d = lorenz_rate(x + STEP * c)
        x = x + STEP / 6 * (a + 2 * b + 2 * c + d)
        if k >= 2000 and k % 5 == 0:
            rows.append(x)
    states = np.concatenate(rows)[:n]
    return states, lorenz_rate(states)


def symdyn_fit(states: np.ndarray, rates: np.ndarray, solver=None):
    """A fit with symdyn: (coefficients by (term, target)) as a dict."""
    import symdyn as sd

    data = {"time": np.arange(len(states)) * STEP, "s": states, "ds": rates}
    law = sd.identify(data, rates={"s": "ds"}, library=sd.Monomials(5), solver=solver or sd.STLSQ(0.02))
    xi, names = law.coefficients, [name.replace("s_", "") for name in law.term_names]
    return {(names[i], int(j)): float(xi[i, j]) for i, j in zip(*np.nonzero(xi), strict=True)}


def pysindy_fit(states: np.ndarray, rates: np.ndarray, threshold: float = 0.1):
    """A fit with PySINDy: (coefficients by (term, target)) as a dict."""
    import pysindy as ps

    optimizer = ps.STLSQ(threshold=threshold, alpha=1e-10)
    model = ps.SINDy(optimizer=optimizer, feature_library=ps.PolynomialLibrary(5))
    model.fit(states, t=STEP, x_dot=rates, feature_names=["x", "y", "z"])
    xi, names = model.coefficients().T, model.get_feature_names()
    return {(names[i], int(j)): float(xi[i, j]) for i, j in zip(*np.nonzero(xi), strict=True)}


FITS = {"symdyn": symdyn_fit, "pysindy": pysindy_fit}


def judge(found: dict) -> dict:
    """Largest coefficient error over the true terms and any false one, and whether the support is right."""
    keys = set(found) | set(TRUTH)
    error = max(abs(found.get(k, 0.0) - TRUTH.get(k, 0.0)) for k in keys)
    return {"error": error, "support": set(found) == set(TRUTH)}


def peak_memory() -> float:
    """Peak resident set of this process in MB. (getrusage would start from the peak of the process that started it.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(fit, states, rates) -> tuple[float, float, dict]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = fit(states, rates)
    return time.perf_counter() - wall, time.process_time() - cpu, found


def measure(package: str, n: int, path: str) -> dict:
    """One package at one size, in this process; the data come from a file, so that making them costs no memory here."""
    fit = FITS[package]
    if package == "pysindy":  # its design matrix outgrows the memory of a laptop: fail in this process, not elsewhere
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    states, rates = np.load(path)
    fit(states[:2000].copy(), rates[:2000].copy())
    before = peak_memory()
    first = timed(fit, states, rates)
    peak = peak_memory()
    rest = [timed(fit, states, rates) for _ in range(REPEATS.get(float(n), 3))]
    return {
        "n": n,
        "package": package,
        "first_wall": first[0],
        "first_cpu": first[1],
        "wall": min(r[0] for r in rest),
        "cpu": min(r[1] for r in rest),
        "memory_mb": peak - before,
        **judge(first[2]),
    }


def noise_draws(level: float, draws: int = 20, n: int = 10_000) -> dict[str, int]:
    """In how many draws the support is right, by method: white noise on the rates, a share of each rate's spread.

    PySINDy gets the threshold, of seven, that is right most often: its best setting. symdyn's methods have one setting.
    """
    import symdyn as sd

    states, rates = lorenz(n)
    noisy = []
    for seed in range(draws):
        noise = np.random.default_rng(seed).normal(size=rates.shape) * level * rates.std(axis=0)
        noisy.append(rates + noise)
    counts = {}
    for name, solver in (("symdyn, by itself", sd.BestSubset()), ("symdyn STLSQ(0.02)", sd.STLSQ(0.02))):
        counts[name] = sum(judge(symdyn_fit(states, y, solver))["support"] for y in noisy)
    by_threshold = {
        t: sum(judge(pysindy_fit(states, y, t))["support"] for y in noisy)
        for t in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
    }
    best = max(by_threshold, key=by_threshold.__getitem__)
    counts[f"PySINDy STLSQ({best})"] = by_threshold[best]
    return counts


COLD = {
    "symdyn": """
import numpy as np, symdyn as sd
states, rates = np.load({path!r})
data = {{"time": np.arange(len(states)) * 0.001, "s": states, "ds": rates}}
print(sd.identify(data, rates={{"s": "ds"}}, library=sd.Monomials(5)))
""",
    "pysindy": """
import numpy as np, pysindy as ps
states, rates = np.load({path!r})
model = ps.SINDy(optimizer=ps.STLSQ(threshold=0.1, alpha=1e-10), feature_library=ps.PolynomialLibrary(5))
model.fit(states, t=0.001, x_dot=rates, feature_names=["x", "y", "z"])
model.print()
""",
}


def cold_start(package: str, path: str) -> tuple[float, float]:
    """Wall and CPU seconds of `python script.py`, from nothing to printed equations: best of five."""
    runs = []
    for _ in range(5):
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", COLD[package].format(path=path)], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        runs.append((time.perf_counter() - wall, cpu))
    return min(r[0] for r in runs), min(r[1] for r in runs)


def in_process(*arguments: str) -> dict:
    """Run this file in a process of its own and read the JSON that it prints last."""
    command = [sys.executable, os.path.abspath(__file__), *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def table(sizes: tuple[float, ...]) -> None:
    """Print the whole comparison."""
    print("        n  package   first wall/cpu s    best wall/cpu s   extra MB   error  support")
    for n in sizes:
        rows = {}
        np.save(DATA, np.array(lorenz(int(n))))
        for package in FITS:
            try:
                row = rows[package] = in_process("--measure", package, str(int(n)), DATA)
            except subprocess.CalledProcessError as failure:
                print(f"{n:9.0e}  {package:8s}  failed ({failure.returncode}: out of memory, most likely)")
                continue
            print(
                f"{n:9.0e}  {package:8s}  {row['first_wall']:8.3f} {row['first_cpu']:8.3f}  {row['wall']:8.3f} "
                f"{row['cpu']:8.3f}  {row['memory_mb']:8.0f}  {row['error']:.1e}  {row['support']}"
            )
        if len(rows) == 2:
            a, b = rows["pysindy"], rows["symdyn"]
            print(
                f"           ratio     CPU first {a['first_cpu'] / b['first_cpu']:.1f}x, "
                f"best {a['cpu'] / b['cpu']:.1f}x; "
                f"wall first {a['first_wall'] / b['first_wall']:.1f}x, best {a['wall'] / b['wall']:.1f}x"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=float, default=SIZES)
    parser.add_argument("--measure", nargs=3, metavar=("PACKAGE", "N", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--draws", type=float, metavar="LEVEL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], int(options.measure[1]), options.measure[2])))
        return
    if options.draws is not None:
        print(json.dumps(noise_draws(options.draws)))
        return
    table(tuple(options.sizes))
    print("\nsupport right over 20 draws of white noise on the rates, n = 1e4")
    for level in (0.0, 0.001, 0.01, 0.1):
        counts = in_process("--draws", str(level))
        print(f"  noise {level:5.1%}: " + ", ".join(f"{k} {v}/20" for k, v in counts.items()))
    print("\ncold start, from `python script.py` to printed equations (n = 1e4, degree 5)")
    np.save(DATA, np.array(lorenz(10_000)))
    for package in FITS:
        wall, cpu = cold_start(package, DATA)
        print(f"  {package:8s} wall {wall:.2f} s, CPU {cpu:.2f} s")
    os.remove(DATA)


if __name__ == "__main__":
    main()
