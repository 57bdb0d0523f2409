"""Quantities of spacetime (t, x_1..x_d): blocks of coordinates, places and velocities of particles, wave functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.polynomial import Polynomial
from symdyn.groups.representations.base import (
    AbstractLinear,
    AbstractRepresentation,
    as_linear,
    check_integer,
    finite,
)

_SMALL = 1e-9


def _restricted(A: np.ndarray, start: int, stop: int, mixes: str) -> np.ndarray:
    """The diagonal block A[start:stop, start:stop], which is one of a subspace or of a quotient."""
    A = np.asarray(A, float)
    outside = np.r_[0:start, stop : len(A)]
    small = _SMALL * np.abs(A).max(initial=0.0) + 1e-12  # a commutator may be nothing but rounding
    leaves = np.abs(A[outside, start:stop]).max(initial=0.0) > small
    enters = np.abs(A[start:stop][:, outside]).max(initial=0.0) > small
    if leaves and enters:
        raise InputError(mixes)
    return A[start:stop, start:stop]


@dataclass(frozen=True)
class Block(AbstractLinear):
    """A representation of one factor of a direct product: of the coordinates start, ..., stop - 1 only.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> colour = sd.Block(sd.Vector, 3, 5)
    >>> colour, colour.linear(np.diag([1.0, 1, 1, 2, 3])).tolist()
    (Block(Vector, 3, 5), [[2.0, 0.0], [0.0, 3.0]])
    """

    representation: AbstractLinear
    start: int
    stop: int

    def __post_init__(self):
        as_linear(self.representation, "Block")
        object.__setattr__(self, "start", check_integer("Block: start", self.start, 0))
        object.__setattr__(self, "stop", check_integer("Block: stop", self.stop, self.start + 1))

    @property
    def any_size(self) -> bool:
        return self.representation.any_size

    def size(self, n: int) -> int:
        if self.stop > n:
            raise InputError(f"{self} needs a group on R^{self.stop} or more, got R^{n}")
        return self.representation.size(self.stop - self.start)

    def linear(self, A: np.ndarray) -> np.ndarray:
        return self.representation.linear(self._block(A))

    def element(self, g: np.ndarray) -> np.ndarray:
        return self.representation.element(self._block(g))

    def _block(self, A: np.ndarray) -> np.ndarray:
        self.size(len(A))
        mixes = f"the group mixes the coordinates {self.start}..{self.stop - 1} of {self} with the others, both ways"
        return _restricted(A, self.start, self.stop, mixes)

    @property
    def dual(self) -> AbstractLinear:
        return Block(self.representation.dual, self.start, self.stop)

    def __repr__(self) -> str:
        return f"Block({self.representation}, {self.start}, {self.stop})"


@dataclass(frozen=True)
class Spatial(AbstractLinear):
    """A representation of the rotations of space, under a group of spacetime: `Spatial(Vector)` is a force.

    It sees the block of space x_1..x_d of a generator. A Galilean boost does not change it (a velocity, which is
    changed, is a `Velocity`). Relativity has no such quantities: boosts mix time and space, and InputError says so.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> boost = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]])
    >>> sd.Spatial(sd.Vector).size(3), sd.Spatial(sd.Vector).linear(boost).tolist()
    (2, [[0.0, 0.0], [0.0, 0.0]])
    """

    representation: AbstractLinear

    def __post_init__(self):
        as_linear(self.representation, "Spatial")

    @property
    def any_size(self) -> bool:
        return self.representation.any_size

    def size(self, n: int) -> int:
        return self.representation.size(_dimension(self, n))

    def linear(self, A: np.ndarray) -> np.ndarray:
        return self.representation.linear(self._block(A))

    def element(self, g: np.ndarray) -> np.ndarray:
        return self.representation.element(self._block(g))

    def _block(self, A: np.ndarray) -> np.ndarray:
        _dimension(self, len(A))
        mixes = f"boosts mix time and space, so {self} is no quantity of this group; use Vector, Tensor or Spinor"
        return _restricted(A, 1, len(A), mixes)

    @property
    def dual(self) -> AbstractLinear:
        return Spatial(self.representation.dual)

    def __repr__(self) -> str:
        return f"Spatial({self.representation})"


@dataclass(frozen=True)
class TimeOdd(AbstractLinear):
    """A quantity that also changes its sign when time is reversed: `TimeOdd(Spatial(Axial))` is a magnetic field.

    For groups of spacetime, with time first. `TimeOdd(Pseudoscalar)` is odd under parity and even under time reversal,
    as the determinant already counts time.

    Raises InputError for an element under which past and future have no sense.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> reversal = np.diag([-1.0, 1.0, 1.0, 1.0])
    >>> sd.TimeOdd(sd.Scalar).element(reversal).tolist(), sd.TimeOdd(sd.Pseudoscalar).element(reversal).tolist()
    ([[-1.0]], [[1.0]])
    """

    representation: AbstractLinear

    def __post_init__(self):
        as_linear(self.representation, "TimeOdd")

    @property
    def any_size(self) -> bool:
        return self.representation.any_size

    def size(self, n: int) -> int:
        return self.representation.size(n)

    def linear(self, A: np.ndarray) -> np.ndarray:
        return self.representation.linear(A)

    def element(self, g: np.ndarray) -> np.ndarray:
        return _time_sign(np.asarray(g, float), f"{self}") * self.representation.element(g)

    @property
    def dual(self) -> AbstractLinear:
        return TimeOdd(self.representation.dual)

    def __repr__(self) -> str:
        return f"TimeOdd({self.representation})"


@dataclass(frozen=True, repr=False)
class _Place(AbstractRepresentation):
    """The position in space of a particle, under a group of spacetime: d = n - 1 components.

    It moves by the spatial part of the field at (t, position); the time t is that of the state. A boost moves it by
    v t, a translation of time leaves it.

    Raises InputError where the field moves time by an amount that depends on the place (relativity).

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.groups.polynomial import Polynomial
    >>> boost = Polynomial.affine([[0.0, 0.0], [1.0, 0.0]], [0.0, 0.0])
    >>> sd.Place.motion(boost)([3.0, 0.0, 7.0]).tolist()  # at the time 3
    [3.0]
    """

    @property
    def is_place(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return _dimension(self, n)

    def motion(self, xi: Polynomial) -> Polynomial:
        n = xi.n
        d = _absolute_time(xi, "Place")
        return xi[1:].placed([0, *range(n, n + d)], n + d)

    def element(self, g: np.ndarray) -> np.ndarray:
        return _split(g, "Place")[1]

    def __repr__(self) -> str:
        return "Place"


@dataclass(frozen=True, repr=False)
class _Velocity(AbstractRepresentation):
    """A velocity u = dx/dt under a group of spacetime: d = n - 1 components; of a particle, or of a fluid at a point.

    Under the field tau d_t + xi . d_x it moves by d_t xi + (u . d_x) xi - u d_t tau: a boost adds to it. An element
    acts as g_xx / g_tt, so that the reversal of time reverses it.

    Raises InputError where tau depends on x (relativity; the four-velocity is a `Vector`), and for an element that is
    a boost, as it adds a constant.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.groups.polynomial import Polynomial
    >>> boost = Polynomial.affine([[0.0, 0.0], [1.0, 0.0]], [0.0, 0.0])
    >>> sd.Velocity.motion(boost)([3.0, 0.0, 7.0]).tolist()
    [1.0]
    """

    def size(self, n: int) -> int:
        return _dimension(self, n)

    def motion(self, xi: Polynomial) -> Polynomial:
        n = xi.n
        d = _absolute_time(xi, "Velocity")
        D = xi.derivative()
        matrix = D[1:, 1:] - D[0, 0].mapped(lambda c: c * np.eye(d))
        values = Polynomial.affine(np.eye(n + d)[n:], np.zeros(d))
        return D[1:, 0].placed(range(n), n + d) + matrix.placed(range(n), n + d).product(values, "ij,j->i")

    def element(self, g: np.ndarray) -> np.ndarray:
        time, space = _split(g, "Velocity")
        return space / time

    def __repr__(self) -> str:
        return "Velocity"


@dataclass(frozen=True)
class Wavefunction(AbstractRepresentation):
    r"""The wave function psi = (re, im) of a particle under the Galilei and Schroedinger groups.

    Under the field tau d_t + xi . d_x it moves by (i theta + weight div_x(xi) / d) psi with
    d_i theta = (mass / hbar) d_t xi_i: under the boost t d_x by i (mass x / hbar) psi, which makes it a symmetry of
    i hbar psi_t = -hbar^2 / (2 mass) Laplace psi. Boosts and translations then commute up to a constant phase (mass is
    a central charge), so a law must also be invariant under phases.

    Parameters
    ----------
    mass, hbar: fix the phase; hbar is positive.
    weight: how psi scales with lengths; -d / 2 keeps the total probability, and the expansions need it.
    diffusive: a real density u of a diffusion instead, one component, that moves by (-theta + weight div_x(xi) / d) u:
        for u_t = kappa Laplace u take mass = 1 / (2 kappa) and hbar = 1.

    Elements: rotations and parity leave it, dilations scale it, and the reversal of time conjugates psi.

    Raises InputError where tau depends on x, where d_t xi is no gradient (a rotating frame), for an element that is a
    boost, and for the reversal of time of a diffusion.

    Reference: Niederer 1972, Helv. Phys. Acta 45, 802; Olver 1993, Applications of Lie Groups to Differential
    Equations, example 2.41.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.groups.polynomial import Polynomial
    >>> boost = Polynomial.affine([[0.0, 0.0], [1.0, 0.0]], [0.0, 0.0])
    >>> sd.Wavefunction(2).motion(boost)([0.0, 5.0, 1.0, 0.0]).tolist()  # at x = 5, psi = 1
    [0.0, 10.0]
    """

    mass: float
    hbar: float = 1.0
    weight: float = 0.0
    diffusive: bool = False

    def __post_init__(self):
        for name in ("mass", "hbar", "weight"):
            object.__setattr__(self, name, finite(f"Wavefunction: {name}", getattr(self, name)))
        if self.hbar <= 0:
            raise InputError(f"Wavefunction: hbar must be positive, got {self.hbar:g}")
        if not isinstance(self.diffusive, bool):
            raise InputError(f"Wavefunction: diffusive is True or False, got {self.diffusive!r}")

    def size(self, n: int) -> int:
        _dimension(self, n)
        return 1 if self.diffusive else 2

    def motion(self, xi: Polynomial) -> Polynomial:
        n, k, d = xi.n, self.size(xi.n), _absolute_time(xi, "Wavefunction")
        theta = _potential(xi[1:].along(0)).mapped(lambda c: self.mass / self.hbar * c)
        stretch = xi.derivative()[1:, 1:].mapped(lambda c: self.weight / d * np.trace(c) * np.eye(k))
        turn = np.array([[-1.0]]) if self.diffusive else np.array([[0.0, -1.0], [1.0, 0.0]])
        matrix = theta.mapped(lambda c: c * turn) + stretch
        values = Polynomial.affine(np.eye(n + k)[n:], np.zeros(k))
        return matrix.placed(range(n), n + k).product(values, "ij,j->i")

    def element(self, g: np.ndarray) -> np.ndarray:
        time, space = _split(g, "Wavefunction")
        if self.diffusive and time < 0:
            raise InputError("a diffusion has no reversal of time: Wavefunction(diffusive=True) takes no such element")
        scale = abs(np.linalg.det(space)) ** (self.weight / len(space))
        return scale * (np.eye(1) if self.diffusive else np.diag([1.0, np.sign(time)]))

    def __repr__(self) -> str:
        given = {"hbar": (self.hbar, 1.0), "weight": (self.weight, 0.0)}
        more = [f"{name}={value:.12g}" for name, (value, usual) in given.items() if value != usual]
        return f"Wavefunction({', '.join([f'{self.mass:.12g}', *more, *['diffusive=True'] * self.diffusive])})"


Place = _Place()
Velocity = _Velocity()


def _dimension(representation: AbstractRepresentation, n: int) -> int:
    """The dimension of space d = n - 1."""
    if n < 2:
        raise InputError(f"{representation} needs a group of spacetime (t, x, ...), got R^{n}")
    return n - 1


def _absolute_time(xi: Polynomial, what: str) -> int:
    """The dimension of space, after a check that time moves alike everywhere."""
    if xi.n < 2:
        raise InputError(f"{what} needs a group of spacetime (t, x, ...), got R^{xi.n}")
    if xi[0].depends_on(range(1, xi.n)):
        remedy = {"Place": "an event is a Point", "Velocity": "the four-velocity is a Vector"}
        raise InputError(
            f"{what} needs a time that is the same everywhere, and a generator moves time by place, as the boosts of "
            f"relativity do; {remedy.get(what, 'use a Scalar or a Spinor')}"
        )
    return xi.n - 1


def _potential(gradient: Polynomial) -> Polynomial:
    """theta (t, x) with the spatial gradient that is given, shape (d,), and theta(t, 0) = 0."""
    d, e, c = gradient.shape[0], gradient.exponents.array, gradient.coefficients.array
    curl = gradient.derivative()[:, 1:].mapped(lambda J: J - J.T)
    if np.abs(curl.coefficients.array).max(initial=0.0) > _SMALL * np.abs(c).max(initial=0.0):
        raise InputError("Wavefunction needs a d_t xi that is a gradient; in a rotating frame there is none")
    along = e[:, None] + np.eye(gradient.n, dtype=int)[None, 1:]  # x . gradient(t, s x), integrated over s from 0 to 1
    values = c / (1 + e[:, 1:].sum(1, keepdims=True))
    return Polynomial.of(along.reshape(-1, gradient.n), values.reshape(len(e) * d))


def _split(g: np.ndarray, what: str) -> tuple[float, np.ndarray]:
    """The blocks of time and of space of an element that does not mix them."""
    g = np.asarray(g, float)
    if len(g) < 2:
        raise InputError(f"{what} needs a group of spacetime (t, x, ...), got R^{len(g)}")
    if max(np.abs(g[0, 1:]).max(), np.abs(g[1:, 0]).max()) > _SMALL * np.abs(g).max():
        raise InputError(f"{what} has no matrix for an element that mixes time and space; give boosts as generators")
    return float(g[0, 0]), g[1:, 1:]


def _time_sign(g: np.ndarray, what: str) -> float:
    """+1 or -1: whether an element keeps the future. Where it mixes time and space it must keep a light cone."""
    row, column = g[0, 1:], g[1:, 0]
    small = _SMALL * np.abs(g).max()
    if np.abs(row).max(initial=0.0) > small and np.abs(column).max(initial=0.0) > small:
        c = np.sqrt(np.linalg.norm(column) / np.linalg.norm(row))
        scale = np.diag([c] + [1.0] * len(row))
        h, eta = scale @ g / np.diag(scale), np.diag([1.0] + [-1.0] * len(row))
        gram = h.T @ eta @ h
        if gram[0, 0] <= 0 or np.abs(gram - gram[0, 0] * eta).max() > 1e-8 * np.abs(h).max() ** 2:
            raise InputError(f"{what} needs an element of spacetime (time first) that keeps or reverses the future")
    return float(np.sign(g[0, 0]))
