"""The linear layer: exact equivariance over the catalogue, completeness, drawn weights, and refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import symdyn as sd
from symdyn._types import double_precision
from symdyn.groups.catalogue import CATALOGUE
from symdyn.neural.carriers import Block, carriers
from symdyn.neural.intertwiners import canonical, intertwiners, null_space

AFFINE = [name for name, make in CATALOGUE.items() if make().algebra.is_affine]
INPUTS = 2 * sd.Vector + sd.Covector + sd.Tensor(1, 1) + sd.Density(1) + 2 * sd.Scalar
OUTPUTS = sd.Vector + 2 * sd.Covector + sd.Tensor(1, 1) + sd.Scalar
PLACES = 2 * sd.Point + sd.Vector + sd.Scalar, sd.Vector + sd.Scalar


def small(carrier, s=0.3):
    """A matrix and a shift of the group near the identity, for each generator."""
    A, _ = carrier.matrices()
    a = np.zeros(A.shape[:2]) if carrier.shifts is None else carrier.shifts.array
    for G, c in zip(A, a, strict=True):
        wide = np.zeros((len(G) + 1, len(G) + 1))
        wide[:-1, :-1], wide[:-1, -1] = G, c
        moved = scipy.linalg.expm(s * wide)
        yield moved[:-1, :-1], moved[:-1, -1]


def defects(function, source, target, x):
    """Relative defects of f(g x) = g f(x) over generators and elements, at samples x (m, n)."""
    evaluate = jax.jit(jax.vmap(function))
    y = np.asarray(evaluate(x))
    moves = [*zip(small(source), small(target), strict=True)]
    for E, F in zip(source.matrices()[1], target.matrices()[1], strict=True):
        moves.append(((E, np.zeros(len(E))), (F, np.zeros(len(F)))))
    for (G, c), (H, d) in moves:
        moved, wanted = np.asarray(evaluate((x @ G.T + c).astype(x.dtype))), y @ H.T + d
        yield float(np.abs(moved - wanted).max() / max(np.abs(wanted).max(), np.abs(moved).max(), 1e-30))


def dense(layer):
    """W (d, n or n + 1) from weights and bases, in NumPy."""
    W = np.zeros((layer.target.size, layer.source.size))
    for (i, o), basis, weight in zip(layer.pairs, layer.bases, layer.weights, strict=True):
        values = np.einsum("rab,ocr->oacb", basis.array, np.asarray(weight, float))
        rows, columns = layer.target.places[o].array, layer.source.places[i].array
        W[rows[:, :, None, None], columns[None, None]] += values
    return W


@pytest.mark.parametrize("name", AFFINE)
def test_maps_are_equivariant_under_each_group_of_the_catalogue(name):
    group = CATALOGUE[name]()
    tensors = (INPUTS, OUTPUTS) if group.algebra.n < 6 else (sd.Vector + sd.Scalar, sd.Vector + sd.Covector)
    for quantities in (tensors, PLACES):
        source, target = carriers(group, quantities)
        with double_precision():
            layer = sd.EquivariantLinear(None, source, target, key=jax.random.key(1))
        W, wide = dense(layer), layer.source
        (A, E), (B, F) = wide.matrices(), target.matrices()
        for M, N in (*zip(A, B, strict=True), *zip(E, F, strict=True)):
            assert np.abs(W @ M - N @ W).max() <= 1e-12 * max(np.abs(M).max(), np.abs(N).max()) * np.abs(W).max()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["SO(3)", "Lorentz(3)", "SE(2) x U(1)", "Permutations(4)"])
def test_layers_are_equivariant_at_finite_elements(name, dtype):
    group = CATALOGUE[name]()
    source, target = carriers(group, (INPUTS, OUTPUTS))
    with double_precision():
        layer = sd.EquivariantLinear(None, source, target, key=jax.random.key(1), dtype=dtype)
        x = np.random.default_rng(0).normal(size=(3, source.size)).astype(dtype)
        assert layer(x[0]).dtype == dtype
        assert np.allclose(layer(x[0]), dense(layer) @ np.append(x[0], 1.0), atol=1e-12 if x.itemsize == 8 else 1e-5)
        assert max(defects(layer, source, target, x)) <= (1e-12 if dtype is np.float64 else 1e-5)


def test_a_random_matrix_fails_the_same_test():
    source, target = carriers(sd.SO(3), (2 * sd.Vector, sd.Vector))
    W = np.random.default_rng(0).normal(size=(3, 6))
    assert max(defects(lambda x: W @ x, source, target, np.eye(6))) > 1e-2


@pytest.mark.parametrize(
    ("group", "inputs", "outputs", "count"),
    [
        (sd.SO(3), sd.Vector**2, sd.Vector, 1),  # the cross product
        (sd.O(3), sd.Vector**2, sd.Vector, 0),
        (sd.O(3), sd.Vector**2, sd.Axial, 1),
        (sd.SO(3), sd.Vector**2, sd.Vector**2, 3),  # trace, antisymmetric, traceless
        (sd.SO(3), sd.Vector**2, sd.Scalar, 1),
        (sd.SO(2), sd.Vector, sd.Vector, 2),
        (sd.GL(3), sd.Vector * sd.Covector, sd.Scalar, 1),
        (sd.GL(3), sd.Vector, sd.Covector, 0),
        (sd.Lorentz(3), sd.Vector, sd.Covector, 1),  # the metric
        (sd.Sp(4), sd.Vector**2, sd.Scalar, 1),  # the symplectic form
        (sd.SE(3), 3 * sd.Point, sd.Vector, 2),  # differences of places
        (sd.Scaling(), sd.Weight(1) + 2 * sd.Weight(2), sd.Weight(2), 2),
        (sd.Permutations(5), sd.Vector, sd.Vector, 2),
        (sd.Permutations(5), sd.Vector**2, sd.Vector**2, 15),  # Bell number: Maron et al. 2019
        (sd.CyclicShifts(6), sd.Vector, sd.Vector, 6),  # convolutions
        (sd.SU(2), sd.Vector, sd.Vector, 4),  # quaternions
    ],
)
def test_the_number_of_maps_is_the_one_of_representation_theory(group, inputs, outputs, count):
    if not count:
        with pytest.raises(sd.InputError, match="no equivariant map"):
            sd.EquivariantLinear(group, inputs, outputs, key=jax.random.key(0), bias=False)
        return
    assert sd.EquivariantLinear(group, inputs, outputs, key=jax.random.key(0), bias=False).parameters == count


@pytest.mark.parametrize("group", [sd.Signs(3), sd.Permutations(4), sd.Cube(True), sd.CyclicShifts(5)])
def test_orbits_give_thenull_space(group):
    (carrier,) = carriers(group, (sd.Vector**2,))
    A, E = carrier.matrices()
    block = Block(*(sd.Frozen(x) for x in (A, E)))
    n = block.size
    rows = np.concatenate([np.kron(np.eye(n), T.T) - np.kron(T, np.eye(n)) for T in E])
    dense = canonical(null_space(rows, block, block))
    orbits = intertwiners(block, block).array.reshape(-1, n * n)
    assert len(dense) == len(orbits)
    assert np.allclose(dense.T @ dense, orbits.T @ orbits, atol=1e-12)


def test_the_basis_does_not_depend_on_how_thenull_space_was_found():
    N = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 4)))[0].T
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0] @ N
    assert np.allclose(canonical(N), canonical(turned), atol=1e-12)


@pytest.mark.parametrize("group", [sd.SO(3), sd.Lorentz(2), sd.Permutations(3)])
def test_outputs_have_unit_variance_at_the_start(group):
    source, target = 10 * sd.Vector + 5 * sd.Scalar, 100 * sd.Vector + 400 * sd.Scalar
    layer = sd.EquivariantLinear(group, source, target, key=jax.random.key(0))
    assert np.allclose(np.asarray(layer(np.zeros(layer.source.size - 1))), 0.0)
    x = np.random.default_rng(0).normal(size=(30, layer.source.size - 1)).astype(np.float32)
    y = np.asarray(jax.vmap(layer)(x))
    vectors = y[:, :-400]
    assert np.mean(vectors**2) == pytest.approx(1.0, rel=0.25)
    assert np.mean(y[:, -400:] ** 2) == pytest.approx(1.0, rel=0.25)


def test_layers_on_a_state_under_several_groups():
    space = sd.StateSpace.of(position=3, momentum=3)
    action = sd.SO(3).acting_on(position=sd.Vector, momentum=sd.Vector)
    action += sd.Scaling().acting_on(position=sd.Weight(1), momentum=sd.Weight(2))
    made = sd.EquivariantLinear(action, space, sd.Rates("momentum"), key=jax.random.key(0))
    assert made.parameters == 1  # momenta scale by 2, places by 1
    hidden = (2 * sd.Vector, 6 * sd.Weight(2))
    with pytest.raises(sd.InputError, match="must agree"):
        sd.EquivariantLinear(action, space, (2 * sd.Vector, 5 * sd.Weight(2)), key=jax.random.key(0))
    assert sd.EquivariantLinear(action, space, hidden, key=jax.random.key(0)).parameters == 2


def test_bodies_that_may_be_exchanged():
    space = sd.StateSpace((sd.Variable("q", ("body", "component"), (("a", "b", "c"), ("x", "y", "z"))),))
    action = sd.SO(3).acting_on(q=sd.Vector) + sd.Permutations(3).acting_on(q=sd.Along(sd.Vector, "body"))
    layer = sd.EquivariantLinear(action, space, sd.Rates("q"), key=jax.random.key(0))
    assert layer.parameters == 2


def test_the_matrix_and_the_bias():
    layer = sd.EquivariantLinear(sd.SO(2), sd.Vector + sd.Scalar, sd.Vector + sd.Scalar, key=jax.random.key(0))
    assert np.allclose(eqx.filter_jit(lambda m: m.matrix())(layer), dense(layer), atol=1e-6)


def test_gradients_stay_on_the_symmetric_maps_and_structure_is_no_leaf():
    layer = sd.EquivariantLinear(sd.SO(3), 2 * sd.Vector, sd.Vector, key=jax.random.key(0))
    leaves = jax.tree.leaves(jax.grad(lambda m: jnp.sum(m(jnp.arange(6.0)) ** 2))(layer))
    assert sum(leaf.size for leaf in leaves) == layer.parameters == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((sd.SO(3), sd.Vector, sd.Scalar + sd.Pseudoscalar), None),
        ((sd.SE(3), sd.Point, sd.Point), "outputs move by shifts"),
        ((sd.Conformal(2), sd.Vector, sd.Vector), "depends on the place"),
        ((sd.Conformal(2), sd.Point, sd.Scalar), "nonlinearly"),
        ((sd.SO(3), sd.StateSpace.of(x=3), sd.Vector), "quantities are representations"),
        ((sd.SO(3).acting_on(x=sd.Vector), sd.Vector, sd.Vector), "one state"),
        ((sd.SO(3), 3, sd.Vector), "representation"),
        ((None, sd.Vector, sd.Vector), "needs a group"),
        ((sd.Permutations(25), sd.Vector**2, sd.Vector), None),
        ((sd.SO(8), sd.Vector**2, sd.Vector**2), "unknowns"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments, text):
    if text is None:
        sd.EquivariantLinear(*arguments, key=jax.random.key(0))
        return
    with pytest.raises(sd.InputError, match=text):
        sd.EquivariantLinear(*arguments, key=jax.random.key(0))
