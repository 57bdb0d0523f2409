"""`ensemble`: how sure a law is of its terms and coefficients, from fits on resampled blocks of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._progress import tell
from symdyn.model.model import Model, entry_basis
from symdyn.regress._identify import settings_of
from symdyn.regress.constraints.trapping import Trapping
from symdyn.regress.covariance import FEWEST, scatter, unit_labels
from symdyn.regress.fit import Fit, fit_on
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import Fitted, fitted, named_solver
from symdyn.regress.problem import spanned
from symdyn.regress.resampling.bagging import full_weights, given_weights, quick_weights
from symdyn.regress.selection import BIC, EBIC, AICc, Path
from symdyn.regress.solution import Solution, check_level
from symdyn.regress.solvers import BestSubset, LeastSquares

REPORTED = 0.05  # terms that fewer of the models hold are not printed


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A law with the models of many resamples of the data. It prints as equations with inclusion probabilities.

    Attributes
    ----------
    solution: the ordinary law, from all data.
    model: the models as one: a `Model` whose `weights` (models, r) have a leading axis, on the r weights that are not
        zero in some model; for `equinox.filter_vmap`.
    units: how many units of neighbouring rows were resampled.
    full: whether the solver searched on each resample; otherwise the quick search was used.
    """

    solution: Solution
    model: Model
    units: int
    full: bool
    _made: Fitted
    _entries: tuple[np.ndarray, ...]  # for each problem the indices of its weights that some model has

    @property
    def models(self) -> int:
        """The number of models."""
        return len(self.weights)

    @property
    def weights(self) -> np.ndarray:
        """The free weights of each model: (models, r)."""
        return np.asarray(self.model.weights)

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Coefficients of all candidate terms in each model: (models, p, d), or (models, p) for vector terms."""
        return self.model.subspace.expand(self.weights)

    @cached_property
    def inclusion(self) -> np.ndarray:
        """The share of the models in which a coefficient is free and kept: (p, d), or (p,) for vector terms.

        0 for terms that the search did not look at.
        """
        basis = np.asarray(self.model.subspace.basis).reshape(self.weights.shape[1], -1) != 0
        kept = (self.weights != 0).astype(float) @ basis > 0
        return kept.mean(axis=0).reshape(self.model.subspace.shape)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Covariance of the weights over the models, (r, r), times u / (u - 1) for u units.

        It holds the uncertainty of the choice of terms, since a weight is zero where its term was not chosen.
        """
        centred = self.weights - self.weights.mean(axis=0)
        return centred.T @ centred / (self.models - 1) * self.units / (self.units - 1)

    @cached_property
    def standard_errors(self) -> np.ndarray:
        """Standard deviations of `coefficients` over the models, with the factor of `covariance`: (p, d) or (p,)."""
        basis = np.asarray(self.model.subspace.basis).reshape(self.weights.shape[1], -1)
        variance = np.einsum("ki,kl,li->i", basis, self.covariance, basis)
        return np.sqrt(np.maximum(variance, 0.0)).reshape(self.model.subspace.shape)

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        r"""Percentile intervals of the coefficients: (lower, upper), each (p, d) or (p,).

        The plain percentiles of a bootstrap are too narrow where units are few. They are taken at the level
        $\Phi(-\sqrt{(\nu + 1)/\nu}\; t_{\nu, (1 + \mathrm{level}) / 2})$ and its mirror, with $\nu$ the degrees of
        freedom of the coefficient's standard error (Hesterberg 2015, The American Statistician 69, 371). A model
        without a term counts as zero.

        Raises InputError for a level that is not between 0 and 1.
        """
        from scipy.special import ndtr, stdtrit

        check_level(level)
        flat = self.coefficients.reshape(self.models, -1)
        lower = flat[0].copy()
        upper = lower.copy()
        freedom = self._freedom().ravel()
        for k in np.flatnonzero((flat != flat[0]).any(axis=0)):
            tail = ndtr(-np.sqrt((freedom[k] + 1) / freedom[k]) * stdtrit(freedom[k], 0.5 + level / 2))
            lower[k], upper[k] = np.quantile(flat[:, k], [tail, 1 - tail])
        shape = self.model.subspace.shape
        return lower.reshape(shape), upper.reshape(shape)

    def _freedom(self) -> np.ndarray:
        """Degrees of freedom of each coefficient: those of the law, else one less than there are units."""
        subspace, known = self.solution.model.subspace, [f for row in self.solution.stats.freedom for f in row]
        out = np.full(subspace.shape, float(self.units - 1))
        for basis, freedom in zip(np.asarray(subspace.basis), known, strict=True):
            out = np.where(basis != 0, np.minimum(freedom, self.units - 1), out)
        return out

    @cached_property
    def median(self) -> Solution:
        """The law of the median weights ("bragging"): a term stays that at least half of the models have.

        Its covariance is that of the models, and its stats are those of its own residual.
        """
        middle, fits = np.median(self.weights, axis=0), []
        for fit, entries, own in self._by_problem(middle):
            weights = np.zeros(fit.problem.size)
            weights[entries] = own
            fits.append(_given(fit, weights))
        made = solution_of(replace(self._made, fits=tuple(fits)))
        kept = np.flatnonzero(middle)
        return replace(made, covariance=self.covariance[np.ix_(kept, kept)])

    def law(self, inclusion: float = 0.6) -> Solution:
        """The law with the terms whose inclusion probability is above `inclusion`, fitted to all data.

        Under a symmetry it is the probability of a free weight. Raises InputError unless 0 <= inclusion < 1.
        """
        if not 0 <= inclusion < 1:
            raise InputError(f"inclusion is a probability, at least 0 and below 1; got {inclusion!r}")
        often, fits = (self.weights != 0).mean(axis=0), []
        for fit, entries, own in self._by_problem(often):
            mask = np.zeros(fit.problem.size, bool)
            mask[entries[own > inclusion]] = True
            made = fit_on(fit.problem, _decided(mask), self._made.settings.solver.ridge)
            fits.append(replace(made, path=_decided(mask, made.residual)))
        return solution_of(replace(self._made, fits=tuple(fits)))

    def _by_problem(self, values: np.ndarray):
        """Each problem's fit and entries with its part of the values (r,) of all weights."""
        ends = np.cumsum([len(entries) for entries in self._entries])
        return zip(self._made.fits, self._entries, np.split(values, ends[:-1]), strict=True)

    def simulate(
        self, start, times, *, models: int = 50, inputs=None, interpolation: str = "cubic", rtol: float = 1e-6,
        method=None, max_steps: int = 100_000,
    ):  # fmt: skip
        """Integrate the first `models` models: a Dataset with the dimension "model". See `symdyn.simulate`.

        All are integrated at once, from the same start (or starts, along another dimension). Where a model leaves the
        range of the data a hundredfold, or stops early, its states are NaN from there on; `attrs["diverged"]` counts
        these models. Raises InputError for a start, times or a number of models that do not fit.

        Parameters
        ----------
        start, times, inputs, interpolation, rtol, max_steps: as for `symdyn.simulate`.
        models: how many.
        method: a diffrax solver; `diffrax.Tsit5()` by default.
        """
        from symdyn.regress.resampling.bands import simulate

        return simulate(
            self, start, times, models=models, inputs=inputs, interpolation=interpolation, rtol=rtol, method=method,
            max_steps=max_steps,
        )  # fmt: skip

    def band(self, start, times, *, level: float = 0.9, models: int = 50, **options):
        """A prediction band: quantiles of the simulated models, a Dataset with the dimension "band".

        Its labels "lower", "median", "upper" are the quantiles (1 - level) / 2, 1/2 and (1 + level) / 2 over the models
        that have not diverged by that time. The band holds the uncertainty of the law, not that of the start nor the
        noise of the data. Raises InputError for a level that is not between 0 and 1, and as `simulate`; `options` are
        those of it.
        """
        from symdyn.regress.resampling.bands import quantiles

        check_level(level)
        return quantiles(self.simulate(start, times, models=models, **options), level)

    @cached_property
    def extent(self) -> np.ndarray:
        """The largest absolute value of each component of the state in the data: (n,); infinite for inputs."""
        recording, space = self._made.found.recording, self.model.space
        out = np.full(space.size, np.inf)
        for run in recording.trajectories:
            size = np.abs(run.states).max(axis=0)
            out[: len(size)] = np.maximum(np.where(np.isinf(out[: len(size)]), 0.0, out[: len(size)]), size)
        out[space.indices(self.model.inputs)] = np.inf
        return out

    def to_xarray(self, level: float = 0.95):
        """The law's coefficients with inclusion, median, standard error and interval over (term, target), and all
        models over (model, term, target), as a Dataset.
        """
        out = self.solution.to_xarray()
        dims, (lower, upper) = out["coefficient"].dims, self.interval(level)
        more = {
            "inclusion": (self.inclusion, "share of the models that have the term"),
            "median": (np.median(self.coefficients, axis=0), "median over the models"),
            "model_standard_error": (self.standard_errors, "standard deviation over the models"),
            "lower": (lower, f"lower end of the {level:g} percentile interval"),
            "upper": (upper, f"upper end of the {level:g} percentile interval"),
        }
        out = out.assign({name: (dims, value, {"long_name": text}) for name, (value, text) in more.items()})
        out["models"] = (("model", *dims), self.coefficients, {"long_name": "coefficient in each model"})
        return out.assign_attrs(units_resampled=self.units, search="full" if self.full else "quick")

    def __str__(self) -> str:
        lines = [*str(self.solution).splitlines(), f"inclusion in {self.models} models ({self.units} units of rows):"]
        names, table = self.solution.term_names, self.inclusion.reshape(len(self.solution.term_names), -1)
        targets = self.solution.target_components if self.inclusion.ndim == 2 else self.solution.model.targets[:1]
        for target, column in zip(targets, table.T, strict=True):
            often = [k for k in np.argsort(-column, kind="stable") if column[k] >= REPORTED]
            lines.append(f"  {target}: " + ", ".join(f"{names[k]} {column[k]:.2f}" for k in often))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Ensemble: {self.models} models>\n{self}"


