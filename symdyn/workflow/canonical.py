"""Canonicalisation: each cloud of points is moved to one member of its orbit, and what was done is told."""

from __future__ import annotations

import abc
from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from symdyn._errors import InputError

Outputs = Literal["numbers", "vectors", "points"]


class Similarity(eqx.Module):
    """A motion of clouds X (m, d): row i of g(X) is scale matrix X[order[i]] + shift.

    `g(X)` moves points, `g.vectors(V)` moves vectors that sit at the points or, for V of shape (d,), one vector of the
    whole; `g @ h` is g after h; `g.inverse` undoes g.
    """

    matrix: Float[Array, "d d"]
    shift: Float[Array, " d"]
    scale: Float[Array, ""]
    order: Int[Array, " m"]

    @classmethod
    def identity(cls, x: Float[Array, "m d"]) -> Similarity:
        """What moves no cloud of the size of x."""
        (m, d), dtype = x.shape, x.dtype
        return cls(jnp.eye(d, dtype=dtype), jnp.zeros(d, dtype), jnp.ones((), dtype), jnp.arange(m))

    def __call__(self, x: Float[Array, "m d"]) -> Float[Array, "m d"]:
        return self.scale * x[self.order] @ self.matrix.T + self.shift

    def vectors(self, v: Array, *, weight: float = 1.0) -> Array:
        """Vectors (d,) or (m, d), turned, reordered and multiplied by scale^weight, but not shifted."""
        rows = v[self.order] if v.ndim == 2 else v
        return self.scale**weight * rows @ self.matrix.T

    def __matmul__(self, other: Similarity) -> Similarity:
        return Similarity(
            self.matrix @ other.matrix,
            self.scale * self.matrix @ other.shift + self.shift,
            self.scale * other.scale,
            other.order[self.order],
        )

    @property
    def inverse(self) -> Similarity:
        """The motion that undoes this one."""
        back = jnp.linalg.inv(self.matrix)
        return Similarity(back, -back @ self.shift / self.scale, 1 / self.scale, jnp.argsort(self.order))


class Canonical(eqx.Module):
    """A canonical cloud `point` (m, d), the `element` with element(point) = x, and the `margin` ().

    The margin is how far x is from where the canonical form jumps (or is not defined), relative to the size of x: the
    least gap of principal moments, skewness, keys of sorting. Below about the relative error of the data the form is
    a matter of chance, at rounding it is meaningless; infinite where there is no jump.
    """

    point: Float[Array, "m d"]
    element: Similarity
    margin: Float[Array, ""]


class AbstractCanonicalisation(eqx.Module):
    """A map from clouds (m, d) to one member of each orbit: canonical(g x) = canonical(x). Written for one cloud."""

    rank: ClassVar[int]  # composed in rising order: translations, scale, rotations, permutations

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud."""

    def __add__(self, other: AbstractCanonicalisation) -> CanonicalChain:
        return CanonicalChain((*_steps(self), *_steps(other)))


def _steps(c: AbstractCanonicalisation) -> tuple[AbstractCanonicalisation, ...]:
    return c.steps if isinstance(c, CanonicalChain) else (c,)


class Centred(AbstractCanonicalisation):
    """Translations: the mean of the points becomes the origin.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> sd.Centred()(jnp.array([[1.0, 2.0], [3.0, 4.0]])).point.tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """

    rank: ClassVar[int] = 0

    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud."""
        mean = x.mean(axis=0)
        one = Similarity.identity(x)
        return Canonical(x - mean, eqx.tree_at(lambda s: s.shift, one, mean), jnp.asarray(jnp.inf, x.dtype))


class UnitSize(AbstractCanonicalisation):
    """Scale: the root mean square distance of the points from the origin becomes one.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> sd.UnitSize()(jnp.array([[3.0, 4.0]])).point.tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    rank: ClassVar[int] = 1

    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud; the margin is 0 where all points are at the origin."""
        size = jnp.sqrt(jnp.mean(jnp.sum(x**2, axis=1)))
        empty = size == 0
        size = jnp.where(empty, 1.0, size)
        one = Similarity.identity(x)
        margin = jnp.where(empty, 0.0, jnp.inf).astype(x.dtype)
        return Canonical(x / size, eqx.tree_at(lambda s: s.scale, one, size), margin)


