r"""What departs from an invariant law: a function as a whole, by the part of it that the symmetry forbids, and single
rows, by their distance from what a law says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.spectral.fixed import FixedSpace, fixed_space
from symdyn.spectral.regression import checked_data
from symdyn.spectral.spaces import AbstractFeatureSpace

INDEPENDENT = 1e-10  # relative eigenvalue below which a direction of coefficients is not seen by the data


@dataclass(frozen=True)
class Anomaly:
    """Whether values are those of an invariant function: `statistic` is chi-squared with `dof` degrees of freedom if
    they are (F times `dof` where the noise was estimated); `threshold` at the level that was asked for; `p_value`.

    `levels`: of the feature space; `contributions`, `contribution_dof`, `contribution_p`: the same test of the
    forbidden functions of one level alone, which tells where the symmetry is broken.
    """

    statistic: float
    dof: int
    threshold: float
    p_value: float
    noise: float
    levels: np.ndarray
    contributions: np.ndarray
    contribution_dof: np.ndarray
    contribution_p: np.ndarray

    @property
    def anomalous(self) -> bool:
        """Whether the statistic is above the threshold."""
        return self.statistic > self.threshold

    def __str__(self) -> str:
        word = "departs from" if self.anomalous else "does not contradict"
        head = f"{word} the symmetry: {self.statistic:.4g} where {self.threshold:.4g} is allowed ({self.dof} functions)"
        rows = zip(self.levels, self.contributions, self.contribution_dof, self.contribution_p, strict=True)
        return "\n".join([head, *(f"  level {k}: {s:.4g} of {d} functions, p {p:.2g}" for k, s, d, p in rows)])


def symmetry_anomaly(
    x, y, *, space: AbstractFeatureSpace, group, output="scalar", offsets=None, noise: float | None = None,
    level: float = 0.01, fixed: FixedSpace | None = None,
) -> Anomaly:  # fmt: skip
    r"""How far values depart from every function that keeps a symmetry, with a calibrated threshold.

    The functions of the space are those that the group keeps, and the others, $I - P$. The former are fitted; what the
    latter still explain, $T = s^T \Sigma^+ s$ with their products s with the residuals and the covariance of these,
    is chi-squared under the symmetry, whatever the invariant function is. With more data than functions T is the
    squared length of the forbidden part of the least-squares coefficients, in units of its own covariance.

    Parameters
    ----------
    x, y: points (m, n), and values (m,) or (m, p), of one map or one stretch of an orbit.
    space, group, output, offsets, fixed: as for `fit_invariant`.
    noise: standard deviation of the values, from instruments or from data that are known to be normal. Without it the
        scatter about the fit of all functions is taken, which needs more data than functions.
    level: probability of an alarm where the symmetry holds.

    Raises InputError where the noise is neither given nor to be had, and for data that do not fit.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> space, rng = sd.SphereHarmonics(3, 4), np.random.default_rng(0)
    >>> x = space.draw(200)
    >>> y = x[:, 2] ** 2 + 0.1 * rng.normal(size=200)
    >>> zonal = sd.SO(2).algebra.generators.linear_part[0]
    >>> turns = sd.Group("turns about the axis", sd.LieAlgebra("so(2)", np.pad(zonal, (0, 1))[None]))
    >>> told = [sd.symmetry_anomaly(x, y + bump * x[:, 0] ** 3, space=space, group=turns) for bump in (0, 0.3)]
    >>> [each.anomalous for each in told]
    [False, True]
    """
    if not 0 < level < 1:
        raise InputError(f"level is a probability between 0 and 1, got {level}")
    points, values, _ = checked_data(x, y, space)
    p = values.shape[1]
    fixed = fixed or fixed_space(space, group, output=output, offsets=offsets)
    if fixed.basis.shape[0] != space.size * p:
        raise InputError(f"values have {p} components, the symmetry gives them {fixed.basis.shape[0] // space.size}")
    phi = space(points)
    kept = np.linalg.qr(_rows(phi, fixed.basis, p))[0] if fixed.dimension else np.zeros((values.size, 0))
    rest = values.reshape(-1) - kept @ (kept.T @ values.reshape(-1))
    forbidden, levels = _forbidden(space, fixed, p)
    others = _rows(phi, forbidden, p)
    others -= kept @ (kept.T @ others)
    statistic, dof = _chi_squared(others, rest)
    free = len(rest) - fixed.dimension - dof
    if noise is None and free < 1:
        raise InputError(
            f"{values.size} values do not tell the noise beside {fixed.dimension + dof} functions; give noise="
        )
    given = noise is not None
    noise = float(noise) if noise is not None else float(np.sqrt(max(rest @ rest - statistic, 0.0) / free))
    if not noise > 0:
        raise InputError(f"the noise of the values is a positive number, got {noise:g}; give noise=")
    parts = [(k, *_chi_squared(others[:, levels == k], rest)) for k in np.unique(levels)]
    law = _law(None if given else free)
    sums, dofs = np.array([s for _, s, _ in parts]) / noise**2, np.array([d for _, _, d in parts])
    return Anomaly(
        statistic / noise**2, dof, float(law(dof).isf(level)), float(law(dof).sf(statistic / noise**2)), noise,
        np.array([k for k, _, _ in parts]), sums, dofs,
        np.array([law(d).sf(s) for s, d in zip(sums, dofs, strict=True)]),
    )  # fmt: skip


def _rows(phi: np.ndarray, basis: np.ndarray, p: int) -> np.ndarray:
    """Functions of a basis (size p, r) at the data: (m p, r)."""
    found = np.einsum("ms,spr->mpr", phi, basis.reshape(phi.shape[1], p, -1), optimize=True)
    return found.reshape(len(phi) * p, -1)


def _forbidden(space: AbstractFeatureSpace, fixed: FixedSpace, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal columns beside the fixed ones, each of one level where the fixed ones are: (size p, k), levels."""
    every, columns, levels = np.repeat(space.levels, p), [], []
    by_level = all(
        not np.any(np.abs(fixed.basis[every != k][:, fixed.levels == k]) > 1e-9) for k in np.unique(fixed.levels)
    )
    for k in np.unique(every) if by_level else (0,):
        here = every == k if by_level else np.ones(len(every), bool)
        own = fixed.basis[here][:, fixed.levels == k] if by_level else fixed.basis
        u, s, _ = np.linalg.svd(own, full_matrices=True)
        rest = u[:, int((s > 0.5).sum()) :]  # singular values of orthonormal columns are 1
        whole = np.zeros((len(every), rest.shape[1]))
        whole[here] = rest
        columns.append(whole)
        levels.append(np.full(rest.shape[1], k))
    return np.concatenate(columns, axis=1), np.concatenate(levels)


