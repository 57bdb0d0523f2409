"""Derivatives of noisy samples by global smoothers: splines, total variation, Fourier series, a Kalman smoother.

Each takes its smoothness from the data unless it is told. All are for one piece of a trajectory without gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation, FiniteDifference
from symdyn.data.noise import noise_level

MANY = 8  # highest order of derivative of a Fourier series


@dataclass(frozen=True)
class SmoothingSpline(AbstractDifferentiation):
    """Cubic smoothing splines; their stiffness by generalised cross-validation for each component.

    Memory is linear in the samples; the cross-validation takes seconds for 1e4 samples.

    Parameters
    ----------
    stiffness: the weight of the integral of the squared second derivative against the sum of squared residuals, one
        for all components or a tuple; None for generalised cross-validation.

    Raises InputError for a negative stiffness.

    References: Craven, Wahba 1978, Numerische Mathematik 31, 377; `scipy.interpolate.make_smoothing_spline`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 6, 200)
    >>> noisy = np.sin(t) + 0.02 * np.random.default_rng(0).normal(size=200)
    >>> bool(np.std(sd.SmoothingSpline()(t, noisy[:, None])[:, 0] - np.cos(t)) < 0.05)
    True
    """

    stiffness: float | tuple[float, ...] | None = None

    def __post_init__(self):
        if self.stiffness is not None and np.min(self.stiffness) < 0:
            raise InputError(f"the stiffness of a spline must not be negative, got {self.stiffness!r}")

    @property
    def window(self) -> tuple[int, int]:
        return 0, 3

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        unit = np.mean(np.diff(times))
        columns = []
        for spline, size in self._splines(times, values):
            smooth = spline if order == 0 else spline.derivative(order)
            columns.append(smooth(times / unit) * size / unit**order)
        return np.column_stack(columns)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        if self.stiffness is not None:
            return self
        unit, found = np.mean(np.diff(times)), []
        for (spline, size), column in zip(self._splines(times, values), values.T, strict=True):
            smooth, bend = spline(times / unit), spline.derivative(2)(times / unit)
            # scipy does not tell its choice, but at the minimum stiffness * int x''^2 = x . (y - x)
            energy = np.sum(np.diff(times / unit) * (bend[1:] ** 2 + bend[1:] * bend[:-1] + bend[:-1] ** 2)) / 3
            found.append(float(max(smooth @ (column / size - smooth) / max(energy, 1e-300), 0.0) * unit**3))
        return SmoothingSpline(found[0] if len(found) == 1 else tuple(found))

    def _splines(self, times: np.ndarray, values: np.ndarray) -> list[tuple[Any, float]]:
        """The spline of each component over its size, in steps of time: well scaled whatever the units."""
        from scipy.interpolate import make_smoothing_spline

        unit = np.mean(np.diff(times))
        given = np.broadcast_to(np.nan if self.stiffness is None else self.stiffness, values.shape[1])
        out = []
        for column, own in zip(values.T, given, strict=True):
            size = float(np.std(column)) or 1.0
            level = None if np.isnan(own) else own / unit**3
            out.append((make_smoothing_spline(times / unit, column / size, lam=level), size))
        return out


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


@dataclass(frozen=True)
class Spectral(AbstractDifferentiation):
    """Sine series about the line from the first to the last sample, cut off where the noise begins. Even times only.

    For long or periodic records; the second derivative of the series vanishes at both ends, so the outermost per cent
    of the record are less accurate.

    Parameters
    ----------
    cutoff: the highest frequency kept, in cycles per unit of time; None for where the spectrum meets the noise.

    Raises InputError for uneven times, or a cutoff that is not positive.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 20, 1000)
    >>> noisy = np.sin(t) + 0.02 * np.random.default_rng(0).normal(size=1000)
    >>> bool(np.std(sd.Spectral()(t, noisy[:, None])[:, 0] - np.cos(t)) < 0.05)
    True
    """

    cutoff: float | None = None

    def __post_init__(self):
        if self.cutoff is not None and not self.cutoff > 0:
            raise InputError(f"the cutoff is a frequency above zero, got {self.cutoff!r}")

    @property
    def window(self) -> tuple[int, int]:
        return 0, MANY

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        from scipy.fft import dct, dst

        step = np.diff(times)
        if not np.allclose(step, step.mean(), rtol=1e-6, atol=0.0):
            raise InputError("Spectral needs even times; use Kalman() or SmoothingSpline()")
        span, t = times[-1] - times[0], len(times)
        slope = (values[-1] - values[0]) / span
        line = values[0] + slope * (times - times[0])[:, None]
        series = np.asarray(dst((values - line)[1:-1], type=1, axis=0)) / (t - 1)  # coefficients of sin(k pi s)
        waves = np.arange(1, t - 1)
        top = 2 * span * self.cutoff if self.cutoff is not None else _corner(times, values, series)
        series = series * np.exp(-36.0 * (waves / np.maximum(top, 1.0)) ** 16)[:, None]
        series = series * ((waves * np.pi / span) ** order * (-1) ** (order // 2))[:, None]
        if order % 2 == 0:
            inner = np.asarray(dst(series, type=1, axis=0)) / 2
            out = np.concatenate([0 * inner[:1], inner, 0 * inner[:1]])
            return out + (line if order == 0 else 0.0)
        full = np.concatenate([0 * series[:1], series, 0 * series[:1]])
        return np.asarray(dct(full, type=1, axis=0)) / 2 + (slope if order == 1 else 0.0)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        if self.cutoff is not None:
            return self
        line = np.linspace(0, 1, len(times))[:, None] * (values[-1] - values[0]) + values[0]
        from scipy.fft import dst

        series = np.asarray(dst((values - line)[1:-1], type=1, axis=0)) / (len(times) - 1)
        top = _corner(times, values, series)
        return Spectral(float(top / (2 * (times[-1] - times[0]))))


def _corner(times: np.ndarray, values: np.ndarray, series: np.ndarray) -> float:
    """The number of waves with the least risk (Mallows): each adds its noise, or else its signal is lost."""
    level = noise_level(times, values)
    if not level.significant.any():
        return float(2 * len(times))
    floor = 2 * level.sigma**2 / (len(times) - 1)  # mean square of a coefficient of white noise
    gain = np.cumsum(series**2 - 2 * floor, axis=0)[:, level.significant]
    return float(1.3 * (np.argmax(gain, axis=0).max() + 1) + 2)


@dataclass(frozen=True)
class TotalVariation(AbstractDifferentiation):
    r"""The curve with the least total variation of its slope within the noise: slopes that jump (l1 trend filter).

    $$\min_x \sum_j |\Delta (\dot x)_j| \quad \text{with} \quad |x - y| \le \sigma \sqrt{t},$$

    one conic problem for each component (Clarabel), on even or uneven times. For laws with impacts or switches; smooth
    motion is better served by the others.

    Parameters
    ----------
    noise: the standard deviation sigma of the samples, one for all components or a tuple; None for `noise_level`.

    Raises InputError for noise that is negative.

    References: Rudin, Osher, Fatemi 1992, Physica D 60, 259; Kim, Koh, Boyd, Gorinevsky 2009, SIAM Review 51, 339.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 2, 200)
    >>> noisy = np.abs(t - 1) + 0.01 * np.random.default_rng(0).normal(size=200)
    >>> bool(np.median(np.abs(sd.TotalVariation()(t, noisy[:, None])[:, 0] - np.sign(t - 1))) < 0.05)
    True
    """

    noise: float | tuple[float, ...] | None = None

    def __post_init__(self):
        if self.noise is not None and np.min(self.noise) < 0:
            raise InputError(f"the standard deviation of noise is not negative, got {self.noise!r}")

    @property
    def window(self) -> tuple[int, int]:
        return 0, 2

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        sigma = noise_level(times, values).sigma if self.noise is None else self.noise
        sigma = np.broadcast_to(sigma, values.shape[1])
        smooth = np.column_stack([_least_variation(times, y, float(s)) for y, s in zip(values.T, sigma, strict=True)])
        return smooth if order == 0 else FiniteDifference(2)(times, smooth, order)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        raise InputError("total variation is not linear in the values: it has no standard error of this kind")


def _least_variation(times: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    import importlib

    from scipy.sparse import csc_matrix, diags_array, eye_array, vstack

    conic: Any = importlib.import_module("clarabel")  # it has no types

    t, size = len(y), float(np.std(y)) or 1.0
    offset, unit = np.mean(y), np.mean(np.diff(times))
    inverse = unit / np.diff(times)
    second = diags_array(
        [inverse[:-1], -(inverse[:-1] + inverse[1:]), inverse[1:]],
        offsets=(0, 1, 2),  # pyright: ignore[reportArgumentType]
        shape=(t - 2, t),
    )
    bound = eye_array(t - 2)
    table = vstack(
        [
            _beside(second, -bound), _beside(-second, -bound), csc_matrix((1, 2 * t - 2)),
            _beside(-eye_array(t), csc_matrix((t, t - 2))),
        ],
        "csc",
    )  # fmt: skip
    right = np.concatenate([np.zeros(2 * (t - 2)), [max(sigma / size, 1e-9) * np.sqrt(t)], -(y - offset) / size])
    cones = [conic.NonnegativeConeT(2 * (t - 2)), conic.SecondOrderConeT(t + 1)]
    options = conic.DefaultSettings()
    options.verbose = False
    goal = np.concatenate([np.zeros(t), np.ones(t - 2)])
    empty = csc_matrix((2 * t - 2, 2 * t - 2))
    found = conic.DefaultSolver(empty, goal, csc_matrix(table), right, cones, options).solve()
    if not str(found.status).endswith("Solved"):
        raise InputError(f"the total variation could not be minimised ({found.status}); give TotalVariation(noise=...)")
    return np.asarray(found.x)[:t] * size + offset


def _beside(left, right):
    """Sparse matrices side by side."""
    from scipy.sparse import hstack

    return hstack([left, right], "csc")
