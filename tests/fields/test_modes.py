"""Modes of fields: orthogonality by area, masks, what is left out, files, travelling pairs and their laws."""

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import symdyn as sd
from symdyn.data import registry

LAT, LON = np.linspace(-87.5, 87.5, 36), np.arange(0, 360, 10.0)
DAYS = np.datetime64("2001-01-01", "ns") + np.arange(400) * np.timedelta64(6, "h")


def _waves(noise=0.0, descending=False):
    """A travelling wave, a standing oscillation and a mean on the sphere: (time, lat, lon)."""
    t = np.arange(400) / 4
    lat, lon = np.radians(LAT)[:, None], np.radians(LON)
    wave = 3 * np.cos(2 * lon - 0.5 * t[:, None, None]) * np.cos(lat) ** 2
    standing = 1.5 * np.cos(1.3 * t)[:, None, None] * np.sin(lat) * np.ones_like(lon)
    values = 10 + wave + standing + noise * np.random.default_rng(0).normal(size=wave.shape)
    ds = xr.Dataset({"h": (("time", "lat", "lon"), values, {"units": "m"})}, {"time": DAYS, "lat": LAT, "lon": LON})
    ds["lat"].attrs.update(units="degrees_north")
    ds["lon"].attrs.update(units="degrees_east")
    return ds.isel(lat=slice(None, None, -1)) if descending else ds


@pytest.mark.parametrize("descending", [False, True])
def test_patterns_are_orthonormal_by_area_and_explain_the_field(descending):
    ds = _waves(descending=descending)
    found = sd.modes(ds, 3)
    patterns = found.patterns.h.values
    gram = np.einsum("kij,lij,ij->kl", patterns, patterns, found.weights.values)
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found.weights.sum(), 1.0)
    np.testing.assert_allclose(found.explained.sum(), 1.0, rtol=1e-12)
    amplitudes = found.amplitudes(ds)
    assert amplitudes.amplitude.attrs["units"] == "m"
    xr.testing.assert_allclose(found.field(amplitudes).h.transpose(*ds.h.dims), ds.h.drop_attrs())
    variance = (((ds.h - ds.h.mean("time")) ** 2).mean("time") * found.weights).sum()
    np.testing.assert_allclose((amplitudes.amplitude**2).mean("time"), found.explained * variance.values, rtol=1e-9)
    xr.testing.assert_equal(amplitudes.time, ds.time)


def test_area_matters_and_pole_rows_do_not():
    """Noise near the poles fills most rows of the array and little of the area."""
    ds = _waves()
    polar = np.abs(LAT)[:, None] > 75
    ds["h"] = ds.h + 6 * polar * np.random.default_rng(1).normal(size=(400, 36, 1))
    weighted = sd.modes(ds, 2)
    assert set(sd.travelling_pairs(weighted.amplitudes(ds))) == {(1, 2)}


def test_land_is_left_out_and_missing_instants_are_fitted():
    ds = _waves(noise=0.01)
    land = (LAT[:, None] > 20) & (LAT[:, None] < 60) & (LON < 100)
    ds["h"] = ds.h.where(~land)
    found = sd.modes(ds, 3)
    assert np.isnan(found.patterns.h.values[:, land]).all()
    whole = found.amplitudes(ds).amplitude
    gappy = ds.copy(deep=True)
    gappy["h"][7, :10] = np.nan
    gappy["h"][9] = np.nan
    with pytest.raises(sd.InputError, match="have values at some instants only, of 'h' first"):
        sd.modes(gappy, 3)
    assert sd.modes(gappy.drop_isel(time=9), 3, missing="drop").patterns.h.isnull().sum() > 3 * land.sum()
    seen = found.amplitudes(gappy).amplitude
    np.testing.assert_allclose(seen[7], whole[7], atol=0.02)
    assert np.isnan(seen[9]).all()
    np.testing.assert_allclose(seen[10:], whole[10:])


def test_fields_of_different_units_count_alike(tmp_path):
    ds = _waves()
    ds["p"] = (("time", "lat", "lon"), 1e5 + 400 * np.roll(ds.h.values, 5, axis=2), {"units": "Pa"})
    found = sd.modes(ds, 4)
    assert found.scale["p"] == pytest.approx(400 * found.scale["h"], rel=1e-2)
    again = found.field(found.amplitudes(ds))
    np.testing.assert_allclose(again.p.transpose("time", "lat", "lon"), ds.p, rtol=1e-9)
    assert (again.p.attrs["units"], again.h.attrs["units"]) == ("Pa", "m")
    found.to_xarray().to_netcdf(tmp_path / "modes.nc")
    with xr.open_dataset(tmp_path / "modes.nc") as file:
        back = sd.Modes.from_xarray(file.load())
    xr.testing.assert_allclose(back.amplitudes(ds), found.amplitudes(ds))
    xr.testing.assert_allclose(back.field(found.amplitudes(ds)), again)
    assert sd.modes(ds, 2, scale={"h": 1.0, "p": 400.0}).scale["p"] == 400.0


