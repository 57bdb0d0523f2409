"""Derivatives of noisy samples by global smoothers: splines, total variation, Fourier series.

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
