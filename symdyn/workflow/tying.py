"""Weight sharing: the entries of a linear map that a finite group makes equal, found as orbits of index pairs."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups import AbstractRepresentation, Group, Scalar, Vector
from symdyn.groups.catalogue.blocks import group as finite_group


def tied(group: Group, inputs: AbstractRepresentation = Vector, outputs: AbstractRepresentation = Vector) -> np.ndarray:
    """Which entries of W (d, n) are one weight, for W g_in = g_out W: integer labels of shape (d, n).

    Entries of label k are weight k, entries of label -k minus that weight, entries of label 0 vanish. Labels count from
    1, in the order of their first entry, which is positive. Orbits are connected components under the elements that
    generate the group, so that its order does not matter.

    Parameters
    ----------
    group: finite, with elements that permute the components of both representations up to signs.
    inputs, outputs: these representations.

    Raises InputError for a group with generators, or elements that do more than permute and change signs (for these
    there is `EquivariantLinear`).

    References: Ravanbakhsh, Schneider, Poczos 2017, Equivariance through parameter-sharing, ICML; Zaheer et al. 2017.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.tied(sd.Permutations(3))
    array([[1, 2, 2],
           [2, 1, 2],
           [2, 2, 1]])
    >>> sd.tied(sd.CyclicShifts(3))
    array([[1, 2, 3],
           [3, 1, 2],
           [2, 3, 1]])
    >>> sd.tied(sd.Cyclic(4))  # complex numbers
    array([[ 1,  2],
           [-2,  1]])
    """
    if group.algebra.dimension:
        raise InputError(f"{group.name} is continuous; orbits tie weights of finite groups, else EquivariantLinear")
    n, d = inputs.size(group.algebra.n), outputs.size(group.algebra.n)
    steps = [
        (*_permuted(inputs.element(g), group, label), *_permuted(outputs.element(g), group, label))
        for g, label in zip(group.elements.array, group.labels, strict=True)
    ]
    return _components(n, d, steps)


def _permuted(g: np.ndarray, group: Group, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Where a signed permutation takes each component, and with which sign."""
    g = np.asarray(g)
    rounded = np.round(g)
    ok = (
        np.abs(g - rounded).max() < 1e-9 and (np.abs(rounded).sum(0) == 1).all() and (np.abs(rounded).sum(1) == 1).all()
    )
    if not ok:
        raise InputError(
            f"the element {label!r} of {group.name} does more than permute components and change signs; use "
            "EquivariantLinear, or features that it permutes"
        )
    place = np.abs(rounded).argmax(axis=0)
    return place, rounded[place, np.arange(len(g))].astype(int)


