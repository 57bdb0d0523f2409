"""What is known of conserved quantities: the quantities as functions, text and SymPy, and how far they drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np

from symdyn._types import Frozen, StateSpace, double_precision
from symdyn.library import AbstractTerms
from symdyn.library.evaluate import jacobians_at, values_at
from symdyn.symmetry._text import combination_text

Verdict = Literal["conserved", "undecided", "drifts"]


@dataclass(frozen=True, eq=False)
class Drift:
    """How constant a quantity is along trajectories, all in units of its spread between trajectories.

    Attributes
    ----------
    size: root mean square departure from each trajectory's mean, what the noise explains subtracted.
    floor: the departure that the noise of the data alone makes.
    upper: `size` with two and a half standard errors on top: what the data leave possible. Where the quantity comes
        from data, it takes in the trajectories that it was fitted on, with coefficients found without each.
    spread: standard deviation between trajectories of the trajectories' means, in the quantity's own unit.
    verdict: "conserved" where the departure is that of the noise and `upper` is below the tolerance; "undecided" where
        it is that of the noise but the data could not tell a drift of the tolerance from it; else "drifts".
    times, values: the trajectories that were looked at and the quantity along them, for figures.
    """

    size: float
    floor: float
    upper: float
    spread: float
    verdict: Verdict
    times: tuple[np.ndarray, ...] = ()
    values: tuple[np.ndarray, ...] = ()

    def __str__(self) -> str:
        return f"{self.verdict}: drift {self.size:.1e}, noise {self.floor:.1e}, at most {self.upper:.1e} of its spread"


@dataclass(frozen=True, eq=False)
class ConservedQuantity:
    """One conserved quantity: a combination of the terms of a library that is constant along trajectories.

    Attributes
    ----------
    terms: the library on the state space; `coefficients` (p,) of its terms.
    errors: standard errors of the coefficients (p,), where it comes from data. The scale is fixed, by a coefficient 1.
    defect: |grad C . F| / |terms of it| at points where it comes from a law; nan where from data.
    dependent: whether it is a function, though no polynomial, of those before it (its gradient lies in their span).
    drift: how constant it is along trajectories that it was not fitted on; None where no data were given.
    """

    terms: AbstractTerms
    coefficients: Frozen
    defect: float = float("nan")
    dependent: bool = False
    errors: Frozen | None = None
    drift: Drift | None = None

    @property
    def space(self) -> StateSpace:
        """The state that it is a function of."""
        return self.terms.space

    @property
    def support(self) -> tuple[str, ...]:
        """The names of the terms with a coefficient."""
        return tuple(name for name, c in zip(self.terms.names, self.coefficients.array, strict=True) if c)

    def __call__(self, x: Any):
        """The value at one flat state (n,), in JAX."""
        return jnp.asarray(self.coefficients.array, jnp.result_type(float)) @ self.terms(x)

    def at(self, states: np.ndarray) -> np.ndarray:
        """The values at states (m, n), in float64: shape (m,)."""
        return term_values(self.terms, np.asarray(states, float)) @ self.coefficients.array

    def latex(self) -> str:
        """The quantity in LaTeX."""
        return combination_text(self._rounded(), tuple(self.terms.latex), ("",))

    def to_sympy(self):
        """The quantity as a SymPy expression of symbols named as the components."""
        import sympy

        expressions = self.terms.to_sympy(tuple(sympy.symbols(self.space.component_names)))
        used = [(c, e) for c, e in zip(self.coefficients.array, expressions, strict=True) if c]
        number = lambda c: sympy.Integer(int(c)) if c == round(c) else sympy.Float(c, 17)  # noqa: E731
        return sympy.Add(*(number(float(c)) * e for c, e in used))

    def _rounded(self) -> np.ndarray:
        """Coefficients to the digits that their errors leave."""
        values = self.coefficients.array
        if self.errors is None:
            return values
        errors = np.maximum(self.errors.array, 1e-12)
        digits = np.clip(1 - np.floor(np.log10(errors)).astype(int), 0, 6)
        return np.array([round(float(c), int(d)) for c, d in zip(values, digits, strict=True)])

    def __str__(self) -> str:
        return combination_text(self._rounded(), self.terms.names, ("",))

    def __repr__(self) -> str:
        return f"<ConservedQuantity {self}>"


@dataclass(frozen=True, eq=False)
class ConservedQuantities:
    """The conserved quantities that were found. A sequence; prints one a line.

    Attributes
    ----------
    quantities: simple ones first; polynomials of others are left out.
    rank: how many are functionally independent (the rank of their gradients at a generic point).
    spectrum: the scale-free defects of all combinations of the library, rising (from a law), or their drifts
        relative to their spread (from data).
    exact: whether they come from an exact elimination.
    rejected: what looked conserved where it was fitted but not on the other trajectories, or where these leave it
        undecided, with its drift.
    left_out: terms that are combinations of others on the data and were not used.
    noise: standard deviation of the measurement noise by component, where data were given.
    """

    space: StateSpace
    quantities: tuple[ConservedQuantity, ...]
    rank: int
    spectrum: np.ndarray
    exact: bool = False
    rejected: tuple[ConservedQuantity, ...] = ()
    left_out: tuple[str, ...] = ()
    noise: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.quantities)

    def __iter__(self) -> Iterator[ConservedQuantity]:
        return iter(self.quantities)

    def __getitem__(self, index: int) -> ConservedQuantity:
        return self.quantities[index]

    def to_xarray(self):
        """Coefficients, errors and drifts as a Dataset with the dimensions quantity and term."""
        import xarray as xr

        terms = self.quantities[0].terms.names if self.quantities else ()
        table = np.array([q.coefficients.array for q in self.quantities]).reshape(len(self), len(terms))
        data: dict[str, Any] = {"coefficient": (("quantity", "term"), table), "spectrum": ("candidate", self.spectrum)}
        data["dependent"] = ("quantity", np.array([q.dependent for q in self.quantities], bool))
        data["defect"] = ("quantity", np.array([q.defect for q in self.quantities], float))
        if self.quantities and all(q.errors is not None for q in self.quantities):
            errors = [q.errors.array for q in self.quantities if q.errors is not None]
            data["error"] = (("quantity", "term"), np.array(errors))
        if self.quantities and all(q.drift is not None for q in self.quantities):
            for name in ("size", "floor", "upper", "spread"):
                data[f"drift_{name}"] = ("quantity", np.array([getattr(q.drift, name) for q in self.quantities]))
        coords = {"term": np.array(terms, str), "quantity": np.array([str(q) for q in self.quantities], str)}
        return xr.Dataset(data, coords, {"rank": self.rank, "exact": int(self.exact)})

    def __str__(self) -> str:
        count = len(self.quantities)
        head = f"{count or 'no'} conserved {'quantity' if count == 1 else 'quantities'}"
        if self.rank < count:
            head += f", {self.rank} of them independent"
        if self.exact:
            head += " (exact)"
        lines = [head]
        for q in self.quantities:
            notes = ["depends on those before"] if q.dependent else []
            notes += [f"defect {q.defect:.1e}"] if q.defect > 1e-12 else []
            notes += [str(q.drift)] if q.drift is not None else []
            lines.append(f"  {q}" + (f"   ({'; '.join(notes)})" if notes else ""))
        lines += [f"  not counted: {q}   ({q.drift})" for q in self.rejected]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<ConservedQuantities: {self.rank} independent>\n{self}"


def term_values(terms: AbstractTerms, states: np.ndarray) -> np.ndarray:
    """Values of the terms at states (m, n): shape (m, p)."""
    found = terms.on_host(states.T)
    if found is not None:
        return found.T
    with double_precision():
        return np.asarray(values_at(terms, np.asarray(states)))


def term_gradients(terms: AbstractTerms, states: np.ndarray) -> np.ndarray:
    """Derivatives of the terms at states (m, n): shape (m, p, n)."""
    with double_precision():
        return np.asarray(jacobians_at(terms, np.asarray(states, float)))


def independent(gradients: np.ndarray, tolerance: float) -> np.ndarray:
    """Which of r functions are independent of those before: gradients (m, r, n) at m points, shape (r,) of booleans.

    A function counts as new where its gradient leaves the span of the others' by more than `tolerance` of its length
    at half of the points.
    """
    out = np.zeros(gradients.shape[1], bool)
    for k in range(len(out)):
        share = []
        for g in gradients:
            size = np.linalg.norm(g, axis=1)
            base = g[:k][out[:k]] / np.maximum(size[:k][out[:k], None], 1e-300)
            U, s, _ = np.linalg.svd(base.T, full_matrices=False)
            U = U[:, s > tolerance]
            left = g[k] - U @ (U.T @ g[k])
            share.append(np.linalg.norm(left) / size[k] if size[k] > 0 else 0.0)
        out[k] = len(share) > 0 and float(np.median(share)) > tolerance
    return out
