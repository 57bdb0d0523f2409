"""Promotion: optimality against a conic solver, certificates, proximal maps, and what is kept."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdyn as sd
from symdyn._types import double_precision
from symdyn.symmetry.discovery.fields import monomials_at
from symdyn.symmetry.enforce import bound_conditions
from symdyn.symmetry.promotion.admm import Convex
from symdyn.symmetry.promotion.coordinates import least_squares
from symdyn.symmetry.promotion.ensemble import convex_path, resampled
from symdyn.symmetry.promotion.lie_map import LieMap, lie_map
from symdyn.symmetry.promotion.norms import Block, dual_value, shrunk, value
from symdyn.symmetry.promotion.solve import arranged, convex, minimum, solved


def function_map(group, degree, n, *, values=sd.Scalar, targets=None, measure=None, kind=None):
    space = sd.StateSpace.of(x=n)
    action = group.acting_on(x=kind or sd.Point)
    terms, conditions = bound_conditions(sd.Monomials(degree), action, targets, values, space)
    return terms, conditions, lie_map(terms, conditions, measure or sd.UniformBox())


def random_problem(seed: int):
    """A map, rows and the weight of one of fifty problems: scalar and vector functions, few and many rows."""
    rng = np.random.default_rng(seed)
    group, n, degree, vector = (
        (sd.T(3), 3, 2, False), (sd.SE(3), 3, 2, False), (sd.SE(2), 2, 2, True), (sd.Aff(2), 2, 3, False),
    )[seed % 4]  # fmt: skip
    terms, _, broken = function_map(
        group, degree, n, values=None if vector else sd.Scalar, targets="x" if vector else None
    )
    rows = int(rng.integers(broken.size // 2, 3 * broken.size))
    x = rng.uniform(-1, 1, (rows, n))
    design = np.kron(monomials_at(terms.monomials(), x), np.eye(n if vector else 1))
    y = design @ rng.normal(size=broken.size) + 0.3 * rng.normal(size=len(design))
    return broken, design, y, float(10 ** rng.uniform(-2, 1))


def conic_minimum(broken: LieMap, design, y, weight: float, sparsity: float = 0.0) -> float:
    cvxpy = pytest.importorskip("cvxpy")
    c = cvxpy.Variable(broken.size)
    M = cvxpy.reshape(broken.matrix.toarray() @ c, broken.shift.shape, order="C") + broken.shift
    g = broken.columns - broken.elements
    norms = cvxpy.norm(M[:, :g], "nuc") + sum(cvxpy.norm(M[:, k]) for k in range(g, broken.columns))
    rest = 0.0 if weight == 0 else cvxpy.sum_squares(design @ c - y) / 2
    penalty = norms + sparsity * cvxpy.norm1(c)
    given = [design @ c == y] if weight == 0 else []
    problem = cvxpy.Problem(cvxpy.Minimize(rest + (weight or 1.0) * penalty), given)
    problem.solve(solver=cvxpy.CLARABEL, tol_gap_rel=1e-9, tol_gap_abs=1e-10, tol_feas=1e-9)
    return float(problem.value)


@pytest.mark.parametrize("seed", range(50))
def test_the_objective_is_that_of_a_conic_solver(seed):
    broken, design, y, weight = random_problem(seed)
    penalty = sd.NuclearNorm(tolerance=1e-8)
    found = solved(*arranged(broken, penalty), design, y, weight, penalty)
    expected = conic_minimum(broken, design, y, weight)
    assert found.objective == pytest.approx(expected, rel=1e-6)
    assert -1e-9 * abs(expected) <= found.gap <= 1e-8 * abs(expected)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_interpolation_matches_too(seed):
    broken, design, y, _ = random_problem(seed)
    rows = broken.size // 2
    penalty = sd.NuclearNorm(tolerance=1e-8)
    found = solved(*arranged(broken, penalty), design[:rows], y[:rows], 0.0, penalty)
    assert np.allclose(design[:rows] @ found.coefficients, y[:rows], atol=1e-9)
    assert found.objective == pytest.approx(conic_minimum(broken, design[:rows], y[:rows], 0.0), rel=1e-6)


def test_sparse_coefficients_and_broken_symmetry_together():
    broken, design, y, weight = random_problem(6)
    penalty = sd.NuclearNorm(sparsity=0.5, tolerance=1e-8)
    found = solved(*arranged(broken, penalty), design, y, weight, penalty)
    assert found.objective == pytest.approx(conic_minimum(broken, design, y, weight, 0.5), rel=1e-6)


def test_three_solvers_agree():
    broken, design, y, weight = random_problem(9)
    with double_precision():
        where = least_squares(design, y, broken)
    found = [
        minimum(*arranged(broken, each), where, weight, each)
        for each in (sd.NuclearNorm(), sd.NuclearNorm(solver="dual"), sd.NuclearNorm(solver="reweighted"))
    ]
    c = found[2].coefficients
    left = np.sum((design @ c - y) ** 2) / 2 + weight * broken.singular_values(c).sum()
    assert left == pytest.approx(found[0].objective, rel=1e-4)  # no certificate: it converges slowly
    assert found[1].objective == pytest.approx(found[0].objective, rel=1e-6)


def test_the_dual_solver_says_what_it_needs():
    broken, design, y, weight = random_problem(9)
    penalty = sd.NuclearNorm(solver="dual")
    with pytest.raises(sd.InputError, match="determine every coefficient"):
        solved(*arranged(broken, penalty), design[: broken.size // 2], y[: broken.size // 2], weight, penalty)


def test_a_gap_bounds_the_distance_to_the_minimum():
    """A loose stop still tells the truth: the exact minimum lies within the gap that was reported."""
    broken, design, y, weight = random_problem(12)
    loose, tight = sd.NuclearNorm(tolerance=0.05), sd.NuclearNorm(tolerance=1e-9)
    with double_precision():
        where = least_squares(design, y, broken)
    rough, exact = (convex(*arranged(broken, each), where, weight, each) for each in (loose, tight))
    assert rough.objective - rough.gap <= exact.objective * (1 + 1e-8)
    assert rough.objective >= exact.objective * (1 - 1e-8)


matrices = st.tuples(st.integers(0, 10**6), st.sampled_from([(1, 4), (5, 3), (4, 4)]), st.floats(0.01, 3))


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_the_proximal_map_is_optimal(drawn):
    """B - prox(B) is a subgradient: dual norm at most the threshold, and its product with prox(B) the norm itself."""
    seed, (k, g), threshold = drawn
    B = np.random.default_rng(seed).normal(size=(k, g))
    cut = g // 2
    blocks = (Block(0, g),) if cut == 0 else (Block(0, cut, 1.5), Block(cut, g, 0.7, grouped=True))
    with double_precision():
        Z = shrunk(jnp.asarray(B), jnp.asarray(threshold), blocks)
        rest = B - Z
        assert float(dual_value(rest, blocks)) <= threshold * (1 + 1e-6)
        assert float(jnp.sum(rest * Z)) == pytest.approx(threshold * float(value(Z, blocks)), abs=1e-6)


def test_lie_derivatives_by_exact_calculus_and_by_samples_agree():
    terms, conditions, exact = function_map(sd.SE(2), 2, 2, values=None, targets="x")
    x = np.random.default_rng(1).uniform(-1, 1, (200, 2))
    c = np.random.default_rng(2).normal(size=exact.size)
    points = lie_map(terms, conditions, sd.Empirical(x))
    wave = sd.Monomials(2) + sd.Waves(1)  # no polynomials: the same terms are among these
    more, other = bound_conditions(wave, sd.SE(2).acting_on(x=sd.Point), "x", None, sd.StateSpace.of(x=2))
    padded = np.zeros((more.size, 2))
    for k, name in enumerate(terms.names):
        padded[more.names.index(name)] = c.reshape(-1, 2)[k]
    sampled = lie_map(more, other, sd.Empirical(x))
    assert np.allclose(points.singular_values(c), sampled.singular_values(padded.ravel()), rtol=1e-6)
    assert not np.allclose(points.singular_values(c), exact.singular_values(c), rtol=1e-3)


def test_inner_products_over_a_box_are_integrals():
    box = sd.UniformBox((-1.0, 0.5), (2.0, 3.0))
    terms, _, _ = function_map(sd.T(2), 3, 2)
    R = box.coordinates(terms.monomials()).toarray()
    x = np.random.default_rng(0).uniform((-1.0, 0.5), (2.0, 3.0), (200_000, 2))
    values = monomials_at(terms.monomials(), x)
    assert np.allclose(R.T @ R, values.T @ values / len(x), rtol=0.03)
    nodes, weights = np.polynomial.legendre.leggauss(8)
    a, b = 0.5 + 1.5 * nodes, 1.75 + 1.25 * nodes
    grid = np.stack(np.meshgrid(a, b, indexing="ij"), -1).reshape(-1, 2)
    exact = monomials_at(terms.monomials(), grid)
    assert np.allclose(R.T @ R, exact.T @ (exact * np.outer(weights, weights).reshape(-1, 1) / 4), rtol=1e-12)


def test_generators_count_by_their_span_not_by_their_basis():
    """The nuclear norm does not change under a rotation of orthonormal generators or a rescaling of given ones."""
    space, library = sd.StateSpace.of(x=2), sd.Monomials(2)
    plain = sd.Action.polynomial({"right": {"x_x": "1"}, "up": {"x_y": "1"}})
    tilted = sd.Action.polynomial({"a": {"x_x": "3", "x_y": "3"}, "b": {"x_x": "2", "x_y": "1"}})
    c = np.random.default_rng(0).normal(size=6)
    sizes = []
    for action in (plain, tilted):
        terms, conditions = bound_conditions(library, action, None, sd.Scalar, space)
        sizes.append(lie_map(terms, conditions, sd.UniformBox()).singular_values(c))
    assert np.allclose(*sizes, rtol=1e-10)


@pytest.mark.parametrize("penalty", [sd.NuclearNorm(), sd.LogDet()])
def test_a_ridge_function_is_recovered_from_few_values(penalty):
    rng = np.random.default_rng(3)
    m, u = 10, np.linalg.qr(rng.normal(size=(10, 1)))[0][:, 0]
    x = rng.uniform(-1, 1, (45, m))
    y = 1 + 0.5 * (x @ u) + 0.8 * (x @ u) ** 2
    found = sd.promote(
        sd.Monomials(2), sd.T(m).acting_on(x=sd.Point), x, y, values=sd.Scalar, space=sd.StateSpace.of(x=m),
        penalty=penalty, measure=sd.UniformBox(),
    )  # fmt: skip
    fresh = rng.uniform(-1, 1, (200, m))
    terms = sd.Monomials(2).on(sd.StateSpace.of(x=m))
    predicted = monomials_at(terms.monomials(), fresh) @ found.coefficients[:, 0]
    assert np.abs(predicted - (1 + 0.5 * (fresh @ u) + 0.8 * (fresh @ u) ** 2)).max() < 1e-4
    assert found.broken == 1
    assert len(x) < len(found.coefficients)
    assert np.abs(found.kept @ u).max() < 1e-4  # the translations that are kept are across u


def test_named_generators_are_kept_or_broken_as_they_are():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (60, 2))
    y = x[:, 0] ** 2 + 0.01 * rng.normal(size=60)
    common = {"values": sd.Scalar, "space": sd.StateSpace.of(x=2), "weight": 0.3, "measure": sd.UniformBox()}
    action = sd.T(2).acting_on(x=sd.Point)
    found = sd.promote(sd.Monomials(2), action, x, y, penalty=sd.GroupNorm(), **common)
    assert found.broken == 1
    (kept,) = found.kept / np.abs(found.kept).max()
    assert np.allclose(np.abs(kept), [0, 1], atol=1e-6)


def test_discrete_elements_are_promoted():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (80, 1))
    y = 1 + x[:, 0] ** 2 + 0.02 * rng.normal(size=80)
    common = {"values": sd.Scalar, "space": sd.StateSpace.of(x=1), "measure": sd.UniformBox()}
    mirror = sd.O(1).acting_on(x=sd.Vector)
    even = sd.promote(sd.Monomials(4), mirror, x, y, weight=1.0, **common)
    free = sd.promote(sd.Monomials(4), mirror, x, y, weight=1e-9, **common)
    assert even.elements[0][1] < 1e-9 < free.elements[0][1]
    assert np.abs(even.coefficients[1::2]).max() < 1e-8


@pytest.mark.parametrize("penalty", [sd.NuclearNorm(), pytest.param(sd.LogDet(), marks=pytest.mark.slow)])
def test_the_weight_is_chosen_by_held_out_values(penalty):
    fresh = np.random.default_rng(9).uniform(-1, 1, (400, 3))
    space, action = sd.StateSpace.of(x=3), sd.T(3).acting_on(x=sd.Point)
    powers = sd.Monomials(3).on(space).monomials()

    def truth(x):
        return 1 + (x[:, 0] + 2 * x[:, 1]) - (x[:, 0] + 2 * x[:, 1]) ** 2

    def wrong(weight, draw):
        rng = np.random.default_rng(draw)
        x = rng.uniform(-1, 1, (40, 3))
        y = truth(x) + 0.2 * rng.normal(size=40)
        options = {"values": sd.Scalar, "space": space, "penalty": penalty, "measure": sd.UniformBox()}
        found = sd.promote(sd.Monomials(3), action, x, y, weight=weight, **options)
        return np.sqrt(np.mean((monomials_at(powers, fresh) @ found.coefficients[:, 0] - truth(fresh)) ** 2))

    chosen, free, full = (np.median([wrong(w, k) for k in range(4)]) for w in ("auto", 1e-9, 1e6))
    assert chosen < 0.8 * free
    assert chosen < 0.5 * full


def test_within_the_coefficients_that_a_known_symmetry_admits():
    """A function even in a that does not depend on b, from four values: three of fifteen coefficients are free."""
    space, library = sd.StateSpace.of(a=1, b=1), sd.Monomials(4)
    x = np.random.default_rng(4).uniform(-1, 1, (4, 2))
    y = 1 + x[:, 0] ** 2 - 2 * x[:, 0] ** 4
    even = sd.enforce(library, sd.O(1).acting_on(a=sd.Vector, b=sd.Scalar), values=sd.Scalar, space=space)
    common = {"values": sd.Scalar, "space": space, "penalty": sd.LogDet(), "measure": sd.UniformBox()}
    moved = sd.T(1).acting_on(a=sd.Scalar, b=sd.Point)
    found = sd.promote(library, moved, x, y, within=even, **common)
    alone = sd.promote(library, moved, x, y, **common)
    assert even.dimension == 9
    assert even.contains(found.coefficients, rtol=1e-6)
    assert found.broken == 0
    predicted = monomials_at(library.on(space).monomials(), x + 0.3) @ found.coefficients[:, 0]
    np.testing.assert_allclose(predicted, 1 + (x[:, 0] + 0.3) ** 2 - 2 * (x[:, 0] + 0.3) ** 4, atol=1e-6)
    assert not even.contains(alone.coefficients, rtol=1e-3)
    with pytest.raises(sd.InputError, match=r"within= has coefficients of shape \(15, 1\)"):
        sd.promote(sd.Monomials(3), moved, x, y, within=even, **common)


def test_vectors_and_tensors_are_promoted():
    """A linear field keeps the rotation of two of three axes; a stress that is its gradient's square likewise."""
    rng = np.random.default_rng(1)
    space = sd.StateSpace.of(x=3)
    x = rng.uniform(-1, 1, (30, 3))
    turn, tensor = sd.SO(3).acting_on(x=sd.Vector), sd.Vector * sd.Vector
    field = x * [1.0, 1.0, 3.0]
    stress = (field[:, :, None] * field[:, None, :]).reshape(30, 9)
    for values, y, degree in ((sd.Vector, field, 1), (tensor, stress, 2)):
        found = sd.promote(sd.Monomials(degree), turn, x, y, values=values, space=space, measure=sd.UniformBox())
        assert found.broken == 2
        np.testing.assert_allclose(np.abs(found.kept[0] / np.linalg.norm(found.kept[0])).max(), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": -1.0}, "weight must be zero or positive, or 'auto', got -1.0"),
        ({"weight": "large"}, "or 'auto', got 'large'"),
        ({"penalty": "nuclear"}, "penalty must be NuclearNorm"),
        ({"norm": "l2"}, "norm must be one of"),
        ({"measure": sd.UniformBox((0.0, 0.0, 0.0), 1.0)}, "the box has 3 components"),
        ({"penalty": sd.NuclearNorm(blocks=(("sideways",),))}, "unknown generator 'sideways'"),
        ({"penalty": sd.GroupNorm(blocks=((), ("translation_x",)))}, "a block is empty"),
    ],
)
def test_what_cannot_be_used_is_refused(change, message):
    x = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    options = {"values": sd.Scalar, "space": sd.StateSpace.of(x=2), "weight": 1.0} | change
    with pytest.raises(sd.InputError, match=message):
        sd.promote(sd.Monomials(1), sd.T(2).acting_on(x=sd.Point), x, x[:, 0], **options)


