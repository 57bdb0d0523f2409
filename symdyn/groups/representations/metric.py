"""What preserves a metric up to a factor: rotations, boosts and dilations, and the elements that they generate."""

from __future__ import annotations

from typing import Literal

import numpy as np

from symdyn._errors import InputError

_CLOSE = 1e-8  # relative residual below which a matrix counts as one that preserves the metric
_ROUNDING = 1e-12  # and absolute: a commutator that vanishes leaves only rounding

Metric = Literal["lorentz"] | None


def metric_of(n: int, kind: Metric, c: float) -> np.ndarray:
    """The diagonal of the metric on points: Euclidean, or c^2 t^2 - x^2 for (t, x_1..x_d)."""
    return np.ones(n) if kind is None else np.array([c**2] + [-1.0] * (n - 1))


def isometric_part(A: np.ndarray, metric: np.ndarray, what: str) -> np.ndarray:
    """A generator without its dilation, in coordinates where the metric is diag(+-1): shape (n, n).

    Raises InputError where the generator does more than rotate, boost and dilate.
    """
    B = _normalised(A, metric)
    B = B - np.trace(B) / len(B) * np.eye(len(B))
    lowered = np.sign(metric)[:, None] * B
    if np.abs(lowered + lowered.T).max() > _CLOSE * np.abs(_normalised(A, metric)).max() + _ROUNDING:
        raise _no_isometry(metric, what)
    return np.sign(metric)[:, None] * (lowered - lowered.T) / 2


def isometry(g: np.ndarray, metric: np.ndarray, what: str) -> np.ndarray:
    """An element without its dilation, in coordinates where the metric is diag(+-1): shape (n, n).

    Raises InputError where the element does not preserve the metric up to a factor.
    """
    h, eta = _normalised(g, metric), np.diag(np.sign(metric))
    gram = h.T @ eta @ h
    scale = float(np.trace(gram @ eta)) / len(h)
    if scale <= 0 or np.abs(gram - scale * eta).max() > _CLOSE * np.abs(h).max() ** 2:
        raise _no_isometry(metric, what)
    return h / np.sqrt(scale)


def tidy(matrix: np.ndarray) -> np.ndarray:
    """Entries that are halves up to rounding, exactly: finite elements are often signs and permutations."""
    halves = np.round(2 * matrix) / 2
    return np.where(np.abs(matrix - halves) < 1e-13, halves + 0.0, matrix)


def _normalised(A: np.ndarray, metric: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.abs(metric))
    return scale[:, None] * np.asarray(A, float) / scale


def _no_isometry(metric: np.ndarray, what: str) -> InputError:
    if (metric > 0).all():
        return InputError(
            f"{what} is a quantity of rotations, reflections and dilations of R^{len(metric)}, and this generator or "
            "element does more; for all linear maps there is Tensor"
        )
    c = np.sqrt(metric[0])
    return InputError(
        f"{what} is a quantity of rotations, boosts and dilations of spacetime (t, x) with c = {c:g}, and this "
        "generator or element does more or has another c; for all linear maps there is Tensor"
    )
