"""Laws of fields of which no side is known: each term in turn as the left-hand side."""

import numpy as np
import pytest

import symdyn as sd


def _solitary_waves(noise=0.0):
    """Benjamin, Bona, Mahony 1972: u_t + u_x + u u_x = u_xxt, two solitary waves that move apart."""
    t, x = np.linspace(0, 8, 81), np.linspace(-30, 60, 361)
    u = sum(
        3 * (c - 1) / np.cosh(0.5 * np.sqrt(1 - 1 / c) * (x - place - c * t[:, None])) ** 2
        for c, place in ((1.4, -12.0), (3.0, 14.0))
    )
    u = u + noise * u.std() * np.random.default_rng(0).normal(size=u.shape)
    return sd.Fields.of(sd.Grid((sd.Box("x", x),), time=sd.Box("t", t)), u=u)


DISPERSIVE = sd.Fluxes(
    {
        "u_t": {"t": "u"}, "u_x": {"x": "u"}, "u u_x": {"x": "0.5 u^2"}, "u_xx": {"x x": "u"}, "u_xxx": {"x x x": "u"},
        "u_xxt": {"t x x": "u"}, "u_tt": {"t t": "u"}, "u": {"": "u"},
    }
)  # fmt: skip


@pytest.mark.parametrize("noise", [0.0, pytest.param(0.02, marks=pytest.mark.slow)])
def test_a_mixed_derivative_that_no_rate_stands_alone_in(noise):
    found = sd.identify_field_implicit(_solitary_waves(noise), library=DISPERSIVE, order=3)
    best = found.relations[0]
    assert best.support == {"u_t", "u_x", "u u_x", "u_xxt"}
    law = found.solved_for("u_xxt")
    names = ("u_t", "u_x", "u u_x")
    np.testing.assert_allclose([law.coefficients[law.term_names.index(n), 0] for n in names], 1.0, rtol=0.05)
    if not noise:
        assert best.share == 1.0
        assert found.law.stats.residual[0] < 0.01
    assert "* u_t" in str(found)


def test_the_order_in_time_is_found_too():
    t, x = np.linspace(0.0, 3.0, 60), 2 * np.pi / 64 * np.arange(64)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t))
    waves = ((1, 1, 0), (3, -1, 1), (2, 1, 2), (1, -1, 0.5))
    u = sum(np.sin(k * (x - 0.7 * sign * t[:, None]) + phase) for k, sign, phase in waves)
    found = sd.identify_field_implicit(sd.Fields.of(grid, u=u), library=sd.DivergenceForm(1, order=2))
    assert found.relations[0].support == {"u_tt", "u_xx"}
    np.testing.assert_allclose(found.solved_for("u_tt").coefficients.max(), 0.49, rtol=1e-2)


def test_fields_without_a_time_and_chosen_left_sides():
    axes = tuple(sd.Box(name, np.linspace(0, 3, 50)) for name in ("x", "y"))
    x, y = np.meshgrid(axes[0].points, axes[1].points, indexing="ij")
    u = np.exp(x) * np.sin(np.sqrt(5) * y) + np.sin(2 * x) + np.cos(1.2 * x) * np.cos(1.6 * y)
    found = sd.identify_field_implicit(
        sd.Fields.of(sd.Grid(axes), u=u), library=sd.DivergenceForm(1, order=2), left_sides=("u", "u_xx")
    )
    assert found.relations[0].support == {"u", "u_xx", "u_yy"}  # Helmholtz's equation
    law = found.solved_for("u")
    np.testing.assert_allclose(law.coefficients[law.coefficients != 0], -0.25, rtol=1e-2)
    with pytest.raises(sd.InputError, match="was no left-hand side"):
        found.solved_for("u_x")


def test_what_cannot_be_used_is_named():
    with pytest.raises(sd.InputError, match="left_sides names 'u_q'"):
        sd.identify_field_implicit(_solitary_waves(), library=DISPERSIVE, left_sides=("u_q",))
    with pytest.raises(sd.InputError, match="two terms"):
        sd.identify_field_implicit(_solitary_waves(), library=sd.Fluxes({"u": {"": "u"}}))
