import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import symdyn as sd

SPACE = sd.StateSpace.of(x=1, y=1)
LIBRARIES = {
    "elementary": sd.Elementary(
        ("exp", "log", "sqrt", "abs", "sin", "cos", "tan", "cot", "sinh", "cosh", "tanh", "logistic"),
        scales=(1.0, 0.5), shifts=(0.0, 0.25),
    ),
    "reciprocals": sd.Reciprocals((0.0, 0.5), powers=(1, 2, 0.5)),
    "subset": sd.Subset(sd.Monomials(2) * sd.Elementary("sin", ("x",)), ("sin(x)", "x y sin(x)")),
    "sum": sd.Monomials(1) + sd.Monomials(1) * sd.Reciprocals((0.7,), variables="y"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_host_jax_and_sympy_agree(name):
    terms = LIBRARIES[name].on(SPACE)
    states = np.random.default_rng(0).uniform(0.3, 1.2, (20, 2))
    with jax.enable_x64(True):
        compiled = np.asarray(jax.vmap(terms)(jnp.asarray(states)))
    np.testing.assert_allclose(terms.on_host(states.T).T, compiled, rtol=1e-12)
    symbols = sympy.symbols("x y")
    at = dict(zip(symbols, states[3], strict=True))
    values = [float(term.subs(at)) for term in terms.to_sympy(symbols)]
    np.testing.assert_allclose(values, compiled[3], rtol=1e-12)
    assert len(terms.names) == len(terms.latex) == compiled.shape[1] == len(set(terms.names))


def test_names_say_the_argument():
    assert sd.Elementary(("exp",), ("x",), (-1.0, 2.5), (0.0, -1.0)).on(SPACE).names == (
        "exp(-x)", "exp(-x - 1)", "exp(2.5 x)", "exp(2.5 x - 1)",
    )  # fmt: skip
    assert sd.Elementary("sqrt", ("x",)).on(SPACE).latex == (r"\sqrt{x}",)
    assert sd.Reciprocals((0.5,), (2,), ("x",)).on(SPACE).latex == (r"\frac{1}{0.5 + x^{2}}",)
    assert (sd.Monomials(1) * sd.Reciprocals((0.5,), variables=("y",))).on(SPACE).names[1] == "x 1/(0.5 + y)"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.Elementary("erf"), "unknown function 'erf'; there are exp"),
        (lambda: sd.Elementary(()), "unknown function"),
        (lambda: sd.Elementary("exp", scales=(0.0,)), "a scale of 0"),
        (lambda: sd.Elementary("exp", shifts=(np.nan,)), "shifts are one finite number"),
        (lambda: sd.Reciprocals(("a",)), "constants are numbers"),
        (lambda: sd.Reciprocals((1.0,), powers=(0,)), "powers of a reciprocal are above 0"),
        (lambda: sd.Subset(sd.Monomials(1), ()), "no terms"),
        (lambda: sd.Subset(sd.Monomials(1), "z").on(SPACE), "no term 'z'; it has 1, x, y"),
        (lambda: sd.Elementary("exp", "z").on(SPACE), "z"),
        (lambda: sd.AutomaticLibrary(degree=0), "degree"),
        (lambda: sd.AutomaticLibrary(extra={"mine": 3}), "extra library 'mine'"),
    ],
)
def test_what_is_wrong_is_named(make, message):
    with pytest.raises(sd.InputError, match=message):
        make()


@pytest.mark.parametrize("differentiation", [None, sd.WeakForm(half_width=12)])
@pytest.mark.parametrize(
    ("library", "term"),
    [(sd.Elementary("log"), r"log\(x\)"), (sd.Reciprocals(), "1/x"), (sd.Elementary("sqrt"), r"sqrt\(x\)")],
)
def test_data_outside_the_domain_are_refused_with_term_and_value(library, term, differentiation):
    t = np.linspace(0, 10, 201)
    data = {"time": t, "x": np.round(5 - t, 3)}
    with pytest.raises(sd.InputError, match=f"'{term}' is not finite at the sample .* {{'x': -?0"):
        sd.identify(data, library=sd.Monomials(1) + library, differentiation=differentiation)


def test_laws_with_these_terms_go_into_files(tmp_path):
    t = np.linspace(0, 8, 200)
    library = sd.Subset(sd.Monomials(1) + sd.Elementary("exp", scales=(-1.0,)) + sd.Waves(1), ("1", "x", "exp(-x)"))
    reciprocal = sd.Monomials(1) * sd.Reciprocals((0.5,))
    for part in (library, reciprocal):
        law = sd.identify({"time": t, "x": 1 + np.exp(-t)}, library=part)
        law.save(tmp_path / "law.symdyn")
        back = sd.load(tmp_path / "law.symdyn")
        assert str(back) == str(law)
        assert back.settings == law.settings
        assert back.to_sympy() == law.to_sympy()


def test_the_rungs_respect_the_domain_and_the_rows():
    ladder, space = sd.AutomaticLibrary(), sd.StateSpace.of(x=1)

    def labels(low, high, rows):
        return {rung.label for rung in ladder.rungs(space, np.array([low]), np.array([high]), rows)}

    assert {"log(x)", "sqrt(x)", "1/x", "logistic(x)", "monomials of degree 5"} <= labels(0.5, 2.0, 200)
    assert not {"log(x)", "sqrt(x)", "1/x", "cot(x)"} & labels(-1.0, 2.0, 200)
    assert labels(0.5, 2.0, 6) <= {
        "monomials of degree 1",
        "monomials of degree 2",
        "waves",
        "waves of a x",
        "logistic(x)",
    }
    for rung in ladder.rungs(space, np.array([-2.0]), np.array([3.0]), 500):
        for values in rung.values:
            states = np.linspace(-2, 3, 101)[None]
            assert np.isfinite(rung.make(*values).on(space).on_host(states)).all(), rung.label
