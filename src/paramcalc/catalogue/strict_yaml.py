"""YAML without its traps, and the place of a problem in it.

Refused: the same key twice, tags, more nodes than a person writes (alias bombs). Scalars are what
they look like: ``true/false/null`` (and Python's spelling), decimal integers with underscores,
floats; everything else, ``no`` and ``12:30:00`` too, is text.
"""

from __future__ import annotations

import re
from functools import lru_cache
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
# Compiled when first used: most files hold no number that needs them, and no deep nesting.
_INTEGER = r"[-+]?[0-9][0-9_]*"
_FLOAT = r"[-+]?([0-9][0-9_]*\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
_MOST_OPEN = 600
_DEEP_BLOCK = rf"(?m)^[^\w\n#]{{{_MOST_OPEN}}}"
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
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(getattr(error, "reason", "")) or "not valid YAML"
        raise ParamcalcError(f"cannot read `{file}`: {shorten(reason)}") from None
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        raise ParamcalcError(f"`{file}` holds nothing but comments")
    return node


def _check_depth(text: str, file: str) -> None:
    """Refuse deep nesting before the parser recurses into it: libyaml's has no bound of its own.

    Flow collections nest by brackets, block collections by columns.
    """
    depth = 0
    if text.count("[") + text.count("{") > _MOST_OPEN:
        for bracket in re.finditer(r"[\[\]{}]", text):
            depth += 1 if bracket.group() in "[{" else -1
            if depth > _MOST_OPEN:
                raise ParamcalcError(f"`{file}` is nested too deep")
    longest = max(map(len, text.split("\n")))
    if longest > _MOST_OPEN and re.search(_DEEP_BLOCK, text):
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
        if text[0] != "0" and len(text) < _LONGEST_NUMBER and text.isascii() and text.isdigit():
            return int(text)
        if len(text) > _LONGEST_NUMBER and text.lstrip("+-").isdigit():
            raise self.error(node, f"a number of {len(text):,} digits is larger than any size")
        if re.fullmatch(_INTEGER, text):
            if text.lstrip("+-")[0] == "0" and len(text.lstrip("+-")) > 1:
                raise self.error(node, f"`{text}` starts with a zero; is it a text or a number?")
            return int(text)
        return float(text) if re.fullmatch(_FLOAT, text) else text

    def error(self, node: Any, message: str) -> ParamcalcError:
        mark = node.start_mark
        length = len(node.value) if isinstance(node, yaml.ScalarNode) else 1
        place = place_at(self.text, self.file, mark.line, mark.column, length)
        return ParamcalcError(Problem(message, place=place))


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
        return problem._replace(place=place_at(text, file, 0, 0, 1)), False
    whole = depth == len(path)
    target = key_node if problem.in_key or not whole or not _is_line(node) else node
    start, length = problem.span if target is node or problem.in_key else (0, 0)
    quoted = getattr(target, "style", None) in ("'", '"')
    column = target.start_mark.column + start + (1 if quoted else 0)
    length = length or (len(target.value) - start if _is_line(target) else 1)
    place = place_at(text, file, target.start_mark.line, column, length)
    return problem._replace(place=place), whole


@lru_cache(maxsize=1)
def _composed(text: str, file: str) -> Any:
    """The nodes of a text, kept while its problems are placed one after the other."""
    return _compose(text, file)


def _step(node: Any, key: str) -> tuple[Any, Any] | None:
    """The nodes of a key and of its value; an element of a list is found by its number."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == key), None)
    if isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        element = node.value[int(key)]
        return element, element
    return None


def _is_line(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.start_mark.line == node.end_mark.line
