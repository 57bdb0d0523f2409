"""Evidence for symmetries on the development systems of Kendiukhov's certificates (2026): errors, power, calibration.

    python tests/benchmarks/certificates.py                  # rates measured: 120 cells of 100 repeats
    python tests/benchmarks/certificates.py --states         # states measured, with noise, rates unknown
    python tests/benchmarks/certificates.py --figure a.png   # calibration of the tests

    python tests/benchmarks/certificates.py --misfit         # the test of misfit alone

Systems: planar rotation, Hopf's normal form, Van der Pol, Lorenz, free rigid body; all monomials up to degree 3;
states uniform in [-1, 1]^n; noise of the rates 0.01, 0.03, 0.1, 0.3 of their root mean square; N = 100 to 3200.
True claims: SO(2) for the first two, a sign pattern for the others (they have no affine generator). False claims: the
same, on a law with a cubic field added until the true defect is the tolerance itself (the hardest case: the level is
reached there, if anywhere) or 1.5 times that. Ways: `one`, a claim fixed beforehand (`symmetry_evidence`); `split`,
generators chosen among all affine fields from a third of the data and tested on the rest (`certify`; false: any
chosen field whose true defect exceeds the tolerance); `ellipsoid`, the simultaneous certificate, which is of the
published kind.

The published certificate detects 0.484 in all, 0.255 at N = 100, 0.741 at N = 3200. Its tolerance, its definition of
the defect and its unit of noise are not known to us. The tolerance 0.03 was set by what *our* ellipsoid detects, so
that it comes near these figures on the same data; the comparison that counts is between ways, at one tolerance.

`--states`: 30 runs from the box, 3 time units in steps of 0.02, noise of 0.01, 0.03, 0.1 of the standard deviation of
each component; rates unknown. `weak`: the rows of the weak form with their covariance; `differences`: fourth-order
differences, for which the ellipsoid is of the published kind. False claims are tried in the weak form.

Measured (100 repeats of 120 cells, tolerance 0.03, 99 s of processor time):

    detection        all    N=100  200   400   800   1600  3200    false at the tolerance, worst cell; at 1.5 x
    one claim        0.682  0.462  0.550 0.648 0.699 0.835 0.896   0.014, 0.06; 0
    split (SO(2))    0.530  0.261  0.470 0.500 0.506 0.695 0.749   0.006, 0.06; 0
    ellipsoid        0.479  0.275  0.347 0.470 0.523 0.596 0.665   0, 0; 0
    ellipsoid (SO(2) systems alone) 0.410

The worst cell of one claim is Van der Pol, N = 3200: of 400 fresh repeats 15 are false (0.038); at N = 100 nine.

p-values of exact symmetry (Wald) are uniform: 0.050 of 12 000 below 0.05. At noise 0.1 and N = 400 the test of misfit
has 0.053 of 150 p-values below 0.05 and none below 0.001 for a library that holds the law, and sees all 80 that do not.

Noisy states, tolerance 0.05 (20 repeats; rigid body 6, Lorenz not run at noise 0.1): detection of one claim at noise
0.01, 0.03, 0.1, `weak`: Hopf 1, 1, 0.9; Van der Pol 1, 1, 1; rotation 1, 1, 1; Lorenz 1, 1, -; rigid body 1, 1, 0.5
(at tolerance 0.1 all 1). `split`: Hopf 1, 1, 0.6, rotation 1, 1, 1. The ellipsoid on `differences`: 0 but for Lorenz
(1, 1), whose rates are large beside their noise; one claim on them, in the same order of systems: 0.85, 1, 0.85, 1, 0
at noise 0.01, and 0, 0, 0, 1, 0 at 0.03. False at the tolerance, `weak`, one claim: 5 of 238 (all rotation: 0.1, 0.1,
0.05 of the same 20 draws at three noises; 3 of 60 fresh ones at 0.03).
0.7 s of processor time a repeat in two dimensions, 1.2 to 1.7 in three (five repeats, compilation included).
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

import symdyn as sd
from symdyn.groups.polynomial import read_polynomial
from symdyn.regress._identify import settings_of
from symdyn.regress.evidence.bounds import NormTest
from symdyn.regress.evidence.choose import Span
from symdyn.regress.evidence.claims import Claim, claims_of
from symdyn.regress.evidence.estimate import Estimate, fitness, fitted_moments, of_data
from symdyn.regress.evidence.frame import condition
from symdyn.regress.evidence.judge import over_ellipsoid, rejected, support
from symdyn.regress.evidence.verbs import domain_points
from symdyn.regress.rows.moments import design_moments
from symdyn.symmetry.discovery.candidates import Place

LEVEL, NAMES = 0.05, ["x", "y", "z"]
SYSTEMS = {
    "rotation": ["-y", "x"],
    "hopf": ["x - y - x^3 - x y^2", "x + y - x^2 y - y^3"],
    "van der pol": ["y", "-x + y - x^2 y"],
    "lorenz": ["-10 x + 10 y", "28 x - y - x z", "x y - 8/3 z"],
    "rigid body": ["-y z", "x z", "-1/3 x y"],
}
CLAIMS = {
    "rotation": "turn", "hopf": "turn", "van der pol": [-1, -1], "lorenz": [-1, -1, 1], "rigid body": [-1, -1, 1],
}  # fmt: skip
OTHERS = (0.03, 0.1)  # tolerances that are tried besides, for detection alone
NOISES, SIZES = (0.01, 0.03, 0.1, 0.3), (100, 200, 400, 800, 1600, 3200)


class Case:
    """A system with its law as weights, the same law broken to given true defects, and the conditions."""

    def __init__(self, name: str, tolerance: float):
        rng = np.random.default_rng(3)
        self.name, self.tolerance, n = name, tolerance, len(SYSTEMS[name])
        self.names = NAMES[:n]
        x = rng.uniform(-1, 1, (400, n))
        data = {"time": np.arange(400.0), **{v: x[:, k] for k, v in enumerate(self.names)}}
        data |= {f"d{v}": 0 * x[:, k] + rng.normal(size=400) for k, v in enumerate(self.names)}
        self.estimate, *_ = of_data(data, settings_of(**self.options))
        self.frame = self.estimate.frame
        self.points = domain_points(dict.fromkeys(self.names, (-1, 1)), self.estimate)
        self.place = Place(self.frame.space, "t")
        given = CLAIMS[name]
        if given == "turn":
            action = sd.Action.affine({("x", "y"): [[-1.0]], ("y", "x"): [[1.0]]})
            (self.claim,) = claims_of(action, self.place)
        else:
            self.claim = Claim(str(given), matrix=np.diag(np.array(given, float)))
        self.exponents = self.frame.terms.monomials()
        table = np.zeros((len(self.exponents), n))
        for k, text in enumerate(SYSTEMS[name]):
            polynomial = read_polynomial(text, self.names)
            for e, c in zip(polynomial.exponents.array, polynomial.coefficients.array, strict=True):
                table[(self.exponents == e).all(1), k] = c
        self.table, self.breaking = table, rng.normal(size=table.shape)
        self.on_domain(self.points)
        self.rms = float(np.sqrt(np.mean((self.theta(self.points) @ table) ** 2)))

    def on_domain(self, points: np.ndarray) -> None:
        """Conditions and broken laws for a domain of states."""
        self.points, given, self.cache = points, CLAIMS[self.name], {}
        self.what = condition(self.frame, self.claim, points)
        self.span = Span.of(self.frame, sd.VectorFields(1), self.place, points) if given == "turn" else None
        size = np.sqrt(np.mean((self.theta(points) @ self.table) ** 2, axis=0))
        breaking = size * self.breaking / np.sqrt(np.mean(self.theta(points) ** 2, axis=0))[:, None]
        self.laws = {0.0: self.table} | {
            share: self.table + self._broken(self.table, breaking, share * self.tolerance) * breaking
            for share in (1.0001, 1.5)
        }

    @property
    def options(self):
        rates = {v: f"d{v}" for v in self.names}
        return {"library": sd.Monomials(3), "rates": rates, "rate_of": tuple(self.names)}

    def theta(self, x: np.ndarray) -> np.ndarray:
        return np.prod(x[:, None, :] ** self.exponents, axis=2)

    def defect(self, table: np.ndarray, what=None) -> float:
        what, w = what or self.what, np.append(table.ravel(), 1.0)
        return float(np.linalg.norm(what.rows @ w) / (np.linalg.norm(what.speed @ w) * what.size))

    def _broken(self, table, breaking, wanted: float) -> float:
        low, high = 0.0, 1.0
        while self.defect(table + high * breaking) < wanted:
            high *= 2
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.defect(table + middle * breaking) < wanted else (low, middle)
        return 0.5 * (low + high)

    def noise_fit(self, N: int, rng) -> tuple[Estimate, tuple[Estimate, Estimate]]:
        """What unit noise of the rates fits, on all rows and on both halves: fits are linear in the data."""
        x = rng.uniform(-1, 1, (N, len(self.names)))
        design, y = self.theta(x), rng.normal(size=(N, len(self.names)))
        m = design_moments(design, y, np.ones(N))
        whole = replace(self.estimate, **fitted_moments(m), moments=m)
        if self.span is None:
            return whole, (whole, whole)
        first = np.arange(len(m.blocks)) % 3 == 0
        return whole, (whole.part(first), whole.part(~first))

    def scaled(self, unit: Estimate, table: np.ndarray, sigma: float) -> Estimate:
        weights = table.ravel() + sigma * unit.weights
        return replace(unit, weights=weights, covariance=sigma**2 * unit.covariance)

    def split(self, halves, tolerance: float):
        """Supported findings of the split."""
        first, second = halves
        chosen = self.span.chosen(first, tolerance)
        for claim in chosen:
            if claim.text not in self.cache:
                self.cache[claim.text] = condition(self.frame, claim, self.points)
        what = [self.cache[claim.text] for claim in chosen]
        p_values = np.array([support(second, w, LEVEL, tolerance) for w in what])
        return [w for w, good in zip(what, rejected(p_values, LEVEL, holm=True), strict=True) if good]


def wald(found: Estimate, what) -> float:
    r = len(found.weights)
    z = what.rows[:, :r] @ found.weights + what.rows[:, r]
    return NormTest.of(z, what.rows[:, :r] @ found.covariance @ what.rows[:, :r].T, found.freedom).wald()[2]


def rates_measured(repeats: int, tolerance: float, names) -> dict:
    out, p_values = {}, {"exact": [], "boundary": []}
    for name in names:
        case = Case(name, tolerance)
        for N in SIZES:
            rng = np.random.default_rng((11, N, list(SYSTEMS).index(name)))
            counts = {noise: np.zeros((3, 3)) for noise in NOISES}
            for _ in range(repeats):
                whole, halves = case.noise_fit(N, rng)
                for noise in NOISES:
                    for i, table in enumerate(case.laws.values()):
                        sigma = noise * case.rms
                        found = case.scaled(whole, table, sigma)
                        one = support(found, case.what, LEVEL, tolerance)
                        counts[noise][0, i] += one <= LEVEL
                        ball = over_ellipsoid(found, case.claim, case.what, LEVEL, tolerance)
                        counts[noise][2, i] += ball.upper < tolerance
                        if i < 2:
                            p_values[("exact", "boundary")[i]].append(one if i else wald(found, case.what))
                        if case.span is not None:
                            kept = case.split([case.scaled(h, table, sigma) for h in halves], tolerance)
                            near = [case.defect(table, w) <= tolerance for w in kept]
                            counts[noise][1, i] += any(near) if i == 0 else not all(near)
            for noise in NOISES:
                out[name, noise, N] = counts[noise] / repeats
            print(f"{name:12s} N = {N:5d}", *(f"{n:g}: {np.round(c[:, 0], 2)}" for n, c in ((n, out[name, n, N])
                  for n in NOISES)), flush=True)  # fmt: skip
    return {"cells": out, "p": p_values}


def summary(cells: dict) -> None:
    for k, way in enumerate(("one", "split", "ellipsoid")):
        own = {key: c for key, c in cells.items() if way != "split" or CLAIMS[key[0]] == "turn"}
        if not own:
            continue
        found = {key: c[k, 0] for key, c in own.items()}
        at = {N: np.mean([v for key, v in found.items() if key[2] == N]) for N in SIZES}
        print(f"{way:10s} detection {np.mean(list(found.values())):.3f};", *(f"N={N}: {v:.3f}" for N, v in at.items()))
        if way == "ellipsoid":
            turns = [c[k, 0] for key, c in own.items() if CLAIMS[key[0]] == "turn"]
            print(f"{'':10s} detection of generators alone {np.mean(turns or [np.nan]):.3f}")
        for i, text in ((1, "tolerance"), (2, "1.5 x tolerance")):
            wrong = [c[k, i] for c in own.values()]
            print(f"{'':10s} false at {text}: mean {np.mean(wrong):.4f}, worst cell {np.max(wrong):.3f}")


def figure(found: dict, path: str) -> None:
    from matplotlib.figure import Figure

    from symdyn.report import calibration, detection

    drawn = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = drawn.subplots(1, 2)
    names = {"exact": "exact symmetry (Wald)", "boundary": "defect at the tolerance"}
    calibration(left, {names[k]: np.array(p) for k, p in found["p"].items()})
    shares = {}
    for k, way in enumerate(("fixed beforehand", "chosen on a third", "ellipsoid")):
        own = {key: c[k, 0] for key, c in found["cells"].items() if k != 1 or CLAIMS[key[0]] == "turn"}
        shares[way] = [np.mean([v for key, v in own.items() if key[2] == N]) for N in SIZES]
    detection(right, SIZES, shares)
    drawn.savefig(path, dpi=120)


def runs_of(table: np.ndarray, exponents: np.ndarray, rng, runs: int = 30) -> np.ndarray:
    """Classical Runge-Kutta from uniform starts in the box: (runs, 151, n) in steps of 0.02."""
    x = rng.uniform(-1, 1, (runs, table.shape[1]))
    used = table.any(axis=1)
    table, exponents, places = table[used], exponents[used], np.arange(table.shape[1])

    def f(x):
        powers = np.stack([np.ones_like(x), x, x * x, x * x * x])
        return powers[exponents, :, places].prod(axis=1).T @ table

    out, h = [x], 0.004
    for _ in range(150):
        for _ in range(5):
            a = f(x)
            b = f(x + h / 2 * a)
            c = f(x + h / 2 * b)
            x = x + h / 6 * (a + 2 * b + 2 * c + f(x + h * c))
        out.append(x)
    return np.stack(out, axis=1)


def states_measured(repeats: int, tolerance: float, names, noises=(0.01, 0.03, 0.1)) -> dict:
    out = {}
    for name in names:
        case, index = Case(name, tolerance), list(SYSTEMS).index(name)
        clean = runs_of(case.laws[0.0], case.exponents, np.random.default_rng(1))
        case.on_domain(clean.reshape(-1, clean.shape[2])[::11])
        ways = {"weak": sd.WeakForm(), "differences": sd.FiniteDifference()}
        for noise in noises:
            counts, start = np.zeros((len(ways), 3, 3)), time.process_time()
            others = np.zeros((len(ways), len(OTHERS)))
            for r in range(repeats):
                rng = np.random.default_rng((17, index, r))
                for i, table in enumerate(case.laws.values()):
                    if i == 2:
                        continue
                    x = runs_of(table, case.exponents, rng)
                    x = x + noise * x.std(axis=(0, 1)) * rng.normal(size=x.shape)
                    times = 0.02 * np.arange(x.shape[1])
                    data = [{"time": times, **dict(zip(case.names, run.T, strict=True))} for run in x]
                    for j, way in enumerate(ways.values()):
                        if j and i:
                            continue
                        settings = settings_of(library=sd.Monomials(3), differentiation=way)
                        found, *_ = of_data(data, settings)
                        counts[j, 0, i] += support(found, case.what, LEVEL, tolerance) <= LEVEL
                        if i == 0:
                            others[j] += [support(found, case.what, LEVEL, t) <= LEVEL for t in OTHERS]
                        ball = over_ellipsoid(found, case.claim, case.what, LEVEL, tolerance)
                        counts[j, 2, i] += ball.upper < tolerance
                        if case.span is not None:
                            n = len(found.moments.blocks)
                            first = np.arange(n) % 3 == 0
                            kept = case.split((found.part(first), found.part(~first)), tolerance)
                            near = [case.defect(table, w) <= tolerance for w in kept]
                            counts[j, 1, i] += any(near) if i == 0 else not all(near)
            out[name, noise] = counts / repeats
            for way, c in zip(ways, counts / repeats, strict=True):
                print(
                    f"{name:12s} {noise:5g} {way:12s} one {c[0, :2]}, split {c[1, :2]}, ellipsoid {c[2, :2]}",
                    flush=True,
                )
            print(f"{'':18s} one, at tolerances {OTHERS}: {(others / repeats).tolist()}")
            print(f"{'':18s} {(time.process_time() - start) / repeats:.2f} s a repeat", flush=True)
    return out


def states_summary(out: dict) -> None:
    for j, way in enumerate(("weak", "differences")):
        for k, test in enumerate(("one", "split", "ellipsoid")):
            own = {key: c[j, k] for key, c in out.items() if k != 1 or CLAIMS[key[0]] == "turn"}
            for noise in sorted({key[1] for key in own}):
                some = np.array([c for key, c in own.items() if key[1] == noise])
                print(f"{way:12s} {test:10s} noise {noise:g}: detection {some[:, 0].mean():.3f} (worst "
                      f"{some[:, 0].min():.2f})" + ("" if j else f"; false at the tolerance {some[:, 1].mean():.3f} "
                      f"(worst {some[:, 1].max():.2f})"))  # fmt: skip


def misfit() -> None:
    """p-values of the test of misfit, for Van der Pol and a library that holds the law (degree 3) or does not."""
    for degree, noise, repeats in ((3, 0.1, 150), (2, 0.1, 40), (2, 0.3, 40)):
        p_values = []
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            x = rng.uniform(-1, 1, (400, 2))
            rates = np.stack([x[:, 1], -x[:, 0] + x[:, 1] - x[:, 0] ** 2 * x[:, 1]], -1)
            data = {"time": np.arange(400.0), "x": x, "dx": rates + noise * rng.normal(size=x.shape)}
            options = settings_of(library=sd.Monomials(degree), rates={"x": "dx"}, rate_of="x")
            p_values.append(fitness(*of_data(data, options)).p_value)  # pyright: ignore[reportOptionalMemberAccess]
        shares = [f"{np.mean(np.array(p_values) < level):.3f} below {level}" for level in (0.1, 0.05, 0.001)]
        print(f"degree {degree}, noise {noise}:", ", ".join(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--tolerance", type=float, default=0.03)
    parser.add_argument("--states", action="store_true")
    parser.add_argument("--misfit", action="store_true")
    parser.add_argument("--figure", default="")
    args = parser.parse_args()
    start = time.process_time()
    if args.misfit:
        misfit()
        return
    if args.states:
        states_summary(states_measured(args.repeats, args.tolerance, args.systems))
        print(f"{time.process_time() - start:.0f} s of processor time")
        return
    found = rates_measured(args.repeats, args.tolerance, args.systems)
    summary(found["cells"])
    if args.figure:
        figure(found, args.figure)
    print(f"{time.process_time() - start:.0f} s of processor time")


if __name__ == "__main__":
    main()
