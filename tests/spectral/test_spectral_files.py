"""Functions of feature spaces on disk."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import symdyn as sd
from symdyn._errors import InputError

SPACES = [sd.TorusWaves(2, 2, period=3.0), sd.SphereHarmonics(3, 3), sd.HermiteFunctions(2, 3), sd.PowerSums(4, 3)]


def fitted(space) -> sd.SpectralModel:
    x = space.draw(60, seed=1)
    rng = np.random.default_rng(0)
    return sd.fit_invariant(x, np.cos(x).sum(axis=1) + 0.01 * rng.normal(size=len(x)), space=space, group=None)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: type(s).__name__)
def test_a_function_comes_back_as_it_was(space, tmp_path):
    law, x = fitted(space), space.draw(20, seed=2)
    law.save(tmp_path / "law.symdyn")
    back = sd.load_spectral(tmp_path / "law.symdyn")
    np.testing.assert_array_equal(back.predict(x), law.predict(x))
    np.testing.assert_array_equal(back.std(x), law.std(x))
    assert (back.space, back.scalar, back.noise, back.evidence) == (space, law.scalar, law.noise, law.evidence)
    assert back.fixed.dimension == law.fixed.dimension


def test_a_field_and_what_is_not_a_number_come_back(tmp_path):
    space = sd.SphereHarmonics(3, 2)
    x = space.draw(80)
    law = sd.fit_invariant(x, x + 0.1, space=space, group=sd.Permutations(3), output="vector", estimator="moments")
    law.save(tmp_path / "field.symdyn")
    back = sd.load_spectral(tmp_path / "field.symdyn")
    np.testing.assert_array_equal(back.predict(x), law.predict(x))
    assert np.isnan(back.evidence)
    with pytest.raises(InputError, match="tell standard deviations"):
        back.std(x)


def rewritten(path, change) -> None:
    """The file with its document changed."""
    with zipfile.ZipFile(path) as archive:
        document, arrays = json.loads(archive.read("document.json")), archive.read("arrays.npz")
    change(document)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("document.json", json.dumps(document))
        archive.writestr("arrays.npz", arrays)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(space="os.system"), "unknown features"),
        (lambda d: d["settings"].update(degree=4), "do not belong"),
        (lambda d: d.update(format="symdyn law"), "is not a symdyn spectral model"),
        (lambda d: d.update(version=9), "version 9"),
        (lambda d: d.pop("noise"), "damaged"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, change, said):
    path = tmp_path / "law.symdyn"
    fitted(sd.SphereHarmonics(3, 3)).save(path)
    rewritten(path, change)
    with pytest.raises(InputError, match=said):
        sd.load_spectral(path)


def test_features_that_come_out_differently_are_noticed(tmp_path):
    path = tmp_path / "law.symdyn"
    fitted(sd.TorusWaves(1, 4)).save(path)
    rewritten(path, lambda d: d["settings"].update(period=2.0))
    with pytest.raises(InputError, match="has other values here"):
        sd.load_spectral(path)


def test_own_features_cannot_be_saved(tmp_path):
    points = np.random.default_rng(0).normal(size=(20, 2))
    law = sd.fit_invariant(
        points, points[:, 0], space=sd.OwnFeatures(lambda x: x, points), group=None
    )  # fmt: skip
    with pytest.raises(InputError, match="holds no Python code"):
        law.save(tmp_path / "law.symdyn")
    assert not (tmp_path / "law.symdyn").exists()
