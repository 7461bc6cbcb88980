"""What is said about a print-out: what was assumed, and what it does not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from paramcalc.errors import shorten

MOST_NAMED = 5
"""Kinds or modules named in one sentence."""


class Notes:
    """Collects what is not certain, by kind, in the order of the text."""

    def __init__(self) -> None:
        self._unknown: dict[str, None] = {}
        self._missing: dict[str, dict[str, None]] = {}
        self._assumed: dict[str, dict[str, None]] = {}
        self._tied: list[str] = []
        self._doubtful_ties = False

    @property
    def has_gaps(self) -> bool:
        """The count is not certain."""
        return bool(self._unknown or self._missing or self._assumed or self._doubtful_ties)

    def unknown(self, kind: str) -> None:
        """A kind of which nobody knows whether it holds tensors of its own."""
        self._unknown[kind] = None

    def missing(self, kind: str, tensors: Iterable[str]) -> None:
        """Tensors that a kind is known to hold, of a size that is not shown."""
        self._missing.setdefault(kind, {}).update(dict.fromkeys(tensors))

    def assumed(self, kind: str, text: str) -> None:
        """What a kind is taken to be."""
        self._assumed.setdefault(text, {})[kind] = None

    def untied(self, place: str, tensors: Sequence[str]) -> None:
        """Tensors that are there only if the head is not tied."""
        self._tied += [f"{place}.{name}" for name in tensors]
        self._doubtful_ties = True

    def tied(self, names: Sequence[str], *, is_certain: bool) -> None:
        """Tensors that share the memory of a table of their shape."""
        self._tied += names
        self._doubtful_ties |= bool(names) and not is_certain

    def lines(self) -> Iterator[str]:
        """The sentences."""
        for text, kinds in self._assumed.items():
            yield f"{_listed(kinds)}: {text}"
        for kind, tensors in list(self._missing.items())[:MOST_NAMED]:
            yield f"`{shorten(kind)}` holds {', '.join(tensors)}, of unknown size: not counted"
        if len(self._missing) > MOST_NAMED:
            yield f"{_listed(list(self._missing)[MOST_NAMED:])} too"
        if self._unknown:
            yield f"{_listed(self._unknown)} may hold tensors that are not printed"
        if self._doubtful_ties:
            yield f"taken to share the memory of a table: {_listed(self._tied)}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    text = ", ".join(f"`{shorten(name)}`" for name in every[:MOST_NAMED])
    return f"{text} and {len(every) - MOST_NAMED:,} more" if len(every) > MOST_NAMED else text
