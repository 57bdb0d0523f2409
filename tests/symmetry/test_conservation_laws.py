"""Conservation laws of partial differential equations: all that the literature has within the library, and no more."""

import numpy as np
import pytest
import sympy

import symdyn as sd
from symdyn.groups.polynomial import read_polynomial

TX = sd.StateSpace.jets(("t", "x"), order=2, u=1)


def jets(order, **fields):
    return sd.StateSpace.jets(("x",), order=order, time="t", **(fields or {"u": 1}))


KDV = {"u": "-u u_x - u_xxx"}
POINTS = ("t", "x", "u", "u_t", "u_x")

# what is asked, and all multipliers within the library (Olver 1993, sections 4.3 and 4.4; for BBM: Olver 1979, Math.
# Proc. Camb. Phil. Soc. 85, 143, which proves that there are three)
KNOWN = {
    "KdV": (KDV, jets(3), sd.Monomials(2, ("t", "x", "u", "u_x", "u_xx")), ["1", "u", "x - t u", "2 u_xx + u^2"]),
    "Burgers": ({"u": "u_xx - u u_x"}, jets(2), sd.Monomials(3, ("t", "x", "u", "u_x", "u_xx")), ["1"]),
    "Kuramoto-Sivashinsky": ("-u_xx - u u_x - u_xxxx", jets(4), sd.Monomials(2, ("t", "x", "u", "u_x", "u_xx")), ["1"]),
    "Klein-Gordon": ("u_tt - u_xx + u", TX, sd.Monomials(2, POINTS), ["u_t", "u_x", "x u_t + t u_x"]),
    "phi^4": ("u_tt - u_xx + u - u^3", TX, sd.Monomials(2, POINTS), ["u_t", "u_x", "x u_t + t u_x"]),
    "damped phi^4": ("u_tt + 0.1 u_t - u_xx + u - u^3", TX, sd.Monomials(2, POINTS), []),
    "BBM": (
        "u_t - u_txx + u_x + u u_x", sd.StateSpace.jets(("t", "x"), order=3, u=1), sd.Monomials(2),
        ["1", "u", "u^2 - 2 u_tx"],
    ),
}  # fmt: skip


def span(texts, space):
    """Multipliers as values at random jets, orthonormal."""
    points = np.random.default_rng(0).normal(size=(60, space.size))
    read = [read_polynomial(text, space.component_names).at(points) for text in texts]
    return np.linalg.qr(np.array(read).reshape(len(texts), 60).T)[0]


@pytest.mark.parametrize("name", KNOWN)
def test_the_known_laws_are_found_and_no_others(name):
    of, space, library, truth = KNOWN[name]
    found = sd.conservation_laws(of, library=library, space=space)
    assert found.exact
    assert len(found) == len(truth)
    assert all(law.defect < 1e-12 and not law.reason for law in found)
    if truth:
        a, b = span(truth, found[0].space), span([law.multipliers[0] for law in found], found[0].space)
        assert np.linalg.norm(b - a @ (a.T @ b)) < 1e-9


def test_densities_and_fluxes_are_constant_along_a_soliton():
    """Independent of the jet calculus: D_t T + D_x X of a solution u(t, x) that is put in by SymPy."""
    found = sd.conservation_laws(KDV, library=KNOWN["KdV"][2], space=jets(3))
    assert [str(law).split(" + d/dx")[0] for law in found] == [
        "d/dt (u)", "d/dt (1/2 u^2)", "d/dt (x u - 1/2 t u^2)", "d/dt (u_x^2 - 1/3 u^3)",
    ]  # fmt: skip
    t, x = sympy.symbols("t x")
    u = 12 * sympy.Rational(1, 4) / sympy.cosh((x - t) / 2) ** 2

    def put_in(expression):
        names = {s: str(s) for s in expression.free_symbols}
        own = {s: u.diff(*n[2:]) if n[1:2] == "_" else u for s, n in names.items() if n[0] == "u"}
        return expression.subs(own)

    for law in found:
        T, X = (put_in(law.to_sympy()[name]) for name in "tx")
        left = sympy.lambdify((t, x), sympy.diff(T, t) + sympy.diff(X, x))
        size = sympy.lambdify((t, x), sympy.diff(X, x))
        for at in ((0.3, 0.9), (1.1, -0.4), (-0.7, 0.2)):
            assert abs(left(*at)) < 1e-10 * max(abs(size(*at)), 1e-3)


def test_a_wrong_flux_would_be_seen():
    law = sd.conservation_laws(KDV, library=sd.Monomials(1), space=jets(3))[1]
    assert law.defect < 1e-12
    with pytest.raises(sd.InputError, match="no symmetry of the action"):
        sd.noether({"t": "t", "x": "x"}, lagrangian="1/2 u_t^2 - 1/2 u_x^2 - 1/2 u^2", space=TX)


def test_linear_laws_have_the_solutions_of_their_adjoint():
    found = sd.conservation_laws("u_xx", library=sd.Monomials(2, ("t", "x", "u", "u_x")), space=jets(2))
    assert [law.multipliers[0] for law in found] == ["1", "x", "2 t - x^2"]
    assert not found.proper
    assert "adjoint" in str(found)


