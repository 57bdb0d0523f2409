"""Canonical forms and averages: canonical(g x) = canonical(x), exactness, and where it ends."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn._types import double_precision

RNG = np.random.default_rng(3)


def _moved(x, *, shift=False, scale=False, turn=None, sort=False):
    m, d = x.shape
    if turn is not None:
        proper = turn == "SO"
        x = x @ sd.random_orthogonal(d, 1, key=jax.random.key(int(RNG.integers(1000))), proper=proper)[0].T
    x = x * RNG.uniform(0.5, 2.0) if scale else x
    x = x + RNG.normal(size=d) if shift else x
    return x[RNG.permutation(m)] if sort else x


CASES = [
    (sd.Centred(), 3, {"shift": True}),
    (sd.UnitSize(), 3, {"scale": True}),
    (sd.FirstAxis(1), 2, {"turn": "SO"}),
    (sd.Centred() + sd.FirstAxis(), 2, {"shift": True, "turn": "SO"}),
    (sd.PrincipalFrame(), 3, {"turn": "SO"}),
    (sd.PrincipalFrame(proper=False), 3, {"turn": "O"}),
    (sd.PrincipalFrame(), 2, {"turn": "SO"}),
    (sd.PrincipalFrame(proper=False), 5, {"turn": "O"}),
    (sd.Sorted(), 3, {"sort": True}),
    (sd.PrincipalFrame() + sd.Sorted(), 3, {"turn": "SO", "sort": True}),
    (
        sd.Centred() + sd.UnitSize() + sd.PrincipalFrame(proper=False) + sd.Sorted(),
        3,
        {"shift": True, "scale": True, "turn": "O", "sort": True},
    ),
]


@pytest.mark.parametrize(("canonical", "d", "group"), CASES)
def test_canonical_forms_are_the_same_on_an_orbit(canonical, d, group):
    with double_precision():

        @jax.jit
        def compiled(x):
            found = canonical(x)
            g = found.element
            return found.point, found.margin, g(found.point), g.inverse(x), (g @ g.inverse)(x)

        tried = 0
        for _ in range(10):
            x = RNG.normal(size=(6, d)) + 0.2
            point, margin, again, back, same = map(np.asarray, compiled(x))
            tried += margin > 1e-6
            if margin > 1e-6:
                assert np.allclose(point, compiled(_moved(x, **group))[0], atol=1e-10)
            for found, expected in ((again, x), (back, point), (same, x)):
                assert np.allclose(found, expected, atol=1e-12)
        assert tried >= 8


def test_mirror_images_differ_under_rotations_alone():
    with double_precision():
        x = RNG.normal(size=(6, 3))
        for proper in (True, False):
            point = jax.jit(lambda x, p=proper: sd.PrincipalFrame(proper=p)(x).point)
            same = np.allclose(point(x), point(x * [-1.0, 1, 1]), atol=1e-3 if proper else 1e-10)
            assert same is not proper


def test_the_margin_tells_where_a_frame_jumps():
    def margin(canonical, *rows):
        return jax.jit(lambda x: canonical(x).margin)(np.array(rows, np.float32))

    assert margin(sd.PrincipalFrame(), [1, 1], [-1, 1], [-1, -1], [1, -1]) < 1e-6  # equal moments
    assert margin(sd.PrincipalFrame(), [1, 0.2], [-1, -0.2]) < 1e-6  # its own image under a half turn
    assert margin(sd.FirstAxis(), [0, 0], [1, 0]) == 0
    assert margin(sd.UnitSize(), [0, 0], [0, 0]) == 0
    assert margin(sd.Sorted(), [1, 2], [1, 3]) == 0
    assert margin(sd.Sorted(), [1, 2], [1, 2]) == np.inf
    clouds = np.array([[[1, 0.2], [-1, -0.2]], [[1, 0], [0.2, 0.9]]], np.float32)
    assert sd.Canonicalised(jnp.sum, sd.PrincipalFrame()).discontinuity(clouds) == 0.5


@pytest.mark.parametrize("kind", ["frame", "average", "first axis"])
def test_wrapped_functions_are_equivariant(kind):
    d = 2 if kind == "first axis" else 3

    def rough(x):  # knows nothing of rotations
        return jnp.sin(x @ jnp.arange(1.0, d * d + 1).reshape(d, d)) + x**2

    wrapped = {
        "frame": sd.Canonicalised(rough, sd.Centred() + sd.PrincipalFrame(), "vectors"),
        "average": sd.FrameAveraged(rough, "vectors", centred=True),
        "first axis": sd.Canonicalised(rough, sd.Centred() + sd.FirstAxis(), "vectors"),
    }[kind]
    with double_precision():
        compiled = eqx.filter_jit(wrapped)
        x = RNG.normal(size=(5, d))
        for proper in (True, False) if kind == "average" else (True,):
            Q = sd.random_orthogonal(d, 4, key=jax.random.key(1), proper=proper)
            for q in Q:
                assert np.allclose(compiled(jnp.asarray(x @ q.T + 1.0)), compiled(jnp.asarray(x)) @ q.T, atol=1e-11)
        assert np.abs(rough(jnp.asarray(x)) - compiled(jnp.asarray(x))).max() > 1e-3
        gradient = jax.jit(jax.grad(lambda y: wrapped(y).sum()))(jnp.asarray(x))
        assert np.isfinite(gradient).all()


def test_points_are_moved_back_and_numbers_stay():
    with double_precision():
        x = jnp.asarray(RNG.normal(size=(4, 3)))
        chain = sd.Centred() + sd.UnitSize() + sd.PrincipalFrame()
        for outputs, expected in (("points", x), ("vectors", x - x.mean(0))):
            same = jax.jit(sd.Canonicalised(lambda y: y, chain, outputs))
            assert np.allclose(same(x), expected, atol=1e-12)
        energy = sd.FrameAveraged(lambda y: jnp.sum(jnp.sin(y)), proper=True)
        q = sd.random_orthogonal(3, 1, key=jax.random.key(2))[0]
        value, frames = jax.jit(energy), np.asarray(jax.jit(energy.frames)(x))
        assert abs(value(x) - value(x @ q.T)) < 1e-12
        assert frames.shape == (4, 3, 3)
        assert np.allclose(np.linalg.det(frames), 1)


@pytest.mark.parametrize(
    ("group", "inputs", "outputs"),
    [
        (sd.Dihedral(3), sd.Vector, sd.Vector),
        (sd.Permutations(4), sd.Vector, sd.Vector),
    ],
)
def test_averages_over_a_finite_group_are_exact(group, inputs, outputs):
    n, d = inputs.size(group.algebra.n), outputs.size(group.algebra.n)
    with double_precision():
        W = jnp.asarray(RNG.normal(size=(d, n)))
        f = sd.GroupAveraged(lambda x: jnp.sin(W @ x) + x[0], group, inputs=inputs, outputs=outputs)
        x = jnp.asarray(RNG.normal(size=(20, n)))
        moves = sd.random_moves(group, key=jax.random.key(0), count=10, inputs=inputs, outputs=outputs)
        assert sd.equivariance_error(f, moves, x).max() < 1e-12


def test_what_cannot_be_averaged_or_composed_is_refused():
    with pytest.raises(sd.InputError, match="more than 1000 members"):
        sd.GroupAveraged(jnp.sum, sd.Permutations(10))
    with pytest.raises(sd.InputError, match="continuous"):
        sd.GroupAveraged(jnp.sum, sd.SO(3))
    with pytest.raises(sd.InputError, match="the order is"):
        sd.Sorted() + sd.Centred()
    with pytest.raises(sd.InputError, match="FirstAxis"):
        sd.FirstAxis() + sd.Sorted()
    with pytest.raises(sd.InputError, match="plane"):
        sd.FirstAxis()(jnp.ones((2, 3)))
    with pytest.raises(sd.InputError, match="components"):
        sd.GroupAveraged(lambda x: x, sd.Cyclic(4))(jnp.ones(2))
