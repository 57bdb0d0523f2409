"""Figures of symmetries, on axes of the caller: the spectrum of defects, and generators as arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from symdyn._errors import InputError
from symdyn.report.style import BLUE, VERMILLION, tidy
from symdyn.symmetry.discovery.result import Symmetries, Symmetry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-17  # where defects that are zero are drawn


def symmetry_spectrum(ax: Axes, found: Symmetries, *, intervals: np.ndarray | None = None) -> None:
    """The defects of all candidates on a logarithmic scale, with the tolerance: kept ones filled, broken ones hollow.

    Parameters
    ----------
    intervals: lower and upper ends of the defects, (candidates, 2), drawn as bars.

    Raises InputError for intervals of another number.
    """
    values = np.maximum(np.asarray(found.spectrum, float), FLOOR)
    kept = np.asarray(found.spectrum) <= found.tolerance
    number = np.arange(1, len(values) + 1)
    if intervals is not None:
        ends = np.maximum(np.asarray(intervals, float), FLOOR)
        if ends.shape != (len(values), 2):
            raise InputError(f"{len(values)} defects need intervals of shape ({len(values)}, 2), got {ends.shape}")
        ax.vlines(number, ends[:, 0], ends[:, 1], color="0.6", linewidth=1.2)
    ax.plot(number[kept], values[kept], "o", color=BLUE, markersize=5, label="kept")
    ax.plot(number[~kept], values[~kept], "o", color=VERMILLION, mfc="white", markersize=5, label="broken")
    ax.axhline(found.tolerance, color="0.4", linestyle="--", linewidth=1, label="tolerance")
    ax.set_yscale("log")
    tidy(ax, "candidate", "scale-free defect", f"{int(kept.sum())} of {len(values)} candidates are symmetries")
    ax.legend(fontsize=8, frameon=False)


def generator_arrows(
    ax: Axes,
    symmetry: Symmetry,
    plane: Sequence[str],
    *,
    low: Sequence[float] = (-1.0, -1.0),
    high: Sequence[float] = (1.0, 1.0),
    at: dict[str, float] | None = None,
    count: int = 13,
) -> None:
    """A generator as arrows in the plane of two components.

    Parameters
    ----------
    plane: the names of the two components.
    low, high: the corners of the part of the plane, in the units of the components.
    at: values of the other components; 0 by default.
    count: arrows along each axis.

    Raises InputError for a component that the generator's space lacks.
    """
    names = symmetry.space.component_names
    for name in (*plane, *(at or {})):
        if name not in names:
            raise InputError(f"the generator lives on {', '.join(names)}; it has no component {name!r}")
    i, j = (names.index(name) for name in plane)
    across, up = np.meshgrid(*(np.linspace(a, b, count) for a, b in zip(low, high, strict=True)))
    points = np.zeros((across.size, len(names)))
    for name, value in (at or {}).items():
        points[:, names.index(name)] = value
    points[:, i], points[:, j] = across.ravel(), up.ravel()
    arrows = np.array([np.asarray(symmetry(x)) for x in points])
    ax.quiver(points[:, i], points[:, j], arrows[:, i], arrows[:, j], color=BLUE, angles="xy", width=0.004)
    tidy(ax, plane[0], plane[1], str(symmetry))
