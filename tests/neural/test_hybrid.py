"""A known part with a remainder: what training touches, files, and the equation that the remainder stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

SPACE = sd.StateSpace.of(x=2, v=2)
TURN = sd.SO(2).acting_on(x=sd.Vector, v=sd.Vector)
READING = {"rates": {"v": "dv"}, "trajectories": ("trajectory",)}


def known(now):
    return {"x": now["v"], "v": -now["x"]}


def spring(x):
    return jnp.concatenate([x[2:], -x[:2]])


def force(x, v):
    """What is missing: it turns with the plane."""
    return -0.3 * np.sum(x**2, axis=-1, keepdims=True) * x - 0.2 * v


@pytest.fixture(scope="module")
def data():
    """Noisy rates of v along short stretches."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(10, 4))
    truth = sd.NeuralLaw(
        lambda s: -s[:2] - 0.3 * jnp.sum(s[:2] ** 2) * s[:2] - 0.2 * s[2:], SPACE, ("v",), kinematics=(("x", "v"),)
    )
    run = sd.simulate(truth, start, np.linspace(0, 4, 21), rtol=1e-6)
    x, v = run.x.values, run.v.values
    made = sd.dataset(run.time.values, x=x, v=v, dv=-x + force(x, v) + 0.02 * rng.normal(size=x.shape))
    made.v.attrs["rate_of"] = "x"
    return made


def remainder(action=TURN, **options):
    widths = (4,) if action is not None else (16,)
    return sd.NeuralLaw.of(SPACE, action, widths, targets="v", key=jax.random.key(0), **options)


@pytest.fixture(scope="module")
def trained(data):
    law = sd.hybrid(sd.NeuralLaw(lambda s: -s[:2], SPACE, ("v",), kinematics=(("x", "v"),)), remainder(None))
    return sd.train(law, data, steps=1500, batch=None, every=1500, learning_rate=1e-2, seeds=2, **READING)


def test_the_rates_are_the_sum_and_the_remainder_a_law_of_its_own():
    law = sd.hybrid(known, remainder())
    assert (law.targets, law.corrects, law.kinematics) == (("x", "v"), ("v",), ())
    x = np.random.default_rng(0).normal(size=4).astype(np.float32)
    np.testing.assert_allclose(law.rate(x), spring(x) + law.remainder.rate(x), rtol=1e-6)
    np.testing.assert_allclose(law.remainder.rate(x)[:2], 0)


def test_training_leaves_the_known_part_alone_and_scales_by_what_is_left(data, trained):
    law = trained.law
    left = force(data.x.values, data.v.values)
    assert law.rate_scale.array[0] == pytest.approx(np.sqrt(np.mean(left**2)), rel=0.1)
    assert law.parameters == remainder(None).parameters
    x = np.concatenate([data.x.values, data.v.values], axis=-1).reshape(-1, 4).astype(np.float32)
    found = np.asarray(jax.vmap(law.remainder.rate)(x))
    assert np.sqrt(np.mean((found - force(x[:, :2], x[:, 2:])) ** 2)) < 0.1 * np.sqrt(np.mean(left**2))


def test_the_missing_term_comes_out_as_an_equation(data, trained):
    found = sd.distil(trained, data, library=sd.Monomials(3), action=TURN, reading=READING)
    assert set(found.active_terms) == {"v_x", "v_y", "x_x^3", "x_x^2 x_y", "x_x x_y^2", "x_y^3"}
    for term, target, true in (("v_x", "v_x", -0.2), ("x_x^3", "v_x", -0.3), ("x_x^2 x_y", "v_y", -0.3)):
        value, error = found.refit.coefficient(term, target)
        assert abs(value - true) < 4 * error < 0.1
    assert found.fidelity > 0.97
    assert found.spread.max() < 0.05
    assert "coefficients from the data" in str(found)
    x = np.random.default_rng(1).normal(size=4)
    with jax.enable_x64(True):
        np.testing.assert_allclose(found.model.rate(x), -x[:2] + force(x[:2], x[2:]), atol=0.05)


