"""The sources of generators that an action is made of: groups, matrices, polynomials and functions."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups.bound import Element, NamedField
from symdyn.groups.group import Group
from symdyn.groups.polynomial import Polynomial, concatenated, read_polynomial, stacked
from symdyn.groups.representations import AbstractRepresentation, Scalar


@dataclass(frozen=True, repr=False)
class Along(AbstractRepresentation):
    """A representation on the dimension `dim` of a variable instead of its last one; the other dimensions are copies.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.SO(3).acting_on(stress=sd.Along(sd.Vector, "row"))
    SO(3) on stress=Vector along row
    """

    representation: AbstractRepresentation
    dim: str

    @property
    def any_size(self) -> bool:
        return self.representation.any_size

    @property
    def is_place(self) -> bool:
        return self.representation.is_place

    def size(self, n: int) -> int:
        return self.representation.size(n)

    def motion(self, xi: Polynomial) -> Polynomial:
        return self.representation.motion(xi)

    def element(self, g: np.ndarray) -> np.ndarray:
        return self.representation.element(g)

    def __repr__(self) -> str:
        return f"{self.representation} along {self.dim}"


@dataclass(frozen=True)
class PointField:
    """One generator on the n0 coordinates and values of a space, before it is prolonged.

    `value` (k,): how a further quantity moves, in n0 + k variables; `dilation`, `drift` (n0,): what is said of time
    where the space holds none.
    """

    label: str
    field: Polynomial | NamedField
    value: Polynomial | None = None
    dilation: float = 0.0
    drift: Frozen | None = None
    essential: bool = True


class AbstractPart(abc.ABC):
    """One source of generators: what an `Action` is made of."""

    @abc.abstractmethod
    def point_fields(self, space: StateSpace, value: AbstractRepresentation | None) -> list[PointField]:
        """The generators of this part on coordinates and values."""

    def elements(self, space: StateSpace, value: AbstractRepresentation | None) -> list[Element]:
        """The discrete elements of this part on coordinates and values."""
        return []

    def time_needed(self, space: StateSpace) -> str | None:
        """The name of the time that generators depend on, where the space does not hold it."""
        return None


@dataclass(frozen=True)
class GroupPart(AbstractPart):
    """A group with a representation for each quantity: one variable, or several that are its components."""

    group: Group
    representations: tuple[tuple[tuple[str, ...], AbstractRepresentation], ...]
    time: AbstractRepresentation | None = None
    coordinates: tuple[str, ...] | None = None

    def time_needed(self, space: StateSpace) -> str | None:
        """The time of trajectories under a group that keeps it apart from space; events of relativity hold theirs."""
        if self.group.base != "spacetime" or self.coordinates is not None or space.coordinates:
            return None
        xi = self.group.algebra.generators
        mixed = xi[:, 0].depends_on(range(1, xi.n)) or np.any(self.group.elements.array[:, 0, 1:])
        return None if mixed else "t"

    def point_fields(self, space: StateSpace, value: AbstractRepresentation | None) -> list[PointField]:
        self._check_variables(space)
        base, algebra = self._base(space), self.group.algebra
        places = [(self._columns(space, names, rep), rep) for names, rep in self.representations]
        out = []
        for i, label in enumerate(algebra.labels):
            xi = algebra.generators[i]
            moved = self._coordinate_motion(xi, base, space, label)
            for columns, rep in places:
                motion = rep.motion(xi)
                for row in columns:
                    moved[tuple(row)] = self._placed(motion, base, row, space.size, label)
            dilation = self._dilation(xi, space, moved)
            order = [c for row in moved for c in row]
            field = concatenated([*moved.values(), Polynomial.constant(space.size, np.zeros(0))])
            whole = field.mapped(lambda c, order=order: _scattered(c, order, space.size))
            quantity = None
            if value is not None:
                n, k = space.size, value.size(algebra.n)
                quantity = self._placed(value.motion(xi), base, np.arange(n, n + k), n + k, label)
            out.append(PointField(label, whole, quantity, dilation, None, i in algebra.generating))
        return out

    def _coordinate_motion(self, xi: Polynomial, base: np.ndarray, space: StateSpace, label: str) -> dict:
        """How the coordinates of the space move, by column."""
        places = set(space.indices(space.coordinates).tolist())
        none = np.zeros(0, int)
        return {
            (int(c),): self._placed(xi[[i]], base, none, space.size, label) for i, c in enumerate(base) if c in places
        }

    def _dilation(self, xi: Polynomial, space: StateSpace, moved: dict[tuple, Polynomial]) -> float:
        """How time scales by its own representation, where it is no coordinate; where it is, add its motion."""
        if self.time is None:
            return 0.0
        motion = self.time.motion(xi)
        if motion.shape != (1,):
            raise InputError(f"time is one number and cannot transform as {self.time}; write time=sd.Weight(...)")
        n = self.group.algebra.n
        if space.time is not None:
            column = space.indices((space.time,))
            moved[tuple(column)] = self._placed(motion, np.full(n, -1), column, space.size, "time")
            return 0.0
        return float(motion.derivative()[0, n].coefficient(np.zeros(n + 1)))

    def elements(self, space: StateSpace, value: AbstractRepresentation | None) -> list[Element]:
        self._check_variables(space)
        base, out = self._base(space), []
        places = set(space.indices(space.coordinates).tolist())
        for label, g in zip(self.group.labels, self.group.elements.array, strict=True):
            matrix = np.eye(space.size)
            moved = [i for i, c in enumerate(base) if c in places]
            matrix[np.ix_(base[moved], base[moved])] = g[np.ix_(moved, moved)]
            for names, rep in self.representations:
                for row in self._columns(space, names, rep):
                    matrix[np.ix_(row, row)] = rep.element(g)
            time = 1.0 if self.time is None else float(self.time.element(g)[0, 0])
            if space.time is not None:
                column = int(space.indices((space.time,))[0])
                matrix[column, column] *= time
                time = float(matrix[column, column])
                if np.any(np.delete(matrix[column], column)) or np.any(np.delete(matrix[:, column], column)):
                    raise InputError(f"{label!r} mixes time with space; use the jets of spacetime: StateSpace.jets")
            of_value = None if value is None else Frozen(value.element(g))
            out.append(Element(label, Frozen(matrix), time, of_value))
        return out

    def _check_variables(self, space: StateSpace) -> None:
        named = [name for names, _ in self.representations for name in names]
        for name in named:
            space.slice(name)
        missing = [name for name in space.fields if name not in named]
        if missing:
            remedy = ", ".join(f"{name}=Scalar" for name in missing)
            raise InputError(
                f"{self.group.name} acts on {', '.join(named)}, and the state also has {', '.join(missing)}; say how "
                f"it transforms: acting_on(..., {remedy}) where nothing changes"
            )

    def _base(self, space: StateSpace) -> np.ndarray:
        """Columns of the n coordinates that the group's fields live on; -1 where the space does not have one."""
        n = self.group.algebra.n
        base = np.full(n, -1)
        names = self._coordinate_names(space)
        base[: len(names)] = space.indices(names)
        points = [names for names, rep in self.representations if rep.is_place]
        if len(names) < n and len(points) == 1:
            columns = self._columns(space, points[0], dict(self.representations)[points[0]])
            if len(columns) == 1 and len(columns[0]) == n - len(names):
                base[len(names) :] = columns[0]
        return base

    def _coordinate_names(self, space: StateSpace) -> tuple[str, ...]:
        """The coordinates of the space that the group moves."""
        group, n = self.group, self.group.algebra.n
        named = {name for names, _ in self.representations for name in names}
        if self.coordinates is not None:
            for name in self.coordinates:
                space.slice(name)
            names = self.coordinates
        elif group.base == "internal" or named & set(space.coordinates):
            return ()
        elif group.base == "space":
            names = space.differentiated
        else:
            names = (space.coordinates[0],) if n == 1 else space.coordinates
            if names == (space.time,):
                return names
        if names and len(names) != n:
            raise InputError(
                f"{group.name} moves {n} coordinate{'s' * (n != 1)} of {group.base}, and the field has "
                f"{', '.join(names)}; name those that it moves, coordinates=(...), or () where only values move"
            )
        return names

    def _columns(self, space: StateSpace, names: tuple[str, ...], rep: AbstractRepresentation) -> np.ndarray:
        """Columns of each copy of the quantity: shape (copies, k)."""
        variables = [space[name] for name in names]
        shapes = {v.shape for v in variables}
        if len(shapes) > 1:
            raise InputError(f"the components {', '.join(names)} of one quantity differ in shape: {sorted(shapes)}")
        table = np.stack([space.indices((name,)).reshape(variables[0].shape) for name in names], axis=-1)
        labels = variables[0].labels
        if len(names) == 1:
            table = table[..., 0]
            if isinstance(rep, Along):
                if rep.dim not in variables[0].dims:
                    raise InputError(f"{names[0]!r} has no dimension {rep.dim!r}; it has {variables[0].dims}")
                axis = variables[0].dims.index(rep.dim)
                table, labels = np.moveaxis(table, axis, -1), (*labels[:axis], *labels[axis + 1 :], labels[axis])
            if labels and table.ndim and table.shape[-1] <= 3 and set(labels[-1]) == set("xyz"[: table.shape[-1]]):
                table = table[..., np.argsort(labels[-1])]
        if rep.any_size:
            return table.reshape(-1, 1)
        k = rep.size(self.group.algebra.n)
        for axes in range(1, table.ndim + 1):
            if np.prod(table.shape[-axes:]) == k:
                return table.reshape(-1, k)
        last = table.shape[-1] if table.ndim else 1
        if k == 1:
            return table.reshape(-1, 1)
        raise InputError(
            f"{' '.join(names)!r} is a vector of the wrong length: its last axis has {last} component"
            f"{'s' * (last != 1)}, and {rep} under {self.group.name} needs {k}; scalar variables that make up a "
            "quantity together are named in a tuple: acting_on({('u', 'v'): sd.Vector})"
        )

    def _placed(self, motion: Polynomial, base: np.ndarray, values: np.ndarray, n: int, label: str) -> Polynomial:
        """A polynomial in (base point, value) in the variables of the space."""
        absent = np.flatnonzero(base < 0)
        if motion.depends_on(absent):
            raise InputError(
                f"{label!r} of {self.group.name} depends on the place where it acts, which the state does not say; "
                "give one variable that is a Point (a Place in spacetime), the jets of a field (StateSpace.jets), or "
                "coordinates=() where only values move"
            )
        return motion.placed([*np.maximum(base, 0), *values], n)

    def __repr__(self) -> str:
        quantities = [(" ".join(names), rep) for names, rep in self.representations]
        named = quantities if self.time is None else (*quantities, ("time", self.time))
        return f"{self.group.name} on {', '.join(f'{name}={rep}' for name, rep in named)}"


