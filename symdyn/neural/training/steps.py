"""The compiled steps of a training, for all seeds at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class State(NamedTuple):
    """All that changes in a training; each leaf but `step` has the axis of the seeds first.

    `params`: {"law": weights, "free": what else is fitted}; `optimiser`: its state; `best`: the parameters of the best
    validation `best_loss`; `last`: the last validation; `stale`: rounds since the best one.
    """

    params: Any
    optimiser: Any
    best: Any
    best_loss: Any
    last: Any
    stale: Any
    step: Any


def first_state(laws, free, optimiser, seeds: int) -> tuple[State, Any]:
    """The state before the first step, and the part of a law that is no array."""
    arrays = [eqx.partition(law, eqx.is_inexact_array)[0] for law in laws]
    static = eqx.partition(laws[0], eqx.is_inexact_array)[1]
    law = jax.tree.map(lambda *leaves: jnp.stack(leaves), *arrays)
    wide = {name: jnp.broadcast_to(v, (seeds, *v.shape)) for name, v in free.items()}
    params = {"law": law, "free": wide}
    inf, none = jnp.full(seeds, jnp.inf), jnp.zeros(seeds, jnp.int32)
    return State(params, jax.vmap(optimiser.init)(params), params, inf, inf, none, jnp.zeros((), jnp.int32)), static


def placed(options, arrays):
    """(state, rows, held-out rows) on the devices of the options: weights by seed, or whole on each of them."""
    if len(options.devices) < 2:
        return arrays
    state, rows, checks = arrays
    mesh, spec = _mesh(options.devices), jax.sharding.PartitionSpec
    whole = jax.sharding.NamedSharding(mesh, spec())
    by_seed = jax.sharding.NamedSharding(mesh, spec("device")) if _by_seed(options) else whole
    put = lambda tree, where: jax.tree.map(lambda leaf: jax.device_put(leaf, where), tree)  # noqa: E731
    step = put(state.step, whole)
    return put(state._replace(step=None), by_seed)._replace(step=step), put(rows, whole), put(checks, whole)


def _mesh(devices) -> jax.sharding.Mesh:
    return jax.sharding.Mesh(np.asarray(devices, dtype=object), ("device",))


def _by_seed(options) -> bool:
    return options.seeds % len(options.devices) == 0


def compiled(options, penalty, static, checked: bool, moves=None):
    """`advance(state, rows, key, count)` -> (state, mean losses, skipped steps), `validate(state, losses, checks)`.

    Trainings that differ in their numbers alone share what was compiled.
    """
    fixed = _Fixed(options, penalty, moves)

    def advance(state, rows, key, count: int):
        return _advance(fixed, static, state, rows, key, count)

    def validate(state, losses, checks):
        return _validate(options.match, static, state, losses, checks if checked else None)

    return advance, validate


@dataclass(frozen=True)
class _Fixed:
    """What a step does, besides the law: `Options`, a bound penalty or None, bound moves or None."""

    options: Any
    penalty: Any
    moves: Any

    def objective(self, static, params, batch, key, done):
        law = eqx.combine(params["law"], static)
        loss = self.options.match.loss(law.prepared(), batch, params["free"], done)
        if self.penalty is None:
            return loss, loss
        states = batch["states"].reshape(-1, batch["states"].shape[-1])
        return loss + self.options.penalty.weight * self.penalty(law, states, key), loss

    def step(self, static, optimiser, rows, key, carry, at):
        params, memory, seed = carry
        key = jax.random.fold_in(jax.random.fold_in(key, seed), at)
        draw, other = jax.random.split(key)
        batch, count, size = rows, len(rows["index"]), self.options.batch
        if size is not None and size < count:
            chosen = jax.random.randint(draw, (size,), 0, count)
            batch = {name: values[chosen] for name, values in rows.items()}
            if len(self.options.devices) > 1 and not _by_seed(self.options):
                rowwise = jax.sharding.NamedSharding(_mesh(self.options.devices), jax.sharding.PartitionSpec("device"))
                batch = jax.lax.with_sharding_constraint(batch, rowwise)
        if self.moves is not None:
            batch = self.moves(batch, jax.random.fold_in(draw, 1))
        objective = jax.value_and_grad(partial(self.objective, static), has_aux=True)
        (total, loss), slope = objective(params, batch, other, at / self.options.steps)
        good = jnp.isfinite(total) & jnp.all(jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(slope)]))
        slope = jax.tree.map(lambda g: jnp.where(good, g, 0.0), slope)
        change, later = optimiser.update(slope, memory, params)
        moved = jax.tree.map(lambda p, c: p + c.astype(p.dtype), params, change)
        kept = jax.tree.map(partial(jnp.where, good), (moved, later), (params, memory))
        return (*kept, seed), (jnp.where(good, loss, 0.0), good)


@eqx.filter_jit
def _advance(fixed: _Fixed, static, state: State, rows, key, count: int):
    step = partial(fixed.step, static, fixed.options.transformation(), rows, key)

    def one(params, memory, seed):
        steps = state.step + jnp.arange(count)
        (params, memory, _), (losses, good) = jax.lax.scan(step, (params, memory, seed), steps)
        mean = jnp.sum(losses) / jnp.maximum(jnp.sum(good), 1)
        return params, memory, jnp.where(jnp.any(good), mean, jnp.nan), count - jnp.sum(good)

    seeds = jnp.arange(len(state.stale))
    params, memory, losses, skipped = jax.vmap(one)(state.params, state.optimiser, seeds)
    return state._replace(params=params, optimiser=memory, step=state.step + count), losses, skipped


@eqx.filter_jit
def _validate(match, static, state: State, losses, checks):
    last = losses
    if checks is not None:
        last = jax.vmap(lambda p: _check(match, eqx.combine(p["law"], static), checks))(state.params)
    last = jnp.asarray(last, state.last.dtype)
    better = last < state.best_loss
    wide = lambda a, b: jnp.where(better.reshape(-1, *(1,) * (a.ndim - 1)), a, b)  # noqa: E731
    best = jax.tree.map(wide, state.params, state.best)
    stale = jnp.where(better, 0, state.stale + 1).astype(state.stale.dtype)
    return state._replace(best=best, best_loss=jnp.where(better, last, state.best_loss), last=last, stale=stale)


def _check(match, law, checks):
    """The loss on data held out: starts are the measured ones there."""
    return match.loss(law.prepared(), checks, match.free(checks))
