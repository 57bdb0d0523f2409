"""Fields on a grid: named values by component, in memory or still in a file, with their units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable
from symdyn.data.checks import component_labels, require_floating
from symdyn.data.quantities import plain
from symdyn.fields.coordinates import cf_coordinates
from symdyn.fields.grid import Grid
from symdyn.fields.shifting import moved
from symdyn.fields.units import unit_product


@dataclass(frozen=True, eq=False)
class Fields:
    """Fields on one grid: what the weak form and the jets are made of.

    `grid`; `space`: the variables with their components and units; `values`: for each component an array of the shape
    of the grid, of NumPy or of anything that NumPy can slice (dask, zarr, lazy xarray): it is read block by block;
    missing values are NaN; `vectors`: pairs of names that are the east and north (or x and y) components of a vector;
    `origin`: what time zero is; `provenance`.

    Raises InputError for values that do not fit the grid, integers, and vectors of unknown names.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 1.0, 8),), time=sd.Box("t", np.arange(5.0)))
    >>> sd.Fields.of(grid, u=np.zeros((5, 8)), wind=np.zeros((5, 8, 2))).space.component_names
    ('u', 'wind_x', 'wind_y')
    """

    grid: Grid
    space: StateSpace
    values: tuple[Any, ...]
    vectors: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        names = self.space.component_names
        if len(names) != len(self.values):
            raise InputError(f"{len(names)} components ({', '.join(names)}) but {len(self.values)} arrays of values")
        for name, values in zip(names, self.values, strict=True):
            if tuple(values.shape) != self.grid.shape:
                axes = ", ".join(f"{a}: {n}" for a, n in zip(self.grid.names, self.grid.shape, strict=True))
                raise InputError(f"{name!r} has the shape {tuple(values.shape)}; the grid is ({axes})")
            require_floating(name, np.dtype(values.dtype))
        clash = set(self.grid.names) & set(self.space.names)
        if clash:
            raise InputError(f"{sorted(clash)} name both an axis and a field")
        for pair in self.vectors:
            for name in pair:
                if name not in names:
                    raise InputError(f"the vector {pair} names {name!r}; the fields are {', '.join(names)}")

    @classmethod
    def of(cls, grid: Grid, /, *, units: dict[str, str] | None = None, **variables: Any) -> Fields:
        """Fields from arrays by name: of the shape of the grid, or with one further axis for the components.

        `units`: by name, as CF writes them; quantities of astropy, unxt or pint bring their own.
        """
        space, values = [], []
        for name, given in variables.items():
            given, own = plain(given)
            array = given if hasattr(given, "shape") else np.asarray(given)
            unit = own or (units or {}).get(name, "")
            if array.ndim == len(grid.shape) + 1:
                labels = component_labels(array.shape[-1])
                space.append(Variable(name, ("component",), (labels,), unit))
                values += [array[..., k] for k in range(array.shape[-1])]
            else:
                space.append(Variable(name, (), (), unit))
                values.append(array)
        return cls(grid, StateSpace(tuple(space)), tuple(values))

    def with_field(self, name: str, values, *, unit: str = "") -> Fields:
        """The fields and one more, broadcast to the grid: what is known, the Coriolis parameter say, or diagnosed."""
        values, own = plain(values)
        unit = own or unit
        array = np.broadcast_to(np.asarray(values, np.float64), self.grid.shape)
        space = StateSpace((*self.space.variables, Variable(name, (), (), unit)))
        return replace(self, space=space, values=(*self.values, array))

    def moving(self, axis: str, speed: float) -> Fields:
        r"""The fields in coordinates that move along a periodic axis: $u'(t, x') = u(t, x' + c (t - t_0))$.

        `speed`: c, in the unit of the axis a unit of time. What passes by quickly at rest is slow in coordinates that
        move with it, and samples in time that are far apart resolve it. A rate at rest is there
        $\partial_t - c \, \partial_x$. Values between the samples are those of the trigonometric interpolant; they are
        read when they are used.

        Raises InputError for an axis that is not periodic, a grid without time, and missing values that would have to
        be interpolated.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> t = np.arange(6.0)
        >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 32),), time=sd.Box("t", t))
        >>> wave = sd.Fields.of(grid, u=np.sin(grid.axes[1].points - 0.7 * t[:, None]))
        >>> bool(np.ptp(wave.moving("x", 0.7).component("u"), axis=0).max() < 1e-12)
        True
        """
        return replace(self, values=moved(self.grid, self.values, axis, speed))

    def to_xarray(self):
        """The fields as a Dataset by the CF conventions, component by component, which `open_fields` reads again.

        Axes have their attributes, latitudes and longitudes are in degrees, times are dates where the data had dates of
        the common calendar. The attribute `vectors` names pairs of components (`open_fields` heeds it), `periodic` axes
        that come back to themselves (`open_fields` must be told). The provenance of the data is kept.
        """
        import xarray as xr

        from symdyn import __version__

        units = [v.unit for v in self.space.variables for _ in v.component_names]
        values = {
            name: (self.grid.names, self.component(name), {"units": unit} if unit else {})
            for name, unit in zip(self.component_names, units, strict=True)
        }
        attrs = {"Conventions": "CF-1.11", **self.provenance}
        attrs["history"] = "\n".join(filter(None, [attrs.get("history", ""), f"symdyn {__version__} Fields.to_xarray"]))
        if self.vectors:
            attrs["vectors"] = "; ".join(" ".join(pair) for pair in self.vectors)
        turning = [a.name for a in self.grid.space_axes if a.period is not None and self.grid.sphere is None]
        if turning:
            attrs["periodic"] = " ".join(turning)
        return xr.Dataset(values, coords=cf_coordinates(self.grid, self.origin), attrs=attrs)

    @property
    def component_names(self) -> tuple[str, ...]:
        return self.space.component_names

    def component(self, name: str) -> np.ndarray:
        """The values of one component in float64, of the shape of the grid."""
        if name not in self.component_names:
            raise InputError(f"unknown field {name!r}; there are {', '.join(self.component_names)}")
        return np.asarray(self.values[self.component_names.index(name)][: self.grid.shape[0]], np.float64)

    def slab(self, start: int, stop: int, components: Sequence[int] | None = None) -> np.ndarray:
        """The values (c, stop - start, ...) of some components between two indices of the first axis, in float64."""
        chosen = range(len(self.values)) if components is None else components
        return np.stack([np.asarray(self.values[c][start:stop], np.float64) for c in chosen])

    def jet_space(self, order: int) -> StateSpace:
        """The space of jets of these fields: time, coordinates, values and derivatives by space up to `order`."""
        axes = {axis.name: axis.unit for axis in self.grid.axes}
        coordinates = tuple(axis.name for axis in self.grid.space_axes)
        time = None if self.grid.time is None else self.grid.time.name
        fields = {variable.name: variable for variable in self.space.variables}
        plain = StateSpace.jets(coordinates, order=order, time=time, **fields)
        units = {variable.name: variable.unit for variable in self.space.variables} | axes
        for d in plain.derivatives:
            along = [(axes[name], -k) for name, k in zip(plain.differentiated, d.orders, strict=True)]
            units[d.name] = unit_product([(units[d.field], 1), *along])
        return replace(plain, variables=tuple(replace(v, unit=units[v.name]) for v in plain.variables))
