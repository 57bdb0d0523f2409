"""`identify` of data that do not fit the memory: decisions on a sketch of them, sums over all of them."""

from __future__ import annotations

from dataclasses import replace

from symdyn._errors import InputError
from symdyn.data.best import BestDifferentiation
from symdyn.data.chunked import ChunkedData
from symdyn.data.differentiate import AbstractDifferentiation
from symdyn.data.lattice import settled_form
from symdyn.data.smoothing import Corner, corner
from symdyn.data.weak import AbstractWeakForm, WeakForm
from symdyn.regress.domain import domain_of
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import posed_rows
from symdyn.regress.rows.regression import Regression
from symdyn.regress.rows.streamed import HELD, streamed_regression
from symdyn.regress.solution import Settings, Solution
from symdyn.regress.strategy.noise import WEAK, planned, resolution_fault


def streamed_law(data, settings: Settings, memory: int = HELD, devices: tuple = ()) -> Solution:
    """The law of data that are read piece by piece. Raises InputError for what needs all of them at once."""
    if memory < 1:
        raise InputError(f"memory counts the numbers that are held at once, got {memory!r}")
    chunked = ChunkedData.of(data, settings.reading)
    plan = planned(chunked.sketch, settings)
    if plan.noisy:
        settings = replace(settings, differentiation=WeakForm())
    stages = (plan.text, WEAK) if plan.noisy else ()
    found, settings = streamed(chunked, settings, memory, devices)
    law = solution_of(posed_rows(found, settings).solved())
    fault = resolution_fault(chunked.sketch, settings)
    stages = (*stages, _told(chunked, settings), *([fault] if fault else ()))
    domain = domain_of(chunked.sketch, law.model.space, law.model.kinematics)
    return replace(law, stages=stages, domain=domain)


def streamed(
    chunked: ChunkedData, settings: Settings, memory: int = HELD, devices: tuple = ()
) -> tuple[Regression, Settings]:
    """The moments of data in chunks, and the settings with all that a sketch of the data decides."""
    settings, found = _settled(chunked, settings)
    return streamed_regression(chunked, settings, found, memory, devices), settings


def _settled(chunked: ChunkedData, settings: Settings) -> tuple[Settings, Corner | None]:
    """Settings whose rows hang on few neighbours, and the noise that the weak form reckons with."""
    method, sketch = settings.differentiation, chunked.sketch
    if isinstance(method, JointEstimation):
        raise InputError("JointEstimation needs all samples in memory; data in chunks take WeakForm() or differences")
    if isinstance(method, BestDifferentiation):
        columns = sketch.space.indices(sketch.targets)
        method = method.choose_for([(run.times, run.states[:, columns]) for run in sketch.trajectories])
    if isinstance(method, AbstractWeakForm):
        _check_form(method)
        assert isinstance(method, WeakForm)
        seen = corner(sketch.trajectories, sketch.space.indices(sketch.inputs))
        longest = max(sketch.trajectories, key=lambda run: len(run.times))
        return (
            replace(settings, differentiation=settled_form(method, longest, seen)),
            None if method.unbiased is False else seen,
        )
    if isinstance(method, AbstractDifferentiation) and not method.window[0]:
        raise InputError(
            f"{type(method).__name__} takes each rate from all samples of a trajectory, which are not in memory; use "
            "FiniteDifference, SavitzkyGolay or WeakForm"
        )
    return replace(settings, differentiation=method), None


def _check_form(form: AbstractWeakForm) -> None:
    """Raise InputError for what the weak form can only do with all rows at once."""
    if not isinstance(form, WeakForm):
        raise InputError(f"data in chunks take WeakForm(), not {type(form).__name__}")
    if form.generalised:
        raise InputError(
            "WeakForm(generalised=True) whitens all rows at once; data in chunks take generalised=False, or None"
        )
    if form.windows is not None:
        raise InputError(
            f"WeakForm(windows={form.windows}) counts the windows of a trajectory; data in chunks take half_width="
        )


def _told(chunked: ChunkedData, settings: Settings) -> str:
    """What was done, for the user."""
    form = settings.differentiation
    text = f"{int(chunked.lengths.sum())} samples read piece by piece"
    if isinstance(form, WeakForm):
        widths = form.half_width if isinstance(form.half_width, tuple) else (form.half_width,)
        text += f", windows of half width {', '.join(map(str, widths))}, rows not weighted by their covariance"
    return text
