"""YAML without its traps, and the place of a problem in it.

Refused: the same key twice, tags, more nodes than a person writes (alias bombs), deep nesting.
Scalars are what they look like: ``true/false/null`` (and Python's spelling), decimal integers with
underscores, floats; everything else, ``no`` and ``12:30:00`` too, is text.

The tree is built from the parser's events, which come one after the other however deep they nest;
libyaml's own composer follows a stranger's nesting until the stack is full.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

import yaml
from yaml import events

from paramcalc.catalogue.places import place_of
from paramcalc.errors import ParamcalcError, Place, Problem, shorten

_MOST_NODES = 200_000
_DEEPEST = 60
_LONGEST_NUMBER = 40
_MOST_PROBLEMS = 20
_CONSTANTS = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
    "~": None,
    "": None,
}
# Compiled when first used: most files hold no number that needs them.
_INTEGER = r"[-+]?[0-9]+(_[0-9]+)*"
_FLOAT = (
    r"[-+]?([0-9]+(_[0-9]+)*\.([0-9]+(_[0-9]+)*)?|\.[0-9]+(_[0-9]+)*)([eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9]+(_[0-9]+)*[eE][-+]?[0-9]+"
)
_FOLD = "[ \\t]*[\\r\\n\x85\u2028\u2029]\\s*"
_LONGEST_SPAN = 2_000
_NO_CHARACTER = "[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"

# The base loader resolves nothing by itself; libyaml's is ten times as fast where it exists.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def load(text: str, file: str) -> Any:
    """The tree of a YAML text: dicts with text keys, lists, and scalars."""
    with_problems = _Builder(text, shorten(file, 200))
    tree = with_problems.document()
    if with_problems.problems:
        raise ParamcalcError(with_problems.problems)
    return tree


class _Anchored(NamedTuple):
    """What an anchor stands for, and how many nodes that is."""

    value: Any
    nodes: int


class _Builder:
    """Builds the tree of one text; what is wrong but can be passed over gathers in `problems`."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, _Anchored] = {}
        self.nodes = 0
        self.loader: Any = None

    def document(self) -> Any:
        """The tree of the only document."""
        try:
            self.loader = _Loader(self.text)
            self.next()
            if isinstance(self.next(), events.StreamEndEvent):
                raise ParamcalcError(f"`{self.file}` holds nothing but comments")
            tree = self.value(self.next(), 0)
            self.next()
            if isinstance(another := self.next(), events.DocumentStartEvent):
                raise self.error(another, "a second document begins here; one file holds one")
            return tree
        except yaml.MarkedYAMLError as error:
            raise _syntax_error(error, self.text, self.file) from None
        except (yaml.YAMLError, ValueError):
            raise _unreadable(self.text, self.file) from None
        finally:
            if self.loader is not None:
                self.loader.dispose()

    def next(self) -> Any:
        return self.loader.get_event()

    def value(self, event: Any, depth: int) -> Any:
        """The value that begins with this event."""
        if isinstance(event, events.AliasEvent):
            return self.alias(event)
        self.count(1)
        before = self.nodes
        if event.tag is not None:
            self.report(event, f"a YAML tag (`{shorten(event.tag)}`) is not allowed")
        if isinstance(event, events.ScalarEvent):
            value = self.scalar(event)
        elif depth >= _DEEPEST:
            raise ParamcalcError(f"`{self.file}` is nested too deep")
        elif isinstance(event, events.SequenceStartEvent):
            value = self.sequence(depth)
        else:
            value = self.mapping(depth)
        if event.anchor in self.anchors:
            self.report(event, f"the anchor `&{shorten(event.anchor)}` is given twice")
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchored(value, self.nodes - before + 1)
        return value

    def alias(self, event: Any) -> Any:
        """The value of an anchor, which counts as if it stood here again."""
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            raise self.error(event, f"`*{shorten(event.anchor)}` is nowhere defined before")
        self.count(anchored.nodes)
        return anchored.value

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > _MOST_NODES:
            hint = "what an alias stands for counts each time that it is used"
            raise ParamcalcError(f"`{self.file}` has too many entries", hint)

    def sequence(self, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := self.next(), events.SequenceEndEvent):
            values.append(self.value(event, depth + 1))
        return values

    def mapping(self, depth: int) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        while not isinstance(event := self.next(), events.MappingEndEvent):
            key = self.key(event, tree)
            tree[key] = self.value(self.next(), depth + 1)
        return tree

    def key(self, event: Any, tree: dict[str, Any]) -> str:
        """A key, which is text whatever it looks like."""
        if not isinstance(event, events.ScalarEvent):
            raise self.error(event, "a key must be a plain text")
        self.count(1)
        key: str = event.value
        if event.tag is not None or event.anchor is not None:
            self.report(event, "a key can have neither a tag nor an anchor")
        if key in tree:
            self.report(event, f"the key `{shorten(key)}` is given twice")
        return key

    def scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style:  # in quotes, or a block
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if not (text[0].isdigit() or text[0] in "+-."):
            return text
        if text[0] != "0" and len(text) < _LONGEST_NUMBER and text.isascii() and text.isdigit():
            return int(text)
        return self.number(event, text)

    def number(self, event: Any, text: str) -> Any:
        """What begins like a number: a number, or a text such as ``3d`` and ``2024-07-23``."""
        if re.fullmatch(_INTEGER, text):
            digits = text.lstrip("+-").replace("_", "")
            if len(digits) > _LONGEST_NUMBER:
                self.report(event, f"a number of {len(digits):,} digits is larger than any size")
            elif digits[0] == "0" and len(digits) > 1:
                message = f"`{shorten(text)}` starts with a zero; is it a text or a number?"
                self.report(event, message)
            else:
                return int(text)
            return None
        return float(text) if re.fullmatch(_FLOAT, text) else text

    def report(self, event: Any, message: str) -> None:
        """Note a problem that leaves the rest of the text readable."""
        self.problems += self.error(event, message).problems
        if len(self.problems) >= _MOST_PROBLEMS:
            raise ParamcalcError(self.problems)

    def error(self, event: Any, message: str) -> ParamcalcError:
        length = len(event.value) if isinstance(event, events.ScalarEvent) else 1
        place = place_of(self.text, self.file, event.start_mark.index, length)
        return ParamcalcError(Problem(message, place=place))


