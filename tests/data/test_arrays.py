import numpy as np
import pytest

import symdyn as sd
from symdyn.data.door import read
from symdyn.data.reading import Reading

T = np.linspace(0.0, 2.0, 9)


def arrays(**more):
    return {"time": T, "position": np.outer(T, [1.0, 2.0, 3.0]), "mass": T**2, **more}


def test_arrays_and_a_dataset_of_them_read_alike():
    plain = arrays()
    made = sd.dataset(T, position=plain["position"], mass=plain["mass"])
    a, b = read(plain), read(made)
    assert a.space == b.space
    np.testing.assert_array_equal(a.trajectories[0].states, b.trajectories[0].states)


def test_runs_rates_and_weights():
    x = np.random.default_rng(0).normal(size=(3, 9, 2))
    recording = read({"t": T, "x": x, "dx": 2 * x, "w": T}, Reading(rates={"x": "dx"}, weights="w"))
    assert [run.label for run in recording.trajectories] == ["0", "1", "2"]
    np.testing.assert_array_equal(recording.trajectories[1].rates, 2 * x[1])
    np.testing.assert_array_equal(recording.trajectories[1].weights, T)
    relative = read({"t": T, "x": x, "dx": 2 * x}, Reading(rates={"x": "dx"}, weights="relative")).trajectories[0]
    np.testing.assert_allclose(relative.weights * np.sum(relative.rates**2, axis=1), 1.0)
    chained = read({"t": T, "x": x, "v": x, "a": x}, Reading(rates={"x": "v", "v": "a"}))
    assert (chained.space.names, chained.targets, chained.kinematics) == (("x", "v"), ("v",), (("x", "v"),))


BAD = {
    "no times": ({"x": T}, {}, "no times among the arrays x"),
    "times name": (arrays(), {"time": "hours"}, "no times among the arrays"),
    "length": (arrays(mass=T[:5]), {}, r"'mass' has shape \(5,\); with 9 times"),
    "runs": (arrays(a=np.ones((2, 9, 1)), b=np.ones((3, 9, 1))), {}, "does not fit 3 runs"),
    "integers": (arrays(mass=np.arange(9)), {}, "holds integers"),
    "unknown": (arrays(), {"variables": "speed"}, "unknown variable 'speed'; the data have position, mass"),
    "target": (arrays(), {"variables": "mass", "rate_of": "position"}, "is not a state variable"),
    "dimensions": (arrays(), {"trajectories": "run"}, "no named dimensions"),
    "nan": (arrays(mass=np.where(T == 0.5, np.nan, T)), {}, "1 of 9 samples"),
    "weights": (arrays(), {"weights": np.ones(4)}, "9 finite numbers"),
    "relative": (arrays(), {"weights": "relative"}, "name them with rates"),
    "repeated": ({"time": np.zeros(9), "x": T}, {}, "repeated"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_named(case):
    data, options, message = BAD[case]
    with pytest.raises(sd.InputError, match=message):
        read(data, Reading(**options))


@pytest.mark.parametrize("make", [dict, lambda d: sd.dataset(d["time"], **{k: v for k, v in d.items() if k != "time"})])
def test_rates_of_some_targets_only_are_not_dropped_in_silence(make):
    data = make({"time": T, "x": T**2, "dx": 2 * T, "y": T**3})
    with pytest.warns(sd.SymdynWarning, match="measured for x but not for y"):
        assert read(data, Reading(rates={"x": "dx"})).trajectories[0].rates is None
    assert read(data, Reading(rates={"x": "dx"}, rate_of="x")).trajectories[0].rates is not None


def test_rates_the_wrong_way_round_are_refused_in_both_doors():
    data = {"time": np.arange(5.0), "x": np.arange(5.0) ** 2, "v": 2 * np.arange(5.0)}
    for given in (data, sd.dataset(data["time"], x=data["x"], v=data["v"])):
        with pytest.raises(sd.InputError, match=r"the other way round it reads rates=\{'x': 'v'\}"):
            sd.identify(given, rates={"v": "x"}, variables="x", rate_of="x")
