"""Partial differential equations as laws on jets: Delta = 0 in the jets of spacetime.

A point field v = xi d_x + phi d_u is a symmetry iff pr v Delta = 0 wherever Delta = 0 (Olver 1993, theorem 2.31).
An evolution law u_t = F becomes Delta = u_t - F; the equation is solved for one derivative, which is put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.groups import Polynomial
from symdyn.groups.jets import ProlongedField, jet_of, prolonged_element
from symdyn.groups.polynomial import concatenated, stacked
from symdyn.symmetry._states import random_states
from symdyn.symmetry.discovery.calculus import cleared
from symdyn.symmetry.discovery.fields import Candidates, FunctionFields, TermFields
from symdyn.symmetry.discovery.subjects import AbstractSubject, Law, Sample, columns_of


@dataclass(frozen=True, eq=False)
class JetLaw(AbstractSubject):
    """Delta(jet) = 0 in the jets `jets` of spacetime; `solved` are the columns (d,) that it is solved for, if known."""

    jets: StateSpace
    law: Law
    solved: np.ndarray | None = None

    def points(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self.on_shell(random_states(rng, count, self.jets.size))

    def on_shell(self, z: np.ndarray) -> np.ndarray:
        """Jets near some jets (m, n) that fulfil the law: Newton steps along the solved columns, or the gradient."""
        mask = np.zeros(self.jets.size)
        places = self.jets.indices(self.jets.coordinates) if self.solved is None else None
        mask[slice(None) if self.solved is None else self.solved] = 1.0
        if places is not None:
            mask[places] = 0.0
        for _ in range(30):
            value = self.law.at(z)
            slope = self.law.jacobian(z) * mask
            step = np.einsum("mnd,md->mn", np.linalg.pinv(slope), value)
            z = z - step
            if np.abs(step).max(initial=0.0) < 1e-14 * max(1.0, np.abs(z).max(initial=0.0)):
                break
        value, scale = self.law.at(z), np.abs(self.law.jacobian(z) * z[:, None]).sum((1, 2)) + 1e-300
        good = np.isfinite(value).all(1) & (np.abs(value).max(1) < 1e-10 * scale)
        if good.mean() < 0.5:
            raise InputError("no jets were found that fulfil the law; give points=..., jets of shape (m, n) that do")
        return z[good]

    def needed(self, candidates: Candidates) -> int:
        return int(1.5 * candidates.count / self.dimension) + 25

    @cached_property
    def dimension(self) -> int:
        """The number of equations, d."""
        return len(self.law.at(np.ones((1, self.jets.size)))[0])

    def sample(self, candidates: Candidates, points: np.ndarray) -> Sample:
        slope = self.law.jacobian(points)
        if not np.isfinite(slope).all():
            raise InputError("the law's derivative is not finite at some jets; give points=..., where it is")
        needed = np.flatnonzero(np.abs(slope).max((0, 1)))
        moved = np.concatenate([self._moved(part, points, needed) for part in candidates.parts], axis=2)
        pieces = slope[:, :, needed, None] * moved[:, None]
        m, d, k, g = pieces.shape
        base = self.jets.indices(self.jets.zeroth.names)
        field = candidates.moved(points[:, base])
        return Sample(columns_of(pieces.sum(2)), pieces.reshape(m * d * k, g), columns_of(field))

    def _moved(self, part: TermFields | FunctionFields, points: np.ndarray, needed: np.ndarray) -> np.ndarray:
        """How some columns of the jet move: shape (m, needed, g)."""
        if isinstance(part, TermFields) and part.exponents is not None:
            return self._prolonged(part, needed).at(points)
        functions = Candidates(part.space, (part,))._as_functions(np.eye(part.count))
        fields = [ProlongedField(f, self.jets) for f in functions.functions]
        with double_precision():
            values = jax.jit(jax.vmap(lambda x: jnp.stack([f(x) for f in fields])))(points)
        return np.einsum("mfn,gf->mng", np.asarray(values)[:, :, needed], functions.basis)

    def _prolonged(self, part: TermFields, needed: np.ndarray) -> Polynomial:
        """The motion of some columns of the jet under polynomial fields: shape (needed, g)."""
        space, jet = self.jets, jet_of(self.jets)
        here = space.indices(space.zeroth.names)
        fields = part.polynomial().mapped(np.transpose).placed(here, space.size)  # (N, g)
        place = {int(c): k for k, c in enumerate(here)}
        still = (0,) * len(jet.coordinates)
        known: dict[tuple[int, ...], Polynomial] = {still: fields[[place[int(c)] for c in jet.columns[still]]]}
        xi = [fields[place[int(c)]] for c in jet.coordinates]
        slopes = [[jet.total(x, k) for x in xi] for k in range(len(xi))]

        def moved(orders: tuple[int, ...]) -> Polynomial:
            if orders not in known:
                k = next(i for i, a in enumerate(orders) if a)
                down = (*orders[:k], orders[k] - 1, *orders[k + 1 :])
                whole = jet.total(moved(down), k)
                for i, slope in enumerate(slopes[k]):
                    values = _selected(jet.columns[jet.up(down, i)], space.size)
                    whole = whole - values.product(slope, "a,g->ag")
                known[orders] = whole
            return known[orders]

        rows = []
        where = {int(c): (orders, a) for orders, cs in jet.columns.items() for a, c in enumerate(cs)}
        for column in needed:
            if int(column) in where:
                orders, a = where[int(column)]
                rows.append(moved(orders)[[a]])
            else:
                rows.append(fields[[place[int(column)]]])
        return concatenated(rows)

    def exact(self, fields: TermFields) -> tuple[Any, bool] | None:
        Delta = self.law.polynomial
        if Delta is None or self._replacement is None:
            return None
        slope = Delta.derivative()
        needed = np.flatnonzero(Delta.exponents.array.any(0))
        whole = slope[:, needed].product(self._prolonged(fields, needed), "dk,kg->dg")
        power = 1 + int(whole.exponents.array[:, [c for c, _ in self._replacement]].sum(1).max(initial=0))
        for column, value in self._replacement:
            whole = substituted(whole, column, value)
        c = whole.coefficients.array
        matrix = sparse.csr_matrix(c.reshape(-1, c.shape[-1])) if len(c) else sparse.csr_matrix((1, fields.count))
        return cleared(matrix, Delta.coefficients.array, power, fields.matrix.data)

    @cached_property
    def _replacement(self) -> list[tuple[int, Polynomial]] | None:
        """For each equation a derivative that it is solved for, and what it equals."""
        Delta = self.law.polynomial
        assert Delta is not None
        e, c = Delta.exponents.array, Delta.coefficients.array
        orders = np.zeros(self.jets.size, int)
        for d in self.jets.derivatives:
            orders[self.jets.indices((d.name,))] = 10 * sum(d.orders) + max(d.orders)
        chosen: list[tuple[int, Polynomial]] = []
        for row in range(c.shape[1]):
            mine = np.flatnonzero(c[:, row])
            able = []
            for column in np.flatnonzero(orders):
                where = mine[e[mine, column] > 0]
                elsewhere = np.flatnonzero((e[:, column] > 0) & np.delete(c, row, axis=1).any(1))
                if len(where) == 1 and e[where[0]].sum() == 1 and not len(elsewhere):
                    able.append(int(column))
            if self.solved is not None:
                able = [column for column in able if column == int(self.solved[row])]
            if not able:
                return None
            column = max(able, key=lambda k: (orders[k], -k))
            lead = int(mine[e[mine, column] > 0][0])
            rest = [k for k in mine if k != lead]
            chosen.append((column, Polynomial.of(e[rest].reshape(-1, e.shape[1]), -c[rest, row] / c[lead, row])))
        return chosen

    @cached_property
    def is_linear(self) -> bool:
        """Whether the law is linear and homogeneous in the fields and their derivatives."""
        Delta = self.law.polynomial
        if Delta is None:
            return False
        jet = np.setdiff1d(np.arange(self.jets.size), self.jets.indices(self.jets.coordinates))
        return bool(np.all(Delta.exponents.array[:, jet].sum(1) == 1))

    def superpositions(self, basis: TermFields) -> np.ndarray:
        """Combinations (k, r) of fields that add a solution of a linear law: phi(x) d_u alone."""
        space = basis.space
        coordinates = space.indices(self.jets.coordinates)
        unknowns = np.setdiff1d(np.arange(space.size), coordinates)
        assert basis.exponents is not None
        values = basis.dense()
        inside = basis.exponents[:, unknowns].any(1)
        wrong = [values[:, coordinates].reshape(basis.count, -1), values[:, unknowns][:, :, inside]]
        wrong = np.concatenate([w.reshape(basis.count, -1) for w in wrong], axis=1)
        size = np.linalg.norm(values.reshape(basis.count, -1), axis=1, keepdims=True)
        return null_rows(wrong / size) / size.T

    def discrete(self, matrices: np.ndarray, times: np.ndarray, points: np.ndarray) -> np.ndarray:
        out = []
        slope = np.abs(self.law.jacobian(points) * points[:, None])
        for matrix in matrices:
            try:
                moved = points @ prolonged_element(matrix, self.jets).T
            except np.linalg.LinAlgError:
                out.append(2.0)
                continue
            value = self.law.at(moved)
            size = np.sqrt((slope**2).sum()) + 1e-300
            found = float(np.sqrt((value**2).sum()) / size)
            out.append(found if np.isfinite(found) else 2.0)
        return np.array(out)


def null_rows(wrong: np.ndarray, tolerance: float = 1e-9) -> np.ndarray:
    """Combinations of rows (r, k) of norm about one that vanish: orthonormal, shape (dimension, r)."""
    if not wrong.size:
        return np.eye(len(wrong))
    U, s, _ = np.linalg.svd(wrong, full_matrices=True)
    return U[:, int(np.sum(s > tolerance)) :].T


def _selected(columns: np.ndarray, n: int) -> Polynomial:
    return Polynomial.affine(np.eye(n)[columns], np.zeros(len(columns)))


def substituted(p: Polynomial, column: int, value: Polynomial) -> Polynomial:
    """Polynomials with one variable replaced by a polynomial of shape ()."""
    e, c = p.exponents.array, p.coefficients.array
    whole, factor = Polynomial.constant(p.n, np.zeros(p.shape)), Polynomial.constant(p.n, 1.0)
    letters = "abcdef"[: len(p.shape)]
    for power in range(int(e[:, column].max(initial=0)) + 1):
        rows = np.flatnonzero(e[:, column] == power)
        if rows.size:
            rest = e[rows].copy()
            rest[:, column] = 0
            part = Polynomial.of(rest, c[rows])
            whole = whole + (part if not power else part.product(factor, f"{letters},->{letters}"))
        factor = factor.product(value, ",->")
    return whole


def spacetime(space: StateSpace, time_order: int = 1) -> StateSpace:
    """The jets of spacetime for the jets of a law that is solved for a derivative by time."""
    if space.time is None:
        return space
    order = max([sum(d.orders) for d in space.derivatives], default=0)
    sizes: dict[str, Any] = {name: space[name] for name in space.fields}
    return StateSpace.jets((space.time, *space.differentiated), order=max(order, time_order), **sizes)


def evolution(space: StateSpace, rates: Law, time_order: int = 1) -> tuple[StateSpace, Law, np.ndarray]:
    """u_t = F(jet), or u_tt = F, as Delta = u_t - F in the jets of spacetime, and the columns of u_t."""
    wide = spacetime(space, time_order)
    first = (time_order, *(0,) * len(space.differentiated))
    solved = jet_of(wide).columns[first]
    into = places_in(wide, space)
    unit = _selected(solved, wide.size)
    if rates.polynomial is not None:
        return wide, Law(_never, unit - rates.polynomial.placed(into, wide.size)), solved
    return wide, Law(lambda z: z[solved] - rates.function(z[into])), solved


def places_in(wide: StateSpace, space: StateSpace) -> np.ndarray:
    """The columns of the jets of spacetime that hold the jets of space, (n,)."""
    names = {(d.field, d.orders): d.name for d in wide.derivatives}
    other = {d.name: names[d.field, (0, *d.orders)] for d in space.derivatives}
    columns = np.arange(wide.size)
    return np.concatenate([columns[wide.slice(other.get(name, name))] for name in space.names])


def _never(z):
    raise AssertionError("a polynomial law is evaluated as such")


def implicit(polynomials: list[Polynomial]) -> Law:
    """Several polynomial equations as one law."""
    return Law(_never, stacked(polynomials))
