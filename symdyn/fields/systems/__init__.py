"""Partial differential equations that are simulated on request: fields with a truth."""

from symdyn.fields.systems.door import FIELD_SYSTEMS, make_fields
from symdyn.fields.systems.system import FieldSystem

__all__ = ["FIELD_SYSTEMS", "FieldSystem", "make_fields"]
