"""The figure of a promotion: singular values of the Lie derivative along the path of its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symdyn._errors import InputError
from symdyn.regress.promoting.chain import Promotion
from symdyn.regress.promoting.path import PenaltyPath
from symdyn.report.style import BLUE, VERMILLION, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-6  # of the largest singular value: where values that are none are drawn


def promotion_path(ax: Axes, found: Promotion | PenaltyPath) -> None:
    """By how much combinations of generators are broken as the weight of the penalty rises, on logarithmic axes.

    Each line is one singular value; lines that fall to the bottom are symmetries that are kept from there on. For a
    `Promotion` those that were enforced in the end are filled circles at the right.

    Raises InputError where all candidates are discrete: they have no path.
    """
    story = found.path if isinstance(found, Promotion) else found
    if story is None:
        raise InputError("there is no path to draw: all candidates are discrete")
    largest = max(float(story.singular_values.max(initial=0.0)), 1e-300)
    sizes = np.maximum(story.singular_values / largest, FLOOR)
    for line in sizes.T:
        ax.plot(story.weights, line, color=BLUE, linewidth=1.3)
    kept = len(found.kept.fields) if isinstance(found, Promotion) and found.kept is not None else 0
    g = sizes.shape[1]
    levels = np.geomspace(2 * FLOOR, 20 * FLOOR, max(kept, 1))
    for k in range(kept):
        ax.plot(story.weights[-1] * 1.4, levels[k], "o", color=BLUE, markersize=5, label="kept" if not k else None)
    for k in range(g - kept):
        ax.plot(
            story.weights[-1] * 1.4, sizes[0, k], "o", color=VERMILLION, mfc="white", markersize=5,
            label=None if k else "broken",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    tidy(ax, "weight of the penalty", "singular value / largest", f"{kept} of {g} candidate symmetries are kept")
    ax.legend(fontsize=8, frameon=False)
