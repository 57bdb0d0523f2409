import itertools
from dataclasses import replace

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

import symdyn as sd
from symdyn.library import PerTarget
from symdyn.regress.constraints.bounded import Inequalities, bounded_least_squares
from symdyn.regress.constraints.conic import InfeasibleError
from symdyn.regress.constraints.elements import elements
from symdyn.testing import assert_equivariant

T = np.arange(0, 20, 0.01)
SOLVERS = [
    sd.BestSubset(),
    sd.BestSubset(exact=True),
    sd.FROLS(),
    sd.SR3(),
    sd.SR3(0.02),
    sd.SSR(),
    sd.SSR("loss"),
    sd.STLSQ(),
    sd.STLSQ(0.02),
    sd.ElasticNet(),
    sd.Lasso(),
    sd.LeastSquares(),
    sd.Ridge(),
]
SELECTIONS = [
    sd.EBIC(),
    sd.BIC(),
    sd.AICc(),
    sd.Tolerance(),
    sd.Knee(),
    sd.CrossValidation(),
    sd.StabilitySelection(10),
]
c = sd.coefficient


def noisy_lorenz(seed=0, level=0.02, rates=True):
    """Lorenz with white noise on its rates, a share of their spread."""
    data = sd.make_dataset("lorenz", times=T, rates=rates)
    rng = np.random.default_rng(seed)
    for name in "xyz":
        rate = data[f"{name}_rate"]
        attrs = rate.attrs
        data[f"{name}_rate"] = rate + level * float(rate.std()) * rng.normal(size=rate.shape)
        data[f"{name}_rate"].attrs = attrs
    return data


@pytest.fixture(scope="module")
def lorenz():
    return noisy_lorenz()


# the expressions


def test_an_expression_reads_as_it_was_written():
    tied = 2 * c("x", "y") - c("y", "x") / 4 + 1 >= np.float64(3) * c("x", "y") - 2
    assert str(tied) == "-coefficient('x', 'y') - 0.25 * coefficient('y', 'x') >= -3"
    assert str(-c("a") == 1) == "-coefficient('a') == 1"
    assert (1 - c("a", "b") <= 0) == (-c("a", "b") + 1 <= 0)
    assert str(c("a") + 1) == "coefficient('a') + 1"
    assert str(5 == c("a")) == str(c("a") == 5)  # noqa: SIM300
    assert str(3 >= c("a")) == str(c("a") <= 3)  # noqa: SIM300


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: bool(c("x", "y") == 0), "no truth value"),
        (lambda: 0 <= c("x", "y") <= 1, "two bounds"),
        (lambda: c("x") < 1, "write <= or >="),
        (lambda: c("x") != 1, "write <= or >="),
        (lambda: c("x") * c("y"), "a constraint is linear"),
        (lambda: c("x") / 0, "a number other than 0"),
        (lambda: c("x") + np.nan, "finite numbers, got nan"),
        (lambda: c("x") + "y", "finite numbers, got 'y'"),
        (lambda: c("x") * True, "finite numbers, got True"),
        (lambda: c(3), "names of a term and of a target"),
        (lambda: sd.EnergyPreserving({"x": -1}), "positive numbers"),
        (lambda: sd.Trapping(margin=2), "margin is a share"),
        (lambda: PerTarget({}), "names no target"),
        (lambda: PerTarget({"x": "poly"}), "mapping from the names"),
    ],
)
def test_an_expression_that_says_nothing_is_refused(wrong, message):
    with pytest.raises(sd.InputError, match=message):
        wrong()


# equations


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_equations_hold_with_every_solver(lorenz, solver):
    tied = [
        c("y", "x") == -c("x", "x"),
        c("x z", "y") + c("x y", "z") == 0,
        c("z", "z") == -8 / 3,
        3 * c("x", "y") == 84 - np.pi + np.pi * c("z^2", "z"),
    ]
    law = sd.identify(lorenz, library=sd.Monomials(2), constraints=tied, solver=solver)

    def value(term, target):
        return law.coefficient(term, target)[0]

    assert abs(value("y", "x") + value("x", "x")) <= 1e-12 * abs(value("y", "x"))
    assert abs(value("x z", "y") + value("x y", "z")) <= 1e-12
    assert value("z", "z") == -8 / 3
    assert law.coefficient("z", "z")[1] == 0
    right = 84 - np.pi + np.pi * value("z^2", "z")
    assert abs(3 * value("x", "y") - right) <= 1e-12 * abs(right)


