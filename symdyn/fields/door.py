"""The door for gridded data: xarray datasets become fields on a grid.

What a dimension is comes from a keyword, else from CF attributes (those of cf_xarray too, where it is installed), else
from its name with a warning; else the error lists what was found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._types import Frozen, StateSpace, Variable
from symdyn.data.checks import component_labels, require_floating, time_values
from symdyn.data.door import COMPONENT_DIMS
from symdyn.data.quantities import plain_dataset
from symdyn.fields.axes import AbstractAxis, Box, Periodic, is_even
from symdyn.fields.collection import Fields
from symdyn.fields.grid import Grid
from symdyn.fields.sphere import EARTH, Sphere
from symdyn.fields.staggered import Colocated, interpolation, partners

# What attributes say of a coordinate, by role (CF conventions, chapters 4 and 5; `_CoordinateAxisType` of NetCDF-Java,
# `cartesian_axis` of FMS): attribute -> values.
CRITERIA: dict[str, dict[str, tuple[str, ...]]] = {
    "time": {
        "axis": ("T",), "cartesian_axis": ("T",), "standard_name": ("time", "forecast_reference_time"),
        "_CoordinateAxisType": ("Time",), "long_name": ("time",),
    },
    "latitude": {
        "standard_name": ("latitude", "grid_latitude"), "_CoordinateAxisType": ("Lat",), "long_name": ("latitude",),
        "units": ("degrees_north", "degree_north", "degreen", "degreesn", "degree_n", "degrees_n"),
    },
    "longitude": {
        "standard_name": ("longitude", "grid_longitude"), "_CoordinateAxisType": ("Lon",), "long_name": ("longitude",),
        "units": ("degrees_east", "degree_east", "degreee", "degreese", "degree_e", "degrees_e"),
    },
    "space": {
        "axis": ("X", "Y", "Z"), "cartesian_axis": ("X", "Y", "Z"), "positive": ("up", "down"),
        "standard_name": ("projection_x_coordinate", "projection_y_coordinate", "air_pressure", "height", "depth"),
        "_CoordinateAxisType": ("GeoX", "GeoY", "GeoZ", "Height", "Pressure"),
    },
}  # fmt: skip
CF_XARRAY = {
    "latitude": "latitude", "longitude": "longitude", "time": "time", "T": "time", "vertical": "space", "X": "space",
    "Y": "space", "Z": "space",
}  # fmt: skip
NAMES = {  # guesses, with a warning
    "time": r"t|time|times|date|datetime|valid_time",
    "latitude": r"(nav_?)?lat(itude)?s?|phi",
    "longitude": r"(nav_?)?lon(gitude)?s?|lng|lambda",
    "space": r"[xyz]|lev(el)?|height|depth|altitude|plev|pressure(_level)?|isobaric\w*",
}
BOUNDS = re.compile(r"(bnds|bounds)$")


@dataclass(frozen=True)
class Roles:
    """Which dimension is what: `time`, `latitude` and `longitude` or None each, and all those of space in order."""

    time: str | None
    latitude: str | None
    longitude: str | None
    space: tuple[str, ...]


def open_fields(
    data,
    variables: Sequence[str] | None = None,
    *,
    time: str | None = None,
    latitude: str | None = None,
    longitude: str | None = None,
    space: Sequence[str] | None = None,
    periodic: Mapping[str, float] | Sequence[str] = (),
    vectors: Sequence[tuple[str, str]] | None = None,
    staggered: Mapping[str, str] | None = None,
    radius: float = EARTH,
) -> Fields:
    """Fields on a grid from an xarray Dataset or DataArray; its values are read when they are used.

    Parameters
    ----------
    data: decoded (what `xarray.open_dataset` gives). Dimensions of size 1 are left aside.
    variables: names of the fields; by default all that lie on the grid which most variables share.
    time, latitude, longitude, space: names of dimensions. By default attributes tell (`axis`, `standard_name`, `units`,
        `long_name`, `cartesian_axis`, `_CoordinateAxisType`; with cf_xarray, of the extra `data`, more standard
        names), else the names are guessed, with a warning. Latitude and longitude make a sphere.
    periodic: names of axes that come back to themselves, with their lengths where the samples do not say it. No axis
        is periodic unless it is named here, but longitudes that cover the circle.
    vectors: pairs of names that are components of a vector; by default from the standard names, `eastward_wind` and
        `northward_wind` or `x_wind` and `y_wind` and their like.
    staggered: dimensions that lie half a step beside those of the centres of cells, by these: {"x_c": "x_g"}. By
        default the attributes `c_grid_axis_shift` and `axis` tell. Variables on them are interpolated to the centres
        when they are read, by polynomials of degree 7, and missing where a centre lies beyond the outermost point.
    radius: of the sphere, in the unit of length of the winds; that of the Earth in metres by default.

    Missing values (NaN) stay: what touches them has weight 0. Times become seconds since the first. Quantities of
    astropy, unxt or pint that a variable holds bring their units; both components of a vector take that of the first.

    Raises InputError for names that do not exist, dimensions whose meaning cannot be told, coordinates that are
    missing, repeated, unsorted or of two dimensions, integers, and variables that do not share a grid.

    Examples
    --------
    >>> import symdyn as sd
    >>> winds = sd.open_fields(sd.open_dataset("winds_340K"), ["u", "v"])
    >>> winds.grid.names, winds.grid.sphere.wraps, winds.vectors
    (('time', 'lat', 'lon'), True, (('u', 'v'),))
    """
    ds = _dataset(data)
    names = _variables(ds, variables, staggered or {})
    pairs = _vectors(ds, names) if vectors is None else tuple((str(u), str(v)) for u, v in vectors)
    ds = plain_dataset(ds, alike=pairs)
    shifts = partners(ds, names, staggered or {})
    dims = _shared_dims(ds, names, shifts)
    roles = _roles(ds, dims, time, latitude, longitude, space)
    lengths = dict.fromkeys(periodic) if not isinstance(periodic, Mapping) else dict(periodic)
    for name in lengths:
        if name not in roles.space:
            raise InputError(f"periodic names {name!r}; the axes of space are {', '.join(roles.space) or 'none'}")
    grid, origin = _grid(ds, roles, lengths, radius)
    order = (*(() if roles.time is None else (roles.time,)), *_space_order(roles))
    found, values = [], []
    for name in names:
        variable, arrays = _components(ds[name], _own_order(ds[name], order, shifts))
        found.append(variable)
        values += _at_centres(ds, arrays, _own_order(ds[name], order, shifts), grid)
    fields = StateSpace(tuple(found))
    provenance = {
        str(k): str(v) for k, v in ds.attrs.items() if k in ("title", "source", "history", "license", "institution")
    }
    return Fields(grid, fields, tuple(values), pairs, origin, provenance)


def _dataset(data):
    if hasattr(data, "data_vars"):
        return data
    if hasattr(data, "to_dataset"):
        return data.to_dataset(name=data.name or "u")
    raise InputError(
        f"open_fields takes an xarray Dataset or DataArray, got {type(data).__name__}; arrays go into "
        "Fields.of(Grid(...), u=array)"
    )


def _variables(ds, asked: Sequence[str] | None, staggered: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the fields: those asked for, else those on the grid that most variables share."""
    known = [str(name) for name in ds.data_vars]
    if asked is not None:
        names = (asked,) if isinstance(asked, str) else tuple(asked)
        for name in names:
            if name not in known:
                raise InputError(f"unknown variable {name!r}; the data have {', '.join(known) or 'none'}")
        return names
    bounds = {str(v.attrs["bounds"]) for v in ds.variables.values() if "bounds" in v.attrs}
    candidates = [
        name for name in known
        if _grid_dims(ds[name]) and name not in bounds and not BOUNDS.search(name) and ds[name].dtype.kind in "fiub"
    ]  # fmt: skip
    if not candidates:
        raise InputError(f"no variable lies on a grid; the data have {', '.join(known) or 'no variables'}")
    groups: dict[frozenset, list[str]] = {}
    shifts = partners(ds, candidates, staggered)
    for name in candidates:
        groups.setdefault(frozenset(shifts.get(d, d) for d in _grid_dims(ds[name])), []).append(name)
    best = max(groups.values(), key=lambda group: (len(_grid_dims(ds[group[0]])), len(group)))
    aside = [name for name in candidates if name not in best]
    if aside:
        warn(
            f"taking the fields {', '.join(best)} and leaving {', '.join(aside)} aside, which lie on other dimensions; "
            "name the variables that are meant",
            SymdynWarning,
            stacklevel=3,
        )
    return tuple(best)


