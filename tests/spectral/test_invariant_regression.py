"""Regression that keeps a symmetry exactly: against plain fits, with errors, and subgroups found in data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd


def symmetric(x):
    return np.sin(1.5 * x.sum(axis=1)) + 4 * (x**3).sum(axis=1) + np.cos(6 * (x**4).sum(axis=1))


def test_few_data_are_enough_and_the_symmetry_is_exact():
    space, group = sd.SphereHarmonics(6, 4), sd.Permutations(6)
    fixed, test = sd.fixed_space(space, group), space.draw(2000, 99)
    errors = {"kept": [], "moments": [], "free": []}
    for seed in range(5):
        rng, x = np.random.default_rng(seed), space.draw(60, seed)
        y = symmetric(x) + 0.1 * rng.normal(size=60)
        kept = sd.fit_invariant(x, y, space=space, group=group, fixed=fixed)
        models = {
            "kept": kept,
            "moments": sd.fit_invariant(x, y, space=space, group=group, fixed=fixed, estimator="moments"),
            "free": sd.fit_invariant(x, y, space=space, group=None),
        }
        for name, model in models.items():
            errors[name].append(np.mean((model.predict(test) - symmetric(test)) ** 2))
        assert kept.discrepancy(lambda p, rng=rng: p[:, rng.permutation(6)], test) < 1e-12
        assert models["free"].discrepancy(lambda p: p[:, ::-1], test) > 1e-3
    assert np.median(errors["kept"]) < 0.2 * np.median(errors["moments"])
    assert np.median(errors["kept"]) < 0.2 * np.median(errors["free"])


def test_power_sums_reach_degrees_that_harmonics_do_not():
    space = sd.PowerSums(10, 8)
    assert space.size == 37
    test = space.draw(4000, 99)
    x = space.draw(1000)
    model = sd.fit_invariant(x, symmetric(x), space=space, group=None)
    assert np.mean((model.predict(test) - symmetric(test)) ** 2) < 3e-3
    assert model.discrepancy(lambda p: p[:, ::-1], test) < 1e-12


def test_a_field_of_vectors_from_three_snapshots():
    """F = -1.3 r + 0.2 |r|^2 r of two bodies: equivariant under rotations and the exchange of the bodies."""
    turns = np.array([np.kron(np.eye(2), A) for A in sd.SO(3).algebra.generators.linear_part])
    swap = np.kron([[0.0, 1.0], [1.0, 0.0]], np.eye(3))
    group = sd.Group("two bodies", sd.LieAlgebra("so(3)", turns), swap[None])
    space = sd.HermiteFunctions(6, 3)
    fixed = sd.fixed_space(space, group, output="vector")
    assert np.bincount(fixed.levels).tolist() == [0, 2, 1, 6]

    def force(x):
        r = x[:, :3] - x[:, 3:]
        pull = (-1.3 + 0.2 * (r**2).sum(axis=1, keepdims=True)) * r
        return np.concatenate([pull, -pull], axis=1)

    x, test = space.draw(3, 5), space.draw(200, 6)
    model = sd.fit_invariant(
        x, force(x), space=space, group=group, output="vector", fixed=fixed, estimator="least_squares"
    )
    np.testing.assert_allclose(model.predict(test), force(test), atol=1e-8)


def test_models_are_functions_of_jax_and_tell_their_errors():
    space = sd.HermiteFunctions(2, 4)
    rng, x = np.random.default_rng(0), space.draw(200)
    y = (x**2).sum(axis=1) + 0.1 * rng.normal(size=200)
    model = sd.fit_invariant(x, y, space=space, group=sd.SO(2))
    gradient = jax.jit(jax.grad(model))(jnp.array([1.0, 2.0]))
    assert float(gradient[0] / gradient[1]) == pytest.approx(0.5, rel=1e-4)  # a force along the radius
    assert model.noise == pytest.approx(0.1, rel=0.2)
    inside, turned = space.draw(100, 8) / 2, space.draw(100, 8)[:, ::-1] / 2
    away = np.abs(model.predict(inside) - (inside**2).sum(axis=1))
    assert (away < 4 * model.std(inside)).all()
    np.testing.assert_allclose(model.std(turned), model.std(inside), rtol=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say():
    space, truth = sd.TorusWaves(1, 9), lambda x: np.cos(2 * np.pi * x[:, 0]) + 0.5 * np.cos(4 * np.pi * x[:, 0])
    fixed, test = sd.fixed_space(space, -np.eye(1)[None]), np.linspace(0, 1, 20)[:, None]
    inside = []
    for seed in range(60):
        x = space.draw(40, seed)
        y = truth(x) + 0.3 * np.random.default_rng(seed).normal(size=40)
        model = sd.fit_invariant(x, y, space=space, group=None, fixed=fixed, estimator="least_squares")
        inside.append(np.abs(model.predict(test) - truth(test)) < 2.03 * model.std(test))
    assert 0.9 < np.mean(inside) < 0.98


def test_a_wrong_group_has_less_evidence():
    space, right, wrong = sd.HermiteFunctions(3, 3), sd.Permutations(3), sd.SO(3)
    x = space.draw(120)
    y = (x**3).sum(axis=1) + 0.2 * np.random.default_rng(0).normal(size=120)
    told = [sd.fit_invariant(x, y, space=space, group=g).evidence for g in (right, None, wrong)]
    assert told[0] > told[1] > told[2]


@pytest.mark.parametrize(
    ("group", "generators", "n"),
    [
        (sd.Dihedral(8), [np.array([[0.0, -1.0], [1.0, 0.0]])], 2),
        (sd.Cyclic(12), [np.array([[-0.5, -np.sqrt(3) / 2], [np.sqrt(3) / 2, -0.5]])], 2),
        (sd.Permutations(4), [np.eye(4)[[1, 0, 3, 2]], np.eye(4)[[2, 3, 0, 1]]], 4),
    ],
    ids=["D8", "C12", "S4"],
)
def test_the_subgroup_of_a_function_is_found(group, generators, n):
    space = sd.HermiteFunctions(n, 9 if n == 2 else 3)
    fixed = sd.fixed_space(space, np.array(generators))
    wanted = sd.Group("wanted", sd.LieAlgebra("nothing", np.zeros((0, n, n))), np.array(generators)).closure()
    right = []
    for seed in range(4):
        rng, x = np.random.default_rng(seed), space.draw(4 * space.size, seed)
        y = space(x) @ (fixed.basis @ rng.normal(size=fixed.dimension))
        found = sd.find_subgroup(x, y + 0.05 * y.std() * rng.normal(size=len(y)), space=space, group=group)
        right.append(found.order == len(wanted))
        assert found.model.discrepancy(lambda p: p @ generators[0].T, x) < 1e-10 or not right[-1]
    assert sum(right) >= 3


def test_no_symmetry_is_an_outcome():
    space = sd.HermiteFunctions(3, 2)
    x = space.draw(60)
    found = sd.find_subgroup(x, x @ [1.0, 2.0, 3.0], space=space, group=sd.Permutations(3))
    assert found.order == 1
    assert "of order 1" in str(found)
    np.testing.assert_allclose(found.model.predict(x), x @ [1.0, 2.0, 3.0], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y": np.ones(4)}, "for each of the 30 points"),
        ({"y": np.full(30, np.nan)}, "30 values of y are missing"),
        ({"estimator": "lasso"}, "estimator is"),
        ({"group": sd.SO(2), "output": (np.zeros((0, 1, 1)), np.ones((1, 1, 1)))}, "nothing but zero"),
        ({"y": np.ones((30, 2))}, "has 2 components"),
        ({"group": None, "space": sd.HermiteFunctions(2, 9), "estimator": "least_squares"}, "as many data"),
        ({"ridge": 0.0}, "must be positive"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    space = sd.HermiteFunctions(2, 3)
    with pytest.raises(sd.InputError, match=message):
        sd.fit_invariant(space.draw(30), **{"y": np.ones(30), "space": space, "group": sd.SO(2)} | options)
    with pytest.raises(sd.InputError, match="need 20 data or more"):
        sd.find_subgroup(space.draw(15), np.ones(15), space=space, group=sd.Signs(2))
