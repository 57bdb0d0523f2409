"""The door for gridded data: layouts that are seen in files, each written and read again."""

import sys
import warnings

import numpy as np
import pytest
import xarray as xr

import symdyn as sd

LAT, LON = np.linspace(-80, 80, 17), np.arange(0, 360, 15.0)
DAYS = np.datetime64("2001-01-01", "ns") + np.arange(6) * np.timedelta64(1, "D")


def _values(*shape):
    return np.random.default_rng(0).normal(size=shape)


def _written(ds, tmp_path, encoding=None, **options):
    path = tmp_path / "fields.nc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.to_netcdf(path, engine="netcdf4", encoding=encoding or {})
    return xr.open_dataset(path, engine="netcdf4", **options)


def _cf(lat=LAT, lon=LON, times=DAYS):
    shape = (len(times), len(lat), len(lon))
    ds = xr.Dataset(
        {
            "ua": (("when", "j", "i"), _values(*shape), {"standard_name": "eastward_wind", "units": "m s-1"}),
            "va": (("when", "j", "i"), _values(*shape) + 1, {"standard_name": "northward_wind", "units": "m s-1"}),
        },
        coords={"when": times, "j": lat, "i": lon},
    )
    ds["when"].attrs.update(axis="T", standard_name="time")
    ds["j"].attrs.update(units="degrees_north")
    ds["i"].attrs.update(standard_name="longitude", units="degrees_east")
    return ds


def test_cf_attributes_tell_and_values_are_read_late(tmp_path):
    with _written(_cf(), tmp_path) as ds:
        fields = sd.open_fields(ds)
        assert fields.grid.names == ("when", "j", "i")
        assert fields.grid.sphere.wraps
        assert fields.vectors == (("ua", "va"),)
        assert fields.space["ua"].unit == "m s-1"
        assert fields.grid.time.unit == "s"
        assert np.diff(fields.grid.time.points) == pytest.approx(86400)
        np.testing.assert_allclose(fields.slab(2, 4), [ds.ua[2:4], ds.va[2:4]])
        np.testing.assert_allclose(fields.component("va"), ds.va)
        assert not fields.values[1]._in_memory


def test_descending_latitude_half_turned_longitudes_and_packed_integers(tmp_path):
    ds = _cf(lat=LAT[::-1], lon=LON - 180)
    packing = {name: {"dtype": "int16", "scale_factor": 1e-3, "_FillValue": -32768} for name in ("ua", "va")}
    with _written(ds, tmp_path, packing) as found:
        fields = sd.open_fields(found)
        assert fields.grid.sphere.wraps
        assert fields.grid.sphere.latitude[0] > 0
        np.testing.assert_allclose(fields.component("ua"), ds.ua, atol=6e-4)
    with (
        xr.open_dataset(tmp_path / "fields.nc", engine="netcdf4", mask_and_scale=False) as packed,
        pytest.raises(sd.InputError, match="packed values decode the file"),
    ):
        sd.open_fields(packed)


def test_gaussian_grid_with_missing_values(tmp_path):
    lat = np.round(np.degrees(np.arcsin(np.polynomial.legendre.leggauss(32)[0])), 4)
    ds = _cf(lat=lat.astype(np.float32))
    ds["ua"][:, 3:6, 2:9] = np.nan
    with _written(ds, tmp_path) as found:
        fields = sd.open_fields(found)
        assert fields.grid.sphere.gaussian_latitudes
        form = sd.FieldWeakForm(half_width={"when": 2, "j": 3, "i": 3}, stride=2)
        rows = sd.field_rows(fields, sd.Fluxes({"u": {"": "ua"}}), form=form, order=1)
        assert 0 < (rows.weights > 0).sum() < len(rows.weights)
        assert np.isfinite(rows.design).all()


def test_another_calendar(tmp_path):
    cftime = pytest.importorskip("cftime")
    times = [cftime.Datetime360Day(2001, 2, d) for d in (28, 29, 30)] + [cftime.Datetime360Day(2001, 3, 1)]
    ds = _cf(times=times)
    with _written(ds, tmp_path) as found:
        fields = sd.open_fields(found)
        np.testing.assert_allclose(fields.grid.time.points, 86400.0 * np.arange(4))
        assert fields.origin.startswith("2001-02-28")


def test_month_beside_time(tmp_path):
    ds = _cf().rename(when="time")
    ds = ds.assign_coords(month=("time", ds.time.dt.month.values))
    ds["climatology"] = (("month_of_year", "j", "i"), _values(12, len(LAT), len(LON)))
    with _written(ds, tmp_path) as found, pytest.warns(sd.SymdynWarning, match="leaving climatology aside"):
        fields = sd.open_fields(found)
    assert fields.grid.names == ("time", "j", "i")
    assert fields.component_names == ("ua", "va")


