"""Pages as text in a terminal, drawn with Rich.

Numbers are never cut. Where space is short, columns of lesser weight go, then names are shortened
in the middle, and at last each row becomes a few lines of its own.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from paramcalc.report.page import BAR, NAME, Column, Page, Row, Table, spell
from paramcalc.report.terminal import Terminal

_GAP = 2
_SHORTEST_NAME = 12


def render(page: Page, terminal: Terminal, *, gib: bool = False) -> str:
    """The whole page as text, with escape codes only if there is colour."""
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=terminal.width,
        height=100,  # without a height Rich ignores the width where TERM=dumb
        force_terminal=terminal.colour,
        color_system="standard" if terminal.colour else None,
        no_color=not terminal.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    if page.heading:
        _print(console, page.heading, "bold")
    for table in page.tables:
        if console.file is buffer and buffer.tell():
            console.print()
        _print_table(console, table, terminal, gib=gib)
    _print_rest(console, page)
    text = buffer.getvalue()
    return "\n".join(line.rstrip() for line in text.split("\n")) if not terminal.colour else text


def _print_rest(console: Console, page: Page) -> None:
    if page.lines:
        console.print()
    for line in page.lines:
        _print(console, line, "")
    for excerpt in page.excerpts:
        console.print()
        console.print(Text(excerpt), soft_wrap=True)
    if page.notes:
        console.print()
    for note in page.notes:
        _print(console, note, "dim")
    if page.verdict:
        text, yes = page.verdict
        console.print()
        _print(console, f"{'✓' if yes else '✗'} {text}", "green" if yes else "red")
    for hint in page.hints:
        _print(console, f"hint: {hint}", "")


def _print(console: Console, line: str, style: str) -> None:
    """A line of words, folded between words at the width of the terminal."""
    for part in textwrap.wrap(line, console.width, subsequent_indent="  ") or [""]:
        console.print(Text(part, style=style), soft_wrap=True)


def _print_table(console: Console, table: Table, terminal: Terminal, *, gib: bool) -> None:
    columns = [c for c in table.columns if c.kind != BAR or terminal.is_terminal]
    rows = [*table.rows, *([table.total] if table.total else [])]
    cells = {column.key: [_cell(column, row, gib) for row in rows] for column in columns}
    while (_needed(columns, cells) > terminal.width) and any(c.drop for c in columns):
        columns.remove(max(columns, key=lambda column: column.drop))
    spare = terminal.width - _needed([c for c in columns if c.kind != NAME], cells) - _GAP
    names = [column for column in columns if column.kind == NAME]
    if _needed(columns, cells) > terminal.width:
        if not names or spare < _SHORTEST_NAME:
            _print_records(console, columns, rows, cells)
            return
        cells[names[0].key] = [_middle(cell, spare) for cell in cells[names[0].key]]
    _print_grid(console, columns, rows, cells, has_total=table.total is not None)


def _cell(column: Column, row: Row, gib: bool) -> str:
    text = spell(column, row.values.get(column.key, ""), gib=gib)
    return row.lead + text if column.kind == NAME else text


def _needed(columns: Sequence[Column], cells: dict[str, list[str]]) -> int:
    widths = [max(len(c.title), *(len(x) for x in cells[c.key]), 0) for c in columns]
    return sum(widths) + _GAP * (len(columns) - 1)


def _print_grid(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Row],
    cells: dict[str, list[str]],
    *,
    has_total: bool,
) -> None:
    grid = RichTable(
        box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold", show_edge=False
    )
    for column in columns:
        grid.add_column(
            Text(column.title), justify="right" if column.is_right else "left", no_wrap=True
        )
    for number, row in enumerate(rows):
        if has_total and number == len(rows) - 1:
            widths = [max(len(c.title), *(len(x) for x in cells[c.key])) for c in columns]
            grid.add_row(*(Text("─" * width, style="dim") for width in widths))
        grid.add_row(*(Text(cells[c.key][number], style=row.style) for c in columns))
    console.print(grid, soft_wrap=False, crop=False, overflow="ignore")


def _print_records(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Row],
    cells: dict[str, list[str]],
) -> None:
    """Each row as lines of ``title value``: for terminals narrower than the numbers."""
    for number, row in enumerate(rows):
        for column in columns:
            text = cells[column.key][number]
            if not text:
                continue
            title = "" if column.kind == NAME else f"  {column.title} "
            line = _middle(title + text, console.width) if column.kind == NAME else title + text
            console.print(Text(line, style=row.style), soft_wrap=True)


def _middle(name: str, width: int) -> str:
    """A name shortened in its middle, so that both ends tell what it is."""
    if len(name) <= width:
        return name
    left = (width - 1) // 2
    return f"{name[:left]}…{name[-(width - 1 - left) :]}"
