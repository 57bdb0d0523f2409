"""The law found, as a vector field that diffrax integrates as it is."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.library import AbstractTerms
from symdyn.symmetry import Subspace


class Model(eqx.Module):
    r"""A vector field dx/dt = f(t, x): known kinematics and a learned part Theta(x) Xi, Xi = offset + sum w_k B_k.

    `weights` (r,) are the only array leaves: gradients stay on the admissible (symmetric) subspace, and the number of
    parameters is r. They are float64 NumPy values; inside a float32 computation JAX rounds them.

    Attributes
    ----------
    weights: w, shape (r,).
    terms: the candidate terms, a map of the state `terms.space` to (p,) or (p, d) values.
    subspace: where the coefficients lie: offset and basis.
    space: the whole state, in the order of the vector x of size n.
    targets: the variables whose rate the learned part gives.
    kinematics: pairs (a, b): the rate of a is b.
    time_unit: the unit of t.
    """

    weights: Any
    terms: AbstractTerms
    subspace: Subspace = eqx.field(static=True)
    space: StateSpace = eqx.field(static=True)
    targets: tuple[str, ...] = eqx.field(static=True)
    kinematics: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    time_unit: str = eqx.field(static=True, default="")

    @property
    def coefficients(self):
        """Coefficients of the terms, shape (p, d) for scalar terms and (p,) for vector terms."""
        return self.subspace.expand(self.weights)

    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""
        inputs = x
        if self.terms.space != self.space:
            inputs = x[self.space.indices(self.terms.space.names)]
        return jnp.tensordot(self.coefficients, self.terms(inputs), axes=((0,), (0,)))

    def __call__(self, t, x: Float[Array | np.ndarray, " n"], args=None) -> Float[Array, " n"]:
        """Time derivative of the whole state: x of shape (n,) -> (n,). The signature of a diffrax vector field."""
        x = jnp.asarray(x)
        rate = self.rate(x)
        out = jnp.zeros_like(x).at[self.space.indices(self.targets)].set(rate.astype(x.dtype))
        for a, b in self.kinematics:
            out = out.at[self.space.slice(a)].set(x[self.space.slice(b)])
        return out

    def check_closed(self) -> None:
        """Raise InputError where the rate of some state variable is not known, so that nothing can be integrated."""
        known = {*self.targets, *(a for a, _ in self.kinematics)}
        unknown = [name for name in self.space.names if name not in known]
        if unknown:
            raise InputError(
                f"cannot simulate: the law does not say how {', '.join(unknown)} change in time; identify their rates "
                "too (rate_of), or leave them out of the state (variables)"
            )

    def simulate(self, start, times, **options):
        """Integrate from `start`: see `symdyn.simulate`."""
        from symdyn.model._simulate import simulate

        return simulate(self, start, times, **options)


def entry_basis(shape: tuple[int, ...], entries: np.ndarray) -> Subspace:
    """The subspace of coefficients that are zero outside `entries`, (k, len(shape)) indices: one weight an entry."""
    basis = np.zeros((len(entries), *shape))
    basis[(np.arange(len(entries)), *np.asarray(entries, int).T)] = 1.0
    return Subspace(shape=shape, offset=Frozen(np.zeros(shape)), basis=Frozen(basis), exact=True, gap=float("inf"))


def restricted(subspace: Subspace, active: np.ndarray) -> Subspace:
    """The part of a subspace that some of its basis elements span; `active` (k,) holds their indices."""
    return Subspace(
        subspace.shape, subspace.offset, Frozen(np.asarray(subspace.basis)[active]), subspace.exact, subspace.gap
    )
