"""Safe expressions over a configuration: parsed once with Python's own grammar, evaluated often.

Only the forms of a whitelist are compiled (to closures, never to code), text and nesting are
bounded before parsing, and integers are bounded where they are computed. So an expression from a
stranger can neither run code nor exhaust time or memory.

>>> parse("hidden_size // num_heads")({"hidden_size": 4096, "num_heads": 32})
128
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from paramcalc.core.closure import Evaluate, Scope, Span, constant, refuse, span_of, truth
from paramcalc.core.forms import Compiler
from paramcalc.errors import ParamcalcError, shorten

_LONGEST_TEXT = 1000
_DEEPEST = 40


class Expression:
    """A compiled expression: call it with a scope (names to values) to get its value."""

    __slots__ = ("_evaluate", "names", "spans", "start", "text")

    def __init__(
        self, text: str, spans: Mapping[str, Span], evaluate: Evaluate, start: int = 0
    ) -> None:
        self.text = text
        self.start = start
        self.spans = spans
        self.names = frozenset(spans)
        self._evaluate = evaluate

    @classmethod
    def of(cls, value: Any) -> Expression:
        """The expression that always has this value."""
        return cls(str(value), {}, constant(value))

    @property
    def is_constant(self) -> bool:
        return not self.names

    def __call__(self, scope: Scope) -> Any:
        return self._evaluate(scope)

    def holds(self, scope: Scope) -> bool:
        """The value as a condition."""
        return truth(self._evaluate(scope), self.text, (self.start, len(self.text)))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class Call:
    """A leaf of a spec: a name and its arguments, ``Linear(hidden_size, 4 * hidden_size)``."""

    __slots__ = ("arguments", "keywords", "name", "names", "span", "spans")

    def __init__(
        self, name: str, span: Span, arguments: list[Expression], keywords: dict[str, Expression]
    ) -> None:
        self.name = name
        self.span = span
        self.arguments = tuple(arguments)
        self.keywords = keywords
        self.spans: dict[str, Span] = {}
        for part in (*arguments, *keywords.values()):
            self.spans = {**part.spans, **self.spans}
        self.names = frozenset(self.spans)

    def evaluate(self, scope: Scope) -> tuple[list[Any], dict[str, Any]]:
        """Values of the positional and of the named arguments."""
        return (
            [argument(scope) for argument in self.arguments],
            {name: argument(scope) for name, argument in self.keywords.items()},
        )


@lru_cache(maxsize=4096)
def parse(text: str, *, allow_text: bool = False, offset: int = 0) -> Expression:
    """Compile ``text``; raise `ParamcalcError` with the span of what is not allowed.

    ``allow_text``: the whole expression may be a string (a default such as ``'full'``).
    ``offset``: where the text begins in the one that spans are counted in.
    """
    return _expression(text, _tree(text, offset), offset, allow_text=allow_text)


def stated(value: Any) -> Expression:
    """What stands in a data file: a text is an expression, anything else a value.

    >>> stated("K // 32")({"K": 64}), stated(None)({})
    (2, None)
    """
    return parse(value, allow_text=True) if isinstance(value, str) else Expression.of(value)


@lru_cache(maxsize=4096)
def parse_call(text: str) -> Call:
    """Compile a leaf such as ``Conv2d(3, 16, kernel_size=3)``."""
    node = _tree(text, 0)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ParamcalcError(
            f"expected a layer such as `Linear(in, out)`, found `{shorten(text)}`",
            "a leaf is one call; write a size as `Parameter(size)`",
        )
    arguments = [_expression(text, part, 0, allow_text=True) for part in node.args]
    keywords: dict[str, Expression] = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise refuse(keyword, "`**`")
        if keyword.arg in keywords:
            message = f"the argument `{shorten(keyword.arg)}` is given twice"
            raise ParamcalcError(message, span=span_of(keyword))
        keywords[keyword.arg] = _expression(text, keyword.value, 0, allow_text=True)
    return Call(node.func.id, (node.func.col_offset, len(node.func.id)), arguments, keywords)


_BLANKS = str.maketrans("\t\n\r", "   ")


def _tree(text: str, offset: int) -> ast.expr:
    """The syntax tree, with columns that count from ``offset``."""
    text = text.translate(_BLANKS)
    _check_text(text, offset)
    start = offset + len(text) - len(text.lstrip())
    text = text.strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise _unreadable(text, start, (error.offset or 1) - 1) from None
    except (ValueError, RecursionError, MemoryError):
        raise _unreadable(text, start, 0) from None
    if start:
        _shift(tree, start)
    return tree


def _unreadable(text: str, start: int, at: int) -> ParamcalcError:
    """The error for what is no expression; at its very beginning or end Python knows no place."""
    hint = "it is written as in Python: `4 * hidden_size`, `a if b else c`"
    if text.count("(") != text.count(")"):
        hint = "close each bracket; between YAML's own `[ ]` or `{ }` write a call in quotes"
    span = (start + at, 1) if 0 < at < len(text) else (start, len(text))
    return ParamcalcError(f"cannot read the expression `{shorten(text)}`", hint, span=span)


def _shift(tree: ast.expr, columns: int) -> None:
    for node in ast.walk(tree):
        if isinstance(node, (ast.expr, ast.keyword)):
            node.col_offset += columns
            node.end_col_offset = (node.end_col_offset or 0) + columns


# Compiled when first used: most expressions are short and have no texts.
_TEXTS = r"'[^']*'|\"[^\"]*\""
_NOT_ASCII = re.compile(r"[^ -~]|\\")
# A number that runs into a word, which Python's parser would warn about.
_NOT_PLAIN = re.compile(r"(?<!\w)\d[\d_.]*+(?:[eE][+-]?\d[\d_]*+)?+[A-Za-z]")
_DEEPENS = r"\bnot\b|[-+~]\s*(?=[-+~])"


def _check_text(text: str, offset: int) -> None:
    if len(text) > _LONGEST_TEXT:
        raise ParamcalcError(f"an expression is longer than {_LONGEST_TEXT:,} characters")
    if not text.strip():
        raise ParamcalcError("an expression is empty", "write a size, such as `4 * hidden_size`")
    bare = text
    if "'" in text or '"' in text:
        bare = re.sub(_TEXTS, lambda found: "'" * len(found.group()), text)
    if found := _NOT_ASCII.search(text) or _NOT_PLAIN.search(bare):
        raise ParamcalcError(
            f"cannot read `{shorten(found.group())}` in an expression",
            "sizes are plain decimal whole numbers",
            span=(offset + found.start(), len(found.group())),
        )
    if len(bare) > _DEEPEST and (_depth(bare) > _DEEPEST or _signs(bare) > _DEEPEST):
        raise ParamcalcError(
            f"an expression is nested more than {_DEEPEST} deep", "name its parts under `let:`"
        )


def _depth(text: str) -> int:
    """How deep brackets nest in a text."""
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _signs(text: str) -> int:
    """How many `not` and signs stand in front of others."""
    return len(re.findall(_DEEPENS, text))


def _expression(text: str, node: ast.expr, offset: int, *, allow_text: bool) -> Expression:
    shown = text[node.col_offset - offset : (node.end_col_offset or 0) - offset]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and allow_text:
        return Expression(shown, {}, constant(node.value), node.col_offset)
    compiler = Compiler()
    try:
        evaluate = compiler(node)
    except RecursionError:
        raise ParamcalcError("an expression is nested too deep") from None
    return Expression(shown, compiler.spans, evaluate, node.col_offset)
