"""Brackets of what was found: structure constants, the residual of closure, and the grown span.

The bracket of fields is [X, Y] = DY X - DX Y. Polynomial fields are bracketed in coefficient space, others at points.
"""

from __future__ import annotations

import numpy as np

from symdyn.groups import Polynomial
from symdyn.groups.polynomial import concatenated
from symdyn.symmetry.discovery.fields import Candidates, TermFields, of_polynomials

_MOST = 80  # generators beyond which a span is not grown further
_DEGREE = 16


def structure(fields: Candidates, points: np.ndarray) -> tuple[np.ndarray, float]:
    """Structure constants (g, g, g) in the best coordinates, and the largest relative part outside the span."""
    g = fields.count
    if not g:
        return np.zeros((0, 0, 0)), 0.0
    single = fields.single
    if single is not None:
        own, brackets, size = _coefficients(single.polynomial())
    else:
        own, brackets, size = _sampled(fields, points)
    found, outside = _split(own, brackets)
    scale = np.abs(found).max(initial=0.0)
    found = np.where(np.abs(found) > 1e-9 * max(scale, 1e-300), found, 0.0)
    near = np.round(2 * found) / 2
    found = np.where(np.abs(found - near) < 1e-9 * np.maximum(1.0, np.abs(found)), near, found)
    share = np.linalg.norm(outside, axis=1) / np.maximum(size, 1e-300)
    return found.reshape(g, g, g), float(share.max(initial=0.0))


def grown(fields: TermFields) -> TermFields:
    """The fields with their brackets, and the brackets of those, until nothing is new or they are too many."""
    X = fields.polynomial()
    while X.shape[0] < _MOST and X.degree <= _DEGREE:
        own, brackets, size = _coefficients(X)
        _, outside = _split(own, brackets)
        new = outside[np.linalg.norm(outside, axis=1) > 1e-8 * size]
        if not len(new):
            break
        _, s, V = np.linalg.svd(new / np.linalg.norm(new, axis=1, keepdims=True), full_matrices=False)
        exponents = np.unique(
            np.concatenate([X.exponents.array, _bracket_exponents(X)]), axis=0
        )  # as in _coefficients
        fresh = V[s > 1e-8].reshape(-1, X.n, len(exponents))
        X = concatenated([X, Polynomial.of(exponents, np.moveaxis(fresh, -1, 0))])
    return of_polynomials(fields.space, X)


def _split(own: np.ndarray, brackets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (k, g) of brackets (k, N) in the rows of `own` (g, N), and what lies outside (k, N)."""
    length = np.linalg.norm(own, axis=1, keepdims=True)
    length = np.where(length > 0, length, 1.0)
    found, *_ = np.linalg.lstsq((own / length).T, brackets.T, rcond=None)
    return (found / length).T, brackets - found.T @ (own / length)


def _bracket_exponents(X: Polynomial) -> np.ndarray:
    return np.concatenate([_brackets(X, i).exponents.array for i in range(X.shape[0])])


def _brackets(X: Polynomial, i: int) -> Polynomial:
    """[X_i, X_j] for all j: shape (g, N)."""
    there = X.derivative().product(X[i], "jak,k->ja")
    here = X[i].derivative().product(X, "ak,jk->ja")
    return there - here


def _coefficients(X: Polynomial) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fields (g, N p) and all brackets (g g, N p) on common monomials, and the size of the terms of each."""
    g, N = X.shape
    rows = [_brackets(X, i) for i in range(g)]
    sizes = [
        X.derivative().product(X[i], "jak,k->ja").norms + X[i].derivative().product(X, "ak,jk->ja").norms
        for i in range(g)
    ]
    exponents = np.unique(np.concatenate([X.exponents.array, *(r.exponents.array for r in rows)]), axis=0)

    def flat(p: Polynomial) -> np.ndarray:
        table = np.zeros((len(exponents), *p.shape))
        keys = {tuple(e): k for k, e in enumerate(exponents.tolist())}
        where = [keys[tuple(e)] for e in p.exponents.array.tolist()]
        table[where] = p.coefficients.array
        return np.moveaxis(table, 0, -1).reshape(p.shape[0], -1)

    return flat(X), np.concatenate([flat(r) for r in rows]), np.concatenate(sizes)


def _sampled(fields: Candidates, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = fields.moved(points)
    g = fields.count
    pushed = np.stack([fields.moved(points, values[:, :, i]) for i in range(g)])  # (i, m, N, j): D X_j X_i
    turned = pushed.transpose(3, 1, 2, 0)  # D X_i X_j
    brackets = (pushed - turned).transpose(0, 3, 1, 2).reshape(g * g, -1)
    size = np.sqrt((pushed**2).sum((1, 2))) + np.sqrt((turned**2).sum((1, 2)))
    return values.transpose(2, 0, 1).reshape(g, -1), brackets, size.ravel()
