"""How many equivariant polynomial maps there are, counted by characters and without symdyn.

The maps V -> W, homogeneous of degree k, that a compact group leaves alone have the dimension

    integral over the group of chi_{Sym^k V}(g) chi_W(g^-1),

Molien's formula, degree by degree. For a finite group the integral is the mean over its elements. For a connected one
Weyl's integration formula makes it the constant term of a Laurent polynomial in the eigenvalues z on a maximal torus,

    CT [ chi_{Sym^k V}(z) chi_W(1 / z) prod over positive roots a of (1 - z^a) ],

in integers. A further component has a formula of the same kind with its own eigenvalues and roots. A real form that
is not compact has the counts of the compact one (Weyl's unitary trick): Sp(2n, R), SL(n, R) and the Lorentz group
included.

References: Molien 1897; Weyl 1939, The Classical Groups, chapter VII; Sturmfels 2008, Algorithms in Invariant Theory,
section 2.2; Rains 1997 for the component of O(2m) of determinant -1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

Weight = tuple[int, ...]
Laurent = dict[Weight, int]
Eigenvalues = list[tuple[int, Weight]]  # sign and exponents: each eigenvalue is sign * z^weight


@dataclass(frozen=True)
class Component:
    """A component of a compact group: its positive roots, and the eigenvalues of its representations by name."""

    roots: tuple[Weight, ...]
    representations: dict[str, Eigenvalues]

    @property
    def rank(self) -> int:
        return len(next(iter(self.representations.values()))[0][1])

    def eigenvalues(self, names: Iterable[str]) -> Eigenvalues:
        one = {"scalar": [(1, (0,) * self.rank)]}
        return [value for name in names for value in (one | self.representations)[name]]

    def dimension(self, degree: int, domain: Iterable[str], codomain: Iterable[str]) -> int:
        """The integral over this component, as if it were all of the group."""
        zero = (0,) * self.rank
        power: list[Laurent] = [{zero: 1}] + [{} for _ in range(degree)]
        for sign, weight in self.eigenvalues(domain):  # times 1 / (1 - t sign z^weight), term by term
            for k in range(1, degree + 1):
                power[k] = _sum(power[k], _product(power[k - 1], {weight: sign}))
        total = power[degree]
        inverse: Laurent = {}
        for sign, weight in self.eigenvalues(codomain):
            inverse = _sum(inverse, {tuple(-w for w in weight): sign})
        total = _product(total, inverse)
        for root in self.roots:
            total = _product(total, {zero: 1, root: -1})
        return total.get(zero, 0)


@dataclass(frozen=True)
class Compact:
    """A compact group by its components."""

    components: tuple[Component, ...]

    def dimension(self, degree: int, domain: Iterable[str], codomain: Iterable[str]) -> int:
        parts = [component.dimension(degree, domain, codomain) for component in self.components]
        whole, rest = divmod(sum(parts), len(parts))
        assert rest == 0, f"the components give {parts}, whose mean is no integer"
        return whole


@dataclass(frozen=True)
class Finite:
    """A finite group by matrices that generate it; "vector" is the representation by these matrices."""

    generators: list[np.ndarray]
    representations: dict[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)

    def elements(self) -> list[np.ndarray]:
        """All elements, found by multiplying with the generators until nothing new appears."""
        one = np.eye(len(self.generators[0]))
        known, fresh = {_key(one): one}, [one]
        while fresh:
            products = {_key(g @ h): g @ h for g in self.generators for h in fresh}
            fresh = [g for key, g in products.items() if key not in known]
            known |= products
        return list(known.values())

    def dimension(self, degree: int, domain: Iterable[str], codomain: Iterable[str]) -> int:
        named = {"vector": lambda g: g, "scalar": lambda g: np.eye(1), **self.representations}
        elements = self.elements()
        total = 0.0
        for g in elements:
            values = np.concatenate([np.linalg.eigvals(named[name](g)) for name in domain])
            trace = sum(np.trace(np.linalg.inv(named[name](g))) for name in codomain)
            total += (_complete(values, degree) * trace).real
        mean = total / len(elements)
        assert abs(mean - round(mean)) < 1e-6, f"the mean of the characters is {mean}, no integer"
        return round(mean)


def equivariant_dimension(
    group: Compact | Finite,
    degree: int,
    domain: Iterable[str] = ("vector",),
    codomain: Iterable[str] = ("vector",),
) -> int:
    """The number of independent equivariant maps from the sum of `domain` to that of `codomain`, of that degree."""
    return group.dimension(degree, tuple(domain), tuple(codomain))


def rotations(n: int) -> Compact:
    """SO(n), on its vectors."""
    return Compact((_rotation_component(n),))


def orthogonal(n: int) -> Compact:
    """O(n): SO(n) and the maps of determinant -1.

    For odd n these are -1 times the rotations. For even n they have the eigenvalues 1, -1 and pairs z, 1 / z that are
    distributed as those of Sp(n - 2).
    """
    first, m = _rotation_component(n), n // 2
    if n % 2:
        vector = [(-sign, weight) for sign, weight in first.representations["vector"]]
        return Compact((first, Component(first.roots, {"vector": vector})))
    if n == 2:  # no torus is left: one class of reflections
        return Compact((first, Component((), {"vector": [(1, (0,)), (-1, (0,))]})))
    pairs = symplectic(m - 1).components[0]
    zero = (0,) * (m - 1)
    vector = [*pairs.representations["vector"], (1, zero), (-1, zero)]
    return Compact((first, Component(pairs.roots, {"vector": vector})))


def symplectic(n: int) -> Compact:
    """Sp(2n), on its vectors of 2n components."""
    roots = [*_differences(n), *_sums(n), *(_unit(n, i, 2) for i in range(n))]
    vector = [(1, _unit(n, i, s)) for i in range(n) for s in (1, -1)]
    return Compact((Component(tuple(roots), {"vector": vector}),))


def unitary(n: int, special: bool = False) -> Compact:
    """U(n) or SU(n), on "vector", the 2n real components of a complex vector: the vectors and their conjugates.

    On the torus of SU(n) the last eigenvalue is one over the product of the others.
    """
    units = [_unit(n, i, 1) for i in range(n)]
    if special:
        units = [*(u[:-1] for u in units[:-1]), (-1,) * (n - 1)]
    roots = [tuple(a - b for a, b in zip(units[i], units[j], strict=True)) for i, j in combinations(range(n), 2)]
    vector = [(1, tuple(s * a for a in u)) for u in units for s in (1, -1)]
    half = [(1, u) for u in units]
    dual = [(1, tuple(-a for a in u)) for u in units]
    return Compact((Component(tuple(roots), {"vector": vector, "holomorphic": half, "dual": dual}),))


def cyclic(n: int) -> Finite:
    """The rotations of the plane by multiples of 2 pi / n."""
    return Finite([_turn(2 * np.pi / n)])


def dihedral(n: int) -> Finite:
    """The symmetries of a regular polygon with n corners."""
    return Finite([_turn(2 * np.pi / n), np.diag([1.0, -1.0])])


def permutations(n: int) -> Finite:
    """S_n, permuting the n components of a vector."""
    one = np.eye(n)
    return Finite([np.roll(one, 1, axis=0), one[[1, 0, *range(2, n)]]])


def signed_permutations(n: int) -> Finite:
    """The symmetries of the cube in n dimensions; for n = 3 its 48 rotations and reflections."""
    return Finite([*permutations(n).generators, np.diag([-1.0] + [1.0] * (n - 1))])


def _rotation_component(n: int) -> Component:
    m = n // 2
    roots = [*_differences(m), *_sums(m), *(_unit(m, i, 1) for i in range(m) if n % 2)]
    vector = [(1, _unit(m, i, s)) for i in range(m) for s in (1, -1)] + [(1, (0,) * m)] * (n % 2)
    return Component(tuple(roots), {"vector": vector})


def _unit(n: int, i: int, value: int) -> Weight:
    return tuple(value if k == i else 0 for k in range(n))


def _differences(n: int) -> list[Weight]:
    return [tuple((k == i) - (k == j) for k in range(n)) for i, j in combinations(range(n), 2)]


def _sums(n: int) -> list[Weight]:
    return [tuple((k == i) + (k == j) for k in range(n)) for i, j in combinations(range(n), 2)]


def _sum(a: Laurent, b: Laurent) -> Laurent:
    out = dict(a)
    for weight, value in b.items():
        out[weight] = out.get(weight, 0) + value
    return {weight: value for weight, value in out.items() if value}


def _product(a: Laurent, b: Laurent) -> Laurent:
    out: Laurent = {}
    for u, x in a.items():
        for v, y in b.items():
            weight = tuple(i + j for i, j in zip(u, v, strict=True))
            out[weight] = out.get(weight, 0) + x * y
    return {weight: value for weight, value in out.items() if value}


def _complete(values: np.ndarray, degree: int) -> complex:
    """The complete homogeneous symmetric polynomial h_k of the eigenvalues: the character of Sym^k."""
    power = np.zeros(degree + 1, complex)
    power[0] = 1.0
    for value in values:
        for k in range(1, degree + 1):
            power[k] += value * power[k - 1]
    return power[degree]


def _turn(angle: float) -> np.ndarray:
    # rounded, so that a quarter of a turn is a matrix of integers
    return np.round([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], 15) + 0.0


def _key(matrix: np.ndarray) -> bytes:
    return (np.round(matrix, 6) + 0.0).tobytes()
