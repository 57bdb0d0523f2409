"""Discrete symmetries: sign patterns, permutations, time reversals, and unknown elements of O(n).

The unknown ones solve A F(x) = F(A x) over the orthogonal matrices from many starts (Levenberg-Marquardt steps in the
Lie algebra); what they find is clustered, and closed under products.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from math import factorial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, double_precision
from symdyn.groups.finite import generated
from symdyn.groups.polynomial import Polynomial
from symdyn.groups.printing import polynomial_text
from symdyn.symmetry.discovery.subjects import AbstractSubject, Flow, OneStep

KINDS = ("signs", "permutations", "shifts", "time", "orthogonal")
_MOST = 3000  # elements that are tried
_LIMIT = 400  # order of a group of elements that is still listed


@dataclass(frozen=True)
class DiscreteSymmetry:
    """An element that was found: x -> `matrix` x, t -> `time` t; `defect`: |F(g x) - g F(x)|, scale-free."""

    names: tuple[str, ...]
    matrix: Frozen
    time: float
    defect: float
    label: str = ""

    def __str__(self) -> str:
        n = len(self.names)
        rows = Polynomial.affine(self.matrix.array, np.zeros(n))
        image = ", ".join(polynomial_text(rows[k], self.names) for k in range(n))
        clock = ("t, ", "-t, ") if self.time < 0 else ("", "")
        return f"({clock[0]}{', '.join(self.names)}) -> ({clock[1]}{image})"


def found_elements(
    subject: AbstractSubject,
    kinds: tuple[str, ...],
    given: list[tuple[str, np.ndarray, float]],
    points: np.ndarray,
    tolerance: float,
    rng: np.random.Generator,
) -> tuple[tuple[DiscreteSymmetry, ...], int]:
    """Elements that generate all those found, and the order of the group that they make (0 where it is not finite)."""
    n, names = subject.place.narrow.size, subject.place.narrow.component_names
    tried = [*given, *_listed(kinds, n)][:_MOST]
    kept: list[tuple[str, np.ndarray, float, float]] = []
    if tried:
        matrices = np.array([matrix for _, matrix, _ in tried])
        times = np.array([time for *_, time in tried])
        for k in range(0, len(tried), 64):
            misses = subject.discrete(matrices[k : k + 64], times[k : k + 64], points)
            kept += [(*tried[k + i], float(miss)) for i, miss in enumerate(misses) if miss < tolerance]
    if "orthogonal" in kinds:
        kept += [("", g, 1.0, miss) for g, miss in _orthogonal(subject, points, tolerance, rng)]
    chosen, order = _generating(kept, n)
    return tuple(DiscreteSymmetry(names, Frozen(g), t, miss, label) for label, g, t, miss in chosen), order


def _listed(kinds: tuple[str, ...], n: int) -> list[tuple[str, np.ndarray, float]]:
    """The elements of the kinds that are finite lists, the simplest first."""
    eye = np.eye(n)
    signs = [np.ones(n)]
    if "signs" in kinds:
        signs = [np.array(s, float) for s in product((1, -1), repeat=n)] if n <= 8 else [*signs, -np.ones(n)]
        signs = [*signs, *(1.0 - 2.0 * eye)] if n > 8 else signs
    orders = [tuple(range(n))]
    if "shifts" in kinds or "permutations" in kinds:
        orders += [tuple(np.roll(range(n), 1)), tuple(reversed(range(n)))]
    if "permutations" in kinds:
        every = factorial(n) * len(signs) <= _MOST // 2
        if every:
            orders += list(permutations(range(n)))
        else:
            orders += [tuple(_swap(n, i, j)) for i in range(n) for j in range(i)]
    times = (1.0, -1.0) if "time" in kinds else (1.0,)
    found = []
    for order in dict.fromkeys(orders):
        every = signs if len(signs) * len(set(orders)) * len(times) <= _MOST or order == orders[0] else signs[:1]
        found += [("", eye[list(order)] * s[None], t) for s in every for t in times]
    plain = [each for each in found if each[2] < 0 or not np.array_equal(each[1], eye)]
    return sorted(plain, key=lambda each: (each[2] < 0, np.abs(each[1] - eye).sum()))


def _swap(n: int, i: int, j: int) -> list[int]:
    order = list(range(n))
    order[i], order[j] = order[j], order[i]
    return order


def _generating(found: list, n: int) -> tuple[list, int]:
    """Elements that are no products of earlier ones, and the order of what they generate."""
    chosen, members = [], np.eye(n + 1)[None]
    for each in found:
        element = np.zeros((n + 1, n + 1))
        element[:n, :n], element[n, n] = each[1], each[2]
        if np.abs(members - element).max((1, 2)).min() < 1e-5:
            continue
        matrices = [*(_joined(g, t) for _, g, t, _ in chosen), element]
        more = generated(np.array(matrices), _LIMIT)
        chosen.append(each)
        if more is None:
            return chosen, 0
        members = more
    for each in tuple(chosen):  # later ones may give the earlier
        rest = [other for other in chosen if other is not each]
        less = generated(np.array([_joined(g, t) for _, g, t, _ in rest]), _LIMIT) if rest else None
        if less is not None and len(less) == len(members):
            chosen = rest
    return chosen, len(members)


def _joined(matrix: np.ndarray, time: float) -> np.ndarray:
    n = len(matrix)
    out = np.zeros((n + 1, n + 1))
    out[:n, :n], out[n, n] = matrix, time
    return out


def _orthogonal(
    subject: AbstractSubject, points: np.ndarray, tolerance: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Isolated solutions of A F(x) = F(A x) on O(n) from many starts, rounded together; the identity left out."""
    if not isinstance(subject, Flow | OneStep):
        raise InputError('discrete="orthogonal" is for flows and maps')
    n = points.shape[1]
    starts = np.linalg.qr(rng.normal(size=(60 if n < 4 else 200, n, n)))[0]
    starts[::2, :, 0] *= -1.0  # both components
    law = subject.law.polynomial if subject.law.polynomial is not None else subject.law.function
    with double_precision():
        ends, misses = map(np.asarray, _descended(law, jnp.asarray(starts), jnp.asarray(points[: 4 * n + 8])))
    found: list[tuple[np.ndarray, float]] = []
    for k in np.argsort(misses, kind="stable"):
        if misses[k] < tolerance and not any(np.abs(ends[k] - g).max() < 1e-5 for g, _ in found):
            found.append((_snapped(ends[k]), float(misses[k])))
    found = [(g, miss) for g, miss in found if np.abs(g - np.eye(n)).max() > 1e-5]
    return [] if len(found) > 120 else found


