"""One door to the interior-point solver clarabel: convex quadratic objectives over cones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdyn._errors import SymdynError


class InfeasibleError(Exception):
    """No point fulfils the constraints."""


@dataclass(frozen=True)
class Cone:
    """Where a part s of b - A x lies: "zero" (s = 0), "positive" (s >= 0) or "semidefinite" (the matrix of s >= 0).

    `size`: the length of s, or for a semidefinite matrix its number of rows; s then holds its upper triangle column by
    column, entries off the diagonal times sqrt(2).
    """

    kind: str
    size: int


def minimise(P: np.ndarray, q: np.ndarray, A: np.ndarray, b: np.ndarray, cones: list[Cone]):
    """min x'Px / 2 + q'x subject to b - A x in the cones, one below the other: the point x (n,) and the duals z (m,).

    Raises InfeasibleError where no x fulfils the constraints, SymdynError where the iteration fails.

    Reference: Goulart, Chen 2024, arXiv:2405.12762 (clarabel).
    """
    from importlib import import_module

    from scipy.sparse import csc_matrix, triu

    clarabel = import_module("clarabel")
    kinds = {
        "zero": clarabel.ZeroConeT,
        "positive": clarabel.NonnegativeConeT,
        "semidefinite": clarabel.PSDTriangleConeT,
    }
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    parts = [kinds[cone.kind](cone.size) for cone in cones if cone.size]
    solver = clarabel.DefaultSolver(csc_matrix(triu(P)), q, csc_matrix(A), b, parts, settings)
    found = solver.solve()
    status = str(found.status)
    if "PrimalInfeasible" in status:
        raise InfeasibleError
    if status not in ("Solved", "AlmostSolved", "InsufficientProgress"):
        raise SymdynError(f"the convex problem was not solved (clarabel says {status}); scale the variables")
    return np.array(found.x), np.array(found.z)


def upper_triangle(matrix: np.ndarray) -> np.ndarray:
    """A symmetric matrix (n, n), or several (..., n, n), as the vector of its upper triangle that a cone takes."""
    n = matrix.shape[-1]
    columns, rows = np.tril_indices(n)
    scale = np.where(rows == columns, 1.0, np.sqrt(2.0))
    return matrix[..., rows, columns] * scale
