r"""How much white measurement noise samples carry, from differences of high order.

The divided difference of order k over k + 1 neighbouring samples annihilates polynomials below degree k. Normalised to
unit gain for white noise, $\sum_i c_i^2 = 1$, it leaves noise as it is, while a smooth part of frequency $\omega$ falls
by about $\omega h / 2$ with each order. So the estimates fall with the order until they settle at the noise: that is
how noise and smooth truth are told apart. (The same as asking whether the differences are correlated as those of
white noise are, -k / (k + 1) at lag one.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from symdyn._errors import InputError

ORDERS = 18  # highest order of difference tried
SETTLED = 0.04  # estimates of neighbouring orders that differ by less (beyond chance) are the same
STAYS = 3  # so many steps from order to order must leave the estimate as it is
EXACT = 1e-6  # noise below this share of the spread of a component is as good as none: integration errors, rounding
QUARTILE = 0.6744897501960817  # median of |z| for a standard normal z
BINS = 12  # of the size of the state, to see whether the noise grows with it


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """White measurement noise of each of n components.

    `sigma` (n,): its standard deviation, the root mean square over the samples; `spread` (n,): standard deviation of
    the samples; `white` (n,): whether the estimate is the same for several orders of difference, so that noise was
    seen and not only bounded from above; `significant` (n,): whether it is noise above `EXACT` of the spread;
    `additive`, `relative` (n,): the model `sigma^2 = additive^2 + relative^2 x^2` of noise that grows with the state,
    `relative` is 0 where the data show no such growth; `order` (n,): the order of difference that was used.
    """

    sigma: np.ndarray
    spread: np.ndarray
    white: np.ndarray
    additive: np.ndarray
    relative: np.ndarray
    order: np.ndarray

    @property
    def significant(self) -> np.ndarray:
        return self.white & (self.sigma > EXACT * self.spread)

    def variance(self, states: np.ndarray) -> np.ndarray:
        """Variance of the noise at (smoothed) states (..., n), zero for components without significant noise."""
        own = self.additive**2 + (self.relative * states) ** 2
        return np.where(self.significant, own, 0.0)


def noise_level(times: np.ndarray, values: np.ndarray, *, weights: np.ndarray | None = None) -> NoiseLevel:
    r"""Standard deviation of white measurement noise in a sampled smooth function of time.

    Differences of order k = 1, 2, ... with unit noise gain, their median absolute value over the run, and the first
    order from which on the estimate stays the same. The median makes it robust against outliers and against short
    spells in which the samples do not resolve the motion.

    Parameters
    ----------
    times: (t,), increasing, even or not.
    values: (t, n), or (t,) for one component.
    weights: (t,) or None; samples of weight 0 are missing, and no difference reaches across them.

    Returns a `NoiseLevel`. On exact data `sigma` is the rounding or the truncation of the integrator, and `significant`
    is false. Where the samples do not resolve the motion (fewer than about ten a period) `white` is false too and
    `sigma` an upper bound.

    Raises InputError for fewer than 4 samples, or shapes that do not fit.

    Reference: Gasser, Sroka, Jennen-Steinmetz 1986, Biometrika 73, 625 (differences); Hall, Kay, Titterington 1990,
    Biometrika 77, 521.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 20, 1000)
    >>> x = np.sin(t)
    >>> bool(sd.noise_level(t, x).significant[0])
    False
    >>> noisy = x + 0.01 * np.random.default_rng(0).normal(size=1000)
    >>> bool(0.009 < sd.noise_level(t, noisy).sigma[0] < 0.011)
    True
    """
    times, values = np.asarray(times, float), np.asarray(values, float)
    table = values[:, None] if values.ndim == 1 else values
    if times.ndim != 1 or table.ndim != 2 or len(times) != len(table):
        raise InputError(f"times must be (t,) and values (t, n), got {times.shape} and {values.shape}")
    if len(times) < 4:
        raise InputError(f"the noise needs at least 4 samples, got {len(times)}")
    return pooled_noise_level([(times, table, np.ones(len(times)) if weights is None else np.asarray(weights))])


def pooled_noise_level(runs: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> NoiseLevel:
    """The noise that several runs (times (t,), values (t, n), weights (t,)) have in common: see `noise_level`."""
    n = runs[0][1].shape[1]
    most = min(ORDERS, max(max(len(t) for t, _, _ in runs) // 4, 1))
    parts = [_live(*run) for run in runs]
    tables = [_differences(parts, k) for k in range(1, most + 1)]
    tables = [table for table in tables if len(table[0]) >= 8] or tables[:1]
    levels = np.array([np.median(np.abs(d), axis=0) / QUARTILE if len(d) else np.zeros(n) for d, _ in tables])
    counts = np.array([len(d) for d, _ in tables])
    live = np.concatenate([values[keep] for _, values, keep in parts])
    spread = live.std(axis=0) if len(live) else np.zeros(n)
    out = [_component(levels[:, i], counts) for i in range(n)]
    order, white = np.array([o for o, _ in out], int), np.array([w for _, w in out], bool)
    for i, k in enumerate(order - 1):
        levels[k, i] = _sharpened(tables[k][0][:, i], float(levels[k, i]))
    models = []
    for i, k in enumerate(order - 1):
        differences, centres = tables[k]
        models.append(_growth(differences[:, i], centres[:, i], float(levels[k, i]), bool(white[i])))
    additive, relative = np.array(models).reshape(n, 2).T
    sigma = np.sqrt(additive**2 + relative**2 * np.mean(live**2, axis=0) if len(live) else additive**2)
    return NoiseLevel(sigma, spread, white, additive, relative, order)


def _live(times: np.ndarray, values: np.ndarray, weights: np.ndarray):
    keep = (weights if weights.ndim == 1 else weights.max(axis=1)) > 0
    return times, values, keep & np.isfinite(values).all(axis=1)


def _differences(parts, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Differences of order k with unit noise gain and the means of their samples, (m, n) each, over all runs."""
    found, centres = [], []
    for times, values, keep in parts:
        if len(times) <= k:
            continue
        inside = np.convolve(keep, np.ones(k + 1), "valid") > k + 0.5
        found.append(_difference(times, values, k)[inside])
        means = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
        centres.append(((means[k + 1 :] - means[: -k - 1]) / (k + 1))[inside])
    n = parts[0][1].shape[1]
    empty = np.zeros((0, n))
    return np.concatenate([*found, empty]), np.concatenate([*centres, empty])


