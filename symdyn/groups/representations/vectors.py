"""Scalars, vectors and their kin: what the matrix of a generator and its trace and determinant make at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.polynomial import Polynomial, concatenated
from symdyn.groups.representations.base import AbstractLinear, AbstractRepresentation, finite


@dataclass(frozen=True, repr=False)
class _Scalar(AbstractLinear):
    """A quantity that the group does not change: a scalar, or an array of scalars of any size.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Scalar.element(np.diag([-1.0, 1.0])).tolist()
    [[1.0]]
    """

    @property
    def any_size(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.zeros((1, 1))

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.ones((1, 1))

    @property
    def dual(self) -> AbstractLinear:
        return self

    def __repr__(self) -> str:
        return "Scalar"


@dataclass(frozen=True, repr=False)
class _Pseudoscalar(AbstractLinear):
    """A scalar that changes its sign with the orientation, sign(det g): helicity; in the plane, vorticity.

    Under a group of spacetime a reversal of time counts too; what is odd under parity only is
    `TimeOdd(Pseudoscalar)`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Pseudoscalar.element(np.diag([-1.0, 1.0, 1.0])).tolist()
    [[-1.0]]
    """

    @property
    def any_size(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.zeros((1, 1))

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.array([[np.sign(np.linalg.det(g))]])

    @property
    def dual(self) -> AbstractLinear:
        return self

    def __repr__(self) -> str:
        return "Pseudoscalar"


@dataclass(frozen=True, repr=False)
class _Vector(AbstractLinear):
    """x -> g x: a velocity, a force; translations do not act.

    Under a group of spacetime it has n = 1 + d components, that of time first. Under Sp(2d) it is the vector of phase
    space, under U(d) and SU(d) on R^(2d) the fundamental representation (real parts first, then imaginary parts).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> (sd.Vector.element(np.diag([-1.0, 1.0])) @ [3.0, 4.0]).tolist()
    [-3.0, 4.0]
    """

    def size(self, n: int) -> int:
        return n

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.asarray(A, float)

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.asarray(g, float)

    @property
    def dual(self) -> AbstractLinear:
        return Covector

    def __repr__(self) -> str:
        return "Vector"


@dataclass(frozen=True, repr=False)
class _Covector(AbstractLinear):
    """x -> g^-T x: a gradient, a momentum. Under rotations and reflections the same as a `Vector`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Covector.element(2 * np.eye(2)).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    def size(self, n: int) -> int:
        return n

    def linear(self, A: np.ndarray) -> np.ndarray:
        return 0.0 - np.asarray(A, float).T

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.linalg.inv(g).T

    @property
    def dual(self) -> AbstractLinear:
        return Vector

    def __repr__(self) -> str:
        return "Covector"


@dataclass(frozen=True, repr=False)
class _Axial(AbstractLinear):
    """An axial vector of R^3, g a / det g: a rotation turns it as a vector, a reflection does so and flips it.

    It is the 2-form B_ij = eps_ijk a_k written as a vector: a magnetic field, the curl of a covector. This defines it
    beyond rotations: a scaling by c divides it by c^2. An angular momentum is the bivector `Alt(Vector, 2)`, which is
    the same under rotations and reflections. Under a group of spacetime write `Spatial(Axial)`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> (sd.Axial.element(np.diag([-1.0, 1.0, 1.0])) @ [1.0, 2.0, 3.0]).tolist()
    [1.0, -2.0, -3.0]
    """

    def size(self, n: int) -> int:
        if n != 3:
            hint = {2: "in the plane use Pseudoscalar", 4: "under a group of spacetime use Spatial(Axial)"}
            general = 'the 2-form of R^n is Tensor(0, 2, "antisymmetric")'
            raise InputError(f"Axial needs R^3, got R^{n}; {hint.get(n, general)}")
        return 3

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.asarray(A, float) - np.trace(A) * np.eye(self.size(len(A)))

    def element(self, g: np.ndarray) -> np.ndarray:
        self.size(len(g))
        return np.asarray(g, float) / np.linalg.det(g)

    def __repr__(self) -> str:
        return "Axial"


