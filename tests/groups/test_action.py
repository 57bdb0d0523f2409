import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symdyn import _errors
from symdyn._types import StateSpace, Variable
from symdyn.groups import (
    SE,
    SO,
    Action,
    Along,
    Conformal,
    Galilei,
    Lorentz,
    O,
    Permutations,
    Place,
    Poincare,
    Point,
    Scalar,
    Scaling,
    T,
    Tensor,
    TimeOdd,
    TimeReversal,
    U,
    Vector,
    Velocity,
    Weight,
)
from symdyn.library import Monomials
from symdyn.symmetry import enforce

PHASE = StateSpace.of(position=3, velocity=3)
BODIES = StateSpace(
    (Variable("position", ("body", "component"), (("sun", "earth"), ("x", "y", "z"))), Variable("mass"))
)


def test_a_vector_with_bodies_is_a_stack_of_copies():
    bound = SO(3).acting_on(position=Vector, mass=Scalar).on(BODIES)
    J = SO(3).algebra.matrices[0]
    np.testing.assert_array_equal(bound.motions[0].field.linear_part[:6, :6], np.kron(np.eye(2), J))
    assert not any(motion.field.linear_part[6].any() for motion in bound.motions)


def test_translations_move_every_body_and_no_velocity():
    bound = T(3).acting_on(position=Point, mass=Scalar).on(BODIES)
    assert bound.motions[1].field.constant_part.tolist() == [0, 1, 0, 0, 1, 0, 0]
    still = T(3).acting_on(position=Vector, velocity=Vector).on(PHASE)
    assert not any(motion.field.constant_part.any() for motion in still.motions)


def test_a_scalar_may_be_an_array_of_scalars():
    bound = SO(3).acting_on(position=Scalar, velocity=Vector).on(PHASE)
    assert not any(motion.field.linear_part[:3].any() for motion in bound.motions)


def test_a_vector_of_the_wrong_length_is_refused():
    space = StateSpace.of(position=3, velocity=2)
    with pytest.raises(_errors.InputError, match=r"'velocity' is a vector of the wrong length.* 2 components.*needs 3"):
        SO(3).acting_on(position=Vector, velocity=Vector).on(space)
    with pytest.raises(_errors.InputError, match="'mass' is a vector of the wrong length: its last axis has 1 comp"):
        SO(3).acting_on(mass=Vector, position=Scalar).on(StateSpace.of(mass=1, position=3))


def test_missing_and_unknown_variables_are_named():
    with pytest.raises(_errors.InputError, match=r"the state also has velocity; .* acting_on\(\.\.\., velocity=Scalar"):
        SO(3).acting_on(position=Vector).on(PHASE)
    with pytest.raises(_errors.InputError, match="unknown variable 'spin'; the state has position, velocity"):
        SO(3).acting_on(position=Vector, velocity=Vector, spin=Vector).on(PHASE)


def test_rates_lose_the_weight_of_time():
    action = Scaling().acting_on(position=Weight(2), velocity=Weight(-1), time=Weight(3))
    bound = action.on(PHASE)
    assert bound.motions[0].dilation.constant_part == 3
    one, both = (bound.rates(names).generators[0].fibre.constant_part for names in (("velocity",), PHASE.names[::-1]))
    np.testing.assert_array_equal(one, -4 * np.eye(3))
    np.testing.assert_array_equal(np.diag(both), [-4, -4, -4, -1, -1, -1])
    second = bound.rates(("position",), order=2).generators[0].fibre.constant_part
    np.testing.assert_array_equal(second, -4 * np.eye(3))


def test_a_sum_has_the_generators_of_all_parts():
    twist = Action.from_fields({"twist": lambda s: {"velocity": s["position"] ** 2}}, time_weights={"twist": 0.5})
    turn = O(3).acting_on(position=Vector, velocity=Vector)
    scale = Scaling().acting_on(position=Weight(2), velocity=Weight(-1), time=Weight(3))
    bound = (twist + turn + scale).on(PHASE)
    assert bound.labels == ("twist", "rotation_x", "rotation_y", "rotation_z", "scaling")
    assert [float(motion.dilation.constant_part) for motion in bound.motions] == [0.5, 0, 0, 0, 3]
    assert bound.element_labels == ("reflection_x",)
    assert bound.elements[0].matrix.shape == (6, 6)
    assert bound.rates(PHASE.names).names == (*bound.labels, "reflection_x")


def test_an_action_hashes_and_compares_once_bound():
    def make():
        return SE(3).acting_on(position=Point, velocity=Vector).on(PHASE)

    assert make() == make()
    assert hash(make()) == hash(make())
    assert make().on(PHASE) == make()
    with pytest.raises(_errors.InputError, match="is bound to the state"):
        make().on(BODIES)


