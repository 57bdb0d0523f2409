"""Trajectory matching: against the truth and the joint estimate, with gaps, fixed coefficients, chaos, second order."""

import sys

import numpy as np
import pytest

import symdyn as sd
from symdyn._errors import InputError
from symdyn.regress.joint.descent import Stopped


def noisy(name: str, times, share: float, seed: int = 0, **options):
    """A simulated system with noise of a share of each variable's standard deviation."""
    data, rng = sd.make_dataset(name, times=times, **options), np.random.default_rng(seed)
    return data.map(lambda v: v + share * float(v.std()) * rng.normal(size=v.shape), keep_attrs=True)


def weak_law(data, library, **options):
    return sd.identify(data, library=library, differentiation=sd.WeakForm(), **options)


@pytest.fixture(scope="module")
def lorenz():
    data = noisy("lorenz", np.arange(0, 10, 0.02), 0.1)
    return data, sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation())


def test_chaotic_data_in_segments(lorenz):
    """However long the segments are, the minimum is the same, and it is that of the collocation."""
    data, law = lorenz
    assert law.stats.active == 7
    said: list[str] = []
    with sd.progress(said.append):
        better = sd.refine(law, data)
    assert better.result is sd.RESULTS.successful
    assert any("segments" in line for line in said)
    short = sd.refine(law, data, segment=0.4)
    np.testing.assert_allclose(short.coefficients, better.coefficients, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(law.coefficients, better.coefficients, rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(short.standard_errors, better.standard_errors, rtol=0.05)
    lower, upper = better.interval(0.999)
    assert lower[law.term_names.index("x"), 1] < 28 < upper[law.term_names.index("x"), 1]


def test_refinement_is_far_better_than_regression():
    times = np.arange(0, 20, 0.1)
    data = noisy("lotka_volterra", times, 0.1, 2)
    law = sd.identify(data, library=sd.Monomials(2), differentiation=sd.SavitzkyGolay(11, 3), solver=sd.BestSubset(2))
    truth = {("prey", "prey"): 2 / 3, ("prey predator", "prey"): -4 / 3, ("predator", "predator"): -1.0}
    truth[("prey predator", "predator")] = 1.0
    assert law.stats.active == 4
    better = sd.refine(law, data)

    def error(found):
        return np.linalg.norm([found.coefficient(*key)[0] - value for key, value in truth.items()])

    assert error(better) < error(law) / 3
    for key, value in truth.items():
        found, spread = better.coefficient(*key)
        assert abs(found - value) < 4 * spread


def test_fixed_coefficients_and_equations():
    data = noisy("lotka_volterra", np.arange(0, 20, 0.1), 0.05)
    law = sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation())
    held = sd.refine(law, data, fixed=[("prey", "prey")], constraints=[sd.coefficient("predator", "predator") == -1])
    assert held.coefficient("prey", "prey") == pytest.approx((law.coefficient("prey", "prey")[0], 0.0), abs=1e-12)
    assert held.coefficient("predator", "predator") == pytest.approx((-1.0, 0.0), abs=1e-12)
    assert len(held.covariance) == law.stats.active - 2
    assert held.coefficient("prey predator", "predator")[0] == pytest.approx(1, abs=0.02)


@pytest.mark.slow
def test_gaps_uneven_times_and_several_runs():
    rng = np.random.default_rng(0)
    runs = []
    for k in range(2):
        times = np.sort(rng.uniform(0, 20, 120))
        run = noisy("lotka_volterra", times, 0.05, k, start=(1.0 + 0.3 * k, 0.5))
        values = {name: run[name].values.copy() for name in ("prey", "predator")}
        values["prey"][30:50] = np.nan
        values["predator"][::4] = np.nan
        runs.append({"time": times, **values})
    law = sd.identify(runs, library=sd.Monomials(2), missing="skip", differentiation=sd.JointEstimation())
    assert law.stats.active == 4
    better = sd.refine(law, runs)
    assert better.stats.rows == sum(int(np.isfinite(run[n]).sum()) for run in runs for n in ("prey", "predator"))
    for term, target, value in (("prey", "prey", 2 / 3), ("prey predator", "prey", -4 / 3)):
        found, spread = better.coefficient(term, target)
        assert abs(found - value) < 4 * spread < 0.15


@pytest.mark.slow
def test_a_vector_law_of_second_order():
    data = sd.make_dataset("kepler", times=np.linspace(0, 20, 300))
    position = data.position.values + 0.01 * np.random.default_rng(0).normal(size=data.position.shape)
    data = {"time": data.time.values, "position": position}
    law = weak_law(data, sd.Radial("position", powers=(-3, 0)), order=2)
    better = sd.refine(law, data)
    value, error = better.coefficient("position / |position|^3")
    assert abs(value + 1) < 4 * error < 0.008
    assert better.stats.noise[0] == pytest.approx(0.01, rel=0.15)


def test_what_it_cannot_do_is_said(lorenz):
    data, law = lorenz
    with pytest.raises(InputError, match="must be a Solution"):
        sd.refine(law.model, data)
    with pytest.raises(InputError, match="unknown coefficient"):
        sd.refine(law, data, fixed=[("x", "w")])
    with pytest.raises(InputError, match="only equations"):
        sd.refine(law, data, constraints=[sd.coefficient("x", "y") <= 3])
    with pytest.raises(InputError, match="positive time"):
        sd.refine(law, data, segment=0)
    pairs = [(t, c) for t in law.active_terms for c in "xyz" if law.coefficient(t, c)[0]]
    with pytest.raises(InputError, match="nothing is left"):
        sd.refine(law, data, fixed=pairs)


def test_an_interruption_gives_the_law_so_far(lorenz, monkeypatch):
    data, law = lorenz

    def stop(problem, point, *rest, **options):
        raise Stopped(point)

    # the package has a function of the module's name
    monkeypatch.setattr(sys.modules["symdyn.regress.refinement.refine"], "settled", stop)
    found = sd.refine(law, data)
    assert found.result is sd.RESULTS.interrupted
    np.testing.assert_allclose(found.coefficients, law.coefficients, rtol=0.05, atol=0.05)


@pytest.mark.slow
def test_intervals_hold_the_truth_from_noisy_states():
    truth = {("prey", "prey"): 2 / 3, ("prey predator", "prey"): -4 / 3, ("predator", "predator"): -1.0}
    truth[("prey predator", "predator")] = 1.0
    held = []
    law = None
    for seed in range(60):
        data = noisy("lotka_volterra", np.arange(0, 20, 0.1), 0.1, seed)
        law = law or sd.identify(data, library=sd.Monomials(2), differentiation=sd.JointEstimation(gamma=1.0))
        assert law.stats.active == 4
        found = sd.refine(law, data)
        lower, upper = found.interval()
        for (term, target), value in truth.items():
            place = found.term_names.index(term), found.target_components.index(target)
            held.append(lower[place] <= value <= upper[place])
    assert 0.90 <= np.mean(held) <= 0.99


@pytest.mark.slow
def test_an_exponent_is_refined_with_the_coefficient():
    clean = sd.open_dataset("kepler", times=np.linspace(0, 20, 400))[["position"]]
    rng = np.random.default_rng(0)
    data = clean.copy(data={"position": clean.position + 0.02 * rng.normal(size=clean.position.shape)})
    weak = sd.variable_projection(
        lambda k: sd.Radial("position", (k,)), {"k": -2.5}, data, order=2, differentiation=sd.WeakForm()
    )
    fit = sd.refine(weak, data)
    assert fit.solution.result is sd.RESULTS.successful
    assert fit.standard_errors["k"] < weak.standard_errors["k"]
    assert abs(fit.parameters["k"] + 3) < 4 * fit.standard_errors["k"]
    assert abs(fit.solution.model.weights[0] + 1) < 4 * np.sqrt(fit.solution.covariance[0, 0])
