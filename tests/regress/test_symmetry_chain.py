"""`identify(symmetry=...)`: what the data support is enforced, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import symdyn as sd

TIMES = np.arange(0, 6, 0.02)


def runs(rate, noise: float, count: int = 12, seed: int = 0) -> list[dict]:
    rng, out = np.random.default_rng(seed), []
    for start in rng.uniform(-1.5, 1.5, (count, 2)):
        x = solve_ivp(rate, (0, TIMES[-1]), start, t_eval=TIMES, rtol=1e-9, atol=1e-9).y
        x = x + noise * x.std() * rng.normal(size=x.shape)
        out.append({"time": TIMES, "x": x[0], "y": x[1]})
    return out


def hopf(t, s):
    grow = 1 - s[0] ** 2 - s[1] ** 2
    return [grow * s[0] - s[1], s[0] + grow * s[1]]


def van_der_pol(t, s):
    return [s[1], (1 - s[0] ** 2) * s[1] - s[0]]


@pytest.fixture(scope="module")
def noisy():
    data = runs(hopf, 0.02)
    return data, sd.identify(data, library=sd.Monomials(3), symmetry="auto")


def test_the_rotation_is_found_named_enforced_and_its_gain_told(noisy):
    _, law = noisy
    said = "\n".join(law.stages)
    assert "symmetry: R, acting as rotations of (x, y)" in said
    assert "20 free coefficients become 4" in said
    assert "error when integrated over the data" in said
    c = {(term, target): law.coefficient(term, target)[0] for term in law.term_names for target in ("x", "y")}
    assert c["x", "x"] == pytest.approx(c["y", "y"], rel=1e-12)  # the symmetry holds exactly
    assert c["y", "x"] == pytest.approx(-c["x", "y"], rel=1e-12)
    np.testing.assert_allclose([c["x", "x"], c["x", "y"], c["x^3", "x"]], [1, 1, -1], atol=0.05)


def test_the_law_under_a_found_symmetry_is_saved(noisy, tmp_path):
    _, law = noisy
    law.save(tmp_path / "law.symdyn")
    again = sd.load(tmp_path / "law.symdyn")
    np.testing.assert_array_equal(again.coefficients, law.coefficients)
    assert again.stages == law.stages


def test_a_law_of_noisy_states_has_a_score(noisy):
    data, law = noisy
    found = law.score(data)
    assert float(found.r2.median()) > 0.9
    assert "rate_r2" not in found


def test_clean_data_support_it_too():
    law = sd.identify(runs(hopf, 0.0), library=sd.Monomials(3), symmetry="auto")
    assert "acting as rotations" in "\n".join(law.stages)


def test_no_symmetry_is_invented():
    data = runs(van_der_pol, 0.02)
    law = sd.identify(data, library=sd.Monomials(3), symmetry="auto")
    plain = sd.identify(data, library=sd.Monomials(3))
    assert any("none was enforced" in stage for stage in law.stages)
    np.testing.assert_array_equal(law.coefficients, plain.coefficients)


@pytest.mark.slow
def test_a_named_candidate_is_tested_not_believed(noisy):
    turn = sd.Action.polynomial({"turn": {"x": "-y", "y": "x"}})
    law = sd.identify(noisy[0], library=sd.Monomials(3), symmetry=turn)
    assert "20 free coefficients become 4" in "\n".join(law.stages)
    wrong = sd.identify(runs(van_der_pol, 0.02), library=sd.Monomials(3), symmetry=turn)
    assert any("contradicted" in stage for stage in wrong.stages)
    assert wrong.stats.free == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symmetry": "auto", "library": "auto"}, "one library"),
        ({"symmetry": "so(3)"}, 'symmetry is "auto", or candidates'),
        ({"symmetry": "auto", "discrete": True}, "laws of rates"),
        ({"symmetry": "auto", "action": sd.Action.polynomial({"turn": {"x": "-y", "y": "x"}})}, "either action="),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(runs(hopf, 0.0, 2), **options)
