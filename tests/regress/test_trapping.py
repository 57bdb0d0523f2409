import cvxpy
import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.regress.constraints.trapping import Quadratic, _ball, best_center

T = np.arange(0, 20, 0.01)
S, R, B = 10.0, 28.0, 8 / 3
c = sd.coefficient


@pytest.fixture(scope="module")
def lorenz():
    return sd.make_dataset("lorenz", times=T, rates=True)


@pytest.fixture(scope="module")
def law(lorenz):
    return sd.identify(lorenz, library=sd.Monomials(2), constraints=[sd.EnergyPreserving()])


def form(law, weights=(1.0, 1.0, 1.0)):
    targets = law.model.space.select(law.model.targets)
    return Quadratic.of(law.coefficients, law.model.terms, targets, np.array(weights))


def lorenz_rate(x):
    return np.stack([S * (x[1] - x[0]), x[0] * (R - x[2]) - x[1], x[0] * x[1] - B * x[2]])


def random_law(seed, n=3, damping=1.0):
    """A law with energy-preserving quadratic terms whose linear part may feed energy: (names, coefficients, form)."""
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(n, n, n))
    q = q + np.swapaxes(q, 1, 2)
    q -= (q + np.moveaxis(q, 0, -1) + np.moveaxis(q, -1, 0)) / 3
    return Quadratic(rng.normal(size=n), rng.normal(size=(n, n)) - damping * np.eye(n), q)


def test_the_quadratic_form_is_the_law(law):
    quadratic = form(law)
    for x in np.random.default_rng(0).normal(size=(5, 3)) * 20:
        np.testing.assert_allclose(quadratic.shifted(x), lorenz_rate(x), rtol=1e-9, atol=1e-9)
    assert quadratic.imbalance() < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_energy_about_a_center_changes_by_the_production(seed):
    law, rng = random_law(seed), np.random.default_rng(seed)
    x, m = rng.normal(size=(2, 3))
    y = x - m
    np.testing.assert_allclose(y @ law.shifted(x), y @ law.production(m) @ y + law.shifted(m) @ y, rtol=1e-10)


def test_the_quadratic_terms_of_a_law_preserve_the_energy_they_are_told():
    data = sd.make_dataset("lorenz", times=T, rates=True, noise=0.1, key=jax.random.key(0))
    weights = {"x": 3.0, "y": 0.5, "z": 2.0}
    law = sd.identify(
        data, library=sd.Monomials(3), constraints=[sd.EnergyPreserving(weights)], solver=sd.LeastSquares()
    )
    energy = np.array(list(weights.values()))
    terms = [name for name in law.term_names if law.model.terms.monomials()[law.term_names.index(name)].sum() == 2]
    assert len(terms) == 6
    for x in np.random.default_rng(0).normal(size=(5, 3)):
        values = np.asarray(law.model.terms.on_host(x[:, None]))[:, 0]
        rate = sum(values[law.term_names.index(name)] * law.coefficients[law.term_names.index(name)] for name in terms)
        produced = energy * x * rate
        assert abs(produced.sum()) < 1e-12 * np.abs(produced).sum()


def test_the_ball_of_leonov_is_found_about_his_center(law):
    # R^2 = b^2 (s + r)^2 / (4 (b - 1)) about (0, 0, s + r) for s >= 1, b >= 2 (Leonov, Bunin, Koksch 1987)
    known = B * (S + R) / np.sqrt(4 * (B - 1))
    region = sd.trapping_region(law)
    assert region.trapped
    assert region.radius < known  # the center is free here
    assert region.rate == pytest.approx(-1, abs=1e-6)
    quadratic = form(law)
    pinned = Quadratic(quadratic.constant, quadratic.linear, quadratic.quadratic)
    m = np.array([0.0, 0.0, S + R])
    d, A = pinned.shifted(m), pinned.production(m)
    squares = [tau**2 / 4 * d @ np.linalg.solve(-tau * A - np.eye(3), d) for tau in np.linspace(1.0001, 3, 2000)]
    assert np.sqrt(min(squares)) == pytest.approx(known, rel=1e-4)


def test_no_state_outside_the_ball_gains_energy(law):
    region = sd.trapping_region(law)
    m = np.array([value for _, value in region.center])
    rng = np.random.default_rng(0)
    y = rng.normal(size=(3, 100_000))
    y *= region.radius * (1 + 1e-6 + rng.exponential(size=y.shape[1])) / np.linalg.norm(y, axis=0)
    assert np.all(np.einsum("ij,ij->j", y, lorenz_rate(y + m[:, None])) < 0)
    edge = y / np.linalg.norm(y, axis=0) * region.radius * 0.98
    assert np.any(np.einsum("ij,ij->j", edge, lorenz_rate(edge + m[:, None])) > 0)  # and it is not too large


