r"""Errors in variables in the weak form: terms without the bias of the noise, and rows weighted by their covariance.

With measured states $x + \varepsilon$ a row of the weak form has the residual, to first order in the noise,

$$r = b - G w \approx L(w) \varepsilon, \qquad
L_{c i}(w) = \Phi' \delta_{c i} - \Phi \, \mathrm{diag}\bigl(\partial (\theta w)_c / \partial x_i\bigr)$$

with the kernels $\Phi'$, $\Phi$ of the mean derivative and the mean. Its covariance $S(w) = L \, \mathrm{diag}
(\sigma^2) L^\top$ is a band, for only windows that overlap share noise. The rows are whitened by its Cholesky factor
and the law is sought again, until its terms stay the same (iteratively reweighted least squares; WENDy: Bortz,
Messenger, Dukic 2023, Bulletin of Mathematical Biology 85, 110).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cholesky_banded, solve_banded
from scipy.sparse import coo_array, csr_array

from symdyn._types import double_precision
from symdyn.data.weak import WeakRun
from symdyn.library import AbstractTerms
from symdyn.regress.problem import Problem
from symdyn.regress.rows.moments import Moments, design_moments

ROUNDS = 5  # at most: the set of terms is stable after two or three
SETTLED = 1e-3  # change of the coefficients, relative to the largest share
FLOOR = 1e-4  # of the mean variance of the rows: errors of quadrature and smoothing are not in the noise model
MANY = 8  # states: with more components only the first correction is taken
BATCH = 4096  # states at once
PAD = 1024  # rows of states are filled up to a multiple of this, or to a power of two
ROWS = 510  # rows whose noise is followed at once


@dataclass(frozen=True, eq=False)
class WeakRows:
    """Rows of the weak form with what made them, trajectory by trajectory.

    `runs`; `designs` (w, p) or (w, p, d) each; `targets` (w, d) each; `columns` (d,): the places of the targets among
    the states; `noisy`: whether generalised least squares apply; `rates`: the known part as a function of a JAX state.
    """

    runs: tuple[WeakRun, ...]
    designs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    columns: np.ndarray
    noisy: bool
    rates: Any = None

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Weight of each row: (w,) or (w, d)."""
        return tuple(run.windows.mean(run.weights) for run in self.runs)

    def residual(self, coefficients: np.ndarray) -> np.ndarray:
        """Root mean square of the plain residual of each target, (d,)."""
        total = sum(
            np.sum((y - predicted(g, coefficients)) ** 2, axis=0)
            for g, y in zip(self.designs, self.targets, strict=True)
        )
        return np.sqrt(total / sum(len(y) for y in self.targets))


