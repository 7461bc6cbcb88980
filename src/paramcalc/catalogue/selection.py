"""Which of the catalogue's models are listed, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from paramcalc.catalogue.table import normal
from paramcalc.errors import ParamcalcError, did_you_mean, shorten

Record = dict[str, Any]
SORT_KEYS: Mapping[str, str] = {
    "name": "name",
    "size": "parameters",
    "active": "active",
    "context": "context_tokens",
    "released": "released",
}
"""What ``--sort`` takes, and the key that it means."""


class Selection(NamedTuple):
    """Conditions that a listed model meets; None is no condition."""

    family: str | None = None
    size: tuple[int, int] | None = None
    active: tuple[int, int] | None = None
    context: int | None = None
    """At least so many tokens."""
    licence: str | None = None
    sort: str | None = None
    """A key of `SORT_KEYS`; largest first, except names."""

    @property
    def is_empty(self) -> bool:
        return self == Selection()

    def apply(self, rows: Sequence[Record]) -> list[Record]:
        """The rows that meet every condition, in order."""
        found = [row for row in rows if self._holds(row)]
        if self.sort is None:
            return found
        key = SORT_KEYS.get(self.sort)
        if key is None:
            hint = did_you_mean(self.sort, SORT_KEYS) or f"one of: {', '.join(SORT_KEYS)}"
            raise ParamcalcError(f"cannot sort by `{shorten(self.sort)}`", hint)
        known = [row for row in found if row[key] is not None]
        known.sort(key=lambda row: row[key], reverse=key != "name")
        return known + [row for row in found if row[key] is None]

    def _holds(self, row: Record) -> bool:
        return (
            _within(row["parameters"], self.size)
            and _within(row["active"], self.active)
            and (self.context is None or (row["context_tokens"] or 0) >= self.context)
            and _matches(self.family, row["family"], row["architecture"])
            and _matches(self.licence, row["licence"])
        )


def _within(value: int | None, ends: tuple[int, int] | None) -> bool:
    return ends is None or (value is not None and ends[0] <= value <= ends[1])


def _matches(word: str | None, *texts: str | None) -> bool:
    """The word stands in one of the texts, in any spelling."""
    return word is None or any(normal(word) in normal(text) for text in texts if text)
