"""A neural operator as the flow map of fields: it steps, is scored, saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.fields import Box, Fields, Grid
from symdyn.groups import Action, Group
from symdyn.neural.operators.build import Width, field_carriers, neural_operator
from symdyn.neural.operators.kernels import AbstractKernels, Shells
from symdyn.neural.operators.network import NeuralOperator


class OperatorLaw(eqx.Module):
    r"""u(t + step) = u(t) + F[u(t)], F a neural operator: the flow map of fields on a grid, learned from snapshots.

    Made by `OperatorLaw.of`. The operator sees (u - centre) / scale, its values are multiplied by `rate_scale`. The
    same weights serve every grid of the same geometry: `law.on(grid)`.

    Attributes
    ----------
    network: the operator.
    grid: of space.
    space, vectors: the components, and which of them are pairs along x and y (east and north).
    step, time_unit: of the flow map.
    residual: whether F is what is added in a step, or the next field itself.
    centre, scale, rate_scale: Frozen (c,), of each component.
    recipe: how `of` made the operator.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> data = sd.make_fields("navier_stokes", shape=16, times=np.linspace(0, 1, 5))
    >>> fields = sd.open_fields(data, ["vorticity"], periodic=["y", "x"])
    >>> law = sd.OperatorLaw.of(fields, sd.SO(2), (4,), key=jax.random.key(0))
    >>> law.simulate(fields, 3).grid.shape
    (4, 16, 16)
    >>> fine = sd.make_fields("navier_stokes", shape=32, times=np.linspace(0, 1, 5))
    >>> law.on(sd.open_fields(fine, ["vorticity"], periodic=["y", "x"]).grid).grid.shape
    (32, 32)
    """

    network: Any
    grid: Grid = eqx.field(static=True)
    space: StateSpace = eqx.field(static=True)
    vectors: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    step: float = eqx.field(static=True, default=1.0)
    time_unit: str = eqx.field(static=True, default="")
    residual: bool = eqx.field(static=True, default=True)
    centre: Frozen | None = eqx.field(static=True, default=None)
    scale: Frozen | None = eqx.field(static=True, default=None)
    rate_scale: Frozen | None = eqx.field(static=True, default=None)
    recipe: Any = eqx.field(static=True, default=None)

    @staticmethod
    def of(
        fields: Fields,
        action: Group | Action | None = None,
        widths: Sequence[Width] = (8, 8),
        *,
        key,
        kernels: AbstractKernels | None = None,
        kind: Literal["equivariant", "promotable"] = "equivariant",
        kept=(),
        places: int = 0,
        lag: int = 1,
        residual: bool = True,
        dtype=None,
    ) -> OperatorLaw:
        """A law for fields like these.

        Parameters
        ----------
        fields: with a time, from `sd.open_fields`; only their grid, names and vectors are used.
        action: a subgroup of E(n) for grids of periodic axes or axes with ends (fields are zero beyond these), such as
            `sd.SO(2)`, `sd.Dihedral(4)`, `sd.SE(3)`; `sd.SO(3)` on a sphere; or its action on the fields where these
            are no scalars and vectors. Kernels are convolutions whatever it is, unless `places` says otherwise; None:
            no more than that. Coordinates are in the order of the names of the axes, x before y.
        widths: what the hidden layers carry: representations such as `8 * sd.Scalar + 4 * sd.Vector`, or numbers c,
            which mean c scalars and c // 2 vectors (c channels without a group).
        kernels: `sd.Shells(...)` (the default, up to two thirds of the highest wave) or `sd.GaussHermite(...)`.
        kind: "equivariant", or "promotable": kernels are free to break the group, for `sd.LayerPenalty`.
        kept: coefficients (k, g) of combinations of the generators that promotable kernels keep.
        places: the highest wave (degree of harmonics on a sphere) of coefficients that depend on the place: what breaks
            shifts in the plane and rotations of the sphere. On a sphere promotable laws need it.
        lag: snapshots between input and output.
        residual: whether the operator gives what is added.
        dtype: of the weights; by default JAX's.

        Raises InputError for groups and fields that do not fit the grid.
        """
        if fields.grid.time is None:
            raise InputError("a flow map needs fields with a time")
        if kind not in ("equivariant", "promotable"):
            raise InputError(f'the kind of a law is "equivariant" or "promotable", got {kind!r}')
        if isinstance(lag, bool) or not isinstance(lag, int) or lag < 1:
            raise InputError(f"lag must be a positive number of snapshots, got {lag!r}")
        rows = np.asarray(kept, float)
        recipe = (
            action, tuple(widths), kernels or default_kernels(fields.grid), kind == "promotable",
            tuple(map(tuple, np.atleast_2d(rows).tolist())) if rows.size else (), int(places),
            None if dtype is None else np.dtype(dtype).name,
        )  # fmt: skip
        grid, step = Grid(fields.grid.space), lag * time_step(fields)
        network = network_of(grid, fields.space, fields.vectors, recipe, key)
        return OperatorLaw(
            network, grid, fields.space, fields.vectors, step, fields.grid.time.unit, residual, recipe=recipe
        )

    @property
    def parameters(self) -> int:
        """The number of free weights."""
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self.network, eqx.is_inexact_array)))

    def prepared(self) -> OperatorLaw:
        """The same law with its matrices written out for its grid: made once, it serves for many fields."""
        if not isinstance(self.network, NeuralOperator):
            return self
        return eqx.tree_at(lambda law: law.network, self, self.network.prepared(self.grid))

    def on(self, grid: Grid) -> OperatorLaw:
        """The same law on another grid of the same geometry and units: finer or coarser, larger or smaller.

        Raises InputError for other axes.
        """
        space = Grid(grid.space)
        if space.names != self.grid.names or (space.sphere is None) != (self.grid.sphere is None):
            raise InputError(f"the law has the axes {', '.join(self.grid.names)}; the grid {', '.join(space.names)}")
        return replace(self, grid=space)

    def redrawn(self, key) -> OperatorLaw:
        """The same law with new random weights."""
        return eqx.tree_at(
            lambda law: law.network, self, network_of(self.grid, self.space, self.vectors, self.recipe, key)
        )

    def scaled(self, states: np.ndarray, rates: np.ndarray) -> OperatorLaw:
        """The same operator for fields (m, c, *grid) and what is added to them (m, c, *grid) of these sizes.

        Components that the group mixes share one size; only invariant ones have a centre. So symmetry stays.
        """
        (carrier,) = field_carriers(self.grid, self.space, self.recipe[0], self.vectors)
        c = self.space.size
        centre, scale, rate_scale = np.zeros(c), np.ones(c), np.ones(c)
        for block, places in zip(carrier.blocks, carrier.places, strict=True):
            for place in places.array:
                if block.trivial:
                    centre[place] = states[:, place].mean()
                middle = centre[place].reshape(-1, *(1,) * (states.ndim - 2))
                scale[place], rate_scale[place] = _size(states[:, place] - middle), _size(rates[:, place])
        if not self.residual:
            rate_scale = scale
        return replace(self, centre=Frozen(centre), scale=Frozen(scale), rate_scale=Frozen(rate_scale))

    def advance(self, values) -> Array:
        """The fields (c, *grid) one step later."""
        values = jnp.asarray(values)
        network = self.network.prepared(self.grid) if isinstance(self.network, NeuralOperator) else self.network
        wide = lambda a: a.array.astype(values.dtype).reshape(-1, *(1,) * (values.ndim - 1))  # noqa: E731
        if self.centre is None or self.scale is None or self.rate_scale is None:
            found = network(values)
            return values + found if self.residual else found
        found = network((values - wide(self.centre)) / wide(self.scale)) * wide(self.rate_scale)
        return values + found if self.residual else found + wide(self.centre)

    def simulate(self, start: Fields, steps: int) -> Fields:
        """The fields at the time of the start and after each of `steps` steps (2 at least), on the grid of the start.

        Where the start has a time its first instant counts. Raises InputError for other fields or axes.
        """
        if not isinstance(start, Fields):
            raise InputError(
                f"the start must be Fields on a grid, got {type(start).__name__}; use sd.open_fields(data)"
            )
        if start.space.component_names != self.space.component_names:
            raise InputError(
                f"the law has the fields {', '.join(self.space.component_names)}; the start has "
                f"{', '.join(start.space.component_names)}"
            )
        if steps < 2:
            raise InputError(f"at least 2 steps, got {steps!r}; for one alone use law.on(grid).advance(values)")
        clock = start.grid.time
        first = start.slab(0, 1)[:, 0] if clock is not None else np.stack([np.asarray(v, float) for v in start.values])
        found = np.asarray(rolled(self.on(start.grid), jnp.asarray(first, self.dtype), int(steps)), np.float64)
        begin, name = (0.0, "time") if clock is None else (clock.points[0], clock.name)
        times = Box(name, Frozen(begin + self.step * np.arange(steps + 1)), self.time_unit)
        return replace(start, grid=Grid(start.grid.space, time=times), values=tuple(np.moveaxis(found, 1, 0)))

    @property
    def dtype(self):
        """Of the weights."""
        return jax.tree.leaves(eqx.filter(self.network, eqx.is_inexact_array))[0].dtype

    def score(self, data, *, steps: int | None = None, **reading):
        """How well the law does on (held-out) data: an xarray.Dataset.

        Each run is simulated from its first snapshot: `relative_error` over (run, lead, variable) is the root mean
        square error by that of the deviation of the true fields from their mean, by area.

        Parameters
        ----------
        data: as `sd.train` takes them; on any grid of the geometry.
        steps: the longest lead; by default the whole of the shortest run.
        reading: how data are read (`runs`, ...).

        Raises InputError for data that do not fit the law.
        """
        from symdyn.neural.operators.snapshots import scored

        return scored(self, data, steps, reading)

    def save(self, path) -> None:
        """Write the law to one file, without code: see `sd.load_operator`."""
        from symdyn.neural.operators.files import write_operator

        write_operator(self, path)


@eqx.filter_jit
def rolled(law: OperatorLaw, first: Array, steps: int) -> Array:
    """The first field and those after each step, (steps + 1, c, *grid)."""
    ready = law.prepared()

    def step(x: Array, _):
        after = ready.advance(x)
        return after, after

    return jnp.concatenate([first[None], jax.lax.scan(step, first, length=steps)[1]])


def default_kernels(grid: Grid) -> Shells:
    """Shells up to two thirds of the highest wave, closer at long waves, with harmonics up to degree 2."""
    if grid.sphere is not None:
        least, most = 1 / grid.sphere.radius, 2 / 3 * len(grid.sphere.latitude)
    else:
        lengths = [abs(a.points[-1] - a.points[0]) * a.size / (a.size - 1) for a in grid.space_axes]
        least = 2 * np.pi / max(lengths)
        most = 2 / 3 * min(np.pi / a.spacing for a in grid.space_axes) / least
    knots = [0.0, 1.0, 2.0, 3.0, 4.0]
    while knots[-1] * 1.4 < most:
        knots.append(float(np.ceil(knots[-1] * 1.4)))
    return Shells(tuple(least * k for k in knots), degree=0 if grid.sphere is not None else 2)


def time_step(fields: Fields) -> float:
    """The step of the samples in time. Raises InputError where they are uneven."""
    from symdyn.fields.axes import is_even

    clock = fields.grid.time
    if clock is None or not is_even(clock.points):
        raise InputError("a flow map needs snapshots at even steps of time; choose or interpolate them")
    return float((clock.points[-1] - clock.points[0]) / (clock.size - 1))


def network_of(grid, space, vectors, recipe, key) -> NeuralOperator:
    """The network of a recipe (action, widths, kernels, promotion, kept symmetry, places, precision)."""
    action, widths, kernels, promote, kept, places, dtype = recipe
    return neural_operator(
        grid, space, action, widths, kernels, key=key, vectors=vectors, promote=promote, kept=kept, places=places,
        dtype=None if dtype is None else np.dtype(dtype),
    )  # fmt: skip


def _size(values: np.ndarray) -> float:
    size = float(np.sqrt(np.mean(values**2))) if values.size else 1.0
    return size if np.isfinite(size) and size > 0 else 1.0
