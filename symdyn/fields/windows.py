r"""Windows along the axes of a grid, and the kernels that a separable bump gives them.

The test function is a product of bumps $\phi(s) = (1 - s^2)^q$, one for each axis. Derivatives are moved onto it axis
by axis, so that the mean of a derivative over a window is one product with a banded matrix for each axis,

$$M^k_{r i} = (-1)^k \phi^{(k)}(x_i - c_r) h / \int \phi,$$

on a sphere with the terms of the metric: by partial integration over the area $a^2 \cos\phi \, d\phi \, d\lambda$.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from symdyn._errors import InputError
from symdyn.data.weak import bump_kernels
from symdyn.fields.axes import crosses
from symdyn.fields.grid import Grid

FINE = 20  # samples of a half width from which on bumps of order 8 are resolved
SHORTEST = 2  # samples of the smallest half width


@dataclass(frozen=True, eq=False)
class AxisWindows:
    """The windows along one axis.

    `half`: samples from the centre to the end; `q`: order of the bump; `members` (w, 2 half + 1): indices of the
    samples, wrapped; `offsets`: their coordinates, not wrapped; `n`: samples of the axis.
    """

    half: int
    q: int
    members: np.ndarray
    offsets: np.ndarray
    n: int

    @property
    def centres(self) -> np.ndarray:
        """Coordinates of the centres, (w,)."""
        return self.offsets[:, self.half]

    @property
    def size(self) -> int:
        return len(self.members)

    def kernel(self, order: int) -> np.ndarray:
        """Kernels (w, k) of the mean of the derivative of `order`: exact for t^order with few samples too."""
        if order == 0:
            return bump_kernels(self.offsets, self.q, 1)[0]
        return bump_kernels(self.offsets, self.q, order)[1]


def axis_windows(grid: Grid, number: int, half: int, stride: int, q: int | None, highest: int) -> AxisWindows:
    """Windows every `stride` samples along an axis of a grid; `highest`: the highest derivative that they take.

    Windows on a sphere end before the poles; none reaches across a gap. Raises InputError where none fits.
    """
    axis = grid.axes[number]
    points, n = axis.points, axis.size
    rows = np.arange(n)
    if number == grid.latitude and grid.sphere is not None:
        rows = rows[~grid.sphere.poles]
    if axis.period is not None:
        if 2 * half + 1 > n:
            raise InputError(f"half_width = {half} along {axis.name!r}: the window is longer than the period, {n}")
        centres = np.arange(0, n, stride)
    else:
        centres = np.arange(rows[0] + half, rows[-1] - half + 1, stride)
    if half < SHORTEST or not len(centres):
        raise InputError(
            f"no window of half width {half} fits on the {len(rows)} samples along {axis.name!r}; a half width is at "
            f"least {SHORTEST} and at most {(len(rows) - 1) // 2}"
        )
    members = centres[:, None] + np.arange(-half, half + 1)
    if axis.period is None:
        members = members[~crosses(axis, members)]
        if not len(members):
            raise InputError(f"all windows of half width {half} reach across gaps between the samples of {axis.name!r}")
    laps, members = np.divmod(members, n)
    offsets = points[members] + laps * (axis.period or 0.0)
    # the quadrature of high derivatives of blunt bumps is what biases clean data
    least = max(highest + (5 if highest > 2 else 3), 2 * highest + 1)
    order = max(8 if half >= FINE else 5, least) if q is None else q
    return AxisWindows(half, order, members, offsets, n)


@dataclass(frozen=True)
class Key:
    """Which kernel an axis gives to a part of a term: the orders of the derivative by all coordinates of space."""

    order: int
    east: int = 0  # on latitudes: how often the part is differentiated eastward, each time with 1 / cos
    metric: bool = False  # whether by distance and in the form of a flux, or by the plain coordinate

    def __lt__(self, other: Key) -> bool:
        return (self.order, self.east, self.metric) < (other.order, other.east, other.metric)


def keys(grid: Grid, time: int, orders: tuple[int, ...], metric: bool) -> tuple[Key, ...]:
    """The kernels of all axes for a derivative of order `time` by time and `orders` by the axes of space."""
    out = [] if grid.time is None else [Key(time)]
    first = len(out)
    for k, order in enumerate(orders):
        latitude = grid.latitude is not None and first + k == grid.latitude
        longitude = grid.latitude is not None and first + k == grid.latitude + 1
        curved = metric and (latitude or longitude)
        out.append(Key(order, orders[k + 1] if curved and latitude else 0, curved))
    return tuple(out)


def axis_kernel(grid: Grid, number: int, windows: AxisWindows, key: Key) -> np.ndarray:
    r"""The kernel (w, k) of one axis.

    On latitudes, with the weight $\cos\phi$: of plain derivatives $(-1)^i \partial_\phi^i (\phi_w \cos\phi)$; of fluxes
    $D_e = \partial_\lambda / (a \cos\phi)$, $D_n = \partial_\phi (\cos\phi \, \cdot) / (a \cos\phi)$ in the order
    $D_n^i D_e^j$ the adjoint is $(-1)^{i + j} \phi_w^{(i)} \cos^{1 - j}\phi / a^{i + j}$.
    """
    kernel = windows.kernel(key.order)
    sphere = grid.sphere
    if sphere is None or grid.latitude is None or number not in (grid.latitude, grid.latitude + 1):
        return kernel
    if number == grid.latitude + 1:
        return kernel / sphere.radius**key.order if key.metric else kernel
    cosine = np.cos(windows.offsets)
    if key.metric:
        kernel = kernel * cosine ** (1.0 - key.east) / sphere.radius**key.order
    else:  # (-1)^i (phi cos)^(i) by the rule of Leibniz; cos^(k) = cos(. + k pi / 2)
        kernel = sum(
            (
                comb(key.order, s) * (-1) ** (key.order - s) * np.cos(windows.offsets + (key.order - s) * np.pi / 2)
                * windows.kernel(s)
                for s in range(key.order + 1)
            ),
            np.zeros_like(kernel),
        )  # fmt: skip
    return kernel / (windows.kernel(0) * cosine).sum(axis=1, keepdims=True)


def dense(kernel: np.ndarray, members: np.ndarray, start: int, length: int) -> np.ndarray:
    """Kernels (w, k) as a matrix (w, length) on the samples from `start` on."""
    out = np.zeros((len(kernel), length))
    np.add.at(out, (np.arange(len(kernel))[:, None], members - start), kernel)
    return out
