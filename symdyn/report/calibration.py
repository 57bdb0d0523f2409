"""Figures of tests over repeats: whether they err as often as they say, and how often they see what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = (("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"))  # colours of Okabe and Ito


def calibration(ax: Axes, p_values: Mapping[str, np.ndarray], *, title: str = "Calibration") -> None:
    """Draw how often p-values of true null hypotheses fall below each level, beside the level itself.

    On the diagonal a test errs as often as it says; below it is cautious, above it errs more often. The band holds 95 %
    of the curves of an exact test with as many repeats as the smallest sample.

    Parameters
    ----------
    ax: matplotlib axes to draw on.
    p_values: by name, p-values (m,) of repeats in which the null hypothesis holds.
    title: of the axes.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from symdyn.report import calibration
    >>> calibration(Figure().subplots(), {"exact": np.random.default_rng(0).uniform(size=200)})
    """
    from scipy.stats import binom

    levels = np.geomspace(1e-3, 1, 200)
    fewest = min((len(p) for p in p_values.values()), default=1)
    low, high = (binom.ppf(q, fewest, levels) / fewest for q in (0.025, 0.975))
    ax.fill_between(levels, low, high, color="0.88", linewidth=0, label=f"95 % of exact tests, {fewest} repeats")
    ax.plot(levels, levels, color="0.5", linewidth=0.8)
    for (name, p), (colour, line) in zip(p_values.items(), _STYLES * len(p_values), strict=False):
        share = np.searchsorted(np.sort(p), levels, "right") / len(p)
        ax.plot(levels, share, color=colour, linestyle=line, label=f"{name} ({len(p)} repeats)")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(1e-3, 1)
    ax.set_ylim(1e-4, 1)
    _tidy(ax, "level", "share of p-values below it", title)


def detection(
    ax: Axes, sizes: Sequence[int], shares: Mapping[str, Sequence[float]], *, title: str = "Detection"
) -> None:
    """Draw how often true symmetries were supported, over the number of samples.

    Parameters
    ----------
    ax: matplotlib axes to draw on.
    sizes: numbers of samples.
    shares: by name, the shares of repeats, one for each size.
    title: of the axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from symdyn.report import detection
    >>> detection(Figure().subplots(), [100, 400], {"one claim": [0.5, 0.9]})
    """
    for (name, values), (colour, line) in zip(shares.items(), _STYLES * len(shares), strict=False):
        ax.plot(sizes, values, color=colour, linestyle=line, marker="o", markersize=4, label=name)
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.minorticks_off()
    ax.set_ylim(0, 1.02)
    _tidy(ax, "samples", "share supported", title)


def _tidy(ax: Axes, x: str, y: str, title: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title, fontsize=11, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(fontsize=8, frameon=False)
