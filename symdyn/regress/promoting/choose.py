"""Which of the symmetries that a path keeps: each is tested as a linear hypothesis on the coefficients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb, log

import numpy as np

from symdyn._errors import InputError
from symdyn.groups import Action
from symdyn.regress.evidence.estimate import Estimate
from symdyn.regress.promoting.path import PenaltyProblem
from symdyn.symmetry import Subspace
from symdyn.symmetry.discovery.fields import Candidates
from symdyn.symmetry.discovery.printing import text_of
from symdyn.symmetry.discovery.readable import sparse_basis, whole
from symdyn.symmetry.discovery.result import action_of

TINY = 1e-8
DECISIVE = 10.0  # a generator with numbers read off the data must be better than one without by this much
ROUNDINGS = (0.3, 0.1, 0.03, 0.0)  # shares of the largest entry below which an entry of a generator may be none


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A set of symmetries: the fields, their action, the coefficients that they admit, and what the data say.

    `elements`: discrete ones beside the fields, (label, matrix on the coordinates and values, factor of the time);
    `misfit`: how much the squared error in units of the noise rises when they are enforced; `saved`: by how many the
    free coefficients fall; `fitted`: how many numbers in the generators were read off the data (no whole numbers);
    `price`: misfit, less the numbers that are saved times the logarithm of the number of independent rows.
    """

    fields: tuple
    action: Action
    subspace: Subspace
    misfit: float
    saved: int
    fitted: int
    price: float
    elements: tuple[tuple[str, np.ndarray, float], ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The generators as text, and the names of the discrete elements."""
        return (*(text_of(field) for field in self.fields), *(label for label, *_ in self.elements))


def hypotheses(
    candidates: Candidates, kept, admitted, problem: PenaltyProblem, space, time: str = "t"
) -> list[Hypothesis]:
    """All that is worth a test: what the path kept, as it is and with rounded entries, and all candidates together.

    `kept`: arrays (r, g) of combinations; `admitted`: from an action to the coefficients that it admits.
    """
    found, seen = [], set()
    for basis in [np.eye(candidates.count), *kept] if candidates.parts else []:
        for rounding in ROUNDINGS if len(basis) else ():
            rows = rounded(basis, rounding)
            key = np.round(projection(rows), 6).tobytes()
            if key in seen or not len(rows):
                continue
            seen.add(key)
            fields = tuple(candidates.rows(row[None]).parts[0] for row in rows)
            try:
                action = action_of(fields, [], space, time)
                subspace = admitted(action)
            except InputError:  # nothing is equivariant, or the fields make no action
                continue
            fitted = int(np.sum(np.abs(rows - np.round(rows)) > TINY))
            found.append(judged(fields, action, subspace, fitted, problem))
    return found


def with_elements(
    start: Hypothesis | None, elements, admitted, problem: PenaltyProblem, space, time: str = "t"
) -> tuple[Hypothesis | None, list[Hypothesis]]:
    """A hypothesis with the discrete elements that are worth their misfit beside it, and all that were tried."""
    fields, current, tried = () if start is None else start.fields, start, []
    for element in elements:
        own = (*(() if current is None else current.elements), element)
        try:
            action = action_of(fields, list(own), space, time)
            subspace = admitted(action)
        except InputError:
            continue
        new = judged(fields, action, subspace, 0 if start is None else start.fitted, problem)
        new = replace(new, elements=own)
        tried.append(new)
        if new.price < (0.0 if current is None else current.price):
            current = new
    return current, tried


def rounded(basis: np.ndarray, rounding: float) -> np.ndarray:
    """An echelon basis of nearly the same span, without small entries, in whole numbers where they are near."""
    from scipy.linalg import qr

    if not len(basis):
        return basis
    *_, order = qr(basis, pivoting=True, mode="economic")
    pivots = order[: len(basis)]
    rows = np.linalg.solve(basis[:, pivots], basis)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = np.where(np.abs(rows) > max(rounding, TINY) * largest, rows, 0.0)
    if rounding:
        near = np.round(rows)
        rows = np.where(np.abs(rows - near) < rounding, near, rows)
    rows = rows[np.abs(rows).max(axis=1) > 0]
    rows = sparse_basis(rows)
    return np.stack([whole(row, np.arange(len(row))) for row in rows]) if len(rows) else rows


def projection(rows: np.ndarray) -> np.ndarray:
    """The orthogonal projection onto the span of rows."""
    q = np.linalg.qr(rows.T)[0]
    return q @ q.T


def judged(fields, action: Action, subspace: Subspace, fitted: int, problem: PenaltyProblem) -> Hypothesis:
    """The hypothesis with the least rise of the squared error, in units of the noise, among its coefficients."""
    estimate, size = problem.estimate, int(np.prod(subspace.shape))
    basis, offset = np.asarray(subspace.basis).reshape(-1, size), np.asarray(subspace.offset).ravel()
    saved = len(problem.basis) - len(basis)
    if not estimate.determined:
        return _judged_by_residual(fields, action, subspace, fitted, problem)
    root = estimate.root
    known = _left(root @ problem.basis.T, root @ (estimate.weights - problem.offset))  # misfit of what is given
    misfit = max(_left(root @ basis.T, root @ (estimate.weights - offset)) - known, 0.0)
    price = misfit - saved * schwarz(estimate) + cost(fitted, estimate)
    return Hypothesis(tuple(fields), action, subspace, misfit, saved, fitted, price)


def _judged_by_residual(fields, action: Action, subspace: Subspace, fitted: int, problem: PenaltyProblem) -> Hypothesis:
    """With fewer rows than terms the noise is what a hypothesis leaves over: Schwarz's criterion itself."""
    size = int(np.prod(subspace.shape))
    basis, offset = np.asarray(subspace.basis).reshape(-1, size), np.asarray(subspace.offset).ravel()
    left = _left(problem.design @ basis.T, problem.y - problem.design @ offset)
    rows, numbers = problem.rows, len(basis) + fitted
    size_of_y = float(problem.y @ problem.y)
    enough = rows > numbers + 2
    price = (
        rows * np.log(max(left / rows, 1e-20 * size_of_y) / (size_of_y / rows))
        + numbers * np.log(rows)
        + DECISIVE * bool(fitted)
    )
    saved = len(problem.basis) - len(basis)
    return Hypothesis(tuple(fields), action, subspace, left, saved, fitted, float(price) if enough else np.inf)


def cost(fitted: int, estimate: Estimate) -> float:
    """What numbers in generators cost: that of coefficients, and a difference that decides (Kass, Raftery 1995)."""
    return fitted * schwarz(estimate) + (DECISIVE if fitted else 0.0)


def schwarz(estimate: Estimate) -> float:
    """What a number costs in units of the noise: the logarithm of the number of independent rows."""
    return float(np.log(max(estimate.freedom, 3.0)))


def _left(table: np.ndarray, target: np.ndarray) -> float:
    """The squared error of the least-squares fit."""
    return float(np.sum((target - table @ np.linalg.lstsq(table, target, rcond=1e-12)[0]) ** 2))


def leading(found: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses that are worth their misfit, the best one first, each set of coefficients once."""
    better = sorted((each for each in found if each.price < 0 and each.saved), key=lambda each: each.price)
    seen = [(each.saved, round(each.misfit, 6)) for each in better]
    return [each for k, each in enumerate(better) if seen[k] not in seen[:k]]


def price_of(hypothesis: Hypothesis | None, law, problem: PenaltyProblem) -> float:
    """The squared error of a law, sparse as it is, in units of the noise, plus what its numbers cost.

    Also what it costs to have chosen them: of k among p, 2 log C(p, k) (the extended criterion, Chen and Chen 2008).
    """
    if not problem.estimate.determined:
        return np.inf if hypothesis is None else hypothesis.price
    coefficients = np.asarray(law.coefficients, float).ravel()
    error = float(np.sum((problem.y - problem.design @ coefficients) ** 2))
    active, free = law.stats.active, max(law.stats.free, law.stats.active)
    choice = 2 * log(comb(free, active))
    fitted = 0 if hypothesis is None else hypothesis.fitted
    return error + schwarz(problem.estimate) * active + choice + cost(fitted, problem.estimate)
