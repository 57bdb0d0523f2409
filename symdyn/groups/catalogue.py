"""The named groups. Rotations are right-handed; a generator A moves points as xi = A x."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups.algebra import Group, LieAlgebra


def _check_size(name: str, n: int, least: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < least:
        raise InputError(f"{name}(n) needs an integer n >= {least}, got {n!r}")


def _axes(n: int) -> tuple[str, ...]:
    return tuple("xyz"[:n]) if n <= 3 else tuple(str(k + 1) for k in range(n))


def _rotations(n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Generators of so(n), shape (n (n - 1) / 2, n, n), with labels."""
    planes = [(1, 2), (2, 0), (0, 1)] if n == 3 else list(combinations(range(n), 2))
    matrices = np.zeros((len(planes), n, n))
    for k, (i, j) in enumerate(planes):  # from axis i to axis j: xi = x_i d_j - x_j d_i
        matrices[k, j, i], matrices[k, i, j] = 1.0, -1.0
    if n == 2:
        return matrices, ("rotation",)
    labels = _axes(3) if n == 3 else [f"{i + 1}_{j + 1}" for i, j in planes]
    return matrices, tuple(f"rotation_{label}" for label in labels)


def _translations(n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    return np.eye(n), tuple(f"translation_{axis}" for axis in _axes(n))


def _reflection(n: int) -> Frozen:
    return Frozen(np.diag([-1.0] + [1.0] * (n - 1))[None])


def _euclidean(name: str, n: int) -> LieAlgebra:
    rotations, labels = _rotations(n)
    translations, more = _translations(n)
    matrices = np.concatenate([rotations, np.zeros((n, n, n))])
    shifts = np.concatenate([np.zeros((len(rotations), n)), translations])
    return LieAlgebra(name, Frozen(matrices), Frozen(shifts), labels + more)


def SO(n: int) -> Group:
    """Rotations of R^n, n >= 2; dimension n (n - 1) / 2.

    For n = 3 the generators are (J_k)_ij = -eps_kij (about x, y, z, right-handed), for n = 2 [[0, -1], [1, 0]]; for
    other n one for each plane i < j, e_j e_i' - e_i e_j' (the field x_i d_j - x_j d_i, from axis i to axis j).

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SO(2).algebra.matrices[0].tolist(), sd.SO(4).algebra.dimension
    ([[0.0, -1.0], [1.0, 0.0]], 6)
    """
    _check_size("SO", n, 2)
    matrices, labels = _rotations(n)
    return Group(f"SO({n})", LieAlgebra(f"so({n})", Frozen(matrices), labels=labels))


def O(n: int) -> Group:  # noqa: E743
    """Rotations and reflections of R^n, n >= 1: SO(n) and the reflection of the first axis.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.O(3).labels
    ('reflection_x',)
    """
    _check_size("O", n, 1)
    matrices, labels = _rotations(n)
    algebra = LieAlgebra(f"so({n})", Frozen(matrices), labels=labels)
    return Group(f"O({n})", algebra, _reflection(n), (f"reflection_{_axes(n)[0]}",))


def SE(n: int) -> Group:
    """Rotations and translations of R^n, n >= 1: rigid motions; dimension n (n + 1) / 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SE(2).algebra.labels
    ('rotation', 'translation_x', 'translation_y')
    """
    _check_size("SE", n, 1)
    return Group(f"SE({n})", _euclidean(f"se({n})", n))


def E(n: int) -> Group:
    """Rotations, reflections and translations of R^n, n >= 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.E(3).algebra.dimension, sd.E(3).labels
    (6, ('reflection_x',))
    """
    _check_size("E", n, 1)
    label = f"reflection_{_axes(n)[0]}"
    return Group(f"E({n})", _euclidean(f"se({n})", n), _reflection(n), (label,))


def T(n: int) -> Group:
    """Translations of R^n, n >= 1; they move a `Point` and leave a `Vector` alone.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.T(2).algebra.shifts.array.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    _check_size("T", n, 1)
    shifts, labels = _translations(n)
    algebra = LieAlgebra(f"t({n})", Frozen(np.zeros((n, n, n))), Frozen(shifts), labels)
    return Group(f"T({n})", algebra)


def Scaling() -> Group:
    """One scaling; each variable takes part with its `Weight`, and time with `time=Weight(...)`.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Scaling().acting_on(position=sd.Weight(2), velocity=sd.Weight(-1), time=sd.Weight(3))
    Scaling on position=Weight(2), velocity=Weight(-1), time=Weight(3)
    """
    return Group("Scaling", LieAlgebra("scaling", Frozen(np.ones((1, 1, 1))), labels=("scaling",)))
