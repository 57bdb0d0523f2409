"""The sphere: identities of vector calculus, orders of convergence, rotations, and an independent package."""

import numpy as np
import pytest

import symdyn as sd
from symdyn.data.registry import open_dataset

GRIDS = {
    "poles": lambda n: sd.Sphere.regular(n + 1, 2 * n),
    "no poles": lambda n: sd.Sphere.regular(n, 2 * n, poles=False),
    "odd longitudes": lambda n: sd.Sphere.regular(n, 2 * n + 1, poles=False),
    "gaussian": lambda n: sd.Sphere.gaussian(n, 2 * n),
    "descending": lambda n: sd.Sphere(
        sd.Frozen(sd.Sphere.gaussian(n, 4).latitude.array[::-1]), sd.Sphere.regular(5, 2 * n).longitude
    ),
    "westward": lambda n: sd.Sphere(
        sd.Sphere.regular(n + 1, 4).latitude, sd.Frozen(-sd.Sphere.regular(5, 2 * n).longitude.array)
    ),
}
MATRICES = {axis: np.zeros((3, 3)) for axis in "xyz"}
for _k, _axis in enumerate("xyz"):
    _i, _j = (_k + 1) % 3, (_k + 2) % 3
    MATRICES[_axis][_j, _i], MATRICES[_axis][_i, _j] = 1.0, -1.0


def _points(sphere):
    """Points on the unit sphere (n, k, 3) and the directions east and north there."""
    phi, lam = np.meshgrid(sphere.latitude.array, sphere.longitude.array, indexing="ij")
    zero = np.zeros_like(phi)
    x = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)
    east = np.stack([-np.sin(lam), np.cos(lam), zero], axis=-1)
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)], axis=-1)
    return x, east, north


def _scalar(x, g=None):
    """A function of the place, or the same turned by the rotation g; and its gradient in space."""
    y = x if g is None else x @ g  # f(g^-1 x)
    a, b, c = y[..., 0], y[..., 1], y[..., 2]
    value = a * b * c + 0.5 * a**3 + np.exp(0.4 * b) * c
    slope = np.stack([b * c + 1.5 * a**2, a * c + 0.4 * np.exp(0.4 * b) * c, a * b + np.exp(0.4 * b)], axis=-1)
    return value, slope if g is None else slope @ g.T


def _wind(x, east, north, g=None):
    """East and north components of a tangent field, or of the field turned by g."""
    y = x if g is None else x @ g
    w = np.stack([y[..., 1] * y[..., 2], np.sin(y[..., 0]), y[..., 0] ** 2 - y[..., 1]], axis=-1)
    w = w if g is None else w @ g.T
    return (w * east).sum(-1), (w * north).sum(-1)


def _rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("grid", GRIDS)
def test_gradients_are_those_of_space_and_converge_at_their_order(grid):
    for accuracy in (4, 6):
        errors = []
        for n in (24, 48):
            sphere = GRIDS[grid](n)
            x, east, north = _points(sphere)
            value, slope = _scalar(x)
            found = sd.SphereOperators(sphere, accuracy).gradient(value)
            truth = (slope * east).sum(-1), (slope * north).sum(-1)
            errors.append(max(abs(a - b).max() for a, b in zip(found, truth, strict=True)))
        assert errors[1] < 1e-3
        assert np.log2(errors[0] / errors[1]) > accuracy - 0.6


@pytest.mark.parametrize("grid", GRIDS)
def test_identities_hold_up_to_the_poles(grid):
    sphere = GRIDS[grid](48)
    operators = sd.SphereOperators(sphere, accuracy=8)
    x, east, north = _points(sphere)
    value, _ = _scalar(x)
    gradient = operators.gradient(value)
    laplacian = operators.laplacian(value)
    scale = abs(laplacian).max()
    assert abs(operators.divergence(*gradient) - laplacian).max() < 1e-5 * scale
    assert abs(operators.vorticity(*gradient)).max() < 1e-9 * scale
    turned = operators.k_cross(*gradient)
    assert abs(operators.vorticity(*turned) - laplacian).max() < 1e-5 * scale
    assert abs(operators.divergence(*turned)).max() < 1e-9 * scale
    assert abs(operators.mean(laplacian)) < (1e-12 if sphere.gaussian_latitudes else 1e-3) * scale
    wind = _wind(x, east, north)
    product = operators.divergence(*(value * w for w in wind))
    expected = value * operators.divergence(*wind) + operators.advection(*wind, value)
    assert abs(product - expected).max() < 1e-4 * abs(expected).max()


