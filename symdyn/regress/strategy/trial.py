"""How well a law follows the data that it was found in: integrated on the host, without compilation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp

from symdyn.data.differentiate import SavitzkyGolay
from symdyn.data.recording import Recording, Trajectory
from symdyn.library import AbstractTerms
from symdyn.library._algebra import FunctionTerms
from symdyn.model.model import Model
from symdyn.regress.solution import Settings
from symdyn.regress.solvers.base import ebic_price

PIECES = 4  # of a trajectory, each integrated from its own start, so that chaos does not decide
EVALUATIONS = 4000  # of a law on one piece; one that needs more is stiff or diverging
WIDTHS = (5, 9, 17, 33, 65, 129)  # samples of the smoothing polynomials, of degree 3
RESOLVED = 1e-4  # misfits below this share of a variable's spread count as equal
FEW_RUNS = 8
INDEPENDENT = 10  # values of the misfit of a piece that count as independent
NOISY = 2.0  # variances of the noise that are added to every misfit: the smoothed starts are off by a part of one


class _SpentError(Exception):
    """The law took too many evaluations, or left the numbers."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch of a trajectory with a smoothed start: `times` (t,), `states` (t, n), `start` (n,)."""

    times: np.ndarray
    states: np.ndarray
    start: np.ndarray


@dataclass(frozen=True, eq=False)
class Trial:
    """The pieces on which laws are tried, the spread of each variable (n,), and its noise as a share of that (n,)."""

    pieces: tuple[Stretch, ...]
    spread: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, recording: Recording, settings: Settings) -> Trial | None:
        """The pieces of a recording, or None where a law cannot be integrated: not closed, of another kind."""
        closed = {*recording.targets, *(a for a, _ in recording.kinematics)} >= set(recording.space.names)
        if settings.order != 1 or settings.discrete or settings.known is not None or recording.inputs or not closed:
            return None
        runs = [run for run in recording.trajectories[:FEW_RUNS] if np.all(run.weights > 0)]
        if not runs:
            return None
        smooth = [smoothed(run) for run in runs]
        pieces = tuple(piece for run, (states, _) in zip(runs, smooth, strict=True) for piece in _pieces(run, states))
        states = np.concatenate([run.states for run in runs])
        spread = states.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        noise = np.sqrt(np.mean([variance for _, variance in smooth], axis=0)) / spread
        return cls(pieces, spread, np.minimum(noise, 0.3))

    def score(self, model: Model, size: int, p: int) -> float:
        """n log of the misfit, summed over variables, with the price of `size` terms of `p`; infinite if it diverges.

        Misfits below the noise count as equal: they belong to the starts. A misfit is a smooth curve, so that n is a
        few values a piece, not its samples.
        """
        rate = host_rate(model)
        squares, count = np.zeros(len(self.spread)), 0
        for piece in self.pieces:
            path = _path(rate, piece)
            if path is None:
                return np.inf
            squares += np.sum(((path - piece.states) / self.spread) ** 2, axis=0)
            count += len(path)
        left = squares / count + RESOLVED**2 + NOISY * self.noise**2
        n = INDEPENDENT * len(self.pieces)
        return float(n * np.log(left).sum()) + ebic_price(size, n, max(p, size))


def host_rate(model: Model) -> Callable[[np.ndarray], np.ndarray]:
    """The law as a NumPy function of one state (n,) -> (n,), without compilation where it has a SymPy form.

    It raises ArithmeticError or ValueError where a term is not defined.
    """
    space = model.space
    targets = [int(k) for k in space.indices(model.targets)]
    moves = [(space.slice(a), space.slice(b)) for a, b in model.kinematics]
    learned = _scalar_rate(model)

    def rate(x: np.ndarray) -> np.ndarray:
        out = np.zeros_like(x)
        out[targets] = learned(x)
        for a, b in moves:
            out[a] = x[b]
        return out

    return rate


def _scalar_rate(model: Model) -> Callable[[np.ndarray], object]:
    import sympy

    space, coefficients = model.space, np.asarray(model.coefficients)
    if symbolic(model.terms) and coefficients.ndim == 2 and model.known is None:
        symbols = sympy.symbols(f"x:{space.size}", real=True)
        terms = model.terms.to_sympy(tuple(symbols[k] for k in space.indices(model.terms.space.names)))
        rates = [sympy.Add(*(float(w) * term for w, term in zip(c, terms, strict=True) if w)) for c in coefficients.T]
        compiled = sympy.lambdify(symbols, rates, "math", cse=True)
        return lambda x: _real(compiled(*x.tolist()))
    import jax

    from symdyn._types import double_precision

    with double_precision():
        jitted = jax.jit(lambda x: model.rate(x))

    def rate(x: np.ndarray) -> np.ndarray:
        with double_precision():
            return np.asarray(jitted(x))

    return rate


def _real(values: list) -> list:
    if any(isinstance(v, complex) for v in values):  # a fractional power of a negative number
        raise ValueError("a term is not defined here")
    return values


def symbolic(terms: AbstractTerms) -> bool:
    """Whether no part is a user's own function, which SymPy knows by its name alone."""
    parts = (*getattr(terms, "parts", ()), getattr(terms, "whole", None))
    inner = [part for part in parts if isinstance(part, AbstractTerms)]
    return not isinstance(terms, FunctionTerms) and all(symbolic(part) for part in inner)


def _path(rate: Callable[[np.ndarray], np.ndarray], piece: Stretch) -> np.ndarray | None:
    """The states of a law at the times of a piece, or None where it diverges."""
    bound, left = 1e3 * (np.abs(piece.states).max(axis=0) + 1e-300), EVALUATIONS

    def limited(t: float, x: np.ndarray) -> np.ndarray:
        nonlocal left
        left -= 1
        out = rate(x)
        if left < 0 or not np.isfinite(out).all() or (np.abs(x) > bound).any():
            raise _SpentError
        return out

    try:
        with np.errstate(all="ignore"):
            ends = piece.times[0], piece.times[-1]
            scale = 1e-7 * np.abs(piece.states).max(axis=0) + 1e-300
            run = solve_ivp(limited, ends, piece.start, "LSODA", piece.times, rtol=1e-5, atol=scale)
    except (_SpentError, ValueError, ArithmeticError):
        return None
    return run.y.T if run.success and run.y.shape[1] == len(piece.times) else None


def _pieces(run: Trajectory, smooth: np.ndarray) -> list[Stretch]:
    t = len(run.times)
    edges = np.linspace(0, t, PIECES + 1).astype(int).tolist() if t >= 20 * PIECES else []
    spans = [(0, t), *pairwise(edges)]
    return [Stretch(run.times[a:b], run.states[a:b], smooth[a]) for a, b in spans]


def smoothed(run: Trajectory) -> tuple[np.ndarray, np.ndarray]:
    """States by sliding cubics, (t, n), each variable with the width of least generalised cross-validation.

    The second part is the variance of the noise, (n,).
    """
    best, lowest = np.array(run.states), np.full(run.states.shape[1], np.inf)
    variance = np.zeros(run.states.shape[1])
    for width in WIDTHS:
        if width > len(run.times) // 2:
            break
        values = SavitzkyGolay(width, 3)(run.times, run.states, 0)
        free = 1 - 2.25 / width  # the share of the noise that a cubic leaves at its centre is about 9 / 4 / width
        error = np.mean((values - run.states) ** 2, axis=0) / free**2
        better = error < lowest
        best[:, better], lowest = values[:, better], np.minimum(error, lowest)
        variance = np.where(better, error * free, variance)
    return best, variance
