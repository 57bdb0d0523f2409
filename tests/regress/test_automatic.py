import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn.regress.strategy.trial import host_rate


def run(rate, start, end=10.0, points=512, noise=0.0, seed=0):
    t = np.linspace(0, end, points)
    states = solve_ivp(lambda _, x: rate(*x), (0, end), start, "LSODA", t, rtol=1e-10, atol=1e-12).y
    states = states * (1 + noise * np.random.default_rng(seed).normal(size=states.shape))
    return {"time": t, **dict(zip("xyz", states, strict=False))}


LAWS = {
    "logistic growth": (lambda x: [0.79 * x - 0.0106 * x**2], (7.3,), {"x": {"x", "x^2"}}),
    "Gompertz": (lambda x: [-0.5 * x * np.log(x)], (0.1,), {"x": {"x log(x)"}}),
    "autocatalysis": (lambda x: [1.2 - 0.2 * x - np.exp(-x)], (0.0,), {"x": {"1", "x", "exp(-x)"}}),
    "pendulum": (lambda x, y: [y, -np.sin(x) - 0.3 * y], (2.5, 0.0), {"x": {"y"}, "y": {"sin(x)", "y"}}),
    "glider": (
        lambda x, y: [-np.sin(y) - 0.08 * x**2, x - np.cos(y) / x], (5.0, 0.7),
        {"x": {"sin(y)", "x^2"}, "y": {"x", "1/x cos(y)"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "glider" else n for n in LAWS])
def test_the_right_rung_is_found(name):
    rate, start, expected = LAWS[name]
    law = sd.identify(run(rate, start), library="auto")
    for target, terms in expected.items():
        column = law.target_components.index(target)
        assert {t for t, w in zip(law.term_names, law.coefficients[:, column], strict=True) if w} == terms
        assert any(entry.chosen for entry in law.ranking if entry.target == target)


def test_a_scale_that_no_grid_holds_is_found():
    law = sd.identify(run(lambda x: [1.0 - 1.7 * x / (0.37 + x)], (3.0,)), library="auto")
    # 1 - 1.7 x / (c + x) is also -0.7 + 1.7 c / (c + x)
    (name,) = (name for name in law.active_terms if "1/(" in name)
    assert float(name.partition("1/(")[2].split(" ")[0]) == pytest.approx(0.37, abs=2e-3)
    assert law.coefficient("1", "x")[0] == pytest.approx(1.0 if name.startswith("x") else -0.7, abs=5e-3)


def test_noise_does_not_call_for_large_libraries():
    data = run(lambda x, y: [1.8 * x - 1.4 * x * y, -3 * y + 1.6 * x * y], (2.0, 1.0), noise=0.01)
    law = sd.identify(data, library="auto", differentiation=sd.WeakForm(half_width=20))
    assert set(law.active_terms) == {"x", "y", "x y"}
    assert law.stats.active == 4


def test_the_law_follows_its_own_data():
    data = run(lambda x, y: [y, -x - 0.4 * (x**2 - 1) * y], (2.2, 0.0), noise=0.05)
    law = sd.identify(data, library="auto", differentiation=sd.WeakForm(half_width=20))
    rate = host_rate(law.model)
    path = solve_ivp(lambda _, x: rate(x), (0, 10), [2.2, 0.0], t_eval=data["time"]).y
    assert np.mean((path[0] - data["x"]) ** 2) < 0.1 * np.var(data["x"])


def test_the_record_prints_and_goes_into_files(tmp_path):
    law = sd.identify(run(*LAWS["Gompertz"][:2]), library=sd.AutomaticLibrary(degree=3, scales=False))
    chosen = [entry for entry in law.ranking if entry.chosen]
    assert [entry.terms for entry in chosen] == [("x log(x)",)]
    assert str(chosen[0]).startswith("* x:")
    law.save(tmp_path / "law.symdyn")
    back = sd.load(tmp_path / "law.symdyn")
    assert back.ranking == law.ranking
    assert str(back) == str(law)


def test_laws_of_second_order_and_tied_coefficients_have_their_ladder():
    t = np.linspace(0, 20, 800)
    law = sd.identify({"time": t, "x": np.cos(2 * t)}, library="auto", order=2)
    assert law.active_terms == ("x",)
    orbit = sd.make_dataset("harmonic_oscillator", times=t)
    turn = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    turning = sd.identify(orbit, library="auto", action=turn, rate_of="velocity")
    assert set(turning.active_terms) == {"position_x", "position_y"}


def test_a_users_function_may_be_a_rung():
    mine = sd.Function(lambda s: jax.numpy.stack([jax.numpy.arctan(s["x"])]), names=("arctan(x)",))
    data = run(lambda x: [-2 * np.arctan(x)], (4.0,), 3.0, 300)
    law = sd.identify(data, library=sd.AutomaticLibrary(extra={"mine": mine}, functions=False, scales=False))
    assert law.active_terms == ("arctan(x)",)


def test_other_verbs_say_what_a_library_is():
    with pytest.raises(sd.InputError, match="library must be an object such as"):
        sd.identify({"time": np.arange(9.0), "x": np.arange(9.0)}, library="automatic")
