"""The joint problem of a law in NumPy: a law that is tried once shall not be compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from symdyn.library import AbstractTerms
from symdyn.model.model import Model
from symdyn.regress.joint.accuracy import FINE, substeps_of
from symdyn.regress.joint.bordered import Normal
from symdyn.regress.joint.collocation import assembled, prices_on
from symdyn.regress.joint.descent import AbstractProblem
from symdyn.regress.joint.grid import TimeGrid

Values = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Given:
    """Components of the state that follow a known course while others are sought.

    `free` (m,): the places of those that are sought; `nodes` (T, n) and `middle` (T - 1, n): the whole state at the
    nodes and between them, of which the others are taken.
    """

    free: list[int]
    nodes: np.ndarray
    middle: np.ndarray


class HostCollocation(AbstractProblem):
    """As `Collocation`, for a law whose terms have a SymPy form, without inputs or a known part.

    `model`: the law, whose weights are the unknowns; `grid`: where; `given`: what is not sought: nodes and weights are
    then those of the other components alone, `kept` among all weights. Values that are not defined make the objective
    not a number, which a descent refuses.
    """

    def __init__(
        self,
        model: Model,
        grid: TimeGrid,
        *,
        functions: tuple[Values, Values] | None = None,
        given: Given | None = None,
    ):
        self.model, self._given = model, given
        self._free = list(range(grid.values.shape[1])) if given is None else given.free
        self.grid = replace(grid, values=grid.values[:, self._free], weights=grid.weights[:, self._free])
        self.count, self.runs = self.grid.count, len(grid.starts)
        self._targets = [int(k) for k in model.space.indices(model.targets)]
        self._moves = [(model.space.slice(a), model.space.slice(b)) for a, b in model.kinematics]
        basis = np.asarray(model.subspace.basis)
        own = [k for k, place in enumerate(self._targets) if place in self._free]
        self.kept = np.flatnonzero(basis[:, :, own].any(axis=(1, 2)))
        self.offset, self.basis = np.asarray(model.subspace.offset), basis[self.kept]
        places = [int(k) for k in model.space.indices(model.terms.space.names)]
        self.functions = functions or compiled(model.terms, places, model.space.size)

    def __call__(self, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray, looseness: float) -> Normal:
        """The normal equations; formulas as in `Collocation`."""
        seen, stiff = prices_on(self.grid, noise, looseness)
        with np.errstate(all="ignore"):
            defect, *jacobians = self._steps(nodes, weights)
            found = Normal(*assembled(nodes - self.grid.values, seen, defect, stiff, *jacobians, xp=np))
        defined = all(np.isfinite(part).all() for part in found)
        return found if defined else found._replace(data=np.float64(np.nan))

    def on(self, grid: TimeGrid) -> HostCollocation:
        """The same law on other nodes."""
        return HostCollocation(self.model, grid, functions=self.functions)

    def prices(self, noise: np.ndarray, looseness: float) -> tuple[np.ndarray, np.ndarray]:
        """The weights of squared residuals and defects."""
        return prices_on(self.grid, noise, looseness)

    def residual(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weighted sums of squared residuals of each component, (n,)."""
        return np.sum(self.grid.weights * (nodes - self.grid.values) ** 2, axis=0)

    def motion(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The rates at nodes, (T, n)."""
        out = np.zeros_like(nodes)
        out[:, self._targets] = self.functions[0](nodes) @ self._coefficients(weights)
        for a, b in self._moves:
            out[:, a] = nodes[:, b]
        return out

    def substeps(self, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray) -> int:
        """Steps between samples that make the error of a step small beside the noise."""
        a, h = nodes[:-1], self.grid.steps[:, None]
        with np.errstate(all="ignore"):
            b, small = a, h / FINE
            for _ in range(FINE):  # classical Runge-Kutta
                k1 = self.motion(b, weights)
                k2 = self.motion(b + small / 2 * k1, weights)
                k3 = self.motion(b + small / 2 * k2, weights)
                k4 = self.motion(b + small * k3, weights)
                b = b + small / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            fa, fb = self.motion(a, weights), self.motion(b, weights)
            fm = self.motion(0.5 * (a + b) + h / 8 * (fa - fb), weights)
            errors = np.abs(b - a - h / 6 * (fa + 4 * fm + fb)) / noise
        return substeps_of(errors[self.grid.steps > 0].max(axis=1), 1)

    def _coefficients(self, weights: np.ndarray) -> np.ndarray:
        return self.offset + np.tensordot(weights, self.basis, axes=1)

    def _parts(self, nodes: np.ndarray, coefficients: np.ndarray, others: np.ndarray | None):
        """Rates (T, m), their slopes (T, m, m), and how they depend on the weights, (T, m, K)."""
        if others is not None:
            whole = others.copy()
            whole[:, self._free] = nodes
            nodes = whole
        values, slopes = (function(nodes) for function in self.functions)
        t, n = nodes.shape
        rate, slope, terms = np.zeros((t, n)), np.zeros((t, n, n)), np.zeros((t, n, len(self.basis)))
        rate[:, self._targets] = values @ coefficients
        slope[:, self._targets] = np.swapaxes(np.tensordot(slopes, coefficients, axes=((1,), (0,))), 1, 2)
        terms[:, self._targets] = np.swapaxes(np.tensordot(values, self.basis, axes=((1,), (1,))), 1, 2)
        for a, b in self._moves:
            rate[:, a] = nodes[:, b]
            slope[:, range(a.start, a.stop), range(b.start, b.stop)] = 1.0
        if others is None:
            return rate, slope, terms
        return rate[:, self._free], slope[:, self._free][:, :, self._free], terms[:, self._free]

    def _steps(self, nodes: np.ndarray, weights: np.ndarray):
        coefficients, h = self._coefficients(weights), self.grid.steps[:, None]
        at, between = (None, None) if self._given is None else (self._given.nodes, self._given.middle)
        a, b, one, h3 = nodes[:-1], nodes[1:], np.eye(nodes.shape[1]), h[..., None]
        f, slope, terms = self._parts(nodes, coefficients, at)
        fm, slope_m, terms_m = self._parts(0.5 * (a + b) + h / 8 * (f[:-1] - f[1:]), coefficients, between)
        defect = (h > 0) * (b - a - h / 6 * (f[:-1] + 4 * fm + f[1:]))
        left = -one - h3 / 6 * (slope[:-1] + 4 * slope_m @ (one / 2 + h3 / 8 * slope[:-1]))
        right = one - h3 / 6 * (slope[1:] + 4 * slope_m @ (one / 2 - h3 / 8 * slope[1:]))
        inner = terms_m + slope_m @ (h3 / 8 * (terms[:-1] - terms[1:]))
        return defect, left, right, -h3 / 6 * (terms[:-1] + terms[1:] + 4 * inner)


def compiled(terms: AbstractTerms, places: list[int], size: int) -> tuple[Values, Values]:
    """The terms as functions of states (T, n): their values (T, p) and their slopes (T, p, n)."""
    import sympy

    symbols = sympy.symbols(f"x:{size}", real=True)
    formulas = [sympy.sympify(each) for each in terms.to_sympy(tuple(symbols[k] for k in places))]
    slopes = [sympy.diff(each, symbol) for each in formulas for symbol in symbols]
    both = [sympy.lambdify(symbols, each, "numpy", cse=True) for each in (formulas, slopes)]

    def stacked(function, states: np.ndarray) -> np.ndarray:
        columns = function(*states.T)
        out = np.empty((len(states), len(columns)))
        for k, column in enumerate(columns):
            out[:, k] = column
        return out

    return (
        lambda states: stacked(both[0], states),
        lambda states: stacked(both[1], states).reshape(len(states), -1, size),
    )
