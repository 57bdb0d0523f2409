"""From data to a law by joint estimation: the whole way once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn._progress import tell
from symdyn.data.recording import Recording
from symdyn.regress.joint.accuracy import substeps_for
from symdyn.regress.joint.collocation import Collocation, field_of
from symdyn.regress.joint.descent import Point, descend, levels, settled, start, tighten
from symdyn.regress.joint.elimination import NEAR, Criterion, ModelEvidence, TermSearch
from symdyn.regress.joint.grid import Observed, TimeGrid, grid, observed
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.joint.start import (
    Smooth,
    Weights,
    candidates,
    floors,
    noise_by_differences,
    regressed,
    regression_on,
    smoothed,
    weights_of,
)
from symdyn.regress.rows.regression import recording_of_law
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.solvers import BestSubset, LeastSquares

ROUNDS = 3  # in which terms that were left out at first are tried again
SOFT = (0.1, 0.03)  # looseness of the other eliminations
LOUD = 0.05  # noise, as a share of the spread of a component, above which one elimination is not trusted


@dataclass(frozen=True, eq=False)
class Task:
    """What a joint estimation works on.

    `runs`, `described`: the data and the state of the law; `smooth`: a smooth trajectory; `weights`: all free weights;
    `noise` (n,): the first estimate; `fixed`: whether the user gave it; `floor` (n,).
    """

    runs: tuple[Observed, ...]
    described: Recording
    smooth: Smooth
    weights: Weights
    noise: np.ndarray
    fixed: bool
    floor: np.ndarray
    settings: Settings

    def problem(self, nodes: TimeGrid, places: np.ndarray) -> Collocation:
        """The joint problem of some of the weights, by their places (K,)."""
        terms = self.weights.posed.found.terms
        field = field_of(terms, self.described, self.settings.known, self.weights.offset)
        return Collocation(field, nodes, self.weights.offset, self.weights.elements[places])


def joint_solution(recording: Recording, settings: Settings, guess: np.ndarray | None = None) -> Solution:
    """The law of a recording by joint estimation. Raises InputError for what it cannot do.

    `guess` (r,): the free weights that another estimate has kept, another start of the search; one of a law of second
    order in another state is of no use and not taken.
    """
    from symdyn.regress.joint.solution import solution_of_search

    options = settings.differentiation
    assert isinstance(options, JointEstimation)
    _check(settings)
    task = prepared(recording, settings, options)
    guess = np.zeros(task.weights.size, bool) if guess is None or len(guess) != task.weights.size else guess
    places = np.flatnonzero(candidates(task.weights, options.candidates) | guess)
    problem, point = first_fit(task, places, options)
    rule = _rule(settings, options)
    rows = int(problem.grid.count.sum())
    search = TermSearch(problem, places, rule, rows, task.weights.size)
    interrupted = False
    try:
        if isinstance(settings.solver, LeastSquares):
            search.judge(point)
        else:
            _search_from(search, point)
            from_few_terms(task, search, guess, options)
            if search.judged is not None and _is_loud(task):
                softer_starts(task, search, options)
            search = readmitted(task, search) if search.judged is not None else search
    except KeyboardInterrupt:
        if search.judged is None:
            raise
        interrupted = True
    if search.judged is None or not np.isfinite(search.best.score):
        raise InputError("these data and terms do not determine a trajectory; differentiation=sd.WeakForm() needs none")
    problem, point = _finished(task, search, options)
    try:
        return solution_of_search(task, search, point, problem, interrupted)
    except np.linalg.LinAlgError as error:
        raise InputError(f"the law that was found does not determine its trajectory: {error}") from error


def _search_from(search: TermSearch, point: Point) -> None:
    """Eliminate from a point and exchange terms. A fit that does not determine its trajectory ends either."""
    with suppress(np.linalg.LinAlgError):
        search.eliminate(point)
    if search.judged is not None:
        with suppress(np.linalg.LinAlgError):
            search.exchange()
            search.leap()


def _check(settings: Settings) -> None:
    if settings.discrete:
        raise InputError("a joint estimation is for rates: discrete=True does not apply")
    if not isinstance(settings.solver, BestSubset | LeastSquares):
        raise InputError(
            f"a joint estimation drops terms one by one itself: leave out the solver (or LeastSquares() to keep all "
            f"terms), got {settings.solver!r}"
        )


def _rule(settings: Settings, options: JointEstimation) -> ModelEvidence | Criterion:
    if options.evidence:
        return ModelEvidence(options.gamma)
    price = getattr(settings.selection, "price", None)
    if price is None:
        raise InputError(f"a joint estimation is judged by EBIC, BIC or AICc, got selection={settings.selection!r}")
    return Criterion(price)


def prepared(recording: Recording, settings: Settings, options: JointEstimation) -> Task:
    """Noise, smooth trajectory and admissible weights."""
    law = recording_of_law(recording, settings)
    runs = observed(recording, law, settings)
    noise, floor, space = first_noise(runs, options), floors(runs), moving_space(law)
    smooth = smoothed(runs, np.maximum(noise, floor), space, law.kinematics)
    noise = with_unseen(np.maximum(noise, floor), runs, smooth, space, law.kinematics)
    made = regression_on(smooth, runs, law, settings)
    if made.given.inequalities is not None or made.given.trapping is not None:
        raise InputError("a joint estimation takes equations as constraints; bounds and Trapping do not apply")
    return Task(runs, law, smooth, weights_of(made), noise, options.noise is not None, floor, settings)


def first_noise(runs: tuple[Observed, ...], options: JointEstimation) -> np.ndarray:
    """The noise that was given, or that of differences, (n,)."""
    n = runs[0].values.shape[1]
    if options.noise is None:
        return noise_by_differences(runs)
    given = np.asarray(options.noise, np.float64)
    if given.ndim and given.shape != (n,):
        raise InputError(f"the noise has {given.size} values for {n} moving state components")
    return np.broadcast_to(given, (n,)).copy()


def moving_space(law: Recording):
    """The components of the state that move."""
    return law.space.select(tuple(name for name in law.space.names if name not in law.inputs))


def with_unseen(noise: np.ndarray, runs, smooth: Smooth, space, kinematics) -> np.ndarray:
    """The noise with a scale for rates that were not seen: that of their variable, in the ratio of the spreads."""
    seen = np.concatenate([run.weights for run in runs]).max(axis=0) > 0
    states = np.concatenate([function(run.times) for run, function in zip(runs, smooth.runs, strict=True)])
    spread = np.maximum(states.std(axis=0), 1e-300)
    out = noise.copy()
    for a, b in kinematics:
        for i, j in zip(space.indices((a,)), space.indices((b,)), strict=True):
            if not seen[int(j)]:
                out[j] = noise[i] * spread[j] / spread[i]
    return out


def first_fit(task: Task, places: np.ndarray, options: JointEstimation) -> tuple[Collocation, Point]:
    """The joint fit of all candidates at the last looseness: a softer one would waste what the data know."""
    chosen = np.zeros(task.weights.size, bool)
    chosen[places] = True
    weights = regressed(task.weights, chosen)[places]
    count = options.substeps or 1
    problem = task.problem(grid(task.runs, count), places)
    if options.substeps is None:
        nodes = task.smooth.on(problem.grid)
        count = substeps_for(problem, nodes, weights, task.noise, 1)
        problem = task.problem(grid(task.runs, count), places) if count > 1 else problem
    tell(f"{len(places)} of {task.weights.size} terms, {len(problem.grid.times)} nodes")
    point = start(problem, task.smooth.on(problem.grid), weights, np.ones(len(places), bool), task.noise, 1.0)
    return problem, tighten(problem, descend(problem, point, steps=8), levels(1.0, options.looseness))


def _is_loud(task: Task) -> bool:
    """Whether the noise of a component is a large share of its spread."""
    values, seen = (np.concatenate([getattr(run, name) for run in task.runs]) for name in ("values", "weights"))
    spread = np.array(
        [column[live > 0].std() if live.any() else 0.0 for column, live in zip(values.T, seen.T, strict=True)]
    )
    return bool(np.any((task.noise > LOUD * spread) & (spread > 0)))


def from_few_terms(task: Task, search: TermSearch, guess: np.ndarray, options: JointEstimation) -> None:
    """Start from the terms of another estimate as well, and keep that where it scores better.

    On an attractor many large sets of terms imitate a small one (its orbits obey relations), and elimination from above
    can lose a true term while they are still in.
    """
    mask = guess[search.places]
    if not mask.any() or search.key(mask) in search.record:
        return
    tell(f"once more, from {int(mask.sum())} terms of the weak form")
    problem = search.problem
    assert isinstance(problem, Collocation)
    weights = regressed(task.weights, guess)[search.places]
    point = start(problem, task.smooth.on(problem.grid), weights, mask, task.noise, 1.0)
    point = tighten(problem, descend(problem, point, steps=8), levels(1.0, options.looseness))
    before, search.judged = search.judged, None
    _search_from(search, point)
    if search.judged is None or (before is not None and before.score <= search.best.score):
        search.judged = before


def softer_starts(task: Task, search: TermSearch, options: JointEstimation) -> None:
    """Eliminate with looser defects as well, tighten what that finds, and keep it where it scores better.

    Under much noise a chaotic trajectory that is held tightly from the start can settle in a false minimum, from which
    elimination leads to false sets. The second softer start is spared where the first one agrees with what is known.
    """
    problem, places = search.problem, search.places
    assert isinstance(problem, Collocation)
    whole = np.ones(len(places), bool)
    weights = regressed(task.weights, np.isin(np.arange(task.weights.size), places))[places]
    for softness in SOFT:
        if softness <= options.looseness:
            return
        tell(f"once more, from defects of {softness:g} of the noise")
        point = start(problem, task.smooth.on(problem.grid), weights, whole, task.noise, 1.0)
        point = tighten(problem, descend(problem, point, steps=8), levels(1.0, softness))
        soft = TermSearch(problem, places, search.rule, search.rows, search.total)
        _search_from(soft, point)
        if soft.judged is None:
            continue
        if np.array_equal(soft.best.mask, search.best.mask):
            return
        before = search.best
        search.judged = None
        search.judge(tighten(problem, soft.best.point, levels(softness, options.looseness)))
        search.exchange()
        if before.score <= search.best.score:
            search.judged = before


def readmitted(task: Task, search: TermSearch) -> TermSearch:
    """The search among other candidates, as long as weights that were left out promise to improve the best set.

    The quadratic model of the best set with a few of the others at a time says which; its trajectory is smooth by now.
    """
    size = len(search.places)
    problem = search.problem
    assert isinstance(problem, Collocation)
    for _ in range(ROUNDS):
        best, kept = search.best, search.places[search.best.mask]
        rest = np.setdiff1d(np.arange(task.weights.size), search.places)
        room = size - len(kept)
        if not len(rest) or not room:
            return search
        promise: np.ndarray = np.full(task.weights.size, np.inf)
        for first in range(0, len(rest), room):
            some = rest[first : first + room]
            filled = np.setdiff1d(search.places, kept)[: room - len(some)]  # one shape: one compilation
            places = np.concatenate([kept, some, filled])
            other = search.on(task.problem(problem.grid, places), places)
            for score, mask in other.neighbours(other.best):
                added = places[np.flatnonzero(mask & ~other.best.mask)]
                promise[added] = np.minimum(promise[added], score)
        ranked = rest[np.argsort(promise[rest])][:room]
        if promise[ranked[0]] > best.score + NEAR:
            return search
        filled = np.setdiff1d(search.places, kept)[: room - len(ranked)]
        places = np.concatenate([kept, ranked, filled])
        other = search.on(task.problem(problem.grid, places), places)
        other.exchange()
        if other.best.score >= best.score - 1e-6:
            return search
        search = other
    return search


def _finished(task: Task, search: TermSearch, options: JointEstimation) -> tuple[Collocation, Point]:
    """The best set with the defects tightened and the noise from the residual."""
    problem = search.problem
    assert isinstance(problem, Collocation)
    floor = None if task.fixed else task.floor
    return problem, settled(problem, search.best.point, options.looseness, floor=floor)