def test_modes_against_scikit_learn():
    from sklearn.decomposition import PCA

    ds = _waves(noise=0.3)
    found = sd.modes(ds, 5)
    flat = ds.h.values.reshape(400, -1) * np.sqrt(found.weights.values.ravel())
    other = PCA(5, svd_solver="full").fit(flat)
    np.testing.assert_allclose(found.explained, other.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.amplitudes(ds).amplitude), np.abs(other.transform(flat)), atol=1e-9)
    assert (found.uncertain[:2] > abs(found.explained[0] - found.explained[1])).all()  # a pair is not told apart
    largest = np.abs(found.patterns.h.values).reshape(5, -1)
    signed = found.patterns.h.values.reshape(5, -1)
    assert (signed[np.arange(5), largest.argmax(axis=1)] > 0).all()


def test_many_points_take_the_iterative_solver(monkeypatch):
    ds = _waves(noise=0.1)
    dense = sd.modes(ds, 3)
    monkeypatch.setattr("symdyn.fields.eof.DENSE", 10)
    np.testing.assert_allclose(sd.modes(ds, 3).explained, dense.explained, rtol=1e-8)
    np.testing.assert_allclose(sd.modes(ds, 3).patterns.h, dense.patterns.h, atol=1e-6)


def test_inputs_that_cannot_be_used():
    ds = _waves()
    found = sd.modes(ds, 2)
    with pytest.raises(sd.InputError, match="say time="):
        sd.modes(ds.isel(time=0))
    with pytest.raises(sd.InputError, match="do not change in time"):
        sd.modes(ds * 0 + 1.0)
    with pytest.raises(sd.InputError, match="at least 1, got 0"):
        sd.modes(ds, 0)
    with pytest.raises(sd.InputError, match="the data have h on"):
        found.amplitudes(ds.isel(lat=slice(3, None)))
    with pytest.raises(sd.InputError, match="other places along 'lat'"):
        found.amplitudes(ds.isel(lat=slice(None, None, -1)))
    with pytest.raises(sd.InputError, match="pairs name each mode once, out of 1 to 2"):
        found.amplitudes(ds, pairs={"wave": (1, 3)})
    with pytest.raises(sd.InputError, match="over \\(time, mode\\)"):
        found.field(ds.h)
    with pytest.raises(sd.InputError, match="was not made by"):
        sd.Modes.from_xarray(ds)
    with pytest.raises(sd.InputError, match="positive number for each of h"):
        sd.modes(ds, scale={"h": 0.0})


@pytest.fixture
def opened(monkeypatch):
    def refuse(row, path):
        pytest.skip(f"{row['file']} is in neither SYMDYN_DATA_DIR nor ../shared/data")

    folder = os.environ.get("SYMDYN_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data"
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(folder))
    monkeypatch.setattr(registry, "_fetch", refuse)
    return sd.open_dataset


def test_the_wake_has_a_mean_field_model(opened):
    """Modes of the wake come in pairs; the first one obeys a law of the amplitude that has its limit cycle."""
    wake = opened("cylinder_wake").amplitude
    pods = xr.Dataset(
        {"amplitude": (("time", "mode"), wake.values[:, :8])}, {"time": wake.time, "mode": np.arange(1, 9)}
    )
    late = pods.isel(time=slice(1500, None))
    assert set(sd.travelling_pairs(late)) == {(1, 2), (3, 4), (5, 6), (7, 8)}
    first = xr.Dataset(
        {"wave": (("time", "component"), wake.values[:, :2])}, {"time": wake.time, "component": ["x", "y"]}
    )
    law = sd.identify(first, library=sd.Monomials(3), action=sd.SO(2).acting_on(wave=sd.Vector))
    assert law.stats.active == law.stats.free == 4
    start, times = wake.values[300, :2], wake.time.values[300:] - wake.time.values[300]
    run = law.model.simulate({"wave": start}, times).wave.values
    radius, seen = (np.hypot(*a.T) for a in (run, wake.values[300:, :2]))
    np.testing.assert_allclose(radius[-500:].mean(), seen[-500:].mean(), rtol=5e-3)
    speeds = [np.ptp(np.unwrap(np.arctan2(a[-1000:, 1], a[-1000:, 0]))) / 99.9 for a in (run, wake.values[:, :2])]
    np.testing.assert_allclose(speeds[0], speeds[1], rtol=1e-2)
    assert np.sqrt(np.mean((radius - seen) ** 2) / np.mean(seen**2)) < 0.1


def test_the_madden_julian_oscillation_turns(opened):
    """The map by one day commutes with rotations; its period is 50 to 57 days."""
    index = opened("mjo_index")[["rmm1", "rmm2"]]
    law = sd.identify(
        index, library=sd.Monomials(1, bias=False), discrete=True, missing="skip", solver=sd.LeastSquares()
    )
    step = np.array([[law.coefficient(f"rmm{j}", f"rmm{i}")[0] for j in (1, 2)] for i in (1, 2)])
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert np.linalg.norm(step @ turn - turn @ step) < 3e-3 * np.linalg.norm(step)
    period = 2 * np.pi / np.abs(np.angle(np.linalg.eigvals(step)[0]))
    assert 50 < period < 57
    found = sd.find_symmetries(law, candidates=sd.GL(2), tolerance=3e-3)
    assert len(found.generators) == 2  # rotations and scalings: all that commutes with a rotation
