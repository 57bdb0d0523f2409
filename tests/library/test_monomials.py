import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import symdyn as sd
from symdyn.library.monomials import monomial_exponents


@pytest.mark.parametrize(("n", "degree"), [(1, 0), (1, 4), (2, 3), (3, 5), (5, 2)])
def test_values_are_products_of_powers(n, degree):
    space = sd.StateSpace.of(x=n) if n > 1 else sd.StateSpace.of(x=1)
    terms = sd.Monomials(degree).on(space)
    x = np.linspace(0.3, 1.7, n)
    expected = np.prod(x ** monomial_exponents(n, degree), axis=1)
    np.testing.assert_allclose(terms(jnp.asarray(x)), expected, rtol=1e-6)
    assert len(set(map(tuple, terms.exponents))) == terms.size == sympy.binomial(n + degree, degree)


@settings(deadline=None, max_examples=20)
@given(n=st.integers(1, 4), degree=st.integers(1, 4), bias=st.booleans(), interaction=st.booleans(), data=st.data())
def test_chosen_terms_match_their_exponents_names_and_symbols(n, degree, bias, interaction, data):
    space = sd.StateSpace.of(a=1, b=n)
    variables = data.draw(st.sampled_from([None, ("b",), ("b", "a")]))
    terms = sd.Monomials(degree, variables=variables, bias=bias, interaction=interaction).on(space)
    x = np.linspace(0.4, 1.3, space.size)
    np.testing.assert_allclose(terms(jnp.asarray(x)), np.prod(x**terms.exponents, axis=1), rtol=1e-5)
    symbols = tuple(sympy.Symbol(name) for name in space.component_names)
    at = dict(zip(symbols, x, strict=True))
    np.testing.assert_allclose([float(e.subs(at)) for e in terms.to_sympy(symbols)], terms(jnp.asarray(x)), rtol=1e-5)
    assert ("1" in terms.names) == bias
    assert interaction or all((row > 0).sum() <= 1 for row in terms.exponents)
    if variables == ("b",):
        assert not terms.exponents[:, 0].any()


@pytest.mark.parametrize("degree", [-1, 1.5, True])
def test_a_degree_that_is_no_degree_is_named(degree):
    with pytest.raises(sd.InputError, match=f"got {degree}"):
        sd.Monomials(degree)


def test_a_library_without_terms_is_refused():
    with pytest.raises(sd.InputError, match="no terms"):
        sd.Monomials(0, bias=False)


def test_an_unknown_variable_is_named_with_the_known_ones():
    with pytest.raises(sd.InputError, match="unknown variable 'z'; the state has x, y"):
        sd.Monomials(2, variables="z").on(sd.StateSpace.of(x=1, y=1))
