"""The weak form of fields: processor time of large cases, memory out of core, and PySINDy's rows beside ours.

    python tests/benchmarks/fields.py            # 128 x 128 x 200 and the comparison with PySINDy
    python tests/benchmarks/fields.py large      # 512 x 512 x 100 as well, and stores of 0.2 to 3.4 GB

Two components, all monomials up to degree 3 and all derivatives up to order 2: 54 terms.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import warnings

import numpy as np

import symdyn as sd


def flow(n: int, steps: int) -> sd.Fields:
    """Two smooth fields on n x n x steps, by a few waves."""
    x = 2 * np.pi / n * np.arange(n)
    t = np.linspace(0.0, 4.0, steps)
    rng = np.random.default_rng(0)
    values = np.zeros((2, steps, n, n))
    for c in range(2):
        for _ in range(6):
            k, w = rng.integers(1, 4, 2), rng.normal()
            wave = np.exp(1j * (k[0] * x[:, None] + k[1] * x + rng.uniform(0, 6)))
            values[c] += (np.exp(1j * w * t)[:, None, None] * wave).real
    grid = sd.Grid((sd.Periodic("y", 0.0, 2 * np.pi, n), sd.Periodic("x", 0.0, 2 * np.pi, n)), time=sd.Box("t", t, "s"))
    return sd.Fields.of(grid, u=values[0], v=values[1])


def measure(n: int, steps: int, half: int, stride: dict[str, int]) -> None:
    fields = flow(n, steps)
    form = sd.FieldWeakForm(half_width=half, stride=stride)
    for run in ("first (compiles)", "again"):
        cpu, wall = time.process_time(), time.perf_counter()
        rows = sd.field_rows(fields, sd.DivergenceForm(3, order=2), form=form)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        m, p = rows.design.shape
        print(f"{n} x {n} x {steps}: {m} windows x {p} terms, {run}: {cpu:.2f} s of processor time, {wall:.2f} s")


def out_of_core(n: int = 256, steps: int = 800) -> None:
    """Two fields of single precision in a Zarr store, read block by block: what memory the rows take."""
    import dask.array as da
    import zarr

    with tempfile.TemporaryDirectory() as folder:
        store = zarr.open_group(folder, mode="w")
        y = np.sin(2 * np.pi / n * np.arange(n))
        for name in "uv":
            array = store.create_array(name, shape=(steps, n, n), chunks=(20, n, n), dtype="float32")
            for k in range(0, steps, 20):
                array[k : k + 20] = np.cos(0.02 * np.arange(k, k + 20))[:, None, None] * np.outer(y, y)
        grid = sd.Grid(
            (sd.Periodic("y", 0.0, 2 * np.pi, n), sd.Periodic("x", 0.0, 2 * np.pi, n)),
            time=sd.Box("t", 0.01 * np.arange(steps), "s"),
        )
        fields = sd.Fields.of(grid, **{name: da.from_zarr(f"{folder}/{name}") for name in "uv"})
        form = sd.FieldWeakForm(half_width=12, stride={"t": 6, "y": 8, "x": 8}, unbiased=False)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu = time.process_time()
        rows = sd.field_rows(fields, sd.DivergenceForm(3, order=2), form=form, memory=2**23)
        cpu, after = time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = 2 * 8 * steps * n * n / 1e6
        print(
            f"out of core, {size:.0f} MB in float64: {len(rows.design)} windows, {cpu:.2f} s of processor time, "
            f"{(after - before) / 1024:.0f} MB added"
        )


def stores() -> None:
    """What `identify_field` adds to a process for Zarr stores of several sizes and bounds, each in its own process."""
    import json
    import subprocess
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).parents[1] / "regress"))
    from test_out_of_core import PROGRAM, write_waves

    for steps in (400, 1600, 6400):
        with tempfile.TemporaryDirectory() as folder:
            write_waves(folder, steps)
            for memory in (2**22, 2**24, 2**26):
                command = [sys.executable, "-c", PROGRAM, folder, str(memory)]
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                added, terms, _ = json.loads(out.splitlines()[-1])
                print(
                    f"{steps * 256**2 * 8 / 1e9:.1f} GB in float64, {memory * 8 / 2**20:.0f} MiB at once: "
                    f"{added:.0f} MiB added, {after.ru_utime - before.ru_utime:.1f} s of processor time, "
                    f"{', '.join(terms)}"
                )


def beside_pysindy() -> None:
    """The same windows and terms on one field of one dimension: the largest difference, relative to the column."""
    import pysindy as ps
    from pysindy.utils import AxesArray

    x, t = np.linspace(0, 3, 121), np.linspace(0, 2, 101)
    field = np.sin(2 * x[:, None] - t) + 0.4 * np.cos(3 * x[:, None] + 2 * t)
    np.random.seed(0)  # noqa: NPY002  (PySINDy draws its windows from the global generator)
    cpu = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = ps.WeakPDELibrary(
            ps.PolynomialLibrary(degree=2, include_bias=False), derivative_order=2, K=1000, p=6,
            spatiotemporal_grid=np.stack(np.meshgrid(x, t, indexing="ij"), axis=-1),
            H_xt=[20.6 * 0.025, 20.6 * 0.02],
        )  # fmt: skip
        theirs = np.asarray(
            library.fit_transform(AxesArray(field[..., None], {"ax_spatial": [0], "ax_time": 1, "ax_coord": 2}))
        )
    cpu = time.process_time() - cpu
    names = library.get_feature_names(["u"])
    fields = sd.Fields.of(sd.Grid((sd.Box("x", x),), time=sd.Box("t", t)), u=field.T)
    form = sd.FieldWeakForm(half_width=20, q=6, stride=1)
    own = time.process_time()
    rows = sd.field_rows(fields, sd.DivergenceForm(2, order=2), form=form)
    own = time.process_time() - own
    same = [k for k, (i, j) in enumerate(library.inds_k) if len(i) == len(j) == 41]
    near = [
        int(np.abs(rows.centres - [t[library.inds_k[k][1][20]], x[library.inds_k[k][0][20]]]).max(axis=1).argmin())
        for k in same
    ]
    mass = np.array([library.fullweights0[k].sum() for k in same])
    print(f"PySINDy: 1000 windows in {cpu:.2f} s; here {len(rows.design)} in {own:.2f} s; {len(same)} are the same")
    for ours, name in (("u", "u"), ("u^2", "u^2"), ("u_x", "u_1"), ("u_xx", "u_11")):
        a, b = rows.design[near, rows.names.index(ours)], theirs[same, names.index(name)] / mass
        print(f"  {ours:5s} largest difference {abs(a - b).max() / abs(a).max():.1e} of the largest value")


def same_windows(n: int, steps: int, half: int, stride: int) -> None:
    """PySINDy and this package on the same windows, which are laid by us, and the same 19 terms of two components.

    All powers up to the third of (u, v), and their derivatives up to the second order. Processor time of the whole of
    either, with compilation here and apart from it; the largest difference of each term's column from window to window,
    relative to its largest value.
    """
    from unittest.mock import patch

    import pysindy as ps
    from pysindy.utils import AxesArray

    fields = flow(n, steps)
    y, x = (axis.points for axis in fields.grid.space_axes)
    t = fields.grid.time.points
    fields = sd.Fields(sd.Grid((sd.Box("y", y), sd.Box("x", x)), time=sd.Box("t", t)), fields.space, fields.values)
    powers = [(a, b) for total in (1, 2, 3) for a in range(total, -1, -1) for b in [total - a]]
    texts = {f"{a}{b}": " ".join(["u"] * a + ["v"] * b) for a, b in powers}
    along = {"y": "y", "x": "x", "yy": "y y", "yx": "y x", "xx": "x x"}
    library = sd.Fluxes(
        {name: {"": text} for name, text in texts.items()}
        | {f"{c}_{name}": {axes: c} for c in "uv" for name, axes in along.items()}
    )
    form = sd.FieldWeakForm(half_width=half, q=6, stride=stride, unbiased=False)
    cost = []
    for _ in range(2):
        cpu = time.process_time()
        rows = sd.field_rows(fields, library, form=form)
        cost.append(time.process_time() - cpu)
    steps_of = [t[1] - t[0], y[1] - y[0], x[1] - x[0]]
    centres = rows.centres[:, [1, 2, 0]]
    data = np.stack([np.moveaxis(np.asarray(fields.component(c)), 0, -1) for c in "uv"], axis=-1)
    grid = np.stack(np.meshgrid(y, x, t, indexing="ij"), axis=-1)
    cpu = time.process_time()
    with warnings.catch_warnings(), patch("numpy.random.uniform", side_effect=list(centres.T)):
        warnings.simplefilter("ignore")
        theirs_library = ps.WeakPDELibrary(
            ps.PolynomialLibrary(degree=3, include_bias=False), derivative_order=2, K=len(centres), p=6,
            include_interaction=False, spatiotemporal_grid=grid,
            H_xt=[(half + 0.5) * steps_of[k] for k in (1, 2, 0)],
        )  # fmt: skip
        theirs = np.asarray(
            theirs_library.fit_transform(AxesArray(data, {"ax_spatial": [0, 1], "ax_time": 2, "ax_coord": 3}))
        )
    cpu = time.process_time() - cpu
    mass = np.array([each.sum() for each in theirs_library.fullweights0])
    assert all(len(i) == 2 * half + 1 for each in theirs_library.inds_k for i in each), "other windows"
    print(
        f"{n} x {n} x {steps}, {len(centres)} windows of {2 * half + 1}^3 samples, {theirs.shape[1]} terms: PySINDy "
        f"{cpu:.1f} s of processor time, here {cost[0]:.2f} s, {cost[1]:.2f} s once compiled: {cpu / cost[0]:.0f}x and "
        f"{cpu / cost[1]:.0f}x"
    )
    names = theirs_library.get_feature_names(["u", "v"])
    pairs = {f"{a}{b}": _product(a, b) for a, b in powers}
    digits = {"y": "1", "x": "2", "yy": "11", "yx": "12", "xx": "22"}
    pairs |= {f"{c}_{k}": f"{c}_{digits[k]}" for c in "uv" for k in along}
    worst = 0.0
    for ours, name in pairs.items():
        a, b = rows.design[:, rows.names.index(ours)], theirs[:, names.index(name)] / mass
        worst = max(worst, float(abs(a - b).max() / abs(a).max()))
    print(f"  {len(pairs)} terms compared window by window: largest difference {worst:.1e} of the largest value")


def _product(a: int, b: int) -> str:
    """A monomial as PySINDy writes it."""
    factors = [(name, power) for name, power in (("u", a), ("v", b)) if power]
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in factors)


def main() -> None:
    out_of_core()
    measure(128, 200, 12, {"t": 4, "y": 5, "x": 5})
    if "large" in sys.argv[1:]:
        measure(512, 100, 16, {"t": 8, "y": 16, "x": 16})
        stores()
        same_windows(128, 200, 12, 16)
        same_windows(256, 100, 16, 24)
    beside_pysindy()


if __name__ == "__main__":
    main()
