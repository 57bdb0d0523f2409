import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import symdyn as sd
from symdyn.regress.collinear import CollinearGroup
from symdyn.testing import assert_equivariant

T = np.arange(0, 20, 0.01)


@pytest.fixture(scope="module")
def lorenz():
    return sd.make_dataset("lorenz", times=T, rates=True)


@pytest.fixture(scope="module")
def oscillators():
    starts = {
        "position": np.random.default_rng(0).normal(size=(3, 2)),
        "velocity": np.random.default_rng(1).normal(size=(3, 2)),
    }
    return sd.make_dataset("harmonic_oscillator", times=np.arange(0, 10, 0.05), start=starts)


def test_lorenz_from_measured_rates_prints_as_its_equations(lorenz):
    law = sd.identify(lorenz, library=sd.Monomials(5))
    assert law.result is sd.RESULTS.successful
    assert set(law.active_terms) == {"x", "y", "z", "x y", "x z"}
    assert law.coefficient("x", "y")[0] == pytest.approx(28, rel=1e-8)
    assert law.coefficient("z", "z")[0] == pytest.approx(-8 / 3, rel=1e-8)
    assert [e.split(" = ")[0] for e in law.equations] == ["dx/dt", "dy/dt", "dz/dt"]
    assert law.stats.active == 7
    assert max(law.stats.residual) < 1e-9


def test_lorenz_from_states_alone(lorenz):
    law = sd.identify(lorenz[["x", "y", "z"]], library=sd.Monomials(2))
    assert law.stats.active == 7
    assert law.coefficient("x y", "z")[0] == pytest.approx(1, rel=1e-3)


def test_symmetry_cuts_the_coefficients_and_holds_exactly_in_the_law(oscillators):
    rng = np.random.default_rng(0)
    noisy = oscillators.map(lambda v: v + 0.02 * rng.normal(size=v.shape), keep_attrs=True)
    action = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    law = sd.identify(noisy, library=sd.Monomials(3), action=action, rate_of="velocity", solver=sd.LeastSquares())
    assert law.stats.free < law.stats.candidates / 2
    assert_equivariant(law.model.rate, action, law.model.space, ("velocity",))
    free = sd.identify(noisy, library=sd.Monomials(3), rate_of="velocity", solver=sd.LeastSquares())
    truth = np.zeros_like(free.coefficients)
    for k, name in enumerate("xy"):
        truth[free.term_names.index(f"position_{name}"), k] = -1.0
    assert np.linalg.norm(law.coefficients - truth) < 0.7 * np.linalg.norm(free.coefficients - truth)


def test_standard_errors_cover_the_truth_and_shrink_with_the_noise():
    truth = np.array([[-0.1, 1.0], [-1.0, -0.1]])  # rows x, y; columns dx/dt, dy/dt
    scores = []
    clean = sd.make_dataset("damped_oscillator", times=np.arange(0, 20, 0.01), rates=True)
    names = [n for n in clean if not n.endswith("_rate")]
    for seed in range(20):
        rng = np.random.default_rng(seed)
        noisy = clean.copy()
        for name in names:
            noisy[f"{name}_rate"] = noisy[f"{name}_rate"] + 0.05 * rng.normal(size=noisy[name].shape)
            noisy[f"{name}_rate"].attrs["measured_rate_of"] = name
        law = sd.identify(noisy, library=sd.Monomials(1, bias=False), solver=sd.LeastSquares())
        scores.append((law.coefficients - truth) / law.standard_errors)
    spread = np.std(scores)
    assert 0.75 < spread < 1.35  # standardised errors of a correct covariance have spread 1 (80 values)


def test_several_trajectories_share_their_coefficients(oscillators):
    law = sd.identify(
        oscillators, library=sd.Radial("position", powers=(-1, 0, 2)), rate_of="velocity", selection=sd.Tolerance(0.01)
    )
    assert law.active_terms == ("position",)
    assert law.coefficients[law.term_names.index("position")] == pytest.approx(-1, rel=1e-4)
    assert law.stats.rows == 3 * 200


def test_a_law_of_second_order_needs_only_positions(oscillators):
    library = sd.Radial("position", powers=(0, 2))
    for method in (None, sd.WeakForm()):
        law = sd.identify(oscillators[["position"]], library=library, order=2, differentiation=method)
        assert law.active_terms == ("position",)
        assert law.model.space.names == ("position", "position_rate")
        assert law.equations[0].startswith("d^2 position/dt^2 = -")
        run = law.simulate(
            {"position": np.array([1.0, 0.0]), "position_rate": np.array([0.0, 0.5])}, np.linspace(0, 2, 5)
        )
        np.testing.assert_allclose(run.position.sel(component="x"), np.cos(run.time), atol=2e-3)


