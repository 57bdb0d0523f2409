"""Augmentation: moved copies of data, of arrays and of trajectories in xarray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups import Action
from symdyn.workflow.moves import Blocks, Moves, rng_of

if TYPE_CHECKING:
    import xarray as xr


def augment(x, y, moves: Moves, *, key=None) -> tuple[jax.Array, jax.Array]:
    """Points and values with their moved copies, or, with a key, each row moved by an element of its own.

    Parameters
    ----------
    x, y: points (m, n) and values (m, d).
    moves: the elements, from `random_moves`; the same few serve for all of a training.
    key: a JAX PRNG key. With it m rows come back, and the call may stand in a compiled training step; without it
        (k + 1) m rows, the data first.

    Raises InputError where the shapes do not fit.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> moves = sd.random_moves(sd.SO(2), key=jax.random.key(0), count=3, outputs=sd.Vector)
    >>> x = jax.random.normal(jax.random.key(1), (10, 2))
    >>> sd.augment(x, 2 * x, moves)[0].shape
    (40, 2)
    >>> rows, values = sd.augment(x, 2 * x, moves, key=jax.random.key(2))
    >>> bool(jnp.allclose(values, 2 * rows, atol=1e-5))
    True
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    n, d = moves.A.shape[1], moves.T.shape[1]
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != n or y.shape != (len(x), d):
        raise InputError(f"the elements move points (m, {n}) and values (m, {d}), got {x.shape} and {y.shape}")
    if key is None:
        rows = jnp.concatenate([x, moves.states(x).reshape(-1, n)])
        return rows, jnp.concatenate([y, moves.values(y).reshape(-1, d)])
    chosen = jax.random.randint(key, (len(x),), 0, len(moves))
    A, a, T, c = (jnp.asarray(p, x.dtype)[chosen] for p in (moves.A, moves.a, moves.T, moves.c))
    return jnp.einsum("mij,mj->mi", A, x) + a, jnp.einsum("mij,mj->mi", T, y) + c


def augment_dataset(
    data: xr.Dataset,
    action: Action,
    *,
    space: StateSpace,
    key,
    count: int = 4,
    rates: Mapping[str, str] | None = None,
    time: str = "time",
    scale: float = 1.0,
) -> list[xr.Dataset]:
    """A Dataset of trajectories and its moved copies, as a list that `identify` reads as runs.

    All samples of a copy are moved by one element; where time scales, so does the time coordinate. Variables outside
    the state are copied.

    Parameters
    ----------
    data: holds the variables of the state, with their `dims` of the space last or anywhere.
    action: how a group moves them.
    space: the state.
    key: a JAX PRNG key.
    count: how many copies.
    rates: names of variables that hold measured time derivatives, by the name of what they are derivatives of.
    time: the name of the time coordinate.
    scale: of generators that are no turns, see `random_moves`.

    Raises InputError for an action that depends on time (a boost of trajectories: move rows of rates by `augment`),
    coordinates of fields, and variables that do not fit.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> run = sd.dataset(np.linspace(0, 1, 5), x=np.ones((5, 2)))
    >>> turn, space = sd.SO(2).acting_on(x=sd.Vector), sd.StateSpace.of(x=2)
    >>> len(sd.augment_dataset(run, turn, space=space, key=jax.random.key(0), count=3))
    4
    """
    if space.coordinates:
        raise InputError("augment_dataset moves trajectories; the state of fields has coordinates")
    if time not in data.coords:
        raise InputError(f"the data have no coordinate {time!r}; name it with time=...")
    if count < 1 or not scale > 0:
        raise InputError(f"augment_dataset needs a positive count and scale, got {count} and {scale}")
    blocks = Blocks.of(action, space, tuple(space.names), None)
    shifted = blocks.split(blocks.generators).c
    if np.abs(shifted).max(initial=0.0) > 0:
        late = blocks.labels[int(np.argmax(np.abs(shifted).max(axis=1)))]
        raise InputError(f"{late!r} depends on time, so one map cannot move a trajectory; move rows by augment")
    moves = blocks.drawn(count, scale, rng_of(key))
    return [data, *(_moved(data, moves, k, space, dict(rates or {}), time) for k in range(count))]


def _moved(data: Any, moves: Moves, k: int, space: StateSpace, rates: dict[str, str], time: str):
    states = _mapped(data, space, space.names, moves.A[k], moves.a[k])
    out = data.assign(states)
    if rates:
        missing = [v for v in space.names if v not in rates]
        if missing and _mixes(moves.T[k], space, missing):
            raise InputError(f"rates of {', '.join(missing)} are missing, and the action mixes them with the others")
        part = space.select(tuple(rates))
        here = space.indices(part.names)
        T = moves.T[k][np.ix_(here, here)]
        out = out.assign(_mapped(data, part, tuple(rates[v] for v in part.names), T, moves.c[k][here]))
    return out if moves.times[k] == 1.0 else out.assign_coords({time: _scaled(data[time], moves.times[k])})


def _scaled(times: Any, factor: float):
    if times.dtype.kind not in "fiu":
        raise InputError(f"the action scales time, and the times are dates ({times.dtype}); give numbers")
    return times * factor


def _mixes(T: np.ndarray, space: StateSpace, missing: list[str]) -> bool:
    rest = space.indices(tuple(missing))
    here = np.setdiff1d(np.arange(space.size), rest)
    return bool(np.abs(T[np.ix_(here, rest)]).max(initial=0.0) > 1e-12)


def _mapped(data: Any, space: StateSpace, names: Sequence[str], A: np.ndarray, a: np.ndarray) -> dict[str, Any]:
    """The variables `names`, which stand for those of the space, moved by one affine map."""
    columns, shapes, order, samples = [], [], [], set()
    for variable, name in zip(space.variables, names, strict=True):
        if name not in data:
            raise InputError(f"the data have no variable {name!r}; they have {', '.join(map(str, data.data_vars))}")
        array = data[name]
        absent = [dim for dim in variable.dims if dim not in array.dims]
        if absent or any(array.sizes[d] != k for d, k in zip(variable.dims, variable.shape, strict=True)):
            raise InputError(f"{name!r} has dims {dict(array.sizes)}; the state needs {variable.dims} {variable.shape}")
        rest = [dim for dim in data.sizes if dim in array.dims and dim not in variable.dims]
        turned = array.transpose(*rest, *variable.dims)
        values = np.asarray(turned.values, float)
        columns.append(values.reshape(-1, variable.size))
        shapes.append(values.shape)
        order.append((turned, array.dims))
        samples.add(tuple(rest))
    if len(samples) != 1:
        raise InputError(f"the variables {', '.join(names)} have different dims besides components: {samples}")
    moved = np.concatenate(columns, axis=1) @ A.T + a
    ends = np.cumsum([c.shape[1] for c in columns])[:-1]
    return {
        name: turned.copy(data=part.reshape(shape)).transpose(*dims)
        for name, part, shape, (turned, dims) in zip(names, np.split(moved, ends, axis=1), shapes, order, strict=True)
    }
