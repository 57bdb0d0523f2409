r"""How large the norm of a Gaussian vector's mean may be: bounds from one observation.

An observed $\hat z \sim N(z, \Sigma)$ has $Q = |\hat z|^2 = \sum_i \lambda_i (g_i + \mu_i / \sqrt{\lambda_i})^2$ with
the eigenvalues of $\Sigma$, white $g$, and $|\mu| = |z|$. Among all directions of $z$, the one along the largest
eigenvalue spreads Q most and so makes both tails heaviest: a bound on $|z|$ for that direction holds for all. Beside
the ellipsoid of all $z$ (Scheffe), which grows with the number of coefficients, it is sharper: noise in k directions
adds its *mean* to Q, which is known, and only its spread is in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.special import chdtrc, chdtri, fdtrc, fdtri, ndtr

DRAWS = 4000
_SEED = 20251121
_TINY = 1e-12  # of the largest eigenvalue: below it a direction is known


@lru_cache(maxsize=8)
def _white(k: int) -> np.ndarray:
    """Squares of white noise, (DRAWS, k): the same at every call, so that verdicts do not change."""
    return np.random.default_rng((_SEED, k)).standard_normal((DRAWS, k)) ** 2


@lru_cache(maxsize=64)
def _scales(freedom: float) -> np.ndarray:
    """Draws of the true variance over the one that was estimated with so many degrees of freedom, (DRAWS,)."""
    if not np.isfinite(freedom) or freedom > 1e6:
        return np.ones(DRAWS)
    return freedom / np.random.default_rng((_SEED, 1)).chisquare(freedom, DRAWS)


def _chance(room: tuple[np.ndarray, np.ndarray], radius: float) -> float:
    """The share of draws in which the first direction, with this mean, stays within its reach."""
    reach, unit = room
    shift = radius * unit
    return float(np.sum(ndtr(reach - shift) - ndtr(-reach - shift))) / DRAWS


@dataclass(frozen=True, eq=False)
class NormTest:
    """Tests of |z| for an observed z with a covariance of so many degrees of freedom.

    `squared`: |z|^2 as observed; `values` (k,): eigenvalues of the covariance, falling; `components` (k,): of z in its
    eigenvectors; `freedom`.
    """

    squared: float
    values: np.ndarray
    components: np.ndarray
    freedom: float

    @classmethod
    def of(cls, z: np.ndarray, covariance: np.ndarray, freedom: float, floor: float = 0.0) -> NormTest:
        """From z (k,), its covariance (k, k), and a standard deviation below which rounding is not evidence."""
        values, vectors = np.linalg.eigh(0.5 * (covariance + covariance.T))
        values = np.maximum(values[::-1], 0.0) + floor**2
        return cls(float(z @ z), values, vectors[:, ::-1].T @ z, freedom)

    @property
    def estimate(self) -> float:
        """|z| without what the noise adds on average; 0 where that is more than was seen."""
        return float(np.sqrt(max(self.squared - self.values.sum(), 0.0)))

    def below(self, radius: float) -> float:
        """The chance of so small a |z|^2 where the mean has this norm, over the chance where it is zero.

        Small is evidence that the norm is smaller. The quotient is larger than the plain p-value, so it errs less often
        than its level; and it is not small where the noise hides any z of this norm, however small z came out, by luck
        or because its covariance was taken too large (CLs: Read 2002, Journal of Physics G 28, 2693).
        """
        return min(_chance(self._low, radius) / self._alone, 1.0)

    def above(self, radius: float) -> float:
        """The chance of so large a |z|^2 where the mean has this norm: small is evidence that it is larger."""
        return 1.0 - _chance(self._reach(self.squared), radius)

    @cached_property
    def _noise(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Draws of the scale, of what all directions but the first add to |z|^2, and the variance of the first."""
        values = self.values[self.values > _TINY * self.values[0]]
        scale = _scales(round(self.freedom, 1))
        rest = scale * (_white(len(values))[:, 1:] @ values[1:]) if len(values) > 1 else np.zeros(DRAWS)
        return scale, rest, max(float(values[0]), 1e-300)

    def _reach(self, squared: float) -> tuple[np.ndarray, np.ndarray]:
        """How far the first direction may reach for draws that leave it room, in its deviations; and one over these."""
        scale, rest, first = self._noise
        some = squared > rest
        return np.sqrt((squared - rest[some]) / (first * scale[some])), 1 / np.sqrt(first * scale[some])

    @cached_property
    def _low(self) -> tuple[np.ndarray, np.ndarray]:
        """The reach for |z|^2, or for the lowest per cent of what noise alone gives: rarer draws are not resolved."""
        scale, rest, first = self._noise
        whole = rest + scale * first * _white(len(self.values) + 1)[:, -1]
        return self._reach(max(self.squared, float(np.quantile(whole, 0.01))))

    @cached_property
    def _alone(self) -> float:
        return max(_chance(self._low, 0.0), 1e-300)

    def interval(self, level: float) -> tuple[float, float]:
        """Bounds of |z|, each wrong with probability `level` at most."""
        return self._solve(lambda r: self.above(r) - level), self._solve(lambda r: level - self.below(r))

    def _solve(self, rising) -> float:
        """Where a rising function of the radius crosses zero; 0 where it starts above."""
        from scipy.optimize import brentq

        if rising(0.0) >= 0:
            return 0.0
        high = float(np.sqrt(self.squared)) + 2 * float(np.sqrt(self.values[0]))
        while rising(high) < 0:
            high *= 1.5
        return float(brentq(rising, 0.0, high, xtol=1e-12 * high, rtol=1e-3))  # pyright: ignore[reportArgumentType]

    def wald(self) -> tuple[float, int, float]:
        """The Wald statistic of z = 0, its rank, and the probability of a larger one (F with the freedom given)."""
        live = self.values > _TINY * self.values[0]
        statistic, rank = float(np.sum(self.components[live] ** 2 / self.values[live])), int(live.sum())
        if np.isfinite(self.freedom):
            return statistic, rank, float(fdtrc(rank, max(self.freedom, 1.0), statistic / rank))
        return statistic, rank, float(chdtrc(rank, statistic))

    def over_ellipsoid(self, radius: float) -> tuple[float, float]:
        """Infimum and supremum of |z + Sigma^(1/2) u| over |u| <= radius: trust-region problems, by their secular
        equations (More, Sorensen 1983, SIAM Journal on Scientific and Statistical Computing 4, 553)."""
        values, a = np.maximum(self.values, 1e-300), self.components
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return _lowest(values, a, radius), _highest(values, a, radius)


