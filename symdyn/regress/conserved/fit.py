r"""Conserved quantities from trajectories: combinations of terms that the noise alone moves along a trajectory.

With S the covariance of the terms along trajectories (about each one's mean), N that which noise makes of it, and B the
covariance of their means between trajectories, a conserved C = w . psi has w'Sw = w'Nw, and says something if w'Bw is
large. So (S - N) w = 0: the eigenproblem of errors in variables. Found are the w with the least w'(S - N)w / w'Bw,
simple ones first: terms are taken out, the most complex first, while the likelihood ratio w'Sw / w'Nw does not rise
by more than BIC allows. The next one must vary in a way that polynomials of those found do not explain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import eigh

from symdyn.regress.conserved.statistics import TermsAlong, whitened
from symdyn.symmetry.conserved.null_space import products
from symdyn.symmetry.conserved.result import Drift, Verdict

FLOOR = 0.03  # share of the noise that every combination keeps when noise is subtracted: chance makes it no smaller
EXCESS = 1.5  # how far above the noise a combination of all terms may be to be looked at
CLEAR = 10.0  # variance between trajectories over that of the noise, at least
NEW = 0.02  # share of the variance between trajectories that polynomials of those found must leave, at least
LEAST = 0.01  # share of the noise's variance that a term has to explain: the noise itself is known no better
MIXED = 0.05  # by how much leaving out another conserved quantity may raise the logarithm of the excess
GROUPS = 10  # of trajectories that are left out in turn, for standard errors
MISJUDGED = 0.3  # error of the noise's variance that the verdict allows for
SURE = 2.5  # standard errors
MOST = 12


@dataclass(frozen=True, eq=False)
class Combination:
    """A combination: `weights` (p,) of all terms, `errors` (p,).

    `groups`: trajectories that it was fitted on, and the weights that are found without them.
    """

    weights: np.ndarray
    errors: np.ndarray
    groups: tuple[tuple[np.ndarray, np.ndarray], ...]


@dataclass(frozen=True, eq=False)
class ReducedMoments:
    """The covariances S, N, B in coordinates u = R w, for terms `keep`, with the noise subtracted as `M`."""

    keep: np.ndarray
    R: np.ndarray
    S: np.ndarray
    N: np.ndarray
    M: np.ndarray
    means: np.ndarray
    count: float  # independent noise values in all

    @classmethod
    def of(cls, found: TermsAlong, keep: np.ndarray, R: np.ndarray, chosen: np.ndarray) -> ReducedMoments:
        """From the trajectories `chosen`."""
        back = np.linalg.inv(R)
        S, N = np.zeros_like(R), np.zeros_like(R)
        shares = found.shares / found.shares[chosen].sum()
        for k in chosen:
            rows = found.centred(k)[:, keep] @ back
            S += shares[k] * rows.T @ rows
            N += shares[k] * back.T @ found.noise[k][np.ix_(keep, keep)] @ back
        N += 1e-13 * np.eye(len(N))
        ratio, V = eigh(S, N)
        M = (N @ V) * np.maximum(ratio - 1.0, FLOOR) @ (N @ V).T
        return cls(keep, R, S, N, M, found.means[np.ix_(chosen, keep)] @ back, found.freedom * len(chosen))

    def between(self, known: np.ndarray) -> np.ndarray:
        """The covariance of the means that columns `known` (k, c) of the trajectories do not explain."""
        left = self.means - known @ np.linalg.lstsq(known, self.means, rcond=1e-10)[0]
        return left.T @ left / max(len(left) - known.shape[1], 1)

    def best(self, support: np.ndarray, B: np.ndarray) -> np.ndarray:
        """The u within a support (places in `keep`) with the least u'Mu / u'Bu, of unit size."""
        Q, _ = np.linalg.qr(self.R[:, support])
        _, vectors = eigh(Q.T @ B @ Q, Q.T @ self.M @ Q, subset_by_index=[len(support) - 1] * 2)
        u = Q @ vectors[:, 0]
        return u / np.linalg.norm(u)

    def likeliest(self, support: np.ndarray, B: np.ndarray) -> np.ndarray:
        """The u within a support with the least u'Su / u'Nu: without the bias of `best`, but it may say nothing."""
        Q, _ = np.linalg.qr(self.R[:, support])
        _, vectors = eigh(Q.T @ self.S @ Q, Q.T @ self.N @ Q, subset_by_index=[0, 0])
        u, safe = Q @ vectors[:, 0], self.best(support, B)
        u = u / np.linalg.norm(u)
        return u if u @ B @ u > 0.5 * (safe @ B @ safe) else safe

    @property
    def allowed(self) -> float:
        """By how much leaving out a term may raise the logarithm of the excess: as in BIC, but never less than 1 %."""
        return max(float(np.log(self.count) / self.count), LEAST)

    def excess(self, u: np.ndarray) -> float:
        """The variance along trajectories over that of the noise, 1 where noise explains it."""
        return max(float(u @ self.S @ u / (u @ self.N @ u)), 1.0)


def fitted(found: TermsAlong, chosen: np.ndarray, tolerance: float) -> tuple[list[Combination], np.ndarray, np.ndarray]:
    """Conserved combinations fitted on the trajectories `chosen`, the drifts (p',) of all, and the terms used (p',)."""
    keep, R = whitened(found)
    moments = ReducedMoments.of(found, keep, R, chosen)
    known, out = np.ones((len(chosen), 1)), []
    everything = np.arange(len(keep))
    B = moments.between(known)
    # what no trajectory differs in has no drift relative to its spread; it comes last
    spectrum = np.sqrt(np.maximum(eigh(moments.M, B + 1e-9 * np.eye(len(B)), eigvals_only=True), 0.0))
    most = max(len(chosen) // 3, MOST + 1)
    supports: list[np.ndarray] = []
    while len(out) < MOST:
        rest = moments.between(known)
        u = moments.best(everything, rest)
        if not _promising(moments, u, rest, B, tolerance) or moments.excess(u) > EXCESS:
            break
        supports.append(_sparse(moments, everything, rest, B, tolerance))
        out.append(_with_errors(found, moments, supports[-1], rest, chosen))
        known = _explained(found, chosen, out, most)
    for i in range(len(out)):  # a mixture with a later one is only now seen to be one
        rest = moments.between(_explained(found, chosen, out[:i], most))
        others = [supports[j] for j in range(len(out)) if j != i]
        fewer = _unmixed(moments, supports[i], others, rest, B, tolerance)
        if len(fewer) < len(supports[i]):
            supports[i], out[i] = fewer, _with_errors(found, moments, fewer, rest, chosen)
    return out, spectrum, keep


def _explained(found: TermsAlong, chosen: np.ndarray, out: list[Combination], most: int) -> np.ndarray:
    """Polynomials of the quantities found on each of the trajectories, the constant among them."""
    if not out:
        return np.ones((len(chosen), 1))
    return products(found.means[chosen] @ np.array([each.weights for each in out]).T, most)


def _unmixed(
    moments: ReducedMoments,
    support: np.ndarray,
    others: list[np.ndarray],
    rest: np.ndarray,
    B: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """A support without the terms of another quantity, where those can go together, and then without single ones."""
    now = moments.excess(moments.best(support, rest))
    for other in others:
        fewer = np.setdiff1d(support, other)
        if 0 < len(fewer) < len(support):
            u = moments.best(fewer, rest)
            if np.log(moments.excess(u) / now) <= MIXED and _promising(moments, u, rest, B, tolerance):
                support, now = fewer, max(moments.excess(u), now)
    return _sparse(moments, support, rest, B, tolerance)


def _promising(moments: ReducedMoments, u: np.ndarray, rest: np.ndarray, B: np.ndarray, tolerance: float) -> bool:
    """Whether a combination is new, varies clearly between trajectories, and hardly along them."""
    new, noise = u @ rest @ u, u @ moments.N @ u
    drift = max(u @ (moments.S - moments.N) @ u, 0.0)
    return bool(new > NEW * (u @ B @ u) and new > CLEAR * noise and drift < max(tolerance**2 * new, noise))


def _sparse(
    moments: ReducedMoments, support: np.ndarray, rest: np.ndarray, B: np.ndarray, tolerance: float
) -> np.ndarray:
    """Terms are taken out, the last of the library first, while what is left is as well conserved."""
    now = moments.excess(moments.best(support, rest))
    changed = True
    while changed and len(support) > 1:
        changed = False
        for j in support[::-1]:
            fewer = support[support != j]
            if not len(fewer):
                continue
            u = moments.best(fewer, rest)
            rises = np.log(moments.excess(u) / now)
            if rises <= moments.allowed and _promising(moments, u, rest, B, tolerance):
                support, now, changed = fewer, max(moments.excess(u), now), True
    return support


def _with_errors(
    found: TermsAlong, moments: ReducedMoments, support: np.ndarray, rest: np.ndarray, chosen: np.ndarray
) -> Combination:
    """The weights with the largest share set to 1, and errors from leaving out groups of trajectories."""
    keep, R = moments.keep, moments.R
    p = found.means.shape[1]

    def weights(m: ReducedMoments, lead: int | None) -> tuple[np.ndarray, int]:
        Q, upper = np.linalg.qr(R[:, support])
        w = np.linalg.solve(upper, Q.T @ m.likeliest(support, rest))
        if lead is None:
            lead = int(np.argmax(np.abs(w) * np.linalg.norm(R[:, support], axis=0)))
        return w / w[lead], lead

    w, lead = weights(moments, None)
    groups = np.array_split(np.random.default_rng(3).permutation(chosen), min(GROUPS, len(chosen)))
    others = [weights(ReducedMoments.of(found, keep, R, np.setdiff1d(chosen, g)), lead)[0] for g in groups]
    g = len(groups)
    errors = np.sqrt((g - 1) / g * ((np.array(others) - np.mean(others, axis=0)) ** 2).sum(0))
    placed = np.zeros((g + 2, p))
    placed[:, keep[support]] = [w, errors, *others]
    return Combination(placed[0], placed[1], tuple(zip(groups, placed[2:], strict=True)))


def judged(fit: Combination, found: TermsAlong, judges: np.ndarray, tolerance: float) -> Drift:
    """The drift along trajectories that nothing was fitted on; its upper limit also from those fitted on.

    Those count with the weights that are found without them, so that only the choice of the terms has seen them.
    """
    own = drift_of(fit.weights, found, judges, tolerance)
    if own.verdict == "drifts":
        return own
    rows = [(judges, fit.weights), *fit.groups]
    away, noise, share = (np.concatenate(each) for each in zip(*(_away(w, found, k) for k, w in rows), strict=True))
    size, error = _mean(away, share)
    upper = float(np.sqrt(max(size, 0.0) + SURE * error) / max(own.spread, 1e-300))
    verdict: Verdict = "conserved" if upper < tolerance else "undecided"
    if size > max(SURE * error, MISJUDGED * _mean(noise, share)[0]):
        verdict = "drifts"
    return replace(own, upper=upper, verdict=verdict)


def _away(weights: np.ndarray, found: TermsAlong, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each trajectory: the variance along it that noise does not explain, that of the noise, and what it counts."""
    noise = np.array([weights @ found.noise[k] @ weights for k in chosen])
    away = np.array([np.sum((found.centred(k) @ weights) ** 2) for k in chosen]) - noise
    return away, noise, found.shares[chosen]