def _snapped(g: np.ndarray) -> np.ndarray:
    """Whole and half numbers for entries that are near them."""
    near = np.round(2 * g) / 2
    return np.where(np.abs(g - near) < 1e-8, near + 0.0, g)


def _descended(law: Any, starts, points):
    """Damped Gauss-Newton on A exp(S), S antisymmetric: matrices (k, n, n) and their relative misses (k,)."""
    n = points.shape[1]
    upper = np.triu_indices(n, 1)
    values = jax.vmap(law)(points)
    scale = jnp.sqrt((values**2).sum())

    def turned(A, w):
        S = jnp.zeros((n, n)).at[upper].set(w)
        return A @ jax.scipy.linalg.expm(S - S.T)

    def miss(w, A):
        g = turned(A, w)
        return ((jax.vmap(law)(points @ g.T) - values @ g.T) / scale).ravel()

    def step(state, _):
        A, damping = state
        w = jnp.zeros(len(upper[0]))
        r, J = miss(w, A), jax.jacfwd(miss)(w, A)
        H = J.T @ J
        move = -jnp.linalg.solve(H + damping * (jnp.diag(jnp.diag(H)) + 1e-12 * jnp.eye(len(w))), J.T @ r)
        trial = miss(move, A)
        better = (trial**2).sum() < (r**2).sum()
        A = jnp.where(better, turned(A, move), A)
        return (A, jnp.where(better, damping / 5, damping * 4)), None

    def descend(A):
        (A, _), _ = jax.lax.scan(step, (A, jnp.asarray(1e-2)), None, length=60)
        u, _, v = jnp.linalg.svd(A)
        A = u @ v
        return A, jnp.sqrt((miss(jnp.zeros(len(upper[0])), A) ** 2).sum())

    return jax.jit(jax.vmap(descend))(starts)
