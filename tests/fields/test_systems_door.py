"""Simulated fields as data: every system opens, says what it is, is the same at any resolution; wrong inputs."""

import json

import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.fields.harmonics import legendre
from symdyn.fields.waves import Waves

KEY = jax.random.key(5)


def _x(n=256, length=2 * np.pi):
    return length / n * np.arange(n)


QUICK = ("klein_gordon", "shallow_water")  # a line and a sphere; the others are compiled in test_systems
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in sorted(sd.FIELD_SYSTEMS)]


@pytest.mark.parametrize("name", EVERY)
def test_every_system_opens_as_fields_and_says_what_it_is(name):
    entry = sd.FIELD_SYSTEMS[name]
    shape = (24, 48) if entry.on_sphere else 32
    data = sd.make_fields(name, times=np.linspace(0, entry.span[1], 4), shape=shape, noise=0.01, key=KEY)
    assert data.attrs["equations"] == entry.equations
    assert json.loads(data.attrs["parameters"]) == entry.parameters
    fields = sd.open_fields(data, list(data.data_vars), periodic=data.attrs["periodic"].split())
    assert fields.component_names[: len(entry.variables)] == entry.variables
    assert all(axis.wraps for axis in fields.grid.space_axes) or entry.on_sphere
    clean = sd.make_fields(name, times=np.linspace(0, entry.span[1], 4), shape=shape, key=KEY)
    for each in data.data_vars:
        size = float(np.sqrt((clean[each] ** 2).mean()))
        assert float((data[each] - clean[each]).std()) == pytest.approx(0.01 * size, rel=0.15)
        assert data[each].attrs["noise_std"] == pytest.approx(0.01 * size)


def test_the_same_start_at_any_resolution():
    for shape in (64, 128):
        data = sd.make_fields("heat", times=[0.0, 0.1], shape=shape, key=KEY)
        if shape == 64:
            first = data.u.values
    np.testing.assert_allclose(data.u.values[:, ::2], first, atol=1e-12)


def test_products_are_free_of_aliases():
    """cos(6 x)^2 on 16 samples: its wave of number 12 would look like one of number 4."""
    waves = Waves((sd.Periodic("x", 0.0, 2 * np.pi, 16),))
    c = waves.transformed(np.cos(6 * _x(16)))
    product = np.asarray(waves.transformed(waves.points(c) ** 2))
    np.testing.assert_allclose(product, np.r_[0.5, np.zeros(7)], atol=1e-6)


def test_harmonics_are_orthonormal_and_their_calculus_is_inverse():
    x, w = np.polynomial.legendre.leggauss(30)
    table = legendre(25, x)
    gram = np.einsum("mln,mkn,n->mlk", table, table, w)
    for m in (0, 1, 25):
        np.testing.assert_allclose(gram[m, m:, m:], np.eye(26 - m), atol=1e-12)
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for sphere in (sd.Sphere.gaussian(24, 48), sd.Sphere.regular(37, 72, radius=2.0)):
            h = sd.Harmonics(sphere, 12)
            c, d = (np.where(h.kept, rng.normal(size=h.shape) + 1j * rng.normal(size=h.shape), 0) for _ in range(2))
            for each in (c, d):
                each[0], each[0, 0] = each[0].real, 0.0
            np.testing.assert_allclose(h.analysed(h.points(c)), c, atol=1e-12)
            found = h.vorticity_divergence(*h.wind(c, d))
            np.testing.assert_allclose(found[0], c, atol=1e-11)
            np.testing.assert_allclose(found[1], d, atol=1e-11)


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        ("burger", {}, "Did you mean 'burgers'"),
        ("burgers", {"nu": 1.0}, "unknown parameter or option of 'burgers': 'nu'"),
        ("burgers", {"viscosity": np.nan}, "must be a finite number"),
        ("burgers", {"noise": 0.1}, "needs key"),
        ("burgers", {"times": [1.0, 0.0]}, "increasing"),
        ("burgers", {"shape": 8}, "at least 9 samples"),
        ("burgers", {"start": {"v": np.zeros(256)}}, "mapping from u"),
        ("burgers", {"start": {"u": np.zeros(25)}}, "shape"),
        ("barotropic_vorticity", {"length": 2.0}, "say radius"),
    ],
)
def test_wrong_inputs_are_named(system, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.make_fields(system, **options)


def test_a_solution_that_ends_is_told():
    """Backward heat: waves grow without bound."""
    with pytest.raises(sd.SymdynError, match="the integration stopped at time"):
        sd.make_fields("heat", times=[0.0, 1.0], diffusivity=-1.0)


def test_harmonics_need_a_whole_sphere():
    sector = sd.Sphere.degrees(np.arange(20.0, 60.0), np.arange(0.0, 90.0))
    with pytest.raises(sd.InputError, match="sector"):
        sd.Harmonics(sector)
    with pytest.raises(sd.InputError, match="resolve degrees"):
        sd.Harmonics(sd.Sphere.gaussian(16, 32), 40)
