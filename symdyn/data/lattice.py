"""The weak form of a stretch of a long trajectory: windows on a lattice that is the same however the data are cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdyn.data.recording import Trajectory, pieces
from symdyn.data.smoothing import Corner, local_fit
from symdyn.data.weak import PER_HALF_WIDTH, WeakForm, WeakRun, Windows, bump_kernels, sparse_windows

NEIGHBOURS = 11  # steps that a gap is told by


def halo_of(form: WeakForm, found: Corner | None) -> int:
    """The samples on either side that windows with their centre in a stretch hang on."""
    widths = _widths(form)
    return max(widths) + _smoothing(widths, found) + NEIGHBOURS


def lattice_run(
    form: WeakForm, run: Trajectory, found: Corner | None, order: int, first: int, start: int, stop: int
) -> tuple[WeakRun, np.ndarray] | None:
    """The windows with their centre at the samples [start, stop) of a trajectory, and their centres (w,).

    `run`: a stretch of the trajectory from its sample `first` on, with the samples that the windows need on either
    side; `found`: the noise, where terms are to be without its bias. Centres are a half width and multiples of a
    quarter of it from the beginning of the trajectory; a window that would reach across a gap or an end is left out.
    None where there is no window.
    """
    t = len(run.times)
    states, variance = run.states.astype(float), np.zeros(run.states.shape)
    number = np.full(t, -1)
    half_of_quartic = _smoothing(_widths(form), found)
    for k, (a, b) in enumerate(pieces(run)):
        number[a:b] = k
        if found is not None:
            gain = np.ones(b - a)
            own = min(half_of_quartic, (b - a - 1) // 2)
            if own >= 3:
                noisy = found.level.significant
                states[a:b, noisy], gain = local_fit(run.times[a:b], run.states[a:b][:, noisy], own, np.arange(b - a))
            variance[a:b] = found.level.variance(states[a:b]) * gain[:, None]
    values, derivatives, places = [], [], []
    for half in _widths(form):
        stride = max(1, half // PER_HALF_WIDTH)
        least = max(start, first + half, half)
        centres = np.arange(half + -(-(least - half) // stride) * stride, min(stop, first + t - half), stride) - first
        if len(centres):
            centres = centres[(number[centres - half] == number[centres + half]) & (number[centres - half] >= 0)]
        if not len(centres):
            continue
        members = centres[:, None] + np.arange(-half, half + 1)
        value, derivative = bump_kernels(run.times[members], form.q, order)
        values.append(sparse_windows(members, value, t))
        derivatives.append(sparse_windows(members, derivative, t))
        places.append(centres + first)
    if not values:
        return None
    made = Windows.in_order(values, derivatives, np.concatenate(places))
    return WeakRun(made, states, run.weights, variance, variance), np.sort(np.concatenate(places), kind="stable")


def settled_form(form: WeakForm, run: Trajectory, found: Corner | None) -> WeakForm:
    """The form with its half widths as numbers, for rows that stand by themselves."""
    alone = replace(form, generalised=False)
    return replace(alone, half_width=alone.widths(run, found))


def _widths(form: WeakForm) -> tuple[int, ...]:
    assert isinstance(form.half_width, tuple)
    return form.half_width


def _smoothing(widths: tuple[int, ...], found: Corner | None) -> int:
    """Half the width of the quartics that smooth the states; 0 for none."""
    half = 0 if found is None else min(found.half // 2, min(widths) // 4)
    return half if half >= 3 else 0
