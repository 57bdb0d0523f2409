r"""Kernels on the sphere by spherical harmonics: zonal ones for scalars, and for winds by vorticity and divergence.

An equivariant kernel between scalars depends on the angle between two places only and multiplies the coefficients of
each degree l by a number (Driscoll and Healy 1994). A wind is the gradient of one scalar and the turned gradient of
another; in the normalised vector harmonics equivariant kernels between scalars and winds are matrices for each l. What
breaks rotations are coefficients of the place: harmonics Y of low degree, which multiply, and their gradients, which
join scalars and winds.
"""

from __future__ import annotations

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from symdyn._errors import InputError
from symdyn._types import Frozen, double_precision
from symdyn.fields import Grid, Harmonics
from symdyn.groups import Group
from symdyn.neural.carriers import Block, Carrier
from symdyn.neural.intertwiners import canonical, null_space
from symdyn.neural.linear import normal
from symdyn.neural.operators.kernels import AbstractKernels
from symdyn.neural.operators.steerable import FREE


@lru_cache(maxsize=16)
def harmonics_of(grid: Grid) -> Harmonics:
    """The harmonics of a grid of a whole sphere. Raises InputError for another grid."""
    if grid.sphere is None or len(grid.space) != 1:
        raise InputError("kernels on a sphere need a grid of a sphere and no further axis of space")
    return Harmonics(grid.sphere)


def spins(carrier: Carrier) -> tuple[np.ndarray, np.ndarray]:
    """Where scalars (s,) and tangent vectors (v, 2) stand. Raises InputError for other quantities."""
    scalars: list[np.ndarray] = [np.zeros(0, int)]
    vectors: list[np.ndarray] = [np.zeros((0, 2), int)]
    for block, places in zip(carrier.blocks, carrier.places, strict=True):
        if block.size > 2 or (block.size == 2 and block.still):
            raise InputError("fields on a sphere are made of sd.Scalar and sd.Vector (tangent vectors)")
        (scalars if block.size == 1 else vectors).append(places.array.ravel() if block.size == 1 else places.array)
    return np.concatenate(scalars), np.concatenate(vectors)


class ZonalKernel(eqx.Module):
    """All kernels between scalars and winds that every rotation of the sphere leaves as they are.

    `weights` (d, n, copies): d and n count scalars, then the two potentials of each wind.
    """

    weights: Array
    kernels: AbstractKernels = eqx.field(static=True)
    source: Carrier = eqx.field(static=True)
    target: Carrier = eqx.field(static=True)

    def __init__(self, source: Carrier, target: Carrier, kernels: AbstractKernels, *, key, dtype):
        self.kernels, self.source, self.target = kernels, source, target
        n, d = (sum(x.shape[0] * (x.ndim) for x in spins(c)) for c in (source, target))
        self.weights = jnp.asarray(normal(key, (d, n, kernels.copies), dtype) / np.sqrt(n).astype(dtype))

    def steerable(self) -> list:
        """Nothing here breaks a rotation."""
        return []

    def prepared(self, grid: Grid) -> Zonal:
        """The same map on a grid with its multipliers written out."""
        h = harmonics_of(grid)
        k = np.sqrt(-h.laplacian[0])  # sqrt(l (l + 1)) / radius
        radial = jnp.asarray(self.kernels.radial(k), self.weights.dtype)
        return Zonal(jnp.einsum("oic,cl->oil", self.weights, radial), h, self.source, self.target)


class Zonal(eqx.Module):
    """Coefficients of each degree multiplied by matrices (d, n, l)."""

    matrix: Array
    harmonics: Harmonics = eqx.field(static=True)
    source: Carrier = eqx.field(static=True)
    target: Carrier = eqx.field(static=True)

    def __call__(self, values: Array) -> Array:
        """Fields (n, latitude, longitude) to fields (d, latitude, longitude)."""
        h, dtype = self.harmonics, values.dtype
        size = np.sqrt(-h.laplacian[0])
        inverse = np.where(size > 0, 1 / np.where(size > 0, size, 1.0), 0.0)
        scalars, vectors = spins(self.source)
        found = [h.analysed(values[scalars])]
        if len(vectors):
            u, v = values[vectors[:, 0]] * h.cosine.astype(dtype), values[vectors[:, 1]] * h.cosine.astype(dtype)
            found += [each * inverse.astype(dtype) for each in h.vorticity_divergence(u, v)]
        made = jnp.einsum("oil,iml->oml", self.matrix, jnp.concatenate(found))
        scalars, vectors = spins(self.target)
        s, w = len(scalars), len(vectors)
        parts = [h.points(made[:s]).astype(dtype)]
        if w:
            swirl, source = (made[s + w * a : s + w * (a + 1)] * size.astype(dtype) for a in (0, 1))
            secant = np.sqrt(h.secant2)[:, None].astype(dtype)
            parts += [each.astype(dtype) * secant for each in h.wind(swirl, source)]
        order = np.argsort(np.concatenate([scalars, vectors[:, 0], vectors[:, 1]]))
        return jnp.concatenate(parts)[order]


