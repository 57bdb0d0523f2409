"""Data that are read piece by piece give the law of those in memory, whoever does the sums."""

import os
import signal
import threading
import time

import numpy as np
import pytest

import symdyn as sd
from symdyn.data.chunked import ChunkedData, lazy_size
from symdyn.regress._identify import settings_of
from symdyn.regress.strategy.streaming import streamed

dask = pytest.importorskip("dask")
xr = pytest.importorskip("xarray")

MEMORY = 20_000  # numbers: tasks of about a thousand samples
TIMES = 0.01 * np.arange(20_001)
QUADRATIC = sd.Monomials(2)


def rate(x):
    return np.array([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])


@pytest.fixture(scope="module")
def lorenz():
    x, states, h = np.array([-8.0, 7.0, 27.0]), [], TIMES[1]
    for _ in TIMES:
        states.append(x)
        a = rate(x)
        b = rate(x + h / 2 * a)
        c = rate(x + h / 2 * b)
        x = x + h / 6 * (a + 2 * b + 2 * c + rate(x + h * c))
    return sd.dataset(TIMES, **dict(zip("xyz", np.array(states).T, strict=True)))


def moments(data, memory: int = MEMORY, **options):
    """The moments of data that are read piece by piece."""
    settings = settings_of(library=QUADRATIC, **options)
    return streamed(ChunkedData.of(data, settings.reading), settings, memory)[0].moments


def assert_same_bits(one, other):
    np.testing.assert_array_equal(one.blocks, other.blocks)
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.whitener, other.whitener)


def assert_same_law(one, other, tolerance: float = 1e-9):
    assert one.active_terms == other.active_terms
    np.testing.assert_allclose(one.coefficients, other.coefficients, atol=tolerance)


def piecewise(data, **options):
    with dask.config.set(scheduler="synchronous"):
        law = sd.identify(data, memory=MEMORY, **options)
    assert any("read piece by piece" in stage for stage in law.stages)
    return law


HOLES = sd.FiniteDifference(), sd.WeakForm(half_width=16, generalised=False, unbiased=False)


@pytest.mark.parametrize(
    "options",
    [
        {"differentiation": sd.FiniteDifference()},
        {"differentiation": sd.SavitzkyGolay(21, 4)},
        # whole strides from end to end, so that the windows of the whole are those of the lattice
        {"differentiation": sd.WeakForm(half_width=16, generalised=False, unbiased=False)},
        {"discrete": True},
        {"known": lambda state: {"x": -10 * state["x"], "y": 0 * state["y"], "z": 0 * state["z"]}},
    ],
    ids=["differences", "quartics", "windows", "map", "known"],
)
def test_pieces_give_the_law_of_the_whole(lorenz, options):
    whole = sd.identify(lorenz, library=QUADRATIC, **options)
    parts = piecewise(lorenz.chunk(time=3_000), library=QUADRATIC, **options)
    assert_same_law(parts, whole)
    assert parts.stats.rows == whole.stats.rows
    if "WeakForm" not in str(options):  # the same blocks of rows
        np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-3, atol=1e-9 * whole.covariance.max())
    assert parts.domain is not None


def test_a_second_order_law():
    t = 0.01 * np.arange(25_000)
    swing = xr.Dataset({"x": ("time", np.cos(2 * t) + 0.3 * np.sin(5 * t))}, coords={"time": t})
    options = {"library": sd.Monomials(1), "order": 2, "differentiation": sd.FiniteDifference()}
    assert_same_law(piecewise(swing.chunk(time=6_000), **options), sd.identify(swing, **options))


