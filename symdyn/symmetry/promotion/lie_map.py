"""From coefficients to Lie derivatives, one column for each candidate generator, in an orthonormal basis of functions.

For F = sum_a c_a theta_a the Lie derivative L_i F = DF xi_i - T_i F - s_i is affine in c. Its coordinates in an
orthonormal basis of L2(mu) are the i-th column of M(c) = A c + m; the rank of M(c) is the number of symmetries that F
breaks (Otto et al. 2025, JMLR 26(248), section 4), and its singular values say by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.groups import Conditions, Generator, Polynomial
from symdyn.library import AbstractTerms
from symdyn.symmetry._sampled import Sampler
from symdyn.symmetry.discovery.calculus import derivation
from symdyn.symmetry.promotion.measure import AbstractMeasure

DENSE = 2_000_000  # entries up to which the map is kept as a plain array
NORMS = ("frobenius", "measure")


@dataclass(frozen=True, eq=False)
class LieMap:
    """c (N,) -> M(c) = A c + m of shape (k, g): Lie derivatives along generators of unit norm.

    `matrix` (k g, N), sparse, rows in the order (row, generator); `shift` (k, g); `labels` (g,) of the given
    generators; `mixing` (g, g): column j belongs to the generator sum_i mixing_ij xi_i; `elements`: how many of the
    last columns belong to discrete elements, K_g F - F.
    """

    matrix: Any
    shift: np.ndarray
    labels: tuple[str, ...]
    mixing: np.ndarray
    elements: int = 0

    @property
    def columns(self) -> int:
        """The number of generators and elements, g."""
        return self.shift.shape[1]

    @property
    def size(self) -> int:
        """The number of coefficients, N."""
        return self.matrix.shape[1]

    def __call__(self, coefficients: np.ndarray) -> np.ndarray:
        """M(c) for one vector of coefficients (N,): shape (k, g)."""
        return (self.matrix @ coefficients).reshape(self.shift.shape) + self.shift

    def reduced(self, offset: np.ndarray, basis: np.ndarray) -> LieMap:
        """The map of free weights w for c = offset + basis' w, with offset (N,) and basis (r, N)."""
        within = sparse.csr_matrix(self.matrix @ sparse.csr_matrix(basis).T)
        return replace(self, matrix=within, shift=self(offset))

    def scaled(self, scale: np.ndarray) -> LieMap:
        """The map of coefficients measured in units of `scale` (N,)."""
        return replace(self, matrix=sparse.csr_matrix(self.matrix @ sparse.diags(scale)))

    @cached_property
    def dense(self) -> np.ndarray | None:
        """A as an array (k g, N), None where that is too large and mostly zero."""
        shape = self.matrix.shape
        return np.asarray(self.matrix.todense()) if shape[0] * shape[1] <= DENSE else None

    @cached_property
    def gram(self) -> np.ndarray:
        """A'A (N, N)."""
        return np.asarray((self.matrix.T @ self.matrix).todense())

    def singular_values(self, coefficients: np.ndarray) -> np.ndarray:
        """Of the Lie derivatives along generators (elements left out), falling."""
        found = self(coefficients)[:, : self.columns - self.elements]
        return np.linalg.svd(found, compute_uv=False)


def lie_map(
    terms: AbstractTerms,
    conditions: Conditions,
    measure: AbstractMeasure,
    *,
    norm: str = "frobenius",
    named: bool = False,
    unit: np.ndarray | None = None,
) -> LieMap:
    """The map of bound terms and the conditions of a candidate action.

    `norm`: how generators are brought to unit size: "frobenius", the norm of the coefficients of their fields, or
    "measure", the root mean square of their fields with each component in units of its own size. `named`: each
    generator for itself; otherwise combinations of them are made orthogonal to each other. `unit` (d,): of the values
    of F, 1 by default; with it the states of the measure are used.

    Exact where terms and generators are polynomials, by the measure's states otherwise. Raises InputError for a
    generator that vanishes and for terms that are not finite.
    """
    if norm not in NORMS:
        raise InputError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
    if not conditions.generators and not conditions.reflections:
        raise InputError("there is nothing to promote: the candidates have no generator and no discrete element")
    exponents = terms.monomials()
    polynomial = exponents is not None and all(g.polynomials() is not None for g in conditions.generators)
    if polynomial and unit is None:
        assert exponents is not None
        columns, shift = _exact(exponents, conditions, measure)
        if conditions.reflections:
            columns, shift = _beside(columns, shift, *_sampled(terms, replace(conditions, generators=()), measure))
    else:
        columns, shift = _sampled(terms, conditions, measure, unit)
    mixing = _unit(conditions.generators, measure, norm, conditions.space.size, named)
    mixed = _mixed(columns, mixing)
    k, r = shift.shape[0], len(conditions.reflections)
    g = len(conditions.generators) + r
    whole = np.eye(g)
    whole[: g - r, : g - r] = mixing
    stacked = sparse.vstack(mixed).tocsr()  # rows (generator, row)
    order = np.arange(g * k).reshape(g, k).T.ravel()
    return LieMap(sparse.csr_matrix(stacked[order]), shift @ whole, conditions.names, whole, r)


