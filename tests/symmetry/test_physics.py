"""Laws of physics that a symmetry singles out: what `enforce` must find by name."""

import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn._types import Variable
from symdyn.testing import assert_equivariant

LINE = sd.StateSpace.jets(("x",), order=3, time="t", u=1)


def named(found, terms, k=None):
    """Coefficients by term: of the offset, or of basis element k."""
    values = (found.offset.array if k is None else found.basis.array[k])[:, 0]
    return {name: c for name, c in zip(terms.names, values, strict=True) if c}


def members(found, terms):
    return [named(found, terms, k) for k in range(found.dimension)]


def test_galilei_fixes_the_convective_coefficient_of_burgers_and_kdv():
    library = sd.Monomials(2)
    action = sd.Galilei(1).acting_on(u=sd.Velocity)
    found = sd.enforce(library, action, space=LINE, targets="u")
    assert found.exact
    assert named(found, library.on(LINE)) == {"u u_x": -1.0}
    without_u = {n for n in library.on(LINE).names if "u " not in n and n not in ("u", "u^2")}
    assert {next(iter(m)) for m in members(found, library.on(LINE))} == without_u
    assert "u_t: -u u_x" in found.describe(library.on(LINE), "u_t")


def test_the_scalings_of_kdv_leave_its_two_terms():
    scaling = sd.Scaling().acting_on(x=sd.Weight(1), t=sd.Weight(3), u=sd.Weight(-2))
    library = sd.Monomials(2)
    found = sd.enforce(library, sd.Galilei(1).acting_on(u=sd.Velocity) + scaling, space=LINE, targets="u")
    assert named(found, library.on(LINE)) == {"u u_x": -1.0}
    assert members(found, library.on(LINE)) == [{"u_xxx": 1.0}]


def test_a_boost_on_trajectories_brings_its_translation():
    space = sd.StateSpace.of(x=3, v=3)
    action = sd.Galilei(3).acting_on(x=sd.Place, v=sd.Velocity)
    library = sd.Monomials(2)
    found = sd.enforce(library, action, space=space, targets=("x", "v"))
    assert found.dimension == 0
    assert found.describe(library.on(space), space.component_names).count("v_") == 3
    pair = sd.StateSpace((Variable("x", ("body", "axis"), (("a", "b"), ("x", "y", "z"))),))
    forces = sd.enforce(sd.Monomials(1), sd.Galilei(3).acting_on(x=sd.Place), space=pair, targets="x", order=2)
    assert forces.dimension == 2  # x_a - x_b for each body


def test_navier_stokes_in_the_plane():
    """Incompressible flow: Galilei and the shift of pressure leave convection, pressure gradient and viscosity."""
    space = sd.StateSpace.jets(("x", "y"), order=2, time="t", w=2, p=1)
    gauge = sd.Action.polynomial({"gauge": {"p": "1"}})
    action = sd.Galilei(2, parity=False).acting_on(w=sd.Velocity, p=sd.Scalar) + gauge
    library = sd.Monomials(2, variables=("w", "w_dx", "w_dy", "p", "p_x", "p_y")) + sd.Monomials(
        1, variables=("w_dxx", "w_dxy", "w_dyy"), bias=False
    )
    terms = library.on(space)
    found = sd.enforce(library, action, space=space, targets="w")
    assert found.exact
    convection = {"w_x w_dx_x", "w_y w_dy_x"}
    fixed = {n: c for n, c in zip(terms.names, found.offset.array[:, 0], strict=True) if c}
    assert fixed == dict.fromkeys(convection, -1.0)
    # linear terms: grad p and its turn, the two Laplacian-like vectors and their turns
    linear = [b for b in found.basis.array if not any(b[i].any() for i, n in enumerate(terms.names) if " " in n)]
    texts = [named_vector(b, terms) for b in linear]
    assert {"p_x": 1.0} in [t[0] for t in texts]
    weights = np.random.default_rng(0).normal(size=found.dimension)
    xi = found.expand(weights)
    assert_equivariant(lambda x: jnp.tensordot(xi, terms(x), axes=((0,), (0,))), action, space, "w", rtol=1e-10)


def named_vector(values, terms):
    return [{n: c for n, c in zip(terms.names, column, strict=True) if c} for column in values.T]


