"""What long work tells while it goes on, and where that is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Show = Callable[[str], None]

_shown: ContextVar[Show | None] = ContextVar("symdyn_progress", default=None)


def tell(text: str) -> None:
    """Say what is being done: a line of text, shown inside of `progress` and lost elsewhere."""
    show = _shown.get()
    if show is not None:
        show(text)


@contextmanager
def progress(show: Show | None = None) -> Iterator[None]:
    """Show what long work is doing, everywhere inside of the `with` block.

    Parameters
    ----------
    show: gets a line of text at each stage, such as `print` or a logger's `info`. By default a line that is
        overwritten on a terminal, and lines on the standard error elsewhere.

    Without it nothing is shown. Work that is interrupted (Ctrl-C) gives back its best result so far where it can, and
    says so in `result`.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> times, said = np.arange(0, 20, 0.02), []
    >>> noisy = np.sin(times) + 0.05 * np.random.default_rng(0).normal(size=times.size)
    >>> data = {"time": times, "x": noisy}
    >>> with sd.progress(said.append):
    ...     law = sd.identify(data, order=2, library=sd.Monomials(1))
    >>> said[1]
    'the law in the weak form'
    """
    if show is not None:
        with _set(show):
            yield
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        with _set(lambda text: sys.stderr.write(text + "\n")):
            yield
        return
    with console.status("starting") as status, _set(status.update):
        yield


@contextmanager
def _set(show: Callable) -> Iterator[None]:
    token = _shown.set(show)
    try:
        yield
    finally:
        _shown.reset(token)
