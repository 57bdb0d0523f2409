"""A law of fields on a sphere: fluxes by partial integration against spherical harmonics; no pole is special."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.fields import Fields, Grid, Harmonics
from symdyn.fields.exponential import integrated_waves
from symdyn.model.fields.given import Given, completed
from symdyn.model.fields.law import FieldLaw, without_numbers


def on_sphere(
    law: FieldLaw, start: Fields, first: dict[str, np.ndarray], held: tuple[str, ...], given: Given, times: np.ndarray,
    rtol: float, max_steps: int,
) -> np.ndarray:  # fmt: skip
    """Values (t, f, latitude, longitude) of the evolving fields, without what is beyond the truncation."""
    assert start.grid.sphere is not None
    _check(law, start)
    h = Harmonics(start.grid.sphere)
    with double_precision():
        c = np.stack([np.asarray(h.analysed(first[name])) for name in law.evolving])
        plain, numbers = without_numbers(law)
        own = {name: jnp.asarray(first[name]) for name in held}
        rates = SphereRates(plain, h, Grid(start.grid.space), given, own, jnp.asarray(numbers))
        found = integrated_waves(rates, np.zeros(c.shape, complex), c, times, rtol=rtol, max_steps=max_steps)
        return np.asarray(h.points(found))


def _check(law: FieldLaw, start: Fields) -> None:
    if len(start.grid.space_axes) > 2:
        raise InputError("laws on a sphere are simulated on one surface; choose a level first")
    pair = {name for names in start.vectors for name in names} & set(law.evolving)
    if pair:
        raise InputError(
            f"cannot simulate {sorted(pair)} on a sphere: components of a wind are singular at the poles; identify "
            "laws of the vorticity and the divergence (rate_of=Fluxes), with given= for the wind"
        )
    inner = any(any(orders or ()) for piece in law.pieces or () for (_, orders), _ in piece.product)
    outer = any(any(piece.orders) for piece in law.pieces or ())
    if law.pieces is None or inner or (outer and not law.curved):
        raise InputError(
            "laws on a sphere are simulated in the form of fluxes: Fluxes or DivergenceForm with latitude="
        )


class SphereRates(eqx.Module):
    """The rates of the coefficients of the evolving fields: real and imaginary parts (2, f, m, l)."""

    law: FieldLaw = eqx.field(static=True)
    harmonics: Harmonics = eqx.field(static=True)
    grid: Grid = eqx.field(static=True)
    given: Any = eqx.field(static=True)
    held: dict[str, Any]
    numbers: Any

    def __call__(self, t, y):
        c, h = jax.lax.complex(*y), self.harmonics
        own = {name: h.points(c[k]) for k, name in enumerate(self.law.evolving)}
        values = completed(self.law, self.grid, self.given, self.held, own)
        products: dict[tuple, Any] = {}
        sums: dict[tuple, Any] = {}
        for k, piece in enumerate(self.law.pieces or ()):
            if piece.product not in products:
                products[piece.product] = self._product(t, values, piece.product)
            key = (piece.target, piece.orders)
            sums[key] = sums.get(key, 0.0) + self.numbers[k] * products[piece.product]
        out = [jnp.zeros(h.shape, c.dtype) for _ in self.law.evolving]
        for (target, orders), value in sums.items():
            out[target] = out[target] + self._flux(value, orders)
        rate = jnp.stack(out)
        return jnp.stack([jnp.real(rate), jnp.imag(rate)])

    def _product(self, t, values: dict, product):
        total = jnp.ones((len(self.harmonics.sphere.latitude), len(self.harmonics.sphere.longitude)))
        for (name, orders), power in product:
            total = total * (self._coordinate(t, name) if orders is None else values[name]) ** power
        return total

    def _coordinate(self, t, name: str):
        sphere = self.harmonics.sphere
        if name == sphere.names[0]:
            return jnp.asarray(sphere.latitude.array)[:, None]
        return jnp.asarray(sphere.longitude.array) if name == sphere.names[1] else t

    def _flux(self, value, orders: tuple[int, ...]):
        """Coefficients of northward fluxes of eastward fluxes of a value, one after the other."""
        h = self.harmonics
        steps = ["east"] * orders[1] + ["north"] * orders[0]
        if not steps:
            return h.analysed(value)
        found = None
        for step in steps:
            scaled = (value if found is None else h.points(found)) * h.cosine
            flux = (scaled, 0 * scaled) if step == "east" else (0 * scaled, scaled)
            found = h.vorticity_divergence(*flux)[1]
        return found
