"""Averages over few elements that make any function invariant or equivariant, exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups import AbstractRepresentation, Group, Scalar, Vector
from symdyn.groups.finite import generated
from symdyn.workflow.canonical import principal_axes


class FrameAveraged(eqx.Module):
    """Any function of a cloud (m, d), averaged over the signs of its principal axes.

    Exactly invariant (equivariant) under O(d), or SO(d) where `proper`, wherever the principal moments differ; no sign
    has to be chosen, so that only equal moments are left as discontinuities. Costs 2^d (2^(d-1)) evaluations.

    Parameters
    ----------
    function: of one cloud (m, d).
    outputs: "numbers" that stay, or "vectors", (d,) or (m, d), that are turned back.
    proper: SO(d) rather than O(d).
    centred: whether translations are taken out as well.

    Reference: Puny et al. 2022, Frame averaging for invariant and equivariant network design, ICLR.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> f = sd.FrameAveraged(lambda x: jnp.exp(x).sum(), proper=True)
    >>> x, turn = jnp.array([[0.3, 1.0], [0.5, 0.2]]), jnp.array([[0.6, -0.8], [0.8, 0.6]])
    >>> bool(jnp.allclose(f(x), f(x @ turn.T), atol=1e-5))
    True
    """

    function: Callable
    outputs: Literal["numbers", "vectors"] = eqx.field(default="numbers", static=True)
    proper: bool = eqx.field(default=False, static=True, kw_only=True)
    centred: bool = eqx.field(default=False, static=True, kw_only=True)

    def __check_init__(self):
        if self.outputs not in ("numbers", "vectors"):
            raise InputError(f'outputs are "numbers" or "vectors", got {self.outputs!r}')

    def frames(self, x: Float[Array, "m d"]) -> Float[Array, "k d d"]:
        """The frames of a (centred) cloud, axes as columns."""
        Q, _ = principal_axes(x)
        signs = np.array(list(product((1.0, -1.0), repeat=x.shape[1])))
        if not self.proper:
            return Q * jnp.asarray(signs, x.dtype)[:, None, :]
        kept = jnp.asarray(signs[signs[:, -1] > 0], x.dtype)  # the last sign follows from the orientation
        last = jnp.sign(jnp.linalg.det(Q)) * jnp.prod(kept, axis=1)
        return Q * kept.at[:, -1].set(last)[:, None, :]

    def __call__(self, x: Float[Array, "m d"]):
        """The value at one cloud (m, d)."""
        x = jnp.asarray(x)
        if self.centred:
            x = x - x.mean(axis=0)

        def at(Q):
            value = self.function(x @ Q)
            return value @ Q.T if self.outputs == "vectors" else value

        return jnp.mean(jax.vmap(at)(self.frames(x)), axis=0)


class GroupAveraged(eqx.Module):
    """Any function of x (n,), averaged over all members of a small finite group: (1/|G|) sum g^-1 f(g x).

    Parameters
    ----------
    function: of one x (n,), with values (d,), or () for scalars.
    group: finite.
    inputs, outputs: how x and the values transform.
    limit: the largest order that is accepted; the cost is one evaluation for each member.

    Raises InputError for a group with generators or with more than `limit` members.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> f = sd.GroupAveraged(lambda x: x[0] ** 2 + x[0], sd.Cyclic(4))
    >>> f(jnp.array([1.0, 2.0])).item()  # (1 + 4) / 2
    2.5
    """

    function: Callable
    moves: Frozen = eqx.field(static=True)
    back: Frozen = eqx.field(static=True)

    def __init__(
        self,
        function: Callable,
        group: Group,
        *,
        inputs: AbstractRepresentation = Vector,
        outputs: AbstractRepresentation = Scalar,
        limit: int = 1000,
    ):
        if group.algebra.dimension:
            raise InputError(
                f"{group.name} is continuous: average over frames (FrameAveraged), canonicalise, or enforce"
            )
        members = generated(group.elements.array, limit)
        if members is None:
            raise InputError(
                f"{group.name} has more than {limit} members, too many to average over: canonicalise (Sorted), tie "
                "weights (TiedLinear), enforce, or augment with a few random_moves"
            )
        self.function = function
        self.moves = Frozen([inputs.element(g) for g in members])
        self.back = Frozen(np.linalg.inv([outputs.element(g) for g in members]))

    def __call__(self, x: Float[Array, " n"]):
        """The value at one x (n,)."""
        x = jnp.asarray(x)
        if x.shape != (self.moves.shape[1],):
            raise InputError(f"the function is of one x ({self.moves.shape[1]},), got shape {x.shape}")
        value = jax.vmap(self.function)(self.moves.array.astype(x.dtype) @ x)
        rows = value.reshape(len(value), -1)
        if rows.shape[1] != self.back.shape[1]:
            raise InputError(f"the outputs have {self.back.shape[1]} components, f gives shape {value.shape[1:]}")
        mean = jnp.einsum("kij,kj->i", self.back.array.astype(rows.dtype), rows) / len(rows)
        return mean.reshape(value.shape[1:])
