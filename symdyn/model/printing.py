"""Equations as text, LaTeX, SymPy and labelled arrays."""

from __future__ import annotations

from math import floor, isfinite, log10

import numpy as np

from symdyn._errors import InputError
from symdyn.library.monomials import latex_symbol
from symdyn.model.model import AbstractModel, Model


def number(value: float, error: float) -> str:
    """A value with as many digits as its standard error leaves (3 to 10), and the error with one.

    Examples
    --------
    >>> from symdyn.model.printing import number
    >>> number(-132712440018.0, 3e5), number(2.0, 0.0)
    ('-1.327124e+11 ± 3e+05', '2')
    """
    if error <= 0 or not isfinite(error) or not value:
        return f"{value:.10g}"
    digits = floor(log10(abs(value))) - floor(log10(error)) + 1
    if digits > 10:
        return f"{value:.10g} ± {error:.1g}"
    return f"{value:#.{max(digits, 3)}g}".rstrip(".").replace(".e", "e") + f" ± {error:.1g}"


def _signed(terms: list[tuple[float, float, str]]) -> str:
    out = ""
    for value, error, name in terms:
        shown = number(abs(value), error)
        text = shown if name == "1" else f"{shown} {name}"
        sign = "-" if value < 0 else "+"
        out += f" {sign} {text}" if out else (f"-{text}" if value < 0 else text)
    return out or "0"


def equations(model: Model, coefficients: np.ndarray, errors: np.ndarray) -> tuple[str, ...]:
    """The equations as text; coefficients and errors of shape (p, d) or (p,)."""
    names = model.terms.names
    if coefficients.ndim == 1:
        active = np.flatnonzero(coefficients)
        left = ", ".join(_left(model, name, name, " ") for name in model.targets)
        return (f"{left} = {_signed([(coefficients[k], errors[k], names[k]) for k in active])}{_known(model)}",)
    components = model.space.select(model.targets).component_names
    owners = [v.name for v in model.space.select(model.targets).variables for _ in v.component_names]
    lines = []
    for c, component in enumerate(components):
        active = np.flatnonzero(coefficients[:, c])
        right = _signed([(coefficients[k, c], errors[k, c], names[k]) for k in active])
        left = _left(model, owners[c], component, "" if len(component) == 1 else " ")
        lines.append(f"{left} = {right}{_known(model)}")
    return tuple(lines)


def _known(model: Model) -> str:
    return "" if model.known is None else " + known part"


def _left(model: Model, target: str, component: str, space: str) -> str:
    if model.space.coordinates:
        return component if model.space.time is None else "{}_{}".format(*_field_rate(model, component))
    return f"{component}[k+1]" if model.discrete else rate_text(model.kinematics, target, component, space)


def _field_rate(model: Model, component: str) -> tuple[str, str]:
    """A component of a field and its derivatives by time: u and t, or u and tt for the variable u_rate."""
    for a, b in model.kinematics:
        for old, new in zip(model.space[a].component_names, model.space[b].component_names, strict=True):
            if new == component:
                return old, "tt"
    return component, "t"


def rate_text(kinematics: tuple[tuple[str, str], ...], target: str, component: str, space: str = " ") -> str:
    """A rate as text: the second derivative of a variable whose own rate is in the state only as its rate."""
    base = {b: a for a, b in kinematics}.get(target)
    if base is not None and target == f"{base}_rate":
        return f"d^2 {base}{component.removeprefix(target)}/dt^2"
    return f"d{space}{component}/dt"


def units(model: AbstractModel) -> str:
    """The units that the coefficients refer to: those of the variables and of time."""
    space = model.space.zeroth if model.space.coordinates else model.space
    known = [v.unit for v in space.variables if v.unit not in ("", "1")]
    return ", ".join(dict.fromkeys([*known, *([model.time_unit] if known and model.time_unit else [])]))


def latex(model: Model, coefficients: np.ndarray) -> str:
    """The equations as LaTeX, one line each."""
    typeset = model.terms.latex
    if coefficients.ndim == 1:
        left = ",\\;".join(_latex_left(model, name) for name in model.targets)
        return f"{left} = {_latex_sum(coefficients, typeset)}{_latex_known(model)}"
    components = model.space.select(model.targets).component_names
    return " \\\\\n".join(
        f"{_latex_left(model, name)} = {_latex_sum(coefficients[:, c], typeset)}{_latex_known(model)}"
        for c, name in enumerate(components)
    )


