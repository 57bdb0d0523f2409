"""PySINDy under the constraints of a symmetry: the feasible set, the order of features, and real fits."""

import warnings

import numpy as np
import pysindy as ps
import pytest
from pysindy.utils import reorder_constraints

import symdyn as sd
from symdyn.interop.pysindy import constrained_sr3, constraints, feature_order, polynomial_library

PLANE, PHASE = sd.StateSpace.of(q=2), sd.StateSpace.of(q=2, v=2)
BOOST = sd.Action.affine(shifts={"v": np.eye(2)}, rate_shifts={"q": np.eye(2)}, labels=("boost_x", "boost_y"))
GALILEI = BOOST + sd.T(2).acting_on(q=sd.Point, v=sd.Vector)  # leaves q' = v + a, v' = b
TURN = np.array([[-1.0, -np.sqrt(3)], [np.sqrt(3), -1.0]]) / 2
THIRD = sd.Group("C3", sd.LieAlgebra("none", np.zeros((0, 2, 2))), TURN[None], ("third",))
needs_cvxpy = pytest.mark.skipif(
    not hasattr(ps, "ConstrainedSR3"), reason="PySINDy leaves ConstrainedSR3 out where cvxpy is not installed"
)
# With reg_weight_lam=0 nothing is cut, and each step of SR3 is a proximal step of the constrained least squares: a
# large relax_coeff_nu makes the first step the solution.
PLAIN = {"reg_weight_lam": 0.0, "relax_coeff_nu": 1e6, "tol": 1e-12, "max_iter": 200}

CASES = {
    "SO(2)": (sd.SO(2).acting_on(q=sd.Vector), sd.Monomials(3), PLANE, ("q",)),
    "Galilei": (GALILEI, sd.Monomials(2), PHASE, ("q", "v")),
    "sampled": (THIRD.acting_on(q=sd.Vector), sd.Monomials(3), PLANE, ("q",)),
    "vectors": (sd.O(2).acting_on(q=sd.Vector), sd.Covariant(["q / |q|", "|q|^2 q"]), PLANE, ("q",)),
}


def admitted(name):
    action, library, space, targets = CASES[name]
    return sd.enforce(library, action, space=space, targets=targets)


def skewed(subspace: sd.Subspace) -> sd.Subspace:
    """The same set with a basis that is no echelon, of irrational numbers."""
    mix = np.random.default_rng(3).normal(size=(subspace.dimension,) * 2)
    offset = subspace.expand(np.random.default_rng(4).normal(size=subspace.dimension))
    basis = np.tensordot(mix, subspace.basis.array, 1)
    return sd.Subspace(subspace.shape, sd.Frozen(offset), sd.Frozen(basis), exact=False)


@pytest.mark.parametrize("change", [lambda s: s, skewed], ids=["echelon", "skewed"])
@pytest.mark.parametrize("order", ["feature", "target"])
@pytest.mark.parametrize("name", CASES)
def test_the_feasible_set_is_the_subspace(name, order, change):
    subspace = change(admitted(name))
    p, d = (*subspace.shape, 1)[:2]
    features = np.random.default_rng(0).permutation(p)
    left, right = constraints(subspace, order=order, features=features)
    assert left.shape == (p * d - subspace.dimension, p * d)
    assert right.shape == (len(left),)
    assert np.linalg.matrix_rank(left) == len(left) if len(left) else True
    members = subspace.expand(np.random.default_rng(1).normal(size=(3, subspace.dimension))).reshape(3, p, d)
    members = members[:, features]
    flat = (members if order == "feature" else members.swapaxes(1, 2)).reshape(3, p * d)
    np.testing.assert_allclose(flat @ left.T, np.broadcast_to(right, (3, len(right))), atol=1e-9)


