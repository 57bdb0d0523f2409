"""Promotion of laws of fields: the symmetries of an equation that noisy fields do not contradict."""

from __future__ import annotations

import warnings
from typing import Any

from symdyn._errors import SymdynWarning
from symdyn.fields import Fields
from symdyn.regress.partial.whole import field_estimate, targets_of, task_of
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
    from symdyn.regress.partial.identification import identify_field

    asked = candidates if isinstance(candidates, Promote) else Promote(candidates)
    task = task_of(fields, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SymdynWarning)  # of the data: said by the law below
        estimate, _ = field_estimate(fields, task)

    def law(action):
        return identify_field(fields, **{**options, "action": action})

    place = Place(spacetime(estimate.frame.space, task.time_order))
    return decided(
        Question(asked, estimate, place, targets_of(estimate, task), options.get("action"), law, weighed=True)
    )
