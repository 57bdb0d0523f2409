"""`identify`: governing equations from data, the whole way once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.data.best import BestDifferentiation
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.door import read
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording
from symdyn.data.weak import AbstractWeakForm
from symdyn.fields import Fields
from symdyn.groups import Action, Group
from symdyn.library import AbstractLibrary, AbstractTerms, AutomaticLibrary, Monomials, PerTarget
from symdyn.model.model import Model, entry_basis
from symdyn.regress.collinear import collinear_groups
from symdyn.regress.constraints.admissible import Admissible, admissible
from symdyn.regress.constraints.language import AbstractConstraint
from symdyn.regress.covariance import noise
from symdyn.regress.domain import domain_of
from symdyn.regress.fit import Fit, condition, solve
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.problem import Problem, problems, spanned
from symdyn.regress.rows.generalised import reweighted
from symdyn.regress.rows.regression import Regression, check_rows, regression
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solution import RESULTS, Candidate, Choice, Settings, Solution, Stats
from symdyn.regress.solvers import AbstractSolver, BestSubset
from symdyn.regress.strategy.noise import from_ladder, from_noisy_states, planned
from symdyn.symmetry import Subspace, enforce
from symdyn.symmetry.subspace import combination_text


def identify(
    data,
    *,
    library: AbstractLibrary | Mapping[str, AbstractLibrary] | AutomaticLibrary | Literal["auto"] | None = None,
    action: Action | None = None,
    solver: AbstractSolver | None = None,
    selection: AbstractSelection | None = None,
    constraints: Iterable[AbstractConstraint] = (),
    rate_of: str | tuple[str, ...] | None = None,
    order: int = 1,
    variables: str | tuple[str, ...] | None = None,
    rates: Mapping[str, str] | None = None,
    differentiation: AbstractDifferentiation | AbstractWeakForm | JointEstimation | None = None,
    weights: Any = None,
    time: str | None = None,
    trajectories: str | tuple[str, ...] | None = None,
    missing: str = "raise",
    inputs: str | tuple[str, ...] = (),
    known: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    discrete: bool = False,
    symmetry: Any = None,
    promote: Any = None,
) -> Solution:
    r"""Governing equations from data: d(target)/dt = sum_k w_k B_k(state), sparse, on the symmetric subspace.

    Parameters
    ----------
    data: an xarray Dataset or DataArray, a mapping of arrays by name with the times under "time" ((t,) scalars, (t, k)
        vectors, (runs, t, k) runs), or a list of these (trajectories of different lengths). A variable may say
        `attrs["rate_of"] = "position"`: then it is the time derivative of another one, and itself a state variable
        unless it ends a chain (acceleration after velocity); with `attrs["measured_rate_of"]` it is a measurement only.
    library: candidate terms; `Monomials(2)` by default. A mapping gives each target variable its own:
        `{"x": sd.Monomials(1), "y": sd.Monomials(2)}`. "auto" or an `AutomaticLibrary` tries many and ranks them.
    action: a symmetry to enforce, for example `sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)`.
    symmetry: "auto": symmetries among all linear motions of the state are chosen from a part of the data, tested on the
        rest, and those that are supported are enforced (`stages` say more); or your own candidates, as for `certify`.
    promote: candidate symmetries, of which those are kept that the data do not contradict: a group, an action, an
        algebra, or `sd.Promote(...)`. `sd.promotion` tells the whole story.
    solver: proposes sets of terms; `BestSubset()` by default, `LeastSquares()` keeps all.
    selection: decides among them; `EBIC()` by default. A solver that was told a threshold or a number of terms
        leaves nothing to decide.
    constraints: on the coefficients, by the names of terms and targets: `sd.coefficient("y", "x") == 1` (also <= and
        >=), `sd.EnergyPreserving()`, `sd.Trapping()`. Equations hold exactly with every solver, and sets of terms
        are judged by their fit under the bounds.
    rate_of: the variables whose rate is sought; by default all whose rate the state does not already hold.
    order: 1, or 2 for a law of the second time derivative (needs only positions).
    variables: the state variables; by default all that depend on time and are not rates of others.
    rates: which variable holds the time derivative of which, where the attributes do not say.
    differentiation: how rates come from states: `FiniteDifference`, `SavitzkyGolay` or another smoother, or `WeakForm`;
        `JointEstimation` takes no rates: it finds the trajectory too. By default the measured rates; without them the
        noise of the states decides: fourth-order differences where it does not matter, else the weak form and then,
        for up to 40 000 values, the joint estimation. `stages` of the law says what was done and why.
    weights: "relative" (every row counts by its relative error), a variable name or a DataArray of weights of squared
        residuals.
    time, trajectories: dimension names, where the attributes do not say; `trajectories=()` puts all other dimensions
        into the state.
    missing: "raise" or "skip" samples that are not finite.
    inputs: variables that are given from outside: controls, parameters (they need not depend on time), or the time
        itself by the name of its dimension. The law may depend on them and does not say how they change; `simulate`
        takes their course.
    known: the part of the law that is known already: a JAX function from the state (a dict of arrays by variable) to
        a dict of rates by target. The regression explains what is left of the rates.
    discrete: whether the law is a map from each sample to the next, instead of a rate.

    Returns a `Solution`: it prints as equations and holds the model, the evidence and the settings. Raises InputError
    for data or arguments that cannot be used.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 10, 0.01))
    >>> print(sd.identify(data, library=sd.Monomials(2)).equations[0].split(" = ")[0])
    dx/dt
    """
    if isinstance(data, Fields):
        raise InputError("these are fields on a grid: sd.identify_field(fields, ...) finds their law")
    ladder = AutomaticLibrary() if isinstance(library, str) and library == "auto" else library
    options = {
        "action": action, "solver": solver, "selection": selection, "constraints": constraints, "rate_of": rate_of,
        "order": order, "variables": variables, "rates": rates, "differentiation": differentiation, "weights": weights,
        "time": time, "trajectories": trajectories, "missing": missing, "inputs": inputs, "known": known,
        "discrete": discrete,
    }  # fmt: skip
    if promote is not None:
        from symdyn.regress.promoting.chain import identified_with_promotion

        if symmetry is not None:
            raise InputError("give symmetry=, which tests, or promote=, which penalises, not both")
        return identified_with_promotion(data, promote, library, options)
    if symmetry is not None:
        from symdyn.regress.symmetries.chain import identified_with_symmetry

        return identified_with_symmetry(data, symmetry, library, options)
    settings = settings_of(library=None if isinstance(ladder, AutomaticLibrary) else ladder, **options)
    recording = read(data, settings.reading)
    law = _found(recording, ladder, settings)
    return replace(law, domain=domain_of(recording, law.model.space, law.model.kinematics))


def _found(recording: Recording, ladder: Any, settings: Settings) -> Solution:
    """The law, on the way that library, settings and noise ask for."""
    plan = planned(recording, settings)
    if isinstance(ladder, AutomaticLibrary):
        return from_ladder(recording, ladder, settings, plan)
    if isinstance(settings.differentiation, JointEstimation):
        from symdyn.regress.joint.law import joint_solution

        return joint_solution(recording, settings)
    if plan.noisy:
        return from_noisy_states(recording, settings, plan)
    law = solution_of(fitted_recording(recording, settings))
    if law.settings.differentiation == settings.differentiation:
        return law
    return replace(law, stages=(f"rates by {law.settings.differentiation}, which predicts the samples best",))


def settings_of(
    *, library=None, action=None, solver=None, selection=None, constraints=(), rate_of=None, order=1, variables=None,
    rates=None, differentiation=None, weights=None, time=None, trajectories=None, missing="raise",
    inputs=(), known=None, discrete=False,
) -> Settings:  # fmt: skip
    """The options of `identify`, checked, with their defaults."""
    if order not in (1, 2):
        raise InputError(f"order must be 1 or 2, got {order!r}")
    if not (known is None or callable(known)):
        raise InputError(f"known must be a function from the state to a dict of rates by target, got {known!r}")
    if discrete and (order != 1 or differentiation is not None or rates is not None):
        raise InputError("a discrete law explains the next sample: order=2, differentiation and rates do not apply")
    if isinstance(library, Mapping):
        library = PerTarget(tuple(library.items()))
    _check_kinds(library, action, solver, selection, differentiation)
    constraints = _checked_constraints(constraints)
    reading = Reading(variables, rate_of, rates, time, trajectories, weights, missing, inputs)
    return Settings(
        reading, library or Monomials(2), action, solver or BestSubset(), differentiation, order,
        selection or EBIC(), constraints, discrete, known,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


def _checked_constraints(constraints) -> tuple[AbstractConstraint, ...]:
    """The constraints as a tuple. Raises InputError for something else among them."""
    found = (constraints,) if isinstance(constraints, AbstractConstraint) else tuple(constraints)
    for each in found:
        if not isinstance(each, AbstractConstraint):
            raise InputError(
                f'a constraint is an object such as sd.coefficient("x", "y") == 0 or sd.Trapping(), got {each!r}'
            )
    return found


def _check_kinds(library, action, solver, selection, differentiation) -> None:
    """Raise InputError for an argument of the wrong kind, with what it should be."""
    hint = f"; a group acts by representations: {action.name}.acting_on(...)" if isinstance(action, Group) else ""
    for name, value, kinds, example in (
        ("library", library, AbstractLibrary, "sd.Monomials(3)"),
        ("action", action, Action, "sd.SO(3).acting_on(position=sd.Vector)"),
        ("solver", solver, AbstractSolver, "sd.STLSQ()"),
        ("selection", selection, AbstractSelection, "sd.EBIC()"),
        (
            "differentiation",
            differentiation,
            AbstractDifferentiation | AbstractWeakForm | JointEstimation,
            "sd.WeakForm()",
        ),
    ):
        if value is not None and not isinstance(value, kinds):
            raise InputError(
                f"{name} must be an object such as {example}, got {value!r}{hint if name == 'action' else ''}"
            )


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


def posed_rows(found: Regression, settings: Settings) -> Posed:
    """The problems that rows pose, with the admissible coefficients."""
    terms, target_space = found.terms, found.recording.target_space
    shape = (terms.size,) if terms.value_shape else (terms.size, target_space.size)
    subspace = _admissible(terms, found.recording, settings)
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
    """Read the data and solve the problems that they pose."""
    return fitted_recording(read(data, settings.reading), settings)


def fitted_recording(recording: Recording, settings: Settings) -> Fitted:
    """Solve the problems that a recording poses."""
    return posed(recording, settings).solved()


def named_solver(found: Regression, settings: Settings, problem: Problem) -> AbstractSolver:
    """The solver for the terms of a problem, by their names."""
    return settings.solver.on(_weight_names(found.terms, found.recording.target_space, problem))


def solution_of(made: Fitted) -> Solution:
    """The solution with its evidence."""
    found, settings, subspace, shape, fits = made.found, made.settings, made.subspace, made.shape, made.fits
    terms, recording, target_space = found.terms, found.recording, found.recording.target_space
    model_space, active, covariance, weights = _joined(fits, shape, subspace)
    model = Model(
        weights=weights, terms=terms, subspace=model_space, space=recording.space, targets=recording.targets,
        kinematics=recording.kinematics, time_unit=recording.time_unit, inputs=recording.inputs,
        clock=recording.time_name if recording.time_name in recording.inputs else "",
        discrete=settings.discrete, known=settings.known,
    )  # fmt: skip
    names = [_weight_names(terms, target_space, fit.problem) for fit in fits]
    collinear = tuple(
        group
        for fit, own in zip(fits, names, strict=True)
        for group in collinear_groups(fit, own, _tolerance(settings))
    )
    result = RESULTS.collinear if collinear else RESULTS.successful
    if not active:
        result = RESULTS.no_terms
    stats = _stats(found, fits, active, subspace, shape)
    choices = tuple(_choice(fit, own, target_space) for fit, own in zip(fits, names, strict=True))
    return Solution(model, result, stats, covariance, collinear, settings, choices, recording.provenance)


def _choice(fit: Fit, names: tuple[str, ...], targets: StateSpace) -> Choice:
    path, columns = fit.path, targets.component_names
    own = [columns[c] for c in fit.problem.named]
    target = ", ".join(own if len(own) < len(columns) else targets.names)
    rest = fit.problem.by_rates.remainder
    candidates = tuple(
        Candidate(tuple(names[k] for k in np.flatnonzero(mask)), float(residual * rest), float(score))
        for mask, residual, score in zip(path.masks, path.residuals, path.scores, strict=True)
    )
    often = () if path.frequencies is None else path.frequencies
    frequencies = tuple((names[k], float(f)) for k, f in enumerate(often) if f > 0)
    return Choice(target, candidates, path.chosen, frequencies)


def _admissible(terms: AbstractTerms, recording: Recording, settings: Settings) -> Subspace | None:
    """The coefficients that the action admits, or None where none is enforced."""
    if settings.action is None:
        return None
    targets, order = recording.targets, 1
    if settings.order == 2 and targets[0] not in terms.space.names:
        # the weak form knows only the positions: the law gives their second derivatives
        targets, order = tuple(name.removesuffix("_rate") for name in targets), 2
    return enforce(terms, settings.action, targets=targets, space=terms.space, order=order)


def _tolerance(settings: Settings) -> float:
    return getattr(settings.solver, "threshold", 0.0) or 0.05


def _joined(fits: tuple[Fit, ...], shape: tuple[int, ...], subspace: Subspace | None):
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
    space, _, _, weights = _joined(fits, shape, subspace)
    return np.asarray(space.expand(weights)).reshape(shape)


def _weight_names(terms: AbstractTerms, targets: StateSpace, problem: Problem) -> tuple[str, ...]:
    """What each free weight stands for: a term, or a combination of terms and targets that are tied."""
    if problem.elements is None:
        return terms.names
    if len(problem.named) == 1 and not terms.value_shape:
        return tuple(combination_text(each[:, problem.named[0]], terms.names, ()) for each in problem.elements)
    components = ("",) if terms.value_shape else targets.component_names
    return tuple(combination_text(each, terms.names, components) for each in problem.elements)


def _noise(found: Regression, fit: Fit, fits: tuple[Fit, ...], shape, subspace: Subspace | None) -> tuple[float, ...]:
    """Root mean square residual of each target of a fit, in its own unit also where the fit was of whitened rows."""
    if fit.problem.named_columns is None or found.weak is None:
        return noise(fit.problem, fit.mask, fit.shares * fit.unit)
    left = found.weak.residual(coefficients_of(fits, shape, subspace))
    if len(shape) == 1:
        return (float(np.sqrt(np.mean(left**2))),)
    return tuple(float(left[c]) for c in fit.problem.named)


def _stats(found: Regression, fits: tuple[Fit, ...], active: int, subspace: Subspace | None, shape) -> Stats:
    moments = found.moments
    residual = tuple(fit.residual * fit.problem.by_rates.remainder for fit in fits)
    levels = {c: n for f in fits for c, n in zip(f.problem.named, _noise(found, f, fits, shape, subspace), strict=True)}
    return Stats(
        rows=moments.n_rows,
        blocks=len(moments.blocks),
        candidates=int(np.prod(shape)),
        free=int(np.prod(shape)) if subspace is None else subspace.dimension,
        active=active,
        residual=residual,
        shares=tuple(tuple(float(s) for s in fit.shares[fit.mask]) for fit in fits),
        noise=tuple(levels[c] for c in sorted(levels)),
        condition=tuple(condition(fit) for fit in fits),
        inflation=tuple(fit.scatter.inflation for fit in fits),
        freedom=tuple(tuple(float(f) for f in fit.scatter.freedom) for fit in fits),
    )
