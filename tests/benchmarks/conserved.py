"""`symdyn.conserved_quantities` on systems with and without conserved quantities: all found, none invented?

    python tests/benchmarks/conserved.py                    # from data: noise 0, 1, 5 and 10 %, 60 trajectories each
    python tests/benchmarks/conserved.py --laws             # from the laws
    python tests/benchmarks/conserved.py --noise 0.1 --only kepler --seeds 3

A true quantity counts as found where polynomials of those found give it to 2 % of its spread; one that was found counts
as invented where, on clean trajectories that nothing was fitted on, its departures from its mean along a trajectory
exceed 10 % of its spread between trajectories. Noise is white, with a standard deviation of that share of the root mean
square of each variable. "true drift" is the worst of those found, on the clean trajectories; "reported" and "floor" are
the program's own drift and noise floor of the same one, on the noisy trajectories that it held out. "next" is the drift
of the next combination of the library, as a share of its spread, before products are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.library import AbstractLibrary
from symdyn.symmetry.conserved.null_space import products

TRAJECTORIES = 60


@dataclass(frozen=True)
class Case:
    """A system: its rates (state by name), how to start, the times, the library, and its conserved quantities."""

    name: str
    variables: tuple[str, ...]
    rates: Callable
    start: Callable
    times: np.ndarray
    library: AbstractLibrary
    true: tuple[Callable, ...] = ()

    @property
    def space(self) -> sd.StateSpace:
        return sd.StateSpace.of(**dict.fromkeys(self.variables, 1))

    def run(self, count: int, seed: int) -> np.ndarray:
        """Clean trajectories (count, t, n)."""
        rng, span = np.random.default_rng(seed), (self.times[0], self.times[-1])
        out = []
        while len(out) < count:
            start = np.asarray(self.start(rng), float)
            found = solve_ivp(
                lambda t, x: np.array(self.rates(np, *x)), span, start, "DOP853", self.times, rtol=1e-10, atol=1e-12
            )
            if found.success and np.abs(found.y).max() < 1e3:  # a start beyond the escape energy is drawn anew
                out.append(found.y.T)
        return np.array(out)


def function(texts: tuple[str, ...], values: Callable) -> sd.Function:
    """Terms of the state by name."""
    return sd.Function(lambda s: jnp.stack(values(s)), texts)


def _box(low, high):
    return lambda rng: rng.uniform(low, high)


def _kepler_start(rng):
    a, e = rng.uniform(0.7, 1.5), rng.uniform(0.0, 0.5)
    angle, turn = rng.uniform(0, 2 * np.pi), rng.choice([-1.0, 1.0])
    q, v = a * (1 - e), turn * np.sqrt((1 + e) / (a * (1 - e)))
    c, s = np.cos(angle), np.sin(angle)
    return q * c, q * s, -v * s, v * c


def _radius(xp, *parts):
    return xp.sqrt(sum(p * p for p in parts))


def _springs(xp, a, b, c, d, p, q, r, s):
    """Two unit masses in a plane, on springs of length 1 and stiffness 3, the first one hung from the origin."""
    l1, l2 = _radius(xp, a, b), _radius(xp, c - a, d - b)
    f1, f2 = 3 * (l1 - 1) / l1, 3 * (l2 - 1) / l2
    return p, q, r, s, -f1 * a + f2 * (c - a), -f1 * b + f2 * (d - b) - 1, -f2 * (c - a), -f2 * (d - b) - 1


def _springs_start(rng):
    u = rng.uniform(-1.2, 1.2, 2)
    x, y = np.sin(u[0]), -1.2 * np.cos(u[0])
    return x, y, x + np.sin(u[1]), y - 1.2 * np.cos(u[1]), *rng.uniform(-0.5, 0.5, 4)


def _duffing_start(rng):
    size, angle = rng.uniform(0.5, 1.5), rng.uniform(0, 2 * np.pi)
    return *rng.uniform(-1.2, 1.2, 2), size * np.cos(angle), size * np.sin(angle)


_SPRINGS = ("a", "b", "c", "d", "p", "q", "r", "s")
_HALF = function(
    ("|1|", "|2|"),
    lambda s: (_radius(jnp, s["a"], s["b"]), _radius(jnp, s["c"] - s["a"], s["d"] - s["b"])),
)
_INVERSE = function(
    ("1/r", "x/r", "y/r"), lambda s: [k / _radius(jnp, s["x"], s["y"]) for k in (jnp.ones(()), s["x"], s["y"])]
)

CASES = (
    Case(
        "harmonic oscillator", ("x", "v"), lambda xp, x, v: (v, -2 * x), _box([-1.5, -1.5], [1.5, 1.5]),
        np.linspace(0, 12, 200), sd.Monomials(4), (lambda x, v: 2 * x**2 + v**2,),
    ),
    Case(
        "pendulum", ("x", "v"), lambda xp, x, v: (v, -xp.sin(x)), _box([-2.2, -0.8], [2.2, 0.8]),
        np.linspace(0, 20, 250), sd.Monomials(3) + sd.Elementary(("sin", "cos"), variables=("x",)),
        (lambda x, v: v**2 / 2 - np.cos(x),),
    ),
    Case(
        "Lotka-Volterra", ("x", "y"), lambda xp, x, y: (x * (1 - y), 0.7 * y * (x - 1)), _box([0.5, 0.5], [2.0, 1.5]),
        np.linspace(0, 20, 300), sd.Monomials(2) + sd.Elementary("log"),
        (lambda x, y: 0.7 * (x - np.log(x)) + y - np.log(y),),
    ),
    Case(
        "rigid body", ("x", "y", "z"), lambda xp, x, y, z: (y * z / 3, -x * z, x * y), _box([-1.5] * 3, [1.5] * 3),
        np.linspace(0, 25, 300), sd.Monomials(4),
        (lambda x, y, z: 3 * x**2 + y**2, lambda x, y, z: y**2 + z**2),
    ),
    Case(
        "Kepler", ("x", "y", "v", "w"),
        lambda xp, x, y, v, w: (v, w, -x / _radius(xp, x, y) ** 3, -y / _radius(xp, x, y) ** 3), _kepler_start,
        np.linspace(0, 12, 300), sd.Monomials(3) + _INVERSE,
        (
            lambda x, y, v, w: x * w - y * v, lambda x, y, v, w: (v**2 + w**2) / 2 - 1 / np.hypot(x, y),
            lambda x, y, v, w: w * (x * w - y * v) - x / np.hypot(x, y),
            lambda x, y, v, w: -v * (x * w - y * v) - y / np.hypot(x, y),
        ),
    ),
    Case(
        "Henon-Heiles", ("x", "y", "p", "q"), lambda xp, x, y, p, q: (p, q, -x - 2 * x * y, -y - x**2 + y**2),
        _box([-0.35] * 4, [0.35] * 4), np.linspace(0, 30, 300), sd.Monomials(3),
        (lambda x, y, p, q: (x**2 + y**2 + p**2 + q**2) / 2 + x**2 * y - y**3 / 3,),
    ),
    Case(
        "double spring pendulum", _SPRINGS, _springs, _springs_start, np.linspace(0, 15, 300), sd.Monomials(2) + _HALF,
        (
            lambda a, b, c, d, p, q, r, s: (p**2 + q**2 + r**2 + s**2) / 2 + b + d
            + 1.5 * ((np.hypot(a, b) - 1) ** 2 + (np.hypot(c - a, d - b) - 1) ** 2),
        ),
    ),
    Case(
        "plane oscillator", ("x", "y", "p", "q"), lambda xp, x, y, p, q: (p, q, -x, -y), _box([-1] * 4, [1] * 4),
        np.linspace(0, 12, 200), sd.Monomials(3),
        (
            lambda x, y, p, q: x * q - y * p, lambda x, y, p, q: x**2 + p**2, lambda x, y, p, q: y**2 + q**2,
            lambda x, y, p, q: x * y + p * q,
        ),
    ),
    Case(
        "Lorenz", ("x", "y", "z"), lambda xp, x, y, z: (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z),
        _box([-15, -15, 5], [15, 15, 40]), np.linspace(0, 5, 500), sd.Monomials(4),
    ),
    Case(
        "Roessler", ("x", "y", "z"), lambda xp, x, y, z: (-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)),
        _box([-6, -6, 0], [6, 6, 1]), np.linspace(0, 25, 500), sd.Monomials(4),
    ),
    Case(
        "Van der Pol", ("x", "y"), lambda xp, x, y: (y, (1 - x**2) * y - x), _box([-3, -3], [3, 3]),
        np.linspace(0, 15, 300), sd.Monomials(4),
    ),
    Case(
        "damped oscillator", ("x", "y"), lambda xp, x, y: (y, -x - 0.1 * y), _box([-2, -2], [2, 2]),
        np.linspace(0, 15, 250), sd.Monomials(4) + sd.Elementary(("sin", "cos")),
    ),
    Case(
        "damped pendulum", ("x", "v"), lambda xp, x, v: (v, -xp.sin(x) - 0.03 * v), _box([-2.2, -0.8], [2.2, 0.8]),
        np.linspace(0, 20, 250), sd.Monomials(3) + sd.Elementary(("sin", "cos"), variables=("x",)),
    ),
    Case(
        "driven Duffing", ("x", "v", "c", "s"), 
        lambda xp, x, v, c, s: (v, x - x**3 - 0.2 * v + 0.3 * c, -1.2 * s, 1.2 * c),
        _duffing_start, np.linspace(0, 20, 300), sd.Monomials(3), (lambda x, v, c, s: c**2 + s**2,),
    ),
)  # fmt: skip


def judge(case: Case, found: sd.ConservedQuantities, clean: np.ndarray) -> tuple[int, int, np.ndarray]:
    """How many true ones were found, how many were invented, and the true drifts of those found."""
    states = clean.reshape(-1, clean.shape[-1])
    values = np.array([q.at(states).reshape(clean.shape[:2]) for q in found]).reshape(-1, *clean.shape[:2])
    spread = values.mean(2).std(1)
    drifts = np.sqrt(values.var(2).mean(1)) / spread
    good = values[drifts < 0.1]
    hit = 0
    for true in case.true:
        wanted = np.array([np.mean(true(*run.T)) for run in clean])
        if len(good):
            table = products(good.mean(2).T, 30)
            left = wanted - table @ np.linalg.lstsq(table, wanted, rcond=1e-10)[0]
            hit += int(left.std() < 0.02 * wanted.std())
    return hit, int((drifts >= 0.1).sum()), drifts


def from_data(noises, seeds: int, only: str, verbose: bool) -> None:
    print(f"{'system':23s} {'noise':>5s} {'found':>6s} {'invented':>8s} {'true drift':>10s} {'reported':>9s} "
          f"{'floor':>8s} {'next':>7s} {'terms':>6s} {'CPU s':>6s}")  # fmt: skip
    total = np.zeros((len(noises), 3), int)
    for case in CASES:
        if only.lower() not in case.name.lower():
            continue
        for seed in range(seeds):
            clean, fresh = case.run(TRAJECTORIES, 10 + seed), case.run(60, 1000 + seed)
            for i, noise in enumerate(noises):
                sigma = noise * np.sqrt((clean**2).mean((0, 1)))
                noisy = clean + sigma * np.random.default_rng(seed).normal(size=clean.shape)
                start = time.process_time()
                found = sd.conserved_quantities(_dataset(case, noisy), library=case.library)
                spent = time.process_time() - start
                hit, invented, drifts = judge(case, found, fresh)
                total[i] += hit, len(case.true), invented
                row = f"{case.name:23s} {noise:5.0%} {hit:3d}/{len(case.true)} {invented:9d} "
                measured = found[int(np.argmax(drifts))].drift if len(found) else None
                if measured is not None:
                    row += f"{drifts.max():11.1e} {measured.size:9.1e} {measured.floor:8.1e}"
                else:
                    row += " " * 30
                left = found.spectrum[len(found) :]
                row += f" {left[0]:7.2g}" if len(left) else " " * 8
                print(row + f" {found.spectrum.size:6d} {spent:6.1f}", flush=True)
                if verbose:
                    print(found, flush=True)
    for noise, (hit, true, invented) in zip(noises, total, strict=True):
        print(f"noise {noise:.0%}: found {hit} of {true}, invented {invented}")


def _dataset(case: Case, values: np.ndarray):
    import xarray as xr

    dims = ("trajectory", "time")
    coords = {"time": ("time", case.times, {"axis": "T"}),
              "trajectory": ("trajectory", np.arange(len(values)), {"cf_role": "trajectory_id"})}  # fmt: skip
    return xr.Dataset({name: (dims, values[..., k]) for k, name in enumerate(case.variables)}, coords)


def from_laws(only: str) -> None:
    for case in CASES:
        if only.lower() in case.name.lower():
            start = time.process_time()
            points = case.run(30, 5)[:, ::20].reshape(-1, len(case.variables))
            found = sd.conserved_quantities(
                lambda x, case=case: jnp.stack(case.rates(jnp, *x)),
                library=case.library,
                space=case.space,
                points=points,
            )
            print(f"{case.name} ({time.process_time() - start:.1f} s): {found}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laws", action="store_true")
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.01, 0.05, 0.1])
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    if given.laws:
        from_laws(given.only)
    else:
        from_data(given.noise, given.seeds, given.only, given.verbose)
