"""Openers of remote files, on copies in `SYMDYN_DATA_DIR` or in `../shared/data`; and the simplest truth of each."""

import os
from pathlib import Path

import numpy as np
import pytest

from symdyn._errors import InputError
from symdyn.data import registry
from symdyn.data.registry import open_dataset
from symdyn.data.remote import OPENERS

REPOSITORY = Path(__file__).parents[2]
OMEGA = 7.292116e-5  # rotation of the Earth, s-1


@pytest.fixture
def opened(monkeypatch):
    """Open a remote data set from a copy; skip when there is none, and never use the network."""

    def refuse(row, path):
        pytest.skip(f"{row['file']} is in neither SYMDYN_DATA_DIR nor ../shared/data")

    folder = os.environ.get("SYMDYN_DATA_DIR") or REPOSITORY.parent / "shared" / "data"
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(folder))
    monkeypatch.setattr(registry, "_fetch", refuse)
    return open_dataset


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_every_variable_has_units_and_coordinates_have_axes(opened, name):
    ds = opened(name)
    assert ds.attrs["dataset"] == name
    assert len(ds.attrs["sha256"]) == 64
    for variable in ds.data_vars:
        assert ds[variable].attrs["units"], variable
    if "time" in ds.dims:
        assert ds.time.attrs["axis"] == "T"
        assert ds.indexes["time"].is_monotonic_increasing
        assert ds.indexes["time"].is_unique
    for variable in ds.data_vars:
        source = ds[variable].attrs.get("rate_of")
        assert source is None or source in ds


def test_geostrophic_wind_has_the_coriolis_parameter_of_each_hemisphere(opened):
    ds = opened("era_interim").sel(level=200, month=1).mean("longitude")
    slope = ds.z.differentiate("latitude") / np.deg2rad(6.371e6)  # dz/dy, m s-2
    for band in (slice(60, 25), slice(-25, -60)):
        # f u = -dz/dy for the zonal mean, up to curvature
        f = 2 * OMEGA * np.sin(np.deg2rad(ds.latitude.sel(latitude=band)))
        ratio = float((-slope.sel(latitude=band) * f).sum() / (ds.u.sel(latitude=band) * f * f).sum())
        assert ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("name", ["lab_pendulum", "lab_double_pendulum"])
def test_pendulum_rates_are_rates(opened, name):
    for part in ("identification", "validation"):
        ds = opened(name, part=part)
        for variable in ds.data_vars:
            if "rate_of" in ds[variable].attrs:
                slope = ds[ds[variable].attrs["rate_of"]].differentiate("time")
                fit = float((slope * ds[variable]).sum() / (ds[variable] ** 2).sum())
                assert fit == pytest.approx(1.0, abs=5e-3)
    with pytest.raises(InputError, match="'identification', 'validation'"):
        opened(name, part="all")


def test_single_pendulum_falls_from_upright(opened):
    ds = opened("lab_pendulum").isel(trajectory=0)
    acceleration, angle = (ds[name].rolling(time=21, center=True).mean() for name in ("omega", "theta"))
    acceleration = acceleration.differentiate("time").dropna("time")
    x = np.sin(angle.sel(time=acceleration.time))
    assert float((acceleration * x).sum() / (x * x).sum()) == pytest.approx(64.05, rel=0.01)


def test_mjo_amplitude_and_phase_are_those_of_the_vector(opened):
    ds = opened("mjo_index").dropna("time")
    np.testing.assert_allclose(np.hypot(ds.rmm1, ds.rmm2), ds.amplitude, atol=2e-3)
    octant = np.floor((np.arctan2(ds.rmm2, ds.rmm1) + np.pi) / (np.pi / 4)).astype(int) % 8 + 1
    assert float((octant == ds.phase).mean()) > 0.99


def test_enso_indices_are_anomalies_with_a_recharge(opened):
    ds = opened("enso_indices")
    assert abs(ds.Nino34.groupby("month").mean()).max() < 0.2
    lead = np.corrcoef(ds.WWV.values[:-6], ds.Nino34.values[6:])[0, 1]
    lag = np.corrcoef(ds.WWV.values[6:], ds.Nino34.values[:-6])[0, 1]
    assert lead > 0.3
    assert lead > lag


def test_drifter_velocity_is_the_rate_of_its_position(opened):
    ds = opened("surface_drifter")
    seconds = (ds.time.values - ds.time.values[0]) / np.timedelta64(1, "s")
    north = np.gradient(np.deg2rad(ds.lat.values), seconds) * 6.371e6
    assert np.corrcoef(north, ds.v)[0, 1] > 0.98
    assert float((north * ds.v).sum() / (ds.v**2).sum()) == pytest.approx(1.0, abs=0.1)


def test_tide_repeats_after_a_lunar_day(opened):
    level = opened("honolulu_tide").sel(time="2010").sea_level
    assert level.sizes["time"] == 8760
    hours = (level.time.values - level.time.values[0]) / np.timedelta64(1, "h")
    anomaly = level.values - level.values.mean()
    power = {period: abs((anomaly * np.exp(-2j * np.pi * hours / period)).mean()) for period in (12.4206, 11.2, 13.7)}
    assert power[12.4206] > 10 * max(power[11.2], power[13.7])


def test_wake_modes_rotate_together(opened):
    ds = opened("cylinder_wake")
    late = ds.amplitude.sel(time=slice(200, None))
    pair = np.hypot(late.sel(component="pod1"), late.sel(component="pod2"))
    assert float(pair.std() / pair.mean()) < 0.05
    assert ds.attrs["reynolds_number"] == 100.0


@pytest.mark.parametrize("name", ["kdv", "burgers"])
def test_waves_obey_their_equation_and_conserve_mass(opened, name):
    ds = opened(name)
    wave = np.fft.fftfreq(ds.x.size, ds.x.attrs["period"] / ds.x.size) * 2j * np.pi
    u = ds.u.values
    d = [np.fft.ifft(wave**k * np.fft.fft(u, axis=1), axis=1).real for k in range(4)]
    smooth = lambda f: np.fft.ifft(np.where(abs(wave) < 8, np.fft.fft(f, axis=1), 0), axis=1).real  # noqa: E731
    expected = -6 * u * d[1] - d[3] if name == "kdv" else -u * d[1] + 0.1 * d[2]
    step = float(ds.time[1] - ds.time[0])
    rate = (u[:-4] - 8 * u[1:-3] + 8 * u[3:-1] - u[4:]) / (12 * step)
    assert np.abs(smooth(rate - expected[2:-2])).max() < 0.05 * np.abs(rate).max()
    np.testing.assert_allclose(u.mean(1), u.mean(), rtol=1e-3)
