"""`symdyn simulate`: a saved law from a start, or beside data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import typer

from symdyn._archive import replaced
from symdyn._errors import InputError, MissingDependencyError
from symdyn.cli.files import open_all
from symdyn.cli.law import check_folder

MOST = 10_000_000  # times of a simulation
KINDS = (".nc", ".csv", ".parquet", ".npz")


def simulated(
    law: Path, start: list[str] | None, until: float | None, step: float | None, data: str | None, out: Path | None,
    *, rtol: float, quiet: bool,
) -> None:  # fmt: skip
    """Integrate a law and write the run, or print it."""
    import symdyn as sd

    check_folder(out)
    if out is not None and out.suffix not in KINDS:
        raise InputError(f"cannot write {out}: --out takes the endings {', '.join(KINDS)}")
    found = sd.load(law)
    if data is not None:
        if start or until is not None or step is not None:
            raise InputError("--data has its own start and times: leave out --start, --until and --step")
        run = _beside(found, data, rtol, quiet)
    else:
        if not start or until is None:
            raise InputError("simulate needs --start NAME=NUMBER for every variable and --until, or --data FILE")
        if found.model.inputs:
            raise InputError(
                f"the law has inputs ({', '.join(found.model.inputs)}): their course comes from --data FILE"
            )
        run = found.simulate(_state(found, start), _times(until, step), rtol=rtol)
    if out is None:
        typer.echo(_table(run).to_csv(index=False), nl=False)
        return
    _write(run, out)
    if not quiet:
        typer.echo(f"saved to {out}")


def _state(law: Any, texts: list[str]) -> dict[str, Any]:
    """The start by variable. Raises InputError for names and numbers that do not fit the law."""
    names, state = law.model.space.names, {}
    for text in texts:
        name, _, numbers = text.partition("=")
        name = name.strip()
        if name not in names:
            raise InputError(f"--start {text!r}: the state of the law is {', '.join(names)}")
        try:
            values = np.array([float(part) for part in numbers.split(",")])
        except ValueError:
            values = np.array([np.nan])
        size = law.model.space.select((name,)).size
        if values.shape != (size,) or not np.isfinite(values).all():
            raise InputError(f"--start {text!r}: {name} takes {size} number{'s' * (size > 1)}")
        state[name] = values if size > 1 else float(values[0])
    missing = [name for name in names if name not in state]
    if missing:
        raise InputError(f"--start is missing for {', '.join(missing)}")
    return state


def _times(until: float, step: float | None) -> np.ndarray:
    step = until / 100 if step is None else step
    if not (until > 0 and step > 0 and until / step < MOST):
        raise InputError(f"--until and --step must be positive, with fewer than {MOST} steps; got {until:g}, {step:g}")
    return step * np.arange(int(np.floor(until / step * (1 + 1e-12))) + 1)


def _beside(law: Any, source: str, rtol: float, quiet: bool):
    """The first trajectory of the data as the law runs it; how well, on stderr."""
    from symdyn.regress._score import recorded, started

    runs, _ = open_all([source])
    recording = recorded(law, runs if len(runs) > 1 else runs[0])
    first = recording.trajectories[0]
    start, inputs = started(law, recording, first)
    run = law.model.simulate(start, first.times, inputs=inputs, rtol=rtol)
    for name in recording.space.names:
        seen, found = first.states[:, recording.space.slice(name)], run[name].values.reshape(len(first.times), -1)
        left = np.sum((found - seen) ** 2) / max(float(np.sum((seen - seen.mean(axis=0)) ** 2)), 1e-300)
        if not quiet:
            typer.echo(f"{name}: R2 {1 - left:.6g}", err=True)
    return run


def _table(run):
    """A run as a table: one column for the time and each component."""
    import pandas as pd

    clock = _clock(run)
    columns = {str(clock): run[clock].values}
    for name, values in run.data_vars.items():
        flat = values.values.reshape(run.sizes[clock], -1)
        labels = [str(name)] if flat.shape[1] == 1 else [f"{name}_{label}" for label in _labels(values, clock)]
        columns |= dict(zip(labels, flat.T, strict=True))
    return pd.DataFrame(columns)


def _clock(run):
    return next(name for name in ("time", *run.dims) if name in run.dims)


def _labels(values, clock) -> list[str]:
    dim = next(d for d in values.dims if d != clock)
    return [str(label) for label in (values[dim].values if dim in values.coords else range(values.sizes[dim]))]


def _write(run, path: Path) -> None:
    """The run in the format of the ending, whole or not at all."""
    with replaced(path) as target:
        if path.suffix == ".nc":
            target.write(bytes(run.to_netcdf(engine="h5netcdf")))
        elif path.suffix == ".npz":
            np.savez(target, **{str(name): run[name].values for name in (_clock(run), *run.data_vars)})
        elif path.suffix == ".csv":
            target.write(_table(run).to_csv(index=False).encode())
        else:
            try:
                _table(run).to_parquet(target, index=False)
            except ImportError as error:
                raise MissingDependencyError("Parquet needs pyarrow: pip install pyarrow") from error
