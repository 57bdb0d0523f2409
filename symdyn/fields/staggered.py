"""Variables on staggered grids (Arakawa's B, C, D): brought to the centres of the cells when they are read.

A variable at the faces of cells lies on a dimension of its own, half a step beside that of the centres. The attribute
`c_grid_axis_shift` of a coordinate says so (COMODO conventions, as xgcm reads them), or a keyword. Products of
variables need one grid, so values are interpolated by polynomials through the eight nearest points; where centres lie
beyond the outermost face there is no value (NaN), not an extrapolated one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.fields.axes import check_monotone
from symdyn.fields.stencils import Stencil, fornberg

SHIFT = "c_grid_axis_shift"
POINTS = 8  # of the interpolating polynomials


@dataclass(frozen=True, eq=False)
class Colocated:
    """An array on shifted axes as one on the axes of the centres: `stencils` by the number of the axis, `shape`."""

    values: Any
    stencils: tuple[tuple[int, Stencil], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        out = list(self.values.shape)
        for axis, stencil in self.stencils:
            out[axis] = len(stencil.members)
        return tuple(out)

    @property
    def ndim(self) -> int:
        return len(self.values.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def __getitem__(self, index) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        first, rest = index[0], index[1:]
        if any(axis == 0 for axis, _ in self.stencils) or not isinstance(first, slice):
            first, rest = slice(None), index
        else:
            rest = (slice(None), *rest)
        block = np.asarray(self.values[first], np.float64)
        for axis, stencil in self.stencils:
            block = _applied(stencil, block, axis)
        return block[rest]


def _applied(stencil: Stencil, values: np.ndarray, axis: int) -> np.ndarray:
    moved = np.moveaxis(values, axis, 0)
    shape = (-1, *(1,) * (moved.ndim - 1))
    out = np.zeros((len(stencil.members), *moved.shape[1:]))
    for members, weights in zip(stencil.members.T, stencil.weights.T, strict=True):
        out += weights.reshape(shape) * moved[members]
    return np.moveaxis(out, 0, axis)


def partners(ds, names: Sequence[str], told: Mapping[str, str]) -> dict[str, str]:
    """The dimension of the centres for each shifted dimension, where the variables lie on both.

    `told`: shifted dimensions by those of the centres. Raises InputError for unknown ones, and for a shifted dimension
    whose centres cannot be told.
    """
    used = {str(d) for name in names for d in ds[name].dims}
    known = {str(d) for d in ds.dims}
    out = {}
    for centre, shifted in told.items():
        for dim in (centre, shifted):
            if dim not in known:
                raise InputError(f"staggered names {dim!r}; the data have the dimensions {', '.join(sorted(known))}")
        out[shifted] = centre
    for dim in sorted(used - set(out)):
        if dim not in ds.coords or SHIFT not in ds[dim].attrs:
            continue
        axis = str(ds[dim].attrs.get("axis", ""))
        same = [d for d in sorted(used - {dim}) if d in ds.coords and str(ds[d].attrs.get("axis", "")) == axis != ""]
        centres = [d for d in same if SHIFT not in ds[d].attrs]
        if len(centres) == 1:
            out[dim] = centres[0]
        elif same:
            raise InputError(
                f"{dim!r} is shifted ({SHIFT}) against one of {', '.join(same)}; say which: staggered={{...: {dim!r}}}"
            )
    return {shifted: centre for shifted, centre in out.items() if shifted in used and centre in used}


def interpolation(name: str, points: np.ndarray, centres: np.ndarray, period: float | None) -> Stencil:
    """Weights of the values at `centres` (n,) from those at `points` (k,); missing where centres lie beyond them."""
    check_monotone(name, points)
    rising = points if points[-1] > points[0] else -points
    if period is not None and np.ptp(rising) > abs(period) * (1 - 1e-9):
        rising = rising[:-1]  # the first face is repeated at the end
    k = len(rising)
    width = min(POINTS, k)
    at = centres if points[-1] > points[0] else -centres
    if period is not None:  # as many laps aside as puts each centre behind the first point
        at = rising[0] + np.mod(at - rising[0], abs(period))
    start = np.searchsorted(rising, at, side="right") - width // 2
    if period is None:
        start = np.clip(start, 0, k - width)
    laps, members = np.divmod(start[:, None] + np.arange(width), k)
    offsets = rising[members] + laps * abs(period or 0.0) - at[:, None]
    weights = fornberg(offsets, 0)
    if period is None:
        slack = 1e-9 * np.ptp(rising)
        weights[(at < rising[0] - slack) | (at > rising[-1] + slack)] = np.nan
    return Stencil(members, weights)