def test_spherical_harmonics_are_eigenfunctions():
    from scipy.special import sph_harm_y

    sphere = sd.Sphere.regular(65, 128, radius=2.0)
    phi, lam = sphere.latitude.array[:, None], sphere.longitude.array
    operators = sd.SphereOperators(sphere, accuracy=8)
    for degree, m in ((3, 0), (4, 1), (6, 2), (8, 5)):
        y = sph_harm_y(degree, m, np.pi / 2 - phi, lam).real
        eigenvalue = -degree * (degree + 1) / 4
        assert abs(operators.laplacian(y) - eigenvalue * y).max() < 3e-5 * abs(eigenvalue * y).max()


@pytest.mark.parametrize("seed", range(3))
def test_operators_commute_with_rotations(seed):
    """Analytic fields turned by a random rotation: operators on the turned fields are the operators turned."""
    g = _rotation(np.random.default_rng(seed))
    fine = sd.Sphere.regular(97, 192)
    operators = sd.SphereOperators(fine, accuracy=8)
    x, east, north = _points(fine)
    plain, turned = ({}, {})
    for rotation, out in ((None, plain), (g, turned)):
        value, _ = _scalar(x, rotation)
        u, v = _wind(x, east, north, rotation)
        out |= {
            "laplacian": operators.laplacian(value), "divergence": operators.divergence(u, v),
            "vorticity": operators.vorticity(u, v), "advection": operators.advection(u, v, value),
        }  # fmt: skip
    from scipy.interpolate import RectBivariateSpline

    y = x @ g
    phi, lam = np.arcsin(np.clip(y[..., 2], -1, 1)), np.arctan2(y[..., 1], y[..., 0]) % (2 * np.pi)
    margin = 8
    longitudes = np.r_[fine.longitude.array[-margin:] - 2 * np.pi, fine.longitude.array]
    longitudes = np.r_[longitudes, fine.longitude.array[:margin] + 2 * np.pi]
    for name, values in plain.items():
        wrapped = np.concatenate([values[:, -margin:], values, values[:, :margin]], axis=1)
        there = RectBivariateSpline(fine.latitude.array, longitudes, wrapped, kx=5, ky=5)(phi, lam, grid=False)
        assert abs(turned[name] - there).max() < 1e-4 * abs(values).max(), name


@pytest.mark.parametrize("axis", "xyz")
def test_killing_fields_are_the_derivative_along_rotations(axis):
    """L_K of a field is minus the change of the field that is carried along by the rotation."""
    from scipy.linalg import expm

    sphere = sd.Sphere.regular(65, 128)
    operators = sd.SphereOperators(sphere, accuracy=8)
    x, east, north = _points(sphere)
    h = 1e-4
    sides = [expm(sign * h * MATRICES[axis]) for sign in (1.0, -1.0)]
    change = np.subtract(*(_scalar(x, g)[0] for g in sides)) / (2 * h)
    found = operators.rotated_scalar(axis, _scalar(x)[0])
    assert abs(found + change).max() < 1e-5
    wind = np.array(_wind(x, east, north))
    change = np.subtract(*(np.array(_wind(x, east, north, g)) for g in sides)) / (2 * h)
    inside = np.abs(sphere.latitude.array) < np.radians(89)
    found = np.array(operators.rotated_wind(axis, *wind))
    assert abs(found + change)[:, inside].max() < 1e-4
    assert abs(found + change).max() < 1e-2  # at the poles themselves


def test_killing_fields_close_into_the_rotation_algebra():
    """[K_x, K_y] = -K_z, on scalars and on winds."""
    sphere = sd.Sphere.regular(65, 128)
    operators = sd.SphereOperators(sphere, accuracy=8)
    x, east, north = _points(sphere)
    value = _scalar(x)[0]
    k = operators.rotated_scalar
    bracket = k("x", k("y", value)) - k("y", k("x", value))
    assert abs(bracket + k("z", value)).max() < 1e-3
    wind = _wind(x, east, north)
    k2 = operators.rotated_wind
    both = np.subtract(k2("x", *k2("y", *wind)), k2("y", *k2("x", *wind)))
    inside = np.abs(sphere.latitude.array) < np.radians(85)
    assert abs(both + np.array(k2("z", *wind)))[:, inside].max() < 1e-3


