"""The command line: what it reads, what it finds, and what it says of every mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import symdyn as sd
from symdyn.cli import app

ROOT = Path(__file__).parents[1]
NEWTON = "position / |position|^3"
CENTRAL = ("--library", "radial", "--variable", "position", "--powers", "-6:2", "--rate-of", "velocity")


@pytest.fixture(scope="module")
def kepler() -> xr.Dataset:
    """An orbit with exact rates."""
    return sd.open_dataset("kepler", times=np.linspace(0.0, 12.0, 300), rates=True)


@pytest.fixture
def circle() -> dict[str, np.ndarray]:
    """Times and positions on a circle in space."""
    t = np.linspace(0.0, 6.0, 200)
    return {"times": t, "position": np.stack([np.cos(t), np.sin(t), 0 * t], axis=1)}


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def found(*arguments: object) -> dict:
    """The law as `--json` tells it."""
    result = run("identify", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def error(*arguments: object) -> str:
    """The line that a mistake gives, after the checks that all mistakes share."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def write(path: Path, times: np.ndarray, **variables: np.ndarray) -> Path:
    sd.dataset(times, time_unit="", **variables).to_netcdf(path)
    return path


def central(law: dict) -> float:
    """The strength of a central law, after a check that its only term is Newton's."""
    assert law["active_terms"] == [NEWTON]
    return law["coefficients"][law["terms"].index(NEWTON)]


# --- reading -------------------------------------------------------------------------------------------------------


def test_netcdf_with_declared_rates(kepler, tmp_path):
    kepler.to_netcdf(tmp_path / "orbit.nc")
    law = found(tmp_path / "orbit.nc", *CENTRAL, "--weights", "relative")
    assert central(law) == pytest.approx(-1.0, abs=1e-12)
    assert law["result"] == "successful"
    assert law["rows"] == 300


@pytest.mark.parametrize(("version", "consolidated"), [(2, True), (2, False), (3, False)])
def test_zarr(kepler, tmp_path, version, consolidated):
    pytest.importorskip("zarr")
    kepler = kepler.drop_vars("component")  # zarr warns of texts
    kepler.to_zarr(tmp_path / "orbit.zarr", consolidated=consolidated, zarr_format=version)
    law = found(tmp_path / "orbit.zarr", *CENTRAL)
    assert central(law) == pytest.approx(-1.0, abs=1e-12)


def test_npz(kepler, tmp_path):
    arrays = {name: kepler[name].values for name in ("position", "velocity", "velocity_rate")}
    np.savez(tmp_path / "orbit.npz", t=kepler.time.values, **arrays)
    law = found(tmp_path / "orbit.npz", *CENTRAL, "--rates", "velocity=velocity_rate")
    assert central(law) == pytest.approx(-1.0, abs=1e-12)


def _table(kepler):
    import pandas as pd

    columns = {f"{n}_{c}": kepler[n].values[:, k] for n in ("position", "velocity") for k, c in enumerate("xyz")}
    return pd.DataFrame({"time": kepler.time.values, **columns})


def test_csv_joins_components(kepler, tmp_path):
    _table(kepler).to_csv(tmp_path / "orbit.csv", index=False)
    law = found(tmp_path / "orbit.csv", *CENTRAL)
    assert central(law) == pytest.approx(-1.0, abs=1e-4)
    assert list(law["units"]) == ["position", "velocity"]


def test_csv_trajectories_are_not_joined_in_time(kepler, tmp_path):
    table = _table(kepler)
    table["trajectory"] = ["first"] * 100 + ["second"] * 200
    table.loc[100:, "time"] -= 3.0
    table.to_csv(tmp_path / "orbits.csv", index=False)
    law = found(tmp_path / "orbits.csv", *CENTRAL)
    assert central(law) == pytest.approx(-1.0, abs=1e-4)
    assert law["rows"] == 300


def test_csv_trajectory_column_by_name(kepler, tmp_path):
    table = _table(kepler).rename(columns={"time": "clock"})
    table["satellite"] = [1] * 150 + [2] * 150
    table.to_csv(tmp_path / "orbits.csv", index=False)
    law = found(tmp_path / "orbits.csv", *CENTRAL, "--trajectories", "satellite", "--time", "clock")
    assert law["rows"] == 300
    assert NEWTON in law["active_terms"]


