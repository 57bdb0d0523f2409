"""Nouns that every part shares: read-only arrays that hash, named variables, and the float policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, product
from math import prod

import jax
import numpy as np

from symdyn._errors import InputError


@contextmanager
def double_precision() -> Iterator[None]:
    """Run a block in float64 and leave the caller's JAX flag as it was."""
    with jax.enable_x64(True):
        yield


class Frozen:
    """A read-only NumPy array that hashes and compares by value.

    Structure (generators, exponents, null-space bases) lives in static fields of Equinox modules, and JAX asks static
    fields to be hashable; a bare array there would count as a trainable leaf.
    """

    __slots__ = ("_hash", "array")

    def __init__(self, array):
        self.array = np.array(array)
        self.array.setflags(write=False)
        self._hash = hash((self.array.shape, self.array.dtype.str, self.array.tobytes()))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype=dtype, copy=copy)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other) -> bool:
        return (
            isinstance(other, Frozen)
            and self.array.shape == other.array.shape
            and self.array.dtype == other.array.dtype
            and bool(np.array_equal(self.array, other.array))
        )

    def __repr__(self) -> str:
        return f"Frozen({self.array.dtype}{list(self.array.shape)})"

    def __getitem__(self, index):
        return self.array[index]

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def size(self) -> int:
        return self.array.size


@dataclass(frozen=True)
class Variable:
    """A named physical quantity with the labels of its components.

    `dims` and `labels` describe the axes of one sample of it: a scalar has none, a position has
    `dims=("component",)` and `labels=(("x", "y", "z"),)`, all positions of an N-body system have
    `dims=("body", "component")`. `unit` is text, empty where unknown.
    """

    name: str
    dims: tuple[str, ...] = ()
    labels: tuple[tuple[str, ...], ...] = ()
    unit: str = ""

    def __post_init__(self):
        if len(self.dims) != len(self.labels):
            raise InputError(
                f"variable {self.name!r} has {len(self.dims)} dims {self.dims} and {len(self.labels)} sets of labels"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(row) for row in self.labels)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def component_names(self) -> tuple[str, ...]:
        return tuple("_".join((self.name, *row)) for row in product(*self.labels))


def _vector(name: str, size: int, unit: str = "") -> Variable:
    labels = tuple("xyz"[:size]) if size <= 3 else tuple(str(k) for k in range(size))
    return Variable(name, ("component",), (labels,), unit)


def _sized(name: str, size: int) -> Variable:
    if size < 1:
        raise InputError(f"the variable {name!r} needs a positive size, got {size!r}")
    return Variable(name) if size == 1 else _vector(name, size)


@dataclass(frozen=True)
class Derivative:
    """A partial derivative as a variable: `name` holds the derivative of `field`, `orders[i]` times by coordinate i.

    The coordinates are those of the state space that are differentiated: all but its `time`.
    """

    name: str
    field: str
    orders: tuple[int, ...]


