"""Derivatives of noisy samples by the Kalman smoother of integrated random motion, in the form of a smoothing spline.

For one piece of a trajectory without gaps; it takes its smoothness from the data unless it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation


@dataclass(frozen=True)
class Kalman(AbstractDifferentiation):
    r"""The Kalman smoother of twice integrated random acceleration: a Gaussian process with x''' white.

    The state (x, x', x'') of each component moves freely between samples, on even or uneven times, driven by white
    noise of spectral density q; samples have the noise sigma^2. The ratio q / sigma^2 maximises the likelihood, for
    each component. The means of the states given all samples are a quintic smoothing spline; one banded system gives
    its values, for all times at once and without the recursion of a filter. Samples closer together than a hundredth
    of the mean step count as one.

    Parameters
    ----------
    roughness: q / sigma^2, one for all components or a tuple; None for maximum likelihood.

    Raises InputError for a roughness that is not positive.

    References: Wahba 1978, JRSS B 40, 364 (splines as Gaussian processes); Saerkkae 2013, Bayesian Filtering and
    Smoothing, Cambridge.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 6, 200)
    >>> noisy = np.sin(t) + 0.02 * np.random.default_rng(0).normal(size=200)
    >>> bool(np.std(sd.Kalman()(t, noisy[:, None])[:, 0] - np.cos(t)) < 0.05)
    True
    """

    roughness: float | tuple[float, ...] | None = None

    def __post_init__(self):
        if self.roughness is not None and not np.min(self.roughness) > 0:
            raise InputError(f"the roughness of the random motion must be positive, got {self.roughness!r}")

    @property
    def window(self) -> tuple[int, int]:
        return 0, 2

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        from scipy.interpolate import make_interp_spline

        unit = float(np.mean(np.diff(times)))
        basis, parabola = _parabola(times, values)
        values = values - basis @ parabola
        at, values = _apart(times, values, 0.01 * unit)
        motion, smooth = _Motion.of(at / unit), np.empty_like(values)
        own = self._logarithms(motion, values, unit)
        for level in np.unique(own):  # components of one roughness share a factor
            same = own == level
            smooth[:, same] = motion.smoothed(values[:, same], level)
        ends = [(3, np.zeros(values.shape[1])), (4, np.zeros(values.shape[1]))]  # free motion beyond the samples
        spline = make_interp_spline(at / unit, smooth, k=5, bc_type=(ends, ends))  # pyright: ignore[reportArgumentType]
        slopes = np.polynomial.polynomial.polyder(parabola, order) if order else parabola
        return spline(times / unit, order) / unit**order + basis[:, : 3 - order] @ slopes / np.ptp(times) ** order

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        unit = float(np.mean(np.diff(times)))
        basis, parabola = _parabola(times, values)
        at, values = _apart(times, values - basis @ parabola, 0.01 * unit)
        logs = self._logarithms(_Motion.of(at / unit), values, unit)
        found = (10**logs / unit**5).tolist()
        return Kalman(found[0] if len(found) == 1 else tuple(found))

    def _logarithms(self, motion: _Motion, values: np.ndarray, unit: float) -> np.ndarray:
        """log10 of the roughness of each component, (n,), for time in mean steps."""
        if self.roughness is not None:
            return np.broadcast_to(np.log10(np.asarray(self.roughness) * unit**5), values.shape[1])
        from scipy.optimize import minimize_scalar

        return np.array(
            [
                minimize_scalar(
                    lambda level, y=column: motion.score(y, level),
                    bounds=(-12.0, 6.0), method="bounded", options={"xatol": 0.02},
                ).x  # pyright: ignore[reportAttributeAccessIssue]
                for column in values.T / (values.std(axis=0)[:, None] + 1e-300)
            ]
        )  # fmt: skip


def _parabola(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Powers of scaled time (t, 3) and the parabolas of the values, (3, n): free motion; the rest rounds little."""
    basis = np.polynomial.polynomial.polyvander((times - times.mean()) / np.ptp(times), 2)
    return basis, np.linalg.lstsq(basis, values)[0]


def _apart(times: np.ndarray, values: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and values (t, n) with the mean in the place of samples that nearly coincide."""
    if np.diff(times).min() >= least:
        return times, values
    first = [0]
    for k in range(1, len(times)):
        if times[k] - times[first[-1]] >= least:
            first.append(k)
    count = np.diff([*first, len(times)])
    return np.add.reduceat(times, first) / count, np.add.reduceat(values, first) / count[:, None]


@dataclass(frozen=True)
class _Motion:
    """Third divided differences D of the samples, and what random motion makes of them.

    They know nothing of the free motion, and have the covariance sigma^2 (D D' + q / sigma^2 W), W the products of
    quadratic B-splines (Reinsch's form of a smoothing spline). Rows of D have the norm 1, so that samples that nearly
    coincide do no harm.
    """

    difference: Any
    noise: np.ndarray
    motion: np.ndarray

    @classmethod
    def of(cls, times: np.ndarray) -> _Motion:
        from scipy.interpolate import BSpline
        from scipy.sparse import csr_array, diags_array

        t = len(times)
        spans = times[np.arange(t - 3)[:, None] + np.arange(4)]  # of each difference
        apart = spans[:, :, None] - spans[:, None, :] + np.eye(4)
        entries = 2 * (spans[:, 3] - spans[:, 0])[:, None] / np.prod(apart, axis=2)
        norms = np.linalg.norm(entries, axis=1)
        rows = np.repeat(np.arange(t - 3), 4)
        D = csr_array(((entries / norms[:, None]).ravel(), (rows, rows + np.tile(np.arange(4), t - 3))), (t - 3, t))
        nodes, shares = np.polynomial.legendre.leggauss(3)
        points = times[:-1, None] + np.diff(times)[:, None] * (nodes + 1) / 2
        knots = np.concatenate([times[:1], times[:1], times, times[-1:], times[-1:]])
        B = csr_array(BSpline.design_matrix(points.ravel(), knots, 2))[:, 2:-2]
        weight = diags_array((np.diff(times)[:, None] * shares / 2).ravel())
        scale = diags_array(1 / norms)
        return cls(D, _band(D @ D.T), _band(scale @ (B.T @ weight @ B) @ scale))

    def smoothed(self, values: np.ndarray, level: float) -> np.ndarray:
        """The means of the values (t, n) given the samples, at log10(q / sigma^2) = level."""
        from scipy.linalg import cho_solve_banded

        noise = self.difference @ values
        return values - self.difference.T @ cho_solve_banded((self._factor(level), True), noise)

    def score(self, values: np.ndarray, level: float) -> float:
        """-2 log likelihood of one component (t,), but for a constant."""
        from scipy.linalg import cho_solve_banded

        seen = self.difference @ values
        try:
            root = self._factor(level)
        except InputError:  # very stiff, on very uneven times: the factor is lost in rounding
            return 1e6 * len(seen)
        misfit = max(float(seen @ cho_solve_banded((root, True), seen)), 1e-300)
        return len(seen) * np.log(misfit) + 2 * float(np.sum(np.log(root[0])))

    def _factor(self, level: float) -> np.ndarray:
        from scipy.linalg import LinAlgError, cholesky_banded

        try:
            return cholesky_banded(self.noise + 10.0**level * self.motion, lower=True)
        except LinAlgError:
            raise InputError("some samples nearly coincide in time: put their mean in their place") from None


def _band(matrix: Any) -> np.ndarray:
    """The four lower bands of a sparse symmetric matrix, (4, t)."""
    out = np.zeros((4, matrix.shape[0]))
    for k in range(min(4, matrix.shape[0])):
        out[k, : matrix.shape[0] - k] = matrix.diagonal(-k)
    return out
