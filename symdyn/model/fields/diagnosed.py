"""Fields that follow from the evolving ones at each instant."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.fields import Grid, Harmonics


@dataclass(frozen=True)
class RotationalWind:
    """The wind without divergence that has a given vorticity: for `simulate_field(..., given=RotationalWind())`.

    Parameters
    ----------
    vorticity: the name of the evolving field.
    wind: names of the components along `axes`, east and north on a sphere.
    axes: names of the two periodic axes that the components point along; of no meaning on a sphere.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> grid = sd.Grid((sd.Periodic("y", 0.0, 2 * np.pi, 8), sd.Periodic("x", 0.0, 2 * np.pi, 8)))
    >>> wind = sd.RotationalWind()(grid, {"vorticity": np.cos(grid.axes[1].points) + np.zeros((8, 1))})
    >>> bool(np.allclose(wind["v"][0], np.sin(grid.axes[1].points), atol=1e-6))
    True
    """

    vorticity: str = "vorticity"
    wind: tuple[str, str] = ("u", "v")
    axes: tuple[str, str] = ("x", "y")

    def __call__(self, grid: Grid, values: dict) -> dict:
        """The wind by name from values (latitude, longitude) or (..., *axes of space), of any resolution."""
        if self.vorticity not in values:
            raise InputError(f"RotationalWind needs {self.vorticity!r}; the law moves {', '.join(values)}")
        q = jnp.asarray(values[self.vorticity])
        if grid.sphere is not None:
            h = Harmonics(grid.sphere)
            c = h.analysed(q)
            secant = jnp.asarray(1 / np.maximum(h.cosine, 1e-9) * ~grid.sphere.poles[:, None])
            return {name: each * secant for name, each in zip(self.wind, h.wind(c, 0 * c), strict=True)}
        axes = grid.space_axes
        place = [[axis.name for axis in axes].index(name) for name in self.axes]
        if len(axes) != 2 or any(axis.period is None for axis in axes):
            raise InputError("RotationalWind needs a sphere or two periodic axes")
        k = [
            jnp.asarray(2 * np.pi / (axis.period or 1.0) * np.fft.fftfreq(n, 1 / n)).reshape(shape)
            for axis, n, shape in zip(axes, q.shape, ((-1, 1), (1, -1)), strict=True)
        ]
        square = k[0] ** 2 + k[1] ** 2
        psi = -jnp.fft.fft2(q) / jnp.where(square == 0, jnp.inf, square)
        u, v = -1j * k[place[1]] * psi, 1j * k[place[0]] * psi
        return {name: jnp.fft.ifft2(each).real for name, each in zip(self.wind, (u, v), strict=True)}
