"""Networks with the structure of mechanics beside plain ones: energy over 100 periods; a missing term recovered.

    python tests/benchmarks/structured_networks.py pendulum bodies friction --seeds 3 --out found.jsonl
    python tests/benchmarks/structured_networks.py term --draws 20 --noise 0.01 0.05 --out term.jsonl
    python tests/benchmarks/structured_networks.py --table found.jsonl --figure energy.png

`pendulum`: two rods of length 1 with masses 1 under g = 1, at most 60 degrees out; canonical momenta for H. `bodies`:
three bodies of mass 1 in the plane, bound by -1 / sqrt(r^2 + 0.25). All networks see the same 1500 exact states and
rates (30 trajectories of 50), and take 2000 steps of Adam on 128 of them in float32. Energy is the true one, along five
fresh trajectories over 100 periods (of small swings, of the circle of the bodies), by Dopri8 at rtol 1e-8; the drift is
the largest departure from the start as a share of the energy's range in the data. The error is that of the states over
the first period, relative to their spread. "projected plain" is the plain network with the true energy given to
`simulate(conserved=...)`; "leapfrog" the invariant Hamiltonian by `Symplectic(2)`, 40 steps a period.

`friction`: the pendulum with a torque of -0.1 times each momentum: how often, and by how much, the energy rises.

`term`: x'' = -x is known, -0.3 |x|^2 x + 0.5 J x' missing (both turn with the plane); states with noise. The
remainder is a network, and its equation comes from `distil`: without symmetry, with so(2) enforced in network and
library, and with what `find_symmetries` says of a plain network. Beside them `identify(known=...)` without a network.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

import symdyn as sd

PERIODS, PER_PERIOD = 100, 8
COLOURS = ("plain", "projected plain", "hamiltonian", "invariant hamiltonian", "leapfrog")


def pendulum_energy(q, p):
    """H of angles q (2,) and momenta p (2,): rods and masses of one, g = 1."""
    c, s = jnp.cos(q[0] - q[1]), jnp.sin(q[0] - q[1])
    return (p[0] ** 2 + 2 * p[1] ** 2 - 2 * p[0] * p[1] * c) / (2 * (1 + s**2)) - 2 * jnp.cos(q[0]) - jnp.cos(q[1])


def bodies_energy(q, p):
    """H of three bodies in the plane, q and p (6,)."""
    x = q.reshape(3, 2)
    pairs = ((0, 1), (0, 2), (1, 2))
    return 0.5 * jnp.sum(p**2) - sum(1 / jnp.sqrt(jnp.sum((x[i] - x[j]) ** 2) + 0.25) for i, j in pairs)


def truth(energy, size: int, damping: float = 0.0) -> sd.NeuralLaw:
    """The true law, of the same form as the networks."""

    def rates(x):
        q, p = jnp.split(x, 2)
        dq, dp = jax.grad(energy, argnums=(0, 1))(q, p)
        return jnp.concatenate([dp, -dq - damping * p])

    return sd.NeuralLaw(rates, space_of(size), ("q", "p"))


def space_of(size: int) -> sd.StateSpace:
    if size == 2:
        return sd.StateSpace.of(q=2, p=2)
    form = ("body", "component"), (("0", "1", "2"), ("x", "y"))
    return sd.StateSpace((sd.Variable("q", *form), sd.Variable("p", *form)))


def pendulum_starts(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(-np.pi / 3, np.pi / 3, (count, 2)), 0.3 * rng.normal(size=(count, 2))], axis=1)


def bodies_starts(count: int, seed: int) -> np.ndarray:
    """Near the circle of radius 1, at rest in the mean."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(3) / 3
    place = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.15 * rng.normal(size=(count, 3, 2))
    speed = np.sqrt(3 / (3.25) ** 1.5)  # of the circle: the pull of two bodies at distance sqrt(3)
    velocity = speed * np.stack([-np.sin(angle), np.cos(angle)], 1) + 0.05 * rng.normal(size=(count, 3, 2))
    velocity -= velocity.mean(axis=1, keepdims=True)
    return np.concatenate([place.reshape(count, 6), velocity.reshape(count, 6)], axis=1)


SYSTEMS = {
    "pendulum": (pendulum_energy, 2, pendulum_starts, 2 * np.pi / np.sqrt(2 - np.sqrt(2)), 40.0),
    "bodies": (bodies_energy, 6, bodies_starts, 2 * np.pi / np.sqrt(3 / 3.25**1.5), 20.0),
}


def trajectories(law, starts: np.ndarray, times: np.ndarray, size: int, **options) -> np.ndarray:
    run = sd.simulate(law, starts, times, max_steps=2_000_000, **options)
    parts = [run[name].values.reshape(len(starts), len(times), size) for name in ("q", "p")]
    return np.concatenate(parts, axis=-1)


