"""A grid: ordered axes in space, a sphere among them perhaps, and the time before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.fields.axes import ACCURACY, AbstractAxis, ByAxis
from symdyn.fields.sphere import Sphere


def along(grid: Grid, value: int | ByAxis | None) -> list[int | None]:
    """A setting for each axis of a grid, None where it is not said. Raises InputError for a name that is no axis."""
    if value is None or isinstance(value, int):
        return [value] * len(grid.axes)
    for name, _ in value:
        grid.number(name)
    return [dict(value).get(name) for name in grid.names]


@dataclass(frozen=True)
class Grid:
    """Axes in the order of the array's: the time first where there is one, then those of space.

    Parameters
    ----------
    space: `Periodic` and `Box` axes, and at most one `Sphere`, which stands for (latitude, longitude).
    time: the axis of time, or None.

    Raises InputError for a grid without axes, for two spheres and for names that occur twice.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 1.0, 64),), time=sd.Box("t", np.linspace(0.0, 1.0, 11)))
    >>> grid.names, grid.shape
    (('t', 'x'), (11, 64))
    """

    space: tuple[AbstractAxis | Sphere, ...]
    time: AbstractAxis | None = None

    def __post_init__(self):
        object.__setattr__(self, "space", tuple(self.space))
        if not self.axes:
            raise InputError("a grid needs an axis")
        if sum(isinstance(part, Sphere) for part in self.space) > 1:
            raise InputError("a grid has at most one sphere")
        if len(set(self.names)) != len(self.names):
            raise InputError(f"the axes of a grid need different names, got {', '.join(self.names)}")

    @cached_property
    def space_axes(self) -> tuple[AbstractAxis, ...]:
        """The axes of space, those of the sphere in radians."""
        return tuple(a for part in self.space for a in (part.axes if isinstance(part, Sphere) else (part,)))

    @cached_property
    def axes(self) -> tuple[AbstractAxis, ...]:
        """All axes, the time first."""
        return (*(() if self.time is None else (self.time,)), *self.space_axes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    @cached_property
    def units(self) -> tuple[str, ...]:
        return tuple(axis.unit for axis in self.axes)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in self.axes)

    @cached_property
    def sphere(self) -> Sphere | None:
        return next((part for part in self.space if isinstance(part, Sphere)), None)

    @cached_property
    def latitude(self) -> int | None:
        """The number of the axis of latitude, None where there is no sphere."""
        return None if self.sphere is None else self.names.index(self.sphere.names[0])

    def number(self, name: str) -> int:
        """The number of an axis. Raises InputError for an unknown name."""
        if name not in self.names:
            raise InputError(f"unknown axis {name!r}; the grid has {', '.join(self.names)}")
        return self.names.index(name)

    def axis_weights(self, number: int) -> np.ndarray:
        """Quadrature weights along one axis, (n,); those of latitude hold the cosine."""
        if number == self.latitude and self.sphere is not None:
            return self.sphere.latitude_weights
        return self.axes[number].weights

    @cached_property
    def volume(self) -> np.ndarray:
        """Quadrature weights of space, of the shape of the axes of space; on the unit sphere where there is one."""
        out, first = np.ones(()), len(self.axes) - len(self.space_axes)
        for number in range(first, len(self.axes)):
            out = out[..., None] * self.axis_weights(number)
        return out

    def derivative(self, values, orders: Mapping[str, int], *, accuracy: int = ACCURACY, half: int = 0) -> np.ndarray:
        """A partial derivative of values (..., *shape) in float64: `orders` by the names of axes.

        Coordinates are those of the axes; on a sphere radians, and nothing is assumed beyond the outermost rows
        (`SphereOperators` knows the poles and the metric). `accuracy`, `half`: see `AbstractAxis.derivative`.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 16),))
        >>> bool(np.allclose(grid.derivative(np.sin(grid.axes[0].points), {"x": 1}), np.cos(grid.axes[0].points)))
        True
        """
        with double_precision():
            out = jnp.asarray(values, jnp.float64)
            for name, order in orders.items():
                number = self.number(name)
                out = self.axes[number].derivative(out, order, at=number - len(self.axes), accuracy=accuracy, half=half)
            return np.asarray(out)
