"""`identify_implicit`: laws in which the rates are multiplied by functions of the state, from data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.door import read
from symdyn.data.recording import Recording, Samples
from symdyn.data.weak import AbstractWeakForm
from symdyn.library import AbstractLibrary, Monomials
from symdyn.model.implicit import ImplicitModel
from symdyn.model.implicit_printing import rate_names
from symdyn.regress._identify import settings_of
from symdyn.regress.implicit.left_sides import FoundRelation, RelationSearch, Side
from symdyn.regress.implicit.rational import RateFit, Relation, fitted, rate_fit, relation_of, weight_scatter
from symdyn.regress.implicit.relations import RelationTerms, Rows, known_moments, relation_moments, table_of_rows
from symdyn.regress.implicit.solution import ImplicitSettings, ImplicitSolution, LeftSide, LeftSides
from symdyn.regress.rows.moments import Moments
from symdyn.regress.rows.regression import pointwise_samples, recording_of_law
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solution import RESULTS, Settings, Stats
from symdyn.regress.solvers import AbstractSolver
from symdyn.symmetry import Subspace

MEASURED = 1e-5  # resolution where the rates are measured and not differences with a truncation error
# where rates are differentiated, the noise of the states sits in every term, and part of the residual is no noise but
# a pattern: among laws that leave within 2 % as much, the smallest is taken
SLACK = 0.2
REFINEMENTS = 3  # most searches with the rates that the equations imply, where they are coupled
EXACT = 1e-6  # shares of the rates below this leave no noise to cancel
COMBINATIONS = 32  # systems of equations that are compared where the rates are coupled
SIGNIFICANT = 0.01  # a relation counts as a law with poles where it leaves this little of what the explicit law leaves


def identify_implicit(
    data,
    *,
    library: AbstractLibrary | None = None,
    factors: AbstractLibrary | None = None,
    coupled: bool = False,
    left_sides: Literal["all", "rates"] | None = None,
    solver: AbstractSolver | None = None,
    selection: AbstractSelection | None = None,
    rate_of: str | tuple[str, ...] | None = None,
    order: int = 1,
    variables: str | tuple[str, ...] | None = None,
    rates: Mapping[str, str] | None = None,
    differentiation: AbstractDifferentiation | None = None,
    weights: Any = None,
    time: str | None = None,
    trajectories: str | tuple[str, ...] | None = None,
    missing: str = "raise",
) -> ImplicitSolution:
    r"""Governing equations in which the rates are multiplied by functions of the state: rational and implicit laws.

    $$\sum_k a_k\, \psi_k(x)\, \dot x_c = \sum_k b_k\, \theta_k(x), \qquad\text{so}\quad
      \dot x_c = \frac{N(x)}{D(x)}$$

    for each component c; with `coupled`, each equation may hold all rates, $M(x)\, \dot x = f(x)$. Every column
    $\theta_k$ and $\psi_k \dot x_c$ in turn is the left-hand side of a sparse regression, all from one matrix of
    moments. The sets of terms found are then judged by the rates that they imply: N/D (or $M^{-1} f$) is fitted to
    the measured rates, and a criterion decides. The final coefficients minimise that error of the rate; so noise in
    the rates does not bias them, as it does where a column such as $x \dot x$ is regressed upon.

    Parameters
    ----------
    data, rate_of, order, variables, rates, weights, time, trajectories, missing: as for `identify`.
    library: the terms of the state; `Monomials(2)` by default.
    factors: the terms that multiply a rate; those of the library by default.
    coupled: whether an equation may hold the rates of all targets, as those of a double pendulum do.
    left_sides: "rates" tries only the columns with the rate as left-hand sides, "all" also the terms of the state; by
        default all where there are at most 40.
    solver: proposes sets of terms; `BestSubset()` by default.
    selection: `EBIC()` by default, with a resolution of 1e-5 where the rates are measured: its gamma and resolution
        judge the implied rates too. Another selection decides for each left-hand side, and EBIC among the left-hand
        sides.
    differentiation: how rates come from states. With `SavitzkyGolay` the states are smoothed by the same polynomials,
        for noise in a regressor biases; and among laws whose residuals differ by less than 2 % the smallest is taken,
        for not all of the residual is noise. The weak form cannot be used: a product of a rate with a function of
        several variables cannot be integrated by parts.

    Returns an `ImplicitSolution`: it prints as equations, its model can be integrated, and its `left_sides` show what
    each left-hand side gave. Raises InputError for data or arguments that cannot be used.

    References: Kaheman, Kutz, Brunton 2020, Proc. R. Soc. A 476, 20200279 (SINDy-PI); Mangan, Brunton, Proctor, Kutz
    2016, IEEE Trans. Molecular, Biological and Multi-Scale Communications 2, 52.

    Examples
    --------
    >>> import jax, symdyn as sd
    >>> data = sd.make_dataset("michaelis_menten", trajectories=20, rates=True, key=jax.random.key(0))
    >>> law = sd.identify_implicit(data, library=sd.Monomials(3))
    >>> law.active_terms
    ('1', 'x', 'dx/dt', 'x dx/dt')
    """
    if isinstance(differentiation, AbstractWeakForm):
        raise InputError(
            "the weak form cannot integrate a rate times a function of several variables by parts; use "
            "differentiation=sd.SavitzkyGolay(...)"
        )
    if left_sides not in (None, "all", "rates"):
        raise InputError(f'left_sides is "all", "rates" or None, got {left_sides!r}')
    if factors is not None and not isinstance(factors, AbstractLibrary):
        raise InputError(f"factors must be a library such as sd.Monomials(1), got {factors!r}")
    base = settings_of(
        library=library or Monomials(2), solver=solver, selection=selection, rate_of=rate_of, order=order,
        variables=variables, rates=rates, differentiation=differentiation, weights=weights, time=time,
        trajectories=trajectories, missing=missing,
    )  # fmt: skip
    settings = ImplicitSettings(base, factors, coupled, left_sides)
    recording = read(data, base.reading)
    if selection is None and order == 1 and differentiation is None and recording.trajectories[0].rates is not None:
        base = replace(base, selection=EBIC(resolution=MEASURED))
        settings = replace(settings, base=base)
    law = recording_of_law(recording, base)
    samples = _smoothed(recording, base)
    columns = _columns(samples, law, settings)
    rows = table_of_rows(columns, samples)
    found = _searched(relation_moments(columns, samples), rows, settings)
    fits = _solved(rows, found, settings)
    if coupled and samples.targets.shape[1] > 1:
        found, fits = _without_noise(rows, found, fits, settings)
    return _solution(columns, law, rows, found, fits, settings)


def _smoothed(recording: Recording, settings: Settings) -> Samples:
    """Pointwise rows; where rates are differentiated, the measured states are smoothed by the same polynomials."""
    samples, method = pointwise_samples(recording, settings), settings.differentiation
    if not isinstance(method, AbstractDifferentiation):
        return samples
    states = np.array(samples.states)
    smooth = [method(run.times, run.states, 0) for run in recording.trajectories]
    states[:, : recording.space.size] = np.concatenate(smooth)
    return replace(samples, states=states)


def _columns(samples: Samples, law: Recording, settings: ImplicitSettings) -> RelationTerms:
    terms = settings.base.library.on(samples.space)
    factors = terms if settings.factors is None else settings.factors.on(samples.space)
    for part in (terms, factors):
        if part.value_shape:
            raise InputError("an implicit law needs terms that are numbers; this library has vectors")
    columns = RelationTerms.of(terms, factors, rate_names(law.space, law.targets, law.kinematics))
    if len(samples.states) < columns.size:
        raise InputError(
            f"too few samples: {len(samples.states)} rows cannot fix {columns.size} terms and products with rates; use "
            "a smaller library or factors, or more data"
        )
    return columns


def _without_noise(rows: Rows, found: list[FoundRelation], fits: list[RateFit], settings: ImplicitSettings):
    """The search again with the rates that the equations imply in the columns, until the equations stay.

    The noise of the other rates favours combinations of the equations in which it cancels.
    """
    for _ in range(REFINEMENTS):
        if fits[0].share.max() < EXACT:
            break
        supports = [relation.support for relation in fits[0].relations]
        smooth = replace(rows, known=fits[0].implied)
        found = _searched(known_moments(smooth), smooth, settings)
        fits = _solved(rows, found, settings)
        if [relation.support for relation in fits[0].relations] == supports:
            break
    return found, fits


def _searched(moments: Moments, rows: Rows, settings: ImplicitSettings) -> list[FoundRelation]:
    """The relations of each rate, among the columns that its equation may have."""
    p, s, d = rows.theta.shape[1], rows.psi.shape[1], rows.rates.shape[1]
    slack = _slack(settings)
    out = []
    for target in range(d):
        own = np.arange((p + s * d) if settings.coupled else (p + s * (target + 1)))
        allowed = own if settings.coupled else own[(own < p) | (own >= p + s * target)]
        search = RelationSearch(moments, rows, target, allowed, settings.base.solver, settings.base.selection, slack)
        out.append(search.run(settings.left_sides))
    return out


def _slack(settings: ImplicitSettings) -> float:
    return SLACK if settings.base.differentiation is not None else 0.0


def _solved(rows: Rows, found: list[FoundRelation], settings: ImplicitSettings) -> list[RateFit]:
    """The chosen relations, fitted: each rate on its own, or all of them together where the rates are coupled."""
    if not settings.coupled or len(found) == 1:
        return [rate_fit(rows, (each.relations[0],)) for each in found]
    most = max(2, int(COMBINATIONS ** (1 / len(found))))
    systems = sorted(product(*(range(min(most, len(each.relations))) for each in found)), key=sum)
    best, lowest = None, np.inf
    margin = rows.size * len(found) * np.log1p(_slack(settings) ** 2) + 1e-2
    for places in systems:
        chosen = tuple(each.relations[k] for each, k in zip(found, places, strict=True))
        shares = np.array([each.shares[k] for each, k in zip(found, places, strict=True)])
        fit = fitted(rows, chosen, scales=rows.rate_sizes * np.maximum(shares, 1e-9))
        size = sum(len(relation.support) for relation in chosen)
        score = 2 * rows.size * np.sum(np.log(np.maximum(fit.share, 1e-9))) + size * np.log(rows.size)
        if fit.bounded and score < lowest - margin:
            best, lowest = fit, score
    if best is None:
        raise InputError(
            "no set of relations determines all rates at once; leave out `coupled`, or enlarge the library"
        )
    return [best]


def _solution(columns, law: Recording, rows: Rows, found: list[FoundRelation], fits: list[RateFit], settings):
    relations = [relation for fit in fits for relation in fit.relations]
    subspace = _subspace(relations, (columns.size, len(relations)))
    covariance = np.zeros((subspace.dimension,) * 2)
    start, active = 0, 0
    for fit in fits:
        solved = [relation.target for relation in fit.relations]
        block, _ = weight_scatter(rows, fit, rows.rate_sizes[solved] * np.maximum(fit.share, 1e-12))
        covariance[start : start + len(block), start : start + len(block)] = block
        start += len(block)
    active = start
    model = ImplicitModel(
        weights=np.concatenate([relation.weights[relation.free] for relation in relations]), terms=columns.terms,
        factors=columns.factors, subspace=subspace, space=law.space, targets=law.targets,
        kinematics=law.kinematics, time_unit=law.time_unit,
    )  # fmt: skip
    share = tuple(float(s) for fit in fits for s in fit.share)
    stats = Stats(
        rows=rows.size, blocks=int(rows.block.max()) + 1, candidates=int(np.prod(subspace.shape)),
        free=int(np.prod(subspace.shape)) - len(relations), active=active, residual=share,
    )  # fmt: skip
    pairs = zip(found, relations, strict=True)
    tables = tuple(_table(columns, rows, each, relation, settings.coupled) for each, relation in pairs)
    result = RESULTS.successful
    if any(table.poles for table in tables):
        result = RESULTS.singular
    if any(len(relation.support) == 1 for relation in relations):
        result = RESULTS.no_terms
    return ImplicitSolution(model, result, stats, covariance, columns, tables, settings, law.provenance)


def _subspace(relations: list[Relation], shape: tuple[int, int]) -> Subspace:
    """The coefficients (q, d) with the left-hand sides fixed at 1 and the other kept ones free."""
    offset = np.zeros(shape)
    entries = [(k, e) for e, r in enumerate(relations) for k in np.array(r.support)[r.free].tolist()]
    for e, relation in enumerate(relations):
        offset[relation.left, e] = 1.0
    basis = np.zeros((len(entries), *shape))
    for n, (k, e) in enumerate(entries):
        basis[n, k, e] = 1.0
    return Subspace(shape=shape, offset=Frozen(offset), basis=Frozen(basis), exact=True, gap=float("inf"))


def _table(columns: RelationTerms, rows: Rows, found: FoundRelation, relation: Relation, coupled: bool) -> LeftSides:
    """The evidence of all left-hand sides, and the relations whose denominator vanishes on the data."""
    lines, poles = [], []
    for side, error in zip(found.sides, found.errors, strict=True):
        terms = tuple(columns.names[k] for k in side.weights if k != side.left)
        agrees = tuple(sorted(side.weights)) == relation.support
        lines.append(LeftSide(columns.names[side.left], terms, side.residual, error, agrees))
        if not coupled and _has_pole(rows, found, relation, side):
            poles.append(", ".join((columns.names[side.left], *terms)))
    rate = columns.names[columns.terms.size + relation.target * columns.factors.size]
    return LeftSides(rate, tuple(lines), found.error, tuple(poles))


def _has_pole(rows: Rows, found: FoundRelation, relation: Relation, side: Side) -> bool:
    """Whether a left-hand side's relation is as simple as the law and fits far better, but has no rate everywhere."""
    simple = 1 < len(side.weights) <= max(len(relation.support), 4)
    if not simple or found.shares[0] < 1e-3 or side.residual > SIGNIFICANT * found.shares[0]:
        return False
    candidate = relation_of(rows, relation.target, side.weights)
    return candidate is not None and not rate_fit(rows, (candidate,)).bounded
