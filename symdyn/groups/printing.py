"""Vector fields, and the groups that they make, as text."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.polynomial import Polynomial

if TYPE_CHECKING:
    from symdyn.groups.group import Group


def polynomial_text(p: Polynomial, names: Sequence[str]) -> str:
    """One polynomial, lowest degree first: `1 + 2 t x - u^2`."""
    text = ""
    terms = zip(p.exponents.array.tolist(), p.coefficients.array, strict=True)
    for exponent, value in sorted(terms, key=lambda term: (sum(term[0]), [-e for e in term[0]])):
        factors = " ".join(name if e == 1 else f"{name}^{e}" for name, e in zip(names, exponent, strict=True) if e)
        sign = ("-" if value < 0 else "") if not text else (" - " if value < 0 else " + ")
        text += sign + " ".join(part for part in (_number(abs(float(value)), bool(factors)), factors) if part)
    return text or "0"


def _number(size: float, is_factor: bool) -> str:
    if is_factor and size == 1.0:
        return ""
    fraction = Fraction(size).limit_denominator(64)
    return str(fraction) if fraction and abs(float(fraction) / size - 1) < 1e-14 else f"{size:.6g}"


def field_text(field: Polynomial, names: Sequence[str]) -> str:
    """A vector field as a derivation: `t^2 d_t + t x d_x`."""
    text = ""
    for k, name in enumerate(names):
        component = field[k]
        if not len(component.exponents):
            continue
        part = polynomial_text(component, names)
        if len(component.exponents) > 1:
            part = f"({part})"
        part = {"1": "", "-1": "-"}.get(part, f"{part} ") + f"d_{name}"
        text += part if not text else f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    return text or "0"


def group_text(group: Group, coordinates: Sequence[str]) -> str:
    """The name of a group, its generators as fields and its elements as maps, one a line."""
    n = group.algebra.n
    names = tuple(coordinates) or _default_names(n, group.base)
    if isinstance(coordinates, str) or len(names) != n:
        raise InputError(f"{group.name} lives on {n} coordinates and needs as many names, got {coordinates!r}")
    lines = [f"{group.name} on ({', '.join(names)})"]
    for k, label in enumerate(group.algebra.labels):
        lines.append(f"  {label}: {field_text(group.algebra.generators[k], names)}")
    for label, g in zip(group.labels, group.elements.array, strict=True):
        rows = Polynomial.affine(g, np.zeros(n))
        image = ", ".join(polynomial_text(rows[k], names) for k in range(n))
        lines.append(f"  {label}: ({', '.join(names)}) -> ({image})")
    return "\n".join(lines)


def _default_names(n: int, base: str) -> tuple[str, ...]:
    time = ("t",) if base == "spacetime" else ()
    places = n - len(time)
    return time + (tuple("xyz"[:places]) if places <= 3 else tuple(f"x{k + 1}" for k in range(places)))
