"""Laws that every representation obeys under the groups for which it is made, and checks by other means."""

from collections.abc import Callable
from math import factorial

import numpy as np
import pytest
import scipy.linalg
import sympy

from symdyn.groups import catalogue
from symdyn.groups.polynomial import Polynomial, concatenated
from symdyn.groups.representations import (
    AbstractLinear,
    Adjoint,
    Alt,
    Axial,
    Block,
    Complex,
    Covector,
    Density,
    PhaseSpace,
    Place,
    Point,
    Pseudoscalar,
    Scalar,
    Spatial,
    Spin,
    Spinor,
    Sym,
    Tensor,
    TimeOdd,
    Vector,
    Velocity,
    Wavefunction,
    Weight,
)

# How to draw a matrix of the algebra, and representatives of the components of the group


def _linear(n: int):
    return lambda rng: rng.normal(size=(n, n)) * 0.6


def _conformal(n: int):
    def draw(rng):
        A = rng.normal(size=(n, n))
        return A - A.T + rng.normal() * np.eye(n)

    return draw


def _lorentz(c: float = 1.0):
    def draw(rng):
        A = np.zeros((4, 4))
        A[1:, 0] = rng.normal(size=3)
        A[0, 1:] = A[1:, 0] / c**2
        A[1:, 1:] = _conformal(3)(rng)
        return A + rng.normal() * np.eye(4) - np.trace(A[1:, 1:]) / 3 * np.diag([0.0, 1, 1, 1])

    return draw


def _galilei(rng):
    A = np.zeros((4, 4))
    A[0, 0], A[1:, 0], A[1:, 1:] = rng.normal(), rng.normal(size=3), _conformal(3)(rng)
    return A


def _traceless(draw):
    def without(rng):
        A = draw(rng)
        return A - np.trace(A) / len(A) * np.eye(len(A))

    return without


def _product(rng):
    return scipy.linalg.block_diag(_linear(2)(rng), _traceless(_conformal(2))(rng))


MIRROR = [np.eye(2), np.diag([1.0, -1.0])]
ORTHOGONAL = [np.eye(3), np.diag([-1.0, 1, 1]), -np.eye(3)]
SPACETIME = [np.diag([t, x, x, x]) for t in (1.0, -1.0) for x in (1.0, -1.0)]
GROUPS: dict[str, tuple[Callable, list[np.ndarray]]] = {
    "GL(2)": (_linear(2), MIRROR),
    "GL(3)": (_linear(3), ORTHOGONAL),
    "CO(2)": (_conformal(2), MIRROR),
    "CO(3)": (_conformal(3), ORTHOGONAL),
    "SO(3)": (_traceless(_conformal(3)), [np.eye(3)]),
    "CO(1, 3)": (_lorentz(), SPACETIME),
    "CO(1, 3), no parity": (_lorentz(), [np.eye(4), np.diag([-1.0, 1, 1, 1])]),
    "CO(1, 3), c = 3": (_lorentz(3.0), SPACETIME),
    "Galilei": (_galilei, SPACETIME),
    "GL(2) x U(1)": (_product, [np.eye(4), np.diag([1.0, 1, 1, -1])]),
    "SU(3)": (
        lambda rng: np.tensordot(rng.normal(size=8), catalogue.SU(3).algebra.matrices.array, 1),
        [np.diag([1.0, 1, 1, -1, -1, -1])],
    ),
}