def test_symmetry_is_found_in_a_network_and_enforced():
    """Exact values of a spiral, as a remainder that is a function: 8 coefficients become 2."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    spiral = sd.NeuralLaw(lambda s: jnp.stack([-s[0] - s[1], s[0] - s[1]]), sd.StateSpace.of(x=2), ("x",))
    table = sd.dataset(np.arange(60.0), x=x, dx=np.stack([-x[:, 0] - x[:, 1], x[:, 0] - x[:, 1]], 1))
    found = sd.distil(
        spiral, table, library=sd.Monomials(1), action="auto", candidates=sd.SO(2).acting_on(x=sd.Vector),
        reading={"rates": {"x": "dx"}},
    )  # fmt: skip
    assert len(found.symmetries.generators) == 1
    assert found.law.stats.free == 2
    assert found.fidelity == pytest.approx(1.0)
    assert found.known is None


def test_what_a_library_cannot_say_is_told(data, trained):
    with pytest.warns(sd.SymdynWarning, match="explains"):
        found = sd.distil(trained, data, library=sd.Monomials(1), action=TURN, refit=False, reading=READING)
    assert found.refit is None
    assert found.fidelity < 0.9


def test_a_found_law_and_a_spectral_remainder(data):
    """The known part comes from identify, and the remainder from a regression that keeps the group exactly."""
    law = sd.identify(data, library=sd.Monomials(1), rate_of="v", **READING)
    left = sd.residual_rates(law, data, **READING)
    assert left.states.shape == (210, 4)
    law_of = sd.HermiteFunctions(4, 3)
    both = [np.kron(np.eye(2), [[0.0, -1.0], [1.0, 0.0]])]  # a quarter turn of position and velocity
    turned = (np.array([[[0.0, -1.0], [1.0, 0.0]]]), np.zeros((0, 2, 2)))
    field = sd.fit_invariant(left.states, left.targets, space=law_of, group=np.array(both), output=turned)
    whole = sd.hybrid(law, field)  # the cubic term only: the linear ones were found
    assert whole.kinematics == (("x", "v"),)
    off = [np.asarray(jax.vmap(m.rate)(left.states)) - data.dv.values.reshape(-1, 2) for m in (law.model, whole)]
    assert np.mean(off[1] ** 2) < 0.2 * np.mean(off[0] ** 2)


def test_files_hold_the_known_part_where_it_is_a_solution(data, tmp_path):
    law = sd.identify(data, library=sd.Monomials(1), rate_of="v", **READING)
    mixed = sd.hybrid(law, remainder())
    states = np.random.default_rng(0).normal(size=(20, 4))
    mixed = mixed.scaled(states, states[:, 2:])
    mixed.save(tmp_path / "law.zip")
    again = sd.load_law(tmp_path / "law.zip")
    np.testing.assert_allclose(again.rate(states[0]), mixed.rate(states[0]), rtol=1e-6)
    assert (again.targets, again.kinematics) == (mixed.targets, mixed.kinematics)
    assert str(again.known.of) == str(law)
    with pytest.raises(sd.InputError, match="no code"):
        sd.hybrid(known, remainder()).save(tmp_path / "law.zip")
    part = mixed.remainder
    part.save(tmp_path / "part.zip")
    assert sd.load_law(tmp_path / "part.zip").targets == part.targets


def test_what_does_not_fit_is_refused(data):
    law = sd.hybrid(known, remainder())
    with pytest.raises(sd.InputError, match="hybrid law itself"):
        sd.hybrid(known, law)
    with pytest.raises(sd.InputError, match="state"):
        sd.hybrid(sd.NeuralLaw(lambda s: s, sd.StateSpace.of(y=1), ("y",)), remainder())
    with pytest.raises(sd.InputError, match="'speed'"):
        sd.hybrid(lambda now: {"speed": now["x"]}, remainder())
    with pytest.raises(sd.InputError, match="nothing names the state"):
        sd.hybrid(known, lambda s: s)
    with pytest.raises(sd.InputError, match="map to the next sample"):
        sd.hybrid(sd.NeuralLaw(lambda s: s, SPACE, ("x", "v"), discrete=True), remainder())
    with pytest.raises(sd.InputError, match='"auto"'):
        sd.distil(law, data, action="found", reading=READING)
    with pytest.raises(sd.InputError, match="have an energy"):
        law.energy(np.zeros(4))
