"""Symmetry around any model: before it, around it, in its weights, in its optimiser, and measured."""

from symdyn.workflow.augmenting import augment, augment_dataset
from symdyn.workflow.canonical import (
    AbstractCanonicalisation,
    Canonical,
    CanonicalChain,
    Canonicalised,
    Centred,
    FirstAxis,
    PrincipalFrame,
    Similarity,
    Sorted,
    UnitSize,
)
from symdyn.workflow.frames import FrameAveraged, GroupAveraged
from symdyn.workflow.metrics import equivariance_error, orbit_variance
from symdyn.workflow.moves import Moves, random_moves, random_orthogonal
from symdyn.workflow.proximal import (
    AbstractProximal,
    ProxGroupL1,
    ProxL1,
    ProxNuclear,
    ProxOrbits,
    ProxSimplex,
    proximal,
)
from symdyn.workflow.recognition import Recognised, Recognition, recognise_symmetries
from symdyn.workflow.tying import TiedLinear, grid_group, tie, tied

__all__ = [
    "AbstractCanonicalisation",
    "AbstractProximal",
    "Canonical",
    "CanonicalChain",
    "Canonicalised",
    "Centred",
    "FirstAxis",
    "FrameAveraged",
    "GroupAveraged",
    "Moves",
    "PrincipalFrame",
    "ProxGroupL1",
    "ProxL1",
    "ProxNuclear",
    "ProxOrbits",
    "ProxSimplex",
    "Recognised",
    "Recognition",
    "Similarity",
    "Sorted",
    "TiedLinear",
    "UnitSize",
    "augment",
    "augment_dataset",
    "equivariance_error",
    "grid_group",
    "orbit_variance",
    "proximal",
    "random_moves",
    "random_orthogonal",
    "recognise_symmetries",
    "tie",
    "tied",
]
