"""The linear layer: all equivariant affine maps between two spaces, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action, Group
from symdyn.neural.carriers import Block, Carrier, Quantity, carriers
from symdyn.neural.intertwiners import intertwiners

DENSE = 1 << 16  # entries up to which W is written out: one product of matrices instead of many small ones


class EquivariantLinear(eqx.Module):
    r"""y = W x + b with every W and b that commute with the group.

    W A_in = A_out W and W a_in = A_out b for generators A x + a, W T_in = T_out W for discrete elements.

    The trainable weights are the coordinates in an orthonormal basis of that null space, which is computed once in
    float64 for each pair of blocks that differ: m_in copies of one block and m_out copies of another share a basis of r
    matrices and have m_out m_in r weights. A bias stands along invariants only.

    Parameters
    ----------
    action: a group, or a group acting on a state (`group.acting_on(...)`, sums of these).
    inputs, outputs: what is mapped: a representation such as `8 * sd.Vector + 4 * sd.Scalar` (for an action of several
        parts, a tuple of one for each); under an action also a `StateSpace`, the state itself, or `sd.Rates(...)`.
    key: a JAX PRNG key. Weights are drawn so that inputs of unit variance give outputs of unit variance; the bias is 0.
    space: the state, under an action whose state is neither input nor output.
    bias: whether there is one.
    partial: whether blocks of the outputs that no equivariant map reaches are zero, instead of an error.
    dtype: of the weights; by default JAX's.

    Raises InputError where a quantity does not move by matrices and shifts, outputs move by shifts, or no equivariant
    map into some block of the outputs exists.

    Reference: Finzi, Welling, Wilson 2021, ICML; Otto et al. 2025, JMLR 26(248), section on multilayer perceptrons.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> layer = sd.EquivariantLinear(sd.SO(3), 2 * sd.Vector + sd.Scalar, 3 * sd.Vector, key=jax.random.key(0))
    >>> layer.parameters  # 3 x 2 multiples of the identity; of 21 + 9 weights and biases
    6
    >>> turn = jnp.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    >>> x = jnp.arange(7.0)
    >>> moved = jnp.concatenate([turn @ x[:3], turn @ x[3:6], x[6:]])
    >>> bool(jnp.allclose((turn @ layer(x).reshape(3, 3).T).T.ravel(), layer(moved), atol=1e-5))
    True
    >>> sets = sd.EquivariantLinear(sd.Permutations(100), sd.Vector, sd.Vector, key=jax.random.key(0))
    >>> sets.parameters  # deep sets: the identity, the mean, and the same bias for all
    3
    """

    weights: tuple[Array, ...]
    bases: tuple[Frozen, ...] = eqx.field(static=True)
    pairs: tuple[tuple[int, int], ...] = eqx.field(static=True)
    source: Carrier = eqx.field(static=True)
    target: Carrier = eqx.field(static=True)
    constant: bool = eqx.field(static=True)

    def __init__(
        self,
        action: Group | Action | None,
        inputs: Quantity | Carrier,
        outputs: Quantity | Carrier,
        *,
        key,
        space: StateSpace | None = None,
        bias: bool = True,
        partial: bool = False,
        dtype=None,
    ):
        if isinstance(inputs, Carrier) and isinstance(outputs, Carrier):
            plain, self.target = inputs, outputs
        elif action is None:
            raise InputError("a layer needs a group or group.acting_on(...), got None")
        else:
            plain, self.target = carriers(action, (inputs, outputs), space)
        if self.target.shifts is not None:
            raise InputError(
                "the outputs move by shifts (places): let the layer give vectors, such as displacements or rates, and "
                "name pairs of a place and its velocity as kinematics"
            )
        self.constant = bias or plain.shifts is not None
        self.source = plain.augmented() if self.constant else plain
        found = [
            (i, o, _basis(source, target, self.constant and not bias, self.source.places[i].array, plain.size))
            for o, target in enumerate(self.target.blocks)
            for i, source in enumerate(self.source.blocks)
        ]
        found = [(i, o, basis) for i, o, basis in found if len(basis)]
        self.pairs = tuple((i, o) for i, o, _ in found)
        self.bases = tuple(basis for *_, basis in found)
        for o, block in enumerate(self.target.blocks):
            if not partial and o not in {out for _, out in self.pairs}:
                raise InputError(
                    f"no equivariant map reaches a block of {block.size} numbers of the outputs from these inputs; "
                    "give inputs or hidden layers a representation that it can come from, or leave it out"
                )
        self.weights = self._drawn(key, dtype or jnp.result_type(float), plain.size)

    def _drawn(self, key, dtype, one: int) -> tuple[Array, ...]:
        """Normal weights with E|y|^2 equal to the size of y for x of unit variance; none for the constant."""
        count = np.zeros(len(self.target.blocks))
        still = [self.constant and self.source.blocks[i].size == 1 for i, _ in self.pairs]
        for (i, o), basis in zip(self.pairs, self.bases, strict=True):
            count[o] += len(basis) * self._copies(i, one)
        shapes = [
            (self.target.copies[o], self.source.copies[i], len(basis))
            for (i, o), basis in zip(self.pairs, self.bases, strict=True)
        ]
        scales = []
        for (i, o), shape, alone in zip(self.pairs, shapes, still, strict=True):
            scale = np.full(shape, np.sqrt(self.target.blocks[o].size / max(count[o], 1.0)))
            if alone:  # the place of the constant among the invariant numbers
                scale[:, self.source.places[i].array[:, 0] == one] = 0.0
            scales.append(scale.ravel())
        ends = np.cumsum([0, *map(prod, shapes)])
        flat = normal(key, (int(ends[-1]),), dtype) * np.concatenate(scales).astype(dtype)
        return tuple(jnp.asarray(flat[a:b].reshape(s)) for a, b, s in zip(ends[:-1], ends[1:], shapes, strict=True))

    def _copies(self, i: int, one: int) -> int:
        """The number of copies of a block of the inputs, without the constant."""
        alone = self.constant and self.source.blocks[i].size == 1 and one in self.source.places[i].array
        return self.source.copies[i] - bool(alone)

    @property
    def parameters(self) -> int:
        """The number of free weights."""
        return sum(w.size for w in self.weights)

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,) to one output (d,)."""
        x = jnp.asarray(x)
        if self.source.size * self.target.size <= DENSE:
            return self.prepared()(x)
        if self.constant:
            x = jnp.append(x, jnp.ones((), x.dtype))
        parts: dict[int, Array] = {}
        for (i, o), basis, weight in zip(self.pairs, self.bases, self.weights, strict=True):
            taken = jnp.einsum("rab,cb->cra", basis.array.astype(x.dtype), taken_at(x, self.source.places[i].array))
            made = jnp.einsum("ocr,cra->oa", weight.astype(x.dtype), taken)
            parts[o] = parts[o] + made if o in parts else made
        order = np.argsort(np.concatenate([p.array.ravel() for p in self.target.places]))
        empty = (jnp.zeros(places.shape, x.dtype) for places in self.target.places)
        return taken_at(jnp.concatenate([parts.get(o, zero).ravel() for o, zero in enumerate(empty)]), order)

    def prepared(self) -> Affine:
        """The same map with its matrix W written out: made once, it serves for many inputs."""
        whole = self.matrix()
        return Affine(whole[:, :-1], whole[:, -1]) if self.constant else Affine(whole, None)

    def reached(self, live: frozenset[Block]) -> frozenset[Block]:
        """The blocks of the outputs that are not always zero where those of the inputs outside `live` are."""
        alive = [b in live or (self.constant and b.trivial) for b in self.source.blocks]
        return frozenset(self.target.blocks[o] for i, o in self.pairs if alive[i])

    def matrix(self) -> Array:
        """W and, where there is one, b as the last column: (d, n) or (d, n + 1)."""
        found = dict(zip(self.pairs, range(len(self.pairs)), strict=True))
        dtype, rows = self.weights[0].dtype if self.weights else jnp.result_type(float), []
        for o, (target, copies) in enumerate(zip(self.target.blocks, self.target.copies, strict=True)):
            row = []
            for i, (source, many) in enumerate(zip(self.source.blocks, self.source.copies, strict=True)):
                shape = (copies * target.size, many * source.size)
                if (i, o) in found:
                    k = found[i, o]
                    part = jnp.einsum("ocr,rab->oacb", self.weights[k], self.bases[k].array.astype(dtype))
                    row.append(part.reshape(shape))
                else:
                    row.append(jnp.zeros(shape, dtype))
            rows.append(jnp.concatenate(row, axis=1))
        return arranged(jnp.concatenate(rows), self.target, self.source)


