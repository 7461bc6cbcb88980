"""What an answer shows a person: a heading, tables, notes, a verdict and hints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from paramcalc.core.trace import Step
from paramcalc.units import short_bytes, short_count

NAME, TEXT, PROSE, RIGHT, COUNT, SHORT, BYTES, RANGE, SHARE, BAR, RATIO, DECIMAL, VERDICT = (
    "name",
    "text",
    "prose",
    "right",
    "count",
    "short",
    "bytes",
    "range",
    "share",
    "bar",
    "ratio",
    "decimal",
    "verdict",
)
"""What a column holds; it decides alignment and spelling. Where space is short a name is shortened
in the middle, prose is folded, everything else stays whole."""
_BAR_WIDTH = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Column(NamedTuple):
    """A column; when space is short, the highest ``drop`` goes first, 0 never."""

    key: str
    title: str = ""
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
    path: str = ""
    """The whole name, where the table shows the end of it."""


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
    data: Table | None = None
    """What a script gets as CSV, if it is not the first table."""
    notes: Sequence[str] = ()
    """Assumptions and other dim lines."""
    verdict: tuple[str, bool] | None = None
    """The answer in words, and whether it is yes."""
    hints: Sequence[str] = ()
    lines: Sequence[str] = ()
    """Plain lines after the tables."""
    excerpts: Sequence[str] = ()
    """Texts that stand as they are: lines of a file with a caret below."""


def flat(records: Sequence[Mapping[str, object]]) -> Table:
    """Records as they stand in JSON as a table; the two ends of a range get a column each."""
    rows = [dict(_ends(record)) for record in records]
    keys = dict.fromkeys(key for row in rows for key in row)
    return Table([Column(key) for key in keys], [Row(row) for row in rows])


def _ends(record: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in record.items():
        if isinstance(value, list) and "_range_" in key:
            for end, number in zip(("_low_", "_high_"), value, strict=True):
                yield key.replace("_range_", end), number
        else:
            yield key, value


def spelled(column: Column, values: Sequence[Any], *, gib: bool = False) -> list[str]:
    """Raw values of one column as people read them, equally precise and with points in line."""
    texts = [spell(column, value, gib=gib) for value in values]
    if column.kind in (BYTES, RANGE) and any(_is_coarse(text) for text in texts):
        return [spell(column, value, gib=gib, digits=1) for value in values]
    if column.kind == DECIMAL:
        places = max((len(text.partition(".")[2]) for text in texts), default=0)
        return [_pad(text, places) for text in texts]
    return texts


def _is_coarse(text: str) -> bool:
    """From 100 GB on one digit follows the point, and so in the whole column."""
    number, _, unit = text.rpartition(" ")
    return unit[:1] == "G" and len(number.rpartition(".")[2]) == 1


def _pad(text: str, places: int) -> str:
    whole, point, fraction = text.partition(".")
    return f"{whole}{point or ' '}{fraction:<{places}}" if places else text


def spell(column: Column, value: Any, *, gib: bool = False, digits: int | None = None) -> str:
    """A raw value as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        yes, no = ("✓", "✗") if column.kind == VERDICT else ("yes", "no")
        return yes if value else no
    if column.kind == BYTES and isinstance(value, int):
        return short_bytes(value, gib=gib, digits=digits)
    if column.kind == RANGE and isinstance(value, Sequence):
        low, high = (short_bytes(end, gib=gib, digits=digits) for end in value)
        return "" if value[0] == value[1] else f"{low} to {high}"
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
