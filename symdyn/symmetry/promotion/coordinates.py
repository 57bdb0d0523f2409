"""Loss and broken symmetry in one set of coordinates: both quadratic forms become diagonal.

With H the Hessian of the loss and P = A'A + S^2 that of the penalised quantities there is T with T'HT = diag(t) and
T'PT = diag(p). So the linear systems of all penalties and all step sizes are solved with one factorisation: t = 0 are
directions that the data leave open, p = 0 those that break no symmetry. Directions that neither tells anything about
are left out: the solution is the shortest one.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn.symmetry.promotion.lie_map import LieMap

OPEN = 1e-12  # of the largest: directions below it are in no form's range


class Map(eqx.Module):
    """c -> A c (k, g) and its adjoint as arrays of JAX: dense, or as a list of entries where most of them are zero."""

    entries: Any
    shape: tuple[int, int] = eqx.field(static=True)
    size: int = eqx.field(static=True)

    @classmethod
    def of(cls, broken: LieMap) -> Map:
        """From a map of coefficients to Lie derivatives."""
        dense = broken.dense
        if dense is not None:
            return cls((jnp.asarray(dense),), broken.shift.shape, broken.size)
        rows = broken.matrix.tocoo()
        other = broken.matrix.tocsc().tocoo()
        parts = [(m.row.astype(np.int32), m.col.astype(np.int32), m.data) for m in (rows, other)]
        return cls(tuple(jnp.asarray(x) for part in parts for x in part), broken.shift.shape, broken.size)

    def __call__(self, c: Float[Array, " N"]) -> Float[Array, "k g"]:
        """A c."""
        if len(self.entries) == 1:
            return (self.entries[0] @ c).reshape(self.shape)
        row, col, data, *_ = self.entries
        flat = jnp.zeros(self.shape[0] * self.shape[1]).at[row].add(data * c[col], indices_are_sorted=True)
        return flat.reshape(self.shape)

    def adjoint(self, Z: Float[Array, "k g"]) -> Float[Array, " N"]:
        """A'Z."""
        if len(self.entries) == 1:
            return Z.reshape(-1) @ self.entries[0]
        *_, row, col, data = self.entries
        return jnp.zeros(self.size).at[col].add(data * Z.reshape(-1)[row], indices_are_sorted=True)


class Coordinates(eqx.Module):
    """c = origin + T q with the loss q'diag(t)q / 2 - linear'q + constant, and T'PT = diag(p).

    `origin` (N,); `T` (N, r); `t`, `p`, `linear` (r,); `constant`: the loss at the origin.
    """

    origin: Any
    T: Any
    t: Any
    p: Any
    linear: Any
    constant: Any

    def padded(self) -> Coordinates:
        """The same with as many coordinates as coefficients, the further ones idle: one shape compiles once."""
        more = self.T.shape[0] - self.T.shape[1]
        t, p, linear = (
            np.pad(x, (0, more), constant_values=v) for x, v in ((self.t, 0), (self.p, 1), (self.linear, 0))
        )
        return Coordinates(self.origin, np.pad(self.T, ((0, 0), (0, more))), t, p, linear, self.constant)


def least_squares(design: np.ndarray, y: np.ndarray, broken: LieMap, sparsity: np.ndarray | None = None) -> Coordinates:
    """Coordinates for |y - X c|^2 / 2 with X (m, N), y (m,): rows, or the R-factor of them."""
    H, P = design.T @ design, _penalised(broken, sparsity)
    scale = max(np.trace(H), 1e-300) / max(np.trace(P), 1e-300)
    values, vectors = np.linalg.eigh(H + scale * P)
    keep = values > OPEN * values.max(initial=0.0)
    white = vectors[:, keep] / np.sqrt(values[keep])
    t, turn = np.linalg.eigh(white.T @ H @ white)
    T, t = white @ turn, np.clip(t, 0.0, 1.0)
    t = np.where(t > OPEN, t, 0.0)
    linear = np.where(t > 0, T.T @ (design.T @ y), 0.0)
    return Coordinates(np.zeros(broken.size), T, t, (1 - t) / scale, linear, float(y @ y) / 2)


def interpolation(design: np.ndarray, y: np.ndarray, broken: LieMap, sparsity: np.ndarray | None = None) -> Coordinates:
    """Coordinates of all c with X c = y. Raises InputError where there is none."""
    _, s, vh = np.linalg.svd(design, full_matrices=True)
    rank = int((s > 1e-12 * s.max(initial=0.0)).sum())
    origin = np.linalg.lstsq(design, y, rcond=1e-12)[0]
    missed = float(np.linalg.norm(design @ origin - y))
    if missed > 1e-7 * max(float(np.linalg.norm(y)), 1e-300):
        raise InputError(
            f"no coefficients reproduce the values exactly (the best miss them by {missed:.1e}): the values are noisy, "
            "or the library is too small; give the penalty a weight instead of exact=True"
        )
    free = vh[rank:]
    values, vectors = np.linalg.eigh(free @ _penalised(broken, sparsity) @ free.T)
    keep = values > OPEN * values.max(initial=0.0)
    T = free.T @ (vectors[:, keep] / np.sqrt(values[keep]))
    none = np.zeros(T.shape[1])
    return Coordinates(origin, T, none, none + 1.0, none, 0.0)


def _penalised(broken: LieMap, sparsity: np.ndarray | None) -> np.ndarray:
    return broken.gram if sparsity is None else broken.gram + np.diag(np.asarray(sparsity) ** 2)
