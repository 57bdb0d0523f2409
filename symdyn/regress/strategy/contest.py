"""Which entries of the ladder become the law of noisy data: those whose trajectory the samples make most likely."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symdyn._errors import SymdynError
from symdyn.regress.solution import Solution
from symdyn.regress.solvers.base import ebic_price
from symdyn.regress.strategy.matching import Match, Matching

BEST, SMALL = 8, 4  # entries of the lowest scores that are matched, and sizes of which the best two are
NEXT, AGAIN = 10, 5  # entries of a variable that are tried together with the others, at first and later
RUNGS, LARGE = 3, 21  # rungs of which sets are sought by elimination, and their most terms
SWEEPS = 3  # over the variables
WEAK = 4.0  # a weight below this many standard errors is tried to be left out

Choice = dict[tuple[str, ...], Any]


@dataclass(eq=False)
class Contest:
    """The best choice of an entry for each group of variables so far, and the laws that were matched."""

    matching: Matching
    law_of: Callable[[Choice], Solution]
    choice: Choice
    best: Match | None = None
    known: dict[tuple, float] = field(default_factory=dict)

    def price(self, choice: Choice) -> float:
        """EBIC's, in which each entry pays for the candidates of its rung and the earlier ones."""
        rows = self.matching.count
        sizes = [(max(entry.size, 1), entry.candidates) for entry in choice.values()]  # no term: a constant
        return sum(ebic_price(size, rows, max(size, candidates)) for size, candidates in sizes)

    def tried(self, choice: Choice) -> bool:
        """Match the law of a choice; whether it is the best one so far, and can be integrated."""
        try:
            found = self.matching.match(self.law_of(choice), self.price(choice), self.best)
        except (SymdynError, ValueError, np.linalg.LinAlgError):  # a column of the law overflows
            return False
        if found is None or (self.best is not None and found.score >= self.best.score):
            return False
        if not self.matching.follows(found):
            return False
        self.best, self.choice = found, choice
        return True

    def sweep(self, group: tuple[str, ...], entries: list[Any]) -> bool:
        """Try entries for one group, and subsets of the best one; whether anything was better."""
        before = self.best
        for entry in entries:
            if self.best is None or entry.terms != self.choice[group].terms:
                self.tried({**self.choice, group: entry})
        while self._thinned(group):
            pass
        return self.best is not before

    def ordered(self, group: tuple[str, ...], entries: list[Any]) -> list[Any]:
        """The entries in the order of their equations' scores, the other variables on their smooth course."""
        scores, lowest = [], np.inf
        for entry in entries:
            if (group, entry.terms) in self.known:
                scores.append(self.known[group, entry.terms])
                continue
            choice = {**self.choice, group: entry}
            try:
                price = self.price({group: entry})
                score, early = self.matching.alone(self.law_of(choice), group, price, lowest)
                lowest = min(lowest, early)
            except (SymdynError, ValueError, np.linalg.LinAlgError):  # a column of the law overflows
                score = np.inf
            scores.append(score)
            self.known[group, entry.terms] = score
        return [entries[k] for k in np.argsort(scores, kind="stable")]

    def extended(self, group: tuple[str, ...], entries: list[Any]) -> list[Any]:
        """Further entries from the first few rungs: sets that the rates did not propose."""
        rungs: dict[str, Any] = {}
        for entry in entries:
            names = entry.library.on(entry.space).names
            if len(names) <= LARGE and len(rungs) < RUNGS:
                rungs.setdefault(entry.rung.label, replace(entry, terms=names, size=len(names) + len(entry.values)))
        known, out = {entry.terms for entry in entries}, []
        for entry in rungs.values():
            try:
                sets = self.matching.eliminated(self.law_of({**self.choice, group: entry}), group)
            except (SymdynError, ValueError, np.linalg.LinAlgError):  # a column of the law overflows
                continue
            for terms in sets:
                terms = tuple(t for t in entry.terms if t in terms)
                if terms and terms not in known:
                    known.add(terms)
                    out.append(replace(entry, terms=terms, size=len(terms) + len(entry.values)))
        return out

    def _thinned(self, group: tuple[str, ...]) -> bool:
        """Whether the law is better without one of the terms that are small beside their standard errors."""
        entry = self.choice[group]
        if self.best is None or len(entry.terms) < 2 or entry.size != len(entry.terms) + len(entry.values):
            return False
        model = self.best.law.model
        try:
            scores = self.best.significance()
        except np.linalg.LinAlgError:  # the samples do not fix the trajectory
            return False
        names = model.terms.names
        column = model.space.select(model.targets).component_names.index(group[0])
        small = sorted((float(scores[names.index(t), column]), t) for t in entry.terms)
        for ratio, term in small[:3]:
            rest = tuple(t for t in entry.terms if t != term)
            if ratio < WEAK and self.tried({**self.choice, group: replace(entry, terms=rest, size=entry.size - 1)}):
                return True
        return False


def contest(ranked: Choice, first: Choice, matching: Matching, law_of) -> Contest:
    """The best choice among the entries of each group, one group after the other until none gets better."""
    with np.errstate(all="ignore"):  # laws that do not fit overflow, and lose
        return _played(Contest(matching, law_of, first), ranked)


def _played(play: Contest, ranked: Choice) -> Contest:
    first = play.choice
    lists = {group: list(shortlist(found)) for group, found in ranked.items()}
    for group, found in lists.items():
        ordered = play.ordered(group, found)
        lists[group] = play.ordered(group, [*ordered[: 2 * NEXT], *play.extended(group, ordered)])
    play.choice = {group: found[0] for group, found in lists.items()}
    play.tried(play.choice)
    play.tried(first)
    for k in range(SWEEPS if len(lists) > 1 else 1):
        before = play.best
        for group, found in lists.items():
            play.sweep(group, found[: NEXT if k == 0 else AGAIN])
        if play.best is before:
            break
    return play


def shortlist(found: list[Any]) -> Iterator[Any]:
    """The entries of the lowest scores, the first one of each rung, and the first few of each small size."""
    ordered = sorted(found, key=lambda e: e.score)
    rungs: set[str] = set()
    sizes: dict[int, int] = {}
    for k, entry in enumerate(ordered):
        new = entry.rung.label not in rungs
        rungs.add(entry.rung.label)
        sizes[entry.size] = sizes.get(entry.size, 0) + 1
        if k < BEST or new or (entry.size <= SMALL and sizes[entry.size] <= 2):
            yield entry
