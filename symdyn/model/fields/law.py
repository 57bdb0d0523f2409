"""A law of fields as a sum of pieces: a coefficient, a derivative, and a product of fields and their derivatives.

Coefficients are kept apart from the rest: laws that differ in them alone share one compiled integration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    """D^`orders` of a product of (factor, power), in the rate of the evolving component `target`."""

    target: int
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
class Rule:
    """The form of a law of fields, without its coefficients: it hashes, and compiled functions are made for it.

    `evolving`: the components that the law moves in time, rates among them where it is of second order; `pieces`: of
    the rates, None where the law is no polynomial in the jet; `curved`: whether derivatives are fluxes on a sphere;
    `names`: the fields that the rates need.
    """

    evolving: tuple[str, ...]
    pieces: tuple[Piece, ...] | None
    curved: bool
    names: tuple[str, ...]


@dataclass(frozen=True)
class FieldLaw:
    """A law of fields, ready for a grid: `coefficients` of the pieces of its `rule`, in their order."""

    model: Model
    rule: Rule
    coefficients: tuple[float, ...]

    @property
    def evolving(self) -> tuple[str, ...]:
        """The components that the law moves in time."""
        return self.rule.evolving

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that the rates need."""
        return self.rule.names

    @property
    def weighted(self) -> Iterator[tuple[Piece, float]]:
        """Pieces with their coefficients; none where the law is no polynomial."""
        return zip(self.rule.pieces or (), self.coefficients, strict=True)

    @cached_property
    def degree(self) -> int:
        """The highest degree of a product."""
        pieces = self.rule.pieces
        return 3 if pieces is None else max((piece.degree for piece in pieces), default=1)

    @cached_property
    def order(self) -> int:
        """The highest derivative by space."""
        pieces = self.rule.pieces
        if pieces is None:
            return jet_of(self.model.terms.space).order
        inner = [max((sum(o or ()) for (_, o), _ in piece.product), default=0) for piece in pieces]
        return max((sum(piece.orders) + k for piece, k in zip(pieces, inner, strict=True)), default=0)

    def linear_symbols(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        """The matrix (f, f, *k) of the linear part of the rates on waves with these wave numbers, by axis."""
        shape = np.broadcast_shapes(*(k.shape for k in numbers))
        out = np.zeros((len(self.evolving), len(self.evolving), *shape), complex)
        for piece, coefficient in self.weighted:
            if piece.linear is not None and piece.linear[0] in self.evolving:
                inner, factor = piece.linear[1] or (), coefficient
                for k, outside, inside in zip(numbers, piece.orders, inner, strict=True):
                    factor = factor * (1j * k) ** (outside + inside)
                out[piece.target, self.evolving.index(piece.linear[0])] += factor
        return out

    def growth(self, numbers: Sequence[np.ndarray]) -> np.ndarray:
        """How fast the fastest solution of the linear part grows on each wave, (*k,)."""
        matrices = np.moveaxis(self.linear_symbols(numbers), (0, 1), (-2, -1))
        return np.linalg.eigvals(matrices).real.max(axis=-1)


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
    found = _pieces(model, tuple(evolving), tuple(second or evolving))
    if found is not None:
        still = (0,) * len(model.space.differentiated)
        found += [(Piece(evolving.index(a), still, (((b, still), 1),)), 1.0) for a, b in zip(held, second, strict=True)]
    pieces = None if found is None else tuple(piece for piece, _ in found)
    curved = isinstance(model.terms, FluxTerms) and model.terms.latitude is not None
    rule = Rule(tuple(evolving), pieces, curved, _needed(model, evolving, pieces))
    return FieldLaw(model, rule, tuple(coefficient for _, coefficient in found or ()))


def _needed(model: Model, evolving: list[str], pieces: tuple[Piece, ...] | None) -> tuple[str, ...]:
    """The fields that the rates need: the evolving ones first."""
    if pieces is None:
        used = [name for name, _ in _components(model).values()]
    else:
        used = [name for piece in pieces for (name, orders), _ in piece.product if orders is not None]
    return tuple(dict.fromkeys((*evolving, *used)))


def _components(model: Model) -> dict[int, tuple[str, tuple[int, ...]]]:
    """For each column of the jet its component and the orders of the derivative."""
    space = model.terms.space
    jet = jet_of(space)
    still = (0,) * len(jet.coordinates)
    names = [space.component_names[c] for c in jet.columns[still]]
    return {int(c): (names[j], orders) for orders, columns in jet.columns.items() for j, c in enumerate(columns)}


def _pieces(model: Model, evolving: tuple[str, ...], targets: tuple[str, ...]) -> list[tuple[Piece, float]] | None:
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
            out.append((Piece(evolving.index(targets[d]), part.orders, product), value))
    return out
