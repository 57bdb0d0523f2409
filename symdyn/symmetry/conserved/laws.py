"""Conservation laws of partial differential equations: densities, fluxes and multipliers, as text and SymPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._types import StateSpace
from symdyn.groups import Polynomial
from symdyn.groups.printing import polynomial_text
from symdyn.library.monomials import latex_symbol, monomial_names
from symdyn.symmetry._text import combination_text

SOLUTION = "a solution of the adjoint law: every linear law has such"


@dataclass(frozen=True, eq=False)
class ConservationLaw:
    r"""One conservation law $\partial_t T + \partial_{x_k} X_k = 0$ on solutions.

    Attributes
    ----------
    space: the jets of spacetime that the polynomials are of.
    multiplier (d,): what times the equations is the divergence, off solutions too.
    density: T, without what is a divergence in space; its integral over space is conserved where no flux leaves.
    fluxes: X_k, one for each coordinate of space.
    time, across: the names of the time and of these coordinates.
    defect: |D_t T + D_k X_k| on solutions over the size of its terms, in coefficients; rounding where it is exact.
    reason: for a law that says nothing of its own, why.
    """

    space: StateSpace
    multiplier: Polynomial
    density: Polynomial
    fluxes: tuple[Polynomial, ...]
    time: str
    across: tuple[str, ...]
    defect: float
    reason: str = ""

    @property
    def multipliers(self) -> tuple[str, ...]:
        """The multipliers as text, one for each equation."""
        return tuple(self._text(self.multiplier[a]) for a in range(self.multiplier.shape[0]))

    def latex(self) -> str:
        """The law in LaTeX."""
        parts = [self.density, *self.fluxes]
        lead = (rf"\partial_{{{latex_symbol(name)}}}\left({self._latex(p)}\right)" for name, p in self._named(parts))
        return " + ".join(lead) + " = 0"

    def to_sympy(self) -> dict[str, Any]:
        """{coordinate: density or flux} as SymPy expressions of symbols named as the jet's components."""
        import sympy

        symbols = sympy.symbols(self.space.component_names)

        def expression(p: Polynomial):
            powers = (sympy.prod(s**e for s, e in zip(symbols, row, strict=True)) for row in p.exponents.array.tolist())
            numbers = (sympy.nsimplify(float(c), rational=True) for c in p.coefficients.array)
            return sympy.Add(*(c * each for c, each in zip(numbers, powers, strict=True)))

        return {name: expression(p) for name, p in self._named([self.density, *self.fluxes])}

    def __str__(self) -> str:
        parts = [f"d/d{name} ({self._text(p)})" for name, p in self._named([self.density, *self.fluxes])]
        several = len(self.multipliers) > 1
        by = f"multipliers {', '.join(self.multipliers)}" if several else f"multiplier {self.multipliers[0]}"
        notes = [by, *([self.reason] if self.reason else []), *([f"defect {self.defect:.1e}"] * (self.defect > 1e-12))]
        return " + ".join(parts) + f" = 0   ({'; '.join(notes)})"

    def __repr__(self) -> str:
        return f"<ConservationLaw {self}>"

    def _named(self, parts: list[Polynomial]) -> list[tuple[str, Polynomial]]:
        return list(zip((self.time, *self.across), parts, strict=True))

    def _text(self, p: Polynomial) -> str:
        return polynomial_text(p, self.space.component_names)

    def _latex(self, p: Polynomial) -> str:
        _, names = monomial_names(p.exponents.array, self.space.component_names)
        return combination_text(np.asarray(p.coefficients.array), tuple(names), ("",))


@dataclass(frozen=True, eq=False)
class ConservationLaws:
    """The conservation laws that were found. A sequence; prints one a line.

    `laws`: simple multipliers first; `spectrum`: scale-free defects of all combinations of the library, rising;
    `exact`: whether they come from an elimination in whole numbers.
    """

    laws: tuple[ConservationLaw, ...]
    spectrum: np.ndarray
    exact: bool

    def __len__(self) -> int:
        return len(self.laws)

    def __iter__(self) -> Iterator[ConservationLaw]:
        return iter(self.laws)

    def __getitem__(self, index: int) -> ConservationLaw:
        return self.laws[index]

    @property
    def proper(self) -> tuple[ConservationLaw, ...]:
        """Those that are not common to all linear laws."""
        return tuple(law for law in self.laws if not law.reason)

    def __str__(self) -> str:
        n = len(self)
        head = f"{n or 'no'} conservation law{'' if n == 1 else 's'}" + (" (exact)" if self.exact else "")
        return "\n".join([head, *(f"  {law}" for law in self.laws)])

    def __repr__(self) -> str:
        return f"<ConservationLaws: {len(self)}>\n{self}"
