"""A network whose weights may break a group's symmetry, and by how much they do: promotion in the layers themselves."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action, Group
from symdyn.neural.carriers import Block, Carrier, Quantity, carriers
from symdyn.neural.intertwiners import canonical, intertwiners, null_space
from symdyn.neural.linear import Row, normal, taken_at

FREE = 0.1  # of the free part of first weights, beside that which breaks nothing


class EPNN(eqx.Module):
    r"""Gated blocks whose weights are free, or keep some directions of the algebra: z -> (W [z, 1]) sigmoid(q(z)).

    q is a quadratic form of [z, 1] for each irreducible-looking part of the hidden representation (numbers that the
    group mixes share a gate). W commutes with a generator, and q is invariant, exactly where linear functions of the
    weights are zero; those of all layers stand in `broken()`, one column for each generator. So the rank of that matrix
    is the number of directions that the network breaks, and layers are pressed to break the same ones.

    Parameters
    ----------
    action, inputs, outputs, key, space, dtype: as `EquivariantLinear` takes them; hidden quantities too.
    widths: representations of the hidden layers.
    kept: coefficients (k, g) of combinations of the action's generators that are enforced, such as those found by
        promotion; () by default. Weights are then coordinates in the null space.
    elements: whether the group's discrete elements are enforced.

    Raises InputError for coefficients that do not fit, and outputs that move by shifts.

    Reference: Otto et al. 2025, JMLR 26(248), promoting symmetry in multilayer perceptrons (there EPNN); gates by
    quadratic forms, Finzi, Welling, Wilson 2021, ICML.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> hidden = 2 * sd.Scalar + 2 * sd.Vector
    >>> free = sd.EPNN(sd.SO(3), 2 * sd.Vector, sd.Vector, (hidden,), key=jax.random.key(0))
    >>> free.broken().shape[1], free.parameters
    (3, 240)
    >>> upright = sd.EPNN(sd.SO(3), 2 * sd.Vector, sd.Vector, (hidden,), kept=((0, 0, 1),), key=jax.random.key(0))
    >>> bool(jnp.linalg.norm(upright.broken()[:, 2]) < 1e-5), upright.parameters
    (True, 88)
    """

    blocks: tuple[GatedBlock, ...]

    def __init__(
        self,
        action: Group | Action,
        inputs: Quantity | Carrier,
        outputs: Quantity | Carrier,
        widths: Sequence[Quantity] = (),
        *,
        key,
        space: StateSpace | None = None,
        kept=(),
        elements: bool = False,
        dtype=None,
    ):
        source, target, *hidden = carriers(action, (inputs, outputs, *widths), space)
        g = len(source.blocks[0].generators)
        rows = np.atleast_2d(np.asarray(kept, float)) if np.size(kept) else np.zeros((0, g))
        if rows.ndim != 2 or rows.shape[1] != g:
            raise InputError(f"the action has {g} generators; `kept` needs the shape (k, {g}), got {rows.shape}")
        if any(c.shifts is not None for c in (target, *hidden)):
            raise InputError("hidden quantities and outputs must not move by shifts (places): take vectors")
        chain = [source, *hidden, target]
        keys = jax.random.split(key, len(chain) - 1)
        self.blocks = tuple(
            GatedBlock(a, b, rows, elements, key=k, dtype=dtype)
            for a, b, k in zip(chain[:-1], chain[1:], keys, strict=True)
        )

    @property
    def parameters(self) -> int:
        """The number of free weights."""
        return sum(leaf.size for block in self.blocks for leaf in (block.linear, block.forms))

    def broken(self) -> Float[Array, " m g"]:
        """What the weights of all layers change under each generator, (m, g): zero columns are symmetries."""
        return jnp.concatenate([block.broken() for block in self.blocks])

    def broken_elements(self) -> Float[Array, " m e"]:
        """The same for the discrete elements, (m, e)."""
        return jnp.concatenate([block.broken_elements() for block in self.blocks])

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,) to one output (d,)."""
        return self.prepared()(jnp.asarray(x))

    def prepared(self) -> Row:
        """The same network with its matrices written out: made once, it serves for many inputs."""
        return Row(tuple(block.prepared() for block in self.blocks))


