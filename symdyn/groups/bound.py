"""An action on a given state space, and what equivariance under it asks of a function of the state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace, double_precision
from symdyn.groups.polynomial import Polynomial

Field = Polynomial | Callable[[Any], Any]


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
class Motion:
    """One generator on a state space of n variables; each part is a `Polynomial` or a function of the state (n,).

    `field` (n,): how the state moves, xi. `dilation` (): how time stretches, d tau / dt. `drifts`: what moves the first
    and the second time derivatives of the unknowns by itself, because the generator depends on time, (n,) each:
    d_t phi - d_t xi . grad u, and d_tt phi. `value`: the matrix (d, d) and the shift (d,) with which a quantity that is
    a function of the state moves, where one was named. `essential`: False where other generators give it by brackets.
    """

    label: str
    field: Field
    dilation: Field
    drifts: tuple[Field, Field]
    value: tuple[Polynomial, Polynomial] | None = None
    essential: bool = True


@dataclass(frozen=True)
class Element:
    """A discrete element: x -> `matrix` x on the state (n, n), t -> `time` t, and on values by `value` (d, d)."""

    label: str
    matrix: Frozen
    time: float = 1.0
    value: Frozen | None = None


@dataclass(frozen=True)
class Generator:
    """What one generator asks of F: DF(x) field(x) - fibre(x) F(x) - shift(x) = 0."""

    label: str
    field: Field
    fibre: Field
    shift: Field
    essential: bool = True

    def polynomials(self) -> tuple[Polynomial, Polynomial, Polynomial] | None:
        """Field, fibre and shift where all are polynomials, else None: what the exact calculus asks."""
        field, fibre, shift = self.field, self.fibre, self.shift
        if isinstance(field, Polynomial) and isinstance(fibre, Polynomial) and isinstance(shift, Polynomial):
            return field, fibre, shift
        return None


@dataclass(frozen=True)
class Reflection:
    """What one discrete element asks of F: F(matrix x) = fibre F(x)."""

    label: str
    matrix: Frozen
    fibre: Frozen


@dataclass(frozen=True)
class Conditions:
    """What equivariance asks of a function F of the state with `size` values."""

    space: StateSpace
    size: int
    generators: tuple[Generator, ...]
    reflections: tuple[Reflection, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The labels of all generators and elements."""
        return (*(g.label for g in self.generators), *(r.label for r in self.reflections))


