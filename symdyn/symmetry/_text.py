"""Combinations of terms as text; polynomials with their common factor drawn out, `(x^2 + y^2) x`."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from symdyn.symmetry._exact import rational

_DENOMINATORS = 12  # a float that is a fraction of so small a denominator is written as one


def combination_text(coefficients: np.ndarray, terms: tuple[str, ...], targets: tuple[str, ...]) -> str:
    """Coefficients (p,) or (p, d) as text: `x: x^3 + x y^2; y: x^2 y + y^3`."""
    if coefficients.ndim == 1:
        return _sum(coefficients, terms)
    columns = zip(targets, coefficients.T, strict=True)
    return "; ".join(_labelled(name, _sum(column, terms)) for name, column in columns if np.any(column)) or "0"


def _labelled(name: str, text: str) -> str:
    return f"{name}: {text}" if name else text


def _sum(coefficients, terms: tuple[str, ...]) -> str:
    text = ""
    for c, term in zip(coefficients, terms, strict=True):
        if c:
            sign = ("-" if c < 0 else "") if not text else (" - " if c < 0 else " + ")
            text += sign + (term if abs(c) == 1 else _number(abs(c)) if term == "1" else f"{_number(abs(c))} {term}")
    return text or "0"


def _number(value) -> str:
    """An integer in full, a small fraction as one, else six digits."""
    if value == round(value) and abs(value) < 2**53:
        return str(round(value))
    if isinstance(value, Fraction) or float(f"{value:g}") != value:
        near = Fraction(value).limit_denominator(_DENOMINATORS)
        if value == near or abs(value - float(near)) <= 4 * np.finfo(float).eps * abs(value):
            return str(near)
    return f"{float(value):g}"


class Form(NamedTuple):
    """A polynomial as number * product of factors^power * monomial; factors are SymPy polynomials of several terms."""

    number: Fraction
    factors: tuple[tuple[Any, int], ...]
    monomial: tuple[int, ...]

    def times(self, other: Form) -> Form:
        """The product of two forms."""
        monomial = tuple(a + b for a, b in zip(self.monomial, other.monomial, strict=True))
        powers = dict(self.factors)
        for f, k in other.factors:
            powers[f] = powers.get(f, 0) + k
        return Form(self.number * other.number, tuple(powers.items()), monomial)

    @property
    def length(self) -> int:
        """How many names and lone numbers the text shows."""
        inside = sum(max(1, np.count_nonzero(e)) for f, _ in self.factors for e in f.monoms())
        return int(inside + np.count_nonzero(self.monomial))

    def text(self, names: tuple[str, ...]) -> str:
        """`2 (x^2 + y^2)^2 x`, or the plain sum where there is nothing beside it."""
        if len(self.factors) == 1 and self.factors[0][1] == 1 and self.number == 1 and not any(self.monomial):
            return _polynomial_text(self.factors[0][0], names)
        ordered = sorted(self.factors, key=lambda factor: [-a for a in _terms(factor[0])[0][0]])
        parts = [f"({_polynomial_text(f, names)})" + f"^{k}" * (k > 1) for f, k in ordered]
        parts += [_monomial(self.monomial, names)] * any(self.monomial)
        if abs(self.number) != 1 or not parts:
            parts = [_number(abs(self.number)), *parts]
        return "-" * (self.number < 0) + " ".join(parts)


def factored_text(
    coefficients: np.ndarray, exponents: np.ndarray, names: tuple[str, ...], targets: tuple[str, ...]
) -> str | None:
    """Coefficients (p,) or (p, d) of monomials as text, `x: (x^2 + y^2) x; y: (x^2 + y^2) y`; None if not rational.

    `exponents` (p, n) of the monomials in the n `names`. The greatest common divisor of the components is drawn out
    where it is a sum; a lone component is factored where that is shorter.
    """
    columns = coefficients.reshape(len(coefficients), -1).T
    used = [(name, column) for name, column in zip(targets, columns, strict=True) if np.any(column)]
    whole = rational(np.array([column for _, column in used])) if used else None
    if whole is None:
        return None
    values, denominator = whole
    polynomials = [_polynomial(row, exponents) for row in values]
    shared = _shared(polynomials) if len(used) > 1 else None
    scale = Form(Fraction(1, denominator), (), (0,) * exponents.shape[1])
    parts = []
    for (name, _), f in zip(used, polynomials, strict=True):
        form = _shortest(f) if shared is None else _shortest(shared).times(_shortest(f.exquo(shared)))
        parts.append(_labelled(name, form.times(scale).text(names)))
    return "; ".join(parts)


def _polynomial(coefficients: np.ndarray, exponents: np.ndarray):
    """The SymPy polynomial with integer coefficients; its symbols stand for the components and are never shown."""
    import sympy

    symbols = sympy.symbols(f"x:{exponents.shape[1]}")
    table = {tuple(map(int, e)): int(c) for e, c in zip(exponents, coefficients, strict=True) if c}
    return sympy.Poly.from_dict(table, *symbols, domain="ZZ")


def _shared(polynomials: list):
    """The greatest common divisor without numbers and single symbols, first term positive; None if nothing is left."""
    common = reduce(lambda a, b: a.gcd(b), polynomials).primitive()[1].terms_gcd()[1]
    if len(common.monoms()) < 2:
        return None
    return -common if _terms(common)[0][1] < 0 else common


def _shortest(f) -> Form:
    """The form with the fewest names: the sum as it is, its square-free or its irreducible factors."""
    number, rest = f.primitive()
    monomial, rest = rest.terms_gcd()
    whole, none = Form(Fraction(1), ((f, 1),), (0,) * len(f.gens)), Form(Fraction(int(number)), (), monomial)
    if len(rest.monoms()) == 1:
        return none._replace(number=none.number * int(rest.LC()))
    if _terms(rest)[0][1] < 0:
        none, rest = none._replace(number=-none.number), -rest
    lists: list[Any] = [(1, [(rest, 1)]), rest.sqf_list(), rest.factor_list()]
    forms = [whole, *(_product(none, number, factors) for number, factors in lists)]
    return min(forms, key=lambda form: form.length)


def _product(base: Form, number, factors: list) -> Form:
    signed = [(-f, k, (-1) ** k) if _terms(f)[0][1] < 0 else (f, k, 1) for f, k in factors]
    sign = int(np.prod([s for _, _, s in signed]))
    return base._replace(number=base.number * int(number) * sign, factors=tuple((f, k) for f, k, _ in signed))


def _terms(f) -> list[tuple[tuple[int, ...], int]]:
    """Exponents and coefficients in the order of a library: by degree, then the first component first."""
    return sorted(((e, int(c)) for e, c in f.terms()), key=lambda term: (sum(term[0]), [-a for a in term[0]]))


def _polynomial_text(f, names: tuple[str, ...]) -> str:
    exponents, numbers = zip(*_terms(f), strict=True)
    return _sum(numbers, tuple(_monomial(e, names) or "1" for e in exponents))


def _monomial(exponent: tuple[int, ...], names: tuple[str, ...]) -> str:
    powers = zip(names, exponent, strict=True)
    return " ".join(name if a == 1 else f"{name}^{a}" for name, a in powers if a)
