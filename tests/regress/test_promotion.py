"""`identify(promote=...)`: what is kept, what is broken, and what the law becomes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd
from symdyn._types import double_precision
from symdyn.regress.promoting.choose import rounded


def hopf(samples: int, noise: float, epsilon: float = 0.0, seed: int = 0):
    """States in a square with noisy rates; epsilon x^2 in the first equation breaks the rotation."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (samples, 2))
    rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True))
    rates[:, 0] += epsilon * x[:, 0] ** 2
    return {"time": np.arange(float(samples)), "x": x, "dx": rates + noise * rng.normal(size=x.shape)}


COMMON = {"rates": {"x": "dx"}, "rate_of": "x", "library": sd.Monomials(3)}


@pytest.fixture(scope="module")
def kept():
    return sd.promotion(hopf(80, 0.05), sd.Aff(2), **COMMON)


def test_the_rotation_is_kept_and_the_rest_broken(kept):
    assert kept.kept.texts == ("x_y d/dx_x - x_x d/dx_y",)
    assert kept.law.stats.free == 4
    assert kept.plain.stats.free == 20
    assert kept.evidence.contradicted
    said = "\n".join(kept.law.stages)
    assert "kept R, acting as rotations of (x_x, x_y)" in said
    assert "broken: d/dx_x: defect" in said


def test_the_law_is_the_enforced_one_and_better(kept):
    turn = sd.SO(2).acting_on(x=sd.Vector)
    enforced = sd.identify(hopf(80, 0.05), action=turn, **COMMON)
    assert np.allclose(kept.law.coefficients, enforced.coefficients, atol=1e-10)
    true = np.zeros_like(enforced.coefficients)
    names = kept.law.model.terms.names
    for name, row in {
        "x_x": (1, 1), "x_y": (-1, 1), "x_x^3": (-1, 0), "x_x^2 x_y": (0, -1), "x_x x_y^2": (-1, 0), "x_y^3": (0, -1),
    }.items():  # fmt: skip
        true[names.index(name)] = row
    error = [np.linalg.norm(law.coefficients - true) for law in (kept.law, kept.plain)]
    assert error[0] < 0.7 * error[1]


def test_the_path_runs_from_all_broken_to_all_kept(kept):
    story = kept.path
    assert story.singular_values.shape == (20, 6)
    counts = [len(basis) for basis in story.kept]
    assert counts[0] == 0
    assert 1 in counts
    assert np.all(np.diff(story.weights) > 0)
    proposed = story.proposed()
    assert [len(basis) for basis in proposed] == sorted((len(basis) for basis in proposed), reverse=True)
    assert {len(basis) for basis in proposed} >= {1, 2, 3, 4, 5}  # where a gap is widest, also without a threshold


@pytest.mark.parametrize("penalty", [sd.NuclearNorm(), sd.GroupNorm()])
def test_convex_penalties_find_it_too(penalty):
    found = sd.promotion(hopf(80, 0.05), sd.Promote(sd.SE(2), penalty=penalty), **COMMON)
    assert found.kept.texts == ("x_x d/dx_y - x_y d/dx_x",)
    assert len(found.path.kept[-1]) == 3  # the largest weight keeps everything


def test_the_path_heeds_the_solver_and_the_sparse_norm():
    def path_of(**settings):
        asked = sd.Promote(sd.SE(2), penalty=sd.NuclearNorm(**settings), levels=6)
        return sd.promotion(hopf(80, 0.05), asked, **COMMON).path

    plain, dual, sparse = path_of(), path_of(solver="dual"), path_of(sparsity=3.0)
    size = np.abs(plain.coefficients).max()
    assert np.allclose(plain.weights, dual.weights)
    assert np.abs(plain.coefficients - dual.coefficients).max() < 1e-2 * size
    assert not np.array_equal(plain.coefficients, dual.coefficients)
    assert np.sum(np.abs(sparse.coefficients) < 1e-6) > np.sum(np.abs(plain.coefficients) < 1e-6) + 10


def test_a_symmetry_that_the_data_contradict_is_given_up():
    law = sd.identify(hopf(80, 0.05, epsilon=0.5), promote=sd.SE(2), **COMMON)
    assert law.settings.action is None
    assert any("none of 3 candidate symmetries is kept" in stage for stage in law.stages)
    assert any(stage.strip().startswith("broken: x_x d/dx_y - x_y d/dx_x") for stage in law.stages)


