r"""Convolutions on periodic and plane grids, and fields of coefficients that may depend on the place.

A kernel acts on a wave e^{ikx} as a multiplier, so that (Kf)(y) = int k(y - x) f(x) dx is a product in Fourier space:
no error of discretisation arises for fields that the grid resolves, and shifts by samples, quarter turns and
reflections are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from symdyn._errors import InputError
from symdyn._types import Frozen
from symdyn.fields import Grid, Periodic
from symdyn.fields.axes import is_even
from symdyn.groups import Group
from symdyn.neural.carriers import ZERO, Block, Carrier
from symdyn.neural.operators.kernels import AbstractKernels, tensor_elements, tensor_generators
from symdyn.neural.operators.steerable import Steerable


@dataclass(frozen=True)
class Motions:
    """How a subgroup of E(n) moves space: x -> A x + a for generators, orthogonal matrices for elements.

    Raises InputError for what stretches or shears, and for nonlinear generators.
    """

    turns: Frozen
    shifts: Frozen
    elements: Frozen
    labels: tuple[str, ...] = ()
    element_labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, group: Group | None, n: int) -> Motions:
        """Those of a group on R^n; of none of them where the group is None."""
        if group is None:
            return cls(Frozen(np.zeros((0, n, n))), Frozen(np.zeros((0, n))), Frozen(np.zeros((0, n, n))))
        if group.algebra.n != n:
            raise InputError(f"{group.name} moves {group.algebra.n} coordinates; the grid has {n} axes")
        generators = group.algebra.generators
        if generators.degree > 1:
            raise InputError(f"{group.name} moves space nonlinearly; kernels know subgroups of E({n})")
        A, a, E = np.asarray(generators.linear_part), np.asarray(generators.constant_part), group.elements.array
        A, a = A.reshape(-1, n, n), a.reshape(-1, n)
        for k, label in enumerate(group.algebra.labels):
            if np.abs(A[k] + A[k].T).max(initial=0.0) > ZERO:
                raise InputError(f"{label!r} of {group.name} is no rotation or shift; kernels know subgroups of E({n})")
        for label, g in zip(group.labels, E, strict=True):
            if np.abs(g @ g.T - np.eye(n)).max() > 1e-9:
                raise InputError(f"{label!r} of {group.name} is not orthogonal; kernels know subgroups of E({n})")
        return cls(Frozen(A), Frozen(a), Frozen(E), group.algebra.labels, group.labels)

    def tensors(self, degree: int) -> Block:
        """The matrices on symmetric tensors: shifts do nothing."""
        made = tensor_generators(degree, self.turns.array)
        return Block(Frozen(made), Frozen(tensor_elements(degree, self.elements.array)))

    def places(self, highest: int) -> Block:
        """The matrices on `place_functions`: shifts in units of length / 2 pi; turns about each place do nothing."""
        n = self.turns.shape[-1]
        waves = place_waves(n, highest)
        size = 2 * len(waves)
        generators = np.zeros((len(self.shifts), size, size))
        for w, q in enumerate(waves):
            rate = self.shifts.array @ q
            generators[:, 2 * w, 2 * w + 1], generators[:, 2 * w + 1, 2 * w] = -rate, rate
        elements = np.zeros((len(self.elements), size, size))
        number = {q: (w, 1.0) for w, q in enumerate(waves)} | {
            tuple(-c for c in q): (w, -1.0) for w, q in enumerate(waves)
        }
        for e, g in enumerate(self.elements.array):
            for w, q in enumerate(waves):
                image = tuple(np.round(g.T @ q).astype(int).tolist())
                if image not in number or np.abs(g.T @ q - image).max() > 1e-9:
                    raise InputError("coefficients that depend on the place know quarter turns and reflections only")
                v, sign = number[image]
                elements[e, 2 * w, 2 * v], elements[e, 2 * w + 1, 2 * v + 1] = 1.0, sign
        return Block(Frozen(generators), Frozen(elements))


@lru_cache(maxsize=32)
def place_waves(n: int, highest: int) -> tuple[tuple[int, ...], ...]:
    """Wave numbers up to `highest` along each axis, one of q and -q, without 0."""
    every = product(range(-highest, highest + 1), repeat=n)
    return tuple(q for q in every if q > tuple(-c for c in q))


def coordinate_order(grid: Grid) -> tuple[int, ...]:
    """The number of the axis of the array for each coordinate of space: by the names of axes, x before y before z."""
    names = [axis.name for axis in grid.space_axes]
    return tuple(sorted(range(len(names)), key=lambda k: names[k]))


@lru_cache(maxsize=64)
def padding(grid: Grid, reach: float) -> tuple[int, ...]:
    """How many samples are added along each axis of the array: none on periodic ones, zeros beyond ends.

    Raises InputError for axes that are not even.
    """
    out = []
    for axis in grid.space_axes:
        if not is_even(axis.points):
            raise InputError(f"kernels need even samples along {axis.name!r}; interpolate the field to such a grid")
        more = 0 if isinstance(axis, Periodic) else axis.size
        out.append(min(more, int(np.ceil(reach / axis.spacing))) if np.isfinite(reach) else more)
    return tuple(out)


@lru_cache(maxsize=64)
def wave_vectors(grid: Grid, pads: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Wave vectors (n, *waves), in the order of coordinates, of a real transform, and which waves have a direction."""
    rows, whole = [], []
    for depth, (axis, pad) in enumerate(zip(grid.space_axes, pads, strict=True)):
        count = axis.size + pad
        step = (axis.points[-1] - axis.points[0]) / (axis.size - 1)
        k = 2 * np.pi * (np.fft.rfftfreq(count, step) if depth == len(pads) - 1 else np.fft.fftfreq(count, step))
        alive = np.ones(len(k), bool)
        if count % 2 == 0:
            alive[count // 2] = False
        rows.append(k)
        whole.append(alive)
    mesh = np.meshgrid(*rows, indexing="ij")
    alive = np.logical_and.reduce(np.meshgrid(*whole, indexing="ij"))
    return np.stack([mesh[k] for k in coordinate_order(grid)]), alive


@lru_cache(maxsize=64)
def multiplier_table(kernels: AbstractKernels, degree: int, grid: Grid, pads: tuple[int, ...]) -> np.ndarray:
    """(copies, entries, *waves), zero for the waves that change sign from sample to sample."""
    k, alive = wave_vectors(grid, pads)
    return kernels.multipliers(degree, k) * alive


class PlaneKernel(eqx.Module):
    """A convolution with a matrix of kernels, on periodic axes and axes with ends beyond which all is zero."""

    weights: Steerable
    kernels: AbstractKernels = eqx.field(static=True)

    def __init__(self, source: Carrier, target: Carrier, kernels, motions: Motions, kept, elements, *, key, dtype):
        self.kernels = kernels
        parts = [(motions.tensors(d), kernels.copies) for d in kernels.degrees]
        self.weights = Steerable(source, target, parts, kept, elements, key=key, dtype=dtype)

    def steerable(self) -> list:
        """What holds weights that may break a symmetry."""
        return [self.weights]

    def prepared(self, grid: Grid) -> Multiplied:
        """The same map on a grid with its multipliers written out."""
        pads = padding(grid, self.kernels.reach())
        tables = [multiplier_table(self.kernels, d, grid, pads) for d in self.kernels.degrees]
        return Multiplied(self.weights.matrices(tables), pads)


class Multiplied(eqx.Module):
    """Waves multiplied by matrices (d, n, *waves)."""

    matrix: Array
    pads: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, values: Array) -> Array:
        """Fields (n, *grid) to fields (d, *grid)."""
        axes = tuple(range(1, 1 + len(self.pads)))
        shape = values.shape[1:]
        wide = tuple(s + p for s, p in zip(shape, self.pads, strict=True))
        waves = jnp.fft.rfftn(values, s=wide, axes=axes)
        made = jnp.einsum("oi...,i...->o...", self.matrix, waves)
        out = jnp.fft.irfftn(made, s=wide, axes=axes).astype(values.dtype)
        return out[(slice(None), *(slice(0, s) for s in shape))]


