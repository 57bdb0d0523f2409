r"""Conservation laws of polynomial partial differential equations, by their multipliers.

Functions $\Lambda^a$ of the jet with $\Lambda^a \Delta_a = D_t T + D_k X_k$ for all fields, solutions or not, are the
null space of the Euler operator applied to the product: linear in the coefficients of $\Lambda$, in whole numbers where
the law has rational ones. Multipliers that do not contain the derivative that the law is solved for (nor what follows
from it) belong to one conservation law each, up to trivial ones (Olver 1993, section 4.3; Anco, Bluman 2002, European
Journal of Applied Mathematics 13, 545). For Euler-Lagrange equations they are the characteristics $Q = \phi - \xi^i
u_i$ of the variational symmetries (Noether 1918).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups import Polynomial
from symdyn.groups.jets import Jet, jet_of
from symdyn.groups.polynomial import concatenated, stacked
from symdyn.library import AbstractLibrary
from symdyn.symmetry._exact import null_space, rational
from symdyn.symmetry.conserved.density import without_divergence
from symdyn.symmetry.conserved.euler import columns_in, current, divergence, euler, jets_of, orders_of
from symdyn.symmetry.conserved.laws import SOLUTION, ConservationLaw, ConservationLaws
from symdyn.symmetry.discovery.jet_law import JetLaw, substituted
from symdyn.symmetry.discovery.readable import whole
from symdyn.symmetry.discovery.solve import defects, readable, scale_free
from symdyn.symmetry.discovery.subjects import Sample

_BATCH = 64  # terms at once
_ROUNDS = 200  # of putting in derivatives


@dataclass(frozen=True, eq=False)
class Equations:
    """Delta_a = 0 in jets wide enough for what is done with them.

    `space`: jets of spacetime; `law` (d,); `leading`: for each equation the column that it is solved for and what that
    is, empty where there is none; `time`: its name.
    """

    space: StateSpace
    law: Polynomial
    leading: tuple[tuple[int, Polynomial], ...]
    time: str

    @classmethod
    def of(cls, subject: JetLaw, order: int, time: str) -> Equations:
        """The equations of a law on jets; products of them with functions of jets up to `order` will be treated.

        Raises InputError for laws that are no polynomials, and times that are no coordinate.
        """
        polynomial = subject.law.polynomial
        if polynomial is None:
            raise InputError("conservation laws are found for polynomial equations; write the law as text")
        wide = subject.jets
        if time not in wide.coordinates:
            raise InputError(f"the time {time!r} is not among the coordinates {', '.join(wide.coordinates)}")
        highest = max(orders_of(wide)[polynomial.exponents.array.any(0)].max(initial=0), order)
        space = jets_of(wide, 2 * int(highest))
        law = polynomial.placed(columns_in(wide, space), space.size)
        return cls(space, law, leading_of(law, space, time), time)

    @cached_property
    def followers(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        """Columns of derivatives of the leading ones: which equation, and by what they are differentiated further."""
        jet, out = jet_of(self.space), {}
        for a, (column, _) in enumerate(self.leading):
            base, field = self._place(column)
            for orders, columns in jet.columns.items():
                more = tuple(i - j for i, j in zip(orders, base, strict=True))
                if min(more) >= 0:
                    out.setdefault(int(columns[field]), (a, more))
        return out

    def _place(self, column: int) -> tuple[tuple[int, ...], int]:
        jet = jet_of(self.space)
        return next((o, int(np.flatnonzero(c == column)[0])) for o, c in jet.columns.items() if column in c)

    def on_solutions(self, p: Polynomial) -> Polynomial:
        """A polynomial () with the leading derivatives, and those of them, put in."""
        jet, orders = jet_of(self.space), orders_of(self.space)
        for _ in range(_ROUNDS):
            used = [int(c) for c in np.flatnonzero(p.exponents.array.any(0)) if int(c) in self.followers]
            if not used:
                break
            column = max(used, key=lambda c: (orders[c], -c))
            a, more = self.followers[column]
            value = self.leading[a][1]
            for k, times in enumerate(more):
                for _ in range(times):
                    value = jet.total(value, k)
            p = substituted(p, column, value)
        return p

    def conserved(self, multiplier: Polynomial, reason: str = "") -> ConservationLaw:
        """The law of a multiplier (d,) whose product with the equations is a divergence."""
        space, names = self.space, self.space.coordinates
        parts = current(multiplier.product(self.law, "a,a->"), space)
        late = names.index(self.time)
        across = [k for k in range(len(names)) if k != late]
        density = self.on_solutions(parts[late])
        density, thetas = without_divergence(density, space, across, late, self.on_solutions)
        jet = jet_of(space)
        fluxes = [self.on_solutions(parts[k] + jet.total(thetas[k], late)) for k in across]
        if _leads_negative(density):
            density, fluxes, multiplier = -density, [-each for each in fluxes], -multiplier
        ordered = list(fluxes)
        ordered.insert(late, density)
        left = self.on_solutions(divergence(ordered, space))
        terms = [self.on_solutions(jet.total(each, k)) for k, each in enumerate(ordered)]
        size = sum(float(np.abs(each.coefficients.array).sum()) for each in terms)
        defect = float(np.abs(left.coefficients.array).sum()) / size if size else 0.0
        return ConservationLaw(
            space, multiplier, density, tuple(fluxes), self.time, tuple(names[k] for k in across), defect, reason
        )


def leading_of(law: Polynomial, space: StateSpace, time: str) -> tuple[tuple[int, Polynomial], ...]:
    """For each equation a derivative that it is solved for, and what that is; empty where some equation has none.

    Of those that stand alone in one term, and whose own derivatives are in no equation, the one with most derivatives
    by the time, then of the highest order.
    """
    jet, e, c = jet_of(space), law.exponents.array, law.coefficients.array
    late, orders = space.coordinates.index(time), orders_of(space)
    where = {int(k): (o, a) for o, columns in jet.columns.items() for a, k in enumerate(columns)}
    used = [k for k in np.flatnonzero(e.any(0)).tolist() if k in where]

    def follows(k: int, lead: int) -> bool:
        (high, own), (low, other) = where[k], where[lead]
        return k != lead and own == other and all(i >= j for i, j in zip(high, low, strict=True))

    chosen: list[tuple[int, Polynomial]] = []
    for row in range(law.shape[0]):
        able = []
        for k in used:
            held = np.flatnonzero(e[:, k])
            alone = len(held) == 1 and e[held[0]].sum() == 1 and np.flatnonzero(c[held[0]]).tolist() == [row]
            if alone and orders[k] > 0 and not any(follows(other, k) for other in used):
                able.append(k)
        if not able:
            return ()
        lead = max(able, key=lambda k: (where[k][0][late], orders[k], -k))
        held = int(np.flatnonzero(e[:, lead])[0])
        rest = np.arange(len(e)) != held
        chosen.append((lead, Polynomial.of(e[rest], -c[rest, row] / c[held, row])))
    return tuple(chosen)


def time_of(space: StateSpace) -> str:
    """The coordinate whose density is sought: the time of the jets, "t" among the coordinates, or the first one."""
    return space.time or ("t" if "t" in space.coordinates else space.coordinates[0])


def _leads_negative(p: Polynomial) -> bool:
    """Whether the coefficient of the first of the terms, as they are printed, is negative."""
    if not len(p.exponents):
        return False
    pairs = zip(p.exponents.array.tolist(), p.coefficients.array, strict=True)
    return bool(min(pairs, key=lambda term: (sum(term[0]), [-e for e in term[0]]))[1] < 0)


def laws_in(
    subject: JetLaw, library: AbstractLibrary, own: StateSpace, *, time: str, tolerance: float
) -> ConservationLaws:
    """The conservation laws with multipliers in a library on the jets `own`.

    Raises InputError for laws and libraries that are no polynomials.
    """
    terms = library.on(own)
    exponents = terms.monomials()
    if exponents is None or terms.value_shape:
        raise InputError("the multipliers of conservation laws are sought among monomials: library=sd.Monomials(2)")
    used = terms.space.indices(terms.space.names)
    order = int(orders_of(terms.space)[used[exponents.any(0)]].max(initial=0))
    equations = Equations.of(subject, order, time)
    into = columns_in(own, equations.space)[own.indices(terms.space.names)]
    full = np.zeros((len(exponents), equations.space.size), int)
    full[:, into] = exponents
    full = full[~full[:, list(equations.followers)].any(axis=1)] if equations.followers else full
    if not len(full):
        raise InputError("every term of the library holds the derivative that the law is solved for")
    basis, spectrum, exact = _null_space(equations, full, tolerance)
    linear = subject.is_linear
    inside = np.setdiff1d(np.arange(equations.space.size), equations.space.indices(equations.space.coordinates))
    found = []
    for row in basis:
        multiplier = Polynomial.of(full, row.reshape(len(full), -1))
        plain = linear and not multiplier.depends_on(inside)
        found.append(equations.conserved(multiplier, SOLUTION if plain else ""))
    return ConservationLaws(tuple(found), spectrum, exact)


def _null_space(equations: Equations, full: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray, bool]:
    """Multipliers (r, p d) over (term, equation) that make divergences, the defects of all, and whether exactly."""
    law, d = equations.law, equations.law.shape[0]
    backward = full[::-1]
    whole_numbers = rational(law.coefficients.array)
    scaled = law if whole_numbers is None else Polynomial.of(law.exponents.array, whole_numbers[0].astype(float))
    defect, parts = _conditions(equations, scaled, backward)
    sample = Sample(defect, parts, np.eye(len(full) * d))
    spectrum, directions = scale_free(sample)
    if whole_numbers is not None and np.abs(defect).max(initial=0.0) < 2**50:
        rows = [{int(k): round(row[k]) for k in np.flatnonzero(row)} for row in defect]
        _, basis = null_space(rows, len(full) * d)
    else:
        kept = directions[spectrum < tolerance]
        basis = readable(kept)
        assert len(basis) == 0 or np.all(defects(sample, basis) < 10 * tolerance)
    basis = basis.reshape(len(basis), len(full), d)[:, ::-1].reshape(len(basis), len(full) * d)
    last = [int(np.flatnonzero(np.abs(row) > 1e-12)[-1]) for row in basis]
    basis = basis[np.argsort(last, kind="stable")]
    order = np.arange(len(full) * d)
    basis = np.array([whole(row, order) for row in basis]).reshape(len(basis), len(order))
    return basis, spectrum, whole_numbers is not None


def _conditions(equations: Equations, law: Polynomial, full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of E_b(term * Delta_a) over (term, equation), and of the derivatives that these come from."""
    space, d = equations.space, law.shape[0]
    jet = jet_of(space)
    values = [int(c) for columns in jet.columns.values() for c in columns]
    defect, parts = [], []
    for start in range(0, len(full), _BATCH):
        some = full[start : start + _BATCH]
        unit = Polynomial.of(some, np.eye(len(some)))
        product = unit.product(law, "p,a->pa").mapped(lambda c: c.reshape(-1))
        every = concatenated(euler(product, space))
        defect.append((start * d, every, len(some) * d))
        parts.append((start * d, stacked([product.along(c) for c in values]).mapped(np.ravel), len(some) * d))
    return _table(defect, len(full) * d), _table(parts, len(full) * d)


