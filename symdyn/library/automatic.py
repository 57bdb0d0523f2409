"""The ladder of libraries that `identify(library="auto")` climbs: from monomials to functions with scanned scales."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import combinations
from math import comb
from operator import add

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library._base import AbstractLibrary
from symdyn.library.elementary import Elementary, Reciprocals, Subset
from symdyn.library.monomials import Monomials
from symdyn.library.waves import Waves

LARGEST_EXPONENT = 20.0  # of an exponential on the data: beyond it the term is a spike
NEAR = 0.03  # a pole nearer to the data than this share of their span spoils the term


@dataclass(frozen=True)
class Rung:
    """One candidate of the ladder.

    `label`: what it is called in the ranking; `make`: the library from the values of its scanned parameters;
    `values`: where these are scanned, one row each (empty rows where nothing is scanned); `kind`: the
    function that is scanned, whatever the variable.
    """

    label: str
    make: Callable[..., AbstractLibrary]
    values: tuple[tuple[float, ...], ...] = ((),)
    kind: str = ""


@dataclass(frozen=True)
class AutomaticLibrary:
    r"""A ladder of candidate libraries, of which the data decide: `identify(data, library="auto")` is its default form.

    1. Monomials of degree 1, 2, ... as long as the rows fix them.
    2. With waves: sines and cosines of the variables, of their doubles, sums and differences, also times variables.
    3. With elementary functions of the variables (exp, log, sqrt, 1/x, tan, cot) where the data lie in their domain,
       alone, times variables, and in products of two.
    4. With functions of an unknown scale: $1 / (c + x^k)$, a logistic step, an exponential, a wave. The scale is
       scanned, and refined for the terms that were chosen.

    Every rung is fitted by the ordinary machinery. For each variable one criterion decides among all: EBIC, which
    counts the terms of all rungs as candidates and a scanned scale as a coefficient. The laws that come first are then
    integrated over the training data, where they can be, and the one that follows them best, with the same price for
    its terms, is taken. So a law that fits the rates and blows up is not taken where a tamer one does as well.

    Parameters
    ----------
    degree: the highest degree of the monomials.
    functions: whether rungs 2 and 3 are tried.
    scales: whether rung 4 is tried.
    extra: further libraries to try, by name.
    simulate: whether the laws that come first are integrated.
    variables: the variables of the functions; all by default.

    Raises InputError for a degree below 1.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 10, 400)
    >>> law = sd.identify({"time": t, "x": np.exp(-2 * np.exp(-0.7 * t))}, library=sd.AutomaticLibrary())
    >>> law.active_terms
    ('x log(x)',)
    """

    degree: int = 5
    functions: bool = True
    scales: bool = True
    extra: tuple[tuple[str, AbstractLibrary], ...] = ()
    simulate: bool = True
    variables: tuple[str, ...] | None = field(default=None)

    def __post_init__(self):
        if isinstance(self.degree, bool) or not isinstance(self.degree, int) or self.degree < 1:
            raise InputError(f"the degree of an automatic library is an integer >= 1, got {self.degree!r}")
        given = self.extra.items() if isinstance(self.extra, dict) else self.extra
        object.__setattr__(self, "extra", tuple((str(name), library) for name, library in given))
        for name, library in self.extra:
            if not isinstance(library, AbstractLibrary):
                raise InputError(
                    f"the extra library {name!r} must be an object such as sd.Monomials(3), got {library!r}"
                )

    def rungs(self, space: StateSpace, low: np.ndarray, high: np.ndarray, rows: int) -> tuple[Rung, ...]:
        """The candidates for states between `low` and `high` (n,), with at most half as many terms as `rows`."""
        every = (*self._monomials(space, rows), *(Rung(name, _constant(library)) for name, library in self.extra))
        columns = [int(c) for c in space.indices(self.variables)] if self.variables else list(range(space.size))
        if self.functions:
            every += tuple(_functions(space, columns, low, high))
        if self.scales:
            every += tuple(_scanned(space, columns, low, high))
        return tuple(rung for rung in every if 2 * rung.make(*rung.values[0]).on(space).size <= rows)

    def _monomials(self, space: StateSpace, rows: int) -> tuple[Rung, ...]:
        degrees = [d for d in range(1, self.degree + 1) if d == 1 or 2 * comb(space.size + d, d) <= rows]
        return tuple(Rung(f"monomials of degree {d}", _constant(Monomials(d))) for d in degrees)


def _constant(library: AbstractLibrary) -> Callable[[], AbstractLibrary]:
    return lambda: library


def _domain(low: np.ndarray, high: np.ndarray) -> dict[str, np.ndarray]:
    """Where each function may be used: booleans (n,) by name."""
    span = np.where(high > low, high - low, 1.0)
    near = NEAR * span

    def pole_free(offset: float) -> np.ndarray:  # no multiple of pi (plus offset) in reach
        return np.floor((low - near - offset) / np.pi) == np.floor((high + near - offset) / np.pi)

    positive = low > 0
    return {
        "exp": np.maximum(np.abs(low), np.abs(high)) < LARGEST_EXPONENT,
        "log": positive,
        "sqrt": low >= 0,
        "inverse": (positive & (low > near * 0.1)) | ((high < 0) & (-high > near * 0.1)),
        "tan": pole_free(np.pi / 2),
        "cot": pole_free(0.0),
    }


def _functions(space: StateSpace, columns: list[int], low, high) -> Iterator[Rung]:
    names = _scalar_names(space, columns)
    if not names:
        return
    chosen, domain = tuple(names.values()), _domain(low, high)
    few = len(columns) <= 3
    yield Rung("waves", _constant(Monomials(1) + Waves(1, chosen)))
    yield Rung("quadratic, with waves", _constant(Monomials(2) + Waves(2 if few else 1, chosen)))
    if few:
        yield Rung("waves times variables", _constant(Monomials(1) + Monomials(1) * Waves(1, chosen)))
    for function, scale in (("exp", 1.0), ("exp", -1.0), ("log", 1.0), ("sqrt", 1.0), ("tan", 1.0), ("cot", 1.0)):
        inside = tuple(name for c, name in names.items() if domain[function][c])
        if inside:
            part = Elementary(function, inside, (scale,))
            yield Rung(f"{function}({'-' * (scale < 0)}x)", _constant(Monomials(2) + Monomials(1) * part))
    inside = tuple(name for c, name in names.items() if domain["inverse"][c])
    if inside:
        yield Rung("1/x", _constant(_plus(space, Monomials(2), Monomials(1) * Reciprocals((0.0,), (1.0,), inside))))
        squares = Monomials(1) * Reciprocals((0.0,), (1.0, 2.0), inside)
        yield Rung("1/x^2", _constant(_plus(space, Monomials(2), squares)))
    if few and len(names) > 1:
        parts = {name: _alone(c, name, domain) for c, name in names.items()}
        products = [a * b for a, b in combinations(parts.values(), 2)]
        yield Rung("products of two functions", _constant(reduce(add, products, Monomials(2))))


def _alone(c: int, name: str, domain: dict[str, np.ndarray]) -> AbstractLibrary:
    """All functions of one variable."""
    inside = [f for f in ("tan", "cot", "log") if domain[f][c]]
    part = Monomials(1, (name,)) + Elementary(("sin", "cos", *inside), (name,))
    return part + Reciprocals((0.0,), (1.0,), (name,)) if domain["inverse"][c] else part


def _plus(space: StateSpace, library: AbstractLibrary, more: AbstractLibrary) -> AbstractLibrary:
    """Both, without the products of a variable with its own reciprocal."""
    names = more.on(space).names
    own = {f"{v} 1/{v}{power}" for v in space.component_names for power in ("", "^2")}
    return library + Subset(more, tuple(name for name in names if name not in own))


def _scanned(space: StateSpace, columns: list[int], low, high) -> Iterator[Rung]:
    for c, name in _scalar_names(space, columns).items():
        size, middle = max(abs(low[c]), abs(high[c])) or 1.0, 0.5 * (low[c] + high[c])
        spread = max(high[c] - low[c], 1e-9 * size)
        for k in (1, 2):
            if k == 2 or low[c] > -NEAR * size:
                grid = tuple((float(v),) for v in size**k * np.geomspace(0.005, 2.0, 5) ** k)
                yield Rung(
                    f"1/(c + {name}{'^2' if k == 2 else ''})", _hill(name, k, max(-low[c], 0.0)), grid, f"1/(c + x^{k})"
                )
        slopes, centres = np.array([4.0, 15.0, 50.0]) / spread, low[c] + spread * np.array([0.1, 0.3, 0.6, 0.9])
        grid = tuple((float(a), float(-a * b)) for a in slopes for b in centres)
        yield Rung(f"logistic({name})", _logistic(name), grid, "logistic")
        grid = tuple((float(s * a / spread),) for a in (1.5, 6.0) for s in (1, -1) if abs(a / spread * middle) < 20)
        if grid:
            yield Rung(f"exp(a {name})", _exponential(name), grid, "exp")
        grid = tuple((float(a / spread),) for a in np.geomspace(1.5, 16.0, 5))
        yield Rung(f"waves of a {name}", _wave(name), grid, "wave")


def _hill(name: str, k: int, least: float) -> Callable[[float], AbstractLibrary]:
    # for k = 1 the pole stays below the data
    return lambda c: (
        Monomials(2) + Monomials(1) * Reciprocals((abs(c) + (1.1 * least if k == 1 else 0.0),), (k,), (name,))
    )


def _logistic(name: str) -> Callable[[float, float], AbstractLibrary]:
    return lambda a, b: Monomials(1) + Elementary("logistic", (name,), (a,), (b,))


def _exponential(name: str) -> Callable[[float], AbstractLibrary]:
    return lambda a: Monomials(2) + Elementary("exp", (name,), (a,))


def _wave(name: str) -> Callable[[float], AbstractLibrary]:
    return lambda a: Monomials(1) + Elementary(("sin", "cos"), (name,), (a,))


def _scalar_names(space: StateSpace, columns: list[int]) -> dict[int, str]:
    """The variables that are one number, by their column."""
    found = {int(space.indices((v.name,))[0]): v.name for v in space.variables if v.size == 1}
    return {c: name for c, name in found.items() if c in columns}