NATURAL = [
    *(Scalar, Pseudoscalar, Vector, Covector, Weight(2), Weight(-0.5), Density(1), Density(1 / 3), Tensor(0, 0)),
    *(Tensor(1, 1), Tensor(2), Tensor(0, 2, "symmetric"), Tensor(3, 0, "symmetric"), Tensor(2, 0, "antisymmetric")),
    *(Sym(Vector + Scalar, 2), Alt(Vector * Density(1), 2), Vector * Weight(2), Vector * Pseudoscalar, Covector**2),
    *((Vector + Scalar) * Covector, 2 * Vector + Weight(1), Sym(Covector, 2).dual),
]
PAIR = [Spin(0), Spin(1), Spin(3), Complex(-1), Vector * Complex(2), Tensor(3, 0, "traceless")]
MULTIPLET = [Spin(0), Spin(1), Spin(2), Spin(4), Spinor("pauli"), Tensor(3, 0, "traceless"), Tensor(0, 2, "traceless")]
MULTIPLET += [Spin(2) * Weight(1), Sym(Spin(1), 2), Spinor("pauli") * Vector]
LORENTZ = [Spinor("dirac"), Tensor(2, 0, "traceless", "lorentz"), Tensor(0, 3, "traceless", "lorentz")]
LORENTZ += [Tensor(0, 2, "antisymmetric"), TimeOdd(Vector), TimeOdd(Pseudoscalar), Spinor("dirac").dual]
LORENTZ += [Spinor("dirac") * Vector * Weight(-1.5)]
GALILEI = [Spatial(Vector), Spatial(Spin(2)), Spatial(Spinor("pauli")), TimeOdd(Spatial(Axial)), Spatial(Density(1))]
GALILEI += [Block(Density(1), 0, 1), TimeOdd(Scalar), Vector]
LINEAR = [
    *((rep, name) for name in ("GL(2)", "GL(3)") for rep in NATURAL),
    *((rep, "GL(3)") for rep in (Axial, Axial.dual, Alt(Axial, 2))),
    *((rep, "CO(2)") for rep in PAIR),
    *((rep, "CO(3)") for rep in MULTIPLET),
    *((rep, "CO(1, 3)") for rep in LORENTZ),
    *((Spinor(kind), "CO(1, 3), no parity") for kind in ("weyl_left", "weyl_right")),
    *(
        (rep, "CO(1, 3), c = 3")
        for rep in (Spinor("dirac", 3.0), Tensor(2, 0, "traceless", "lorentz", 3), TimeOdd(Vector))
    ),
    (Tensor(0, 2, "traceless", "lorentz", 3.0), "CO(1, 3), c = 3"),
    *((rep, "Galilei") for rep in GALILEI),
    *((rep, "GL(2) x U(1)") for rep in (Block(Vector, 0, 2) * Block(Complex(3), 2, 4), Block(Covector, 0, 2))),
    *((rep, "SU(3)") for rep in (Adjoint(catalogue.SU(3)), Vector, Adjoint(catalogue.SU(3)).dual)),
    (Adjoint(catalogue.SO(3)), "SO(3)"),
]


def _case(value) -> str:
    return str(value)


def _same(left, right, rep) -> None:
    """Equal, for spinors up to a sign."""
    scale = max(1.0, np.abs(right).max())
    sign = 1.0
    if "Spinor" in repr(rep):
        sign = np.sign((left * right).sum())
    np.testing.assert_allclose(left, sign * right, atol=1e-8 * scale)


@pytest.mark.parametrize(("rep", "group"), LINEAR, ids=_case)
def test_the_commutator_is_represented_by_the_commutator(rep, group):
    rng = np.random.default_rng(1)
    draw = GROUPS[group][0]
    A, B, n = draw(rng), draw(rng), len(draw(rng))
    L, M = rep.linear(A), rep.linear(B)
    assert L.shape == (rep.size(n),) * 2
    np.testing.assert_allclose(rep.linear(A @ B - B @ A), L @ M - M @ L, atol=1e-10)
    np.testing.assert_allclose(rep.linear(2 * A - 3 * B), 2 * L - 3 * M, atol=1e-10)


@pytest.mark.parametrize(("rep", "group"), LINEAR, ids=_case)
def test_elements_are_flows_of_the_generators(rep, group):
    rng = np.random.default_rng(2)
    for scale in (0.7, 2.0):
        A = scale * GROUPS[group][0](rng)
        _same(rep.element(scipy.linalg.expm(A)), scipy.linalg.expm(rep.linear(A)), rep)


@pytest.mark.parametrize(("rep", "group"), LINEAR, ids=_case)
def test_elements_multiply(rep, group):
    rng = np.random.default_rng(3)
    draw, components = GROUPS[group]
    for a in components:
        for b in components:
            g, h = a @ scipy.linalg.expm(draw(rng)), scipy.linalg.expm(draw(rng)) @ b
            _same(rep.element(g @ h), rep.element(g) @ rep.element(h), rep)


