"""The training loop: rounds of compiled steps, each followed by validation and a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._progress import tell
from symdyn._types import double_precision
from symdyn.data.recording import Recording, Trajectory
from symdyn.neural.law import NeuralLaw
from symdyn.neural.operators.law import OperatorLaw
from symdyn.neural.penalty import AbstractPenalty, LayerPenalty
from symdyn.neural.training.augment import Augmentation
from symdyn.neural.training.checkpoint import fingerprint, restored, store
from symdyn.neural.training.matching import AbstractMatching, RateMatching
from symdyn.neural.training.result import Outcome, Training, recorded
from symdyn.neural.training.split import held_out
from symdyn.neural.training.steps import State, compiled, first_state, placed


@dataclass(frozen=True)
class Options:
    """What `train` was asked for; its text is part of what a checkpoint belongs to."""

    match: AbstractMatching
    steps: int
    batch: int | None
    learning_rate: Any
    optimiser: Any
    penalty: AbstractPenalty | None
    patience: int | None
    every: int
    seeds: int
    augment: Augmentation | None = None
    devices: tuple[Any, ...] = ()

    def __post_init__(self):
        for name in ("steps", "every", "seeds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f"{name} must be a positive integer, got {value!r}")
        for name in ("batch", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{name} must be a positive integer or None, got {value!r}")
        if not callable(self.learning_rate) and not self.learning_rate > 0:
            raise InputError(f"the learning rate must be positive, got {self.learning_rate!r}")
        if len(self.devices) > 1 and self.seeds % len(self.devices):
            rows = self.batch
            if rows is None or rows % len(self.devices):
                raise InputError(
                    f"{len(self.devices)} devices share seeds or the rows of a batch: their number must divide "
                    f"seeds={self.seeds} or batch={rows!r}"
                )

    def described(self) -> dict[str, str]:
        """What was asked for, as text by name, for people and for files."""
        named = {
            "match": self.match, "steps": self.steps, "batch": self.batch, "learning_rate": self.learning_rate,
            "optimiser": None if self.optimiser is None else "an optax transformation", "penalty": self.penalty,
            "patience": self.patience, "every": self.every,
            "seeds": self.seeds, "augment": self.augment,
        }  # fmt: skip
        return {name: getattr(v, "__qualname__", None) or repr(v) for name, v in named.items() if v is not None}

    def transformation(self):
        """The optimiser: Adam with gradients of norm at most 1 and a cosine schedule after a short warm-up."""
        import optax

        if self.optimiser is not None:
            return self.optimiser
        rate: Any = self.learning_rate
        if not callable(rate):
            warm = min(100, max(1, self.steps // 20))
            rate = cast(Any, optax.warmup_cosine_decay_schedule)(
                0.1 * rate, rate, warm, max(self.steps, warm + 1), 0.01 * rate
            )
        return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(cast(Any, rate)))


def train(
    law: NeuralLaw | OperatorLaw | Sequence[NeuralLaw] | Sequence[OperatorLaw],
    data,
    *,
    match: AbstractMatching | None = None,
    steps: int = 2000,
    batch: int | None = 256,
    learning_rate: float | Callable = 3e-3,
    optimiser=None,
    penalty: AbstractPenalty | None = None,
    augment: Augmentation | None = None,
    validation=None,
    patience: int | None = None,
    every: int = 100,
    seeds: int = 1,
    checkpoint=None,
    standardise: bool = True,
    devices: Sequence[Any] = (),
    key=None,
    **reading,
) -> Training:
    r"""Train a neural law on trajectories, or an operator on snapshots of fields.

    Parameters
    ----------
    law: the law to begin with; it is not changed. Or several of one structure, which are trained at once (vmap).
    data: as `identify` takes them: a Dataset, a mapping of arrays, a list of these. For an `OperatorLaw` fields, by
        `sd.open_fields` or as Datasets: one run, a list of runs, or a Dataset with `runs="name of the dimension"`.
    match: `sd.RateMatching()` (default) or `sd.TrajectoryMatching(...)`; `sd.FlowMatching(...)` for an `OperatorLaw`.
    steps: steps of the optimiser.
    batch: rows of a mini-batch, drawn anew at each step; None for all.
    learning_rate: the highest one of a cosine schedule with warm-up, or an optax schedule.
    optimiser: an optax transformation instead of Adam with clipped gradients.
    penalty: `sd.SymmetryPenalty(...)` or `sd.LayerPenalty(...)`, added to the loss with its weight.
    augment: `sd.Augmentation(...)`: rows of a batch are moved by random elements of a group.
    validation: data held out, or the fraction of trajectories to hold out (of a single one, its end).
    patience: rounds without a better validation after which to stop; never by default.
    every: steps of a round: after each the validation loss is taken and the checkpoint written.
    seeds: how many laws to train at once (vmap): the first begins with the weights of `law`, the others are redrawn.
    checkpoint: a file. It is replaced in one step after each round; a training that was killed goes on from there and
        ends with the same weights bit for bit (on one and the same processor).
    standardise: whether to set the law's units of states and rates from the data, where it has none.
    devices: several of `jax.devices()`: each trains a part of the seeds where their number divides these, and otherwise
        takes a part of the rows of each batch.
    key: a JAX PRNG key for batches, penalty and redrawn weights.
    reading: how data are read: `variables`, `time`, `trajectories`, ... as for `identify`; `runs` for fields.

    Steps whose loss or gradient is not finite are skipped and counted; where a whole round is, training stops with the
    last good weights. Ctrl-C gives back what is there. Data are cast to the type of the weights.

    Returns `Training`. Raises InputError for data and options that do not fit, or a checkpoint of another training.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> t = np.linspace(0, 6, 61)
    >>> data = sd.dataset(t, x=np.stack([np.cos(t), -np.sin(t)], 1), time_unit="s")
    >>> turn = sd.SO(2).acting_on(x=sd.Vector)
    >>> law = sd.NeuralLaw.of(sd.StateSpace.of(x=2), turn, (4,), key=jax.random.key(0))
    >>> done = sd.train(law, data, steps=300, every=150)
    >>> done.result, bool(done.history.loss[0, -1] < 1e-2)
    ('finished', True)
    """
    given: list[Any] = [law] if isinstance(law, NeuralLaw | OperatorLaw) else list(law)
    if len(given) > 1 and seeds > 1:
        raise InputError(f"give several laws or a number of seeds, not both; got {len(given)} laws and seeds={seeds}")
    count = max(seeds, len(given))
    options = Options(
        match or _matching(given[0]), steps, batch, learning_rate, optimiser, penalty, patience, every, count, augment,
        tuple(devices),
    )  # fmt: skip
    first = given[0]
    key = jax.random.key(0) if key is None else key
    rows, checks, more, sizes = _read(first, options, data, validation, dict(reading))
    if standardise and first.scale is None:
        found = sizes()
        given = [each.scaled(*found) for each in given]
        first = given[0]
    laws = given + [first.redrawn(jax.random.fold_in(key, k)) for k in range(1, seeds)]
    return _Run(first, options, rows, checks, key, checkpoint, more).done(laws)


def _matching(law: NeuralLaw | OperatorLaw) -> AbstractMatching:
    if isinstance(law, NeuralLaw):
        return RateMatching()
    from symdyn.neural.operators.snapshots import FlowMatching

    return FlowMatching()


def _read(law: NeuralLaw | OperatorLaw, options: Options, data, validation, reading: dict[str, Any]):
    """Rows to fit, rows to check or None, the rows of later rounds where not all are read, and sizes when asked."""
    if isinstance(law, OperatorLaw):
        windows = _flow(law, options, data, validation, reading)
        rows, more = windows.block(0), None if windows.whole else windows.block
        return rows, windows.checks(), more, windows.sizes
    fitted, held = held_out(recorded(law, data, dict(reading)), law, validation, reading)
    checks = None if held is None else options.match.rows(held, law)
    return options.match.rows(fitted, law), checks, None, lambda: _sizes(fitted, law)


def _flow(law: OperatorLaw, options: Options, data, validation, reading: dict[str, Any]):
    """The windows of an operator's training. Raises InputError for options that are for states only."""
    from symdyn.neural.operators.snapshots import FlowData, FlowMatching

    if not isinstance(options.match, FlowMatching):
        raise InputError(f"an operator is trained with match=sd.FlowMatching(...), got {options.match!r}")
    if options.penalty is not None and not isinstance(options.penalty, LayerPenalty):
        raise InputError(f"the kernels of an operator are pressed by sd.LayerPenalty(...), got {options.penalty!r}")
    if options.augment is not None:
        raise InputError("augmentation moves rows of states, not fields: move the Datasets instead")
    return FlowData.of(law, data, options.match, validation, reading)


