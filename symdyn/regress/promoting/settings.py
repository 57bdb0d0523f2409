"""What `identify(promote=...)` is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symdyn._errors import InputError
from symdyn.symmetry import LogDet
from symdyn.symmetry.promotion.measure import AbstractMeasure
from symdyn.symmetry.promotion.settings import AbstractPenalty


@dataclass(frozen=True)
class Promote:
    """Candidate symmetries, and how they are promoted.

    `candidates`: a group, an action, an algebra, `VectorFields` or a list of these; `penalty`: `LogDet()` by default,
    `NuclearNorm()` or `GroupNorm()`; `levels`: how many weights of the penalty are tried; `measure`: where symmetry is
    asked for, by default the box of the data where terms and fields are polynomials, the states of the data elsewhere.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Promote(sd.SE(2)).levels
    20
    """

    candidates: Any
    penalty: AbstractPenalty = LogDet()
    levels: int = 20
    measure: AbstractMeasure | None = None

    def __post_init__(self):
        if not isinstance(self.penalty, AbstractPenalty):
            raise InputError(f"penalty must be LogDet(), NuclearNorm() or GroupNorm(), got {self.penalty!r}")
        if isinstance(self.levels, bool) or not isinstance(self.levels, int) or self.levels < 2:
            raise InputError(f"levels must be an integer of at least 2, got {self.levels!r}")
