"""Solvers that add or drop one term at a time: forward selection and backward elimination."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg.lapack import dtrtri  # pyright: ignore[reportAttributeAccessIssue]

from symdyn._errors import InputError
from symdyn.regress.solvers.base import (
    AbstractSolver,
    as_masks,
    check_count,
    least_squares,
    live_terms,
    regular,
    triangular,
)

MOST_STEPS = 200  # of a forward path


@dataclass(frozen=True)
class FROLS(AbstractSolver):
    r"""Forward regression by orthogonal least squares.

    The next term is the one with the largest error reduction ratio

    $$\mathrm{ERR}_j = \frac{(q_j^\top y)^2}{|q_j|^2 \, |y|^2},$$

    where $q_j$ is the column of the term without its parts along the terms already chosen. A ratio is a share of the
    target's mean square.

    Reference: Chen, Billings, Luo 1989, International Journal of Control 50, 1873.

    Parameters
    ----------
    max_terms: how many terms to choose (fewer where no more can be told apart). None: the extended Bayesian
        information criterion decides among the first 1, 2, ... terms, right where the residual is noise.

    Raises InputError where `max_terms` is not a positive whole number.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.FROLS(1).path(np.array([[1.0, 0.7, 0.9], [0.0, 0.7, 0.4], [0.0, 0.0, 0.01]]), 100).tolist()
    [[False, True]]
    """

    max_terms: int | None = None

    def __post_init__(self):
        check_count("max_terms", self.max_terms)

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        live, r = live_terms(triangle), triangle.shape[1] - 1
        order = forward(triangle, live, min(len(live), self.max_terms or MOST_STEPS))
        return as_masks((order[:size] for size in range(1, len(order) + 1)) if self.max_terms is None else [order], r)


@dataclass(frozen=True)
class SSR(AbstractSolver):
    r"""The stepwise sparse regressor: backward elimination from the whole library, one term a step.

    A step drops the term with the smallest share $|w_j|$, or the one whose loss costs least,
    $w_j^2 / [(T^\top T)^{-1}]_{jj}$, and fits the others again.

    Reference: Boninsegna, Nüske, Clementi 2018, Journal of Chemical Physics 148, 241723.

    Parameters
    ----------
    by: "coefficient" (as published; a share, so free of units) or "loss" (the rise of the residual sum of squares; the
        better guide among collinear terms, whose weights are large and cancel).
    max_terms: how many terms to leave. None: all steps come into question, and the selection decides (the paper
        decides by `CrossValidation`).

    Raises InputError for another `by`, or where `max_terms` is not a positive whole number.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.SSR("loss", 1).path(np.array([[1.0, 0.7, 0.9], [0.0, 0.7, 0.4], [0.0, 0.0, 0.01]]), 100).tolist()
    [[False, True]]
    """

    by: Literal["coefficient", "loss"] = "coefficient"
    max_terms: int | None = None

    def __post_init__(self):
        if self.by not in ("coefficient", "loss"):
            raise InputError(f'terms are dropped by "coefficient" or "loss", got {self.by!r}')
        check_count("max_terms", self.max_terms)

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        steps, r = eliminations(triangle, live_terms(triangle), self.by), triangle.shape[1] - 1
        if self.max_terms is None:
            return as_masks(steps, r)
        return as_masks([next((step for step in steps if len(step) <= self.max_terms), [])], r)


def forward(triangle: np.ndarray, live: np.ndarray, count: int) -> list[int]:
    """Terms in the order of forward selection by orthogonal least squares."""
    table, y = triangle[:, live].copy(), triangle[:, -1].copy()
    order: list[int] = []
    for _ in range(count):
        sizes = np.einsum("ij,ij->j", table, table)
        gains = np.where(sizes > 1e-20, (y @ table) ** 2 / np.maximum(sizes, 1e-300), -1.0)
        gains[order] = -1.0
        j = int(np.argmax(gains))
        if gains[j] <= 0:
            break
        order.append(j)
        q = table[:, j] / np.sqrt(sizes[j])
        table -= np.outer(q, q @ table)
        y = y - q * (q @ y)
    return [int(live[j]) for j in order]


def eliminations(triangle: np.ndarray, start: np.ndarray, by: str = "loss", least: int = 1) -> Iterator[list[int]]:
    """The sets of backward elimination, from `start` down to `least` terms."""
    left = [int(j) for j in start]
    table = triangular(triangle[:, [*left, -1]])
    while left:
        yield list(left)
        if len(left) <= least:
            return
        weights = least_squares(table, np.ones(len(left), bool)) if by == "coefficient" else None
        drop = int(np.argmin(loss_costs(table) if weights is None else np.abs(weights)))
        left.pop(drop)
        table = triangular(np.delete(table, drop, axis=1))


def loss_costs(table: np.ndarray) -> np.ndarray:
    """The rise of the residual sum of squares by the loss of each term of a square triangle [T | y]: (k,).

    Dropping term k raises it by w_k^2 / (row k of R^-1)^2, R the triangle of the terms.
    """
    k = len(table) - 1
    inverse = dtrtri(regular(table[:k, :k]))[0]
    return (inverse @ table[:k, k]) ** 2 / np.einsum("ij,ij->i", inverse, inverse)
