"""The weights of kernels that a group steers: coordinates in a null space, or free ones and what they break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.neural.carriers import Block, Carrier
from symdyn.neural.intertwiners import intertwiners
from symdyn.neural.linear import normal

FREE = 0.1  # of the free part of first weights, beside that which breaks nothing


def kept_rows(kept, g: int) -> np.ndarray:
    """Coefficients (k, g) of combinations of generators that are enforced. Raises InputError for another shape."""
    rows = np.atleast_2d(np.asarray(kept, float)) if np.size(kept) else np.zeros((0, g))
    if rows.ndim != 2 or rows.shape[1] != g:
        raise InputError(f"the group has {g} generators; `kept` needs the shape (k, {g}), got {rows.shape}")
    return rows


class Steerable(eqx.Module):
    r"""Matrices W_b between two spaces for each function b of a family of kernels: K = sum_b W_b k_b.

    The functions of one part of the family are changed by the group through the matrices of a `Block`. K is equivariant
    where W, as a map of (functions x inputs) onto outputs, commutes with the group: L_xi K = 0 becomes a finite null
    space for each pair of blocks of the spaces. What is enforced lies in the basis; `broken()` says what else changes.

    `weights`: (m_out, m_in, copies, r) each; `bases`: (r, k_out, b, k_in); `entries`: the numbers of the blocks of
    inputs and outputs and of the part; `changes`: (g, r, k_out b k_in), what each generator makes of the basis.
    """

    weights: tuple[Array, ...]
    bases: tuple[Frozen, ...] = eqx.field(static=True)
    entries: tuple[tuple[int, int, int], ...] = eqx.field(static=True)
    changes: tuple[Frozen, ...] = eqx.field(static=True)
    element_changes: tuple[Frozen, ...] = eqx.field(static=True)
    source: Carrier = eqx.field(static=True)
    target: Carrier = eqx.field(static=True)

    def __init__(
        self, source: Carrier, target: Carrier, parts: Sequence[tuple[Block, int]], kept: np.ndarray, elements: bool,
        *, key, dtype, size: float = 1.0,
    ):  # fmt: skip
        """`parts`: the matrices of the functions of each part, and how many copies (radial functions) it has."""
        self.source, self.target = source, target
        found = []
        for o, out in enumerate(target.blocks):
            for i, inner in enumerate(source.blocks):
                for p, (block, _) in enumerate(parts):
                    basis = _basis(block.times(inner), out, kept, elements)
                    if len(basis):
                        found.append((i, o, p, basis, block.times(inner)))
        self.entries = tuple((i, o, p) for i, o, p, *_ in found)
        shaped = [basis.reshape(len(basis), basis.shape[1], parts[p][0].size, -1) for _, _, p, basis, _ in found]
        self.bases = tuple(map(Frozen, shaped))
        moved = [_changes(basis, wide, target.blocks[o]) for _, o, _, basis, wide in found]
        self.changes = tuple(Frozen(c[0]) for c in moved)
        self.element_changes = tuple(Frozen(c[1]) for c in moved)
        self.weights = self._drawn(key, dtype, parts, [(wide, basis) for *_, basis, wide in found], size)

    def _drawn(self, key, dtype, parts, found, size: float) -> tuple[Array, ...]:
        """Normal weights: inputs of unit variance give outputs of about that; free ones begin near symmetric ones."""
        count = np.zeros(len(self.target.blocks))
        for (i, o, p), (wide, _) in zip(self.entries, found, strict=True):
            symmetric = len(intertwiners(wide, self.target.blocks[o]))
            count[o] += self.source.copies[i] * max(symmetric, 0) / parts[p][0].size
        out = []
        for n, ((i, o, p), (wide, basis)) in enumerate(zip(self.entries, found, strict=True)):
            shape = (self.target.copies[o], self.source.copies[i], parts[p][1], len(basis))
            sigma = size * np.sqrt(self.target.blocks[o].size / max(count[o], 1.0))
            draw = np.asarray(normal(jax.random.fold_in(key, n), shape, dtype), float) * sigma
            S = intertwiners(wide, self.target.blocks[o]).array.reshape(-1, basis[0].size)
            C = basis.reshape(len(basis), -1) @ S.T  # coordinates of symmetric kernels in the basis
            draw = draw @ C @ C.T + (FREE * (draw - draw @ C @ C.T) if len(S) < len(basis) else 0.0)
            out.append(jnp.asarray(draw, dtype))
        return tuple(out)

    @property
    def parameters(self) -> int:
        """The number of free weights."""
        return sum(w.size for w in self.weights)

    def matrices(self, tables: Sequence[Any]) -> Array:
        """K at some points, (d, n, ...), from the values (copies, b, ...) of the functions of each part there."""
        shape = tables[0].shape[2:]
        dtype = self.weights[0].dtype
        made = jnp.complex128 if dtype == jnp.float64 else jnp.complex64
        kind = made if jnp.iscomplexobj(tables[0]) else dtype
        whole: dict[tuple[int, int], Array] = {}
        for (i, o, p), basis, weight in zip(self.entries, self.bases, self.weights, strict=True):
            W = jnp.einsum("oicr,rabj->oicabj", weight, basis.array.astype(dtype))
            K = jnp.einsum("oicabj,cb...->oaij...", W.astype(kind), jnp.asarray(tables[p], kind))
            whole[i, o] = whole[i, o] + K if (i, o) in whole else K
        rows = []
        for o, (out, copies) in enumerate(zip(self.target.blocks, self.target.copies, strict=True)):
            row = []
            for i, (inner, many) in enumerate(zip(self.source.blocks, self.source.copies, strict=True)):
                size = (copies * out.size, many * inner.size, *shape)
                row.append(whole[i, o].reshape(size) if (i, o) in whole else jnp.zeros(size, kind))
            rows.append(jnp.concatenate(row, axis=1))
        return jnp.concatenate(rows)[self.target.order][:, self.source.order]

    def broken(self) -> Array:
        """What the generators change in all weights, (m, g): zero columns are symmetries."""
        return self._moved(self.changes)

    def broken_elements(self) -> Array:
        """The same for the discrete elements, (m, e)."""
        return self._moved(self.element_changes)

    def _moved(self, changes: tuple[Frozen, ...]) -> Array:
        found = [
            jnp.einsum("oicr,grn->oicng", w, c.array.astype(w.dtype)).reshape(w[..., 0].size * c.shape[2], len(c))
            for w, c in zip(self.weights, changes, strict=True)
        ]
        return jnp.concatenate(found)


def _basis(source: Block, target: Block, kept: np.ndarray, elements: bool) -> np.ndarray:
    """Orthonormal kernels (r, k_out, k_in) that keep combinations of generators, and the elements or not."""
    if len(kept) or elements:
        ins, outs = (
            Block(Frozen(np.tensordot(kept, b.generators.array, 1)), b.elements if elements else Frozen(b.elements[:0]))
            for b in (source, target)
        )
        return intertwiners(ins, outs).array
    n = source.size * target.size
    return np.eye(n).reshape(n, target.size, source.size)


def _changes(basis: np.ndarray, source: Block, target: Block) -> tuple[np.ndarray, np.ndarray]:
    """B W - W A for generators and F W - W E for elements, for each W of a basis: (g, r, n) and (e, r, n)."""
    out = []
    for A, B in ((source.generators, target.generators), (source.elements, target.elements)):
        rows = [np.einsum("ij,rjk->rik", b, basis) - np.einsum("rij,jk->rik", basis, a)
                for a, b in zip(A.array, B.array, strict=True)]  # fmt: skip
        moved = np.reshape(rows, (len(A), len(basis), -1)) if rows else np.zeros((0, len(basis), basis[0].size))
        out.append(np.where(np.abs(moved) < 1e-13, 0.0, moved))
    return out[0], out[1]
