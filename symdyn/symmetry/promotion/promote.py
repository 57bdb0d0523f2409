"""`promote`: the function that fits values and breaks as little symmetry as it must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.groups import AbstractRepresentation, Action, BoundAction, Conditions
from symdyn.library import AbstractLibrary, AbstractTerms
from symdyn.symmetry.discovery.fields import monomials_at
from symdyn.symmetry.enforce import bound_conditions
from symdyn.symmetry.promotion.lie_map import lie_map, term_sizes
from symdyn.symmetry.promotion.measure import AbstractMeasure, UniformBox
from symdyn.symmetry.promotion.settings import AbstractPenalty, NuclearNorm
from symdyn.symmetry.promotion.solve import arranged, by_name, kept, solved
from symdyn.symmetry.promotion.validation import validated
from symdyn.symmetry.subspace import Subspace


@dataclass(frozen=True, eq=False)
class Promoted:
    """A function under a penalty on broken symmetry.

    `coefficients` (p, d), or (p,) for vector terms; `singular_values` (g,): by how much combinations of generators of
    unit size are broken; `kept` (r, g): combinations of the candidate generators that are not broken; `broken`: how
    many are; `labels` (g,) of the candidates; `elements` (label, size): how much each discrete element changes the
    function; `penalty`, `weight`: what was asked for; `objective`, `gap`, `iterations`: of a convex problem, with the
    duality gap that bounds how far the objective is from its minimum (None where there is none).
    """

    coefficients: np.ndarray
    singular_values: np.ndarray
    kept: np.ndarray
    labels: tuple[str, ...]
    elements: tuple[tuple[str, float], ...]
    penalty: AbstractPenalty
    weight: float
    objective: float | None
    gap: float | None
    iterations: int

    @property
    def broken(self) -> int:
        """How many dimensions of the candidates the function breaks."""
        return len(self.labels) - len(self.kept)

    def __str__(self) -> str:
        text = f"keeps {len(self.kept)} of {len(self.labels)} symmetries"
        if len(self.singular_values) and self.broken:
            sizes = self.singular_values[: self.broken]
            text += f"; the others are broken by {sizes.min():.2g} to {sizes.max():.2g}"
        changed = [f"{label} by {size:.2g}" for label, size in self.elements if size > 0]
        if changed:
            text += f"; discrete: changed under {', '.join(changed)}"
        if self.gap is not None:
            text += f" ({self.iterations} iterations, duality gap {self.gap:.1e})"
        return text


def promote(
    library: AbstractLibrary | AbstractTerms,
    action: Action | BoundAction,
    states: Any,
    outputs: Any,
    *,
    targets: Sequence[str] | str | None = None,
    values: AbstractRepresentation | tuple[AbstractRepresentation, ...] | None = None,
    order: int = 1,
    space: StateSpace | None = None,
    weight: float | Literal["auto"] = 0.0,
    within: Subspace | None = None,
    penalty: AbstractPenalty | None = None,
    measure: AbstractMeasure | None = None,
    norm: str = "frobenius",
) -> Promoted:
    r"""The combination of a library's terms that fits values and breaks as few candidate symmetries as it must.

    For F = sum_i Xi_i theta_i the map from generators to Lie derivatives, xi -> L_xi F, has as its rank the number of
    symmetries that F breaks. Its nuclear norm, the sum of singular values, is the convex function nearest to the rank:

    $$\min_\Xi \tfrac12 \sum_k |y_k - F(x_k)|^2 + \mathrm{weight} \, \| \xi \mapsto L_\xi F \|_*$$

    in L2 of a measure, for generators of unit size; with the weight 0 among all F that reproduce the values.

    Parameters
    ----------
    library, action, targets, values, order, space: as `enforce` takes them; the action's generators are candidates.
    states: where the function is known, (m, n); outputs: its values there, (m, d) or (m,).
    weight: of the penalty; the values count with the weight 1 each. 0: they are reproduced exactly. "auto": chosen by
        cross-validation, the largest of 16 weights whose error on held-out values is within a standard error of the
        smallest.
    within: the coefficients to choose from, what `enforce` gives for a symmetry that is known.
    penalty: `NuclearNorm()` by default, `LogDet()` (sharper, not convex) or `GroupNorm()` (named generators).
    measure: where symmetry is asked for: `UniformBox(low, high)`, by default the one that the states span, or
        `Empirical(states)`.
    norm: what makes a generator one of unit size: "frobenius", its coefficients, or "measure", its values.

    Returns `Promoted`. Raises InputError for what `enforce` refuses, arrays that do not fit, and values that no
    combination reproduces when the weight is 0.

    References: Otto, Zolman, Kutz, Brunton 2025, JMLR 26(248), section 4; Fazel, Hindi, Boyd 2003 (log-det).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> x = np.random.default_rng(0).uniform(-1, 1, (12, 3))
    >>> y = 1 + (x[:, 0] + x[:, 1]) ** 2  # 12 values for 20 coefficients; changes along one direction only
    >>> found = sd.promote(sd.Monomials(3), sd.T(3).acting_on(x=sd.Point), x, y,
    ...     values=sd.Scalar, space=sd.StateSpace.of(x=3), penalty=sd.LogDet())
    >>> found.broken
    1
    """
    if not (weight == "auto" or (not isinstance(weight, str) and weight >= 0)):
        raise InputError(f"weight must be zero or positive, or 'auto', got {weight!r}")
    penalty = NuclearNorm() if penalty is None else penalty
    if not isinstance(penalty, AbstractPenalty):
        raise InputError(f"penalty must be NuclearNorm(), LogDet() or GroupNorm(), got {penalty!r}")
    terms, conditions = bound_conditions(library, action, targets, values, space, order)
    x, y = _checked(states, outputs, terms, conditions)
    measure = _spanned(x) if measure is None else measure
    map_, sizes = _map(terms, conditions, measure, norm, by_name(penalty))
    design, goal = _design(terms, x, conditions.size) / sizes, y.ravel()
    offset, basis = _free(within, sizes)
    if within is not None:
        map_, design, goal = map_.reduced(offset, basis), design @ basis.T, goal - design @ offset
    broken, blocks = arranged(map_, penalty)
    if weight == "auto":
        weight = validated(broken, blocks, design, goal, conditions.size, penalty)
    found = solved(broken, blocks, design, goal, float(weight), penalty)
    coefficients = found.coefficients if within is None else offset + found.coefficients @ basis
    s, combinations = kept(found, broken)
    g = broken.columns - broken.elements
    shape = (terms.size,) if terms.value_shape else (terms.size, conditions.size)
    changed = np.linalg.norm(found.matrix[:, g:], axis=0)
    return Promoted(
        (coefficients / sizes).reshape(shape), s, combinations, broken.labels[:g],
        tuple(zip(broken.labels[g:], map(float, changed), strict=True)), penalty, float(weight),
        found.objective, found.gap, found.iterations,
    )  # fmt: skip


def _map(terms: AbstractTerms, conditions: Conditions, measure: AbstractMeasure, norm: str, named: bool):
    """The map of coefficients in units of their terms' size, and these units (N,)."""
    sizes = term_sizes(terms, measure)
    sizes = sizes if terms.value_shape else np.repeat(sizes, conditions.size)
    return lie_map(terms, conditions, measure, norm=norm, named=named).scaled(1 / sizes), sizes