@dataclass(frozen=True)
class StateSpace:
    """The variables of a state in their order: how names become places in a flat vector of length `size`.

    Most variables are unknowns that evolve. For fields, the state is a jet: `coordinates` names the variables that are
    places (and times), and `derivatives` those that are derivatives of a field. `time` names the coordinate along which
    rates are taken; without it the coordinates are alike, as in the jets of spacetime.

    Examples
    --------
    >>> from symdyn import StateSpace
    >>> space = StateSpace.of(position=3, mass=1)
    >>> space.size, space.component_names
    (4, ('position_x', 'position_y', 'position_z', 'mass'))
    >>> StateSpace.jets(("x",), order=2, time="t", u=1).names
    ('t', 'x', 'u', 'u_x', 'u_xx')
    """

    variables: tuple[Variable, ...]
    coordinates: tuple[str, ...] = ()
    time: str | None = None
    derivatives: tuple[Derivative, ...] = ()

    def __post_init__(self):
        names = self.names
        if len(set(names)) != len(names):
            raise InputError(f"variable names must differ, got {names}")
        for name in (*self.coordinates, *(d.name for d in self.derivatives), *(d.field for d in self.derivatives)):
            self.slice(name)
        for name in self.coordinates:
            if self[name].size != 1:
                raise InputError(f"the coordinate {name!r} needs one component, got {self[name].size}")
        if self.time is not None and self.time not in self.coordinates:
            raise InputError(f"the time {self.time!r} is not among the coordinates {self.coordinates}")

    @classmethod
    def jets(
        cls, coordinates: Sequence[str], *, order: int, time: str | None = None, **sizes: int | Variable
    ) -> StateSpace:
        """The jets of fields: time, coordinates, values and all their derivatives by the coordinates up to `order`.

        Parameters
        ----------
        coordinates: names of the coordinates that fields are differentiated by. For an equation that is solved for
            the time derivative these are those of space; for the jets of spacetime they include the time.
        order: the highest derivative, at least 0.
        time: the name of the time along which rates are taken; None for the jets of spacetime.
        sizes: the fields with their numbers of components, or as a `Variable`.

        The derivative of a scalar `u` by x and y is `u_xy`, that of a vector `wind` is `wind_dxy`.

        Examples
        --------
        >>> from symdyn import StateSpace
        >>> StateSpace.jets(("x", "y"), order=1, wind=2).component_names[4:]
        ('wind_dx_x', 'wind_dx_y', 'wind_dy_x', 'wind_dy_y')
        """
        if isinstance(coordinates, str) or not coordinates:
            raise InputError(f"jets need a tuple of coordinate names such as ('x', 'y'), got {coordinates!r}")
        if isinstance(order, bool) or not isinstance(order, int) or order < 0:
            raise InputError(f"the order of jets is an integer >= 0, got {order!r}")
        if not sizes:
            raise InputError("jets need a field: write jets(('x',), order=2, u=1)")
        fields = [v if isinstance(v, Variable) else _sized(name, v) for name, v in sizes.items()]
        joint = "" if all(len(name) == 1 for name in coordinates) else "_"
        variables, derivatives = [], []
        for k in range(1, order + 1):
            for chosen in combinations_with_replacement(range(len(coordinates)), k):
                suffix = joint.join(coordinates[i] for i in chosen)
                for v in fields:
                    name = f"{v.name}_{suffix}" if v.size == 1 else f"{v.name}_d{suffix}"
                    variables.append(Variable(name, v.dims, v.labels))
                    derivatives.append(
                        Derivative(name, v.name, tuple(chosen.count(i) for i in range(len(coordinates))))
                    )
        places = ((time,) if time else ()) + tuple(coordinates)
        return cls((*map(Variable, places), *fields, *variables), places, time, tuple(derivatives))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The unknowns: the variables that are neither coordinates nor derivatives."""
        known = {*self.coordinates, *(d.name for d in self.derivatives)}
        return tuple(name for name in self.names if name not in known)

    @cached_property
    def differentiated(self) -> tuple[str, ...]:
        """The coordinates that fields are differentiated by: all but the time."""
        return tuple(name for name in self.coordinates if name != self.time)

    @cached_property
    def zeroth(self) -> StateSpace:
        """The same space without the derivatives."""
        kept = tuple(self[name] for name in self.names if name in (*self.coordinates, *self.fields))
        return StateSpace(kept, self.coordinates, self.time)

    @classmethod
    def of(cls, **sizes: int) -> StateSpace:
        """A space from names and sizes; size 1 makes a scalar."""
        return cls(tuple(_sized(name, size) for name, size in sizes.items()))

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(variable.name for variable in self.variables)

    @cached_property
    def size(self) -> int:
        return sum(variable.size for variable in self.variables)

    @cached_property
    def component_names(self) -> tuple[str, ...]:
        return tuple(name for variable in self.variables for name in variable.component_names)

    @cached_property
    def _slices(self) -> Mapping[str, slice]:
        ends = np.cumsum([0, *(variable.size for variable in self.variables)])
        return {v.name: slice(int(a), int(b)) for v, a, b in zip(self.variables, ends[:-1], ends[1:], strict=True)}

    def __getitem__(self, name: str) -> Variable:
        self.slice(name)
        return next(variable for variable in self.variables if variable.name == name)

    def slice(self, name: str) -> slice:
        """Where the variable `name` lies in the flat state. Raises InputError for an unknown name."""
        if name not in self._slices:
            raise InputError(f"unknown variable {name!r}; the state has {', '.join(self.names)}")
        return self._slices[name]

    def split(self, x) -> dict:
        """A flat state of shape (..., n) as arrays by name, each with the variable's own shape."""
        return {v.name: x[..., self.slice(v.name)].reshape(*x.shape[:-1], *v.shape) for v in self.variables}

    def select(self, names: tuple[str, ...]) -> StateSpace:
        """The space of some of the variables, in the order of `names`."""
        return StateSpace(tuple(self[name] for name in names))

    def indices(self, names: tuple[str, ...]) -> np.ndarray:
        """Places of the components of some variables, in the order of `names`: shape (sum of sizes,)."""
        if not names:
            return np.zeros(0, int)
        return np.concatenate([np.arange(self.size)[self.slice(name)] for name in names])
