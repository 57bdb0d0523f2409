"""Regression: streamed moments, solvers, and the verb `identify` with the solution that it returns."""

from symdyn.regress._identify import identify
from symdyn.regress.selection import BIC, EBIC, AICc, CrossValidation, Knee, StabilitySelection, Tolerance
from symdyn.regress.solution import RESULTS, Candidate, Choice, Solution, Stats, load
from symdyn.regress.solvers import FROLS, SR3, SSR, STLSQ, BestSubset, ElasticNet, Lasso, LeastSquares, Ridge
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
    "CrossValidation",
    "ElasticNet",
    "Knee",
    "Lasso",
    "LeastSquares",
    "Projection",
    "Ridge",
    "Solution",
    "StabilitySelection",
    "Stats",
    "Tolerance",
    "identify",
    "load",
    "variable_projection",
]