@pytest.mark.parametrize("seed", range(4))
def test_the_best_center_agrees_with_cvxpy(seed):
    law = random_law(seed)
    m, rate = best_center(law)
    free = cvxpy.Variable(3)
    start = law.production(np.zeros(3))
    A = start + sum(free[k] * (law.production(np.eye(3)[k]) - start) for k in range(3))
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.lambda_max(A)))
    problem.solve(solver="CLARABEL")
    assert rate == pytest.approx(problem.value, abs=1e-5)
    assert np.linalg.eigvalsh(law.production(m))[-1] == rate


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_ball_agrees_with_cvxpy(law, seed):
    law = form(law)
    push = np.random.default_rng(seed).normal(size=(3, 3))
    law = Quadratic(law.constant + 5 * push[0], law.linear + 0.2 * push, law.quadratic)
    assert best_center(law)[1] < 0
    tau = 2 / -best_center(law)[1]
    m, squared = _ball(law, tau, 17.0)
    free, rest = cvxpy.Variable(3), cvxpy.Variable()
    start = law.production(np.zeros(3))
    A = start + sum(free[k] * (law.production(np.eye(3)[k]) - start) for k in range(3))
    b = law.constant - law.linear.T @ free
    side = cvxpy.reshape(free - tau * b / 2, (3, 1), order="C")
    end = cvxpy.reshape(rest + tau * (law.constant @ free), (1, 1), order="C")
    matrix = cvxpy.bmat([[-np.eye(3) - tau * A, side], [side.T, end]])
    problem = cvxpy.Problem(cvxpy.Minimize(rest + cvxpy.sum_squares(free)), [(matrix + matrix.T) / 2 >> 0])
    problem.solve(solver="CLARABEL")
    assert squared == pytest.approx(problem.value, rel=1e-5)
    np.testing.assert_allclose(m, free.value, atol=1e-3)


def test_units_do_not_matter_where_the_weights_carry_them(lorenz):
    size = {"x": 1e3, "y": 2e-2, "z": 5.0}
    data = {"time": T, **{k: lorenz[k].values * size[k] for k in "xyz"}}
    data |= {f"{k}_rate": lorenz[f"{k}_rate"].values * size[k] for k in "xyz"}
    weights = {k: size[k] ** -2 for k in "xyz"}
    law = sd.identify(
        data, rates={k: f"{k}_rate" for k in "xyz"}, variables=tuple("xyz"), library=sd.Monomials(2),
        constraints=[sd.Trapping(weights=weights)],
    )  # fmt: skip
    region = sd.trapping_region(law, weights=weights)
    assert region.radius == pytest.approx(38.16, rel=1e-3)
    assert dict(region.center)["z"] / size["z"] == pytest.approx(36.12, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_a_law_that_is_not_trapped_by_itself_is_fitted_so_that_it_is(seed):
    # growth in every direction at small noise: the data come from a law with no trapping region
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(2000, 3))
    x, y, z = states.T
    rates = np.stack([0.2 * x + y, 0.3 * y - x * z, 0.1 * z + x * y], axis=1) + 0.01 * rng.normal(size=(2000, 3))
    data = {"time": np.arange(2000.0), "s": states, "ds": rates}
    options = {"rates": {"s": "ds"}, "library": sd.Monomials(2)}
    wild = sd.identify(data, **options, constraints=[sd.EnergyPreserving()])
    assert not sd.trapping_region(wild).trapped
    assert "no trapping region" in str(sd.trapping_region(wild))
    tame = sd.identify(data, **options, constraints=[sd.Trapping(margin=0.05)])
    region = sd.trapping_region(tame)
    assert region.trapped
    assert "trapped within" in str(region)
    assert max(tame.stats.residual) < 1
    start = {"s": 50 * np.ones(3)}
    run = tame.simulate(start, np.linspace(0, 400, 100))
    m = np.array([value for _, value in region.center])
    assert np.linalg.norm(run.s.values[-1] - m) <= region.radius * 1.01


def test_trajectories_from_far_away_enter_the_ball_and_stay(law):
    region = sd.trapping_region(law)
    m = np.array([value for _, value in region.center])
    for start in np.random.default_rng(1).normal(size=(4, 3)) * 500:
        run = law.simulate(dict(zip("xyz", start, strict=True)), np.linspace(0, 20, 2001))
        distance = np.linalg.norm(np.stack([run[k].values for k in "xyz"]) - m[:, None], axis=0)
        inside = np.flatnonzero(distance <= region.radius)
        assert len(inside)
        assert distance[inside[0] :].max() <= region.radius * (1 + 1e-6)


def test_a_trapped_law_is_left_as_it_is(lorenz, law):
    trapped = sd.identify(lorenz, library=sd.Monomials(2), constraints=[sd.Trapping()])
    np.testing.assert_allclose(trapped.coefficients, law.coefficients, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"library": sd.Monomials(3), "constraints": [sd.Trapping()]}, "degree 2 at most"),
        ({"rate_of": "x", "constraints": [sd.EnergyPreserving()]}, "closes in its targets x"),
        ({"library": sd.Monomials(0), "constraints": [sd.Trapping()]}, "can be trapped: keep more terms"),
    ],
)
def test_what_has_no_trapping_theory_is_refused(lorenz, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(lorenz, **{"library": sd.Monomials(2), **options})


def test_a_law_that_makes_energy_has_no_region(lorenz):
    free = sd.identify(lorenz, library=sd.Monomials(2), constraints=[c("x z", "y") == -2])
    with pytest.raises(sd.InputError, match="do not preserve the energy"):
        sd.trapping_region(free)
    cubic = sd.identify(lorenz, library=sd.Monomials(3), solver=sd.LeastSquares())
    with pytest.raises(sd.InputError, match="degree 2 at most"):
        sd.trapping_region(cubic)
    second = sd.identify(
        sd.make_dataset("harmonic_oscillator", times=np.arange(0, 10, 0.05))[["position"]],
        library=sd.Monomials(1),
        order=2,
    )
    with pytest.raises(sd.InputError, match="trapping region"):
        sd.trapping_region(second)
