"""Quantities at the doors: units of astropy, of pint, and of anything that offers a value and a unit."""

import numpy as np
import pytest
import xarray as xr

import symdyn as sd
from symdyn.data.door import read
from symdyn.data.quantities import plain, unit_text
from symdyn.data.reading import Reading

u = pytest.importorskip("astropy.units")
T = np.linspace(0.0, 6.0, 61)
X, V = np.sin(T), np.cos(T)


class Quantity:
    """What unxt offers: a value, a unit of astropy, and no array of NumPy beneath."""

    def __init__(self, value, unit):
        self.value, self.unit = np.asarray(value), u.Unit(unit)
        self.shape, self.ndim, self.dtype = self.value.shape, self.value.ndim, self.value.dtype

    def to(self, unit):
        return Quantity(self.value * self.unit.to(unit), unit)


def _pint(values, unit):
    return pytest.importorskip("pint").get_application_registry().Quantity(values, unit)


MAKERS = {"astropy": lambda values, unit: values * u.Unit(unit), "value and unit": Quantity, "pint": _pint}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_arrays_bring_their_units_and_rates_are_converted(make):
    data = {"time": make(T, "day"), "x": make(X, "km"), "slope": make(V * 1e3 / 86400, "m/s")}
    found = read(data, Reading(rates={"x": "slope"}))
    assert (found.time_unit, found.space["x"].unit) == ("d", "km")
    assert found.space.component_names == ("x",)
    np.testing.assert_allclose(found.trajectories[0].rates[:, 0], V, rtol=1e-12)
    np.testing.assert_array_equal(found.trajectories[0].states[:, 0], X)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_units_that_do_not_fit_are_refused(make):
    data = {"time": make(T, "s"), "x": make(X, "km"), "slope": make(V, "kg")}
    with pytest.raises(sd.InputError, match=r"'slope' is in kg, which cannot be converted to km s-1: the rate of 'x'"):
        read(data, Reading(rates={"x": "slope"}))
    with pytest.raises(sd.InputError, match="the times have no unit"):
        read(data | {"time": T}, Reading(rates={"x": "slope"}))
    runs = [{"time": make(T, "s"), "x": make(X, unit)} for unit in ("km", "kg")]
    with pytest.raises(sd.InputError, match="'x' is in kg, which cannot be converted to km: the unit of the first run"):
        read(runs)


def test_runs_in_other_units_are_converted_and_bare_ones_refused():
    runs = [{"time": T * u.s, "x": X * u.km}, {"time": T * u.s, "x": 1e3 * X * u.m}]
    first, second = read(runs).trajectories
    np.testing.assert_allclose(second.states, first.states, rtol=1e-14)
    with pytest.raises(sd.InputError, match=r"in the same units; got x \(km\) and x"):
        read([runs[0], {"time": T * u.s, "x": X}])


def test_a_law_of_quantities_is_that_of_plain_datasets_with_units():
    made = sd.dataset(T * u.s, x=X * u.m, v=V * u.m / u.s)
    assert made["v"].attrs["units"] == "m s-1"
    assert made["time"].attrs["units"] == "s"
    held = xr.Dataset(
        {"x": ("time", X * u.m), "v": ("time", V * u.m / u.s)}, coords={"time": ("time", T, {"units": "s"})}
    )
    mapping = {"time": T * u.s, "x": X * u.m, "v": V * u.m / u.s}
    laws = [sd.identify(data, library=sd.Monomials(1)) for data in (made, held, mapping)]
    for law in laws:
        assert [law.model.space[name].unit for name in "xv"] == ["m", "m s-1"]
        np.testing.assert_allclose(law.model.coefficients, laws[0].model.coefficients, atol=1e-12)
    kinematic = held.assign(v=("time", 1e-3 * V * u.km / u.s))
    found = read(kinematic, Reading(rates={"x": "v"}))
    np.testing.assert_allclose(found.trajectories[0].rates[:, 0], V, rtol=1e-12)


def test_texts_of_units_and_scales():
    assert unit_text(u.kg * u.m**2 / u.s**2) == "kg m2 s-2"
    assert unit_text(_pint(1.0, "kg*m**2/s**2").units) == "kg m2 s-2"
    assert unit_text(_pint(1.0, "1/s").units) == "s-1"
    assert unit_text(_pint(1.0, "").units) == unit_text(u.dimensionless_unscaled) == "1"
    values, unit = plain(np.array([2.0]) * u.Unit(1000 * u.m))
    assert (values.tolist(), unit) == ([2000.0], "m")
    assert plain(X)[0] is X


def test_times_of_astropy_are_dates():
    time = pytest.importorskip("astropy.time")
    found = read({"time": time.Time("2001-01-01") + T * u.s, "x": X * u.m})
    assert found.time_unit == "s"
    assert found.origin.startswith("2001-01-01")
    np.testing.assert_allclose(found.trajectories[0].times, T, atol=1e-9)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_fields_of_quantities(make):
    lat, lon = np.linspace(-60, 60, 9), np.arange(0, 360, 30.0)
    wind = np.random.default_rng(0).normal(size=(5, 9, 12))
    coords = {
        "time": ("time", np.arange(5.0), {"units": "s", "axis": "T"}),
        "lat": ("lat", lat, {"units": "degrees_north"}),
        "lon": ("lon", lon, {"units": "degrees_east"}),
    }
    dims = ("time", "lat", "lon")
    plain_ = xr.Dataset({"u": (dims, wind, {"units": "m s-1"}), "v": (dims, wind, {"units": "m s-1"})}, coords)
    held = xr.Dataset({name: xr.Variable(dims, wind) for name in "uv"}, coords)
    values = {"u": make(wind, "m/s"), "v": make(wind * 3.6, "km/h")}
    if make is Quantity:  # xarray wraps duck arrays with __array_function__ only
        fields = sd.Fields.of(sd.open_fields(plain_, vectors=[("u", "v")]).grid, u=values["u"], v=values["v"])
        assert [v.unit for v in fields.space.variables] == ["m s-1", "km h-1"]
        return
    held = held.assign({name: (dims, value) for name, value in values.items()})
    expected, found = (sd.open_fields(ds, vectors=[("u", "v")]) for ds in (plain_, held))
    assert [v.unit for v in found.space.variables] == [v.unit for v in expected.space.variables] == ["m s-1"] * 2
    np.testing.assert_allclose(found.component("v"), expected.component("v"), rtol=1e-12)
    assert type(found.component("v")) is np.ndarray
    with pytest.raises(sd.InputError, match="'v' is in K, which cannot be converted to m s-1: 'u' is its other"):
        sd.open_fields(held.assign(v=(dims, make(wind, "K"))), vectors=[("u", "v")])
    assert found.with_field("f", make(np.full((1, 9, 1), 1e-4), "1/s")).space["f"].unit == "s-1"
