"""A law of fields on periodic axes: derivatives by Fourier series, products free of aliases, stiff parts exactly."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._types import double_precision
from symdyn.fields import Fields, Grid
from symdyn.fields.exponential import integrated_waves
from symdyn.fields.waves import Waves
from symdyn.groups.jets import jet_of
from symdyn.model.fields.given import Given, completed
from symdyn.model.fields.law import FieldLaw, Piece, Rule


def on_waves(
    law: FieldLaw, start: Fields, first: dict[str, np.ndarray], held: tuple[str, ...], given: Given, times: np.ndarray,
    rtol: float, max_steps: int,
) -> np.ndarray:  # fmt: skip
    """Values (t, f, *space) of the evolving fields."""
    waves = Waves(start.grid.space_axes, max(law.degree, 2))  # pyright: ignore[reportArgumentType]
    with double_precision():
        c = np.stack([np.asarray(waves.transformed(first[name])) for name in law.evolving])
        fine = {name: waves.points(waves.transformed(first[name])) for name in held}
    linear = np.einsum("ff...->f...", law.linear_symbols(waves.numbers)) + np.zeros(c.shape)
    about = _about_the_mean(law, waves, c)
    model = law.model if law.rule.pieces is None else None
    with double_precision():
        w = jnp.asarray(law.coefficients)
        rates = WaveRates(law.rule, w, model, waves, given, fine, jnp.asarray(np.real(about)), Grid(start.grid.space))
    found = integrated_waves(rates, linear + about, c, times, rtol=rtol, max_steps=max_steps)
    with double_precision():
        return np.asarray(waves.points(found, fine=False))


def _about_the_mean(law: FieldLaw, waves: Waves, c: np.ndarray) -> np.ndarray:
    r"""The damping that nonlinear diffusion $D^{2 k} u^p$ has about the mean of u, (f, *waves): it is stiff too."""
    out = np.zeros(c.shape, complex)
    for piece, coefficient in law.weighted:
        (name, orders), power = piece.product[0] if piece.product else (("", None), 0)
        alone = len(piece.product) == 1 and power > 1 and name == law.evolving[piece.target] and not any(orders or ())
        if alone and any(piece.orders) and all(order % 2 == 0 for order in piece.orders):
            mean = float(np.real(c[piece.target].reshape(-1)[0]))
            out[piece.target] += coefficient * power * mean ** (power - 1) * waves.symbol(piece.orders)
    return np.minimum(np.real(out), 0.0).astype(complex)


class WaveRates(eqx.Module):
    """The rates without what is integrated exactly: real and imaginary parts (2, f, *waves)."""

    rule: Rule = eqx.field(static=True)
    coefficients: Any
    model: Any  # of a law that is no polynomial
    waves: Waves = eqx.field(static=True)
    given: Any = eqx.field(static=True)
    held: dict[str, Any]
    about: Any
    grid: Grid = eqx.field(static=True)

    def __call__(self, t, y):
        c = jax.lax.complex(*y)
        out = -self.about * c + (self._by_jets(t, c) if self.rule.pieces is None else self._by_pieces(t, c))
        return jnp.stack([jnp.real(out), jnp.imag(out)])

    def _by_pieces(self, t, c):
        values = self._values(c)
        groups: dict[tuple, list[tuple[int, Piece]]] = {}
        for k, piece in enumerate(self.rule.pieces or ()):
            exact = piece.linear is not None and piece.linear[0] == self.rule.evolving[piece.target]
            if not exact:
                groups.setdefault(piece.product, []).append((k, piece))
        out = [jnp.zeros(self.waves.shape, c.dtype) for _ in self.rule.evolving]
        for product, pieces in groups.items():
            found = self._product(t, c, values, product)
            for k, piece in pieces:
                out[piece.target] = out[piece.target] + self.coefficients[k] * self.waves.symbol(piece.orders) * found
        return jnp.stack(out)

    def _values(self, c) -> dict:
        """Values of all fields on the fine grid."""
        own = {name: self.waves.points(c[k]) for k, name in enumerate(self.rule.evolving)}
        return completed(self.rule, self.grid, self.given, self.held, own)

    def _product(self, t, c, values: dict, product):
        """Coefficients of a product; those of one factor without the way over the points."""
        if len(product) == 1 and product[0][1] == 1 and product[0][0][0] in self.rule.evolving:
            (name, orders), _ = product[0]
            return self.waves.symbol(orders) * c[self.rule.evolving.index(name)]
        total = jnp.ones(self.waves.fine, y_dtype(c))
        for (name, orders), power in product:
            if orders is None:
                factor = self._coordinate(t, name)
            else:
                factor = values[name]
                if any(orders):
                    factor = self.waves.points(self.waves.symbol(orders) * self.waves.transformed(factor))
            total = total * factor**power
        return self.waves.transformed(total)

    def _coordinate(self, t, name: str):
        names = [axis.name for axis in self.waves.axes]
        if name not in names:
            return t
        k = names.index(name)
        axis, n = self.waves.axes[k], self.waves.fine[k]
        points = axis.start + axis.length / n * np.arange(n)
        return jnp.asarray(points).reshape([-1 if j == k else 1 for j in range(len(names))])

    def _by_jets(self, t, c):
        """The rates of a law that is no polynomial: its model at the jets of all points."""
        model, values = self.model, self._values(c)
        space = model.space
        jet, columns = jet_of(model.terms.space), [jnp.zeros(self.waves.fine, y_dtype(c))] * space.size
        still = (0,) * len(jet.coordinates)
        for name in space.coordinates:
            columns[space.indices((name,))[0]] = jnp.broadcast_to(self._coordinate(t, name), self.waves.fine)
        names = [model.terms.space.component_names[k] for k in jet.columns[still]]
        for orders, places in jet.columns.items():
            for name, place in zip(names, places, strict=True):
                value = values[name]
                if any(orders):
                    value = self.waves.points(self.waves.symbol(orders) * self.waves.transformed(value))
                columns[space.component_names.index(model.terms.space.component_names[place])] = value
        states = jnp.stack(columns).reshape(space.size, -1).T
        found = jax.vmap(model.rate)(states).T.reshape(-1, *self.waves.fine)
        rates = self.waves.transformed(found)
        first = len(self.rule.evolving) - len(rates)  # a law of second order moves the fields by their rates
        return jnp.concatenate([c[first:][:first], rates]) if first else rates


def y_dtype(c):
    """The real type of complex values."""
    return jnp.real(c).dtype
