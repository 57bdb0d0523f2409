"""Light smoothing of noisy states by local quartics: how wide they may be, what noise they leave, and fewer samples.

Terms that are nonlinear in noisy states are biased, and heavily so where the noise is large. What is smoothed over a
time in which the motion is a quartic, well within the noise, has less noise and the same motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from symdyn.data.noise import NoiseLevel, pooled_noise_level
from symdyn.data.recording import Trajectory, even_steps, pieces

DEGREE = 4
RUNS = 16  # trajectories that the width is judged by
PLACES = 4000  # samples in all that it is judged by
STEPS = 3  # half widths tried in a doubling
MISFIT = 0.03  # of the noise variance: squared error of a quartic that shows that it no longer follows the motion
FIRST = 0.1  # allowed on top for the narrowest quartics, beside samples whose noise is known to some per cent
CHANCE = 3.0  # standard deviations
BATCH = 2**22  # numbers gathered at once


@dataclass(frozen=True, eq=False)
class Corner:
    """Where signal and noise part: `half`, as many samples on either side do quartics follow; `level`."""

    half: int
    level: NoiseLevel


def corner(runs: Sequence[Trajectory], inputs: np.ndarray) -> Corner | None:
    """The noise of some trajectories and their corner, None where no component has significant noise."""
    few = [runs[i] for i in np.unique(np.linspace(0, len(runs) - 1, RUNS).round().astype(int))]
    if max(len(run.times) for run in few) < 16:
        return None
    level = pooled_noise_level([(run.times, run.states, run.weights) for run in few])
    noisy = np.flatnonzero(level.significant & ~np.isin(np.arange(len(level.sigma)), inputs))
    if not len(noisy):
        return None
    if len(noisy) < len(level.sigma):
        level = replace(level, white=np.isin(np.arange(len(level.sigma)), noisy))
    return Corner(_half(few, noisy, level), level)


def _half(runs: Sequence[Trajectory], noisy: np.ndarray, level: NoiseLevel) -> int:
    r"""The largest half width over which quartics follow the motion, for each noisy component.

    A wide quartic is compared with one of half its width at the same places. If both follow the motion, the squared
    difference has the mean $\sigma^2 (g_{h/2} - g_h)$ with the noise gains g, for the wide one is the best linear
    estimate and uncorrelated with what the narrow one differs by; what goes beyond is the motion. Smoothed values
    carry little noise, so that this sees a misfit that residuals of raw samples hide (Lepskii 1991, Theory of
    Probability and its Applications 35, 454).
    """
    best, longest = 1, max(len(run.times) for run in runs)
    variance, widths = level.sigma[noisy] ** 2, (3 * 2.0 ** (np.arange(60) / STEPS)).round().astype(int)
    for k, half in enumerate(widths):
        if 4 * half > longest:
            break
        before = int(widths[k - STEPS]) if k >= STEPS else 0
        found = [_apart(run, int(half), before, noisy, max(PLACES // len(runs), 50)) for run in runs]
        count = sum(each[2] for each in found)
        if not count:
            break
        square, gain = (np.asarray(sum(each[j] for each in found)) / count for j in (0, 1))
        alone = sum(min(each[2], len(run.times) / half) for each, run in zip(found, runs, strict=True))
        chance = gain * CHANCE * np.sqrt(2 / alone)  # neighbours that share samples count as one
        growth = MISFIT if k else MISFIT + FIRST  # what the motion adds to the first must be small
        if (square > variance * (gain + growth + chance)).any():
            break
        best = int(half)
    return best


def _apart(run: Trajectory, half: int, before: int, noisy: np.ndarray, places: int) -> tuple[np.ndarray, float, int]:
    """Sum of squared differences of quartics of two half widths (n,), what white noise of unit variance would make of
    it, and at how many places; `before` zero: the samples themselves."""
    live = (run.weights if run.weights.ndim == 1 else run.weights.min(axis=1)) > 0
    t = len(run.times)
    if t < 4 * half:
        return np.zeros(len(noisy)), 0.0, 0
    at = np.unique(np.linspace(half, t - half - 1, min(places, t - 2 * half)).round().astype(int))
    if not live.all():
        clear = np.convolve(~live, np.ones(2 * half + 1), "valid") == 0
        at = at[clear[at - half]]
    if not len(at):
        return np.zeros(len(noisy)), 0.0, 0
    values = run.states[:, noisy]
    wide, gain = local_fit(run.times, values, half, at)
    narrow, more = local_fit(run.times, values, before, at) if before else (values[at], np.ones(len(at)))
    return np.sum((narrow - wide) ** 2, axis=0), float(np.sum(more - gain)), len(at)


def local_fit(times: np.ndarray, values: np.ndarray, half: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quartics through 2 half + 1 samples about some samples `at` (a,): values (a, n), and their noise gain (a,).

    Near the ends the first and last stretch are used off centre. The gain is the variance of the value for white
    noise of unit variance.
    """
    width = min(2 * half + 1, len(times))
    start = np.clip(at - half, 0, len(times) - width)
    even = even_steps(times)
    smooth, gain = np.empty((len(at), values.shape[1])), np.empty(len(at))
    inner = even & (start == at - half)
    if inner.any():
        weights = _weights(np.arange(-half, width - half)[None] / max(half, 1))[0]
        for rows in _batches(np.flatnonzero(inner), width * values.shape[1]):
            smooth[rows] = weights @ values[start[rows, None] + np.arange(width)]
        gain[inner] = weights @ weights
    for rows in _batches(np.flatnonzero(~inner), width * (values.shape[1] + 2 * DEGREE)):
        members = start[rows, None] + np.arange(width)
        offset = times[members] - times[at[rows], None]
        weights = _weights(offset / np.abs(offset).max(axis=1, keepdims=True))
        smooth[rows] = np.einsum("aw,awn->an", weights, values[members])
        gain[rows] = np.einsum("aw,aw->a", weights, weights)
    return smooth, gain


