import numpy as np
import pytest

from symdyn import _errors
from symdyn._types import Frozen
from symdyn.groups import SE, SO, E, Group, LieAlgebra, O, Polynomial, Scalar, Scaling, T, Vector

LEVI_CIVITA = np.zeros((3, 3, 3))
for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    LEVI_CIVITA[i, j, k], LEVI_CIVITA[j, i, k] = 1.0, -1.0


def test_rotations_of_space_are_minus_levi_civita():
    np.testing.assert_array_equal(SO(3).algebra.matrices.array, -LEVI_CIVITA)


def test_rotation_of_the_plane():
    assert SO(2).algebra.matrices[0].tolist() == [[0, -1], [1, 0]]


def test_structure_constants_change_sign_with_the_convention():
    algebra = SO(3).algebra
    np.testing.assert_allclose(algebra.structure_constants(), LEVI_CIVITA, atol=1e-14)
    np.testing.assert_allclose(algebra.structure_constants(convention="field"), -LEVI_CIVITA, atol=1e-14)
    np.testing.assert_allclose(algebra.bracket([1, 0, 0], [0, 1, 0]), [0, 0, 1], atol=1e-14)
    with pytest.raises(_errors.InputError, match="convention"):
        algebra.structure_constants(convention="other")


@pytest.mark.parametrize(
    ("group", "dimension"),
    [(SO(4), 6), (SO(5), 10), (SE(2), 3), (SE(3), 6), (E(3), 6), (T(4), 4), (Scaling(), 1), (O(1), 0), (SE(1), 1)],
    ids=str,
)
def test_dimensions(group, dimension):
    assert group.algebra.dimension == dimension


def test_a_translation_and_a_rotation_do_not_commute():
    algebra = SE(2).algebra
    found = algebra.bracket([1, 0, 0], [0, 1, 0])
    assert algebra.labels == ("rotation", "translation_x", "translation_y")
    np.testing.assert_allclose(found, [0, 0, 1], atol=1e-14)


@pytest.mark.parametrize("make", [SO, O, SE, E, T])
@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True, None])
def test_a_wrong_size_is_refused(make, n):
    with pytest.raises(_errors.InputError, match=f"{make.__name__}\\(n\\) needs an integer"):
        make(n)


def test_rotations_need_a_plane():
    with pytest.raises(_errors.InputError, match="n >= 2"):
        SO(1)


def test_a_span_that_is_not_closed_is_refused():
    with pytest.raises(_errors.InputError, match="bracket of 'a' and 'b' leaves the span"):
        LieAlgebra("open", Frozen(SO(3).algebra.matrices[:2]), labels=("a", "b"))


def test_dependent_generators_are_refused():
    with pytest.raises(_errors.InputError, match=r"linearly dependent \(rank 1\)"):
        LieAlgebra("twice", Frozen(np.stack([np.eye(2), 2 * np.eye(2)])))


@pytest.mark.parametrize(
    ("generators", "labels", "text"),
    [
        (np.eye(2), (), r"shape \(g, n, n\), got \(2, 2\)"),
        (Polynomial.constant(3, np.ones((1, 2))), (), r"shape \(g, 3\) in 3 variables, got \(1, 2\)"),
        (np.eye(2)[None], ("a", "b"), "as many different labels"),
        (np.full((1, 2, 2), np.nan), (), "not finite"),
    ],
)
def test_wrong_generators_are_refused(generators, labels, text):
    with pytest.raises(_errors.InputError, match=text):
        LieAlgebra("wrong", generators, labels)


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        (np.zeros((1, 3, 3)), "has no inverse"),
        (np.diag([1.0, 2.0, 1.0])[None], "moved by the element 'O_element_0', leaves the span"),
        (np.eye(2)[None], r"shape \(k, 3, 3\)"),
    ],
)
def test_wrong_elements_are_refused(elements, text):
    with pytest.raises(_errors.InputError, match=text):
        Group("O", SO(3).algebra, elements)


def test_groups_hash_compare_and_print():
    assert SO(3) == SO(3)
    assert hash(E(2)) == hash(E(2))
    assert SO(3) != O(3)
    assert str(E(2)) == ("E(2): 3 generators (rotation, translation_x, translation_y) and 1 element (reflection_x)")


def test_acting_on_refuses_what_is_no_representation():
    with pytest.raises(_errors.InputError, match="position needs a representation"):
        SO(3).acting_on(position=3)
    with pytest.raises(_errors.InputError, match="time needs a representation"):
        Scaling().acting_on(position=Vector, time=2)
    with pytest.raises(_errors.InputError, match="needs a variable"):
        SO(3).acting_on()
    assert repr(SO(3).acting_on(position=Vector, mass=Scalar)) == "SO(3) on position=Vector, mass=Scalar"