def test_second_order_weak_scaling_symmetry_counts_time_twice():
    data = sd.make_dataset("kepler", times=np.linspace(0, 12, 600))[["position"]]
    scaling = sd.Scaling().acting_on(position=sd.Weight(2), time=sd.Weight(3))
    law = sd.identify(
        data, library=sd.Radial("position", powers=(-3, -2, -1)), action=scaling, order=2, differentiation=sd.WeakForm()
    )
    assert law.stats.free == 1
    assert law.active_terms == ("position / |position|^3",)


def test_exactly_collinear_terms_are_reported_never_split():
    t = np.linspace(0, 6, 400)
    data = sd.dataset(t, x=np.cos(t), y=np.sin(t))  # on the circle x^2 + y^2 = 1
    law = sd.identify(data, library=sd.Monomials(2), solver=sd.LeastSquares())
    assert law.result is sd.RESULTS.collinear
    assert any({"1", "x^2", "y^2"} <= set(group.terms) for group in law.collinear)
    assert "not told apart by these data" in str(law)


def test_exchangeable_terms_are_reported():
    # with x always near 1 the data cannot say whether x or x^2 drives the rate; either alone fits
    rng = np.random.default_rng(0)
    t = np.linspace(0, 100, 4000)
    x = 1 + 0.001 * np.sin(t)
    data = sd.dataset(t, x=x, x_rate=2 * x + 0.1 * rng.normal(size=t.size))
    law = sd.identify(data, rates={"x": "x_rate"}, library=sd.Monomials(3, bias=False), selection=sd.Tolerance(0.05))
    (group,) = law.collinear
    assert group.reason == "exchangeable"
    assert set(group.terms) == {"x", "x^2", "x^3"}


def test_many_collinear_groups_stay_readable():
    """Twenty copies of one term, three times: the text names a few and says where the others are."""
    group = CollinearGroup(tuple(f"term {k}" for k in range(20)), "undetermined", 2.0)
    assert str(group).count("|") == 8
    assert "and 12 more" in str(group)


def test_independent_terms_are_not_called_collinear(lorenz):
    assert sd.identify(lorenz, library=sd.Monomials(3)).collinear == ()