def test_symmetries_of_the_action_give_the_multipliers():
    """The characteristics of the symmetries that are found are the multipliers, where they keep the action."""
    action, law = "1/2 u_t^2 - 1/2 u_x^2 - 1/2 u^2 + 1/4 u^4", "u_tt - u_xx + u - u^3"
    found = sd.find_symmetries(law, space=TX, candidates=1, discrete=False)
    assert found.dimension == 3
    made = [sd.noether(each, lagrangian=action, space=TX) for each in found.generators]
    asked = sd.conservation_laws(law, library=sd.Monomials(2, POINTS), space=TX)
    a, b = (span([each.multipliers[0] for each in laws], laws[0].space) for laws in (asked, made))
    small = span([each.multipliers[0] for each in made], asked[0].space)
    assert a.shape == b.shape == (60, 3)
    assert np.linalg.norm(small - a @ (a.T @ small)) < 1e-9
    assert {str(each).split(" = 0")[0] for each in made} == {str(each).split(" = 0")[0] for each in asked}


def test_the_potential_of_korteweg_de_vries():
    action, space = "1/2 v_t v_x + 1/6 v_x^3 - 1/2 v_xx^2", sd.StateSpace.jets(("t", "x"), order=2, v=1)
    momentum = sd.noether({"x": "1"}, lagrangian=action, space=space)
    energy = sd.noether({"t": "1"}, lagrangian=action, space=space)
    assert str(momentum).startswith("d/dt (1/2 v_x^2) ")
    assert str(energy).startswith("d/dt (1/2 v_xx^2 - 1/6 v_x^3) ")
    galilei = sd.noether({"x": "t", "v": "x"}, lagrangian=action, space=space)
    assert str(galilei).startswith("d/dt (v + 1/2 t v_x^2) ")
    assert max(law.defect for law in (momentum, energy, galilei)) < 1e-12


def test_systems_and_two_dimensions():
    schroedinger = {"u": "-v_xx - u^2 v - v^3", "v": "u_xx + u^3 + u v^2"}
    found = sd.conservation_laws(schroedinger, library=sd.Monomials(3), space=jets(2, u=1, v=1))
    assert found[0].multipliers == ("u", "v")
    assert len(found) == 3  # charge, momentum, energy
    assert str(found[2]).startswith("d/dt (1/2 u_x^2 + 1/2 v_x^2 - 1/4 u^4 - 1/2 u^2 v^2 - 1/4 v^4) ")
    plane = sd.StateSpace.jets(("t", "x", "y"), order=2, u=1)
    library = sd.Monomials(2, ("t", "x", "y", "u", "u_t", "u_x", "u_y"))
    found = sd.conservation_laws("u_tt - u_xx - u_yy + u^3", library=library, space=plane)
    assert len(found) == 6  # the Poincare algebra of 2 + 1 dimensions
    assert found[0].across == ("x", "y")
    assert max(law.defect for law in found) < 1e-12


def test_numbers_that_are_not_rational():
    law = {"u": "-1.234567891011 u u_x - 0.3141592653589 u_xxx"}
    found = sd.conservation_laws(law, library=sd.Monomials(2), space=jets(3))
    assert not found.exact
    assert len(found) == 3
    assert found[2].defect < 1e-10
    broken = {"u": law["u"] + " + 0.0123456789123 u_xx"}
    assert len(sd.conservation_laws(broken, library=sd.Monomials(2), space=jets(3))) == 1


def test_text_and_latex():
    found = sd.conservation_laws({"u": "u_xx - u u_x"}, library=sd.Monomials(1), space=jets(2))
    assert str(found) == "1 conservation law (exact)\n  d/dt (u) + d/dx (-u_x + 1/2 u^2) = 0   (multiplier 1)"
    assert found[0].latex().startswith(r"\partial_{t}\left(u\right) + \partial_{x}\left(")


def test_faults_are_named():
    with pytest.raises(sd.InputError, match="as text"):
        sd.conservation_laws(lambda z: -z[2:3], library=sd.Monomials(1), space=jets(1))
    with pytest.raises(sd.InputError, match="monomials"):
        sd.conservation_laws(KDV, library=sd.Elementary("log"), space=jets(3))
    with pytest.raises(sd.InputError, match="time 's'"):
        sd.conservation_laws("u_tt - u_xx", library=sd.Monomials(1), space=TX, time="s")
    with pytest.raises(sd.InputError, match="densities and fluxes"):
        sd.conserved_quantities(KDV, library=sd.Monomials(1), space=jets(3))
    with pytest.raises(sd.InputError, match="on jets"):
        sd.conservation_laws({"x": "y", "y": "-x"}, library=sd.Monomials(1), space=sd.StateSpace.of(x=1, y=1))
    with pytest.raises(sd.InputError, match="spacetime"):
        sd.noether({"x": "1"}, lagrangian="u_x^2", space=jets(1))
    with pytest.raises(sd.InputError, match="divergence"):
        sd.noether({"x": "1"}, lagrangian="u u_x", space=TX)
    with pytest.raises(sd.InputError, match="no library"):
        sd.noether({"x": "1"}, lagrangian="u_x^2", space=TX, library=sd.Monomials(1))  # pyright: ignore[reportCallIssue]
