r"""Multiple shooting: the law integrated by diffrax through segments, with the states at their starts as nodes.

The objective is that of the collocation with exact flows: the samples of a segment are compared with the trajectory
from its node, and the trajectory must reach the next node (Bock 1981; Baake, Baake, Bock, Briggs 1992, Physical Review
A 45, 5524). Segments are short beside the time in which errors grow, so nothing explodes, and with the looseness near
zero they join to one trajectory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._types import double_precision
from symdyn.model.inputs import sampled_path
from symdyn.regress.joint.bordered import Normal
from symdyn.regress.joint.collocation import Field, assembled
from symdyn.regress.joint.descent import AbstractProblem
from symdyn.regress.joint.grid import Observed

LONGEST = 256  # samples in a segment
TIGHT = 1e-12  # relative tolerance of the integration: the absolute one, a share of the noise, decides
STEPS = 4096  # of the integration of one segment


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of the runs: `times` (S, m + 1) of the samples, filled up with the end, which stands last; `values`
    and `weights` (S, m, n), zero where filled up; `bridged` (S - 1,): whether a segment ends where the next begins;
    `nodes`: the index of each start among the samples of all runs; `run` (S,)."""

    times: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    bridged: np.ndarray
    nodes: np.ndarray
    run: np.ndarray


def segments(runs: tuple[Observed, ...], cuts: list[np.ndarray]) -> Segments:
    """The runs cut at some of their samples: `cuts` holds the indices of the starts, for each run."""
    pieces: list[tuple[int, int, int, int]] = []
    offset, nodes = 0, []
    for number, (run, starts) in enumerate(zip(runs, cuts, strict=True)):
        last = len(run.times) - 1
        for a, b in zip(starts, [*starts[1:], last + 1], strict=True):
            pieces.append((number, int(a), int(b), min(int(b), last)))
            nodes.append(offset + int(a))
        offset += last + 1
    m, n = max(b - a for _, a, b, _ in pieces), runs[0].values.shape[1]
    times = np.zeros((len(pieces), m + 1))
    values, weights = np.zeros((2, len(pieces), m, n))
    for k, (number, a, b, end) in enumerate(pieces):
        run = runs[number]
        times[k] = run.times[end]
        times[k, : b - a] = run.times[a:b]
        values[k, : b - a], weights[k, : b - a] = run.values[a:b], run.weights[a:b]
    owner = np.array([number for number, *_ in pieces])
    return Segments(times, values, weights, owner[1:] == owner[:-1], np.array(nodes), owner)


