"""Tensors by their own entries: all of them, or the independent ones of a symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations, combinations_with_replacement, product
from typing import Literal

import numpy as np

from symdyn._errors import InputError
from symdyn.groups.representations.base import AbstractLinear, Dual, Product, as_linear, check_integer, finite
from symdyn.groups.representations.metric import Metric, isometric_part, isometry, metric_of
from symdyn.groups.representations.vectors import Covector, Scalar, Vector

Symmetry = Literal["symmetric", "antisymmetric", "traceless"] | None


@lru_cache
def _symmetric(m: int, k: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (s,) of the independent entries of a (anti)symmetric array (m,) * k; all entries by them: (m^k, s)."""
    choose = combinations_with_replacement if sign > 0 else combinations
    entries = {index: column for column, index in enumerate(choose(range(m), k))}
    whole = np.zeros((m**k, len(entries)))
    for row, index in enumerate(product(range(m), repeat=k)):
        ordered = tuple(sorted(index))
        if ordered in entries:
            swaps = sum(a > b for a, b in combinations(index, 2))
            whole[row, entries[ordered]] = sign**swaps
    return _places(entries, m, k), whole


@lru_cache
def _traceless(k: int, metric: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The same for symmetric arrays whose traces sum_a metric_a T_aa... vanish: the last axis occurs at most once."""
    n = len(metric)
    entries = [index for index in combinations_with_replacement(range(n), k) if index.count(n - 1) <= 1]
    column = {index: place for place, index in enumerate(entries)}

    @cache
    def row(index: tuple[int, ...]) -> np.ndarray:
        if index in column:
            return np.eye(len(entries))[column[index]]
        rest = index[:-2]  # T_zz.. = -sum_a (metric_a / metric_z) T_aa..
        traced = [metric[a] * row(tuple(sorted((*rest, a, a)))) for a in range(n - 1)]
        return -sum(traced, np.zeros(len(entries))) / metric[-1]

    whole = np.array([row(tuple(sorted(index))) for index in product(range(n), repeat=k)])
    return _places(column, n, k), whole


def _places(entries, m: int, k: int) -> np.ndarray:
    return np.array([np.ravel_multi_index(index, (m,) * k) for index in entries], int)


def _power(representation: AbstractLinear, k: int) -> AbstractLinear:
    return Product((representation,) * k)


def _check_power(name: str, representation, power) -> int:
    as_linear(representation, name)
    return check_integer(f"{name}({representation}, power)", power, 1)


@dataclass(frozen=True)
class Sym(AbstractLinear):
    """The symmetric power of a quantity: symmetric arrays T_ij.. with k equal indices.

    The components are the entries with i <= j <= ..., in this order: `Sym(Vector, 2)` in R^3 is (xx, xy, xz, yy, yz,
    zz). They are the entries themselves, off-diagonal ones once. The dual is `Sym(a.dual, k)`; the scalar that it makes
    is the full contraction of the arrays, which has off-diagonal products twice.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> stress = sd.Sym(sd.Vector, 2)
    >>> stress, stress.size(3), np.diag(stress.element(np.diag([-1.0, 1.0, 1.0]))).tolist()
    (Sym(Vector, 2), 6, [1.0, -1.0, -1.0, 1.0, 1.0, 1.0])
    """

    representation: AbstractLinear
    power: int

    def __post_init__(self):
        object.__setattr__(self, "power", _check_power("Sym", self.representation, self.power))

    def size(self, n: int) -> int:
        return _symmetric(self.representation.size(n), self.power, 1)[1].shape[1]

    def linear(self, A: np.ndarray) -> np.ndarray:
        places, whole = _symmetric(self.representation.size(len(A)), self.power, 1)
        return _power(self.representation, self.power).linear(A)[places] @ whole

    def element(self, g: np.ndarray) -> np.ndarray:
        places, whole = _symmetric(self.representation.size(len(g)), self.power, 1)
        return _power(self.representation, self.power).element(g)[places] @ whole

    @property
    def dual(self) -> AbstractLinear:
        return Sym(self.representation.dual, self.power)

    def __repr__(self) -> str:
        return f"Sym({self.representation}, {self.power})"


@dataclass(frozen=True)
class Alt(AbstractLinear):
    """The antisymmetric power of a quantity: antisymmetric arrays with k indices.

    The components are the entries with i < j < ..., in this order: `Alt(Vector, 2)` in R^3 is (xy, xz, yz).

    Raises InputError for more indices than the quantity has components.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> sd.Alt(sd.Covector, 2).size(4), sd.Alt(sd.Vector, 3).element(2.0 * np.eye(3)).round(6).tolist()
    (6, [[8.0]])
    """

    representation: AbstractLinear
    power: int

    def __post_init__(self):
        object.__setattr__(self, "power", _check_power("Alt", self.representation, self.power))

    def size(self, n: int) -> int:
        m = self.representation.size(n)
        if self.power > m:
            raise InputError(f"{self} is zero: {self.representation} has {m} components, so the power is at most {m}")
        return _symmetric(m, self.power, -1)[1].shape[1]

    def linear(self, A: np.ndarray) -> np.ndarray:
        self.size(len(A))
        places, whole = _symmetric(self.representation.size(len(A)), self.power, -1)
        return _power(self.representation, self.power).linear(A)[places] @ whole

    def element(self, g: np.ndarray) -> np.ndarray:
        self.size(len(g))
        places, whole = _symmetric(self.representation.size(len(g)), self.power, -1)
        return _power(self.representation, self.power).element(g)[places] @ whole

    @property
    def dual(self) -> AbstractLinear:
        return Alt(self.representation.dual, self.power)

    def __repr__(self) -> str:
        return f"Alt({self.representation}, {self.power})"


@dataclass(frozen=True)
class Tensor(AbstractLinear):
    """A tensor with p upper and q lower indices, by its own entries.

    Parameters
    ----------
    p, q: numbers of upper (vector) and lower (covector) indices; the upper ones come first.
    symmetry: None for all entries, those of an array (n,) * (p + q) in C order. Else the indices are all upper or all
        lower, at least two, and the independent entries are given, in the order of `numpy.ndindex`:
        "symmetric": i <= j <= ..., in R^3 (xx, xy, xz, yy, yz, zz);
        "antisymmetric": i < j < ..., in spacetime (01, 02, 03, 12, 13, 23);
        "traceless": symmetric with vanishing traces; the entries where the last axis occurs twice or more are left
        out, as the traces give them: in R^3 (xx, xy, xz, yy, yz), in the plane (xx, xy).
    metric: of the trace: None is Euclidean, "lorentz" c^2 t^2 - x^2 for spacetime (t, x). A traceless tensor is a
        quantity of the maps that keep the metric up to a factor; others raise InputError.
    c: the speed of light of that metric.

    The dual has the indices moved; with a symmetry, the scalar that it makes is the full contraction of the arrays.

    Raises InputError where the numbers are negative or the symmetry needs other indices.

    Examples
    --------
    >>> import symdyn as sd
    >>> faraday = sd.Tensor(0, 2, "antisymmetric")
    >>> faraday, faraday.size(4), sd.Tensor(1, 1).size(3), sd.Tensor(2, symmetry="traceless").size(3)
    (Tensor(0, 2, "antisymmetric"), 6, 9, 5)
    """

    p: int
    q: int = 0
    symmetry: Symmetry = None
    metric: Metric = None
    c: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "p", check_integer("Tensor(p, q): p", self.p, 0))
        object.__setattr__(self, "q", check_integer("Tensor(p, q): q", self.q, 0))
        if self.symmetry not in (None, "symmetric", "antisymmetric", "traceless"):
            raise InputError(
                f'the symmetry is None, "symmetric", "antisymmetric" or "traceless", got {self.symmetry!r}'
            )
        if self.symmetry is not None and ((self.p and self.q) or self.p + self.q < 2):
            raise InputError(
                f"a {self.symmetry} tensor needs two or more indices, all upper or all lower, got p = {self.p}, "
                f"q = {self.q}"
            )
        if self.metric not in (None, "lorentz"):
            raise InputError(f'the metric is None (Euclidean) or "lorentz", got {self.metric!r}')
        if self.metric is not None and self.symmetry != "traceless":
            raise InputError(f"the metric says what a trace is; {self.symmetry or 'general'} tensors need none")
        object.__setattr__(self, "c", finite("Tensor: c", self.c))
        if self.c <= 0:
            raise InputError(f"the speed of light c must be positive, got {self.c:g}")

    @property
    def _whole(self) -> AbstractLinear:
        return Product((*(Vector,) * self.p, *(Covector,) * self.q)) if self.p + self.q else Scalar

    def _entries(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        rank = self.p + self.q
        if self.symmetry == "antisymmetric" and rank > n:
            raise InputError(f"{self} is zero in R^{n}: it has at most {n} indices")
        if self.symmetry == "traceless" and n < 2:
            raise InputError(f"{self} is zero in R^{n}; it needs n >= 2")
        if self.symmetry == "traceless":
            weights = metric_of(n, self.metric, self.c) ** (1 if self.p else -1)
            return _traceless(rank, tuple(weights.tolist()))
        return _symmetric(n, rank, -1 if self.symmetry == "antisymmetric" else 1)

    def size(self, n: int) -> int:
        return n ** (self.p + self.q) if self.symmetry is None else len(self._entries(n)[0])

    def linear(self, A: np.ndarray) -> np.ndarray:
        whole, n = self._whole.linear(A), len(A)
        if self.symmetry is None:
            return whole
        if self.symmetry == "traceless":
            isometric_part(A, metric_of(n, self.metric, self.c), f"{self}")
        places, expand = self._entries(n)
        return whole[places] @ expand

    def element(self, g: np.ndarray) -> np.ndarray:
        whole, n = self._whole.element(g), len(g)
        if self.symmetry is None:
            return whole
        if self.symmetry == "traceless":
            isometry(g, metric_of(n, self.metric, self.c), f"{self}")
        places, expand = self._entries(n)
        return whole[places] @ expand

    @property
    def dual(self) -> AbstractLinear:
        if self.p and self.q:  # upper indices come first, so Tensor(q, p) is in another order
            return Dual(self)
        return Tensor(self.q, self.p, self.symmetry, self.metric, self.c)

    def __repr__(self) -> str:
        kind = "" if self.symmetry is None else f', "{self.symmetry}"'
        metric = "" if self.metric is None else f', metric="{self.metric}"'
        speed = "" if self.c == 1.0 else f", c={self.c:.12g}"
        return f"Tensor({self.p}, {self.q}{kind}{metric}{speed})"
