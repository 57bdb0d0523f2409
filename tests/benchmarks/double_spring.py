"""Two masses on springs in space: networks that know, learn or ignore the symmetry about the vertical.

H = |p1|^2/2 + |p2|^2/2 + (|x1| - 1)^2/2 + (|x1 - x2| - 1)^2 + x1_z + x2_z: gravity leaves so(2) of so(3). Each training
trajectory gives one random stretch of five samples (dt = 0.2, T = 30); the loss is the mean squared error of its last
four samples, integrated from the first; Adam, full batches, float32. Errors are those of 500 other stretches, and of
whole trajectories from their first sample. Each law is that of its best validation (300 stretches). Seeds are of the
weights (trained at once); the data are the same for all.

    python tests/benchmarks/double_spring.py --networks mlp promoted --trajectories 25 100 --out found.jsonl
    python tests/benchmarks/double_spring.py --sector --trajectories 50 --out sector.jsonl   # out of distribution
    python tests/benchmarks/double_spring.py --table found.jsonl

With `--sector` the pendulum swings near one vertical plane in training, and is tested in planes turned about the
vertical by 0 to 90 degrees.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import symdyn as sd

NAMES = ("x1", "x2", "p1", "p2")
SPACE = sd.StateSpace.of(x1=3, x2=3, p1=3, p2=3)
TURN = sd.SO(3).acting_on(dict.fromkeys(NAMES, sd.Vector))
ABOUT_Z = sd.Group("SO(2) about z", sd.LieAlgebra("so(2)", sd.SO(3).algebra.matrices.array[2:]))
UPRIGHT = ABOUT_Z.acting_on(dict.fromkeys(NAMES, sd.Vector))
HIDDEN = 3 * sd.Scalar + 3 * sd.Vector + sd.Vector**2  # 21 numbers, 7 gates
ANGLES = np.deg2rad([0, 15, 30, 45, 60, 75, 90])
CHUNK = sd.TrajectoryMatching(5, substeps=1)


class Hamiltonian(eqx.Module):
    """Rates by the symplectic gradient of a plain network's energy."""

    energy: sd.PlainMLP

    def __call__(self, x):
        slope = jax.grad(lambda y: self.energy(y)[0])(x)
        return jnp.concatenate([slope[6:], -slope[:6]])


def laws(network: str, seeds: int) -> list[sd.NeuralLaw]:
    made = {
        "mlp": lambda key: sd.NeuralLaw.of(SPACE, None, (42, 42, 42), key=key),
        "mlp_promoted": lambda key: sd.NeuralLaw.of(SPACE, None, (42, 42, 42), key=key),
        "hamiltonian": lambda key: sd.NeuralLaw(
            network=Hamiltonian(sd.PlainMLP(12, 1, (42, 42, 42), key=key)), space=SPACE, targets=NAMES
        ),
        "free": lambda key: epnn(key, ()),
        "enforced": lambda key: epnn(key, ((0, 0, 1),)),
        "promoted": lambda key: epnn(key, ()),
        "too_large": lambda key: epnn(key, np.eye(3)),
        "emlp": lambda key: sd.NeuralLaw.of(SPACE, UPRIGHT, (16, 16), key=key, products=False),
    }
    return [made[network](jax.random.key(k)) for k in range(seeds)]


def epnn(key, kept) -> sd.NeuralLaw:
    return sd.NeuralLaw.of(SPACE, TURN, (HIDDEN, HIDDEN), kind="promotable", kept=kept, key=key)


