"""Candidate vector fields on named coordinates: combinations of scalar terms times unit vectors, or functions.

All candidates of one kind share their scalar terms psi_p: candidate i is sum_(k, p) C_(i, k p) psi_p d/dx_k with a
sparse C. So a library of N p fields is never stored as an array of N p fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from symdyn._types import StateSpace, double_precision
from symdyn.groups import Polynomial
from symdyn.library import AbstractTerms
from symdyn.library.evaluate import pushed_at


@dataclass(frozen=True, eq=False)
class TermFields:
    """Fields with shared scalar terms: `matrix` (g, N p) over (component, term).

    `exponents` (p, N) where the terms are monomials, else `terms` gives them as a function of one point.
    """

    space: StateSpace
    matrix: Any
    exponents: np.ndarray | None
    terms: AbstractTerms | None = None

    @property
    def count(self) -> int:
        """The number of candidates, g."""
        return self.matrix.shape[0]

    @cached_property
    def p(self) -> int:
        """The number of scalar terms."""
        return self.matrix.shape[1] // self.space.size

    def rows(self, basis: np.ndarray) -> TermFields:
        """The combinations (r, g) of the candidates as candidates."""
        return TermFields(self.space, sparse.csr_matrix(basis @ self.matrix), self.exponents, self.terms)

    def dense(self) -> np.ndarray:
        """The coefficients as an array (g, N, p)."""
        return np.asarray(self.matrix.todense()).reshape(self.count, self.space.size, self.p)

    def polynomial(self) -> Polynomial:
        """The fields as polynomials of shape (g, N)."""
        assert self.exponents is not None
        return Polynomial.of(self.exponents, np.moveaxis(self.dense(), -1, 0))

    def moved(self, points: np.ndarray, tangents: np.ndarray | None = None) -> np.ndarray:
        """The fields at points (m, N), or their derivatives along tangents (m, N): shape (m, N, g)."""
        m, N = points.shape
        psi = self._terms_at(points, tangents)
        wide = sparse.csr_matrix(self.matrix.reshape(self.count * N, self.p))
        return np.asarray(wide @ psi.T).reshape(self.count, N, m).transpose(2, 1, 0)

    def _terms_at(self, points: np.ndarray, tangents: np.ndarray | None) -> np.ndarray:
        if self.exponents is not None:
            return monomials_at(self.exponents, points, tangents)
        with double_precision():
            along = np.zeros_like(points) if tangents is None else tangents
            value, pushed = pushed_at(self.terms, points, along)
            return np.asarray(value if tangents is None else pushed)

    @property
    def labels(self) -> tuple[str, ...]:
        """No names beside the text of the fields."""
        return ("",) * self.count


@dataclass(frozen=True, eq=False)
class FunctionFields:
    """Fields given as functions of one point (N,) -> (N,): `basis` (g, functions) combines them."""

    space: StateSpace
    names: tuple[str, ...]
    functions: tuple[Callable, ...]
    basis: np.ndarray

    @property
    def count(self) -> int:
        """The number of candidates, g."""
        return len(self.basis)

    def rows(self, basis: np.ndarray) -> FunctionFields:
        """The combinations (r, g) of the candidates as candidates."""
        return FunctionFields(self.space, self.names, self.functions, basis @ self.basis)

    def moved(self, points: np.ndarray, tangents: np.ndarray | None = None) -> np.ndarray:
        """The fields at points (m, N), or their derivatives along tangents (m, N): shape (m, N, g)."""
        with double_precision():
            along = np.zeros_like(points) if tangents is None else tangents
            value, pushed = self._pushed(points, along)
            found = np.asarray(value if tangents is None else pushed)
        return np.einsum("mfN,gf->mNg", found, self.basis)

    @cached_property
    def _pushed(self) -> Callable:
        def all_fields(x):
            return jnp.stack([f(x) for f in self.functions])

        return jax.jit(jax.vmap(lambda x, v: jax.jvp(all_fields, (x,), (v,))))


Fields = TermFields | FunctionFields


@dataclass(frozen=True, eq=False)
class Candidates:
    """All candidates: parts one after the other, on the same coordinates."""

    space: StateSpace
    parts: tuple[Fields, ...]

    @property
    def count(self) -> int:
        """The number of candidates, g."""
        return sum(part.count for part in self.parts)

    @property
    def single(self) -> TermFields | None:
        """The one part of polynomials, where there is nothing else."""
        part = self.parts[0]
        whole = len(self.parts) == 1 and isinstance(part, TermFields) and part.exponents is not None
        return part if whole and isinstance(part, TermFields) else None

    def moved(self, points: np.ndarray, tangents: np.ndarray | None = None) -> np.ndarray:
        """The fields at points (m, N), or their derivatives along tangents: shape (m, N, g)."""
        return np.concatenate([part.moved(points, tangents) for part in self.parts], axis=2)

    def rows(self, basis: np.ndarray) -> Candidates:
        """The combinations (r, g) of the candidates as candidates: sums of parts stay sums."""
        single = self.parts[0]
        if len(self.parts) == 1:
            return Candidates(self.space, (single.rows(basis),))
        return Candidates(self.space, (self._as_functions(basis),))

    def _as_functions(self, basis: np.ndarray) -> FunctionFields:
        parts, functions = self.parts, []
        names = []
        for k, part in enumerate(parts):
            for i in range(part.count):
                unit = np.zeros((1, part.count))
                unit[0, i] = 1.0
                functions.append(field_function(part.rows(unit)))
                names.append(part.names[i] if isinstance(part, FunctionFields) else f"field_{k}_{i}")
        return FunctionFields(self.space, tuple(names), tuple(functions), basis)


def field_function(field: Fields) -> Callable:
    """The first of the fields as a function of one point (N,), NumPy or JAX."""
    if isinstance(field, FunctionFields):
        weights = field.basis[0]
        used = [(w, f) for w, f in zip(weights, field.functions, strict=True) if w]
        return lambda x: sum((w * f(x) for w, f in used), jnp.zeros_like(x))
    if field.exponents is not None:
        return field.polynomial()[0]
    coefficients, terms = field.dense()[0], field.terms
    assert terms is not None
    return lambda x: coefficients @ terms(x)


def monomials_at(exponents: np.ndarray, points: np.ndarray, tangents: np.ndarray | None = None) -> np.ndarray:
    """Monomials (p, N) at points (m, N), or their derivatives along tangents (m, N): shape (m, p)."""
    top = int(exponents.max(initial=0))
    powers = np.ones((top + 1, *points.shape))
    for k in range(1, top + 1):
        powers[k] = powers[k - 1] * points
    used = np.flatnonzero(exponents.any(0))
    if tangents is None:
        out = np.ones((len(points), len(exponents)))
        for v in used:
            out *= powers[exponents[:, v], :, v].T
        return out
    total = np.zeros((len(points), len(exponents)))
    for k in used:
        part = np.broadcast_to(tangents[:, k, None], total.shape) * exponents[:, k]
        part = part * powers[np.maximum(exponents[:, k] - 1, 0), :, k].T
        for v in used:
            if v != k:
                part = part * powers[exponents[:, v], :, v].T
        total += part
    return total


def of_polynomials(space: StateSpace, fields: Polynomial) -> TermFields:
    """Polynomial fields of shape (g, N) as candidates."""
    coefficients = np.moveaxis(fields.coefficients.array, 0, -1)
    g, N, p = coefficients.shape
    exponents = fields.exponents.array
    if not p:
        exponents, coefficients = np.zeros((1, fields.n), int), np.zeros((g, N, 1))
    order = reading_order(exponents)
    return TermFields(space, sparse.csr_matrix(coefficients[..., order].reshape(g, -1)), exponents[order])


def reading_order(exponents: np.ndarray) -> np.ndarray:
    """Monomials (p, N) by degree, and by the first variables within one: their places (p,)."""
    return np.lexsort((*(-exponents.T[::-1]), exponents.sum(1)))