def predicted(design: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Rates of rows (w, p) or (w, p, d) by coefficients (p, d) or (p,): (w, d)."""
    return design @ coefficients if design.ndim == 2 else np.einsum("wpd,p->wd", design, coefficients)


def unbiased_features(terms: AbstractTerms | None, known=None):
    r"""Terms at noisy states without what the noise adds on average: a function of states, variances (t, n).

    $$E\,\theta(x + \varepsilon) = e^{D} \theta(x), \qquad D = \tfrac12 \sum_i \sigma_i^2 \partial_i^2,$$

    so $(1 - D + D^2 / 2) \theta$ at the measured states has the mean $\theta(x)$ up to $D^3 / 6$: exactly, for
    polynomials up to degree 5. With more than `MANY` components $1 - D$ alone is used.
    """

    f = known if terms is None else terms.parametric()

    def features(states: np.ndarray, variance: np.ndarray) -> np.ndarray:
        whole = padded(states)
        found = _corrected(f, whole, padded(variance)) if variance.any() else _plain(f, whole)
        return np.asarray(found)[: len(states)]

    return features


def unbiased_monomials(exponents: np.ndarray, states: np.ndarray, variance: np.ndarray) -> np.ndarray:
    r"""`unbiased_features` of monomials, exact in all degrees and without compilation: (t, p) at states (t, n).

    The powers of each component become Hermite polynomials, $\sigma^k \mathrm{He}_k(x / \sigma)$, which have the mean
    $x^k$ at $x + \varepsilon$.
    """
    out = np.ones((len(exponents), len(states)))
    for column, x, square in zip(exponents.T, states.T, variance.T, strict=True):
        powers = [np.ones_like(x), x]
        for k in range(1, int(column.max(initial=0))):
            powers.append(x * powers[k] - k * square * powers[k - 1])
        for row, k in zip(out, column, strict=True):
            if k:
                row *= powers[k]
    return out.T


def padded(values: np.ndarray) -> np.ndarray:
    """Rows filled up with the last one, so that few different numbers of rows are compiled for."""
    size = len(values)
    whole = 1 << max(size - 1, 0).bit_length() if size <= PAD else -(-size // PAD) * PAD
    return values if whole == size or not size else np.concatenate([values, np.repeat(values[-1:], whole - size, 0)])


@eqx.filter_jit
def _plain(f, states):
    return jax.lax.map(f, states, batch_size=BATCH)


@eqx.filter_jit
def _corrected(f, states, variance):
    def heat(g, spread):
        def second(at, i):
            unit = jnp.zeros_like(at).at[i].set(1.0)
            slope = lambda y: jax.jvp(g, (y,), (unit,))[1]  # noqa: E731
            return jax.jvp(slope, (at,), (unit,))[1]

        def half_laplacian(at):
            each = jax.vmap(lambda i: 0.5 * spread[i] * second(at, i))(jnp.arange(at.shape[0]))
            return each.sum(axis=0)

        return half_laplacian

    def one(pair):
        x, spread = pair
        first = heat(f, spread)
        value = f(x) - first(x)
        return value + 0.5 * heat(first, spread)(x) if x.shape[0] <= MANY else value

    return jax.lax.map(one, (states, variance), batch_size=BATCH)


def whitened(problem: Problem, rows: WeakRows, terms: AbstractTerms, slopes: list[np.ndarray], offset) -> Problem:
    """The problem with its rows whitened for the noise that a law has: all targets in one.

    `slopes`: the Jacobian of the law's rates along each run, (t, d, n); `offset`: the fixed part of the coefficients,
    (p, d) or (p,), or None.
    """
    designs, targets, lengths, pulls = [], [], [], []
    columns = np.arange(rows.targets[0].shape[1]) if terms.value_shape else np.array(problem.columns)
    for run, design, target, weight, jacobian in zip(
        rows.runs, rows.designs, rows.targets, rows.weights, slopes, strict=True
    ):
        left = target if offset is None else target - predicted(design, offset)
        table = np.stack([_columns(problem, design, c) for c in columns], axis=1)  # (w, targets, r)
        table = np.concatenate([table, left[:, columns, None]], axis=2)
        share = np.broadcast_to(weight if weight.ndim == 1 else weight[:, columns].T, table.shape[1::-1]).T
        live = np.asarray((share > 0).all(axis=1))
        if not live.any():
            continue
        noise = _noise_map(run, rows.columns, columns, jacobian, live)
        band = _covariance(noise, share[live].reshape(-1))
        white = _whiten(band, table[live].reshape(-1, table.shape[2]))
        pulls.append((run.states, _pull(run, noise, band, columns, live)))
        designs.append(white[:, :-1])
        targets.append(white[:, -1:])
        lengths.append(len(white))
    design, target = np.concatenate(designs), np.concatenate(targets)
    bias = _score_bias(problem, terms, pulls, columns)
    target -= design @ np.linalg.lstsq(design.T @ design, bias, rcond=1e-13)[0][:, None]
    moments = design_moments(design, target, np.ones(len(design)), tuple(lengths))
    return _rewritten(problem, moments)


def _rewritten(problem: Problem, moments: Moments) -> Problem:
    """A problem of one target in place of those of several, with the same weights in the same units."""
    r = problem.size
    own, named = moments.scale[:r] / moments.scale[r], problem.named
    if problem.elements is None:
        maps, physical = np.eye(r), 1 / own
    else:
        maps, physical = np.diag(own), problem.physical
    return replace(
        problem, moments=moments, columns=(0,), maps=maps[None], offsets=np.zeros((1, r)), sigma=np.ones(1),
        physical=physical, noise=None, named_columns=named,
    )  # fmt: skip


def _columns(problem: Problem, design: np.ndarray, c: int) -> np.ndarray:
    """The design of the free weights of a problem for target c: (w, r)."""
    if design.ndim == 3:
        vector = design[:, :, c]
        return vector if problem.elements is None else vector @ np.asarray(problem.elements).T
    return design if problem.elements is None else design @ np.asarray(problem.elements)[:, :, c].T


def _slopes(terms: AbstractTerms, coefficients: np.ndarray, rates, states: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The Jacobian of the rates, (t, d, n), at the states (t, n) of each run."""
    every = np.concatenate(states)
    with double_precision():
        found = np.asarray(_jacobians(terms.parametric(), jnp.asarray(coefficients), rates, jnp.asarray(padded(every))))
    return np.split(found[: len(every)], np.cumsum([len(each) for each in states])[:-1])


@eqx.filter_jit
def _jacobians(terms, table, rates, states):
    def rate(x):
        value = jnp.tensordot(table, terms(x), axes=([0], [0]))
        return value if rates is None else value + rates(x)

    return jax.lax.map(jax.jacfwd(rate), states, batch_size=BATCH)


def _noise_map(run: WeakRun, places: np.ndarray, columns: np.ndarray, jacobian: np.ndarray, live: np.ndarray):
    """L diag(sigma), sparse (rows, t n): how the rows of each window and target hang on noise of unit variance."""
    deviation, moving = np.sqrt(run.density), np.flatnonzero(run.density.any(axis=0))
    value, derivative = (coo_array(csr_array(each)[live]) for each in (run.windows.value, run.windows.derivative))
    (row, at), (late, when) = value.coords, derivative.coords
    values, slopes = np.asarray(value.data, float), np.asarray(derivative.data, float)
    t, k = len(run.states), len(columns)
    entries, rows, places_ = [], [], []
    for j, c in enumerate(columns):
        for b, i in enumerate(moving):
            entries.append(-values * jacobian[at, c, i] * deviation[at, i])
            rows.append(row * k + j)
            places_.append(b * t + at)
            if places[c] == i:
                entries.append(slopes * deviation[when, i])
                rows.append(late * k + j)
                places_.append(b * t + when)
    where = np.concatenate(rows), np.concatenate(places_)
    shape = (int(live.sum()) * k, len(moving) * t)
    return csr_array(coo_array((np.concatenate(entries), where), shape=shape))  # window by window


def _covariance(noise: csr_array, share: np.ndarray) -> np.ndarray:
    """The lower band (b, rows) of the covariance of the rows, each divided by its weight."""
    scale = np.sqrt(share / share.mean())
    covariance = (noise @ noise.T).tocoo()
    below = covariance.row >= covariance.col
    row, lag = covariance.col[below], (covariance.row - covariance.col)[below]
    band = np.zeros((int(lag.max(initial=0)) + 1, noise.shape[0]))  # pyright: ignore[reportOptionalSubscript]
    band[lag, row] = covariance.data[below] / (scale[row + lag] * scale[row])
    band[0] += FLOOR * band[0].mean() + 1e-300
    return band


def _whiten(band: np.ndarray, table: np.ndarray) -> np.ndarray:
    """C^-1 table for the Cholesky factor C of the covariance of the rows."""
    return solve_banded((len(band) - 1, 0), cholesky_banded(band, lower=True), table)


def _score_bias(
    problem: Problem, terms: AbstractTerms, pulls: Sequence[tuple[np.ndarray, np.ndarray]], columns: np.ndarray
) -> np.ndarray:
    r"""What the noise adds on average to the scores $X^\top S^{-1} r$ of the free weights, (r,).

    The same noise sits in the residual, $r = L \varepsilon$, and in the terms, $\delta X_k = \Phi \, \partial_i
    \theta_k \, \varepsilon_i$, so that the scores of the true law have the mean $\sum_{t i} \sigma_i^2 (\Phi^\top
    S^{-1} L)_{t, t i} \, \partial_i \theta_k$ and least squares are drawn towards weaker laws (attenuation: Fuller
    1987, Measurement Error Models).
    """
    states, hang = (np.concatenate(each) for each in zip(*pulls, strict=True))
    empty = np.zeros((len(padded(states)) - len(states), *hang.shape[1:]))
    with double_precision():
        total = _gradient_sums(
            terms.parametric(), jnp.asarray(padded(states)), jnp.asarray(np.concatenate([hang, empty]))
        )
    return _in_weights(problem, np.asarray(total), columns)


def _pull(run: WeakRun, noise: csr_array, band: np.ndarray, columns: np.ndarray, live: np.ndarray) -> np.ndarray:
    r"""$\sigma_i^2 (\Phi^\top S^{-1} L)_{t, t i}$ over the rows of each target, (t, targets, n)."""
    deviation, k = np.sqrt(run.density), len(columns)
    moving = np.flatnonzero(run.density.any(axis=0))
    value, t = csr_array(run.windows.value[live]), len(run.states)
    hang = np.zeros((k, len(moving) * t))  # sum over the rows of target c of value * (S^-1 L) sigma
    margin, w = 4 * len(band), noise.shape[0]  # pyright: ignore[reportOptionalSubscript]
    for start in range(0, w, ROWS):
        low, high = max(start - margin, 0) // k * k, min(-(-(start + ROWS + margin) // k) * k, w)
        rows = np.arange(start, min(start + ROWS, w))
        solver, local = _dense(band, low, high)[rows - low], coo_array(noise[low:high])
        row, column = local.coords
        time = column % t
        for c in range(k):
            own = rows % k == c
            kernel = value[rows[own] // k]
            first, last = int(kernel.indices.min()), int(kernel.indices.max()) + 1
            pull = kernel[:, first:last].T @ solver[own]  # (t', rows)
            near = (time >= first) & (time < last)
            parts = local.data[near] * pull[time[near] - first, row[near]]
            hang[c] += np.bincount(column[near], parts, minlength=len(moving) * t)
    out = np.zeros((t, k, run.states.shape[1]))
    out[:, :, moving] = hang.reshape(k, len(moving), t).transpose(2, 0, 1) * deviation[:, None, moving]
    return out


@eqx.filter_jit
def _gradient_sums(terms, states, hang):
    """sum_t hang[t, c, i] d theta_p / d x_i (or of component c of a vector term): (p, c)."""

    def one(x, own):
        slopes = jax.jacfwd(lambda y: terms(y))(x)  # (p, i) or (p, d, i)
        return jnp.einsum("pi,ci->pc", slopes, own) if slopes.ndim == 2 else jnp.einsum("pci,ci->pc", slopes, own)

    return jax.lax.map(lambda pair: one(*pair), (states, hang), batch_size=BATCH).sum(axis=0)


def _in_weights(problem: Problem, total: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Sums by term and target, (p, c), as those of the free weights of a problem, (r,)."""
    if problem.elements is None:
        return total.sum(axis=1)
    elements = np.asarray(problem.elements)
    return (
        elements @ total.sum(axis=1) if elements.ndim == 2 else np.einsum("kpc,pc->k", elements[:, :, columns], total)
    )


def _dense(band: np.ndarray, low: int, high: int) -> np.ndarray:
    """The inverse of a square part of a banded covariance."""
    size = high - low
    part = np.zeros((size, size))
    for lag in range(min(len(band), size)):
        index = np.arange(size - lag)
        part[index + lag, index] = part[index, index + lag] = band[lag, low : high - lag]
    return np.linalg.inv(part)


def reweighted(
    problems: tuple[Problem, ...],
    rows: WeakRows,
    terms: AbstractTerms,
    offset: np.ndarray | None,
    fit: Callable[[Problem], Any],
    coefficients: Callable[[tuple[Any, ...]], np.ndarray],
) -> tuple[Problem, ...]:
    """The problems whitened for their own law: in turn the law is sought and the rows are whitened for it.

    Starts from the noise of the rates alone (a law of no terms). Ends when the terms stay the same and the
    coefficients have settled, or after `ROUNDS`.
    """
    shape = rows.designs[0].shape[1:2] if terms.value_shape else (terms.size, rows.targets[0].shape[1])
    law, before = np.zeros(shape) if offset is None else offset, None
    current = problems
    for _ in range(ROUNDS):
        slopes = _slopes(terms, law, rows.rates, [run.states for run in rows.runs])
        current = tuple(whitened(problem, rows, terms, slopes, offset) for problem in problems)
        found = tuple(fit(problem) for problem in current)
        law, last, masks = coefficients(found), law, [each.mask for each in found]
        same = before is not None and all((a == b).all() for a, b in zip(masks, before, strict=True))
        if same and np.linalg.norm(law - last) <= SETTLED * np.linalg.norm(law):
            break
        before = masks
    return current
