"""Build ``era5_columns.nc``: one instant of ERA5 on 37 pressure levels, from the wheel of PyPI ``neuralgcm`` 1.2.2.

    python datasets/era5_columns/make.py path/to/neuralgcm-1.2.2-py3-none-any.whl   # from a wheel that you have
    python datasets/era5_columns/make.py                                            # fetches it with pip first

Changes made to the file of that package: five of its nine variables kept and renamed, dimensions in the order
(level, lat, lon), the logarithm of the pressure added, CF attributes written, values packed as integers (VARIABLES says
how coarsely). The values depend on the input alone; the bytes of the file depend on HDF5 and zlib too.
Needs netCDF4 (the extra ``data``).
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import xarray as xr

SDIST = "neuralgcm-1.2.2-py3-none-any.whl"
SDIST_SHA256 = "795297260a5aff05708e855fe8cb27db7cc0f514e9c34e373e4ba378732327e5"
MEMBER = "neuralgcm/data/era5_tl31_19590102T00.nc"

VARIABLES = {  # name: (name in the file, standard name, long name, unit, step of the packing, kind of integer)
    "phi": ("geopotential", "geopotential", "geopotential", "m2 s-2", 0.0625, "int32"),
    "T": ("temperature", "air_temperature", "temperature", "K", 0.005, "int16"),
    "q": ("specific_humidity", "specific_humidity", "specific humidity", "1", 1e-8, "int32"),
    "u": ("u_component_of_wind", "eastward_wind", "eastward wind", "m s-1", 0.01, "int16"),
    "v": ("v_component_of_wind", "northward_wind", "northward wind", "m s-1", 0.01, "int16"),
}
OFFSET = {"T": 240.0}
COORDINATES = {
    "level": {"standard_name": "air_pressure", "units": "hPa", "axis": "Z", "positive": "down"},
    "lat": {"standard_name": "latitude", "long_name": "Gaussian latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
}
ATTRIBUTES = {
    "Conventions": "CF-1.8",
    "title": "ERA5 on 37 pressure levels, 1959-01-02 00 UTC, on the Gaussian grid of TL31",
    "source": f"PyPI neuralgcm 1.2.2, {SDIST}, sha256 {SDIST_SHA256}, {MEMBER}",
    "license": "Apache-2.0 (the package neuralgcm); ERA5: CC BY 4.0",
    "notice": (
        "Contains modified Copernicus Climate Change Service information 1959. Neither the European Commission nor "
        "ECMWF is responsible for any use that may be made of the Copernicus information or data it contains."
    ),
    "references": "Hersbach et al. (2020), doi:10.1002/qj.3803; Kochkov et al. (2024), doi:10.1038/s41586-024-07744-y",
    "history": "variables chosen, renamed, given CF attributes and packed by symdyn, datasets/era5_columns/make.py",
}


def fetch(folder: Path) -> Path:
    """Download the wheel with pip into ``folder``."""
    command = ["pip", "download", "--no-deps", "--only-binary", ":all:", "neuralgcm==1.2.2"]
    subprocess.run([sys.executable, "-m", *command, "--dest", str(folder)], check=True)
    return folder / SDIST


def convert(wheel: Path, folder: Path) -> xr.Dataset:
    """The shipped data set with its encoding, after the checksum of the wheel has been verified."""
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SDIST_SHA256:
        raise SystemExit(f"{wheel}: sha256 is {found}, expected {SDIST_SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        (folder / "in.nc").write_bytes(archive.read(MEMBER))
    with xr.open_dataset(folder / "in.nc", engine="netcdf4") as ds:
        ds = ds.load()
    places = {"level": ds["level"], "lat": ds["latitude"], "lon": ds["longitude"]}
    coords = {name: (name, np.asarray(a.values, np.float64), COORDINATES[name]) for name, a in places.items()}
    out = xr.Dataset(coords=coords, attrs=ATTRIBUTES)
    logarithm = {"long_name": "logarithm of the pressure in hPa", "units": "1"}
    out = out.assign_coords(
        log_pressure=("level", np.log(out["level"].values), logarithm),
        time=((), ds["time"].values, {"standard_name": "time"}),
    )
    for name, (original, standard, text, unit, step, kind) in VARIABLES.items():
        values = ds[original].transpose("level", "latitude", "longitude").values.astype(np.float64)
        out[name] = (("level", "lat", "lon"), values, {"standard_name": standard, "long_name": text, "units": unit})
        out[name].encoding = {
            "dtype": kind, "scale_factor": step, "add_offset": OFFSET.get(name, 0.0),
            "_FillValue": np.iinfo(kind).min, "zlib": True, "complevel": 9, "shuffle": True,
        }  # fmt: skip
    out["time"].encoding = {"units": "hours since 1959-01-01 00:00:00", "calendar": "standard", "dtype": "int32"}
    for name in ("level", "lat", "lon", "log_pressure"):
        out[name].encoding = {"dtype": "float64", "_FillValue": None}
    return out


def main() -> None:
    """Command line: ``make.py [WHEEL] [--out FILE]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("era5_columns.nc"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ds = convert(options.wheel or fetch(Path(folder)), Path(folder))
        ds.to_netcdf(options.out, format="NETCDF4", engine="netcdf4")
    digest = hashlib.sha256(options.out.read_bytes()).hexdigest()
    print(f"{options.out}: {options.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
