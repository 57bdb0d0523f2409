"""Arrays of polynomials: vector fields and matrix fields whose calculus is exact."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen


@dataclass(frozen=True)
class Polynomial:
    """An array of polynomials in n variables, x -> sum_m c_m x^(e_m).

    `exponents` (k, n) integers, different rows; `coefficients` (k, *shape): one array for each monomial. Kept in one
    order and without zeros, so that equal polynomials compare equal.

    Examples
    --------
    >>> from symdyn.groups.polynomial import Polynomial
    >>> boost = Polynomial.of([[1, 0]], [[0.0, 1.0]])  # t -> 0, x -> t, in the variables (t, x)
    >>> boost.derivative().coefficients.array.tolist()
    [[[0.0, 0.0], [1.0, 0.0]]]
    """

    exponents: Frozen
    coefficients: Frozen

    @classmethod
    def of(cls, exponents, coefficients) -> Polynomial:
        """From monomials (k, n) that may repeat and coefficients (k, *shape) that may be zero."""
        exponents, values = np.asarray(exponents, int), np.asarray(coefficients, float)
        unique, place = np.unique(exponents, axis=0, return_inverse=True)
        summed = np.zeros((len(unique), *values.shape[1:]))
        np.add.at(summed, place.ravel(), values)
        keep = np.flatnonzero(np.any(summed.reshape(len(unique), -1), axis=1)) if values.size else []
        return cls(Frozen(unique[keep]), Frozen(summed[keep]))

    @classmethod
    def constant(cls, n: int, value) -> Polynomial:
        """The array that does not depend on the n variables."""
        return cls.of(np.zeros((1, n), int), np.asarray(value, float)[None])

    @classmethod
    def affine(cls, matrix, shift) -> Polynomial:
        """x -> A x + a for A of shape (*shape, n) and a of shape (*shape)."""
        A, a = np.asarray(matrix, float), np.asarray(shift, float)
        n = A.shape[-1]
        exponents = np.concatenate([np.zeros((1, n), int), np.eye(n, dtype=int)])
        return cls.of(exponents, np.concatenate([a[None], np.moveaxis(A, -1, 0)]))

    @property
    def n(self) -> int:
        """The number of variables."""
        return self.exponents.shape[1]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array of polynomials."""
        return self.coefficients.shape[1:]

    @property
    def degree(self) -> int:
        """The highest total degree; 0 for the zero polynomial."""
        return int(self.exponents.array.sum(1).max(initial=0))

    @property
    def norms(self) -> np.ndarray:
        """The norm of the coefficients of each entry along the first axis."""
        return np.sqrt((self.coefficients.array**2).sum(axis=(0, *range(2, self.coefficients.array.ndim))))

    def __call__(self, x):
        """The value at one point x (n,), NumPy or JAX: shape (*shape)."""
        size = int(np.prod(self.shape))
        if self.degree <= 1:
            matrix = self.linear_part.reshape(size, self.n)
            return (matrix @ x + self.constant_part.reshape(size)).reshape(self.shape)
        values = jnp.stack([_monomial(x, row) for row in self.exponents.array])
        return (values @ self.coefficients.array.reshape(len(values), size)).reshape(self.shape)

    def at(self, points: np.ndarray) -> np.ndarray:
        """The values at many points (m, n), in NumPy: shape (m, *shape)."""
        monomials = np.ones((len(points), len(self.exponents)))
        for v in np.flatnonzero(self.exponents.array.any(0)):
            monomials *= points[:, v, None] ** self.exponents.array[:, v]
        return np.tensordot(monomials, self.coefficients.array, axes=1)

    def coefficient(self, exponent) -> np.ndarray:
        """The coefficients of one monomial: shape (*shape)."""
        found = np.flatnonzero((self.exponents.array == np.asarray(exponent, int)).all(1))
        return np.asarray(self.coefficients.array[found[0]]) if found.size else np.zeros(self.shape)

    @property
    def linear_part(self) -> np.ndarray:
        """The coefficients of the variables: shape (*shape, n)."""
        return np.stack([self.coefficient(e) for e in np.eye(self.n)], axis=-1)

    @property
    def constant_part(self) -> np.ndarray:
        """The value at the origin: shape (*shape)."""
        return self.coefficient(np.zeros(self.n))

    def __getitem__(self, index) -> Polynomial:
        """Some of the polynomials, by any NumPy index."""
        index = index if isinstance(index, tuple) else (index,)
        return Polynomial.of(self.exponents, self.coefficients.array[(slice(None), *index)])

    def __add__(self, other: Polynomial) -> Polynomial:
        values = np.concatenate([self.coefficients.array, other.coefficients.array])
        return Polynomial.of(np.concatenate([self.exponents.array, other.exponents.array]), values)

    def __neg__(self) -> Polynomial:
        return Polynomial(self.exponents, Frozen(-self.coefficients.array))

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def product(self, other: Polynomial, subscripts: str) -> Polynomial:
        """The product of two arrays, contracted as `numpy.einsum` does: `"ij,j->i"` for a matrix and a vector."""
        left, right = subscripts.split("->")[0].split(",")
        subscripts = f"m{left},n{right}->mn{subscripts.split('->')[1]}".replace("...", "")
        values = np.einsum(subscripts, self.coefficients.array, other.coefficients.array)
        exponents = self.exponents.array[:, None] + other.exponents.array[None]
        k = len(self.exponents) * len(other.exponents)
        return Polynomial.of(exponents.reshape(k, self.n), values.reshape(k, *values.shape[2:]))

    def mapped(self, linear: Callable[[np.ndarray], np.ndarray]) -> Polynomial:
        """A linear function of the array, applied to each coefficient."""
        values = [linear(c) for c in (*self.coefficients.array, self._zero())]  # the last one tells the shape
        return Polynomial.of(self.exponents, np.stack(values)[:-1])

    def _zero(self) -> np.ndarray:
        return np.zeros(self.shape)

    def derivative(self) -> Polynomial:
        """The derivatives by the variables, along a new last axis: shape (*shape, n)."""
        e, c = self.exponents.array, self.coefficients.array
        terms, variables = np.nonzero(e)
        values = np.zeros((len(terms), *self.shape, self.n))
        exponents = e[terms]
        for row, (m, v) in enumerate(zip(terms, variables, strict=True)):
            exponents[row, v] -= 1
            values[row, ..., v] = e[m, v] * c[m]
        return Polynomial.of(exponents, values)

    def along(self, variable: int) -> Polynomial:
        """The derivative by one variable: the same shape."""
        e = self.exponents.array
        terms = np.flatnonzero(e[:, variable])
        power = e[terms, variable].reshape(-1, *(1,) * len(self.shape))
        exponents = e[terms] - np.eye(self.n, dtype=int)[variable]
        return Polynomial.of(exponents, power * self.coefficients.array[terms])

    def times(self, variable: int) -> Polynomial:
        """The product with one variable: the same shape."""
        return Polynomial.of(self.exponents.array + np.eye(self.n, dtype=int)[variable], self.coefficients)

    def composed(self, matrix: np.ndarray) -> Polynomial:
        """The same after a linear map, x -> p(B x) for B of shape (n, n)."""
        forms = [Polynomial.affine(row[None], np.zeros(1))[0] for row in np.asarray(matrix, float)]
        whole = Polynomial.constant(self.n, self._zero())
        for exponent, value in zip(self.exponents.array, self.coefficients.array, strict=True):
            factor = Polynomial.constant(self.n, 1.0)
            for v in np.repeat(np.arange(self.n), exponent):
                factor = factor.product(forms[v], ",->")
            whole = whole + factor.mapped(lambda c, value=value: c * value)
        return whole

    def placed(self, columns: Sequence[int] | np.ndarray, n: int) -> Polynomial:
        """The same in n variables, of which `columns` are the present ones; several may be the same."""
        exponents = np.zeros((len(self.exponents), n), int)
        np.add.at(exponents.T, np.asarray(columns, int), self.exponents.array.T)
        return Polynomial.of(exponents, self.coefficients)

    def depends_on(self, variables: Sequence[int] | np.ndarray) -> bool:
        """Whether any of the given variables occurs."""
        return bool(self.exponents.array[:, list(variables)].any())

    def powers_of(self, variable: int) -> dict[int, Polynomial]:
        """The coefficients of the powers of one variable, without that variable: in n - 1 variables."""
        e = self.exponents.array
        rest = np.delete(e, variable, axis=1)
        return {
            int(k): Polynomial.of(rest[e[:, variable] == k], self.coefficients.array[e[:, variable] == k])
            for k in np.unique(e[:, variable])
        }


