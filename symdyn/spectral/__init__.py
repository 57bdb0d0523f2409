"""Exact invariance in regression: feature spaces that a group maps to themselves, and what it leaves fixed in them."""

from symdyn.spectral.anomaly import Anomaly, Departures, departures, symmetry_anomaly
from symdyn.spectral.discovery import FoundSubgroup, find_subgroup
from symdyn.spectral.elements import ElementTest, symmetry_ratios
from symdyn.spectral.files import load_spectral
from symdyn.spectral.fixed import FixedSpace, fixed_space, representation
from symdyn.spectral.further_spaces import OwnFeatures, PowerSums
from symdyn.spectral.regression import SpectralModel, fit_invariant
from symdyn.spectral.spaces import (
    AbstractFeatureSpace,
    HermiteFunctions,
    SphereHarmonics,
    TorusWaves,
)
from symdyn.spectral.subset import RandomSubset, random_subset

__all__ = [
    "AbstractFeatureSpace",
    "Anomaly",
    "Departures",
    "ElementTest",
    "FixedSpace",
    "FoundSubgroup",
    "HermiteFunctions",
    "OwnFeatures",
    "PowerSums",
    "RandomSubset",
    "SpectralModel",
    "SphereHarmonics",
    "TorusWaves",
    "departures",
    "find_subgroup",
    "fit_invariant",
    "fixed_space",
    "load_spectral",
    "random_subset",
    "representation",
    "symmetry_anomaly",
    "symmetry_ratios",
]