def _given(fit: Fit, weights: np.ndarray) -> Fit:
    """A fit with other weights (r,)."""
    mask = weights != 0
    shares = weights / (fit.unit * fit.problem.physical)
    left = float(np.linalg.norm(fit.triangle[:, -1] - fit.triangle[:, :-1] @ shares))
    found = scatter(fit.problem, mask, shares * fit.unit)
    return replace(
        fit, mask=mask, shares=shares, weights=weights, covariance=found.covariance, residual=left,
        path=_decided(mask, left), scatter=found,
    )  # fmt: skip


def _decided(mask: np.ndarray, left: float = 0.0) -> Path:
    """A set of terms (r,) that is already chosen, with what it leaves."""
    return Path(mask[None], np.array([left]), np.zeros(1), 0)


def ensemble(
    data,
    *,
    models: int = 1000,
    key: Any = 0,
    full: bool | None = None,
    **options,
) -> Ensemble:
    r"""Bagged laws: `identify`, and the same choice and fit on many resamples of the data.

    A resample draws units of neighbouring rows with replacement (block bootstrap), as many as there are. A unit is one
    block of the moments, or several where the residuals are autocorrelated for longer (see `Stats.inflation`); none
    reaches across two trajectories. The data are read once, as in `identify`; a resample needs the moments alone.

    Two searches choose the terms of a resample. The quick one looks at up to 16 terms of each problem (all of a small
    library; else those of the smallest sets that the solver proposed for all the data). The sets in question are the
    solver's and those of backward elimination on the resample; the selection's criterion decides. All resamples are
    done at once. Terms outside have the inclusion probability 0. The full one runs the solver and the selection on each
    resample, one after the other.

    Parameters
    ----------
    data, options: as for `identify`.
    models: how many resamples, at least 2.
    key: a JAX PRNG key or a whole number; the same key draws the same resamples.
    full: the full search. None: where the quick one cannot stand in for it: with another
        solver than `BestSubset` or `LeastSquares`, another selection than `EBIC`, `BIC` and `AICc`, with inequalities
        as constraints, or where different variables share weights.

    Raises InputError for fewer than 2 models, data of fewer than 8 blocks (about 30 rows), `full=False` where the quick
    search cannot be used, and as `identify`.

    Reference: Fasel, Kutz, Brunton, Brunton 2022, Proc. R. Soc. A 478, 20210904 (bagging and bragging); Kuensch 1989,
    Annals of Statistics 17, 1217 (blocks).

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("lorenz", times=np.arange(0, 20, 0.01))
    >>> bag = sd.ensemble(data, library=sd.Monomials(2), models=200)
    >>> bag.inclusion[bag.solution.term_names.index("x z")].tolist()
    [0.0, 1.0, 0.0]
    """
    if isinstance(models, bool) or not isinstance(models, int | np.integer) or models < 2:
        raise InputError(f"an ensemble needs 2 models or more, got {models!r}")
    rng = _generator(key)
    settings = settings_of(**options)
    made = fitted(data, settings)
    full = _whole(made, full)
    labels = _units(made)
    draws = rng.integers(0, labels[-1] + 1, (models, labels[-1] + 1))
    weights = _full(made, draws, labels) if full else _quick(made, draws, labels)
    return _collected(made, weights, int(labels[-1]) + 1, full)


