"""Laws of a short list matched to noisy samples as trajectories."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import symdyn as sd
from symdyn._types import double_precision
from symdyn.data.door import read
from symdyn.library import Subset
from symdyn.regress.joint.collocation import Collocation, field_of_model
from symdyn.regress.joint.grid import grid
from symdyn.regress.joint.host import HostCollocation
from symdyn.regress.strategy.matching import Matching, between, variance_shape

TIMES = np.linspace(0, 10, 300)


def falling(noise: float, seed: int = 0) -> dict:
    speed = 68.0 * np.tanh(9.81 / 68.0 * TIMES + 0.01)
    return {"time": TIMES, "v": speed * (1 + noise * np.random.default_rng(seed).normal(size=speed.shape))}


def fitted(data, library) -> sd.Solution:
    return sd.identify(data, library=library, solver=sd.LeastSquares(), differentiation=sd.WeakForm(generalised=False))


@pytest.fixture(scope="module")
def pendulum():
    rate = lambda _, s: [s[1], -np.sin(s[0]) - 0.1 * s[1]]  # noqa: E731
    states = solve_ivp(rate, (0, 10), [1.0, 0.3], "LSODA", TIMES, rtol=1e-10).y
    states = states + 0.01 * np.random.default_rng(0).normal(size=states.shape)
    return {"time": TIMES, "x": states[0], "y": states[1]}


def test_the_host_computes_what_the_compiled_problem_does(pendulum):
    law = fitted(pendulum, sd.Monomials(2) + sd.Waves(1, ("x",)))
    matching = Matching.of(read(pendulum, law.settings.reading), law.settings)
    assert matching is not None
    nodes = grid(matching.runs, 2)
    host = HostCollocation(law.model, nodes)
    with double_precision():
        weights = np.asarray(jnp.asarray(law.model.weights))
    other = Collocation(field_of_model(law.model), nodes, host.offset, host.basis)
    states, noise = between(nodes, matching.smooth), np.array([0.01, 0.02])
    for mine, theirs in zip(host(states, weights, noise, 0.1), other(states, weights, noise, 0.1), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max())


def test_a_trajectory_tells_laws_apart_that_rates_cannot():
    data = falling(0.05)
    laws = {text: fitted(data, Subset(sd.Monomials(3), ("1", text))) for text in ("v", "v^2", "v^3")}
    matching = Matching.of(read(data, laws["v"].settings.reading), laws["v"].settings)
    assert matching is not None
    scores = {}
    for text, law in laws.items():
        match = matching.match(law, 0.0)
        assert match is not None
        scores[text] = match.score
    assert scores["v^2"] < scores["v"] - 10
    assert scores["v^2"] < scores["v^3"] - 10


def test_noise_that_grows_with_the_state_is_seen():
    rng = np.random.default_rng(1)
    level = np.linspace(0.1, 10, 500)
    grown = variance_shape(level, 0.05 * level * rng.normal(size=500))
    assert grown[-1] / grown[0] > 100
    np.testing.assert_array_equal(variance_shape(level, 0.05 * rng.normal(size=500)), np.ones(500))


def test_identify_takes_the_law_by_its_trajectory():
    law = sd.identify(falling(0.05), library="auto")
    assert "trajectory" in law.stages[-1]
    assert law.active_terms == ("1", "v^2")
    lower, upper = law.interval(0.999)
    assert lower[law.term_names.index("1"), 0] < 9.81 < upper[law.term_names.index("1"), 0]
    assert law.stats.noise[0] > 0


@pytest.mark.slow
def test_truncated_differences_do_not_call_for_more_terms():
    rate = lambda _, s: [1 - 4.03 * s[0] + 3.1 * s[0] ** 2 * s[1], 3.03 * s[0] - 3.1 * s[0] ** 2 * s[1]]  # noqa: E731
    states = solve_ivp(rate, (0, 10), [2.1, 1.3], "LSODA", TIMES, rtol=1e-11, atol=1e-12).y
    law = sd.identify(
        {"time": TIMES, "x": states[0], "y": states[1]}, library=sd.AutomaticLibrary(degree=3, functions=False)
    )
    assert law.stats.active == 5
    assert law.coefficient("x^2 y", "x")[0] == pytest.approx(3.1, rel=1e-3)


def test_what_was_asked_for_is_heeded():
    law = sd.identify(falling(0.05), library="auto", differentiation=sd.WeakForm())
    assert law.stages == ()