@pytest.mark.parametrize(("rep", "group"), LINEAR, ids=_case)
def test_the_dual_pairs_to_a_scalar(rep, group):
    rng = np.random.default_rng(4)
    draw, components = GROUPS[group]
    g = components[-1] @ scipy.linalg.expm(0.5 * draw(rng))
    metric = np.eye(rep.size(len(g)))
    if any(word in repr(rep) for word in ("Sym(", '"symmetric"', '"traceless"')):
        # a component stands for several entries: the pairing is by a matrix, which nothing in the group moves
        metric = _paired(rep, [draw(rng) for _ in range(3)], components, rng)
        assert np.linalg.cond(metric) < 1e4
    _same(rep.dual.element(g).T @ metric @ rep.element(g), metric, rep)


def _paired(rep, generators, components, rng):
    """A matrix P, at random among those that pair the representation with its dual.

    D'(A)^T P + P D(A) = 0 for generators A, and D'(g)^T P D(g) = P for one element g of each component.
    """
    one = np.eye(rep.size(len(components[0])))
    rows = [np.kron(rep.dual.linear(A).T, one) + np.kron(one, rep.linear(A).T) for A in generators]
    rows += [np.kron(rep.dual.element(g).T, rep.element(g).T) - np.eye(one.size) for g in components]
    kernel = scipy.linalg.null_space(np.concatenate(rows), 1e-9)
    assert kernel.shape[1]
    return (kernel @ rng.normal(size=kernel.shape[1])).reshape(one.shape)


def test_the_dual_of_a_symmetric_tensor_pairs_by_full_contraction():
    g = np.random.default_rng(5).normal(size=(3, 3))
    times = np.array([1.0, 2, 2, 1, 2, 1])  # how often xx, xy, xz, yy, yz, zz occur
    pairing = Sym(Vector, 2).dual.element(g).T @ np.diag(times) @ Sym(Vector, 2).element(g)
    np.testing.assert_allclose(pairing, np.diag(times), atol=1e-9)


# Motions: fields on the base and on the values


def _prolonged(rep, xi: Polynomial) -> Polynomial:
    n = xi.n
    return concatenated([xi.placed(range(n), n + rep.size(n)), rep.motion(xi)])


def _bracket(xi: Polynomial, eta: Polynomial) -> Polynomial:
    return eta.derivative().product(xi, "ij,j->i") - xi.derivative().product(eta, "ij,j->i")


def _size(p: Polynomial) -> float:
    return float(np.abs(p.coefficients.array).max(initial=0.0))


PLANE = [Scalar, Vector, Covector, Point, PhaseSpace, Density(0.5), Weight(1), Tensor(1, 1), Sym(Covector, 2)]
PLANE += [Point + Vector, Vector * Density(1), Alt(Vector, 2)]
TIME = [Scalar, Vector, Point, Place, Velocity, Spatial(Vector), Place + Velocity, Wavefunction(2.0), PhaseSpace]
TIME += [Wavefunction(2.0, hbar=0.5, weight=-1.5), Wavefunction(0.5, weight=-1, diffusive=True), Spatial(Density(1))]
TIME += [Place + Velocity + Spatial(Axial) + 2 * Scalar]
POINCARE = catalogue.Poincare(3, c=2.0)
MOTIONS = [
    *((rep, group) for group in (catalogue.Projective(2), catalogue.Aff(2)) for rep in PLANE),
    *((rep, catalogue.Conformal(2)) for rep in (Spin(2), Complex(1), Tensor(2, 0, "traceless"), PhaseSpace)),
    *((rep, catalogue.Conformal(3)) for rep in (Spin(2), Spinor("pauli"), Tensor(0, 2, "traceless"), Axial)),
    *((rep, catalogue.ConformalSpacetime(3)) for rep in (Spinor("weyl_left") * Weight(-1.5), Tensor(0, 2), PhaseSpace)),
    *((rep, POINCARE) for rep in (Spinor("dirac", c=2.0), Vector, Point, Adjoint(POINCARE))),
    *((Adjoint(group), group) for group in (catalogue.SE(3), catalogue.Projective(1), catalogue.Galilei(2))),
    *((Adjoint(catalogue.SO(3)), group) for group in (catalogue.SE(3), catalogue.SO(3))),
    *((rep, catalogue.Schroedinger(3)) for rep in TIME),
    *((rep, catalogue.Schroedinger(1)) for rep in (Wavefunction(1.0), Velocity, Wavefunction(1, diffusive=True))),
    *((rep, catalogue.Accelerations(2, 3)) for rep in (Place, Velocity, Spatial(Vector), Place + Velocity)),
]  # fmt: skip


