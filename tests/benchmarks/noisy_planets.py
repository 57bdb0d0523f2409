"""The law of gravity from noisy positions alone: the spread over noise draws.

    python tests/benchmarks/noisy_planets.py                             # weak form: about three minutes
    python tests/benchmarks/noisy_planets.py --refine --noise 10000      # and matched trajectories: half an hour
    python tests/benchmarks/noisy_planets.py --refine --kepler           # the same on exact ellipses

Daily heliocentric positions of ten years with white noise on each coordinate, law of second order. For each planet and
noise: in how many draws the inverse square wins among nine powers, and for the free exponent of the force, in the weak
form and after `refine` (multiple shooting, the exponent among the unknowns): mean, standard deviation, the largest
deviation from -2, the mean of the stated standard errors, and how often 95 % intervals hold the exponent that the same
positions have without noise (the pull of the other planets moves it away from -2; with --kepler it is -2).
"""

from __future__ import annotations

import argparse

import numpy as np

import symdyn as sd

POWERS = range(-6, 3)
WEAK = {"order": 2, "differentiation": sd.WeakForm()}


def fitted(data):
    """The exponent of the force in the weak form."""
    return sd.variable_projection(lambda k: sd.Radial("position", (k,)), {"k": -2.5}, data, **WEAK)


def exponent(fit) -> tuple[float, float]:
    """The exponent of the force, and its standard error: x |x|^k has the size |x|^(k + 1)."""
    return fit.parameters["k"] + 1, fit.standard_errors["k"]


def ellipse(positions):
    """The same times with positions on an exact Kepler ellipse from the planet's first position and velocity."""
    model = sd.identify(positions, library=sd.Radial("position", (-3,)), solver=sd.LeastSquares(), **WEAK).model
    seconds = (positions.time.values - positions.time.values[0]) / np.timedelta64(1, "s")
    r = positions.position.values[:, 0]
    speed = sd.FiniteDifference(4)(seconds[:9], r[:9])[0]
    start = {"position": r[0], "position_rate": speed}
    run = sd.simulate(model, start, positions.time, rtol=1e-12)
    return positions.copy(data={"position": run.position.values.reshape(positions.position.shape)})


def draw(positions, noise: float, seed: int, refine: bool) -> tuple:
    """Whether the inverse square wins, and the exponents with their standard errors, for one draw."""
    rng = np.random.default_rng(seed)
    noisy = positions.copy(data={"position": positions.position + noise * rng.normal(size=positions.position.shape)})
    law = sd.identify(noisy, library=sd.Radial("position", POWERS), solver=sd.BestSubset(1), **WEAK)
    fit = fitted(noisy)
    right = law.active_terms == ("position / |position|^3",)
    return right, exponent(fit), exponent(sd.refine(fit, noisy)) if refine else None


def row(name: str, found: list[tuple[float, float]], truth: float) -> str:
    k, error = np.array(found).T
    inside = np.mean(np.abs(k - truth) < 1.96 * error)
    return (
        f"  {name:12s} {k.mean():.7f}   {k.std():.1e}   {np.abs(k + 2).max():.1e}   {error.mean():.1e}   {inside:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--noise", type=float, nargs="+", default=[1000.0, 10_000.0], help="km")
    parser.add_argument("--planets", nargs="+", default=["mercury", "venus", "mars"])
    parser.add_argument("--refine", action="store_true")
    parser.add_argument("--kepler", action="store_true")
    options = parser.parse_args()
    data = sd.open_dataset("planets", center="sun", start="2000-01-01", stop="2010-01-01")
    print("               mean         spread    worst - (-2)   stated   95 % intervals")
    for noise in options.noise:
        for planet in options.planets:
            positions = data[["position"]].sel(body=[planet])
            positions = ellipse(positions) if options.kepler else positions
            clean = fitted(positions)
            truth = {"weak": exponent(clean)[0]}
            truth["refined"] = exponent(sd.refine(clean, positions))[0] if options.refine else np.nan
            rows = [draw(positions, noise, seed, options.refine) for seed in range(options.draws)]
            wins = sum(row[0] for row in rows)
            print(f"{planet}, {noise:g} km: inverse square in {wins}/{options.draws}, without noise {truth}")
            print(row("weak form", [each[1] for each in rows], truth["weak"]), flush=True)
            if options.refine:
                print(row("refined", [each[2] for each in rows], truth["refined"]), flush=True)


if __name__ == "__main__":
    main()
