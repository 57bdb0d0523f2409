r"""What white noise of the data adds to the second moments of the rows of the weak form.

Terms of noisy fields are noisy, and least squares on them draw the coefficients towards zero (attenuation: Fuller 1987,
Measurement Error Models). The kernels $K$ of row r make of independent noise the error
$\delta_k = \sum_i K_k[r, i] (\hat g_k(u_i + \varepsilon_i) - g_k(u_i))$ of an unbiased monomial $\hat g_k$, with

$$\sum_r E \, \delta_k \delta_l = \sum_i \Bigl(\sum_r K_k[r, i] K_l[r, i]\Bigr)
\sum_{j \ge 1} \frac{(-1)^{j + 1} \sigma^{2 j}}{j!} E \, \hat g_k^{(j)} \hat g_l^{(j)}(u_i + \varepsilon_i),$$

exact for powers of one component; the sums over rows separate into the axes. Of products of components the mixed
derivatives are left out, which are of the order of the square of the noise.
"""

from __future__ import annotations

from math import factorial

import jax.numpy as jnp
import numpy as np

from symdyn._types import double_precision
from symdyn.fields.collection import Fields
from symdyn.fields.contraction import along_axis, unbiased_power
from symdyn.fields.plan import Plan, Powers
from symdyn.fields.windows import AxisWindows, Key

HIGHEST = 3  # terms of the series in the variance


def noise_moments(
    fields: Fields, plan: Plan, axes: tuple[AxisWindows, ...], kernels: tuple[dict[Key, np.ndarray], ...],
    variance: np.ndarray, weights: list[np.ndarray], memory: int,
) -> np.ndarray:  # fmt: skip
    """The matrix (p + d, p + d) that noise of the given variances of the columns adds to the sum over all windows.

    `weights`: of the windows of each axis, (w,); a window weighs as much as their product.
    """
    pairs = [list(k) for k in kernels]
    sums = [_pair_sums(*each) for each in zip(axes, kernels, weights, strict=True)]
    first = np.cumsum([0, *(len(cells) for cells in plan.cells)])
    total = np.zeros((first[-1], first[-1]))
    n, each = fields.grid.shape[0], int(np.prod(fields.grid.shape[1:])) * len(plan.components)
    step = max(memory // max(each, 1), 1)
    place = {c: k for k, c in enumerate(plan.components)}
    for start in range(0, n, step):
        slab = np.nan_to_num(fields.slab(start, min(start + step, n), plan.components))
        here = [sums[0][:, start : start + step], *sums[1:]]
        for column in np.flatnonzero(variance):
            values, own = slab, float(variance[column])
            slopes = {
                m: [noise_slope(powers, plan, values, place, int(column), j, variance) for j in range(1, HIGHEST + 1)]
                for m, powers in enumerate(plan.monomials)
                if any(c == column for c, _ in powers)
            }
            for a in slopes:
                for b in (b for b in slopes if b >= a):
                    product = noise_series(slopes[a], slopes[b], own)
                    block = _contracted(product, here)
                    at = _block(plan.cells[a], plan.cells[b], pairs, block)
                    total[first[a] : first[a + 1], first[b] : first[b + 1]] += at
                    if b > a:
                        total[first[b] : first[b + 1], first[a] : first[a + 1]] += at.T
    combination = plan.combination()
    return combination.T @ total @ combination


def _pair_sums(windows: AxisWindows, kernels: dict[Key, np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted sums over windows of products of two kernels at each sample: (pairs, n)."""
    out = np.zeros((len(kernels) ** 2, windows.n))
    for row, (a, b) in enumerate((a, b) for a in kernels.values() for b in kernels.values()):
        np.add.at(out[row], windows.members, a * b * weights[:, None])
    return out


def noise_slope(powers: Powers, plan: Plan, slab: np.ndarray, place: dict[int, int], column: int, j: int, variance):
    """The j-th derivative of an unbiased monomial by one column, at the points; None where it vanishes."""
    value = np.ones(slab.shape[1:])
    for c, power in powers:
        component, orders = plan.columns[c]
        if orders is None or any(orders):
            return None  # derivatives of the data: their noise is smoothed, and not followed
        x = slab[place[component]]
        if c == column:
            if power < j:
                return None
            value = value * unbiased_power(x, power - j, variance[c]) * (factorial(power) / factorial(power - j))
        else:
            value = value * unbiased_power(x, power, variance[c])
    return value


def noise_series(a: list, b: list, variance: float) -> np.ndarray | None:
    """The sum over j of (-1)^(j+1) variance^j / j! times both slopes of order j; None where none is there."""
    total = None
    for j, (x, y) in enumerate(zip(a, b, strict=True), start=1):
        if x is not None and y is not None:
            part = (-1) ** (j + 1) * variance**j / factorial(j) * x * y
            total = part if total is None else total + part
    return total


def _contracted(values: np.ndarray | None, sums: list[np.ndarray]) -> np.ndarray | None:
    """Values at the points summed with the pair sums of all axes: (pairs of axis 0, pairs of axis 1, ...)."""
    if values is None:
        return None
    with double_precision():
        out = jnp.asarray(values)
        for axis in (0, *range(len(sums) - 1, 0, -1)):
            out = along_axis(out, jnp.asarray(sums[axis]), axis)
        return np.asarray(out)


def _block(a, b, keys: list[list[Key]], block: np.ndarray | None) -> np.ndarray:
    """The entries of all cells of one monomial with all cells of another."""
    out = np.zeros((len(a), len(b)))
    if block is None:
        return out
    for i, left in enumerate(a):
        for j, right in enumerate(b):
            place = tuple(own.index(x) * len(own) + own.index(y) for own, x, y in zip(keys, left, right, strict=True))
            out[i, j] = block[place]
    return out
