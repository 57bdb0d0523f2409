r"""The weak form: rates by integration by parts against bumps, so that noisy states are never differentiated.

A test function phi whose first k - 1 derivatives vanish at both ends of its window turns a law x^(k) = theta(x) Xi into
one linear equation a window,

    (-1)^k int phi^(k)(t) x(t) dt = int phi(t) theta(x(t)) dt Xi

(Schaeffer, McCalla 2017, PRE 96, 023302; Messenger, Bortz 2021, MMS 19, 1474). Both sides are divided by int phi dt, so
that a row is a weighted mean of the rate over its window.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from scipy.sparse import csr_array, vstack

from symdyn._errors import InputError
from symdyn.data.recording import Recording, Trajectory, pieces
from symdyn.data.smoothing import Corner, corner, thinned

MIN_HALF_WIDTH = 12  # samples: below this the discrete integration by parts is biased for bumps of order 8
SHORTEST = 5  # samples: the smallest half width that a short trajectory or a piece between gaps may shrink a window to
PER_HALF_WIDTH = 4  # windows in a half width
NARROW, WIDE = 0.25, 2.0  # half widths of windows in corners of the noise: rows by their covariance, rows by themselves
SAMPLES = 32  # samples in a half width that are enough for noisy data


class AbstractWeakForm(abc.ABC):
    """A way to turn trajectories into rows of means over windows."""

    generalised: bool | None
    unbiased: bool | None

    @abc.abstractmethod
    def widths(self, run: Trajectory, found: Corner | None) -> tuple[int, ...]:
        """Half widths of the windows in samples."""

    def narrowed(self, widths: list[tuple[Trajectory, tuple[int, ...]]], enough: int) -> float:
        """The factor by which windows that are not given must be narrowed for at least `enough` of them."""
        if self.fixed:
            return 1.0
        factor = 1.0
        while (
            factor > 0.1
            and PER_HALF_WIDTH
            * sum(max(len(run.times) / (factor * each) - 2, 0.0) for run, some in widths for each in some)
            < enough
        ):
            factor *= 0.9
        return factor

    @abc.abstractmethod
    def smoothed(self, half: int) -> int:
        """The largest half width over which noisy states may be smoothed for windows of this half width."""

    @property
    @abc.abstractmethod
    def fixed(self) -> bool:
        """Whether the user gave the width or the number of windows."""

    @abc.abstractmethod
    def piece(self, times: np.ndarray, half: int, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The windows of a piece without gaps: members (w, k), value and derivative kernels (w, k)."""


