"""The number of free coefficients is that of character theory, degree by degree."""

from math import comb

import numpy as np
import pytest
from counts import (
    Finite,
    cyclic,
    dihedral,
    equivariant_dimension,
    orthogonal,
    permutations,
    rotations,
    signed_permutations,
    symplectic,
    unitary,
)

import symdyn as sd


def generated(group: sd.Group) -> Finite:
    """The finite group that the elements generate; `counts` multiplies them out itself."""
    assert group.algebra.dimension == 0
    return Finite(list(group.elements.array))


# name: (group, its count, representations of the state, those of the target, highest degree)
CASES = {
    "SO(2)": (sd.SO(2), rotations(2), ["vector"], "vector", 7),
    "O(2)": (sd.O(2), orthogonal(2), ["vector"], "vector", 7),
    "SO(2) pair": (sd.SO(2), rotations(2), ["vector", "vector"], "vector", 5),
    "O(2) pair": (sd.O(2), orthogonal(2), ["vector", "vector"], "vector", 5),
    "SO(2) scalars": (sd.SO(2), rotations(2), ["vector", "scalar", "vector"], "scalar", 4),
    "SO(3)": (sd.SO(3), rotations(3), ["vector"], "vector", 6),
    "O(3)": (sd.O(3), orthogonal(3), ["vector"], "vector", 6),
    "SO(3) pair": (sd.SO(3), rotations(3), ["vector", "vector"], "vector", 5),
    "O(3) pair": (sd.O(3), orthogonal(3), ["vector", "vector"], "vector", 5),
    "SO(3) triple": (sd.SO(3), rotations(3), ["vector"] * 3, "scalar", 4),
    "O(3) triple": (sd.O(3), orthogonal(3), ["vector"] * 3, "scalar", 4),
    "SO(4)": (sd.SO(4), rotations(4), ["vector", "vector"], "scalar", 4),
    "O(4)": (sd.O(4), orthogonal(4), ["vector"], "vector", 5),
    "SO(5)": (sd.SO(5), rotations(5), ["vector"], "vector", 5),
    "Lorentz": (sd.Lorentz(3), rotations(4), ["vector", "vector"], "vector", 3),
    "Lorentz of the plane": (sd.Lorentz(2), rotations(3), ["vector"], "vector", 5),
    "U(1)": (sd.U(1), unitary(1), ["vector", "vector"], "vector", 4),
    "U(2)": (sd.U(2), unitary(2), ["vector"], "vector", 5),
    "SU(2)": (sd.SU(2), unitary(2, special=True), ["vector"], "vector", 5),
    "SU(3)": (sd.SU(3), unitary(3, special=True), ["vector"], "vector", 3),
    "SL(2)": (sd.SL(2), symplectic(1), ["vector", "vector", "vector"], "vector", 4),
    "Sp(2)": (sd.Sp(2), symplectic(1), ["vector", "vector"], "vector", 5),
    "Sp(4)": (sd.Sp(4), symplectic(2), ["vector", "vector"], "vector", 3),
    "S3": (sd.Permutations(3), permutations(3), ["vector"], "vector", 5),
    "S4": (sd.Permutations(4), permutations(4), ["vector"], "vector", 4),
    "cube": (sd.Cube(), signed_permutations(3), ["vector"], "vector", 5),
    "cube pair": (sd.Cube(), signed_permutations(3), ["vector", "vector"], "vector", 3),
    "cube rotations": (sd.Cube(full=False), generated(sd.Cube(full=False)), ["vector"], "vector", 5),
    "tetrahedron": (sd.Tetrahedron(), generated(sd.Tetrahedron()), ["vector"], "vector", 5),
    "icosahedron": (sd.Icosahedron(), generated(sd.Icosahedron()), ["vector"], "vector", 5),
    "signs": (sd.Signs(3), generated(sd.Signs(3)), ["vector", "scalar"], "vector", 4),
}
CASES |= {f"C{n}": (sd.Cyclic(n), cyclic(n), ["vector"], "vector", 7) for n in (2, 3, 4, 5, 6)}
CASES |= {f"D{n}": (sd.Dihedral(n), dihedral(n), ["vector"], "vector", 7) for n in (1, 2, 3, 4, 6)}
KINDS = {"vector": sd.Vector, "scalar": sd.Scalar}


def problem(name: str):
    """Library, action, space and target of a case."""
    group, _, domain, target, degree = CASES[name]
    sizes = {f"q{k}": group.algebra.n if kind == "vector" else 1 for k, kind in enumerate(domain)}
    kinds = {f"q{k}": KINDS[kind] for k, kind in enumerate(domain)}
    if target not in domain:
        sizes["f"], kinds["f"] = group.algebra.n if target == "vector" else 1, KINDS[target]
    variable = "f" if target not in domain else f"q{domain.index(target)}"
    library = sd.Monomials(degree, variables=tuple(f"q{k}" for k in range(len(domain))))
    return library, group.acting_on(**kinds), sd.StateSpace.of(**sizes), variable


def by_degree(found: sd.Subspace, degrees: np.ndarray) -> list[int]:
    """How many basis vectors there are of each degree; each has one degree, as a linear action keeps it."""
    numbers = [set(degrees[np.any(B, axis=1)].tolist()) for B in found.basis.array]
    assert all(len(each) == 1 for each in numbers)
    return [sum(k in each for each in numbers) for k in range(int(degrees.max()) + 1)]


