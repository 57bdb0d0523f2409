"""The weak form on a sphere: metric terms against operators at the points, and the vorticity of real winds."""

import numpy as np
import pytest

import symdyn as sd

ROTATION = 1.4584e-4  # s-1, twice the rate of the Earth


def _sphere_fields(sphere, n=24):
    phi, lam = np.meshgrid(sphere.latitude.array, sphere.longitude.array, indexing="ij")
    x, y, z = np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)
    t = np.linspace(0, 1, n)
    turned = lambda f: np.stack([f(np.cos(s) * x - np.sin(s) * y, np.sin(s) * x + np.cos(s) * y, z) for s in t])  # noqa: E731
    psi, q = turned(lambda a, b, c: a * b * c + 0.5 * a**3), turned(lambda a, b, c: np.exp(0.5 * b) * c + a)
    operators = sd.SphereOperators(sphere, accuracy=8)
    slope_east, slope_north = operators.gradient(psi)
    grid = sd.Grid((sphere,), time=sd.Box("time", t))
    return sd.Fields.of(grid, u=-slope_north + slope_east, v=slope_east + slope_north, q=q), operators


@pytest.mark.parametrize(
    "sphere",
    [sd.Sphere.regular(61, 90, radius=3.0), sd.Sphere.gaussian(60, 90, radius=3.0),
     sd.Sphere.degrees(np.linspace(75, 15, 41), np.linspace(-40, 60, 51), radius=3.0)],
    ids=["regular", "gaussian", "sector, from the north"],
)  # fmt: skip
def test_derivatives_on_the_bump_are_those_at_the_points(sphere):
    fields, operators = _sphere_fields(sphere)
    u, v, q = (fields.component(name) for name in "uvq")
    at_points = {
        "divergence": operators.divergence(q * u, q * v), "vorticity": operators.vorticity(u, v),
        "east": operators.gradient(q)[0], "laplacian": operators.laplacian(q),
    }  # fmt: skip
    for name, values in at_points.items():
        fields = fields.with_field(name + "_there", values)
    library = sd.Fluxes(
        {
            "divergence": {"lon": "q u", "lat": "q v"}, "vorticity": {"lon": "v", "lat": "-u"}, "east": {"lon": "q"},
            **{f"{name}_there": {"": f"{name}_there"} for name in at_points},
        }, latitude="lat", radius=3.0,
    )  # fmt: skip
    form = sd.FieldWeakForm(half_width={"time": 8, "lat": 8, "lon": 8}, stride=3, q=7)
    rows = sd.field_rows(fields, library, form=form, order=1)
    for name in ("divergence", "vorticity", "east"):
        ours, there = (rows.design[:, rows.names.index(n)] for n in (name, name + "_there"))
        np.testing.assert_allclose(ours, there, atol=2e-4 * abs(there).max(), err_msg=name)
    # by plain coordinates: q_lat, q_lon and the Laplacian from them
    plain = sd.field_rows(fields, sd.Monomials(1, variables=("q_lat", "q_lon", "q_lat_lat")), form=form)
    for name, orders in (("q_lat", {"latitude": 1}), ("q_lon", {"longitude": 1}), ("q_lat_lat", {"latitude": 2})):
        column = plain.design[:, plain.names.index(name)]
        value = fields.with_field("w", operators.partial(q, **orders))
        there = sd.field_rows(value, sd.Monomials(1, variables=("w",)), form=form)
        np.testing.assert_allclose(column, there.design[:, there.names.index("w")], atol=1e-3 * abs(column).max())


def test_the_rate_of_a_turning_field_is_its_derivative_by_longitude():
    fields, _ = _sphere_fields(sd.Sphere.regular(61, 90, radius=3.0))
    form = sd.FieldWeakForm(half_width={"time": 8, "lat": 8, "lon": 8}, stride=4)
    rows = sd.field_rows(fields, sd.Monomials(1, variables=("q_lon", "q_lat")), form=form, rate_of="q")
    law = np.linalg.lstsq(rows.design, rows.targets[:, 0])[0]
    np.testing.assert_allclose(law, [float(name == "q_lon") for name in rows.names], atol=2e-4)


def test_fluxes_need_the_latitude_and_the_radius_of_the_sphere():
    fields, _ = _sphere_fields(sd.Sphere.regular(31, 40, radius=3.0))
    for library in (sd.Fluxes({"a": {"lon": "q"}}), sd.DivergenceForm(1, latitude="lat")):
        with pytest.raises(sd.InputError, match=r"need latitude='lat', radius=3"):
            sd.field_rows(fields, library)


def _vorticity_rows(half):
    winds = sd.open_fields(sd.open_dataset("winds_340K"), ["u", "v"])
    sphere = winds.grid.sphere
    zeta = sd.SphereOperators(sphere).vorticity(winds.component("u"), winds.component("v"))
    fields = winds.with_field("zeta", zeta).with_field("sine", np.sin(sphere.latitude.array)[:, None])
    on = {"latitude": "lat", "radius": sphere.radius}
    library = sd.Fluxes(
        {
            "advection": {"lon": "zeta u", "lat": "zeta v"}, "rotation": {"lon": "sine u", "lat": "sine v"},
            "drag": {"lon": "v", "lat": "-u"}, "divergence": {"lon": "u", "lat": "v"},
        }, **on,
    )  # fmt: skip
    vorticity = sd.Fluxes({"vorticity": {"lon": "v", "lat": "-u"}}, **on)
    form = sd.FieldWeakForm(half_width=half, stride={"time": 1, "lat": half["lat"] // 2, "lon": half["lon"] // 2})
    return sd.field_rows(fields, library, rate_of=vorticity, form=form, order=1)


@pytest.mark.parametrize("half", [12, 16])
def test_real_winds_obey_the_equation_of_absolute_vorticity(half):
    rows = _vorticity_rows({"time": 4, "lat": half, "lon": half})
    lat = np.degrees(rows.centres[:, 1])
    north, south = (lat > 20) & (lat < 70), (lat < -20) & (lat > -70)
    weight = np.sqrt(np.cos(np.radians(lat)))[:, None]

    def law(some):
        return np.linalg.lstsq((rows.design * weight)[some][:, :2], (rows.targets * weight)[some, 0])[0]

    for here, there in ((north, south), (south, north)):
        advection, rotation = -law(here)
        assert 0.85 < advection < 1.02
        assert 0.80 < rotation / ROTATION < 1.05
        predicted = (rows.design * weight)[there][:, :2] @ law(here)
        truth = (rows.targets * weight)[there, 0]
        assert 1 - np.sum((truth - predicted) ** 2) / np.sum(truth**2) > 0.9  # the other hemisphere, not seen
