"""Units as symmetries: a law does not care in which units it is written."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.groups import Action, Scalar, Scaling, Weight


def dimensions_of(unit: str) -> dict[str, Fraction]:
    """The exponents of the base dimensions of a unit: "km/s" -> length 1, time -1. Needs pint.

    Raises InputError for a text that is no unit.

    Examples
    --------
    >>> from symdyn.symmetry.units import dimensions_of
    >>> {name: int(power) for name, power in dimensions_of("km s-1").items()}
    {'length': 1, 'time': -1}
    """
    try:
        import pint
    except ImportError as error:
        raise InputError("units need pint: pip install 'symdyn-discovery[data]'") from error
    import re

    text = re.sub(r"(?<=[A-Za-z])(-?\d+)", r"**\1", unit.strip())  # CF writes m s-2
    text = re.sub(r"(?<=[A-Za-z0-9)])\s+(?=[A-Za-z(])", " * ", text)
    try:
        found = pint.UnitRegistry().parse_units(text or "dimensionless").dimensionality
    except Exception as error:  # pint raises a dozen kinds, some of them from its tokenizer
        raise InputError(f"cannot read the unit {unit!r}: {error}") from error
    powers = {name.strip("[]"): Fraction(str(power)).limit_denominator(12) for name, power in found.items()}
    return dict(sorted(powers.items()))


def homogeneous(data, *, time_name: str = "time", **units: str) -> Action:
    r"""The scalings of the base units: enforced, they leave the terms that are dimensionally homogeneous.

    Changing the unit of length multiplies each variable by a power of the same number. A law with no constants but
    pure numbers looks the same after it, so the change of units is a symmetry; constants that have a dimension (g, a
    viscosity) belong among the variables, as inputs of the law. This is the Buckingham theorem as a constraint on
    coefficients.

    Reference: Buckingham 1914, Physical Review 4, 345; Bakarji, Callaham, Brunton, Kutz 2022, Nature Computational
    Science 2, 834.

    Parameters
    ----------
    data: a Dataset whose variables say `attrs["units"]`.
    time_name: the name of its time dimension; the unit of time is that of its coordinate.
    units: units by variable, or of the time by its name, where the attributes do not say or are wrong.

    Returns an `Action` for `identify(..., action=...)`. Raises InputError for a variable without a unit (say "1" for a
    number), or a text that is no unit. Needs pint.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> times = np.linspace(0.1, 2.0, 300)
    >>> fall = sd.dataset(times, v=np.tanh(times * 9.8 / 3) * 3, g=np.full(300, 9.8), k=np.full(300, 9.8 / 9))
    >>> action = sd.homogeneous(fall, v="m/s", g="m/s^2", k="1/m", time="s")
    >>> law = sd.identify(fall, inputs=("g", "k"), library=sd.Monomials(3), action=action)
    >>> law.stats.candidates, law.stats.free
    (20, 2)
    """
    named = {str(name): str(array.attrs.get("units", "")) for name, array in data.data_vars.items()}
    clock = str(data[time_name].attrs.get("units", "")) if time_name in data.coords else ""
    clock = units.pop(time_name, clock)
    for name in units:
        if name not in named:
            raise InputError(f"units names {name!r}; the data have {', '.join(named)}")
    named |= units
    if time_name in data.coords and data[time_name].dtype.kind == "M":
        clock = "s"
    named = {name: unit for name, unit in named.items() if "measured_rate_of" not in data[name].attrs}
    for name, unit in {**named, time_name: clock}.items():
        if not unit:
            raise InputError(f"{name!r} has no unit: set attrs['units'] ('1' for a number), or pass {name}='m/s'")
    powers = {name: dimensions_of("" if unit == "1" else unit) for name, unit in named.items()}
    own = dimensions_of("" if clock == "1" else clock.split(" since ")[0])
    bases = list(dict.fromkeys(base for each in (own, *powers.values()) for base in each))
    if not bases:
        raise InputError("all variables and the time are pure numbers: there is no unit to change")
    return _scalings(bases, powers, own)


def _scalings(bases: list[str], powers: dict[str, dict[str, Fraction]], own: dict[str, Fraction]) -> Action:
    """One scaling for each base dimension, with whole numbers as weights."""
    action: Action | None = None
    for base in bases:
        weights = {name: each.get(base, Fraction(0)) for name, each in powers.items()}
        weights["time"] = own.get(base, Fraction(0))
        common = int(np.lcm.reduce([power.denominator for power in weights.values()]))
        kinds = {name: Weight(int(power * common)) if power else Scalar for name, power in weights.items()}
        clock = kinds.pop("time")
        named: dict[str, Any] = dict(kinds) if clock is Scalar else {**kinds, "time": clock}
        scaling = Scaling().acting_on(**named)
        action = scaling if action is None else action + scaling
    assert action is not None
    return action


@dataclass(frozen=True)
class Scales:
    """The unit of each variable and of the time in which a data set is dimensionless: `values` by name, `time`."""

    values: dict[str, float]
    time: float
    time_name: str = "time"

    def undo(self, data):
        """A dimensionless Dataset (a simulation) in the old units."""
        out = data.copy()
        for name, scale in self.values.items():
            if name in out:
                out[name] = out[name] * scale
        return out.assign_coords({self.time_name: out[self.time_name] * self.time}) if self.time_name in out else out


def nondimensionalise(
    data, *, time: str = "time", time_scale: float | None = None, **scales: float
) -> tuple[Any, Scales]:
    """A Dataset divided by characteristic scales, and the scales.

    The fits of symdyn do not need this: their thresholds are shares, which no unit changes. It makes coefficients
    comparable, and laws of systems of different size.

    Parameters
    ----------
    data: a Dataset.
    time: the name of the time dimension.
    time_scale: by default the largest ratio of a variable's standard deviation to that of its differences over time.
    scales: by variable; by default its root mean square over all samples and components.

    Measured rates (`attrs["rate_of"]`, `attrs["measured_rate_of"]`) get the scale of their variable over that of time.

    Raises InputError for a scale that is not positive, or of an unknown variable.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.dataset(np.linspace(0.0, 60.0, 600), x=1e6 * np.cos(np.linspace(0.0, 6.0, 600)))
    >>> small, scales = sd.nondimensionalise(data, time_scale=10.0, x=1e6)
    >>> round(float(small.x.max()), 6), float(small.time[-1]), float(scales.undo(small).x.max())
    (1.0, 6.0, 1000000.0)
    """
    for name, value in {**scales, "time_scale": 1.0 if time_scale is None else time_scale}.items():
        if not isinstance(value, int | float | np.number) or not 0 < float(value) < np.inf:
            raise InputError(f"the scale of {name!r} must be a positive number, got {value!r}")
        if name not in data.data_vars and name != "time_scale":
            raise InputError(f"scales names {name!r}; the data have {', '.join(map(str, data.data_vars))}")
    rate_of = {str(n): a.attrs.get("rate_of", a.attrs.get("measured_rate_of")) for n, a in data.data_vars.items()}
    own = [name for name, of in rate_of.items() if not of]
    sizes = {name: float(scales.get(name, np.sqrt(float((data[name] ** 2).mean())) or 1.0)) for name in own}
    clock = _time_scale(data, time, list(sizes)) if time_scale is None else float(time_scale)
    for name, of in rate_of.items():
        if of:
            chain = sizes.get(str(of))
            if chain is None and name not in scales:
                raise InputError(f"{name!r} is the rate of {of!r}, which the data lack or is a rate: give a scale")
            sizes[name] = float(scales.get(name, (chain or 0.0) / clock))
    out = data.copy()
    for name, scale in sizes.items():
        out[name] = (data[name] / scale).assign_attrs({**data[name].attrs, "units": "1"})
    stamps = data[time]
    values = (stamps - stamps[0]) / np.timedelta64(1, "ns") * 1e-9 if stamps.dtype.kind == "M" else stamps
    out = out.assign_coords({time: (values / clock).assign_attrs({**stamps.attrs, "units": "1"})})
    return out, Scales(sizes, clock, time)


def _time_scale(data, time: str, names: list[str]) -> float:
    """The fastest time over which a variable changes by its own spread."""
    stamps = data[time].values
    steps = np.diff(stamps) / np.timedelta64(1, "ns") * 1e-9 if stamps.dtype.kind == "M" else np.diff(stamps)
    times = []
    for name in names:
        if time in data[name].dims:
            values = np.moveaxis(data[name].values, data[name].dims.index(time), 0).reshape(len(stamps), -1)
            speed = np.sqrt(np.nanmean((np.diff(values, axis=0) / steps[:, None]) ** 2))
            if speed > 0:
                times.append(float(np.nanstd(values) / speed))
    positive = [t for t in times if t > 0]
    if not positive:
        raise InputError("no variable changes in time: give time_scale")
    return min(positive)
