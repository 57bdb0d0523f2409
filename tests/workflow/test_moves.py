"""Random elements, augmentation and metrics: laws of groups and what moved copies of data keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

KEY = jax.random.key(0)


@pytest.mark.parametrize("proper", [True, False])
def test_random_orthogonal_is_haar(proper):
    Q = sd.random_orthogonal(3, 4000, key=KEY, proper=proper)
    assert np.allclose(Q @ Q.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    assert abs(np.linalg.det(Q).mean() - (1.0 if proper else 0.0)) < 0.05
    assert np.abs(Q.mean(0)).max() < 0.04
    assert np.allclose((Q**2).mean(0), 1 / 3, atol=0.02)
    trace = np.trace(Q, axis1=1, axis2=2)
    assert abs((trace**2).mean() - 1) < 0.1  # the vector representation is irreducible


@pytest.mark.parametrize("group", [sd.SO(3), sd.O(3), sd.SO(2), sd.SO(4)])
def test_products_of_exponentials_have_the_moments_of_haar(group):
    moves = sd.random_moves(group, key=KEY, count=3000)
    n = group.algebra.n
    assert np.allclose(moves.A @ moves.A.transpose(0, 2, 1), np.eye(n), atol=1e-10)
    assert np.abs(moves.A.mean(0)).max() < 0.06
    assert np.allclose((moves.A**2).mean(0), 1 / n, atol=0.03)


@pytest.mark.parametrize("group", [sd.Dihedral(4), sd.Permutations(4), sd.Permutations(8)])
def test_finite_groups_are_drawn_uniformly(group):
    moves = sd.random_moves(group, key=KEY, count=4000)
    fixed = np.trace(moves.A, axis1=1, axis2=2)
    invariants = 1.0 if group.base == "internal" else 0.0  # permutations keep the sum
    assert abs(fixed.mean() - invariants) < 0.1  # Burnside
    assert np.allclose(moves.A @ moves.A.transpose(0, 2, 1), np.eye(group.algebra.n))


def test_values_move_with_points():
    moves = sd.random_moves(sd.O(3), key=KEY, count=10, inputs=2 * sd.Vector, outputs=sd.Axial)
    x = jax.random.normal(KEY, (20, 6))
    assert sd.equivariance_error(lambda s: jnp.cross(s[:3], s[3:]), moves, x).max() < 1e-5
    assert sd.equivariance_error(lambda s: s[:3], moves, x).max() > 0.5  # a polar vector is none
    assert sd.orbit_variance(lambda s: jnp.cross(s[:3], s[3:]), moves, x) < 1e-10
    back = moves.values_back(moves.values(x[:, :3]))
    assert np.allclose(back, np.broadcast_to(x[:, :3], back.shape), atol=1e-5)


def test_orbit_variance_of_a_function_that_varies_on_orbits_only():
    moves = sd.random_moves(sd.SO(2), key=KEY, count=200)
    angles = jnp.linspace(0, 2 * jnp.pi, 50, endpoint=False)
    x = jnp.stack([jnp.cos(angles), jnp.sin(angles)], 1)
    assert sd.orbit_variance(lambda p: p[0], moves, x) > 0.95


def test_augmented_rows_obey_the_same_law():
    space = sd.StateSpace.of(position=2, velocity=2)
    action = sd.SE(2).acting_on(position=sd.Point, velocity=sd.Vector)
    moves = sd.random_moves(action, key=KEY, count=5, space=space, targets=("position", "velocity"))
    x = np.random.default_rng(0).normal(size=(30, 4))

    def law(s):  # drag and a magnetic field
        v = s[..., 2:]
        return jnp.concatenate([v, -0.1 * v + jnp.stack([-v[..., 1], v[..., 0]], -1)], -1)

    rows, rates = sd.augment(x, law(x), moves)
    assert rows.shape == (180, 4)
    assert np.allclose(law(rows), rates, atol=1e-5)
    assert np.abs(np.asarray(rows[30:60]) - x).max() > 0.1
    some, theirs = jax.jit(lambda k: sd.augment(x, law(x), moves, key=k))(KEY)
    assert np.allclose(law(some), theirs, atol=1e-5)
    with pytest.raises(sd.InputError, match="points"):
        sd.augment(x[:, :3], x, moves)


def test_a_boost_moves_rates_of_places():
    boost = sd.Action.affine(shifts={"v": [1.0]}, rate_shifts={"x": [1.0]}, labels="boost")
    space = sd.StateSpace.of(x=1, v=1)
    moves = sd.random_moves(boost, key=KEY, count=4, space=space)
    rows, rates = sd.augment(np.array([[1.0, 2.0]]), np.array([[2.0, 0.5]]), moves)
    assert np.allclose(rows[:, 1], rates[:, 0])
    run = sd.dataset(np.linspace(0, 1, 5), x=np.ones(5), v=np.ones(5))
    with pytest.raises(sd.InputError, match="depends on time"):
        sd.augment_dataset(run, boost, space=space, key=KEY)


def test_moved_trajectories_obey_the_law_and_identify_reads_them():
    times = np.linspace(0, 6, 301)
    x = np.stack([np.cos(times), np.sin(times)], 1) * np.exp(-0.1 * times)[:, None]
    v = np.stack([-np.sin(times), np.cos(times)], 1) * np.exp(-0.1 * times)[:, None] - 0.1 * x
    run = sd.dataset(times, x=x).assign(xdot=(("time", "component"), v)).assign_attrs(title="kept")
    run = run.transpose("component", "time")
    turn, space = sd.SO(2).acting_on(x=sd.Vector), sd.StateSpace.of(x=2)
    runs = sd.augment_dataset(run, turn, space=space, key=KEY, count=2, rates={"x": "xdot"})
    assert len(runs) == 3
    assert runs[1].x.dims == run.x.dims
    assert runs[1].attrs == run.attrs
    for each in runs:
        gradient = each.x.differentiate("time").isel(time=slice(1, -1))
        assert np.allclose(gradient, each.xdot.isel(time=slice(1, -1)), atol=1e-3)
    law = sd.identify([r[["x"]] for r in runs], library=sd.Monomials(1, bias=False), solver=sd.LeastSquares())
    assert np.allclose(law.coefficient("x_y", "x_x")[0], -1, atol=1e-3)


def test_time_scales_with_the_data():
    kepler = sd.Scaling().acting_on(x=sd.Weight(2), v=sd.Weight(-1), time=sd.Weight(3))
    space = sd.StateSpace.of(x=1, v=1)
    times = np.linspace(0, 1, 11)
    run = sd.dataset(times, x=times**2, v=2 * times)
    moved = sd.augment_dataset(run, kepler, space=space, key=KEY, count=1, rates={"x": "v"}, scale=0.3)[1]
    slope = moved.x.differentiate("time").isel(time=slice(1, -1))
    assert np.allclose(slope, moved.v.isel(time=slice(1, -1)), rtol=1e-6)
    assert not np.allclose(moved.time, times)


def test_what_is_refused():
    run = sd.dataset(np.linspace(0, 1, 5), x=np.ones((5, 2)))
    turn, space = sd.SO(2).acting_on(x=sd.Vector), sd.StateSpace.of(x=2)
    with pytest.raises(sd.InputError, match="no coordinate 'hours'"):
        sd.augment_dataset(run, turn, space=space, key=KEY, time="hours")
    action = sd.SO(2).acting_on(y=sd.Vector)
    with pytest.raises(sd.InputError, match="no variable 'y'"):
        sd.augment_dataset(run, action, space=sd.StateSpace.of(y=2), key=KEY)
    with pytest.raises(sd.InputError, match="space="):
        sd.random_moves(turn, key=KEY)
    bend = sd.Action.polynomial({"bend": {"x_x": "x_y^2"}})
    with pytest.raises(sd.InputError, match="affine"):
        sd.random_moves(bend, key=KEY, space=space)
    with pytest.raises(sd.InputError, match="shape"):
        sd.equivariance_error(lambda p: p, sd.random_moves(sd.SO(2), key=KEY), np.ones((3, 5)))
