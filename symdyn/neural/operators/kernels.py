r"""Families of convolution kernels that rotations map to themselves, by their multipliers m(k) of waves e^{ikx}.

The functions of degree d stand for the entries of the symmetric tensor k x ... x k (d times): under k -> g k they
change by the matrices Sym^d(g), whatever the radial part. So which kernels are equivariant is a matter of small
matrices.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np

from symdyn._errors import InputError


class AbstractKernels(abc.ABC):
    """A space of multipliers: radial functions times the entries of tensors of some degrees."""

    @property
    @abc.abstractmethod
    def degrees(self) -> tuple[int, ...]:
        """The degrees of the tensors."""

    @property
    @abc.abstractmethod
    def copies(self) -> int:
        """How many radial functions there are for each degree."""

    @abc.abstractmethod
    def multipliers(self, degree: int, k: np.ndarray) -> np.ndarray:
        """Complex values (copies, entries, ...) at wave vectors k (n, ...), those of real kernels."""

    @abc.abstractmethod
    def radial(self, k: np.ndarray) -> np.ndarray:
        """Values (copies, ...) of the radial functions at wave numbers k (...), those of degrees on a sphere."""

    @abc.abstractmethod
    def reach(self) -> float:
        """How far the kernels reach, in the unit of length; infinite where they do not end."""


@dataclass(frozen=True)
class Shells(AbstractKernels):
    r"""Multipliers of waves that are piecewise linear in |k|, times harmonics of its direction up to a degree.

    Kernels of any reach: an inverse Laplacian is one, and the wind of a vorticity. With these a neural operator is one
    of Fourier's type, with symmetric multipliers. Beyond the last knot waves are not touched.

    Parameters
    ----------
    knots: wave numbers |k|, increasing from 0 on, in radians a unit of length (on a sphere: degree / radius).
    degree: of the harmonics in the plane and in space: 1 joins scalars and vectors, 2 lets vectors mix and diffusion
        be anisotropic.

    Raises InputError for fewer than two knots, and knots that do not increase.

    Reference: Li et al. 2021, ICLR (Fourier neural operators); isotropic multipliers, Helwig et al. 2023, ICML.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Shells((0, 1, 2, 4, 8)).copies
    5
    """

    knots: tuple[float, ...]
    degree: int = 1

    def __post_init__(self):
        object.__setattr__(self, "knots", tuple(float(k) for k in self.knots))
        if len(self.knots) < 2 or self.knots[0] < 0 or not all(np.diff(self.knots) > 0):
            raise InputError(f"shells need two knots or more that increase from 0 on, got {self.knots}")
        if self.degree < 0:
            raise InputError(f"the degree must not be negative, got {self.degree!r}")

    @property
    def degrees(self) -> tuple[int, ...]:
        return (self.degree, self.degree - 1) if self.degree else (0,)

    @property
    def copies(self) -> int:
        return len(self.knots)

    def multipliers(self, degree: int, k: np.ndarray) -> np.ndarray:
        size = np.sqrt(np.sum(k**2, axis=0))
        direction = k / np.where(size > 0, size, 1.0)
        angular = tensor_entries(degree, direction)
        mean = _mean_entries(degree, len(k)).reshape(-1, *(1,) * (k.ndim - 1))
        angular = np.where(size > 0, angular, mean)
        return 1j**degree * self.radial(size)[:, None] * angular[None]

    def radial(self, k: np.ndarray) -> np.ndarray:
        knots = np.r_[self.knots, 2 * self.knots[-1] - self.knots[-2]]
        flat = np.stack([np.interp(k.ravel(), knots, row) for row in np.eye(len(knots))[:-1]])
        return flat.reshape(len(self.knots), *k.shape)

    def reach(self) -> float:
        return np.inf


@dataclass(frozen=True)
class GaussHermite(AbstractKernels):
    r"""Local kernels: polynomials times Gaussians exp(-|x|^2 / 2 s^2) for some widths s, up to a degree.

    Hermite functions are their own Fourier transforms up to powers of -i, so that the kernels are known exactly on any
    grid: one trained at one resolution runs at another.

    Parameters
    ----------
    scales: widths s, in the unit of length.
    degree: of the polynomials.

    Raises InputError for widths that are not positive.

    Reference: steerable kernels of Gauss-Hermite functions, Worrall et al. 2017, CVPR; Weiler and Cesa 2019, NeurIPS.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.GaussHermite((0.2, 0.4), degree=2).degrees
    (0, 1, 2)
    """

    scales: tuple[float, ...]
    degree: int = 2

    def __post_init__(self):
        object.__setattr__(self, "scales", tuple(float(s) for s in self.scales))
        if not self.scales or min(self.scales) <= 0:
            raise InputError(f"the widths of Gaussians must be positive, got {self.scales}")
        if self.degree < 0:
            raise InputError(f"the degree must not be negative, got {self.degree!r}")

    @property
    def degrees(self) -> tuple[int, ...]:
        return tuple(range(self.degree + 1))

    @property
    def copies(self) -> int:
        return len(self.scales)

    def multipliers(self, degree: int, k: np.ndarray) -> np.ndarray:
        powers = exponents(degree, len(k))
        out = []
        for s in self.scales:
            functions = [_hermite(degree, s * each) for each in k]
            out.append(np.stack([prod(f[a] for f, a in zip(functions, alpha, strict=True)) for alpha in powers]))
        return (-1j) ** degree * np.stack(out)

    def radial(self, k: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * (np.reshape(self.scales, (-1, *(1,) * k.ndim)) * k) ** 2)

    def reach(self) -> float:
        return (4.0 + 0.5 * self.degree) * max(self.scales)


@lru_cache(maxsize=64)
def exponents(degree: int, n: int) -> tuple[tuple[int, ...], ...]:
    """The exponents of the monomials of a degree in n variables."""
    chosen = combinations_with_replacement(range(n), degree)
    return tuple(tuple(each.count(i) for i in range(n)) for each in chosen)


def tensor_entries(degree: int, k: np.ndarray) -> np.ndarray:
    """k^alpha sqrt(degree! / alpha!) at vectors k (n, ...), a basis of symmetric tensors: (entries, ...)."""
    out = [
        np.sqrt(_count(alpha)) * np.prod([x**a for x, a in zip(k, alpha, strict=True)], axis=0)
        for alpha in exponents(degree, len(k))
    ]
    return np.stack([np.broadcast_to(each, k.shape[1:]) for each in out])


def tensor_generators(degree: int, A: np.ndarray) -> np.ndarray:
    """d/dt of the entries of (e^{tA} k)^degree by the entries: (g, entries, entries) for matrices A (g, n, n)."""
    powers = exponents(degree, A.shape[-1])
    place = {alpha: number for number, alpha in enumerate(powers)}
    out = np.zeros((len(A), len(powers), len(powers)))
    for row, alpha in enumerate(powers):
        for i, a in enumerate(alpha):
            for j in range(len(alpha)) if a else ():
                beta = tuple(b - (m == i) + (m == j) for m, b in enumerate(alpha))
                share = np.sqrt(_count(alpha) / _count(beta))
                out[:, row, place[beta]] += A[:, i, j] * a * share
    return out


def tensor_elements(degree: int, E: np.ndarray) -> np.ndarray:
    """Sym^degree of matrices E (e, n, n): (e, entries, entries)."""
    n, count = E.shape[-1], len(exponents(degree, E.shape[-1]))
    points = np.random.default_rng(degree).normal(size=(n, 4 * count + 4))
    base = tensor_entries(degree, points)
    made = [np.linalg.lstsq(base.T, tensor_entries(degree, g @ points).T, rcond=None)[0].T for g in E]
    found = np.reshape(made, (-1, count, count))
    near = np.round(found)
    return np.where(np.abs(found - near) < 1e-12, near, found)


def _count(alpha: tuple[int, ...]) -> float:
    return factorial(sum(alpha)) / prod(factorial(a) for a in alpha)


def _mean_entries(degree: int, n: int) -> np.ndarray:
    """The mean of the entries over all directions: what is left of them at k = 0."""
    below = prod(n + 2 * j for j in range(degree // 2))
    out = []
    for alpha in exponents(degree, n):
        odd = any(a % 2 for a in alpha)
        double = prod(prod(range(1, a, 2)) for a in alpha)
        out.append(0.0 if odd else np.sqrt(_count(alpha)) * double / below)
    return np.array(out)


def _hermite(highest: int, x: np.ndarray) -> list[np.ndarray]:
    """Hermite functions up to a degree, the first being exp(-x^2 / 2)."""
    out = [np.exp(-0.5 * x**2)]
    if highest:
        out.append(np.sqrt(2.0) * x * out[0])
    for d in range(1, highest):
        out.append(np.sqrt(2.0 / (d + 1)) * x * out[d] - np.sqrt(d / (d + 1)) * out[d - 1])
    return out[: highest + 1]
