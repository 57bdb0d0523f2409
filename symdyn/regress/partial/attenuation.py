r"""Moments without what the noise of the data adds to them: least squares with errors in the variables.

On rows $[\Theta, y]$ with the moments $S$, of which noise makes the part $N$, least squares are drawn towards zero. The
law minimises instead the form of $G$ with $G_{\theta\theta} = S_{\theta\theta} - N_{\theta\theta}$ and
$G_{\theta y} = S_{\theta y} - N_{\theta y}$ (Fuller 1987, Measurement Error Models, chapter 2). Two things are added.
Directions of the terms that are nearly all noise keep a share of their moments, so that $G$ stays positive definite
and no term of pure noise explains everything. And $G_{yy}$ is such that a law leaves as much as of the noisy rows:
criteria then know how uncertain a residual is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import solve_triangular

from symdyn.regress.rows.moments import Moments

LEAST = 1e-10  # squared singular values below this share of the largest are no directions of their own


WHILE_CHOOSING, IN_THE_END = 0.5, 0.02  # of its moments that a direction of the terms keeps against the noise


def noise_share(moments: Moments, noise: np.ndarray) -> float:
    """The largest share that noise has of the sum of squares of a column."""
    whole = np.sum((moments.root @ moments.whitener) ** 2, axis=0) * moments.scale**2
    return float(np.max(np.diag(noise) / np.maximum(whole, 1e-300)))


def without_noise(moments: Moments, noise: np.ndarray, law: np.ndarray, settled: bool) -> Moments:
    """The moments G in place of S: `noise` (q, q) is N in the units of the rows, summed over them.

    `law` (p, d): coefficients, which say how much noise the residual has; `settled`: whether its terms are the final
    ones. Then almost all noise is taken from them; as long as terms are chosen, every direction keeps a half.
    """
    p, r = moments.n_terms, moments.whitener
    whole = r.T @ moments.blocks.sum(axis=0) @ r  # of the scaled columns
    own = noise / np.outer(moments.scale, moments.scale)
    taken = np.zeros_like(whole)
    active = np.flatnonzero(law.any(axis=1)) if settled else np.zeros(0, int)
    taken[:p, :p] = _of_terms(whole[:p, :p], own[:p, :p], active)
    taken[:p, p:], taken[p:, :p] = own[:p, p:], own[p:, :p]
    taken[p:, p:] = whole[p:, p:] - _targets(whole, whole - taken, law * moments.scale[:p, None] / moments.scale[p:])
    half = solve_triangular(r, taken, trans=1)
    white = solve_triangular(r, half.T, trans=1)
    share = moments.rows / max(moments.rows.sum(), 1)
    return replace(moments, blocks=moments.blocks - share[:, None, None] * (white + white.T) / 2)


def _of_terms(whole: np.ndarray, noise: np.ndarray, active: np.ndarray) -> np.ndarray:
    """The noise that is taken from the moments of terms: from the active ones, and from what others have besides."""
    own, rest = active, np.setdiff1d(np.arange(len(whole)), active)
    apart, back = np.eye(len(whole)), np.eye(len(whole))
    image = np.linalg.lstsq(whole[np.ix_(own, own)], whole[np.ix_(own, rest)])[0]
    apart[np.ix_(own, rest)], back[np.ix_(own, rest)] = -image, image
    whole, noise = apart.T @ whole @ apart, apart.T @ noise @ apart
    taken = np.zeros_like(whole)
    for group, kept in ((own, IN_THE_END), (rest, WHILE_CHOOSING)):
        at = np.ix_(group, group)
        taken[at] = _bounded(whole[at], noise[at], 1.0 - kept) if len(group) else 0.0
    return back.T @ taken @ back


def _bounded(whole: np.ndarray, noise: np.ndarray, most: float) -> np.ndarray:
    """The noise, of which no direction has more than the share `most` of the whole."""
    size = np.sqrt(np.maximum(np.diag(whole), 1e-300))
    values, vectors = np.linalg.eigh(whole / np.outer(size, size))
    live = values > LEAST * values[-1]
    root, vectors = np.sqrt(values[live]), vectors[:, live]
    shares, axes = np.linalg.eigh((vectors / root).T @ (noise / np.outer(size, size)) @ (vectors / root))
    image = size[:, None] * (vectors * root) @ axes
    return (image * np.clip(shares, 0.0, most)) @ image.T


def _targets(whole: np.ndarray, corrected: np.ndarray, law: np.ndarray) -> np.ndarray:
    """G_yy (d, d) for which `law` (p, d) leaves as much as of the noisy rows.

    No less is left than by least squares on the noisy rows, whatever the terms.
    """
    p = len(law)

    def explained(s: np.ndarray) -> np.ndarray:
        return s[p:, :p] @ np.linalg.lstsq(s[:p, :p], s[:p, p:])[0]

    left = np.diag(whole[p:, p:] - 2 * law.T @ whole[:p, p:] + law.T @ whole[:p, :p] @ law)
    floor = np.diag(whole[p:, p:] - explained(whole))
    gain = np.diag(2 * law.T @ corrected[:p, p:] - law.T @ corrected[:p, :p] @ law)
    known = explained(corrected)
    return known + np.diag(np.maximum(left + gain - np.diag(known), floor))
