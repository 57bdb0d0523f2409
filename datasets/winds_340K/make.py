"""Build ``winds_340K.nc``: wind and potential vorticity on the 340 K surface, from PyPI ``wavebreaking`` 0.3.8.

    python datasets/winds_340K/make.py path/to/wavebreaking-0.3.8.tar.gz   # from a source distribution that you have
    python datasets/winds_340K/make.py                                     # fetches it with pip first

Changes made to ``tests/data/demo_data.nc`` of that package: variables renamed, CF attributes written, values packed as
16-bit integers. The packed integers and attributes depend on the input alone; the bytes of the file also depend on the
HDF5 and zlib that write it. Needs netCDF4 (the extra ``data``).
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

SDIST, SDIST_SHA256 = "wavebreaking-0.3.8.tar.gz", "8c5938c66df4e7af2f3d678c4fd3e429ea17ea999afdacf2dbb333909ed3ad9c"
MEMBER = "wavebreaking-0.3.8/tests/data/demo_data.nc"
FILL = np.int16(-32768)

# name -> (name in the source, step and offset of the packing, attributes); half a step is the rounding error
VARIABLES = {
    "u": ("U", 0.0025, 39.0, {"standard_name": "eastward_wind", "long_name": "eastward wind", "units": "m s-1"}),
    "v": ("V", 0.0025, 0.0, {"standard_name": "northward_wind", "long_name": "northward wind", "units": "m s-1"}),
    "pv": (
        *("PV", 0.0006, 0.0),
        {
            "standard_name": "ertel_potential_vorticity",
            "long_name": "Ertel potential vorticity",
            "units": "1e-6 K m2 kg-1 s-1",
        },
    ),
}
COORDINATES = {
    "time": {"standard_name": "time", "long_name": "time (UTC)", "axis": "T"},
    "lat": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
    "theta": {
        "standard_name": "air_potential_temperature",
        "long_name": "potential temperature of the isentropic surface",
        "units": "K",
        "axis": "Z",
        "positive": "up",
    },
}
ATTRIBUTES = {
    "Conventions": "CF-1.8",
    "title": "Wind and potential vorticity on the 340 K isentropic surface, 6-hourly, 1959-06-03 to 1959-06-05",
    "institution": "Copernicus Climate Change Service / ECMWF (inferred), by way of the Python package wavebreaking",
    "source": f"PyPI wavebreaking 0.3.8, {MEMBER}, sha256 of the sdist {SDIST_SHA256}; origin inferred to be ERA5",
    "license": "MIT (the package wavebreaking, Copyright (c) 2023, Severin Kaderli); ERA5 is CC BY 4.0",
    "notice": (
        "Contains modified Copernicus Climate Change Service information 1959 (inferred origin). Neither the European "
        "Commission nor ECMWF is responsible for any use that may be made of the Copernicus information or data it "
        "contains."
    ),
    "references": "Hersbach et al. (2020), doi:10.1002/qj.3803; Kaderli, the Python package wavebreaking 0.3.8",
    "history": "renamed, given CF attributes and packed as int16 by symdyn, datasets/winds_340K/make.py",
}


def fetch(folder: Path) -> Path:
    """Download the source distribution with pip into ``folder``."""
    command = ["pip", "download", "--no-deps", "--no-binary", ":all:", "wavebreaking==0.3.8"]
    subprocess.run([sys.executable, "-m", *command, "--dest", str(folder)], check=True)
    return folder / SDIST


def read(sdist: Path, folder: Path) -> xr.Dataset:
    """The original data set, in memory, after the checksum of the archive has been verified."""
    found = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if found != SDIST_SHA256:
        raise SystemExit(f"{sdist}: sha256 is {found}, expected {SDIST_SHA256}")
    with tarfile.open(sdist) as archive:
        (folder / "demo_data.nc").write_bytes(archive.extractfile(MEMBER).read())
    with xr.open_dataset(folder / "demo_data.nc", engine="netcdf4") as ds:
        return ds.load()


def convert(ds: xr.Dataset) -> xr.Dataset:
    """The shipped data set with its encoding: float64 axes, packed variables, CF attributes."""
    coords = {name: (name, np.asarray(ds[name].values, np.float64), COORDINATES[name]) for name in ("lat", "lon")}
    coords["time"] = ("time", ds["time"].values, COORDINATES["time"])
    coords["theta"] = ((), np.float64(ds["lev"].item()), COORDINATES["theta"])
    out = xr.Dataset(coords=coords, attrs=ATTRIBUTES)
    for name, (original, step, offset, attributes) in VARIABLES.items():
        values = np.asarray(ds[original].transpose("time", "lat", "lon").values, np.float64)
        if not (np.abs(values - offset) < 32767 * step).all():
            raise SystemExit(f"{original}: values do not fit into 16 bits with a step of {step}")
        out[name] = (("time", "lat", "lon"), values, attributes)
        packing = {"dtype": "int16", "scale_factor": step, "add_offset": offset, "_FillValue": FILL}
        out[name].encoding = {**packing, "zlib": True, "complevel": 9, "shuffle": True, "chunksizes": (1, 179, 360)}
    out["time"].encoding = {"units": "hours since 1959-06-03 00:00:00", "calendar": "standard", "dtype": "int32"}
    for name in ("lat", "lon", "theta"):
        out[name].encoding = {"dtype": "float64", "_FillValue": None}
    return out


def main() -> None:
    """Command line: ``make.py [SDIST] [--out FILE]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdist", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("winds_340K.nc"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ds = convert(read(options.sdist or fetch(Path(folder)), Path(folder)))
        ds.to_netcdf(options.out, format="NETCDF4", engine="netcdf4")
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(f"{options.out}: {options.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
