"""Time derivatives of sampled states by local polynomials, on even and uneven times."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from math import factorial

import numpy as np

from symdyn._errors import InputError
from symdyn.data.recording import Recording, Samples, Trajectory


@dataclass(frozen=True)
class AbstractDifferentiation(abc.ABC):
    """A way to differentiate a sampled function of time."""

    @property
    @abc.abstractmethod
    def window(self) -> tuple[int, int]:
        """Samples in a window, and the degree of the polynomial that is fitted to them."""

    def __call__(self, times: np.ndarray, values: np.ndarray, order: int = 1) -> np.ndarray:
        """The derivative of `order` of `values` (t, n) at `times` (t,): shape (t, n)."""
        width, degree = self.window
        if degree < order:
            raise InputError(f"a polynomial of degree {degree} has no derivative of order {order}; raise the degree")
        if len(times) < width:
            raise InputError(f"{type(self).__name__} needs at least {width} samples a trajectory, got {len(times)}")
        return _local_polynomial(times, values, width, degree, order)


@dataclass(frozen=True)
class FiniteDifference(AbstractDifferentiation):
    """Finite differences of even accuracy `accuracy` on any grid (Fornberg's weights, one-sided at the ends).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 1, 9) ** 2
    >>> bool(np.allclose(sd.FiniteDifference(4)(t, t[:, None] ** 4)[:, 0], 4 * t**3))
    True
    """

    accuracy: int = 4

    def __post_init__(self):
        if self.accuracy < 2 or self.accuracy % 2:
            raise InputError(f"the accuracy of a centred difference is 2, 4, 6, ..., got {self.accuracy!r}")

    @property
    def window(self) -> tuple[int, int]:
        return self.accuracy + 1, self.accuracy


@dataclass(frozen=True)
class SavitzkyGolay(AbstractDifferentiation):
    """Least-squares polynomials of `degree` in sliding windows of `width` samples (odd), on any grid.

    Savitzky and Golay, Anal. Chem. 36 (1964) 1627; at the ends the first and last window are used off centre.
    """

    width: int = 11
    degree: int = 4

    def __post_init__(self):
        if self.width % 2 == 0 or self.width <= self.degree:
            raise InputError(
                f"the width must be odd and above the degree, got width {self.width}, degree {self.degree}"
            )

    @property
    def window(self) -> tuple[int, int]:
        return self.width, self.degree


def _local_polynomial(times, values, width: int, degree: int, order: int) -> np.ndarray:
    t, half = len(times), width // 2
    start = np.clip(np.arange(t) - half, 0, t - width)
    step = np.diff(times)
    if np.allclose(step, step[0], rtol=1e-9, atol=0.0):
        return _even_grid(step.mean(), values, start, width, degree, order)
    members = start[:, None] + np.arange(width)
    offset = times[members] - times[:, None]
    scale = np.abs(offset).max(axis=1, keepdims=True)
    basis = (offset / scale)[..., None] ** np.arange(degree + 1)
    weights = np.linalg.pinv(basis)[:, order, :] * factorial(order) / scale**order
    return np.einsum("tw,twn->tn", weights, values[members])


def _even_grid(dt: float, values, start, width: int, degree: int, order: int) -> np.ndarray:
    """One stencil for the interior, applied by shifts, and the off-centre stencils of the two ends."""
    t, half = len(values), width // 2
    out = np.empty_like(values)
    unit = factorial(order) / (half * dt) ** order

    def stencil(centre: int) -> np.ndarray:
        basis = ((np.arange(width) - centre) / half)[:, None] ** np.arange(degree + 1)
        return np.linalg.pinv(basis)[order] * unit

    inner = stencil(half)
    out[half : t - half] = sum(w * values[k : t - width + 1 + k] for k, w in enumerate(inner))
    for row in (*range(half), *range(t - half, t)):
        out[row] = stencil(int(row - start[row])) @ values[start[row] : start[row] + width]
    return out


def differentiated(recording: Recording, method: AbstractDifferentiation | None) -> Samples:
    """Rows of a pointwise regression: measured rates where the data hold them and no method is asked for.

    Trajectories are never differentiated across one another; rows whose window touches a missing sample get weight 0.
    """
    columns = recording.space.indices(recording.targets)
    targets, weights = [], []
    for run in recording.trajectories:
        if method is None and run.rates is not None:
            targets.append(run.rates)
            weights.append(run.weights)
            continue
        chosen = method or FiniteDifference()
        try:
            targets.append(derivative(chosen, run, columns))
        except InputError as error:
            raise InputError(f"trajectory {run.label!r}: {error}") from None
        weights.append(away_from_gaps(run.weights, chosen.window[0]))
    return Samples.of(recording, targets, weights)


def derivative(method: AbstractDifferentiation, run: Trajectory, columns: np.ndarray, order: int = 1) -> np.ndarray:
    """The derivative of some state components of a run, (t, d); exactly zero where it is rounding (constant data)."""
    values = run.states[:, columns]
    slopes = method(run.times, values, order)
    rounding = 64 * np.finfo(float).eps * np.abs(values).max(axis=0) / np.diff(run.times).min() ** order
    return np.where(np.abs(slopes).max(axis=0) <= rounding, 0.0, slopes)


def away_from_gaps(weights: np.ndarray, width: int) -> np.ndarray:
    """Zero the weight of every row whose window of `width` samples may hold a row of weight zero (a missing sample)."""
    gone = (weights if weights.ndim == 1 else weights.max(axis=1)) == 0
    if not gone.any():
        return weights
    near = np.convolve(gone, np.ones(2 * width - 1))[width - 1 : width - 1 + len(gone)] > 0
    return np.where(near if weights.ndim == 1 else near[:, None], 0.0, weights)
