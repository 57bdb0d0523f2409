"""Broken symmetry of a network as a number to be made small: promotion without a library of terms."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.groups import Action, Conditions, Polynomial
from symdyn.model.model import AbstractModel, rates_at
from symdyn.neural.law import NeuralLaw, mixed
from symdyn.symmetry import lie_derivative

Norm = Literal["nuclear", "squares", "logdet"]
UNROLLED = 16  # the products for so many generators are written out; for more they are a loop, which compiles sooner


class AbstractPenalty(abc.ABC):
    """What `train` adds to the loss, times its weight."""

    weight: float

    @abc.abstractmethod
    def on(self, law: AbstractModel, states: np.ndarray) -> Callable:
        """A differentiable function of (law, states (m, n), key), for laws of this state near states (m, n)."""


@dataclass(frozen=True)
class LayerPenalty(AbstractPenalty):
    r"""By how much the weights of an `EPNN` or of an operator break its symmetries, for `sd.train(penalty=...)`.

    The columns of the matrix M are the generators, its rows what they change in W and q of every layer: the rank of M
    is the number of directions that the network as a whole gives up. "nuclear" is sum sqrt(sigma^2 + eps^2), "logdet"
    sum log(sigma^2 + eps^2) / 2, "squares" sum sigma^2. Discrete elements add their norms, each on its own. No state is
    looked at, so that a step costs hardly more than without.

    Raises InputError for an unknown norm or a weight that is negative; at training for a network of another kind.

    Reference: Otto et al. 2025, JMLR 26(248), the nuclear norm of the layers' Lie derivatives, concatenated.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> turn, hidden = sd.SO(3).acting_on(x=sd.Vector, v=sd.Vector), 2 * sd.Scalar + 2 * sd.Vector
    >>> law = sd.NeuralLaw.of(
    ...     sd.StateSpace.of(x=3, v=3), turn, (hidden,), kind="promotable", key=jax.random.key(0)
    ... )
    >>> penalty = sd.LayerPenalty(weight=1e-4).on(law, np.zeros((1, 6)))
    >>> bool(penalty(law, None, None) > 1.0)
    True
    """

    weight: float = 1e-4
    norm: Norm = "nuclear"
    eps: float = 1e-4

    def __post_init__(self):
        _check(self.norm, self.weight, self.eps)

    def on(self, law: Any, states: np.ndarray) -> Callable:
        """A differentiable function of (law, states, key), of which only the law is used."""
        if not hasattr(getattr(law, "network", None), "broken"):
            raise InputError('a LayerPenalty needs a law with an EPNN: NeuralLaw.of(..., kind="promotable")')
        return self._of_layers

    def _of_layers(self, law, states, key):
        M = law.network.broken()
        elements = law.network.broken_elements()
        squares = jnp.maximum(jnp.linalg.eigvalsh(M.T @ M), 0.0)
        return _normed(jnp.concatenate([squares, jnp.sum(elements**2, axis=0)]), self.norm, self.eps)


def _normed(squares, norm: Norm, eps: float):
    """The smoothed norm, given squares of singular values (g,)."""
    if norm == "squares":
        return jnp.sum(squares)
    smooth = squares + eps**2
    return jnp.sum(0.5 * jnp.log(smooth) if norm == "logdet" else jnp.sqrt(smooth))


def _check(norm, weight, eps) -> None:
    if norm not in ("nuclear", "squares", "logdet"):
        raise InputError(f'the norm is "nuclear", "squares" or "logdet", got {norm!r}')
    if not weight >= 0:
        raise InputError(f"the weight of a penalty must be zero or positive, got {weight!r}")
    if not eps > 0:
        raise InputError(f"eps must be positive, got {eps!r}")


@dataclass(frozen=True)
class SymmetryPenalty(AbstractPenalty):
    r"""By how much a law breaks candidate symmetries, for `sd.train(penalty=...)`.

    With M the matrix whose column i holds L_xi_i f at sampled states:

        "nuclear": sum of the singular values of M, smoothed: as few broken directions as the data admit;
        "logdet": sum of log(sigma^2 + eps^2) / 2: sharper, needs a good eps;
        "squares": the sum of squares, without bias from one random combination of the generators at each state (one
        forward-mode product instead of one for each generator): all candidates are pressed alike.

    Generators have unit size over a round cloud as large as the data, in units of the variables (one for all that the
    action mixes), and Lie derivatives are in units of the rates, so that weights carry over. Discrete elements add
    |f(g x) - T_g f(x)|.

    Parameters
    ----------
    action: the candidates.
    weight: of the penalty in the loss.
    norm: as above.
    samples: how many states of a batch are used; all for "squares" where None.
    eps: below this size singular values are smoothed.

    Raises InputError for an unknown norm or a weight that is negative.

    References: Otto et al. 2025, JMLR 26(248), promoting symmetry by the nuclear norm of the Lie derivative; a random
    combination is Hutchinson's estimate of the Frobenius norm.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> space, turn = sd.StateSpace.of(x=2), sd.SO(2).acting_on(x=sd.Vector)
    >>> states = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    >>> round_ = sd.NeuralLaw.of(space, turn, (4,), key=jax.random.key(0))
    >>> plain = sd.NeuralLaw.of(space, None, (4,), key=jax.random.key(0))
    >>> broken = sd.SymmetryPenalty(turn).on(plain, states)
    >>> bool(broken(round_, states, jax.random.key(1)) < 1e-3 < broken(plain, states, jax.random.key(1)))
    True
    """

    action: Action
    weight: float = 1e-3
    norm: Norm = "nuclear"
    samples: int | None = 64
    eps: float = 1e-4

    def __post_init__(self):
        _check(self.norm, self.weight, self.eps)
        if self.samples is not None and self.samples < 1:
            raise InputError(f"samples must be positive, got {self.samples!r}")

    def on(self, law: AbstractModel, states: np.ndarray) -> Callable:
        """A differentiable function of (law, states (m, n), key), for laws of this state near states (m, n)."""
        conditions = self.action.on(law.space).rates(law.targets)
        points = np.asarray(states, float)[:: max(1, len(states) // 400)]
        rates = np.asarray(rates_at(law, points), float)
        known = getattr(law, "rate_scale", None)
        rate_scale = np.full(rates.shape[1], np.sqrt(np.mean(rates**2)) + 1e-12) if known is None else known.array
        sizes = _unit_sizes([g.field for g in conditions.generators], _scales(law, self.action, points))
        return _Bound(self, conditions, sizes, np.asarray(rate_scale, float))


def _scales(law: AbstractModel, action: Action, points: np.ndarray) -> np.ndarray:
    """One size for all variables that the action mixes, (n,)."""
    scale = np.ones(points.shape[1])
    for names in mixed(law.space, action):
        here = law.space.indices(names)
        scale[here] = np.sqrt(np.mean(points[:, here] ** 2)) or 1.0
    return scale


def _unit_sizes(fields, scale: np.ndarray) -> np.ndarray:
    """The root mean square of each field in these units, over a cloud that is round in them, (g,).

    Over the data themselves a rotation about an axis along which they lie would be small, and its defect blown up: the
    norm of the Lie derivatives must not depend on the directions of the data, but on those of the candidates alone.
    """
    points = np.random.default_rng(0).normal(size=(400, len(scale))) * scale
    sizes = []
    for field in fields:
        if isinstance(field, Polynomial):
            moved = field.at(points)
        else:
            moved = np.asarray(jax.vmap(lambda x, f=field: jnp.asarray(f(x)))(jnp.asarray(points)), float)
        sizes.append(float(np.sqrt(np.mean((moved / scale) ** 2))))
    return np.where(np.asarray(sizes) > 0, np.asarray(sizes), 1.0)


@dataclass(frozen=True, eq=False)
class _Bound:
    """A penalty on a law of known state: sizes of the generators (g,) and of the rates (d,)."""

    penalty: SymmetryPenalty
    conditions: Conditions
    sizes: np.ndarray
    rate_scale: np.ndarray

    def __call__(self, law, states, key):
        chosen = self.penalty
        law = law.prepared() if isinstance(law, NeuralLaw) else law
        if chosen.samples is not None and chosen.samples < len(states):
            states = states[jax.random.choice(key, len(states), (chosen.samples,), replace=False)]
        discrete = self._discrete(law, states)
        if chosen.norm == "squares":
            c = jax.random.normal(key, (len(states), len(self.sizes)), states.dtype)
            derivative = jax.vmap(lambda x, w: self._combination(law, x, w))(states, c)
            return jnp.mean(derivative**2) + jnp.sum(discrete)
        M = self.matrix(law, states)
        squares = jnp.maximum(jnp.linalg.eigvalsh(M.T @ M), 0.0)
        return _normed(jnp.concatenate([squares, discrete]), chosen.norm, chosen.eps)

    def matrix(self, law, states):
        """Lie derivatives along the generators of unit size as columns, (m d, g), with mean squares as norms.

        The law itself is evaluated once, and its derivative applied to each generator by products of plain matrices:
        batched over generators as well as states these would be several times as slow on a CPU.
        """
        values, push = jax.linearize(jax.vmap(law.rate), states)
        generators = self.conditions.generators
        if not generators:
            return jnp.zeros((values.size, 0), states.dtype)
        fields = [jax.vmap(lambda x, g=g: _at(g.field, x))(states) for g in generators]
        few = len(fields) <= UNROLLED
        pushed = [push(v) for v in fields] if few else list(jax.lax.map(push, jnp.stack(fields)))
        columns = []
        for g, p, size in zip(generators, pushed, self.sizes, strict=True):
            turned = jax.vmap(lambda x, y, g=g: _at(g.fibre, x) @ y + _at(g.shift, x))(states, values)
            columns.append(((p - turned) / (size * self.rate_scale).astype(states.dtype)).ravel())
        return jnp.stack(columns, axis=1) / np.sqrt(values.size)

    def _combination(self, law, x, weights):
        """The Lie derivative along sum_i w_i xi_i at one state, (d,): one forward-mode product."""
        w = weights / self.sizes.astype(x.dtype)
        generators = self.conditions.generators

        def summed(parts, start):
            return sum((w[i] * _at(p, x) for i, p in enumerate(parts)), start)

        moved = summed([g.field for g in generators], jnp.zeros_like(x))
        d = self.conditions.size
        fibre = summed([g.fibre for g in generators], jnp.zeros((d, d), x.dtype))
        shift = summed([g.shift for g in generators], jnp.zeros(d, x.dtype))
        found = lie_derivative(law.rate, lambda _: moved, fibre, x) - shift
        return found / self.rate_scale.astype(x.dtype)

    def _discrete(self, law, states):
        """Mean squares of f(g x) - T_g f(x) for the discrete elements, (e,)."""
        found = [jnp.zeros(0, states.dtype)]
        for each in self.conditions.reflections:
            g, T = each.matrix.array.astype(states.dtype), each.fibre.array.astype(states.dtype)
            defect = jax.vmap(lambda x, g=g, T=T: law.rate(g @ x) - T @ law.rate(x))(states)
            found.append(jnp.mean((defect / self.rate_scale.astype(states.dtype)) ** 2)[None])
        return jnp.concatenate(found)


def _at(part, x):
    """A part of a condition at one state; what is constant or zero costs nothing."""
    if isinstance(part, Polynomial) and part.degree == 0:
        return jnp.asarray(part.constant_part, x.dtype)
    return jnp.asarray(part(x), x.dtype)
