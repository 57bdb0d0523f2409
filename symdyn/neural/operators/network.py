"""Neural operators: kernels and pointwise nonlinearities in a row, on any grid of their geometry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from symdyn.fields import Grid
from symdyn.neural.carriers import Carrier
from symdyn.neural.gated import EquivariantLayer
from symdyn.neural.linear import EquivariantLinear


class OperatorLayer(eqx.Module):
    """K f, changed by coefficients of the place where there are any, then a pointwise layer of [K f, f].

    The last layer of an operator (not `beside`) is without f: all that it gives has gone through kernels, so that waves
    which they do not know, those that products at the places make beyond the grid, are not fed back step after step.
    """

    kernel: Any  # PlaneKernel or ZonalKernel
    coefficients: Any  # PlaneCoefficients, SphereCoefficients, Tangent or None
    pointwise: EquivariantLayer | EquivariantLinear
    beside: bool = eqx.field(static=True, default=True)

    def prepared(self, grid: Grid) -> PreparedLayer:
        """The same map on one grid with its matrices written out."""
        along = None if self.coefficients is None else self.coefficients.prepared(grid)
        return PreparedLayer(self.kernel.prepared(grid), along, self.pointwise.prepared(), self.beside)

    def steerable(self) -> list:
        """What holds weights that may break a symmetry."""
        return [each for part in (self.kernel, self.coefficients) if part is not None for each in part.steerable()]


class PreparedLayer(eqx.Module):
    """An `OperatorLayer` on one grid."""

    kernel: Callable
    coefficients: Callable | None
    pointwise: Callable
    beside: bool = eqx.field(static=True)

    def __call__(self, values: Array) -> Array:
        """Fields (n, *grid) to fields (d, *grid)."""
        found = self.kernel(values)
        if self.coefficients is not None:
            found = self.coefficients(found)
        both = jnp.concatenate([found, values]) if self.beside else found
        made = jax.vmap(self.pointwise, in_axes=1, out_axes=1)(both.reshape(len(both), -1))
        return made.reshape(-1, *values.shape[1:])


class NeuralOperator(eqx.Module):
    """A map of fields (n, *grid) to fields (d, *grid), as good on a fine grid as on a coarse one.

    The last layer is linear and sees the fields themselves beside those of the last hidden layer.

    `generators`, `elements`: names of the candidate symmetries, in the order of the columns of `broken()`.
    """

    layers: tuple[OperatorLayer, ...]
    generators: tuple[str, ...] = eqx.field(static=True, default=())
    elements: tuple[str, ...] = eqx.field(static=True, default=())

    def __call__(self, values, grid: Grid) -> Array:
        """Fields (n, *grid) to fields (d, *grid)."""
        return self.prepared(grid)(jnp.asarray(values))

    def prepared(self, grid: Grid) -> Prepared:
        """The same map on one grid, with its matrices written out."""
        return Prepared(tuple(layer.prepared(grid) for layer in self.layers))

    @property
    def parameters(self) -> int:
        """The number of free weights."""
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array)))

    def steerable(self) -> list:
        """What holds weights that may break a symmetry, in all layers."""
        return [each for layer in self.layers for each in layer.steerable()]

    def broken(self) -> Array:
        """What the kernels and coefficients of all layers change under each generator, (m, g): 0 for a symmetry."""
        return jnp.concatenate([jnp.zeros((0, len(self.generators))), *(each.broken() for each in self.steerable())])

    def broken_elements(self) -> Array:
        """The same for the discrete elements, (m, e)."""
        found = (each.broken_elements() for each in self.steerable())
        return jnp.concatenate([jnp.zeros((0, len(self.elements))), *found])


class Prepared(eqx.Module):
    """A `NeuralOperator` on one grid."""

    layers: tuple[PreparedLayer, ...]

    def __call__(self, values: Array) -> Array:
        """Fields (n, *grid) to fields (d, *grid)."""
        first = values
        for layer in self.layers[:-1]:
            values = layer(values)
        return self.layers[-1](values if len(self.layers) == 1 else jnp.concatenate([values, first]))


def joined(a: Carrier, b: Carrier) -> Carrier:
    """The numbers of one space after those of another."""
    (A, E), (B, F) = a.matrices(), b.matrices()
    n, m = a.size, b.size
    out = []
    for x, y in ((A, B), (E, F)):
        wide = np.zeros((len(x), n + m, n + m))
        wide[:, :n, :n], wide[:, n:, n:] = x, y
        out.append(wide)
    return Carrier.of_matrices(out[0], out[1])
