"""The affine set of coefficients that a symmetry admits."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen


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

    def describe(self, terms: tuple[str, ...], targets: tuple[str, ...] = ("",)) -> str:
        """The free combinations as text, one a line.

        Parameters
        ----------
        terms: p names. targets: d names of the components (not used where terms are vectors).

        Examples
        --------
        >>> import symdyn as sd
        >>> space, library = sd.StateSpace.of(x=1, y=1), sd.Monomials(1)
        >>> action = sd.SO(2).acting_on(position=sd.Vector)
        >>> plane = sd.StateSpace.of(position=2)
        >>> admitted = sd.enforce(library, action, space=plane, targets=("position",))
        >>> print(admitted.describe(library.on(plane).names, plane.component_names))
        2 of 6 coefficients free
          w1: position_x: position_x; position_y: position_y
          w2: position_x: -position_y; position_y: position_x
        """
        lines = [str(self)]
        if np.any(self.offset.array):
            lines.append(f"  fixed: {combination_text(self.offset.array, terms, targets)}")
        lines += [f"  w{k + 1}: {combination_text(B, terms, targets)}" for k, B in enumerate(self.basis.array)]
        return "\n".join(lines)

    def __str__(self) -> str:
        fixed = ", an offset fixed by the symmetry" if np.any(self.offset.array) else ""
        return f"{self.dimension} of {prod(self.shape)} coefficients free{fixed}"


def combination_text(coefficients: np.ndarray, terms: tuple[str, ...], targets: tuple[str, ...]) -> str:
    """Coefficients (p,) or (p, d) as text: `x: x^3 + x y^2; y: x^2 y + y^3`."""
    if coefficients.ndim == 1:
        return _sum(coefficients, terms)
    columns = zip(targets, coefficients.T, strict=True)
    return "; ".join(f"{name}: {_sum(column, terms)}" for name, column in columns if np.any(column))


def _sum(coefficients: np.ndarray, terms: tuple[str, ...]) -> str:
    text = ""
    for c, term in zip(coefficients, terms, strict=True):
        if c:
            sign = ("-" if c < 0 else "") if not text else (" - " if c < 0 else " + ")
            text += sign + (term if abs(c) == 1 else f"{abs(c):g}" if term == "1" else f"{abs(c):g} {term}")
    return text or "0"
