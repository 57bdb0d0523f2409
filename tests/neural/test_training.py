"""Training: it learns, goes on after a kill bit for bit, survives infinities, stops early, and says what is wrong."""

from dataclasses import replace

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

TIMES = np.linspace(0, 3, 31)
RUNS = np.random.default_rng(0).uniform(0.5, 1.5, (4, 1, 1)) * np.stack([np.cos(TIMES), -np.sin(TIMES)], 1)
DATA = sd.dataset(TIMES, x=RUNS)
SPACE = sd.StateSpace.of(x=2)
TURN = sd.SO(2).acting_on(x=sd.Vector)


def plain(key=0, widths=(8,)):
    return sd.NeuralLaw.of(SPACE, None, widths, key=jax.random.key(key))


def leaves(law):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(law.network, eqx.is_array))]


def test_rates_are_learned_and_the_law_simulates():
    done = sd.train(plain(), DATA, steps=600, every=200, validation=0.25, learning_rate=1e-2)
    assert done.result == "finished"
    assert done.history.loss.dims == ("seed", "step")
    assert done.history.step.values.tolist() == [200, 400, 600]
    assert float(done.history.validation[0, -1]) < 1e-2
    assert float(done.score(DATA).r2.min()) > 0.99
    assert done.model is done.law


@pytest.mark.parametrize("starts", ["free", pytest.param("measured", marks=pytest.mark.slow)])
def test_stretches_of_trajectories_are_learned(starts):
    match = sd.TrajectoryMatching(4, starts=starts, substeps=1)
    done = sd.train(plain(), DATA, match=match, steps=400, every=200, batch=16, learning_rate=1e-2)
    assert float(done.history.loss[0, -1]) < 1e-3


def test_multiple_shooting_agrees_with_simulation():
    law = plain()
    rows = sd.TrajectoryMatching(5, substeps=4).rows(_recording(law), law)
    found = sd.TrajectoryMatching(5, substeps=4)._integrated(
        law, jnp.asarray(rows["states"][0, 0], jnp.float32), jnp.asarray(rows["times"][0], jnp.float32), None
    )
    run = sd.simulate(law, rows["states"][0, 0], rows["times"][0], rtol=1e-6)
    assert np.allclose(found, run.x, atol=1e-4)
    assert rows["following"].tolist()[:8] == [1, 2, 3, 4, 5, 6, -1, 8]
    assert np.array_equal(rows["states"][0, -1], rows["states"][1, 0])


def test_a_curriculum_reaches_further_as_training_goes_on():
    law = plain()
    whole, grown = sd.TrajectoryMatching(5, substeps=2), sd.TrajectoryMatching(5, substeps=2, curriculum=0.5)
    rows = {n: jnp.asarray(v) for n, v in whole.rows(_recording(law), law).items()}
    rows = {n: v.astype(jnp.float32) if v.dtype.kind == "f" else v for n, v in rows.items()}
    short = sd.TrajectoryMatching(2, substeps=2)
    pairs = {**rows, **{n: rows[n][:, :2] for n in ("times", "states", "weights")}}
    assert float(grown.loss(law, rows, {}, 0.0)) == pytest.approx(float(short.loss(law, pairs, {})), rel=1e-5)
    assert float(grown.loss(law, rows, {}, 0.5)) == pytest.approx(float(whole.loss(law, rows, {})), rel=1e-5)
    done = sd.train(law, DATA, match=grown, steps=400, every=200, batch=16, learning_rate=1e-2)
    assert float(done.history.loss[0, -1]) < 1e-3


def test_an_adjoint_of_diffrax_gives_the_same_gradient():
    law = plain()
    own = sd.TrajectoryMatching(4, substeps=1)
    rows = {n: jnp.asarray(v[:6]) for n, v in own.rows(_recording(law), law).items()}
    rows = {n: v.astype(jnp.float32) if v.dtype.kind == "f" else v for n, v in rows.items()}
    theirs = sd.TrajectoryMatching(4, substeps=1, adjoint=diffrax.RecursiveCheckpointAdjoint())
    slopes = [jax.tree.leaves(eqx.filter_grad(lambda m, c=c: c.loss(m, rows, {}))(law)) for c in (own, theirs)]
    assert all(np.allclose(a, b, rtol=1e-3, atol=1e-6) for a, b in zip(*slopes, strict=True))
    assert max(float(jnp.abs(a).max()) for a in slopes[0]) > 1e-3