def test_no_attributes_at_all(tmp_path):
    ds = xr.Dataset(
        {"h": (("lon", "lat", "t", "lev"), _values(len(LON), len(LAT), 5, 1))},
        coords={"lon": LON, "lat": LAT, "t": np.arange(5.0), "lev": [500.0]},
    )
    with (
        _written(ds, tmp_path) as found,
        pytest.warns(sd.SymdynWarning, match="longitude='lon', latitude='lat'"),
    ):
        fields = sd.open_fields(found)
    assert fields.grid.shape == (5, len(LAT), len(LON))
    with xr.open_dataset(tmp_path / "fields.nc", engine="netcdf4") as found:
        np.testing.assert_allclose(fields.component("h"), found.h[..., 0].transpose("t", "lat", "lon"))
        told = sd.open_fields(found, time="t", latitude="lat", longitude="lon")  # no warning
    assert told.grid == fields.grid


def test_a_plane_with_vectors_along_a_dimension(tmp_path):
    x, y = np.linspace(0, 3, 12), np.array([0.0, 0.1, 0.3, 0.6, 1.0])
    ds = xr.Dataset(
        {"velocity": (("time", "y", "x", "component"), _values(4, 5, 12, 2), {"units": "m s-1"})},
        coords={"time": np.arange(4.0), "x": x, "y": y, "component": ["x", "y"]},
    )
    ds["time"].attrs.update(axis="T", units="s")
    ds["x"].attrs.update(axis="X", units="m")
    ds["y"].attrs.update(axis="Y", units="m")
    with _written(ds, tmp_path) as found:
        fields = sd.open_fields(found, periodic=["x"])
        assert fields.component_names == ("velocity_x", "velocity_y")
        assert [axis.wraps for axis in fields.grid.space_axes] == [False, True]
        assert fields.grid.space_axes[1].period == pytest.approx(3 * 12 / 11)
        assert fields.grid.units == ("s", "m", "m")
        np.testing.assert_allclose(fields.component("velocity_y"), found.velocity[..., 1])
        with pytest.raises(sd.InputError, match="not even"):
            sd.open_fields(found, periodic=["y"])
        with pytest.raises(sd.InputError, match="not the period 3"):
            sd.open_fields(found, periodic={"x": 3.0})
        assert not any(axis.wraps for axis in sd.open_fields(found).grid.axes)


def test_what_cannot_be_told_is_listed():
    ds = xr.Dataset({"q": (("a", "b"), _values(4, 5))}, coords={"a": np.arange(4.0)})
    with pytest.raises(sd.InputError, match=r"cannot tell what 'a', 'b' is.*a \(4; no attributes\), b \(5; no coord"):
        sd.open_fields(ds)
    with pytest.raises(sd.InputError, match="'b' has no coordinate; say where its samples lie"):
        sd.open_fields(ds, time="a", space="b")
    with pytest.raises(sd.InputError, match="latitude names 'lat'; the fields have the dimensions"):
        sd.open_fields(ds, latitude="lat")
    with pytest.raises(sd.InputError, match="unknown variable 'p'; the data have q"):
        sd.open_fields(ds, ["p"])
    with pytest.raises(sd.InputError, match="got ndarray"):
        sd.open_fields(np.zeros(3))
    curved = ds.assign_coords(lat=(("a", "b"), _values(4, 5)))
    with pytest.raises(sd.InputError, match="depend on two dimensions: interpolate"):
        sd.open_fields(curved, time="a", space="b")


def test_grids_that_go_around_twice_or_back_are_refused():
    with pytest.raises(sd.InputError, match="drop the one that is repeated"):
        sd.open_fields(_cf(lon=np.linspace(0, 360, 25)))
    with pytest.raises(sd.InputError, match=r"repeated at index 2.*sortby\('j'\)"):
        sd.open_fields(_cf(lat=np.array([0.0, 1.0, 1.0, 2.0])))
    with pytest.raises(sd.InputError, match="one grid"):
        sd.open_fields(xr.Dataset({"a": (("x", "y"), _values(3, 4)), "b": (("x",), _values(3))}), ["a", "b"])


RADIUS, TURN = 6.371e6, 2 * np.pi / (8 * 86400)  # a turn in 8 days


def _carried(lat=LAT, hours=6):
    """A tracer carried by a wind that turns as a rigid body: q_t = -div(q u)."""
    lat, lon = np.asarray(lat), np.arange(0, 360, 7.5)
    times = np.datetime64("2001-02-20", "ns") + hours * np.arange(48) * np.timedelta64(1, "h")
    phase = np.radians(lon) - TURN * 3600 * hours * np.arange(48)[:, None, None]
    north = np.radians(lat)[:, None]
    q = 2 + np.cos(2 * phase) * np.cos(north) ** 2 + 0.5 * np.sin(3 * phase) * np.cos(north) ** 3 * np.sin(north)
    u = TURN * RADIUS * np.cos(north) * np.ones_like(q)
    ds = xr.Dataset(
        {"q": (("time", "lat", "lon"), q, {"units": "1"}), "u": (("time", "lat", "lon"), u, {"units": "m s-1"})},
        {"time": times, "lat": lat, "lon": lon},
    )
    ds["time"].attrs.update(axis="T", standard_name="time")
    ds["lat"].attrs.update(units="degrees_north", standard_name="latitude")
    ds["lon"].attrs.update(units="degrees_east", standard_name="longitude")
    return ds


