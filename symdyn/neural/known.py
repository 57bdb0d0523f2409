"""The part of a hybrid law that is no network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from symdyn.model.model import AbstractModel, known_rates


@dataclass(frozen=True, eq=False)
class Known:
    """A law whose coefficients training leaves alone: `of` is a solution, a model, or a function of the state by name.

    `model`: what gives the rates; None where `of` is a function from the state (a dict of arrays) to rates by target.
    """

    of: Any
    model: AbstractModel | None
    space: Any
    targets: tuple[str, ...]
    own: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        # trainings of laws with one and the same known part share what was compiled
        return (
            isinstance(other, Known)
            and self.of is other.of
            and (self.space, self.targets)
            == (
                other.space,
                other.targets,
            )
        )

    def __hash__(self) -> int:
        return hash((id(self.of), self.targets))

    def rate(self, x):
        """Rates of all targets of the hybrid law at one state (n,): zero where the known part says nothing."""
        if self.model is None:
            function: Callable = self.of
            return known_rates(function, self.space, self.targets, x)
        found = self.model.rate(x)
        if self.own == self.targets:
            return jnp.asarray(found, x.dtype)
        out = jnp.zeros(self.space.select(self.targets).size, x.dtype)
        return out.at[self.space.select(self.targets).indices(self.own)].set(found.astype(x.dtype))
