"""Laws of stochastic systems: the drift and the diffusion of a trajectory with noise in its dynamics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError, SymdynError
from symdyn._types import StateSpace, Variable, double_precision
from symdyn.data.door import read
from symdyn.data.recording import Recording, Trajectory
from symdyn.library import AbstractLibrary, Monomials
from symdyn.model._simulate import labelled, read_start, read_times
from symdyn.model.model import Model, rates_at
from symdyn.regress._identify import settings_of
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import fitted_recording
from symdyn.regress.solution import Settings, Solution


@dataclass(frozen=True, eq=False)
class StochasticLaw:
    r"""The law dx = f(x) dt + S(x) dW with S S^T = D.

    `drift`: the solution for f; `diffusion`: the solution for the entries of D, whose targets are named `D_x_y`;
    `pairs`: the components that each of them belongs to.
    """

    drift: Solution
    diffusion: Solution
    pairs: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        matrix = [line.replace("d ", "", 1).replace("/dt = ", " = ", 1) for line in self.diffusion.equations]
        return "\n".join([*self.drift.equations, *matrix])

    def simulate(self, start, times, *, key, step: float | None = None, runs: int = 1):
        """Integrate sample paths by the Euler-Maruyama method (strong order 1/2).

        Parameters
        ----------
        start, times: as for `symdyn.simulate`.
        key: a JAX random key; each start and run has a Wiener process of its own.
        step: of the integration, in the unit of time; a tenth of the shortest interval of `times` by default.
        runs: sample paths from the start; with more than one, or with several starts, there is a leading dimension.

        Returns a Dataset of the state variables. Raises InputError for a start or times that do not fit, SymdynError
        where a path is not finite.
        """
        import jax

        model = self.drift.model
        model.check_closed()
        t, coordinate = read_times(times, model.time_unit)
        x0, dims = read_start(model.space, start)
        if runs > 1:
            if len(x0) > 1:
                raise InputError(f"{len(x0)} starts and runs={runs}: give one start, or runs=1")
            x0, dims = np.repeat(x0, runs, axis=0), {"run": np.arange(runs)}
        step = float(np.diff(t).min()) / 10 if step is None else step
        if not 0 < step <= np.diff(t).min():
            raise InputError(f"the step must be positive and at most the shortest interval of times, got {step!r}")
        noise = _Noise(self.diffusion.model, model.space.indices(model.targets).tolist(), self.pairs, model.space.size)
        with double_precision():
            states = np.asarray(
                _paths(model, noise, jnp.asarray(x0), jnp.asarray(t), step, jax.random.split(key, len(x0)))
            )
        if not np.isfinite(states).all():
            raise SymdynError("a sample path is not finite: take a smaller step, or shorter times")
        return labelled(model.space, states, coordinate, dims)


class _Noise(eqx.Module):
    """S(x), (n, d): the root of the diffusion matrix, with negative variances taken as zero."""

    diffusion: Model
    places: list[int] = eqx.field(static=True)
    pairs: tuple[tuple[int, int], ...] = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def __call__(self, t, x, args=None):
        d = len(self.places)
        entries = self.diffusion.rate(jnp.concatenate([x, jnp.zeros(len(self.pairs), x.dtype)]))
        matrix = jnp.zeros((d, d), x.dtype)
        for value, (i, j) in zip(entries, self.pairs, strict=True):
            matrix = matrix.at[i, j].set(value).at[j, i].set(value)
        values, vectors = jnp.linalg.eigh(matrix)
        root = vectors * jnp.sqrt(jnp.maximum(values, 0.0)) @ vectors.T
        return jnp.zeros((self.size, d), x.dtype).at[jnp.asarray(self.places)].set(root)


@eqx.filter_jit
def _paths(model, noise: _Noise, x0, t, step, keys):
    import diffrax
    import jax

    def one(x, key):
        shape = jax.ShapeDtypeStruct((len(noise.places),), x.dtype)
        wiener = diffrax.VirtualBrownianTree(t[0], t[-1], tol=step / 4, shape=shape, key=key)
        terms = diffrax.MultiTerm(diffrax.ODETerm(model), diffrax.ControlTerm(noise, wiener))
        saved = diffrax.SaveAt(ts=t)
        return diffrax.diffeqsolve(terms, diffrax.Euler(), t[0], t[-1], step, x, saveat=saved, max_steps=None).ys

    return jax.vmap(one)(x0, keys)


def identify_stochastic(
    data,
    *,
    library: AbstractLibrary | None = None,
    noise_library: AbstractLibrary | None = None,
    cross: bool = False,
    **options,
) -> StochasticLaw:
    r"""Drift and diffusion of a stochastic system from its increments (Kramers-Moyal coefficients).

    $$f(x) = \langle \Delta x \rangle / \Delta t, \qquad
    D_{ij}(x) = \langle (\Delta x_i - f_i \Delta t)(\Delta x_j - f_j \Delta t) \rangle / \Delta t$$

    for dx = f dt + S dW, D = S S^T, both as sparse regressions on terms of the state. Both hold to first order in the
    sampling interval, which must be short beside the relaxation times; noise of the measurement adds to D.

    Reference: Siegert, Friedrich, Peinke 1998, Physics Letters A 243, 275; Boninsegna, Nueske, Clementi 2018, Journal
    of Chemical Physics 148, 241723.

    Parameters
    ----------
    data: as for `identify`, states only.
    library: candidate terms of the drift; `Monomials(2)` by default.
    noise_library: candidate terms of the entries of D; `Monomials(2)` by default.
    cross: whether the entries of D between different components are sought too.
    options: as for `identify`: solver, selection, constraints (of the drift), variables, rate_of, inputs, ...

    Returns a `StochasticLaw`. Raises InputError for second-order laws, maps or a differentiation method.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> rng, x = np.random.default_rng(0), np.zeros(50_000)
    >>> for k, kick in enumerate(rng.normal(size=len(x) - 1)):
    ...     x[k + 1] = x[k] - 0.01 * x[k] + 0.1 * 0.5 * kick
    >>> law = sd.identify_stochastic({"time": 0.01 * np.arange(len(x)), "x": x}, library=sd.Monomials(3))
    >>> law.drift.active_terms, law.diffusion.active_terms
    (('x',), ('1',))
    """
    for name in ("order", "discrete", "differentiation", "rates", "known"):
        if options.get(name):
            raise InputError(f"{name} does not apply to a stochastic law: it is found from the increments")
    settings = settings_of(library=library, **options)
    if settings.action is not None:
        raise InputError("action does not apply to a stochastic law yet: leave it out, or constrain the drift by names")
    recording = read(data, settings.reading)
    moving = tuple(name for name in recording.space.names if name not in recording.inputs)
    recording = replace(recording, targets=recording.targets if settings.reading.rate_of else moving, kinematics=())
    columns = recording.space.indices(recording.targets)
    runs = tuple(_increments(run, columns) for run in recording.trajectories)
    drift = solution_of(fitted_recording(replace(recording, trajectories=runs), settings))
    names = recording.target_space.component_names
    pairs = tuple(
        (i, j) for i, j in combinations_with_replacement(range(len(names)), 2) if cross or i == j
    )  # fmt: skip
    spread = _squares(replace(recording, trajectories=runs), drift.model, names, pairs)
    inner = noise_library or Monomials(2)
    known = _Within(inner, recording.space)
    own = Settings(settings.reading, known, None, settings.solver, None, 1, settings.selection)
    return StochasticLaw(drift, solution_of(fitted_recording(spread, own)), pairs)


@dataclass(frozen=True)
class _Within(AbstractLibrary):
    """A library bound to the state of the drift, whatever further variables the recording has."""

    library: AbstractLibrary
    space: StateSpace

    def on(self, space: StateSpace):
        return self.library.on(self.space)


def _increments(run: Trajectory, columns: np.ndarray) -> Trajectory:
    """The samples but the last, with the increments over the time to the next as rates."""
    step = np.diff(run.times)[:, None]
    weights = np.where(run.weights[1:] > 0, run.weights[:-1], 0.0)
    rates = np.diff(run.states[:, columns], axis=0) / step
    return Trajectory(run.label, run.times[:-1], run.states[:-1], rates, weights)


def _squares(recording: Recording, drift: Model, names: tuple[str, ...], pairs) -> Recording:
    """The recording with the squared increments about the drift, over time, as rates of further variables."""
    labels = tuple(f"D_{names[i]}_{names[j]}" for i, j in pairs)
    runs: list[Any] = []
    for run in recording.trajectories:
        with double_precision():
            found = np.asarray(rates_at(drift, np.asarray(run.states)))
        step = np.diff(run.times, append=2 * run.times[-1] - run.times[-2])[:, None]
        left = (np.asarray(run.rates) - found) * np.sqrt(step)
        rates = np.column_stack([left[:, i] * left[:, j] for i, j in pairs])
        runs.append(replace(run, states=np.column_stack([run.states, 0.0 * rates]), rates=rates))
    space = StateSpace((*recording.space.variables, *(Variable(label) for label in labels)))
    return replace(recording, space=space, targets=labels, trajectories=tuple(runs))