@pytest.mark.parametrize("selection", SELECTIONS, ids=repr)
def test_equations_and_bounds_hold_with_every_selection(lorenz, selection):
    tied = [c("y", "x") == -c("x", "x"), c("x", "y") <= 27, c("y", "y") <= 0]
    law = sd.identify(lorenz, library=sd.Monomials(2), constraints=tied, selection=selection)
    assert law.coefficient("y", "x")[0] == -law.coefficient("x", "x")[0]
    assert law.coefficient("x", "y")[0] <= 27 * (1 + 1e-12)
    assert law.coefficient("y", "y")[0] <= 0


def test_only_the_targets_that_are_tied_share_a_problem(lorenz):
    library = sd.Monomials(2)
    free = sd.identify(lorenz, library=library)
    tied = sd.identify(lorenz, library=library, constraints=[c("y", "x") == c("x y", "z")])
    assert [choice.target for choice in tied.choices] == ["x, z", "y"]
    np.testing.assert_allclose(tied.coefficients[:, 1], free.coefficients[:, 1], rtol=1e-12)
    alone = sd.identify(lorenz, library=library, constraints=[c("x", "y") >= 0])
    assert [choice.target for choice in alone.choices] == ["x", "y", "z"]
    np.testing.assert_allclose(alone.coefficients, free.coefficients, rtol=1e-12)
    assert alone.choices[1].candidates[alone.choices[1].chosen].terms == ("x", "y", "x z")
    together = sd.identify(lorenz, library=library, constraints=[c("x", "y") >= c("x", "x")])
    assert [choice.target for choice in together.choices] == ["x, y", "z"]
    assert len(together.stats.noise) == 3
    np.testing.assert_allclose(together.stats.noise, free.stats.noise, rtol=1e-3)  # rows less weights are shared


@pytest.mark.parametrize("seed", range(5))
def test_a_true_equation_lowers_the_error_and_keeps_the_support(seed):
    data, truth = noisy_lorenz(seed, 0.1), {("y", "x"): 10.0, ("x", "x"): -10.0}
    tied = sd.identify(data, library=sd.Monomials(2), constraints=[c("y", "x") == -c("x", "x")])
    assert tied.stats.active == 6
    assert set(tied.active_terms) == {"x", "y", "z", "x y", "x z"}
    for (term, target), value in truth.items():
        found, error = tied.coefficient(term, target)
        assert abs(found - value) < 5 * error
    free = sd.identify(data, library=sd.Monomials(2))
    assert tied.coefficient("x", "x")[1] < free.coefficient("x", "x")[1]


def test_a_fixed_part_that_explains_everything_leaves_nothing_to_find():
    data = sd.make_dataset("lorenz", times=T, rates=True)
    all_fixed = [c("x", "x") == -10, c("y", "x") == 10]
    law = sd.identify(data, library=sd.Monomials(2), constraints=all_fixed)
    assert law.equations[0] == "dx/dt = -10 x + 10 y"
    assert law.stats.residual[0] < 1e-12
    zero = [c(term, "x") == 0 for term in law.term_names]
    law = sd.identify(data, library=sd.Monomials(2), constraints=zero)
    assert law.equations[0] == "dx/dt = 0"
    assert law.stats.residual[0] == 1.0
    assert law.stats.active == 5


def test_a_sum_of_three_can_leave_one_of_them_zero():
    # the basis of a + b + c = 0 alone would need two weights that cancel for c = 0
    tied = sd.Subspace.full((3, 1)).satisfying([[1, 1, 1]], [0])
    offered, groups = elements(tied, True)
    assert {tuple(np.sign(v)) for v in offered} == {(1, 0, -1), (0, 1, -1), (1, -1, 0)}
    assert [g.tolist() for g in groups] == [[0, 1, 2]]
    for seed, solver in itertools.product(range(3), (sd.BestSubset(), sd.STLSQ(), sd.SSR("loss"), sd.FROLS())):
        law = sd.identify(
            noisy_lorenz(seed), library=sd.Monomials(2), constraints=[sd.EnergyPreserving()], solver=solver
        )
        assert law.coefficient("y z", "x")[0] == 0
        assert law.stats.active == 6, solver