def _difference(times: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """The normalised divided difference of order k at each stretch of k + 1 samples: (t - k, n)."""
    step = np.diff(times)
    if np.allclose(step, step.mean(), rtol=1e-6, atol=0.0):
        return np.diff(values, k, axis=0) / np.sqrt(float(comb(2 * k, k)))
    weights = np.ones((len(times) - k, k + 1))
    index = np.arange(len(times) - k)[:, None] + np.arange(k + 1)
    inside = times[index] / np.mean(step)  # units of the step: the products stay in range
    for i in range(k + 1):
        gaps = inside[:, [i]] - np.delete(inside, i, axis=1)
        weights[:, i] = 1.0 / np.prod(gaps, axis=1)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return np.einsum("mk,mkn->mn", weights, values[index])


def _component(levels: np.ndarray, counts: np.ndarray) -> tuple[int, bool]:
    """The order of difference to trust for one component, and whether the estimates settle there."""
    orders = np.arange(1, len(levels) + 1)
    # the median of m correlated differences: sum of squared correlations is comb(4k, 2k) / comb(2k, k)^2
    chance = 1.2 * np.sqrt(np.array([comb(4 * k, 2 * k) / comb(2 * k, k) ** 2 for k in orders]) / np.maximum(counts, 1))
    for k in range(len(levels) - STAYS):
        later = levels[k : k + STAYS + 1]
        limit = SETTLED + 0.6 * chance[k : k + STAYS]
        if (
            later[0] > 0
            and (later[1:] >= later[:-1] * (1 - limit)).all()
            and later[-1] >= later[0] * (1 - 1.5 * SETTLED - 0.8 * chance[k])
        ):
            return min(k + 2, len(levels)), True
    return int(np.argmin(levels)) + 1, False


def _sharpened(differences: np.ndarray, level: float) -> float:
    """The root mean square, which scatters less than the median, where the two agree as they do for Gaussian noise."""
    plain = float(np.sqrt(np.mean(differences**2))) if len(differences) else 0.0
    return plain if abs(plain - level) < (0.05 + 4 / np.sqrt(max(len(differences), 1))) * level else float(level)


def _growth(differences: np.ndarray, centres: np.ndarray, level: float, white: bool) -> tuple[float, float]:
    """The model (additive, relative): constant noise unless growth with the state is far beyond chance."""
    size = np.abs(centres)
    if not white or len(size) < 40 * BINS or level <= 0:
        return float(level), 0.0
    bins = np.array_split(np.argsort(size, kind="stable"), BINS)
    found = np.array([np.median(np.abs(differences[rows])) / QUARTILE for rows in bins])
    x = np.array([np.sqrt(np.mean(centres[rows] ** 2)) for rows in bins])
    error = 2.5 / np.sqrt([len(rows) for rows in bins])  # of a level, relative; differences are correlated

    def misfit(a: float, b: float) -> float:
        return float(np.sum((np.log(np.maximum(found, 1e-300) / np.sqrt(a**2 + b**2 * x**2)) / error) ** 2))

    from scipy.optimize import nnls

    weights = 1.0 / (error * found**2 + 1e-300)
    table = np.column_stack([np.ones(BINS), x**2]) * weights[:, None]
    both = np.sqrt(nnls(table, found**2 * weights)[0])
    constant = float(np.exp(np.average(np.log(np.maximum(found, 1e-300)), weights=1 / error**2)))
    if both[1] > 0 and misfit(*both) < 0.5 * misfit(constant, 0.0) - 25:
        return float(both[0]), float(both[1])
    return float(level), 0.0