def turned(states: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return (states.reshape(*states.shape[:-1], 4, 3) @ R.T).reshape(states.shape)


@functools.cache
def runs(count: int, seed: int, sector: bool) -> np.ndarray:
    """Whole trajectories (count, 151, 12)."""
    rng = np.random.default_rng(seed)
    spread = np.array([0.4, 0.04, 0.2] * 2 + [0.4, 0.04, 0.4] * 2) if sector else np.repeat([0.2, 0.4], 6)
    start = np.array([0, 0, -1.5, 0, 0, -3.0, *6 * [0.0]]) + spread * rng.normal(size=(count, 12))
    data = sd.open_dataset("double_spring_pendulum", start=start)
    return np.concatenate([data[name].values for name in NAMES], axis=-1)


def chunks(whole: np.ndarray, seed: int) -> np.ndarray:
    """One stretch of five samples of each, (count, 5, 12)."""
    at = np.random.default_rng(seed).integers(0, whole.shape[1] - 5, len(whole))
    return np.stack([each[k : k + 5] for each, k in zip(whole, at, strict=True)])


@eqx.filter_jit
def integrated(law, starts, times, substeps: int):
    match = sd.TrajectoryMatching(5, substeps=substeps)
    return jax.vmap(lambda x: match._integrated(law, x, times, None))(starts)


def chunk_error(law, found: np.ndarray) -> float:
    f = found.astype(np.float32)
    guess = integrated(law, f[:, 0], jnp.arange(5, dtype=jnp.float32) * 0.2, 1)
    return float(np.mean((np.asarray(guess)[:, 1:] - f[:, 1:]) ** 2))


def rollout_error(law, whole: np.ndarray) -> float:
    """The geometric mean over time and trajectories of |found - true| / (|found| + |true|), from 0 to 1."""
    f = whole.astype(np.float32)
    guess = np.asarray(integrated(law, f[:, 0], jnp.arange(f.shape[1], dtype=jnp.float32) * 0.2, 2), float)[:, 1:]
    true, norm = whole[:, 1:], np.linalg.norm
    with np.errstate(over="ignore", invalid="ignore"):
        error = norm(guess - true, axis=-1) / (norm(guess, axis=-1) + norm(true, axis=-1))
    return float(np.exp(np.mean(np.log(np.nan_to_num(error, nan=1.0, posinf=1.0) + 1e-7))))


def symmetry(law, states: np.ndarray) -> dict:
    """Singular values of the Lie derivatives of the law along so(3), and how far the least is from the vertical."""
    bound = sd.SymmetryPenalty(TURN, samples=None).on(law, states)
    M = np.asarray(bound.matrix(law, jnp.asarray(states)), float)
    _, sizes, vectors = np.linalg.svd(M, full_matrices=False)
    found = sd.find_symmetries(law, candidates=TURN, points=states[:200], tolerance=0.1, discrete=False)
    return {
        "singular": sizes.tolist(),
        "tilt": float(np.rad2deg(np.arccos(min(1.0, abs(vectors[-1][2]))))),
        "found": [str(g) for g in found.generators],
        "defects": np.asarray(found.spectrum).tolist(),
    }


def trained(network: str, train: np.ndarray, held: np.ndarray, options) -> tuple[sd.Training, float]:
    times = np.arange(5) * 0.2
    as_data = lambda c: sd.dataset(times, **{n: c[..., 3 * i : 3 * i + 3] for i, n in enumerate(NAMES)})  # noqa: E731
    penalties = {
        "promoted": sd.LayerPenalty(options.gamma),
        "mlp_promoted": sd.SymmetryPenalty(TURN, weight=10 * options.gamma, norm="logdet", samples=None, eps=1e-3),
    }
    penalty = penalties.get(network)
    rate = optax.cosine_decay_schedule(options.rate, options.steps, 0.01) if options.cosine else options.rate
    begun = time.process_time()
    done = sd.train(
        laws(network, options.seeds), as_data(train), match=CHUNK, steps=options.steps, batch=None, penalty=penalty,
        optimiser=optax.adam(rate), validation=as_data(held), every=options.every, standardise=options.standardise,
    )  # fmt: skip
    return done, time.process_time() - begun


def measured(network: str, count: int, options) -> dict:
    if count > 500:
        raise SystemExit(f"500 trajectories are there for training, asked for {count}")
    whole, held, test = np.split(runs(1300, 0, options.sector), [500, 800])
    done, spent = trained(network, chunks(whole, 3)[:count], chunks(held, 4), options)
    tested = chunks(test, 5)
    row = {
        "network": network, "trajectories": count, "steps": options.steps, "rate": options.rate, "seconds": spent,
        "cosine": options.cosine, "standardise": options.standardise, "parameters": done.law.parameters,
        "sector": options.sector,
        "train": done.history.loss[:, -1].values.tolist(), "chunks": [chunk_error(law, tested) for law in done.laws],
        "at": [int(done.history.step[int(v)]) for v in done.history.validation.values.argmin(axis=1)],
        "rollout": [rollout_error(law, test[:50]) for law in done.laws],
    }  # fmt: skip
    states = tested[:, 0].astype(np.float32)
    row["symmetry"] = symmetry(done.law, states)
    if options.sector:
        row["angles"] = [[chunk_error(law, turned(tested, a)) for a in ANGLES] for law in done.laws]
    if network == "promoted":
        M = [np.asarray(law.network.broken()) for law in done.laws]
        row["layers"] = [np.linalg.svd(m, compute_uv=False).tolist() for m in M]
    return row


def table(path: Path) -> None:
    for line in path.read_text().splitlines():
        row = json.loads(line)
        mid = lambda v: f"{np.median(v):.2e} [{np.min(v):.2e}, {np.max(v):.2e}]"  # noqa: E731
        what = f"{row['network']:12s}{row['parameters']:6d}{row['trajectories']:5d}{row['steps']:7d}"
        print(f"{what}  chunks {mid(row['chunks'])}  rollout {mid(row['rollout'])}  {row['seconds']:6.0f} s")
        each = row["symmetry"]
        defects = np.round(each["defects"], 4)
        print(f"{'':14s}singular {np.round(each['singular'], 4)}, tilt {each['tilt']:.1f} deg, defects {defects}")
        if "layers" in row:
            print(f"{'':14s}layers {np.round(row['layers'], 3).tolist()}")
        if "angles" in row:
            print(f"{'':14s}by angle {[float(f'{v:.2e}') for v in np.median(row['angles'], axis=0)]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = ("mlp", "mlp_promoted", "hamiltonian", "free", "enforced", "promoted", "emlp")
    parser.add_argument("--networks", nargs="+", default=every, choices=(*every, "too_large"))
    parser.add_argument("--trajectories", nargs="+", type=int, default=[25, 100])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=250)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--gamma", type=float, default=1e-4)
    parser.add_argument("--cosine", action="store_true")
    parser.add_argument("--standardise", action="store_true")
    parser.add_argument("--sector", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table:
        return table(options.table)
    for count in options.trajectories:
        for network in options.networks:
            line = json.dumps(measured(network, count, options))
            print(line, flush=True)
            if options.out:
                with options.out.open("a") as stream:
                    stream.write(line + "\n")
    return None


if __name__ == "__main__":
    main()
