"""What `identify` does by itself about noise in the states."""

import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.regress.strategy import noise as strategy

TIMES = np.arange(0, 10, 0.02)


def oscillator(noise: float, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    clean = {"x": np.cos(TIMES), "y": -np.sin(TIMES)}
    return {"time": TIMES, **{k: v + noise * rng.normal(size=v.shape) for k, v in clean.items()}}


def test_clean_states_are_differenced():
    law = sd.identify(sd.make_dataset("lorenz", times=np.arange(0, 10, 0.01)), library=sd.Monomials(2))
    assert law.stages == ()
    assert law.stats.active == 7


def test_noise_below_the_resolution_does_not_matter():
    assert sd.identify(oscillator(1e-6), library=sd.Monomials(1)).stages == ()


def test_measured_rates_are_used_as_they_are():
    data = sd.make_dataset("lorenz", times=np.arange(0, 10, 0.01), noise=0.05, rates=True, key=jax.random.key(0))
    assert sd.identify(data, library=sd.Monomials(2)).stages == ()


def test_noisy_states_go_through_the_weak_form_to_a_joint_estimation(tmp_path):
    law = sd.identify(oscillator(0.1), library=sd.Monomials(2))
    assert law.active_terms == ("x", "y")
    assert "x 14 %" in law.stages[0]
    assert "JointEstimation" in law.stages[-1]
    assert law.stages[-1] in str(law)
    lower, upper = law.interval(0.999)
    row = law.term_names.index("x")
    assert lower[row, 1] < -1 < upper[row, 1]
    law.save(tmp_path / "law.symdyn")
    assert sd.load(tmp_path / "law.symdyn").stages == law.stages


def test_the_weak_form_stays_where_the_data_are_many(monkeypatch):
    monkeypatch.setattr(strategy, "JOINT_VALUES", 100)
    law = sd.identify(oscillator(0.1), library=sd.Monomials(1))
    assert "1000 state values are more than 100" in law.stages[-1]
    assert law.active_terms == ("x", "y")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"solver": sd.STLSQ(0.1)}, "the solver"),
        ({"selection": sd.BIC()}, "the selection"),
        ({"weights": "w"}, "the weights"),
        ({"rate_of": "x"}, "the rate of y is not sought"),
    ],
)
def test_what_a_joint_estimation_cannot_do_is_said(options, reason):
    data = oscillator(0.1) | ({"w": np.ones(len(TIMES))} if "weights" in options else {})
    law = sd.identify(data, library=sd.Monomials(1), **options)
    assert reason in law.stages[-1]


def test_bounds_are_left_to_the_weak_form():
    law = sd.identify(oscillator(0.1), library=sd.Monomials(1), constraints=[sd.coefficient("y", "x") <= 0.9])
    assert "bounds" in law.stages[-1]
    assert law.coefficient("y", "x")[0] <= 0.9 + 1e-9


def test_a_method_that_was_asked_for_is_used():
    law = sd.identify(oscillator(0.1), library=sd.Monomials(1), differentiation=sd.SavitzkyGolay(31))
    assert law.stages == ()


@pytest.mark.slow
def test_the_automatic_library_takes_the_weak_form_too():
    law = sd.identify(oscillator(0.05), library="auto")
    assert law.stages[1] == strategy.WEAK  # and then the trajectories
    assert law.stats.active == 2
    assert np.abs(np.abs(law.coefficients[law.coefficients != 0]) - 1).max() < 0.02


def test_the_noise_is_looked_for_in_pieces_of_long_records(monkeypatch):
    monkeypatch.setattr("symdyn.data.recording.SAMPLES", 400)
    monkeypatch.setattr(strategy, "JOINT_VALUES", 100)
    half = [{k: v[part] for k, v in oscillator(0.1).items()} for part in (slice(250), slice(250, None))]
    law = sd.identify(half, library=sd.Monomials(1))
    assert law.stages[-1].startswith("no joint")
    assert law.active_terms == ("x", "y")
    clean = [{k: v[part] for k, v in oscillator(0.0).items()} for part in (slice(250), slice(250, None))]
    assert sd.identify(clean, library=sd.Monomials(1)).stages == ()


def test_windows_replace_differences_that_err_on_clean_states():
    """Fast spells of a clean trajectory: the truncation of the differences is far above that of the windows."""
    data = sd.make_dataset("lorenz", times=np.arange(0, 30, 0.02))
    law, plain = sd.identify(data), sd.identify(data, differentiation=sd.FiniteDifference())
    assert "the weak form" in law.stages[0]
    assert law.stats.active == 7
    assert abs(law.coefficient("x", "y")[0] - 28) < 1e-3 * abs(plain.coefficient("x", "y")[0] - 28)
    wrong = sd.identify(data, library=sd.Monomials(1))
    assert wrong.stages == ()  # no law of this library holds: windows explain no more than differences


def test_samples_that_do_not_resolve_the_motion_are_named():
    times = np.arange(600) * 0.9
    fast = {"time": times, "x": np.cos(3 * times) * np.cos(0.1 * times), "y": np.sin(3 * times)}
    assert any("do not resolve the motion" in stage for stage in sd.identify(fast).stages)
    slow = {"time": times, "x": np.cos(0.3 * times), "y": np.sin(0.3 * times)}
    noisy = {**slow, "x": slow["x"] + 0.3 * np.random.default_rng(0).normal(size=600)}
    for data in (slow, noisy):
        assert not any("do not resolve" in stage for stage in sd.identify(data, library=sd.Monomials(1)).stages)
