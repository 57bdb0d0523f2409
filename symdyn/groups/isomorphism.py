r"""Isomorphisms between Lie algebras given by structure constants, and the invariants that rule them out.

A map T is an isomorphism onto an algebra with brackets $[\cdot, \cdot]'$ if it is invertible and
$T [x, y] = [T x, T y]'$. A generic element x of the first is matched with an element x' of the second whose adjoint map
has the same characteristic polynomial. T must then intertwine the adjoint maps, $T \, ad_x = ad'_{x'} T$: linear
equations that leave few unknowns, for which the other brackets are solved by least squares (Levenberg-Marquardt).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.groups.structure import Structure

LARGEST = 16  # dimension in which an isomorphism is sought
ELEMENTS, STARTS = 8, 4  # elements x' that are tried, and starts for each
STEPS = 60
EXACT = 1e-6  # accuracy of spectra and intertwiners that exact constants allow


@dataclass(frozen=True, eq=False)
class Isomorphism:
    """`matrix` (g, g): the images of the generators in the other algebra's, as rows; `residual`: the largest
    |T [x, y] - [T x, T y]'| of two generators, as a share of the largest of these brackets; `condition` of the matrix.
    """

    matrix: np.ndarray
    residual: float
    condition: float


def invariants(structure: Structure) -> tuple:
    """Numbers that isomorphic algebras have in common."""
    c = structure.constants
    return (
        structure.dimension,
        structure.signature,
        tuple(len(level) for level in structure.derived_series),
        tuple(len(level) for level in structure.lower_central_series),
        len(structure.centre),
        len(structure.radical),
        len(structure.nilradical),
        structure.centroid_dimension,
        _generic_rank(c, structure.tolerance),
    )


def _generic_rank(c: np.ndarray, tolerance: float) -> int:
    """The rank of the matrix [X_i, X_j] at a generic point of the dual: g less the number of Casimir invariants."""
    values = np.linalg.svd(c @ np.random.default_rng(1).normal(size=len(c)), compute_uv=False)
    return int((values > tolerance * max(values.max(initial=0.0), 1e-300)).sum())


def isomorphism(first: Structure, other: Structure, *, seed: int = 0) -> Isomorphism | None:
    """A map of the first algebra onto the other, or None where none was found.

    None does not prove that there is none, unless the `invariants` differ. Not sought above `LARGEST` dimensions.
    """
    g, rng = first.dimension, np.random.default_rng(seed)
    if g != other.dimension or g > LARGEST:
        return None
    if not g:
        return Isomorphism(np.zeros((0, 0)), 0.0, 1.0)
    # the sizes of the generators are no part of the question: brackets of about one on both sides
    one, two = _balanced(first.constants), _balanced(other.constants)
    accuracy = max(first.tolerance, EXACT)
    limit = max(30 * first.tolerance, 1e-7)
    best: Isomorphism | None = None
    for _ in range(ELEMENTS):
        x = rng.normal(size=g)
        image = _matching(one.c, two.c, x, rng, accuracy)
        if image is None:
            continue
        for matrix in _intertwining(one.c, two.c, x, image, rng, accuracy):
            found = _judged(one.back(matrix, two), first.constants, other.constants)
            if best is None or found.residual < best.residual:
                best = found
            if best.residual < limit and best.condition < 1e8:
                return best
    return None


@dataclass(frozen=True, eq=False)
class _Balanced:
    """Structure constants `c` of generators multiplied by `factor`."""

    c: np.ndarray
    factor: float

    def back(self, matrix: np.ndarray, other: _Balanced) -> np.ndarray:
        """A map between balanced generators as one between the given ones."""
        return matrix * other.factor / self.factor


def _balanced(c: np.ndarray) -> _Balanced:
    size = float(np.abs(c).max(initial=0.0))
    return _Balanced(c / size, 1 / size) if size else _Balanced(c, 1.0)


def _adjoint(c: np.ndarray, x: np.ndarray) -> np.ndarray:
    """ad_x as a matrix that maps coordinates: [x, y] = ad_x y."""
    return np.einsum("i,ijk->kj", x, c)


def _spectrum(matrix: np.ndarray) -> np.ndarray:
    """Traces of the powers of a matrix, each brought to the size of its eigenvalues."""
    out, power = [], np.eye(len(matrix))
    for _ in range(len(matrix)):
        power = power @ matrix
        out.append(np.trace(power))
    return np.array(out)


def _matching(
    one: np.ndarray, two: np.ndarray, x: np.ndarray, rng: np.random.Generator, accuracy: float
) -> np.ndarray | None:
    """An element of the second algebra whose adjoint map has the spectrum of that of x in the first."""
    from scipy.optimize import least_squares

    ad = _adjoint(one, x)
    size = max(float(np.abs(np.linalg.eigvals(ad)).max()), 1e-3)
    powers = size ** np.arange(1, len(x) + 1)
    goal = _spectrum(ad) / powers

    def away(y: np.ndarray) -> np.ndarray:
        return np.concatenate([_spectrum(_adjoint(two, y)) / powers - goal, np.zeros(len(y))])

    for _ in range(3):
        found = least_squares(away, rng.normal(size=len(x)), method="lm", max_nfev=200 * len(x))
        if np.abs(found.fun).max() < accuracy:
            return found.x
    return None


def _intertwining(
    one: np.ndarray, two: np.ndarray, x: np.ndarray, image: np.ndarray, rng: np.random.Generator, accuracy: float
):
    """Maps with T ad_x = ad_x' T that keep the other brackets as well as they can, from several starts."""
    from scipy.optimize import least_squares

    g = len(x)
    equations = np.kron(np.eye(g), _adjoint(one, x).T) - np.kron(_adjoint(two, image), np.eye(g))
    _, values, right = np.linalg.svd(equations)
    free = right[values <= accuracy * max(values[0], 1e-300)].reshape(-1, g, g)  # maps of coordinates, T y
    upper = np.triu_indices(g, 1)

    def brackets(matrix: np.ndarray) -> np.ndarray:
        left = np.einsum("ijk,lk->ijl", one, matrix)
        return (left - np.einsum("ai,bj,abl->ijl", matrix, matrix, two))[upper]

    def away(weights: np.ndarray) -> np.ndarray:
        matrix = np.tensordot(weights, free, axes=1)
        return np.concatenate([brackets(matrix).ravel(), matrix @ x - image, np.zeros(len(free))])

    def slope(weights: np.ndarray) -> np.ndarray:
        matrix = np.tensordot(weights, free, axes=1)
        left = np.einsum("ijk,mlk->ijlm", one, free)
        half = np.einsum("mai,abl->mibl", free, two)
        half = np.einsum("mibl,bj->ijlm", half, matrix)
        whole = left - half + np.swapaxes(half, 0, 1)  # the bracket is antisymmetric
        rest = np.einsum("mij,j->im", free, x)
        return np.concatenate([whole[upper].reshape(-1, len(free)), rest, np.zeros((len(free), len(free)))])

    start = np.linalg.lstsq(np.einsum("mij,j->im", free, x), image, rcond=None)[0]
    for k in range(STARTS):
        first = start + (0.3 + k) * rng.normal(size=len(free)) if len(free) else start
        found = least_squares(away, first, slope, method="lm", max_nfev=STEPS)  # pyright: ignore[reportArgumentType]
        yield np.tensordot(found.x, free, axes=1).T


def _judged(matrix: np.ndarray, one: np.ndarray, two: np.ndarray) -> Isomorphism:
    left = np.einsum("ijk,kl->ijl", one, matrix)
    right = np.einsum("ia,jb,abl->ijl", matrix, matrix, two)
    size = max(float(np.abs(left).max()), float(np.abs(right).max()), 1e-300)
    lengths = np.linalg.norm(matrix, axis=1)
    scaled = matrix / np.where(lengths > 0, lengths, 1.0)[:, None]
    return Isomorphism(matrix, float(np.abs(left - right).max() / size), float(np.linalg.cond(scaled)))
