"""Laws of actions: Lie derivatives against flows, and as a representation of the algebra."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from symdyn._types import StateSpace, double_precision
from symdyn.groups import SE, SO, Point, Scaling, Vector, Weight
from symdyn.symmetry import lie_derivative


@pytest.mark.parametrize(
    "action",
    [
        SO(3).acting_on(q=Vector, v=Vector),
        SE(3).acting_on(q=Point, v=Vector),
        Scaling().acting_on(q=Weight(2), v=Weight(-1), time=Weight(3)),
    ],
    ids=repr,
)
def test_the_lie_derivative_is_the_derivative_along_the_flow(action):
    """L_xi f(x) = d/ds exp(-s T) f(exp(s xi) x) at s = 0, for a function without any symmetry."""
    bound = action.on(StateSpace.of(q=3, v=3))
    with double_precision():
        rng = np.random.default_rng(3)
        W, x = rng.normal(size=(6, 6)), rng.normal(size=6)

        def f(y):
            return jnp.sin(W @ y) + y**2

        def along(s, A, a, T):
            flow = scipy.linalg.expm(s * np.block([[A, a[:, None]], [np.zeros((1, 7))]]))
            return scipy.linalg.expm(-s * T) @ np.asarray(f(flow[:6, :6] @ x + flow[:6, 6]))

        for each in bound.rates(("q", "v")).generators:
            A, a, T, h = each.field.linear_part, each.field.constant_part, each.fibre.constant_part, 1e-4
            expected = (along(h, A, a, T) - along(-h, A, a, T)) / (2 * h)
            found = lie_derivative(f, each.field, T, jnp.asarray(x))
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)


def test_lie_derivatives_represent_the_algebra():
    """[L_xi, L_eta] f = L_zeta f for the bracket zeta of the fields, with vector values moving along."""
    algebra = SO(3).algebra
    with double_precision():
        rng = np.random.default_rng(4)
        W, x = rng.normal(size=(3, 3)), jnp.asarray(rng.normal(size=3))

        def along(A):
            return lambda f: lambda y: lie_derivative(f, lambda z: A @ z, A, y)

        L = [along(A) for A in algebra.matrices]

        def f(y):
            return jnp.cos(W @ y) * y[0]

        for i in range(3):
            for j in range(3):
                commutator = L[i](L[j](f))(x) - L[j](L[i](f))(x)
                c = algebra.structure_constants(convention="field")[i, j]
                expected = sum(c[k] * L[k](f)(x) for k in range(3))
                np.testing.assert_allclose(np.asarray(commutator), np.asarray(expected), atol=1e-11)
