"""Axes, grids, stencils and jets: orders of convergence, exactness on polynomials, masks and margins."""

import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.fields.stencils import fornberg


def _uneven(n):
    s = np.linspace(0, 1, n)
    return 2 * s + 0.3 * np.sin(2 * np.pi * s) / np.pi


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_fornberg_is_exact_for_polynomials(order):
    z = np.random.default_rng(0).normal(size=(5, order + 4))
    w = fornberg(z, order)
    for power in range(order + 4):
        truth = np.prod(range(1, order + 1)) if power == order else 0.0
        np.testing.assert_allclose((w * z**power).sum(1), truth, atol=1e-7 * abs(w).max())


@pytest.mark.parametrize("accuracy", [2, 4, 6])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("falling", [False, True])
def test_differences_converge_at_their_order_on_uneven_axes(order, accuracy, falling):
    errors = []
    for n in (40, 80):
        x = _uneven(n)[:: -1 if falling else 1]
        axis = sd.Box("x", x)
        found = sd.Grid((axis,)).derivative(np.sin(3 * x), {"x": order}, accuracy=accuracy)
        errors.append(abs(found - 3**order * np.sin(3 * x + order * np.pi / 2)).max())
    assert np.log2(errors[0] / errors[1]) > accuracy - 0.7


def test_periodic_axes_are_spectral_and_know_their_length():
    for n in (32, 33):
        axis = sd.Periodic("x", 1.0, 3.0, n)
        k = 2 * np.pi / 3.0
        u = np.exp(np.sin(k * axis.points))
        slope = k * np.cos(k * axis.points) * u
        grid = sd.Grid((axis,))
        np.testing.assert_allclose(grid.derivative(u, {"x": 1}), slope, atol=1e-9)
        twice = grid.derivative(grid.derivative(u, {"x": 1}), {"x": 1})
        np.testing.assert_allclose(grid.derivative(u, {"x": 2}), twice, atol=1e-7)
        assert (axis.weights * u**2).sum() == pytest.approx(3 * np.i0(2.0), rel=1e-12)


def test_derivatives_are_along_the_right_axis_in_float64():
    t, x = np.linspace(0, 1, 20), np.linspace(0, 2, 30)
    grid = sd.Grid((sd.Box("x", x),), time=sd.Box("t", t))
    u = (t**2)[:, None] * x**3
    found = grid.derivative(np.stack([u, 2 * u]), {"x": 1, "t": 1})
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[1], 2 * (2 * t)[:, None] * 3 * x**2, atol=1e-9)
    assert jax.config.jax_enable_x64 is False


def test_least_squares_smooth_more_than_differences():
    rng = np.random.default_rng(0)
    x = np.linspace(0, 2 * np.pi, 200)
    noisy, axis = np.sin(x) + 0.02 * rng.normal(size=200), sd.Box("x", x)
    grid = sd.Grid((axis,))
    rough, smooth = (
        np.sqrt(np.mean((grid.derivative(noisy, {"x": 1}, half=h) - np.cos(x))[20:-20] ** 2)) for h in (0, 15)
    )
    assert smooth < 0.1 * rough
    np.testing.assert_allclose(grid.derivative(x**4, {"x": 2}, half=9), 12 * x**2, atol=1e-7)


def test_grids_hash_and_refuse_what_is_none():
    make = lambda: sd.Grid((sd.Box("x", np.arange(4.0)), sd.Sphere.regular(5, 8)), time=sd.Box("t", np.arange(3.0)))  # noqa: E731
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make().names == ("t", "x", "lat", "lon")
    assert make().volume.shape == (4, 5, 8)
    assert make().volume.sum() == pytest.approx(3 * 4 * np.pi)
    for points, message in (
        ([0.0, 1.0, 1.0], "repeated at index 2"),
        ([0.0, 2.0, 1.0], "neither increasing nor decreasing"),
        ([0.0, np.nan, 1.0], "hold nan"),
        ([0.0, 1.0], "at least 3"),
    ):
        with pytest.raises(sd.InputError, match=message):
            sd.Box("x", np.array(points))
    with pytest.raises(sd.InputError, match="different names"):
        sd.Grid((sd.Box("x", np.arange(4.0)), sd.Periodic("x", 0.0, 1.0, 8)))
    with pytest.raises(sd.InputError, match="needs 8 points along an axis, got 5"):
        sd.Grid((sd.Box("x", np.arange(5.0)),)).derivative(np.zeros(5), {"x": 2})
    with pytest.raises(sd.InputError, match="at least 4 samples"):
        sd.Periodic("x", 0.0, 0.0, 8)
    grid = sd.Grid((sd.Box("x", np.arange(9.0)),))
    with pytest.raises(sd.InputError, match=r"'u' has the shape \(8,\); the grid is \(x: 9\)"):
        sd.Fields.of(grid, u=np.zeros(8))
    with pytest.raises(sd.InputError, match="holds integers"):
        sd.Fields.of(grid, u=np.zeros(9, int))
    with pytest.raises(sd.InputError, match="both an axis and a field"):
        sd.Fields.of(grid, x=np.zeros(9))


def _heat():
    t, x = np.linspace(0, 1, 40), np.linspace(0, 3, 50)
    y = sd.Periodic("y", 0.0, 2 * np.pi, 24)
    u = np.exp(-1.25 * t[:, None, None]) * np.sin(x / 2)[:, None] * np.cos(y.points)
    return sd.Grid((sd.Box("x", x), y), time=sd.Box("t", t)), u