@pytest.mark.parametrize("name", ["SO(2)", "Galilei"])
def test_the_orders_are_those_of_pysindy(name):
    subspace = admitted(name)
    (by_target, b), (by_feature, c) = (constraints(subspace, order=order) for order in ("target", "feature"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySINDy calls its own default deprecated
        moved = reorder_constraints(by_target, subspace.shape[0])
    np.testing.assert_array_equal(moved, by_feature)
    np.testing.assert_array_equal(b, c)


def test_what_constraints_refuses():
    subspace = admitted("SO(2)")
    with pytest.raises(sd.InputError, match='"feature" or "target", got \'rows\''):
        constraints(subspace, order="rows")
    for wrong in ([0, 1], [0] * 10, list(range(1, 11))):
        with pytest.raises(sd.InputError, match="permutation of the 10 terms"):
            constraints(subspace, features=wrong)


LIBRARIES = [
    sd.Monomials(3),
    sd.Monomials(4, bias=False),
    sd.Monomials(3, interaction=False),
    sd.Monomials(2, variables=("v", "q")),
    sd.Monomials(3, variables=("v",)),
    sd.Monomials(1, variables=("q",), bias=False),
    sd.Monomials(0),
    sd.Monomials(2, variables=("v",), bias=False) + sd.Monomials(2, variables=("q", "v")),
]


@pytest.mark.parametrize("recipe", LIBRARIES, ids=repr)
def test_the_polynomial_library_gives_the_same_values_in_the_order(recipe):
    terms = recipe.on(PHASE)
    library, order = polynomial_library(terms)
    states = np.random.default_rng(0).normal(size=(7, 4))
    found = np.asarray(library.fit(states).transform(states))
    expected = np.array([np.asarray(terms(x)) for x in states])[:, order]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    names = library.get_feature_names(list(PHASE.component_names))
    assert [sorted(name.split()) for name in names] == [sorted(terms.names[k].split()) for k in order]


def test_monomials_of_all_components_have_pysindys_order():
    for recipe in LIBRARIES[:3]:
        _, order = polynomial_library(recipe.on(PHASE))
        assert order.tolist() == list(range(len(order)))


def test_the_order_of_any_library_with_the_same_names():
    terms = sd.Monomials(2).on(PLANE)
    library = ps.PolynomialLibrary(2, include_bias=False) + ps.PolynomialLibrary(0)
    assert feature_order(terms, library).tolist() == [1, 2, 3, 4, 5, 0]
    assert not hasattr(library, "n_output_features_")


def test_libraries_that_differ_are_refused():
    terms = sd.Monomials(2).on(PLANE)
    with pytest.raises(sd.InputError, match=r"only in PySINDy's: q_x\^3, q_x\^2 q_y"):
        feature_order(terms, ps.PolynomialLibrary(3))
    with pytest.raises(sd.InputError, match=r"only in symdyn's: 1\)"):
        feature_order(terms, ps.PolynomialLibrary(2, include_bias=False))
    with pytest.raises(sd.InputError, match="libraries differ"):
        polynomial_library((sd.Monomials(1, variables=("v",)) + sd.Monomials(2, variables=("q",))).on(PHASE))
    with pytest.raises(sd.InputError, match="CustomLibrary"):
        polynomial_library(sd.Covariant(["q / |q|"]).on(PLANE))


def least_squares(subspace, theta, rates):
    """The best coefficients in the subspace, in its own coordinates: an independent way to the constrained fit."""
    columns = np.stack([(theta @ B).ravel() for B in subspace.basis.array], axis=1)
    weights, *_ = np.linalg.lstsq(columns, (rates - theta @ subspace.offset.array).ravel(), rcond=None)
    return subspace.expand(weights)


def oscillator(n=2000, noise=0.05):
    """States in the plane and noisy rates of a Hopf oscillator: x' = x - 2 J x - |x|^2 x."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(n, 2))
    rate = x - 2 * x @ np.array([[0.0, 1.0], [-1.0, 0.0]]) - np.sum(x**2, axis=1, keepdims=True) * x
    return x, rate + noise * rng.normal(size=rate.shape)


def drift(n=500):
    """States in phase space and noisy rates that no Galilean law gives."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, 4))
    return x, np.concatenate([1.3 * x[:, 2:] + 0.5, 0.2 * x[:, :2] - 1], axis=1) + 0.1 * rng.normal(size=(n, 4))


def fitted(optimizer, library, x, rate, names):
    model = ps.SINDy(optimizer=optimizer, feature_library=library)
    model.fit(x, t=1.0, x_dot=rate, feature_names=list(names))
    return model.coefficients().T


@needs_cvxpy
@pytest.mark.parametrize("recipe", [sd.Monomials(3), sd.Monomials(3, bias=False), sd.Monomials(3, variables=("q",))])
def test_a_fit_of_an_oscillator_lies_in_the_subspace(recipe):
    x, rate = oscillator()
    subspace = sd.enforce(recipe, sd.SO(2).acting_on(q=sd.Vector), space=PLANE, targets="q")
    terms = recipe.on(PLANE)
    library, order = polynomial_library(terms)
    free = np.zeros(subspace.shape)
    free[order] = fitted(ps.STLSQ(threshold=0.0, alpha=0.0), library, x, rate, PLANE.component_names)
    assert not subspace.contains(free, rtol=1e-4)  # the noise breaks the symmetry
    found = np.zeros(subspace.shape)
    optimizer = constrained_sr3(subspace, features=order, **PLAIN)
    found[order] = fitted(optimizer, library, x, rate, PLANE.component_names)
    assert subspace.contains(found, rtol=1e-8)
    theta = np.array([np.asarray(terms(each), float) for each in x])
    np.testing.assert_allclose(found, least_squares(subspace, theta, rate), atol=1e-5)


@needs_cvxpy
@pytest.mark.parametrize("order", ["feature", "target"])
def test_the_arrays_alone_are_enough(order):
    x, rate = oscillator()
    subspace = admitted("SO(2)")
    left, right = constraints(subspace, order=order)
    settings = {
        "constraint_lhs": left,
        "constraint_rhs": right,
        "equality_constraints": True,
        "constraint_order": order,
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Target format constraints are deprecated")
        found = fitted(ps.ConstrainedSR3(**settings, **PLAIN), ps.PolynomialLibrary(3), x, rate, PLANE.component_names)
    assert subspace.contains(found, rtol=1e-8)


@needs_cvxpy
def test_a_threshold_cuts_whole_combinations_of_equal_size():
    x, rate = oscillator()
    subspace = admitted("SO(2)")
    # the threshold is sqrt(2 lambda nu) = 0.2
    optimizer = constrained_sr3(subspace, reg_weight_lam=0.02, relax_coeff_nu=1.0, tol=1e-12, max_iter=500)
    found = fitted(optimizer, ps.PolynomialLibrary(3), x, rate, PLANE.component_names)
    assert subspace.contains(found, rtol=1e-8)
    assert np.count_nonzero(found) == 8
    names = sd.Monomials(3).on(PLANE).names
    assert found[names.index("q_x"), 1] == pytest.approx(-2.0, abs=0.02)
    assert found[names.index("q_x q_y^2"), 0] == pytest.approx(-1.0, abs=0.02)


@needs_cvxpy
def test_a_boost_fixes_the_transport_of_positions():
    subspace = admitted("Galilei")
    assert subspace.dimension == 4
    assert np.any(subspace.offset.array)
    x, rate = drift()
    found = fitted(constrained_sr3(subspace, **PLAIN), ps.PolynomialLibrary(2), x, rate, PHASE.component_names)
    assert subspace.contains(found, rtol=1e-8)
    names = CASES["Galilei"][1].on(PHASE).names
    np.testing.assert_allclose(found[names.index("v_x")], [1.0, 0.0, 0.0, 0.0], atol=1e-8)
    theta = np.array([np.asarray(sd.Monomials(2).on(PHASE)(each), float) for each in x])
    np.testing.assert_allclose(found, least_squares(subspace, theta, rate), atol=1e-5)


@needs_cvxpy
@pytest.mark.parametrize("settings", [{"normalize_columns": True}, {"regularizer": "l1", "reg_weight_lam": 0.1}])
def test_pysindy_itself_leaves_the_constraints_under_the_settings_refused(settings):
    x, rate = drift()
    x[:, 2] *= 3
    subspace = admitted("Galilei")
    left, right = constraints(subspace)
    arrays = {"constraint_lhs": left, "constraint_rhs": right, "constraint_order": "feature"}
    optimizer = ps.ConstrainedSR3(**arrays, equality_constraints=True, **PLAIN | {"relax_coeff_nu": 1.0} | settings)
    found = fitted(optimizer, ps.PolynomialLibrary(2), x, rate, PHASE.component_names)
    assert not subspace.contains(found, rtol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalize_columns": True}, "rescaled coefficients"),
        ({"unbias": True}, "without the constraints"),
        ({"inequality_constraints": True}, "as bounds"),
        ({"regularizer": "l1"}, "'l1' breaks the symmetry"),
    ],
)
def test_settings_that_leave_the_subspace_are_refused(settings, message):
    with pytest.raises(sd.InputError, match=message):
        constrained_sr3(admitted("SO(2)"), **settings)


def test_without_cvxpy_the_error_names_the_remedy(monkeypatch):
    monkeypatch.delattr(ps, "ConstrainedSR3", raising=False)
    with pytest.raises(sd.MissingDependencyError, match=r"pip install 'symdyn-discovery\[interop\]'"):
        constrained_sr3(admitted("SO(2)"))


@needs_cvxpy
def test_no_symmetry_is_no_constraint():
    x, rate = oscillator()
    optimizer = constrained_sr3(sd.Subspace.full((10, 2)), **PLAIN)
    found = fitted(optimizer, ps.PolynomialLibrary(3), x, rate, PLANE.component_names)
    theta = np.array([np.asarray(sd.Monomials(3).on(PLANE)(each), float) for each in x])
    np.testing.assert_allclose(found, np.linalg.lstsq(theta, rate, rcond=None)[0], atol=1e-5)
