"""Patterns on the names of tensors: ``*.mlp.*``, ``model.layers.0-7.*.weight``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from paramcalc.core.grouping import boxes
from paramcalc.core.model import TensorGroup
from paramcalc.errors import ParamcalcError, shorten

_LONGEST, _MOST_STARS = 300, 12
_RANGE = re.compile(r"(?<![^.])([0-9]{1,9})-([0-9]{1,9})(?![^.])")
_MARK = "\uf8ff"
"""Stands for a range while the rest is translated; no name of a tensor holds it."""
_PLAIN_REGEX = re.compile(r"[\w.\x00\x01-]+", re.ASCII)
_ALTERNATIVES = re.compile(r"\((?:\?:)?([\w.\x00\x01|-]*)\)", re.ASCII)
_ANY = "\1"
_WRITTEN = dict.fromkeys((".*?", ".*", ".+", "\\d+", "[0-9]+", "\\w+"), _ANY) | {"\\.": "\0"}
"""What stands in regular expressions for a dot, and for any text or number."""
_MOST_ALTERNATIVES = 64
MOST_NAMES = 200_000
"""More tensors than this are not looked at one by one."""


class Pattern(NamedTuple):
    """``*`` any text, ``?`` one character, ``[ab]`` one of these, ``0-7`` a number in a range."""

    text: str
    pieces: tuple[str, ...]
    """What stands between the stars, if there is nothing but stars."""
    has_numbers: bool
    """It tells tensors apart that differ in the numbers of their names only."""

    def matches(self, name: str) -> bool:
        """The whole name fits.

        >>> pattern("layers.0-7.*").matches("layers.3.bias")
        True
        """
        if not self.pieces:
            return _regex(self.text).matches(name)
        if len(self.pieces) == 1:
            return name == self.text
        first, *between, last = self.pieces
        end = len(name) - len(last)
        if not name.startswith(first) or not name.endswith(last) or end < len(first):
            return False
        at = len(first)
        for piece in between:
            found = name.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


class _Regex(NamedTuple):
    """A pattern with more than stars."""

    regex: re.Pattern[str]
    ranges: tuple[tuple[int, int], ...]

    def matches(self, name: str) -> bool:
        found = self.regex.fullmatch(name)
        if found is None:
            return False
        return all(
            low <= int(found[f"n{position}"]) <= high
            for position, (low, high) in enumerate(self.ranges)
        )


@lru_cache(maxsize=2048)
def pattern(text: str) -> Pattern:
    """Read a pattern; a name without ``*`` stands for itself."""
    if not text or len(text) > _LONGEST or text.count("*") > _MOST_STARS:
        raise ParamcalcError(
            f"`{shorten(text)}` is no pattern of names",
            f"at most {_LONGEST} characters and {_MOST_STARS} stars, such as `*.mlp.*`",
        )
    is_plain = not ("?" in text or "[" in text or ("-" in text and _RANGE.search(text)))
    if not is_plain:
        _regex(text)
    has_numbers = not is_plain or any(map(str.isdecimal, re.split(r"[.*]", text)))
    return Pattern(text, tuple(text.split("*")) if is_plain else (), has_numbers)


@lru_cache(maxsize=512)
def _regex(text: str) -> _Regex:
    """Ranges become groups, everything else is what `fnmatch` makes of it."""
    from fnmatch import translate

    ranges = tuple((int(low), int(high)) for low, high in _RANGE.findall(text))
    pieces = translate(_RANGE.sub(_MARK, text)).split(_MARK)
    body = pieces[0]
    for position, piece in enumerate(pieces[1:]):
        body += f"(?P<n{position}>[0-9]{{1,9}}){piece}"
    try:
        return _Regex(re.compile(body), ranges)
    except re.error:
        raise ParamcalcError(
            f"`{shorten(text)}` is no pattern of names",
            "a range such as `0-7` is a whole part of a name",
        ) from None


def divided(group: TensorGroup, patterns: Sequence[Pattern]) -> Iterator[tuple[TensorGroup, bool]]:
    """The group's tensors that fit one of the patterns, and those that do not."""
    if not any(one.has_numbers for one in patterns) or not group.indices:
        yield group, any(one.matches(_plain_name(group)) for one in patterns)
        return
    if group.count > MOST_NAMES:
        raise ParamcalcError(f"more than {MOST_NAMES:,} tensors are called `{group.template}`")
    points: dict[bool, list[tuple[int, ...]]] = {}
    for index in product(*group.indices):
        name = group.template.format(*index)
        points.setdefault(any(one.matches(name) for one in patterns), []).append(index)
    for fits, found in points.items():
        for box in boxes(found):
            yield part(group, box), fits


def part(group: TensorGroup, box: Sequence[range | tuple[int, ...]]) -> TensorGroup:
    """Those of a group's tensors that have these indices."""
    count = 1
    for numbers in box:
        count *= len(numbers)
    active = int(group.active_numel) * count // max(1, int(group.count))
    return group._replace(indices=tuple(box), count=count, active_numel=active)


def _plain_name(group: TensorGroup) -> str:
    """Any one of the names: all of them fit a pattern without numbers, or none does."""
    return group.template.replace("{}", "0")


def tidy(numbers: Sequence[int]) -> range | tuple[int, ...]:
    """Ascending numbers as a range, if they are one."""
    whole = range(numbers[0], numbers[-1] + 1)
    return whole if len(whole) == len(numbers) else tuple(numbers)


def modules(names: Iterable[object], group: TensorGroup) -> tuple[Pattern, ...]:
    """Patterns for what is in one of these modules, as far as the group may have such tensors.

    A name is that of a module from the top, or from any module down: ``lm_head``, ``mlp.gate``,
    ``model.layers.3.self_attn``; or ``re:`` and a regular expression of dots, stars, letters and
    alternatives, which fits modules from the top. What is no text names nothing.
    """
    found: list[Pattern] = []
    for name in names:
        if not isinstance(name, str):
            continue
        if name.startswith("re:"):
            found += map(pattern, _of_regex(name.removeprefix("re:")))
            continue
        # Lists of thousands are common; only those are looked at that can fit.
        parts = ("{}" if part.isdecimal() else part for part in name.split("."))
        if "*" not in name and f".{'.'.join(parts)}." not in f".{group.template}.":
            continue
        escaped = name.replace("[", "[[]")
        found += map(pattern, (f"{escaped}.*", f"*.{escaped}.*", f"*.{escaped}", escaped))
    return tuple(found)


@lru_cache(maxsize=512)
def _of_regex(text: str) -> tuple[str, ...]:
    r"""A plain regular expression as patterns on tensors of the modules; others fit nothing.

    >>> _of_regex(r".*mlp\.(gate|up)_proj$")
    ('*mlp.gate_proj.*', '*mlp.up_proj.*')
    """
    body = text.removeprefix("^").removesuffix("$")
    ending = ".*" if text.endswith("$") else "*"
    for written, meant in _WRITTEN.items():
        body = body.replace(written, meant)
    found = [body]
    while (group := _ALTERNATIVES.search(found[0])) and len(found) <= _MOST_ALTERNATIVES:
        found = [one.replace(group[0], way, 1) for one in found for way in group[1].split("|")]
    if not all(_PLAIN_REGEX.fullmatch(one) and len(one) < _LONGEST - 2 for one in found):
        return ()
    plain = (one.replace("\0", ".").replace(_ANY, "*") + ending for one in found)
    patterns = (re.sub(r"\*+", "*", one) for one in plain)
    return tuple(one for one in patterns if one.count("*") <= _MOST_STARS)
