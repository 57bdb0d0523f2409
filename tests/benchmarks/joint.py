"""Joint estimation on noisy Lorenz data: how often the law has exactly the true terms.

Run it from a clone:

    python tests/benchmarks/joint.py                         # both cases, 20 draws: about fifteen minutes
    python tests/benchmarks/joint.py --case two --draws 40 --noise 20 30
    python tests/benchmarks/joint.py --criterion selection   # judged by EBIC instead of the evidence

Samples each 0.01 over T, white noise on all states; no setting depends on the true law.

- case two: start (-8, 8, 27), degree 2, noise in per cent of the standard deviation of all values. Published:
  ODR-BINDy (Fung 2025, arXiv:2507.23426), 128 draws
- case one: start (-8, 7, 27), degree 5 (55 terms for each of three targets), noise in per cent of the root mean square
  of all values. Published: bagged and bragged Ensemble-SINDy (Fasel, Kutz, Brunton, Brunton 2022), 1000 draws

Printed: the share of draws with exact terms, its standard error, the published share, the median of the relative
coefficient error |Xi - Xi*| / |Xi*|, and CPU seconds for a fit (the first, which compiles, left out).
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np

STEP = 0.01
TRUTH = {
    ("x", "x"): -10.0, ("y", "x"): 10.0, ("x", "y"): 28.0, ("y", "y"): -1.0, ("x z", "y"): -1.0, ("z", "z"): -8 / 3,
    ("x y", "z"): 1.0,
}  # fmt: skip
TWO = (2.5, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0)
ONE = (0.5, 1.0, 2.0, 3.0, 5.0)
PUBLISHED = {
    ("two", 4): dict(zip(TWO, (1, 1, 1, 0.95, 0.57, 0.31, 0.14, 0.04, 0.04), strict=True)),
    ("two", 10): dict(zip(TWO, (1, 1, 1, 1, 1, 0.95, 0.92, 0.84, 0.73), strict=True)),
    ("one", 3): dict(zip(ONE, (1, 1, 0.92, 0.67, 0.35), strict=True)),
    ("one", 10): dict(zip(ONE, (1, 1, 1, 0.99, 0.81), strict=True)),
}


def lorenz(start, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and exact states (t, 3)."""
    import symdyn as sd

    times = np.arange(0, length, STEP)
    data = sd.make_dataset("lorenz", times=times, start=start)
    return times, np.stack([data[name].values for name in "xyz"], axis=1)


def judged(law) -> tuple[bool, float]:
    """Whether the terms are exactly the true ones, and the relative coefficient error."""
    truth = np.zeros_like(law.coefficients)
    for (term, target), value in TRUTH.items():
        truth[law.term_names.index(term), law.target_components.index(target)] = value
    error = np.linalg.norm(law.coefficients - truth) / np.linalg.norm(truth)
    return bool(((law.coefficients != 0) == (truth != 0)).all()), float(error)


def run(case: str, length: int, levels, draws: int, options) -> None:
    import symdyn as sd

    start = (-8.0, 8.0, 27.0) if case == "two" else (-8.0, 7.0, 27.0)
    times, states = lorenz(start, length)
    size = states.std() if case == "two" else np.sqrt(np.mean(states**2))
    library = sd.Monomials(2 if case == "two" else 5)
    for level in levels:
        exact, errors, seconds = [], [], []
        for draw in range(draws):
            rng = np.random.default_rng(draw)
            noisy = states + level / 100 * size * rng.normal(size=states.shape)
            data = {"time": times, **{name: noisy[:, k] for k, name in enumerate("xyz")}}
            begun = time.process_time()
            law = sd.identify(data, library=library, differentiation=options)
            seconds.append(time.process_time() - begun)
            right, error = judged(law)
            exact.append(right)
            errors.append(error)
        share = float(np.mean(exact))
        spread = np.sqrt(max(share * (1 - share), 0.25 / draws) / draws)
        print(
            f"{case:>4s} T={length:<3d} {level:5.1f} %   {share:5.2f} +- {spread:.2f}   published "
            f"{PUBLISHED[case, length].get(level, np.nan):5.2f}   error {np.median(errors):8.4f}   "
            f"{np.median(seconds):6.2f} s",
            flush=True,
        )


def main() -> None:
    import symdyn as sd

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="*", default=["two", "one"], choices=["one", "two"])
    parser.add_argument("--length", nargs="*", type=int)
    parser.add_argument("--noise", nargs="*", type=float)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--criterion", default="evidence", choices=["evidence", "selection"])
    asked = parser.parse_args()
    options = sd.JointEstimation(evidence=asked.criterion == "evidence")
    warnings.simplefilter("ignore")
    for case in asked.case:
        for length in asked.length or ([4, 10] if case == "two" else [3, 10]):
            run(case, length, asked.noise or (TWO if case == "two" else ONE), asked.draws, options)


if __name__ == "__main__":
    main()