@dataclass(frozen=True, repr=False)
class _Point(AbstractRepresentation):
    """A place: it moves as the field says there, x -> g x + a for an affine group.

    Under a group of spacetime it is an event, with its time first; the position of a particle is a `Place`.

    Examples
    --------
    >>> import symdyn as sd
    >>> shift = sd.T(2).algebra.generators[0]
    >>> sd.Point.motion(shift)([0.0, 0.0, 5.0, 6.0]).tolist(), sd.Vector.motion(shift)([0.0, 0.0, 5.0, 6.0]).tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """

    @property
    def is_place(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return n

    def motion(self, xi: Polynomial) -> Polynomial:
        return xi.placed(range(xi.n, 2 * xi.n), 2 * xi.n)

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.asarray(g, float)

    def __repr__(self) -> str:
        return "Point"


@dataclass(frozen=True, repr=False)
class _PhaseSpace(AbstractRepresentation):
    """Place and momentum (q_1..q_n, p_1..p_n) under a group that moves places: q -> g q + a, p -> g^-T p.

    The cotangent lift: under a field xi, q moves by xi(q) and p by -D xi(q)^T p, the flow of the Hamiltonian p . xi(q).
    Without translations it is `Vector + Covector`. A group that moves places and momenta together, such as Sp(2d), has
    the whole (q, p) as its `Vector`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.PhaseSpace.element(np.array([[2.0]])).tolist()
    [[2.0, 0.0], [0.0, 0.5]]
    """

    def size(self, n: int) -> int:
        return 2 * n

    def motion(self, xi: Polynomial) -> Polynomial:
        n = xi.n
        places = range(n, 2 * n)
        momenta = Polynomial.affine(np.eye(3 * n)[2 * n :], np.zeros(n))
        pulled = xi.derivative().placed(places, 3 * n).product(momenta, "ji,j->i")
        return concatenated([xi.placed(places, 3 * n), -pulled])

    def element(self, g: np.ndarray) -> np.ndarray:
        return (Vector + Covector).element(g)

    def __repr__(self) -> str:
        return "PhaseSpace"


@dataclass(frozen=True)
class Weight(AbstractLinear):
    """A quantity that scales: under `x -> c x` it becomes `c^weight` times itself, whatever its shape.

    A generator A acts as `weight trace(A) / n`, an element as `|det g|^(weight / n)`: under `Scaling()` that is the
    weight itself, under rotations nothing.

    Parameters
    ----------
    weight: a real number; give it as `2` or `1/3` and the exact calculus reads it as a fraction.

    Raises InputError where the weight is no finite number.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Weight(2).element(3.0 * np.eye(2)).round(6).tolist()
    [[9.0]]
    >>> sd.Scaling().acting_on(position=sd.Weight(2), velocity=sd.Weight(-1), time=sd.Weight(3))
    Scaling on position=Weight(2), velocity=Weight(-1), time=Weight(3)
    """

    weight: float

    def __post_init__(self):
        object.__setattr__(self, "weight", finite("Weight", self.weight))

    @property
    def any_size(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.array([[self.weight * np.trace(A) / len(A)]])

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.array([[abs(np.linalg.det(g)) ** (self.weight / len(g))]])

    @property
    def dual(self) -> AbstractLinear:
        return Weight(-self.weight)

    def __repr__(self) -> str:
        return f"Weight({self.weight:.12g})"


@dataclass(frozen=True)
class Density(AbstractLinear):
    """A quantity per volume to the power `weight`, |det g|^-weight: `Density(1)` is a density of mass or probability.

    Under a field xi a density moves by -weight div(xi): its integral stays. Per volume of space under a group of
    spacetime: `Spatial(Density(1))`.

    Raises InputError where the weight is no finite number.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Density(1).element(2.0 * np.eye(3)).round(6).tolist(), sd.Vector * sd.Density(1)
    ([[0.125]], Vector*Density(1))
    """

    weight: float

    def __post_init__(self):
        object.__setattr__(self, "weight", finite("Density", self.weight))

    @property
    def any_size(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.array([[-self.weight * np.trace(A)]])

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.array([[abs(np.linalg.det(g)) ** -self.weight]])

    @property
    def dual(self) -> AbstractLinear:
        return Density(-self.weight)

    def __repr__(self) -> str:
        return f"Density({self.weight:.12g})"


Scalar = _Scalar()
Pseudoscalar = _Pseudoscalar()
Vector = _Vector()
Covector = _Covector()
Axial = _Axial()
Point = _Point()
PhaseSpace = _PhaseSpace()
