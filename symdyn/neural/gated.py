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
from symdyn.neural.carriers import ZERO, Block, Carrier, Quantity, carriers, trivial_like
from symdyn.neural.intertwiners import LARGEST, intertwiners
from symdyn.neural.linear import DENSE, Affine, EquivariantLinear, normal, taken_at

Gate = Literal["bilinear", "norm"]
FEW = 64  # terms of products that are written out one by one


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
        return self.prepared()(jnp.asarray(x))

    def prepared(self) -> PreparedLayer:
        """The same layer with its matrices written out: made once, it serves for many inputs."""
        maps = [self.main] if self.other is None else [self.main, self.other]
        if self.main.source.size * self.target.size > DENSE:
            return PreparedLayer(self, maps, self._mixed())
        rows = np.argsort(self.target.order)  # blocks one after the other
        wholes = [m.matrix() if self.target.ordered else taken_at(m.matrix(), rows) for m in maps]
        W = jnp.concatenate(wholes)
        linear = Affine(W[:, :-1], W[:, -1]) if self.main.constant else Affine(W, None)
        return PreparedLayer(self, linear, self._mixed())

    def _mixed(self) -> Array:
        """One matrix of the gates and of what is added to invariant numbers, (gated + still, t + still)."""
        return jnp.concatenate([self.gates, jnp.pad(self.mixing, ((0, 0), (0, len(self.mixing))))])

    def reached(self, live: frozenset[Block]) -> frozenset[Block]:
        """The hidden blocks that are not always zero where those of the inputs outside `live` are."""
        out = self.main.reached(live)
        blocks = self.target.blocks
        more = {blocks[k] for i, j, k, _ in self.products if blocks[i] in out and blocks[j] in out}
        if any(blocks[i] in out and blocks[j] in out for i, j, _ in self.invariants):
            more |= {block for block in blocks if block.trivial}
        return out | more


class PreparedLayer(eqx.Module):
    """An `EquivariantLayer` ready for many inputs: `linear` gives y and s with their blocks one after the other."""

    layer: EquivariantLayer
    linear: Affine | list[EquivariantLinear]
    mixed: Array

    def __call__(self, x: Array) -> Array:
        layer, target = self.layer, self.layer.target
        y, s = self._split(x)
        t = self._bilinear(y, s)
        still = [y[b].ravel() for b, block in enumerate(target.blocks) if block.trivial]
        found = self.mixed.astype(t.dtype) @ jnp.concatenate([t, *still])
        gates, start = 2 * jax.nn.sigmoid(found[: len(layer.gates)] + layer.shift.astype(t.dtype)), 0
        for b, block in enumerate(target.blocks):
            if block.trivial:
                y[b] = layer.activation(y[b] + found[len(layer.gates) :, None])
            elif block.signed:
                y[b] = layer.activation(y[b]) if block.permuted else jnp.tanh(y[b])
            else:
                y[b] = y[b] * gates[start : start + len(y[b]), None]
                start += len(y[b])
        out = jnp.concatenate([part.ravel() for part in y])
        return out if target.ordered else taken_at(out, target.order)

    def _split(self, x: Array) -> tuple[list[Array], list[Array]]:
        """The blocks of y and of s, (copies, size) each."""
        target = self.layer.target
        if isinstance(self.linear, list):
            found = [[taken_at(values, p.array) for p in target.places] for values in (m(x) for m in self.linear)]
            return found[0], list(found[-1])
        values = self.linear(x)
        shapes = [p.shape for p in target.places]
        ends = np.cumsum([0, *(m * k for m, k in shapes)])

        def part(start: int) -> list[Array]:
            return [values[start + a : start + b].reshape(shape) for a, b, shape in zip(ends, ends[1:], shapes)]  # noqa: B905

        y = part(0)
        return y, list(y) if self.layer.other is None else part(int(ends[-1]))

    def _bilinear(self, y: list[Array], s: list[Array]) -> Array:
        """All invariants of pairs of copies, (t,); equivariant products are added to y in place."""
        layer = self.layer
        found, added = [jnp.zeros(0, y[0].dtype)], []
        into = {pair: [] for pair in dict.fromkeys((i, j) for i, j, *_ in (*layer.invariants, *layer.products))}
        for n, (i, j, k, Q) in enumerate(layer.products):
            into[i, j].append((k, Q, layer.scales[n]))
        forms = {(i, j): Q for i, j, Q in layer.invariants}
        for (i, j), products in into.items():
            a, b = y[i].shape[1], s[j].shape[1]
            m = min(len(y[i]), len(s[j])) if (i, j) in forms else 0
            count = max([m, *(len(scale) for *_, scale in products)])
            tables = [forms[i, j].array] if m else []
            tables += [Q.array for _, Q, _ in products]
            Q = np.concatenate([table.reshape(-1, a, b) for table in tables])
            made = _contracted(Q, _repeated(y[i], count), _repeated(s[j], count))
            start = 0
            if m:
                start = forms[i, j].shape[0]
                found.append(made[:m, :start].T.ravel())
            for k, Q, scale in products:
                size = len(y[k][0])
                r = Q.shape[0]
                each = made[: len(scale), start : start + r * size].reshape(len(scale), r, size)
                added.append((k, jnp.sum(each * scale.astype(each.dtype)[:, :, None], axis=1)))
                start += r * size
        for k, value in added:
            y[k] = y[k] + value
        return jnp.concatenate(found)


def _contracted(Q: np.ndarray, y: Array, s: Array) -> Array:
    """sum_ab Q_rab y_ca s_cb, (c, r). Few terms are written out: compiled, that is one loop over samples and copies."""
    entries = np.abs(Q) > ZERO
    if entries.sum() > FEW:
        pairs = y[:, :, None] * s[:, None, :]
        return pairs.reshape(len(y), -1) @ Q.reshape(len(Q), -1).T.astype(y.dtype)
    columns = []
    for r in range(len(Q)):
        where = zip(*np.nonzero(entries[r]), strict=True)
        terms = [float(Q[r, a, b]) * y[:, a] * s[:, b] for a, b in where]
        columns.append(sum(terms[1:], terms[0]))
    return jnp.stack(columns, axis=1)


def _repeated(x: Array, count: int) -> Array:
    """Rows of x again from the first, or fewer, (count, k)."""
    return x if len(x) == count else jnp.concatenate([x] * -(-count // len(x)))[:count]


def _products(a: Block, b: Block, target: Block) -> Frozen:
    """All equivariant products of two blocks onto a third; none where the problem is too large to be worth it."""
    if a.size * b.size * target.size > LARGEST:
        return Frozen(np.zeros((0, target.size, a.size * b.size)))
    return intertwiners(a.times(b), target)
