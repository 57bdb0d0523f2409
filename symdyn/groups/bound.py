"""An action on a given state space: its vector fields, its elements, and how rates move with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace, double_precision


@dataclass(frozen=True)
class AffineField:
    """The vector field x -> A x + a on the flat state."""

    matrix: Frozen
    shift: Frozen

    def __call__(self, x):
        return self.matrix.array @ x + self.shift.array


@dataclass(frozen=True)
class NamedField:
    """A user's vector field, a function from states to rates by variable name, on the flat state."""

    label: str
    space: StateSpace
    function: Callable[[dict[str, Any]], Mapping[str, Any]]

    def __call__(self, x):
        moved = self.function(self.space.split(x))
        for name in moved:
            self.space.slice(name)
        parts = []
        for v in self.space.variables:
            part = jnp.asarray(moved.get(v.name, jnp.zeros(v.shape)), x.dtype)
            if part.shape != v.shape:
                raise InputError(f"the field {self.label!r} moves {v.name!r} by {part.shape}; it needs {v.shape}")
            parts.append(part.ravel())
        return jnp.concatenate(parts)


@dataclass(frozen=True)
class RateMatrix:
    """The matrix x -> D xi(x)[targets, targets] - time_weight I with which rates move under a vector field."""

    field: NamedField
    indices: Frozen
    time_weight: float

    def __call__(self, x):
        rows = jax.jacfwd(lambda y: self.field(y)[self.indices.array])(x)
        return rows[:, self.indices.array] - self.time_weight * jnp.eye(len(self.indices))


@dataclass(frozen=True)
class Generator:
    """One generator: the vector field on the state, and the matrix (or matrix field) and shift on the fibre.

    F is equivariant under it where DF(x) field(x) - fibre(x) F(x) - shift = 0.
    """

    label: str
    field: Callable
    fibre: Frozen | RateMatrix
    shift: Frozen


@dataclass(frozen=True)
class Fibre:
    """How the rates of some variables (d components in all) move.

    `matrices` (g, d, d) and `shifts` (g, d) belong to the generators given by matrices, `fields` (callables of x with
    values (d, d)) to those given by functions, `elements` (k, d, d) to the discrete elements.
    """

    matrices: Frozen
    shifts: Frozen
    fields: tuple[RateMatrix, ...]
    elements: Frozen


