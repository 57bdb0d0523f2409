"""How a user says what the data mean: the settings of the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symdyn._errors import InputError


@dataclass(frozen=True)
class Reading:
    """How to read a data set; every field that is None is found from CF attributes, else guessed with a warning.

    `variables`: names of the state variables; `rate_of`: the variables whose rates are sought; `rates`: which
    variable holds the time derivative of which; `time`: name of the time dimension; `trajectories`: dimensions along
    which the runs lie; `weights`: a variable name, a DataArray, or "relative" (every row counts by its relative
    error); `missing`: "raise" or "skip"; `inputs`: variables that are given from outside (controls, parameters, the
    time): the law may depend on them but does not say how they change.
    """

    variables: tuple[str, ...] | None = None
    rate_of: tuple[str, ...] | None = None
    rates: Mapping[str, str] | None = None
    time: str | None = None
    trajectories: tuple[str, ...] | None = None
    weights: Any = None
    missing: str = "raise"
    inputs: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("variables", "rate_of", "trajectories", "inputs"):
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, (value,))
            elif value is not None:
                object.__setattr__(self, name, tuple(value))
        if self.missing not in ("raise", "skip"):
            raise InputError(f'missing must be "raise" or "skip", got {self.missing!r}')
