"""Whitening by the R-factor of a few rows: columns of about unit size, nearly independent of each other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

FLOOR = 1e-12  # smallest pivot of the whitener, relative to its column
SOLVED = 1e5  # a whitener with a larger condition number is solved with: its inverse would lose five digits


def upper_factor(rows: np.ndarray) -> np.ndarray:
    """The R of a QR decomposition."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def triangular_root(gram: Float[np.ndarray, "q q"]) -> Float[np.ndarray, "q q"]:
    """Upper triangular C with C'C = gram, also where the matrix is singular to rounding; zero columns stay zero."""
    try:
        return np.linalg.cholesky(gram).T
    except np.linalg.LinAlgError:
        if not np.isfinite(gram).all():
            return np.full_like(gram, np.nan)
        values, vectors = np.linalg.eigh(gram)
        root = upper_factor((vectors * np.sqrt(np.maximum(values, 0.0))).T)
        return np.where(np.diag(gram) > 0, root, 0.0)


def condition(upper: np.ndarray) -> float:
    """Condition number of an upper triangle, by power iteration: a few per cent low where singular values are close."""
    if not np.diag(upper).all():
        return np.inf
    largest, smallest = np.ones(len(upper)), np.ones(len(upper))
    for _ in range(12):
        largest = upper.T @ (upper @ (largest / np.linalg.norm(largest)))
        smallest = solve_triangular(
            upper, solve_triangular(upper, smallest / np.linalg.norm(smallest), trans=1), check_finite=False
        )
    return float(np.sqrt(np.linalg.norm(largest) * np.linalg.norm(smallest)))


def spread_indices(m: int, w: np.ndarray, q: int) -> np.ndarray:
    """Rows for the whitener, spread over the whole stream by a golden-ratio sequence: no key, no aliasing."""
    size = max(4 * q, 256)
    if m <= size:
        return np.arange(m)
    index = (np.modf(np.arange(1, 4 * size + 1) * 0.6180339887498949)[0] * m).astype(int)
    live = index[(w[index] > 0) if w.ndim == 1 else (w[index] > 0).any(axis=1)]
    return live[:size] if len(live) >= q else np.arange(m)


def scale_and_whitener(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column scales and the R-factor of the scaled sample a (q, rows), with small pivots lifted to the floor."""
    scale = np.sqrt(np.mean(a**2, axis=1))
    scale = np.where(scale > 0, scale, 1.0)
    return scale, floored(upper_factor((a / scale[:, None]).T / np.sqrt(a.shape[1])))


def targets_only(whitener: np.ndarray, p: int) -> np.ndarray:
    """A whitener that leaves the terms as they are and takes from the targets what the terms explain."""
    plain = np.eye(len(whitener))
    plain[:p, p:] = solve_triangular(whitener[:p, :p], whitener[:p, p:])
    plain[p:, p:] = whitener[p:, p:]
    return plain


def floored(r: np.ndarray) -> np.ndarray:
    """Lift the pivots of nearly dependent columns: any invertible whitener is exact, only its quality changes."""
    full = np.zeros((r.shape[1], r.shape[1]))
    full[: len(r)] = r
    column = np.maximum(np.linalg.norm(full, axis=0), np.finfo(float).tiny)
    diagonal = np.diag(full)
    lifted = np.where(np.abs(diagonal) > FLOOR * column, diagonal, FLOOR * np.where(column > 1e-300, column, 1.0))
    return full + np.diag(lifted - diagonal)


def inverse_whitener(scale: np.ndarray, whitener: np.ndarray, p: int) -> tuple[np.ndarray, int]:
    """What rows as columns are multiplied by, (q, q), and how many of the first ones it only scales.

    The count is -1 where the matrix is a lower triangle to be solved with instead. The inverse of a poor whitener
    spoils the columns that follow a nearly dependent one: the rounding of that one, eps times the condition number,
    comes back in theirs. Solving row by row, what was rounded is what is subtracted.
    """
    if condition(whitener) > SOLVED:
        return whitener.T * scale[:, None], -1
    plain = p if np.count_nonzero(whitener[:p, :p]) == p else 0  # a diagonal of ones: nothing to multiply there
    return np.linalg.inv(whitener).T / scale, plain
