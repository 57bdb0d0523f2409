"""Flows on a planet: the beta plane against its vorticity equation, the sphere against Cartesian components."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

from symdyn import _errors
from symdyn._types import StateSpace, double_precision
from symdyn.groups import Scalar
from symdyn.groups.catalogue import (
    SO,
    beta_plane,
    sphere_rotations,
)
from symdyn.groups.catalogue.planet import beta_plane_fields
from symdyn.groups.polynomial import read_polynomial
from symdyn.library import Function, Monomials
from symdyn.symmetry import enforce

LEVI_CIVITA = np.array([[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)] for i in range(3)])


def _vorticity_condition(field: dict[str, str], beta) -> sympy.Expr:
    """pr v(Delta) / Delta for a field on (t, x, y, psi) and Delta = zeta_t + J(psi, zeta) + beta psi_x, at a psi
    without any symmetry: free of the jet where the field is a symmetry."""
    names = ("t", "x", "y", "psi")
    t, x, y, p = symbols = sympy.symbols(names)
    psi = t * x**3 * y + x**4 - 2 * t**2 * y**3 + x * y**4 - 3 * t * x * y**2 + x**2 * y + 5 * t**3 * x * y + y**2 * t

    def component(name):
        read = read_polynomial(field.get(name, "0"), names)
        terms = zip(read.exponents.array, read.coefficients.array, strict=True)
        whole = sum(
            sympy.nsimplify(c) * sympy.prod(s ** int(k) for s, k in zip(symbols, e, strict=True)) for e, c in terms
        )
        return sympy.sympify(whole).subs(p, psi)

    def lap(f):
        return sympy.diff(f, x, 2) + sympy.diff(f, y, 2)

    def jac(f, g):
        return sympy.diff(f, x) * sympy.diff(g, y) - sympy.diff(f, y) * sympy.diff(g, x)

    delta = sympy.diff(lap(psi), t) + jac(psi, lap(psi)) + beta * sympy.diff(psi, x)
    xi = [component(name) for name in names]
    Q = xi[3] - sum(c * sympy.diff(psi, s) for c, s in zip(xi[:3], symbols[:3], strict=True))
    linear = sympy.diff(lap(Q), t) + jac(Q, lap(psi)) + jac(psi, lap(Q)) + beta * sympy.diff(Q, x)
    change = linear + sum(c * sympy.diff(delta, s) for c, s in zip(xi[:3], symbols[:3], strict=True))
    return sympy.cancel(sympy.expand(change) / sympy.expand(delta))


@pytest.mark.parametrize("beta", [True, False])
def test_the_beta_plane_has_the_symmetries_of_its_vorticity_equation(beta):
    fields = beta_plane_fields("t", "x", "y", "psi", 3, beta)
    for field in fields.values():
        assert _vorticity_condition(field, sympy.Rational(4, 5) if beta else 0).is_number


def test_beta_breaks_the_symmetries_that_only_the_plane_without_it_has():
    flat, planet = (beta_plane_fields("t", "x", "y", "psi", 1, beta) for beta in (False, True))
    broken = {label for label, field in flat.items() if not _vorticity_condition(field, sympy.Rational(4, 5)).is_number}
    assert broken == {"frame_y_1", "rotation", "spin", "scaling_t", "scaling_x"}
    assert set(planet) - set(flat) == {"translation_y", "scaling"}


def test_the_beta_plane_is_an_action_with_names_of_choice():
    action = beta_plane(streamfunction="stream", degree=0)
    assert repr(action) == "polynomial(translation_t, translation_y, frame_x_0, shift_0, scaling)"
    with pytest.raises(_errors.InputError, match="four different names"):
        beta_plane(x="t")
    with pytest.raises(_errors.InputError, match="degree >= 0"):
        beta_plane(degree=-1)


RATE, RADIUS = 0.7, 1.6
STATE = {"lon": 0.4, "lat": 0.9, "t": 1.3, "u": 2.0, "v": -0.6, "psi": 0.3, "q": 1.0}


def _sphere(rate=RATE):
    action = sphere_rotations(
        *("lon", "lat"), time="t", rate=rate, radius=RADIUS, winds=[("u", "v")], scalars=["q"], streamfunctions=["psi"]
    )
    functions = dict(action.parts[0].functions)
    still = dict.fromkeys(STATE, 0.0)
    return [lambda s, f=functions[f"rotation_{k}"]: still | f(s) for k in "xyz"]


@pytest.mark.parametrize("rate", [0.0, RATE])
def test_rotations_of_the_sphere_close(rate):
    with double_precision():
        s = {name: jnp.asarray(value) for name, value in STATE.items()}
        K = [lambda x, f=f: jax.tree.map(jnp.asarray, f(x)) for f in _sphere(rate)]
        for i in range(3):
            for j in range(3):
                found = jax.tree.map(
                    jnp.subtract, jax.jvp(K[j], (s,), (K[i](s),))[1], jax.jvp(K[i], (s,), (K[j](s),))[1]
                )
                for name in STATE:
                    expected = -sum(LEVI_CIVITA[i, j, k] * K[k](s)[name] for k in range(3))
                    assert float(found[name]) == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("rate", [0.0, RATE])
def test_rotations_of_the_sphere_turn_places_and_absolute_winds_right_handed(rate):
    """Seen from the stars, in Cartesian components: J_k on place and wind; the absolute stream function stays."""

    def seen(s):
        a, b = s["lon"] + rate * s["t"], s["lat"]
        place = jnp.stack([jnp.cos(b) * jnp.cos(a), jnp.cos(b) * jnp.sin(a), jnp.sin(b)])
        east = jnp.stack([-jnp.sin(a), jnp.cos(a), 0 * a])
        north = jnp.stack([-jnp.sin(b) * jnp.cos(a), -jnp.sin(b) * jnp.sin(a), jnp.cos(b)])
        wind = (s["u"] + rate * RADIUS * jnp.cos(b)) * east + s["v"] * north
        return place, wind, s["psi"] - rate * RADIUS**2 * jnp.sin(b), s["q"]

    with double_precision():
        s = {name: jnp.asarray(value) for name, value in STATE.items()}
        (place, wind, *_), J = seen(s), SO(3).algebra.matrices
        for k, field in enumerate(_sphere(rate)):
            moved = jax.jvp(seen, (s,), (jax.tree.map(jnp.asarray, field(s)),))[1]
            np.testing.assert_allclose(np.asarray(moved[0]), J[k] @ np.asarray(place), atol=1e-13)
            np.testing.assert_allclose(np.asarray(moved[1]), J[k] @ np.asarray(wind), atol=1e-13)
            np.testing.assert_allclose([float(m) for m in moved[2:]], 0, atol=1e-13)


def test_actions_of_the_sphere_compare_by_value():
    assert sphere_rotations(winds=[("u", "v")]) == sphere_rotations(winds=[("u", "v")])
    assert hash(sphere_rotations()) == hash(sphere_rotations())
    assert sphere_rotations(time="t", rate=1.0) != sphere_rotations(time="t", rate=2.0)


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"rate": 1.0}, "needs the name of the time where the planet turns, rate=1"),
        ({"winds": ("u", "v")}, "winds as pairs of names"),
        ({"winds": [("u", "v", "w")]}, "winds as pairs of names"),
        ({"scalars": "q"}, "lists of names"),
        ({"winds": [("u", "v")], "scalars": ["u"]}, "different names"),
        ({"radius": 0.0}, "radius > 0"),
    ],
)
def test_wrong_rotations_of_the_sphere_are_refused(keywords, text):
    with pytest.raises(_errors.InputError, match=text):
        sphere_rotations(**keywords)


def test_without_beta_the_symmetries_leave_one_equation_that_is_linear_in_the_rate():
    jets = StateSpace.jets(("t", "x", "y"), order=3, psi=1)
    library = Monomials(2)
    admitted = enforce(library, beta_plane(degree=2, beta=False, scaling=False), space=jets, values=Scalar)
    text = admitted.describe(library.on(jets).names, ("F",))
    (line,) = (line for line in text.splitlines() if "psi_t" in line)
    assert line.split(": F: ")[1] == (
        "psi_txx + psi_tyy + psi_x psi_xxy + psi_x psi_yyy - psi_y psi_xxx - psi_y psi_xyy"
    )


def test_the_vorticity_that_turns_with_the_sphere_holds_the_coriolis_parameter():
    names = ("v_lon/cos", "u_lat", "u tan", "sin", "u_lon/cos", "v_lat", "v tan", "u")

    def terms(s):
        c, tan = jnp.cos(s["lat"]), jnp.tan(s["lat"])
        vorticity = [s["v_lon"] / c, s["u_lat"], s["u"] * tan, jnp.sin(s["lat"])]
        return jnp.stack([*vorticity, s["u_lon"] / c, s["v_lat"], s["v"] * tan, s["u"]])

    jets = StateSpace.jets(("lon", "lat"), order=1, time="t", u=1, v=1)
    action = sphere_rotations(time="t", rate=RATE, winds=[("u", "v")])
    admitted = enforce(Function(terms, names), action, space=jets, values=Scalar)
    absolute, divergence = admitted.basis.array.reshape(2, len(names))
    np.testing.assert_allclose(absolute / absolute[0], [1, -1, 1, 2 * RATE, 0, 0, 0, 0], atol=1e-7)
    np.testing.assert_allclose(divergence / divergence[4], [0, 0, 0, 0, 1, 1, -1, 0], atol=1e-7)
