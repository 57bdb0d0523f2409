"""Constraints on the coefficients of a law, written by the names of terms and targets."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, Literal

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library import AbstractTerms

Factors = tuple[tuple[str, str | None, float], ...]


@dataclass(frozen=True)
class AbstractConstraint(abc.ABC):
    """What `identify` takes in `constraints`: a recipe that becomes linear constraints on a library's coefficients."""

    @abc.abstractmethod
    def on(self, terms: AbstractTerms, targets: StateSpace) -> tuple[Constraint, ...]:
        """The linear constraints for the p terms and the target components of a law. Raises InputError for names."""


@dataclass(frozen=True)
class Constraint(AbstractConstraint):
    """sum of factor * coefficient(term, target) == or <= or >= a number: what comparing coefficients gives.

    `factors`: (term, target, factor) of each; `sense`: "==", "<=" or ">="; `right`: the number.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.coefficient("y", "x") == -sd.coefficient("x", "y"))
    coefficient('y', 'x') + coefficient('x', 'y') == 0
    """

    factors: Factors
    sense: Literal["==", "<=", ">="]
    right: float

    def on(self, terms: AbstractTerms, targets: StateSpace) -> tuple[Constraint, ...]:
        components = targets.component_names
        for term, target, _ in self.factors:
            if term not in terms.names:
                raise InputError(
                    f"unknown term {term!r} in the constraint {self}; the library has {', '.join(terms.names)}"
                )
            if terms.value_shape and target is not None:
                raise InputError(
                    f"the terms are vectors with one coefficient for all components: leave the target {target!r} out "
                    f"of the constraint {self}"
                )
            if not terms.value_shape and target not in components:
                raise InputError(
                    f"name the target in the constraint {self}: one of {', '.join(components)}, got {target!r}"
                )
        return (self,)

    def __bool__(self) -> bool:
        raise InputError(
            f"the constraint {self} has no truth value; give it to identify(constraints=[...]), and write two bounds "
            "as two constraints"
        )

    def __str__(self) -> str:
        return f"{_text(self.factors) or '0'} {self.sense} {self.right:g}"


@dataclass(frozen=True, eq=False)
class Coefficients:
    """An affine expression of coefficients: sum of factor * coefficient(term, target), plus a constant.

    It takes + and - with others and with numbers, * and / with numbers; ==, <= and >= give a `Constraint`.
    """

    factors: Factors
    constant: float = 0.0

    __array_ufunc__ = None  # a NumPy number on the left leaves the operation to this class

    def __add__(self, other: Any) -> Coefficients:
        other = _affine(other)
        total: dict[tuple[str, str | None], float] = {}
        for term, target, factor in (*self.factors, *other.factors):
            total[term, target] = total.get((term, target), 0.0) + factor
        factors = tuple((*key, factor) for key, factor in total.items() if factor)
        return Coefficients(factors, self.constant + other.constant)

    def __mul__(self, other: Any) -> Coefficients:
        if isinstance(other, Coefficients):
            raise InputError(f"a constraint is linear: ({self}) times ({other}) is no product with a number")
        number = _number(other)
        factors = tuple((term, target, factor * number) for term, target, factor in self.factors if number)
        return Coefficients(factors, self.constant * number)

    def __truediv__(self, other: Any) -> Coefficients:
        if isinstance(other, Coefficients) or not _number(other):
            raise InputError(f"a constraint is linear: ({self}) can be divided by a number other than 0, got {other}")
        number = _number(other)
        factors = tuple((term, target, factor / number) for term, target, factor in self.factors)
        return Coefficients(factors, self.constant / number)

    def __neg__(self) -> Coefficients:
        return self * -1.0

    def __pos__(self) -> Coefficients:
        return self

    def __sub__(self, other: Any) -> Coefficients:
        return self + -_affine(other)

    def __rsub__(self, other: Any) -> Coefficients:
        return _affine(other) - self

    __radd__ = __add__
    __rmul__ = __mul__

    def _compared(self, sense: Literal["==", "<=", ">="], other: Any) -> Constraint:
        left = self - other
        return Constraint(left.factors, sense, -left.constant + 0.0)

    def __eq__(self, other: Any) -> Constraint:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compared("==", other)

    def __le__(self, other: Any) -> Constraint:
        return self._compared("<=", other)

    def __ge__(self, other: Any) -> Constraint:
        return self._compared(">=", other)

    def _strict(self, other: Any) -> Constraint:
        raise InputError("bounds include their end: write <= or >= instead of < or >, and == for equations")

    __lt__ = __gt__ = __ne__ = _strict  # pyright: ignore[reportAssignmentType]
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __str__(self) -> str:
        if self.factors and not self.constant:
            return _text(self.factors)
        sign = "-" if self.constant < 0 else "+"
        return f"{_text(self.factors)} {sign} {abs(self.constant):g}" if self.factors else f"{self.constant:g}"


