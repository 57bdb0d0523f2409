r"""The flow between neighbouring nodes by Hermite-Simpson collocation, with its exact first derivatives.

$$d_i = b - a - \tfrac{h}{6} (f(a) + 4 f(m) + f(b)), \qquad m = \tfrac{a + b}{2} + \tfrac{h}{8} (f(a) - f(b))$$

for neighbouring nodes a, b with step h: of fourth order, and symmetric in time (Hargraves, Paris 1987, J. Guidance 10,
338). Laws are affine in the weights, so all that is differentiated is the law with respect to the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._types import StateSpace, double_precision
from symdyn.data.recording import Recording
from symdyn.library import AbstractTerms
from symdyn.model.model import AbstractModel, Model, known_rates
from symdyn.regress.joint.bordered import Normal
from symdyn.regress.joint.descent import AbstractProblem
from symdyn.regress.joint.grid import TimeGrid


class SingleEntries(NamedTuple):
    """A basis of weights each of which is the coefficient of one term in one target.

    `terms` (K,): the place of the term; `table` (K, d): the entry of the basis, zero for the other targets.
    """

    terms: np.ndarray
    table: np.ndarray


def compact(basis: np.ndarray) -> np.ndarray | SingleEntries:
    """A basis (K, p, d) as `SingleEntries` where that is what it is: then K numbers do instead of K p d."""
    table = np.asarray(basis)
    if table.ndim != 3 or not (np.count_nonzero(table, axis=(1, 2)) == 1).all():
        return table
    places = np.abs(table).max(axis=2).argmax(axis=1)
    return SingleEntries(places, table[np.arange(len(table)), places])


class Field(AbstractModel):
    """A law with all its coefficients (p, d) or (p,) as an argument, and the moving components of its state.

    `moving`: places of the components that move; `given`: those of the inputs, (m,).
    """

    terms: AbstractTerms
    coefficients: Any
    space: StateSpace = eqx.field(static=True)
    targets: tuple[str, ...] = eqx.field(static=True)
    kinematics: tuple[tuple[str, str], ...] = eqx.field(static=True)
    time_unit: str = eqx.field(static=True)
    inputs: tuple[str, ...] = eqx.field(static=True)
    clock: str = eqx.field(static=True)
    discrete: bool = eqx.field(static=True)
    known: Callable | None = eqx.field(static=True)

    def rate(self, x):
        """The rate of the targets, (d,)."""
        learned = jnp.tensordot(self.coefficients, self.features(x), axes=((0,), (0,)))
        return learned if self.known is None else learned + known_rates(self.known, self.space, self.targets, x)

    def features(self, x):
        """The terms at a state, (p,) or (p, d)."""
        return self.terms(x if self.terms.space == self.space else x[self.space.indices(self.terms.space.names)])

    @property
    def moving(self) -> np.ndarray:
        """Places of the moving components in the state, (n,)."""
        names = tuple(name for name in self.space.names if name not in self.inputs)
        return np.asarray(self.space.indices(names))

    def whole(self, z, u):
        """The state from the moving components (n,) and the inputs (m,)."""
        x = jnp.zeros(self.space.size, z.dtype).at[self.moving].set(z)
        return x.at[self.space.indices(self.inputs)].set(u) if self.inputs else x

    def motion(self, z, u):
        """The rate of the moving components, (n,)."""
        x = self.whole(z, u)
        return AbstractModel.__call__(self, x[self.space.slice(self.clock)][0] if self.clock else 0.0, x)[self.moving]

    def by_weight(self, z, u, basis):
        """How the motion depends on the weights of a basis (K, p, d) or (K, p), or `SingleEntries`: (n, K)."""
        features = self.features(self.whole(z, u))
        if isinstance(basis, SingleEntries):
            rates = features[basis.terms][:, None] * basis.table
        else:
            rates = jnp.tensordot(basis, features, axes=((1,), (0,)))  # (K, d)
        whole = jnp.zeros((self.space.size, len(rates)), rates.dtype)
        return whole.at[self.space.indices(self.targets)].set(rates.T)[self.moving]


def field_of(terms: AbstractTerms, described: Recording, known: Callable | None, coefficients) -> Field:
    """The law of a recording with given coefficients."""
    clock = described.time_name if described.time_name in described.inputs else ""
    return Field(
        terms=terms, coefficients=coefficients, space=described.space, targets=described.targets,
        kinematics=described.kinematics, time_unit=described.time_unit, inputs=described.inputs, clock=clock,
        discrete=False, known=known,
    )  # fmt: skip


def field_of_model(model: Model) -> Field:
    """The law of a model, with its coefficients."""
    return Field(
        terms=model.terms, coefficients=np.asarray(model.coefficients), space=model.space, targets=model.targets,
        kinematics=model.kinematics, time_unit=model.time_unit, inputs=model.inputs, clock=model.clock,
        discrete=False, known=model.known,
    )  # fmt: skip


class Collocation(AbstractProblem):
    """The normal equations of the joint problem on a grid, at any nodes (T, n) and weights (K,)."""

    def __init__(self, field: Field, grid: TimeGrid, offset: np.ndarray, basis: np.ndarray):
        self.field, self.grid, self.offset, self.basis = field, grid, offset, basis
        self.directions = compact(basis)
        self.count, self.runs = grid.count, len(grid.starts)

    def __call__(self, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray, looseness: float) -> Normal:
        """`noise` (n,): standard deviations; `looseness`: that of a mean step, in units of the noise."""
        seen, stiff = self.prices(noise, looseness)
        with double_precision():
            found = _normal(
                self.field, self.offset, self.basis, self.directions, nodes, weights, self.grid.values, seen, stiff,
                self.grid.steps, self.grid.inputs, self.grid.middle,
            )  # fmt: skip
        return Normal(*(np.asarray(part) for part in found))

    def prices(self, noise: np.ndarray, looseness: float) -> tuple[np.ndarray, np.ndarray]:
        """The weights of squared residuals of the samples (T, n) and of the defects (T - 1, n)."""
        return prices_on(self.grid, noise, looseness)

    def residual(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weighted sums of squared residuals of each component, (n,)."""
        return np.sum(self.grid.weights * (nodes - self.grid.values) ** 2, axis=0)