def _chi_squared(rows: np.ndarray, rest: np.ndarray) -> tuple[float, int]:
    """The squared length of the residuals along functions, and how many of these the data tell apart."""
    if not rows.shape[1]:
        return 0.0, 0
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    along = u[:, s > np.sqrt(INDEPENDENT) * max(float(s.max()), 1e-300)].T @ rest
    return float(along @ along), len(along)


def _law(free: int | None):
    """The distribution of a statistic by its degrees of freedom."""
    from scipy.stats import chi2, f

    class Scaled:
        def __init__(self, dof: int):
            self.dof = max(dof, 1)

        def sf(self, value: float) -> float:
            return float(chi2.sf(value, self.dof) if free is None else f.sf(value / self.dof, self.dof, free))

        def isf(self, level: float) -> float:
            return float(chi2.isf(level, self.dof) if free is None else self.dof * f.isf(level, self.dof, free))

    return Scaled


@dataclass(frozen=True)
class Departures:
    """Rows that a law does not explain: `scores` (m,), squared distances in units of their scatter; `p_values` (m,);
    `flagged` (m,): of which about a share `level` are false; `level`."""

    scores: np.ndarray
    p_values: np.ndarray
    flagged: np.ndarray
    level: float

    @property
    def count(self) -> int:
        """How many rows are flagged."""
        return int(self.flagged.sum())

    def __str__(self) -> str:
        return f"{self.count} of {len(self.scores)} rows depart from the law (false among them: {self.level:g})"


