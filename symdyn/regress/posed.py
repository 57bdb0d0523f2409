"""Data and settings as least-squares problems, and their solutions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdyn._types import StateSpace
from symdyn.data.best import BestDifferentiation
from symdyn.data.chunked import ChunkedData, lazy_size
from symdyn.data.door import read
from symdyn.data.recording import Recording
from symdyn.library import AbstractTerms
from symdyn.model.model import entry_basis
from symdyn.regress.constraints.admissible import Admissible, admissible
from symdyn.regress.fit import Fit, solve
from symdyn.regress.problem import Problem, problems, spanned
from symdyn.regress.rows.generalised import reweighted
from symdyn.regress.rows.regression import Regression, check_rows, regression
from symdyn.regress.rows.streamed import HELD
from symdyn.regress.solution import Settings
from symdyn.regress.solvers import AbstractSolver
from symdyn.symmetry import Subspace, enforce
from symdyn.symmetry.subspace import combination_text


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a solution is made of: the regression, the admissible coefficients (None: all), and the fits."""

    found: Regression
    settings: Settings
    subspace: Subspace | None
    shape: tuple[int, ...]
    fits: tuple[Fit, ...]


@dataclass(frozen=True, eq=False)
class Posed:
    """Data and settings as least-squares problems: one for each target, or one for those that a symmetry ties."""

    found: Regression
    settings: Settings
    given: Admissible
    shape: tuple[int, ...]
    problems: tuple[Problem, ...]

    def on(self, found: Regression) -> Posed:
        """The same coefficients for other rows of the same terms."""
        given, targets = self.given, found.recording.target_space
        groups = [targets.indices((name,)).tolist() for name in targets.names]
        tied = given.subspace, groups, given.inequalities, given.complete, given.trapping is not None
        return replace(self, found=found, problems=tuple(problems(found.moments, self.shape, *tied)))

    def solved(self) -> Fitted:
        """Each problem solved by the solver and the selection of the settings."""
        named = [named_solver(self.found, self.settings, each) for each in self.problems]
        pairs = zip(self.problems, named, strict=True)
        return self.with_fits(tuple(solve(each, solver, self.settings.selection) for each, solver in pairs))

    def with_fits(self, fits: tuple[Fit, ...]) -> Fitted:
        """The problems with their solutions; the trapping condition, if any, is met here."""
        given, found = self.given, self.found
        if given.trapping is not None and given.subspace is not None:
            offset = np.asarray(given.subspace.offset)
            fits = (given.trapping.fit(fits[0], found.terms, found.recording.target_space, offset),)
        return Fitted(found, self.settings, given.subspace, self.shape, fits)


def posed(recording: Recording, settings: Settings) -> Posed:
    """Bind the library, sum the moments in one pass, and find the admissible coefficients."""
    settings = _with_method(recording, settings)
    made = posed_rows(regression(recording, settings), settings)
    return made if made.found.weak is None or not made.found.weak.noisy else _generalised(made)


def posed_rows(found: Regression, settings: Settings, subspace: Subspace | None = None) -> Posed:
    """The problems that rows pose, with the admissible coefficients: those of the action, or a subspace given."""
    terms, target_space = found.terms, found.recording.target_space
    shape = (terms.size,) if terms.value_shape else (terms.size, target_space.size)
    if subspace is None and settings.action is not None:
        subspace = enforce(terms, settings.action, **equivariance(terms, found.recording.targets, settings))
    if subspace is not None:
        check_rows(found.moments.n_rows * found.moments.n_targets, subspace.dimension)
    return Posed(found, settings, admissible(subspace, terms, target_space, shape, settings), shape, ()).on(found)


def _with_method(recording: Recording, settings: Settings) -> Settings:
    """The settings with a choice among ways to differentiate made, once for all trajectories."""
    if not isinstance(settings.differentiation, BestDifferentiation) or settings.discrete:
        return settings
    columns = recording.space.indices(recording.targets)
    runs = [(run.times, run.states[:, columns]) for run in recording.trajectories]
    return replace(settings, differentiation=settings.differentiation.choose_for(runs))


