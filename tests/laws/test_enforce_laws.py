"""`enforce` gives exactly the equivariant members of a library, by both of its ways."""

import jax.numpy as jnp
import numpy as np
import pytest

from symdyn._types import StateSpace, Variable, double_precision
from symdyn.groups import SE, SO, Action, E, Group, LieAlgebra, O, Point, Scalar, Scaling, T, Vector, Weight
from symdyn.library import Covariant, Function, Monomials, PairForces
from symdyn.symmetry import enforce
from symdyn.symmetry._sampled import sampled_coefficients
from symdyn.testing import assert_equivariant

PLANE, PHASE, SPACE = StateSpace.of(q=2), StateSpace.of(q=2, v=2), StateSpace.of(q=3)
BODIES = StateSpace((Variable("q", ("body", "component"), (("a", "b"), ("x", "y", "z"))),))
TURN = np.array([[3.0, -4.0], [4.0, 3.0]]) / 5  # rational, no permutation
QUARTER = Group("C4", LieAlgebra("none", np.zeros((0, 2, 2))), np.array([[[0.0, -1.0], [1.0, 0.0]]]), ("quarter",))
MIRROR = Group("D1", LieAlgebra("none", np.zeros((0, 2, 2))), (TURN @ np.diag([1.0, -1.0]))[None], ("mirror",))
THIRD = Group(
    "C3", LieAlgebra("none", np.zeros((0, 2, 2))), np.array([[[-1, -np.sqrt(3)], [np.sqrt(3), -1]]]) / 2, ("third",)
)
BOOST = Action.affine(shifts={"v": np.eye(2)}, rate_shifts={"q": np.eye(2)}, labels=("boost_x", "boost_y"))

POLYNOMIAL = {
    "SO(2)": (SO(2).acting_on(q=Vector), Monomials(3), PLANE, ("q",)),
    "O(2)": (O(2).acting_on(q=Vector), Monomials(3), PLANE, ("q",)),
    "SO(3)": (SO(3).acting_on(q=Vector), Monomials(3), SPACE, ("q",)),
    "O(3)": (O(3).acting_on(q=Vector), Monomials(3), SPACE, ("q",)),
    "SO(2) phase": (SO(2).acting_on(q=Vector, v=Vector), Monomials(3), PHASE, ("v",)),
    "SE(2) phase": (SE(2).acting_on(q=Point, v=Vector), Monomials(3), PHASE, ("q", "v")),
    "E(2) phase": (E(2).acting_on(q=Point, v=Vector), Monomials(3), PHASE, ("v",)),
    "T(3) bodies": (T(3).acting_on(q=Point), Monomials(2), BODIES, ("q",)),
    "SE(3) bodies": (SE(3).acting_on(q=Point), Monomials(2), BODIES, ("q",)),
    "scaling": (Scaling().acting_on(q=Weight(1 / 3), v=Weight(2 / 3), time=Weight(-1)), Monomials(4), PHASE, ("v",)),
    "O(2) scalar": (O(2).acting_on(q=Vector, v=Scalar), Monomials(3), PHASE, ("v",)),
    "Galilei": (BOOST + SE(2).acting_on(q=Point, v=Vector), Monomials(2), PHASE, ("q", "v")),
    "C4": (QUARTER.acting_on(q=Vector), Monomials(3), PLANE, ("q",)),
    "D1": (MIRROR.acting_on(q=Vector), Monomials(3), PLANE, ("q",)),
}
OTHER = {
    "C3": (THIRD.acting_on(q=Vector), Monomials(3), PLANE, ("q",)),
    "radial": (
        O(3).acting_on(q=Vector, v=Vector),
        Covariant(["q / |q|^3", "|v|^2 q / |q|", "(q . v) v", "(q x v)"]),
        StateSpace.of(q=3, v=3),
        ("v",),
    ),
    "pairs": (SE(3).acting_on(q=Point), PairForces("q"), BODIES, ("q",)),
    "waves": (
        T(1).acting_on(x=Point, y=Point),
        Monomials(1) + Function(lambda s: jnp.stack([jnp.sin(s["x"] - s["y"]), jnp.sin(s["x"])]), ("a", "b")),
        StateSpace.of(x=1, y=1),
        ("x",),
    ),
    "field": (
        Action.from_fields({"twist": lambda s: {"q": jnp.stack([-s["q"][1], s["q"][0]]) * jnp.sum(s["q"] ** 2)}}),
        Monomials(3),
        PLANE,
        ("q",),
    ),
}
ALL = POLYNOMIAL | OTHER