def term_sizes(terms: AbstractTerms, measure: AbstractMeasure) -> np.ndarray:
    """The root mean square of each term (p,) under the measure; 1 for a term that vanishes there."""
    exponents = terms.monomials()
    if exponents is not None:
        sizes = np.sqrt(np.asarray(measure.coordinates(exponents).power(2).sum(axis=0)).ravel())
    else:
        with double_precision():
            values = np.asarray(jax.jit(jax.vmap(terms))(jnp.asarray(measure.states(terms.space.size))))
        sizes = np.sqrt((values.reshape(*values.shape[:2], -1) ** 2).sum(-1).mean(0))
    return np.where(sizes > 0, sizes, 1.0)


def _mixed(columns: Sequence, mixing: np.ndarray) -> list:
    """The blocks of the generators recombined; those of the elements, behind them, as they are."""
    out = []
    for j in range(len(mixing)):
        used = np.flatnonzero(mixing[:, j])
        out.append(sum((mixing[i, j] * columns[i] for i in used[1:]), mixing[used[0], j] * columns[used[0]]))
    return [*out, *columns[len(mixing) :]]


def _beside(columns: list, shift: np.ndarray, more: list, other: np.ndarray):
    """Columns with rows of their own: blocks of zeros around them."""
    above, below = shift.shape[0], other.shape[0]
    size = (columns or more)[0].shape[1]
    zero = sparse.csr_matrix((below, size)), sparse.csr_matrix((above, size))
    whole = [sparse.vstack([c, zero[0]]).tocsr() for c in columns] + [sparse.vstack([zero[1], c]).tocsr() for c in more]
    shifts = np.zeros((above + below, shift.shape[1] + other.shape[1]))
    shifts[:above, : shift.shape[1]], shifts[above:, shift.shape[1] :] = shift, other
    return whole, shifts


def _exact(exponents: np.ndarray, conditions: Conditions, measure: AbstractMeasure):
    """Blocks (k d, p d) of each generator and the shifts (k d, g), in the coordinates of the measure."""
    p, n = exponents.shape
    d = conditions.size
    found = [_images(exponents, each, d) for each in conditions.generators]
    every = np.concatenate([np.zeros((1, n), int), *(m for images, _ in found for m, *_ in images)])
    shifts = [shift for _, shift in found]
    every = np.unique(np.concatenate([every, *(s.exponents.array for s in shifts if len(s.exponents))]), axis=0)
    places = {tuple(row): k for k, row in enumerate(every.tolist())}
    coordinates: Any = sparse.kron(measure.coordinates(every), sparse.eye(d)).tocsr()
    columns, right = [], []
    for images, shift in found:
        rows = [np.array([places[tuple(m)] for m in exps.tolist()], int) * d + k for exps, _, k, _ in images]
        entries = sparse.csr_matrix((0, 0))
        if images:
            data = np.concatenate([v for *_, v in images])
            cols = np.concatenate([c for _, c, _, _ in images])
            entries = sparse.csr_matrix((data, (np.concatenate(rows), cols)), shape=(len(every) * d, p * d))
        else:
            entries = sparse.csr_matrix((len(every) * d, p * d))
        columns.append(sparse.csr_matrix(coordinates @ entries))
        constant = np.zeros(len(every) * d)
        for m, values in zip(shift.exponents.array.tolist(), shift.coefficients.array, strict=True):
            constant[places[tuple(m)] * d : places[tuple(m)] * d + d] -= values
        right.append(coordinates @ constant)
    k = coordinates.shape[0]
    return columns, np.stack(right, axis=1) if right else np.zeros((k, 0))


def _images(exponents: np.ndarray, generator: Generator, d: int):
    """Monomials (j, n), unknowns (j,), a component and values (j,) of L_i on each coefficient; and the shift."""
    parts = generator.polynomials()
    assert parts is not None
    field, fibre, shift = parts
    p, out = len(exponents), []
    if len(field.exponents):
        images, used, sizes = derivation(exponents, field.exponents.array, field.coefficients.array, 0)
        out += [(images, used * d + k, k, sizes) for k in range(d)]
    for m, T in zip(fibre.exponents.array, fibre.coefficients.array, strict=True):
        for k, j in zip(*np.nonzero(T), strict=True):
            out.append((exponents + m, np.arange(p) * d + j, int(k), np.full(p, -T[k, j])))
    return out, shift


