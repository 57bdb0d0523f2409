"""Laws and steps that conserve given quantities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.model.model import AbstractModel

KEPT = 1e-6  # of its size: a quantity that changes by more was not kept
ROUNDS = 4  # of Newton's method in a projection: it starts within the error of a step


class ConservingLaw(AbstractModel):
    r"""A law whose rates are moved, by as little as possible, so that given quantities C are constant along its flow.

    f - D2 (dC D2)' [(dC D2)(dC D2)']^+ dC (f, known rates), D the sizes of the components: only the rates of the
    targets are moved. Made by `conserving`.

    Attributes
    ----------
    law: the law.
    quantities: functions of one state (n,) with one value.
    sizes: Frozen D, (n,).
    """

    law: AbstractModel
    quantities: tuple[Callable, ...]
    sizes: Frozen = eqx.field(static=True)
    space: StateSpace = eqx.field(static=True)
    targets: tuple[str, ...] = eqx.field(static=True)
    kinematics: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    time_unit: str = eqx.field(static=True, default="")
    inputs: tuple[str, ...] = eqx.field(static=True, default=())
    clock: str = eqx.field(static=True, default="")
    discrete: bool = eqx.field(static=True, default=False)

    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""
        x = jnp.asarray(x)
        whole = self.law(0.0, x)
        here = self.space.indices(self.targets)
        slopes = jax.jacrev(lambda y: _values(self.quantities, y))(x)
        size = self.sizes.array[here].astype(x.dtype)
        steep = slopes[:, here] * size
        move = jnp.linalg.pinv(steep @ steep.T, hermitian=True, rtol=1e-10) @ (slopes @ whole)
        return whole[here] - size * (steep.T @ move)


def conserving(law: Any, quantities: Any, *, sizes: Any = None) -> ConservingLaw:
    """The law nearest to a given one under which quantities are conserved: rates projected at each state.

    Parameters
    ----------
    law: a solution, a model, or a training.
    quantities: what `conserved_quantities` found, one of these, or functions of one state (n,) in JAX;
        several as a list.
    sizes: of the components of the state (n,), in which "nearest" is meant; by default those of the law's data
        (`law.scale` of a network, the domain of a solution), else 1.

    Simulate it with `simulate(..., conserved=quantities)` as well, and the quantities are kept to rounding.

    Raises InputError for maps, and for quantities of another state.

    Examples
    --------
    >>> import jax, jax.numpy as jnp, numpy as np, symdyn as sd
    >>> plain = sd.NeuralLaw.of(sd.StateSpace.of(x=1, y=1), None, (8,), key=jax.random.key(0))
    >>> circle = sd.conserved_quantities({"x": "y", "y": "-x"}, library=sd.Monomials(2))[0]
    >>> law, state = sd.conserving(plain, circle), jnp.array([0.3, -0.4])
    >>> bool(abs(state @ law.rate(state)) < 1e-6 < abs(state @ plain.rate(state)))
    True
    """
    model = getattr(law, "model", law)
    if not isinstance(model, AbstractModel) or model.discrete:
        raise InputError(f"conserving needs a law of rates, got {type(law).__name__}")
    found = quantities_of(quantities, model.space)
    n = model.space.size
    if sizes is None:
        domain, scale = getattr(law, "domain", None), getattr(model, "scale", None)
        sizes = np.ones(n) if scale is None else scale.array
        if domain is not None:
            sizes = np.sqrt(np.mean(domain.states.array**2, axis=0))
    given = np.asarray(sizes, float)
    if given.shape != (n,) or not np.isfinite(given).all() or (given < 0).any():
        raise InputError(f"sizes need {n} numbers above zero, one for each component, got {given.tolist()!r}")
    return ConservingLaw(
        law=model, quantities=found, sizes=Frozen(np.where(given > 0, given, 1.0)), space=model.space,
        targets=model.targets, kinematics=model.kinematics, time_unit=model.time_unit, inputs=model.inputs,
        clock=model.clock,
    )  # fmt: skip


def quantities_of(quantities: Any, space: StateSpace) -> tuple[Callable, ...]:
    """Functions of one state, from one or several. Raises InputError where they are those of another state."""
    several = (
        tuple(quantities) if isinstance(quantities, Sequence) or hasattr(quantities, "quantities") else (quantities,)
    )
    if not several:
        raise InputError("no quantity was given that could be conserved")
    for each in several:
        if not callable(each):
            raise InputError(f"a conserved quantity is a function of one state, got {each!r}")
        own = getattr(each, "space", None)
        if isinstance(own, StateSpace) and own.component_names != space.component_names:
            raise InputError(
                f"the quantity is one of {', '.join(own.component_names)}, and the law has the state "
                f"{', '.join(space.component_names)}"
            )
    return several


def _values(quantities: tuple[Callable, ...], x: Array) -> Array:
    return jnp.stack([jnp.reshape(jnp.asarray(q(x), x.dtype), ()) for q in quantities])


def projected(quantities: tuple[Callable, ...], x: Array, levels: Array, sizes: Array) -> Array:
    """The state nearest to x (n,), in units of sizes (n,), with the values `levels` (k,), by Newton's method."""
    slopes = jax.jacrev(lambda y: _values(quantities, y))
    steep = slopes(x) * sizes

    def corrected(_, y):
        missing = levels - _values(quantities, y)
        along = (slopes(y) * sizes) @ steep.T
        return y + sizes * (steep.T @ (jnp.linalg.pinv(along, rtol=1e-12) @ missing))

    return jax.lax.fori_loop(0, ROUNDS, corrected, x)


def kept(quantities: tuple[Callable, ...], states: Array, sizes: Array) -> np.ndarray:
    """Which runs (runs, t, n) kept their quantities: far from the level set Newton's method does not reach it."""
    values = jax.vmap(jax.vmap(lambda x: _values(quantities, x)))(states)
    slopes = jax.vmap(jax.jacrev(lambda x: _values(quantities, x)))(states[:, 0]) * sizes
    unit = jnp.abs(values[:, 0]) + jnp.linalg.norm(slopes, axis=-1)
    return np.asarray(jnp.all(jnp.abs(values - values[:, :1]) <= KEPT * unit[:, None], axis=(1, 2)))


@cache
def projecting() -> type:
    """A diffrax solver whose steps end where the quantities have the values that they had: standard projection.

    Hairer, Lubich, Wanner 2006, Geometric Numerical Integration, section IV.4.
    """
    import diffrax

    class Projected(diffrax.AbstractSolver):
        inner: Any
        quantities: tuple[Callable, ...]
        sizes: Any

        term_structure = diffrax.AbstractTerm
        interpolation_cls = diffrax.LocalLinearInterpolation  # steps end on the wanted times: its ends are all it needs

        def order(self, terms):
            return self.inner.order(terms)

        def strong_order(self, terms):
            return self.inner.strong_order(terms)

        def error_order(self, terms):
            return self.inner.error_order(terms)

        def init(self, terms, t0, t1, y0, args):
            return self.inner.init(terms, t0, t1, y0, args)

        def func(self, terms, t0, y0, args):
            return self.inner.func(terms, t0, y0, args)

        def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
            # the step before ended beside where its method thinks: rates kept from there are taken anew
            y1, error, _, solver_state, result = self.inner.step(
                terms, t0, t1, y0, args, solver_state, made_jump=jnp.asarray(True)
            )
            y1 = projected(self.quantities, y1, _values(self.quantities, y0), self.sizes)
            return y1, error, {"y0": y0, "y1": y1}, solver_state, result

    return Projected
