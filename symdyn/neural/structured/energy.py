"""A scalar function of the state as a sum of networks of parts of it, invariant where an action is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action
from symdyn.neural.carriers import Carrier, Rates, carriers, trivial_like
from symdyn.neural.epnn import EPNN
from symdyn.neural.linear import taken_at
from symdyn.neural.mlp import EquivariantMLP, PlainMLP


class Energy(eqx.Module):
    """E(z) = sum_k E_k(z at places_k): a number for one state z (n,).

    `parts`: networks with one value, (1,); `places`: which components of the state each of them sees.
    """

    parts: tuple[Callable, ...]
    places: tuple[Frozen, ...] = eqx.field(static=True)

    def __call__(self, z: Float[Array | np.ndarray, " n"]) -> Float[Array, ""]:
        """The energy of one state."""
        z = jnp.asarray(z)
        found = jnp.zeros((), z.dtype)
        for part, place in zip(self.parts, self.places, strict=True):
            found = found + part(taken_at(z, place.array))[0]
        return found

    def prepared(self) -> Energy:
        """The same energy with the matrices of its networks written out, where they know how."""
        ready = tuple(getattr(part, "prepared", lambda part=part: part)() for part in self.parts)
        return Energy(ready, self.places)


def scalar_network(
    action: Action | None, space: StateSpace, names: Sequence[str], widths, *, key, dtype=None, promotable=False,
    **options,
) -> Callable:  # fmt: skip
    """A network of some variables with one value: invariant under the action, plain without one."""
    if action is None:
        return PlainMLP(space.select(tuple(names)).size, 1, widths, key=key, dtype=dtype, **options)
    source = part_of(action, space, names)
    target = Carrier.of_blocks([(trivial_like(source), 1)])
    made = EPNN if promotable else EquivariantMLP
    return made(action, source, target, widths, key=key, space=space, dtype=dtype, **options)


def part_of(action: Action, space: StateSpace, names: Sequence[str]) -> Carrier:
    """How the action moves some variables of the state, which it does not mix with others."""
    A, E, a = state_matrices(action, space)
    here = space.indices(tuple(names))
    return Carrier.of_matrices(A[:, here[:, None], here], E[:, here[:, None], here], a[:, here])


def state_matrices(action: Action, space: StateSpace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Generators (g, n, n), discrete elements (e, n, n) and shifts (g, n) on the whole state."""
    (carrier,) = carriers(action, (space,))
    A, E = carrier.matrices()
    shifts = np.zeros(A.shape[:2]) if carrier.shifts is None else carrier.shifts.array
    return A, E, shifts


def rate_matrices(action: Action, space: StateSpace, targets: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Generators (g, d, d) and discrete elements (e, d, d) on the rates of some variables."""
    (carrier,) = carriers(action, (Rates(targets),), space)
    return carrier.matrices()
