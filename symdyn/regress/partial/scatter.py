r"""The covariance of the weights of a law of fields under noise that is followed from the points to the scores.

The scores of the rows scatter as `symdyn.fields.scores` says, the moments $G$ without their noise turn scores into
weights: $\mathrm{Cov}(w) = G^{-1} \, \mathrm{Cov}(g) \, G^{-1}$. The size of the noise is taken from the residual, of
which noise of the level seen in the data must make most: otherwise it is not noise that limits the law, and the scatter
between boxes of windows says more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn.fields import FieldRows
from symdyn.fields.scores import score_covariance
from symdyn.fields.weak import weighted_noise_moments
from symdyn.regress.covariance import Scatter
from symdyn.regress.fit import Fit
from symdyn.regress.rows.moments import Moments
from symdyn.regress.rows.regression import Regression

EXPLAINED = 1.5  # squares of the residual over those that noise makes, up to which the noise is all there is


@dataclass(frozen=True, eq=False)
class FieldNoise:
    """Noise of the rows of a law of fields: `moments` (p + d, p + d) that it adds, `rows`, their `weights` (m,)."""

    moments: np.ndarray
    rows: FieldRows
    weights: np.ndarray

    def rescattered(self, found: Regression, fit: Fit, coefficients: np.ndarray) -> Fit:
        """A fit with the covariance that the noise gives its weights; itself where noise does not say all.

        `coefficients` (p, d): of the whole law.
        """
        problem = fit.problem
        if problem.inequalities is not None or found.terms.value_shape or not fit.mask.any():
            return fit
        scale = np.array([problem.moments.scale[problem.moments.n_terms + c] for c in problem.columns]) * problem.sigma
        seen, made = self._squares(coefficients, problem.columns, scale)
        if not seen <= EXPLAINED * made:
            return fit
        design = np.zeros((len(self.rows.design), int(fit.mask.sum()), coefficients.shape[1]))
        for place, k in enumerate(np.flatnonzero(fit.mask)):
            for n, c in enumerate(problem.columns):
                column = self.rows.design[:, k] if problem.elements is None else (
                    self.rows.design @ np.asarray(problem.elements)[k][:, c]
                )  # fmt: skip
                design[:, place, c] = self.weights * column / scale[n] ** 2
        middle = score_covariance(self.rows.problem, design, coefficients, self.rows.memory)
        if middle is None:
            return fit
        inverse = problem.inverse_root(fit.mask) * problem.physical[fit.mask][:, None]
        known = _sandwich(inverse @ inverse.T, middle, seen, made)
        if known is None:
            return fit
        covariance, freedom = known
        scatter = Scatter(covariance, np.full(len(covariance), freedom), fit.scatter.inflation, fit.scatter.level)
        return replace(fit, covariance=covariance, scatter=scatter)

    def whole_covariance(self, moments: Moments, coefficients: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The covariance (p d, p d) of all coefficients (p, d) together, and its degrees of freedom.

        None where noise does not say all. `moments`: G, from which the noise was taken.
        """
        p, d = coefficients.shape
        left = self.rows.targets - self.rows.design @ coefficients
        scale = np.sqrt(np.maximum(self.weights @ left**2 / self.weights.sum(), 1e-300))
        seen, made = self._squares(coefficients, tuple(range(d)), scale)
        if not seen <= EXPLAINED * made:
            return None
        design = np.einsum("mp,cd->mpcd", self.weights[:, None] * self.rows.design, np.diag(scale**-2.0))
        middle = score_covariance(self.rows.problem, design.reshape(-1, p * d, d), coefficients, self.rows.memory)
        if middle is None:
            return None
        factor = moments.r_factor()[:p, :p] * moments.scale[:p]
        inverse = np.linalg.pinv(factor, rcond=1e-12)
        bread = np.einsum("pq,cd->pcqd", inverse @ inverse.T, np.diag(scale**2)).reshape(p * d, p * d)
        return _sandwich(bread, middle, seen, made)

    def _squares(self, coefficients: np.ndarray, columns: tuple[int, ...], scale: np.ndarray) -> tuple[float, float]:
        """The squares of the residual, and those that noise of the level seen in the data makes of this law."""
        left = self.rows.targets - self.rows.design @ coefficients
        combination = np.concatenate([-coefficients, np.eye(coefficients.shape[1])])[:, list(columns)]
        seen = np.sum(self.weights[:, None] * (left[:, list(columns)] / scale) ** 2)
        made = np.einsum("qc,qr,rc,c->", combination, self.moments, combination, 1 / scale**2)
        return float(seen), float(made)


def _sandwich(bread: np.ndarray, middle: np.ndarray, seen: float, made: float) -> tuple[np.ndarray, float] | None:
    r"""$\lambda \, G^{-1} \mathrm{Cov}(g) \, G^{-1}$, the level $\lambda$ of the noise taken from the residual.

    The fit of k weights takes $g^\top G^{-1} g$ from the squares of the residual, on average
    $\tau = \mathrm{tr}(G^{-1} \mathrm{Cov}(g))$: windows overlap, so that this is far more than k over the rows. As k
    weights take $\tau$, what is left has k / tau degrees of freedom for each unit of it. None where noise does not say
    all.
    """
    taken = float(np.trace(bread @ middle))
    left = made - taken
    if not (taken > 0 and left / EXPLAINED <= seen <= EXPLAINED * left):
        return None
    return seen / left * bread @ middle @ bread, max(len(bread) * left / taken, 1.0)


def noise_of(rows: FieldRows, weights: np.ndarray) -> FieldNoise | None:
    """The noise of rows of given weights (m,), None where it is not significant or cannot be followed."""
    latitude = rows.problem.fields.grid.latitude
    area = None if latitude is None else np.cos(rows.problem.axes[latitude].centres)
    moments = weighted_noise_moments(rows.problem, weights, area, rows.memory)
    return None if moments is None else FieldNoise(moments, rows, weights)
