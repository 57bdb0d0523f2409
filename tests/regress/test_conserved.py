"""Conserved quantities of noisy trajectories: found, none invented, with a drift and its noise floor."""

import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.regress.conserved.statistics import Smoother


def oscillator(noise, damping=0.0, trajectories=50, seed=0):
    rng, t = np.random.default_rng(seed), np.linspace(0, 12, 150)
    size, phase = rng.uniform(0.3, 1.5, (trajectories, 1)), rng.uniform(0, 2 * np.pi, (trajectories, 1))
    a, w = damping, np.sqrt(2 - damping**2)
    x = size * np.exp(-a * t) * np.cos(w * t + phase)
    v = -a * x - w * size * np.exp(-a * t) * np.sin(w * t + phase)
    draw = lambda u: u + noise * np.sqrt((u**2).mean()) * rng.normal(size=u.shape)  # noqa: E731
    return sd.dataset(t, x=draw(x)[..., None], v=draw(v)[..., None]).squeeze("component", drop=True)


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.1])
def test_oscillator(noise):
    found = sd.conserved_quantities(oscillator(noise), library=sd.Monomials(3))
    assert len(found) == found.rank == 1
    energy = found[0]
    assert energy.support == ("x^2", "v^2")
    ratio = energy.coefficients.array[list(energy.terms.names).index("x^2")] / energy.coefficients.array.sum()
    assert ratio == pytest.approx(2 / 3, abs=1e-6 + 0.06 * noise)
    assert energy.drift is not None
    assert energy.drift.verdict == "conserved"
    assert energy.drift.size <= energy.drift.upper < 0.1
    assert energy.drift.floor == pytest.approx(0.5 * noise, rel=0.6, abs=1e-5)
    assert len(energy.drift.values) == 15 == len(energy.drift.times)


def test_a_damped_oscillator_has_none():
    for noise in (0.0, 0.1):
        found = sd.conserved_quantities(oscillator(noise, damping=0.05), library=sd.Monomials(3))
        assert len(found) == 0


def test_drift_of_a_given_quantity():
    energy = sd.conserved_quantities({"x": "v", "v": "-2 x"}, library=sd.Monomials(2))
    kept, lost = (sd.conserved_drift(energy, oscillator(0.05, damping))[0] for damping in (0.0, 0.05))
    assert kept.verdict == "conserved"
    assert lost.verdict == "drifts"
    assert lost.size > 5 * kept.upper
    assert sd.conserved_drift([], oscillator(0.05)) == ()


@pytest.mark.slow
def test_rigid_body_and_lorenz():
    key = jax.random.key(1)
    body = sd.make_dataset("rigid_body", trajectories=50, noise=0.05, key=key)
    found = sd.conserved_quantities(body, library=sd.Monomials(3))
    assert found.rank == 2
    lorenz = sd.make_dataset("lorenz", trajectories=50, noise=0.05, key=key, times=np.linspace(0, 4, 400))
    assert len(sd.conserved_quantities(lorenz, library=sd.Monomials(3))) == 0


def test_a_relation_between_terms_is_no_conserved_quantity():
    data = oscillator(0.0).assign(y=lambda d: 3 * d.x)  # y - 3 x vanishes everywhere
    found = sd.conserved_quantities(data, library=sd.Monomials(1))
    assert len(found) == 0
    assert found.left_out == ("y",)


def test_smoother_finds_the_noise_and_leaves_exact_data():
    rng, t = np.random.default_rng(0), np.sort(np.random.default_rng(1).uniform(0, 12, 300))
    x = np.sin(t)[:, None]
    noisy = x + 0.05 * rng.normal(size=x.shape)
    smoother = Smoother([(t, noisy)] * 3)
    assert smoother.sigma[0] == pytest.approx(0.05, rel=0.15)
    assert np.std(smoother(t, noisy) - x) < 0.02
    assert np.array_equal(Smoother([(t, x)])(t, x), x)


def test_what_cannot_be_used_is_named():
    with pytest.raises(sd.InputError, match="8 trajectories"):
        sd.conserved_quantities(oscillator(0.0, trajectories=3), library=sd.Monomials(2))
    with pytest.raises(sd.InputError, match="log"):
        sd.conserved_quantities(oscillator(0.0), library=sd.Elementary("log"))
    with pytest.raises(sd.InputError, match="held_out"):
        sd.conserved_quantities(oscillator(0.0), library=sd.Monomials(2), held_out=1.5)
    found = sd.conserved_quantities({"a": "b", "b": "-a"}, library=sd.Monomials(2))
    with pytest.raises(sd.InputError, match="quantities are of"):
        sd.conserved_drift(found, oscillator(0.0))


def test_result_as_dataset_and_text():
    found = sd.conserved_quantities(oscillator(0.02), library=sd.Monomials(2))
    table = found.to_xarray()
    assert {"coefficient", "error", "drift_size", "drift_floor", "spectrum"} <= set(table.data_vars)
    assert "1 conserved quantity" in str(found)
    assert "noise" in str(found)
    assert found.noise is not None
    assert found.noise.shape == (2,)