def _grid_dims(array) -> tuple[str, ...]:
    """Dimensions of a variable that are axes: longer than 1, and no components."""
    return tuple(str(d) for d in array.dims if array.sizes[d] > 1 and not _is_component(array, str(d)))


def _is_component(array, dim: str) -> bool:
    if dim.lower() in COMPONENT_DIMS or dim.lower().endswith("_component"):
        return True
    return dim in array.coords and array[dim].dtype.kind in "US"


def _shared_dims(ds, names: tuple[str, ...], shifts: Mapping[str, str]) -> tuple[str, ...]:
    """The dimensions that all variables lie on, shifted ones as those of the centres."""
    own = [tuple(shifts.get(d, d) for d in _grid_dims(ds[name])) for name in names]
    for name, dims in zip(names, own, strict=True):
        if set(dims) != set(own[0]):
            raise InputError(
                f"the fields must lie on one grid; {names[0]!r} has {own[0]} and {name!r} has {dims}. If these are "
                "staggered say staggered={'centre': 'shifted dimension'}"
            )
    return own[0]


def _own_order(array, order: tuple[str, ...], shifts: Mapping[str, str]) -> tuple[str, ...]:
    """The dimensions of a variable in the order of the grid, its shifted ones among them."""
    own = {shifts.get(str(d), str(d)): str(d) for d in array.dims}
    return tuple(own[dim] for dim in order)


