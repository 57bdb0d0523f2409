"""What the catalogue is built of: checks of sizes, names of axes, and fields by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups.algebra import LieAlgebra
from symdyn.groups.group import Base, Group
from symdyn.groups.polynomial import Polynomial, stacked

Fields = dict[str, Polynomial]  # label -> a vector field, shape (n,)


def check_size(name: str, n: object, least: int, letter: str = "n") -> None:
    """Refuse what is no integer of at least `least`."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < least:
        raise InputError(f"{name}({letter}) needs an integer {letter} >= {least}, got {n!r}")


def check_positive(name: str, what: str, value: object) -> None:
    """Refuse what is no finite number above zero."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not 0 < float(value) < np.inf:  # pyright: ignore[reportArgumentType]
        raise InputError(f"{name} needs a finite {what} > 0, got {what}={value!r}")


def axes(n: int) -> tuple[str, ...]:
    """x, y, z in up to three dimensions, else 1, 2, ..."""
    return tuple("xyz"[:n]) if n <= 3 else tuple(str(k + 1) for k in range(n))


def rotations(n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Generators of so(n), shape (n (n - 1) / 2, n, n), with labels."""
    planes = [(1, 2), (2, 0), (0, 1)] if n == 3 else list(combinations(range(n), 2))
    matrices = np.zeros((len(planes), n, n))
    for k, (i, j) in enumerate(planes):  # from axis i to axis j: xi = x_i d_j - x_j d_i
        matrices[k, j, i], matrices[k, i, j] = 1.0, -1.0
    if n == 2:
        return matrices, ("rotation",)
    labels = axes(3) if n == 3 else [f"{i + 1}_{j + 1}" for i, j in planes]
    return matrices, tuple(f"rotation_{label}" for label in labels)


def reflection(n: int) -> dict[str, np.ndarray]:
    """The reflection of the first axis, by label."""
    return {f"reflection_{axes(n)[0]}": np.diag([-1.0] + [1.0] * (n - 1))}


def linear(matrices: np.ndarray, labels: Sequence[str]) -> Fields:
    """The fields x -> A x."""
    return {label: Polynomial.affine(A, np.zeros(len(A))) for label, A in zip(labels, matrices, strict=True)}


def constant(names: Sequence[str], vectors: np.ndarray | None = None) -> Fields:
    """The translations along the axes with these names, or along some vectors (k, n)."""
    vectors = np.eye(len(names)) if vectors is None else vectors
    n = vectors.shape[1]
    return {f"translation_{name}": Polynomial.constant(n, v) for name, v in zip(names, vectors, strict=True)}


def dilation(weights: Sequence[float] | np.ndarray, label: str = "dilation") -> Fields:
    """The field sum_i w_i x_i d_i."""
    return linear(np.diag(np.asarray(weights, float))[None], (label,))


def rigid(n: int) -> Fields:
    """Rotations and translations of R^n."""
    return linear(*rotations(n)) | constant(axes(n))


def special_conformal(metric: np.ndarray, names: Sequence[str]) -> Fields:
    """K_m = 2 x_m x.d - x^2 d_m, where x_m = metric_m x^m and x^2 = sum_m x_m x^m; `metric` is a diagonal (n,)."""
    n = len(metric)
    place = Polynomial.affine(np.eye(n), np.zeros(n))
    lowered = Polynomial.affine(np.diag(metric), np.zeros(n))
    square = lowered.product(place, "i,i->")
    fields = {}
    for m, (name, unit) in enumerate(zip(names, np.eye(n), strict=True)):
        along = lowered[m].product(place, ",i->i").mapped(lambda c: 2.0 * c)
        fields[f"special_{name}"] = along - square.mapped(lambda c, unit=unit: c * unit)
    return fields


def group(
    name: str,
    algebra: str,
    fields: Fields,
    *,
    base: Base = "space",
    elements: Mapping[str, np.ndarray] | None = None,
) -> Group:
    """A group from fields and elements by label; at least one of each kind or the other."""
    elements = elements or {}
    n = next(iter(fields.values())).n if fields else len(next(iter(elements.values())))
    none = Polynomial.affine(np.zeros((0, n, n)), np.zeros((0, n)))
    generators = stacked(list(fields.values())) if fields else none
    members = Frozen(np.array(list(elements.values())).reshape(-1, n, n))
    return Group(name, LieAlgebra(algebra, generators, tuple(fields)), members, tuple(elements), base)


def trimmed(matrix: np.ndarray) -> np.ndarray:
    """Rounding errors of cosines removed, so that 0, 1/2 and 1 are exact."""
    return np.round(matrix, 15) + 0.0
