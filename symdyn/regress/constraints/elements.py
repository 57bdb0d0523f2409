"""The elements that a constrained law is built from: a basis of the admissible coefficients, and what makes it sparse.

Three coefficients with the sum zero have two free weights. A basis such as (1, 0, -1), (0, 1, -1) can say that the
third differs from zero or not, but the law a = -b, c = 0 needs both of its elements with opposite weights. With the
element (1, -1, 0) beside them every law with few coefficients has few elements. So where an equation ties more than two
coefficients, all vectors of smallest support (circuits, elementary vectors) are offered, not a basis alone: each member
of the set is a sum of those whose support is within its own.

Reference: Rockafellar 1969, The elementary vectors of a subspace of R^N, in Combinatorial Mathematics and its
Applications, 104.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb, gcd

import numpy as np

from symdyn.symmetry import Subspace
from symdyn.symmetry._exact import null_space, rational

MOST = 300  # sets of coefficients that are tried for circuits in one group; larger groups keep their basis


@dataclass(frozen=True, eq=False)
class Tie:
    """Elements that depend on each other: their places `members` (n,), and `vectors` (n, entries)."""

    members: np.ndarray
    vectors: np.ndarray


def elements(subspace: Subspace, complete: bool) -> tuple[np.ndarray, list[np.ndarray]]:
    """The elements (r', N), first the basis of the subspace, and the groups of places that depend on each other.

    `complete`: with the circuits beyond the basis.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.regress.constraints.elements import elements
    >>> tied = sd.Subspace.full((3, 1)).satisfying([[1, 1, 1]], [0])
    >>> elements(tied, True)[0].astype(int).tolist()
    [[1, 0, -1], [0, 1, -1], [1, -1, 0]]
    """
    basis = np.asarray(subspace.basis).reshape(subspace.dimension, -1)
    found, groups, count = [basis], [], len(basis)
    for block in _blocks(basis) if complete else []:
        more = _circuits(basis[block])
        if len(more):
            groups.append(np.concatenate([block, count + np.arange(len(more))]))
            found.append(more)
            count += len(more)
    return np.concatenate(found), groups


def _blocks(basis: np.ndarray) -> list[np.ndarray]:
    """The groups of two rows or more that share coefficients, directly or through others."""
    shared = np.flatnonzero(np.count_nonzero(basis, axis=0) > 1)
    used = basis[:, shared] != 0
    labels = linked(used)
    return [np.flatnonzero(labels == label) for label in np.unique(labels) if np.sum(labels == label) > 1]


def linked(used: np.ndarray) -> np.ndarray:
    """Labels (r,) of rows that are connected by common columns, from booleans (r, n)."""
    labels = np.arange(len(used))
    for column in used.T:
        joined = labels[column]
        labels[np.isin(labels, joined)] = joined.min(initial=len(used))
    return labels


def _circuits(basis: np.ndarray) -> np.ndarray:
    """The vectors of smallest support in the span of the rows (r, N), without the rows themselves: (c, N)."""
    r, places = len(basis), np.flatnonzero(basis.any(axis=0))
    whole = rational(basis[:, places])
    if whole is None or comb(len(places), r - 1) > MOST:
        return np.zeros((0, basis.shape[1]))
    supports = {tuple(np.flatnonzero(row).tolist()) for row in basis}
    found = []
    for zeros in combinations(range(len(places)), r - 1):
        rows = [{k: int(v) for k, v in enumerate(whole[0][:, j]) if v} for j in zeros]
        _, factors = null_space([row for row in rows if row], r)
        if len(factors) != 1:
            continue
        vector = np.zeros(basis.shape[1])
        values = [sum(int(f) * int(v) for f, v in zip(factors[0], column, strict=True)) for column in whole[0].T]
        vector[places] = np.array(values, float) / gcd(*values)
        support = tuple(np.flatnonzero(vector).tolist())
        if support not in supports:
            supports.add(support)
            found.append(vector * np.sign(vector[support[0]]))
    return np.array(found).reshape(-1, basis.shape[1])
