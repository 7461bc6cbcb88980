"""A data file as a table of entries: one is found and parsed without parsing the others.

Top-level keys stand at column 0, ``hub:`` and ``aliases:`` on one line each with two spaces before
them. So names are found by scanning the text, and one entry's text can be cut out and parsed alone.
A key that starts with ``_`` is no entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from paramcalc.catalogue.architectures import Source, parse_source, placed
from paramcalc.catalogue.files import data_folders, find_data, read_text, shown
from paramcalc.errors import ParamcalcError, nearest, shorten

_HEADING = re.compile(r"^(?P<name>[^\s#:][^:\n]*):", re.MULTILINE)
_SPELLINGS = re.compile(
    r"^(?P<name>[^\s#:_][^:\n]*):|^  (?:hub|aliases): *\[?(?P<others>[^\]\n]*)", re.MULTILINE
)
_NAME = r"[^\s#:_][^:\n]*"
_SHORTEST_PREFIX = 3


class Entry(NamedTuple):
    """One entry: its name, what the file says of it, and where."""

    name: str
    card: Mapping[str, Any]
    source: Source


def normal(name: str) -> str:
    """A spelling without case and separators, except between two digits.

    >>> normal("Llama_3.1 8B") == normal("llama-3.1-8b"), normal("opt-13b") == normal("opt-1.3b")
    (True, False)
    """
    kept: list[str] = []
    separated = False
    for character in name.lower():
        if not (character.isascii() and character.isalnum()):
            separated = True
            continue
        if separated and kept and kept[-1].isdigit() and character.isdigit():
            kept.append(".")
        kept.append(character)
        separated = False
    return "".join(kept)


class Table:
    """The entries of all data files called ``file``, the user's own first."""

    def __init__(self, file: str, *, prefixes: bool = False, listed: str | None = None) -> None:
        self.file = file
        self.prefixes = prefixes
        """A unique beginning of a name is enough."""
        self.listed = listed
        """A JSON file that lists the spellings of the shipped entries, so that a large table need
        not be scanned for an alias."""

    @property
    def texts(self) -> tuple[tuple[Path, str], ...]:
        return _texts(self.file)

    def names(self) -> list[str]:
        """Names of all entries, in the order of the file."""
        return list(dict.fromkeys(name for _, text in self.texts for name in headings(text)))

    def find(self, name: str, *, prefixes: bool = True) -> Entry | None:
        """By name, by alias or hub id, each in any spelling, or by a unique beginning."""
        if re.fullmatch(_NAME, name):
            for path, text in self.texts:
                if text.startswith(f"{name}:") or f"\n{name}:" in text:
                    return _entry(path, text, name)
        wanted = normal(name)
        found = (
            self._listed(wanted)
            or (_aliases(self.texts).get(name) if self.listed is None else None)
            or self.spellings().get(wanted)
            or (self._by_prefix(wanted) if prefixes else None)
        )
        return _entry(found[0], read_cached(found[0]), found[1]) if found else None

    def section(self, name: str, key: str | None = None) -> Any:
        """A top-level key that is no entry, such as ``_ladders``; the first that has ``key``."""
        found = ((p, t) for p, t in self.texts if f"\n{name}:" in "\n" + t)
        cards = (_entry(path, text, name).card for path, text in found)
        for card in cards:
            if key is None or key in card:
                return card
        raise ParamcalcError(f"{self.file} has no section `{shorten(name)}`")

    def similar(self, name: str, count: int = 3) -> list[str]:
        """The names that look most like this one."""
        spellings = self.spellings()
        wanted = normal(name)
        starting = [key for key in spellings if wanted and key.startswith(wanted)]
        close = [*starting, *nearest(wanted, spellings, 2 * count)]
        return list(dict.fromkeys(spellings[key][1] for key in close))[:count]

    def spellings(self) -> Mapping[str, tuple[Path, str]]:
        """Every spelling to the file and name of its entry; an entry's own name wins."""
        return _spellings(self.texts)

    def _listed(self, wanted: str) -> tuple[Path, str] | None:
        """As `spellings`, for a user's own entries and for what is listed of the shipped ones."""
        if self.listed is None or not self.texts:
            return None
        *own, (shipped, _) = self.texts
        found = _spellings(tuple(own)).get(wanted)
        name = listed(self.listed).get("spellings", {}).get(wanted)
        return found or ((shipped, name) if name else None)

    def _by_prefix(self, wanted: str) -> tuple[Path, str] | None:
        if not self.prefixes or len(wanted) < _SHORTEST_PREFIX:
            return None
        found = {entry for key, entry in self.spellings().items() if key.startswith(wanted)}
        return found.pop() if len(found) == 1 else None