def test_csv_with_dates_and_whole_numbers(tmp_path):
    days = np.arange("2000-01-01", "2000-03-01", dtype="datetime64[D]")
    rows = "\n".join(f"{day},{2 * k}" for k, day in enumerate(days))
    (tmp_path / "growth.csv").write_text(f"time,level\n{rows}\n", encoding="utf-8")
    law = found(tmp_path / "growth.csv", "--degree", "0")
    assert law["coefficients"][0][0] == pytest.approx(2.0 / 86400.0)
    assert law["time_unit"] == "s"


def test_several_files_are_several_trajectories(kepler, tmp_path):
    kepler.isel(time=slice(0, 120)).to_netcdf(tmp_path / "a.nc")
    kepler.isel(time=slice(120, 300)).to_netcdf(tmp_path / "b.nc")
    law = found(tmp_path / "a.nc", tmp_path / "b.nc", *CENTRAL)
    assert law["rows"] == 300
    assert central(law) == pytest.approx(-1.0, abs=1e-12)


@pytest.mark.parametrize("name", ["lorenz", "dataset:lorenz"])
def test_data_set_by_name(name):
    law = found(name, "--degree", "2", "--option", "rho=27.0")
    x = law["terms"].index("x")
    assert law["coefficients"][x][law["targets"].index("y")] == pytest.approx(27.0, rel=1e-3)


# --- options -------------------------------------------------------------------------------------------------------


def test_group_covariant_terms_and_saved_law(kepler, tmp_path):
    kepler.to_netcdf(tmp_path / "orbit.nc")
    saved = tmp_path / "law.symdyn"
    result = run(
        "identify", tmp_path / "orbit.nc", "--library", "covariant", "--terms", NEWTON, "--terms",
        "(position . velocity) velocity", "--group", "SO(3)", "--vector", "position,velocity", "--save", saved,
        "--report", tmp_path / "law.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "position / |position|^3" in (tmp_path / "law.html").read_text()
    assert result.stdout.startswith("d velocity/dt = -1 ")
    assert "left free by the symmetry" in result.stdout
    assert sd.load(saved).coefficient(NEWTON)[0] == pytest.approx(-1.0)


def test_positions_alone_in_the_weak_form(kepler, tmp_path):
    kepler[["position"]].to_netcdf(tmp_path / "orbit.nc")
    law = found(
        tmp_path / "orbit.nc", *CENTRAL[:6], "--order", 2, "--differentiation", "weak", "--window", 20,
        "--max-terms", 1,
    )  # fmt: skip
    assert central(law) == pytest.approx(-1.0, abs=1e-3)


def test_noisy_states_say_what_was_done(tmp_path):
    t, rng = np.arange(0, 10, 0.05), np.random.default_rng(0)
    states = {"x": np.cos(t), "y": -np.sin(t)}
    noisy = {k: ("time", v + 0.05 * rng.normal(size=len(t))) for k, v in states.items()}
    xr.Dataset(noisy, coords={"time": t}).to_netcdf(tmp_path / "noisy.nc")
    result = run("identify", tmp_path / "noisy.nc", "--degree", 1)
    assert result.exit_code == 0, result.stderr
    assert "(JointEstimation)" in result.stdout
    assert "of the spread of the states" in result.stdout
    weak = run("identify", tmp_path / "noisy.nc", "--degree", 1, "--differentiation", "weak")
    assert "of the rate" in weak.stdout


@pytest.mark.slow
def test_symmetries_that_the_data_support_are_enforced(tmp_path):
    rng, times = np.random.default_rng(0), np.arange(0, 8, 0.02)
    x = np.stack([np.exp(-0.1 * times) * np.cos(times), np.exp(-0.1 * times) * np.sin(times)], axis=1)
    path = tmp_path / "spiral.nc"
    data = {"times": times, "x": x[:, 0] + 0.002 * rng.normal(size=400), "y": x[:, 1] + 0.002 * rng.normal(size=400)}
    xr.Dataset({k: ("time", data[k]) for k in ("x", "y")}, {"time": times}).to_netcdf(path)
    law = found(path, "--degree", "2", "--symmetry", "auto")
    assert any(stage.startswith("symmetry: ") for stage in law["stages"])
    assert "--group" in error("identify", path, "--symmetry", "test")
    assert "auto, test" in error("identify", path, "--symmetry", "so(3)")
    assert "--group" in error("identify", path, "--symmetry", "promote")


def test_candidate_symmetries_are_promoted(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (80, 2))
    rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True)) + 0.05 * rng.normal(size=x.shape)
    path = tmp_path / "hopf.nc"
    columns = {"x": (("time", "axis"), x), "dx": (("time", "axis"), rates)}
    xr.Dataset(columns, {"time": np.arange(80.0)}).to_netcdf(path)
    options = ("--degree", 3, "--rates", "x=dx", "--rate-of", "x", "--group", "SE(2)", "--point", "x")
    stages = "\n".join(found(path, *options, "--symmetry", "promote")["stages"])
    assert "promotion: kept R, acting as rotations" in stages
    assert "broken: d/dx" in stages


