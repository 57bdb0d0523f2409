"""Norms of the matrix of Lie derivatives: blocks of columns, each by its nuclear or its Frobenius norm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from symdyn._errors import InputError


@dataclass(frozen=True)
class Block:
    """Columns `start` to `stop` with a weight: nuclear norm (the best combinations of generators are kept), or
    Frobenius norm (`grouped`: the block is kept or broken as a whole)."""

    start: int
    stop: int
    weight: float = 1.0
    grouped: bool = False


def nuclear(columns: int, elements: int = 0) -> tuple[Block, ...]:
    """One nuclear norm for all generators, and one Frobenius norm for each discrete element."""
    g = columns - elements
    whole = (Block(0, g),) if g else ()
    return (*whole, *(Block(k, k + 1, grouped=True) for k in range(g, columns)))


def named_blocks(labels: Sequence[str], blocks: Sequence[Sequence[str]], elements: int, grouped: bool):
    """The order of the columns (g,) and the blocks, from groups of labels; what no group names is free of a penalty.

    Raises InputError for an unknown label, one that is named twice, and a block without any.
    """
    order, found = [], []
    for names in blocks:
        if not names:
            raise InputError(f"a block is empty: name generators, the candidates have {', '.join(labels)}")
        places = []
        for name in [names] if isinstance(names, str) else names:
            if name not in labels:
                raise InputError(f"unknown generator {name!r}; the candidates have {', '.join(labels)}")
            places.append(labels.index(name))
        if set(places) & set(order) or len(set(places)) < len(places):
            raise InputError(f"a generator belongs to one block only: {', '.join(names)}")
        found.append(Block(len(order), len(order) + len(places), grouped=grouped))
        order += places
    first = len(labels) - elements
    for k in range(first, len(labels)):
        if k not in order:
            found.append(Block(len(order), len(order) + 1, grouped=True))
            order.append(k)
    return np.array(order, int), tuple(found)


def value(matrix: Array, blocks: tuple[Block, ...]) -> Array:
    """The sum of the blocks' norms for M (k, g)."""
    total = jnp.zeros(())
    for b in blocks:
        part = matrix[:, b.start : b.stop]
        size = jnp.sqrt(jnp.sum(part**2)) if b.grouped else jnp.sum(jnp.linalg.svd(part, compute_uv=False))
        total = total + b.weight * size
    return total


def shrunk(matrix: Array, threshold: Array, blocks: tuple[Block, ...]) -> Array:
    """The proximal map of threshold times the norm: singular values are lowered, by way of the g x g Gram matrix."""
    out = []
    for b in blocks:
        part, level = matrix[:, b.start : b.stop], threshold * b.weight
        if b.grouped:
            size = jnp.sqrt(jnp.sum(part**2))
            out.append(part * jnp.maximum(1 - level / jnp.maximum(size, 1e-300), 0.0))
        elif part.shape[1] <= part.shape[0]:
            squares, vectors = jnp.linalg.eigh(part.T @ part)
            factor = _factor(squares, level)
            out.append((part @ vectors * factor) @ vectors.T)
        else:
            squares, vectors = jnp.linalg.eigh(part @ part.T)
            factor = _factor(squares, level)
            out.append(vectors @ ((vectors * factor).T @ part))
    return jnp.concatenate(out, axis=1)


def _factor(squares: Array, level: Array) -> Array:
    sizes = jnp.sqrt(jnp.maximum(squares, 0.0))
    return jnp.maximum(1 - level / jnp.maximum(sizes, 1e-300), 0.0)


def dual_value(matrix: Array, blocks: tuple[Block, ...]) -> Array:
    """The dual norm: the largest singular value (or Frobenius norm) over the weight, over all blocks."""
    worst = jnp.zeros(())
    for b in blocks:
        part = matrix[:, b.start : b.stop]
        size = jnp.sqrt(jnp.sum(part**2)) if b.grouped else jnp.max(jnp.linalg.svd(part, compute_uv=False))
        worst = jnp.maximum(worst, size / b.weight)
    return worst