@pytest.mark.parametrize(("rep", "group"), MOTIONS, ids=lambda x: getattr(x, "name", str(x)))
def test_the_prolonged_bracket_is_the_bracket_of_prolonged_fields(rep, group):
    """Up to a constant phase for a wave function: mass is a central charge of the Galilei group."""
    n, k = group.algebra.n, rep.size(group.algebra.n)
    fields = [group.algebra.generators[i] for i in range(group.algebra.dimension)]
    wide = [_prolonged(rep, xi) for xi in fields]
    central = 0
    pairs = [(i, j) for i in range(len(fields)) for j in range(i)]
    if len(pairs) > 40:
        pairs = [pairs[i] for i in np.random.default_rng(6).choice(len(pairs), 40, replace=False)]
    for i, j in pairs:
        defect = _bracket(wide[i], wide[j]) - _prolonged(rep, _bracket(fields[i], fields[j]))
        if isinstance(rep, Wavefunction) and _size(defect) > 1e-10:
            matrix = defect.derivative()[n:, n:]
            assert matrix.degree == 0
            assert not defect[n:].depends_on(range(n))
            phase = matrix.coefficient(np.zeros(n + k))
            turn = np.eye(1) if rep.diffusive else np.array([[0.0, -1], [1, 0]])
            np.testing.assert_allclose(abs(phase), abs(turn) * rep.mass / rep.hbar, atol=1e-10)
            np.testing.assert_allclose(phase, phase[-1, 0] * turn, atol=1e-10)
            defect, central = Polynomial.constant(1, np.zeros(1)), central + 1
        assert _size(defect) < 1e-10, (group.algebra.labels[i], group.algebra.labels[j])
    assert bool(central) == isinstance(rep, Wavefunction)


def _mirrored(make, *args):
    return make(*args, parity=True, time_reversal=True)


NON_RELATIVISTIC = [Place, Velocity, Spatial(Axial), TimeOdd(Spatial(Axial)), Wavefunction(2.0, weight=-1), Point]
NON_RELATIVISTIC += [PhaseSpace, Place + Velocity, TimeOdd(Scalar)]
RELATIVISTIC = [Vector, Covector, Spinor("dirac"), Tensor(0, 2, "antisymmetric"), TimeOdd(Pseudoscalar), PhaseSpace]
INTERTWINED = [
    *((rep, _mirrored(catalogue.Schroedinger, 3)) for rep in NON_RELATIVISTIC),
    *((rep, _mirrored(catalogue.ConformalSpacetime, 3)) for rep in RELATIVISTIC),
    *((rep, catalogue.E(3)) for rep in (Axial, Spin(2), Spin(3) * Pseudoscalar, Spinor("pauli"), Point, PhaseSpace)),
    *((rep, catalogue.E(2)) for rep in (Spin(2), Pseudoscalar, Point, Complex(3))),
    *((Adjoint(group), group) for group in (catalogue.E(2), catalogue.O(3), _mirrored(catalogue.Galilei, 2))),
    (Adjoint(catalogue.SU(3, conjugation=True)), catalogue.SU(3, conjugation=True)),
]


@pytest.mark.parametrize(("rep", "group"), INTERTWINED, ids=lambda x: getattr(x, "name", str(x)))
def test_elements_carry_the_motion_of_a_field_to_that_of_the_moved_field(rep, group):
    """rho(g) phi_xi(p, v) = phi_(g xi)(g p, rho(g) v)."""
    rng, n = np.random.default_rng(7), group.algebra.n
    assert len(group.elements)
    for g in group.elements.array:
        rho = rep.element(g)
        for i in range(group.algebra.dimension):
            xi = group.algebra.generators[i]
            moved = xi.composed(np.linalg.inv(g)).mapped(lambda c, g=g: g @ c)
            p, v = rng.normal(size=n), rng.normal(size=rep.size(n))
            left = rho @ np.asarray(_value(rep.motion(xi), np.concatenate([p, v])))
            right = _value(rep.motion(moved), np.concatenate([g @ p, rho @ v]))
            np.testing.assert_allclose(left, right, atol=1e-9, err_msg=group.algebra.labels[i])


def _value(polynomial: Polynomial, x: np.ndarray) -> np.ndarray:
    monomials = np.prod(x**polynomial.exponents.array, axis=1)
    return np.tensordot(monomials, polynomial.coefficients.array, 1)