def _at_centres(ds, arrays: list[Any], own: tuple[str, ...], grid: Grid) -> list[Any]:
    """Arrays on the axes of the grid, those on shifted dimensions interpolated."""
    stencils = []
    for number, (dim, axis) in enumerate(zip(own, grid.axes, strict=True)):
        if dim == axis.name:
            continue
        _require_coordinate(ds, dim)
        sphere = grid.sphere is not None and axis.name in grid.sphere.names
        points = np.unwrap(_radians(ds, dim)) if sphere else np.asarray(ds[dim].values, np.float64)
        stencils.append((number, interpolation(dim, points, axis.points, axis.period)))
    return [Colocated(each, tuple(stencils)) for each in arrays] if stencils else arrays


def _roles(ds, dims: tuple[str, ...], time, latitude, longitude, space) -> Roles:
    """What each dimension is, by keyword, by attributes, by name."""
    places = (space,) if isinstance(space, str) else tuple(space or ())
    told = [("time", time), ("latitude", latitude), ("longitude", longitude), *(("space", name) for name in places)]
    roles: dict[str, str] = {}
    for role, name in told:
        if name is not None and name not in dims:
            raise InputError(f"{role} names {name!r}; the fields have the dimensions {_described(ds, dims)}")
        if name is not None:
            roles[name] = role
    guessed, lost = [], []
    for dim in (d for d in dims if d not in roles):
        free = {role for role in NAMES if role == "space" or role not in roles.values()}
        role = _by_attributes(ds, dim)
        if role not in free:
            role = next((r for r in NAMES if r in free and re.fullmatch(NAMES[r], dim.lower())), None)
            (guessed if role else lost).append(dim)
        if role:
            roles[dim] = role
    if lost:
        raise InputError(
            f"cannot tell what {', '.join(map(repr, lost))} is; the fields have {_described(ds, dims)}. Say "
            "time=, latitude=, longitude= or space=(...), or choose a place along it with data.isel"
        )
    if guessed:
        taken = ", ".join(f"{roles[d]}={d!r}" if roles[d] != "space" else f"{d!r} an axis of space" for d in guessed)
        warn(f"the data do not say what their dimensions are; taking {taken}", SymdynWarning, stacklevel=3)
    by_role = {role: dim for dim, role in roles.items() if role != "space"}
    clock = by_role.get("time")
    return Roles(clock, by_role.get("latitude"), by_role.get("longitude"), tuple(d for d in dims if d != clock))


