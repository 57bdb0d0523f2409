r"""Modes of fields: empirical orthogonal functions (proper orthogonal decomposition), weighted by area.

Anomalies are $x(t, s) - \bar x(s) = \sum_k a_k(t) e_k(s)$ with patterns that are orthonormal over space,
$\sum_s w_s e_k(s) e_l(s) = \delta_{kl}$ with $\sum_s w_s = 1$, so that a pattern has the root mean square 1 and an
amplitude the unit of the field. The $a_k$ are uncorrelated, and $e_1, \ldots, e_n$ leave the least of the variance of
all sets of n patterns (Lorenz 1956, MIT Statistical Forecasting Project, report 1; Holmes, Lumley, Berkooz 1996,
Turbulence, Coherent Structures, Dynamical Systems and Symmetry, chapter 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.checks import require_memory
from symdyn.fields.collection import Fields
from symdyn.fields.door import open_fields
from symdyn.fields.grid import Grid

if TYPE_CHECKING:
    import xarray as xr

AT_ONCE = 5  # copies of all values: as read, without holes, anomalies, scaled and weighted ones
DENSE = 3000  # samples or points up to which all modes are computed and the first ones kept
LEAST = 1e-12  # of the largest singular value: modes below are rounding


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of fields: what `modes` returns. As a Dataset (`to_xarray`) it goes into a file and comes back.

    `patterns`: a Dataset of the components over (mode, space), of root mean square 1, NaN where there were no values;
    `mean`: a Dataset over space; `explained` (n,): the share of the variance of each mode; `weights`: a DataArray over
    space with the sum 1 over the points and components that count; `scale`: what each component was divided by;
    `samples`: how many instants there were; `time`: the name of the time.

    Examples
    --------
    >>> import symdyn as sd
    >>> winds = sd.open_dataset("winds_200hPa")[["u", "v"]]
    >>> year = sd.modes(winds, 3)
    >>> year.names, year.explained.round(2), dict(year.amplitudes(winds).sizes)
    (('u', 'v'), array([0.84, 0.07, 0.05]), {'time': 12, 'mode': 3})
    """

    patterns: xr.Dataset = field(repr=False)
    mean: xr.Dataset = field(repr=False)
    explained: np.ndarray
    weights: xr.DataArray = field(repr=False)
    scale: dict[str, float]
    samples: int
    time: str

    @property
    def names(self) -> tuple[str, ...]:
        """The components of the fields."""
        return tuple(str(name) for name in self.patterns.data_vars)

    @property
    def uncertain(self) -> np.ndarray:
        r"""The standard error of `explained` by sampling, $\lambda_k \sqrt{2 / m}$ for m independent instants.

        Modes closer than that mix (North, Bell, Cahalan, Moeng 1982, Monthly Weather Review 110, 699). Instants that
        follow each other closely are fewer than they look.
        """
        return self.explained * np.sqrt(2 / self.samples)

    def amplitudes(self, data, *, pairs: Mapping[str, tuple[int, int]] | None = None, **door: Any) -> xr.Dataset:
        """The amplitudes of the modes in fields: `amplitude` over (time, mode).

        Parameters
        ----------
        data: a Dataset with the same variables on the same grid, or `Fields`; what is missing at an instant is left out
            there (least squares on what is seen: Everson, Sirovich 1995, JOSA A 12, 1657).
        pairs: modes that belong together, by names, counted from 1: `{"wave": (1, 2)}` gives `wave` over (time,
            component), a vector for `identify`; the other modes are then `mode3`, `mode4`, ...
        door: keywords of `open_fields`.

        Raises InputError for fields on another grid, and for pairs of modes that do not exist.
        """
        import xarray as xr

        fields, coordinates = _opened(data, door)
        if fields.grid.time is None or fields.grid.time.name != self.time:
            raise InputError(f"amplitudes need fields with the time {self.time!r}; there is {fields.grid.names}")
        missing = [name for name in self.names if name not in fields.component_names]
        if missing or fields.grid.shape[1:] != self.weights.shape:
            raise InputError(
                f"the modes are of {', '.join(self.names)} on a grid of the shape {self.weights.shape}; the data have "
                f"{', '.join(fields.component_names)} on {fields.grid.shape[1:]}"
            )
        for name in map(str, self.weights.dims):
            places = self.weights[name].values, _points(coordinates[name])
            if not np.allclose(*places, rtol=0, atol=1e-3 * np.abs(np.diff(places[0])).min()):
                raise InputError(
                    f"the data lie at other places along {name!r} than the modes; sort or interpolate them"
                )
        values = np.stack([fields.component(name) for name in self.names], axis=1)
        found = self._projected(values.reshape(len(values), -1))
        labels = np.arange(1, len(self.explained) + 1)
        attrs = {"long_name": "amplitude of the mode", "units": self._unit}
        out = xr.Dataset(
            {"amplitude": ((self.time, "mode"), found, attrs)},
            {self.time: coordinates[self.time], "mode": labels},
        )
        return out if pairs is None else in_pairs(out, pairs)

    def field(self, amplitudes) -> xr.Dataset:
        """The fields of amplitudes over (time, mode): mean and patterns, fewer modes than there are if you like."""
        found = amplitudes["amplitude"] if hasattr(amplitudes, "data_vars") else amplitudes
        if "mode" not in found.dims:
            raise InputError(f"fields are made of amplitudes over (time, mode), got the dimensions {found.dims}")
        patterns = self.patterns.sel(mode=found["mode"])
        out = self.mean + (patterns * found).sum("mode", skipna=False) * self._scales()
        for name in self.names:
            out[name].attrs.update(self.mean[name].attrs)
        return out.transpose(..., *self.weights.dims)

    def to_xarray(self) -> xr.Dataset:
        """Patterns, means, weights and shares as one Dataset."""
        out = self.patterns.rename({name: f"{name}_pattern" for name in self.names})
        out = out.merge(self.mean.rename({name: f"{name}_mean" for name in self.names}))
        out["explained"] = ("mode", self.explained, {"long_name": "share of the variance", "units": "1"})
        out["weights"] = self.weights
        for name in self.names:
            out[f"{name}_pattern"].attrs["scale"] = self.scale[name]
        return out.assign_attrs(samples=self.samples, time=self.time, components=" ".join(self.names))

    @classmethod
    def from_xarray(cls, ds: xr.Dataset) -> Modes:
        """The modes that `to_xarray` made a Dataset of."""
        if "components" not in ds.attrs:
            raise InputError("this Dataset was not made by Modes.to_xarray")
        names = str(ds.attrs["components"]).split()
        patterns = ds[[f"{name}_pattern" for name in names]].rename({f"{name}_pattern": name for name in names})
        mean = ds[[f"{name}_mean" for name in names]].rename({f"{name}_mean": name for name in names})
        scale = {name: float(patterns[name].attrs["scale"]) for name in names}
        return cls(
            patterns.drop_attrs(deep=False), mean.drop_vars("mode", errors="ignore").drop_attrs(deep=False),
            np.asarray(ds["explained"].values), ds["weights"].drop_vars("mode", errors="ignore"), scale,
            int(ds.attrs["samples"]), str(ds.attrs["time"]),
        )  # fmt: skip

    @property
    def _unit(self) -> str:
        units = {str(self.mean[name].attrs.get("units", "")) for name in self.names}
        return units.pop() if len(units) == 1 and set(self.scale.values()) == {1.0} else "1"

    def _scales(self) -> xr.Dataset:
        import xarray as xr

        return xr.Dataset({name: ((), value) for name, value in self.scale.items()})

    def _projected(self, values: np.ndarray) -> np.ndarray:
        """Amplitudes (t, n) of values (t, components x points)."""
        flat = np.stack([self.patterns[name].values.reshape(len(self.explained), -1) for name in self.names], axis=1)
        flat = flat.reshape(len(self.explained), -1)
        mean = np.concatenate([self.mean[name].values.ravel() for name in self.names])
        scale = np.repeat([self.scale[name] for name in self.names], self.weights.size)
        weights = np.tile(self.weights.values.ravel(), len(self.names))
        live = np.isfinite(flat[0])
        basis, anomaly = flat[:, live], ((values - mean) / scale)[:, live]
        seen = np.isfinite(anomaly)
        out = np.where(seen, anomaly, 0.0) * weights[live] @ basis.T
        for t in np.flatnonzero(~seen.all(axis=1)):
            root = np.sqrt(weights[live][seen[t]])
            enough = seen[t].sum() >= len(basis)
            out[t] = np.linalg.lstsq((basis[:, seen[t]] * root).T, anomaly[t, seen[t]] * root)[0] if enough else np.nan
        return out