class Shooting(AbstractProblem):
    """The normal equations of the joint problem in segments, at any nodes (S, n) and weights (K,)."""

    def __init__(self, field: Field, pieces: Segments, runs, offset: np.ndarray, basis: np.ndarray, sharp: np.ndarray):
        """`sharp` (n,): absolute tolerances of the integration, a small part of the noise."""
        self.field, self.pieces, self.offset, self.basis, self.sharp = field, pieces, offset, basis, sharp
        self.count = (pieces.weights > 0).sum(axis=(0, 1))
        self.runs = int(pieces.run[-1]) + 1
        self.paths: Any = None
        if field.inputs:
            with double_precision():
                t = max(len(run.times) for run in runs)
                parts = [_padded(run, t) for run in runs]
                paths = [sampled_path(*part, "cubic" if t > 2 else "linear") for part in parts]
                self.paths = jax.tree.map(lambda *leaves: jnp.stack(leaves)[pieces.run], *paths)

    def __call__(self, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray, looseness: float) -> Normal:
        """`noise` (n,): standard deviations; `looseness`: that of the joints, in units of the noise."""
        return Normal(*self._found(nodes, weights, noise, looseness)[0])

    def _found(self, nodes: np.ndarray, weights: np.ndarray, noise: np.ndarray, looseness: float):
        """The parts of the normal equations, and the weighted sums of squared residuals (n,), in noise variances."""
        p, stiff = self.pieces, self.prices(noise, looseness)[1]
        with double_precision():
            found = _normal(
                self.field, self.offset, self.basis, nodes, weights, p.times, p.values, p.weights / noise**2, stiff,
                self.paths, self.sharp,
            )  # fmt: skip
        return jax.tree.map(np.asarray, found)

    def prices(self, noise: np.ndarray, looseness: float) -> tuple[np.ndarray, np.ndarray]:
        """What holds each node (S, n), and the weights of the squared gaps at the joints (S - 1, n)."""
        stiff = self.pieces.bridged[:, None] / (looseness * noise) ** 2
        return self.pieces.weights.sum(axis=1) / noise**2, np.broadcast_to(stiff, (len(stiff), len(noise)))

    def residual(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The weighted sums of squared residuals of each component, (n,)."""
        # the normal equations are compiled already: to compile the states alone takes longer than this does
        return self._found(nodes, weights, np.ones(nodes.shape[1]), 1.0)[1]


def _padded(run: Observed, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (t,) and inputs (t, m) of a run, held beyond its end."""
    extra = t - len(run.times)
    times = np.append(run.times, run.times[-1] + np.arange(1, extra + 1))
    return times, np.concatenate([run.inputs, np.repeat(run.inputs[-1:], extra, axis=0)])


def _solved(field: Field, offset, basis, x, w, times, path, sharp):
    """States (m + 1, n) at the times of a segment, from its node."""
    import diffrax

    law = eqx.tree_at(lambda f: f.coefficients, field, offset + jnp.tensordot(w, basis, axes=1))

    def motion(t, z, args):
        given = jnp.zeros(0) if path is None else path.evaluate(t)
        return law.motion(z, given)

    return diffrax.diffeqsolve(
        diffrax.ODETerm(motion), diffrax.Tsit5(), times[0], times[-1], None, x, saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=diffrax.PIDController(rtol=TIGHT, atol=sharp), max_steps=STEPS, throw=False,
        adjoint=diffrax.ForwardMode(),
    ).ys  # fmt: skip


@eqx.filter_jit
def _normal(field, offset, basis, nodes, weights, times, values, seen, stiff, paths, sharp):
    n = nodes.shape[1]

    def one(x, t, path):
        def flow(both):
            states = _solved(field, offset, basis, both[:n], both[n:], t, path, sharp)
            return states, states

        slope, states = jax.jacfwd(flow, has_aux=True)(jnp.concatenate([x, weights]))
        return states, slope

    states, slope = jax.vmap(one, (0, 0, None if paths is None else 0))(nodes, times, paths)
    residual, ends = states[:, :-1] - values, states[:-1, -1]
    by_node, by_weight = slope[:, :-1, :, :n], slope[:, :-1, :, n:]
    live = (stiff > 0).any(axis=1)
    defect = jnp.where(live[:, None], nodes[1:] - ends, 0.0)
    zero = jnp.zeros_like(nodes)
    left, right = -slope[:-1, -1, :, :n], jnp.broadcast_to(jnp.eye(n), (len(defect), n, n))
    found = assembled(zero, zero, defect, stiff, left, right, -slope[:-1, -1, :, n:])
    heavy = seen[..., None]
    squares = jnp.sum(seen * residual**2, axis=(0, 1))
    added = (
        jnp.sum(squares), 0.0, jnp.einsum("stca,stcb->sab", by_node, heavy * by_node), 0.0,
        jnp.einsum("stca,stck->sak", by_node, heavy * by_weight),
        jnp.einsum("stck,stcl->kl", by_weight, heavy * by_weight),
        jnp.einsum("stca,stc->sa", by_node, seen * residual), jnp.einsum("stck,stc->k", by_weight, seen * residual),
    )  # fmt: skip
    return tuple(a + b for a, b in zip(found, added, strict=True)), squares


@eqx.filter_jit
def _slopes(field, states, inputs):
    return jax.vmap(jax.jacfwd(field.motion))(states, inputs)


def cuts_by_growth(field: Field, run: Observed, states: np.ndarray, noise: np.ndarray, growth: float) -> np.ndarray:
    """Where to cut a run, as indices of samples: errors grow at most `growth`-fold within a segment.

    `field`: with its coefficients; `states` (t, n): the trajectory at the samples. The flow from sample to sample is
    that of the trapezoidal rule, with components in units of their noise.
    """
    with double_precision():
        slopes = np.asarray(_slopes(field, states, run.inputs))
    slopes = slopes * noise / noise[:, None]
    one, product, starts, most = np.eye(len(noise)), np.eye(len(noise)), [0], len(run.times) - 2
    for k, h in enumerate(np.diff(run.times)):
        middle = 0.25 * h * (slopes[k] + slopes[k + 1])
        # large steps: the exact exponential of a stable law stays bounded, the trapezoidal one too
        product = np.linalg.solve(one - middle, one + middle) @ product
        grown = np.linalg.norm(product, 2) > growth or k + 1 - starts[-1] >= LONGEST
        if grown and k + 1 <= most and k + 1 - starts[-1] >= 2:
            starts.append(k + 1)
            product = np.eye(len(noise))
    return np.array(starts)


def cuts_by_length(run: Observed, length: float) -> np.ndarray:
    """Where to cut a run into segments that last about `length`, at least two samples each."""
    label = np.floor((run.times - run.times[0]) / length * (1 + 1e-12)).astype(int)
    starts = [0]
    for k in range(2, len(run.times) - 1):
        if label[k] > label[starts[-1]] and k - starts[-1] >= 2:
            starts.append(k)
    return np.array(starts)