@pytest.mark.parametrize("kind", ["", "_gaussian"])
def test_an_independent_package_finds_the_same_derivatives(kind):
    """windspharm and Spherepack, by spherical harmonics, of a real wind; we by differences of order 10."""
    ds = open_dataset("winds_200hPa")
    lat = ds["lat" + kind].values
    sphere = sd.Sphere.degrees(lat, ds.lon.values, radius=ds.attrs["radius"])
    assert sphere.gaussian_latitudes is bool(kind)
    operators = sd.SphereOperators(sphere, accuracy=10)
    get = lambda name: ds[name + kind].values.astype(float)  # noqa: E731
    inside = np.abs(lat) < 80

    def error(found, name):
        truth = get(name)[inside]
        return np.sqrt(np.mean((found[inside] - truth) ** 2) / np.mean(truth**2))

    u, v = get("wind_east"), get("wind_north")
    assert error(operators.vorticity(u, v), "vorticity") < 1e-3
    assert error(operators.divergence(u, v), "divergence") < 1e-2
    slope_east, slope_north = operators.gradient(get("streamfunction"))
    assert error(-slope_north, "rotational_east") < 1e-4
    assert error(slope_east, "rotational_north") < 1e-4


def test_a_sector_has_ends():
    sphere = sd.Sphere.degrees(np.linspace(30, 60, 31), np.linspace(0, 90, 46))
    assert not sphere.wraps
    x, east, north = _points(sphere)
    value, slope = _scalar(x)
    found = sd.SphereOperators(sphere).gradient(value)
    assert abs(found[0] - (slope * east).sum(-1)).max() < 1e-6
    assert abs(found[1] - (slope * north).sum(-1)).max() < 1e-6


def test_quadrature_of_the_sphere():
    for make in GRIDS.values():
        sphere = make(40)
        x, _, _ = _points(sphere)
        weights = sphere.weights
        assert weights.sum() == pytest.approx(4 * np.pi, rel=1e-12)
        tolerance = 1e-10 if sphere.gaussian_latitudes else 1e-2
        assert (weights * x[..., 2] ** 2).sum() == pytest.approx(4 * np.pi / 3, rel=tolerance)


def test_spheres_hash_and_refuse_what_is_none():
    assert sd.Sphere.regular(9, 16) == sd.Sphere.regular(9, 16)
    assert hash(sd.Sphere.regular(9, 16)) == hash(sd.Sphere.regular(9, 16))
    assert sd.Sphere.degrees([0, 1, 2], [170, 180, -170, -160]).longitude.array[-1] == pytest.approx(np.radians(200))
    with pytest.raises(sd.InputError, match="if these are degrees"):
        sd.Sphere(sd.Frozen([0.0, 10.0, 20.0]), sd.Frozen([0.0, 1.0, 2.0]))
    with pytest.raises(sd.InputError, match="radius"):
        sd.Sphere.regular(9, 16, radius=-1.0)
    with pytest.raises(sd.InputError, match="rotation is about"):
        sd.SphereOperators(sd.Sphere.regular(9, 16)).rotated_scalar("w", np.zeros((9, 16)))
    with pytest.raises(sd.InputError, match="values on this sphere"):
        sd.SphereOperators(sd.Sphere.regular(9, 16)).laplacian(np.zeros((16, 9)))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_rotation_carries_itself_along_the_slope_of_its_square(axis):
    """Killing fields: (K . grad) K = -grad |K|^2 / 2."""
    sphere = sd.Sphere.regular(37, 72, radius=2.0)
    operators = sd.SphereOperators(sphere)
    lat, lon = np.meshgrid(sphere.latitude.array, sphere.longitude.array, indexing="ij")
    u, v = {
        "x": (-np.cos(lon) * np.sin(lat), np.sin(lon)),
        "y": (-np.sin(lon) * np.sin(lat), -np.cos(lon)),
        "z": (np.cos(lat), 0 * lat),
    }[axis]
    carried = operators.advection_of_wind(u, v, u, v)
    np.testing.assert_allclose(carried, operators.gradient(-(u**2 + v**2) / 2), atol=1e-6)