def law_of(terms, coefficients):
    """F(x) = sum_i Xi_i theta_i(x)."""
    return lambda x: jnp.tensordot(coefficients, terms(x), axes=[[0], [0]])


@pytest.fixture(scope="module")
def admitted():
    return {name: enforce(lib, act, space=space, targets=to) for name, (act, lib, space, to) in ALL.items()}


@pytest.mark.parametrize("name", ALL)
def test_random_members_are_equivariant(name, admitted):
    action, library, space, targets = ALL[name]
    weights = np.random.default_rng(5).normal(size=admitted[name].dimension)
    assert_equivariant(law_of(library.on(space), admitted[name].expand(weights)), action, space, targets, rtol=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_random_others_are_not(name, admitted):
    action, library, space, targets = ALL[name]
    found = admitted[name]
    if found.dimension == np.prod(found.shape):
        return
    other = np.random.default_rng(6).normal(size=found.shape)
    with pytest.raises(AssertionError, match="not equivariant"):
        assert_equivariant(law_of(library.on(space), other), action, space, targets)


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_both_ways_give_the_same_echelon_basis(name, admitted):
    action, library, space, targets = POLYNOMIAL[name]
    exact = admitted[name]
    offset, basis, gap = sampled_coefficients(library.on(space), action.on(space).rates(targets), 1e-9)
    first = np.array([B.ravel()[np.flatnonzero(B)[0]] for B in exact.basis]).reshape(-1, 1, 1)
    assert exact.exact
    assert exact.gap == np.inf
    assert gap > 1e6
    np.testing.assert_allclose(basis, exact.basis.array / first, atol=1e-9)
    np.testing.assert_allclose(offset, exact.offset.array, atol=1e-9)


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_an_exact_basis_is_integer_without_common_divisor_and_reduced(name, admitted):
    found = admitted[name]
    basis = found.basis.array.reshape(found.dimension, np.prod(found.shape))
    np.testing.assert_array_equal(basis, np.round(basis))
    assert all(np.gcd.reduce(row[row != 0].astype(int)) == 1 for row in basis)
    leads = [np.flatnonzero(row)[0] for row in basis]
    assert leads == sorted(set(leads))
    assert all(np.count_nonzero(basis[:, j]) == 1 and not found.offset.array.ravel()[j] for j in leads)


def test_the_order_of_the_generators_does_not_matter(admitted):
    action, library, space, targets = ALL["Galilei"]
    turned = enforce(library, Action(action.parts[::-1]), space=space, targets=targets)
    assert turned == admitted["Galilei"]


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_a_larger_group_admits_less(degree):
    small, large = (
        enforce(Monomials(degree), group.acting_on(q=Vector, v=Vector), space=PHASE, targets="v")
        for group in (SO(2), O(2))
    )
    rank = np.linalg.matrix_rank
    a, b = (s.basis.array.reshape(s.dimension, -1) for s in (small, large))
    assert rank(np.concatenate([a, b])) == len(a) >= len(b)


def test_nothing_depends_on_the_callers_precision():
    action, library, space, targets = ALL["radial"]
    with double_precision():
        inside = enforce(library, action, space=space, targets=targets)
    np.testing.assert_array_equal(
        inside.basis.array, enforce(library, action, space=space, targets=targets).basis.array
    )
