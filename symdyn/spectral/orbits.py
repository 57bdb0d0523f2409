r"""Invariants without linear algebra, where a group only exchanges the functions of a basis, up to phases or signs.

Under $x \to W x + w$ with a whole matrix $W$ a wave $e^{2 \pi i k \cdot x / P}$ becomes one wave with a phase, so that
an invariant function has $c_{W^T k} = c_k e^{2 \pi i k \cdot w / P}$: one function for each orbit, or none where going
round the orbit changes the phase (the systematic absences of crystallography). Products of Hermite polynomials are
exchanged, up to signs, by permutations of the axes and changes of their signs.
"""

from __future__ import annotations

import numpy as np

from symdyn.spectral.moves import GroupMoves
from symdyn.spectral.spaces import AbstractFeatureSpace, HermiteFunctions, TorusWaves

WHOLE = 1e-9  # how far from a whole number entries of a matrix, and turns of a phase, may be


def has_orbits(space: AbstractFeatureSpace, moves: GroupMoves) -> bool:
    """Whether the group exchanges functions: whole orthogonal matrices, values of one component, no generators."""
    if not isinstance(space, TorusWaves | HermiteFunctions) or moves.fields is not None or moves.p != 1:
        return False
    if isinstance(space, HermiteFunctions) and moves.offsets.any():
        return False
    whole = np.abs(moves.matrices - np.round(moves.matrices)) < WHOLE
    squares = moves.matrices @ np.swapaxes(moves.matrices, 1, 2)
    return bool(whole.all() and np.allclose(squares, np.eye(space.dimension), atol=WHOLE))


def orbit_sums(space: AbstractFeatureSpace, moves: GroupMoves) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal invariants (size, r) and their levels (r,), for moves that `has_orbits`."""
    numbers = _numbers(space)
    place = {tuple(k): i for i, k in enumerate(numbers.tolist())}
    signed = np.round(moves.matrices).astype(int)
    if isinstance(space, TorusWaves):
        moved, turns = numbers @ signed, np.einsum("wn,en->ew", numbers, moves.offsets) / space.period
    else:
        moved, turns = numbers @ np.abs(signed), ((signed.sum(axis=2) < 0) @ numbers.T) / 2
    images = np.array([[place[tuple(k)] for k in each] for each in moved.tolist()]).reshape(len(signed), -1)
    turns = turns + np.where(moves.outputs[:, 0, 0] < 0, 0.5, 0.0)[:, None]
    columns, levels, done = [], [], np.zeros(len(numbers), bool)
    for start in range(len(numbers)):
        if done[start]:
            continue
        members, phases, alive = _orbit(start, images, turns)
        done[members] = True
        if isinstance(space, TorusWaves):
            done[_opposite(members, len(space.half))] = True
        if alive:
            found = _real(members, np.exp(2j * np.pi * phases), space)
            columns += found
            levels += [space.levels[start if start < space.size else start - len(numbers)]] * len(found)
    return np.array(columns).reshape(len(columns), space.size).T, np.array(levels, int)


def _numbers(space: AbstractFeatureSpace) -> np.ndarray:
    """Wave numbers, the zero first, one of each pair, and the others; or degrees by axis."""
    if isinstance(space, TorusWaves):
        return np.concatenate([space.half, -space.half[1:]])
    assert isinstance(space, HermiteFunctions)
    return space.exponents


def _opposite(members: np.ndarray, h: int) -> np.ndarray:
    """The places of -k from those of k, with h waves in the first half."""
    return np.where(members == 0, 0, np.where(members < h, members + h - 1, members - h + 1))


def _orbit(start: int, images: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """What goes into each other, with phases in turns, and whether these fit together."""
    phase, queue, alive = {start: 0.0}, [start], True
    while queue:
        here = queue.pop()
        for image, turn in zip(images[:, here].tolist(), turns[:, here].tolist(), strict=True):
            told = phase[here] + turn
            if image not in phase:
                phase[image] = told
                queue.append(image)
            else:
                rest = told - phase[image]
                alive &= abs(rest - round(rest)) < WHOLE
    return np.array(list(phase)), np.array(list(phase.values())), alive


def _real(members: np.ndarray, phases: np.ndarray, space: AbstractFeatureSpace) -> list[np.ndarray]:
    """The real functions of an orbit, and of the opposite one of waves: coefficients of the features, orthonormal."""
    if isinstance(space, HermiteFunctions):
        real = np.zeros(space.size)
        real[members] = np.real(phases) / np.sqrt(len(members))
        return [real]
    assert isinstance(space, TorusWaves)
    h = len(space.half)
    c = np.zeros(2 * h - 1, complex)
    c[members] = phases
    out: list[np.ndarray] = []
    for factor in (1.0, 1j):
        each = factor * c
        each = each + np.conj(each[_opposite(np.arange(2 * h - 1), h)])
        real = np.concatenate([each[:1].real, np.sqrt(2) * each[1:h].real, -np.sqrt(2) * each[1:h].imag])
        for u in out:
            real = real - u * (u @ real)
        size = np.linalg.norm(real)
        if size > 1e-6 * np.sqrt(len(members)):
            out.append(real / size)
    return out
