"""Lie algebras and groups of affine maps: a closed span of generators, and one element per further component."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups.representations import AbstractRepresentation

if TYPE_CHECKING:
    from symdyn.groups.action import Action

_CLOSED = 1e-9  # relative residual below which a bracket counts as a member of the span


@dataclass(frozen=True)
class LieAlgebra:
    r"""A Lie algebra of affine vector fields on R^n: the generators x -> A_i x + a_i.

    The bracket is that of the matrices [[A, a], [0, 0]]; [X_i, X_j] = sum_k c_ijk X_k.

    Parameters
    ----------
    name: for messages and figures.
    matrices: the linear parts A, shape (g, n, n).
    shifts: the translations a, shape (g, n); zero by default.
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
    matrices: Frozen
    shifts: Frozen = None  # pyright: ignore[reportAssignmentType]  (filled below)
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        matrices = np.array(self.matrices, float)
        if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or matrices.shape[1] == 0:
            raise InputError(f"the matrices of {self.name} need the shape (g, n, n), got {matrices.shape}")
        g, n = matrices.shape[:2]
        shifts = np.zeros((g, n)) if self.shifts is None else np.array(self.shifts, float)
        if shifts.shape != (g, n):
            raise InputError(f"the shifts of {self.name} need the shape {(g, n)}, got {shifts.shape}")
        if not (np.isfinite(matrices).all() and np.isfinite(shifts).all()):
            raise InputError(f"the generators of {self.name} hold values that are not finite")
        labels = tuple(self.labels) or tuple(f"{self.name}_{k}" for k in range(g))
        if len(labels) != g or len(set(labels)) != g:
            raise InputError(f"{self.name} has {g} generators and needs as many different labels, got {labels}")
        object.__setattr__(self, "matrices", Frozen(matrices))
        object.__setattr__(self, "shifts", Frozen(shifts))
        object.__setattr__(self, "labels", labels)
        self._check_independent()
        self.structure_constants()

    @property
    def dimension(self) -> int:
        """The number of generators, g."""
        return len(self.labels)

    @property
    def n(self) -> int:
        """The size of the matrices."""
        return self.matrices.shape[1]

    @cached_property
    def homogeneous(self) -> np.ndarray:
        """The generators as matrices [[A, a], [0, 0]] on (x, 1): shape (g, n + 1, n + 1)."""
        out = np.zeros((self.dimension, self.n + 1, self.n + 1))
        out[:, :-1, :-1] = self.matrices.array
        out[:, :-1, -1] = self.shifts.array
        return out

    @cached_property
    def _structure(self) -> np.ndarray:
        X, g = self.homogeneous, self.dimension
        products = np.einsum("iab,jbc->ijac", X, X)
        return self._coordinates(products - products.swapaxes(0, 1), lambda k: self._pair(k // g, k % g))

    def structure_constants(self, convention: Literal["matrix", "field"] = "matrix") -> np.ndarray:
        """c of shape (g, g, g) with [X_i, X_j] = sum_k c[i, j, k] X_k.

        `convention="matrix"`: the commutator of matrices. `"field"`: the bracket [xi, eta] = D eta xi - D xi eta of the
        vector fields xi = A x + a, which is minus the former.
        """
        if convention not in ("matrix", "field"):
            raise InputError(f'the convention is "matrix" or "field", got {convention!r}')
        return self._structure.copy() if convention == "matrix" else -self._structure

    def bracket(self, u, v, convention: Literal["matrix", "field"] = "matrix") -> np.ndarray:
        """The bracket of two members given by their coordinates u, v of shape (g,): shape (g,)."""
        return np.einsum("i,j,ijk->k", np.asarray(u, float), np.asarray(v, float), self.structure_constants(convention))

    def _coordinates(self, X: np.ndarray, what) -> np.ndarray:
        """Coordinates of matrices X (..., n + 1, n + 1) in the generators; InputError where one is no member."""
        flat = X.reshape(-1, (self.n + 1) ** 2)
        if self.dimension == 0:
            return np.zeros((*X.shape[:-2], 0))
        basis = self.homogeneous.reshape(self.dimension, -1)
        found, *_ = np.linalg.lstsq(basis.T, flat.T, rcond=None)
        residual = np.linalg.norm(flat - found.T @ basis, axis=1)
        size = np.linalg.norm(flat, axis=1)
        bad = np.flatnonzero(residual > _CLOSED * np.maximum(size, np.abs(basis).max()))
        if bad.size:
            raise InputError(f"{what(int(bad[0]))} leaves the span of the {self.dimension} generators of {self.name}")
        found[np.abs(found) < _CLOSED * np.abs(found).max(initial=0.0)] = 0.0
        return found.T.reshape(*X.shape[:-2], self.dimension)

    def _pair(self, i: int, j: int) -> str:
        return f"the bracket of {self.labels[i]!r} and {self.labels[j]!r}"

    def _check_independent(self) -> None:
        rank = np.linalg.matrix_rank(self.homogeneous.reshape(self.dimension, -1)) if self.dimension else 0
        if rank < self.dimension:
            raise InputError(f"the {self.dimension} generators of {self.name} are linearly dependent (rank {rank})")

    def __str__(self) -> str:
        return f"{self.name}: {self.dimension} generators on R^{self.n} ({', '.join(self.labels)})"


@dataclass(frozen=True)
class Group:
    """A Lie group: its algebra, and one matrix for each connected component besides that of the identity.

    Parameters
    ----------
    name: for messages and figures.
    algebra: the Lie algebra of the component of the identity.
    elements: representatives of the other components, shape (k, n, n); none by default. Those that generate the
        others are enough.
    labels: k texts for them.

    Raises InputError where an element is singular or does not map the algebra to itself.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.O(2))
    O(2): 1 generator (rotation) and 1 element (reflection_x)
    >>> sd.SO(3).acting_on(position=sd.Vector)
    SO(3) on position=Vector
    """

    name: str
    algebra: LieAlgebra
    elements: Frozen = field(default=None)  # pyright: ignore[reportAssignmentType]  (filled below)
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        n = self.algebra.n
        elements = np.zeros((0, n, n)) if self.elements is None else np.array(self.elements, float)
        if elements.ndim != 3 or elements.shape[1:] != (n, n):
            raise InputError(f"the elements of {self.name} need the shape (k, {n}, {n}), got {elements.shape}")
        labels = tuple(self.labels) or tuple(f"{self.name}_element_{k}" for k in range(len(elements)))
        if len(labels) != len(elements):
            raise InputError(f"{self.name} has {len(elements)} elements and {len(labels)} labels for them")
        for label, g in zip(labels, elements, strict=True):
            if not np.isfinite(g).all() or np.linalg.matrix_rank(g) < n:
                raise InputError(f"the element {label!r} of {self.name} has no inverse")
            self._check_normalises(label, g)
        object.__setattr__(self, "elements", Frozen(elements))
        object.__setattr__(self, "labels", labels)

    def _check_normalises(self, label: str, g: np.ndarray) -> None:
        h = np.eye(len(g) + 1)
        h[:-1, :-1] = g
        moved = h @ self.algebra.homogeneous @ np.linalg.inv(h)
        self.algebra._coordinates(moved, lambda k: f"{self.algebra.labels[k]!r}, moved by the element {label!r},")

    def acting_on(self, *, time: AbstractRepresentation | None = None, **representations) -> Action:
        """This group acting on named variables of a state.

        Parameters
        ----------
        representations: one per variable of the state: `position=sd.Vector`, `mass=sd.Scalar`.
        time: how time scales, for scalings: `time=sd.Weight(3)`. Time is untouched by default.

        Raises InputError for what is no representation; variables are checked once the state is known.
        """
        from symdyn.groups.action import Action, GroupPart

        for name, representation in {"time": time, **representations}.items():
            if not isinstance(representation, AbstractRepresentation) and not (name == "time" and time is None):
                raise InputError(
                    f"{name} needs a representation such as Scalar, Vector, Point or Weight(1), got {representation!r}"
                )
        if not representations:
            raise InputError(f"{self.name}.acting_on() needs a variable: write acting_on(position=sd.Vector)")
        return Action((GroupPart(self, tuple(representations.items()), time),))

    def __str__(self) -> str:
        g, k = self.algebra.dimension, len(self.labels)
        text = f"{self.name}: {g} generator{'s' * (g != 1)}" + f" ({', '.join(self.algebra.labels)})" * (g > 0)
        return text + f" and {k} element{'s' * (k != 1)} ({', '.join(self.labels)})" * (k > 0)
