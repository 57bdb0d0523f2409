"""Laws of fields with diagnosed winds, on spheres and between ends; growth, ends of solutions, wrong inputs."""

import jax
import numpy as np
import pytest
import xarray as xr

import symdyn as sd

KEY = jax.random.key(2)


def _opened(system, variables=None, **options):
    data = sd.make_fields(system, key=KEY, **options)
    variables = variables or list(sd.FIELD_SYSTEMS[system].variables)
    return sd.open_fields(data, variables, periodic=data.attrs["periodic"].split())


def _error(run, fields, name="u", at=-1):
    truth = fields.component(name)[at]
    return float(np.abs(run.component(name)[at] - truth).max() / np.abs(truth).max())


def _fluxes(system, terms, variables=None, rate_of=None, rtol=0.0, **options):
    """A law with the terms given, fitted to clean fields, and the fields."""
    fields = _opened(system, variables, **options)
    law = sd.identify_field(fields, library=sd.Fluxes(terms), rate_of=rate_of, solver=sd.LeastSquares())
    return law, fields


@pytest.mark.slow
def test_vorticity_in_the_plane_with_its_wind():
    terms = {
        "advection": {"x": "u vorticity", "y": "v vorticity"},
        "laplacian": {"x x": "vorticity", "y y": "vorticity"},
    }
    law, fields = _fluxes(
        "navier_stokes", terms, ["vorticity", "u", "v"], "vorticity", shape=32, times=np.linspace(0, 1, 41)
    )
    run = sd.simulate_field(law, fields, given=sd.RotationalWind())
    assert _error(run, fields, "vorticity") < 2e-3
    frozen = sd.simulate_field(law, fields, given=("u", "v"))
    assert _error(frozen, fields, "vorticity") > 0.05
    with pytest.raises(sd.InputError, match="does not say how u, v change"):
        sd.simulate_field(law, fields)
    start = sd.Fields.of(sd.Grid(fields.grid.space), vorticity=fields.component("vorticity")[0])
    with pytest.raises(sd.InputError, match="does not diagnose v"):
        sd.simulate_field(law, start, [0.0, 1.0, 2.0], given=lambda grid, values: {"u": values["vorticity"]})


def test_vorticity_on_the_sphere_with_its_wind():
    data = sd.make_fields("barotropic_vorticity", key=KEY, shape=(32, 64), times=10800.0 * np.arange(25))
    fields = sd.open_fields(data, ["vorticity", "u", "v"])
    fields = fields.with_field("sine", np.sin(fields.grid.sphere.latitude.array)[:, None])
    metric = {"latitude": "lat", "radius": fields.grid.sphere.radius}
    terms = {"relative": {"lon": "u vorticity", "lat": "v vorticity"}, "planetary": {"lon": "sine u", "lat": "sine v"}}
    law = sd.identify_field(fields, library=sd.Fluxes(terms, **metric), rate_of="vorticity")
    score = law.score(fields, given=sd.RotationalWind())
    assert float(score.error[-1, 0]) < 0.1
    assert float(score.persistence[-1, 0]) > 0.8
    with pytest.raises(sd.InputError, match="does not say how u, v, sine change"):
        sd.simulate_field(law, fields)


def _cole_hopf(n=121):
    nu, x, t = 0.1, np.linspace(-3, 3, n), np.linspace(0.0, 2.0, 121)
    theta, slope = np.ones((len(t), len(x))), np.zeros((len(t), len(x)))
    for k, a in ((1.0, 2.0), (-1.5, 1.0), (2.0, 0.3)):
        wave = a * np.exp(k * x + nu * k**2 * t[:, None])
        theta, slope = theta + wave, slope + k * wave
    return sd.Fields.of(sd.Grid((sd.Box("x", x),), time=sd.Box("t", t)), u=-2 * nu * slope / theta)


def test_axes_with_ends_follow_what_is_prescribed_there():
    fields = _cole_hopf()
    law = sd.identify_field(fields)
    assert _error(sd.simulate_field(law, fields, boundary=fields), fields) < 1e-4
    held = sd.simulate_field(law, fields)
    assert _error(held, fields) > 1e-2
    start = np.broadcast_to(fields.component("u")[0, :3], (121, 3))
    np.testing.assert_allclose(held.component("u")[:, :3], start, rtol=1e-14)
    assert float(law.score(fields).skill[0]) > 0.999


