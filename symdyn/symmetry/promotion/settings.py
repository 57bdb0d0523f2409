"""What is penalised, and how: the settings of a promotion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from symdyn._errors import InputError

Solver = Literal["admm", "dual", "reweighted"]
Names = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class AbstractPenalty:
    """A measure of how many symmetries a function breaks, and by how much."""


@dataclass(frozen=True)
class NuclearNorm(AbstractPenalty):
    """The sum of the singular values of xi -> L_xi F: convex, so that the minimum is the minimum (Otto et al. 2025).

    `blocks`: groups of generator labels with a norm each, for example translations and rotations apart; by default one
    norm for all, which finds the best combinations. `sparsity`: weight of the sum of the sizes of the coefficients, in
    units of the norm's weight, with each term measured by its root mean square. `solver`: "admm"; "dual" (accelerated
    gradients on the dual, where the data determine every coefficient); "reweighted" (least squares: no certificate,
    coefficients to about 1e-4).
    `tolerance`: of the duality gap, relative to the objective.
    """

    blocks: Names = ()
    sparsity: float = 0.0
    solver: Solver = "admm"
    tolerance: float = 1e-7

    def __post_init__(self):
        if self.solver not in ("admm", "dual", "reweighted"):
            raise InputError(f"solver must be 'admm', 'dual' or 'reweighted', got {self.solver!r}")
        if not self.sparsity >= 0:
            raise InputError(f"sparsity must be zero or positive, got {self.sparsity!r}")
        if self.sparsity and self.solver != "admm":
            raise InputError(f"the sparse norm needs solver='admm', got {self.solver!r}")
        _check_tolerance(self.tolerance)


@dataclass(frozen=True)
class GroupNorm(AbstractPenalty):
    """The sum of the sizes of L_xi F over named generators or groups of them: each is kept or broken as it is.

    `blocks`: groups of generator labels; by default each generator is its own.
    """

    blocks: Names = ()
    tolerance: float = 1e-7

    def __post_init__(self):
        _check_tolerance(self.tolerance)


@dataclass(frozen=True)
class LogDet(AbstractPenalty):
    """The sum of log(sigma^2 + eps^2) / 2: sharper than the nuclear norm, not convex.

    It needs about half the samples where a part of the algebra survives. `floor`: the last eps, the size of Lie
    derivatives that counts as none: 0 without noise, otherwise near the noise of the coefficients. `cooling`: the
    factor by which eps falls in a step while the rank is decided: 0.995 takes about 2.4 times as long as 0.98 and
    needs about a tenth fewer samples.
    """

    floor: float = 0.0
    cooling: float = 0.98

    def __post_init__(self):
        if not self.floor >= 0:
            raise InputError(f"floor must be zero or positive, got {self.floor!r}")
        if not 0 < self.cooling < 1:
            raise InputError(f"cooling must lie between 0 and 1, got {self.cooling!r}")


def _check_tolerance(tolerance: float) -> None:
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance must lie between 0 and 1, got {tolerance!r}")
