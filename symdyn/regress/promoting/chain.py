"""`identify(promote=...)`: the path of the penalty, what it keeps, the law under that, and why others are broken."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._progress import tell
from symdyn.fields import Fields as GriddedFields
from symdyn.groups import Action
from symdyn.library import AutomaticLibrary
from symdyn.regress.evidence.estimate import Estimate, of_data
from symdyn.regress.evidence.result import Evidence
from symdyn.regress.evidence.verbs import symmetry_evidence
from symdyn.regress.posed import equivariance
from symdyn.regress.promoting.choose import Hypothesis, hypotheses, leading, price_of, with_elements
from symdyn.regress.promoting.path import PenaltyPath, PenaltyProblem, measure_of, path, posed
from symdyn.regress.promoting.settings import Promote
from symdyn.regress.solution import Solution
from symdyn.regress.symmetries.chain import said_of
from symdyn.symmetry import Subspace
from symdyn.symmetry.discovery.candidates import Place, elements_of, resolved
from symdyn.symmetry.discovery.fields import Candidates
from symdyn.symmetry.discovery.result import action_of
from symdyn.symmetry.enforce import bound_conditions, enforce

CONTEST = 3  # hypotheses whose sparse laws compete, on fields; elsewhere only the best one does
ALONE = 12  # candidates up to which each is a hypothesis by itself, where no evidence says what is broken


@dataclass(frozen=True, eq=False)
class Promotion:
    """How a law came to its symmetries.

    `law`: with what is kept enforced; `plain`: without any symmetry (None where there are too few data); `path`:
    coefficients and singular values as the weight of the penalty rises (None: all
    candidates are discrete); `kept`: the hypothesis that was enforced, None
    where none was; `tried`: all of them; `evidence`: on each candidate generator (None where it cannot be had).
    """

    law: Solution
    plain: Solution | None
    path: PenaltyPath | None
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
    data: as `identify` takes them, with its further arguments (`library=`, `differentiation=`, ...); or `Fields`, with
        those of `identify_field`: candidates then act on time, places and values, and are prolonged to derivatives.
    candidates: a group, an `Action`, an algebra, `VectorFields`, a list of these, or `Promote(...)` with settings; a
        symmetry that is known besides is enforced by `action=`.

    Discrete elements of groups and actions are tried too, one after the other, beside the generators that are kept. A
    symmetry that every law of the library has saves no coefficient and is not promoted.

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

    if isinstance(data, GriddedFields):
        from symdyn.regress.partial.promoting import field_promotion

        return field_promotion(data, candidates, library=library, **options)
    asked = candidates if isinstance(candidates, Promote) else Promote(candidates)
    _check(library, options)
    known = options.get("action")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)  # of the data: said below
        estimate, _, settings = of_data(data, settings_of(library=library, **options), few=True)
        evidence = _evidence(data, asked.candidates, library, options) if estimate.determined else None

    def law(action: Action | None) -> Solution:
        return identify(data, library=library, **{**options, "action": action})

    targets = equivariance(estimate.frame.terms, estimate.frame.given.targets, settings)
    return decided(Question(asked, estimate, Place(estimate.frame.space), targets, known, law, evidence))


@dataclass(frozen=True, eq=False)
class Question:
    """Which of the candidates `asked` are kept: `estimate`, the whole library fitted to the data.

    `place`: where candidates live; `targets`: what makes a law of them equivariant, as `enforce` takes it; `known`: the
    symmetry that is enforced anyway; `law`: from an action to the sparse law under it; `evidence`, if any; `weighed`:
    whether rows share noise, so that the covariance of the coefficients says what an error costs.
    """

    asked: Promote
    estimate: Estimate
    place: Place
    targets: dict[str, Any]
    known: Action | None
    law: Callable[[Action | None], Solution]
    evidence: Evidence | None = None
    weighed: bool = False

    @property
    def time(self) -> str:
        """The name of the time in the texts of fields."""
        coordinates = self.place.space.coordinates
        return coordinates[0] if self.weighed and coordinates else "t"

    def both(self, action: Action) -> Action:
        """What is known and an action beside it."""
        return action if self.known is None else self.known + action

    def admitted(self, action: Action) -> Subspace:
        """The coefficients that an action admits beside what is known."""
        return enforce(self.estimate.frame.terms, self.both(action), **self.targets)


def decided(question: Question) -> Promotion:
    """The law under what is kept of the candidates."""
    estimate, place = question.estimate, question.place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)
        fields, elements = resolved(question.asked.candidates, place), elements_of(question.asked.candidates, place)
        problem, story = _path(question, fields, elements)
        told = question.admitted, problem, estimate.frame.space, question.time
        alone = list(np.eye(fields.count)[:, None]) if question.weighed and fields.count <= ALONE else []
        found = hypotheses(fields, alone if story is None else [*alone, *story.proposed()], *told)
        contest = [with_elements(each, elements, *told) for each in leading(found)[:CONTEST] or [None]]
    tried = [*found, *(each for _, more in contest for each in more)]
    plain = question.law(question.known) if estimate.determined else None
    laws: list[tuple[Hypothesis | None, Solution]] = [] if plain is None else [(None, plain)]
    for better, _ in contest if question.weighed else contest[:1]:
        if better is not None:
            tell(f"the law with {len(better.texts)} symmetries kept")
            laws.insert(-1 if plain is not None else 0, (better, question.law(question.both(better.action))))
    laws = laws or [(None, question.law(question.known))]  # which says: too few data
    chosen, law = min(laws, key=lambda pair: price_of(*pair, problem))  # at one price the symmetric one
    law = replace(law, stages=(*law.stages, *_said(chosen, fields, elements, question, tried, law)))
    return Promotion(law, plain, story, chosen, tuple(tried), question.evidence)


def _check(library, options: dict[str, Any]) -> None:
    if library == "auto" or isinstance(library, AutomaticLibrary):
        raise InputError('promote= weighs the coefficients of one library; library="auto" has many: name one')
    if options.get("discrete"):
        raise InputError("promote= is for laws of rates; for functions and maps see sd.promote")


def _path(question: Question, fields: Candidates, elements) -> tuple[PenaltyProblem, PenaltyPath | None]:
    """The path of the penalty over the candidates; none where all of them are discrete."""
    asked, estimate = question.asked, question.estimate
    every = [fields.rows(row[None]).parts[0] for row in np.eye(fields.count)] if fields.parts else []
    action = action_of(every, [] if every else elements, estimate.frame.space, question.time)
    terms, conditions = bound_conditions(estimate.frame.terms, action, **question.targets, values=None)
    measure = asked.measure
    if measure is None:
        if estimate.states is None:
            raise InputError("promote= needs the whole state in the data, or Promote(..., measure=sd.UniformBox(...))")
        polynomial = terms.monomials() is not None and bool(every) and fields.single is not None
        measure = measure_of(estimate.states, polynomial)
    within = None if question.known is None else enforce(estimate.frame.terms, question.known, **question.targets)
    problem = posed(estimate, conditions, measure, asked.penalty, within, question.weighed)
    return problem, path(problem, asked.penalty, asked.levels) if every else None


def _evidence(data, candidates, library, told: dict[str, Any]) -> Evidence | None:
    plain = {k: v for k, v in told.items() if k not in ("action", "solver", "selection", "constraints", "discrete")}
    plain["time"] = plain.get("time") or "t"
    try:
        return symmetry_evidence(data, candidates, library=library, **plain)
    except InputError:
        return None


def _said(
    chosen: Hypothesis | None, fields: Candidates, elements, question: Question, found: list[Hypothesis], law: Solution
) -> tuple[str, ...]:
    count = fields.count + len(elements)
    if chosen is None:
        lines = [f"promotion: none of {count} candidate symmetries is kept"]
    else:
        kept = [said_of(chosen.fields)] if chosen.fields else []
        kept += [f"{len(chosen.elements)} discrete"] if chosen.elements else []
        lines = [
            f"promotion: kept {', '.join(kept)}: {', '.join(chosen.texts)}",
            f"  enforced: {chosen.saved + law.stats.free} free coefficients become {law.stats.free}; the squared error "
            f"rises by {chosen.misfit:.3g} in units of the noise",
        ]
    for each in () if question.evidence is None else question.evidence.contradicted:
        lines.append(f"  broken: {each.text}: defect {each.defect:.2g} in [{each.lower:.2g}, {each.upper:.2g}]")
    if question.evidence is None and question.estimate.determined:
        lines += _broken(chosen, found)
    return tuple(lines)


def _broken(chosen: Hypothesis | None, found: list[Hypothesis]) -> list[str]:
    """What is given up among the candidates that were tried one by one, and what it would have cost."""
    kept = () if chosen is None else chosen.texts
    lines = []
    for each in found:
        label = each.texts[-1]
        alone = len(each.texts) == 1 or bool(each.elements)
        if alone and each.saved and each.price > 0 and label not in kept and not any(label in line for line in lines):
            lines.append(
                f"  broken: {label}: the squared error would rise by {each.misfit:.3g} for {each.saved} coefficients"
            )
    return lines
