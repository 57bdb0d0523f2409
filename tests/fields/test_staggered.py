"""Variables on staggered grids, opened by their attributes or by a keyword, on one grid to high order."""

import numpy as np
import pytest
import xarray as xr

import symdyn as sd

TURN = 2 * np.pi


def _axis(dim, points, axis, shift=None):
    attrs = {"axis": axis} if shift is None else {"axis": axis, "c_grid_axis_shift": shift}
    return dim, points, attrs


def _c_grid(n=32, marked=True):
    """A tracer in winds, periodic in x and between walls in y: u at the left faces, v at all faces, walls included."""
    t, step = np.linspace(0, 1, 24), TURN / n
    centres, y_c, y_g = step * (np.arange(n) + 0.5), (np.arange(20) + 0.5) / 20, np.arange(21) / 20
    x = {"x_c": centres, "x_g": step * np.arange(n)}
    u = lambda y, x: np.cos(x - t[:, None, None]) * (1 + y[:, None] ** 2)  # noqa: E731
    v = lambda y, x: np.sin(x + t[:, None, None]) * y[:, None] * (1 - y[:, None])  # noqa: E731
    data = xr.Dataset(
        {
            "q": (("t", "y_c", "x_c"), np.sin(2 * x["x_c"] - t[:, None, None]) + y_c[:, None]),
            "u": (("t", "y_c", "x_g"), u(y_c, x["x_g"])),
            "v": (("t", "y_g", "x_c"), v(y_g, x["x_c"])),
        },
        coords={
            "t": _axis("t", t, "T"), "x_c": _axis("x_c", x["x_c"], "X"), "y_c": _axis("y_c", y_c, "Y"),
            "x_g": _axis("x_g", x["x_g"], "X", -0.5), "y_g": _axis("y_g", y_g, "Y", 0.5),
        },
    )  # fmt: skip
    if not marked:
        for name in ("x_g", "y_g"):
            del data[name].attrs["c_grid_axis_shift"]
    return data, u(y_c, x["x_c"]), v(y_c, x["x_c"])


@pytest.mark.parametrize("marked", [True, False])
def test_attributes_or_a_keyword_bring_all_to_the_centres(marked):
    data, u, v = _c_grid(marked=marked)
    told = {} if marked else {"staggered": {"x_c": "x_g", "y_c": "y_g"}}
    found = sd.open_fields(data, ["q", "u", "v"], periodic=["x_c"], **told)
    assert found.grid.names == ("t", "y_c", "x_c")
    assert found.component_names == ("q", "u", "v")
    np.testing.assert_allclose(found.component("u"), u, atol=2e-7)
    np.testing.assert_allclose(found.component("v"), v, atol=1e-12)  # a polynomial by y
    np.testing.assert_allclose(found.slab(3, 5, (1,))[0], u[3:5], atol=2e-7)
    np.testing.assert_allclose(found.values[1][4, 2:5], u[4, 2:5], atol=2e-7)


def test_the_error_is_of_the_eighth_order():
    errors = []
    for n in (16, 32):
        data, u, _ = _c_grid(n)
        errors.append(np.abs(sd.open_fields(data, ["q", "u"], periodic=["x_c"]).component("u") - u).max())
    assert errors[0] / errors[1] > 200


def test_centres_beyond_the_outermost_face_have_no_value():
    data, u, _ = _c_grid()
    found = sd.open_fields(data, ["q", "u"]).component("u")  # x has ends now, and no face to the right
    assert np.isnan(found[..., -1]).all()
    np.testing.assert_allclose(found[..., :-1], u[..., :-1], atol=1e-5)


def test_a_law_across_staggered_variables():
    """A tracer that winds carry: products of variables that lie on three different grids."""
    t, n = np.linspace(0, 1.5, 40), 40
    centres, faces = TURN / n * (np.arange(n) + 0.5), TURN / n * np.arange(n)
    wind = lambda x: 1 + 0.5 * np.sin(x)  # noqa: E731
    whole = 4 * np.pi / np.sqrt(3)  # once around
    q = np.sin(TURN / whole * 2 * (_travel(centres) - t[:, None]))
    data = xr.Dataset(
        {"q": (("t", "x"), q), "u": (("t", "x_g"), np.broadcast_to(wind(faces), (40, n)).copy())},
        coords={"t": _axis("t", t, "T"), "x": _axis("x", centres, "X"), "x_g": _axis("x_g", faces, "X", -0.5)},
    )
    found = sd.open_fields(data, periodic=["x"])
    library = sd.Fluxes({"(u q)_x": {"x": "u q"}, "q u_x": {"": "q u_x"}, "q": {"": "q"}, "q_x": {"x": "q"}})
    law = sd.identify_field(found, library=library, rate_of="q", form=sd.FieldWeakForm(half_width=8, stride=2))
    assert law.active_terms == ("(u q)_x", "q u_x")
    np.testing.assert_allclose(law.coefficients[:2, 0], [-1, 1], rtol=5e-3)


def _travel(x):
    """The time to x in a wind of 1 + sin(x) / 2, by quadrature."""
    fine = np.linspace(0, TURN, 4001)
    slow = 1 / (1 + 0.5 * np.sin(fine))
    return np.interp(x, fine, np.r_[0, np.cumsum((slow[1:] + slow[:-1]) / 2 * np.diff(fine))])


def test_a_sphere_with_shifted_rows_and_columns():
    lat, lon = np.linspace(-85, 85, 18), np.arange(5.0, 360, 10)
    north, west = np.linspace(-90, 90, 19), np.arange(0.0, 360, 10)
    wave = lambda la, lo: np.cos(np.radians(la))[:, None] * np.cos(np.radians(lo))  # noqa: E731
    degrees = {"axis": "Y", "units": "degrees_north"}, {"axis": "X", "units": "degrees_east"}
    data = xr.Dataset(
        {"h": (("lat", "lon"), wave(lat, lon)), "u": (("lat", "lon_u"), wave(lat, west)),
         "v": (("lat_v", "lon"), wave(north, lon))},
        coords={
            "lat": ("lat", lat, degrees[0]), "lon": ("lon", lon, degrees[1]),
            "lat_v": ("lat_v", north, degrees[0] | {"c_grid_axis_shift": 0.5}),
            "lon_u": ("lon_u", west, degrees[1] | {"c_grid_axis_shift": -0.5}),
        },
    )  # fmt: skip
    for each in (data, data.isel(lat=slice(None, None, -1), lat_v=slice(None, None, -1))):
        found = sd.open_fields(each)
        assert found.grid.sphere is not None
        for name in ("u", "v"):
            np.testing.assert_allclose(found.component(name), found.component("h"), atol=1e-7)


def test_what_cannot_be_told_is_named():
    data, _, _ = _c_grid(marked=False)
    with pytest.raises(sd.InputError, match="staggered="):
        sd.open_fields(data, ["q", "u"])
    with pytest.raises(sd.InputError, match="staggered names 'x_f'"):
        sd.open_fields(data, ["q", "u"], staggered={"x_c": "x_f"})
    marked, _, _ = _c_grid()
    alone = sd.open_fields(marked, ["u"], periodic=["x_g"])  # no centres: it keeps its own grid
    assert alone.grid.names == ("t", "y_c", "x_g")
