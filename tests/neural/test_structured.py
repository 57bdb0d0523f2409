"""Networks with a structure: what they conserve or lose for any weights, under which symmetries, in which units."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

SPACE = sd.StateSpace.of(q=2, p=2)
TURN = sd.SO(2).acting_on(q=sd.Vector, p=sd.Vector)
PAIRS = {"q": "p"}
STATES = np.random.default_rng(0).normal(size=(40, 4)) * [3.0, 3.0, 0.2, 0.2]


def made(kind, action=TURN, space=SPACE, **options):
    if kind in ("hamiltonian", "dissipative", "port_hamiltonian"):
        options.setdefault("pairs", PAIRS)
    law = sd.NeuralLaw.of(space, action, (3,), kind=kind, key=jax.random.key(0), **options)
    states = np.random.default_rng(1).normal(size=(40, space.size)) * ([3, 3, 0.2, 0.2, 1, 1][: space.size])
    rates = states[:, space.indices(law.targets)] * [5.0, 5.0, 0.7, 0.7][-space.select(law.targets).size :]
    return law.scaled(states, rates)


TURNED = (STATES.reshape(-1, 2, 2) @ np.array([[0.0, 1.0], [-1.0, 0.0]])).reshape(-1, 4)


def evaluated(law, states=STATES):
    """Slopes of the energy and rates of the whole state, both (m, n), at states and at turned ones; compiled once."""
    with jax.enable_x64(True):
        both = jax.jit(jax.vmap(lambda x: (jax.grad(law.energy)(x), law(0.0, x))))
        slopes, rates = (np.asarray(each) for each in both(jnp.asarray(np.concatenate([states, TURNED]))))
    m = len(states)
    return slopes[:m], rates[:m], rates[m:]


def power(law):
    """The change of the energy along the flow and the size of its terms, for each state."""
    slopes, rates, _ = evaluated(law)
    return (slopes * rates).sum(1), np.abs(slopes * rates).sum(1)


def equivariant(rates, turned) -> bool:
    """Whether the rates turn by a quarter where the state does."""
    expected = (rates.reshape(-1, 2, 2) @ np.array([[0.0, 1.0], [-1.0, 0.0]])).reshape(-1, 4)
    return bool(np.abs(expected - turned).max() < 1e-6 * np.abs(rates).max())


def test_an_invariant_hamiltonian_is_conserved_turns_with_the_plane_and_keeps_the_angular_momentum():
    slopes, rates, turned = evaluated(made("hamiltonian"))
    np.testing.assert_allclose(rates, np.concatenate([slopes[:, 2:], -slopes[:, :2]], 1), rtol=1e-6)  # units of data
    assert np.abs((slopes * rates).sum(1)).max() < 1e-11 * np.abs(slopes * rates).max()
    assert equivariant(rates, turned)
    q, p, dq, dp = STATES[:, :2], STATES[:, 2:], rates[:, :2], rates[:, 2:]
    terms = np.stack([dq[:, 0] * p[:, 1], -dq[:, 1] * p[:, 0], q[:, 0] * dp[:, 1], -q[:, 1] * dp[:, 0]])
    assert np.abs(terms.sum(0)).max() < 1e-12 * np.abs(terms).max()


def test_a_lagrangian_law_conserves_its_energy():
    change, size = power(made("lagrangian", None, kinematics={"q": "p"}))
    assert np.all(np.abs(change) < 1e-11 * size.max())
    assert size.max() > 1e-3


def test_shifts_of_all_bodies_keep_the_total_momentum_and_exchanges_exchange():
    form = ("body", "component"), (("a", "b"), ("x", "y"))
    space, swap = sd.StateSpace((sd.Variable("q", *form), sd.Variable("p", *form))), sd.Along(sd.Vector, "body")
    action = sd.SE(2).acting_on(q=sd.Point, p=sd.Vector) + sd.Permutations(2).acting_on(q=swap, p=swap)
    law = sd.NeuralLaw.of(space, action, (2,), kind="hamiltonian", pairs=PAIRS, separable=True, key=jax.random.key(0))
    x = np.random.default_rng(0).normal(size=(2, 2, 2))
    both = jax.vmap(law.rate)(jnp.asarray(np.stack([x, x[:, ::-1]]).reshape(2, 8), jnp.float32)).reshape(2, 2, 2, 2)
    force = both[0, 1]
    assert float(jnp.abs(force.sum(0)).max()) < 1e-5 * float(jnp.abs(force).max())
    np.testing.assert_allclose(both[0], both[1][:, ::-1], atol=1e-5)


def test_friction_only_takes_energy_and_ports_only_give_their_power():
    slopes, rates, turned = evaluated(made("dissipative", rank=2))
    change = (slopes * rates).sum(1)
    assert np.all(change < 0)
    assert np.abs(change).max() > 1e-3 * np.abs(slopes * rates).max()
    assert equivariant(rates, turned)

    driven = made("port_hamiltonian", None, sd.StateSpace.of(q=2, p=2, u=2), inputs=("u",))
    x = np.concatenate([STATES[0], [0.0, 0.0]])
    with jax.enable_x64(True):
        still, one, two = (np.asarray(driven.rate(jnp.asarray(x + k * np.eye(6)[4]))) for k in range(3))
    np.testing.assert_allclose(two - one, one - still, atol=1e-12 * np.abs(one).max())
    assert np.abs(one - still)[2:].max() > 1e-3 > np.abs(one - still)[:2].max()


def test_a_gradient_flow_goes_down():
    law = made("gradient", None)
    change, _ = power(law)
    assert np.all(change < 0)
    with jax.enable_x64(True):
        J = np.asarray(jax.jacfwd(law.rate)(jnp.asarray(STATES[0])))
    size = law.scale.array  # symmetric in the metric of the units
    np.testing.assert_allclose(J / size[:, None] * size, (J / size[:, None] * size).T, atol=1e-7 * np.abs(J).max())


@pytest.mark.slow
def test_promotable_energies_and_plain_ones_are_there_too():
    hidden = 2 * sd.Scalar + 2 * sd.Vector
    law = sd.NeuralLaw.of(
        SPACE, TURN, (hidden,), kind="hamiltonian", pairs=PAIRS, promotable=True, kept=((1.0,),), key=jax.random.key(0)
    )
    assert equivariant(*evaluated(law)[1:])
    assert np.all(power(made("dissipative", None))[0] < 0)


@pytest.mark.parametrize("kind", ["dissipative", pytest.param("lagrangian", marks=pytest.mark.slow)])
def test_files_and_new_seeds_keep_the_structure(kind, tmp_path):
    law = made(kind, **({"kinematics": {"q": "p"}, "action": None} if kind == "lagrangian" else {"rank": 0}))
    law.save(tmp_path / "law.zip")
    again = sd.load_law(tmp_path / "law.zip")
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), *(eqx.filter(m, eqx.is_array) for m in (law, again))))
    assert type(again.network) is type(law.network)
    assert type(law.redrawn(jax.random.key(1)).network) is type(law.network)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kind": "hamilton"}, "'hamilton'"),
        ({"kind": "hamiltonian"}, "name each of q, p once"),
        ({"kind": "hamiltonian", "pairs": {"q": "q"}}, "name each of q, p once"),
        ({"kind": "hamiltonian", "pairs": PAIRS, "targets": "p"}, "targets lack q"),
        ({"kind": "hamiltonian", "pairs": PAIRS, "kinematics": {"q": "p"}}, "leave kinematics out"),
        ({"kind": "hamiltonian", "pairs": PAIRS, "discrete": True}, "has no energy"),
        ({"kind": "dissipative", "pairs": PAIRS, "rank": -1}, "rank"),
        ({"kind": "port_hamiltonian", "pairs": PAIRS}, "inputs"),
        ({"kind": "lagrangian"}, "positions and velocities"),
        ({"kind": "gradient", "pairs": PAIRS}, "no pairs"),
        (
            {"kind": "hamiltonian", "pairs": PAIRS, "action": sd.Scaling().acting_on(q=sd.Weight(1), p=sd.Weight(1))},
            "canonical",
        ),
        (
            {"kind": "gradient", "action": sd.SL(2).acting_on(q=sd.Vector, p=sd.Vector)},
            "orthogonal",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, text):
    action = options.pop("action", None)
    with pytest.raises(sd.InputError, match=text):
        sd.NeuralLaw.of(SPACE, action, (3,), key=jax.random.key(0), **options)
    with pytest.raises(sd.InputError, match="have an energy"):
        sd.NeuralLaw.of(SPACE, None, (3,), key=jax.random.key(0)).energy(STATES[0])


@pytest.mark.slow
def test_training_finds_an_energy_that_simulation_keeps():
    """A trained oscillator over a hundred periods: leapfrog keeps its energy, a plain method of its order does not."""
    t = np.linspace(0, 6, 61)
    data = sd.dataset(t, q=np.stack([np.cos(t), 0.5 * np.sin(t)], 1), p=np.stack([-np.sin(t), 0.5 * np.cos(t)], 1))
    law = sd.NeuralLaw.of(SPACE, TURN, (4,), kind="hamiltonian", pairs=PAIRS, separable=True, key=jax.random.key(0))
    done = sd.train(law, data, steps=300, every=300, batch=None, learning_rate=1e-2)
    start, times = np.array([1.0, 0.0, 0.0, 0.5]), np.linspace(0, 628, 30)
    drift = {}
    for name, method in (("leapfrog", sd.Symplectic(2)), ("Heun", diffrax.Heun())):
        run = sd.simulate(done.law, start, times, method=method, step=0.1)
        x = np.concatenate([run.q, run.p], axis=1)
        with jax.enable_x64(True):
            e = np.asarray(jax.vmap(done.law.energy)(jnp.asarray(x)))
        drift[name] = abs(e[-1] - e[0])
        turn = x[:, 0] * x[:, 3] - x[:, 1] * x[:, 2]
        assert (np.ptp(turn) < 1e-11) == (name == "leapfrog")
    assert drift["leapfrog"] < 0.02 * drift["Heun"]
