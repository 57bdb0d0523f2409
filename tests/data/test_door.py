import numpy as np
import pytest
import xarray as xr

import symdyn as sd
from symdyn.data.door import read
from symdyn.data.reading import Reading

T = np.linspace(0.0, 2.0, 9)


def orbit(**attrs):
    ds = sd.dataset(T, position=np.outer(T, [1.0, 2.0, 3.0]), velocity=np.ones((9, 3)), mass=T**2)
    ds.velocity.attrs.update(attrs)
    return ds


def test_names_units_and_components_come_through():
    ds = orbit(rate_of="position", units="km s-1")
    ds["time"].attrs["units"] = "s"
    recording = read(ds, Reading(variables=("position", "velocity", "mass")))
    assert recording.space.component_names == (
        *("position_x", "position_y", "position_z", "velocity_x", "velocity_y", "velocity_z", "mass"),
    )
    assert recording.space["velocity"].unit == "km s-1"
    assert recording.time_unit == "s"
    assert recording.kinematics == (("position", "velocity"),)
    assert recording.targets == ("velocity", "mass")
    np.testing.assert_array_equal(recording.trajectories[0].states[:, 6], T**2)


def test_a_declared_rate_is_measured_and_no_state():
    ds = sd.make_dataset("kepler", times=T, rates=True)
    recording = read(ds, Reading(rate_of="velocity"))
    assert recording.space.names == ("position", "velocity")
    rate = next(name for name in ds if ds[name].attrs.get("measured_rate_of") == "velocity")
    np.testing.assert_array_equal(recording.trajectories[0].rates, ds[rate].values)


def test_velocity_beside_position_is_a_state_variable_unless_the_rate_of_position_is_sought():
    ds = orbit(rate_of="position").drop_vars("mass")
    recording = read(ds)
    assert recording.space.names == ("position", "velocity")
    assert recording.targets == ("velocity",)
    assert recording.trajectories[0].rates is None
    first_order = read(ds, Reading(rate_of="position"))
    assert first_order.space.names == ("position",)
    np.testing.assert_array_equal(first_order.trajectories[0].rates, ds.velocity)


def test_rates_may_be_named_by_keyword():
    ds = sd.dataset(T, position=np.outer(T, [1.0, 2.0]), speed=np.ones((9, 2)), push=np.zeros((9, 2)))
    recording = read(ds, Reading(rates={"position": "speed", "speed": "push"}))
    assert recording.space.names == ("position", "speed")
    assert recording.targets == ("speed",)
    assert recording.kinematics == (("position", "speed"),)


def test_trajectories_by_cf_role_by_keyword_and_by_a_guess_that_warns():
    ds = sd.dataset(T, x=np.random.default_rng(0).normal(size=(4, 9, 2)))
    assert [t.label for t in read(ds).trajectories] == ["0", "1", "2", "3"]
    assert read(ds, Reading(trajectories=())).space.size == 8
    renamed = ds.rename(trajectory="member")
    renamed["member"].attrs.clear()
    with pytest.warns(sd.SymdynWarning, match="taking .*member"):
        assert len(read(renamed).trajectories) == 4
    strange = renamed.rename(member="station")
    with pytest.raises(sd.InputError, match="components of a vector or separate trajectories"):
        read(strange)
    assert len(read(strange, Reading(trajectories="station")).trajectories) == 4


def test_datasets_of_different_length_are_trajectories_of_one_law():
    first, second = orbit(), orbit().isel(time=slice(0, 5))
    assert [len(t.times) for t in read([first, second]).trajectories] == [9, 5]
    with pytest.raises(sd.InputError, match="same variables"):
        read([first, second.drop_vars("mass")])


def test_dates_become_seconds_since_the_first():
    ds = orbit().assign_coords(time=np.datetime64("2000-01-01T12", "ns") + (T * 86400e9).astype("timedelta64[ns]"))
    recording = read(ds)
    np.testing.assert_allclose(recording.trajectories[0].times, T * 86400.0)
    assert (recording.time_unit, recording.origin[:10]) == ("s", "2000-01-01")


def test_dates_of_other_calendars_are_read():
    ds = orbit().assign_coords(time=xr.date_range("2000-02-27", periods=9, calendar="noleap", use_cftime=True))
    np.testing.assert_allclose(read(ds).trajectories[0].times, 86400.0 * np.arange(9))


def test_float32_and_either_order_of_dimensions_are_read():
    ds = orbit()
    a, b = read(ds), read(ds.astype(np.float32).transpose("component", "time"))
    np.testing.assert_allclose(a.trajectories[0].states, b.trajectories[0].states, rtol=1e-6)
    assert b.trajectories[0].states.dtype == np.float64


def with_value(value, name="position"):
    ds = orbit()
    ds[name][3] = value
    return ds