class Affine(eqx.Module):
    """W x + b, or W x."""

    weight: Array
    bias: Array | None

    def __call__(self, x: Array) -> Array:
        y = self.weight.astype(x.dtype) @ x
        return y if self.bias is None else y + self.bias.astype(x.dtype)


class Row(eqx.Module):
    """Functions one after the other."""

    layers: tuple[Callable, ...]

    def __call__(self, x: Array) -> Array:
        for layer in self.layers:
            x = layer(x)
        return x


def normal(key, shape: tuple[int, ...], dtype):
    """Normal numbers of any shape, on the host where possible; the numbers of sizes that are compiled stay few."""
    count = prod(shape)
    flat = jax.random.normal(key, (1 << max(count - 1, 1).bit_length(),), dtype)
    return (flat if isinstance(flat, Tracer) else np.asarray(flat))[:count].reshape(shape)


def arranged(W: Array, rows: Carrier, columns: Carrier) -> Array:
    """A matrix between spaces whose blocks stand one after the other, in the order of the numbers of both."""
    if not rows.ordered:
        W = taken_at(W, rows.order)
    return W if columns.ordered else taken_at(W.T, columns.order).T


def taken_at(x: Array, places: np.ndarray) -> Array:
    """Entries of x (n, ...) at known places of any shape: no bounds to check, which matters in small networks."""
    return x.at[places.astype(np.int32)].get(mode="promise_in_bounds", wrap_negative_indices=False)


def _basis(source: Block, target: Block, no_bias: bool, places: np.ndarray, one: int) -> Frozen:
    """Intertwiners of two blocks; without a bias those that ignore the constant, which stands last in its block."""
    basis = intertwiners(source, target)
    if not no_bias or one not in places or not len(basis):
        return basis
    if source.size == 1:  # the constant among other invariant numbers: nothing moves the origin
        return basis
    column = basis.array[:, :, -1]
    _, s, vh = np.linalg.svd(column.T)
    rank = int((s > 1e-9).sum())
    return Frozen(np.tensordot(vh[rank:], basis.array, axes=1))
