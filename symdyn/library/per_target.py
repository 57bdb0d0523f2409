"""A library for each target: what `identify` makes of a mapping from targets to libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library._algebra import Sum
from symdyn.library._base import AbstractLibrary, AbstractTerms


@dataclass(frozen=True)
class PerTarget(AbstractLibrary):
    """A library for each target variable: `{"x": sd.Monomials(1), "z": sd.Monomials(2)}`.

    Its terms are those of all parts. A term that the part of a target does not hold has the coefficient zero there
    and does not count among the candidates of that target.

    Parameters
    ----------
    parts: a mapping from target variables to libraries.

    Raises InputError for what is no such mapping.

    Examples
    --------
    >>> import symdyn as sd
    >>> from symdyn.library import PerTarget
    >>> each = PerTarget({"x": sd.Monomials(1, variables="x"), "y": sd.Monomials(1, variables="y")})
    >>> terms = each.on(sd.StateSpace.of(x=1, y=1))
    >>> terms.names
    ('1', 'x', 'y')
    >>> each.offered(terms, sd.StateSpace.of(x=1, y=1)).astype(int).tolist()
    [[1, 1], [1, 0], [0, 1]]
    """

    parts: tuple[tuple[str, AbstractLibrary], ...]

    def __post_init__(self):
        pairs = self.parts.items() if isinstance(self.parts, Mapping) else self.parts
        object.__setattr__(self, "parts", tuple((name, library) for name, library in pairs))
        if not self.parts:
            raise InputError("a mapping of libraries names no target; write {'x': sd.Monomials(2), ...}")
        for name, library in self.parts:
            if not isinstance(name, str) or not isinstance(library, AbstractLibrary):
                raise InputError(
                    "libraries by target are a mapping from the names of variables to libraries, such as "
                    f"{{'x': sd.Monomials(2)}}; got {name!r}: {library!r}"
                )

    def on(self, space: StateSpace) -> AbstractTerms:
        different = tuple(dict.fromkeys(library for _, library in self.parts))
        return different[0].on(space) if len(different) == 1 else Sum(different).on(space)

    def offered(self, terms: AbstractTerms, targets: StateSpace) -> np.ndarray:
        """Which terms each target component may have: booleans (p, d).

        Raises InputError where a target has no library, a name is no target, or terms that are vectors have more than
        one target.
        """
        named = dict(self.parts)
        missing = [name for name in targets.names if name not in named]
        unknown = [name for name in named if name not in targets.names]
        if missing or unknown:
            add = f"; add {', '.join(f'{name!r}: sd.Monomials(...)' for name in missing)}" if missing else ""
            drop = f"; {', '.join(map(repr, unknown))} is not among them" if unknown else ""
            raise InputError(f"libraries by target must name each of the targets {', '.join(targets.names)}{add}{drop}")
        if terms.value_shape and len(named) > 1:
            raise InputError(
                "terms that are vectors have one coefficient for all targets; give one library, or choose one target "
                "with rate_of"
            )
        columns = []
        for variable in targets.variables:
            names = named[variable.name].on(terms.space).names
            columns += [[name in names for name in terms.names]] * variable.size
        return np.array(columns).T
