"""Solvers with a convex penalty on the size of the weights: the lasso and the elastic net."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn.regress.solvers.base import AbstractSolver, as_masks, live_terms

PENALTIES = 100  # penalties on a path
DEPTH = 1e-4  # the smallest penalty of a path, as a share of the largest
GAP = 1e-8  # duality gap, as a share of the target's mean square, at which a fit has converged
SWEEPS = 2000  # most sweeps of coordinate descent at one penalty


@dataclass(frozen=True)
class Lasso(AbstractSolver):
    r"""Least squares with a penalty on the sum of the shares.

    $$\min_w \tfrac12 |y - T w|^2 + \alpha |w|_1$$

    in columns of unit norm, by coordinate descent (scikit-learn) along a path of falling penalties. The terms with
    $w \ne 0$ are kept and fitted again without the penalty.

    Reference: Tibshirani 1996, Journal of the Royal Statistical Society B 58, 267; Friedman, Hastie, Tibshirani 2010,
    Journal of Statistical Software 33 (1).

    Parameters
    ----------
    alpha: the penalty, between 0 and 1, free of units: a term enters when its correlation with the residual exceeds
        it. None: the whole path of penalties comes into question, and the selection decides.

    Raises InputError for an `alpha` out of range; warns where the fit at a given `alpha` has not converged.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Lasso(0.1).path(np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.05], [0.0, 0.0, 0.0]]), 100).tolist()
    [[True, False]]
    """

    alpha: float | None = None

    def __post_init__(self):
        _check_penalty(self.alpha, 1.0)

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return _penalised(triangle, self.alpha, 1.0)


@dataclass(frozen=True)
class ElasticNet(AbstractSolver):
    r"""Least squares with a penalty on the sum and on the squares of the shares.

    $$\min_w \tfrac12 |y - T w|^2 + \alpha \lambda |w|_1 + \tfrac12 \alpha (1 - \lambda) |w|^2$$

    in columns of unit norm; otherwise as `Lasso`. The squares make collinear terms enter together instead of one of
    them by chance.

    Reference: Zou, Hastie 2005, Journal of the Royal Statistical Society B 67, 301.

    Parameters
    ----------
    l1_ratio: the part $\lambda$ of the penalty that is on the sum; above 0, at most 1 (which is `Lasso`).
    alpha: the penalty, free of units, `alpha * l1_ratio` between 0 and 1. None: the whole path comes into question,
        and the selection decides.

    Raises InputError for values out of range; warns where the fit at a given `alpha` has not converged.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> table = np.array([[1.0, 0.8, 0.0, 0.8], [0.0, 0.6, 0.0, 0.4], [0.0, 0.0, 1.0, 0.05], [0.0, 0.0, 0.0, 0.4]])
    >>> sd.ElasticNet(0.5, alpha=0.4).path(table, 100).tolist()
    [[True, True, False]]
    """

    l1_ratio: float = 0.5
    alpha: float | None = None

    def __post_init__(self):
        if not 0 < self.l1_ratio <= 1:
            raise InputError(f"l1_ratio is the part of the penalty on the sum, above 0, at most 1; {self.l1_ratio!r}")
        _check_penalty(self.alpha, self.l1_ratio)

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return _penalised(triangle, self.alpha, self.l1_ratio)


def _check_penalty(alpha: float | None, l1_ratio: float) -> None:
    if alpha is not None and not 0 < alpha * l1_ratio < 1:
        raise InputError(f"the penalty on the sum of the shares is between 0 and 1, or None; got {alpha * l1_ratio!r}")


def _penalised(triangle: np.ndarray, alpha: float | None, l1_ratio: float) -> np.ndarray:
    """The terms (s, r) that stay at one penalty, or at those of a path."""
    p, live = triangle.shape[1] - 1, live_terms(triangle)
    highest = float(np.abs(triangle[:, -1] @ triangle[:, live]).max(initial=0.0)) / l1_ratio
    lowest = DEPTH * highest if alpha is None else alpha
    if lowest >= highest:  # no term enters, or the target is zero
        return np.zeros((1, p), bool)
    falling = np.geomspace(highest, lowest, PENALTIES if alpha is None else PENALTIES // 4)
    weights, gaps = penalised_weights(triangle[:, [*live, p]], falling, l1_ratio)
    if alpha is None:
        return as_masks((live[w != 0] for w in weights), p)
    if gaps[-1] > 10 * GAP:
        warnings.warn(
            f"the fit with the penalty {alpha!r} has not converged: its terms are nearly collinear; take a larger "
            "penalty, a smaller library, or alpha=None",
            SymdynWarning,
            stacklevel=2,
        )
    return as_masks([live[weights[-1] != 0]], p)


def penalised_weights(triangle: np.ndarray, penalties: np.ndarray, l1_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Penalised weights (penalties, r) at falling penalties, each fit started at the last, and their duality gaps."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    table, y, k = np.asfortranarray(triangle[:, :-1]), triangle[:, -1].copy(), len(triangle)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        options: dict[str, Any] = {"alphas": penalties / k, "precompute": False, "max_iter": SWEEPS, "tol": GAP}
        _, weights, gaps, *_ = enet_path(table, y, l1_ratio=l1_ratio, **options)
    return np.asarray(weights).T, np.asarray(gaps) * k  # scikit-learn divides the squares by the number of rows
