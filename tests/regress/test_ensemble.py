"""Ensembles, intervals, bands, horizons: the laws that they must keep."""

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import stdtrit

import symdyn as sd
from symdyn.regress._identify import settings_of
from symdyn.regress.covariance import scatter, unit_labels
from symdyn.regress.posed import fitted
from symdyn.regress.problem import problems
from symdyn.regress.resampling.bagging import Screen, eliminated, fitted_set
from symdyn.regress.rows.moments import sample_moments
from symdyn.regress.solvers.base import least_squares
from symdyn.regress.solvers.stepwise import eliminations

TRUTH = {("x", 0): -10.0, ("y", 0): 10.0, ("x", 1): 28.0, ("y", 1): -1.0, ("x z", 1): -1.0, ("z", 2): -8 / 3}
TRUTH[("x y", 2)] = 1.0
RATES = ("dx", "dy", "dz")
OPTIONS = {"rates": {"x": "dx", "y": "dy", "z": "dz"}, "variables": ("x", "y", "z")}


def lorenz(n, runs=1):
    """Clean states and rates, (runs, n, 3)."""
    start = np.random.default_rng(0).normal(size=(runs, 3)) * 5 + [0, 0, 25]
    data = sd.make_dataset("lorenz", times=np.arange(n + 300) * 0.01, start=start, rates=True)
    states = np.stack([data[k].values[:, 300:] for k in "xyz"], axis=-1)
    return states, np.stack([data[f"{k}_rate"].values[:, 300:] for k in "xyz"], axis=-1)


def noisy(states, rates, level, seed=0, memory=0.0, units=(1.0, 1.0)):
    """Runs as mappings, with noise on the rates: a share of their standard deviation, AR(1) where `memory` > 0."""
    steps = np.random.default_rng(seed).normal(size=rates.shape)
    steps[:, 1:] *= np.sqrt(1 - memory**2)
    y = rates + level * rates.std(axis=(0, 1)) * lfilter([1.0], [1.0, -memory], steps, axis=1)
    length, clock = units
    return [
        {
            "time": np.arange(len(x)) * 0.01 * clock,
            **{k: x[:, i] * length for i, k in enumerate("xyz")},
            **{f"d{k}": dx[:, i] * length / clock for i, k in enumerate("xyz")},
        }
        for x, dx in zip(states, y, strict=True)
    ]


@pytest.fixture(scope="module")
def clean():
    return lorenz(2000)


@pytest.fixture(scope="module")
def bag(clean):
    return sd.ensemble(noisy(*clean, 0.03), library=sd.Monomials(3), models=400, **OPTIONS)


def test_true_terms_are_in_every_model_at_low_noise(bag):
    names = bag.solution.term_names
    true = np.zeros(bag.inclusion.shape, bool)
    for term, c in TRUTH:
        true[names.index(term), c] = True
    assert (bag.inclusion[true] == 1).all()
    assert bag.inclusion[~true].max() < 0.5
    assert bag.coefficients.shape == (400, 20, 3)
    assert bag.law(0.6).active_terms == bag.median.active_terms == ("x", "y", "z", "x y", "x z")
    np.testing.assert_array_equal(bag.law(0.6).coefficients, bag.solution.coefficients)
    for (term, c), value in TRUTH.items():
        lower, upper = (end[names.index(term), c] for end in bag.interval(0.99))
        assert lower < value < upper


def test_the_bootstrap_covariance_approaches_the_jackknife(clean):
    # the terms are given, so that both speak of the same thing
    data = noisy(*clean, 0.1)
    found = sd.ensemble(data, library=sd.Monomials(1), solver=sd.LeastSquares(), models=600, **OPTIONS)
    ratio = found.standard_errors[1:] / found.solution.standard_errors[1:]
    assert (np.abs(ratio - 1) < 0.2).all()
    single = sd.ensemble(noisy(*clean, 0.1), library=sd.Monomials(2), models=1000, **OPTIONS)
    kept = single.solution.coefficients[:, 0] != 0
    assert (np.abs(single.standard_errors[kept, 0] / single.solution.standard_errors[kept, 0] - 1) < 0.3).all()


