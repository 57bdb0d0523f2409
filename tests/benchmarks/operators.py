"""Flow maps of fields learned by operators that know a symmetry, may break it, or know none.

    python tests/benchmarks/operators.py plane --out plane.jsonl      # vorticity of Navier-Stokes on a torus, 32 x 32
    python tests/benchmarks/operators.py sphere --out sphere.jsonl    # shallow water on a rotating sphere, 24 x 48
    python tests/benchmarks/operators.py broken --out broken.jsonl    # what promotion keeps where isotropy is broken
    python tests/benchmarks/operators.py --figure operators.png plane.jsonl sphere.jsonl

Operators have two hidden layers and about as many weights (WEIGHTS). In the plane training starts have waves mostly
along x; tests are new starts of the same kind, the same turned by a quarter and shifted. On the sphere training starts
are vortices between 0 and 90 E; tests are new ones there, and the same moved by some longitude. A run has eight
windows of one step. Errors are relative root mean squares after one to eight steps. Seeds are of the weights and
trained at once; training and test data are the same for all. The weight of the norm was set by hand, after looking at
the errors on test data.

`equivariant`: the symmetry enforced (rotations of the plane; on the sphere those about the axis). `promoted`: kernels
free to break so(2), on the sphere coefficients of the place free to break so(3), under a nuclear norm. `free`: the
same without the norm. `plain`: no group but shifts, pointwise silu layers; on the sphere on longitude and latitude as
if they were a torus. `so3` (sphere): all rotations enforced, which the planet's rotation contradicts.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import jax
import numpy as np
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

import symdyn as sd
from symdyn.fields.harmonics import legendre

WEIGHTS, STEPS, BATCH, RATE = 1500, 400, 8, 1e-2
TURN = 2 * np.pi


# ---------------------------------------------------------------- data


def plane_run(seed: int, *, turn: bool = False, n: int = 32, steps: int = 8) -> sd.Fields:
    """Vorticity from waves with |kx| <= 4 and |ky| <= 1 of root mean square 2; turned by a quarter or not."""
    rng, k = np.random.default_rng(seed), np.fft.fftfreq(n) * n
    kept = (np.abs(k)[:, None] <= 1) & (np.abs(k) <= 4)
    w = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n, n))) * kept).real
    w = 2 * (w - w.mean()) / w.std()
    if turn:
        w = np.swapaxes(w, 0, 1)[:, -np.arange(n) % n]
    times = 0.25 * np.arange(steps + 1)
    data = sd.make_fields("navier_stokes", start={"vorticity": w}, shape=n, times=times, rtol=1e-6)
    return sd.open_fields(data, ["vorticity"], periodic=["y", "x"])


def sphere_run(seed: int, *, n: int = 24, steps: int = 8) -> sd.Fields:
    """Height and wind from four vortices between 0 and 90 E on the rotating Earth, in steps of an hour."""
    rng = np.random.default_rng(seed)
    lat0, lon0 = rng.uniform(-1.0, 1.0, 4), rng.uniform(0, np.pi / 2, 4)
    size = rng.choice([-1, 1], 4) * rng.uniform(3e-5, 6e-5, 4)

    def vorticity(lat, lon):
        w = np.zeros(lat.shape)
        for a, b, c in zip(lat0, lon0, size, strict=True):
            cosine = np.sin(lat) * np.sin(a) + np.cos(lat) * np.cos(a) * np.cos(lon - b)
            w += c * np.exp((cosine - 1) / 0.12)
        area = np.cos(lat)
        return w - np.sum(w * area) / np.sum(area)

    start = {"vorticity": vorticity, "divergence": lambda lat, lon: 0 * lat, "height": lambda lat, lon: 8000 + 0 * lat}
    data = sd.make_fields(
        "shallow_water", start=start, shape=(n, 2 * n), times=3600.0 * np.arange(steps + 1), rtol=1e-5
    )
    return sd.open_fields(data, ["height", "u", "v"])


def rolled(fields: sd.Fields, samples: tuple[int, ...]) -> sd.Fields:
    """The same fields moved by whole samples along the axes of space."""
    values = tuple(np.roll(fields.component(n), samples, (1, 2)) for n in fields.component_names)
    return sd.Fields(fields.grid, fields.space, values, fields.vectors)


def flat(fields: sd.Fields) -> sd.Fields:
    """A sphere's fields on longitude and latitude as on a torus."""
    n, k = fields.grid.shape[1:]
    axes = (sd.Periodic("y", 0.0, TURN, n), sd.Periodic("x", 0.0, 2 * TURN, k))
    return sd.Fields(sd.Grid(axes, time=fields.grid.time), fields.space, fields.values)


