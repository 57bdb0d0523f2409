"""The symmetry conditions of polynomial flows in coefficient space: sparse, and in whole numbers where they can be."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from symdyn.groups import Polynomial
from symdyn.symmetry._exact import rational
from symdyn.symmetry.discovery.fields import TermFields


def flow_conditions(V: Polynomial, fields: TermFields) -> tuple[Any, bool]:
    """X(xi) - D V xi - V X(tau) in the coefficients of the candidates: sparse (rows, g), and whether V is rational.

    For the unit candidates x^a d/dx_i: X(x^a) = sum_k a_k x^(a - e_k) X_k, all terms at once. The time, if the
    candidates have one, is the first coordinate.
    """
    assert fields.exponents is not None
    N, a = fields.space.size, fields.exponents
    late, p = N - V.n, len(a)  # late: 1 with time
    values = V.coefficients.array
    e = np.pad(V.exponents.array, ((0, 0), (late, 0)))
    found = _Collector(N)
    pushed = derivation(a, e, values, late)
    for component in range(V.n):
        found.add(pushed[0], component, (component + late) * p + pushed[1], pushed[2])
        slope = V.along(component)
        base = np.pad(slope.exponents.array, ((0, 0), (late, 0)))
        for row in range(V.n):
            columns = (component + late) * p + np.arange(p)
            found.outer(a, base, row, columns, -slope.coefficients.array[:, row])
    if late:
        for row in range(V.n):
            found.product(pushed, e, row, -values[:, row])
    matrix = (found.matrix(N * p) @ fields.matrix.T).tocsr()
    return cleared(matrix, values, 1 + late, fields.matrix.data)


def cleared(matrix, numbers: np.ndarray, power: int, own: np.ndarray) -> tuple[Any, bool]:
    """A matrix in whole numbers, where it comes from rational numbers to a power and rational candidates.

    Rounding errors are far below one half after the denominators are cleared, so that rounding takes them away.
    """
    of_law, of_fields = rational(numbers), rational(own)
    if of_law is None or of_fields is None or of_law[1] > 10**5 or of_fields[1] > 10**5:
        return matrix, False
    scaled = matrix * (float(of_law[1]) ** power * of_fields[1])
    near = np.round(scaled.data)
    if np.any(np.abs(near) > 2**45) or np.any(np.abs(near - scaled.data) > 1e-4):
        return matrix, False
    scaled.data = near
    scaled.eliminate_zeros()
    return scaled, True


def derivation(
    a: np.ndarray, e: np.ndarray, values: np.ndarray, late: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X(x^a) for all monomials x^a and X = sum_k values_k x^e d/dx_k: exponents, the index of the monomial, numbers.

    `a` (p, n), `e` (q, n), `values` (q, n - late); `late`: how many of the first coordinates X moves at unit speed.
    """
    exponents, index, numbers = [], [], []
    unit = np.eye(a.shape[1], dtype=int)
    for k in range(a.shape[1]):
        terms = np.flatnonzero(a[:, k])
        steps = e if k >= late else np.zeros((1, a.shape[1]), int)
        speed = values[:, k - late] if k >= late else np.ones(1)
        used = np.flatnonzero(speed)
        exponents.append((a[terms, None] - unit[k] + steps[None, used]).reshape(-1, a.shape[1]))
        index.append(np.repeat(terms, len(used)))
        numbers.append((a[terms, k, None] * speed[None, used]).ravel())
    return np.concatenate(exponents), np.concatenate(index), np.concatenate(numbers)


class _Collector:
    """Sums of monomials by component and unknown."""

    def __init__(self, N: int):
        self.key = np.random.default_rng(3).integers(1, 2**40, N + 1)
        self.rows: list[np.ndarray] = []
        self.columns: list[np.ndarray] = []
        self.values: list[np.ndarray] = []

    def add(self, exponents: np.ndarray, row: int, columns: np.ndarray, values: np.ndarray) -> None:
        self.rows.append(exponents @ self.key[:-1] + row * self.key[-1])
        self.columns.append(columns)
        self.values.append(values)

    def outer(self, a: np.ndarray, e: np.ndarray, row: int, columns: np.ndarray, values: np.ndarray) -> None:
        used = np.flatnonzero(values)
        if used.size:
            every = (a[:, None] + e[None, used]).reshape(-1, a.shape[1])
            self.add(every, row, np.repeat(columns, len(used)), np.tile(values[used], len(a)))

    def product(self, pushed: tuple, e: np.ndarray, row: int, values: np.ndarray) -> None:
        used = np.flatnonzero(values)
        if used.size:
            exponents, index, numbers = pushed
            every = (exponents[:, None] + e[None, used]).reshape(-1, exponents.shape[1])
            self.add(every, row, np.repeat(index, len(used)), (numbers[:, None] * values[None, used]).ravel())

    def matrix(self, unknowns: int):
        if not self.rows:
            return sparse.csr_matrix((1, unknowns))
        rows, place = np.unique(np.concatenate(self.rows), return_inverse=True)
        entries = (np.concatenate(self.values), (place.ravel(), np.concatenate(self.columns)))
        return sparse.coo_matrix(entries, shape=(len(rows), unknowns)).tocsr()