def test_units_change_nothing_but_the_numbers(clean):
    plain, scaled = (
        sd.ensemble(noisy(*clean, 0.1, units=u), library=sd.Monomials(2), models=50, **OPTIONS)
        for u in ((1.0, 1.0), (1e3, 60.0))
    )
    np.testing.assert_array_equal(plain.inclusion, scaled.inclusion)
    degree = np.array([0, *[1] * 3, *[2] * 6])[:, None]
    factor = 1e3 ** (1.0 - degree) / 60
    np.testing.assert_allclose(scaled.coefficients, plain.coefficients * factor, rtol=1e-8, atol=1e-18)
    for a, b in zip(plain.interval(), scaled.interval(), strict=True):
        np.testing.assert_allclose(b, a * factor, rtol=1e-8, atol=1e-18)


def test_batched_elimination_is_the_plain_one_in_each_resample(clean):
    made = fitted(noisy(*clean, 0.05), settings_of(library=sd.Monomials(4), **OPTIONS))
    owner = made.found.moments.trajectory
    counts = np.random.default_rng(0).multinomial(len(owner), np.full(len(owner), 1 / len(owner)), 5).astype(float)
    for fit in made.fits:
        terms = np.arange(3, 17)
        screen = Screen.of(fit.problem, terms, unit_labels(owner, 0))
        roots, factor = screen.roots(counts), np.linalg.inv(screen.inverse)
        squares, sets = eliminated(roots, screen.inverse)
        for bag_, count in enumerate(counts):
            triangle = fit.problem.triangle(count)
            steps = list(eliminations(triangle, terms))
            assert [terms[m].tolist() for m in sets[bag_, :0:-1]] == steps
            for step in (steps[0], steps[-3]):
                mask = np.isin(np.arange(fit.problem.size), step)
                plain = least_squares(triangle, mask)
                left = np.sum((triangle[:, -1] - triangle[:, :-1] @ plain) ** 2)
                weights, square = fitted_set(roots, factor, mask[terms])
                np.testing.assert_allclose(weights[bag_], plain[mask], rtol=1e-6)
                np.testing.assert_allclose([square[bag_], squares[bag_, len(step)]], left, rtol=1e-8)


def test_quick_and_full_searches_agree(clean):
    quick, full = (
        sd.ensemble(noisy(*clean, 0.1), library=sd.Monomials(3), models=25, full=f, **OPTIONS) for f in (False, True)
    )
    assert np.abs(quick.inclusion - full.inclusion).max() <= 0.16
    assert quick.full is False
    assert full.full is True


def test_a_key_decides_the_resamples(clean):
    data = noisy(*clean, 0.1)
    first, again, other, jaxed = (sd.ensemble(data, models=20, key=k, **OPTIONS) for k in (3, 3, 4, jax.random.key(3)))
    np.testing.assert_array_equal(first.coefficients, again.coefficients)
    assert (first.coefficients != other.coefficients).any()
    assert jaxed.models == 20


def test_a_symmetry_holds_in_every_model():
    starts = {k: np.random.default_rng(i).normal(size=(3, 2)) for i, k in enumerate(("position", "velocity"))}
    data = sd.make_dataset("harmonic_oscillator", times=np.arange(0, 10, 0.05), start=starts)
    rng = np.random.default_rng(0)
    data = data.map(lambda v: v + 0.02 * rng.normal(size=v.shape), keep_attrs=True)
    action = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    found = sd.ensemble(data, library=sd.Monomials(3), action=action, rate_of="velocity", models=30)
    again = np.asarray(found.solution.settings.library.on(found.solution.model.terms.space).names)
    x, y = (int(np.flatnonzero(again == f"position_{k}")[0]) for k in "xy")
    np.testing.assert_allclose(found.coefficients[:, x, 0], found.coefficients[:, y, 1], rtol=1e-12)
    assert (found.inclusion[[x, y], [0, 1]] == 1).all()
    assert found.band(data.isel(time=0), np.linspace(0, 2, 5), models=4).sizes["band"] == 3


def test_units_do_not_straddle_trajectories():
    for owner in ([0] * 7 + [1] * 4 + [2], [0] * 5, [0, 1, 1, 2, 2, 2]):
        owner = np.array(owner)
        for level in range(5):
            labels = unit_labels(owner, level)
            assert set(np.diff(labels)) <= {0, 1}
            assert all(len(set(owner[labels == u])) == 1 for u in set(labels))
            sizes = [(labels == u).sum() for u in set(labels)]
            assert min(sizes) >= min(2**level, np.bincount(owner).min())


