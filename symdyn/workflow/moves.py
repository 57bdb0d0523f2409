"""Finite elements of a group, drawn at random, with what they do to states and to values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups import AbstractRepresentation, Action, Group, Polynomial, Scalar, Vector
from symdyn.groups.finite import generated
from symdyn.library import Function
from symdyn.symmetry.enforce import bound_conditions

_LISTED = 500  # finite groups up to this order are listed, so that draws are exactly uniform
_FACTORS = 10  # exponentials in the product that draws from a compact group
_BURN_IN, _BETWEEN, _SLOTS = 100, 5, 10  # of product replacement


@dataclass(frozen=True, eq=False)
class Moves:
    """Elements of a group, as affine maps of states x -> A x + a and of values y -> T y + c.

    Made by `random_moves`, of a group or an action.

    Parameters
    ----------
    A, a: on states, shapes (k, n, n) and (k, n).
    T, c: on values (or rates), shapes (k, d, d) and (k, d).
    times: the factors by which time stretches, (k,).
    """

    A: np.ndarray
    a: np.ndarray
    T: np.ndarray
    c: np.ndarray
    times: np.ndarray

    def __len__(self) -> int:
        return len(self.A)

    def states(self, x) -> jax.Array:
        """States (m, n) moved by all elements: shape (k, m, n)."""
        x = jnp.asarray(x)
        return jnp.einsum("kij,mj->kmi", self.A.astype(x.dtype), x) + self.a.astype(x.dtype)[:, None]

    def values(self, y) -> jax.Array:
        """Values (m, d) moved by all elements: shape (k, m, d)."""
        y = jnp.asarray(y)
        return jnp.einsum("kij,mj->kmi", self.T.astype(y.dtype), y) + self.c.astype(y.dtype)[:, None]

    def values_back(self, y) -> jax.Array:
        """Values (k, m, d), row k of them moved by the inverse of element k."""
        y = jnp.asarray(y)
        back = np.linalg.inv(self.T).astype(y.dtype)
        return jnp.einsum("kij,kmj->kmi", back, y - self.c.astype(y.dtype)[:, None])


def random_orthogonal(n: int, count: int, *, key, proper: bool = True) -> np.ndarray:
    """Rotations of R^n (or, where not `proper`, of O(n)), uniform under the Haar measure: shape (count, n, n).

    The orthogonal factor of a Gaussian matrix with the signs of the triangular factor taken out.

    Reference: Mezzadri 2007, How to generate random matrices from the classical compact groups.

    Examples
    --------
    >>> import jax, symdyn as sd
    >>> sd.random_orthogonal(3, 5, key=jax.random.key(0)).shape
    (5, 3, 3)
    """
    if n < 1 or count < 1:
        raise InputError(f"random_orthogonal needs n and count of at least 1, got {n} and {count}")
    Q, R = np.linalg.qr(rng_of(key).normal(size=(count, n, n)))
    Q = Q * np.sign(np.diagonal(R, axis1=1, axis2=2))[:, None, :]
    if proper:
        Q[:, :, 0] *= np.linalg.det(Q).round()[:, None]
    return Q


def random_moves(
    action: Group | Action,
    *,
    key,
    count: int = 16,
    space: StateSpace | None = None,
    targets: tuple[str, ...] | str | None = None,
    values: AbstractRepresentation | None = None,
    inputs: AbstractRepresentation = Vector,
    outputs: AbstractRepresentation = Scalar,
    scale: float = 1.0,
) -> Moves:
    """Random elements of a group with what they do to inputs and outputs.

    Finite groups up to order 500 are listed and drawn from uniformly, larger ones by product replacement. Compact
    connected groups by products of ten random exponentials: exactly uniform on circles, nearly so elsewhere (the
    distance to the Haar measure falls exponentially with the factors). Other groups by the exponential of a generator
    with coefficients of standard deviation `scale` (turns are uniform): these have no uniform distribution.

    Parameters
    ----------
    action: a group, or a group acting on a state.
    key: a JAX PRNG key; the numbers are drawn on the host.
    count: how many elements, k.
    space, targets, values: for an action, the state and what is given as a function of it: the rates of targets (all
        fields by default) or a quantity of that representation.
    inputs, outputs: for a group, how arguments and values of a function transform.
    scale: of the parameters of generators that are no turns.

    Raises InputError where a generator does not move states and values by affine maps, or an action comes without
    its state.

    Reference: Celler, Leedham-Green, Murray, Niemeyer, O'Brien 1995, Generating random elements of a finite group.

    Examples
    --------
    >>> import jax, symdyn as sd
    >>> moves = sd.random_moves(sd.SO(3), key=jax.random.key(0), count=4, inputs=2 * sd.Vector, outputs=sd.Vector)
    >>> moves.A.shape, moves.T.shape
    ((4, 6, 6), (4, 3, 3))
    """
    if count < 1 or not scale > 0:
        raise InputError(f"random_moves needs a positive count and scale, got {count} and {scale}")
    if isinstance(action, Group):
        return _of_group(action, inputs, outputs).drawn(count, scale, rng_of(key))
    if not isinstance(action, Action) or space is None:
        raise InputError("random_moves needs a group, or an action with space=..., the state that it moves")
    if targets is None and values is None:
        targets = tuple(space.fields)
    return Blocks.of(action, space, targets, values).drawn(count, scale, rng_of(key))


def rng_of(key) -> np.random.Generator:
    """A generator of NumPy from a JAX key: structure is drawn on the host."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def _of_group(group: Group, inputs: AbstractRepresentation, outputs: AbstractRepresentation) -> Blocks:
    space = StateSpace.of(x=inputs.size(group.algebra.n))
    return Blocks.of(group.acting_on({"x": inputs}, coordinates=()), space, None, outputs)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Generators (g, N, N) and elements (e, N, N) as matrices on state, one, values, one and time together."""

    generators: np.ndarray
    elements: np.ndarray
    labels: tuple[str, ...]
    element_labels: tuple[str, ...]
    n: int
    d: int

    @classmethod
    def of(cls, action: Action, space: StateSpace, targets: Any, values: AbstractRepresentation | None) -> Blocks:
        """The action on states and values as matrices. Raises InputError for what is not affine."""
        empty = Function(lambda s: jnp.zeros(1), ("0",))
        _, conditions = bound_conditions(empty, action, targets, values, space, 1)
        bound = action.on(space)
        generators = []
        for each, motion in zip(conditions.generators, bound.motions, strict=True):
            parts, slow = each.polynomials(), motion.dilation
            if (
                parts is None
                or not isinstance(slow, Polynomial)
                or slow.degree
                or parts[0].degree > 1
                or parts[1].degree
                or parts[2].degree
            ):
                raise InputError(f"the generator {each.label!r} does not move states and values by affine maps")
            field, fibre, shift = parts
            affine = (field.linear_part, field.constant_part, fibre.constant_part, shift.constant_part)
            generators.append(_joined(*affine, float(slow.constant_part), 0.0))
        elements = [
            _joined(r.matrix.array, np.zeros(space.size), r.fibre.array, np.zeros(conditions.size), e.time, 1.0)
            for r, e in zip(conditions.reflections, bound.elements, strict=True)
        ]
        size = space.size + conditions.size + 3
        return cls(
            np.array(generators).reshape(-1, size, size), np.array(elements).reshape(-1, size, size),
            bound.labels, bound.element_labels, space.size, conditions.size,
        )  # fmt: skip

    def drawn(self, count: int, scale: float, rng: np.random.Generator) -> Moves:
        """Random elements of the whole group."""
        return self.split(_exponentials(self.generators, count, scale, rng) @ _discrete(self.elements, count, rng))

    def along(self, i: int, count: int, rng: np.random.Generator) -> Moves:
        """Random elements of the flow of one generator, a turn."""
        return self.split(_exponentials(self.generators[i : i + 1], count, 1.0, rng))

    def split(self, whole: np.ndarray) -> Moves:
        """The maps of states, values and time in matrices (k, N, N)."""
        n, d = self.n, self.d
        A, a = whole[:, :n, :n], whole[:, :n, n]
        T, c = whole[:, n + 1 : n + 1 + d, n + 1 : n + 1 + d], whole[:, n + 1 : n + 1 + d, n + 1 + d]
        return Moves(A, a, T, c, whole[:, -1, -1])


def _affine(parts: tuple[Polynomial, Polynomial, Polynomial]) -> bool:
    return parts[0].degree < 2 and not parts[1].degree + parts[2].degree


def _joined(A, a, T, c, time: float, one: float) -> np.ndarray:
    def affine(M, m):
        return np.block([[M, m[:, None]], [np.zeros((1, len(m))), np.full((1, 1), one)]])

    return np.asarray(scipy.linalg.block_diag(affine(A, a), affine(T, c), np.full((1, 1), time)))


def turning(G: np.ndarray) -> float:
    """The smallest frequency of a generator whose flow stays bounded; 0 for others."""
    size = np.abs(G).max()
    if not size:
        return 0.0
    w, V = np.linalg.eig(G)
    bounded = np.allclose(G, -G.T) or (np.abs(np.real(w)).max() < 1e-6 * size and np.linalg.cond(V) < 1e6)
    turning = np.abs(np.imag(w))[np.abs(np.imag(w)) > 1e-6 * size]
    return float(turning.min()) if bounded and len(turning) else 0.0


def _exponentials(generators: np.ndarray, count: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    size = generators.shape[-1]
    if not len(generators):
        return np.broadcast_to(np.eye(size), (count, size, size))
    turns = np.array([turning(G) for G in generators])
    factors = _FACTORS if turns.all() and len(turns) > 1 else 1
    out: np.ndarray = np.broadcast_to(np.eye(size), (count, size, size))
    for _ in range(factors):
        angles = rng.uniform(-np.pi, np.pi, (count, len(turns))) / np.where(turns > 0, turns, 1.0)
        steps = np.where(turns > 0, angles, rng.normal(size=angles.shape) * scale)
        out = np.asarray(scipy.linalg.expm(np.einsum("kg,gij->kij", steps, generators))) @ out
    return np.asarray(out)


def _discrete(elements: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if not len(elements):
        return np.broadcast_to(np.eye(elements.shape[-1]), (count, *elements.shape[1:]))
    members = generated(elements, _LISTED)
    if members is not None:
        return members[rng.integers(len(members), size=count)]
    slots = [elements[i % len(elements)] for i in range(max(_SLOTS, len(elements)))]
    out = []
    for step in range(_BURN_IN + _BETWEEN * count):
        i, j = rng.choice(len(slots), 2, replace=False)
        other = slots[j] if rng.random() < 0.5 else np.linalg.inv(slots[j])
        slots[i] = slots[i] @ other if rng.random() < 0.5 else other @ slots[i]
        if step >= _BURN_IN and (step - _BURN_IN) % _BETWEEN == 0:
            out.append(slots[i])
    return np.stack(out)
