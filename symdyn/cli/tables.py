"""Tables for people: as wide as their content needs, never cut, plain text where the output is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, numeric: Iterable[int] = (), title: str | None = None
):
    """A rich table of texts; the columns `numeric` stand right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    right = set(numeric)
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for k, name in enumerate(header):
        made.add_column(Text(name), justify="right" if k in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return made


def mark(ok: bool):
    """`ok` or `NOT`, in colour on a terminal."""
    from rich.text import Text

    return Text("ok", style="green") if ok else Text("NOT", style="bold red")


def echo(*things) -> None:
    """Print to stdout. Where stdout is no terminal lines are as long as they need to be."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    for thing in things:
        console.print(thing)
