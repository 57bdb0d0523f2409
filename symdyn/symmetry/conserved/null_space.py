r"""Conserved quantities of a law: the null space of $C \mapsto \nabla C \cdot F$ over a library of C.

For polynomials with rational coefficients the conditions are integers and are solved as such. Otherwise they are taken
at points; the scale-free defect of a combination is $|\nabla C \cdot F|$ over the size of its terms $\partial_i C F_i$,
root mean squares over the points. What is left of the null space after constants, and after polynomials of simpler
members, is what is conserved.

Reference: Kaiser, Kutz, Brunton 2018, Discovering conservation laws from data for control, arXiv:1811.00961.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb, prod
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Polynomial
from symdyn.library import AbstractLibrary, AbstractTerms, Subset
from symdyn.symmetry._exact import derivation_images, null_space, rational, rational_rows
from symdyn.symmetry._states import random_states
from symdyn.symmetry.conserved.result import (
    ConservedQuantities,
    ConservedQuantity,
    independent,
    term_gradients,
    term_values,
)
from symdyn.symmetry.discovery.readable import sparse_basis, whole
from symdyn.symmetry.discovery.solve import defects, readable, scale_free, snapped
from symdyn.symmetry.discovery.subjects import Law, Sample, scale_of

_PRODUCTS = 150  # of quantities found, to tell new ones from polynomials of them
_SAME = 1e-7  # share of a quantity that polynomials of the others must leave, for it to count as new
_RANK = 1e-6


def scalar_terms(library: Any, space: StateSpace) -> AbstractTerms:
    """The terms of a library but the constant one. Raises InputError for vector terms or none."""
    if not isinstance(library, AbstractLibrary):
        raise InputError(f"library is a library of terms such as sd.Monomials(2), got {type(library).__name__}")
    terms = library.on(space)
    if terms.value_shape:
        raise InputError("conserved quantities are numbers; the library's terms are vectors")
    names = tuple(name for name in terms.names if name != "1")
    if not names:
        raise InputError("the library has no term but the constant")
    return terms if len(names) == terms.size else Subset(library, names).on(space)


def conserved_by(
    law: Law, terms: AbstractTerms, *, points: np.ndarray | None, tolerance: float, seed: int, step: bool = False
) -> ConservedQuantities:
    """The conserved quantities of a law x -> F(x) among combinations of terms.

    Parameters
    ----------
    law: the rates, or with `step` the next state.
    points: states (m, n) at which conditions are taken; random ones by default.
    tolerance: largest scale-free defect, where nothing is solved in whole numbers.
    """
    p = terms.size
    count = max(2 * p, 2 * _PRODUCTS) + 40
    points = _points(law, terms, count, seed) if points is None else points
    if len(points) * terms.space.size < 2 * p:
        raise InputError(f"{p} terms need at least {2 * p} points to be told apart, got {len(points)}")
    psi = _finite(term_values(terms, points), terms, points)
    sample = _map_sample(law, terms, points, psi) if step else _sample(law, terms, points)
    spectrum, directions = scale_free(sample)
    basis = None if step else _exact(law.polynomial, terms)
    exact = basis is not None
    if basis is None:
        basis = _sampled(sample, spectrum, directions, tolerance)
    around, psi = _around(terms, points, psi, count, seed)
    kept = chosen(basis, psi)
    gradients = np.einsum("rp,mpn->mrn", kept, term_gradients(terms, around[:12])) if len(kept) else None
    new = independent(gradients * scale_of(points), _RANK) if gradients is not None else np.zeros(0, bool)
    if new.sum() >= terms.space.size and np.any(law.at(points) - (points if step else 0.0)):
        raise InputError(
            f"{new.sum()} independent quantities are constant along a flow of {terms.space.size} components, one too "
            "many: the points do not tell the terms apart; give points on more trajectories, or fewer terms"
        )
    measured = defects(sample, kept[:, ::-1]) if len(kept) else np.zeros(0)
    found = tuple(
        ConservedQuantity(terms, Frozen(row), float(d), not bool(fresh))
        for row, d, fresh in zip(kept, measured, new, strict=True)
    )
    return ConservedQuantities(terms.space, found, int(new.sum()), spectrum, exact)


def _points(law: Law, terms: AbstractTerms, count: int, seed: int) -> np.ndarray:
    """Random states at which terms and law are finite: of any sign, or else positive."""
    for positive in (False, True):
        states = random_states(np.random.default_rng(seed), count, terms.space.size, positive=positive)
        if np.isfinite(term_values(terms, states)).all() and np.isfinite(law.at(states)).all():
            return states
    raise InputError("the law or a term is not finite at states of size 0.5 to 1.5; give points (m, n) of your own")


def _around(
    terms: AbstractTerms, points: np.ndarray, psi: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """States near the points, with the terms there, at which to tell functions apart.

    Given points may lie on a few trajectories: there conserved quantities take few values, and polynomials of some
    would go through those of any other.
    """
    rng = np.random.default_rng(seed + 1)
    states = points[rng.integers(0, len(points), count)] * rng.uniform(0.8, 1.25, (count, points.shape[1]))
    with np.errstate(all="ignore"):
        values = term_values(terms, states)
    good = np.isfinite(values).all(1)
    return (states[good], values[good]) if 2 * good.sum() > count else (points, psi)


def _finite(values: np.ndarray, terms: AbstractTerms, points: np.ndarray) -> np.ndarray:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        i, j = bad[0]
        raise InputError(f"the term {terms.names[j]!r} is not finite at the state {points[i].tolist()}")
    return values


def _sample(law: Law, terms: AbstractTerms, points: np.ndarray) -> Sample:
    """The conditions with the terms in reverse, so that echelon forms start from the most complex ones."""
    G = term_gradients(terms, points)[:, ::-1]
    V = law.at(points)
    if not (np.isfinite(V).all() and np.isfinite(G).all()):
        raise InputError("the law or the derivative of a term is not finite at the points; give others")
    parts = (G * V[:, None]).swapaxes(1, 2)
    fields = (G * scale_of(points)).swapaxes(1, 2)
    return Sample(parts.sum(1), parts.reshape(-1, G.shape[1]), fields.reshape(-1, G.shape[1]))


def _map_sample(law: Law, terms: AbstractTerms, points: np.ndarray, psi: np.ndarray) -> Sample:
    after = _finite(term_values(terms, law.at(points)), terms, points)[:, ::-1]
    both = np.concatenate([after, psi[:, ::-1]])
    centred = both - both.mean(0)  # a constant has no terms
    return Sample(after - psi[:, ::-1], centred, centred)


def _exact(law: Polynomial | None, terms: AbstractTerms) -> np.ndarray | None:
    """The null space (r, p) by elimination in whole numbers; None where law or terms are not polynomials with such."""
    exponents = terms.monomials()
    whole_numbers = rational(law.coefficients.array) if law is not None else None
    if exponents is None or law is None or whole_numbers is None:
        return None
    field = list(zip(law.exponents.array.tolist(), whole_numbers[0], strict=True))
    backward = exponents[::-1]
    _, basis = null_space(rational_rows(derivation_images(backward, field), backward, [], [], 1), len(exponents))
    return basis[:, ::-1]


def _sampled(sample: Sample, spectrum: np.ndarray, directions: np.ndarray, tolerance: float) -> np.ndarray:
    kept = directions[spectrum < tolerance]
    if tolerance > 1e-6 and len(kept):
        return snapped(kept, sample, tolerance)[:, ::-1]
    return readable(kept)[:, ::-1]


def chosen(basis: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """Rows (r', p) of a null space, simple ones first, without constants and polynomials of others.

    `basis` (r, p) in echelon form from its last columns; `psi` (m, p) the terms at points.
    """
    last = [int(np.flatnonzero(row)[-1]) for row in basis]
    rows = basis[np.argsort(last, kind="stable")]
    order = np.arange(basis.shape[1])
    kept: list[np.ndarray] = []
    for k in range(len(rows)):
        row = whole(sparse_basis(rows[k : k + 1], rows[:k])[0], order)
        rows[k] = row
        values = psi @ row
        left = values - values.mean()
        size = np.linalg.norm(psi * row)
        if np.linalg.norm(left) < 1e-9 * size:
            continue  # a constant, such as sin^2 + cos^2
        known = products(psi @ np.array(kept).T, _PRODUCTS) if kept else np.ones((len(psi), 1))
        left = values - known @ np.linalg.lstsq(known, values, rcond=1e-13)[0]
        if np.linalg.norm(left) > _SAME * np.linalg.norm(values - values.mean()):
            kept.append(row)
    return np.array(kept).reshape(-1, basis.shape[1])


def products(values: np.ndarray, most: int) -> np.ndarray:
    """The constant and products of columns of values (m, r), up to degree 6 and as many as `most`: shape (m, k)."""
    scaled = (values - values.mean(0)) / np.maximum(values.std(0), 1e-300)
    r = values.shape[1]
    degree = max([d for d in range(1, 7) if comb(r + d, d) <= most], default=1)
    columns = [np.ones(len(values))]
    for d in range(1, degree + 1):
        columns += [prod(scaled[:, i] for i in each) for each in combinations_with_replacement(range(r), d)]
    return np.stack(columns, axis=1)


def generator_quantity(
    field: Law, terms: AbstractTerms, pairs: tuple[np.ndarray, np.ndarray], *, seed: int
) -> tuple[np.ndarray, float]:
    r"""Coefficients of C with $\Omega \nabla C = \xi$, for a generator xi of a Hamiltonian system, and what is left.

    `pairs`: places of the positions and of their momenta. The residual is relative to xi. The function is determined
    up to a constant.
    """
    points = _points(field, terms, 2 * terms.size + 40, seed)
    G, xi = term_gradients(terms, points), field.at(points)
    q, p = pairs
    flow = np.zeros_like(G)
    flow[..., q], flow[..., p] = G[..., p], -G[..., q]
    A = flow.swapaxes(1, 2).reshape(-1, terms.size)
    size = np.maximum(np.linalg.norm(A, axis=0), 1e-300)
    w = np.linalg.lstsq(A / size, xi.ravel(), rcond=1e-12)[0] / size
    left = np.linalg.norm(A @ w - xi.ravel()) / max(np.linalg.norm(xi), 1e-300)
    w = np.where(np.abs(w) * size > 1e-9 * np.abs(w * size).max(initial=0.0), w, 0.0)
    near = np.round(w * 12) / 12
    return np.where(np.abs(w - near) < 1e-9 * np.maximum(1.0, np.abs(w)), near, w), float(left)
