"""What a law is trained to match: rates at samples, or the states of short stretches of trajectories."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn.data.differentiate import AbstractDifferentiation, differentiated
from symdyn.data.recording import Recording, Trajectory, pieces
from symdyn.neural.law import NeuralLaw

Arrays = dict[str, Any]


class AbstractMatching(abc.ABC):
    """From data to arrays whose first axis is that of mini-batches, and the loss of a batch."""

    @abc.abstractmethod
    def rows(self, recording: Recording, law: NeuralLaw) -> Arrays:
        """Arrays of the same first axis; "states" (m, n) or (m, L, n) is one of them."""

    @abc.abstractmethod
    def loss(self, law: NeuralLaw, batch: Arrays, free: Arrays, done: Any = 1.0) -> Any:
        """The mean squared error of a batch in units of rates or states, with `done` (0 to 1) of the training over."""

    def free(self, rows: Arrays) -> Arrays:
        """What is fitted besides the weights, with the same first axis as the rows."""
        return {}


@dataclass(frozen=True)
class RateMatching(AbstractMatching):
    """Least squares of f(x) - dx/dt at the samples; of a discrete law, of the next state.

    `differentiation`: how rates are had from states: `sd.SavitzkyGolay(...)` and the like; by default the measured
    rates, else differences. The loss is the mean of the squared errors divided by the mean square of each target.
    """

    differentiation: AbstractDifferentiation | None = None

    def rows(self, recording: Recording, law: NeuralLaw) -> Arrays:
        if law.discrete:
            here = recording.space.indices(law.targets)
            runs = recording.trajectories
            weights = [_row_weights(run) for run in runs]
            return {
                "states": np.concatenate([run.states[:-1] for run in runs]),
                "rates": np.concatenate([run.states[1:, here] for run in runs]),
                "weights": np.concatenate([w[:-1] * w[1:] for w in weights])[:, None],
            }
        samples = differentiated(recording, self.differentiation)
        weights = samples.weights if samples.weights.ndim == 2 else samples.weights[:, None]
        kept = weights.max(axis=1) > 0
        columns = samples.target_space.indices(law.targets)
        weights = weights[:, columns] if weights.shape[1] > 1 else weights
        return {"states": samples.states[kept], "rates": samples.targets[kept][:, columns], "weights": weights[kept]}

    def loss(self, law: NeuralLaw, batch: Arrays, free: Arrays, done: Any = 1.0) -> Any:
        size = 1.0 if law.rate_scale is None else law.rate_scale.array.astype(batch["rates"].dtype)
        error = (jax.vmap(law.rate)(batch["states"]) - batch["rates"]) / size
        return jnp.mean(batch["weights"] * error**2)


@dataclass(frozen=True)
class TrajectoryMatching(AbstractMatching):
    """Multiple shooting: the law is integrated over stretches of `length` samples through diffrax and compared there.

    Parameters
    ----------
    length: samples of a stretch, at least 2 (one step); stretches share their ends.
    starts: "measured": each stretch starts from its first sample; "free": starts are fitted too, near the samples, and
        the end of a stretch is pulled to the start of the next (for noisy data).
    continuity: weight of that pull.
    substeps: steps of the solver between two samples; fixed, so that a gradient costs the same everywhere.
    method: a diffrax solver; `diffrax.Tsit5()` by default.
    curriculum: the share of the training in which stretches grow from two samples to their whole length: long ones of
        a law that is still wrong diverge, and their gradients say little. With 0 (default) they are always whole.
    adjoint: a diffrax adjoint, such as `diffrax.RecursiveCheckpointAdjoint(checkpoints=4)` for long stretches in little
        memory, or `diffrax.BacksolveAdjoint()`. By default the steps are differentiated as they were taken.

    The loss is the mean of the squared errors in units of the size of each variable.

    Reference: multiple shooting, Bock 1983; for neural laws, Turan and Jaeschke 2022, IEEE Control Systems Letters.
    """

    length: int = 5
    starts: Literal["measured", "free"] = "measured"
    continuity: float = 1.0
    substeps: int = 2
    method: Any = None
    curriculum: float = 0.0
    adjoint: Any = None

    def __post_init__(self):
        if not 0 <= self.curriculum <= 1:
            raise InputError(f"curriculum is a share of the training from 0 to 1, got {self.curriculum!r}")
        if self.curriculum and self.adjoint is not None:
            raise InputError(
                "a curriculum ends stretches early, and no adjoint of diffrax knows that: give one of them"
            )
        if self.length < 2 or self.substeps < 1:
            raise InputError(f"length must be >= 2 and substeps >= 1, got {self.length!r} and {self.substeps!r}")
        if self.starts not in ("measured", "free"):
            raise InputError(f'starts are "measured" or "free", got {self.starts!r}')

    def rows(self, recording: Recording, law: NeuralLaw) -> Arrays:
        times, states, weights, following = [], [], [], []
        for run in recording.trajectories:
            for a, b in pieces(run):
                begins = list(range(a, b - self.length + 1, self.length - 1))
                for k, at in enumerate(begins):
                    here = slice(at, at + self.length)
                    times.append(run.times[here] - (0.0 if law.clock else run.times[at]))
                    states.append(run.states[here])
                    weights.append(_row_weights(run)[here])
                    following.append(len(states) if k + 1 < len(begins) else -1)
        if not states:
            raise InputError(f"no trajectory has {self.length} samples without a gap; ask for a shorter length")
        return {
            "times": np.stack(times), "states": np.stack(states), "weights": np.stack(weights),
            "following": np.array(following),
        }  # fmt: skip

    def free(self, rows: Arrays) -> Arrays:
        return {"starts": rows["states"][:, 0]} if self.starts == "free" else {}

    def loss(self, law: NeuralLaw, batch: Arrays, free: Arrays, done: Any = 1.0) -> Any:
        states = batch["states"]
        size = 1.0 if law.scale is None else law.scale.array.astype(states.dtype)
        starts = free["starts"][batch["index"]] if free else states[:, 0]
        reach = self._reach(done)
        integrated = jax.vmap(self._integrated, in_axes=(None, 0, 0, 0, None))
        found = integrated(law, starts, batch["times"], states, reach)
        error = (found - states) / size * jnp.sqrt(batch["weights"])[..., None]
        if reach is not None:  # a mean over the samples that are reached
            L = self.length
            error = error * jnp.sqrt(jnp.where(jnp.arange(L) < reach, (L - 1) / (reach - 1), 0.0))[:, None]
        if not free:
            return jnp.mean(error[:, 1:] ** 2)
        follows = batch["following"][:, None] >= 0
        gap = (found[:, -1] - free["starts"][jnp.maximum(batch["following"], 0)]) / size
        joined = follows if reach is None else follows & (reach == self.length)
        return jnp.mean(error**2) + self.continuity * jnp.mean(jnp.where(joined, gap, 0.0) ** 2)

    def _reach(self, done):
        """How many samples of a stretch count, of which one is the start; None for all."""
        if not self.curriculum:
            return None
        grown = jnp.floor(jnp.asarray(done) / self.curriculum * (self.length - 1)).astype(int)
        return jnp.clip(grown + 2, 2, self.length)

    def _integrated(self, law: NeuralLaw, start, times, states, reach=None) -> Any:
        """States (L, n) from one start (n,) at times (L,); inputs run linearly between the samples.

        From sample `reach` on the state stays as it is.
        """
        import diffrax

        path = None
        if law.steered:
            path = diffrax.LinearInterpolation(times, states[:, law.space.indices(law.steered)])
        if law.discrete:

            def step(x, at):
                k, t = at
                later = law(t, x, path)
                return later if reach is None else jnp.where(k < reach - 1, later, x), law.given(t, x, path)

            return jax.lax.scan(step, start, (jnp.arange(len(times)), times))[1]
        inner = jnp.arange(self.substeps, dtype=times.dtype) / self.substeps
        ts = (times[:-1, None] + inner * jnp.diff(times)[:, None]).ravel()
        ts = jnp.append(ts, times[-1])
        term, solver = diffrax.ODETerm(law), self.method or diffrax.Tsit5()
        if self.adjoint is not None:
            return diffrax.diffeqsolve(
                term, solver, ts[0], ts[-1], None, start, path, saveat=diffrax.SaveAt(ts=times),
                stepsize_controller=diffrax.StepTo(ts=ts), adjoint=self.adjoint, max_steps=len(ts),
            ).ys  # fmt: skip

        def advance(carry, at):
            # steps of a fixed length need no controller, and a scan of them compiles several times as fast as a loop
            y, memory = carry
            later, _, _, memory, _ = solver.step(term, ts[at], ts[at + 1], y, path, memory, made_jump=False)
            y = later if reach is None else jnp.where(at < (reach - 1) * self.substeps, later, y)
            return (y, memory), y

        memory = solver.init(term, ts[0], ts[1], start, path)
        _, found = jax.lax.scan(advance, (start, memory), jnp.arange(len(ts) - 1))
        return jnp.concatenate([start[None], found[self.substeps - 1 :: self.substeps]])


def _row_weights(run: Trajectory) -> np.ndarray:
    return run.weights if run.weights.ndim == 1 else run.weights.mean(axis=1)
