"""Selections against the formulas of the books, and on laws that are known."""

from math import comb, log

import numpy as np
import pytest
from scipy.signal import lfilter

import symdyn as sd
from symdyn._types import double_precision
from symdyn.regress.problem import problems
from symdyn.regress.rows.moments import design_moments

ALL = [
    sd.EBIC(),
    sd.BIC(),
    sd.AICc(),
    sd.Tolerance(0.02),
    sd.Knee(),
    sd.CrossValidation(),
    sd.CrossValidation(4, one_standard_error=False),
    sd.StabilitySelection(20),
]
ROWS, P = 640, 9


def rows(noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(ROWS, P))
    return design, design[:, [1, 4, 7]] @ [1.0, -0.7, 0.4] + noise * rng.normal(size=ROWS)


def problem(design, y, lengths=None):
    with double_precision():
        moments = design_moments(design, y[:, None], np.ones(len(y)), lengths)
    return problems(moments, (design.shape[1], 1), None, [])[0]


def path(selection, made, solver=None):
    return selection.choose(made, made.normalised[0], solver or sd.BestSubset())


@pytest.mark.parametrize("selection", ALL, ids=repr)
def test_the_planted_terms_are_chosen(selection):
    found = path(selection, problem(*rows()))
    # AICc and cross-validation without the rule of one standard error aim at prediction and may keep more
    assert {1, 4, 7} <= set(np.flatnonzero(found.mask))
    if not isinstance(selection, sd.AICc) and selection != ALL[6]:
        assert np.flatnonzero(found.mask).tolist() == [1, 4, 7]


@pytest.mark.parametrize("selection", ALL, ids=repr)
def test_units_change_nothing(selection):
    design, y = rows()
    scales = 10.0 ** np.arange(-4, 5)
    plain, scaled = path(selection, problem(design, y)), path(selection, problem(design * scales, 1e5 * y))
    assert (plain.mask == scaled.mask).all()


@pytest.mark.parametrize("selection", ALL, ids=repr)
def test_no_law_in_noise(selection):
    rng = np.random.default_rng(3)
    made = problem(rng.normal(size=(ROWS, P)), rng.normal(size=ROWS))
    count = int(path(selection, made).mask.sum())
    assert count <= (P if isinstance(selection, sd.AICc | sd.Tolerance | sd.Knee) or selection == ALL[6] else 1)


def rss(design, y, mask):
    if not mask.any():
        return float(y @ y)
    return float(np.linalg.lstsq(design[:, mask], y, rcond=None)[1][0])


@pytest.mark.parametrize(
    ("selection", "price"),
    [
        (sd.EBIC(resolution=0), lambda k: k * log(ROWS) + 2 * log(comb(P, k))),
        (sd.EBIC(0.5, 0), lambda k: k * log(ROWS) + log(comb(P, k))),
        (sd.BIC(0), lambda k: k * log(ROWS)),
        (sd.AICc(0), lambda k: 2 * k + 2 * k * (k + 1) / (ROWS - k - 1)),
    ],
)
def test_the_criteria_are_those_of_the_books(selection, price):
    design, y = rows()
    found = path(selection, problem(design, y))
    expected = [ROWS * log(rss(design, y, mask)) + price(int(mask.sum())) for mask in found.masks]
    shift = found.scores - np.array(expected)
    np.testing.assert_allclose(shift, shift[0], atol=1e-6)
    assert found.chosen == int(np.argmin(expected))


def test_cross_validation_is_that_of_the_rows():
    design, y = rows()
    made = problem(design, y)
    found = path(sd.CrossValidation(5, one_standard_error=False), made)
    ends = np.cumsum(made.moments.rows)
    fold = np.arange(len(ends)) * 5 // len(ends)
    owner = fold[np.searchsorted(ends, np.arange(ROWS), side="right")]
    for mask, score in zip(found.masks, found.scores, strict=True):
        errors = []
        for k in range(5):
            kept = owner != k
            w = np.linalg.lstsq(design[kept][:, mask], y[kept], rcond=None)[0] if mask.any() else np.zeros(0)
            errors.append(np.mean((y[~kept] - design[~kept][:, mask] @ w) ** 2))
        assert score / found.scores[0] == pytest.approx(np.mean(errors) / np.mean(y**2), rel=0.02)


