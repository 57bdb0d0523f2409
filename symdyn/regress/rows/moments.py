r"""Streamed second moments of the rows of a regression, whitened, in float64, block by block.

For rows a = [theta(x), y] (q = p + t columns) with weights w the sum S = sum w a a' decides every least-squares fit
on any subset of the terms. A plain Gram matrix squares the condition number of the design. So the columns are first
whitened by the R-factor R1 of a small sample of rows, A = U R1 with R1 upper triangular: U'U is nearly the identity,
its Cholesky factor C is accurate, and R = C R1 is the R-factor of all the rows (preconditioned Cholesky QR, Yamamoto
et al. 2015, ETNA 44, 306). The targets are whitened with the terms: the residual of the full fit is formed before it
is squared, so small residuals keep their digits.

Memory does not grow with the number of rows, and the moments of about a hundred contiguous blocks are kept: bootstrap,
cross-validation and standard errors that respect autocorrelation need no second pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from math import ceil
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.recording import joined
from symdyn.library import AbstractTerms
from symdyn.regress.rows.whitening import (
    condition,
    floored,
    inverse_whitener,
    scale_and_whitener,
    spread_indices,
    targets_only,
    triangular_root,
)

CHUNK = 4096  # rows in one matrix product: fits the second-level cache for about 60 columns
CALL = 2**17  # rows handed to the compiled function at once: what is held beyond the data
BLOCKS = 64  # at least this many blocks where there are enough rows
# up to here NumPy sums the rows of terms that it can evaluate: compiling would cost more than it saves
HOST_ROWS = 2_000_000
HOST_BYTES = 2**22  # of the rows that NumPy sums at once
BLOCK_BYTES = 2**28  # fewer blocks where they would take more memory than this
TARGET_CONDITION = 1e3  # a whitened Gram with a larger condition number is whitened once more


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of rows [terms, targets].

    `blocks` (b, q, q): whitened moments U'WU of each block; `whitener` (q, q): upper triangular R1 with
    A / scale = U R1; `scale` (q,): root mean square of each column on the sample; `rows` (b,): rows in each block;
    `n_terms`: p; `trajectory` (b,): which trajectory each block belongs to, or which group of neighbouring ones where
    there are more than `BLOCKS`. No block reaches across two of them.
    """

    blocks: np.ndarray
    whitener: np.ndarray
    scale: np.ndarray
    rows: np.ndarray
    n_terms: int
    trajectory: np.ndarray

    @property
    def n_targets(self) -> int:
        return len(self.scale) - self.n_terms

    @property
    def n_rows(self) -> int:
        return int(self.rows.sum())

    def r_factor(self, block_weights: np.ndarray | None = None) -> np.ndarray:
        """Upper triangular R (q, q) with R'R = sum over blocks of A'WA for the *scaled* columns A / scale."""
        if block_weights is None:
            return self._r_factor
        return triangular_root(np.tensordot(block_weights, self.blocks, axes=1)) @ self.whitener

    @cached_property
    def root(self) -> np.ndarray:
        """Upper triangular C (q, q) with C'C the sum of the blocks."""
        return triangular_root(self.blocks.sum(axis=0))

    @cached_property
    def _r_factor(self) -> np.ndarray:
        return self.root @ self.whitener


def sample_moments(
    terms: AbstractTerms,
    states: Float[np.ndarray, "m n"],
    targets: Float[np.ndarray, "m d"],
    weights: Float[np.ndarray, "..."],
    lengths: tuple[int, ...] | None = None,
) -> Moments:
    """Moments of `targets ~ terms(states)`: states (m, n), targets (m, d), weights (m,) or (m, d).

    `lengths`: rows of each trajectory in turn; one trajectory by default.

    Vector terms give d rows a sample and one target column; scalar terms one row and d target columns. Raises
    InputError where a term is not finite on a sample of positive weight.
    """
    weights = row_weights(terms, targets, weights)
    moments = _stream(term_rows, terms, (states, targets, weights), terms.size, lengths)
    if not np.isfinite(moments.blocks).all():
        name_infinite_term(terms, states, weights)
    return moments