def _table(batches: Sequence[tuple[int, Polynomial, int]], unknowns: int) -> np.ndarray:
    """Coefficients of polynomials (k * count,) of each batch as rows (monomial, k) over the unknowns."""
    keys: dict[tuple, int] = {}
    entries = []
    for start, p, count in batches:
        values = p.coefficients.array.reshape(len(p.exponents), -1, count)
        for exponent, block in zip(p.exponents.array.tolist(), values, strict=True):
            for k in np.flatnonzero(block.any(axis=1)):
                row = keys.setdefault((int(k), *exponent), len(keys))
                entries.append((row, start, block[k]))
    out = np.zeros((max(len(keys), 1), unknowns))
    for row, start, block in entries:
        out[row, start : start + len(block)] += block
    return out


def variational(L: Polynomial, moved: Polynomial, space: StateSpace, time: str, text: str) -> ConservationLaw:
    """Noether's conservation law of a Lagrangian (), for a field (n0,) on coordinates and values, both in jets.

    Raises InputError where the field is no symmetry of the action, up to divergences.
    """
    orders = orders_of(space)
    used = (L.exponents.array.any(0), moved.exponents.array.any(0))
    order, own = (int(orders[columns].max(initial=0)) for columns in used)
    wide = jets_of(space, 2 * max(2 * order, own, 1))
    into = columns_in(space, wide)
    jet = jet_of(wide)
    law = stacked(euler(L.placed(into, wide.size), wide))
    if not len(law.exponents):
        raise InputError("the Lagrangian is a divergence: every motion fulfils its equations")
    moved = moved.placed(into, wide.size)
    zeroth = space.zeroth
    columns = jet.columns[(0,) * len(jet.coordinates)]
    characteristic = moved[zeroth.indices(zeroth.fields)]
    for k, name in enumerate(wide.coordinates):
        slopes = columns_of_order(jet, k)
        shift = moved[int(zeroth.indices((name,))[0])]
        rates = Polynomial.affine(np.eye(wide.size)[slopes], np.zeros(len(columns)))
        characteristic = characteristic - rates.product(shift, "a,->a")
    left = euler(characteristic.product(law, "a,a->"), wide)
    size = float(np.abs(law.coefficients.array).max())
    if any(np.abs(each.coefficients.array).max(initial=0.0) > 1e-9 * size for each in left):
        raise InputError(
            f"{text} is no symmetry of the action: the Euler operator leaves something of Q E(L) (symmetries of the "
            "equations alone, such as many scalings, give no conserved quantity)"
        )
    return Equations(wide, law, leading_of(law, wide, time), time).conserved(characteristic)


def columns_of_order(jet: Jet, k: int) -> np.ndarray:
    """Columns of the first derivatives of all fields by coordinate k."""
    return jet.columns[tuple(int(i == k) for i in range(len(jet.coordinates)))]
