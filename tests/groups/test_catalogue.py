"""The named groups: sizes, normalisations and brackets that the books print, finite orders, and wrong arguments."""

import inspect
from math import factorial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symdyn import _errors
from symdyn._types import double_precision
from symdyn.groups import Group, LieAlgebra, catalogue
from symdyn.groups.catalogue import (
    CATALOGUE,
    GL,
    SE,
    SL,
    SO,
    SU,
    Accelerations,
    Aff,
    AntiDeSitter,
    Aristotle,
    Bargmann,
    Carroll,
    Conformal,
    ConformalSpacetime,
    Cube,
    Cyclic,
    CyclicShifts,
    DeSitter,
    Dihedral,
    Galilei,
    Heisenberg,
    Icosahedron,
    Lorentz,
    Mirror,
    NewtonHooke,
    O,
    Parity,
    Permutations,
    Poincare,
    Projective,
    Schroedinger,
    SignPattern,
    Signs,
    Sim,
    Sp,
    T,
    Tetrahedron,
    TimeReversal,
    TimeTranslation,
    TwoDimensionalConformal,
    U,
    Unipotent,
)
from symdyn.groups.catalogue.unitary import as_real, gell_mann

LEVI_CIVITA = np.array([[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)] for i in range(3)])


def bracket(group: Group, a: str, b: str) -> dict[str, float]:
    """The bracket of two generators in the convention of matrices, by label."""
    labels = group.algebra.labels
    found = group.algebra.structure_constants()[labels.index(a), labels.index(b)]
    return {label: float(value) for label, value in zip(labels, found, strict=True) if value}


def rank_with(*algebras: LieAlgebra) -> int:
    """The dimension of the span of the fields of several algebras on the same space."""
    points = np.random.default_rng(0).normal(size=(12, algebras[0].n))
    with double_precision():
        rows = [
            np.concatenate([A.generators[k](jnp.asarray(p)) for p in points])
            for A in algebras
            for k in range(A.dimension)
        ]
    return np.linalg.matrix_rank(np.stack(rows))


def test_the_catalogue_holds_every_group():
    makers = {name for name in catalogue.__all__ if name not in ("CATALOGUE", "beta_plane", "sphere_rotations")}
    names = " ".join(CATALOGUE)
    assert all(f"{name}(" in names for name in makers)
    assert all(isinstance(make(), Group) for make in CATALOGUE.values())
    assert all(inspect.getdoc(getattr(catalogue, name)) for name in makers)


