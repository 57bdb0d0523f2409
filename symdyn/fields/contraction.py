"""Terms of one block of a grid in the weak form: monomials at the points, then one matrix product for each axis."""

from __future__ import annotations

from math import factorial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn.fields.plan import Plan
from symdyn.fields.windows import Key

BATCH = 4096  # jets at once


@eqx.filter_jit
def block_means(plan: Plan, kernels, reach, slab, half: int, holes: bool, leading, variance, terms):
    """Cells (cells, windows) of a block, whether each window is clear of missing values (windows,), the means of terms
    that are functions of jets (values, windows), and whether these are finite.

    `kernels`: by axis, matrices (w, n) by their key; `reach`: by axis, the matrix (w, n) of members; `slab` (c, t, ...)
    the values of the plan's components; `half`: of the least squares that differentiate, 0 for differences; `holes`:
    whether values are missing; `leading` (t,): coordinates of the first axis; `variance` (columns,): of the white noise
    of each column, which is taken out of the means of powers; `terms`: functions of a jet, or None.
    """
    columns = _columns(plan, slab, half, holes, leading)
    clear, bad = jnp.ones(()), jnp.zeros(slab.shape[1:], bool)
    if holes:
        bad = sum((~jnp.isfinite(column) for column in columns), bad)
        columns = [jnp.where(bad, 0.0, column) for column in columns]
        touched = bad.astype(slab.dtype)
        for depth, matrix in enumerate(reach):
            touched = along_axis(touched, matrix, depth)
        clear = jnp.where(touched > 0.5, 0.0, 1.0).reshape(-1)
    out = []
    for powers, wanted in zip(plan.monomials, plan.cells, strict=True):
        values = jnp.ones(slab.shape[1:], slab.dtype)
        for column, power in powers:
            values = values * unbiased_power(columns[column], power, variance[column])
        found = _contracted(values, kernels, wanted, 0)
        out += [found[key] for key in wanted]
    if terms is None:
        return jnp.stack(out), clear, None, True
    values = _at_points(terms, jnp.stack([columns[c] for c in plan.states]))
    finite = jnp.all(jnp.isfinite(values) | bad)
    means = [_contracted(jnp.where(bad, 0.0, each), kernels, (plan.mean,), 0)[plan.mean] for each in values]
    return jnp.stack(out), clear, jnp.stack(means), finite


def _at_points(terms, states):
    """Terms at jets (n, ...): (values, ...); those of a term that is a vector are next to each other."""
    flat = jax.lax.map(terms, states.reshape(states.shape[0], -1).T, batch_size=BATCH)
    return flat.reshape(flat.shape[0], -1).T.reshape(-1, *states.shape[1:])


def unbiased_power(x, power: int, variance):
    r"""The function of x + noise whose mean is $x^k$: Hermite's $\sigma^k He_k(x / \sigma)$, exact for normal noise.

    $\sum_j (-1)^j k! / (j! (k - 2 j)! \, 2^j) \, \sigma^{2 j} x^{k - 2 j}$.
    """
    total = x**power
    for j in range(1, power // 2 + 1):
        share = (-1) ** j * factorial(power) / (factorial(j) * factorial(power - 2 * j) * 2**j)
        total = total + share * variance**j * x ** (power - 2 * j)
    return total


def _columns(plan: Plan, slab, half: int, holes: bool, leading) -> list[Any]:
    """The columns of the plan at the points of the slab, each of the shape of the slab."""
    place = {c: k for k, c in enumerate(plan.components)}
    first = len(plan.grid.axes) - len(plan.grid.space_axes)
    out = []
    for number, orders in plan.columns:
        if orders is None:
            points = leading if number == 0 else plan.grid.axes[number].points
            shape = [1] * (slab.ndim - 1)
            shape[number] = len(points)
            out.append(jnp.broadcast_to(jnp.asarray(points, slab.dtype).reshape(shape), slab.shape[1:]))
            continue
        values = slab[place[number]]
        for k, order in enumerate(orders):
            if order or (half and any(orders)):
                axis = plan.grid.axes[first + k]
                values = axis.derivative(values, order, at=first + k, half=half, local=holes)
        out.append(values)
    return out


def _contracted(values, kernels, wanted: tuple[tuple[Key, ...], ...], done: int) -> dict[tuple[Key, ...], Any]:
    """Means by the kernels of the axes that are left; those before have been summed, once for all that share them.

    The first axis comes first, since it makes most of the data vanish, then the others from the last one on: sums over
    the last axis are plain products of matrices. The kernels of one axis go together into one product.
    """
    if done == len(kernels):
        return dict.fromkeys(wanted, values.reshape(-1))
    axis = 0 if done == 0 else len(kernels) - done
    chosen = sorted({each[axis] for each in wanted})
    summed = along_axis(values, jnp.concatenate([kernels[axis][key] for key in chosen]), axis)
    out: dict[tuple[Key, ...], Any] = {}
    for key, part in zip(chosen, jnp.split(summed, len(chosen), axis), strict=True):
        some = tuple(each for each in wanted if each[axis] == key)
        out |= _contracted(part, kernels, some, done + 1)
    return out


def along_axis(values, matrix, axis: int):
    """Values summed along an axis by a matrix (w, n)."""
    shape = values.shape
    if axis == len(shape) - 1:
        return values @ matrix.T
    flat = values.reshape(int(np.prod(shape[:axis])), shape[axis], -1)
    summed = matrix @ flat[0] if axis == 0 else jnp.einsum("wn,anb->awb", matrix, flat)
    return summed.reshape(*shape[:axis], matrix.shape[0], *shape[axis + 1 :])
