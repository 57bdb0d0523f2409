"""An ensemble, a cross-validated path and a best-subset fit on a million rows: CPU seconds, beside PySINDy's ensemble.

Run it on a quiet machine, from a clone:

    OMP_NUM_THREADS=1 python tests/benchmarks/ensemble.py              # asked of symdyn: under 5 s in all
    OMP_NUM_THREADS=1 python tests/benchmarks/ensemble.py --rows 1e5

Lorenz, library of degree five (56 terms for each of three targets), exact states, 1 % of noise on the rates. The three
jobs of symdyn run one after the other in a process that has fitted a small problem; each reads the data anew. PySINDy
makes 100 models with bagging (STLSQ, threshold 0.5) on the same data.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from regression import STEP, lorenz

NOISE = 0.01


def symdyn_jobs(models: int):
    """Names and functions of (states, rates) to a text."""
    import symdyn as sd

    def options(states, rates):
        return {"time": np.arange(len(states)) * STEP, "s": states, "ds": rates}, {
            "rates": {"s": "ds"}, "library": sd.Monomials(5),
        }  # fmt: skip

    def ensemble(states, rates):
        data, how = options(states, rates)
        bag = sd.ensemble(data, models=models, **how)
        false = bag.inclusion[bag.solution.coefficients == 0].max()
        return f"{bag.solution.stats.active} terms, most frequent other term {false:.2f}"

    def path(states, rates):
        data, how = options(states, rates)
        law = sd.identify(data, selection=sd.CrossValidation(), **how)
        return f"{law.stats.active} terms"

    def subset(states, rates):
        data, how = options(states, rates)
        law = sd.identify(data, solver=sd.BestSubset(), selection=sd.EBIC(), **how)
        return f"{law.stats.active} terms"

    return {f"ensemble of {models}": ensemble, "cross-validated path": path, "best subset, EBIC": subset}


def pysindy_ensemble(states, rates, models: int = 100) -> str:
    import pysindy as ps

    optimizer = ps.EnsembleOptimizer(ps.STLSQ(threshold=0.5, alpha=1e-10), bagging=True, n_models=models)
    model = ps.SINDy(optimizer=optimizer, feature_library=ps.PolynomialLibrary(5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(states, t=STEP, x_dot=rates)
    return f"{np.count_nonzero(model.coefficients())} terms"


def timed(job, states, rates) -> tuple[float, float, str]:
    wall, cpu = time.perf_counter(), time.process_time()
    text = job(states, rates)
    return time.process_time() - cpu, time.perf_counter() - wall, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--without-pysindy", action="store_true")
    asked = parser.parse_args()
    states, rates = lorenz(int(asked.rows))
    rates = rates + NOISE * rates.std(axis=0) * np.random.default_rng(0).normal(size=rates.shape)
    jobs, total = symdyn_jobs(asked.models), 0.0
    print(f"{'job':28s} {'CPU s':>8s} {'wall s':>8s}   ({len(states)} rows)")
    for name, job in jobs.items():
        job(states[:20_000].copy(), rates[:20_000].copy())
        cpu, wall, text = timed(job, states, rates)
        total += cpu
        print(f"{name:28s} {cpu:8.2f} {wall:8.2f}   {text}", flush=True)
    print(f"{'symdyn in all':28s} {total:8.2f}")
    if not asked.without_pysindy:
        cpu, wall, text = timed(pysindy_ensemble, states, rates)
        print(f"{'PySINDy ensemble of 100':28s} {cpu:8.2f} {wall:8.2f}   {text}")


if __name__ == "__main__":
    main()
