import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdyn as sd
from symdyn.regress.solvers import least_squares

SOLVERS = [sd.STLSQ(0.05), sd.BestSubset(0.01), sd.BestSubset(None), sd.LeastSquares()]


def triangle(design, y):
    table = np.column_stack([design, y])
    return np.linalg.qr(table / np.linalg.norm(table, axis=0), mode="r")


def planted(seed, p=7, active=(1, 4), noise=1e-3):
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(400, p))
    return design, design[:, list(active)].sum(axis=1) + noise * rng.normal(size=400)


@pytest.mark.parametrize("solver", SOLVERS[:2], ids=repr)
@pytest.mark.parametrize("seed", range(5))
def test_the_planted_support_is_found(solver, seed):
    assert np.flatnonzero(solver.support(triangle(*planted(seed)), 400)).tolist() == [1, 4]


def test_ebic_finds_the_planted_support_in_nearly_all_draws():
    # a false term passes with a probability of about 4 % (chi^2 above log 400 + 1 for one of five candidates)
    supports = [np.flatnonzero(sd.BestSubset(None).support(triangle(*planted(s)), 400)).tolist() for s in range(40)]
    assert supports.count([1, 4]) >= 35
    assert all({1, 4} <= set(found) for found in supports)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), scales=st.lists(st.floats(1e-8, 1e8), min_size=7, max_size=7))
def test_units_change_nothing(seed, scales):
    design, y = planted(seed)
    for solver in SOLVERS:
        plain = solver.support(triangle(design, y), 400)
        scaled = solver.support(triangle(design * np.array(scales), y * scales[0]), 400)
        assert (plain == scaled).all()


def test_best_subset_does_not_lose_its_way_among_collinear_terms():
    rng = np.random.default_rng(0)
    x = rng.uniform(1.0, 1.5, 2000)
    powers = np.arange(-6, 3)
    design = x[:, None] ** powers
    y = x**-2.0 + 1e-4 * rng.normal(size=2000)
    assert powers[sd.BestSubset(0.01).support(triangle(design, y), 2000)].tolist() == [-2]


def test_best_subset_agrees_with_trying_all_sets():
    from itertools import combinations

    design, y = planted(3, p=6, active=(0, 2, 5), noise=0.3)
    table = triangle(design, y)
    best = min(
        combinations(range(6), 3),
        key=lambda s: np.linalg.norm(table[:, -1] - table[:, :-1] @ least_squares(table, np.isin(np.arange(6), s))),
    )
    assert tuple(np.flatnonzero(sd.BestSubset(0.0, max_terms=3).support(table, 400))) == best


@pytest.mark.parametrize("make", [lambda: sd.STLSQ(1.0), lambda: sd.STLSQ(-0.1), lambda: sd.BestSubset(2.0)])
def test_a_threshold_is_a_share(make):
    with pytest.raises(sd.InputError, match="between 0 and 1"):
        make()


def test_too_many_sets_are_refused_before_they_are_made():
    with pytest.raises(sd.InputError, match="lower screen or max_terms"):
        sd.BestSubset(screen=40)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1e-1])
def test_large_collinear_libraries_are_screened_and_ebic_finds_the_law(noise):
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
        law = sd.identify(noisy, library=sd.Monomials(5), solver=sd.BestSubset(None))
        right += law.stats.active == 7 and set(law.active_terms) == {"x", "y", "z", "x y", "x z"}
    assert right >= 4