def _scattered(values: np.ndarray, columns: list[int], n: int) -> np.ndarray:
    out = np.zeros(n)
    out[columns] = values
    return out


def _unmoved(what: str, value: AbstractRepresentation | None, n: int) -> Polynomial | None:
    """The motion of a quantity under generators that are no group: only a scalar has one."""
    if value is None:
        return None
    if value != Scalar:
        raise InputError(f"{what} has no representation {value}; ask for scalars, or give the action by a group")
    return Polynomial.constant(n + 1, np.zeros(1))


@dataclass(frozen=True)
class AffinePart(AbstractPart):
    """Generators written as matrices and shifts by variable name."""

    labels: tuple[str, ...]
    matrices: tuple[tuple[tuple[str, str], Frozen], ...]
    shifts: tuple[tuple[str, Frozen], ...]
    rate_shifts: tuple[tuple[str, Frozen], ...]
    time_weights: Frozen

    def point_fields(self, space: StateSpace, value: AbstractRepresentation | None) -> list[PointField]:
        g, n = len(self.labels), space.size
        matrices, shifts, rates = np.zeros((g, n, n)), np.zeros((g, n)), np.zeros((g, n))
        for (row, column), block in self.matrices:
            place = matrices[:, space.slice(row), space.slice(column)]
            place[...] = _fit(block, place.shape, f"the matrix of {row!r} by {column!r}")
        for out, given, what in ((shifts, self.shifts, "shift"), (rates, self.rate_shifts, "rate shift")):
            for name, values in given:
                place = out[:, space.slice(name)]
                place[...] = _fit(values, place.shape, f"the {what} of {name!r}")
        quantity = _unmoved(repr(self), value, n)
        return [
            PointField(label, Polynomial.affine(A, a), quantity, float(w), Frozen(c))
            for label, A, a, w, c in zip(self.labels, matrices, shifts, self.time_weights.array, rates, strict=True)
        ]

    def __repr__(self) -> str:
        return f"affine({', '.join(self.labels)})"


