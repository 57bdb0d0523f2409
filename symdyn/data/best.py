"""A choice among ways to differentiate, by generalised cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation, FiniteDifference, SavitzkyGolay
from symdyn.data.kalman import Kalman
from symdyn.data.noise import noise_level


@dataclass(frozen=True)
class BestDifferentiation(AbstractDifferentiation):
    r"""The one of some methods that predicts best, by generalised cross-validation.

    $$\mathrm{GCV} = \frac{\|y - \hat y\|^2 / t}{(1 - \operatorname{tr} S / t)^2},$$

    with the trace of the smoother by random probes, summed over components in units of their noise. Where no noise is
    significant the first candidate that interpolates (`FiniteDifference`) is taken. `choose` tells which one it is.

    Parameters
    ----------
    candidates: methods; by default differences, Savitzky-Golay of several widths and the Kalman smoother.

    Raises InputError for no candidates.

    Reference: Golub, Heath, Wahba 1979, Technometrics 21, 215.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> t = np.linspace(0, 6, 300)
    >>> sd.BestDifferentiation().choose(t, np.sin(t)[:, None])
    FiniteDifference(accuracy=4)
    """

    candidates: tuple[AbstractDifferentiation, ...] = (
        FiniteDifference(4), *(SavitzkyGolay(w, 4) for w in (9, 17, 33, 65, 129)), Kalman(),
    )  # fmt: skip

    def __post_init__(self):
        if not self.candidates:
            raise InputError("BestDifferentiation needs at least one candidate")

    @property
    def window(self) -> tuple[int, int]:
        return 0, min(each.window[1] for each in self.candidates)

    def choose(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        """The candidate with the lowest score. Raises InputError where the samples are too few for all of them."""
        return self.choose_for([(times, values)])

    def choose_for(self, runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> AbstractDifferentiation:
        """One candidate for all runs, each with times (t,) and values (t, n): that with the lowest mean score.

        Raises InputError where a run has too few samples for all candidates.
        """
        plain = [each for each in self.candidates if isinstance(each, FiniteDifference)]
        if plain and not any(noise_level(*run).significant.any() for run in runs):
            return plain[0]
        scores = [dict(self.scores(*run)) for run in runs]
        able = [each for each in self.candidates if all(each in found for found in scores)]
        if not able:
            raise InputError(f"{min(len(times) for times, _ in runs)} samples are too few for every candidate")
        sizes = [len(times) for times, _ in runs]
        return min(able, key=lambda each: float(np.average([found[each] for found in scores], weights=sizes)))

    def scores(self, times: np.ndarray, values: np.ndarray) -> list[tuple[AbstractDifferentiation, float]]:
        """The candidates that smooth, with their scores: 1 is about the noise itself."""
        variance = np.maximum(noise_level(times, values).sigma ** 2, 1e-300)
        out = []
        for each in self.candidates:
            if len(times) >= each.fewest and not isinstance(each, FiniteDifference):
                out.append((each, float(np.mean(_gcv(each, times, values) / variance))))
        return out

    def apply(self, times: np.ndarray, values: np.ndarray, order: int) -> np.ndarray:
        return self.choose(times, values)(times, values, order)

    def standard_error(self, times: np.ndarray, noise: Any, order: int = 1, *, values: Any = None) -> np.ndarray:
        if values is None:
            raise InputError("which method is best hangs on the data: give standard_error the values too")
        chosen = self.choose(times, np.asarray(values, float))  # one for all components
        return chosen.standard_error(times, noise, order, values=values)

    def settled(self, times: np.ndarray, values: np.ndarray) -> AbstractDifferentiation:
        return self.choose(times, values).settled(times, values)


def _gcv(method: AbstractDifferentiation, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Generalised cross-validation of each component, (n,); the trace by a small random change of the values."""
    t = len(times)
    smooth = method.smooth(times, values)
    probes = np.random.default_rng(0).choice([-1.0, 1.0], size=(4, *values.shape)) * 1e-3 * values.std(axis=0)
    moved = [np.sum(p * (method.smooth(times, values + p) - smooth), axis=0) for p in probes]
    trace = np.mean(moved, axis=0) / np.maximum(np.mean(np.sum(probes**2, axis=1), axis=0), 1e-300)
    return np.mean((values - smooth) ** 2, axis=0) / np.maximum(1 - trace, 1.0 / t) ** 2
