import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symdyn import _errors
from symdyn._types import StateSpace
from symdyn.groups import SO, Action, O, Scaling, Vector, Weight
from symdyn.testing import assert_equivariant

SPACE = StateSpace.of(q=3, v=3)
TURN = O(3).acting_on(q=Vector, v=Vector)


def gravity(x):
    return -x[:3] / jnp.linalg.norm(x[:3]) ** 3


def test_what_is_equivariant_passes():
    assert_equivariant(gravity, TURN, SPACE, "v")
    assert_equivariant(gravity, TURN.on(SPACE), SPACE, ("v",), key=jax.random.key(3), samples=4, rtol=1e-12)
    kepler = Scaling().acting_on(q=Weight(2), v=Weight(-1), time=Weight(3))
    assert_equivariant(lambda x: jnp.concatenate([x[3:], gravity(x)]), TURN + kepler, SPACE, ("q", "v"))


@pytest.mark.parametrize(
    ("f", "label", "defect"),
    [
        (lambda x: gravity(x) + jnp.array([0.0, 0.0, 1.0]), r"rotation_[xy]", "Lie derivative|finite element"),
        (lambda x: jnp.cross(x[:3], x[3:]), "reflection_x", "the action of the element"),
        (lambda x: jnp.log(x[:3]), "", "inf"),
    ],
    ids=["a plane", "handedness", "not finite"],
)
def test_what_is_not_fails_with_the_generator(f, label, defect):
    with pytest.raises(AssertionError, match=f"not equivariant under '{label}.*({defect})"):
        assert_equivariant(f, TURN, SPACE, "v")


def test_the_size_of_the_defect_decides():
    def nearly(x):
        return gravity(x) * (1 + 1e-4 * jnp.sin(x[0]))

    assert_equivariant(nearly, TURN, SPACE, "v", rtol=1e-2)
    with pytest.raises(AssertionError, match=r"rtol 1\.0e-06"):
        assert_equivariant(nearly, TURN, SPACE, "v")


def test_nonlinear_fields_and_zero():
    space = StateSpace.of(x=1, y=1)
    action = Action.from_fields({"flow": lambda s: {"x": s["x"], "y": s["y"] ** 2}})
    assert_equivariant(lambda x: jnp.stack([x[0], 3 * x[1] ** 2]), action, space, ("x", "y"))
    assert_equivariant(jnp.zeros_like, action, space, ("x", "y"))
    with pytest.raises(AssertionError, match="'flow'"):
        assert_equivariant(lambda x: jnp.stack([x[0], x[1]]), action, space, ("x", "y"))


def test_a_wrong_shape_is_refused():
    with pytest.raises(_errors.InputError, match=r"shape \(6,\); the action asks for \(3,\)"):
        assert_equivariant(lambda x: x, SO(3).acting_on(q=Vector, v=Vector), SPACE, "v")


def test_the_callers_precision_is_left_alone():
    before = jnp.ones(1).dtype
    assert_equivariant(gravity, TURN, SPACE, "v")
    assert jnp.ones(1).dtype == before == np.float32
