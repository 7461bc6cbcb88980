"""What a printed module owns: its kind's own tensors, as far as its surroundings tell their sizes.

Kinds of torch.nn are those of layer specs; those of others of which more is to say
stand in ``data/printout.yaml``, all others in the lists of ``data/printout_lists.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from inspect import signature
from itertools import islice
from typing import Any, NamedTuple

from paramcalc.catalogue.rules import expression, rules
from paramcalc.core.layers import KINDS, WITHOUT_TENSORS
from paramcalc.core.layers.plain import NOT_A_CALL
from paramcalc.errors import ParamcalcError
from paramcalc.sources.printout_text import Node, arguments_of

FILE = "printout.yaml"
LISTS = "printout_lists.yaml"
_LAST_WORD = re.compile(r"([A-Z][a-z]+\d?d?|[A-Z]+\d*[dD]?|[a-z]+)_?\d*$")


class Rule(NamedTuple):
    """What the data files say about a kind."""

    like: str | None = None
    kind: str | None = None
    tensors: Mapping[str, Any] = {}
    buffers: Mapping[str, Any] = {}
    untied: Mapping[str, Any] = {}
    hidden: Sequence[str] = ()
    shares: bool = False


class Known(NamedTuple):
    """What the data files say of kinds that are not torch.nn's."""

    written: Mapping[str, Rule]
    """By the exact name of a kind, from `FILE`."""
    listed: Mapping[str, Rule]
    """The same from `LISTS`."""
    patterns: Sequence[tuple[str, Rule]]
    plain: frozenset[str]
    """Kinds that own no tensors."""
    families: tuple[str, ...]
    endings: frozenset[str]
    """Last words of the kinds of these families that own none either."""


@lru_cache(maxsize=1)
def known() -> Known:
    """Both data files, read once."""
    written: dict[str, Rule] = {}
    patterns: list[tuple[str, Rule]] = []
    for name, card in rules(FILE).items():
        if name.startswith("_"):
            continue
        rule = Rule(*(card.get(key, default) for key, default in Rule()._asdict().items()))
        for kind in card["kinds"]:
            if "*" in kind:
                patterns.append((kind, rule))
            else:
                written.setdefault(kind, rule)
    lists = rules(LISTS)
    plain = lists["without_tensors"]
    return Known(
        written,
        _listed(lists),
        patterns,
        frozenset(plain["kinds"]) | frozenset(rules(FILE)["_without_tensors"]["kinds"]),
        tuple(plain["families"]),
        frozenset(plain["endings"]),
    )


def _listed(lists: Mapping[str, Any]) -> dict[str, Rule]:
    """Rules from lists of kinds; one that shares modules may hold something as well."""
    found = {kind: Rule(like=like) for like, kinds in lists["like"].items() for kind in kinds}
    for entry in lists["hidden"]:
        found |= {kind: Rule(hidden=entry["tensors"]) for kind in entry["kinds"]}
    for kind in lists["shares"]:
        found[kind] = found.get(kind, Rule())._replace(shares=True)
    return found


@lru_cache(maxsize=4096)
def rule_of(kind: str) -> Rule | None:
    """The rule for a kind, or None."""
    every = known()
    found = every.written.get(kind) or every.listed.get(kind)
    if found or kind in every.plain:
        return found
    return rule_by_pattern(kind)


def rule_by_pattern(kind: str) -> Rule | None:
    """The rule for kinds with such a name, or None."""
    return next((rule for pattern, rule in known().patterns if fnmatchcase(kind, pattern)), None)


@lru_cache(maxsize=4096)
def is_plain(kind: str) -> bool:
    """The kind is known to own no tensors but those of the modules in it."""
    if kind in WITHOUT_TENSORS or kind in NOT_A_CALL or kind in KINDS:
        return True
    every = known()
    named_so = last_word(kind) in every.endings and kind.startswith(every.families)
    return kind in every.plain or named_so


def last_word(kind: str) -> str | None:
    """The last word of a kind: that of `LlamaForCausalLM` is `LM`."""
    found = _LAST_WORD.search(kind)
    return found[1] if found else None


def torch_kind(node: Node) -> str | None:
    """The kind of torch.nn whose call a module prints, or None."""
    if node.kind in KINDS:
        return node.kind
    rule = rule_of(node.kind)
    return rule.like if rule else None


class View(Mapping[str, Any]):
    """A printed module as expressions see it: its arguments and the modules in it, by name."""

    MOST_NAMED = 50
    """Names that are offered in an error; each of them is looked at there."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __getitem__(self, key: str) -> Any:
        child = self.node.named().get(key)
        return called(self.node)[key] if child is None else View(child)

    def __iter__(self) -> Iterator[str]:
        yield from islice(self.node.named(), self.MOST_NAMED)
        yield from called(self.node)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def called(node: Node) -> dict[str, Any]:
    """The arguments that a module prints, by the names of its kind's parameters."""
    if node.called is None:
        positional, named = arguments_of(node.arguments)
        kind = torch_kind(node)
        names = list(signature(KINDS[kind]).parameters) if kind else []
        node.called = {**dict(zip(names, positional)), **named}
    return node.called


class Surroundings(Mapping[str, Any]):
    """The names that a rule's sizes may use, found only when they are asked for."""

    NAMES = ("name", "shape", "width", "inside", "beside", "above")

    def __init__(self, node: Node, parents: Sequence[Node], widths: Widths) -> None:
        self.node, self.parents, self.widths = node, parents, widths

    def __getitem__(self, key: str) -> Any:
        if key == "name":
            return self.node.name
        if key == "shape":
            return self._shape()
        found: int | View | None
        if key == "width":
            found = self.widths.beside(self.node, self.parents)
        elif key == "inside":
            return View(self.node)
        else:
            level = {"beside": 1, "above": 2}.get(key, 99)
            found = View(self.parents[-level]) if len(self.parents) >= level else None
        if found is None:
            raise KeyError(key)
        return found

    def _shape(self) -> list[int]:
        positional, _ = arguments_of(self.node.arguments)
        first = positional[0] if positional else None
        found = first if isinstance(first, tuple) else (first,)
        if not found or not all(type(size) is int for size in found):
            raise KeyError("shape")
        return list(found)

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


class Widths:
    """The width of what flows past a module, from the first layer beside it that prints one."""

    def __init__(self) -> None:
        self.first: dict[int, int | None] = {}

    def beside(self, node: Node, parents: Sequence[Node]) -> int | None:
        """The first width in the module around it, or in the one around that, and so on."""
        found = (self.inside(parent) for parent in reversed(parents) if parent is not node)
        return next((width for width in found if width is not None), None)

    def inside(self, node: Node) -> int | None:
        """The first width at or below a module."""
        key = id(node)
        if key not in self.first:
            own = _width(node)
            below = (self.inside(child) for child in node.children) if own is None else ()
            self.first[key] = own or next((width for width in below if width is not None), None)
        return self.first[key]


def _width(node: Node) -> int | None:
    key = rules(FILE)["_widths"].get(torch_kind(node) or "")
    width = called(node).get(key) if key else None
    return width if type(width) is int and width > 0 else None


def sizes(dims: Any, around: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The shape that a rule gives; None if the surroundings do not tell it."""
    if dims is None:
        return None
    try:
        if not isinstance(dims, list):
            found: Sequence[Any] = expression(dims)(around)
        else:
            found = [expression(dim)(around) for dim in dims]
    except (ParamcalcError, KeyError):
        return None
    good = isinstance(found, (list, tuple)) and all(type(d) is int and d > 0 for d in found)
    return tuple(found) if good else None
