r"""Relations between a state and its rates: their columns, the rows at hand, and least squares on either.

The columns are the terms theta_k(x) and the products psi_k(x) dx_i/dt, the rates in turn. A relation says that a
combination of columns vanishes. All columns are summed into one matrix of moments; each choice of a left-hand side is
another view of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable, double_precision
from symdyn.data.recording import Samples
from symdyn.library import AbstractTerms
from symdyn.library._algebra import product_text
from symdyn.library.evaluate import values_at
from symdyn.regress.problem import Problem, problems
from symdyn.regress.rows.moments import BLOCKS, Moments, design_moments, sample_moments

MOST_VALUES = 20_000_000  # table entries held at once; of more rows every second, third, ... is searched


class RelationTerms(AbstractTerms):
    """The columns of a relation as terms of the extended state (x, dx/dt)."""

    space: StateSpace = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    latex: tuple[str, ...] = eqx.field(static=True)
    terms: AbstractTerms
    factors: AbstractTerms
    value_shape: tuple[int, ...] = eqx.field(static=True, default=())

    @classmethod
    def of(cls, terms: AbstractTerms, factors: AbstractTerms, rates: tuple[tuple[str, str], ...]) -> RelationTerms:
        """The columns for rates with these texts and LaTeX texts."""
        extended = StateSpace((*terms.space.variables, *(Variable(f"rate {text}") for text, _ in rates)))
        products = [
            (product_text(name, text, " "), product_text(typeset, tex, r"\,"))
            for text, tex in rates
            for name, typeset in zip(factors.names, factors.latex, strict=True)
        ]
        return cls(
            space=extended,
            names=(*terms.names, *(a for a, _ in products)),
            latex=(*terms.latex, *(b for _, b in products)),
            terms=terms,
            factors=factors,
        )

    def __call__(self, x):
        n = self.terms.space.size
        products = x[n:, None] * self.factors(x[:n])[None]
        return jnp.concatenate([self.terms(x[:n]), products.reshape(-1)])

    def on_host(self, columns: np.ndarray) -> np.ndarray | None:
        n = self.terms.space.size
        theta, psi = (each.on_host(columns[:n]) for each in (self.terms, self.factors))
        if theta is None or psi is None:
            return None
        return np.concatenate([theta, *(psi * rate for rate in columns[n:])])

    def to_sympy(self, symbols: tuple) -> list:
        n = self.terms.space.size
        psi = self.factors.to_sympy(symbols[:n])
        return [*self.terms.to_sympy(symbols[:n]), *(rate * each for rate in symbols[n:] for each in psi)]


@dataclass(frozen=True, eq=False)
class Rows:
    """Evaluated rows: `theta` (m, p), `psi` (m, s), `rates` (m, d), `roots` (m,) of the weights, `block` (m,).

    `block` numbers contiguous parts that do not reach across trajectories (or groups of neighbouring ones); `known`
    (m, d) are the rates that stand in the columns: the measured ones, or a fit to them that has less noise.
    """

    theta: np.ndarray
    psi: np.ndarray
    rates: np.ndarray
    roots: np.ndarray
    block: np.ndarray
    known: np.ndarray

    @property
    def size(self) -> int:
        return len(self.rates)

    @cached_property
    def rate_sizes(self) -> np.ndarray:
        """Weighted root sum of squares of each rate, (d,)."""
        sizes = np.linalg.norm(self.rates * self.roots[:, None], axis=0)
        return np.where(sizes > 0, sizes, 1.0)

    def some(self, index: np.ndarray) -> Rows:
        """Some of the rows."""
        return Rows(*(getattr(self, name)[index] for name in ("theta", "psi", "rates", "roots", "block", "known")))

    def split(self, k: int) -> tuple[int, int]:
        """The rate and the factor of the column k, or (-1, k) for a term of the state."""
        p, s = self.theta.shape[1], self.psi.shape[1]
        return (-1, k) if k < p else divmod(k - p, s)

    def column(self, k: int) -> np.ndarray:
        """The column k, (m,)."""
        i, place = self.split(k)
        return self.theta[:, place] if i < 0 else self.psi[:, place] * self.known[:, i]


def row_weights(samples: Samples) -> np.ndarray:
    """One weight for each row, (m,): those of all rates must agree, for a relation joins them in one row."""
    if samples.weights.ndim == 1:
        return samples.weights
    if not np.allclose(samples.weights, samples.weights[:, :1]):
        raise InputError("an implicit law needs weights that are the same for all components of a rate")
    return np.ascontiguousarray(samples.weights[:, 0])


def relation_moments(columns: RelationTerms, samples: Samples) -> Moments:
    """Moments of all columns, without a target: from one pass."""
    extended = np.column_stack([samples.states, samples.targets])
    none = np.zeros((len(extended), 0))
    return sample_moments(columns, extended, none, row_weights(samples), samples.lengths)


def known_moments(rows: Rows) -> Moments:
    """Moments of all columns with the rates that count as known."""
    products = (rows.psi * rates[:, None] for rates in rows.known.T)
    design = np.concatenate([rows.theta, *products], axis=1)
    return design_moments(design, np.zeros((rows.size, 0)), rows.roots**2)


def table_of_rows(columns: RelationTerms, samples: Samples) -> Rows:
    """The rows of positive weight with all their columns evaluated; a part of them where they would be too many."""
    weights = row_weights(samples)
    size = max(1, len(weights) // BLOCKS)
    inside = np.concatenate([np.arange(length) // size for length in samples.lengths])
    block = np.unique(samples.groups * (inside.max() + 1) + inside, return_inverse=True)[1]
    block = block * min(BLOCKS, int(block.max()) + 1) // (int(block.max()) + 1)
    index = np.flatnonzero(weights > 0)
    width = columns.terms.size + columns.factors.size + samples.targets.shape[1]
    index = index[:: max(1, -(-len(index) * width // MOST_VALUES))]
    states = samples.states[index]
    theta, psi = (evaluated(each, states) for each in (columns.terms, columns.factors))
    rates = samples.targets[index]
    return Rows(theta, psi, rates, np.sqrt(weights[index]), block[index], rates)


def evaluated(terms: AbstractTerms, states: np.ndarray) -> np.ndarray:
    """Term values at states (m, n): (m, p), the terms contiguous in the rows."""
    host = terms.on_host(states.T)
    if host is None:
        with double_precision():
            host = np.ascontiguousarray(np.asarray(values_at(terms, states)).T)
    return host.T


def relation_problem(moments: Moments, right: np.ndarray, left: np.ndarray) -> Problem:
    """Least squares of the combination `left` (q,) of the columns on the columns `right` (k,): a view, no new pass."""
    whitener = np.column_stack([moments.whitener[:, right], moments.whitener @ (left * moments.scale)])
    scale = np.append(moments.scale[right], 1.0)
    view = replace(moments, whitener=whitener, scale=scale, n_terms=len(right))
    return problems(view, (len(right), 1), None, [[0]])[0]
