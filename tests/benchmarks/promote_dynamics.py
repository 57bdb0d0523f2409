"""Promoted, enforced and unconstrained laws while a symmetry is broken more and more.

Each system has a symmetry that a term of size epsilon breaks. States are drawn where the system lives, rates carry
noise of a share of their size. Three laws from the same data by `identify`, with everything else at its defaults:
without symmetry, with the symmetry enforced, and with `promote=` a larger algebra (translations, rotations, ... ) that
says nothing of which part holds. The error is that of all coefficients, each times the root mean square of its term;
medians over noise draws, with the share of draws in which as much was kept as is true. "of better" is the median error
of the promoted law over that of the better of the other two.

    python tests/benchmarks/promote_dynamics.py hopf oscillator kepler springs --draws 20
    python tests/benchmarks/promote_dynamics.py hopf --sweep samples noise candidates
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import symdyn as sd
from symdyn._types import double_precision

EPSILONS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class System:
    """`states`: from a generator and a number to a dict of arrays (m, k); `rates`: from these and epsilon, by target;
    `kinematics`: rates that the state holds already; `true`: the symmetry; `candidates`: what is promoted, by name,
    the first one in the table of epsilons."""

    states: Callable
    rates: Callable
    kinematics: dict[str, str]
    library: Any
    true: Any
    candidates: dict[str, Any]
    noise: float = 0.1


def hopf_rates(s, eps):
    x = s["x"]
    out = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True))
    out[:, 0] += eps * x[:, 0] ** 2
    return {"x": out}


def oscillator_rates(s, eps):
    out = -s["x"] - 0.3 * s["v"]
    out[:, 0] -= eps * s["x"][:, 0]
    return {"v": out}


def kepler_rates(s, eps):
    out = -s["x"] / np.linalg.norm(s["x"], axis=1, keepdims=True) ** 3
    out[:, 0] += 0.5 * eps
    return {"v": out}


def springs_rates(s, eps):
    """The double spring pendulum; epsilon is a wind along x beside gravity along z."""
    x1, arm = s["x1"], s["x2"] - s["x1"]
    pull1 = (1 - 1 / np.linalg.norm(x1, axis=1, keepdims=True)) * x1
    pull2 = 2 * (1 - 1 / np.linalg.norm(arm, axis=1, keepdims=True)) * arm
    outside = np.array([0.5 * eps, 0.0, -1.0])
    return {"p1": outside - pull1 + pull2, "p2": outside - pull2}


def kepler_terms(state):
    x = state["x"]
    r = jnp.sqrt(jnp.sum(x**2))
    return jnp.concatenate([jnp.ones(1), x, x / r**2, x / r**3, x / r**4])


def springs_terms(state):
    x1, arm = state["x1"], state["x2"] - state["x1"]
    units = x1 / jnp.sqrt(jnp.sum(x1**2)), arm / jnp.sqrt(jnp.sum(arm**2))
    return jnp.concatenate([jnp.ones(1), x1, arm, *units])


def names(axes: str, *parts: str) -> tuple[str, ...]:
    return ("1", *(f"({part})_{a}" for part in parts for a in axes))


def ring(rng, m):
    angle, r = rng.uniform(0, 2 * np.pi, m), rng.uniform(0.6, 1.6, m)
    return {"x": np.stack([r * np.cos(angle), r * np.sin(angle)], -1), "v": rng.normal(size=(m, 2))}


def pendulum(rng, m):
    places = {"x1": np.array([0, 0, -1.5]), "x2": np.array([0, 0, -3.0])}
    out = {name: place + 0.4 * rng.normal(size=(m, 3)) for name, place in places.items()}
    return {**out, "p1": rng.normal(size=(m, 3)), "p2": rng.normal(size=(m, 3))}


def plane(group):
    return group.acting_on(x=sd.Vector, v=sd.Vector)


UPRIGHT = sd.Action.polynomial(
    {
        "turn": {
            f"{n}_{a}": f"{sign}{n}_{b}"
            for n in ("x1", "x2", "p1", "p2")
            for a, sign, b in (("x", "-", "y"), ("y", "", "x"))
        }
    }
)
BALL = sd.SO(3).acting_on(x1=sd.Vector, x2=sd.Vector, p1=sd.Vector, p2=sd.Vector)

SYSTEMS = {
    "hopf": System(
        lambda rng, m: {"x": rng.uniform(-1, 1, (m, 2))}, hopf_rates, {}, sd.Monomials(3),
        sd.SO(2).acting_on(x=sd.Vector),
        {"se(2)": sd.SE(2), "so(2)": sd.SO(2), "aff(2)": sd.Aff(2), "t(2), wrong": sd.T(2), "sl(2)": sd.SL(2)},
    ),
    "oscillator": System(
        lambda rng, m: {"x": rng.normal(size=(m, 2)), "v": rng.normal(size=(m, 2))}, oscillator_rates, {"x": "v"},
        sd.Monomials(2), plane(sd.SO(2)),
        {"gl(2)": plane(sd.GL(2)), "so(2)": plane(sd.SO(2)), "t(2), wrong": sd.T(2).acting_on(x=sd.Point, v=sd.Vector)},
    ),
    "kepler": System(
        ring, kepler_rates, {"x": "v"}, sd.Function(kepler_terms, names("xy", "x", "x/r^2", "x/r^3", "x/r^4")),
        plane(sd.SO(2)), {"gl(2)": plane(sd.GL(2)), "so(2)": plane(sd.SO(2))}, 0.05,
    ),
    "springs": System(
        pendulum, springs_rates, {"x1": "p1", "x2": "p2"},
        sd.Function(springs_terms, names("xyz", "x1", "x2 - x1", "x1/|x1|", "arm/|arm|")), UPRIGHT, {"so(3)": BALL},
        0.05,
    ),
}  # fmt: skip


def drawn(system: System, eps: float, seed: int, samples: int, noise: float):
    """Data with measured rates, and the coefficients behind them (p, d), from many clean states."""
    rng = np.random.default_rng(seed)
    states = system.states(rng, samples)
    data: dict[str, Any] = {"time": np.arange(float(samples)), **states}
    for name, clean in system.rates(states, eps).items():
        size = np.sqrt(np.mean(clean**2))
        data[f"rate of {name}"] = clean + noise * size * rng.normal(size=clean.shape)
    targets = tuple(system.rates(states, eps))
    rates = {**system.kinematics, **{name: f"rate of {name}" for name in targets}}
    return data, {"library": system.library, "rates": rates, "rate_of": targets}


def truth(system: System, law, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (p, d) and the sizes (p, 1) of the terms, by least squares on clean states."""
    states = system.states(np.random.default_rng(12345), 3000)
    flat = np.concatenate([states[name] for name in law.model.space.names], axis=1)
    with double_precision():
        theta = np.asarray(jax.vmap(law.model.terms)(jnp.asarray(flat)))
    rates = np.concatenate([*system.rates(states, eps).values()], axis=1)
    return np.linalg.lstsq(theta, rates, rcond=None)[0], np.sqrt(np.mean(theta**2, axis=0))[:, None]


