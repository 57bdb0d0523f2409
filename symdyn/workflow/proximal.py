"""Proximal operators, and their use in any optimiser of optax."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.workflow.tying import tie


class AbstractProximal(abc.ABC):
    """A convex function h with prox(z, t) = argmin_x h(x) t + |x - z|^2 / 2."""

    @abc.abstractmethod
    def __call__(self, z, step: Any = 1.0) -> jax.Array:
        """The minimiser for one array and a step t."""

    @abc.abstractmethod
    def value(self, x) -> jax.Array:
        """h(x), infinite (beyond rounding) outside a constraint."""


def _check_weight(weight: float) -> None:
    if not weight >= 0:
        raise InputError(f"the weight of a penalty must be zero or positive, got {weight!r}")


@dataclass(frozen=True)
class ProxL1(AbstractProximal):
    """h = weight sum |x_i|: soft thresholding.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ProxL1(1.0)([3.0, -0.5]).tolist()
    [2.0, -0.0]
    """

    weight: float

    def __post_init__(self):
        _check_weight(self.weight)

    def __call__(self, z, step: Any = 1.0) -> jax.Array:
        """Entries moved towards zero by weight times step."""
        z = jnp.asarray(z)
        return jnp.sign(z) * jnp.maximum(jnp.abs(z) - self.weight * step, 0.0)

    def value(self, x) -> jax.Array:
        """weight sum |x_i|."""
        return self.weight * jnp.sum(jnp.abs(jnp.asarray(x)))


@dataclass(frozen=True)
class ProxGroupL1(AbstractProximal):
    """h = weight sum_groups sqrt(size) |x_group|: groups of entries vanish together.

    Groups that a group of symmetries maps to themselves keep iterates equivariant.

    Parameters
    ----------
    weight: of the penalty.
    labels: the group of each entry, integers of the shape of x (|labels| of `tied` serve); by default the rows of x.

    Reference: Yuan, Lin 2006, Model selection and estimation with grouped variables.

    Examples
    --------
    >>> import symdyn as sd
    >>> [round(x, 3) for x in sd.ProxGroupL1(2.5, labels=sd.Frozen([0, 0, 1]))([3.0, 4.0, 1.0]).tolist()]
    [0.879, 1.172, 0.0]
    """

    weight: float
    labels: Frozen | None = None

    def __post_init__(self):
        _check_weight(self.weight)

    def _norms(self, x) -> tuple[jax.Array, np.ndarray, np.ndarray]:
        """The norm and the size of each group, and the group of each entry."""
        rows = np.arange(len(x)) if x.ndim else np.zeros((), int)
        labels = self.labels.array if self.labels is not None else rows.reshape(-1, *[1] * max(x.ndim - 1, 0))
        if self.labels is not None and labels.shape != x.shape:
            raise InputError(f"labels of shape {labels.shape} cannot group an array of shape {x.shape}")
        _, group = np.unique(np.broadcast_to(labels, x.shape), return_inverse=True)
        group = group.reshape(x.shape)
        size = np.bincount(group.ravel())
        squares = jnp.zeros(len(size), x.dtype).at[group.ravel()].add(x.ravel() ** 2)
        return jnp.sqrt(squares), size, group

    def __call__(self, z, step: Any = 1.0) -> jax.Array:
        """Groups moved towards zero by weight times step times the root of their size."""
        z = jnp.asarray(z)
        norms, size, group = self._norms(z)
        safe = jnp.where(norms > 0, norms, 1.0)
        kept = jnp.maximum(1.0 - self.weight * step * np.sqrt(size).astype(z.dtype) / safe, 0.0)
        return z * kept[group]

    def value(self, x) -> jax.Array:
        """weight sum sqrt(size) |x_group|."""
        norms, size, _ = self._norms(jnp.asarray(x))
        return self.weight * jnp.sum(np.sqrt(size) * norms)


@dataclass(frozen=True)
class ProxNuclear(AbstractProximal):
    """h = weight times the sum of the singular values of a matrix: low rank.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ProxNuclear(1.0)([[3.0, 0.0], [0.0, 0.5]]).round(3).tolist()
    [[2.0, 0.0], [0.0, 0.0]]
    """

    weight: float

    def __post_init__(self):
        _check_weight(self.weight)

    def __call__(self, z, step: Any = 1.0) -> jax.Array:
        """Singular values moved towards zero by weight times step."""
        U, s, Vh = jnp.linalg.svd(_matrix(z), full_matrices=False)
        return (U * jnp.maximum(s - self.weight * step, 0.0)) @ Vh

    def value(self, x) -> jax.Array:
        """weight times the nuclear norm."""
        return self.weight * jnp.sum(jnp.linalg.svd(_matrix(x), compute_uv=False))


def _matrix(x) -> jax.Array:
    x = jnp.asarray(x)
    if x.ndim != 2:
        raise InputError(f"the nuclear norm is of matrices, got shape {x.shape}; take others out by optax.masked")
    return x


@dataclass(frozen=True)
class ProxSimplex(AbstractProximal):
    """The constraint x_i >= 0, sum x_i = total: projection by `optax.projections.projection_simplex`.

    Examples
    --------
    >>> import symdyn as sd
    >>> [round(x, 3) for x in sd.ProxSimplex()([0.5, 0.9, -2.0]).tolist()]
    [0.3, 0.7, 0.0]
    """

    total: float = 1.0

    def __post_init__(self):
        if not self.total > 0:
            raise InputError(f"the total of a simplex must be positive, got {self.total!r}")

    def __call__(self, z, step: Any = 1.0) -> jax.Array:
        """The nearest point of the simplex, whatever the step."""
        from optax.projections import projection_simplex

        z = jnp.asarray(z)
        return projection_simplex(z.ravel(), self.total).reshape(z.shape)

    def value(self, x) -> jax.Array:
        """0 on the simplex, else infinite."""
        x = jnp.asarray(x)
        near = (jnp.min(x) >= -1e-5 * self.total) & (jnp.abs(jnp.sum(x) - self.total) <= 1e-5 * self.total)
        return jnp.where(near, 0.0, jnp.inf)


@dataclass(frozen=True)
class ProxOrbits(AbstractProximal):
    """The constraint that entries are tied by a finite group: projection by signed means over orbits.

    Parameters
    ----------
    labels: from `tied`, of the shape of x.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ProxOrbits(sd.Frozen(sd.tied(sd.Permutations(2))))([[1.0, 2.0], [4.0, 3.0]]).tolist()
    [[2.0, 3.0], [3.0, 2.0]]
    """

    labels: Frozen

    def __call__(self, z, step: Any = 1.0) -> jax.Array:
        """The nearest tied array, whatever the step."""
        return tie(z, self.labels.array)

    def value(self, x) -> jax.Array:
        """0 for tied arrays, else infinite."""
        x = jnp.asarray(x)
        off = jnp.max(jnp.abs(x - self(x)), initial=0.0)
        return jnp.where(off <= 1e-5 * jnp.max(jnp.abs(x), initial=0.0), 0.0, jnp.inf)


def proximal(*operators: AbstractProximal, step: Any = 1.0):
    """A transformation of optax that applies proximal operators to the updated parameters: the last of a chain.

    With plain gradient descent of the same learning rate this is the proximal gradient method, which converges to the
    minimum of loss + h for a step of at most the reciprocal of the gradient's Lipschitz constant. After optimisers
    that scale each coordinate (Adam) a constraint still holds exactly, but a penalty acts in the wrong metric: the
    limit is sparse, yet not the minimiser. Several operators are applied in turn; that is the operator of the sum
    where the last ones are projections after whose group the others are invariant, as `ProxL1` after `ProxOrbits`.

    Parameters
    ----------
    operators: applied to each array of the parameters; choose arrays by `optax.masked`.
    step: the learning rate, a number or an optax schedule.

    Reference: Parikh, Boyd 2014, Proximal algorithms.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, optax, symdyn as sd
    >>> descent = optax.chain(optax.sgd(0.5), sd.proximal(sd.ProxL1(0.1), step=0.5))
    >>> x = jnp.array([1.0, -0.05])
    >>> state = descent.init(x)
    >>> for _ in range(60):  # of |x - (1, -0.05)|^2 / 2
    ...     updates, state = descent.update(x - jnp.array([1.0, -0.05]), state, x)
    ...     x = optax.apply_updates(x, updates)
    >>> [round(y, 3) for y in x.tolist()]
    [0.9, 0.0]
    """
    import optax

    if not operators:
        raise InputError("proximal needs an operator such as ProxL1(0.1)")
    if not callable(step) and not step > 0:
        raise InputError(f"the step must be positive, got {step!r}")

    def init(params):
        return optax.ScaleByScheduleState(count=jnp.zeros([], jnp.int32))

    def update(updates, state, params=None):
        if params is None:
            raise InputError("proximal needs the parameters: call update(updates, state, params)")
        t = step(state.count) if callable(step) else step

        def moved(u, p):
            x = p + u
            for operator in operators:
                x = operator(x, t)
            return (x - p).astype(p.dtype)

        return jax.tree.map(moved, updates, params), optax.ScaleByScheduleState(count=state.count + 1)

    return optax.GradientTransformation(init, update)
