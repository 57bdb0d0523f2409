"""Where a training stands, on disk: enough to go on as if nothing had happened."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from symdyn._archive import read_archive, write_archive
from symdyn._errors import InputError
from symdyn.neural.files import numbered, with_numbered
from symdyn.neural.training.steps import State

FORMAT, VERSION = "symdyn training", 1


def fingerprint(options, rows, checks, key, state: State) -> str:
    """A text that is the same for the same options, data, key and first weights."""
    digest = hashlib.sha256(
        repr((options.match, options.steps, options.batch, options.penalty, options.patience, options.augment)).encode()
    )
    rate = options.learning_rate
    digest.update(repr((rate if not callable(rate) else "schedule", options.every, options.seeds)).encode())
    arrays = {**rows, **{f"held {n}": v for n, v in (checks or {}).items()}, **numbered(state, "first")}
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype} {values.shape}".encode() + np.ascontiguousarray(values).tobytes())
    digest.update(np.asarray(jax.random.key_data(key)).tobytes())
    return digest.hexdigest()


def store(path, mark: str, state: State, history: list[dict[str, np.ndarray]]) -> None:
    """Replace the checkpoint, in one step."""
    if path is None:
        return
    arrays = numbered(state)
    for n in history[0]:
        arrays[f"history_{n}"] = np.stack([record[n] for record in history])
    write_archive(path, FORMAT, VERSION, {"fingerprint": mark}, arrays)


def restored(path, mark: str, state: State) -> tuple[State, list[dict[str, Any]]]:
    """The state and the history of a checkpoint, or the first state where there is none.

    Raises InputError for a checkpoint of another training.
    """
    if path is None or not Path(path).exists():
        if path is not None and not Path(path).parent.is_dir():
            raise InputError(f"cannot write {path}: the folder {Path(path).parent} does not exist")
        return state, []
    document, arrays = read_archive(path, FORMAT, VERSION)
    if document.get("fingerprint") != mark:
        raise InputError(
            f"the checkpoint {path} belongs to another training (other data, options, key or first weights); name "
            "another file, or remove it"
        )
    try:
        found = with_numbered(state, arrays)
    except (KeyError, ValueError) as error:
        raise InputError(f"the checkpoint {path} is damaged: {error}") from error
    columns = {n.removeprefix("history_"): v for n, v in arrays.items() if n.startswith("history_")}
    return found, [{n: np.asarray(v[k]) for n, v in columns.items()} for k in range(len(columns["step"]))]