def test_affine_generators_by_variable():
    space = StateSpace.of(x=2, y=1, z=2)
    action = Action.affine(
        {"x": np.eye(2), ("x", "y"): [[5.0], [6.0]]}, shifts={"z": [7.0, 8.0]}, time_weights=2.0, labels="mix"
    )
    bound = action.on(space)
    field = bound.motions[0].field
    assert field.linear_part[:2].tolist() == [[1, 0, 5, 0, 0], [0, 1, 6, 0, 0]]
    assert field.constant_part.tolist() == [0, 0, 0, 7, 8]
    assert bound.rates(("z",)).generators[0].fibre.constant_part.tolist() == [[-2, 0], [0, -2]]
    with pytest.raises(_errors.InputError, match=r"mixes the rate of x with that of y; .*targets \('x', 'y'\)"):
        bound.rates(("x",))


def test_wrong_affine_generators_are_refused():
    space = StateSpace.of(x=2)
    with pytest.raises(_errors.InputError, match="needs the shape"):
        Action.affine({"x": np.eye(3)}).on(space)
    with pytest.raises(_errors.InputError, match="same number of generators"):
        Action.affine({"x": np.zeros((2, 2, 2))}, shifts={"x": [0.0, 1.0]})
    with pytest.raises(_errors.InputError, match="as many labels"):
        Action.affine({"x": np.eye(2)}, labels=("a", "b"))
    with pytest.raises(_errors.InputError, match="time_weights"):
        Action.affine({"x": np.eye(2)}, time_weights=[1.0, 2.0])
    with pytest.raises(_errors.InputError, match="unknown variable"):
        Action.affine({"q": np.eye(2)}).on(space)


def test_a_field_moves_rates_with_its_jacobian():
    space = StateSpace.of(x=1, y=1)
    action = Action.from_fields({"bend": lambda s: {"x": s["x"] * s["y"]}}, time_weights={"bend": 3.0})
    (each,) = action.on(space).rates(("x", "y")).generators
    x = jnp.array([2.0, 5.0])
    assert each.field(x).tolist() == [10, 0]
    assert each.fibre(x).tolist() == [[5 - 3, 2], [0, -3]]
    with pytest.raises(_errors.InputError, match="'bend' mixes the rate of x with that of y"):
        action.on(space).rates(("x",))


def test_wrong_fields_are_refused():
    space = StateSpace.of(x=2)
    with pytest.raises(_errors.InputError, match="moves 'x' by"):
        Action.from_fields({"bad": lambda s: {"x": s["x"][0]}}).on(space)
    with pytest.raises(_errors.InputError, match="the field 'bad' failed on a state with x: KeyError"):
        Action.from_fields({"bad": lambda s: {"x": s["y"]}}).on(space)
    with pytest.raises(_errors.InputError, match="unknown variable 'y'"):
        Action.from_fields({"bad": lambda s: {"y": s["x"]}}).on(space)
    with pytest.raises(_errors.InputError, match="at least one field"):
        Action.from_fields({})
    with pytest.raises(_errors.InputError, match="time_weights names 'b'"):
        Action.from_fields({"a": lambda s: s}, time_weights={"b": 1.0})


def test_generators_follow_the_callers_precision():
    (each, *_) = SO(3).acting_on(position=Vector, velocity=Vector).on(PHASE).rates(("velocity",)).generators
    assert jax.jit(each.field)(jnp.ones(6, jnp.float32)).dtype == jnp.float32


def field_of(action, space, k=0):
    return action.on(space).motions[k].field.linear_part


def test_variables_that_make_up_a_vector_together():
    space = StateSpace.of(h=1, u=1, v=1)
    turned = field_of(SO(2).acting_on({("u", "v"): Vector}, h=Scalar), space)
    assert turned.tolist() == [[0, 0, 0], [0, 0, -1], [0, 1, 0]]
    swapped = field_of(SO(2).acting_on({("v", "u"): Vector}, h=Scalar), space)
    assert swapped.tolist() == (-turned).tolist()
    with pytest.raises(_errors.InputError, match="names a variable twice"):
        SO(2).acting_on({("u", "v"): Vector}, v=Scalar)
    with pytest.raises(_errors.InputError, match="components u, w of one quantity differ in shape"):
        SO(2).acting_on({("u", "w"): Vector}).on(StateSpace.of(u=1, w=2))


