"""The structure, the name and the action of Lie algebras, in any basis."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn import InputError
from symdyn.groups.isomorphism import invariants, isomorphism

NAMES = {
    "SO(3)": "so(3)", "SO(4)": "so(4)", "SO(2, 1)": "sl(2, R)", "SO(1, 3)": "so(3, 1)", "SE(2)": "se(2)",
    "SO(2, 2)": "sl(2, R) + sl(2, R)", "SE(3)": "se(3)", "Sim(3)": "sim(3)", "GL(2)": "sl(2, R) + R",
    "GL(3)": "sl(3, R) + R", "Aff(1)": "aff(1)", "Aff(2)": "aff(2)", "Sp(4)": "so(3, 2)", "U(2)": "so(3) + R",
    "SU(3)": "su(3)", "Aristotle(3)": "se(3) + R", "Galilei(1)": "heisenberg(1)", "Galilei(3)": "galilei(3)",
    "Schroedinger(1)": "schroedinger(1)", "Carroll(3)": "carroll(3)", "Bargmann(3)": "bargmann(3)",
    "NewtonHooke(2)": "se(2) + se(2)", "Poincare(1)": "poincare(1)", "Poincare(3)": "poincare(3)",
    "DeSitter(3)": "so(4, 1)", "AntiDeSitter(3)": "so(3, 2)", "Conformal(2)": "so(3, 1)",
    "Projective(2)": "sl(3, R)", "Heisenberg(2)": "heisenberg(2)", "Unipotent(4)": "unipotent(4)", "T(3)": "R^3",
}  # fmt: skip


def changed(constants: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Structure constants in another basis, and the matrix of the change."""
    rng, n = np.random.default_rng(seed), len(constants)
    matrix = np.linalg.qr(rng.normal(size=(n, n)))[0] * rng.uniform(0.5, 2, size=n)
    return np.einsum("ai,bj,ijk,kl->abl", matrix, matrix, constants, np.linalg.inv(matrix)), matrix


def constants_of(name: str) -> np.ndarray:
    from symdyn.groups.catalogue import CATALOGUE

    return CATALOGUE[name]().algebra.structure_constants()


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_is_recognised_in_a_random_basis(name):
    found = sd.name_of(changed(constants_of(name), 3)[0])
    assert str(found) == NAMES[name]
    for part in found.parts:
        if part.isomorphism is not None:
            assert part.isomorphism.residual < 1e-8


def test_the_isomorphism_maps_brackets_onto_brackets():
    c = changed(constants_of("Poincare(3)"), 1)[0]
    (part,) = sd.name_of(c).parts
    assert part.isomorphism is not None
    rows, other = part.rows.array, sd.Poincare(3).algebra.structure_constants()
    inside = np.einsum("ai,bj,ijk,ck->abc", rows, rows, c, rows)  # orthonormal rows of the whole
    images = part.isomorphism.matrix
    left = np.einsum("abc,cl->abl", inside, images)
    np.testing.assert_allclose(left, np.einsum("ai,bj,ijl->abl", images, images, other), atol=1e-9 * np.abs(left).max())
    assert np.linalg.matrix_rank(images) == 10


def test_equal_invariants_are_not_enough():
    """Scalings of the plane with different weights: no isomorphism, though all dimensions agree."""
    one, two = (scaled_plane(weights) for weights in ((1.0, 2.0), (1.0, 3.0)))
    assert invariants(one) == invariants(two)
    assert isomorphism(one, two) is None
    assert isomorphism(one, scaled_plane((2.0, 1.0))) is not None


def scaled_plane(weights) -> sd.Structure:
    """Two translations and the scaling of them by weights."""
    c = np.zeros((3, 3, 3))
    for k, w in enumerate(weights):
        c[0, k + 1, k + 1], c[k + 1, 0, k + 1] = w, -w
    return sd.Structure(c)


@pytest.mark.parametrize(
    ("weights", "name"),
    [((1.0, -3.0), "R with weights 1, -1/3 ⋉ R^2"), ((1.0, 2.0), "R with weights 1, 1/2 ⋉ R^2")],
)
def test_what_is_in_no_catalogue_is_described(weights, name):
    assert str(sd.name_of(changed(scaled_plane(weights).constants, 2)[0])) == name


def test_levi_factor_and_nilradical_of_an_unknown_algebra():
    group = sd.Galilei(3) + sd.Accelerations(3, 2, least=2)
    found = sd.name_of(group.algebra)
    assert str(found) == "so(3) ⋉ R ⋉ R^9" or str(found).startswith("so(3) ⋉ ")
    s = found.structure
    assert (len(s.levi), len(s.radical), len(s.nilradical)) == (3, 10, 10)


def test_measured_constants():
    c = changed(constants_of("SE(3)"), 4)[0]
    rough = c + 1e-5 * np.random.default_rng(0).normal(size=c.shape)
    rough = (rough - rough.swapaxes(0, 1)) / 2
    with pytest.raises(InputError, match="Jacobi identity"):
        sd.name_of(rough)
    found = sd.name_of(rough, tolerance=1e-3)
    assert str(found) == "se(3)"
    assert found.parts[0].isomorphism is not None
    assert 1e-7 < found.parts[0].isomorphism.residual < 1e-3


def test_structure_of_the_euclidean_group():
    s = sd.Structure(changed(constants_of("SE(3)"), 5)[0])
    assert (s.dimension, s.signature, len(s.radical), len(s.levi), len(s.centre)) == (6, (0, 3), 3, 3, 0)
    assert not s.is_solvable
    assert [len(level) for level in s.derived_series] == [6]
    levi = s.restricted(s.levi)
    assert levi.signature == (0, 3)
    assert sd.Structure(constants_of("Heisenberg(1)")).is_nilpotent
    assert len(sd.Structure(constants_of("Aff(1)")).nilradical) == 1


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        (np.zeros((2, 3, 3)), r"shape \(2, 3, 3\)"),
        (np.ones((2, 2, 2)), "antisymmetric"),
        (np.full((2, 2, 2), np.nan), "finite"),
    ],
)
def test_no_structure_constants(constants, message):
    with pytest.raises(InputError, match=message):
        sd.Structure(constants)


@pytest.mark.parametrize(
    ("group", "axes", "text"),
    [
        (sd.SO(3), "x y z", "rotations of (x, y, z)"),
        (sd.SE(2), "x y", "rotations of (x, y) and translations along x, y"),
        (sd.Aristotle(3), "t x y z", "rotations of (x, y, z), translations along x, y, z and time translation"),
        (sd.Lorentz(1), "t x", "boost of t and x"),
        (sd.Scaling(), "x", "scaling (x: 1)"),
        (sd.Sim(2), "x y", "rotations of (x, y), translations along x, y and scaling (x: 1, y: 1)"),
    ],
)
def test_what_an_algebra_does_in_words(group, axes, text):
    assert sd.acting_as(group.algebra, axes.split()) == text


def test_a_wrong_number_of_axes_is_named():
    with pytest.raises(InputError, match="moves 3 coordinates"):
        sd.acting_as(sd.SO(3).algebra, ("x", "y"))
