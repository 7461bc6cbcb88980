"""One answer in the format asked for: table, json, csv or md."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paramcalc.report.terminal import terminal, write

if TYPE_CHECKING:
    from paramcalc.report.page import Page

SCHEMA = "paramcalc/1"


def emit(
    form: str,
    command: str,
    results: Callable[[], list[dict[str, Any]]],
    page: Callable[[], Page],
    *,
    gib: bool = False,
    colour: str = "auto",
) -> None:
    """Print an answer; what another format would need is neither computed nor loaded."""
    if form == "json":
        import json

        document = {"schema": SCHEMA, "command": command, "results": results()}
        text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    elif form == "table":
        from paramcalc.report.tables import render

        text = render(page(), terminal(colour), gib=gib)
    else:
        from paramcalc.report.plain import to_csv, to_markdown

        text = to_csv(page()) if form == "csv" else to_markdown(page(), gib=gib)
    write(text)
