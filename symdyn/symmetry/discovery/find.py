"""The whole way once: conditions, null space, trivial parts, a readable basis, the algebra, discrete elements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.symmetry.discovery.candidates import elements_of, narrowed, needs_time, resolved, together
from symdyn.symmetry.discovery.closure import CLOSED, grown, structure
from symdyn.symmetry.discovery.discrete import found_elements
from symdyn.symmetry.discovery.fields import Candidates, TermFields
from symdyn.symmetry.discovery.readable import completed, sparse_basis, whole
from symdyn.symmetry.discovery.result import Symmetries, Symmetry
from symdyn.symmetry.discovery.solve import Solved, defects, readable, solved
from symdyn.symmetry.discovery.subjects import AbstractSubject, Sample
from symdyn.symmetry.discovery.trivial import KEPT, trivial


def found_symmetries(
    subject: AbstractSubject,
    candidates: Any,
    *,
    points: np.ndarray | Callable[[np.random.Generator, int], np.ndarray] | None,
    tolerance: float,
    kinds: tuple[str, ...],
    grow: bool,
    seed: int,
) -> Symmetries:
    """The symmetries of a subject among candidates, at points (m, n), or what gives so many. Raises InputError."""
    rng = np.random.default_rng(seed)
    with double_precision():
        fields = resolved(candidates, subject.place)
        at = points if isinstance(points, np.ndarray) else (points or subject.points)(rng, subject.needed(fields))
        sample = subject.sample(fields, at)
        single = fields.single
        found = solved(sample, None if single is None else subject.exact(single), tolerance)
        gap = _gap(found, tolerance)
        basis = _in_fields(fields, found.basis)
        if grow:
            fields, basis, sample = _grown(fields, basis, subject, at)
        generators, dull = _without_time(subject, *_named(subject, fields, sample, basis, tolerance))
        elements, order = found_elements(
            subject, kinds, elements_of(candidates, subject.place), at[:40], max(tolerance, 1e-8), rng
        )
        closure = _algebra(generators, dull, at, rng)
    return Symmetries(
        subject.place, generators, dull, found.spectrum, gap, *closure, elements, order, found.exact, tolerance
    )


def _gap(found: Solved, tolerance: float) -> float:
    """How many times larger the first broken defect is than the last kept one."""
    r, s = len(found.basis), found.spectrum
    if r == 0 or r >= len(s):
        return float("inf")
    return float(s[r] / max(s[r - 1], 1e-16))


def _in_fields(fields: Candidates, basis: np.ndarray) -> np.ndarray:
    """A basis in unit fields psi_p d/dx_k, where all candidates share their terms: there numbers read best."""
    if not len(basis):
        return basis
    moved = _in_units(fields, basis)
    return np.where(np.abs(moved) > 1e-12 * np.abs(moved).max(axis=1, keepdims=True), moved, 0.0)


def _grown(fields: Candidates, rows: np.ndarray, subject: AbstractSubject, at: np.ndarray):
    """The span with its brackets. Raises InputError for fields that are no polynomials."""
    single = fields.single
    if single is None:
        raise InputError("grow=True brackets polynomial fields only")
    if not len(rows):
        return fields, rows, subject.sample(fields, at)
    more = grown(TermFields(single.space, sparse.csr_matrix(rows), single.exponents))
    wider = Candidates(single.space, (more,))
    return wider, np.asarray(more.matrix.todense()), subject.sample(wider, at)


def _named(
    subject: AbstractSubject, fields: Candidates, sample: Sample, rows: np.ndarray, tolerance: float
) -> tuple[tuple[Symmetry, ...], tuple[Symmetry, ...]]:
    """Generators and trivial generators, each as a field with its defect, in readable bases."""
    if not len(rows):
        return (), ()
    names, dull, known = [], np.zeros((0, rows.shape[1])), np.zeros((0, rows.shape[1]))
    for reason, values in trivial(subject, fields, sample, _coordinates(fields, rows)):
        short = completed(known, sparse_basis(readable(_in_units(fields, values))))
        known = np.concatenate([known, short])
        if reason != KEPT:
            dull = np.concatenate([dull, short])
            names += [reason] * len(short)
    kept = sparse_basis(completed(dull, sparse_basis(rows)), dull)
    order = _reading_order(fields, rows.shape[1], subject.place.time)
    small = tolerance if tolerance > 1e-6 else 1e-12  # of approximate symmetries, small numbers are noise

    def symmetries(values: np.ndarray, why: list[str]) -> list[Symmetry]:
        values = np.array([whole(row, order, small) for row in values]).reshape(values.shape)
        rho = defects(sample, _coordinates(fields, values))
        each = zip(values, rho, why, strict=True)
        return [Symmetry(_field(fields, row), float(d), reason) for row, d, reason in each]

    kept = kept[np.argsort([_rank(fields, row, order) for row in kept], kind="stable")] if len(kept) else kept
    return tuple(symmetries(kept, [""] * len(kept))), tuple(symmetries(dull, names))


def _without_time(
    subject: AbstractSubject, generators: tuple[Symmetry, ...], dull: tuple[Symmetry, ...]
) -> tuple[tuple[Symmetry, ...], tuple[Symmetry, ...]]:
    """The same fields on the state alone, where none of them moves an added time or depends on it."""
    place = subject.place
    if not place.time or any(needs_time(each.field, place) for each in (*generators, *dull)):
        return generators, dull

    def narrow(members: tuple[Symmetry, ...]) -> tuple[Symmetry, ...]:
        return tuple(replace(each, field=narrowed(each.field, place.narrow)) for each in members)

    return narrow(generators), narrow(dull)


def _shared(fields: Candidates) -> TermFields | None:
    """The one part of candidates that share their terms, if that is all there is."""
    part = fields.parts[0]
    return part if len(fields.parts) == 1 and isinstance(part, TermFields) else None


def _in_units(fields: Candidates, rows: np.ndarray) -> np.ndarray:
    """Combinations of the candidates over (component, term), where they share their terms."""
    part = _shared(fields)
    return rows if part is None else np.asarray((part.matrix.T @ rows.T).T)


def _rank(fields: Candidates, row: np.ndarray, order: np.ndarray) -> float:
    """Where a generator stands in the list: by its degree, then by its first term."""
    part, lead = _shared(fields), int(np.flatnonzero(row[order])[0])
    if part is None or part.exponents is None:
        return float(lead)
    used = row.reshape(part.space.size, part.p).any(0)
    return float(part.exponents[used].sum(1).max() * len(row) + lead)


def _coordinates(fields: Candidates, rows: np.ndarray) -> np.ndarray:
    """Rows over (component, term) as combinations of the candidates."""
    part = _shared(fields)
    if part is None or not len(rows):
        return rows.reshape(len(rows), fields.count)
    matrix = part.matrix.tocsr()
    one = np.diff(matrix.indptr)
    if np.all(one == 1) and len(np.unique(matrix.indices)) == len(one):
        return rows[:, matrix.indices] / matrix.data
    used = np.unique(matrix.indices)
    dense = np.asarray(matrix[:, used].todense())
    return np.linalg.lstsq(dense.T, rows[:, used].T, rcond=None)[0].T


def _reading_order(fields: Candidates, size: int, time: str) -> np.ndarray:
    """The numbers of a field in the order in which signs are read: term by term, those with an added time last."""
    part = _shared(fields)
    if part is None:
        return np.arange(size)
    order = np.arange(size).reshape(part.space.size, part.p).T
    if part.exponents is not None and time in part.space.names:
        order = order[np.argsort(part.exponents[:, 0] > 0, kind="stable")]
    return order.ravel()


def _field(fields: Candidates, row: np.ndarray):
    part = _shared(fields)
    if part is not None:
        return TermFields(part.space, sparse.csr_matrix(row[None]), part.exponents, part.terms)
    return fields.rows(row[None]).parts[0]


def _algebra(
    generators: tuple[Symmetry, ...], dull: tuple[Symmetry, ...], at: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray, bool]:
    """Closure residual and structure constants of the generators, and whether that takes the trivial ones."""
    best = (0.0, np.zeros((0, 0, 0)), False)
    for members, with_dull in ((generators, False), ((*generators, *dull), True)):
        if not members or (with_dull and not dull):
            continue
        found = Candidates(members[0].space, tuple(each.field for each in members))
        points = rng.uniform(-1.5, 1.5, (4 * len(members) + 20, members[0].space.size))
        if not np.isfinite(found.moved(points)).all() and points.shape[1] - at.shape[1] in (0, 1):
            # terms such as logarithms: where the law was asked, at any time
            points[:, -at.shape[1] :] = at[rng.integers(0, len(at), len(points))]
        constants, residual = structure(together(found), points)
        best = (residual, constants, with_dull)
        if residual < CLOSED:
            break
    return best
