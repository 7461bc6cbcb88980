"""What standard output can show: its width, colour and characters."""

from __future__ import annotations

import os
import shutil
import sys
from typing import NamedTuple

from paramcalc.errors import ParamcalcError

UNBOUNDED = 10_000
_NARROWEST = 20
_PIECE = 32_768
_PLAIN = str.maketrans(
    {"×": "x", "·": "-", "✓": "+", "✗": "x", "─": "-", "├": "|", "└": "`", "│": "|"}
    | {"…": "~", "–": "-", "█": "#", "→": ">", "≤": "<"}
    | dict.fromkeys("▏▎▍▌▋▊▉", "#")
)


class Terminal(NamedTuple):
    """``is_terminal``: a person looks at it, so bars and folding make sense."""

    is_terminal: bool
    width: int
    colour: bool

    @property
    def draws(self) -> bool:
        """Tables are for eyes, so that a library may take its time over them."""
        return self.is_terminal or self.colour


def terminal(colour: str = "auto") -> Terminal:
    """How to write to standard output. ``colour``: auto, always or never."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return Terminal(is_terminal, _width(is_terminal), _colour(colour, is_terminal))


def _width(is_terminal: bool) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and 0 < len(columns) < 6 and int(columns) > 0:
        return max(int(columns), _NARROWEST)
    # In a pipe nothing is folded or cut: one record a line.
    return max(shutil.get_terminal_size().columns, _NARROWEST) if is_terminal else UNBOUNDED


def _colour(colour: str, is_terminal: bool) -> bool:
    if colour != "auto":
        return colour == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal and os.environ.get("TERM", "") not in ("dumb", "")


def cells_of(text: str) -> int:
    """How many columns of a terminal a text takes: East Asian characters take two."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
        for character in text
    )


def write(text: str) -> None:
    """Write an answer at once; characters that the output cannot show get a plain stand-in."""
    if sys.stdout is None:
        raise ParamcalcError("standard output is closed", "the answer has nowhere to go")
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        text = text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    # In pieces: an unbuffered stream (PYTHONUNBUFFERED) takes a part of a long text without a word
    # when its reader goes away, and only the next piece fails.
    for start in range(0, len(text), _PIECE):
        sys.stdout.write(text[start : start + _PIECE])
    sys.stdout.flush()