def coefficient(term: str, target: str | None = None) -> Coefficients:
    """The coefficient of a term in the rate of a target, for the `constraints` of `identify`.

    Parameters
    ----------
    term: a name from the library (`law.term_names`).
    target: the component whose rate it is (`law.target_components`); left out where the terms are vectors.

    Raises InputError for names that are no text. `identify` raises it for names that the law does not have.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> tied = [sd.coefficient("y", "x") == -sd.coefficient("x", "x"), sd.coefficient("y", "y") <= 0]
    >>> law = sd.identify(data, library=sd.Monomials(2), constraints=tied)
    >>> law.coefficient("y", "x")[0] + law.coefficient("x", "x")[0]
    0.0
    """
    if not isinstance(term, str) or not (target is None or isinstance(target, str)):
        raise InputError(f"coefficient takes the names of a term and of a target, got {term!r} and {target!r}")
    return Coefficients(((term, target, 1.0),))


@dataclass(frozen=True)
class EnergyPreserving(AbstractConstraint):
    r"""The quadratic terms neither create nor destroy energy: $\sum_i c_i x_i Q_i(x, x) = 0$ for all states x.

    With $\dot x_i = C_i + \sum_j L_{ij} x_j + \sum_{jk} Q_{ijk} x_j x_k$ and the energy $\tfrac12 \sum_i c_i x_i^2$
    this is $c_i Q_{ijk} + c_j Q_{jki} + c_k Q_{kij} = 0$: one equation for each cubic monomial. It holds for
    incompressible flow and for many models of convection and turbulence.

    Parameters
    ----------
    weights: the weights c of the energy, by the names of the targets or of their components; 1 where none is given.
        They carry the units: the energy must not add metres to seconds.

    Raises InputError for weights that are not positive; `identify` raises it for libraries that are not monomials of
    the targets, or lack a term that balances another.

    Reference: Schlegel, Noack 2015, Journal of Fluid Mechanics 765, 325.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> law = sd.identify(data, library=sd.Monomials(2), constraints=[sd.EnergyPreserving()])
    >>> law.coefficient("x z", "y")[0] + law.coefficient("x y", "z")[0]
    0.0
    """

    weights: tuple[tuple[str, float], ...] = ()

    def __post_init__(self):
        pairs = self.weights.items() if isinstance(self.weights, Mapping) else self.weights
        weights = tuple((name, float(value)) for name, value in pairs)
        if any(not (value > 0 and isfinite(value)) for _, value in weights):
            raise InputError(f"the weights of the energy are positive numbers, got {dict(weights)}")
        object.__setattr__(self, "weights", weights)

    def on(self, terms: AbstractTerms, targets: StateSpace) -> tuple[Constraint, ...]:
        exponents, columns = state_monomials(terms, targets, "an energy")
        weights = energy_weights(self.weights, targets)
        balance: dict[tuple[int, ...], list[tuple[str, str | None, float]]] = {}
        for name, exponent in zip(terms.names, exponents, strict=True):
            if exponent.sum() != 2:
                continue
            for target, column, weight in zip(targets.component_names, columns, weights, strict=True):
                cubic = exponent.copy()
                cubic[column] += 1
                balance.setdefault(tuple(cubic.tolist()), []).append((name, target, float(weight)))
        return tuple(Constraint(tuple(factors), "==", 0.0) for factors in balance.values())


def state_monomials(terms: AbstractTerms, targets: StateSpace, what: str) -> tuple[np.ndarray, np.ndarray]:
    """The exponents (p, n) of the terms and the places (d,) of the target components in the state.

    Raises InputError where the terms are not monomials of the targets alone.
    """
    exponents = terms.monomials()
    if exponents is None:
        raise InputError(f"{what} is known for monomials of the state only; the library has {', '.join(terms.names)}")
    missing = [name for name in targets.names if name not in terms.space.names]
    columns = np.array([], int) if missing else terms.space.indices(targets.names)
    others = np.setdiff1d(np.flatnonzero(exponents.any(axis=0)), columns)
    if missing or len(others):
        used = ", ".join(terms.space.component_names[k] for k in others) or ", ".join(missing)
        raise InputError(
            f"{what} needs a law that closes in its targets {', '.join(targets.names)}, but the library or the state "
            f"differs in {used}; identify the rates of all variables, or leave them out of the library"
        )
    return exponents, columns


def energy_weights(weights: tuple[tuple[str, float], ...], targets: StateSpace) -> np.ndarray:
    """The weight of each target component, (d,). Raises InputError for a name that is no target."""
    named = dict(weights)
    found = [
        named.pop(component, named.get(variable.name, 1.0))
        for variable in targets.variables
        for component in variable.component_names
    ]
    unknown = [name for name in named if name not in (*targets.names, *targets.component_names)]
    if unknown:
        raise InputError(f"unknown target {unknown[0]!r} in the weights; the law has {', '.join(targets.names)}")
    return np.array(found)


def _affine(value: Any) -> Coefficients:
    return value if isinstance(value, Coefficients) else Coefficients((), _number(value))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real | np.number) or not isfinite(float(value)):
        raise InputError(f"constraints join coefficients with finite numbers, got {value!r}")
    return float(value)


def _text(factors: Factors) -> str:
    out = ""
    for term, target, factor in factors:
        sign = ("-" if factor < 0 else "") if not out else (" - " if factor < 0 else " + ")
        size = "" if abs(factor) == 1 else f"{abs(factor):g} * "
        named = f"{term!r}" if target is None else f"{term!r}, {target!r}"
        out += f"{sign}{size}coefficient({named})"
    return out
