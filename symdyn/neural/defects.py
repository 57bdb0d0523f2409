"""Which layer of a network breaks a symmetry, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from symdyn.neural.operators.law import OperatorLaw

Layer = tuple[Callable, np.ndarray, np.ndarray]  # the function, generators on [x, 1] and on values


def layer_defects(
    network: EquivariantMLP | EPNN | NeuralLaw | OperatorLaw, states: Float[Array | np.ndarray, "m n"] | None = None
) -> Float[np.ndarray, "layers g"]:
    r"""The local equivariance error of each layer along each generator: (layers, g), 0 where it commutes, 1 at most.

    With F one layer, A and B the generators on its inputs and values, and x the inputs that it has at the given states:
    |DF(x) A x - B F(x)| / (|DF(x) A x| + |B F(x)|), norms being root mean squares over the states.

    Parameters
    ----------
    network: an `EquivariantMLP` or `EPNN`, or a law with one. For an `OperatorLaw` no states are needed: the defect is
        what a generator changes in the kernels and coefficients of a layer, by the norm of their weights.
    states: (m, n), in the units of the network's inputs (of the law's state).

    Raises InputError for a network whose layers are not known to transform, and states that are missing.

    Reference: Gruver, Finzi, Goldblum, Wilson 2023, ICLR, the Lie derivative for measuring learned equivariance.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> net = sd.EPNN(sd.SO(2), sd.Vector, sd.Vector, (2 * sd.Vector,), kept=((1,),), key=jax.random.key(0))
    >>> bool(sd.layer_defects(net, np.ones((3, 2))).max() < 1e-5)
    True
    """
    if isinstance(network, OperatorLaw):
        operator: Any = network.network
        return np.stack([_kernel_defects(layer, len(operator.generators)) for layer in operator.layers])
    if states is None:
        raise InputError("the layers of a network are looked at where states lie: give states (m, n)")
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


def _kernel_defects(layer, g: int) -> np.ndarray:
    """The norms of what generators change in a layer of an operator, by the norm of its kernels, (g,)."""
    parts = [part for part in (layer.kernel, layer.coefficients) if part is not None]
    weights = [np.asarray(leaf, float) for part in parts for leaf in jax.tree.leaves(eqx.filter(part, eqx.is_array))]
    moved = [np.asarray(each.broken(), float) for part in parts for each in part.steerable()]
    change = np.sqrt(sum((np.sum(m**2, axis=0) for m in moved), np.zeros(g)))
    return change / max(np.sqrt(sum(np.sum(w**2) for w in weights)), 1e-300)


def broken_directions(law: OperatorLaw | NeuralLaw):
    """Which combinations of candidate symmetries a promotable law keeps, and which it breaks: an xarray.Dataset.

    `strength` (direction,) rising, `direction` (direction, generator) orthonormal: how much the kernels of all layers
    change along each combination of generators, by the norm of all weights that may change. A strength far below the
    others says that the direction is kept: give it back as `kept=`, which enforces it. `element_strength` (element,).

    Raises InputError for a law that is not promotable.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> turn = sd.SO(3).acting_on(x=sd.Vector)
    >>> law = sd.NeuralLaw.of(sd.StateSpace.of(x=3), turn, (2 * sd.Vector,), kind="promotable", key=jax.random.key(0),
    ...     kept=((0, 0, 1),))
    >>> found = sd.broken_directions(law)
    >>> np.round(np.abs(found.direction.values[0]), 3).tolist(), bool(found.strength[0] < 1e-6 * found.strength[1])
    ([0.0, 0.0, 1.0], True)
    """
    import xarray as xr

    network: Any = law.network
    if not hasattr(network, "broken"):
        raise InputError('only promotable laws know what they break: OperatorLaw.of or NeuralLaw.of(kind="promotable")')
    M, E = (np.asarray(x, float) for x in (network.broken(), network.broken_elements()))
    if not M.size:
        raise InputError(
            "the law has no weights that could break a symmetry: make it promotable (places=1 on a sphere)"
        )
    norm = np.sqrt(sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))))
    sizes, turned = np.linalg.eigh(M.T @ M)
    names = getattr(network, "generators", ()) or tuple(range(M.shape[1]))
    elements = getattr(network, "elements", ()) or tuple(range(E.shape[1]))
    return xr.Dataset(
        {
            "strength": ("direction", np.sqrt(np.maximum(sizes, 0.0)) / norm),
            "direction": (("direction", "generator"), turned.T),
            "element_strength": ("element", np.linalg.norm(E, axis=0) / norm),
        },
        coords={"generator": list(names), "element": list(elements)},
    )


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