def test_a_group_acts_along_a_named_dimension():
    space = StateSpace((Variable("q", ("body", "component"), (("a", "b", "c"), ("x", "y"))),))
    swap = Permutations(3).acting_on(q=Along(Vector, "body")).on(space).elements[0].matrix.array
    points = np.arange(6.0).reshape(3, 2)
    moved = (swap @ points.ravel()).reshape(3, 2)
    np.testing.assert_array_equal(moved, Permutations(3).elements[0] @ points)
    with pytest.raises(_errors.InputError, match=r"'q' has no dimension 'site'; it has \('body', 'component'\)"):
        Permutations(3).acting_on(q=Along(Vector, "site")).on(space)


def test_components_are_found_by_their_labels():
    plain = StateSpace((Variable("q", ("component",), (("x", "y", "z"),)),))
    turned = StateSpace((Variable("q", ("component",), (("z", "x", "y"),)),))
    a, b = (field_of(SO(3).acting_on(q=Vector), space) for space in (plain, turned))
    order = [2, 0, 1]  # where z, x, y stand in (x, y, z)
    np.testing.assert_array_equal(b, a[np.ix_(order, order)])


def test_a_tensor_fills_two_dimensions():
    space = StateSpace((Variable("stress", ("row", "column"), (("x", "y", "z"), ("x", "y", "z"))),))
    J, S = SO(3).algebra.matrices[0], np.random.default_rng(0).normal(size=(3, 3))
    moved = field_of(SO(3).acting_on(stress=Tensor(2, 0)), space) @ S.ravel()
    np.testing.assert_allclose(moved.reshape(3, 3), J @ S + S @ J.T, atol=1e-14)


def test_time_reversal_turns_rates_around():
    space = StateSpace.of(q=1, v=1)
    action = TimeReversal().acting_on(q=Scalar, v=TimeOdd(Scalar))
    terms = Monomials(2).on(space)
    found = enforce(terms, action, targets=("q", "v"))
    kept = {(terms.names[i], "qv"[j]) for i, j in np.argwhere(found.basis.array.any(0))}
    even = {("1", "v"), ("q", "v"), ("q^2", "v"), ("v^2", "v")}  # no drag
    assert kept == even | {("v", "q"), ("q v", "q")}


def test_time_dependent_generators_on_trajectories_are_split_by_powers_of_time():
    space = StateSpace.of(x=1, v=1)
    bound = Galilei(1).acting_on(x=Place, v=Velocity).on(space)
    assert bound.labels == ("translation_x", "boost_x", "boost_x (t^1)")  # that of time asks nothing
    at_once, later = bound.motions[1:]
    assert at_once.field.constant_part.tolist() == [0, 1]
    assert at_once.drifts[0].constant_part.tolist() == [1, 0]
    assert later.field.constant_part.tolist() == [1, 0]


def test_four_vectors_of_events_need_no_time_of_their_own():
    bound = Lorentz(3).acting_on(p=Vector).on(StateSpace.of(p=4))
    np.testing.assert_array_equal(bound.motions[3].field.linear_part, Lorentz(3).algebra.matrices[3])
    event = Poincare(3).acting_on(x=Point, p=Vector).on(StateSpace.of(x=4, p=4))
    assert event.motions[0].field.constant_part.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_an_internal_group_leaves_the_coordinates_of_a_field():
    space = StateSpace.jets(("x", "y"), order=1, time="t", psi=2)
    phase, turn = (field_of(group.acting_on(psi=Vector), space) for group in (U(1), SO(2)))
    here = space.indices(("x", "y"))
    assert not phase[here].any()
    assert turn[np.ix_(here, here)].tolist() == [[0, -1], [1, 0]]
    assert not field_of(SO(2).acting_on(psi=Vector, coordinates=()), space)[here].any()


def test_a_curved_group_needs_to_know_where_it_acts():
    with pytest.raises(_errors.InputError, match="depends on the place where it acts"):
        Conformal(2).acting_on(v=Vector).on(StateSpace.of(v=2))
    both = Conformal(2).acting_on(q=Point, v=Vector).on(StateSpace.of(q=2, v=2))
    assert max(motion.field.degree for motion in both.motions) == 2


def test_polynomial_fields_are_read_and_checked():
    action = Action.polynomial({"twist": {"q_x": "-q_y", "q_y": "q_x"}})
    assert field_of(action, StateSpace.of(q=2)).tolist() == [[0, -1], [1, 0]]
    with pytest.raises(_errors.InputError, match=r"'twist' moves 'q_x'; the components are t, x"):
        action.on(StateSpace.of(x=1))
    with pytest.raises(_errors.InputError, match=r"cannot read the polynomial 'sin\(x\)' at"):
        Action.polynomial({"wave": {"x": "sin(x)"}}).on(StateSpace.of(x=1))
