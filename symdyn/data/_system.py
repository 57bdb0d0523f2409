"""What a simulated system is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class System:
    """A system of ordinary differential equations.

    Attributes
    ----------
    name, title, citation: for people.
    rhs: `rhs(t, *variables, **parameters)`, the rate of every variable; a scalar or a vector for each variable.
    start: default initial values, (variable,) or (variable, component).
    sample: `sample(key, parameters)`, a random start of the same shape.
    span: end and step of the default times, which begin at 0.
    components: labels of the components of every variable; empty for scalars.
    resizable: whether a start may have another number of components.
    kinematics: pairs (a, b) where the variable b is by definition the rate of a.
    """

    name: str
    title: str
    rhs: Callable[..., tuple]
    start: tuple
    sample: Callable[[Any, Mapping[str, float]], Any]
    span: tuple[float, float]
    citation: str
    components: tuple = ()
    resizable: bool = False
    kinematics: tuple[tuple[str, str], ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in order."""
        arguments = inspect.signature(self.rhs).parameters.values()
        return tuple(a.name for a in arguments if a.kind is not a.KEYWORD_ONLY and a.name != "t")

    @property
    def parameters(self) -> dict[str, float]:
        """Names and default values of the parameters."""
        arguments = inspect.signature(self.rhs).parameters.values()
        return {a.name: float(a.default) for a in arguments if a.kind is a.KEYWORD_ONLY}

    @property
    def equations(self) -> str:
        """The equations as text."""
        return inspect.cleandoc(self.rhs.__doc__ or "")


def box(low, high):
    """Uniform between two corners."""

    def sample(key, parameters):
        import jax

        return jax.random.uniform(key, np.shape(low), "float64", np.asarray(low, float), np.asarray(high, float))

    return sample