class GatedBlock(eqx.Module):
    """(W [z, 1]) sigmoid(q(z)), with W and q as coordinates in a basis where symmetry is enforced."""

    linear: Array
    forms: Array
    bases: tuple[Frozen, Frozen] | None = eqx.field(static=True)
    sources: tuple[Frozen, Frozen] = eqx.field(static=True)
    targets: tuple[Frozen, Frozen] = eqx.field(static=True)
    parts: Frozen = eqx.field(static=True)

    def __init__(self, source: Carrier, target: Carrier, kept: np.ndarray, elements: bool, *, key, dtype=None):
        dtype = dtype or jnp.result_type(float)
        wide = source.augmented()
        (A, E), (B, F) = wide.matrices(), target.matrices()
        self.sources, self.targets = (Frozen(A), Frozen(E)), (Frozen(B), Frozen(F))
        places = [place for each in target.places for place in each.array]
        parts = np.zeros((target.size, len(places)))
        for k, place in enumerate(places):
            parts[place, k] = 1.0
        self.parts = Frozen(parts)
        n = source.size + 1
        one, two = jax.random.split(key)
        W = np.asarray(normal(one, (target.size, n), np.dtype(dtype)), float) / np.sqrt(source.size)
        W[:, -1] = 0.0
        Q = np.asarray(normal(two, (len(places), n * (n + 1) // 2), np.dtype(dtype)), float) / (n + 1)
        exact = bool(len(kept)) or (elements and len(E) > 0)
        combined = kept if exact else np.eye(len(A))  # free weights begin near those that break nothing
        if exact and not elements:
            E, F = E[:0], F[:0]
        ins, outs = (Block(Frozen(np.tensordot(combined, x, 1)), Frozen(y)) for x, y in ((A, E), (B, F)))
        L, S = intertwiners(ins, outs).array, _form_basis(ins.generators.array, E, ins)
        P = np.tensordot(np.tensordot(L, W, 2), L, (0, 0))  # the projection, each part as large as it was
        sizes = [np.linalg.norm(W[place]) / max(np.linalg.norm(P[place]), 1e-12) for place in places]
        near = (parts @ sizes)[:, None] * P
        if exact:
            self.bases, W, Q = (Frozen(L), Frozen(S)), np.tensordot(L, near, 2), Q @ S.T
        else:
            self.bases, W, Q = None, near + FREE * W, Q @ S.T @ S + FREE * Q
        self.linear, self.forms = jnp.asarray(W, dtype), jnp.asarray(Q, dtype)

    def weights(self) -> tuple[Array, Array]:
        """W (d, n + 1), and the symmetric matrices of q (gates, n + 1, n + 1)."""
        W, Q = self.linear, self.forms
        if self.bases is not None:
            W = jnp.tensordot(W, self.bases[0].array.astype(W.dtype), 1)
            Q = Q @ self.bases[1].array.astype(Q.dtype)
        n = W.shape[1]
        where, share = _triangle(n)
        return W, taken_at((Q * share.astype(Q.dtype)).T, where).T.reshape(-1, n, n)

    def prepared(self) -> PreparedBlock:
        """The same block with its matrices written out: made once, it serves for many inputs."""
        W, Q = self.weights()
        return PreparedBlock(jnp.concatenate([W, Q.reshape(-1, W.shape[1])]), self.parts)

    def broken(self) -> Array:
        """B W - W A, and A'Q + QA, for all generators: (m, g)."""
        W, Q = self.weights()
        A, B = (x.array.astype(W.dtype) for x in (self.sources[0], self.targets[0]))
        if not len(A):
            return jnp.zeros((0, 0), W.dtype)
        linear = jnp.einsum("gij,jk->gik", B, W) - jnp.einsum("ij,gjk->gik", W, A)
        turned = jnp.einsum("cij,gjk->gcik", Q, A)
        return jnp.concatenate([linear.reshape(len(A), -1), _symmetric(turned).reshape(len(A), -1)], axis=1).T

    def broken_elements(self) -> Array:
        """F W - W E, and E'QE - Q, for all discrete elements: (m, e)."""
        W, Q = self.weights()
        E, F = (x.array.astype(W.dtype) for x in (self.sources[1], self.targets[1]))
        if not len(E):
            return jnp.zeros((0, 0), W.dtype)
        linear = jnp.einsum("gij,jk->gik", F, W) - jnp.einsum("ij,gjk->gik", W, E)
        forms = jnp.einsum("gji,cjk,gkl->gcil", E, Q, E) - Q
        return jnp.concatenate([linear.reshape(len(E), -1), forms.reshape(len(E), -1)], axis=1).T


class PreparedBlock(eqx.Module):
    """W and the matrices of all gates as one, (d + gates (n + 1), n + 1)."""

    weight: Array
    parts: Frozen = eqx.field(static=True)

    def __call__(self, z: Array) -> Array:
        z = jnp.append(z, jnp.ones((), z.dtype))
        found, d = self.weight.astype(z.dtype) @ z, self.parts.shape[0]
        gates = jax.nn.sigmoid(found[d:].reshape(-1, len(z)) @ z)
        return found[:d] * (self.parts.array.astype(z.dtype) @ gates)


def _symmetric(x: Array) -> Array:
    return x + jnp.swapaxes(x, -1, -2)


def _triangle(n: int) -> tuple[np.ndarray, np.ndarray]:
    """For monomials z_i z_j (i <= j): the number of each entry of a symmetric matrix, (n n,), and its share, (m,)."""
    i, j = np.triu_indices(n)
    where = np.zeros((n, n), int)
    where[i, j] = where[j, i] = np.arange(len(i))
    return where.ravel(), np.where(i == j, 1.0, 0.5)


def _form_basis(A: np.ndarray, E: np.ndarray, block: Block) -> np.ndarray:
    """All invariant quadratic forms as coefficients of monomials, orthonormal, (r, n (n + 1) / 2)."""
    n = block.size
    where, share = _triangle(n)
    units = (np.eye(len(share)) * share)[:, where].reshape(-1, n, n)
    rows = [(m + np.swapaxes(m, 1, 2)).reshape(len(units), -1).T for m in (units @ a for a in A)]
    rows += [(e.T @ units @ e - units).reshape(len(units), -1).T for e in E]
    return canonical(null_space(np.concatenate(rows), block, block))
