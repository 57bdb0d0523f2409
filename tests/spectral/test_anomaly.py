"""Departures from a law: calibrated under it, found beside it, and what does not fit."""

import numpy as np
import pytest

import symdyn as sd

SPACE = sd.SphereHarmonics(3, 3)
TURNS = sd.Group("turns", sd.LieAlgebra("so(2)", np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]])))


def told(count: int, *, noise=None, bump=0.0, draws=200):
    """Anomalies of z^2 + z^3 with noise 0.1, which turns about the axis do not change, and of a bump that they do."""
    fixed = sd.fixed_space(SPACE, TURNS)
    for seed in range(draws):
        rng, x = np.random.default_rng([seed, 1]), SPACE.draw(count, seed)
        y = x[:, 2] ** 2 + x[:, 2] ** 3 + bump * x[:, 0] * x[:, 1] + 0.1 * rng.normal(size=count)
        yield sd.symmetry_anomaly(x, y, space=SPACE, group=TURNS, fixed=fixed, noise=noise, level=0.05)


@pytest.mark.parametrize(("count", "noise"), [(40, None), (40, 0.1), (12, 0.1)], ids=["F", "chi2", "few data"])
def test_the_threshold_is_calibrated(count, noise):
    found = list(told(count, noise=noise))
    assert np.mean([a.anomalous for a in found]) == pytest.approx(0.05, abs=0.035)
    assert np.mean([a.p_value for a in found]) == pytest.approx(0.5, abs=0.07)
    assert found[0].dof == min(16 - 4, count - 4)


def test_a_broken_symmetry_is_found_and_its_level_named():
    for anomaly in told(200, bump=0.5, draws=3):
        assert anomaly.anomalous
        assert anomaly.levels[np.argmin(anomaly.contribution_p)] == 2
        assert "departs from the symmetry" in str(anomaly)
        assert anomaly.noise == pytest.approx(0.1, rel=0.2)


def test_flagged_rows_are_false_as_often_as_they_may_be():
    rates, hits = {"noise": [], "reference": []}, []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        scatter = np.array([1.0, 3.0])
        rows = scatter * rng.normal(size=(200, 2))
        rows[:20] += 6 * scatter
        for name, known in (
            ("noise", {"noise": scatter}),
            ("reference", {"reference": scatter * rng.normal(size=(3000, 2))}),
        ):
            found = sd.departures(rows, level=0.1, **known)
            rates[name].append(found.flagged[20:].sum() / max(found.count, 1))
            hits.append(found.flagged[:20].mean())
    assert np.mean(hits) > 0.95
    assert max(np.mean(r) for r in rates.values()) < 0.13
    assert min(np.mean(r) for r in rates.values()) > 0.05  # and not more careful than it says
    assert "of 200 rows depart" in str(found)


def test_nothing_is_an_outcome():
    assert sd.departures(np.zeros((5, 1)), noise=1.0).count == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give noise=, or reference="),
        ({"noise": 1.0, "reference": np.ones(50)}, "not both"),
        ({"noise": -np.eye(1)}, "positive deviations"),
        ({"noise": 1.0, "level": 2}, "share between 0 and 1"),
        ({"reference": np.ones(5)}, "give no p value below"),
        ({"reference": np.ones((50, 2))}, "reference has 2 components"),
        ({"reference": [np.nan]}, "reference need finite rows"),
    ],
)
def test_departures_name_what_does_not_fit(options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.departures(np.ones(4), **options)


def test_anomalies_name_what_does_not_fit():
    x = SPACE.draw(10)
    for y, options, message in (
        (np.ones(10), {}, "do not tell the noise"),
        (np.ones(10), {"noise": 0.0}, "positive number"),
        (np.ones(10), {"noise": 1.0, "level": 0}, "probability between"),
        (np.ones((10, 2)), {"noise": 1.0}, "values have 2 components"),
    ):
        with pytest.raises(sd.InputError, match=message):
            sd.symmetry_anomaly(x, y, space=SPACE, group=TURNS, **options)
