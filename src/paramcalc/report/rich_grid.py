"""A laid-out table drawn by Rich, for a terminal that a person looks at.

What fits has been decided before, and every cell is as wide as its column: nothing is cut here.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 2


def drawn(rows: Iterable[tuple[Sequence[str], str]], *, colour: bool) -> list[str]:
    """The lines of rows of cells, each row in a style, with escape codes if there is colour."""
    grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    width = 0
    for cells, style in rows:
        width = max(width, sum(map(cell_len, cells)) + _GAP * len(cells))
        grid.add_row(*map(Text, cells), style=style)
    for column in grid.columns:
        column.no_wrap = True
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        height=100,  # without a height Rich ignores the width where TERM=dumb
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
        legacy_windows=False,
    )
    console.print(grid)
    return [line.rstrip() for line in buffer.getvalue().splitlines()]