def _sampled(terms: AbstractTerms, conditions: Conditions, measure: AbstractMeasure, unit: np.ndarray | None = None):
    """Blocks of each generator and element at the states of the measure, compressed to the span of all of them."""
    essential = tuple(replace(each, essential=True) for each in conditions.generators)
    whole = replace(conditions, generators=essential)
    with double_precision():
        sampler = Sampler(terms, whole, np.random.default_rng(0))
        x = measure.states(terms.space.size)
        blocks = []
        for moved in sampler._moved:
            field, T, c = moved(x)
            value, pushed = sampler.evaluate(x, field)
            blocks.append(sampler._conditions(value, pushed, T, c))
        value, _ = sampler.evaluate(x)
        for each in whole.reflections:
            moved, _ = sampler.evaluate(x @ each.matrix.array.T)
            T = np.broadcast_to(each.fibre.array, (len(x), sampler.d, sampler.d))
            blocks.append(sampler._conditions(value, moved, T, np.zeros((len(x), sampler.d))))
    rows = np.stack(blocks, axis=1) / np.sqrt(len(x))  # (m d, g, N + 1), the last column is minus the shift
    rows[..., :-1] *= sampler.columns
    if unit is not None:
        rows /= np.tile(unit, len(x))[:, None, None]
    if not np.isfinite(rows).all():
        good = np.isfinite(value).reshape(len(x), terms.size, -1).all((0, 2))
        names = [terms.names[k] for k in np.flatnonzero(~good)]
        raise InputError(f"not finite at the states of the measure: {', '.join(names) or 'derivatives of the terms'}")
    rows = _compressed(rows)
    return [sparse.csr_matrix(rows[:, i, :-1]) for i in range(rows.shape[1])], -rows[:, :, -1]


def _compressed(rows: np.ndarray) -> np.ndarray:
    """The same inner products between all columns with as few rows as they span."""
    k, g, width = rows.shape
    flat = rows.reshape(k, g * width)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    keep = values > 1e-13 * values.max(initial=0.0)
    return (vectors[:, keep].T @ flat).reshape(int(keep.sum()), g, width)


def _unit(generators: Sequence[Generator], measure: AbstractMeasure, norm: str, n: int, named: bool) -> np.ndarray:
    """K^(-1/2) for the inner products K of the generators' fields; InputError where they are dependent or zero."""
    if not generators:
        return np.zeros((0, 0))
    parts = [each.polynomials() for each in generators]
    if norm == "frobenius" and all(p is not None for p in parts):
        vectors = _coefficient_vectors([p for p in parts if p is not None])
        gram = np.asarray((vectors @ vectors.T).todense())
    else:
        gram = _field_gram(generators, measure, n)
    size = np.sqrt(np.diag(gram))
    if not np.all(size > 0):
        raise InputError(f"the generator {generators[int(np.argmin(size))].label!r} moves nothing; leave it out")
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    if values[0] < 1e-10:
        raise InputError(
            f"the {len(generators)} candidate generators are linearly dependent, or dependent on the states of the "
            "measure; leave some out"
        )
    if named or np.allclose(gram, np.diag(size**2), rtol=0, atol=1e-12 * size.max() ** 2):
        return np.diag(1 / size)
    values, vectors = np.linalg.eigh(gram)
    return (vectors / np.sqrt(values)) @ vectors.T


def _coefficient_vectors(parts: list[tuple[Polynomial, Polynomial, Polynomial]]):
    """The coefficients of each field, or of its fibre and shift where it has none, as sparse rows."""
    places: dict[tuple, int] = {}
    rows, columns, values = [], [], []
    for i, triple in enumerate(parts):
        for kind, part in enumerate(triple[:1] if len(triple[0].exponents) else triple):
            for m, array in zip(part.exponents.array.tolist(), part.coefficients.array, strict=True):
                for entry in zip(*np.nonzero(array), strict=True):
                    rows.append(i)
                    columns.append(places.setdefault((kind, tuple(m), tuple(map(int, entry))), len(places)))
                    values.append(array[entry])
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(parts), max(len(places), 1)))


def _field_gram(generators: Sequence[Generator], measure: AbstractMeasure, n: int) -> np.ndarray:
    """Means over the measure of the products of fields, each component in units of its size, plus their fibres'."""
    x, spread = measure.states(n), measure.spread(n)
    spread = np.where(spread > 0, spread, 1.0)
    rows = []
    with double_precision():
        for each in generators:
            parts = each.polynomials()
            if parts is not None:
                field, fibre = parts[0].at(x), parts[1].at(x)
            else:
                made = jax.vmap(lambda s, g=each: (jnp.asarray(g.field(s)), jnp.asarray(g.fibre(s))))(jnp.asarray(x))
                field, fibre = (np.asarray(part) for part in made)
            plain = (field / spread).reshape(len(x), -1)
            rows.append(np.ravel(plain if np.any(plain) else fibre.reshape(len(x), -1)))
    width = max(len(row) for row in rows)
    table = np.stack([np.pad(row, (0, width - len(row))) for row in rows])
    return table @ table.T / len(x)
