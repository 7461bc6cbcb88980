"""What an answer shows a person: a heading, tables, notes, a verdict and hints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paramcalc.units import short_bytes, short_count

NAME, TEXT, COUNT, SHORT, BYTES, SHARE, BAR, RATIO = (
    "name",
    "text",
    "count",
    "short",
    "bytes",
    "share",
    "bar",
    "ratio",
)
"""What a column holds; it decides alignment and spelling."""
_BAR_WIDTH = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Column(NamedTuple):
    """A column; when space is short, the highest ``drop`` goes first, 0 never."""

    key: str
    title: str
    kind: str = TEXT
    drop: int = 0

    @property
    def is_right(self) -> bool:
        return self.kind in (COUNT, SHORT, BYTES, SHARE, RATIO)


class Row(NamedTuple):
    """Raw values by column key; ``lead`` stands before the name in a tree."""

    values: dict[str, Any]
    lead: str = ""
    style: str = ""


class Table(NamedTuple):
    columns: Sequence[Column]
    rows: Sequence[Row]
    total: Row | None = None


class Page(NamedTuple):
    heading: str = ""
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    """Assumptions and other dim lines."""
    verdict: tuple[str, bool] | None = None
    """The answer in words, and whether it is yes."""
    hints: Sequence[str] = ()
    lines: Sequence[str] = ()
    """Plain lines after the tables."""
    excerpts: Sequence[str] = ()
    """Texts that stand as they are: lines of a file with a caret below."""


def spell(column: Column, value: Any, *, gib: bool = False) -> str:
    """A raw value as people read it."""
    if value is None:
        return "–"
    if column.kind == BYTES and isinstance(value, int):
        return short_bytes(value, gib=gib)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _NUMBERS.get(column.kind, str)(value)
    return str(value)


_NUMBERS: dict[str, Callable[[Any], str]] = {
    COUNT: lambda value: f"{value:,}",
    SHORT: lambda value: short_count(value),
    SHARE: lambda value: f"{value:.2%}",
    RATIO: lambda value: f"{value:.2f}",
    BAR: lambda value: bar(value),
}


def bar(share: float, width: int = _BAR_WIDTH) -> str:
    """A bar of eighths of a character; what is there at all shows."""
    eighths = max(1, round(share * width * 8)) if share > 0 else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
