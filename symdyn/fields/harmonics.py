r"""Fields on a sphere as sums of spherical harmonics: the calculus is exact there, and no pole is special.

$f = \sum_{m \ge 0} \sum_{l = m}^{T} c_{ml} P_{ml}(\sin\phi) e^{i m \lambda}$, the real part, with orthonormal Legendre
functions: Fourier series along the circles of latitude, Gauss's quadrature along the meridians (Orszag 1970, J. Atmos.
Sci. 27, 890), and winds by their vorticity and divergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.fields.sphere import Sphere


@dataclass(frozen=True)
class Harmonics:
    r"""Spherical harmonics up to a degree on a sphere's grid: transforms, the Laplacian, winds and fluxes.

    Coefficients are complex, (..., m, l), both from 0 to the truncation, zero for l < m. Functions take and give JAX
    values and can be compiled. Analysis is exact on Gaussian latitudes; on others the weights are those of the least
    squares of each wave, exact too for fields within the truncation.

    Parameters
    ----------
    sphere: a grid around the whole sphere. Rows at the poles themselves take no part in the analysis of winds.
    truncation: the highest degree. By default products of two fields are free of aliases: 2/3 of the latitudes, a third
        of the longitudes.

    Raises InputError for a sector, and for a truncation that the grid does not resolve.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> harmonics = sd.Harmonics(sd.Sphere.gaussian(32, 64))
    >>> harmonics.truncation
    21
    >>> solid = 2 * np.sin(harmonics.sphere.latitude.array)[:, None] + np.zeros(64)
    >>> u, v = harmonics.rotational_wind(solid)
    >>> bool(np.allclose(u, np.cos(harmonics.sphere.latitude.array)[:, None])), bool(np.allclose(v, 0, atol=1e-12))
    (True, True)
    """

    sphere: Sphere
    truncation: int = 0

    def __post_init__(self):
        n, k = len(self.sphere.latitude), len(self.sphere.longitude)
        if not (self.sphere.wraps and all(self.sphere.reaches)):
            raise InputError("spherical harmonics need a grid around the whole sphere; this one is a sector")
        rows = n - 1 if self.sphere.gaussian_latitudes else (n - 1 - int(self.sphere.poles.sum())) // 2
        most = min(rows, (k - 1) // 2)
        if not self.truncation:
            object.__setattr__(self, "truncation", max(min(most, (2 * n - 1) // 3, (k - 1) // 3), 1))
        if not 1 <= self.truncation <= most:
            raise InputError(f"{n} x {k} points resolve degrees from 1 to {most}, got {self.truncation!r}")

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Of the coefficients."""
        return self.truncation + 1, self.truncation + 1

    @cached_property
    def kept(self) -> np.ndarray:
        """Which coefficients there are, l >= m."""
        m, degree = np.indices(self.shape)
        return degree >= m

    @cached_property
    def laplacian(self) -> np.ndarray:
        """The eigenvalues -l (l + 1) / a^2 of the Laplacian, (m, l)."""
        degree = np.arange(self.truncation + 1)
        return np.broadcast_to(-degree * (degree + 1.0) / self.sphere.radius**2, self.shape)

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """P (m, l, n) and (1 - mu^2) dP/dmu at the latitudes."""
        sine = np.sin(self.sphere.latitude.array)
        whole = legendre(self.truncation + 1, sine)
        m, degree = np.indices((self.truncation + 1, self.truncation + 2))
        with np.errstate(invalid="ignore"):
            epsilon = np.where(degree > m, np.sqrt((degree**2.0 - m**2) / (4.0 * degree**2 - 1)), 0.0)
        p = whole[:-1]
        lower = np.concatenate([np.zeros_like(p[:, :1]), p[:, :-2]], axis=1)
        slope = (degree[:, :-1] + 1)[..., None] * epsilon[:, :-1, None] * lower
        slope -= degree[:, :-1, None] * epsilon[:, 1:, None] * p[:, 1:]
        kept = self.kept[..., None]
        return np.where(kept, p[:, :-1], 0.0), np.where(kept, slope, 0.0)

    @cached_property
    def _weights(self) -> np.ndarray:
        """Weights (n,) of the integral over the sine of latitude that is exact for as many Legendre polynomials."""
        if self.sphere.gaussian_latitudes:
            return self.sphere.latitude_weights
        return exact_weights(np.sin(self.sphere.latitude.array))

    @cached_property
    def _inner_weights(self) -> np.ndarray:
        """The same without the poles themselves, (n,)."""
        inside, out = ~self.sphere.poles, np.zeros(len(self.sphere.latitude))
        if inside.all():
            return self._weights
        out[inside] = exact_weights(np.sin(self.sphere.latitude.array[inside]))
        return out

    @cached_property
    def secant2(self) -> np.ndarray:
        """1 / cos^2 (n,), 0 at the poles."""
        cosine = np.cos(self.sphere.latitude.array)
        return np.where(self.sphere.poles, 0.0, 1 / np.where(self.sphere.poles, 1.0, cosine) ** 2)

    @cached_property
    def cosine(self) -> np.ndarray:
        """The cosine of latitude, (n, 1)."""
        return np.cos(self.sphere.latitude.array)[:, None]

    def analysed(self, values):
        """Coefficients (..., m, l) of values (..., latitude, longitude)."""
        return jnp.einsum("mln,...nm,n->...ml", self._tables[0], self._waves(values), self._weights)

    def points(self, coefficients):
        """Values (..., latitude, longitude) of coefficients."""
        return self._summed(jnp.einsum("mln,...ml->...nm", self._tables[0], coefficients))

    def wind(self, vorticity, divergence):
        """The wind (u east, v north) times the cosine of latitude, as values, from coefficients."""
        inverse = np.where(self.laplacian == 0, 0.0, 1 / np.where(self.laplacian == 0, 1.0, self.laplacian))
        psi, chi = vorticity * inverse, divergence * inverse
        along, north = 1j * np.arange(self.truncation + 1), self._tables
        p, h = (
            (lambda c: jnp.einsum("mln,...ml->...nm", north[0], c)),
            (lambda c: jnp.einsum("mln,...ml->...nm", north[1], c)),
        )
        radius = self.sphere.radius
        return self._summed((along * p(chi) - h(psi)) / radius), self._summed((along * p(psi) + h(chi)) / radius)

    def vorticity_divergence(self, east, north):
        """Coefficients of vorticity and divergence of a flux (east, north) that is given times the cosine of latitude.

        By partial integration: the flux need not be within the truncation.
        """
        weight, along = self._inner_weights * self.secant2 / self.sphere.radius, 1j * np.arange(self.truncation + 1)
        a, b = self._waves(east), self._waves(north)
        p, h = ((lambda f, table=table: jnp.einsum("mln,...nm,n->...ml", table, f, weight)) for table in self._tables)
        return p(along * b) + h(a), p(along * a) - h(b)

    def rotational_wind(self, vorticity) -> tuple[np.ndarray, np.ndarray]:
        """The wind (u east, v north) without divergence that has this vorticity, as values (..., lat, lon)."""
        with double_precision():
            c = self.analysed(jnp.asarray(vorticity, jnp.float64))
            secant = np.sqrt(self.secant2)[:, None]
            u, v = self.wind(c, jnp.zeros_like(c))
            return np.asarray(u * secant), np.asarray(v * secant)

    def truncated(self, values):
        """Values of a scalar without what is beyond the truncation."""
        return self.points(self.analysed(values))

    def truncated_wind(self, u, v):
        """The wind without what is beyond the truncation of vorticity and divergence; 0 at the poles themselves."""
        found = self.wind(*self.vorticity_divergence(u * self.cosine, v * self.cosine))
        secant = np.sqrt(self.secant2)[:, None]
        return found[0] * secant, found[1] * secant

    def _waves(self, values):
        """The waves (..., n, m) along circles of latitude, so scaled that sums with weights are inner products."""
        start = self.sphere.longitude.array[0]
        count = np.arange(self.truncation + 1)
        direction = np.sign(self.sphere.longitude.array[1] - start)
        waves = jnp.fft.rfft(values, axis=-1)[..., : self.truncation + 1] / values.shape[-1]
        waves = waves if direction > 0 else jnp.conj(waves)
        return waves * np.exp(-1j * count * start)

    def _summed(self, waves):
        start = self.sphere.longitude.array[0]
        k, count = len(self.sphere.longitude), np.arange(self.truncation + 1)
        waves = waves * np.exp(1j * count * start)
        waves = waves if self.sphere.longitude.array[1] > start else jnp.conj(waves)
        return jnp.fft.irfft(waves, n=k, axis=-1) * k


