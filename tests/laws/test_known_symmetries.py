"""`find_symmetries` finds the symmetries that the literature has, no more and no fewer, and exactly."""

import jax.numpy as jnp
import numpy as np
import pytest
from known_systems import KNOWN, SHIFTS, Known, angle, jets

import symdyn as sd

BY_NAME = {each.name: each for each in KNOWN}


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_the_known_symmetries_are_found(known):
    found = known.found()
    assert (found.dimension, len(found.trivial)) == known.sizes()
    assert angle(known, found) < 1e-8
    assert np.all(found.defects < 1e-12)
    assert found.closure < 1e-8
    if known.order is not None:
        assert found.order == known.order


@pytest.mark.parametrize("name", ["Hopf", "Burgers", "heat", "Lorenz", "wave", "oscillator, u(3)"])
def test_rational_laws_are_solved_in_whole_numbers(name):
    assert BY_NAME[name].found().exact


def test_the_angle_sees_a_wrong_field():
    known = BY_NAME["Burgers"]
    wrong = known.__class__(known.name, known.of, known.candidates, dict(known.truth), options=known.options)
    wrong.truth["scaling"] = {"t": "2 t", "x": "x", "u": "-1.0001 u"}
    assert angle(wrong, known.found()) > 1e-6


def test_the_third_law_of_kepler_is_read_off_as_weights():
    known = BY_NAME["Kepler"]
    found = sd.find_symmetries(known.of, candidates=sd.Scalings(), discrete=False, **known.options)
    assert found.weights == ({"position": 2, "velocity": -1, "t": 3},)


@pytest.mark.parametrize(
    ("name", "algebra", "acting"),
    [
        ("Kepler", "so(3) + R", "rotations of position and velocity and scaling (t: 3, position: 2, velocity: -1)"),
        ("oscillator, u(2)", "so(3) + R", "rotations of (x, y, u, v)"),
        ("oscillator, u(3)", "su(3) + R", "rotations of (x, y, z, px, py, pz)"),
        ("Hopf", "R", "rotations of (x, y)"),
        ("Lorentz force", "so(3, 1)", ""),
        ("double spring pendulum", "R", ""),
        ("Burgers", "schroedinger(1)", ""),
        ("KdV", "R with weights 1, 1/3, -2/3 ⋉ heisenberg(1)", ""),
        ("Kuramoto-Sivashinsky", "heisenberg(1)", "translation along x, time translation and the field t d_x + d_u"),
        ("heat", "sl(2, R) ⋉ heisenberg(1)", ""),
        ("wave, conformal", "so(3, 2) + R", ""),
    ],
)
def test_the_algebra_has_its_name(name, algebra, acting):
    found = BY_NAME[name].found()
    assert str(found.name) == algebra
    assert acting in found.acting
    assert f"  {algebra}" in str(found)
    assert all(part.isomorphism is None or part.isomorphism.residual < 1e-8 for part in found.name.parts)


@pytest.mark.parametrize(
    ("name", "dimension", "derived", "signature"),
    [("Burgers", 5, 5, (2, 1, 2)), ("KdV", 4, 3, None), ("Lorentz force", 6, 6, (3, 3, 0)), ("heat", 6, 6, None)],
)
def test_the_algebra_is_that_of_the_textbook(name, dimension, derived, signature):
    algebra = BY_NAME[name].found().algebra
    c = algebra.structure_constants()
    assert algebra.dimension == dimension
    assert np.linalg.matrix_rank(c.reshape(-1, dimension), tol=1e-9) == derived
    killing = np.einsum("ikl,jlk->ij", c, c)
    values = np.linalg.eigvalsh(killing)
    if signature is not None:
        assert (int((values > 1e-9).sum()), int((values < -1e-9).sum()), int((abs(values) < 1e-9).sum())) == signature


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("Burgers", lambda s: s["u_xx"] - s["u"] * s["u_x"]),
        ("KdV", lambda s: -s["u_xxx"] - s["u"] * s["u_x"]),
    ],
)
def test_a_law_on_jets_may_be_any_function(name, rate):
    known = BY_NAME[name]
    space = known.options["space"]
    found = sd.find_symmetries(lambda z: rate(space.split(z)), space=space, candidates=known.candidates, discrete=False)
    assert not found.exact
    assert (found.dimension, len(found.trivial)) == known.sizes()
    assert angle(known, found) < 1e-8