def modes(data, n: int = 10, *, scale: Mapping[str, float] | None = None, missing: str = "raise", **door: Any) -> Modes:
    """The modes of fields that explain the most of their variance (EOF, POD), weighted by area.

    Parameters
    ----------
    data: an xarray Dataset or DataArray, or `Fields`; with a time. Points without any value, land say, are left out.
    n: how many modes.
    scale: what each component is divided by; by default 1 where all units are the same, else the root mean square of
        each component, so that each counts as much.
    missing: "raise", or "drop" points that have a value at some instants only.
    door: keywords of `open_fields`: `variables`, `time`, ...

    The sign of a mode is such that the largest value of its patterns is positive. The values are held in memory, about
    five times 8 bytes each.

    Raises InputError for fields without time or with fewer than two instants, values that are missing at times, and
    fields that do not fit the memory.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t, x = np.linspace(0.0, 20.0, 200), 2 * np.pi / 32 * np.arange(32)
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 32),), time=sd.Box("t", t))
    >>> wave = sd.modes(sd.Fields.of(grid, u=3 + np.cos(x - t[:, None])), 2)
    >>> wave.explained.round(2), wave.mean.u.values.round(1)[0]
    (array([0.52, 0.48]), np.float64(3.0))
    """
    if missing not in ("raise", "drop"):
        raise InputError(f'missing must be "raise" or "drop", got {missing!r}')
    fields, coordinates = _opened(data, door)
    grid, names = fields.grid, fields.component_names
    if grid.time is None or grid.shape[0] < 2:
        raise InputError(f"modes need fields at several instants; the grid has {', '.join(grid.names)}; say time=")
    require_memory(
        AT_ONCE * prod(grid.shape) * len(names), "the fields and their anomalies",
        "take fewer instants or a coarser grid (data.coarsen, data.isel)",
    )  # fmt: skip
    values = np.stack([fields.component(name) for name in names], axis=1).reshape(grid.shape[0], -1)
    live = _seen(values, names, grid, missing)
    mean = np.where(live, np.mean(np.where(live, values, 0.0), axis=0), np.nan)
    anomaly = (values - mean)[:, live]
    sizes = _scales(fields, anomaly, live, scale)
    weights = _weights(grid, live, len(names))
    root = np.sqrt(weights[live])
    values, right = _svd(anomaly / sizes[live] * root, min(n, len(anomaly) - 1, int(live.sum())))
    flat = np.full((len(right), live.size), np.nan)
    flat[:, live] = right / root
    flat *= np.sign(flat[np.arange(len(flat)), np.nanargmax(np.abs(flat), axis=1)])[:, None]
    total = float(np.sum((anomaly / sizes[live] * root) ** 2))
    return _packed(fields, coordinates, flat, mean, values**2 / total, weights, sizes)


