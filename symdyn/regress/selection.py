"""Which of the sets of terms that a solver proposes is the law: criteria that need no truth and no threshold.

Each selection is frozen settings with one method. It sees a problem (for its blocks), the normalised triangle and the
solver, and answers with the path: the sets that came into question, what each leaves unexplained, and the chosen one.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from typing import Literal

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.constraints.sets import admissible_sets
from symdyn.regress.covariance import effective_rows, scatter
from symdyn.regress.problem import RESOLUTION, Problem
from symdyn.regress.solvers import ROUNDING, AbstractSolver
from symdyn.regress.solvers.base import as_masks, ebic_price, live_terms, residual, triangular


@dataclass(frozen=True, eq=False)
class Path:
    """The sets of terms that came into question for one problem, and the one that was chosen.

    `masks` (s, r): the sets; `residuals` (s,): what each leaves of the target, as a share; `scores` (s,): what the
    selection judged, lower is better; `chosen`: the row that won; `frequencies` (r,): how often each term was kept
    in the half samples of `StabilitySelection`, otherwise None.
    """

    masks: np.ndarray
    residuals: np.ndarray
    scores: np.ndarray
    chosen: int
    frequencies: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray:
        """The chosen terms, (r,)."""
        return self.masks[self.chosen]


@dataclass(frozen=True)
class AbstractSelection(abc.ABC):
    """A way to decide among sets of terms."""

    @abc.abstractmethod
    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        """The path of a solver with its chosen set; `triangle` (k, r + 1) is that of the problem, of unit columns."""


@dataclass(frozen=True)
class EBIC(AbstractSelection):
    r"""The extended Bayesian information criterion, blind below a resolution.

    $$n \log \mathrm{RSS} + k \log n + 2 \gamma \log \binom{p}{k}$$

    for k of p terms on n rows: right where the residual is noise. The last part allows for the number of sets of k
    terms; without it (gamma = 0, `BIC`) false terms pass in large libraries.

    Reference: Chen, Chen 2008, Biometrika 95, 759.

    Parameters
    ----------
    gamma: the weight of the last part, between 0 and 1.
    resolution: among the sets up to the winner the smallest one is taken whose residual is the same within this share
        of the target's root mean square, in quadrature. The criterion takes every pattern of the residual for law,
        also the truncation error of a finite difference, and with much data there is always some pattern. 0 for none:
        for laws with terms that carry less than a few thousandths of the rate, and rates that are as exact.

    Raises InputError for values out of range.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> sd.identify(data, library=sd.Monomials(3), selection=sd.EBIC()).stats.active
    7
    """

    gamma: float = 1.0
    resolution: float = RESOLUTION

    def __post_init__(self):
        if not 0 <= self.gamma <= 1:
            raise InputError(f"gamma must be between 0 and 1, got {self.gamma!r}")
        _check_share("resolution", self.resolution)

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        return _by_criterion(problem, triangle, solver, self.price, self.resolution)

    def price(self, size: int, rows: float, p: int) -> float:
        """The part of the criterion that does not depend on the residual."""
        whole, plain = ebic_price(size, rows, p), size * log(rows)
        return plain + self.gamma * (whole - plain)


@dataclass(frozen=True)
class BIC(AbstractSelection):
    r"""The Bayesian information criterion, $n \log \mathrm{RSS} + k \log n$: see `EBIC`.

    Reference: Schwarz 1978, Annals of Statistics 6, 461.
    """

    resolution: float = RESOLUTION

    def __post_init__(self):
        _check_share("resolution", self.resolution)

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        return EBIC(0.0, self.resolution).choose(problem, triangle, solver)

    def price(self, size: int, rows: float, p: int) -> float:
        """See `EBIC.price`."""
        return EBIC(0.0).price(size, rows, p)


@dataclass(frozen=True)
class AICc(AbstractSelection):
    r"""Akaike's criterion with the correction for small samples: $n \log \mathrm{RSS} + 2 k n / (n - k - 1)$.

    It seeks the best prediction, not the law: it keeps false terms more often than `EBIC`, however much data there
    are. For the `resolution` see `EBIC`.

    Reference: Hurvich, Tsai 1989, Biometrika 76, 297; Mangan, Kutz, Brunton, Proctor 2017, Proc. R. Soc. A 473,
    20170009.
    """

    resolution: float = RESOLUTION

    def __post_init__(self):
        _check_share("resolution", self.resolution)

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        return _by_criterion(problem, triangle, solver, self.price, self.resolution)

    def price(self, size: int, rows: float, p: int) -> float:
        """See `EBIC.price`."""
        return 2 * size * rows / (rows - size - 1) if rows > size + 1 else inf


@dataclass(frozen=True)
class Tolerance(AbstractSelection):
    """The smallest set that fits nearly as well as the whole library: right where the library is not quite complete.

    Parameters
    ----------
    tolerance: a share of the target's root mean square, between 0 and 1. The first set wins whose residual is at
        most this much above that of all terms together; the last one where none is.

    Raises InputError for a tolerance that is no share.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> sd.identify(data, library=sd.Monomials(2), selection=sd.Tolerance(0.02)).stats.active
    7
    """

    tolerance: float = 0.01

    def __post_init__(self):
        _check_share("tolerance", self.tolerance)

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        masks = proposed(problem, solver, empty=False)
        residuals = residuals_of(problem.by_rates, masks)
        limit = _left_by_all(problem.by_rates) + self.tolerance
        good = np.flatnonzero(residuals <= limit)
        chosen = int(good[0]) if len(good) else int(np.argmin(residuals))
        return Path(masks, residuals, np.maximum(residuals - limit, 0.0), chosen)


@dataclass(frozen=True)
class Knee(AbstractSelection):
    """The knee of the Pareto front: the size where the logarithm of the residual stops falling steeply.

    Of the front of residual against size, each scaled to the unit interval, the point farthest below the straight
    line between its ends. A rule of thumb that needs no noise model; a law that leaves no knee misleads it.

    Reference: Satopaa, Albrecht, Irwin, Raghavan 2011, ICDCS Workshops, 166 (kneedle).
    """

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        masks = proposed(problem, solver)
        residuals = residuals_of(problem.by_rates, masks)
        sizes, heights = masks.sum(axis=1), np.log(np.maximum(residuals, ROUNDING))
        front = np.array([k for k in range(len(masks)) if heights[k] <= heights[: k + 1].min()])
        if len(front) < 3:
            return Path(masks, residuals, heights, int(np.argmin(heights)))
        x = (sizes[front] - sizes[front[0]]) / max(sizes[front[-1]] - sizes[front[0]], 1)
        drop = heights[front[0]] - heights[front[-1]]
        y = (heights[front] - heights[front[-1]]) / (drop if drop > 0 else 1.0)
        scores = np.full(len(masks), inf)
        scores[front] = x + y - 1
        return Path(masks, residuals, scores, int(np.argmin(scores)))


@dataclass(frozen=True)
class CrossValidation(AbstractSelection):
    """The set that predicts left-out data best.

    The sets come from all the data; each is fitted on all folds but one and judged on that one. Neighbouring blocks of
    rows share a fold, so that a test sample has few near neighbours among those that were fitted.

    Parameters
    ----------
    folds: into how many parts the data are divided, at least 2.
    one_standard_error: take the smallest set whose error is within one standard error (over folds) of the lowest.
    by: "block" of neighbouring rows, or whole "trajectory".

    Raises InputError for fewer than 2 folds, or more than there are blocks (or trajectories).

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01), noise=1e-3, key=jax.random.key(0))
    >>> sd.identify(data, library=sd.Monomials(2), selection=sd.CrossValidation()).stats.active
    7
    """

    folds: int = 5
    one_standard_error: bool = True
    by: Literal["block", "trajectory"] = "block"

    def __post_init__(self):
        if not isinstance(self.folds, int) or self.folds < 2:
            raise InputError(f"cross-validation needs 2 folds or more, got {self.folds!r}")
        if self.by not in ("block", "trajectory"):
            raise InputError(f'folds are made by "block" or by "trajectory", got {self.by!r}')

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        masks = proposed(problem, solver)
        errors = np.array([self._errors(problem, fold, masks) for fold in self._folds(problem)])  # (folds, s)
        means, spread = errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
        best = int(np.argmin(means))
        near = means <= means[best] + (spread[best] if self.one_standard_error else 0.0)
        return Path(masks, residuals_of(problem, masks), means, int(np.flatnonzero(near)[0]))

    def _folds(self, problem: Problem) -> np.ndarray:
        """Which blocks each fold leaves out: (folds, b)."""
        units = np.arange(len(problem.moments.blocks)) if self.by == "block" else problem.moments.trajectory
        count = int(units.max()) + 1
        if count < self.folds:
            raise InputError(f"{self.folds} folds need as many {self.by} parts, the data have {count}; lower folds")
        return (units * self.folds // count)[None] == np.arange(self.folds)[:, None]

    def _errors(self, problem: Problem, left_out: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Mean squared error on the blocks left out, of each set fitted on the others: (s,)."""
        fitted, tested = problem.part(~left_out), problem.part(left_out)
        rows, unit = tested.triangle(), fitted.normalised[1]
        weights = np.array([fitted.shares(mask) * unit for mask in masks])
        left = rows[:, -1:] - rows[:, :-1] @ weights.T
        return np.einsum("ks,ks->s", left, left) / max(tested.n_rows, 1)


