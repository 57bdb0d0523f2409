"""Symplectic steps and projections: orders, invariants, and what they refuse."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

SPACE = sd.StateSpace.of(q=1, p=1)


def pendulum(x):
    return jnp.stack([x[1], -jnp.sin(x[0])])


def coupled(x):
    """H = p^2 (1 + q^2) / 2 + q^2 / 2: not separable."""
    return jnp.stack([x[1] * (1 + x[0] ** 2), -x[0] * (1 + x[1] ** 2)])


LAWS = {f.__name__: sd.NeuralLaw(f, SPACE, ("q", "p")) for f in (pendulum, coupled)}
START = np.array([1.0, 0.2])


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("order", [2, 4])
def test_steps_have_their_order(name, order):
    """Halving the step divides the error by 2^order; separable laws by leapfrog, others by the midpoint rule."""
    law, times = LAWS[name], np.array([0.0, 2.0])
    true = sd.simulate(law, START, times, rtol=1e-12)
    method = sd.Symplectic(order, pairs={"q": "p"})
    errors = []
    for step in (0.1, 0.05):
        run = sd.simulate(law, START, times, method=method, step=step)
        errors.append(float(abs(run.q - true.q)[-1] + abs(run.p - true.p)[-1]))
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.2)


def test_the_midpoint_rule_keeps_quadratic_invariants():
    space = sd.StateSpace.of(x=1, y=1, z=1, w=1)  # a rigid body with one variable more, in pairs for the method's sake
    law = sd.NeuralLaw(lambda s: jnp.stack([s[1] * s[2], -2 * s[0] * s[2], s[0] * s[1], -s[3] * 0]), space, space.names)
    method = sd.Symplectic(2, pairs={"x": "y", "z": "w"})
    run = sd.simulate(law, np.array([1.0, 0.5, 0.7, 0.0]), np.linspace(0, 20, 5), method=method, step=0.2)
    for invariant in (2 * run.x**2 + run.y**2, run.x**2 - run.z**2):
        assert float(np.ptp(invariant.values)) < 1e-9


def test_a_discovered_quantity_is_kept_to_rounding():
    found = sd.conserved_quantities({"x": "y z", "y": "-2 x z", "z": "x y"}, library=sd.Monomials(2))
    space = sd.StateSpace.of(x=1, y=1, z=1)
    rough = sd.NeuralLaw(
        lambda s: jnp.stack([s[1] * s[2] + 0.01 * s[0], -2 * s[0] * s[2], s[0] * s[1]]), space, space.names
    )
    start, times = np.array([[1.0, 0.5, 0.7], [0.3, -0.5, 1.0]]), np.linspace(0, 30, 7)
    options = {"method": diffrax.Heun(), "step": 0.1}
    free = sd.simulate(rough, start, times, **options)
    kept = sd.simulate(rough, start, times, conserved=found, **options)
    law = sd.conserving(rough, found)
    exact = sd.simulate(law, start, times, rtol=1e-10)
    with jax.enable_x64(True):
        for each in found:
            values = [
                np.stack([each.at(np.stack([r.x[k], r.y[k], r.z[k]], 1)) for k in (0, 1)]) for r in (free, kept, exact)
            ]
            drift = [np.abs(v - v[:, :1]).max() for v in values]
            assert drift[0] > 1e-2
            assert drift[1] < 1e-12
            assert drift[2] < 1e-8


def test_a_projection_leaves_known_rates_alone():
    """x' = v is kinematics: only v' is moved, so that the energy of the spring is constant."""
    space = sd.StateSpace.of(x=1, v=1)
    damped = sd.NeuralLaw(lambda s: -s[:1] - 0.3 * s[1:], space, ("v",), kinematics=(("x", "v"),))
    law = sd.conserving(damped, lambda s: s[0] ** 2 + s[1] ** 2)
    np.testing.assert_allclose(law(0.0, jnp.array([0.5, 2.0])), [2.0, -0.5], rtol=1e-5)
    assert np.isfinite(law(0.0, jnp.array([0.5, 0.0]))).all()  # there the gradient along v is zero


def test_what_does_not_fit_is_refused():
    law, times = LAWS["pendulum"], np.array([0.0, 1.0])
    with pytest.raises(sd.InputError, match="order"):
        sd.Symplectic(3)
    with pytest.raises(sd.InputError, match="fixed length"):
        sd.simulate(law, START, times, method=sd.Symplectic(pairs={"q": "p"}))
    with pytest.raises(sd.InputError, match="need pairs"):
        sd.simulate(law, START, times, method=sd.Symplectic(), step=0.1)
    with pytest.raises(sd.InputError, match="spoils"):
        sd.simulate(law, START, times, method=sd.Symplectic(pairs={"q": "p"}), step=0.1, conserved=jnp.sum)
    with pytest.raises(sd.InputError, match="positive"):
        sd.simulate(law, START, times, step=-1.0)
    with pytest.raises(sd.InputError, match="max_steps"):
        sd.simulate(law, START, times, step=1e-9)
    with pytest.raises(sd.InputError, match="no quantity"):
        sd.conserving(law, [])
    with pytest.raises(sd.InputError, match="one of x, y"):
        sd.conserving(law, sd.conserved_quantities({"x": "y", "y": "-x"}, library=sd.Monomials(2)))
    step = sd.NeuralLaw(pendulum, SPACE, ("q", "p"), discrete=True)
    with pytest.raises(sd.InputError, match="map is iterated"):
        sd.simulate(step, START, times, step=0.1)
    with pytest.raises(sd.InputError, match="law of rates"):
        sd.conserving(step, jnp.sum)
