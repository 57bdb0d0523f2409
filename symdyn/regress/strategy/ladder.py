"""`identify(library="auto")`: a ladder of libraries, each fitted by the ordinary machinery, and one criterion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from scipy.optimize import minimize

from symdyn._errors import InputError, SymdynError
from symdyn._progress import tell
from symdyn._types import StateSpace
from symdyn.data.recording import Recording
from symdyn.data.weak import IntegralForm, WeakForm
from symdyn.library import AbstractLibrary, AbstractTerms, AutomaticLibrary, Monomials, PerTarget, Subset
from symdyn.library.automatic import Rung
from symdyn.regress.covariance import effective_rows
from symdyn.regress.fit import Fit
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import fitted_recording
from symdyn.regress.rows.regression import recording_of_law
from symdyn.regress.solution import RankedLibrary, Settings, Solution
from symdyn.regress.solvers import ROUNDING, LeastSquares
from symdyn.regress.solvers.base import ebic_price
from symdyn.regress.strategy.trial import Trial

FLOOR = 1e-6  # of a residual, as a share of the rate: below it is the rounding and truncation of the rates
ENOUGH = 1e-6  # a law of at most FEW terms that leaves less than this of the rate ends the climb
FEW = 3
LARGEST = 10  # terms of a set that comes into question, and of any that has no smaller one
SAME = 1e-4  # residuals that differ by less than this share of the rate, in quadrature, leave the choice to the size
MARGIN = 6.0  # scores that differ by less (Kass, Raftery 1995: no strong evidence) leave the choice to the size
FEWEST = 10.0  # rows that residuals are worth at least: those of exact data are truncation errors, one smooth curve
REACH = 3.0  # logarithm of the largest change of a scanned scale
SCAN_STEPS = 15  # evaluations for each scale of the search around a scanned value
SHORTLIST = 5  # laws of a variable that are integrated


@dataclass(frozen=True, eq=False)
class Entry:
    """A rung fitted for one variable.

    `size`: its terms and scanned scales; `residual`: a share of the rate; `rows`: those that the autocorrelated
    residuals are worth; `space`: the state that the terms see; `candidates`: the terms of all rungs up to this one.
    """

    rung: Rung
    values: tuple[float, ...]
    library: AbstractLibrary
    terms: tuple[str, ...]
    size: int
    residual: float
    rows: float
    space: StateSpace
    candidates: int = 1
    score: float = np.inf


Entries = dict[tuple[str, ...], list[Entry]]


def automatic_law(recording: Recording, ladder: AutomaticLibrary, settings: Settings, match: bool = False) -> Solution:
    """The law of the best rungs, with the ranking of all. Raises InputError where no rung can be fitted.

    `match`: whether the laws that come first are matched to the samples as trajectories, unless the rates are exact.
    """
    asked, settings = settings, _without_noise_model(settings)
    low, high, rows = _range(recording)
    groups = _groups(recording.target_space, settings)
    entries: Entries = {group: [] for group in groups}
    scan: Entries = {group: [] for group in groups}
    names: set[str] = set()
    problem: Exception | None = None
    for rung in ladder.rungs(recording.space, low, high, rows):
        tell(f"candidates: {rung.label}")
        scanned = len(rung.values) > 1
        plan = replace(settings, solver=LeastSquares()) if scanned else settings
        try:
            for values in rung.values:
                _enter(scan if scanned else entries, names, recording, rung, values, plan)
        except InputError as error:
            problem = error
        if all(any(e.residual < ENOUGH and e.size <= FEW for e in found) for found in entries.values()):
            break
    for group, found in scan.items():
        for entry in _promising(found):
            focused = _focused(entry, recording, group, settings)
            entries[group] += [replace(e, candidates=len(names)) for e in focused]
    if problem is not None and not all(entries.values()):
        raise problem
    ranked = {group: _ranked(found, recording, group, settings) for group, found in entries.items()}
    best = {group: found[0] for group, found in ranked.items()}
    match = match and ladder.simulate and any(entry.residual > ENOUGH for entry in best.values())
    matched = _matched(ranked, best, recording, settings) if match else None
    if matched is None and ladder.simulate:
        best = _followed(ranked, recording, settings, len(names))
    law = _law(best, recording, asked) if matched is None else matched.law
    best = best if matched is None else matched.choice
    record = tuple(
        RankedLibrary(", ".join(group), e.rung.label, e.terms, e.residual, e.score, e is best[group])
        for group, found in ranked.items()
        for e in islice(found, 12)
    )
    return replace(law, ranking=record)


def _without_noise_model(settings: Settings) -> Settings:
    """The settings of the climb: a noise model of the weak form would be compiled anew for every rung."""
    form = settings.differentiation
    if not isinstance(form, WeakForm | IntegralForm):
        return settings
    plain = replace(form, generalised=bool(form.generalised), unbiased=bool(form.unbiased))
    return replace(settings, differentiation=plain)


def _range(recording: Recording) -> tuple[np.ndarray, np.ndarray, int]:
    live = [
        run.states[(run.weights if run.weights.ndim == 1 else run.weights.max(axis=1)) > 0]
        for run in recording.trajectories
    ]
    states = np.concatenate(live)
    return states.min(axis=0), states.max(axis=0), len(states)


def _groups(targets: StateSpace, settings: Settings) -> tuple[tuple[str, ...], ...]:
    """The variables that must take their terms from the same rung: all of them where coefficients are tied."""
    if settings.action is not None or settings.constraints:
        return (tuple(targets.names),)
    return tuple((name,) for name in targets.names)


def _enter(entries: Entries, names: set[str], recording: Recording, rung: Rung, values, settings: Settings) -> None:
    library = rung.make(*values)
    try:
        with np.errstate(all="ignore"):
            made = fitted_recording(recording, replace(settings, library=library))
    except (ValueError, np.linalg.LinAlgError) as error:
        raise InputError(f"a term of {rung.label} overflows on the data: {error}") from error
    names.update(made.found.terms.names)
    space = made.found.recording.target_space
    for group, found in entries.items():
        columns = {int(c) for name in group for c in space.indices((_target(name, space),))}
        own = [fit for fit in made.fits if columns & set(fit.problem.named)]
        every = _entries(own, rung, values, library, made.found.terms)
        found += [replace(e, candidates=len(names)) for e in every if _sane(e)]


def _sane(entry: Entry) -> bool:
    """Whether a fit is one: columns that coincide to rounding (a step outside the data) seem to leave nothing."""
    return bool(np.isfinite(entry.residual)) and entry.residual > 1e-14


def _promising(found: list[Entry]) -> list[Entry]:
    """Of each kind of scanned function the variable and the scales at which all terms together leave least."""
    best: dict[str, Entry] = {}
    for entry in sorted(found, key=lambda e: e.residual):
        best.setdefault(entry.rung.kind, entry)
    return list(best.values())


def _focused(entry: Entry, recording: Recording, group, settings: Settings) -> list[Entry]:
    """A scanned rung fitted for one group, with its scales where all its terms leave least."""
    made: Entries = {group: []}
    for values in dict.fromkeys((entry.values, _refined(entry, recording, group, settings, SCAN_STEPS).values)):
        with suppress(InputError):
            _enter(made, set(), recording, entry.rung, values, settings)
    return made[group]


def _target(name: str, space: StateSpace) -> str:
    return name if name in space.names else f"{name}_rate"  # a law of second order


def _entries(fits: list[Fit], rung: Rung, values, library, bound: AbstractTerms) -> list[Entry]:
    """What a rung offers to a variable: each set of the path for one component, else the chosen sets of all."""
    rows = min(effective_rows(fit.problem, fit.mask, fit.scatter) for fit in fits) * len(fits)
    out, names = [], bound.names
    for masks, residual in _sets(fits):
        kept = np.zeros(len(names), bool)
        for fit, mask in zip(fits, masks, strict=True):
            if fit.problem.elements is None:
                kept |= mask
            else:
                coefficients = np.asarray(fit.problem.elements)[mask].reshape(int(mask.sum()), len(names), -1)
                kept |= np.any(coefficients, axis=(0, 2))
        terms = tuple(name for name, k in zip(names, kept, strict=True) if k)
        size = sum(int(mask.sum()) for mask in masks)
        out.append(Entry(rung, values, library, terms, size, float(residual), float(rows), bound.space))
    return out


def _sets(fits: list[Fit]) -> Iterator[tuple[list[np.ndarray], float]]:
    """Masks of each fit, and what they leave (the geometric mean of the shares)."""
    if len(fits) == 1 and fits[0].problem.elements is None:
        path = fits[0].path
        for mask, residual in zip(path.masks, path.residuals, strict=True):
            if mask.sum() <= LARGEST or len(path.masks) == 1:
                yield [mask], residual
    else:
        residual = np.exp(np.mean([np.log(max(fit.residual, ROUNDING)) for fit in fits]))
        yield [fit.mask for fit in fits], float(residual)


def _with_scales(entry: Entry) -> Entry:
    """An entry that counts its scanned scales, if any of its terms has one: other scales give other names."""
    if not entry.values:
        return entry
    others = entry.rung.make(*(1.37 * np.array(entry.values) + 0.1)).on(entry.space).names
    return replace(entry, size=entry.size + len(entry.values) * (not set(entry.terms) <= set(others)))


def _score(entry: Entry, rows: float) -> float:
    """EBIC with the terms of all rungs so far as candidates: a later rung had more to choose from."""
    left = float(np.hypot(entry.residual, FLOOR))
    return 2 * rows * np.log(left) + ebic_price(entry.size, rows, max(entry.candidates, entry.size))


def _ranked(found: list[Entry], recording: Recording, group, settings: Settings) -> list[Entry]:
    """The entries, the best one first; scales are refined where they came near the front."""
    rows = max(min(found, key=lambda e: e.residual).rows, FEWEST)
    found = [_with_scales(e) for e in found]

    def ordered(entries: list[Entry]) -> list[Entry]:
        ranking = sorted(_distinct([replace(e, score=_score(e, rows)) for e in entries]), key=_by_score)
        limit, lowest = float(np.hypot(ranking[0].residual, SAME)), ranking[0].score + MARGIN
        equal = [e for e in ranking if e.score <= lowest or e.residual <= limit]
        rest = [e for e in ranking if not (e.score <= lowest or e.residual <= limit)]
        return [*sorted(equal, key=lambda e: (e.size, e.candidates, e.score)), *rest]

    ranking = ordered(found)
    refined = [_refined(e, recording, group, settings) for e in _near_front(ranking)]
    return ordered([*found, *refined])


def _by_score(entry: Entry) -> float:
    return round(entry.score, 3)


def _distinct(entries: list[Entry]) -> list[Entry]:
    """One entry for each set of terms, and of a rung with scanned scales the best one of each size."""
    kept: dict[object, Entry] = {}
    for entry in sorted(entries, key=_by_score):  # stable: of equal ones the earlier rung
        kept.setdefault((entry.rung.label, entry.size) if entry.values else entry.terms, entry)
    seen: dict[tuple[str, ...], Entry] = {}
    for entry in kept.values():
        seen.setdefault(entry.terms, entry)
    return list(seen.values())


def _near_front(ranking: list[Entry]) -> Iterator[Entry]:
    return islice((e for e in ranking[:20] if e.values and e.terms), 3)


def _refined(entry: Entry, recording: Recording, group, settings: Settings, steps: int = 40) -> Entry:
    """An entry with its scanned scales at the least residual for the terms that it has."""
    start, plan = np.array(entry.values), replace(settings, solver=LeastSquares())
    original = entry.library.on(entry.space).names
    places = [original.index(name) for name in entry.terms]

    def fitted_at(theta: np.ndarray) -> Entry | None:
        values = tuple(float(v) for v in np.where(start != 0, start * np.exp(np.clip(theta, -REACH, REACH)), theta))
        library, made = entry.rung.make(*values), {group: []}
        names = library.on(entry.space).names
        some = Subset(library, tuple(names[k] for k in places))
        try:
            _enter(made, set(), recording, Rung(entry.rung.label, lambda: some), (), plan)
        except InputError:
            return None
        if not made[group]:
            return None
        return replace(
            made[group][0],
            rung=entry.rung,
            values=values,
            library=library,
            size=entry.size,
            candidates=entry.candidates,
        )

    def residual(theta: np.ndarray) -> float:
        made = fitted_at(theta)
        return 1.0 if made is None else float(np.log(np.hypot(made.residual, FLOOR)))

    simplex = np.concatenate([np.zeros((1, len(start))), 0.3 * np.eye(len(start))])
    options = {"maxfev": steps * len(start), "xatol": 1e-4, "fatol": 1e-4, "initial_simplex": simplex}
    found = minimize(residual, np.zeros(len(start)), method="Nelder-Mead", options=options)
    return fitted_at(found.x) or entry


def _law(best: dict[tuple[str, ...], Entry], recording: Recording, settings: Settings) -> Solution:
    """The law of the chosen entries: their terms alone, so that no other can leave its domain on the way."""

    def library(entry: Entry) -> AbstractLibrary:
        return Subset(entry.library, entry.terms) if entry.terms else Monomials(0)

    if settings.action is not None or settings.constraints:
        (entry,) = best.values()
        return solution_of(fitted_recording(recording, replace(settings, library=entry.library)))
    space = recording_of_law(recording, settings).target_space
    parts = tuple((_target(group[0], space), library(entry)) for group, entry in best.items())
    plan = replace(settings, library=PerTarget(parts), solver=LeastSquares())
    return solution_of(fitted_recording(recording, plan))


def _followed(ranked, recording: Recording, settings: Settings, p: int):
    """The choice that follows the training data best: variable by variable, the others at their present choice."""
    best = {group: found[0] for group, found in ranked.items()}
    trial = Trial.of(recording, settings)
    if trial is None:
        return best

    def judged(choice) -> float:
        try:
            law = _law(choice, recording, settings)
        except (SymdynError, ValueError, np.linalg.LinAlgError):  # a column of the law overflows
            return np.inf
        return trial.score(law.model, sum(entry.size for entry in choice.values()), p)

    lowest = judged(best)
    for group, found in ranked.items():
        for entry in islice(_varied(found), 1, SHORTLIST):
            score = judged({**best, group: entry})
            if score < lowest - MARGIN:
                best, lowest = {**best, group: entry}, score
    return best


@dataclass(frozen=True, eq=False)
class Matched:
    """A law by its trajectory, and the entries that it is made of."""

    law: Solution
    choice: dict[tuple[str, ...], Entry]


def _matched(ranked, best, recording: Recording, settings: Settings) -> Matched | None:
    """The law whose trajectory the samples make most likely; None where trajectories cannot be matched."""
    from symdyn.regress.strategy.contest import contest
    from symdyn.regress.strategy.matching import Matching, finished

    matching = Matching.of(recording, settings)
    if matching is None:
        return None
    play = contest(ranked, best, matching, lambda choice: _law(choice, recording, settings))
    return None if play.best is None else Matched(finished(play.best), play.choice)


def _varied(found: list[Entry]) -> Iterator[Entry]:
    """The best entry of each rung, the best rung first."""
    seen: set[str] = set()
    for entry in found:
        if entry.rung.label not in seen:
            seen.add(entry.rung.label)
            yield entry
