import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from sympy.parsing.sympy_parser import convert_xor, implicit_multiplication, parse_expr, standard_transformations

from symdyn import _errors
from symdyn._types import Frozen, StateSpace
from symdyn.groups import SO, Action, Group, LieAlgebra, O, Scalar, Vector
from symdyn.library import Monomials
from symdyn.symmetry import Subspace, enforce


def example() -> Subspace:
    basis = np.zeros((2, 3, 2))
    basis[0, 0, 0], basis[1, 1] = 1.0, [2.0, -1.0]
    offset = np.zeros((3, 2))
    offset[2, 1] = 5.0
    return Subspace((3, 2), Frozen(offset), Frozen(basis))


def test_expand_is_affine_and_takes_batches():
    space, rng = example(), np.random.default_rng(0)
    w = rng.normal(size=(4, 5, 2))
    expected = space.offset.array + np.einsum("abr,rpd->abpd", w, space.basis.array)
    np.testing.assert_allclose(space.expand(w), expected)
    found = space.expand(jnp.asarray(w, jnp.float32))
    assert found.dtype == jnp.float32
    assert found.shape == (4, 5, 3, 2)
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-6)
    assert space.expand(np.array([1, 2])).tolist() == [[1, 0], [4, -2], [0, 5]]


def test_expand_refuses_a_wrong_number_of_weights():
    with pytest.raises(_errors.InputError, match="2 free weights"):
        example().expand(np.zeros(3))


def test_full_has_every_coefficient():
    full = Subspace.full((2, 3))
    w = np.arange(6.0)
    assert full.dimension == 6
    assert full.expand(w).ravel().tolist() == w.tolist()
    assert Subspace.full((4,)).basis.shape == (4, 4)
    assert str(full) == "6 of 6 coefficients free"


def test_shapes_must_fit():
    with pytest.raises(_errors.InputError, match=r"shape \(2,\)"):
        Subspace((2,), Frozen(np.zeros(2)), Frozen(np.zeros((1, 3))))


def test_text():
    assert example().describe(("1", "x", "y"), ("a", "b")).splitlines() == [
        "2 of 6 coefficients free, an offset fixed by the symmetry",
        "  fixed: b: 5 y",
        "  w1: a: 1",
        "  w2: a: 2 x; b: -x",
    ]


def test_it_hashes_by_value():
    assert example() == example()
    assert hash(example()) == hash(example())


SPACE, PLANE = StateSpace.of(q=3, s=1), StateSpace.of(q=2)
HESSIAN = [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0], [0.0, 2.0, 0.0]]  # a boost of (u_tt, u_tx, u_xx)


def admitted(group, degree, space, targets, **how):
    return enforce(Monomials(degree), group.acting_on(**how), space=space, targets=targets)


TEXTS = {
    "SO(2) field": (SO(2), 5, PLANE, "q", {"q": Vector}),
    "O(3) field": (O(3), 5, SPACE, "q", {"q": Vector, "s": Scalar}),
    "SO(3) invariants": (SO(3), 4, SPACE, "s", {"q": Vector, "s": Scalar}),
    "SO(2) mixed": (SO(2), 3, StateSpace.of(q=2, v=2), ("v", "q"), {"q": Vector, "v": Vector}),
}


def parsed(text: str, names) -> sympy.Expr:
    """A sum as SymPy reads it: juxtaposition multiplies, and nothing is evaluated by symdyn."""
    rules = (*standard_transformations, implicit_multiplication, convert_xor)
    return sympy.expand(parse_expr(text, {name: sympy.Symbol(name) for name in names}, rules))


def meant(column, terms) -> sympy.Expr:
    symbols = sympy.symbols(terms.space.component_names)
    return sum(sympy.nsimplify(float(c)) * f for c, f in zip(column, terms.to_sympy(symbols), strict=True))


def check_text(subspace, terms, targets):
    """Every line of the text, expanded, is the combination that it stands for."""
    labels = terms.space.select(targets).component_names
    lines = subspace.describe(terms, targets).splitlines()[1:]
    rows = [subspace.offset.array] * bool(np.any(subspace.offset.array)) + list(subspace.basis.array)
    for line, row in zip(lines, rows, strict=True):
        parts = dict(part.split(": ") for part in line.partition(": ")[2].split("; "))
        for label, column in zip(labels, row.T, strict=True):
            difference = parsed(parts.get(label, "0"), terms.space.component_names) - meant(column, terms)
            assert sympy.expand(difference) == 0


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_with_factors_expands_to_the_combination(name):
    group, degree, space, targets, how = TEXTS[name]
    terms = Monomials(degree).on(space)
    check_text(admitted(group, degree, space, targets, **how), terms, np.atleast_1d(targets).tolist())