def _generator(key: Any) -> np.random.Generator:
    if isinstance(key, int | np.integer) and not isinstance(key, bool) and key >= 0:
        return np.random.default_rng(int(key))
    import jax

    try:
        return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
    except (TypeError, ValueError) as error:
        raise InputError(f"the key must be a JAX PRNG key or a whole number, got {key!r}") from error


def _whole(made: Fitted, full: bool | None) -> bool:
    """Whether the full search is used. Raises InputError where only it can be."""
    solver, selection = made.settings.solver, made.settings.selection
    if any(isinstance(each, Trapping) for each in made.settings.constraints):
        raise InputError("an ensemble cannot keep the trapping region in each model; leave the constraint Trapping out")
    quick = isinstance(solver, LeastSquares) or (
        isinstance(solver, BestSubset) and not solver.exact and isinstance(selection, EBIC | BIC | AICc)
    )
    problems = [fit.problem for fit in made.fits]
    free = all(p.inequalities is None and not p.ties and p.noise is None for p in problems)
    if full is False and not (quick and free):
        raise InputError(
            f"the quick search stands in for BestSubset with EBIC, BIC or AICc, without inequalities or tied targets; "
            f"not for {solver!r} with {selection!r} here; leave full out"
        )
    quick = quick and free
    return not quick if full is None else bool(full)


