"""Units and constraints: every solver of symdyn beside PySINDy, on the Lorenz system with noisy rates.

Run it from a clone (about two minutes on one core):

    python tests/benchmarks/constraints.py
    python tests/benchmarks/constraints.py --draws 5 --degree 2    # quicker

Two tables.

Units: the variables are multiplied by random factors between 1e-6 and 1e6 and times by 1e3. The law in the new units is
converted back and set beside that in the old ones: in how many draws are the terms the same, and how far do the
coefficients differ, relative to the largest of their equation? PySINDy gets one threshold in both units, as a user who
changes the units of a file would leave it.

Constraints, one at a time, both true: the coefficient of y in x' is minus that of x in x', and the coefficient of x in
y' is 2.8 times that of y in x'. The violation of a = k b is |a - k b| / max(|a|, |k b|), the largest over the draws,
with the number of draws in which it exceeds 1e-12 (it is 1 where one of the two terms was dropped and the other not)
and of those in which one of the terms was kept at all.
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial

import numpy as np
import pysindy as ps

import symdyn as sd

NOISE = 0.02  # of the rates, a share of their spread
NAMES = ("x", "y", "z")
TIES = [(("y", "x"), -1.0, ("x", "x")), (("x", "y"), 2.8, ("y", "x"))]
SOLVERS = {
    "BestSubset()": sd.BestSubset(),
    "BestSubset(exact)": sd.BestSubset(exact=True),
    "FROLS()": sd.FROLS(),
    "SR3()": sd.SR3(),
    "SR3(0.02)": sd.SR3(0.02),
    "SSR()": sd.SSR(),
    "SSR(loss)": sd.SSR("loss"),
    "STLSQ()": sd.STLSQ(),
    "STLSQ(0.02)": sd.STLSQ(0.02),
    "Lasso()": sd.Lasso(),
    "ElasticNet()": sd.ElasticNet(),
    "LeastSquares()": sd.LeastSquares(),
    "Ridge()": sd.Ridge(),
}
CHANGED = {
    "STLSQ(0.1)": lambda: ps.STLSQ(threshold=0.1, alpha=0.0),
    "STLSQ(0.1, normalize)": lambda: ps.STLSQ(threshold=0.1, alpha=0.0, normalize_columns=True),
    "SR3(l0, 0.1)": lambda: ps.SR3(reg_weight_lam=0.005, regularizer="l0", relax_coeff_nu=1.0, max_iter=1000),
}
CONSTRAINED = {
    "ConstrainedSR3(l0)": {"regularizer": "l0", "reg_weight_lam": 0.005},
    "ConstrainedSR3(l1)": {"regularizer": "l1", "reg_weight_lam": 0.1},
    "ConstrainedSR3(l1, normalize)": {"regularizer": "l1", "reg_weight_lam": 0.1, "normalize_columns": True},
    "ConstrainedSR3(l0, normalize)": {"regularizer": "l0", "reg_weight_lam": 0.005, "normalize_columns": True},
}


def drawn(seed: int, rows: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """States on the attractor (n, 3) and noisy rates (n, 3)."""
    data = sd.make_dataset("lorenz", times=np.arange(rows) * 0.02, rates=True)
    states = np.stack([data[k].values for k in NAMES], axis=1)
    rates = np.stack([data[f"{k}_rate"].values for k in NAMES], axis=1)
    noise = np.random.default_rng(seed).normal(size=rates.shape)
    return states, rates + NOISE * rates.std(axis=0) * noise


def symdyn_fit(states, rates, degree: int, solver, constraints=()) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the terms and coefficients (p, 3)."""
    data = {"time": np.arange(len(states)) * 0.02}
    data |= {k: states[:, i] for i, k in enumerate(NAMES)} | {f"{k}_rate": rates[:, i] for i, k in enumerate(NAMES)}
    law = sd.identify(
        data, rates={k: f"{k}_rate" for k in NAMES}, variables=NAMES, library=sd.Monomials(degree), solver=solver,
        constraints=constraints,
    )  # fmt: skip
    return law.term_names, law.coefficients


