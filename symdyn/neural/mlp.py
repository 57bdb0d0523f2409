"""Networks: equivariant layers in a row, homogeneous functions, and the plain multilayer perceptron to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action, Group
from symdyn.neural.carriers import Carrier, Quantity, carriers, trivial_like
from symdyn.neural.gated import EquivariantLayer, Gate
from symdyn.neural.linear import DENSE, EquivariantLinear, Row


class EquivariantMLP(eqx.Module):
    """A network of equivariant layers: f(g x) = g f(x) for every value of its weights.

    Parameters
    ----------
    action, inputs, outputs, key, space, bias, dtype: as `EquivariantLinear` takes them.
    widths: the hidden layers: a representation, or a number c, which means c copies of each block that differs in
        inputs and outputs and c invariant numbers.
    gate, products, activation: as `EquivariantLayer` takes them.

    The parity of a network is a matter of the group too: under `sd.SignPattern((-1,))`, a network of vectors onto
    vectors is odd (tanh without biases), and one onto scalars even.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> net = sd.EquivariantMLP(sd.O(3), 2 * sd.Vector, sd.Vector, (8, 8), key=jax.random.key(0))
    >>> x = jnp.arange(6.0) / 3
    >>> bool(jnp.allclose(net(-x), -net(x), atol=1e-5))
    True
    >>> even = sd.EquivariantMLP(sd.SignPattern((-1,)), 4 * sd.Vector, sd.Scalar, (8,), key=jax.random.key(0))
    >>> bool(jnp.allclose(even(-x[:4]), even(x[:4]), atol=1e-5))
    True
    """

    layers: tuple[EquivariantLayer, ...]
    last: EquivariantLinear

    def __init__(
        self,
        action: Group | Action,
        inputs: Quantity | Carrier,
        outputs: Quantity | Carrier,
        widths: Sequence[int | Quantity] = (16, 16),
        *,
        key,
        space: StateSpace | None = None,
        bias: bool = True,
        gate: Gate = "bilinear",
        products: bool = True,
        activation: Callable = jax.nn.silu,
        dtype=None,
    ):
        widths = tuple(widths)
        named = [w for w in widths if not isinstance(w, int)]
        source, target, *hidden = carriers(action, (inputs, outputs, *named), space)
        given = iter(hidden)
        chain = [source, *(_hidden(w, source, target) if isinstance(w, int) else next(given) for w in widths)]
        keys = jax.random.split(key, len(widths) + 1)
        self.layers = tuple(
            EquivariantLayer(
                None, a, b, key=k, bias=bias, gate=gate, products=products, activation=activation, dtype=dtype
            )
            for a, b, k in zip(chain[:-1], chain[1:], keys[:-1], strict=True)
        )
        self.last = EquivariantLinear(None, chain[-1], target, key=keys[-1], bias=bias, dtype=dtype)

        live = frozenset(source.blocks) | frozenset(source.augmented().blocks)
        for layer in self.layers:
            live = layer.reached(live)
        for block in target.blocks:
            if block not in self.last.reached(live):
                raise InputError(
                    f"a block of {block.size} numbers of the outputs would be zero whatever the weights: give a hidden "
                    "layer the representation that it comes from (for a pseudoscalar of vectors, sd.Axial), or more "
                    "layers"
                )

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,) to one output (d,)."""
        x = jnp.asarray(x)
        for layer in self.layers:
            x = layer(x)
        return self.last(x)

    def prepared(self) -> Row:
        """The same network with its matrices written out: made once, it serves for many inputs."""
        small = self.last.source.size * self.last.target.size <= DENSE
        return Row((*(layer.prepared() for layer in self.layers), self.last.prepared() if small else self.last))


def _hidden(c: int, source: Carrier, target: Carrier) -> Carrier:
    """c copies of each block that is no invariant, and c invariant numbers."""
    if c < 1:
        raise InputError(f"a hidden layer needs a positive width, got {c}")
    moved = dict.fromkeys(b for b in (*source.blocks, *target.blocks) if not b.trivial)
    return Carrier.of_blocks([*((block, c) for block in moved), (trivial_like(source), c)])


class PlainMLP(eqx.Module):
    """The multilayer perceptron without symmetry: tanh between dense layers; without biases it is odd.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> odd = sd.PlainMLP(3, 2, (16, 16), key=jax.random.key(0), bias=False)
    >>> bool(jnp.allclose(odd(-jnp.ones(3)), -odd(jnp.ones(3))))
    True
    """

    layers: tuple[eqx.nn.Linear, ...]
    activation: Callable = eqx.field(static=True)

    def __init__(
        self, inputs: int, outputs: int, widths: Sequence[int] = (32, 32), *, key, bias: bool = True,
        activation: Callable = jnp.tanh, dtype=None,
    ):  # fmt: skip
        sizes = [inputs, *widths, outputs]
        keys = jax.random.split(key, len(sizes) - 1)
        self.layers = tuple(
            eqx.nn.Linear(a, b, use_bias=bias, key=k, dtype=dtype)
            for a, b, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )
        self.activation = activation

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,) to one output (d,)."""
        y = jnp.asarray(x)
        for layer in self.layers[:-1]:
            y = self.activation(layer(y))
        return self.layers[-1](y)


class Homogeneous(eqx.Module):
    r"""f(x) = r^p g(x / r^w) with r = (sum_i |x_i|^(2 / w_i))^(1/2): homogeneous whatever the network g is.

    f scales by c^p_j in its component j where x_i scales by c^w_i, for c > 0. It is not defined at the origin.

    Parameters
    ----------
    network: any function of (n,) with values (d,).
    degrees: p, one number or (d,).
    weights: w > 0, one number or (n,); 1 by default.

    Raises InputError for weights that are not positive.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> force = sd.Homogeneous(sd.PlainMLP(2, 2, (8,), key=jax.random.key(0)), degrees=-2)
    >>> x = jnp.array([0.3, -0.4])
    >>> bool(jnp.allclose(force(2 * x), force(x) / 4, rtol=1e-5))
    True
    """

    network: Callable
    degrees: Frozen = eqx.field(static=True)
    weights: Frozen = eqx.field(static=True)

    def __init__(self, network: Callable, degrees, weights=1.0):
        self.network, self.degrees, self.weights = network, Frozen(np.asarray(degrees, float)), Frozen(weights)
        if not np.all(np.asarray(self.weights) > 0):
            raise InputError(f"weights of a homogeneous function must be positive, got {np.asarray(weights).tolist()}")

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,), not zero, to one output (d,)."""
        x = jnp.asarray(x)
        w = self.weights.array.astype(x.dtype)
        r = jnp.sqrt(jnp.sum(jnp.abs(x) ** (2 / w)))
        return r ** self.degrees.array.astype(x.dtype) * self.network(x / r**w)
