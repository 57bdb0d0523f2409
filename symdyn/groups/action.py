"""How a group moves the variables of a state or of a field, and with them their rates and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace, Variable
from symdyn.groups.bound import BoundAction, Element, Field, Motion, without_time
from symdyn.groups.jets import ProlongedField, prolonged, prolonged_element
from symdyn.groups.parts import AbstractPart, AffinePart, FieldsPart, PointField, PolynomialPart, stacked_arrays
from symdyn.groups.polynomial import Polynomial
from symdyn.groups.representations import AbstractRepresentation


@dataclass(frozen=True, repr=False)
class Action:
    """How a group moves the named variables of a state; the sum of two actions has the generators of both.

    Made by `group.acting_on(...)`, `Action.affine(...)`, `Action.polynomial(...)` or `Action.from_fields(...)`;
    `action.on(space)` binds it to a state space. On the jets of fields it is given on coordinates and values, and
    prolonged to the derivatives.

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
            a law without explicit time needs the translation of x besides: `+ T(1).acting_on(...)`. (As a polynomial,
            `Action.polynomial({"boost": {"x": "t", "v": "1"}})`, it brings the translation itself.)
        time_weights: how time scales, one number or (g,).
        labels: g texts.

        Raises InputError where the numbers of generators differ.

        Examples
        --------
        >>> import symdyn as sd
        >>> boost = sd.Action.affine(shifts={"v": [1.0]}, rate_shifts={"x": [1.0]}, labels="boost")
        >>> sd.enforce(sd.Monomials(1), boost, space=sd.StateSpace.of(x=1, v=1), targets="x").offset.array.ravel()
        array([0., 0., 1.])
        """
        pairs = {(key, key) if isinstance(key, str) else key: value for key, value in (matrices or {}).items()}
        linear = tuple((key, stacked_arrays(value, 2)) for key, value in pairs.items())
        constant = tuple((name, stacked_arrays(value, 1)) for name, value in (shifts or {}).items())
        rates = tuple((name, stacked_arrays(value, 1)) for name, value in (rate_shifts or {}).items())
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
    def polynomial(fields: Mapping[str, Mapping[str, str]], *, time: str = "t") -> Action:
        """Generators that are polynomial vector fields, written as text: exact wherever the library is of monomials.

        Parameters
        ----------
        fields: by label, the components that move, by name (`x`, `position_x`), as polynomials in the components:
            `{"boost": {"x": "t", "u": "1"}}` is t d_x + d_u. The coordinates of a field and its time are components.
        time: the name of the time. A state that does not hold it may still be moved in dependence of it.

        Raises InputError for a text that cannot be read; names are checked once the state is known.

        Examples
        --------
        >>> import symdyn as sd
        >>> burgers = sd.Action.polynomial({
        ...     "boost": {"x": "t", "u": "1"}, "scaling": {"t": "2 t", "x": "x", "u": "-u"},
        ... })
        >>> jets = sd.StateSpace.jets(("x",), order=2, time="t", u=1)
        >>> admitted = sd.enforce(sd.Monomials(2), burgers, space=jets, targets="u")
        >>> print(admitted.describe(sd.Monomials(2).on(jets), ("u_t",)))
        1 of 10 coefficients free, an offset fixed by the symmetry
          fixed: u_t: -u u_x
          w1: u_t: u_xx
        """
        if not fields:
            raise InputError("Action.polynomial needs at least one field")
        parts = tuple((label, tuple(components.items())) for label, components in fields.items())
        return Action((PolynomialPart(parts, time),))

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
            same; variables left out stay). Rates then move with the Jacobian of the field. On the jets of fields, the
            dict holds the coordinates and the values.
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

    def on(self, space: StateSpace, *, values: Any = None) -> BoundAction:
        """This action on a state space.

        Parameters
        ----------
        values: how a quantity that is a function of the state transforms: one representation, or one for each part of
            the action.

        Raises InputError where variables and representations do not fit.
        """
        given = values if isinstance(values, tuple) else (values,) * len(self.parts)
        if len(given) != len(self.parts):
            raise InputError(
                f"the action has {len(self.parts)} parts ({self!r}) and the quantity {len(given)} representations"
            )
        if any(not isinstance(v, AbstractRepresentation) and v is not None for v in given):
            raise InputError(f"values are representations such as sd.Scalar or sd.Vector, got {values!r}")
        motions, elements = [], []
        for part, value in zip(self.parts, given, strict=True):
            more, others = _bound_part(part, space, value)
            motions += more
            elements += others
        return BoundAction(space, tuple(motions), tuple(elements))

    def __add__(self, other: Action) -> Action:
        return Action(self.parts + other.parts) if isinstance(other, Action) else NotImplemented

    def __repr__(self) -> str:
        return " and ".join(map(repr, self.parts))


def _bound_part(part: AbstractPart, space: StateSpace, value) -> tuple[list[Motion], list[Element]]:
    time = part.time_needed(space)
    if time is None:
        zeroth = space.zeroth
        motions = [_motion(each, space) for each in part.point_fields(zeroth, value)]
        elements = [
            replace(each, matrix=Frozen(prolonged_element(each.matrix.array, space)))
            for each in part.elements(zeroth, value)
        ]
        return motions, elements
    wide = StateSpace((Variable(time), *space.variables), (time,), time)
    motions = [_motion(each, wide) for each in part.point_fields(wide, value)]
    elements = [replace(each, matrix=Frozen(each.matrix.array[1:, 1:])) for each in part.elements(wide, value)]
    return [piece for motion in motions for piece in without_time(motion)], elements


def _motion(raw: PointField, space: StateSpace) -> Motion:
    """A generator on coordinates and values, prolonged to the whole state."""
    if not isinstance(raw.field, Polynomial):
        return _function_motion(raw, space)
    zeroth = space.zeroth
    _check_projectable(raw.label, raw.field, space)
    n, here = space.size, space.indices(zeroth.names)
    field = prolonged(raw.field, space)
    dilation, first, second = Polynomial.constant(n, raw.dilation), _still(n), _still(n)
    if raw.drift is not None:
        first = Polynomial.constant(n, _wide(raw.drift.array, here, n))
    if space.time is not None:
        time = int(space.indices((space.time,))[0])
        unknowns = np.zeros(n)
        unknowns[space.indices(space.fields)] = 1.0
        slow = field.along(time)
        dilation = dilation + slow[time]
        first = first + slow.mapped(lambda c: c * unknowns) + _advection(slow, space, raw.label)
        second = slow.along(time).mapped(lambda c: c * unknowns)
    return Motion(raw.label, field, dilation, (first, second), _value(raw, space), raw.essential)


def _still(n: int) -> Polynomial:
    return Polynomial.constant(n, np.zeros(n))


def _wide(values: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n)
    out[columns] = values
    return out


def _gradient_columns(space: StateSpace) -> list[tuple[int, np.ndarray]]:
    """For each differentiated coordinate its column, and the columns of the fields' derivatives by it."""
    out = []
    for k, name in enumerate(space.differentiated):
        orders = tuple(int(i == k) for i in range(len(space.differentiated)))
        names = {d.field: d.name for d in space.derivatives if d.orders == orders}
        columns = space.indices(tuple(names[f] for f in space.fields)) if names else np.zeros(0, int)
        out.append((int(space.indices((name,))[0]), columns))
    return out