def _highest(values: np.ndarray, a: np.ndarray, radius: float) -> float:
    top = values[0]

    def length(mu: float) -> float:
        return float(np.sum(values * a**2 / (mu - values) ** 2))

    low, high = top * (1 + 1e-12), top + np.sqrt(np.sum(values * a**2)) / radius + 1e-300
    if length(low) <= radius**2:  # the hard case: what is missing lies along the largest eigenvalue
        u = np.where(values < top, np.sqrt(values) * a / np.maximum(top - values, 1e-300), 0.0)
        u[0] = np.sqrt(max(radius**2 - float(np.sum(u[1:] ** 2)), 0.0)) * (1.0 if a[0] >= 0 else -1.0)
        return float(np.linalg.norm(a + np.sqrt(values) * u))
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if length(middle) > radius**2 else (low, middle)
    return float(np.linalg.norm(a * high / (high - values)))


def _lowest(values: np.ndarray, a: np.ndarray, radius: float) -> float:
    if np.sum(a**2 / values) <= radius**2:
        return 0.0
    low, high = 0.0, np.sqrt(np.sum(values * a**2)) / radius
    for _ in range(60):
        middle = 0.5 * (low + high)
        too_long = np.sum(values * a**2 / (middle + values) ** 2) > radius**2
        low, high = (middle, high) if too_long else (low, middle)
    return float(np.linalg.norm(a * high / (high + values)))


def ellipsoid_radius(size: int, freedom: float, level: float) -> float:
    """The radius of the ellipsoid of `size` coefficients that misses the truth with probability `level`."""
    if np.isfinite(freedom) and freedom < 1e6:
        return float(np.sqrt(size * fdtri(size, max(freedom, 1.0), 1 - level)))
    return float(np.sqrt(chdtri(size, level)))
