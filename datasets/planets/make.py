"""Build ``planets.npz``: the Chebyshev series of JPL DE421 for 1980-2020, from PyPI ``de421`` 2008.1.

    python datasets/planets/make.py path/to/de421-2008.1.tar.gz     # from a source distribution that you have
    python datasets/planets/make.py                                 # fetches it with pip first

The result depends on the input alone, to the last bit: members are written in a fixed order, with a fixed date and
uncompressed (the mantissas of float64 do not compress, and compressors differ between machines).
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

SDIST, SDIST_SHA256 = "de421-2008.1.tar.gz", "a66faf7be328573d0028e45632ba614dd573cee88e3b6f099059149acc024df8"
SERIES = ("sun", "mercury", "venus", "earthmoon", "moon", "mars", "jupiter", "saturn", "uranus", "neptune", "pluto")
CONSTANTS = (
    *("CLIGHT", "AU", "EMRAT", "GMS", "GM1", "GM2", "GMB", "GM4", "GM5", "GM6", "GM7", "GM8", "GM9"),
    *("BETA", "GAMMA", "J2SUN", "ASUN", "MA0001", "MA0002", "MA0004"),
)
FIRST, LAST = 2444239.5, 2458849.5  # Julian dates (TDB) of 1980-01-01 and 2020-01-01, 0 h


def fetch(folder: Path) -> Path:
    """Download the source distribution with pip into ``folder``."""
    command = ["pip", "download", "--no-deps", "--no-binary", ":all:", "de421==2008.1"]
    subprocess.run([sys.executable, "-m", *command, "--dest", str(folder)], check=True)
    return folder / SDIST


def read(sdist: Path) -> dict[str, np.ndarray]:
    """Every array of the package, by file stem, after its checksum has been verified."""
    found = hashlib.sha256(sdist.read_bytes()).hexdigest()
    if found != SDIST_SHA256:
        raise SystemExit(f"{sdist}: sha256 is {found}, expected {SDIST_SHA256}")
    with tarfile.open(sdist) as archive:
        members = [m for m in archive.getmembers() if m.name.endswith(".npy")]
        return {Path(m.name).stem: np.load(io.BytesIO(archive.extractfile(m).read())) for m in members}


def cut(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The intervals that cover [FIRST, LAST], with their start (Julian date) and length (days), and the constants."""
    table = {row["name"].decode().strip(): float(row["value"]) for row in arrays["constants"]}
    start, stop = table["jalpha"], table["jomega"]
    out: dict[str, np.ndarray] = {}
    for name in SERIES:
        series = arrays[f"jpl-{name}"]  # (interval, component, order), km
        days = (stop - start) / len(series)
        i, j = int((FIRST - start) // days), int((LAST - start) // days) + 1
        out[name] = np.ascontiguousarray(series[i:j], dtype="<f8")
        out[f"{name}_t"] = np.array([start + i * days, days], dtype="<f8")
    out["const_names"] = np.array(CONSTANTS, dtype="<U6")
    out["const_values"] = np.array([table[name] for name in CONSTANTS], dtype="<f8")
    return out


def write(path: Path, arrays: dict[str, np.ndarray]) -> str:
    """Write a reproducible ``.npz`` and return its sha256."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            archive.writestr(info, member.getvalue())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Command line: ``make.py [SDIST] [--out FILE]``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdist", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("planets.npz"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        digest = write(options.out, cut(read(options.sdist or fetch(Path(folder)))))
    print(f"{options.out}: {options.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
