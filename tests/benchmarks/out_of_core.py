"""Lorenz with noise from a Zarr store that is read piece by piece: memory, throughput, the ceiling of the machine.

    python tests/benchmarks/out_of_core.py                       # 1e7 samples, a quadratic library and one of degree 5
    python tests/benchmarks/out_of_core.py --samples 1e8         # 2.4 GB on disk; 1e9 takes 24
    python tests/benchmarks/out_of_core.py --workers 4           # a distributed.LocalCluster of 4 processes

The store (float32, uncompressed, chunks of 2^20 samples, its times a range) is written chunk by chunk and deleted
afterwards. States have white noise of 1 % of their spread, and rates are either measured (with noise of 1 %) or
differences or window means of the states. The law is found in a fresh process; its memory is the peak of its resident
set less that after importing symdyn, xarray and dask.

The ceiling is one core's product of matrices: 2 q^2 operations a sample (q: terms and targets) at the rate of a double
precision product of q x 4096 with 4096 x q numbers that lie in the cache, measured in the same process before the run.
CPU seconds are those of all threads; the ratio compares them with the ceiling's seconds, so that it is right on a busy
machine too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CHUNK = 2**20
STEP = 0.002
BASE = 120  # MB that JAX takes to compile anything
NOISE = 0.01  # of the spread


def write_lorenz(folder: Path, samples: int, seed: int = 0) -> None:
    """One long trajectory with noise, chunk by chunk."""
    import zarr

    store = zarr.open_group(str(folder), mode="w")
    arrays = {
        name: store.create_array(
            name, shape=(samples,), chunks=(CHUNK,), dtype="float32", dimension_names=("time",), compressors=None,
            attributes={"measured_rate_of": name[0]} if name.endswith("rate") else {},
        )
        for name in ("x", "y", "z", "x_rate", "y_rate", "z_rate")
    }  # fmt: skip
    rng, x = np.random.default_rng(seed), np.array([-8.0, 7.0, 27.0])
    x = x + 1e-3 * rng.normal(size=(1, 3))
    for start in range(0, samples, CHUNK):
        size = min(CHUNK, samples - start)
        path, x = trajectory(x, size)
        slope = rates(path)
        noisy = path + NOISE * np.array([8.0, 9.0, 8.6]) * rng.normal(size=path.shape)
        slope = slope * (1 + 0.01 * rng.normal(size=path.shape))
        for k, name in enumerate("xyz"):
            arrays[name][start : start + size] = noisy[:, k].astype(np.float32)
            arrays[f"{name}_rate"][start : start + size] = slope[:, k].astype(np.float32)


def rates(x):
    return np.stack(
        [
            10 * (x[..., 1] - x[..., 0]),
            x[..., 0] * (28 - x[..., 2]) - x[..., 1],
            x[..., 0] * x[..., 1] - 8 / 3 * x[..., 2],
        ],
        axis=-1,
    )


def _compiled():
    import jax
    import jax.numpy as jnp

    def rate(x):
        return jnp.stack([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])

    def step(x, _):
        a = rate(x)
        b = rate(x + STEP / 2 * a)
        c = rate(x + STEP / 2 * b)
        return x + STEP / 6 * (a + 2 * b + 2 * c + rate(x + STEP * c)), x

    return jax.jit(lambda x: jax.lax.scan(step, x, None, length=CHUNK))


def trajectory(x, size: int):
    """The path (size, 3) from a start (1, 3), by RK4, and the start of the next piece."""
    import jax

    with jax.enable_x64(True):
        if not hasattr(trajectory, "run"):
            trajectory.run = _compiled()
        last, path = trajectory.run(np.asarray(x[0], np.float64))
    return np.asarray(path)[:size], np.asarray(last)[None]


def opened(folder: Path, names):
    """The store as a Dataset of dask arrays whose times take no memory."""
    import xarray as xr
    from xarray.indexes import RangeIndex

    data = xr.open_zarr(folder, consolidated=False, chunks={"time": CHUNK})[list(names)]
    index = RangeIndex.arange(0.0, STEP * (data.sizes["time"] - 0.5), STEP, dim="time")
    return data.assign_coords(xr.Coordinates.from_xindex(index))


def ceiling(q: int) -> float:
    """Samples a second that one core could take, if it did nothing but the product of matrices."""
    from threadpoolctl import threadpool_limits

    a, b = np.random.default_rng(0).normal(size=(2, q, 4096))
    count, best = max(int(1e9 / (2 * q * q * 4096)), 3), np.inf
    with threadpool_limits(1):
        for _ in range(7):
            start = time.process_time()
            for _ in range(count):
                a @ b.T
            best = min(best, (time.process_time() - start) / count)
    return 4096 / best


def read_only(data) -> float:
    """CPU seconds that reading alone takes, chunk by chunk."""
    start = time.process_time()
    for low in range(0, data.sizes["time"], CHUNK):
        for name in data:
            float(data[name][low : low + CHUNK].values[0])
    return time.process_time() - start


def resident() -> float:
    """The resident memory of this process, MB."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return float(line.split()[1]) / 1024


