"""Implicit and rational laws: planted ones are found from any left-hand side, in any units, and can be integrated."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import symdyn as sd
from symdyn._errors import InputError
from symdyn.regress.implicit.rational import Relation, fitted, rate_fit, tangents, weight_scatter
from symdyn.regress.implicit.relations import Rows

WAVES = sd.Waves(variables=("angle1", "angle2"))
PENDULUM = {"mass2": 0.5, "length2": 0.8}


@functools.cache
def kinetics(noise=0.0, seed=0):
    data = sd.make_dataset("michaelis_menten", trajectories=20, rates=True, key=jax.random.key(seed))
    size = float(np.sqrt((data.x_rate**2).mean()))
    draw = np.random.default_rng(seed).normal(size=data.x.shape)
    return data.assign(x_rate=data.x_rate.copy(data=data.x_rate.values + noise * size * draw))


@functools.cache
def kinetics_law(noise=0.0):
    return sd.identify_implicit(kinetics(noise), library=sd.Monomials(3))


@functools.cache
def pendulum_law():
    times = np.arange(0, 3, 0.02)
    data = sd.make_dataset(
        "double_pendulum", times=times, trajectories=4, rates=True, key=jax.random.key(0), **PENDULUM
    )
    library = sd.Monomials(2, variables=("rate1", "rate2"), interaction=False) * WAVES
    return data, sd.identify_implicit(data, rate_of=("rate1", "rate2"), library=library, factors=WAVES, coupled=True)


def planted(f, seed=0, m=400, low=-2.0, high=2.0):
    """Rows of a law dx/dt = f(x, y) for two variables that wander."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(low, high, (2, m))
    return {"time": np.arange(m) * 0.1, "x": x, "y": y, "dx": f(x, y)}


@pytest.mark.parametrize(
    ("law", "terms"),
    [
        (lambda x, y: (x + y) / (1 + x**2), {"x", "y", "dx/dt", "x^2 dx/dt"}),
        (lambda x, y: (2 - 3 * x * y) / (4 + y**2), {"1", "x y", "dx/dt", "y^2 dx/dt"}),
        (lambda x, y: y / (1 + x**2 + y**2), {"y", "dx/dt", "x^2 dx/dt", "y^2 dx/dt"}),
        (lambda x, y: 3 * x - y**2, {"x", "y^2", "dx/dt"}),
    ],
)
def test_planted_laws_are_found_exactly(law, terms):
    found = sd.identify_implicit(planted(law), rates={"x": "dx"}, rate_of="x", library=sd.Monomials(2))
    assert set(found.active_terms) == terms
    assert found.result is sd.RESULTS.successful
    assert found.stats.residual[0] < 1e-12


def test_kinetics_have_their_coefficients_and_their_text():
    law = kinetics_law()
    left, right = law.equations[0].split(" = ")
    assert left == "dx/dt"
    assert right.count("/") == 1
    for term, value in {"1": -0.18, "x": 0.9, "dx/dt": 0.3, "x dx/dt": 1.0}.items():
        assert law.coefficient(term)[0] == pytest.approx(value, abs=1e-10)


def test_the_right_left_hand_sides_agree():
    table = kinetics_law().left_sides[0]
    agreeing = {side.term for side in table.sides if side.agrees}
    assert agreeing == {"1", "x", "dx/dt", "x dx/dt"}
    assert table.agreement == 4
    assert all(side.rate_error < 1e-9 for side in table.sides if side.agrees)
    assert str(table).count("\n") == len(table.sides) == 8


def test_noise_in_the_rates_leaves_the_coefficients_unbiased():
    law = kinetics_law(0.1)
    assert law.active_terms == ("1", "x", "dx/dt", "x dx/dt")
    for term, value in {"1": -0.18, "x": 0.9, "dx/dt": 0.3}.items():
        estimate, error = law.coefficient(term)
        assert abs(estimate - value) < 4 * error


