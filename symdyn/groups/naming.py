"""The names of Lie algebras: so(3) + R, se(2), R with R^2 in the weights (1, -2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups.algebra import LieAlgebra
from symdyn.groups.catalogue import (
    SE,
    SL,
    SO,
    SU,
    Aff,
    Bargmann,
    Carroll,
    ConformalSpacetime,
    Galilei,
    Heisenberg,
    NewtonHooke,
    Poincare,
    Schroedinger,
    Sim,
    Unipotent,
)
from symdyn.groups.isomorphism import LARGEST, Isomorphism, invariants, isomorphism
from symdyn.groups.structure import Structure

SIMPLE = {
    # dimension, dimension of the centroid, (positive, negative) of the Killing form
    (3, 1, (0, 3)): "so(3)",
    (3, 1, (2, 1)): "sl(2, R)",
    (6, 2, (3, 3)): "so(3, 1)",
    (8, 1, (0, 8)): "su(3)",
    (8, 1, (5, 3)): "sl(3, R)",
    (8, 1, (4, 4)): "su(2, 1)",
    (10, 1, (0, 10)): "so(5)",
    (10, 1, (4, 6)): "so(4, 1)",
    (10, 1, (6, 4)): "so(3, 2)",
    (14, 1, (0, 14)): "g2",
    (14, 1, (8, 6)): "g2, split",
    (15, 1, (0, 15)): "su(4)",
    (15, 1, (9, 6)): "sl(4, R)",
    (15, 1, (5, 10)): "so(5, 1)",
    (15, 1, (8, 7)): "so(4, 2)",
    (15, 1, (6, 9)): "su(3, 1)",
    (16, 2, (8, 8)): "sl(3, C)",
    (20, 2, (10, 10)): "so(5, C)",
}
"""Simple real algebras up to dimension 20, by numbers that tell them apart (Helgason 1978, chapter X, table V)."""

REFERENCES: dict[str, Callable[[], LieAlgebra]] = {
    "aff(1)": lambda: Aff(1).algebra,
    "se(2)": lambda: SE(2).algebra,
    "poincare(1)": lambda: Poincare(1).algebra,
    "heisenberg(1)": lambda: Heisenberg(1).algebra,
    "galilei(1)": lambda: Galilei(1).algebra,
    "bargmann(1)": lambda: Bargmann(1).algebra,
    "sim(2)": lambda: Sim(2).algebra,
    "newton-hooke(1)": lambda: NewtonHooke(1, 1.0).algebra,
    "newton-hooke(1), expanding": lambda: NewtonHooke(1, 1.0, expanding=True).algebra,
    "heisenberg(2)": lambda: Heisenberg(2).algebra,
    "schroedinger(1)": lambda: Schroedinger(1).algebra,
    "unipotent(4)": lambda: Unipotent(4).algebra,
    "se(3)": lambda: SE(3).algebra,
    "galilei(2)": lambda: Galilei(2).algebra,
    "aff(2)": lambda: Aff(2).algebra,
    "sim(3)": lambda: Sim(3).algebra,
    "poincare(2)": lambda: Poincare(2).algebra,
    "schroedinger(2)": lambda: Schroedinger(2).algebra,
    "carroll(3)": lambda: Carroll(3).algebra,
    "galilei(3)": lambda: Galilei(3).algebra,
    "newton-hooke(3)": lambda: NewtonHooke(3, 1.0).algebra,
    "newton-hooke(3), expanding": lambda: NewtonHooke(3, 1.0, expanding=True).algebra,
    "poincare(3)": lambda: Poincare(3).algebra,
    "bargmann(3)": lambda: Bargmann(3).algebra,
    "schroedinger(3)": lambda: Schroedinger(3).algebra,
    "so(3)": lambda: SO(3).algebra,
    "sl(2, R)": lambda: SO(2, 1).algebra,
    "so(3, 1)": lambda: SO(1, 3).algebra,
    "so(3, 2)": lambda: SO(2, 3).algebra,
    "so(4, 1)": lambda: SO(1, 4).algebra,
    "so(5)": lambda: SO(5).algebra,
    "su(3)": lambda: SU(3).algebra,
    "sl(3, R)": lambda: SL(3).algebra,
    "so(4, 2)": lambda: ConformalSpacetime(3).algebra,
}  # fmt: skip
"""Algebras with names of their own; the first that fits gives the name."""


@dataclass(frozen=True, eq=False)
class Ideal:
    """A part of a direct sum.

    `name`; `rows` (k, g): orthonormal, in the generators of the whole; `reference`: the catalogued algebra that it
    was mapped onto, empty where there is none; `isomorphism`: the map from `rows` onto its generators, with residual.
    """

    name: str
    rows: Frozen
    reference: str = ""
    isomorphism: Isomorphism | None = None


@dataclass(frozen=True, eq=False)
class AlgebraName:
    """What `name_of` returns. It prints as the name.

    `parts`: the indecomposable ideals, commuting directions together; `structure`: series, radical, Levi factor, ...
    """

    structure: Structure
    parts: tuple[Ideal, ...]

    @property
    def name(self) -> str:
        """The direct sum, such as "so(3) + R^2"; equal simple parts that are one of the known sums get its name."""
        names = sorted((part.name for part in self.parts), key=lambda name: (name.startswith("R"), name))
        if names[:2] == ["so(3)", "so(3)"]:
            names = ["so(4)", *names[2:]]
        return " + ".join(names) or "0"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<AlgebraName: {self.name}, dimension {self.structure.dimension}>"


def name_of(algebra: LieAlgebra | np.ndarray, *, tolerance: float = 1e-7) -> AlgebraName:
    r"""The name of a Lie algebra: each indecomposable ideal of it, in a direct sum.

    Simple ideals are named by dimension, centroid and the signature of the Killing form; others by matching with the
    catalogue: equal invariants first, then an isomorphism, whose residual is part of the answer. What is in no
    catalogue is described by its Levi factor and its nilradical, with the weights where one direction acts on it.

    Parameters
    ----------
    algebra: a `LieAlgebra`, or structure constants (g, g, g) with [X_i, X_j] = sum_k c[i, j, k] X_k.
    tolerance: the relative accuracy of the constants; raise it for measured ones.

    Raises InputError for constants that are no Lie algebra within the tolerance.

    References: Rand, Winternitz, Zassenhaus 1988, Linear Algebra and its Applications 109, 197 (decomposition);
    Snobl, Winternitz 2014, *Classification and Identification of Lie Algebras*.

    Examples
    --------
    >>> import symdyn as sd
    >>> str(sd.name_of(sd.SO(4).algebra)), str(sd.name_of(sd.GL(2).algebra)), str(sd.name_of(sd.SE(2).algebra))
    ('so(4)', 'sl(2, R) + R', 'se(2)')
    """
    if isinstance(algebra, LieAlgebra):
        algebra = algebra.structure_constants()
    whole = Structure(np.asarray(algebra, float), tolerance)
    if not tolerance > 0:
        raise InputError(f"the tolerance is a positive share, got {tolerance!r}")
    return AlgebraName(whole, tuple(_named(whole.restricted(rows), rows) for rows in whole.ideals))


def _named(part: Structure, rows: np.ndarray) -> Ideal:
    if part.is_abelian:
        return Ideal(_flat(part.dimension), Frozen(rows))
    if not len(part.radical):
        name = _simple(part)
        if name in REFERENCES:
            return Ideal(name, Frozen(rows), name, isomorphism(part, _reference(name)[0]))
        return Ideal(name, Frozen(rows))
    own = invariants(part)
    for name in REFERENCES:
        other, known = _reference(name)
        if known == own and part.dimension <= LARGEST:
            found = isomorphism(part, other)
            if found is not None:
                return Ideal(name, Frozen(rows), name, found)
    return Ideal(_described(part), Frozen(rows))


def _flat(dimension: int) -> str:
    return "R" if dimension == 1 else f"R^{dimension}"


def _simple(part: Structure) -> str:
    p, n = part.signature
    known = SIMPLE.get((part.dimension, part.centroid_dimension, (p, n)))
    return known or f"simple({part.dimension}; Killing form {p}+, {n}-)"


def _described(part: Structure) -> str:
    """Levi factor, what acts on the nilradical, and the nilradical."""
    if part.is_nilpotent:
        return f"nilpotent({part.dimension})"
    inner = part.nilradical
    inside = part.restricted(inner)
    if inside.is_abelian:
        text = _flat(inside.dimension)
    else:
        text = str(name_of(inside.constants, tolerance=part.tolerance))
        text = f"({text})" if " + " in text else text
    acting = len(part.radical) - len(inner)
    parts = []
    if len(part.levi):
        levi = name_of(part.restricted(part.levi).constants, tolerance=part.tolerance).name
        parts.append(f"({levi})" if " + " in levi else levi)
    if acting == 1 and not len(part.levi):
        parts.append(f"R{_weights(part, inner)}")
    elif acting:
        parts.append(_flat(acting))
    return " ⋉ ".join([*parts, text])


def _weights(part: Structure, inner: np.ndarray) -> str:
    """The eigenvalues with which the one direction outside of the nilradical acts on it, the largest being 1."""
    away = np.linalg.svd(inner)[2][len(inner) :]
    ad = np.einsum("i,ijk->kj", away[0], part.constants)
    values = np.linalg.eigvals(inner @ ad @ inner.T)
    values = values / values[np.argmax(np.abs(values))]
    if values.real.sum() < 0:
        values = -values
    order = np.lexsort((values.imag, -values.real))
    return f" with weights {', '.join(_number(v) for v in values[order].astype(complex).tolist())}"


def _number(value: complex) -> str:
    from fractions import Fraction

    def real(x: float) -> str:
        near = Fraction(x).limit_denominator(12)
        return str(near) if abs(float(near) - x) < 1e-6 else f"{x:.4g}"

    if abs(value.imag) < 1e-6:
        return real(value.real)
    sign = "+" if value.imag > 0 else "-"
    return f"{real(value.real)} {sign} {real(abs(value.imag))}i"


@cache
def _reference(name: str) -> tuple[Structure, tuple]:
    structure = Structure(REFERENCES[name]().structure_constants())
    return structure, invariants(structure)
