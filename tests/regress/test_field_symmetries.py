"""Symmetries of laws of noisy fields: which are kept by promotion, and what the evidence says."""

import numpy as np
import pytest

import symdyn as sd

BOOST = sd.Action.polynomial({"boost": {"x": "t", "u": "1"}}, time="t")
FASTER = sd.Action.polynomial({"boost": {"x": "t", "u": "2"}}, time="t")
MIRROR = sd.O(1).acting_on({("x",): sd.Point}, u=sd.Vector)
TURN = sd.SO(2).acting_on({("x", "y"): sd.Point}, u=sd.Scalar)
LINEAR = sd.Action.polynomial({"linear": {"u": "u"}})


def with_noise(u: np.ndarray, noise: float = 0.1) -> np.ndarray:
    return u + noise * np.sqrt(np.mean(u**2)) * np.random.default_rng(0).normal(size=u.shape)


@pytest.fixture(scope="module")
def burgers():
    """Cole and Hopf: u = -2 nu phi_x / phi for a solution phi of the heat equation."""
    t, x, nu = np.linspace(0, 1, 121)[:, None], 2 * np.pi / 64 * np.arange(64), 0.05
    waves = [(0.6, 1, 0.3), (0.25, 2, 1.0), (0.1, 3, 2.0)]
    phi = 1 + sum(a * np.exp(-nu * k**2 * t) * np.cos(k * x + s) for a, k, s in waves)
    slope = sum(-k * a * np.exp(-nu * k**2 * t) * np.sin(k * x + s) for a, k, s in waves)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t[:, 0]))
    return sd.Fields.of(grid, u=with_noise(-2 * nu * slope / phi, 0.05))


def plane(stretch: float = 1.0, noise: float = 0.1) -> sd.Fields:
    """Diffusion in a plane whose y was stretched: along y it is as many times faster, squared."""
    t, x = np.linspace(0, 2, 61)[:, None, None], 2 * np.pi / 32 * np.arange(32)
    waves = [(1, 1, 0, 0.1), (0.8, 0, 2, 0.5), (0.7, 2, 1, 1.0), (-0.9, 1, 3, 2.0), (0.6, 3, -1, 3.0)]
    u = sum(a * np.exp(-0.05 * (k**2 + m**2) * t) * np.cos(k * x + m * x[:, None] + s) for a, k, m, s in waves)
    axes = sd.Periodic("y", 0.0, 2 * np.pi * stretch, 32), sd.Periodic("x", 0.0, 2 * np.pi, 32)
    return sd.Fields.of(sd.Grid(axes, time=sd.Box("t", t.ravel())), u=with_noise(u, noise))


def test_a_boost_and_a_reflection_are_kept_and_wrong_ones_broken(burgers):
    found = sd.promotion(burgers, [BOOST, FASTER, MIRROR], library=sd.DivergenceForm(3, order=3))
    assert found.kept.texts == ("t d/dx + d/du", "reflection_x")
    assert found.law.coefficients[found.law.term_names.index("(u^2)_x"), 0] == pytest.approx(-0.5, abs=1e-12)
    assert found.law.stats.free < found.plain.stats.free
    said = "\n".join(found.law.stages)
    assert "1 discrete: t d/dx + d/du, reflection_x" in said
    assert "broken: t d/dx + 2 d/du" in said


def test_discrete_candidates_alone(burgers):
    law = sd.identify_field(burgers, promote=MIRROR, library=sd.DivergenceForm(3, order=3))
    assert set(law.active_terms) == {"(u^2)_x", "u_xx"}
    assert any("kept 1 discrete: reflection_x" in stage for stage in law.stages)


def test_rotations_are_kept_in_an_isotropic_plane_only():
    kept = sd.promotion(plane(), [TURN, LINEAR])
    assert set(kept.kept.texts) == {"x d/dy - y d/dx", "u d/du"}
    broken = sd.promotion(plane(1.3), [TURN, LINEAR])
    assert broken.kept.texts == ("u d/du",)
    table = dict(zip(broken.law.term_names, broken.law.coefficients[:, 0], strict=True))
    assert table["u_yy"] / table["u_xx"] == pytest.approx(1.69, rel=0.1)


def test_evidence_supports_true_symmetries_and_contradicts_false_ones(burgers):
    even = sd.symmetry_evidence(plane(), [TURN, LINEAR], tolerance=0.1)
    assert [each.verdict for each in even.findings] == ["supported", "supported"]
    uneven = sd.symmetry_evidence(plane(1.3), [TURN, LINEAR], tolerance=0.1)
    assert [each.verdict for each in uneven.findings] == ["contradicted", "supported"]
    found = sd.symmetry_evidence(burgers, [BOOST, FASTER], library=sd.DivergenceForm(3, order=3))
    assert found.findings[0].p_exact > 0.01
    assert found.findings[1].verdict == "contradicted"


def test_no_verdicts_where_noise_is_not_what_limits_the_law():
    found = sd.symmetry_evidence(plane(noise=0.0), TURN)
    assert [each.verdict for each in found.findings] == ["undecided"]
    assert any("no verdicts" in note for note in found.notes)


def test_balances_and_other_data_are_refused(burgers):
    with pytest.raises(sd.InputError, match="not for balances"):
        sd.promotion(burgers, BOOST, time_order=0, rate_of="u")
    with pytest.raises(sd.InputError, match="leave data= and domain= out"):
        sd.symmetry_evidence(burgers, BOOST, domain={"u": (-1, 1)})