def test_numbers_that_are_no_simple_fractions_are_exact():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(3, 8)) * 10.0 ** rng.integers(-8, 8, size=(3, 8)), rng.normal(size=3)
    found = sd.Subspace.full((4, 2)).satisfying(left, right)
    assert found.dimension == 5
    for weights in (np.zeros(5), rng.normal(size=5)):
        point = found.expand(weights).ravel()
        assert np.all(np.abs(left @ point - right) <= 1e-13 * (np.abs(left) @ np.abs(point) + np.abs(right)))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=5, max_size=5), min_size=1, max_size=4), st.integers(0, 10**6))
def test_satisfying_is_the_converse_of_equations(rows, seed):
    left = np.array(rows, float)
    point = np.random.default_rng(seed).integers(-4, 5, size=5).astype(float)
    found = sd.Subspace.full((5, 1)).satisfying(left, left @ point)
    assert found.dimension == 5 - np.linalg.matrix_rank(left)
    assert found.contains(point[:, None])
    back = sd.Subspace.full((5, 1)).satisfying(*found.equations())
    assert back == found


@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=5, max_size=5), min_size=1, max_size=3), st.integers(0, 10**6))
def test_circuits_span_every_member_within_its_support(rows, seed):
    tied = sd.Subspace.full((5, 1)).satisfying(np.array(rows, float), np.zeros(len(rows)))
    offered, _ = elements(tied, True)
    rng = np.random.default_rng(seed)
    zeros = rng.random(5) < 0.4
    member = tied.satisfying(np.eye(5)[zeros], np.zeros(zeros.sum()))
    inside = offered[~offered[:, zeros].any(axis=1)]
    assert (np.linalg.matrix_rank(inside) if len(inside) else 0) == member.dimension


# bounds: independent solutions of the same convex problems


def random_problem(seed, rows=40, k=6):
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=(rows, k)), rng.normal(size=rows)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_bounds_on_single_weights_agree_with_scipy(seed):
    rng, table, y = random_problem(seed)
    low, high = -rng.random(6) * 0.1, rng.random(6) * 0.1
    bounds = Inequalities(np.concatenate([np.eye(6), -np.eye(6)]), np.append(high, -low), ("",) * 12)
    ours = bounded_least_squares(table, y, bounds)
    theirs = lsq_linear(table, y, (low, high), tol=1e-14)
    assert np.sum((table @ ours - y) ** 2) <= 2 * theirs.cost * (1 + 1e-12)
    np.testing.assert_allclose(ours, theirs.x, atol=1e-7)
    near = (np.abs(ours - high) < 1e-9) | (np.abs(ours - low) < 1e-9)
    assert np.all((ours[near] == high[near]) | (ours[near] == low[near]))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6))
def test_general_bounds_agree_with_cvxpy(seed):
    rng, table, y = random_problem(seed)
    left, right = rng.normal(size=(8, 6)), rng.normal(size=8) * 0.2 + 0.1
    inside = cvxpy.Variable(6)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(table @ inside - y)), [left @ inside <= right])
    problem.solve(solver="CLARABEL")
    bounds = Inequalities(left, right, ("",) * 8)
    if problem.status == "infeasible":
        assert not bounds.feasible()
        with pytest.raises(InfeasibleError):
            bounded_least_squares(table, y, bounds)
        return
    assert bounds.feasible()
    ours = bounded_least_squares(table, y, bounds)
    assert bounds.excess(ours).max() <= 0
    np.testing.assert_allclose(ours, inside.value, atol=1e-5)
    assert np.sum((table @ ours - y) ** 2) <= problem.value * (1 + 1e-7)


