"""The one Lie derivative that every symmetry computation is built on."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def lie_derivative(f: Callable, xi: Callable, fibre, x):
    r"""L_xi f(x) = Df(x) xi(x) - T_xi(x) f(x); zero for all x iff f is equivariant under the flow of xi.

    One forward-mode product; the Jacobian of f is never formed.

    Parameters
    ----------
    f: a JAX function of one state x (n,) with values (d,).
    xi: the vector field of the generator, x (n,) -> (n,).
    fibre: how values move: a matrix T of shape (d, d), or a function x -> (d, d) for a matrix field.
    x: one state, shape (n,).

    Reference: Otto et al. 2025, JMLR 26(248), the Lie derivative as a fundamental operator.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> J = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> gravity = lambda x: -x / jnp.sum(x**2) ** 1.5
    >>> defect = sd.lie_derivative(gravity, lambda x: J @ x, J, jnp.array([1.0, 2.0]))
    >>> bool(jnp.all(jnp.abs(defect) < 1e-6))
    True
    """
    value, pushed = jax.jvp(f, (x,), (xi(x),))
    matrix = fibre(x) if callable(fibre) else jnp.asarray(fibre)
    return pushed - matrix @ value