class PlaneCoefficients(eqx.Module):
    """f + W(y) f, with a matrix W that is a sum of waves of the place: what breaks shifts."""

    weights: Steerable
    highest: int = eqx.field(static=True)

    def __init__(self, carrier: Carrier, highest: int, motions: Motions, kept, elements, *, key, dtype):
        self.highest = highest
        parts = [(motions.places(highest), 1)]
        self.weights = Steerable(carrier, carrier, parts, kept, elements, key=key, dtype=dtype)

    def steerable(self) -> list:
        """What holds weights that may break a symmetry."""
        return [self.weights] if self.weights.weights else []

    def prepared(self, grid: Grid) -> Coefficients:
        """The same map on a grid with its matrices written out."""
        return Coefficients(
            self.weights.matrices([place_functions(grid, self.highest)]) if self.weights.weights else None
        )


class Coefficients(eqx.Module):
    """f + W f with matrices W (d, d, *grid)."""

    matrix: Array | None

    def __call__(self, values: Array) -> Array:
        """Fields (d, *grid) to fields (d, *grid)."""
        return values if self.matrix is None else values + jnp.einsum("oi...,i...->o...", self.matrix, values)


@lru_cache(maxsize=32)
def place_functions(grid: Grid, highest: int) -> np.ndarray:
    """cos and sin of q 2 pi (y - start) / length for the waves q; on axes with ends from the middle, (1, w, *grid)."""
    angles = []
    for axis in grid.space_axes:
        start = axis.points[0] if isinstance(axis, Periodic) else 0.5 * (axis.points[0] + axis.points[-1])
        length = axis.length if isinstance(axis, Periodic) else 2 * np.ptp(axis.points)
        angles.append(2 * np.pi * (axis.points - start) / length)
    mesh = np.meshgrid(*angles, indexing="ij")
    ordered = [mesh[k] for k in coordinate_order(grid)]
    out = []
    for q in place_waves(len(ordered), highest):
        phase = sum(c * x for c, x in zip(q, ordered, strict=True))
        out += [np.cos(phase), np.sin(phase)]
    return np.stack(out)[None]
