"""The weights of the whole library with their joint covariance: what evidence is taken from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from symdyn.data.door import read
from symdyn.data.recording import Recording
from symdyn.data.weak import AbstractWeakForm, WeakForm
from symdyn.library import Monomials
from symdyn.model.model import Model, entry_basis
from symdyn.regress.covariance import FEWEST, unit_labels
from symdyn.regress.domain import domain_of, with_rates
from symdyn.regress.evidence.bounds import NormTest
from symdyn.regress.evidence.frame import Frame
from symdyn.regress.fit import solve
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.posed import named_solver
from symdyn.regress.problem import problems
from symdyn.regress.rows.generalised import reweighted
from symdyn.regress.rows.moments import Moments
from symdyn.regress.rows.regression import Regression, recording_of_law, regression
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.solvers import LeastSquares
from symdyn.regress.strategy.noise import planned

UNDETERMINED = 1e-7  # singular values of the scaled design below this share say nothing


@dataclass(frozen=True, eq=False)
class Estimate:
    """Weights (r,) with their covariance (r, r), from `freedom` degrees of freedom.

    `frame`: the laws; `states` (m, n): some of the data, None where they were not given; `white`: whether residuals
    showed no autocorrelation, so that the classical covariance holds; `moments`: what it was made of, with `units`
    (r,): the weight that a coefficient of the scaled columns stands for; `pruned`: whether terms of the library were
    taken out before.
    """

    frame: Frame
    weights: np.ndarray
    covariance: np.ndarray
    freedom: float
    states: np.ndarray | None = None
    white: bool = True
    moments: Moments | None = None
    targets: int = 1
    pruned: bool = False

    @property
    def determined(self) -> bool:
        """Whether there are more rows than terms, so that the size of the noise is known."""
        return self.moments is None or self.moments.n_rows > self.moments.n_terms

    @cached_property
    def root(self) -> np.ndarray:
        """C^(-1/2): rows (k, r) that make the errors of the weights independent and of unit size."""
        scale = 1 / np.sqrt(np.maximum(np.diag(self.covariance), 1e-300))
        values, vectors = np.linalg.eigh(self.covariance * np.outer(scale, scale))
        keep = values > 1e-13 * values.max()
        return (vectors[:, keep] / np.sqrt(values[keep])).T * scale

    def part(self, blocks: np.ndarray) -> Estimate:
        """The same from some of the blocks of rows, (b,) booleans."""
        m = self.moments
        assert m is not None
        own = replace(m, blocks=m.blocks[blocks], rows=m.rows[blocks], trajectory=m.trajectory[blocks])
        return replace(self, **fitted_moments(own), moments=own)


def of_solution(law: Solution) -> Estimate:
    """The law as it is, with the covariance that it reports."""
    frame = Frame.of(law.model)
    freedom = [f for row in law.stats.freedom for f in row]
    pruned = law.stats.active < law.stats.candidates
    return Estimate(
        frame, np.asarray(law.model.weights, float), np.asarray(law.covariance), float(min(freedom, default=np.inf)),
        states=None if law.domain is None else law.domain.states.array,
        white=max(law.stats.inflation, default=1.0) < 1.5, pruned=pruned,
    )  # fmt: skip


def whole(settings: Settings) -> Settings:
    """The settings of a fit of the whole library: no symmetry, no constraint, no term left out."""
    method = None if isinstance(settings.differentiation, JointEstimation) else settings.differentiation
    return replace(settings, action=None, constraints=(), solver=LeastSquares(), differentiation=method)


def of_data(data: Any, settings: Settings, *, few: bool = False) -> tuple[Estimate, Recording, Settings]:
    """The whole library fitted to data; noisy states without rates go through the weak form.

    `few`: whether there may be fewer rows than terms; then the covariance says which coefficients are not known.
    """
    settings = whole(settings)
    recording = data if isinstance(data, Recording) else read(data, settings.reading)
    if settings.differentiation is None and planned(recording, settings).noisy:
        settings = replace(settings, differentiation=WeakForm())
    if settings.order == 2 and isinstance(settings.differentiation, AbstractWeakForm):
        recording, settings = _first_order(recording, settings)
    return of_recording(recording, settings, few=few), recording, settings


def _first_order(recording: Recording, settings: Settings) -> tuple[Recording, Settings]:
    """A second-order law of noisy positions as one of first order, with rates by local quartics in its state.

    The weak form of second order knows no rates: without them it takes damping for a force and breaks symmetries. The
    noise of smoothed rates is not white, so that rows get the covariance of their scatter between blocks.
    """
    form: Any = settings.differentiation
    form = replace(form, generalised=False, unbiased=False)
    return with_rates(recording, recording_of_law(recording, settings)), replace(
        settings, order=1, differentiation=form
    )


def of_recording(recording: Recording, settings: Settings, *, few: bool = False) -> Estimate:
    """The whole library fitted to a recording: every target at once, so that covariances between targets are known."""
    found = regression(recording, settings, few=few)
    frame = _frame(found, settings)
    domain = domain_of(recording, found.recording.space, found.recording.kinematics)
    states = None if domain is None else domain.states.array
    moments, targets = found.moments, found.moments.n_targets
    if found.weak is not None and found.weak.noisy:
        moments, targets = _generalised(found, settings), 1
    return Estimate(frame, **fitted_moments(moments), states=states, moments=moments, targets=targets)


def _frame(found: Regression, settings: Settings) -> Frame:
    recording, terms = found.recording, found.terms
    shape = (terms.size,) if terms.value_shape else (terms.size, recording.target_space.size)
    every = entry_basis(shape, np.argwhere(np.ones(shape)))
    model = Model(
        weights=np.zeros(int(np.prod(shape))), terms=terms, subspace=every, space=recording.space,
        targets=recording.targets, kinematics=recording.kinematics, inputs=recording.inputs,
        clock=recording.time_name if recording.time_name in recording.inputs else "", known=settings.known,
        discrete=settings.discrete,
    )  # fmt: skip
    return Frame.of(model)


def _generalised(found: Regression, settings: Settings) -> Moments:
    """Moments of all rows of the weak form, whitened together for the noise that they share between targets."""
    terms, space = found.terms, found.recording.target_space
    shape = (terms.size,) if terms.value_shape else (terms.size, space.size)
    every = entry_basis(shape, np.argwhere(np.ones(shape)))
    groups = [space.indices((name,)).tolist() for name in space.names]
    posed = tuple(problems(found.moments, shape, every, groups, together=True))
    assert found.weak is not None

    def coefficients(fits) -> np.ndarray:
        return fits[0].weights.reshape(shape)

    def fit(problem):
        return solve(problem, named_solver(found, settings, problem), settings.selection)

    (own,) = reweighted(posed, found.weak, terms, None, fit, coefficients)
    return own.moments


def fitted_moments(m: Moments) -> dict[str, Any]:
    """Weights, covariance, freedom and whiteness of an `Estimate` from moments: all targets on the same terms."""
    p, t, factor = m.n_terms, m.n_targets, m.r_factor()
    _, s, vectors = np.linalg.svd(factor[:p, :p])
    known = s > UNDETERMINED * s[0]
    inverse = vectors.T / np.maximum(s, UNDETERMINED * s[0])  # maps orthonormal scores to scaled coefficients
    table = np.linalg.lstsq(factor[:p, :p], factor[:p, p:], rcond=UNDETERMINED)[0]
    free = float(max(m.n_rows - p, 1))
    left = factor[p:, p:]
    residual = left.T @ left / free  # (t, t)
    middle, freedom, white = _middle(m, table, inverse[:, known], residual, free)
    size = m.scale[p:, None] / m.scale[:p]  # (t, p): weight of a scaled coefficient
    image = inverse[:, known]
    covariance = np.einsum("ia,acbd,jb->icjd", image, middle, image)
    if not known.all():  # the data do not say: anything of the size of the target may be
        blank = vectors[~known].T @ vectors[~known] * 1e6
        covariance += np.einsum("ij,cd->icjd", blank, np.eye(t))
    unit = size.T.ravel()  # (p, t) flat
    return {
        "weights": table.ravel() * unit,
        "covariance": covariance.reshape(p * t, p * t) * np.outer(unit, unit),
        "freedom": freedom,
        "white": white,
    }


def _middle(m: Moments, table: np.ndarray, inverse: np.ndarray, residual: np.ndarray, free: float):
    """Covariance of the orthonormal scores of all targets, (k, t, k, t): classical, or between units of rows.

    The classical one (Zellner 1962) knows the most, and holds where residuals are white. Whether they are is seen from
    the scatter of the scores between units of neighbouring blocks (`symdyn.regress.covariance`).
    """
    p, k, t = m.n_terms, inverse.shape[1], len(residual)
    classical = np.einsum("ab,cd->acbd", np.eye(k), residual)
    if len(m.blocks) < FEWEST:
        return classical, free, True
    combination = np.concatenate([-table, np.eye(t)])  # residuals as combinations of scaled columns
    left, right = m.whitener[:, :p] @ inverse, m.whitener @ combination
    scores = np.einsum("qk,bqs,st->bkt", left, m.blocks, right, optimize=True)
    grams = np.einsum("qk,bqs,sl->bkl", left, m.blocks, left, optimize=True)
    deviation = np.sqrt(np.maximum(np.diag(residual), 1e-300))
    level, labels = 0, np.arange(len(scores))
    while True:
        sums, own = _joined(scores, labels), _joined(grams, labels)
        owner = m.trajectory[np.unique(labels, return_index=True)[1]]
        longer = unit_labels(m.trajectory, level + 1)
        flat = sums.reshape(len(sums), -1)
        products = np.einsum("bi,bi->b", flat[1:], flat[:-1])[owner[1:] == owner[:-1]]
        last = longer[-1] + 1 < FEWEST or longer[-1] == labels[-1]
        if last or products.sum() <= np.sqrt(np.sum(products**2)):
            break
        level, labels = level + 1, longer
    units = len(sums)
    inflation = np.mean(np.sum((sums / deviation) ** 2, axis=0)) * units / (units - 1) * (free + p) / free
    if inflation < 1 + 3 * np.sqrt(2 / (k * t * units)):
        return classical, free, True
    lifted = np.eye(k) * (1 + 1e-6) - own if units > 2 * k else np.broadcast_to(np.eye(k) * (1 - 1 / units), own.shape)
    released = np.linalg.solve(lifted, sums)
    flat = released.reshape(units, -1)
    middle = (flat.T @ flat * (units - 1) / units).reshape(k, t, k, t)
    return middle, float(units - 1), False


def _joined(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    starts = np.flatnonzero(np.r_[True, np.diff(labels) > 0])
    return np.add.reduceat(values, starts)


@dataclass(frozen=True)
class Fitness:
    """Whether terms beyond the library improve the law: `p_value`, and how much they `change` its rates (a share)."""

    p_value: float
    change: float


def fitness(found: Estimate, recording: Recording, settings: Settings) -> Fitness | None:
    """The library against a wider one; None where there are too few rows to tell."""
    library = settings.library
    wider = replace(library, degree=library.degree + 1) if isinstance(library, Monomials) else library * Monomials(1)
    terms = wider.on(found.frame.terms.space)
    rows = found.moments.n_rows / (1 if found.targets > 1 else len(found.frame.into)) if found.moments else 0
    if rows < 2 * terms.size:
        return None
    more = of_recording(recording, replace(settings, library=wider))
    names = set(found.frame.terms.names)
    new = np.repeat([name not in names for name in more.frame.terms.names], more.weights.size // terms.size)
    if not new.any() or found.states is None:
        return None
    covariance = more.covariance[np.ix_(new, new)]
    unit = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    test = NormTest.of(more.weights[new] / unit, covariance / np.outer(unit, unit), more.freedom)
    speed = found.frame.rates(found.states) @ np.append(found.weights, 1.0)
    wide = more.frame.rates(found.states) @ np.append(more.weights, 1.0)
    size = np.sqrt(np.mean(speed**2, axis=0)).max()
    change = float(np.sqrt(np.mean((wide - speed) ** 2, axis=0)).max() / max(size, 1e-300))
    p_value = test.wald()[2] if more.white else test.above(0.0)
    return Fitness(p_value, change)
