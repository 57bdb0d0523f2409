import json
import zipfile

import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd

T = np.linspace(0, 10, 300)


def laws():
    kepler = sd.make_dataset("kepler", times=T, rates=True)
    turn = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)
    lorenz = sd.make_dataset("lorenz", times=T / 2, rates=True)
    oscillator = sd.make_dataset("harmonic_oscillator", times=T)
    radial = sd.Radial("position", powers=(-3, 0))
    yield "vector", sd.identify(kepler, library=radial, action=turn, rate_of="velocity", weights="relative")
    yield "written", sd.identify(kepler, library=sd.Covariant(["position / |position|^3"]), rate_of="velocity")
    yield "scalar", sd.identify(lorenz, library=sd.Monomials(2))
    yield "sum", sd.identify(lorenz, library=sd.Monomials(1) + sd.Monomials(1) * sd.Monomials(1))
    yield "weak", sd.identify(oscillator[["position"]], library=sd.Monomials(1), order=2, differentiation=sd.WeakForm())
    action = sd.SO(2).acting_on(position=sd.Vector, velocity=sd.Vector)
    equivariants = sd.Equivariants(action, sd.Vector, 3)
    yield "equivariants", sd.identify(oscillator, library=equivariants, rate_of="velocity")
    others = (
        sd.Galilei(1).acting_on(position=sd.Scalar, velocity=sd.Scalar)
        + sd.Cyclic(4).acting_on(position=sd.Spin(1), velocity=sd.Vector * sd.Density(0))
        + sd.Action.polynomial({"still": {"position_x": "0"}})
    )
    yield "polynomial", sd.identify(oscillator, library=sd.Monomials(2), action=others, rate_of="velocity")
    yield "tied", sd.identify(oscillator, library=sd.Monomials(3), action=action, rate_of="velocity")


LAWS = dict(laws())


@pytest.mark.parametrize("name", LAWS)
def test_a_law_comes_back_whole(name, tmp_path):
    law = LAWS[name]
    law.save(tmp_path / "law.symdyn")
    back = sd.load(tmp_path / "law.symdyn")
    assert str(back) == str(law)
    assert back.settings == law.settings
    assert back.stats == law.stats
    np.testing.assert_array_equal(back.coefficients, law.coefficients)
    np.testing.assert_array_equal(back.standard_errors, law.standard_errors)
    x = jnp.linspace(0.5, 1.5, law.model.space.size)
    np.testing.assert_array_equal(back.model.rate(x), law.model.rate(x))
    assert list(tmp_path.iterdir()) == [tmp_path / "law.symdyn"]


def test_a_saved_law_can_be_read_by_whom_the_mask_allows(tmp_path):
    (tmp_path / "plain").touch()
    LAWS["vector"].save(tmp_path / "law.symdyn")
    assert (tmp_path / "law.symdyn").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_holds_json_and_plain_arrays(tmp_path):
    LAWS["vector"].save(tmp_path / "law.symdyn")
    with zipfile.ZipFile(tmp_path / "law.symdyn") as archive:
        assert sorted(archive.namelist()) == ["arrays.npz", "law.json"]
        assert json.loads(archive.read("law.json"))["equations"] == list(LAWS["vector"].equations)


def test_a_law_with_a_users_function_is_not_saved(tmp_path):
    waves = sd.Function(lambda s: jnp.stack([jnp.sin(s["x"])]), names="sin(x)")
    law = sd.identify(sd.dataset(T, x=np.sin(T)), library=waves + sd.Monomials(1))
    with pytest.raises(sd.InputError, match="a file holds no Python code"):
        law.save(tmp_path / "law.symdyn")
    assert not list(tmp_path.iterdir())


def write(path, document):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("law.json", json.dumps(document))
        archive.writestr("arrays.npz", b"nothing")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "is not a symdyn law, or is damaged"),
        (b"PK\x03\x04 broken", "is not a symdyn law, or is damaged"),
        ({"format": "something else"}, "is not a symdyn law"),
        ({"format": "symdyn law", "version": 99}, "is not a symdyn law|update symdyn"),
    ],
)
def test_what_is_no_law_is_refused(tmp_path, content, message):
    path = tmp_path / "law.symdyn"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        write(path, content)
    with pytest.raises(sd.InputError, match=message):
        sd.load(path)


def change(source, target, edit):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        document = json.loads(old.read("law.json"))
        edit(document)
        new.writestr("law.json", json.dumps(document))
        new.writestr("arrays.npz", old.read("arrays.npz"))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.update(version=4), "version 4, and this symdyn reads version 3"),
        (lambda d: d["settings"].update(type="Popen"), "unknown part 'Popen'"),
        (lambda d: d["settings"]["library"].update(shell=True), "damaged"),
        (lambda d: d.pop("subspace"), "damaged"),
        (lambda d: d["subspace"].update(shape=[10**9, 10**9]), "damaged"),
    ],
)
def test_a_changed_file_is_refused(tmp_path, edit, message):
    LAWS["vector"].save(tmp_path / "law.symdyn")
    change(tmp_path / "law.symdyn", tmp_path / "changed.symdyn", edit)
    with pytest.raises(sd.InputError, match=message):
        sd.load(tmp_path / "changed.symdyn")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(sd.InputError, match="nowhere does not exist"):
        LAWS["vector"].save(tmp_path / "nowhere" / "law.symdyn")
