"""What `identify` returns: the law with its evidence. It prints as equations."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.reading import Reading
from symdyn.data.weak import AbstractWeakForm
from symdyn.fields import Fields, FieldWeakForm, JetDerivatives
from symdyn.groups import Action
from symdyn.library import AbstractLibrary
from symdyn.model import printing
from symdyn.model.model import Model
from symdyn.regress.collinear import CollinearGroup
from symdyn.regress.constraints.language import AbstractConstraint
from symdyn.regress.domain import Domain
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.selection import EBIC, AbstractSelection
from symdyn.regress.solvers import AbstractSolver

PRINTED_GROUPS = 4  # groups of collinear terms in a law's text


class RESULTS(Enum):
    """How a regression ended."""

    successful = "the law was found"
    collinear = "the data do not tell some terms apart: see `collinear`"
    no_terms = "no term explains the rate: lower the threshold if you gave one, or change the library"
    not_converged = "the descent stopped before the minimum: take the law with caution, or start from another one"
    interrupted = "the work was interrupted: this is the best law so far"
    singular = "the denominator of the best relation vanishes on the data: see `left_sides`"


@dataclass(frozen=True)
class Settings:
    """Everything that `identify` was told, so that it can be told again."""

    reading: Reading
    library: AbstractLibrary
    action: Action | None
    solver: AbstractSolver
    differentiation: (
        AbstractDifferentiation | AbstractWeakForm | JointEstimation | FieldWeakForm | JetDerivatives | None
    ) = None
    order: int = 1
    selection: AbstractSelection = EBIC()
    constraints: tuple[AbstractConstraint, ...] = ()
    discrete: bool = False
    known: Callable[[dict[str, Any]], dict[str, Any]] | None = None


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
class RankedLibrary:
    """One candidate of an automatic library, for one variable (or several that share a rung).

    `target`; `library`: the rung; `terms`: those chosen from it; `residual`: what they leave, as a share of the rate;
    `score`: the criterion by the rates, lower is better; `chosen`: whether it became the law. A law that is chosen
    without the lowest score follows the data better when it is integrated.
    """

    target: str
    library: str
    terms: tuple[str, ...]
    residual: float
    score: float
    chosen: bool

    def __str__(self) -> str:
        mark = "*" if self.chosen else " "
        return f"{mark} {self.target}: {self.residual:9.2e} {self.score:11.4g}  {self.library}: {', '.join(self.terms)}"


@dataclass(frozen=True)
class Stats:
    """Figures of a regression.

    `rows` used; `blocks` they were summed in; `candidates`: coefficients of the library; `free`: those that the
    symmetry leaves; `active`: weights of the law; `residual`: root of the weighted residual sum of squares as a share
    of the target, one for each independent problem (one a target component, or one in all where the targets share
    their weights); `shares`: the share of the target that each active weight carries, in the order of the weights.

    `noise`: root mean square residual of each target column, in its unit where the rows are not weighted (of each
    state component that was seen, where the trajectory was estimated too: `JointEstimation`, `refine`; `residual` is
    then a share of the spread of the states);
    `condition`: condition number of the kept terms' columns, scaled to unit norm, one for each problem; large means
    that the data hardly tell them apart; `inflation`: how many times larger the variance of the weights is than white
    residuals would make it, one for each problem; `freedom`: degrees of freedom of the standard error of each weight,
    as `shares`.
    """

    rows: int
    blocks: int
    candidates: int
    free: int
    active: int
    residual: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...] = ()
    noise: tuple[float, ...] = ()
    condition: tuple[float, ...] = ()
    inflation: tuple[float, ...] = ()
    freedom: tuple[tuple[float, ...], ...] = ()


class AbstractSolution(abc.ABC):
    """A law with its evidence: what follows from the model and the covariance of its weights alone."""

    model: Any
    covariance: np.ndarray

    @property
    @abc.abstractmethod
    def term_names(self) -> tuple[str, ...]:
        """Names of all candidate terms, (p,)."""

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Coefficients of all candidate terms: (p, d) for scalar terms, (p,) for vector terms."""
        return np.asarray(self.model.subspace.expand(np.asarray(self.model.weights)))

    @cached_property
    def standard_errors(self) -> np.ndarray:
        """Standard errors of `coefficients`, of the same shape; zero where a coefficient is fixed or absent."""
        return self.model.subspace.standard_errors(self.covariance)

    @property
    def active_terms(self) -> tuple[str, ...]:
        """Names of the terms with a coefficient in some equation."""
        return tuple(name for name, row in zip(self.term_names, self.coefficients, strict=True) if np.any(row))

    @property
    def target_components(self) -> tuple[str, ...]:
        """Names of the components of the target variables, (d,)."""
        return self.model.space.select(self.model.targets).component_names

    def simulate(self, start, times, **options):
        """Integrate the law: see `symdyn.simulate`."""
        return self.model.simulate(start, times, **options)


