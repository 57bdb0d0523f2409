"""Quantities at the doors: arrays that carry a unit, of astropy, unxt or pint, known by what they offer.

An array with `value` and `unit`, or with `magnitude` and `units`, becomes a plain array and a text as CF writes it,
`m s-1`. Nothing is imported: conversion is left to the quantity itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from symdyn._errors import InputError

_FACTOR = re.compile(r"([*/]?)([^*/^]+)(?:\^\(?(-?[\d.]+)\)?)?")


def unit_of(values: Any) -> Any:
    """The unit that an array carries, as its library has it; None for plain arrays."""
    if hasattr(values, "unit") and hasattr(values, "value"):
        return values.unit
    return values.units if hasattr(values, "units") and hasattr(values, "magnitude") else None


def unit_text(unit: Any) -> str:
    """A unit as CF writes it: factors with their powers, those above the line first, `kg m2 s-2`; "1" for numbers.

    Examples
    --------
    >>> import astropy.units as u
    >>> from symdyn.data.quantities import unit_text
    >>> unit_text(u.km / u.s**2), unit_text(u.dimensionless_unscaled)
    ('km s-2', '1')
    """
    if hasattr(unit, "bases"):
        factors = [(str(base), power) for base, power in zip(unit.bases, unit.powers, strict=True)]
    else:
        compact = format(unit, "~C") if hasattr(unit, "dimensionality") else str(unit)
        factors = [
            (name, (-1 if sign == "/" else 1) * float(power or 1))
            for sign, name, power in _FACTOR.findall(compact.replace("**", "^").replace(" ", ""))
        ]
    kept = [(name, power) for name, power in factors if name not in ("1", "dimensionless") and power]
    kept.sort(key=lambda factor: (factor[1] < 0, factor[0]))
    return " ".join(name if power == 1 else f"{name}{float(power):g}" for name, power in kept) or "1"


def plain(values: Any) -> tuple[Any, str]:
    """Values without their unit, and its text; a scale that belongs to the unit goes into the values.

    Plain arrays come back as they are with the unit "", times of astropy as dates.
    """
    if hasattr(values, "jd1") and hasattr(values, "to_value"):
        return values.to_value("datetime64"), ""
    unit = unit_of(values)
    if unit is None:
        return values, ""
    scale = getattr(unit, "scale", 1.0)
    bare = values.value if hasattr(values, "value") else values.magnitude
    return (bare if scale == 1.0 else bare * scale), unit_text(unit)


def converted(values: Any, unit: Any, name: str, why: str) -> Any:
    """A quantity in another unit; InputError where the two do not measure the same."""
    own = unit_of(values)
    try:
        return values if own == unit else values.to(unit)
    except Exception as error:  # each library raises its own kind
        raise InputError(
            f"{name!r} is in {unit_text(own)}, which cannot be converted to {unit_text(unit)}: {why}"
        ) from error


def plain_arrays(
    arrays: Mapping[str, Any], rates: Mapping[str, str], time_unit: str, known: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Arrays without units, and the units of those that had one, by name.

    Measured rates (`rates`: variable -> rate) are converted to the unit of their variable per unit of time, and what
    is in `known`, the units that another run had, to these; units that are met are added to it. Raises InputError
    for units that cannot be converted, and rates without a unit of time to compare with.
    """
    found = dict(arrays)
    for name, value in found.items():
        if name in known and unit_of(value) is not None:
            found[name] = converted(value, known[name], name, "the unit of the first run")
    for name, rate in rates.items():
        if unit_of(found.get(name)) is not None and unit_of(found.get(rate)) is not None:
            found[rate] = _per_time(name, found[name], rate, found[rate], time_unit)
    units = {}
    for name, value in found.items():
        if unit_of(value) is not None:
            known.setdefault(name, unit_of(value))
        found[name], text = plain(value)
        if text:
            units[name] = text
    return found, units


def _per_time(name: str, value: Any, rate: str, slope: Any, time_unit: str) -> Any:
    if not time_unit:
        raise InputError(
            f"{rate!r} is in {unit_text(unit_of(slope))} and {name!r} in {unit_text(unit_of(value))}, but the times "
            "have no unit; give them as a quantity, or the attribute `units` of the time coordinate"
        )
    clock = unit_of(type(value)(1.0, time_unit))
    return converted(slope, unit_of(value) / clock, rate, f"the rate of {name!r} with times in {time_unit}")


def plain_dataset(
    ds: Any, rates: Mapping[str, str] | None = None, time_unit: str = "", known: dict[str, Any] | None = None,
    alike: Iterable[tuple[str, str]] = (),
) -> Any:  # fmt: skip
    """A Dataset whose variables hold plain arrays; units of quantities become the attribute `units`.

    `alike`: pairs of which the second takes the unit of the first, components of a vector.
    """
    # what a variable wraps: `.data` would read one that is still in a file
    held = {str(name): getattr(variable, "_data", None) for name, variable in ds.variables.items()}
    held = {name: data for name, data in held.items() if unit_of(data) is not None}
    if not held:
        return ds
    for first, second in alike:
        if first in held and second in held:
            held[second] = converted(held[second], unit_of(held[first]), second, f"{first!r} is its other component")
    arrays, units = plain_arrays(held, rates or {}, time_unit, {} if known is None else known)
    made = {name: ds[name].variable.copy(data=arrays[name]) for name in held}
    for name, variable in made.items():
        variable.attrs["units"] = units[name]
    return ds.assign_coords({n: v for n, v in made.items() if n in ds.coords}).assign(
        {n: v for n, v in made.items() if n not in ds.coords}
    )


def plain_times(values: Any) -> tuple[np.ndarray, str]:
    """Times as an array, with the unit that they carry."""
    array, unit = plain(values)
    return np.asarray(array), unit
