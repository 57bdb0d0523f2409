import jax
import numpy as np
import pytest
import xarray as xr

import symdyn as sd

T = np.linspace(0, 12, 400)


@pytest.fixture(scope="module")
def kepler():
    data = sd.make_dataset("kepler", times=T, rates=True)
    data["time"].attrs["units"] = "s"
    return data


@pytest.fixture(scope="module")
def law(kepler):
    return sd.identify(kepler, library=sd.Radial("position", powers=(-3, 0)), rate_of="velocity")


def test_the_orbit_comes_back_labelled_and_with_units(kepler, law):
    run = law.simulate(kepler.isel(time=0), kepler.time)
    assert dict(run.sizes) == dict(kepler.sizes)
    assert list(run.component.values) == ["x", "y", "z"]
    xr.testing.assert_allclose(run.position, kepler.position.drop_attrs(), rtol=1e-6, atol=1e-7)


def test_every_kind_of_start_gives_the_same_run(kepler, law):
    dataset = kepler.isel(time=0)
    as_dict = {name: dataset[name].values for name in ("position", "velocity")}
    as_array = np.array([*as_dict["position"], *as_dict["velocity"]])
    runs = [law.simulate(start, T[:50]) for start in (dataset, as_dict, as_array)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.velocity, runs[0].velocity)


def test_trajectories_are_integrated_together_and_alike(law):
    starts = np.random.default_rng(0).normal([1, 0, 0, 0, 1, 0], size=(3, 6))
    together = law.simulate(starts, T[:40])
    assert together.position.dims == ("trajectory", "time", "component")
    for k in range(3):
        np.testing.assert_allclose(together.position[k], law.simulate(starts[k], T[:40]).position, rtol=1e-6)


def test_dates_are_times(law):
    dates = np.datetime64("2020-01-01", "ns") + (T[:20] * 1e9).astype("timedelta64[ns]")
    start = np.array([1.0, 0, 0, 0, 1, 0])
    by_dates, by_numbers = law.simulate(start, dates), law.simulate(start, T[:20])
    assert by_dates.time.dtype.kind == "M"
    np.testing.assert_allclose(by_dates.position, by_numbers.position, rtol=1e-6)


def test_float64_inside_and_the_flag_untouched(law):
    before = jax.config.jax_enable_x64
    run = law.simulate(np.array([1.0, 0, 0, 0, 1, 0]), T[:5])
    assert run.position.dtype == np.float64
    assert jax.config.jax_enable_x64 == before


def test_energy_is_kept_over_many_orbits(law):
    run = law.simulate(np.array([1.0, 0, 0, 0, 1.2, 0]), np.linspace(0, 500, 200), rtol=1e-12)
    energy = 0.5 * (run.velocity**2).sum("component") - 1 / np.sqrt((run.position**2).sum("component"))
    assert float(energy.max() - energy.min()) < 1e-8


@pytest.mark.parametrize(
    ("start", "times", "message"),
    [
        (np.ones(5), T, r"shape \(6,\) or \(runs, 6\), got \(5,\)"),
        ({"position": np.ones(3)}, T, "the start lacks velocity"),
        ({"position": np.ones(2), "velocity": np.ones(3)}, T, r"'position' must have shape \(3,\), got \(2,\)"),
        (np.array([1.0, 0, 0, 0, np.nan, 0]), T, "the start holds nan"),
        (np.ones(6), T[::-1], "increasing"),
        (np.ones(6), T[:1], "t >= 2"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(law, start, times, message):
    with pytest.raises(sd.InputError, match=message):
        law.simulate(start, times)


def test_a_law_that_blows_up_says_when():
    t = np.linspace(0, 0.9, 200)
    data = sd.dataset(t, x=1 / (1 - t))
    law = sd.identify(data, library=sd.Monomials(2))
    with pytest.raises(sd.SymdynError, match=r"stopped at time .* of 3"):
        law.simulate({"x": np.array(1.0)}, np.linspace(0, 3, 50), max_steps=2000)


def test_a_state_whose_rate_is_unknown_cannot_be_simulated():
    data = sd.dataset(T, x=np.sin(T), force=np.cos(T))
    law = sd.identify(data, rate_of="x", library=sd.Monomials(1))
    with pytest.raises(sd.InputError, match="does not say how force change"):
        law.simulate(np.ones(2), T)


def test_scores_of_held_out_trajectories(law):
    starts = {"position": np.array([[1.0, 0, 0], [0, 1.1, 0]]), "velocity": np.array([[0.0, 1.1, 0], [-0.9, 0, 0.2]])}
    held_out = sd.make_dataset("kepler", times=T, start=starts, rates=True)
    scores = law.score(held_out)
    assert scores.r2.dims == ("trajectory", "variable")
    assert float(scores.r2.min()) > 1 - 1e-9
    assert float(scores.rate_r2.min()) > 1 - 1e-9
    wrong = sd.identify(held_out, library=sd.Radial("position", powers=(0,)), rate_of="velocity")
    assert float(wrong.score(held_out).r2.min()) < 0.9


def test_scores_name_variables_that_differ(law, kepler):
    with pytest.raises(sd.InputError, match=r"the law has the state .*, and the data have"):
        law.score(kepler[["velocity", "velocity_rate"]])


def test_a_law_of_second_order_is_scored_from_positions():
    data = sd.make_dataset("harmonic_oscillator", times=np.arange(0, 10, 0.02))[["position"]]
    law = sd.identify(data, library=sd.Radial("position", powers=(0,)), order=2)
    assert float(law.score(data).r2.min()) > 0.9999