def exact_weights(x: np.ndarray) -> np.ndarray:
    """Weights (n,) of the integral over [-1, 1] from values at x, exact for polynomials below degree n."""
    basis = np.polynomial.legendre.legvander(x, len(x) - 1)
    return np.linalg.solve(basis.T, np.r_[2.0, np.zeros(len(x) - 1)])


def legendre(highest: int, x: np.ndarray) -> np.ndarray:
    r"""Associated Legendre functions (m, l, n), m and l up to `highest`, with $\int_{-1}^1 P_{ml}^2 dx = 1$.

    By the recursion in l from the diagonal, stable for all degrees (Press et al. 2007, Numerical Recipes, 6.7); without
    the sign of Condon and Shortley.
    """
    x = np.asarray(x, np.float64)
    out = np.zeros((highest + 1, highest + 1, len(x)))
    diagonal, cosine = np.full(len(x), np.sqrt(0.5)), np.sqrt(np.maximum(1 - x**2, 0.0))
    for m in range(highest + 1):
        if m:
            diagonal = diagonal * cosine * np.sqrt((2 * m + 1) / (2 * m))
        out[m, m] = diagonal
        before = np.zeros(len(x))
        for degree in range(m + 1, highest + 1):
            now = np.sqrt((4.0 * degree**2 - 1) / (degree**2 - m**2))
            last = np.sqrt(((degree - 1.0) ** 2 - m**2) / (4.0 * (degree - 1) ** 2 - 1)) if degree > m + 1 else 0.0
            value = now * (x * out[m, degree - 1] - last * before)
            before = out[m, degree - 1]
            out[m, degree] = value
    return out
