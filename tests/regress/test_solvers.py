"""Laws that hold for every solver, and each of them against an independent way to the same answer."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdyn as sd
from symdyn._types import double_precision
from symdyn.regress.fit import solve
from symdyn.regress.problem import problems
from symdyn.regress.rows.moments import design_moments
from symdyn.regress.solvers import exact, least_squares
from symdyn.regress.solvers.base import ebic
from symdyn.regress.solvers.penalised import penalised_weights

SOLVERS = [
    sd.SR3(0.05),
    sd.Lasso(),
    sd.Lasso(0.1),
    sd.ElasticNet(0.5),
    sd.ElasticNet(0.5, alpha=0.2),
    sd.FROLS(),
    sd.FROLS(2),
    sd.SSR(),
    sd.SSR("loss", 2),
    sd.BestSubset(),
    sd.BestSubset(exact=True),
    sd.STLSQ(),
    sd.STLSQ(0.05),
    sd.SR3(),
]
CHOOSING = [s for s in SOLVERS if getattr(s, "alpha", None) is None]  # not those with a fixed penalty


def triangle(design, y):
    table = np.column_stack([design, y])
    norms = np.linalg.norm(table, axis=0)
    return np.linalg.qr(table / np.where(norms > 0, norms, 1.0), mode="r")


def planted(seed, p=7, active=(1, 4), noise=1e-3, rows=400):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(rows, p))
    return design, design[:, list(active)].sum(axis=1) + noise * rng.normal(size=rows)


def chosen(solver, design, y, selection=None):
    """The terms that a solver and a selection keep, from rows."""
    with double_precision():
        moments = design_moments(design, np.asarray(y)[:, None], np.ones(len(y)))
    problem = problems(moments, (design.shape[1], 1), None, [])[0]
    return np.flatnonzero(solve(problem, solver, selection or sd.EBIC()).mask).tolist()


def proposed(solver, table, rows=300):
    """The sets that a solver proposes."""
    return [np.flatnonzero(mask).tolist() for mask in solver.path(table, rows)]


def residual(table, terms):
    mask = np.isin(np.arange(table.shape[1] - 1), terms)
    return float(np.linalg.norm(table[:, -1] - table[:, :-1] @ least_squares(table, mask)))


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_the_right_support_on_an_orthogonal_design(solver):
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(400, 9)))[0]
    y = basis[:, [2, 5]] @ [1.0, -0.7] + 1e-6 * basis[:, 8]
    assert chosen(solver, basis[:, :8], y) == [2, 5]


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 1000), scales=st.lists(st.sampled_from([2.0**-30, 1e-3, 7.0, 1e8]), min_size=7, max_size=7))
def test_units_change_nothing(seed, scales):
    design, y = planted(seed, noise=0.1)
    for solver in SOLVERS:
        scaled = chosen(solver, design * np.array(scales), y * scales[0])
        assert chosen(solver, design, y) == scaled, solver


@pytest.mark.parametrize("solver", CHOOSING, ids=repr)
def test_rank_deficient_triangles(solver):
    # a column twice, one that is a sum of others, and one that is zero on all rows
    design, y = planted(1, p=5)
    wide = np.column_stack([design, design[:, 3], design[:, 0] + design[:, 2], np.zeros(400)])
    found = chosen(solver, wide, y)
    assert {1, 4} <= set(found) <= {0, 1, 2, 3, 4, 5, 6}
    assert residual(triangle(wide, y), found) < 2e-3


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_a_target_or_a_library_of_zeros(solver):
    design, y = planted(0, p=3, active=(1,))
    for table in (triangle(design, 0 * y), triangle(0 * design, y)):
        found = solver.path(table, 400)
        assert found.shape[1:] == (3,)
        assert found.dtype == bool
    if solver in CHOOSING:
        assert chosen(solver, design, 0 * y) == chosen(solver, 0 * design, y) == []


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_fewer_rows_than_terms_do_not_break_a_solver(solver):
    design, y = planted(0, p=9, noise=0.0)
    found = solver.path(triangle(design, y)[:6], 6)
    assert found.shape[1:] == (9,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.SR3(1.0), "between 0 and 1"),
        (lambda: sd.SR3(relaxation=0.0), "positive"),
        (lambda: sd.SR3(max_iterations=0), "positive"),
        (lambda: sd.Lasso(0.0), "between 0 and 1"),
        (lambda: sd.Lasso(1.5), "between 0 and 1"),
        (lambda: sd.ElasticNet(0.0), "above 0"),
        (lambda: sd.ElasticNet(0.5, alpha=2.5), "between 0 and 1"),
        (lambda: sd.FROLS(0), "positive whole number"),
        (lambda: sd.FROLS(2.5), "positive whole number"),
        (lambda: sd.SSR(max_terms=-1), "positive whole number"),
        (lambda: sd.BestSubset(0), "positive whole number"),
        (lambda: sd.BestSubset(screen=1), "screen >= 2"),
        (lambda: sd.Ridge(0.0), "positive"),
        (lambda: sd.STLSQ(1.0), "between 0 and 1"),
        (lambda: sd.STLSQ(-0.1), "between 0 and 1"),
        (lambda: sd.SSR(by="size"), 'by "coefficient" or "loss"'),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(sd.InputError, match=message):
        make()


def collinear(seed, p=10, noise=0.02):
    """Neighbouring terms correlate by more than 0.9; the law has terms 2, 5, 8."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(300, p)) @ (np.eye(p) + 3 * np.eye(p, k=1) + 3 * np.eye(p, k=2))
    y = design[:, [2, 5, 8]] @ [1.0, -1.0, 0.7]
    return design, y + noise * y.std() * rng.normal(size=300)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.5])
