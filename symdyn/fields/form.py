"""How fields are regressed in the weak form: widths and strides of the windows, from the data where nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from symdyn._errors import InputError
from symdyn.data.recording import Trajectory
from symdyn.data.smoothing import Corner, corner
from symdyn.data.weak import MIN_HALF_WIDTH, WIDE, spectral_half_width
from symdyn.fields.axes import ByAxis, by_axis
from symdyn.fields.collection import Fields
from symdyn.fields.grid import Grid, along
from symdyn.fields.plan import Plan

MANY = 2**16  # windows: closer ones are not asked for by default
MIN_SMOOTHING = 4  # samples: quartics and more are fitted
LINES = 24  # lines of the grid that noise and width are judged by, for each axis
SEGMENT = 256  # samples of a line along the first axis: it reaches across the chunks of a file


@dataclass(frozen=True)
class FieldWeakForm:
    """Regress fields in the weak form, on windows in time and space with separable bumps (1 - s^2)^q.

    Parameters
    ----------
    half_width: samples from the centre of a window to its end: one number for all axes, or by the name of the axis. By
        default twice the half width over which local quartics follow the noisy data as well as the noise lets one see;
        without noise half of the period of the spectral peak; at least 12, at most an eighth of the axis.
    q: the order of the bump, at least 5; by default 8 where a half width has 20 samples, else 5, and for derivatives of
        order k along the axis at least k + 3 and 2 k + 1, from the third one on also k + 5.
    stride: samples between the centres of windows, alike given; by default a quarter of the half width, or more where
        there would be more than 65 536 windows.
    smoothing: half width in samples of the local least squares for products that need derivatives of the data; 0 for
        spectral derivatives and differences; by default 0 without noise and the corner of the noise with it.
    drift: the speed at which windows move along a periodic axis, by its name, in the unit of the axis a unit of time
        (radians on a sphere): {"lon": 1e-5}. The law stays that of the fields at rest. For samples in time that are too
        few for what passes by; `Fields.moving` says how.
    unbiased: take from powers of the fields what white noise adds to them on average; exact for normal noise that is
        independent from point to point. By default where the noise is significant along some axis.

    Raises InputError for values out of range.

    Reference: Messenger, Bortz 2021, J. Comput. Phys. 443, 110525.
    """

    half_width: int | ByAxis | None = None
    q: int | None = None
    stride: int | ByAxis | None = None
    smoothing: int | None = None
    unbiased: bool | None = None
    drift: Mapping[str, float] | tuple[tuple[str, float], ...] | None = None

    def __post_init__(self):
        if self.q is not None and self.q < 5:
            raise InputError(f"bumps of order q < 5 bias the law, got q = {self.q!r}")
        if self.drift is not None:
            drift = tuple((str(name), float(speed)) for name, speed in dict(self.drift).items())
            object.__setattr__(self, "drift", drift)
            if len(drift) != 1:
                raise InputError(f"windows drift along one axis, got drift={dict(drift)!r}")
        for name, least in (("half_width", 2), ("stride", 1), ("smoothing", 0)):
            value = by_axis(getattr(self, name))
            object.__setattr__(self, name, value)
            for each in () if value is None else (value,) if isinstance(value, int) else dict(value).values():
                if each < least:
                    raise InputError(f"{name} counts samples and is at least {least}, got {each!r}")


def window_widths(fields: Fields, form: FieldWeakForm, plan: Plan) -> tuple[list[int], int, np.ndarray]:
    """Half widths of the windows of all axes, of the least squares that differentiate, and variances of columns."""
    grid = fields.grid
    asked = along(grid, form.half_width)
    lines = [_lines(fields, n, plan.components) if _wanted(form, plan, asked[n]) else [] for n in range(len(asked))]
    corners = [corner(some, np.zeros(0, int)) if some and len(some[0].times) >= 16 else None for some in lines]
    halves = [
        _half(axis.size, found, some) if own is None else own
        for own, axis, found, some in zip(asked, grid.axes, corners, lines, strict=True)
    ]
    noisy = [found for found in corners if found is not None]
    smoothing = form.smoothing
    if smoothing is None:
        smoothing = max(min(found.half for found in noisy), MIN_SMOOTHING) if noisy and _inner(plan) else 0
    variance = np.zeros(len(plan.components))
    if noisy and form.unbiased is not False:  # the axis along which the samples resolve the fields best says the noise
        levels = [np.where(found.level.significant, found.level.sigma, np.inf) for found in noisy]
        sigma = np.min(levels, axis=0)
        variance = np.where(np.isfinite(sigma), sigma, 0.0) ** 2
    place = {c: k for k, c in enumerate(plan.components)}
    own = [0.0 if orders is None or any(orders) else variance[place[c]] for c, orders in plan.columns]
    return halves, smoothing, np.array(own)


def _inner(plan: Plan) -> bool:
    """Whether derivatives of the data are needed."""
    return any(orders is not None and any(orders) for _, orders in plan.columns)


def _wanted(form: FieldWeakForm, plan: Plan, own: int | None) -> bool:
    """Whether the noise along an axis must be looked at: it draws linear terms towards zero as well as powers."""
    return own is None or (form.smoothing is None and _inner(plan)) or form.unbiased is not False


def _half(n: int, found: Corner | None, lines: list[Trajectory]) -> int:
    """The half width of windows along an axis of n samples, by its corner or by the spectral peak of the lines."""
    if not lines:
        raise InputError("more than half of the values are missing on all lines that were looked at; give half_width")
    wide = WIDE * found.half if found is not None else np.median([spectral_half_width(line) for line in lines])
    half = int(np.clip(wide, MIN_HALF_WIDTH, max(n // 8, MIN_HALF_WIDTH)))
    return max(min(half, (n - 3) // 2), 2) if n < 4 * MIN_HALF_WIDTH else half


def _lines(fields: Fields, number: int, components: tuple[int, ...]) -> list[Trajectory]:
    """Some lines of the grid along an axis as runs: values (n, c), those with few missing ones."""
    shape, rest = fields.grid.shape, [n for n in range(len(fields.grid.shape)) if n != number]
    rng = np.random.default_rng(0)
    places = rng.integers(0, [max(shape[n], 1) for n in rest], size=(LINES, len(rest)))
    points = np.asarray(fields.grid.axes[number].points)
    rising = points if points[-1] > points[0] else -points
    lines = []
    for place in places:
        index: list = [slice(None)] * len(shape)
        for n, k in zip(rest, place, strict=True):
            index[n] = int(k)
        here = rising
        if number == 0 and len(rising) > SEGMENT:
            start = int(rng.integers(0, len(rising) - SEGMENT))
            index[0] = slice(start, start + SEGMENT)
            here = rising[index[0]]
        values = np.stack([np.asarray(fields.values[c][tuple(index)], np.float64) for c in components], axis=1)
        live = np.asarray(np.isfinite(values).all(axis=1))
        if live.sum() >= max(live.size // 2, 4):
            lines.append(Trajectory("line", here, np.where(live[:, None], values, 0.0), None, live.astype(float)))
    return lines


def window_strides(grid: Grid, form: FieldWeakForm, halves: list[int]) -> list[int]:
    """Samples between the centres of windows along each axis."""
    given = along(grid, form.stride)
    out: list[int] = []
    for share in (4, 3, 2, 1):
        out = [own or max(1, half // share) for own, half in zip(given, halves, strict=True)]
        if prod(max(n // s, 1) for n, s in zip(grid.shape, out, strict=True)) <= MANY:
            break
    return out
