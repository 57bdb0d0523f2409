"""Vector fields as text, LaTeX and SymPy: `x d/dy - y d/dx`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.groups import Polynomial
from symdyn.groups.printing import polynomial_text
from symdyn.library.monomials import latex_symbol, monomial_names
from symdyn.symmetry._text import combination_text
from symdyn.symmetry.discovery.fields import Fields, FunctionFields


def text_of(field: Fields) -> str:
    """The first of the fields as a derivation; functions are called by their names."""
    if isinstance(field, FunctionFields):
        return combination_text(field.basis[0], field.names, ("",))
    parts = [(name, row) for name, row in zip(field.space.component_names, field.dense()[0], strict=True) if row.any()]
    texts = []
    for name, row in _lead_first(parts):
        body = _scalar_text(field, row)
        if np.count_nonzero(row) > 1:
            flip = body.startswith("-")
            body = f"({_scalar_text(field, -row)})" if flip else f"({body})"
            texts.append(("-" if flip else "") + f"{body} d/d{name}")
        else:
            factor = {"1": "", "-1": "-"}.get(body, f"{body} ")
            texts.append(f"{factor}d/d{name}")
    return _sum(texts)


def latex_of(field: Fields) -> str:
    r"""The first of the fields in LaTeX: `x\,\partial_{y} - y\,\partial_{x}`."""
    if isinstance(field, FunctionFields):
        names = tuple(rf"\mathrm{{{name.replace('_', ' ')}}}" for name in field.names)
        return combination_text(field.basis[0], names, ("",))
    names = field.space.component_names
    if field.exponents is not None:
        _, latex = monomial_names(field.exponents, names)
    else:
        assert field.terms is not None
        latex = field.terms.latex
    parts = [(name, row) for name, row in zip(names, field.dense()[0], strict=True) if row.any()]
    texts = []
    for name, row in _lead_first(parts):
        body = combination_text(row, tuple(latex), ("",))
        several = np.count_nonzero(row) > 1
        body = rf"\left({body}\right)\," if several else {"1": "", "-1": "-"}.get(body, rf"{body}\,")
        texts.append(rf"{body}\partial_{{{latex_symbol(name)}}}")
    return _sum(texts)


def sympy_of(field: Fields) -> dict[Any, Any]:
    """The first of the fields as {symbol: component}, components that vanish left out. Raises InputError."""
    import sympy

    if isinstance(field, FunctionFields):
        raise InputError("a generator made of your own functions has no SymPy form")
    symbols = sympy.symbols(field.space.component_names)
    if field.exponents is not None:
        terms = [sympy.prod(s ** int(a) for s, a in zip(symbols, e, strict=True)) for e in field.exponents]
    else:
        assert field.terms is not None
        terms = field.terms.to_sympy(tuple(symbols))
    out = {}
    for symbol, row in zip(symbols, field.dense()[0], strict=True):
        if row.any():
            out[symbol] = sum(_sympy_number(c) * term for c, term in zip(row, terms, strict=True) if c)
    return out


def _sympy_number(value: float):
    import sympy

    return sympy.Integer(int(value)) if value == round(value) else sympy.Float(value, 17)


def _scalar_text(field: Fields, row: np.ndarray) -> str:
    assert not isinstance(field, FunctionFields)
    if field.exponents is not None:
        return polynomial_text(Polynomial.of(field.exponents, row), field.space.component_names)
    assert field.terms is not None
    return combination_text(row, field.terms.names, ("",))


def _lead_first(parts: list) -> list:
    """The components with the first whose leading number is positive in front: `x d/dy - y d/dx`."""
    positive = [k for k, (_, row) in enumerate(parts) if row[np.flatnonzero(row)[0]] > 0]
    if not positive or positive[0] == 0:
        return parts
    k = positive[0]
    return [parts[k], *parts[:k], *parts[k + 1 :]]


def _sum(texts: list[str]) -> str:
    whole = ""
    for text in texts:
        whole += text if not whole else f" - {text[1:]}" if text.startswith("-") else f" + {text}"
    return whole or "0"