class SphereCoefficients(eqx.Module):
    r"""f + P f with P(y) = sum_a W_a T_a(y): T_a the real harmonics Y_a of degrees 1 to `highest`, and their gradients.

    Y_a multiplies scalars and winds (turned or not), the gradient and the turned gradient of Y_a join them. Rotations
    change the numbers a by the matrices of each degree, and P is symmetric where W does not change. `weights` (r, m):
    coordinates of a in what `kept` leaves, for each of m pairs of channels.
    """

    weights: Array
    basis: Frozen = eqx.field(static=True)
    changes: Frozen = eqx.field(static=True)
    highest: int = eqx.field(static=True)
    carrier: Carrier = eqx.field(static=True)

    def __init__(self, carrier: Carrier, highest: int, turns: np.ndarray, kept: np.ndarray, *, key, dtype):
        self.highest, self.carrier = highest, carrier
        blocks = [harmonic_generators(degree, turns) for degree in range(1, highest + 1)]
        size = sum(b.shape[-1] for b in blocks)
        whole, start = np.zeros((len(turns), size, size)), 0
        for b in blocks:
            here = slice(start, start + b.shape[-1])
            whole[:, here, here], start = b, here.stop
        enforced = np.tensordot(kept, whole, 1)
        one = Block(Frozen(enforced), Frozen(np.zeros((0, size, size))))
        basis = canonical(null_space(enforced.reshape(-1, size), one, one)) if len(kept) else np.eye(size)
        self.basis = Frozen(basis.reshape(-1, size))
        self.changes = Frozen(np.einsum("gab,ra->grb", whole, self.basis.array))  # of rows of coefficients
        scalars, vectors = (len(x) for x in spins(carrier))
        many = scalars**2 + 4 * scalars * vectors + 2 * vectors**2
        free = FREE / np.sqrt(max(carrier.size * size, 1))
        self.weights = jnp.asarray(normal(key, (len(self.basis), many), dtype) * np.asarray(free, dtype))

    def steerable(self) -> list:
        """What holds weights that may break a symmetry."""
        return [self]

    def broken(self) -> Array:
        """What each rotation changes in the coefficients, (m, g)."""
        made = jnp.einsum("rm,grb->mbg", self.weights, self.changes.array.astype(self.weights.dtype))
        return made.reshape(-1, self.changes.shape[0])

    def broken_elements(self) -> Array:
        """Of discrete elements there are none, (m, 0)."""
        return jnp.zeros((self.broken().shape[0], 0), self.weights.dtype)

    def prepared(self, grid: Grid) -> Tangent:
        """The same map on a grid with its matrices written out."""
        scalars, vectors = spins(self.carrier)
        s, v, d = len(scalars), len(vectors), self.carrier.size
        tables = [t.astype(self.weights.dtype) for t in place_tensors(grid, self.highest)]
        W = jnp.einsum("rm,ra->ma", self.weights, self.basis.array.astype(self.weights.dtype))
        parts = jnp.split(W, np.cumsum([s * s, 2 * s * v, 2 * s * v]))
        Y, G = tables  # (a, *grid), (a, 2, *grid)
        both = np.stack([G, np.stack([-G[:, 1], G[:, 0]], axis=1)])  # gradients and turned ones, (2, a, 2, *grid)
        turn = np.array([[[1.0, 0], [0, 1]], [[0, -1], [1, 0]]], G.dtype)
        ss = jnp.einsum("oia,ayx->oiyx", parts[0].reshape(s, s, len(Y)), Y)
        sv = jnp.einsum("oiba,bajyx->oijyx", parts[1].reshape(s, v, 2, len(Y)), both)
        vs = jnp.einsum("oiba,bajyx->ojiyx", parts[2].reshape(v, s, 2, len(Y)), both)
        vv = jnp.einsum("oiba,bjk,ayx->ojikyx", parts[3].reshape(v, v, 2, len(Y)), turn, Y)
        shape = Y.shape[1:]
        top = jnp.concatenate([ss, sv.reshape(s, 2 * v, *shape)], axis=1)
        bottom = jnp.concatenate([vs.reshape(2 * v, s, *shape), vv.reshape(2 * v, 2 * v, *shape)], axis=1)
        order = np.argsort(np.concatenate([scalars, vectors.ravel()]))
        return Tangent(jnp.concatenate([top, bottom])[order][:, order] if d else top)