def test_units_grow_with_the_autocorrelation_of_the_residuals(clean):
    white, slow = (
        sd.identify(noisy(*clean, 0.1, memory=m), library=sd.Monomials(2), **OPTIONS).stats for m in (0.0, 0.95)
    )
    assert max(white.inflation) < 2 < 4 < min(slow.inflation)
    assert np.mean([f for row in slow.freedom for f in row]) < np.mean([f for row in white.freedom for f in row])
    rates = clean[1].std(axis=(0, 1))
    np.testing.assert_allclose(white.noise, 0.1 * rates, rtol=0.06)
    assert all(1 <= c < 100 for c in white.condition)


@pytest.mark.parametrize(("n", "runs", "memory"), [(1000, 1, 0.0), (1000, 1, 0.9), (500, 1, 0.9), (100, 10, 0.9)])
def test_intervals_hold_the_truth_as_often_as_they_say(n, runs, memory):
    states, rates = lorenz(n, runs)
    held = [_held(states, rates, seed, memory) for seed in range(60)]
    assert 0.90 < np.mean(held) < 0.99  # 420 values, in part dependent
    assert np.mean(held, axis=0).min() > 0.80


@pytest.mark.slow
@pytest.mark.parametrize("memory", [0.0, 0.9])
@pytest.mark.parametrize(("n", "runs"), [(500, 1), (1000, 1), (5000, 1), (100, 10)])
def test_coverage(n, runs, memory):
    states, rates = lorenz(n, runs)
    held = [_held(states, rates, seed, memory) for seed in range(200)]
    assert 0.92 < np.mean(held) < 0.98
    assert np.mean(held, axis=0).min() > 0.89


def _held(states, rates, seed, memory):
    """Whether the interval of each true coefficient, the true terms being given, holds it: (7,)."""
    runs = noisy(states, rates, 0.1, seed, memory)
    x, y = (np.concatenate([np.column_stack([run[k] for k in names]) for run in runs]) for names in ("xyz", RATES))
    terms = sd.Monomials(2).on(sd.StateSpace.of(x=1, y=1, z=1))
    moments = sample_moments(terms, x, y, np.ones(len(x)), tuple(len(run["time"]) for run in runs))
    names, out = list(terms.names), []
    for c, problem in enumerate(problems(moments, (terms.size, 3), None, [[0], [1], [2]])):
        true = {names.index(t): value for (t, k), value in TRUTH.items() if k == c}
        mask = np.isin(np.arange(len(names)), list(true))
        triangle, unit = problem.normalised
        weights = least_squares(triangle, mask) * unit
        found = scatter(problem, mask, weights)
        values = (weights * problem.physical)[mask]
        reach = stdtrit(found.freedom, 0.975) * np.sqrt(np.diag(found.covariance))
        out += list(np.abs(values - [true[j] for j in sorted(true)]) <= reach)
    return out


def test_intervals_are_student_t_on_the_standard_errors(clean):
    from scipy.stats import t

    law = sd.identify(noisy(*clean, 0.1), library=sd.Monomials(2), **OPTIONS)
    lower, upper = law.interval(0.9)
    row = law.term_names.index("y")
    freedom = law.stats.freedom[0][1]
    half = t.ppf(0.95, freedom) * law.standard_errors[row, 0]
    assert upper[row, 0] - lower[row, 0] == pytest.approx(2 * half, rel=1e-9)
    assert (upper[law.coefficients == 0] == 0).all()
    assert (law.interval(0.99)[0] <= lower).all()


