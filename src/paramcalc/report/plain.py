"""Pages as CSV and as Markdown."""

from __future__ import annotations

import csv
import io

from paramcalc.report.page import BAR, NAME, Column, Page, Row, Table


def to_csv(page: Page) -> str:
    """One table with raw values: integers without separators, nothing for what is absent."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    table = page.data or next(iter(page.tables), None)
    if table is not None and table.columns:
        columns = _columns(table)
        writer.writerow([column.key for column in columns])
        for row in (*table.rows, *([table.total] if table.total else [])):
            writer.writerow([_raw(column, row) for column in columns])
    return buffer.getvalue()


def _raw(column: Column, row: Row) -> object:
    value = row.values.get(column.key)
    if isinstance(value, bool):
        return "true" if value else "false"
    return row.path if column.kind == NAME and row.path else value


def to_markdown(page: Page, *, gib: bool = False) -> str:
    """The whole page, with tables that GitHub shows."""
    parts = [f"**{_escape(page.heading)}**\n"] if page.heading else []
    parts += [_table(table, gib=gib) for table in page.tables]
    if page.steps:
        from paramcalc.report.steps import step_table

        parts.append(_table(step_table(page.steps), gib=gib))
    parts += [f"{_escape(line)}\n" for line in (*page.lines, *page.notes)]
    parts += [f"```\n{excerpt}\n```\n" for excerpt in page.excerpts]
    if page.verdict:
        parts.append(f"{'✓' if page.verdict[1] else '✗'} {_escape(page.verdict[0])}\n")
    parts += [f"hint: {_escape(hint)}\n" for hint in page.hints]
    return "\n".join(parts)


def _table(table: Table, *, gib: bool) -> str:
    columns = _columns(table)
    lines = [
        "| " + " | ".join(_escape(column.title) for column in columns) + " |",
        "|" + "|".join("---:" if column.is_right else "---" for column in columns) + "|",
    ]
    cells = [[_escape(text) for text in table.cells(column, gib=gib)] for column in columns]
    lines += [f"| {' | '.join(row)} |" for row in zip(*cells, strict=True)]
    return "\n".join(lines) + "\n"


def _columns(table: Table) -> list[Column]:
    return [column for column in table.columns if column.kind != BAR]


def _escape(text: str) -> str:
    """A text that Markdown shows as it stands."""
    for character in "\\|*_<`":
        text = text.replace(character, "\\" + character)
    return text
