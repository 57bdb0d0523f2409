r"""The weak form: rates by integration by parts against bumps, so that noisy states are never differentiated.

A test function phi whose first k - 1 derivatives vanish at both ends of its window turns a law x^(k) = theta(x) Xi into
one linear equation a window,

    (-1)^k int phi^(k)(t) x(t) dt = int phi(t) theta(x(t)) dt Xi

(Schaeffer, McCalla 2017, PRE 96, 023302; Messenger, Bortz 2021, MMS 19, 1474). Both sides are divided by int phi dt, so
that a row is a weighted mean of the rate over its window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from symdyn._errors import InputError
from symdyn.data.recording import Recording, Trajectory

MIN_HALF_WIDTH = 12  # samples: below this the discrete integration by parts is biased for bumps of order 8


@dataclass(frozen=True)
class WeakForm:
    """Regress in the weak form with bumps phi(s) = (1 - s^2)^q on windows of 2 * half_width + 1 samples.

    Parameters
    ----------
    half_width: samples from the centre of a window to its end; by default half of the period at which the states
        have their spectral peak, at least 12 and at most an eighth of the trajectory.
    q: the order of the bump; at least 5 (lower orders are biased even without noise).
    windows: about how many windows a trajectory gets, spread evenly; by default one every quarter of `half_width`.
    """

    half_width: int | None = None
    q: int = 8
    windows: int | None = None

    def __post_init__(self):
        if self.half_width is not None and self.half_width < 2:
            raise InputError(f"half_width counts samples and is at least 2, got {self.half_width!r}")
        if self.windows is not None and self.windows < 1:
            raise InputError(f"windows counts windows and is at least 1, got {self.windows!r}")
        if self.q < 5:
            raise InputError(f"bumps of order q < 5 bias the law, got q = {self.q!r}")


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of one trajectory: `members` (w, k) sample indices, `value` and `derivative` (w, k) kernels.

    A function f of time has the window means sum_k value * f and its derivative of the chosen order the means
    sum_k derivative * f.
    """

    members: np.ndarray
    value: np.ndarray
    derivative: np.ndarray

    def mean(self, samples: np.ndarray) -> np.ndarray:
        """Window means of sampled values (t, ...): shape (w, ...)."""
        return np.einsum("wk,wk...->w...", self.value, samples[self.members])

    def mean_derivative(self, samples: np.ndarray) -> np.ndarray:
        """Window means of the derivative of sampled values (t, ...): shape (w, ...)."""
        return np.einsum("wk,wk...->w...", self.derivative, samples[self.members])


def windows(form: WeakForm, run: Trajectory, order: int, label: str) -> Windows:
    """The windows of a trajectory for the derivative of `order`. Raises InputError where it is too short."""
    t = len(run.times)
    half = form.half_width or _half_width(run)
    if t < 2 * half + 1:
        raise InputError(
            f"trajectory {label!r} has {t} samples, fewer than one window of {2 * half + 1}; "
            "give a smaller WeakForm(half_width=...)"
        )
    stride = max(1, half // 4) if form.windows is None else max(1, (t - 2 * half) // form.windows)
    centres = np.arange(half, t - half, stride)
    members = centres[:, None] + np.arange(-half, half + 1)
    value, derivative = _kernels(run.times[members], form.q, order)
    return Windows(members, value, derivative)


def _half_width(run: Trajectory) -> int:
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


def _kernels(times: np.ndarray, q: int, order: int) -> tuple[np.ndarray, np.ndarray]:
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


def weak_rows(form: WeakForm, recording: Recording, features, columns: np.ndarray, order: int, known=None):
    """Design (rows, p) or (rows, p, d), targets (rows, d), weights (rows,) or (rows, d), over all trajectories.

    `features` maps states (t, n) to term values (t, p, ...); `columns` are the places of the target's components;
    `known` maps states to the known part of the rates (t, d), which is taken from the targets.
    Windows that touch a sample of weight zero get weight zero.
    """
    designs, targets, weights = [], [], []
    for run in recording.trajectories:
        win = windows(form, run, order, run.label)
        designs.append(win.mean(features(run.states)))
        rates = win.mean_derivative(run.states[:, columns])
        targets.append(rates if known is None else rates - win.mean(known(run.states)))
        inside = run.weights[win.members]
        weights.append(np.where((inside == 0).any(axis=1), 0.0, win.mean(run.weights)))
    return np.concatenate(designs), np.concatenate(targets), np.concatenate(weights)