class Tangent(eqx.Module):
    """f + P f with matrices P (d, d, latitude, longitude)."""

    matrix: Array

    def __call__(self, values: Array) -> Array:
        """Fields (d, latitude, longitude) to fields of the same shape."""
        return values + jnp.einsum("oi...,i...->o...", self.matrix, values)


def real_harmonics(degree: int, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Real spherical harmonics of one degree and mean square 1, m = -degree .. degree, (2 degree + 1, ...)."""
    from symdyn.fields.harmonics import legendre

    shape = np.broadcast_shapes(latitude.shape, longitude.shape)
    P = legendre(degree, np.sin(np.broadcast_to(latitude, shape)).ravel())[:, degree].reshape(degree + 1, *shape)
    waves = [
        P[abs(m)] * 2.0 * (np.cos(m * longitude) if m > 0 else np.sin(-m * longitude))
        for m in range(-degree, degree + 1)
    ]
    waves[degree] = P[0] * np.sqrt(2.0)
    return np.stack(waves)


def harmonic_generators(degree: int, turns: np.ndarray) -> np.ndarray:
    """S' with d/dt Y(e^{tA} x) = S' Y(x) for rotations A (g, 3, 3): (g, 2 degree + 1, 2 degree + 1), antisymmetric."""
    rng = np.random.default_rng(degree)
    x = rng.normal(size=(3, 8 * degree + 8))
    x /= np.linalg.norm(x, axis=0)
    h = 1e-2
    offsets, weights = np.array([-3, -2, -1, 1, 2, 3]) * h, np.array([-1, 9, -45, 45, -9, 1]) / (60 * h)
    base = _at(degree, x)
    out = []
    for A in turns:
        rate = sum(w * _at(degree, _turned(A, t) @ x) for w, t in zip(weights, offsets, strict=True))
        S = np.linalg.lstsq(base.T, np.asarray(rate).T, rcond=None)[0].T
        out.append(_exact(0.5 * (S - S.T)))
    return np.reshape(out, (-1, 2 * degree + 1, 2 * degree + 1))


def _turned(A: np.ndarray, t: float) -> np.ndarray:
    from scipy.linalg import expm

    return expm(t * A)


def _at(degree: int, x: np.ndarray) -> np.ndarray:
    return real_harmonics(degree, np.arcsin(np.clip(x[2], -1, 1)), np.arctan2(x[1], x[0]))


def _exact(S: np.ndarray) -> np.ndarray:
    """Entries for rotations about the axes are half the square roots of integers: errors of differences go."""
    near = np.sign(S) * 0.5 * np.sqrt(np.round(4 * S**2))
    return near if np.abs(near - S).max(initial=0.0) < 1e-8 else S


@lru_cache(maxsize=16)
def place_tensors(grid: Grid, highest: int) -> tuple[np.ndarray, np.ndarray]:
    """Harmonics (a, lat, lon) and their gradients east and north (a, 2, lat, lon), each of mean square 1."""
    h = harmonics_of(grid)
    lat, lon = np.meshgrid(h.sphere.latitude.array, h.sphere.longitude.array, indexing="ij")
    values, slopes = [], []
    for degree in range(1, highest + 1):
        Y = real_harmonics(degree, lat, lon)
        with jax.ensure_compile_time_eval(), double_precision():
            c = h.analysed(jnp.asarray(Y)) * h.laplacian
            u, v = (np.asarray(each) * np.sqrt(h.secant2)[:, None] for each in h.wind(jnp.zeros_like(c), c))
        values.append(Y)
        slopes.append(np.stack([u, v], axis=1) * h.sphere.radius / np.sqrt(degree * (degree + 1)))
    return np.concatenate(values), np.concatenate(slopes)


def rotations_of(group: Group | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """The rotations (g, 3, 3) of a subgroup of SO(3) and their labels. Raises InputError for another group."""
    if group is None:
        return np.zeros((0, 3, 3)), ()
    A = np.asarray(group.algebra.generators.linear_part).reshape(-1, group.algebra.n, group.algebra.n)
    if group.algebra.n != 3 or group.elements.size or np.abs(A + np.swapaxes(A, 1, 2)).max(initial=0.0) > 1e-12:
        raise InputError(
            f"on a sphere {group.name} must be made of rotations about its middle: sd.SO(3), or a part of it"
        )
    return A, group.algebra.labels