def row_weights(terms: AbstractTerms, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weights as the terms take them. Raises InputError for targets or weights that do not fit the terms."""
    if terms.value_shape and terms.value_shape != targets.shape[1:]:
        raise InputError(
            f"the terms are vectors of size {terms.value_shape[0]} but the target has {targets.shape[1]} components"
        )
    if terms.value_shape or weights.ndim == 1:
        return weights
    if not np.allclose(weights, weights[:, :1]):
        raise InputError("weights that differ between components need vector terms (a Covariant or PairForces library)")
    return np.ascontiguousarray(weights[:, 0])


def design_moments(
    design: Float[np.ndarray, "m p"],
    targets: Float[np.ndarray, "m d"],
    weights: Float[np.ndarray, " m"],
    lengths: tuple[int, ...] | None = None,
) -> Moments:
    """Moments of rows that were already evaluated: design (m, p), targets (m, t), weights (m,)."""
    return _stream(given_rows, None, (design, targets, weights), design.shape[1], lengths)


def term_rows(terms: Any, x, y, w):
    """Rows of a chunk as columns: states (n, c), targets (d, c), weights (c,) or (d, c) -> (q, rows), (rows,)."""
    theta = jax.vmap(terms, in_axes=-1, out_axes=-1)(x)  # (p, c) or (p, d, c)
    if not terms.value_shape:
        return jnp.concatenate([theta, y]), w
    p, d, c = theta.shape
    return jnp.concatenate([theta.reshape(p, d * c), y.reshape(1, d * c)]), jnp.broadcast_to(w, (d, c)).reshape(-1)


def given_rows(terms: Any, x, y, w):
    """Rows that were evaluated already, as columns: (p, c), (t, c), (c,) -> (p + t, c), (c,)."""
    return jnp.concatenate([x, y]), w


@eqx.filter_jit
def _chunk_moments(rows: Callable, terms: Any, factor, plain: int, x, y, w):
    """Whitened moments: x (b, k, n, c) -> (b, q, q), summed over the k chunks of a block; see `inverse_whitener`."""
    scale = jnp.diag(factor)[: max(plain, 0), None]

    def add(total, chunk):
        a, weight = rows(terms, *chunk)
        a = jnp.where(weight > 0, a, 0.0) if _may_be_infinite(terms) else a
        a = a * jnp.sqrt(weight)
        if plain < 0:
            u = jax.scipy.linalg.solve_triangular(factor, a, lower=True)
        else:
            u = jnp.concatenate([a[:plain] * scale, factor[plain:] @ a]) if plain else factor @ a
        return total + u @ u.T, None

    def block(_, chunks):
        return None, jax.lax.scan(add, jnp.zeros_like(factor), chunks)[0]

    return jax.lax.scan(block, None, (x, y, w))[1]


@lru_cache
def _sharded_moments(devices: tuple) -> Callable:
    """`_chunk_moments` with the blocks of a call shared among devices: each sums its own, nothing is exchanged."""
    mesh = jax.sharding.Mesh(np.array(devices), ("blocks",))
    split = jax.sharding.PartitionSpec("blocks")

    @eqx.filter_jit
    def moments(rows: Callable, terms: Any, factor, plain: int, x, y, w):
        own = partial(_chunk_moments, rows, terms, factor, plain)
        return jax.shard_map(own, mesh=mesh, in_specs=split, out_specs=split, check_vma=False)(x, y, w)

    return moments


def _may_be_infinite(terms: Any) -> bool:
    from symdyn.library.monomials import MonomialTerms

    return not isinstance(terms, MonomialTerms)


@eqx.filter_jit
def _evaluate_rows(rows: Callable, terms: Any, x, y, w):
    a, weight = rows(terms, x.T, y.T, w.T)
    return jnp.where(weight > 0, a, 0.0) * jnp.sqrt(weight)


def _stream(rows: Callable, terms: Any, columns: tuple[np.ndarray, ...], p: int, lengths=None) -> Moments:
    x, _, w = columns
    if len(x) < 3 or not (w > 0).any():
        raise InputError(
            f"{int((w > 0).sum())} of {len(x)} samples have a positive weight; a regression needs at least 3"
        )
    with double_precision():
        host = _host_terms(terms, columns)
        few = host if len(x) <= HOST_ROWS else None
        scale, whitener = sample_whitener(rows, terms, columns, p, host)
        ends = segment_ends(lengths or (len(x),))
        moments = _pass(rows, terms, columns, few, scale, whitener, p, ends)
        better = better_whitener(moments)
        return moments if better is None else _pass(rows, terms, columns, few, scale, better, p, ends)


def sample_whitener(
    rows: Callable, terms: Any, columns: tuple[np.ndarray, ...], p: int, host: Callable | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Scales (q,) and whitener (q, q) from a few of the rows."""
    x, y, w = columns
    sample = tuple(c[spread_indices(len(x), w, p + y.shape[1])] for c in columns)
    a = np.asarray(_evaluate_rows(rows, terms, *sample) if host is None else _host_rows(host, *sample))
    scale, whitener = scale_and_whitener(_finite(a, terms, columns))
    if condition(whitener[:p, :p]) < TARGET_CONDITION:  # terms that need no whitening: half the work
        whitener = targets_only(whitener, p)
    return scale, whitener


def better_whitener(moments: Moments) -> np.ndarray | None:
    """The whitener for a second pass where the first, from a sample, was too poor; None where it was not."""
    root, p = triangular_root(moments.blocks.sum(axis=0)), moments.n_terms
    poor = np.isfinite(root).all() and condition(root[:p, :p]) > TARGET_CONDITION
    return floored(root @ moments.whitener) if poor else None


def _host_terms(terms: Any, columns: tuple[np.ndarray, ...]) -> Callable | None:
    """The terms as a function of NumPy columns (n, c) -> (p, c), where they have such a form and weights are by row."""
    x, _, w = columns
    if w.ndim > 1:
        return None
    if terms is None:
        return lambda columns: columns
    on_host = terms.on_host
    return None if terms.value_shape or on_host(x[:1].T) is None else on_host


def _host_rows(theta: Callable, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Weighted rows as columns, (q, c), by NumPy."""
    rows = np.concatenate([theta(x.T), y.T])
    if not (w == 1).all():
        rows *= np.sqrt(w)
    return rows


def _finite(a: np.ndarray, terms: Any, columns: tuple[np.ndarray, ...]) -> np.ndarray:
    if terms is not None and not np.isfinite(a).all():
        name_infinite_term(terms, columns[0], columns[2])
    return a


def segment_ends(lengths: tuple[int, ...]) -> np.ndarray:
    """Where each trajectory ends, or each group of neighbouring ones where there are more than `BLOCKS`."""
    ends = np.cumsum(lengths)
    return np.unique(np.append(ends[:: ceil(len(ends) / BLOCKS)][1:], ends[-1])) if len(ends) > BLOCKS else ends


def _pass(rows, terms, columns, few: Callable | None, scale, whitener, p: int, ends: np.ndarray) -> Moments:
    factor, plain = inverse_whitener(scale, whitener, p)
    c, k, _ = _block_shape(len(columns[0]), len(scale))
    blocks, sizes, owner = [], [], []
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        part = tuple(column[start:end] for column in columns)
        if few is not None:
            sums, counts = _host_moments(few, factor, plain, part, c * k)
        else:
            shape = _block_shape(end - start, len(scale))
            sums, counts = compiled_moments(rows, terms, factor, plain, part, c * k, shape)
        blocks.append(sums)
        sizes.append(counts)
        owner.append(np.full(len(counts), number))
    return Moments(joined(blocks), whitener, scale, joined(sizes), p, joined(owner))


def compiled_moments(
    rows, terms, factor, plain: int, columns, largest: int, shape: tuple[int, int, int], devices: tuple = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Whitened moments in blocks of about `largest` rows, (b, q, q), and the rows in each.

    `shape`: rows a chunk c, chunks a block k, blocks a call b; `devices`: those that share the blocks of a call.
    """
    m, (c, k, b) = len(columns[0]), shape
    function = _sharded_moments(devices) if devices else _chunk_moments
    b = ceil(b / max(len(devices), 1)) * max(len(devices), 1)
    blocks, sizes = [], []
    for start in range(0, m, b * k * c):
        left = min(m - start, b * k * c)
        x, y, w = (_padded(column[start : start + left], b, k, c, repeat=i < 2) for i, column in enumerate(columns))
        blocks.append(np.asarray(function(rows, terms, factor, plain, x, y, w)))
        sizes.append(np.clip(left - k * c * np.arange(b), 0, k * c))
    sums, counts = np.concatenate(blocks), np.concatenate(sizes)
    sums, counts = sums[counts > 0], counts[counts > 0]
    starts = np.arange(0, len(counts), max(1, largest // (k * c)))
    return np.add.reduceat(sums, starts), np.add.reduceat(counts, starts)


def _host_moments(theta: Callable, factor, plain: int, columns, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Whitened moments in blocks of `rows` rows, (b, q, q), and the rows in each block, some rows at a time."""
    m, q = len(columns[0]), len(factor)
    cached = 2 ** int(np.log2(max(HOST_BYTES // (8 * q), 256)))  # rows whose columns fit the cache
    step = cached * (rows // cached) or rows * (cached // rows)
    blocks = np.zeros((ceil(m / rows), q, q))
    for start in range(0, m, step):
        a = _host_rows(theta, *(column[start : start + step] for column in columns))
        if plain < 0:
            a = solve_triangular(factor, a, lower=True, check_finite=False)
        elif plain:
            a[plain:] = factor[plain:] @ a  # the terms are scaled below, once for all rows
        else:
            a = factor @ a
        for k in range(0, a.shape[1], min(rows, cached)):
            part = a[:, k : k + min(rows, cached)]
            blocks[(start + k) // rows] += part @ part.T  # NumPy sees the symmetry and forms one half
    if plain > 0:
        scale = np.append(np.diag(factor)[:plain], np.ones(q - plain))
        blocks *= scale[:, None] * scale
    return blocks, np.clip(m - rows * np.arange(len(blocks)), 0, rows)


def _block_shape(m: int, q: int) -> tuple[int, int, int]:
    """Rows a chunk c, chunks a block k, blocks a call b; powers of two, so that few shapes are ever compiled."""
    blocks = min(BLOCKS, max(BLOCK_BYTES // (16 * q * q), 1))
    rows = 2 ** max(int(np.log2(max(m / blocks, 1.0))), 2)
    c = min(rows, CHUNK)
    k = min(rows // c, 2**18 // CHUNK)
    return c, k, max(1, min(CALL // (k * c), 16 * ceil(m / (16 * k * c))))


def _padded(column: np.ndarray, b: int, k: int, c: int, repeat: bool) -> np.ndarray:
    """Rows (m, ...) as (b, k, ..., c), contiguous in the samples; missing rows repeat the last one or are zero."""
    short = b * k * c - len(column)
    if short:
        last = column[-1:] if repeat else np.zeros_like(column[-1:])
        column = np.concatenate([column, np.repeat(last, short, axis=0)])
    return np.ascontiguousarray(np.moveaxis(column.reshape(b, k, c, *column.shape[1:]), 2, -1))


def name_infinite_term(terms: AbstractTerms, states: np.ndarray, weights: np.ndarray, first: int = 0) -> None:
    """Raise the error that names the first term that is not finite, and where; `first`: the first sample's number."""
    live = np.asarray(weights > 0 if weights.ndim == 1 else (weights > 0).any(axis=1))
    evaluate = eqx.filter_jit(jax.vmap(partial(_call, terms)))
    for start in range(0, len(states), 2**16):
        values = np.asarray(evaluate(states[start : start + 2**16]))
        finite = np.asarray(np.isfinite(values.reshape(*values.shape[:2], -1)).all(axis=2))
        bad = np.logical_not(finite) & live[start : start + 2**16, None]
        if bad.any():
            row, term = np.argwhere(bad)[0]
            state = dict(zip(terms.space.component_names, states[start + row].tolist(), strict=True))
            raise InputError(
                f"the term {terms.names[term]!r} is not finite at the sample {first + start + row}, where {state}"
            )
    raise InputError("the moments of the regression overflow; rescale the variables (other units)")


def _call(terms, x):
    return terms(x)
