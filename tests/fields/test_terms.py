"""Terms in the form of fluxes: by the chain rule on jets, with symmetries enforced, and on the sphere."""

import jax
import numpy as np
import pytest
import sympy

import symdyn as sd
from symdyn._types import double_precision

X, Y = sympy.symbols("x y")


def _jet(space, expressions, at):
    """The jet of known functions at a point."""
    place = dict(zip((X, Y), at, strict=False))
    names = space.differentiated
    values = {name: float(v) for name, v in zip(names, at, strict=True)}
    for name, f in expressions.items():
        values[name] = float(f.subs(place))
    for d in space.derivatives:
        f = expressions[d.field]
        for symbol, order in zip((X, Y), d.orders, strict=False):
            f = sympy.diff(f, symbol, order) if order else f
        values[d.name] = float(f.subs(place))
    return np.array([values.get(name, 0.0) for name in space.names])


FIELDS = {"u": sympy.sin(X) * sympy.cos(2 * Y) + X * Y / 3, "v": sympy.exp(X / 3) * Y**2}
POINT = (0.4, -0.7)


def test_terms_are_the_derivatives_of_the_products():
    space = sd.StateSpace.jets(("x", "y"), order=3, time="t", u=1, v=1)
    jet = _jet(space, FIELDS, POINT)
    terms = sd.DivergenceForm(3, order=3).on(space)
    assert terms.size == 9 * 10
    with double_precision():
        values = np.asarray(terms(jax.numpy.asarray(jet)))
    place = dict(zip((X, Y), POINT, strict=True))
    u, v = FIELDS["u"], FIELDS["v"]
    for name, f in {
        "u": u, "(u v)_x": sympy.diff(u * v, X), "(u^2 v)_xy": sympy.diff(u**2 * v, X, Y), "v_yy": sympy.diff(v, Y, 2),
        "(v^3)_xxy": sympy.diff(v**3, X, 2, Y),
    }.items():  # fmt: skip
        assert values[terms.names.index(name)] == pytest.approx(float(f.subs(place)), rel=1e-10), name
    symbols = [sympy.Symbol(name) for name in space.component_names]
    written = terms.to_sympy(tuple(symbols))
    numbers = dict(zip(symbols, jet, strict=True))
    for name in ("u", "(u v)_x", "(u^2 v)_xy", "(v^3)_xxy"):
        k = terms.names.index(name)
        assert float(written[k].subs(numbers)) == pytest.approx(values[k], rel=1e-10)


def test_fluxes_on_the_sphere_are_those_of_the_metric():
    """X is the latitude, Y the longitude; order: eastward inside, northward outside."""
    space = sd.StateSpace.jets(("lat", "lon"), order=2, u=1, v=1)
    u, v, a = FIELDS["u"], FIELDS["v"], 2.0
    east = lambda f: sympy.diff(f, Y) / (a * sympy.cos(X))  # noqa: E731
    north = lambda f: sympy.diff(f * sympy.cos(X), X) / (a * sympy.cos(X))  # noqa: E731
    library = sd.Fluxes(
        {
            "div": {"lon": "u v", "lat": "v^2"}, "curl": {"lon": "v", "lat": "-u"}, "both": {"lat lon": "u"},
            "twice": {"lon lon": "u"}, "lat": {"lat lat": "u"}, "plain": {"": "2 u - 3 u v"},
        }, latitude="lat", radius=a,
    )  # fmt: skip
    truth = {
        "div": east(u * v) + north(v**2), "curl": east(v) - north(u), "both": north(east(u)), "twice": east(east(u)),
        "lat": north(north(u)), "plain": 2 * u - 3 * u * v,
    }  # fmt: skip
    terms = library.on(space)
    with double_precision():
        values = np.asarray(terms(jax.numpy.asarray(_jet(space, FIELDS, POINT))))
    for name, value in zip(terms.names, values, strict=True):
        expected = float(truth[name].subs(dict(zip((X, Y), POINT, strict=True))))
        assert value == pytest.approx(expected, rel=1e-10), name


def test_symmetries_are_enforced_on_fluxes():
    """Rotations of the plane leave the Laplacian and the field; a Galilean boost fixes the coefficient of (u^2)_x."""
    plane = sd.StateSpace.jets(("x", "y"), order=2, time="t", u=1)
    rotation = sd.SO(2).acting_on({("x", "y"): sd.Point}, u=sd.Scalar)
    kept = sd.enforce(sd.DivergenceForm(1, order=2).on(plane), rotation, targets="u")
    assert kept.dimension == 2
    line = sd.StateSpace.jets(("x",), order=2, time="t", u=1)
    boost = sd.Action.polynomial({"boost": {"x": "t", "u": "1"}}, time="t")
    law = sd.enforce(sd.DivergenceForm(2, order=2).on(line), boost, targets="u")
    names = sd.DivergenceForm(2, order=2).on(line).names
    offset = law.offset.array.ravel()
    assert offset[names.index("(u^2)_x")] == pytest.approx(-0.5)
    assert law.dimension == 2  # u_x and u_xx


def test_libraries_refuse_what_is_none():
    space = sd.StateSpace.jets(("x", "y"), order=1, u=1)
    with pytest.raises(sd.InputError, match="degree >= 1"):
        sd.DivergenceForm(0)
    with pytest.raises(sd.InputError, match="need a space of jets"):
        sd.DivergenceForm(1).on(sd.StateSpace.of(u=1))
    with pytest.raises(sd.InputError, match="a flux along 'z'"):
        sd.Fluxes({"a": {"z": "u"}}).on(space)
    with pytest.raises(sd.InputError, match="with the longitude after it"):
        sd.DivergenceForm(1, latitude="y").on(space)
    with pytest.raises(sd.InputError, match="needs terms such as"):
        sd.Fluxes({"a": "u"})
