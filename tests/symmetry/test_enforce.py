import jax.numpy as jnp
import numpy as np
import pytest

from symdyn import _errors
from symdyn._types import StateSpace
from symdyn.groups import SO, Action, O, Point, Scalar, Scaling, T, Vector, Weight
from symdyn.library import Covariant, Function, Monomials, Radial
from symdyn.symmetry import enforce
from symdyn.symmetry._exact import exact_coefficients, null_space, rational

PLANE, SPACE, PHASE = StateSpace.of(q=2), StateSpace.of(q=3), StateSpace.of(position=3, velocity=3)
TURN = SO(3).acting_on(position=Vector, velocity=Vector)


@pytest.mark.parametrize("group", [SO(3), O(3)], ids=lambda g: g.name)
def test_isotropic_cubic_fields_of_space(group):
    found = enforce(Monomials(3), group.acting_on(q=Vector), space=SPACE, targets="q")
    terms = Monomials(3).on(SPACE)
    x = np.array([0.3, -1.1, 0.7])
    values = np.einsum("rpd,p->rd", found.basis.array, np.asarray(terms(jnp.asarray(x))))
    np.testing.assert_allclose(values, [x, x * (x @ x)], rtol=1e-5)
    assert str(found) == "2 of 60 coefficients free"


def test_isotropic_fields_of_the_plane_may_swirl():
    turned, mirrored = (
        enforce(Monomials(3), group.acting_on(q=Vector), space=PLANE, targets="q").dimension for group in (SO(2), O(2))
    )
    assert (turned, mirrored) == (4, 2)  # {x, Jx} times {1, |x|^2}; the mirror forbids J


@pytest.mark.parametrize(
    ("targets", "free", "unknowns"), [(("position", "velocity"), 48, 2772), (("velocity",), 24, 1386)]
)
def test_two_vectors_to_degree_five(targets, free, unknowns):
    # a, b, a x b times the monomials in |a|^2, a.b, |b|^2 that fit: 10 + 10 + 4 for each target
    found = enforce(Monomials(5), TURN, space=PHASE, targets=targets)
    assert (found.dimension, np.prod(found.shape)) == (free, unknowns)


def test_a_scaling_selects_monomials_by_their_weight():
    space = StateSpace.of(x=1, y=1)
    action = Scaling().acting_on(x=Weight(1), y=Weight(2), time=Weight(-2))
    terms = Monomials(4).on(space)
    found = enforce(terms, action, targets="y")
    kept = {terms.names[i] for i in np.flatnonzero(found.basis.array.any((0, 2)))}
    by_weight = {name for name, e in zip(terms.names, terms.exponents, strict=True) if e @ [1, 2] == 2 + 2}
    assert kept == by_weight == {"x^4", "x^2 y", "y^2"}


def test_keplers_third_law_keeps_the_inverse_square():
    action = TURN + Scaling().acting_on(position=Weight(2), velocity=Weight(-1), time=Weight(3))
    library = Radial("position", powers=(-3, -2, 0))
    found = enforce(library, action, space=PHASE, targets="velocity")
    assert found.basis.array.tolist() == [[1, 0, 0]]
    assert not found.exact
    assert found.gap > 1e6
    assert "w1: position / |position|^3" in found.describe(library.on(PHASE).names)
    with pytest.raises(_errors.InputError, match="no combination of the library's 1 terms"):
        enforce(Radial("position", powers=(-2,)), action, space=PHASE, targets="velocity")


def test_a_boost_fixes_a_coefficient_exactly():
    space = StateSpace.of(x=1, v=1)
    boost = Action.affine(shifts={"v": 1.0}, rate_shifts={"x": 1.0}, labels="boost")
    action = boost + T(1).acting_on(x=Point, v=Scalar)
    terms = Monomials(2).on(space)
    found = enforce(terms, action, targets=("x", "v"))
    assert found.offset[terms.names.index("v")].tolist() == [1, 0]
    assert np.count_nonzero(found.offset.array) == 1
    assert str(found) == "2 of 12 coefficients free, an offset fixed by the symmetry"
    assert found.describe(terms.names, ("dx", "dv")).splitlines()[1:] == [
        "  fixed: dx: v",
        "  w1: dx: 1",
        "  w2: dv: 1",
    ]


def test_the_sampled_way_finds_the_same_offset():
    space = StateSpace.of(x=1, v=1)
    boost = Action.affine(shifts={"v": 1.0}, rate_shifts={"x": 1.0}, labels="boost")
    library = Function(lambda s: jnp.stack([s["v"], s["x"], s["v"] ** 2]), ("v", "x", "v^2"))
    found = enforce(library, boost, space=space, targets="x")
    assert not found.exact
    assert found.offset.array.tolist() == [[1], [0], [0]]
    assert found.basis.array.tolist() == [[[0], [1], [0]]]


def test_contradicting_affine_conditions():
    space = StateSpace.of(x=1, v=1)
    boost = Action.affine(shifts={"v": 1.0}, rate_shifts={"x": 1.0}, labels="boost")
    no_velocity = Function(lambda s: jnp.stack([jnp.sin(s["x"])]), ("sin(x)",))
    for library in (Monomials(2, variables=("x",)), no_velocity):
        with pytest.raises(_errors.InputError, match="fulfils the affine conditions of boost"):
            enforce(library, boost, space=space, targets="x")


def test_a_nonlinear_field_selects_its_commutant():
    """[xi, V] = 0 for xi = x d_x + y^2 d_y admits V = x d_x and y^2 d_y, with x and y apart."""
    space = StateSpace.of(x=1, y=1)
    action = Action.from_fields({"flow": lambda s: {"x": s["x"], "y": s["y"] ** 2}})
    terms = Monomials(2).on(space)
    found = enforce(terms, action, targets=("x", "y"))
    lines = found.describe(terms.names, ("dx", "dy")).splitlines()[1:]
    assert lines == ["  w1: dx: x", "  w2: dy: y^2"]
    assert not found.exact