def test_all_words_of_the_vectors(kepler, tmp_path):
    kepler.to_netcdf(tmp_path / "orbit.nc")
    law = found(
        tmp_path / "orbit.nc", "--library", "covariant", "--vector", "position,velocity", "--degree", 1,
        "--powers", "0,-3", "--solver", "stlsq", "--threshold", 0.1,
    )  # fmt: skip
    assert central(law) == pytest.approx(-1.0, abs=1e-9)


def test_quiet_prints_the_law_alone():
    result = run("identify", "lorenz", "--quiet")
    assert result.exit_code == 0
    assert [line.split("/")[0] for line in result.stdout.splitlines()] == ["dx", "dy", "dz"]


def test_missing_samples_are_skipped_on_request(circle, tmp_path):
    circle["position"][5, 1] = np.nan
    path = write(tmp_path / "gap.nc", **circle)
    assert found(path, "--degree", 1, "--missing", "skip")["result"] == "successful"


def test_a_guess_is_a_warning_line(circle, tmp_path):
    data = xr.Dataset({"position": (("member", "time", "component"), np.stack([circle["position"]] * 2))})
    data.assign_coords(time=circle["times"]).to_netcdf(tmp_path / "runs.nc")
    result = run("identify", tmp_path / "runs.nc", "--degree", "1")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: taking ('member',) for separate trajectories")
    quiet = run("identify", tmp_path / "runs.nc", "--degree", "1", "--trajectories", "member")
    assert quiet.stderr == ""


@pytest.mark.parametrize(("text", "powers"), [("-2:1", (-2, -1, 0, 1)), ("-3,0.5", (-3, 0.5)), ("4", (4,))])
def test_numbers(text, powers):
    from symdyn.cli.settings import numbers

    assert numbers(text) == powers


# --- mistakes ------------------------------------------------------------------------------------------------------


def test_nan(circle, tmp_path):
    circle["position"][5, 1] = np.nan
    line = error("identify", write(tmp_path / "data.nc", **circle))
    assert "not finite" in line
    assert "position_y" in line


def test_unsorted_times(circle, tmp_path):
    circle["times"][[10, 11]] = circle["times"][[11, 10]]
    assert "not in increasing order" in error("identify", write(tmp_path / "data.nc", **circle))


def test_duplicated_times(circle, tmp_path):
    circle["times"][11] = circle["times"][10]
    assert "repeated at index 11" in error("identify", write(tmp_path / "data.nc", **circle))


def test_unknown_variable(circle, tmp_path):
    line = error("identify", write(tmp_path / "data.nc", **circle), "--rate-of", "speed")
    assert "unknown variable 'speed'; the data have position" in line


def test_unknown_dimension(circle, tmp_path):
    path = write(tmp_path / "data.nc", **circle)
    assert "unknown time dimension 'date'" in error("identify", path, "--time", "date")
    assert "unknown trajectory dimension 'member'" in error("identify", path, "--trajectories", "member")


def test_vector_of_the_wrong_length(circle, tmp_path):
    line = error("identify", write(tmp_path / "data.nc", **circle), "--group", "SO(2)", "--vector", "position")
    assert "wrong length" in line
    assert "SO(2)" in line


def test_too_few_samples(circle, tmp_path):
    path = write(tmp_path / "data.nc", circle["times"][:6], position=circle["position"][:6])
    assert "too few samples" in error("identify", path, "--degree", 3)


def test_empty_equivariant_subspace(circle, tmp_path):
    path = write(tmp_path / "data.nc", **circle)
    line = error("identify", path, "--degree", 0, "--group", "SO(3)", "--vector", "position")
    assert "is equivariant under rotation_x" in line


