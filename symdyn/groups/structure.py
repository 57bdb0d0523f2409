"""What kind of Lie algebra structure constants describe: ideals, series, the Killing form, a Levi factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.linalg import schur

from symdyn._errors import InputError

ZERO = 1e-7  # singular values below this share of the largest count as zero
CLUSTER = 1e-3  # eigenvalues of a random element of the centroid that are closer belong to one ideal, at least
DRAWS = 5  # of random elements: the eigenvalues of two ideals may come close by chance


@dataclass(frozen=True, eq=False)
class Structure:
    r"""The structure of a real Lie algebra with [X_i, X_j] = sum_k c[i, j, k] X_k.

    Subspaces are orthonormal rows of coordinates, (k, g).

    Parameters
    ----------
    constants: c of shape (g, g, g).
    tolerance: singular values below this share of the largest count as zero: the accuracy of the constants.
    scale: the size that the constants are judged by where theirs is smaller (of a subalgebra: that of the whole).

    Raises InputError where c is not antisymmetric or breaks the Jacobi identity by more than the tolerance allows.

    Reference: de Graaf 2000, *Lie Algebras: Theory and Algorithms*, chapters 1, 4.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.Structure(sd.SE(3).algebra.structure_constants())
    >>> found.dimension, found.signature, len(found.radical), len(found.levi), found.is_solvable
    (6, (0, 3), 3, 3, False)
    """

    constants: np.ndarray
    tolerance: float = ZERO
    scale: float = 0.0

    def __post_init__(self):
        c = np.array(self.constants, float)
        if c.ndim != 3 or len(set(c.shape)) != 1 or not np.isfinite(c).all():
            raise InputError(f"structure constants are finite numbers of shape (g, g, g), got shape {c.shape}")
        object.__setattr__(self, "constants", c)
        if np.abs(c + c.swapaxes(0, 1)).max(initial=0.0) > self.tolerance * self.size:
            raise InputError("structure constants are antisymmetric: [X, Y] = -[Y, X] fails for these")
        if self.jacobi > self.tolerance * self.size**2:
            raise InputError(
                f"these structure constants break the Jacobi identity by {self.jacobi:.1e}; raise the tolerance "
                f"(now {self.tolerance:.1e}) where they are measured"
            )

    @property
    def dimension(self) -> int:
        """The number of generators, g."""
        return len(self.constants)

    @property
    def size(self) -> float:
        """What structure constants are small or large beside: the largest of them."""
        return max(float(np.abs(self.constants).max(initial=0.0)), self.scale, 1e-300)

    @cached_property
    def jacobi(self) -> float:
        """The largest entry of [[X, Y], Z] + cyclic."""
        double = np.einsum("ijk,klm->ijlm", self.constants, self.constants)
        cyclic = double + np.transpose(double, (1, 2, 0, 3)) + np.transpose(double, (2, 0, 1, 3))
        return float(np.abs(cyclic).max(initial=0.0))

    @cached_property
    def killing(self) -> np.ndarray:
        """The Killing form tr(ad_i ad_j), (g, g)."""
        return np.einsum("iab,jba->ij", self.constants, self.constants)

    @cached_property
    def signature(self) -> tuple[int, int]:
        """The numbers of positive and of negative eigenvalues of the Killing form."""
        if not self.dimension:
            return 0, 0
        values = np.linalg.eigvalsh(self.killing)
        small = self.tolerance * max(np.abs(values).max(), self.size**2)
        return int((values > small).sum()), int((values < -small).sum())

    @cached_property
    def derived_series(self) -> tuple[np.ndarray, ...]:
        """g, [g, g], [[g, g], [g, g]], ... down to the first that repeats (left out) or is zero."""
        return self._series(lambda last: self._brackets(last, last))

    @cached_property
    def lower_central_series(self) -> tuple[np.ndarray, ...]:
        """g, [g, g], [g, [g, g]], ... down to the first that repeats (left out) or is zero."""
        return self._series(lambda last: self._brackets(np.eye(self.dimension), last))

    @property
    def is_abelian(self) -> bool:
        return not len(self._brackets(np.eye(self.dimension), np.eye(self.dimension)))

    @property
    def is_solvable(self) -> bool:
        return not len(self.derived_series[-1])

    @property
    def is_nilpotent(self) -> bool:
        return not len(self.lower_central_series[-1])

    @cached_property
    def centre(self) -> np.ndarray:
        """What commutes with everything."""
        return self._kernel(self.constants.reshape(self.dimension, -1).T, self.size)

    @cached_property
    def radical(self) -> np.ndarray:
        """The largest solvable ideal: the Killing complement of [g, g]."""
        derived = self._brackets(np.eye(self.dimension), np.eye(self.dimension))
        return self._kernel(derived @ self.killing, self.size**2)

    @cached_property
    def nilradical(self) -> np.ndarray:
        """The largest nilpotent ideal: members x of the radical with tr(ad_x A) = 0 for all products A of ad's.

        Products of random elements stand for all (Dixmier 1974, *Algebres enveloppantes*, 1.4).
        """
        radical, rng = self.radical, np.random.default_rng(0)
        if not len(radical):
            return radical
        ad = np.einsum("ni,ijk->nkj", radical, self.constants) / self.size
        rows = []
        for k in range(4 * len(radical) + 8):
            product = np.eye(self.dimension)
            for _ in range(k % 5):
                step = np.einsum("i,ijk->kj", rng.normal(size=self.dimension), self.constants)
                product = product + product @ step / max(float(np.linalg.norm(step)), 1e-300)
            rows.append(np.einsum("nij,ji->n", ad, product))
        return self._kernel(np.array(rows), 1.0) @ radical

    @cached_property
    def levi(self) -> np.ndarray:
        """A semisimple subalgebra that complements the radical.

        A complement of the radical R is corrected along R, [R, R], ...: each correction solves linear equations modulo
        the next ideal (de Graaf 2000, section 4.13).
        """
        radical, c = self.radical, self.constants
        levi = _complement(radical, self.dimension)
        if not len(levi) or not len(radical):
            return levi
        inside = self.restricted(radical)
        series = [level @ radical for level in inside.derived_series]
        levels = [*series, np.zeros((0, self.dimension))] if len(series[-1]) else series
        for upper, lower in pairwise(levels):
            brackets = np.einsum("ai,bj,ijk->abk", levi, levi, c)
            both = np.concatenate([levi, radical])
            gamma = np.linalg.lstsq(both.T, brackets.reshape(-1, self.dimension).T, rcond=None)[0][: len(levi)]
            gamma = gamma.T.reshape(len(levi), len(levi), len(levi))
            error = np.einsum("abk,ki->abi", gamma, levi) - brackets
            moved = np.einsum("ai,uj,ijk->auk", levi, upper, c)  # [x_a, r_u]
            away = np.eye(self.dimension) - lower.T @ lower
            size, k = len(levi), len(upper)
            system = np.zeros((size, size, self.dimension, size, k))
            for a in range(size):
                for b in range(size):
                    system[a, b, :, b] += away @ moved[a].T
                    system[a, b, :, a] -= away @ moved[b].T
                    system[a, b] -= np.einsum("k,ui,ij->jku", gamma[a, b], upper, away.T)
            found = np.linalg.lstsq(system.reshape(-1, size * k), (error @ away.T).ravel(), rcond=None)[0]
            levi = levi + found.reshape(size, k) @ upper
        return np.linalg.qr(levi.T)[0].T

    @cached_property
    def ideals(self) -> tuple[np.ndarray, ...]:
        """The indecomposable ideals that the algebra is the direct sum of; commuting directions are taken together.

        They are the invariant subspaces of a random element of the centroid, the maps T with T[x, y] = [T x, y].
        """
        g = self.dimension
        if not g:
            return ()
        rng = np.random.default_rng(0)
        ad = self.constants.swapaxes(1, 2)  # ad[i] maps coordinates, [X_i, y] = ad[i] y
        gram = np.zeros((g * g, g * g))
        for a in ad:  # T a = a T for all x, as equations on vec(T)
            block = np.kron(np.eye(g), a.T) - np.kron(a, np.eye(g))
            gram += block.T @ block
        values, vectors = np.linalg.eigh(gram)
        centroid = vectors[:, values <= (self.tolerance * max(np.sqrt(values[-1]), self.size)) ** 2].T
        # an error e of the constants splits a Jordan block by sqrt(e)
        near = max(CLUSTER, 3 * self.tolerance**0.5)
        draws = [(rng.normal(size=len(centroid)) @ centroid).reshape(g, g) for _ in range(DRAWS)]
        parts = max((_invariant_subspaces(mixed, near) for mixed in draws), key=len)
        abelian = [part for part in parts if self.restricted(part).is_abelian]
        others = [part for part in parts if not self.restricted(part).is_abelian]
        flat = np.concatenate(abelian) if abelian else np.zeros((0, g))
        return (*others, *([self._span(flat)] if len(flat) else []))

    @cached_property
    def centroid_dimension(self) -> int:
        """How many maps T have T[x, y] = [T x, y]: for a simple algebra 1 where it is real, 2 where it is complex."""
        g = self.dimension
        ad = self.constants.swapaxes(1, 2)
        equations = np.concatenate([np.kron(np.eye(g), a.T) - np.kron(a, np.eye(g)) for a in ad])
        return len(self._kernel(equations, self.size))

    def restricted(self, rows: np.ndarray) -> Structure:
        """The structure of a subalgebra (k, g) in the coordinates of its rows."""
        brackets = np.einsum("ai,bj,ijk->abk", rows, rows, self.constants).reshape(-1, self.dimension)
        inside = np.linalg.lstsq(rows.T, brackets.T, rcond=None)[0] if len(rows) else np.zeros((0, 0))
        left = brackets - inside.T @ rows
        if np.abs(left).max(initial=0.0) > 10 * self.tolerance * self.size:
            raise InputError("the bracket of two members leaves the subspace: it is no subalgebra")
        return Structure(inside.T.reshape(len(rows), len(rows), len(rows)), self.tolerance, self.size)

    def _series(self, following) -> tuple[np.ndarray, ...]:
        out = [np.eye(self.dimension)]
        while len(out[-1]):
            level = following(out[-1])
            if len(level) == len(out[-1]):
                break
            out.append(level)
        return tuple(out)

    def _brackets(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return self._span(np.einsum("ai,bj,ijk->abk", left, right, self.constants).reshape(-1, self.dimension))

    def _span(self, vectors: np.ndarray) -> np.ndarray:
        """An orthonormal basis of the span of rows; what is small beside the structure constants is zero."""
        if not vectors.size:
            return np.zeros((0, self.dimension))
        _, values, right = np.linalg.svd(vectors, full_matrices=False)
        return right[values > self.tolerance * max(values[0], self.size)]

    def _kernel(self, matrix: np.ndarray, size: float) -> np.ndarray:
        """Orthonormal rows that a matrix of entries of about `size` maps to zero."""
        if not matrix.size:
            return np.eye(matrix.shape[1])
        _, values, right = np.linalg.svd(matrix)
        values = np.append(values, np.zeros(len(right) - len(values)))
        return right[values <= self.tolerance * max(values[0], size)]


def _complement(rows: np.ndarray, g: int) -> np.ndarray:
    return np.linalg.svd(rows)[2][len(rows) :] if len(rows) else np.eye(g)


def _invariant_subspaces(matrix: np.ndarray, share: float) -> list[np.ndarray]:
    """The invariant subspaces of the clusters of eigenvalues, conjugates together: orthonormal rows."""
    values = np.linalg.eigvals(matrix)
    points = np.stack([values.real, np.abs(values.imag)], axis=1)
    near, clusters = share * max(np.abs(values).max(), 1e-300), []
    for point in points:
        close = [k for k, cluster in enumerate(clusters) if np.linalg.norm(cluster - point, axis=1).min() < near]
        merged = np.concatenate([point[None], *(clusters[k] for k in close)])
        clusters = [cluster for k, cluster in enumerate(clusters) if k not in close] + [merged]
    out = []
    for cluster in clusters:
        _, basis, count = schur(matrix, output="real", sort=_member(cluster, near))  # pyright: ignore[reportAssignmentType]
        out.append(basis[:, :count].T)
    return out


def _member(cluster: np.ndarray, near: float) -> Callable[..., bool]:
    """Whether an eigenvalue is near one of a cluster. SciPy counts the arguments, so it is a bare function."""
    return lambda re, im=0.0: bool(np.linalg.norm(cluster - [re, abs(im)], axis=1).min() < near)