def test_the_exact_search_agrees_with_trying_all_sets(seed, noise):
    design, y = collinear(seed, noise=noise)
    table = triangle(design, y)
    best = [
        min(combinations(range(10), size), key=lambda s: residual(table, s)) for size in range(1, 9)
    ]  # the best set of each size
    costs = [ebic(residual(table, s), len(s), 300, 10) for s in best]
    winner = list(best[int(np.argmin(costs))])
    assert chosen(sd.BestSubset(8, screen=2, exact=True), design, y, sd.EBIC(resolution=0.0)) == winner
    assert chosen(sd.BestSubset(8), design, y, sd.EBIC(resolution=0.0)) == winner
    full = residual(table, range(10))
    for tolerance in (0.01, 0.1, 0.3):
        first = next((s for s in best if residual(table, s) <= full + tolerance), best[-1])
        assert tuple(chosen(sd.BestSubset(8), design, y, sd.Tolerance(tolerance))) == first
    search = exact._Search(np.asarray(table))
    for size, terms in enumerate(best[:5], 1):
        found, left = search.best(size, np.inf)
        assert left == pytest.approx(residual(table, terms), rel=1e-9, abs=1e-13)
        assert residual(table, found) == pytest.approx(left, rel=1e-9, abs=1e-13)


def test_the_exact_search_handles_forty_collinear_terms():
    assert chosen(sd.BestSubset(exact=True), *collinear(0, p=40)) == [2, 5, 8]


def test_an_exact_search_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(exact, "MOST_NODES", 200)
    rng = np.random.default_rng(0)
    table = triangle(rng.normal(size=(100, 40)), rng.normal(size=100))
    with pytest.raises(sd.InputError, match="lower max_terms"):
        exact._Search(np.asarray(table)).best(6, np.inf)


def test_exchanges_reach_terms_outside_the_screen():
    # the law is the sum of three of forty collinear terms; a screen of two sees at most two of them
    design, y = collinear(0, p=40)
    assert proposed(sd.BestSubset(3, screen=3), triangle(design, y))[2] == [2, 5, 8]


