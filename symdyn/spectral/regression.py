r"""Regression with functions that keep a symmetry exactly: ridge, least squares, or the moments of uniform data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.spectral.fixed import FixedSpace, fixed_space
from symdyn.spectral.spaces import AbstractFeatureSpace, checked_points

SMOOTHNESS = (0.0, 1.0, 2.0, 4.0, 8.0)
RIDGES = np.logspace(-9, 1, 31)
Estimator = Literal["ridge", "least_squares", "moments"]


class SpectralModel(eqx.Module):
    """A function f(x) = C' phi(x) of a feature space, which keeps the symmetry that it was fitted under.

    Called with one point (n,), by JAX: the value, (p,), or a number where there is one. `predict` takes many points.

    `coefficients` (size, p); `space`: the features; `fixed`: the equivariant functions; `noise`: standard deviation of
    the data about the function, by component (p,); `evidence`: log evidence, nan for other estimators than "ridge".
    """

    coefficients: Any
    space: AbstractFeatureSpace = eqx.field(static=True)
    fixed: FixedSpace = eqx.field(static=True)
    scalar: bool = eqx.field(static=True)
    covariance: Any
    noise: float
    evidence: float
    ridge: float
    smoothness: float

    def __call__(self, x):
        value = self.space.features(jnp.asarray(x)) @ jnp.asarray(self.coefficients)
        return value[0] if self.scalar else value

    def predict(self, points) -> np.ndarray:
        """Values at points (m, n): (m, p), or (m,) of a scalar; in float64."""
        values = self.space(points) @ np.asarray(self.coefficients)
        return values[:, 0] if self.scalar else values

    def std(self, points) -> np.ndarray:
        """Standard deviations of the function (not of data) at points: (m, p), or (m,); as invariant as it is.

        Raises InputError for estimators that have none.
        """
        if np.isnan(np.asarray(self.covariance)).any():
            raise InputError('only the estimators "ridge" and "least_squares" tell standard deviations')
        phi, p = self.space(points), np.asarray(self.coefficients).shape[1]
        basis = self.fixed.basis.reshape(self.space.size, p, -1)
        psi = np.einsum("ms,spr->mpr", phi, basis)
        out = np.sqrt(np.maximum(np.einsum("mpr,rt,mpt->mp", psi, np.asarray(self.covariance), psi), 0.0))
        return out[:, 0] if self.scalar else out

    def save(self, path) -> None:
        """Write the function to a file without code, for `load_spectral`. Raises InputError for own features."""
        from symdyn.spectral.files import save_spectral

        save_spectral(self, path)

    def discrepancy(self, move: Callable, points) -> float:
        """The largest change of a scalar under a map of points (m, n), by the largest value."""
        x = np.asarray(points, np.float64)
        before, after = self.predict(x), self.predict(move(x))
        return float(np.abs(after - before).max() / max(float(np.abs(before).max()), np.finfo(float).tiny))


def fit_invariant(
    x, y, *, space: AbstractFeatureSpace, group, output="scalar", offsets=None, estimator: Estimator = "ridge",
    smoothness: float | None = None, ridge: float | None = None, fixed: FixedSpace | None = None,
) -> SpectralModel:  # fmt: skip
    r"""Fit a function that keeps a symmetry exactly, in the span of a feature space.

    The equivariant functions of the space are found first (`fixed_space`), at a cost that does not depend on the order
    of the group; what is left is a small regression. As Soleymani and others (2025) show, the projection costs no
    accuracy; least squares there, instead of their moments, is far better with few data.

    Parameters
    ----------
    x: points (m, n).
    y: values (m,), or (m, p) for an output of p components.
    space, group, output, offsets: see `fixed_space`; `group=None` keeps all functions.
    estimator: "ridge", with prior variances $(1 + \lambda / \lambda_1)^{-s}$ for eigenvalues $\lambda$, a Sobolev norm,
        and both numbers by the evidence; "least_squares"; or "moments", the estimator of the paper: means
        of y times the features, for points that are uniform on the domain.
    smoothness: s; by the evidence where it is None.
    ridge: noise variance over prior variance, relative to the number of data; by the evidence where it is None.
    fixed: what `fixed_space` gave, to use it again.

    Raises InputError for shapes that do not fit, missing values, a group that leads out of the space, and where nothing
    but zero is equivariant.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> space = sd.SphereHarmonics(3, 3)
    >>> x = space.draw(30)
    >>> law = sd.fit_invariant(x, (x**3).sum(axis=1), space=space, group=sd.Permutations(3))
    >>> bool(np.abs(law.predict(x) - (x**3).sum(axis=1)).max() < 1e-6)
    True
    >>> law.discrepancy(lambda points: points[:, [1, 2, 0]], x) < 1e-12
    True
    """
    points, values, scalar = checked_data(x, y, space)
    if fixed is None:
        fixed = everything(space, values.shape[1]) if group is None else fixed_space(
            space, group, output=output, offsets=offsets
        )  # fmt: skip
    p = values.shape[1]
    if fixed.basis.shape[0] != space.size * p:
        raise InputError(f"the output has {p} components, the symmetry gives it {fixed.basis.shape[0] // space.size}")
    if not fixed.dimension:
        raise InputError("nothing but zero is equivariant here: is `output` what the group does to the values?")
    phi = space(points)
    if estimator == "moments":
        return _moments(phi, values, space, fixed, scalar)
    if estimator not in ("ridge", "least_squares"):
        raise InputError(f'estimator is "ridge", "least_squares" or "moments", got {estimator!r}')
    psi = np.einsum("ms,spr->mpr", phi, fixed.basis.reshape(space.size, p, -1)).reshape(len(values) * p, -1)
    flat = values.reshape(-1)
    if estimator == "least_squares":
        if len(flat) < fixed.dimension:
            raise InputError(f"{fixed.dimension} functions need as many data, got {len(flat)}; use estimator='ridge'")
        found = _ridge(psi, flat, np.ones(fixed.dimension), 0.0)
        best = found, np.nan, 0.0, np.nan
    else:
        variances = 1 / roughness(space, fixed)
        score, level, power = evidence_of(psi, flat, variances, smoothness, ridge)
        best = _ridge(psi, flat, variances**power, level), score, level, power
    (z, covariance, noise), evidence, chosen, order = best
    c = (fixed.basis @ z).reshape(space.size, p)
    return SpectralModel(c, space, fixed, scalar, covariance, noise, evidence, chosen, order)


def everything(space: AbstractFeatureSpace, p: int = 1) -> FixedSpace:
    """All functions of a space, as if no group acted."""
    return FixedSpace(np.eye(space.size * p), np.inf, 0.0, np.repeat(space.levels, p))


def checked_data(x, y, space: AbstractFeatureSpace) -> tuple[np.ndarray, np.ndarray, bool]:
    """Points (m, n), values (m, p), and whether they were given as (m,). Raises InputError where they do not fit."""
    points = checked_points(x, space.dimension)
    values = np.asarray(y, np.float64)
    scalar = values.ndim == 1
    values = values[:, None] if scalar else values
    if values.ndim != 2 or len(values) != len(points) or not len(points):
        raise InputError(f"y needs one value, or one row, for each of the {len(points)} points, got {np.shape(y)}")
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).any(axis=1).sum())} values of y are missing; leave them out")
    return points, values, scalar


def _moments(phi, values, space: AbstractFeatureSpace, fixed: FixedSpace, scalar: bool) -> SpectralModel:
    """Means of y times the features, projected."""
    c = (phi.T @ values / len(phi)).reshape(-1)
    c = (fixed.basis @ (fixed.basis.T @ c)).reshape(space.size, values.shape[1])
    noise = float(np.std(values - phi @ c))
    none = np.full((fixed.dimension,) * 2, np.nan)
    return SpectralModel(c, space, fixed, scalar, none, noise, np.nan, 0.0, np.nan)


def roughness(space: AbstractFeatureSpace, fixed: FixedSpace) -> np.ndarray:
    """1 + eigenvalue, in units of the smallest that is not zero, of each equivariant function: (r,)."""
    rough = np.asarray(space.eigenvalues, np.float64)
    unit = float(rough[rough > 0].min(initial=np.inf))
    own = (fixed.basis.reshape(space.size, -1, fixed.dimension) ** 2).sum(axis=1).T @ rough
    return 1 + own / unit


def _ridge(psi: np.ndarray, y: np.ndarray, variances: np.ndarray, ridge: float):
    """Weights z, their covariance and the noise."""
    scaled = psi * np.sqrt(variances)
    u, s, rows = np.linalg.svd(scaled, full_matrices=False)
    damp = s**2 + ridge * len(y)
    kept = s > 1e-12 * s.max(initial=0.0) if ridge == 0 else np.ones(len(s), bool)
    inverse = np.where(kept, s / np.where(kept, damp, 1.0), 0.0)
    z = rows.T @ (inverse * (u.T @ y)) * np.sqrt(variances)
    free = len(y) - (np.where(kept, s**2 / np.where(kept, damp, 1.0), 0.0)).sum()
    noise = float(np.sqrt(((y - psi @ z) ** 2).sum() / max(free, 1e-9))) if free > 1e-9 else 0.0
    prior = 1.0 if ridge == 0 else 1 / (ridge * len(y))
    # posterior covariance in units of the noise: V - V S' (S V S' + ridge n)^-1 S V by the singular values
    shrunk = np.where(kept, 1 / np.where(kept, damp, 1.0), 0.0)
    cov = (rows.T * (shrunk - (prior if ridge else 0.0))) @ rows + (prior * np.eye(len(variances)) if ridge else 0.0)
    root = np.sqrt(variances)
    return z, noise**2 * root[:, None] * cov * root, noise


def evidence_of(
    psi: np.ndarray, y: np.ndarray, variances: np.ndarray, smoothness: float | None, ridge: float | None
) -> tuple[float, float, float]:
    """Log evidence, ridge and Sobolev order, the best of a grid, with the scale at its most likely value."""
    best = None
    for order in SMOOTHNESS if smoothness is None else (smoothness,):
        prior = variances**order
        u, s, _ = np.linalg.svd(psi * np.sqrt(prior), full_matrices=False)
        along = u.T @ y
        rest = max(float(y @ y - along @ along), 0.0)
        for level in RIDGES * max(float((s**2).mean()), 1e-300) / len(y) if ridge is None else (ridge,):
            c = level * len(y)
            if c == 0:
                continue
            square = (along**2 * c / (s**2 + c)).sum() + rest
            m = len(y)
            score = -0.5 * (
                m * np.log(max(square / m, 1e-300)) + np.log1p(s**2 / c).sum() + m * (1 + np.log(2 * np.pi))
            )
            if best is None or score > best[0]:
                best = float(score), float(level), float(order)
    if best is None:
        raise InputError("ridge must be positive; use estimator='least_squares' for none")
    return best