def test_the_cotangent_lift_is_hamiltonian():
    for i in range(8):
        xi = catalogue.Projective(2).algebra.generators[i]
        H = xi.placed((0, 1), 4).product(Polynomial.affine(np.eye(4)[2:], np.zeros(2)), "i,i->")
        flow = np.block([[np.zeros((2, 2)), np.eye(2)], [-np.eye(2), np.zeros((2, 2))]])
        expected = H.derivative().mapped(lambda c, flow=flow: flow @ c)
        found = PhaseSpace.motion(xi)
        assert _size(found - expected.placed(range(2, 6), 6)) < 1e-12


def test_a_velocity_is_the_rate_of_a_place():
    """Along x(t) = a + b t: the moved path has the moved velocity, to first order."""
    a, b, t, s = np.array([0.3, -0.2]), np.array([0.7, 0.4]), 0.6, 1e-6
    algebra = catalogue.Schroedinger(2).algebra
    for i in range(algebra.dimension):
        xi = algebra.generators[i]

        def event(time, xi=xi):
            p = np.array([time, *(a + b * time)])
            return p + s * _value(xi, p)

        before, after = event(t - 1e-3), event(t + 1e-3)
        rate = (after[1:] - before[1:]) / (after[0] - before[0])
        p = np.array([t, *(a + b * t)])
        expected = _value(Velocity.motion(xi), np.concatenate([p, b]))
        np.testing.assert_allclose((rate - b) / s, expected, atol=1e-4)


# Checks by other means


def _orthogonal(rng, sign: float) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * sign * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_axial_vector_is_a_cross_product(sign):
    rng = np.random.default_rng(8)
    g, h, a, b = _orthogonal(rng, sign), rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)
    np.testing.assert_allclose(Axial.element(g) @ np.cross(a, b), np.cross(g @ a, g @ b), atol=1e-12)
    np.testing.assert_allclose(Axial.element(g), np.linalg.det(g) * g, atol=1e-12)
    down = Covector.element(h)
    np.testing.assert_allclose(Axial.element(h) @ np.cross(a, b), np.cross(down @ a, down @ b), atol=1e-10)


def test_an_axial_vector_is_the_lower_antisymmetric_tensor():
    h = np.random.default_rng(9).normal(size=(3, 3))
    as_form = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]])  # (B_xy, B_xz, B_yz) = (B_z, -B_y, B_x)
    form = Tensor(0, 2, "antisymmetric").element(h)
    np.testing.assert_allclose(form @ as_form, as_form @ Axial.element(h), atol=1e-10)


def _harmonics(k: int, r: np.ndarray) -> np.ndarray:
    """Real solid harmonics in the order m = -k..k, of equal norm."""
    x, y, z = r
    s = r @ r
    if k == 1:
        return np.array([y, z, x])
    if k == 2:
        return np.array([x * y, y * z, (3 * z**2 - s) / (2 * 3**0.5), x * z, (x**2 - y**2) / 2])
    a, b, c, d = (5 / 8) ** 0.5, 15**0.5, (3 / 8) ** 0.5, 0.5
    return np.array(
        [
            *(a * y * (3 * x**2 - y**2), b * x * y * z, c * y * (5 * z**2 - s), d * z * (5 * z**2 - 3 * s)),
            *(c * x * (5 * z**2 - s), b / 2 * z * (x**2 - y**2), a * x * (x**2 - 3 * y**2)),
        ]
    )


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_spin_in_space_is_that_of_the_spherical_harmonics(k, sign):
    rng = np.random.default_rng(10)
    for _ in range(3):
        g, r = _orthogonal(rng, sign), rng.normal(size=3)
        np.testing.assert_allclose(Spin(k).element(g) @ _harmonics(k, r), _harmonics(k, g @ r), atol=1e-10)