def stacked_arrays(values, rank: int) -> Frozen:
    """One generator's array of `rank` axes, or a stack of them, as a stack; a bare number is of size 1."""
    array = np.asarray(values, float)
    if array.ndim == 0:
        array = array.reshape((1,) * rank)
    return Frozen(array[None] if array.ndim == rank else array)


def _fit(values: Frozen, shape: tuple[int, ...], what: str) -> np.ndarray:
    if values.shape != shape:
        raise InputError(f"{what} needs the shape {shape[1:]} for each generator, got {values.shape[1:]}")
    return values.array


@dataclass(frozen=True)
class PolynomialPart(AbstractPart):
    """Generators written as polynomials: by label, the components that move."""

    fields: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    time: str = "t"

    def time_needed(self, space: StateSpace) -> str | None:
        return None if space.coordinates or self.time in space.names else self.time

    def point_fields(self, space: StateSpace, value: AbstractRepresentation | None) -> list[PointField]:
        names, out = space.component_names, []
        for label, components in self.fields:
            moved = dict(components)
            for name in moved:
                if name not in names:
                    raise InputError(f"the field {label!r} moves {name!r}; the components are {', '.join(names)}")
            field = stacked([read_polynomial(moved.get(name, "0"), names) for name in names])
            out.append(PointField(label, field, _unmoved(repr(self), value, space.size)))
        return out

    def __repr__(self) -> str:
        return f"polynomial({', '.join(label for label, _ in self.fields)})"


@dataclass(frozen=True)
class FieldsPart(AbstractPart):
    """Generators written as functions from the state to its motion, by variable name."""

    functions: tuple[tuple[str, Callable], ...]
    time_weights: tuple[float, ...]

    def point_fields(self, space: StateSpace, value: AbstractRepresentation | None) -> list[PointField]:
        out = []
        for (label, function), weight in zip(self.functions, self.time_weights, strict=True):
            field = NamedField(label, space, function)
            try:
                jax.eval_shape(field, jnp.ones(space.size))
            except InputError:
                raise
            except Exception as error:
                raise InputError(
                    f"the field {label!r} failed on a state with {', '.join(space.names)}: "
                    f"{type(error).__name__}: {error}"
                ) from error
            out.append(PointField(label, field, _unmoved(repr(self), value, space.size), weight))
        return out

    def __repr__(self) -> str:
        return f"fields({', '.join(label for label, _ in self.functions)})"