def test_many_short_runs_and_lists_of_data_sets(lorenz):
    t = TIMES[:100]
    runs = [lorenz.isel(time=slice(100 * k, 100 * k + 100)).assign_coords(time=t) for k in range(100)]
    many = xr.concat(runs, "trajectory")
    options = {"library": QUADRATIC, "differentiation": sd.FiniteDifference()}
    told = options | {"trajectories": "trajectory"}
    assert_same_law(piecewise(many.chunk(trajectory=30), **told), sd.identify(many, **told))
    two = [lorenz.isel(time=slice(0, 7_000)), lorenz.isel(time=slice(9_000, 20_000))]
    parts = piecewise([each.chunk(time=2_500) for each in two], **options)
    assert_same_law(parts, sd.identify(two, **options))
    assert parts.stats.rows == 18_000


@pytest.mark.parametrize("method", HOLES, ids=["differences", "windows"])
def test_missing_samples_are_left_out_across_the_borders_of_pieces(lorenz, method):
    holes = lorenz.copy(deep=True)
    holes["x"].values[2_999:3_003] = np.nan
    holes["y"].values[10_000:16_000] = np.nan  # several whole pieces
    options = {"library": QUADRATIC, "differentiation": method}
    parts = piecewise(holes.chunk(time=3_000), missing="skip", **options)
    assert parts.stats.rows < 20_001
    assert_same_law(parts, sd.identify(holes, missing="skip", **options), 1e-2)
    with pytest.raises(sd.InputError, match="not finite"):
        piecewise(holes.chunk(time=3_000), **options)


def test_noisy_states_go_through_the_weak_form(lorenz):
    rng = np.random.default_rng(1)
    data = lorenz.map(lambda v: v + 0.02 * float(v.std()) * rng.normal(size=v.shape))
    whole = sd.identify(data, library=QUADRATIC, differentiation=sd.WeakForm(generalised=False))
    parts = piecewise(data.chunk(time=3_000), library=QUADRATIC)
    assert any("weak form" in stage for stage in parts.stages)
    assert_same_law(parts, whole, 0.3)
    assert abs(parts.coefficients[parts.term_names.index("x"), 0] + 10) < 0.1


def test_a_loop_and_threads_give_the_same_bits_however_the_files_are_cut(lorenz, tmp_path):
    pytest.importorskip("zarr")
    lorenz.astype("float32").assign_coords(time=TIMES).to_zarr(tmp_path / "lorenz.zarr", consolidated=False)
    files = xr.open_zarr(tmp_path / "lorenz.zarr", chunks=None, consolidated=False, create_default_indexes=False)
    assert lazy_size(files) == 60_003
    said = []
    with sd.progress(said.append):
        loop = moments(files)
    assert any(text.startswith("moments: ") for text in said)
    for chunk in (2_500, 7_001):
        with dask.config.set(scheduler="threads", num_workers=2):
            assert_same_bits(moments(files.chunk(time=chunk)), loop)
    assert loop.blocks.dtype == np.float64
    assert len(files["x"].variable._data.shape) == 1  # nothing was loaded on the way
    assert lazy_size(files) == 60_003


