"""`simulate_field`: a law of fields integrated on the grid of its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from warnings import warn

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._types import StateSpace, Variable
from symdyn.fields import Box, Fields, Grid
from symdyn.model.fields.box import on_box
from symdyn.model.fields.given import Given, first_values, held_names
from symdyn.model.fields.law import FieldLaw, field_law
from symdyn.model.fields.periodic import on_waves
from symdyn.model.fields.smoothing import smoothed_start
from symdyn.model.fields.sphere import on_sphere

HIGH = 2 / 3  # of the highest wave: where noise and truncation live
GROWTH = np.log(10.0)  # over the whole time, from which on short waves are told to be unstable


def simulate_field(
    law,
    start,
    times: Any = None,
    *,
    given: Given = None,
    boundary: Fields | None = None,
    smooth: bool = False,
    rtol: float = 1e-6,
    method=None,
    max_steps: int = 100_000,
) -> Fields:
    r"""Integrate a law of fields from a start, on the grid of the start, in float64.

    On periodic axes derivatives are those of Fourier series, products are made on a finer grid so that no wave is taken
    for another, and the linear part (with nonlinear diffusion about the mean) is integrated exactly, so that high
    derivatives cost no small steps. On a sphere fluxes are integrated against spherical harmonics up to 2/3 of the
    latitudes. On axes with ends derivatives are differences of fourth order, and the outermost samples are prescribed,
    since a law says nothing of what comes in from outside.

    Parameters
    ----------
    law: what `identify_field` found, or its model.
    start: fields on a grid; where it has a time the first instant is the start. A law of second order needs the rates
        too, as fields `u_rate`; without them they come from the first instants by differences.
    times: where the fields are wanted, increasing, (t,), in the unit of the law; the first is the time of the start. By
        default the times of `start`.
    given: what the law needs and does not move: names of fields that stay as they are at the start (the sine of
        latitude); or a function `(grid, values by name) -> values by name` of JAX arrays that diagnoses them at each
        instant (`RotationalWind`); what it does not give stays as it is at the start.
    boundary: fields over the times whose values near the ends of axes are prescribed; without it those of the start
        stay. Of no meaning on periodic axes.
    smooth: leave out of a noisy start, where all axes are periodic, the waves from which on there is noise alone.
    rtol: relative tolerance; the absolute one is rtol times the size of each field (of its largest wave).
    method: a solver of diffrax for axes with ends: `Kvaerno5` for small grids and `Tsit5` for large ones by default.
    max_steps: most steps before giving up.

    Returns `Fields` of the evolving fields over the times. Warns where the law amplifies the shortest waves more than
    tenfold over the time, as diffusion with a negative coefficient does: what it gives is then amplified noise.

    Raises InputError for a law that does not say how all its fields change, or that the grid cannot take; SymdynError
    where the integration stops early.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> fields = sd.open_fields(sd.make_fields("burgers"), ["u"], periodic=["x"])
    >>> law = sd.identify_field(fields)
    >>> run = sd.simulate_field(law, fields)
    >>> bool(np.abs(run.component("u") - fields.component("u")).max() < 1e-3)
    True
    """
    model = getattr(law, "model", law)
    known = field_law(model)
    if not isinstance(start, Fields):
        raise InputError(f"the start must be Fields on a grid, got {type(start).__name__}; use sd.open_fields(data)")
    if isinstance(given, Mapping):
        raise InputError("given takes names of fields of the start, or a function; put values into the start")
    axes, wanted = start.grid.space_axes, model.terms.space.differentiated
    if tuple(axis.name for axis in axes) != tuple(wanted):
        raise InputError(f"the law has the axes {', '.join(wanted)}; the start has {', '.join(a.name for a in axes)}")
    clock = _times(start, times)
    held = held_names(known, start, given)
    first = first_values(known, smoothed_start(start) if smooth else start)
    _warn_of_growth(known, start.grid, clock)
    if start.grid.sphere is not None:
        found = on_sphere(known, start, first, held, given, clock, rtol, max_steps)
    elif all(axis.period is not None for axis in axes):
        found = on_waves(known, start, first, held, given, clock, rtol, max_steps)
    elif known.rule.pieces is None:
        raise InputError("laws on axes with ends are simulated where their terms are polynomials in jets, or fluxes")
    else:
        found = on_box(known, start, first, held, given, clock, rtol, max_steps, boundary, method)
    return _fields(known, start, clock, found, model.time_unit)


def _times(start: Fields, times) -> np.ndarray:
    if times is None and start.grid.time is None:
        raise InputError("say the times: the start has none")
    values = start.grid.time.points if times is None and start.grid.time is not None else times
    out = np.asarray(getattr(values, "values", values), np.float64)
    if out.ndim != 1 or len(out) < 3 or not np.isfinite(out).all() or (np.diff(out) <= 0).any():
        raise InputError(f"times must be at least 3 finite, increasing numbers, got the shape {out.shape}")
    return out


def _warn_of_growth(law: FieldLaw, grid: Grid, times: np.ndarray) -> None:
    """Warn where the linear part amplifies the shortest waves."""
    if grid.sphere is not None or law.rule.pieces is None:
        return
    numbers, share = [], np.zeros(())
    for k, axis in enumerate(grid.space_axes):
        shape = [-1 if j == k else 1 for j in range(len(grid.space_axes))]
        waves = np.linspace(-1.0, 1.0, 41).reshape(shape)
        numbers.append(np.pi / axis.spacing * waves)
        share = np.maximum(share, np.abs(waves))
    growth = law.growth(numbers) * (times[-1] - times[0])
    worst = float(growth[share > HIGH].max())
    if worst > GROWTH:
        warn(
            f"the law amplifies the shortest waves of this grid by a factor of 1e{worst / np.log(10):.0f} over the "
            "time: it is unstable (diffusion with the wrong sign?), and what comes out is amplified noise; constrain "
            "the sign of the coefficient, or take a coarser grid or shorter times",
            SymdynWarning,
            stacklevel=3,
        )


def _fields(law: FieldLaw, start: Fields, clock: np.ndarray, found: np.ndarray, time_unit: str) -> Fields:
    time = start.grid.time
    name, unit = ("t", time_unit) if time is None else (time.name, time.unit)
    grid = Grid(start.grid.space, time=Box(name, clock, unit))  # pyright: ignore[reportArgumentType]
    own = {v.name: v for v in start.space.variables if set(v.component_names) <= set(law.evolving)}
    space, values = [], []
    for component in law.evolving:
        if any(component in v.component_names for v in space):
            continue
        owner = next((v for v in own.values() if component in v.component_names), Variable(component))
        space.append(owner)
        values += [found[:, law.evolving.index(each)] for each in owner.component_names]
    provenance = {**start.provenance, "source": "simulated by symdyn from a law of fields (simulate_field)"}
    return replace(
        start, grid=grid, space=StateSpace(tuple(space)), values=tuple(values), vectors=(), provenance=provenance
    )