def in_pairs(amplitudes: xr.Dataset, pairs: Mapping[str, tuple[int, int]]) -> xr.Dataset:
    """Amplitudes over (time, mode) as vectors by the names of pairs of modes, and scalars `mode3`, ... for the rest."""
    import xarray as xr

    found = amplitudes["amplitude"]
    modes = [int(k) for k in found["mode"].values]
    used = [int(k) for pair in pairs.values() for k in pair]
    if len(set(used)) != len(used) or not set(used) <= set(modes) or any(len(pair) != 2 for pair in pairs.values()):
        raise InputError(f"pairs name each mode once, out of {modes[0]} to {modes[-1]}; got {dict(pairs)}")
    time = str(found.dims[0])
    plain = found.drop_vars("mode")
    out = {
        name: xr.DataArray(
            plain.isel(mode=[modes.index(int(k)) for k in pair]).values, dims=(time, "component"), attrs=found.attrs
        )
        for name, pair in pairs.items()
    }
    rest = {f"mode{k}": plain.isel(mode=modes.index(k)) for k in modes if k not in used}
    return xr.Dataset(out | rest, {time: found[time], "component": ["x", "y"]})


def travelling_pairs(amplitudes: xr.Dataset, *, least: float = 0.8, alike: float = 3.0) -> dict[tuple[int, int], float]:
    r"""Pairs of modes that are one travelling wave: they rotate, with the coherence

    $$|\langle a \dot b - b \dot a \rangle| \, / \,
    (\sqrt{\langle a^2 \rangle \langle \dot b^2 \rangle} + \sqrt{\langle b^2 \rangle \langle \dot a^2 \rangle}),$$

    1 for a circle. Each mode goes into the best pair only, the most coherent ones first.

    Parameters
    ----------
    amplitudes: `amplitude` over (time, mode).
    least: the coherence of a pair.
    alike: the largest ratio of the variances of the two.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t, x = np.linspace(0.0, 20.0, 200), 2 * np.pi / 32 * np.arange(32)
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 32),), time=sd.Box("t", t))
    >>> wave = sd.Fields.of(grid, u=np.cos(x - t[:, None]))
    >>> {pair: round(c, 2) for pair, c in sd.travelling_pairs(sd.modes(wave, 2).amplitudes(wave)).items()}
    {(1, 2): 1.0}
    """
    found = amplitudes["amplitude"]
    live = found.values[np.isfinite(found.values).all(axis=1)]
    a = live - live.mean(axis=0)
    rate, middle = a[2:] - a[:-2], a[1:-1]
    size, speed = np.sqrt(np.mean(middle**2, axis=0)), np.sqrt(np.mean(rate**2, axis=0))
    turning = middle.T @ rate / len(middle)
    chances = []
    for i, j in combinations(range(a.shape[1]), 2):
        most = max(size[i] * speed[j] + size[j] * speed[i], 1e-300)
        coherence = abs(turning[i, j] - turning[j, i]) / most
        if coherence >= least and max(size[i], size[j]) ** 2 <= alike * min(size[i], size[j]) ** 2:
            chances.append((float(coherence), i, j))
    out, used, labels = {}, set(), found["mode"].values
    for coherence, i, j in sorted(chances, reverse=True):
        if not used & {i, j}:
            out[int(labels[i]), int(labels[j])] = coherence
            used |= {i, j}
    return out


