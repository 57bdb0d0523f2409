"""Spin: real pairs and multiplets that turn with a multiple of the angle, spinors, and complex fields with a charge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.representations.base import AbstractLinear, check_integer, finite
from symdyn.groups.representations.metric import isometric_part, isometry, metric_of, tidy

_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])
_SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_ETA = np.diag([1.0, -1.0, -1.0, -1.0])
_GAMMA = np.array(
    [np.block([[np.zeros((2, 2)), np.eye(2)], [np.eye(2), np.zeros((2, 2))]]).astype(complex)]
    + [np.block([[np.zeros((2, 2)), s], [-s, np.zeros((2, 2))]]) for s in _SIGMA]
)


def _pair_linear(charge: float, A: np.ndarray, what: str) -> np.ndarray:
    return charge * isometric_part(A, np.ones(2), what)[1, 0] * _QUARTER + 0.0


def _pair_element(charge: float, g: np.ndarray, what: str) -> np.ndarray:
    """R(q theta), times diag(1, -1) for g = R(theta) diag(1, -1)."""
    h = isometry(g, np.ones(2), what)
    angle = charge * np.arctan2(h[1, 0], h[0, 0])
    turn = np.cos(angle) * np.eye(2) + np.sin(angle) * _QUARTER
    return tidy(turn @ np.diag([1.0, -1.0]) if np.linalg.det(h) < 0 else turn)


def _axis(B: np.ndarray) -> np.ndarray:
    """The vector w of the antisymmetric matrix x -> w x x (a cross product)."""
    return np.array([B[2, 1], B[0, 2], B[1, 0]])


def _rotation_vector(R: np.ndarray) -> np.ndarray:
    """Axis times angle in [0, pi] of a rotation of R^3."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(R).as_rotvec()


@lru_cache
def _harmonic_generators(k: int) -> np.ndarray:
    """Rotations about x, y, z on the coefficients of the real spherical harmonics m = -k..k: (3, 2k + 1, 2k + 1)."""
    m = np.arange(-k, k + 1)
    raising = np.diag(np.sqrt(k * (k + 1) - m[:-1] * (m[:-1] + 1.0)), -1)
    J = [(raising + raising.T) / 2, (raising - raising.T) / 2j, np.diag(m)]
    real = np.zeros((2 * k + 1, 2 * k + 1), complex)  # rows: real harmonics by the complex ones (Condon-Shortley)
    real[k, k] = 1.0
    for j in range(1, k + 1):
        sign = (-1.0) ** j
        real[k + j, [k - j, k + j]] = np.array([1.0, sign]) / np.sqrt(2)
        real[k - j, [k - j, k + j]] = 1j * np.array([1.0, -sign]) / np.sqrt(2)
    return tidy(np.stack([(real.conj() @ (-1j * each) @ real.T).real for each in J]))


@dataclass(frozen=True)
class Spin(AbstractLinear):
    r"""A quantity of spin k: it turns k times as fast as a vector, and dilations do not act.

    In the plane (n = 2), a real pair (re, im) of eta with eta -> e^(i k theta) eta; the reflection y -> -y conjugates,
    so that `Spin(1)` is a vector and `Spin(2)` the pair (Q_xx, Q_xy) of a symmetric traceless tensor, as of a shear.

    In space (n = 3), the 2 k + 1 coefficients of the real spherical harmonics of degree k, orthonormal, in the order
    m = -k..k: for k = 1 (y, z, x), for k = 2 (xy, yz, 3 z^2 - r^2, xz, x^2 - y^2). Reflection through the origin gives
    (-1)^k; times `Pseudoscalar` the other sign. By the entries of a tensor, with whole numbers for generators:
    `Tensor(k, symmetry="traceless")`, on which dilations act.

    Raises InputError where k is no integer >= 0, and for other n.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Spin(2).linear(np.array([[0.0, -1.0], [1.0, 0.0]])).tolist(), sd.Spin(2).size(3)
    ([[0.0, -2.0], [2.0, 0.0]], 5)
    """

    k: int

    def __post_init__(self):
        if isinstance(self.k, float) and self.k % 1 == 0.5:
            raise InputError(f"Spin needs an integer >= 0, got {self.k!r}; for spin 1/2 there is Spinor")
        object.__setattr__(self, "k", check_integer("Spin", self.k, 0))

    def size(self, n: int) -> int:
        if n not in (2, 3):
            raise InputError(f"{self} needs R^2 or R^3, got R^{n}; under a group of spacetime use Spatial({self})")
        return 2 if n == 2 else 2 * self.k + 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        if self.size(len(A)) == 2:  # 2 k + 1 is odd
            return _pair_linear(self.k, A, f"{self}")
        w = _axis(isometric_part(A, np.ones(3), f"{self}"))
        return np.einsum("a,aij->ij", w, _harmonic_generators(self.k))

    def element(self, g: np.ndarray) -> np.ndarray:
        from scipy.linalg import expm

        if self.size(len(g)) == 2:
            return _pair_element(self.k, g, f"{self}")
        h = isometry(g, np.ones(3), f"{self}")
        sign = np.sign(np.linalg.det(h))
        turn = expm(np.einsum("a,aij->ij", _rotation_vector(sign * h), _harmonic_generators(self.k)))
        return tidy(sign**self.k * turn)

    @property
    def dual(self) -> AbstractLinear:
        return self

    def __repr__(self) -> str:
        return f"Spin({self.k})"


