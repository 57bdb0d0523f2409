import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import symdyn as sd
from symdyn.testing import assert_equivariant

SPACE = sd.StateSpace.of(position=3, velocity=3, mass=1)
R, V, M = np.array([1.0, -0.4, 0.7]), np.array([0.2, 0.9, -1.1]), 1.7
STATE = jnp.asarray(np.concatenate([R, V, [M]]))
r, v = np.linalg.norm(R), np.linalg.norm(V)

CASES = {
    "position / |position|^3": R / r**3,
    "|velocity|^2 position / |position|^3": v**2 * R / r**3,
    "(position . velocity) velocity / |position|^3": (R @ V) * V / r**3,
    "(position . velocity)^2 position / |position|^5": (R @ V) ** 2 * R / r**5,
    "(position x velocity)": np.cross(R, V),
    "mass^-1 velocity": V / M,
    "velocity / (mass |position|^2)": V / (M * r**2),
    "|position|^-2.5 position": R * r**-2.5,
    "position / |position|^2 * mass": R / r**2 * M,
}


@pytest.mark.parametrize("text", CASES)
def test_a_written_term_has_the_value_it_says(text):
    terms = sd.Covariant([text]).on(SPACE)
    np.testing.assert_allclose(terms(STATE)[0], CASES[text], rtol=1e-5)
    symbols = sympy.symbols("a0:7")
    at = dict(zip(symbols, np.asarray(STATE, float), strict=True))
    np.testing.assert_allclose([float(c.subs(at)) for c in terms.to_sympy(symbols)[0]], CASES[text], rtol=1e-5)


@pytest.mark.parametrize("text", CASES)
def test_the_printed_name_reads_back_as_the_same_term(text):
    (name,) = sd.Covariant([text]).on(SPACE).names
    np.testing.assert_allclose(sd.Covariant([name]).on(SPACE)(STATE)[0], CASES[text], rtol=1e-5)


def test_scalar_terms():
    terms = sd.Covariant(["1", "|velocity|^2", "(position . velocity) / mass", "mass"]).on(SPACE)
    assert terms.value_shape == ()
    np.testing.assert_allclose(terms(STATE), [1, v**2, R @ V / M, M], rtol=1e-5)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (["position position"], "one plain vector"),
        (["position^2"], "one plain vector"),
        (["position / |position|^"], "cannot read"),
        (["(position . velocity"], "cannot read|open parenthesis"),
        (["speed position"], "unknown variable 'speed'"),
        (["|speed|^2 position"], "unknown variable 'speed'"),
        (["position", "|position|"], "all scalars or all vectors"),
        (["position", "position"], "twice"),
        (["(mass x position)"], "cross product"),
        (["__import__('os')"], "cannot read"),
        ([], "at least one term"),
    ],
)
def test_a_text_that_is_no_term_is_refused(terms, message):
    with pytest.raises(sd.InputError, match=message):
        sd.Covariant(terms).on(SPACE)


@pytest.mark.parametrize(
    "library",
    [
        sd.CovariantVectors(("position", "velocity"), degree=3, powers=(0, -3)),
        sd.Radial("position", powers=(-3, -1, 0.5)),
        sd.Covariant([name for name in CASES if "mass" not in name]),
    ],
    ids=["vectors", "radial", "written"],
)
def test_covariant_terms_are_equivariant_under_rotations(library):
    space = sd.StateSpace.of(position=3, velocity=3)
    action = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)
    terms = library.on(space)
    weights = np.linspace(0.5, 1.5, terms.size)
    assert_equivariant(lambda x: jnp.tensordot(weights, terms(x), axes=1), action, space, ("velocity",))


def test_covariant_vectors_hold_every_vector_of_their_degree():
    names = sd.CovariantVectors(("position", "velocity"), degree=3).on(sd.StateSpace.of(position=3, velocity=3)).names
    # degree 1: 2; degree 2: the cross product; degree 3: 3 scalars of degree 2 times 2 vectors
    assert len(names) == 2 + 1 + 3 * 2
    assert "(position . velocity) velocity" in names


def test_pair_forces_are_newtons_law_between_bodies():
    bodies = sd.Variable("position", ("body", "component"), (("sun", "earth", "moon"), ("x", "y", "z")))
    terms = sd.PairForces("position").on(sd.StateSpace((bodies,)))
    x = np.array([[0.0, 0.1, 0.2], [1.0, 0.3, -0.2], [1.1, 0.5, 0.4]])
    got = np.asarray(terms(jnp.asarray(x.ravel()))).reshape(3, 3, 3)
    for j in range(3):
        for i in range(3):
            apart = x[j] - x[i]
            expected = apart / np.linalg.norm(apart) ** 3 if i != j else np.zeros(3)
            np.testing.assert_allclose(got[j, i], expected, rtol=1e-5)
    symbols = sympy.symbols("a0:9")
    at = dict(zip(symbols, x.ravel(), strict=True))
    values = [[float(c.subs(at)) for c in term] for term in terms.to_sympy(symbols)]
    np.testing.assert_allclose(values, got.reshape(3, 9), rtol=1e-5)


def test_pair_forces_need_bodies():
    with pytest.raises(sd.InputError, match=r"\(body, component\)"):
        sd.PairForces("position").on(sd.StateSpace.of(position=3))
