"""The key of a module: a name, how often it repeats, and when it exists.

``layers[num_layers]``, ``layers[a:b]``, ``blocks[b in depths[s]]``, ``mlp if layer_types[i] == 1``;
``[n]`` has no name: the modules are 0, 1 … of the one that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from paramcalc.core.closure import Span
from paramcalc.core.expression import Expression, parse
from paramcalc.errors import ParamcalcError, shorten

DEFAULT_INDEX = "i"
MODULE_PATH = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")
_INDEX = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s+")
_CONDITION = re.compile(r"\s+if\s|\s+if$")


class Repeat(NamedTuple):
    """``start`` (None: 0) to ``stop``, exclusive; ``variable`` names the running number."""

    variable: str
    start: Expression | None
    stop: Expression

    @property
    def spans(self) -> Mapping[str, Span]:
        return {**self.stop.spans, **(self.start.spans if self.start else {})}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.spans)


class Key(NamedTuple):
    """A key, read. Spans of its expressions count from the beginning of the key."""

    name: str
    repeat: Repeat | None = None
    condition: Expression | None = None


@lru_cache(maxsize=4096)
def parse_key(text: str) -> Key:
    """Read a key; raise `ParamcalcError` with the span of what is wrong."""
    found = MODULE_PATH.match(text)
    if not found and not text.startswith("["):
        raise ParamcalcError(
            f"`{shorten(text)}` is no name of a module",
            "names are letters, digits, `_` and `-`; repeats are written `layers[n]`",
        )
    name, end = (found.group(), found.end()) if found else ("", 0)
    repeat = None
    if text.startswith("[", end):
        closing = _closing(text, end)
        repeat = _repeat(text[end + 1 : closing], end + 1)
        end = closing + 1
    if not text[end:].strip():
        return Key(name, repeat)
    condition = _CONDITION.match(text, end)
    if not condition:
        rest = text[end:].strip()
        raise ParamcalcError(
            f"expected `[…]` or `if …` after `{shorten(name)}`, found `{shorten(rest)}`",
            span=(text.index(rest, end), len(rest)),
        )
    return Key(name, repeat, parse(text[condition.end() :], offset=condition.end()))


def _closing(text: str, opening: int) -> int:
    """Where the bracket that opens at ``opening`` is closed."""
    depth = 0
    for position in range(opening, len(text)):
        depth += (text[position] == "[") - (text[position] == "]")
        if depth == 0:
            return position
    raise ParamcalcError(f"a bracket is not closed in `{shorten(text)}`", span=(opening, 1))


def _repeat(inside: str, offset: int) -> Repeat:
    variable, body = DEFAULT_INDEX, inside
    if named := _INDEX.match(inside):
        variable, body = named.group(1), inside[named.end() :]
        offset += named.end()
    colon = _colon(body)
    if colon is None:
        return Repeat(variable, None, parse(body, offset=offset))
    start = parse(body[:colon], offset=offset)
    return Repeat(variable, start, parse(body[colon + 1 :], offset=offset + colon + 1))


def _colon(text: str) -> int | None:
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == ":" and depth == 0:
            return position
    return None


def split_path(text: str) -> list[tuple[str, int]]:
    """A dotted path cut at its dots, but not inside brackets; each part with where it begins."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "." and depth == 0:
            parts.append((text[start:position], start))
            start = position + 1
    return [*parts, (text[start:], start)]