def dataset(law, starts: np.ndarray, times: np.ndarray, size: int):
    """States and exact rates, trajectories of few samples each."""
    x = trajectories(law, starts, times, size, rtol=1e-9)
    with jax.enable_x64(True):
        rates = np.asarray(jax.vmap(jax.vmap(law.rate))(jnp.asarray(x)))
    named = {"q": x[..., :size], "p": x[..., size:], "dq": rates[..., :size], "dp": rates[..., size:]}
    shape, dims = space_of(size)["q"].shape, space_of(size)["q"].dims
    table = {n: (("trajectory", "time", *dims), v.reshape(*v.shape[:2], *shape)) for n, v in named.items()}
    labels = dict(zip(dims, map(list, space_of(size)["q"].labels), strict=True))
    return xr.Dataset(table, coords={"time": ("time", times, {"units": "1"}), **labels}), x


READING = {"rates": {"q": "dq", "p": "dp"}, "rate_of": ("q", "p"), "trajectories": ("trajectory",)}


def networks(system: str, size: int, key) -> dict[str, sd.NeuralLaw]:
    space = space_of(size)
    made = {
        "plain": sd.NeuralLaw.of(space, None, (64, 64), key=key),
        "hamiltonian": sd.NeuralLaw.of(space, None, (64, 64), kind="hamiltonian", pairs={"q": "p"}, key=key),
    }
    if system == "bodies":
        swap = sd.Along(sd.Vector, "body")
        turn = sd.SE(2).acting_on(q=sd.Point, p=sd.Vector) + sd.Permutations(3).acting_on(q=swap, p=swap)
        made["invariant hamiltonian"] = sd.NeuralLaw.of(
            space, turn, (8, 8), kind="hamiltonian", pairs={"q": "p"}, separable=True, key=key
        )
    return made


def angular(states: np.ndarray, size: int) -> np.ndarray:
    """Total angular momentum of three bodies."""
    x, p = states[..., :size].reshape(*states.shape[:-1], -1, 2), states[..., size:].reshape(*states.shape[:-1], -1, 2)
    return (x[..., 0] * p[..., 1] - x[..., 1] * p[..., 0]).sum(-1)


def conservation(system: str, options) -> list[dict]:
    energy, size, starts, period, span = SYSTEMS[system]
    law = truth(energy, size)
    data, seen = dataset(law, starts(30, 0), np.linspace(0, span, 50), size)
    fresh = starts(5, 1)
    long = np.linspace(0, PERIODS * period, PERIODS * PER_PERIOD + 1)
    short = np.linspace(0, period, 17)
    true = trajectories(law, fresh, short, size, rtol=1e-9)
    E = jax.jit(jax.vmap(lambda x: energy(x[:size], x[size:])))
    spread, rows = np.ptp(np.asarray(E(seen.reshape(-1, 2 * size)))), []
    every = {name: [networks(system, size, jax.random.key(k))[name] for k in range(options.seeds)]
             for name in networks(system, size, jax.random.key(0)) if name in options.networks}  # fmt: skip
    for name, laws in every.items():
        begun = time.process_time()
        done = sd.train(
            laws, data, steps=options.steps, batch=options.batch, every=500, learning_rate=options.rate, **READING
        )
        spent = time.process_time() - begun
        for seed, found in enumerate(done.laws):
            rows.append({"system": system, "network": name, "seed": seed, "parameters": found.parameters,
                         "seconds": spent / len(laws), "loss": float(done.history.loss[seed, -1])})  # fmt: skip
            rows[-1] |= measured(found, fresh, long, short, true, size, E, spread, system)
            others = {
                "plain": ("projected plain", {"conserved": lambda x: energy(x[:size], x[size:])}),
                "invariant hamiltonian": ("leapfrog", {"method": sd.Symplectic(2), "step": period / 40}),
            }
            if name in others:
                other, way = others[name]
                base = {k: rows[-1][k] for k in ("system", "seed", "parameters", "loss")}
                rows.append({**base, "network": other})
                rows[-1] |= measured(found, fresh, long, short, true, size, E, spread, system, **way)
            print(system, name, seed, f"{time.process_time() - begun:.0f} s", flush=True)
    return rows


