"""The Lie derivative of maps, vector and tensor fields, densities and kernels against their classical formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn._types import double_precision

W = np.random.default_rng(0).normal(size=(3, 3))


def xi(x):
    return jnp.sin(W @ x)


def vector(x):
    return jnp.cos(W.T @ x)


@pytest.fixture(autouse=True)
def float64():
    with double_precision():
        yield


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(1).normal(size=3))


def test_of_a_vector_field_it_is_the_bracket(x):
    found = sd.lie_derivative(vector, xi, sd.Vector, x)
    np.testing.assert_allclose(found, jax.jacfwd(vector)(x) @ xi(x) - jax.jacfwd(xi)(x) @ vector(x), atol=1e-13)
    np.testing.assert_allclose(sd.lie_derivative(xi, xi, sd.Vector, x), 0, atol=1e-13)


def test_of_a_gradient_it_is_the_gradient_of_the_lie_derivative(x):
    def scalar(y):
        return jnp.sum(jnp.cos(y) ** 2)

    found = sd.lie_derivative(jax.grad(scalar), xi, sd.Covector, x)
    np.testing.assert_allclose(found, jax.grad(lambda y: jax.grad(scalar)(y) @ xi(y))(x), atol=1e-12)


def test_of_a_density_it_is_the_divergence(x):
    def density(y):
        return jnp.exp(-jnp.sum(y**2))[None]

    found = sd.lie_derivative(density, xi, sd.Density(1), x)
    np.testing.assert_allclose(found, jnp.trace(jax.jacfwd(lambda y: density(y) * xi(y))(x)), atol=1e-12)


@pytest.mark.parametrize("kind", [sd.Tensor(0, 2), sd.Tensor(0, 2, "symmetric")], ids=repr)
def test_rotations_are_killing_fields_and_squeezes_are_not(kind, x):
    metric = np.eye(3)[np.triu_indices(3)] if kind.size(3) == 6 else np.eye(3).ravel()
    turn, squeeze = sd.SO(3).algebra.matrices[0], np.diag([1.0, -1.0, 0.0])
    for A, is_killing in ((turn, True), (squeeze, False)):
        found = sd.lie_derivative(lambda y: jnp.asarray(metric) * jnp.ones_like(y[0]), lambda y, A=A: A @ y, kind, x)
        assert bool(np.allclose(found, 0)) == is_killing


def test_it_runs_compiled_and_vmapped(x):
    found = jax.jit(jax.vmap(lambda y: sd.lie_derivative(vector, xi, sd.Vector, y)))(jnp.stack([x, 2 * x]))
    np.testing.assert_allclose(found[1], sd.lie_derivative(vector, xi, sd.Vector, 2 * x), atol=1e-13)


def test_a_place_is_no_linear_fibre(x):
    with pytest.raises(sd.InputError, match="Point does not move linearly"):
        sd.lie_derivative(vector, xi, sd.Point, x)


def test_a_steerable_kernel_is_invariant_and_a_random_one_is_not(x):
    y = jnp.array([0.3, -0.2, 0.9])

    def steerable(y, x):  # Hom(vectors, vectors) from the separation
        r = y - x
        return jnp.eye(3) * jnp.exp(-r @ r) + jnp.outer(r, r) / (1 + r @ r)

    A = sd.SO(3).algebra.matrices[1]

    def turn(z):
        return A @ z

    def along(kernel):
        return sd.kernel_lie_derivative(
            kernel, turn, turn, y, x, values_out=sd.Vector, values_in=sd.Vector
        )  # fmt: skip

    np.testing.assert_allclose(along(steerable), 0, atol=1e-13)
    assert np.abs(along(lambda y, x: jnp.outer(y, jnp.sin(x)) @ W)).max() > 0.1


def test_a_kernel_homogeneous_of_degree_minus_n_commutes_with_dilations(x):
    y = jnp.array([0.3, -0.2, 0.9])

    def of_degree(k):
        return lambda y, x: jnp.linalg.norm(y - x).reshape(1, 1) ** k

    def dilate(z):
        return z

    np.testing.assert_allclose(sd.kernel_lie_derivative(of_degree(-3), dilate, dilate, y, x), 0, atol=1e-12)
    assert np.abs(sd.kernel_lie_derivative(of_degree(-2), dilate, dilate, y, x)).max() > 0.1


def test_the_operator_of_an_invariant_kernel_commutes_with_the_group():
    """On the circle T commutes with shifts for k(y - x); else the defect is the operator of the Lie derivative."""
    n = 64
    grid = jnp.arange(n) * 2 * jnp.pi / n

    def operator(kernel, f):
        return jax.vmap(lambda y: jnp.mean(jax.vmap(lambda x: kernel(y, x) * f(x))(grid)))(grid)

    def f(x):
        return jnp.sin(x) + jnp.cos(2 * x)

    def even(y, x):
        return jnp.exp(jnp.cos(y - x))

    def bent(y, x):
        return jnp.exp(jnp.cos(y - x)) * (1 + 0.3 * jnp.cos(y))

    for kernel in (even, bent):
        moved = operator(kernel, jax.grad(f))  # T of the derivative of f along the shift
        derivative = jax.vmap(jax.grad(lambda y, k=kernel: jnp.mean(jax.vmap(lambda x: k(y, x) * f(x))(grid))))(grid)
        lie = jax.vmap(
            lambda y, k=kernel: jnp.mean(
                jax.vmap(
                    lambda x: (
                        sd.kernel_lie_derivative(
                            lambda a, b: k(a[0], b[0]).reshape(1, 1), jnp.ones_like, jnp.ones_like, y[None], x[None]
                        )[0, 0]
                        * f(x)
                    )
                )(grid)
            )
        )(grid)
        np.testing.assert_allclose(derivative - moved, lie, atol=1e-10)
        assert bool(np.abs(lie).max() < 1e-10) == (kernel is even)
