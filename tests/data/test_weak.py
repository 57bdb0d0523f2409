import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.data.door import read
from symdyn.data.weak import windows

EVEN = np.linspace(0.0, 4.0, 401)
UNEVEN = EVEN + 0.1 * np.sin(EVEN) * EVEN * (4 - EVEN) / 4


def run_of(times, values):
    return read(sd.dataset(times, x=values)).trajectories[0]


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("order", [1, 2])
def test_window_means_of_a_derivative_are_those_of_the_derivative(times, order):
    run = run_of(times, np.sin(times))
    win = windows(sd.WeakForm(half_width=40), run, order, "0")
    derivative = np.cos(times) if order == 1 else -np.sin(times)
    np.testing.assert_allclose(
        win.mean_derivative(np.sin(times)), win.mean(derivative), atol=2e-3 if order == 2 else 2e-4
    )


@pytest.mark.parametrize("half_width", [2, 3, 5, 12, 40])
@pytest.mark.parametrize("order", [1, 2])
def test_low_polynomials_are_exact_even_with_few_samples_a_bump(half_width, order):
    run = run_of(EVEN, np.sin(EVEN))
    win = windows(sd.WeakForm(half_width=half_width), run, order, "0")
    np.testing.assert_allclose(win.mean(np.ones_like(EVEN)), 1.0)
    for degree in range(order):
        np.testing.assert_allclose(win.mean_derivative(EVEN**degree), 0.0, atol=1e-6)
    np.testing.assert_allclose(win.mean_derivative(EVEN**order), order * 1.0, rtol=1e-6)


def test_the_weak_form_survives_noise_that_differences_do_not():
    times, library = np.arange(0, 40, 0.02), sd.Monomials(2)
    data = sd.make_dataset("lotka_volterra", times=times, noise=0.05, key=jax.random.key(0))
    truth = sd.identify(sd.make_dataset("lotka_volterra", times=times, rates=True), library=library).coefficients
    weak = sd.identify(data, library=library, differentiation=sd.WeakForm(), solver=sd.LeastSquares()).coefficients
    strong = sd.identify(data, library=library, solver=sd.LeastSquares()).coefficients
    assert np.abs(weak - truth).max() < 0.1 * np.abs(strong - truth).max()


def test_short_trajectories_and_low_orders_are_refused():
    with pytest.raises(sd.InputError, match=r"has 9 samples, fewer than one window of 25"):
        windows(sd.WeakForm(half_width=12), run_of(EVEN[:9], EVEN[:9]), 1, "0")
    with pytest.raises(sd.InputError, match="windows counts windows"):
        sd.WeakForm(windows=0)
    with pytest.raises(sd.InputError, match="q = 3"):
        sd.WeakForm(q=3)
