"""Simulated fields: exact solutions, what is conserved, refinement."""

import json

import jax
import numpy as np
import pytest
from scipy.special import ellipj

import symdyn as sd

KEY = jax.random.key(5)


def _end(system, end, start, name="u", **options):
    """The values of a field at the end."""
    data = sd.make_fields(system, times=np.linspace(0, end, 5), start=start, **options)
    return data[name].values[-1]


def _x(n=256, length=2 * np.pi):
    return length / n * np.arange(n)


def test_heat():
    found = _end("heat", 0.3, {"u": lambda x: np.sin(3 * x) + 0.5 * np.cos(x)}, shape=32, diffusivity=0.7)
    x = _x(32)
    exact = np.exp(-0.7 * 9 * 0.3) * np.sin(3 * x) + 0.5 * np.exp(-0.7 * 0.3) * np.cos(x)
    np.testing.assert_allclose(found, exact, atol=1e-12)


def test_burgers_by_cole_and_hopf():
    nu = 0.1

    def exact(x, t):
        theta = 1.5 + np.exp(-nu * t) * np.cos(x) + 0.3 * np.exp(-4 * nu * t) * np.sin(2 * x)
        slope = -np.exp(-nu * t) * np.sin(x) + 0.6 * np.exp(-4 * nu * t) * np.cos(2 * x)
        return -2 * nu * slope / theta

    found = _end("burgers", 2.0, {"u": lambda x: exact(x, 0.0)}, viscosity=nu, rtol=1e-10)
    np.testing.assert_allclose(found, exact(_x(), 2.0), atol=1e-9)


@pytest.mark.slow
def test_burgers_without_viscosity_before_the_shock():
    x, u = _x(), np.zeros(256)
    for _ in range(200):  # u = sin(x - u t), the characteristics
        u = np.sin(x - 0.5 * u)
    found = _end("burgers", 0.5, {"u": np.sin}, viscosity=0.0, rtol=1e-10)
    np.testing.assert_allclose(found, u, atol=1e-8)


def test_kdv_soliton():
    c, end = 4.0, 2.0

    def soliton(x):
        return c / 2 / np.cosh(np.sqrt(c) / 2 * (x - 15)) ** 2

    found = _end("kdv", end, {"u": soliton}, length=40.0, rtol=1e-10)
    np.testing.assert_allclose(found, soliton(_x(256, 40.0) - c * end), atol=1e-7)


@pytest.mark.slow
def test_wave_by_d_alembert():
    def bump(x):
        return np.exp(3 * np.cos(x))

    found = _end("wave", 1.7, {"u": bump, "v": np.zeros(128)}, shape=128, speed=2.0)
    x = _x(128)
    np.testing.assert_allclose(found, (bump(x - 3.4) + bump(x + 3.4)) / 2, atol=1e-6)


def test_klein_gordon_by_elliptic_functions():
    """A field that is the same everywhere is Duffing's oscillator."""
    size, mass, coupling, t = 1.3, 0.8, 1.5, np.linspace(0, 4, 5)
    start = {"u": np.full(16, size), "v": np.zeros(16)}
    data = sd.make_fields("klein_gordon", times=t, start=start, shape=16, mass=mass, coupling=coupling)
    frequency = np.sqrt(mass**2 + coupling * size**2)
    exact = size * ellipj(frequency * t, coupling * size**2 / (2 * frequency**2))[1]
    np.testing.assert_allclose(data.u.values, np.broadcast_to(exact[:, None], (5, 16)), atol=1e-6)


@pytest.mark.slow
def test_sine_gordon_breather():
    w, s = 0.6, 0.8

    def breather(x, t):
        return 4 * np.arctan(s / w * np.cos(w * t) / np.cosh(s * (x - 30)))

    start = {"u": lambda x: breather(x, 0.0), "v": lambda x: 0 * x}
    found = _end("sine_gordon", 7.0, start, length=60.0)
    np.testing.assert_allclose(found, breather(_x(256, 60.0), 7.0), atol=1e-6)


def test_nls_soliton():
    """u + i v = sech(x - c t) exp(-i (c x + (1 - c^2) t / 2)), with whole waves of c x on the circle."""
    length, end = 40.0, 1.5
    c = 2 * np.pi * 3 / length

    def soliton(x, t):
        return np.exp(-1j * (c * (x - 20) + (1 - c**2) * t / 2)) / np.cosh(x - 20 - c * t)

    start = {"u": lambda x: soliton(x, 0.0).real, "v": lambda x: soliton(x, 0.0).imag}
    found = _end("nls", end, start, "v", length=length)
    np.testing.assert_allclose(found, soliton(_x(256, length), end).imag, atol=1e-6)


def test_porous_medium_front():
    """Barenblatt: a parabola with fronts, which move as t^(1/3). Series are poor at the kinks, and the mass is kept."""
    d, n, length = 0.2, 512, 8.0
    x = _x(n, length) - length / 2

    def exact(t):
        return (d * t) ** (-1 / 3) * np.maximum(0.5 - x**2 / (12 * (d * t) ** (2 / 3)), 0)

    data = sd.make_fields(
        "porous_medium", times=np.array([1.0, 2.0, 3.0]), start={"u": exact(1.0)}, length=length, shape=n, rtol=1e-6
    )
    assert np.abs(data.u.values[-1] - exact(3.0)).max() < 0.02 * exact(3.0).max()
    np.testing.assert_allclose(data.u.mean("x"), exact(1.0).mean(), rtol=1e-10)