def headings(text: str) -> list[str]:
    """The names of the entries that the look-up sees in a text."""
    found = (match["name"] for match in _HEADING.finditer(text))
    return [name for name in found if not name.startswith("_")]


def other_names(text: str) -> Iterator[tuple[str, str]]:
    """The hub ids and aliases that the look-up sees in a text: (name of the entry, other name)."""
    name = ""
    for match in _SPELLINGS.finditer(text):
        if match["name"]:
            name = match["name"]
            continue
        yield from ((name, alias.strip(" '\"")) for alias in match["others"].split(","))


def cut(text: str, name: str) -> str:
    """The text of one entry.

    Blank lines stand for what was cut off before it, so that a problem's line is the file's.
    """
    start = 0 if text.startswith(f"{name}:") else text.index(f"\n{name}:") + 1
    following = _HEADING.search(text, start + 1)
    end = following.start() if following else len(text)
    return "\n" * text.count("\n", 0, start) + text[start:end]


@lru_cache(maxsize=4)
def listed(file: str) -> Mapping[str, Any]:
    """What ``tools/index_models.py`` has made of a data file beforehand."""
    import json

    paths = find_data(file)
    found: Mapping[str, Any] = json.loads(read_text(paths[-1])) if paths else {}
    return found


@lru_cache(maxsize=16)
def read_cached(path: Path) -> str:
    """The text of a data file, read once."""
    return read_text(path)


@lru_cache(maxsize=16)
def _texts(file: str) -> tuple[tuple[Path, str], ...]:
    return tuple((path, read_cached(path)) for path in find_data(file))


@lru_cache(maxsize=16)
def _aliases(texts: tuple[tuple[Path, str], ...]) -> Mapping[str, tuple[Path, str]]:
    """Aliases as they are written, which go before names that only look alike (f16, F16)."""
    found: dict[str, tuple[Path, str]] = {}
    for path, text in texts:
        for name, alias in other_names(text):
            found.setdefault(alias, (path, name))
    return found


@lru_cache(maxsize=16)
def _spellings(texts: tuple[tuple[Path, str], ...]) -> Mapping[str, tuple[Path, str]]:
    own: dict[str, tuple[Path, str]] = {}
    other: dict[str, tuple[Path, str]] = {}
    for path, text in texts:
        for name in headings(text):
            own.setdefault(normal(name), (path, name))
        for name, alias in other_names(text):
            other.setdefault(normal(alias), (path, name))
            # A hub id is also known without its organisation.
            other.setdefault(normal(alias.rpartition("/")[2]), (path, name))
    other.pop("", None)
    return other | own


@lru_cache(maxsize=256)
def _entry(path: Path, text: str, name: str) -> Entry:
    source = parse_source(cut(text, name), shown(path))
    card = source.tree.get(name)
    if path.parent != data_folders()[-1]:
        # The tests have validated the shipped entries; a user's own is validated when it is used.
        from paramcalc.catalogue.check_tables import entry_problems

        with placed(source):
            if problems := entry_problems(path.stem, name, card):
                raise ParamcalcError(problems)
    if not isinstance(card, Mapping):
        raise ParamcalcError(f"the entry `{shorten(name)}` of {path.name} is no mapping")
    return Entry(name, card, source)