def test_a_nearly_singular_table_is_fitted_to_its_last_digits():
    rng, table, _ = random_problem(1)
    table[:, 1] = table[:, 0] + 1e-7 * rng.normal(size=40)
    truth = np.array([1.0, 2.0, 0.0, -1.0, 3.0, 0.5])
    bounds = Inequalities(np.eye(6)[2:3], np.array([-1.0]), ("",))  # the third weight at most -1
    found = bounded_least_squares(table, table @ truth - table[:, 2], bounds)
    np.testing.assert_allclose(found, truth - np.eye(6)[2], atol=1e-6)
    assert found[2] == pytest.approx(-1, rel=1e-15)


def test_an_active_bound_holds_and_has_no_scatter(lorenz):
    free, spread = sd.identify(lorenz, library=sd.Monomials(2)).coefficient("x", "y")
    limit = free - 0.5 * spread
    law = sd.identify(lorenz, library=sd.Monomials(2), constraints=[c("x", "y") <= limit, c("y", "y") >= -2])
    value, error = law.coefficient("x", "y")
    assert value == pytest.approx(limit, rel=1e-14)
    assert error == 0
    assert set(law.active_terms) == {"x", "y", "z", "x y", "x z"}
    fixed = sd.identify(lorenz, library=sd.Monomials(2), constraints=[c("x", "y") == limit])
    for term in ("y", "x z"):
        np.testing.assert_allclose(law.coefficient(term, "y"), fixed.coefficient(term, "y"), rtol=1e-9)


def test_sets_of_terms_are_judged_by_their_fit_under_the_bounds():
    # x' = a - b with b almost a copy of the forbidden direction: the best free set is useless under the bounds
    rng = np.random.default_rng(0)
    t = np.arange(3000.0)
    a, b, n = rng.normal(size=(3, 3000))
    d = a - b + 0.05 * n
    data = {"time": t, "a": a, "b": b, "d": d, "x": a, "dx": a - b + 0.01 * rng.normal(size=3000)}
    options = {"rates": {"x": "dx"}, "rate_of": "x", "library": sd.Monomials(1, variables=("a", "b", "d"))}
    free = sd.identify(data, **options)
    assert free.active_terms == ("a", "b")
    bound = sd.identify(data, **options, constraints=[c("b", "x") >= 0])
    assert bound.active_terms == ("d",)
    for solver in SOLVERS:
        law = sd.identify(data, **options, constraints=[c("b", "x") >= 0], solver=solver)
        assert law.coefficient("b", "x")[0] >= 0