def test_integer_data(tmp_path):
    path = write(tmp_path / "data.nc", np.arange(50.0), count=np.arange(50))
    assert "'count' holds integers" in error("identify", path)


@pytest.mark.parametrize("name", ["data.nc", "data.npz", "data.csv"])
def test_unreadable_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xfe nothing of the kind" * 50)
    line = error("identify", tmp_path / name)
    assert "cannot read" in line
    assert name in line
    assert "pickle" not in line


def test_truncated_file(circle, tmp_path):
    path = write(tmp_path / "data.nc", **circle)
    path.write_bytes(path.read_bytes()[:-4000])
    assert "cannot read" in error("identify", path)


def test_a_folder_that_is_no_zarr_store(tmp_path):
    assert "not a Zarr store" in error("identify", tmp_path)


def test_missing_file(tmp_path):
    assert "no such file" in error("identify", tmp_path / "data.nc")


def test_csv_without_time(tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n1.0,2.0\n", encoding="utf-8")
    assert "no column 'time' or 't'; it has a, b" in error("identify", tmp_path / "data.csv")


def test_csv_with_text(tmp_path):
    (tmp_path / "data.csv").write_text("t,a\n0,1.0\n1,many\n2,3.0\n", encoding="utf-8")
    assert "the column 'a' holds text" in error("identify", tmp_path / "data.csv")


def test_group_is_never_evaluated(circle, tmp_path):
    path = write(tmp_path / "data.nc", **circle)
    for text in ("SO(3", "__import__('os')(1)", "open(2)", "SO(3).algebra", "CATALOGUE"):
        assert "unknown group" in error("identify", path, "--group", text, "--vector", "position")
    assert "needs an integer n >= 2" in error("identify", path, "--group", "SO(-1)", "--vector", "position")
    assert "cannot make the group 'SO()'" in error("identify", path, "--group", "SO()", "--vector", "position")
    for text in ("position=Vektor", "position", "position=os.system(1)"):
        assert "unknown kind" in error("identify", path, "--group", "SO(2)", "--transforms", text)
    assert "takes no numbers" in error("identify", path, "--group", "SO(2)", "--transforms", "position=Vector(2)")
    assert "Tensor" in error("identify", path, "--group", "SO(2)", "--transforms", "position=Tensor(-1, 0)")


def test_any_group_and_any_kind_of_quantity(circle, tmp_path):
    path = write(tmp_path / "data.nc", **circle)
    turned, plain = (
        run("identify", path, "--degree", 3, "--group", group, *more)
        for group, more in (("so(3)", ("--transforms", "position=Axial")), ("Signs(3)", ("--vector", "position")))
    )
    for result in (turned, plain):
        assert result.exit_code == 0, result.stderr
        assert "left free by the symmetry" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--solver", "magic"), "--solver is one of"),
        (("--selection", "magic"), "--selection is one of"),
        (("--tolerance", "0.1"), "--tolerance has no meaning with --selection ebic"),
        (("--threshold", "0.1"), "--threshold has no meaning with --solver best-subset"),
        (("--solver", "stlsq", "--threshold", "2"), "between 0 and 1"),
        (("--inputs", "wind"), "unknown input 'wind'"),
        (("--order", "3"), "order must be 1 or 2"),
        (("--missing", "drop"), "missing must be"),
        (("--library", "splines"), "--library is one of"),
        (("--library", "radial"), "needs --variable"),
        (("--library", "radial", "--variable", "position", "--powers", "two"), "--powers takes"),
        (("--library", "covariant"), "needs --terms"),
        (("--library", "covariant", "--terms", "position / |"), "cannot read the term"),
        (("--terms", "position"), "--terms has no meaning with --library monomials"),
        (("--window", "5"), "--window has no meaning"),
        (("--vector", "position"), "--vector has no meaning with no --group"),
        (("--group", "SO(3)"), "--group needs --vector"),
        (("--rates", "position"), "--rates takes VARIABLE=RATE"),
        (("--option", "center=sun"), "--option is for data sets by name"),
        (("--weights", "relative"), "needs the measured rate"),
        (("--save", "no/such/folder/law.symdyn"), "does not exist"),
        (("--report", "no/such/folder/law.html"), "does not exist"),
    ],
)
def test_options_that_cannot_be(circle, tmp_path, options, message):
    assert message in error("identify", write(tmp_path / "data.nc", **circle), *options)


