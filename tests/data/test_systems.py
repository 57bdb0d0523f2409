"""Simulated systems: each obeys its own equations, keeps what it should keep, and is reproducible."""

import functools
import json

import jax
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

from symdyn._errors import InputError, SymdynError
from symdyn.data.registry import list_datasets, open_dataset
from symdyn.data.systems import SYSTEMS, make_dataset

KEY = jax.random.key(7)
STRETCH = {"double_pendulum": 0.5, "glycolysis": 0.1, "lorenz96": 0.5}  # chaotic: errors grow by e every 0.6


def request_of(name):
    """Three random starts; one shape for all tests, because every new shape is compiled anew."""
    return {"times": np.linspace(0.0, STRETCH.get(name, 2.0), 201), "trajectories": 3, "rates": True, "key": KEY}


@functools.cache
def simulate(name):
    return make_dataset(name, **request_of(name))


# each system is compiled for itself: the default run takes one of every kind, of one and of several components
DEFAULT = {
    "double_spring_pendulum",
    "glycolysis",
    "kepler",
    "lorenz96",
    "lotka_volterra",
    "michaelis_menten",
    "pendulum",
}


@pytest.fixture(params=[n if n in DEFAULT else pytest.param(n, marks=pytest.mark.slow) for n in sorted(SYSTEMS)])
def simulated(request):
    return request.param, simulate(request.param)


def test_rates_are_derivatives(simulated):
    name, ds = simulated
    for variable in SYSTEMS[name].variables:
        step = float(ds.time[1] - ds.time[0])
        rate_name = dict(SYSTEMS[name].kinematics).get(variable, f"{variable}_rate")
        x, rate = ds[variable].values, ds[rate_name].values
        weights = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0, 4 / 5, -1 / 5, 4 / 105, -1 / 280]) / step
        difference = sum(w * x[:, k : x.shape[1] - 8 + k] for k, w in enumerate(weights))
        mark = "rate_of" if variable in dict(SYSTEMS[name].kinematics) else "measured_rate_of"
        assert ds[rate_name].attrs[mark] == variable
        assert np.abs(difference - rate[:, 4:-4]).max() < 1e-6 * max(1.0, np.abs(rate).max())


def test_solution_agrees_with_scipy(simulated):
    name, ds = simulated
    system = SYSTEMS[name]
    found = np.stack([ds[v].values[0, ::40] for v in system.variables], axis=1)  # (time, variable[, component])

    def field(t, y):
        return np.concatenate([np.ravel(r) for r in system.rhs(t, *y.reshape(found.shape[1:]), **system.parameters)])

    with jax.enable_x64(True):
        span, settings = (0.0, float(ds.time[-1])), {"rtol": 1e-12, "atol": 1e-12, "method": "DOP853"}
        wanted = solve_ivp(field, span, found[0].ravel(), t_eval=ds.time.values[::40], **settings).y
    np.testing.assert_allclose(found.reshape(len(found), -1).T, wanted, rtol=1e-7, atol=1e-7)


def test_layout_and_attributes(simulated):
    name, ds = simulated
    system = SYSTEMS[name]
    assert list(ds.data_vars)[: len(system.variables)] == list(system.variables)
    assert ds[system.variables[0]].dims == ("trajectory", "time", "component")[: 2 + bool(system.components)]
    assert json.loads(ds.attrs["parameters"]) == system.parameters
    assert ds.attrs["equations"] == system.equations != ""
    assert ds.time.attrs == {"axis": "T", "units": "1", "long_name": "time"}
    assert all(ds[v].attrs["units"] == "1" and ds[v].dtype == np.float64 for v in ds.data_vars)


def energy(ds, name):
    p = SYSTEMS[name].parameters
    if name == "kepler":
        return (ds.velocity**2).sum("component") / 2 - p["gm"] / (ds.position**2).sum("component") ** 0.5
    if name == "harmonic_oscillator":
        return (ds.velocity**2 + ds.position**2).sum("component") / 2
    if name == "pendulum":
        return ds.angular_velocity**2 / 2 - np.cos(ds.angle)
    if name == "rigid_body":
        return (ds.angular_velocity**2 * xr.DataArray([1.0, 2.0, 3.0], dims="component")).sum("component") / 2
    if name == "lotka_volterra":
        prey, predator = p["reproduction"] * ds.prey, p["predation"] * ds.predator
        return prey - p["death"] * np.log(ds.prey) + predator - p["growth"] * np.log(ds.predator)
    kinetic = ((ds.p1**2 + ds.p2**2) / 2).sum("component")
    arms = [(x**2).sum("component") ** 0.5 for x in (ds.x1, ds.x1 - ds.x2)]
    height = (ds.x1 + ds.x2).sel(component="z")
    return kinetic + (arms[0] - 1) ** 2 / 2 + (arms[1] - 1) ** 2 + height


CONSERVATIVE = ["kepler", "harmonic_oscillator", "pendulum", "rigid_body", "lotka_volterra", "double_spring_pendulum"]


@pytest.mark.parametrize("name", CONSERVATIVE)
def test_energy_is_conserved_on_random_starts(name):
    ds = simulate(name)
    kept = energy(ds, name)
    np.testing.assert_allclose(kept, kept.isel(time=0).broadcast_like(kept), rtol=1e-8, atol=1e-8)
    assert len(np.unique(kept.isel(time=0))) == 3


