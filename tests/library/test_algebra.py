import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import symdyn as sd

SPACE = sd.StateSpace.of(x=1, y=1)
WAVES = sd.Function(lambda s: jnp.stack([jnp.sin(s["x"]), jnp.cos(s["y"])]), names=("sin(x)", "cos(y)"))
AT = jnp.array([0.3, -0.8])


def test_a_sum_joins_terms_and_keeps_a_repeated_one_once():
    terms = (sd.Monomials(1) + sd.Monomials(2) + WAVES).on(SPACE)
    assert terms.names == ("1", "x", "y", "x^2", "x y", "y^2", "sin(x)", "cos(y)")
    expected = [1, 0.3, -0.8, 0.09, -0.24, 0.64, np.sin(0.3), np.cos(-0.8)]
    np.testing.assert_allclose(terms(AT), expected, rtol=1e-5)


def test_a_product_holds_every_pair_once():
    terms = (sd.Monomials(1) * WAVES).on(SPACE)
    assert terms.names == ("sin(x)", "cos(y)", "x sin(x)", "x cos(y)", "y sin(x)", "y cos(y)")
    waves = np.array([np.sin(0.3), np.cos(-0.8)])
    np.testing.assert_allclose(terms(AT), np.concatenate([waves, 0.3 * waves, -0.8 * waves]), rtol=1e-5)
    square = (sd.Monomials(1) * sd.Monomials(1)).on(SPACE)
    assert square.size == 6


def test_scalars_times_vectors_are_vectors():
    space = sd.StateSpace.of(position=3)
    terms = (sd.Covariant(["1", "|position|^2"]) * sd.Radial("position", powers=(-3, 0))).on(space)
    assert terms.value_shape == (3,)
    x = np.array([1.0, 2.0, -0.5])
    r = np.linalg.norm(x)
    np.testing.assert_allclose(terms(jnp.asarray(x)), [x / r**3, x, x / r, x * r**2], rtol=1e-5)
    symbols = sympy.symbols("a0:3")
    at = dict(zip(symbols, x, strict=True))
    values = [[float(c.subs(at)) for c in term] for term in terms.to_sympy(symbols)]
    np.testing.assert_allclose(values, terms(jnp.asarray(x)), rtol=1e-5)


def test_what_does_not_fit_together_is_refused():
    space = sd.StateSpace.of(position=3)
    with pytest.raises(sd.InputError, match="one shape"):
        (sd.Monomials(1) + sd.Radial("position")).on(space)
    with pytest.raises(sd.InputError, match="no vector"):
        (sd.Radial("position") * sd.Radial("position")).on(space)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda s: jnp.sin(s["x"]), r"must return an array of shape \(1,\)"),
        (lambda s: s["speed"], "failed on a state with x"),
        (lambda s: 3.0, "must return an array"),
    ],
)
def test_a_function_that_is_no_library_is_refused(function, message):
    with pytest.raises(sd.InputError, match=message):
        sd.Function(function, names="f").on(SPACE)


def test_products_of_monomials_are_monomials_named_once():
    terms = (sd.Monomials(1) * sd.Monomials(1) * sd.Monomials(1)).on(sd.StateSpace.of(x=1, y=1))
    assert terms.names == sd.Monomials(3).on(sd.StateSpace.of(x=1, y=1)).names
    assert terms.latex == sd.Monomials(3).on(sd.StateSpace.of(x=1, y=1)).latex
    np.testing.assert_array_equal(terms.monomials(), sd.Monomials(3).on(sd.StateSpace.of(x=1, y=1)).exponents)


def test_sums_and_products_of_monomials_keep_the_exact_calculus():
    space = sd.StateSpace.of(q=2)
    library = sd.Monomials(1, bias=False) + sd.Monomials(1, bias=False) * sd.Monomials(2)
    assert set(library.on(space).names) == set(sd.Monomials(3, bias=False).on(space).names)
    assert (library + sd.Function(lambda s: s["q"][:1], "f")).on(space).monomials() is None
