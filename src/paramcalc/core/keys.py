"""The key of a module: a name, how often it repeats, and when it exists.

``layers[num_layers]``, ``layers[a:b]``, ``blocks[b in depths[s]]``, ``mlp if layer_types[i] == 1``
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from paramcalc.core.expression import Expression, parse
from paramcalc.errors import ParamcalcError, shorten

DEFAULT_INDEX = "i"
_NAME = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")
_INDEX = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s+")


@dataclass(frozen=True, slots=True)
class Repeat:
    """``start`` (None: 0) to ``stop``, exclusive, with ``index`` naming the running number."""

    index: str
    start: Expression | None
    stop: Expression

    @property
    def names(self) -> frozenset[str]:
        return self.stop.names | (self.start.names if self.start else frozenset())


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    repeat: Repeat | None = None
    condition: Expression | None = None


@lru_cache(maxsize=4096)
def parse_key(text: str) -> Key:
    """Read a key; raise `ParamcalcError` with the span of what is wrong."""
    found = _NAME.match(text)
    if not found:
        raise ParamcalcError(
            f"`{shorten(text)}` is no name of a module",
            "names are letters, digits, `_` and `-`; repeats are written `layers[n]`",
        )
    name, rest = found.group(), text[found.end() :]
    repeat = None
    if rest.startswith("["):
        inside = _bracketed(rest)
        repeat = _repeat(inside, found.end() + 1)
        rest = rest[len(inside) + 2 :]
    condition = None
    if rest.strip():
        word, _, condition_text = rest.strip().partition(" ")
        if word != "if" or not rest[0].isspace():
            raise ParamcalcError(
                f"expected `[…]` or `if …` after `{name}`, found `{shorten(rest.strip())}`",
                span=(len(text) - len(rest), len(rest)),
            )
        condition = _parse_at(condition_text, text.rindex(condition_text))
    return Key(name, repeat, condition)


def _bracketed(text: str) -> str:
    """What stands between the first bracket and the one that closes it."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return text[1:position]
    raise ParamcalcError(f"a bracket is not closed in `{shorten(text)}`")


def _repeat(inside: str, offset: int) -> Repeat:
    index, body = DEFAULT_INDEX, inside
    named = _INDEX.match(inside)
    if named:
        index, body = named.group(1), inside[named.end() :]
        offset += named.end()
    colon = _colon(body)
    if colon is None:
        return Repeat(index, None, _parse_at(body, offset))
    return Repeat(
        index, _parse_at(body[:colon], offset), _parse_at(body[colon + 1 :], offset + colon + 1)
    )


def _colon(text: str) -> int | None:
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == ":" and depth == 0:
            return position
    return None


def _parse_at(text: str, offset: int) -> Expression:
    try:
        return parse(text.strip())
    except ParamcalcError as error:
        problem = error.problems[0]
        start = offset + len(text) - len(text.lstrip()) + problem.span[0]
        raise ParamcalcError(
            problem.message, problem.hint, span=(start, problem.span[1] or len(text.strip()) or 1)
        ) from None
