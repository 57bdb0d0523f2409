"""Windows that move: the law stays that of the fields at rest, and few samples in time resolve what passes by."""

import numpy as np
import pytest

import symdyn as sd

SPEED, DIFFUSIVITY = 7.0, 0.05


def _passing(step=0.15, n=64, steps=40):
    """Waves that pass by at a speed and decay: u_t = -c u_x + D u_xx."""
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, n),), time=sd.Box("t", step * np.arange(steps)))
    x, t = grid.axes[1].points, grid.time.points[:, None]
    waves = [a * np.exp(-DIFFUSIVITY * k**2 * t) * np.sin(k * (x - SPEED * t) + k) for k, a in ((1, 1), (3, 1), (6, 1))]
    return sd.Fields.of(grid, u=sum(waves))


@pytest.mark.parametrize("speed", [SPEED, 6.3])
def test_moving_windows_resolve_what_passes_by(speed):
    fields, library = _passing(), sd.Fluxes({"u_x": {"x": "u"}, "u_xx": {"x x": "u"}})
    size = {"half_width": {"t": 6, "x": 10}, "stride": 2}
    rest = sd.identify_field(fields, library=library, form=sd.FieldWeakForm(**size))
    moving = sd.identify_field(fields, library=library, form=sd.FieldWeakForm(**size, drift={"x": speed}))
    np.testing.assert_allclose(moving.coefficients[:, 0], [-SPEED, DIFFUSIVITY], rtol=2e-3)
    assert abs(rest.coefficients[1, 0] / DIFFUSIVITY - 1) > 0.2


def test_second_derivatives_in_moving_windows():
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 48),), time=sd.Box("t", np.linspace(0, 3, 80)))
    x, t = grid.axes[1].points, grid.time.points[:, None]
    fields = sd.Fields.of(grid, u=np.sin(2 * (x - t)) + np.cos(3 * (x + t)) + np.sin(x - t))
    form = sd.FieldWeakForm(half_width=10, stride=4, drift={"x": 0.4})
    law = sd.identify_field(fields, library=sd.Fluxes({"u_xx": {"x x": "u"}}), time_order=2, form=form)
    np.testing.assert_allclose(law.coefficients, 1.0, rtol=1e-3)


def test_windows_that_move_on_a_sphere_have_its_metric():
    """Winds that turn as a whole: their vorticity changes by its derivative eastward, whichever way windows move."""
    turning, sphere = 0.3, sd.Sphere.regular(37, 72, radius=2.0)
    grid = sd.Grid((sphere,), time=sd.Box("time", np.linspace(0, 2, 30)))
    lat, lon = sphere.latitude.array[:, None], sphere.longitude.array - turning * grid.time.points[:, None, None]
    u, v = np.cos(lat) ** 2 * np.sin(2 * lon + lat), np.cos(lat) * np.cos(3 * lon)
    fields = sd.Fields.of(grid, u=u, v=v).with_field("cosine", np.cos(lat))
    metric = {"latitude": "lat", "radius": 2.0}
    vorticity = sd.Fluxes({"vorticity": {"lon": "v", "lat": "-u"}}, **metric)
    eastward = sd.Fluxes({"a": {"lon lon": "v cosine", "lat lon": "-u cosine"}}, **metric)
    centres = []
    for speed in (None, turning, -0.5):
        drift = None if speed is None else {"lon": speed}
        form = sd.FieldWeakForm(half_width={"time": 8, "lat": 6, "lon": 6}, stride=3, drift=drift)
        rows = sd.field_rows(fields, eastward, rate_of=vorticity, form=form)
        np.testing.assert_allclose(rows.targets, -turning * 2.0 * rows.design, atol=2e-3 * abs(rows.targets).max())
        centres.append(rows.centres)
    moved = (centres[2] - centres[0])[:, 2] + 0.5 * centres[0][:, 0]
    np.testing.assert_allclose(np.sin(moved / 2), 0.0, atol=1e-12)


def test_values_are_read_when_they_are_used_and_shifted_between_the_samples():
    fields = _passing(steps=9)
    moved = fields.moving("x", SPEED)
    decay = sum(
        a * np.exp(-DIFFUSIVITY * k**2 * 0.75) * np.sin(k * fields.grid.axes[1].points + k)
        for k, a in ((1, 1), (3, 1), (6, 1))
    )
    np.testing.assert_allclose(moved.values[0][5], decay, atol=1e-12)
    np.testing.assert_allclose(moved.slab(5, 7)[0, 0], decay, atol=1e-12)
    np.testing.assert_allclose(moved.values[0][5:6, 3:9], decay[None, 3:9], atol=1e-12)
    holes = fields.component("u").copy()
    holes[4, 7] = np.nan
    gaps = sd.Fields.of(fields.grid, u=holes)
    whole = 2 * np.pi / 64 / 0.15  # one sample a step
    assert np.isnan(gaps.moving("x", whole).component("u")[4, 3])
    with pytest.raises(sd.InputError, match="whole samples"):
        gaps.moving("x", SPEED).component("u")
    with pytest.raises(sd.InputError, match="periodic axes; 'x' has ends"):
        sd.Fields.of(
            sd.Grid((sd.Box("x", np.arange(9.0)),), time=sd.Box("t", np.arange(9.0))), u=np.ones((9, 9))
        ).moving("x", 1.0)
    with pytest.raises(sd.InputError, match="along one axis"):
        sd.FieldWeakForm(drift={"x": 1.0, "y": 2.0})