def _units(made: Fitted) -> np.ndarray:
    """The unit of each block, (b,): as long as the residuals of any problem ask for."""
    owner = made.found.moments.trajectory
    if len(owner) < FEWEST:
        raise InputError(
            f"the data make {len(owner)} blocks of rows, too few to resample: {FEWEST} are needed; use more data, or "
            "the standard errors of identify"
        )
    return unit_labels(owner, max((fit.scatter.level or 0 for fit in made.fits), default=0))


def _quick(made: Fitted, draws: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Weights (models, r) of each problem."""
    units, selection = int(labels[-1]) + 1, made.settings.selection
    counts = np.stack([np.bincount(draw, minlength=units) for draw in draws]).astype(float)
    if isinstance(made.settings.solver, LeastSquares) or not isinstance(selection, EBIC | BIC | AICc):
        return [given_weights(fit, counts, labels) for fit in made.fits]
    return [quick_weights(fit, counts, labels, selection.price, selection.resolution) for fit in made.fits]


def _full(made: Fitted, draws: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    out = [np.zeros((len(draws), fit.problem.size)) for fit in made.fits]
    for k, draw in enumerate(draws):
        tell(f"model {k + 1} of {len(draws)}")
        for weights, fit in zip(out, made.fits, strict=True):
            solver = named_solver(made.found, made.settings, fit.problem)
            weights[k] = full_weights(fit, draw, labels, (solver, made.settings.selection))
    return out


def _collected(made: Fitted, weights: list[np.ndarray], units: int, full: bool) -> Ensemble:
    solution, shape = solution_of(made), made.shape
    kept = [(w != 0).any(axis=0) for w in weights]
    entries = tuple(np.flatnonzero(mask) for mask in kept)
    if made.subspace is not None:
        subspace = spanned(made.subspace, [fit.problem for fit in made.fits], kept)
    elif len(shape) == 1:
        subspace = entry_basis(shape, entries[0][:, None])
    else:
        places = [np.column_stack([rows, np.full(len(rows), c)]) for c, rows in enumerate(entries)]
        subspace = entry_basis(shape, np.concatenate(places))
    stacked = np.concatenate([w[:, rows] for w, rows in zip(weights, entries, strict=True)], axis=1)
    base = solution.model
    model = replace(base, weights=stacked, subspace=subspace)
    return Ensemble(solution, model, units, full, made, entries)
