"""Unitary groups on complex components, as real matrices; they move values and never coordinates."""

from __future__ import annotations

import numpy as np

from symdyn.groups.catalogue.blocks import Fields, check_size, group, linear
from symdyn.groups.group import Group


def gell_mann(n: int) -> np.ndarray:
    """The generalised Gell-Mann matrices: Hermitian, traceless, tr(a b) = 2 delta_ab; shape (n^2 - 1, n, n).

    In the usual order: for n = 2 the Pauli matrices, for n = 3 lambda_1 to lambda_8.
    """
    found = []
    for k in range(1, n):
        for j in range(k):
            symmetric, antisymmetric = np.zeros((2, n, n), complex)
            symmetric[j, k] = symmetric[k, j] = 1
            antisymmetric[j, k], antisymmetric[k, j] = -1j, 1j
            found += [symmetric, antisymmetric]
        found.append(np.diag([1.0] * k + [-float(k)] + [0.0] * (n - k - 1)) * np.sqrt(2 / (k * (k + 1))))
    return np.array(found, complex).reshape(-1, n, n)


def as_real(matrices: np.ndarray) -> np.ndarray:
    """Complex matrices (..., n, n) as real ones on (re_1..re_n, im_1..im_n): shape (..., 2n, 2n)."""
    A, B = np.real(matrices), np.imag(matrices)
    return np.concatenate([np.concatenate([A, -B], -1), np.concatenate([B, A], -1)], -2)


def _special(n: int) -> Fields:
    labels = [f"pauli_{axis}" for axis in "xyz"] if n == 2 else [f"gell_mann_{k + 1}" for k in range(n * n - 1)]
    return linear(as_real(-0.5j * gell_mann(n)), labels)


def _conjugation(n: int, wanted: bool) -> dict[str, np.ndarray]:
    return {"conjugation": np.diag([1.0] * n + [-1.0] * n)} if wanted else {}


def U(n: int, *, conjugation: bool = False) -> Group:
    """Unitary maps of C^n, n >= 1, on the real numbers (re_1..re_n, im_1..im_n); dimension n^2.

    The phase z -> exp(i s) z, for n = 1 the matrix [[0, -1], [1, 0]], and the generators of SU(n).
    `conjugation=True` adds the element z -> conj z.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.U(1).algebra.matrices[0].tolist(), sd.U(2).algebra.labels
    ([[0.0, -1.0], [1.0, 0.0]], ('phase', 'pauli_x', 'pauli_y', 'pauli_z'))
    """
    check_size("U", n, 1)
    fields = linear(as_real(1j * np.eye(n))[None], ("phase",)) | (_special(n) if n > 1 else {})
    return group(f"U({n})", f"u({n})", fields, base="internal", elements=_conjugation(n, conjugation))


def SU(n: int, *, conjugation: bool = False) -> Group:
    """Unitary maps of C^n of determinant one, n >= 2, on (re_1..re_n, im_1..im_n); dimension n^2 - 1.

    The generators are -i lambda_a / 2 with the Pauli (n = 2), Gell-Mann (n = 3) or generalised Gell-Mann matrices, so
    that [X_a, X_b] = f_abc X_c: eps_abc for n = 2, f_123 = 1 for n = 3. `conjugation=True` adds the element
    z -> conj z.

    Reference: Gell-Mann 1962, Phys. Rev. 125, 1067.

    Examples
    --------
    >>> import symdyn as sd
    >>> c = sd.SU(3).algebra.structure_constants()
    >>> f"{c[0, 1, 2]:.4f} {c[3, 4, 7]:.4f}"
    '1.0000 0.8660'
    """
    check_size("SU", n, 2)
    elements = _conjugation(n, conjugation)
    return group(f"SU({n})", f"su({n})", _special(n), base="internal", elements=elements)