def _described(ds, dims: tuple[str, ...]) -> str:
    """Dimensions with what the data say of them, for errors."""

    def told(dim: str) -> str:
        if dim not in ds.coords:
            return "no coordinate"
        attrs = {k: v for k, v in ds[dim].attrs.items() if k in ("axis", "standard_name", "units")}
        return ", ".join(f"{k}={v!r}" for k, v in attrs.items()) or "no attributes"

    return ", ".join(f"{dim} ({ds.sizes[dim]}; {told(dim)})" for dim in dims)


def _by_attributes(ds, dim: str) -> str | None:
    if dim not in ds.coords:
        return None
    values, attrs = ds[dim].values, ds[dim].attrs
    dated = values.dtype.kind == "M" or (values.dtype == object and hasattr(values.flat[0], "calendar"))
    if dated or " since " in str(attrs.get("units", "")):
        return "time"
    for role, wanted in CRITERIA.items():
        for attribute, accepted in wanted.items():
            told = str(attrs.get(attribute, ""))
            if told in accepted or (attribute in ("units", "long_name") and told.lower() in accepted):
                return role
    return _by_cf_xarray(ds, dim)


def _by_cf_xarray(ds, dim: str) -> str | None:
    """What cf_xarray takes a coordinate for by its attributes (never by its name); None where it is not installed."""
    try:
        import cf_xarray
    except ImportError:
        return None
    del cf_xarray  # its import gives Datasets the accessor `cf`
    cf = ds[[]].assign_coords({dim: ds[dim].variable}).cf
    roles = {role for found in (cf.coordinates, cf.axes) for role, names in found.items() if dim in names}
    return next((CF_XARRAY[role] for role in CF_XARRAY if role in roles), None)


def _space_order(roles: Roles) -> tuple[str, ...]:
    """Dimensions of space with latitude and longitude side by side, where the first of them stood."""
    if roles.latitude is None or roles.longitude is None:
        return roles.space
    out: list[str] = []
    for dim in roles.space:
        if dim not in (roles.latitude, roles.longitude):
            out.append(dim)
        elif roles.latitude not in out:
            out += [roles.latitude, roles.longitude]
    return tuple(out)


def _grid(ds, roles: Roles, lengths: dict[str, float | None], radius: float) -> tuple[Grid, str]:
    parts: list[AbstractAxis | Sphere] = []
    sphere = roles.latitude is not None and roles.longitude is not None
    for dim in _space_order(roles):
        if sphere and dim == roles.latitude:
            names = (dim, str(roles.longitude))
            lat, lon = (Frozen(_radians(ds, name)) for name in names)
            parts.append(Sphere(lat, lon, radius, names, "m" if radius == EARTH else ""))
        elif not (sphere and dim == roles.longitude):
            parts.append(_axis(ds, dim, dim in lengths, lengths.get(dim)))
    if roles.time is None:
        return Grid(tuple(parts)), ""
    _require_coordinate(ds, roles.time)
    values, unit, origin = time_values(ds[roles.time].values, roles.time, str(ds[roles.time].attrs.get("units", "")))
    return Grid(tuple(parts), time=Box(roles.time, Frozen(values), unit)), origin


