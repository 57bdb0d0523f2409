"""Laws that are linear in their weights, and conditions of symmetry as linear functions of these weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.library import AbstractTerms
from symdyn.library.evaluate import pushed_at
from symdyn.model.model import Model, known_rates
from symdyn.regress.evidence.claims import Claim
from symdyn.symmetry.discovery.fields import Candidates, Fields, monomials_at

POINTS = 320  # states at which conditions are taken, at least


@dataclass(frozen=True, eq=False)
class Frame:
    """All laws dx/dt = known + Theta(x) (offset + sum_k w_k B_k) of a state.

    Of a map x -> Phi(x) the "rates" are the steps Phi(x) - x: an affine field or element is a symmetry of one as of
    the other, the condition is the same bracket, and it is measured by how far the map moves.

    `terms`; `space`: the whole state; `into`: the components whose rates the terms give; `basis` (r, C) and `offset`
    (C,): flat coefficients; `given`: a model whose kinematics, clock and known part are the rest of the rates.
    """

    terms: AbstractTerms
    space: StateSpace
    into: np.ndarray
    basis: np.ndarray
    offset: np.ndarray
    given: Any

    @classmethod
    def of(cls, model: Model) -> Frame:
        """The laws that a model's weights span. Raises InputError where the rate of some component is not known."""
        if not model.discrete:
            model.check_closed()
        r = len(np.asarray(model.weights))
        offset = np.asarray(model.subspace.offset).ravel()
        basis = np.asarray(model.subspace.basis).reshape(r, offset.size)
        return cls(model.terms, model.space, model.space.indices(model.targets), basis, offset, model)

    def widened(self) -> Frame:
        """The same with every coefficient of the library free."""
        size = self.offset.size
        return Frame(self.terms, self.space, self.into, np.eye(size), np.zeros(size), self.given)

    def rates(self, points: np.ndarray) -> np.ndarray:
        """Rates at points (m, n) as a linear function of (w, 1): shape (m, n, r + 1)."""
        return self._in_weights(self._terms(points, None)[0], points, None)

    def slopes(self, points: np.ndarray, tangents: np.ndarray) -> np.ndarray:
        """Derivatives of the rates along tangents (m, n), as a linear function of (w, 1): shape (m, n, r + 1)."""
        return self._in_weights(self._terms(points, tangents)[1], points, tangents)

    def values(self, points: np.ndarray) -> np.ndarray:
        """Values of the terms at points, flat: (m, p) or (m, p d)."""
        return self._terms(points, None)[0].reshape(len(points), -1)

    def _in_weights(self, theta: np.ndarray, points: np.ndarray, tangents: np.ndarray | None) -> np.ndarray:
        m, d, n = len(points), len(self.into), self.space.size
        table = np.concatenate([self.basis, self.offset[None]])
        out = np.zeros((m, n, len(table)))
        if theta.ndim == 3:  # vector terms: one coefficient for all components
            out[:, self.into] = np.einsum("mpd,rp->mdr", theta, table)
        else:
            out[:, self.into] = np.einsum("mp,rpd->mdr", theta, table.reshape(len(table), theta.shape[1], d))
        out[:, :, -1] += self._rest(points, tangents)
        return out

    def _rest(self, points: np.ndarray, tangents: np.ndarray | None) -> np.ndarray:
        """What the model knows of the rates without its terms, or how that changes along tangents: (m, n)."""
        model, out = self.given, np.zeros(points.shape)
        if model.discrete:
            out[:, self.into] -= (points if tangents is None else tangents)[:, self.into]
        for a, b in model.kinematics if not model.discrete else ():
            out[:, self.space.slice(a)] = (points if tangents is None else tangents)[:, self.space.slice(b)]
        if model.clock and not model.discrete and tangents is None:
            out[:, self.space.slice(model.clock)] = 1.0
        if model.known is not None:

            def known(x):
                return known_rates(model.known, self.space, model.targets, x)

            along = np.zeros_like(points) if tangents is None else tangents
            with double_precision():
                pair = jax.vmap(lambda x, v: jax.jvp(known, (x,), (v,)))(jnp.asarray(points), jnp.asarray(along))
                out[:, self.into] += np.asarray(pair[0 if tangents is None else 1])
        return out

    def _terms(self, points: np.ndarray, tangents: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        columns = self.space.indices(self.terms.space.names)
        x, v = points[:, columns], np.zeros_like(points) if tangents is None else tangents
        v, exponents = v[:, columns], self.terms.monomials()
        if exponents is not None and not self.terms.value_shape:
            value = monomials_at(exponents, x)
            return value, value if tangents is None else monomials_at(exponents, x, v)
        with double_precision():
            value, pushed = pushed_at(self.terms, x, v)
            return np.asarray(value), np.asarray(pushed)


@dataclass(frozen=True, eq=False)
class Condition:
    """The condition of a symmetry as rows of (w, 1): |rows (w, 1)| is the defect, |speed (w, 1)| the size of the rates.

    Both in the root mean square over the domain, components measured by their spread in it; `size`: of the generator
    (root 2 for an element); the scale-free defect is their quotient.
    """

    rows: np.ndarray
    speed: np.ndarray
    size: float


def spread_of(points: np.ndarray) -> np.ndarray:
    """Standard deviation of each component of the points, 1 where it does not vary: (n,)."""
    scale = points.std(axis=0)
    return np.where(scale > 1e-12 * (np.abs(points).max(axis=0) + 1e-300), scale, 1.0)


def raw_rows(frame: Frame, claim: Claim, points: np.ndarray) -> tuple[np.ndarray, float]:
    r"""Rows (m n, r + 1) of the condition at points (m, n), and the size of the generator.

    A field: $DV \xi - (\partial_t + V) \xi + V \, \dot\tau$ with its motion $\tau$ of the time; an element: $V(g x) -
    s g V(x)$ for $t \to s t$. Raises InputError for a motion of the time that depends on the state, and for what is not
    linear in the weights of a map: fields that are not affine, and whatever concerns the time.
    """
    if frame.given.discrete:
        _check_affine(claim, points)
    scale, m = spread_of(points), len(points)
    rates = frame.rates(points)
    if claim.matrix is not None:
        turned = np.einsum("kl,mlr->mkr", claim.time * claim.matrix, rates)
        left = frame.rates(points @ claim.matrix.T) - turned
        return (left / scale[:, None]).reshape(-1, rates.shape[2]) / np.sqrt(m), float(np.sqrt(2))
    n = points.shape[1]
    z = placed(claim.field, points)
    motion = claim.field.moved(z)[:, :, 0]
    jacobian = np.stack([claim.field.moved(z, np.broadcast_to(e, z.shape))[:, :, 0] for e in np.eye(z.shape[1])], -1)
    left = frame.slopes(points, motion[:, -n:]) - np.einsum("mij,mjr->mir", jacobian[:, -n:, -n:], rates)
    if z.shape[1] > n:
        if np.abs(jacobian[:, 0, 1:]).max() > 1e-12 * np.abs(jacobian).max(initial=1e-300):
            raise InputError(f"{claim.text}: a motion of the time that depends on the state is not tested")
        left[:, :, -1] -= jacobian[:, -n:, 0]
        left = left + jacobian[:, :1, :1] * rates
    return (left / scale[:, None]).reshape(-1, rates.shape[2]) / np.sqrt(m), size_of(motions(claim.field, points))


def _check_affine(claim: Claim, points: np.ndarray) -> None:
    """Raise InputError where D Phi xi - xi(Phi) is no linear condition on the weights of a map."""
    if claim.time != 1.0 or (claim.field is not None and claim.field.space.size != points.shape[1]):
        raise InputError(f"{claim.text}: a map has no time; test elements and fields of the state alone")
    if claim.field is None:
        return
    slopes = np.stack(
        [claim.field.moved(points, np.broadcast_to(e, points.shape))[:, :, 0] for e in np.eye(points.shape[1])], -1
    )
    if np.abs(slopes - slopes[0]).max() > 1e-9 * max(np.abs(slopes).max(), 1e-300):
        raise InputError(
            f"{claim.text}: of a map only affine fields can be tested, for xi(Phi(x)) is not linear in the weights of "
            "Phi otherwise; find_symmetries takes others"
        )


def placed(field: Fields | Candidates, points: np.ndarray) -> np.ndarray:
    """States (m, n) as points of a field's space, at random times where it has a time: (m, N)."""
    if field.space.size == points.shape[1]:
        return points
    times = np.random.default_rng(5).uniform(-1.5, 1.5, (len(points), 1))
    return np.concatenate([times, points], axis=1)


def motions(fields: Fields | Candidates, points: np.ndarray) -> np.ndarray:
    """How fields (g,) move the state, in units of its spread, and how fast the time runs: (m (n + 1), g) / root m."""
    n, z = points.shape[1], placed(fields, points)
    moved = fields.moved(z)
    out = np.zeros((len(z), n + 1, moved.shape[2]))
    out[:, :n] = moved[:, -n:] / spread_of(points)[:, None]
    if z.shape[1] > n:
        out[:, n] = fields.moved(z, np.broadcast_to(np.eye(1, z.shape[1]), z.shape))[:, 0]
    return out.reshape(-1, moved.shape[2]) / np.sqrt(len(z))


def size_of(motion: np.ndarray) -> float:
    """The size of one field, from its motions; 1 for a shift of time, which moves no state."""
    return float(np.linalg.norm(motion)) or 1.0


def speed_rows(frame: Frame, points: np.ndarray) -> np.ndarray:
    """Rows (k, r + 1) whose norm at (w, 1) is the root mean square of the rates."""
    rates = frame.rates(points) / spread_of(points)[:, None]
    return reduced(rates.reshape(-1, rates.shape[2]) / np.sqrt(len(points)))


def reduced(rows: np.ndarray) -> np.ndarray:
    """At most as many rows as columns, with the same Gram matrix."""
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > rows.shape[1] else rows


def condition(frame: Frame, claim: Claim, points: np.ndarray) -> Condition:
    """The condition of one claim at points (m, n) of the domain."""
    rows, size = raw_rows(frame, claim, points)
    return Condition(reduced(rows), speed_rows(frame, points), size)
