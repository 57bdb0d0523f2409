"""Dimensions of fixed spaces against theory: Molien series, characters on the sphere, tensors of crystals, absences."""

import math

import numpy as np
import pytest

import symdyn as sd

ONE = np.eye(3)


def molien(elements: np.ndarray, most: int) -> list[int]:
    """Invariant polynomials by degree: the mean of 1 / det(1 - t g) over all elements, by power sums of eigenvalues."""
    total = np.zeros(most + 1)
    for g in elements:
        traces = [np.trace(np.linalg.matrix_power(g, k)) for k in range(1, most + 1)]
        series = [1.0]  # complete symmetric polynomials of the eigenvalues, by Newton's identities
        for k in range(1, most + 1):
            series.append(sum(traces[i] * series[k - 1 - i] for i in range(k)) / k)
        total += series
    return np.rint(total / len(elements)).astype(int).tolist()


@pytest.mark.parametrize(
    ("group", "n", "most"),
    [
        (sd.Dihedral(5), 2, 6),
        (sd.Cyclic(3), 2, 6),
        (sd.Cube(), 3, 6),
        (sd.Cube(False), 3, 6),
        (sd.Permutations(4), 4, 4),
        (sd.CyclicShifts(4), 4, 4),
        (sd.Permutations(3) + sd.Signs(3), 3, 6),
    ],
    ids=str,
)
def test_invariant_polynomials_are_as_many_as_the_molien_series_says(group, n, most):
    fixed = sd.fixed_space(sd.HermiteFunctions(n, most), group, method="svd")
    assert np.bincount(fixed.levels, minlength=most + 1).tolist() == molien(group.closure(), most)


def test_operators_on_the_sphere_are_as_many_as_schur_says():
    """Linear maps of functions of degree up to 4, 25 x 25: one number a degree commutes with all rotations."""
    space = sd.SphereHarmonics(3, 4)
    for group, count in ((sd.SO(3), 5), (turn_about([0, 0, 1.0]), 85)):
        elements, rates, closure = sd.representation(space, group)
        assert closure < 1e-10
        commute = [np.kron(R, np.eye(25)) - np.kron(np.eye(25), R.T) for R in (*elements, *rates)]
        values = np.linalg.eigvalsh(sum(A.T @ A for A in commute))
        assert int((values < 1e-8 * values[-1]).sum()) == count


def turn_about(axis) -> sd.Group:
    a = np.asarray(axis, float)
    return sd.Group("turns", sd.LieAlgebra("so(2)", np.cross(ONE, a)[None]))


def turned(axis, degrees: float) -> np.ndarray:
    a, angle = np.asarray(axis, float) / np.linalg.norm(axis), np.radians(degrees)
    cross = np.cross(ONE, a).T
    return ONE + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


Z, X, DIAGONAL = [0, 0, 1], [1, 0, 0], [1, 1, 1]
CRYSTALS = {
    "triclinic": ([-ONE], 21),
    "monoclinic": ([turned(Z, 180)], 13),
    "orthorhombic": ([turned(Z, 180), turned(X, 180)], 9),
    "tetragonal, 4": ([turned(Z, 90)], 7),
    "tetragonal, 422": ([turned(Z, 90), turned(X, 180)], 6),
    "trigonal, 3": ([turned(Z, 120)], 7),
    "trigonal, 32": ([turned(Z, 120), turned(X, 180)], 6),
    "hexagonal": ([turned(Z, 60)], 5),
    "cubic": ([turned(Z, 90), turned(DIAGONAL, 120)], 3),
}


@pytest.mark.parametrize("name", [*CRYSTALS, "about an axis", "isotropic"])
def test_elastic_constants_of_the_crystal_classes(name):
    """Quadratic forms of a symmetric strain, in the 6 components of which a turn g acts as e -> g e g'."""
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    units = [np.zeros((3, 3)) for _ in pairs]
    for unit, (i, j) in zip(units, pairs, strict=True):
        unit[i, j] = unit[j, i] = 1.0 if i == j else math.sqrt(0.5)

    def on_strain(move):
        return np.array([[np.sum(u * move(v)) for v in units] for u in units])

    if name in CRYSTALS:
        matrices, count = CRYSTALS[name]
        group = np.array([on_strain(lambda e, g=g: g @ e @ g.T) for g in matrices])
    else:
        generators, count = {"about an axis": ([Z], 5), "isotropic": ([X, [0, 1, 0], Z], 2)}[name]
        turns = [np.cross(ONE, np.array(a, float)) for a in generators]
        group = sd.Group(name, sd.LieAlgebra(name, np.array([on_strain(lambda e, A=A: A @ e - e @ A) for A in turns])))
    fixed = sd.fixed_space(sd.HermiteFunctions(6, 2), group, method="svd")
    assert np.bincount(fixed.levels)[2] == count


def diamond(indices: np.ndarray) -> bool:
    """Whether Fd-3m (No. 227, origin at the centre -3m) allows a reflection hkl; International Tables A."""
    if len(set((indices % 2).tolist())) > 1:
        return False
    small, *others = sorted(np.abs(indices).tolist())
    return small > 0 or sum(others) % 4 == 0  # 0kl: k + l = 4n, with k and l even; h00: h = 4n follows


def test_reflection_conditions_of_diamond():
    quarter = np.array(
        [[[-1, 0, 0], [0, -1, 0], [0, 0, 1]], [[-1, 0, 0], [0, 1, 0], [0, 0, -1]], [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
         [[0, 1, 0], [1, 0, 0], [0, 0, -1]], [[-1, 0, 0], [0, -1, 0], [0, 0, -1]], *[np.eye(3)] * 2]
    )  # fmt: skip
    shifts = [
        [0.75, 0.25, 0.5], [0.25, 0.5, 0.75], [0, 0, 0], [0.75, 0.25, 0.5], [0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]
    ]  # fmt: skip
    space = sd.TorusWaves(3, 36)
    assert space.size == 925
    fixed = sd.fixed_space(space, quarter, offsets=shifts)
    seen = np.abs(fixed.basis).max(axis=1) > 0
    h = len(space.half)
    present = seen[:h] | np.concatenate([[False], seen[h:]])
    assert [bool(p) for p in present] == [diamond(k) for k in space.half]
    assert fixed.dimension == 13