def test_units_in_km_or_m_give_the_same_law():
    data = sd.make_dataset("kepler", times=np.linspace(0, 12, 500), rates=True)
    big = data * 1e6
    for name in data:
        big[name].attrs = data[name].attrs
    library = sd.Radial("position", powers=(-3, -2, 0))
    a, b = (sd.identify(d, library=library, rate_of="velocity") for d in (data, big))
    assert a.active_terms == b.active_terms == ("position / |position|^3",)
    assert b.coefficients[0] / a.coefficients[0] == pytest.approx(1e18, rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 3}, "order must be 1 or 2, got 3"),
        ({"library": sd.Monomials(12)}, "too few samples: 200 rows cannot fix 1820 terms"),
        ({"library": sd.Radial("position", powers=(0,)), "rate_of": ("position", "velocity")}, "vectors of size 2"),
        ({"action": sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)}, "vector of the wrong length"),
        ({"action": sd.SO(2).acting_on(position=sd.Vector)}, "velocity"),
        (
            {"library": sd.Monomials(0), "action": sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)},
            "no combination of the library's 1 terms",
        ),
    ],
)
def test_a_problem_that_cannot_be_posed_says_why(oscillators, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(oscillators.isel(trajectory=0, drop=True), **{"rate_of": "velocity", **options})


def test_a_threshold_that_drops_everything_is_told():
    rng = np.random.default_rng(0)
    data = sd.dataset(np.arange(200.0), x=rng.normal(size=200), r=rng.normal(size=200))
    law = sd.identify(data, rates={"x": "r"}, library=sd.Monomials(1), solver=sd.STLSQ(0.5))
    assert law.result is sd.RESULTS.no_terms
    assert "no term explains the rate" in str(law)


def test_the_jax_flag_is_the_callers(lorenz):
    before = jax.config.jax_enable_x64
    law = sd.identify(lorenz, library=sd.Monomials(2))
    assert jax.config.jax_enable_x64 == before
    assert np.asarray(law.model.weights).dtype == np.float64
    assert law.model(0.0, jnp.ones(3)).dtype == jnp.float32


def test_sympy_latex_and_model_agree(lorenz):
    law = sd.identify(lorenz, library=sd.Monomials(2))
    at = np.array([1.1, -0.7, 2.3])
    right = []
    for equation in law.to_sympy():
        values = dict(zip(_functions(law), at, strict=True))
        right.append(float(equation.rhs.subs(values)))
    with jax.enable_x64(True):
        np.testing.assert_allclose(right, law.model(0.0, jnp.asarray(at)), rtol=1e-12)
    assert r"\frac{\mathrm{d}x}{\mathrm{d}t} = -10\,x + 10\,y" in law.latex()


def _functions(law):
    t = sympy.Symbol("t", real=True)
    return [sympy.Function(name, real=True)(t) for name in law.model.space.component_names]


def test_to_xarray_holds_coefficients_errors_and_provenance(lorenz, tmp_path):
    law = sd.identify(lorenz, library=sd.Monomials(2))
    ds = law.to_xarray()
    assert float(ds.coefficient.sel(term="x z", target="y")) == pytest.approx(-1)
    ds.to_netcdf(tmp_path / "law.nc")
    assert "dx/dt" in ds.attrs["equations"]


def test_variable_projection_finds_an_exponent_and_its_error():
    data = sd.make_dataset("kepler", times=np.linspace(0, 20, 800), rates=True)
    fit = sd.variable_projection(
        lambda k: sd.Radial("position", powers=(k,)), {"k": -2.2}, data, rate_of="velocity", weights="relative"
    )
    assert fit.parameters["k"] == pytest.approx(-3, abs=1e-8)
    rng, scores = np.random.default_rng(0), []
    rate = next(n for n in data if data[n].attrs.get("measured_rate_of") == "velocity")
    for _ in range(20):
        noisy = data.copy()
        noisy[rate] = data[rate] + 0.02 * rng.normal(size=data[rate].shape)
        noisy[rate].attrs = data[rate].attrs
        got = sd.variable_projection(
            lambda k: sd.Radial("position", powers=(k,)), {"k": -3.0}, noisy, rate_of="velocity"
        )
        scores.append((got.parameters["k"] + 3) / got.standard_errors["k"])
    assert 0.6 < np.sqrt(np.mean(np.square(scores))) < 1.5


def test_variable_projection_refuses_what_it_cannot_do(lorenz):
    with pytest.raises(sd.InputError, match="names no parameter"):
        sd.variable_projection(lambda: sd.Monomials(1), {}, lorenz)
    with pytest.raises(sd.InputError, match="one target component"):
        sd.variable_projection(lambda k: sd.Monomials(int(k)), {"k": 1.0}, lorenz)


def test_a_gap_touches_no_row_of_a_second_order_law():
    t = np.linspace(0, 10, 400)
    x = np.cos(t)
    x[200] = np.nan
    law = sd.identify(
        sd.dataset(t, x=x), order=2, variables="x", library=sd.Monomials(1, variables="x"), missing="skip"
    )
    assert law.coefficient("x", "x_rate")[0] == pytest.approx(-1, rel=1e-4)
    assert law.equations[0].startswith("d^2 x/dt^2 = -")


def test_constant_data_have_no_law():
    t = np.linspace(0, 10, 100)
    law = sd.identify(sd.dataset(t, x=np.full(100, 3.7)), library=sd.Monomials(1))
    assert law.result is sd.RESULTS.no_terms
    assert law.equations == ("dx/dt = 0",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"action": sd.SO(2)}, r"action must be an object such as .*SO\(2\)\.acting_on"),
        ({"library": "poly"}, "library must be an object such as sd.Monomials.*got 'poly'"),
        ({"solver": 0.1}, "solver must be an object such as"),
        ({"solver": sd.STLSQ}, "solver must be an object such as"),
        ({"differentiation": sd.WeakForm}, "differentiation must be an object such as"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_named(oscillators, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(oscillators, **options)


def test_plain_arrays_give_the_same_law_as_a_dataset(lorenz):
    arrays = {"time": T, **{str(k): v.values for k, v in lorenz.data_vars.items()}}
    rates = {k: f"{k}_rate" for k in "xyz"}
    a, b = (sd.identify(d, rates=rates, variables=("x", "y", "z")) for d in (arrays, lorenz))
    np.testing.assert_array_equal(a.coefficients, b.coefficients)
    assert a.equations == b.equations


def test_many_rows_and_few_rows_take_different_ways_to_the_same_law(lorenz, monkeypatch):
    from symdyn.regress.rows import moments

    few = sd.identify(lorenz, library=sd.Monomials(4), solver=sd.LeastSquares())
    monkeypatch.setattr(moments, "HOST_ROWS", 0)
    many = sd.identify(lorenz, library=sd.Monomials(4), solver=sd.LeastSquares())
    np.testing.assert_allclose(few.coefficients, many.coefficients, atol=1e-10)
    np.testing.assert_array_equal(few.stats.blocks, many.stats.blocks)