def pysindy_fit(states, rates, degree: int, optimizer) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the terms and coefficients (p, 3)."""
    model = ps.SINDy(optimizer=optimizer, feature_library=ps.PolynomialLibrary(degree))
    model.fit(states, t=0.02, x_dot=rates, feature_names=list(NAMES))
    return tuple(model.get_feature_names()), model.coefficients().T


def sizes(names: tuple[str, ...], factors: np.ndarray) -> np.ndarray:
    """What each term is multiplied by where the variables are: (p,)."""
    known = dict(zip(NAMES, factors, strict=True))

    def size(factor: str) -> float:
        base, _, power = factor.partition("^")
        return known.get(base, 1.0) ** int(power or 1)

    return np.array([np.prod([size(factor) for factor in name.split()]) for name in names])


def units(fit, draws: int) -> tuple[int, float]:
    """In how many draws the terms are the same in both units, and the largest difference of the coefficients there."""
    same, worst = 0, 0.0
    for seed in range(draws):
        states, rates = drawn(seed)
        factors = 10 ** np.random.default_rng(1000 + seed).uniform(-6, 6, 3)
        names, here = fit(states, rates)
        _, there = fit(states * factors, rates * factors / 1e3)
        back = there * sizes(names, factors)[:, None] / (factors / 1e3)
        if ((back != 0) == (here != 0)).all():
            same += 1
            largest = np.maximum(np.abs(here).max(axis=0), 1e-300)
            worst = max(worst, float((np.abs(back - here) / largest).max()))
    return same, worst


def violations(fit, tie: tuple, draws: int) -> str:
    """The largest violation of a tie, in how many draws it exceeds 1e-12, and in how many the terms are there."""
    (term, target), factor, (other, second) = tie
    found, kept = [], 0
    for seed in range(draws):
        names, coefficients = fit(*drawn(seed))
        a = coefficients[names.index(term), NAMES.index(target)]
        b = factor * coefficients[names.index(other), NAMES.index(second)]
        found.append(abs(a - b) / max(abs(a), abs(b), 1e-300))
        kept += bool(a or b)
    return f"{max(found):.1e}  {sum(v > 1e-12 for v in found):3d}/{draws}  {kept:3d}/{draws}"


def constrained_sr3(degree: int, tie: tuple, settings: dict):
    """PySINDy's ConstrainedSR3 with the equation as its linear constraint."""
    (term, target), factor, (other, second) = tie
    names = ps.PolynomialLibrary(degree).fit(np.ones((2, 3))).get_feature_names(list(NAMES))
    left = np.zeros((len(names), 3))
    left[names.index(term), NAMES.index(target)] = 1.0
    left[names.index(other), NAMES.index(second)] = -factor
    return ps.ConstrainedSR3(
        constraint_lhs=left.reshape(1, -1), constraint_rhs=np.zeros(1), constraint_order="feature",
        equality_constraints=True, max_iter=1000, **settings,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--degree", type=int, default=3)
    options = parser.parse_args()
    draws, degree = options.draws, options.degree
    warnings.simplefilter("ignore")
    print(f"Lorenz, degree {degree}, {NOISE:.0%} noise on the rates, {draws} draws\n")
    print("other units: the same terms in how many draws, largest difference of the coefficients there")
    for name, solver in SOLVERS.items():
        same, worst = units(lambda s, r, solver=solver: symdyn_fit(s, r, degree, solver), draws)
        print(f"  symdyn   {name:30s} {same:3d}/{draws}  {worst:.1e}", flush=True)
    for name, made in CHANGED.items():
        same, worst = units(lambda s, r, made=made: pysindy_fit(s, r, degree, made()), draws)
        print(
            f"  PySINDy  {name:30s} {same:3d}/{draws}  {worst:.1e}" if same else f"  PySINDy  {name:30s}   0/{draws}  -"
        )
    for tie in TIES:
        (term, target), factor, (other, second) = tie
        tied = [sd.coefficient(term, target) == factor * sd.coefficient(other, second)]
        print(f"\n{tied[0]}: largest violation, draws in which it exceeds 1e-12, and with one of the terms")
        for name, solver in SOLVERS.items():
            found = violations(lambda s, r, v=solver, t=tied: symdyn_fit(s, r, degree, v, t), tie, draws)
            print(f"  symdyn   {name:30s} {found}", flush=True)
        for name, settings in CONSTRAINED.items():
            made = partial(constrained_sr3, degree, tie, settings)
            found = violations(lambda s, r, made=made: pysindy_fit(s, r, degree, made()), tie, draws)
            print(f"  PySINDy  {name:30s} {found}", flush=True)


if __name__ == "__main__":
    main()
