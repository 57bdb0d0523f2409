"""Trajectory matching for nonlinear parameters of a library: their tangents as further terms of the law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import SymdynError
from symdyn._types import Frozen, StateSpace, double_precision
from symdyn.data.door import read
from symdyn.library import AbstractTerms
from symdyn.model.model import Model
from symdyn.regress.solution import RESULTS, Solution
from symdyn.regress.varpro import Projection, by_values
from symdyn.symmetry import Subspace

STEP = 1e-4  # of the differences in a parameter, relative to max(1, |parameter|), where its error is smaller
SETTLED = 0.03  # of its standard error: a change of a parameter that ends the iteration
ROUNDS = 12
PLACES = 200  # states at which the terms are looked at


class TangentTerms(AbstractTerms):
    r"""The p terms at shifted parameters, and the tangents $\sum_k w_k \, \partial B_k / \partial \theta_j$.

    Between the parameters `middle` and those a step h aside, terms are parabolas in each parameter, so that shifts are
    arrays and nothing is compiled anew. `aside`: pairs of terms with a parameter increased and decreased; `steps`,
    `shift` (q,); `weights` (p,): the coefficients of the terms.
    """

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    value_shape: tuple[int, ...] = eqx.field(static=True)
    middle: AbstractTerms
    aside: tuple[tuple[AbstractTerms, AbstractTerms], ...]
    steps: Any
    shift: Any
    weights: Any

    def __call__(self, x):
        at = value = jnp.asarray(self.middle(x))
        tangents = []
        for (up, down), h, s in zip(self.aside, self.steps, self.shift, strict=True):
            high, low = up(x), down(x)
            slope, bend = (high - low) / (2 * h), (high - 2 * at + low) / h**2
            value = value + s * slope + 0.5 * s**2 * bend
            tangents.append(jnp.tensordot(self.weights, slope + s * bend, axes=1))
        return jnp.concatenate([value, jnp.stack(tangents)])

    def to_sympy(self, symbols: tuple) -> list:
        raise SymdynError("tangents are for fitting; print the solution of the projection")


def refined_projection(fit: Projection, data, refine: Callable[..., Solution], named: bool) -> Projection:
    """Parameters and coefficients by Gauss-Newton: `refine` fits coefficients of terms and tangents to the data.

    `named`: whether terms are spoken of by name, and so must keep theirs; else nothing is compiled for each value of
    the parameters.
    """
    names, model = tuple(fit.parameters), fit.solution.model
    made, subspace = by_values(fit.library, names), _with_tangents(model.subspace, len(names))
    theta, errors = (np.array([each[name] for name in names]) for each in (fit.parameters, fit.standard_errors))
    recording = read(data, fit.solution.settings.reading)
    states = recording.trajectories[0].states[:, recording.space.indices(model.terms.space.names)]
    states = states[:: max(1, len(states) // PLACES)]
    weights, new, stencil, settled, centre = np.asarray(model.weights), fit.solution, None, False, theta
    r = len(weights)
    for _ in range(ROUNDS):
        if stencil is None or (np.abs(theta - centre) > stencil.steps).any():
            stencil, centre = _stencil(made, theta, errors, model.terms, named), theta
        stencil = eqx.tree_at(lambda s: (s.shift, s.weights), stencil, (theta - centre, _table(model, weights)))
        trial = replace_weights(model, subspace, np.append(weights, np.zeros(len(names))), stencil)
        new = refine(replace(fit.solution, model=trial, covariance=np.eye(trial.subspace.dimension)), data)
        weights, change = np.split(np.asarray(new.model.weights), [r])
        theta, errors = theta + change, np.sqrt(np.diag(new.covariance)[r:])
        if not np.isfinite(theta).all() or new.result is RESULTS.interrupted:
            break
        if (np.abs(change) <= SETTLED * errors).all():
            settled = bool((_interpolation_error(stencil, states) <= SETTLED * errors).all())
            if settled:
                break
            stencil = None
    return _projected(fit, made(theta), theta, errors, weights, new, settled)


def _projected(fit: Projection, library, theta, errors, weights, new: Solution, settled: bool) -> Projection:
    """The projection at the values found, with the evidence of the last refinement."""
    model, r = fit.solution.model, len(weights)
    solution = replace(
        fit.solution, model=replace_weights(model, model.subspace, weights, library.on(model.terms.space)),
        covariance=new.covariance[:r, :r], stats=new.stats, collinear=(),
        result=RESULTS.not_converged if new.result is RESULTS.successful and not settled else new.result,
        settings=replace(fit.solution.settings, library=library),
    )  # fmt: skip
    values, spread = (dict(zip(fit.parameters, each.tolist(), strict=True)) for each in (theta, errors))
    return Projection(values, spread, solution, fit.library)


def replace_weights(model: Model, subspace: Subspace, weights: np.ndarray, terms: AbstractTerms | None = None) -> Model:
    """The model with other weights on another subspace, and other terms where they are given."""
    return Model(
        weights=weights, terms=model.terms if terms is None else terms, subspace=subspace, space=model.space,
        targets=model.targets, kinematics=model.kinematics, time_unit=model.time_unit, inputs=model.inputs,
        clock=model.clock, known=model.known,
    )  # fmt: skip


def _interpolation_error(stencil: TangentTerms, states: np.ndarray) -> np.ndarray:
    """About how much the parabolas misplace each parameter, (q,): s h^2 / 6 of the third derivative, over the first.

    The ratio of those derivatives is taken as the square of that of the second to the first, as for powers and waves.
    """
    with double_precision():
        middle = np.asarray(jax.vmap(stencil.middle)(states))
        sides = [tuple(np.asarray(jax.vmap(f)(states)) for f in pair) for pair in stencil.aside]
    slopes = np.array([np.linalg.norm(up - down) / (2 * h) for (up, down), h in zip(sides, stencil.steps, strict=True)])
    bends = [np.linalg.norm(up - 2 * middle + down) / h**2 for (up, down), h in zip(sides, stencil.steps, strict=True)]
    return np.abs(stencil.shift) * stencil.steps**2 / 6 * (np.array(bends) / slopes) ** 2


def _stencil(made, theta: np.ndarray, errors: np.ndarray, like: AbstractTerms, named: bool) -> TangentTerms:
    """The terms at theta and aside of it by a standard error of each parameter."""
    steps = np.maximum(STEP * np.maximum(1.0, np.abs(theta)), errors)

    def at(values: np.ndarray) -> AbstractTerms:
        terms = made(values).on(like.space)
        return terms if named else terms.parametric()

    middle, aside = at(theta), tuple((at(theta + h), at(theta - h)) for h in np.diag(steps))
    tangents = tuple(f"tangent {j + 1}" for j in range(len(theta)))
    return TangentTerms(
        space=like.space, names=(*middle.names, *tangents), latex=(*middle.latex, *tangents),
        value_shape=like.value_shape, middle=middle, aside=aside, steps=steps, shift=np.zeros(len(theta)),
        weights=np.zeros(middle.size),
    )  # fmt: skip


def _table(model: Model, weights: np.ndarray) -> np.ndarray:
    """The coefficients of the terms, (p,): terms are vectors, or there is one target component."""
    return np.asarray(model.subspace.expand(weights)).reshape(model.subspace.shape[0])


def _with_tangents(subspace: Subspace, q: int) -> Subspace:
    """The subspace with a free coefficient for each of q tangents more."""
    shape = (subspace.shape[0] + q, *subspace.shape[1:])
    offset, basis = np.zeros(shape), np.zeros((subspace.dimension + q, *shape))
    offset[:-q], basis[: subspace.dimension, :-q] = np.asarray(subspace.offset), np.asarray(subspace.basis)
    for j in range(q):
        basis[subspace.dimension + j, subspace.shape[0] + j] = 1.0
    return Subspace(shape, Frozen(offset), Frozen(basis), subspace.exact, subspace.gap)