@dataclass(frozen=True)
class BoundAction:
    """An action on a given state space: its generators and its discrete elements."""

    space: StateSpace
    motions: tuple[Motion, ...]
    elements: tuple[Element, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the generators."""
        return tuple(motion.label for motion in self.motions)

    @property
    def element_labels(self) -> tuple[str, ...]:
        """Names of the discrete elements."""
        return tuple(element.label for element in self.elements)

    def on(self, space: StateSpace) -> BoundAction:
        """This action, after a check that it is bound to that state space."""
        if space != self.space:
            raise InputError(f"the action is bound to the state {self.space.names}, not to {space.names}")
        return self

    def rates(self, targets: tuple[str, ...], order: int = 1) -> Conditions:
        """What equivariance asks of the time derivatives of the targets, of first or second order.

        A generator moves the rates by d phi / du - k d tau / dt for the k-th derivative, and by its drift.
        Raises InputError where the rate of a target mixes with the rate of a variable that is no target, or where the
        second derivative does not move linearly.
        """
        here = self.space.indices(targets)
        rest = np.setdiff1d(self.space.indices(self.space.fields), here)
        if set(targets) & set(self.space.coordinates):
            raise InputError(f"coordinates have no law: leave {set(targets) & set(self.space.coordinates)} out")
        generators = tuple(self._rate(motion, here, rest, targets, order) for motion in self.motions)
        reflections = []
        for each in self.elements:
            matrix = each.matrix.array
            self._check_closed(each.label, matrix[np.ix_(here, rest)], targets, rest)
            fibre = matrix[np.ix_(here, here)] / each.time**order
            reflections.append(Reflection(each.label, each.matrix, Frozen(fibre)))
        return Conditions(self.space, len(here), generators, tuple(reflections))

    def _rate(self, motion: Motion, here: np.ndarray, rest: np.ndarray, targets, order: int) -> Generator:
        field, d = motion.field, len(here)
        if isinstance(field, Polynomial) and isinstance(motion.dilation, Polynomial):
            derivative = field[here].derivative()
            mixing = derivative[:, rest].coefficients.array
            self._check_closed(motion.label, np.abs(mixing).sum(0), targets, rest)
            stretch = motion.dilation.mapped(lambda c: order * c * np.eye(d))
            fibre: Field = derivative[:, here] - stretch
            still = not fibre.degree and not motion.dilation.degree
        else:
            jacobian = _sampled_jacobian(motion, self.space)
            self._check_closed(motion.label, jacobian[:, here][:, :, rest].max(0), targets, rest)
            fibre, still = _rate_matrix(motion, here, order), False
        drift = motion.drifts[order - 1]
        if order == 2 and not still:
            raise InputError(
                f"{motion.label!r} moves second derivatives by first ones; enforce it on the first-order form: "
                "velocities as variables"
            )
        shift = drift[here] if isinstance(drift, Polynomial) else lambda x: drift(x)[here]
        return Generator(motion.label, field, fibre, shift, motion.essential)

    def values(self) -> Conditions:
        """What equivariance asks of the quantity that was named when the action was bound."""
        generators, d = [], 0
        for motion in self.motions:
            assert motion.value is not None
            fibre, shift = motion.value
            d = shift.shape[0]
            generators.append(Generator(motion.label, motion.field, fibre, shift, motion.essential))
        reflections = []
        for each in self.elements:
            assert each.value is not None
            d = len(each.value)
            reflections.append(Reflection(each.label, each.matrix, each.value))
        return Conditions(self.space, d, tuple(generators), tuple(reflections))

    def _check_closed(self, label: str, mixing: np.ndarray, targets: tuple[str, ...], rest: np.ndarray) -> None:
        if not np.any(np.abs(mixing) > 1e-12):
            return
        places = set(rest[np.flatnonzero(np.abs(mixing).max(0) > 1e-12)].tolist())
        others = [v.name for v in self.space.variables if places & set(self.space.indices((v.name,)).tolist())]
        raise InputError(
            f"{label!r} mixes the rate of {', '.join(targets)} with that of {', '.join(others)}; "
            f"model them together: targets {(*targets, *others)}"
        )


def _rate_matrix(motion: Motion, here: np.ndarray, order: int) -> Callable:
    def fibre(x):
        rows = jax.jacfwd(lambda y: motion.field(y)[here])(x)
        return rows[:, here] - order * motion.dilation(x) * jnp.eye(len(here))

    return fibre


def _sampled_jacobian(motion: Motion, space: StateSpace) -> np.ndarray:
    """|D field| at four fixed states: shape (4, n, n)."""
    states = np.random.default_rng(7).uniform(0.5, 1.5, (4, space.size))
    with double_precision():
        return np.abs(np.asarray(jax.vmap(jax.jacfwd(motion.field))(jnp.asarray(states))))


def without_time(motion: Motion) -> list[Motion]:
    """The conditions of a generator that depends on time, on a state that does not hold the time (first variable).

    A law without explicit time has to fulfil the condition of each power of t by itself.
    """
    of_state = [part for part in (motion.field, *motion.drifts) if isinstance(part, Polynomial)]
    others = [part for part in (motion.dilation, *(motion.value or ())) if isinstance(part, Polynomial)]
    parts = [*(part[1:] for part in of_state), *others]
    powers = [part.powers_of(0) for part in parts]
    zeros = [Polynomial.constant(part.n - 1, np.zeros(part.shape)) for part in parts]
    out: list[Motion] = []
    for k in sorted(set().union(*powers)):
        field, first, second, dilation, *value = (p.get(k, zero) for p, zero in zip(powers, zeros, strict=True))
        label = f"{motion.label} (t^{k})" if out else motion.label
        quantity = (value[0], value[1]) if value else None
        out.append(Motion(label, field, dilation, (first, second), quantity, motion.essential))
    return out