def test_backward_diffusion_is_told():
    t, x = np.linspace(0.0, 1.0, 60), 2 * np.pi / 64 * np.arange(64)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t))
    fields = sd.Fields.of(grid, u=np.exp(0.1 * t[:, None]) * np.sin(x) + np.exp(0.4 * t[:, None]) * np.cos(2 * x))
    law = sd.identify_field(fields)
    assert law.coefficient("u_xx", "u")[0] < 0
    with pytest.warns(sd.SymdynWarning, match="amplifies the shortest waves"):
        sd.simulate_field(law, fields, t[:10])


def test_a_law_that_blows_up_is_told():
    t, x = np.linspace(0.0, 0.8, 60), 2 * np.pi / 32 * np.arange(32)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 32),), time=sd.Box("t", t))
    fields = sd.Fields.of(grid, u=1 / (1 + 0.1 * np.sin(x) - t[:, None]))
    law = sd.identify_field(fields, library=sd.DivergenceForm(2, order=0))
    assert law.active_terms == ("u^2",)
    with pytest.raises(sd.SymdynError, match="stopped at time"):
        sd.simulate_field(law, fields, np.linspace(0, 2, 21))


def test_wrong_inputs_are_named():
    fields = _opened("heat", shape=32)
    law = sd.identify_field(fields, library=sd.DivergenceForm(1, order=2))
    other = sd.Fields.of(sd.Grid((sd.Periodic("y", 0.0, 1.0, 16),)), u=np.zeros(16))
    lacking = sd.Fields.of(sd.Grid(fields.grid.space), v=np.zeros(32))
    holes = sd.Fields.of(sd.Grid(fields.grid.space), u=np.full(32, np.nan))
    trajectory = sd.identify({"time": np.arange(50.0), "x": np.exp(-np.arange(50.0) / 9)}, library=sd.Monomials(1))
    for start, times, message in (
        (fields.component("u"), None, "must be Fields"),
        (other, [0.0, 1.0, 2.0], "has the axes x"),
        (lacking, [0.0, 1.0, 2.0], "lacks u"),
        (holes, [0.0, 1.0, 2.0], "missing values"),
        (sd.Fields.of(sd.Grid(fields.grid.space), u=np.zeros(32)), None, "say the times"),
        (fields, [0.0, 2.0, 1.0], "increasing"),
    ):
        with pytest.raises(sd.InputError, match=message):
            sd.simulate_field(law, start, times)
    with pytest.raises(sd.InputError, match="takes a law of fields"):
        sd.simulate_field(trajectory, fields)
    flux = sd.identify_field(
        fields, library=sd.Fluxes({"a": {"": "u"}, "b": {"x x": "u"}}), rate_of=sd.Fluxes({"slope": {"x": "u"}})
    )
    with pytest.raises(sd.InputError, match="rate of 'slope', which is no field"):
        sd.simulate_field(flux, fields)


def test_fields_become_a_dataset():
    fields = _opened("heat", shape=32)
    data = fields.to_xarray()
    assert dict(data.sizes) == {"time": 201, "x": 32}
    assert data.attrs["Conventions"].startswith("CF")
    assert data.attrs["periodic"] == "x"
    again = sd.open_fields(data, periodic=["x"])  # attributes tell the axes
    np.testing.assert_array_equal(again.component("u"), fields.component("u"))


def test_winds_come_back_from_a_file(tmp_path):
    winds = sd.open_fields(sd.open_dataset("winds_340K"), ["u", "v"])
    winds.to_xarray().to_netcdf(tmp_path / "winds.nc")
    with xr.open_dataset(tmp_path / "winds.nc") as data:
        assert data.lat.attrs["units"] == "degrees_north"
        assert data.time.values[0] == sd.open_dataset("winds_340K").time.values[0]
        assert data.attrs["source"] == winds.provenance["source"]
        again = sd.open_fields(data)
        assert (again.vectors, again.origin) == (winds.vectors, winds.origin)
        for one, other in zip(again.grid.axes, winds.grid.axes, strict=True):
            np.testing.assert_allclose(one.points, other.points, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(again.component("v"), winds.component("v"))