def prices_on(grid: TimeGrid, noise: np.ndarray, looseness: float) -> tuple[np.ndarray, np.ndarray]:
    """The weights of squared residuals of the samples (T, n) and of the defects (T - 1, n).

    A defect is a random step: its variance grows with the time that it spans.
    """
    steps = grid.steps
    share = np.where(steps > 0, steps / steps[steps > 0].mean(), 1.0)
    stiff = np.where(steps > 0, 1.0 / share, 0.0)[:, None] / (looseness * noise) ** 2
    return grid.weights / noise**2, stiff


@eqx.filter_jit
def _normal(field, offset, basis, directions, nodes, weights, values, seen, stiff, steps, inputs, middle):
    field = eqx.tree_at(lambda f: f.coefficients, field, offset + jnp.tensordot(weights, basis, axes=1))

    def parts(z, u):
        rate = jax.linearize(lambda state: field.motion(state, u), z)
        return rate[0], jax.vmap(rate[1], out_axes=1)(jnp.eye(len(z))), field.by_weight(z, u, directions)

    f, slope, terms = jax.vmap(parts)(nodes, inputs)
    a, b, one, h, h3 = nodes[:-1], nodes[1:], jnp.eye(nodes.shape[1]), steps[:, None], steps[:, None, None]
    between = 0.5 * (a + b) + h / 8 * (f[:-1] - f[1:])
    fm, slope_m, terms_m = jax.vmap(parts)(between, middle)
    live = (h > 0).astype(a.dtype)
    defect = live * (b - a - h / 6 * (f[:-1] + 4 * fm + f[1:]))
    left = -one - h3 / 6 * (slope[:-1] + 4 * slope_m @ (one / 2 + h3 / 8 * slope[:-1]))
    right = one - h3 / 6 * (slope[1:] + 4 * slope_m @ (one / 2 - h3 / 8 * slope[1:]))
    by_weight = -h3 / 6 * (terms[:-1] + terms[1:] + 4 * (terms_m + slope_m @ (h3 / 8 * (terms[:-1] - terms[1:]))))
    return assembled(nodes - values, seen, defect, stiff, left, right, by_weight)


def assembled(residual, seen, defect, stiff, left, right, by_weight, xp=jnp):
    """The normal equations from residuals (T, n), defects (T - 1, n) and their Jacobians, with their weights.

    `xp`: the module that computes, JAX or NumPy.
    """

    def turned(m):
        return xp.swapaxes(m, 1, 2)

    def spread(at_left, at_right):  # parts of each step's left and right node, summed at the nodes
        none = xp.zeros((1, *at_left.shape[1:]))
        return xp.concatenate([at_left, none]) + xp.concatenate([none, at_right])

    heavy, pull = stiff[..., None] * by_weight, stiff * defect
    diagonal = seen[:, :, None] * xp.eye(seen.shape[1])
    diagonal = diagonal + spread(turned(left) @ (stiff[..., None] * left), turned(right) @ (stiff[..., None] * right))
    below = turned(right) @ (stiff[..., None] * left)
    border = spread(turned(left) @ heavy, turned(right) @ heavy)
    flat = by_weight.reshape(-1, by_weight.shape[2])
    corner = flat.T @ heavy.reshape(flat.shape)
    pulls = (turned(left) @ pull[..., None])[..., 0], (turned(right) @ pull[..., None])[..., 0]
    gradient = seen * residual + spread(*pulls)
    data, loose = xp.sum(seen * residual**2), xp.sum(stiff * defect**2)
    return data, loose, diagonal, below, border, corner, gradient, flat.T @ pull.reshape(-1)
