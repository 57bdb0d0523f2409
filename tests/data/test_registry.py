"""The registry: every row is complete, every name opens, every failure says what to do."""

import dataclasses
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from symdyn._errors import InputError, MissingDependencyError
from symdyn.data import registry
from symdyn.data.registry import list_datasets, open_dataset

REPOSITORY = Path(__file__).parents[2]
ROWS = json.loads((REPOSITORY / "datasets" / "registry.json").read_text(encoding="utf-8"))["datasets"]
SHIPPED = [row for row in ROWS if row["kind"] == "shipped"]
FIELDS = {"name", "kind", "file", "title", "source", "licence", "citation", "sha256", "size", "truth"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_every_row_is_complete_and_has_an_opener(row):
    assert set(row) == FIELDS | ({"url"} if row["kind"] == "remote" else set())
    assert all(row.values())
    assert len(row["sha256"]) == 64
    assert row["name"] in registry._openers()


def test_names_and_files_are_unique_and_all_openers_have_a_row():
    assert len({row["name"] for row in ROWS}) == len({row["file"] for row in ROWS}) == len(ROWS)
    assert set(registry._openers()) == {row["name"] for row in ROWS}
    assert len({info.name for info in list_datasets()}) == len(list_datasets())


@pytest.mark.parametrize("row", SHIPPED, ids=lambda row: row["name"])
def test_shipped_files_have_checksum_script_and_card(row):
    path = REPOSITORY / "datasets" / row["file"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
    assert path.stat().st_size == row["size"]
    assert path.with_name("make.py").is_file()
    assert row["sha256"] in path.with_name("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", SHIPPED, ids=lambda row: row["name"])
def test_make_reproduces_the_shipped_file(row, tmp_path):
    import xarray as xr

    path = REPOSITORY / "datasets" / row["file"]
    spec = importlib.util.spec_from_file_location(f"make_{row['name']}", path.with_name("make.py"))
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    folder = os.environ.get("SYMDYN_SDIST_DIR")
    if folder is None or not (Path(folder) / make.SDIST).is_file():
        pytest.skip(f"SYMDYN_SDIST_DIR does not hold {make.SDIST}")
    out = tmp_path / path.name
    subprocess.run([sys.executable, make.__file__, Path(folder) / make.SDIST, "--out", out], check=True)
    if path.suffix == ".npz":
        assert out.read_bytes() == path.read_bytes()
    else:  # HDF5 is not reproducible across versions of its libraries; integers and attributes are
        with xr.open_dataset(out, decode_cf=False) as made, xr.open_dataset(path, decode_cf=False) as shipped:
            xr.testing.assert_identical(made.load(), shipped.load())


def test_provenance_comes_with_the_data():
    ds = open_dataset("winds_340K")
    row = next(row for row in ROWS if row["name"] == "winds_340K")
    assert (ds.attrs["dataset"], ds.attrs["sha256"]) == ("winds_340K", row["sha256"])
    assert "Copernicus" in ds.attrs["notice"]
    assert np.isfinite(ds.u).all()
    assert np.isfinite(ds.v).all()
    assert np.isfinite(ds.pv).all()
    assert {ds[name].attrs["standard_name"] for name in ("u", "v")} == {"eastward_wind", "northward_wind"}


def test_potential_vorticity_has_the_sign_of_the_coriolis_parameter():
    pv = open_dataset("winds_340K").pv
    assert pv.sel(lat=slice(20, 89)).median() > 0 > pv.sel(lat=slice(-89, -20)).median()


def test_unknown_names_and_options_are_answered_with_what_there_is():
    with pytest.raises(InputError, match=r"'planet'\. Did you mean 'planets'.*lorenz"):
        open_dataset("planet")
    with pytest.raises(InputError, match=r"unknown option of 'planets': 'centre'\. Did you mean 'center'"):
        open_dataset("planets", centre="sun")
    with pytest.raises(InputError, match=r"\(none\)"):
        open_dataset("winds_340K", level=1)


def test_info_is_frozen_and_tells_what_is_present(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    infos = {info.name: info for info in list_datasets()}
    assert {info.kind for info in infos.values()} == {"shipped", "remote", "simulated"}
    assert infos["planets"].available
    assert infos["lorenz"].available
    assert not infos["kdv"].available
    (tmp_path / "kdv.mat").write_bytes(b"")
    assert {info.name: info for info in list_datasets()}["kdv"].available
    with pytest.raises(dataclasses.FrozenInstanceError):
        infos["planets"].name = "x"


def test_cache_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    assert registry.cache_directory() == tmp_path
    monkeypatch.delenv("SYMDYN_DATA_DIR")
    pooch = pytest.importorskip("pooch")
    assert registry.cache_directory() == Path(pooch.os_cache("symdyn"))


def test_absent_file_without_pooch(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'symdyn-discovery\[data\]'"):
        open_dataset("kdv")


def test_failed_download_names_url_file_directory_and_remedy(monkeypatch, tmp_path):
    pooch = pytest.importorskip("pooch")

    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(InputError) as caught:
        open_dataset("kdv")
    for part in ("no route to host", "https://", "kdv.mat", str(tmp_path), "SYMDYN_DATA_DIR", "sha256"):
        assert part in str(caught.value)


def test_wrong_checksum_is_refused(monkeypatch, tmp_path):
    pooch = pytest.importorskip("pooch")

    def other_content(url, target, pup):
        Path(target).write_bytes(b"something else")

    retrieve = pooch.retrieve
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(pooch, "retrieve", lambda *a, **k: retrieve(*a, **k, downloader=other_content))
    with pytest.raises(InputError, match=r"ValueError.*hash"):
        open_dataset("burgers")


def test_download_is_used_and_kept(monkeypatch, tmp_path):
    pooch = pytest.importorskip("pooch")
    row = dict(next(row for row in ROWS if row["name"] == "cylinder_wake"))
    content = "\n".join("\t".join(f"{0.1 * i:.6f}" for _ in range(10)) for i in range(5)).encode()
    row["sha256"] = hashlib.sha256(content).hexdigest()
    calls = []

    def deliver(url, target, pup):
        calls.append(url)
        Path(target).write_bytes(content)

    retrieve = pooch.retrieve
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(registry, "_rows", lambda: {row["name"]: row})
    monkeypatch.setattr(pooch, "retrieve", lambda *a, **k: retrieve(*a, **k, downloader=deliver))
    for _ in range(2):
        assert open_dataset("cylinder_wake").amplitude.shape == (5, 9)
    assert calls == [row["url"]]


def test_folder_is_found_in_a_wheel_and_in_a_clone(tmp_path):
    wheel, clone = tmp_path / "wheel" / "symdyn", tmp_path / "clone" / "symdyn"
    for package, data in ((wheel, wheel / "datasets"), (clone, clone.parent / "datasets")):
        package.mkdir(parents=True)
        data.mkdir()
        shutil.copy(REPOSITORY / "datasets" / "registry.json", data)
        assert registry._find_root(package) == data
    with pytest.raises(InputError, match=r"registry\.json"):
        registry._find_root(tmp_path)


def test_the_wheel_is_told_to_carry_the_folder():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["datasets"] == "symdyn/datasets"


@pytest.mark.slow
def test_a_built_wheel_carries_the_shipped_files(tmp_path):
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=REPOSITORY, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"symdyn/datasets/{row['file']}" for row in SHIPPED} | {"symdyn/datasets/registry.json"} <= names


def test_import_is_light():
    heavy = ("jax", "xarray", "pandas", "scipy", "diffrax", "pooch")
    code = f"import sys, symdyn.data.registry; print([m for m in {heavy} if m in sys.modules])"
    before = "import sys, symdyn, symdyn.data; " + code.split("; ")[1]
    brings, base = (
        subprocess.run([sys.executable, "-c", c], capture_output=True, text=True, check=True, cwd=REPOSITORY).stdout
        for c in (code, before)
    )
    assert brings == base  # nothing beyond what the package itself imports
