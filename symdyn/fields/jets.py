"""Jets of fields by derivatives at the points of the grid: rows for regressions at points, as trajectories have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.data.checks import require_memory
from symdyn.data.recording import Samples
from symdyn.fields.axes import ACCURACY, ByAxis, by_axis, crosses
from symdyn.fields.collection import Fields
from symdyn.fields.grid import along
from symdyn.fields.sphere_operators import SphereOperators
from symdyn.groups.jets import jet_of

FIELDS_AT_ONCE = 4  # one, its derivatives by two axes, and the copy that these are made of
HIGHEST = np.radians(89.0)  # rows closer to a pole have no weight: coordinates are singular there


@dataclass(frozen=True)
class JetDerivatives:
    """How derivatives are taken at the points of a grid.

    Parameters
    ----------
    accuracy: the order of the error of finite differences, on axes with ends and in time.
    half_width: samples on either side of local least squares in place of differences and Fourier series, for noisy
        data; 0 for none. One number, or by the name of the axis.
    margin: whether points count whose stencils are one-sided, next to the ends of an axis.

    Raises InputError for values out of range.
    """

    accuracy: int = ACCURACY
    half_width: int | ByAxis = 0
    margin: bool = False

    def __post_init__(self):
        object.__setattr__(self, "half_width", by_axis(self.half_width))
        widths = [self.half_width] if isinstance(self.half_width, int) else [n for _, n in self.half_width]
        if self.accuracy < 1 or min(widths, default=0) < 0:
            raise InputError(
                f"accuracy is at least 1 and half_width at least 0, got {self.accuracy!r} and {self.half_width!r}"
            )

    def half(self, name: str) -> int:
        """The half width along an axis."""
        return self.half_width if isinstance(self.half_width, int) else dict(self.half_width).get(name, 0)


def jets(
    fields: Fields,
    *,
    order: int = 2,
    rate_of: str | tuple[str, ...] | None = None,
    time_order: int = 1,
    derivatives: JetDerivatives | None = None,
    every: int | Mapping[str, int] = 1,
) -> Samples:
    """Samples of the jets of fields, (time, coordinates, u, u_x, ...), with the rates of fields as targets.

    On a sphere the derivatives are the plain ones by latitude and longitude in radians, over the poles where the grid
    goes around them (the sign of a component of `fields.vectors` changes there); rows beyond 89 degrees have no weight.

    Parameters
    ----------
    fields: the data; held in memory with all derivatives: 8 bytes times the points taken times the numbers of a jet,
        and about four whole fields.
    order: the highest derivative by space.
    rate_of: the fields whose rates are the targets, all by default.
    time_order: which derivative by time; 0 for the fields themselves, which needs no time.
    derivatives: how they are taken.
    every: every how many samples along each axis a jet is taken; by the name of the axis, or one number for all.

    The weights are those of the quadrature (the cosine of latitude on a sphere), with the mean 1; they are 0 where a
    stencil touches a missing value or reaches across a gap, and where it is one-sided.

    Raises InputError for a grid without time, unknown names, axes with too few points, and jets that do not fit the
    memory.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t, x = np.linspace(0.0, 1.0, 30), 2 * np.pi / 32 * np.arange(32)
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 32),), time=sd.Box("t", t))
    >>> wave = sd.jets(sd.Fields.of(grid, u=np.sin(x - t[:, None])), order=1)
    >>> wave.space.names, bool(np.allclose(wave.targets, -wave.states[:, [3]], atol=1e-6))
    (('t', 'x', 'u', 'u_x'), True)
    """
    if fields.grid.time is None and time_order:
        raise InputError(
            "jets with rates need fields on a grid with a time; this one has " + ", ".join(fields.grid.names)
        )
    how = derivatives or JetDerivatives()
    space = fields.jet_space(order)
    pick = tuple(slice(None, None, step) for step in along(fields.grid, by_axis(every)))
    points = prod(len(range(n)[some]) for n, some in zip(fields.grid.shape, pick, strict=True))
    require_memory(
        FIELDS_AT_ONCE * prod(fields.grid.shape) + points * (space.size + 2), "the jets",
        "take fewer with every=, or the weak form (FieldWeakForm), which reads block by block",
    )  # fmt: skip
    names = (rate_of,) if isinstance(rate_of, str) else tuple(rate_of or fields.space.names)
    places = fields.space.indices(names)
    states, clear = _states(fields, space, how, pick)
    still = (0,) * len(fields.grid.space_axes)
    rates = [_partial(fields, int(c), (time_order, *still), how)[pick] for c in places]
    targets = np.stack([rate.ravel() for rate in rates], axis=1)
    weights = _weights(fields, how, order, time_order)[pick].ravel() * clear
    live = np.isfinite(targets).all(axis=1) & (weights > 0)
    weights = np.where(live, weights, 0.0)
    targets = np.where(np.isfinite(targets), targets, 0.0)
    if live.any():
        weights = weights / weights[live].mean()
    return Samples(space, space.select(names), states, targets, weights, (len(states),), ("0",))


def _states(fields: Fields, space: StateSpace, how: JetDerivatives, pick) -> tuple[np.ndarray, np.ndarray]:
    """Jets (m, n) at the chosen points, and whether all their values are there, (m,)."""
    grid = fields.grid
    shape = np.empty(grid.shape, bool)[pick].shape
    out = np.empty((int(np.prod(shape)), space.size))
    for number, axis in enumerate(grid.axes):
        points = axis.points[pick[number]].reshape([-1 if k == number else 1 for k in range(len(shape))])
        out[:, space.indices((axis.name,))[0]] = np.broadcast_to(points, shape).ravel()
    for orders, columns in jet_of(space).columns.items():
        for c, column in enumerate(columns):
            out[:, column] = _partial(fields, c, (0, *orders), how)[pick].ravel()
    clear = np.asarray(np.isfinite(out).all(axis=1))
    return np.where(clear[:, None], out, 0.0), clear.astype(float)


def _partial(fields: Fields, component: int, orders: tuple[int, ...], how: JetDerivatives) -> np.ndarray:
    """A derivative of one component by the time, if there is one, and the axes of space."""
    grid, first = fields.grid, _first(fields)
    values = fields.component(fields.component_names[component])
    holes = not np.isfinite(values.sum())
    pair = {name for names in fields.vectors for name in names}
    with double_precision():
        for number, order in enumerate(orders[1 - first :]):
            axis = grid.axes[number]
            half = how.half(axis.name) if number >= first else 0
            if not order and not (half and any(orders)):
                continue
            if number == grid.latitude and grid.sphere is not None and order:
                operators = SphereOperators(grid.sphere, how.accuracy, half)
                moved = np.moveaxis(values, (number, number + 1), (-2, -1))
                moved = operators.partial(moved, latitude=order, vector=fields.component_names[component] in pair)
                values = np.moveaxis(moved, (-2, -1), (number, number + 1))
            else:
                values = np.asarray(
                    axis.derivative(values, order, at=number, accuracy=how.accuracy, half=half, local=holes)
                )
    return values


def _first(fields: Fields) -> int:
    """The number of the first axis of space."""
    return 0 if fields.grid.time is None else 1


def _weights(fields: Fields, how: JetDerivatives, order: int, time_order: int) -> np.ndarray:
    """Weights of the quadrature of space at all points of the grid, 0 where stencils are one-sided."""
    grid, first = fields.grid, _first(fields)
    out = np.broadcast_to(grid.volume, grid.shape).copy()
    sphere = grid.sphere
    for number, axis in enumerate(grid.axes):
        highest = order if number >= first else time_order
        if number == grid.latitude and sphere is not None:
            out *= _shaped(np.abs(sphere.latitude.array) <= HIGHEST, number, out.ndim)
        if axis.period is not None or not highest or how.margin:
            continue
        one_sided = np.zeros(axis.size, bool)
        for each in range(1, highest + 1):
            members = axis.stencil(
                each, accuracy=how.accuracy, half=how.half(axis.name) if number >= first else 0
            ).members
            one_sided |= members[:, members.shape[1] // 2] != np.arange(axis.size)
            one_sided |= crosses(axis, members)
        if number == grid.latitude and sphere is not None:
            middle = axis.size // 2
            one_sided[:middle] &= not sphere.reaches[0]
            one_sided[middle:] &= not sphere.reaches[1]
        out *= _shaped(~one_sided, number, out.ndim)
    return out


def _shaped(mask: np.ndarray, number: int, ndim: int) -> np.ndarray:
    return mask.astype(float).reshape([-1 if k == number else 1 for k in range(ndim)])
