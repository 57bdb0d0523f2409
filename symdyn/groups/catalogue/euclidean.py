"""Motions of space: translations, rotations, reflections, similarities, and pseudo-orthogonal groups."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from symdyn.groups.catalogue.blocks import (
    Fields,
    axes,
    check_size,
    constant,
    dilation,
    group,
    linear,
    reflection,
    rigid,
    rotations,
)
from symdyn.groups.group import Group
from symdyn.groups.polynomial import Polynomial


def T(n: int) -> Group:
    """Translations of R^n, n >= 1: the fields d_i; dimension n. They move a `Point` and leave a `Vector` alone.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.T(2).algebra.shifts.array.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    check_size("T", n, 1)
    return group(f"T({n})", f"t({n})", constant(axes(n)))


def _indefinite(p: int, q: int) -> Fields:
    """so(p, q) on R^(p + q): rotations in planes of one sign, boosts x_i d_j + x_j d_i in the mixed ones."""
    n, fields = p + q, {}
    for i, j in combinations(range(n), 2):
        mixed = i < p <= j
        A = np.zeros((n, n))
        A[j, i], A[i, j] = 1.0, 1.0 if mixed else -1.0
        fields[f"{'boost' if mixed else 'rotation'}_{i + 1}_{j + 1}"] = Polynomial.affine(A, np.zeros(n))
    return fields


def _check_signature(name: str, p: int, q: int, least: int) -> None:
    check_size(name, p, 1 if q else least)
    check_size(name, q, 0, "q")


def SO(n: int, q: int = 0) -> Group:
    """Rotations of R^n, n >= 2; dimension n (n - 1) / 2.

    For n = 3 the generators are (J_k)_ij = -eps_kij (about x, y, z, right-handed), for n = 2 [[0, -1], [1, 0]]; for
    other n one for each plane i < j, e_j e_i' - e_i e_j' (the field x_i d_j - x_j d_i, from axis i to axis j).

    `SO(p, q)` keeps the form x_1^2 + ... + x_p^2 - x_(p+1)^2 - ... on R^(p + q), p >= 1: planes with two signs have the
    boost x_i d_j + x_j d_i. It has two components, and so the element that reflects one axis of each sign; `Lorentz(d)`
    is the connected group, with coordinates (t, x).

    Reference: Hall 2015, Lie Groups, Lie Algebras, and Representations, chapter 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SO(2).algebra.matrices[0].tolist(), sd.SO(4).algebra.dimension
    ([[0.0, -1.0], [1.0, 0.0]], 6)
    >>> sd.SO(2, 1).algebra.labels
    ('rotation_1_2', 'boost_1_3', 'boost_2_3')
    """
    _check_signature("SO", n, q, 2)
    if q == 0:
        return group(f"SO({n})", f"so({n})", linear(*rotations(n)))
    both = np.diag([-1.0] + [1.0] * (n - 1) + [-1.0] + [1.0] * (q - 1))
    elements = {f"reflection_1_{n + 1}": both}
    return group(f"SO({n}, {q})", f"so({n}, {q})", _indefinite(n, q), elements=elements)


def O(n: int, q: int = 0) -> Group:  # noqa: E743
    """Rotations and reflections of R^n, n >= 1: SO(n) and the reflection of the first axis.

    `O(p, q)` has four components: it reflects one axis of each sign on its own.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.O(3).labels, sd.O(1, 3).labels
    (('reflection_x',), ('reflection_1', 'reflection_2'))
    """
    _check_signature("O", n, q, 1)
    if q == 0:
        return group(f"O({n})", f"so({n})", linear(*rotations(n)), elements=reflection(n))
    elements = {f"reflection_{k + 1}": np.eye(n + q) - 2 * np.diag(np.eye(n + q)[k]) for k in (0, n)}
    return group(f"O({n}, {q})", f"so({n}, {q})", _indefinite(n, q), elements=elements)


def SE(n: int) -> Group:
    """Rotations and translations of R^n, n >= 1: rigid motions; dimension n (n + 1) / 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SE(2).algebra.labels
    ('rotation', 'translation_x', 'translation_y')
    """
    check_size("SE", n, 1)
    return group(f"SE({n})", f"se({n})", rigid(n))


def E(n: int) -> Group:
    """Rotations, reflections and translations of R^n, n >= 1; dimension n (n + 1) / 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.E(3).algebra.dimension, sd.E(3).labels
    (6, ('reflection_x',))
    """
    check_size("E", n, 1)
    return group(f"E({n})", f"se({n})", rigid(n), elements=reflection(n))


def Sim(n: int) -> Group:
    """Similarities of R^n that keep the orientation, n >= 1: SE(n) and the dilation x.d; dimension n (n + 1) / 2 + 1.

    With reflections: `Sim(n) + Mirror(n)`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Sim(2).algebra.labels
    ('rotation', 'translation_x', 'translation_y', 'dilation')
    """
    check_size("Sim", n, 1)
    return group(f"Sim({n})", f"sim({n})", rigid(n) | dilation(np.ones(n)))
