"""Conserved quantities of laws: exact and sampled, constants and products left out, and Noether's map."""

import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

INVERSE = sd.Function(
    lambda s: jnp.stack([jnp.ones(()), s["x"], s["y"]]) / jnp.hypot(s["x"], s["y"]), names=("1/r", "x/r", "y/r")
)
PLANE = sd.StateSpace.of(x=1, y=1, v=1, w=1)


def kepler(s):
    x, y, v, w = s
    r = jnp.hypot(x, y)
    return jnp.stack([v, w, -x / r**3, -y / r**3])


def test_rigid_body_exact():
    found = sd.conserved_quantities({"x": "y z", "y": "-2 x z", "z": "x y"}, library=sd.Monomials(4))
    assert found.exact
    assert len(found) == found.rank == 2
    assert [str(q) for q in found] == ["2 x^2 + y^2", "x^2 - z^2"]
    assert all(q.defect < 1e-12 for q in found)


@pytest.mark.parametrize(
    "law",
    [
        {"x": "10 y - 10 x", "y": "28 x - x z - y", "z": "x y - 8/3 z"},
        {"x": "y", "y": "y - x - x^2 y"},
        {"x": "-y - z", "y": "x + 0.2 y", "z": "0.2 + z x - 5.7 z"},
        {"x": "y", "y": "-x - 0.1 y"},
    ],
    ids=["Lorenz", "Van der Pol", "Roessler", "damped oscillator"],
)
def test_dissipative_laws_have_none(law):
    found = sd.conserved_quantities(law, library=sd.Monomials(4))
    assert found.exact
    assert len(found) == 0
    assert found.spectrum[0] > 1e-3
    assert str(found).startswith("no conserved quantities")


def test_henon_heiles_has_its_energy_and_no_power_of_it():
    law = {"x": "p", "y": "q", "p": "-x - 2 x y", "q": "-y - x^2 + y^2"}
    found = sd.conserved_quantities(law, library=sd.Monomials(6))
    assert [str(q) for q in found] == ["3 x^2 + 3 y^2 + 3 p^2 + 3 q^2 + 6 x^2 y - 2 y^3"]


def test_plane_oscillator_marks_what_depends_on_others():
    found = sd.conserved_quantities({"x": "v", "y": "w", "v": "-x", "w": "-y"}, library=sd.Monomials(4))
    assert (len(found), found.rank) == (4, 3)
    assert [q.dependent for q in found] == [False, False, False, True]


def test_kepler_sampled():
    found = sd.conserved_quantities(kepler, space=PLANE, library=sd.Monomials(3) + INVERSE)
    assert not found.exact
    assert (len(found), found.rank) == (4, 3)
    points = np.random.default_rng(0).uniform(0.5, 1.5, (6, 4))
    x, y, v, w = points.T
    r, spin = np.hypot(x, y), x * w - y * v
    for wanted in (spin, v**2 + w**2 - 2 / r, w * spin - x / r, v * spin + y / r):
        values = np.array([q.at(points) for q in found])
        assert any(np.allclose(np.abs(u), np.abs(wanted), atol=1e-10) for u in values)


def test_points_on_few_trajectories_tell_quantities_apart():
    size, t = np.linspace(0.5, 1.5, 20)[:, None], np.linspace(0, 6, 40)
    x, y = size * np.cos(t), size[::-1] ** 2 * np.sin(t + 5 * size)
    v, w = -size * np.sin(t), size[::-1] ** 2 * np.cos(t + 5 * size)
    points = np.stack([u.ravel() for u in (x, y, v, w)], axis=1)
    found = sd.conserved_quantities(
        lambda s: jnp.stack([s[2], s[3], -s[0], -s[1]]), space=PLANE, library=sd.Monomials(3), points=points
    )
    assert (len(found), found.rank) == (4, 3)
    with pytest.raises(sd.InputError, match="more trajectories"):
        sd.conserved_quantities(
            lambda s: jnp.stack([s[2], s[3], -s[0], -s[1]]), space=PLANE, library=sd.Monomials(3), points=points[:120]
        )


def test_terms_beyond_polynomials_and_relations_between_them():
    space = sd.StateSpace.of(angle=1, rate=1)
    waves = sd.Elementary(("sin", "cos"), variables=("angle",))
    found = sd.conserved_quantities(
        lambda s: jnp.stack([s[1], -jnp.sin(s[0])]), space=space, library=sd.Monomials(2) + waves + waves * waves
    )
    assert [str(q) for q in found] == ["rate^2 - 2 cos(angle)"]  # sin^2 + cos^2 is a constant
    hunt = {"prey": "prey - prey hunter", "hunter": "prey hunter - 2 hunter"}
    assert len(sd.conserved_quantities(hunt, library=sd.Monomials(3))) == 0
    found = sd.conserved_quantities(hunt, library=sd.Monomials(2) + sd.Elementary("log"))
    assert str(found[0]) == "prey + hunter - 2 log(prey) - log(hunter)"


def test_a_map_and_a_model():
    turned = sd.conserved_quantities({"x": "0.6 x - 0.8 y", "y": "0.8 x + 0.6 y"}, kind="map", library=sd.Monomials(2))
    assert [str(q) for q in turned] == ["x^2 + y^2"]
    t = np.linspace(0, 10, 400)
    data = sd.dataset(t, x=np.cos(t), v=-np.sin(t))
    law = sd.identify(data, library=sd.Monomials(1))
    found = sd.conserved_quantities(law, library=sd.Monomials(2), tolerance=1e-3)
    assert len(found) == 1
    assert found[0].support == ("x^2", "v^2")


def test_forms_of_a_quantity():
    found = sd.conserved_quantities({"x": "y", "y": "-4 x"}, library=sd.Monomials(2))
    energy = found[0]
    assert float(energy(jnp.array([1.0, 2.0]))) == 8.0
    assert energy.latex() == "4 x^{2} + y^{2}"
    assert str(energy.to_sympy()) == "4*x**2 + y**2"
    assert found.to_xarray().coefficient.shape == (1, 5)


def test_noether():
    space = sd.StateSpace.of(x=1, y=1, p=1, q=1)
    pairs = {"positions": ("x", "y"), "momenta": ("p", "q"), "space": space}
    spin = sd.noether({"x": "-y", "y": "x", "p": "-q", "q": "p"}, library=sd.Monomials(3), **pairs)
    assert str(spin) == "x q - y p"
    assert spin.defect < 1e-12
    shift = sd.noether({"x": "1"}, library=sd.Monomials(2), **pairs)
    assert str(shift) == "p"
    scaling = sd.noether({"x": "x", "p": "p"}, library=sd.Monomials(3), **pairs)
    assert scaling.defect > 0.1  # does not keep the symplectic form


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"of": {"x": "-x"}, "library": 2}, "library of terms"),
        ({"of": {"x": "-x"}, "library": sd.Monomials(0)}, "no term but the constant"),
        ({"of": {"x": "-x"}, "library": sd.Monomials(2), "variables": "x"}, "for reading data"),
        ({"of": {"x": "-x"}, "library": sd.Monomials(2), "points": np.ones((3, 2))}, "1 components each"),
        ({"of": lambda x: x, "library": sd.Monomials(2)}, "names of its variables"),
    ],
)
def test_what_cannot_be_used_is_named(arguments, message):
    with pytest.raises(sd.InputError, match=message):
        sd.conserved_quantities(arguments.pop("of"), **arguments)
