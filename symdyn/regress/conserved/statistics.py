r"""Smooth trajectories, the values of terms along them, and what measurement noise does to these.

Each component is smoothed by a penalty on third differences (Whittaker; Eilers 2003, Analytical Chemistry 75, 3631)
whose weight is that of the smallest generalised cross validation over all trajectories. What the noise leaves in the
terms is found by adding noise to the smooth trajectories and smoothing again: this holds for any term, for the noise
that the smoother leaves correlated in time, and for the bias of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from symdyn._errors import InputError
from symdyn.data.noise import pooled_noise_level
from symdyn.data.recording import Recording, Trajectory
from symdyn.library import AbstractTerms
from symdyn.symmetry.conserved.result import term_values

_LESS = 3  # steps of 10^(1/4) by which the penalty is below the best: bias, unlike noise, cannot be told afterwards
_LARGEST = 10**8  # numbers that the noisy copies may fill
REPLICATES = 8  # noisy copies of each trajectory
_SHORTEST = 5  # samples of a trajectory
LONGEST = 400  # samples that are smoothed together
SMALLEST = 1e-6  # noise that data always have, as a share of a component's spread: integration, interpolation
RELATION = 1e-7  # a term this near to a combination of those before it is not used


@dataclass(frozen=True, eq=False)
class TermsAlong:
    """Terms along the trajectories.

    `times`: (t,) of the samples that were used, for each; `values`: (t, p); `middle` (k, n): the smooth state half way
    through each; `weights`: (t,) of the samples, small where noise is large; `means` (k, p): their
    weighted means over each trajectory; `noise` (k, p, p): the covariance that noise makes of them along each, about
    its mean; `sigma` (n,): the noise of the components; `freedom`: how many independent noise values a trajectory
    keeps after smoothing, on average.
    """

    times: tuple[np.ndarray, ...]
    values: tuple[np.ndarray, ...]
    middle: np.ndarray
    weights: tuple[np.ndarray, ...]
    means: np.ndarray
    noise: np.ndarray
    sigma: np.ndarray
    freedom: float

    def centred(self, k: int) -> np.ndarray:
        """The terms along a trajectory about their mean, times roots of weights of sum 1: shape (t, p)."""
        w = self.weights[k] / self.weights[k].sum()
        return (self.values[k] - self.means[k]) * np.sqrt(w)[:, None]

    @property
    def shares(self) -> np.ndarray:
        """What each trajectory counts for, (k,), of sum 1."""
        total = np.array([w.sum() for w in self.weights])
        return total / total.sum()


class Smoother:
    """One linear smoother for all trajectories: a penalty for each component."""

    def __init__(self, runs: list[tuple[np.ndarray, np.ndarray]]):
        level = pooled_noise_level([(t, x, np.ones(len(t))) for t, x in runs])
        self.spread = np.where(level.spread > 0, level.spread, 1.0)
        self._bases: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        n = runs[0][1].shape[1]
        self.penalty, self.freedom = np.zeros(n), np.full(n, float(np.mean([len(t) for t, _ in runs])))
        self.sigma = SMALLEST * self.spread
        noisy = np.flatnonzero(level.significant & (level.sigma > self.sigma))
        if len(noisy):
            self._choose(runs, noisy)

    def __call__(self, times: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Smooth states (t, n), or (b, t, n) at once."""
        if not self.penalty.any():
            return states
        parts = []
        for a, b in _stretches(len(times)):
            d, U = self._basis(times[a:b])
            shrink = _kept(d[:, None] * self.penalty)
            parts.append(U @ (shrink * (U.T @ states[..., a:b, :])))
        return np.concatenate(parts, axis=-2)

    def _choose(self, runs: list[tuple[np.ndarray, np.ndarray]], noisy: np.ndarray) -> None:
        weights = np.concatenate([[0.0], np.logspace(-3, 9, 49)])
        rss, freedom, count = np.zeros((len(weights), len(noisy))), np.zeros(len(weights)), 0
        for times, states in runs:
            for a, b in _stretches(len(times)):
                d, U = self._basis(times[a:b])
                kept = _kept(weights[:, None] * d)
                rss += (1.0 - kept) ** 2 @ (U.T @ states[a:b, noisy]) ** 2
                freedom += kept.sum(1)
                count += b - a
        share = np.minimum(freedom / count, 1.0 - 1e-9)
        score = rss / (1.0 - share[:, None]) ** 2
        best = np.maximum(1 + np.argmin(score[1:], axis=0) - _LESS, 1)
        self.penalty[noisy] = weights[best]
        self.freedom[noisy] = freedom[best] / len(runs)
        sigma = np.sqrt(rss[best, np.arange(len(noisy))] / (count - freedom[best]))
        self.sigma[noisy] = np.maximum(sigma, self.sigma[noisy])

    def _basis(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (t,) and vectors (t, t) of the penalty on third divided differences, in units of the step."""
        u = (times - times[0]) / np.mean(np.diff(times))
        key = np.round(u, 9).tobytes()
        if key not in self._bases:
            D = np.eye(len(u))
            for k in range(1, min(4, len(u))):
                D = k * np.diff(D, axis=0) / (u[k:] - u[:-k])[:, None]
            d, U = np.linalg.eigh(D.T @ D)
            self._bases[key] = np.maximum(d, 0.0), U
        return self._bases[key]


def _kept(penalty: np.ndarray) -> np.ndarray:
    """What the smoother keeps of a component, with the residuals smoothed once more (twicing: less bias)."""
    return 1.0 - (penalty / (1.0 + penalty)) ** 2


def _stretches(count: int) -> list[tuple[int, int]]:
    """Pieces of at most `LONGEST` samples and nearly one length."""
    ends = np.linspace(0, count, int(np.ceil(count / LONGEST)) + 1).round().astype(int)
    return list(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))


def along(recording: Recording, terms: AbstractTerms, seed: int) -> TermsAlong:
    """Terms along smoothed trajectories. Raises InputError for a term that is not finite on them."""
    runs = [_seen(run) for run in recording.trajectories]
    smoother, rng, evaluate = Smoother(runs), np.random.default_rng(seed), partial(term_values, terms)
    rows = sum(len(times) for times, _ in runs)
    copies = int(np.clip(_LARGEST // (rows * terms.size), 2, REPLICATES))
    values, away, middle = [], [], []
    for times, states in runs:
        smooth = smoother(times, states)
        plain = evaluate(smooth)
        _check(plain, smooth, terms, recording)
        again = smoother(times, smooth + smoother.sigma * rng.normal(size=(copies, *smooth.shape)))
        with np.errstate(all="ignore"):
            noisy = evaluate(again.reshape(-1, again.shape[-1])).reshape(copies, *plain.shape)
        values.append(plain)
        middle.append(smooth[len(smooth) // 2])
        away.append(np.where(np.isfinite(noisy), noisy - plain, 0.0))
    # half of the copies say how much a sample counts, the others what noise there is: the same ones would flatter it
    weights = _weights([a[: copies // 2] for a in away])
    means = np.array([w @ v for w, v in zip(weights, values, strict=True)])
    means /= np.array([[w.sum()] for w in weights])
    noise = np.array([_noise(a[copies // 2 :], w) for a, w in zip(away, weights, strict=True)])
    freedom = float(np.mean(smoother.freedom))
    times = tuple(t for t, _ in runs)
    return TermsAlong(times, tuple(values), np.array(middle), tuple(weights), means, noise, smoother.sigma, freedom)


def _seen(run: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """Times and states of the samples without missing values. Raises InputError where there are hardly any."""
    live = (run.weights if run.weights.ndim == 1 else run.weights.min(axis=1)) > 0
    if live.sum() < _SHORTEST:
        raise InputError(
            f"the trajectory {run.label!r} has {live.sum()} samples; conserved quantities need {_SHORTEST}"
        )
    return run.times[live], run.states[live]


def _weights(away: list[np.ndarray]) -> list[np.ndarray]:
    """Weights of the samples (t,): small where noise moves the terms much more than it usually does."""
    usual = np.mean([(a**2).mean((0, 1)) for a in away], axis=0)
    usual = np.where(usual > 0, usual, 1.0)
    return [1.0 / (0.1 + (a**2 / usual).mean((0, 2))) for a in away]


def _noise(away: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted covariance (p, p) of copies (b, t, p) along the trajectory."""
    share = weights / weights.sum()
    centred = away - np.einsum("t,btp->bp", share, away)[:, None]
    flat = (centred * np.sqrt(share)[:, None]).reshape(-1, away.shape[-1])
    return flat.T @ flat / len(away)


def _check(values: np.ndarray, states: np.ndarray, terms: AbstractTerms, recording: Recording) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        i, j = bad[0]
        at = dict(zip(recording.space.component_names, np.round(states[i], 6).tolist(), strict=True))
        raise InputError(
            f"the term {terms.names[j]!r} is not finite at the smoothed state {at}; leave it out, or the trajectories "
            "that come near its pole"
        )


def whitened(found: TermsAlong) -> tuple[np.ndarray, np.ndarray]:
    """The terms that are no combinations of those before them, (p',), and the triangle R (p', p') of their spread.

    With u = R w the mean square of w . psi, along and between trajectories, is |u|^2.
    """
    k = len(found.values)
    within = [found.centred(i) * np.sqrt(found.shares[i]) for i in range(k)]
    rows = np.concatenate([*within, (found.means - found.means.mean(0)) / np.sqrt(k)])
    size = np.linalg.norm(rows, axis=0)
    if not (size > 0).all():
        size = np.where(size > 0, size, 1.0)
    R = np.asarray(np.linalg.qr(rows / size, mode="r"))
    keep: list[int] = []
    Q = np.zeros((len(R), 0))
    for j, column in enumerate(R.T):
        left = column - Q @ (Q.T @ column)
        left -= Q @ (Q.T @ left)
        if np.linalg.norm(left) > RELATION:
            Q = np.concatenate([Q, left[:, None] / np.linalg.norm(left)], axis=1)
            keep.append(j)
    return np.array(keep, int), (Q.T @ R[:, keep]) * size[keep]