def measured(found, fresh, long, short, true, size, E, spread, system, **options) -> dict:
    """Drift of the true energy over the long times and error over the short ones."""
    try:
        near = trajectories(found, fresh, short, size, rtol=1e-8, **options)
        error = float(np.sqrt(np.mean((near - true) ** 2) / np.var(true, axis=(0, 1)).mean()))
        x = trajectories(found, fresh, long, size, rtol=1e-8, **options)
    except sd.SymdynError as fault:
        return {"drift": None, "error": None, "fault": str(fault)[:80]}
    with jax.enable_x64(True):
        e = np.asarray(E(jnp.asarray(x.reshape(-1, 2 * size)))).reshape(x.shape[:2])
    off = np.abs(e - e[:, :1]).max(axis=1) / spread
    out = {"drift": float(np.median(off)), "worst": float(off.max()), "error": error}
    out["curve"] = (np.median(np.abs(e - e[:, :1]), axis=0) / spread)[::PER_PERIOD].tolist()
    if hasattr(found.network, "energy") and not options:
        own = np.asarray(jax.vmap(found.energy)(x[0]), float)
        out["own"] = float(np.ptp(own) / spread)
    if system == "bodies":
        L = angular(x, size)
        out["momentum"] = float(np.abs(L - L[:, :1]).max() / np.abs(L[:, 0]).mean())
    return out


def friction(options) -> list[dict]:
    """A pendulum that loses energy."""
    energy, size, starts, period, span = SYSTEMS["pendulum"]
    law, space = truth(energy, size, 0.1), sd.StateSpace.of(q=2, p=2)
    data, seen = dataset(law, starts(30, 0), np.linspace(0, span, 50), size)
    fresh, times = starts(5, 1), np.linspace(0, PERIODS * period, PERIODS * PER_PERIOD + 1)
    E = jax.jit(jax.vmap(lambda x: energy(x[:size], x[size:])))
    spread, rows = np.ptp(np.asarray(E(seen.reshape(-1, 4)))), []
    kinds = {
        "plain": lambda key: sd.NeuralLaw.of(space, None, (64, 64), key=key),
        "dissipative": lambda key: sd.NeuralLaw.of(
            space, None, (64, 64), kind="dissipative", pairs={"q": "p"}, key=key
        ),
    }
    for name, made in kinds.items():
        laws = [made(jax.random.key(k)) for k in range(options.seeds)]
        done = sd.train(
            laws, data, steps=options.steps, batch=options.batch, every=500, learning_rate=options.rate, **READING
        )
        for seed, found in enumerate(done.laws):
            x = trajectories(found, fresh, times, size, rtol=1e-8)
            e = np.asarray(E(x.reshape(-1, 4))).reshape(x.shape[:2])
            rest = float(np.abs(x[:, -1]).max())
            row = {"system": "friction", "network": name, "seed": seed, "parameters": found.parameters}
            row |= {"loss": float(done.history.loss[seed, -1]), "rest": rest, "final": float((e[:, -1] + 3).max())}
            row["rises"] = float(np.diff(e, axis=1).max() / spread)
            if name == "dissipative":
                own = np.asarray(jax.vmap(jax.vmap(found.energy))(x), float)
                row["own_rises"] = float(np.diff(own, axis=1).max() / spread)
            rows.append(row)
    return rows


SPIN = np.array([[0.0, -1.0], [1.0, 0.0]])
TURN = sd.SO(2).acting_on(x=sd.Vector, v=sd.Vector)


def known(state):
    return {"x": state["v"], "v": -state["x"]}


def noisy_runs(draw: int, noise: float):
    """Eight trajectories of the law with the missing term, with noise on the states, and the clean ones."""
    rng = np.random.default_rng(1000 + draw)
    starts = rng.normal(size=(8, 4)) * [1.2, 1.2, 0.8, 0.8]

    def rates(s):
        x, v = s[:2], s[2:]
        return jnp.concatenate([v, -x - 0.3 * jnp.sum(x**2) * x + 0.5 * jnp.asarray(SPIN, s.dtype) @ v])

    law = sd.NeuralLaw(rates, sd.StateSpace.of(x=2, v=2), ("x", "v"))
    times = np.linspace(0, 8, 161)
    run = sd.simulate(law, starts, times)
    level = noise * np.sqrt(np.mean(run.x.values**2)), noise * np.sqrt(np.mean(run.v.values**2))
    x, v = (a.values + s * rng.normal(size=a.shape) for a, s in zip((run.x, run.v), level, strict=True))
    return sd.dataset(times, x=x, v=v)


def right(law) -> tuple[bool, float]:
    """Whether the terms are exactly the true ones, and the largest relative error of their coefficients."""
    wanted = {("v_y", 0): -0.5, ("v_x", 1): 0.5}
    for target in (0, 1):
        for name in ("x_x^3", "x_x x_y^2") if target == 0 else ("x_x^2 x_y", "x_y^3"):
            wanted[name, target] = -0.3
    table = {
        (name, j): value
        for name, row in zip(law.term_names, law.coefficients, strict=True) for j, value in enumerate(row) if value
    }  # fmt: skip
    if set(table) != set(wanted):
        return False, float("nan")
    return True, max(abs(table[k] / wanted[k] - 1) for k in wanted)


