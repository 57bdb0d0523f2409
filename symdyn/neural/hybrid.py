"""Hybrid laws: a part that is known, and a network or another function for what is left of the rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.model.model import AbstractModel
from symdyn.neural.known import Known
from symdyn.neural.law import NeuralLaw


def hybrid(law: Any, remainder: Any, *, targets: str | Sequence[str] | None = None) -> NeuralLaw:
    r"""dx/dt = known(x) + remainder(x): a law that is known or was found, and what it lacks.

    The known part is not trained; the remainder has its own symmetry, its own variables and its own kind. The result
    is a `NeuralLaw`: `train` fits the remainder to what the known part leaves of the rates (or of trajectories),
    `simulate` runs the sum, `distil` looks for the equation of the remainder, and `.remainder` is that part alone.

    Parameters
    ----------
    law: a solution, a model or a neural law; or, for a remainder that is a `NeuralLaw`, a JAX function from the state
        (a dict of arrays by name) to a dict of rates by target, as `identify(known=...)` takes it.
    remainder: `NeuralLaw.of(space, action, widths, targets=...)` with the same state, of any kind; a model; or a
        function from the state (n,) to (d,), such as what `fit_invariant(..., output="vector")` gives.
    targets: the variables whose rates a function gives; by default those of the law.

    Raises InputError for another state, and a map with a remainder of rates.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> space = sd.StateSpace.of(x=1, v=1)
    >>> spring = lambda state: {"x": state["v"], "v": -state["x"]}
    >>> force = sd.NeuralLaw.of(space, None, (8,), targets="v", key=jax.random.key(0))
    >>> law = sd.hybrid(spring, force)
    >>> law.targets, law.corrects
    (('x', 'v'), ('v',))
    >>> state = np.array([1.0, 0.5], np.float32)
    >>> bool(np.allclose(law.rate(state) - law.remainder.rate(state), [0.5, -1.0]))
    True
    """
    model = getattr(law, "model", law)
    if not callable(remainder):
        raise InputError(f"a remainder is a NeuralLaw, a model or a function of the state, got {remainder!r}")
    added = _as_law(remainder, model, targets)
    if not isinstance(model, AbstractModel):
        return _onto_function(law, added)
    if added.space.component_names != model.space.component_names:
        raise InputError(
            f"the law has the state {', '.join(model.space.component_names)}, and the remainder "
            f"{', '.join(added.space.component_names)}"
        )
    if added.discrete != model.discrete:
        raise InputError("one of law and remainder is a map to the next sample, and the other gives rates")
    every = (*model.targets, *(n for n in added.targets if n not in model.targets))
    known = tuple(p for p in model.kinematics if p[0] not in every)
    base = Known(law, model, model.space, every, model.targets)
    return _joined(added, base, every, known, model.time_unit, model.inputs)


def _as_law(remainder: Any, model: Any, targets) -> NeuralLaw:
    """A remainder of any kind as a law with a network."""
    added = getattr(remainder, "model", remainder)
    if isinstance(added, NeuralLaw):
        if added.known is not None:
            raise InputError(
                "the remainder is a hybrid law itself: take its `remainder`, or join the known parts first"
            )
        return added
    if isinstance(added, AbstractModel):
        return NeuralLaw(
            network=added.rate, space=added.space, targets=added.targets, kinematics=added.kinematics,
            time_unit=added.time_unit, inputs=added.inputs, discrete=added.discrete,
        )  # fmt: skip
    if not isinstance(model, AbstractModel):
        raise InputError(
            "where both parts are functions nothing names the state: make the remainder a NeuralLaw(function, space, "
            "targets)"
        )
    chosen = model.targets if targets is None else (targets,) if isinstance(targets, str) else tuple(targets)
    return NeuralLaw(network=added, space=model.space, targets=chosen, discrete=model.discrete)


def _onto_function(function: Any, added: NeuralLaw) -> NeuralLaw:
    """The same for a known part that is a function of the state by name."""
    if not callable(function):
        raise InputError(f"a hybrid law needs a solution, a model or a function of the state, got {function!r}")
    names = added.space.names
    rates: Any = function(added.space.split(jnp.ones(added.space.size)))
    named = tuple(str(n) for n in rates)
    if wrong := [n for n in named if n not in names]:
        raise InputError(f"the known part gives the rate of {wrong[0]!r}; the state has {', '.join(names)}")
    every = tuple(n for n in names if n in named or n in added.targets)
    left = tuple(p for p in added.kinematics if p[0] not in every)
    base = Known(function, None, added.space, every, named)
    return _joined(added, base, every, left, added.time_unit, added.inputs)


def _joined(added: NeuralLaw, base: Known, every, kinematics, unit: str, inputs) -> NeuralLaw:
    rate_scale = added.rate_scale
    if rate_scale is not None:
        whole = np.ones(added.space.select(every).size)
        whole[added.space.select(every).indices(added.targets)] = rate_scale.array
        rate_scale = Frozen(whole)
    return replace(
        added, targets=every, corrects=added.targets, known=base, kinematics=kinematics, time_unit=unit, inputs=inputs,
        rate_scale=rate_scale,
    )  # fmt: skip


def by_name(known: Known) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The known part as `identify(known=...)` takes it."""
    if known.model is None:
        return known.of
    space: StateSpace = known.space

    def function(state: dict[str, Any]) -> dict[str, Any]:
        x = jnp.concatenate([jnp.ravel(state[name]) for name in space.names])
        rates, place = known.rate(x), space.select(known.targets)
        return {name: rates[place.slice(name)] for name in known.own}

    return function
