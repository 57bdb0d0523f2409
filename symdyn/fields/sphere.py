"""The grid of a sphere: latitudes in either order, regular or Gaussian, with or without poles; a circle or a sector."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.fields.axes import AbstractAxis, Box, Periodic, is_even

EARTH = 6.371e6  # m, mean radius
AT_POLE = 1e-6  # radians
GAUSSIAN = 0.02  # of a step: latitudes of files are rounded


@dataclass(frozen=True)
class Sphere:
    """Latitudes and longitudes of a sphere, in radians. `Sphere.degrees` takes degrees.

    The longitude wraps where it covers the circle; otherwise the grid is a sector and has ends. The axes of arrays are
    (latitude, longitude).

    Parameters
    ----------
    latitude: (n,), in either order, poles among them or not.
    longitude: (k,), even.
    radius: in the unit of length that derivatives are to have.
    names: of the two axes.
    unit: of the radius.

    Raises InputError for latitudes beyond the poles, unsorted coordinates, longitudes that go around more than once.

    Examples
    --------
    >>> import symdyn as sd
    >>> sphere = sd.Sphere.gaussian(32, 64)
    >>> sphere.wraps, sphere.gaussian_latitudes, round(float(sphere.weights.sum()), 12)
    (True, True, 12.566370614359)
    """

    latitude: Frozen = field(repr=False)
    longitude: Frozen = field(repr=False)
    radius: float = 1.0
    names: tuple[str, str] = ("lat", "lon")
    unit: str = ""

    def __post_init__(self):
        latitude = np.asarray(self.latitude, np.float64)
        longitude = np.unwrap(np.asarray(self.longitude, np.float64))
        object.__setattr__(self, "latitude", Frozen(latitude))
        object.__setattr__(self, "longitude", Frozen(longitude))
        if not np.isfinite(self.radius) or self.radius <= 0:
            raise InputError(f"the radius of a sphere is positive, got {self.radius!r}")
        for axis in self.axes:  # each checks its own coordinates
            assert axis.size
        beyond = latitude[np.abs(latitude) > np.pi / 2 + 1e-6]
        if len(beyond):
            raise InputError(
                f"latitudes lie between -pi/2 and pi/2, got {beyond[0]:g}; if these are degrees use Sphere.degrees"
            )
        if np.ptp(longitude) >= 2 * np.pi - 1e-6:
            raise InputError(
                f"the longitudes span {np.degrees(np.ptp(longitude)):g} degrees: drop the one that is repeated at the "
                "end (data.isel(lon=slice(None, -1)))"
            )

    @classmethod
    def degrees(cls, latitude, longitude, *, radius: float = 1.0, names: tuple[str, str] = ("lat", "lon")) -> Sphere:
        """A grid from latitudes and longitudes in degrees."""
        latitude, longitude = (np.radians(np.asarray(a, np.float64)) for a in (latitude, longitude))
        return cls(Frozen(latitude), Frozen(longitude), radius, names)

    @classmethod
    def regular(cls, n: int, k: int, *, poles: bool = True, radius: float = 1.0) -> Sphere:
        """`n` even latitudes from south to north and `k` longitudes around the circle."""
        latitude = np.linspace(-90, 90, n) if poles else -90 + 180 / n * (np.arange(n) + 0.5)
        return cls.degrees(latitude, 360 / k * np.arange(k), radius=radius)

    @classmethod
    def gaussian(cls, n: int, k: int, *, radius: float = 1.0) -> Sphere:
        """`n` Gaussian latitudes from south to north and `k` longitudes around the circle."""
        sines = np.polynomial.legendre.leggauss(n)[0]
        return cls.degrees(np.degrees(np.arcsin(sines)), 360 / k * np.arange(k), radius=radius)

    @cached_property
    def axes(self) -> tuple[AbstractAxis, AbstractAxis]:
        """Latitude and longitude as axes, in radians."""
        points = self.longitude.array
        longitude: AbstractAxis = Box(self.names[1], self.longitude, "rad")
        if self.wraps:
            direction = np.sign(points[1] - points[0])
            longitude = Periodic(self.names[1], float(points[0]), float(2 * np.pi * direction), len(points), "rad")
        return Box(self.names[0], self.latitude, "rad"), longitude

    @cached_property
    def wraps(self) -> bool:
        """Whether the longitudes cover the circle."""
        points = self.longitude.array
        if len(points) < 4 or not is_even(points):
            return False
        step = abs(points[-1] - points[0]) / (len(points) - 1)
        return bool(abs(len(points) * step - 2 * np.pi) < 1e-2 * step)

    @cached_property
    def poles(self) -> np.ndarray:
        """Which rows are poles, (n,)."""
        return np.abs(np.abs(self.latitude.array) - np.pi / 2) < AT_POLE

    @cached_property
    def gaussian_latitudes(self) -> bool:
        """Whether the latitudes are those of Gauss."""
        n = len(self.latitude)
        nodes = np.arcsin(np.polynomial.legendre.leggauss(n)[0])
        return bool(np.abs(np.sort(self.latitude.array) - nodes).max() < GAUSSIAN * np.pi / n)

    @cached_property
    def reaches(self) -> tuple[bool, bool]:
        """Whether the first and the last row are next to a pole, so that a great circle goes on beyond it."""
        points = self.latitude.array
        if not self.wraps:
            return False, False
        gaps = (np.pi / 2 - abs(points[0]), np.pi / 2 - abs(points[-1]))
        steps = (abs(points[1] - points[0]), abs(points[-1] - points[-2]))
        return bool(gaps[0] < 1.01 * steps[0]), bool(gaps[1] < 1.01 * steps[1])

    @cached_property
    def latitude_weights(self) -> np.ndarray:
        """Weights (n,) of the integral over the sine of latitude: Gauss's, else the area of the strip of each row."""
        points = self.latitude.array
        if self.gaussian_latitudes:
            weights = np.polynomial.legendre.leggauss(len(points))[1]
            return weights if points[-1] > points[0] else weights[::-1]
        between = (points[1:] + points[:-1]) / 2
        first, last = (
            np.sign(end) * np.pi / 2 if near else end
            for end, near in zip((points[0], points[-1]), self.reaches, strict=True)
        )
        return np.abs(np.diff(np.sin(np.r_[first, between, last])))

    @cached_property
    def weights(self) -> np.ndarray:
        """Quadrature weights (n, k) of the integral over the unit sphere."""
        return self.latitude_weights[:, None] * self.axes[1].weights
