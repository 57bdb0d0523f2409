"""Checks for users' own tests: is a function, a model or a network equivariant?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.groups import AbstractRepresentation, Action, BoundAction, Conditions, Generator
from symdyn.library import Function
from symdyn.symmetry._states import random_states
from symdyn.symmetry.enforce import bound_conditions
from symdyn.symmetry.lie_derivative import lie_derivative

__all__ = ["assert_equivariant"]


def assert_equivariant(
    f: Callable,
    action: Action | BoundAction,
    space: StateSpace,
    targets: tuple[str, ...] | str | None = None,
    *,
    values: AbstractRepresentation | tuple[AbstractRepresentation, ...] | None = None,
    order: int = 1,
    key=None,
    samples: int = 32,
    rtol: float = 1e-6,
) -> None:
    """Fail unless f is equivariant at random states: as rate of the targets, or as a quantity.

    For each generator the Lie derivative D f(x) xi(x) - T f(x) - c and a finite element f(g x) - T_g f(x) of its flow
    (by matrix exponentials where the generator is affine, else integrated to 1e-12), and each discrete element.
    Defects are relative to the size of the terms that shall cancel. All in float64.

    Parameters
    ----------
    f: a JAX function of one state (n,) with values (d,), the rates of the targets in their order.
    action, space, targets: how the state transforms, the state, and the variables whose rates f gives.
    values: instead of targets, the representation of what f gives (one for each part of the action, or one for all).
    order: 2 where f gives second time derivatives.
    key: a JAX key for the states; a fixed one by default.
    samples: the number of states, whose components have size 0.5 to 1.5.
    rtol: the largest relative defect that passes.

    Raises AssertionError with the worst defect and its generator; InputError where f returns a wrong shape.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> from symdyn.testing import assert_equivariant
    >>> space, turn = sd.StateSpace.of(position=3), sd.O(3).acting_on(position=sd.Vector)
    >>> assert_equivariant(lambda x: -x / jnp.linalg.norm(x) ** 3, turn, space, "position")
    >>> assert_equivariant(lambda x: jnp.sum(x**2)[None], turn, space, values=sd.Scalar)
    >>> try:
    ...     assert_equivariant(lambda x: x * x[0], turn, space, "position")
    ... except AssertionError as error:
    ...     print(str(error)[:41])
    f is not equivariant under 'reflection_x'
    """
    empty = Function(lambda s: jnp.zeros(1), ("0",))
    _, conditions = bound_conditions(empty, action, targets, values, space, order)
    with double_precision():
        seed = np.asarray(jax.random.key_data(jax.random.key(0) if key is None else key)).ravel().tolist()
        rng = np.random.default_rng(seed)
        x = jnp.asarray(random_states(rng, samples, space.size))
        shape = jax.eval_shape(f, x[0]).shape
        if shape != (conditions.size,):
            raise InputError(f"f gives an array of shape {shape}; the action asks for {(conditions.size,)}")
        found = [*_infinitesimal(f, conditions, x), *_finite(f, conditions, x, rng)]
    label, what, defect, k = max(found, key=lambda row: row[2], default=("", "", 0.0, 0))
    if not defect <= rtol:
        raise AssertionError(
            f"f is not equivariant under {label!r}: the {what} has the relative defect {defect:.2e} (rtol {rtol:.1e}) "
            f"at x = {np.array2string(np.asarray(x[k]), precision=3)}"
        )


Defect = tuple[str, str, float, int]  # generator, kind of test, relative defect, sample


def _relative(label: str, what: str, defect, *sizes) -> Defect:
    """The worst of the samples' defects, relative to the root mean square of what shall cancel; NaN is the worst."""
    each = np.linalg.norm(np.asarray(defect), axis=-1)
    each = np.where(np.isfinite(each), each, np.inf)
    size = sum(np.sqrt(np.mean(np.sum(np.asarray(s) ** 2, axis=-1))) for s in sizes)
    k = int(np.argmax(each))
    return label, what, float(each[k] / size) if each[k] > 0 and size > 0 else float(each[k]), k


def _infinitesimal(f: Callable, conditions: Conditions, x) -> Iterator[Defect]:
    value = jax.vmap(f)(x)
    still = np.zeros((value.shape[-1],) * 2)
    for each in conditions.generators:
        derivative = jax.vmap(lambda y, e=each: lie_derivative(f, e.field, e.fibre, y))(x)
        pushed = jax.vmap(lambda y, e=each: lie_derivative(f, e.field, still, y))(x)
        shift = jax.vmap(each.shift)(x)
        # `value` counts with weight one: a defect that is small beside f itself is small
        yield _relative(each.label, "Lie derivative", derivative - shift, pushed, pushed - derivative, shift, value)


def _finite(f: Callable, conditions: Conditions, x, rng) -> Iterator[Defect]:
    value = jax.vmap(f)(x)
    for each in conditions.generators:
        s = rng.uniform(0.5, 1.0) * rng.choice([-1.0, 1.0])
        point, expected = _moved(each, np.asarray(x), np.asarray(value), s)
        moved = jax.vmap(f)(jnp.asarray(point))
        yield _relative(each.label, "action of a finite element", moved - expected, moved, expected)
    for each in conditions.reflections:
        moved, expected = jax.vmap(f)(x @ each.matrix.array.T), value @ each.fibre.array.T
        yield _relative(each.label, "action of the element", moved - expected, moved, expected)


def _moved(generator: Generator, x: np.ndarray, value: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """States (m, n) and values (m, d) moved along the flow of a generator for the time s."""
    parts = generator.polynomials()
    if parts is not None and parts[0].degree < 2 and not parts[1].degree + parts[2].degree:
        field, fibre, shift = parts
        g, a = _flow(s * field.linear_part, s * field.constant_part)
        T, c = _flow(s * fibre.constant_part, s * shift.constant_part)
        return x @ g.T + a, value @ T.T + c
    return _integrated(generator, x, value, 0.1 * s)


def _integrated(generator: Generator, x: np.ndarray, value: np.ndarray, s: float) -> tuple[np.ndarray, np.ndarray]:
    """The flow x' = xi(x), v' = T(x) v + c(x) from all states at once, to 1e-12."""
    from scipy.integrate import solve_ivp

    n, start, at = x.shape[1], np.concatenate([x, value], axis=1), _parts_at(generator)

    def rate(_, y):
        states = y.reshape(start.shape)
        field, fibre, shift = at(states[:, :n])
        moved = np.einsum("mde,me->md", fibre, states[:, n:]) + shift
        return np.concatenate([field, moved], axis=1).ravel()

    found = solve_ivp(rate, (0.0, s), start.ravel(), method="DOP853", rtol=1e-12, atol=1e-13)
    end = found.y[:, -1].reshape(start.shape)
    return end[:, :n], end[:, n:]


def _parts_at(generator: Generator) -> Callable:
    """Field, fibre and shift at states (m, n): without JAX where they are polynomials, as small ones run faster so."""
    parts = generator.polynomials()
    if parts is not None:
        return lambda x: tuple(part.at(x) for part in parts)
    compiled = jax.jit(jax.vmap(lambda x: (generator.field(x), generator.fibre(x), generator.shift(x))))
    return lambda x: tuple(np.asarray(part) for part in compiled(x))


def _flow(A: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The affine map exp(A, a): its matrix and its shift."""
    n = len(a)
    whole = np.zeros((n + 1, n + 1))
    whole[:n, :n], whole[:n, n] = A, a
    whole = scipy.linalg.expm(whole)
    return whole[:n, :n], whole[:n, n]
