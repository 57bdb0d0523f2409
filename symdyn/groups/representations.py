"""How a quantity transforms: representations of groups of n x n matrices, with sums and copies."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from symdyn._errors import InputError


@dataclass(frozen=True)
class AbstractRepresentation(abc.ABC):
    """How a quantity transforms under a group of affine maps `x -> g x + a` of R^n.

    A subclass says what a generator (A, a) and an element g become on the k numbers of the quantity.
    `a + b` is the direct sum, `3 * a` are three copies. `any_size` is True where the quantity may be an array of
    any shape, each entry a copy (scalars, weights).
    """

    @property
    def any_size(self) -> bool:
        return False

    @abc.abstractmethod
    def size(self, n: int) -> int:
        """The number of components k for a group of n x n matrices."""

    @abc.abstractmethod
    def linear(self, A: np.ndarray) -> np.ndarray:
        """The matrix of a generator: A of shape (n, n) -> (k, k)."""

    @abc.abstractmethod
    def shift(self, a: np.ndarray) -> np.ndarray:
        """What a translation generator adds: a of shape (n,) -> (k,)."""

    @abc.abstractmethod
    def element(self, g: np.ndarray) -> np.ndarray:
        """The matrix of a group element: g of shape (n, n) -> (k, k)."""

    def __add__(self, other: AbstractRepresentation) -> AbstractRepresentation:
        if not isinstance(other, AbstractRepresentation):
            return NotImplemented
        return DirectSum((*_parts(self), *_parts(other)))

    def __mul__(self, copies: int) -> AbstractRepresentation:
        if isinstance(copies, bool) or not isinstance(copies, int):
            return NotImplemented
        if copies < 1:
            raise InputError(f"a representation needs at least one copy, got {copies} * {self}")
        return self if copies == 1 else DirectSum(_parts(self) * copies)

    __rmul__ = __mul__


def _parts(representation: AbstractRepresentation) -> tuple[AbstractRepresentation, ...]:
    return representation.parts if isinstance(representation, DirectSum) else (representation,)


@dataclass(frozen=True, repr=False)
class _Scalar(AbstractRepresentation):
    """A quantity that the group does not change: a scalar, or an array of scalars of any size."""

    @property
    def any_size(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.zeros((1, 1))

    def shift(self, a: np.ndarray) -> np.ndarray:
        return np.zeros(1)

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.ones((1, 1))

    def __repr__(self) -> str:
        return "Scalar"


@dataclass(frozen=True, repr=False)
class _Vector(AbstractRepresentation):
    """x -> g x: a velocity, a force; translations do not act."""

    def size(self, n: int) -> int:
        return n

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.asarray(A, float)

    def shift(self, a: np.ndarray) -> np.ndarray:
        return np.zeros(len(a))

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.asarray(g, float)

    def __repr__(self) -> str:
        return "Vector"


@dataclass(frozen=True, repr=False)
class _Point(AbstractRepresentation):
    """x -> g x + a: a place; translations act."""

    def size(self, n: int) -> int:
        return n

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.asarray(A, float)

    def shift(self, a: np.ndarray) -> np.ndarray:
        return np.asarray(a, float)

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.asarray(g, float)

    def __repr__(self) -> str:
        return "Point"


@dataclass(frozen=True)
class Weight(AbstractRepresentation):
    """A quantity that scales: under `x -> c x` it becomes `c^weight` times itself, whatever its shape.

    A generator A acts as `weight trace(A) / n`, an element as `|det g|^(weight / n)`: under `Scaling()` that is the
    weight itself, under rotations nothing.

    Parameters
    ----------
    weight: a real number; give it as `2` or `1/3` and the exact calculus reads it as a fraction.

    Raises InputError where the weight is no finite number.

    Examples
    --------
    >>> import symdyn as sd
    >>> kepler = sd.Scaling().acting_on(position=sd.Weight(2), velocity=sd.Weight(-1), time=sd.Weight(3))
    >>> kepler.on(sd.StateSpace.of(position=2, velocity=2)).time_weights.array.tolist()
    [3.0]
    """

    weight: float

    def __post_init__(self):
        try:
            weight = float(self.weight)
        except (TypeError, ValueError):
            weight = np.nan
        if not np.isfinite(weight):
            raise InputError(f"Weight needs a finite number, got {self.weight!r}")
        object.__setattr__(self, "weight", weight)

    @property
    def any_size(self) -> bool:
        return True

    def size(self, n: int) -> int:
        return 1

    def linear(self, A: np.ndarray) -> np.ndarray:
        return np.array([[self.weight * np.trace(A) / len(A)]])

    def shift(self, a: np.ndarray) -> np.ndarray:
        return np.zeros(1)

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.array([[abs(np.linalg.det(g)) ** (self.weight / len(g))]])

    def __repr__(self) -> str:
        return f"Weight({self.weight:g})"


@dataclass(frozen=True, repr=False)
class DirectSum(AbstractRepresentation):
    """Several representations one after the other along the last axis (what `a + b` and `3 * a` make).

    Examples
    --------
    >>> import symdyn as sd
    >>> spin_and_charge = 2 * sd.Vector + sd.Scalar
    >>> spin_and_charge, spin_and_charge.size(3)
    (2*Vector + Scalar, 7)
    """

    parts: tuple[AbstractRepresentation, ...]

    def size(self, n: int) -> int:
        return sum(part.size(n) for part in self.parts)

    def linear(self, A: np.ndarray) -> np.ndarray:
        from scipy.linalg import block_diag

        return np.asarray(block_diag(*(part.linear(A) for part in self.parts)))

    def shift(self, a: np.ndarray) -> np.ndarray:
        return np.concatenate([part.shift(a) for part in self.parts])

    def element(self, g: np.ndarray) -> np.ndarray:
        from scipy.linalg import block_diag

        return np.asarray(block_diag(*(part.element(g) for part in self.parts)))

    def __repr__(self) -> str:
        runs = [(part, len(list(same))) for part, same in groupby(self.parts)]
        return " + ".join(f"{part}" if count == 1 else f"{count}*{part}" for part, count in runs)


Scalar = _Scalar()
Vector = _Vector()
Point = _Point()
