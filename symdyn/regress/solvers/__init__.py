"""Solvers of one least-squares problem in its triangular form, all behind one method.

A solver sees R = [T | y], the R-factor of the rows with every column and the target scaled to unit norm. A weight in
these units is the *share* of the target's size that its term carries: thresholds mean the same in km and in metres.
A solver proposes sets of terms and nothing else: a selection decides among them, and the kept terms are fitted
afterwards by least squares, without bias.
"""

from symdyn.regress.solvers.base import ROUNDING, AbstractSolver, LeastSquares, Ridge, least_squares
from symdyn.regress.solvers.exact import MOST_NODES
from symdyn.regress.solvers.group import GroupLasso
from symdyn.regress.solvers.penalised import ElasticNet, Lasso
from symdyn.regress.solvers.stepwise import FROLS, SSR
from symdyn.regress.solvers.subset import MOST_SETS, BestSubset
from symdyn.regress.solvers.thresholding import SR3, STLSQ

__all__ = [
    "FROLS",
    "MOST_NODES",
    "MOST_SETS",
    "ROUNDING",
    "SR3",
    "SSR",
    "STLSQ",
    "AbstractSolver",
    "BestSubset",
    "ElasticNet",
    "GroupLasso",
    "Lasso",
    "LeastSquares",
    "Ridge",
    "least_squares",
]