def test_options_of_a_data_set():
    assert "unknown option of 'planets': 'centre'" in error("identify", "planets", "--option", "centre=sun")
    assert "--option takes KEY=VALUE" in error("identify", "planets", "--option", "center")


@pytest.mark.parametrize(
    "arguments", [("identify",), ("identify", "x.nc", "--order", "two"), ("find",), ("demo", "--fast")]
)
def test_usage_errors(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage" in result.stderr


def test_interruption_is_quiet(monkeypatch):
    import symdyn.cli.law

    def interrupted(choice):
        raise KeyboardInterrupt

    monkeypatch.setattr(symdyn.cli.law, "find", interrupted)
    result = run("identify", "lorenz")
    assert result.exit_code == 130
    assert (result.stdout, result.stderr) == ("", "")


# --- data sets, version, the process -------------------------------------------------------------------------------


def test_datasets():
    result = run("datasets")
    assert result.exit_code == 0
    assert "planets" in result.stdout
    names = [info["name"] for info in json.loads(run("datasets", "--json").stdout)]
    assert names == [info.name for info in sd.list_datasets()]


def test_one_data_set():
    card = json.loads(run("datasets", "planets", "--json").stdout)
    assert card["sizes"]["body"] == 11
    assert card["variables"]["position"] == {"dims": ["time", "body", "component"], "units": "km"}
    assert card["attributes"]["speed_of_light"] == 299792.458
    assert "JPL" in run("datasets", "planets").stdout


def test_a_data_set_that_is_not_here(monkeypatch, tmp_path):
    monkeypatch.setenv("SYMDYN_DATA_DIR", str(tmp_path))
    assert "not here yet" in run("datasets", "mjo_index").stdout
    assert "unknown data set 'nothing'" in error("datasets", "nothing")


def test_version():
    assert run("--version").stdout.split() == ["symdyn", sd.__version__]


def test_a_real_process(kepler, tmp_path):
    kepler.to_netcdf(tmp_path / "orbit.nc")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}

    def process(*arguments):
        command = [sys.executable, "-m", "symdyn.cli", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    done = process("identify", "orbit.nc", *CENTRAL, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("d velocity/dt = -1 ")
    wrong = process("identify", "orbits.nc")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: no such file: orbits.nc")


# --- configuration -------------------------------------------------------------------------------------------------


def test_a_run_that_saves_writes_its_options_and_runs_again_from_them(tmp_path):
    first = run("identify", "lorenz", "--degree", "2", "--selection", "bic", "--save", tmp_path / "law.symdyn")
    assert first.exit_code == 0, first.stderr
    settings = tmp_path / "law.symdyn.toml"
    assert 'selection = "bic"' in settings.read_text()
    again = run("identify", "--config", settings)
    assert again.stdout == first.stdout.replace(f"saved to {tmp_path / 'law.symdyn'}\n", "")
    smaller = run("identify", "--config", settings, "--degree", "1", "-q")
    assert smaller.stdout != "\n".join(first.stdout.splitlines()[:3])
    assert not (tmp_path / "law.symdyn.toml.toml").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("degre = 2", "unknown option 'degre'"),
        ('command = "promote"', "is of the command 'promote'"),
        ("degree = {a = 1}", "must be text, a number"),
        ("degree == 2", "cannot read"),
    ],
)
def test_configurations_that_cannot_be_used(tmp_path, text, said):
    (tmp_path / "run.toml").write_text(text)
    result = run("identify", "lorenz", "--config", tmp_path / "run.toml")
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