def test_a_training_says_what_was_asked_for():
    done = sd.train(plain(), DATA, steps=4, every=2, batch=8)
    assert "steps = 4" in str(done)
    assert "RateMatching" in done.history.attrs["match"]
    assert done.history.to_dataframe().shape == (2, 3)


def _recording(law):
    from symdyn.neural.training.result import recorded

    return recorded(law, DATA, {})


class KilledError(Exception):
    pass


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path):
    options = {"steps": 40, "every": 20, "batch": 7, "seeds": 2, "key": jax.random.key(3), "validation": 0.25}
    options["match"] = sd.TrajectoryMatching(3, starts="free", substeps=1, method=diffrax.Heun())
    whole = sd.train(plain(), DATA, **options)

    def kill(text):
        if text.startswith("step 20"):
            raise KilledError

    path = tmp_path / "state.zip"
    with pytest.raises(KilledError), sd.progress(kill):
        sd.train(plain(), DATA, checkpoint=path, **options)
    assert list(tmp_path.iterdir()) == [path]
    again = sd.train(plain(), DATA, checkpoint=path, **options)
    assert again.history.equals(whole.history)
    for a, b in zip(whole.laws, again.laws, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))
    with pytest.raises(sd.InputError, match="another training"):
        sd.train(plain(), DATA, checkpoint=path, **{**options, "batch": 8})
    with pytest.raises(sd.InputError, match="another training"):
        sd.train(plain(1), DATA, checkpoint=path, **options)


def test_a_second_training_of_the_same_kind_compiles_nothing():
    from symdyn.neural.training import steps

    options = {"steps": 3, "every": 3, "batch": None, "validation": 0.25}
    sd.train(plain(0), DATA, **options)
    before = steps._advance._cached._cache_size()
    sd.train(plain(1), DATA, standardise=False, **options)  # other units: another program
    middle = steps._advance._cached._cache_size()
    sd.train(plain(2), DATA, **options)
    assert before < middle == steps._advance._cached._cache_size()


def test_seeds_differ_and_the_best_is_given():
    done = sd.train(plain(), DATA, steps=40, every=40, seeds=3, batch=None)
    assert not np.array_equal(leaves(done.laws[0])[0], leaves(done.laws[1])[0])
    best = int(done.history.validation[:, -1].values.argmin())
    assert done.law is done.laws[best]
    alone = sd.train(plain(), DATA, steps=40, every=40, batch=None)
    assert float(alone.history.loss[0, -1]) == pytest.approx(float(done.history.loss[0, -1]), rel=1e-4)


class Fragile(eqx.Module):
    """A network that is infinite for states on the left."""

    weight: jax.Array

    def __call__(self, x):
        return self.weight * jnp.where(x[0] < -0.5, jnp.inf, x[::-1])


def test_steps_that_are_not_finite_are_skipped_and_a_lost_cause_stops():
    law = sd.NeuralLaw(network=Fragile(jnp.ones(2)), space=SPACE, targets=("x",))
    done = sd.train(law, DATA, steps=60, every=20, batch=4, learning_rate=1e-3)
    assert done.result == "finished"
    assert 0 < int(done.history.skipped.sum()) < 60
    assert np.isfinite(leaves(done.law)[0]).all()
    lost = sd.train(law, DATA, steps=60, every=20, batch=None)
    assert lost.result == "not_finite"
    assert np.array_equal(leaves(lost.law)[0], np.ones(2))


def test_training_stops_where_validation_no_longer_improves():
    noise = sd.dataset(TIMES, x=np.random.default_rng(0).normal(size=(4, 31, 2)))
    done = sd.train(plain(widths=(32,)), noise, steps=4000, every=25, patience=3, validation=0.5, learning_rate=3e-2)
    assert done.result == "stopped_early"
    best = done.history.validation[0].values
    assert len(best) - 1 - int(best.argmin()) == 3


