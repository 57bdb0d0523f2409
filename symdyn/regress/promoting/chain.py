"""`identify(promote=...)`: the path of the penalty, what it keeps, the law under that, and why others are broken."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._progress import tell
from symdyn.groups import Action
from symdyn.library import AutomaticLibrary
from symdyn.regress.evidence.estimate import Estimate, of_data
from symdyn.regress.evidence.result import Evidence
from symdyn.regress.evidence.verbs import symmetry_evidence
from symdyn.regress.posed import equivariance
from symdyn.regress.promoting.choose import Hypothesis, best, hypotheses, price_of
from symdyn.regress.promoting.path import PenaltyPath, PenaltyProblem, measure_of, path, posed
from symdyn.regress.promoting.settings import Promote
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.symmetries.chain import said_of
from symdyn.symmetry import Subspace
from symdyn.symmetry.discovery.candidates import Place, resolved
from symdyn.symmetry.discovery.fields import Candidates
from symdyn.symmetry.discovery.result import action_of
from symdyn.symmetry.enforce import bound_conditions, enforce


@dataclass(frozen=True, eq=False)
class Promotion:
    """How a law came to its symmetries.

    `law`: with what is kept enforced; `plain`: without any symmetry (None where there are too few data); `path`:
    coefficients and singular values as the weight of the penalty rises; `kept`: the hypothesis that was enforced, None
    where none was; `tried`: all of them; `evidence`: on each candidate generator (None where it cannot be had).
    """

    law: Solution
    plain: Solution | None
    path: PenaltyPath
    kept: Hypothesis | None
    tried: tuple[Hypothesis, ...]
    evidence: Evidence | None

    def __str__(self) -> str:
        return str(self.law)


def identified_with_promotion(data, promote: Any, library, options: dict[str, Any]) -> Solution:
    """The law under the symmetries that promotion keeps; `stages` say which, and why the others are broken."""
    return promotion(data, promote, library=library, **options).law


def promotion(data, candidates: Any, *, library=None, **options: Any) -> Promotion:
    r"""A law that keeps every candidate symmetry that the data do not contradict, with the whole story.

    The coefficients of the whole library are sought under a penalty on the rank of xi -> L_xi F, for rising weights.
    Each set of generators that some weight keeps is a hypothesis, linear in the coefficients: it is kept if the squared
    error rises by less than the coefficients that it saves are worth (the criterion of Schwarz). The best one is
    enforced, and the law is sought again, sparse and without the bias of the penalty. Between the law under the best
    hypothesis and the one without any, both sparse, the criterion also charges the choice of terms (the extended
    criterion of Chen and Chen 2008).

    Parameters
    ----------
    data: as `identify` takes them, with its further arguments (`library=`, `differentiation=`, ...).
    candidates: a group, an `Action`, an algebra, `VectorFields`, a list of these, or `Promote(...)` with settings; a
        symmetry that is known besides is enforced by `action=`.

    Returns `Promotion`. Raises InputError as `identify` and `find_symmetries` do for arguments that do not fit.

    References: Otto et al. 2025, JMLR 26(248), section 4; Schwarz 1978, Annals of Statistics 6, 461.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (60, 2))
    >>> rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True))
    >>> rates += 0.05 * rng.normal(size=x.shape)
    >>> data = {"time": np.arange(60.0), "x": x, "dx": rates}
    >>> found = sd.promotion(data, sd.SE(2), rates={"x": "dx"}, rate_of="x", library=sd.Monomials(3))
    >>> found.kept.texts
    ('x_x d/dx_y - x_y d/dx_x',)
    """
    from symdyn.regress._identify import identify, settings_of

    asked = candidates if isinstance(candidates, Promote) else Promote(candidates)
    _check(library, options)
    known = options.get("action")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)  # of the data: said below
        estimate, _, settings = of_data(data, settings_of(library=library, **options), few=True)
        space = estimate.frame.space
        fields = resolved(asked.candidates, Place(space))
        problem, story = _path(asked, fields, estimate, settings, known)
        found = hypotheses(fields, story.proposed(), _admitted(estimate, settings, known), problem, space)
        evidence = _evidence(data, asked.candidates, library, options) if estimate.determined else None
    plain = identify(data, library=library, **options) if estimate.determined else None
    laws: list[tuple[Hypothesis | None, Solution]] = []
    better = best(found)
    if better is not None:
        tell(f"the law with {len(better.fields)} symmetries kept")
        laws.append((better, identify(data, library=library, **{**options, "action": _both(known, better.action)})))
    if plain is not None or not laws:  # last: of two laws at one price the symmetric one is taken
        laws.append((None, plain or identify(data, library=library, **options)))  # the latter says: too few data
    chosen, law = min(laws, key=lambda pair: price_of(*pair, problem))
    law = replace(law, stages=(*law.stages, *_said(chosen, fields, evidence, law)))
    return Promotion(law, plain, story, chosen, tuple(found), evidence)


def _check(library, options: dict[str, Any]) -> None:
    if library == "auto" or isinstance(library, AutomaticLibrary):
        raise InputError('promote= weighs the coefficients of one library; library="auto" has many: name one')
    if options.get("discrete"):
        raise InputError("promote= is for laws of rates; for functions and maps see sd.promote")


def _path(
    asked: Promote, fields: Candidates, estimate: Estimate, settings: Settings, known
) -> tuple[PenaltyProblem, PenaltyPath]:
    """The path of the penalty over the candidates."""
    every = [fields.rows(row[None]).parts[0] for row in np.eye(fields.count)]
    action = action_of(every, [], estimate.frame.space)
    terms, conditions = bound_conditions(estimate.frame.terms, action, **_asked(estimate, settings), values=None)
    measure = asked.measure
    if measure is None:
        if estimate.states is None:
            raise InputError("promote= needs the whole state in the data, or Promote(..., measure=sd.UniformBox(...))")
        measure = measure_of(estimate.states, terms.monomials() is not None and fields.single is not None)
    within = None if known is None else enforce(estimate.frame.terms, known, **_asked(estimate, settings))
    problem = posed(estimate, conditions, measure, asked.penalty, within)
    return problem, path(problem, asked.penalty, asked.levels)


def _admitted(estimate: Estimate, settings: Settings, known: Action | None):
    def admitted(action: Action) -> Subspace:
        return enforce(estimate.frame.terms, _both(known, action), **_asked(estimate, settings))

    return admitted


def _both(known: Action | None, action: Action) -> Action:
    return action if known is None else known + action


def _asked(estimate: Estimate, settings: Settings) -> dict[str, Any]:
    frame = estimate.frame
    return equivariance(frame.terms, frame.given.targets, settings)


def _evidence(data, candidates, library, told: dict[str, Any]) -> Evidence | None:
    plain = {k: v for k, v in told.items() if k not in ("action", "solver", "selection", "constraints", "discrete")}
    plain["time"] = plain.get("time") or "t"
    try:
        return symmetry_evidence(data, candidates, library=library, **plain)
    except InputError:
        return None


def _said(chosen: Hypothesis | None, fields: Candidates, evidence: Evidence | None, law: Solution) -> tuple[str, ...]:
    g = fields.count
    if chosen is None:
        lines = [f"promotion: none of {g} candidate symmetries is kept"]
    else:
        lines = [
            f"promotion: kept {said_of(chosen.fields)}: {', '.join(chosen.texts)}",
            f"  enforced: {chosen.saved + law.stats.free} free coefficients become {law.stats.free}; the squared error "
            f"rises by {chosen.misfit:.3g} in units of the noise",
        ]
    for each in () if evidence is None else evidence.contradicted:
        lines.append(f"  broken: {each.text}: defect {each.defect:.2g} in [{each.lower:.2g}, {each.upper:.2g}]")
    return tuple(lines)
