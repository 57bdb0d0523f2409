"""PySINDy's optimizers as solvers of `identify`, and its differentiation methods as ways to rates."""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.regress.solvers.base import AbstractSolver


@dataclass(frozen=True)
class Optimizer(AbstractSolver):
    """A PySINDy optimizer as a solver: it chooses the terms, and the kept ones are fitted again without its penalty.

    It sees the triangle of the regression, which has the normal equations of all rows, with columns and rate of unit
    norm: a threshold is a share of the rate here, not a coefficient in the units of the data.

    Parameters
    ----------
    optimizer: `pysindy.STLSQ(...)`, `SR3`, `SSR`, `FROLS`, ... or any scikit-learn regressor with `coef_`. It is
        copied, not changed. One that resamples rows (`EnsembleOptimizer`) has only the rows of a triangle here: take
        `symdyn.ensemble`.

    Raises InputError for an object without `fit`, and where the optimizer fails or its coefficients are not finite.

    Examples
    --------
    >>> import numpy as np, pysindy as ps, symdyn as sd
    >>> from symdyn.interop.pysindy import Optimizer
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 10, 0.01))
    >>> law = sd.identify(data, solver=Optimizer(ps.STLSQ(threshold=0.01, alpha=1e-8)))
    >>> law.stats.active
    7
    """

    optimizer: Any

    def __post_init__(self):
        if not callable(getattr(self.optimizer, "fit", None)):
            raise InputError(f"an optimizer such as pysindy.STLSQ() is needed, got {self.optimizer!r}")

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        optimizer = deepcopy(self.optimizer)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                optimizer.fit(triangle[:, :-1], triangle[:, -1:])
        except Exception as error:  # other people's code raises anything
            raise InputError(f"{type(optimizer).__name__} fails on this regression: {error}") from error
        found = np.asarray(optimizer.coef_, float).reshape(-1)
        if found.shape != (triangle.shape[1] - 1,) or not np.isfinite(found).all():
            raise InputError(f"{type(optimizer).__name__} gives no finite coefficient for each of the terms")
        return (np.abs(found) > 1e-14)[None]


@dataclass(frozen=True)
class Differentiation(AbstractDifferentiation):
    """A PySINDy differentiation method for `identify`.

    Its noise is not propagated and it is not linearised: standard errors are those of the residuals.

    Parameters
    ----------
    method: `pysindy.SmoothedFiniteDifference()`, `SINDyDerivative(kind="kalman", alpha=0.1)`, ...

    Raises InputError for an object that cannot be called, where the method fails, and for rates that are not finite.

    Examples
    --------
    >>> import numpy as np, pysindy as ps
    >>> from symdyn.interop.pysindy import Differentiation
    >>> times = np.linspace(0, 1, 50)
    >>> rates = Differentiation(ps.FiniteDifference(order=4))(times, times[:, None] ** 2)
    >>> bool(abs(rates[:, 0] - 2 * times).max() < 1e-10)
    True
    """

    method: Any

    def __post_init__(self):
        if not callable(self.method):
            raise InputError(f"a method such as pysindy.FiniteDifference() is needed, got {self.method!r}")

    @property
    def window(self) -> tuple[int, int]:
        return 0, 1

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        method = deepcopy(self.method)
        try:
            if order == 0:
                method(values, times)
                smooth = getattr(method, "smoothed_x_", values)
                return np.asarray(smooth, float).reshape(values.shape)
            found = np.asarray(method(values, times), float).reshape(values.shape)
        except Exception as error:  # other people's code raises anything
            raise InputError(f"{type(method).__name__} fails on these samples: {error}") from error
        if not np.isfinite(found).all():
            raise InputError(f"{type(method).__name__} gives rates that are not finite: use its drop_endpoints=False")
        return found

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        return self
