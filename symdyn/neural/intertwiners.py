"""All equivariant matrices between two blocks, as an orthonormal basis that does not depend on the machine."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from symdyn._errors import InputError, SymdynWarning
from symdyn._types import Frozen
from symdyn.neural.carriers import Block

LARGEST = 2500  # unknowns of a dense null space
RTOL = 1e-9


@lru_cache(maxsize=4096)
def intertwiners(source: Block, target: Block) -> Frozen:
    r"""A basis (r, k_out, k_in) of the matrices W with W A_in = A_out W and W T_in = T_out W, Frobenius-orthonormal.

    W -> W A_in - A_out W is linear in W; its null space comes from a singular value decomposition. Generators and one
    element for each further component are enough (Finzi, Welling, Wilson 2021, ICML). A finite group that permutes
    numbers (with signs) ties entries in orbits, which need no decomposition. The null space is given the basis that
    Gram-Schmidt makes of the projected unit matrices in their order: it is the same one on every machine, so that
    saved weights keep their meaning.

    Raises InputError for a dense problem of more than 2500 unknowns.
    """
    shape = (target.size, source.size)
    if source.signed and target.signed:
        return Frozen(_orbits(source, target).reshape(-1, *shape))
    n = shape[0] * shape[1]
    if n > LARGEST:
        raise InputError(
            f"equivariant maps of {shape[1]} onto {shape[0]} numbers that all mix have {n} unknowns, more than "
            f"{LARGEST}; write the representation as a sum of smaller ones"
        )
    rows = []
    for ins, outs in ((source.generators, target.generators), (source.elements, target.elements)):
        for A, B in zip(ins.array, outs.array, strict=True):
            rows.append(np.kron(np.eye(shape[0]), A.T) - np.kron(B, np.eye(shape[1])))
    return Frozen(canonical(null_space(np.concatenate(rows), source, target)).reshape(-1, *shape))


def null_space(C: np.ndarray, source: Block, target: Block) -> np.ndarray:
    """Orthonormal rows of the null space of conditions C on maps from a source to a target."""
    if len(C) > C.shape[1]:
        C = np.asarray(np.linalg.qr(C, mode="r"))
    size = np.linalg.norm(C, axis=1).max(initial=0.0)
    if not size:
        return np.eye(C.shape[1])
    _, s, vh = np.linalg.svd(C, full_matrices=True)
    s = np.pad(s, (0, C.shape[1] - len(s)))
    rank = int((s > RTOL * s[0]).sum())
    if rank < len(s) and s[rank] * 1e3 > s[rank - 1]:
        warnings.warn(
            f"the number of equivariant maps of {source.size} onto {target.size} numbers is not clear: singular values "
            f"{s[rank - 1]:.1e} and {s[rank]:.1e}; scale the generators alike",
            SymdynWarning,
            stacklevel=4,
        )
    return vh[rank:]


def canonical(N: np.ndarray) -> np.ndarray:
    """Gram-Schmidt of the columns of the projector N'N, in their order, for orthonormal rows N (r, n)."""
    r = len(N)
    Q = np.zeros((r, 0))
    for column in N.T:
        if Q.shape[1] == r:
            break
        rest = column - Q @ (Q.T @ column)
        if np.linalg.norm(rest) > 1e-5:
            rest = rest - Q @ (Q.T @ rest)
            Q = np.column_stack([Q, rest / np.linalg.norm(rest)])
    return Q.T @ N


def _orbits(source: Block, target: Block) -> np.ndarray:
    """For signed permutations: W[p(i), j] = s_i t_j W[i, q(j)] ties entries; one basis matrix an orbit, (r, n).

    On two copies of each entry, for either sign, an orbit that meets both copies of an entry forces it to be zero.
    """
    n_out, n_in = target.size, source.size
    n = n_out * n_in
    starts, ends = [np.zeros(0, int)], [np.zeros(0, int)]
    i, j = (x.ravel() for x in np.indices((n_out, n_in)))
    for E_in, E_out in zip(source.elements.array, target.elements.array, strict=True):
        p, q = np.abs(E_out).argmax(1), np.abs(E_in).argmax(0)  # E_out[i, p(i)], E_in[q(j), j]
        minus = E_out[i, p[i]] * E_in[q[j], j] < 0
        a, b = p[i] * n_in + j, i * n_in + q[j]
        for copy in (0, 1):
            starts.append(a + n * copy)
            ends.append(b + n * (copy ^ minus.astype(int)))
    edges = (np.concatenate(starts), np.concatenate(ends))
    count, member = connected_components(coo_matrix((np.ones(len(edges[0])), edges), (2 * n, 2 * n)), directed=False)
    plus, minus = member[:n], member[n:]
    zero = np.zeros(count, bool)
    zero[plus[plus == minus]] = True
    out, used = [], set()
    for k in range(n):
        c = plus[k]
        if zero[c] or c in used:
            continue
        used |= {c, minus[k]}
        W = (plus == c).astype(float) - (minus == c)
        out.append(W / np.linalg.norm(W))
    return np.reshape(out, (-1, n))
