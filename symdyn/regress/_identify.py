"""`identify`: governing equations from data, the whole way once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from symdyn._errors import InputError
from symdyn.data.chunked import lazy_size
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.door import read
from symdyn.data.reading import Reading
from symdyn.data.recording import Recording
from symdyn.data.weak import AbstractWeakForm
from symdyn.fields import Fields
from symdyn.groups import Action, Group
from symdyn.library import AbstractLibrary, AutomaticLibrary, Monomials, PerTarget
from symdyn.regress.constraints.language import AbstractConstraint
from symdyn.regress.domain import domain_of
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import fitted_recording
from symdyn.regress.rows.streamed import HELD
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.solvers import AbstractSolver, BestSubset
from symdyn.regress.strategy.noise import from_clean_states, from_ladder, from_noisy_states, planned, resolution_fault


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
    memory: int = HELD,
    devices: Sequence[Any] | None = None,
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
        noise of the states decides: where it does not matter fourth-order differences, or the weak form if that
        explains far more of the rates; else the weak form and then, for up to 40 000 values, the joint estimation.
        `stages` of the law says what was done and why.
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
    memory: how many numbers of data in files are held at once, by each worker. Datasets of dask arrays, or opened
        without being read, that hold more are read piece by piece (by dask on whatever scheduler or cluster it has);
        smaller ones are loaded.
    devices: JAX devices that share the sums over the samples, for data that are read piece by piece or large.

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
    if lazy_size(data) > memory or devices is not None:
        from symdyn.regress.strategy.streaming import streamed_law

        if promote is not None or symmetry is not None or isinstance(ladder, AutomaticLibrary):
            raise InputError(
                f"promote=, symmetry= and library='auto' need the data in memory; these have {lazy_size(data)} numbers "
                "in files. Load a part of them (data.isel(...).load()), or name a library and an action"
            )
        return streamed_law(data, settings_of(library=library, **options), memory, tuple(devices or ()))
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
    fault = resolution_fault(recording, settings)
    law = replace(law, stages=(*law.stages, fault)) if fault else law
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
    if plan.free:
        return from_clean_states(recording, settings, law)
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
