"""Quadratic laws whose trajectories stay bounded: the trapping region of a law, and laws that have one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn._types import StateSpace
from symdyn.library import AbstractTerms
from symdyn.regress.constraints.bounded import Inequalities
from symdyn.regress.constraints.conic import Cone, InfeasibleError, minimise, upper_triangle
from symdyn.regress.constraints.language import (
    AbstractConstraint,
    Constraint,
    EnergyPreserving,
    energy_weights,
    state_monomials,
)
from symdyn.regress.fit import Fit, fit_on
from symdyn.regress.problem import Problem

PRESERVED = 1e-9  # what the quadratic terms may produce of energy, relative to their size
SETTLED = 1e-7  # relative change of the residual at which the alternation stops
ROUNDS = 50  # most steps of the alternation, and most cuts at one centre


@dataclass(frozen=True)
class TrappingRegion:
    r"""A ball that trajectories enter and never leave, in the norm $|x|^2 = \sum_i c_i x_i^2$ of the energy.

    `center` m, by component; `radius`: of the smallest such ball with a centre that the search finds, None where there
    is none; `rate`: the largest eigenvalue of the linear energy production about the best centre, in the unit of
    1 / time: negative means trapped; `weights` c of the energy, by component.
    """

    center: tuple[tuple[str, float], ...]
    radius: float | None
    rate: float
    weights: tuple[tuple[str, float], ...]

    @property
    def trapped(self) -> bool:
        """Whether the law keeps its trajectories bounded."""
        return self.radius is not None

    def __str__(self) -> str:
        center = ", ".join(f"{name} = {value:.4g}" for name, value in self.center)
        if self.radius is None:
            return f"no trapping region: energy grows at {self.rate:.3g} at best, about {center}"
        return f"trapped within {self.radius:.4g} of {center}; energy decays at {-self.rate:.3g} or faster far away"


@dataclass(frozen=True, eq=False)
class Quadratic:
    """x' = C + L x + Q(x, x): `constant` (..., n), `linear` (..., n, n), `quadratic` (..., n, n, n) with Q_ijk = Q_ikj.

    The variables are scaled so that the energy is |x|^2 / 2. Leading axes hold several laws; all is linear in them.
    """

    constant: np.ndarray
    linear: np.ndarray
    quadratic: np.ndarray

    @classmethod
    def of(cls, coefficients: np.ndarray, terms: AbstractTerms, targets: StateSpace, weights: np.ndarray) -> Quadratic:
        """From coefficients (..., p, n). Raises InputError where the terms are not monomials of degree 2 at most."""
        exponents, columns = state_monomials(terms, targets, "a trapping region")
        n, degrees = len(columns), exponents.sum(axis=1)
        if np.any(coefficients[..., degrees > 2, :]):
            cubic = ", ".join(np.array(terms.names, object)[degrees > 2])
            raise InputError(f"a trapping region is known for laws of degree 2 at most; drop {cubic}")
        lead, scale = coefficients.shape[:-2], np.sqrt(weights)
        parts = [np.zeros((*lead, *(n,) * k)) for k in (1, 2, 3)]
        for k in np.flatnonzero(degrees <= 2):
            value = coefficients[..., k, :] * scale
            places = [int(j) for j, e in enumerate(exponents[k, columns]) for _ in range(int(e))]
            value = value / np.prod(scale[places]) / 2.0 ** (len(places) == 2)
            for order in (places, places[::-1])[: max(len(places), 1)]:
                parts[len(places)][(..., slice(None), *order)] += value
        return cls(*parts)

    def production(self, m: np.ndarray) -> np.ndarray:
        """The symmetric matrix A(m) (..., n, n): with y = x - m the energy |y|^2 / 2 grows as y'A y + d.y."""
        turned = self.linear + 2 * self.quadratic @ m
        return (turned + np.swapaxes(turned, -1, -2)) / 2

    def shifted(self, m: np.ndarray) -> np.ndarray:
        """d(m) = C + L m + Q(m, m): (..., n)."""
        return self.constant + self.linear @ m + self.quadratic @ m @ m

    def imbalance(self) -> float:
        """The largest |Q_ijk + Q_jki + Q_kij| relative to the largest entry: 0 where energy is preserved."""
        q = self.quadratic
        cyclic = q + np.moveaxis(q, -3, -1) + np.moveaxis(q, -1, -3)
        return float(np.abs(cyclic).max(initial=0.0) / max(np.abs(q).max(initial=0.0), 1e-300))


