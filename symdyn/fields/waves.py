"""Fields on periodic axes as sums of waves: derivatives are exact there, and products can be free of aliases."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.fields.axes import Periodic


@dataclass(frozen=True)
class Waves:
    r"""The waves of a periodic grid: $u(x) = \sum_k c_k e^{i k x}$, all $|k|$ below the highest of the grid.

    The coefficients of real fields have the shape (..., 2 h + 1, ..., h + 1): on the last axis those of $k \ge 0$. The
    wave of an even number of samples that changes its sign from point to point is left out, since it has no derivative.

    Parameters
    ----------
    axes: `Periodic` axes, in the order of the arrays.
    degree: the highest degree of products that are to be free of aliases. `points` gives values on a grid finer by
        (degree + 1) / 2, on which the products are made (Orszag's rule; 3/2 for squares).

    Raises InputError for axes with ends.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> from symdyn.fields.waves import Waves
    >>> waves = Waves((sd.Periodic("x", 0.0, 2 * np.pi, 8),))
    >>> waves.shape, waves.fine
    ((4,), (10,))
    >>> np.round(np.asarray(waves.transformed(np.cos(2 * waves.axes[0].points))), 6) + 0.0
    array([0. +0.j, 0. +0.j, 0.5+0.j, 0. +0.j], dtype=complex64)
    """

    axes: tuple[Periodic, ...]
    degree: int = 2

    def __post_init__(self):
        for axis in self.axes:
            if not isinstance(axis, Periodic):
                raise InputError(f"waves need periodic axes; {axis.name!r} has ends")

    @cached_property
    def highest(self) -> tuple[int, ...]:
        """The number of the highest wave along each axis."""
        return tuple((axis.n - 1) // 2 for axis in self.axes)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Of the coefficients."""
        return (*(2 * h + 1 for h in self.highest[:-1]), self.highest[-1] + 1)

    @cached_property
    def coarse(self) -> tuple[int, ...]:
        """Samples of the grid."""
        return tuple(axis.n for axis in self.axes)

    @cached_property
    def fine(self) -> tuple[int, ...]:
        """Samples along each axis where products are made: none of their waves is taken for one up to h."""
        from scipy.fft import next_fast_len

        return tuple(next_fast_len(h * (self.degree + 1) + 1, real=True) or 1 for h in self.highest)

    @cached_property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """Angular wave numbers along each axis, shaped to broadcast against coefficients."""
        out = []
        for depth, (axis, h) in enumerate(zip(self.axes, self.highest, strict=True)):
            last = depth == len(self.axes) - 1
            count = np.arange(h + 1) if last else np.r_[0 : h + 1, -h:0]
            out.append(
                (2 * np.pi / axis.length * count).reshape([-1 if k == depth else 1 for k in range(len(self.axes))])
            )
        return tuple(out)

    def symbol(self, orders: tuple[int, ...]) -> np.ndarray:
        """What a derivative of the given orders multiplies the coefficients by, of the shape of the coefficients."""
        factors = [(1j * k) ** order for k, order in zip(self.numbers, orders, strict=True)]
        return np.broadcast_to(prod(factors, start=np.ones((), complex)), self.shape)

    @cached_property
    def laplacian(self) -> np.ndarray:
        """The symbol of the Laplacian, real."""
        return np.broadcast_to(-sum(k**2 for k in self.numbers), self.shape)

    def derivative(self, name: str, order: int = 1) -> np.ndarray:
        """The symbol of a derivative along one axis by its name."""
        names = [axis.name for axis in self.axes]
        return self.symbol(tuple(order if each == name else 0 for each in names))

    def points(self, coefficients, *, fine: bool = True):
        """Values (..., *samples) of JAX coefficients (..., *shape), on the fine grid or that of the axes."""
        size, d = self.fine if fine else self.coarse, len(self.axes)
        whole = jnp.zeros((*coefficients.shape[:-d], *size[:-1], size[-1] // 2 + 1), coefficients.dtype)
        whole = whole.at[(..., *self._places(size))].set(coefficients)
        return jnp.fft.irfftn(whole, s=size, axes=range(-d, 0), norm="forward")

    def transformed(self, values):
        """Coefficients (..., *shape) of JAX values (..., *samples) on either grid."""
        d = len(self.axes)
        whole = jnp.fft.rfftn(jnp.asarray(values), axes=range(-d, 0), norm="forward")
        return whole[(..., *self._places(values.shape[-d:]))]

    def _places(self, size: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        rows = [np.r_[0 : h + 1, n - h : n] for h, n in zip(self.highest[:-1], size[:-1], strict=True)]
        return np.ix_(*rows, np.arange(self.highest[-1] + 1))
