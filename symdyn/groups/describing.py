"""What the generators of an algebra do to the coordinates, in words."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.algebra import LieAlgebra

SMALL = 1e-9  # entries below this share of the largest of a generator count as zero
FEW, LONG = 3, 90  # fields that are written out, and characters that they may take
MANY = {"the linear map": "linear maps", "the field": "other fields", "the translation": "translations"}
Pairs = frozenset[tuple[int, int]]


def acting_as(algebra: LieAlgebra, axes: Sequence[str], *, time: str = "t") -> str:
    """What a Lie algebra of fields does, in words: "rotations of (x, y, z) and time translation".

    The generators are taken as they are: a basis in which each moves few coordinates reads best.

    Parameters
    ----------
    axes: the names of the n coordinates.
    time: which of them is the time.

    Raises InputError for a wrong number of axes.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.acting_as(sd.SE(3).algebra, ("x", "y", "z"))
    'rotations of (x, y, z) and translations along x, y, z'
    """
    axes = tuple(axes)
    if len(axes) != algebra.n:
        raise InputError(f"{algebra.name} moves {algebra.n} coordinates, got the names {', '.join(axes) or '(none)'}")
    rotations: list[Pairs] = []
    said: dict[str, list[str]] = {}
    for k in range(algebra.dimension):
        kind, what = _kind(algebra, k, axes)
        if isinstance(what, frozenset):
            rotations.append(what)
        else:
            said.setdefault(kind, []).append(what)
    parts = [f"rotations of {' and '.join(group)}" for group in _spaces(rotations, axes)]
    moved = said.pop("translation", [])
    along = [name for name in moved if name != time]
    if along:
        parts.append(f"translation{'s' if len(along) > 1 else ''} along {', '.join(along)}")
    if time in moved:
        parts.append("time translation")
    for kind, found in said.items():
        many = len(found) > 1
        if kind in MANY and (len(found) > FEW or sum(map(len, found)) > LONG):
            parts.append(f"{len(found)} {MANY[kind][: None if many else -1]}")
        else:
            parts.append(f"{kind}{'s' if many else ''} {', '.join(found)}")
    return _joined(parts) or "nothing"


def _joined(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if parts[:-1] else "") + (parts[-1] if parts else "")


def _kind(algebra: LieAlgebra, k: int, axes: tuple[str, ...]) -> tuple[str, str | Pairs]:
    """The kind of a generator, and what it moves: planes of rotations as pairs of axes, other things as text."""
    from symdyn.groups.printing import field_text

    own = algebra.generators[k]
    matrix, shift = own.linear_part, own.constant_part
    size = max(float(np.abs(own.coefficients.array).max(initial=0.0)), 1e-300)
    matrix, shift = (np.where(np.abs(a) > SMALL * size, a, 0.0) for a in (matrix, shift))
    text = field_text(own, axes)
    if own.degree > 1 or (matrix.any() and shift.any()):
        return "the field", text
    if not matrix.any():
        places = np.flatnonzero(shift)
        if len(places) == 1:
            return "translation", axes[int(places[0])]
        return "the translation", text
    if np.array_equal(matrix, -matrix.T):
        return "rotation", frozenset((int(i), int(j)) for i, j in np.argwhere(np.triu(matrix)))
    if np.array_equal(matrix, np.diag(np.diag(matrix))):
        weights = np.diag(matrix) / np.abs(matrix[matrix != 0]).min()
        return "scaling", "(" + ", ".join(f"{a}: {_weight(w)}" for a, w in zip(axes, weights, strict=True) if w) + ")"
    if np.array_equal(matrix, matrix.T) and np.count_nonzero(matrix) == 2:
        i, j = np.argwhere(matrix)[0]
        return "boost", f"of {axes[int(i)]} and {axes[int(j)]}"
    return "the linear map", text


def _spaces(rotations: list[Pairs], axes: tuple[str, ...]) -> list[list[str]]:
    """The spaces that are rotated: for each set of generators that belong together their spaces, as texts."""
    groups: list[list[Pairs]] = []
    for pairs in rotations:
        touched = {axis for pair in pairs for axis in pair}
        near = [g for g in groups if any(touched & {a for pair in other for a in pair} for other in g)]
        groups = [g for g in groups if g not in near] + [[each for g in near for each in g] + [pairs]]
    return [_components(set().union(*group), axes) for group in groups]


def _components(pairs: set[tuple[int, int]], axes: tuple[str, ...]) -> list[str]:
    spaces: list[set[int]] = []
    for pair in sorted(pairs):
        near = [space for space in spaces if space & set(pair)]
        spaces = [space for space in spaces if space not in near] + [set(pair).union(*near)]
    return [f"({', '.join(axes[k] for k in sorted(space))})" for space in sorted(spaces, key=min)]


def _weight(value: float) -> str:
    """A weight as a fraction where it is one of small numbers."""
    near = Fraction(value).limit_denominator(64)
    return str(near) if abs(float(near) - value) < 1e-9 * abs(value) else f"{value:g}"
