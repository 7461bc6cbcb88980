"""The text that PyTorch prints for a module, as a tree; what its modules own is not known here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paramcalc.errors import ParamcalcError, Place, Problem, shorten

MOST_CHARACTERS = 4_000_000
MOST_LINES = 30_000
DEEPEST = 60
LONGEST_ARGUMENTS = 500

_MODULE = re.compile(
    r"(?:\((?P<name>[^\n]{1,200}?)\): )?(?:(?P<copies>\d{1,9}) x )?"
    r"(?P<kind>[A-Za-z_][\w.]*)\((?P<rest>.*)"
)
_CHILD = re.compile(r"\((?P<name>[^\n]{1,200}?)\): (?P<text>.+)")
_FOLDED = re.compile(r"(\d{1,9})-(\d{1,9})")
_PARAMETER = re.compile(
    r"\((?P<name>[^\n]{1,200}?)\): Parameter containing: \[[\w.]+ of size (?P<size>[\dx]*)"
)
_WHOLE = re.compile(r"-?\d{1,18}")
_DECIMAL = re.compile(r"-?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})(e[+-]?\d{1,3})?")
_WORDS = {"True": True, "False": False, "None": None}


@dataclass(slots=True)
class Node:
    """A module as it is printed."""

    name: str
    kind: str
    line: int
    """1-based, in the text."""
    numbers: range | None = None
    """The indices of equal modules that are printed once."""
    arguments: str = ""
    children: list[Node] = field(default_factory=list)
    shape: tuple[int, ...] | None = None
    """Of a tensor that is printed itself, in a ParameterList."""
    by_name: dict[str, Node] | None = None
    called: dict[str, Any] | None = None
    """Its arguments by their names, once they were asked for."""

    def named(self) -> Mapping[str, Node]:
        """The modules in it by their names."""
        if self.by_name is None:
            self.by_name = {child.name: child for child in self.children}
        return self.by_name


def parse_printout(text: str, file: str) -> Node:
    """The tree of modules; raises `ParamcalcError` where the text is no print-out."""
    if len(text) > MOST_CHARACTERS or text.count("\n") > MOST_LINES:
        most = f"{MOST_CHARACTERS:,} characters or {MOST_LINES:,} lines"
        raise ParamcalcError(f"`{file}` is too long for a print-out: more than {most}")
    lines = text.split("\n")
    root: Node | None = None
    open_nodes: list[Node] = []
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped:
            continue
        if root is not None and not open_nodes:
            raise _wrong("there is more text after the end of the module", file, number, line)
        if stripped == ")" and open_nodes:
            open_nodes.pop()
            continue
        node, opens = _read(stripped, number)
        if root is None:
            if not node.kind or node.name or node.numbers is not None:
                raise _wrong("this is no module", file, number, line)
            root = node
        elif node.kind or node.shape is not None:
            open_nodes[-1].children.append(node)
        else:
            _extend(open_nodes[-1], stripped)
        if opens:
            open_nodes.append(node)
        if len(open_nodes) > DEEPEST:
            raise _wrong("modules are nested too deep", file, number, line)
    if root is None or open_nodes:
        last = lines[-1] if lines else ""
        raise _wrong("the print-out ends before its last `)`", file, len(lines), last)
    return root


def _wrong(message: str, file: str, number: int, line: str) -> ParamcalcError:
    column = len(line) - len(line.lstrip()) + 1
    place = Place(file, number, min(column, 200), line[:300])
    return ParamcalcError(Problem(message, "give the text that `print(model)` gives", place=place))


def _extend(node: Node, text: str) -> None:
    """A line that is no module belongs to what its module says about itself."""
    if len(node.arguments) + len(text) < LONGEST_ARGUMENTS:
        node.arguments = f"{node.arguments}, {text}" if node.arguments else text


def _read(line: str, number: int) -> tuple[Node, bool]:
    """A line as a module, and whether it stays open; without a kind it is none."""
    tensor = _PARAMETER.match(line)
    if tensor:
        return _tensor(tensor, number), False
    found = _MODULE.fullmatch(line)
    if found and (found["name"] or number == 1 or not found["copies"]):
        rest = found["rest"]
        if found["name"] is None and rest and not rest.endswith(")"):
            return Node("", "", number), False
        if not rest or rest.endswith(")"):
            name, numbers = _name(found["name"] or "", found["copies"], number)
            inner = rest[:-1][:LONGEST_ARGUMENTS]
            node = Node(name, found["kind"], number, numbers, inner)
            if node.kind in ("ParameterList", "ParameterDict") and inner:
                node.children = [_tensor(m, number) for m in _PARAMETER.finditer(inner)]
            return node, not rest
    child = _CHILD.fullmatch(line)
    if child:
        return Node(child["name"], shorten(child["text"]), number), False
    return Node("", "", number), False


def _tensor(found: re.Match[str], number: int) -> Node:
    sizes = [int(size) for size in found["size"].split("x") if size and len(size) < 16]
    return Node(found["name"], "Parameter", number, shape=tuple(sizes))


def _name(name: str, copies: str | None, line: int) -> tuple[str, range | None]:
    if copies is None:
        return name, None
    folded = _FOLDED.fullmatch(name)
    numbers = range(int(folded[1]), int(folded[2]) + 1) if folded else range(0)
    if len(numbers) != int(copies):
        raise ParamcalcError(f"line {line}: `({shorten(name)})` is not {copies} modules")
    return "", numbers


def arguments_of(text: str) -> tuple[list[Any], dict[str, Any]]:
    """What a module prints about itself: ``16, eps=1e-05`` is ``([16], {"eps": 1e-05})``."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for part in _parts(text):
        key, equals, value = part.partition("=")
        if equals and key.strip().isidentifier():
            named[key.strip()] = _value(value.strip())
        else:
            positional.append(_value(part.strip()))
    return positional, named


def _parts(text: str) -> list[str]:
    """Split at the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for at, sign in enumerate(text):
        if sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _value(text: str, depth: int = 0) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if text[:1] in ("(", "[") and text[-1:] in (")", "]") and depth < 4:
        return _values(_parts(text[1:-1]), depth + 1)
    if text and text[-1].isdigit() and _DECIMAL.fullmatch(text):
        return float(text)
    return text.strip("'\"")


def _values(parts: Sequence[str], depth: int) -> tuple[Any, ...]:
    return tuple(_value(part.strip(), depth) for part in parts)
