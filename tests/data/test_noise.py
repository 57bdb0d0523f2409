import numpy as np
import pytest
from scipy.integrate import solve_ivp

import symdyn as sd

SYSTEMS = {
    "lorenz": (
        lambda t, x: [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]], (-8, 7, 27), 0.01,
    ),
    "roessler": (lambda t, x: [-x[1] - x[2], x[0] + 0.2 * x[1], 0.2 + x[2] * (x[0] - 5.7)], (1, 1, 1), 0.08),
    "lotka_volterra": (lambda t, x: [2 / 3 * x[0] - 4 / 3 * x[0] * x[1], x[0] * x[1] - x[1]], (1.5, 1), 0.08),
}  # fmt: skip


@pytest.fixture(scope="module", params=SYSTEMS)
def clean(request):
    f, start, step = SYSTEMS[request.param]
    times = step * np.arange(2000)
    found = solve_ivp(f, (0, times[-1]), start, t_eval=times, rtol=1e-10, atol=1e-10, method="DOP853")
    return request.param, times, found.y.T


@pytest.mark.parametrize("share", [1e-4, 1e-3, 1e-2, 0.1, 0.3])
def test_the_noise_of_known_systems_is_found(clean, share):
    name, times, states = clean
    size = share * np.sqrt(np.mean(states**2, axis=0))
    ratios = []
    for seed in range(4):
        noisy = states + size * np.random.default_rng(seed).normal(size=states.shape)
        level = sd.noise_level(times, noisy)
        assert level.significant.all()
        ratios.append(level.sigma / size)
    few = 2 if name == "roessler" and share <= 1e-2 else len(size)  # its spikes are steeper than such noise
    np.testing.assert_allclose(np.mean(ratios, axis=0)[:few], 1.0, atol=0.1)
    np.testing.assert_allclose(np.array(ratios)[:, :few], 1.0, atol=0.2)


def test_exact_data_are_not_called_noisy(clean):
    _, times, states = clean
    level = sd.noise_level(times, states)
    assert not level.significant.any()
    assert (level.sigma < 1e-8 * states.std(axis=0)).all()


def test_uneven_times_missing_samples_and_growing_noise():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 20, 3000))
    clean = np.column_stack([np.sin(times), np.exp(times / 8)])
    noisy = clean * (1 + 0.05 * rng.normal(size=clean.shape))
    weights = np.ones(3000)
    weights[1000:1100] = 0
    noisy[1000:1100] = 1e6
    level = sd.noise_level(times, noisy, weights=weights)
    np.testing.assert_allclose(level.relative, 0.05, rtol=0.2)
    truth = 0.05 * np.sqrt(np.mean(clean[weights > 0] ** 2, axis=0))
    np.testing.assert_allclose(level.sigma, truth, rtol=0.2)
    even = sd.noise_level(times, clean[:, 0] + 0.05 * rng.normal(size=3000))
    assert even.relative == 0
    np.testing.assert_allclose(even.sigma, 0.05, rtol=0.1)


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [(np.arange(3), np.ones(3), "at least 4"), (np.arange(5), np.ones(4), r"\(5,\) and \(4,\)")],
)
def test_what_has_no_noise_level_is_refused(times, values, message):
    with pytest.raises(sd.InputError, match=message):
        sd.noise_level(times, values)
