"""Figures of symmetries show what was found."""

from __future__ import annotations

import numpy as np
import pytest

import symdyn as sd
from symdyn.report import generator_arrows, symmetry_spectrum

figure = pytest.importorskip("matplotlib.figure")


@pytest.fixture(scope="module")
def hopf():
    return sd.find_symmetries({"x": "x - y - x^3 - x y^2", "y": "x + y - x^2 y - y^3"}, candidates=2)


def axes():
    return figure.Figure().subplots()


def test_the_spectrum_has_a_point_for_each_candidate(hopf):
    ax = axes()
    symmetry_spectrum(ax, hopf, intervals=np.stack([0.9 * hopf.spectrum, 1.1 * hopf.spectrum], axis=1))
    kept, broken, line = ax.lines
    assert len(kept.get_xdata()) == 1
    assert len(kept.get_xdata()) + len(broken.get_xdata()) == len(hopf.spectrum)
    assert line.get_ydata()[0] == hopf.tolerance
    np.testing.assert_allclose(broken.get_ydata(), hopf.spectrum[1:])
    assert ax.get_title(loc="left") == "1 of 12 candidates are symmetries"
    with pytest.raises(sd.InputError, match="12 defects need intervals"):
        symmetry_spectrum(axes(), hopf, intervals=np.zeros((3, 2)))


def test_arrows_are_the_field(hopf):
    ax = axes()
    generator_arrows(ax, hopf.generators[0], ("x", "y"), count=5)
    (arrows,) = ax.collections
    x, y = arrows.get_offsets().T
    u, v = np.asarray(arrows.U), np.asarray(arrows.V)
    np.testing.assert_allclose(u * x + v * y, 0, atol=1e-12)  # a rotation
    assert np.abs(u).max() > 0
    with pytest.raises(sd.InputError, match="no component 'z'"):
        generator_arrows(axes(), hopf.generators[0], ("x", "z"))
