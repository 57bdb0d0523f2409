"""Nonlinear parameters of a library (an exponent, a frequency, a saturation) by variable projection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn._types import StateSpace
from symdyn.data.door import read
from symdyn.library import AbstractLibrary, AbstractTerms
from symdyn.regress._identify import identify, regression
from symdyn.regress.problem import problems, solve
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.solvers import LeastSquares

STEP = 1e-4  # of the central difference in a parameter, relative to max(1, |parameter|)


class TangentTerms(AbstractTerms):
    """The terms of a library and, one for each parameter, the change of the law with that parameter.

    `sides` holds for each parameter the terms a step above and a step below; `coefficients` (p,) those of the law.
    """

    terms: AbstractTerms
    sides: tuple[tuple[AbstractTerms, AbstractTerms], ...]
    coefficients: Any
    steps: Any
    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, x):
        changes = [
            jnp.tensordot(self.coefficients, above(x) - below(x), axes=1) / (2 * step)
            for (above, below), step in zip(self.sides, self.steps, strict=True)
        ]
        return jnp.concatenate([self.terms(x), jnp.stack(changes)])

    def to_sympy(self, symbols: tuple) -> list:
        raise InputError("the tangent of a library has no symbolic form")


@dataclass(frozen=True, eq=False)
class Projection:
    """Fitted nonlinear parameters: `parameters` and `standard_errors` by name, and the `solution` at their values."""

    parameters: dict[str, float]
    standard_errors: dict[str, float]
    solution: Solution

    def __str__(self) -> str:
        values = [f"{k} = {v:.10g} ± {self.standard_errors[k]:.1g}" for k, v in self.parameters.items()]
        return "\n".join([*values, str(self.solution)])


def variable_projection(
    library: Callable[..., AbstractLibrary],
    start: Mapping[str, float],
    data,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 30,
    **options,
) -> Projection:
    r"""Fit the nonlinear parameters of a library together with its coefficients, by Gauss-Newton.

    Each step regresses the rate on the terms B(theta) and on the tangents sum_k w_k dB_k/dtheta_j; the coefficients of
    the tangents are the change of theta (Golub, Pereyra 2003, Inverse Problems 19, R1).

    Parameters
    ----------
    library: makes the library from parameters given by name, for example `lambda k: sd.Radial("r", powers=(k,))`.
    start: the first value of each parameter.
    data, options: as for `identify`.
    tolerance: stop when every parameter changes by less than this, relative to max(1, its size).

    Raises InputError where the target has several components and the terms are scalars, SymdynError where the
    iteration does not converge.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> orbit = sd.open_dataset("kepler", times=np.linspace(0, 20, 400), rates=True)
    >>> central = lambda k: sd.Radial("position", powers=(k,))
    >>> fit = sd.variable_projection(central, {"k": -2.5}, orbit, rate_of="velocity")
    >>> round(fit.parameters["k"], 6)
    -3.0
    """
    if not start:
        raise InputError("start names no parameter; variable projection needs at least one, such as {'k': -3.0}")
    options = {**options, "solver": LeastSquares()}
    law = identify(data, library=library(**start), **options)
    recording = read(data, law.settings.reading)
    theta = np.array([float(v) for v in start.values()])
    for _ in range(max_iterations):
        change, errors = _step(library, tuple(start), theta, law, recording)
        theta = theta + change
        law = identify(data, library=library(**dict(zip(start, theta.tolist(), strict=True))), **options)
        if not np.isfinite(theta).all():
            break
        if (np.abs(change) <= tolerance * np.maximum(1.0, np.abs(theta))).all() or (
            np.abs(change) < 1e-6 * errors
        ).all():
            named = dict(zip(start, theta.tolist(), strict=True))
            return Projection(named, dict(zip(start, errors.tolist(), strict=True)), law)
    raise SymdynError(
        f"the parameters {dict(zip(start, theta.tolist(), strict=True))} did not settle in {max_iterations} steps; "
        "start nearer to the solution, or with fewer parameters"
    )


def _step(
    library, names: tuple[str, ...], theta: np.ndarray, law: Solution, recording
) -> tuple[np.ndarray, np.ndarray]:
    """The Gauss-Newton change of the parameters and its standard errors."""
    settings: Settings = law.settings
    coefficients = law.coefficients.reshape(len(law.term_names), -1)
    if coefficients.shape[1] > 1:
        raise InputError(
            "variable projection needs vector terms or one target component; choose one with rate_of, or a Covariant "
            "library"
        )
    steps = STEP * np.maximum(1.0, np.abs(theta))

    def tangents(space: StateSpace) -> TangentTerms:
        def terms(values) -> AbstractTerms:
            return library(**dict(zip(names, values.tolist(), strict=True))).on(space)

        middle = terms(theta)
        shifts = np.diag(steps)
        return TangentTerms(
            middle, tuple((terms(theta + s), terms(theta - s)) for s in shifts), coefficients[:, 0], steps, space,
            (*middle.names, *(f"d/d{name}" for name in names)), (*middle.latex, *names), middle.value_shape,
        )  # fmt: skip

    found = regression(recording, settings, tangents)
    p = found.terms.size
    shape = (p,) if found.terms.value_shape else (p, 1)
    fit = solve(problems(found.moments, shape, None, [[0]])[0], LeastSquares())
    k = len(names)
    return fit.weights[-k:], np.sqrt(np.diag(fit.covariance)[-k:])
