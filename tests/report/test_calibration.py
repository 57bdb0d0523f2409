"""Figures of tests over repeats hold the curves that they say."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from symdyn.report import calibration, detection


def test_calibration_draws_the_share_below_each_level():
    ax = Figure().subplots()
    calibration(ax, {"uniform": np.linspace(0, 1, 1001), "cautious": np.linspace(0.5, 1, 500)})
    uniform, cautious = ax.lines[1:]
    at = np.asarray(uniform.get_xdata())
    assert np.asarray(uniform.get_ydata()) == pytest.approx(at, abs=2e-3)
    assert not np.asarray(cautious.get_ydata())[at < 0.5].any()
    assert len(ax.get_legend().get_texts()) == 3


def test_detection_draws_a_curve_for_each_way():
    ax = Figure().subplots()
    detection(ax, [100, 400], {"one": [0.2, 0.9], "split": [0.1, 0.7]})
    assert [list(line.get_ydata()) for line in ax.lines] == [[0.2, 0.9], [0.1, 0.7]]