def test_spin_two_is_the_traceless_tensor():
    rng = np.random.default_rng(11)
    for sign in (1.0, -1.0):
        angle = rng.uniform(-3, 3)
        g = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([1.0, sign])
        np.testing.assert_allclose(Spin(2).element(g), Tensor(2, symmetry="traceless").element(g), atol=1e-12)
        np.testing.assert_allclose(Spin(1).element(g), g, atol=1e-12)
        # in space: xy, xz, yz and the differences of the diagonal by the harmonics
        by_entries = np.array(
            [[0, 1.0, 0, 0, 0], [0, 0, 0, 0, 1], [-1, 0, 0, -1, 0], [0, 0, 1, 0, 0], [1, 0, 0, -1, 0]]
        )
        by_entries = np.diag([1, 1, 3**0.5 / 2, 1, 0.5]) @ by_entries  # entries (xx, xy, xz, yy, yz)
        g = _orthogonal(rng, sign)
        entries = Tensor(2, symmetry="traceless").element(g)
        np.testing.assert_allclose(Spin(2).element(g) @ by_entries, by_entries @ entries, atol=1e-10)


def test_traces_of_a_traceless_tensor_stay_zero_in_the_metric():
    rng, c = np.random.default_rng(12), 3.0
    g = scipy.linalg.expm(0.3 * _lorentz(c)(rng))
    array = rng.normal(size=(4, 4))
    array = array + array.T
    metric = np.diag([c**2, -1, -1, -1])
    array -= np.linalg.inv(metric) * np.trace(metric @ array) / 4
    rep, places = Tensor(2, 0, "traceless", "lorentz", c), ([0, 0, 0, 0, 1, 1, 1, 2, 2], [0, 1, 2, 3, 1, 2, 3, 2, 3])
    moved = g @ array @ g.T
    np.testing.assert_allclose(rep.element(g) @ array[places], moved[places], atol=1e-9)