def stacked(parts: Sequence[Polynomial]) -> Polynomial:
    """Polynomials of one shape along a new first axis."""
    exponents, values = [], []
    for k, part in enumerate(parts):
        place = np.zeros((len(part.exponents), len(parts), *part.shape))
        place[:, k] = part.coefficients.array
        exponents.append(part.exponents.array)
        values.append(place)
    return Polynomial.of(np.concatenate(exponents), np.concatenate(values))


def concatenated(parts: Sequence[Polynomial]) -> Polynomial:
    """Polynomials (k, ...) one after the other along their first axis."""
    total, start, exponents, values = sum(part.shape[0] for part in parts), 0, [], []
    for part in parts:
        place = np.zeros((len(part.exponents), total, *part.shape[1:]))
        place[:, start : start + part.shape[0]] = part.coefficients.array
        start += part.shape[0]
        exponents.append(part.exponents.array)
        values.append(place)
    return Polynomial.of(np.concatenate(exponents), np.concatenate(values))


def _monomial(x, exponent: np.ndarray):
    """x^e as repeated products, which have derivatives at zero."""
    value = jnp.ones_like(x[0])
    for v in np.flatnonzero(exponent):
        value = value * x[v] ** int(exponent[v])
    return value


_FACTOR = re.compile(
    r"\s*\*?\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)(?:\s*/\s*(\d+))?|([^\W\d]\w*)(?:\s*(?:\^|\*\*)\s*(\d+))?)"
)
_SIGN = re.compile(r"\s*([+-])")