def _components(n: int, d: int, steps) -> np.ndarray:
    """Signed orbits of pairs: components of the graph on two copies (plus, minus) of each pair."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size, pairs = d * n, np.arange(d * n)
    rows, columns = [], []
    for place_in, sign_in, place_out, sign_out in steps:
        image = (place_out[:, None] * n + place_in[None, :]).ravel()
        flip = (sign_out[:, None] * sign_in[None, :]).ravel() < 0
        rows += [pairs, pairs + size]
        columns += [image + flip * size, image + ~flip * size]
    rows, columns = (np.concatenate([*part, pairs[:0]]) for part in (rows, columns))
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(2 * size, 2 * size))
    _, found = connected_components(graph, directed=False)
    plus, minus = found[:size], found[size:]
    labels, known = np.zeros(size, int), {}
    for k in range(size):
        if plus[k] == minus[k]:  # the orbit holds an entry and its negative: it vanishes
            continue
        if minus[k] in known:
            labels[k] = -known[minus[k]]
        else:
            labels[k] = known.setdefault(plus[k], len(known) + 1)
    return labels.reshape(d, n)


def tie(W, labels: np.ndarray) -> jax.Array:
    """The nearest array with entries tied by labels: signed means over orbits. JAX-traceable.

    Parameters
    ----------
    W: any array.
    labels: of the same shape, from `tied`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.tie(np.array([[1.0, 2.0], [4.0, 3.0]]), sd.tied(sd.Permutations(2))).tolist()
    [[2.0, 3.0], [3.0, 2.0]]
    """
    W, labels = jnp.asarray(W), np.asarray(labels)
    if W.shape != labels.shape:
        raise InputError(f"labels of shape {labels.shape} cannot tie an array of shape {W.shape}")
    count = int(np.abs(labels).max(initial=0)) + 1
    signs, places = np.sign(labels).ravel().astype(W.dtype), np.abs(labels).ravel()
    sums = jnp.zeros(count, W.dtype).at[places].add(signs * W.ravel())
    means = sums / np.maximum(np.bincount(places, minlength=count), 1)
    return (jnp.asarray(signs) * means[places]).reshape(W.shape)


class TiedLinear(eqx.Module):
    """A linear layer y = W x + b that commutes with a finite group by weight sharing.

    Parameters
    ----------
    group, inputs, outputs: as for `tied`.
    key: a JAX PRNG key for the weights, which are drawn with variance 1/n.
    bias: whether there is one (along invariants only).

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> layer = sd.TiedLinear(sd.CyclicShifts(5), key=jax.random.key(0))  # a convolution on a ring
    >>> layer.weight.shape, layer.bias.shape
    ((5,), (1,))
    >>> x = jnp.arange(5.0)
    >>> bool(jnp.allclose(layer(jnp.roll(x, 1)), jnp.roll(layer(x), 1), atol=1e-5))
    True
    """

    weight: Array
    bias: Array | None
    labels: Frozen = eqx.field(static=True)
    bias_labels: Frozen = eqx.field(static=True)

    def __init__(
        self,
        group: Group,
        inputs: AbstractRepresentation = Vector,
        outputs: AbstractRepresentation = Vector,
        *,
        key,
        bias: bool = True,
    ):
        self.labels = Frozen(tied(group, inputs, outputs))
        self.bias_labels = Frozen(tied(group, Scalar, outputs)[:, 0])
        count = int(np.abs(self.labels.array).max(initial=0))
        self.weight = jax.random.normal(key, (count,)) / np.sqrt(self.labels.shape[1])
        self.bias = jnp.zeros(int(np.abs(self.bias_labels.array).max(initial=0))) if bias else None

    @property
    def matrix(self) -> Float[Array, "d n"]:
        """W, with every entry."""
        return _spread(self.weight, self.labels.array)

    def __call__(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """One input (n,) to one output (d,)."""
        y = self.matrix @ jnp.asarray(x)
        return y if self.bias is None else y + _spread(self.bias, self.bias_labels.array)


def grid_group(shape: Sequence[int], *, turns: bool = False, mirrors: bool = False) -> Group:
    """What maps a periodic grid to itself, acting on the values at its points (in C order): for group convolutions.

    A `TiedLinear` under it is a convolution whose kernel is the same at every place, and in every direction too with
    quarter turns. Its matrix is written out, n points by n: for large grids take the kernel, which is the first row.

    Parameters
    ----------
    shape: how many points along each axis; shifts along each are always in.
    turns: quarter turns of the first two axes, which must be as long as each other.
    mirrors: reflections of the first axis.

    Raises InputError for other shapes.

    Examples
    --------
    >>> import symdyn as sd
    >>> int(sd.tied(sd.grid_group((5, 5))).max()), int(sd.tied(sd.grid_group((5, 5), turns=True)).max())
    (25, 7)
    """
    sizes = tuple(int(n) for n in shape)
    if not sizes or min(sizes) < 1 or (turns and (len(sizes) < 2 or sizes[0] != sizes[1])):
        raise InputError(f"a grid has positive sizes, and two equal ones for quarter turns; got {shape}")
    places = np.arange(int(np.prod(sizes))).reshape(sizes)
    moved = {f"shift_{axis}": np.roll(places, 1, axis) for axis in range(len(sizes))}
    moved |= {"quarter_turn": np.rot90(places)} if turns else {}
    moved |= {"mirror": places[::-1]} if mirrors else {}
    one = np.eye(places.size)
    elements = {name: one[each.ravel()] for name, each in moved.items()}
    return finite_group(f"grid_group({sizes})", "nothing", {}, base="internal", elements=elements)


def _spread(weights: Array, labels: np.ndarray) -> Array:
    padded = jnp.concatenate([jnp.zeros(1, weights.dtype), weights])
    return jnp.asarray(np.sign(labels), weights.dtype) * padded[np.abs(labels)]
