"""What every representation is, and how they are added, multiplied and dualised."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import reduce
from itertools import groupby

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.polynomial import Polynomial, concatenated


@dataclass(frozen=True)
class AbstractRepresentation(abc.ABC):
    """How a quantity of k numbers transforms under a group that moves points of R^n.

    `a + b` is the direct sum, `3 * a` are three copies; quantities that move linearly also have the tensor product
    `a * b`, powers `a ** k` and the dual `a.dual`. `any_size` is True where the quantity may be an array of any shape,
    each entry a copy (scalars, weights); `is_place` where it is a point of the space that the group moves.
    """

    @property
    def any_size(self) -> bool:
        return False

    @property
    def is_place(self) -> bool:
        return False

    @abc.abstractmethod
    def size(self, n: int) -> int:
        """The number of components k for a group that acts on R^n. InputError where there is no such quantity."""

    @abc.abstractmethod
    def motion(self, xi: Polynomial) -> Polynomial:
        """How the quantity at a point p moves under the field xi: shape (k,), a polynomial in the n + k (p, value)."""

    @abc.abstractmethod
    def element(self, g: np.ndarray) -> np.ndarray:
        """The matrix of a linear group element x -> g x: g of shape (n, n) -> (k, k)."""

    def __add__(self, other: AbstractRepresentation) -> AbstractRepresentation:
        if not isinstance(other, AbstractRepresentation):
            return NotImplemented
        return _sum((*_parts(self), *_parts(other)))

    def __mul__(self, other: int | AbstractRepresentation) -> AbstractRepresentation:
        if isinstance(other, AbstractRepresentation):
            return Product((*_factors(self), *_factors(other)))
        if isinstance(other, bool) or not isinstance(other, int):
            return NotImplemented
        if other < 1:
            raise InputError(f"a representation needs at least one copy, got {other} * {self}")
        return self if other == 1 else _sum(_parts(self) * other)

    __rmul__ = __mul__

    def __pow__(self, power: int) -> AbstractRepresentation:
        power = check_integer("a tensor power", power, 1)
        return self if power == 1 else Product(_factors(self) * power)


@dataclass(frozen=True)
class AbstractLinear(AbstractRepresentation):
    """A quantity that moves linearly, with a matrix that is linear in the derivative D xi of the field at its point.

    This is a tensor in the widest sense: v -> linear(D xi(p)) v.
    """

    @abc.abstractmethod
    def linear(self, A: np.ndarray) -> np.ndarray:
        """The matrix of a generator with the derivative A: (n, n) -> (k, k), linear in A."""

    def motion(self, xi: Polynomial) -> Polynomial:
        n, k = xi.n, self.size(xi.n)
        matrix = xi.derivative().mapped(self.linear).placed(range(n), n + k)
        values = Polynomial.affine(np.eye(n + k)[n:], np.zeros(k))
        return matrix.product(values, "ij,j->i")

    @property
    def dual(self) -> AbstractLinear:
        """What pairs with this quantity to a scalar: -linear(A)^T and element(g)^-T, by its own name if it has one."""
        return Dual(self)


@dataclass(frozen=True)
class AbstractSum(AbstractRepresentation):
    """Several representations one after the other along the last axis."""

    parts: tuple[AbstractRepresentation, ...]

    def size(self, n: int) -> int:
        return sum(part.size(n) for part in self.parts)

    def motion(self, xi: Polynomial) -> Polynomial:
        n, total, start, moved = xi.n, self.size(xi.n), xi.n, []
        for part in self.parts:
            k = part.size(n)
            moved.append(part.motion(xi).placed([*range(n), *range(start, start + k)], n + total))
            start += k
        return concatenated(moved)

    def element(self, g: np.ndarray) -> np.ndarray:
        return _diagonal([part.element(g) for part in self.parts])

    def __repr__(self) -> str:
        runs = [(part, len(list(same))) for part, same in groupby(self.parts)]
        return " + ".join(f"{part}" if count == 1 else f"{count}*{_bracketed(part, Product)}" for part, count in runs)


@dataclass(frozen=True, repr=False)
class DirectSum(AbstractSum):
    """Several representations one after the other along the last axis (what `a + b` and `3 * a` make).

    Where all of them move linearly, `a + b` is a `LinearSum`, which can be multiplied.

    Examples
    --------
    >>> import symdyn as sd
    >>> place_and_charge = sd.Point + sd.Scalar
    >>> place_and_charge, place_and_charge.size(3)
    (Point + Scalar, 4)
    """


@dataclass(frozen=True, repr=False)
class LinearSum(AbstractSum, AbstractLinear):
    """The direct sum of quantities that move linearly.

    Examples
    --------
    >>> import symdyn as sd
    >>> field_and_charge = 2 * sd.Vector + sd.Scalar
    >>> field_and_charge, field_and_charge.size(3), field_and_charge.dual
    (2*Vector + Scalar, 7, 2*Covector + Scalar)
    """

    parts: tuple[AbstractLinear, ...]  # pyright: ignore[reportIncompatibleVariableOverride]  (frozen, so narrowing is safe)

    def __post_init__(self):
        for part in self.parts:
            as_linear(part, "a LinearSum")

    def linear(self, A: np.ndarray) -> np.ndarray:
        return _diagonal([part.linear(A) for part in self.parts])

    @property
    def dual(self) -> AbstractLinear:
        return LinearSum(tuple(part.dual for part in self.parts))


@dataclass(frozen=True, repr=False)
class Product(AbstractLinear):
    """The tensor product of quantities that move linearly (what `a * b` and `a ** k` make).

    Components in C order: those of an array with one axis for each factor. Weights, densities and pseudoscalars are
    factors of one component: `Vector * Weight(2)`.

    Examples
    --------
    >>> import symdyn as sd
    >>> charged = sd.Vector * sd.Complex(1)
    >>> charged, charged.size(2), sd.Vector**2 * sd.Weight(-1)
    (Vector*Complex(1), 4, Vector**2*Weight(-1))
    """

    factors: tuple[AbstractLinear, ...]

    def __post_init__(self):
        for factor in self.factors:
            as_linear(factor, "a product")

    @property
    def any_size(self) -> bool:
        return all(factor.any_size for factor in self.factors)

    def size(self, n: int) -> int:
        return int(np.prod([factor.size(n) for factor in self.factors]))

    def linear(self, A: np.ndarray) -> np.ndarray:
        def both(left, right):  # the derivative of the product of matrices
            return np.kron(left, np.eye(len(right))) + np.kron(np.eye(len(left)), right)

        return reduce(both, [factor.linear(A) for factor in self.factors])

    def element(self, g: np.ndarray) -> np.ndarray:
        return reduce(np.kron, [factor.element(g) for factor in self.factors])

    @property
    def dual(self) -> AbstractLinear:
        return Product(tuple(factor.dual for factor in self.factors))

    def __repr__(self) -> str:
        runs = [(factor, len(list(same))) for factor, same in groupby(self.factors)]
        texts = [(_bracketed(factor, AbstractSum), count) for factor, count in runs]
        return "*".join(text if count == 1 else f"{text}**{count}" for text, count in texts)


@dataclass(frozen=True, repr=False)
class Dual(AbstractLinear):
    """The dual of a quantity, -linear(A)^T and element(g)^-T: the pairing sum_i a_i b_i is a scalar.

    Made by `a.dual`, which knows the duals that have a name: `Vector.dual` is `Covector`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Vector.dual, sd.Axial.dual, sd.Axial.dual.dual
    (Covector, Dual(Axial), Axial)
    """

    representation: AbstractLinear

    def __post_init__(self):
        as_linear(self.representation, "a dual")

    def size(self, n: int) -> int:
        return self.representation.size(n)

    def linear(self, A: np.ndarray) -> np.ndarray:
        return -self.representation.linear(A).T

    def element(self, g: np.ndarray) -> np.ndarray:
        return np.linalg.inv(self.representation.element(g)).T

    @property
    def dual(self) -> AbstractLinear:
        return self.representation

    def __repr__(self) -> str:
        return f"Dual({self.representation})"


def as_linear(representation, what: str) -> AbstractLinear:
    """The representation itself. InputError where it does not move linearly."""
    if not isinstance(representation, AbstractLinear):
        raise InputError(
            f"{what} needs quantities that move linearly, such as Vector or Weight(1), got {representation!r}"
        )
    return representation


def check_integer(what: str, value, least: int) -> int:
    """An integer of Python; InputError for anything else and for less than `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{what} needs an integer >= {least}, got {value!r}")
    return int(value)


def finite(what: str, value) -> float:
    """A finite number as a float; InputError for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise InputError(f"{what} needs a finite number, got {value!r}")
    return number


def _bracketed(representation: AbstractRepresentation, kind: type) -> str:
    return f"({representation})" if isinstance(representation, kind) else f"{representation}"


def _sum(parts: tuple[AbstractRepresentation, ...]) -> AbstractRepresentation:
    linear = tuple(part for part in parts if isinstance(part, AbstractLinear))
    return LinearSum(linear) if len(linear) == len(parts) else DirectSum(parts)


def _parts(representation: AbstractRepresentation) -> tuple[AbstractRepresentation, ...]:
    return representation.parts if isinstance(representation, AbstractSum) else (representation,)


def _factors(representation: AbstractRepresentation) -> tuple[AbstractLinear, ...]:
    if isinstance(representation, Product):
        return representation.factors
    return (as_linear(representation, "a product"),)


def _diagonal(blocks: list[np.ndarray]) -> np.ndarray:
    from scipy.linalg import block_diag

    return np.asarray(block_diag(*blocks))
