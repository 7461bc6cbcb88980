"""What an answer shows a person: a heading, tables, notes, a verdict and hints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paramcalc.core.trace import Step
from paramcalc.units import short_bytes, short_count

NAME, TEXT, PROSE, RIGHT, COUNT, SHORT, BYTES, SHARE, BAR, RATIO, DECIMAL = (
    "name",
    "text",
    "prose",
    "right",
    "count",
    "short",
    "bytes",
    "share",
    "bar",
    "ratio",
    "decimal",
)
"""What a column holds; it decides alignment and spelling. Where space is short a name is shortened
in the middle, prose is folded, everything else stays whole."""
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
        return self.kind in (RIGHT, COUNT, SHORT, BYTES, SHARE, RATIO, DECIMAL)


class Row(NamedTuple):
    """Raw values by column key; ``lead`` stands before the name in a tree."""

    values: dict[str, Any]
    lead: str = ""
    style: str = ""


class Table(NamedTuple):
    """Columns, rows, and what the rows sum to."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    total: Row | None = None

    def cells(self, column: Column, *, gib: bool = False) -> list[str]:
        """The texts of a column, that of the total last."""
        rows = [*self.rows, *([self.total] if self.total else [])]
        texts = spelled(column, [row.values.get(column.key, "") for row in rows], gib=gib)
        leads = (row.lead if column.kind == NAME else "" for row in rows)
        return [lead + text for lead, text in zip(leads, texts, strict=True)]


class Page(NamedTuple):
    """An answer for a person, in the order in which it is read."""

    heading: str = ""
    tables: Sequence[Table] = ()
    steps: Sequence[Step] = ()
    """The arithmetic, if it was asked for."""
    notes: Sequence[str] = ()
    """Assumptions and other dim lines."""
    verdict: tuple[str, bool] | None = None
    """The answer in words, and whether it is yes."""
    hints: Sequence[str] = ()
    lines: Sequence[str] = ()
    """Plain lines after the tables."""
    excerpts: Sequence[str] = ()
    """Texts that stand as they are: lines of a file with a caret below."""


def spelled(column: Column, values: Sequence[Any], *, gib: bool = False) -> list[str]:
    """Raw values of one column as people read them, equally precise and with points in line."""
    texts = [spell(column, value, gib=gib) for value in values]
    if column.kind == BYTES and any(_is_coarse(text) for text in texts):
        return [spell(column, value, gib=gib, digits=1) for value in values]
    if column.kind == DECIMAL:
        places = max((len(text.partition(".")[2]) for text in texts), default=0)
        return [_pad(text, places) for text in texts]
    return texts


def _is_coarse(text: str) -> bool:
    """From 100 GB on one digit follows the point, and so in the whole column."""
    number, _, unit = text.partition(" ")
    return unit[:1] == "G" and len(number.partition(".")[2]) == 1


def _pad(text: str, places: int) -> str:
    whole, point, fraction = text.partition(".")
    return f"{whole}{point or ' '}{fraction:<{places}}" if places else text


def spell(column: Column, value: Any, *, gib: bool = False, digits: int | None = None) -> str:
    """A raw value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.kind == BYTES and isinstance(value, int):
        return short_bytes(value, gib=gib, digits=digits)
    if column.kind == BAR:
        return bar(value or 0)
    if isinstance(value, (int, float)):
        return _NUMBERS.get(column.kind, str)(value)
    return str(value)


_NUMBERS: dict[str, Callable[[Any], str]] = {
    COUNT: lambda value: f"{value:,}",
    SHORT: short_count,
    SHARE: lambda value: f"{value:.2%}",
    RATIO: lambda value: f"{value:.2f}",
    DECIMAL: lambda value: f"{value:g}",
}


def bar(share: float, width: int = _BAR_WIDTH) -> str:
    """A bar of eighths of a character; what is there at all shows."""
    eighths = max(1, round(share * width * 8)) if share > 0 else 0
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
