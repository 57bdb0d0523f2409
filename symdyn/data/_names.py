"""The message for a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_name(what: str, name: object, known: Iterable[str]) -> str:
    """`unknown <what>: <name>`, with close matches and the full list.

    >>> unknown_name("group", "SO3", ["SO(2)", "SO(3)"])
    "unknown group: 'SO3'. Did you mean 'SO(3)'? There are: SO(2), SO(3)"
    """
    known = tuple(known)
    close = difflib.get_close_matches(str(name), known, n=3)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"unknown {what}: {name!r}.{hint} There are: {', '.join(known) or '(none)'}"
