"""Prolongation against finite transformations of functions, and its exact form against the sampled one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from symdyn._types import StateSpace, double_precision
from symdyn.groups import SE, Action, E, Scalar, Vector
from symdyn.groups.jets import jet_of, prolonged, prolonged_element

LINE = StateSpace.jets(("x",), order=3, time="t", u=1)
PLANE = StateSpace.jets(("x", "y"), order=2, time="t", w=2, p=1)
SPACETIME = StateSpace.jets(("t", "x"), order=3, u=1)

ACTIONS = {
    "boost": ({"boost": {"x": "t", "u": "1"}}, LINE),
    "projective": ({"projective": {"t": "t^2", "x": "t x", "u": "x - t u"}}, LINE),
    "nonlinear values": ({"values": {"u": "u^2"}}, LINE),
    "nonlinear points": ({"points": {"x": "x^2", "u": "x u"}}, LINE),
    "rotation": ({"rotation": {"x": "-y", "y": "x", "w_x": "-w_y", "w_y": "w_x"}}, PLANE),
    "frame": ({"frame": {"x": "t^2", "w_x": "2 t", "p": "-2 x"}}, PLANE),
    "Lorentz": ({"boost": {"t": "x", "x": "t"}}, SPACETIME),
    "hodograph": ({"swap": {"x": "u", "u": "-x"}}, SPACETIME),
    "conformal": ({"K": {"t": "t^2 + x^2", "x": "2 t x"}}, SPACETIME),
}


def point_field(fields, space):
    """The field on coordinates and values."""
    return Action.polynomial(fields).parts[0].point_fields(space.zeroth, None)[0].field


def jets_of(space, function, z):
    """The jet at the coordinates z of a function from all coordinates to all field components: shape (n,)."""
    jet, offset = jet_of(space), len(space.coordinates) - len(space.differentiated)
    out = np.zeros(space.size)
    out[space.indices(space.coordinates)] = z
    derivatives = [function]
    for _ in range(max(sum(orders) for orders in jet.columns)):
        derivatives.append(jax.jacfwd(derivatives[-1]))
    values = jax.jit(lambda z: [f(z) for f in derivatives])(jnp.asarray(z))
    for orders, columns in jet.columns.items():
        index = tuple(i + offset for i, a in enumerate(orders) for _ in range(a))
        out[columns] = np.asarray(values[sum(orders)])[(slice(None), *index)]
    return out


def transformed_jet(space, field, function, z, s):
    """The jet (n,) of the function moved along the flow for the time s, at the moved place: a function of s for JAX.

    The graph (z, u(z)) moves as a parametrised surface; derivatives by the new coordinates follow by the chain rule,
    d/dz~_k = sum_i (dz~/dz)^-1_ik d/dz_i, and know nothing of the prolongation formula.
    """
    zeroth, coordinates = space.zeroth, space.zeroth.indices(space.coordinates)
    values = zeroth.indices(space.fields)

    def surface(z0):
        y = jnp.zeros(zeroth.size).at[coordinates].set(z0).at[values].set(function(z0))
        a = field(y)  # one Runge-Kutta step of order four: its error is of the order s^5
        b = field(y + s / 2 * a)
        c = field(y + s / 2 * b)
        return y + s / 6 * (a + 2 * b + 2 * c + field(y + s * c))

    def place(z0):
        return surface(z0)[coordinates]

    def by_new(f, k):
        return lambda z0: jax.jacfwd(f)(z0) @ jnp.linalg.inv(jax.jacfwd(place)(z0))[:, k]

    jet, offset = jet_of(space), len(space.coordinates) - len(space.differentiated)
    out = jnp.zeros(space.size).at[space.indices(space.coordinates)].set(place(z))
    for orders, columns in jet.columns.items():
        f = lambda z0: surface(z0)[values]  # noqa: E731
        for k, a in enumerate(orders):
            for _ in range(a):
                f = by_new(f, k + offset)
        out = out.at[columns].set(f(z))
    return out


@pytest.mark.parametrize("name", ACTIONS)
def test_prolongation_is_the_derivative_of_finite_transformations(name):
    fields, space = ACTIONS[name]
    small = StateSpace.jets(space.differentiated, order=2, time=space.time, **{f: space[f] for f in space.fields})
    with double_precision():
        rng = np.random.default_rng(1)
        W, phase = rng.normal(size=(small.zeroth.size, len(small.coordinates))), rng.normal(size=small.zeroth.size)
        d = len(small.zeroth.indices(small.fields))

        def function(z):
            return jnp.sin(W[:d] @ z + phase[:d])

        z, h = jnp.asarray(rng.normal(size=len(small.coordinates))), 1e-3
        motion = Action.polynomial(fields).on(small).motions[0]
        point = point_field(fields, small)
        moved = jax.jit(lambda s: transformed_jet(small, point, function, z, s))
        ahead, behind = (np.asarray(moved(s)) for s in (h, -h))
        found = np.asarray(motion.field(jnp.asarray(jets_of(small, function, z))))
        np.testing.assert_allclose((ahead - behind) / (2 * h), found, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("name", ACTIONS)
def test_functions_are_prolonged_as_polynomials_are(name):
    fields, space = ACTIONS[name]
    exact = Action.polynomial(fields).on(space).motions[0]
    point = point_field(fields, space)

    def function(state):
        return space.zeroth.split(point(jnp.concatenate([jnp.ravel(state[v]) for v in space.zeroth.names])))

    sampled = Action.from_fields({"field": function}).on(space).motions[0]
    with double_precision():
        x = np.random.default_rng(2).normal(size=(3, space.size))
        parts = [[m.field, m.dilation, *m.drifts] for m in (sampled, exact)]
        found, expected = jax.jit(jax.vmap(lambda x: [[f(x) for f in part] for part in parts]))(x)
        for a, b, accuracy in zip(found, expected, (1e-10, *[1e-12] * (len(found) - 1)), strict=True):
            np.testing.assert_allclose(a, b, atol=accuracy)


@pytest.mark.parametrize("name", ["projective", "frame", "conformal", "hodograph"])
def test_prolongation_keeps_brackets(name):
    """pr [v, w] = [pr v, pr w]."""
    fields, space = ACTIONS[name]
    other = {"other": {space.coordinates[-1]: "1", space.zeroth.component_names[-1]: space.coordinates[0]}}
    v, w = (Action.polynomial(f).on(space).motions[0].field for f in (fields, other))
    v0, w0 = (point_field(f, space) for f in (fields, other))

    def bracket(a, b):
        return b.derivative().product(a, "ij,j->i") - a.derivative().product(b, "ij,j->i")

    assert prolonged(bracket(v0, w0), space) == bracket(v, w)


def test_elements_move_jets_as_generators_do():
    bound = SE(2).acting_on(w=Vector, p=Scalar).on(PLANE)
    turn = expm(0.4 * np.array([[0.0, -1.0], [1.0, 0.0]]))
    zeroth = np.eye(PLANE.zeroth.size)
    for names in (("x", "y"), ("w",)):
        here = PLANE.zeroth.indices(names)
        zeroth[np.ix_(here, here)] = turn
    generator = bound.motions[0].field.linear_part
    np.testing.assert_allclose(expm(0.4 * generator), prolonged_element(zeroth, PLANE), atol=1e-12)


def test_a_mirror_moves_the_jets_of_functions():
    mirror = E(2).acting_on(w=Vector, p=Scalar).on(PLANE).elements[0].matrix.array
    with double_precision():
        W = np.random.default_rng(3).normal(size=(3, 3))
        flip = jnp.diag(jnp.array([1.0, -1.0, 1.0]))  # of (t, x, y)

        def function(z):
            return jnp.sin(W @ z)

        def mirrored(z):  # u'(z') = T u(z), z' = flip z
            return function(flip @ z) * jnp.array([-1.0, 1.0, 1.0])

        z = jnp.array([0.3, -0.7, 1.1])
        np.testing.assert_allclose(mirror @ jets_of(PLANE, function, z), jets_of(PLANE, mirrored, flip @ z), atol=1e-12)
