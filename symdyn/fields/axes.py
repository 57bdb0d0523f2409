"""The axes of a grid: periodic ones and those with ends. Frozen and hashable; derivatives and quadrature as methods."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.data.recording import GAP
from symdyn.fields.stencils import Stencil, stencil, trapezoid

ACCURACY = 6  # order of the error of finite differences
EVEN = 1e-4  # of a step: coordinates of files in single precision, or rounded, are even


ByAxis = tuple[tuple[str, int], ...]  # a number for some axes, by their names


def by_axis(value: int | Mapping[str, int] | ByAxis | None) -> int | ByAxis | None:
    """A number for all axes, or numbers by the names of axes in a form that hashes."""
    return tuple((str(name), int(n)) for name, n in value.items()) if isinstance(value, Mapping) else value


class AbstractAxis(abc.ABC):
    """One axis of a grid."""

    name: str
    unit: str

    @property
    @abc.abstractmethod
    def points(self) -> np.ndarray:
        """Coordinates of the samples, (n,)."""

    @property
    @abc.abstractmethod
    def period(self) -> float | None:
        """The length after which the axis comes back to itself, None where it has ends."""

    @property
    @abc.abstractmethod
    def weights(self) -> np.ndarray:
        """Quadrature weights, (n,)."""

    @property
    def size(self) -> int:
        return len(self.points)

    @property
    def wraps(self) -> bool:
        return self.period is not None

    @property
    def spacing(self) -> float:
        """The typical distance of neighbouring samples."""
        return float(np.median(np.abs(np.diff(self.points))))

    def stencil(self, order: int, *, accuracy: int = ACCURACY, half: int = 0) -> Stencil:
        """The finite-difference or (half > 0) least-squares stencil of the derivative of `order`."""
        return _stencil(self, order, accuracy, half)

    def derivative(
        self, values, order: int = 1, *, at: int = -1, accuracy: int = ACCURACY, half: int = 0, local: bool = False
    ):
        """The derivative of JAX values along their axis `at`, in the precision of the values.

        Spectral on a periodic axis, else by finite differences, one-sided at the ends; for `half` > 0 by local least
        squares over half + 1 + half samples, which smooths. `local`: differences on periodic axes too, so that a
        missing value spoils its neighbours only.
        """
        values = jnp.asarray(values)
        if values.shape[at] != self.size:
            raise InputError(f"the axis {self.name!r} has {self.size} points, the values have {values.shape[at]}")
        if order == 0 and not half:
            return values
        if self.period is not None and not half and not local:
            return spectral(values, order, at, self.period)
        return applied(self.stencil(order, accuracy=accuracy, half=half), values, at)


@lru_cache(maxsize=256)
def _stencil(axis: AbstractAxis, order: int, accuracy: int, half: int) -> Stencil:
    if order < 0 or accuracy < 1:
        raise InputError(f"a derivative has an order >= 0 and an accuracy >= 1, got {order!r} and {accuracy!r}")
    return stencil(axis.points, axis.period, order, accuracy, half)


def applied(made: Stencil, values, at: int):
    """A stencil applied to JAX values along their axis `at`: as many shifted sums as it has members."""
    moved = jnp.moveaxis(values, at, 0)
    shape = (-1, *(1,) * (moved.ndim - 1))
    total = sum(
        (made.weights[:, k].reshape(shape) * moved[made.members[:, k]] for k in range(made.members.shape[1])),
        jnp.zeros_like(moved),
    )
    return jnp.moveaxis(total.astype(values.dtype), 0, at)


def spectral(values, order: int, at: int, period: float):
    """The derivative of the trigonometric interpolant; the highest wave of an even number has no odd derivative."""
    moved = jnp.moveaxis(values, at, -1)
    n = moved.shape[-1]
    wave = 2j * np.pi / period * np.arange(n // 2 + 1)
    factor = wave**order
    if n % 2 == 0 and order % 2:
        factor[-1] = 0.0
    return jnp.moveaxis(jnp.fft.irfft(jnp.fft.rfft(moved) * factor, n=n), -1, at).astype(values.dtype)


@dataclass(frozen=True)
class Periodic(AbstractAxis):
    """An axis of `n` even samples from `start` on that comes back to itself after `length`; the end is not repeated.

    Raises InputError for fewer than 4 samples or no length.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Periodic("x", 0.0, 2 * np.pi, 4).points
    array([0.        , 1.57079633, 3.14159265, 4.71238898])
    """

    name: str
    start: float
    length: float
    n: int
    unit: str = ""

    def __post_init__(self):
        if self.n < 4 or not np.isfinite(self.length) or self.length == 0.0:
            raise InputError(
                f"the periodic axis {self.name!r} needs at least 4 samples and a length, got n = {self.n!r} and "
                f"length = {self.length!r}"
            )

    @property
    def points(self) -> np.ndarray:
        return self.start + self.length / self.n * np.arange(self.n)

    @property
    def period(self) -> float:
        return self.length

    @property
    def weights(self) -> np.ndarray:
        return np.full(self.n, abs(self.length) / self.n)


@dataclass(frozen=True)
class Box(AbstractAxis):
    """An axis with two ends, of even or uneven samples in either direction; nothing is assumed beyond the ends.

    Parameters
    ----------
    coordinates: (n,), increasing or decreasing.

    Raises InputError for fewer than 3 coordinates, and for coordinates that are missing, repeated or unsorted.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Box("z", np.array([0.0, 1.0, 4.0])).weights
    array([0.5, 2. , 1.5])
    """

    name: str
    coordinates: Frozen = field(repr=False)
    unit: str = ""

    def __post_init__(self):
        points = np.asarray(self.coordinates, np.float64)
        object.__setattr__(self, "coordinates", Frozen(points))
        if points.ndim != 1 or len(points) < 3:
            raise InputError(f"the axis {self.name!r} needs at least 3 coordinates (n,), got the shape {points.shape}")
        check_monotone(self.name, points)

    @property
    def points(self) -> np.ndarray:
        return self.coordinates.array

    @property
    def period(self) -> None:
        return None

    @property
    def weights(self) -> np.ndarray:
        return trapezoid(self.points)


def check_monotone(name: str, points: np.ndarray) -> None:
    """Raise InputError for coordinates that are missing, repeated or unsorted."""
    step = np.diff(points)
    if not np.isfinite(points).all():
        raise InputError(f"the coordinates of {name!r} hold {points[~np.isfinite(points)][0]}")
    if not ((step > 0).all() or (step < 0).all()):
        k = int(np.flatnonzero(step * np.sign(step[0] or 1.0) <= 0)[0])
        what = "repeated" if step[k] == 0 else "neither increasing nor decreasing"
        raise InputError(
            f"the coordinates of {name!r} are {what} at index {k + 1} ({points[k]:g} then {points[k + 1]:g}); use "
            f"data.sortby({name!r}), or drop the duplicates"
        )


def gaps(axis: AbstractAxis) -> np.ndarray:
    """Which steps between neighbouring samples of an axis with ends are gaps, (n - 1,)."""
    from scipy.ndimage import median_filter

    step = np.abs(np.diff(axis.points))
    if axis.wraps or len(step) < 3:
        return np.zeros(len(step), bool)
    return np.asarray(step > GAP * median_filter(step, size=11, mode="nearest"))


def crosses(axis: AbstractAxis, members: np.ndarray) -> np.ndarray:
    """Whether stretches of neighbouring samples, rows of indices (w, k), reach across a gap: (w,)."""
    before = np.r_[0, np.cumsum(gaps(axis))]
    return np.zeros(len(members), bool) if axis.wraps else before[members[:, -1]] > before[members[:, 0]]


def is_even(points: np.ndarray) -> bool:
    """Whether points are evenly spaced, up to rounding of their coordinates."""
    step = np.diff(points)
    mean = (points[-1] - points[0]) / (len(points) - 1)
    return bool(np.abs(step - mean).max() <= EVEN * abs(mean) + 4 * np.finfo(np.float32).eps * np.abs(points).max())
