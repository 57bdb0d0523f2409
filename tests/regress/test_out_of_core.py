"""Fields larger than the memory that they may take: what is asked for at once, and what a process needs."""

import json
import subprocess
import sys

import numpy as np
import pytest

import symdyn as sd

MEMORY = 2**22  # numbers that are held at once: 32 MiB
STEP = 20  # instants in a chunk
PROGRAM = """
import json, resource, sys, warnings
import xarray as xr
import symdyn as sd

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB, on Linux

before = peak()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    data = xr.open_zarr(sys.argv[1], consolidated=False)
    fields = sd.open_fields(data, ["u"], time="time", space=("y", "x"), periodic=["y", "x"])
form = sd.FieldWeakForm(half_width=12, stride={"time": 24, "y": 16, "x": 16})
law = sd.identify_field(fields, form=form, memory=int(sys.argv[2]))
print(json.dumps([peak() - before, law.active_terms, law.coefficients[law.coefficients != 0].tolist()]))
"""


def _wave(x, t):
    """Waves that go by (1, 0.5): u_t = -u_x - 0.5 u_y."""
    y, x = x[:, None] - 0.5 * t, x - t
    return np.cos(2 * x + y) + 0.7 * np.sin(x - 3 * y) + 0.5 * np.cos(3 * x + 1) + 0.4 * np.sin(2 * y)


class Watched:
    """An array in a file that says how much was read at once."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.most = values, values.shape, values.dtype, 0

    def __getitem__(self, index):
        found = self.values[index]
        self.most = max(self.most, found.size)
        return found


def test_no_more_is_read_at_once_than_was_asked_for():
    x, t = 2 * np.pi / 48 * np.arange(48), 0.05 * np.arange(600)
    values = Watched(_wave(x, t[:, None, None]))
    grid = sd.Grid((sd.Periodic("y", 0.0, 2 * np.pi, 48), sd.Periodic("x", 0.0, 2 * np.pi, 48)), time=sd.Box("t", t))
    form = sd.FieldWeakForm(half_width=12, stride={"t": 6, "y": 8, "x": 8})
    fields = sd.Fields(grid, sd.Fields.of(grid, u=values.values).space, (values,))
    law = sd.identify_field(fields, form=form, memory=2**18)
    assert 2**15 < values.most <= 2**18 < values.values.size / 5
    whole = sd.identify_field(fields, form=form)
    assert values.most > 2**20
    assert set(law.active_terms) == {"u_x", "u_y"}
    np.testing.assert_allclose(law.coefficients, whole.coefficients, atol=1e-9)


def write_waves(folder, steps: int, n: int = 256) -> None:
    """A Zarr store of single precision, chunk by chunk."""
    zarr = pytest.importorskip("zarr")
    x = 2 * np.pi / n * np.arange(n)
    store = zarr.open_group(folder, mode="w")
    array = store.create_array(
        "u", shape=(steps, n, n), chunks=(STEP, n, n), dtype="float32", dimension_names=("time", "y", "x")
    )
    for start in range(0, steps, STEP):
        array[start : start + STEP] = _wave(x, 0.02 * np.arange(start, start + STEP)[:, None, None])
    for name, values in (("time", 0.02 * np.arange(steps)), ("y", x), ("x", x)):
        store.create_array(name, shape=values.shape, dtype="float64", dimension_names=(name,))[:] = values


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is counted in other units elsewhere")
def test_a_field_of_two_gigabytes_takes_a_fraction_of_it(tmp_path):
    pytest.importorskip("dask")
    taken = {}
    for steps in (400, 4000):
        write_waves(tmp_path / str(steps), steps)
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / str(steps)), str(MEMORY)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        taken[steps], terms, coefficients = json.loads(done.stdout.splitlines()[-1])
        assert set(terms) == {"u_x", "u_y"}
        np.testing.assert_allclose(sorted(coefficients), [-1.0, -0.5], rtol=1e-5)
    size = 4000 * 256 * 256 * 8 / 2**20  # MiB in double precision
    assert taken[4000] < size / 2.5
    assert taken[4000] - taken[400] < size / 10
