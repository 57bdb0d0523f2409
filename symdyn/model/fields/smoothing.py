"""A noisy start without the waves from which on there is noise alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdyn.fields import Fields

CHANCE = 0.01  # that noise alone keeps a shell of waves too many


def smoothed_start(fields: Fields) -> Fields:
    """Fields whose first instant has no waves, along all periodic axes, beyond those that stand out of the noise.

    The noise is the mean power of the highest quarter of the shells; shells of waves are kept up to the last one with
    more power than the noise has in one of all shells with a chance of one per cent (chi squared).
    """
    axes = fields.grid.space_axes
    if fields.grid.sphere is not None or any(axis.period is None for axis in axes):
        return fields
    values = []
    for name in fields.component_names:
        whole = np.array(fields.component(name))
        if np.isfinite(whole[0]).all():
            whole[0] = _without_noise(whole[0])
        values.append(whole)
    return replace(fields, values=tuple(values))


def _without_noise(field: np.ndarray) -> np.ndarray:
    from scipy.stats import chi2

    waves = np.fft.fftn(field)
    number = [np.abs(np.fft.fftfreq(n)) * 2 for n in field.shape]  # 1 at the highest
    size = np.sqrt(sum(each**2 for each in np.meshgrid(*number, indexing="ij")))
    shells = np.minimum((size * min(field.shape) / 2).round().astype(int), min(field.shape) // 2)
    count = np.bincount(shells.ravel())
    power = np.bincount(shells.ravel(), (np.abs(waves) ** 2).ravel()) / np.maximum(count, 1)
    tail = slice(3 * len(power) // 4, None)
    floor = np.average(power[tail], weights=count[tail])
    limit = (
        floor * chi2.isf(CHANCE / len(power), count) / count
    )  # a real field has half as many free waves, of two parts
    last = np.flatnonzero(power > limit).max(initial=0)
    return np.fft.ifftn(np.where(shells <= last, waves, 0.0)).real