@dataclass(frozen=True, eq=False)
class Solution(AbstractSolution):
    """A law with its evidence.

    Attributes
    ----------
    model: the vector field, with the weights.
    result: a member of `RESULTS`.
    stats: figures of the regression.
    covariance: of the model's weights, (r, r); the standard errors come from the scatter between blocks of rows, as
        long as the residuals are autocorrelated. They do not know of terms that the library lacks.
    collinear: groups of terms that the data do not tell apart.
    choices: for each independent problem the sets of terms that came into question, with the winner and runner-ups.
    settings: what `identify` was told.
    provenance: attributes of the data set.
    ranking: the candidates of an automatic library, the best ones of each variable first.
    stages: what `identify` did by itself about noise in the states, and why, in order; empty where there was none.
    domain: some of the states that it was fitted to (at most 400), where symmetries of it are sought and tested; None
        where the data did not hold its state, and in files of older versions.
    """

    model: Model
    result: RESULTS
    stats: Stats
    covariance: np.ndarray
    collinear: tuple[CollinearGroup, ...]
    settings: Settings
    choices: tuple[Choice, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    ranking: tuple[RankedLibrary, ...] = ()
    stages: tuple[str, ...] = ()
    domain: Domain | None = None

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        r"""Confidence intervals of `coefficients`: (lower, upper), each of their shape.

        $$w \pm t_{\nu, (1 + \mathrm{level}) / 2} \, s$$

        with the standard error $s$ and its degrees of freedom $\nu$ (`stats.freedom`; a coefficient that several
        weights make has the fewest of theirs). The terms are taken as known: see `symdyn.ensemble` for the
        uncertainty of the choice. Both ends are the coefficient itself where it is fixed or absent.

        Raises InputError for a level that is not between 0 and 1.

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> times, rng = np.arange(0, 20, 0.01), np.random.default_rng(0)
        >>> data = {"time": times, "x": np.cos(times), "dx": -np.sin(times) + 0.1 * rng.normal(size=2000)}
        >>> data["y"] = np.sin(times)
        >>> law = sd.identify(data, rates={"x": "dx"}, rate_of="x", library=sd.Monomials(1))
        >>> lower, upper = law.interval(0.95)
        >>> row = law.term_names.index("y")
        >>> bool(lower[row, 0] < -1 < upper[row, 0])
        True
        """
        from scipy.special import stdtrit

        check_level(level)
        basis = np.abs(np.asarray(self.model.subspace.basis)).reshape(len(self.covariance), self.coefficients.size)
        freedom = np.array([f for row in self.stats.freedom for f in row] or [np.inf] * len(basis))
        fewest = np.min(np.where(basis > 0, freedom[:, None], np.inf), axis=0, initial=np.inf)
        reach = stdtrit(np.minimum(fewest, 1e9), 0.5 + level / 2).reshape(self.model.subspace.shape)
        half = reach * self.standard_errors
        return self.coefficients - half, self.coefficients + half

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of all candidate terms, (p,)."""
        return self.model.terms.names

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

    def score(self, data, *, rtol: float | None = None, method=None, **options):
        """How well the law does on (held-out) data, over (trajectory, variable).

        Each trajectory is integrated from its first sample over its own times: `r2` of the predicted states,
        `relative_error`, and `rate_r2` of the rates where the data give them. Raises InputError for data that do not
        fit the law, SymdynError where the integration stops early.

        A law of fields is scored on `Fields`, beside persistence: see `symdyn.regress.partial.score.score_fields`.
        """
        from symdyn.regress._score import score
        from symdyn.regress.partial.score import score_fields

        if isinstance(data, Fields):
            return score_fields(self, data, rtol=rtol or 1e-6, method=method, **options)
        return score(self, data, rtol=rtol or 1e-9, method=method)

    def horizon(self, data, *, error: float = 0.1, rtol: float = 1e-9, method=None):
        r"""How long the law forecasts (held-out) trajectories: a Dataset over trajectory.

        Each trajectory is integrated from its first sample. `horizon` is the time, in the data's unit, from the start
        until the normalised error

        $$e(t) = \sqrt{\operatorname{mean}_i \bigl(\hat x_i(t) - x_i(t)\bigr)^2 / \sigma_i^2}$$

        first exceeds `error`, with $\sigma_i$ the standard deviation of the variable over all samples (one for the
        components of a vector). `exceeded` is false where the trajectory ended before; the horizon is then its length.
        An integration that stops early has left its horizon.

        Raises InputError for data that do not fit the law, or an error level that is not positive.

        Reference: Vlachas et al. 2018, Proc. R. Soc. A 474, 20170844 (normalised error).

        Examples
        --------
        >>> import numpy as np, symdyn as sd
        >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
        >>> law = sd.identify(data.isel(time=slice(1000)), library=sd.Monomials(2))
        >>> law.horizon(data.isel(time=slice(1000, None))).horizon.item() > 1
        True
        """
        from symdyn.regress._score import horizon

        return horizon(self, data, error=error, rtol=rtol, method=method)

    def save(self, path) -> None:
        """Write the law to a file (JSON and arrays, no code); `symdyn.load` reads it."""
        from symdyn.regress.files import write_law

        write_law(self, path)

    def __str__(self) -> str:
        lines = list(self.equations)
        units = printing.units(self.model)
        if units:
            lines[-1] += f"     [{units}]"
        lines += [f"! {group}" for group in self.collinear[:PRINTED_GROUPS]]
        if len(self.collinear) > PRINTED_GROUPS:
            lines.append(f"! and {len(self.collinear) - PRINTED_GROUPS} more such groups: see `collinear`")
        if self.result in (RESULTS.no_terms, RESULTS.not_converged, RESULTS.interrupted):
            lines.append(f"! {self.result.value}")
        lines += [f"  {stage}" for stage in self.stages]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Solution: {self.stats.active} weights, residual {max(self.stats.residual):.2g} of the rate>\n{self}"


def check_level(level: float) -> None:
    """Raise InputError unless `level` is a probability strictly between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"the level of an interval is a probability between 0 and 1, got {level!r}")


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