def test_ctrl_c_gives_back_what_is_there():
    def interrupt(text):
        if text.startswith("step 20"):
            raise KeyboardInterrupt

    with sd.progress(interrupt):
        done = sd.train(plain(), DATA, steps=60, every=20)
    assert done.result == "interrupted"
    assert len(done.history.step) == 1


@pytest.mark.parametrize("norm", ["nuclear", pytest.param("squares", marks=pytest.mark.slow)])
def test_a_penalty_makes_a_plain_network_more_symmetric(norm):
    measured = sd.SymmetryPenalty(TURN, norm="nuclear", samples=None)
    options = {"steps": 300, "every": 300, "learning_rate": 1e-2, "batch": 64}
    penalty = sd.SymmetryPenalty(TURN, norm=norm, weight=1.0, samples=32, eps=1e-2)
    states = np.random.default_rng(1).uniform(-1.5, 1.5, (100, 2)).astype(np.float32)
    broken = {}
    for weight in (0.0, 1.0):
        law = sd.train(plain(), DATA, penalty=replace(penalty, weight=weight), **options).law
        broken[weight] = float(measured.on(law, states)(law, states, jax.random.key(0)))
    assert broken[1.0] < 0.6 * broken[0.0]


def test_generators_have_one_size_whatever_the_directions_of_the_data():
    space, turn = sd.StateSpace.of(x=3), sd.SO(3).acting_on(x=sd.Vector)
    upright = np.array([0.1, 0.1, 3.0]) * np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    law = sd.NeuralLaw.of(space, None, (4,), key=jax.random.key(0))
    sizes = sd.SymmetryPenalty(turn).on(law, upright).sizes
    assert sizes.max() / sizes.min() < 1.15
    wide = sd.SE(3).acting_on(x=sd.Point)  # steps are in units of the data, turns in radians
    sizes = sd.SymmetryPenalty(wide).on(law, upright).sizes
    steps = np.sqrt(1 / 3) / np.sqrt(np.mean(upright**2))
    assert np.allclose(np.sort(sizes), np.sort([steps] * 3 + [np.sqrt(2 / 3)] * 3), rtol=0.1)


def test_the_random_combination_is_unbiased_and_the_matrix_is_the_lie_derivative():
    space = sd.StateSpace.of(x=3)
    action = sd.O(3).acting_on(x=sd.Vector)
    law = sd.NeuralLaw.of(space, None, (5,), key=jax.random.key(0))
    states = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32)
    bound = sd.SymmetryPenalty(action, norm="squares", samples=None).on(law, states)
    M = bound.matrix(law, states)
    discrete = float(jnp.sum(bound._discrete(law, states)))
    assert M.shape == (12000, 3)
    assert discrete > 1e-3
    drawn_at = jax.jit(lambda key: bound(law, states, key))
    drawn = [float(drawn_at(jax.random.key(k))) - discrete for k in range(8)]
    assert np.mean(drawn) == pytest.approx(float(jnp.sum(M**2)), rel=0.05)
    generator, x = action.on(space).rates(("x",)).generators[1], states[5]
    wanted = sd.lie_derivative(law.rate, generator.field, generator.fibre(x), x) / bound.sizes[1] / bound.rate_scale
    assert np.allclose(M.reshape(4000, 3, 3)[5, :, 1] * np.sqrt(12000), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": 0}, "batch"),
        ({"learning_rate": -1.0}, "learning rate"),
        ({"validation": 1.5}, "between 0 and 1"),
        ({"match": sd.TrajectoryMatching(50)}, "50 samples"),
        ({"checkpoint": "/absent/state.zip"}, "does not exist"),
    ],
)
def test_wrong_options_are_refused(options, text):
    with pytest.raises(sd.InputError, match=text):
        sd.train(plain(), DATA, **{"steps": 10, **options})


