"""Least squares under linear inequalities: an interior point finds the active ones, an exact fit on them follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn.regress.constraints.conic import Cone, InfeasibleError, minimise

SLACK = 1e-12  # a row of unit norm is fulfilled when it is exceeded by less, relative to its terms
FAR = 1e8  # the interior-point method sees bounds no farther away than this (in shares)
ROUNDS = 100  # most changes of the active set


@dataclass(frozen=True, eq=False)
class Inequalities:
    """G w <= h, row by row: `left` (m, r), `right` (m,), and what each row is called, `names` (m,)."""

    left: np.ndarray
    right: np.ndarray
    names: tuple[str, ...]

    def of(self, columns: np.ndarray) -> Inequalities:
        """For weights u with w = columns @ u, or some of the weights where `columns` are indices or a mask."""
        left = self.left @ columns if columns.ndim == 2 else self.left[:, columns]
        return Inequalities(left, self.right, self.names)

    def rows(self, which: np.ndarray) -> Inequalities:
        """Some of the rows, by a mask or indices."""
        names = tuple(np.array(self.names, object)[which])
        return Inequalities(self.left[which], self.right[which], names)

    def scaled(self) -> Inequalities:
        """The same with rows of unit norm; rows without a weight stay as they are."""
        sizes = np.linalg.norm(self.left, axis=1)
        sizes = np.where(sizes > 0, sizes, 1.0)
        return Inequalities(self.left / sizes[:, None], self.right / sizes, self.names)

    def excess(self, weights: np.ndarray) -> np.ndarray:
        """By how much each row is exceeded beyond rounding, (m,); at most 0 where it holds."""
        terms = np.abs(self.left) @ np.abs(weights) + np.abs(self.right)
        return self.left @ weights - self.right - SLACK * terms

    def active(self, weights: np.ndarray) -> np.ndarray:
        """Which rows hold with equality, to rounding: (m,)."""
        terms = np.abs(self.left) @ np.abs(weights) + np.abs(self.right)
        return (self.left @ weights - self.right >= -1e3 * SLACK * terms) & np.any(self.left != 0, axis=1)

    def feasible(self) -> bool:
        """Whether some weights fulfil all rows."""
        rows = self.scaled()
        if np.all(rows.right >= 0):
            return True
        dead = ~np.any(rows.left, axis=1)
        if np.any(rows.right[dead] < 0):
            return False
        r = rows.left.shape[1]
        # min t >= 0 with G w - t |h| <= h; rows with h < 0 are those that w = 0 does not fulfil
        size = np.maximum(np.abs(rows.right), np.max(np.abs(rows.right)) * 1e-6)
        table = np.block([[rows.left / size[:, None], -np.ones((len(size), 1))], [np.zeros((1, r)), -np.ones((1, 1))]])
        objective = np.append(np.zeros(r), 1.0)
        right = np.append(rows.right / size, 0.0)
        point, _ = minimise(1e-9 * np.eye(r + 1), objective, table, right, [Cone("positive", len(right))])
        return bool(point[-1] < 1e-5)


def bounded_least_squares(table: np.ndarray, y: np.ndarray, bounds: Inequalities) -> np.ndarray:
    r"""Weights (k,) with the least $|y - T w|^2$ among those with $G w \le h$.

    An interior-point method gives nearly the answer and tells which inequalities are active. Least squares with those
    as equations is then exact: an active bound holds to rounding, and the other weights have all their digits. The set
    of active rows is corrected until all rows hold and all their multipliers are positive (Karush, Kuhn, Tucker).

    Raises InfeasibleError where no weights fulfil the inequalities.

    Reference: Lawson, Hanson 1974, Solving Least Squares Problems, chapter 23.

    Examples
    --------
    >>> import numpy as np
    >>> from symdyn.regress.constraints.bounded import Inequalities, bounded_least_squares
    >>> positive = Inequalities(-np.eye(2), np.zeros(2), ("a >= 0", "b >= 0"))
    >>> bounded_least_squares(np.eye(2), np.array([2.0, -1.0]), positive).tolist()
    [2.0, 0.0]
    """
    rows = bounds.scaled()
    dead = ~np.any(rows.left, axis=1)
    if np.any(rows.right[dead] < 0):
        raise InfeasibleError
    rows = rows.rows(~dead)
    free = np.linalg.lstsq(table, y, rcond=1e-13)[0]
    if np.all(rows.excess(free) <= 0):
        return free
    near, active = _interior(table, y, rows)
    return _polished(table, y, rows, near, active)


def _interior(table: np.ndarray, y: np.ndarray, rows: Inequalities) -> tuple[np.ndarray, np.ndarray]:
    """The interior-point answer (k,), and the rows whose multiplier exceeds their slack.

    The residual e = y - T w is a variable of its own: the squares of T's condition number then never arise.
    """
    q, k = table.shape
    P = np.diag(np.append(np.zeros(k), np.ones(q)))
    right = np.minimum(rows.right, FAR)
    A = np.block([[table, np.eye(q)], [rows.left, np.zeros((len(right), q))]])
    point, dual = minimise(P, np.zeros(k + q), A, np.append(y, right), [Cone("zero", q), Cone("positive", len(right))])
    weights = point[:k]
    return weights, dual[q:] > np.maximum(rows.right - rows.left @ weights, 0.0)


def _polished(table, y, rows: Inequalities, near: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Least squares on the active rows, with rows added and dropped until all hold and all multipliers are positive."""
    active, best, tried = active.copy(), near, set()
    for _ in range(ROUNDS):
        weights, multipliers = _on_active(table, y, rows.left[active], rows.right[active])
        excess = rows.excess(weights)
        if excess.max() > 0:
            change = int(np.argmax(excess))
        elif len(multipliers) and multipliers.min() < -1e-10:
            best, change = weights, int(np.flatnonzero(active)[np.argmin(multipliers)])
        else:
            return weights
        active[change] = not active[change]
        if active.tobytes() in tried:  # degenerate: several active sets describe the same point
            break
        tried.add(active.tobytes())
    return best