def test_folds_by_trajectory_leave_whole_trajectories_out():
    # each of three trajectories sees its own offset: a term that tells them apart fits and does not predict
    rng = np.random.default_rng(0)
    x, run = rng.normal(size=600), np.repeat([0, 1, 2], 200)
    offset = np.array([0.5, -0.3, -0.2])[run]
    design = np.column_stack([x, run == 0, run == 1, rng.normal(size=(600, 3))])
    made = problem(design.astype(float), x + offset + 0.01 * rng.normal(size=600), (200, 200, 200))
    assert made.moments.trajectory.max() == 2
    by_block = path(sd.CrossValidation(6), made)
    assert {0, 1} <= set(np.flatnonzero(by_block.mask))
    by_run = path(sd.CrossValidation(3, by="trajectory"), made)
    assert np.flatnonzero(by_run.mask).tolist() == [0]
    with pytest.raises(sd.InputError, match="lower folds"):
        path(sd.CrossValidation(4, by="trajectory"), made)


def test_autocorrelated_residuals_count_as_fewer_rows():
    # residuals and terms that change slowly: false terms look significant to a criterion that counts all rows
    wrong = {True: 0, False: 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)

        def slow(n, rng=rng):
            out = lfilter([1.0], [1.0, -0.97], rng.normal(size=(4000, n)), axis=0)
            return out / out.std(axis=0)

        design = slow(8)
        y = design[:, 2] + 0.5 * slow(1)[:, 0]
        made = problem(design, y)
        found = path(sd.EBIC(resolution=0), made)
        wrong[True] += found.mask.sum() > 1
        size = found.masks.sum(axis=1)
        naive = 2 * 4000 * np.log(found.residuals) + [sd.EBIC().price(int(k), 4000, 8) for k in size]
        wrong[False] += size[int(np.argmin(naive))] > 1
    assert wrong[False] >= 15
    assert wrong[True] <= 6


@pytest.mark.parametrize(
    ("name", "times", "degree", "terms"),
    [
        pytest.param(*("lorenz", np.arange(0, 10, 0.02), 3, 7), marks=pytest.mark.slow),
        pytest.param(*("lorenz", np.arange(0, 10, 0.002), 5, 7), marks=pytest.mark.slow),
        ("rossler", np.arange(0, 50, 0.05), 5, 7),
        pytest.param(*("van_der_pol", np.arange(0, 20, 0.02), 5, 4), marks=pytest.mark.slow),
        ("lotka_volterra", np.arange(0, 20, 0.02), 5, 4),
        ("hopf", np.arange(0, 10, 0.02), 5, 8),
    ],
)
def test_the_truncation_error_of_differences_is_not_taken_for_law(name, times, degree, terms):
    data = sd.make_dataset(name, times=times)
    assert sd.identify(data, library=sd.Monomials(degree)).stats.active == terms
    # the criterion alone finds law in it
    assert sd.identify(data, library=sd.Monomials(degree), selection=sd.EBIC(resolution=0)).stats.active > terms


def test_the_solution_keeps_the_sets_that_came_into_question(tmp_path):
    law = sd.identify(sd.make_dataset("lorenz", times=np.arange(0, 20, 0.01)), library=sd.Monomials(2))
    assert [choice.target for choice in law.choices] == ["x", "y", "z"]
    first = law.choices[0]
    assert first.candidates[first.chosen].terms == ("x", "y")
    assert first.runner_ups[0].score <= first.runner_ups[-1].score
    assert "* " in str(first)
    law.save(tmp_path / "law.symdyn")
    assert sd.load(tmp_path / "law.symdyn").choices == law.choices
    stable = sd.identify(
        sd.make_dataset("lorenz", times=np.arange(0, 20, 0.01)), selection=sd.StabilitySelection(10)
    ).choices[0]
    assert dict(stable.frequencies)["x"] == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.EBIC(2.0), "gamma"),
        (lambda: sd.EBIC(resolution=1.0), "resolution is a share"),
        (lambda: sd.Tolerance(-0.1), "tolerance is a share"),
        (lambda: sd.CrossValidation(1), "2 folds"),
        (lambda: sd.CrossValidation(by="row"), '"block" or by "trajectory"'),
        (lambda: sd.StabilitySelection(1), "2 models"),
        (lambda: sd.StabilitySelection(frequency=0.5), "above 0.5"),
        (lambda: sd.identify({}, selection="ebic"), "selection must be an object"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(sd.InputError, match=message):
        make()
