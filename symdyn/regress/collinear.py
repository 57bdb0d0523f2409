"""Which terms of a fitted law the data cannot tell apart: reported as groups, never split silently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.fit import Fit
from symdyn.regress.solvers import ROUNDING

MEMBER = 0.1  # a term belongs to a direction when its entry exceeds this share of the largest
SIZE = 1e-14  # squared share of a column outside the others, below which it counts as one of their combinations
PRINTED = 8  # terms of a group in its text
SIGNIFICANT = 3.0  # standard deviations that an exchange must cost before two terms count as told apart


@dataclass(frozen=True)
class CollinearGroup:
    """Terms that the data do not tell apart.

    `terms`: their names; `reason`: "undetermined" where the kept coefficients of the group have no separate values,
    "exchangeable" where a kept term (the first) could be replaced by a dropped one (the others) and the fit be as
    good; `uncertainty`: the standard error along the undetermined direction as a share of the rate, or the largest
    cost of an exchange in standard deviations.
    """

    terms: tuple[str, ...]
    reason: str
    uncertainty: float

    def __str__(self) -> str:
        names = " | ".join(self.terms[:PRINTED])
        if len(self.terms) > PRINTED:
            names += f" | and {len(self.terms) - PRINTED} more"
        if self.reason == "undetermined":
            why = f"their combination is uncertain by {self.uncertainty:.2g} of the rate"
        else:
            why = f"any of them fits as well, within {self.uncertainty:.2g} standard deviations"
        return f"not told apart by these data: {names} ({why})"


def collinear_groups(fit: Fit, names: tuple[str, ...], tolerance: float) -> tuple[CollinearGroup, ...]:
    """The collinear groups of a fit; `tolerance` is the share of the rate below which an uncertainty is harmless."""
    kept = np.flatnonzero(fit.mask)
    if not len(kept):
        return ()
    undetermined = _undetermined(fit, names, kept, tolerance)
    open_ = {name for group in undetermined for name in group.terms}
    return (*undetermined, *(g for g in _exchangeable(fit, names, kept) if g.terms[0] not in open_))


def _undetermined(fit: Fit, names, kept: np.ndarray, tolerance: float) -> list[CollinearGroup]:
    """Directions among the kept weights whose standard error exceeds the tolerance (a share of the rate).

    The directions are the eigenvectors of the covariance of the shares; rounding sets a floor of eps / (smallest
    singular value), so that exactly dependent columns are found in noiseless data too.
    """
    unit = (fit.unit * fit.problem.physical)[kept]
    covariance = fit.covariance / np.outer(unit, unit)
    values, vectors = np.linalg.eigh(covariance)
    _, singular, right = np.linalg.svd(fit.triangle[:, kept])
    found = []
    for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
        if value > tolerance**2:
            found.append((vector, float(np.sqrt(value))))
    for value, vector in zip(singular, right, strict=False):
        if value < 1e-12 * singular[0]:
            found.append((vector, np.inf))
    groups = {}
    for vector, size in found:
        members = kept[np.abs(vector) > MEMBER * np.abs(vector).max()]
        if len(members) > 1:
            key = tuple(names[k] for k in members)
            groups[key] = max(size, groups.get(key, 0.0))
    return [CollinearGroup(key, "undetermined", size) for key, size in groups.items()]


def _exchangeable(fit: Fit, names, kept: np.ndarray) -> list[CollinearGroup]:
    """For each kept term the dropped ones that could take its place at no significant cost.

    The cost of an exchange is judged by Vuong's paired test over blocks (Econometrica 57, 1989, 307): the mean
    difference of the blocks' residual sums of squares over its standard error.
    """
    dropped = np.flatnonzero(~fit.mask)
    if not len(dropped) or len(fit.problem.moments.blocks) < 2:
        return []
    table, y = fit.triangle[:, :-1], fit.triangle[:, -1]
    basis, factor = np.linalg.qr(table[:, kept])
    inside, left = basis.T @ table, y - basis @ (basis.T @ y)
    outside = np.einsum("ij,ij->j", table, table) - np.einsum("ij,ij->j", inside, inside)
    pull, groups = left @ table, []
    for place, k in enumerate(kept):
        # the direction of k apart from the other kept terms is the last one of their QR with k at the end
        own = np.linalg.qr(factor[:, [*np.delete(np.arange(len(kept)), place), place]])[0][:, -1]
        along, share = own @ inside, float(own @ (basis.T @ y))
        size = np.maximum(outside, 0.0) + along**2
        gain = np.where(size > SIZE, (pull + along * share) ** 2 / np.maximum(size, SIZE), 0.0)
        remainder = left @ left + share**2
        # the squared residuals of the swapped fits; a swap that doubles the residual cannot pass the test below, even
        # where all rows of a block move together
        near = dropped[remainder - gain[dropped] <= 2 * fit.residual**2 + ROUNDING**2]
        costs = dict(zip(near.tolist(), _exchange_costs(fit, kept, k, near), strict=True))
        same = [j for j, cost in costs.items() if cost < SIGNIFICANT]
        if same:
            worst = max(abs(costs[j]) for j in same)
            groups.append(CollinearGroup((names[k], *(names[j] for j in same)), "exchangeable", worst))
    return groups


def _exchange_costs(fit: Fit, kept: np.ndarray, k: int, others: np.ndarray) -> list[float]:
    """How much worse the fit is with each of `others` in place of k, in standard deviations over the blocks."""
    problem, members = fit.problem, np.arange(fit.problem.size)
    masks = [np.isin(members, kept), *(np.isin(members, np.where(kept == k, j, kept)) for j in others)]
    allowed = np.array([problem.feasible(mask) for mask in masks[1:]], bool)
    tried = [masks[0], *(mask for mask, fine in zip(masks[1:], allowed, strict=True) if fine)]
    weights = np.stack([problem.shares(mask) for mask in tried], axis=1) * problem.normalised[1][:, None]
    residuals = problem.block_residuals(weights)
    difference = residuals[:, 1:] - residuals[:, :1]
    spread = difference.std(axis=0, ddof=1) * np.sqrt(len(difference))
    costs = np.full(len(others), np.inf)
    costs[allowed] = np.where(spread > 0, difference.sum(axis=0) / np.where(spread > 0, spread, 1.0), np.inf)
    return costs.tolist()
