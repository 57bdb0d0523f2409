import numpy as np
import pytest

import symdyn as sd
from symdyn.data.differentiate import differentiated
from symdyn.data.door import read
from symdyn.data.reading import Reading

EVEN = np.linspace(0.0, 1.0, 41)
UNEVEN = EVEN + 0.3 * EVEN * (1 - EVEN)


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("method", [sd.FiniteDifference(4), sd.FiniteDifference(8), sd.SavitzkyGolay(9, 5)], ids=repr)
def test_polynomials_of_the_methods_degree_are_differentiated_exactly(method, order, times):
    p = np.polynomial.Polynomial(np.arange(1.0, method.window[1] + 2))
    np.testing.assert_allclose(
        method(times, p(times)[:, None], order)[:, 0], p.deriv(order)(times), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("accuracy", [2, 4, 6])
def test_the_error_falls_with_the_stated_order(accuracy):
    errors = []
    for n in (41, 81):
        t = np.linspace(0, 3, n)
        errors.append(
            np.abs(sd.FiniteDifference(accuracy)(t, np.sin(t)[:, None])[:, 0] - np.cos(t))[n // 4 : -n // 4].max()
        )
    assert np.log2(errors[0] / errors[1]) == pytest.approx(accuracy, abs=0.3)


def test_smoothing_beats_differences_on_noise():
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6, 601)
    noisy = (np.sin(t) + 1e-2 * rng.normal(size=601))[:, None]
    error = {m: np.std(m(t, noisy)[:, 0] - np.cos(t)) for m in (sd.FiniteDifference(4), sd.SavitzkyGolay(41, 4))}
    assert error[sd.SavitzkyGolay(41, 4)] < 0.1 * error[sd.FiniteDifference(4)]


def test_trajectories_are_not_differentiated_across_one_another_nor_across_gaps():
    x = np.stack([np.stack([EVEN, EVEN**2], 1), np.stack([5 - EVEN, EVEN], 1)])
    samples = differentiated(read(sd.dataset(EVEN, x=x)), None)
    np.testing.assert_allclose(samples.targets[:41, 0], 1.0, rtol=1e-9)
    np.testing.assert_allclose(samples.targets[41:, 0], -1.0, rtol=1e-9)
    x[0, 20] = np.nan
    gapped = differentiated(read(sd.dataset(EVEN, x=x), Reading(missing="skip")), None)
    kept = gapped.weights > 0
    assert not kept[16:25].any()
    assert kept[:16].all()
    assert kept[25:].all()
    np.testing.assert_allclose(gapped.targets[kept], samples.targets[kept], atol=1e-9)


def test_a_gap_in_a_short_trajectory_leaves_no_row():
    x = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0, 8.0])
    samples = differentiated(read(sd.dataset(np.arange(8.0), x=x), Reading(missing="skip")), sd.FiniteDifference(4))
    assert samples.weights.tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.FiniteDifference(3), "got 3"),
        (lambda: sd.SavitzkyGolay(4, 2), "got width 4"),
        (lambda: sd.SavitzkyGolay(5, 5), "degree 5"),
        (lambda: sd.FiniteDifference(8)(EVEN[:6], EVEN[:6, None]), "needs at least 9 samples"),
        (lambda: sd.SavitzkyGolay(5, 1)(EVEN, EVEN[:, None], 2), "no derivative of order 2"),
    ],
)
def test_what_cannot_be_differentiated_is_refused(make, message):
    with pytest.raises(sd.InputError, match=message):
        make()
