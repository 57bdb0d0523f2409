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
        from scipy.interpolate import make_smoothing_spline

        unit = np.mean(np.diff(times))  # stiffness in units of the step: well scaled whatever the unit of time
        given = np.broadcast_to(np.nan if self.stiffness is None else self.stiffness, values.shape[1])
        columns = []
        for column, own in zip(values.T, given, strict=True):
            size = np.std(column) or 1.0
            spline = make_smoothing_spline(times / unit, column / size, lam=None if np.isnan(own) else own / unit**3)
            smooth = spline if order == 0 else spline.derivative(order)
            columns.append(smooth(times / unit) * size / unit**order)
        return np.column_stack(columns)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        raise InputError("scipy does not tell the stiffness that it chose: give SmoothingSpline(stiffness=...)")


@dataclass(frozen=True)
class Kalman(AbstractDifferentiation):
    r"""The Kalman smoother of twice integrated random acceleration: a Gaussian process with x''' white.

    The state (x, x', x'') of each component moves freely between samples, on even or uneven times, driven by white
    noise of spectral density q; samples have the noise sigma^2. The ratio q / sigma^2 maximises the likelihood, for
    each component, and the means of the states given all samples solve one banded system. The same as a quintic
    smoothing spline with its stiffness by maximum likelihood.

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
        unit = float(np.mean(np.diff(times)))
        steps, out = np.diff(times) / unit, np.empty_like(values)
        basis, parabola = _parabola(times, values)
        values = values - basis @ parabola
        own = self._logarithms(steps, values, unit)
        for level in np.unique(own):  # components of one roughness share a factor
            same = own == level
            means = _smoothed(steps, values[:, same], level)[0]
            out[:, same] = means[:, order] / unit**order
        slopes = np.polynomial.polynomial.polyder(parabola, order) if order else parabola
        return out + basis[:, : 3 - order] @ slopes / np.ptp(times) ** order

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        unit = float(np.mean(np.diff(times)))
        basis, parabola = _parabola(times, values)
        logs = self._logarithms(np.diff(times) / unit, values - basis @ parabola, unit)
        if np.ptp(logs) > 0:
            raise InputError("the components have different roughness: ask for the standard error of one at a time")
        return Kalman(float(10 ** logs[0] / unit**5))

    def _logarithms(self, steps: np.ndarray, values: np.ndarray, unit: float) -> np.ndarray:
        """log10 of the roughness of each component, (n,), for time in mean steps."""
        if self.roughness is not None:
            return np.broadcast_to(np.log10(np.asarray(self.roughness) * unit**5), values.shape[1])
        from scipy.optimize import minimize_scalar

        return np.array(
            [
                minimize_scalar(
                    lambda level, y=column[:, None]: _smoothed(steps, y, level)[1],
                    bounds=(-12.0, 6.0), method="bounded", options={"xatol": 0.02},
                ).x  # pyright: ignore[reportAttributeAccessIssue]
                for column in values.T / (values.std(axis=0)[:, None] + 1e-300)
            ]
        )  # fmt: skip


def _parabola(times: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Powers of scaled time (t, 3) and the parabolas of the values, (3, n): free motion; the rest rounds little."""
    basis = np.polynomial.polynomial.polyvander((times - times.mean()) / np.ptp(times), 2)
    return basis, np.linalg.lstsq(basis, values)[0]


def _smoothed(steps: np.ndarray, values: np.ndarray, level: float) -> tuple[np.ndarray, float]:
    """Means (t, 3, n) of value, slope and curvature, and -2 log likelihood (but for a constant) at log10(q) = level."""
    from scipy.linalg import cho_solve_banded, cholesky_banded

    t = len(values)
    h = steps
    move = np.zeros((t - 1, 3, 3))
    move[:] = np.eye(3)
    move[:, 0, 1] = move[:, 1, 2] = h
    move[:, 0, 2] = h**2 / 2
    spread = np.empty((t - 1, 3, 3))
    for i in range(3):
        for j in range(3):
            a, b = 2 - i, 2 - j  # of the integral of s^a s^b / (a! b!)
            spread[:, i, j] = h ** (a + b + 1) / ((a + b + 1) * (2 if a == 2 else 1) * (2 if b == 2 else 1))
    free = np.linalg.inv(spread) * 10.0**-level
    pull = np.einsum("tji,tjk->tik", move, free)  # A' Q^-1
    blocks = np.zeros((t, 3, 3))
    blocks[1:] += free
    blocks[:-1] += np.einsum("tij,tjk->tik", pull, move)
    blocks[:, 0, 0] += 1.0
    band = np.zeros((6, 3 * t))
    for i in range(3):
        for j in range(3):
            if i >= j:
                band[i - j, j::3] = blocks[:, i, j]
            band[3 + i - j, j : 3 * (t - 1) : 3] = -pull[:, j, i]  # row of the next state, column of this one
    root = cholesky_banded(band, lower=True)
    right = np.zeros((3 * t, values.shape[1]))
    right[::3] = values
    means = cho_solve_banded((root, True), right).reshape(t, 3, -1)
    penalised = np.maximum(np.sum(values * (values - means[:, 0]), axis=0), 1e-300)
    # the innovations of each step have the determinant of spread * 10^level, the rest is the factor's own
    score = np.sum((t - 3) * np.log(penalised)) + 2 * np.sum(np.log(root[0])) + 3 * (t - 1) * level * np.log(10)
    return means, float(score)


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
    """The number of the wave where the spectrum of some component last stands above the noise."""
    level = noise_level(times, values)
    if not level.significant.any():
        return float(2 * len(times))
    floor = 2 * level.sigma**2 / (len(times) - 1)  # mean square of a coefficient of white noise
    width = 5
    smooth = np.apply_along_axis(lambda p: np.convolve(p, np.ones(width) / width, "same"), 0, series**2)
    above = (smooth > 4 * floor)[:, level.significant].any(axis=1)
    return float(1.3 * (np.flatnonzero(above)[-1] + 1 if above.any() else 1) + 2)


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
