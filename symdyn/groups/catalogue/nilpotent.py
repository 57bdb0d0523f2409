"""Nilpotent groups as matrices: Heisenberg, and all unipotent triangular matrices."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from symdyn.groups.catalogue.blocks import check_size, group, linear
from symdyn.groups.group import Group


def _units(n: int, entries: list[tuple[int, int]]) -> np.ndarray:
    matrices = np.zeros((len(entries), n, n))
    for k, (i, j) in enumerate(entries):
        matrices[k, i, j] = 1.0
    return matrices


def Heisenberg(n: int) -> Group:
    """The Heisenberg group as matrices on R^(n + 2), n >= 1: [X_i, Y_j] = delta_ij Z; dimension 2n + 1.

    X_i = E_1(i+1), Y_i = E_(i+1)(n+2), Z = E_1(n+2), the center.

    Reference: Hall 2015, Lie Groups, Lie Algebras, and Representations, chapter 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Heisenberg(1).algebra.labels, sd.Heisenberg(1).algebra.bracket([1, 0, 0], [0, 1, 0]).tolist()
    (('x_1', 'y_1', 'center'), [0.0, 0.0, 1.0])
    """
    check_size("Heisenberg", n, 1)
    entries = [(0, i + 1) for i in range(n)] + [(i + 1, n + 1) for i in range(n)] + [(0, n + 1)]
    labels = [f"{letter}_{i + 1}" for letter in "xy" for i in range(n)] + ["center"]
    return group(f"Heisenberg({n})", f"heisenberg({n})", linear(_units(n + 2, entries), labels), base="internal")


def Unipotent(n: int) -> Group:
    """Upper triangular matrices with ones on the diagonal, on R^n, n >= 2: E_ij for i < j; dimension n (n - 1) / 2.

    For n = 3 the Heisenberg group. Nilpotent of class n - 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Unipotent(3).algebra.labels
    ('shear_1_2', 'shear_1_3', 'shear_2_3')
    """
    check_size("Unipotent", n, 2)
    entries = list(combinations(range(n), 2))
    labels = [f"shear_{i + 1}_{j + 1}" for i, j in entries]
    return group(f"Unipotent({n})", f"n({n})", linear(_units(n, entries), labels), base="internal")