def _weights(offset: np.ndarray) -> np.ndarray:
    """Weights (a, w) of the value at zero of least-squares polynomials on scaled offsets (a, w)."""
    # about the middle of the stretch, where powers are least alike
    low, high = offset.min(axis=1, keepdims=True), offset.max(axis=1, keepdims=True)
    middle, size = (low + high) / 2, (high - low) / 2
    basis = np.polynomial.legendre.legvander((offset - middle) / size, DEGREE)
    at_zero = np.polynomial.legendre.legvander(-middle[:, 0] / size[:, 0], DEGREE)
    gram = np.einsum("awi,awj->aij", basis, basis)
    return np.einsum("awi,ai->aw", basis, np.linalg.solve(gram, at_zero[..., None])[..., 0])


def _batches(rows: np.ndarray, each: int) -> list[np.ndarray]:
    return np.array_split(rows, max(1, -(-len(rows) * each // BATCH))) if len(rows) else []


def thinned(run: Trajectory, found: Corner, factor: int, widest: int) -> tuple[Trajectory, np.ndarray, np.ndarray, int]:
    """A noisy trajectory smoothed by half of the corner (at most `widest`), every `factor`-th sample of it.

    Also the variance (t', n) of the noise that is left, the variance of white noise on these samples with the same
    power at low frequency, and the factor that was used (1 where nothing may be smoothed).
    """
    noisy, half = found.level.significant, min(found.half // 2, widest)
    if half < 3:
        variance = found.level.variance(run.states)
        return run, variance, variance, 1
    factor = int(np.clip(factor, 1, half))  # the smoothed states must still be resolved
    parts = []
    for start, end in pieces(run):
        at = np.arange((end - start - 1) % factor // 2, end - start, factor)
        own = min(half, (end - start - 1) // 2)
        states, gain = run.states[start:end][at].copy(), np.ones(len(at))
        if own >= 3:
            values = run.states[start:end][:, noisy]
            states[:, noisy], gain = local_fit(run.times[start:end], values, own, at)
        parts.append((run.times[start:end][at], states, run.weights[start:end][at], gain))
        if end < len(run.times):  # one missing sample marks the gap
            missing = (run.times[end], states[-1], 0 * run.weights[end], 1.0)
            parts.append(tuple(np.asarray(part)[None] for part in missing))
    if not parts:
        variance = found.level.variance(run.states)
        return run, variance, variance, 1
    times, states, weights, gain = (np.concatenate(column) for column in zip(*parts, strict=True))
    noise = found.level.variance(states)
    fewer = replace(run, times=times, states=states, rates=None, weights=weights)
    return fewer, noise * gain[:, None], noise / factor, factor
