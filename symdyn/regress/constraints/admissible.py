"""All that restricts the coefficients of a law, in one place: the symmetry, libraries by target, and constraints."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library import AbstractTerms, PerTarget
from symdyn.model.model import entry_basis
from symdyn.regress.constraints.bounded import Inequalities
from symdyn.regress.constraints.language import Constraint, EnergyPreserving
from symdyn.regress.constraints.trapping import Trapping
from symdyn.regress.solution import Settings
from symdyn.symmetry import Subspace


@dataclass(frozen=True, eq=False)
class Admissible:
    """The coefficients that a law may have.

    `subspace`: those that fulfil all equations, None where there are none; `inequalities`: on the coefficients, read
    row by row; `complete`: whether equations tie coefficients by name, so that a basis alone hides sparse laws;
    `trapping`: None, or what keeps the trajectories bounded.
    """

    subspace: Subspace | None
    inequalities: Inequalities | None = None
    complete: bool = False
    trapping: Trapping | None = None


def admissible(
    subspace: Subspace | None, terms: AbstractTerms, targets: StateSpace, shape: tuple[int, ...], settings: Settings
) -> Admissible:
    """What the symmetry leaves (`subspace`, None for everything) together with libraries by target and constraints.

    Raises InputError for unknown names, and with the first constraint that contradicts those before it.
    """
    if isinstance(settings.library, PerTarget):
        offered = settings.library.offered(terms, targets)[:, : prod(shape[1:])].reshape(shape)
        own = entry_basis(shape, np.argwhere(offered))
        subspace = own if subspace is None else subspace.intersect(own)
    if not settings.constraints:
        return Admissible(subspace)
    _check_energy(settings)
    linear = [each for constraint in settings.constraints for each in constraint.on(terms, targets)]
    equations = [each for each in linear if each.sense == "=="]
    bounds = [each for each in linear if each.sense != "=="]
    subspace = _cut(subspace or Subspace.full(shape), equations, terms, targets)
    left, right = _rows(bounds, subspace.shape, terms, targets)
    signs = np.array([1.0 if each.sense == "<=" else -1.0 for each in bounds])
    rows = Inequalities(left * signs[:, None], right * signs, tuple(map(str, bounds)))
    trapping = next((each for each in settings.constraints if isinstance(each, Trapping)), None)
    return Admissible(subspace, rows if bounds else None, bool(equations), trapping)


def equations_on(subspace: Subspace, constraints, terms: AbstractTerms, targets: StateSpace) -> Subspace:
    """The part of a subspace where further equations hold. Raises InputError for bounds and for contradictions."""
    linear = [each for constraint in constraints for each in constraint.on(terms, targets)]
    for each in linear:
        if each.sense != "==":
            raise InputError(f"only equations can be added here, not the bound {each}")
    return _cut(subspace, linear, terms, targets)


def _check_energy(settings: Settings) -> None:
    """Raise InputError for an energy argument about rates that are not those of the terms alone."""
    energetic = [each for each in settings.constraints if isinstance(each, EnergyPreserving | Trapping)]
    if energetic and (settings.discrete or settings.known is not None or settings.order != 1):
        raise InputError(
            f"{energetic[0]!r} is about the rates of a law of first order, all of them from the library: not with "
            "discrete=True, known= or order=2"
        )


def _cut(subspace: Subspace, equations: list[Constraint], terms: AbstractTerms, targets: StateSpace) -> Subspace:
    if not equations:
        return subspace
    left, right = _rows(equations, subspace.shape, terms, targets)
    try:
        return subspace.satisfying(left, right)
    except InputError:
        for k, equation in enumerate(equations):
            try:
                subspace = subspace.satisfying(left[k : k + 1], right[k : k + 1])
            except InputError:
                raise InputError(
                    f"the constraint {equation} contradicts the equations before it, the symmetry or the library"
                ) from None
        raise


def _rows(
    constraints: list[Constraint], shape: tuple[int, ...], terms: AbstractTerms, targets: StateSpace
) -> tuple[np.ndarray, np.ndarray]:
    """Linear constraints as arrays: left (m, N) on the coefficients read row by row, right (m,)."""
    left = np.zeros((len(constraints), *shape))
    for row, constraint in zip(left, constraints, strict=True):
        for term, target, factor in constraint.factors:
            place = terms.names.index(term)
            row[place if len(shape) == 1 else (place, targets.component_names.index(target))] += factor
    return left.reshape(len(left), prod(shape)), np.array([each.right for each in constraints])
