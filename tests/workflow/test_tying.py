"""Weight sharing and proximal operators: commuting, counting, optimality."""

from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import symdyn as sd
from symdyn._types import double_precision

V = sd.Vector
CASES = [
    (sd.Permutations(5), V, V),
    (sd.Permutations(4), V * V, V),
    (sd.CyclicShifts(6), 2 * V, V),
    (sd.Cyclic(4), V, V * V * V),
    (sd.Signs(3), V * V, sd.Scalar),
    (sd.Dihedral(4), V * V, V * V),
]


def _spread(labels, rng):
    w = np.concatenate([[0.0], rng.normal(size=np.abs(labels).max(initial=0))])
    return np.sign(labels) * w[np.abs(labels)]


@pytest.mark.parametrize(("group", "inputs", "outputs"), CASES)
def test_tied_maps_commute_and_are_all_that_do(group, inputs, outputs):
    labels = sd.tied(group, inputs, outputs)
    W = _spread(labels, np.random.default_rng(0))
    for g in group.elements.array:
        assert np.allclose(W @ inputs.element(g), outputs.element(g) @ W)
    members = group.closure()
    characters = [np.trace(inputs.element(g)) * np.trace(outputs.element(g)) for g in members]
    assert np.abs(labels).max(initial=0) == round(float(np.mean(characters)))  # all of the commutant


def test_the_number_of_labels_is_the_number_of_orbits_of_pairs():
    group = sd.Dihedral(6)
    ring = sd.Group("ring", sd.CyclicShifts(6).algebra, sd.Frozen([np.roll(np.eye(6), 1, 0), np.eye(6)[::-1]]))
    orbits = {
        frozenset((g[:, i].argmax(), g[:, j].argmax()) for g in ring.closure()) for i, j in product(range(6), repeat=2)
    }
    assert len(group.closure()) == len(ring.closure())
    assert sd.tied(ring).max() == len(orbits) == 4


@pytest.mark.parametrize(
    ("options", "kernels"), [({}, 25), ({"turns": True}, 7), ({"turns": True, "mirrors": True}, 6)], ids=str
)
def test_convolutions_on_a_grid(options, kernels):
    """One weight for each orbit of offsets: of 24 that are not zero under 4 turns 6, with mirrors 5."""
    grid = sd.grid_group((5, 5), **options)
    layer = sd.TiedLinear(grid, key=jax.random.key(0))
    assert layer.weight.shape == (kernels,)
    image = np.random.default_rng(0).normal(size=(5, 5))

    def out(values):
        return np.asarray(layer(np.ascontiguousarray(values).ravel())).reshape(5, 5)

    np.testing.assert_allclose(out(np.roll(image, (2, 3), (0, 1))), np.roll(out(image), (2, 3), (0, 1)), atol=1e-5)
    if options:
        np.testing.assert_allclose(out(np.rot90(image)), np.rot90(out(image)), atol=1e-5)
    with pytest.raises(sd.InputError, match="two equal ones"):
        sd.grid_group((4, 5), turns=True)


def test_huge_groups_cost_nothing():
    layer = sd.TiedLinear(sd.Permutations(60), key=jax.random.key(0))
    assert layer.weight.shape == (2,)
    assert layer.bias is not None
    assert layer.bias.shape == (1,)


def test_a_layer_trains_and_commutes():
    group = sd.Dihedral(4)
    layer = sd.TiedLinear(group, V * V, V * V, key=jax.random.key(1))
    moves = sd.random_moves(group, key=jax.random.key(0), inputs=V * V, outputs=V * V)
    x = jax.random.normal(jax.random.key(2), (10, 4))
    assert sd.equivariance_error(layer, moves, x).max() < 1e-5
    gradient = eqx.filter_jit(eqx.filter_grad(lambda f: jnp.sum(f(x[0]) ** 2)))(layer)
    assert gradient.weight.shape == layer.weight.shape
    assert np.all(np.asarray(gradient.weight) != 0)


def test_tie_is_the_orthogonal_projection():
    with double_precision():
        labels = sd.tied(sd.Cyclic(4), V, V * V * V)
        W = np.random.default_rng(1).normal(size=labels.shape)
        P = np.asarray(sd.tie(W, labels))
        assert np.allclose(sd.tie(P, labels), P)
        assert abs(np.sum((W - P) * _spread(labels, np.random.default_rng(2)))) < 1e-12
        g = sd.Cyclic(4).closure()
        mean = np.mean([np.linalg.inv((V * V * V).element(h)) @ W @ h for h in g], axis=0)
        assert np.allclose(P, mean)


def test_what_orbits_cannot_tie_is_refused():
    with pytest.raises(sd.InputError, match="more than permute"):
        sd.tied(sd.Cyclic(3))
    with pytest.raises(sd.InputError, match="continuous"):
        sd.tied(sd.SO(2))
    with pytest.raises(sd.InputError, match="cannot tie"):
        sd.tie(np.ones((2, 2)), sd.tied(sd.Permutations(3)))


