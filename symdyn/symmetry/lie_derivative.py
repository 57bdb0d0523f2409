"""The one Lie derivative that every symmetry computation is built on."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.groups.representations import AbstractLinear, AbstractRepresentation, Scalar

Fibre = AbstractRepresentation | Callable[[Any], Any] | Any


def lie_derivative(f: Callable, xi: Callable, fibre: Fibre, x):
    r"""L_xi f(x) = Df(x) xi(x) - T_xi(x) f(x); zero for all x iff f is equivariant under the flow of xi.

    One forward-mode product; the Jacobian of f is never formed. The fibre says what f is: for a map, the matrix with
    which its values move; for a section of a bundle, a matrix field; for a vector or tensor field on the space that xi
    moves, its representation: `sd.Vector` gives the bracket [xi, f] = Df xi - Dxi f, `sd.Covector` and `sd.Tensor` the
    Lie derivatives of forms and metrics, `sd.Density(1)` that of a density, div(f xi), `sd.Scalar` the change of an
    invariant.

    Parameters
    ----------
    f: a JAX function of one state x (n,) with values (d,).
    xi: the vector field of the generator, x (n,) -> (n,).
    fibre: a matrix T of shape (d, d), a function x -> (d, d), or a representation of what moves with D xi(x).
    x: one state, shape (n,).

    Raises InputError for a representation that is not linear, such as Point.

    Reference: Otto et al. 2025, JMLR 26(248), the Lie derivative as a fundamental operator.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> J = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> gravity = lambda x: -x / jnp.sum(x**2) ** 1.5
    >>> x = jnp.array([1.0, 2.0])
    >>> defect = sd.lie_derivative(gravity, lambda x: J @ x, J, x)
    >>> bool(jnp.all(jnp.abs(defect) < 1e-6))
    True
    >>> bool(jnp.all(defect == sd.lie_derivative(gravity, lambda x: J @ x, sd.Vector, x)))
    True
    """
    value, pushed = jax.jvp(f, (x,), (xi(x),))
    return pushed - _matrix(fibre, xi, x) @ value


def kernel_lie_derivative(
    kernel: Callable,
    xi_out: Callable,
    xi_in: Callable,
    y,
    x,
    *,
    values_out: Fibre = Scalar,
    values_in: Fibre = Scalar,
):
    r"""The Lie derivative of an integral kernel K(y, x), shape (d_out, d_in).

    (T f)(y) = \int K(y, x) f(x) dx commutes with the group iff

        L_xi K = d_y K xi_out(y) + d_x K xi_in(x) + (div xi_in)(x) K - T_out(y) K + K T_in(x) = 0.

    Parameters
    ----------
    kernel: a JAX function of (y, x) with values (d_out, d_in).
    xi_out, xi_in: how the generator moves the points of the output and of the input.
    y, x: one point each, shapes (m,) and (n,).
    values_out, values_in: how the values of the fields move: matrices, matrix fields or representations.

    Reference: Otto et al. 2025, JMLR 26(248), symmetries of integral operators.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> gauss = lambda y, x: jnp.exp(-jnp.sum((y - x) ** 2)).reshape(1, 1)
    >>> shift = lambda x: jnp.array([1.0, 0.0])
    >>> y, x = jnp.array([0.3, 0.1]), jnp.array([-0.2, 0.5])
    >>> float(sd.kernel_lie_derivative(gauss, shift, shift, y, x)[0, 0])
    0.0
    """
    value, moved = jax.jvp(kernel, (y, x), (xi_out(y), xi_in(x)))
    divergence = jnp.trace(jax.jacfwd(xi_in)(x))
    return moved + divergence * value - _matrix(values_out, xi_out, y) @ value + value @ _matrix(values_in, xi_in, x)


def _matrix(fibre: Fibre, xi: Callable, x):
    """The matrix of the fibre at x."""
    if isinstance(fibre, AbstractRepresentation):
        if not isinstance(fibre, AbstractLinear):
            raise InputError(f"{fibre} does not move linearly; a fibre is a linear representation such as Vector")
        return jnp.tensordot(_linear_map(fibre, len(x)), jax.jacfwd(xi)(x), axes=2)
    return fibre(x) if callable(fibre) else jnp.asarray(fibre)


@lru_cache(maxsize=64)
def _linear_map(representation: AbstractLinear, n: int) -> np.ndarray:
    """The tensor (k, k, n, n) with which a representation depends on the derivative of the field."""
    columns = [representation.linear(unit.reshape(n, n)) for unit in np.eye(n * n)]
    return np.stack(columns, axis=-1).reshape(*columns[0].shape, n, n)
