"""Recognition of symmetry in data: what is found, and how often a true one is rejected."""

import jax
import numpy as np
import pytest

import symdyn as sd
from symdyn.workflow.recognition import _holm

KEY = jax.random.key(0)


def test_a_square_is_told_from_a_circle():
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], (1000, 2)) + 0.3 * rng.normal(size=(1000, 2))
    found = sd.recognise_symmetries(x, [sd.SO(2), sd.Cyclic(4), sd.Cyclic(8), sd.Mirror(2), sd.T(2)], key=KEY)
    assert found.kept == ("turn_1_4", "reflection_x")
    assert found.rejected == ("rotation", "turn_1_8", "translation_x", "translation_y")
    text = str(found)
    assert "not contradicted" in text
    assert "no symmetry" in text
    assert len(text.splitlines()) == 1 + len(found.tests)


def test_a_broken_rotation_is_seen():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(600, 3)) * [1.0, 1.0, 2.5]
    found = sd.recognise_symmetries(x, [sd.SO(3), sd.Parity(3), sd.Permutations(3)], key=KEY)
    assert found.kept == ("rotation_z", "parity", "exchange_1_2")
    assert all(t.effect > t.threshold for t in found.tests if not t.kept)


def test_true_symmetries_are_rejected_at_the_level():
    rng = np.random.default_rng(2)
    p = [
        sd.recognise_symmetries(rng.normal(size=(60, 2)), sd.SO(2), key=jax.random.key(k), permutations=99).tests[0].p
        for k in range(60)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.13
    assert abs(np.mean(p) - 0.5) < 0.12


def test_correlated_rows_need_units():
    rng = np.random.default_rng(3)
    wrong = {True: 0, False: 0}
    for k in range(40):
        runs = rng.normal(size=(24, 1, 2)) + 0.1 * rng.normal(size=(24, 10, 2))
        labels = np.repeat(np.arange(24), 10)
        for known in wrong:
            units = labels if known else None
            data = runs.reshape(-1, 2)
            test = sd.recognise_symmetries(data, sd.Mirror(2), key=jax.random.key(k), units=units, permutations=99)
            wrong[known] += bool(test.rejected)
    assert wrong[True] <= 6
    assert wrong[False] >= 15


def test_actions_move_several_variables():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 2))
    data = np.concatenate([x, x @ [[0.0, 1.0], [-1.0, 0.0]] + 0.1 * rng.normal(size=x.shape)], axis=1)
    space = sd.StateSpace.of(x=2, v=2)
    both = sd.O(2).acting_on(x=sd.Vector, v=sd.Vector)
    found = sd.recognise_symmetries(data, {"turns of both": both}, key=KEY, space=space)
    assert found.kept == ("rotation",)  # the mirror takes left turns to right ones
    one = sd.SO(2).acting_on(x=sd.Vector, v=sd.Scalar)
    with pytest.raises(sd.InputError):
        sd.recognise_symmetries(data, {"x alone": one}, key=KEY)


def test_holm():
    assert np.allclose(_holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_what_is_refused():
    x = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(sd.InputError, match="columns"):
        sd.recognise_symmetries(x, sd.SO(3), key=KEY)
    with pytest.raises(sd.InputError, match="at least 10"):
        sd.recognise_symmetries(x[:6], sd.SO(2), key=KEY)
    with pytest.raises(sd.InputError, match="cannot reject"):
        sd.recognise_symmetries(x, sd.SO(2), key=KEY, permutations=9)
    with pytest.raises(sd.InputError, match="candidate"):
        sd.recognise_symmetries(x, [], key=KEY)