def test_terms_that_are_hard_to_tell_apart_get_a_second_pass(lorenz):
    # the pieces that are looked at first show one regime, what lies between them another
    x = 1 + 1e-3 * np.sin(np.arange(60_000))
    x[5_200:7_600] = 50 * np.sin(0.01 * np.arange(2_400))
    data = xr.Dataset({"x": ("time", x), "rate": ("time", 3 - x)}, coords={"time": 0.01 * np.arange(60_000)})
    data["rate"].attrs["measured_rate_of"] = "x"
    said = []
    with sd.progress(said.append):
        law = piecewise(data.chunk(time=5_000), library=sd.Monomials(3), solver=sd.LeastSquares())
    assert any("once more" in text for text in said)
    np.testing.assert_allclose(law.coefficients[:, 0], [3, -1, 0, 0], atol=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"differentiation": sd.SmoothingSpline()}, "from all samples of a trajectory"),
        ({"differentiation": sd.JointEstimation()}, "JointEstimation needs all samples"),
        ({"differentiation": sd.WeakForm(generalised=True)}, "whitens all rows at once"),
        ({"differentiation": sd.WeakForm(windows=100)}, "half_width="),
        ({"differentiation": sd.IntegralForm()}, "not IntegralForm"),
        ({"promote": sd.SO(2)}, "need the data in memory"),
        ({"library": "auto"}, "need the data in memory"),
        ({"library": sd.Monomials(1) * sd.Elementary("log")}, "not finite at the sample"),
    ],
    ids=["smoother", "joint", "generalised", "count", "integral", "promote", "automatic", "infinite"],
)
def test_what_needs_all_samples_at_once_says_so(lorenz, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(lorenz.chunk(time=3_000), memory=MEMORY, **options)


def test_an_ensemble_comes_from_the_same_sums(lorenz, monkeypatch):
    options = {"library": QUADRATIC, "differentiation": sd.FiniteDifference(), "models": 50, "key": 3}
    whole = sd.ensemble(lorenz, **options)
    monkeypatch.setattr("symdyn.regress.posed.HELD", MEMORY)
    parts = sd.ensemble(lorenz.chunk(time=3_000), **options)
    np.testing.assert_allclose(parts.inclusion, whole.inclusion)


def test_inputs_and_a_clock_keep_their_values_in_every_piece():
    t = 0.01 * np.arange(30_000)
    push = np.sin(t) + t / 100
    x = 1 + 0.5 * np.cos(t)
    data = sd.dataset(t, x=x, push=push, slope=2 * push - x + 0.1 * t)
    data["slope"].attrs["measured_rate_of"] = "x"
    law = piecewise(data.chunk(time=4_000), library=sd.Monomials(1), inputs=("push", "time"))
    assert dict(zip(law.term_names, law.coefficients[:, 0].round(9), strict=True)) == {
        "1": 0, "x": -1, "push": 2, "time": 0.1
    }  # fmt: skip
    dated = data.assign_coords(time=np.datetime64("2000-01-01") + (1e9 * t).astype("timedelta64[ns]"))
    with pytest.raises(sd.InputError, match="make it numbers first"):
        piecewise(dated.chunk(time=4_000), library=sd.Monomials(1), inputs=("push", "time"))


def test_small_lazy_data_are_loaded_as_before(lorenz):
    law = sd.identify(lorenz.chunk(time=3_000), library=QUADRATIC)
    assert not any("piece by piece" in stage for stage in law.stages)


def cluster(processes: int):
    distributed = pytest.importorskip("distributed")
    return distributed.LocalCluster(
        n_workers=processes, processes=True, threads_per_worker=1, dashboard_address=None, memory_limit=0
    )


def test_two_processes_of_a_cluster_give_the_bits_of_the_loop(lorenz):
    loop = moments(lorenz)
    with cluster(2) as work, work.get_client() as client:
        found = moments(lorenz.chunk(time=3_000))
        done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(done) == 2
    assert min(done.values()) > 10
    assert_same_bits(found, loop)


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing(lorenz):
    def slowly(state):
        time.sleep(0.1)  # once a task: there is time to kill
        return {name: 0 * value for name, value in state.items()}

    long = lorenz.isel(time=np.arange(100_000) % 20_000).assign_coords(time=0.01 * np.arange(100_000))
    loop = moments(long, known=slowly)
    with cluster(4) as work, work.get_client() as client:
        before, killed = client.run(os.getpid), []

        def kill():
            while not killed:
                busy = [address for address, tasks in client.processing().items() if tasks]
                killed.extend(before[address] for address in busy[:1])
                time.sleep(0.05)
            time.sleep(2.0)
            os.kill(killed[0], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        found = moments(long.chunk(time=7_000), known=slowly)
        in_the_middle = not thread.is_alive()
        thread.join()
        after = client.run(os.getpid)
    assert in_the_middle
    assert killed[0] not in after.values()
    assert_same_bits(found, loop)
