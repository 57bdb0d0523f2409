"""What is claimed: single fields and elements, from groups, actions, algebras, libraries or found symmetries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.symmetry import DiscreteSymmetry, Symmetries, Symmetry
from symdyn.symmetry.discovery.candidates import Place, elements_of, resolved
from symdyn.symmetry.discovery.printing import text_of


@dataclass(frozen=True, eq=False)
class Claim:
    """One generator (`field`) or one element (`matrix` (n, n), t -> `time` t) that may be a symmetry."""

    text: str
    field: Any = None
    matrix: np.ndarray | None = None
    time: float = 1.0


def claims_of(given: Any, place: Place) -> tuple[Claim, ...]:
    """The single claims of candidates. Raises InputError for what is no candidate, and where there are none."""
    items = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    found = [claim for item in items for claim in _claims(item, place)]
    if not found:
        raise InputError("there is nothing to test: the candidates hold no generator and no element")
    return tuple(found)


def _claims(item: Any, place: Place) -> list[Claim]:
    if isinstance(item, Claim):
        return [item]
    if isinstance(item, Symmetries):
        return [claim for each in (*item.generators, *item.discrete) for claim in _claims(each, place)]
    if isinstance(item, Symmetry):
        if item.space not in (place.narrow, place.wide):
            raise InputError(f"{item} lives on {item.space.names}, and the law on {place.narrow.names}")
        return [Claim(str(item), item.field)]
    if isinstance(item, DiscreteSymmetry):
        return [Claim(str(item), matrix=item.matrix.array, time=item.time)]
    elements = elements_of(item, place)
    names = place.narrow.component_names
    plain = [_element(label, g, time, names) for label, g, time in elements]
    if _without_fields(item):
        return plain
    fields = resolved(item, place)
    every = np.eye(fields.count)
    parts = [fields.rows(row[None]).parts[0] for row in every]
    return [*(Claim(text_of(part), part) for part in parts), *plain]


def _without_fields(item: Any) -> bool:
    """Whether a group or action has elements alone."""
    algebra = getattr(item, "algebra", None)
    if algebra is not None and hasattr(algebra, "dimension"):
        return algebra.dimension == 0
    return False


def _element(label: str, matrix: np.ndarray, time: float, names: tuple[str, ...]) -> Claim:
    from symdyn._types import Frozen

    text = str(DiscreteSymmetry(names, Frozen(np.asarray(matrix, float)), time, 0.0, label))
    return Claim(text, matrix=np.asarray(matrix, float), time=float(time))
