"""Lie groups: a Lie algebra, one element for each further component, and how they are put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.groups.algebra import LieAlgebra
from symdyn.groups.finite import generated
from symdyn.groups.polynomial import concatenated
from symdyn.groups.printing import group_text
from symdyn.groups.representations import AbstractRepresentation

if TYPE_CHECKING:
    from symdyn.groups.action import Action

Base = Literal["space", "spacetime", "internal"]


@dataclass(frozen=True)
class Group:
    """A Lie group: its algebra, and one matrix for each connected component besides that of the identity.

    `a + b` is the group that two groups on the same coordinates generate (`SO(3) + T(3)`, which must close); `a * b`
    is their direct product on both sets of coordinates. Where one moves the coordinates of a field and the other only
    values, add their actions instead: `Galilei(3).acting_on(...) + U(1).acting_on(...)`.

    Parameters
    ----------
    name: for messages and figures.
    algebra: the Lie algebra of the component of the identity.
    elements: representatives of the other components, shape (k, n, n); none by default. Those that generate the
        others are enough.
    labels: k texts for them.
    base: what the n coordinates are: "space", "spacetime" (time first), or "internal" for groups that move values only
        (a phase, a permutation of species) and never the coordinates of a field.

    Raises InputError where an element is singular or does not map the algebra to itself.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.O(2))
    O(2): 1 generator (rotation) and 1 element (reflection_x)
    >>> sd.SO(3).acting_on(position=sd.Vector)
    SO(3) on position=Vector
    """

    name: str
    algebra: LieAlgebra
    elements: Frozen = field(default=None)  # pyright: ignore[reportAssignmentType]  (filled below)
    labels: tuple[str, ...] = ()
    base: Base = "space"

    def __post_init__(self):
        n = self.algebra.n
        elements = np.zeros((0, n, n)) if self.elements is None else np.array(self.elements, float)
        if elements.ndim != 3 or elements.shape[1:] != (n, n):
            raise InputError(f"the elements of {self.name} need the shape (k, {n}, {n}), got {elements.shape}")
        labels = tuple(self.labels) or tuple(f"{self.name}_element_{k}" for k in range(len(elements)))
        if len(labels) != len(elements):
            raise InputError(f"{self.name} has {len(elements)} elements and {len(labels)} labels for them")
        if self.base not in ("space", "spacetime", "internal"):
            raise InputError(f'the base of {self.name} is "space", "spacetime" or "internal", got {self.base!r}')
        for label, g in zip(labels, elements, strict=True):
            if not np.isfinite(g).all() or np.linalg.matrix_rank(g) < n:
                raise InputError(f"the element {label!r} of {self.name} has no inverse")
            self._check_normalises(label, g)
        object.__setattr__(self, "elements", Frozen(elements))
        object.__setattr__(self, "labels", labels)

    def _check_normalises(self, label: str, g: np.ndarray) -> None:
        moved = self.algebra.generators.composed(np.linalg.inv(g)).mapped(lambda c: c @ g.T)  # g xi(g^-1 x)
        self.algebra.coordinates(moved, lambda k: f"{self.algebra.labels[k]!r}, moved by the element {label!r},")

    def __add__(self, other: Group) -> Group:
        if not isinstance(other, Group):
            return NotImplemented
        if (self.algebra.n, self.base) != (other.algebra.n, other.base):
            raise InputError(
                f"{self.name} + {other.name} needs two groups on the same coordinates, got {self.base} of "
                f"{self.algebra.n} and {other.base} of {other.algebra.n}; for separate coordinates write a * b"
            )
        name = f"{self.name} + {other.name}"
        generators = concatenated([self.algebra.generators, other.algebra.generators])
        algebra = LieAlgebra(name, generators, _joined(self.algebra, other.algebra))
        elements = np.concatenate([self.elements.array, other.elements.array])
        return Group(name, algebra, Frozen(elements), _joined(self, other), self.base)

    def __mul__(self, other: Group) -> Group:
        if not isinstance(other, Group):
            return NotImplemented
        n, m = self.algebra.n, other.algebra.n
        name = f"{self.name} x {other.name}"
        wide = []
        for X, start in ((self.algebra.generators, 0), (other.algebra.generators, n)):
            margins = ((0, 0), (start, n + m - start - X.n))
            wide.append(X.placed(range(start, start + X.n), n + m).mapped(lambda c, w=margins: np.pad(c, w)))
        elements = np.zeros((len(self.labels) + len(other.labels), n + m, n + m)) + np.eye(n + m)
        elements[: len(self.labels), :n, :n] = self.elements.array
        elements[len(self.labels) :, n:, n:] = other.elements.array
        base: Base = self.base if self.base == other.base else "space"
        algebra = LieAlgebra(name, concatenated(wide), _joined(self.algebra, other.algebra))
        return Group(name, algebra, Frozen(elements), _joined(self, other), base)

    def acting_on(
        self,
        quantities: Mapping[str | tuple[str, ...], AbstractRepresentation] | None = None,
        /,
        *,
        time: AbstractRepresentation | None = None,
        coordinates: Sequence[str] | None = None,
        **representations: AbstractRepresentation,
    ) -> Action:
        """This group acting on named variables of a state.

        Parameters
        ----------
        quantities: representations by name or, for a quantity whose components are variables of their own, by the
            tuple of their names: `{("u", "v"): sd.Vector}`.
        representations: the same by keyword: `position=sd.Vector, mass=sd.Scalar`.
        time: how time scales, for scalings: `time=sd.Weight(3)`. Time is untouched by default.
        coordinates: names of the coordinates of a field that the group moves; by default those of space (of space and
            time for a group of spacetime), and none for an internal group. `()` moves values only.

        Raises InputError for what is no representation; variables are checked once the state is known.
        """
        from symdyn.groups.action import Action
        from symdyn.groups.parts import GroupPart

        named = {**(quantities or {}), **representations}
        for name, representation in {"time": time, **named}.items():
            if not isinstance(representation, AbstractRepresentation) and not (name == "time" and time is None):
                raise InputError(
                    f"{name} needs a representation such as Scalar, Vector, Point or Weight(1), got {representation!r}"
                )
        if not named:
            raise InputError(f"{self.name}.acting_on() needs a variable: write acting_on(position=sd.Vector)")
        keys = [((key,) if isinstance(key, str) else tuple(key), rep) for key, rep in named.items()]
        names = [name for key, _ in keys for name in key]
        if len(set(names)) != len(names):
            raise InputError(f"{self.name}.acting_on() names a variable twice: {names}")
        given = None if coordinates is None else tuple(coordinates)
        return Action((GroupPart(self, tuple(keys), time, given),))

    def describe(self, coordinates: Sequence[str] = ()) -> str:
        """The generators as vector fields and the elements as maps, in coordinates of these names (x, y, ..; t first).

        Examples
        --------
        >>> import symdyn as sd
        >>> print(sd.Galilei(1, parity=True).describe())
        Galilei(1) on (t, x)
          translation_t: d_t
          translation_x: d_x
          boost_x: t d_x
          parity: (t, x) -> (t, -x)
        """
        return group_text(self, coordinates)

    def closure(self, limit: int = 10000) -> np.ndarray:
        """All elements of a finite group, the identity first: shape (order, n, n).

        Raises InputError for a group with generators, and where the elements generate more than `limit`.

        Examples
        --------
        >>> import symdyn as sd
        >>> sd.SignPattern((-1, -1, 1)).closure().diagonal(axis1=1, axis2=2).tolist()
        [[1.0, 1.0, 1.0], [-1.0, -1.0, 1.0]]
        """
        if self.algebra.dimension:
            raise InputError(f"{self.name} is no finite group: it has the generators {', '.join(self.algebra.labels)}")
        members = generated(self.elements.array, limit)
        if members is None:
            raise InputError(f"the elements of {self.name} generate more than {limit} others; is the group finite?")
        return members

    def __str__(self) -> str:
        g, k = self.algebra.dimension, len(self.labels)
        text = f"{self.name}: {g} generator{'s' * (g != 1)}" + f" ({', '.join(self.algebra.labels)})" * (g > 0)
        return text + f" and {k} element{'s' * (k != 1)} ({', '.join(self.labels)})" * (k > 0)


def _joined(a, b) -> tuple[str, ...]:
    """The labels of two groups or algebras, with their names before them where labels repeat."""
    if not set(a.labels) & set(b.labels):
        return (*a.labels, *b.labels)
    left, right = (a.name, b.name) if a.name != b.name else (f"{a.name}_1", f"{b.name}_2")
    return (*(f"{left}_{x}" for x in a.labels), *(f"{right}_{x}" for x in b.labels))
