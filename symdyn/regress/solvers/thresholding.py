"""Solvers that drop the terms with small shares: sequential thresholding and its relaxed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.solvers.base import AbstractSolver, as_masks, least_squares

THRESHOLDS = np.geomspace(1e-4, 0.9, 48)  # of a path


@dataclass(frozen=True)
class STLSQ(AbstractSolver):
    """Sequentially thresholded least squares (Brunton, Proctor, Kutz 2016, PNAS 113, 3932).

    Parameters
    ----------
    threshold: terms that carry a smaller share of the target's root mean square are dropped, then the rest is
        fitted again, until nothing changes. Between 0 and 1, free of units. None: a path of thresholds comes into
        question, and the selection decides.
    max_iterations: most rounds of dropping.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.STLSQ(0.1).path(np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.05], [0.0, 0.0, 0.0]]), 100).tolist()
    [[True, False]]
    """

    threshold: float | None = None
    max_iterations: int = 50

    def __post_init__(self):
        _check_threshold(self.threshold, self.max_iterations)

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return _along(self.threshold, lambda threshold: self._support(triangle, threshold))

    def _support(self, triangle: np.ndarray, threshold: float) -> np.ndarray:
        mask = np.ones(triangle.shape[1] - 1, bool)
        for _ in range(self.max_iterations):
            shares = least_squares(triangle, mask)
            kept = mask & (np.abs(shares) >= threshold)
            if (kept == mask).all():
                break
            mask = kept
        return mask


@dataclass(frozen=True)
class SR3(AbstractSolver):
    r"""Sparse relaxed regularised regression with the l0 penalty.

    $$\min_{x, w} \tfrac12 |y - T x|^2 + \tfrac{\eta^2}{2 \nu} |w|_0 + \tfrac{1}{2 \nu} |x - w|^2$$

    in columns of unit norm, with the threshold $\eta$ and the relaxation $\nu$. The kept terms are those with
    $w \ne 0$. Two steps that each lower the sum alternate: x and w together for a given set of terms (a dropped one
    may still take a weight, against a ridge of strength $1 / \nu$), then the set for given x, $|x_j| \ge \eta$. The
    published iteration takes x and w in turn and needs many rounds among collinear terms; the sets that this one
    ends at are fixed points of it. Unlike in `STLSQ` a term that was dropped may come back.

    Reference: Zheng, Askham, Brunton, Kutz, Aravkin 2019, IEEE Access 7, 1404.

    Parameters
    ----------
    threshold: a term needs this share of the target's root mean square. Between 0 and 1, free of units. None: a
        path of thresholds comes into question, and the selection decides.
    relaxation: positive, free of units: how far a weight may be from its sparse twin. Towards 0 the method becomes
        `STLSQ`; for large values it thresholds the fit on all terms once.
    max_iterations: most rounds.

    Raises InputError for a threshold that is no share, or a relaxation or number of rounds that is not positive.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.SR3(0.1).path(np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.05], [0.0, 0.0, 0.0]]), 100).tolist()
    [[True, False]]
    """

    threshold: float | None = None
    relaxation: float = 1.0
    max_iterations: int = 50

    def __post_init__(self):
        _check_threshold(self.threshold, self.max_iterations)
        if not 0 < self.relaxation < np.inf:
            raise InputError(f"the relaxation must be a positive number, got {self.relaxation!r}")

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        return _along(self.threshold, lambda threshold: self._support(triangle, threshold))

    def _support(self, triangle: np.ndarray, threshold: float) -> np.ndarray:
        mask = np.ones(triangle.shape[1] - 1, bool)
        for _ in range(self.max_iterations):
            kept = np.abs(self._relaxed(triangle, mask)) >= threshold
            if (kept == mask).all():
                break
            mask = kept
        return mask

    def _relaxed(self, triangle: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The x of the minimum over x and w where w may differ from zero on `mask` only: (r,)."""
        ridge = np.diag(np.where(mask, 0.0, self.relaxation**-0.5))[~mask]
        table = np.concatenate([triangle[:, :-1], ridge])
        target = np.concatenate([triangle[:, -1], np.zeros(len(ridge))])
        return np.linalg.lstsq(table, target, rcond=1e-13)[0]


def _along(threshold: float | None, support: Callable[[float], np.ndarray]) -> np.ndarray:
    """The set of one threshold, or those of a path of them, as masks (s, r)."""
    if threshold is not None:
        return support(threshold)[None]
    masks = [support(each) for each in THRESHOLDS]
    return as_masks(map(np.flatnonzero, masks), len(masks[0]))


def _check_threshold(threshold: float | None, max_iterations: int) -> None:
    if threshold is not None and not 0 <= threshold < 1:
        raise InputError(f"the threshold is a share of the rate, between 0 and 1, or None; got {threshold!r}")
    if max_iterations < 1:
        raise InputError(f"max_iterations must be positive, got {max_iterations!r}")
