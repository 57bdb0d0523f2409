"""Laws that every algebra and every group of the catalogue obeys, each checked without the code that built it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symdyn._types import double_precision
from symdyn.groups import LieAlgebra
from symdyn.groups.catalogue import CATALOGUE

GROUPS = {name: make() for name, make in CATALOGUE.items()}
everywhere = pytest.mark.parametrize("name", GROUPS)
with_generators = pytest.mark.parametrize("name", [n for n, g in GROUPS.items() if g.algebra.dimension])
affine = pytest.mark.parametrize("name", [n for n, g in GROUPS.items() if g.algebra.is_affine and g.algebra.dimension])
with_elements = pytest.mark.parametrize("name", [n for n, g in GROUPS.items() if g.labels])
finite = pytest.mark.parametrize("name", [n for n, g in GROUPS.items() if not g.algebra.dimension])


def signature(algebra: LieAlgebra) -> tuple[int, int, int]:
    """How many eigenvalues of the Killing form are positive, negative and zero."""
    c = algebra.structure_constants()
    found = np.linalg.eigvalsh(np.einsum("ikl,jlk->ij", c, c))
    small = 1e-9 * max(1.0, np.abs(found).max())
    return int((found > small).sum()), int((found < -small).sum()), int((np.abs(found) <= small).sum())


def sampled(algebra: LieAlgebra, points: np.ndarray) -> np.ndarray:
    """The values of the generators at some points (m, n): shape (g, m n)."""
    with double_precision():
        return np.stack([np.concatenate([np.asarray(X(p)) for p in jnp.asarray(points)]) for X in fields(algebra)])


def fields(algebra: LieAlgebra) -> list:
    return [algebra.generators[k] for k in range(algebra.dimension)]


def some_points(algebra: LieAlgebra, count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, algebra.n))


def outside(span: np.ndarray, members: np.ndarray) -> float:
    """The relative size of what members (k, m) have outside a span (g, m)."""
    found = np.linalg.lstsq(span.T, members.T, rcond=None)[0]
    return float(np.abs(members - found.T @ span).max() / np.abs(members).max())


@everywhere
def test_antisymmetry_and_the_jacobi_identity(name):
    c = GROUPS[name].algebra.structure_constants()
    size = np.abs(c).max(initial=1.0)
    np.testing.assert_allclose(c, -c.swapaxes(0, 1), atol=1e-12 * size)
    nested = np.einsum("ijm,mkl->ijkl", c, c)
    cyclic = nested + nested.transpose(1, 2, 0, 3) + nested.transpose(2, 0, 1, 3)
    np.testing.assert_allclose(cyclic, 0, atol=1e-11 * size**2)


@affine
def test_the_matrix_convention_is_the_commutator(name):
    algebra = GROUPS[name].algebra
    X = algebra.homogeneous
    commutators = np.einsum("iab,jbc->ijac", X, X) - np.einsum("jab,ibc->ijac", X, X)
    found = np.einsum("ijk,kab->ijab", algebra.structure_constants(), X)
    np.testing.assert_allclose(found, commutators, atol=1e-12)


@with_generators
def test_the_field_convention_is_the_bracket_of_vector_fields(name):
    algebra = GROUPS[name].algebra
    with double_precision():
        for x in jnp.asarray(some_points(algebra, 3)):
            values, slopes = [], []
            for field in fields(algebra):
                values.append(np.asarray(field(x)))
                slopes.append(np.asarray(jax.jacfwd(field)(x)))
            V, D = np.stack(values), np.stack(slopes)
            brackets = np.einsum("jab,ib->ija", D, V) - np.einsum("iab,jb->ija", D, V)
            found = np.einsum("ijk,ka->ija", algebra.structure_constants("field"), V)
            np.testing.assert_allclose(found, brackets, atol=1e-11 * max(1.0, np.abs(brackets).max()))


@everywhere
def test_the_two_conventions_differ_in_sign(name):
    algebra = GROUPS[name].algebra
    np.testing.assert_array_equal(algebra.structure_constants("matrix"), -algebra.structure_constants("field"))


@with_generators
def test_the_generators_are_independent_functions(name):
    algebra = GROUPS[name].algebra
    values = sampled(algebra, some_points(algebra))
    assert np.linalg.matrix_rank(values / np.linalg.norm(values, axis=1)[:, None], tol=1e-9) == algebra.dimension


@with_elements
def test_elements_map_the_algebra_to_itself(name):
    group = GROUPS[name]
    algebra, points = group.algebra, some_points(group.algebra)
    for g in group.elements if algebra.dimension else []:
        moved = sampled(algebra, points @ np.linalg.inv(g).T).reshape(algebra.dimension, -1, algebra.n) @ g.T
        assert outside(sampled(algebra, points), moved.reshape(algebra.dimension, -1)) < 1e-11


@with_elements
def test_elements_have_inverses(name):
    for g in GROUPS[name].elements:
        assert abs(np.linalg.det(g)) == pytest.approx(1.0)


@with_generators
def test_generating_members_give_all_by_brackets_and_none_is_spare(name):
    algebra = GROUPS[name].algebra
    c, g = algebra.structure_constants(), algebra.dimension

    def rank_of_brackets(chosen):
        span = np.eye(g)[list(chosen)]
        for _ in range(g):
            span = np.concatenate([span, *(np.einsum("a,ib,abk->ik", u, span, c) for u in np.eye(g)[list(chosen)])])
            _, s, span = np.linalg.svd(span, full_matrices=False)
            span = span[s > 1e-9 * s[0]]
        return len(span)

    chosen = algebra.generating
    assert rank_of_brackets(chosen) == g
    assert all(rank_of_brackets([j for j in chosen if j != k]) < g for k in chosen if len(chosen) > 1)


@finite
def test_a_finite_group_is_closed(name):
    members = GROUPS[name].closure()
    rows = {tuple(np.round(m, 6).ravel() + 0.0) for m in members}
    assert len(rows) == len(members)
    np.testing.assert_array_equal(members[0], np.eye(GROUPS[name].algebra.n))
    assert all(tuple(np.round(a @ b, 6).ravel() + 0.0) in rows for a in members for b in members[:8])
    assert all(tuple(np.round(np.linalg.inv(a), 6).ravel() + 0.0) in rows for a in members)


@everywhere
def test_groups_print_hash_and_compare(name):
    group = GROUPS[name]
    assert group == CATALOGUE[name]()
    assert hash(group) == hash(CATALOGUE[name]())
    assert str(group).startswith(f"{group.name}: {group.algebra.dimension} generator")
    assert all(label.isprintable() and label for label in (*group.algebra.labels, *group.labels))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SO(3)", (0, 3, 0)),
        ("SL(2)", (2, 1, 0)),
        ("Sp(2)", (2, 1, 0)),
        ("SO(2, 1)", (2, 1, 0)),
        ("Conformal(1)", (2, 1, 0)),
        ("Projective(1)", (2, 1, 0)),
        ("SE(2)", (0, 1, 2)),
        ("SO(4)", (0, 6, 0)),
        ("SO(1, 3)", (3, 3, 0)),
        ("Lorentz(3)", (3, 3, 0)),
        ("Conformal(2)", (3, 3, 0)),
        ("TwoDimensionalConformal(1)", (3, 3, 0)),
        ("ConformalSpacetime(1)", (4, 2, 0)),
        ("SO(2, 2)", (4, 2, 0)),
        ("SE(3)", (0, 3, 3)),
        ("SU(2)", (0, 3, 0)),
        ("SU(3)", (0, 8, 0)),
        ("U(2)", (0, 3, 1)),
        ("SL(3)", (5, 3, 0)),
        ("GL(3)", (5, 3, 1)),
        ("Projective(2)", (5, 3, 0)),
        ("Sp(4)", (6, 4, 0)),
        ("AntiDeSitter(3)", (6, 4, 0)),
        ("DeSitter(3)", (4, 6, 0)),
        ("Conformal(3)", (4, 6, 0)),
        ("ConformalSpacetime(3)", (8, 7, 0)),
        ("Poincare(3)", (3, 3, 4)),
        ("Galilei(3)", (0, 3, 7)),
        ("Carroll(3)", (0, 3, 7)),
        ("Schroedinger(3)", (2, 4, 6)),
        ("Heisenberg(2)", (0, 0, 5)),
        ("Unipotent(4)", (0, 0, 6)),
        ("Accelerations(2, 3)", (0, 0, 8)),
    ],
)
def test_the_killing_form(name, expected):
    assert signature(GROUPS[name].algebra) == expected
