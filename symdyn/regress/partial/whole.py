"""The whole library of a law of fields fitted to data, with the joint covariance of all its coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.fields import Fields, FieldWeakForm, JetDerivatives, jets
from symdyn.fields.weak import BLOCK
from symdyn.library import AbstractLibrary, PerTarget
from symdyn.model.model import Model, entry_basis
from symdyn.regress.evidence.estimate import Estimate, fitted_moments
from symdyn.regress.evidence.frame import Frame
from symdyn.regress.partial.attenuation import without_noise
from symdyn.regress.partial.rows import FieldTask, field_task
from symdyn.regress.partial.scatter import FieldNoise
from symdyn.regress.rows.moments import Moments
from symdyn.regress.rows.regression import Regression

STATES = 2000  # jets of the data that say how large each of its numbers is


def field_estimate(fields: Fields, task: FieldTask) -> tuple[Estimate, bool]:
    """All coefficients of a library with their covariance, and whether this was followed from the noise of the points.

    Noise that is significant is taken from the moments. The `states` are smoothed jets of the data: where symmetry is
    asked for.
    """
    found, noise = task.regression(fields)
    moments = found.moments
    known = None
    if noise is not None:
        moments, coefficients = _without(moments, noise)
        known = noise.whole_covariance(moments, coefficients)
    parts = fitted_moments(moments)
    if known is not None:
        parts |= {"covariance": known[0], "freedom": known[1], "white": True}
    states = _states(fields, task, noise)
    return Estimate(_frame(found), **parts, states=states, moments=moments), known is not None


def task_of(fields: Fields, options: dict[str, Any]) -> FieldTask:
    """What `identify_field` was asked, from its arguments. Raises InputError for what is no law of rates of fields."""
    from symdyn.regress.partial.identification import check_fields

    library, form = options.get("library"), options.get("form")
    time_order, rate_of = options.get("time_order", 1), options.get("rate_of")
    check_fields(fields, rate_of, time_order, form)
    if not time_order or isinstance(rate_of, AbstractLibrary):
        raise InputError("symmetries are weighed for laws of the rates of fields, not for balances or rates of fluxes")
    if isinstance(library, Mapping):
        library = PerTarget(tuple(library.items()))
    memory = options.get("memory", BLOCK)
    return field_task(fields, library, rate_of, options.get("order"), time_order, form or FieldWeakForm(), memory)


def targets_of(estimate: Estimate, task: FieldTask) -> dict[str, Any]:
    """What makes a law of these fields equivariant, as `enforce` takes it."""
    return {"targets": task.fields, "order": task.time_order, "space": estimate.frame.space}


def _without(moments: Moments, noise: FieldNoise) -> tuple[Moments, np.ndarray]:
    """The moments without the noise of the data, and the coefficients (p, d) that fit them."""
    own, law = moments, _coefficients(moments)
    for _ in range(2):  # the noise of the residual depends on the law
        own = without_noise(moments, noise.moments, law, True)
        law = _coefficients(own)
    return own, law


def _coefficients(moments: Moments) -> np.ndarray:
    p, factor = moments.n_terms, moments.r_factor()
    table = np.linalg.lstsq(factor[:p, :p], factor[:p, p:], rcond=1e-10)[0]
    return table * moments.scale[p:] / moments.scale[:p, None]


def _frame(found: Regression) -> Frame:
    """All laws of the library on the jets of the fields."""
    recording, terms = found.recording, found.terms
    if terms.value_shape:
        raise InputError("symmetries of laws of fields are weighed with scalar terms, such as those of DivergenceForm")
    shape = (terms.size, recording.target_space.size)
    model = Model(
        weights=np.zeros(int(np.prod(shape))), terms=terms, subspace=entry_basis(shape, np.argwhere(np.ones(shape))),
        space=recording.space, targets=recording.targets, kinematics=recording.kinematics,
    )  # fmt: skip
    names = tuple(name.removesuffix("_rate") for name in recording.targets)
    size = int(np.prod(shape))
    return Frame(terms, terms.space, terms.space.indices(names), np.eye(size), np.zeros(size), model)


def _states(fields: Fields, task: FieldTask, noise: FieldNoise | None) -> np.ndarray:
    """Jets (m, n) at some points, evenly, smoothed over half of the windows where the data are noisy."""
    whole = int(np.prod(fields.grid.shape))
    every = max(int((whole / STATES) ** (1 / len(fields.grid.shape))), 1)
    half: Any = {} if noise is None else {name: max(w // 2, 2) for name, w in noise.rows.half_widths.items()}
    form = task.form if isinstance(task.form, JetDerivatives) else JetDerivatives(half_width=half)
    found = jets(fields, order=task.order, time_order=0, derivatives=form, every=every)
    states = found.states[found.weights > 0]
    return states[np.isfinite(states).all(axis=1)]
