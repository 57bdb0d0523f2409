"""Sparse regression in the manner of scikit-learn: for pipelines, searches over settings, and other people's tools."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from symdyn._types import StateSpace, double_precision
from symdyn.library import Monomials
from symdyn.library.evaluate import values_at
from symdyn.regress.fit import Fit, solve
from symdyn.regress.problem import problems
from symdyn.regress.rows.moments import sample_moments
from symdyn.regress.selection import EBIC
from symdyn.regress.solvers import BestSubset


class SparseLawRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """A law y = f(x) of few terms: `fit` takes states as X and rates (or anything else to explain) as y.

    The library is that of all monomials up to `degree`, the best set of each size comes into question, and the
    information criterion decides, as in `symdyn.identify`; samples count as independent rows. For trajectories with
    times, noise, symmetry and units take `identify` itself.

    Parameters
    ----------
    degree: of the monomials.
    bias: whether the constant is a candidate.
    solver, selection: as for `symdyn.identify`; None for its defaults.

    Attributes
    ----------
    coef_: (p,) for y of one dimension, else (d, p); `errors_`: their standard errors, zero where a term is left out.
    terms_, feature_names_out_: the candidate terms and their names, (p,).
    n_features_in_: the number of columns of X.

    Raises ValueError (InputError) for X and y that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from symdyn.interop.sklearn import SparseLawRegressor
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = SparseLawRegressor(degree=2).fit(x, 3 * x[:, 0] * x[:, 1] - x[:, 0])
    >>> dict(zip(model.feature_names_out_, model.coef_.round(6).tolist()))["x_0 x_1"]
    3.0
    """

    def __init__(self, degree: int = 2, bias: bool = True, solver: Any = None, selection: Any = None):
        self.degree = degree
        self.bias = bias
        self.solver = solver
        self.selection = selection

    def fit(self, X, y) -> SparseLawRegressor:
        """Find the law of y (t,) or (t, d) in X (t, n)."""
        checked: Any = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        X, y = checked
        targets = np.asarray(y, np.float64).reshape(len(X), -1)
        space = StateSpace.of(**{f"x_{k}": 1 for k in range(X.shape[1])})
        self.terms_ = Monomials(self.degree, bias=self.bias).on(space)
        with double_precision():
            moments = sample_moments(self.terms_, X, targets, np.ones(len(X)))
            posed = problems(moments, (self.terms_.size, targets.shape[1]), None, [])
            fits = [solve(each, self.solver or BestSubset(), self.selection or EBIC()) for each in posed]
        self.coef_ = np.stack([fit.weights for fit in fits])
        self.errors_ = np.stack([_errors(fit) for fit in fits])
        if np.ndim(y) == 1:
            self.coef_, self.errors_ = self.coef_[0], self.errors_[0]
        self.feature_names_out_ = np.array(self.terms_.names)
        return self

    def predict(self, X) -> np.ndarray:
        """The values of the law at X (t, n): (t,) or (t, d)."""
        check_is_fitted(self)
        states: Any = validate_data(self, X, dtype=np.float64, reset=False)
        with double_precision():
            values = np.asarray(values_at(self.terms_, states))
        return values @ self.coef_.T


def _errors(fit: Fit) -> np.ndarray:
    """Standard errors of all coefficients, zero for those that are not in the law."""
    out = np.zeros(len(fit.weights))
    out[fit.mask] = np.sqrt(np.diag(fit.covariance))
    return out
