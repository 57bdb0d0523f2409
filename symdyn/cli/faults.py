"""What a command does with a user's mistake, a warning and an interruption: one line on stderr and an exit code."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import typer

from symdyn._errors import SymdynError, SymdynWarning

MISTAKE, MISSED, INTERRUPTED = 2, 1, 130


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command whose errors on purpose (and those of files) end in `error: ...` and exit code 2, and Ctrl-C in 130.

    Warnings become `warning: ...` lines. Every other exception is a fault of symdyn and keeps its traceback.
    """

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", SymdynWarning)
                warnings.showwarning = _show
                return command(*args, **kwargs)
        except BrokenPipeError:
            raise
        except (SymdynError, OSError) as error:
            typer.echo(f"error: {_one_line(error)}", err=True)
            raise typer.Exit(MISTAKE) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None

    return run


def _show(message, category, filename, lineno, file=None, line=None) -> None:
    typer.echo(f"warning: {_one_line(message)}", err=True)


def _one_line(message: object) -> str:
    return " ".join(str(message).split()) or type(message).__name__
