"""Options in TOML files: read before the command line, and written beside what a run saved."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

ABOUT = ("command", "symdyn")  # what a file says of itself
UNSAID = ("config", "json", "quiet", "save", "report", "out")  # a rerun must not replace what is there


def read_into(ctx: Any, value: Path | None) -> Path | None:
    """Take the options of a file as the defaults of a command. Raises BadParameter for what it does not know."""
    if value is None or ctx.resilient_parsing:
        return value
    try:
        table = tomllib.loads(value.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise typer.BadParameter(f"cannot read {value}: {error}") from None
    options = {name.replace("-", "_"): each for name, each in table.items()}
    command = options.get("command", ctx.info_name)
    if command != ctx.info_name:
        raise typer.BadParameter(f"{value} is of the command {command!r}")
    known = {str(param.name) for param in ctx.command.params} - {"config", "help"}
    for name, each in options.items():
        if name not in known and name not in ABOUT:
            raise typer.BadParameter(f"{value} has the unknown option {name!r}; there are {', '.join(sorted(known))}")
        if not isinstance(each, str | int | float | list):
            raise typer.BadParameter(f"{name} of {value} must be text, a number, true or false, or a list of text")
    ctx.default_map = {name: _typed(each) for name, each in options.items() if name in known}
    return value


def _typed(value: Any) -> Any:
    """A value as it would be typed; flags stay."""
    if isinstance(value, list):
        return [str(each) for each in value]
    return value if isinstance(value, bool) else str(value)


def write_beside(command: str, given: Mapping[str, Any], made: Path | None) -> None:
    """The options of a run, beside the file that it made: LAW.symdyn.toml for LAW.symdyn."""
    if made is None:
        return
    import tomli_w

    from symdyn import __version__
    from symdyn._archive import replaced

    table: dict[str, Any] = {"command": command, "symdyn": __version__}
    for name, value in given.items():
        if value is not None and name not in UNSAID:
            table[name] = [str(v) for v in value] if isinstance(value, list | tuple) else _plain(value)
    with replaced(made.with_name(f"{made.name}.toml")) as target:
        target.write(tomli_w.dumps(table).encode())


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