def test_a_law_on_jets_that_is_no_polynomial():
    space = jets(2)  # u_t = (exp(u) u_x)_x: translations, a scaling of t and x, and one of t against a shift of u

    def rate(z):
        s = space.split(z)
        return jnp.exp(s["u"]) * (s["u_xx"] + s["u_x"] ** 2)

    truth = {**SHIFTS, "scaling": {"t": "2 t", "x": "x"}, "shift": {"t": "t", "u": "-1"}}
    known = Known("nonlinear diffusion", rate, 2, truth, options={"space": space})
    found = known.found()
    assert (found.dimension, len(found.trivial)) == known.sizes()
    assert angle(known, found) < 1e-8


def _vorticity(rate: float, space):
    """zeta_t + J(psi, zeta + 2 rate sin(lat)) on the unit sphere, zeta the Laplacian of psi."""

    def law(z):
        s = space.split(z)
        c, tan = jnp.cos(s["lat"]), jnp.tan(s["lat"])
        zeta_t, zeta_lon = (
            s[f"psi_{k}_lat_lat"] - tan * s[f"psi_{k}_lat"] + above / c**2
            for k, above in (("t", s["psi_t_lon_lon"]), ("lon", s["psi_lon_lon_lon"]))
        )
        zeta_lat = s["psi_lat_lat_lat"] - tan * s["psi_lat_lat"] - s["psi_lat"] / c**2
        zeta_lat = zeta_lat + s["psi_lon_lon_lat"] / c**2 + 2 * tan / c**2 * s["psi_lon_lon"]
        return zeta_t + (s["psi_lon"] * (zeta_lat + 2 * rate * c) - s["psi_lat"] * zeta_lon) / c

    return law


@pytest.mark.slow
def test_a_rotating_sphere_keeps_all_rotations_seen_from_the_stars():
    rate, space = 2.0, sd.StateSpace.jets(("t", "lon", "lat"), order=3, psi=1)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(100, space.size))
    points[:, space.indices(("lat",))] = rng.uniform(-1.2, 1.2, (100, 1))
    points[:, space.indices(("lon",))] = rng.uniform(-3.0, 3.0, (100, 1))
    fixed = sd.sphere_rotations("lon", "lat", scalars=["psi"])
    moving = sd.sphere_rotations("lon", "lat", time="t", rate=rate, streamfunctions=["psi"])
    asked = {"space": space, "points": points, "discrete": False}
    seen = sd.find_symmetries(_vorticity(rate, space), candidates=fixed, **asked)
    assert [str(each) for each in seen.generators] == ["rotation_z"]
    assert seen.spectrum[1] > 1e-3
    kept = sd.find_symmetries(_vorticity(rate, space), candidates=moving, **asked)
    assert kept.dimension == 3
    assert np.all(kept.defects < 1e-14)
    assert kept.closure < 1e-12


def test_six_dimensions_and_degree_three_take_a_second(processor_seconds):
    names = "abcdef"
    law = {n: f"0.7312345678 {n}" + "".join(f" - 1.23456789 {n} {m}^2" for m in names) for n in names}
    found = sd.find_symmetries(law, candidates=3, discrete=False)
    assert found.dimension + len(found.trivial) == 36
    assert found.closure < 1e-8

    def again():
        sd.find_symmetries(law, candidates=3, discrete=False)

    assert processor_seconds(again, 1.0) < 1.5  # 0.4 s on a quiet core; annotations are checked here