@dataclass(frozen=True)
class Complex(AbstractLinear):
    """A complex number with a charge, as the pair (re, im): a phase alpha multiplies it by e^(i charge alpha).

    For U(1) as the rotations of a plane, with the generator [[0, -1], [1, 0]]; its reflection is the complex
    conjugation (of charge). A charge that is no integer is well defined for generators; for an element the angle in
    (-pi, pi] is taken.

    Raises InputError where the charge is no finite number, and for n other than 2.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Complex(-2).linear(np.array([[0.0, -1.0], [1.0, 0.0]])).tolist(), sd.Vector * sd.Complex(1)
    ([[0.0, 2.0], [-2.0, 0.0]], Vector*Complex(1))
    """

    charge: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "charge", finite("Complex", self.charge))

    def size(self, n: int) -> int:
        if n != 2:
            raise InputError(
                f"{self} needs U(1), the phases as rotations of R^2, got R^{n}; of a product of groups take the two "
                f"coordinates of its U(1): Block({self}, start, start + 2)"
            )
        return 2

    def linear(self, A: np.ndarray) -> np.ndarray:
        self.size(len(A))
        return _pair_linear(self.charge, A, f"{self}")

    def element(self, g: np.ndarray) -> np.ndarray:
        self.size(len(g))
        return _pair_element(self.charge, g, f"{self}")

    @property
    def dual(self) -> AbstractLinear:
        return self

    def __repr__(self) -> str:
        return f"Complex({self.charge:.12g})"