def term(options) -> list[dict]:
    space, rows = sd.StateSpace.of(x=2, v=2), []
    smooth = sd.SavitzkyGolay(options.width, 4)
    for noise in options.noise:
        for draw in range(options.draws):
            data = noisy_runs(draw, noise)
            match = sd.RateMatching(differentiation=smooth)
            for name in ("plain", "so(2) enforced"):
                begun = time.process_time()
                action = TURN if name != "plain" else None
                widths = (8, 8) if action is not None else (32, 32)
                net = sd.NeuralLaw.of(space, action, widths, targets="v", key=jax.random.key(draw))
                done = sd.train(
                    sd.hybrid(known, net), data, match=match, steps=options.steps, batch=None, every=500,
                    learning_rate=1e-2, validation=0.25,
                )  # fmt: skip
                ways = {name: action} | ({"so(2) found": "auto"} if action is None else {})
                for way, asked in ways.items():
                    with warnings.catch_warnings(record=True) as told:
                        warnings.simplefilter("always")
                        found = sd.distil(
                            done,
                            data,
                            library=sd.Monomials(3),
                            action=asked,
                            candidates=sd.GL(2).acting_on(x=sd.Vector, v=sd.Vector),
                        )
                    rows.append(row_of(way, noise, draw, found, time.process_time() - begun, told))
            for name, action in (("identify", None), ("identify, so(2)", TURN)):
                begun = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    law = sd.identify(
                        data, rate_of="v", known=lambda s: {"v": -s["x"]}, library=sd.Monomials(3), action=action
                    )
                good, error = right(law)
                row = {"system": "term", "network": name, "noise": noise, "draw": draw, "right": good, "error": error}
                rows.append({**row, "seconds": time.process_time() - begun, "terms": law.active_terms})
            for row in rows[-5:]:
                print(json.dumps(row), flush=True)
    return rows


def row_of(name: str, noise: float, draw: int, found, seconds: float, told) -> dict:
    first, rough = right(found.law)
    good, error = right(found.refit) if found.refit is not None else (False, float("nan"))
    kept = found.action is not None
    return {"system": "term", "network": name, "noise": noise, "draw": draw, "right": good, "error": error,
            "network_right": first, "network_error": rough, "fidelity": found.fidelity, "seconds": seconds,
            "enforced": kept, "terms": found.active_terms, "warned": [str(w.message)[:90] for w in told]}  # fmt: skip


def table(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    keys = dict.fromkeys((r["system"], r["network"], r.get("noise")) for r in rows)
    for system, name, noise in keys:
        own = [r for r in rows if (r["system"], r["network"], r.get("noise")) == (system, name, noise)]
        text = f"{system:10s}{name:24s}{'' if noise is None else noise!s:6s}{len(own):4d}"
        for k in ("parameters", "seconds", "loss", "drift", "worst", "own", "momentum", "error", "network_right",
                  "network_error", "rises", "own_rises", "rest", "final", "fidelity", "right", "enforced"):  # fmt: skip
            values = [float(r[k]) for r in own if r.get(k) is not None and np.isfinite(float(r[k]))]
            if values:
                middle = np.mean(values) if k in ("right", "network_right", "enforced") else np.median(values)
                text += f"  {k} {middle:.3g} [{min(values):.2g}, {max(values):.2g}]"
        print(text)


def figure(path: Path, to: Path) -> None:
    import matplotlib.pyplot as plt

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    systems = [s for s in ("pendulum", "bodies") if any(r["system"] == s for r in rows)]
    fig, axes = plt.subplots(1, len(systems), figsize=(5 * len(systems), 3.6), squeeze=False, layout="constrained")
    for ax, system in zip(axes[0], systems, strict=True):
        shown = set()
        for row in (r for r in rows if r["system"] == system and r.get("curve")):
            name = row["network"]
            curve = np.maximum(row["curve"][1:], 1e-16)
            ax.semilogy(
                np.arange(1, len(curve) + 1),
                curve,
                color=f"C{COLOURS.index(name)}",
                label=None if name in shown else name,
            )
            shown.add(name)
        title = {"pendulum": "double pendulum", "bodies": "three bodies"}[system]
        ax.set(xlabel="periods", ylabel="error of the true energy / its range", title=title)
    axes[0][-1].legend(loc="center right", frameon=False)
    fig.savefig(to, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="*", choices=("pendulum", "bodies", "friction", "term", []), default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--networks", nargs="+", default=["plain", "hamiltonian", "invariant hamiltonian"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.01])
    parser.add_argument("--width", type=int, default=15)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    for study in options.study:
        rows = {"friction": friction, "term": term}.get(study, lambda o, s=study: conservation(s, o))(options)
        for row in rows:
            if study != "term":
                print(json.dumps({k: v for k, v in row.items() if k != "curve"}), flush=True)
            if options.out:
                with options.out.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
    if options.table:
        table(options.table)
        if options.figure:
            figure(options.table, options.figure)


if __name__ == "__main__":
    main()
