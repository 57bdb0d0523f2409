"""Fields of known partial differential equations, simulated on request: data with a truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import equinox as eqx
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data._names import unknown_name
from symdyn.data.systems import parameters_of, times_of
from symdyn.fields.axes import Periodic
from symdyn.fields.exponential import integrated_waves
from symdyn.fields.harmonics import Harmonics
from symdyn.fields.sphere import Sphere
from symdyn.fields.systems._periodic import PERIODIC
from symdyn.fields.systems._sphere import SPHERE
from symdyn.fields.systems.system import FieldSystem
from symdyn.fields.waves import Waves

if TYPE_CHECKING:
    import jax
    import xarray as xr

FIELD_SYSTEMS: dict[str, FieldSystem] = {system.name: system for system in (*PERIODIC, *SPHERE)}
LONG = {"x": "X", "y": "Y"}


def make_fields(
    system: str,
    *,
    times: Any = None,
    shape: int | tuple[int, ...] | None = None,
    length: float | tuple[float, ...] | None = None,
    start: Mapping[str, Any] | None = None,
    noise: float = 0.0,
    rtol: float = 1e-8,
    key: jax.Array | None = None,
    **parameters: float,
) -> xr.Dataset:
    r"""Simulate a partial differential equation: spectral in space, the linear part exact in time, the rest by diffrax.

    Parameters
    ----------
    system: a name out of `symdyn.FIELD_SYSTEMS`.
    times: instants, (time,), increasing; the first is that of the start. Each system has its own default.
    shape: samples along each axis of space, in the order of the dimensions (y, x); (latitudes, longitudes) on a sphere,
        whose latitudes are Gaussian.
    length: of the periodic axes.
    start: initial values of the variables: arrays of this shape, or functions of the coordinates in the order of the
        dimensions (on a sphere in radians). By default smooth random fields drawn with `key` (that of
        `jax.random.key(0)` without one): the same fields at any resolution.
    noise: standard deviation of white noise added at the end, as a fraction of the root mean square of each variable.
    rtol: tolerance of each step, relative to the largest wave.
    key: JAX PRNG key; needed for noise.
    **parameters: by name; see `FIELD_SYSTEMS[system].parameters`.

    Returns a Dataset with dims (time, *axes), the attributes `equations` and `parameters` (JSON), and `periodic`: the
    names of the periodic axes, for `open_fields(data, periodic=...)`. Waves that change sign from sample to sample, and
    on a sphere degrees beyond 2/3 of the latitudes, are left out of the start.

    Raises InputError for an unknown system or parameter, times, starts or shapes that do not fit, or a key that is
    missing; SymdynError where the solution cannot be continued to the last time.

    Reference: Canuto, Hussaini, Quarteroni, Zang 2006, Spectral Methods.

    Examples
    --------
    >>> import jax, symdyn as sd
    >>> data = sd.make_fields("burgers", noise=0.01, key=jax.random.key(0), viscosity=0.1)
    >>> dict(data.sizes), data.attrs["equations"]
    ({'time': 201, 'x': 256}, 'u_t = -u u_x + viscosity u_xx')
    >>> fields = sd.open_fields(data, ["u"], periodic=["x"])
    >>> sd.identify_field(fields).active_terms
    ('(u^2)_x', 'u_xx')
    """
    import jax

    entry = FIELD_SYSTEMS.get(system)
    if entry is None:
        raise InputError(unknown_name("system of fields", system, FIELD_SYSTEMS))
    values = parameters_of(entry, parameters, make_fields)
    clock = times_of(entry, times)
    if not (np.isfinite(noise) and noise >= 0) or (noise > 0 and key is None):
        raise InputError(f"noise is a fraction of the signal and needs key, got {noise!r} and key {key!r}")
    basis = _basis(entry, shape, length, values)
    with double_precision():
        start_key, noise_key = jax.random.split(jax.random.key(0) if key is None else key)
        first = _start(entry, basis, start, start_key, values)
        found = _integrated(entry, basis, first, clock, values, rtol)
        arrays = _values(entry, basis, found, values)
        levels = {name: noise * float(np.sqrt(np.mean(each**2))) for name, each in arrays.items()}
        if noise > 0:
            keys = jax.random.split(noise_key, len(arrays))
            for each, (name, array) in zip(keys, arrays.items(), strict=True):
                arrays[name] = array + levels[name] * np.asarray(jax.random.normal(each, array.shape, "float64"))
    return _dataset(entry, basis, arrays, clock, values, noise, rtol, levels)


class _Rates(eqx.Module):
    """The rates of a system without its linear part, for the real and imaginary parts of the coefficients."""

    rest: Any = eqx.field(static=True)
    basis: Waves | Harmonics = eqx.field(static=True)
    parameters: dict[str, Any]

    def __call__(self, t, y):
        import jax
        import jax.numpy as jnp

        fields = jax.lax.complex(*y)
        out = jnp.stack(self.rest(self.basis, *fields, **self.parameters))
        return jnp.stack([out.real, out.imag])


def _integrated(entry: FieldSystem, basis, first: np.ndarray, clock, values, rtol: float) -> np.ndarray:
    """Coefficients (t, variable, *waves)."""
    linear = np.stack([np.broadcast_to(each, basis.shape) for each in entry.linear(basis, **values)]).astype(complex)
    rates = _Rates(entry.rest, basis, {name: np.float64(value) for name, value in values.items() if name != "radius"})
    if "radius" in values:  # that of the grid
        rates = _Rates(entry.rest, basis, {**rates.parameters, "radius": np.float64(values["radius"])})
    return integrated_waves(rates, linear, first, clock, rtol=rtol)


def _basis(entry: FieldSystem, shape, length, values: Mapping[str, float]) -> Waves | Harmonics:
    d = len(entry.axes)
    counts = tuple(np.broadcast_to(entry.shape if shape is None else shape, d).tolist())
    if entry.on_sphere:
        if length is not None:
            raise InputError(f"{entry.name!r} lies on a sphere: say radius instead of length")
        if min(counts) < 16:
            raise InputError(f"a sphere needs at least 16 latitudes and longitudes, got {counts}")
        return Harmonics(Sphere.gaussian(*counts, radius=values["radius"]))
    lengths = np.broadcast_to(entry.length if length is None else length, d).tolist()
    axes = zip(entry.axes, lengths, counts, strict=True)
    return Waves(tuple(Periodic(name, 0.0, float(size), int(n)) for name, size, n in axes), entry.degree)


def _start(entry: FieldSystem, basis, start, key, values) -> np.ndarray:
    """Coefficients (variable, *waves)."""
    if start is None:
        return np.stack([np.asarray(each) for each in entry.start(key, basis, values)])
    if not isinstance(start, Mapping) or set(start) != set(entry.variables):
        raise InputError(f"start of {entry.name!r} is a mapping from {', '.join(entry.variables)}, got {start!r:.80}")
    if isinstance(basis, Waves):
        mesh = np.meshgrid(*(axis.points for axis in basis.axes), indexing="ij")
    else:
        mesh = np.meshgrid(basis.sphere.latitude.array, basis.sphere.longitude.array, indexing="ij")
    out = []
    for name in entry.variables:
        given = start[name](*mesh) if callable(start[name]) else start[name]
        array = np.asarray(given, np.float64)
        if array.shape != mesh[0].shape or not np.isfinite(array).all():
            raise InputError(f"start of {name!r} needs finite values of shape {mesh[0].shape}, got {array.shape}")
        out.append(np.asarray(basis.transformed(array) if isinstance(basis, Waves) else basis.analysed(array)))
    return np.stack(out)


def _values(entry: FieldSystem, basis, found: np.ndarray, values) -> dict[str, np.ndarray]:
    """Values (t, *axes) of the variables and what follows from them."""
    fields = {name: found[:, k] for k, name in enumerate(entry.variables)}
    if isinstance(basis, Harmonics):
        arrays = {name: np.asarray(basis.points(each)) for name, each in fields.items()}
        also = {} if entry.also is None else entry.also(basis, fields, values)
        return arrays | {name: np.asarray(each) for name, each in also.items()}
    if entry.also is not None:
        fields |= entry.also(basis, fields, values)
    return {name: np.asarray(basis.points(each, fine=False)) for name, each in fields.items()}


def _dataset(entry: FieldSystem, basis, arrays, clock, values, noise: float, rtol: float, levels) -> xr.Dataset:
    import xarray as xr

    when = {"axis": "T", "standard_name": "time", "units": entry.units.get("time", "1"), "long_name": "time"}
    coords: dict[str, Any] = {"time": ("time", clock, when)}
    if isinstance(basis, Waves):
        for axis in basis.axes:
            about = {"axis": LONG[axis.name], "units": "1", "long_name": axis.name}
            coords[axis.name] = (axis.name, axis.points, about)
    else:
        for name, long, points in zip(
            ("lat", "lon"), ("latitude", "longitude"), (basis.sphere.latitude, basis.sphere.longitude), strict=True
        ):
            about = {"standard_name": long, "units": "degrees_north" if name == "lat" else "degrees_east"}
            coords[name] = (name, np.degrees(points.array), about)
    attrs = {
        "Conventions": "CF-1.11", "system": entry.name, "title": entry.title, "equations": entry.equations,
        "references": entry.citation, "parameters": json.dumps(values), "noise": float(noise),
        "periodic": " ".join(() if entry.on_sphere else entry.axes),
        "source": f"simulated by symdyn: {'spherical harmonics' if entry.on_sphere else 'Fourier series'} in space, "
        f"Tsitouras 5(4) with integrating factors (diffrax) in time, rtol {rtol:g}",
    }  # fmt: skip
    ds = xr.Dataset(coords=coords, attrs=attrs)
    for name, array in arrays.items():
        ds[name] = (("time", *entry.axes), array)
        ds[name].attrs = {"units": entry.units.get(name, "1"), "long_name": name.replace("_", " ")}
        if entry.on_sphere and name in ("u", "v"):
            ds[name].attrs["standard_name"] = "eastward_wind" if name == "u" else "northward_wind"
        if noise > 0:
            ds[name].attrs["noise_std"] = levels[name]
    return ds
