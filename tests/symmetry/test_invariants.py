"""Generating sets of invariants and equivariants against what classical invariant theory says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn._types import Variable, double_precision
from symdyn.testing import assert_equivariant

PHASE = sd.StateSpace.of(position=3, velocity=3)
TURN = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)


def test_dot_products_generate_and_with_the_triple_product_for_rotations_only():
    space = sd.StateSpace.of(a=3, b=3, c=3)
    every = dict.fromkeys("abc", sd.Vector)
    turned, mirrored = (
        sd.Invariants(group.acting_on(**every), 3, products=False).on(space).names for group in (sd.SO(3), sd.O(3))
    )
    dots = {"|a|^2", "|b|^2", "|c|^2", "(a . b)", "(a . c)", "(b . c)"}
    assert set(mirrored) == dots
    assert len(turned) == 7
    assert dots < set(turned)  # the seventh is the determinant


def test_equivariants_are_the_vectors_and_their_cross_product():
    names = sd.Equivariants(TURN, sd.Vector, 5, products=False).on(PHASE).names
    assert names == ("position", "velocity", "(position x velocity)")


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_products_span_what_enforce_finds(degree):
    equivariants = sd.Equivariants(TURN, sd.Vector, degree).on(PHASE)
    assert equivariants.size == sd.enforce(sd.Monomials(degree), TURN, space=PHASE, targets="velocity").dimension
    invariants = sd.Invariants(TURN, degree).on(PHASE)
    assert invariants.size == sd.enforce(sd.Monomials(degree), TURN, space=PHASE, values=sd.Scalar).dimension


@pytest.mark.parametrize(
    ("action", "values", "space"),
    [
        (TURN, sd.Vector, PHASE),
        (sd.Cyclic(3).acting_on(q=sd.Vector), sd.Vector, sd.StateSpace.of(q=2)),
        (sd.SO(3).acting_on(q=sd.Vector), sd.Tensor(2, 0, "symmetric"), sd.StateSpace.of(q=3)),
        (sd.SU(2).acting_on(q=sd.Vector), sd.Vector, sd.StateSpace.of(q=4)),
    ],
    ids=["SO(3)", "C3", "tensor", "SU(2)"],
)
def test_every_term_is_equivariant(action, values, space):
    terms = sd.Equivariants(action, values, 3).on(space)
    for k in range(terms.size):
        assert_equivariant(lambda x, k=k: terms(x)[k], action, space, values=values, rtol=1e-9)


def test_the_third_root_of_unity_has_its_cubic():
    space = sd.StateSpace.of(q=2)
    names = sd.Invariants(sd.Dihedral(3).acting_on(q=sd.Vector), 3, products=False).on(space).names
    assert names[0] == "|q|^2"
    assert len(names) == 2  # Chevalley: the degrees of D3 are 2 and 3
    degrees = [sd.Invariants(sd.Dihedral(4).acting_on(q=sd.Vector), 4, products=False).on(space).exponents.array.sum(1)]
    assert sorted(set(degrees[0])) == [2, 4]


def test_translations_leave_differences():
    space = sd.StateSpace.of(x=1, y=1)
    assert sd.Invariants(sd.T(1).acting_on(x=sd.Point, y=sd.Point), 2).on(space).names == ("1", "x - y", "(x - y)^2")


def test_symmetric_polynomials_of_identical_bodies():
    space = sd.StateSpace((Variable("q", ("body",), (("a", "b", "c"),)),))
    action = sd.Permutations(3).acting_on(q=sd.Along(sd.Vector, "body"))
    assert sd.Invariants(action, 3, products=False).on(space).size == 3  # Newton: as many as bodies


def test_terms_agree_with_their_sympy_form_and_have_derivatives_at_zero():
    terms = sd.Invariants(TURN, 4).on(PHASE)
    import sympy

    symbols = sympy.symbols("x:6")
    x = np.random.default_rng(0).normal(size=6)
    with double_precision():
        found = np.asarray(terms(jnp.asarray(x)))
        slopes = np.asarray(jax.jacfwd(terms)(jnp.zeros(6)))
    expected = [float(e.subs(dict(zip(symbols, x, strict=True)))) for e in terms.to_sympy(symbols)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(terms.on_host(x[:, None])[:, 0], expected, rtol=1e-12)
    assert np.isfinite(slopes).all()


def test_identify_with_equivariant_terms_finds_the_cubic_oscillator():
    rng = np.random.default_rng(1)
    q = rng.normal(size=(400, 2))
    rate = q - 0.5 * q * (q**2).sum(1, keepdims=True) + np.stack([-q[:, 1], q[:, 0]], 1)
    data = {"time": np.arange(400.0), "q": q, "p": rate}
    law = sd.identify(
        data, library=sd.Equivariants(sd.SO(2).acting_on(q=sd.Vector), sd.Vector, 3), variables="q",
        rates={"q": "p"}, rate_of="q",
    )  # fmt: skip
    assert str(law).count("|q|^2 q") == 1
    np.testing.assert_allclose(np.sort(law.model.weights), [-0.5, 1.0, 1.0], rtol=1e-8)


def test_bad_degrees_and_empty_sets_are_refused():
    with pytest.raises(sd.InputError, match="degree of invariants is an integer >= 1, got 0"):
        sd.Invariants(TURN, 0)
    with pytest.raises(sd.InputError, match="no polynomial invariants up to degree 1"):
        sd.Invariants(TURN, 1, products=False).on(PHASE)
    assert sd.Invariants(TURN, 1).on(PHASE).names == ("1",)
    with pytest.raises(sd.InputError, match="scalars are invariant: use Invariants"):
        sd.Equivariants(TURN, sd.Scalar, 2)
    with pytest.raises(sd.InputError, match="no polynomial up to degree 3 transforms as Axial"):
        sd.Equivariants(sd.O(3).acting_on(q=sd.Vector), sd.Axial, 3).on(sd.StateSpace.of(q=3))
