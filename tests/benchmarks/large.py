"""Large libraries and long simulations: CPU seconds of symdyn beside PySINDy 2.1.

    python tests/benchmarks/large.py                # all
    python tests/benchmarks/large.py --skip-pysindy # symdyn only

Lorenz-96 with 40 sites, quadratic library (861 terms), 50 000 rows, exact rates; both packages get the rates. PySINDy's
thresholds are the best of a few. Simulation: the Lorenz law from one start to T = 10, 1000 samples, at a relative
tolerance of 1e-9 and at PySINDy's own default of 1e-12, both packages with the same; calls after the first one, which
compiles. CPU seconds are those of the process, over all threads.
"""

from __future__ import annotations

import argparse
import time

import numpy as np


def lorenz96(x):
    return (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + 8


def sample(n: int = 50_000, sites: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States on the attractor (n, sites), from 50 runs, and their exact rates."""
    x, step, rows = 8 + np.random.default_rng(seed).normal(size=(50, sites)), 0.01, []
    for k in range(1000 + n // 50):
        k1 = lorenz96(x)
        k2 = lorenz96(x + step / 2 * k1)
        k3 = lorenz96(x + step / 2 * k2)
        k4 = lorenz96(x + step * k3)
        x = x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        if k >= 1000:
            rows.append(x)
    states = np.concatenate(rows)
    return states, lorenz96(states)


def timed(call, repeats: int = 2):
    """CPU seconds of each call, and the last result."""
    seconds, result = [], None
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        seconds.append(time.process_time() - start)
    return seconds, result


def truth(sites: int = 40) -> set[tuple[str, int]]:
    """(sites of the term, target) of the 160 true coefficients."""
    out = set()
    for i in range(sites):
        pairs = ((i + 1, i - 1), (i - 2, i - 1))
        out |= {(frozenset((a % sites, b % sites)), i) for a, b in pairs} | {(frozenset(), i), (frozenset((i,)), i)}
    return out


def right(coefficients: np.ndarray, exponents: np.ndarray) -> bool:
    """Whether the nonzero coefficients (p, d) are the true ones; exponents (p, d) of the terms."""
    found = {(frozenset(np.flatnonzero(exponents[k]).tolist()), int(c)) for k, c in np.argwhere(coefficients)}
    return found == truth(coefficients.shape[1])


def ring(skip: bool) -> None:
    import symdyn as sd

    states, rates = sample()
    data = {"time": 0.01 * np.arange(len(states)), "s": states, "ds": rates}
    rows = []
    for name, options in (("symdyn, by itself", {}), ("symdyn STLSQ(0.02)", {"solver": sd.STLSQ(0.02)})):
        seconds, law = timed(lambda o=options: sd.identify(data, rates={"s": "ds"}, library=sd.Monomials(2), **o))
        rows.append((name, seconds, right(law.coefficients, np.asarray(law.model.terms.exponents))))
    if not skip:
        import pysindy as ps

        for threshold in (0.1, 0.3):
            optimizer = ps.STLSQ(threshold=threshold, alpha=1e-10)
            model = ps.SINDy(optimizer=optimizer, feature_library=ps.PolynomialLibrary(2))
            seconds, _ = timed(lambda m=model: m.fit(states, t=0.01, x_dot=rates), 1)
            rows.append(
                (f"PySINDy STLSQ({threshold})", seconds, right(model.coefficients().T, model.feature_library.powers_))
            )
    print("Lorenz-96, 40 sites, 861 terms, 50 000 rows")
    for name, seconds, correct in rows:
        print(f"  {name:24s} CPU s {', '.join(f'{s:6.2f}' for s in seconds):18s} all 160 terms right: {correct}")
    if not skip:
        best = min(row[1][-1] for row in rows[2:])
        print("  ratios to PySINDy:", ", ".join(f"{name}: {best / seconds[-1]:.0f}" for name, seconds, _ in rows[:2]))


def simulation(skip: bool) -> None:
    import symdyn as sd

    times = np.arange(0, 10, 0.01)
    data = sd.make_dataset("lorenz", times=np.arange(0, 20, 0.01), rates=True)
    law = sd.identify(data, library=sd.Monomials(2))
    start = np.array([-8.0, 7.0, 27.0])
    print("Lorenz to T = 10, 1000 samples: CPU seconds (wall seconds)")
    many = np.repeat(start[None], 1000, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=(1000, 3))
    for tolerance in (1e-9, 1e-12):
        cpu, wall, run = clocked(lambda tol=tolerance: law.simulate(start, times, rtol=tol), 15)
        print(f"  rtol {tolerance:.0e}: symdyn {cpu:.4f} ({wall:.4f})")
        batch_cpu, batch_wall, _ = clocked(lambda tol=tolerance: law.simulate(many, times, rtol=tol), 2)
        print(f"    each of 1000 starts at once {batch_cpu / 1000:.5f} ({batch_wall / 1000:.5f})")
        if skip:
            continue
        import pysindy as ps

        states = np.column_stack([data[name] for name in "xyz"])
        rates = np.column_stack([data[f"{name}_rate"] for name in "xyz"])
        model = ps.SINDy(optimizer=ps.STLSQ(threshold=0.1, alpha=1e-10), feature_library=ps.PolynomialLibrary(2))
        model.fit(states, t=0.01, x_dot=rates)
        # PySINDy's own defaults are LSODA with both tolerances 1e-12
        options = {"rtol": tolerance, "atol": 10 * tolerance if tolerance > 1e-12 else tolerance, "method": "LSODA"}
        slow, slow_wall, path = clocked(lambda m=model, o=options: m.simulate(start, times, integrator_kws=o), 2)
        error = np.abs(np.column_stack([run[name] for name in "xyz"]) - path)[:500].max()
        print(f"    PySINDy {slow:.2f} ({slow_wall:.2f}); the two differ by {error:.1e} up to T = 5")
        print(
            f"    ratio of wall times {slow_wall / wall:.0f}, of CPU times {slow / cpu:.0f}; "
            f"in a batch {slow_wall / batch_wall * 1000:.0f}, {slow / batch_cpu * 1000:.0f}"
        )


def clocked(call, repeats: int):
    """Median CPU and wall seconds of a call after a first one, and its result."""
    call()
    seconds, result = [], None
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        result = call()
        seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
    return *np.median(seconds, axis=0), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skip-pysindy", action="store_true", help="symdyn only")
    options = parser.parse_args()
    simulation(options.skip_pysindy)
    ring(options.skip_pysindy)


if __name__ == "__main__":
    main()