@dataclass(frozen=True)
class Spinor(AbstractLinear):
    r"""Spin 1/2: complex components as real ones, all real parts first, then all imaginary parts.

    Parameters
    ----------
    kind: "pauli" (R^3, 2 complex components): -i/2 w . sigma for a rotation w, right-handed;
        "weyl_left", "weyl_right" (spacetime (t, x, y, z), 2 components): the same, and -1/2 or +1/2 b . sigma for a
        boost b; "dirac" (4 components): (left, right), where a generator omega of so(1, 3) acts as
        1/4 omega_mn gamma^m gamma^n with gamma^0 = [[0, 1], [1, 0]] and gamma^i = [[0, sigma_i], [-sigma_i, 0]].
    c: the speed of light where the coordinates are (t, x); the default takes x^0 = c t.

    Dilations do not act; multiply by a `Weight`. Elements are those of the double cover, so their sign is a choice:
    products hold up to a sign. Parity leaves a Pauli spinor and is gamma^0 on a Dirac spinor; time reversal is
    psi -> gamma^1 gamma^3 psi* (-i sigma_2 psi* up to sign on Weyl spinors), a real matrix as it should.

    Raises InputError for another kind or n, for parity on a Weyl spinor (it makes a right one of a left one), and for
    maps that are more than rotations, boosts and dilations.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]])
    >>> sd.Spinor("pauli").linear(turn)[2].tolist(), sd.Spinor("dirac").size(4)
    ([-0.5, 0.0, 0.0, 0.0], 8)
    """

    kind: Literal["pauli", "weyl_left", "weyl_right", "dirac"]
    c: float = 1.0

    def __post_init__(self):
        if self.kind not in ("pauli", "weyl_left", "weyl_right", "dirac"):
            raise InputError(f'Spinor is "pauli", "weyl_left", "weyl_right" or "dirac", got {self.kind!r}')
        object.__setattr__(self, "c", finite("Spinor: c", self.c))
        if self.c <= 0:
            raise InputError(f"the speed of light c must be positive, got {self.c:g}")

    def size(self, n: int) -> int:
        if self.kind == "pauli":
            if n != 3:
                raise InputError(f'{self} needs R^3, got R^{n}; in spacetime use Spatial({self}) or Spinor("dirac")')
            return 4
        if n != 4:
            raise InputError(f'{self} needs spacetime (t, x, y, z), got R^{n}; in R^3 use Spinor("pauli")')
        return 8 if self.kind == "dirac" else 4

    @property
    def _columns(self) -> slice:
        """The components among those of a Dirac spinor."""
        return {"weyl_left": slice(0, 2), "weyl_right": slice(2, 4)}.get(self.kind, slice(0, 4))

    def linear(self, A: np.ndarray) -> np.ndarray:
        self.size(len(A))
        if self.kind == "pauli":
            return _as_real(_pauli(_axis(isometric_part(A, np.ones(3), f"{self}"))))
        B = isometric_part(A, metric_of(4, "lorentz", self.c), f"{self}")
        return _as_real(_dirac(B)[self._columns, self._columns])

    def element(self, g: np.ndarray) -> np.ndarray:
        from scipy.linalg import expm

        self.size(len(g))
        if self.kind == "pauli":
            h = isometry(g, np.ones(3), f"{self}")
            return tidy(_as_real(expm(_pauli(_rotation_vector(h * np.sign(np.linalg.det(h)))))))
        h = isometry(g, metric_of(4, "lorentz", self.c), f"{self}")
        time = np.sign(h[0, 0])
        space = time * np.sign(np.linalg.det(h))
        proper = h * np.array([time, space, space, space])
        boost, turn = _boost_and_turn(proper)
        S = expm(_dirac(boost)) @ expm(_dirac(turn))
        if space < 0:
            self._check_parity()
            S = S @ _GAMMA[0]
        if time < 0:
            S = S @ _GAMMA[1] @ _GAMMA[3]
        real = _as_real(S[self._columns, self._columns])
        if time < 0:  # of the conjugate
            real = real @ np.diag(np.repeat([1.0, -1.0], len(real) // 2))
        return tidy(real)

    def _check_parity(self) -> None:
        if self.kind != "dirac":
            raise InputError(f'{self} has no parity: reflection makes the other Weyl spinor of it; use Spinor("dirac")')

    def __repr__(self) -> str:
        return f'Spinor("{self.kind}")' if self.c == 1.0 else f'Spinor("{self.kind}", c={self.c:.12g})'


def _as_real(S: np.ndarray) -> np.ndarray:
    return np.block([[np.real(S), -np.imag(S)], [np.imag(S), np.real(S)]]) + 0.0


def _pauli(w: np.ndarray) -> np.ndarray:
    return -0.5j * np.einsum("a,aij->ij", w, _SIGMA)


def _dirac(B: np.ndarray) -> np.ndarray:
    """1/4 omega_mn gamma^m gamma^n of a generator omega^m_n = B."""
    return 0.25 * np.einsum("mn,mij,njk->ik", _ETA @ B, _GAMMA, _GAMMA)


def _boost_and_turn(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Generators with g = exp(boost) exp(turn), for g that keeps both orientations."""
    from scipy.linalg import expm

    boost, turn, momentum = np.zeros((4, 4)), np.zeros((4, 4)), g[1:, 0]
    size = float(np.linalg.norm(momentum))
    if size:
        boost[1:, 0] = boost[0, 1:] = np.arcsinh(size) * momentum / size
    rest = expm(-boost) @ g
    w = _rotation_vector(rest[1:, 1:])
    turn[1:, 1:] = np.cross(np.eye(3), w)
    return boost, turn