def test_values_that_cannot_be_reproduced_are_named():
    x = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    with pytest.raises(sd.InputError, match="no coefficients reproduce"):
        sd.promote(
            sd.Monomials(1), sd.T(2).acting_on(x=sd.Point), x, np.sin(9 * x[:, 0]), values=sd.Scalar,
            space=sd.StateSpace.of(x=2),
        )  # fmt: skip
    y = np.where(np.arange(10) == 3, np.nan, 1.0)
    with pytest.raises(sd.InputError, match="sample 3"):
        sd.promote(sd.Monomials(1), sd.T(2).acting_on(x=sd.Point), x, y, values=sd.Scalar, space=sd.StateSpace.of(x=2))


def test_settings_refuse_nonsense():
    for bad in (
        lambda: sd.NuclearNorm(solver="scs"), lambda: sd.NuclearNorm(sparsity=-1.0),
        lambda: sd.NuclearNorm(sparsity=1.0, solver="dual"), lambda: sd.NuclearNorm(tolerance=0.0),
        lambda: sd.GroupNorm(tolerance=-1.0),
        lambda: sd.LogDet(floor=-1.0), lambda: sd.UniformBox(1.0, 0.0), lambda: sd.Empirical(np.zeros((0, 2))),
    ):  # fmt: skip
        with pytest.raises(sd.InputError):
            bad()


