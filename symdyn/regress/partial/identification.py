"""`identify_field`: partial differential equations from fields on grids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.reading import Reading
from symdyn.fields import Fields, FieldWeakForm, JetDerivatives
from symdyn.fields.weak import BLOCK
from symdyn.groups import Action
from symdyn.library import AbstractLibrary, PerTarget
from symdyn.regress._identify import settings_of
from symdyn.regress.constraints.language import AbstractConstraint
from symdyn.regress.fit import Fit, fit_on
from symdyn.regress.outcome import solution_of
from symdyn.regress.partial.attenuation import noise_share, without_noise
from symdyn.regress.partial.rows import field_task, steady
from symdyn.regress.partial.scatter import FieldNoise
from symdyn.regress.partial.spacetime import invariant_equations, mixes_time
from symdyn.regress.posed import Fitted, Posed, coefficients_of, posed_rows
from symdyn.regress.rows.regression import Regression
from symdyn.regress.selection import AbstractSelection, Path
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.solvers import AbstractSolver

SLIGHT = 1e-6  # share of the squares of a column below which its noise does not matter
SUPPORTED = 2.0  # standard errors: weaker terms are dropped once the noise is taken from their moments
PASSES = 4  # of choosing the terms, each with the noise of the residual that the last law left


def identify_field(
    fields: Fields,
    *,
    library: AbstractLibrary | Mapping[str, AbstractLibrary] | None = None,
    rate_of: str | tuple[str, ...] | AbstractLibrary | None = None,
    order: int | None = None,
    time_order: int = 1,
    form: FieldWeakForm | JetDerivatives | None = None,
    action: Action | None = None,
    solver: AbstractSolver | None = None,
    selection: AbstractSelection | None = None,
    constraints: Iterable[AbstractConstraint] = (),
    promote: Any = None,
    memory: int = BLOCK,
) -> Solution:
    r"""A law of fields from data: a sparse partial differential equation, on the symmetric subspace.

    $$\partial_t u = \sum_k w_k \theta_k(u, \nabla u, \ldots)$$

    Parameters
    ----------
    fields: what `open_fields` reads, or `Fields.of` makes.
    library: candidate terms, functions of the jets of the fields; `DivergenceForm(2, order=2)` by default. A mapping
        gives each field its own.
    rate_of: the fields whose rates are sought, all by default; or `Fluxes`, whose terms are then differentiated by time
        (the vorticity of a wind).
    order: the highest derivative by space; by default what the library has, at least 2.
    time_order: 1, or 2 for a law of the second time derivative; 0 for a balance, in which nothing is differentiated by
        time: `rate_of` then is the left-hand side itself, and a time of the grid an axis as any other.
    form: `FieldWeakForm`, means over windows, by default; or `JetDerivatives`, derivatives at points: for clean data.
    action: a symmetry to enforce, acting on the jets: for example
        `sd.SO(2).acting_on({("x", "y"): sd.Point}, u=sd.Scalar)`. With time_order=2 it may mix time and space, as
        `sd.Poincare(1).acting_on(u=sd.Scalar)` does: then u_tt - F is invariant as a whole.
    solver, selection, constraints: see `identify`.
    promote: candidate symmetries, of which those are kept that the data do not contradict: a group, an action, or
        `sd.Promote(...)`. `sd.promotion` tells the whole story.
    memory: how many numbers of the data are read at once, in the weak form, which takes about four times as much while
        it works on them; no fewer than one window needs. `JetDerivatives` hold all of them.

    Returns a `Solution`; its model is a function of one jet, and `simulate_field` integrates it. In the weak form noise
    of the data that is significant is taken from the moments (errors in variables), which `stages` then say. Where it
    makes most of the residual the standard errors are those that white noise at each point of the grid gives (intervals
    of 95 % hold the truth in 90 to 97 % of draws of heat, Burgers, KdV, and advection with diffusion, the terms given);
    else they come from the scatter between boxes of windows. On a sphere rows weigh as much as their area.

    Raises InputError for rates of fields without time, a library that does not fit, a balance that has its left-hand
    side among the terms, and too few windows without missing values.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t, x = np.linspace(0.0, 1.0, 60), 2 * np.pi / 64 * np.arange(64)
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t))
    >>> heat = sd.Fields.of(grid, u=np.exp(-t[:, None]) * np.sin(x) + np.exp(-4 * t[:, None]) * np.cos(2 * x))
    >>> sd.identify_field(heat).active_terms
    ('u_xx',)
    """
    check_fields(fields, rate_of, time_order, form)
    if promote is not None:
        from symdyn.regress.partial.promoting import field_promotion

        return field_promotion(
            fields, promote, library=library, rate_of=rate_of, order=order, time_order=time_order, form=form,
            action=action, solver=solver, selection=selection, constraints=constraints, memory=memory,
        ).law  # fmt: skip
    fields = fields if time_order else steady(fields)
    if isinstance(library, Mapping):
        library = PerTarget(tuple(library.items()))
    settings = settings_of(
        library=library, action=action, solver=solver, selection=selection, constraints=constraints,
        order=max(time_order, 1),
    )  # fmt: skip
    law = field_task(fields, library, rate_of, order, time_order, form or FieldWeakForm(), memory)
    reading = Reading(variables=fields.space.names, time=fields.grid.names[0] if time_order else None)
    settings = replace(settings, library=law.library, differentiation=law.form, reading=reading)
    found, noise = law.regression(fields)
    _check_target(found, settings, bool(time_order))
    admitted = None
    if action is not None and time_order == 2 and mixes_time(action, found.terms.space):
        admitted = invariant_equations(found.terms, action, law.fields)
    share = 0.0 if noise is None else noise_share(found.moments, noise.moments)
    if noise is None or share < SLIGHT:
        return solution_of(posed_rows(found, settings, admitted).solved())
    stage = f"errors in variables: noise makes up to {share:.2g} of the squares of a column, and was taken from them"
    return replace(solution_of(_corrected(posed_rows(found, settings, admitted), noise)), stages=(stage,))


def _corrected(made: Posed, noise: FieldNoise) -> Fitted:
    """The law without the attenuation by noise: terms by cautiously corrected moments, then the fit."""
    found, settings, shape = made.found, made.settings, (made.found.terms.size, -1)
    fitted, seen = made.solved(), []

    def on(law: np.ndarray, settled: bool):
        return made.on(replace(found, moments=without_noise(found.moments, noise.moments, law, settled)))

    def law() -> np.ndarray:
        return coefficients_of(fitted.fits, made.shape, made.given.subspace).reshape(shape)

    for _ in range(PASSES):
        fitted = on(law(), False).solved()
        chosen = [fit.mask.tolist() for fit in fitted.fits]
        if chosen in seen:
            break
        seen.append(chosen)
    paths = tuple(fit.path for fit in fitted.fits)
    while True:
        whole = on(law(), True)
        pairs = zip(whole.problems, paths, strict=True)
        fitted = whole.with_fits(tuple(fit_on(problem, path, settings.solver.ridge) for problem, path in pairs))
        shorter = tuple(_without_weakest(fit) for fit in fitted.fits)
        if all(new is fit.path for new, fit in zip(shorter, fitted.fits, strict=True)):
            last = law()
            return whole.with_fits(tuple(noise.rescattered(found, fit, last) for fit in fitted.fits))
        paths = shorter


def _without_weakest(fit: Fit) -> Path:
    """The path of a fit with its weakest term dropped, if it is below `SUPPORTED` standard errors.

    Terms are chosen by moments that keep a part of the noise, and with little noise in the rates a term that mends
    that part comes in. By the moments without the noise it is nothing. Where nothing was chosen nothing is dropped.
    """
    error = np.sqrt(np.diag(fit.covariance))
    kept = np.flatnonzero(fit.mask)
    if len(fit.path.masks) < 2 or len(kept) < 2:
        return fit.path
    strength = np.abs(fit.weights[kept]) / np.where(error > 0, error, 1e-300)
    if strength.min() >= SUPPORTED:
        return fit.path
    mask = fit.mask.copy()
    mask[kept[strength.argmin()]] = False
    path = fit.path
    known = np.flatnonzero((path.masks == mask).all(axis=1))
    if len(known):
        return replace(path, chosen=int(known[0]))
    return replace(
        path, masks=np.vstack([path.masks, mask]), residuals=np.r_[path.residuals, path.residuals[path.chosen]],
        scores=np.r_[path.scores, path.scores[path.chosen]], chosen=len(path.masks),
    )  # fmt: skip


def check_fields(fields, rate_of, time_order: int, form) -> None:
    """Raise InputError for what is no law of fields."""
    if not isinstance(fields, Fields):
        raise InputError(
            f"identify_field takes Fields, as sd.open_fields(data) gives them, got {type(fields).__name__}; "
            "trajectories are for sd.identify"
        )
    if time_order not in (0, 1, 2):
        raise InputError(f"time_order must be 1 or 2, or 0 for a balance without rates, got {time_order!r}")
    if fields.grid.time is None and time_order:
        raise InputError(
            f"a law of rates needs fields on a grid with a time; this one has {', '.join(fields.grid.names)}. "
            "time_order=0 finds a balance"
        )
    if rate_of is None and not time_order:
        raise InputError("a balance needs its left-hand side: give rate_of, a field or Fluxes")
    if form is not None and not isinstance(form, FieldWeakForm | JetDerivatives):
        raise InputError(f"form must be sd.FieldWeakForm() or sd.JetDerivatives(), got {form!r}")


def _check_target(found: Regression, settings: Settings, rates: bool) -> None:
    """Raise InputError where terms are vectors of another size or the left-hand side, or a symmetry moves no field."""
    terms, targets = found.terms, found.recording.target_space
    both = [] if rates else [name for name in targets.component_names if name in terms.names]
    if both:
        raise InputError(
            f"the left-hand side {both[0]!r} is among the terms; leave it out with the library's variables="
        )
    if terms.value_shape and terms.value_shape != (targets.size,):
        raise InputError(
            f"the library's terms are vectors of size {terms.value_shape[0]} but {', '.join(targets.names)} has "
            f"{targets.size} components; choose the target with rate_of, or another library"
        )
    new = [name for name in targets.names if name.removesuffix("_rate") not in terms.space.names]
    if settings.action is not None and new:
        raise InputError(f"the action does not say how {new[0]!r} moves: enforce needs a rate of fields")
