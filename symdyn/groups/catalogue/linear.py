"""Linear and affine groups: GL, SL, Aff, the symplectic group, and one scaling."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.catalogue.blocks import Fields, axes, check_size, constant, dilation, group, linear, reflection
from symdyn.groups.group import Group


def elementary(n: int, diagonal: bool = True) -> Fields:
    """The fields x_j d_i of the matrices E_ij, without those of i = j if `diagonal` is False."""
    names, fields = axes(n), {}
    for i in range(n):
        for j in range(n):
            if i != j or diagonal:
                A = np.zeros((1, n, n))
                A[0, i, j] = 1.0
                fields |= linear(A, (f"stretch_{names[i]}" if i == j else f"shear_{names[i]}_{names[j]}",))
    return fields


def Scaling() -> Group:
    """One scaling; each variable takes part with its `Weight`, and time with `time=Weight(...)`. Dimension 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Scaling().acting_on(position=sd.Weight(2), velocity=sd.Weight(-1), time=sd.Weight(3))
    Scaling on position=Weight(2), velocity=Weight(-1), time=Weight(3)
    """
    return group("Scaling", "scaling", dilation([1.0], "scaling"), base="internal")


def GL(n: int) -> Group:
    """All invertible linear maps of R^n, n >= 1: E_ij, the field x_j d_i; dimension n^2, and one reflection.

    `stretch_x` is x d_x, `shear_x_y` is y d_x.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.GL(2).algebra.labels
    ('stretch_x', 'shear_x_y', 'shear_y_x', 'stretch_y')
    """
    check_size("GL", n, 1)
    return group(f"GL({n})", f"gl({n})", elementary(n), elements=reflection(n))


def SL(n: int) -> Group:
    """Linear maps of R^n of determinant one, n >= 2: E_ij for i != j and E_ii - E_(i+1)(i+1); dimension n^2 - 1.

    `squeeze_x_y` is x d_x - y d_y.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SL(2).algebra.labels
    ('shear_x_y', 'shear_y_x', 'squeeze_x_y')
    """
    check_size("SL", n, 2)
    names, fields = axes(n), elementary(n, diagonal=False)
    for i in range(n - 1):
        fields |= dilation(np.eye(n)[i] - np.eye(n)[i + 1], f"squeeze_{names[i]}_{names[i + 1]}")
    return group(f"SL({n})", f"sl({n})", fields)


def Aff(n: int) -> Group:
    """All invertible affine maps of R^n, n >= 1: GL(n) and the translations; dimension n^2 + n, and one reflection.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Aff(2).algebra.dimension, sd.Aff(2).algebra.is_affine
    (6, True)
    """
    check_size("Aff", n, 1)
    return group(f"Aff({n})", f"aff({n})", elementary(n) | constant(axes(n)), elements=reflection(n))


def Sp(n: int) -> Group:
    """Linear canonical maps of a phase space R^n, (q_1..q_d, p_1..p_d) with n = 2d; dimension n (n + 1) / 2.

    S' Omega + Omega S = 0 with Omega = [[0, 1], [-1, 0]]. The generators are the flows q' = dH/dp, p' = -dH/dq of the
    quadratic Hamiltonians that label them: `flow_q1_p2` of H = q_1 p_2, `flow_p_p` of H = p^2 / 2. `n` is the size of
    the phase space: Sp(2) = SL(2).

    Reference: Arnold 1989, Mathematical Methods of Classical Mechanics, chapter 8.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Sp(2).algebra.labels, sd.Sp(4).algebra.dimension
    (('flow_q_q', 'flow_q_p', 'flow_p_p'), 10)
    """
    check_size("Sp", n, 2)
    if n % 2:
        raise InputError(f"Sp(n) needs an even n, the size of a phase space of places and momenta, got {n}")
    d = n // 2
    names = ("q", "p") if d == 1 else tuple(f"{letter}{k + 1}" for letter in "qp" for k in range(d))
    omega = np.block([[np.zeros((d, d)), np.eye(d)], [-np.eye(d), np.zeros((d, d))]])
    pairs = list(combinations_with_replacement(range(n), 2))
    hessians = np.zeros((len(pairs), n, n))
    for k, (i, j) in enumerate(pairs):
        hessians[k, i, j] = hessians[k, j, i] = 1.0
    return group(f"Sp({n})", f"sp({n})", linear(omega @ hessians, [f"flow_{names[i]}_{names[j]}" for i, j in pairs]))