@pytest.mark.parametrize(("name", "axes"), [("kepler", "xyz"), ("double_spring_pendulum", "z")])
def test_angular_momentum_is_conserved(name, axes):
    ds = simulate(name)
    pairs = [("position", "velocity")] if name == "kepler" else [("x1", "p1"), ("x2", "p2")]
    kept = sum(xr.cross(ds[x], ds[p], dim="component") for x, p in pairs).sel(component=list(axes))
    np.testing.assert_allclose(kept, kept.isel(time=0).broadcast_like(kept), atol=1e-7)


def test_damped_rotation_is_a_spiral():
    ds = make_dataset("damped_oscillator", damping=0.2, frequency=3.0, **request_of("damped_oscillator"))
    z = ds.x + 1j * ds.y
    expected = z.isel(time=0) * np.exp((-0.2 + 3j) * ds.time)
    np.testing.assert_allclose(z, expected, atol=1e-9)


def test_key_decides_every_bit_whatever_the_flag_of_the_caller():
    request = request_of("hopf") | {"noise": 0.1}
    first = make_dataset("hopf", **request)
    with jax.enable_x64(True):
        second = make_dataset("hopf", **request)
    xr.testing.assert_identical(first, second)
    assert not np.array_equal(first.x, make_dataset("hopf", **(request | {"key": jax.random.key(8)})).x)


def test_flag_of_the_caller_is_left_alone():
    for flag in (False, True):
        with jax.enable_x64(flag):
            make_dataset("hopf", noise=0.1, **request_of("hopf"))
            with pytest.raises(InputError):
                make_dataset("hopf", start=[np.nan, 0.0])
            assert jax.config.jax_enable_x64 is flag


def test_noise_is_white_isotropic_and_of_the_size_asked_for():
    clean, noisy = simulate("kepler"), make_dataset("kepler", noise=0.05, **request_of("kepler"))
    for name in ("position", "velocity"):
        draws = (noisy[name] - clean[name]).values
        level = 0.05 * float((clean[name] ** 2).mean()) ** 0.5
        assert noisy[name].attrs["noise_std"] == pytest.approx(level)
        np.testing.assert_allclose(draws.std(axis=(0, 1)), level, rtol=0.12)
        assert abs(np.mean(draws[:, 1:] * draws[:, :-1])) < 0.05 * level**2
    np.testing.assert_array_equal(noisy["velocity_rate"], clean["velocity_rate"])


def test_starts_in_every_form():
    times, flat = request_of("kepler")["times"], [1.0, 0.0, 0.0, 0.0, 1.1, 0.2]
    single = make_dataset("kepler", times=times, start=flat)
    named = make_dataset("kepler", times=times, start={"position": flat[:3], "velocity": flat[3:]})
    several = make_dataset("kepler", times=times, start=[flat] * 3)
    mixed = make_dataset("kepler", times=times, start={"position": [flat[:3]] * 3, "velocity": flat[3:]})
    xr.testing.assert_identical(single, named)
    xr.testing.assert_identical(several, mixed)
    np.testing.assert_allclose(several.position.isel(trajectory=1), single.position, atol=1e-9)
    assert several.trajectory.attrs["cf_role"] == "trajectory_id"
    assert "trajectory" not in single.dims
    assert make_dataset("kepler", times=times, trajectories=1, key=KEY).sizes["trajectory"] == 1
    np.testing.assert_array_equal(several.position.isel(trajectory=0, time=0), flat[:3])


def test_lorenz96_has_as_many_sites_as_the_start():
    ds = make_dataset("lorenz96", times=[0.0, 0.1], start=np.arange(6.0), forcing=4.0)
    assert ds.sizes["component"] == 6
    assert json.loads(ds.attrs["parameters"]) == {"forcing": 4.0}


def test_every_system_is_in_the_registry_and_takes_options_through_it():
    listed = {info.name: info for info in list_datasets() if info.kind == "simulated"}
    assert set(listed) == set(SYSTEMS)
    assert all(info.truth and info.citation and info.title for info in listed.values())
    options = request_of("lorenz") | {"rho": 20.0}
    xr.testing.assert_identical(open_dataset("lorenz", **options), make_dataset("lorenz", **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigmaa": 1.0}, r"'sigmaa'\. Did you mean 'sigma'.*sigma, rho, beta.*noise"),
        ({"sigma": np.inf}, "finite"),
        ({"sigma": [1.0, 2.0]}, "finite number"),
        ({"noise": 0.1}, r"needs `key`"),
        ({"trajectories": 2}, r"needs `key`"),
        ({"noise": -1.0}, "zero or more"),
        ({"trajectories": 0, "key": KEY}, "positive number"),
        ({"trajectories": 2, "start": [1.0, 2.0, 3.0], "key": KEY}, "`start` or"),
        ({"start": [1.0, 2.0]}, r"shape \(3,\)"),
        ({"start": {"x": 1.0}}, "mapping from x, y, z"),
        ({"start": {"x": [1.0, 2.0], "y": [1.0, 2.0, 3.0], "z": 0.0}}, "mapping from x, y, z"),
        ({"times": [0.0]}, "at least two"),
        ({"times": [0.0, 1.0, 1.0]}, "increasing"),
    ],
)
def test_bad_requests(options, message):
    with pytest.raises(InputError, match=message):
        make_dataset("lorenz", **options)


def test_unknown_system():
    with pytest.raises(InputError, match=r"'lorentz'\. Did you mean 'lorenz'"):
        make_dataset("lorentz")


def test_solution_that_escapes_is_an_error():
    with pytest.raises(SymdynError, match="cannot be continued"):
        make_dataset("hopf", saturation=-1.0, **request_of("hopf"))