@pytest.mark.parametrize("seed", range(6))
def test_the_text_of_any_numbers_expands_to_them(seed):
    rng, terms = np.random.default_rng(seed), Monomials(4).on(PLANE)
    x, y = sympy.symbols("q_x q_y")
    columns = []
    a, b, c = (int(v) for v in rng.integers(-3, 4, 3))
    for extra in (1, y, y**2 - 2):
        polynomial = sympy.Poly((a * x**2 + b * x * y + c) * extra, x, y).as_dict()
        columns.append([int(polynomial.get(tuple(e), 0)) for e in terms.exponents.tolist()])
    if seed % 2:  # without it the others share a factor
        columns.append([int(v) for v in rng.integers(-2, 3, terms.size)])
    columns = np.array(columns, float) / rng.integers(1, 4)
    labels = tuple("abcd"[: len(columns)])
    given = Subspace(columns.T.shape, Frozen(np.zeros(columns.T.shape)), Frozen(columns.T[None]))
    parts = given.describe(terms, labels).splitlines()[1].partition(": ")[2].split("; ")
    found = dict(part.split(": ") for part in parts)
    for label, column in zip(labels, columns, strict=True):
        assert sympy.expand(parsed(found.get(label, "0"), PLANE.component_names) - meant(column, terms)) == 0


def test_factors_are_drawn_out_where_it_helps():
    terms = Monomials(5).on(PLANE)
    lines = admitted(O(2), 5, PLANE, "q", q=Vector).describe(terms, "q").splitlines()
    assert lines[2] == "  w2: q_x: (q_x^2 + q_y^2) q_x; q_y: (q_x^2 + q_y^2) q_y"
    assert lines[3] == "  w3: q_x: (q_x^2 + q_y^2)^2 q_x; q_y: (q_x^2 + q_y^2)^2 q_y"
    scalars = admitted(SO(3), 4, SPACE, "s", q=Vector, s=Scalar).describe(Monomials(4).on(SPACE)).splitlines()
    assert "(q_x^2 + q_y^2 + q_z^2)^2" in scalars[7]


@pytest.mark.parametrize(
    ("coefficients", "text"),
    [
        ({"q_x^2": 1, "q_y^2": -1}, "q_x^2 - q_y^2"),  # the product of two sums is longer
        ({"q_x^4": 1, "q_x^2 q_y^2": -2, "q_y^4": 1}, "(q_x^2 - q_y^2)^2"),
        ({"q_x^3": -2, "q_x^2 q_y": -4, "q_x q_y^2": -2}, "-2 (q_x + q_y)^2 q_x"),
        ({"q_x^2 q_y": 3}, "3 q_x^2 q_y"),
        ({"1": -1}, "-1"),
        ({"q_x": 1 / 3, "q_y": -2 / 3}, "1/3 (q_x - 2 q_y)"),
        ({"q_x": np.pi}, "3.14159 q_x"),
        ({"q_x": 12345678.0}, "12345678 q_x"),
    ],
)
def test_a_lone_component_takes_the_shorter_form(coefficients, text):
    terms = Monomials(4).on(PLANE)
    row = np.zeros((1, terms.size, 1))
    for name, value in coefficients.items():
        row[0, terms.names.index(name), 0] = value
    line = Subspace((terms.size, 1), Frozen(np.zeros((terms.size, 1))), Frozen(row)).describe(terms).splitlines()[1]
    assert line == f"  w1: {text}"


def test_names_must_fit():
    with pytest.raises(_errors.InputError, match=r"2 components, got 1 names: \('a',\)"):
        example().describe(("1", "x", "y"), "a")
    with pytest.raises(_errors.InputError, match="coefficients for 3 terms, got 2 names"):
        example().describe(("x", "y"), ("a", "b"))


