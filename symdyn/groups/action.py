"""How a group moves the points of a state space, and with them the rates of its variables."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups.algebra import Group
from symdyn.groups.bound import BoundAction, NamedField, bound_action, joined
from symdyn.groups.representations import AbstractRepresentation


class AbstractPart(abc.ABC):
    """One source of generators: what an `Action` is made of."""

    @abc.abstractmethod
    def on(self, space: StateSpace) -> BoundAction:
        """The generators and elements of this part on a state space."""


@dataclass(frozen=True)
class GroupPart(AbstractPart):
    """A group with a representation for each variable."""

    group: Group
    representations: tuple[tuple[str, AbstractRepresentation], ...]
    time: AbstractRepresentation | None = None

    def on(self, space: StateSpace) -> BoundAction:
        named = dict(self.representations)
        for name in named:
            space.slice(name)
        missing = [name for name in space.names if name not in named]
        if missing:
            remedy = ", ".join(f"{name}=Scalar" for name in missing)
            raise InputError(
                f"{self.group.name} acts on {', '.join(named)}, and the state also has {', '.join(missing)}; say how "
                f"it transforms: acting_on(..., {remedy}) where nothing changes"
            )
        algebra, n = self.group.algebra, space.size
        g, k = algebra.dimension, len(self.group.labels)
        matrices, shifts, elements = np.zeros((g, n, n)), np.zeros((g, n)), np.zeros((k, n, n))
        for variable in space.variables:
            here, rep = space.slice(variable.name), named[variable.name]
            copies = self._copies(variable, rep)
            for i in range(g):
                matrices[i, here, here] = np.kron(np.eye(copies), rep.linear(algebra.matrices[i]))
                shifts[i, here] = np.tile(rep.shift(algebra.shifts[i]), copies)
            for i in range(k):
                elements[i, here, here] = np.kron(np.eye(copies), rep.element(self.group.elements[i]))
        weights = np.zeros(g) if self.time is None else [self.time.linear(A)[0, 0] for A in algebra.matrices.array]
        return bound_action(
            space, algebra.labels, matrices, shifts, weights, elements=elements, marks=self.group.labels
        )

    def _copies(self, variable, rep: AbstractRepresentation) -> int:
        """How many copies of the representation a variable holds: its last axis transforms, the others count."""
        if rep.any_size:
            return variable.size
        size, last = rep.size(self.group.algebra.n), (variable.shape or (1,))[-1]
        if last != size:
            raise InputError(
                f"{variable.name!r} is a vector of the wrong length: its last axis has {last} component"
                f"{'s' * (last != 1)}, and {rep} under {self.group.name} needs {size}; "
                "scalar variables that make up a vector together are moved by Action.affine(matrices=...)"
            )
        return variable.size // size

    def __repr__(self) -> str:
        named = self.representations if self.time is None else (*self.representations, ("time", self.time))
        return f"{self.group.name} on {', '.join(f'{name}={rep}' for name, rep in named)}"


@dataclass(frozen=True)
class AffinePart(AbstractPart):
    """Generators written as matrices and shifts by variable name."""

    labels: tuple[str, ...]
    matrices: tuple[tuple[tuple[str, str], Frozen], ...]
    shifts: tuple[tuple[str, Frozen], ...]
    rate_shifts: tuple[tuple[str, Frozen], ...]
    time_weights: Frozen

    def on(self, space: StateSpace) -> BoundAction:
        g, n = len(self.labels), space.size
        matrices, shifts, rates = np.zeros((g, n, n)), np.zeros((g, n)), np.zeros((g, n))
        for (row, column), block in self.matrices:
            place = matrices[:, space.slice(row), space.slice(column)]
            place[...] = _fit(block, place.shape, f"the matrix of {row!r} by {column!r}")
        for out, given, what in ((shifts, self.shifts, "shift"), (rates, self.rate_shifts, "rate shift")):
            for name, values in given:
                place = out[:, space.slice(name)]
                place[...] = _fit(values, place.shape, f"the {what} of {name!r}")
        return bound_action(space, self.labels, matrices, shifts, self.time_weights.array, rates=rates)

    def __repr__(self) -> str:
        return f"affine({', '.join(self.labels)})"


@dataclass(frozen=True)
class FieldsPart(AbstractPart):
    """Generators written as functions from the state to its motion, by variable name."""

    functions: tuple[tuple[str, Callable], ...]
    time_weights: tuple[float, ...]

    def on(self, space: StateSpace) -> BoundAction:
        fields = tuple(NamedField(label, space, function) for label, function in self.functions)
        for each in fields:
            try:
                jax.eval_shape(each, jnp.ones(space.size))
            except InputError:
                raise
            except Exception as error:
                raise InputError(
                    f"the field {each.label!r} failed on a state with {', '.join(space.names)}: "
                    f"{type(error).__name__}: {error}"
                ) from error
        none, labels = np.zeros((0, space.size, space.size)), tuple(label for label, _ in self.functions)
        return bound_action(space, labels, none, none[:, 0], self.time_weights, fields=fields)

    def __repr__(self) -> str:
        return f"fields({', '.join(label for label, _ in self.functions)})"


@dataclass(frozen=True, repr=False)
class Action:
    """How a group moves the named variables of a state; the sum of two actions has the generators of both.

    Made by `group.acting_on(...)`, `Action.affine(...)` or `Action.from_fields(...)`; `action.on(space)` binds it to a
    state space.

    Examples
    --------
    >>> import symdyn as sd
    >>> turn = sd.SO(3).acting_on(position=sd.Point, velocity=sd.Vector)
    >>> scale = sd.Scaling().acting_on(position=sd.Weight(2), velocity=sd.Weight(-1), time=sd.Weight(3))
    >>> (turn + scale).on(sd.StateSpace.of(position=3, velocity=3)).labels
    ('rotation_x', 'rotation_y', 'rotation_z', 'scaling')
    """

    parts: tuple[AbstractPart, ...]

    @staticmethod
    def affine(
        matrices: Mapping[str | tuple[str, str], Any] | None = None,
        *,
        shifts: Mapping[str, Any] | None = None,
        rate_shifts: Mapping[str, Any] | None = None,
        time_weights: Any = 0.0,
        labels: tuple[str, ...] | str | None = None,
    ) -> Action:
        """Generators xi = A x + a written by hand; variables that are not named stay.

        Parameters
        ----------
        matrices: A by variable, or by (row variable, column variable); shape (g, rows, columns), or without g for one.
        shifts: a by variable, shape (g, size) or (size,).
        rate_shifts: what the generators add to the rates of variables, same shapes: the explicit time dependence. The
            boost x -> x + s t, v -> v + s has `shifts={"v": 1}, rate_shifts={"x": 1}`; as it moves x at other times,
            a law without explicit time needs the translation of x besides: `+ T(1).acting_on(...)`.
        time_weights: how time scales, one number or (g,).
        labels: g texts.

        Raises InputError where the numbers of generators differ.

        Examples
        --------
        >>> import symdyn as sd
        >>> boost = sd.Action.affine(shifts={"v": [1.0]}, rate_shifts={"x": [1.0]}, labels="boost")
        >>> boost.on(sd.StateSpace.of(x=1, v=1)).shifts.array.tolist()
        [[0.0, 1.0]]
        """
        pairs = {(key, key) if isinstance(key, str) else key: value for key, value in (matrices or {}).items()}
        linear = tuple((key, _stacked(value, 2)) for key, value in pairs.items())
        constant = tuple((name, _stacked(value, 1)) for name, value in (shifts or {}).items())
        rates = tuple((name, _stacked(value, 1)) for name, value in (rate_shifts or {}).items())
        counts = {len(values) for _, values in (*linear, *constant, *rates)}
        if not counts:
            raise InputError("an affine action needs at least one matrix, shift or rate shift")
        if len(counts) != 1:
            raise InputError(f"every matrix and shift needs the same number of generators, got {sorted(counts)}")
        g = counts.pop()
        labels = (labels,) if isinstance(labels, str) else tuple(labels or (f"affine_{k}" for k in range(g)))
        if len(labels) != g:
            raise InputError(f"{g} generators need as many labels, got {labels}")
        weights = np.asarray(time_weights, float)
        if weights.shape not in ((), (g,)):
            raise InputError(f"time_weights is one number or one per generator ({g}), got shape {weights.shape}")
        return Action((AffinePart(labels, linear, constant, rates, Frozen(np.broadcast_to(weights, (g,)))),))

    @staticmethod
    def from_fields(
        fields: Mapping[str, Callable[[dict[str, Any]], Mapping[str, Any]]],
        *,
        time_weights: Mapping[str, float] | None = None,
    ) -> Action:
        """Generators that are any smooth vector fields on the state.

        Parameters
        ----------
        fields: by label, functions in `jax.numpy` from the state (a dict of arrays by variable) to its motion (the
            same; variables left out stay). Rates then move with the Jacobian of the field.
        time_weights: by label, how time scales; 0 by default.

        Examples
        --------
        >>> import symdyn as sd
        >>> squeeze = sd.Action.from_fields({"squeeze": lambda s: {"x": s["x"], "y": -s["y"]}})
        >>> squeeze.on(sd.StateSpace.of(x=1, y=1)).labels
        ('squeeze',)
        """
        if not fields:
            raise InputError("Action.from_fields needs at least one field")
        weights = dict(time_weights or {})
        for label in weights:
            if label not in fields:
                raise InputError(f"time_weights names {label!r}; the fields are {', '.join(fields)}")
        times = tuple(float(weights.get(label, 0.0)) for label in fields)
        return Action((FieldsPart(tuple(fields.items()), times),))

    def on(self, space: StateSpace) -> BoundAction:
        """This action on a state space. Raises InputError where variables and representations do not fit."""
        return joined([part.on(space) for part in self.parts])

    def __add__(self, other: Action) -> Action:
        return Action(self.parts + other.parts) if isinstance(other, Action) else NotImplemented

    def __repr__(self) -> str:
        return " and ".join(map(repr, self.parts))


def _stacked(values: Any, rank: int) -> Frozen:
    """One generator's array of `rank` axes, or a stack of them, as a stack; a bare number is of size 1."""
    array = np.asarray(values, float)
    if array.ndim == 0:
        array = array.reshape((1,) * rank)
    return Frozen(array[None] if array.ndim == rank else array)


def _fit(values: Frozen, shape: tuple[int, ...], what: str) -> np.ndarray:
    if values.shape != shape:
        raise InputError(f"{what} needs the shape {shape[1:]} for each generator, got {values.shape[1:]}")
    return values.array
