"""Admissible coefficients of any smooth terms, from the conditions at random states.

At a state x each generator gives d rows of a linear system in the coefficients: for numbers theta_i(x) as terms,
column (i, j) of row k is (D theta_i xi) [k = j] - T_kj theta_i, for vectors column i is the Lie derivative of term i.
Columns are scaled by the size of the terms and rows by that of the generator. Batches of states are added, and
compressed to a triangular factor, until the rank stays; the singular values are those of the samples themselves, not
of their Gram matrix, whose floor would be the square root of the rounding error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import inf, prod

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn._types import double_precision
from symdyn.groups import Conditions, Generator
from symdyn.library import AbstractTerms
from symdyn.library.evaluate import pushed_at
from symdyn.symmetry._exact import InconsistentError
from symdyn.symmetry._states import random_states

_BATCHES = 30
_CHUNK = 64  # states evaluated at once
_LOOSE = 1e3  # a fresh batch may miss by this many tolerances


@dataclass(frozen=True)
class Sampler:
    """The conditions of equivariance at random states."""

    terms: AbstractTerms
    conditions: Conditions
    rng: np.random.Generator

    @property
    def d(self) -> int:
        """The number of components of the values."""
        return self.conditions.size

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of the coefficients."""
        return (self.terms.size,) if self.terms.value_shape else (self.terms.size, self.d)

    @cached_property
    def generators(self) -> tuple[Generator, ...]:
        """The generators that give all others by brackets."""
        return tuple(each for each in self.conditions.generators if each.essential)

    def evaluate(self, states: np.ndarray, tangents: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Values of the terms, and their derivatives along tangents: (states, p, *value_shape) each.

        In chunks of one size, so that the terms are compiled once.
        """
        tangents = np.zeros_like(states) if tangents is None else tangents
        value, pushed = _in_chunks(partial(pushed_at, self.terms), states, tangents)
        return value, pushed

    @cached_property
    def _moved(self) -> tuple[Callable, ...]:
        """For each generator a function from states (m, n) to its field, fibre and shift there."""

        def moved(each: Generator) -> Callable:
            parts = each.polynomials()
            if parts is not None:
                return lambda x: tuple(part.at(x) for part in parts)
            f = jax.jit(jax.vmap(lambda x: tuple(jnp.asarray(f(x)) for f in (each.field, each.fibre, each.shift))))
            return lambda x: _in_chunks(f, x)

        return tuple(map(moved, self.generators))

    @cached_property
    def positive(self) -> bool:
        """Whether the terms need positive states (logarithms, roots). InputError where no state will do."""
        n, bad = self.conditions.space.size, np.zeros(self.terms.size, bool)
        for positive in (False, True):
            finite = self._finite(random_states(self.rng, 64, n, positive=positive))
            if finite.all(1).mean() >= 0.25:
                return positive
            ever, always = finite.any(axis=0), finite.all(axis=0)
            bad = np.logical_not(always if ever.all() else ever)
        names = [self.terms.names[k] for k in np.flatnonzero(bad)]
        raise InputError(
            f"no random state gives finite values of {', '.join(map(repr, names))}; leave the term out, or write it so "
            "that it and its derivative exist for components between 0.5 and 1.5"
        )

    def _finite(self, states: np.ndarray) -> np.ndarray:
        """Whether each term and its derivatives are finite at each state: shape (states, p)."""
        ok = np.ones((len(states), self.terms.size), bool)
        for value in self.evaluate(states, np.ones_like(states)):
            ok &= np.isfinite(value).reshape(len(states), self.terms.size, -1).all(-1)
        return ok

    def states(self, count: int) -> np.ndarray:
        """Random states at which all terms are finite: shape (count, n)."""
        kept = np.zeros((0, self.conditions.space.size))
        for _ in range(_BATCHES):
            drawn = random_states(self.rng, count, self.conditions.space.size, positive=self.positive)
            kept = np.concatenate([kept, drawn[self._finite(drawn).all(1)]])
            if len(kept) >= count:
                break
        return kept[:count]

    @cached_property
    def scales(self) -> np.ndarray:
        """The size of each term, of its value or of its derivative: shape (p,)."""
        x = self.states(64)
        value, pushed = (v.reshape(len(x), self.terms.size, -1) for v in self.evaluate(x, np.ones_like(x)))
        scale = np.sqrt(np.maximum((value**2).mean((0, 2)), (pushed**2).mean((0, 2))))
        if np.any(scale == 0):
            raise InputError(f"the term {self.terms.names[int(np.argmin(scale))]!r} is zero everywhere; leave it out")
        return scale

    @cached_property
    def columns(self) -> np.ndarray:
        """The scale of each unknown: shape (p,) or (p d,)."""
        return self.scales if self.terms.value_shape else np.repeat(self.scales, self.d)

    def rows(self, count: int) -> np.ndarray:
        """Scaled rows with the right-hand side as the last column: shape (rows, unknowns + 1)."""
        x = self.states(count)
        rows = []
        for moved in self._moved:
            field, T, c = moved(x)
            value, pushed = self.evaluate(x, field)
            size = max(np.sqrt((field**2).mean()), np.abs(T).max(initial=0.0), np.abs(c).max(initial=0.0))
            rows.append(self._conditions(value, pushed, T, c) / (size or 1.0))
        value, _ = self.evaluate(x)
        for each in self.conditions.reflections:
            moved, _ = self.evaluate(x @ each.matrix.array.T)
            keep = np.isfinite(moved).reshape(len(x), -1).all(1)
            if not keep.any():
                raise InputError(f"{each.label!r} moves every state to one where a term of the library is not finite")
            T = np.broadcast_to(each.fibre.array, (int(keep.sum()), self.d, self.d))
            rows.append(self._conditions(value[keep], moved[keep], T, np.zeros((len(T), self.d))))
        return np.concatenate(rows) if rows else np.zeros((0, self.columns.size + 1))

    def _conditions(self, value: np.ndarray, pushed: np.ndarray, T: np.ndarray, c: np.ndarray) -> np.ndarray:
        """pushed - T value as rows over the unknowns, and c (samples, d): shape (samples d, unknowns + 1)."""
        m = len(value)
        if self.terms.value_shape:
            left = pushed.swapaxes(1, 2) - T @ value.swapaxes(1, 2)
        else:
            left = pushed[:, None, :, None] * np.eye(self.d)[:, None, :] - T[:, :, None, :] * value[:, None, :, None]
        left = left.reshape(m * self.d, -1) / self.columns
        return np.concatenate([left, c.reshape(m * self.d, 1)], axis=1)


def _in_chunks(function: Callable, *states: np.ndarray) -> tuple[np.ndarray, ...]:
    """A function of many states, (m, n) each, in chunks of one size, so that it is compiled once."""
    m = len(states[0])
    padded = [np.pad(x, ((0, -m % _CHUNK), (0, 0)), mode="edge") for x in states]
    parts = [function(*(x[k : k + _CHUNK] for x in padded)) for k in range(0, len(padded[0]), _CHUNK)]
    return tuple(np.concatenate([np.asarray(p) for p in each])[:m] for each in zip(*parts, strict=True))


def sampled_coefficients(
    terms: AbstractTerms, conditions: Conditions, tolerance: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Offset (*shape), echelon basis (r, *shape) and singular-value gap. Raises InconsistentError."""
    with double_precision():
        sampler = Sampler(terms, conditions, np.random.default_rng(20250826))
        R, rank = _compressed(sampler, tolerance)
        u, s, vh = np.linalg.svd(R[:, :-1], full_matrices=True)
        gap = s[rank - 1] / max(s[rank], 1e-300) if 0 < rank < s.size else inf
        right = u[:, :rank].T @ R[:, -1]
        # in the scaled unknowns; the offset is the shortest solution first
        offset, basis = vh[:rank].T @ (right / s[:rank]), vh[rank:]
        if np.linalg.norm(R[:, :-1] @ offset - R[:, -1]) > _LOOSE * tolerance * np.linalg.norm(R[:, -1]):
            raise InconsistentError
        offset, basis = echelon_form(offset, basis)
        offset, basis = (readable_rows(v / sampler.columns) for v in (offset, basis))
        _verify(sampler, offset, basis, tolerance)
    return offset.reshape(sampler.shape), basis.reshape(-1, *sampler.shape), float(gap)


def _compressed(sampler: Sampler, tolerance: float) -> tuple[np.ndarray, int]:
    """A triangular factor of enough samples, and its rank, once two further batches have left the rank as it was."""
    unknowns = prod(sampler.shape)
    per_state = sampler.d * max(1, len(sampler.generators) + len(sampler.conditions.reflections))
    count = unknowns // per_state + 8
    R, ranks, total = np.zeros((0, unknowns + 1)), [], 0
    for _ in range(_BATCHES):
        fresh = sampler.rows(count)
        total += len(fresh)
        stacked = np.concatenate([R, fresh])
        R = np.asarray(np.linalg.qr(stacked, mode="r")) if len(stacked) else stacked
        s = np.linalg.svd(R[:, :-1], compute_uv=False) if len(R) else np.zeros(0)
        # scaled entries are of order one where nothing cancels: if all do cancel, the largest one is rounding error
        largest = max(s.max(initial=0.0), np.sqrt(count * (len(ranks) + 1)))
        ranks.append(int((s > tolerance * largest).sum()))
        if len(ranks) > 2 and len(set(ranks[-3:])) == 1:
            return R if len(R) else np.zeros((1, unknowns + 1)), ranks[-1]
    raise SymdynError(f"the rank of the sampled conditions did not settle: {ranks}; raise the tolerance ({tolerance})")


def echelon_form(offset: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The reduced echelon form of a null space with orthonormal rows (r, N): readable, and the offset free of pivots.

    The pivots are the first columns that are clearly independent; where that choice is badly conditioned, those of a
    pivoted QR decomposition.
    """
    if not len(basis):
        return offset, basis
    pivots, found = [], np.zeros((0, len(basis)))
    for j, column in enumerate(basis.T):
        left = column - found.T @ (found @ column)
        if np.linalg.norm(left) > 1e-5:
            left -= found.T @ (found @ left)
            found = np.concatenate([found, left[None] / np.linalg.norm(left)])
            pivots.append(j)
        if len(pivots) == len(basis):
            break
    if len(pivots) < len(basis) or np.linalg.cond(basis[:, pivots]) > 1e6:
        from scipy.linalg import qr

        *_, order = qr(basis, mode="economic", pivoting=True)
        pivots = sorted(order[: len(basis)])
    basis = np.linalg.solve(basis[:, pivots], basis)
    offset = offset - offset[pivots] @ basis
    clean = lambda v: np.where(np.abs(v) > 1e-9 * np.abs(v).max(initial=0.0), v, 0.0)  # noqa: E731
    basis = np.stack([clean(row) for row in basis])
    return clean(offset), basis


def readable_rows(rows: np.ndarray) -> np.ndarray:
    """Each row of the basis with 1 as its first entry, and entries within 1e-8 of a small fraction set to it."""
    if rows.ndim == 2:
        rows = np.stack([row / row[np.flatnonzero(row)[0]] for row in rows]) if len(rows) else rows
    for denominator in range(12, 0, -1):
        near = np.round(rows * denominator) / denominator
        rows = np.where(np.abs(rows - near) < 1e-8 * np.maximum(1.0, np.abs(rows)), near, rows)
    return rows


def _verify(sampler: Sampler, offset: np.ndarray, basis: np.ndarray, tolerance: float) -> None:
    """Check offset and basis on a fresh batch of states."""
    fresh = sampler.rows(32)
    left, size = fresh[:, :-1] * sampler.columns, max(np.linalg.norm(fresh[:, :-1]), np.sqrt(len(fresh)))
    for vector, right in [(offset, fresh[:, -1]), *((row, 0.0) for row in basis)]:
        miss = np.linalg.norm(left @ vector - right)
        if miss > _LOOSE * tolerance * (size * np.linalg.norm(vector * sampler.columns) + np.linalg.norm(right)):
            raise SymdynError(
                f"the sampled coefficients miss the symmetry by {miss:.1e} at fresh states; are all terms smooth "
                "where components have size 0.5 to 1.5? Otherwise lower the tolerance"
            )
