"""Is one map a symmetry of a function that is known by noisy values? Nested linear models, and held-out errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.spectral.fixed import FixedSpace, fixed_space
from symdyn.spectral.regression import checked_data
from symdyn.spectral.spaces import AbstractFeatureSpace

EXACT = 1e-20  # squared residual, by that of the values, below which data count as free of noise


@dataclass(frozen=True)
class ElementTest:
    """One candidate: `ratio`: the held-out mean squared error with the symmetry by that without it, below one for a
    true symmetry; `statistic`: F of the nested models on the rows of the fit, about one for a true symmetry,
    nan where the rows are too few; `p_value`: of it, under normal noise; `dimension`: functions left, of `size`."""

    label: str
    ratio: float
    statistic: float
    p_value: float
    dimension: int
    size: int

    def __str__(self) -> str:
        told = f"ratio {self.ratio:.3g}, F {self.statistic:.3g}, p {self.p_value:.2g}"
        return f"{self.label}: {told}; {self.dimension} functions of {self.size}"


def symmetry_ratios(
    x, y, candidates: Mapping[str, object], *, space: AbstractFeatureSpace, output="scalar", held_out=None,
    seed: int = 0,
) -> tuple[ElementTest, ...]:  # fmt: skip
    r"""How much each candidate symmetry helps or hurts a function fitted to values, or a field fitted to rates.

    Each candidate is a linear hypothesis on the coefficients, $R(g)^T C = C \rho(g)^T$. The function is fitted by least
    squares with it and without it; compared are the errors on rows that were held out, and, where the rows of the fit
    are more than the functions, $F = \frac{(RSS_g - RSS) / (m p - q)}{RSS / (n p - m p)}$ of the nested models.

    Parameters
    ----------
    x, y: points (n, d), and values (n,) or (n, p) with noise that is alike and independent in all components.
    candidates: by name, what `fixed_space` takes: a matrix (d, d), matrices (k, d, d) that generate a group, a `Group`.
    space: features that the candidates map to themselves.
    output: what the candidates do to values, as for `fixed_space`.
    held_out: (x, y) of other rows; by default a random half of these is held out.
    seed: of the random half.

    Raises InputError for a candidate that leads out of the space, and data that do not fit.

    Soleymani, Tahmasebi, Jegelka, Jaillet 2026, Efficient learning and symmetry discovery under exact invariances,
    COLT, take the held-out error with a threshold.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> space = sd.HermiteFunctions(2, 3)
    >>> x = space.draw(100)
    >>> y = x[:, 0] * x[:, 1] + 0.1 * np.random.default_rng(0).normal(size=100)
    >>> tests = sd.symmetry_ratios(x, y, {"swap": np.eye(2)[::-1], "mirror": np.diag([1.0, -1.0])}, space=space)
    >>> [t.ratio < 1 for t in tests]
    [True, False]
    """
    points, values, _ = checked_data(x, y, space)
    if held_out is None:
        order = np.random.default_rng(seed).permutation(len(points))
        rows, others = order[: len(order) // 2], order[len(order) // 2 :]
        if not len(rows):
            raise InputError("a half of the rows is held out: give two rows or more")
        test, points, values = (points[others], values[others]), points[rows], values[rows]
    else:
        there_x, there_y = held_out
        test = checked_data(there_x, there_y, space)[:2]
    if test[1].shape[1] != values.shape[1]:
        raise InputError(f"held-out values have {test[1].shape[1]} components, the others {values.shape[1]}")
    judge = NestedModels(space(points), values)
    there = space(test[0])
    free = judge.fitted(None)
    error = np.mean((test[1] - there @ free) ** 2)
    found = []
    for label, g in candidates.items():
        group = np.asarray(g, float)[None] if isinstance(g, np.ndarray) and g.ndim == 2 else g
        fixed = fixed_space(space, group, output=output, method="svd" if space.size <= 100 else "auto")
        own = np.mean((test[1] - there @ judge.fitted(fixed)) ** 2)
        statistic, p = judge.test(fixed)
        ratio = float(own / max(float(error), EXACT * float(np.mean(test[1] ** 2)), np.finfo(float).tiny))
        found.append(ElementTest(label, ratio, statistic, p, fixed.dimension, free.size))
    return tuple(found)


class NestedModels:
    """Least squares in subspaces of coefficients, on features (n, m) and values (n, p), and F tests against all."""

    def __init__(self, phi: np.ndarray, y: np.ndarray):
        self.phi, self.y = phi, y
        rest = y - phi @ self.fitted(None)
        self.residual = float((rest**2).sum())

    def fitted(self, fixed: FixedSpace | None) -> np.ndarray:
        """Coefficients (m, p), the shortest where data are too few."""
        m, p = self.phi.shape[1], self.y.shape[1]
        if fixed is None:
            return np.linalg.lstsq(self.phi, self.y, rcond=None)[0]
        if not fixed.dimension:
            return np.zeros((m, p))
        if fixed.basis.shape[0] != m * p:
            raise InputError(f"values have {p} components, the symmetry gives them {fixed.basis.shape[0] // m}")
        psi = np.einsum("ns,spr->npr", self.phi, fixed.basis.reshape(m, p, -1), optimize=True)
        z = np.linalg.lstsq(psi.reshape(-1, fixed.dimension), self.y.reshape(-1), rcond=None)[0]
        return (fixed.basis @ z).reshape(m, p)

    def test(self, fixed: FixedSpace) -> tuple[float, float]:
        """F and its p value; nan where the rows are not more than the functions."""
        from scipy.stats import f

        (n, m), p, q = self.phi.shape, self.y.shape[1], fixed.dimension
        if q == m * p:
            return 1.0, 1.0
        if n <= m:
            return np.nan, np.nan
        noise = max(self.residual, EXACT * float((self.y**2).sum())) / ((n - m) * p)
        rest = float(((self.y - self.phi @ self.fitted(fixed)) ** 2).sum())
        statistic = (rest - self.residual) / (m * p - q) / noise
        return float(statistic), float(f.sf(statistic, m * p - q, (n - m) * p))
