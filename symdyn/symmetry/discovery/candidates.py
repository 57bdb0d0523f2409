"""Candidates as a user gives them (groups, algebras, actions, libraries, lists of these) as fields on coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable
from symdyn.groups import Action, Group, LieAlgebra, Polynomial
from symdyn.groups.polynomial import stacked
from symdyn.library import AbstractLibrary
from symdyn.symmetry.discovery.fields import (
    Candidates,
    Fields,
    FunctionFields,
    TermFields,
    of_polynomials,
    reading_order,
)
from symdyn.symmetry.discovery.library import Scalings, VectorFields


@dataclass(frozen=True)
class Place:
    """Where candidates live: `space` is what a user named; `time` the name of a time that is added in front, or ''."""

    space: StateSpace
    time: str = ""

    @property
    def narrow(self) -> StateSpace:
        """The coordinates without an added time, as plain variables."""
        return StateSpace(self.space.zeroth.variables)

    @property
    def wide(self) -> StateSpace:
        """The coordinates with the added time in front, as plain variables."""
        return StateSpace((Variable(self.time), *self.narrow.variables)) if self.time else self.narrow

    @property
    def bound(self) -> StateSpace:
        """The space that actions are bound to."""
        if not self.time:
            return self.space.zeroth
        return StateSpace(self.wide.variables, (self.time,), self.time)


def resolved(given: Any, place: Place) -> Candidates:
    """The candidates on the coordinates of a place; with its added time only where some field needs it.

    Raises InputError for what is no candidate, or does not fit the coordinates.
    """
    items = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not items:
        raise InputError("find_symmetries needs at least one candidate")
    parts: list[Fields] = [part for item in items for part in _parts(item, place)]
    if place.time and any(needs_time(part, place) for part in parts):
        parts = [_widened(part, place.wide) for part in parts]
        return Candidates(place.wide, _merged(parts, place.wide))
    parts = [narrowed(part, place.narrow) for part in parts]
    return Candidates(place.narrow, _merged(parts, place.narrow))


def elements_of(given: Any, place: Place) -> list[tuple[str, np.ndarray, float]]:
    """The discrete elements of groups and actions among the candidates: label, matrix on the coordinates, time."""
    items = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    found = []
    narrow = place.narrow
    for item in items:
        if isinstance(item, Action):
            for part in item.parts:
                for each in part.elements(place.space.zeroth, None):
                    found.append((each.label, each.matrix.array, each.time))
        elif isinstance(item, Group) and item.algebra.n == narrow.size:
            found += [(name, g, 1.0) for name, g in zip(item.labels, item.elements.array, strict=True)]
    return found


def _parts(item: Any, place: Place) -> list[Fields]:
    if isinstance(item, int | AbstractLibrary) and not isinstance(item, bool):
        item = VectorFields(item)
    if isinstance(item, VectorFields | Scalings):
        return [item.on(place.wide if item.time and place.time else place.narrow)]
    if isinstance(item, LieAlgebra | Group):
        algebra = item if isinstance(item, LieAlgebra) else item.algebra
        spacetime = isinstance(item, Group) and item.base == "spacetime"
        return [_of_algebra(algebra, place, spacetime)] if algebra.dimension else []
    if isinstance(item, Action):
        return _of_action(item, place)
    raise InputError(
        "candidates are a group, a Lie algebra, an Action, sd.VectorFields(...), sd.Scalings(), a degree or a list of "
        f"these, got {item!r}"
    )


def _of_algebra(algebra: LieAlgebra, place: Place, spacetime: bool) -> TermFields:
    narrow, zeroth = place.narrow, place.space.zeroth
    spaces = [(place.wide, place.wide.names)] if place.time and spacetime else []
    if zeroth.coordinates:
        spaces.append((narrow, zeroth.coordinates))
    for space, names in [(narrow, narrow.names), *spaces]:
        columns = space.indices(tuple(names))
        if len(columns) == algebra.n:
            fields = algebra.generators.placed(columns, space.size)
            wide = np.zeros((algebra.n, space.size))
            wide[np.arange(algebra.n), columns] = 1.0
            return of_polynomials(space, fields.mapped(lambda c, wide=wide: c @ wide))
    raise InputError(
        f"{algebra.name} moves {algebra.n} coordinates and the state has {narrow.size}; say what it acts on: "
        f"group.acting_on({narrow.names[0]}=sd.Vector, ...)"
    )


def _of_action(action: Action, place: Place) -> list[Fields]:
    space, plain = place.bound, place.wide
    polynomials, names, functions = [], [], []
    for part in action.parts:
        for raw in part.point_fields(space, None):
            field, column = raw.field, plain.indices((place.time,))[0] if place.time else -1
            drift = np.zeros(plain.size) if raw.drift is None else raw.drift.array
            if (raw.dilation or drift.any()) and not place.time:
                raise InputError(f"{raw.label!r} scales a time that this question does not have")
            if isinstance(field, Polynomial):
                if raw.dilation or drift.any():
                    rate = np.zeros((plain.size, plain.size))
                    rate[:, column] = drift
                    rate[column, column] += raw.dilation
                    field = field + Polynomial.affine(rate, np.zeros(plain.size))
                polynomials.append(field)
            else:
                names.append(raw.label)
                functions.append(_with_time(field, column, raw.dilation))
    parts: list[Fields] = [of_polynomials(plain, stacked(polynomials))] if polynomials else []
    if functions:
        parts.append(FunctionFields(plain, tuple(names), tuple(functions), np.eye(len(functions))))
    return parts


def _with_time(field: Callable, column: int, weight: float) -> Callable:
    if not weight:
        return field
    return lambda x: jnp.asarray(field(x)).at[column].add(weight * x[column])


def needs_time(part: Fields, place: Place) -> bool:
    """Whether some field of a part moves the added time, or depends on it."""
    if part.space != place.wide:
        return False
    if isinstance(part, TermFields) and part.exponents is not None:
        moves = part.matrix[:, : part.p].count_nonzero() > 0
        used = np.asarray(abs(part.matrix).sum(axis=0)).reshape(part.space.size, part.p).any(0)
        return bool(moves) or bool(part.exponents[used, 0].any())
    if isinstance(part, TermFields):
        return True
    rng = np.random.default_rng(11)
    points = np.repeat(rng.uniform(0.5, 1.5, (3, part.space.size)), 2, axis=0)
    points[1::2, 0] += 0.7
    values = part.moved(points)
    return bool(np.any(values[:, 0]) or np.any(np.abs(values[::2] - values[1::2]) > 1e-12))


def _widened(part: Fields, wide: StateSpace) -> Fields:
    if part.space == wide:
        return part
    if isinstance(part, TermFields) and part.exponents is not None:
        still = sparse.csr_matrix((part.count, part.p))
        exponents = np.pad(part.exponents, ((0, 0), (1, 0)))
        return TermFields(wide, sparse.hstack([still, part.matrix]).tocsr(), exponents)
    functions = Candidates(part.space, (part,))._as_functions(np.eye(part.count))
    wider = tuple(lambda x, f=f: jnp.concatenate([jnp.zeros_like(x[:1]), f(x[1:])]) for f in functions.functions)
    return FunctionFields(wide, functions.names, wider, functions.basis)


def narrowed(part: Fields, narrow: StateSpace) -> Fields:
    """A part without the added time, which none of its fields moves or depends on."""
    if part.space == narrow:
        return part
    if isinstance(part, TermFields):
        assert part.exponents is not None
        keep = np.flatnonzero(part.exponents[:, 0] == 0)
        tall = part.matrix.reshape(part.count * part.space.size, part.p).tocsr()[:, keep]
        wide = tall.reshape(part.count, -1)
        return TermFields(narrow, wide.tocsr()[:, len(keep) :], part.exponents[keep, 1:])
    functions = tuple(lambda x, f=f: f(jnp.concatenate([jnp.ones_like(x[:1]), x]))[1:] for f in part.functions)
    return replace(part, space=narrow, functions=functions)


def _merged(parts: list[Fields], space: StateSpace) -> tuple[Fields, ...]:
    """The same parts, those of polynomials as one on a common set of monomials."""
    plain = [part for part in parts if isinstance(part, TermFields) and part.exponents is not None]
    others = [part for part in parts if not (isinstance(part, TermFields) and part.exponents is not None)]
    if len(plain) < 2:
        return tuple(parts)
    whole = np.concatenate([part.exponents for part in plain if part.exponents is not None])
    exponents, place = np.unique(whole, axis=0, return_inverse=True)
    order = reading_order(exponents)
    rank = np.argsort(order)[place.ravel()]
    matrices, start, p = [], 0, len(exponents)
    for part in plain:
        into = rank[start : start + part.p]
        start += part.p
        shift = sparse.csr_matrix((np.ones(part.p), (np.arange(part.p), into)), shape=(part.p, p))
        tall = part.matrix.reshape(part.count * space.size, part.p) @ shift
        matrices.append(tall.reshape(part.count, space.size * p))
    return (_independent(TermFields(space, sparse.vstack(matrices).tocsr(), exponents[order])), *others)


def together(found: Candidates) -> Candidates:
    """The same fields with those of polynomials as one part."""
    return Candidates(found.space, _merged(list(found.parts), found.space))


def _independent(fields: TermFields) -> TermFields:
    """Without fields that earlier ones span: overlapping candidates would be symmetries in their difference."""
    from scipy.linalg import qr

    used = np.unique(fields.matrix.indices)
    dense = np.asarray(fields.matrix[:, used].todense())
    size = np.linalg.norm(dense, axis=1, keepdims=True)
    found: Any = qr((dense / np.where(size > 0, size, 1.0)).T, mode="r", pivoting=True)
    R, order = found
    rank = int(np.sum(np.abs(np.diag(R)) > 1e-10))
    return replace(fields, matrix=fields.matrix[np.sort(order[:rank])])
