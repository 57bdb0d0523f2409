"""Nonlinear parameters of a library (an exponent, a frequency, a saturation) by variable projection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn.data.door import read
from symdyn.library import AbstractLibrary
from symdyn.regress._identify import identify
from symdyn.regress.fit import solve
from symdyn.regress.problem import Problem
from symdyn.regress.rows.regression import evaluated_moments
from symdyn.regress.selection import EBIC
from symdyn.regress.solution import Solution
from symdyn.regress.solvers import LeastSquares

STEP = 1e-4  # of the central difference in a parameter, relative to max(1, |parameter|)


@dataclass(frozen=True, eq=False)
class Projection:
    """Fitted nonlinear parameters: `parameters` and `standard_errors` by name, and the `solution` at their values.

    `library` makes the library from parameters. `sd.refine(projection, data)` refines parameters and coefficients.
    """

    parameters: dict[str, float]
    standard_errors: dict[str, float]
    solution: Solution
    library: Callable[..., AbstractLibrary]

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
    theta = np.array([float(v) for v in start.values()])

    made = by_values(library, tuple(start))
    law = identify(data, library=made(theta), **{**options, "solver": LeastSquares()})
    if law.coefficients.ndim == 2 and law.coefficients.shape[1] > 1:
        raise InputError(
            "variable projection needs vector terms or one target component; choose one with rate_of, or a Covariant "
            "library"
        )
    recording = read(data, law.settings.reading)
    for _ in range(max_iterations):
        change, errors = _step(made, theta, law, recording)
        theta = theta + change
        if not np.isfinite(theta).all():
            break
        small = np.abs(change) <= np.maximum(tolerance * np.maximum(1.0, np.abs(theta)), 1e-6 * errors)
        if small.all():
            final = identify(data, library=made(theta), **{**options, "solver": LeastSquares()})
            parameters, spread = (dict(zip(start, v.tolist(), strict=True)) for v in (theta, errors))
            return Projection(parameters, spread, final, library)
    raise SymdynError(
        f"the parameters {dict(zip(start, theta.tolist(), strict=True))} did not settle in {max_iterations} steps; "
        "start nearer to the solution, or with fewer parameters"
    )


def by_values(library: Callable[..., AbstractLibrary], names: tuple[str, ...]) -> Callable[..., AbstractLibrary]:
    """The library as a function of an array of values of its named parameters."""

    def made(values: np.ndarray) -> AbstractLibrary:
        named = dict(zip(names, values.tolist(), strict=True))
        try:
            return library(**named)
        except TypeError as error:
            raise InputError(f"the library cannot be made from the parameters {named}: {error}") from error

    return made


def _step(made, theta: np.ndarray, law: Solution, recording) -> tuple[np.ndarray, np.ndarray]:
    """The Gauss-Newton change of the parameters and its standard errors.

    One pass gives the moments of the terms B and of all dB/dtheta_j; the coefficients w of B alone then combine the
    columns dB/dtheta_j into the tangents.
    """
    space = law.model.terms.space
    steps = STEP * np.maximum(1.0, np.abs(theta))
    middle = made(theta).on(space)
    sides = [
        (made(theta + s).on(space), made(theta - s).on(space), h) for s, h in zip(np.diag(steps), steps, strict=True)
    ]

    def features(states: np.ndarray) -> np.ndarray:
        # op by op: parameters are static fields, and compiling for each value would cost more than it saves
        changes = [(jax.vmap(up)(states) - jax.vmap(down)(states)) / (2 * h) for up, down, h in sides]
        return np.concatenate([np.asarray(part) for part in (jax.vmap(middle)(states), *changes)], axis=1)

    moments = evaluated_moments(recording, law.settings, features)
    p, q = middle.size, len(theta)
    factor = moments.r_factor()
    w = np.linalg.lstsq(factor[:, :p], factor[:, -1], rcond=1e-13)[0] * moments.scale[-1] / moments.scale[:p]
    combine = np.zeros((moments.n_terms, p + q))
    combine[:p, :p] = np.eye(p)
    for j in range(q):
        combine[p * (j + 1) : p * (j + 2), p + j] = w
    scaled = combine * (moments.scale[:-1] / moments.scale[-1])[:, None]
    one = np.ones(1)
    problem = Problem(moments, (0,), scaled[None], np.zeros((1, moments.n_terms)), one, np.ones(p + q))
    fit = solve(problem, LeastSquares(), EBIC())
    return fit.weights[p:], np.sqrt(np.diag(fit.covariance)[p:])
