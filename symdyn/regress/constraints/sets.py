"""Sets of terms under constraints: without redundancy, with the thinner ones, and such that the bounds can hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.constraints.elements import Tie
from symdyn.regress.problem import Problem
from symdyn.regress.solvers import least_squares
from symdyn.regress.solvers.base import as_masks

Propose = Callable[[np.ndarray], np.ndarray]  # from a triangle to sets of terms


def admissible_sets(problem: Problem, propose: Propose) -> np.ndarray:
    """What a solver proposes, (s, r), as sets that can be laws under the constraints of the problem.

    - Shares and thresholds refer to the rates. Where there is a choice, targets weighted by their noise have a say too.
    - Elements that depend on others of their set are left out.
    - A solver that leaves a choice also gets the sets in which a group of tied terms has fewer free weights, and those
      without the terms that a bound holds at zero.
    - A set whose terms cannot fulfil the inequalities gets the terms that they speak of.
    """
    triangle, _ = problem.by_rates.normalised
    masks = propose(triangle)
    choice = len(masks) > 1
    if choice and problem.noise is not None:
        masks = as_masks(map(np.flatnonzero, [*masks, *propose(problem.normalised[0])]), problem.size)
    if not problem.ties and problem.inequalities is None:
        return masks
    if choice and problem.inequalities is not None:
        masks = np.concatenate([masks, propose(_within_bounds(problem, triangle))])
    sets = [_independent(problem, mask) for mask in masks]
    if choice:
        sets += [thin for mask in sets for thin in _thinner(problem, mask)]
    if problem.inequalities is not None:
        sets = [filled for mask in sets if (filled := _feasible(problem, mask)) is not None]
        sets += [mask for mask in [problem.shares(mask) != 0 for mask in sets] if choice and problem.feasible(mask)]
    if not sets:
        sets = [np.ones(problem.size, bool)]
    return as_masks(map(np.flatnonzero, sets), problem.size)


def check_feasible(problem: Problem) -> None:
    """Raise InputError with the first constraints that no weights fulfil together."""
    rows = problem.inequalities
    if rows is None or rows.feasible():
        return
    names: list[str] = []
    for k, name in enumerate(rows.names):
        names.append(name)
        if not rows.rows(np.arange(k + 1)).feasible():
            break
    raise InputError(f"the constraints contradict each other or an equation: no coefficients fulfil {'; '.join(names)}")


def _within_bounds(problem: Problem, triangle: np.ndarray) -> np.ndarray:
    """The triangle without the terms that the bounds hold at zero in the fit on all terms."""
    kept = problem.shares(_independent(problem, np.ones(problem.size, bool))) != 0
    return triangle * np.append(kept, True)


def _independent(problem: Problem, mask: np.ndarray) -> np.ndarray:
    """The set without the elements that are combinations of others before them."""
    mask = mask.copy()
    for tie in problem.ties:
        kept: list[int] = []
        for k in np.flatnonzero(mask[tie.members]):
            if np.linalg.matrix_rank(tie.vectors[[*kept, k]]) > len(kept):
                kept.append(int(k))
        mask[tie.members] = False
        mask[tie.members[kept]] = True
    return mask


def _thinner(problem: Problem, mask: np.ndarray) -> list[np.ndarray]:
    """The sets with fewer free weights in the groups of tied terms, the cheapest loss first, one after the other."""
    steps = []
    for number, tie in enumerate(problem.ties):
        if mask[tie.members].sum() > 1:
            steps += [(loss, number, chosen) for loss, chosen in _replacements(problem, mask, tie)]
    sets, current, least = [], mask.copy(), {}
    for _, number, chosen in sorted(steps, key=lambda step: (step[0], -len(step[2]))):
        if len(chosen) < least.get(number, len(mask)):
            least[number] = len(chosen)
            current = current.copy()
            current[problem.ties[number].members] = False
            current[chosen] = True
            sets.append(current)
    return sets


def _replacements(problem: Problem, mask: np.ndarray, tie: Tie) -> list[tuple[float, list[int]]]:
    """The residual and the elements of a tie with which forward selection replaces those of the set, size by size."""
    triangle, _ = problem.normalised
    rest = mask.copy()
    rest[tie.members] = False
    chosen: list[int] = []
    found = []
    for _ in range(int(mask[tie.members].sum()) - 1):
        losses = {}
        for k in map(int, tie.members):
            if k not in chosen:
                trial = rest.copy()
                trial[[*chosen, k]] = True
                losses[k] = float(np.linalg.norm(triangle[:, -1] - triangle[:, :-1] @ least_squares(triangle, trial)))
        best = min(losses, key=losses.__getitem__)
        chosen = [*chosen, best]
        found.append((losses[best], chosen))
    return found


def _feasible(problem: Problem, mask: np.ndarray) -> np.ndarray | None:
    """The set, or where its terms cannot fulfil the inequalities, with those that the violated ones speak of."""
    if problem.feasible(mask):
        return mask
    rows = problem.inequalities
    assert rows is not None
    needed = np.any(rows.left[rows.right < 0] != 0, axis=0)
    filled = _independent(problem, mask | needed)
    return filled if problem.feasible(filled) else None
