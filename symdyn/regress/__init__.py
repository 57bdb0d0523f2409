"""Regression: streamed moments, solvers, and the verb `identify` with the solution that it returns."""

from symdyn.regress._identify import identify
from symdyn.regress.solution import RESULTS, Solution, Stats, load
from symdyn.regress.solvers import FROLS, SR3, SSR, STLSQ, BestSubset, ElasticNet, Lasso, LeastSquares
from symdyn.regress.varpro import Projection, variable_projection

__all__ = [
    "FROLS",
    "RESULTS",
    "SR3",
    "SSR",
    "STLSQ",
    "BestSubset",
    "ElasticNet",
    "Lasso",
    "LeastSquares",
    "Projection",
    "Solution",
    "Stats",
    "identify",
    "load",
    "variable_projection",
]
