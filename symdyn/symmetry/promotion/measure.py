"""Where broken symmetry is measured: inner products of functions over a box, or over the points of data."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.symmetry.discovery.fields import monomials_at

SAMPLES = 400  # states that stand for a measure where the functions are no polynomials
RANK = 1e-12  # of the largest: smaller directions of an empirical Gram matrix are rounding


@dataclass(frozen=True)
class AbstractMeasure:
    """A probability measure mu on states, for the inner product <f, h> = integral of f(x)'h(x) dmu(x)."""

    @abstractmethod
    def coordinates(self, exponents: np.ndarray) -> sparse.csr_matrix:
        """R (k, p) with R'R the Gram matrix of the monomials (p, n): integrals of products become sums."""

    @abstractmethod
    def states(self, n: int) -> np.ndarray:
        """States (m, n) of equal weight that stand for the measure where integrals are not known."""

    @abstractmethod
    def spread(self, n: int) -> np.ndarray:
        """Root mean square of each component (n,)."""


@dataclass(frozen=True)
class UniformBox(AbstractMeasure):
    """The uniform measure on a box.

    `low`, `high`: its corners, one number for all components or one for each. Integrals of polynomials are exact: they
    are expanded in products of normalised Legendre polynomials.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.UniformBox(-1.0, 1.0).spread(2).round(3).tolist()
    [0.577, 0.577]
    """

    low: float | tuple[float, ...] = -1.0
    high: float | tuple[float, ...] = 1.0

    def __post_init__(self):
        low, high = np.atleast_1d(self.low), np.atleast_1d(self.high)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and np.all(low < high)):
            raise InputError(f"a box needs finite corners with low < high, got low={self.low!r}, high={self.high!r}")

    def corners(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """The corners (n,), (n,). InputError where they are of another number of components."""
        for corner in (self.low, self.high):
            if np.ndim(corner) and len(np.atleast_1d(corner)) != n:
                raise InputError(f"the box has {len(np.atleast_1d(corner))} components and the state has {n}")
        return np.broadcast_to(np.asarray(self.low, float), (n,)), np.broadcast_to(np.asarray(self.high, float), (n,))

    def coordinates(self, exponents: np.ndarray) -> sparse.csr_matrix:
        """R (k, p): each monomial in products of normalised Legendre polynomials."""
        low, high = self.corners(exponents.shape[1])
        top = int(exponents.max(initial=0))
        tables = [_legendre(top, float(a), float(b)) for a, b in zip(low, high, strict=True)]
        places: dict[tuple[int, ...], int] = {}
        rows, columns, values = [], [], []
        for j, e in enumerate(exponents.tolist()):
            used = [r for r, power in enumerate(e) if power]
            choices = [[(a, c) for a, c in enumerate(tables[r][e[r]]) if c] for r in used]
            for chosen in product(*choices):
                degree = [0] * len(e)
                for r, (a, _) in zip(used, chosen, strict=True):
                    degree[r] = a
                rows.append(places.setdefault(tuple(degree), len(places)))
                columns.append(j)
                values.append(float(np.prod([c for _, c in chosen])))
        return sparse.csr_matrix((values, (rows, columns)), shape=(len(places), len(exponents)))

    def states(self, n: int) -> np.ndarray:
        """Random states, the same ones each time."""
        low, high = self.corners(n)
        return np.random.default_rng(20250826).uniform(low, high, (SAMPLES, n))

    def spread(self, n: int) -> np.ndarray:
        """Root mean square of each component."""
        low, high = self.corners(n)
        return np.sqrt((low**2 + low * high + high**2) / 3)


@cache
def _legendre(top: int, low: float, high: float) -> np.ndarray:
    """Row e: x^e on [low, high] in Legendre polynomials of mean square 1; shape (top + 1, top + 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(top + 1)
    x = (low + high) / 2 + (high - low) / 2 * nodes
    scale = np.sqrt(2 * np.arange(top + 1) + 1)
    basis = np.polynomial.legendre.legvander(nodes, top) * scale
    table = np.vander(x, top + 1, increasing=True).T @ (basis * weights[:, None] / 2)
    return np.where(np.abs(table) > 1e-14 * np.abs(table).max(axis=1, keepdims=True), table, 0.0)


@dataclass(frozen=True)
class Empirical(AbstractMeasure):
    """The measure of given states (m, n), each of the same weight: symmetry is asked for where there are data.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Empirical(np.array([[1.0, 0.0], [-1.0, 2.0]])).spread(2).round(3).tolist()
    [1.0, 1.414]
    """

    points: Frozen

    def __init__(self, points):
        values = np.asarray(points, float)
        if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
            raise InputError(f"an empirical measure needs finite states (m, n), got an array of shape {values.shape}")
        object.__setattr__(self, "points", Frozen(values))

    def coordinates(self, exponents: np.ndarray) -> sparse.csr_matrix:
        """R (k, p), the R-factor of the monomials at the points, without directions that no point tells apart."""
        self._check(exponents.shape[1])
        values = monomials_at(exponents, self.points.array) / np.sqrt(len(self.points))
        size = np.linalg.norm(values, axis=0)
        factor = np.linalg.qr(values / np.where(size > 0, size, 1.0), mode="r")
        _, s, vh = np.linalg.svd(factor)
        keep = s > RANK * s.max(initial=0.0)
        return sparse.csr_matrix((s[keep, None] * vh[: len(s)][keep]) * size)

    def states(self, n: int) -> np.ndarray:
        """At most a few hundred of the points, evenly."""
        self._check(n)
        return self.points.array[:: max(1, -(-len(self.points) // SAMPLES))]

    def spread(self, n: int) -> np.ndarray:
        """Root mean square of each component."""
        self._check(n)
        return np.sqrt((self.points.array**2).mean(axis=0))

    def _check(self, n: int) -> None:
        if self.points.shape[1] != n:
            raise InputError(f"the measure has states of {self.points.shape[1]} components, and the law {n}")