@dataclass(frozen=True)
class WeakForm(AbstractWeakForm):
    """Regress in the weak form with bumps phi(s) = (1 - s^2)^q on windows of 2 * half_width + 1 samples.

    White noise in the states is estimated (`noise_level`). Where it is significant, the terms are evaluated without
    the bias that the noise gives them, and the rows are weighted by the inverse of their covariance: see `generalised`
    and `unbiased`. Trajectories of all lengths go together: a short one, or a piece between gaps, gets narrower
    windows, down to 5 samples on either side. No window reaches across a missing sample or a gap in time.

    Parameters
    ----------
    half_width: samples from the centre of a window to its end, or several for windows of several widths; by default
        half of the period at which the states have their spectral peak; for noisy states a quarter of the half width
        over which local quartics follow the motion as well as the noise lets one see, or twice of it without
        generalised least squares (which put narrow windows together again, and need many). At least 12, at most an
        eighth of the trajectory, and narrower where there would be fewer than 5 windows for each term.
    q: the order of the bump; at least 5 (lower orders are biased even without noise).
    windows: about how many windows a trajectory gets, spread evenly; by default one every quarter of `half_width`.
    generalised: generalised least squares: rows that overlap share noise, and a row is as noisy as the law makes it.
        By default where the noise is significant.
    unbiased: take from the terms what the noise adds to them on average, exact for polynomials up to degree 5. By
        default where the noise is significant.

    Raises InputError for values out of range.

    References: Messenger, Bortz 2021, MMS 19, 1474 (width from the corner of the spectrum); Bortz, Messenger, Dukic
    2023, Bulletin of Mathematical Biology 85, 110 (covariance of the rows).

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> data = sd.make_dataset("lorenz", times=np.arange(0, 10, 0.01), noise=0.02, key=jax.random.key(0))
    >>> sd.identify(data, library=sd.Monomials(2), differentiation=sd.WeakForm()).stats.active
    7
    """

    half_width: int | tuple[int, ...] | None = None
    q: int = 8
    windows: int | None = None
    generalised: bool | None = None
    unbiased: bool | None = None

    def __post_init__(self):
        if isinstance(self.half_width, list):
            object.__setattr__(self, "half_width", tuple(self.half_width))
        for each in self._given:
            if each < 2:
                raise InputError(f"half_width counts samples and is at least 2, got {self.half_width!r}")
        if self.half_width == ():
            raise InputError("half_width is empty: give a number, several, or None")
        if self.windows is not None and self.windows < 1:
            raise InputError(f"windows counts windows and is at least 1, got {self.windows!r}")
        if self.q < 5:
            raise InputError(f"bumps of order q < 5 bias the law, got q = {self.q!r}")

    @property
    def fixed(self) -> bool:
        return bool(self._given) or self.windows is not None

    def smoothed(self, half: int) -> int:
        return half // 4

    @property
    def _given(self) -> tuple[int, ...]:
        if self.half_width is None:
            return ()
        return self.half_width if isinstance(self.half_width, tuple) else (self.half_width,)

    def widths(self, run: Trajectory, found: Corner | None) -> tuple[int, ...]:
        if self._given:
            return self._given
        if found is None:
            return (spectral_half_width(run),)
        share = WIDE if self.generalised is False else NARROW
        return (int(np.clip(share * found.half, MIN_HALF_WIDTH, max(len(run.times) // 8, MIN_HALF_WIDTH))),)

    def piece(self, times: np.ndarray, half: int, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        room = len(times) - 2 * half
        stride = max(1, half // PER_HALF_WIDTH) if self.windows is None else max(1, room // self.windows)
        centres = np.unique(np.linspace(half, len(times) - half - 1, (room - 1) // stride + 1).round().astype(int))
        members = centres[:, None] + np.arange(-half, half + 1)
        return members, *bump_kernels(times[members], self.q, order)


@dataclass(frozen=True)
class IntegralForm(AbstractWeakForm):
    r"""Regress increments on integrals: x(t + h) - x(t) = int theta(x) dt Xi over spans of 2 * half_span steps.

    A weak form with boxes for test functions. Without noise it needs less of the trajectory than `WeakForm`; with
    noise each row hangs on two samples, and generalised least squares has to put them together again.

    Parameters
    ----------
    half_span: half the number of steps that a row spans (Simpson's rule wants an even number); by default an eighth
        of the main period.
    generalised, unbiased: see `WeakForm`.

    Raises InputError for a span of no steps.

    Reference: Schaeffer, McCalla 2017, PRE 96, 023302.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.make_dataset("lorenz", times=np.arange(0, 10, 0.01))
    >>> sd.identify(data, library=sd.Monomials(2), differentiation=sd.IntegralForm()).stats.active
    7
    """

    half_span: int | None = None
    generalised: bool | None = None
    unbiased: bool | None = None

    def __post_init__(self):
        if self.half_span is not None and self.half_span < 1:
            raise InputError(f"half_span counts steps and is at least 1, got {self.half_span!r}")

    @property
    def fixed(self) -> bool:
        return self.half_span is not None

    def smoothed(self, half: int) -> int:
        return 0  # a row hangs on its two ends: their noise must stay white

    def widths(self, run: Trajectory, found: Corner | None) -> tuple[int, ...]:
        return (self.half_span or max(spectral_half_width(run) // 4, 3),)

    def piece(self, times: np.ndarray, half: int, order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if order != 1:
            raise InputError("IntegralForm is for laws of first order; use WeakForm() for order=2")
        starts = np.arange(0, len(times) - 2 * half, max(1, half))
        members = starts[:, None] + np.arange(2 * half + 1)
        value = _simpson(times[members])
        derivative = np.zeros_like(value)
        span = value.sum(axis=1)
        derivative[:, -1], derivative[:, 0] = 1 / span, -1 / span
        return members, value / span[:, None], derivative


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of one trajectory: `value` and `derivative`, sparse (w, t), in the order of their centres.

    A function f of time has the window means value @ f, and its derivative of the chosen order the means
    derivative @ f.
    """

    value: csr_array
    derivative: csr_array

    @classmethod
    def in_order(cls, values: list[csr_array], derivatives: list[csr_array], centres: np.ndarray) -> Windows:
        """Kernels of several widths or pieces, put in the order of their centres (w,)."""
        rank = np.argsort(centres, kind="stable")
        return cls(csr_array(vstack(values, "csr"))[rank], csr_array(vstack(derivatives, "csr"))[rank])

    def mean(self, samples: np.ndarray) -> np.ndarray:
        """Window means of sampled values (t, ...): shape (w, ...)."""
        return _applied(self.value, samples)

    def mean_derivative(self, samples: np.ndarray) -> np.ndarray:
        """Window means of the derivative of sampled values (t, ...): shape (w, ...)."""
        return _applied(self.derivative, samples)


def _applied(kernel: csr_array, samples: np.ndarray) -> np.ndarray:
    flat = np.asarray(samples).reshape(len(samples), -1)
    return np.asarray(kernel @ flat).reshape(kernel.shape[0], *samples.shape[1:])  # pyright: ignore[reportOptionalSubscript]


def windows(form: AbstractWeakForm, run: Trajectory, order: int, label: str, widths: tuple[int, ...] | None = None):
    """The windows of a trajectory for the derivative of `order`. Raises InputError where none fits."""
    made = _windows(form, run, order, widths or form.widths(run, None))
    if made is None:
        raise InputError(
            f"trajectory {label!r} has {len(run.times)} samples, and no piece of it without gaps has the "
            f"{2 * SHORTEST + 1} that the narrowest window needs"
        )
    return made


def _windows(form: AbstractWeakForm, run: Trajectory, order: int, widths: tuple[int, ...]) -> Windows | None:
    values, derivatives, centres = [], [], []
    for start, end in pieces(run):
        fitting = {min(half, (end - start - 1) // 2) for half in widths}
        for half in sorted(half for half in fitting if half >= SHORTEST or half in widths):
            members, value, derivative = form.piece(run.times[start:end], half, order)
            values.append(sparse_windows(members + start, value, len(run.times)))
            derivatives.append(sparse_windows(members + start, derivative, len(run.times)))
            centres.append(members.mean(axis=1) + start)
    if not values:
        return None
    return Windows.in_order(values, derivatives, np.concatenate(centres))


def sparse_windows(members: np.ndarray, kernel: np.ndarray, columns: int) -> csr_array:
    """Kernels (w, k) on their members (w, k) as a sparse matrix (w, columns)."""
    w, k = members.shape
    return csr_array((kernel.ravel(), members.ravel(), np.arange(0, w * k + 1, k)), shape=(w, columns))


def spectral_half_width(run: Trajectory) -> int:
    """Half of the period of the spectral peak of the states, in samples."""
    t = len(run.times)
    even = np.linspace(run.times[0], run.times[-1], t)
    columns = [np.interp(even, run.times, column) for column in run.states.T]
    power = np.zeros(t // 2 + 1)
    for column in columns:
        centred = column - np.polynomial.Polynomial.fit(np.arange(t), column, 1)(np.arange(t))
        size = np.linalg.norm(centred)
        if size > 0:
            power += np.abs(np.fft.rfft(centred / size)) ** 2
    peak = max(int(np.argmax(power[1:])) + 1, 1)
    return int(np.clip(round(0.5 * t / peak), MIN_HALF_WIDTH, max(t // 8, MIN_HALF_WIDTH)))


def bump_kernels(times: np.ndarray, q: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernels (w, k) of the window mean and of the mean derivative, on the given (uneven) times of each window.

    The derivative kernel is rescaled so that t^order / order! has the mean derivative 1 exactly: with few samples a
    bump the discrete integration by parts is otherwise off by some per cent.
    """
    centre = 0.5 * (times[:, :1] + times[:, -1:])
    half = 0.5 * (times[:, -1:] - times[:, :1])
    s = (times - centre) / half
    step = np.gradient(times, axis=1)
    bump = Polynomial([1.0, 0.0, -1.0]) ** q
    value = bump(s) * step
    value /= value.sum(axis=1, keepdims=True)
    derivative = (-1) ** order * bump.deriv(order)(s) * step
    derivative -= _projection(derivative, s, order)
    moment = (derivative * s**order).sum(axis=1, keepdims=True)
    return value, derivative * np.prod(np.arange(1, order + 1)) / (moment * half**order)


def _projection(kernel: np.ndarray, s: np.ndarray, order: int) -> np.ndarray:
    """What must be taken from a kernel so that polynomials below `order` have no derivative of that order."""
    basis = s[..., None] ** np.arange(order)
    moments = np.einsum("wk,wkj->wj", kernel, basis)
    gram = np.einsum("wki,wkj->wij", basis, basis)
    return np.einsum("wkj,wj->wk", basis, np.linalg.solve(gram, moments[..., None])[..., 0])


def _simpson(times: np.ndarray) -> np.ndarray:
    """Weights (w, k) of Simpson's rule on uneven times, exact for cubics on even ones; k is odd."""
    weights = np.zeros_like(times)
    first, second = np.diff(times, axis=1)[:, ::2], np.diff(times, axis=1)[:, 1::2]
    span = first + second
    weights[:, 0:-2:2] += span / 6 * (2 - second / first)
    weights[:, 1:-1:2] += span**3 / (6 * first * second)
    weights[:, 2::2] += span / 6 * (2 - first / second)
    return weights


@dataclass(frozen=True, eq=False)
class WeakRun:
    """One trajectory ready for the weak form.

    `windows`; `states` (t, n) that the terms see, smoothed and thinned where they are noisy, with `weights` (t,) or
    (t, d); `variance` (t, n) of the noise that is left in them; `density` (t, n): variance of white noise on these
    samples with the same power at low frequency as the noise of the measurement.
    """

    windows: Windows
    states: np.ndarray
    weights: np.ndarray
    variance: np.ndarray
    density: np.ndarray


def weak_runs(form: AbstractWeakForm, recording: Recording, order: int, enough: int = 0) -> tuple[list[WeakRun], bool]:
    """The trajectories with their windows, and whether their noise is significant.

    Windows that were not told their width are narrowed where there would be fewer than `enough`.
    Raises InputError where no window fits in any of them.
    """
    runs = recording.trajectories
    careful = not (form.generalised is False and form.unbiased is False)
    inputs = recording.space.indices(recording.inputs) if recording.inputs else np.zeros(0, int)
    found = corner(runs, inputs) if careful else None
    out = []
    narrower = 1.0 if enough == 0 else form.narrowed([(run, form.widths(run, found)) for run in runs], enough)
    for run in runs:
        widths = tuple(max(int(w * narrower), min(w, MIN_HALF_WIDTH)) for w in form.widths(run, found))
        if found is None:
            made, noise = _windows(form, run, order, widths), np.zeros_like(run.states)
            if made is not None:
                out.append(WeakRun(made, run.states, run.weights, noise, noise))
            continue
        fewer, variance, density, factor = thinned(run, found, min(widths) // SAMPLES, form.smoothed(min(widths)))
        made = _windows(form, fewer, order, tuple(max(w // factor, 2) for w in widths))
        if made is not None:
            out.append(WeakRun(made, fewer.states, fewer.weights, variance, density))
    if not out:
        longest = max(len(run.times) for run in runs)
        raise InputError(
            f"no window fits: the longest trajectory has {longest} samples, and the narrowest window needs "
            f"{2 * SHORTEST + 1} without a gap"
        )
    return out, found is not None
