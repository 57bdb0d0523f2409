"""Values of fields shifted along an axis: in the course of time, or by a half of a step; read when they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.fields.grid import Grid

WHOLE = 1e-9  # samples: a shift by a whole number of them is no interpolation


@dataclass(frozen=True, eq=False)
class MovedValues:
    """An array (t, ...) whose row n is shifted along a periodic axis by `shifts[n]` samples: values at x + shift."""

    values: Any
    axis: int
    shifts: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def __getitem__(self, index) -> np.ndarray:
        index = index if isinstance(index, tuple) else (index,)
        first, rest = index[0], index[1:]
        rows = np.atleast_1d(np.arange(self.shape[0])[first])
        block = np.asarray(self.values[first], np.float64).reshape(len(rows), *self.shape[1:])
        moved = [shifted(row, self.axis - 1, float(self.shifts[n])) for row, n in zip(block, rows, strict=True)]
        out = np.stack(moved)[(slice(None), *rest)]
        return out if isinstance(first, slice) else out[0]


def moved(grid: Grid, values: tuple[Any, ...], name: str, speed: float) -> tuple[MovedValues, ...]:
    """See `Fields.moving`."""
    number = grid.number(name)
    axis = grid.axes[number]
    if grid.time is None or number == 0:
        raise InputError(f"coordinates move along {name!r} in the course of time; the grid has {', '.join(grid.names)}")
    if axis.period is None:
        raise InputError(f"coordinates move along periodic axes; {name!r} has ends")
    step = (axis.points[-1] - axis.points[0]) / (axis.size - 1)
    shifts = speed * (grid.time.points - grid.time.points[0]) / step
    return tuple(MovedValues(each, number, shifts) for each in values)


def shifted(values: np.ndarray, axis: int, samples: float) -> np.ndarray:
    """Values at places `samples` further along a periodic axis, by the trigonometric interpolant."""
    whole = round(samples)
    if abs(samples - whole) < WHOLE:
        return np.roll(values, -whole, axis)
    if not np.isfinite(values).all():
        raise InputError(
            "missing values cannot be interpolated along a periodic axis; choose a speed of whole samples a step, or "
            "fill them"
        )
    n = values.shape[axis]
    turn = np.exp(2j * np.pi / n * samples * np.arange(n // 2 + 1))
    if n % 2 == 0:
        turn[-1] = np.cos(np.pi * samples)  # the highest wave has no phase
    shape = [-1 if k == axis else 1 for k in range(values.ndim)]
    return np.fft.irfft(np.fft.rfft(values, axis=axis) * turn.reshape(shape), n=n, axis=axis)