def departures(residuals, *, noise=None, reference=None, level: float = 0.05) -> Departures:
    r"""Which rows depart from a law, with the share of false alarms under control.

    Each row is judged by its squared distance from the law, in units of the scatter of normal rows. Its p value comes
    from chi-squared, where the noise is known and normal, or from the rank of its score among those of reference rows,
    which assumes only that normal rows are alike: $p = (1 + \#\{\mathrm{reference} \ge s\}) / (1 + n)$. Rows are
    flagged by the procedure of Benjamini and Hochberg.

    Parameters
    ----------
    residuals: values minus what the law says, (m,) or (m, p).
    noise: standard deviation, one or (p,), or the covariance (p, p).
    reference: residuals (n,) or (n, p) of rows that are known to be normal, and that the law was not fitted to, in
        place of the noise.
    level: expected share of false ones among the flagged rows.

    Raises InputError unless just one of noise and reference is given, and where the reference is too short to flag a
    single row.

    Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289; Bates, Candes, Lei, Romano, Sesia 2023, Ann. Stat. 51, 149.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> rows = np.random.default_rng(0).normal(size=(500, 3))
    >>> rows[:5] += 10
    >>> sd.departures(rows, noise=1.0).flagged[:5].all()
    np.True_
    """
    rows = _residuals("residuals", residuals)
    if (noise is None) == (reference is None):
        raise InputError("give noise=, or reference= residuals of normal rows, and not both")
    if not 0 < level < 1:
        raise InputError(f"level is a share between 0 and 1, got {level}")
    if noise is not None:
        from scipy.stats import chi2

        scores = _scores(rows, _covariance(noise, rows.shape[1]))
        p = chi2.sf(scores, rows.shape[1])
    else:
        normal = _residuals("reference", reference)
        if normal.shape[1] != rows.shape[1]:
            raise InputError(f"reference has {normal.shape[1]} components, residuals {rows.shape[1]}")
        if 1 / (1 + len(normal)) > level:
            raise InputError(f"{len(normal)} reference rows give no p value below {level:g}; give more")
        covariance = normal.T @ normal / len(normal)
        scores, ranked = _scores(rows, covariance), np.sort(_scores(normal, covariance))
        p = (1 + len(normal) - np.searchsorted(ranked, scores, side="left")) / (1 + len(normal))
    order = np.argsort(p)
    below = p[order] <= level * np.arange(1, len(p) + 1) / len(p)
    flagged = np.zeros(len(p), bool)
    flagged[order[: int(np.flatnonzero(below)[-1]) + 1 if below.any() else 0]] = True
    return Departures(scores, p, flagged, level)


def _residuals(name: str, values) -> np.ndarray:
    rows = np.asarray(values, np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise InputError(f"{name} need finite rows (m,) or (m, p), got the shape {np.shape(values)}")
    return rows


def _covariance(noise, p: int) -> np.ndarray:
    given = np.asarray(noise, np.float64)
    covariance = given if given.ndim == 2 else np.diag(np.broadcast_to(given, (p,)) ** 2)
    if covariance.shape != (p, p) or not (np.linalg.eigvalsh(covariance) > 0).all():
        raise InputError(f"noise needs positive deviations (p,) or a covariance (p, p) with p = {p}, got {noise}")
    return covariance


def _scores(rows: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return np.einsum("mp,mp->m", rows, np.linalg.solve(covariance, rows.T).T)