def test_a_bound_that_zero_breaks_keeps_its_term(lorenz):
    for solver in (sd.BestSubset(), sd.STLSQ(0.1), sd.FROLS(2), sd.Lasso()):
        law = sd.identify(lorenz, library=sd.Monomials(2), constraints=[c("x^2", "x") >= 0.5], solver=solver)
        assert law.coefficient("x^2", "x")[0] == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ([c("q", "x") == 0], "unknown term 'q' .* the library has 1, x, y, z"),
        ([c("x", "q") == 0], "name the target .* one of x, y, z, got 'q'"),
        ([c("x") == 0], "name the target .* got None"),
        ([c("x", "x") == 1, c("x", "x") == c("y", "x"), c("y", "x") == 2], r"coefficient\('y', 'x'\) == 2 contradicts"),
        ([c("x", "x") - c("x", "x") == 1], "0 == 1 contradicts"),
        ([c("x", "x") >= 1, c("x", "x") <= 0, c("y", "x") <= 1], "'x'\\) >= 1; coefficient\\('x', 'x'\\) <= 0$"),
        ([c("x", "x") == 1, c("x", "x") <= 0], "fixed by equations or by the symmetry"),
        ([3], "a constraint is an object such as .*got 3"),
        ([sd.EnergyPreserving({"q": 2})], "unknown target 'q'"),
    ],
)
def test_constraints_that_cannot_be_met_are_named(lorenz, constraints, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(lorenz, library=sd.Monomials(2), constraints=constraints)


def test_a_constraint_on_vector_terms_names_no_target():
    data = sd.make_dataset("kepler", times=np.linspace(0, 12, 500), rates=True)
    options = {"library": sd.Radial("position", powers=(-3, -2, 0)), "rate_of": "velocity"}
    law = sd.identify(data, **options, constraints=[c("position") == 0.01])
    assert law.coefficient("position") == (0.01, 0.0)
    assert law.coefficient("position / |position|^3")[0] == pytest.approx(-1, abs=0.2)
    with pytest.raises(sd.InputError, match="leave the target 'velocity_x' out"):
        sd.identify(data, **options, constraints=[c("position", "velocity_x") == 0])


def test_constraints_come_on_top_of_a_symmetry():
    rng = np.random.default_rng(0)
    data = sd.make_dataset("harmonic_oscillator", times=np.arange(0, 10, 0.05))
    noisy = data.map(lambda v: v + 0.01 * rng.normal(size=v.shape), keep_attrs=True)
    action = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    options = {"library": sd.Monomials(1), "rate_of": "velocity", "solver": sd.LeastSquares()}
    tied = [c("position_x", "velocity_x") == -1, c("velocity_x", "velocity_x") <= 0]
    law = sd.identify(noisy, **options, action=action, constraints=tied)
    assert law.coefficient("position_y", "velocity_y")[0] == -1  # the symmetry carries it over
    assert law.coefficient("velocity_y", "velocity_y")[0] <= 0
    assert_equivariant(law.model.rate, action, law.model.space, ("velocity",))
    with pytest.raises(sd.InputError, match="contradicts"):
        sd.identify(noisy, **options, action=action, constraints=[c("1", "velocity_x") == 1])


# libraries by target


def test_each_target_sees_its_own_candidates(lorenz):
    each = {"x": sd.Monomials(1), "z": sd.Monomials(2), "y": sd.Monomials(2, bias=False)}
    law = sd.identify(lorenz, library=each, solver=sd.LeastSquares())
    assert law.stats.free == 4 + 9 + 10
    for target, library in each.items():
        column = law.target_components.index(target)
        alone = sd.identify(lorenz, library=library, rate_of=target, solver=sd.LeastSquares())
        for term in law.term_names:
            expected = alone.coefficient(term, target) if term in alone.term_names else (0.0, 0.0)
            np.testing.assert_allclose(law.coefficient(term, target), expected, rtol=1e-6, atol=1e-12)
        assert len(law.choices[column].candidates[0].terms) == len(alone.term_names)
    chosen, alone = (
        sd.identify(lorenz, library=lib, rate_of=rate) for lib, rate in ((each, None), (sd.Monomials(1), "x"))
    )
    scores = [candidate.score for candidate in chosen.choices[0].candidates]
    wanted = [candidate.score for candidate in alone.choices[0].candidates]
    np.testing.assert_allclose(scores, wanted, rtol=1e-6, atol=1e-9)  # the score of no term is zero
    assert "Monomials" in repr(law.settings.library)


@pytest.mark.parametrize(
    ("library", "message"),
    [
        ({"x": sd.Monomials(1), "y": sd.Monomials(1)}, "add 'z': sd.Monomials"),
        ({k: sd.Monomials(1) for k in "xyzq"}, "'q' is not among them"),
        ({}, "names no target"),
        ({"x": 3}, "mapping from the names"),
    ],
)
def test_libraries_that_fit_no_target_are_refused(lorenz, library, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(lorenz, library=library)


def test_libraries_by_target_obey_a_symmetry():
    data = sd.make_dataset("harmonic_oscillator", times=np.arange(0, 10, 0.05))
    action = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    library = {"velocity": sd.Monomials(1, variables="position") + sd.Monomials(1, variables="velocity")}
    law = sd.identify(data, library=library, action=action, rate_of="velocity")
    assert law.coefficient("position_x", "velocity_x")[0] == pytest.approx(-1, rel=1e-3)
    vectors = {"velocity": sd.Radial("position", powers=(0, 2))}
    assert sd.identify(data, library=vectors, rate_of="velocity").active_terms == ("position",)
    with pytest.raises(sd.InputError, match="terms of one shape"):
        sd.identify(data, library={**vectors, "position": sd.Monomials(1)}, rate_of=("position", "velocity"))


# files


@pytest.mark.parametrize(
    "options",
    [
        {"constraints": [c("y", "x") == -c("x", "x"), c("y", "y") <= np.float64(0.3)]},
        {"constraints": [sd.EnergyPreserving({"x": 2, "y": 1.0, "z": 1})]},
        {"constraints": [sd.Trapping(0.02)]},
        {"library": {"x": sd.Monomials(1), "y": sd.Monomials(2), "z": sd.Monomials(2, bias=False)}},
    ],
    ids=["coefficients", "energy", "trapping", "libraries"],
)
def test_a_constrained_law_comes_back_whole(lorenz, options, tmp_path):
    law = sd.identify(lorenz, **{"library": sd.Monomials(2), **options})
    law.save(tmp_path / "law.symdyn")
    back = sd.load(tmp_path / "law.symdyn")
    assert back.settings == law.settings
    assert str(back) == str(law)
    np.testing.assert_array_equal(back.coefficients, law.coefficients)
    np.testing.assert_array_equal(back.standard_errors, law.standard_errors)


# units


@pytest.mark.parametrize("seed", range(3))
def test_bounds_and_ties_mean_the_same_in_other_units(lorenz, seed):
    rng = np.random.default_rng(seed)
    size = dict(zip("xyz", 10.0 ** rng.uniform(-6, 6, 3), strict=True))
    pairs = {f"{k}_rate": k for k in "xyz"}
    other = {"time": T * 1e3, **{k: lorenz[k].values * size[k] for k in "xyz"}}
    other |= {r: lorenz[r].values * size[k] / 1e3 for r, k in pairs.items()}
    factor = size["x"] / size["y"]
    here = [c("y", "x") == -c("x", "x"), c("x", "y") <= 27.5, c("y", "y") <= 0]
    there = [c("y", "x") == -factor * c("x", "x"), c("x", "y") <= 27.5e-3 / factor, c("y", "y") <= 0]
    a = sd.identify(lorenz, library=sd.Monomials(2), constraints=here)
    b = sd.identify(
        other,
        rates={v: k for k, v in pairs.items()},
        variables=tuple("xyz"),
        library=sd.Monomials(2),
        constraints=there,
    )
    assert a.active_terms == b.active_terms
    ratio = np.array(
        [
            [size[t] / np.prod([size[s] for s in term.split() if s != "1"]) / 1e3 for t in "xyz"]
            for term in (
                name.replace("^2", "") if "^2" not in name else f"{name[0]} {name[0]}" for name in a.term_names
            )
        ]
    )
    np.testing.assert_allclose(b.coefficients, a.coefficients * ratio, rtol=1e-6)


def test_a_constraint_is_plain_data():
    tied = c("x", "y") + 1 == 2
    assert tied == replace(tied)
    assert hash(tied) == hash(replace(tied))


def test_tied_targets_are_weighted_by_their_noise():
    # the clean equation decides the shared coefficient, and the noisy one keeps its own terms
    clean = sd.make_dataset("lorenz", times=T, rates=True)
    errors = {"tied": [], "free": []}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        data = {"time": T}
        for name, level in zip("xyz", (0.2, 0.005, 0.02), strict=True):
            rate = clean[f"{name}_rate"].values
            data |= {name: clean[name].values, f"{name}_rate": rate + level * rate.std() * rng.normal(size=len(T))}
        options = {"rates": {k: f"{k}_rate" for k in "xyz"}, "variables": tuple("xyz"), "library": sd.Monomials(2)}
        tied = sd.identify(data, **options, constraints=[2.8 * c("y", "x") == c("x", "y")])
        assert tied.stats.active == 6
        assert tied.coefficient("y", "y")[0] == pytest.approx(-1, rel=0.05)
        assert tied.stats.residual[0] == pytest.approx(np.sqrt((0.2**2 + 0.005**2) / 2), rel=0.1)
        for name, law in (("tied", tied), ("free", sd.identify(data, **options))):
            errors[name].append(law.coefficient("y", "x")[0] - 10)
    assert np.std(errors["tied"]) < 0.3 * np.std(errors["free"])
