r"""The search for the relation of one rate: every column as left-hand side, judged by the rates that they imply.

1. Each column in turn is the left-hand side, and the solver proposes sets of the other columns (SINDy-PI: Kaheman,
   Kutz, Brunton 2020, Proc. R. Soc. A 476, 20200279). All of these regressions are views of one matrix of moments.
2. Every set that holds the rate is fitted again so that the implied rate N(x)/D(x) is nearest to the measured one.
   Residuals of different left-hand sides cannot be compared, since each is a share of another quantity; those of the
   rate can. Identities between terms of the state imply no rate, and identities times a rate have D = 0: both drop out.
   A relation multiplied by a common factor implies the same rate with more terms, and an information criterion prefers
   the original.
3. Around the best relation the problem is linear (see `implicit/rational.py`): the solver proposes sets again, with the
   fitted rate in place of the noisy one among the columns, until nothing better is found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.implicit.rational import Relation, fitted, held_out, rate_fit, relation_of, tangents, weight_scatter
from symdyn.regress.implicit.relations import Rows, relation_problem
from symdyn.regress.rows.moments import Moments, design_moments
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solvers import ROUNDING, AbstractSolver, least_squares
from symdyn.regress.solvers.base import ebic_price

FEW = 1000  # rows on which all sets are judged first
KEPT = 16  # sets that are judged on all rows
LARGEST = 8  # larger sets, up to twice as large, come into question only where a selection chose about as many
ROUNDS = 8  # most searches around the best relations
EXACT = 1e-10  # a share of the rate below this is rounding, and one search around it is enough
ENTERING = 8  # columns that are tried as additions and exchanges
ALL = 40  # with more columns, only those with the rate are tried as left-hand sides unless told otherwise

Weights = dict[int, float]


@dataclass(frozen=True, eq=False)
class Side:
    """What the selection made of one left-hand side: the column `left`, the other columns with their weights (the
    relation is left = sum), the `residual` as a share of the left-hand side, and the relation's weights, by column.
    """

    left: int
    residual: float
    weights: Weights


@dataclass(frozen=True, eq=False)
class FoundRelation:
    """The relation of a rate: `relation`; `share`, `score`: of all that were judged on all rows, the best one first;
    `sides`: what each left-hand side gave; `errors`: the held-out share of the rate for each of them.
    """

    relations: tuple[Relation, ...]
    scores: tuple[float, ...]
    shares: tuple[float, ...]
    sides: tuple[Side, ...]
    errors: tuple[float, ...]
    error: float


@dataclass(frozen=True, eq=False)
class RelationSearch:
    """The search for the relation of the rate `target` among the columns `allowed` (k,).

    `slack`: residuals that differ by less than this share of the residual itself (in quadrature) count as equal.
    """

    moments: Moments
    rows: Rows
    target: int
    allowed: np.ndarray
    solver: AbstractSolver
    selection: AbstractSelection
    slack: float = 0.0

    @property
    def own(self) -> np.ndarray:
        """The columns that hold the rate."""
        p, s = self.rows.theta.shape[1], self.rows.psi.shape[1]
        return p + self.target * s + np.arange(s)

    def run(self, left_sides: str | None) -> FoundRelation:
        """The relations, the best one first, with the evidence of all left-hand sides."""
        every = left_sides == "all" or (left_sides is None and len(self.allowed) <= ALL)
        sides, pool = [], {(int(k),): {int(k): 1.0} for k in self.own}  # the rate is zero
        for left in self.allowed if every else self.own:
            side, proposed = self._side(int(left))
            sides.append(side)
            _merge(pool, proposed)
        _merge(pool, self._explicit())
        judged = self._around(pool)
        best = judged[0]
        errors = tuple(self._error(side.weights) for side in sides)
        return FoundRelation(
            relations=tuple(r for _, _, r in judged), scores=tuple(s for s, _, _ in judged),
            shares=tuple(share for _, share, _ in judged), sides=tuple(sides), errors=errors,
            error=held_out(self.rows, best[2]),
        )  # fmt: skip

    def _side(self, left: int) -> tuple[Side, dict]:
        right = self.allowed[self.allowed != left]
        goal = np.zeros(len(self.moments.scale))
        goal[left] = 1.0
        sets, chosen, residual = self._sets(self.moments, right, goal)
        proposed = {k: {**v, left: -1.0} for k, v in sets.items()}
        side = Side(left, residual, proposed.get(chosen, {left: -1.0}))
        return side, {tuple(sorted(v)): v for v in proposed.values()}

    def _sets(self, moments: Moments, right: np.ndarray, goal: np.ndarray):
        """The solver's sets with their weights, which one the selection chose, and what that leaves of the goal."""
        problem = relation_problem(moments, right, goal)
        triangle = problem.triangle()
        norms = np.linalg.norm(triangle, axis=0)
        if not norms[-1] > 0:
            return {}, (), 0.0
        norms = np.where(norms > 0, norms, 1.0)
        normalised = triangle / norms
        path = self.selection.choose(problem, normalised, self.solver)
        physical = norms[-1] / norms[:-1] * problem.physical
        sets = {}
        wanted = path.masks if isinstance(self.selection, EBIC) else path.mask[None]
        for mask in wanted:
            if 0 < mask.sum() <= max(LARGEST, min(path.mask.sum() + 2, 2 * LARGEST)):
                shares = least_squares(normalised, mask, self.solver.ridge) * physical
                sets[tuple(right[mask].tolist())] = dict(zip(right[mask].tolist(), shares[mask].tolist(), strict=True))
        return sets, tuple(right[path.mask].tolist()), float(path.residuals[path.chosen])

    def _explicit(self) -> dict:
        """The best laws without a denominator: the fallback, and a smooth rate to start from."""
        one = [k for k in self.own if np.ptp(self.rows.psi[:, self.rows.split(int(k))[1]]) == 0]
        right = self.allowed[~np.isin(self.allowed, self.own)]
        if not one or not len(right):
            return {}
        goal = np.zeros(len(self.moments.scale))
        goal[one[0]] = 1.0
        sets = self._sets(self.moments, right, goal)[0]
        return {tuple(sorted([*k, int(one[0])])): {**v, int(one[0]): -1.0} for k, v in sets.items()}

    def _around(self, pool: dict) -> list[tuple[float, float, Relation]]:
        """The pool judged, and judged again with what a search around the best relations adds."""
        judged = self._judged(pool)
        seen: set[tuple[int, ...]] = set()
        for _ in range(ROUNDS):
            ranked = [r for _, _, r in judged]
            kinds = ([r for r in ranked if self._has_denominator(r) == kind] for kind in (True, False))
            starts = {r.support: r for r in (*ranked[:2], *(r for kind in kinds for r in kind[:1]))}
            starts = [r for r in starts.values() if r.support not in seen and len(r.support) > 1]
            if not starts or (seen and judged[0][1] < EXACT):
                break
            fresh: dict = {}
            for relation in starts:  # with better weights to start from, a set may be judged once more
                seen.add(relation.support)
                _merge(fresh, self._nearby(relation))
                _merge(fresh, {k: v for k, v in self._exchanged(relation).items() if k not in pool})
            pool = {**pool, **fresh}
            if not fresh:
                continue
            judged = self._judged({**fresh, **{r.support: _weights(r) for _, _, r in judged}})
        return judged

    def _has_denominator(self, relation: Relation) -> bool:
        return bool(np.isin(relation.support, self.own).sum() > 1)

    def _nearby(self, relation: Relation) -> dict:
        """Sets that a regression around a relation proposes: its columns hold the fitted rate, over its denominator."""
        rows = self.rows
        fit = rate_fit(rows, (relation,))
        rate, over = fit.implied[:, 0], fit.inverse[:, 0, 0]
        columns = np.stack([self._fitted_column(int(k), rate) for k in self.allowed], axis=1) * over[:, None]
        left = (rows.rates[:, self.target] - rate)[:, None]
        design = np.concatenate([columns, left], axis=1)
        moments = design_moments(design, np.zeros((rows.size, 0)), rows.roots**2)
        # relations of other columns fit the fitted rate; those with a column of this one also its residual
        parts, found = _weights(relation), {}
        for side in np.flatnonzero(np.isin(self.allowed, self.own)):
            right = np.delete(np.arange(len(self.allowed)), side)
            for part in {0.0, parts.get(int(self.allowed[side]), 0.0)}:
                goal = np.zeros(len(self.allowed) + 1)
                goal[side], goal[-1] = (-part, -1.0) if part else (-1.0, 0.0)
                for weights in self._sets(moments, right, goal)[0].values():
                    by_column = {int(self.allowed[k]): w for k, w in weights.items()}
                    by_column[int(self.allowed[side])] = part or 1.0
                    found.setdefault(tuple(sorted(by_column)), by_column)
        return found

    def _exchanged(self, relation: Relation) -> dict:
        """A relation with a column less, one more, and one exchanged, for the columns that promise most."""
        rows, fit = self.rows, rate_fit(self.rows, (relation,))
        slopes = tangents(rows, fit)[:, 0] * rows.roots[:, None]
        basis = np.linalg.qr(slopes / np.maximum(np.linalg.norm(slopes, axis=0), 1e-300))[0]
        left = (rows.rates[:, self.target] - fit.implied[:, 0]) * rows.roots
        others = self.allowed[~np.isin(self.allowed, relation.support)]
        columns = np.zeros((rows.size, len(others)))
        for place, k in enumerate(others):
            columns[:, place] = self._fitted_column(int(k), fit.implied[:, 0]) * fit.inverse[:, 0, 0] * rows.roots
        free = columns - basis @ (basis.T @ columns)
        size = np.linalg.norm(free, axis=0)
        live = size > 1e-9 * np.linalg.norm(columns, axis=0)
        gains = np.where(live, np.abs(left @ free) / np.where(live, size, 1.0), -1.0)
        weights = _weights(relation)
        found = {}
        for gone in (None, *relation.support):
            less = {k: w for k, w in weights.items() if k != gone}
            for new in (None, *others[np.argsort(-gains, kind="stable")[:ENTERING]].tolist()):
                more = less if new is None else {**less, new: 0.0}
                found[tuple(sorted(more))] = more
        return found

    def _fitted_column(self, k: int, rate: np.ndarray) -> np.ndarray:
        i, place = self.rows.split(k)
        return self.rows.psi[:, place] * rate if i == self.target else self.rows.column(k)

    def _judged(self, pool: dict) -> list[tuple[float, float, Relation]]:
        """(score, share, relation) of the best sets of the pool, the best one first."""
        step = max(1, self.rows.size // FEW)
        few = self.rows.some(np.arange(0, self.rows.size, step))
        first = []
        for weights in pool.values():
            relation = relation_of(self.rows, self.target, weights)
            if relation is not None and len(relation.support) <= few.size // 2:
                fit = fitted(few, (relation,), 2)
                if fit.bounded:
                    first.append((self._score(fit.share[0], relation, self.rows.size), fit.relations[0]))
        first.sort(key=lambda pair: (round(pair[0]), self._place(pair[1])))
        fits = [fitted(self.rows, (relation,)) for _, relation in _varied(first)]
        fits = [fit for fit in fits if fit.bounded]
        unique = {fit.relations[0].support: fit for fit in sorted(fits, key=lambda f: -f.share[0])}
        fits = list(unique.values())
        return self._ranked(fits)

    def _ranked(self, fits) -> list[tuple[float, float, Relation]]:
        """The fits by their score; those that leave as little as the best within the resolution by their size first."""
        rows = self.rows.size
        scores = [self._score(fit.share[0], fit.relations[0], rows) for fit in fits]
        best = fits[int(np.argmin(scores))]
        scales = self.rows.rate_sizes[[self.target]]
        rows = rows / weight_scatter(self.rows, best, scales)[1]
        scores = np.array([self._score(fit.share[0], fit.relations[0], rows) for fit in fits])
        sizes = np.array([len(fit.relations[0].support) for fit in fits])
        shares = np.array([fit.share[0] for fit in fits])
        k = int(np.argmin(scores))
        resolution = max(getattr(self.selection, "resolution", 0.0), self.slack * float(shares[k]))
        same = (shares**2 <= shares[k] ** 2 + resolution**2) & (sizes <= sizes[k])
        places = [self._place(fit.relations[0]) for fit in fits]
        order = np.lexsort(np.stack([places, np.round(scores, 2), np.where(same, sizes, sizes.max() + 1)]))
        return [(float(scores[i]), float(shares[i]), fits[i].relations[0]) for i in order]

    def _place(self, relation: Relation) -> int:
        """Small for simple columns, which stand first: decides between relations that differ by a common factor."""
        return sum(self.rows.split(column)[1] for column in relation.support)

    def _score(self, share: float, relation: Relation, rows: float) -> float:
        size = len(relation.support) - 1
        whole, plain = ebic_price(size, rows, len(self.allowed) - 1), size * np.log(rows)
        price = plain + getattr(self.selection, "gamma", 1.0) * (whole - plain)
        return 2 * rows * np.log(max(share, ROUNDING)) + price

    def _error(self, weights: Weights) -> float:
        """The held-out share of the rate that a left-hand side's relation leaves; infinite where it implies none."""
        relation = relation_of(self.rows, self.target, weights)
        return np.inf if relation is None else held_out(self.rows, relation)


def _weights(relation: Relation) -> Weights:
    return dict(zip(relation.support, relation.weights.tolist(), strict=True))


def _merge(pool: dict, more: dict) -> None:
    """Add the sets that the pool does not hold."""
    for support, weights in more.items():
        pool.setdefault(support, weights)


def _varied(first: list[tuple[float, Relation]]) -> list[tuple[float, Relation]]:
    """The best sets, and the best three of each size."""
    counts: dict[int, int] = {}
    kept = []
    for k, pair in enumerate(first):
        size = len(pair[1].support)
        counts[size] = counts.get(size, 0) + 1
        if k < KEPT or counts[size] <= 3:
            kept.append(pair)
    return kept
