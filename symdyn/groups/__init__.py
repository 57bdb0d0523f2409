"""What acts: Lie algebras and groups, their named catalogue, representations, and actions on the state."""

from symdyn.groups.action import Action
from symdyn.groups.algebra import Group, LieAlgebra
from symdyn.groups.bound import BoundAction, Fibre, Generator
from symdyn.groups.catalogue import SE, SO, E, O, Scaling, T
from symdyn.groups.representations import AbstractRepresentation, DirectSum, Point, Scalar, Vector, Weight

__all__ = [
    "SE",
    "SO",
    "AbstractRepresentation",
    "Action",
    "BoundAction",
    "DirectSum",
    "E",
    "Fibre",
    "Generator",
    "Group",
    "LieAlgebra",
    "O",
    "Point",
    "Scalar",
    "Scaling",
    "T",
    "Vector",
    "Weight",
]