def test_a_law_with_more_terms_than_are_searched_exhaustively():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(500, 30))
    y = design[:, :14].sum(axis=1) + 1e-2 * rng.normal(size=500)
    assert chosen(sd.BestSubset(), design, y) == list(range(14))
    assert len(chosen(sd.BestSubset(6), design, y)) <= 6


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_the_path_ends_at_the_minimum_of_the_stated_sum(l1_ratio):
    # an independent solution of scikit-learn, from the rows and not from the triangle
    from sklearn.linear_model import ElasticNet

    design, y = collinear(3)
    rows = np.column_stack([design, y]) / np.linalg.norm(np.column_stack([design, y]), axis=0)
    alpha = 0.05
    ours = penalised_weights(triangle(design, y), np.geomspace(0.9, alpha, 25), l1_ratio)[0][-1]
    model = ElasticNet(alpha=alpha / 300, l1_ratio=l1_ratio, fit_intercept=False, tol=1e-10, max_iter=100_000)
    np.testing.assert_allclose(ours, model.fit(rows[:, :-1], rows[:, -1]).coef_, atol=1e-4)
    # and the optimality conditions, which know nothing of scikit-learn
    pull = rows[:, :-1].T @ (rows[:, -1] - rows[:, :-1] @ ours) - alpha * (1 - l1_ratio) * ours
    assert np.abs(pull).max() <= alpha * l1_ratio * (1 + 1e-3)
    kept = ours != 0
    np.testing.assert_allclose(pull[kept], alpha * l1_ratio * np.sign(ours[kept]), rtol=1e-3)
    solver = sd.Lasso(alpha) if l1_ratio == 1 else sd.ElasticNet(l1_ratio, alpha)
    assert (solver.path(triangle(design, y), 300)[0] == kept).all()


def test_a_lasso_that_has_not_converged_says_so():
    x = np.random.default_rng(0).uniform(1.0, 1.01, 500)
    table = triangle(x[:, None] ** np.arange(-6, 6), np.sin(200 * x) + x**-2.0)
    with pytest.warns(sd.SymdynWarning, match="has not converged"):
        sd.Lasso(1e-9).path(table, 500)


def test_forward_selection_takes_the_largest_error_reduction_at_each_step():
    table = triangle(*collinear(2))
    taken: list[int] = []
    for size in range(1, 6):
        best = min((j for j in range(10) if j not in taken), key=lambda j: residual(table, [*taken, j]))
        taken.append(best)
        assert proposed(sd.FROLS(size), table) == [sorted(taken)]


@pytest.mark.parametrize("by", ["coefficient", "loss"])
def test_backward_elimination_drops_the_smallest_at_each_step(by):
    table = triangle(*collinear(2))
    left = list(range(10))
    while len(left) > 1:
        if by == "loss":
            drop = min(left, key=lambda j: residual(table, [k for k in left if k != j]))
        else:
            weights = np.abs(least_squares(table, np.isin(np.arange(10), left)))
            drop = min(left, key=lambda j: weights[j])
        left.remove(drop)
        assert proposed(sd.SSR(by, len(left)), table) == [left]
        assert left in proposed(sd.SSR(by), table)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("relaxation", [0.1, 1.0, 10.0])
def test_the_published_iteration_of_sr3_stays_at_the_support(seed, relaxation):
    table = triangle(*collinear(seed, noise=0.3))
    solver = sd.SR3(0.1, relaxation)
    mask = solver.path(table, 300)[0]
    terms, y = table[:, :-1], table[:, -1]
    left = np.linalg.inv(terms.T @ terms + np.eye(10) / relaxation)
    w = np.where(mask, solver._relaxed(table, mask), 0.0)
    for _ in range(100):
        x = left @ (terms.T @ y + w / relaxation)
        w = np.where(np.abs(x) >= 0.1, x, 0.0)
        assert ((w != 0) == mask).all()


@pytest.mark.parametrize("seed", range(4))
def test_sr3_without_relaxation_is_sequential_thresholding(seed):
    table = triangle(*collinear(seed, noise=0.3))
    assert proposed(sd.SR3(0.1, 1e-12), table) == proposed(sd.STLSQ(0.1), table)


TIMES = np.linspace(0, 10, 300)


@pytest.mark.parametrize("solver", CHOOSING, ids=repr)
def test_inside_an_enforced_subspace_and_on_disk(solver, tmp_path):
    turn = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    data = sd.make_dataset("harmonic_oscillator", times=TIMES, rates=True)
    law = sd.identify(data, library=sd.Monomials(3), action=turn, solver=solver, rate_of="velocity")
    assert law.stats.residual[0] < 0.02
    law.save(tmp_path / "law.symdyn")
    back = sd.load(tmp_path / "law.symdyn")
    assert back.settings.solver == solver
    assert str(back) == str(law)