def _require_coordinate(ds, dim: str) -> None:
    if dim not in ds.coords:
        curved = [str(c) for c in ds.coords if dim in ds[c].dims and ds[c].ndim == 2]
        hint = (
            f"; {', '.join(curved)} depend on two dimensions: interpolate to a grid of one-dimensional coordinates"
            if curved
            else f"; say where its samples lie: data.assign_coords({dim}=...)"
        )
        raise InputError(f"the dimension {dim!r} has no coordinate{hint}")


def _axis(ds, dim: str, wraps: bool, length: float | None) -> AbstractAxis:
    _require_coordinate(ds, dim)
    points, unit = np.asarray(ds[dim].values, np.float64), str(ds[dim].attrs.get("units", ""))
    box = Box(dim, Frozen(points), unit)
    if not wraps:
        return box
    if not is_even(box.points):
        raise InputError(f"the axis {dim!r} is periodic but its samples are not even")
    step = (points[-1] - points[0]) / (len(points) - 1)
    if length is not None and abs(abs(step) * len(points) - abs(length)) > 1e-3 * abs(step):
        raise InputError(
            f"the axis {dim!r} has {len(points)} samples {step:g} apart, which make {abs(step) * len(points):g} and "
            f"not the period {length:g}; drop the sample that is repeated at the end"
        )
    return Periodic(dim, float(points[0]), float(step * len(points)), len(points), unit)


def _radians(ds, dim: str) -> np.ndarray:
    _require_coordinate(ds, dim)
    values, unit = np.asarray(ds[dim].values, np.float64), str(ds[dim].attrs.get("units", "")).lower()
    return values if unit in ("rad", "radian", "radians") else np.radians(values)


def _components(array, order: tuple[str, ...]) -> tuple[Variable, list[Any]]:
    """A variable and the arrays of its components, in the order of the grid and not yet read."""
    name = str(array.name)
    require_floating(name, array.dtype)
    inner = [str(d) for d in array.dims if d not in order and _is_component(array, str(d))]
    single = {d: 0 for d in array.dims if d not in order and d not in inner}
    array = array.isel(single, drop=True).transpose(*order, *inner)
    unit = str(array.attrs.get("units", ""))
    if not inner:
        return Variable(name, (), (), unit), [array.variable]
    if len(inner) > 1:
        raise InputError(f"{name!r} has two dimensions of components, {inner}; choose along one of them with isel")
    size = array.sizes[inner[0]]
    labels = tuple(map(str, array[inner[0]].values)) if inner[0] in array.coords else component_labels(size)
    return Variable(name, (inner[0],), (labels,), unit), [array.variable[..., k] for k in range(size)]


def _vectors(ds, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Pairs of components by the attribute of `Fields.to_xarray`, or by standard names: eastward_wind and
    northward_wind, x_wind and y_wind."""
    told = [tuple(pair.split()) for pair in str(ds.attrs.get("vectors", "")).split(";")]
    written = tuple((pair[0], pair[1]) for pair in told if len(pair) == 2 and set(pair) <= set(names))
    if written:
        return written
    standard = {str(ds[name].attrs["standard_name"]): name for name in names if "standard_name" in ds[name].attrs}
    pairs = []
    for told, name in standard.items():
        for east, north in (("eastward_", "northward_"), ("x_", "y_"), ("grid_eastward_", "grid_northward_")):
            other = told.replace(east, north, 1) if told.startswith(east) else None
            other = other or (re.sub("_eastward_", "_northward_", told) if "_eastward_" in told else None)
            if other in standard and other != told and (name, standard[other]) not in pairs:
                pairs.append((name, standard[other]))
    return tuple(pairs)
