"""Groups of single elements, given by a few that generate the others; `group.closure()` lists them all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.catalogue.blocks import axes, check_size, group, trimmed
from symdyn.groups.group import Group


def Parity(n: int) -> Group:
    """The element x -> -x of R^n, n >= 1. In even n it is a rotation; for a mirror there take `Mirror`.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.SO(3) + sd.Parity(3))
    SO(3) + Parity(3): 3 generators (rotation_x, rotation_y, rotation_z) and 1 element (parity)
    """
    check_size("Parity", n, 1)
    return group(f"Parity({n})", "nothing", {}, elements={"parity": -np.eye(n)})


def Mirror(n: int, axis: int = 0) -> Group:
    """The reflection x_axis -> -x_axis of R^n, n >= 1; axes count from 0.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.Mirror(2, 1))
    Mirror(2, 1): 0 generators and 1 element (reflection_y)
    """
    check_size("Mirror", n, 1)
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not 0 <= axis < n:
        raise InputError(f"Mirror({n}, axis) needs an axis from 0 to {n - 1}, got {axis!r}")
    name = f"Mirror({n})" if axis == 0 else f"Mirror({n}, {axis})"
    mirror = np.eye(n) - 2 * np.diag(np.eye(n)[axis])
    return group(name, "nothing", {}, elements={f"reflection_{axes(n)[axis]}": mirror})


def _turn(angle: float) -> np.ndarray:
    return trimmed(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))


def Cyclic(n: int) -> Group:
    """Rotations of the plane by multiples of 2 pi / n, n >= 2; order n.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Cyclic(4).elements[0].tolist(), len(sd.Cyclic(6).closure())
    ([[0.0, -1.0], [1.0, 0.0]], 6)
    """
    check_size("Cyclic", n, 2)
    return group(f"Cyclic({n})", "nothing", {}, elements={f"turn_1_{n}": _turn(2 * np.pi / n)})


def Dihedral(n: int) -> Group:
    """The symmetry of a regular polygon in the plane with a corner on the x axis, n >= 1; order 2n.

    The rotation by 2 pi / n and the reflection y -> -y.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Dihedral(3).labels, len(sd.Dihedral(3).closure())
    (('turn_1_3', 'reflection_y'), 6)
    """
    check_size("Dihedral", n, 1)
    turn = {f"turn_1_{n}": _turn(2 * np.pi / n)} if n > 1 else {}
    return group(f"Dihedral({n})", "nothing", {}, elements=turn | {"reflection_y": np.diag([1.0, -1.0])})


def _cycle(n: int) -> np.ndarray:
    return np.roll(np.eye(n), 1, axis=0)  # the value at place i goes to place i + 1


def Permutations(n: int) -> Group:
    """All permutations of n values, n >= 2, as matrices: the exchange of the first two and the cycle; order n!.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Permutations(4).labels, len(sd.Permutations(4).closure())
    (('exchange_1_2', 'cycle'), 24)
    """
    check_size("Permutations", n, 2)
    swap = np.eye(n)[[1, 0, *range(2, n)]]
    elements = {"exchange_1_2": swap} | ({"cycle": _cycle(n)} if n > 2 else {})
    return group(f"Permutations({n})", "nothing", {}, base="internal", elements=elements)


def CyclicShifts(n: int) -> Group:
    """Cyclic permutations of n values, n >= 2: a ring of equal parts, as in the model Lorenz 96; order n.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.CyclicShifts(3).elements[0] @ [1, 2, 3]
    array([3., 1., 2.])
    """
    check_size("CyclicShifts", n, 2)
    return group(f"CyclicShifts({n})", "nothing", {}, base="internal", elements={"cycle": _cycle(n)})


def Signs(n: int) -> Group:
    """All changes of the signs of n values, n >= 1; order 2^n.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Signs(2).labels, len(sd.Signs(3).closure())
    (('flip_1', 'flip_2'), 8)
    """
    check_size("Signs", n, 1)
    elements = {f"flip_{k + 1}": np.diag(1.0 - 2.0 * np.eye(n)[k]) for k in range(n)}
    return group(f"Signs({n})", "nothing", {}, base="internal", elements=elements)


def SignPattern(signs: Sequence[int]) -> Group:
    """One change of signs, diag(signs), of as many values; order 2.

    Examples
    --------
    >>> import symdyn as sd
    >>> lorenz = sd.SignPattern((-1, -1, 1))  # (x, y, z) -> (-x, -y, z)
    >>> print(lorenz)
    SignPattern(--+): 0 generators and 1 element (signs)
    """
    values = list(signs)
    if not values or any(sign not in (-1, 1) for sign in values):
        raise InputError(f"SignPattern needs signs 1 and -1 such as (-1, -1, 1), got {signs!r}")
    text = "".join("+" if sign > 0 else "-" for sign in values)
    element = np.diag(np.array(values, float))
    return group(f"SignPattern({text})", "nothing", {}, base="internal", elements={"signs": element})


_QUARTER_X = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
_QUARTER_Z = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
_THIRD = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # about (1, 1, 1): x -> y -> z -> x
_HALF_Z = np.diag([-1.0, -1.0, 1.0])


def Cube(full: bool = True) -> Group:
    """The symmetry of a cube with its faces on the axes, O_h: all signed permutations of (x, y, z); order 48.

    `full=False` keeps the 24 rotations, O.

    Reference: Coxeter 1973, Regular Polytopes, chapter 3.

    Examples
    --------
    >>> import symdyn as sd
    >>> len(sd.Cube().closure()), len(sd.Cube(full=False).closure())
    (48, 24)
    """
    elements = {"quarter_turn_x": _QUARTER_X, "quarter_turn_z": _QUARTER_Z}
    return _solid("Cube", elements, {"parity": -np.eye(3)}, full)


def Tetrahedron(full: bool = True) -> Group:
    """The symmetry of a tetrahedron with corners (1, 1, 1), (1, -1, -1), ...: T_d; order 24.

    `full=False` keeps the 12 rotations, T.

    Reference: Coxeter 1973, Regular Polytopes, chapter 3.

    Examples
    --------
    >>> import symdyn as sd
    >>> len(sd.Tetrahedron().closure()), len(sd.Tetrahedron(full=False).closure())
    (24, 12)
    """
    exchange = np.eye(3)[[1, 0, 2]]
    return _solid("Tetrahedron", {"third_turn": _THIRD, "half_turn_z": _HALF_Z}, {"mirror_x_y": exchange}, full)


def Icosahedron(full: bool = True) -> Group:
    """The symmetry of an icosahedron with corners (0, 1, golden) and their cyclic and signed variants: I_h; order 120.

    `full=False` keeps the 60 rotations, I.

    Reference: Coxeter 1973, Regular Polytopes, chapter 3.

    Examples
    --------
    >>> import symdyn as sd
    >>> len(sd.Icosahedron().closure()), len(sd.Icosahedron(full=False).closure())
    (120, 60)
    """
    golden = (1 + np.sqrt(5)) / 2
    axis = np.array([0.0, 1.0, golden]) / np.hypot(1, golden)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = 2 * np.pi / 5
    fifth = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross  # Rodrigues
    return _solid("Icosahedron", {"third_turn": _THIRD, "fifth_turn": trimmed(fifth)}, {"parity": -np.eye(3)}, full)


def _solid(name: str, turns: dict[str, np.ndarray], mirror: dict[str, np.ndarray], full: object) -> Group:
    if not isinstance(full, bool):
        raise InputError(f"{name}(full) needs True, or False for the rotations only, got {full!r}")
    title = f"{name}()" if full else f"{name}(full=False)"
    return group(title, "nothing", {}, elements=turns | (mirror if full else {}))
