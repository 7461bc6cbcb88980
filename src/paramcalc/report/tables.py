"""Pages as text in a terminal.

Numbers are never cut. Where space is short, columns of lesser weight go, then names are shortened
in the middle; what is still too wide becomes several tables, and at last a few lines a row.

In a terminal Rich draws the tables. In a pipe they are plain text, one record a line, and Rich is
not even loaded; neither is it for a table so long (45,000 tensors) that it would take seconds.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from paramcalc.report.page import BAR, NAME, PROSE, Column, Page, Row, Table
from paramcalc.report.terminal import Terminal, cells_of

_GAP = "  "
_SHORTEST_NAME = 12
_NARROWEST_PROSE = 24
_MOST_DRAWN = 2_000
"""Rows that Rich draws in half a second."""
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32"}

Cells = Mapping[str, Sequence[str]]
"""The texts of a table by the key of their column, in the order of the rows."""
Line = tuple[str, str]
"""A line and its style."""


def render(page: Page, terminal: Terminal, *, gib: bool = False) -> str:
    """The whole page as text, with escape codes only if there is colour."""
    lines: list[Line] = []
    for block in _blocks(page, terminal, gib=gib):
        found = list(block)
        if found:
            lines += [("", ""), *found] if lines else found
    # Hints belong to the verdict: nothing comes between them.
    lines += _words([f"hint: {hint}" for hint in page.hints], terminal.width)
    if not terminal.colour:
        return "".join(f"{text.rstrip()}\n" for text, _ in lines)
    return "".join(
        f"\x1b[{_CODES[style]}m{text}\x1b[0m\n" if style and text else f"{text}\n"
        for text, style in lines
    )


def _blocks(page: Page, terminal: Terminal, *, gib: bool) -> Iterator[Iterable[Line]]:
    """What an empty line stands between."""
    width = terminal.width
    yield _words([page.heading] if page.heading else [], width, "bold")
    for table in page.tables:
        yield from _table(table, terminal, gib=gib)
    yield _steps(page, width)
    yield _words(page.lines, width)
    for excerpt in page.excerpts:
        yield _excerpt(excerpt, width)
    yield _words(page.notes, width, "dim")
    if page.verdict:
        text, yes = page.verdict
        yield _words([f"{'✓' if yes else '✗'} {text}"], width, "green" if yes else "red")


def _words(lines: Iterable[str], width: int, style: str = "") -> list[Line]:
    return [(part, style) for line in lines for part in folded(line, width)]


def folded(line: str, width: int, indent: str = "") -> list[str]:
    """A line of words folded between words; only an address longer than a line is cut."""
    return textwrap.wrap(
        line,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    ) or [""]


def _excerpt(excerpt: str, width: int) -> Iterator[Line]:
    """A problem with the line it stands on, which is cut so that the caret stays in sight."""
    lines = excerpt.split("\n")
    carets = next((line for line in lines if re.fullmatch(r" *\| +\^+", line)), "")
    gutter = carets.find("|") + 2
    # As much of the start is hidden as brings the carets, or their first half line, into view.
    end = min(len(carets), carets.find("^") + width // 2)
    hidden = max(0, end - width)
    for line in lines:
        if carets and line[gutter - 2 : gutter] == "| ":
            yield (line[:gutter] + line[gutter + hidden :])[:width], ""
        else:
            yield from _words([line], width) if len(line) > width else [(line, "")]


def _steps(page: Page, width: int) -> Iterator[Line]:
    """Each step as a line with its result, its formula and numbers folded below."""
    if not page.steps:
        return
    from paramcalc.report.steps import Written, heading, written

    title, result = heading(page.steps)
    steps = [Written(title, result), *written(page.steps)]
    widest = max(len(step.result) for step in steps)
    room = max(width - len(_GAP) - widest, 1)
    label_width = min(room, max(len(step.label) for step in steps))
    for number, step in enumerate(steps):
        text = f"{middle(step.label, label_width):<{label_width}}{_GAP}{step.result:>{widest}}"
        # In a terminal narrower than a result the label has a line of its own.
        for part in [text] if len(text) <= width else [step.label, step.result]:
            yield middle(part, width), "" if number else "bold"
        for below in step.below:
            yield from ((part, "dim") for part in folded(below, width, "  "))


def _table(table: Table, terminal: Terminal, *, gib: bool) -> Iterator[Iterable[Line]]:
    """The table in as many parts as the width makes necessary."""
    columns = [c for c in table.columns if c.kind != BAR or terminal.is_terminal]
    cells: Cells = {column.key: table.cells(column, gib=gib) for column in columns}
    while _needed(columns, cells) > terminal.width and any(c.drop for c in columns):
        columns.remove(max(columns, key=lambda column: column.drop))
    if not columns:
        return
    cells = _shortened(columns, cells, terminal.width)
    parts = list(_split(columns, cells, terminal.width))
    if not parts:
        yield _records(table, columns, cells, terminal.width)
    for part in parts:
        yield _grid(table, part, cells, terminal)


def _needed(columns: Sequence[Column], cells: Cells) -> int:
    return sum(_width(c, cells) for c in columns) + len(_GAP) * (len(columns) - 1)


def _width(column: Column, cells: Cells) -> int:
    widest = max(map(cells_of, cells[column.key]), default=0)
    return max(len(column.title), min(widest, _NARROWEST_PROSE if column.kind == PROSE else widest))


def _shortened(columns: Sequence[Column], cells: Cells, width: int) -> Cells:
    """The cells with names shortened as far as it takes, if that is not too far."""
    name = next((column for column in columns if column.kind == NAME), None)
    over = _needed(columns, cells) - width
    if name is None or over <= 0:
        return cells
    spare = _width(name, cells) - over
    if spare < _SHORTEST_NAME:
        return cells
    return {**cells, name.key: [middle(text, spare) for text in cells[name.key]]}


def _split(columns: Sequence[Column], cells: Cells, width: int) -> Iterator[list[Column]]:
    """The columns in as many tables as it takes, each with the first; nothing if that fails."""
    first, *rest = columns
    if any(_needed([first, column], cells) > width for column in rest or [first]):
        return
    part = [first]
    for column in rest:
        if _needed([*part, column], cells) > width:
            yield part
            part = [first]
        part = [*part, column]
    yield part


def _grid(
    table: Table, columns: Sequence[Column], cells: Cells, terminal: Terminal
) -> Iterator[Line]:
    """Titles, rows, and a rule above the total."""
    widths = _widths(columns, cells, terminal.width)
    titles = [column.title for column in columns]
    rows = [(list(_padded(columns, titles, widths)), "bold")] if any(titles) else []
    for texts, style in _rows(table, columns, cells, widths):
        # Folded prose makes several lines of a row.
        lines = zip_longest(*(text.split("\n") for text in texts), fillvalue="")
        rows += [(list(_padded(columns, line, widths)), style) for line in lines]
    if terminal.draws and len(rows) <= _MOST_DRAWN:
        from paramcalc.report.rich_grid import drawn

        yield from ((line, "") for line in drawn(rows, colour=terminal.colour))
        return
    yield from ((_GAP.join(texts), style) for texts, style in rows)


def _widths(columns: Sequence[Column], cells: Cells, width: int) -> list[int]:
    """The widths of the columns; what is left over belongs to the words."""
    widths = [_width(column, cells) for column in columns]
    spare = width - _needed(columns, cells)
    for number, column in enumerate(columns):
        if column.kind == PROSE:
            widest = max(map(cells_of, cells[column.key]), default=0)
            more = max(0, min(widest - widths[number], spare))
            widths[number] += more
            spare -= more
    return widths


def _rows(
    table: Table, columns: Sequence[Column], cells: Cells, widths: Sequence[int]
) -> Iterator[tuple[list[str], str]]:
    """The cells of each row and its style; prose is folded at its column's width."""
    for number, row in enumerate([*table.rows, *([table.total] if table.total else [])]):
        if row is table.total:
            yield ["─" * width for width in widths], "dim"
        texts = [cells[column.key][number] for column in columns]
        yield (
            [
                "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))
                if column.kind == PROSE
                else text
                for column, text, width in zip(columns, texts, widths, strict=True)
            ],
            row.style,
        )


def _padded(
    columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]
) -> Iterator[str]:
    """Each text as wide as its column; numbers stand at the right."""
    for column, text, width in zip(columns, texts, widths, strict=True):
        blanks = " " * (width - cells_of(text))
        yield blanks + text if column.is_right else text + blanks


def _records(table: Table, columns: Sequence[Column], cells: Cells, width: int) -> Iterator[Line]:
    """Each row as lines of ``title value``: for terminals narrower than two columns."""
    rows: list[Row] = [*table.rows, *([table.total] if table.total else [])]
    for number, row in enumerate(rows):
        for column in columns:
            text = cells[column.key][number].strip()
            if column.kind == NAME or not column.title:
                lines = folded(text, width)
            else:
                title = middle(column.title, max(width - len(text) - 3, 1))
                lines = folded(f"{title} {text}", width, "  ")
            yield from ((line, row.style) for line in lines if text)


def middle(name: str, width: int) -> str:
    """A name shortened in its middle; the end, where most of them differ, keeps more."""
    if len(name) <= width:
        return name
    left = (width - 1) // 3
    return f"{name[:left]}…{name[-(width - 1 - left) :]}" if width > 2 else name[:width]
