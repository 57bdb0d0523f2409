"""Checks for users' own tests: is a function, a model or a network equivariant?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.groups import Action, BoundAction
from symdyn.symmetry._states import random_states
from symdyn.symmetry.lie_derivative import lie_derivative

__all__ = ["assert_equivariant"]


def assert_equivariant(
    f: Callable,
    action: Action | BoundAction,
    space: StateSpace,
    targets: tuple[str, ...] | str,
    *,
    key=None,
    samples: int = 32,
    rtol: float = 1e-6,
) -> None:
    """Fail unless f, as rate of the targets, is equivariant at random states.

    For each generator the Lie derivative D f(x) xi(x) - T f(x) - c, for each generator given by a matrix also a finite
    element f(g x) - T_g f(x) with g = exp(s A), |s| <= 1, and each discrete element. Defects are relative to the size
    of the terms that shall cancel. All in float64.

    Parameters
    ----------
    f: a JAX function of one state (n,) with values (d,), the rates of the targets in their order.
    action, space, targets: how the state transforms, the state, and the variables whose rates f gives.
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
    >>> try:
    ...     assert_equivariant(lambda x: x * x[0], turn, space, "position")
    ... except AssertionError as error:
    ...     print(str(error)[:41])
    f is not equivariant under 'reflection_x'
    """
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    bound, d = action.on(space), len(space.indices(targets))
    with double_precision():
        seed = np.asarray(jax.random.key_data(jax.random.key(0) if key is None else key)).ravel().tolist()
        rng = np.random.default_rng(seed)
        x = jnp.asarray(random_states(rng, samples, space.size))
        shape = jax.eval_shape(f, x[0]).shape
        if shape != (d,):
            raise InputError(f"f gives an array of shape {shape}; the rates of {', '.join(targets)} have shape {(d,)}")
        found = [*_infinitesimal(f, bound, targets, x), *_finite(f, bound, targets, x, rng)]
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


def _infinitesimal(f: Callable, action: BoundAction, targets: tuple[str, ...], x) -> Iterator[Defect]:
    value = jax.vmap(f)(x)
    for each in action.generators(targets):
        fibre = each.fibre if callable(each.fibre) else each.fibre.array
        still = np.zeros((value.shape[-1],) * 2)
        derivative = jax.vmap(lambda y, e=each, T=fibre: lie_derivative(f, e.field, T, y))(x)
        pushed = jax.vmap(lambda y, e=each, T=still: lie_derivative(f, e.field, T, y))(x)
        shift = np.broadcast_to(each.shift.array, value.shape)
        # `value` counts with weight one: a defect that is small beside f itself is small
        yield _relative(each.label, "Lie derivative", derivative - shift, pushed, pushed - derivative, shift, value)


def _finite(f: Callable, action: BoundAction, targets: tuple[str, ...], x, rng) -> Iterator[Defect]:
    fibre, value = action.fibre(targets), jax.vmap(f)(x)
    moves = zip(action.matrices.array, action.shifts.array, fibre.matrices.array, fibre.shifts.array, strict=True)
    elements = []
    for label, (A, a, T, c) in zip(action.labels, moves, strict=False):
        s = rng.uniform(0.5, 1.0) * rng.choice([-1.0, 1.0])
        elements.append((label, "action of a finite element", *_flow(s * A, s * a), *_flow(s * T, s * c)))
    for label, g, T in zip(action.element_labels, action.elements.array, fibre.elements.array, strict=True):
        elements.append((label, "action of the element", g, np.zeros(len(g)), T, np.zeros(len(T))))
    for label, what, g, a, T, c in elements:
        moved, expected = jax.vmap(f)(x @ g.T + a), value @ T.T + c
        yield _relative(label, what, moved - expected, moved, expected)


def _flow(A: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The affine map exp(A, a): its matrix and its shift."""
    n = len(a)
    whole = np.zeros((n + 1, n + 1))
    whole[:n, :n], whole[:n, n] = A, a
    whole = scipy.linalg.expm(whole)
    return whole[:n, :n], whole[:n, n]
