"""Feature spaces beside those of a Laplacian: symmetric polynomials without their harmonics, and a user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.spectral.spaces import AbstractFeatureSpace, powers, values_at


@dataclass(frozen=True)
class PowerSums(AbstractFeatureSpace):
    r"""Products of power sums $\sum_i x_i^k$ up to a total degree: functions that no permutation of the axes changes.

    They are all symmetric polynomials of that degree, without a way over those that are not: 72 up to degree 10 on
    $S^9$, where there are 140 998 harmonics. Orthonormal, degree by degree, on `count` points of the domain.

    Parameters
    ----------
    dimension: n, how many values are exchanged.
    degree: the highest total degree.
    sphere: on the unit sphere, where the sum of squares is one; or under a standard normal distribution.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.PowerSums(10, 10).size
    72
    """

    dimension: int
    degree: int
    sphere: bool = True

    def __post_init__(self):
        if self.dimension < 2 or self.degree < 0:
            raise InputError(f"PowerSums needs dimension >= 2 and degree >= 0, got {self}")

    @cached_property
    def products(self) -> list[tuple[int, ...]]:
        """The powers k whose sums are multiplied, by total degree; none above n, which the others give."""
        powers = [k for k in range(1, min(self.dimension, self.degree) + 1) if not (self.sphere and k == 2)]
        out = [p for total in range(self.degree + 1) for p in _partitions(total, powers)]
        return sorted(out, key=lambda p: (sum(p), p))

    @cached_property
    def change(self) -> np.ndarray:
        """From products of power sums to orthonormal functions: (size, size), triangular."""
        count = 40 * len(self.products) + 1000
        raw = _sums(self.products, self.draw(count, 1))
        upper = np.linalg.qr(raw / np.sqrt(count))[1]
        return np.linalg.inv(upper * np.sign(np.diag(upper))[:, None]).T

    @property
    def size(self) -> int:
        return len(self.products)

    @property
    def levels(self) -> np.ndarray:
        return np.array([sum(p) for p in self.products])

    @property
    def eigenvalues(self) -> np.ndarray:
        return self.levels * (self.levels + (self.dimension - 2.0 if self.sphere else 0.0))

    def features(self, x) -> Any:
        import jax.numpy as jnp

        totals = powers(x, self.degree).sum(axis=1)
        found = [jnp.prod(totals[np.array(p, np.int32)]) if p else jnp.ones(()) for p in self.products]
        return self.change @ jnp.stack(found)

    def off(self, points: np.ndarray) -> float:
        return float(np.abs(np.linalg.norm(points, axis=1) - 1).max()) if self.sphere else 0.0

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        x = np.random.default_rng(seed).normal(size=(count, self.dimension))
        return x / np.linalg.norm(x, axis=1, keepdims=True) if self.sphere else x


def _sums(products: list[tuple[int, ...]], points: np.ndarray) -> np.ndarray:
    """Products of power sums at points (m, n): (m, size)."""
    most = max((max(p) for p in products if p), default=0)
    totals = np.stack([(points**k).sum(axis=1) for k in range(most + 1)], axis=1)
    return np.stack([totals[:, np.array(p, int)].prod(axis=1) for p in products], axis=1)


def _partitions(total: int, parts: list[int]) -> list[tuple[int, ...]]:
    """All sorted tuples of parts with a sum."""
    if total == 0:
        return [()]
    return [
        (*rest, largest)
        for largest in parts
        if largest <= total
        for rest in _partitions(total - largest, [k for k in parts if k <= largest])
    ]


class OwnFeatures(AbstractFeatureSpace):
    """Functions of your own, on points of your own.

    Parameters
    ----------
    function: one point (n,) to the values (size,), by JAX.
    points: points (m, n) that stand for the domain, at least twice as many as functions; maps of the group are read off
        them, and a set of functions that the group does not map to itself is found out there.
    eigenvalues: how rough the functions are, (size,); zero without them.

    Raises InputError for too few points, and for functions that are linearly dependent on them.

    Examples
    --------
    >>> import numpy as np, jax.numpy as jnp, symdyn as sd
    >>> points = np.random.default_rng(0).normal(size=(20, 2))
    >>> sd.OwnFeatures(lambda x: jnp.stack([x[0], x[1], x[0] * x[1]]), points).size
    3
    """

    def __init__(self, function: Callable, points, eigenvalues=None):
        self.function, self.points = function, np.array(points, np.float64)
        if self.points.ndim != 2:
            raise InputError(f"points need the shape (m, n), got {self.points.shape}")
        self.dimension = self.points.shape[1]
        values = values_at(self, self.points)
        if len(values) < 2 * values.shape[1]:
            raise InputError(
                f"{values.shape[1]} functions need {2 * values.shape[1]} points or more, got {len(values)}"
            )
        if np.linalg.matrix_rank(values) < values.shape[1]:
            raise InputError("the functions are linearly dependent on the points; leave some out")
        self._eigenvalues = np.zeros(values.shape[1]) if eigenvalues is None else np.array(eigenvalues, np.float64)
        if self._eigenvalues.shape != (values.shape[1],):
            raise InputError(f"eigenvalues need the shape ({values.shape[1]},), got {self._eigenvalues.shape}")

    @property
    def size(self) -> int:
        return len(self._eigenvalues)

    @property
    def levels(self) -> np.ndarray:
        return np.zeros(self.size, int)  # nothing is known of what mixes

    @property
    def eigenvalues(self) -> np.ndarray:
        return self._eigenvalues

    def features(self, x) -> Any:
        return self.function(x)

    def off(self, points: np.ndarray) -> float:
        return 0.0

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        order = np.random.default_rng(seed).permutation(len(self.points))
        return self.points[order[: max(count, 2 * self.size)]]
