"""`find_symmetries`: what may be asked, how the answer reads, what is trivial, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

HOPF = {"x": "x - y - x^3 - x y^2", "y": "x + y - x^2 y - y^3"}
LORENZ = {"x": "10 y - 10 x", "y": "28 x - x z - y", "z": "x y - 8/3 z"}
OSCILLATOR = {"x": "-y", "y": "x"}
PLANE, SPACE = sd.StateSpace.of(x=1, y=1), sd.StateSpace.of(x=1, y=1, z=1)


def hopf(s):
    x, y = s
    r = 1.0 - x * x - y * y
    return jnp.stack([r * x - y, x + r * y])


def texts(found):
    return [str(each) for each in found.generators]


# --- what may be asked ---


@pytest.mark.parametrize("candidates", [None, sd.GL(2), sd.Aff(2), sd.SO(2), 1, 3, sd.VectorFields(2)])
def test_a_turn_is_found_among_many_candidates(candidates):
    found = sd.find_symmetries(HOPF, candidates=candidates)
    assert texts(found) == ["x d/dy - y d/dx"]
    assert found.defects.max() < 1e-13
    assert found.gap > 1e10


@pytest.mark.parametrize(
    "candidates",
    [
        sd.SO(2).acting_on({("x", "y"): sd.Vector}),
        sd.LieAlgebra("turns", np.array([[[0.0, -2.0], [2.0, 0.0]]])),
        [sd.SO(2), sd.GL(2), 1],
        sd.Action.from_fields({"turn": lambda s: {"x": -s["y"], "y": s["x"]}}),
    ],
)
def test_candidates_may_be_actions_algebras_lists_and_functions(candidates):
    found = sd.find_symmetries(hopf, kind="flow", space=PLANE, candidates=candidates, discrete=False)
    assert found.dimension == 1
    x = np.array([0.3, 0.7])
    field = np.asarray(found.generators[0](x))
    assert np.allclose(field / field[1] * 0.3, [-0.7, 0.3], atol=1e-6)


def test_exact_and_sampled_conditions_agree():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        numbers = rng.integers(-2, 3, (2, 2))
        law = {
            "x": f"{numbers[0, 0]} x^2 + {numbers[0, 1]} y z",
            "y": f"{numbers[1, 0]} x y",
            "z": f"{numbers[1, 1]} x z",
        }
        sign = {k: v.replace("+ -", "- ") for k, v in law.items()}
        exact = sd.find_symmetries(sign, candidates=sd.VectorFields(2), discrete=False)

        def rates(s, n=numbers):
            x, y, z = s
            return jnp.stack([n[0, 0] * x * x + n[0, 1] * y * z, n[1, 0] * x * y, n[1, 1] * x * z])

        sampled = sd.find_symmetries(rates, kind="flow", space=SPACE, candidates=sd.VectorFields(2), discrete=False)
        assert exact.exact
        assert not sampled.exact
        assert exact.dimension + len(exact.trivial) == sampled.dimension + len(sampled.trivial)
        assert sorted(map(str, exact.trivial)) == sorted(map(str, sampled.trivial))


def test_what_is_found_has_no_lie_derivative():
    def kepler(s):
        return jnp.concatenate([s[2:], -s[:2] / jnp.sum(s[:2] ** 2) ** 1.5])

    space = sd.StateSpace.of(position=2, velocity=2)
    found = sd.find_symmetries(kepler, kind="flow", space=space, candidates=sd.GL(4), discrete=False)
    assert found.dimension == 1
    with jax.enable_x64(True):
        x = jnp.array([0.4, -1.1, 0.8, 0.3])
        assert np.abs(sd.lie_derivative(kepler, found.generators[0], sd.Vector, x)).max() < 1e-12


def test_an_equinox_module_may_be_asked():
    class Radial(eqx.Module):
        strength: float = 0.5

        def __call__(self, x):
            return -self.strength * x * jnp.sqrt(1.0 + jnp.sum(x * x))

    found = sd.find_symmetries(Radial(), kind="flow", space=sd.StateSpace.of(q=3), candidates=sd.GL(3))
    assert found.dimension == 3
    assert found.order == 48


def test_a_law_of_data_and_the_data_themselves_may_be_asked():
    data = sd.make_dataset("hopf", times=np.arange(0, 10, 0.02))
    law = sd.identify(data, library=sd.Monomials(3))
    for asked in (law, law.model):
        assert texts(sd.find_symmetries(asked, tolerance=1e-5)) == ["x d/dy - y d/dx"]
    assert texts(sd.find_symmetries(data, library=sd.Monomials(3), tolerance=1e-5)) == ["x d/dy - y d/dx"]
    again = sd.identify(data, library=sd.Monomials(3), action=sd.find_symmetries(law, tolerance=1e-5).action())
    assert again.stats.free == 4
    assert np.allclose(again.coefficients, law.coefficients, atol=1e-4)


def test_a_model_of_second_order_is_asked_as_a_flow():
    data = sd.make_dataset("harmonic_oscillator", times=np.arange(0, 6, 0.02))
    law = sd.identify(data[["position"]], order=2, library=sd.Monomials(1), rate_of="position")
    found = sd.find_symmetries(law, candidates=sd.GL(law.model.space.size), tolerance=1e-4, discrete=False)
    assert found.dimension + len(found.trivial) == 8  # gl(2, C)


def test_a_map_and_a_discrete_model_may_be_asked():
    found = sd.find_symmetries({"x": "2 x", "y": "4 y + x^2"}, kind="map", candidates=2)
    assert texts(found) == ["x d/dx + 2 y d/dy", "x^2 d/dy"]
    assert [str(each) for each in found.discrete] == ["(x, y) -> (-x, y)"]
    spiral = lambda x: 0.9 * jnp.stack([0.8 * x[0] - 0.6 * x[1], 0.6 * x[0] + 0.8 * x[1]]) * (1 - 0.1 * x @ x)  # noqa: E731
    assert texts(sd.find_symmetries(spiral, kind="map", space=PLANE, candidates=1)) == ["x d/dy - y d/dx"]


def test_a_level_set_and_a_cloud_have_the_symmetries_of_their_set():
    sphere = sd.find_symmetries("x^2 + y^2 + z^2 - 1", kind="level_set", space=SPACE, candidates=1)
    assert sphere.dimension == 3
    cone = sd.find_symmetries(
        lambda s: s[0] ** 2 + s[1] ** 2 - s[2] ** 2, kind="level_set", space=SPACE, candidates=sd.GL(3)
    )
    assert cone.dimension == 4  # so(2, 1) and the dilation
    points = np.random.default_rng(0).normal(size=(600, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    cloud = sd.find_symmetries(points, candidates=sd.GL(3), tolerance=0.06)
    assert texts(cloud) == ["x_0 d/dx_1 - x_1 d/dx_0", "x_0 d/dx_2 - x_2 d/dx_0", "x_1 d/dx_2 - x_2 d/dx_1"]
    ellipsoid = points * [1.0, 1.0, 2.0]
    assert texts(sd.find_symmetries(ellipsoid, candidates=sd.SO(3), tolerance=0.06)) == ["x_0 d/dx_1 - x_1 d/dx_0"]


def test_fields_that_vanish_on_a_set_are_named():
    found = sd.find_symmetries("x^2 + y^2 - 1", kind="level_set", space=PLANE, candidates=2, discrete=False)
    assert [str(each) for each in found.trivial] == [
        "(1 - x^2 - y^2) d/dx: vanishes at all points",
        "(1 - x^2 - y^2) d/dy: vanishes at all points",
    ]


def test_trigonometric_and_own_terms_make_candidates():
    def pendulums(s):  # d/da is no symmetry, sin(a) d/dp neither; the flow is among the candidates
        return jnp.stack([s[1], -jnp.sin(s[0])])

    space = sd.StateSpace.of(a=1, p=1)
    fields = sd.VectorFields(1, functions={"sin(a)": lambda s: jnp.sin(s["a"])})
    found = sd.find_symmetries(pendulums, kind="flow", space=space, candidates=fields, discrete=False)
    assert found.dimension == 0
    assert [str(each) for each in found.trivial] == ["p d/da - sin(a) d/dp: the flow itself"]
    waves = sd.VectorFields(sd.Monomials(1) + sd.Waves(1, variables=("a",)))
    found = sd.find_symmetries(pendulums, kind="flow", space=space, candidates=waves, discrete=False)
    assert len(found.trivial) == 1
    assert str(found.trivial[0].to_sympy()) == "{a: p, p: -sin(a)}"


def test_a_scaling_of_time_is_found_with_its_weights():
    found = sd.find_symmetries({"x": "v", "v": "-x^3"}, candidates=sd.Scalings())
    assert found.weights == ({"x": 1, "v": 2, "t": -1},)
    found = sd.find_symmetries({"x": "-x + y^2", "y": "-y"}, candidates=sd.Scalings(time=False))
    assert found.weights == ({"x": 2, "y": 1},)


def test_fields_may_depend_on_time():
    # a free particle: x'' = 0 keeps the boost t d/dx + d/dv
    found = sd.find_symmetries({"x": "v", "v": "0"}, candidates=sd.VectorFields(1, time=True), discrete=False)
    assert {"t d/dx + d/dv", "d/dx", "d/dt"} <= set(texts(found))
    found = sd.find_symmetries({"x": "v", "v": "-1"}, candidates=sd.Galilei(1).acting_on(x=sd.Place, v=sd.Velocity))
    assert found.dimension == 3  # gravity keeps shifts and boosts, here without a turn


# --- what is trivial ---


def test_the_flow_and_its_multiples_are_named():
    found = sd.find_symmetries(OSCILLATOR, candidates=3, discrete=False)
    reasons = [each.reason for each in found.trivial]
    assert reasons == ["the flow itself", "the flow times a conserved function", "every linear law has it"]
    assert texts(found) == ["(x^3 + x y^2) d/dx + (x^2 y + y^3) d/dy"]
    rescaled = sd.find_symmetries(LORENZ, candidates=sd.VectorFields(2, time=True), discrete=False)
    assert texts(rescaled) == ["d/dt"]
    assert [each.reason for each in rescaled.trivial] == ["the flow itself"]
    moving = sd.find_symmetries({"x": "v", "v": "-x"}, candidates=sd.VectorFields(2, time=True), discrete=False)
    assert texts(moving) == ["d/dt", "x d/dx + v d/dv"]
    assert str(moving.trivial[-1]) == "(x^2 + v^2) d/dt: the flow times a conserved function"


@pytest.mark.parametrize("saturation", [0.0, 0.1])
def test_lotka_and_volterra_have_the_flow_and_its_multiples_alone(saturation):
    """V = x + y - log x - log y is conserved, and f(V) times the flow is a symmetry that says no more; see Olver 1993,
    section 2.2. With saturation nothing is conserved, and the flow is alone."""
    log = jnp.log
    functions = {
        f"{a} log({b})": lambda s, a=a, b=b: s.get(a, s["x"] * s["y"]) * log(s[b])
        for a in ("x", "y", "x y")
        for b in "xy"
    }
    law = {"x": f"x - x y - {saturation} x^2", "y": "x y - y"}
    points = np.random.default_rng(0).uniform(0.5, 1.8, (300, 2))
    fields = sd.VectorFields(3, functions=functions)
    found = sd.find_symmetries(law, candidates=fields, points=points, discrete=False)
    assert not found.generators
    reasons = ["the flow itself", "the flow times a conserved function"]
    assert [each.reason for each in found.trivial] == (reasons[:1] if saturation else reasons)
    if not saturation:
        flow, multiple = (each.field.moved(points[:40])[:, :, 0] for each in found.trivial)
        factor = (multiple / flow)[:, 0]
        assert np.allclose(multiple, factor[:, None] * flow)
        V = points[:40].sum(1) - np.log(points[:40]).sum(1)
        assert abs(np.corrcoef(factor, V)[0, 1]) == pytest.approx(1, abs=1e-9)


def test_a_linear_law_without_more_symmetry_has_its_powers_only():
    found = sd.find_symmetries({"x": "2 x + y", "y": "x - y"}, candidates=sd.GL(2), discrete=False)
    assert found.dimension == 0
    assert len(found.trivial) == 2


def test_solutions_of_a_linear_equation_are_named():
    jets = sd.StateSpace.jets(("x",), order=2, time="t", u=1)
    found = sd.find_symmetries("u_xx", space=jets, discrete=False)
    assert [each.reason for each in found.trivial] == ["a solution of the linear law, added"] * 3
    assert "u d/du" in texts(found)


# --- the answer ---


def test_the_answer_reads_well():
    found = sd.find_symmetries(HOPF)
    assert str(found).splitlines()[1:] == [
        "  x d/dy - y d/dx",
        "  R, acting as rotations of (x, y)",
        "discrete, generating a group of order 4:",
        "  (x, y) -> (-y, x)",
    ]
    turn = found.generators[0]
    assert turn.latex() == r"x\,\partial_{y} - y\,\partial_{x}"
    assert str(turn.to_sympy()) == "{x: -y, y: x}"
    assert "generators" in repr(found)
    data = found.to_xarray()
    assert data.defect.sizes == {"generator": 1}
    assert data.attrs["exact"] == 1


def test_the_basis_is_sparse_and_whole():
    found = sd.find_symmetries({"x": "y z", "y": "-2 x z", "z": "x y"}, candidates=sd.VectorFields(1), discrete=False)
    assert found.dimension == 0
    line = {n: "".join(f" - {n} {m}^2" for m in "xyz") for n in "xyz"}
    found = sd.find_symmetries(line, candidates=sd.GL(3), discrete=False)
    assert texts(found) == ["x d/dy - y d/dx", "x d/dz - z d/dx", "y d/dz - z d/dy"]
    assert found.algebra.dimension == 3


def test_an_action_of_what_was_found_is_enforced():
    found = sd.find_symmetries(LORENZ)
    space = sd.StateSpace.of(x=1, y=1, z=1)
    admitted = sd.enforce(sd.Monomials(2), found.action(), space=space, targets=("x", "y", "z"))
    signs = sd.SignPattern((-1, -1, 1)).acting_on({("x", "y", "z"): sd.Vector})
    assert admitted == sd.enforce(sd.Monomials(2), signs, space=space, targets=("x", "y", "z"))
    jets = sd.StateSpace.jets(("x",), order=2, time="t", u=1)
    burgers = sd.find_symmetries("u_xx - u u_x", space=jets)
    admitted = sd.enforce(sd.Monomials(2), burgers.action(), space=jets, targets="u")
    assert admitted.dimension == 1
    assert np.count_nonzero(admitted.offset.array) == 1


def test_a_law_under_what_was_found_is_saved(tmp_path):
    data = sd.make_dataset("hopf", times=np.arange(0, 10, 0.02))
    law = sd.identify(data, library=sd.Monomials(3), action=sd.find_symmetries(HOPF).action())
    law.save(tmp_path / "hopf.symdyn")
    assert sd.load(tmp_path / "hopf.symdyn").settings.action == law.settings.action


def test_time_reversal_is_found_and_enforced():
    found = sd.find_symmetries({"x": "v", "v": "-x - x^3"}, discrete=("signs", "time"))
    assert found.order == 4
    law = sd.enforce(sd.Monomials(3), found.action(), space=sd.StateSpace.of(x=1, v=1), targets=("x", "v"))
    assert law.dimension == 6  # d x / dt odd in v and even in x, d v / dt the other way round


def test_brackets_are_grown():
    fields = {"a": {"x": "1"}, "b": {"x": "x^2"}}
    law = {"x": "0", "y": "y"}
    apart = sd.find_symmetries(law, candidates=sd.Action.polynomial(fields), discrete=False)
    assert apart.closure > 0.1
    assert apart.algebra is None
    assert "grow=True" in str(apart)
    whole = sd.find_symmetries(law, candidates=sd.Action.polynomial(fields), discrete=False, grow=True)
    assert texts(whole) == ["d/dx", "x d/dx", "x^2 d/dx"]
    assert whole.algebra.dimension == 3
    assert whole.closure < 1e-12


def test_structure_constants_of_functions_come_from_points():
    fields = {
        "shift": lambda s: {"x": jnp.ones_like(s["x"])},
        "grow": lambda s: {"x": jnp.exp(s["x"]) / jnp.exp(s["x"]) * s["x"]},
    }
    law = {"x": "0", "y": "y"}
    found = sd.find_symmetries(law, candidates=sd.Action.from_fields(fields), discrete=False)
    assert found.dimension == 2
    assert found.closure < 1e-10
    assert found.algebra is None
    assert found.structure[0, 1].round(9).tolist() == [1.0, 0.0]


def test_unknown_elements_of_the_orthogonal_group_are_found():
    turned = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])  # Lorenz, axes turned about z

    def law(s):
        x, y, z = turned.T @ s
        return turned @ jnp.stack([10 * (y - x), 28 * x - y - x * z, x * y - 8 / 3 * z])

    found = sd.find_symmetries(law, kind="flow", space=SPACE, discrete="orthogonal")
    assert found.order == 2
    assert np.allclose(found.discrete[0].matrix, np.diag([-1.0, -1.0, 1.0]))


def test_approximate_symmetries_show_in_the_spectrum():
    broken = {**HOPF, "x": HOPF["x"] + " + 0.01 x y"}
    found = sd.find_symmetries(broken, discrete=False)
    assert found.dimension == 0
    assert 1e-4 < found.spectrum[0] < 1e-1
    loose = sd.find_symmetries({k: v.replace("0.01", "0.0100000001") for k, v in broken.items()}, tolerance=0.05)
    assert loose.dimension == 1


def test_defects_do_not_depend_on_units():
    points = np.random.default_rng(3).uniform(-1.5, 1.5, (60, 2))

    def spectrum(units):
        def law(s):  # broken by a little
            return jnp.asarray(units) * (hopf(s / units) + jnp.array([0.05, 0.0]) * (s / units) ** 2)

        asked = {"kind": "flow", "space": PLANE, "points": points * units, "discrete": False}
        return sd.find_symmetries(law, candidates=sd.GL(2), **asked).spectrum

    assert np.allclose(spectrum(np.ones(2)), spectrum(np.array([1e-6, 1e7])), rtol=1e-6)


def test_points_may_be_given_and_keys_change_random_ones():
    def roots(s):
        return jnp.stack([jnp.sqrt(s[0]), -jnp.log(s[1])])

    with pytest.raises(sd.InputError, match="points"):
        sd.find_symmetries(roots, kind="flow", space=PLANE)
    points = np.random.default_rng(0).uniform(0.5, 2.0, (80, 2))
    found = sd.find_symmetries(roots, kind="flow", space=PLANE, points=points, discrete=False)
    assert found.dimension == 0
    first, second = (sd.find_symmetries(LORENZ, key=jax.random.key(k)).spectrum for k in (0, 1))
    assert not np.array_equal(first, second)


# --- what is refused ---


@pytest.mark.parametrize(
    ("of", "options", "message"),
    [
        (hopf, {"space": PLANE}, "say what the function is"),
        (hopf, {"kind": "flow"}, "names of its variables"),
        (hopf, {"kind": "flow", "space": SPACE}, "."),
        (lambda s: s[:1], {"kind": "flow", "space": PLANE}, "gives as many"),
        (lambda s: s[:1], {"kind": "function", "space": PLANE}, "outputs"),
        (HOPF, {"candidates": sd.SO(3)}, "acting_on"),
        (HOPF, {"candidates": "rotations"}, "candidates are"),
        (HOPF, {"candidates": []}, "at least one"),
        (HOPF, {"discrete": "mirrors"}, "the kinds are"),
        (HOPF, {"points": np.zeros((5, 3))}, "points need 2"),
        (HOPF, {"points": np.full((5, 2), np.nan)}, "finite"),
        (HOPF, {"library": sd.Monomials(1)}, "unknown arguments"),
        ({"x": "x + q"}, {}, "cannot read"),
        (np.zeros((4, 3)), {}, "more than"),
        (None, {}, "find_symmetries needs"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(of, options, message):
    with pytest.raises((sd.InputError, ValueError), match=message):
        sd.find_symmetries(of, **options)


def test_bad_candidates_are_refused():
    with pytest.raises(sd.InputError, match="degree"):
        sd.VectorFields(-1)
    jets = sd.StateSpace.jets(("x",), order=2, time="t", u=1)
    with pytest.raises(sd.InputError, match="names 'w'"):
        sd.find_symmetries({"w": "u_xx"}, space=jets)
    with pytest.raises(sd.InputError, match="no symmetry was found"):
        sd.find_symmetries({"x": "x^2 - y", "y": "x y - 1 + y^2"}, discrete=False).action()
