"""Rows of laws of fields for the regression: of the weak form or of jets, with what noise adds to their moments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, Variable
from symdyn.data.recording import Recording
from symdyn.fields import DivergenceForm, FieldRows, Fields, FieldWeakForm, Grid, JetDerivatives, field_rows, jets
from symdyn.fields.terms import FluxTerms
from symdyn.fields.weak import BLOCK
from symdyn.groups.jets import jet_of
from symdyn.library import AbstractLibrary, AbstractTerms
from symdyn.regress.partial.scatter import FieldNoise, noise_of
from symdyn.regress.rows.moments import design_moments, sample_moments
from symdyn.regress.rows.regression import Regression, flat_targets


@dataclass(frozen=True)
class FieldTask:
    """What law of fields is sought: `library` of terms, `rate_of` which fields or terms, orders of the derivatives."""

    library: AbstractLibrary
    rate_of: tuple[str, ...] | AbstractLibrary
    order: int
    time_order: int
    form: FieldWeakForm | JetDerivatives
    memory: int = BLOCK

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields whose rates are sought."""
        return () if isinstance(self.rate_of, AbstractLibrary) else self.rate_of

    def regression(self, fields: Fields) -> tuple[Regression, FieldNoise | None]:
        """The moments of the rows, and the noise in them, None where there is none that can be followed."""
        return _weak(self, fields) if isinstance(self.form, FieldWeakForm) else (_strong(self, fields), None)


def field_task(
    fields: Fields, library: AbstractLibrary | None, rate_of, order: int | None, time_order: int, form, memory: int
) -> FieldTask:
    """The law with what was not said filled in. Raises InputError where the library needs higher derivatives."""
    if library is None:
        sphere = fields.grid.sphere
        metric = {} if sphere is None else {"latitude": sphere.names[0], "radius": sphere.radius}
        library = DivergenceForm(2, order=2 if order is None else order, **metric)
    terms = library.on(fields.jet_space(2 if order is None else order))
    needed = _derivatives(terms) if isinstance(terms, FluxTerms) else 0
    if order is not None and needed > order:
        raise InputError(f"the library has derivatives of order {needed}, but order={order}; give order={needed}")
    if not isinstance(rate_of, AbstractLibrary):
        rate_of = (rate_of,) if isinstance(rate_of, str) else tuple(rate_of or fields.space.names)
        unknown = [name for name in rate_of if name not in fields.space.names]
        if unknown:
            raise InputError(f"unknown field {unknown[0]!r} in rate_of; there are {', '.join(fields.space.names)}")
    elif not isinstance(form, FieldWeakForm):
        raise InputError("the rate of terms is had in the weak form only: give form=sd.FieldWeakForm()")
    return FieldTask(library, rate_of, max(needed, 2) if order is None else order, time_order, form, memory)


def steady(fields: Fields) -> Fields:
    """The fields with the time as an axis among others, for balances."""
    grid = fields.grid
    return fields if grid.time is None else replace(fields, grid=Grid((grid.time, *grid.space)))


def _derivatives(terms: FluxTerms) -> int:
    """The highest derivative of the fields in the terms, by the chain rule."""
    inner = {int(c): sum(orders) for orders, columns in jet_of(terms.space).columns.items() for c in columns}
    return max(
        (
            sum(part.orders) + max((inner.get(c, 0) for c, _ in part.powers), default=0)
            for term in terms.parts
            for part in term
        ),
        default=0,
    )


def _weak(law: FieldTask, fields: Fields) -> tuple[Regression, FieldNoise | None]:
    assert isinstance(law.form, FieldWeakForm)
    rows = field_rows(
        fields, law.library, rate_of=law.rate_of, form=law.form, order=law.order, time_order=law.time_order,
        memory=law.memory,
    )  # fmt: skip
    order = _nested(rows.windows)
    order = order[rows.weights[order] > 0]
    _check_count(len(order), len(rows.design), rows.terms, "windows")
    whole = rows.weights * _area(rows, fields)
    whole = whole / whole[order].mean()
    design, targets, weights = flat_targets(rows.design[order], rows.targets[order], whole[order])
    recording = _recording(fields, rows.space, rows.target_names, law, rows.target_units)
    return Regression(recording, rows.terms, design_moments(design, targets, weights)), noise_of(rows, whole)


def _strong(law: FieldTask, fields: Fields) -> Regression:
    assert isinstance(law.form, JetDerivatives)
    assert not isinstance(law.rate_of, AbstractLibrary)
    samples = jets(fields, order=law.order, rate_of=law.rate_of, time_order=law.time_order, derivatives=law.form)
    terms = law.library.on(samples.space)
    _check_count(int((samples.weights > 0).sum()), samples.size, terms, "points")
    recording = _recording(fields, samples.space, samples.target_space.names, law, ())
    return Regression(recording, terms, sample_moments(terms, samples.states, samples.targets, samples.weights))


def _check_count(live: int, of: int, terms: AbstractTerms, what: str) -> None:
    if live < max(terms.size, 3):
        hint = "smaller windows (half_width, stride)" if what == "windows" else "a narrower stencil"
        raise InputError(
            f"too few rows: {live} of {of} {what} are free of missing values and ends, and there are {terms.size} "
            f"terms; take {hint}, a smaller library or more data"
        )


def _area(rows: FieldRows, fields: Fields) -> np.ndarray:
    """The area that each window stands for: on a sphere the cosine of its latitude, (m,)."""
    latitude = fields.grid.latitude
    return np.ones(len(rows.centres)) if latitude is None else np.cos(rows.centres[:, latitude])


def _nested(counts: tuple[int, ...]) -> np.ndarray:
    """An order of the windows (m,) in which each stretch is a compact box: Morton's, the bits of all axes in turn.

    Blocks of neighbouring rows are then boxes in space and time, which overlap with few others.
    """
    places = np.indices(counts).reshape(len(counts), -1)
    code = np.zeros(places.shape[1], np.int64)
    for bit in reversed(range(max(counts).bit_length())):
        for place, count in zip(places, counts, strict=True):
            if bit < count.bit_length():
                code = 2 * code + (place >> bit & 1)
    return np.argsort(code, kind="stable")


def _recording(
    fields: Fields, space: StateSpace, names: tuple[str, ...], law: FieldTask, units: tuple[str, ...]
) -> Recording:
    """What the law is about, without trajectories: jets, what is not among them, and rates where it is of order 2."""
    time = fields.grid.time
    new, kinematics = [], ()
    if isinstance(law.rate_of, AbstractLibrary):
        new = [Variable(n, (), (), unit) for n, unit in zip(names, units, strict=True) if n not in space.names]
    else:
        names = law.rate_of
    if law.time_order == 2:
        known = {v.name: v for v in (*space.variables, *new)}
        new += [replace(known[name], name=f"{name}_rate", unit="") for name in names]
        kinematics = tuple((name, f"{name}_rate") for name in names)
        names = tuple(f"{name}_rate" for name in names)
    return Recording(
        replace(space, variables=(*space.variables, *new)), names, kinematics, (),
        "" if time is None else time.name, "" if time is None else time.unit, fields.origin, fields.provenance,
    )  # fmt: skip
