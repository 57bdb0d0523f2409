"""Hidden layers and networks: equivariant for any weights, able to leave the span of the input, of given parity."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn._types import double_precision
from symdyn.neural.carriers import carriers
from symdyn.testing import assert_equivariant

GROUPS = {
    "SO(3)": (sd.SO(3), 2 * sd.Vector + sd.Scalar, sd.Vector + sd.Scalar),
    "E(3)": (sd.E(3), 2 * sd.Point + sd.Vector, sd.Vector + sd.Scalar),
    "Lorentz(3)": (sd.Lorentz(3), sd.Vector + sd.Tensor(0, 2, "antisymmetric"), sd.Vector),
    "GL(2)": (sd.GL(2), sd.Vector + sd.Covector, sd.Vector + sd.Scalar),
    "Permutations(4)": (sd.Permutations(4), 2 * sd.Vector, sd.Vector + sd.Scalar),
    "Signs(2)": (sd.Signs(2), sd.Vector + sd.Scalar, sd.Vector),
    "U(1)": (sd.U(1), 2 * sd.Vector, sd.Vector),
}


def made(*args, **options):
    return eqx.filter_jit(sd.EquivariantMLP(*args, **options))


def worst(function, source, target, dtype):
    """The largest relative defect of f(g x) = g f(x) over a finite element of each generator, and the elements."""
    import scipy.linalg

    A, E = source.augmented().matrices()
    B, F = target.matrices()
    moves = [(scipy.linalg.expm(0.3 * a), scipy.linalg.expm(0.3 * b)) for a, b in zip(A, B, strict=True)]
    moves += list(zip(E, F, strict=True))
    x = np.random.default_rng(0).normal(size=source.size)
    points = np.stack([x] + [(G @ np.append(x, 1.0))[:-1] for G, _ in moves]).astype(dtype)
    y = np.asarray(jax.jit(jax.vmap(function))(points), float)
    return max(np.abs(a - H @ y[0]).max() / np.abs(y).max() for a, (_, H) in zip(y[1:], moves, strict=True))


@pytest.mark.parametrize("gate", ["bilinear", pytest.param("norm", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", GROUPS)
def test_networks_are_equivariant(name, gate):
    source, target = carriers(GROUPS[name][0], GROUPS[name][1:])
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 1e-5))[: 2 if name == "SO(3)" else 1]:
        with double_precision():
            net = made(GROUPS[name][0], source, target, (4, 3), key=jax.random.key(2), gate=gate, dtype=dtype)
            assert worst(net, source, target, dtype) <= bound


def test_a_plain_network_fails_the_same_test():
    source, target = carriers(sd.SO(3), (2 * sd.Vector, sd.Vector))
    net = sd.PlainMLP(6, 3, (8,), key=jax.random.key(0))
    assert worst(net, source, target, np.float32) > 1e-2


def test_networks_on_a_state_pass_the_check_for_users():
    space = sd.StateSpace.of(position=3, momentum=3)
    action = sd.O(3).acting_on(position=sd.Vector, momentum=sd.Vector)
    with double_precision():
        net = made(action, space, sd.Rates(space.names), (2 * sd.Vector + sd.Scalar,), key=jax.random.key(0))
        assert_equivariant(net, action, space, space.names, rtol=1e-10, samples=4)


def test_products_leave_the_span_of_vectors_and_gates_alone_do_not():
    x = jnp.array([1.0, 0, 0, 0, 1, 0])
    full = made(sd.SO(3), 2 * sd.Vector, sd.Vector, (4,), key=jax.random.key(0))
    bare = made(sd.SO(3), 2 * sd.Vector, sd.Vector, (4,), key=jax.random.key(0), products=False)
    assert abs(full(x)[2]) > 1e-3
    assert abs(bare(x)[2]) < 1e-6
    mirrored = made(sd.O(3), 2 * sd.Vector, sd.Vector, (4,), key=jax.random.key(0))
    assert abs(mirrored(x)[2]) < 1e-7  # under mirrors the cross product is no vector


def test_an_output_that_would_always_be_zero_is_refused():
    inputs = 3 * sd.Vector
    with pytest.raises(sd.InputError, match="Axial"):
        sd.EquivariantMLP(sd.O(3), inputs, sd.Pseudoscalar, (4,), key=jax.random.key(0))
    widths = (2 * sd.Vector + 2 * sd.Axial, 2 * sd.Vector + 2 * sd.Axial + 2 * sd.Pseudoscalar)
    net = made(sd.O(3), inputs, sd.Pseudoscalar, widths, key=jax.random.key(0))
    x = jnp.eye(3).ravel()
    assert abs(net(x)[0]) > 1e-6
    assert np.allclose(net(-x), -net(x), rtol=1e-5)


def test_odd_networks_have_no_bias_and_are_tanh():
    net = sd.EquivariantMLP(
        sd.SignPattern((-1,)), 3 * sd.Vector, 2 * sd.Vector, (7 * sd.Vector,), key=jax.random.key(0)
    )
    W, V = net.layers[0].main.matrix(), net.last.matrix()
    assert not np.any(W[:, -1])
    assert not np.any(V[:, -1])
    assert net.layers[0].main.parameters == 21
    x = jnp.array([0.2, -1.0, 3.0])
    assert np.allclose(net(x), V[:, :-1] @ jnp.tanh(W[:, :-1] @ x), atol=1e-6)


def test_deep_sets_ignore_order_and_are_not_linear():
    net = made(sd.Permutations(6), sd.Vector, sd.Scalar, (3,), key=jax.random.key(1))
    x = jnp.array([0.1, 2.0, -1.0, 0.5, 3.0, 0.0])
    assert np.allclose(net(x), net(x[::-1]), atol=1e-5)
    assert abs(float((net(2 * x) + net(0 * x) - 2 * net(x))[0])) > 1e-3


def test_homogeneous_functions_with_weights():
    f = sd.Homogeneous(sd.PlainMLP(2, 2, (8,), key=jax.random.key(0)), degrees=(1.5, -1.0), weights=(1.0, 2.0))
    x, c = jnp.array([0.3, -0.8]), 3.0
    assert np.allclose(f(x * jnp.array([c, c**2])), f(x) * jnp.array([c**1.5, 1 / c]), rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda k: sd.EquivariantMLP(sd.SO(3), sd.Vector, sd.Vector, (0,), key=k), "positive width"),
        (lambda k: sd.EquivariantLayer(sd.SO(3), sd.Vector, sd.Vector, key=k, gate="max"), "bilinear"),
        (lambda k: sd.Homogeneous(jnp.sin, 1.0, weights=(1.0, 0.0)), "positive"),
    ],
)
def test_what_cannot_be_is_refused(call, text):
    with pytest.raises(sd.InputError, match=text):
        call(jax.random.key(0))
