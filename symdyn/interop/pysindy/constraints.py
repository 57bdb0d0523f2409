"""PySINDy under a symmetry: admissible coefficients as its linear constraints, in its order of features.

The conventions are those of PySINDy 2.1. With d targets and p features it orders the d p coefficients by "feature"
(the d coefficients of the first feature, then those of the second) or by "target" (the p coefficients of the first
target, then those of the second).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError, MissingDependencyError
from symdyn.library import AbstractTerms
from symdyn.symmetry import Subspace

# settings for which the coefficients of ConstrainedSR3 need not fulfil its constraints, with what happens
_BREAKING = {
    "normalize_columns": "the constraints would hold for the rescaled coefficients",
    "unbias": "the coefficients would be fitted again without the constraints",
    "inequality_constraints": "the equations would be read as bounds",
}


def constraints(
    subspace: Subspace,
    *,
    order: Literal["feature", "target"] = "feature",
    features: Sequence[int] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The subspace, with its fixed part, as equations C vec(Xi) = b for PySINDy: `constraint_lhs`, `constraint_rhs`.

    Parameters
    ----------
    subspace: of p terms and d targets; of vector terms, (p,), as one target.
    order: PySINDy's `constraint_order`. Its default is "target", which version 2.1 warns of as deprecated.
    features: p places, feature i of PySINDy is term features[i], from `feature_order` or `polynomial_library`; by
        default the orders agree.

    Returns C of shape (p d - r, p d), with independent rows, and b of shape (p d - r,). Raises InputError for another
    order or features that are no permutation of the terms.

    Reference: Champion et al. 2020, IEEE Access 8, 169259, for constraints in SR3.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.interop.pysindy import constraints
    >>> turn = sd.SO(2).acting_on(q=sd.Vector)
    >>> admitted = sd.enforce(sd.Monomials(1, bias=False), turn, space=sd.StateSpace.of(q=2), targets="q")
    >>> left, right = constraints(admitted, order="target")
    >>> left.astype(int).tolist(), right.tolist()
    ([[0, 1, 1, 0], [-1, 0, 0, 1]], [0.0, 0.0])
    """
    if order not in ("feature", "target"):
        raise InputError(f'the order of constraints is "feature" or "target", got {order!r}')
    p, d = (*subspace.shape, 1)[:2]
    places = np.arange(p) if features is None else np.asarray(features)
    if places.shape != (p,) or sorted(places.tolist()) != list(range(p)):
        raise InputError(f"features must be a permutation of the {p} terms, as feature_order gives, got {features!r}")
    left, right = subspace.equations()
    left = left.reshape(len(left), p, d)[:, places]
    if order == "target":
        left = left.swapaxes(1, 2)
    return left.reshape(len(left), p * d), right


def feature_order(terms: AbstractTerms, library: Any) -> np.ndarray:
    """Where PySINDy's features stand among the terms: feature i of the library is term order[i], shape (p,).

    Features and terms are matched by their names, factors in any order.

    Parameters
    ----------
    terms: bound to a state; PySINDy's inputs are the n components of that state, in its order.
    library: a PySINDy library, fitted or not; it is not changed.

    Raises InputError where the library lacks a term or has others.

    Examples
    --------
    >>> import pysindy as ps, symdyn as sd
    >>> from symdyn.interop.pysindy import feature_order
    >>> terms = sd.Monomials(2, variables=("y", "x")).on(sd.StateSpace.of(x=1, y=1))
    >>> terms.names
    ('1', 'y', 'x', 'y^2', 'y x', 'x^2')
    >>> feature_order(terms, ps.PolynomialLibrary(2)).tolist()
    [0, 2, 1, 5, 4, 3]
    """
    from copy import deepcopy

    inputs = terms.space.component_names
    fitted = deepcopy(library).fit(np.ones((2, len(inputs))))
    names = list(fitted.get_feature_names(list(inputs)))
    places = {_factors(name): k for k, name in enumerate(terms.names)}
    wanted = {_factors(name) for name in names}
    extra = [name for name in names if _factors(name) not in places]
    missing = [name for name in terms.names if _factors(name) not in wanted]
    if extra or missing or len(names) != terms.size:
        found = "; ".join(
            f"{what}: {', '.join(some[:6])}{', ...' * (len(some) > 6)}"
            for what, some in (("only in PySINDy's", extra), ("only in symdyn's", missing))
            if some
        )
        raise InputError(
            f"the libraries differ ({found or 'features of the same name'}); "
            "polynomial_library(terms) makes the one that fits"
        )
    return np.array([places[_factors(name)] for name in names])


