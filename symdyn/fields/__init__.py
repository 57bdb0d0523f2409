"""Fields on grids: axes and spheres, derivatives, jets, the weak form, and the door for gridded data."""

from symdyn.fields.axes import Box, Periodic
from symdyn.fields.collection import Fields
from symdyn.fields.door import open_fields
from symdyn.fields.eof import Modes, modes, travelling_pairs
from symdyn.fields.form import FieldWeakForm
from symdyn.fields.grid import Grid
from symdyn.fields.harmonics import Harmonics
from symdyn.fields.jets import JetDerivatives, jets
from symdyn.fields.sphere import Sphere
from symdyn.fields.sphere_operators import SphereOperators
from symdyn.fields.systems import FIELD_SYSTEMS, FieldSystem, make_fields
from symdyn.fields.terms import DivergenceForm, Fluxes
from symdyn.fields.weak import FieldRows, field_rows

__all__ = [
    "FIELD_SYSTEMS",
    "Box",
    "DivergenceForm",
    "FieldRows",
    "FieldSystem",
    "FieldWeakForm",
    "Fields",
    "Fluxes",
    "Grid",
    "Harmonics",
    "JetDerivatives",
    "Modes",
    "Periodic",
    "Sphere",
    "SphereOperators",
    "field_rows",
    "jets",
    "make_fields",
    "modes",
    "open_fields",
    "travelling_pairs",
]
