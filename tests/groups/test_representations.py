"""Representations one by one: their texts, sizes, order of components, and the errors that say what would fit."""

from dataclasses import fields, is_dataclass
from itertools import combinations, combinations_with_replacement
from math import comb

import numpy as np
import pytest

from symdyn._errors import InputError
from symdyn.groups import representations
from symdyn.groups.algebra import LieAlgebra
from symdyn.groups.catalogue import SE, SO, O, Scaling, T
from symdyn.groups.group import Group
from symdyn.groups.polynomial import Polynomial
from symdyn.groups.representations import (
    AbstractRepresentation,
    Adjoint,
    Alt,
    Axial,
    Block,
    Complex,
    Covector,
    Density,
    DirectSum,
    Dual,
    LinearSum,
    PhaseSpace,
    Place,
    Point,
    Pseudoscalar,
    Scalar,
    Spatial,
    Spin,
    Spinor,
    Sym,
    Tensor,
    TimeOdd,
    Vector,
    Velocity,
    Wavefunction,
    Weight,
)

SIZES = [  # representation, n, size
    *((Scalar, 5, 1), (Pseudoscalar, 2, 1), (Weight(2), 4, 1), (Density(1), 3, 1), (Vector, 4, 4), (Covector, 3, 3)),
    *((Axial, 3, 3), (Point, 2, 2), (PhaseSpace, 3, 6), (TimeOdd(Vector), 4, 4)),
    *((Tensor(p, q), n, n ** (p + q)) for p, q, n in ((0, 0, 3), (2, 0, 3), (1, 2, 2), (0, 4, 4))),
    *((Tensor(k, 0, "symmetric"), n, comb(n + k - 1, k)) for k in (2, 3, 4) for n in (1, 2, 3, 4)),
    *((Tensor(0, k, "antisymmetric"), n, comb(n, k)) for k in (2, 3) for n in (3, 4)),
    *((Tensor(k, 0, "traceless"), 3, 2 * k + 1) for k in (2, 3, 4, 5)),
    *((Tensor(k, 0, "traceless"), 2, 2) for k in (2, 3, 4)),
    *((Tensor(0, k, "traceless", "lorentz"), 4, (k + 1) ** 2) for k in (2, 3, 4)),
    *((Sym(Complex(1), 2), 2, 3), (Alt(Vector, 2), 4, 6), (Alt(Vector * Complex(1), 2), 2, 6)),
    *((Spin(k), 3, 2 * k + 1) for k in range(4)),
    *((Spin(k), 2, 2) for k in range(4)),
    *((Complex(1), 2, 2), (Spinor("pauli"), 3, 4), (Spinor("weyl_left"), 4, 4), (Spinor("dirac"), 4, 8)),
    *((Block(Vector, 1, 3), 5, 2), (Spatial(Vector), 4, 3), (Spatial(Axial), 4, 3), (Place, 4, 3), (Velocity, 3, 2)),
    *((Wavefunction(1), 4, 2), (Wavefunction(1, diffusive=True), 2, 1), (Adjoint(SO(4)), 4, 6)),
    *((Vector + 2 * Scalar, 3, 5), (Vector * Vector, 3, 9), (Vector**3, 2, 8), (Point + Scalar, 3, 4)),
    (Axial.dual, 3, 3),
]


@pytest.mark.parametrize(("rep", "n", "size"), SIZES, ids=lambda x: f"{x}")
def test_dimensions(rep, n, size):
    assert rep.size(n) == size
    zero = Polynomial.constant(n, np.zeros(n))
    assert rep.motion(zero).shape == (size,)
    assert rep.motion(zero).n == n + size
    np.testing.assert_allclose(rep.element(np.eye(n)), np.eye(size), atol=1e-14)


@pytest.mark.parametrize("rep", [rep for rep, _, _ in SIZES], ids=str)
def test_a_representation_is_its_fields(rep):
    """Files write the fields and construct the class again."""

    def plain(value):
        if isinstance(value, tuple):
            return all(map(plain, value))
        return value is None or isinstance(value, str | bool | int | float | AbstractRepresentation | Group)

    values = {f.name: getattr(rep, f.name) for f in fields(rep)}
    assert all(map(plain, values.values()))
    again = type(rep)(**values)
    assert again == rep
    assert hash(again) == hash(rep)
    assert is_dataclass(rep)
    assert type(rep).__module__.startswith(representations.__name__)


