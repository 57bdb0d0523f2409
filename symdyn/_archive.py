"""One file of JSON and plain arrays: a zip archive without code, written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from symdyn._errors import InputError

DAMAGED = (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, TypeError, IndexError, AttributeError)


def write_archive(
    path,
    kind: str,
    version: int,
    document: dict[str, Any],
    arrays: dict[str, np.ndarray],
    member: str = "document.json",
) -> None:
    """JSON and arrays in one file, which replaces an older one in a single step.

    Raises InputError for a folder that is not there.
    """
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # pyright: ignore[reportArgumentType]
    with replaced(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        whole = {"format": kind, "version": version, **document}
        archive.writestr(member, json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False))
        archive.writestr("arrays.npz", packed.getvalue())


@contextmanager
def replaced(path) -> Iterator[IO[bytes]]:
    """A stream whose content becomes the file in one step when all is written; until then an older file stays whole.

    Raises InputError for a folder that is not there.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_archive(
    path, kind: str, version: int, member: str = "document.json"
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `write_archive` wrote.

    Raises InputError for a file that is absent, damaged, of another kind, or of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read(member))
            with np.load(io.BytesIO(archive.read("arrays.npz")), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        found = document.get("format"), document.get("version")
    except DAMAGED as error:
        raise InputError(f"{path} is not a {kind}, or is damaged: {error}") from error
    if found[0] != kind:
        raise InputError(f"{path} is not a {kind} (format {found[0]!r})")
    if found[1] != version:
        raise InputError(
            f"{path} has version {found[1]!r}, and this symdyn reads version {version}: read it with the symdyn that "
            "wrote it, or update symdyn where the file is the newer one"
        )
    return document, arrays


def _umask() -> int:
    """The process's mask of new files; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
