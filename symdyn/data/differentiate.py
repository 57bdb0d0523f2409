"""Time derivatives of sampled states by local polynomials, on even and uneven times."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.recording import Recording, Samples, Trajectory, even_steps, pieces

FEWEST = 8  # samples of a piece for methods without a window
PROBES = 128  # random ones, for standard errors


@dataclass(frozen=True)
class AbstractDifferentiation(abc.ABC):
    """A way to differentiate a sampled function of time."""

    @property
    @abc.abstractmethod
    def window(self) -> tuple[int, int]:
        """Samples that a value hangs on, and the highest order of derivative. The samples are 0 where a value hangs on
        all of them: then each piece between gaps is treated on its own."""

    @property
    def fewest(self) -> int:
        """The smallest number of samples that can be differentiated."""
        return self.window[0] or FEWEST

    @abc.abstractmethod
    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        """The derivative of checked values (t, n)."""

    @abc.abstractmethod
    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        """The same method with all that it takes from the data fixed, so that it is linear in the values."""

    def __call__(self, times: np.ndarray, values: np.ndarray, order: int = 1) -> np.ndarray:
        """The derivative of `order` of `values` (t, n) at `times` (t,): shape (t, n). Order 0 smooths.

        Raises InputError for too few samples, or an order that the method does not have.
        """
        highest = self.window[1]
        if highest < order:
            raise InputError(
                f"{type(self).__name__} of degree {highest} has no derivative of order {order}; raise the degree"
            )
        if len(times) < self.fewest:
            raise InputError(
                f"{type(self).__name__} needs at least {self.fewest} samples a trajectory, got {len(times)}"
            )
        return self.apply(times, values, order)

    def smooth(self, times: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The smoothed values (t, n)."""
        return self(times, values, 0)

    def standard_error(self, times: np.ndarray, noise: Any, order: int = 1, *, values: Any = None) -> np.ndarray:
        """Standard error (t, n) of the derivative for white noise of standard deviation `noise` (n,) or a number.

        Without the bias of the smoothing. Exact for methods with a window; by 128 random probes, within about 6 %, for
        the others. `values` (t, n): the data, for methods that take their smoothness from them.

        Raises InputError where the method needs `values` and got none, or is not linear even then.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> sd.FiniteDifference(2).standard_error(np.arange(9.0), 0.1)[4].round(4).tolist()
        [0.0707]
        """
        if values is None:
            methods = [self]
        else:
            values = np.asarray(values, float)
            methods = [self.settled(times, values[:, [k]]) for k in range(values.shape[1])]
        gains = {method: method._gain(times, order) for method in dict.fromkeys(methods)}
        return np.column_stack([gains[method] for method in methods]) * np.atleast_1d(np.asarray(noise, float))

    def _gain(self, times: np.ndarray, order: int) -> np.ndarray:
        """The standard error (t,) for noise of 1, of a method that is linear in the values."""
        width = self.window[0]
        if width:  # a value hangs on `width` neighbours: each comb has one tooth among them
            probes = (np.arange(len(times))[:, None] % width == np.arange(width)).astype(float)
            return np.sqrt(np.sum(self(times, probes, order) ** 2, axis=1))
        probes = np.random.default_rng(0).choice([-1.0, 1.0], size=(len(times), PROBES))
        return np.sqrt(np.mean(self(times, probes, order) ** 2, axis=1))


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

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        return _local_polynomial(times, values, *self.window, order)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        return self


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

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        return _local_polynomial(times, values, self.width, self.degree, order)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        return self


def _local_polynomial(times, values, width: int, degree: int, order: int) -> np.ndarray:
    t, half = len(times), width // 2
    start = np.clip(np.arange(t) - half, 0, t - width)
    step = np.diff(times)
    if even_steps(times):
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
        weights.append(usable(chosen, run))
    return Samples.of(recording, targets, weights)


def derivative(method: AbstractDifferentiation, run: Trajectory, columns: np.ndarray, order: int = 1) -> np.ndarray:
    """The derivative of some state components of a run, (t, d); exactly zero where it is rounding (constant data)."""
    values = run.states[:, columns]
    if method.window[0]:
        slopes = method(run.times, values, order)
    else:
        slopes = np.zeros_like(values)
        found = [(a, b) for a, b in pieces(run) if b - a >= method.fewest]
        if not found:
            raise InputError(
                f"no piece without gaps has the {method.fewest} samples that {type(method).__name__} needs"
            )
        for start, end in found:
            slopes[start:end] = method(run.times[start:end], values[start:end], order)
    rounding = 64 * np.finfo(float).eps * np.abs(values).max(axis=0) / np.diff(run.times).min() ** order
    return np.where(np.abs(slopes).max(axis=0) <= rounding, 0.0, slopes)


def usable(method: AbstractDifferentiation, run: Trajectory) -> np.ndarray:
    """The weights of a run, zero where the method has no derivative because of missing samples."""
    if method.window[0]:
        return away_from_gaps(run.weights, method.window[0])
    long = np.zeros(len(run.times), bool)
    for start, end in pieces(run):
        long[start:end] = end - start >= method.fewest
    return np.where(long if run.weights.ndim == 1 else long[:, None], run.weights, 0.0)


def away_from_gaps(weights: np.ndarray, width: int) -> np.ndarray:
    """Zero the weight of every row whose window of `width` samples may hold a row of weight zero (a missing sample)."""
    gone = (weights if weights.ndim == 1 else weights.max(axis=1)) == 0
    if not gone.any():
        return weights
    near = np.convolve(gone, np.ones(2 * width - 1))[width - 1 : width - 1 + len(gone)] > 0
    return np.where(near if weights.ndim == 1 else near[:, None], 0.0, weights)
