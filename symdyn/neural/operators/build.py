"""From fields, a group and widths to a neural operator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.fields import Grid
from symdyn.groups import SO, AbstractRepresentation, Action, Group, Scalar, Vector
from symdyn.groups.parts import GroupPart
from symdyn.neural.carriers import Carrier, carriers
from symdyn.neural.gated import EquivariantLayer
from symdyn.neural.linear import EquivariantLinear
from symdyn.neural.operators.kernels import AbstractKernels
from symdyn.neural.operators.network import NeuralOperator, OperatorLayer, joined
from symdyn.neural.operators.plane import Motions, PlaneCoefficients, PlaneKernel
from symdyn.neural.operators.sphere import SphereCoefficients, ZonalKernel, harmonics_of, rotations_of
from symdyn.neural.operators.steerable import kept_rows

Width = int | AbstractRepresentation


def neural_operator(
    grid: Grid,
    space: StateSpace,
    action: Group | Action | None,
    widths: Sequence[Width],
    kernels: AbstractKernels,
    *,
    key,
    vectors: Sequence[tuple[str, str]] = (),
    promote: bool = False,
    kept=(),
    places: int = 0,
    dtype=None,
    activation=jax.nn.silu,
) -> NeuralOperator:
    r"""A neural operator from fields onto the same fields, equivariant under a group, or free to break it.

    Each layer is h -> N([P K h, h]): K is an integral kernel with L_xi K = 0, P = 1 + W(y) are coefficients that depend
    on the place (only with `places`), N is a pointwise layer of products, invariants and gates. The last one is linear
    and sees the fields again.

    Parameters
    ----------
    grid: of space: periodic axes, axes with ends (beyond which fields are zero), or a whole sphere.
    space: the components of the fields.
    action: a subgroup of E(n) (`sd.SO(2)`, `sd.Dihedral(4)`, `sd.SE(2)`, ...), or its action on the fields where these
        are no scalars and vectors (`sd.O(2).acting_on(vorticity=...)`). Coordinates are in the order of the names of
        the axes, x before y. On a sphere `sd.SO(3)`. None: no symmetry but shifts in the plane.
    widths: what the hidden layers carry: representations such as `8 * sd.Scalar + 4 * sd.Vector` (on a sphere scalars
        and tangent vectors), or numbers c, which mean c scalars and c // 2 vectors.
    kernels: `sd.Shells(...)` or `sd.GaussHermite(...)`.
    vectors: pairs of components along x and y (east and north).
    promote: whether the weights may break the group, for `sd.LayerPenalty`.
    kept: coefficients (k, g) of combinations of the generators that are enforced nevertheless.
    places: the highest wave (degree of harmonics, on a sphere) of coefficients that depend on the place; what breaks
        shifts in the plane and rotations of the sphere. With 0 kernels are convolutions.
    dtype: of the weights.

    Raises InputError for groups and fields that the grid does not know.
    """
    dtype = np.dtype(dtype or jax.dtypes.canonicalize_dtype(float))
    make: Any = _sphere_parts if grid.sphere is not None else _plane_parts
    parts, g, names = make(grid, _group(action), kernels, places, dtype)
    ends, *hidden = field_carriers(grid, space, action, vectors, widths)
    pairs = [*pairwise([ends, *hidden]), (joined(hidden[-1], ends) if hidden else ends, ends)]
    rows, elements = (kept_rows(kept, g), False) if promote else (np.eye(g), True)
    layers = []
    for k, (a, b) in enumerate(pairs):
        one, two, three = jax.random.split(jax.random.fold_in(key, k), 3)
        kernel, along = parts(a, b, rows, elements, one, two)
        if k < len(pairs) - 1:
            point: Any = EquivariantLayer(None, joined(b, a), b, key=three, dtype=dtype, activation=activation)
        else:
            point = EquivariantLinear(None, b, b, key=three, dtype=dtype)
        layers.append(OperatorLayer(kernel, along, point, k < len(pairs) - 1))
    return NeuralOperator(tuple(layers), *names)


def _plane_parts(grid: Grid, group: Group | None, kernels: AbstractKernels, places: int, dtype):
    """What makes kernel and coefficients of a layer, the number of generators, their names and those of elements."""
    motions = Motions.of(group, len(grid.space_axes))

    def parts(a: Carrier, b: Carrier, rows, elements: bool, one, two):
        kernel = PlaneKernel(a, b, kernels, motions, rows, elements, key=one, dtype=dtype)
        along = PlaneCoefficients(b, places, motions, rows, elements, key=two, dtype=dtype) if places else None
        return kernel, along

    return parts, len(motions.turns), (motions.labels, motions.element_labels)


def _sphere_parts(grid: Grid, group: Group | None, kernels: AbstractKernels, places: int, dtype):
    """The same on a sphere."""
    harmonics_of(grid)
    turns, labels = rotations_of(group)

    def parts(a: Carrier, b: Carrier, rows, elements: bool, one, two):
        kernel = ZonalKernel(a, b, kernels, key=one, dtype=dtype)
        return kernel, SphereCoefficients(b, places, turns, rows, key=two, dtype=dtype) if places else None

    return parts, len(turns), (labels, ())


def _group(action: Group | Action | None) -> Group | None:
    """The group of an action. Raises InputError for an action of several parts or of a user's own fields."""
    if action is None or isinstance(action, Group):
        return action
    parts = action.parts
    if len(parts) != 1 or not isinstance(parts[0], GroupPart):
        raise InputError(f"a neural operator needs one group acting on the fields, got {action}")
    return parts[0].group


def _named(space: StateSpace, vectors: Sequence[tuple[str, str]]) -> dict:
    """Vectors by the pairs of their names, and scalars."""
    paired = [name for pair in vectors for name in pair]
    for name in paired:
        space.slice(name)
    quantities: dict[Any, AbstractRepresentation] = {tuple(pair): Vector for pair in vectors}
    for variable in space.variables:
        if variable.name in paired:
            continue
        if len(variable.component_names) > 1:
            raise InputError(f"say how {variable.name!r} moves: give an action, group.acting_on({variable.name}=...)")
        quantities[variable.name] = Scalar
    return quantities


def field_carriers(grid: Grid, space: StateSpace, action, vectors=(), widths: Sequence[Width] = ()) -> list[Carrier]:
    """How the fields move at a place, and what the hidden layers carry."""
    local = action
    if grid.sphere is not None:
        local = SO(2).acting_on(_named(space, vectors))
    elif isinstance(action, Group):
        local = action.acting_on(_named(space, vectors))
    if local is None:
        for width in widths:
            if not isinstance(width, int):
                raise InputError(f"without a group the widths are numbers of channels, got {width!r}")
        sizes = [space.size, *widths]
        return [Carrier.of_matrices(np.zeros((0, m, m)), np.zeros((0, m, m))) for m in sizes]
    asked = [_width(w, len(grid.space_axes)) if isinstance(w, int) else w for w in widths]
    found = carriers(local, (space, *asked))
    if any(c.shifts is not None for c in found):
        raise InputError("fields and hidden quantities must not move by shifts (places): take scalars and vectors")
    return found


def _width(c: int, n: int) -> AbstractRepresentation:
    if c < 1:
        raise InputError(f"a hidden layer needs a positive width, got {c}")
    return c * Scalar + (c // 2) * Vector if c > 1 and n > 1 else c * Scalar