@dataclass(frozen=True)
class StabilitySelection(AbstractSelection):
    """The terms that come up in most random halves of the data.

    Each half is a random choice of half of the blocks; the solver's sets on it are decided by `EBIC`.

    Reference: Meinshausen, Buehlmann 2010, Journal of the Royal Statistical Society B 72, 417.

    Parameters
    ----------
    models: number of halves.
    frequency: a term is kept that came up in this share of them, above 0.5.
    seed: of the random choice.

    Raises InputError for values out of range, or where the data have fewer than 4 blocks.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> law = sd.identify(data, library=sd.Monomials(2), selection=sd.StabilitySelection(20))
    >>> law.active_terms
    ('x', 'y', 'z', 'x y', 'x z')
    """

    models: int = 50
    frequency: float = 0.75
    seed: int = 0

    def __post_init__(self):
        if self.models < 2:
            raise InputError(f"stability selection needs 2 models or more, got {self.models!r}")
        if not 0.5 < self.frequency <= 1:
            raise InputError(f"the frequency must be above 0.5 and at most 1, got {self.frequency!r}")

    def choose(self, problem: Problem, triangle: np.ndarray, solver: AbstractSolver) -> Path:
        blocks = len(problem.moments.blocks)
        if blocks < 4:
            raise InputError(f"stability selection needs 4 blocks of rows or more, the data have {blocks}")
        rng, halves = np.random.default_rng(self.seed), []
        for _ in range(self.models):
            half = problem.part(np.sort(rng.permutation(blocks)[: blocks // 2]))
            halves.append(EBIC().choose(half, half.normalised[0], solver).mask)
        frequencies = np.mean(halves, axis=0)
        levels = sorted({f for f in frequencies if f > 0} | {self.frequency}, reverse=True)
        masks = as_masks((np.flatnonzero(frequencies >= level) for level in levels), len(frequencies))
        wanted = frequencies >= self.frequency
        chosen = int(np.flatnonzero((masks == wanted).all(axis=1))[0])
        scores = np.abs(masks.sum(axis=1) - wanted.sum()).astype(float)
        return Path(masks, residuals_of(problem, masks), scores, chosen, frequencies)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise InputError(f"the {name} is a share of the rate, between 0 and 1; got {value!r}")


def proposed(problem: Problem, solver: AbstractSolver, empty: bool = True) -> np.ndarray:
    """The solver's sets (s, r), with the empty one where there is a choice, without those that cannot be fitted."""
    rows = problem.n_rows

    def sets(triangle: np.ndarray) -> np.ndarray:
        masks = solver.path(triangle, rows)
        dead = np.isin(np.arange(masks.shape[1]), live_terms(triangle), invert=True)
        masks = masks & ~dead if triangle[:, -1].any() else np.zeros_like(masks)  # nothing explains a zero
        if len(masks) == 1:
            return masks
        fitted = [np.flatnonzero(mask) for mask in masks if 0 < mask.sum() < rows]
        return as_masks([*fitted, ()] if empty or not fitted else fitted, masks.shape[1])

    return admissible_sets(problem, sets) if problem.size else np.zeros((1, 0), bool)


def residuals_of(problem: Problem, masks: np.ndarray) -> np.ndarray:
    """What the fit on each set of terms (s, r) leaves of the target, as a share: (s,)."""
    if problem.inequalities is not None:
        return np.array([problem.left(mask) for mask in masks])
    triangle, _ = problem.normalised
    used = np.flatnonzero(masks.any(axis=0))
    small = triangular(triangle[:, [*used, -1]])
    return np.array([residual(small, mask) for mask in masks[:, used]])


def _left_by_all(problem: Problem) -> float:
    """What the fit on all terms leaves, as a share."""
    return problem.left(np.ones(problem.size, bool))


def _by_criterion(
    problem: Problem,
    triangle: np.ndarray,
    solver: AbstractSolver,
    price: Callable[[int, float, int], float],
    resolution: float,
) -> Path:
    """The set with the lowest 2 n log(residual) + price, or the smallest that is as good within the resolution.

    Autocorrelated residuals count as fewer rows: as many as would give white ones the same standard errors.
    """
    masks = proposed(problem, solver)
    residuals, sizes = residuals_of(problem, masks), masks.sum(axis=1)
    tied = problem.noise is not None  # targets of different noise: each has its own resolution
    left = np.array([problem.left_by_target(mask) for mask in masks]) if tied else residuals[:, None]

    def decided(rows: float) -> tuple[np.ndarray, int]:
        scores = 2 * rows * np.log(np.maximum(residuals, ROUNDING)) + [
            price(int(s), rows, masks.shape[1]) for s in sizes
        ]
        best = int(np.argmin(scores))
        same = (left**2 <= left[best] ** 2 + resolution**2).all(axis=1) & (sizes <= sizes[best])
        smallest = np.flatnonzero(same & (sizes == sizes[same].min()))
        return scores, int(smallest[np.argmin(scores[smallest])])

    scores, chosen = decided(problem.n_rows)
    if len(masks) > 1:
        mask = masks[chosen]
        rows = effective_rows(problem, mask, scatter(problem, mask, problem.shares(mask) * problem.normalised[1]))
        if rows < problem.n_rows:
            scores, chosen = decided(rows)
    rest = problem.by_rates.remainder if tied else 1.0
    return Path(masks, np.sqrt(np.mean(left**2, axis=1)) / rest, scores, chosen)
