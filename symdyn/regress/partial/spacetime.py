"""Symmetries that mix time and space, on laws of the second derivative by time.

A boost turns u_tt into u_tx, so that u_tt = F is no condition on F alone. The equation as a whole, Delta = u_tt - F,
is a scalar on the jets of spacetime: its terms are those of F and u_tt, and F is what is left of the invariant
combinations in which u_tt has the coefficient 1.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action, Scalar
from symdyn.library import AbstractTerms
from symdyn.symmetry import Subspace, enforce
from symdyn.symmetry.discovery.jet_law import places_in, spacetime


class Equation(AbstractTerms):
    """The terms of a law on the jets of space, and behind them one derivative: all on the jets of spacetime."""

    inner: AbstractTerms
    into: tuple[int, ...] = eqx.field(static=True)
    leading: int = eqx.field(static=True)
    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())

    def __call__(self, x):
        return jnp.append(self.inner(x[np.array(self.into)]), x[self.leading])

    def to_sympy(self, symbols: tuple) -> list:
        return [*self.inner.to_sympy(tuple(symbols[k] for k in self.into)), symbols[self.leading]]


def mixes_time(action: Action, jets: StateSpace) -> bool:
    """Whether some generator moves the time by an amount that depends on place, or on fields."""
    wide = spacetime(jets, 2)
    assert jets.time is not None
    try:
        generators = action.on(wide, values=Scalar).values().generators
    except InputError:  # it keeps the time apart: the ordinary condition says what is wrong, if anything
        return False
    clock = int(wide.indices((jets.time,))[0])
    others = [k for k in range(wide.size) if k != clock]
    fields = [parts[0] for parts in (g.polynomials() for g in generators) if parts is not None]
    return any(field[[clock]].depends_on(others) for field in fields)


def invariant_equations(terms: AbstractTerms, action: Action, fields: tuple[str, ...]) -> Subspace:
    """The coefficients (p, d) with which u_tt - F is a scalar, for each of some scalar fields.

    Raises InputError where no combination with u_tt is invariant, and for vector terms or fields.
    """
    jets = terms.space
    wide = spacetime(jets, 2)
    twice = (2, *(0,) * len(jets.differentiated))
    names = {d.field: d.name for d in wide.derivatives if d.orders == twice}
    if terms.value_shape or any(wide[name].size > 1 for name in fields):
        raise InputError("symmetries of spacetime are enforced on scalar fields and scalar terms")
    p, d = terms.size, len(fields)
    offset, basis = np.zeros((p, d)), []
    for c, name in enumerate(fields):
        lead = int(wide.indices((names[name],))[0])
        lead_name = names[name]
        whole = Equation(
            inner=terms, into=tuple(places_in(wide, jets).tolist()), leading=lead, space=wide,
            names=(*terms.names, lead_name), latex=(*terms.latex, lead_name),
        )  # fmt: skip
        own = enforce(whole, action, space=wide, values=Scalar).solved_for(names[name], whole)
        offset[:, c] = -own.offset.array.ravel()[:p]
        for each in own.basis.array.reshape(own.dimension, -1):
            basis.append(np.zeros((p, d)))
            basis[-1][:, c] = each[:p]
    return Subspace((p, d), Frozen(offset), Frozen(np.array(basis).reshape(-1, p, d)), exact=False)
