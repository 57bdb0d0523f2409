"""Brackets of polynomial vector fields, and coordinates of fields in a basis of them, by sparse arrays.

A field has few of the entries that its degree allows, and of the g^2 brackets of a large algebra most vanish: for the
465 generators of se(30) lists of entries have 10^5 numbers where arrays have 10^9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from symdyn.groups.polynomial import Polynomial


def flattened(exponents: np.ndarray, X: Polynomial) -> Any:
    """The coefficients of fields (g, n) as sparse rows (g, m n), one column for each monomial (m, n) and component."""
    g, n = X.shape
    places = {tuple(row): k for k, row in enumerate(exponents.tolist())}
    own = np.array([places[tuple(row)] for row in X.exponents.array.tolist()], int)
    monomial, row, component = np.nonzero(X.coefficients.array)
    values = X.coefficients.array[monomial, row, component]
    return sparse.csr_matrix((values, (row, own[monomial] * n + component)), shape=(g, len(exponents) * n))


def commutators(X: Polynomial) -> tuple[Any, Any, np.ndarray]:
    """D xi_i xi_j - D xi_j xi_i for all pairs, the fields themselves, and the size of what is subtracted.

    Sparse rows (g^2, m n) in the order (i, j), sparse rows (g, m n) in the same columns, and sizes (g^2,).
    """
    g, n = X.shape
    slope, own = X.derivative(), X.exponents.array
    term, i, k, v = np.nonzero(slope.coefficients.array)
    value = slope.coefficients.array[term, i, k, v]
    other, j, moved = np.nonzero(X.coefficients.array)
    speed = X.coefficients.array[other, j, moved]
    rows, monomials, columns, values = [], [np.zeros((0, n), int)], [], []
    for axis in range(n):  # the derivative along an axis times the motion along it
        a, b = np.flatnonzero(v == axis), np.flatnonzero(moved == axis)
        rows.append((i[a, None] * g + j[b]).ravel())
        monomials.append((slope.exponents.array[term[a], None] + own[other[b]]).reshape(-1, n))
        columns.append(np.repeat(k[a], len(b)))
        values.append((value[a, None] * speed[b]).ravel())
    every, place = np.unique(np.concatenate([own, *monomials]), axis=0, return_inverse=True)
    at = place.ravel()[len(own) :] * n + np.concatenate(columns)
    shape = (g * g, len(every) * n)
    turned = sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), at)), shape=shape)
    swapped = np.arange(g * g).reshape(g, g).T.ravel()
    size = norms(turned)
    return sparse.csr_matrix(turned - turned[swapped]), flattened(every, X), size + size[swapped]


def norms(rows: Any) -> np.ndarray:
    """The Euclidean norm of each row of a sparse array."""
    return np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())


def solved(basis: Any, members: Any) -> tuple[Any, np.ndarray]:
    """Coordinates (k, g) of sparse rows in a basis of such, by least squares, and the size of what is left (k,)."""
    length = norms(basis)
    unit = sparse.diags(1 / np.where(length, length, 1.0)) @ basis  # with c in metres per second lengths differ widely
    gram = sparse.csr_matrix(unit @ unit.T)
    if abs(gram - sparse.eye(len(length))).max() < 1e-15:
        found = sparse.csr_matrix(members @ unit.T)
    else:
        found = sparse.lil_matrix((members.shape[0], len(length)))
        used = np.flatnonzero(norms(members))
        if len(used):
            dense = np.linalg.lstsq(unit.T.toarray(), members[used].T.toarray(), rcond=None)[0]
            found[used] = dense.T
        found = sparse.csr_matrix(found)
    left = norms(members - found @ unit)
    return sparse.csr_matrix(found @ sparse.diags(1 / np.where(length, length, 1.0))), left