def trapping_region(law: Any, *, weights: Any = ()) -> TrappingRegion:
    r"""The smallest ball that is known to trap the trajectories of a quadratic law, by convex optimisation.

    With y = x - m and energy-preserving quadratic terms the energy of the fluctuation changes as
    $\tfrac{d}{dt} \tfrac12 |y|^2 = y^\top A(m) y + d(m) \cdot y$, and the law is bounded if some centre m makes
    $A(m)$ negative definite. Its largest eigenvalue is convex in m. As a function of x the right-hand side is quadratic
    and affine in m, so that a ball $|x - m| \le R$ holds all states where energy grows if and only if
    (S-lemma) for some $\tau \ge 0$

    $$R^2 - |x - m|^2 - \tau \bigl(y^\top A(m) y + d(m) \cdot y\bigr) \ge 0 \quad \text{for all } x:$$

    a semidefinite program in m and $R^2 - |m|^2$ for each $\tau$; $\tau$ is found by a search on a line.

    Parameters
    ----------
    law: a `Solution` or a `Model` with monomials of its targets, of degree 2 at most.
    weights: c of the energy, as for `EnergyPreserving`.

    Returns a `TrappingRegion`; its `radius` is None where there is none. Raises InputError for laws of other
    form, or whose quadratic terms do not preserve the energy (then the theory says nothing).

    References: Schlegel, Noack 2015, Journal of Fluid Mechanics 765, 325; Kaptanoglu, Callaham, Aravkin, Hansen,
    Brunton 2021, Physical Review Fluids 6, 094401; Leonov, Bunin, Koksch 1987, ZAMM 67, 649 (Lorenz).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01), rates=True)
    >>> law = sd.identify(data, library=sd.Monomials(2), constraints=[sd.EnergyPreserving()])
    >>> print(sd.trapping_region(law))
    trapped within 38.16 of x = ..., y = ..., z = 36.12; energy decays at 1 or faster far away
    """
    model = getattr(law, "model", law)
    targets = model.space.select(model.targets)
    scale = energy_weights(EnergyPreserving(weights).weights, targets)
    coefficients = np.asarray(model.subspace.expand(np.asarray(model.weights)))
    if model.kinematics or coefficients.ndim != 2:
        raise InputError("a trapping region is known for laws of first order with one coefficient for each component")
    form = Quadratic.of(coefficients, model.terms, targets, scale)
    if form.imbalance() > PRESERVED:
        raise InputError(
            f"the quadratic terms do not preserve the energy (by {form.imbalance():.1g} of their size), so that the "
            "theory says nothing; identify with constraints=[sd.EnergyPreserving()] or give the weights of the energy"
        )
    m, rate = best_center(form)
    radius = None
    if rate < 0:
        m, radius = _smallest_ball(form, m)
    names = targets.component_names
    center, weighted = (tuple(zip(names, v.tolist(), strict=True)) for v in (m / np.sqrt(scale), scale))
    return TrappingRegion(center, radius, rate, weighted)


def best_center(form: Quadratic) -> tuple[np.ndarray, float]:
    """The centre m with the least largest eigenvalue of A(m), and that eigenvalue: a semidefinite program."""
    n = form.constant.shape[-1]
    start = form.production(np.zeros(n))
    size = max(np.abs(start).max(), 1e-300)
    slopes = np.array([form.production(unit) - start for unit in np.eye(n)])
    strength = max(np.abs(slopes).max(), 1e-300)
    # min t with t 1 - A(m) >= 0 in units of size for t and A, size / strength for m; a slight pull towards m = 0
    A = np.column_stack([upper_triangle(slopes / strength).T, -upper_triangle(np.eye(n))])
    P = np.diag(np.append(np.full(n, 1e-9), 0.0))
    point, _ = minimise(P, np.append(np.zeros(n), 1.0), A, -upper_triangle(start / size), [Cone("semidefinite", n)])
    m = point[:n] * size / strength
    return m, float(np.linalg.eigvalsh(form.production(m))[-1])