BAD = {
    "nan": (with_value(np.nan), {}, r"1 of 9 samples .* first 'position_x' at time 0.75; .*missing='skip'"),
    "infinite": (with_value(np.inf), {}, "not finite"),
    "unsorted": (orbit().isel(time=[0, 2, 1, 3, 4]), {}, r"not in increasing order at index 2 .*\.sortby\('time'\)"),
    "repeated": (orbit().isel(time=[0, 1, 1, 2, 3]), {}, r"repeated at index 2 .*\.drop_duplicates\('time'\)"),
    "integers": (orbit().assign(mass=("time", np.arange(9))), {}, r"'mass' holds integers \(int64\)"),
    "text": (orbit().assign(mass=("time", list("abcdefghi"))), {}, "'mass' holds <U1"),
    "variable": (orbit(), {"variables": "speed"}, "unknown variable 'speed'; the data have position, velocity, mass"),
    "target": (orbit(), {"rate_of": "speed"}, "unknown variable 'speed'"),
    "no state": (orbit(), {"rate_of": "mass", "variables": "position"}, "rate_of names 'mass', which is not a state"),
    "time": (orbit(), {"time": "t"}, "unknown time dimension 't'; the data have the dimensions time, component"),
    "trajectory": (orbit(), {"trajectories": "run"}, "unknown trajectory dimension 'run'"),
    "short": (orbit().isel(time=slice(0, 2)), {}, "only 2 samples"),
    "no time": (xr.Dataset({"x": ("station", np.ones(3))}), {}, "no time dimension found among station"),
    "constant in time": (orbit().assign(c=1.0), {"variables": "c"}, "does not depend on 'time'"),
    "weights": (orbit(), {"weights": "relative"}, "needs the measured rate"),
    "weights name": (orbit(), {"weights": "w"}, "weights must be"),
    "negative weights": (orbit(), {"weights": xr.DataArray(-np.ones(9), dims="time")}, "not negative"),
    "other weights": (orbit(), {"weights": xr.DataArray(np.ones(5), dims="time")}, "do not fit"),
    "missing": (orbit(), {"missing": "ignore"}, 'missing must be "raise" or "skip"'),
    "array": (np.ones((9, 3)), {}, r"got ndarray\. symdyn.dataset"),
    "empty list": ([], {}, "empty"),
    "nan time": (orbit().assign_coords(time=np.where(T == 0.5, np.nan, T)), {}, "hold nan"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_with_its_remedy(case):
    data, options, message = BAD[case]
    with pytest.raises(sd.InputError, match=message):
        read(data, Reading(**options))


def test_arrays_of_mismatched_length_are_refused():
    with pytest.raises(sd.InputError, match=r"'x' has shape \(8,\); with 9 times"):
        sd.dataset(T, x=np.ones(8))
    with pytest.raises(sd.InputError, match=r"times must have shape \(t,\)"):
        sd.dataset(np.ones((2, 3)), x=np.ones(2))


def test_skipped_samples_get_weight_zero_and_touch_no_other_row():
    ds = with_value(np.nan)
    run = read(ds, Reading(missing="skip")).trajectories[0]
    assert run.weights.tolist() == [1, 1, 1, 0, 1, 1, 1, 1, 1]
    assert np.isfinite(run.states).all()
    clean = read(orbit()).trajectories[0]
    np.testing.assert_array_equal(np.delete(run.states, 3, 0), np.delete(clean.states, 3, 0))
    with pytest.raises(sd.InputError, match="no sample of trajectory '0' is finite"):
        read(ds * np.nan, Reading(missing="skip"))


def test_weights_by_name_and_relative():
    ds = sd.make_dataset("kepler", times=T, rates=True)
    run = read(ds, Reading(rate_of="velocity", weights="relative")).trajectories[0]
    np.testing.assert_allclose(run.weights * np.sum(run.rates**2, axis=1, keepdims=True), 1.0)
    named = read(orbit(), Reading(weights="mass", variables="position")).trajectories[0]
    np.testing.assert_array_equal(named.weights, T**2)


def test_row_order_of_bodies_and_components():
    values = np.random.default_rng(0).normal(size=(9, 2, 3))
    ds = xr.Dataset({"x": (("time", "body", "component"), values)}, coords={"time": T, "body": ["a", "b"]})
    ds["body"].attrs["cf_role"] = "trajectory_id"
    recording = read(ds)
    assert [t.label for t in recording.trajectories] == ["a", "b"]
    np.testing.assert_array_equal(recording.trajectories[1].states, values[:, 1])
    whole = read(ds, Reading(trajectories=()))
    assert whole.space.component_names[3] == "x_b_x"
    np.testing.assert_array_equal(whole.trajectories[0].states, values.reshape(9, 6))


@pytest.mark.parametrize(
    "told", [{"_CoordinateAxisType": "Time"}, {"cartesian_axis": "T"}, {"units": "hours since 2000-01-01"}, "cftime"]
)
def test_a_time_of_any_name_is_told_by_its_attributes(told):
    ds = orbit().rename(time="step")
    if told == "cftime":
        ds = ds.assign_coords(step=xr.date_range("2000-02-27", periods=9, calendar="noleap", use_cftime=True))
    else:
        ds["step"].attrs = told
    assert read(ds).time_name == "step"
