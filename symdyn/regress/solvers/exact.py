"""The best set of a given size by branch and bound, from the triangle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.solvers.base import ROUNDING, ebic, ebic_price, live_terms, triangular
from symdyn.regress.solvers.stepwise import loss_costs

MOST_NODES = 50_000  # factorisations of one search


def better_sets(triangle: np.ndarray, rows: int, known: list[list[int]], max_terms: int) -> list[list[int]]:
    """For each size the best set of all terms where its EBIC is below that of all `known` sets and smaller ones.

    The known sets give a value to beat, and so a limit on the residual for each size. Raises InputError where more
    than `MOST_NODES` nodes would be needed.
    """
    live = live_terms(triangle)
    search = _Search(triangular(triangle[:, [*live, -1]]))
    p = triangle.shape[1] - 1
    position = {int(j): k for k, j in enumerate(live)}
    lowest = min(
        (ebic(search.residual([position[j] for j in s]), len(s), rows, p) for s in known), default=inf
    )  # fmt: skip
    better: list[list[int]] = []
    for size in range(1, min(max_terms, len(live)) + 1):
        limit = exp(min((lowest - ebic_price(size, rows, p)) / (2 * rows), 1.0))
        if limit <= ROUNDING:
            continue
        found, residual = search.best(size, limit)
        if found and ebic(residual, size, rows, p) < lowest:
            lowest = ebic(residual, size, rows, p)
            better.append([int(live[j]) for j in found])
    return better


@dataclass(eq=False)
class _Node:
    """All sets that hold the terms `inside` and are part of `terms`.

    `table`: the square triangle [T | y] of `terms`; `costs`: of the loss of each of them.
    """

    table: np.ndarray
    terms: np.ndarray
    inside: np.ndarray
    costs: np.ndarray


@dataclass(eq=False)
class _Search:
    """Branch and bound over the sets of the columns of one square triangle [T | y].

    No set within a node has a smaller residual than all its terms together, and none without term j a smaller sum of
    squares than that of all plus the cost of the loss of j. So a term whose loss lifts the sum above the best found
    must be in, and a node with too many such terms is closed (after Furnival, Wilson 1974, Technometrics 16, 499).
    Bounds are slack by `ROUNDING`, so that no set is lost to rounding. `nodes` counts the factorisations.
    """

    table: np.ndarray
    nodes: int = 0

    def residual(self, terms) -> float:
        """Norm of the residual of the fit on `terms`."""
        return float(abs(triangular(self.table[:, [*terms, -1]])[-1, -1]))

    def best(self, size: int, limit: float) -> tuple[tuple[int, ...], float]:
        """The set of `size` terms with the smallest residual not above `limit`, and the residual; empty if none."""
        every = np.arange(self.table.shape[1] - 1)
        found: tuple[int, ...] = ()
        root = _Node(self.table, every, np.zeros(len(every), bool), loss_costs(self.table))
        stack: list[tuple[_Node, int | None]] = [(root, None)]
        while stack:
            node = self._open(*stack.pop(), (limit + ROUNDING) ** 2)
            if node is None or node.inside.sum() > size:
                continue
            if len(node.terms) > size > node.inside.sum() + 1:
                branch = int(np.argmax(np.where(node.inside, -1.0, node.costs)))
                within = node.inside | (np.arange(len(node.terms)) == branch)
                stack += [(node, branch), (replace(node, inside=within), None)]
                continue
            terms, residual = self._last(node, size)
            if residual < limit or (not found and residual <= limit):
                found, limit = terms, residual
        return found, limit

    def _open(self, node: _Node, drop: int | None, beyond: float) -> _Node | None:
        """The node without the term `drop`, with all terms inside that must be; None if no set of it is in reach."""
        if node.table[-1, -1] ** 2 + (0.0 if drop is None else node.costs[drop]) > beyond:
            return None
        if drop is not None:
            node = self._without(node, drop)
        rest = node.table[-1, -1] ** 2
        return None if rest > beyond else replace(node, inside=node.inside | (rest + node.costs > beyond))

    def _without(self, node: _Node, drop: int) -> _Node:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise InputError(
                f"the exact search has not ended after {MOST_NODES} factorisations: too many of the "
                f"{self.table.shape[1] - 1} terms are alike or needed; lower max_terms, take a smaller "
                "library, or leave exact out"
            )
        table = triangular(np.delete(node.table, drop, axis=1))
        return _Node(table, np.delete(node.terms, drop), np.delete(node.inside, drop), loss_costs(table))

    def _last(self, node: _Node, size: int) -> tuple[tuple[int, ...], float]:
        """The best set of `size` where at most one choice is left, with its residual."""
        if len(node.terms) == size:
            return tuple(node.terms.tolist()), abs(float(node.table[-1, -1]))
        fixed = node.terms[node.inside]
        if len(fixed) == size:
            return tuple(fixed.tolist()), self.residual(fixed)
        others = np.flatnonzero(~node.inside)
        columns = node.table[:, [*np.flatnonzero(node.inside), *others, -1]]
        lower = triangular(columns)[len(fixed) :]
        free, y = lower[:, len(fixed) : -1], lower[:, -1]
        norms = np.linalg.norm(free, axis=0)
        unit = np.where(norms > 1e-14, free / np.maximum(norms, 1e-300), 0.0)
        residuals = np.linalg.norm(y[:, None] - unit * (y @ unit), axis=0)
        winner = int(np.argmin(residuals))
        return (*fixed.tolist(), int(node.terms[others[winner]])), float(residuals[winner])
