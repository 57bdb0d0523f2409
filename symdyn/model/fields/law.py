"""A law of fields as a sum of pieces: a coefficient, a derivative, and a product of fields and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from symdyn._errors import InputError
from symdyn.fields.plan import parts_of
from symdyn.fields.terms import FluxTerms
from symdyn.groups.jets import jet_of
from symdyn.model.model import Model

Factor = tuple[str, tuple[int, ...] | None]  # a component with the orders of its derivative, or a coordinate


@dataclass(frozen=True)
class Piece:
    """`coefficient` D^`orders` of a product of (factor, power), in the rate of the evolving component `target`."""

    target: int
    coefficient: float
    orders: tuple[int, ...]
    product: tuple[tuple[Factor, int], ...]

    @property
    def degree(self) -> int:
        """Of the product in the fields."""
        return sum(power for (_, orders), power in self.product if orders is not None)

    @property
    def linear(self) -> Factor | None:
        """The one factor of a linear piece."""
        return self.product[0][0] if len(self.product) == 1 and self.product[0][1] == 1 and self.degree else None


@dataclass(frozen=True)
class FieldLaw:
    """A law of fields, ready for a grid.

    `evolving`: the components that the law moves in time, rates among them where it is of second order; `pieces`: of
    the rates, None where the law is no polynomial in the jet; `curved`: whether derivatives are fluxes on a sphere;
    `names`: the fields that the rates need. `model` is None where the numbers were taken out.
    """

    model: Model | None
    evolving: tuple[str, ...]
    pieces: tuple[Piece, ...] | None
    curved: bool

    @cached_property
    def names(self) -> tuple[str, ...]:
        if self.pieces is None:
            assert self.model is not None
            fields = _components(self.model)
            return tuple(dict.fromkeys((*self.evolving, *(name for name, _ in fields.values()))))
        used = [f[0] for piece in self.pieces for f, _ in piece.product if f[1] is not None]
        return tuple(dict.fromkeys((*self.evolving, *used)))

    @cached_property
    def degree(self) -> int:
        """The highest degree of a product."""
        return 3 if self.pieces is None else max((piece.degree for piece in self.pieces), default=1)

    @cached_property
    def order(self) -> int:
        """The highest derivative by space."""
        if self.pieces is None:
            assert self.model is not None
            return jet_of(self.model.terms.space).order
        inner = [max((sum(o or ()) for (_, o), _ in piece.product), default=0) for piece in self.pieces]
        return max((sum(piece.orders) + k for piece, k in zip(self.pieces, inner, strict=True)), default=0)

    def linear_symbols(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        """The matrix (f, f, *k) of the linear part of the rates on waves with these wave numbers, by axis."""
        shape = np.broadcast_shapes(*(k.shape for k in numbers))
        out = np.zeros((len(self.evolving), len(self.evolving), *shape), complex)
        for piece in self.pieces or ():
            if piece.linear is not None and piece.linear[0] in self.evolving:
                inner, factor = piece.linear[1] or (), piece.coefficient
                for k, outside, inside in zip(numbers, piece.orders, inner, strict=True):
                    factor = factor * (1j * k) ** (outside + inside)
                out[piece.target, self.evolving.index(piece.linear[0])] += factor
        return out

    def growth(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        """How fast the fastest solution of the linear part grows on each wave, (*k,)."""
        matrices = np.moveaxis(self.linear_symbols(numbers), (0, 1), (-2, -1))
        return np.linalg.eigvals(matrices).real.max(axis=-1)


def without_numbers(law: FieldLaw) -> tuple[FieldLaw, np.ndarray]:
    """The law with 1 for all coefficients, and these, (pieces,): laws of the same terms are compiled once.

    A law that is no polynomial is left as it is.
    """
    if law.pieces is None:
        return law, np.zeros(0)
    plain = tuple(replace(piece, coefficient=1.0) for piece in law.pieces)
    return replace(law, model=None, pieces=plain), np.array([piece.coefficient for piece in law.pieces])


def field_law(model: Model) -> FieldLaw:
    """A model of fields as a law that a grid can take.

    Raises InputError for a law of what is no field, as the rate of a flux, and for one that is no law of fields.
    """
    if not isinstance(model, Model) or not model.space.coordinates:
        raise InputError("simulate_field takes a law of fields, as identify_field finds them; others go into simulate")
    rates = {b: a for a, b in model.kinematics}
    evolving: list[str] = []
    for target in model.targets:
        own = rates.get(target, target)
        if own not in model.terms.space.fields:
            raise InputError(
                f"cannot simulate: the law gives the rate of {target!r}, which is no field of the data; put it among "
                "the fields (Fields.with_field), and identify its own rate"
            )
        names = model.space[own].component_names
        evolving += names if target == own else ()
    second = [n for a, b in model.kinematics for n in model.space[b].component_names]
    held = [n for a, b in model.kinematics for n in model.space[a].component_names]
    evolving = [*evolving, *held, *second]
    pieces = _pieces(model, tuple(evolving), tuple(second or evolving))
    if pieces is not None:
        still = (0,) * len(model.space.differentiated)
        pieces += [Piece(evolving.index(a), 1.0, still, (((b, still), 1),)) for a, b in zip(held, second, strict=True)]
    curved = isinstance(model.terms, FluxTerms) and model.terms.latitude is not None
    return FieldLaw(model, tuple(evolving), None if pieces is None else tuple(pieces), curved)


def _components(model: Model) -> dict[int, tuple[str, tuple[int, ...]]]:
    """For each column of the jet its component and the orders of the derivative."""
    space = model.terms.space
    jet = jet_of(space)
    still = (0,) * len(jet.coordinates)
    names = [space.component_names[c] for c in jet.columns[still]]
    return {int(c): (names[j], orders) for orders, columns in jet.columns.items() for j, c in enumerate(columns)}


def _pieces(model: Model, evolving: tuple[str, ...], targets: tuple[str, ...]) -> list[Piece] | None:
    parts = parts_of(model.terms)
    coefficients = np.asarray(model.coefficients)
    if parts is None or coefficients.ndim == 1 or model.known is not None:
        return None
    where, names = _components(model), model.terms.space.component_names
    out = []
    for k, d in zip(*np.nonzero(coefficients), strict=True):
        for part in parts[k]:
            product = tuple((where.get(c, (names[c], None)), power) for c, power in part.powers)
            value = float(coefficients[k, d]) * part.coefficient
            out.append(Piece(evolving.index(targets[d]), value, part.orders, product))
    return out