# --- laws that were saved ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A rotation in the plane, as a saved law."""
    t = np.linspace(0.0, 6.0, 200)
    data = sd.dataset(t, time_unit="s", q=np.stack([np.cos(t), -np.sin(t)], axis=1))
    path = tmp_path_factory.mktemp("law") / "law.symdyn"
    sd.identify(data, library=sd.Monomials(1)).save(path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet", "nc", "npz"])
def test_simulations_are_written_and_read_again(saved, tmp_path, suffix):
    out = tmp_path / f"run.{suffix}"
    result = run("simulate", saved, "--start", "q=1,0", "--until", "3", "--step", "0.01", "--out", out)
    assert result.exit_code == 0, result.stderr
    law = found(out, "--degree", "1")
    assert sorted(law["active_terms"]) == ["q_x", "q_y"]
    beside = run("simulate", saved, "--data", out, "--quiet")
    times, q_x, _ = np.loadtxt(beside.stdout.splitlines(), delimiter=",", skiprows=1, unpack=True)
    np.testing.assert_allclose(q_x, np.cos(times), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--start NAME=NUMBER"),
        (("--start", "q=1,0"), "--until"),
        (("--start", "p=1", "--until", "1"), "the state of the law is q"),
        (("--start", "q=1", "--until", "1"), "q takes 2 numbers"),
        (("--start", "q=1,nan", "--until", "1"), "q takes 2 numbers"),
        (("--start", "q=1,0", "--until", "-1"), "must be positive"),
        (("--start", "q=1,0", "--until", "1", "--out", "run.txt"), "takes the endings"),
        (("--data", "run.csv", "--until", "1"), "--data has its own start"),
    ],
)
def test_simulations_that_cannot_be_run(saved, options, said):
    assert said in error("simulate", saved, *options)


def test_symmetries_of_a_saved_law_and_of_data(saved, tmp_path):
    result = run("symmetries", saved, "--group", "SO(2)", "--vector", "q", "--json")
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["trivial"]) == 1  # a rotation is the flow itself here
    t, rng = np.linspace(0.0, 6.0, 300), np.random.default_rng(0)
    runs = [a * np.stack([np.cos(t), -np.sin(t)], axis=1) + 1e-4 * rng.normal(size=(300, 2)) for a in (1.0, 2.0)]
    files = [write(tmp_path / f"{k}.nc", t, q=values) for k, values in enumerate(runs)]
    tested = run("symmetries", *files, "--degree", "1", "--group", "SO(2)", "--vector", "q", "--evidence", "--json")
    assert tested.exit_code == 0, tested.stderr
    assert [claim["verdict"] for claim in json.loads(tested.stdout)["claims"]] == ["supported"]
    both = run("symmetries", saved, *files, "--group", "SO(2)", "--vector", "q", "--evidence")
    assert "supported" in both.stdout, both.stderr
    turned = [sd.dataset(t, time_unit="", q=values).rename(time="hour") for values in runs]
    for k, each in enumerate(turned):
        each.to_netcdf(tmp_path / f"hour_{k}.nc")
    hours = [tmp_path / f"hour_{k}.nc" for k in range(2)]
    named = run(
        "symmetries", *hours, "--time", "hour", "--degree", "1", "--group", "SO(2)", "--vector", "q", "--evidence"
    )
    assert "supported" in named.stdout, named.stderr
    assert "give it alone" in error("symmetries", saved, saved)
    assert "and --evidence" in error("symmetries", saved, *files)
    assert "name the candidates" in error("symmetries", saved, "--candidates", "1", "--group", "SO(2)", "--vector", "q")


def test_promotion_keeps_rotations_of_the_plane(tmp_path):
    t, rng = np.linspace(0.0, 3.0, 100), np.random.default_rng(1)
    turns = np.stack([np.cos(2 * t), -np.sin(2 * t)], axis=1) * np.exp(-0.1 * t)[:, None]
    path = write(tmp_path / "spiral.nc", t, q=turns + 1e-3 * rng.normal(size=turns.shape))
    law = tmp_path / "law.symdyn"
    result = run("promote", path, "--degree", "1", "--group", "SO(2)", "--vector", "q", "--save", law, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["kept"]
    assert found["free"] < found["candidates"]
    assert (tmp_path / "law.symdyn.toml").exists()
    assert sd.load(law).settings.action is not None
    assert "needs --group" in error("promote", path)


def test_a_page_on_a_saved_law(saved, tmp_path):
    out = tmp_path / "run.csv"
    assert run("simulate", saved, "--start", "q=0,2", "--until", "3", "--out", out).exit_code == 0
    page = run("report", saved, out, "--out", tmp_path / "page.html", "--title", "A turn")
    assert page.exit_code == 0, page.stderr
    assert "<h1>A turn</h1>" in (tmp_path / "page.html").read_text()


def test_damaged_parquet_is_named(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    assert "is no Parquet file" in error("identify", tmp_path / "a.parquet")