def _advection(slow: Polynomial, space: StateSpace, label: str) -> Polynomial:
    """- d_t xi . grad u: what a moving frame adds to the rates of fields."""
    n, here = space.size, space.indices(space.fields)
    total = _still(n)
    for column, gradient in _gradient_columns(space):
        speed = slow[column]
        if not len(speed.exponents):
            continue
        if not len(gradient):
            raise InputError(f"{label!r} moves the frame: the jet needs first derivatives (order >= 1)")
        matrix = np.zeros((n, n))
        matrix[here, gradient] = -1.0
        total = total + speed.product(Polynomial.affine(matrix, np.zeros(n)), ",a->a")
    return total


def _check_projectable(label: str, field: Polynomial, space: StateSpace) -> None:
    """Refuse generators whose condition on u_t = F is not affine in F."""
    if space.time is None:
        return
    zeroth = space.zeroth
    time = zeroth.indices((space.time,))
    places = zeroth.indices(space.differentiated)
    unknowns = zeroth.indices(space.fields)
    if field[time].depends_on([*places, *unknowns]):
        raise InputError(
            f"{label!r} moves the time in dependence of {'places' if len(places) else 'the state'}: for a law "
            "solved for the time derivative this is not linear in the law; use the jets of spacetime, "
            "StateSpace.jets((time, ...)) without time="
        )
    if len(places) and field[places].depends_on(unknowns):
        raise InputError(
            f"{label!r} moves the coordinates in dependence of the fields: the condition on a law solved for the "
            "time derivative is not affine in the law, so it cannot be enforced as a linear constraint"
        )


def _value(raw: PointField, space: StateSpace) -> tuple[Polynomial, Polynomial] | None:
    """The matrix (k, k) and the shift (k,) of the further quantity over the whole state."""
    if raw.value is None:
        return None
    k = raw.value.shape[0]
    n0 = raw.value.n - k
    quantity = raw.value.derivative()[:, n0:]
    if quantity.depends_on(range(n0, n0 + k)):
        raise InputError(f"{raw.label!r} does not move the quantity linearly; ask for another representation")
    bare = raw.value.exponents.array[:, n0:].any(1)
    shift = Polynomial.of(raw.value.exponents.array[~bare], raw.value.coefficients.array[~bare])
    columns = [*space.indices(space.zeroth.names), *(0,) * k]
    return quantity.placed(columns, space.size), shift.placed(columns, space.size)


def _function_motion(raw: PointField, space: StateSpace) -> Motion:
    n, here = space.size, space.indices(space.zeroth.names)
    point: Field = raw.field
    field = ProlongedField(raw.field, space) if space.derivatives else raw.field
    value = _value(raw, space)
    constant = Polynomial.constant(n, raw.dilation)
    if space.time is None:
        return Motion(raw.label, field, constant, (_still(n), _still(n)), value, raw.essential)
    time, unknowns = int(space.indices((space.time,))[0]), space.indices(space.fields)
    at = int(space.zeroth.indices((space.time,))[0])

    def slow(x):
        """The derivative of the field by the time, on coordinates and values."""
        moved = jax.jvp(lambda s: point(x[here].at[at].set(s)), (x[time],), (jnp.ones_like(x[time]),))[1]
        return jnp.zeros_like(x).at[here].set(moved)

    def dilation(x):
        return raw.dilation + slow(x)[time]

    def first(x):
        rate = slow(x)
        out = jnp.zeros_like(x).at[unknowns].set(rate[unknowns])
        for column, gradient in _gradient_columns(space):
            if len(gradient):
                out = out.at[unknowns].add(-rate[column] * x[gradient])
        return out

    def second(x):
        rate = jax.jvp(slow, (x,), (jnp.zeros_like(x).at[time].set(1.0),))[1]
        return jnp.zeros_like(x).at[unknowns].set(rate[unknowns])

    return Motion(raw.label, field, dilation, (first, second), value, raw.essential)
