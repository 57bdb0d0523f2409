r"""The weak form of laws of fields: rows of means over windows in space and time, without derivatives of the data.

For a law $\partial_t u = \sum_k w_k D^{\alpha_k} g_k(u)$ and a bump $\phi$ that vanishes at the edge of its window

$$-\int \phi_t u = \sum_k w_k (-1)^{|\alpha_k|} \int D^{\alpha_k} \phi \; g_k(u)$$

(Gurevich, Reinbold, Grigoriev 2019, Chaos 29, 103113; Messenger, Bortz 2021, J. Comput. Phys. 443, 110525). Both sides
are divided by $\int \phi$, so that a row is a weighted mean of the law over its window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any
from uuid import uuid4

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.data.chunked import on_cluster
from symdyn.fields.collection import Fields
from symdyn.fields.contraction import block_means
from symdyn.fields.form import FieldWeakForm, window_strides, window_widths
from symdyn.fields.grid import Grid
from symdyn.fields.noise import noise_moments
from symdyn.fields.plan import Plan, make_plan, parts_of
from symdyn.fields.terms import FluxTerms, Part
from symdyn.fields.units import unit_product
from symdyn.fields.windows import AxisWindows, Key, axis_kernel, axis_windows, dense
from symdyn.library import AbstractLibrary, AbstractTerms

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]
BLOCK = 2**26  # numbers of the data that are held at once: 512 MiB


@dataclass(frozen=True, eq=False)
class FieldRows:
    """Rows of a regression of fields: what `design_moments` takes, with what is known of them.

    `design` (m, p), or (m, p, d) where terms are vectors; `targets` (m, d); `weights` (m,), 0 where a window touches a
    missing value; `names` (p,); `target_names` (d,); `space`: the jets that the terms are functions of; `terms`;
    `centres` (m, axes): coordinates of the windows; `noise` (m, d): variance of a target for white noise of unit
    variance in the data; `half_widths`, `windows`: of each axis, by name and in its order; `units` (p,),
    `target_units` (d,): those of terms and targets, empty where they are not known; `problem`: what made the rows;
    `noise_moments` (p + d, p + d): what the noise of the data adds on average to the products of [design, targets],
    summed over the rows: to be taken from them before a least-squares problem is solved, which is otherwise drawn
    towards zero. None where no noise is significant, and for terms that are no polynomials.
    """

    design: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    names: tuple[str, ...]
    target_names: tuple[str, ...]
    space: StateSpace
    terms: AbstractTerms
    centres: np.ndarray
    noise: np.ndarray
    half_widths: dict[str, int]
    windows: tuple[int, ...]
    units: tuple[str, ...]
    target_units: tuple[str, ...]
    problem: WeakProblem
    memory: int = BLOCK

    @cached_property
    def noise_moments(self) -> np.ndarray | None:
        """What noise adds to the second moments of the rows as they are, (p + d, p + d)."""
        return weighted_noise_moments(self.problem, (self.weights > 0).astype(float), None, self.memory)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Rows of each contiguous run: one for all windows."""
        return (len(self.design),)