def _mean(values: np.ndarray, share: np.ndarray) -> tuple[float, float]:
    """A weighted mean and its standard error."""
    share = share / share.sum()
    mean = float(share @ values)
    return mean, float(np.sqrt((share**2 @ (values - mean) ** 2) / max(1.0 - share @ share, 1e-9)))


def drift_of(weights: np.ndarray, found: TermsAlong, chosen: np.ndarray, tolerance: float) -> Drift:
    """How a combination of the terms drifts along the trajectories `chosen`; the spread is that of all."""
    away, noise, share = _away(weights, found, chosen)
    spread = float(np.std(found.means @ weights))
    mean, error = _mean(away, share)
    size, floor = max(mean, 0.0), _mean(noise, share)[0]
    upper = np.sqrt(size + SURE * error) / max(spread, 1e-300)
    verdict: Verdict = "drifts"
    # where drifts differ much between trajectories their mean is uncertain, but that most of them drift is not
    most = float(np.median(away / np.maximum(noise, 1e-300))) > 1.0
    if size <= max(SURE * error, MISJUDGED * floor) and floor < spread**2 and not most:
        verdict = "conserved" if upper < tolerance else "undecided"
    size, floor = np.sqrt(size) / max(spread, 1e-300), np.sqrt(floor) / max(spread, 1e-300)
    values = tuple(found.values[k] @ weights for k in chosen)
    return Drift(
        float(size), float(floor), float(upper), spread, verdict, tuple(found.times[k] for k in chosen), values
    )