def test_diagnostics_survive_a_file(bag, tmp_path):
    law = bag.law(0.6)
    law.save(tmp_path / "law.symdyn")
    loaded = sd.load(tmp_path / "law.symdyn")
    assert loaded.stats == law.stats
    for a, b in zip(loaded.interval(), law.interval(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_bands_and_simulations_have_labels_and_shapes(bag):
    start = dict(zip("xyz", (1.0, 1.0, 20.0), strict=True))
    times = np.linspace(0, 1, 11)
    runs = bag.simulate(start, times, models=6)
    assert dict(runs.sizes) == {"model": 6, "time": 11}
    assert runs.attrs["diverged"] == 0
    one = bag.median.simulate(start, times)
    band = bag.band(start, times, level=0.8, models=6)
    assert band.band.values.tolist() == ["lower", "median", "upper"]
    assert (band.x.sel(band="lower") <= band.x.sel(band="upper")).all()
    assert abs(band.x.sel(band="median") - one.x).max() < 0.5
    many = bag.simulate(np.ones((2, 3)), times, models=3)
    assert dict(many.sizes) == {"model": 3, "trajectory": 2, "time": 11}


def test_each_simulated_model_is_that_model(bag):
    times, start = np.linspace(0, 1, 11), np.array([1.0, 1.0, 20.0])
    runs = bag.simulate(start, times, models=6, rtol=1e-9)
    single = eqx.tree_at(lambda m: m.weights, bag.model, bag.weights[2])
    np.testing.assert_allclose(runs.x.values[2], single.simulate(start, times).x.values, rtol=1e-5)


def test_the_models_are_one_batched_model(bag):
    x = np.array([1.0, 2.0, 20.0])
    rates = eqx.filter_vmap(lambda m: m.rate(x), in_axes=(eqx.if_array(0),))(bag.model)
    assert rates.shape == (400, 3)
    np.testing.assert_allclose(rates.mean(axis=0), bag.solution.model.rate(x), rtol=0.1)


def test_models_that_diverge_are_counted_and_not_raised():
    times = np.arange(0, 3, 0.01)
    x = 1 / (3.5 - times)  # dx/dt = x^2 blows up at 3.5
    rng = np.random.default_rng(0)
    data = {"time": times, "x": x, "dx": x**2 + 0.01 * rng.normal(size=len(x))}
    found = sd.ensemble(data, rates={"x": "dx"}, library=sd.Monomials(2), models=20)
    runs = found.simulate({"x": 1.0}, np.linspace(0, 5, 11), models=5)
    assert runs.attrs["diverged"] == 5
    assert np.isnan(runs.x.values[:, -1]).all()
    assert np.isfinite(runs.x.values[:, 0]).all()
    assert np.isnan(found.band({"x": 1.0}, np.linspace(0, 5, 11), models=5).x.values[:, -1]).all()


def test_horizons_shrink_with_the_noise_and_end_where_the_data_end(clean):
    times = np.arange(0, 10, 0.01)
    fresh = sd.make_dataset("lorenz", times=times, trajectories=2, key=jax.random.key(1))
    exact, rough = (sd.identify(noisy(*clean, level), library=sd.Monomials(2), **OPTIONS) for level in (1e-6, 0.1))
    data = fresh[["x", "y", "z"]]
    data = [
        {"time": times, **{k: data[k].values[i] for k in "xyz"}, **{f"d{k}": 0 * times for k in "xyz"}} for i in (0, 1)
    ]
    long, short = exact.horizon(data), rough.horizon(data)
    assert long.sizes == {"trajectory": 2}
    assert (long.horizon > short.horizon).all()
    assert short.exceeded.all()
    never = exact.horizon(data, error=100.0)
    assert not never.exceeded.any()
    np.testing.assert_allclose(never.horizon, 9.99)


def test_a_dataset_and_a_text_of_an_ensemble(bag):
    table = bag.to_xarray()
    assert table.models.dims == ("model", "term", "target")
    assert float(table.inclusion.sel(term="x z", target="y")) == 1
    assert (table.lower <= table["median"]).all()
    text = str(bag)
    assert "inclusion in 400 models" in text
    assert "x z 1.00" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": 1}, "2 models or more, got 1"),
        ({"models": 2.5}, "2 models or more"),
        ({"key": "seed"}, "JAX PRNG key or a whole number"),
        ({"full": False, "solver": sd.STLSQ()}, "the quick search stands in for"),
        ({"solver": "lasso"}, "solver must be"),
    ],
)
def test_wrong_arguments_are_named(clean, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.ensemble(noisy(*clean, 0.1), **(OPTIONS | options))


def test_too_few_blocks_are_refused():
    times = np.arange(20.0)
    with pytest.raises(sd.InputError, match="too few to resample: 8 are needed"):
        sd.ensemble({"time": times, "x": np.exp(-times / 9)}, library=sd.Monomials(1), models=10)


def test_wrong_levels_are_named(bag):
    for call in (
        lambda: bag.interval(1.0), lambda: bag.solution.interval(0), lambda: bag.law(1.0),
        lambda: bag.simulate(np.ones(3), [0, 1], models=0), lambda: bag.band(np.ones(3), [0, 1], level=2),
        lambda: bag.solution.horizon(noisy(*lorenz(50), 0.0), error=0),
    ):  # fmt: skip
        with pytest.raises(sd.InputError):
            call()
