"""Drift and diffusion: known laws from their sample paths, and back."""

import jax
import numpy as np
import pytest

import symdyn as sd

STEP = 0.01


def double_well(n=100_000, seed=0):
    """dx = (x - x^3) dt + sqrt(0.2 + 0.1 x^2) dW, by Euler-Maruyama."""
    rng, x = np.random.default_rng(seed), np.ones(n)
    for k, kick in enumerate(rng.normal(size=n - 1)):
        x[k + 1] = x[k] + STEP * (x[k] - x[k] ** 3) + np.sqrt(STEP * (0.2 + 0.1 * x[k] ** 2)) * kick
    return {"time": STEP * np.arange(n), "x": x}


@pytest.fixture(scope="module")
def well():
    return sd.identify_stochastic(double_well(), library=sd.Monomials(5), noise_library=sd.Monomials(4))


def test_drift_and_diffusion_have_the_right_terms_and_values(well):
    assert well.drift.active_terms == ("x", "x^3")
    assert well.diffusion.active_terms == ("1", "x^2")
    lower, upper = well.drift.interval(0.999)
    truth = np.zeros_like(lower)
    truth[1], truth[3] = 1, -1
    assert ((lower <= truth) & (truth <= upper)).all()
    np.testing.assert_allclose(well.diffusion.coefficients[[0, 2], 0], [0.2, 0.1], rtol=0.1)
    assert str(well).splitlines()[1].startswith("D_x_x = ")


def test_sample_paths_have_the_stationary_moments_of_the_data(well):
    paths = well.simulate([1.0], np.arange(0, 60, 0.5), key=jax.random.key(0), runs=60)
    assert dict(paths.sizes) == {"run": 60, "time": 120}
    data = double_well()["x"]
    late = paths.x.values[:, 20:]
    assert np.mean(late**2) == pytest.approx(np.mean(data**2), rel=0.15)
    again = well.simulate([1.0], np.arange(0, 60, 0.5), key=jax.random.key(0), runs=60)
    np.testing.assert_array_equal(paths.x, again.x)


def test_correlated_noise_of_two_components():
    rng, n = np.random.default_rng(1), 60_000
    root = np.array([[0.5, 0.0], [0.3, 0.4]])
    x = np.zeros((n, 2))
    for k, kick in enumerate(rng.normal(size=(n - 1, 2))):
        x[k + 1] = x[k] + STEP * np.array([-x[k, 0] + x[k, 1], -x[k, 1]]) + np.sqrt(STEP) * root @ kick
    law = sd.identify_stochastic(
        {"time": STEP * np.arange(n), "a": x[:, 0], "b": x[:, 1]}, library=sd.Monomials(2), cross=True
    )
    assert law.pairs == ((0, 0), (0, 1), (1, 1))
    np.testing.assert_allclose(law.diffusion.coefficients[0], (root @ root.T)[[0, 0, 1], [0, 1, 1]], rtol=0.05)
    assert law.simulate({"a": 0.0, "b": 0.0}, np.arange(0, 1, 0.1), key=jax.random.key(1)).sizes["time"] == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 2}, "order does not apply"),
        ({"discrete": True}, "discrete does not apply"),
        ({"differentiation": sd.FiniteDifference()}, "differentiation does not apply"),
    ],
)
def test_settings_that_do_not_apply(options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify_stochastic(double_well(100), **options)


def test_a_step_that_is_too_long(well):
    with pytest.raises(sd.InputError, match="shortest interval"):
        well.simulate([1.0], np.arange(0, 1, 0.1), key=jax.random.key(0), step=0.5)


TIMES = np.linspace(0, 5, 200)


def test_each_trajectory_has_its_own_coefficients_and_all_the_same_terms():
    rng, speeds = np.random.default_rng(0), (1.0, 1.5, 2.2)
    runs = [{"time": TIMES, "x": np.cos(w * TIMES), "v": -w * np.sin(w * TIMES)} for w in speeds]
    for run in runs:
        run["dx"], run["dv"] = run["v"] + 0.05 * rng.normal(size=200), np.gradient(run["v"], TIMES, edge_order=2)
    laws = sd.identify_each(runs, library=sd.Monomials(3), rates={"x": "dx", "v": "dv"})
    assert len(laws) == 3
    assert {law.active_terms for law in laws.solutions} == {("x", "v")}
    assert [law.coefficient("x", "v")[0] for law in laws.solutions] == pytest.approx(
        [-(w**2) for w in speeds], rel=1e-2
    )
    table = laws.to_xarray()
    assert table.sizes["trajectory"] == 3
    assert laws["1"] is laws[1]
    with pytest.raises(sd.InputError, match="no trajectory 'z'"):
        laws["z"]


def test_a_family_needs_several_trajectories_and_ebic():
    run = {"time": TIMES, "x": np.cos(TIMES)}
    with pytest.raises(sd.InputError, match="two trajectories or more"):
        sd.identify_each(run)
    with pytest.raises(sd.InputError, match="chosen by EBIC"):
        sd.identify_each([run, run], selection=sd.Knee())
