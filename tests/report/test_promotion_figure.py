"""The figure of a promotion shows its path."""

import matplotlib.pyplot as plt
import numpy as np

import symdyn as sd
from symdyn.report import promotion_path


def test_each_generator_has_a_line_and_a_mark():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (60, 2))
    rates = np.stack([-x[:, 1], x[:, 0]], -1) + x * (1 - (x**2).sum(1, keepdims=True)) + 0.05 * rng.normal(size=(60, 2))
    data = {"time": np.arange(60.0), "x": x, "dx": rates}
    found = sd.promotion(data, sd.SE(2), rates={"x": "dx"}, rate_of="x", library=sd.Monomials(3))
    figure, ax = plt.subplots()
    promotion_path(ax, found)
    lines = [line for line in ax.lines if len(line.get_xdata()) > 1]
    marks = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert (len(lines), len(marks)) == (3, 3)
    assert ax.get_title(loc="left") == "1 of 3 candidate symmetries are kept"
    plt.close(figure)