@dataclass(frozen=True)
class BoundAction:
    """An action on a given state space of n components.

    `labels` name the generators: first the g given by `matrices` (g, n, n) and `shifts` (g, n), xi = A x + a, then
    the `fields`, functions x (n,) -> (n,). `time_weights` (one per label): time scales with it. `rate_shifts` (g, n):
    what a generator adds to the rates (a boost). `elements` (k, n, n) act as x -> g x.
    """

    space: StateSpace
    labels: tuple[str, ...]
    matrices: Frozen
    shifts: Frozen
    time_weights: Frozen
    rate_shifts: Frozen
    fields: tuple[NamedField, ...]
    elements: Frozen
    element_labels: tuple[str, ...]

    def on(self, space: StateSpace) -> BoundAction:
        """This action, after a check that it is bound to that state space."""
        if space != self.space:
            raise InputError(f"the action is bound to the state {self.space.names}, not to {space.names}")
        return self

    def fibre(self, targets: tuple[str, ...]) -> Fibre:
        """How the time derivatives of the target variables transform.

        A generator A with time weight b moves the rates of the targets by A[targets, targets] - b I.
        Raises InputError where the rate of a target mixes with the rate of a variable that is no target.
        """
        indices = self.space.indices(targets)
        rest = np.setdiff1d(np.arange(self.space.size), indices)
        g = len(self.matrices)
        for label, matrix in zip(
            self.labels[:g] + self.element_labels, [*self.matrices.array, *self.elements.array], strict=True
        ):
            self._check_closed(label, matrix[np.ix_(indices, rest)], targets, rest)
        for each in self.fields:
            self._check_closed(each.label, _sampled_jacobian(each)[:, indices][:, :, rest].max(0), targets, rest)
        block = np.ix_(indices, indices)
        weights = self.time_weights.array
        return Fibre(
            matrices=Frozen(self.matrices.array[:, *block] - weights[:g, None, None] * np.eye(len(indices))),
            shifts=Frozen(self.rate_shifts.array[:, indices]),
            fields=tuple(
                RateMatrix(each, Frozen(indices), float(b)) for each, b in zip(self.fields, weights[g:], strict=True)
            ),
            elements=Frozen(self.elements.array[:, *block]),
        )

    def generators(self, targets: tuple[str, ...]) -> tuple[Generator, ...]:
        """All generators with what they do to the rates of the targets, in the order of `labels`."""
        fibre = self.fibre(targets)
        g, none = len(self.matrices), Frozen(np.zeros(len(self.space.indices(targets))))
        moves = [AffineField(Frozen(A), Frozen(a)) for A, a in zip(self.matrices.array, self.shifts.array, strict=True)]
        given = zip(self.labels[:g], moves, fibre.matrices.array, fibre.shifts.array, strict=True)
        functions = zip(self.labels[g:], self.fields, fibre.fields, strict=True)
        return (
            *(Generator(label, move, Frozen(T), Frozen(c)) for label, move, T, c in given),
            *(Generator(label, each, T, none) for label, each, T in functions),
        )

    def _check_closed(self, label: str, mixing: np.ndarray, targets: tuple[str, ...], rest: np.ndarray) -> None:
        if not np.any(np.abs(mixing) > 1e-12):
            return
        places = set(rest[np.flatnonzero(np.abs(mixing).max(0) > 1e-12)].tolist())
        others = [v.name for v in self.space.variables if places & set(self.space.indices((v.name,)).tolist())]
        raise InputError(
            f"{label!r} mixes the rate of {', '.join(targets)} with that of {', '.join(others)}; "
            f"model them together: targets {(*targets, *others)}"
        )


def _sampled_jacobian(field: NamedField) -> np.ndarray:
    """|D field| at four fixed states: shape (4, n, n)."""
    states = np.random.default_rng(7).uniform(0.5, 1.5, (4, field.space.size))
    with double_precision():
        return np.abs(np.asarray(jax.vmap(jax.jacfwd(field))(jnp.asarray(states))))


def bound_action(
    space, labels, matrices, shifts, weights, *, rates=None, fields=(), elements=None, marks=()
) -> BoundAction:
    """A `BoundAction` from plain arrays; what is not given is absent or zero."""
    n = space.size
    return BoundAction(
        space=space,
        labels=tuple(labels),
        matrices=Frozen(matrices),
        shifts=Frozen(shifts),
        time_weights=Frozen(np.asarray(weights, float)),
        rate_shifts=Frozen(np.zeros_like(shifts) if rates is None else rates),
        fields=tuple(fields),
        elements=Frozen(np.zeros((0, n, n)) if elements is None else elements),
        element_labels=tuple(marks),
    )


def joined(parts: list[BoundAction]) -> BoundAction:
    """The generators and elements of several actions on one space: matrices first, then fields."""

    def split(values: Callable[[BoundAction], Any]) -> list:
        cut = [(values(part), len(part.matrices)) for part in parts]
        return [v[:g] for v, g in cut] + [v[g:] for v, g in cut]

    return bound_action(
        parts[0].space,
        sum(split(lambda part: part.labels), ()),
        np.concatenate([part.matrices.array for part in parts]),
        np.concatenate([part.shifts.array for part in parts]),
        np.concatenate(split(lambda part: part.time_weights.array)),
        rates=np.concatenate([part.rate_shifts.array for part in parts]),
        fields=sum((part.fields for part in parts), ()),
        elements=np.concatenate([part.elements.array for part in parts]),
        marks=sum((part.element_labels for part in parts), ()),
    )
