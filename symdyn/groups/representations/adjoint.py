"""The adjoint representation of a group, on the coordinates of its algebra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.polynomial import Polynomial, stacked
from symdyn.groups.representations.base import AbstractLinear
from symdyn.groups.representations.metric import tidy

if TYPE_CHECKING:
    from symdyn.groups.group import Group


@dataclass(frozen=True)
class Adjoint(AbstractLinear):
    """The coordinates of a member of a group's algebra: a gauge field, a momentum map's dual, a twist.

    A generator acts as the bracket with it, in the basis of `group.algebra` (the commutator of matrices), an element by
    conjugation. The coadjoint representation is `Adjoint(group).dual`. A group with translations, or one that acts by
    curved fields, must be the one that acts; it has no `linear`.

    Raises InputError for what is no member of the group's algebra.

    Examples
    --------
    >>> import symdyn as sd
    >>> spin = sd.Adjoint(sd.SO(3))
    >>> spin, spin.linear(sd.SO(3).algebra.matrices[2]).tolist()
    (Adjoint(SO(3)), [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    """

    group: Group

    def __post_init__(self):
        from symdyn.groups.group import Group

        if not isinstance(self.group, Group):
            raise InputError(f"Adjoint needs a group such as SO(3), got {self.group!r}")
        if self.group.algebra.dimension == 0:
            raise InputError(f"Adjoint needs a group with generators; {self.group.name} has none")

    @property
    def _is_linear(self) -> bool:
        algebra = self.group.algebra
        return algebra.is_affine and not algebra.shifts.array.any()

    def size(self, n: int) -> int:
        if n != self.group.algebra.n:
            raise InputError(
                f"{self} needs the group that acts to act on R^{self.group.algebra.n}, got R^{n}; for a factor of a "
                f"product there is Block({self}, start, stop)"
            )
        return self.group.algebra.dimension

    def linear(self, A: np.ndarray) -> np.ndarray:
        n = len(A)
        self.size(n)
        if not self._is_linear:
            raise InputError(
                f"{self} does not depend on the derivative of a field alone, as {self.group.name} has translations or "
                "curved fields; use it as it is, without products and duals"
            )
        return self._bracket(Polynomial.affine(A, np.zeros(n)))

    def motion(self, xi: Polynomial) -> Polynomial:
        n, k = xi.n, self.size(xi.n)
        values = Polynomial.affine(np.eye(n + k)[n:], np.zeros(k))
        if self._is_linear:  # the group may be a subgroup of what acts, with translations besides
            matrix = xi.derivative().mapped(self.linear).placed(range(n), n + k)
        else:
            matrix = Polynomial.constant(n + k, self._bracket(xi))
        return matrix.product(values, "ij,j->i")

    def element(self, g: np.ndarray) -> np.ndarray:
        self.size(len(g))
        algebra, g = self.group.algebra, np.asarray(g, float)
        moved = algebra.generators.composed(np.linalg.inv(g)).mapped(lambda c: c @ g.T)  # g xi(g^-1 x)
        return algebra.coordinates(moved, lambda k: f"{algebra.labels[k]!r}, moved by an element,").T

    def _bracket(self, xi: Polynomial) -> np.ndarray:
        algebra = self.group.algebra
        (u,) = algebra.coordinates(stacked([xi]), lambda _: f"a generator that acts on {self}")
        return tidy(np.einsum("i,ijk->kj", u, algebra.structure_constants()))

    def __repr__(self) -> str:
        return f"Adjoint({self.group.name})"
