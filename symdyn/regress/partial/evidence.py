"""Evidence on the symmetries of laws of fields: tests of equivalence on the jets of noisy data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn.fields import Fields
from symdyn.regress.evidence.claims import Claim, claims_of
from symdyn.regress.evidence.estimate import Estimate
from symdyn.regress.evidence.frame import Condition, reduced
from symdyn.regress.evidence.judge import judged, with_verdicts, without_support
from symdyn.regress.evidence.result import Evidence
from symdyn.regress.partial.rows import FieldTask
from symdyn.regress.partial.whole import field_estimate, targets_of, task_of
from symdyn.symmetry.discovery.candidates import Place
from symdyn.symmetry.discovery.jet_law import spacetime
from symdyn.symmetry.discovery.result import action_of
from symdyn.symmetry.enforce import bound_conditions
from symdyn.symmetry.promotion.lie_map import lie_map
from symdyn.symmetry.promotion.measure import Empirical


def field_evidence(fields: Fields, candidates: Any, *, level: float, tolerance: float, **options: Any) -> Evidence:
    """`symmetry_evidence` on the jets of fields, with the arguments of `identify_field`.

    The defect is |L F| / |F| for generators of unit size (L F: the Lie derivative along the prolonged generator, all
    jets measured by their size in the data, values of F by that of their field). Verdicts are given where noise of the
    data is what limits the law: only then is its covariance known well enough.
    """
    task = task_of(fields, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)
        estimate, known = field_estimate(fields, task)
    claims = claims_of(candidates, Place(spacetime(estimate.frame.space, task.time_order)))
    findings = tuple(judged(estimate, c, _condition(estimate, task, c), level, tolerance) for c in claims)
    findings = with_verdicts(findings, level, holm=True)
    notes = ["misfit was not tested: too small a library invents symmetries"]
    if not known:
        findings = without_support(findings, "standard errors are not those of the noise")
        notes.append("noise of the data does not make most of the residual: no verdicts")
    method = "Holm" if len(claims) > 1 else "one claim"
    return Evidence(findings, level, tolerance, method, estimate.freedom, None, tuple(notes))


def _condition(estimate: Estimate, task: FieldTask, claim: Claim) -> Condition:
    """The condition of one claim at the jets of the data; a generator that depends on time makes several."""
    frame, states = estimate.frame, estimate.states
    if states is None or not len(states):
        raise InputError("there are no jets free of missing values at which a symmetry could be asked for")
    time = frame.space.time or "t"
    element = [] if claim.matrix is None else [(claim.text, claim.matrix, claim.time)]
    action = action_of([] if element else [claim.field], element, frame.space, time)
    terms, conditions = bound_conditions(frame.terms, action, **targets_of(estimate, task), values=None)
    measure = Empirical(states)
    points = measure.states(frame.space.size)
    unit = np.maximum(measure.spread(frame.space.size)[frame.into], 1e-300)
    broken = lie_map(terms, conditions, measure, norm="measure", named=True, unit=unit)
    rows = np.column_stack([broken.matrix.toarray(), broken.shift.ravel()])
    values = frame.values(points) / np.sqrt(len(points))
    speed = np.einsum("mp,cd->mcpd", values, np.diag(1 / unit)).reshape(-1, values.shape[1] * len(unit))
    speed = np.column_stack([speed, np.zeros(len(speed))])
    return Condition(reduced(rows), reduced(speed), float(np.sqrt(2)) if element else 1.0)
