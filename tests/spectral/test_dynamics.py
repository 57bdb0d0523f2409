"""Laws of motion under large groups: few snapshots, tests of single symmetries, fields that simulate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd


def lorenz96(x):
    return (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + 8.0


def test_a_ring_of_ten_sites_from_eight_snapshots():
    """660 unknowns are 66 under the shifts: 8 rows of ten rates; without them 66 rows are needed."""
    ring = sd.CyclicShifts(10).acting_on(x=sd.Vector)
    x = np.random.default_rng(0).normal(size=(8, 10))
    data = {"time": np.arange(8.0), "x": x, "v": lorenz96(x)}
    law = sd.identify(data, rates={"x": "v"}, variables="x", library=sd.Monomials(2), action=ring)
    assert np.count_nonzero(law.coefficients) == 40
    test = np.random.default_rng(1).normal(size=(20, 10))
    np.testing.assert_allclose(jax.vmap(law.model.rate)(jnp.asarray(test)), lorenz96(test), atol=1e-4)
    with pytest.raises(sd.InputError, match="too few samples"):
        sd.identify(data, rates={"x": "v"}, variables="x", library=sd.Monomials(2))


def test_true_symmetries_help_and_false_ones_hurt():
    one, space, rng = np.eye(6), sd.HermiteFunctions(6, 2), np.random.default_rng(0)
    x = 2.3 + 3.6 * rng.normal(size=(260, 6))
    y = lorenz96(x) + 0.5 * rng.normal(size=x.shape)
    candidates = {"shift": np.roll(one, 1, 0), "reflection": one[::-1], "swap": one[[1, 0, 2, 3, 4, 5]], "sign": -one}
    held_out = x[60:] / 4, y[60:]
    tests = sd.symmetry_ratios(x[:60] / 4, y[:60], candidates, space=space, output="vector", held_out=held_out)
    shift, *false = tests
    assert shift.ratio < 0.8
    assert shift.p_value > 0.01
    assert (shift.dimension, shift.size) == (28, 168)
    assert all(t.ratio > 30 and t.p_value < 1e-6 for t in false)
    assert "ratio" in str(shift)


def test_p_values_of_true_symmetries_are_uniform():
    space, rng = sd.HermiteFunctions(2, 3), np.random.default_rng(0)
    told = []
    for _ in range(200):
        x = rng.normal(size=(40, 2))
        y = x.sum(axis=1) ** 2 + rng.normal(size=40)
        told.append(
            sd.symmetry_ratios(x, y, {"swap": np.eye(2)[::-1]}, space=space, held_out=(x[:2], y[:2]))[0].p_value
        )
    assert abs(np.mean(told) - 0.5) < 0.07
    assert np.mean(np.array(told) < 0.05) < 0.1


def test_what_does_not_fit_is_named():
    space, x = sd.HermiteFunctions(2, 2), np.ones((3, 2))
    with pytest.raises(sd.InputError, match="two rows or more"):
        sd.symmetry_ratios(x[:1], x[:1, 0], {}, space=space)
    with pytest.raises(sd.InputError, match="held-out values have 2 components"):
        sd.symmetry_ratios(x, x[:, 0], {}, space=space, held_out=(x, x))
    with pytest.raises(sd.InputError, match="values have 1 components"):
        sd.symmetry_ratios(x, x[:, 0], {"swap": np.eye(2)[::-1]}, space=space, output="vector", held_out=(x, x[:, 0]))


def test_an_equivariant_field_and_the_force_of_an_invariant_energy_are_laws():
    """x'' = -x |x|^2 in the plane, as a field that turns with x, and as the gradient of an energy that does not."""
    space, state = sd.HermiteFunctions(2, 4), sd.StateSpace.of(position=2, velocity=2)
    x = space.draw(40)
    force = -x * (x**2).sum(axis=1, keepdims=True)
    field = sd.fit_invariant(x, force, space=space, group=sd.SO(2), output="vector", estimator="least_squares")
    energy = sd.fit_invariant(x, (x**2).sum(axis=1) ** 2 / 4, space=space, group=sd.SO(2), estimator="least_squares")
    start, times = np.array([1.0, 0.0, 0.0, 1.0]), np.linspace(0, 2 * np.pi, 5)
    law = sd.NeuralLaw(lambda s: field(s[:2]), state, ("velocity",), kinematics=(("position", "velocity"),))
    run = sd.simulate(law, start, times, rtol=1e-6)
    np.testing.assert_allclose(run.position[-1], [1, 0], atol=1e-3)  # a circle of period 2 pi
    np.testing.assert_allclose(-jax.vmap(jax.grad(energy))(jnp.asarray(x)), force, atol=1e-3)
