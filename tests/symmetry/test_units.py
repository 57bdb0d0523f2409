"""Units as symmetries, and data without units."""

from fractions import Fraction

import numpy as np
import pytest

import symdyn as sd
from symdyn.symmetry.units import dimensions_of

pytest.importorskip("pint")
TIMES = np.linspace(0.1, 2.0, 300)


def falls(scale=1.0):
    """Falling bodies with drag, v' = g - k v^2, whose g and k differ; `scale` units of length make a metre."""
    runs = []
    for g, k in ((1.6, 0.3), (9.8, 1.1), (9.8, 0.2)):
        v = np.sqrt(g / k) * np.tanh(TIMES * np.sqrt(g * k))
        run = sd.dataset(TIMES, v=v * scale, g=np.full(300, g * scale), k=np.full(300, k / scale), time_unit="s")
        for name, unit in (("v", "m s-1"), ("g", "m s-2"), ("k", "m-1")):
            run[name].attrs["units"] = unit
        runs.append(run)
    return runs


@pytest.mark.parametrize(
    ("unit", "powers"),
    [
        ("km s-1", {"length": 1, "time": -1}),
        ("m/s^2", {"length": 1, "time": -2}),
        ("kg m2 s-2", {"length": 2, "mass": 1, "time": -2}),
        ("m**0.5", {"length": Fraction(1, 2)}),
        ("rad", {}),
    ],
)
def test_units_are_read(unit, powers):
    assert dimensions_of(unit) == powers


def test_homogeneous_terms_only_and_the_law_in_any_unit():
    action = sd.homogeneous(falls()[0])
    law = sd.identify(falls(), inputs=("g", "k"), library=sd.Monomials(3), action=action)
    assert (law.stats.free, law.stats.candidates) == (2, 20)
    assert set(law.active_terms) == {"g", "v^2 k"}
    assert law.coefficient("g", "v")[0] == pytest.approx(1, rel=1e-6)
    feet = sd.identify(falls(3.28), inputs=("g", "k"), library=sd.Monomials(3), action=action)
    np.testing.assert_allclose(feet.coefficients, law.coefficients, rtol=1e-9)


def test_attributes_may_be_corrected_and_must_be_there():
    run = falls()[0]
    del run["k"].attrs["units"]
    with pytest.raises(sd.InputError, match="'k' has no unit"):
        sd.homogeneous(run)
    assert "k=Weight(-1)" in str(sd.homogeneous(run, k="1/m"))
    with pytest.raises(sd.InputError, match="cannot read the unit 'qqq'"):
        sd.homogeneous(run, k="qqq")
    with pytest.raises(sd.InputError, match="units names 'w'"):
        sd.homogeneous(run, k="1/m", w="m")
    with pytest.raises(sd.InputError, match="pure numbers"):
        sd.homogeneous(run, k="1", v="1", g="1", time="1")


def test_scales_are_undone():
    data = sd.open_dataset("lorenz", times=np.arange(0, 10, 0.01), rates=True)
    small, scales = sd.nondimensionalise(data, time_scale=2.0, x=10.0)
    assert float((small.y**2).mean()) == pytest.approx(1)
    np.testing.assert_allclose(small.x_rate, data.x_rate * 2.0 / 10.0)
    back = scales.undo(small)
    for name in ("x", "y", "z", "x_rate", "time"):
        np.testing.assert_allclose(back[name], data[name], rtol=1e-12)


def test_a_dimensionless_law_is_the_same_law():
    data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    small, scales = sd.nondimensionalise(data)
    law, other = sd.identify(data, library=sd.Monomials(3)), sd.identify(small, library=sd.Monomials(3))
    assert law.active_terms == other.active_terms
    expected = (
        law.coefficient("x z", "y")[0] * scales.time * scales.values["x"] * scales.values["z"] / scales.values["y"]
    )
    assert other.coefficient("x z", "y")[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan])
def test_scales_are_positive(scale):
    with pytest.raises(sd.InputError, match="positive number"):
        sd.nondimensionalise(falls()[0], v=scale)
    with pytest.raises(sd.InputError, match="scales names 'w'"):
        sd.nondimensionalise(falls()[0], w=1.0)
