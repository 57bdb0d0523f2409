"""Groups of quadratic fields on space: conformal and projective maps."""

from __future__ import annotations

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.catalogue.blocks import (
    Fields,
    axes,
    check_size,
    constant,
    dilation,
    group,
    rigid,
    special_conformal,
)
from symdyn.groups.catalogue.linear import elementary
from symdyn.groups.group import Group
from symdyn.groups.polynomial import Polynomial, read_polynomial, stacked


def Conformal(n: int) -> Group:
    """Maps of R^n that keep angles, so(n + 1, 1), n >= 1; dimension (n + 1) (n + 2) / 2.

    Translations, rotations, the dilation x.d, and K_i = 2 x_i x.d - |x|^2 d_i (`special_x`, ...). In the plane this is
    the part that closes of an infinite group; on the line it is sl(2, R).

    Reference: Di Francesco, Mathieu and Senechal 1997, Conformal Field Theory, chapter 4.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Conformal(3).algebra.dimension, sd.Conformal(1).algebra.labels
    (10, ('translation_x', 'dilation', 'special_x'))
    """
    check_size("Conformal", n, 1)
    fields = rigid(n) | dilation(np.ones(n)) | special_conformal(np.ones(n), axes(n))
    return group(f"Conformal({n})", f"so({n + 1}, 1)", fields)


def Projective(n: int) -> Group:
    """Maps of R^n that keep straight lines, sl(n + 1), n >= 1; dimension n (n + 2).

    Translations, all linear fields x_j d_i, and x_i x.d (`projective_x`, ...). The point symmetries of straight lines,
    x'' = 0.

    Reference: Olver 1993, Applications of Lie Groups to Differential Equations, section 2.4.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Projective(2).algebra.dimension, sd.Projective(1).algebra.labels
    (8, ('translation_x', 'stretch_x', 'projective_x'))
    """
    check_size("Projective", n, 1)
    place = Polynomial.affine(np.eye(n), np.zeros(n))
    fields = constant(axes(n)) | elementary(n)
    fields |= {f"projective_{axis}": place.times(k) for k, axis in enumerate(axes(n))}
    return group(f"Projective({n})", f"sl({n + 1})", fields)


def TwoDimensionalConformal(order: int = 1) -> Group:
    """Holomorphic fields of the plane, z^(m + 1) d_z and i z^(m + 1) d_z for -1 <= m <= order, with z = x + i y.

    They close for order -1 (translations), 0 (with rotation and dilation) and 1, where they are those of Conformal(2).
    Beyond, the brackets [L_m, L_k] = (m - k) L_(m + k) never end: single fields of higher order act through
    `Action.polynomial`, which need not close.

    Reference: Di Francesco, Mathieu and Senechal 1997, Conformal Field Theory, chapter 5.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.TwoDimensionalConformal(0).algebra.labels
    ('z^0', 'i z^0', 'z^1', 'i z^1')
    """
    check_size("TwoDimensionalConformal", order, -1, "order")
    if order > 1:
        raise InputError(
            f"TwoDimensionalConformal(order) closes for order -1, 0 and 1, got {order}: brackets of higher orders "
            "never end; take single fields by Action.polynomial"
        )
    parts = [("1", "0"), ("x", "y"), ("x^2 - y^2", "2 x y")]  # real and imaginary parts of z^0, z^1, z^2
    fields: Fields = {}
    for power, (real, imaginary) in enumerate(parts[: order + 2]):
        re, im = (read_polynomial(text, ("x", "y")) for text in (real, imaginary))
        fields[f"z^{power}"], fields[f"i z^{power}"] = stacked([re, im]), stacked([-im, re])
    return group(f"TwoDimensionalConformal({order})", "witt", fields)