def _free(within: Subspace | None, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offset (N,) and orthonormal basis (r, N) of the admitted coefficients in units of their terms' size."""
    if within is None:
        return np.zeros(len(sizes)), np.zeros((0, len(sizes)))
    if within.offset.array.size != len(sizes):
        raise InputError(
            f"within= has coefficients of shape {within.shape}, the library and the outputs need {len(sizes)} of them"
        )
    basis = np.asarray(within.basis, float).reshape(-1, len(sizes)) * sizes
    return np.asarray(within.offset, float).ravel() * sizes, np.linalg.qr(basis.T)[0].T


def _spanned(x: np.ndarray) -> UniformBox:
    low, high = x.min(axis=0), x.max(axis=0)
    thin = high - low <= 0
    return UniformBox(tuple(np.where(thin, low - 0.5, low).tolist()), tuple(np.where(thin, high + 0.5, high).tolist()))


def _checked(states, outputs, terms: AbstractTerms, conditions: Conditions) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(states, float), np.asarray(outputs, float)
    y = y[:, None] if y.ndim == 1 else y
    n, d = terms.space.size, conditions.size
    if x.ndim != 2 or x.shape[1] != n or y.shape != (len(x), d) or not len(x):
        raise InputError(
            f"states of shape (m, {n}) and outputs of shape (m, {d}) are needed, got {x.shape} and {np.shape(outputs)}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        bad = int(np.flatnonzero(~(np.isfinite(x).all(1) & np.isfinite(y).all(1)))[0])
        raise InputError(f"states and outputs must be finite; sample {bad} is {x[bad].tolist()} -> {y[bad].tolist()}")
    return x, y


def _design(terms: AbstractTerms, x: np.ndarray, d: int) -> np.ndarray:
    """Rows (m d, N) of the terms at states, in the order of the coefficients."""
    exponents = terms.monomials()
    if exponents is not None:
        return np.kron(monomials_at(exponents, x), np.eye(d))
    with double_precision():
        theta = np.asarray(jax.jit(jax.vmap(terms))(jnp.asarray(x)))
    return theta.swapaxes(1, 2).reshape(-1, terms.size) if terms.value_shape else np.kron(theta, np.eye(d))