def test_the_rotation_of_the_planet_is_an_axial_parameter():
    """Coriolis: with Omega as a variable that turns along, O(3) leaves Omega x v, and parity asks Omega to be axial."""
    space = sd.StateSpace.of(v=3, omega=3)
    library = sd.Monomials(2)
    axial, polar = (
        sd.enforce(library, sd.O(3).acting_on(v=sd.Vector, omega=rep), space=space, targets="v")
        for rep in (sd.Axial, sd.Vector)
    )
    terms = library.on(space)
    texts = [named(axial, terms, k) for k in range(axial.dimension)]
    assert {"v_y omega_z": 1.0, "v_z omega_y": -1.0} in texts
    assert (axial.dimension, polar.dimension) == (2, 2)  # v and v x omega; v and omega
    assert all("v_y omega_z" not in named(polar, terms, k) for k in range(2))


def test_lorentz_scalars_of_a_scalar_field():
    space = sd.StateSpace.jets(("t", "x", "y", "z"), order=2, u=1)
    library = sd.Monomials(2)
    found = sd.enforce(library, sd.Poincare(3).acting_on(u=sd.Scalar), space=space, values=sd.Scalar)
    # 1, u, u^2, box u, u box u, (du)^2, (box u)^2 and u_mn u^mn
    assert found.dimension == 8
    box = {"u_tt": 1.0, "u_xx": -1.0, "u_yy": -1.0, "u_zz": -1.0}
    assert box in members(found, library.on(space))


def test_klein_gordon_from_samples_by_the_implicit_form():
    """box u = -m^2 u - g u^3 regressed with the left-hand side chosen among the invariants."""
    space = sd.StateSpace.jets(("t", "x"), order=2, u=1)
    library = (
        sd.Monomials(3, variables=("u",))
        + sd.Monomials(2, variables=("u_t", "u_x"))
        + sd.Monomials(1, variables=("u_tt", "u_tx", "u_xx"))
    )
    terms = library.on(space)
    invariants = sd.enforce(library, sd.Poincare(1).acting_on(u=sd.Scalar), space=space, values=sd.Scalar)
    law = invariants.solved_for("u_tt", terms)
    assert named(law, terms) == {"u_tt": 1.0, "u_xx": -1.0}
    rng = np.random.default_rng(0)
    jets = rng.normal(size=(200, space.size))
    u, u_xx = (jets[:, space.slice(n)][:, 0] for n in ("u", "u_xx"))
    jets[:, space.slice("u_tt")] = (u_xx - 2.0 * u - 0.5 * u**3)[:, None]
    theta = np.stack([np.asarray(terms(jnp.asarray(j))) for j in jets]).astype(float)
    design = theta @ law.basis.array.reshape(law.dimension, -1).T
    weights, *_ = np.linalg.lstsq(design, -theta @ law.offset.array.ravel(), rcond=None)
    fitted = {next(iter(m)): w for m, w in zip(members(law, terms), weights, strict=True) if abs(w) > 1e-3}
    assert fitted.keys() == {"u", "u^3"}
    np.testing.assert_allclose([fitted["u"], fitted["u^3"]], [2.0, 0.5], rtol=1e-4)


@pytest.mark.parametrize(("group", "counts"), [(sd.SO(3), (1, 0, 1, 1, 3)), (sd.O(3), (1, 0, 1, 0, 3))], ids=str)
def test_isotropic_tensors(group, counts):
    """delta, epsilon and the three products of two deltas (Weyl 1946): constants of each rank."""
    space = sd.StateSpace.of(a=3)
    for rank, count in enumerate(counts):
        action, values = group.acting_on(a=sd.Vector), sd.Tensor(rank, 0) if rank else sd.Scalar
        if not count:
            with pytest.raises(sd.InputError, match="no combination"):
                sd.enforce(sd.Monomials(0), action, space=space, values=values)
        else:
            assert sd.enforce(sd.Monomials(0), action, space=space, values=values).dimension == count


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_isotropic_tensors_of_the_second_derivatives(rank):
    """Tensors of rank k linear in the Hessian of a scalar are isotropic tensors of rank k + 2, symmetric in two."""
    space = sd.StateSpace.jets(("x", "y", "z"), order=2, time="t", u=1)
    library = sd.Monomials(1, variables=("u_xx", "u_xy", "u_xz", "u_yy", "u_yz", "u_zz"), bias=False)
    values = sd.Tensor(rank, 0) if rank else sd.Scalar
    action = sd.SO(3).acting_on(u=sd.Scalar)
    if not characters(rank):
        with pytest.raises(sd.InputError, match="no combination"):
            sd.enforce(library, action, space=space, values=values)
    else:
        assert sd.enforce(library, action, space=space, values=values).dimension == characters(rank)


