r"""Feature spaces that a group maps to themselves: eigenfunctions of the Laplacian on a torus and on spheres, Hermite
functions, and a user's own.

In each, $\phi(g x) = R(g) \phi(x)$ with a matrix $R(g)$, so that invariance is linear algebra on coefficients.
"""

from __future__ import annotations

import abc
import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision

LARGEST = 60_000  # features: more are a mistake in the degree


class AbstractFeatureSpace(abc.ABC):
    """Real functions on R^n (or a manifold in it), orthonormal under a reference measure where one is named.

    `dimension`: n; `size`: how many functions; `levels` (size,): whole numbers, equal for functions that isometries of
    the manifold mix; `eigenvalues` (size,): of minus the Laplacian, or what stands for it: how rough the functions are.
    """

    dimension: int

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many functions."""

    @property
    @abc.abstractmethod
    def levels(self) -> np.ndarray:
        """Whole numbers (size,), equal for functions that isometries mix."""

    @property
    @abc.abstractmethod
    def eigenvalues(self) -> np.ndarray:
        """How rough the functions are, (size,)."""

    @abc.abstractmethod
    def features(self, x) -> Any:
        """All functions at one point: (n,) to (size,), by JAX."""

    @abc.abstractmethod
    def off(self, points: np.ndarray) -> float:
        """How far the farthest of the points (m, n) is from the domain; 0.0 where that is all of R^n."""

    @abc.abstractmethod
    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        """Points (count, n) of the reference measure."""

    def __call__(self, points) -> np.ndarray:
        """All functions at points (m, n): (m, size), in float64.

        Raises InputError for points of another dimension, and for missing values.
        """
        return values_at(self, points)


def values_at(space: AbstractFeatureSpace, points) -> np.ndarray:
    """All functions at points (m, n): (m, size)."""
    import jax.numpy as jnp

    x = checked_points(points, space.dimension)
    if len(x) and space.off(x) > 1e-6:
        raise InputError(f"points are up to {space.off(x):.3g} off the domain of {space}; project them onto it first")
    with double_precision():
        return np.asarray(_compiled(space)(jnp.asarray(x))) if len(x) else np.zeros((0, space.size))


def checked_points(points, dimension: int) -> np.ndarray:
    """Points (m, n) in float64. Raises InputError for another shape, and for missing values."""
    x = np.asarray(points, np.float64)
    if x.ndim != 2 or x.shape[1] != dimension:
        raise InputError(f"points need the shape (m, {dimension}), got {x.shape}")
    if not np.isfinite(x).all():
        raise InputError(f"{int((~np.isfinite(x)).any(axis=1).sum())} points have missing values; leave them out")
    return x


@lru_cache(maxsize=64)
def _compiled(space: AbstractFeatureSpace):
    import jax

    return jax.jit(jax.vmap(space.features))


@dataclass(frozen=True)
class TorusWaves(AbstractFeatureSpace):
    r"""Waves $\cos$ and $\sin(2 \pi k \cdot x / P)$ on a torus of period P, for all whole $k$ with $|k|^2 \le r$.

    Parameters
    ----------
    dimension: n, of the torus; 1 is the circle.
    most: r, the largest squared length of wave numbers.
    period: P, along each axis.

    Raises InputError for settings that are not positive, and for more than 60 000 waves.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.TorusWaves(2, 2).size
    9
    """

    dimension: int
    most: int
    period: float = 1.0

    def __post_init__(self):
        if self.dimension < 1 or self.most < 0 or not self.period > 0:
            raise InputError(f"TorusWaves needs dimension >= 1, most >= 0 and a period, got {self}")
        _check_size(len(self.half) * 2 - 1, self)

    @cached_property
    def half(self) -> np.ndarray:
        """Wave numbers, one of each pair k, -k, the zero first: (h, n)."""
        return np.array(sorted(_half_ball(self.dimension, self.most), key=lambda k: (sum(c * c for c in k), k)))

    @property
    def size(self) -> int:
        return 2 * len(self.half) - 1

    @property
    def levels(self) -> np.ndarray:
        squares = (self.half**2).sum(axis=1)
        return np.concatenate([squares, squares[1:]])

    @property
    def eigenvalues(self) -> np.ndarray:
        return self.levels * (2 * np.pi / self.period) ** 2

    def features(self, x) -> Any:
        import jax.numpy as jnp

        angle = 2 * np.pi / self.period * (jnp.asarray(self.half[1:]) @ x)
        return jnp.concatenate([jnp.ones(1), np.sqrt(2) * jnp.cos(angle), np.sqrt(2) * jnp.sin(angle)])

    def off(self, points: np.ndarray) -> float:
        return 0.0

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).uniform(0, self.period, (count, self.dimension))


def _half_ball(n: int, most: int) -> list[tuple[int, ...]]:
    """Whole vectors of squared length up to `most`, zero, and of each pair the one whose first entry is positive."""
    out: list[tuple[int, ...]] = []

    def extend(head: tuple[int, ...], left: int, signed: bool) -> None:
        if len(head) == n:
            out.append(head)
            if len(out) > LARGEST:
                raise InputError(f"more than {LARGEST} waves of squared length up to {most} in {n} dimensions")
            return
        reach = math.isqrt(left)
        for c in range(-reach if signed else 0, reach + 1):
            extend((*head, c), left - c * c, signed or c > 0)

    extend((), most, False)
    return out


@dataclass(frozen=True)
class SphereHarmonics(AbstractFeatureSpace):
    r"""Spherical harmonics up to a degree on the unit sphere $S^{n - 1}$ in $R^n$, of any dimension.

    Harmonic homogeneous polynomials, orthonormal for the uniform measure of total mass 1. Of degree k there are
    $\binom{n + k - 1}{k} - \binom{n + k - 3}{k - 2}$, with eigenvalue $k (k + n - 2)$.

    Parameters
    ----------
    dimension: n >= 2, of the space around the sphere.
    degree: the highest.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SphereHarmonics(3, 4).size
    25
    """

    dimension: int
    degree: int

    def __post_init__(self):
        if self.dimension < 2 or self.degree < 0:
            raise InputError(f"SphereHarmonics needs dimension >= 2 and degree >= 0, got {self}")
        _check_size(sum(_harmonics(self.dimension, k) for k in range(self.degree + 1)), self)

    @property
    def size(self) -> int:
        return len(self.levels)

    @property
    def levels(self) -> np.ndarray:
        return np.repeat(np.arange(self.degree + 1), [_harmonics(self.dimension, k) for k in range(self.degree + 1)])

    @property
    def eigenvalues(self) -> np.ndarray:
        return self.levels * (self.levels + self.dimension - 2.0)

    @cached_property
    def polynomials(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each degree the exponents (M, n) of its monomials and the coefficients (m, M) of its harmonics."""
        return [_harmonic_polynomials(self.dimension, k) for k in range(self.degree + 1)]

    def features(self, x) -> Any:
        import jax.numpy as jnp

        table = powers(x, self.degree)
        return jnp.concatenate([c @ _monomials(table, e) for e, c in self.polynomials])

    def off(self, points: np.ndarray) -> float:
        return float(np.abs(np.linalg.norm(points, axis=1) - 1).max())

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        x = np.random.default_rng(seed).normal(size=(count, self.dimension))
        return x / np.linalg.norm(x, axis=1, keepdims=True)


