"""One opener per file of the registry that is not shipped: bytes in, a Dataset with names, units and CF attributes out.

The attributes that the files lack are written here as far as they are known. `rate_of` on a variable names the variable
whose time derivative it is. Each opener takes the path of a file whose checksum has been verified.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn._errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    import xarray as xr

_TIME = {"axis": "T", "standard_name": "time", "long_name": "time (UTC)"}
_LATITUDE = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
_LONGITUDE = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
_NO_READER = "needs a NetCDF4 reader: pip install 'symdyn-discovery[data]', or pip install h5py"


def read_netcdf(path: Path) -> xr.Dataset:
    """A NetCDF file, wholly in memory, by whichever reader xarray finds.

    Raises MissingDependencyError where neither netCDF4 nor h5netcdf with h5py is installed.
    """
    import xarray as xr

    try:
        with warnings.catch_warnings():
            # eraint_uvz.nc declares a NaN as the missing value of integers; none is missing.
            warnings.simplefilter("ignore", xr.SerializationWarning)
            with xr.open_dataset(path) as ds:
                return ds.load()
    except ImportError as error:
        raise MissingDependencyError(f"{path.name} {_NO_READER}") from error
    except ValueError as error:
        if "IO backends" in str(error) or "engine" in str(error):
            raise MissingDependencyError(f"{path.name} {_NO_READER}") from error
        raise


def open_era_interim(path: Path) -> xr.Dataset:
    """Geopotential `z` and wind `u`, `v` over (month, level, latitude, longitude): two months and three levels."""
    ds = read_netcdf(path)
    ds["z"].attrs["units"] = "m2 s-2"
    for name in ("u", "v"):
        ds[name].attrs["units"] = "m s-1"
    for name in ds.data_vars:
        ds[name].attrs.pop("number_of_significant_digits", None)
    ds["latitude"].attrs |= _LATITUDE | {"axis": "Y"}
    ds["longitude"].attrs |= _LONGITUDE | {"axis": "X"}
    ds["level"].attrs |= {"standard_name": "air_pressure", "units": "hPa", "axis": "Z", "positive": "down"}
    ds["month"].attrs |= {"long_name": "month of the year", "units": "1"}
    return ds


def open_lab_pendulum(path: Path, *, part: str = "identification") -> xr.Dataset:
    """Angle `theta` [rad] (zero upright) and measured rate `omega` [rad s-1] over (trajectory, time).

    Parameters
    ----------
    path: the file.
    part: "identification" (four runs) or "validation" (two): the consecutive pieces of one recording.
    """
    return _pendulum(path, part, ("theta",), ("omega",))


def open_lab_double_pendulum(path: Path, *, part: str = "identification") -> xr.Dataset:
    """Angles `theta1`, `theta2` [rad] (zero upright, from the vertical) and rates `omega1`, `omega2` [rad s-1].

    Parameters
    ----------
    path: the file.
    part: "identification" (26 runs) or "validation" (four): the consecutive pieces of one recording.
    """
    return _pendulum(path, part, ("theta1", "theta2"), ("omega1", "omega2"))


def _pendulum(path: Path, part: str, angles: tuple[str, ...], rates: tuple[str, ...]) -> xr.Dataset:
    import scipy.io
    import xarray as xr

    suffixes = {"identification": "id", "validation": "vad"}
    if part not in suffixes:
        raise InputError(f"`part` must be one of {', '.join(map(repr, suffixes))}, got {part!r}")
    content = scipy.io.loadmat(path)
    runs, clocks = ([run[0] for run in content[f"{key}_{suffixes[part]}"]] for key in ("Y", "Time"))
    length = max(run.shape[1] for run in runs)
    values = np.full((len(angles + rates), len(runs), length), np.nan)  # the last run is a little shorter
    for i, run in enumerate(runs):
        values[:, i, : run.shape[1]] = run
    step = float(content["dt"].item())
    ds = xr.Dataset(
        {name: (("trajectory", "time"), values[k]) for k, name in enumerate(angles + rates)},
        coords={
            "trajectory": ("trajectory", np.arange(len(runs)), {"cf_role": "trajectory_id"}),
            "time": ("time", step * np.arange(length), {"axis": "T", "units": "s", "long_name": "time in the run"}),
            "start": ("trajectory", [float(clock[0, 0]) for clock in clocks], {"units": "s"}),
        },
        attrs={"comment": "consecutive pieces of one recording; the rates were filtered by the experimenters"},
    )
    ds["start"].attrs["long_name"] = "time of the first sample in the whole recording"
    for angle, rate in zip(angles, rates, strict=True):
        ds[angle].attrs |= {"units": "rad", "long_name": "angle from the upright position"}
        ds[rate].attrs |= {"units": "rad s-1", "long_name": f"measured rate of {angle}", "rate_of": angle}
    return ds


def open_mjo_index(path: Path) -> xr.Dataset:
    """`rmm1`, `rmm2` (standard deviations), `phase` (1 to 8) and `amplitude`, daily; missing days are NaN."""
    import xarray as xr

    table = np.loadtxt(path, skiprows=2, usecols=range(7))
    dates = np.array([f"{int(y):04d}-{int(m):02d}-{int(d):02d}" for y, m, d in table[:, :3]], "datetime64[ns]")
    columns = {"rmm1": 3, "rmm2": 4, "phase": 5, "amplitude": 6}
    values = np.where(np.abs(table) >= 999, np.nan, table)  # missing: 1e36 or 999
    ds = xr.Dataset(
        {name: ("time", values[:, k], {"units": "1"}) for name, k in columns.items()},
        coords={"time": ("time", dates, _TIME)},
    )
    for k in (1, 2):
        ds[f"rmm{k}"].attrs["long_name"] = f"real-time multivariate MJO index, component {k}"
    ds["phase"].attrs["long_name"] = "octant of (rmm1, rmm2), from 1 to 8"
    ds["amplitude"].attrs["long_name"] = "length of (rmm1, rmm2)"
    return ds


def open_enso_indices(path: Path) -> xr.Dataset:
    """Ten monthly indices of the ocean: `WWV` is a depth [m], the others are temperature anomalies [K]."""
    ds = read_netcdf(path)
    for name, variable in ds.data_vars.items():
        depth = name == "WWV"
        kind = "anomaly of the depth of the 20 degree isotherm" if depth else "anomaly of sea surface temperature"
        region = variable.attrs.get("long_name", name)
        variable.attrs = {"units": "m" if depth else "K", "long_name": f"{kind}: {region}"}
        variable.encoding = {}
    ds["time"].attrs |= _TIME
    ds["month"].attrs |= {"long_name": "month of the year", "units": "1"}
    return ds


def open_surface_drifter(path: Path) -> xr.Dataset:
    """One drifter every 2 h: velocity `u`, `v` [m s-1] over time, with the coordinates `lat` and `lon`."""
    import xarray as xr

    try:
        import netCDF4
    except ImportError as error:
        raise MissingDependencyError(f"{path.name} {_NO_READER.split(', or')[0]}") from error
    with netCDF4.Dataset(path) as file:  # a file of Matlab 7.3 is HDF5
        column = {key: np.ma.getdata(file["drifterbetty"][key][:]).ravel() for key in ("num", "lat", "lon", "cv")}
    # Matlab counts days from the year 0: 719529 is 1970-01-01. To the nearest second, the precision of the file.
    seconds = np.rint((column["num"] - 719529.0) * 86400.0).astype("int64")
    speed = {"units": "m s-1"}
    return xr.Dataset(
        {
            "u": ("time", column["cv"]["real"] / 100, speed | {"standard_name": "eastward_sea_water_velocity"}),
            "v": ("time", column["cv"]["imag"] / 100, speed | {"standard_name": "northward_sea_water_velocity"}),
        },
        coords={
            "time": ("time", seconds.astype("datetime64[s]").astype("datetime64[ns]"), _TIME),
            "lat": ("time", column["lat"], _LATITUDE),
            "lon": ("time", column["lon"], _LONGITUDE),
        },
        attrs={"featureType": "trajectory"},
    )


def open_honolulu_tide(path: Path) -> xr.Dataset:
    """Hourly `sea_level` [m] above the zero of the gauge."""
    import xarray as xr

    days, millimetres = np.loadtxt(path, unpack=True)
    hours = np.rint(days * 24).astype("int64")  # counted from 1700-01-01; the file rounds to 1e-7 day
    attrs: dict[str, Any] = {"units": "m", "standard_name": "water_surface_height_above_reference_datum"}
    return xr.Dataset(
        {"sea_level": ("time", millimetres / 1000, attrs)},
        coords={
            "time": ("time", (np.datetime64("1700-01-01", "h") + hours).astype("datetime64[ns]"), _TIME),
            "lat": ((), 21.307, _LATITUDE),
            "lon": ((), -157.867, _LONGITUDE),
        },
        attrs={"featureType": "timeSeries"},
    )


def open_cylinder_wake(path: Path) -> xr.Dataset:
    """`amplitude` (time, component): eight POD modes and the shift mode, without units."""
    import xarray as xr

    table = np.loadtxt(path)
    modes = [*(f"pod{k}" for k in range(1, 9)), "shift"]
    return xr.Dataset(
        {"amplitude": (("time", "component"), table[:, 1:], {"units": "1", "long_name": "amplitude of the mode"})},
        coords={
            "time": ("time", table[:, 0], {"axis": "T", "units": "1", "long_name": "time (diameter / free stream)"}),
            "component": ("component", modes, {"long_name": "mode"}),
        },
        attrs={"reynolds_number": 100.0},
    )


def open_kdv(path: Path) -> xr.Dataset:
    """`u` (time, x) on a periodic line of length 60."""
    return _periodic_line(path)


def open_burgers(path: Path) -> xr.Dataset:
    """`u` (time, x) on a periodic line of length 16; viscosity 0.1."""
    return _periodic_line(path)


def _periodic_line(path: Path) -> xr.Dataset:
    import scipy.io
    import xarray as xr

    content = scipy.io.loadmat(path)
    x, t = content["x"].ravel(), content["t"].ravel()
    axis = {"axis": "X", "units": "1", "boundary": "periodic", "period": float(x.size * (x[1] - x[0]))}
    return xr.Dataset(  # the imaginary part is rounding error, below 1e-6
        {"u": (("time", "x"), np.ascontiguousarray(content["usol"].real.T), {"units": "1"})},
        coords={"time": ("time", t, {"axis": "T", "units": "1"}), "x": ("x", x, axis)},
    )


OPENERS = {
    "era_interim": open_era_interim,
    "lab_pendulum": open_lab_pendulum,
    "lab_double_pendulum": open_lab_double_pendulum,
    "mjo_index": open_mjo_index,
    "enso_indices": open_enso_indices,
    "surface_drifter": open_surface_drifter,
    "honolulu_tide": open_honolulu_tide,
    "cylinder_wake": open_cylinder_wake,
    "kdv": open_kdv,
    "burgers": open_burgers,
}
