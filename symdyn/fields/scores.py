r"""How noise of the data scatters the scores of a law of fields: the covariance of errors in variables.

Windows overlap, so that rows share noise. Their covariance is a large matrix, but the coefficients need it only between
scores $g_k = \sum_r Z_{r k} \, r_r$, sums over all rows of the design times the residual, and the residual hangs on the
noise of each point, $r_r = \sum_i L_{r i} \varepsilon_i$ to first order. So each score is a sum over the *points*,

$$g_k = \sum_i \varepsilon_i H_{k i}, \qquad H_k = L^\top Z_k, \qquad
\mathrm{Cov}(g)_{k l} = \sigma^2 \sum_i H_{k i} H_{l i},$$

independent from point to point whatever the windows. $L$ is made of separable kernels and slopes of monomials, so that
its transpose is the contraction of the rows run backwards: the columns of the design are spread over the grid by the
transposed kernels, axis by axis. (Sandwich of an estimating function: White 1982, Econometrica 50, 1; with the moments
freed of what noise adds to them, Fuller 1987, Measurement Error Models, section 2.2.)

The design is noisy too. With $\delta Z_k = A_k \varepsilon$ the products of noise with noise add
$\sigma^4 \, [\mathrm{tr}(M_k M_l^\top) + \mathrm{tr}(M_k M_l)]$, $M_k = A_k^\top L$. The first part comes by itself,
for $H_k$ is formed of the noisy design; the second is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symdyn.fields.noise import HIGHEST, noise_series, noise_slope
from symdyn.fields.weak import WeakProblem
from symdyn.fields.windows import AxisWindows


def score_covariance(
    problem: WeakProblem, design: np.ndarray, coefficients: np.ndarray, memory: int
) -> np.ndarray | None:
    """The covariance (k, k) of the scores of k weights for white noise of the variances of the problem.

    `design` (m, k, d): weighted rows of each weight, for each target; `coefficients` (p, d): the law, whose residual
    says what noise does. None where the noise of the terms cannot be followed: derivatives of the data, and functions
    that are no polynomials.
    """
    plan = problem.plan
    inner = any(orders is not None and any(orders) for _, orders in plan.columns)
    if plan.states or inner or not problem.variance.any():
        return None
    share = plan.combination()
    share = share[:, plan.terms :] - share[:, : plan.terms] @ coefficients  # (cells, d): the residual by cells
    first = np.cumsum([0, *(len(cells) for cells in plan.cells)])
    k = design.shape[1]
    columns = np.moveaxis(design, 0, -1).reshape(*design.shape[1:], *(w.size for w in problem.axes))
    place = {c: n for n, c in enumerate(plan.components)}
    orders, total = range(1, HIGHEST + 1), np.zeros((k, k))
    for start, stop in _slabs(problem, k, memory):
        slab = np.nan_to_num(problem.fields.slab(start, stop, plan.components))
        spread = [
            _spread(problem, columns, share[first[n] : first[n + 1]], cells, start, stop)
            for n, cells in enumerate(plan.cells)
        ]
        for column in np.flatnonzero(problem.variance):
            parts = [
                (hung, [noise_slope(powers, plan, slab, place, int(column), j, problem.variance) for j in orders])
                for powers, hung in zip(plan.monomials, spread, strict=True)
                if hung is not None and any(c == column for c, _ in powers)
            ]
            for a, (left, slopes) in enumerate(parts):
                for b, (right, others) in enumerate(parts[: a + 1]):
                    both = noise_series(slopes, others, float(problem.variance[column]))
                    if both is None:
                        continue
                    own = (left * both).reshape(k, -1) @ right.reshape(k, -1).T
                    total += own if a == b else own + own.T
    return total


def _slabs(problem: WeakProblem, k: int, memory: int) -> Iterator[tuple[int, int]]:
    """Stretches of the first axis whose spread columns fit the memory."""
    shape = problem.fields.grid.shape
    live = 1 + len(problem.plan.monomials)
    step = max(memory // max(int(np.prod(shape[1:])) * k * live, 1), 1)
    for start in range(0, shape[0], step):
        yield start, min(start + step, shape[0])


def _spread(problem: WeakProblem, columns, share: np.ndarray, cells, start: int, stop: int) -> np.ndarray | None:
    """Rows (k, d, windows ...) on the points of a slab by the transposed kernels of all cells of one monomial."""
    total = None
    for cell, own in zip(cells, share, strict=True):
        if not own.any():
            continue
        matrix, rows = _reaching(problem.axes[0], problem.kernels[0][cell[0]], start, stop)
        values = np.tensordot(own, columns[:, :, rows], axes=(0, 1))  # (k, windows ...): those that reach the slab
        for number in range(len(problem.axes) - 1, 0, -1):
            values = _backwards(values, problem.inner[0][number - 1][cell[number]], number + 1)
        values = _backwards(values, matrix, 1)
        total = values if total is None else total + values
    return total


def _backwards(values: np.ndarray, matrix: np.ndarray, axis: int) -> np.ndarray:
    """Values with an axis of windows spread over samples by the matrix (w, n)."""
    return np.moveaxis(np.tensordot(values, matrix, axes=(axis, 0)), -1, axis)


def _reaching(windows: AxisWindows, kernel: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """The kernels (w', stop - start) of the windows of the first axis that reach a stretch, and which these are."""
    inside = (windows.members >= start) & (windows.members < stop)
    rows = np.flatnonzero(inside.any(axis=1))
    matrix, at = np.zeros((len(rows), stop - start)), np.nonzero(inside[rows])
    np.add.at(matrix, (at[0], windows.members[rows][at] - start), kernel[rows][at])
    return matrix, rows
