"""Joint estimation: the engine against SciPy, laws from very noisy states, symmetry, constraints, gaps, inputs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.door import read
from symdyn.regress._identify import settings_of
from symdyn.regress.joint.bordered import normalised, reduced
from symdyn.regress.joint.descent import AbstractProblem, Stopped, descend, start
from symdyn.regress.joint.elimination import ModelEvidence, TermSearch
from symdyn.regress.joint.grid import grid
from symdyn.regress.joint.law import prepared
from symdyn.regress.joint.start import noise_by_differences


def noisy_lorenz(length: float, share: float, seed: int = 0, step: float = 0.02) -> dict:
    """Lorenz with noise of a share of the standard deviation of all values."""
    data = sd.make_dataset("lorenz", times=np.arange(0, length, step), start=(-8.0, 8.0, 27.0))
    states = np.stack([data[name].values for name in "xyz"], axis=1)
    states = states + share * states.std() * np.random.default_rng(seed).normal(size=states.shape)
    return {"time": data.time.values, **{name: states[:, k] for k, name in enumerate("xyz")}}


def oscillator(count: int = 120, noise: float = 0.1, seed: int = 0) -> dict:
    rng, times = np.random.default_rng(seed), np.linspace(0, 12, count)
    return {
        "time": times,
        "x": np.cos(times) + noise * rng.normal(size=count),
        "y": -np.sin(times) + noise * rng.normal(size=count),
    }


def posed_problem(data, **options):
    joint = sd.JointEstimation()
    settings = settings_of(differentiation=joint, **options)
    task = prepared(read(data, settings.reading), settings, joint)
    problem = task.problem(grid(task.runs, 1), np.arange(task.weights.size))
    return task, problem


def test_the_normal_equations_are_the_derivatives_of_the_objective():
    task, problem = posed_problem(oscillator(12), library=sd.Monomials(2))
    rng = np.random.default_rng(1)
    nodes, weights = task.smooth.on(problem.grid), rng.normal(size=task.weights.size)
    normal = problem(nodes, weights, task.noise, 0.3)

    def value(change_nodes, change_weights):
        return problem(nodes + change_nodes, weights + change_weights, task.noise, 0.3).value

    step = 1e-6
    for _ in range(3):
        dx, dw = rng.normal(size=nodes.shape), rng.normal(size=weights.shape)
        slope = (value(step * dx, step * dw) - value(-step * dx, -step * dw)) / (2 * step)
        predicted = 2 * (np.sum(normal.node_gradient * dx) + normal.weight_gradient @ dw)
        assert slope == pytest.approx(predicted, rel=1e-6)


def test_removing_the_nodes_is_the_same_as_the_dense_system():
    task, problem = posed_problem(oscillator(10), library=sd.Monomials(1))
    nodes = task.smooth.on(problem.grid)
    normal = problem(nodes, np.ones(task.weights.size), task.noise, 0.1)
    t, n = nodes.shape
    k = task.weights.size
    dense = np.zeros((t * n + k, t * n + k))
    for i in range(t):
        dense[i * n : (i + 1) * n, i * n : (i + 1) * n] = normal.diagonal[i]
        dense[i * n : (i + 1) * n, t * n :] = normal.border[i]
        dense[t * n :, i * n : (i + 1) * n] = normal.border[i].T
    for i in range(t - 1):
        rows, columns = slice((i + 1) * n, (i + 2) * n), slice(i * n, (i + 1) * n)
        dense[rows, columns], dense[columns, rows] = normal.below[i], normal.below[i].T
    dense[t * n :, t * n :] = normal.corner
    right = np.append(normal.node_gradient.ravel(), normal.weight_gradient)
    exact = -np.linalg.solve(dense, right)
    small = reduced(normal)
    change = small.solve(np.ones(k, bool))
    np.testing.assert_allclose(change, exact[t * n :], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(small.nodes(change).ravel(), exact[: t * n], rtol=1e-6, atol=1e-9)
    whole = np.linalg.inv(dense)[t * n :, t * n :]
    np.testing.assert_allclose(small.covariance(np.ones(k, bool)), whole, rtol=1e-5, atol=1e-9)


def test_the_quadratic_model_as_a_regression_is_the_quadratic_model():
    task, problem = posed_problem(oscillator(30), library=sd.Monomials(2))
    weights = np.random.default_rng(3).normal(size=task.weights.size)
    point = start(problem, task.smooth.on(problem.grid), weights, np.ones(len(weights), bool), task.noise, 0.3)
    small = point.reduced()
    table = small.triangle(point.weights, point.value)
    left = {}
    for mask in (np.arange(len(weights)) % 2 == 0, np.arange(len(weights)) < 5):
        best = np.linalg.lstsq(table[:, :-1][:, mask], table[:, -1], rcond=None)[0]
        residual = float(np.sum((table[:, -1] - table[:, :-1][:, mask] @ best) ** 2))
        left[residual] = point.value + small.quadratic(point.weights, mask)[0]
    (one, first), (two, second) = left.items()
    assert one / two == pytest.approx(first / second, rel=1e-6)
    np.testing.assert_allclose(np.linalg.norm(table[:, :-1], axis=0), 1, rtol=1e-9)


def test_information_that_is_lost_in_rounding_does_not_overflow():
    scaled, scale = normalised(np.array([[4.0, 1e-9], [1e-9, -1e-18]]))
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(scale, [2.0, 1e-9])
    np.testing.assert_allclose(normalised(np.zeros((2, 2)))[0], 0)


def test_a_set_that_determines_no_trajectory_scores_worst():
    task, problem = posed_problem(oscillator(30), library=sd.Monomials(1))
    weights, every = np.ones(task.weights.size), np.ones(task.weights.size, bool)
    point = start(problem, task.smooth.on(problem.grid), weights, every, task.noise, 0.3)
    search = TermSearch(problem, np.arange(len(weights)), ModelEvidence(1.0), 60, len(weights))
    broken = replace(point, normal=point.normal._replace(diagonal=-point.normal.diagonal))
    assert search.judge(broken).score == np.inf
    assert search.judged is None


@pytest.mark.slow  # where the search ends is a matter of rounding, so of the machine
def test_many_terms_that_imitate_two_near_a_focus_are_exchanged_at_once():
    """No single exchange leads from the many terms that fit as well there to the six true ones.

    28 and 27 are left without the weak form's terms as a start and the search for other sets; 6 to 9 with them, as
    rounding leads the search.
    """

    def rate(t, x):  # Pan, Xu, Zhou 2010, near its focus
        return [10 * (x[1] - x[0]), 16 * x[0] - x[0] * x[2], x[0] * x[1] - 8 / 3 * x[2]]

    times = 0.0178 * np.arange(300)
    states = solve_ivp(rate, (0, times[-1]), [-6.3, -6.0, 15.0], t_eval=times, rtol=1e-10, atol=1e-12).y.T
    for seed, asked in ((0, None), (1, sd.JointEstimation())):
        seen = states + 0.0106 * np.random.default_rng(seed).normal(size=states.shape)
        law = sd.identify({"time": times, "s": seen}, library=sd.Monomials(4), differentiation=asked)
        assert 6 <= law.stats.active <= 12


def test_the_minimum_is_that_of_trajectory_matching_by_scipy():
    from scipy.optimize import least_squares

    data = oscillator(60, 0.1, 3)
    seen = np.stack([data["x"], data["y"]], axis=1)
    options = sd.JointEstimation(noise=0.1, looseness=1e-4)
    law = sd.identify(data, library=sd.Monomials(1), differentiation=options)
    assert law.active_terms == ("x", "y")
    assert law.stats.active == 2

    def residual(p):
        run = solve_ivp(
            lambda t, s: [p[2] * s[1], p[3] * s[0]], (0, 12), p[:2], t_eval=data["time"], rtol=1e-9, atol=1e-9
        )
        return ((run.y.T - seen) / 0.1).ravel()

    best = least_squares(residual, [1.0, 0.0, 1.0, -1.0])
    found = [law.coefficient("y", "x"), law.coefficient("x", "y")]
    np.testing.assert_allclose([f[0] for f in found], best.x[2:], atol=2e-4)
    spread = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))[2:]
    np.testing.assert_allclose([f[1] for f in found], spread, rtol=0.02)


def test_noise_is_read_off_the_differences():
    task, _ = posed_problem(noisy_lorenz(6, 0.1, step=0.01), library=sd.Monomials(2))
    exact = 0.1 * 13.2
    assert noise_by_differences(task.runs) == pytest.approx(np.full(3, exact), rel=0.12)


def test_lorenz_is_found_where_regression_fails():
    share = 0.2
    data = noisy_lorenz(10, share)
    law = sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation())
    assert law.result is sd.RESULTS.successful
    assert law.stats.active == 7
    assert law.coefficient("x", "y")[0] == pytest.approx(28, abs=2)
    assert law.coefficient("x y", "z")[0] == pytest.approx(1, abs=0.1)
    weak = sd.identify(data, library=sd.Monomials(2), differentiation=sd.WeakForm())
    assert {*weak.choices[1].candidates[weak.choices[1].chosen].terms} != {"x", "y", "x z"}
    lower, upper = law.interval()
    assert (lower <= law.coefficients).all()
    assert (law.coefficients <= upper).all()
    assert law.stats.noise[0] == pytest.approx(share * 13.2, rel=0.15)


@pytest.mark.slow
def test_left_out_terms_come_back():
    """With eight candidates of sixty the weak form leaves true terms out; the exchange finds them."""
    data = noisy_lorenz(10, 0.1, 5)
    law = sd.identify(data, library=sd.Monomials(3), differentiation=sd.JointEstimation(candidates=9))
    assert law.stats.active == 7
    assert law.coefficient("y", "y")[0] == pytest.approx(-1, abs=0.4)


def test_choices_tell_the_runners_up():
    law = sd.identify(oscillator(), library=sd.Monomials(2), differentiation=sd.JointEstimation())
    (choice,) = law.choices
    assert choice.target == "x, y"
    assert choice.candidates[choice.chosen].terms == ("x: y", "y: x")
    assert choice.runner_ups[0].score > choice.candidates[choice.chosen].score
    assert all(len(each.terms) for each in choice.candidates)


def test_the_selection_judges_where_the_evidence_is_off():
    options = sd.JointEstimation(evidence=False)
    law = sd.identify(oscillator(), library=sd.Monomials(2), differentiation=options, selection=sd.BIC())
    assert law.active_terms == ("x", "y")
    with pytest.raises(InputError, match="EBIC, BIC or AICc"):
        sd.identify(oscillator(), differentiation=options, selection=sd.Knee())


def test_least_squares_keeps_all_terms():
    law = sd.identify(
        oscillator(), library=sd.Monomials(1), solver=sd.LeastSquares(), differentiation=sd.JointEstimation()
    )
    assert law.stats.active == 6
    assert law.coefficient("y", "x")[0] == pytest.approx(1, abs=0.1)


def test_a_symmetry_stays_exact():
    times = np.linspace(0, 12, 200)
    decay = np.exp(-0.1 * times)
    q = np.stack([decay * np.cos(times), decay * np.sin(times)], axis=1)
    data = {"time": times, "q": q + 0.1 * np.random.default_rng(0).normal(size=q.shape)}
    law = sd.identify(
        data, library=sd.Monomials(3), action=sd.SO(2).acting_on(q=sd.Vector), differentiation=sd.JointEstimation()
    )
    table = law.coefficients
    rows = [law.term_names.index(name) for name in ("q_x", "q_y")]
    assert law.stats.active == 2
    a, b = table[rows[0], 0], table[rows[1], 0]
    np.testing.assert_allclose(table[rows], [[a, -b], [b, a]], atol=1e-12)
    assert a == pytest.approx(-0.1, abs=0.03)
    assert b == pytest.approx(-1, abs=0.03)


def test_a_second_order_law_from_positions():
    times = np.linspace(0, 20, 250)
    data = sd.make_dataset("kepler", times=times)
    position = data.position.values + 0.02 * np.random.default_rng(1).normal(size=data.position.shape)
    law = sd.identify(
        {"time": times, "position": position}, order=2, library=sd.Radial("position", powers=(-3, -2, 0)),
        differentiation=sd.JointEstimation(),
    )  # fmt: skip
    assert law.stats.active == 1
    value, error = law.coefficient("position / |position|^3")
    assert abs(value + 1) < 3 * error < 0.02


def test_missing_components_and_several_runs():
    runs = []
    for seed in (0, 1):
        data = oscillator(150, 0.05, seed)
        data["x"][20:40] = np.nan
        data["y"][60::3] = np.nan
        runs.append(data)
    law = sd.identify(runs, library=sd.Monomials(2), missing="skip", differentiation=sd.JointEstimation())
    assert law.active_terms == ("x", "y")
    assert law.stats.active == 2
    seen = sum(int(np.isfinite(run[name]).sum()) for run in runs for name in "xy")
    assert law.stats.rows == seen


def test_sparse_and_uneven_times_get_more_steps():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 30, 60))
    data = {
        "time": times, "x": np.cos(times) + 0.02 * rng.normal(size=60), "y": -np.sin(times) + 0.02 * rng.normal(size=60)
    }  # fmt: skip
    law = sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation())
    assert law.active_terms == ("x", "y")
    value, error = law.coefficient("y", "x")
    assert abs(value - 1) < 4 * error < 0.03


@pytest.mark.slow
def test_inputs_known_parts_and_equations():
    rng, times = np.random.default_rng(0), np.linspace(0, 10, 200)
    force = np.sin(2 * times)
    from scipy.integrate import solve_ivp

    run = solve_ivp(
        lambda t, s: [s[1], -s[0] - 0.3 * s[1] + np.sin(2 * t)], (0, 10), [1.0, 0.0], t_eval=times, rtol=1e-9, atol=1e-9
    ).y
    data = {"time": times, "u": force}
    data |= {name: run[k] + 0.03 * rng.normal(size=200) for k, name in enumerate(("x", "v"))}
    options = {"library": sd.Monomials(1), "inputs": "u", "differentiation": sd.JointEstimation()}
    law = sd.identify(data, **options)
    assert law.coefficient("u", "v")[0] == pytest.approx(1, abs=0.05)
    assert law.stats.active == 4
    law = sd.identify(data, known=lambda s: {"v": s["u"]}, **options)
    assert law.coefficient("u", "v")[0] == 0
    assert law.stats.active == 3
    rule = sd.coefficient("x", "v") == -sd.coefficient("v", "x")
    law = sd.identify(data, constraints=[rule], **options)
    assert law.coefficient("x", "v")[0] == pytest.approx(-law.coefficient("v", "x")[0], abs=1e-12)


def test_what_it_cannot_do_is_said():
    data = oscillator()
    joint = sd.JointEstimation()
    with pytest.raises(InputError, match="equations as constraints"):
        sd.identify(data, constraints=[sd.coefficient("x", "y") <= 0], differentiation=joint)
    with pytest.raises(InputError, match="drops terms one by one itself"):
        sd.identify(data, solver=sd.STLSQ(0.1), differentiation=joint)
    with pytest.raises(InputError, match="closed law"):
        sd.identify(data, rate_of="x", differentiation=joint)
    with pytest.raises(InputError, match="is for `identify`"):
        sd.ensemble(data, differentiation=joint)
    with pytest.raises(InputError, match="3 values for 2"):
        sd.identify(data, differentiation=sd.JointEstimation(noise=(1.0, 1.0, 1.0)))
    wrong: dict[str, Any]
    for wrong in ({"looseness": 0.0}, {"candidates": 0}, {"gamma": 2.0}, {"substeps": 0}, {"noise": -1.0}):
        with pytest.raises(InputError):
            sd.JointEstimation(**wrong)


def test_a_law_is_saved_with_its_settings(tmp_path):
    options = sd.JointEstimation(gamma=0.5)
    law = sd.identify(oscillator(), library=sd.Monomials(1), differentiation=options)
    law.save(tmp_path / "law.symdyn")
    again = sd.load(tmp_path / "law.symdyn")
    np.testing.assert_array_equal(again.coefficients, law.coefficients)
    assert again.settings.differentiation == options


def test_an_interruption_keeps_the_best_law(monkeypatch):
    said: list[str] = []

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(TermSearch, "exchange", stop)
    with sd.progress(said.append):
        law = sd.identify(oscillator(), library=sd.Monomials(2), differentiation=sd.JointEstimation())
    assert law.result is sd.RESULTS.interrupted
    assert "interrupted" in str(law)
    assert law.active_terms == ("x", "y")
    assert any("terms" in line for line in said)


def test_a_descent_that_is_interrupted_hands_over_its_point():
    task, problem = posed_problem(oscillator(20), library=sd.Monomials(1))

    class Once(AbstractProblem):
        calls, count, runs = 0, problem.count, problem.runs

        def __call__(self, nodes, weights, noise, looseness):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return problem(nodes, weights, noise, looseness)

        def prices(self, noise, looseness):
            return problem.prices(noise, looseness)

        def residual(self, nodes, weights):
            return problem.residual(nodes, weights)

    nodes = task.smooth.on(problem.grid)
    once = Once()
    point = start(once, nodes, np.zeros(task.weights.size), np.ones(task.weights.size, bool), task.noise, 1.0)
    with pytest.raises(Stopped) as stopped:
        descend(once, point)
    assert stopped.value.point.value < point.value


def test_the_flag_of_the_caller_stays():
    import jax.numpy as jnp

    before = jnp.ones(1).dtype
    with double_precision():
        pass
    sd.identify(oscillator(40), library=sd.Monomials(1), differentiation=sd.JointEstimation())
    assert jnp.ones(1).dtype == before
