"""The coefficients of a library for which a law is equivariant."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import inf

import numpy as np

from symdyn._errors import InputError, SymdynWarning
from symdyn._types import Frozen, StateSpace
from symdyn.groups import AbstractRepresentation, Action, BoundAction, Conditions
from symdyn.library import AbstractLibrary, AbstractTerms
from symdyn.symmetry._exact import InconsistentError, exact_coefficients
from symdyn.symmetry._sampled import sampled_coefficients
from symdyn.symmetry.subspace import Subspace


def enforce(
    library: AbstractLibrary | AbstractTerms,
    action: Action | BoundAction,
    *,
    targets: Sequence[str] | str | None = None,
    values: AbstractRepresentation | tuple[AbstractRepresentation, ...] | None = None,
    order: int = 1,
    space: StateSpace | None = None,
    tolerance: float = 1e-9,
) -> Subspace:
    r"""The coefficients Xi for which F(x) = sum_i Xi_i theta_i(x) is equivariant.

    D F(x) xi(x) - T_xi F(x) - c_xi = 0 for all x and all generators xi, and F(g x) = T_g F(x) for all elements g. F
    gives the time derivatives of `targets`, or a quantity that transforms as `values`. For monomials under an action by
    rational polynomials the solution is exact (sparse rational elimination); otherwise it comes from random states, a
    singular value decomposition and a reduced echelon form.

    Parameters
    ----------
    library: candidate terms, as a library or bound to the state space.
    action: how the state transforms, bound or not.
    targets: the variables whose rates are modelled; on the jets of fields, the fields.
    values: instead of targets, the representation of the values of F: `sd.Scalar` for invariants, `sd.Vector` for
        forces. One for the action, or one for each part of it.
    order: 2 where F gives the second time derivatives of the targets.
    space: the state; not needed where the library or the action is bound to it.
    tolerance: of sampled solutions; singular values below this fraction of the largest count as zero.

    Raises InputError where shapes and names do not fit, a term is not finite, no combination is equivariant, or the
    affine conditions (a boost) contradict each other. Warns where the singular values of the samples leave the
    dimension open.

    References: Otto et al. 2025, JMLR 26(248), enforcing symmetry by linear constraints; Finzi et al. 2021, ICML:
    generators and one element per component are enough; Olver 1993, theorem 2.36, for derivatives of fields.

    Examples
    --------
    >>> import symdyn as sd
    >>> space = sd.StateSpace.of(position=3)
    >>> turn = sd.SO(3).acting_on(position=sd.Vector)
    >>> print(sd.enforce(sd.Monomials(3), turn, space=space, targets="position"))
    2 of 60 coefficients free
    >>> print(sd.enforce(sd.Monomials(3), turn, space=space, values=sd.Scalar))
    2 of 20 coefficients free
    """
    terms, conditions = bound_conditions(library, action, targets, values, space, order)
    return admissible(terms, conditions, tolerance)


def admissible(terms: AbstractTerms, conditions: Conditions, tolerance: float = 1e-9) -> Subspace:
    """The coefficients of bound terms that fulfil the conditions of equivariance."""
    shape = _shape(terms, conditions)
    exponents = terms.monomials()
    try:
        found = None if exponents is None else exact_coefficients(exponents, conditions)
        exact, gap = found is not None, inf
        if found is None:
            *found, gap = sampled_coefficients(terms, conditions, tolerance)
    except InconsistentError:
        raise InputError(_refusal(terms, conditions, "fulfils the affine conditions of")) from None
    offset, basis = found
    if not len(basis) and not np.any(offset):
        raise InputError(_refusal(terms, conditions, "is equivariant under"))
    if gap < 1e3:
        warnings.warn(
            f"the samples leave the number of free coefficients open: the singular values fall by a factor {gap:.1f} "
            f"only after the {basis[0].size - len(basis)}th; scale the state or leave out nearly collinear terms",
            SymdynWarning,
            stacklevel=3,
        )
    return Subspace(shape, Frozen(offset), Frozen(basis), exact, gap)


def bound_conditions(library, action, targets, values, space, order: int = 1) -> tuple[AbstractTerms, Conditions]:
    """The terms and the conditions on one state space, from what a user gives."""
    known = [space] + [x.space for x in (library, action) if isinstance(x, AbstractTerms | BoundAction)]
    spaces = [s for s in known if s is not None]
    if not spaces:
        raise InputError("enforce needs the state: give space=..., or a library or an action that is bound to it")
    if any(s != spaces[0] for s in spaces):
        raise InputError(f"the library, the action and the state differ: {[s.names for s in spaces]}")
    terms = library if isinstance(library, AbstractTerms) else library.on(spaces[0])
    if (targets is None) == (values is None):
        raise InputError(
            "say what the law gives: either targets=..., the variables whose rates it models, or values=..."
        )
    if values is not None:
        if isinstance(action, BoundAction):
            raise InputError("values need an action that is not yet bound: give action and space")
        return terms, action.on(spaces[0], values=values).values()
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    if not targets or len(set(targets)) != len(targets):
        raise InputError(f"enforce needs different variables as targets, got {targets}")
    for name in targets:
        spaces[0].slice(name)
    if order not in (1, 2):
        raise InputError(f"order must be 1 or 2, got {order!r}")
    return terms, action.on(spaces[0]).rates(targets, order)


def _shape(terms: AbstractTerms, conditions: Conditions) -> tuple[int, ...]:
    d = conditions.size
    if not terms.value_shape:
        return (terms.size, d)
    if terms.value_shape != (d,):
        raise InputError(
            f"the library's terms are vectors of {terms.value_shape[0]} components, and the law has {d}; give each "
            "vector target its own law, or use scalar terms"
        )
    return (terms.size,)


def _refusal(terms: AbstractTerms, conditions: Conditions, what: str) -> str:
    shown = ", ".join(terms.names[:6]) + (", ..." if terms.size > 6 else "")
    return (
        f"no combination of the library's {terms.size} terms ({shown}) {what} {', '.join(conditions.names)}; add terms "
        "(a higher degree, covariant terms), check the representation of each variable, or ask for a smaller group"
    )