EQUATIONS = {
    "offset": example(),
    "full": Subspace.full((4, 1)),
    "point": Subspace((2, 1), Frozen([[1.0], [2.0]]), Frozen(np.zeros((0, 2, 1)))),
    "turned": Subspace((3,), Frozen([0.0, 0.0, 1.0]), Frozen([[1.0, 2.0, np.pi], [0.5, 1.0, 0.0]])),
    "rational offset": Subspace((3,), Frozen([0.0, 1 / 3, 0.25]), Frozen([[3.0, 2.0, 0.0]])),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_equations_have_exactly_the_members_as_solutions(name):
    given = EQUATIONS[name]
    left, right = given.equations()
    n = np.prod(given.shape)
    assert left.shape == (n - given.dimension, n)
    assert np.linalg.matrix_rank(left) == len(left) if len(left) else True
    members = given.expand(np.random.default_rng(0).normal(size=(5, given.dimension))).reshape(5, n)
    np.testing.assert_allclose(members @ left.T, np.broadcast_to(right, (5, len(left))), atol=1e-12)


def test_rational_equations_are_integer():
    left, right = EQUATIONS["rational offset"].equations()
    np.testing.assert_array_equal(np.column_stack([left, right]) % 1, 0.0)


def test_membership():
    given = example()
    member = given.expand(np.array([3.0, -1e3]))
    assert given.contains(member)
    assert given.contains(given.offset.array)
    assert not given.contains(member + 1e-3)
    assert given.contains(member + 1e-3, rtol=1e-2)
    assert not given.contains(np.zeros(given.shape))  # the fixed part is absent
    assert EQUATIONS["point"].contains([[1.0], [2.0]])
    assert not Subspace((2,), Frozen([0.0, 0.0]), Frozen([[1.0, 0.0]])).contains([np.nan, 0.0])
    with pytest.raises(_errors.InputError, match=r"shape \(3, 2\), got \(3,\)"):
        given.contains(np.zeros(3))


def lines_through(*vectors, offset=None, exact=True) -> Subspace:
    basis = np.array(vectors, float)
    return Subspace(
        basis.shape[1:], Frozen(np.zeros(basis.shape[1]) if offset is None else offset), Frozen(basis), exact
    )


@pytest.mark.parametrize("exact", [True, False])
def test_the_intersection_of_groups_is_that_of_both_together(exact):
    how = {"q": Vector, "v": Vector}
    phase = StateSpace.of(q=2, v=2)
    turn, flip = SO(2), Group("flip", LieAlgebra("none", np.zeros((0, 2, 2))), [np.diag([-1.0, 1.0])], ("flip",))
    a, b, both = (admitted(g, 3, phase, "v", **how) for g in (turn, flip, O(2)))
    if not exact:  # numbers with no small fractions: the basis of a set may be any
        mix = np.random.default_rng(1).normal(size=(a.dimension, a.dimension))
        a = Subspace(a.shape, a.offset, Frozen(np.tensordot(mix, a.basis.array, 1)), exact=False, gap=1e8)
    found = a.intersect(b)
    assert found.exact == exact
    assert found.gap == (np.inf if exact else 1e8)
    np.testing.assert_array_equal(found.basis.array, both.basis.array / (1 if exact else _first(both)))


def _first(subspace):
    return np.array([B.ravel()[np.flatnonzero(B)[0]] for B in subspace.basis]).reshape(-1, 1, 1)


def test_affine_sets_meet_in_a_point_or_not_at_all():
    a = lines_through([1.0, 1.0, 0.0], offset=[0.0, 0.0, 1.0])
    b = lines_through([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], offset=[0.0, 0.5, 0.0])
    point = a.intersect(b)
    assert point.dimension == 0
    assert point.offset.array.tolist() == [0.5, 0.5, 1.0]
    assert b.intersect(a) == point
    turned = lines_through([1.0, np.pi, 2 * np.pi - 2], exact=False)
    np.testing.assert_allclose(
        a.intersect(lines_through([1.0, 1.0, np.pi])).offset.array, np.array([1, 1, np.pi]) / np.pi
    )
    with pytest.raises(_errors.InputError, match="no coefficients lie in both"):
        a.intersect(turned)
    with pytest.raises(_errors.InputError, match="no coefficients lie in both"):
        a.intersect(lines_through([1.0, 1.0, 0.0]))
    with pytest.raises(_errors.InputError, match="no coefficients lie in both"):
        lines_through([1.0, np.pi], offset=[0.0, 1.0], exact=False).intersect(lines_through([1.0, np.pi], exact=False))
    with pytest.raises(_errors.InputError, match="they must agree"):
        a.intersect(example())


def test_two_linear_sets_always_share_zero():
    assert lines_through([1.0, 0.0]).intersect(lines_through([1.0, 1.0])).dimension == 0


@pytest.fixture(scope="module")
def wave():
    """Invariants of a boost in one space dimension, of the field, its gradient and its second derivatives h."""
    boost = Action.affine({("u_t", "u_x"): 1.0, ("u_x", "u_t"): 1.0, "h": HESSIAN}, labels="boost")
    space = StateSpace.of(s=1, u=1, u_t=1, u_x=1, h=3)
    terms = Monomials(2, variables=("u", "u_t", "u_x", "h")).on(space)
    return enforce(terms, boost, targets="s"), terms


def test_solved_for_gives_an_implicit_law(wave):
    invariants, terms = wave
    law = invariants.solved_for("h_x", terms)
    names = terms.names
    assert law.exact
    assert law.dimension == invariants.dimension - 1
    assert law.offset.array[names.index("h_x"), 0] == 1.0
    assert law.offset.array[names.index("h_z"), 0] == -1.0  # u_tt - u_xx
    assert np.count_nonzero(law.offset.array) == 2
    assert not np.any(law.basis.array[:, names.index("h_x")])
    members = law.expand(np.random.default_rng(0).normal(size=(4, law.dimension)))
    assert all(invariants.contains(each) for each in members)
    np.testing.assert_array_equal(law.basis.array % 1, 0.0)
    check_text(law, terms, ["s"])


def test_solved_for_takes_names_and_vectors_of_coefficients(wave):
    invariants, terms = wave
    flat = Subspace((terms.size,), Frozen(invariants.offset.array[:, 0]), Frozen(invariants.basis.array[:, :, 0]))
    law, same = flat.solved_for("u_t^2", terms.names), invariants.solved_for("u_t^2", terms)
    np.testing.assert_array_equal(law.basis.array, same.basis.array[:, :, 0])
    np.testing.assert_array_equal(law.offset.array, same.offset.array[:, 0])


def test_solved_for_mixes_a_basis_that_is_no_echelon(wave):
    invariants, terms = wave
    mix = np.random.default_rng(2).normal(size=(invariants.dimension,) * 2)
    mixed = Subspace(invariants.shape, invariants.offset, Frozen(np.tensordot(mix, invariants.basis.array, 1)))
    law, expected = mixed.solved_for("h_x", terms), invariants.solved_for("h_x", terms)
    assert not law.exact
    np.testing.assert_allclose(law.offset.array, expected.offset.array, atol=1e-9)
    np.testing.assert_allclose(law.basis.array, expected.basis.array / _first(expected), atol=1e-9)


def test_solved_for_scales_where_the_coefficient_is_not_one():
    law = lines_through([2.0, 3.0, 0.0], [0.0, 0.0, 1.0]).solved_for("b", ("a", "b", "c"))
    assert law.offset.array.tolist() == [2 / 3, 1.0, 0.0]
    assert law.basis.array.tolist() == [[0.0, 0.0, 1.0]]
    fixed = lines_through([0.0, 1.0], offset=[1.0, 0.0])
    assert fixed.solved_for("a", ("a", "b")) == fixed
    assert fixed.solved_for("b", ("a", "b")).offset.array.tolist() == [1.0, 1.0]


def test_solved_for_says_which_terms_would_do(wave):
    invariants, terms = wave
    with pytest.raises(_errors.InputError, match=r"'u_t' has no part in every member .*; these terms can: 1, u, "):
        invariants.solved_for("u_t", terms)
    with pytest.raises(_errors.InputError, match="'b' has the fixed coefficient 2"):
        lines_through([1.0, 0.0], offset=[0.0, 2.0]).solved_for("b", ("a", "b"))
    with pytest.raises(_errors.InputError, match=r"unknown term 'u_tt'; the library has a, b"):
        lines_through([1.0, 0.0]).solved_for("u_tt", ("a", "b"))
    with pytest.raises(_errors.InputError, match="one scalar equation; this subspace has 2 targets"):
        example().solved_for("x", ("1", "x", "y"))


def test_a_sampled_subspace_prints_its_gap():
    action = Action.from_fields({"turn": lambda s: {"q": jnp.stack([-s["q"][1], s["q"][0]])}})
    found = enforce(Monomials(1), action, space=StateSpace.of(q=2), targets="q")
    assert found.gap > 1e6
    assert str(found) == f"2 of 6 coefficients free (from samples, gap {found.gap:.0e})"