def test_standard_errors_are_the_scatter_of_repeated_fits():
    columns = (0, 1, 2, 3)
    rng, estimates, errors = np.random.default_rng(1), [], []
    x = rng.uniform(0, 3, 600)
    psi = np.stack([np.ones_like(x), x], axis=1)
    block = np.arange(600) // 10
    for _ in range(60):
        rates = ((0.18 - 0.9 * x) / (0.3 + x) + 0.1 * rng.normal(size=600))[:, None]
        rows = Rows(psi, psi, rates, np.ones(600), block, rates)
        fit = fitted(rows, (Relation(0, 3, columns, np.array([-0.2, 1.0, 0.4, 1.0])),))
        estimates.append(fit.relations[0].weights[:3])
        errors.append(np.sqrt(np.diag(weight_scatter(rows, fit, rows.rate_sizes)[0])))
    assert np.std(estimates, axis=0) == pytest.approx(np.mean(errors, axis=0), rel=0.3)
    spread = np.std(estimates, axis=0) / np.sqrt(60)
    assert (np.abs(np.mean(estimates, axis=0) - [-0.18, 0.9, 0.3]) < 4 * spread).all()


def test_tangents_are_derivatives_of_the_implied_rates():
    rng = np.random.default_rng(0)
    theta, psi, rates = rng.normal(size=(5, 3)), rng.uniform(1, 2, (5, 2)), rng.normal(size=(5, 2))
    rows = Rows(theta, psi, rates, np.ones(5), np.zeros(5, int), rates)
    both = (
        Relation(0, 3, (0, 1, 3, 6), np.array([0.4, -1.0, 1.0, 0.1])),
        Relation(1, 6, (2, 4, 6), np.array([0.7, 0.1, 1.0])),
    )
    fit = rate_fit(rows, both)
    slopes, step = tangents(rows, fit), 1e-6
    for place in range(3):
        change = np.zeros(3)
        change[place] = step
        up, down = (rate_fit(rows, (both[0].moved(s * change), both[1])).implied for s in (1, -1))
        assert slopes[:, :, place] == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-7)


def test_units_do_not_matter():
    data, scale = kinetics(0.05), 1e-6
    other = data.assign(x=data.x * scale, x_rate=data.x_rate * scale)
    law, scaled = kinetics_law(0.05), sd.identify_implicit(other, library=sd.Monomials(3))
    assert scaled.active_terms == law.active_terms
    assert scaled.coefficient("dx/dt")[0] == pytest.approx(law.coefficient("dx/dt")[0] * scale, rel=1e-6)
    assert scaled.coefficient("1")[0] == pytest.approx(law.coefficient("1")[0] * scale**2, rel=1e-6)


def test_rates_from_differences_of_several_trajectories():
    data = kinetics()[["x"]]
    for method in (None, sd.SavitzkyGolay(7, 4)):
        law = sd.identify_implicit(data, library=sd.Monomials(3), differentiation=method)
        assert law.active_terms == ("1", "x", "dx/dt", "x dx/dt")
        assert law.coefficient("x")[0] == pytest.approx(0.9, rel=1e-4)


def test_sympy_and_model_agree():
    law = kinetics_law()
    equation = law.to_sympy()[0]
    state = sympy.Function("x", real=True)(sympy.Symbol("t", real=True))
    assert equation.lhs == sympy.Derivative(state, sympy.Symbol("t", real=True))
    value = float(equation.rhs.subs(state, 1.7))
    assert value == pytest.approx(0.6 - 1.5 * 1.7 / 2.0, rel=1e-9)
    assert float(law.model.rate(jnp.array([1.7]))[0]) == pytest.approx(value, rel=1e-6)
    assert law.latex().startswith(r"\dot{x} = \frac{")


def test_simulation_follows_the_system():
    run = kinetics_law().simulate({"x": 4.0}, np.linspace(0, 5, 51))
    assert float(abs(run.x - sd.make_dataset("michaelis_menten").x).max()) < 1e-7


