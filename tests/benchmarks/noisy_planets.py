"""The law of gravity from noisy positions alone: the spread over noise draws.

    python tests/benchmarks/noisy_planets.py        # about three minutes

Daily heliocentric positions of ten years with white noise on each coordinate, weak form, law of second order. For each
planet and noise: in how many draws the inverse square wins among nine powers, the mean and the standard deviation of
the free exponent of the force, its largest deviation from -2, and the mean of the standard errors that the fit states.
"""

from __future__ import annotations

import argparse

import numpy as np

import symdyn as sd

POWERS = range(-6, 3)
WEAK = {"order": 2, "differentiation": sd.WeakForm()}


def draw(positions, noise: float, seed: int) -> tuple[bool, float, float]:
    """Whether the inverse square wins, and the exponent of the force with its standard error, for one draw."""
    rng = np.random.default_rng(seed)
    noisy = positions.copy(data={"position": positions.position + noise * rng.normal(size=positions.position.shape)})
    law = sd.identify(noisy, library=sd.Radial("position", POWERS), solver=sd.BestSubset(1), **WEAK)
    fit = sd.variable_projection(lambda k: sd.Radial("position", (k,)), {"k": -2.5}, noisy, **WEAK)
    right = law.active_terms == ("position / |position|^3",)
    return right, fit.parameters["k"] + 1, fit.standard_errors["k"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    draws = parser.parse_args().draws
    data = sd.open_dataset("planets", center="sun", start="2000-01-01", stop="2010-01-01")
    print("planet    noise km   inverse square   exponent mean    spread   worst - (-2)   stated error")
    for noise in (1000.0, 10_000.0):
        for planet in ("mercury", "venus", "mars"):
            positions = data[["position"]].sel(body=[planet])
            rows = [draw(positions, noise, seed) for seed in range(draws)]
            k, wins = np.array([row[1] for row in rows]), sum(row[0] for row in rows)
            print(
                f"{planet:8s}  {noise:8.0f}   {wins:7d}/{draws}      {k.mean():.6f}   {k.std():.1e}"
                f"        {np.abs(k + 2).max():.1e}        {np.mean([row[2] for row in rows]):.1e}"
            )


if __name__ == "__main__":
    main()