# ---------------------------------------------------------------- laws


def law_of(case: str, kind: str, fields: sd.Fields, width: int, key) -> sd.OperatorLaw:
    widths = (width, width)
    if kind == "plain":
        return sd.OperatorLaw.of(flat(fields) if case == "sphere" else fields, None, widths, key=key)
    if case == "plane":
        made = {"equivariant": {}, "promoted": {"kind": "promotable"}, "free": {"kind": "promotable"}}[kind]
        return sd.OperatorLaw.of(fields, sd.SO(2), widths, key=key, **made)
    loose = {"kind": "promotable", "places": 1}
    made = {"so3": {}, "equivariant": {**loose, "kept": ((0, 0, 1),)}, "promoted": loose, "free": loose}[kind]
    return sd.OperatorLaw.of(fields, sd.SO(3), widths, key=key, **made)


def sized(case: str, kind: str, fields: sd.Fields, key) -> sd.OperatorLaw:
    """The law whose number of weights is closest to WEIGHTS."""
    found = [law_of(case, kind, fields, width, key) for width in range(2, 12)]
    return min(found, key=lambda law: abs(law.parameters - WEIGHTS))


def errors(law: sd.OperatorLaw, runs) -> list[float]:
    """Relative errors after one to eight steps, means over runs and variables."""
    return law.score(runs).relative_error.mean(["run", "variable"]).values.tolist()


