"""The affine set of coefficients that a symmetry admits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.library import AbstractTerms
from symdyn.symmetry._affine import cut, dense, exact_equations, meet, sampled_equations
from symdyn.symmetry._text import combination_text, factored_text


@dataclass(frozen=True)
class Subspace:
    """Admissible coefficients of a library: Xi(w) = offset + sum_k w_k B_k with r free weights w.

    `shape`: of the coefficients, (p, d) where the p terms are numbers and (p,) where they are vectors;
    `offset`: Frozen, of that shape; `basis`: Frozen (r, *shape), a reduced echelon basis (each B_k starts with a
    coefficient that no other one has), integer where exact; `exact`: by rational elimination, not from samples;
    `gap`: of a sampled solution, the smallest singular value kept over the largest one taken for zero (infinite where
    exact): a wide gap is a clear dimension.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.Subspace.full((10, 2)))
    20 of 20 coefficients free
    """

    shape: tuple[int, ...]
    offset: Frozen
    basis: Frozen
    exact: bool = True
    gap: float = inf

    def __post_init__(self):
        if self.offset.shape != self.shape or self.basis.shape[1:] != self.shape:
            raise InputError(
                f"coefficients of shape {self.shape} need an offset of that shape and a basis (r, *shape), got "
                f"{self.offset.shape} and {self.basis.shape}"
            )

    @classmethod
    def full(cls, shape: tuple[int, ...]) -> Subspace:
        """No symmetry: every coefficient of the given shape is free."""
        n = prod(shape)
        return cls(tuple(shape), Frozen(np.zeros(shape)), Frozen(np.eye(n).reshape(n, *shape)))

    @property
    def dimension(self) -> int:
        """The number of free weights, r."""
        return len(self.basis)

    def expand(self, weights):
        """Coefficients from weights: (..., r) -> (..., *shape), for NumPy and JAX arrays."""
        if weights.shape[-1:] != (self.dimension,):
            raise InputError(f"the subspace has {self.dimension} free weights, got an array of shape {weights.shape}")
        dtype = weights.dtype if weights.dtype.kind not in "iub" else float
        basis = self.basis.array.reshape(self.dimension, prod(self.shape)).astype(dtype)
        return (weights @ basis).reshape(*weights.shape[:-1], *self.shape) + self.offset.array.astype(dtype)

    def standard_errors(self, covariance: np.ndarray) -> np.ndarray:
        """Standard errors of the coefficients, of their shape, from the covariance (r, r) of the weights."""
        basis = self.basis.array.reshape(self.dimension, prod(self.shape))
        variance = np.einsum("ki,kl,li->i", basis, covariance, basis)
        return np.sqrt(np.maximum(variance, 0.0)).reshape(self.shape)

    def equations(self) -> tuple[np.ndarray, np.ndarray]:
        """The set as linear equations C vec(Xi) = d: C of shape (m, N), d (m,), with N = the size of `shape`.

        The rows are independent, m = N - r; vec reads the coefficients row by row (C order). They are integer, and
        C sparse, where the basis is a reduced echelon of rational numbers; otherwise C is orthonormal.

        Examples
        --------
        >>> import symdyn as sd
        >>> admitted = sd.enforce(
        ...     sd.Monomials(1, bias=False),
        ...     sd.SO(2).acting_on(q=sd.Vector),
        ...     space=sd.StateSpace.of(q=2),
        ...     targets="q",
        ... )
        >>> admitted.equations()[0].astype(int).tolist()
        [[0, 1, 1, 0], [-1, 0, 0, 1]]
        """
        rows = exact_equations(*self._flat)
        return sampled_equations(*self._flat) if rows is None else dense(rows, prod(self.shape))

    def contains(self, coefficients, rtol: float = 1e-9) -> bool:
        """Whether coefficients lie in the set: their distance from it is at most rtol times their norm.

        Raises InputError where their shape is not that of the subspace.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> sd.Subspace.full((2, 1)).contains(np.ones((2, 1)))
        True
        """
        given = np.asarray(coefficients, float)
        if given.shape != self.shape:
            raise InputError(f"the subspace holds coefficients of shape {self.shape}, got {given.shape}")
        offset, basis = self._flat
        rest = given.ravel() - offset
        size = max(np.linalg.norm(given), np.linalg.norm(offset))
        if len(basis):
            scaled = basis / np.linalg.norm(basis, axis=1, keepdims=True)
            rest = rest - np.linalg.lstsq(scaled.T, rest, rcond=None)[0] @ scaled
        return bool(np.linalg.norm(rest) <= rtol * size)

    def intersect(self, other: Subspace) -> Subspace:
        """The coefficients that lie in both sets. Exact where both are.

        The zero coefficients alone are a set of dimension 0, not an empty one. Raises InputError where the shapes
        differ or no coefficients lie in both.

        Examples
        --------
        >>> import symdyn as sd
        >>> space, library = sd.StateSpace.of(q=2), sd.Monomials(3)
        >>> turn = sd.enforce(library, sd.SO(2).acting_on(q=sd.Vector), space=space, targets="q")
        >>> odd = sd.enforce(library, sd.O(2).acting_on(q=sd.Vector), space=space, targets="q")
        >>> turn.intersect(odd) == odd
        True
        """
        if other.shape != self.shape:
            raise InputError(
                f"the subspaces hold coefficients of shapes {self.shape} and {other.shape}; they must agree"
            )
        found = meet([self._flat, other._flat])
        if found is None:
            raise InputError(
                f"no coefficients lie in both subspaces ({self}; {other}): their fixed parts contradict each other; "
                "ask for a smaller group or add terms to the library"
            )
        return self._of(*found, other)

    def satisfying(self, left, right) -> Subspace:
        """The members that fulfil the linear equations C vec(Xi) = d as well; the converse of `equations`.

        Parameters
        ----------
        left: C, (m, N), with N the size of `shape`; vec reads the coefficients row by row (C order).
        right: d, (m,).

        Exact where the subspace is, also for numbers that are no simple fractions. Raises InputError where the shapes
        do not fit or no member fulfils the equations.

        Examples
        --------
        >>> import symdyn as sd
        >>> print(sd.Subspace.full((2, 1)).satisfying([[1, 1]], [3]).describe(("a", "b")))
        1 of 2 coefficients free, an offset fixed by the symmetry
          fixed: 3 b
          w1: a - b
        """
        left, right = np.asarray(left, float), np.asarray(right, float)
        if left.shape != (len(right), prod(self.shape)):
            raise InputError(
                f"{len(right)} equations for {prod(self.shape)} coefficients have a left-hand side of shape "
                f"{(len(right), prod(self.shape))}, got {left.shape}"
            )
        found = cut(self._flat, left, right)
        if found is None:
            raise InputError(f"no member of the subspace ({self}) fulfils the equations: they contradict each other")
        return self._of(*found, self)

    def solved_for(self, term: str, terms: AbstractTerms | Sequence[str]) -> Subspace:
        """The members in which one term has the coefficient 1: for laws in implicit form, I_0 + sum_k w_k I_k = 0.

        The offset I_0 is the combination with the coefficient 1 on the term, and all basis vectors I_k have 0 there,
        so that the law reads term = -(rest of I_0) - sum_k w_k I_k and the w can be regressed.

        Parameters
        ----------
        term: the name of the left-hand side, such as "u_tt".
        terms: the p terms of the library, or their names.

        Raises InputError where the subspace has more than one target, the term is unknown, or no member has the
        coefficient 1 on it; the message lists the terms that would do.

        Examples
        --------
        >>> import symdyn as sd
        >>> space, library = sd.StateSpace.of(q=2, s=1), sd.Monomials(2)
        >>> action = sd.SO(2).acting_on(q=sd.Vector, s=sd.Scalar)
        >>> terms = library.on(space)
        >>> circle = sd.enforce(library, action, space=space, targets="s").solved_for("q_x^2", terms)
        >>> print(circle.describe(terms))
        3 of 10 coefficients free, an offset fixed by the symmetry
          fixed: q_x^2 + q_y^2
          w1: 1
          w2: s
          w3: s^2
        """
        names = self._names(terms)
        place = self._place(term, names)
        if np.any(self._flat[1][:, place]):
            found = meet([self._flat], [place])
            assert found is not None, "one weight can always be chosen for the term"
            return self._of(*found, self)
        if self.offset.array.ravel()[place] == 1:
            return self
        raise InputError(self._no_left_side(place, names))

    def describe(self, terms: AbstractTerms | Sequence[str], targets: Sequence[str] | str = "") -> str:
        """The free combinations as text, one a line.

        Parameters
        ----------
        terms: the p terms of the library, or their names. For monomials the factor that all components share is drawn
            out, and a power of a sum is written as one; names alone give plain sums.
        targets: the names of the d components, or of the variables that they belong to where `terms` are bound to a
            state. Not used where terms are vectors; may be left out for one component.

        Raises InputError where the names do not fit the shape.

        Examples
        --------
        >>> import symdyn as sd
        >>> plane = sd.StateSpace.of(q=2)
        >>> library = sd.Monomials(3, bias=False)
        >>> admitted = sd.enforce(library, sd.O(2).acting_on(q=sd.Vector), space=plane, targets="q")
        >>> print(admitted.describe(library.on(plane), "q"))
        2 of 18 coefficients free
          w1: q_x: q_x; q_y: q_y
          w2: q_x: (q_x^2 + q_y^2) q_x; q_y: (q_x^2 + q_y^2) q_y
        >>> print(admitted.describe(library.on(plane).names, ("a", "b")).splitlines()[-1])
          w2: a: q_x^3 + q_x q_y^2; b: q_x^2 q_y + q_y^3
        """
        names, labels = self._names(terms), self._labels(terms, targets)
        exponents = terms.monomials() if isinstance(terms, AbstractTerms) else None

        def text(values: np.ndarray) -> str:
            found = None
            if isinstance(terms, AbstractTerms) and exponents is not None:
                found = factored_text(values, exponents, terms.space.component_names, labels)
            return combination_text(values, names, labels) if found is None else found

        lines = [str(self)]
        if np.any(self.offset.array):
            lines.append(f"  fixed: {text(self.offset.array)}")
        return "\n".join([*lines, *(f"  w{k + 1}: {text(B)}" for k, B in enumerate(self.basis.array))])

    @property
    def _flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Offset (N,) and basis (r, N) over all N coefficients."""
        n = prod(self.shape)
        return self.offset.array.reshape(n), self.basis.array.reshape(self.dimension, n)

    def _of(self, offset: np.ndarray, basis: np.ndarray, exact: bool, other: Subspace) -> Subspace:
        """A subspace of the same shape, derived from this one and another."""
        whole = exact and self.exact and other.exact
        arrays = Frozen(offset.reshape(self.shape)), Frozen(basis.reshape(-1, *self.shape))
        return Subspace(self.shape, *arrays, whole, min(self.gap, other.gap))

    def _names(self, terms: AbstractTerms | Sequence[str]) -> tuple[str, ...]:
        names = terms.names if isinstance(terms, AbstractTerms) else tuple(terms)
        if len(names) != self.shape[0]:
            raise InputError(
                f"the subspace has coefficients for {self.shape[0]} terms, got {len(names)} names; "
                "give the terms that it was made for, library.on(space)"
            )
        return names

    def _labels(self, terms: AbstractTerms | Sequence[str], targets: Sequence[str] | str) -> tuple[str, ...]:
        """One name for each of the d components; names of variables become those of their components."""
        labels = (targets,) if isinstance(targets, str) else tuple(targets)
        if isinstance(terms, AbstractTerms) and set(labels) <= set(terms.space.names):
            labels = terms.space.select(labels).component_names
        if len(self.shape) == 2 and len(labels) != self.shape[1]:
            raise InputError(
                f"the coefficients belong to {self.shape[1]} components, got {len(labels)} names: {labels}"
            )
        return labels

    def _place(self, term: str, names: tuple[str, ...]) -> int:
        if prod(self.shape[1:]) != 1:
            raise InputError(
                f"solved_for is for one scalar equation; this subspace has {self.shape[1]} targets, whose rates are "
                "the left-hand sides already"
            )
        if term not in names:
            raise InputError(f"unknown term {term!r}; the library has {', '.join(names)}")
        return names.index(term)

    def _no_left_side(self, place: int, names: tuple[str, ...]) -> str:
        offset, basis = self._flat
        able = [name for name, some in zip(names, np.any(basis, axis=0) | (offset == 1), strict=True) if some]
        value = f"the fixed coefficient {offset[place]:g}" if offset[place] else "no part"
        return (
            f"{names[place]!r} has {value} in every member of the subspace and cannot be the left-hand side; "
            f"these terms can: {', '.join(able) or 'none'}"
        )

    def __str__(self) -> str:
        fixed = ", an offset fixed by the symmetry" if np.any(self.offset.array) else ""
        sampled = "" if self.exact else f" (from samples, gap {self.gap:.0e})" if self.gap < inf else " (from samples)"
        return f"{self.dimension} of {prod(self.shape)} coefficients free{fixed}{sampled}"