@dataclass(frozen=True, eq=False)
class _Run:
    """One training: what does not change while it goes on. `more(k)`: the rows of round k, where not all are read."""

    law: Any  # NeuralLaw or OperatorLaw
    options: Options
    rows: dict[str, np.ndarray]
    checks: dict[str, np.ndarray] | None
    key: Any
    checkpoint: Any
    more: Callable | None = None

    def done(self, laws: list[Any]) -> Training:
        options = self.options
        dtype = _dtype(self.law)
        rows, checks = _cast(self.rows, dtype), None if self.checks is None else _cast(self.checks, dtype)
        penalty = None
        if options.penalty is not None:
            states = self.rows["states"].reshape(-1, self.rows["states"].shape[-1])
            penalty = options.penalty.on(self.law, states.astype(dtype))
        optimiser, moves = options.transformation(), None
        if options.augment is not None:
            if options.match.free(rows):
                raise InputError('rows with starts of their own cannot be moved: augment with starts="measured"')
            moves = options.augment.on(self.law)
        state, static = first_state(laws, options.match.free(rows), optimiser, options.seeds)
        mark = "" if self.checkpoint is None else fingerprint(options, self.rows, self.checks, self.key, state)
        state, history = restored(self.checkpoint, mark, state)
        state, rows, checks = placed(options, (state, rows, checks))
        advance, validate = compiled(options, penalty, static, checks is not None, moves)
        result: Outcome = "finished"
        try:
            while (at := int(state.step)) < options.steps:
                count = min(options.every, options.steps - at)
                if self.more is not None and at:
                    rows = placed(options, (state, _cast(self.more(at // options.every), dtype), checks))[1]
                state, losses, skipped = advance(state, rows, self.key, count)
                state = validate(state, losses, checks)
                history.append(_record(state, losses, skipped))
                store(self.checkpoint, mark, state, history)
                tell(_line(history[-1], options.steps))
                if np.all(np.asarray(skipped) == count):
                    result = "not_finite"
                    break
                if options.patience is not None and int(np.min(state.stale)) >= options.patience:
                    result = "stopped_early"
                    break
        except KeyboardInterrupt:
            result = "interrupted"
        return _result(laws, state, static, history, result, options)


def _dtype(law):
    leaves = jax.tree.leaves(eqx.filter(law.network, eqx.is_inexact_array))
    if not leaves:
        raise InputError("the network has no weights to train")
    return np.dtype(leaves[0].dtype)


def _cast(rows: dict[str, np.ndarray], dtype) -> dict[str, Any]:
    """Rows on the device, floating ones as the weights, and each with its own number."""
    out = {k: jnp.asarray(v.astype(dtype) if v.dtype.kind == "f" else v) for k, v in rows.items()}
    return {**out, "index": jnp.arange(len(rows["states"]))}


def _sizes(recording: Recording, law: NeuralLaw) -> tuple[np.ndarray, np.ndarray]:
    """States and rates (differences) of all runs, for their sizes; of a hybrid law, what its known part leaves."""
    here = law.space.indices(law.targets)
    runs = recording.trajectories
    if law.known is not None:
        return np.concatenate([run.states for run in runs]), np.concatenate([_left(run, law) for run in runs])
    rates = [
        run.states[:, here] if law.discrete else np.diff(run.states[:, here], axis=0) / np.diff(run.times)[:, None]
        for run in runs
    ]
    return np.concatenate([run.states for run in runs]), np.concatenate(rates)


def _left(run: Trajectory, law: NeuralLaw) -> np.ndarray:
    """Rates, measured or by differences, without the known part; of a map, the next state without it."""
    assert law.known is not None
    with double_precision():
        base = np.asarray(jax.vmap(law.known.rate)(jnp.asarray(run.states)), float)
    here = law.space.indices(law.targets)
    if law.discrete:
        return run.states[1:, here] - base[:-1]
    if run.rates is not None and run.rates.shape == base.shape:
        return run.rates - base
    slopes = np.diff(run.states[:, here], axis=0) / np.diff(run.times)[:, None]
    return slopes - 0.5 * (base[1:] + base[:-1])


def _record(state: State, losses, skipped) -> dict[str, np.ndarray]:
    return {
        "step": np.asarray(int(state.step)), "loss": np.asarray(losses, float),
        "validation": np.asarray(state.last, float), "skipped": np.asarray(skipped, int),
    }  # fmt: skip


def _line(record: dict[str, np.ndarray], steps: int) -> str:
    loss, check = (float(np.nan_to_num(record[n], nan=np.inf).min()) for n in ("loss", "validation"))
    return f"step {int(record['step'])} of {steps}: loss {loss:.3g}, validation {check:.3g}"


def _result(laws: list[Any], state: State, static, history, result: Outcome, options: Options) -> Training:
    import xarray as xr

    from symdyn import __version__

    settings = {**options.described(), "symdyn": __version__, "jax": jax.__version__}

    found = tuple(
        eqx.combine(jax.tree.map(lambda leaf, k=k: leaf[k], state.best["law"]), static) for k in range(len(laws))
    )
    best = int(np.argmin(np.asarray(state.best_loss)))
    table = {n: np.stack([r[n] for r in history], axis=1) if history else np.zeros((len(laws), 0)) for n in
             ("loss", "validation", "skipped")}  # fmt: skip
    dataset = xr.Dataset(
        {n: (("seed", "step"), v) for n, v in table.items()},
        coords={"seed": np.arange(len(laws)), "step": [int(r["step"]) for r in history]},
        attrs=settings,
    )
    return Training(found[best], found, dataset, result, settings)