class FirstAxis(AbstractCanonicalisation):
    """SO(2), phases: the plane is turned until one point lies on the positive first axis.

    Continuous but where that point is at the origin. A complex amplitude is a point (real, imaginary).

    Parameters
    ----------
    reference: the row of the point.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> sd.FirstAxis()(jnp.array([[0.0, 2.0], [1.0, 0.0]])).point.tolist()
    [[2.0, 0.0], [0.0, -1.0]]
    """

    reference: int = eqx.field(default=0, static=True)
    rank: ClassVar[int] = 2

    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud of the plane."""
        if x.ndim != 2 or x.shape[1] != 2 or not -len(x) <= self.reference < len(x):
            raise InputError(f"FirstAxis({self.reference}) needs points of the plane (m, 2), got shape {x.shape}")
        u = x[self.reference]
        r = jnp.sqrt(jnp.sum(u**2))
        safe = jnp.where(r > 0, u, jnp.asarray([1.0, 0.0], x.dtype)) / jnp.where(r > 0, r, 1.0)
        Q = jnp.stack([safe, jnp.stack([-safe[1], safe[0]])], axis=1)
        size = jnp.sqrt(jnp.mean(jnp.sum(x**2, axis=1)))
        one = Similarity.identity(x)
        return Canonical(x @ Q, eqx.tree_at(lambda s: s.matrix, one, Q), r / jnp.where(size > 0, size, 1.0))


def principal_axes(x: Float[Array, "m d"]) -> tuple[Array, Array]:
    """Axes of the second moments about the origin as columns, largest first, and the least gap relative to the sum."""
    moments = x.T @ x
    w, V = jnp.linalg.eigh(moments)
    gap = jnp.min(jnp.diff(w)) if len(w) > 1 else jnp.asarray(jnp.inf, x.dtype)
    return V[:, ::-1], gap / jnp.where(w.sum() > 0, w.sum(), 1.0)


class PrincipalFrame(AbstractCanonicalisation):
    """SO(d) or O(d): the principal axes of the points become the coordinate axes, largest first.

    The sign of an axis makes the sum of third powers along it positive; for SO(d) the last sign follows from the
    orientation. Discontinuous where two moments are equal or a sum of third powers vanishes: clouds that are their own
    image under a half turn have no canonical frame of this kind (`FrameAveraged` has none to choose).

    Parameters
    ----------
    proper: SO(d) rather than O(d).

    Reference: Puny et al. 2022, Frame averaging, section 3.1, for the axes.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> cloud = jnp.array([[0.0, 3.0], [0.0, 0.5], [1.0, -1.0]])
    >>> turned = cloud @ jnp.array([[0.6, 0.8], [-0.8, 0.6]])
    >>> frame = sd.PrincipalFrame()
    >>> bool(jnp.allclose(frame(cloud).point, frame(turned).point, atol=1e-5))
    True
    """

    proper: bool = eqx.field(default=True, static=True)
    rank: ClassVar[int] = 2

    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud."""
        Q, gap = principal_axes(x)
        cubes = (x @ Q) ** 3
        third, whole = cubes.sum(axis=0), jnp.abs(cubes).sum(axis=0)
        signs = jnp.where(third < 0, -1.0, 1.0).astype(x.dtype)
        skew = jnp.abs(third) / jnp.where(whole > 0, whole, 1.0)
        if self.proper:
            others = jnp.prod(signs[:-1])
            signs = signs.at[-1].set(jnp.sign(jnp.linalg.det(Q)) * others)
            skew = skew[:-1]
        Q = Q * signs
        one = Similarity.identity(x)
        margin = jnp.min(jnp.append(skew, gap))
        return Canonical(x @ Q, eqx.tree_at(lambda s: s.matrix, one, Q), margin)