def _generalised(made: Posed) -> Posed:
    """The same problems with the rows of the weak form whitened by the noise that their own law has."""
    found, settings, given = made.found, made.settings, made.given
    assert found.weak is not None
    offset = None if given.subspace is None else np.asarray(given.subspace.offset).reshape(made.shape)

    def fit(problem: Problem) -> Fit:
        return solve(problem, named_solver(found, settings, problem), settings.selection)

    def coefficients(fits: tuple[Fit, ...]) -> np.ndarray:
        return coefficients_of(fits, made.shape, given.subspace)

    new = reweighted(made.problems, found.weak, found.terms, offset, fit, coefficients)
    return replace(made, found=replace(found, moments=new[0].moments), problems=new)


def fitted(data, settings: Settings) -> Fitted:
    """Read the data, piece by piece where they are large and in files, and solve the problems that they pose."""
    if lazy_size(data) > HELD:
        from symdyn.regress.strategy.streaming import streamed

        found, settings = streamed(ChunkedData.of(data, settings.reading), settings)
        return posed_rows(found, settings).solved()
    return fitted_recording(read(data, settings.reading), settings)


def fitted_recording(recording: Recording, settings: Settings) -> Fitted:
    """Solve the problems that a recording poses."""
    return posed(recording, settings).solved()


def named_solver(found: Regression, settings: Settings, problem: Problem) -> AbstractSolver:
    """The solver for the terms of a problem, by their names."""
    return settings.solver.on(weight_names(found.terms, found.recording.target_space, problem))


def joined(fits: tuple[Fit, ...], shape: tuple[int, ...], subspace: Subspace | None):
    """The active part of the coefficient space, how many weights it has, their covariance and values."""
    weights = np.concatenate([fit.weights[fit.mask] for fit in fits])
    blocks = [fit.covariance for fit in fits]
    covariance = np.zeros((len(weights), len(weights)))
    start = 0
    for block in blocks:
        covariance[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    if subspace is not None:
        own = spanned(subspace, [fit.problem for fit in fits], [fit.mask for fit in fits])
        return own, len(weights), covariance, weights
    if len(shape) == 1:
        entries = np.flatnonzero(fits[0].mask)[:, None]
    else:
        entries = np.concatenate(
            [np.column_stack([np.flatnonzero(f.mask), np.full(f.mask.sum(), c)]) for c, f in enumerate(fits)]
        )
    return entry_basis(shape, entries), len(weights), covariance, weights


def coefficients_of(fits: tuple[Fit, ...], shape: tuple[int, ...], subspace: Subspace | None) -> np.ndarray:
    """The coefficients of all terms, of the given shape."""
    space, _, _, weights = joined(fits, shape, subspace)
    return np.asarray(space.expand(weights)).reshape(shape)


def weight_names(terms: AbstractTerms, targets: StateSpace, problem: Problem) -> tuple[str, ...]:
    """What each free weight stands for: a term, or a combination of terms and targets that are tied."""
    if problem.elements is None:
        return terms.names
    if len(problem.named) == 1 and not terms.value_shape:
        return tuple(combination_text(each[:, problem.named[0]], terms.names, ()) for each in problem.elements)
    components = ("",) if terms.value_shape else targets.component_names
    return tuple(combination_text(each, terms.names, components) for each in problem.elements)


def equivariance(terms: AbstractTerms, targets: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    """What makes a law of these targets equivariant: targets, their order and the state, as `enforce` takes them."""
    order = 1
    if settings.order == 2 and targets[0] not in terms.space.names:
        # the weak form knows only the positions: the law gives their second derivatives
        targets, order = tuple(name.removesuffix("_rate") for name in targets), 2
    return {"targets": targets, "order": order, "space": terms.space}