TEXTS = [
    "2*Vector + Scalar + Weight(0.5)",
    "Vector*Complex(1)",
    "Sym(Vector, 2)",
    "Alt(Covector, 3)",
    "Tensor(1, 1)",
    'Tensor(2, 0, "symmetric")',
    'Tensor(0, 2, "traceless", metric="lorentz", c=2)',
    "(Vector + Scalar)*Complex(-0.5)",
    "Vector**2*Weight(-1)",
    "2*(Vector*Density(1))",
    "TimeOdd(Spatial(Axial))",
    "Block(Vector, 1, 3)",
    'Spinor("dirac")',
    'Spinor("weyl_left", c=3)',
    "Wavefunction(1, weight=-1.5)",
    "Wavefunction(0.5, diffusive=True)",
    "Spin(2)*Pseudoscalar",
    "Dual(Axial)",
    "Place + Velocity",
    "PhaseSpace",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_python_that_makes_the_same(text):
    rep = eval(text, vars(representations).copy())
    assert repr(rep) == text
    assert str(rep) == text


def test_arithmetic():
    rep = 2 * Vector + Scalar + Weight(0.5)
    assert hash(rep) == hash(Vector * 2 + (Scalar + Weight(1 / 2)))
    assert rep == Vector + Vector + Scalar + Weight(0.5)
    assert 1 * Vector is Vector
    assert Vector**1 is Vector
    assert (Vector * Spin(2)) * Scalar == Vector * (Spin(2) * Scalar)
    assert Vector * Vector**2 == Vector**3
    assert isinstance(Vector + Scalar, LinearSum)
    assert isinstance(Vector + Point, DirectSum)
    assert isinstance(2 * Point, DirectSum)
    assert (Weight(1) * Pseudoscalar).any_size
    assert not (Weight(1) * Vector).any_size
    assert TimeOdd(Scalar).any_size
    assert [rep.is_place for rep in (Point, Place, Vector, Velocity, Point + Vector)] == [True, True] + 3 * [False]


def test_numbers_of_numpy_become_those_of_python():
    """So that they go into files."""
    two = np.int64(2)
    for rep in (Tensor(two, two), Spin(two), Sym(Vector, two), Block(Vector, two, np.int64(3)), Weight(np.float32(2))):
        assert {type(getattr(rep, f.name)) for f in fields(rep)} & {np.int64, np.float32} == set()


def test_duals():
    assert Vector.dual is Covector
    assert Covector.dual is Vector
    assert Tensor(2).dual == Tensor(0, 2)
    assert Tensor(2, 1).dual == Dual(Tensor(2, 1))
    assert (Vector * Density(1) + Axial).dual == Covector * Density(-1) + Dual(Axial)
    assert Sym(Vector, 2).dual == Sym(Covector, 2)
    for rep, n, _ in SIZES:
        if hasattr(rep, "dual"):
            assert rep.dual.dual == rep
            assert rep.dual.size(n) == rep.size(n)


def test_wrong_arithmetic_is_refused():
    with pytest.raises(InputError, match="at least one copy"):
        _ = 0 * Vector
    with pytest.raises(TypeError):
        _ = Vector + 1
    with pytest.raises(TypeError):
        _ = 1.5 * Vector
    with pytest.raises(InputError, match=r"move linearly.*got Point"):
        _ = Vector * Point
    with pytest.raises(InputError, match=r"move linearly.*got Velocity"):
        _ = Velocity**2
    with pytest.raises(InputError, match="tensor power needs an integer >= 1, got 0"):
        _ = Vector**0
    with pytest.raises(InputError, match="move linearly"):
        LinearSum((Vector, Point))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        *((lambda value=value: Weight(value), "finite number") for value in (np.nan, "two", None)),
        (lambda: Density("x"), "finite number"),
        (lambda: Complex(np.inf), "finite number"),
        (lambda: Tensor(-1), "p needs an integer >= 0, got -1"),
        (lambda: Tensor(1, 1.5), "q needs an integer >= 0, got 1.5"),
        (lambda: Tensor(2, 0, "skew"), "got 'skew'"),
        (lambda: Tensor(1, 1, "symmetric"), "all upper or all lower"),
        (lambda: Tensor(1, 0, "symmetric"), "two or more indices"),
        (lambda: Tensor(2, 0, "symmetric", "lorentz"), "need none"),
        (lambda: Tensor(2, 0, "traceless", "minkowski"), "got 'minkowski'"),
        (lambda: Tensor(2, 0, "traceless", "lorentz", -1), "c must be positive"),
        (lambda: Spin(1.5), "for spin 1/2 there is Spinor"),
        (lambda: Spin(-1), "integer >= 0, got -1"),
        (lambda: Spinor("majorana"), "got 'majorana'"),
        (lambda: Spinor("dirac", c=0), "c must be positive"),
        (lambda: Sym(Vector, 0), "integer >= 1"),
        (lambda: Alt(Point, 2), "move linearly"),
        (lambda: Alt(Vector, 4).size(3), "has 3 components, so the power is at most 3"),
        (lambda: Tensor(4, 0, "antisymmetric").size(3), "at most 3 indices"),
        (lambda: Tensor(2, 0, "traceless").size(1), "n >= 2"),
        (lambda: Axial.size(2), "in the plane use Pseudoscalar"),
        (lambda: Axial.linear(np.eye(4)), r"use Spatial\(Axial\)"),
        (lambda: Axial.element(np.eye(5)), "Tensor"),
        (lambda: Spin(1).size(4), r"Spatial\(Spin\(1\)\)"),
        (lambda: Complex(1).linear(np.eye(3)), r"Block\(Complex\(1\)"),
        (lambda: Spinor("dirac").size(5), "needs spacetime"),
        (lambda: Spinor("pauli").size(4), "needs R\\^3"),
        (lambda: Block(Vector, 2, 2), "integer >= 3"),
        (lambda: Block(Vector, 2, 4).size(3), "R\\^4 or more"),
        (lambda: Block(Point, 0, 1), "move linearly"),
        (lambda: Spatial(Place), "move linearly"),
        (lambda: Spatial(Vector).size(1), "group of spacetime"),
        (lambda: TimeOdd("x"), "move linearly"),
        (lambda: Place.size(1), "group of spacetime"),
        (lambda: Place.element(np.eye(1)), "group of spacetime"),
        (lambda: Wavefunction("heavy"), "finite number"),
        (lambda: Wavefunction(1, hbar=0), "positive"),
        (lambda: Wavefunction(1, diffusive=2), "True or False"),
        (lambda: Adjoint("SO(3)"), "needs a group"),
        (
            lambda: Adjoint(Group("nothing", LieAlgebra("nothing", Polynomial.constant(2, np.zeros((0, 2)))))),
            "has none",
        ),
        (lambda: Adjoint(SO(3)).size(2), "Block"),
        (lambda: Adjoint(SE(2)).linear(np.eye(2)), "translations"),
        (lambda: Adjoint(SO(2)).linear(np.eye(2)), "leaves the span"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(make, message):
    with pytest.raises(InputError, match=message):
        make()


BOOST = np.array([[0.0, 1.0, 0, 0], [1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
SHEAR = np.array([[0.0, 1.0, 0], [0, 0, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("rep", "A", "message"),
    [
        (Spin(2), SHEAR, "rotations, reflections and dilations"),
        (Spin(2), SHEAR[:2, :2], "does more"),
        (Complex(1), SHEAR[:2, :2], "does more"),
        (Spinor("pauli"), SHEAR, "does more"),
        (Tensor(2, 0, "traceless"), SHEAR, "does more"),
        (Spinor("dirac"), np.tril(BOOST), "has another c"),
        (Spinor("dirac", c=2), BOOST, "with c = 2"),
        (Tensor(2, 0, "traceless"), BOOST, "does more"),
        (Spatial(Vector), BOOST, "boosts mix time and space"),
        (Block(Vector, 0, 1), BOOST, "both ways"),
    ],
)
def test_maps_that_do_not_act_are_refused(rep, A, message):
    with pytest.raises(InputError, match=message):
        rep.linear(A)
    with pytest.raises(InputError, match=message):
        rep.element(np.eye(len(A)) + 0.25 * A)


@pytest.mark.parametrize("rep", [Place, Velocity, Wavefunction(1)], ids=str)
def test_relativity_has_no_absolute_time(rep):
    with pytest.raises(InputError, match="same everywhere"):
        rep.motion(Polynomial.affine(BOOST, np.zeros(4)))
    with pytest.raises(InputError, match="mixes time and space"):
        rep.element(np.eye(4) + np.tril(BOOST))


def test_what_has_no_reversal_or_parity_says_so():
    reversal, parity = np.diag([-1.0, 1, 1, 1]), np.diag([1.0, -1, -1, -1])
    with pytest.raises(InputError, match="no reversal of time"):
        Wavefunction(1, diffusive=True).element(reversal)
    with pytest.raises(InputError, match="no parity"):
        Spinor("weyl_left").element(parity)
    with pytest.raises(InputError, match="no parity"):
        Spinor("weyl_right").element(-np.eye(4))
    with pytest.raises(InputError, match="keeps or reverses the future"):
        TimeOdd(Vector).element(np.eye(3) - np.ones((3, 3)))
    turning = Polynomial.of([[1, 1, 0], [1, 0, 1]], [[0, 0, 1.0], [0, -1.0, 0]])  # t (x d_y - y d_x)
    with pytest.raises(InputError, match="gradient"):
        Wavefunction(1).motion(turning)


def test_components_are_entries_in_the_order_that_is_stated():
    n, k, rng = 3, 3, np.random.default_rng(0)
    g, full = rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))
    swaps = [(0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2), (0, 2, 1), (2, 1, 0)]
    for signs, choose, name in (
        ((1,) * 6, combinations_with_replacement, "symmetric"),
        ((1, 1, 1, -1, -1, -1), combinations, "antisymmetric"),
    ):
        array = sum(s * full.transpose(p) for s, p in zip(signs, swaps, strict=True))
        moved = np.einsum("ai,bj,ck,ijk->abc", g, g, g, array)
        places = tuple(np.array(list(choose(range(n), k))).T)
        np.testing.assert_allclose(Tensor(k, 0, name).element(g) @ array[places], moved[places], atol=1e-12)
        power = Sym(Vector, k) if name == "symmetric" else Alt(Vector, k)
        np.testing.assert_array_equal(Tensor(k, 0, name).element(g), power.element(g))


def test_a_general_tensor_is_an_array_in_c_order():
    rng = np.random.default_rng(1)
    g, h, array = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))
    down = np.linalg.inv(g)
    moved = np.einsum("ai,bj,kc,ijk->abc", g, g, down, array)
    np.testing.assert_allclose(Tensor(2, 1).element(g) @ array.ravel(), moved.ravel(), atol=1e-10)
    moved = np.einsum("ai,ijk->ajk", h, array) + np.einsum("bj,ijk->ibk", h, array) - np.einsum("kc,ijk->ijc", h, array)
    np.testing.assert_allclose(Tensor(2, 1).linear(h) @ array.ravel(), moved.ravel(), atol=1e-10)
    np.testing.assert_array_equal(Tensor(2, 1).element(g), (Vector**2 * Covector).element(g))


def test_only_places_are_translated():
    shift = T(3).algebra.generators[0]
    moved = (Vector + Point).motion(shift)(np.arange(9.0))
    assert moved.tolist() == [0, 0, 0, 1, 0, 0]


def test_a_weight_acts_under_scalings_and_not_under_rotations():
    assert Weight(3).linear(Scaling().algebra.matrices[0]).tolist() == [[3.0]]
    assert Weight(3).linear(SO(3).algebra.matrices[0]).tolist() == [[0.0]]


def test_signs_and_permutations_stay_exact():
    """Finite elements of simple groups have whole numbers, so that the exact calculus sees them."""
    reflection, quarter = O(3).elements[0], np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for rep in (Spin(1), Axial, Tensor(2, 0, "traceless"), Covector, Vector * Pseudoscalar):
        for g in (reflection, quarter, -np.eye(3)):
            matrix = rep.element(g)
            assert np.array_equal(matrix, np.round(matrix)), rep
    halves = 2 * Spinor("pauli").linear(SO(3).algebra.matrices[0])
    assert np.array_equal(halves, np.round(halves))
