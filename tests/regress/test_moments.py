import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdyn as sd
from symdyn.regress.rows import moments
from symdyn.regress.rows.moments import design_moments, sample_moments


def lorenz(n: int, seed: int = 0):
    data = sd.make_dataset("lorenz", times=np.arange(n) * 0.01, rates=True)
    states = np.column_stack([data[k] for k in "xyz"])
    return states, np.column_stack([data[f"{k}_rate"] for k in "xyz"])


SPACE = sd.StateSpace.of(x=1, y=1, z=1)


def true_coefficients(names):
    xi = np.zeros((len(names), 3))
    for term, row in {
        "x": [-10, 28, 0],
        "y": [10, -1, 0],
        "x z": [0, -1, 0],
        "x y": [0, 0, 1],
        "z": [0, 0, -8 / 3],
    }.items():
        xi[names.index(term)] = row
    return xi


# the largest coefficient error that the whitened form may make; a plain Gram matrix fails from degree 7 on
@pytest.mark.parametrize(("degree", "bound"), [(3, 1e-11), (5, 1e-10), (7, 1e-8)])
def test_full_least_squares_keeps_its_digits_in_ill_conditioned_libraries(degree, bound):
    states, rates = lorenz(6000)
    terms = sd.Monomials(degree).on(SPACE)
    m = sample_moments(terms, states, rates, np.ones(len(states)))
    p, r = terms.size, m.r_factor()
    xi = np.linalg.solve(r[:p, :p], r[:p, p:]) * m.scale[p:] / m.scale[:p, None]
    assert np.abs(xi - true_coefficients(terms.names)).max() < bound


@settings(deadline=None, max_examples=15)
@given(m=st.integers(5, 3000), p=st.integers(1, 6), seed=st.integers(0, 2**16))
def test_moments_are_those_of_the_weighted_design(m, p, seed):
    rng = np.random.default_rng(seed)
    design, y = rng.normal(size=(m, p)) * 10.0 ** rng.uniform(-6, 6, p), rng.normal(size=(m, 2))
    w = rng.uniform(0, 2, m) * (rng.random(m) > 0.2)
    w[0] = 1.0
    got = design_moments(design, y, w)
    rows = np.column_stack([design, y]) / got.scale * np.sqrt(w)[:, None]
    r = got.r_factor()
    gram = rows.T @ rows
    np.testing.assert_allclose(r.T @ r, gram, atol=1e-12 * np.abs(gram).max())
    assert got.n_rows == m


@pytest.mark.parametrize("compiled", [False, True])
def test_columns_that_depend_on_each_other_do_not_spoil_the_others(compiled, monkeypatch):
    """Of nine columns two are combinations of others and one is zero; the rest keeps its digits, wherever it stands."""
    if compiled:
        monkeypatch.setattr(moments, "HOST_ROWS", 0)
    rng = np.random.default_rng(0)
    design, y = rng.normal(size=(600, 9)), rng.normal(size=(600, 2))
    design[:, 2] = design[:, 0] - 3 * design[:, 1]
    design[:, 5] = design[:, 2] + design[:, 4]
    design[:, 6] = 0.0
    got = design_moments(design, y, np.ones(600))
    rows, r = np.column_stack([design, y]) / got.scale, got.r_factor()
    gram = rows.T @ rows
    np.testing.assert_allclose(r.T @ r, gram, atol=1e-13 * np.abs(gram).max())
    assert not r[:, 6].any()


def test_small_residuals_keep_their_digits():
    # the residual is 1e-9 of the target: its square is lost to rounding in y'y - c'c
    rng = np.random.default_rng(1)
    design = rng.normal(size=(5000, 3))
    noise = 1e-9 * rng.normal(size=(5000, 1))
    m = design_moments(design, design @ np.ones((3, 1)) + noise, np.ones(5000))
    exact = np.linalg.norm(noise - design @ np.linalg.lstsq(design, noise, rcond=None)[0])
    assert abs(m.r_factor()[-1, -1]) * m.scale[-1] == pytest.approx(exact, rel=1e-4)


def test_rows_of_weight_zero_do_not_count_even_where_a_term_is_infinite():
    space = sd.StateSpace.of(position=3)
    terms = sd.Radial("position", powers=(-3,)).on(space)
    x = np.random.default_rng(0).normal(size=(200, 3))
    y = -2 * x / np.linalg.norm(x, axis=1, keepdims=True) ** 3
    x[17], w = 0.0, np.ones(200)
    w[17] = 0.0
    m = sample_moments(terms, x, y, w)
    r = m.r_factor()
    assert r[0, 1] / r[0, 0] * m.scale[1] / m.scale[0] == pytest.approx(-2.0)
    w[17] = 1.0
    with pytest.raises(sd.InputError, match=r"'position / \|position\|\^3' is not finite at the sample 17"):
        sample_moments(terms, x, y, w)


def test_float64_inside_and_the_callers_flag_untouched():
    before = jax.config.jax_enable_x64
    states, rates = lorenz(1000)
    m = sample_moments(sd.Monomials(2).on(SPACE), states, rates, np.ones(1000))
    assert m.blocks.dtype == np.float64
    assert jax.config.jax_enable_x64 == before


def test_memory_does_not_grow_with_the_number_of_rows():
    # what a call to the compiled function holds is bounded by the rows of a call, not by the rows of the data
    from symdyn.regress.rows.moments import CALL, _block_shape

    for m in (10**3, 10**5, 10**7, 10**9):
        c, k, b = _block_shape(m, 10)
        assert c * k * b <= max(CALL, 2**18)
        assert np.ceil(m / (c * k)) >= min(64, m / 4)
