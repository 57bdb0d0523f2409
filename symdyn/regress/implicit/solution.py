"""What `identify_implicit` returns: implicit equations with their evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.library import AbstractLibrary
from symdyn.model import implicit_printing as printing
from symdyn.model.implicit import ImplicitModel
from symdyn.model.printing import units
from symdyn.regress.implicit.relations import RelationTerms
from symdyn.regress.solution import RESULTS, AbstractSolution, Settings, Stats

SHOWN = 6  # terms of a left-hand side in the table


@dataclass(frozen=True)
class ImplicitSettings:
    """Everything that `identify_implicit` was told: `base` as for `identify`, and the options of its own."""

    base: Settings
    factors: AbstractLibrary | None = None
    coupled: bool = False
    left_sides: str | None = None


@dataclass(frozen=True)
class LeftSide:
    """What one left-hand side gave.

    `term`: the left-hand side; `terms`: those of the right-hand side; `residual`: what they leave of the left-hand
    side, as a share of it; `rate_error`: what the rate that they imply leaves of the measured one on left-out blocks,
    infinite where the relation implies none, or a denominator vanishes; `agrees`: whether left and right together are
    the terms of the law.
    """

    term: str
    terms: tuple[str, ...]
    residual: float
    rate_error: float
    agrees: bool


@dataclass(frozen=True)
class LeftSides:
    """What all left-hand sides gave for one rate: it prints as a table.

    `rate`: its text; `sides`: one entry for each left-hand side; `rate_error`: the held-out share of the rate that
    the law leaves; `poles`: relations that fit far better than the law but whose denominator vanishes on the data.
    """

    rate: str
    sides: tuple[LeftSide, ...]
    rate_error: float
    poles: tuple[str, ...] = ()

    @property
    def agreement(self) -> int:
        """How many left-hand sides found the terms of the law."""
        return sum(side.agrees for side in self.sides)

    def __str__(self) -> str:
        lines = [f"{self.rate}: left-hand side, residual (share of it), held-out error (share of the rate), terms"]
        width = max(len(side.term) for side in self.sides)
        for side in sorted(self.sides, key=lambda side: side.rate_error):
            mark = "*" if side.agrees else " "
            error = f"{side.rate_error:9.2e}" if np.isfinite(side.rate_error) else "        -"
            more = f" and {len(side.terms) - SHOWN} more" if len(side.terms) > SHOWN else ""
            terms = (", ".join(side.terms[:SHOWN]) or "-") + more
            lines.append(f"{mark} {side.term:{width}} {side.residual:9.2e} {error}  {terms}")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class ImplicitSolution(AbstractSolution):
    """Implicit equations with their evidence.

    Attributes
    ----------
    model: the vector field, with the weights; `coefficients` (q, d) are those of all columns in each equation
        sum_k w_k C_k = 0, where the left-hand side has 1.
    result: a member of `RESULTS`: `singular` where a relation fits far better than the law but its denominator
        vanishes on the data, `no_terms` where no relation explains some rate (its equation is then: rate = 0).
    stats: figures of the regression; `residual` is what is left of each rate, as a share.
    covariance: of the model's weights, (r, r), as for `identify`: from the scatter between blocks.
    columns: the terms of the state and the products with the rates, in the order of the coefficients.
    left_sides: for each rate, what each left-hand side gave.
    settings: what `identify_implicit` was told.
    provenance: attributes of the data set.
    """

    model: ImplicitModel
    result: RESULTS
    stats: Stats
    covariance: np.ndarray
    columns: RelationTerms
    left_sides: tuple[LeftSides, ...]
    settings: ImplicitSettings
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of all columns, (q,): the terms of the state, then the products with each rate."""
        return self.columns.names

    def coefficient(self, term: str, target: str | None = None) -> tuple[float, float]:
        """The coefficient of a column and its standard error, in the equation of `target`."""
        if term not in self.term_names:
            raise InputError(f"unknown term {term!r}; the equations have {', '.join(self.term_names)}")
        components = self.target_components
        if target is None and len(components) == 1:
            target = components[0]
        if target not in components:
            raise InputError(f"name the target: one of {', '.join(components)}, got {target!r}")
        place = self.term_names.index(term), components.index(target)
        return float(self.coefficients[place]), float(self.standard_errors[place])

    @property
    def equations(self) -> tuple[str, ...]:
        """The equations as text, one a rate."""
        return printing.equations(self.model, self.term_names, self.standard_errors)

    def latex(self) -> str:
        """The equations as LaTeX lines, separated by `\\\\`."""
        return printing.latex(self.model, self.columns.latex)

    def to_sympy(self) -> list:
        """The equations as SymPy `Eq` objects."""
        return printing.to_sympy(self.model)

    def save(self, path) -> None:
        """Raise InputError: files hold explicit laws so far."""
        raise InputError(
            f"cannot save to {path}: implicit laws have no file format yet; keep the text of `equations`, or "
            "`to_sympy()`, or the settings and the data"
        )

    def __str__(self) -> str:
        lines = list(self.equations)
        unit = units(self.model)
        if unit:
            lines[-1] += f"     [{unit}]"
        for table in self.left_sides:
            lines += [f"! a relation of {pole} fits better, but its denominator vanishes" for pole in table.poles[:1]]
        if self.result is RESULTS.no_terms:
            lines.append(f"! {self.result.value}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        head = f"{self.stats.active} weights, residual {max(self.stats.residual):.2g} of the rate"
        return f"<ImplicitSolution: {head}>\n{self}"
