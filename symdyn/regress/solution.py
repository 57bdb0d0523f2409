"""What `identify` returns: the law with its evidence. It prints as equations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.reading import Reading
from symdyn.data.weak import WeakForm
from symdyn.groups import Action
from symdyn.library import AbstractLibrary
from symdyn.model import printing
from symdyn.model.model import Model
from symdyn.regress.collinear import CollinearGroup
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solvers import AbstractSolver


class RESULTS(Enum):
    """How a regression ended."""

    successful = "the law was found"
    collinear = "the data do not tell some terms apart: see `collinear`"
    no_terms = "no term explains the rate: lower the threshold if you gave one, or change the library"


@dataclass(frozen=True)
class Settings:
    """Everything that `identify` was told, so that it can be told again."""

    reading: Reading
    library: AbstractLibrary
    action: Action | None
    solver: AbstractSolver
    differentiation: AbstractDifferentiation | WeakForm | None = None
    order: int = 1
    selection: AbstractSelection = EBIC()


@dataclass(frozen=True)
class Candidate:
    """A set of terms that came into question: `terms`, what it leaves of the rate (a share), and its `score`."""

    terms: tuple[str, ...]
    residual: float
    score: float


@dataclass(frozen=True)
class Choice:
    """The sets of terms that came into question for a target, and the one that was chosen.

    `target`: the component, or all of them where they share their weights; `candidates`: in the order of their size,
    lower scores are better; `chosen`: the index of the winner; `frequencies`: how often each term came up in the half
    samples of `StabilitySelection`, by term.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> law = sd.identify(sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01)), library=sd.Monomials(2))
    >>> law.choices[0].candidates[law.choices[0].chosen].terms
    ('x', 'y')
    """

    target: str
    candidates: tuple[Candidate, ...]
    chosen: int
    frequencies: tuple[tuple[str, float], ...] = ()

    @property
    def runner_ups(self) -> tuple[Candidate, ...]:
        """The other candidates, the best one first."""
        others = [c for k, c in enumerate(self.candidates) if k != self.chosen]
        return tuple(sorted(others, key=lambda c: c.score))

    def __str__(self) -> str:
        lines = [f"{self.target}: terms, residual (share of the rate), score above the lowest"]
        lowest = min(c.score for c in self.candidates)
        for k, c in enumerate(self.candidates):
            mark = "*" if k == self.chosen else " "
            lines.append(f"{mark} {len(c.terms):3d} {c.residual:9.2e} {c.score - lowest:11.4g}  {', '.join(c.terms)}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Stats:
    """Figures of a regression.

    `rows` used; `blocks` they were summed in; `candidates`: coefficients of the library; `free`: those that the
    symmetry leaves; `active`: weights of the law; `residual`: root of the weighted residual sum of squares as a share
    of the target, one for each independent problem (one a target component, or one in all where the targets share
    their weights); `shares`: the share of the target that each active weight carries, in the order of the weights.
    """

    rows: int
    blocks: int
    candidates: int
    free: int
    active: int
    residual: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Solution:
    """A law with its evidence.

    Attributes
    ----------
    model: the vector field, with the weights.
    result: a member of `RESULTS`.
    stats: figures of the regression.
    covariance: of the model's weights, (r, r); the standard errors come from the scatter between blocks of rows, so
        that they respect autocorrelated residuals. They do not know of terms that the library lacks.
    collinear: groups of terms that the data do not tell apart.
    choices: for each independent problem the sets of terms that came into question, with the winner and runner-ups.
    settings: what `identify` was told.
    provenance: attributes of the data set.
    """

    model: Model
    result: RESULTS
    stats: Stats
    covariance: np.ndarray
    collinear: tuple[CollinearGroup, ...]
    settings: Settings
    choices: tuple[Choice, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Coefficients of all candidate terms: (p, d) for scalar terms, (p,) for vector terms."""
        return np.asarray(self.model.subspace.expand(np.asarray(self.model.weights)))

    @cached_property
    def standard_errors(self) -> np.ndarray:
        """Standard errors of `coefficients`, of the same shape; zero where a coefficient is fixed or absent."""
        basis = np.asarray(self.model.subspace.basis).reshape(len(self.covariance), self.coefficients.size)
        variance = np.einsum("ki,kl,li->i", basis, self.covariance, basis)
        return np.sqrt(np.maximum(variance, 0.0)).reshape(self.model.subspace.shape)

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of all candidate terms, (p,)."""
        return self.model.terms.names

    @property
    def active_terms(self) -> tuple[str, ...]:
        """Names of the terms with a coefficient in some equation."""
        used = np.abs(self.coefficients).reshape(len(self.term_names), -1).max(axis=1) > 0
        return tuple(name for name, u in zip(self.term_names, used, strict=True) if u)

    def coefficient(self, term: str, target: str | None = None) -> tuple[float, float]:
        """The coefficient of a term and its standard error; `target` names the component for scalar terms."""
        if term not in self.term_names:
            raise InputError(f"unknown term {term!r}; the library has {', '.join(self.term_names)}")
        row = self.term_names.index(term)
        if self.coefficients.ndim == 1:
            return float(self.coefficients[row]), float(self.standard_errors[row])
        components = self.target_components
        if target not in components:
            raise InputError(f"name the target: one of {', '.join(components)}, got {target!r}")
        column = components.index(target)
        return float(self.coefficients[row, column]), float(self.standard_errors[row, column])

    @property
    def target_components(self) -> tuple[str, ...]:
        """Names of the components of the target variables, (d,)."""
        return self.model.space.select(self.model.targets).component_names

    @property
    def equations(self) -> tuple[str, ...]:
        """The equations as text, one a target component (or one in all where the terms are vectors)."""
        return printing.equations(self.model, self.coefficients, self.standard_errors)

    def latex(self) -> str:
        """The equations as LaTeX lines, separated by `\\\\`."""
        return printing.latex(self.model, self.coefficients)

    def to_sympy(self) -> list:
        """The equations as SymPy `Eq` objects, one a target component: d x / dt on the left."""
        return printing.to_sympy(self.model, self.coefficients)

    def to_xarray(self):
        """Coefficients and standard errors as a Dataset over (term, target), with units and provenance."""
        return printing.to_xarray(self)

    def simulate(self, start, times, **options):
        """Integrate the law: see `symdyn.simulate`."""
        return self.model.simulate(start, times, **options)

    def score(self, data, *, rtol: float = 1e-9, method=None):
        """How well the law does on (held-out) data, over (trajectory, variable).

        Each trajectory is integrated from its first sample over its own times: `r2` of the predicted states,
        `relative_error`, and `rate_r2` of the rates where the data give them. Raises InputError for data that do not
        fit the law, SymdynError where the integration stops early.
        """
        from symdyn.regress._score import score

        return score(self, data, rtol=rtol, method=method)

    def save(self, path) -> None:
        """Write the law to a file (JSON and arrays, no code); `symdyn.load` reads it."""
        from symdyn.regress.files import write_law

        write_law(self, path)

    def __str__(self) -> str:
        lines = list(self.equations)
        units = printing.units(self.model)
        if units:
            lines[-1] += f"     [{units}]"
        lines += [f"! {group}" for group in self.collinear]
        if self.result is RESULTS.no_terms:
            lines.append(f"! {self.result.value}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Solution: {self.stats.active} weights, residual {max(self.stats.residual):.2g} of the rate>\n{self}"


def load(path) -> Solution:
    """Read a law that `Solution.save` wrote.

    Raises InputError for a file that is absent, broken, of another kind, or of a newer version.

    Examples
    --------
    >>> import numpy as np, symdyn as sd, tempfile, pathlib
    >>> law = sd.identify({"time": np.arange(50.0), "x": np.exp(-np.arange(50.0) / 9)}, library=sd.Monomials(1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     law.save(pathlib.Path(folder) / "decay.symdyn")
    ...     sd.load(pathlib.Path(folder) / "decay.symdyn").active_terms
    ('x',)
    """
    from symdyn.regress.files import read_law

    return read_law(path)