def characters(rank):
    """How often V^rank (x) Sym^2 V holds the trivial representation of SO(3), by the integral over rotation angles."""
    angle = (np.arange(4096) + 0.5) * np.pi / 4096
    vector, symmetric = 1 + 2 * np.cos(angle), 1 + 1 + 2 * np.cos(angle) + 2 * np.cos(2 * angle)
    return round(float(np.mean(vector**rank * symmetric * (1 - np.cos(angle)))))


def test_maxwell_is_the_covariant_first_order_law_of_the_field_tensor():
    """The 4-vectors linear in dF: div F, and with it the dual one where mirrors are not asked for."""
    space = sd.StateSpace.jets(("t", "x", "y", "z"), order=1, F=6)
    library = sd.Monomials(1, variables=tuple(f"F_d{c}" for c in "txyz"), bias=False)
    terms = library.on(space)
    tensor = sd.Tensor(2, 0, "antisymmetric")
    turned, mirrored = (
        sd.enforce(library, group.acting_on(F=tensor), space=space, values=sd.Vector)
        for group in (sd.Lorentz(3), sd.Lorentz(3, parity=True))
    )
    assert (turned.dimension, mirrored.dimension) == (2, 1)
    assert mirrored.exact
    entries = {(i, j): k for k, (i, j) in enumerate([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])}

    def divergence(nu):  # d_mu F^(mu nu), the derivative a covector, so without a sign
        out = {}
        for mu, c in enumerate("txyz"):
            if mu != nu:
                k, sign = (entries[mu, nu], 1.0) if mu < nu else (entries[nu, mu], -1.0)
                out[f"F_d{c}_{k}"] = sign
        return out

    columns = named_vector(mirrored.basis.array[0], terms)
    sign = columns[0]["F_dx_0"] / divergence(0)["F_dx_0"]
    assert [{n: sign * c for n, c in column.items()} for column in columns] == [divergence(nu) for nu in range(4)]


def test_a_generator_that_is_not_affine_in_the_law_says_so():
    hodograph = sd.Action.polynomial({"swap": {"x": "u", "u": "-x"}})
    with pytest.raises(sd.InputError, match="'swap' moves the coordinates in dependence of the fields"):
        sd.enforce(sd.Monomials(2), hodograph, space=LINE, targets="u")
    with pytest.raises(sd.InputError, match="use the jets of spacetime"):
        sd.enforce(sd.Monomials(2), sd.Lorentz(1).acting_on(u=sd.Scalar), space=LINE, targets="u")
    with pytest.raises(sd.InputError, match="SO\\(3\\) moves 3 coordinates of space, and the field has x"):
        sd.enforce(sd.Monomials(2), sd.SO(3).acting_on(u=sd.Scalar), space=LINE, targets="u")


def test_contractions_with_delta_epsilon_and_a_spurion():
    """Isotropic terms of a fluid that turns: what delta and epsilon make of u, the pressure gradient and the rotation.

    Vectors up to degree 2: u, dp, omega x u, omega x dp; without mirrors omega and u x dp as well. Symmetric traceless
    tensors: u u, u dp, dp dp, omega omega; without mirrors u omega and dp omega as well.
    """
    space, library = sd.StateSpace.of(u=3, dp=3, omega=3), sd.Monomials(2)
    traceless = sd.Tensor(0, 2, "traceless")
    for group, vectors, tensors in ((sd.O(3), 4, 4), (sd.SO(3), 6, 6)):
        action = group.acting_on(u=sd.Vector, dp=sd.Vector, omega=sd.Axial)
        assert sd.enforce(library, action, space=space, targets="u").dimension == vectors
        assert sd.enforce(library, action, space=space, values=traceless).dimension == tensors
    static = sd.O(3).acting_on(u=sd.Vector, dp=sd.Vector, omega=sd.Axial)
    terms = library.on(space)
    coriolis = np.zeros((terms.size, 3))
    for k, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        for sign, a, b in ((1, i, j), (-1, j, i)):
            coriolis[terms.names.index(f"u_{'xyz'[b]} omega_{'xyz'[a]}"), k] = sign
    assert sd.enforce(library, static, space=space, targets="u").contains(coriolis)
