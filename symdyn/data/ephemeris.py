"""The Sun, the Moon and the planets from the Chebyshev series of JPL DE421, with exact velocity and acceleration.

On an interval of length `L` the series of one coordinate is `r(tau) = sum_k c_k T_k(tau)`, `tau` in [-1, 1]; the
derivatives are those of the polynomial, `dr/dt = (2/L) r'(tau)` and `d2r/dt2 = (2/L)^2 r''(tau)`, and no difference
quotient is taken. Times are integers (nanoseconds of TDB), so that `tau` is correctly rounded.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn._errors import InputError

if TYPE_CHECKING:
    import xarray as xr

BODIES = ("sun", "mercury", "venus", "earth", "moon", "mars", "jupiter", "saturn", "uranus", "neptune", "pluto")
BARYCENTER = "solar system barycenter"
FIRST, LAST = np.datetime64("1980-01-01", "ns"), np.datetime64("2020-01-01", "ns")
_DAY = 86_400_000_000_000  # ns
_EPOCH = (2451544.5, np.datetime64("2000-01-01", "ns"))  # the same instant as a Julian date and as a datetime64
_CONSTANT_OF = {  # the name of GM in the table of DE421, in au3 day-2; the Earth and the Moon share GMB
    "sun": "GMS",
    "mercury": "GM1",
    "venus": "GM2",
    "mars": "GM4",
    "jupiter": "GM5",
    "saturn": "GM6",
    "uranus": "GM7",
    "neptune": "GM8",
    "pluto": "GM9",
}
_UNITS = {"position": "km", "velocity": "km s-1", "acceleration": "km s-2"}


def open_planets(
    path: Path,
    *,
    times: Any = None,
    start: str | np.datetime64 = "1980-01-01",
    stop: str | np.datetime64 = "2020-01-01",
    step_days: float = 1.0,
    bodies: tuple[str, ...] | None = None,
    center: str = BARYCENTER,
) -> xr.Dataset:
    r"""Positions, velocities and accelerations of the Sun, the Moon and the planets.

    Parameters
    ----------
    path: the shipped file; `open_dataset("planets", ...)` supplies it.
    times: instants of TDB, `datetime64` or ISO 8601 strings, in any order. Instead of start, stop and step_days.
    start, stop: first and last instant; `stop` is included when a step lands on it.
    step_days: spacing in days (rounded to 1 ns).
    bodies: some of `symdyn.data.ephemeris.BODIES`; all of them, less the center, by default.
    center: origin of the coordinates, "solar system barycenter" (inertial) or a body, as in "sun" (not inertial).

    Returns a Dataset over (time, body, component): `position` [km], `velocity` [km s-1], `acceleration` [km s-2]
    along the axes of the ICRF, and `gm` (body) [km3 s-2]. Attributes: `speed_of_light` [km s-1], `frame`, `center`,
    `inertial`, `time_scale`.

    Raises InputError for an instant outside of 1980-2020, an unknown body or center, or a step that is not
    positive.

    Reference: Folkner, Williams and Boggs (2009), The Planetary and Lunar Ephemeris DE 421, IPN Progress Report 42-178.

    >>> from symdyn.data.registry import open_dataset
    >>> ds = open_dataset("planets", times=["2000-01-01T12:00"], bodies=("earth", "mars"))
    >>> dict(ds.sizes)
    {'time': 1, 'body': 2, 'component': 3}
    >>> print(f"{float((ds.velocity.sel(body='earth') ** 2).sum() ** 0.5):.1f} km/s")
    30.3 km/s
    """
    import xarray as xr

    instants = _instants(times, start, stop, step_days)
    series = _Series(path)
    names = _names(bodies, center)
    states = np.stack([series.state(body, instants) for body in names], axis=2)  # (order, time, body, component)
    if center != BARYCENTER:
        states -= series.state(center, instants)[:, :, None, :]
    dims = ("time", "body", "component")
    ds = xr.Dataset(
        {name: (dims, values, {"units": _UNITS[name]}) for name, values in zip(_UNITS, states, strict=True)},
        coords=_coordinates(instants, names),
        attrs=_attributes(center, series.constants),
    )
    ds["position"].attrs["long_name"] = f"position relative to the {center}"
    ds["velocity"].attrs |= {"long_name": "velocity, the exact derivative of the series", "rate_of": "position"}
    ds["acceleration"].attrs |= {"long_name": "acceleration, the exact second derivative", "rate_of": "velocity"}
    gm = [series.gm(body) for body in names]
    ds["gm"] = ("body", gm, {"units": "km3 s-2", "long_name": "mass times the constant of gravitation"})
    return ds


class _Series:
    """The arrays of the file, and the state of one body at many instants."""

    def __init__(self, path: Path):
        self.arrays = _load(Path(path))
        self.constants = dict(
            zip(self.arrays["const_names"].tolist(), self.arrays["const_values"].tolist(), strict=True)
        )

    def state(self, body: str, instants: np.ndarray) -> np.ndarray:
        """Barycentric position, velocity and acceleration, (3, time, component), in km and s."""
        if body not in ("earth", "moon"):
            return self._evaluate(body, instants)
        # The file holds the barycenter of the Earth and the Moon, and the Moon relative to the Earth.
        barycenter, moon = self._evaluate("earthmoon", instants), self._evaluate("moon", instants)
        ratio = self.constants["EMRAT"]  # mass of the Earth / mass of the Moon
        return barycenter + moon * (ratio / (1 + ratio)) if body == "moon" else barycenter - moon / (1 + ratio)

    def gm(self, body: str) -> float:
        """GM in km3 s-2."""
        c = self.constants
        unit = c["AU"] ** 3 / 86400.0**2
        if body in ("earth", "moon"):
            return c["GMB"] * unit * (c["EMRAT"] if body == "earth" else 1.0) / (1 + c["EMRAT"])
        return c[_CONSTANT_OF[body]] * unit

    def _evaluate(self, name: str, instants: np.ndarray) -> np.ndarray:
        coefficients = self.arrays[name]  # (interval, component, order)
        first_jd, days = self.arrays[f"{name}_t"]
        length = round(days) * _DAY
        origin = _EPOCH[1] + np.timedelta64(round(first_jd - _EPOCH[0]) * _DAY, "ns")
        interval, rest = np.divmod((instants - origin).astype(np.int64), length)
        tau = (2 * rest - length) / length  # both integers are below 2^53: one rounding, that of the division
        c = np.moveaxis(coefficients[interval], 2, 0)  # (order, time, component)
        chebyshev, rate = np.polynomial.chebyshev, 2.0 / (length * 1e-9)
        out = []
        for _ in range(3):
            out.append(chebyshev.chebval(tau[:, None], c, tensor=False))
            c = chebyshev.chebder(c, scl=rate)
        return np.stack(out)


@functools.lru_cache(maxsize=2)
def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def _instants(times: Any, start: Any, stop: Any, step_days: float) -> np.ndarray:
    if times is None:
        if not (np.isfinite(step_days) and step_days * _DAY >= 1):
            raise InputError(f"`step_days` must be positive, got {step_days!r}")
        first, last, step = _parse(start), _parse(stop), np.timedelta64(round(step_days * _DAY), "ns")
        if first.ndim or last.ndim or last < first:
            raise InputError(f"`start` and `stop` must be two instants in order, got {start!r} and {stop!r}")
        return first + np.arange(int((last - first) // step) + 1) * step
    out = np.atleast_1d(_parse(times))
    if out.ndim != 1 or out.size == 0:
        raise InputError(f"`times` must be a non-empty list of instants, got shape {out.shape}")
    return out


def _parse(times: Any) -> np.ndarray:
    try:
        # In microseconds first: far outside of the range of datetime64[ns], an instant wraps around silently.
        coarse = np.asarray(times, dtype="datetime64[us]")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"cannot read instants from {times!r}: give datetime64 or ISO 8601 strings") from error
    outside = np.atleast_1d(coarse)[~np.atleast_1d((coarse >= FIRST) & (coarse <= LAST))]  # NaT as well
    if outside.size:
        raise InputError(
            f"the ephemeris covers 1980-01-01 to 2020-01-01 (TDB); {outside.size} of {coarse.size} instants lie "
            f"outside, the first being {outside[0]}"
        )
    return np.asarray(times, dtype="datetime64[ns]")


def _names(bodies: tuple[str, ...] | None, center: str) -> tuple[str, ...]:
    if center not in (BARYCENTER, *BODIES):
        raise InputError(f"unknown center {center!r}; there are {BARYCENTER!r} and {', '.join(BODIES)}")
    if bodies is None:
        return tuple(body for body in BODIES if body != center)
    names = (bodies,) if isinstance(bodies, str) else tuple(bodies)
    unknown = [body for body in names if body not in BODIES]
    if unknown or not names or len(set(names)) < len(names):
        raise InputError(f"`bodies` must be different names out of {', '.join(BODIES)}; got {names!r}")
    return names


def _coordinates(instants: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    time = {"axis": "T", "standard_name": "time", "long_name": "barycentric dynamical time (TDB)", "time_scale": "TDB"}
    return {
        "time": ("time", instants, time),
        "body": ("body", list(names), {"cf_role": "trajectory_id", "long_name": "body"}),
        "component": ("component", ["x", "y", "z"], {"long_name": "axis of the ICRF"}),
    }


def _attributes(center: str, constants: dict[str, float]) -> dict[str, Any]:
    inertial = center == BARYCENTER
    note = "inertial: the barycenter is not accelerated"
    if not inertial:
        note = f"not inertial: the acceleration of the {center} is subtracted from that of every body (indirect terms)"
    return {
        "Conventions": "CF-1.8",
        "frame": "ICRF",
        "center": center,
        "inertial": int(inertial),
        "inertial_comment": note,
        "time_scale": "TDB",
        "speed_of_light": constants["CLIGHT"],
        "speed_of_light_units": "km s-1",
        "astronomical_unit": constants["AU"],
        "astronomical_unit_units": "km",
        "comment": (
            "DE421 is an integration of the equations of Newton and of the first post-Newtonian order of general "
            "relativity, fitted to observations: what is recovered from it is the law that this ephemeris obeys."
        ),
    }
