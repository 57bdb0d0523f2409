r"""Vector calculus on the sphere, with the terms of the metric, and its rotations as Lie derivatives.

Longitudes are differentiated by Fourier series where they wrap. Latitudes are differentiated along great circles: the
row beyond a pole is the row on this side of it, half a turn further, with the sign that a component has there (east and
north point the other way round). Nothing is divided by the cosine at a pole itself; the value there is interpolated
along the great circles and, for scalars, averaged over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.fields.axes import ACCURACY
from symdyn.fields.sphere import Sphere
from symdyn.fields.stencils import fitted, fornberg

SCALAR, VECTOR = 1.0, -1.0  # the sign of a component beyond a pole


@dataclass(frozen=True)
class SphereOperators:
    r"""Gradient, divergence, vorticity, Laplacian, advection and rotations of fields on a sphere.

    All take values (..., latitude, longitude), return float64 of that shape, and differentiate by distance: the unit is
    that of the value by that of the radius. East and north components are those of orthonormal directions.

    On a grid around the whole sphere derivatives by latitude go on over the poles. Beyond the ends of a sector nothing
    is assumed. The error is of the order `accuracy` in latitude; near the poles it grows, since components turn quickly
    there: leave out rows beyond 89 degrees where that matters.

    Parameters
    ----------
    sphere: the grid.
    accuracy: the order of the error of differences in latitude (and in longitude, on a sector).
    half: half width in samples of local least squares in place of series and differences, for noisy values.

    Examples
    --------
    A wind that turns as a rigid body has the vorticity 2 sin(latitude) and no divergence:

    >>> import numpy as np, symdyn as sd
    >>> sphere = sd.Sphere.regular(37, 72)
    >>> u = np.broadcast_to(np.cos(sphere.latitude.array)[:, None], (37, 72))
    >>> zeta = sd.SphereOperators(sphere).vorticity(u, 0 * u)
    >>> float(abs(zeta - 2 * np.sin(sphere.latitude.array)[:, None]).max()) < 1e-5
    True
    """

    sphere: Sphere
    accuracy: int = ACCURACY
    half: int = 0

    def gradient(self, scalar) -> tuple[np.ndarray, np.ndarray]:
        r"""East and north components, $(\partial_\lambda f / (a \cos\phi), \partial_\phi f / a)$."""
        with double_precision():
            f = self._values(scalar)
            east = self._filled(self._by_longitude(f) * self._secant, VECTOR)
            north = self._filled(self._by_latitude(f, SCALAR), VECTOR)
            return np.asarray(east / self.sphere.radius), np.asarray(north / self.sphere.radius)

    def divergence(self, u, v) -> np.ndarray:
        r"""$(\partial_\lambda u + \partial_\phi (v \cos\phi)) / (a \cos\phi)$ of the wind (u east, v north)."""
        with double_precision():
            return np.asarray(self._divergence(self._values(u), self._values(v)) / self.sphere.radius)

    def vorticity(self, u, v) -> np.ndarray:
        r"""$(\partial_\lambda v - \partial_\phi (u \cos\phi)) / (a \cos\phi)$ of the wind (u east, v north)."""
        with double_precision():
            return np.asarray(self._divergence(self._values(v), -self._values(u)) / self.sphere.radius)

    def laplacian(self, scalar) -> np.ndarray:
        r"""$(\partial_{\lambda\lambda} f / \cos^2\phi + \partial_{\phi\phi} f - \tan\phi \, \partial_\phi f) / a^2$."""
        with double_precision():
            f = self._values(scalar)
            slope = self._by_latitude(f, SCALAR)
            around = self._by_longitude(f, 2) * self._secant**2
            total = around + self._by_latitude(f, SCALAR, 2) - self._sine * self._secant * slope
            return np.asarray(self._filled(total, SCALAR) / self.sphere.radius**2)

    def advection(self, u, v, scalar) -> np.ndarray:
        r"""$u \cdot \nabla f$."""
        east, north = self.gradient(scalar)
        return np.asarray(u, np.float64) * east + np.asarray(v, np.float64) * north

    def advection_of_wind(self, u, v, east, north) -> tuple[np.ndarray, np.ndarray]:
        r"""$(u \cdot \nabla) w$ of the wind w = (east, north), a covariant derivative: the directions turn on the way.

        $(u \cdot \nabla w_e - u w_n \tan\phi / a, \; u \cdot \nabla w_n + u w_e \tan\phi / a)$.
        """
        with double_precision():
            u, v, east, north = (self._values(each) for each in (u, v, east, north))
            around, turn = u * self._secant, u * self._sine * self._secant
            out = (
                around * self._by_longitude(w) + v * self._by_latitude(w, VECTOR) + sign * turn * other
                for w, other, sign in ((east, north, -1.0), (north, east, 1.0))
            )
            first, second = (np.asarray(self._filled(each, VECTOR) / self.sphere.radius) for each in out)
            return first, second

    def k_cross(self, u, v) -> tuple[np.ndarray, np.ndarray]:
        """The wind turned by a quarter to the left, (-v, u)."""
        return -np.asarray(v, np.float64), np.asarray(u, np.float64)

    def rotated_scalar(self, axis: str, scalar) -> np.ndarray:
        r"""$K \cdot \nabla f$ for the rotation about x, y or z, per radian: it does not depend on the radius.

        $K_z = \partial_\lambda$, $K_x = -\cos\lambda \tan\phi \, \partial_\lambda + \sin\lambda \, \partial_\phi$,
        $K_y$ the same a quarter turn further east.
        """
        with double_precision():
            return np.asarray(self._filled(self._along(axis, self._values(scalar), SCALAR), SCALAR))

    def rotated_wind(self, axis: str, u, v) -> tuple[np.ndarray, np.ndarray]:
        r"""The Lie derivative $(K \cdot \nabla u - \omega v, K \cdot \nabla v + \omega u)$ of a wind along a rotation.

        $\omega_x = -\cos\lambda / \cos\phi$, $\omega_y = -\sin\lambda / \cos\phi$, $\omega_z = 0$: how fast the
        directions east and north turn on the way.
        """
        with double_precision():
            u, v = self._values(u), self._values(v)
            turn = 0.0 if axis == "z" else -self._components(axis)[0] * self._secant
            east = self._along(axis, u, VECTOR) - turn * v
            north = self._along(axis, v, VECTOR) + turn * u
            return np.asarray(self._filled(east, VECTOR)), np.asarray(self._filled(north, VECTOR))

    def partial(self, values, *, latitude: int = 0, longitude: int = 0, vector: bool = False) -> np.ndarray:
        """Partial derivatives by the coordinates, in radians; `vector`: of a component of a vector.

        Components of vectors change sign beyond a pole. At a pole itself these derivatives have no meaning.
        """
        with double_precision():
            out = self._values(values)
            if longitude or self.half:
                out = self._by_longitude(out, longitude)
            return np.asarray(self._by_latitude(out, VECTOR if vector else SCALAR, latitude) if latitude else out)

    def mean(self, scalar) -> np.ndarray:
        """The mean over the area of the grid: (...)."""
        weights = self.sphere.weights
        return np.sum(np.asarray(scalar, np.float64) * weights, axis=(-2, -1)) / weights.sum()

    def _values(self, values):
        values = jnp.asarray(values, jnp.float64)
        wanted = (len(self.sphere.latitude), len(self.sphere.longitude))
        if values.shape[-2:] != wanted:
            raise InputError(
                f"values on this sphere have the shape (..., {wanted[0]}, {wanted[1]}), got {values.shape}"
            )
        return values

    @cached_property
    def _sine(self) -> np.ndarray:
        return np.sin(self.sphere.latitude.array)[:, None]

    @cached_property
    def _cosine(self) -> np.ndarray:
        return np.where(self.sphere.poles, 0.0, np.cos(self.sphere.latitude.array))[:, None]

    @cached_property
    def _secant(self) -> np.ndarray:
        """The inverse of the cosine; 0 at the poles, whose values are filled afterwards."""
        safe = np.where(self.sphere.poles[:, None], 1.0, self._cosine)
        return np.where(self.sphere.poles[:, None], 0.0, 1 / safe)

    def _by_longitude(self, values, order: int = 1):
        return self.sphere.axes[1].derivative(values, order, at=-1, accuracy=self.accuracy, half=self.half)

    def _by_latitude(self, values, parity: float, order: int = 1):
        return _over_poles(_meridian(self, order, False), values, parity)

    def _divergence(self, u, v):
        # v cos(phi) is even across the pole: both factors change sign there
        flux = self._by_latitude(v * self._cosine, SCALAR)
        return self._filled((self._by_longitude(u) + flux) * self._secant, SCALAR)

    def _components(self, axis: str) -> tuple[np.ndarray, np.ndarray]:
        if axis not in ("x", "y", "z"):
            raise InputError(f"a rotation is about 'x', 'y' or 'z', got {axis!r}")
        c, s = np.cos(self.sphere.longitude.array), np.sin(self.sphere.longitude.array)
        return (c, s) if axis == "x" else (s, -c)

    def _along(self, axis: str, values, parity: float):
        """K . grad of a component: with the factor tan = sin / cos taken apart, so that only d/d lambda is divided."""
        east = self._by_longitude(values)
        if axis == "z":
            return east
        c, s = self._components(axis)
        return -c * self._sine * self._secant * east + s * self._by_latitude(values, parity)

    def _filled(self, values, parity: float):
        """Values with the rows at the poles interpolated along the great circles through them."""
        if not self.sphere.poles.any() or not any(self.sphere.reaches):
            return values
        inside = _over_poles(_meridian(self, 0, True), values, parity)
        if parity == SCALAR:
            inside = jnp.mean(inside, axis=-1, keepdims=True)
        return jnp.where(self.sphere.poles[:, None], inside, values)


@dataclass(frozen=True, eq=False)
class Meridian:
    """A stencil along great circles: rows (n, k) and weights, on this side of the poles and beyond them (n, k)."""

    members: np.ndarray
    here: np.ndarray
    beyond: np.ndarray


@lru_cache(maxsize=128)
def _meridian(operators: SphereOperators, order: int, fill: bool) -> Meridian:
    """The stencil of a derivative by latitude; with `fill` that of values from all rows but the poles."""
    sphere, points = operators.sphere, operators.sphere.latitude.array
    rows, place, far = np.arange(len(points)), points, np.zeros(len(points), bool)
    kept = ~sphere.poles
    for end, near in ((0, sphere.reaches[0]), (-1, sphere.reaches[1])):
        if near:
            mirrored = np.flatnonzero(kept)[::-1]
            image = np.sign(points[end]) * np.pi - points[mirrored]
            rows = np.r_[mirrored, rows] if end == 0 else np.r_[rows, mirrored]
            place = np.r_[image, place] if end == 0 else np.r_[place, image]
            far = np.r_[np.ones(len(mirrored), bool), far] if end == 0 else np.r_[far, np.ones(len(mirrored), bool)]
    if fill:
        live = far | kept[rows]
        rows, place, far = rows[live], place[live], far[live]
    width = 2 * operators.half + 1 if operators.half and not fill else order + operators.accuracy
    width += 1 - width % 2
    if len(rows) < width:
        raise InputError(
            f"a derivative of accuracy {operators.accuracy} needs {width} latitudes, got {len(points)}; lower accuracy"
        )
    start = np.abs(place[None, :] - points[:, None]).argmin(axis=1) - width // 2
    members = np.clip(start, 0, len(rows) - width)[:, None] + np.arange(width)
    offsets = place[members] - points[:, None]
    smooth = operators.half and not fill
    weights = fitted(offsets, order, max(4, order + 2)) if smooth else fornberg(offsets, order)
    return Meridian(rows[members], np.where(far[members], 0.0, weights), np.where(far[members], weights, 0.0))


def _over_poles(made: Meridian, values, parity: float):
    """A meridional stencil applied to values (..., latitude, longitude)."""
    n = values.shape[-1]
    turned = values
    if made.beyond.any():  # half a turn by Fourier's phases: exact for an odd number of longitudes too
        phases = (-1.0) ** np.arange(n // 2 + 1)
        turned = parity * jnp.fft.irfft(jnp.fft.rfft(values) * phases, n=n)
    total = jnp.zeros_like(values)
    for k in range(made.members.shape[1]):
        rows = made.members[:, k]
        total = total + made.here[:, k, None] * values[..., rows, :]
        if made.beyond[:, k].any():
            total = total + made.beyond[:, k, None] * turned[..., rows, :]
    return total