def measured(folder: Path, how: str, degree: int, memory: int, workers: int) -> dict:
    """One law in this process: seconds, memory, ceiling and what was found."""
    import resource

    import dask
    import jax
    import xarray  # noqa: F401

    import symdyn as sd

    jax.devices()
    data = opened(folder, ["x", "y", "z", *(["x_rate", "y_rate", "z_rate"] if how == "rates" else [])])
    imported = resident()
    options = {"differentiation": sd.FiniteDifference()} if how == "differences" else {}
    library = sd.Monomials(degree)
    q = library.on(sd.StateSpace.of(x=1, y=1, z=1)).size + 3
    top, reading = ceiling(q), read_only(data)
    cpu, wall = time.process_time(), time.perf_counter()
    if workers:
        from distributed import LocalCluster

        with LocalCluster(workers, threads_per_worker=1, dashboard_address=None) as work, work.get_client():
            wall = time.perf_counter()
            law = sd.identify(data, library=library, memory=memory, **options)
            wall = time.perf_counter() - wall
    else:
        with dask.config.set(scheduler="synchronous"):
            law = sd.identify(data, library=library, memory=memory, **options)
        wall = time.perf_counter() - wall
    cpu = time.process_time() - cpu
    samples = data.sizes["time"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    expected = BASE + 8 * (memory + CHUNK * len(data) + 3 * 128 * q * q) / 2**20
    found = {f"{t} of {c}'": round(float(v), 5) for c, row in zip("xyz", law.coefficients.T, strict=True)
             for t, v in zip(law.term_names, row, strict=True) if v}  # fmt: skip
    return {
        "how": how, "degree": degree, "q": q, "samples": samples, "cpu": cpu, "wall": wall,
        "rate": samples / cpu, "ceiling": top, "ratio": top * cpu / samples, "reading": reading, "expected": expected,
        "memory": peak - imported, "law": found, "stages": law.stages,
    }  # fmt: skip


def in_a_process(folder: Path, how: str, degree: int, memory: int, workers: int) -> dict:
    """`measured` in a fresh process."""
    command = [sys.executable, __file__, "--measure", str(folder), how, str(degree), str(memory), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict) -> None:
    law = found["law"] if len(found["law"]) < 12 else f"{len(found['law'])} terms"
    print(
        f"{found['how']}, degree {found['degree']} ({found['q']} columns), {found['samples']:.0e} samples: "
        f"{found['cpu']:.1f} CPU s ({found['wall']:.1f} wall), {found['rate'] / 1e6:.2f}e6 samples a CPU second\n"
        f"    {found['ratio']:.2f} times the time of the ceiling, {found['ceiling'] / 1e6:.2f}e6; reading alone "
        f"{found['reading']:.1f} CPU s; {found['memory']:.0f} MB above import "
        f"({found['expected']:.0f} by the formula)\n    {law}\n    {found['stages']}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=float, default=1e7)
    parser.add_argument("--memory", type=int, default=2**24, help="numbers that a task may hold")
    parser.add_argument("--workers", type=int, default=0, help="processes of a cluster; 0: this process alone")
    parser.add_argument("--cases", default="rates-2,rates-5,differences-2,weak-2")
    parser.add_argument("--folder", help="where the store is written; a temporary folder by default")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        folder, how, degree, memory, workers = options.measure
        print(json.dumps(measured(Path(folder), how, int(degree), int(memory), int(workers))))
        return
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        start = time.process_time()
        write_lorenz(folder / "lorenz.zarr", int(options.samples))
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e9
        print(
            f"{options.samples:.0e} samples written, {size:.2f} GB, {time.process_time() - start:.0f} CPU s", flush=True
        )
        for case in options.cases.split(","):
            how, degree = case.split("-")
            report(in_a_process(folder / "lorenz.zarr", how, int(degree), options.memory, options.workers))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
