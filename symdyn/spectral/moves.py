"""What acts on a feature space: affine maps of points and vector fields, with what they do to outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.groups import Group, Polynomial


@dataclass(frozen=True)
class GroupMoves:
    """`matrices` (k, n, n), `offsets` (k, n): points x go to A x + b; `fields`: of generators, a `Polynomial` (g, n);
    `outputs` (k, p, p), `rates` (g, p, p): what they do to values."""

    matrices: np.ndarray
    offsets: np.ndarray
    fields: Polynomial | None
    outputs: np.ndarray
    rates: np.ndarray

    @property
    def p(self) -> int:
        """Components of a value."""
        return self.outputs.shape[-1]

    def moved(self, k: int, x: np.ndarray) -> np.ndarray:
        """Points (m, n) moved by element k."""
        return x @ self.matrices[k].T + self.offsets[k]

    def scalar(self) -> GroupMoves:
        """The same for values that stay as they are."""
        k, g = len(self.outputs), len(self.rates)
        return GroupMoves(self.matrices, self.offsets, self.fields, np.ones((k, 1, 1)), np.zeros((g, 1, 1)))


def moves_of(group, dimension: int, output: Any = "scalar", offsets=None) -> GroupMoves:
    """A group of the catalogue, or matrices (k, n, n), as moves of points in R^n.

    `output`: "scalar" for invariant values, "vector" for values that turn as points do, or a pair of arrays (k, p, p)
    and (g, p, p) for elements and generators. `offsets` (k, n): shifts that go with the elements.
    """
    matrices, fields = _parts(group, dimension)
    offsets = np.zeros(matrices.shape[:2]) if offsets is None else np.asarray(offsets, np.float64)
    if offsets.shape != matrices.shape[:2]:
        raise InputError(f"offsets need the shape {matrices.shape[:2]}, one for each element, got {offsets.shape}")
    g = 0 if fields is None else fields.shape[0]
    if isinstance(output, str):
        if output not in ("scalar", "vector"):
            raise InputError(f'output is "scalar", "vector", or two arrays of matrices, got {output!r}')
        if output == "scalar":
            return GroupMoves(matrices, offsets, fields, np.ones((len(matrices), 1, 1)), np.zeros((g, 1, 1)))
        return GroupMoves(matrices, offsets, fields, matrices, _linear_parts(fields, dimension))
    outputs, rates = np.asarray(output[0], np.float64), np.asarray(output[1], np.float64)
    p = (outputs if len(outputs) else rates).shape[-1]
    outputs, rates = outputs.reshape(-1, p, p), rates.reshape(-1, p, p)
    if len(outputs) != len(matrices) or len(rates) != g:
        raise InputError(
            f"output needs {len(matrices)} matrices for the elements and {g} for the generators, got {len(outputs)} "
            f"and {len(rates)}"
        )
    return GroupMoves(matrices, offsets, fields, outputs, rates)


def _parts(group, dimension: int) -> tuple[np.ndarray, Polynomial | None]:
    if isinstance(group, Group):
        if group.algebra.n != dimension:
            raise InputError(f"{group.name} moves {group.algebra.n} coordinates, the space has {dimension}")
        fields = group.algebra.generators if group.algebra.dimension else None
        return np.array(group.elements.array), fields
    matrices = np.asarray(group, np.float64)
    if matrices.ndim != 3 or matrices.shape[1:] != (dimension, dimension):
        raise InputError(f"give a Group, or matrices of the shape (k, {dimension}, {dimension}), got {matrices.shape}")
    if not np.isfinite(matrices).all() or (np.abs(np.linalg.det(matrices)) < 1e-12).any():
        raise InputError("the matrices of a group have inverses; one of these has none")
    return matrices, None


def _linear_parts(fields: Polynomial | None, n: int) -> np.ndarray:
    """The matrices of affine fields, (g, n, n). Raises InputError for others: vectors turn differently everywhere."""
    if fields is None:
        return np.zeros((0, n, n))
    if fields.degree > 1:
        raise InputError('output="vector" is for linear and affine generators; give the matrices of others')
    return fields.linear_part
