"""Whether samples resolve a motion: what the spectrum holds at less than four samples a cycle, beyond the noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BANDS = 16  # of the upper half of the spectrum
EACH = 16  # values of the periodograms in a band, at least
FLOOR = 3.0  # times the lower quartile of the bands: what white noise puts into one of them


def unresolved(runs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """The share of each component's variance, (n,), that lies at less than four samples a cycle and is not white noise.

    `runs`: times (t,), values (t, n), weights (t,) or (t, n). White noise fills all frequencies alike, a motion does
    not: the upper half of the spectrum is cut into bands, and what exceeds three times their lower quartile counts.
    Pieces with uneven steps, with missing samples or of fewer than 32 samples say nothing; 0 where too few are left
    (520 samples in all are enough). A frequency above that of Nyquist is seen only where its mirror image lies there.
    """
    n = runs[0][1].shape[1]
    upper, total, count = [], np.zeros(n), 0
    for times, values, weights in runs:
        steps = np.diff(times)
        whole = np.all(weights > 0) and np.isfinite(values).all()
        if len(times) < 32 or np.ptp(steps) > 0.01 * steps.mean() or not whole:
            continue
        window = np.hanning(len(values))[:, None]
        mean = (window * values).sum(axis=0) / window.sum()
        power = np.abs(np.fft.rfft(window * (values - mean), axis=0)) ** 2
        high = power[-(len(power) // 2) :]
        upper.append(high)
        total += power.sum(axis=0)
        count += len(high)
    bands = min(BANDS, count // EACH)
    if bands < BANDS // 2:
        return np.zeros(n)
    place = np.concatenate([np.arange(len(p)) * bands // len(p) for p in upper])
    table = np.concatenate(upper)
    sums = np.array([table[place == b].sum(axis=0) for b in range(bands)])
    sizes = np.bincount(place, minlength=bands)[:, None]
    floor = FLOOR * np.quantile(sums / sizes, 0.25, axis=0)
    return np.maximum(sums - floor * sizes, 0.0).sum(axis=0) / np.maximum(total, 1e-300)