def test_plane_wave_of_reaction_and_diffusion():
    k, d, beta, end = 2 * np.pi / 20 * 2, 0.1, 0.7, 5.0
    size = np.sqrt(1 - d * k**2)
    start = {"u": lambda y, x: size * np.cos(k * x), "v": lambda y, x: size * np.sin(k * x)}
    found = _end("lambda_omega", end, start, shape=16, beta=beta)
    exact = size * np.cos(k * _x(16, 20.0) - beta * size**2 * end)
    np.testing.assert_allclose(found, np.broadcast_to(exact, (16, 16)), atol=1e-6)


@pytest.mark.slow
def test_advection_and_diffusion():
    found = _end("advection_diffusion", 1.0, {"u": lambda y, x: np.sin(2 * x + y)}, shape=(16, 24))
    y, x = np.meshgrid(_x(16), _x(24), indexing="ij")
    np.testing.assert_allclose(found, np.exp(-0.25) * np.sin(2 * (x - 1) + y + 0.5), atol=1e-12)


def test_navier_stokes_vortices_and_what_an_ideal_flow_keeps():
    found = _end("navier_stokes", 1.0, {"vorticity": lambda y, x: np.cos(x) * np.cos(y)}, "vorticity", shape=16)
    y, x = np.meshgrid(_x(16), _x(16), indexing="ij")
    np.testing.assert_allclose(found, np.exp(-0.02) * np.cos(x) * np.cos(y), atol=1e-9)
    ideal = sd.make_fields("navier_stokes", times=np.linspace(0, 0.5, 3), viscosity=0.0, shape=32, key=KEY)
    for kept in (ideal.u**2 + ideal.v**2, ideal.vorticity**2):
        np.testing.assert_allclose(kept.mean(("x", "y")), float(kept[0].mean()), rtol=1e-6)


@pytest.mark.slow
def test_kuramoto_sivashinsky_by_refinement():
    t = np.linspace(0, 10, 3)
    coarse = sd.make_fields("kuramoto_sivashinsky", times=t, shape=192, key=KEY)
    fine = sd.make_fields("kuramoto_sivashinsky", times=t, shape=384, rtol=1e-9, key=KEY)
    np.testing.assert_allclose(coarse.u, fine.u[:, ::2], atol=1e-5)


def test_rossby_haurwitz_wave():
    """Moves around the axis without changing its form: Haurwitz (1940), wave number 4."""
    radius, rotation, w, r = 6.371e6, 7.292e-5, 7.848e-6, 4

    def vorticity(lat, lon, turned=0.0):
        wave = np.cos(lat) ** r * np.cos(r * (lon - turned))
        return 2 * w * np.sin(lat) - w * np.sin(lat) * wave * (r**2 + 3 * r + 2)

    end = 3 * 86400.0
    speed = (r * (3 + r) * w - 2 * rotation) / ((1 + r) * (2 + r))
    data = sd.make_fields(
        "barotropic_vorticity", times=[0.0, end], start={"vorticity": vorticity}, viscosity=0.0, shape=(32, 64)
    )
    lat, lon = np.meshgrid(np.radians(data.lat), np.radians(data.lon), indexing="ij")
    exact = vorticity(lat, lon, speed * end)
    assert np.abs(data.vorticity.values[-1] - exact).max() < 1e-5 * np.abs(exact).max()
    assert np.abs(exact - data.vorticity.values[0]).max() > 0.5 * np.abs(exact).max()
    assert radius == json.loads(data.attrs["parameters"])["radius"]


@pytest.mark.slow
def test_shallow_water_keeps_a_balanced_zonal_flow():
    """Williamson et al. (1992), test 2."""
    a, rotation, g, speed = 6.371e6, 7.292e-5, 9.80616, 38.6
    start = {
        "vorticity": lambda lat, lon: 2 * speed / a * np.sin(lat),
        "divergence": lambda lat, lon: 0 * lat,
        "height": lambda lat, lon: 3000.0 - (a * rotation * speed + speed**2 / 2) * np.sin(lat) ** 2 / g,
    }
    data = sd.make_fields("shallow_water", times=[0.0, 43200.0], start=start, viscosity=0.0, shape=(24, 48))
    np.testing.assert_allclose(data.height[1], data.height[0], atol=0.01)
    np.testing.assert_allclose(data.u[1], data.u[0], atol=1e-3)


@pytest.mark.slow
def test_shallow_water_keeps_mass_and_energy():
    data = sd.make_fields("shallow_water", times=[0.0, 21600.0], viscosity=0.0, shape=(32, 64), key=KEY)
    weights = sd.Sphere.gaussian(32, 64).weights
    mass = (data.height.values * weights).sum(axis=(1, 2))
    energy = (data.height * (data.u**2 + data.v**2) / 2 + 9.80616 * data.height**2 / 2).values
    energy = (energy * weights).sum(axis=(1, 2))
    assert mass[1] == pytest.approx(mass[0], rel=1e-12)
    rest = 9.80616 * (mass[0] / weights.sum()) ** 2 / 2 * weights.sum()  # of a flat surface: it cannot be released
    assert energy[1] - rest == pytest.approx(energy[0] - rest, rel=1e-4)
    assert np.abs(data.divergence[1]).max() < 0.2 * np.abs(data.vorticity[1]).max()
