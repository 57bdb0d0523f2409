"""A network as a law: simulated, asked for symmetries, scaled without losing them, saved and read."""

import json
import zipfile

import equinox as eqx
import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.testing import assert_equivariant

SPACE = sd.StateSpace.of(position=2, velocity=2)
TURN = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)


@pytest.fixture(scope="module")
def law():
    made = sd.NeuralLaw.of(SPACE, TURN, (3,), kinematics={"position": "velocity"}, key=jax.random.key(0))
    states = np.random.default_rng(0).normal(size=(20, 4)) * [1.0, 1.0, 50.0, 50.0]
    return made.scaled(states, 7.0 * states[:, :2])


def test_a_law_knows_what_it_models(law):
    assert law.targets == ("velocity",)
    assert law.parameters == sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(law, eqx.is_inexact_array)))
    assert law.scale[2] > 30 > 3 > law.scale[0]
    assert law.scale[0] == law.scale[1]


def test_units_of_the_data_keep_the_symmetry(law):
    assert_equivariant(law.rate, TURN, SPACE, "velocity", rtol=1e-5, samples=2)


def test_variables_that_an_action_mixes_share_their_size():
    swap = sd.Action.affine({("q", "p"): np.eye(2), ("p", "q"): -np.eye(2)})
    made = sd.NeuralLaw.of(sd.StateSpace.of(q=2, p=2), swap, (2,), key=jax.random.key(0))
    states = np.random.default_rng(0).normal(size=(20, 4)) * [1.0, 1.0, 9.0, 9.0]
    assert len(set(made.scaled(states, states).scale.array.tolist())) == 1


def test_simulation_and_symmetries_of_a_network(law):
    run = sd.simulate(law, np.array([1.0, 0.0, 0.0, 1.0]), np.linspace(0, 0.1, 3), rtol=1e-4)
    assert np.isfinite(run.position).all()
    found = sd.find_symmetries(law, candidates=TURN, tolerance=1e-4, discrete=False)
    assert len(found.generators) == 1


def test_a_file_gives_the_same_law(law, tmp_path):
    law.save(tmp_path / "law.zip")
    again = sd.load_law(tmp_path / "law.zip")
    same = jax.tree.map(lambda a, b: bool((a == b).all()), *(eqx.filter(m, eqx.is_array) for m in (law, again)))
    assert all(jax.tree.leaves(same))
    assert again.scale == law.scale
    assert again.kinematics == law.kinematics
    assert list(tmp_path.iterdir()) == [tmp_path / "law.zip"]


def rewritten(path, change):
    """The file with its document changed."""
    with zipfile.ZipFile(path) as archive:
        document, arrays = json.loads(archive.read("document.json")), archive.read("arrays.npz")
    change(document)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("document.json", json.dumps(document))
        archive.writestr("arrays.npz", arrays)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.update(version=9), "version 9"),
        (lambda d: d.update(format="other"), "'other'"),
        (lambda d: d.update(widths=[4]), "damaged"),
        (lambda d: d.pop("space"), "damaged"),
        (lambda d: d["rate_scale"].update(value=[1.0, 1.0]), "other rates"),
    ],
)
def test_files_that_are_not_what_was_written_are_refused(tmp_path, change, text):
    path = tmp_path / "law.zip"
    plain = sd.NeuralLaw.of(sd.StateSpace.of(x=2), None, (3,), key=jax.random.key(0))
    plain.scaled(np.ones((3, 2)), 9 * np.ones((3, 2))).save(path)
    rewritten(path, change)
    with pytest.raises(sd.InputError, match=text):
        sd.load_law(path)


def test_files_hold_no_code(tmp_path, law):
    own = sd.NeuralLaw(network=lambda x: -x, space=sd.StateSpace.of(x=2), targets=("x",))
    with pytest.raises(sd.InputError, match="no code"):
        own.save(tmp_path / "law.zip")
    with pytest.raises(sd.InputError, match="no such file"):
        sd.load_law(tmp_path / "absent.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(sd.InputError, match="damaged"):
        sd.load_law(tmp_path / "text.zip")
    with pytest.raises(sd.InputError, match="does not exist"):
        law.save(tmp_path / "absent" / "law.zip")
    with pytest.raises(sd.InputError, match="recipe"):
        own.redrawn(jax.random.key(0))


def test_wrong_descriptions_are_refused():
    with pytest.raises(sd.InputError, match="unknown variable"):
        sd.NeuralLaw.of(SPACE, None, (3,), kinematics={"position": "speed"}, key=jax.random.key(0))
    with pytest.raises(sd.InputError, match="numbers of units"):
        sd.NeuralLaw.of(SPACE, None, (sd.Vector,), key=jax.random.key(0))