def _unreadable(text: str, file: str) -> ParamcalcError:
    """The error for a text that holds what YAML does not take for characters."""
    found = re.search(_NO_CHARACTER, text)
    if found is None:
        return ParamcalcError(f"cannot read `{file}`: not valid YAML")
    place = place_of(text, file, found.start())
    message = f"the character U+{ord(found.group()):04X} cannot stand in YAML"
    return ParamcalcError(Problem(message, place=place))


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> ParamcalcError:
    mark = error.problem_mark or error.context_mark
    message = f"cannot read the YAML: {shorten(str(error.problem or error.context), 120)}"
    hint = None
    if "cannot start any token" in message:
        hint = "indent with spaces; quote a text that starts with a special character"
    if "mapping values are not allowed" in message:
        hint = "is a line indented differently from its neighbours?"
    if mark is None:
        return ParamcalcError(message, hint)
    return ParamcalcError(Problem(message, hint, place=place_of(text, file, mark.index)))


def locate(problem: Problem, text: str, file: str) -> tuple[Problem, bool]:
    """The problem with its place in this text, and whether its whole path was found there.

    A tree that was not read from a text has no places: there a problem keeps its path.
    """
    if problem.place is not None or not problem.path or not text:
        return problem, problem.place is not None
    node = _composed(text, file)
    path = problem.path
    if path[0] == "modules" and _step(node, "modules") is None:
        path = path[1:]  # a tree of modules without sections
    key_node: Any = None
    depth = 0
    for key in path:
        step = _step(node, key)
        if step is None:
            break
        key_node, node = step
        depth += 1
    if key_node is None:
        return problem._replace(place=place_of(text, file, 0)), False
    whole = depth == len(path)
    in_value = whole and not problem.in_key and _has_columns(node)
    span = problem.span if whole and (in_value or problem.in_key) else (0, 0)
    return problem._replace(place=_span_at(text, file, node if in_value else key_node, span)), whole


def _has_columns(node: Any) -> bool:
    """A scalar whose characters stand in the text as they are, apart from quotes and folds."""
    return isinstance(node, yaml.ScalarNode) and node.style not in ("|", ">")


def _span_at(text: str, file: str, node: Any, span: tuple[int, int]) -> Place:
    """The place of a part of a scalar; length 0 is the rest of it, as far as its line goes."""
    start, length = span
    if not isinstance(node, yaml.ScalarNode):  # an element of a list
        return place_of(text, file, node.start_mark.index)
    raw = text[node.start_mark.index : node.end_mark.index]
    begin = _raw_position(raw, node.style, start)
    end = _raw_position(raw, node.style, start + length if length else len(node.value))
    return place_of(text, file, node.start_mark.index + begin, end - begin)


def _raw_position(raw: str, style: str | None, offset: int) -> int:
    """Where a character of a scalar's value stands in the scalar as it is written."""
    fold, escape = re.compile(_FOLD), {"'": "''", '"': "\\"}.get(style or "")
    position = 1 if escape else 0
    for _ in range(min(offset, _LONGEST_SPAN)):
        if folded := fold.match(raw, position):
            position = folded.end()
        else:
            position += 2 if escape and raw.startswith(escape, position) else 1
    return position


@lru_cache(maxsize=1)
def _composed(text: str, file: str) -> Any:
    """The nodes of a text, kept while its problems are placed one after the other."""
    load(text, file)  # the composer has no bounds of its own
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _step(node: Any, key: str) -> tuple[Any, Any] | None:
    """The nodes of a key and of its value; an element of a list is found by its number."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        element = node.value[int(key)]
        return element, element
    return None
