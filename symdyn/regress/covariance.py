"""How far the weights of a fit would scatter: covariance and degrees of freedom from the blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.problem import Problem

FEWEST = 8  # units (blocks, or blocks joined) below which no scatter between them is taken
LIFT = 1e-10  # of 1 - leverage, where a unit alone decides a direction


@dataclass(frozen=True, eq=False)
class Scatter:
    """Covariance of k kept weights from the scatter between units of rows.

    `covariance` (k, k), in the law's units; `freedom` (k,): degrees of freedom of Student's t for each weight;
    `inflation`: the mean variance over that of white residuals; `level`: how often neighbouring blocks were joined in
    pairs to make the units, None where the blocks were too few and the classical formula was used.
    """

    covariance: np.ndarray
    freedom: np.ndarray
    inflation: float
    level: int | None


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over units, in the directions that make the design orthonormal.

    `grams` (b, k, k): the unit's part M_b of the identity; `scores` (b, k): U_b' r_b; `owner` (b,): the trajectory.
    """

    grams: np.ndarray
    scores: np.ndarray
    owner: np.ndarray

    def joined(self) -> _Sums:
        labels = unit_labels(self.owner, 1)
        starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])
        return _Sums(np.add.reduceat(self.grams, starts), np.add.reduceat(self.scores, starts), self.owner[starts])

    def released(self) -> np.ndarray:
        """(1 - M_b)^-1 for each unit, (b, k, k): what a residual of the unit grows by when the unit is left out."""
        return np.linalg.inv((1 + LIFT) * np.eye(self.grams.shape[1]) - self.grams)


