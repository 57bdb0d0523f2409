"""One hidden layer: equivariant linear maps, products of pairs, and a nonlinearity that fits each block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action, Group
from symdyn.neural.carriers import Block, Carrier, Quantity, carriers, trivial_like
from symdyn.neural.intertwiners import LARGEST, intertwiners
from symdyn.neural.linear import EquivariantLinear, normal, taken_at

Gate = Literal["bilinear", "norm"]


class EquivariantLayer(eqx.Module):
    r"""A linear layer and a nonlinearity that commutes with the group.

    With y and s two equivariant linear maps of the input onto the hidden representation: from pairs of their blocks
    come the invariants t = y' Q s (all of them, Q from a null space) and, with `products`, the equivariant products
    y x s onto each block. Then

        invariant numbers:        activation(y_0 + V t)
        permuted numbers:         activation(y); with signs tanh(y), which is odd
        all other blocks:         2 sigmoid(a + V' [t, y_0]) y, one gate for each copy.

    Parameters
    ----------
    action, inputs, outputs, key, space, bias, dtype: as `EquivariantLinear` takes them.
    gate: "bilinear", or "norm" where s = y: the invariants are then lengths, at half the weights.
    products: whether y x s is added to y. Without it, vectors give vectors in their own span only.
    activation: of invariant and of permuted numbers; `jax.nn.silu` by default.

    References: gates, Weiler et al. 2018, NeurIPS (3D steerable CNNs); gates by an invariant quadratic of the input,
    Finzi, Welling, Wilson 2021, ICML, and Otto et al. 2025, JMLR 26(248).

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> layer = sd.EquivariantLayer(sd.SO(3), 2 * sd.Vector, sd.Vector + sd.Scalar, key=jax.random.key(0))
    >>> x = jnp.array([1.0, 0, 0, 0, 1, 0])
    >>> bool(abs(layer(x)[2]) > 1e-3)  # out of the plane of x and y, by the cross product
    True
    """

    main: EquivariantLinear
    other: EquivariantLinear | None
    mixing: Array
    gates: Array
    shift: Array
    scales: tuple[Array, ...]
    invariants: tuple[tuple[int, int, Frozen], ...] = eqx.field(static=True)
    products: tuple[tuple[int, int, int, Frozen], ...] = eqx.field(static=True)
    target: Carrier = eqx.field(static=True)
    activation: Callable = eqx.field(static=True)

    def __init__(
        self,
        action: Group | Action | None,
        inputs: Quantity | Carrier,
        outputs: Quantity | Carrier,
        *,
        key,
        space: StateSpace | None = None,
        bias: bool = True,
        gate: Gate = "bilinear",
        products: bool = True,
        activation: Callable = jax.nn.silu,
        dtype=None,
    ):
        if gate not in ("bilinear", "norm"):
            raise InputError(f'the gate is "bilinear" or "norm", got {gate!r}')
        if not (isinstance(inputs, Carrier) and isinstance(outputs, Carrier)):
            inputs, outputs = carriers(action, (inputs, outputs), space)  # pyright: ignore[reportArgumentType]
        keys = jax.random.split(key, 5)
        self.target, self.activation = outputs, activation
        self.main = EquivariantLinear(None, inputs, outputs, key=keys[0], bias=bias, partial=True, dtype=dtype)
        blocks, copies = outputs.blocks, outputs.copies
        moved = [b for b, block in enumerate(blocks) if not block.trivial]
        one = trivial_like(outputs)
        pairs = [(i, j) for i in moved for j in moved if i <= j and (gate == "bilinear" or i == j)]
        self.invariants = tuple((i, j, Q) for i, j in pairs if len(Q := _products(blocks[i], blocks[j], one)))
        self.products = tuple(
            (i, j, k, Q) for i, j in pairs if products and gate == "bilinear"
            for k in moved if len(Q := _products(blocks[i], blocks[j], blocks[k]))
        )  # fmt: skip
        pointwise = all(block.signed for block in blocks)
        used = bool(self.products) or (bool(self.invariants) and not pointwise)
        used = used or (any(block.trivial for block in blocks) and bool(self.invariants))
        second = gate == "bilinear" and used
        self.other = (
            EquivariantLinear(None, inputs, outputs, key=keys[1], bias=bias, partial=True, dtype=dtype)
            if second
            else None
        )
        dtype = dtype or jnp.result_type(float)
        still = sum(m for block, m in zip(blocks, copies, strict=True) if block.trivial)
        gated = sum(m for block, m in zip(blocks, copies, strict=True) if not block.signed)
        t = sum(len(Q) * min(copies[i], copies[j]) for i, j, Q in self.invariants)
        self.mixing = jnp.asarray(normal(keys[2], (still, t), dtype) / np.sqrt(max(t, 1)).astype(dtype))
        self.gates = jnp.asarray(normal(keys[3], (gated, t + still), dtype) / np.sqrt(max(t + still, 1)).astype(dtype))
        self.shift = jnp.zeros(gated, dtype)
        into = np.zeros(len(blocks))
        for _, _, k, Q in self.products:
            into[k] += len(Q)
        self.scales = tuple(
            jnp.asarray(
                normal(jax.random.fold_in(keys[4], n), (copies[k], len(Q)), dtype)
                * np.sqrt(blocks[k].size / into[k]).astype(dtype)
            )
            for n, (_, _, k, Q) in enumerate(self.products)
        )

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,) to one output (d,)."""
        y = self._split(self.main(x))
        s = y if self.other is None else self._split(self.other(x))
        t = self._invariants(y, s)
        for (i, j, k, Q), scale in zip(self.products, self.scales, strict=True):
            into = np.arange(len(scale))
            a, b = taken_at(y[i], into % len(y[i])), taken_at(s[j], into % len(s[j]))
            shape = (len(Q), -1, a.shape[1], b.shape[1])
            y[k] = y[k] + jnp.einsum("rkab,ca,cb,cr->ck", Q.array.reshape(shape).astype(a.dtype), a, b, scale)
        blocks = self.target.blocks
        still = [y[b].ravel() for b, block in enumerate(blocks) if block.trivial]
        rest = jnp.concatenate([t, *still])
        gates, start = 2 * jax.nn.sigmoid(self.gates.astype(t.dtype) @ rest + self.shift.astype(t.dtype)), 0
        for b, block in enumerate(blocks):
            if block.trivial:
                y[b] = self.activation(y[b] + (self.mixing.astype(t.dtype) @ t)[:, None])
            elif block.signed:
                y[b] = self.activation(y[b]) if block.permuted else jnp.tanh(y[b])
            else:
                y[b] = y[b] * gates[start : start + len(y[b]), None]
                start += len(y[b])
        order = np.argsort(np.concatenate([p.array.ravel() for p in self.target.places]))
        return taken_at(jnp.concatenate([part.ravel() for part in y]), order)

    def reached(self, live: frozenset[Block]) -> frozenset[Block]:
        """The hidden blocks that are not always zero where those of the inputs outside `live` are."""
        out = self.main.reached(live)
        blocks = self.target.blocks
        more = {blocks[k] for i, j, k, _ in self.products if blocks[i] in out and blocks[j] in out}
        if any(blocks[i] in out and blocks[j] in out for i, j, _ in self.invariants):
            more |= {block for block in blocks if block.trivial}
        return out | more

    def _split(self, values) -> list[Array]:
        return [taken_at(values, p.array) for p in self.target.places]

    def _invariants(self, y: list[Array], s: list[Array]) -> Array:
        """All invariants of pairs of copies, (t,)."""
        found = [jnp.zeros(0, y[0].dtype)]
        for i, j, Q in self.invariants:
            m = min(len(y[i]), len(s[j]))
            form = Q.array.reshape(len(Q), y[i].shape[1], -1).astype(y[i].dtype)
            found.append(jnp.einsum("rab,ca,cb->rc", form, y[i][:m], s[j][:m]).ravel())
        return jnp.concatenate(found)


def _products(a: Block, b: Block, target: Block) -> Frozen:
    """All equivariant products of two blocks onto a third; none where the problem is too large to be worth it."""
    if a.size * b.size * target.size > LARGEST:
        return Frozen(np.zeros((0, target.size, a.size * b.size)))
    return intertwiners(a.times(b), target)