def test_resamples_side_by_side_are_those_one_by_one():
    broken, design, y, weight = random_problem(5)
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(y), len(y)) for _ in range(3)]
    designs, values = [design[d] for d in draws], [y[d] for d in draws]
    penalty = sd.NuclearNorm(tolerance=1e-8)
    _, blocks = arranged(broken, penalty)
    with double_precision():
        together = resampled(designs, values, broken, blocks, weight, tolerance=1e-8)
    for found, x, v in zip(together, designs, values, strict=True):
        alone = solved(broken, blocks, x, v, weight, penalty)
        assert np.allclose(found, alone.coefficients, atol=1e-3 * np.abs(alone.coefficients).max())


def test_a_path_from_a_warm_start_is_that_of_single_solves():
    broken, design, y, _ = random_problem(4)
    penalty = sd.NuclearNorm(tolerance=1e-8)
    _, blocks = arranged(broken, penalty)
    with double_precision():
        problem = Convex.of(broken, least_squares(design, y, broken), blocks)
        path = convex_path(problem, jnp.asarray([10.0, 1.0, 0.1]), 1e-8)
    for k, weight in enumerate((10.0, 1.0, 0.1)):
        alone = solved(broken, blocks, design, y, weight, penalty)
        assert float(path.objective[k]) == pytest.approx(alone.objective, rel=1e-6)


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("penalty", [sd.NuclearNorm(), sd.NuclearNorm(solver="reweighted"), sd.LogDet(floor=0.1)])
def test_lists_of_entries_give_what_arrays_give(seed, penalty, monkeypatch):
    """Large maps are kept as lists of entries: the same minima as for arrays."""
    broken, design, y, weight = random_problem(seed)
    blocks = arranged(broken, penalty)[1]
    as_array = solved(broken, blocks, design, y, weight, penalty)
    monkeypatch.setattr("symdyn.symmetry.promotion.lie_map.DENSE", 0)
    monkeypatch.setattr("symdyn.symmetry.promotion.reweighted.DENSE", 0)
    listed = LieMap(broken.matrix, broken.shift, broken.labels, broken.mixing, broken.elements)
    assert listed.dense is None
    as_list = solved(listed, blocks, design, y, weight, penalty)
    np.testing.assert_allclose(
        as_list.coefficients, as_array.coefficients, atol=1e-7 * np.abs(as_array.coefficients).max()
    )


@pytest.mark.parametrize("penalty", [sd.NuclearNorm(), sd.LogDet()])
def test_a_function_that_breaks_nothing_keeps_everything(penalty):
    x = np.random.default_rng(4).uniform(-1, 1, (40, 2))
    found = sd.promote(
        sd.Monomials(4), sd.SO(2).acting_on(x=sd.Vector), x, (x**2).sum(1) ** 2 - 1,
        values=sd.Scalar, space=sd.StateSpace.of(x=2), penalty=penalty,
    )  # fmt: skip
    assert found.broken == 0
    assert found.singular_values.max() < 1e-6