def unit_labels(owner: np.ndarray, level: int) -> np.ndarray:
    """Which unit each block belongs to, (b,), after `level` rounds that join neighbours in pairs.

    An odd one joins the last pair. No unit reaches across two trajectories (`owner`, ascending).

    Examples
    --------
    >>> import numpy as np
    >>> unit_labels(np.array([0, 0, 0, 0, 0, 1]), 1).tolist()
    [0, 0, 1, 1, 1, 2]
    """
    labels = np.arange(len(owner))
    for _ in range(level):
        starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])  # the first block of each unit
        first = np.searchsorted(owner[starts], owner[starts])  # the first unit of its trajectory
        pairs = np.maximum(np.searchsorted(owner[starts], owner[starts], "right") - first, 2) // 2
        pair = np.minimum((np.arange(len(starts)) - first) // 2, pairs - 1)
        renamed = np.cumsum(np.r_[False, (np.diff(pair) != 0) | (np.diff(first) != 0)])
        labels = renamed[labels]
    return labels


def scatter(problem: Problem, mask: np.ndarray, weights: np.ndarray) -> Scatter:
    r"""Covariance of the kept weights of a least-squares fit, by the jackknife over units of rows.

    With the design Z of the kept terms and residuals r, and for each unit b its score $g_b = Z_b^\top r_b$,

    $$\mathrm{Cov} = \frac{B - 1}{B} (Z^\top Z)^{-1} \Bigl[\sum_b h_b h_b^\top\Bigr] (Z^\top Z)^{-1}, \qquad
    h_b = (1 - Z_b^\top Z_b (Z^\top Z)^{-1})^{-1} g_b,$$

    is the scatter of the fits that leave out one unit each (CV3 or CR3: Cameron, Miller 2015, Journal of Human
    Resources 50, 317; MacKinnon, Nielsen, Webb 2023, Journal of Econometrics 232, 272). Units of neighbouring rows keep
    the autocorrelation of the residual, which the classical formula ignores. They must be longer than it: blocks are
    joined in pairs until the scores of neighbours are uncorrelated, the length at which the estimate stops growing
    (Flyvbjerg, Petersen 1989, Journal of Chemical Physics 91, 461). The degrees of freedom are Satterthwaite's for
    white residuals (Bell, McCaffrey 2002, Survey Methodology 28, 169).

    With fewer than two blocks for each weight the scatter has not the rank of a covariance: then the classical one is
    taken, times the mean inflation that the units show over all weights, where that is beyond chance. With fewer than
    `FEWEST` blocks the classical formula is used.
    """
    k = int(mask.sum())
    if not k:
        return Scatter(np.zeros((0, 0)), np.zeros(0), 1.0, None)
    if problem.inequalities is not None:
        return _on_bounds(problem, mask, weights)
    inverse = problem.inverse_root(mask)
    scores, total = problem.block_scores(mask, weights)
    free = max(problem.n_rows - k, 1)
    physical = problem.physical[mask]
    if len(scores) < max(FEWEST, 2 * k):
        factor, known = _mean_inflation(scores @ inverse, problem.moments.trajectory, total / free)
        middle, freedom, level = np.eye(k) * total / free * factor, np.full(k, float(min(known, free))), None
    else:
        sums = _Sums(_grams(problem, mask, inverse), scores @ inverse, problem.moments.trajectory)
        middle, freedom, level = _jackknife(sums, inverse)
    inflation = float(np.trace(middle)) * free / (k * total) if total > 0 else 1.0
    covariance = inverse @ middle @ inverse.T * np.outer(physical, physical)
    return Scatter(covariance, freedom, inflation, level)


def _on_bounds(problem: Problem, mask: np.ndarray, weights: np.ndarray) -> Scatter:
    """The scatter of the changes that keep the active inequalities active: a weight on its bound has none."""
    local, directions = problem.around(mask, weights)
    found = scatter(local, np.ones(local.size, bool), np.zeros(local.size))
    images = directions * problem.physical[mask][:, None]
    fewest = np.min(np.where(directions != 0, found.freedom, np.inf), axis=1, initial=np.inf)
    free = float(max(problem.n_rows - local.size, 1))
    return Scatter(images @ found.covariance @ images.T, np.minimum(fewest, free), found.inflation, found.level)


def effective_rows(problem: Problem, mask: np.ndarray, found: Scatter) -> float:
    """The number of rows, fewer where the residuals are autocorrelated beyond chance.

    As many white residuals would leave the weights as uncertain as they are.
    """
    units = len(problem.moments.blocks) / 2 ** (found.level or 0)
    chance = np.sqrt(2 / (max(int(mask.sum()), 1) * units))
    return problem.n_rows / (found.inflation if found.inflation > 1 + 3 * chance else 1.0)


def noise(problem: Problem, mask: np.ndarray, weights: np.ndarray) -> tuple[float, ...]:
    """Root mean square residual of each target, in its own unit where the rows are not weighted."""
    m, size = problem.moments, problem.moments.scale[problem.moments.n_terms :]
    free = max(m.n_rows - int(mask.sum()) / len(problem.columns), 1.0)
    whole = m.blocks.sum(axis=0)
    out = []
    for c, column in enumerate(problem.columns):
        white = problem.residual(c, weights)
        squares = max(float(white @ whole @ white), 0.0) / free
        out.append(float(np.sqrt(squares) * problem.sigma[c] * size[column]))
    return tuple(out)


def _grams(problem: Problem, mask: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """U_b' U_b of each block for the orthonormal design U = Z R^-1: (b, k, k)."""
    m = problem.moments
    out = np.zeros((len(m.blocks), *inverse.shape))
    for q, sigma in zip(problem.maps, problem.sigma, strict=True):
        image = m.whitener[:, : m.n_terms] @ q[:, mask] @ inverse / sigma
        used = np.flatnonzero(image.any(axis=1))  # few where the terms are not whitened
        out += image[used].T @ (m.blocks[:, used[:, None], used] @ image[used])
    return out


def _jackknife(sums: _Sums, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The middle of the covariance, degrees of freedom, and the level of units at which neighbours are uncorrelated."""
    level, k = 0, len(inverse)
    while True:
        released = sums.released()
        left = np.einsum("bij,bj->bi", released, sums.scores)
        longer = sums.joined()
        last = len(longer.scores) < max(FEWEST, 2 * k) or len(longer.scores) == len(sums.scores)
        if last or not _correlated(left, sums.owner):
            middle = left.T @ left * (len(left) - 1) / len(left)
            return middle, _freedom(sums.grams, released, inverse), level
        sums, level = longer, level + 1


def _mean_inflation(scores: np.ndarray, owner: np.ndarray, white: float) -> tuple[float, float]:
    """How much larger than for white residuals the scores (b, k) are on average, and with how much freedom."""
    k, found = scores.shape[1], (1.0, np.inf)
    while white > 0 and len(scores) >= FEWEST:
        units = len(scores)
        factor = float(np.sum(scores**2)) / (k * white) * units / (units - 1)
        if factor > 1 + 3 * np.sqrt(2 / (k * units)):
            found = factor, float(k * (units - 1))
        labels = unit_labels(owner, 1)
        starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])
        if len(starts) == units or not _correlated(scores, owner):
            break
        scores, owner = np.add.reduceat(scores, starts), owner[starts]
    return found


def _correlated(scores: np.ndarray, owner: np.ndarray) -> bool:
    """Whether the scores of neighbouring units are correlated, by more than one standard deviation of chance."""
    products = np.einsum("bi,bi->b", scores[1:], scores[:-1])[owner[1:] == owner[:-1]]
    return bool(products.sum() > np.sqrt(np.sum(products**2)))


def _freedom(grams: np.ndarray, released: np.ndarray, contrasts: np.ndarray) -> np.ndarray:
    """Satterthwaite's degrees of freedom of the variance of each contrast, (k,), for white residuals.

    The variance is a quadratic form of the residuals with the eigenvalues of D (b, b): 2 mean^2 / variance of it.
    """
    out = []
    for contrast in contrasts:
        steps = released @ contrast
        images = np.einsum("bij,bj->bi", grams, steps)
        form = np.diag(np.einsum("bi,bi->b", steps, images)) - images @ images.T
        out.append(np.trace(form) ** 2 / np.sum(form**2))
    return np.maximum(out, 1.0)