def test_a_known_symmetry_is_enforced_and_another_one_promoted():
    """An isotropic oscillator with friction: rotations are known, and the scaling of positions is found."""
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 60, 2))
    rate = -x - 0.3 * v + 0.1 * rng.normal(size=x.shape)
    data = {"time": np.arange(60.0), "x": x, "v": v, "rate": rate}
    turn, grow = (g.acting_on(x=sd.Vector, v=sd.Vector) for g in (sd.SO(2), sd.Scaling()))
    found = sd.promotion(data, grow, action=turn, library=sd.Monomials(3), rates={"x": "v", "v": "rate"}, rate_of="v")
    assert found.kept is not None
    assert found.law.stats.free == 4  # x and v, each along itself and turned
    assert found.plain.stats.free > 4
    assert np.abs(found.law.coefficients[found.law.model.terms.names.index("x_x"), 0] + 1) < 0.1


def test_fewer_rows_than_coefficients():
    """Nine noisy samples for twenty coefficients: the rotation is kept, and the law predicts where none of them is."""
    data = hopf(9, 0.02)
    law = sd.identify(data, promote=sd.SO(2), **COMMON)
    assert law.stats.free == 4
    fresh = hopf(200, 0.0, seed=5)
    with double_precision():
        predicted = np.asarray(jax.vmap(lambda x: law.model(0.0, x))(jnp.asarray(fresh["x"])))
    assert np.sqrt(np.mean((predicted - fresh["dx"]) ** 2)) < 0.1


def test_noisy_states_go_through_the_weak_form():
    rng = np.random.default_rng(0)
    times, runs = np.arange(0, 8, 0.02), []
    for angle, r in ((0.0, 0.3), (2.0, 1.6), (4.0, 0.6)):  # the normal form has its solution in polar coordinates
        radius = r / np.sqrt(r**2 + (1 - r**2) * np.exp(-2 * times))
        runs.append(np.stack([radius * np.cos(times + angle), radius * np.sin(times + angle)], -1))
    states = np.array(runs) + 0.02 * rng.normal(size=(3, len(times), 2))
    law = sd.identify(
        {"time": times, "x": states}, library=sd.Monomials(3), promote=sd.GL(2), differentiation=sd.WeakForm()
    )
    assert any("promotion: kept R, acting as rotations" in stage for stage in law.stages)
    assert law.stats.free == 4


def test_generators_are_rounded_to_readable_ones():
    basis = np.array([[0.02, 1.01, -0.99, -0.01]])
    assert rounded(basis, 0.1).tolist() == [[0.0, 1.0, -1.0, 0.0]]
    kept = rounded(basis, 0.0)[0]
    assert np.allclose(kept / kept[1], basis[0] / basis[0, 1])


def test_a_symmetry_needs_fewer_samples_than_there_are_terms():
    turn = sd.SO(2).acting_on(x=sd.Vector)
    law = sd.identify(hopf(6, 0.001), action=turn, **COMMON)
    assert abs(law.coefficients[law.model.terms.names.index("x_x"), 0] - 1) < 0.05
    with pytest.raises(sd.InputError, match="6 equations cannot fix the 8 coefficients that the symmetry leaves free"):
        sd.identify(hopf(3, 0.001), action=turn, **{**COMMON, "library": sd.Monomials(7)})
    with pytest.raises(sd.InputError, match="6 rows cannot fix 10 terms"):
        sd.identify(hopf(6, 0.001), **COMMON)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"promote": sd.SO(2), "symmetry": "auto"}, "not both"),
        ({"promote": sd.SO(2), "library": "auto"}, "name one"),
        ({"promote": "rotations"}, "candidates are a group"),
        ({"promote": sd.SO(3)}, "moves 3 coordinates"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(sd.InputError, match=message):
        sd.identify(hopf(30, 0.05), **{**COMMON, **change})


def test_settings_are_checked():
    with pytest.raises(sd.InputError, match="penalty must be"):
        sd.Promote(sd.SO(2), penalty="nuclear")
    with pytest.raises(sd.InputError, match="levels must be an integer of at least 2, got 1"):
        sd.Promote(sd.SO(2), levels=1)
