"""Layers that may break a symmetry: what they break, what is enforced, promotion by training, and defects by layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import symdyn as sd
from symdyn._types import double_precision
from symdyn.neural.epnn import EPNN

SPACE = sd.StateSpace.of(x=3, v=3)
TURN = sd.SO(3).acting_on(x=sd.Vector, v=sd.Vector)
HIDDEN = 2 * sd.Scalar + 2 * sd.Vector


def made(kept=(), dtype=np.float64, **options):
    with double_precision():
        return EPNN(
            sd.SO(3), 2 * sd.Vector, sd.Vector, (HIDDEN,), kept=kept, key=jax.random.key(1), dtype=dtype, **options
        )


def rotation(axis, angle=0.7):
    return scipy.linalg.expm(angle * sd.SO(3).algebra.matrices.array[axis])


def defect(network, axis):
    """|f(g x) - g f(x)| relative, for a rotation about an axis."""
    x, R = np.random.default_rng(0).normal(size=6), rotation(axis)
    moved, wanted = network(np.concatenate([R @ x[:3], R @ x[3:]])), R @ np.asarray(network(x))
    return float(np.abs(moved - wanted).max() / np.abs(wanted).max())


def test_what_is_kept_holds_exactly_and_the_rest_is_broken():
    with double_precision():
        upright, free = made(kept=(0, 0, 1)), made()
        assert defect(upright, 2) < 1e-12
        assert min(defect(upright, 0), defect(upright, 1), defect(free, 2)) > 1e-3
        sizes = np.linalg.svd(np.asarray(upright.broken()), compute_uv=False)
        assert sizes[2] < 1e-12 < 1e-2 < sizes[1]
        assert upright.parameters < free.parameters


def test_zero_columns_are_symmetries_of_the_network():
    with double_precision():
        M = np.asarray(made(kept=np.eye(3)).broken())
        assert np.abs(M).max() < 1e-12
        assert defect(made(kept=np.eye(3)), 0) < 1e-12


def test_columns_are_the_derivative_of_the_weights_along_the_group():
    """(B W - W A, A'Q + QA) is d/ds of (g W g^-1, g^-T Q g^-1) at s = 0, up to the sign of Q's."""
    with double_precision():
        (block, *_), s = made().blocks, 1e-6
        W, Q = (np.asarray(w) for w in block.weights())
        A, B = block.sources[0].array[1], block.targets[0].array[1]
        g, h = scipy.linalg.expm(s * A), scipy.linalg.expm(s * B)
        change = np.concatenate([((h @ W @ np.linalg.inv(g) - W) / s).ravel(), ((g.T @ Q @ g - Q) / s).ravel()])
        assert np.allclose(np.asarray(block.broken())[:, 1], change, atol=1e-4)


def test_discrete_elements_are_measured_and_enforced():
    options = {"key": jax.random.key(0), "dtype": np.float64}
    with double_precision():
        free = EPNN(sd.SignPattern((-1,)), 2 * sd.Vector, sd.Vector, (3 * sd.Vector,), **options)
        odd = EPNN(sd.SignPattern((-1,)), 2 * sd.Vector, sd.Vector, (3 * sd.Vector,), elements=True, **options)
        x = np.array([0.3, -0.8])
        assert np.allclose(odd(-x), -np.asarray(odd(x)), atol=1e-14)
        assert np.abs(odd.broken_elements()).max() < 1e-14
        assert np.abs(free.broken_elements()).max() > 1e-2


@pytest.mark.slow
def test_promotion_keeps_the_direction_that_the_data_do_not_break(tmp_path):
    """x' = v, v' = -x - e_z: rotations about the vertical remain."""
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 60, 3))
    data = {"time": np.arange(60.0), "x": x, "v": v, "dx": v, "dv": -x - np.array([0, 0, 1.0])}
    law = sd.NeuralLaw.of(SPACE, TURN, (HIDDEN,), kind="promotable", key=jax.random.key(0))
    done = sd.train(
        law, data, steps=500, every=500, batch=None, learning_rate=2e-2, penalty=sd.LayerPenalty(2e-2),
        rates={"x": "dx", "v": "dv"}, rate_of=("x", "v"),
    )  # fmt: skip
    _, sizes, directions = np.linalg.svd(np.asarray(done.law.network.broken()), full_matrices=False)
    assert sizes[2] < 0.2 * sizes[1]
    assert abs(directions[2, 2]) > 0.98
    done.law.save(tmp_path / "law.zip")
    again = sd.load_law(tmp_path / "law.zip")
    assert np.array_equal(again.network.broken(), done.law.network.broken())


def test_norms_of_what_is_broken():
    law = sd.NeuralLaw.of(SPACE, TURN, (HIDDEN,), kind="promotable", key=jax.random.key(0))
    sizes = np.linalg.svd(np.asarray(law.network.broken(), float), compute_uv=False)
    wanted = {"nuclear": sizes.sum(), "squares": (sizes**2).sum(), "logdet": np.log(sizes).sum()}
    for norm, value in wanted.items():
        assert float(sd.LayerPenalty(norm=norm).on(law, None)(law, None, None)) == pytest.approx(value, rel=1e-3)


def test_defects_by_layer():
    states = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    exact = sd.NeuralLaw.of(SPACE, TURN, (3, 3), key=jax.random.key(0))
    upright = sd.NeuralLaw.of(SPACE, TURN, (HIDDEN,), kind="promotable", kept=(0, 0, 1), key=jax.random.key(0))
    found = sd.layer_defects(exact, states)
    assert found.shape == (3, 3)
    assert found.max() < 1e-5
    found = sd.layer_defects(upright, states)
    assert found[:, 2].max() < 1e-5 < 1e-2 < found[:, :2].min()


def test_what_cannot_be_is_refused():
    with pytest.raises(sd.InputError, match="3 generators"):
        made(kept=((1.0, 0.0),))
    with pytest.raises(sd.InputError, match="promotable"):
        sd.LayerPenalty().on(sd.NeuralLaw.of(SPACE, None, (3,), key=jax.random.key(0)), jnp.zeros((1, 6)))
    with pytest.raises(sd.InputError, match="representations as widths"):
        sd.NeuralLaw.of(SPACE, TURN, (3,), kind="promotable", key=jax.random.key(0))
    with pytest.raises(sd.InputError, match="layers"):
        sd.layer_defects(sd.NeuralLaw.of(SPACE, None, (3,), key=jax.random.key(0)), np.zeros((1, 6)))