LABELS = sd.Frozen([[0, 0, 1], [2, 1, 1], [2, 2, 0]])
PLACES = [np.argwhere(LABELS.array == k) for k in range(3)]
OPERATORS = {
    "l1": sd.ProxL1(0.7),
    "group l1": sd.ProxGroupL1(0.5, LABELS),
    "rows": sd.ProxGroupL1(0.5),
    "nuclear": sd.ProxNuclear(0.8),
    "simplex": sd.ProxSimplex(1.3),
    "orbits": sd.ProxOrbits(sd.Frozen(sd.tied(sd.Cyclic(4), V, V))),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_proximal_operators_are_minimisers(name):
    cvxpy = pytest.importorskip("cvxpy")
    operator, step = OPERATORS[name], 0.6
    with double_precision():
        z = np.random.default_rng(5).normal(size=(2, 2) if name == "orbits" else (3, 3))
        X, constraints = cvxpy.Variable(z.shape), []
        penalty = {
            "l1": lambda: 0.7 * cvxpy.sum(cvxpy.abs(X)),
            "group l1": lambda: (
                0.5
                * sum(
                    np.sqrt((LABELS.array == k).sum())
                    * cvxpy.norm(cvxpy.hstack([X[i, j] for i, j in np.argwhere(LABELS.array == k)]))
                    for k in range(3)
                )
            ),
            "rows": lambda: 0.5 * np.sqrt(3) * sum(cvxpy.norm(X[i]) for i in range(3)),
            "nuclear": lambda: 0.8 * cvxpy.normNuc(X),
        }.get(name, lambda: 0)()
        if name == "simplex":
            constraints = [X >= 0, cvxpy.sum(X) == 1.3]
        if name == "orbits":
            constraints = [X[0, 0] == X[1, 1], X[0, 1] == -X[1, 0]]
        problem = cvxpy.Problem(cvxpy.Minimize(step * penalty + cvxpy.sum_squares(X - z) / 2), constraints)
        problem.solve(solver="CLARABEL")
        found = np.asarray(jax.jit(lambda z: operator(z, step))(z))
        assert np.allclose(found, X.value, atol=2e-4)
        value = float(jax.jit(operator.value)(found))
        assert step * value + np.sum((found - z) ** 2) / 2 <= problem.value + 1e-7


def _descended(operators, A, y, x, steps, transformation, step):
    descent = optax.chain(transformation, sd.proximal(*operators, step=step))

    def one(carry, _):
        x, state = carry
        updates, state = descent.update(A.T @ (A @ x - y), state, x)
        return (optax.apply_updates(x, updates), state), None

    return jax.lax.scan(one, (x, descent.init(x)), None, length=steps)[0][0]


def test_proximal_gradient_finds_the_lasso():
    from sklearn.linear_model import Lasso

    with double_precision():
        rng = np.random.default_rng(0)
        A, truth = rng.normal(size=(40, 10)), np.r_[2.0, -1.0, np.zeros(8)]
        y = A @ truth + 0.1 * rng.normal(size=40)
        step = 1 / np.linalg.norm(A, 2) ** 2
        x = _descended((sd.ProxL1(4.0),), A, y, jnp.zeros(10), 500, optax.sgd(step), step)
        known = Lasso(alpha=4.0 / 40, fit_intercept=False, tol=1e-12, max_iter=100000).fit(A, y).coef_
        assert np.allclose(x, known, atol=1e-8)
        assert (np.asarray(x) == 0).sum() >= 6


def test_sparse_and_tied_at_once_in_any_optimiser():
    with double_precision():
        rng = np.random.default_rng(0)
        labels = sd.Frozen(sd.tied(sd.CyclicShifts(6)))
        W = rng.normal(size=(6, 6))
        both = (sd.ProxOrbits(labels), sd.ProxL1(0.05))
        moved = _descended(both, np.eye(6), W, jnp.zeros((6, 6)), 400, optax.adam(0.01), optax.constant_schedule(0.01))
        assert float(both[0].value(moved)) == 0
        exact = both[1](both[0](W))  # the rule for invariant penalties after a projection
        sgd = _descended(both, np.eye(6), W, jnp.zeros((6, 6)), 300, optax.sgd(0.5), 0.5)
        assert np.allclose(sgd, exact, atol=1e-8)


def test_masked_leaves_are_left_alone():
    params = {"w": jnp.array([0.3, -2.0]), "b": jnp.array([0.1])}
    chain = optax.masked(sd.proximal(sd.ProxL1(0.5)), {"w": True, "b": False})
    zero = jax.tree.map(jnp.zeros_like, params)
    updates, _ = chain.update(zero, chain.init(params), params)
    after = optax.apply_updates(params, updates)
    assert np.allclose(after["w"], [0.0, -1.5])
    assert np.allclose(after["b"], 0.1)


def test_bad_settings_are_refused():
    for wrong in (
        lambda: sd.ProxL1(-1.0),
        lambda: sd.ProxSimplex(0.0),
        lambda: sd.proximal(),
        lambda: sd.proximal(sd.ProxL1(1.0), step=0.0),
    ):
        with pytest.raises(sd.InputError):
            wrong()
    with pytest.raises(sd.InputError, match="matrices"):
        sd.ProxNuclear(1.0)([1.0])
    with pytest.raises(sd.InputError, match="parameters"):
        sd.proximal(sd.ProxL1(1.0)).update(jnp.ones(2), sd.proximal(sd.ProxL1(1.0)).init(jnp.ones(2)))
