r"""The functions that a group leaves as they are: a joint null space over generators, never a mean over members.

For $f = C^T \phi$ and $\phi(g x) = R(g) \phi(x)$, $f(g x) = \rho(g) f(x)$ is $R(g)^T C = C \rho(g)^T$, and for a
generator $R(\xi)^T C = C \rho(\xi)^T$. It is enough to ask it of a generating set: at most $\log_2 |G|$ elements of a
finite group, and the generators of a Lie algebra.

Soleymani, Tahmasebi, Jegelka, Jaillet 2025, Learning with exact invariances in polynomial time, ICML (arXiv
2502.19758).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn._types import double_precision
from symdyn.spectral.moves import GroupMoves, moves_of
from symdyn.spectral.orbits import has_orbits, orbit_sums
from symdyn.spectral.spaces import AbstractFeatureSpace

CLOSED = 1e-8  # relative residual from which on a group leads out of a space
ROUNDING = 1e-10  # relative eigenvalue of the symmetry Laplacian below which a function counts as invariant
NARROW = 1e-5  # relative gap (squared) below which singular values decide instead
Method = Literal["auto", "laplacian", "svd", "orbits"]


@dataclass(frozen=True, eq=False)
class FixedSpace:
    """The equivariant functions of a feature space: coefficients C (size, p), spanned by orthonormal ones.

    `basis` (size * p, r): columns are C by rows; `gap`: the smallest singular value of the conditions that is not taken
    for zero, relative to the largest: how clearly the space is cut out; `closure`: the largest residual of the maps
    that the group makes of the features, of the order of rounding where the space is closed; `levels` (r,): of the
    columns.
    """

    basis: np.ndarray
    gap: float
    closure: float
    levels: np.ndarray

    @property
    def dimension(self) -> int:
        """How many equivariant functions there are."""
        return self.basis.shape[1]


def representation(space: AbstractFeatureSpace, group, *, offsets=None) -> tuple[np.ndarray, np.ndarray, float]:
    r"""The matrices $R(g)^T$ (k, size, size), $R(\xi)^T$ (g, size, size) of a group on a feature space, and closure.

    They are read off the values of the features at moved points by least squares, which is exact where the space is
    closed; the relative residual certifies it.

    Raises InputError for a group of another dimension.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> R, _, closure = sd.representation(sd.SphereHarmonics(3, 2), sd.Permutations(3))
    >>> R.shape, bool(closure < 1e-12), bool(np.allclose(R[0] @ R[0].T, np.eye(9)))
    ((2, 9, 9), True, True)
    """
    moves = moves_of(group, space.dimension, offsets=offsets)
    m = space.size
    elements, rates = np.zeros((len(moves.matrices), m, m)), np.zeros((len(moves.rates), m, m))
    closure = 0.0
    for index, own, generators, residual in _blocks(space, moves):
        elements[(slice(None), *np.ix_(index, index))], rates[(slice(None), *np.ix_(index, index))] = own, generators
        closure = max(closure, residual)
    return elements, rates, closure


def _blocks(
    space: AbstractFeatureSpace, moves: GroupMoves
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """For features that mix: their places, $R^T$ for elements and generators, and the closure."""
    groups = [np.flatnonzero(space.levels == level) for level in np.unique(space.levels)]
    x = space.draw(2 * max(len(index) for index in groups) + 20)
    _check_stays(space, moves, x)
    here = space(x)
    there = [space(moves.moved(k, x)) for k in range(len(moves.matrices))]
    along = _derivatives(space, moves, x)
    whole = [_read(here, there, along, np.arange(space.size))] if len(groups) == 1 else None
    if whole is None:
        parts = [_read(here, there, along, index) for index in groups]
        if max(part[-1] for part in parts) < CLOSED:
            yield from parts
            return
        if len(x) < 2 * space.size:  # levels mix: all features at once
            x = space.draw(2 * space.size + 20)
            here = space(x)
            there = [space(moves.moved(k, x)) for k in range(len(moves.matrices))]
            along = _derivatives(space, moves, x)
        whole = [_read(here, there, along, np.arange(space.size))]
    yield from whole


def _check_stays(space: AbstractFeatureSpace, moves: GroupMoves, x: np.ndarray) -> None:
    """Raises InputError where the group leads off the domain."""
    for k in range(len(moves.matrices)):
        if space.off(moves.moved(k, x)) > 1e-6:
            raise InputError(f"element {k} of the group leads off the domain of {space}")
    if moves.fields is not None:
        directions, step = moves.fields.at(x), 1e-4
        for k in range(directions.shape[1]):
            if space.off(x + step * directions[:, k]) > 1e-2 * step:  # an arc leaves its tangent by the square of it
                raise InputError(f"generator {k} of the group leads off the domain of {space}")


def _read(here, there, along, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    own = here[:, index]
    right = [each[:, index] for each in (*there, *along)]
    if not right:
        none = np.zeros((0, len(index), len(index)))
        return index, none, none, 0.0
    q, r = np.linalg.qr(own)
    worst, found, m = 0.0, [], len(index)
    for each in right:
        found.append(np.linalg.solve(r, q.T @ each))
        size = max(np.linalg.norm(each), 1e-3 * np.linalg.norm(own))
        worst = max(worst, float(np.linalg.norm(own @ found[-1] - each) / size))
    elements, rates = found[: len(there)], found[len(there) :]
    return index, np.array(elements).reshape(-1, m, m), np.array(rates).reshape(-1, m, m), worst


def _derivatives(space: AbstractFeatureSpace, moves: GroupMoves, x: np.ndarray) -> list[np.ndarray]:
    """Derivatives of all features along each field, at points."""
    if moves.fields is None:
        return []
    import jax.numpy as jnp

    directions = moves.fields.at(x)
    with double_precision():
        compiled = _along(space)
        return [np.asarray(compiled(jnp.asarray(x), jnp.asarray(directions[:, k]))) for k in range(directions.shape[1])]


@lru_cache(maxsize=64)
def _along(space: AbstractFeatureSpace):
    import jax

    def along(point, direction):
        return jax.jvp(space.features, (point,), (direction,))[1]

    return jax.jit(jax.vmap(along))


def fixed_space(
    space: AbstractFeatureSpace, group, *, output="scalar", offsets=None, method: Method = "auto"
) -> FixedSpace:
    r"""The invariant or equivariant functions of a feature space: one null space over generators of the group.

    The cost does not depend on the order of the group. The default is one eigenproblem of the symmetry Laplacian
    $\frac12 \sum_g (R(g)^T - 1)^T (R(g)^T - 1) + \sum_\xi R(\xi) R(\xi)^T$ for functions that mix, and, where its gap
    is too small to be sure of it, singular values condition by condition.

    Parameters
    ----------
    space: the features.
    group: a `Group` of the catalogue, or matrices (k, n, n) that generate one; compact or not.
    output: "scalar", "vector" for values that move as points do, or a pair of arrays: matrices (k, p, p) for the
        elements, (g, p, p) for the generators; (k, 1, 1) signs give relative invariants.
    offsets: shifts (k, n) that go with the elements.
    method: "laplacian"; "svd"; "orbits", without linear algebra, for waves and Hermite functions under whole matrices;
        or "auto": orbits where there are such, else the first with the second in reserve.

    Raises InputError where the group leads out of the space, and SymdynError where zero and small singular values
    cannot be told apart.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.fixed_space(sd.SphereHarmonics(10, 4), sd.Permutations(10)).dimension
    8
    """
    if method not in ("auto", "laplacian", "svd", "orbits"):
        raise InputError(f'method is "auto", "laplacian", "svd" or "orbits", got {method!r}')
    moves = moves_of(group, space.dimension, output, offsets)
    if method in ("auto", "orbits"):
        if has_orbits(space, moves):
            basis, found = orbit_sums(space, moves)
            return FixedSpace(basis, 1.0, 0.0, found)
        if method == "orbits":
            raise InputError('method="orbits" is for TorusWaves and HermiteFunctions under whole orthogonal matrices')
    p, columns, levels, gap, closure = moves.p, [], [], np.inf, 0.0
    for index, elements, rates, residual in _blocks(space, moves):
        if residual > CLOSED:
            raise InputError(
                f"the group leads out of the space: what it makes of the features is not among them (residual "
                f"{residual:.1g}); take a space that it maps to itself"
            )
        found, own = _null(_conditions(elements, rates, moves), len(index) * p, method)
        whole = np.zeros((space.size, p, found.shape[1]))
        whole[index] = found.reshape(len(index), p, -1)
        columns.append(whole.reshape(space.size * p, -1))
        level = space.levels[index].max() if len(np.unique(space.levels[index])) == 1 else 0
        levels.append(np.full(found.shape[1], level))
        gap, closure = min(gap, own), max(closure, residual)
    return FixedSpace(np.concatenate(columns, axis=1), float(gap), closure, np.concatenate(levels))


def _conditions(elements: np.ndarray, rates: np.ndarray, moves: GroupMoves) -> list[tuple[float, np.ndarray]]:
    """Matrices A with A vec(C) = 0, by rows of C, each with its weight in the symmetry Laplacian."""
    m, p = elements.shape[-1] if len(elements) else rates.shape[-1], moves.p
    own = [
        (0.5, np.kron(R, np.eye(p)) - np.kron(np.eye(m), rho)) for R, rho in zip(elements, moves.outputs, strict=True)
    ]
    return own + [
        (1.0, np.kron(R, np.eye(p)) - np.kron(np.eye(m), rho)) for R, rho in zip(rates, moves.rates, strict=True)
    ]


def _null(conditions: list[tuple[float, np.ndarray]], size: int, method: Method) -> tuple[np.ndarray, float]:
    """Orthonormal columns of the joint null space, and the relative gap."""
    if not conditions:
        return np.eye(size), np.inf
    if method != "svd":
        laplacian = sum(weight * A.T @ A for weight, A in conditions)
        values, vectors = np.linalg.eigh(laplacian)
        top = max(float(values[-1]), 1.0)
        count = int((values < ROUNDING * top).sum())
        gap = values[count] / top if count < size else np.inf
        if method == "laplacian" or gap > NARROW:
            if gap < 1e2 * ROUNDING:
                raise SymdynError(f'the gap of the conditions is {np.sqrt(gap):.1g}: take method="svd"')
            return vectors[:, :count], float(np.sqrt(gap))
    basis, gap = np.eye(size), np.inf
    for _, A in conditions:
        basis, gap = _cut(basis, A, gap)
    return basis, gap


def _cut(basis: np.ndarray, A: np.ndarray, gap: float) -> tuple[np.ndarray, float]:
    """The part of a space that one more condition leaves, and the smallest relative gap so far."""
    if not basis.shape[1]:
        return basis, gap
    _, values, rows = np.linalg.svd(A @ basis, full_matrices=True)
    values = np.pad(values, (0, basis.shape[1] - len(values)))
    top = max(float(values.max(initial=0.0)), 1.0)
    kept = values < 1e-9 * top
    if (~kept).any():
        gap = min(gap, float(values[~kept].min() / top))
    return basis @ rows[kept].T, gap
