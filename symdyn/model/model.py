"""The law found, as a vector field that diffrax integrates as it is."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.library import AbstractTerms
from symdyn.symmetry import Subspace


class AbstractModel(eqx.Module):
    """A vector field of a named state: a subclass has the fields below and gives the rates of its targets.

    `space`: the whole state; `targets`: the variables whose rates `rate` gives; `kinematics`: pairs (a, b) where the
    rate of a is b; `time_unit`: the unit of t; `inputs`: variables that are given from outside; `clock`: the input
    that is the time itself, if any; `discrete`: whether the model is a map to the next sample.
    """

    space: eqx.AbstractVar[StateSpace]
    targets: eqx.AbstractVar[tuple[str, ...]]
    kinematics: eqx.AbstractVar[tuple[tuple[str, str], ...]]
    time_unit: eqx.AbstractVar[str]
    inputs: eqx.AbstractVar[tuple[str, ...]]
    clock: eqx.AbstractVar[str]
    discrete: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""

    def __call__(self, t, x: Float[Array | np.ndarray, " n"], args=None) -> Float[Array, " n"]:
        """Time derivative of the whole state: x of shape (n,) -> (n,). The signature of a diffrax vector field.

        `args`: a diffrax path that gives the inputs (but not the clock) at any time; without it they keep the values
        that x holds. A discrete model gives the next state, with the inputs as they are.
        """
        x = self.given(t, jnp.asarray(x), args)
        rate = self.rate(x)
        out = x if self.discrete else jnp.zeros_like(x)
        out = out.at[self.space.indices(self.targets)].set(rate.astype(x.dtype))
        for a, b in self.kinematics:
            out = out.at[self.space.slice(a)].set(x[self.space.slice(b)])
        return out

    def given(self, t, x: Float[Array, " n"], path=None) -> Float[Array, " n"]:
        """The state with the inputs as they are at time t."""
        if self.clock:
            x = x.at[self.space.slice(self.clock)].set(jnp.asarray(t, x.dtype))
        if path is not None:
            x = x.at[self.space.indices(self.steered)].set(path.evaluate(t).astype(x.dtype))
        return x

    @property
    def steered(self) -> tuple[str, ...]:
        """The inputs without the clock."""
        return tuple(name for name in self.inputs if name != self.clock)

    def check_closed(self) -> None:
        """Raise InputError where the rate of some state variable is not known, so that nothing can be integrated."""
        if self.space.coordinates:
            raise InputError(
                "a law of fields is a partial differential equation, and its model a function of one jet: it is "
                "simulated from Fields, by simulate_field, and has no trajectories"
            )
        known = {*self.targets, *(a for a, _ in self.kinematics), *self.inputs}
        unknown = [name for name in self.space.names if name not in known]
        if unknown:
            raise InputError(
                f"cannot simulate: the law does not say how {', '.join(unknown)} change in time; identify their rates "
                "too (rate_of), leave them out of the state (variables), or say that they are given (inputs)"
            )

    def simulate(self, start, times, **options) -> Any:
        """Integrate from `start`: see `symdyn.simulate`, and `symdyn.simulate_field` for a law of fields."""
        from symdyn.model._simulate import simulate
        from symdyn.model.fields import simulate_field

        if self.space.coordinates:
            return simulate_field(self, start, times, **options)
        return simulate(self, start, times, **options)


class Model(AbstractModel):
    r"""A vector field dx/dt = f(t, x), or a map to the next sample: known parts and a learned part Theta(x) Xi.

    The coefficients are Xi = offset + sum_k w_k B_k.

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
    inputs: variables of the state that are given from outside; the model does not change them.
    clock: the input that is the time itself, if any.
    discrete: whether this is a map to the next sample.
    known: what is known of the rates: a function from the state (a dict of arrays by name) to a dict of rates by
        target, added to the learned part; or None.
    """

    weights: Any
    terms: AbstractTerms
    subspace: Subspace = eqx.field(static=True)
    space: StateSpace = eqx.field(static=True)
    targets: tuple[str, ...] = eqx.field(static=True)
    kinematics: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    time_unit: str = eqx.field(static=True, default="")
    inputs: tuple[str, ...] = eqx.field(static=True, default=())
    clock: str = eqx.field(static=True, default="")
    discrete: bool = eqx.field(static=True, default=False)
    known: Callable | None = eqx.field(static=True, default=None)

    @property
    def coefficients(self):
        """Coefficients of the terms, shape (p, d) for scalar terms and (p,) for vector terms."""
        return self.subspace.expand(self.weights)

    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""
        inputs = x
        if self.terms.space != self.space:
            inputs = x[self.space.indices(self.terms.space.names)]
        learned = jnp.tensordot(self.coefficients, self.terms(inputs), axes=((0,), (0,)))
        return learned if self.known is None else learned + known_rates(self.known, self.space, self.targets, x)


@eqx.filter_jit
def rates_at(model, states):
    """Rates of the targets of a model at states (m, n): (m, d). Compiled once for each structure and m."""
    return jax.vmap(model.rate)(states)


def known_rates(known: Callable, space: StateSpace, targets: tuple[str, ...], x) -> Float[Array, " d"]:
    """The known part of the rates of the targets at one state x (n,): (d,). Raises InputError where it does not fit."""
    rates, wanted = known(space.split(x)), space.select(targets)
    wrong = [str(name) for name in rates if name not in targets]
    if wrong:
        raise InputError(f"the known part gives the rate of {', '.join(wrong)}; the targets are {', '.join(targets)}")
    out = jnp.zeros(wanted.size, x.dtype)
    for name, rate in rates.items():
        if jnp.size(rate) not in (1, wanted[name].size):
            raise InputError(f"the known rate of {name!r} has shape {jnp.shape(rate)}, not {wanted[name].shape}")
        out = out.at[wanted.slice(name)].set(jnp.ravel(rate))
    return out


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
