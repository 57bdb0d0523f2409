import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.data.door import read
from symdyn.data.reading import Reading
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
    truth = sd.identify(sd.make_dataset("lotka_volterra", times=times, rates=True), library=library).coefficients
    ways = sd.WeakForm(), sd.WeakForm(generalised=False, unbiased=False), sd.FiniteDifference()
    errors = np.zeros((4, len(ways)))
    for seed in range(4):
        data = sd.make_dataset("lotka_volterra", times=times, noise=0.05, key=jax.random.key(seed))
        for k, way in enumerate(ways):
            law = sd.identify(data, library=library, differentiation=way, solver=sd.LeastSquares())
            errors[seed, k] = np.abs(law.coefficients - truth).max()
    weak, plain, strong = np.median(errors, axis=0)
    assert weak < 0.25 * strong
    assert weak < 0.6 * plain


def test_short_trajectories_and_low_orders_are_refused():
    with pytest.raises(sd.InputError, match=r"has 9 samples, and no piece of it without gaps has the 11"):
        windows(sd.WeakForm(half_width=12), run_of(EVEN[:9], EVEN[:9]), 1, "0")
    with pytest.raises(sd.InputError, match="windows counts windows"):
        sd.WeakForm(windows=0)
    with pytest.raises(sd.InputError, match="q = 3"):
        sd.WeakForm(q=3)


def test_short_runs_shrink_their_windows_and_several_widths_go_together():
    short = windows(sd.WeakForm(half_width=40), run_of(EVEN[:21], np.sin(EVEN[:21])), 1, "0")
    assert (np.diff(short.value.indptr) == 21).all()
    both = windows(sd.WeakForm(half_width=(12, 40)), run_of(EVEN, np.sin(EVEN)), 1, "0")
    assert set(np.diff(both.value.indptr)) == {25, 81}
    np.testing.assert_allclose(both.mean_derivative(EVEN), 1.0)


@pytest.mark.parametrize("kind", ["missing", "gap"])
def test_no_window_reaches_across_a_gap_and_new_ones_stand_beside_it(kind):
    x = np.where(np.arange(401) < 200, EVEN, 50 - EVEN)
    if kind == "missing":
        x[200] = np.nan
        run = read(sd.dataset(EVEN, x=x), Reading(missing="skip")).trajectories[0]
    else:
        keep = np.abs(np.arange(401) - 200) > 15
        run = run_of(EVEN[keep], x[keep])
    win = windows(sd.WeakForm(half_width=20), run, 1, "0")
    first = win.value.indices[win.value.indptr[:-1]]
    last = win.value.indices[win.value.indptr[1:] - 1]
    edge = 200 if kind == "missing" else 185
    assert not ((first < edge) & (last >= edge)).any()
    assert (last == edge - 1).any()  # a window ends right before the gap
    slopes = win.mean_derivative(run.states)[:, 0]
    np.testing.assert_allclose(slopes, np.where(last < edge, 1.0, -1.0), atol=1e-9)


def test_increments_are_integrals():
    run = run_of(EVEN, np.sin(EVEN))
    win = windows(sd.IntegralForm(half_span=5), run, 1, "0")
    np.testing.assert_allclose(win.mean_derivative(np.sin(EVEN)), win.mean(np.cos(EVEN)), atol=1e-8)
    with pytest.raises(sd.InputError, match="first order"):
        windows(sd.IntegralForm(5), run, 2, "0")
    with pytest.raises(sd.InputError, match="half_span"):
        sd.IntegralForm(0)


def test_runs_of_all_lengths_go_together():
    times = np.arange(0, 20, 0.02)
    data = sd.make_dataset("hopf", times=times, trajectories=3, noise=0.02, key=jax.random.key(0))
    runs = [data.isel(trajectory=k, time=slice(0, n)) for k, n in enumerate((1000, 300, 60))]
    law = sd.identify(runs, library=sd.Monomials(3), differentiation=sd.WeakForm())
    assert law.stats.active == 8
