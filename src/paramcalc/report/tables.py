"""Pages as text in a terminal, drawn with Rich.

Numbers are never cut. Where space is short, columns of lesser weight go, then names are shortened
in the middle; what is still too wide becomes several tables, and at last a few lines a row.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from paramcalc.report.page import BAR, NAME, PROSE, Column, Page, Row, Table
from paramcalc.report.terminal import Terminal

_GAP = 2
_SHORTEST_NAME = 12
_NARROWEST_PROSE = 24

Cells = Mapping[str, Sequence[str]]
"""The texts of a table by the key of their column, in the order of the rows."""


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
    _print_lines(console, [page.heading] if page.heading else [], "bold")
    for table in (table for table in page.tables if table.columns):
        if buffer.tell():
            console.print()
        _print_table(console, table, terminal, gib=gib)
    if page.steps:
        _print_steps(console, page)
    _print_block(console, page.lines)
    for excerpt in page.excerpts:
        console.print()
        _print_excerpt(console, excerpt)
    _print_block(console, page.notes, "dim")
    if page.verdict:
        text, yes = page.verdict
        _print_block(console, [f"{'✓' if yes else '✗'} {text}"], "green" if yes else "red")
    _print_lines(console, [f"hint: {hint}" for hint in page.hints])
    text = buffer.getvalue()
    return "\n".join(line.rstrip() for line in text.split("\n")) if not terminal.colour else text


def _print_block(console: Console, lines: Sequence[str], style: str = "") -> None:
    """Lines of words, behind an empty one if something stands above."""
    if lines and isinstance(console.file, io.StringIO) and console.file.tell():
        console.print()
    _print_lines(console, lines, style)


def _print_lines(console: Console, lines: Iterable[str], style: str = "") -> None:
    for line in lines:
        for part in folded(line, console.width):
            console.print(Text(part, style=style), soft_wrap=True)


def folded(line: str, width: int, indent: str = "") -> list[str]:
    """A line of words folded between words; only an address longer than a line is cut."""
    return textwrap.wrap(
        line,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    ) or [""]


def _print_excerpt(console: Console, excerpt: str) -> None:
    """A problem with the line it stands on, which is cut so that the caret stays in sight."""
    lines = excerpt.split("\n")
    carets = next((line for line in lines if re.fullmatch(r" *\| +\^+", line)), "")
    gutter = carets.find("|") + 2
    # As much of the start is hidden as brings the carets, or their first half line, into view.
    end = min(len(carets), carets.find("^") + console.width // 2)
    hidden = max(0, end - console.width)
    for line in lines:
        if carets and line[gutter - 2 : gutter] == "| ":
            shown = [(line[:gutter] + line[gutter + hidden :])[: console.width]]
        else:
            shown = folded(line, console.width) if len(line) > console.width else [line]
        for part in shown:
            console.print(Text(part), soft_wrap=True)


def _print_steps(console: Console, page: Page) -> None:
    """Each step as a line with its result, its formula and numbers folded below."""
    from paramcalc.report.steps import Written, heading, written

    title, result = heading(page.steps)
    steps = written(page.steps)
    widest = max(len(result), *(len(step.result) for step in steps))
    room = max(console.width - _GAP - widest, 1)
    label_width = min(room, max(len(title), *(len(step.label) for step in steps)))

    def line(step: Written, style: str) -> None:
        label = _middle(step.label, label_width)
        text = f"{label:<{label_width}}{' ' * _GAP}{step.result:>{widest}}"
        # In a terminal narrower than a result the label has a line of its own.
        for part in [text] if len(text) <= console.width else [step.label, step.result]:
            console.print(Text(_middle(part, console.width), style=style), soft_wrap=True)

    console.print()
    line(Written(title, result), "bold")
    for step in steps:
        line(step, "")
        for below in step.below:
            for part in folded(below, console.width, "  "):
                console.print(Text(part, style="dim"), soft_wrap=True)


def _print_table(console: Console, table: Table, terminal: Terminal, *, gib: bool) -> None:
    columns = [c for c in table.columns if c.kind != BAR or terminal.is_terminal]
    rows = [*table.rows, *([table.total] if table.total else [])]
    cells: Cells = {column.key: table.cells(column, gib=gib) for column in columns}
    while _needed(columns, cells) > terminal.width and any(c.drop for c in columns):
        columns.remove(max(columns, key=lambda column: column.drop))
    cells = _shortened(columns, cells, terminal.width)
    parts = list(_split(columns, cells, terminal.width))
    if not parts:
        _print_records(console, columns, rows, cells)
    for number, part in enumerate(parts):
        if number:
            console.print()
        _print_grid(console, part, rows, cells, has_total=table.total is not None)


def _needed(columns: Sequence[Column], cells: Cells) -> int:
    return sum(_width(c, cells) for c in columns) + _GAP * (len(columns) - 1)


def _width(column: Column, cells: Cells) -> int:
    widest = max(len(column.title), *(len(text) for text in cells[column.key]), 0)
    return min(widest, _NARROWEST_PROSE) if column.kind == PROSE else widest


def _shortened(columns: Sequence[Column], cells: Cells, width: int) -> Cells:
    """The cells with names shortened as far as it takes, if that is not too far."""
    name = next((column for column in columns if column.kind == NAME), None)
    over = _needed(columns, cells) - width
    if name is None or over <= 0:
        return cells
    spare = _width(name, cells) - over
    if spare < _SHORTEST_NAME:
        return cells
    return {**cells, name.key: [_middle(text, spare) for text in cells[name.key]]}


def _split(columns: Sequence[Column], cells: Cells, width: int) -> Iterator[list[Column]]:
    """The columns in as many tables as it takes, each with the first; nothing if that fails."""
    first, *rest = columns
    if any(_needed([first, column], cells) > width for column in rest):
        return
    part = [first]
    for column in rest:
        if _needed([*part, column], cells) > width:
            yield part
            part = [first]
        part = [*part, column]
    yield part


def _print_grid(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Row],
    cells: Cells,
    *,
    has_total: bool,
) -> None:
    grid = RichTable(
        box=None,
        padding=(0, _GAP, 0, 0),
        pad_edge=False,
        header_style="bold",
        show_edge=False,
        show_header=any(column.title for column in columns),
    )
    for column in columns:
        grid.add_column(
            Text(column.title),
            justify="right" if column.is_right else "left",
            no_wrap=column.kind != PROSE,
            overflow="fold",
        )
    for number, row in enumerate(rows):
        if has_total and number == len(rows) - 1:
            rules = ("─" * _width(column, cells) for column in columns)
            grid.add_row(*(Text(rule, style="dim") for rule in rules))
        grid.add_row(*(Text(cells[c.key][number], style=row.style) for c in columns))
    console.print(grid, soft_wrap=False, crop=False, overflow="ignore")


def _print_records(
    console: Console, columns: Sequence[Column], rows: Sequence[Row], cells: Cells
) -> None:
    """Each row as lines of ``title value``: for terminals narrower than two columns."""
    for number, row in enumerate(rows):
        for column in columns:
            text = cells[column.key][number].strip()
            if column.kind == NAME or not column.title:
                lines = folded(text, console.width)
            else:
                title = _middle(column.title, max(console.width - len(text) - 3, 1))
                lines = folded(f"{title} {text}", console.width, "  ")
            for line in lines if text else []:
                console.print(Text(line, style=row.style), soft_wrap=True)


def _middle(name: str, width: int) -> str:
    """A name shortened in its middle, so that both ends tell what it is."""
    if len(name) <= width:
        return name
    left = (width - 1) // 2
    return f"{name[:left]}…{name[-(width - 1 - left) :]}" if width > 2 else name[:width]