def test_jets_hold_the_derivatives_under_their_names():
    grid, u = _heat()
    samples = sd.jets(sd.Fields.of(grid, u=u), order=2)
    column = lambda name: samples.states[:, samples.space.indices((name,))[0]]  # noqa: E731
    live = samples.weights > 0
    np.testing.assert_allclose(samples.targets[live, 0], (column("u_xx") + column("u_yy"))[live], atol=1e-7)
    np.testing.assert_allclose(column("u_xx")[live], -0.25 * column("u")[live], atol=1e-7)
    assert samples.weights[live].mean() == pytest.approx(1.0)
    # the margins: stencils of second derivatives and accuracy 6 reach 4 samples; in time 3
    mesh = live.reshape(grid.shape)
    assert mesh[3:-3, 4:-4].all()
    assert mesh.sum() == mesh[3:-3, 4:-4].size
    few = sd.jets(sd.Fields.of(grid, u=u), order=1, every={"t": 4, "x": 5})
    assert few.size == 10 * 10 * 24
    whole = sd.jets(sd.Fields.of(grid, u=u), order=1, derivatives=sd.JetDerivatives(margin=True))
    assert (whole.weights > 0).all()


def test_jets_beside_missing_values_have_no_weight():
    grid, u = _heat()
    u[20, 25, 12] = np.nan
    samples = sd.jets(sd.Fields.of(grid, u=u), order=1, derivatives=sd.JetDerivatives(margin=True, accuracy=4))
    dead = (samples.weights == 0).reshape(grid.shape)
    assert np.isfinite(samples.states).all()
    assert dead[20, 25, 12]
    assert dead[18:23, 25, 12].all()
    assert dead[20, 23:28, 12].all()
    assert dead[20, 25, 10:15].all()
    assert dead.sum() == 13


def test_jets_go_into_a_regression():
    """The rows are those that the moments of trajectories take."""
    from symdyn.regress.rows.moments import sample_moments

    grid, u = _heat()
    samples = sd.jets(sd.Fields.of(grid, u=u + 0.3 * u**2), order=2, every=2)
    terms = sd.Monomials(1, variables=("u", "u_x", "u_xx", "u_yy")).on(samples.space)
    moments = sample_moments(terms, samples.states, samples.targets, samples.weights, samples.lengths)
    assert moments.n_rows <= samples.size + moments.rows.size * 4096
    assert moments.n_terms == 5


def test_jets_on_the_sphere_are_prolonged_by_its_rotations():
    """(pr K) q_J = K . grad q_J - d_J (K . grad q): grids, jets and the actions of groups agree on conventions."""
    from symdyn.groups.bound import NamedField
    from symdyn.groups.catalogue.planet import SphereField
    from symdyn.groups.jets import ProlongedField

    sphere = sd.Sphere.regular(61, 96)
    phi, lam = np.meshgrid(sphere.latitude.array, sphere.longitude.array, indexing="ij")
    x, y, z = np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)
    f = x * y * z + 0.5 * x**3 + z**2
    turned = sd.SphereOperators(sphere, accuracy=8).rotated_scalar("x", f)
    grid, how = sd.Grid((sphere,), time=sd.Box("time", np.arange(9.0))), sd.JetDerivatives(accuracy=8)
    still = np.ones((9, 1, 1))
    high = sd.jets(sd.Fields.of(grid, q=still * f), order=2, derivatives=how)
    low = sd.jets(sd.Fields.of(grid, q=still * turned), order=1, derivatives=how)
    assert low.space.names == ("time", "lat", "lon", "q", "q_lat", "q_lon")
    rows = np.flatnonzero((high.weights > 0) & (high.states[:, 0] == 4.0))[::97]
    of = lambda s, name: s.states[rows, s.space.indices((name,))[0]]  # noqa: E731
    lat, lon = of(high, "lat"), of(high, "lon")
    k_lat, k_lon = np.sin(lon), -np.cos(lon) * np.tan(lat)
    field = NamedField("rotation_x", low.space.zeroth, SphereField("x", "lon", "lat", None, 0.0, 1.0, (), ()))
    prolonged = ProlongedField(field, low.space)
    with sd._types.double_precision():
        moved = np.asarray(jax.jit(jax.vmap(prolonged))(jax.numpy.asarray(high.states[rows][:, :6])))
    expected = {
        "q_lat": k_lat * of(high, "q_lat_lat") + k_lon * of(high, "q_lat_lon") - of(low, "q_lat"),
        "q_lon": k_lat * of(high, "q_lat_lon") + k_lon * of(high, "q_lon_lon") - of(low, "q_lon"),
    }
    steep = abs(lat) < np.radians(85)
    for name, values in expected.items():
        np.testing.assert_allclose(moved[steep, low.space.indices((name,))[0]], values[steep], atol=1e-4)


def test_fields_beyond_the_memory_are_refused_before_they_are_read(monkeypatch):
    from symdyn.data import checks

    class Unread:
        shape, ndim, dtype = (400, 300, 300), 3, np.dtype(np.float64)

        def __getitem__(self, index):
            raise AssertionError("read")

    axes = tuple(sd.Periodic(name, 0.0, 1.0, 300) for name in ("x", "y"))
    fields = sd.Fields.of(sd.Grid(axes, time=sd.Box("t", np.arange(400.0))), u=Unread())
    monkeypatch.setattr(checks, "memory_size", lambda: 1.2 * 2.0**30)
    with pytest.raises(sd.InputError, match=r"the jets take .* GiB at once, this machine has 1.2; .*FieldWeakForm"):
        sd.jets(fields)
    with pytest.raises(sd.InputError, match=r"anomalies take .* GiB at once"):
        sd.modes(fields)
    with pytest.raises(AssertionError, match="read"):
        sd.jets(fields, every=40)
