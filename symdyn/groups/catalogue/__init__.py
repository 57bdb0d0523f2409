"""The named groups. Rotations are right-handed; a generator A moves points as xi = A x; space-time has time first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from symdyn.groups.catalogue.conformal import Conformal, Projective, TwoDimensionalConformal
from symdyn.groups.catalogue.discrete import (
    Cube,
    Cyclic,
    CyclicShifts,
    Dihedral,
    Icosahedron,
    Mirror,
    Parity,
    Permutations,
    SignPattern,
    Signs,
    Tetrahedron,
)
from symdyn.groups.catalogue.euclidean import SE, SO, E, O, Sim, T
from symdyn.groups.catalogue.linear import GL, SL, Aff, Scaling, Sp
from symdyn.groups.catalogue.nilpotent import Heisenberg, Unipotent
from symdyn.groups.catalogue.planet import beta_plane, sphere_rotations
from symdyn.groups.catalogue.relativity import AntiDeSitter, ConformalSpacetime, DeSitter, Lorentz, Poincare
from symdyn.groups.catalogue.spacetime import (
    Accelerations,
    Aristotle,
    Bargmann,
    Carroll,
    Galilei,
    NewtonHooke,
    Schroedinger,
    TimeReversal,
    TimeTranslation,
)
from symdyn.groups.catalogue.unitary import SU, U
from symdyn.groups.group import Group

_MAKERS: tuple[tuple[Callable[..., Group], tuple], ...] = (
    *((T, (1,)), (T, (3,)), (SO, (2,)), (SO, (3,)), (SO, (4,)), (SO, (2, 1)), (SO, (1, 3)), (SO, (2, 2))),
    *((O, (1,)), (O, (2,)), (O, (3,)), (O, (1, 3)), (SE, (1,)), (SE, (2,)), (SE, (3,)), (E, (2,)), (E, (3,))),
    *((Sim, (2,)), (Sim, (3,)), (Scaling, ()), (GL, (1,)), (GL, (2,)), (GL, (3,)), (SL, (2,)), (SL, (3,))),
    *((Aff, (1,)), (Aff, (2,)), (Sp, (2,)), (Sp, (4,)), (U, (1,)), (U, (2,)), (SU, (2,)), (SU, (3,))),
    *((TimeTranslation, ()), (TimeReversal, ()), (Aristotle, (3,)), (Galilei, (1,)), (Galilei, (2,)), (Galilei, (3,))),
    *((Schroedinger, (1,)), (Schroedinger, (3,)), (Carroll, (3,)), (NewtonHooke, (2,)), (Accelerations, (2, 3))),
    *((Bargmann, (1,)), (Bargmann, (3,)), (Lorentz, (1,)), (Lorentz, (3,)), (Poincare, (1,)), (Poincare, (3,))),
    *((DeSitter, (3,)), (AntiDeSitter, (3,)), (ConformalSpacetime, (1,)), (ConformalSpacetime, (3,))),
    *((Conformal, (1,)), (Conformal, (2,)), (Conformal, (3,)), (Projective, (1,)), (Projective, (2,))),
    *((TwoDimensionalConformal, (1,)), (Heisenberg, (1,)), (Heisenberg, (2,)), (Unipotent, (4,))),
    *((Parity, (3,)), (Mirror, (2,)), (Cyclic, (3,)), (Cyclic, (4,)), (Dihedral, (3,)), (Dihedral, (4,))),
    *((Permutations, (3,)), (Permutations, (4,)), (CyclicShifts, (5,)), (Signs, (3,)), (SignPattern, ((-1, -1, 1),))),
    *((Cube, (True,)), (Cube, (False,)), (Tetrahedron, (True,)), (Icosahedron, (True,))),
)


def _described(make: Callable[..., Group], values: tuple) -> str:
    return f"{make.__name__}({', '.join(map(str, values))})"


CATALOGUE: dict[str, Callable[[], Group]] = {
    **{_described(make, values): partial(make, *values) for make, values in _MAKERS},
    "SE(2) x U(1)": lambda: SE(2) * U(1),
    "SO(3) + T(3)": lambda: SO(3) + T(3),
    "Galilei(3), mirrors": partial(Galilei, 3, parity=True, time_reversal=True),
    "Galilei(3) + Accelerations(3, 2, least=2)": lambda: Galilei(3) + Accelerations(3, 2, least=2),
    "Lorentz(3), mirrors": partial(Lorentz, 3, parity=True, time_reversal=True),
    "Poincare(3), c = 2, mirrors": partial(Poincare, 3, c=2.0, parity=True, time_reversal=True),
    "Schroedinger(2), mirrors": partial(Schroedinger, 2, parity=True, time_reversal=True),
    "ConformalSpacetime(2), mirrors": partial(ConformalSpacetime, 2, parity=True, time_reversal=True),
    "DeSitter(2), radius = 2, c = 3": partial(DeSitter, 2, radius=2.0, c=3.0),
    "NewtonHooke(1), rate = 2, expanding": partial(NewtonHooke, 1, 2.0, expanding=True),
    "SU(3), conjugation": partial(SU, 3, conjugation=True),
    "U(1), conjugation": partial(U, 1, conjugation=True),
}
"""Small instances of every group, by name: functions that make them."""

__all__ = [
    "CATALOGUE",
    "GL",
    "SE",
    "SL",
    "SO",
    "SU",
    "Accelerations",
    "Aff",
    "AntiDeSitter",
    "Aristotle",
    "Bargmann",
    "Carroll",
    "Conformal",
    "ConformalSpacetime",
    "Cube",
    "Cyclic",
    "CyclicShifts",
    "DeSitter",
    "Dihedral",
    "E",
    "Galilei",
    "Heisenberg",
    "Icosahedron",
    "Lorentz",
    "Mirror",
    "NewtonHooke",
    "O",
    "Parity",
    "Permutations",
    "Poincare",
    "Projective",
    "Scaling",
    "Schroedinger",
    "SignPattern",
    "Signs",
    "Sim",
    "Sp",
    "T",
    "Tetrahedron",
    "TimeReversal",
    "TimeTranslation",
    "TwoDimensionalConformal",
    "U",
    "Unipotent",
    "beta_plane",
    "sphere_rotations",
]
