"""Trajectory matching beside regression: errors of the coefficients, and how often 95 % intervals hold the truth.

Run it from a clone:

    python tests/benchmarks/refine.py                  # errors over 20 draws, coverage over 100: about ten minutes
    python tests/benchmarks/refine.py --draws 5 --coverage 0

Lorenz (T = 10, a sample each 0.01) and Lotka-Volterra (T = 20, each 0.1), white noise on all states in per cent of the
standard deviation of each variable. All methods have the true terms of each equation, so that only the coefficients
are compared:

- strong: least squares on Savitzky-Golay rates of degree 3, the width with the lowest median error over the draws (a
  choice that uses the truth, in favour of the strong form)
- weak: `WeakForm()`; in brackets with terms chosen from Monomials(2)
- refined: `refine` of the weak law
- joint: `JointEstimation()` with terms chosen from Monomials(2); draws with other terms are counted, not averaged

Errors are medians of |Xi - Xi*| / |Xi*|; coverage is over all coefficients and draws.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import cache

import numpy as np

CASES = {
    "lorenz": (10.0, 0.01, {
        "x": {"x": -10.0, "y": 10.0}, "y": {"x": 28.0, "y": -1.0, "x z": -1.0}, "z": {"z": -8 / 3, "x y": 1.0},
    }),
    "lotka_volterra": (20.0, 0.1, {
        "prey": {"prey": 2 / 3, "prey predator": -4 / 3}, "predator": {"predator": -1.0, "prey predator": 1.0},
    }),
}  # fmt: skip
WIDTHS = (7, 11, 15, 21, 31, 41)


@cache
def clean(case: str):
    """The exact states as a Dataset."""
    import symdyn as sd

    length, step, _ = CASES[case]
    return sd.make_dataset(case, times=np.arange(0, length, step))


@cache
def library(case: str) -> dict:
    """The true terms of each equation."""
    import jax.numpy as jnp

    import symdyn as sd

    def of(terms):
        def values(state):
            return jnp.stack([jnp.prod(jnp.stack([state[v] for v in term.split()]), axis=0) for term in terms])

        return sd.Function(values, tuple(terms))

    return {target: of(tuple(row)) for target, row in CASES[case][2].items()}


def noisy(case: str, level: float, draw: int) -> dict:
    data, rng = clean(case), np.random.default_rng(draw)
    out = {"time": data.time.values}
    for name in CASES[case][2]:
        values = data[name].values
        out[name] = values + level / 100 * values.std() * rng.normal(size=values.shape)
    return out


def values(law, case: str, table=None) -> np.ndarray:
    """The true terms' coefficients, in the order of the case."""
    table = law.coefficients if table is None else table
    rows = CASES[case][2]
    return np.array([
        table[law.term_names.index(term), law.target_components.index(target)]
        for target, row in rows.items() for term in row
    ])  # fmt: skip


def truth(case: str) -> np.ndarray:
    return np.array([value for row in CASES[case][2].values() for value in row.values()])


def error(law, case: str) -> float:
    return float(np.linalg.norm(values(law, case) - truth(case)) / np.linalg.norm(truth(case)))


def whole_error(law, case: str) -> float:
    """The same with the coefficients of false terms."""
    wanted = np.zeros_like(law.coefficients)
    for target, row in CASES[case][2].items():
        for term, value in row.items():
            wanted[law.term_names.index(term), law.target_components.index(target)] = value
    return float(np.linalg.norm(law.coefficients - wanted) / np.linalg.norm(wanted))


def errors(case: str, level: float, draws: int) -> None:
    import symdyn as sd

    found: dict[str, list[float]] = {}
    seconds: list[float] = []
    exact = 0
    for draw in range(draws):
        data = noisy(case, level, draw)
        options = {"library": library(case), "solver": sd.LeastSquares()}
        for width in WIDTHS:
            law = sd.identify(data, differentiation=sd.SavitzkyGolay(width, 3), **options)
            found.setdefault(f"strong {width}", []).append(error(law, case))
        weak = sd.identify(data, differentiation=sd.WeakForm(), **options)
        found.setdefault("weak", []).append(error(weak, case))
        chosen = sd.identify(data, library=sd.Monomials(2), differentiation=sd.WeakForm())
        found.setdefault("chosen", []).append(whole_error(chosen, case))
        begun = time.process_time()
        refined = sd.refine(weak, data)
        seconds.append(time.process_time() - begun)
        found.setdefault("refined", []).append(error(refined, case))
        joint = sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation())
        if joint.stats.active == len(truth(case)) and values(joint, case).all():
            found.setdefault("joint", []).append(error(joint, case))
            exact += 1
    median = {name: float(np.median(each)) for name, each in found.items()}
    strong = min(median[f"strong {width}"] for width in WIDTHS)
    print(
        f"{case:>15s} {level:4.0f} %   strong {strong:.4f}   weak {median['weak']:.4f} (terms chosen: "
        f"{median['chosen']:.4f})   refined "
        f"{median['refined']:.4f} ({strong / median['refined']:.1f}, {median['weak'] / median['refined']:.1f} times "
        f"below)   joint {median.get('joint', np.nan):.4f} in {exact} of {draws}   {np.median(seconds):.2f} s",
        flush=True,
    )


def coverage(case: str, level: float, draws: int) -> None:
    import symdyn as sd

    held: dict[str, list] = {"refined": [], "joint": []}
    for draw in range(draws):
        data = noisy(case, level, 1000 + draw)
        weak = sd.identify(data, library=library(case), solver=sd.LeastSquares(), differentiation=sd.WeakForm())
        joint = sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation())
        for name, law in (("refined", sd.refine(weak, data)), ("joint", joint)):
            lower, upper = (values(law, case, end) for end in law.interval())
            held[name].append((lower <= truth(case)) & (truth(case) <= upper))
    for name, each in held.items():
        share = np.mean(each, axis=0)
        print(
            f"{case:>15s} {level:4.0f} %   {name:8s} 95 % intervals hold {np.mean(share):.3f} "
            f"(least {share.min():.2f}, most {share.max():.2f})",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--noise", nargs="*", type=float, default=[5.0, 10.0])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--coverage", type=int, default=100)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    for case in asked.cases:
        for level in asked.noise:
            if asked.draws:
                errors(case, level, asked.draws)
            if asked.coverage:
                coverage(case, level, asked.coverage)


if __name__ == "__main__":
    main()