@dataclass(frozen=True, eq=False)
class WeakProblem:
    """A law in the weak form on a grid, ready to be evaluated block by block."""

    fields: Fields
    terms: AbstractTerms
    target_names: tuple[str, ...]
    target_components: tuple[int | None, ...]
    plan: Plan
    axes: tuple[AxisWindows, ...]
    half: int
    variance: np.ndarray

    @cached_property
    def kernels(self) -> tuple[dict[Key, np.ndarray], ...]:
        """The kernels (w, k) of each axis by their key."""
        grid = self.fields.grid
        return tuple(
            {key: axis_kernel(grid, number, windows, key) for key in self.plan.needed(number)}
            for number, windows in enumerate(self.axes)
        )

    @cached_property
    def inner(self) -> tuple[tuple[dict[Key, np.ndarray], ...], tuple[np.ndarray, ...]]:
        """Matrices of all axes but the first, and of which samples they reach."""
        whole = [
            (
                {k: dense(v, w.members, 0, w.n) for k, v in kernels.items()},
                dense(np.ones(w.members.shape), w.members, 0, w.n),
            )
            for kernels, w in zip(self.kernels[1:], self.axes[1:], strict=True)
        ]
        return tuple(each[0] for each in whole), tuple(each[1] for each in whole)

    def blocks(self, memory: int) -> Iterator[tuple[slice, int, int]]:
        """Windows of the first axis that go together, with the first sample and the number of samples they need."""
        first = self.axes[0]
        if (np.diff(first.members, axis=1) < 0).any() or self.fields.grid.time is None:  # it is differentiated along
            yield slice(0, first.size), 0, first.n
            return
        each = prod(self.fields.grid.shape[1:]) * max(len(self.plan.components), self._held)
        stride = max(int(np.median(np.diff(first.members[:, 0]))), 1) if first.size > 1 else 1
        room = max(memory // each - 2 * first.half - 1, 0)
        count = int(min(room // stride + 1, first.size))
        starts = range(0, first.size, count)
        ends = [first.members[min(start + count, first.size) - 1, -1] for start in starts]
        length = max(int(end - first.members[start, 0]) + 1 for start, end in zip(starts, ends, strict=True))
        for start in starts:
            yield slice(start, start + count), int(first.members[start, 0]), length

    @property
    def _held(self) -> int:
        """Numbers that are held at each point besides the data."""
        return len(self.plan.states) + self.terms.size * prod(self.terms.value_shape) if self.plan.states else 1

    def block(self, windows: slice, start: int, length: int) -> Rows:
        """Terms (rows, p) or (rows, p, d), targets (rows, d) and weights (rows,) of a block."""
        slab = self.fields.slab(start, min(start + length, self.axes[0].n), self.plan.components)
        return self.block_of(slab, windows, start, length)

    def block_of(self, slab: np.ndarray, windows: slice, start: int, length: int) -> Rows:
        """The rows of a block from its data, (components, samples, ...)."""
        first, grid = self.axes[0], self.fields.grid
        stop = min(start + length, first.n)
        members = first.members[windows]
        count = windows.stop - windows.start
        pad = lambda a: np.pad(a, ((0, count - len(members)), (0, 0)))  # noqa: E731
        kernels = {k: pad(dense(v[windows], members, start, length)) for k, v in self.kernels[0].items()}
        reach = pad(dense(np.ones(members.shape), members, start, length))
        holes = not np.isfinite(slab.sum())
        missing = length - slab.shape[1]
        if missing:  # what is beyond has no weight, but must be finite
            slab = np.pad(slab, ((0, 0), (0, missing), *((0, 0),) * (slab.ndim - 2)), mode="edge")
        leading = np.pad(grid.axes[0].points[start:stop], (0, missing), mode="edge")
        with double_precision():
            cells, clear, means, finite = block_means(
                self.plan, (kernels, *self.inner[0]), (reach, *self.inner[1]), jnp.asarray(slab), self.half, holes,
                jnp.asarray(leading), jnp.asarray(self.variance), self.terms if self.plan.states else None,
            )  # fmt: skip
            rows = np.asarray(self.plan.combination().T @ cells).T
            clear = np.broadcast_to(np.asarray(clear), (len(rows),))
        if not finite:
            raise InputError("a term is not finite at a point of the grid; drop it, or the points")
        design, targets = rows[:, : self.plan.terms], rows[:, self.plan.terms :]
        if means is not None:
            design = np.asarray(means).T.reshape(-1, self.terms.size, *self.terms.value_shape)
        real = len(members) * prod(w.size for w in self.axes[1:])
        return design[:real], targets[:real], clear[:real]


def field_rows(
    fields: Fields,
    library: AbstractLibrary,
    *,
    rate_of: str | tuple[str, ...] | AbstractLibrary | None = None,
    form: FieldWeakForm | None = None,
    order: int = 2,
    time_order: int = 1,
    memory: int = BLOCK,
) -> FieldRows:
    """The rows of a law of fields in the weak form.

    Parameters
    ----------
    fields: the data; read block by block along the first axis.
    library: `DivergenceForm`, `Fluxes`, or any library whose terms are monomials of jets (`Monomials`): derivatives are
        moved onto the bump as far as they go, and taken of the (smoothed) data beyond. Other terms are evaluated at
        the points, with derivatives of the data, and averaged.
    rate_of: the fields whose rates are sought, all by default; or `Fluxes`, whose terms are then differentiated by time
        (the vorticity of a wind).
    form: half widths and strides of the windows.
    order: the highest derivative of the jets that the library sees.
    time_order: which derivative by time the law explains; 0 for a balance, whose left-hand side is `rate_of` itself.
    memory: how many numbers of the data are held at once.

    Raises InputError for a grid without time, terms that are not finite, windows that do not fit.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t, x = np.linspace(0.0, 1.0, 60), 2 * np.pi / 64 * np.arange(64)
    >>> grid = sd.Grid((sd.Periodic("x", 0.0, 2 * np.pi, 64),), time=sd.Box("t", t))
    >>> heat = sd.Fields.of(grid, u=np.exp(-t[:, None]) * np.sin(x) + np.exp(-4 * t[:, None]) * np.cos(2 * x))
    >>> rows = sd.field_rows(heat, sd.DivergenceForm(1, order=2))
    >>> rows.names, np.round(np.linalg.lstsq(rows.design, rows.targets)[0][:, 0], 3) + 0.0
    (('u', 'u_x', 'u_xx'), array([0., 0., 1.]))
    """
    problem = weak_problem(fields, library, rate_of=rate_of, form=form, order=order, time_order=time_order)
    parts = _evaluated(problem, memory)
    design, targets, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return FieldRows(
        design, targets, weights, problem.terms.names, problem.target_names, problem.terms.space,
        problem.terms, _centres(problem, form), _noise(problem),
        {axis.name: w.half for axis, w in zip(fields.grid.axes, problem.axes, strict=True)},
        tuple(w.size for w in problem.axes), *_units(problem), problem, memory,
    )  # fmt: skip


def _evaluated(problem: WeakProblem, memory: int) -> Sequence[Rows]:
    """The rows of all blocks in turn: by a cluster of dask where there is one for its arrays, else in a loop.

    Threads of one process would hold several blocks at once: they only read.
    """
    if not on_cluster() or not all(hasattr(values, "dask") for values in problem.fields.values):
        return [problem.block(*block) for block in problem.blocks(memory)]
    import dask
    import dask.array as da

    bare = replace(problem, fields=_Unread(problem.fields.grid))  # pyright: ignore[reportArgumentType]
    held: Any = dask.delayed(bare, name=f"windows-{uuid4().hex}", traverse=False)  # pyright: ignore[reportPrivateImportUsage]
    task = dask.delayed(_block_rows, pure=False)  # pyright: ignore[reportPrivateImportUsage]
    lazy = []
    for windows, start, length in problem.blocks(memory):
        stop = min(start + length, problem.axes[0].n)
        slab = da.stack([problem.fields.values[c][start:stop].astype(np.float64) for c in problem.plan.components])
        lazy.append(task(held, slab, windows, start, length))
    return dask.compute(*lazy)  # pyright: ignore[reportPrivateImportUsage]


@dataclass(frozen=True, eq=False)
class _Unread:
    """What stands for fields where their values come from elsewhere."""

    grid: Grid


def _block_rows(problem: WeakProblem, slab: np.ndarray, windows: slice, start: int, length: int) -> Rows:
    return problem.block_of(slab, windows, start, length)


def weak_problem(
    fields: Fields,
    library: AbstractLibrary,
    *,
    rate_of: str | tuple[str, ...] | AbstractLibrary | None = None,
    form: FieldWeakForm | None = None,
    order: int = 2,
    time_order: int = 1,
) -> WeakProblem:
    """Bind the library, plan the partial integrations and lay the windows. See `field_rows`."""
    grid, form = fields.grid, form or FieldWeakForm()
    if grid.time is None and time_order:
        raise InputError("a law of rates needs fields on a grid with a time; this one has " + ", ".join(grid.names))
    drift = None
    for axis, speed in dict(form.drift or ()).items():
        fields, drift = fields.moving(axis, speed), (grid.number(axis), speed)
    space = fields.jet_space(order)
    terms = library.on(space)
    parts = parts_of(terms)
    left, left_names, components = _left(fields, space, rate_of)
    left_terms = left if isinstance(left, FluxTerms) else None
    _check_metric(grid, terms, left_terms)
    groups = [(parts or (), 0, _curved(grid, terms)), (parts_of(left) or (), time_order, _curved(grid, left))]
    plan = make_plan(grid, space, groups, parts is None, drift)
    halves, smoothing, variance = window_widths(fields, form, plan)
    strides = window_strides(grid, form, halves)
    axes = tuple(axis_windows(grid, n, halves[n], strides[n], form.q, plan.highest(n)) for n in range(len(grid.axes)))
    return WeakProblem(fields, terms, left_names, components, plan, axes, smoothing, variance)


def _left(fields: Fields, space: StateSpace, rate_of):
    """What is differentiated by time: terms, their names, and the component of each where it is one."""
    if isinstance(rate_of, AbstractLibrary):
        terms = rate_of.on(space)
        return terms, terms.names, (None,) * terms.size
    names = (rate_of,) if isinstance(rate_of, str) else tuple(rate_of or fields.space.names)
    columns = space.indices(names)
    labels = tuple(space.component_names[c] for c in columns)
    still = (0,) * len(space.differentiated)
    parts = tuple((Part(1.0, still, ((int(c), 1),)),) for c in columns)
    places = tuple(fields.component_names.index(label) for label in labels)
    return FluxTerms(space=space, parts=parts, names=labels, latex=labels), labels, places


def _curved(grid: Grid, terms: AbstractTerms) -> bool:
    return grid.sphere is not None and isinstance(terms, FluxTerms) and terms.latitude is not None


def _check_metric(grid: Grid, *terms: AbstractTerms | None) -> None:
    for each in terms:
        if not isinstance(each, FluxTerms):
            continue
        outer = any(any(part.orders) for term in each.parts for part in term)
        if grid.sphere is None and each.latitude is not None:
            raise InputError(f"latitude={each.latitude!r} says that the fields lie on a sphere, but the grid has none")
        if (
            grid.sphere is not None
            and outer
            and (each.latitude, each.radius) != (grid.sphere.names[0], grid.sphere.radius)
        ):
            raise InputError(
                f"fluxes on this sphere need latitude={grid.sphere.names[0]!r}, radius={grid.sphere.radius!r}; the "
                f"library has {each.latitude!r}, {each.radius!r}"
            )


def _centres(problem: WeakProblem, form: FieldWeakForm | None) -> np.ndarray:
    """Coordinates of the windows, (m, axes), at rest."""
    mesh = np.meshgrid(*(w.centres for w in problem.axes), indexing="ij")
    centres, grid = np.stack([each.ravel() for each in mesh], axis=1), problem.fields.grid
    for name, speed in dict((form and form.drift) or ()).items():
        number = grid.number(name)
        first, period = grid.axes[number].points[0], grid.axes[number].period
        assert period is not None
        moved = centres[:, number] + speed * (centres[:, 0] - grid.axes[0].points[0])
        centres[:, number] = first + np.mod(moved - first, period)
    return centres


def weighted_noise_moments(
    problem: WeakProblem, weights: np.ndarray, area: np.ndarray | None, memory: int
) -> np.ndarray | None:
    """What noise adds to the second moments of rows of some weights (m,), (p + d, p + d); None where there is none.

    Windows without weight leave out their share; `area` (w,): what the windows on latitudes weigh by their place.
    """
    if not problem.variance.any() or problem.plan.states:
        return None
    by_axis = [np.ones(w.size) for w in problem.axes]
    if area is not None and problem.fields.grid.latitude is not None:
        by_axis[problem.fields.grid.latitude] = area
    whole = float(np.prod([each.sum() for each in by_axis]))
    moments = noise_moments(
        problem.fields, problem.plan, problem.axes, problem.kernels, problem.variance, by_axis, memory
    )
    return weights.sum() / whole * moments


def _units(problem: WeakProblem) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Units of terms and of targets; that of the first part of each."""
    grid, plan, units = problem.fields.grid, problem.plan, []
    own = [v.unit for v in problem.fields.space.variables for _ in range(v.size)]
    for term in plan.table:
        _, monomial, cell = term[0]
        factors = []
        for column, power in plan.monomials[monomial]:
            number, orders = plan.columns[column]
            inner = () if orders is None else zip(grid.space_axes, orders, strict=True)
            factors += [(grid.axes[number].unit if orders is None else own[number], power)]
            factors += [(axis.unit, -power * order) for axis, order in inner]
        for axis, key in zip(grid.axes, plan.cells[monomial][cell], strict=True):
            distance = grid.sphere.unit if key.metric and grid.sphere is not None else axis.unit
            factors.append((distance, -key.order))
        units.append(unit_product(factors))
    terms = units[: plan.terms] or [""] * problem.terms.size  # of terms at the points nothing is known
    return tuple(terms), tuple(units[plan.terms :])


def _noise(problem: WeakProblem) -> np.ndarray:
    """Variance (m, d) of the targets for white noise of unit variance; NaN for targets that are not linear."""
    plan, out = problem.plan, []
    for term in plan.table[plan.terms :]:
        total = np.zeros([w.size for w in problem.axes])
        for c, monomial, cell in term:
            powers = plan.monomials[monomial]
            linear = len(powers) == 1 and powers[0][1] == 1
            each = np.array(c**2 if linear else np.nan)
            for number, key in enumerate(plan.cells[monomial][cell]):
                each = each[..., None] * (problem.kernels[number][key] ** 2).sum(axis=1)
            total = total + each
        out.append(total.ravel())
    return np.stack(out, axis=1)
