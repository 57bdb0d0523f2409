"""`identify_field_implicit`: laws of fields of which no side is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.fields import Fields, FieldWeakForm
from symdyn.fields.weak import BLOCK
from symdyn.library import AbstractLibrary, Subset
from symdyn.regress.partial.identification import identify_field
from symdyn.regress.partial.rows import steady
from symdyn.regress.selection import AbstractSelection
from symdyn.regress.solution import RESULTS, Solution
from symdyn.regress.solvers import AbstractSolver

SHOWN = 6  # terms of a left-hand side in the table


@dataclass(frozen=True, eq=False)
class FieldRelation:
    """What one left-hand side gave: `term`, the `law` in which it stands alone, and which left-hand sides `agree`.

    These are the left-hand sides whose laws hold the same terms.
    """

    term: str
    law: Solution
    agree: tuple[str, ...]

    @property
    def support(self) -> frozenset[str]:
        """The terms of the relation, those of both sides."""
        return frozenset((self.term, *self.law.active_terms))

    @property
    def residual(self) -> float:
        """What the law leaves of the left-hand side, as a share."""
        return max(self.law.stats.residual) if self.law.active_terms else 1.0

    @property
    def share(self) -> float:
        """How many terms of the relation give it as left-hand sides: 1 where all do."""
        tried = len(self.support)
        return len(self.agree) / tried if self.law.active_terms else 0.0


@dataclass(frozen=True, eq=False)
class FieldRelations:
    """Relations between the terms of a library, the most trustworthy first: it prints as a table."""

    relations: tuple[FieldRelation, ...]

    @property
    def law(self) -> Solution:
        """The best relation, solved for the left-hand side of which it leaves the smallest share."""
        return self.relations[0].law

    def solved_for(self, term: str) -> Solution:
        """The law with a term as its left-hand side. Raises InputError for one that was not tried."""
        for relation in self.relations:
            if relation.term == term:
                return relation.law
        raise InputError(f"{term!r} was no left-hand side; there are {', '.join(r.term for r in self.relations)}")

    def __str__(self) -> str:
        width = max(len(each.term) for each in self.relations)
        lines = ["left-hand side, residual (share of it), share of its terms that agree, terms"]
        for each in self.relations:
            terms = each.law.active_terms
            more = f" and {len(terms) - SHOWN} more" if len(terms) > SHOWN else ""
            mark = "*" if each.support == self.relations[0].support else " "
            text = (", ".join(terms[:SHOWN]) or "-") + more
            lines.append(f"{mark} {each.term:{width}} {each.residual:9.2e}  {each.share:.2f}  {text}")
        return "\n".join(lines)


def identify_field_implicit(
    fields: Fields,
    *,
    library: AbstractLibrary,
    left_sides: Sequence[str] | None = None,
    order: int | None = None,
    form: FieldWeakForm | None = None,
    solver: AbstractSolver | None = None,
    selection: AbstractSelection | None = None,
    memory: int = BLOCK,
) -> FieldRelations:
    r"""A relation between terms of fields, by trying each of them as the left-hand side.

    $$\sum_k w_k \theta_k = 0$$

    Nothing need be solved for a rate: the time is an axis as any other, and terms may hold derivatives by it, as
    $u_{xxt}$ does in the equation of Benjamin, Bona and Mahony. Each left-hand side is a sparse regression by
    `identify_field` on all other terms. A true relation comes out the same whichever of its terms stands alone, a false
    one does not: the relations are ordered by the share of their terms that agree, then by the residual.

    Parameters
    ----------
    fields: what `open_fields` reads, or `Fields.of` makes; with or without a time.
    library: terms of the jets in space and time, whose names are those of the axes: `DivergenceForm`, `Fluxes` or
        monomials. Terms that are equal by algebra ($u u_x$ and $(u^2)_x$) are a relation too; give one of them.
    left_sides: names of the terms to try, all by default. Each costs a regression.
    order, form, solver, selection, memory: see `identify_field`.

    Raises InputError for unknown names, fewer than two terms, and where no left-hand side is explained at all.

    Reference: Kaheman, Kutz, Brunton 2020, Proc. R. Soc. A 476, 20200279 (all left-hand sides).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t, x = np.linspace(0.0, 3.0, 60), 2 * np.pi / 64 * np.arange(64)
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t))
    >>> waves = np.sin(x - t[:, None]) + np.sin(3 * x + 3 * t[:, None]) + np.cos(2 * x - 2 * t[:, None])
    >>> found = sd.identify_field_implicit(sd.Fields.of(grid, u=waves), library=sd.DivergenceForm(1, order=2))
    >>> sorted(found.relations[0].support)
    ['u_tt', 'u_xx']
    """
    fields = steady(fields)
    names = library.on(fields.jet_space(2 if order is None else order)).names
    chosen = names if left_sides is None else tuple(left_sides)
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise InputError(f"left_sides names {unknown[0]!r}; the library has {', '.join(names)}")
    if len(names) < 2:
        raise InputError(f"a relation needs two terms or more, the library has {', '.join(names)}")
    laws = {
        name: identify_field(
            fields, library=Subset(library, tuple(n for n in names if n != name)), rate_of=Subset(library, (name,)),
            order=order, time_order=0, form=form, solver=solver, selection=selection, memory=memory,
        )
        for name in chosen
    }  # fmt: skip
    supports = {name: frozenset((name, *law.active_terms)) for name, law in laws.items()}
    relations = [
        FieldRelation(name, law, tuple(n for n in chosen if supports[n] == supports[name]))
        for name, law in laws.items()
    ]
    if all(law.result is RESULTS.no_terms for law in laws.values()):
        raise InputError("no left-hand side is explained by the other terms; enlarge the library")
    return FieldRelations(tuple(sorted(relations, key=lambda each: (-np.round(each.share, 6), each.residual))))
