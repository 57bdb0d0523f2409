import numpy as np
import pytest
import scipy.linalg

from symdyn import _errors
from symdyn.groups import SO, Point, Scalar, Scaling, Vector, Weight

CATALOGUE = [Scalar, Vector, Point, Weight(2), Scalar + Vector, 2 * Vector + Weight(-1), 3 * (Point + Scalar)]


@pytest.mark.parametrize("rep", CATALOGUE, ids=str)
def test_the_bracket_is_represented_by_the_bracket(rep):
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(2, 3, 3))
    left = rep.linear(A @ B - B @ A)
    np.testing.assert_allclose(left, rep.linear(A) @ rep.linear(B) - rep.linear(B) @ rep.linear(A), atol=1e-12)


@pytest.mark.parametrize("rep", CATALOGUE, ids=str)
def test_elements_multiply_and_are_flows_of_the_generators(rep):
    rng = np.random.default_rng(2)
    A = rng.normal(size=(3, 3))
    g, h = scipy.linalg.expm(A), rng.normal(size=(3, 3))
    np.testing.assert_allclose(rep.element(g), scipy.linalg.expm(rep.linear(A)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(rep.element(g @ h), rep.element(g) @ rep.element(h), rtol=1e-9, atol=1e-9)
    assert rep.linear(A).shape == (rep.size(3),) * 2
    assert rep.shift(A[0]).shape == (rep.size(3),)


def test_arithmetic_has_readable_text_and_hashes():
    rep = 2 * Vector + Scalar + Weight(0.5)
    assert repr(rep) == "2*Vector + Scalar + Weight(0.5)"
    assert hash(rep) == hash(Vector * 2 + (Scalar + Weight(1 / 2)))
    assert rep == Vector + Vector + Scalar + Weight(0.5)
    assert 1 * Vector is Vector


def test_only_a_point_is_translated():
    a = np.array([1.0, 2.0, 3.0])
    assert (Vector + Point).shift(a).tolist() == [0, 0, 0, 1, 2, 3]


def test_a_weight_acts_under_scalings_and_not_under_rotations():
    assert Weight(3).linear(Scaling().algebra.matrices[0]).tolist() == [[3.0]]
    assert Weight(3).linear(SO(3).algebra.matrices[0]).tolist() == [[0.0]]


def test_wrong_arithmetic_is_refused():
    with pytest.raises(_errors.InputError, match="at least one copy"):
        _ = 0 * Vector
    with pytest.raises(TypeError):
        _ = Vector + 1
    with pytest.raises(TypeError):
        _ = 1.5 * Vector
    for value in (np.nan, "two", None):
        with pytest.raises(_errors.InputError, match="finite number"):
            Weight(value)
