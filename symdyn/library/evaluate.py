"""Terms at many states. Compiled once for each structure of the terms and number of states, whoever asks.

A `jax.jit` of a function that is made anew at each call compiles at each call; here the terms are an argument, and
JAX compares their static parts by value.
"""

import equinox as eqx
import jax


@eqx.filter_jit
def values_at(terms, states):
    """Values of the terms at states (m, n): (m, p, ...)."""
    return jax.vmap(terms)(states)


@eqx.filter_jit
def pushed_at(terms, states, tangents):
    """Values of the terms at states (m, n) and their derivatives along tangents (m, n): (m, p, ...) each."""
    return jax.vmap(lambda x, v: jax.jvp(terms, (x,), (v,)))(states, tangents)


@eqx.filter_jit
def jacobians_at(terms, states):
    """Derivatives of the terms at states (m, n): (m, p, ..., n)."""
    return jax.vmap(jax.jacfwd(terms))(states)
