import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn.data.door import read
from symdyn.data.smoothing import corner, local_fit
from symdyn.regress.rows.generalised import unbiased_features

PAIR = ("x", "y")


def damped(times, seed, noise):
    """Runs of x' = -0.1 x - y, y' = x - 0.1 y with white noise."""
    rng = np.random.default_rng(seed)
    runs = []
    for radius in rng.uniform(0.5, 2, 6):
        clean = radius * np.exp(-0.1 * times)[:, None] * np.column_stack([np.cos(times), np.sin(times)])
        runs.append(clean + noise * rng.normal(size=clean.shape))
    return [sd.dataset(times, x=run[:, 0], y=run[:, 1]) for run in runs]


def test_terms_are_unbiased_up_to_degree_five():
    terms = sd.Monomials(5).on(read(sd.dataset(np.arange(5.0), x=np.arange(5.0), y=np.arange(5.0))).space)
    at, sigma = np.array([0.7, -0.4]), np.array([0.3, 0.5])
    # the mean over a Gaussian is a finite sum: Gauss-Hermite with enough nodes is exact for polynomials
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    grid = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    share = np.outer(weights, weights).ravel() / (2 * np.pi)
    with jax.enable_x64(True):
        states = at + sigma * grid
        found = unbiased_features(terms)(states, np.broadcast_to(sigma**2, states.shape))
        truth = np.asarray(terms(jnp.asarray(at)))
        plain = share @ np.asarray(jax.vmap(lambda x: terms(x))(jnp.asarray(states)))
    np.testing.assert_allclose(share @ found, truth, atol=1e-10)
    assert np.abs(plain - truth).max() > 0.05


def test_the_law_is_right_and_its_errors_are_honest():
    times, truth = np.arange(0, 12, 0.02), np.array([[-0.1, 1.0], [-1.0, -0.1]])
    scores = []
    for seed in range(10):
        law = sd.identify(damped(times, seed, 0.1), library=sd.Monomials(2), differentiation=sd.WeakForm())
        if law.active_terms != PAIR:
            continue
        rows = [law.term_names.index(name) for name in PAIR]
        scores.append((law.coefficients[rows] - truth) / law.standard_errors[rows])
    assert len(scores) >= 8  # of 10
    assert 0.6 < np.sqrt(np.mean(np.square(scores))) < 1.5
    assert max(law.stats.inflation) < 1.6  # the whitened rows are white


def test_whitened_rows_beat_plain_ones():
    times, truth = np.arange(0, 12, 0.02), np.array([[-0.1, 1.0], [-1.0, -0.1]])
    errors = {True: [], False: []}
    for seed in range(6):
        for generalised in errors:
            form = sd.WeakForm(half_width=12, generalised=generalised)
            law = sd.identify(
                damped(times, seed, 0.1), library=sd.Monomials(1), differentiation=form, solver=sd.LeastSquares()
            )
            errors[generalised].append(np.abs(law.coefficients[1:] - truth).max())
    assert np.mean(errors[True]) < 0.7 * np.mean(errors[False])


@pytest.mark.parametrize("solver", [sd.BestSubset(), sd.STLSQ(0.05), sd.SR3()], ids=lambda s: type(s).__name__)
def test_symmetry_and_every_solver_work_on_whitened_rows(solver):
    action = sd.SO(2).acting_on({PAIR: sd.Vector})
    data = damped(np.arange(0, 12, 0.02), 0, 0.2)
    law = sd.identify(data, library=sd.Monomials(2), action=action, differentiation=sd.WeakForm(), solver=solver)
    rows = [law.term_names.index(name) for name in PAIR]
    np.testing.assert_allclose(law.coefficients[rows], [[-0.1, 1.0], [-1.0, -0.1]], atol=0.03)
    assert law.stats.active == 2
    assert len(law.stats.noise) == 2


def test_constraints_and_known_parts_hold_on_whitened_rows():
    data = damped(np.arange(0, 12, 0.02), 0, 0.1)
    fixed = sd.identify(
        data, library=sd.Monomials(1), differentiation=sd.WeakForm(), constraints=[sd.coefficient("x", "y") == 1]
    )
    assert fixed.coefficients[fixed.term_names.index("x"), 1] == pytest.approx(1.0)
    known = sd.identify(
        data, library=sd.Monomials(1), differentiation=sd.WeakForm(), known=lambda s: {"x": -s["y"], "y": s["x"]}
    )
    assert known.stats.active == 2
    np.testing.assert_allclose(np.diag(known.coefficients[1:]), -0.1, atol=0.02)


def test_exact_data_need_none_of_it():
    data = sd.make_dataset("lorenz", times=np.arange(0, 10, 0.01))
    plain = sd.WeakForm(generalised=False, unbiased=False)
    laws = [sd.identify(data, library=sd.Monomials(2), differentiation=f) for f in (sd.WeakForm(), plain)]
    np.testing.assert_array_equal(laws[0].coefficients, laws[1].coefficients)


def test_the_corner_is_wider_for_slower_motion_and_its_smoothing_keeps_the_motion():
    times, halves = np.arange(0, 40, 0.02), []
    for frequency in (1.0, 4.0):
        clean = np.sin(frequency * times)
        noisy = clean + 0.1 * np.random.default_rng(0).normal(size=times.size)
        recording = read(sd.dataset(times, x=noisy))
        found = corner(recording.trajectories, np.zeros(0, int))
        halves.append(found.half)
        at = np.arange(100, times.size - 100)
        half = found.half // 2
        smooth, gain = local_fit(times, clean[:, None], half, at)
        assert np.abs(smooth[:, 0] - clean[at]).max() < 0.1 * 0.1
        noise = local_fit(times, (noisy - clean)[:, None], half, at)[0]
        np.testing.assert_allclose(noise.std(), 0.1 * np.sqrt(gain.mean()), rtol=0.2)
    assert halves[0] > 2 * halves[1]
