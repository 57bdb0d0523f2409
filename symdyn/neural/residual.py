"""What a law leaves of the rates of data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.data.differentiate import AbstractDifferentiation, differentiated
from symdyn.data.recording import Samples
from symdyn.model.model import AbstractModel, rates_at
from symdyn.neural.training.result import recorded


def residual_rates(
    law: Any, data: Any, *, differentiation: AbstractDifferentiation | None = None, **reading: Any
) -> Samples:
    """What a law leaves of the rates of data: what a remainder has to explain.

    Parameters
    ----------
    law: a solution, a model, or a neural law.
    data: as `identify` takes them.
    differentiation: how rates come from states; by default the measured rates, else differences.
    reading: how data are read (variables, time, ...).

    Returns `Samples`: `states` (m, n), `targets` (m, d) (rates minus the law's), `weights`, and the rows of each
    trajectory. Raises InputError for data that do not fit the law.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("van_der_pol", times=np.linspace(0, 20, 400), rates=True)
    >>> spring = sd.identify(data, library=sd.Monomials(1))
    >>> left = sd.residual_rates(spring, data)
    >>> left.states.shape, left.targets.shape
    ((400, 2), (400, 2))
    """
    model = getattr(law, "model", law)
    if not isinstance(model, AbstractModel) or model.discrete:
        raise InputError(f"residual rates are those of a law of rates, got {type(law).__name__}")
    recording = recorded(model, data, dict(reading))
    samples = differentiated(recording, differentiation)
    with double_precision():
        found = np.asarray(rates_at(model, samples.states), float)
    columns = model.space.select(model.targets).indices(recording.targets)
    return replace(samples, targets=samples.targets - found[:, columns])
