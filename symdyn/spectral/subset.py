"""Few elements that do the work of a whole group: random subset selection for groups that can only be drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn.spectral.fixed import FixedSpace, fixed_space, representation
from symdyn.spectral.regression import everything
from symdyn.spectral.spaces import AbstractFeatureSpace

STILL = 1e-8  # relative change of a random function below which an element leaves it as it is


@dataclass(frozen=True, eq=False)
class RandomSubset:
    """`elements` (s, n, n) that leave the same functions fixed as the whole group, with probability 1 - delta; `fixed`:
    these functions; `draws`: how many elements were looked at."""

    elements: np.ndarray
    fixed: FixedSpace
    draws: int


def random_subset(
    space: AbstractFeatureSpace, draw: Callable[[np.random.Generator], np.ndarray], *, delta: float = 1e-3,
    patience: int | None = None, seed: int = 0,
) -> RandomSubset:  # fmt: skip
    r"""The functions that a group leaves fixed, by elements drawn at random from it.

    Each element is tried on one random function of those that are still fixed; it is kept, and the space cut, where it
    moves it. With $O(r^2 + r \log 1/\delta)$ draws, r functions at the start, the space is exact with probability $1 -
    \delta$, whatever the order of the group (Soleymani, Tahmasebi, Jegelka, Jaillet 2026, COLT). Where generators are
    known, `fixed_space` is exact and needs no chance.

    Parameters
    ----------
    space: the features.
    draw: from a NumPy generator to a matrix (n, n), uniform (Haar) in the group.
    delta: the probability of a space that is too large.
    patience: draws in a row that leave everything fixed after which to stop, instead of all that the bound asks for: a
        heuristic, since then the probability is not known.
    seed: of the draws.

    Raises InputError for matrices of another shape, and a group that leads out of the space.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> from scipy.stats import special_ortho_group
    >>> space = sd.SphereHarmonics(3, 3)
    >>> found = sd.random_subset(space, lambda rng: special_ortho_group.rvs(3, random_state=rng), patience=20)
    >>> found.fixed.dimension, len(found.elements)
    (1, 2)
    """
    if not 0 < delta < 1:
        raise InputError(f"delta is a probability between 0 and 1, got {delta}")
    rng, r = np.random.default_rng(seed), space.size
    most = math.ceil(r**2 + r * math.log(1 / delta))
    points = space.draw(2 * r + 20, seed)
    here = space(points)
    basis, kept, still, draws = everything(space).basis, [], 0, 0
    while draws < most and basis.shape[1] and (patience is None or still < patience):
        g, draws = np.asarray(draw(rng), np.float64), draws + 1
        if g.shape != (space.dimension,) * 2:
            raise InputError(f"draw gives matrices ({space.dimension}, {space.dimension}), got the shape {g.shape}")
        c = basis @ rng.normal(size=basis.shape[1])
        before, after = here @ c, space(points @ g.T) @ c
        if np.linalg.norm(after - before) <= STILL * np.linalg.norm(before):
            still += 1
            continue
        still = 0
        kept.append(g)
        (R,), _, closure = representation(space, g[None])
        if closure > STILL:
            raise InputError(f"the group leads out of the space (residual {closure:.1g})")
        _, values, rows = np.linalg.svd((R - np.eye(r)) @ basis)
        basis = basis @ rows[values < STILL * max(values.max(initial=0.0), 1.0)].T
    elements = np.array(kept).reshape(-1, space.dimension, space.dimension)
    fixed = fixed_space(space, elements, method="svd") if kept else everything(space)
    return RandomSubset(elements, fixed, draws)
