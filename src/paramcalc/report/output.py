"""One answer in the format asked for: table, json, csv or md."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from paramcalc.report.page import BAR, NAME, Page, Table, spell
from paramcalc.report.terminal import terminal, write

FORMATS = ("table", "json", "csv", "md")
SCHEMA = "paramcalc/1"

Document = Mapping[str, Any]


def emit(
    form: str,
    command: str,
    results: Callable[[], list[dict[str, Any]]],
    page: Callable[[], Page],
    *,
    gib: bool = False,
    colour: str = "auto",
) -> None:
    """Print an answer; what another format would need is not even computed."""
    if form == "json":
        document = {"schema": SCHEMA, "command": command, "results": results()}
        write(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
    elif form == "csv":
        write("".join(_csv(table) for table in page().tables[:1]))
    elif form == "md":
        write(_markdown(page(), gib=gib))
    else:
        from paramcalc.report.tables import render  # Rich, only where a table is drawn

        write(render(page(), terminal(colour), gib=gib))


def _csv(table: Table) -> str:
    """Raw values: integers without separators, nothing for what is absent."""
    columns = [column for column in table.columns if column.kind != BAR]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    for row in [*table.rows, *([table.total] if table.total else [])]:
        writer.writerow(["" if (v := row.values.get(c.key)) is None else v for c in columns])
    return buffer.getvalue()


def _markdown(page: Page, *, gib: bool) -> str:
    parts = [f"**{_escape(page.heading)}**\n"] if page.heading else []
    parts += [_markdown_table(table, gib=gib) for table in page.tables]
    parts += [f"{_escape(line)}\n" for line in (*page.lines, *page.notes)]
    if page.verdict:
        parts.append(f"{'✓' if page.verdict[1] else '✗'} {_escape(page.verdict[0])}\n")
    parts += [f"hint: {_escape(hint)}\n" for hint in page.hints]
    return "\n".join(parts)


def _markdown_table(table: Table, *, gib: bool) -> str:
    columns = [column for column in table.columns if column.kind != BAR]
    lines = [
        "| " + " | ".join(_escape(column.title) for column in columns) + " |",
        "|" + "|".join("---:" if column.is_right else "---" for column in columns) + "|",
    ]
    for row in [*table.rows, *([table.total] if table.total else [])]:
        cells = (
            (row.lead if c.kind == NAME else "") + spell(c, row.values.get(c.key, ""), gib=gib)
            for c in columns
        )
        lines.append("| " + " | ".join(map(_escape, cells)) + " |")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    """A text that Markdown shows as it stands."""
    for character in "\\|*_<`":
        text = text.replace(character, "\\" + character)
    return text