def _harmonics(n: int, k: int) -> int:
    return math.comb(n + k - 1, k) - (math.comb(n + k - 3, k - 2) if k >= 2 else 0)


def _harmonic_polynomials(n: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Exponents (M, n) and orthonormal harmonics (m, M): the null space of the Laplacian in the Fischer product."""
    import scipy.linalg

    high = _exponents(n, k)
    scale = np.array([1 / math.sqrt(math.prod(math.factorial(c) for c in e)) for e in high.tolist()])
    norm = math.sqrt(2**k * math.gamma(k + n / 2) / math.gamma(n / 2))  # of the uniform measure by that of Fischer
    if k < 2:
        return high, norm * np.diag(scale)
    low = {tuple(e): i for i, e in enumerate(_exponents(n, k - 2).tolist())}
    laplacian = np.zeros((len(low), len(high)))
    for column, e in enumerate(high.tolist()):
        for i, c in enumerate(e):
            if c >= 2:
                laplacian[low[(*e[:i], c - 2, *e[i + 1 :])], column] = math.sqrt(c * (c - 1))
    return high, norm * scipy.linalg.null_space(laplacian).T * scale


@dataclass(frozen=True)
class HermiteFunctions(AbstractFeatureSpace):
    r"""Products of Hermite polynomials up to a total degree: orthonormal for a standard normal distribution on $R^n$.

    They are eigenfunctions of the Ornstein-Uhlenbeck operator, with the degree as eigenvalue; orthogonal maps mix those
    of one degree. Data that are far from a standard normal distribution are to be scaled, by one number for all axes
    that the group mixes.

    Parameters
    ----------
    dimension: n >= 1.
    degree: the highest total degree.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.HermiteFunctions(3, 2).size
    10
    """

    dimension: int
    degree: int

    def __post_init__(self):
        if self.dimension < 1 or self.degree < 0:
            raise InputError(f"HermiteFunctions needs dimension >= 1 and degree >= 0, got {self}")
        _check_size(math.comb(self.dimension + self.degree, self.degree), self)

    @cached_property
    def exponents(self) -> np.ndarray:
        """Degrees by axis, (size, n)."""
        return np.concatenate([_exponents(self.dimension, k) for k in range(self.degree + 1)])

    @property
    def size(self) -> int:
        return len(self.exponents)

    @property
    def levels(self) -> np.ndarray:
        return self.exponents.sum(axis=1)

    @property
    def eigenvalues(self) -> np.ndarray:
        return self.levels.astype(float)

    def features(self, x) -> Any:
        import jax.numpy as jnp

        table = [jnp.ones_like(x), x]
        for k in range(1, self.degree):
            table.append((x * table[k] - math.sqrt(k) * table[k - 1]) / math.sqrt(k + 1))
        return _monomials(jnp.stack(table), self.exponents)

    def off(self, points: np.ndarray) -> float:
        return 0.0

    def draw(self, count: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(count, self.dimension))


def _check_size(size: int, space: AbstractFeatureSpace) -> None:
    if size > LARGEST:
        raise InputError(f"{space} has {size} functions, more than {LARGEST}; lower the degree")


def _exponents(n: int, k: int) -> np.ndarray:
    """Whole vectors (M, n) >= 0 with sum k."""
    bars = itertools.combinations(range(k + n - 1), n - 1)
    cuts = np.array([(-1, *b, k + n - 1) for b in bars])
    return np.diff(cuts, axis=1) - 1


def powers(x, degree: int):
    """x^0, ..., x^degree: (degree + 1, n)."""
    import jax.numpy as jnp

    table = [jnp.ones_like(x)]
    for _ in range(degree):
        table.append(table[-1] * x)
    return jnp.stack(table)


def _monomials(table, exponents: np.ndarray):
    """Products over the axes of entries (exponent, axis) of a table: (M,)."""
    import jax.numpy as jnp

    columns = np.arange(exponents.shape[1], dtype=np.int32)  # as JAX counts by default
    return jnp.prod(table[exponents.astype(np.int32), columns], axis=1)