def test_an_empty_subspace_says_what_to_do():
    with pytest.raises(_errors.InputError, match=r"library's 1 terms \(1\) is equivariant under rotation_x, .*degree"):
        enforce(Monomials(0), SO(3).acting_on(q=Vector), space=SPACE, targets="q")


def test_positive_functions_are_sampled_where_they_exist():
    space = StateSpace.of(x=1, y=1)
    library = Function(lambda s: jnp.stack([jnp.log(s["x"] / s["y"]), jnp.log(s["x"])]), ("log ratio", "log x"))
    action = Scaling().acting_on(x=Weight(1), y=Weight(1), time=Weight(1))
    found = enforce(library, action, space=space, targets="x")
    assert found.basis.array.tolist() == [[[1], [0]]]


def test_a_term_that_is_never_finite_is_named():
    space = StateSpace.of(x=1, y=1)
    library = Function(lambda s: jnp.stack([s["x"], jnp.log(-jnp.abs(s["y"]))]), ("x", "log(-|y|)"))
    with pytest.raises(_errors.InputError, match=r"no random state gives finite values of 'log\(-\|y\|\)'"):
        enforce(library, Scaling().acting_on(x=Weight(1), y=Weight(1)), space=space, targets="x")
    zero = Function(lambda s: jnp.stack([s["x"], 0 * s["x"]]), ("x", "nothing"))
    with pytest.raises(_errors.InputError, match="'nothing' is zero everywhere"):
        enforce(zero, Scaling().acting_on(x=Weight(1), y=Weight(1)), space=space, targets="x")
    root = Function(lambda s: jnp.stack([jnp.sqrt(s["x"]) * jnp.sqrt(s["y"])]), ("root",))
    with pytest.raises(_errors.InputError, match="'reflection_x' moves every state to one where"):
        enforce(root, O(1).acting_on(x=Vector, y=Scalar), space=space, targets="x")


def test_vector_terms_need_a_target_of_their_size():
    with pytest.raises(_errors.InputError, match="vectors of 3 components, and the law has 6"):
        enforce(Radial("position"), TURN, space=PHASE, targets=("position", "velocity"))


def test_where_the_state_comes_from():
    terms, bound = Monomials(1).on(PHASE), TURN.on(PHASE)
    expected = enforce(Monomials(1), TURN, space=PHASE, targets="velocity")
    assert enforce(terms, TURN, targets="velocity") == expected == enforce(Monomials(1), bound, targets=["velocity"])
    with pytest.raises(_errors.InputError, match="needs the state"):
        enforce(Monomials(1), TURN, targets="velocity")
    with pytest.raises(_errors.InputError, match="differ"):
        enforce(terms, TURN, space=SPACE, targets="velocity")
    with pytest.raises(_errors.InputError, match="unknown variable 'spin'"):
        enforce(terms, TURN, targets="spin")
    with pytest.raises(_errors.InputError, match="different variables as targets"):
        enforce(terms, TURN, targets=())


def test_an_open_dimension_warns():
    """Two terms that break the symmetry by little more and little less than the tolerance."""
    space = StateSpace.of(x=1, y=1, z=1)
    library = Function(
        lambda s: jnp.stack([s["x"] ** 2, s["y"] + 2e-8 * s["y"] ** 3, s["z"] + 1e-10 * s["z"] ** 3]),
        ("x^2", "nearly y", "nearly z"),
    )
    action = Scaling().acting_on(x=Weight(1), y=Weight(1), z=Weight(1))
    with pytest.warns(_errors.SymdynWarning, match="leave the number of free coefficients open"):
        assert enforce(library, action, space=space, targets="x").dimension == 1


def test_floats_are_read_as_the_fractions_they_were_written_as():
    integers, denominator = rational(np.array([4 / 3 - 1, -0.5, 2.0]))
    assert denominator == 6
    assert integers.tolist() == [2, -3, 12]
    assert rational(np.array([np.sqrt(2)])) is None
    assert rational(np.array([1e15])) is None


def test_null_space_of_integer_equations():
    offset, basis = null_space([{0: 2, 1: -3}, {2: 2, -1: -5}], 4)  # 2 a = 3 b, 2 c = 5
    assert basis.tolist() == [[3, 2, 0, 0], [0, 0, 0, 1]]
    assert offset.tolist() == [0, 0, 2.5, 0]


def test_irrational_weights_leave_the_exact_way():
    action = Scaling().acting_on(q=Weight(np.sqrt(2))).on(PLANE)
    exponents = Monomials(2).on(PLANE).exponents
    assert exact_coefficients(exponents, action.rates(("q",))) is None
    assert enforce(Monomials(2), action, targets="q").dimension == 4  # q_i for each component


def test_covariant_terms_under_rotations_are_all_free():
    terms = Covariant(["position / |position|^3", "(position . velocity) velocity", "(position x velocity)"]).on(PHASE)
    turned, mirrored = (
        enforce(terms, group.acting_on(position=Vector, velocity=Vector), targets="velocity") for group in (SO(3), O(3))
    )
    assert (turned.dimension, mirrored.dimension) == (3, 2)  # the mirror forbids the cross product


def test_a_library_of_equivariant_terms_keeps_them_all():
    # every condition is zero up to rounding: rounding must not be mistaken for a constraint
    library = Radial("position", powers=tuple(range(-6, 3)))
    admitted = enforce(library, TURN, space=PHASE, targets="velocity")
    np.testing.assert_array_equal(admitted.basis.array, np.eye(9))
