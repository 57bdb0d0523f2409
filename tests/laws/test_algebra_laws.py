"""Laws that every algebra and every action of the catalogue obeys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from symdyn._types import StateSpace, double_precision
from symdyn.groups import SE, SO, E, O, Point, Scaling, T, Vector, Weight
from symdyn.symmetry import lie_derivative

GROUPS = [SO(2), SO(3), SO(4), O(1), O(2), O(3), SE(1), SE(2), SE(3), E(2), E(3), T(1), T(3), Scaling()]


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_jacobi_identity_and_antisymmetry(group):
    c = group.algebra.structure_constants()
    np.testing.assert_allclose(c, -c.swapaxes(0, 1), atol=1e-12)
    nested = np.einsum("ijm,mkl->ijkl", c, c)
    cyclic = nested + nested.transpose(1, 2, 0, 3) + nested.transpose(2, 0, 1, 3)
    np.testing.assert_allclose(cyclic, 0, atol=1e-12)


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_brackets_close(group):
    X = group.algebra.homogeneous
    commutators = np.einsum("iab,jbc->ijac", X, X) - np.einsum("jab,ibc->ijac", X, X)
    found = np.einsum("ijk,kab->ijab", group.algebra.structure_constants(), X)
    np.testing.assert_allclose(found, commutators, atol=1e-12)


@pytest.mark.parametrize("group", [SE(2), SE(3), SO(4)], ids=lambda g: g.name)
def test_the_field_convention_is_the_bracket_of_vector_fields(group):
    algebra = group.algebra
    with double_precision():
        x = jnp.asarray(np.random.default_rng(0).normal(size=algebra.n))
        fields = [lambda y, A=A, a=a: A @ y + a for A, a in zip(algebra.matrices, algebra.shifts, strict=True)]
        values = np.stack([np.asarray(f(x)) for f in fields])
        for i, xi in enumerate(fields):
            for j, eta in enumerate(fields):
                bracket = jax.jvp(eta, (x,), (xi(x),))[1] - jax.jvp(xi, (x,), (eta(x),))[1]
                c = algebra.structure_constants(convention="field")[i, j]
                np.testing.assert_allclose(np.asarray(bracket), c @ values, atol=1e-12)


@pytest.mark.parametrize("group", [g for g in GROUPS if g.labels], ids=lambda g: g.name)
def test_elements_normalise_the_algebra(group):
    X = group.algebra.homogeneous.reshape(group.algebra.dimension, (group.algebra.n + 1) ** 2)
    for element in group.elements:
        h = scipy.linalg.block_diag(element, 1.0)
        moved = (h @ group.algebra.homogeneous @ np.linalg.inv(h)).reshape(X.shape)
        assert not len(X) or np.linalg.matrix_rank(np.concatenate([X, moved])) == len(X)


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

        for each in bound.generators(("q", "v")):
            A, a, T, h = each.field.matrix.array, each.field.shift.array, each.fibre.array, 1e-4
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