def read_polynomial(text: str, names: Sequence[str]) -> Polynomial:
    """Read one polynomial such as `"2 t x - u^2 / 3"` in the named variables: shape ().

    Terms are joined by + and -; factors stand side by side or with `*`: numbers, fractions `1/3`, names, names to a
    power. Raises InputError that shows where reading stopped.

    Examples
    --------
    >>> from symdyn.groups.polynomial import read_polynomial
    >>> read_polynomial("2 t x - u^2", ("t", "x", "u")).exponents.array.tolist()
    [[0, 0, 2], [1, 1, 0]]
    """
    places = {name: k for k, name in enumerate(names)}
    exponents, values, position, first = [], [], 0, True
    while first or text[position:].strip():
        sign = _SIGN.match(text, position)
        if sign is None and not first:
            raise _unread(text, position, names)
        position = sign.end() if sign else position
        value, exponent = -1.0 if sign and sign[1] == "-" else 1.0, np.zeros(len(names), int)
        start = position
        while factor := _FACTOR.match(text, position):
            number, below, name, power = factor.groups()
            if name is not None and name not in places:
                raise _unread(text, position, names)
            if name is None:
                value *= float(number) / float(below or 1)
            else:
                exponent[places[name]] += int(power or 1)
            position = factor.end()
        below = re.match(r"\s*/\s*(\d+)", text[position:])
        if below and position > start:
            value, position = value / float(below[1]), position + below.end()
        if position == start:
            raise _unread(text, position, names)
        exponents.append(exponent)
        values.append(value)
        first = False
    return Polynomial.of(np.array(exponents).reshape(-1, len(names)), np.array(values))


def _unread(text: str, position: int, names: Sequence[str]) -> InputError:
    rest = text[position:].strip()
    return InputError(
        f"cannot read the polynomial {text!r} at {rest!r}; write sums of products such as '2 t x - u^2 / 3' in the "
        f"variables {', '.join(names)}"
    )