def _on_active(table, y, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with G w = h, and the multipliers mu of T'(T w - y) + G' mu = 0."""
    if not len(left):
        return np.linalg.lstsq(table, y, rcond=1e-13)[0], np.zeros(0)
    start, directions = solutions(left, right)
    weights = start
    if directions.shape[1]:
        weights = start + directions @ np.linalg.lstsq(table @ directions, y - table @ start, rcond=1e-13)[0]
    alone = np.flatnonzero(np.count_nonzero(left, axis=1) == 1)
    places = np.argmax(left[alone] != 0, axis=1)
    weights[places] = right[alone] / left[alone, places] + 0.0  # no negative zeros
    gradient = table.T @ (table @ weights - y)
    return weights, np.linalg.lstsq(left.T, -gradient, rcond=1e-12)[0]


def solutions(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solutions of G w = h: one of them (k,), and an orthonormal basis (k, f) of the directions that keep it.

    A weight that a row fixes alone is exactly zero in every direction.
    """
    k = left.shape[1]
    alone = np.flatnonzero(np.count_nonzero(left, axis=1) == 1)
    places = np.argmax(left[alone] != 0, axis=1)
    start = np.zeros(k)
    start[places] = right[alone] / left[alone, places] + 0.0
    loose = np.setdiff1d(np.arange(k), places)
    rest = np.setdiff1d(np.arange(len(left)), alone)
    U, s, V = np.linalg.svd(left[np.ix_(rest, loose)], full_matrices=True)
    rank = int(np.sum(s > 1e-12 * s.max(initial=0.0)))
    start[loose] = V[:rank].T @ ((U[:, :rank].T @ (right[rest] - left[rest] @ start)) / s[:rank])
    directions = np.zeros((k, len(loose) - rank))
    directions[loose] = V[rank:].T
    return start, directions