def _latex_left(model: Model, name: str) -> str:
    if model.space.coordinates:
        field, times = _field_rate(model, name)
        if model.space.time is None:  # a balance
            return latex_symbol(field)
        return rf"\partial_{{{times}}} {latex_symbol(field)}"
    symbol = rf"\mathbf{{{name}}}" if model.terms.value_shape else latex_symbol(name)
    return f"{symbol}[k+1]" if model.discrete else rf"\frac{{\mathrm{{d}}{symbol}}}{{\mathrm{{d}}t}}"


def _latex_known(model: Model) -> str:
    return "" if model.known is None else r" + \text{known part}"


def _latex_sum(coefficients: np.ndarray, typeset: tuple[str, ...]) -> str:
    out = ""
    for k in np.flatnonzero(coefficients):
        mantissa, _, exponent = f"{abs(coefficients[k]):.6g}".partition("e")
        size = mantissa + (rf" \times 10^{{{int(exponent)}}}" if exponent else "")
        body = size if typeset[k] == "1" else rf"{size}\,{typeset[k]}"
        sign = "-" if coefficients[k] < 0 else "+"
        out += f" {sign} {body}" if out else (f"-{body}" if coefficients[k] < 0 else body)
    return out or "0"


def to_sympy(model: Model, coefficients: np.ndarray) -> list:
    """The equations as SymPy `Eq(Derivative(x(t), t), right-hand side)`, one a target component."""
    import sympy

    if model.known is not None:
        raise InputError("a law with a known part has no SymPy form: that part is a Python function")
    t = sympy.Symbol("k", integer=True) if model.discrete else sympy.Symbol("t", real=True)
    functions = {name: sympy.Function(name, real=True) for name in model.space.component_names}
    inputs = {name: t if name == model.clock else function(t) for name, function in functions.items()}
    if model.space.coordinates:
        inputs = {name: sympy.Symbol(name, real=True) for name in inputs}
    components = model.space.select(model.targets).component_names
    terms = model.terms.to_sympy(tuple(inputs[name] for name in model.terms.space.component_names))
    out = []
    for c, component in enumerate(components):
        right = sympy.Integer(0)
        for k in np.flatnonzero(coefficients if coefficients.ndim == 1 else coefficients[:, c]):
            value = coefficients[k] if coefficients.ndim == 1 else coefficients[k, c]
            right += sympy.Float(float(value), 17) * (terms[k][c] if coefficients.ndim == 1 else terms[k])
        left = functions[component](t + 1) if model.discrete else sympy.Derivative(inputs[component], t)
        if model.space.coordinates:
            rate = "{}_{}".format(*_field_rate(model, component))
            left = sympy.Symbol(component if model.space.time is None else rate, real=True)
        out.append(sympy.Eq(left, right))
    return out


def to_xarray(solution):
    """Coefficients as a small Dataset: see `Solution.to_xarray`."""
    import xarray as xr

    from symdyn import __version__

    model: Model = solution.model
    scalar = solution.coefficients.ndim == 2
    dims = ("term", "target") if scalar else ("term",)
    coords = {"term": list(model.terms.names)} | ({"target": list(solution.target_components)} if scalar else {})
    attrs = {
        "title": "Coefficients of a governing equation",
        "equations": "\n".join(solution.equations),
        "units_of_variables": "; ".join(f"{v.name}: {v.unit or '1'}" for v in model.space.variables),
        "units_of_time": model.time_unit or "1",
        "history": f"symdyn {__version__} identify",
        **{f"data_{key}": value for key, value in solution.provenance.items()},
    }
    described = {"coefficient": "coefficient of each term", "standard_error": "block-robust standard error"}
    values = {"coefficient": solution.coefficients, "standard_error": solution.standard_errors}
    return xr.Dataset(
        {name: (dims, v, {"long_name": described[name]}) for name, v in values.items()}, coords=coords, attrs=attrs
    )
