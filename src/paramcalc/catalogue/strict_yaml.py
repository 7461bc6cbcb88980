"""YAML without its traps, and the place of a problem in it.

Refused: the same key twice, tags, more nodes than a person writes (alias bombs). Scalars are what
they look like: ``true/false/null`` (and Python's spelling), decimal integers with underscores,
floats; everything else, ``no`` and ``12:30:00`` too, is text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import yaml

from paramcalc.errors import ParamcalcError, Place, Problem, shorten

_MOST_NODES = 200_000
_DEEPEST = 60
_LONGEST_NUMBER = 40
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
_INTEGER = re.compile(r"[-+]?\d[\d_]*")
_FLOAT = re.compile(r"[-+]?(\d[\d_]*\.\d*|\.\d+)([eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+")
_MOST_OPEN = 600
_BRACKET = re.compile(r"[\[\]{}]")
_DEEP_BLOCK = re.compile(rf"^[^\w\n#]{{{_MOST_OPEN}}}", re.MULTILINE)
_PLAIN_TAGS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:map",
    "tag:yaml.org,2002:seq",
}

# The base loader resolves nothing by itself; libyaml's is ten times as fast where it exists.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def load(text: str, file: str) -> Any:
    """The tree of a YAML text: dicts with text keys, lists, and scalars."""
    return _Builder(file, text).build(_compose(text, file), 0)


def _compose(text: str, file: str) -> Any:
    _check_depth(text, file)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(getattr(error, "reason", "")) or "not valid YAML"
        raise ParamcalcError(f"cannot read `{file}`: {shorten(reason)}") from None
    finally:
        loader.dispose()
    if node is None:
        raise ParamcalcError(f"`{file}` holds nothing but comments")
    return node


def _check_depth(text: str, file: str) -> None:
    """Refuse deep nesting before the parser recurses into it: libyaml's has no bound of its own.

    Flow collections nest by brackets, block collections by columns.
    """
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > _MOST_OPEN:
            raise ParamcalcError(f"`{file}` is nested too deep")
    if _DEEP_BLOCK.search(text):
        raise ParamcalcError(f"`{file}` is nested too deep")


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
    place = place_at(text, file, mark.line, mark.column, 1)
    return ParamcalcError(Problem(message, hint, place=place))


def place_at(text: str, file: str, line: int, column: int, length: int) -> Place:
    """The place at a 0-based line and column."""
    lines = text.splitlines()
    shown = lines[line] if line < len(lines) else ""
    return Place(file, line + 1, column + 1, shown, max(1, length))


class _Builder:
    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.nodes = 0

    def build(self, node: Any, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > _MOST_NODES or depth > _DEEPEST:
            what = "has too many entries" if depth <= _DEEPEST else "is nested too deep"
            raise ParamcalcError(f"`{self.file}` {what}", "aliases count each time they are used")
        if node.tag not in _PLAIN_TAGS:
            raise self.error(node, f"a YAML tag (`{shorten(node.tag)}`) is not allowed")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, depth + 1) for child in node.value]
        return self.mapping(node, depth)

    def mapping(self, node: Any, depth: int) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, "a key must be a plain text")
            if key.value in tree:
                raise self.error(key, f"the key `{shorten(key.value)}` is given twice")
            tree[key.value] = self.build(value, depth + 1)
        return tree

    def scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.style in ("'", '"', "|", ">"):
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if not (text[0].isdigit() or text[0] in "+-."):
            return text
        if len(text) > _LONGEST_NUMBER and text.lstrip("+-").isdigit():
            raise self.error(node, f"a number of {len(text):,} digits is larger than any size")
        if _INTEGER.fullmatch(text):
            if text.lstrip("+-")[0] == "0" and len(text.lstrip("+-")) > 1:
                raise self.error(node, f"`{text}` starts with a zero; is it a text or a number?")
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def error(self, node: Any, message: str) -> ParamcalcError:
        mark = node.start_mark
        length = len(node.value) if isinstance(node, yaml.ScalarNode) else 1
        place = place_at(self.text, self.file, mark.line, mark.column, length)
        return ParamcalcError(Problem(message, place=place))


def locate(problem: Problem, text: str, file: str) -> tuple[Problem, bool]:
    """The problem with its place in this text, and whether its whole path was found there."""
    if problem.place is not None or not problem.path:
        return problem, problem.place is not None
    node = _compose(text, file)
    found = key_node = None
    depth = 0
    for depth, key in enumerate(problem.path, 1):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        pair = next((pair for pair in pairs if pair[0].value == key), None)
        if pair is None:
            depth -= 1
            break
        key_node, node = pair
        found = key_node
    whole = depth == len(problem.path)
    if found is None:
        return replace(problem, place=Place(file, 1, 1)), False
    target = key_node if problem.in_key or not whole or not _is_line(node) else node
    start, length = problem.span if target is node or problem.in_key else (0, 0)
    column = target.start_mark.column + start + (1 if target.style in ("'", '"') else 0)
    place = place_at(
        text, file, target.start_mark.line, column, length or len(target.value) - start
    )
    return replace(problem, place=place), whole


def _is_line(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.start_mark.line == node.end_mark.line
