"""What a law of fields needs besides the evolving fields: held as it is at the start, or diagnosed at each instant."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.fields import Fields
from symdyn.model.fields.law import FieldLaw, Rule

Given = Callable | Sequence[str] | None


def held_names(law: FieldLaw, start: Fields, given: Given) -> tuple[str, ...]:
    """The fields that are held as they are. Raises InputError for fields that nothing is said about."""
    missing = [name for name in law.evolving if name not in start.component_names and not name.endswith("_rate")]
    if missing:
        raise InputError(f"the start lacks {', '.join(missing)}; it has {', '.join(start.component_names)}")
    others = tuple(name for name in law.names if name not in law.evolving)
    if callable(given):
        return tuple(name for name in others if name in start.component_names)
    told = () if given is None else (given,) if isinstance(given, str) else tuple(given)
    unknown = [name for name in others if name not in told]
    if unknown:
        raise InputError(
            f"cannot simulate: the law does not say how {', '.join(unknown)} change in time; identify their rates too, "
            f"or say given={tuple(unknown)!r} where they stay as they are, or give a function that diagnoses them "
            "(symdyn.RotationalWind for the wind of a vorticity)"
        )
    absent = [name for name in told if name not in start.component_names]
    if absent:
        raise InputError(f"given names {absent[0]!r}; the start has {', '.join(start.component_names)}")
    return others


def first_values(law: FieldLaw, start: Fields) -> dict[str, np.ndarray]:
    """The first values of all fields of the start, and rates of second-order laws that it lacks, by differences.

    Raises InputError for missing values, and for a rate that cannot be had.
    """
    timed = start.grid.time is not None
    out = {name: start.component(name)[0] if timed else start.component(name) for name in start.component_names}
    for name in law.evolving:
        if name not in out:
            out[name] = _first_rate(name.removesuffix("_rate"), start)
    for name in law.names:
        if name in out and not np.isfinite(out[name]).all():
            raise InputError(f"the start of {name!r} has missing values; fill them first")
    return out


def _first_rate(name: str, start: Fields) -> np.ndarray:
    """The rate of a field at the first instant, by one-sided differences of the first ones."""
    time = start.grid.time
    if time is None or time.size < 3:
        raise InputError(
            f"a law of second order needs the first rate of {name!r}: give a start with a field {name + '_rate'!r}, or "
            "with several instants"
        )
    stencil = time.stencil(1, accuracy=min(4, time.size - 1))
    values = start.component(name)[stencil.members[0]]
    return np.tensordot(stencil.weights[0], values, axes=1)


def completed(rule: Rule, grid, given: Given, held: dict, values: dict) -> dict:
    """The values of all fields that the law needs from those of the evolving ones."""
    out = held | values
    if callable(given):
        found = given(grid, values)
        wrong = [name for name in rule.names if name not in out and name not in found]
        if wrong:
            raise InputError(f"given does not diagnose {', '.join(wrong)}; it gives {', '.join(found)}")
        out |= {name: jnp.asarray(each) for name, each in found.items() if name not in values}
    return out