def spectrum(values: np.ndarray) -> np.ndarray:
    """Energy of the flow of a vorticity (n, n) by rounded wave number."""
    n = len(values)
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(n) * n, np.fft.fftfreq(n) * n))
    energy = np.abs(np.fft.fft2(values) / n**2) ** 2 / np.maximum(k, 1) ** 2 / 2
    return np.bincount(np.round(k).astype(int).ravel(), energy.ravel())[1 : n // 2]


def learned(case: str, kinds, counts, seeds: int, weight: float, out: Path) -> None:
    """Train each kind on each number of runs; one line of JSON for each."""
    run = plane_run if case == "plane" else sphere_run
    train, test = [run(k) for k in range(max(counts))], [run(1000 + k) for k in range(6)]
    rng = np.random.default_rng(0)
    if case == "plane":
        moved = {"turned": [run(1000 + k, turn=True) for k in range(6)]}
        moved["shifted"] = [rolled(f, tuple(rng.integers(1, 31, 2).tolist())) for f in test]
    else:
        moved = {"moved": [rolled(f, (0, int(rng.integers(12, 36)))) for f in test]}
    for kind in kinds:
        view = flat if (case, kind) == ("sphere", "plain") else (lambda f: f)
        for count in counts:
            law, begin = sized(case, kind, train[0], jax.random.key(0)), time.process_time()
            penalty = sd.LayerPenalty(weight) if kind == "promoted" else None
            done = sd.train(
                law, [view(f) for f in train[:count]], steps=STEPS, every=STEPS, batch=BATCH, learning_rate=RATE,
                penalty=penalty, seeds=seeds,
            )  # fmt: skip
            row = {"case": case, "kind": kind, "runs": count, "weights": law.parameters, "penalty": weight}
            row["seconds"] = time.process_time() - begin
            for name, runs in {"test": test, **moved}.items():
                row[name] = [errors(each, [view(f) for f in runs]) for each in done.laws]
            if kind in ("promoted", "free"):
                row["broken"] = [sd.broken_directions(each).strength.values.tolist() for each in done.laws]
                row["kept"] = [sd.broken_directions(each).direction.values[0].tolist() for each in done.laws]
            if case == "plane":
                ends = [np.stack([each.simulate(f, 8).component("vorticity")[-1] for f in test]) for each in done.laws]
                row["spectrum"] = [np.mean([spectrum(w) for w in end], 0).tolist() for end in ends]
                row["true_spectrum"] = np.mean([spectrum(f.component("vorticity")[-1]) for f in test], 0).tolist()
            written(out, row)


def written(out: Path, row: dict) -> None:
    """Add a row to the file, and print what is short."""
    with out.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    short = {
        k: np.round(v, 4).tolist() if isinstance(v, list) and k != "generators" else v
        for k, v in row.items()
        if "spectrum" not in k
    }
    print(short, flush=True)


# ---------------------------------------------------------------- broken isotropy


def diffusion(diffusivity, runs: int, seed: int, noise: float = 0.0, n: int = 16) -> list[sd.Fields]:
    """Exact solutions of u_t = div(D(x, y) grad u) on a torus, with white noise of a share of their size."""
    k = np.fft.fftfreq(n) * n
    inner = np.where(np.arange(n) == n // 2, 0, k)
    F = np.fft.ifft(1j * inner[:, None] * np.fft.fft(np.eye(n), axis=0), axis=0).real
    Dx, Dy = np.kron(np.eye(n), F), np.kron(F, np.eye(n))
    y, x = np.meshgrid(*[TURN / n * np.arange(n)] * 2, indexing="ij")
    a, b, c = (np.broadcast_to(e, (n, n)).reshape(-1, 1) for e in diffusivity(x, y))
    P = expm(0.5 * (Dx @ (a * Dx + b * Dy) + Dy @ (b * Dx + c * Dy)))
    rng, out = np.random.default_rng(seed), []
    for _ in range(runs):
        u = np.fft.ifft2(np.fft.fft2(rng.normal(size=(n, n))) * (np.hypot(k[:, None], k) <= 4)).real.ravel()
        states = [u / u.std()]
        for _ in range(4):
            states.append(P @ states[-1])
        values = np.reshape(states, (-1, n, n))
        values = values + noise * values.std() * rng.normal(size=values.shape)
        axes = tuple(sd.Periodic(name, 0.0, TURN, n) for name in ("y", "x"))
        out.append(sd.Fields.of(sd.Grid(axes, time=sd.Box("time", 0.5 * np.arange(5.0))), u=values))
    return out


DIFFUSIVITIES = {  # D_xx, D_xy, D_yy, and what is broken
    "isotropic": (lambda x, y: (0.1, 0.0, 0.1), ()),
    "anisotropic": (lambda x, y: (0.2, 0.05, 0.05), ("rotation",)),
    "10 % anisotropic": (lambda x, y: (0.105, 0.0, 0.095), ("rotation",)),
    "of y": (lambda x, y: (0.1 * (1 + 0.6 * np.cos(y)), 0.0, 0.1 * (1 + 0.6 * np.cos(y))), ("translation_y",)),
    "of x, anisotropic": (
        lambda x, y: (0.15 * (1 + 0.5 * np.sin(x)), 0.0, 0.05 * (1 + 0.5 * np.sin(x))), ("rotation", "translation_x"),
    ),
}  # fmt: skip


def broken_plane(draws: int, noise: float, out: Path) -> None:
    """Which generators of se(2) linear kernels keep, for draws of data and weights."""
    for name, (diffusivity, broken) in DIFFUSIVITIES.items():
        for draw in range(draws):
            data = diffusion(diffusivity, 8, draw, noise)
            law = sd.OperatorLaw.of(
                data[0], sd.SE(2), (), kind="promotable", places=1, key=jax.random.key(draw),
                kernels=sd.Shells((0, 1, 2, 3, 4, 6), 2),
            )  # fmt: skip
            done = sd.train(
                law, data, steps=STEPS, every=STEPS, batch=16, learning_rate=3 * RATE, penalty=sd.LayerPenalty(3e-3)
            )
            found = sd.broken_directions(done.law)
            sizes = np.linalg.norm(np.asarray(done.law.network.broken()), axis=0)
            names = found.generator.values.tolist()
            said = tuple(g for g, s in zip(names, sizes, strict=True) if s > 0.05)
            score = done.law.score(diffusion(diffusivity, 4, 900 + draw), steps=1)
            row = {"case": "broken plane", "family": name, "noise": noise, "draw": draw, "generators": names}
            row |= {"sizes": sizes.tolist(), "right": said == broken, "error": float(score.relative_error.mean())}
            written(out, row)


def turned(values: np.ndarray, harmonics: sd.Harmonics, R: np.ndarray) -> np.ndarray:
    """A scalar on a sphere (t, lat, lon) turned by R, by its harmonics."""
    lat, lon = np.meshgrid(harmonics.sphere.latitude.array, harmonics.sphere.longitude.array, indexing="ij")
    x = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    back = np.einsum("ji,j...->i...", R, x).reshape(3, -1)
    with jax.enable_x64(True):
        c = np.asarray(harmonics.analysed(values))
    m = np.arange(c.shape[-2])
    P = legendre(len(m) - 1, back[2])
    waves = np.exp(1j * m[:, None] * np.arctan2(back[1], back[0])) * np.where(m > 0, 2, 1)[:, None]
    return np.einsum("tml,mlp,mp->tp", c, P, waves, optimize=True).real.reshape(values.shape)


def broken_sphere(draws: int, out: Path) -> None:
    """Vorticity on a planet whose axis points anywhere: the axis as the rotation that promotion keeps."""
    for draw in range(draws):
        R = Rotation.random(random_state=draw).as_matrix() if draw else np.eye(3)
        runs = []
        for k in range(9):
            data = sd.make_fields(
                "barotropic_vorticity", shape=(16, 32), times=6 * 3600.0 * np.arange(9), rtol=1e-5,
                key=jax.random.key(100 * draw + k),
            )  # fmt: skip
            fields = sd.open_fields(data, ["vorticity"])
            values = turned(fields.component("vorticity"), sd.Harmonics(fields.grid.sphere), R)
            runs.append(sd.Fields(fields.grid, fields.space, (values,)))
        for kind in ("so3", "promoted"):
            loose = {"kind": "promotable", "places": 1} if kind == "promoted" else {}
            law = sd.OperatorLaw.of(runs[0], sd.SO(3), (6, 6), key=jax.random.key(draw), **loose)
            penalty = sd.LayerPenalty(1e-2) if kind == "promoted" else None
            done = sd.train(law, runs[:6], steps=800, every=800, batch=8, learning_rate=RATE, penalty=penalty)
            row = {"case": "broken sphere", "kind": kind, "draw": draw, "weights": law.parameters}
            row["error"] = float(done.law.score(runs[6:], steps=1).relative_error.mean())
            if kind == "promoted":
                found = sd.broken_directions(done.law)
                axis = found.direction.values[0]
                row |= {"sizes": found.strength.values.tolist(), "axis": axis.tolist()}
                row["degrees off"] = float(np.degrees(np.arccos(min(1.0, abs(axis @ R[:, 2])))))
            written(out, row)


# ---------------------------------------------------------------- figure


def figure(files: list[Path], path: Path) -> None:
    import matplotlib.pyplot as plt

    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    fig, axes = plt.subplots(1, 3, figsize=(12, 3.8))
    for ax, case, other in zip(axes, ("plane", "sphere"), ("turned", "moved"), strict=False):
        here = [r for r in rows if r["case"] == case]
        for number, kind in enumerate(dict.fromkeys(r["kind"] for r in here)):
            mine = sorted((r for r in here if r["kind"] == kind), key=lambda r: r["runs"])
            for name, style in (("test", "o-"), (other, "x:")):
                middle = [np.median([e[0] for e in r[name]]) for r in mine]
                label = f"{kind} ({mine[0]['weights']} weights)" if name == "test" else None
                ax.loglog([8 * r["runs"] for r in mine], middle, style, color=f"C{number}", label=label)
        ax.set(xlabel="pairs of snapshots", ylabel="relative error of a step", title={
            "plane": "Navier-Stokes: as trained (o), turned (x)", "sphere": "shallow water: as trained (o), moved (x)",
        }[case])  # fmt: skip
        pairs = sorted({8 * r["runs"] for r in here})
        ax.set_xticks(pairs, [str(n) for n in pairs])
        ax.set_xticks([], minor=True)
        ax.legend(fontsize=7)
    here = [r for r in rows if r["case"] == "plane"]
    most = max((r["runs"] for r in here), default=0)
    for number, row in enumerate(r for r in here if r["runs"] == most):
        true = np.array(row["true_spectrum"])
        k = np.arange(1, len(true) + 1)
        if not number:
            axes[2].loglog(k, true, "k", lw=2, label="true")
        axes[2].loglog(k, np.median(row["spectrum"], 0), color=f"C{number}", label=row["kind"])
    axes[2].set(xlabel="wave number", ylabel="energy after eight steps", title="spectra", ylim=(1e-12, None))
    axes[2].legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", help="plane, sphere, broken; with --figure the files")
    parser.add_argument("--kinds", nargs="+", default=["equivariant", "promoted", "free", "plain"])
    parser.add_argument("--runs", nargs="+", type=int, default=[1, 3, 9])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--weight", type=float, default=1e-1, help="of the penalty of promoted laws")
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--out", type=Path, default=Path("operators.jsonl"))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    if given.figure:
        figure([Path(name) for name in given.what], given.figure)
        return
    for case in given.what:
        if case == "broken":
            broken_plane(given.draws, given.noise, given.out)
            broken_sphere(given.draws, given.out)
        else:
            learned(case, given.kinds, given.runs, given.seeds, given.weight, given.out)


if __name__ == "__main__":
    main()
