"""Laws of fields in time: against the systems that made the data, exact solutions, and each other's grids."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn.model.fields.law import field_law, without_numbers

KEY = jax.random.key(2)


def _opened(system, variables=None, **options):
    data = sd.make_fields(system, key=KEY, **options)
    variables = variables or list(sd.FIELD_SYSTEMS[system].variables)
    return sd.open_fields(data, variables, periodic=data.attrs["periodic"].split())


def _error(run, fields, name="u", at=-1):
    truth = fields.component(name)[at]
    return float(np.abs(run.component(name)[at] - truth).max() / np.abs(truth).max())


def _rounded(law):
    """The law with its coefficients rounded to three digits: for clean fields the true ones."""
    weights = np.array([float(f"{w:.3g}") for w in np.asarray(law.model.weights)])
    return eqx.tree_at(lambda model: model.weights, law.model, weights)


@pytest.mark.parametrize(
    ("system", "library", "terms"),
    [
        ("burgers", sd.DivergenceForm(2, order=2), 2),
        pytest.param("kdv", sd.DivergenceForm(2, order=3), 2, marks=pytest.mark.slow),
        pytest.param("porous_medium", sd.DivergenceForm(2, order=2), 1, marks=pytest.mark.slow),
        pytest.param("klein_gordon", sd.DivergenceForm(3, order=2), 4, marks=pytest.mark.slow),
    ],
)
def test_the_law_found_makes_the_fields_again(system, library, terms):
    fields = _opened(system, shape=128)
    law = sd.identify_field(fields, library=library)
    assert law.stats.active == terms
    run = sd.simulate_field(_rounded(law), fields, rtol=1e-8)
    assert run.grid.shape == fields.grid.shape
    assert run.component_names == fields.component_names
    for name in run.component_names:
        assert _error(run, fields, name) < 1e-6, law
        assert _error(law.simulate(fields, None), fields, name) < 0.02, law


def test_two_fields_in_the_plane_and_their_score():
    fields = _opened("lambda_omega", shape=32, times=np.linspace(0, 6, 61))
    law = sd.identify_field(fields, library=sd.DivergenceForm(3, order=2))
    score = law.score(fields)
    assert float(score.error.max()) < 0.01
    assert float(score.persistence[-1].min()) > 0.5
    assert float(score.skill.min()) > 0.999
    assert float(score.r2.min()) > 0.999
    assert float(score.error[0].max()) < 1e-6


def test_a_noisy_start_is_smoothed_for_the_score():
    fields = _opened("heat", noise=0.3, shape=128)
    law = sd.identify_field(fields, library=sd.DivergenceForm(1, order=2))
    clean = _opened("heat", shape=128)
    rough, smooth = (law.score(fields, smooth=each) for each in (False, True))
    assert float(smooth.persistence[0, 0]) > 0.1  # the noise that is no longer in the start
    run = [law.simulate(sd.Fields.of(fields.grid, u=fields.component("u")), None), sd.simulate_field(law, clean)]
    assert _error(run[0], clean) > _error(run[1], clean)
    assert float(smooth.relative_error[0]) < 1.02 * float(rough.relative_error[0])


def test_second_order_needs_a_rate_or_several_instants():
    fields = _opened("wave", ["u"], speed=1.5, shape=64)
    law = sd.identify_field(fields, time_order=2)
    assert _error(law.simulate(fields, None), fields) < 5e-3
    first = sd.Fields.of(sd.Grid(fields.grid.space), u=fields.component("u")[0])
    with pytest.raises(sd.InputError, match="needs the first rate of 'u'"):
        law.simulate(first, fields.grid.time.points)
    both = sd.open_fields(sd.make_fields("wave", key=KEY, speed=1.5, shape=64), ["u", "v"], periodic=["x"])
    start = sd.Fields.of(
        sd.Grid(fields.grid.space), u=both.component("u")[0], u_rate=both.component("v")[0]
    )  # fmt: skip
    assert _error(sd.simulate_field(_rounded(law), start, fields.grid.time.points, rtol=1e-8), fields) < 1e-6


def test_terms_that_are_no_polynomials_are_taken_at_the_points():
    """Sine-Gordon as u_t = v, v_t = u_xx - sin(u), by functions of the jet."""
    fields = _opened("sine_gordon", shape=128, times=np.linspace(0, 4, 81))
    library = sd.Function(
        lambda s: jnp.stack([s["v"], s["u_xx"], jnp.sin(s["u"])]), names=("v", "u_xx", "sin(u)")
    )  # fmt: skip
    law = sd.identify_field(fields, library=library)
    assert _error(sd.simulate_field(law, fields), fields) < 1e-3


@pytest.mark.slow
def test_products_of_derivatives_by_pieces_and_by_jets():
    """A law by its pieces, and the same law as a function of jets at the points."""
    x, t = 2 * np.pi / 64 * np.arange(64), np.linspace(0.0, 1.0, 41)
    u = np.exp(t[:, None]) * np.sin(x - t[:, None]) + 0.3 * np.cos(2 * x)
    grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t))
    fields = sd.Fields.of(grid, u=u)
    pieces = sd.Monomials(2, variables=("u", "u_x"))
    function = sd.Function(
        lambda s: jnp.stack([1 + 0 * s["u"], s["u"], s["u_x"], s["u"] ** 2, s["u"] * s["u_x"], s["u_x"] ** 2]),
        names=("1", "u", "u_x", "u^2", "u u_x", "u_x^2"),
    )
    runs = []
    for library in (pieces, function):
        law = sd.identify_field(fields, library=library, solver=sd.LeastSquares(), form=sd.JetDerivatives())
        runs.append(sd.simulate_field(law, fields, t[:11], rtol=1e-9).component("u"))
    np.testing.assert_allclose(runs[0], runs[1], atol=1e-6)


def test_laws_of_the_same_terms_differ_in_numbers_alone():
    """So that they are compiled once."""
    fields = _opened("burgers", shape=64)
    found = [
        field_law(law.model) for law in (sd.identify_field(fields), sd.identify_field(_opened("burgers", shape=48)))
    ]
    (one, first), (two, second) = (without_numbers(law) for law in found)
    assert one == two
    assert hash(one) == hash(two)
    assert not np.array_equal(first, second)
    assert np.allclose(first, second, rtol=0.02)
    assert [piece.coefficient for piece in found[0].pieces] == first.tolist()