def laws(system: System, eps: float, seed: int, samples: int, noise: float, candidates) -> dict[str, tuple]:
    """(error, CPU seconds) of each law, and what was kept."""
    data, options = drawn(system, eps, seed, samples, noise)
    out: dict[str, Any] = {}
    for name, more in (("free", {}), ("enforced", {"action": system.true}), ("promoted", {"promote": candidates})):
        started = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            law = sd.identify(data, **options, **more)
        spent = time.process_time() - started
        expected, sizes = truth(system, law, eps)
        error = np.linalg.norm((law.coefficients - expected) * sizes) / np.linalg.norm(expected * sizes)
        out[name] = (float(error), spent)
        if name == "promoted":
            kept = law.settings.action
            same = kept is not None and law.stats.free == out["dimension"]
            out["kept"] = "true" if same else "none" if kept is None else "other"
        if name == "enforced":
            out["dimension"] = law.stats.free
    return out


def row(system: System, eps: float, samples: int, noise: float, candidates, draws: int) -> str:
    found = [laws(system, eps, seed, samples, noise, candidates) for seed in range(draws)]
    arms = {name: np.array([f[name][0] for f in found]) for name in ("free", "enforced", "promoted")}
    medians = {name: float(np.median(values)) for name, values in arms.items()}
    better = min(medians["free"], medians["enforced"])
    low, high = np.quantile(arms["promoted"], [0.25, 0.75])
    kept = np.mean([f["kept"] == "true" for f in found])
    spent = np.median([f["promoted"][1] for f in found])
    return (
        f"{medians['free']:9.4f} {medians['enforced']:9.4f} {medians['promoted']:9.4f} [{low:.4f} {high:.4f}]"
        f" {medians['promoted'] / better:9.2f} {kept:9.2f} {spent:8.1f}"
    )


HEAD = "     free  enforced  promoted [quartiles]      of better  kept true  CPU s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS))
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--epsilons", type=float, nargs="+", default=list(EPSILONS))
    parser.add_argument("--sweep", nargs="*", default=[], choices=["samples", "noise", "candidates"])
    options = parser.parse_args()
    for name in options.systems:
        system = SYSTEMS[name]
        label, first = next(iter(system.candidates.items()))
        if not options.sweep:
            print(f"{name}: {options.samples} samples, noise {system.noise:g}, promoted {label}\n epsilon {HEAD}")
        for eps in () if options.sweep else options.epsilons:
            print(f"{eps:8g} {row(system, eps, options.samples, system.noise, first, options.draws)}", flush=True)
        if "samples" in options.sweep:
            print(f"{name}, epsilon 0, noise {system.noise:g}\n samples {HEAD}")
            for m in (15, 30, 60, 120, 240):
                print(f"{m:8d} {row(system, 0.0, m, system.noise, first, options.draws)}", flush=True)
        if "noise" in options.sweep:
            print(f"{name}, epsilon 0, {options.samples} samples\n   noise {HEAD}")
            for noise in (0.01, 0.03, 0.1, 0.3, 1.0):
                print(f"{noise:8g} {row(system, 0.0, options.samples, noise, first, options.draws)}", flush=True)
        if "candidates" in options.sweep:
            print(f"{name}, epsilon 0, {options.samples} samples, noise {system.noise:g}\ncandidates {HEAD}")
            for label, candidates in system.candidates.items():
                line = row(system, 0.0, options.samples, system.noise, candidates, options.draws)
                print(f"{label:12s} {line}", flush=True)


if __name__ == "__main__":
    main()