@pytest.mark.parametrize("name", CASES)
def test_the_dimension_is_that_of_the_characters(name):
    _, count, domain, target, degree = CASES[name]
    library, action, space, variable = problem(name)
    found = sd.enforce(library, action, space=space, targets=variable)
    expected = [equivariant_dimension(count, k, domain, [target]) for k in range(degree + 1)]
    assert by_degree(found, library.on(space).exponents.sum(axis=1)) == expected


@pytest.mark.parametrize(
    ("group", "domain", "target", "known"),
    [
        (rotations(2), ["vector"], "vector", [0, 2, 0, 2]),  # cubic fields in the plane: 4
        (orthogonal(2), ["vector"], "vector", [0, 1, 0, 1]),
        (rotations(3), ["vector"], "vector", [0, 1, 0, 1]),
        (rotations(3), ["vector"] * 2, "vector", [0, 2, 1, 6, 3, 12]),  # 24 to degree 5, twice that for both rates
        (rotations(3), ["vector"] * 3, "scalar", [1, 0, 6, 1]),  # six products and one determinant
        (orthogonal(3), ["vector"] * 3, "scalar", [1, 0, 6, 0]),
        (permutations(3), ["vector"], "scalar", [1, 1, 2, 3, 4, 5, 7]),  # partitions into at most three parts
        (signed_permutations(3), ["vector"], "scalar", [1, 0, 1, 0, 2, 0, 3, 0, 4]),
        (generated(sd.Icosahedron()), ["vector"], "scalar", [1, 0, 1, 0, 1, 0, 2]),  # invariants of degrees 2, 6, 10
        (generated(sd.Tetrahedron()), ["vector"], "scalar", [1, 0, 1, 1, 2, 1, 3]),  # of degrees 2, 3, 4
        (dihedral(5), ["vector"], "scalar", [1, 0, 1, 0, 1, 1]),
        (symplectic(2), ["vector"] * 2, "scalar", [1, 0, 1, 0, 1]),  # powers of the one symplectic product
        (unitary(1), ["vector"], "vector", [0, 2, 0, 2]),  # SO(2)
        (unitary(2, special=True), ["vector"], "scalar", [1, 0, 1, 0, 1]),
        (rotations(4), ["vector"] * 2, "scalar", [1, 0, 3, 0, 6]),
    ],
)
def test_the_counts_agree_with_classical_theory(group, domain, target, known):
    assert [equivariant_dimension(group, k, domain, [target]) for k in range(len(known))] == known


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_even_and_odd_orthogonal_groups_have_one_invariant_of_a_vector(n):
    assert [equivariant_dimension(orthogonal(n), k, ["vector"], ["scalar"]) for k in range(7)] == [1, 0] * 3 + [1]
    whole = Finite([np.eye(n)])  # no symmetry: all polynomials
    assert equivariant_dimension(whole, 3, ["vector"], ["vector"]) == n * comb(n + 2, 3)


def test_integrals_of_a_trivial_character_are_one():
    groups = [rotations(k) for k in range(2, 7)] + [orthogonal(k) for k in range(2, 7)] + [symplectic(3), unitary(3)]
    assert all(equivariant_dimension(g, 0, ["vector"], ["scalar"]) == 1 for g in groups)
    assert all(c.dimension(0, ["vector"], ["scalar"]) == 1 for g in groups for c in g.components)


def test_a_large_problem_is_quick(processor_seconds):
    space = sd.StateSpace.of(q=3, v=3)
    action = sd.SO(3).acting_on(q=sd.Vector, v=sd.Vector)

    def solve():
        return sd.enforce(sd.Monomials(5), action, space=space, targets=("q", "v"))

    found = solve()
    assert np.prod(found.shape) == 2772
    assert found.dimension == 48
    assert found.dimension == 2 * sum(equivariant_dimension(rotations(3), k, ["vector"] * 2) for k in range(6))
    assert processor_seconds(solve, 3) < 3  # 0.1 to 0.2 on one core


@pytest.mark.parametrize(("bodies", "degree"), [(1, 3), (2, 3), (3, 2)])
def test_galilean_laws_are_polynomials_in_differences(bodies, degree):
    """On a line x' - v and v' depend on the 2 (N - 1) differences of places and velocities alone."""
    places, speeds = ([f"{kind}{k}" for k in range(bodies)] for kind in "xv")
    kinds = dict.fromkeys(places, sd.Place) | dict.fromkeys(speeds, sd.Velocity)
    space = sd.StateSpace.of(**dict.fromkeys([*places, *speeds], 1))
    found = sd.enforce(sd.Monomials(degree), sd.Galilei(1).acting_on(**kinds), space=space, targets=[*places, *speeds])
    assert found.dimension == 2 * bodies * comb(2 * (bodies - 1) + degree, degree)
    names, free = sd.Monomials(degree).on(space).names, np.zeros(found.shape)
    for k, name in enumerate(speeds):
        free[names.index(name), k] = 1.0
    assert found.contains(free)  # no forces: x' = v and v' = 0
    assert not found.contains(2 * free)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_translations_leave_the_polynomials_in_differences(n):
    space = sd.StateSpace.of(a=n, b=n, c=n)
    found = sd.enforce(
        sd.Monomials(3), sd.T(n).acting_on(a=sd.Point, b=sd.Point, c=sd.Point), space=space, targets=("a", "b", "c")
    )
    assert found.dimension == 3 * n * comb(2 * n + 3, 3)
