"""Relativistic space-time, coordinates (t, x_1, ..., x_d), metric (+, -, ..., -): Lorentz, Poincare, de Sitter."""

from __future__ import annotations

import numpy as np

from symdyn.groups.catalogue.blocks import (
    Fields,
    axes,
    check_positive,
    check_size,
    dilation,
    group,
    special_conformal,
)
from symdyn.groups.catalogue.spacetime import at_rest, boosts, mirrors
from symdyn.groups.group import Group


def _check(name: str, d: int, c: float) -> None:
    check_size(name, d, 1, "d")
    check_positive(name, "c", c)


def _title(name: str, d: int, **numbers: float) -> str:
    """The name with the numbers that are not one: `Poincare(3, c=2)`."""
    return f"{name}({', '.join([str(d), *(f'{key}={value:g}' for key, value in numbers.items() if value != 1)])})"


def _poincare(d: int, c: float) -> Fields:
    return at_rest(d) | boosts(d, 1.0, 1.0 / c**2)


def _metric(d: int, c: float) -> np.ndarray:
    return np.array([c**2] + [-1.0] * d)


def Lorentz(d: int = 3, *, c: float = 1.0, parity: bool = False, time_reversal: bool = False) -> Group:
    """Rotations and the boosts t d_i + x_i / c^2 d_t, on (t, x_1..x_d): so(1, d); dimension d (d + 1) / 2.

    For c = 1 the boosts are (K_i)_0i = (K_i)_i0 = 1, with [J, J] = J, [J, K] = K, [K, K] = -J as matrices. It is the
    proper orthochronous group; `parity` adds x -> -x (in even d the reflection of the first axis) and `time_reversal`
    t -> -t, and both together give all of O(1, d).

    Reference: Weinberg 1995, The Quantum Theory of Fields I, section 2.3.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Lorentz().algebra.dimension, sd.Lorentz(1, c=2.0).algebra.matrices[0].tolist()
    (6, [[0.0, 0.25], [1.0, 0.0]])
    >>> sd.Lorentz(3, parity=True, time_reversal=True).labels
    ('parity', 'time_reversal')
    """
    _check("Lorentz", d, c)
    fields = {label: field for label, field in _poincare(d, c).items() if not label.startswith("translation")}
    elements = mirrors(d, parity, time_reversal)
    return group(_title("Lorentz", d, c=c), f"so(1, {d})", fields, base="spacetime", elements=elements)


def Poincare(d: int = 3, *, c: float = 1.0, parity: bool = False, time_reversal: bool = False) -> Group:
    """Lorentz(d) and the translations d_t, d_i, on (t, x_1..x_d); dimension (d + 1) (d + 2) / 2.

    Reference: Weinberg 1995, The Quantum Theory of Fields I, section 2.4.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Poincare().algebra.dimension, sd.Poincare(1).algebra.labels
    (10, ('translation_t', 'translation_x', 'boost_x'))
    """
    _check("Poincare", d, c)
    elements = mirrors(d, parity, time_reversal)
    return group(_title("Poincare", d, c=c), f"poincare({d})", _poincare(d, c), base="spacetime", elements=elements)


def ConformalSpacetime(d: int = 3, *, c: float = 1.0, parity: bool = False, time_reversal: bool = False) -> Group:
    """Conformal maps of Minkowski space, so(2, d + 1), on (t, x_1..x_d); dimension (d + 2) (d + 3) / 2: 15 for d = 3.

    Poincare(d), the dilation t d_t + x.d, and K_m = 2 x_m (t d_t + x.d) - (c^2 t^2 - |x|^2) d_m with lowered indices,
    x_t = c^2 t, x_i = -x_i (`special_t`, ...). The symmetry of free waves and of light; values take part with
    `Density`. For d = 1 this is the finite part of an infinite group.

    Reference: Di Francesco, Mathieu and Senechal 1997, Conformal Field Theory, chapter 4.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.ConformalSpacetime(3).algebra.dimension, sd.ConformalSpacetime(1).algebra.labels[3:]
    (15, ('dilation', 'special_t', 'special_x'))
    """
    _check("ConformalSpacetime", d, c)
    fields = _poincare(d, c) | dilation(np.ones(d + 1)) | special_conformal(_metric(d, c), ("t", *axes(d)))
    elements, title = mirrors(d, parity, time_reversal), _title("ConformalSpacetime", d, c=c)
    return group(title, f"so(2, {d + 1})", fields, base="spacetime", elements=elements)


def _curved(d: int, radius: float, c: float, sign: float) -> Fields:
    """Lorentz(d), and d_m + sign K_m / (4 radius^2) in place of the translations."""
    fields = _poincare(d, c)
    for name, special in zip(("t", *axes(d)), special_conformal(_metric(d, c), ("t", *axes(d))).values(), strict=True):
        fields[f"translation_{name}"] += special.mapped(lambda k: sign * k / (4 * radius**2))
    return fields


def DeSitter(d: int = 3, *, radius: float = 1.0, c: float = 1.0) -> Group:
    """The motions of de Sitter space, so(1, d + 1), on (t, x_1..x_d); dimension (d + 1) (d + 2) / 2.

    The coordinates are stereographic: the metric is that of Minkowski over (1 - (c^2 t^2 - |x|^2) / 4 radius^2)^2, and
    the motions in place of the translations are d_m - K_m / (4 radius^2) with K_m of `ConformalSpacetime`. For
    radius -> infinity this is the Poincare group. As matrices on the embedding space it is `SO(1, d + 1)`.

    Reference: Bacry and Levy-Leblond 1968, J. Math. Phys. 9, 1605.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.DeSitter(3).algebra.dimension, sd.DeSitter(1).algebra.generators.degree
    (10, 2)
    """
    _check("DeSitter", d, c)
    check_positive("DeSitter", "radius", radius)
    title = _title("DeSitter", d, radius=radius, c=c)
    return group(title, f"so(1, {d + 1})", _curved(d, radius, c, -1.0), base="spacetime")


def AntiDeSitter(d: int = 3, *, radius: float = 1.0, c: float = 1.0) -> Group:
    """The motions of anti-de Sitter space, so(2, d), on (t, x_1..x_d); dimension (d + 1) (d + 2) / 2.

    As `DeSitter`, with the opposite sign of the curvature: d_m + K_m / (4 radius^2) in stereographic coordinates.

    Reference: Bacry and Levy-Leblond 1968, J. Math. Phys. 9, 1605.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.AntiDeSitter(3).algebra.dimension
    10
    """
    _check("AntiDeSitter", d, c)
    check_positive("AntiDeSitter", "radius", radius)
    title = _title("AntiDeSitter", d, radius=radius, c=c)
    return group(title, f"so(2, {d})", _curved(d, radius, c, 1.0), base="spacetime")