def test_augmentation_moves_states_and_rates_together():
    """Rates of an equivariant law stay its rates; the moves are of the group, and the first is none."""
    space = sd.StateSpace.of(x=2, v=2)
    action = sd.SE(2).acting_on(x=sd.Point, v=sd.Vector) + sd.Mirror(2).acting_on(x=sd.Vector, v=sd.Vector)
    law = sd.NeuralLaw.of(space, None, (3,), targets="v", kinematics={"x": "v"}, key=jax.random.key(0))
    moves = sd.Augmentation(action, elements=9).on(law)
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 50, 2))
    batch = {"states": jnp.asarray(np.concatenate([x, v], 1)), "rates": jnp.asarray(2 * v), "index": np.arange(50)}
    found = moves(batch, jax.random.key(1))
    assert np.allclose(found["rates"], 2 * found["states"][:, 2:], atol=1e-5)
    assert np.allclose(jnp.linalg.norm(found["rates"], axis=1), np.linalg.norm(2 * v, axis=1), rtol=1e-4)
    assert not np.allclose(found["states"], batch["states"])
    assert np.allclose(moves.states[0], np.eye(5))
    assert np.linalg.det(moves.rates).min() < 0 < np.linalg.det(moves.rates).max()
    stretches = moves({"states": jnp.stack([batch["states"], batch["states"] + 1], 1)}, jax.random.key(1))["states"]
    assert np.allclose(stretches[:, 0], found["states"], atol=1e-5)
    assert np.allclose(jnp.linalg.norm(stretches[:, 1, :2] - stretches[:, 0, :2], axis=1), np.sqrt(2), rtol=1e-4)


def test_the_loss_on_moved_data_shows_what_a_network_knows():
    moves = sd.Augmentation(TURN, elements=4)
    knows = sd.NeuralLaw.of(SPACE, TURN, (4,), key=jax.random.key(0))
    same, other = (sd.loss_by_element(law, DATA, moves).values for law in (knows, plain()))
    assert np.ptp(same) < 1e-4 * same[0] < 1e-2 * np.ptp(other)
    match = sd.RateMatching()
    rows = match.rows(_recording(knows), knows)
    rows = {n: jnp.asarray(v, jnp.float32) for n, v in rows.items()}
    assert float(same[0]) == pytest.approx(float(match.loss(knows, rows, {})), rel=1e-5)
    with pytest.raises(sd.InputError, match="measured"):
        sd.loss_by_element(knows, DATA, moves, match=sd.TrajectoryMatching(4, starts="free"))


def test_training_on_moved_data_and_several_laws_at_once():
    options = {"steps": 20, "every": 20, "augment": sd.Augmentation(TURN, elements=4)}
    done = sd.train([plain(0), plain(1)], DATA, **options)
    assert len(done.laws) == 2
    assert not np.array_equal(leaves(done.laws[0])[0], leaves(done.laws[1])[0])
    with pytest.raises(sd.InputError, match="starts"):
        sd.train(plain(), DATA, match=sd.TrajectoryMatching(3, starts="free"), **options)
    with pytest.raises(sd.InputError, match="not both"):
        sd.train([plain(0), plain(1)], DATA, steps=1, seeds=2)
    with pytest.raises(sd.InputError, match="positive"):
        sd.Augmentation(TURN, elements=0)


def test_a_law_is_scored_with_rates_where_data_hold_them():
    data = {"time": TIMES, "x": RUNS[0], "dx": RUNS[0] @ np.array([[0, -1.0], [1, 0]])}
    exact = sd.NeuralLaw(network=Turning(jnp.ones(())), space=SPACE, targets=("x",))
    found = exact.score(data, rates={"x": "dx"}, rate_of="x")
    assert float(found.r2.min()) > 0.999
    assert float(found.rate_r2.min()) > 0.999


class Turning(eqx.Module):
    """x' = (x_1, -x_0)."""

    weight: jax.Array

    def __call__(self, x):
        return self.weight * jnp.stack([x[1], -x[0]])


def test_wrong_data_and_settings_are_refused():
    with pytest.raises(sd.InputError, match="the data have"):
        sd.train(plain(), sd.dataset(TIMES, y=RUNS[0]), steps=10, rate_of="y")
    for build in (
        lambda: sd.TrajectoryMatching(1), lambda: sd.TrajectoryMatching(starts="all"),
        lambda: sd.SymmetryPenalty(TURN, norm="max"), lambda: sd.SymmetryPenalty(TURN, weight=-1.0),
    ):  # fmt: skip
        with pytest.raises(sd.InputError):
            build()
