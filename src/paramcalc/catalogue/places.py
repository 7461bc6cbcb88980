"""Where a character of a text stands: line, column and the line itself, for a message."""

from __future__ import annotations

from paramcalc.errors import Place

# YAML's line breaks; "\r\n" is one.
_BREAKS = ("\n", "\r", "\x85", "\u2028", "\u2029")
_AROUND = 200
"""Of a longer line this many characters to each side of the place are kept."""


def place_of(text: str, file: str, index: int, length: int = 1) -> Place:
    """The place of the ``length`` characters from ``index`` on."""
    before = (text.rfind(end, 0, index) + 1 for end in _BREAKS)
    after = (text.find(end, index) for end in _BREAKS)
    start = max(before)
    end = min((found for found in after if found >= 0), default=len(text))
    line = sum(text.count(end, 0, start) for end in _BREAKS) - text.count("\r\n", 0, start)
    shown = max(start, index - _AROUND)
    return Place(
        file,
        line + 1,
        index - start + 1,
        text[shown : min(end, index + _AROUND)],
        max(1, min(length, end - index)),
        shown - start,
    )
