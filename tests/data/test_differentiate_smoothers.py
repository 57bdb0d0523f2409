import numpy as np
import pytest

import symdyn as sd
from symdyn.data.differentiate import differentiated
from symdyn.data.door import read
from symdyn.data.reading import Reading

EVEN = np.linspace(0.0, 12.0, 601)
UNEVEN = EVEN + 0.008 * np.sin(7 * EVEN)
GLOBAL = [sd.SmoothingSpline(), sd.Kalman(), sd.Spectral(), sd.TotalVariation(), sd.BestDifferentiation()]


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("method", GLOBAL, ids=lambda m: type(m).__name__)
def test_noisy_derivatives_are_far_better_than_differences(method, times):
    noisy = np.sin(times)[:, None] + 0.05 * np.random.default_rng(0).normal(size=(601, 1))
    if isinstance(method, sd.Spectral) and times is UNEVEN:
        with pytest.raises(sd.InputError, match="even times"):
            method(times, noisy)
        return
    inner = slice(20, -20)

    def error(m, order, truth):
        return np.std((m(times, noisy, order)[:, 0] - truth)[inner])

    differences = error(sd.FiniteDifference(), 1, np.cos(times))
    assert error(method, 1, np.cos(times)) < 0.1 * differences
    assert error(method, 0, np.sin(times)) < 0.6 * 0.05
    np.testing.assert_array_equal(method.smooth(times, noisy), method(times, noisy, 0))


@pytest.mark.parametrize("method", [sd.Kalman(), sd.Spectral(), sd.SmoothingSpline()], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("order", [1, 2])
def test_exact_data_are_differentiated_well(method, order):
    truth = np.cos(EVEN) if order == 1 else -np.sin(EVEN)
    found = method(EVEN, np.sin(EVEN)[:, None], order)[:, 0]
    np.testing.assert_allclose(found[30:-30], truth[30:-30], atol=2e-3)


@pytest.mark.parametrize(
    "method",
    [sd.FiniteDifference(4), sd.SavitzkyGolay(21, 3), sd.Kalman(1e-2), sd.Spectral(0.5), sd.SmoothingSpline(1e-3)],
)
def test_standard_errors_are_those_of_repeated_noise(method):
    times, rng = EVEN[:200], np.random.default_rng(1)
    stated = method.standard_error(times, 0.1)
    seen = np.std(method(times, 0.1 * rng.normal(size=(200, 400))), axis=1)
    np.testing.assert_allclose(np.median(stated[:, 0] / seen), 1.0, atol=0.1)
    np.testing.assert_allclose(stated[60:140, 0], seen[60:140], rtol=0.4)


def test_the_kalman_smoother_takes_its_roughness_from_the_data():
    rng = np.random.default_rng(0)
    noisy = np.sin(EVEN)[:, None] + 0.1 * rng.normal(size=(601, 1))
    method = sd.Kalman().settled(EVEN, noisy)
    np.testing.assert_allclose(method(EVEN, noisy), sd.Kalman()(EVEN, noisy), rtol=1e-6, atol=1e-8)
    stated = sd.Kalman().standard_error(EVEN, 0.1, values=noisy)[50:-50]
    assert 0.5 < np.std((sd.Kalman()(EVEN, noisy)[:, 0] - np.cos(EVEN))[50:-50]) / stated.mean() < 2


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-9])
def test_the_kalman_smoother_takes_times_that_nearly_coincide(gap):
    times = np.sort(np.random.default_rng(0).uniform(0, 12, 600))
    times[300], times[302] = times[301] - gap * 0.02, times[301] + gap * 0.01
    noisy = np.sin(times)[:, None] + 0.02 * np.random.default_rng(1).normal(size=(600, 1))
    found = sd.Kalman()(times, noisy)[:, 0] - np.cos(times)
    assert np.std(found) < 0.03
    assert np.abs(found[298:305]).max() < 0.05


@pytest.mark.parametrize(
    "method", [sd.SmoothingSpline(), sd.Kalman(), sd.BestDifferentiation()], ids=lambda m: type(m).__name__
)
def test_standard_errors_hold_for_what_is_chosen_from_the_data(method):
    """Several components of different smoothness; errors over what is stated, in ten draws."""
    times = UNEVEN[::2]
    clean = np.column_stack([np.sin(times), 0.5 * np.cos(4 * times)])
    slopes = np.column_stack([np.cos(times), -2 * np.sin(4 * times)])
    noise = np.array([0.02, 0.05])
    draws = [clean + noise * np.random.default_rng(seed).normal(size=clean.shape) for seed in range(10)]
    stated = method.standard_error(times, noise, values=draws[0])[20:-20]
    off = [(method(times, noisy) - slopes)[20:-20] for noisy in draws]
    ratio = np.sqrt(np.mean(np.square(off) / stated**2, axis=(0, 1)))
    assert (ratio > 0.7).all()
    assert (ratio < 1.8).all()


