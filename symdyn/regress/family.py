"""One law for several trajectories whose coefficients differ: common terms, own coefficients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn._errors import InputError
from symdyn.data.door import read
from symdyn.regress._identify import settings_of
from symdyn.regress.fit import fit_on
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import named_solver, posed
from symdyn.regress.problem import Problem
from symdyn.regress.selection import EBIC, Path, proposed, residuals_of
from symdyn.regress.solution import Solution
from symdyn.regress.solvers import ROUNDING, AbstractSolver
from symdyn.regress.solvers.base import as_masks


@dataclass(frozen=True, eq=False)
class Family:
    """Laws with the same terms and a set of coefficients for each trajectory.

    `solutions`: one for each trajectory; `labels`: what the data call them.
    """

    solutions: tuple[Solution, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.solutions)

    def __getitem__(self, label: str | int) -> Solution:
        """The law of one trajectory, by its label or number."""
        if isinstance(label, str) and label not in self.labels:
            raise InputError(f"no trajectory {label!r}; there are {', '.join(self.labels)}")
        return self.solutions[self.labels.index(label) if isinstance(label, str) else label]

    def to_xarray(self):
        """Coefficients and standard errors over (trajectory, term, target)."""
        import xarray as xr

        tables = [solution.to_xarray() for solution in self.solutions]
        whole = xr.concat(tables, dim="trajectory", combine_attrs="drop_conflicts")
        return whole.assign_coords(trajectory=list(self.labels))

    def __str__(self) -> str:
        return "\n".join(f"{label}:\n{law}" for label, law in zip(self.labels, self.solutions, strict=True))


def identify_each(data, **options) -> Family:
    r"""Governing equations with the same terms for all trajectories and coefficients of their own.

    For experiments whose parameters differ and are not known. The terms of a target minimise the sum over
    trajectories j

    $$\sum_j \bigl( n_j \log \mathrm{RSS}_j + k \log n_j \bigr) + 2 \log \binom{p}{k},$$

    the extended Bayesian information criterion of k coefficients for each and one choice of terms for all; each
    trajectory's own sets and those of all taken together come into question.

    Parameters
    ----------
    data, options: as for `identify`; `selection` must be `EBIC`, `constraints` may not hold a `Trapping`.

    Returns a `Family`. Raises InputError for a single trajectory, or settings that do not apply.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> times = np.linspace(0.0, 5.0, 200)
    >>> runs = [{"time": times, "x": np.exp(-rate * times)} for rate in (0.5, 1.0, 2.0)]
    >>> laws = sd.identify_each(runs, library=sd.Monomials(2))
    >>> [round(float(law.coefficient("x", "x")[0]), 4) for law in laws.solutions]
    [-0.5, -1.0, -2.0]
    """
    settings = settings_of(**options)
    selection = settings.selection
    if not isinstance(selection, EBIC):
        raise InputError(f"the terms of several trajectories are chosen by EBIC, got selection={selection!r}")
    recording = read(data, settings.reading)
    runs = recording.trajectories
    if len(runs) < 2:
        raise InputError("identify_each needs two trajectories or more; for a single one use identify")
    pooled = posed(recording, settings)
    if pooled.given.trapping is not None:
        raise InputError("a trapping condition belongs to one law: use identify for each trajectory")
    own = [posed(replace(recording, trajectories=(run,)), settings) for run in runs]
    fits: list[list] = [[] for _ in runs]
    for k, together in enumerate(pooled.problems):
        each = [one.problems[k] for one in own]
        paths = _common(together, each, named_solver(pooled.found, settings, together), selection)
        for place, problem, path in zip(fits, each, paths, strict=True):
            place.append(fit_on(problem, path, settings.solver.ridge))
    solutions = tuple(solution_of(one.with_fits(tuple(found))) for one, found in zip(own, fits, strict=True))
    return Family(solutions, tuple(run.label for run in runs))


def _common(together: Problem, each: list[Problem], solver: AbstractSolver, selection: EBIC) -> list[Path]:
    """The path of each trajectory's problem, with the set chosen for all."""
    sets = np.concatenate([proposed(problem, solver) for problem in (together, *each)])
    masks = as_masks(map(np.flatnonzero, sets), together.size)
    sizes = masks.sum(axis=1)
    left = np.array([residuals_of(problem, masks) for problem in each])  # (trajectories, sets)
    rows = np.array([problem.n_rows for problem in each])
    price = np.array([selection.price(int(size), 1.0, together.size) for size in sizes])
    scores = 2 * rows @ np.log(np.maximum(left, ROUNDING)) + sizes * np.log(rows).sum() + price
    best = int(np.argmin(scores))
    mean = np.mean(left**2, axis=0)
    same = (mean <= mean[best] + selection.resolution**2) & (sizes <= sizes[best])
    smallest = np.flatnonzero(same & (sizes == sizes[same].min()))
    chosen = int(smallest[np.argmin(scores[smallest])])
    return [Path(masks, residuals, scores, chosen) for residuals in left]