@pytest.mark.parametrize(
    ("make", "sizes", "formula"),
    [
        (T, (1, 2, 5), lambda n: n),
        (SO, (2, 3, 6), lambda n: n * (n - 1) // 2),
        (O, (1, 2, 5), lambda n: n * (n - 1) // 2),
        (SE, (1, 2, 4), lambda n: n * (n + 1) // 2),
        (Sim, (1, 2, 4), lambda n: n * (n + 1) // 2 + 1),
        (GL, (1, 2, 4), lambda n: n * n),
        (SL, (2, 3, 4), lambda n: n * n - 1),
        (Aff, (1, 2, 3), lambda n: n * n + n),
        (Sp, (2, 4, 6), lambda n: n * (n + 1) // 2),
        (U, (1, 2, 3, 4), lambda n: n * n),
        (SU, (2, 3, 4), lambda n: n * n - 1),
        (Aristotle, (1, 2, 3), lambda d: 1 + d * (d + 1) // 2),
        (Galilei, (1, 2, 3, 4), lambda d: 1 + d * (d + 3) // 2),
        (Carroll, (1, 2, 3), lambda d: 1 + d * (d + 3) // 2),
        (NewtonHooke, (1, 2, 3), lambda d: 1 + d * (d + 3) // 2),
        (Schroedinger, (1, 2, 3), lambda d: 3 + d * (d + 3) // 2),
        (Bargmann, (1, 2, 3), lambda d: 2 + d * (d + 3) // 2),
        (Lorentz, (1, 2, 3, 4), lambda d: d * (d + 1) // 2),
        (Poincare, (1, 2, 3), lambda d: (d + 1) * (d + 2) // 2),
        (DeSitter, (1, 2, 3), lambda d: (d + 1) * (d + 2) // 2),
        (AntiDeSitter, (1, 2, 3), lambda d: (d + 1) * (d + 2) // 2),
        (ConformalSpacetime, (1, 2, 3), lambda d: (d + 2) * (d + 3) // 2),
        (Conformal, (1, 2, 3, 4), lambda n: (n + 1) * (n + 2) // 2),
        (Projective, (1, 2, 3), lambda n: n * (n + 2)),
        (Heisenberg, (1, 2, 3), lambda n: 2 * n + 1),
        (Unipotent, (2, 3, 5), lambda n: n * (n - 1) // 2),
        (TwoDimensionalConformal, (-1, 0, 1), lambda order: 2 * (order + 2)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_dimensions(make, sizes, formula):
    assert [make(size).algebra.dimension for size in sizes] == [formula(size) for size in sizes]


def test_bases_and_coordinates():
    assert {make().base for make in (Lorentz, Poincare, TimeTranslation, TimeReversal)} == {"spacetime"}
    assert {Galilei(2).base, Bargmann(1).base, Accelerations(1, 1).base, ConformalSpacetime(2).base} == {"spacetime"}
    assert {U(1).base, SU(2).base, Permutations(3).base, Signs(2).base, Heisenberg(1).base} == {"internal"}
    assert {SO(3).base, Cyclic(3).base, Cube().base, Conformal(2).base, Sp(2).base} == {"space"}
    assert (Galilei(3).algebra.n, Bargmann(3).algebra.n, U(3).algebra.n, NewtonHooke(3).algebra.n) == (4, 5, 6, 6)


def test_rotations_boosts_and_their_brackets_in_spacetime():
    c = Lorentz(3).algebra.structure_constants()  # J_x, J_y, J_z, K_x, K_y, K_z
    np.testing.assert_allclose(c[:3, :3, :3], LEVI_CIVITA, atol=1e-14)
    np.testing.assert_allclose(c[:3, 3:, 3:], LEVI_CIVITA, atol=1e-14)
    np.testing.assert_allclose(c[3:, 3:, :3], -LEVI_CIVITA, atol=1e-14)
    assert not c[:3, :3, 3:].any()
    assert not c[3:, 3:, 3:].any()
    K = Lorentz(3).algebra.matrices.array[3:]
    assert all(K[i, 0, i + 1] == K[i, i + 1, 0] == 1 and np.abs(K[i]).sum() == 2 for i in range(3))


@pytest.mark.parametrize("c", [0.5, 2.0, 299792.458, 299792458.0])
def test_the_speed_of_light_is_explicit(c):
    for group in (Lorentz(3, c=c), Poincare(3, c=c), ConformalSpacetime(3, c=c)):
        assert bracket(group, "boost_x", "boost_y") == {"rotation_z": pytest.approx(-1 / c**2)}
    metric = np.diag([c**2, -1, -1, -1])
    for K in Lorentz(3, c=c).algebra.matrices:
        np.testing.assert_allclose(K.T @ metric + metric @ K, 0, atol=1e-12)


def test_fast_light_gives_galilei_and_slow_light_carroll():
    np.testing.assert_allclose(Poincare(3, c=1e9).algebra.matrices, Galilei(3).algebra.matrices, atol=1e-17)
    assert Poincare(3).algebra.labels == Galilei(3).algebra.labels == Carroll(3).algebra.labels
    assert bracket(Galilei(3), "boost_x", "boost_y") == bracket(Carroll(3), "boost_x", "boost_y") == {}


def test_brackets_of_nonrelativistic_groups():
    assert bracket(Galilei(3), "boost_y", "translation_t") == {"translation_y": 1.0}
    assert bracket(Galilei(3), "boost_y", "translation_y") == {}
    assert bracket(Galilei(3), "rotation_x", "boost_y") == {"boost_z": 1.0}
    assert bracket(Carroll(3), "boost_y", "translation_y") == {"translation_t": 1.0}
    assert bracket(Carroll(3), "boost_y", "translation_t") == {}
    assert bracket(Bargmann(3), "boost_y", "translation_y") == {"translation_s": 1.0}
    assert bracket(Bargmann(3), "boost_y", "translation_x") == {}
    s = Schroedinger(3)
    assert bracket(s, "dilation", "translation_t") == {"translation_t": 2.0}
    assert bracket(s, "dilation", "expansion") == {"expansion": -2.0}
    assert bracket(s, "expansion", "translation_t") == {"dilation": 1.0}
    assert bracket(s, "expansion", "translation_x") == {"boost_x": 1.0}
    swing, drift = NewtonHooke(2, 3.0), NewtonHooke(2, 3.0, expanding=True)
    assert bracket(swing, "evolution", "boost_x") == {"translation_x": 1.0}
    assert bracket(swing, "evolution", "translation_x") == {"boost_x": -9.0}
    assert bracket(drift, "evolution", "translation_x") == {"boost_x": 9.0}


def test_the_center_of_bargmann_commutes_with_all():
    algebra = Bargmann(3).algebra
    assert not algebra.structure_constants()[algebra.labels.index("translation_s")].any()


def test_de_sitter_is_curved_and_flat_in_the_limit():
    for sign, make in ((1.0, DeSitter), (-1.0, AntiDeSitter)):
        space = make(3, radius=2.0)
        assert bracket(space, "translation_x", "translation_y") == {"rotation_z": pytest.approx(sign / 4)}
        assert bracket(space, "translation_t", "translation_x") == {"boost_x": pytest.approx(-sign / 4)}
        flat = make(3, radius=1e9).algebra.structure_constants()
        np.testing.assert_allclose(flat, Poincare(3).algebra.structure_constants(), atol=1e-12)


@pytest.mark.parametrize(("make", "sign"), [(DeSitter, -1.0), (AntiDeSitter, 1.0)])
def test_de_sitter_keeps_its_metric(make, sign):
    """L_xi g = xi(g) + D xi' g + g D xi = 0 for g = eta / (1 + sign x^2 / 4 R^2)^2."""
    R, c = 1.5, 2.0
    eta = jnp.diag(jnp.array([c**2, -1.0, -1.0, -1.0]))
    with double_precision():
        x = jnp.array([0.3, -0.4, 0.7, 0.2])

        def g(x):
            return eta / (1 + sign * (x @ eta @ x) / (4 * R**2)) ** 2

        algebra = make(3, radius=R, c=c).algebra
        for k in range(algebra.dimension):
            field = algebra.generators[k]
            D = jax.jacfwd(field)(x)
            change = jax.jvp(g, (x,), (field(x),))[1] + D.T @ g(x) + g(x) @ D
            np.testing.assert_allclose(np.asarray(change), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("group", "metric"),
    [
        (Conformal(3), [1, 1, 1]),
        (Conformal(2), [1, 1]),
        (ConformalSpacetime(3), [1, -1, -1, -1]),
        (ConformalSpacetime(2, c=3.0), [9, -1, -1]),
        (SO(4), None),
        (SO(1, 3), None),
        (SO(2, 3), None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_conformal_maps_scale_the_metric_and_rotations_keep_it(group, metric):
    n = group.algebra.n
    p = {"SO(4)": 4, "SO(1, 3)": 1, "SO(2, 3)": 2}.get(group.name)
    eta = np.diag(np.array([1.0] * p + [-1.0] * (n - p) if metric is None else metric, float))
    with double_precision():
        x = jnp.asarray(np.random.default_rng(1).normal(size=n))
        for k in range(group.algebra.dimension):
            D = np.asarray(jax.jacfwd(group.algebra.generators[k])(x))
            change = D.T @ eta + eta @ D
            scale = 0.0 if metric is None else 2 * np.trace(D) / n
            np.testing.assert_allclose(change, scale * eta, atol=1e-11)
    for g in group.elements:
        np.testing.assert_allclose(g.T @ eta @ g, eta, atol=1e-14)


def test_the_special_conformal_field_is_a_translation_between_inversions():
    with double_precision():
        x, a = jnp.array([0.3, -0.7, 1.1]), jnp.array([0.0, 1.0, 0.0])

        def moved(s):
            y = x / (x @ x) - s * a
            return y / (y @ y)

        expected = jax.jvp(moved, (0.0,), (1.0,))[1]
        algebra = Conformal(3).algebra
        found = algebra.generators[algebra.labels.index("special_y")](x)
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-12)


def test_projective_maps_keep_straight_lines():
    """Every field maps the lines x(s) = p + s v to curves whose acceleration stays along v."""
    with double_precision():
        p, v = jnp.array([0.2, -0.5]), jnp.array([1.0, 0.4])
        algebra = Projective(2).algebra
        for k in range(algebra.dimension):
            field = algebra.generators[k]
            bend = jax.jvp(lambda s, f=field: jax.jvp(lambda r: f(p + r * v), (s,), (1.0,))[1], (0.0,), (1.0,))[1]
            assert abs(float(bend[0] * v[1] - bend[1] * v[0])) < 1e-12


def test_groups_that_are_the_same():
    for a, b, size in [
        (TwoDimensionalConformal(1), Conformal(2), 6),
        (TwoDimensionalConformal(0), Sim(2), 4),
        (Sp(2), SL(2), 3),
        (U(1), SO(2), 1),
        (Unipotent(3), Heisenberg(1), 3),
        (Projective(1), Conformal(1), 3),
        (Accelerations(2, 1) + _without(Galilei(2), "boost", "translation_x", "translation_y"), Galilei(2), 6),
    ]:
        assert a.algebra.dimension == b.algebra.dimension == size
        assert rank_with(a.algebra, b.algebra) == size
    assert len(Dihedral(4).closure()) == len(Signs(2).closure()) * len(Permutations(2).closure())


def _without(group: Group, *starts: str) -> Group:
    keep = [k for k, label in enumerate(group.algebra.labels) if not label.startswith(starts)]
    algebra = LieAlgebra("part", group.algebra.generators[keep], tuple(group.algebra.labels[k] for k in keep))
    return Group("part", algebra, base=group.base)


def test_the_unitary_generators_are_pauli_and_gell_mann():
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    np.testing.assert_allclose(gell_mann(2), pauli)
    np.testing.assert_allclose(gell_mann(3)[7], np.diag([1, 1, -2]) / np.sqrt(3))
    for n in (2, 3, 4):
        overlap = np.einsum("aij,bji->ab", gell_mann(n), gell_mann(n))
        np.testing.assert_allclose(overlap, 2 * np.eye(n * n - 1), atol=1e-13)
    np.testing.assert_allclose(SU(2).algebra.matrices, as_real(-0.5j * pauli))
    np.testing.assert_allclose(SU(2).algebra.structure_constants(), LEVI_CIVITA, atol=1e-14)


def test_the_structure_constants_of_su3_are_those_of_gell_mann():
    f = np.zeros((8, 8, 8))
    half, root = 0.5, np.sqrt(3) / 2
    table = {(1, 2, 3): 1.0, (1, 4, 7): half, (1, 5, 6): -half, (2, 4, 6): half, (2, 5, 7): half}
    table |= {(3, 4, 5): half, (3, 6, 7): -half, (4, 5, 8): root, (6, 7, 8): root}
    for (a, b, c), value in table.items():
        for (i, j, k), sign in (
            ((a, b, c), 1),
            ((b, c, a), 1),
            ((c, a, b), 1),
            ((b, a, c), -1),
            ((a, c, b), -1),
            ((c, b, a), -1),
        ):
            f[i - 1, j - 1, k - 1] = sign * value
    np.testing.assert_allclose(SU(3).algebra.structure_constants(), f, atol=1e-13)


def test_unitary_generators_act_as_complex_matrices():
    z = np.array([0.3 - 1j, 2.0 + 0.5j, -0.7j])
    for real, hermitian in zip(SU(3).algebra.matrices, gell_mann(3), strict=True):
        moved = real @ np.concatenate([z.real, z.imag])
        np.testing.assert_allclose(moved[:3] + 1j * moved[3:], -0.5j * hermitian @ z, atol=1e-14)
    phase = U(3).algebra.matrices[0] @ np.concatenate([z.real, z.imag])
    np.testing.assert_allclose(phase[:3] + 1j * phase[3:], 1j * z)


def test_symplectic_generators_are_flows_of_their_hamiltonians():
    group = Sp(4)
    omega = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
    for S in group.algebra.matrices:
        np.testing.assert_allclose(S.T @ omega + omega @ S, 0)
    q1, q2, p1, p2 = x = np.array([0.3, -1.2, 0.7, 2.0])
    flow = dict(zip(group.algebra.labels, group.algebra.matrices @ x, strict=True))
    np.testing.assert_allclose(flow["flow_q1_p2"], [0, q1, -p2, 0])  # H = q1 p2
    np.testing.assert_allclose(flow["flow_p1_p1"], [p1, 0, 0, 0])  # H = p1^2 / 2
    np.testing.assert_allclose(flow["flow_q1_q2"], [0, 0, -q2, -q1])  # H = q1 q2
    assert q2 == -1.2
    assert p2 == 2.0


def test_heisenberg_has_one_center():
    group = Heisenberg(3)
    assert bracket(group, "x_2", "y_2") == {"center": 1.0}
    assert bracket(group, "x_2", "y_1") == bracket(group, "x_2", "center") == {}


def test_accelerations_extend_galilei():
    group = Galilei(2) + Accelerations(2, 3, least=2)
    assert bracket(group, "acceleration_y", "translation_t") == {"boost_y": 2.0}
    assert bracket(group, "power_3_x", "translation_t") == {"acceleration_x": 3.0}
    with pytest.raises(_errors.InputError, match="linearly dependent"):
        Galilei(2) + Accelerations(2, 2)


@pytest.mark.parametrize(
    ("group", "order"),
    [
        *((Cyclic(n), n) for n in (2, 3, 4, 5, 7, 12)),
        *((Dihedral(n), 2 * n) for n in (1, 2, 3, 4, 5, 6)),
        *((Permutations(n), factorial(n)) for n in (2, 3, 4, 5)),
        *((CyclicShifts(n), n) for n in (2, 3, 6)),
        *((Signs(n), 2**n) for n in (1, 2, 4)),
        (SignPattern((1, -1)), 2),
        (SignPattern((1, 1)), 1),
        (Cube(), 48),
        (Cube(full=False), 24),
        (Tetrahedron(), 24),
        (Tetrahedron(full=False), 12),
        (Icosahedron(), 120),
        (Icosahedron(full=False), 60),
        (Parity(2), 2),
        (Mirror(3, 2), 2),
        (TimeReversal(), 2),
        (O(1), 2),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_finite_orders(group, order):
    assert group.closure().shape == (order, group.algebra.n, group.algebra.n)


def test_solids_keep_their_corners():
    golden = (1 + np.sqrt(5)) / 2
    icosahedron = {tuple(np.roll([0, a, b * golden], k)) for a in (1, -1) for b in (1, -1) for k in range(3)}
    tetrahedron = {(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)}
    for group, corners in ((Icosahedron(), icosahedron), (Tetrahedron(), tetrahedron)):
        known = {tuple(np.round(c, 8) + 0.0) for c in corners}
        for g in group.closure():
            assert {tuple(np.round(g @ np.array(c), 8) + 0.0) for c in corners} == known
    assert all(np.linalg.det(g) > 0 for g in Icosahedron(full=False).closure())


def test_entries_that_are_whole_numbers_are_exact():
    for group in (Cyclic(2), Cyclic(4), Dihedral(4), Cube(), Tetrahedron()):
        assert all(value in (-1.0, 0.0, 1.0) for value in group.elements.array.ravel())
    assert Cyclic(6).elements.array[0, 0, 0] == 0.5


def test_groups_describe_themselves():
    assert Schroedinger(1, parity=True).describe().splitlines() == [
        "Schroedinger(1) on (t, x)",
        "  translation_t: d_t",
        "  translation_x: d_x",
        "  boost_x: t d_x",
        "  dilation: 2 t d_t + x d_x",
        "  expansion: t^2 d_t + t x d_x",
        "  parity: (t, x) -> (t, -x)",
    ]
    assert Sp(2).describe(("q", "p")).splitlines()[1:] == [
        *("  flow_q_q: -q d_p", "  flow_q_p: q d_q - p d_p", "  flow_p_p: p d_q")
    ]
    assert Conformal(2).describe().splitlines()[-1] == "  special_y: 2 x y d_x + (-x^2 + y^2) d_y"
    assert DeSitter(1, radius=2.0).describe().splitlines()[1].endswith("(1 - 1/16 t^2 - 1/16 x^2) d_t - 1/8 t x d_x")
    assert Lorentz(1, c=299792.458).describe().splitlines()[1] == "  boost_x: 1.11265e-11 x d_t + t d_x"
    assert "x4 d_x1" in SU(2).describe()
    for wrong in (("x",), "xy", ("x", "y", "z")):
        with pytest.raises(_errors.InputError, match="lives on 2 coordinates and needs as many names"):
            SO(2).describe(wrong)


def test_discrete_groups_join():
    assert len((Cyclic(3) + Mirror(2, 1)).closure()) == 6
    assert len((Cyclic(3) * Signs(2)).closure()) == 12
    assert (SO(3) * U(1)).algebra.labels == ("rotation_x", "rotation_y", "rotation_z", "phase")
    assert (SO(3) + Parity(3)).labels == ("parity",)


def test_mirrors_of_spacetime():
    group = Poincare(3, parity=True, time_reversal=True)
    np.testing.assert_array_equal(group.elements[0], np.diag([1, -1, -1, -1]))
    np.testing.assert_array_equal(group.elements[1], np.diag([-1, 1, 1, 1]))
    assert np.linalg.det(Galilei(2, parity=True).elements[0]) == -1  # in even dimensions x -> -x is a rotation


def test_a_shift_moves_each_value_to_the_next_place():
    np.testing.assert_array_equal(CyclicShifts(4).elements[0] @ [1, 2, 3, 4], [4, 1, 2, 3])
    np.testing.assert_array_equal(Permutations(4).elements[0] @ [1, 2, 3, 4], [2, 1, 3, 4])


def of(name, axes, **fields):
    return LieAlgebra.of_fields(name, axes, fields)


EQUATIONS = {
    "burgers": of(
        *("burgers", ("t", "x", "u")),
        translation_x={"x": "1"},
        boost={"x": "t", "u": "1"},
        translation_t={"t": "1"},
        scaling={"t": "-2 t", "x": "-x", "u": "u"},
        projection={"t": "t^2", "x": "t x", "u": "x - t u"},
    ),
    "heat": of(
        *("heat", ("t", "x", "u")),
        translation_x={"x": "1"},
        translation_t={"t": "1"},
        amplitude={"u": "u"},
        scaling={"t": "2 t", "x": "x"},
        boost={"x": "2 t", "u": "-x u"},
        projection={"t": "4 t^2", "x": "4 t x", "u": "-x^2 u - 2 t u"},
    ),
    "kdv": of(
        *("kdv", ("t", "x", "u")),
        translation_x={"x": "1"},
        translation_t={"t": "1"},
        boost={"x": "t", "u": "1"},
        scaling={"t": "3 t", "x": "x", "u": "-2 u"},
    ),
    "kuramoto-sivashinsky": of(
        *("ks", ("t", "x", "u")), translation_x={"x": "1"}, translation_t={"t": "1"}, boost={"x": "t", "u": "1"}
    ),
}


@pytest.mark.parametrize(
    ("name", "dimension", "derived", "killing"),
    [
        ("burgers", 5, 5, (2, 1, 2)),  # sl(2) and two translations: perfect
        ("heat", 6, 6, (2, 1, 3)),  # sl(2) and the Heisenberg algebra
        ("kdv", 4, 3, (1, 0, 3)),  # solvable
        ("kuramoto-sivashinsky", 3, 1, (0, 0, 3)),  # the Heisenberg algebra
    ],
)
def test_algebras_of_known_equations(name, dimension, derived, killing):
    algebra = EQUATIONS[name]
    c = algebra.structure_constants()
    assert algebra.dimension == dimension
    assert np.linalg.matrix_rank(c.reshape(-1, dimension)) == derived
    values = np.linalg.eigvalsh(np.einsum("ikl,jlk->ij", c, c))
    assert ((values > 1e-9).sum(), (values < -1e-9).sum(), (np.abs(values) <= 1e-9).sum()) == killing


def test_the_weights_of_kdv_are_3_1_minus_2():
    algebra = EQUATIONS["kdv"]
    found = algebra.structure_constants("field")[:, algebra.labels.index("scaling")]
    np.testing.assert_allclose(np.diag(found), [1, 3, -2, 0])
