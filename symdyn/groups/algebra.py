"""Lie algebras: closed spans of polynomial vector fields, with their structure constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy import sparse
from scipy.linalg import qr

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups.brackets import commutators, flattened, norms, solved
from symdyn.groups.polynomial import Polynomial, concatenated, read_polynomial, stacked

_CLOSED = 1e-9  # relative residual below which a bracket counts as a member of the span


@dataclass(frozen=True)
class LieAlgebra:
    r"""A Lie algebra of polynomial vector fields on R^n, mostly linear ones: the generators x -> xi_i(x).

    The bracket of matrices is the commutator; that of fields, [xi, eta] = D eta xi - D xi eta, is minus the former.

    Parameters
    ----------
    name: for messages and figures.
    generators: matrices A of shape (g, n, n) for xi = A x, or a `Polynomial` of shape (g, n):
        `Polynomial.affine(matrices, shifts)` for xi = A x + a.
    labels: g texts; `name_0`, ... by default.

    Raises InputError where the generators are linearly dependent or a bracket leaves their span.

    Reference: Otto et al. 2025, JMLR 26(248).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> borel = sd.LieAlgebra("borel", np.array([[[1.0, 0], [0, -1]], [[0, 1.0], [0, 0]]]))
    >>> borel.dimension, borel.bracket([1, 0], [0, 1]).tolist()
    (2, [0.0, 2.0])
    """

    name: str
    generators: Polynomial
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        generators = self.generators
        if not isinstance(generators, Polynomial):
            matrices = np.array(generators, float)
            if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or matrices.shape[1] == 0:
                raise InputError(f"the matrices of {self.name} need the shape (g, n, n), got {matrices.shape}")
            generators = Polynomial.affine(matrices, np.zeros(matrices.shape[:2]))
        if len(generators.shape) != 2 or generators.shape[1] != generators.n:
            n = generators.n
            raise InputError(
                f"the fields of {self.name} need the shape (g, {n}) in {n} variables, got {generators.shape}"
            )
        if not np.isfinite(generators.coefficients.array).all():
            raise InputError(f"the generators of {self.name} hold values that are not finite")
        g = generators.shape[0]
        labels = tuple(self.labels) or tuple(f"{self.name}_{k}" for k in range(g))
        if len(labels) != g or len(set(labels)) != g:
            raise InputError(f"{self.name} has {g} generators and needs as many different labels, got {labels}")
        object.__setattr__(self, "generators", generators)
        object.__setattr__(self, "labels", labels)
        self._check_independent()
        self._structure  # noqa: B018  raises where a bracket leaves the span

    @classmethod
    def of_fields(cls, name: str, axes: Sequence[str], fields: Mapping[str, Mapping[str, str]]) -> LieAlgebra:
        """An algebra of polynomial vector fields written as text.

        Parameters
        ----------
        axes: the names of the n coordinates.
        fields: by label, the components that are not zero as polynomials in the axes.

        Examples
        --------
        >>> import symdyn as sd
        >>> projective = {"P": {"x": "1"}, "D": {"x": "x"}, "K": {"x": "x^2"}}
        >>> sd.LieAlgebra.of_fields("sl(2)", ("x",), projective).bracket([1, 0, 0], [0, 0, 1], "field").tolist()
        [0.0, 2.0, 0.0]
        """
        rows = []
        for label, components in fields.items():
            for axis in components:
                if axis not in axes:
                    raise InputError(f"the field {label!r} moves {axis!r}; the axes are {', '.join(axes)}")
            rows.append(stacked([read_polynomial(components.get(axis, "0"), axes) for axis in axes]))
        if not rows:
            raise InputError(f"{name} needs at least one field")
        return cls(name, stacked(rows), tuple(fields))

    @property
    def dimension(self) -> int:
        """The number of generators, g."""
        return len(self.labels)

    @property
    def n(self) -> int:
        """The number of coordinates that the fields live on."""
        return self.generators.n

    @cached_property
    def matrices(self) -> Frozen:
        """The linear parts A of the generators (at the origin): shape (g, n, n)."""
        return Frozen(self.generators.linear_part)

    @cached_property
    def shifts(self) -> Frozen:
        """The translations a of the generators (at the origin): shape (g, n)."""
        return Frozen(self.generators.constant_part)

    @property
    def is_affine(self) -> bool:
        """Whether every generator is xi = A x + a."""
        return self.generators.degree <= 1

    @cached_property
    def homogeneous(self) -> np.ndarray:
        """The generators of an affine algebra as matrices [[A, a], [0, 0]] on (x, 1): shape (g, n + 1, n + 1)."""
        if not self.is_affine:
            raise InputError(f"{self.name} moves points by fields of degree {self.generators.degree}, not by matrices")
        out = np.zeros((self.dimension, self.n + 1, self.n + 1))
        out[:, :-1, :-1] = self.matrices.array
        out[:, :-1, -1] = self.shifts.array
        return out

    @cached_property
    def _structure(self) -> Any:
        """Structure constants of the commutator of matrices, minus those of fields: sparse rows (i, j), (g^2, g)."""
        g, labels = self.dimension, self.labels
        if not g:
            return sparse.csr_matrix((0, 0))
        fields, basis, scale = commutators(self.generators)

        def pair(row: int) -> str:
            return f"the bracket of {labels[row // g]!r} and {labels[row % g]!r}"

        return self._members(basis, fields, scale, pair)

    def _brackets(self, rows: np.ndarray, k: int) -> np.ndarray:
        """The brackets of members (m, g) with generator k: (m, g)."""
        return rows @ self._structure[k :: self.dimension]

    def structure_constants(self, convention: Literal["matrix", "field"] = "matrix") -> np.ndarray:
        """c of shape (g, g, g) with [X_i, X_j] = sum_k c[i, j, k] X_k.

        `convention="matrix"`: the commutator of matrices. `"field"`: the bracket [xi, eta] = D eta xi - D xi eta of the
        vector fields, which is minus the former.
        """
        if convention not in ("matrix", "field"):
            raise InputError(f'the convention is "matrix" or "field", got {convention!r}')
        constants = self._structure.toarray().reshape((self.dimension,) * 3)
        return constants if convention == "matrix" else -constants

    def bracket(self, u, v, convention: Literal["matrix", "field"] = "matrix") -> np.ndarray:
        """The bracket of two members given by their coordinates u, v of shape (g,): shape (g,)."""
        return np.einsum("i,j,ijk->k", np.asarray(u, float), np.asarray(v, float), self.structure_constants(convention))

    @cached_property
    def generating(self) -> tuple[int, ...]:
        """Indices of generators that give all others by brackets: what is equivariant under them is so under all."""
        chosen: list[int] = []
        span = np.zeros((0, self.dimension))
        for k, unit in enumerate(np.eye(self.dimension)):
            if np.linalg.norm(unit - span.T @ (span @ unit)) > _CLOSED:
                chosen.append(k)
                fresh = np.concatenate([unit[None], self._brackets(span, k)])
                span = self._grown(span, fresh, chosen)
        for k in tuple(chosen):  # later ones may give the earlier
            rest = [other for other in chosen if other != k]
            if rest and len(self._grown(span[:0], np.eye(self.dimension)[rest], rest)) == self.dimension:
                chosen = rest
        return tuple(chosen)

    def _grown(self, basis: np.ndarray, new: np.ndarray, chosen: list[int]) -> np.ndarray:
        """Orthonormal rows (k, g) with new members added, closed under brackets with the chosen generators.

        Brackets nested to one side, [a, [b, [c, ...]]], span a subalgebra: members need brackets with the chosen only.
        """
        while len(new):
            new = _beyond(basis, new)
            basis = np.concatenate([basis, new])
            new = np.concatenate([self._brackets(new, k) for k in chosen])
        return basis

    def coordinates(self, fields: Polynomial, what, scale: np.ndarray | None = None) -> np.ndarray:
        """Coordinates (k, g) of vector fields (k, n) in the generators.

        Raises InputError where one is no member; `what(index)` names it. `scale` (k,) is the size of the terms that
        were summed to the fields, which bounds their rounding errors.
        """
        if self.dimension == 0:
            return np.zeros((fields.shape[0], 0))
        both = concatenated([self.generators, fields])  # one set of monomials
        flat = flattened(both.exponents.array, both)
        basis, members = flat[: self.dimension], flat[self.dimension :]
        return self._members(basis, members, norms(members) if scale is None else scale, what).toarray()

    def _members(self, basis: Any, members: Any, scale: np.ndarray, what) -> Any:
        """Coordinates (k, g), sparse, of sparse rows in the rows of the basis."""
        found, left = solved(basis, members)
        bad = np.flatnonzero(left > _CLOSED * scale)
        if bad.size:
            raise InputError(
                f"{what(int(bad[0]))} leaves the span of the {self.dimension} generators of {self.name}; add it as a "
                "generator, or give the fields as an Action, which need not close"
            )
        found = found.tocoo()
        values = found.data * norms(basis)[found.col]
        values = np.where(np.abs(values) < _CLOSED * scale[found.row], 0.0, found.data)
        near = np.round(2 * values) / 2  # whole and half numbers are meant exactly
        values = np.where(np.abs(values - near) <= 1e-13 * np.abs(values), near, values)
        out = sparse.csr_matrix((values, (found.row, found.col)), shape=found.shape)
        out.eliminate_zeros()
        return out

    def _check_independent(self) -> None:
        values, size = self.generators.coefficients.array, self.generators.norms
        scaled = np.moveaxis(values / np.where(size, size, 1.0)[:, None], 1, 0).reshape(len(size), len(values) * self.n)
        rank = np.linalg.matrix_rank(scaled) if scaled.size else 0
        if rank < self.dimension:
            raise InputError(f"the {self.dimension} generators of {self.name} are linearly dependent (rank {rank})")

    def __str__(self) -> str:
        return f"{self.name}: {self.dimension} generators on R^{self.n} ({', '.join(self.labels)})"


def _beyond(basis: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what vectors (k, g) add to the span of orthonormal rows.

    By a pivoted factorisation, which leaves unit vectors what they are: brackets of those are cheap.
    """
    size = np.linalg.norm(vectors, axis=1)
    limit = _CLOSED * max(size.max(initial=0.0), 1e-300)
    vectors = vectors[size > limit]
    rest = vectors - (vectors @ basis.T) @ basis
    rest = rest - (rest @ basis.T) @ basis  # once more for what rounding left
    rest = rest[np.linalg.norm(rest, axis=1) > limit]
    if not len(rest):
        return rest
    found: Any = qr(rest.T, mode="economic", pivoting=True)
    q, r, _ = found
    return q.T[np.abs(np.diag(r)) > limit]
