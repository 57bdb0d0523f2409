"""Laws of fields that were identified, as equations on the jets of spacetime."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.fields.terms import FluxTerms
from symdyn.groups import Polynomial
from symdyn.model.model import AbstractModel, Model
from symdyn.symmetry.discovery.candidates import Place
from symdyn.symmetry.discovery.jet_law import JetLaw, evolution
from symdyn.symmetry.discovery.subjects import Law


def law_of_fields(model: AbstractModel) -> JetLaw:
    """u_t = F(jet), or u_tt = F, of a model on jets. Raises InputError for balances, and fields without an equation."""
    assert isinstance(model, Model)
    jets, twice = model.terms.space, bool(model.kinematics)
    if jets.time is None:
        raise InputError(
            "a balance has no rates: give its equation as text, with space=sd.StateSpace.jets(...) of its coordinates"
        )
    targets = [name.removesuffix("_rate") if twice else name for name in model.targets]
    if sorted(targets) != sorted(jets.fields):
        missing = [name for name in jets.fields if name not in targets] or targets
        raise InputError(
            f"the law does not say how {missing[0]!r} changes: the symmetries of an equation need one for each field"
        )
    starts = np.cumsum([0, *(model.space[name].size for name in model.targets)])
    places = [targets.index(name) for name in jets.fields]
    into = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in places])  # of the rates, field by field

    def rates(z):
        whole = jnp.zeros(model.space.size, z.dtype).at[model.space.indices(jets.names)].set(z)
        return model.rate(whole)[into]

    wide, law, solved = evolution(jets, Law(rates, _polynomial(model, into)), 2 if twice else 1)
    return JetLaw(Place(wide), wide, law, solved)


def _polynomial(model: Model, into: np.ndarray) -> Polynomial | None:
    """The rates (d,) in the order of the fields, as polynomials in the jet, where they are."""
    if model.terms.value_shape or model.known is not None:
        return None
    exponents = model.terms.monomials()
    if exponents is not None:
        terms = Polynomial.of(exponents, np.eye(len(exponents)))
    else:
        terms = model.terms.polynomial() if isinstance(model.terms, FluxTerms) else None
    values = np.asarray(model.coefficients)[:, into]
    return None if terms is None else terms.mapped(lambda c: c @ values)
