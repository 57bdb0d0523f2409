"""Brackets of what was found: structure constants, the residual of closure, and the grown span.

The bracket of fields is [X, Y] = DY X - DX Y. Polynomial fields are bracketed in coefficient space, others at points.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from symdyn.groups import Polynomial
from symdyn.groups.polynomial import concatenated
from symdyn.symmetry.discovery.fields import Candidates, TermFields, of_polynomials

CLOSED = 1e-8  # relative residual of brackets below which a span counts as an algebra
_BLOCK = 256  # brackets at once
_MOST = 80  # generators beyond which a span is not grown further
_DEGREE = 16


def structure(fields: Candidates, points: np.ndarray) -> tuple[np.ndarray, float]:
    """Structure constants (g, g, g) in the best coordinates, and the largest relative part outside the span."""
    g = fields.count
    if not g:
        return np.zeros((0, 0, 0)), 0.0
    single = fields.single
    if single is not None:
        _, own, brackets, size = _coefficients(single.polynomial())
    else:
        own, brackets, size = _sampled(fields, points)
    found, share, _ = _split(own, brackets, size)
    scale = np.abs(found).max(initial=0.0)
    found = np.where(np.abs(found) > 1e-9 * max(scale, 1e-300), found, 0.0)
    near = np.round(2 * found) / 2
    found = np.where(np.abs(found - near) < 1e-9 * np.maximum(1.0, np.abs(found)), near, found)
    return found.reshape(g, g, g), float(share.max(initial=0.0))


def grown(fields: TermFields) -> TermFields:
    """The fields with their brackets, and the brackets of those, until nothing is new or they are too many."""
    X = fields.polynomial()
    while X.shape[0] < _MOST and X.degree <= _DEGREE:
        exponents, own, brackets, size = _coefficients(X)
        _, _, new = _split(own, brackets, size)
        if not len(new):
            break
        _, s, V = np.linalg.svd(new / np.linalg.norm(new, axis=1, keepdims=True), full_matrices=False)
        fresh = V[s > 1e-8].reshape(-1, X.n, len(exponents))
        X = concatenated([X, Polynomial.of(exponents, np.moveaxis(fresh, -1, 0))])
    return of_polynomials(fields.space, X)


def _split(own: np.ndarray, brackets: Any, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates (k, g) of brackets (k, N) in the rows of `own` (g, N), what share lies outside (k,), and those parts.

    In blocks, as g^2 brackets of many monomials would fill the memory.
    """
    length = np.linalg.norm(own, axis=1, keepdims=True)
    scaled = own / np.where(length > 0, length, 1.0)
    inverse = np.linalg.pinv(scaled)  # (N, g)
    coordinates, shares, outside = [], [], [np.zeros((0, own.shape[1]))]
    for k in range(0, brackets.shape[0], _BLOCK):
        block = brackets[k : k + _BLOCK]
        block = np.asarray(block.todense() if sparse.issparse(block) else block)
        found = block @ inverse
        rest = block - found @ scaled
        share = np.linalg.norm(rest, axis=1) / np.maximum(size[k : k + _BLOCK], 1e-300)
        coordinates.append(found / np.where(length > 0, length, 1.0).T)
        shares.append(share)
        outside.append(rest[share > CLOSED])
    return np.concatenate(coordinates), np.concatenate(shares), np.concatenate(outside)


def _coefficients(X: Polynomial) -> tuple[np.ndarray, np.ndarray, Any, np.ndarray]:
    """Common monomials (p, N), the fields (g, N p), all brackets (g g, N p), and the size of the terms of each.

    All pairs of terms at once: v x^e d_k of field i turns w x^f d_a of field j into v w f_k x^(e + f - 1_k) d_a.
    """
    g, N = X.shape
    values, e = X.coefficients.array, X.exponents.array
    term, field, component = np.nonzero(values)
    v = values[term, field, component]
    power = e[term][:, component].T  # of coordinate k of the first term in the second: (first, second)
    first, second = np.nonzero(power)
    exponents = e[term[first]] + e[term[second]] - np.eye(N, dtype=int)[component[first]]
    numbers = v[first] * v[second] * power[first, second]
    common, place = np.unique(np.concatenate([e, exponents]), axis=0, return_inverse=True)
    place, p = place.ravel(), len(common)
    own = np.zeros((g, N * p))
    own[field, component * p + place[term]] = v
    column = component[second] * p + place[len(e) :]
    shape = (g * g, N * p)
    there = sparse.coo_matrix((numbers, (field[first] * g + field[second], column)), shape).tocsr()
    here = sparse.coo_matrix((numbers, (field[second] * g + field[first], column)), shape).tocsr()
    size = np.sqrt(np.asarray(there.multiply(there).sum(1)).ravel())
    size = size + np.sqrt(np.asarray(here.multiply(here).sum(1)).ravel())
    return common, own, (there - here).tocsr(), size


def _sampled(fields: Candidates, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = fields.moved(points)
    g = fields.count
    pushed = np.stack([fields.moved(points, values[:, :, i]) for i in range(g)])  # (i, m, N, j): D X_j X_i
    turned = pushed.transpose(3, 1, 2, 0)  # D X_i X_j
    brackets = (pushed - turned).transpose(0, 3, 1, 2).reshape(g * g, -1)
    size = np.sqrt((pushed**2).sum((1, 2))) + np.sqrt((turned**2).sum((1, 2)))
    return values.transpose(2, 0, 1).reshape(g, -1), brackets, size.ravel()
