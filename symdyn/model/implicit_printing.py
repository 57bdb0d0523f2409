"""Implicit laws as text, LaTeX and SymPy: quotients where each equation has one rate, else sums of rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from symdyn.library.monomials import latex_symbol
from symdyn.model.implicit import ImplicitModel
from symdyn.model.printing import number, rate_text

Part = tuple[float, float, str]  # a coefficient, its standard error, and what it multiplies


def rate_names(space, targets, kinematics) -> tuple[tuple[str, str], ...]:
    """The rates of the target components as text and LaTeX."""
    owners = [v.name for v in space.select(targets).variables for _ in v.component_names]
    out = []
    for owner, component in zip(owners, space.select(targets).component_names, strict=True):
        text = rate_text(kinematics, owner, component, "" if len(component) == 1 else " ")
        second = text.startswith("d^2 ")
        symbol = latex_symbol(component.replace("_rate", "", 1) if second else component)
        out.append((text, rf"\ddot{{{symbol}}}" if second else rf"\dot{{{symbol}}}"))
    return tuple(out)


def equations(model: ImplicitModel, names: tuple[str, ...], errors: np.ndarray) -> tuple[str, ...]:
    """The equations as text; `names` and `errors` (q, d) belong to the columns of a relation."""
    return tuple(
        _equation(model, e, names, model.factors.names, errors, _sum, "({}) / ({})".format, 0)
        for e in range(errors.shape[1])
    )


def latex(model: ImplicitModel, typeset: tuple[str, ...]) -> str:
    """The equations as LaTeX, one line each."""
    none = np.zeros(model.subspace.shape)
    lines = [
        _equation(model, e, typeset, model.factors.latex, none, _latex_sum, r"\frac{{{}}}{{{}}}".format, 1)
        for e in range(model.subspace.shape[1])
    ]
    return " \\\\\n".join(lines)


def _equation(
    model: ImplicitModel, e: int, names: Sequence[str], factors: Sequence[str], errors: np.ndarray,
    total: Callable[[list[Part]], str], quotient: Callable[[str, str], str], form: int,
) -> str:  # fmt: skip
    w, p = np.asarray(model.coefficients)[:, e], model.terms.size
    used = np.flatnonzero(w).tolist()
    right = [(-w[k], errors[k, e], names[k]) for k in used if k < p]
    rates = [k for k in used if k >= p]
    if model.coupled:
        return f"{total([(w[k], errors[k, e], names[k]) for k in rates])} = {total(right)}"
    rate = rate_names(model.space, model.targets, model.kinematics)[e][form]
    denominator = [(w[k], errors[k, e], factors[(k - p) % len(factors)]) for k in rates]
    if [name for _, _, name in denominator] == ["1"] or not right:
        return f"{rate} = {total(right)}"
    return f"{rate} = {quotient(total(right), total(denominator))}"


def _sum(parts: list[Part]) -> str:
    return _joined([(value, _scaled(number(abs(value), error), name, " ")) for value, error, name in parts])


def _latex_sum(parts: list[Part]) -> str:
    texts = []
    for value, _, name in parts:
        mantissa, _, exponent = f"{abs(value):.6g}".partition("e")
        size = mantissa + (rf" \times 10^{{{int(exponent)}}}" if exponent else "")
        texts.append((value, _scaled(size, name, r"\,")))
    return _joined(texts)


def _scaled(size: str, name: str, times: str) -> str:
    return size if name == "1" else name if size == "1" else f"{size}{times}{name}"


def _joined(texts: list[tuple[float, str]]) -> str:
    out = ""
    for value, text in texts:
        sign = "-" if value < 0 else "+"
        out += f" {sign} {text}" if out else (f"-{text}" if value < 0 else text)
    return out or "0"


def to_sympy(model: ImplicitModel) -> list:
    """The equations as SymPy `Eq`: the rate equal to a quotient, or sums of rates equal to sums of terms."""
    import sympy

    t = sympy.Symbol("t", real=True)
    state = {name: sympy.Function(name, real=True)(t) for name in model.space.component_names}
    inputs = tuple(state[name] for name in model.terms.space.component_names)
    terms, factors = model.terms.to_sympy(inputs), model.factors.to_sympy(inputs)
    rates = [sympy.Derivative(state[name], t) for name in model.space.select(model.targets).component_names]
    w, p = np.asarray(model.coefficients), model.terms.size

    def total(values, parts):
        # the coefficient of the left-hand side is 1 by definition, and stays a whole number
        numbers = (sympy.Integer(1) if v == 1 else sympy.Float(float(v), 17) for v in values)
        return sympy.Add(*(v * part for v, part in zip(numbers, parts, strict=True) if v))

    out = []
    for e, rate in enumerate(rates):
        right, tables = total(-w[:p, e], terms), w[p:, e].reshape(len(rates), -1)
        if model.coupled:
            left = sympy.Add(*(total(row, factors) * each for row, each in zip(tables, rates, strict=True)))
            out.append(sympy.Eq(left, right))
        else:
            out.append(sympy.Eq(rate, right / total(tables[e], factors)))
    return out