def polynomial_library(terms: AbstractTerms) -> tuple[Any, np.ndarray]:
    """The PySINDy library with the same monomials, and their order: feature i is term order[i].

    A `PolynomialLibrary`, inside a `GeneralizedLibrary` where the terms leave some components of the state out.
    Raises InputError where the terms are not all monomials of their components up to a degree.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.interop.pysindy import polynomial_library
    >>> library, order = polynomial_library(sd.Monomials(3, bias=False).on(sd.StateSpace.of(x=1, y=1)))
    >>> library, order.tolist()
    (PolynomialLibrary(degree=3, include_bias=False), [0, 1, 2, 3, 4, 5, 6, 7, 8])
    """
    import pysindy as ps

    exponents = terms.monomials()
    if exponents is None:
        raise InputError(
            f"PySINDy's polynomials need terms that are monomials, got {', '.join(terms.names[:6])}; "
            "build the library with pysindy.CustomLibrary and give it to feature_order"
        )
    columns = np.flatnonzero(exponents.any(axis=0))
    library = ps.PolynomialLibrary(
        degree=int(exponents.sum(axis=1).max()),
        include_bias=bool((exponents.sum(axis=1) == 0).any()),
        include_interaction=bool(((exponents > 0).sum(axis=1) > 1).any()),
    )
    if 0 < len(columns) < exponents.shape[1]:
        library = ps.GeneralizedLibrary([library], inputs_per_library=[columns.tolist()])
    return library, feature_order(terms, library)


def constrained_sr3(subspace: Subspace, *, features: Sequence[int] | np.ndarray | None = None, **settings: Any) -> Any:
    """PySINDy's `ConstrainedSR3` whose coefficients lie in the subspace.

    With `regularizer="l0"` (the default) a coefficient below sqrt(2 reg_weight_lam relax_coeff_nu) is cut after the
    constraints were imposed: coefficients that a symmetry ties with factors other than 1 can part there, and a fixed
    part below the threshold is cut as well. `reg_weight_lam=0` keeps every coefficient in the subspace.

    Parameters
    ----------
    subspace, features: as for `constraints`.
    settings: of ConstrainedSR3.

    Raises MissingDependencyError where cvxpy is absent (PySINDy then has no ConstrainedSR3), and InputError for what
    makes PySINDy leave the constraints (`normalize_columns`, `unbias`, a regularizer other than "l0").

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.interop.pysindy import constrained_sr3
    >>> try:
    ...     constrained_sr3(sd.Subspace.full((3, 1)), normalize_columns=True)
    ... except sd.InputError as error:
    ...     print(str(error)[:38])
    normalize_columns=True breaks the symm
    """
    for name, effect in _BREAKING.items():
        if settings.get(name):
            raise InputError(f"{name}=True breaks the symmetry: {effect}; leave it out")
    if settings.get("regularizer", "l0").lower() not in ("l0", "weighted_l0"):
        raise InputError(
            f"regularizer={settings['regularizer']!r} breaks the symmetry: it shrinks the coefficients after the "
            'constraints were imposed; use "l0"'
        )
    import pysindy as ps

    if not hasattr(ps, "ConstrainedSR3"):
        raise MissingDependencyError(
            "PySINDy has no ConstrainedSR3 without cvxpy: pip install 'symdyn-discovery[interop]'"
        )
    left, right = constraints(subspace, order="feature", features=features)
    if not len(left):
        return ps.ConstrainedSR3(**settings)
    return ps.ConstrainedSR3(
        constraint_lhs=left, constraint_rhs=right, constraint_order="feature", equality_constraints=True, **settings
    )


def _factors(name: str) -> tuple[str, ...]:
    return tuple(sorted(name.split()))
