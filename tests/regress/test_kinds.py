"""Kinds of problem: inputs, parameters, time-dependent laws, known parts, maps."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

import symdyn as sd

TIMES = np.linspace(0, 20, 2001)


def push(t):
    return np.sin(1.3 * t) + 0.5 * np.cos(2.1 * t)


@pytest.fixture(scope="module")
def driven():
    """A damped oscillator with a force: x' = v, v' = -x - 0.1 v + 2 u(t)."""
    found = solve_ivp(
        lambda t, x: [x[1], -x[0] - 0.1 * x[1] + 2 * push(t)], (0, 20), [1, 0], t_eval=TIMES, rtol=1e-11, atol=1e-12
    )
    return sd.dataset(TIMES, x=found.y[0], v=found.y[1], u=push(TIMES))


@pytest.fixture(scope="module")
def controlled(driven):
    return sd.identify(driven, inputs="u", library=sd.Monomials(2))


def test_a_control_is_part_of_the_law_and_not_of_what_it_explains(controlled):
    assert controlled.target_components == ("x", "v")
    assert controlled.active_terms == ("x", "v", "u")
    assert controlled.coefficient("u", "v")[0] == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("interpolation", ["cubic", "linear"])
def test_a_controlled_law_runs_with_sampled_inputs_and_keeps_the_last_one(driven, controlled, interpolation):
    run = controlled.simulate(
        {"x": 1.0, "v": 0.0}, TIMES, inputs={"u": push(TIMES)}, interpolation=interpolation, rtol=1e-8
    )
    assert run.sizes["time"] == len(TIMES)
    np.testing.assert_allclose(run.x, driven.x, atol=1e-5 if interpolation == "cubic" else 1e-3)
    np.testing.assert_allclose(run.u, driven.u, atol=1e-12)


def test_inputs_may_be_functions_or_labelled_on_other_times(driven, controlled):
    by_function = controlled.simulate(
        [1.0, 0.0], TIMES, inputs={"u": lambda t: jnp.sin(1.3 * t) + 0.5 * jnp.cos(2.1 * t)}
    )
    np.testing.assert_allclose(by_function.x, driven.x, atol=1e-6)
    fine = np.linspace(-1, 21, 4001)
    labelled = xr.Dataset({"u": ("time", push(fine))}, coords={"time": fine})
    np.testing.assert_allclose(controlled.simulate([1.0, 0.0], TIMES, inputs=labelled).x, driven.x, atol=1e-5)
    with pytest.raises(sd.InputError, match=r"known from -1 to 4\.995 and is needed"):
        controlled.simulate([1.0, 0.0], TIMES, inputs=labelled.sel(time=slice(-1, 5)))


def test_the_score_of_a_controlled_law_uses_the_measured_inputs(driven, controlled):
    assert float(controlled.score(driven).r2.min()) > 1 - 1e-8


def test_the_time_as_an_input_gives_time_dependent_laws(driven, tmp_path):
    waves = sd.Monomials(1, variables=("time",)) * sd.Monomials(1, variables=("x", "v"))
    aging = solve_ivp(
        lambda t, x: [x[1], -(1 + 0.05 * t) * x[0]], (0, 20), [1, 0], t_eval=TIMES, rtol=1e-11, atol=1e-12
    ).y  # fmt: skip
    data = sd.dataset(TIMES, x=aging[0], v=aging[1])
    law = sd.identify(data, inputs="time", library=waves)
    assert law.active_terms == ("x", "v", "x time") or set(law.active_terms) == {"x", "v", "time x"}
    np.testing.assert_allclose(law.simulate([1.0, 0.0], TIMES).x, aging[0], atol=1e-5)
    law.save(tmp_path / "law.symdyn")
    np.testing.assert_allclose(sd.load(tmp_path / "law.symdyn").simulate([1.0, 0.0], TIMES).x, aging[0], atol=1e-5)


@pytest.mark.parametrize("differentiation", [None, sd.WeakForm()])
def test_a_known_part_is_completed(driven, differentiation):
    law = sd.identify(
        driven,
        inputs="u",
        known=lambda state: {"v": 2 * state["u"]},
        library=sd.Monomials(1),
        differentiation=differentiation,
    )
    assert law.active_terms == ("x", "v")
    assert law.coefficient("x", "v")[0] == pytest.approx(-1, rel=1e-6)
    assert law.equations[1].endswith("+ known part")
    run = law.simulate([1.0, 0.0], TIMES, inputs={"u": push(TIMES)})
    np.testing.assert_allclose(run.x, driven.x, atol=1e-5)


def test_a_map(tmp_path):
    x = np.empty((400, 2))
    x[0] = 0.1, 0.2
    for k in range(399):
        x[k + 1] = 1 - 1.4 * x[k, 0] ** 2 + x[k, 1], 0.3 * x[k, 0]
    law = sd.identify({"time": np.arange(400.0), "a": x[:, 0], "b": x[:, 1]}, discrete=True, library=sd.Monomials(3))
    assert law.equations[0].startswith("a[k+1] = ")
    assert law.active_terms == ("1", "a", "b", "a^2")
    law.save(tmp_path / "map.symdyn")
    run = sd.load(tmp_path / "map.symdyn").simulate(x[0], np.arange(20.0))
    np.testing.assert_allclose(run.a, x[:20, 0], atol=1e-9)


def logistic():
    rates = np.linspace(2.5, 3.9, 15)
    x = np.full((15, 100), 0.3)
    for k in range(99):
        x[:, k + 1] = rates * x[:, k] * (1 - x[:, k])
    return rates, x


@pytest.mark.parametrize("labelled", [True, False])
def test_a_parameter_that_differs_between_runs(labelled):
    rates, x = logistic()
    if labelled:
        data = xr.Dataset({"x": (("run", "time"), x), "r": ("run", rates)}, coords={"time": np.arange(100.0)})
        law = sd.identify(data, inputs="r", discrete=True, trajectories="run", library=sd.Monomials(3))
    else:
        data = {"time": np.arange(100.0), "x": x[..., None], "r": rates}
        law = sd.identify(data, inputs="r", discrete=True, library=sd.Monomials(3))
    assert law.stats.active == 2
    assert law.coefficients[law.coefficients != 0] == pytest.approx([1, -1])
    run = law.simulate({"x": 0.3 if labelled else [0.3], "r": 3.2}, np.arange(10.0))
    assert float(run.x.values.ravel()[1]) == pytest.approx(3.2 * 0.3 * 0.7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ds, law: sd.identify(ds, inputs="w"), "unknown input 'w'"),
        (lambda ds, law: sd.identify(ds, inputs=("x", "v", "u")), "all variables are inputs"),
        (lambda ds, law: sd.identify(ds, inputs="u", rate_of="u"), "rate_of names 'u'"),
        (lambda ds, law: law.simulate([1.0, 0.0], TIMES), "must have shape"),
        (lambda ds, law: law.simulate({"x": 1.0, "v": 0.0}, TIMES), "lacks u"),
        (lambda ds, law: law.simulate([1.0, 0.0], TIMES, inputs={"w": 1.0}), "no input of this law"),
        (lambda ds, law: law.simulate([1.0, 0.0], TIMES, inputs={}), "inputs lack u"),
        (lambda ds, law: law.simulate([1.0, 0.0], TIMES, inputs={"u": np.ones(7)}), r"shape \(7,\) for 2001 times"),
        (lambda ds, law: law.simulate([1.0, 0.0], TIMES, inputs={"u": np.ones((2001, 3))}), "3 values at a time"),
        (lambda ds, law: law.simulate([1.0, 0.0], TIMES, interpolation="spline"), '"cubic" or "linear"'),
        (lambda ds, law: sd.identify(ds, known=3.0), "known must be a function"),
        (lambda ds, law: sd.identify(ds, known=lambda s: {"z": 1.0}), "gives the rate of z"),
        (lambda ds, law: sd.identify(ds, known=lambda s: {"x": s["y"]}), "known part failed"),
        (lambda ds, law: sd.identify(ds, discrete=True, order=2), "discrete law"),
        (lambda ds, law: sd.identify(ds, discrete=True, differentiation=sd.FiniteDifference()), "discrete law"),
    ],
)
def test_what_cannot_be_meant_is_refused(driven, controlled, call, message):
    with pytest.raises(sd.InputError, match=message):
        call(driven, controlled)


def test_a_law_with_a_known_part_is_not_saved(driven, tmp_path):
    law = sd.identify(driven, inputs="u", known=lambda state: {"v": 2 * state["u"]}, library=sd.Monomials(1))
    with pytest.raises(sd.InputError, match="known part cannot be saved"):
        law.save(tmp_path / "law.symdyn")
    with pytest.raises(sd.InputError, match="no SymPy form"):
        law.to_sympy()