SIGMA = [np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
ZERO, ONE = np.zeros((2, 2)), np.eye(2)
GAMMA = [np.block([[ZERO, ONE], [ONE, ZERO]]), *(np.block([[ZERO, s], [-s, ZERO]]) for s in SIGMA)]
ETA = np.diag([1.0, -1, -1, -1])


def _as_complex(matrix: np.ndarray) -> np.ndarray:
    half = len(matrix) // 2
    np.testing.assert_allclose(matrix[:half, :half], matrix[half:, half:], atol=1e-12)
    np.testing.assert_allclose(matrix[:half, half:], -matrix[half:, :half], atol=1e-12)
    return matrix[:half, :half] + 1j * matrix[half:, :half]


def test_dirac_spinors_carry_the_gamma_matrices():
    """The Clifford relations, and S^-1 gamma^m S = Lambda^m_n gamma^n for finite elements with parity."""
    for m in range(4):
        for k in range(4):
            both = GAMMA[m] @ GAMMA[k] + GAMMA[k] @ GAMMA[m]
            np.testing.assert_allclose(both, 2 * ETA[m, k] * np.eye(4), atol=1e-15)
    rng = np.random.default_rng(13)
    draw = _traceless(_lorentz())
    for space in (1.0, -1.0):
        g = scipy.linalg.expm(0.5 * draw(rng)) @ np.diag([1.0, space, space, space])
        S = _as_complex(Spinor("dirac").element(g))
        for m in range(4):
            turned = np.linalg.inv(S) @ GAMMA[m] @ S
            np.testing.assert_allclose(turned, sum(g[m, k] * GAMMA[k] for k in range(4)), atol=1e-9)


def _bilinear(psi: np.ndarray, matrix: np.ndarray) -> float:
    complex_psi = psi[:4] + 1j * psi[4:]
    return (complex_psi.conj() @ GAMMA[0] @ matrix @ complex_psi).real


@pytest.mark.parametrize("mirror", SPACETIME, ids=lambda g: str(np.diag(g)))
def test_bilinears_of_a_dirac_spinor_have_their_known_parities(mirror):
    rng = np.random.default_rng(14)
    g = scipy.linalg.expm(0.5 * _traceless(_lorentz())(rng)) @ mirror
    psi = rng.normal(size=8)
    moved = Spinor("dirac").element(g) @ psi
    gamma5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
    np.testing.assert_allclose(_bilinear(moved, np.eye(4)), _bilinear(psi, np.eye(4)), atol=1e-9)
    pseudo = Pseudoscalar.element(g)[0, 0]
    np.testing.assert_allclose(_bilinear(moved, 1j * gamma5), pseudo * _bilinear(psi, 1j * gamma5), atol=1e-9)
    current = np.array([_bilinear(psi, G) for G in GAMMA])
    found = np.array([_bilinear(moved, G) for G in GAMMA])
    np.testing.assert_allclose(found, TimeOdd(Vector).element(g) @ current, atol=1e-8)


@pytest.mark.parametrize("mirror", SPACETIME, ids=lambda g: str(np.diag(g)))
def test_elements_of_dirac_spinors_keep_the_dirac_equation(mirror):
    """A plane wave with i gamma^m d_m psi = psi, moved, solves it again."""
    rng = np.random.default_rng(15)
    g = scipy.linalg.expm(0.4 * _traceless(_lorentz())(rng)) @ mirror
    space = rng.normal(size=3)
    k = np.array([np.sqrt(1 + space @ space), *space])  # k_m x^m with k^2 = 1, psi = w exp(-i k.x)
    slash = sum(ETA[m, m] * k[m] * GAMMA[m] for m in range(4))
    w = (slash + np.eye(4)) @ (rng.normal(size=4) + 1j * rng.normal(size=4))
    matrix = Spinor("dirac").element(g)

    def moved(x):
        y = np.linalg.solve(g, x)
        psi = w * np.exp(-1j * (k @ ETA @ y))
        out = matrix @ np.concatenate([psi.real, psi.imag])
        return out[:4] + 1j * out[4:]

    x, h = rng.normal(size=4) * 0.3, 1e-5
    gradient = [(moved(x + h * e) - moved(x - h * e)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(1j * sum(G @ d for G, d in zip(GAMMA, gradient, strict=True)), moved(x), atol=1e-6)


@pytest.mark.parametrize(("kind", "sign"), [("weyl_left", -1), ("weyl_right", 1)])
@pytest.mark.parametrize("time", [1.0, -1.0])
def test_the_current_of_a_weyl_spinor_is_a_vector(kind, sign, time):
    rng = np.random.default_rng(16)
    g = scipy.linalg.expm(0.5 * _traceless(_lorentz())(rng)) @ np.diag([time, 1, 1, 1])

    def current(value):
        psi = value[:2] + 1j * value[2:]
        return np.array([(psi.conj() @ m @ psi).real for m in (ONE, *(sign * s for s in SIGMA))])

    value = rng.normal(size=4)
    expected = TimeOdd(Vector).element(g) @ current(value)
    np.testing.assert_allclose(current(Spinor(kind).element(g) @ value), expected, atol=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_spin_of_a_pauli_spinor_is_axial(sign):
    rng = np.random.default_rng(17)
    g, value = _orthogonal(rng, sign), rng.normal(size=4)

    def spin(v):
        psi = v[:2] + 1j * v[2:]
        return np.array([(psi.conj() @ s @ psi).real for s in SIGMA])

    np.testing.assert_allclose(spin(Spinor("pauli").element(g) @ value), Axial.element(g) @ spin(value), atol=1e-10)


def test_rotations_by_a_half_turn_and_great_boosts():
    """The double cover has no corner: half turns about all axes, and rapidity 8."""
    for axis in (*np.eye(3), np.ones(3) / 3**0.5, np.array([0.6, -0.8, 0])):
        g = 2 * np.outer(axis, axis) - np.eye(3)
        S = _as_complex(Spinor("pauli").element(g))
        np.testing.assert_allclose(S @ S, -ONE, atol=1e-9)
        np.testing.assert_allclose(Spin(2).element(g) @ Spin(2).element(g), np.eye(5), atol=1e-9)
    A = np.zeros((4, 4))
    A[0, 2] = A[2, 0] = 8.0
    expected = scipy.linalg.expm(Spinor("dirac").linear(A))
    np.testing.assert_allclose(Spinor("dirac").element(scipy.linalg.expm(A)), expected, rtol=1e-6, atol=1e-4)


def test_the_fundamental_of_the_unitary_group_is_real_parts_first():
    group = catalogue.U(2)
    for A in group.algebra.matrices.array:
        M = _as_complex(Vector.linear(A))
        np.testing.assert_allclose(M, -M.conj().T, atol=1e-14)
        np.testing.assert_allclose(Covector.linear(A), A, atol=1e-14)  # a unitary group keeps a real inner product


def test_a_complex_number_turns_with_its_charge():
    for charge in (1, -2, 0.5):
        (A,) = catalogue.U(1).algebra.matrices.array
        g = scipy.linalg.expm(0.4 * A)
        z = _as_complex(Complex(charge).element(g))[0, 0]
        np.testing.assert_allclose(z, np.exp(0.4j * charge), atol=1e-12)
        assert Complex(charge).element(np.diag([1.0, -1.0])).tolist() == [[1.0, 0.0], [0.0, -1.0]]


def test_dimensions_of_powers():
    for k in (1, 2, 3):
        rep = Vector * Complex(1)
        assert Sym(rep, k).size(2) == factorial(3 + k) // factorial(3) // factorial(k)


# Wave functions


def _factor(rep: Wavefunction, xi: Polynomial, symbols) -> sympy.Expr:
    """The motion of psi divided by psi."""
    motion, total = rep.motion(xi), sympy.Integer(0)
    n = xi.n
    for exponent, value in zip(motion.exponents.array, motion.coefficients.array, strict=True):
        if exponent[n] == 1:  # what the first component, 1, becomes
            number = sympy.nsimplify(value[0]) + (0 if rep.diffusive else sympy.I * sympy.nsimplify(value[1]))
            total += number * sympy.prod(s ** int(e) for s, e in zip(symbols, exponent[:n], strict=True))
    return total


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("diffusive", [False, True])
def test_wave_functions_make_the_group_a_symmetry_of_their_equation(d, diffusive):
    """The characteristic of every plane wave solves the linear equation again: this is the symmetry condition."""
    t, *x = symbols = sympy.symbols("t x:3")[: d + 1]
    k = sympy.symbols("k:3")[:d]
    mass, hbar = (sympy.Rational(3, 4), 1) if diffusive else (3, 2)
    phase, square = sum(a * b for a, b in zip(k, x, strict=True)), sum(a**2 for a in k)
    diffusion = 1 / (2 * sympy.Rational(mass)) if diffusive else sympy.I * sympy.Rational(hbar, 2 * mass)
    psi = sympy.exp(sympy.I * phase - diffusion * square * t)
    rep = Wavefunction(float(mass), float(hbar), weight=-d / 2, diffusive=diffusive)
    group = catalogue.Schroedinger(d)
    assert any("expansion" in label or "conformal" in label for label in group.algebra.labels), group.algebra.labels
    for i in range(group.algebra.dimension):
        xi = group.algebra.generators[i]
        field = [
            sum(
                sympy.nsimplify(c[a]) * sympy.prod(s ** int(e) for s, e in zip(symbols, row, strict=True))
                for row, c in zip(xi.exponents.array, xi.coefficients.array, strict=True)
            )
            for a in range(d + 1)
        ]
        Q = _factor(rep, xi, symbols) * psi - sum(f * sympy.diff(psi, s) for f, s in zip(field, symbols, strict=True))
        defect = sympy.diff(Q, t) - diffusion * sum(sympy.diff(Q, s, 2) for s in x)
        assert sympy.simplify(defect / psi) == 0, group.algebra.labels[i]


def test_the_heat_generators_are_those_of_olver():
    """u_t = u_xx: 2 t d_x - x u d_u and 4 t x d_x + 4 t^2 d_t - (x^2 + 2 t) u d_u."""
    rep = Wavefunction(0.5, weight=-0.5, diffusive=True)
    galilei = Polynomial.of([[1, 0]], [[0.0, 2.0]])
    expected = Polynomial.of([[0, 1, 1]], [[-1.0]])
    assert _size(rep.motion(galilei) - expected) < 1e-14
    expansion = Polynomial.of([[2, 0], [1, 1]], [[4.0, 0.0], [0.0, 4.0]])
    expected = Polynomial.of([[0, 2, 1], [1, 0, 1]], [[-1.0], [-2.0]])
    assert _size(rep.motion(expansion) - expected) < 1e-14


def test_every_constructor_is_held_to_the_laws():
    tried = {type(part) for rep, _ in (*LINEAR, *MOTIONS) for part in _parts(rep)}

    def final(cls):
        below = cls.__subclasses__()
        return {cls} if not below else set().union(*map(final, below))

    ours = {c for c in final(AbstractLinear.__mro__[1]) if c.__module__.startswith("symdyn.groups.representations")}
    assert ours <= tried, ours - tried


def _parts(rep):
    yield rep
    for name in ("parts", "factors"):
        for part in getattr(rep, name, ()):
            yield from _parts(part)
    if hasattr(rep, "representation"):
        yield from _parts(rep.representation)
