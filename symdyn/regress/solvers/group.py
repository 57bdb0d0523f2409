"""The group lasso: terms that come and go together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.solvers.base import AbstractSolver, as_masks, live_terms
from symdyn.regress.solvers.penalised import DEPTH, PENALTIES

SWEEPS = 1000  # most sweeps over the groups at one penalty
CHANGE = 1e-8  # of the fit, as a share of the target, below which the sweeps end


@dataclass(frozen=True)
class GroupLasso(AbstractSolver):
    r"""Least squares with a penalty on the size of what each group of terms explains.

    $$\min_w \tfrac12 \Bigl| y - \sum_g T_g w_g \Bigr|^2 + \alpha \sum_g \sqrt{k_g} \, |T_g w_g|$$

    in columns of unit norm, with k_g terms in group g: a group enters or leaves as a whole. By block coordinate descent
    with the exact step of each group in its orthonormal basis, along a path of falling penalties, each fit started at
    the last. The kept terms are fitted again without the penalty.

    Reference: Yuan, Lin 2006, Journal of the Royal Statistical Society B 68, 49; in the standardised form of Simon,
    Tibshirani 2012, Statistica Sinica 22, 983.

    Parameters
    ----------
    groups: the names of the terms of each group; a term that no group names is a group of its own.
    alpha: the penalty, between 0 and 1, free of units. None: the whole path comes into question, and the selection
        decides.

    Raises InputError for a penalty out of range, a term in two groups, or (in `identify`) an unknown name.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> pair = sd.GroupLasso((("x", "y"),), alpha=0.1).on(("x", "y", "x y"))  # identify does this
    >>> table = np.array([[1.0, 0.0, 0.0, 0.9], [0.0, 1.0, 0.0, 0.01], [0.0, 0.0, 1.0, 0.05], [0.0, 0.0, 0.0, 0.4]])
    >>> pair.path(table, 100).tolist()
    [[True, True, False]]
    """

    groups: tuple[tuple[str, ...], ...]
    alpha: float | None = None
    members: tuple[tuple[int, ...], ...] | None = None

    def __post_init__(self):
        groups = tuple((g,) if isinstance(g, str) else tuple(g) for g in self.groups)
        object.__setattr__(self, "groups", groups)
        names = [name for group in groups for name in group]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            raise InputError(f"each term belongs to one group, and there is at least one; {twice or groups!r}")
        if self.alpha is not None and not 0 < self.alpha < 1:
            raise InputError(f"the penalty is between 0 and 1, or None; got {self.alpha!r}")

    def on(self, names: tuple[str, ...]) -> GroupLasso:
        """The solver with the places of the terms of each group."""
        for name in (name for group in self.groups for name in group):
            if name not in names:
                raise InputError(f"a group names {name!r}; the terms are {', '.join(names)}")
        members = [tuple(names.index(name) for name in group) for group in self.groups]
        named = {k for group in members for k in group}
        return replace(self, members=(*members, *((k,) for k in range(len(names)) if k not in named)))

    def path(self, triangle: np.ndarray, rows: int) -> np.ndarray:
        r = triangle.shape[1] - 1
        live = set(live_terms(triangle).tolist())
        if self.members is None:
            raise InputError("GroupLasso knows its terms by name: it is bound to a library by identify")
        groups = [[k for k in group if k in live] for group in self.members]
        groups = [group for group in groups if group]
        bases = [np.linalg.svd(triangle[:, group], full_matrices=False)[0] for group in groups]
        price = np.sqrt([len(group) for group in groups])
        pull = np.array([np.linalg.norm(basis.T @ triangle[:, -1]) for basis in bases])
        highest = float((pull / price).max(initial=0.0))
        lowest = DEPTH * highest if self.alpha is None else self.alpha
        if lowest >= highest:
            return np.zeros((1, r), bool)
        sets, parts = [], [np.zeros(basis.shape[1]) for basis in bases]
        for alpha in np.geomspace(highest, lowest, PENALTIES):
            parts = _descended(bases, triangle[:, -1], alpha * price, parts)
            sets.append([k for group, part in zip(groups, parts, strict=True) if part.any() for k in group])
        return as_masks(sets if self.alpha is None else sets[-1:], r)


def _descended(bases: list[np.ndarray], y: np.ndarray, prices: np.ndarray, start: list[np.ndarray]) -> list[np.ndarray]:
    """The minimum at one penalty: coefficients of each group in its orthonormal basis."""
    parts = list(start)
    left = y - sum((basis @ part for basis, part in zip(bases, parts, strict=True)), np.zeros(len(y)))
    for _ in range(SWEEPS):
        largest = 0.0
        for g, (basis, price) in enumerate(zip(bases, prices, strict=True)):
            whole = parts[g] + basis.T @ left
            size = float(np.linalg.norm(whole))
            new = whole * max(0.0, 1 - price / size) if size > 0 else whole
            step = new - parts[g]
            largest = max(largest, float(np.linalg.norm(step)))
            left -= basis @ step
            parts[g] = new
        if largest < CHANGE:
            break
    return parts
