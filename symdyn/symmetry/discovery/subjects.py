"""What is asked for its symmetries: flows, maps and functions, each a linear condition on the candidate fields.

With X = d/dt + V the field (tau, xi) is a symmetry of dx/dt = V(x), where solutions go to solutions, iff

    X(xi) - D V xi - V X(tau) = 0,                                                          (flow)

which for tau = 0 is the bracket [V, xi] (Olver 1993, section 2.2). A map x -> Phi(x) keeps xi iff
D Phi xi - xi(Phi) = 0, and a function y = f(x) keeps a field (xi, eta) of (x, y) iff D f xi - eta = 0 on its graph.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.groups import Polynomial
from symdyn.symmetry._states import random_states
from symdyn.symmetry.discovery.calculus import flow_conditions
from symdyn.symmetry.discovery.candidates import Place
from symdyn.symmetry.discovery.fields import Candidates, TermFields


@dataclass(frozen=True)
class Sample:
    """The conditions at points, one column a candidate.

    `defect` (rows, g): what has to vanish; `parts` (rows', g): the terms that it is the sum of; `fields` (rows'', g):
    the candidates themselves. For a flow, `velocity` (m, N), d/dt included, and `points` (m, N) where; `wide`: whether
    the time is the first coordinate. All rows are measured by the size of the component that they belong to, for flows
    `scale` (n,): so the units of components do not matter.
    """

    defect: np.ndarray
    parts: np.ndarray
    fields: np.ndarray
    velocity: np.ndarray | None = None
    points: np.ndarray | None = None
    scale: np.ndarray | None = None
    wide: bool = False


@dataclass(frozen=True, eq=False)
class Law:
    """A function of one state (n,) in JAX; `polynomial` where it is known to be one."""

    function: Callable[[Any], Any]
    polynomial: Polynomial | None = None

    def at(self, points: np.ndarray) -> np.ndarray:
        """Values at points (m, n): shape (m, d)."""
        if self.polynomial is not None:
            return self.polynomial.at(points)
        with double_precision():
            return np.asarray(self._values(points))

    def jacobian(self, points: np.ndarray) -> np.ndarray:
        """Derivatives at points (m, n): shape (m, d, n)."""
        if self.polynomial is not None:
            return self.polynomial.derivative().at(points)
        with double_precision():
            return np.asarray(self._derivatives(points))

    @cached_property
    def _values(self) -> Callable:
        return jax.jit(jax.vmap(lambda x: jnp.asarray(self.function(x))))

    @cached_property
    def _derivatives(self) -> Callable:
        return jax.jit(jax.vmap(jax.jacfwd(lambda x: jnp.asarray(self.function(x)))))


@dataclass(frozen=True, eq=False)
class AbstractSubject(abc.ABC):
    """What is asked for its symmetries."""

    place: Place

    @abc.abstractmethod
    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        """The conditions on the candidates at points."""

    def exact(self, fields: TermFields) -> tuple[Any, bool] | None:
        """The conditions in coefficient space, (rows, g), and whether they are rational; None where there are none."""
        return None

    def points(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Points at which the conditions are tested, (count, n)."""
        return random_states(rng, count, self.place.narrow.size)

    @abc.abstractmethod
    def needed(self, candidates: Candidates) -> int:
        """How many points are enough."""

    @abc.abstractmethod
    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Relative defects of elements x -> g x, t -> s t, matrices (k, n, n) and signs (k,): shape (k,)."""


def scale_of(values: np.ndarray) -> np.ndarray:
    """The root mean square of each component of values (m, n), 1 where it vanishes: shape (n,)."""
    size = np.sqrt((values**2).mean(0))
    return np.where(size > 0, size, 1.0)


def columns_of(values: np.ndarray) -> np.ndarray:
    """Values (m, d, g) as rows (m d, g)."""
    return values.reshape(-1, values.shape[-1])


@dataclass(frozen=True, eq=False)
class Flow(AbstractSubject):
    """The vector field dx/dt = V(x)."""

    law: Law

    def needed(self, candidates: Candidates) -> int:
        return int(1.25 * candidates.count / self.place.narrow.size) + 25

    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        n, wide = points.shape[1], candidates.space.size > points.shape[1]
        V, J = self.law.at(points), self.law.jacobian(points)
        _check_finite(V, J)
        if wide:
            clock = np.random.default_rng(5).uniform(-1.5, 1.5, (len(points), 1))
            z, X = np.concatenate([clock, points], axis=1), np.concatenate([np.ones_like(clock), V], axis=1)
        else:
            z, X = points, V
        scale = scale_of(points)
        field, pushed = candidates.moved(z), candidates.moved(z, X)
        field[:, -n:] /= scale[:, None]
        pushed[:, -n:] /= scale[:, None]
        V, J = V / scale, J * scale / scale[:, None]
        X = X / np.concatenate([np.ones(X.shape[1] - n), scale])
        first = np.einsum("mij,mjg->mig", J, field[:, -n:])
        parts = [first, pushed[:, -n:]]
        if wide:
            parts.append(-V[:, :, None] * pushed[:, :1])
        defect = sum(parts[1:], -first)
        terms = np.concatenate([columns_of(p) for p in parts])
        return Sample(columns_of(defect), terms, columns_of(field), X, z, scale, wide)

    def exact(self, fields: TermFields) -> tuple[Any, bool] | None:
        if self.law.polynomial is None:
            return None
        return flow_conditions(self.law.polynomial, fields)

    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        V = self.law.at(points)
        moved = points @ matrices.swapaxes(1, 2)
        there = self.law.at(moved.reshape(-1, points.shape[1])).reshape(moved.shape)
        return _misses(there, (V @ matrices.swapaxes(1, 2)) * times[:, None, None])


@dataclass(frozen=True, eq=False)
class OneStep(AbstractSubject):
    """The map x -> Phi(x) to the next sample."""

    law: Law

    def needed(self, candidates: Candidates) -> int:
        return int(1.5 * candidates.count / self.place.narrow.size) + 25

    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        after, J = self.law.at(points), self.law.jacobian(points)
        _check_finite(after, J)
        field = candidates.moved(points)
        scale = scale_of(points)[:, None]
        first, second = np.einsum("mij,mjg->mig", J, field) / scale, candidates.moved(after) / scale
        parts = np.concatenate([columns_of(first), columns_of(second)])
        return Sample(columns_of(first - second), parts, columns_of(field))

    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        there = self.law.at((points @ matrices.swapaxes(1, 2)).reshape(-1, points.shape[1]))
        here = self.law.at(points) @ matrices.swapaxes(1, 2)
        return np.where(times < 0, 2.0, _misses(there.reshape(here.shape), here))


@dataclass(frozen=True, eq=False)
class Graph(AbstractSubject):
    """A function y = f(x) between quantities that are variables of one space: `inputs` and `outputs` are columns."""

    law: Law
    inputs: np.ndarray
    outputs: np.ndarray

    def needed(self, candidates: Candidates) -> int:
        return int(1.5 * candidates.count / len(self.outputs)) + 25

    def points(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return random_states(rng, count, len(self.inputs))

    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        y, J = self.law.at(points), self.law.jacobian(points)
        _check_finite(y, J)
        field = candidates.moved(self._joined(points, y))
        first, second = np.einsum("mij,mjg->mig", J, field[:, self.inputs]), field[:, self.outputs]
        scale = scale_of(y)[:, None]
        first, second = first / scale, second / scale
        parts = np.concatenate([columns_of(first), columns_of(second)])
        return Sample(columns_of(first - second), parts, columns_of(field))

    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        moved = self._joined(points, self.law.at(points)) @ matrices.swapaxes(1, 2)
        there = self.law.at(moved[..., self.inputs].reshape(-1, len(self.inputs)))
        here = moved[..., self.outputs]
        return np.where(times < 0, 2.0, _misses(there.reshape(here.shape), here))

    def _joined(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        z = np.zeros((len(x), self.place.narrow.size))
        z[:, self.inputs], z[:, self.outputs] = x, y
        return z


def _misses(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Relative distances of values (k, m, n) in the root mean square: shape (k,). Values that are not finite miss."""
    size = np.sqrt((a**2).sum((1, 2)) + (b**2).sum((1, 2)))
    found = np.sqrt(((a - b) ** 2).sum((1, 2))) / np.maximum(size, 1e-300)
    return np.where(np.isfinite(found), found, 2.0)


def _check_finite(*values: np.ndarray) -> None:
    if not all(np.isfinite(v).all() for v in values):
        raise InputError(
            "the law or its derivative is not finite at some points (components of size 0.5 to 1.5 by default); give "
            "points=..., states of shape (m, n) where it is"
        )
