"""Which layer of a network breaks a symmetry, and by how much."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn.neural.epnn import EPNN, GatedBlock
from symdyn.neural.gated import EquivariantLayer
from symdyn.neural.law import NeuralLaw
from symdyn.neural.linear import EquivariantLinear
from symdyn.neural.mlp import EquivariantMLP

Layer = tuple[Callable, np.ndarray, np.ndarray]  # the function, generators on [x, 1] and on values


def layer_defects(
    network: EquivariantMLP | EPNN | NeuralLaw, states: Float[Array | np.ndarray, "m n"]
) -> Float[np.ndarray, "layers g"]:
    r"""The local equivariance error of each layer along each generator: (layers, g), 0 where it commutes, 1 at most.

    With F one layer, A and B the generators on its inputs and values, and x the inputs that it has at the given states:
    |DF(x) A x - B F(x)| / (|DF(x) A x| + |B F(x)|), norms being root mean squares over the states.

    Parameters
    ----------
    network: an `EquivariantMLP` or `EPNN`, or a law with one.
    states: (m, n), in the units of the network's inputs (of the law's state).

    Raises InputError for a network whose layers are not known to transform.

    Reference: Gruver, Finzi, Goldblum, Wilson 2023, ICLR, the Lie derivative for measuring learned equivariance.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> net = sd.EPNN(sd.SO(2), sd.Vector, sd.Vector, (2 * sd.Vector,), kept=((1,),), key=jax.random.key(0))
    >>> bool(sd.layer_defects(net, np.ones((3, 2))).max() < 1e-5)
    True
    """
    values = jnp.asarray(states)
    if isinstance(network, NeuralLaw) and network.scale is not None:
        values = values / network.scale.array.astype(values.dtype)
    rows = []
    for function, A, B in _layers(network.network if isinstance(network, NeuralLaw) else network):
        wide = jnp.concatenate([values, jnp.ones((len(values), 1), values.dtype)], axis=1)
        moved = jnp.einsum("gij,mj->gmi", A.astype(values.dtype), wide)[..., : values.shape[1]]
        outputs, pushed = _pushed(function, values, moved)
        turned = jnp.einsum("gij,mj->gmi", B.astype(outputs.dtype), outputs)
        sizes = [np.sqrt(np.sum(np.asarray(x, float) ** 2, axis=(1, 2))) for x in (pushed - turned, pushed, turned)]
        rows.append(sizes[0] / np.maximum(sizes[1] + sizes[2], 1e-300))
        values = outputs
    return np.stack(rows)


@eqx.filter_jit
def _pushed(function: Callable, x: Array, moved: Array) -> tuple[Array, Array]:
    """Values (m, d), and derivatives along the moves (g, m, n): (g, m, d)."""
    along = jax.vmap(lambda x, v: jax.jvp(function, (x,), (v,))[1])
    return jax.vmap(function)(x), jax.vmap(along, (None, 0))(x, moved)


def _layers(network) -> list[Layer]:
    if isinstance(network, EPNN):
        return [_layer(block) for block in network.blocks]
    if isinstance(network, EquivariantMLP):
        return [_layer(layer) for layer in (*network.layers, network.last)]
    raise InputError(f"layers of an EquivariantMLP or an EPNN are known to transform; got {type(network).__name__}")


def _layer(layer: GatedBlock | EquivariantLayer | EquivariantLinear) -> Layer:
    if isinstance(layer, GatedBlock):
        return layer.prepared(), layer.sources[0].array, layer.targets[0].array
    linear = layer.main if isinstance(layer, EquivariantLayer) else layer
    A, _ = linear.source.matrices()
    if not linear.constant:
        A = np.pad(A, ((0, 0), (0, 1), (0, 1)))
    return layer.prepared(), A, layer.target.matrices()[0]
