"""Real parameters as arrays: the same values, and nothing compiled for other ones."""

import jax
import numpy as np
import pytest

import symdyn as sd

SPACE = sd.StateSpace.of(r=2, s=1)


def made(k: float):
    radial = sd.Radial("r", (k, -3.0, 0.0))
    scalars = sd.Elementary(("exp", "sin"), ("s",), (k,)) + sd.Reciprocals((-k,), (2.0,), ("s",))
    return radial.on(SPACE), (sd.Monomials(1, ("s",)) * scalars).on(SPACE), scalars.on(SPACE)


def test_values_are_the_same_and_what_is_compiled_serves_other_values():
    state, count = np.array([0.6, -1.1, 0.4]), 0

    @jax.jit
    def evaluate(terms, x):
        nonlocal count
        count += 1
        return terms(x)

    for k in (-2.5, -2.7, -1.3):
        for terms in made(k):
            np.testing.assert_allclose(evaluate(terms.parametric(), state), terms(state), rtol=1e-5)
    assert count == len(made(-2.5))


@pytest.mark.parametrize("library", [sd.Monomials(3), sd.Radial("r", (-3.0, 1.0))])
def test_terms_without_real_parameters_are_themselves(library):
    terms = library.on(SPACE)
    assert terms.parametric() is terms