def test_the_sine_series_is_cut_where_its_risk_is_least():
    """A long record has many noisy waves, of which some stand high by chance."""
    times = np.linspace(0, 20, 2000)
    clean = np.sin(8 * times) * np.exp(np.sin(times))
    slope = (8 * np.cos(8 * times) + np.sin(8 * times) * np.cos(times)) * np.exp(np.sin(times))
    errors = []
    for seed in range(5):
        noisy = clean + 0.02 * np.std(clean) * np.random.default_rng(seed).normal(size=2000)
        errors.append(np.std((sd.Spectral()(times, noisy[:, None])[:, 0] - slope)[100:-100]))
    assert max(errors) < 0.02 * np.std(slope)  # twenty times as much at the median, where the last high wave decided


def test_the_best_method_is_reported():
    assert isinstance(sd.BestDifferentiation().choose(EVEN, np.sin(EVEN)[:, None]), sd.FiniteDifference)
    noisy = np.sin(EVEN)[:, None] + 0.1 * np.random.default_rng(0).normal(size=(601, 1))
    method = sd.BestDifferentiation((sd.SavitzkyGolay(7, 4), sd.SavitzkyGolay(101, 4)))
    assert method.choose(EVEN, noisy) == sd.SavitzkyGolay(101, 4)
    fast = np.sin(25 * EVEN)[:, None] + 0.01 * np.random.default_rng(0).normal(size=(601, 1))
    assert method.choose(EVEN, fast) == sd.SavitzkyGolay(7, 4)


def test_pieces_between_gaps_are_smoothed_apart():
    x = np.where(EVEN < 6, EVEN, 100 - EVEN)
    x[300] = np.nan
    x[305] = np.nan
    samples = differentiated(read(sd.dataset(EVEN, x=x), Reading(missing="skip")), sd.Kalman())
    live = samples.weights > 0
    assert not live[300:306].any()  # a piece of four samples has no derivative
    assert live[:300].all()
    assert live[306:].all()
    np.testing.assert_allclose(samples.targets[:300, 0], 1.0, atol=1e-3)
    np.testing.assert_allclose(samples.targets[306:, 0], -1.0, atol=1e-3)


def test_a_law_from_smoothed_rates_can_be_saved(tmp_path):
    noisy = np.column_stack([np.cos(EVEN), np.sin(EVEN)]) + 0.01 * np.random.default_rng(0).normal(size=(601, 2))
    law = sd.identify(sd.dataset(EVEN, x=noisy), library=sd.Monomials(1), differentiation=sd.Kalman())
    assert law.stats.active == 2
    law.save(tmp_path / "law.symdyn")
    assert sd.load(tmp_path / "law.symdyn").settings.differentiation == sd.Kalman()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.SmoothingSpline(-1.0), "negative"),
        (lambda: sd.Kalman(0.0), "positive"),
        (lambda: sd.Spectral(0.0), "above zero"),
        (lambda: sd.TotalVariation(-1.0), "not negative"),
        (lambda: sd.BestDifferentiation(()), "at least one"),
        (lambda: sd.Kalman()(EVEN[:4], EVEN[:4, None]), "at least 8 samples"),
        (lambda: sd.Kalman()(EVEN, EVEN[:, None], 3), "no derivative of order 3"),
        (lambda: sd.BestDifferentiation().standard_error(EVEN, 1.0), "give standard_error the values"),
        (lambda: sd.TotalVariation().standard_error(EVEN, 1.0, values=EVEN[:, None]), "not linear"),
    ],
)
def test_what_cannot_be_smoothed_is_refused(make, message):
    with pytest.raises(sd.InputError, match=message):
        make()


def test_a_law_says_which_method_was_best():
    times, rng = np.arange(0, 20, 0.05), np.random.default_rng(0)
    clean = np.stack([np.cos(times), -np.sin(times)], axis=1)
    runs = [{"time": times, "x": clean + sigma * rng.normal(size=clean.shape)} for sigma in (0.05, 0.06)]
    law = sd.identify(runs, library=sd.Monomials(1), differentiation=sd.BestDifferentiation())
    chosen = law.settings.differentiation
    assert isinstance(chosen, sd.SavitzkyGolay | sd.Kalman)
    assert str(chosen) in law.stages[0]
    plain = sd.identify(runs, library=sd.Monomials(1), differentiation=chosen)
    np.testing.assert_array_equal(plain.coefficients, law.coefficients)
    smooth = {"time": times, "x": clean}
    clear = sd.identify(smooth, library=sd.Monomials(1), differentiation=sd.BestDifferentiation())
    assert clear.settings.differentiation == sd.FiniteDifference(4)
