"""The ephemeris: exact derivatives, and the law that it integrates."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from symdyn._errors import InputError
from symdyn.data.ephemeris import BODIES, FIRST, LAST
from symdyn.data.registry import open_dataset

DAY = np.timedelta64(86_400_000_000_000, "ns")


def inside(count, seed=0):
    """Instants at least half a day from every joint of the series (joints lie on multiples of 4 days)."""
    rng = np.random.default_rng(seed)
    joint = np.datetime64("1979-12-29", "ns")  # Julian date 2444236.5
    pieces = rng.integers(2, 3650, count) * 4
    return joint + pieces * DAY + (rng.uniform(0.5, 3.5, count) * 86400e9).astype("timedelta64[ns]")


def size(values):
    return np.linalg.norm(values, axis=-1)


def newton(ds):
    """Acceleration of every body by the attraction of the others, km s-2."""
    x = ds.position.values
    apart = x[:, None] - x[:, :, None]  # from body i to body j
    distance = size(apart) + np.where(np.eye(x.shape[1]), np.inf, 0.0)
    return np.einsum("j,tijc,tij->tic", ds.gm.values, apart, distance**-3)


@pytest.fixture(scope="module")
def planets():
    return open_dataset("planets", times=inside(400))


@pytest.mark.parametrize(("quantity", "rate"), [("position", "velocity"), ("velocity", "acceleration")])
def test_rates_are_derivatives(quantity, rate):
    times, step = inside(100, seed=1), np.timedelta64(1800, "s")
    weights = (4 / 5, -1 / 5, 4 / 105, -1 / 280)  # central, order 8
    difference = sum(
        w * (open_dataset("planets", times=times + k * step)[quantity].values
             - open_dataset("planets", times=times - k * step)[quantity].values)
        for k, w in enumerate(weights, start=1)
    ) / 1800.0  # fmt: skip
    exact = open_dataset("planets", times=times)
    assert exact[rate].attrs["rate_of"] == quantity
    assert (size(difference - exact[rate].values) / size(exact[rate].values)).max() < 1e-9


def test_accelerations_obey_newton_up_to_relativity(planets):
    error = size(planets.acceleration.values - newton(planets)) / size(planets.acceleration.values)
    bound = dict.fromkeys(BODIES, 1e-8) | {"mercury": 1e-7, "venus": 5e-8, "earth": 4e-8, "mars": 3e-8}
    bound |= {"moon": 1e-6, "sun": 1e-5}  # figures of the Earth and the Moon; asteroids
    for body, worst in zip(planets.body.values, error.max(axis=0), strict=True):
        assert worst < bound[body], body


@pytest.mark.parametrize("body", ["mercury", "venus", "mars"])
def test_the_remainder_is_post_newtonian(planets, body):
    sun, planet = planets.sel(body="sun"), planets.sel(body=body)
    r, v = ((planet[name] - sun[name]).values for name in ("position", "velocity"))
    mu, c = float(sun.gm), planets.attrs["speed_of_light"]
    d, rv = size(r)[:, None], (r * v).sum(-1, keepdims=True)
    expected = mu / c**2 * (4 * mu * r / d**4 - (v * v).sum(-1, keepdims=True) * r / d**3 + 4 * rv * v / d**3)
    rest = planet.acceleration.values - newton(planets)[:, list(planets.body.values).index(body)]
    assert size(rest - expected).mean() < 0.02 * size(expected).mean()


def test_center_of_mass_stays_at_the_origin(planets):
    total = np.einsum("b,tbc->tc", planets.gm.values, planets.position.values) / planets.gm.values.sum()
    assert size(total).max() < 1.0  # km; asteroids and relativity, out of a path of the Sun of 1e6 km


def test_earth_and_moon_balance_about_their_barycenter(planets):
    earth, moon = planets.sel(body="earth"), planets.sel(body="moon")
    apart = size((moon.position - earth.position).values)
    assert ((apart > 356_000) & (apart < 407_000)).all()
    assert float(earth.gm / moon.gm) == pytest.approx(81.3005690699153, rel=1e-14)


def test_heliocentric_coordinates_differ_by_the_sun_and_say_so(planets):
    helio = open_dataset("planets", times=planets.time.values, center="sun")
    assert "sun" not in helio.body
    assert helio.attrs["inertial"] == 0
    assert planets.attrs["inertial"] == 1
    for name in ("position", "velocity", "acceleration"):
        shifted = planets[name] - planets[name].sel(body="sun", drop=True)
        np.testing.assert_allclose(helio[name], shifted.sel(body=helio.body), rtol=1e-12)
    assert "not inertial" in helio.attrs["inertial_comment"]


def test_layout_units_and_attributes():
    ds = open_dataset("planets", start="1999-12-30", stop="2000-01-02", step_days=0.5)
    assert dict(ds.sizes) == {"time": 7, "body": 11, "component": 3}
    assert [ds[name].attrs["units"] for name in ("position", "velocity", "acceleration", "gm")] == [
        "km", "km s-1", "km s-2", "km3 s-2"
    ]  # fmt: skip
    assert ds.time.dtype == "datetime64[ns]"
    assert ds.time.attrs["axis"] == "T"
    assert ds.body.attrs["cf_role"] == "trajectory_id"
    assert list(ds.component.values) == ["x", "y", "z"]
    assert ds.attrs["frame"] == "ICRF"
    assert ds.attrs["time_scale"] == "TDB"
    assert np.isfinite(ds.position).all()


def test_times_in_any_form_and_order_give_the_same_states():
    stamps = ["2001-02-03T04:05:06", "1999-12-31", "2010-06-01T12:00"]
    wanted = open_dataset("planets", times=stamps).position
    for form in (np.array(stamps, "datetime64[s]"), pd.DatetimeIndex(stamps), xr.DataArray(wanted.time.values)):
        np.testing.assert_array_equal(open_dataset("planets", times=form).position, wanted)
    ordered = open_dataset("planets", times=sorted(stamps)).position
    xr.testing.assert_identical(ordered, wanted.sortby("time"))


def test_both_ends_are_inside_and_joints_are_continuous():
    assert open_dataset("planets", times=[FIRST, LAST]).sizes["time"] == 2
    joints = np.datetime64("1979-12-01", "ns") + np.arange(1, 457) * 32 * DAY  # of every series at once
    before = open_dataset("planets", times=joints - np.timedelta64(1, "ns"))
    after = open_dataset("planets", times=joints)
    assert size(after.position.values - before.position.values).max() < 1e-5  # km
    assert size(after.acceleration.values - before.acceleration.values).max() < 1e-13  # km s-2


@pytest.mark.parametrize("bad", ["1979-12-31", "2020-01-01T00:00:01", "1066-10-14", "3000-01-01", "NaT"])
def test_instants_outside_name_the_range(bad):
    with pytest.raises(InputError, match="1980-01-01 to 2020-01-01"):
        open_dataset("planets", times=["2000-01-01", bad])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": ["yesterday"]}, "ISO 8601"),
        ({"times": []}, "non-empty"),
        ({"times": [["2000-01-01"]]}, "shape"),
        ({"step_days": 0.0}, "step_days"),
        ({"start": "2000-01-02", "stop": "2000-01-01"}, "in order"),
        ({"stop": "2030-01-01"}, "1980-01-01 to 2020-01-01"),
        ({"bodies": ("earth", "vulcan")}, "vulcan"),
        ({"bodies": ("earth", "earth")}, "different"),
        ({"bodies": ()}, "different"),
        ({"center": "galaxy"}, "galaxy"),
    ],
)
def test_bad_requests(options, message):
    with pytest.raises(InputError, match=message):
        open_dataset("planets", **options)