def test_double_pendulum_equations_are_coupled():
    data, law = pendulum_law()
    d = "(angle1 - angle2)"
    wanted = [
        {"d rate1/dt": 1.0, f"cos{d} d rate2/dt": 0.8 / 3, f"rate2^2 sin{d}": 0.8 / 3, "sin(angle1)": 9.81},
        {"d rate2/dt": 1.0, f"cos{d} d rate1/dt": 1.25, f"rate1^2 sin{d}": -1.25, "sin(angle2)": 9.81 / 0.8},
    ]
    for e, truth in enumerate(wanted):
        found = {name: law.coefficients[k, e] for k, name in enumerate(law.term_names) if law.coefficients[k, e]}
        unit = next(name for name in found if found[name] == 1.0)
        assert found == pytest.approx({name: value / truth[unit] for name, value in truth.items()}, rel=1e-8)
    assert law.model.coupled
    start = data.isel(time=0, trajectory=0)
    run = law.simulate(start, data.time[:100])
    assert float(abs(run.angle2 - data.angle2.isel(trajectory=0, time=slice(100))).max()) < 1e-6
    left, right = law.to_sympy()[0].args
    assert left.has(sympy.Derivative)
    assert not right.has(sympy.Derivative)


@pytest.mark.slow
def test_glycolysis_with_exact_rates():
    times = np.arange(0, 5, 0.1)
    data = sd.make_dataset("glycolysis", times=times, trajectories=10, rates=True, key=jax.random.key(0))
    data = data.drop_vars([f"s{k}_rate" for k in range(2, 8)])
    few, powers = sd.Monomials(2, variables=("s1", "s2", "s6")), sd.Monomials(4, variables="s6")
    law = sd.identify_implicit(data, rate_of="s1", library=few * powers, factors=powers)
    assert set(law.active_terms) == {"1", "s6^4", "s1 s6", "d s1/dt", "s6^4 d s1/dt"}


def test_identities_between_terms_are_no_laws():
    def circle(state):
        x = state["x"]
        return jnp.stack([jnp.ones_like(x), jnp.sin(x), jnp.sin(x) ** 2, jnp.cos(x) ** 2])

    library = sd.Function(circle, names=("1", "sin(x)", "sin(x)^2", "cos(x)^2"))
    data = planted(lambda x, y: np.sin(x) / (2 + np.cos(x) ** 2))
    law = sd.identify_implicit(data, rates={"x": "dx"}, rate_of="x", variables=("x", "y"), library=library)
    x = np.array([0.3, 1.1])
    found = [float(law.model.rate(jnp.array([v, 0.0]))[0]) for v in x]
    assert found == pytest.approx(np.sin(x) / (2 + np.cos(x) ** 2), rel=1e-6)
    assert len(law.active_terms) <= 4


def test_nothing_to_find_is_an_outcome():
    data = planted(lambda x, y: np.random.default_rng(3).normal(size=x.shape))
    law = sd.identify_implicit(data, rates={"x": "dx"}, rate_of="x", library=sd.Monomials(1))
    assert law.result is sd.RESULTS.no_terms
    assert law.equations == ("dx/dt = 0",)


def test_a_vanishing_denominator_is_reported():
    def parts(state):
        x, y = state["x"], state["y"]
        return jnp.stack([jnp.ones_like(x), x, y, jnp.sin(3 * x), jnp.sin(3 * y)])

    library = sd.Function(parts, names=("1", "x", "y", "sin(3 x)", "sin(3 y)"))
    data = planted(lambda x, y: (np.sin(3 * x) - np.sin(3 * y)) / (x - y))
    law = sd.identify_implicit(data, rates={"x": "dx"}, rate_of="x", library=library)
    assert law.result is sd.RESULTS.singular
    assert "denominator vanishes" in str(law)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"differentiation": sd.WeakForm()}, "weak form"),
        ({"left_sides": "some"}, "left_sides"),
        ({"factors": "x"}, "factors must be a library"),
        ({"library": sd.Covariant(["x"])}, "numbers"),
        ({"order": 3}, "order must be 1 or 2"),
        ({"library": sd.Monomials(9)}, "too few samples"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    data = planted(lambda x, y: x, m=40)
    if "Covariant" in repr(options):
        data = {"time": np.arange(40.0), "x": np.random.default_rng(0).normal(size=(40, 3))}
        options = options | {"differentiation": sd.FiniteDifference()}
    else:
        options = {"rates": {"x": "dx"}, "rate_of": "x"} | options
    with pytest.raises(InputError, match=message):
        sd.identify_implicit(data, **options)


def test_saving_is_refused_with_a_way_out(tmp_path):
    with pytest.raises(InputError, match="to_sympy"):
        kinetics_law().save(tmp_path / "law.symdyn")
