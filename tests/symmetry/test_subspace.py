import jax.numpy as jnp
import numpy as np
import pytest

from symdyn import _errors
from symdyn._types import Frozen
from symdyn.symmetry import Subspace


def example() -> Subspace:
    basis = np.zeros((2, 3, 2))
    basis[0, 0, 0], basis[1, 1] = 1.0, [2.0, -1.0]
    offset = np.zeros((3, 2))
    offset[2, 1] = 5.0
    return Subspace((3, 2), Frozen(offset), Frozen(basis))


def test_expand_is_affine_and_takes_batches():
    space, rng = example(), np.random.default_rng(0)
    w = rng.normal(size=(4, 5, 2))
    expected = space.offset.array + np.einsum("abr,rpd->abpd", w, space.basis.array)
    np.testing.assert_allclose(space.expand(w), expected)
    found = space.expand(jnp.asarray(w, jnp.float32))
    assert found.dtype == jnp.float32
    assert found.shape == (4, 5, 3, 2)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-6)
    assert space.expand(np.array([1, 2])).tolist() == [[1, 0], [4, -2], [0, 5]]


def test_expand_refuses_a_wrong_number_of_weights():
    with pytest.raises(_errors.InputError, match="2 free weights"):
        example().expand(np.zeros(3))


def test_full_has_every_coefficient():
    full = Subspace.full((2, 3))
    w = np.arange(6.0)
    assert full.dimension == 6
    assert full.expand(w).ravel().tolist() == w.tolist()
    assert Subspace.full((4,)).basis.shape == (4, 4)
    assert str(full) == "6 of 6 coefficients free"


def test_shapes_must_fit():
    with pytest.raises(_errors.InputError, match=r"shape \(2,\)"):
        Subspace((2,), Frozen(np.zeros(2)), Frozen(np.zeros((1, 3))))


def test_text():
    assert example().describe(("1", "x", "y"), ("a", "b")).splitlines() == [
        "2 of 6 coefficients free, an offset fixed by the symmetry",
        "  fixed: b: 5 y",
        "  w1: a: 1",
        "  w2: a: 2 x; b: -x",
    ]


def test_it_hashes_by_value():
    assert example() == example()
    assert hash(example()) == hash(example())
