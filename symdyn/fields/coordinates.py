"""The axes of a grid as coordinates by the CF conventions."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn.fields.grid import Grid

NAMED = ("x", "y", "z")  # axes that CF has a letter for


def cf_coordinates(grid: Grid, origin: str) -> dict[str, tuple[str, np.ndarray, dict[str, Any]]]:
    """Coordinates for xarray: a dimension, points and attributes for each axis; `origin`: what time zero is."""
    out = {}
    for number, axis in enumerate(grid.axes):
        points, about = axis.points, {"units": axis.unit} if axis.unit else {}
        if grid.time is not None and number == 0:
            points, about = _times(points, about, origin)
        elif grid.sphere is not None and axis.name in grid.sphere.names:
            north = axis.name == grid.sphere.names[0]
            about = {
                "axis": "Y" if north else "X", "standard_name": "latitude" if north else "longitude",
                "units": "degrees_north" if north else "degrees_east",
            }  # fmt: skip
            points = np.degrees(points)
        elif axis.name in NAMED:
            about["axis"] = axis.name.upper()
        out[axis.name] = (axis.name, points, about)
    return out


def _times(points: np.ndarray, about: dict[str, Any], origin: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Dates where time zero is one of the common calendar, else numbers; with the attributes of a time."""
    named = {"axis": "T", "standard_name": "time"}
    if not origin:
        return points, {**about, **named}
    try:
        first = np.datetime64(origin, "ns")
    except ValueError:  # a date of another calendar
        return points, {**about, **named, "long_name": f"time since {origin}"}
    return first + np.round(points * 1e9).astype("timedelta64[ns]"), named
