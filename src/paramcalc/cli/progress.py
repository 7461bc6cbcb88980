"""A bar on standard error while many files are read, for a person who waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from paramcalc.sources.progress import WATCH, Advance

_FEWEST = 6
"""Files; fewer are read before a bar could be looked at."""


def watched() -> None:
    """Show a bar for whatever this command reads, if somebody can see it."""
    if sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty():
        WATCH.set(_bar)


@contextmanager
def _bar(steps: int) -> Iterator[Advance]:
    if steps < _FEWEST:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if console.is_dumb_terminal:  # which cannot take a line back
        yield lambda: None
        return
    columns = TextColumn("reading headers"), BarColumn(), MofNCompleteColumn()
    # It goes when all are read: the answer stands alone.
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=steps)
        yield lambda: progress.advance(task)