def _opened(data, door: dict[str, Any]) -> tuple[Fields, dict[str, Any]]:
    """Fields, and the coordinates of their axes as xarray wants them."""
    if isinstance(data, Fields):
        places = () if data.grid.sphere is None else data.grid.sphere.names
        compass = dict(zip(places, ("degrees_north", "degrees_east"), strict=False))
        points = {a.name: np.degrees(a.points) if a.name in compass else a.points for a in data.grid.axes}
        units = {a.name: {"units": compass.get(a.name, a.unit)} for a in data.grid.axes}
        return data, {name: (name, values, units[name]) for name, values in points.items()}
    fields = open_fields(data, **door)
    return fields, {name: data[name].variable for name in fields.grid.names}


def _points(coordinate) -> np.ndarray:
    """The values of a coordinate, of a Dataset or as a tuple (dimension, values, attributes)."""
    return np.asarray(coordinate[1] if isinstance(coordinate, tuple) else coordinate.values)


def _seen(values: np.ndarray, names: tuple[str, ...], grid: Grid, missing: str) -> np.ndarray:
    """Which points of which components have values at all instants, (components x points,)."""
    finite = np.isfinite(values)
    live = np.asarray(finite.all(axis=0))
    partly = finite.any(axis=0) & ~live
    if partly.any() and missing == "raise":
        first = names[int(np.flatnonzero(partly)[0]) // int(np.prod(grid.shape[1:]))]
        raise InputError(
            f"{int(partly.sum())} points have values at some instants only, of {first!r} first; fill them, leave out "
            'the instants, or the points with missing="drop"'
        )
    if not live.any():
        raise InputError("no point has a value at all instants")
    return live


def _scales(fields: Fields, anomaly: np.ndarray, live: np.ndarray, scale: Mapping[str, float] | None) -> np.ndarray:
    """What each component is divided by, at each of its points: (components x points,)."""
    names = fields.component_names
    if scale is not None:
        wrong = [name for name in scale if name not in names] + [name for name in names if name not in scale]
        if wrong or min(scale.values()) <= 0:
            raise InputError(f"scale gives a positive number for each of {', '.join(names)}, got {dict(scale)}")
        return np.repeat([float(scale[name]) for name in names], live.size // len(names))
    units = {variable.unit for variable in fields.space.variables}
    if len(units) == 1:
        return np.ones(live.size)
    owner = np.repeat(np.arange(len(names)), live.size // len(names))
    squares = np.bincount(owner[live], np.mean(anomaly**2, axis=0), len(names))
    sizes = np.sqrt(squares / np.maximum(np.bincount(owner[live], minlength=len(names)), 1))
    return np.where(sizes > 0, sizes, 1.0)[owner]


def _weights(grid: Grid, live: np.ndarray, components: int) -> np.ndarray:
    """Weights of the area with the sum 1 over the live points of one component on average, (components x points,)."""
    weights = np.tile(np.broadcast_to(grid.volume, grid.shape[1:]).ravel(), components)
    return weights * components / weights[live].sum()


def _svd(matrix: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first n singular values and right vectors (n, s), without those that are rounding."""
    from scipy.linalg import svd
    from scipy.sparse.linalg import svds

    if n < 1:
        raise InputError(f"the number of modes is at least 1, got {n!r}")
    if min(matrix.shape) <= DENSE or n > min(matrix.shape) // 3:
        found = svd(matrix, full_matrices=False)
    else:
        found = svds(matrix, k=n, rng=np.random.default_rng(0))
    values, right = np.asarray(found[1]), np.asarray(found[2])
    order = np.argsort(values)[::-1][:n]
    order = order[values[order] > LEAST * values.max(initial=0.0)]
    if not len(order):
        raise InputError("the fields do not change in time")
    return values[order], right[order]


def _packed(fields: Fields, coordinates, flat, mean, explained, weights, sizes) -> Modes:
    import xarray as xr

    grid, names = fields.grid, fields.component_names
    assert grid.time is not None
    dims, shape = grid.names[1:], grid.shape[1:]
    coords = {name: coordinates[name] for name in dims}
    units = [v.unit for v in fields.space.variables for _ in v.component_names]
    stacked = flat.reshape(len(flat), len(names), *shape)
    labels = np.arange(1, len(flat) + 1)
    patterns = xr.Dataset(
        {name: (("mode", *dims), stacked[:, k], {"units": "1"}) for k, name in enumerate(names)},
        coords | {"mode": labels},
    )
    means = mean.reshape(len(names), *shape)
    middle = xr.Dataset({name: (dims, means[k], {"units": units[k]}) for k, name in enumerate(names)}, coords)
    scale = {name: float(sizes.reshape(len(names), -1)[k, 0]) for k, name in enumerate(names)}
    area = xr.DataArray(weights.reshape(len(names), *shape)[0], coords, dims, attrs={"long_name": "weight of the area"})
    return Modes(patterns, middle, explained, area, scale, grid.shape[0], grid.time.name)
