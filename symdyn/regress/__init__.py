"""Regression: streamed moments, solvers, and the verb `identify` with the solution that it returns."""

from symdyn.regress._identify import identify
from symdyn.regress.conserved.noether import conservation_laws, noether
from symdyn.regress.conserved.quantities import conserved_drift, conserved_quantities
from symdyn.regress.constraints.language import Coefficients, Constraint, EnergyPreserving, coefficient
from symdyn.regress.constraints.trapping import Trapping, TrappingRegion, trapping_region
from symdyn.regress.domain import Domain
from symdyn.regress.evidence.result import Evidence, Finding
from symdyn.regress.evidence.verbs import certify, symmetry_evidence
from symdyn.regress.family import Family, identify_each
from symdyn.regress.implicit.identification import identify_implicit
from symdyn.regress.implicit.solution import ImplicitSettings, ImplicitSolution, LeftSide, LeftSides
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.partial.identification import identify_field
from symdyn.regress.partial.relations import FieldRelation, FieldRelations, identify_field_implicit
from symdyn.regress.promoting.chain import Promotion, promotion
from symdyn.regress.promoting.settings import Promote
from symdyn.regress.refinement.refine import refine
from symdyn.regress.resampling.ensemble import Ensemble, ensemble
from symdyn.regress.selection import BIC, EBIC, AICc, CrossValidation, Knee, StabilitySelection, Tolerance
from symdyn.regress.solution import RESULTS, Candidate, Choice, RankedLibrary, Solution, Stats, load
from symdyn.regress.solvers import (
    FROLS,
    SR3,
    SSR,
    STLSQ,
    BestSubset,
    ElasticNet,
    GroupLasso,
    Lasso,
    LeastSquares,
    Ridge,
)
from symdyn.regress.stochastic import StochasticLaw, identify_stochastic
from symdyn.regress.symmetries.find import find_symmetries
from symdyn.regress.varpro import Projection, variable_projection

__all__ = [
    "BIC",
    "EBIC",
    "FROLS",
    "RESULTS",
    "SR3",
    "SSR",
    "STLSQ",
    "AICc",
    "BestSubset",
    "Candidate",
    "Choice",
    "Coefficients",
    "Constraint",
    "CrossValidation",
    "Domain",
    "ElasticNet",
    "EnergyPreserving",
    "Ensemble",
    "Evidence",
    "Family",
    "FieldRelation",
    "FieldRelations",
    "Finding",
    "GroupLasso",
    "ImplicitSettings",
    "ImplicitSolution",
    "JointEstimation",
    "Knee",
    "Lasso",
    "LeastSquares",
    "LeftSide",
    "LeftSides",
    "Projection",
    "Promote",
    "Promotion",
    "RankedLibrary",
    "Ridge",
    "Solution",
    "StabilitySelection",
    "Stats",
    "StochasticLaw",
    "Tolerance",
    "Trapping",
    "TrappingRegion",
    "certify",
    "coefficient",
    "conservation_laws",
    "conserved_drift",
    "conserved_quantities",
    "ensemble",
    "find_symmetries",
    "identify",
    "identify_each",
    "identify_field",
    "identify_field_implicit",
    "identify_implicit",
    "identify_stochastic",
    "load",
    "noether",
    "promotion",
    "refine",
    "symmetry_evidence",
    "trapping_region",
    "variable_projection",
]
