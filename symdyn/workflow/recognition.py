"""Which symmetries the distribution of a data set has: two-sample tests of candidate elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups import Action, Group
from symdyn.workflow.moves import Blocks, Moves, rng_of, turning

_ROWS_AT_ONCE = 200  # permutations


@dataclass(frozen=True)
class Recognised:
    """The test of one element, or of the flow of one generator.

    `effect`: the energy distance of the two samples, relative to twice the mean distance between them: 0 for equal
    distributions, at most 1. `threshold`: the effect that one permutation in twenty exceeds: what could not be seen.
    `p`: of the permutation test; `adjusted`: by Holm's method over all candidates; `kept`: not rejected.
    """

    candidate: str
    label: str
    effect: float
    threshold: float
    p: float
    adjusted: float
    kept: bool


@dataclass(frozen=True)
class Recognition:
    """The tests of all candidates at a family-wise level; prints as a table."""

    tests: tuple[Recognised, ...]
    level: float

    @property
    def kept(self) -> tuple[str, ...]:
        """Labels that the data do not contradict."""
        return tuple(t.label for t in self.tests if t.kept)

    @property
    def rejected(self) -> tuple[str, ...]:
        """Labels under which the distribution changes."""
        return tuple(t.label for t in self.tests if not t.kept)

    def __str__(self) -> str:
        names = [f"{t.candidate}: {t.label}" for t in self.tests]
        width = max(len(name) for name in names)
        head = f"{'element':<{width}}  effect   seen from  p (Holm)  at level {self.level:g}"
        lines = [
            f"{name:<{width}}  {t.effect:7.4f}  {t.threshold:8.4f}  {t.adjusted:8.3g}  "
            + ("not contradicted" if t.kept else "no symmetry")
            for name, t in zip(names, self.tests, strict=True)
        ]
        return "\n".join([head, *lines])


def recognise_symmetries(
    x,
    candidates: Mapping[str, Group | Action] | Sequence[Group] | Group,
    *,
    key,
    space: StateSpace | None = None,
    units=None,
    level: float = 0.05,
    permutations: int | None = None,
    rows: int = 1000,
    scale: float = 1.0,
) -> Recognition:
    """Test which elements of candidate groups leave the distribution of the data unchanged.

    One random half of the rows is moved and compared with the other half: by a discrete element, by turns through
    random angles, a different one for each row, or by one finite element of a generator that is no turn. The energy
    distance of the components in units of their standard deviations has p-values by permutation, exact for
    independent rows (units), and Holm's adjustment.

    A symmetry of the distribution is more than one of the law: data of a symmetric law that start on one side are not
    symmetric (ask `find_symmetries` and `symmetry_evidence` for laws). What is not contradicted is not proved: the
    column `seen from` tells the smallest effect that would have been noticed.

    Parameters
    ----------
    x: data (m, n).
    candidates: groups acting on R^n, or actions by name.
    key: a JAX PRNG key.
    space: the state, for actions.
    units: labels (m,) of what is independent, such as trajectories; rows by default. Rows of one trajectory are not
        independent, and without this the test rejects too often.
    level: family-wise level.
    permutations: of each test; enough for the level by default.
    rows: at most so many, drawn at random (with units, whole units in random order until there are so many).
    scale: by how many standard deviations of the data a generator that is no turn moves them, in the mean.

    Raises InputError for too few rows or units, too few permutations, and candidates that do not fit the data.

    References: Szekely, Rizzo 2013, Energy statistics; Holm 1979; Chiu, Bloem-Reddy 2023, for tests of invariance.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> x = np.random.default_rng(0).normal(size=(400, 2)) * [1.0, 3.0] + [0.0, 4.0]
    >>> found = sd.recognise_symmetries(x, [sd.SO(2), sd.Mirror(2, 0), sd.Mirror(2, 1)], key=jax.random.key(0))
    >>> found.kept
    ('reflection_x',)
    """
    x = np.asarray(x, float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise InputError(f"the data need the shape (m, n) and finite values, got shape {x.shape}")
    rng = rng_of(key)
    tests = [test for name, c in _named(candidates).items() for test in _elements(name, c, x.shape[1], space)]
    needed = int(np.ceil(2 * len(tests) / level)) if level > 0 else 0
    permutations = max(999, needed) if permutations is None else permutations
    if not 0 < level < 1 or permutations + 1 < len(tests) / level:
        raise InputError(
            f"{permutations} permutations cannot reject one of {len(tests)} candidates at level {level}; take {needed}"
        )
    first, second, labels = _halves(x, units, rows, rng)
    found = []
    for name, label, blocks, i in tests:
        moved = _moved(second, blocks, i, scale, rng)
        found.append((name, label, *_energy_test(np.concatenate([first, moved]), labels, permutations, rng)))
    adjusted = _holm(np.array([p for *_, p in found]))
    results = [
        Recognised(name, label, effect, threshold, p, float(a), bool(a > level))
        for (name, label, effect, threshold, p), a in zip(found, adjusted, strict=True)
    ]
    return Recognition(tuple(results), level)


def _named(candidates) -> dict[str, Group | Action]:
    if isinstance(candidates, Group):
        candidates = [candidates]
    named = dict(candidates) if isinstance(candidates, Mapping) else {c.name: c for c in candidates}
    if not named:
        raise InputError("recognise_symmetries needs a candidate, such as sd.SO(3)")
    return named


def _elements(name: str, candidate: Group | Action, n: int, space: StateSpace | None):
    """Name, label, matrices and place (elements after generators) of what is tested."""
    if isinstance(candidate, Group):
        if candidate.algebra.n != n:
            raise InputError(f"{name} acts on R^{candidate.algebra.n} and the data have {n} columns; give an action")
        space, candidate = StateSpace.of(x=n), _on_points(candidate)
    if space is None or space.size != n:
        raise InputError(f"the action {name!r} needs space=..., a state of {n} components")
    blocks = Blocks.of(candidate, space, tuple(space.fields), None)
    labels = (*blocks.labels, *blocks.element_labels)
    return [(name, label, blocks, i) for i, label in enumerate(labels)]


def _on_points(group: Group) -> Action:
    from symdyn.groups import Point

    return group.acting_on({"x": Point}, coordinates=())


def _moved(x: np.ndarray, blocks: Blocks, i: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    g = len(blocks.generators)
    if i >= g:
        moves: Moves = blocks.split(blocks.elements[i - g : i - g + 1])
        return x @ moves.A[0].T + moves.a[0]
    if not turning(blocks.generators[i]):  # one finite element: a random one of either sign would only blur
        field = blocks.split(blocks.generators[i : i + 1])
        spread = x.std(axis=0)
        speed = (x @ field.A[0].T + field.a[0]) / np.where(spread > 0, spread, 1.0)
        size = np.sqrt(np.mean(np.sum(speed**2, axis=1)))
        moves = blocks.split(scipy.linalg.expm(scale / max(size, 1e-300) * blocks.generators[i : i + 1]))
        return x @ moves.A[0].T + moves.a[0]
    moves = blocks.along(i, len(x), rng)
    return np.einsum("mij,mj->mi", moves.A, x) + moves.a


def _halves(x, units, rows: int, rng) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, int]]:
    """Two halves of whole units; the unit of each row of both, and how many units the first half has."""
    units = np.arange(len(x)) if units is None else np.asarray(units)
    if units.shape != (len(x),):
        raise InputError(f"units need one label for each of {len(x)} rows, got shape {units.shape}")
    _, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[: max(int(np.searchsorted(np.cumsum(sizes[order]), rows, side="right")), 2)]
    half = len(order) // 2
    if half < 5:
        raise InputError(f"a permutation test needs at least 10 independent rows or units, got {len(order)}")
    place = np.full(len(sizes), -1)
    place[order] = np.arange(len(order))
    at = place[unit]
    here, there = np.flatnonzero((at >= 0) & (at < half)), np.flatnonzero(at >= half)
    return x[here], x[there], (np.concatenate([at[here], at[there]]), half)


def _energy_test(z: np.ndarray, labels, permutations: int, rng) -> tuple[float, float, float]:
    """Effect, its 95 % point and p-value for the pooled rows (m, n), split by units."""
    from scipy.spatial.distance import cdist

    unit, half = labels
    size = z.std(axis=0)
    z = z / np.where(size > 0, size, 1.0)
    D = cdist(z, z)
    count = unit.max() + 1
    effects = np.zeros(permutations + 1)
    for start in range(0, permutations + 1, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, permutations + 1)
        ranks = np.argsort(rng.random((stop - start, count)), axis=1)
        if start == 0:
            ranks[0] = np.arange(count)
        effects[start:stop] = _effects(D, (ranks < half)[:, unit])
    p = np.mean(effects >= effects[0] - 1e-12)
    return float(effects[0]), float(np.quantile(effects[1:], 0.95)), float(p)


def _effects(D: np.ndarray, first: np.ndarray) -> np.ndarray:
    """2 mean D_12 - mean D_11 - mean D_22, relative to 2 mean D_12, for splits `first` (k, m)."""
    a = first / first.sum(axis=1, keepdims=True)
    b = ~first / (~first).sum(axis=1, keepdims=True)
    Da, Db = a @ D, b @ D
    between, one, two = (a * Db).sum(1), (a * Da).sum(1), (b * Db).sum(1)
    return (2 * between - one - two) / np.where(between > 0, 2 * between, 1.0)


def _holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p-values."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(steps, 1.0)
    return out