def test_ebic_finds_the_planted_support_in_nearly_all_draws():
    # a false term passes with a probability of about 4 % (chi^2 above log 400 + 1 for one of five candidates)
    supports = [chosen(sd.BestSubset(), *planted(s)) for s in range(40)]
    assert supports.count([1, 4]) >= 35
    assert all({1, 4} <= set(found) for found in supports)


def test_best_subset_does_not_lose_its_way_among_collinear_terms():
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 1.5, 2000)
    powers = np.arange(-6, 3)
    y = x**-2.0 + 1e-4 * rng.normal(size=2000)
    assert powers[chosen(sd.BestSubset(), x[:, None] ** powers, y)].tolist() == [-2]


def test_too_many_sets_are_refused_before_they_are_made():
    with pytest.raises(sd.InputError, match="lower screen or max_terms"):
        sd.BestSubset(screen=40)


def test_a_ridge_is_the_ridge_of_the_books():
    design, y = collinear(0)
    table = triangle(design, y)
    ours = least_squares(table, np.ones(10, bool), ridge=0.03)
    terms = table[:, :-1]
    np.testing.assert_allclose(ours, np.linalg.solve(terms.T @ terms + 0.03 * np.eye(10), terms.T @ table[:, -1]))


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1e-1])
def test_a_large_collinear_library_without_any_setting(noise):
    # Lorenz, degree 5: 56 terms whose condition number is near 1e6. At least 4 of 5 draws must be exactly right.
    times = np.arange(0, 40, 0.01)
    data = sd.make_dataset("lorenz", times=times, rates=True)
    right = 0
    for seed in range(5):
        rng, noisy = np.random.default_rng(seed), data.copy()
        for name in "xyz":
            rate = data[f"{name}_rate"]
            noisy[f"{name}_rate"] = rate + noise * float(rate.std()) * rng.normal(size=rate.shape)
            noisy[f"{name}_rate"].attrs = rate.attrs
        law = sd.identify(noisy, library=sd.Monomials(5))
        right += law.stats.active == 7 and set(law.active_terms) == {"x", "y", "z", "x y", "x z"}
    assert right >= 4


def test_groups_come_and_go_together():
    design, y = planted(0, p=8, active=(1, 4, 5), noise=0.05)
    names = tuple(f"t{k}" for k in range(8))
    solver = sd.GroupLasso((("t1", "t4"), ("t5", "t6"), ("t2", "t3"))).on(names)
    for found in proposed(solver, triangle(design, y), 400):
        assert (1 in found) == (4 in found)
        assert (5 in found) == (6 in found)
        assert (2 in found) == (3 in found)
    assert chosen(solver, design, y) == [1, 4, 5, 6]


def test_the_group_lasso_ends_at_its_minimum_and_is_the_lasso_for_single_terms():
    import cvxpy as cp

    design, y = collinear(3)
    table, groups = triangle(design, y), ((0, 1, 2), (3, 4), (5,), (6, 7, 8, 9))
    names = tuple(f"t{k}" for k in range(10))
    w, alpha = cp.Variable(10), 0.1
    sizes = sum(np.sqrt(len(g)) * cp.norm(table[:, list(g)] @ w[list(g)]) for g in groups)
    cp.Problem(cp.Minimize(cp.sum_squares(table[:, -1] - table[:, :-1] @ w) / 2 + alpha * sizes)).solve()
    kept = {g for g in groups if np.linalg.norm(w.value[list(g)]) > 1e-4}
    solver = sd.GroupLasso(tuple(tuple(names[k] for k in g) for g in groups), alpha=alpha).on(names)
    assert proposed(solver, table) == [sorted(k for g in kept for k in g)]
    single = sd.GroupLasso((("t0",),), alpha=alpha).on(names)
    assert proposed(single, table) == proposed(sd.Lasso(alpha), table)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.GroupLasso((("x", "y"), ("x",))), "belongs to one group"),
        (lambda: sd.GroupLasso(()), "at least one"),
        (lambda: sd.GroupLasso((("x",),), alpha=1.0), "between 0 and 1"),
        (lambda: sd.GroupLasso((("q",),)).on(("x",)), "a group names 'q'"),
        (lambda: sd.GroupLasso((("q",),)).path(np.eye(2), 10), "by name"),
    ],
)
def test_groups_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(sd.InputError, match=message):
        make()
