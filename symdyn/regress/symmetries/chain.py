"""`identify(symmetry="auto")`: discover, test, name, enforce, fit again, and say what it brought."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynError, SymdynWarning
from symdyn._progress import tell
from symdyn._types import StateSpace
from symdyn.data.weak import WeakForm
from symdyn.groups import Action, LieAlgebra, acting_as, name_of
from symdyn.library import AutomaticLibrary
from symdyn.regress.evidence.result import Evidence, Finding
from symdyn.regress.evidence.verbs import certify, symmetry_evidence
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.solution import Solution
from symdyn.symmetry.discovery.candidates import together
from symdyn.symmetry.discovery.fields import Candidates, Fields
from symdyn.symmetry.discovery.printing import text_of
from symdyn.symmetry.discovery.result import action_of

FLOW = "nearly the flow itself"
BROKEN = "exact symmetry is excluded"
HARMLESS = 0.1  # of the tolerance: a symmetry broken by less is enforced (differences of clean data are inexact too)


def identified_with_symmetry(data, symmetry: Any, library, options: dict[str, Any]) -> Solution:
    """The law under the symmetries that the data support; `stages` say which, on what evidence, and what they brought.

    `symmetry`: "auto" (all linear fields), or candidates as `certify` takes them. Raises InputError for settings that
    do not go with it.
    """
    from symdyn.regress._identify import identify

    if options.get("action") is not None:
        raise InputError("give either action=, a symmetry that is known, or symmetry=, candidates to be tested")
    if library == "auto" or isinstance(library, AutomaticLibrary):
        raise InputError('symmetry= tests the coefficients of one library; library="auto" has many: name one')
    if options.get("discrete"):
        raise InputError("symmetry= is for laws of rates; for a map see find_symmetries and certify")
    if isinstance(symmetry, str) and symmetry != "auto":
        raise InputError(f'symmetry is "auto", or candidates such as sd.SO(3).acting_on(...), got {symmetry!r}')
    plain = identify(data, library=library, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)  # of the data: said above
        return _under_supported(data, symmetry, library, options, plain)


def _under_supported(data, symmetry: Any, library, options: dict[str, Any], plain: Solution) -> Solution:
    """The law again, under what the data support."""
    from symdyn.regress._identify import identify

    tell("symmetries that the data support")
    evidence = _evidence(data, symmetry, library, options, plain)
    harmless = HARMLESS * evidence.tolerance
    exact = [each for each in evidence.supported if BROKEN not in each.note or each.upper < harmless]
    kept = [each for each in exact if FLOW not in each.note]
    if not kept:
        return replace(plain, stages=(*plain.stages, f"symmetry: {_none(evidence)}"))
    claims = [_said(kept, plain.model.space), *(f"  {each}" for each in kept), f"  ({evidence.method})"]
    tell(f"the law with {claims[0]}")
    try:
        law = identify(data, library=library, **{**options, "action": _action(kept, plain.model.space)})
    except InputError as error:
        return replace(plain, stages=(*plain.stages, *claims, f"they could not be enforced: {error}"))
    return replace(law, stages=(*law.stages, *claims, _gain(plain, law, data)))


def _evidence(data, symmetry: Any, library, options: dict[str, Any], plain: Solution) -> Evidence:
    """The evidence, with rates as the law without symmetry had them (a joint estimation has none: the weak form)."""
    way = plain.settings.differentiation
    told = {k: v for k, v in options.items() if k not in ("action", "solver", "selection", "constraints", "discrete")}
    told["differentiation"] = WeakForm() if isinstance(way, JointEstimation) else way
    told["library"], told["time"] = library, options.get("time") or "t"
    if isinstance(symmetry, str):
        return certify(data, **told)
    if isinstance(symmetry, Action):  # one action is one hypothesis, fixed beforehand
        return symmetry_evidence(data, symmetry, **told)
    return certify(data, symmetry, **told)


def _none(evidence: Evidence) -> str:
    """Why no symmetry was enforced."""
    others = [*evidence.supported, *evidence.undecided, *evidence.contradicted]
    reasons = "; ".join(str(each) for each in others[:4])
    notes = "; ".join(evidence.notes)
    return f"none was enforced ({evidence.method}). " + "; ".join(text for text in (reasons, notes) if text)


def _field(each: Finding):
    return each.claim.field


def _action(kept: list[Finding], space: StateSpace) -> Action:
    fields = [_field(each) for each in kept if _field(each) is not None]
    elements = [(each.claim.text, each.claim.matrix, each.claim.time) for each in kept if each.claim.matrix is not None]
    return action_of(fields, elements, space)


def _said(kept: list[Finding], space: StateSpace) -> str:
    """The name of what is enforced, and what it does."""
    fields = [_field(each) for each in kept if _field(each) is not None]
    discrete = len(kept) - len(fields)
    more = f" and {discrete} discrete element{'s' if discrete > 1 else ''}" if discrete else ""
    if not fields:
        return f"symmetry: {discrete} discrete element{'s' if discrete > 1 else ''}"
    return f"symmetry: {said_of(fields)}{more}"


def said_of(fields: Sequence[Fields]) -> str:
    """The name of the algebra of some fields, and what it does."""
    single = together(Candidates(fields[0].space, tuple(fields))).single
    try:
        if single is None:
            raise InputError("the fields are no polynomials")
        algebra = LieAlgebra("found", single.polynomial(), tuple(map(text_of, fields)))
        return f"{name_of(algebra)}, acting as {acting_as(algebra, fields[0].space.component_names)}"
    except InputError:
        return f"{len(fields)} generator{'s that make no algebra' if len(fields) > 1 else ''}"


def _gain(plain: Solution, law: Solution, data) -> str:
    """Fewer coefficients, smaller standard errors, and how well the laws repeat the data when they are integrated."""
    text = f"enforced: {plain.stats.free} free coefficients become {law.stats.free}"
    before, after = (np.asarray(each.standard_errors).ravel() for each in (plain, law))
    if before.shape == after.shape:
        both = (before > 0) & (after > 0)
        if both.any():
            text += f"; standard errors smaller by {np.median(before[both] / after[both]):.2g} (median)"
    errors = [_simulated(each, data) for each in (plain, law)]
    if None not in errors:
        text += f"; error when integrated over the data {errors[0]:.2g} -> {errors[1]:.2g} of the spread"
    return text


def _simulated(law: Solution, data) -> float | None:
    """The median relative error over trajectories and variables, None where the law cannot be integrated over them."""
    try:
        found = law.score(data)
        return float(np.nanmedian(found.relative_error.values))
    except (SymdynError, AttributeError):
        return None