class Sorted(AbstractCanonicalisation):
    """Permutations of the points: rows in lexicographic order, the first component the major key.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> sd.Sorted()(jnp.array([[2.0, 0.0], [1.0, 5.0], [1.0, 3.0]])).point.tolist()
    [[1.0, 3.0], [1.0, 5.0], [2.0, 0.0]]
    """

    rank: ClassVar[int] = 3

    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud; the margin is the least gap of the major key where other keys differ."""
        order = jnp.lexsort(x.T[::-1])
        y = x[order]
        size = jnp.sqrt(jnp.mean(jnp.sum(x**2, axis=1)))
        same = jnp.all(y[1:] == y[:-1], axis=1)
        gaps = jnp.where(same, jnp.inf, jnp.diff(y[:, 0]))
        margin = jnp.min(gaps, initial=jnp.inf) / jnp.where(size > 0, size, 1.0)
        one = Similarity.identity(x)
        return Canonical(y, eqx.tree_at(lambda s: s.order, one, jnp.argsort(order)), margin)


class CanonicalChain(AbstractCanonicalisation):
    """Several canonicalisations one after the other, for the group that they generate; `a + b` makes it.

    Translations come first, then scale, rotations and permutations: so each step respects those before it. Raises
    InputError for another order, and for `FirstAxis` with `Sorted`, as a permutation takes its point elsewhere.

    Examples
    --------
    >>> import symdyn as sd
    >>> len((sd.Centred() + sd.UnitSize() + sd.PrincipalFrame() + sd.Sorted()).steps)
    4
    """

    steps: tuple[AbstractCanonicalisation, ...]
    rank: ClassVar[int] = 4

    def __check_init__(self):
        names = " + ".join(type(s).__name__ for s in self.steps)
        ranks = [s.rank for s in self.steps]
        if not ranks or any(b <= a for a, b in pairwise(ranks)):
            raise InputError(f"{names or 'nothing'}: the order is translations, scale, rotations, permutations")
        if {FirstAxis, Sorted} <= {type(s) for s in self.steps}:
            raise InputError(f"{names}: a permutation takes the point of FirstAxis elsewhere; use PrincipalFrame")

    def __call__(self, x: Float[Array, "m d"]) -> Canonical:
        """The canonical form of one cloud; the margin is the least of the steps."""
        element = Similarity.identity(x)
        margin = jnp.asarray(jnp.inf, x.dtype)
        for step in self.steps:
            found = step(x)
            x, element, margin = found.point, element @ found.element, jnp.minimum(margin, found.margin)
        return Canonical(x, element, margin)


class Canonicalised(eqx.Module):
    """Any function of a cloud, made invariant or equivariant by a canonicalisation.

    Exactly so, but where `canonical(x).margin` is near zero the result jumps: see `discontinuity`.

    Parameters
    ----------
    function: of one cloud (m, d).
    canonical: the canonicalisation.
    outputs: what the function gives: "numbers" stay; "vectors" (m, d) at the points or (d,) of the whole are turned
        back (and multiplied by the scale); "points" (m, d) are moved back.

    Examples
    --------
    >>> import jax.numpy as jnp, symdyn as sd
    >>> force = sd.Canonicalised(lambda x: jnp.sin(x), sd.FirstAxis(), "vectors")
    >>> x, turn = jnp.array([[0.3, 1.0], [0.5, 0.2]]), jnp.array([[0.0, -1.0], [1.0, 0.0]])
    >>> bool(jnp.allclose(force(x @ turn.T), force(x) @ turn.T, atol=1e-6))
    True
    """

    function: Callable
    canonical: AbstractCanonicalisation
    outputs: Outputs = eqx.field(default="numbers", static=True)

    def __check_init__(self):
        if self.outputs not in ("numbers", "vectors", "points"):
            raise InputError(f'outputs are "numbers", "vectors" or "points", got {self.outputs!r}')

    def __call__(self, x: Float[Array, "m d"]):
        """The value at one cloud (m, d)."""
        found = self.canonical(jnp.asarray(x))
        value = self.function(found.point)
        if self.outputs == "numbers":
            return value
        return found.element(value) if self.outputs == "points" else found.element.vectors(value)

    def discontinuity(self, x: Float[Array | np.ndarray, "k m d"], *, margin: float = 1e-3) -> float:
        """The share of clouds (k, m, d) within `margin` of a jump: what to look at before trusting a frame."""
        margins = eqx.filter_jit(eqx.filter_vmap(lambda c: self.canonical(c).margin))(jnp.asarray(x))
        return float(np.mean(np.asarray(margins) < margin))
