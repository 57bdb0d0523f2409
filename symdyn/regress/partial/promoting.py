"""Promotion of laws of fields: the symmetries of an equation that noisy fields do not contradict."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from symdyn._errors import InputError, SymdynWarning
from symdyn.fields import Fields, FieldWeakForm
from symdyn.fields.weak import BLOCK
from symdyn.library import AbstractLibrary, PerTarget
from symdyn.regress.partial.rows import field_task
from symdyn.regress.partial.whole import field_estimate
from symdyn.regress.promoting.chain import Promotion, Question, decided
from symdyn.regress.promoting.settings import Promote
from symdyn.symmetry.discovery.candidates import Place
from symdyn.symmetry.discovery.jet_law import spacetime


def field_promotion(fields: Fields, candidates: Any, **options: Any) -> Promotion:
    """`promotion` on the jets of fields, with the further arguments of `identify_field`.

    The whole library is fitted, freed of what noise adds to its moments; its covariance, which follows the noise from
    the points of the grid, says what it costs to keep a symmetry.

    Raises InputError as `identify_field` does, for balances, vector terms, and candidates that mix time with space in a
    law of the second time derivative.

    Examples
    --------
    >>> import jax, symdyn as sd
    >>> data = sd.make_fields("burgers", noise=0.05, key=jax.random.key(0))
    >>> fields = sd.open_fields(data, ["u"], periodic=["x"])
    >>> boost = sd.Action.polynomial({"boost": {"x": "time", "u": "1"}}, time="time")
    >>> grow = sd.Action.polynomial({"grow": {"u": "u"}}, time="time")
    >>> found = sd.promotion(fields, [boost, grow])
    >>> found.kept.texts, found.law.active_terms
    (('time d/dx + d/du',), ('(u^2)_x', 'u_xx'))
    """
    from symdyn.regress.partial.identification import check_fields, identify_field

    asked = candidates if isinstance(candidates, Promote) else Promote(candidates)
    library, form = options.get("library"), options.get("form")
    time_order, rate_of = options.get("time_order", 1), options.get("rate_of")
    check_fields(fields, rate_of, time_order, form)
    if not time_order or isinstance(rate_of, AbstractLibrary):
        raise InputError("promote= is for laws of the rates of fields, not for balances or rates of fluxes")
    if isinstance(library, Mapping):
        library = PerTarget(tuple(library.items()))
    memory = options.get("memory", BLOCK)
    task = field_task(fields, library, rate_of, options.get("order"), time_order, form or FieldWeakForm(), memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)  # of the data: said by the law below
        estimate = field_estimate(fields, task)

    def law(action):
        return identify_field(fields, **{**options, "action": action})

    space = estimate.frame.space
    targets = {"targets": task.fields, "order": time_order, "space": space}
    place = Place(spacetime(space, time_order))
    return decided(Question(asked, estimate, place, targets, options.get("action"), law, weighed=True))
