"""How far a function is from a symmetry, measured at points."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.workflow.moves import Moves


def _evaluated(f: Callable, moves: Moves, x) -> tuple[np.ndarray, np.ndarray]:
    """f at the points, (m, d), and at the moved points, (k, m, d)."""
    x = jnp.asarray(x)
    if x.ndim != 2 or x.shape[1] != moves.A.shape[1]:
        raise InputError(f"points need the shape (m, {moves.A.shape[1]}), got {x.shape}")
    d = moves.T.shape[1]
    values, moved = jax.vmap(f)(x), jax.vmap(jax.vmap(f))(moves.states(x))
    if values.reshape(len(x), -1).shape[1] != d:
        raise InputError(f"f gives values of shape {values.shape[1:]}; the elements move {d} numbers")
    return np.asarray(values.reshape(len(x), d)), np.asarray(moved.reshape(len(moves), len(x), d))


def equivariance_error(f: Callable, moves: Moves, x) -> np.ndarray:
    r"""The error sqrt(mean |f(g x) - g f(x)|^2 / mean |f(g x)|^2) of each element g: shape (k,).

    Parameters
    ----------
    f: a JAX function of one point (n,) with values (d,) or, for d = 1, ().
    moves: the elements, from `random_moves`.
    x: points (m, n).

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> moves = sd.random_moves(sd.SO(2), key=jax.random.key(0), count=3, outputs=sd.Vector)
    >>> x = jax.random.normal(jax.random.key(1), (50, 2))
    >>> bool((sd.equivariance_error(lambda p: p * jnp.sum(p**2), moves, x) < 1e-5).all())
    True
    >>> bool((sd.equivariance_error(lambda p: p**2, moves, x) > 0.1).all())
    True
    """
    values, moved = _evaluated(f, moves, x)
    expected = np.asarray(moves.values(values))
    size = np.sqrt(np.mean(moved**2, axis=(1, 2)))
    return np.sqrt(np.mean((moved - expected) ** 2, axis=(1, 2))) / np.where(size > 0, size, 1.0)


def orbit_variance(f: Callable, moves: Moves, x) -> float:
    """The share of the variance of f that lies within orbits: 0 for an equivariant f, near 1 for noise.

    Values at g x are moved back by g; their variance over g, averaged over points, is divided by the variance of all.
    With k elements the share of a function that knows nothing of orbits is 1 - 1/k of what infinitely many would give.

    Parameters: as for `equivariance_error`.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, symdyn as sd
    >>> moves = sd.random_moves(sd.Signs(3), key=jax.random.key(0), count=8)
    >>> x = jax.random.normal(jax.random.key(1), (50, 3))
    >>> sd.orbit_variance(lambda p: jnp.sum(p**2), moves, x) < 1e-6
    True
    >>> sd.orbit_variance(lambda p: p[0], moves, x) > 0.5
    True
    """
    _, moved = _evaluated(f, moves, x)
    back = np.asarray(moves.values_back(moved), float)
    total = np.sum(back.var(axis=(0, 1)))
    return float(np.mean(np.sum(back.var(axis=0), axis=-1)) / total) if total > 0 else 0.0