def _smallest_ball(form: Quadratic, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius of the smallest trapping ball, over the multiplier tau by a search on its logarithm."""
    from scipy.optimize import minimize_scalar

    size = max(float(np.linalg.norm(form.shifted(start)) / -np.linalg.eigvalsh(form.production(start))[-1]), 1e-300)
    unit = max(float(np.linalg.norm(start)), size)
    rate = -float(np.linalg.eigvalsh(form.production(start))[-1])

    def squared(logarithm: float) -> float:
        try:
            return _ball(form, np.exp(logarithm) / rate, unit)[1]
        except (InfeasibleError, SymdynError):
            return np.inf

    grid = np.append(1e-7, np.linspace(0.25, 8.0, 32))  # tau below 1 / rate is not feasible
    values = [squared(g) for g in grid]
    best = int(np.argmin(values))
    if not np.isfinite(values[best]):
        return start, size
    ends = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found: Any = minimize_scalar(squared, bounds=ends, method="bounded", options={"xatol": 1e-7})
    center, value = _ball(form, np.exp(found.x if found.fun <= values[best] else grid[best]) / rate, unit)
    return center, float(np.sqrt(max(value, 0.0)))


def _ball(form: Quadratic, tau: float, unit: float) -> tuple[np.ndarray, float]:
    """The centre and squared radius of the smallest ball for one multiplier, lengths in `unit` inside.

    With f(x; m) = (x - m).(C + L x + Q(x, x)) = x'A(m) x + b(m).x + c(m), where
    b = C - L'm and c = -C.m: the matrix [[-1 - tau A, m - tau b / 2], [., R^2 - |m|^2 - tau c]] must be >= 0.
    """
    n = len(start := form.constant)
    whole = form.production(np.zeros(n))
    slopes = np.array([form.production(u) - whole for u in np.eye(n)])

    def matrix(corner: np.ndarray, side: np.ndarray, end: float) -> np.ndarray:
        return np.block([[corner, side[:, None]], [side[None], np.array([[end]])]])

    fixed = matrix(-np.eye(n) - tau * whole, -tau * start / (2 * unit), 0.0)
    change = [
        matrix(-tau * slopes[k] * unit, (np.eye(n)[k] + tau * form.linear[k] / 2), tau * start[k] / unit)
        for k in range(n)
    ]
    last = matrix(np.zeros((n, n)), np.zeros(n), 1.0)
    A = -np.column_stack([upper_triangle(each) for each in (*change, last)])
    P = 2 * np.diag(np.append(np.ones(n), 0.0))
    q = np.append(np.zeros(n), 1.0)
    point, _ = minimise(P, q, A, upper_triangle(fixed), [Cone("semidefinite", n + 1)])
    m, rest = point[:n], point[n]
    return m * unit, float(rest + m @ m) * unit**2


@dataclass(frozen=True)
class Trapping(AbstractConstraint):
    r"""A quadratic law whose trajectories stay bounded: energy-preserving quadratic terms and a trapping region.

    The quadratic terms are constrained as by `EnergyPreserving`. If the law found has no centre m with a negative
    definite $A(m)$ (see `trapping_region`), its weights are fitted again so that it has one: the fit with
    $A(m) \le -\gamma$ for a given m and the best centre for given weights alternate. Each step is convex and none
    raises the residual.

    The terms are chosen before; where those chosen cannot be trapped, the next best set of terms is taken.

    Parameters
    ----------
    margin: $\gamma$ as a share of the largest rate of $A$ at first: how fast far trajectories must come back.
    weights: of the energy, as for `EnergyPreserving`.

    Raises InputError for a margin that is no share between 0 and 1.

    References: as for `trapping_region`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> law = sd.identify(data, library=sd.Monomials(2), constraints=[sd.Trapping()])
    >>> sd.trapping_region(law).trapped
    True
    """

    margin: float = 0.01
    weights: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        if not 0 < self.margin < 1:
            raise InputError(f"the margin is a share of the rates between 0 and 1, got {self.margin!r}")
        object.__setattr__(self, "weights", EnergyPreserving(self.weights).weights)

    def on(self, terms: AbstractTerms, targets: StateSpace) -> tuple[Constraint, ...]:
        exponents, _ = state_monomials(terms, targets, "a trapping region")
        if np.any(exponents.sum(axis=1) > 2):
            raise InputError("a trapping region is known for laws of degree 2 at most; take sd.Monomials(2)")
        return EnergyPreserving(self.weights).on(terms, targets)

    def fit(self, first: Fit, terms: AbstractTerms, targets: StateSpace, offset: np.ndarray) -> Fit:
        """The fit of a law that is trapped, from the fit without that.

        Raises InputError where no set of terms that came into question can be trapped.
        """
        scale = energy_weights(self.weights, targets)
        assert first.problem.elements is not None
        forms = Quadratic.of(first.problem.elements, terms, targets, scale)
        fixed = Quadratic.of(offset, terms, targets, scale)
        order = sorted(range(len(first.path.masks)), key=lambda k: (k != first.path.chosen, first.path.scores[k]))
        for k in order:
            try:
                trial = first if k == first.path.chosen else fit_on(first.problem, replace(first.path, chosen=k))
                return _trapped(trial, forms, fixed, self.margin)
            except InfeasibleError:
                continue
        raise InputError(
            "no set of terms that came into question can be trapped: keep more terms (sd.LeastSquares()), above all "
            "the linear ones, or leave the constraint out"
        )


def _law(forms: Quadratic, fixed: Quadratic, weights: np.ndarray) -> Quadratic:
    """The law with the given weights of the elements."""
    return Quadratic(
        np.tensordot(weights, forms.constant, 1) + fixed.constant,
        np.tensordot(weights, forms.linear, 1) + fixed.linear,
        np.tensordot(weights, forms.quadratic, 1) + fixed.quadratic,
    )


def _trapped(first: Fit, forms: Quadratic, fixed: Quadratic, margin: float) -> Fit:
    """Alternate the best centre of the law with the best law that is trapped about that centre."""
    law = _law(forms, fixed, first.weights)
    size = float(np.abs(np.linalg.eigvalsh(law.production(np.zeros(len(fixed.constant))))).max())
    if not size:  # nothing draws back
        raise InfeasibleError
    m, rate = best_center(law)
    if rate <= -margin * size:
        return first
    fit, last = first, np.inf
    for _ in range(ROUNDS):
        fit = _about(first, forms, fixed, m, margin * size)
        left = fit.problem.left(fit.mask)
        if left >= last * (1 - SETTLED):
            break
        last = left
        m, _ = best_center(_law(forms, fixed, fit.weights))
    return fit


def _about(first: Fit, forms: Quadratic, fixed: Quadratic, m: np.ndarray, gap: float) -> Fit:
    """The best fit with A(m) <= -gap, by cuts: v'A(m) v <= -gap for the eigenvectors v that violate it."""
    slopes, rest = forms.production(m), fixed.production(m)
    problem, fit, cuts = first.problem, first, []
    for _ in range(ROUNDS):
        values, vectors = np.linalg.eigh(np.tensordot(fit.weights, slopes, 1) + rest)
        wrong = values > -gap + 1e-9 * max(gap, float(np.abs(values).max()))
        if not wrong.any():
            return fit
        cuts += [(np.einsum("i,kij,j->k", v, slopes, v), -gap * (1 + 1e-6) - v @ rest @ v) for v in vectors.T[wrong]]
        fit = fit_on(_with(problem, cuts), first.path)
    return fit


def _with(problem: Problem, cuts: list[tuple[np.ndarray, float]]) -> Problem:
    """The problem with further rows on its weights."""
    known = problem.inequalities
    left, right = np.array([row for row, _ in cuts]), np.array([limit for _, limit in cuts])
    names = ("trapping",) * len(cuts)
    if known is not None:
        left, right = np.concatenate([known.left, left]), np.append(known.right, right)
        names = (*known.names, *names)
    return replace(problem, inequalities=Inequalities(left, right, names))