def _without_attributes(ds):
    seconds = 21600.0 * np.arange(ds.sizes["time"])
    return ds.assign_coords(time=seconds).drop_attrs().transpose("lon", "lat", "time"), {}, {}


def _of_another_calendar(ds):
    cftime = pytest.importorskip("cftime")
    start = cftime.DatetimeNoLeap(2001, 2, 20)
    units = {"time": {"units": "hours since 2001-02-20", "calendar": "noleap"}}
    cftimes = [start + np.timedelta64(6 * k, "h").item() for k in range(ds.sizes["time"])]
    return ds.assign_coords(time=("time", cftimes, ds.time.attrs)), units, {}


def _packed(ds):
    packing = {"dtype": "int16", "add_offset": 2.0, "scale_factor": 1e-4, "_FillValue": -32768}
    return ds, {"q": packing, "u": packing | {"add_offset": 0.0, "scale_factor": 0.002}}, {}


def _with_coasts(ds):
    land = (ds.lon > 100) & (ds.lon < 160) & (ds.lat > 10)
    return ds.where(~land), {}, {}


def _with_months(ds):
    ds = ds.assign_coords(month=("time", ds.time.dt.month.values))
    ds["climatology"] = (("month_of_year", "lat", "lon"), np.ones((12, ds.sizes["lat"], ds.sizes["lon"])))
    return ds, {}, {"variables": ["q", "u"]}


GAUSSIAN = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(40)[0]))
LAYOUTS = {
    "no attributes": lambda: _without_attributes(_carried(np.linspace(-85, 85, 40))),
    "Gaussian": lambda: (_carried(np.round(GAUSSIAN, 3).astype(np.float32)), {}, {}),
    "descending": lambda: (_carried(np.linspace(85, -85, 40)), {}, {}),
    "another calendar": lambda: _of_another_calendar(_carried(np.linspace(-85, 85, 40))),
    "packed integers": lambda: _packed(_carried(np.linspace(-85, 85, 40))),
    "coasts": lambda: _with_coasts(_carried(np.linspace(-85, 85, 40))),
    "month beside time": lambda: _with_months(_carried(np.linspace(-85, 85, 40))),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_law(layout, tmp_path):
    ds, encoding, options = LAYOUTS[layout]()
    metric = {"latitude": "lat", "radius": RADIUS}
    flux = {"div(q u)": {"lon": "q u"}, "q": {"": "q"}, "q_east": {"lon": "q"}, "q_north": {"lat": "q"}}
    with _written(ds, tmp_path, encoding) as found, warnings.catch_warnings():
        warnings.simplefilter("ignore" if layout == "no attributes" else "error")
        fields = sd.open_fields(found, radius=RADIUS, **options)
        law = sd.identify_field(
            fields, library=sd.Fluxes(flux, **metric), rate_of="q",
            form=sd.FieldWeakForm(half_width={"time": 8, "lat": 8, "lon": 8}, stride=4),
        )  # fmt: skip
    assert fields.grid.names == ("time", "lat", "lon") or layout == "no attributes"
    np.testing.assert_allclose(np.degrees(fields.grid.sphere.latitude), ds.lat, atol=1e-4)
    assert law.active_terms == ("div(q u)",)
    np.testing.assert_allclose(law.coefficients[0, 0], -1.0, rtol=0.01)


@pytest.mark.parametrize("installed", [True, False])
def test_attributes_of_other_conventions_and_what_cf_xarray_adds(installed, monkeypatch):
    ds = xr.Dataset({"h": (("a", "b", "c"), _values(5, 6, 24))}, {"a": np.arange(5.0), "b": LAT[:6], "c": LON})
    ds["a"].attrs.update(_CoordinateAxisType="Time")
    ds["b"].attrs.update(long_name="Latitude")
    ds["c"].attrs.update(_CoordinateAxisType="Lon")
    deep = ds.assign_coords(b=("b", np.arange(6.0), {"standard_name": "ocean_sigma_coordinate"}))
    if installed:
        pytest.importorskip("cf_xarray")
        assert sd.open_fields(deep.isel(c=0)).grid.names == ("a", "b")
    else:
        monkeypatch.setitem(sys.modules, "cf_xarray", None)
        with pytest.raises(sd.InputError, match="cannot tell what 'b' is"):
            sd.open_fields(deep.isel(c=0))
    fields = sd.open_fields(ds)
    assert fields.grid.time.name == "a"
    assert fields.grid.sphere.names == ("b", "c")
